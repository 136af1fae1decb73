//! What the test and the long run share: jobs to try, engines to try them on, and traces for engines elsewhere.
//!
//! - this file: one job everywhere, and what must be the same; `generate.rs`: modules from seeds;
//!   `programs.rs`: programs that end in every way, and our own modules
//! - `ours.rs`: wasmtime with each back end; `wasmi.rs`: an interpreter that shares no code with it
//! - `observe.rs`: what is looked at beside the Outcome; `trace.rs`: a run written down, to be replayed by
//!   `replay.mjs` and `replay.py`

pub(crate) mod generate;
pub(crate) mod observe;
pub(crate) mod ours;
pub(crate) mod programs;
pub(crate) mod trace;
pub(crate) mod wasmi;

use lilypad_abi::{BlobDigest, JobSpec, JobSpecError, Limits, Profile, Status};
use lilypad_runtime::{
    BackEnd, Execution, ResolvedJob, Runtime, RuntimeError, RuntimeOptions, testing, unixfs,
};
use observe::Observed;
use std::{collections::BTreeMap, sync::LazyLock};
use wasmparser::{Validator, WasmFeatures};

/// What can go wrong that is nobody's Outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A job that is none.
    #[error(transparent)]
    Job(#[from] JobSpecError),
    /// Ours.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An engine ended a guest in a way that says nothing about the guest.
    #[error("{0}")]
    Engine(String),
}

/// Every back end, and what to call it.
const WAYS: [(&str, RuntimeOptions); 4] = [
    ("Cranelift", RuntimeOptions { optimize: true, back_end: BackEnd::Cranelift }),
    ("Cranelift without optimisation", RuntimeOptions { optimize: false, back_end: BackEnd::Cranelift }),
    ("Winch", RuntimeOptions { optimize: true, back_end: BackEnd::Winch }),
    ("Pulley", RuntimeOptions { optimize: true, back_end: BackEnd::Pulley }),
];

static RUNTIMES: LazyLock<Vec<(&str, RuntimeOptions, Runtime, wasmtime::Engine)>> = LazyLock::new(|| {
    let make = |(name, options)| {
        let engine = testing::engine(options).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        (name, options, Runtime::new(options).unwrap_or_else(|error| panic!("{name}: {error}")), engine)
    };
    WAYS.into_iter().map(make).collect()
});

/// A job of a module and nothing else.
pub(crate) fn job(module: Vec<u8>, limits: Limits) -> ResolvedJob {
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        args: vec!["guest".into(), "one".into(), "two".into()],
        env: BTreeMap::from([("NAME".to_owned(), "value".to_owned())]),
        inputs: BTreeMap::new(),
        stdin: None,
        limits,
        seed: BlobDigest([7; 32]),
        clock_epoch_ns: 1_700_000_000_000_000_000,
    };
    ResolvedJob { spec, module, inputs: BTreeMap::new(), stdin: Vec::new() }
}

/// Whether an engine without tail calls can take the module.
fn has_no_tail_calls(wasm: &[u8]) -> bool {
    let features = testing::features() & !WasmFeatures::TAIL_CALL;
    Validator::new_with_features(features).validate_all(wasm).is_ok()
}

/// What a job came to everywhere, and where that was.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) execution: Execution,
    pub(crate) trace: Option<trace::Trace>,
    /// Whether Winch could take it.
    pub(crate) on_winch: bool,
}

/// Runs a job with every back end through the product's own door, then with every back end and with the interpreter
/// through the tests' door, which also sees memory and globals.
///
/// # Errors
/// The two that differ, in words, or an engine's own failure.
pub(crate) fn everywhere(job: &ResolvedJob) -> Result<Agreed, String> {
    let on_winch = has_no_tail_calls(&job.module);
    let mut agreed: Option<Execution> = None;
    let mut same = |name: &str, execution: Execution| match &agreed {
        None => {
            agreed = Some(execution);
            Ok(())
        }
        // What is said to people about a refusal is no part of it.
        Some(first) if first.outcome == execution.outcome && first.outputs == execution.outputs => Ok(()),
        Some(first) => Err(format!("{name} gives {:?}, expected {:?}", execution.outcome, first.outcome)),
    };
    // What the guest left in its memory and exported globals when it returned.
    let mut observed: Option<(&str, Option<Observed>)> = None;
    let mut looks = |name: &'static str, seen: Option<Observed>| match &observed {
        None => {
            observed = Some((name, seen));
            Ok(())
        }
        Some((_, first)) if *first == seen => Ok(()),
        Some((other, first)) => Err(format!("{name} leaves {seen:x?}, {other} leaves {first:x?}")),
    };
    for (name, options, runtime, engine) in RUNTIMES.iter() {
        if options.back_end == BackEnd::Winch && !on_winch {
            continue;
        }
        same(name, runtime.run(job).map_err(|fault| format!("{name}: {fault:?}"))?)?;
        let (execution, seen) = ours::run(engine, job).map_err(|fault| format!("{name}: {fault}"))?;
        same(name, execution)?;
        looks(name, seen)?;
    }
    let (execution, seen, trace) = wasmi::run(job).map_err(|fault| format!("wasmi: {fault}"))?;
    same("wasmi", execution)?;
    looks("wasmi", seen)?;
    let execution = agreed.ok_or("nothing ran")?;
    Ok(Agreed { execution, trace, on_winch })
}

/// A word for a status, to count by.
pub(crate) fn word(status: Status) -> String {
    match status {
        Status::Exited { code: 0 } => "exited".to_owned(),
        Status::Exited { .. } => "exited with another code".to_owned(),
        Status::Trapped { kind } => format!("trapped: {kind:?}"),
        Status::OutOfFuel => "out of fuel".to_owned(),
        Status::Refused { reason } => format!("refused: {reason:?}"),
    }
}
