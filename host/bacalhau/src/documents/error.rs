//! What is wrong with a document: every field of it, not only the first.

use super::path::Path;
use std::fmt;

/// Most problems that are named; what has more is another kind of file.
const PROBLEMS_MAX: usize = 100;

/// A field that can't be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `Tasks[0].InputSources[1].Source.Type`; empty is the whole document.
    pub path: String,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}", self.path, self.message)
    }
}

/// Why a document is no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is too large.
    #[error("the document has {0} bytes, the most is {max}; give large inputs by address", max = super::DOCUMENT_BYTES_MAX)]
    TooLarge(usize),
    /// It is neither YAML nor JSON.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What was found there.
        reason: String,
    },
    /// Fields of it are wrong; at least one.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
}

impl DocumentError {
    /// The fields that are wrong; empty when it could not even be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problems(problems) => problems,
            Self::TooLarge(_) | Self::Syntax { .. } => &[],
        }
    }

    pub(crate) fn of_whole(message: impl Into<String>) -> Self {
        Self::Problems(vec![Problem { path: String::new(), message: message.into() }])
    }
}

fn list(problems: &[Problem]) -> String {
    if let [only] = problems {
        return only.to_string();
    }
    let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    format!("{} fields can't be as they are:{lines}", problems.len())
}

/// Collects what is found wrong and what is left out while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Findings {
    pub(crate) fn problem(&mut self, path: &Path<'_>, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { path: path.to_string(), message: message.into() });
        }
    }

    pub(crate) fn warn(&mut self, path: &Path<'_>, message: impl fmt::Display) {
        if self.warnings.len() < PROBLEMS_MAX {
            self.warnings.push(format!("{path}: {message}"));
        }
    }

    /// The warnings, when nothing is wrong.
    pub(crate) fn finish(self) -> Result<Vec<String>, DocumentError> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(DocumentError::Problems(self.problems)) }
    }
}
