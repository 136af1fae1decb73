//! Modules made to hurt, and what must become of them.
//!
//! - `case.rs`: a case as two files, `<theme>/<name>.wat` and `.json`; `bless.rs` writes the latter, for review
//! - `cases.rs`: every case on every back end; `relations.rs`: what holds between figures whatever the table says
//! - `limits.rs`: modules at each size limit and one past it, made here because they are large
//! - `traps.rs`: traps of engines that are known to have differed, by name
//! - `frames.rs`: native stack against counted stack, in the worst frames
//!
//! A figure that changes is a change of the profile: it is written by
//! `cargo run -p lilypad-runtime --example bless-corpus`, and its difference is read before it is committed.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod case;
mod cases;
mod frames;
mod limits;
mod relations;
mod traps;

use lilypad_abi::Status;
use lilypad_runtime::{BackEnd, Execution, ResolvedJob, Runtime, RuntimeOptions};
use std::sync::LazyLock;

/// Every way to run a guest: they must agree in everything.
static RUNTIMES: LazyLock<Vec<Runtime>> = LazyLock::new(|| {
    let ways = [
        (BackEnd::Cranelift, true),
        (BackEnd::Cranelift, false),
        (BackEnd::Winch, false),
        (BackEnd::Pulley, true),
    ];
    ways.map(|(back_end, optimize)| Runtime::new(RuntimeOptions { optimize, back_end }).unwrap()).into()
});

/// The interpreter runs jobs that used at most this much: it would take minutes for the others.
const INTERPRETED_FUEL_MAX: u64 = 5_000_000;

/// Runs a job in every way.
fn run(job: &ResolvedJob, name: &str) -> Execution {
    let execute = |runtime: &Runtime| {
        runtime.run(job).unwrap_or_else(|error| panic!("{name}: the host's own fault: {error}"))
    };
    let (first, others) = RUNTIMES.split_first().unwrap();
    let first = execute(first);
    let (interpreter, compilers) = others.split_last().unwrap();
    let slow = first.outcome.fuel_used > INTERPRETED_FUEL_MAX;
    for other in compilers.iter().chain((!slow).then_some(interpreter)) {
        assert_eq!(first, execute(other), "{name}: back ends disagree");
    }
    first
}

/// A module's text with a memory and `_start`, in one job.
fn job(fields: &str, start: &str) -> ResolvedJob {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
            (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            {fields}
            (func (export "_start") {start}))"#
    );
    module(wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// A job that does nothing but run a module.
fn module(module: Vec<u8>) -> ResolvedJob {
    case::bare_job(module)
}

/// How a job ended, and its fuel, in every way.
fn end_of(job: &ResolvedJob, name: &str) -> (Status, u64) {
    let outcome = run(job, name).outcome;
    (outcome.status, outcome.fuel_used)
}
