//! Tokens into a tree: text, values to write, and blocks.

use super::{
    TemplateError,
    lex::{Kind, Piece, Token},
};

/// Deepest nesting of blocks and brackets.
const DEPTH_MAX: usize = 32;

/// A part of a template.
#[derive(Debug)]
pub(super) enum Part<'t> {
    Text(&'t str),
    /// Writes a value, unless it is given to a variable.
    Write(Pipeline),
    /// `if`, `with` or `range`: what it asks, what it does, and what it does otherwise.
    Block(Block, Pipeline, Vec<Part<'t>>, Vec<Part<'t>>),
}

/// A kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    If,
    With,
    Range,
}

/// Commands, each of which is given the value of the one before.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) line: usize,
    /// Variables that get the value; `range` takes two.
    pub(super) variables: Vec<String>,
    /// Whether they are new.
    pub(super) declares: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A value, or something that has one.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Function(String),
    Fields(Vec<String>),
    Variable(String, Vec<String>),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Group(Box<Pipeline>),
}

/// What ended a list of parts.
#[derive(Debug, PartialEq)]
enum Ending {
    Template,
    End,
    Else,
    /// `else if …` or `else with …`: the rest is a block of its own.
    ElseBlock(Block, Vec<Token>, usize),
}

/// The tree of a template.
pub(super) fn parse(pieces: Vec<Piece<'_>>) -> Result<Vec<Part<'_>>, TemplateError> {
    let mut parser = Parser { pieces: pieces.into_iter(), last_line: 1 };
    let (parts, ending, line) = parser.parts(0)?;
    match ending {
        Ending::Template => Ok(parts),
        Ending::End => Err(TemplateError::at(line, "this {{end}} ends nothing")),
        Ending::Else | Ending::ElseBlock(..) => {
            Err(TemplateError::at(line, "this {{else}} belongs to nothing"))
        }
    }
}

struct Parser<'t> {
    pieces: std::vec::IntoIter<Piece<'t>>,
    last_line: usize,
}

impl<'t> Parser<'t> {
    fn parts(&mut self, depth: usize) -> Result<(Vec<Part<'t>>, Ending, usize), TemplateError> {
        let mut parts = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (tokens, line) = match piece {
                Piece::Text(text) => {
                    parts.push(Part::Text(text));
                    continue;
                }
                Piece::Action(tokens, line) => (tokens, line),
            };
            self.last_line = line;
            let first = match tokens.first().map(|token| &token.kind) {
                Some(Kind::Name(name)) => name.as_str(),
                _ => "",
            };
            match first {
                "if" => parts.push(self.block(Block::If, &tokens[1..], line, depth)?),
                "with" => parts.push(self.block(Block::With, &tokens[1..], line, depth)?),
                "range" => parts.push(self.block(Block::Range, &tokens[1..], line, depth)?),
                "end" if tokens.len() == 1 => return Ok((parts, Ending::End, line)),
                "else" if tokens.len() == 1 => return Ok((parts, Ending::Else, line)),
                "else" => match &tokens[1].kind {
                    Kind::Name(name) if name == "if" => {
                        return Ok((parts, Ending::ElseBlock(Block::If, tokens[2..].to_vec(), line), line));
                    }
                    Kind::Name(name) if name == "with" => {
                        return Ok((parts, Ending::ElseBlock(Block::With, tokens[2..].to_vec(), line), line));
                    }
                    _ => return Err(TemplateError::at(line, "else stands alone, or before if or with")),
                },
                "define" | "template" | "block" | "break" | "continue" | "end" => {
                    return Err(TemplateError::at(
                        line,
                        format!("{{{{{first} …}}}} is not supported in modules"),
                    ));
                }
                _ => {
                    let pipeline = pipeline(&tokens, line, 1)?;
                    if pipeline.variables.len() > 1 {
                        return Err(TemplateError::at(line, "two variables at once are for range only"));
                    }
                    parts.push(Part::Write(pipeline));
                }
            }
        }
        Ok((parts, Ending::Template, self.last_line))
    }

    fn block(
        &mut self,
        kind: Block,
        tokens: &[Token],
        line: usize,
        depth: usize,
    ) -> Result<Part<'t>, TemplateError> {
        if depth >= DEPTH_MAX {
            return Err(TemplateError::at(line, format!("more than {DEPTH_MAX} blocks within one another")));
        }
        let question = pipeline(tokens, line, if kind == Block::Range { 2 } else { 1 })?;
        let (then, ending, _) = self.parts(depth + 1)?;
        let unended = || TemplateError::at(line, "this block has no {{end}}");
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else => match self.parts(depth + 1)? {
                (parts, Ending::End, _) => parts,
                (_, Ending::Template, _) => return Err(unended()),
                (_, _, line) => return Err(TemplateError::at(line, "a second {{else}} in one block")),
            },
            Ending::ElseBlock(other, _, line) if other != kind => {
                return Err(TemplateError::at(line, "else if continues an if, and else with a with"));
            }
            Ending::ElseBlock(_, tokens, line) => vec![self.block(kind, &tokens, line, depth + 1)?],
            Ending::Template => return Err(unended()),
        };
        Ok(Part::Block(kind, question, then, otherwise))
    }
}

