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

use lilypad_runtime::{Execution, ResolvedJob, Runtime, RuntimeOptions};
use std::sync::LazyLock;

/// Every back end of the engine: they must agree in everything.
static RUNTIMES: LazyLock<Vec<Runtime>> = LazyLock::new(|| {
    [true, false]
        .map(|optimize| Runtime::new(RuntimeOptions { optimize, ..Default::default() }).unwrap())
        .into()
});

/// Runs a job on every back end.
fn run(job: &ResolvedJob, name: &str) -> Execution {
    let mut executions = RUNTIMES.iter().map(|runtime| {
        runtime.run(job).unwrap_or_else(|error| panic!("{name}: the host's own fault: {error}"))
    });
    let first = executions.next().unwrap();
    for other in executions {
        assert_eq!(first, other, "{name}: back ends disagree");
    }
    first
}
