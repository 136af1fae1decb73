//! The job's bounds and the profile's: reached by the program, never by the machine.

use super::{exited, guest, limits, run, run_with, trapped, value, wasm};
use lilypad_abi::{Limits, Refusal, Status, TrapKind};
use std::fmt::Write as _;

#[test]
fn recursion_ends_at_the_counted_stack() {
    // Two frames of different size: depth follows the count, whatever the native frames are.
    let count = "(global $depth (mut i32) (i32.const 0))
         (func $f global.get $depth i32.const 1 i32.add global.set $depth call $f)";
    let (status, fuel) = run(count, "call $f");
    assert_eq!(status, trapped(TrapKind::StackExhausted));
    // Base 64, six operators, at most two operands; `_start` has two operators.
    let depth = ((32 << 20) - (64 + 2)) / (64 + 2 * 8 + 6);
    // Each level that fits pays its block, and the one that doesn't paid before it was counted.
    assert_eq!(fuel, 6 + 10 + (depth + 1) * (6 + 1 + 1 + 1 + 10));
}

#[test]
fn stack_is_given_back_on_return() {
    let deep = "(func $f (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub call $f end)";
    let body = "(local i32) i32.const 50 local.set 0
         loop i32.const 20000 call $f local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end";
    assert_eq!(run(deep, body).0, exited(0));
}

#[test]
fn indirect_recursion_is_counted_too() {
    let definitions = "(table 1 funcref) (elem (i32.const 0) func $f) (func $f i32.const 0 call_indirect)";
    assert_eq!(run(definitions, "call $f").0, trapped(TrapKind::StackExhausted));
}

/// Recursive functions whose native frames are as large as they get for their counted ones: values that the
/// optimiser computes once and keeps across the call.
fn hoarder(values: u32, vectors: bool) -> Vec<u8> {
    let (ty, parts): (&str, Box<dyn Fn(u32) -> String>) = if vectors {
        ("v128", Box::new(|i| format!("local.get 0 v128.const i64x2 {} {i} i64x2.mul i64x2.add ", i * 7 + 3)))
    } else {
        ("i64", Box::new(|i| format!("local.get 0 i64.const {} i64.mul i64.xor ", i * 7 + 3)))
    };
    let mut sum = String::new();
    (0..values).for_each(|i| write!(sum, "{}", parts(i)).unwrap());
    let zero = if vectors { "v128.const i64x2 0 0" } else { "i64.const 0" };
    let add = if vectors { "i64x2.add" } else { "i64.add" };
    guest(
        &format!("(func $f (param {ty}) (result {ty}) {zero} {sum} call $f {zero} {sum} {add})"),
        &format!("{zero} call $f drop"),
    )
}

#[test]
fn the_counted_stack_ends_before_the_native_one_in_the_worst_frames() {
    let many_locals = {
        // Every local lives across the call.
        let mut body = String::new();
        (1..2_000).for_each(|i| write!(body, "local.get 0 i64.const {i} i64.add local.set {i} ").unwrap());
        body.push_str("local.get 0 call $f local.set 0 local.get 0 ");
        (1..2_000).for_each(|i| write!(body, "local.get {i} i64.xor ").unwrap());
        guest(
            &format!("(func $f (param i64) (result i64) (local {}) {body})", "i64 ".repeat(1_999)),
            "i64.const 1 call $f drop",
        )
    };
    let many_parameters = {
        let params = "v128 ".repeat(900);
        let gets: String = (0..900).map(|i| format!("local.get {i} ")).collect();
        let zeros = "v128.const i64x2 0 0 ".repeat(900);
        guest(&format!("(func $f (param {params}) {gets} call $f)"), &format!("{zeros} call $f"))
    };
    let many_results = {
        let results = "v128 ".repeat(900);
        guest(&format!("(func $f (result {results}) call $f)"), &format!("call $f {}", "drop ".repeat(900)))
    };
    let modules = [
        guest("(func $f call $f)", "call $f"),
        hoarder(1_000, false),
        hoarder(20_000, false),
        hoarder(1_000, true),
        hoarder(10_000, true),
        many_locals,
        many_parameters,
        many_results,
    ];
    for (index, module) in modules.iter().enumerate() {
        let outcome = run_with(module, limits()).outcome;
        assert_eq!(outcome.status, trapped(TrapKind::StackExhausted), "module {index}");
    }
}

