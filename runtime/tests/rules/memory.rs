//! Growing memory and tables: never fails below the job's limit, always fails above it.

use super::{job, program, run_job, shown32};
use lilypad_abi::{Refusal, Status};

/// What `memory.grow` gave for each of these, one after another, when the job allows `pages`.
fn grown(pages: u64, declared: &str, asked: &[u32]) -> Vec<u32> {
    let calls: String = asked
        .iter()
        .map(|n| format!("(call $show32 (memory.grow (i32.const {})))", n.cast_signed()))
        .collect();
    let text = program("", &calls).replace(r#"(memory (export "memory") 1)"#, declared);
    let mut job = job(wat::parse_str(text).unwrap(), 1 << 50);
    job.spec.limits.memory_bytes_max = pages << 16;
    let outcome = run_job(&job).outcome;
    assert_eq!(outcome.status, Status::Exited { code: 0 });
    outcome.journal.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

const FAILED: u32 = u32::MAX;

#[test]
fn grows_to_the_limit_and_no_further() {
    let plain = r#"(memory (export "memory") 1)"#;
    assert_eq!(grown(4, plain, &[0, 3, 0, 1, 0]), [1, 1, 4, FAILED, 4]);
    assert_eq!(
        grown(4, plain, &[4, 65_535, 65_536, u32::MAX, 3, 1]),
        [FAILED, FAILED, FAILED, FAILED, 1, FAILED]
    );
    let declared = r#"(memory (export "memory") 1 3)"#;
    assert_eq!(grown(10, declared, &[3, 2, 1]), [FAILED, 1, FAILED]);
}

#[test]
fn the_whole_of_32_bits() {
    let plain = r#"(memory (export "memory") 1)"#;
    assert_eq!(grown(65_536, plain, &[65_536, 65_535, 1, 0, u32::MAX]), [FAILED, 1, FAILED, 65_536, FAILED]);
}

#[test]
fn a_limit_that_is_no_whole_number_of_pages() {
    let text = program("", "(call $show32 (memory.grow (i32.const 1)))");
    let mut job = job(wat::parse_str(text).unwrap(), 1 << 50);
    job.spec.limits.memory_bytes_max = (2 << 16) - 1;
    assert_eq!(run_job(&job).outcome.journal, FAILED.to_le_bytes());
}

#[test]
fn a_module_that_begins_beyond_the_limit_is_refused() {
    let mut job = job(wat::parse_str(program("", "")).unwrap(), 1000);
    job.spec.limits.memory_bytes_max = 65_535;
    assert_eq!(run_job(&job).outcome.status, Status::Refused { reason: Refusal::TooLarge });
    job.spec.limits.memory_bytes_max = 65_536;
    assert_eq!(run_job(&job).outcome.status, Status::Exited { code: 0 });
}

#[test]
fn tables_grow_to_the_profiles_limit() {
    let start = "(call $show32 (table.grow (ref.null func) (i32.const 1048575)))
        (call $show32 (table.grow (ref.null func) (i32.const 1)))
        (call $show32 (table.grow (ref.null func) (i32.const -1)))
        (call $show32 (table.size))";
    assert_eq!(shown32("(table 1 funcref)", start), [1, FAILED, FAILED, 1 << 20]);
    let start = "(call $show32 (table.grow (ref.null func) (i32.const 3)))
        (call $show32 (table.grow (ref.null func) (i32.const 2)))";
    assert_eq!(shown32("(table 1 3 funcref)", start), [FAILED, 1]);
}

#[test]
fn bulk_operations_do_their_work() {
    let start = r#"(memory.fill (i32.const 10) (i32.const 0xab) (i32.const 4))
        (call $show32 (i32.load (i32.const 10)))
        (memory.copy (i32.const 12) (i32.const 10) (i32.const 2))
        (memory.init $d (i32.const 20) (i32.const 1) (i32.const 4))
        (call $show32 (i32.load (i32.const 20)))
        (memory.copy (i32.const 21) (i32.const 20) (i32.const 3))
        (call $show32 (i32.load (i32.const 20)))
        (data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))"#;
    assert_eq!(shown32(r#"(data $d "\00\01\02\03\04")"#, start), [0xabab_abab, 0x0403_0201, 0x0302_0101]);
}
