//! `lilypad exec` gives the same result whatever differs around it.

use crate::market::{json, module, program, root, stderr};
use serde_json::Value;
use std::{path::Path, process::Command};

const LICENCES: &str = "/usr/share/common-licenses";

fn wordcount(change: impl FnOnce(&mut Command)) -> Value {
    let mut command = Command::new(program("lilypad"));
    command.arg("exec").arg(module("wordcount")).args(["--dir", &format!("{LICENCES}::/in"), "--json"]);
    change(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    json(&output)
}

#[test]
fn nothing_around_a_job_reaches_its_result() {
    let first = wordcount(|_| ());
    assert_eq!(first["status"], "exited");
    let elsewhere = wordcount(|command| {
        command.current_dir("/tmp").env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "Asia/Tokyo");
    });
    let again = wordcount(|command| {
        command.current_dir(root()).env("HOME", "/nonexistent").env("RUST_BACKTRACE", "1");
    });
    for key in ["outputs_cid", "fuel_used", "receipt_hash", "job_cid", "journal"] {
        assert!(!first[key].is_null(), "{key} is missing");
        assert_eq!(first[key], elsewhere[key], "{key}");
        assert_eq!(first[key], again[key], "{key}");
    }
}

/// Threads to compile with, priority, limits of the process, and other jobs at the same time.
#[test]
fn neither_threads_nor_load_reach_a_result() {
    let first = wordcount(|_| ());
    let threads = |count: &str| {
        wordcount(|command| {
            command.env("RAYON_NUM_THREADS", count);
        })
    };
    let mut others = vec![threads("1"), threads("16")];
    // The same program with the same arguments, from a shell that changes what it inherits.
    others.push(wordcount(|command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 077; ulimit -n 256; ulimit -c 0; exec nice -n 19 \"$0\" \"$@\""]);
        shell.arg(command.get_program()).args(command.get_args());
        *command = shell;
    }));
    // More at once than there are processors: each is interrupted often, and memory is short for all.
    let at_once: Vec<_> = (0..6).map(|_| std::thread::spawn(|| wordcount(|_| ()))).collect();
    others.extend(at_once.into_iter().map(|run| run.join().unwrap()));
    for other in others {
        for key in ["outputs_cid", "fuel_used", "receipt_hash", "job_cid", "journal"] {
            assert_eq!(first[key], other[key], "{key}");
        }
    }
}

#[test]
fn what_decides_a_result_is_in_it() {
    let plain = wordcount(|_| ());
    let other = wordcount(|command| {
        command.args(["--seed", "1"]);
    });
    assert_ne!(plain["job_cid"], other["job_cid"]);
    assert_ne!(plain["receipt_hash"], other["receipt_hash"]);
    assert_eq!(plain["outputs_cid"], other["outputs_cid"], "word counts don't depend on chance");
}

#[test]
fn output_and_exit_codes_pass_through() {
    let folder = tempfile::tempdir().unwrap();
    let build = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path
    };
    let run = |path: &Path, args: &[&str]| {
        Command::new(program("lilypad")).arg("exec").args(args).arg(path).output().unwrap()
    };
    let exit = build(
        "exit.wasm",
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
             (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 7))))"#,
    );
    assert_eq!(run(&exit, &[]).status.code(), Some(7));
    let trap =
        build("trap.wasm", r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#);
    let output = run(&trap, &[]);
    assert_eq!(output.status.code(), Some(134));
    assert!(stderr(&output).contains("Unreachable"), "{}", stderr(&output));
    let endless = build(
        "endless.wasm",
        r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#,
    );
    let output = run(&endless, &["--fuel", "1000000"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--fuel"), "{}", stderr(&output));
}
