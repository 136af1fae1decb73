//! From how a run ended to its Outcome and result folder: the same for every engine, or honest machines would disagree.
//! Pure.
//!
//! A job whose time is up has no words, no exit code and empty outputs, on every machine: what it had got to by then
//! differs from machine to machine, and honest ones would disagree. Its listener has heard it.

use super::ContainerError;
use lilypad_abi::{ContainerSpec, Outcome, Profile, Status};
use lilypad_runtime::{Execution, Folder, Node, unixfs::folder_cid};
use std::{collections::BTreeMap, time::Duration};

/// What a container has said, done and left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) status: Status,
    /// How long it ran.
    pub(crate) run: Duration,
    /// Its words, cut at the job's caps.
    pub(crate) stdout: Vec<u8>,
    /// The same of standard error.
    pub(crate) stderr: Vec<u8>,
    /// Its outputs by name; those that are missing are empty.
    pub(crate) outputs: BTreeMap<String, Folder>,
}

impl Ended {
    /// An end that leaves nothing.
    pub(crate) const fn without_words(status: Status, run: Duration) -> Self {
        Self { status, run, stdout: Vec::new(), stderr: Vec::new(), outputs: BTreeMap::new() }
    }

    /// The result. A job whose time is up has nothing to show, and costs all of its time.
    pub(crate) fn execution(mut self, spec: &ContainerSpec) -> Result<Execution, ContainerError> {
        let fault = |error: &dyn std::error::Error| ContainerError::Fault(error.to_string());
        let mut result = Folder::default();
        if let Status::Exited { code } = self.status {
            result.insert_file("exitCode", code.to_string().into_bytes());
        } else {
            self.stdout.clear();
            self.stderr.clear();
            // What is paid is what was agreed, not when the engine got round to killing.
            self.run = Duration::MAX;
        }
        result.insert_file("stdout", self.stdout);
        result.insert_file("stderr", self.stderr);
        for name in spec.outputs.keys() {
            let folder = self.outputs.remove(name).unwrap_or_default();
            result.entries.insert(name.clone(), Node::Folder(folder));
        }
        let outcome = Outcome {
            job: spec.cid().map_err(|error| fault(&error))?,
            profile: Profile::Container1,
            status: self.status,
            fuel_used: spec.units(self.run),
            outputs: folder_cid(&result),
            journal: Vec::new(),
        };
        // Whoever reads the Outcome can't, if it has no encoding.
        outcome.to_block().map_err(|error| fault(&error))?;
        Ok(Execution { outcome, outputs: result, refusal_detail: None })
    }
}
