//! A speech bubble around a text: wrapping, padding, borders.
//!
//! Widths are terminal columns, not bytes or characters, so that the border stays straight in every script.
//! Control characters never get through: a message is data from a stranger and ends up in people's terminals.

use std::iter;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The widest bubble that is still readable.
pub(crate) const WIDTH_MAX: u32 = 200;

/// The tallest bubble; a longer text is a file, not something to say.
pub(crate) const LINES_MAX: usize = 100;

/// Why there is no bubble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BubbleError {
    #[error("a width of {width} is not possible; give one from 2 to {WIDTH_MAX} columns")]
    Width { width: u32 },
    #[error("it needs more than {LINES_MAX} lines; shorten the message or give a larger width")]
    TooManyLines,
}

/// The bubble's lines, each ended by a line break.
pub(crate) fn around(text: &str, width: u32) -> Result<String, BubbleError> {
    // A wide character needs two columns, so nothing narrower can hold every text.
    if !(2..=WIDTH_MAX).contains(&width) {
        return Err(BubbleError::Width { width });
    }
    let lines = wrap(text, usize::try_from(width).unwrap_or(usize::MAX))?;
    let columns = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let last = lines.len() - 1;

    let mut bubble = format!(" {}\n", "_".repeat(columns + 2));
    for (index, line) in lines.iter().enumerate() {
        let (left, right) = match (index, last) {
            (0, 0) => ('<', '>'),
            (0, _) => ('/', '\\'),
            _ if index == last => ('\\', '/'),
            _ => ('|', '|'),
        };
        let padding = " ".repeat(columns - line.width());
        bubble.push_str(&format!("{left} {line}{padding} {right}\n"));
    }
    bubble.push_str(&format!(" {}\n", "-".repeat(columns + 2)));
    Ok(bubble)
}

/// Breaks a text into lines of at most `width` columns: at its own line breaks, then between words, then in words.
///
/// There is always at least one line.
fn wrap(text: &str, width: usize) -> Result<Vec<String>, BubbleError> {
    let mut lines = Vec::new();
    for paragraph in text.trim_end().split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            for piece in pieces(word, width) {
                if !line.is_empty() && line.width() + 1 + piece.width() > width {
                    end_line(&mut lines, std::mem::take(&mut line))?;
                } else if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&piece);
            }
        }
        end_line(&mut lines, line)?;
    }
    Ok(lines)
}

fn end_line(lines: &mut Vec<String>, line: String) -> Result<(), BubbleError> {
    if lines.len() == LINES_MAX {
        return Err(BubbleError::TooManyLines);
    }
    lines.push(line);
    Ok(())
}

/// A word in pieces of at most `width` columns; each but the last fills its line, so no space gets between them.
fn pieces(word: &str, width: usize) -> impl Iterator<Item = String> {
    let mut rest = word.chars().map(visible).peekable();
    iter::from_fn(move || {
        let mut piece = String::new();
        // Widths of sequences differ from the sum of their characters' (emoji), so the whole piece is measured.
        while let Some(&next) = rest.peek() {
            let mut longer = piece.clone();
            longer.push(next);
            let joins = next.width() == Some(0); // an accent stays with its letter
            if !piece.is_empty() && !joins && longer.width() > width {
                break;
            }
            piece = longer;
            rest.next();
        }
        (!piece.is_empty()).then_some(piece)
    })
}

/// The character itself, or a replacement when a terminal would obey it instead of showing it.
fn visible(character: char) -> char {
    let steers_direction = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || steers_direction { '\u{fffd}' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: usize) -> Vec<String> {
        wrap(text, width).unwrap()
    }

    #[test]
    fn borders_follow_the_number_of_lines() {
        assert_eq!(around("moo", 40).unwrap(), " _____\n< moo >\n -----\n");
        assert_eq!(around("a b", 2).unwrap(), " ___\n/ a \\\n\\ b /\n ---\n");
        assert_eq!(around("a b c", 2).unwrap(), " ___\n/ a \\\n| b |\n\\ c /\n ---\n");
    }

    #[test]
    fn an_empty_message_is_a_small_bubble() {
        assert_eq!(around("", 40).unwrap(), " __\n<  >\n --\n");
        assert_eq!(around(" \n\t", 40).unwrap(), " __\n<  >\n --\n");
    }

    #[test]
    fn words_wrap_at_the_width() {
        let text = "the quick brown fox jumps over the lazy dog and then rests";
        assert_eq!(wrapped(text, 40), ["the quick brown fox jumps over the lazy", "dog and then rests"]);
        assert_eq!(wrapped("ab cd", 5), ["ab cd"]);
        assert_eq!(wrapped("ab cd", 4), ["ab", "cd"]);
        assert_eq!(wrapped("one\ntwo\n\nthree", 40), ["one", "two", "", "three"]);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("x abcdefgh y", 4), ["x", "abcd", "efgh", "y"]);
        assert_eq!(wrapped("abcdef g", 4), ["abcd", "ef g"]);
    }

    #[test]
    fn columns_are_counted_not_bytes() {
        assert_eq!(wrapped("grüße über flüsse", 10), ["grüße über", "flüsse"]);
        assert_eq!(wrapped("日本語のテキスト", 7), ["日本語", "のテキ", "スト"]);
        let bubble = around("日本 e\u{301}a 🐄", 40).unwrap();
        let widths: Vec<_> = bubble.lines().skip(1).take(1).map(UnicodeWidthStr::width).collect();
        assert_eq!(widths, [bubble.lines().next().unwrap().width() + 1]);
    }

    #[test]
    fn an_accent_stays_with_its_letter() {
        assert_eq!(wrapped("abe\u{301}d", 3), ["abe\u{301}", "d"]);
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        let text = "ﷺ 👩‍👩‍👧 Ω≈ç√∫ 한국어텍스트 e\u{301}e\u{301}e\u{301} supercalifragilistic 🇩🇪🇫🇷🇮🇹 ⌚️";
        for width in 2..60 {
            for line in wrapped(text, width) {
                // One character can be wider than the narrowest bubble; it then stands alone.
                assert!(line.width() <= width || line.chars().count() == 1, "{width}: {line:?}");
            }
        }
    }

    #[test]
    fn a_terminal_is_never_steered() {
        let bubble = around("red \u{1b}[31m and \u{202e}back\u{7}", 40).unwrap();
        assert!(!bubble.contains(['\u{1b}', '\u{202e}', '\u{7}']));
        assert!(bubble.contains("red \u{fffd}[31m and \u{fffd}back\u{fffd}"));
    }

    #[test]
    fn limits_are_errors_that_say_what_to_do() {
        assert_eq!(around("a", 1), Err(BubbleError::Width { width: 1 }));
        assert_eq!(around("a", 201), Err(BubbleError::Width { width: 201 }));
        assert!(around(&"a\n".repeat(LINES_MAX), 40).is_ok());
        assert_eq!(around(&"a\n".repeat(LINES_MAX + 1), 40), Err(BubbleError::TooManyLines));
        assert_eq!(around(&"abc".repeat(1000), 2), Err(BubbleError::TooManyLines));
    }
}
