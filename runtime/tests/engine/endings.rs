//! Every way a job ends, and the fuel it ends with.

use super::{exited, guest, limits, run, run_with, trapped, value, wasm};
use lilypad_abi::{Limits, Status, TrapKind};

/// Fuel of a host call that only enters and leaves.
const HOST_CALL: u64 = 800;

#[test]
fn fuel_is_the_sum_of_the_regions_entered() {
    // Six for each function entered, then what the operators cost; see the cost table.
    for (definitions, body, fuel) in [
        ("", "", 6),
        ("", "nop nop", 6),
        ("", "i32.const 1 drop", 6),
        ("", "i32.const 1 i32.const 2 i32.add drop", 6 + 1),
        ("", "block block end end", 6),
        // The condition, and the dearer of two small arms.
        ("", "i32.const 1 if i32.const 7 i32.clz drop else i32.const 7 i32.eqz drop end", 6 + 1 + 3),
        ("", "i32.const 0 if i32.const 7 i32.clz drop else i32.const 7 i32.eqz drop end", 6 + 1 + 3),
        // What is never reached is not paid; what a branch may jump over is paid ahead when it is little.
        ("", "block br 0 i32.const 1 i32.eqz drop end i32.const 1 i32.clz drop", 6 + 2),
        ("", "block i32.const 1 br_if 0 i32.const 1 i32.eqz drop end", 6 + 1 + 3),
        ("", "return", 6),
        ("(func $f)", "call $f call $f", 6 + 2 * 10 + 2 * 6),
        ("(func $f (result i32) i32.const 1 return)", "call $f drop", 6 + 10 + 6),
        // Ten turns of: loop, sub, tee, br_if; and the local's first value.
        (
            "",
            "(local i32) i32.const 10 local.set 0 loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end",
            6 + 1 + 10 * 4,
        ),
        ("", "i32.const 7 i32.const 2 i32.div_s drop", 6 + 15),
        // 33 bytes filled: a hundred for the call into the engine, one for each full eight bytes.
        ("", "i32.const 0 i32.const 1 i32.const 33 memory.fill", 6 + 100 + 4),
        ("", "i32.const 2 memory.grow drop", 6 + 500 + 2 * 131_072),
    ] {
        assert_eq!(run(definitions, body), (exited(0), fuel), "{body}");
    }
}

#[test]
fn exits_carry_the_code_and_the_exact_fuel() {
    assert_eq!(run("", "i32.const 42 call $exit"), (exited(42), 6 + 10 + HOST_CALL));
    assert_eq!(run("", "i32.const -1 call $exit unreachable"), (exited(u32::MAX), 6 + 10 + 1 + HOST_CALL));
}

#[test]
fn every_trap_has_its_kind_and_pays_its_block() {
    let table = "(table 2 2 funcref) (elem (i32.const 0) func $f) (func $f (param i32))";
    for (definitions, body, kind, fuel) in [
        ("", "unreachable", TrapKind::Unreachable, 6 + 1),
        ("", "i32.const 65533 i32.load drop", TrapKind::MemoryOutOfBounds, 6 + 3),
        ("", "i32.const -1 i32.const 0 i32.store8 offset=4294967295", TrapKind::MemoryOutOfBounds, 6 + 1),
        (
            "",
            "i32.const 65536 i32.const 0 i32.const 16 memory.fill",
            TrapKind::MemoryOutOfBounds,
            6 + 100 + 2,
        ),
        (table, "i32.const 9 table.get 0 drop", TrapKind::TableOutOfBounds, 6 + 11),
        (table, "i32.const 9 call_indirect", TrapKind::TableOutOfBounds, 6 + 14),
        (table, "i32.const 1 call_indirect", TrapKind::IndirectCallToNull, 6 + 14),
        (table, "i32.const 0 call_indirect", TrapKind::BadSignature, 6 + 14),
        ("", "i32.const 0x80000000 i32.const -1 i32.div_s drop", TrapKind::IntegerOverflow, 6 + 15),
        ("", "i64.const 1 i64.const 0 i64.rem_u drop", TrapKind::IntegerDivisionByZero, 6 + 18),
        ("", "f64.const nan i32.trunc_f64_s drop", TrapKind::BadConversionToInteger, 6 + 8),
        ("", "f32.const 1e30 i64.trunc_f32_s drop", TrapKind::IntegerOverflow, 6 + 8),
    ] {
        assert_eq!(run(definitions, body), (trapped(kind), fuel), "{body}");
    }
}

