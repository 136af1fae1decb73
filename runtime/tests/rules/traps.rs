//! Each kind of trap, and the fuel that a guest owes when it ends in one.

use super::{assert_trap, program, run, run_with};
use lilypad_abi::{Status, TrapKind};

/// Something that traps, in a program with an empty table slot and functions of two types.
const TRAPS: &[(&str, TrapKind)] = &[
    ("unreachable", TrapKind::Unreachable),
    ("(drop (i32.load (i32.const -1)))", TrapKind::MemoryOutOfBounds),
    ("(i64.store offset=65530 (i32.const 0) (i64.const 0))", TrapKind::MemoryOutOfBounds),
    ("(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))", TrapKind::MemoryOutOfBounds),
    ("(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))", TrapKind::MemoryOutOfBounds),
    ("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 9))", TrapKind::MemoryOutOfBounds),
    ("(drop (table.get (i32.const 3)))", TrapKind::TableOutOfBounds),
    ("(table.fill (i32.const 0) (ref.null func) (i32.const 4))", TrapKind::TableOutOfBounds),
    ("(call_indirect (i32.const 3))", TrapKind::TableOutOfBounds),
    ("(call_indirect (i32.const 2))", TrapKind::IndirectCallToNull),
    ("(call_indirect (param i32) (i32.const 0) (i32.const 0))", TrapKind::BadSignature),
    ("(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))", TrapKind::IntegerOverflow),
    ("(drop (i32.trunc_f32_s (f32.const 3e9)))", TrapKind::IntegerOverflow),
    ("(drop (i64.rem_u (i64.const 1) (i64.const 0)))", TrapKind::IntegerDivisionByZero),
    ("(drop (i32.trunc_f64_s (f64.const nan)))", TrapKind::BadConversionToInteger),
];

const FIELDS: &str = r#"(table 3 funcref) (elem (i32.const 0) $nothing $nothing) (func $nothing)
    (data $d "12345678")"#;

#[test]
fn every_kind_has_its_number() {
    for (code, kind) in TRAPS {
        assert_trap(&run(&program(FIELDS, code)), *kind);
    }
}

/// Fuel of a call-free loop of `turns` turns that is followed by `code`.
fn fuel_of_loop_then(turns: u32, code: &str) -> u64 {
    let start = format!(
        "(local $i i32) (local.set $i (i32.const {turns}))
         (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) {code}"
    );
    let outcome = run(&program(FIELDS, &start)).outcome;
    assert!(matches!(outcome.status, Status::Trapped { .. }), "{:?}", outcome.status);
    outcome.fuel_used
}

#[test]
fn a_trap_costs_what_came_before_it() {
    for (code, _) in TRAPS {
        let (few, many) = (fuel_of_loop_then(1_000, code), fuel_of_loop_then(3_000, code));
        // A turn: loop, sub, tee, br_if.
        assert_eq!(many - few, 2_000 * 4, "{code}");
        assert!((4_000..5_000).contains(&few), "{code}: {few}");
    }
}

#[test]
fn a_trap_in_a_callee_costs_exactly_too() {
    for (code, kind) in TRAPS {
        let fields = |turns: u32| {
            format!(
                "{FIELDS} (func $inner (local $i i32) (local.set $i (i32.const {turns}))
                   (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) {code})"
            )
        };
        let used = |turns| {
            let execution = run(&program(&fields(turns), "(call $nothing) (call $inner)"));
            assert_trap(&execution, *kind);
            execution.outcome.fuel_used
        };
        assert_eq!(used(500) - used(100), 400 * 4, "{code}");
    }
}

#[test]
fn a_limit_that_a_trap_just_reaches() {
    for (code, kind) in TRAPS {
        let text = program(FIELDS, &format!("(drop (i32.const 1)) {code}"));
        let used = run(&text).outcome.fuel_used;
        let enough = run_with(&text, used).outcome;
        assert_eq!((enough.status, enough.fuel_used), (Status::Trapped { kind: *kind }, used), "{code}");
        let short = run_with(&text, used - 1).outcome;
        assert_eq!((short.status, short.fuel_used), (Status::OutOfFuel, used - 1), "{code}");
    }
}

#[test]
fn segments_that_do_not_fit_trap_before_any_fuel() {
    for (field, kind) in [
        (r#"(data (i32.const 65535) "ab")"#, TrapKind::MemoryOutOfBounds),
        ("(table 1 funcref) (func $f) (elem (i32.const 1) $f)", TrapKind::TableOutOfBounds),
    ] {
        let execution = run(&program(field, ""));
        assert_trap(&execution, kind);
        assert_eq!(execution.outcome.fuel_used, 0);
    }
}
