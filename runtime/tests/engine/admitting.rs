//! What may run: each refusal has a code in the Outcome and a sentence that says what to do.

use super::{limits, run_with, wasm};
use lilypad_abi::{Refusal, Status};
use lilypad_runtime::inspect;

/// The refusal of a module, the same from a run and from a look at it.
fn refusal(module: &[u8]) -> (Refusal, String) {
    let execution = run_with(module, limits());
    let Status::Refused { reason } = execution.outcome.status else { panic!("admitted: {execution:?}") };
    assert_eq!(execution.outcome.fuel_used, 0);
    assert_eq!(execution.outputs.file("stdout"), Some(b"".as_slice()));
    assert_eq!(execution.outputs.file("exitCode"), None);
    let detail = execution.refusal_detail.unwrap();
    assert_eq!(inspect(module).refusal, Some((reason, detail.clone())));
    (reason, detail)
}

fn refused(fields: &str) -> (Refusal, String) {
    refusal(&wasm(&format!("(module {fields})")))
}

const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const START: &str = r#"(func (export "_start"))"#;

#[test]
fn features_are_refused_by_name() {
    for (fields, name) in [
        (r#"(memory (export "memory") 1 2 shared)"#, "shared memory"),
        (r#"(memory (export "memory") 1) (func i32.const 0 i32.atomic.load drop)"#, "threads"),
        (r#"(memory (export "memory") i64 1)"#, "64-bit memory"),
        (r#"(memory (export "memory") 1) (memory 1)"#, "more than one memory"),
        ("(tag)", "exceptions"),
        ("(func (param externref))", "external references"),
        ("(type (struct))", "garbage-collected"),
        (
            "(func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd)",
            "relaxed SIMD",
        ),
        ("(func (param i64) local.get 0 local.get 0 i64.mul_wide_s drop drop)", "wide arithmetic"),
    ] {
        let (reason, detail) = refused(&format!("{START} {fields}"));
        assert_eq!(reason, Refusal::Feature, "{fields}");
        assert!(detail.contains(name), "{fields}: {detail}");
    }
    let (reason, detail) = refusal(&wasm("(component)"));
    assert_eq!(reason, Refusal::Feature);
    assert!(detail.contains("component"), "{detail}");
}

#[test]
fn bytes_that_are_no_module_are_malformed() {
    let valid = wasm(&format!("(module {MEMORY} {START})"));
    for bytes in [b"".as_slice(), b"\0asm", b"#!/bin/sh", &valid[..valid.len() - 1]] {
        assert_eq!(refusal(bytes).0, Refusal::Malformed);
    }
    let (reason, detail) = refused(&format!("{MEMORY} {START} (func (result i32) i64.const 0)"));
    assert_eq!(reason, Refusal::Malformed);
    assert!(detail.contains("type mismatch"), "{detail}");
}

#[test]
fn imports_are_ours_or_wasi_s_and_of_their_type() {
    for import in [
        r#"(import "env" "now" (func))"#,
        r#"(import "wasi_snapshot_preview1" "fd_open" (func))"#,
        r#"(import "wasi_unstable" "proc_exit" (func (param i32)))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i64)))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32) (result i32)))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (global i32))"#,
        r#"(import "env" "table" (table 1 funcref))"#,
        r#"(import "lilypad-1" "fuel" (global (mut i64)))"#,
    ] {
        assert_eq!(refused(&format!("{import} {MEMORY} {START}")).0, Refusal::Import, "{import}");
    }
}

#[test]
fn a_job_begins_at_start_and_shows_its_memory() {
    for fields in [
        "".to_owned(),
        START.to_owned(),
        MEMORY.to_owned(),
        format!(r#"{MEMORY} (func (export "_start") (param i32))"#),
        format!(r#"{MEMORY} (func (export "_start") (result i32) i32.const 0)"#),
        format!(r#"{MEMORY} (global (export "_start") i32 (i32.const 0))"#),
        format!(r#"{START} (memory 1)"#),
        format!(r#"{START} (memory (export "mem") 1)"#),
        format!(r#"(import "env" "memory" (memory 1)) {START}"#),
    ] {
        assert_eq!(refused(&fields).0, Refusal::EntryPoint, "{fields}");
    }
}

#[test]
fn the_rewrite_s_own_names_are_reserved() {
    for name in ["lilypad-1:fuel", "lilypad-1:stack", "lilypad-1:start", "lilypad-1:"] {
        let (reason, detail) =
            refused(&format!(r#"{MEMORY} {START} (global (export "{name}") (mut i64) (i64.const 9))"#));
        assert_eq!(reason, Refusal::Feature);
        assert!(detail.contains("reserved"), "{detail}");
    }
}

#[test]
fn everything_a_module_can_make_large_has_a_limit() {
    let blocks = |n: usize| format!("(func {} {})", "block ".repeat(n), "end ".repeat(n));
    // Some fourteen thousand blocks, each of which might have to merge every local.
    let many_by_many = |locals: usize| {
        format!("(func (local {}) {})", "i32 ".repeat(locals), "block i32.const 0 br_if 0 end ".repeat(7_000))
    };
    for (what, at, past) in [
        ("tables", "(table 1 funcref)".repeat(16), "(table 1 funcref)".repeat(17)),
        ("elements", "(table 1048576 funcref)".to_owned(), "(table 1048577 funcref)".to_owned()),
        ("globals", "(global i32 (i32.const 0))".repeat(20_000), "(global i32 (i32.const 0))".repeat(20_001)),
        (
            "locals",
            format!("(func (local {}))", "i64 ".repeat(20_000)),
            format!("(func (local {}))", "i64 ".repeat(20_001)),
        ),
        // The body itself is the outermost block.
        ("nested blocks", blocks(9_999), blocks(10_000)),
        (
            "operands",
            format!("(func {} {})", "i32.const 0 ".repeat(20_000), "drop ".repeat(20_000)),
            format!("(func {} {})", "i32.const 0 ".repeat(20_001), "drop ".repeat(20_001)),
        ),
        ("data segments", r#"(data "")"#.repeat(90_000), r#"(data "")"#.repeat(90_001)),
        ("locals times basic blocks", many_by_many(19_000), many_by_many(20_000)),
        ("bytes in one function", String::new(), format!("(func {})", "nop ".repeat(2 << 20))),
    ] {
        let module = |fields: &str| wasm(&format!("(module {MEMORY} {START} {fields})"));
        let admitted = inspect(&module(&at));
        assert_eq!(admitted.refusal, None, "{what}");
        assert!(admitted.rewritten_bytes.is_some());
        let (reason, detail) = inspect(&module(&past)).refusal.unwrap();
        assert_eq!(reason, Refusal::TooLarge, "{what}");
        assert!(detail.contains(what), "{detail}");
    }
}

#[test]
fn a_report_names_what_is_in_a_module() {
    let module = wasm(
        r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
            (memory (export "memory") 2)
            (func (export "_start") i32.const 0 i32.extend8_s drop v128.const i64x2 0 0 drop))"#,
    );
    let report = inspect(&module);
    assert_eq!(report.imports, ["wasi_snapshot_preview1.sched_yield"]);
    assert_eq!(report.exports, ["memory", "_start"]);
    assert_eq!(report.features, ["sign extension", "fixed-width SIMD"]);
    assert_eq!(report.refusal, None);
    assert_eq!(report.size_bytes, module.len() as u64);
    assert!(report.rewritten_bytes.is_some_and(|bytes| bytes > report.size_bytes));
    assert_eq!(report.memory_bytes_min, Some(131_072));
}
