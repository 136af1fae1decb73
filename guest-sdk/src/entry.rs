//! What `#[lilypad_guest::main]` calls: read the input, run the job, print its answer, choose the exit code.
//!
//! Exit codes: 0 the job succeeded, 1 the job's own error, 2 its input could not be used.
//! A panic is neither: it ends in a trap, and the outcome says so.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::input;

/// Exit code of a job that returned an error.
pub const EXIT_JOB_FAILED: u8 = 1;

/// Exit code of a job whose input could not be used; nothing of the job has run.
pub const EXIT_BAD_INPUT: u8 = 2;

/// What an entry point may return: nothing, or a `Result` of something that serde can print.
#[diagnostic::on_unimplemented(
    message = "a job can't return `{Self}`",
    note = "return nothing, or Result<O, E> with O: serde::Serialize and E: Into<Box<dyn std::error::Error>>"
)]
pub trait Answer {
    /// The line for stdout, if there is one.
    ///
    /// # Errors
    ///
    /// The job's own error, or that its answer has no JSON form.
    fn into_line(self) -> Result<Option<String>, Box<dyn Error>>;
}

impl Answer for () {
    fn into_line(self) -> Result<Option<String>, Box<dyn Error>> {
        Ok(None)
    }
}

impl<O: Serialize, E: Into<Box<dyn Error>>> Answer for Result<O, E> {
    fn into_line(self) -> Result<Option<String>, Box<dyn Error>> {
        let value = self.map_err(Into::into)?;
        let line = serde_json::to_string(&value)?;
        // `()` has nothing to say, and a job that returns it has usually printed its own text.
        Ok((line != "null").then_some(line))
    }
}

/// Runs a job that takes a typed input from stdin.
pub fn run<I: DeserializeOwned, A: Answer>(job: impl FnOnce(I) -> A) -> ExitCode {
    match input::from_stdin() {
        Ok(input) => finish(job(input)),
        Err(error) => fail(&error, EXIT_BAD_INPUT),
    }
}

/// Runs a job that takes no typed input; stdin is left for it to read.
pub fn run_without_input<A: Answer>(job: impl FnOnce() -> A) -> ExitCode {
    finish(job())
}

fn finish(answer: impl Answer) -> ExitCode {
    let printed = answer.into_line().and_then(|line| {
        let mut stdout = io::stdout().lock();
        if let Some(line) = line {
            writeln!(stdout, "{line}")?;
        }
        Ok(stdout.flush()?)
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref(), EXIT_JOB_FAILED),
    }
}

fn fail(error: &dyn Error, code: u8) -> ExitCode {
    eprintln!("error: {}", chain(error));
    ExitCode::from(code)
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("page can't be read")]
    struct PageError(#[source] io::Error);

    #[test]
    fn a_unit_prints_nothing_and_a_value_prints_json() {
        assert_eq!(().into_line().unwrap(), None);
        assert_eq!(Ok::<_, String>(()).into_line().unwrap(), None);
        assert_eq!(Ok::<_, String>(vec![1, 2]).into_line().unwrap().as_deref(), Some("[1,2]"));
    }

    #[test]
    fn every_usual_error_type_is_an_answer() {
        assert_eq!(Err::<(), _>("too old").into_line().unwrap_err().to_string(), "too old");
        assert_eq!(Err::<(), _>(String::from("x")).into_line().unwrap_err().to_string(), "x");
        let boxed: Result<(), Box<dyn Error>> = Err("boxed".into());
        assert_eq!(boxed.into_line().unwrap_err().to_string(), "boxed");
    }

    #[test]
    fn an_error_is_printed_with_its_causes() {
        let error = PageError(io::Error::other("disk is gone"));
        assert_eq!(chain(&error), "page can't be read: disk is gone");
    }
}
