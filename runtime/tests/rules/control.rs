//! Control flow of every shape gives what it gave before the rewrite.

use super::{program, run, run_with, shown32};
use lilypad_abi::{Status, TrapKind};

#[test]
fn values_leave_nested_blocks_for_the_outermost_label() {
    // The label of the function's own body is the one that the rewrite adds a block for.
    let fields = "(func $f (param i32) (result i32)
        (block (result i32) (block (result i32)
            (loop (result i32)
                (br_if 3 (i32.const 11) (i32.eq (local.get 0) (i32.const 1)))
                (if (i32.eq (local.get 0) (i32.const 2)) (then (br 4 (i32.const 22))))
                (if (i32.eq (local.get 0) (i32.const 3)) (then (return (i32.const 33))))
                (br_table 1 2 3 (i32.const 44) (i32.sub (local.get 0) (i32.const 4)))))
            (i32.add (i32.const 100)))
        (i32.add (i32.const 1000)))";
    // 4 leaves the inner block, 5 the outer one, 6 and above the function.
    let calls: String =
        [1, 2, 3, 4, 5, 6, 7].iter().map(|n| format!("(call $show32 (call $f (i32.const {n})))")).collect();
    assert_eq!(shown32(fields, &calls), [11, 22, 33, 1144, 1044, 44, 44]);
}

#[test]
fn several_results_by_every_exit() {
    let fields = "(func $f (param i32) (result i32 i64 i32)
        (block (br_if 0 (i32.ne (local.get 0) (i32.const 0))) (return (i32.const 1) (i64.const 2) (i32.const 3)))
        (block (br_if 0 (i32.ne (local.get 0) (i32.const 1))) (br 1 (i32.const 4) (i64.const 5) (i32.const 6)))
        (i32.const 99)
        (i32.const 7) (i64.const 8) (i32.const 9)
        (br_if 0 (i32.eq (local.get 0) (i32.const 2)))
        drop drop drop drop
        (i32.const 10) (i64.const 11) (i32.const 12))
        (func $g (param i32) (call $f (local.get 0)) (call $show32) (call $show32 (i32.wrap_i64)) (call $show32))";
    let calls: String = [0, 1, 2, 3].iter().map(|n| format!("(call $g (i32.const {n}))")).collect();
    assert_eq!(shown32(fields, &calls), [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
}

#[test]
fn blocks_and_loops_with_parameters() {
    let start = "(local $n i32)
        (i32.const 0) (i32.const 5)
        (loop $l (param i32 i32) (result i32)
            local.set $n
            (i32.add (local.get $n))
            (i32.sub (local.get $n) (i32.const 1))
            (br_if $l (i32.gt_s (local.get $n) (i32.const 1)))
            drop)
        call $show32
        (i32.const 3) (i32.const 4)
        (block (param i32 i32) (result i32) i32.mul)
        (if (param i32) (result i32) (i32.const 1) (then (i32.add (i32.const 1))) (else drop (i32.const 0)))
        call $show32";
    assert_eq!(shown32("", start), [15, 13]);
}

#[test]
fn code_that_is_never_reached_changes_nothing() {
    let dead = "f32.add drop f64.sqrt drop memory.grow drop drop
        memory.fill i32x4.add f32x4.div drop
        (block (result i32) i32.const 1 br 0 call $show32 i32.const 5 i32.add) drop
        (loop br 0) (if (then return) (else unreachable))
        br_table 0 0 0 select drop call_indirect (param i32)";
    let value = "f32.add drop memory.grow i32.const 3 br_if 0 drop f32x4.sqrt drop call $show32 memory.grow";
    let start = format!(
        "(block (br 0) {dead}) (call $show32 (i32.const 1))
         (block (br_table 0 0 (i32.const 7)) {dead})
         (call $show32 (block (result i32) (i32.const 2) (br 0) {value}))
         (return) {dead}"
    );
    assert_eq!(shown32("(table 1 funcref)", &start), [1, 2]);
}

#[test]
fn the_start_function_runs_first_and_once() {
    let fields = "(global $g (mut i32) (i32.const 40))
        (func $init (global.set $g (i32.add (global.get $g) (i32.const 1))) (call $show32 (global.get $g)))
        (start $init)";
    assert_eq!(shown32(fields, "(call $show32 (i32.add (global.get $g) (i32.const 1)))"), [41, 42]);
}

#[test]
fn a_start_function_may_end_the_job() {
    let exit = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func $init (call $exit (i32.const 7))) (start $init)
        (func (export "_start") unreachable))"#;
    assert_eq!(run(exit).outcome.status, Status::Exited { code: 7 });
}