#[test]
fn memory_grows_to_the_limit_and_never_beyond() {
    let page = 65_536;
    let module = |limit: u64, body: &str| {
        let limits = Limits { memory_bytes_max: limit, ..limits() };
        run_with(&guest("", &format!("{body} call $exit")), limits).outcome.status
    };
    assert_eq!(module(4 * page, "i32.const 3 memory.grow"), exited(1));
    assert_eq!(module(4 * page - 1, "i32.const 3 memory.grow"), exited(u32::MAX));
    assert_eq!(module(4 * page, "i32.const 4 memory.grow"), exited(u32::MAX));
    assert_eq!(module(4 * page, "i32.const 4 memory.grow drop memory.size"), exited(1));
    assert_eq!(module(4 * page, "i32.const 0 memory.grow"), exited(1));
    // Memory that was got is there, and zero.
    assert_eq!(module(4 * page, "i32.const 3 memory.grow drop i32.const 262140 i32.load"), exited(0));
    // Beyond 32 bits, after a growth that worked.
    assert_eq!(module(4 * page, "i32.const 1 memory.grow drop i32.const -1 memory.grow"), exited(u32::MAX));
    assert_eq!(
        module(4 * page, "i32.const 1 memory.grow drop i32.const 65536 memory.grow"),
        exited(u32::MAX)
    );
}

#[test]
fn a_memory_declared_with_a_maximum_keeps_it() {
    let module = wasm(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1 2)
            (func (export "_start") i32.const 1 memory.grow drop i32.const 1 memory.grow call $exit))"#,
    );
    assert_eq!(run_with(&module, limits()).outcome.status, exited(u32::MAX));
}

#[test]
fn all_of_four_gibibytes_can_be_had() {
    let body = "i32.const 65535 memory.grow drop i32.const -4 i32.const 9 i32.store
         i32.const -4 i32.load memory.size i32.add call $exit";
    let limits = Limits { memory_bytes_max: 4 << 30, ..limits() };
    assert_eq!(run_with(&guest("", body), limits).outcome.status, exited(65_536 + 9));
}

#[test]
fn tables_grow_to_the_limit_and_never_beyond() {
    let table = "(table 1 funcref)";
    assert_eq!(value(table, "ref.null func i32.const 1048575 table.grow 0"), 1);
    assert_eq!(value(table, "ref.null func i32.const 1048576 table.grow 0"), u32::MAX);
    assert_eq!(value(table, "ref.null func i32.const -1 table.grow 0"), u32::MAX);
    assert_eq!(value("(table 1 4 funcref)", "ref.null func i32.const 4 table.grow 0"), u32::MAX);
}

#[test]
fn a_module_that_begins_beyond_the_job_s_memory_is_refused() {
    let module = guest("", "");
    let small = run_with(&module, Limits { memory_bytes_max: 65_535, ..limits() });
    assert_eq!(small.outcome.status, Status::Refused { reason: Refusal::TooLarge });
    assert_eq!(small.outcome.fuel_used, 0);
    assert!(small.refusal_detail.is_some_and(|detail| detail.contains("memory_bytes_max")));
    assert_eq!(run_with(&module, Limits { memory_bytes_max: 65_536, ..limits() }).outcome.status, exited(0));
}

#[test]
fn huge_sizes_cost_before_they_are_tried() {
    // Four gibibytes of fill trap out of bounds, but the fuel for them is due first.
    let body = "i32.const 0 i32.const 0 i32.const -1 memory.fill";
    let (status, fuel) = run("", body);
    assert_eq!((status, fuel), (trapped(TrapKind::MemoryOutOfBounds), 6 + 100 + (u64::from(u32::MAX) >> 3)));
    let poor = run_with(&guest("", body), Limits { fuel_limit: 1_000_000, ..limits() }).outcome;
    assert_eq!(poor.status, Status::OutOfFuel);
}