#[test]
fn a_trap_after_a_loop_without_calls_pays_for_the_loop() {
    let (status, fuel) = run(
        "",
        "(local i32) i32.const 1000 local.set 0
         loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end
         i32.const 1 i32.const 0 i32.div_u drop",
    );
    assert_eq!(status, trapped(TrapKind::IntegerDivisionByZero));
    assert_eq!(fuel, 6 + 1 + 1000 * 4 + 15);
}

#[test]
fn a_trap_below_a_call_pays_for_both_functions() {
    let definitions = "(func $f (local i32) i32.const 10 local.set 0
         loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end
         i32.const 1 i32.const 0 i32.div_u drop)";
    let (status, fuel) = run(definitions, "call $f i32.const 1 drop");
    assert_eq!(status, trapped(TrapKind::IntegerDivisionByZero));
    assert_eq!(fuel, 6 + 10 + 6 + 1 + 10 * 4 + 15);
}

#[test]
fn the_last_unit_of_fuel_decides() {
    for (definitions, body) in [
        ("", ""),
        ("", "i32.const 3 drop"),
        ("(func $f (result i32) i32.const 1)", "call $f call $exit"),
        (
            "",
            "(local i32) i32.const 9 local.set 0 loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end",
        ),
        ("", "i32.const 0 i32.const 1 i32.const 4096 memory.fill"),
        ("", "i32.const 2 memory.grow drop"),
        ("(table 1 funcref)", "ref.null func i32.const 100 table.grow 0 drop"),
    ] {
        let module = guest(definitions, body);
        let enough = run_with(&module, limits()).outcome;
        let Status::Exited { .. } = enough.status else { panic!("{body}: {enough:?}") };
        let exact = run_with(&module, Limits { fuel_limit: enough.fuel_used, ..limits() }).outcome;
        assert_eq!((exact.status, exact.fuel_used), (enough.status, enough.fuel_used), "{body}");
        for short_by in (1..=enough.fuel_used).take(100) {
            let fuel_limit = enough.fuel_used - short_by;
            let short = run_with(&module, Limits { fuel_limit, ..limits() }).outcome;
            assert_eq!((short.status, short.fuel_used), (Status::OutOfFuel, fuel_limit), "{body}");
        }
    }
}

#[test]
fn endless_loops_and_recursions_end() {
    for (definitions, body) in [
        ("", "loop br 0 end"),
        ("", "loop loop br 1 end end"),
        ("", "loop i32.const 0 i32.const 0 i32.const 65536 memory.fill br 0 end"),
        ("", "loop i32.const -1 memory.grow drop br 0 end"),
        ("(func $f call $g) (func $g)", "loop call $f br 0 end"),
    ] {
        let outcome =
            run_with(&guest(definitions, body), Limits { fuel_limit: 5_000_000, ..limits() }).outcome;
        assert_eq!((outcome.status, outcome.fuel_used), (Status::OutOfFuel, 5_000_000), "{body}");
    }
}

#[test]
fn a_trap_in_debt_is_out_of_fuel_and_never_a_trap() {
    // The division comes after the limit is crossed and before the next check.
    let body = "i32.const 1 if i32.const 1 i32.const 0 i32.div_u drop end";
    let module = guest("", body);
    let rich = run_with(&module, limits()).outcome;
    assert_eq!(rich.status, trapped(TrapKind::IntegerDivisionByZero));
    let poor = run_with(&module, Limits { fuel_limit: rich.fuel_used - 1, ..limits() }).outcome;
    assert_eq!((poor.status, poor.fuel_used), (Status::OutOfFuel, rich.fuel_used - 1));
}

