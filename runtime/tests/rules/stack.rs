//! The counted stack: its end is a fact of the program, and comes before the native one's.

use super::{assert_trap, program, run, run_with, shown32};
use lilypad_abi::{Status, TrapKind};
use std::fmt::Write as _;

/// Recurses forever and counts how deep it got, telling the host at every 64th call.
fn recursion(locals: &str, work: &str) -> String {
    program(
        &format!(
            "(global $depth (mut i32) (i32.const 0))
             (func $f {locals} (global.set $depth (i32.add (global.get $depth) (i32.const 1))) {work} (call $f) {work})"
        ),
        "(call $f)",
    )
}

#[test]
fn endless_recursion_is_a_trap_with_exact_fuel() {
    let execution = run(&recursion("", ""));
    assert_trap(&execution, TrapKind::StackExhausted);
    let used = execution.outcome.fuel_used;
    let text = recursion("", "");
    assert_trap(&run_with(&text, used), TrapKind::StackExhausted);
    let short = run_with(&text, used - 1).outcome;
    assert_eq!((short.status, short.fuel_used), (Status::OutOfFuel, used - 1));
}

#[test]
fn larger_frames_end_sooner() {
    let depth = |locals: &str| run(&recursion(locals, "")).outcome.fuel_used;
    let (small, large) = (depth("(local i32)"), depth(&format!("(local {})", "i64 ".repeat(1000))));
    assert!(small > 10 * large, "{small} {large}");
}

#[test]
fn the_stack_is_given_back() {
    let fields = "(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))";
    let start = "(local i32) (loop (call $down (i32.const 1000))
        (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000))))
        (call $show32 (local.get 0))";
    assert_eq!(shown32(fields, start), [1000]);
}

#[test]
fn a_guest_can_go_deep() {
    // Interpreters and parsers recurse; ten thousand calls of an ordinary function are common.
    let fields = "(func $sum (param i32) (result i32) (if (result i32) (local.get 0)
        (then (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))";
    assert_eq!(shown32(fields, "(call $show32 (call $sum (i32.const 10000)))"), [50_005_000]);
}

/// Frames that compilers make as large as they can: the native stack must outlast the counted one.
#[test]
fn the_worst_frames_end_as_counted() {
    // Many values, all alive across the call, computed again after it so that an optimiser keeps them.
    let mut vectors = String::new();
    for n in 0..400 {
        write!(
            vectors,
            "(local.set $acc (v128.xor (local.get $acc) (f32x4.mul (v128.load offset={n} (i32.const 0)) \
             (local.get $x))))"
        )
        .unwrap();
    }
    let vectors_twice = recursion("(local $acc v128) (local $x v128)", &vectors);
    let mut constants = String::new();
    for n in 0..400 {
        write!(
            constants,
            "(local.set $acc (i64.add (local.get $acc) (i64.mul (global.get $g) (i64.const {}))))",
            0x1234_5678_9abc_i64 + n * 7_777_777
        )
        .unwrap();
    }
    let constants = recursion("(local $acc i64)", &constants)
        .replace("(global $depth", "(global $g i64 (i64.const 3)) (global $depth");
    // A chain of roots: each value is made by one operator of one byte.
    let chain =
        format!("(local.set $x (local.get $y)) {}", "(local.set $x (f32x4.sqrt (local.get $x)))".repeat(300));
    let chain = recursion("(local $x v128) (local $y v128)", &chain);
    // Operands only: deep operand stacks of vectors across a call.
    let operands = format!(
        "(module (memory (export \"memory\") 1)
           (func $f {} (call $f) {}) (func (export \"_start\") (call $f)))",
        (0..500).map(|n| format!("(v128.load offset={n} (i32.const 0)) ")).collect::<String>(),
        "drop ".repeat(500),
    );
    let operands_used = format!(
        "(module (memory (export \"memory\") 1)
           (func $f {} (call $f) {} (v128.store (i32.const 0))) (func (export \"_start\") (call $f)))",
        (0..500).map(|n| format!("(v128.load offset={n} (i32.const 0)) ")).collect::<String>(),
        "i32x4.add ".repeat(499),
    )
    .replace("(func $f (v128.load", "(func $f (i32.const 0) (v128.load")
    .replace("(v128.store (i32.const 0))", "v128.store");
    // Results and parameters on the stack of every call.
    let many = "i64 ".repeat(200);
    let wide = format!(
        "(module (memory (export \"memory\") 1)
           (func $f (param {many}) (result {many}) {gets} (call $f))
           (func (export \"_start\") {zeros} (call $f) {drops}))",
        gets = (0..200).map(|n| format!("(local.get {n}) ")).collect::<String>(),
        zeros = "(i64.const 0) ".repeat(200),
        drops = "drop ".repeat(200),
    );
    for (name, text) in [
        ("vectors", &vectors_twice),
        ("constants", &constants),
        ("chain", &chain),
        ("operands", &operands),
        ("operands used", &operands_used),
        ("wide", &wide),
    ] {
        let execution = run(text);
        assert_eq!(execution.outcome.status, Status::Trapped { kind: TrapKind::StackExhausted }, "{name}");
    }
}
