//! A job with its data at hand: the JobSpec, and the bytes that its CIDs name.
//!
//! Whoever builds one has checked the bytes against the CIDs; nothing here fetches.

use crate::tree::Folder;
use lilypad_abi::JobSpec;
use std::collections::BTreeMap;

/// Everything an execution needs.
#[derive(Debug, Clone)]
pub struct ResolvedJob {
    /// The effective job.
    pub spec: JobSpec,
    /// The module's bytes.
    pub module: Vec<u8>,
    /// The input folders, by guest path, as in `spec.inputs`.
    pub inputs: BTreeMap<String, Folder>,
    /// Standard input.
    pub stdin: Vec<u8>,
}
