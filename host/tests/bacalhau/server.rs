//! `lilypad-host bacalhau` as a process, and Bacalhau's CLI to talk to it.

use crate::lab::{Process, bacalhau, docker_env, free_port};
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A server, which can be killed and started again in its folder.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) dir: tempfile::TempDir,
    port: u16,
    flags: Vec<String>,
    process: Option<Process>,
}

impl Server {
    /// A server with these flags, one for modules and containers if they say so.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let port = free_port();
        let mut server = Self {
            url: format!("http://127.0.0.1:{port}"),
            dir: tempfile::tempdir().unwrap(),
            port,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            process: None,
        };
        fs::create_dir(server.dir.path().join("client")).unwrap();
        server.start_again();
        server
    }

    pub(crate) fn start_again(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_lilypad-host"))
            .args(["bacalhau", "--bind", &format!("127.0.0.1:{}", self.port)])
            .args(&self.flags)
            .env("LILYPAD_HOME", self.dir.path().join("home"))
            .env("DOCKER_HOST", docker_env("DOCKER_HOST"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(Process(child));
        let until = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "no server: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Bacalhau's CLI, talking to this server.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(bacalhau());
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("BACALHAU_DIR", self.dir.path().join("client"))
            .env("BACALHAU_API_HOST", "127.0.0.1")
            .env("BACALHAU_API_PORT", self.port.to_string())
            .env("BACALHAU_UPDATE_SKIPCHECKS", "true")
            .stdin(Stdio::null());
        command
    }

    /// Runs the CLI; gives what it says.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "bacalhau {args:?}: {}\n{}", said(&output), self.log());
        said(&output)
    }

    /// The same for what it prints as JSON.
    pub(crate) fn cli_json(&self, args: &[&str]) -> Value {
        let output = self.command(args).args(["--output", "json"]).stderr(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        // The CLI says other things first when its folder is new.
        let starts = |line: &str| line.starts_with(['{', '[']);
        let json = text.lines().find(|line| starts(line)).unwrap_or_default();
        serde_json::from_str(json).unwrap_or_else(|error| panic!("bacalhau {args:?}: {error} in {text}"))
    }

    /// Submits without waiting; gives the job's id.
    pub(crate) fn submit(&self, args: &[&str]) -> String {
        let text = self.cli(&[args, &["--wait=false"]].concat());
        text.lines()
            .find(|line| line.starts_with("j-"))
            .unwrap_or_else(|| panic!("no id in {text}"))
            .to_owned()
    }

    /// Waits until a job has ended; gives it with its executions.
    pub(crate) fn ended(&self, id: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.cli_json(&["job", "describe", id]);
            if matches!(found["Job"]["State"]["StateType"].as_str(), Some("Completed" | "Failed" | "Stopped"))
            {
                return found;
            }
            assert!(Instant::now() < until, "{id} never ends: {found}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Downloads a job's results; gives their folder.
    pub(crate) fn results(&self, id: &str) -> PathBuf {
        let to = self.dir.path().join(format!("results-{id}"));
        fs::create_dir(&to).unwrap();
        self.cli(&["job", "get", id, "--output-dir", to.to_str().unwrap()]);
        to
    }

    /// A module in a file: says what it got, writes `/out/f`, ends with 3.
    pub(crate) fn module(&self) -> PathBuf {
        let path = self.dir.path().join("module.wasm");
        fs::write(&path, wat::parse_str(MODULE).unwrap()).unwrap();
        path
    }
}

pub(crate) fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// A WASI program in text: `hello` to stdout, `oops` to stderr, `kept` into `/out/f`, exit code 3.
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "hello\n") (data (i32.const 200) "oops\n")
    (data (i32.const 300) "kept\n") (data (i32.const 400) "f")
    (func $say (param $fd i32) (param $at i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length))
        (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start")
        (call $say (i32.const 1) (i32.const 100) (i32.const 6))
        (call $say (i32.const 2) (i32.const 200) (i32.const 5))
        ;; /out, the first folder that is given: create, write.
        (drop (call $open (i32.const 3) (i32.const 0) (i32.const 400) (i32.const 1) (i32.const 1)
            (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
        (call $say (i32.load (i32.const 16)) (i32.const 300) (i32.const 5))
        (call $exit (i32.const 3))))"#;
