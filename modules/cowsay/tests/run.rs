//! The built program as a process: stdin in, stdout and exit code out.
//!
//! Shows that the entry point keeps its promises; natively, so the journal goes nowhere here.

use std::{
    io::{self, Write},
    process::{Command, Output, Stdio},
};

fn cowsay(stdin: &str) -> io::Result<Output> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cowsay"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(stdin.as_bytes())?;
    }
    child.wait_with_output()
}

#[test]
fn a_message_is_printed_and_nothing_else() {
    let output = cowsay(r#"{"message": "moo"}"#).unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.starts_with(" _____\n< moo >\n -----\n"), "{stdout}");
    assert!(output.stderr.is_empty());
}

#[test]
fn a_bad_input_exits_with_2_and_says_what_is_taken() {
    for (stdin, reason) in [
        ("", "missing field `message`"),
        (r#"{"mesage": "moo"}"#, "unknown field `mesage`"),
        ("moo", "the input is not JSON"),
    ] {
        let output = cowsay(stdin).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stdin}");
        assert!(output.stdout.is_empty());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("error: the input "), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
        assert!(stderr.ends_with("this module takes a JSON object with: message, width\n"), "{stderr}");
    }
}

#[test]
fn the_jobs_own_error_exits_with_1_and_names_its_cause() {
    let output = cowsay(r#"{"message": "moo", "width": 1}"#).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: the message does not fit a bubble: a width of 1 is not possible; give one from 2 to 200 columns\n"
    );
}
