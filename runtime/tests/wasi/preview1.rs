//! What preview 1 promises beyond what a libc shows: rights, flags, cookies, escapes, numbers of errors.
//!
//! `c/preview1.c` calls the interface directly and says of each promise whether it holds. The promises are those
//! that the conformance suite of preview 1 asks for, in our words; where it allows several errors, ours is named.

use super::{Start, build, given, guest, text};
use lilypad_abi::Status;

#[test]
fn every_promise_holds() {
    let module = build::c_module("c/preview1.c");
    for place in ["/", ".", "/scratch", "scratch"] {
        let start = Start { args: &[place], env: &[], stdin: "input", folder: given() };
        let execution = guest(&module, place, &start);
        let told = text(&execution, "stdout");
        assert!(!told.contains("BROKEN"), "in {place}:\n{told}{}", text(&execution, "stderr"));
        assert_eq!(
            execution.outcome.status,
            Status::Exited { code: 0 },
            "{told}{}",
            text(&execution, "stderr")
        );
        // The program counts what it asked, so that a part that is skipped shows.
        assert_eq!(told.lines().last(), Some("256 promises hold"), "{told}");
    }
}
