//! Bacalhau's v2 API, served: its unmodified CLI and libraries submit jobs to this machine, and get their results.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | [`Api`]: what a server consists of, and its restart |
//! | `routes.rs`, `jobs.rs`, `download.rs` | the endpoints |
//! | `guard.rs` | who may ask |
//! | `answer.rs` | refusals as Bacalhau's `APIError` |
//! | `board.rs` | the jobs, in memory and in the journal |
//! | `life.rs` | states, executions and history; pure |
//! | `work.rs` | from a document to what an executor runs |
//! | `sources.rs` | a job's inputs, fetched within bounds |
//! | `run.rs` | from the board to an executor and back |
//! | `logs.rs` | what running jobs say |
//! | `labels.rs` | what lists are filtered by; pure |
//! | `node.rs` | what this server says of itself |
//! | `limits.rs` | its bounds |
//!
//! It serves the machine's owner: jobs are run, not sold. No chain is asked, nobody pays, and whoever may reach it may
//! run what the engine allows, which is why it listens on loopback unless told otherwise. Nothing here reads a file that
//! a client names.

mod answer;
mod board;
mod download;
mod guard;
mod jobs;
mod labels;
mod life;
mod limits;
mod logs;
mod node;
mod routes;
mod run;
mod sources;
mod work;

pub use self::limits::ApiLimits;

use self::{board::Board, logs::Logs, sources::Sources};
use crate::{
    container::ContainerEngine,
    exec::Executor,
    journal::{Journal, JournalError},
    store::Store,
};
use axum::Router;
use lilypad_bacalhau::model::Timestamp;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::Semaphore, task::AbortHandle};

/// What a server is made of.
#[derive(Debug)]
pub struct ApiParts {
    /// Runs modules.
    pub executor: Executor,
    /// Runs containers, if anything does.
    pub containers: Option<Arc<dyn ContainerEngine>>,
    /// Results, and inputs named by their CIDs.
    pub store: Store,
    /// Gateways asked for what the store hasn't got.
    pub gateways: Vec<String>,
    /// What survives a crash.
    pub journal: Journal,
    /// The node's name.
    pub node: String,
    /// The bearer token that clients must show, if any.
    pub token: Option<String>,
    /// Bounds.
    pub limits: ApiLimits,
}

/// Why a server can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The journal.
    #[error("what an earlier server left can't be read")]
    Journal(#[from] JournalError),
    /// The system's randomness.
    #[error("the system gives no randomness")]
    Random(#[source] io::Error),
    /// The HTTP client.
    #[error("no HTTP client can be made")]
    Http(#[from] reqwest::Error),
}

/// A server of the API. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api(Arc<Shared>);

/// What handlers and jobs share.
#[derive(Debug)]
struct Shared {
    board: Board,
    executor: Executor,
    containers: Option<Arc<dyn ContainerEngine>>,
    sources: Sources,
    logs: Logs,
    turns: Arc<Semaphore>,
    downloads: Semaphore,
    followers: Arc<Semaphore>,
    tasks: Mutex<BTreeMap<String, AbortHandle>>,
    limits: ApiLimits,
    token: Option<String>,
    node: String,
    started: Timestamp,
    module_memory_bytes: u64,
    public_url: OnceLock<String>,
    loopback_only: OnceLock<bool>,
    random: Mutex<File>,
}

impl Api {
    /// A server with the jobs that an earlier one left; those that hadn't ended go on. Needs Tokio.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn new(parts: ApiParts) -> Result<Self, ApiError> {
        let limits = parts.limits;
        let board = Board::open(parts.journal, limits.jobs_max, limits.open_max)?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .build()?;
        let shared = Arc::new(Shared {
            board,
            executor: parts.executor,
            containers: parts.containers,
            sources: Sources {
                store: parts.store,
                gateways: parts.gateways,
                http,
                bytes_max: limits.input_bytes_max,
                timeout: limits.fetch_timeout,
            },
            logs: Logs::default(),
            turns: Arc::new(Semaphore::new(limits.running_max.max(1))),
            downloads: Semaphore::new(limits.downloads_max.max(1)),
            followers: Arc::new(Semaphore::new(limits.followers_max.max(1))),
            tasks: Mutex::default(),
            limits,
            token: parts.token,
            node: parts.node,
            started: Timestamp::from_unix_nanos(u64::try_from(now_ns()).unwrap_or(0)),
            module_memory_bytes: 4 << 30,
            public_url: OnceLock::new(),
            loopback_only: OnceLock::new(),
            random: Mutex::new(File::open("/dev/urandom").map_err(ApiError::Random)?),
        });
        Ok(Self(shared))
    }

    /// The endpoints, for a server that clients reach under `public_url`; `loopback_only` refuses requests for other
    /// hosts, as a page of another site would make a browser send. Jobs that hadn't ended go on from here.
    pub fn router(&self, public_url: &str, loopback_only: bool) -> Router {
        // A second router of the same server keeps the first one's address.
        let _ = self.0.public_url.set(public_url.trim_end_matches('/').to_owned());
        let _ = self.0.loopback_only.set(loopback_only);
        let running: Vec<String> = self.0.tasks().keys().cloned().collect();
        let open = self.0.board.open_jobs();
        if running.is_empty() {
            run::sweep(&self.0, &open);
        }
        for job in open {
            if !running.contains(&job.id) {
                run::spawn(&self.0, job.id.clone());
            }
        }
        routes::router(self.0.clone())
    }
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<String, AbortHandle>> {
        // Whoever panicked had not begun to change anything: each change is one call.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn public_url(&self) -> &str {
        self.public_url.get().map_or("", String::as_str)
    }

    /// Sixteen bytes that nobody can guess.
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let mut file = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        // This file never ends and never fails once it is open.
        if let Err(error) = file.read_exact(&mut bytes) {
            tracing::error!(%error, "the system gives no randomness");
            std::process::abort();
        }
        bytes
    }

    /// A new id, such as `j-8c7c34c3-fe2e-4b7f-911b-f1c0bfe0bb8e`.
    fn new_id(&self, kind: &str) -> String {
        let mut b = self.random();
        // A UUID's version and variant.
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
        let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
        format!("{kind}-{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
