//! Modules from seeds: floats, vectors, tail calls, bulk operations, indirect calls, WASI, and every kind of trap.
//!
//! The same seed gives the same module, so a failure can be looked at by its number.

use arbitrary::Unstructured;
use lilypad_abi::Limits;

/// Enough for most modules to end by themselves, and few enough for the slowest engine.
const FUEL_LIMIT: u64 = 200_000;

/// Small enough that growing fails at times.
const MEMORY_BYTES_MAX: u64 = 6 << 16;

/// What a generated module may use.
pub(crate) fn limits() -> Limits {
    Limits { fuel_limit: FUEL_LIMIT, memory_bytes_max: MEMORY_BYTES_MAX, ..Limits::default() }
}

/// What every module exports, so that there is something to look at when it ends.
const EXPORTS: &str = r#"(module (memory (export "memory") 1 8) (table (export "table") 8 funcref)
    (global (export "a") (mut i32) (i32.const 0)) (global (export "b") (mut i64) (i64.const 0))
    (global (export "c") (mut f32) (f32.const 0)) (global (export "d") (mut f64) (f64.const 0))
    (global (export "e") (mut v128) (v128.const i64x2 0 0)) (func (export "_start")))"#;

/// What some modules import.
const IMPORTS: &str = r#"(module
    (import "lilypad_1" "journal_write" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))"#;

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The module of a seed.
pub(crate) fn module(seed: u64) -> Vec<u8> {
    let with_wasi = seed % 3 == 1;
    let config = wasm_smith::Config {
        exports: Some(binary(EXPORTS)),
        available_imports: with_wasi.then(|| binary(IMPORTS)),
        allow_start_export: seed.is_multiple_of(4),
        reference_types_enabled: seed.is_multiple_of(8),
        bulk_memory_enabled: true,
        simd_enabled: !seed.is_multiple_of(5),
        tail_call_enabled: seed.is_multiple_of(2),
        disallow_traps: seed % 7 == 3,
        max_imports: if with_wasi { 8 } else { 0 },
        min_imports: if with_wasi { 4 } else { 0 },
        max_instructions: 300,
        // The one that is exported comes on top.
        max_memories: 0,
        max_memory32_bytes: 3 << 16,
        max_table_elements: 100,
        min_funcs: 4,
        min_data_segments: 1,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        custom_page_sizes_enabled: false,
        ..wasm_smith::Config::default()
    };
    let mut bytes = vec![0; 8_192];
    blake3::Hasher::new().update(b"differential").update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes));
    module.unwrap_or_else(|error| panic!("seed {seed}: {error}")).to_bytes()
}
