//! Jobs in processes of their own: guest code never shares one with keys.
//!
//! ```text
//! daemon                                    worker (the same program, `worker`)
//!   | starts it ahead: no environment, a socket |
//!   |------------------------------------------>| gives up files, network, processes (sandbox.rs)
//!   | bounds its memory, hands over compiled    |
//!   | code (an open file) and the job (wire.rs) |
//!   |------------------------------------------>| maps the code, gives up the rest, runs the job
//!   |             Outcome and output folder     |
//!   |<------------------------------------------| exits
//!   | checks that they belong together          |
//! ```
//!
//! Code that isn't in the cache yet (cache.rs) is compiled by a worker that sees the module and nothing else.
//! A worker does one task. It dies with the daemon, and the daemon kills it when the wall-clock limit is over.
//! Whatever a worker does wrong is one failed attempt, an [`ExecError`], never a dead daemon and never an
//! Outcome. Nothing here fetches blocks, decides who is at fault, or signs.

mod answer;
mod cache;
mod pool;
mod process;
mod resolve;
mod sandbox;
mod trial;
mod wire;
pub mod worker;

pub use self::{
    cache::{CACHE_BYTES_MAX, CacheError, CodeCache, in_memory},
    resolve::{KeepError, ResolveError, keep, resolve, resolve_container, resolve_spec},
    sandbox::landlock_version,
    trial::{TRIAL_RECEIPT, trial_job},
};

use self::{pool::Pool, wire::Answer};
use lilypad_abi::JobSpecError;
use lilypad_runtime::{Execution, FuelProfile, ResolvedJob, Rewrite, Runtime, RuntimeError, RuntimeOptions};
use std::{fs::File, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// An answer with more bytes than this is checked on a thread of its own: hashing it takes a while.
const CHECK_HERE_BYTES_MAX: usize = 256 * 1024;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The program; one that calls [`worker::main`] when started with `args`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Wall-clock limit of one job, start, compiling and hand-over of data included.
    pub timeout: Duration,
    /// Most private memory of any worker, in bytes, whatever its job may have.
    pub memory_bytes_max: u64,
}

impl WorkerConfig {
    /// This very program with the argument `worker`, and memory as each job's limits say.
    ///
    /// # Errors
    /// When the system doesn't say which program this is.
    pub fn for_this_program(timeout: Duration) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self { program, args: vec![worker::SUBCOMMAND.to_owned()], timeout, memory_bytes_max: u64::MAX })
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
    pool: Arc<Pool>,
    slots: Arc<Semaphore>,
    cache: Option<CodeCache>,
    /// Never runs anything here: it names code.
    runtime: Arc<std::sync::OnceLock<Runtime>>,
}

impl Executor {
    /// An executor of at most `jobs_max` jobs at once; further ones wait, their time not yet counted.
    ///
    /// It starts workers when they are needed, and compiles every job's module.
    #[must_use]
    pub fn new(config: WorkerConfig, jobs_max: usize) -> Self {
        Self {
            pool: Arc::new(Pool::new(config, 0)),
            slots: Arc::new(Semaphore::new(jobs_max.max(1))),
            cache: None,
            runtime: Arc::default(),
        }
    }

    /// Keeps compiled code here.
    #[must_use]
    pub fn with_cache(self, cache: Option<CodeCache>) -> Self {
        Self { cache, ..self }
    }

    /// Keeps so many workers started ahead; [`Executor::warm_up`] starts the first ones.
    #[must_use]
    pub fn with_idle_workers(self, count: usize) -> Self {
        Self { pool: Arc::new(Pool::new(self.pool.config().clone(), count)), ..self }
    }

    /// Starts workers until as many wait as were asked for.
    ///
    /// # Errors
    /// [`ExecError::Start`].
    pub async fn warm_up(&self) -> Result<(), ExecError> {
        self.pool.fill().await
    }

    /// Workers that wait for a task now.
    #[must_use]
    pub fn idle_workers(&self) -> usize {
        self.pool.idle()
    }

    /// Runs a job in a worker, and checks that what comes back belongs to it.
    ///
    /// Dropping the future kills the worker.
    ///
    /// # Errors
    /// [`ExecError`]: this host's own faults. A guest that fails gives an Outcome.
    pub async fn run(&self, job: &ResolvedJob) -> Result<Execution, ExecError> {
        // The semaphore is never closed, so that there is always a permit to come.
        let _slot = self.slots.acquire().await;
        let timeout = self.pool.config().timeout;
        tokio::time::timeout(timeout, self.attempt(job)).await.unwrap_or(Err(ExecError::Timeout(timeout)))
    }

