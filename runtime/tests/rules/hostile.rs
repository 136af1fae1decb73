//! Modules made to hurt: each is refused or runs to an Outcome, and none is the host's fault.

use super::{assert_refused, run, run_bytes, run_with};
use lilypad_abi::{Refusal, Status};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

/// A module whose `_start` is made by hand.
fn module(function: &Function) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("_start", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    code.function(function);
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// A body of `raw` operators.
fn body(locals: &[(u32, ValType)], raw: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut function = Function::new(locals.iter().copied());
    function.raw(raw);
    function.instructions().end();
    module(&function)
}

/// Refused as too large, or run; anything but a host's fault.
#[track_caller]
fn survives(module: Vec<u8>, what: &str) {
    let status = run_bytes(module, 1_000_000).outcome.status;
    assert!(!matches!(status, Status::Refused { reason: Refusal::Malformed }), "{what}: {status:?}");
}

#[test]
fn billions_of_locals() {
    let max = (u32::MAX, ValType::I64);
    assert_refused(&run_bytes(body(&[max], []), 1), Refusal::TooLarge, "locals");
    assert_refused(&run_bytes(body(&[max, max, max], []), 1), Refusal::TooLarge, "locals");
    assert_refused(&run_bytes(body(&[(60_000, ValType::V128)], []), 1), Refusal::TooLarge, "locals");
    survives(body(&[(20_000, ValType::V128)], []), "as many locals as there may be");
}

#[test]
fn deep_nesting() {
    for depth in [3_000, 200_000] {
        let blocks = (0..depth).flat_map(|_| [0x02, 0x40]).chain((0..depth).map(|_| 0x0b));
        survives(body(&[], blocks), "blocks");
        let loops = (0..depth).flat_map(|_| [0x03, 0x40]).chain((0..depth).map(|_| 0x0b));
        survives(body(&[], loops), "loops");
        let ifs = (0..depth).flat_map(|_| [0x41, 1, 0x04, 0x40]).chain((0..depth).map(|_| 0x0b));
        survives(body(&[], ifs), "ifs");
    }
}

/// `br_table` with so many targets, all of them the body itself.
fn table(targets: u32) -> Vec<u8> {
    let mut function = Function::new([]);
    let labels = vec![0; usize::try_from(targets).unwrap()];
    function.instructions().i32_const(0).br_table(labels, 0).end();
    module(&function)
}

#[test]
fn a_giant_br_table() {
    survives(table(32_768), "as many targets as there may be");
    for targets in [32_769, 65_521, 1_000_000] {
        assert_refused(&run_bytes(table(targets), 1), Refusal::TooLarge, "branch targets");
    }
}

#[test]
fn bodies_that_the_rewrite_makes_too_long_for_an_engine() {
    // f64.sqrt is one byte and becomes about twenty; f32x4.add is three and becomes forty.
    let roots =
        |count| [0x44, 0, 0, 0, 0, 0, 0, 0, 0].into_iter().chain((0..count).map(|_| 0x9f)).chain([0x1a]);
    survives(body(&[], roots(20_000)), "f64.sqrt");
    for count in [400_000, 2_000_000] {
        assert_refused(&run_bytes(body(&[], roots(count)), 1), Refusal::TooLarge, "metered");
    }
    let start = [0x20, 0].into_iter().chain((0..300_000).flat_map(|_| [0xfd, 0xe3, 0x01])).chain([0x1a]);
    assert_refused(&run_bytes(body(&[(1, ValType::V128)], start), 1), Refusal::TooLarge, "metered");
}

#[test]
fn more_blocks_than_a_compiler_takes_well() {
    let loops = |count| (0..count).flat_map(|_| [0x03, 0x40, 0x0b]);
    survives(body(&[], loops(2_000)), "loops one after another");
    assert_refused(&run_bytes(body(&[], loops(5_001)), 1), Refusal::TooLarge, "basic blocks");
    let grows = [0x41, 0].into_iter().chain((0..10_001).flat_map(|_| [0x40, 0])).chain([0x1a]);
    assert_refused(&run_bytes(body(&[], grows), 1), Refusal::TooLarge, "basic blocks");
    // Each function is within its bound, all together are not.
    let one = format!("(func {})", "(loop)".repeat(4_900));
    let text = format!(r#"(module (memory (export "memory") 1) (func (export "_start")) {})"#, one.repeat(6));
    assert_refused(&run(&text), Refusal::TooLarge, "squared");
}

#[test]
fn many_functions() {
    let mut functions = String::new();
    for n in 0..20_000 {
        functions.push_str(&format!("(func (export \"f{n}\"))"));
    }
    let text = format!(r#"(module (memory (export "memory") 1) (func (export "_start")) {functions})"#);
    let status = run(&text).outcome.status;
    assert!(
        matches!(status, Status::Exited { .. } | Status::Refused { reason: Refusal::TooLarge }),
        "{status:?}"
    );
}

#[test]
fn hidden_globals_are_out_of_reach() {
    // The guest's own globals end where the hidden ones begin, and an index beyond them is not valid.
    for index in [0, 1, 2] {
        let raw = [0x42, 0x00, 0x24, index];
        assert_refused(&run_bytes(body(&[], raw), 1), Refusal::Malformed, "");
    }
}

#[test]
fn a_deep_operand_stack() {
    for count in [10_000, 100_000] {
        let raw = (0..count).flat_map(|_| [0x41, 0x00]).chain((0..count).map(|_| 0x1a));
        survives(body(&[], raw), "operands");
    }
}

#[test]
fn out_of_fuel_beats_every_kind_of_wait() {
    let text = r#"(module (memory (export "memory") 1) (func $f (call $f)) (func (export "_start") (loop (call $f) (br 0))))"#;
    assert_eq!(run_with(text, 1000).outcome.status, Status::OutOfFuel);
}
