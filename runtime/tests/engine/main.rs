//! The profile through the engine's own door: modules in, Outcomes out.
//!
//! - `endings.rs`: every way a job ends, with exact fuel; `limits.rs`: fuel, stack, memory, tables
//! - `floats.rs`: NaNs; `admitting.rs`: what is refused and why
//!
//! Every module here runs under two optimisation levels that must agree in everything. What single WASI calls
//! do is tested beside them, not here.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod admitting;
mod endings;
mod floats;
mod limits;

use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile, Status, TrapKind};
use lilypad_runtime::{Execution, ResolvedJob, Runtime, RuntimeOptions, unixfs};
use std::{collections::BTreeMap, sync::LazyLock};

static RUNTIMES: LazyLock<[Runtime; 2]> = LazyLock::new(|| {
    [true, false].map(|optimize| Runtime::new(RuntimeOptions { optimize, ..Default::default() }).unwrap())
});

/// A job of this module, with nothing else to it.
fn job(module: Vec<u8>, limits: Limits) -> ResolvedJob {
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        args: vec!["guest".into()],
        env: BTreeMap::new(),
        inputs: BTreeMap::new(),
        stdin: None,
        limits,
        seed: BlobDigest::default(),
        clock_epoch_ns: 0,
    };
    ResolvedJob { spec, module, inputs: BTreeMap::new(), stdin: Vec::new() }
}

/// Small enough that a mistake ends soon.
fn limits() -> Limits {
    Limits { fuel_limit: 1_000_000_000_000, memory_bytes_max: 16 << 20, ..Limits::default() }
}

fn run_with(module: &[u8], limits: Limits) -> Execution {
    let job = job(module.to_vec(), limits);
    let [one, other] = &*RUNTIMES;
    let execution = one.run(&job).unwrap();
    assert_eq!(execution, other.run(&job).unwrap(), "optimisation levels disagree");
    assert_eq!(execution.outcome.outputs, unixfs::folder_cid(&execution.outputs));
    execution
}

fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"))
}

/// A module with a memory of one page, these definitions, and this body of `_start`.
fn guest(definitions: &str, body: &str) -> Vec<u8> {
    wasm(&format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            {definitions}
            (func (export "_start") {body}))"#
    ))
}

/// Status and fuel of a body of `_start`.
fn run(definitions: &str, body: &str) -> (Status, u64) {
    let outcome = run_with(&guest(definitions, body), limits()).outcome;
    (outcome.status, outcome.fuel_used)
}

/// The exit code of a body that leaves an `i32` for `proc_exit`.
fn value(definitions: &str, body: &str) -> u32 {
    match run(definitions, &format!("{body} call $exit")).0 {
        Status::Exited { code } => code,
        other => panic!("expected an exit, got {other:?}"),
    }
}

const fn exited(code: u32) -> Status {
    Status::Exited { code }
}

const fn trapped(kind: TrapKind) -> Status {
    Status::Trapped { kind }
}