#[test]
fn a_start_function_runs_first_and_pays() {
    let definitions = "(global $g (mut i32) (i32.const 0)) (func $s i32.const 5 global.set $g) (start $s)";
    assert_eq!(value(definitions, "global.get $g"), 5);
    assert_eq!(run(definitions, ""), (exited(0), 6 + 1 + 6));
    assert_eq!(run("(func $s unreachable) (start $s)", ""), (trapped(TrapKind::Unreachable), 6 + 1));
    assert_eq!(run("(func $s i32.const 3 call $exit) (start $s)", "unreachable").0, exited(3));
}

#[test]
fn segments_that_do_not_fit_trap_before_the_first_instruction() {
    let data = r#"(data (i32.const 65535) "ab")"#;
    assert_eq!(run(data, ""), (trapped(TrapKind::MemoryOutOfBounds), 0));
    let elements = "(table 1 funcref) (elem (i32.const 1) func $exit)";
    assert_eq!(run(elements, ""), (trapped(TrapKind::TableOutOfBounds), 0));
}

#[test]
fn branches_to_the_function_and_multiple_values_keep_count() {
    let two = "(func $two (param i32) (result i32 i64)
         local.get 0 if i32.const 1 i64.const 2 br 1 end
         i32.const 3 i64.const 4)";
    assert_eq!(value(two, "i32.const 1 call $two i32.wrap_i64 i32.add"), 3);
    assert_eq!(value(two, "i32.const 0 call $two i32.wrap_i64 i32.add"), 7);
    // `_start`: entry, call. `$two`: entry, if; what its arm and the rest do is free.
    assert_eq!(run(two, "i32.const 1 call $two drop drop").1, (6 + 10) + (6 + 1));
    assert_eq!(run(two, "i32.const 0 call $two drop drop").1, (6 + 10) + (6 + 1));
    let swap = "(func $swap (param i32 i64) (result i64 i32) local.get 1 local.get 0)
         (func $again (param i32 i64) (result i64 i32) local.get 0 local.get 1 call $swap)";
    assert_eq!(
        value(swap, "i32.const 8 i64.const 5 call $again i32.const 2 i32.mul call $exit i32.wrap_i64"),
        16
    );
    let table = "(func $pick (param i32) (result i32)
         block block block local.get 0 br_table 0 1 2 end i32.const 10 return end i32.const 20 return end
         i32.const 30)";
    for (input, output) in [(0, 10), (1, 20), (2, 30), (99, 30)] {
        assert_eq!(value(table, &format!("i32.const {input} call $pick")), output);
    }
}

#[test]
fn what_a_guest_left_is_collected_however_it_ended() {
    let module = |ending: &str| {
        wasm(&format!(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
                (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1)
                (data (i32.const 0) "\10\00\00\00\05\00\00\00")
                (data (i32.const 16) "hello")
                (func (export "_start")
                    i32.const 1 i32.const 0 i32.const 1 i32.const 8 call $write drop
                    i32.const 16 i32.const 4 call $journal drop
                    {ending}))"#
        ))
    };
    for (ending, status, code) in [
        ("", exited(0), Some("0")),
        ("i32.const 7 call $exit", exited(7), Some("7")),
        ("unreachable", trapped(TrapKind::Unreachable), None),
        ("i32.const 0 i32.const 0 i32.rem_s drop", trapped(TrapKind::IntegerDivisionByZero), None),
        ("loop br 0 end", Status::OutOfFuel, None),
    ] {
        let execution = run_with(&module(ending), Limits { fuel_limit: 100_000, ..limits() });
        assert_eq!(execution.outcome.status, status, "{ending}");
        assert_eq!(execution.outputs.file("stdout"), Some(b"hello".as_slice()), "{ending}");
        assert_eq!(execution.outputs.file("stderr"), Some(b"".as_slice()));
        assert_eq!(execution.outputs.file("exitCode"), code.map(str::as_bytes), "{ending}");
        assert!(execution.outputs.at("outputs").is_some());
        assert_eq!(execution.outcome.journal, b"hell");
    }
}
