//! The same program natively in a real folder and as a guest in its copy: same output, same exit code.

use super::{Start, build, given, guest, text};
use lilypad_abi::Status;
use lilypad_runtime::{Folder, Node};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A real folder for one run, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, folder: &Folder) -> Self {
        let path = std::env::temp_dir().join(format!("lilypad-tour-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        write(&path, folder);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(top: &Path, folder: &Folder) {
    for (name, node) in &folder.entries {
        let path = top.join(name);
        match node {
            Node::File(bytes) => fs::write(path, &**bytes).unwrap(),
            Node::Symlink(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            Node::Folder(below) => {
                fs::create_dir(&path).unwrap();
                write(&path, below);
            }
        }
    }
}

/// Runs a program both ways, under each name that means the place where it stands.
fn compare(name: &str, program: &build::Built) {
    let start = Start {
        args: &["one", "two words", "ünï"],
        env: &[("GREETING", "hello you"), ("EMPTY", "")],
        stdin: "first\nsecond\n",
        folder: given(),
    };
    // In the root, the job's own folders are seen as well; in a folder given as `.` they aren't.
    let mut root = given();
    for name in ["out", "tmp"] {
        root.entries.insert(name.to_owned(), Node::Folder(Folder::default()));
    }
    for (place, seen) in [("/", &root), (".", &start.folder)] {
        compare_at(place, program, &start, Scratch::new(name, seen));
    }
}

fn compare_at(place: &str, program: &build::Built, start: &Start<'_>, scratch: Scratch) {
    let mut child = Command::new(&program.native)
        .args(start.args)
        .env_clear()
        .envs(start.env.iter().copied())
        .current_dir(&scratch.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(start.stdin.as_bytes()).unwrap();
    let native = child.wait_with_output().unwrap();
    let code = u32::try_from(native.status.code().unwrap()).unwrap();
    let execution = guest(&program.module, place, start);
    assert_same(&String::from_utf8_lossy(&native.stdout), text(&execution, "stdout"));
    assert_same(&String::from_utf8_lossy(&native.stderr), text(&execution, "stderr"));
    assert_eq!(execution.outcome.status, Status::Exited { code });
    drop(scratch);
}

/// Equal texts, or the first lines that differ.
fn assert_same(native: &str, guest: &str) {
    for (number, (native, guest)) in native.lines().zip(guest.lines()).enumerate() {
        assert_eq!(native, guest, "line {}: Linux left, guest right", number + 1);
    }
    assert_eq!(native, guest, "one goes on after the other ended");
}

#[test]
fn c_does_what_it_does_on_linux() {
    compare("c", &build::c("c/tour.c"));
}

#[test]
fn rust_does_what_it_does_on_linux() {
    compare("rust", &build::rust("rust/tour.rs"));
}
