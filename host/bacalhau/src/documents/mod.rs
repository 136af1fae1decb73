//! Bacalhau's job documents, v1 and v2, as one value: a [`Plan`].
//!
//! Keys are read in any case, as Go reads them. Every field is either understood, left out with a warning, or named in
//! an error; none is ignored in silence. The README says which.

mod engine;
mod error;
mod fields;
mod inline;
mod into_job;
mod needs;
mod node;
mod path;
mod plan;
mod quantity;
mod source;
mod v1;
mod v1_storage;
mod v2;
mod yaml;

pub use error::{DocumentError, Problem};
pub use inline::{Unpacked, unpack};
pub use into_job::to_job;
pub use plan::{Engine, Input, Network, Output, Plan, Resources, Source};

use crate::model::Job;
pub(crate) use error::Findings;
pub(crate) use fields::{Fields, folds_to};
pub(crate) use node::Node;
pub(crate) use path::Path;
pub(crate) use v1::read as read_v1;

/// Most bytes of a document. Modules and folders inline are the bulk of it.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// What a document asks for, YAML or JSON, v1 or v2.
///
/// # Errors
/// When it can't be read, and when fields of it can't be as they are: all of them are named.
pub fn parse(document: &[u8]) -> Result<Plan, DocumentError> {
    plan_of(&tree(document)?)
}

/// What a v2 job asks for, such as one that a client submits.
///
/// Fields that [`Job`] doesn't know are gone by then; [`parse_value`] names them.
///
/// # Errors
/// As [`parse`].
pub fn from_job(job: &Job) -> Result<Plan, DocumentError> {
    let value = serde_json::to_value(job).map_err(|error| DocumentError::of_whole(error.to_string()))?;
    parse_value(value)
}

/// What a document asks for that was read as JSON before, such as the `Job` of a submission.
///
/// # Errors
/// As [`parse`].
pub fn parse_value(document: serde_json::Value) -> Result<Plan, DocumentError> {
    let node =
        serde_json::from_value(document).map_err(|error| DocumentError::of_whole(error.to_string()))?;
    plan_of(&node)
}

/// The document as a tree.
pub(crate) fn tree(document: &[u8]) -> Result<Node, DocumentError> {
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(DocumentError::TooLarge(document.len()));
    }
    let text = std::str::from_utf8(document).map_err(|error| DocumentError::Syntax {
        line: 1 + document[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count(),
        reason: "this is not UTF-8 text".to_owned(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON is nearly YAML, but read faster, and its escapes are its own. What only looks like it is YAML.
    if !text.trim_start().starts_with('{') {
        return yaml::read(text);
    }
    match serde_json::from_str(text) {
        Ok(node) => Ok(node),
        Err(error) => yaml::read(text)
            .map_err(|_| DocumentError::Syntax { line: error.line(), reason: error.to_string() }),
    }
}

fn plan_of(node: &Node) -> Result<Plan, DocumentError> {
    let Node::Fields(entries) = node else {
        return Err(DocumentError::of_whole(match node {
            Node::Null => "the document is empty; a job begins with Name, Type and Tasks",
            _ => "the document is no job; a job begins with Name, Type and Tasks",
        }));
    };
    let has = |names: &[&str]| entries.iter().any(|(key, _)| names.iter().any(|name| folds_to(key, name)));
    if has(&["Tasks", "Type"]) {
        v2::read(node)
    } else if has(&["engine_name", "job_spec_docker", "verifier_name", "job_spec_language"]) {
        Err(DocumentError::of_whole(
            "this is a document of Bacalhau before 0.3, which nothing reads any more; write it with APIVersion and Spec \
             (v1), or with Type and Tasks (v2)",
        ))
    } else if has(&["APIVersion", "Spec"]) {
        v1::read(node, &Path::Root)
    } else {
        Err(DocumentError::of_whole(
            "neither Tasks (a v2 job) nor Spec (a v1 job) is here; a job begins with Name, Type and Tasks",
        ))
    }
}

#[cfg(test)]
mod tests;
