//! Jobs in processes of their own: guest code never shares one with keys.
//!
//! ```text
//! daemon                                    worker (the same program, `worker`)
//!   | starts it: no environment, three pipes   |
//!   |----------------------------------------->| gives up files, network, processes (sandbox.rs)
//!   | job: spec, module, inputs (wire.rs)      |
//!   |----------------------------------------->| runs it
//!   |            Outcome and output folder     |
//!   |<-----------------------------------------| exits
//!   | checks that they belong together         |
//! ```
//!
//! A worker runs one job. It dies with the daemon, and the daemon kills it when the wall-clock limit is over.
//! Whatever a worker does wrong is one failed attempt, an [`ExecError`], never a dead daemon and never an
//! Outcome. Nothing here fetches blocks, decides who is at fault, or signs.

mod resolve;
mod sandbox;
mod wire;
pub mod worker;

pub use self::resolve::{KeepError, ResolveError, keep, resolve, resolve_spec};

use lilypad_abi::{JobSpecError, Limits, Outcome, Profile, Status};
use lilypad_runtime::{Execution, ResolvedJob, unixfs};
use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::Semaphore,
};

/// Bytes kept of what a worker says on its standard error.
const STDERR_BYTES_MAX: usize = 16 * 1024;

/// How long a worker that has answered may take to exit by itself.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The program; one that calls [`worker::main`] when started with `args`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Wall-clock limit of one job, start and hand-over of data included.
    pub timeout: Duration,
}

impl WorkerConfig {
    /// This very program with the argument `worker`.
    ///
    /// # Errors
    /// When the system doesn't say which program this is.
    pub fn for_this_program(timeout: Duration) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self { program, args: vec![worker::SUBCOMMAND.to_owned()], timeout })
    }
}

/// Why a job has no Outcome here: always this host's own fault, never the guest's.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The worker can't be started.
    #[error("can't start the worker {program}; check that the program is still there and may be run")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The wall-clock limit was reached and the worker killed.
    #[error("job took longer than {} s of wall-clock time and was stopped; raise the host's limit or decline such jobs", .0.as_secs_f64())]
    Timeout(Duration),
    /// The worker died before it answered.
    #[error("worker died: {status}{}; try again, and report it when it happens twice", said(stderr))]
    Worker {
        /// How it ended.
        status: String,
        /// What it said on standard error, cut.
        stderr: String,
    },
    /// The runtime reported a fault of this machine, such as no memory.
    #[error("runtime fault: {0}")]
    Fault(String),
    /// The worker's answer breaks the protocol, or belongs to another job.
    #[error("worker's answer can't be used: {0}; report it, the worker may be compromised")]
    Protocol(String),
    /// The job itself can't be encoded.
    #[error("job can't be handed to a worker")]
    Job(#[source] JobSpecError),
    /// A pipe failed.
    #[error("worker can't be talked to")]
    Io(#[source] io::Error),
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(" and said '{}'", stderr.trim_end()) }
}

/// Runs jobs in workers, a few at once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Executor {
    config: Arc<WorkerConfig>,
    slots: Arc<Semaphore>,
}

impl Executor {
    /// An executor of at most `jobs_max` jobs at once; further ones wait, their time not yet counted.
    #[must_use]
    pub fn new(config: WorkerConfig, jobs_max: usize) -> Self {
        Self { config: Arc::new(config), slots: Arc::new(Semaphore::new(jobs_max.max(1))) }
    }

    /// Runs a job in a fresh worker.
    ///
    /// # Errors
    /// As [`run_in_worker`].
    pub async fn run(&self, job: &ResolvedJob) -> Result<Execution, ExecError> {
        // The semaphore is never closed, so that there is always a permit to come.
        let _slot = self.slots.acquire().await;
        run_in_worker(&self.config, job).await
    }
}

/// Runs a job in a fresh worker and checks that what comes back belongs to it.
///
/// Dropping the future kills the worker.
///
/// # Errors
/// [`ExecError`]: this host's own faults. A guest that fails gives an Outcome.
pub async fn run_in_worker(config: &WorkerConfig, job: &ResolvedJob) -> Result<Execution, ExecError> {
    let request = wire::Request::new(job).map_err(ExecError::Job)?;
    let mut child = start(config)?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(ExecError::Io(io::ErrorKind::BrokenPipe.into()));
    };
    let stderr = tokio::spawn(read_stderr(stderr));
    let exchange = exchange(stdin, stdout, request, answer_bytes_max(&job.spec.limits));
    let answer = match tokio::time::timeout(config.timeout, exchange).await {
        Ok(answer) => answer,
        Err(_) => {
            end(&mut child, Duration::ZERO).await;
            return Err(ExecError::Timeout(config.timeout));
        }
    };
    let status = end(&mut child, EXIT_GRACE).await;
    match answer {
        Ok(answer) => {
            let spec = job.spec.clone();
            // Hashing all outputs takes a while and must not hold up the daemon.
            let check = move || {
                let execution = wire::read_answer(&answer)?;
                let expected = spec.cid().map_err(ExecError::Job)?;
                check(&execution, expected, spec.profile, &spec.limits).map_err(ExecError::Protocol)?;
                Ok(execution)
            };
            tokio::task::spawn_blocking(check).await.map_err(|e| ExecError::Io(e.into()))?
        }
        Err(Broken::Protocol(reason)) => Err(ExecError::Protocol(reason)),
        Err(Broken::Pipe(error)) => {
            let stderr = stderr.await.unwrap_or_default();
            match status {
                Some(status) => Err(ExecError::Worker { status: status.to_string(), stderr }),
                None => Err(ExecError::Io(error)),
            }
        }
    }
}

