//! The same job gives the same Outcome, fuel and outputs on engines that have nothing in common.
//!
//! - `shared/`: the engines, the generator and the traces, which the long run (`examples/differential.rs`) has too
//! - `generated.rs`: modules from seeds; `programs.rs`: our modules, and programs that end in every way
//! - `replay.mjs`, `replay.py`: V8, and the wasmtime of Python's package index, run the rewritten modules with the
//!   same host answers; `aarch64` does the latter on another CPU
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod generated;
mod programs;
mod shared;

use std::{path::Path, process::Command};

/// Native stack for V8, in its own unit of 1,024 bytes: the counted stack is to end first.
const V8_STACK_KIB: usize = 600 << 10;

/// Replays the traces of a folder on V8.
fn replay_on_v8(folder: &Path, runs: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/replay.mjs");
    let shell = format!("ulimit -s unlimited && exec node --stack-size={V8_STACK_KIB} \"$@\"");
    let output = Command::new("sh").args(["-c", &shell, "sh"]).arg(script).arg(folder).output();
    let output = output.unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}\nis node installed?");
    assert!(said.starts_with(&format!("{runs} of {runs} ")), "{said}");
}
