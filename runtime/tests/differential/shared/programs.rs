//! Programs that end in every way there is, and our own modules.

use super::job;
use lilypad_abi::Limits;
use lilypad_runtime::{Folder, ResolvedJob, unixfs};
use std::{fs, path::Path};

/// Little fuel, because some programs use all of it on the slowest engine.
fn limits() -> Limits {
    Limits { fuel_limit: 8_000_000, memory_bytes_max: 16 << 20, ..Limits::default() }
}

/// Name, definitions, and the body of `_start`.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("returns", "", ""),
    ("exits", "", "i32.const 7 call $exit"),
    ("unreachable", "", "unreachable"),
    ("load past the end", "", "(loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9999)))) (drop (i32.load (i32.const 65533)))"),
    ("copy past the end", "", "i32.const 65530 i32.const 0 i32.const 100 memory.copy"),
    ("fill past the end", "", "i32.const 0 i32.const 0 i32.const 65537 memory.fill"),
    ("store past the end", "", "i32.const 65532 i64.const -1 i64.store"),
    ("table out of bounds", "(table 1 funcref)", "i32.const 1 call_indirect"),
    ("null in a table", "(table 1 funcref)", "i32.const 0 call_indirect"),
    (
        "another signature",
        "(table funcref (elem $f)) (func $f (param i32))",
        "i32.const 0 call_indirect",
    ),
    ("overflow", "", "i32.const 0x80000000 i32.const -1 i32.div_s drop"),
    ("division by zero", "", "i64.const 1 i64.const 0 i64.rem_u drop"),
    ("not a number", "", "f32.const nan i32.trunc_f32_s drop"),
    ("too large a number", "", "f64.const 1e300 i64.trunc_f64_u drop"),
    ("recursion without end", "(func $f (call $f))", "call $f"),
    (
        "recursion through a table",
        "(table funcref (elem $f)) (func $f (param i64 i64) (result i64) (i64.add (local.get 0)
            (call_indirect (param i64 i64) (result i64) (local.get 1) (local.get 0) (i32.const 0))))",
        "(drop (call $f (i64.const 1) (i64.const 2)))",
    ),
    ("a loop without end", "", "(loop (br 0))"),
    ("calls without end", "", "(loop (drop (call $yield)) (br 0))"),
    ("data that doesn't fit", "(data (i32.const 65530) \"0123456789\")", ""),
    ("elements that don't fit", "(table 1 funcref) (elem (i32.const 1) func 0)", ""),
    ("a start function", "(func $start (i32.store (i32.const 0) (i32.const 42))) (start $start)", ""),
    (
        "growth to the limit",
        "",
        "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (drop (i32.load (i32.const 0)))
         memory.size call $exit",
    ),
    (
        "writes and reads",
        "(data (i32.const 0) \"\\08\\00\\00\\00\\05\\00\\00\\00hello\")",
        "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
         (drop (call $random (i32.const 100) (i32.const 50)))
         (drop (call $journal (i32.const 100) (i32.const 50)))
         (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 200)))
         (drop (call $journal (i32.const 200) (i32.const 8)))",
    ),
    (
        "NaNs",
        "",
        "(f32.store (i32.const 0) (f32.div (f32.const 0) (f32.const 0)))
         (f64.store (i32.const 8) (f64.sqrt (f64.const -1)))
         (f32.store (i32.const 16) (f32.neg (f32.sub (f32.const inf) (f32.const inf))))
         (f64.store (i32.const 24) (f64.promote_f32 (f32.const nan:0x200000)))
         (v128.store (i32.const 32) (f32x4.min (v128.const f32x4 nan:0x1 -nan 0 -0) (v128.const f32x4 0 1 -0 0)))
         (v128.store (i32.const 48) (f64x2.sqrt (v128.const f64x2 -1 4)))
         (drop (call $journal (i32.const 0) (i32.const 64)))",
    ),
    (
        "tail calls",
        "(func $even (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
            (else (return_call $odd (i32.sub (local.get 0) (i32.const 1))))))
         (func $odd (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
            (else (return_call $even (i32.sub (local.get 0) (i32.const 1))))))",
        "(call $exit (call $even (i32.const 100001)))",
    ),
];

fn program(definitions: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            {definitions}
            (func (export "_start") (local $i i32) {body}))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A name and a job for every way of ending.
pub(crate) fn all() -> Vec<(String, ResolvedJob)> {
    PROGRAMS
        .iter()
        .map(|(name, definitions, body)| (name.replace(' ', "-"), job(program(definitions, body), limits())))
        .collect()
}

/// Our own modules. `modules/build` makes them; the test script does so first.
///
/// # Errors
/// Which isn't built.
pub(crate) fn modules() -> Result<Vec<(String, ResolvedJob)>, String> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guest/wasm32-wasip1/release");
    let mut jobs = Vec::new();
    for (name, stdin) in [("cowsay", r#"{"message":"hello"}"#), ("wordcount", "{}")] {
        let path = built.join(format!("{name}.wasm"));
        let module =
            fs::read(&path).map_err(|error| format!("{}: {error}; run modules/build", path.display()))?;
        let mut job = job(module, Limits { fuel_limit: 100_000_000, ..limits() });
        job.stdin = stdin.into();
        job.spec.stdin = Some(unixfs::file_cid(&job.stdin));
        if name == "wordcount" {
            let mut input = Folder::default();
            input.insert_file("a.txt", b"the quick brown fox jumps over the lazy dog, the end".to_vec());
            input.insert_file("b.txt", include_bytes!("programs.rs").to_vec());
            job.spec.inputs.insert("/in".to_owned(), unixfs::folder_cid(&input));
            job.inputs.insert("/in".to_owned(), input);
        }
        jobs.push((name.to_owned(), job));
    }
    Ok(jobs)
}