fn start(config: &WorkerConfig) -> Result<Child, ExecError> {
    let failed = |source| ExecError::Start { program: config.program.clone(), source };
    Command::new(&config.program)
        .args(&config.args)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)
}

enum Broken {
    Pipe(io::Error),
    Protocol(String),
}

/// Sends the job and reads the answer's bytes, at most `bytes_max`.
///
/// Both at once: a worker that answers before it has read everything must not block either side.
async fn exchange(
    mut stdin: ChildStdin,
    mut stdout: ChildStdout,
    request: wire::Request<'_>,
    bytes_max: u64,
) -> Result<Vec<u8>, Broken> {
    let send = async {
        for piece in request.pieces() {
            stdin.write_all(piece).await.map_err(Broken::Pipe)?;
        }
        stdin.flush().await.map_err(Broken::Pipe)
    };
    let receive = async {
        let mut head = [0; wire::HEAD_BYTES];
        stdout.read_exact(&mut head).await.map_err(Broken::Pipe)?;
        let length = wire::answer_length(&head).map_err(Broken::Protocol)?;
        if length > bytes_max {
            let reason = format!("{length} bytes where the job's limits allow {bytes_max}");
            return Err(Broken::Protocol(reason));
        }
        let mut answer = Vec::new();
        (&mut stdout).take(length).read_to_end(&mut answer).await.map_err(Broken::Pipe)?;
        let whole = answer.len() as u64 == length;
        if whole { Ok(answer) } else { Err(Broken::Pipe(io::ErrorKind::UnexpectedEof.into())) }
    };
    let ((), answer) = tokio::try_join!(send, receive)?;
    // Until here the worker's standard input stays open: its end tells the worker that the daemon is gone.
    drop(stdin);
    Ok(answer)
}

/// Waits for the worker to exit, kills it after `grace`, and reaps it.
async fn end(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    if let Ok(status) = tokio::time::timeout(grace, child.wait()).await {
        return status.ok();
    }
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "can't kill a worker");
    }
    child.try_wait().ok().flatten()
}

/// All of standard error is read, so that a worker can't block on it; the beginning is kept.
async fn read_stderr(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        let room = STDERR_BYTES_MAX - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What the largest answer within a job's limits weighs.
fn answer_bytes_max(limits: &Limits) -> u64 {
    // A name, a link's target, and lengths.
    const ENTRY_BYTES_MAX: u64 = 255 + 4096 + 32;
    let files = u64::from(limits.output_files_max).saturating_add(16);
    limits
        .output_bytes_max
        .saturating_add(limits.stdout_bytes_max)
        .saturating_add(limits.stderr_bytes_max)
        .saturating_add(limits.journal_bytes_max.into())
        .saturating_add(files.saturating_mul(ENTRY_BYTES_MAX))
        .saturating_add(1 << 20)
}

/// Holds a worker's answer to everything that can be checked without running the job.
fn check(
    execution: &Execution,
    job: lilypad_abi::Cid,
    profile: Profile,
    limits: &Limits,
) -> Result<(), String> {
    let Outcome { fuel_used, journal, .. } = &execution.outcome;
    let fuel_fits = match execution.outcome.status {
        Status::OutOfFuel => *fuel_used == limits.fuel_limit,
        Status::Refused { .. } => *fuel_used == 0,
        Status::Exited { .. } | Status::Trapped { .. } => *fuel_used <= limits.fuel_limit,
    };
    let wrong = if execution.outcome.job != job || execution.outcome.profile != profile {
        "it is of another job"
    } else if !fuel_fits {
        "its fuel does not fit its status and limit"
    } else if journal.len() as u64 > u64::from(limits.journal_bytes_max) {
        "its journal is over the limit"
    } else if unixfs::folder_cid(&execution.outputs) != execution.outcome.outputs {
        "its output folder is not the one that the outcome names"
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}
