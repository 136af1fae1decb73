//! A template as text and actions, and actions as tokens, each with its line.

use super::TemplateError;

/// A piece of a template.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'t> {
    /// Text that stands as it is.
    Text(&'t str),
    /// What stands between `{{` and `}}`.
    Action(Vec<Token>, usize),
}

/// A token and its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A function or keyword.
    Name(String),
    /// `.`, or `.A.B`: the names after the points.
    Fields(Vec<String>),
    /// `$`, `$x`, or `$x.A`: the variable without `$`, and the names after the points.
    Variable(String, Vec<String>),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Pipe,
    Open,
    Close,
    Comma,
    Declare,
    Assign,
}

/// Cuts a template into pieces. Comments are dropped, and the space that trim markers (`{{-`, `-}}`) ask to drop.
pub(super) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut rest, mut line, mut trims_next) = (template, 1, false);
    while let Some(start) = rest.find("{{") {
        let (mut text, inside) = (&rest[..start], &rest[start + 2..]);
        let action_line = line + newlines(text);
        let (inside, trims) = match inside.strip_prefix('-') {
            Some(more) if more.starts_with(is_space) => (more, true),
            _ => (inside, false),
        };
        if trims_next {
            text = text.trim_start_matches(is_space);
        }
        if trims {
            text = text.trim_end_matches(is_space);
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let after = if inside.trim_start_matches(is_space).starts_with("/*") {
            comment(inside, action_line)?
        } else {
            let mut lexer = Lexer { rest: inside, line: action_line };
            let tokens = lexer.action()?;
            pieces.push(Piece::Action(tokens, action_line));
            lexer.rest
        };
        let end = after.trim_start_matches(is_space);
        let (after, trims_after) = match (end.strip_prefix("-}}"), end.strip_prefix("}}")) {
            (Some(after), _) => (after, true),
            (None, Some(after)) => (after, false),
            (None, None) => return Err(TemplateError::at(action_line, "this {{ has no }}")),
        };
        trims_next = trims_after;
        line += newlines(&rest[..rest.len() - after.len()]);
        rest = after;
    }
    if trims_next {
        rest = rest.trim_start_matches(is_space);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// What follows a comment.
fn comment(inside: &str, line: usize) -> Result<&str, TemplateError> {
    match inside.find("*/") {
        Some(end) => Ok(&inside[end + 2..]),
        None => Err(TemplateError::at(line, "this comment has no */")),
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Lexer<'t> {
    /// The tokens up to the end of the action, which stays unread.
    fn action(&mut self) -> Result<Vec<Token>, TemplateError> {
        let mut tokens = Vec::new();
        loop {
            let spaced = self.rest.starts_with(is_space);
            self.skip(self.rest.len() - self.rest.trim_start_matches(is_space).len());
            if self.rest.starts_with("}}") || (spaced && self.rest.starts_with("-}}")) {
                return Ok(tokens);
            }
            let line = self.line;
            let kind = self.token()?;
            tokens.push(Token { kind, line });
        }
    }

    fn skip(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += newlines(taken);
        self.rest = rest;
        taken
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::at(self.line, reason))
    }

    fn token(&mut self) -> Result<Kind, TemplateError> {
        let Some(first) = self.rest.chars().next() else {
            return self.error("the template ends within {{ }}");
        };
        let simple = match first {
            '|' => Some(Kind::Pipe),
            '(' => Some(Kind::Open),
            ')' => Some(Kind::Close),
            ',' => Some(Kind::Comma),
            '=' => Some(Kind::Assign),
            _ => None,
        };
        if let Some(kind) = simple {
            self.skip(1);
            return Ok(kind);
        }
        if self.rest.starts_with(":=") {
            self.skip(2);
            return Ok(Kind::Declare);
        }
        match first {
            '"' => self.quoted(),
            '`' => match self.rest[1..].find('`') {
                Some(end) => {
                    let raw = self.skip(end + 2);
                    Ok(Kind::Text(raw[1..=end].to_owned()))
                }
                None => self.error("this ` has no end"),
            },
            '.' if !self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.skip(1);
                Ok(Kind::Fields(self.names(true)))
            }
            '$' => {
                self.skip(1);
                let name = self.name();
                Ok(Kind::Variable(name, self.names(false)))
            }
            '0'..='9' | '+' | '-' | '.' => self.number(),
            c if c == '_' || c.is_alphabetic() => {
                let name = self.name();
                Ok(match name.as_str() {
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    "nil" => Kind::Nil,
                    _ => Kind::Name(name),
                })
            }
            other => self.error(format!("'{other}' means nothing here")),
        }
    }

    fn name(&mut self) -> String {
        let end = self.rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest.len());
        self.skip(end).to_owned()
    }

    /// The names after points; `begun` says that the first point is already read.
    fn names(&mut self, begun: bool) -> Vec<String> {
        let mut names = Vec::new();
        let mut at_name = begun;
        loop {
            if !at_name {
                match self.rest.strip_prefix('.') {
                    Some(more) if more.starts_with(|c: char| c == '_' || c.is_alphabetic()) => {
                        self.skip(1);
                    }
                    _ => return names,
                }
            }
            let name = self.name();
            if name.is_empty() {
                return names;
            }
            names.push(name);
            at_name = false;
        }
    }

    fn number(&mut self) -> Result<Kind, TemplateError> {
        let end = self
            .rest
            .char_indices()
            .find(|(index, c)| {
                !(c.is_ascii_alphanumeric()
                    || matches!(c, '.' | '_')
                    || (*index == 0 && matches!(c, '+' | '-')))
            })
            .map_or(self.rest.len(), |(index, _)| index);
        let text = self.skip(end);
        if let Ok(whole) = text.parse() {
            return Ok(Kind::Int(whole));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Kind::Float(value)),
            _ => self.error(format!("'{text}' is no number that is understood here")),
        }
    }

    /// A quoted text with Go's escapes.
    fn quoted(&mut self) -> Result<Kind, TemplateError> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.skip(index + 2);
                    return Ok(Kind::Text(text));
                }
                '\n' => return self.error("a text in \" ends on its line; use ` for several lines"),
                '\\' => {
                    let Some((_, escape)) = chars.next() else { break };
                    let code = match escape {
                        'a' => Some('\u{7}'),
                        'b' => Some('\u{8}'),
                        'f' => Some('\u{c}'),
                        'n' => Some('\n'),
                        'r' => Some('\r'),
                        't' => Some('\t'),
                        'v' => Some('\u{b}'),
                        '\\' | '"' => Some(escape),
                        'x' | 'u' | 'U' => {
                            let digits = match escape {
                                'x' => 2,
                                'u' => 4,
                                _ => 8,
                            };
                            let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                            let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits);
                            // Go's \x is a byte; beyond ASCII it would not be text by itself.
                            code.filter(|code| escape != 'x' || *code < 0x80).and_then(char::from_u32)
                        }
                        _ => None,
                    };
                    match code {
                        Some(code) => text.push(code),
                        None => {
                            return self.error(format!("\\{escape}… is no escape that is understood here"));
                        }
                    }
                }
                other => text.push(other),
            }
        }
        self.error("this \" has no end")
    }
}
