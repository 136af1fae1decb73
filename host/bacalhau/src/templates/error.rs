//! Why a template gives no plan.

use crate::documents::DocumentError;

/// Why a template gives no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is too large.
    #[error("the template has {0} bytes, the most is {max}", max = super::TEMPLATE_BYTES_MAX)]
    TooLarge(usize),
    /// Something in it can't be understood or done.
    #[error("line {line}: {reason}")]
    At {
        /// The line of the template, from 1.
        line: usize,
        /// What is wrong and what to do next.
        reason: String,
    },
    /// It needs an input that wasn't given.
    #[error("line {line}: the input '{name}' is missing; give it with -i {name}=…")]
    Missing {
        /// The line of the template, from 1.
        line: usize,
        /// The input.
        name: String,
    },
    /// What it gives is not JSON.
    #[error(
        "the filled template is not JSON: line {line}, column {column}: {reason}; an input within quotes needs \
         {{{{ .Name | js }}}} or {{{{ subst \"NAME=%s\" .Name }}}}"
    )]
    Json {
        /// The line of the filled template, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What was found there.
        reason: String,
    },
    /// What it gives is no module.
    #[error(transparent)]
    Module(DocumentError),
}

impl TemplateError {
    pub(super) fn at(line: usize, reason: impl Into<String>) -> Self {
        Self::At { line, reason: reason.into() }
    }
}
