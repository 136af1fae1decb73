//! The worker's side: lock in, read a job, run it, answer, exit.
//!
//! The whole process runs one job and holds nothing that a guest could want: no keys, no environment, no
//! files, no network.

use super::{sandbox, wire};
use lilypad_runtime::{Runtime, RuntimeOptions};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
    thread,
};

/// The argument that makes a program a worker.
pub const SUBCOMMAND: &str = "worker";

/// Exit code of a worker that ran nothing.
const FAILED: u8 = 70;

/// Exit code of a worker whose daemon is gone.
const ORPHANED: i32 = 71;

/// Runs as a worker when the first argument is [`SUBCOMMAND`], and gives the exit code; otherwise nothing.
///
/// Every program that uses [`super::WorkerConfig::for_this_program`] calls this first thing in `main`.
#[must_use]
pub fn main_if_asked() -> Option<ExitCode> {
    std::env::args_os().nth(1).is_some_and(|first| first == SUBCOMMAND).then(main)
}

/// Runs one job from standard input and answers on standard output.
///
/// To be called first thing in `main`, before threads start: a runtime of Tokio, for example, would keep
/// threads outside of the sandbox.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The daemon shows it as what the worker said.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(FAILED)
        }
    }
}

fn run() -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("can't follow the daemon: {e}"))?;
    let parent = getppid();
    sandbox::enter().map_err(|e| e.to_string())?;
    let mut stdin = io::stdin().lock();
    let (daemon, job) = wire::read_request(&mut stdin).map_err(|e| format!("can't read the job: {e}"))?;
    drop(stdin);
    // The daemon may have died before the kernel was asked to watch it.
    if parent.is_none_or(|parent| u32::try_from(parent.as_raw_nonzero().get()) != Ok(daemon)) {
        return Err("the process that started this worker is gone".to_owned());
    }
    follow_daemon().map_err(|e| format!("can't start a thread: {e}"))?;
    let execution =
        Runtime::new(RuntimeOptions::default()).and_then(|runtime| runtime.run(&job)).map_err(|e| chain(&e));
    let answer = execution.as_ref().map_err(String::as_str);
    wire::write_answer(&mut io::stdout().lock(), answer).map_err(|e| format!("can't answer: {e}"))
}

/// Ends the process when standard input ends, which the daemon holds open: the kernel's own signal comes only
/// when the thread that started the worker dies, and a daemon can lose interest before that.
fn follow_daemon() -> io::Result<()> {
    let watch = || {
        let mut byte = [0];
        // Whatever arrives or fails here, the daemon no longer waits for this job.
        let _ = io::stdin().lock().read(&mut byte);
        std::process::exit(ORPHANED)
    };
    thread::Builder::new().name("follow-daemon".to_owned()).spawn(watch).map(drop)
}

/// An error with its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