    /// Runs a job as [`Executor::run`] does, more slowly, and tells where its fuel went.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub async fn profile(&self, job: &ResolvedJob) -> Result<(Execution, FuelProfile), ExecError> {
        let _slot = self.slots.acquire().await;
        let code = match self.code(&job.module, Rewrite::Profiled).await? {
            Ok(code) => code,
            Err((reason, detail)) => {
                let refused = Execution::refused(&job.spec, reason, detail).map_err(job_or_fault)?;
                return Ok((refused, FuelProfile::default()));
            }
        };
        let told = self.run_code(job, Rewrite::Profiled, &code).await?;
        let (execution, profile) =
            told.ok_or_else(|| ExecError::Protocol("it was asked for a profile".to_owned()))?;
        Ok((execution, profile.named(&job.module)))
    }

    async fn attempt(&self, job: &ResolvedJob) -> Result<Execution, ExecError> {
        // An instruction that traps needs the second rewrite, which tells how much fuel was used until there.
        for rewrite in [Rewrite::Fast, Rewrite::Exact] {
            let code = match self.code(&job.module, rewrite).await? {
                Ok(code) => code,
                Err((reason, detail)) => {
                    return Execution::refused(&job.spec, reason, detail).map_err(job_or_fault);
                }
            };
            if let Some((execution, _)) = self.run_code(job, rewrite, &code).await? {
                return Ok(execution);
            }
        }
        Err(ExecError::Protocol("it asks for exact code and has it".to_owned()))
    }

    /// The module's code from the cache, otherwise from a worker that compiles it.
    async fn code(
        &self,
        module: &[u8],
        rewrite: Rewrite,
    ) -> Result<Result<Arc<File>, (lilypad_abi::Refusal, String)>, ExecError> {
        let cache = match &self.cache {
            Some(cache) => Some((cache, self.runtime()?.code_key(module, rewrite))),
            None => None,
        };
        if let Some(file) = cache.and_then(|(cache, key)| cache.get(&key)) {
            return Ok(Ok(file));
        }
        let worker = self.pool.take().await?;
        let memory = answer::compile_memory_bytes(module.len() as u64);
        self.pool.bound_memory(&worker, memory)?;
        let request = wire::Request::compile(module, rewrite);
        let answer = worker.ask(request, None, answer::CODE_ANSWER_BYTES_MAX).await?;
        let code = match wire::read_answer(&answer)? {
            Answer::Compiled(code) => code,
            Answer::Refused(reason, detail) => return Ok(Err((reason, detail))),
            _ => return Err(ExecError::Protocol("it was asked to compile".to_owned())),
        };
        if let Some((cache, key)) = cache {
            match cache.put(&key, &code) {
                Ok(file) => return Ok(Ok(file)),
                Err(error) => tracing::warn!(%error, "compiled code can't be kept"),
            }
        }
        Ok(Ok(Arc::new(in_memory(&code).map_err(ExecError::Io)?)))
    }

    /// Runs a job on its module's code; nothing when it takes the exact rewrite to know the fuel.
    async fn run_code(
        &self,
        job: &ResolvedJob,
        rewrite: Rewrite,
        code: &File,
    ) -> Result<Option<(Execution, FuelProfile)>, ExecError> {
        let worker = self.pool.take().await?;
        self.pool.bound_memory(&worker, answer::run_memory_bytes(job))?;
        let request = wire::Request::run(job, rewrite).map_err(ExecError::Job)?;
        let bytes_max = answer::run_answer_bytes_max(&job.spec.limits) + wire::PROFILE_BYTES_MAX;
        let answer = worker.ask(request, Some(code), bytes_max).await?;
        let spec = job.spec.clone();
        let check_here = answer.len() <= CHECK_HERE_BYTES_MAX;
        let check = move || {
            let (execution, profile) = match (wire::read_answer(&answer)?, rewrite) {
                (Answer::Profiled(execution, profile), Rewrite::Profiled) => (execution, profile),
                (Answer::Ended(execution), Rewrite::Fast | Rewrite::Exact) => {
                    (execution, FuelProfile::default())
                }
                (Answer::NeedsExact, Rewrite::Fast | Rewrite::Exact) => return Ok(None),
                _ => return Err(ExecError::Protocol("it was asked to run a job".to_owned())),
            };
            let expected = spec.cid().map_err(ExecError::Job)?;
            answer::check(&execution, expected, spec.profile, &spec.limits).map_err(ExecError::Protocol)?;
            Ok(Some((execution, profile)))
        };
        if check_here {
            return check();
        }
        tokio::task::spawn_blocking(check).await.map_err(|e| ExecError::Io(e.into()))?
    }

    fn runtime(&self) -> Result<&Runtime, ExecError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let runtime = Runtime::new(RuntimeOptions::default()).map_err(job_or_fault)?;
        Ok(self.runtime.get_or_init(|| runtime))
    }
}

fn job_or_fault(error: RuntimeError) -> ExecError {
    match error {
        RuntimeError::Job(error) => ExecError::Job(error),
        fault => ExecError::Fault(crate::report::causes(&fault)),
    }
}

/// Runs a job in fresh workers, without a cache; see [`Executor::run`].
///
/// # Errors
/// [`ExecError`]: this host's own faults. A guest that fails gives an Outcome.
pub async fn run_in_worker(config: &WorkerConfig, job: &ResolvedJob) -> Result<Execution, ExecError> {
    Executor::new(config.clone(), 1).run(job).await
}
