//! Modules at each size limit of the profile, and one past it.
//!
//! The numbers are written down here once more on purpose: a limit that moves is a change of the profile. What is at a
//! limit is admitted; what costs little to compile is run, too.

use crate::{RUNTIMES, module};
use lilypad_abi::{Refusal, Status};
use lilypad_runtime::inspect;

const START: &str = r#"(func (export "_start"))"#;
const MEMORY: &str = r#"(memory (export "memory") 1)"#;

/// Something that a module can have many of.
struct Limit {
    /// A word of the refusal.
    word: &'static str,
    max: usize,
    make: fn(usize) -> Vec<u8>,
    /// Whether a module at the limit compiles in a moment.
    runs: bool,
}

fn text(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {fields})")).unwrap()
}

/// A module with a body of these fields in `_start`.
fn body(locals: &str, code: &str) -> Vec<u8> {
    text(&format!(r#"{MEMORY} (func (export "_start") {locals} {code})"#))
}

/// An unsigned number of up to 35 bits, as the binary format writes it.
fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A module padded to exactly so many bytes by a section of nothing.
fn padded(bytes: usize) -> Vec<u8> {
    let mut module = text(&format!("{MEMORY} {START}"));
    // Id, length in five bytes, the empty name, padding.
    let padding = bytes - module.len() - 7;
    module.push(0);
    let len = padding + 1;
    module.extend(
        (0..5).map(|byte| u8::try_from(len >> (7 * byte) & 0x7f).unwrap() | if byte < 4 { 0x80 } else { 0 }),
    );
    module.push(0);
    module.resize(bytes, 0);
    module
}

/// A module whose code section is `functions` bodies, each with this content after its length.
fn with_bodies(functions: usize, content: &[u8]) -> Vec<u8> {
    let section = |id: u8, content: &[u8]| [vec![id], leb(content.len()), content.to_vec()].concat();
    let types = [1, 0x60, 0, 0];
    let indices = [leb(functions), vec![0; functions]].concat();
    let exports =
        [2, 6, b'm', b'e', b'm', b'o', b'r', b'y', 2, 0, 6, b'_', b's', b't', b'a', b'r', b't', 0, 0];
    let one = [leb(content.len()), content.to_vec()].concat();
    let code = [leb(functions), one.repeat(functions)].concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &types),
        section(3, &indices),
        section(5, &[1, 0, 1]),
        section(7, &exports),
        section(10, &code),
    ]
    .concat()
}

/// One body of exactly so many bytes, its locals and final `end` counted: `nop` after `nop`.
fn body_of(bytes: usize) -> Vec<u8> {
    let mut content = vec![0];
    content.resize(bytes - 1, 0x01);
    content.push(0x0b);
    with_bodies(1, &content)
}

const LIMITS: &[Limit] = &[
    Limit { word: "bytes", max: 64 << 20, make: padded, runs: true },
    Limit {
        word: "types",
        max: 20_000,
        make: |count| text(&format!("{} {MEMORY} {START}", "(type (func))".repeat(count))),
        runs: true,
    },
    Limit {
        word: "imports",
        max: 1_000,
        make: |count| {
            let import = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
            text(&format!("{} {MEMORY} {START}", import.repeat(count)))
        },
        runs: true,
    },
    Limit { word: "functions", max: 200_000, make: |count| with_bodies(count, &[0, 0x0b]), runs: false },
    Limit {
        word: "globals",
        max: 20_000,
        make: |count| text(&format!("{MEMORY} {} {START}", "(global i32 (i32.const 0))".repeat(count))),
        runs: true,
    },
    Limit {
        word: "exports",
        max: 20_000,
        make: |count| {
            let exports: String = (2..count).map(|n| format!(r#"(export "m{n}" (memory 0))"#)).collect();
            text(&format!("{MEMORY} {exports} {START}"))
        },
        runs: true,
    },
    Limit {
        word: "tables",
        max: 16,
        make: |count| text(&format!("{} {MEMORY} {START}", "(table 1 funcref)".repeat(count))),
        runs: true,
    },
    Limit {
        word: "elements of a table",
        max: 1 << 20,
        make: |count| text(&format!("(table {count} funcref) {MEMORY} {START}")),
        runs: true,
    },
    Limit {
        word: "element segments",
        max: 20_000,
        make: |count| text(&format!("(table 1 funcref) {MEMORY} {} {START}", "(elem func)".repeat(count))),
        runs: true,
    },
    Limit {
        word: "data segments",
        max: 90_000,
        make: |count| text(&format!("{MEMORY} {} {START}", "(data (i32.const 0) \"\")".repeat(count))),
        runs: true,
    },
    Limit { word: "bytes in one function", max: 2 << 20, make: body_of, runs: true },
    Limit {
        word: "locals in one function",
        max: 20_000,
        make: |count| body(&format!("(local {})", "i64 ".repeat(count)), ""),
        runs: true,
    },
    Limit {
        word: "operands in one function",
        max: 20_000,
        make: |count| body("", &format!("{} {}", "i32.const 0 ".repeat(count), "drop ".repeat(count))),
        runs: true,
    },
    Limit {
        word: "nested blocks",
        max: 10_000,
        make: |count| body("", &format!("{} {}", "block ".repeat(count - 1), "end ".repeat(count - 1))),
        runs: true,
    },
    Limit {
        word: "branch targets",
        max: 32_768,
        make: |count| body("", &format!("i32.const 0 br_table {} 0", "0 ".repeat(count))),
        runs: true,
    },
    Limit {
        word: "basic blocks in one function",
        max: 20_000,
        make: |count| body("", &"block end ".repeat(count)),
        runs: false,
    },
];

#[test]
fn modules_at_a_limit_are_admitted_and_one_past_it_is_not() {
    for limit in LIMITS {
        let (word, max) = (limit.word, limit.max);
        let at = (limit.make)(max);
        assert_eq!(inspect(&at).refusal, None, "{word}: {max} are allowed");
        let (reason, detail) =
            inspect(&(limit.make)(max + 1)).refusal.unwrap_or_else(|| panic!("{word}: {max} + 1"));
        assert_eq!(reason, Refusal::TooLarge, "{word}: {detail}");
        assert!(detail.contains(word) && detail.contains(&max.to_string()), "{word}: {detail}");
        if limit.runs {
            // Code that isn't optimised: what is asked is whether an engine takes it, not how fast it gets.
            let execution = RUNTIMES[1].run(&module(at)).unwrap_or_else(|error| panic!("{word}: {error}"));
            assert_eq!(execution.outcome.status, Status::Exited { code: 0 }, "{word}");
        }
    }
}

#[test]
fn run_length_groups_of_locals_are_added_up_before_room_is_made() {
    // Three groups of 2^32 - 1 locals, in eighteen bytes.
    let group = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x7b];
    let content = [vec![3], group.repeat(3), vec![0x0b]].concat();
    let (reason, detail) = inspect(&with_bodies(1, &content)).refusal.unwrap();
    assert_eq!(reason, Refusal::TooLarge, "{detail}");
}
