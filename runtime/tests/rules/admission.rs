//! What is not admitted, why, and that the reason is said.

use super::{assert_refused, run, run_bytes};
use lilypad_abi::{Refusal, Status};

/// A module with `_start` and `memory`, and `fields` before them.
fn with(fields: &str) -> String {
    format!(r#"(module {fields} (memory (export "memory") 1) (func (export "_start")))"#)
}

#[test]
fn the_smallest_program_is_admitted() {
    assert_eq!(run(&with("")).outcome.status, Status::Exited { code: 0 });
}

#[test]
fn features_beyond_the_profile_are_refused_by_name() {
    for (text, word) in [
        (r#"(module (memory (export "memory") 1 1 shared) (func (export "_start")))"#, "thread"),
        (
            r#"(module (memory (export "memory") 1) (func (export "_start")
                (drop (i32.atomic.load (i32.const 0)))))"#,
            "thread",
        ),
        (r#"(module (memory (export "memory") i64 1) (func (export "_start")))"#, "64-bit memory"),
        (r#"(module (memory (export "memory") 1) (memory 1) (func (export "_start")))"#, "one memory"),
        (
            r#"(module (memory (export "memory") 1) (func (export "_start")
                (drop (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))"#,
            "relaxed SIMD",
        ),
        (r#"(module (tag) (memory (export "memory") 1) (func (export "_start")))"#, "exceptions"),
        (r#"(module (type (struct)) (memory (export "memory") 1) (func (export "_start")))"#, "garbage"),
        (r#"(module (table 1 externref) (memory (export "memory") 1) (func (export "_start")))"#, "external"),
        (
            r#"(module (type $t (func)) (memory (export "memory") 1) (func (export "_start")
                (call_ref $t (ref.null $t))))"#,
            "references",
        ),
        (
            r#"(module (memory (export "memory") 1) (func (export "_start")
                (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop))"#,
            "wide arithmetic",
        ),
    ] {
        assert_refused(&run(text), Refusal::Feature, word);
    }
    assert_refused(&run("(component)"), Refusal::Feature, "component");
}

#[test]
fn reserved_exports_are_refused() {
    for name in ["lilypad-1:fuel", "lilypad-1:stack", "lilypad-1:start", "lilypad-1:"] {
        let refused = run(&with(&format!(r#"(global (export "{name}") (mut i64) (i64.const 9))"#)));
        assert_refused(&refused, Refusal::Feature, name);
    }
}

#[test]
fn imports_must_exist_and_fit() {
    for fields in [
        r#"(import "env" "f" (func))"#,
        r#"(import "wasi_snapshot_preview1" "no_such" (func))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i64)))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32) (result i32)))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (global i32))"#,
        r#"(import "lilypad_1" "journal_write" (table 1 funcref))"#,
        r#"(import "lilypad_1" "proc_exit" (func (param i32)))"#,
        r#"(import "" "" (func))"#,
    ] {
        assert_refused(&run(&with(fields)), Refusal::Import, "import");
    }
}

#[test]
fn entry_and_memory_must_be_there() {
    for text in [
        r#"(module (memory (export "memory") 1))"#,
        r#"(module (func (export "_start")))"#,
        r#"(module (memory (export "memory") 1) (func (export "_start") (param i32)))"#,
        r#"(module (memory (export "memory") 1) (func (export "_start") (result i32) i32.const 0))"#,
        r#"(module (memory (export "memory") 1) (global (export "_start") i32 (i32.const 0)))"#,
        r#"(module (memory 1) (func (export "_start")) (func (export "memory")))"#,
    ] {
        assert_refused(&run(text), Refusal::EntryPoint, "");
    }
}

#[test]
fn an_imported_memory_is_refused() {
    let text = r#"(module (import "env" "memory" (memory 1)) (export "memory" (memory 0)) (func (export "_start")))"#;
    let status = run(text).outcome.status;
    assert!(
        matches!(status, Status::Refused { reason: Refusal::EntryPoint | Refusal::Import }),
        "{status:?}"
    );
}

#[test]
fn what_is_no_module_is_malformed() {
    for bytes in
        [&b""[..], b"\0asm", b"\0asm\x02\0\0\0", b"#!/bin/sh", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f"]
    {
        assert_refused(&run_bytes(bytes.to_vec(), 1), Refusal::Malformed, "");
    }
    assert_refused(
        &run(r#"(module (memory (export "memory") 1) (func (export "_start") i32.add))"#),
        Refusal::Malformed,
        "",
    );
}

#[test]
fn every_cut_of_a_module_is_refused() {
    let whole = wat::parse_str(with("(global (mut i64) (i64.const 7)) (table 1 funcref)")).unwrap();
    for len in 0..whole.len() {
        let status = run_bytes(whole[..len].to_vec(), 1000).outcome.status;
        assert!(matches!(status, Status::Refused { .. }), "{len} of {} bytes: {status:?}", whole.len());
    }
}
