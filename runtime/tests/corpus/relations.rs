//! What holds between the fuel of jobs whatever the cost table says.
//!
//! Figures in the corpus move with the table; these may not.

use crate::{end_of, job};
use lilypad_abi::{Status, TrapKind};

/// A loop of so many turns without a call, and what follows it.
fn turns(count: u32, then: &str) -> (Status, u64) {
    let start = format!(
        "(local $i i32)
         (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))
         {then}"
    );
    end_of(&job("(table 2 funcref)", &start), then)
}

const TRAPS: &[(&str, TrapKind)] = &[
    ("unreachable", TrapKind::Unreachable),
    ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", TrapKind::IntegerDivisionByZero),
    ("(drop (i32.load (i32.const -1)))", TrapKind::MemoryOutOfBounds),
    ("(i64.store (i32.const 65529) (i64.const 1))", TrapKind::MemoryOutOfBounds),
    ("(drop (i32.trunc_f32_s (f32.const nan)))", TrapKind::BadConversionToInteger),
    ("(call_indirect (i32.const 0))", TrapKind::IndirectCallToNull),
    ("(call_indirect (i32.const 2))", TrapKind::TableOutOfBounds),
    ("(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))", TrapKind::MemoryOutOfBounds),
];

#[test]
fn a_loop_costs_at_least_its_turns_however_it_ends() {
    for then in TRAPS.iter().map(|(code, _)| *code).chain(["", "(call $proc_exit (i32.const 1))"]) {
        let ((_, few), (_, many)) = (turns(1_000, then), turns(101_000, then));
        assert!(many - few >= 100_000, "{then}: {few} and {many}");
    }
}

#[test]
fn a_trap_costs_what_an_exit_at_its_place_costs_give_or_take_a_region() {
    let (_, exited) = turns(10_000, "(call $proc_exit (i32.const 1))");
    for (then, kind) in TRAPS {
        let (status, fuel) = turns(10_000, then);
        assert_eq!(status, Status::Trapped { kind: *kind }, "{then}");
        assert!(fuel.abs_diff(exited) < 2_000, "{then}: {fuel}, and {exited} for an exit");
    }
}

#[test]
fn fuel_is_what_it_takes_and_one_less_is_too_little() {
    for (then, _) in TRAPS {
        let start = format!(
            "(local $i i32)
             (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
             {then}"
        );
        let mut job = job("(table 2 funcref)", &start);
        let (status, fuel) = end_of(&job, then);
        job.spec.limits.fuel_limit = fuel;
        assert_eq!(end_of(&job, then), (status, fuel), "{then}: with exactly what it takes");
        job.spec.limits.fuel_limit = fuel - 1;
        assert_eq!(end_of(&job, then), (Status::OutOfFuel, fuel - 1), "{then}: with one less");
    }
}

#[test]
fn every_limit_between_nothing_and_enough_is_out_of_fuel_at_that_limit() {
    let fields = "(func $f (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0))))";
    let mut job = job(
        fields,
        "(i32.store (i32.const 0) (call $f (i32.const 9))) (drop (call $journal (i32.const 0) (i32.const 4)))",
    );
    let (status, fuel) = end_of(&job, "recursion");
    assert_eq!(status, Status::Exited { code: 0 });
    for limit in (0..fuel).step_by(7) {
        job.spec.limits.fuel_limit = limit;
        assert_eq!(end_of(&job, "recursion"), (Status::OutOfFuel, limit));
    }
}

#[test]
fn calls_that_never_branch_cost_what_they_come_to() {
    // Each doubles what the next costs: small functions, whose fuel nobody checks at their entry, among them.
    for depth in [4_u32, 8, 12, 16] {
        let mut fields = String::new();
        for n in 0..depth {
            fields.push_str(&format!("(func $f{n} (call $f{0}) (call $f{0}))", n + 1));
        }
        fields.push_str(&format!("(func $f{depth})"));
        let (status, fuel) = end_of(&job(&fields, "(call $f0)"), "doubling");
        assert_eq!(status, Status::Exited { code: 0 });
        assert!(fuel >= 1 << depth, "2^{depth} calls cost {fuel}");
    }
}

#[test]
fn the_host_is_asked_for_nothing_that_was_not_paid() {
    // The first write is the last thing that there is fuel for; the second must leave no trace.
    let start = "(drop (call $journal (i32.const 0) (i32.const 8))) (drop (call $journal (i32.const 0) (i32.const 8)))";
    let mut job = job("", start);
    let (_, both) = end_of(&job, "journal");
    let mut written = Vec::new();
    for limit in 0..=both {
        job.spec.limits.fuel_limit = limit;
        let outcome = crate::RUNTIMES[0].run(&job).unwrap().outcome;
        assert_eq!(outcome.status == Status::OutOfFuel, limit < both, "{limit} of {both}");
        written.push(outcome.journal.len());
    }
    assert!(written.is_sorted(), "more fuel can't write less");
    assert_eq!(written.first(), Some(&0));
    assert!(written.contains(&8) && written.last() == Some(&16));
}
