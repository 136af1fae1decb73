//! A cow says a message: on stdout for people, and in the journal for a smart contract.
//!
//! The smallest real module: one typed input, one answer, no files.

mod bubble;

use std::io::{self, Write};

use lilypad_guest::journal::{self, JournalError};
use serde::Deserialize;

use crate::bubble::BubbleError;

/// Columns of text in the bubble when the input names no width.
const WIDTH_DEFAULT: u32 = 40;

/// Her tail is to the right, so that nobody takes her for another cow.
const COW: &str = r#"
    \
     \    n__n
      \  ( o o )__________
          \ v /           )~~*
           '-'  )  ____  (
                || |  || ||
                ^^ ^  ^^ ^^
"#;

/// What the job is asked to say.
#[derive(Debug, Deserialize)]
struct Input {
    /// The text; line breaks in it are kept.
    message: String,
    /// Columns of text in the bubble, at most.
    width: Option<u32>,
}

#[derive(Debug, thiserror::Error)]
enum CowsayError {
    #[error("the message does not fit a bubble")]
    Bubble(#[source] BubbleError),
    #[error("the picture does not fit the journal")]
    Journal(#[source] JournalError),
    #[error("stdout can't be written")]
    Stdout(#[source] io::Error),
}

#[lilypad_guest::main]
fn cowsay(input: Input) -> Result<(), CowsayError> {
    let mut picture =
        bubble::around(&input.message, input.width.unwrap_or(WIDTH_DEFAULT)).map_err(CowsayError::Bubble)?;
    picture.push_str(COW.trim_start_matches('\n'));
    journal::write(picture.as_bytes()).map_err(CowsayError::Journal)?;
    io::stdout().write_all(picture.as_bytes()).map_err(CowsayError::Stdout)
}

#[cfg(test)]
mod tests {
    use lilypad_guest::{input, testing::World};

    use super::*;

    fn say(json: &str) -> Result<String, String> {
        let input: Input = input::parse(json.as_bytes()).map_err(|error| error.to_string())?;
        let run = World::new().unwrap().run(|| cowsay(input)).unwrap();
        assert!(run.outputs.is_empty(), "the cow writes no files");
        let journal = String::from_utf8(run.journal).unwrap();
        run.answer.map(|()| journal).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn the_journal_holds_the_picture() {
        let picture = say(r#"{"message": "hello"}"#).unwrap();
        assert_eq!(picture, format!(" _______\n< hello >\n -------\n{}", &COW[1..]));
    }

    #[test]
    fn a_message_is_required() {
        let error = say("").unwrap_err();
        assert_eq!(
            error,
            "the input does not fit: missing field `message`; \
             this module takes a JSON object with: message, width"
        );
    }

    #[test]
    fn an_impossible_bubble_is_the_jobs_own_error() {
        assert!(say(r#"{"message": "hello", "width": 0}"#).unwrap_err().contains("Width"));
    }

    #[test]
    fn a_picture_larger_than_the_journal_is_an_error() {
        let message = "moo ".repeat(900);
        assert!(say(&format!(r#"{{"message": "{message}"}}"#)).unwrap_err().contains("Full"));
    }
}