/// The pipeline of an action, with up to so many variables before it.
fn pipeline(tokens: &[Token], line: usize, variables_max: usize) -> Result<Pipeline, TemplateError> {
    let (variables, declares, rest) = variables(tokens);
    if variables.len() > variables_max {
        return Err(TemplateError::at(line, "too many variables before this value"));
    }
    let mut reader = Commands { tokens: rest, line };
    let mut pipeline = reader.pipeline(0)?;
    if let Some(token) = reader.tokens.first() {
        return Err(TemplateError::at(token.line, "this ) closes nothing"));
    }
    (pipeline.variables, pipeline.declares) = (variables, declares);
    Ok(pipeline)
}

/// The variables that a pipeline is given to, if any: `$a :=`, `$a =`, `$a, $b :=`.
fn variables(tokens: &[Token]) -> (Vec<String>, bool, &[Token]) {
    let mut names = Vec::new();
    let mut rest = tokens;
    while let [Token { kind: Kind::Variable(name, fields), .. }, then, after @ ..] = rest
        && fields.is_empty()
        && !name.is_empty()
    {
        names.push(name.clone());
        match then.kind {
            Kind::Comma => rest = after,
            Kind::Declare => return (names, true, after),
            Kind::Assign => return (names, false, after),
            _ => break,
        }
    }
    (Vec::new(), false, tokens)
}

struct Commands<'a> {
    tokens: &'a [Token],
    line: usize,
}

impl Commands<'_> {
    /// Commands up to the end, or to the bracket that closes them, which stays unread.
    fn pipeline(&mut self, depth: usize) -> Result<Pipeline, TemplateError> {
        let line = self.tokens.first().map_or(self.line, |token| token.line);
        if depth > DEPTH_MAX {
            return Err(TemplateError::at(
                line,
                format!("more than {DEPTH_MAX} brackets within one another"),
            ));
        }
        let mut commands = Vec::new();
        let mut command = Vec::new();
        loop {
            let next = self.tokens.first();
            if matches!(next.map(|token| &token.kind), None | Some(Kind::Close | Kind::Pipe)) {
                if command.is_empty() {
                    return Err(TemplateError::at(line, "a value is missing here"));
                }
                commands.push(std::mem::take(&mut command));
                if next.is_some_and(|token| token.kind == Kind::Pipe) {
                    self.tokens = &self.tokens[1..];
                    continue;
                }
                return Ok(Pipeline { line, variables: Vec::new(), declares: false, commands });
            }
            command.push(self.operand(depth)?);
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Operand, TemplateError> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err(TemplateError::at(self.line, "a value is missing here"));
        };
        self.tokens = rest;
        Ok(match &token.kind {
            Kind::Name(name) => Operand::Function(name.clone()),
            Kind::Fields(names) => Operand::Fields(names.clone()),
            Kind::Variable(name, fields) => Operand::Variable(name.clone(), fields.clone()),
            Kind::Text(text) => Operand::Text(text.clone()),
            Kind::Int(value) => Operand::Int(*value),
            Kind::Float(value) => Operand::Float(*value),
            Kind::Bool(value) => Operand::Bool(*value),
            Kind::Nil => Operand::Nil,
            Kind::Open => {
                let group = self.pipeline(depth + 1)?;
                match self.tokens.split_first() {
                    Some((Token { kind: Kind::Close, .. }, rest)) => self.tokens = rest,
                    _ => return Err(TemplateError::at(token.line, "this ( has no )")),
                }
                Operand::Group(Box::new(group))
            }
            Kind::Comma | Kind::Declare | Kind::Assign | Kind::Pipe | Kind::Close => {
                return Err(TemplateError::at(token.line, "a value is missing here"));
            }
        })
    }
}