#[test]
fn calls_by_table_globals_and_selects() {
    let fields = "(type $t (func (param i32) (result i32)))
        (table 4 funcref) (elem (i32.const 0) $double $square)
        (elem $passive func $square $double)
        (global $g (mut i64) (i64.const 5))
        (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
        (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))";
    let start = "(call $show32 (call_indirect (type $t) (i32.const 7) (i32.const 0)))
        (call $show32 (call_indirect (type $t) (i32.const 7) (i32.const 1)))
        (table.init $passive (i32.const 2) (i32.const 0) (i32.const 2))
        (call $show32 (call_indirect (type $t) (i32.const 9) (i32.const 2)))
        (table.copy (i32.const 0) (i32.const 2) (i32.const 2))
        (call $show32 (call_indirect (type $t) (i32.const 9) (i32.const 0)))
        (table.set (i32.const 3) (ref.func $square))
        (call $show32 (ref.is_null (table.get (i32.const 3))))
        (table.fill (i32.const 0) (ref.null func) (i32.const 4))
        (call $show32 (ref.is_null (table.get (i32.const 3))))
        (call $show32 (table.grow (ref.null func) (i32.const 3)))
        (call $show32 (table.size))
        (global.set $g (i64.add (global.get $g) (i64.const 1)))
        (call $show32 (i32.wrap_i64 (global.get $g)))
        (call $show32 (select (i32.const 1) (i32.const 2) (i32.const 0)))
        (call $show32 (ref.is_null (select (result funcref) (ref.func $double) (ref.null func) (i32.const 1))))
        elem.drop $passive";
    assert_eq!(shown32(fields, start), [14, 49, 81, 81, 0, 1, 4, 7, 6, 2, 0]);
}

#[test]
fn tail_calls_take_no_stack() {
    // A hundred times what the counted stack holds of frames that stay.
    let fields = "(table funcref (elem $down $again))
        (func $down (param i32 i64) (result i64)
            (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
            (return_call $again (local.get 1) (i32.sub (local.get 0) (i32.const 1))))
        (func $again (param i64 i32) (result i64) (local i64 i64 i64 i64)
            (return_call_indirect (param i32 i64) (result i64)
                (local.get 1) (i64.add (local.get 0) (i64.const 2)) (i32.const 0)))";
    let start = "(call $show32 (i32.wrap_i64 (call $down (i32.const 10000000) (i64.const 1))))";
    assert_eq!(shown32(fields, start), [20_000_001]);
}

#[test]
fn a_tail_call_gives_the_frame_back_and_nothing_more() {
    // Frames that stay under one that is replaced: the stack ends where it would have.
    let fields = "(func $stay (param i32) (result i32)
            (if (local.get 0) (then (return (i32.add (i32.const 1) (call $hop (i32.sub (local.get 0) (i32.const 1)))))))
            (i32.const 0))
        (func $hop (param i32) (result i32) (return_call $stay (local.get 0)))";
    assert_eq!(shown32(fields, "(call $show32 (call $stay (i32.const 100000)))"), [100_000]);
    let endless = program(fields, "(drop (call $stay (i32.const -1)))");
    super::assert_trap(&run(&endless), TrapKind::StackExhausted);
}

#[test]
fn endless_tail_calls_run_out_of_fuel() {
    let text = program("(func $f (return_call $g)) (func $g (return_call $f))", "(return_call $f)");
    let outcome = run_with(&text, 1_000_000).outcome;
    assert_eq!((outcome.status, outcome.fuel_used), (Status::OutOfFuel, 1_000_000));
}

#[test]
fn the_host_can_be_tail_called() {
    let fields = "(func $leave (param i32) (return_call $exit (local.get 0)))";
    let outcome = run(&program(fields, "(return_call $leave (i32.const 3))")).outcome;
    assert_eq!(outcome.status, Status::Exited { code: 3 });
}
