//! The rules of the profile as a guest meets them, through the public interface alone.
//!
//! Every job here runs with optimised and with plain code, and both must give the same Outcome, fuel included.
//! Nothing is timed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod admission;
mod control;
mod fuel;
mod hostile;
mod memory;
mod nan;
mod stack;
mod traps;

use lilypad_abi::{BlobDigest, Cid, Codec, JobSpec, Limits, Profile, Refusal, Status, TrapKind};
use lilypad_runtime::{Execution, ResolvedJob, Runtime, RuntimeOptions};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Plenty for every test that is not about running out.
const PLENTY: u64 = 1 << 40;

/// Both ways of making code.
fn runtimes() -> &'static [Runtime; 2] {
    static BOTH: OnceLock<[Runtime; 2]> = OnceLock::new();
    BOTH.get_or_init(|| {
        [true, false].map(|optimize| Runtime::new(RuntimeOptions { optimize, ..Default::default() }).unwrap())
    })
}

/// A job that does nothing but run `module`.
fn job(module: Vec<u8>, fuel_limit: u64) -> ResolvedJob {
    ResolvedJob {
        spec: JobSpec {
            profile: Profile::Lilypad1,
            module: Cid::of(Codec::Raw, &module),
            args: vec!["guest".to_owned()],
            env: BTreeMap::new(),
            inputs: BTreeMap::new(),
            stdin: None,
            limits: Limits { fuel_limit, memory_bytes_max: 64 << 20, ..Limits::default() },
            seed: BlobDigest([1; 32]),
            clock_epoch_ns: 0,
        },
        module,
        inputs: BTreeMap::new(),
        stdin: Vec::new(),
    }
}

/// Runs a job both ways.
#[track_caller]
fn run_job(job: &ResolvedJob) -> Execution {
    let [fast, plain] = runtimes().each_ref().map(|runtime| runtime.run(job).unwrap());
    assert_eq!(fast, plain, "optimised and plain code differ");
    fast
}

#[track_caller]
fn run_bytes(module: Vec<u8>, fuel_limit: u64) -> Execution {
    run_job(&job(module, fuel_limit))
}

/// Runs a module's text with `fuel_limit`.
#[track_caller]
fn run_with(text: &str, fuel_limit: u64) -> Execution {
    run_bytes(wat::parse_str(text).unwrap(), fuel_limit)
}

/// Runs a module's text with plenty of fuel.
#[track_caller]
fn run(text: &str) -> Execution {
    run_with(text, PLENTY)
}

/// A program: functions and other fields, and the body of `_start`.
fn program(fields: &str, start: &str) -> String {
    format!(
        r#"(module
            (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            {fields}
            (func $show32 (param i32)
                (i32.store (i32.const 65000) (local.get 0))
                (drop (call $journal (i32.const 65000) (i32.const 4))))
            (func $show64 (param i64)
                (i64.store (i32.const 65000) (local.get 0))
                (drop (call $journal (i32.const 65000) (i32.const 8))))
            (func $show128 (param v128)
                (v128.store (i32.const 65000) (local.get 0))
                (drop (call $journal (i32.const 65000) (i32.const 16))))
            (func (export "_start") {start}))"#
    )
}

/// What a program that ends well wrote to its journal, as 32-bit numbers.
#[track_caller]
fn shown32(fields: &str, start: &str) -> Vec<u32> {
    let Execution { outcome, refusal_detail, .. } = run(&program(fields, start));
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{refusal_detail:?}");
    outcome.journal.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// What a program that ends well wrote to its journal, as 64-bit numbers.
#[track_caller]
fn shown64(fields: &str, start: &str) -> Vec<u64> {
    let Execution { outcome, refusal_detail, .. } = run(&program(fields, start));
    assert_eq!(outcome.status, Status::Exited { code: 0 }, "{refusal_detail:?}");
    outcome.journal.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[track_caller]
fn assert_trap(execution: &Execution, kind: TrapKind) {
    assert_eq!(execution.outcome.status, Status::Trapped { kind });
}

#[track_caller]
fn assert_refused(execution: &Execution, reason: Refusal, word: &str) {
    assert_eq!(execution.outcome.status, Status::Refused { reason }, "{:?}", execution.refusal_detail);
    assert_eq!(execution.outcome.fuel_used, 0);
    let detail = execution.refusal_detail.as_deref().unwrap_or_default();
    assert!(detail.contains(word), "no '{word}' in: {detail}");
}
