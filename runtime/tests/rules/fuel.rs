//! Fuel is exact: pinned numbers, and the same end at every limit.

use super::{PLENTY, program, run, run_with};
use lilypad_abi::Status;

/// Programs of every shape of control flow, loops and calls.
const PROGRAMS: &[(&str, &str)] = &[
    ("", ""),
    ("", "(block (loop (br 1)))"),
    (
        "",
        "(local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9))))",
    ),
    (
        "(func $fib (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                               (call $fib (i32.sub (local.get 0) (i32.const 2)))))))",
        "(call $show32 (call $fib (i32.const 5)))",
    ),
    ("", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 333)) (call $show32 (i32.const 1))"),
    ("(func $f (return))", "(if (i32.const 0) (then (call $f)) (else (call $f) (call $f)))"),
    ("(func $init (call $show32 (i32.const 3))) (start $init)", "(call $show32 (i32.const 4))"),
    ("", "(drop (memory.grow (i32.const 1)))"),
    ("", "(call $exit (i32.const 3))"),
];

#[test]
fn at_every_limit_below_what_it_needs_a_job_is_out_of_fuel() {
    for (fields, start) in PROGRAMS {
        let text = program(fields, start);
        let whole = run(&text).outcome;
        let used = whole.fuel_used;
        let enough = run_with(&text, used).outcome;
        assert_eq!((enough.status, enough.fuel_used, &enough.journal), (whole.status, used, &whole.journal));
        let step = usize::try_from(used / 60 + 1).unwrap();
        for limit in (0..used).step_by(step).chain([used - 1]) {
            let outcome = run_with(&text, limit).outcome;
            assert_eq!((outcome.status, outcome.fuel_used), (Status::OutOfFuel, limit), "{start}");
            assert!(whole.journal.starts_with(&outcome.journal), "{start}");
        }
    }
}

#[test]
fn an_endless_loop_ends() {
    for start in [
        "(loop (br 0))",
        "(loop (loop (br 1)))",
        "(loop (br_table 0 0 0 (i32.const 1)))",
        "(loop (drop (memory.grow (i32.const 0))) (br 0))",
        "(loop (if (i32.const 1) (then (br 1))) (br 0))",
        "(loop (call $show32 (i32.const 1)) (br 0))",
    ] {
        let outcome = run_with(&program("", start), 1_000_000).outcome;
        assert_eq!((outcome.status, outcome.fuel_used), (Status::OutOfFuel, 1_000_000), "{start}");
    }
}

#[test]
fn sizes_are_charged_as_unsigned_and_before_the_work() {
    for (start, at_least) in [
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))", 1 << 28),
        ("(memory.copy (i32.const 0) (i32.const 0) (i32.const -1))", 1 << 28),
        // No memory or table can grow by more than these, and what can't happen isn't paid for.
        ("(drop (memory.grow (i32.const -1)))", 65_536 * 4_096),
        ("(drop (table.grow (ref.null func) (i32.const -1)))", 4 << 20),
        ("(table.fill (i32.const 0) (ref.null func) (i32.const -1))", 1 << 32),
    ] {
        let text = program("(table 1 funcref)", start);
        let outcome = run_with(&text, at_least - 1).outcome;
        assert_eq!((outcome.status, outcome.fuel_used), (Status::OutOfFuel, at_least - 1), "{start}");
        let used = run_with(&text, 1 << 61).outcome.fuel_used;
        assert!(used >= at_least && used < 1 << 46, "{start}: {used}");
    }
}

#[test]
fn nothing_wraps_at_the_largest_limit() {
    let start = "(local i32) (loop
        (drop (memory.grow (i32.const -1)))
        (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100))))";
    let text = program("", start);
    let used = run_with(&text, 1 << 61).outcome.fuel_used;
    let low = run_with(&text, used).outcome;
    assert_eq!((low.status, low.fuel_used), (Status::Exited { code: 0 }, used));
    assert_eq!(run_with(&text, used - 1).outcome.status, Status::OutOfFuel);
}

#[test]
fn the_limit_is_all_that_an_overdrawn_job_owes() {
    // A straight run of expensive work between two checks may overdraw; the price may not.
    let start = "(i64.div_u (i64.const 1) (i64.const 1)) drop ".repeat(10_000);
    let outcome = run_with(&program("", &start), 50).outcome;
    assert_eq!((outcome.status, outcome.fuel_used), (Status::OutOfFuel, 50));
}

#[test]
fn no_host_call_is_made_in_debt() {
    let text = program("", &format!("{} (call $show32 (i32.const 1))", "(drop (i32.const 1)) ".repeat(100)));
    let whole = run_with(&text, PLENTY).outcome;
    assert_eq!(whole.journal.len(), 4);
    for limit in [0, 1, 50, 99, 150, 200] {
        let outcome = run_with(&text, limit).outcome;
        assert_eq!(outcome.status, Status::OutOfFuel);
        assert!(outcome.journal.is_empty());
    }
}
