//! Container jobs: bytes in, Outcome and output folder out, on a Docker engine here or on a Bacalhau cluster.
//!
//! What runs in a container is a stranger's and may do anything that a container can't keep it from; each executor says
//! what it keeps it from. Nothing here fetches blocks, decides who is at fault, or signs.

pub mod bacalhau;
pub(crate) mod collect;
pub mod compare;
pub mod docker;
pub(crate) mod ended;
pub mod gpu;

use futures::future::BoxFuture;
use lilypad_abi::{BlobDigest, ContainerSpec, GpuVendor, Image};
use lilypad_runtime::{Execution, Node};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// A job with everything it names at hand.
#[derive(Debug, Clone)]
pub struct ContainerJob {
    /// The job.
    pub spec: ContainerSpec,
    /// The image archive, when the job names one.
    pub image: Option<Arc<Vec<u8>>>,
    /// Files and folders by the path that the container sees them at.
    pub inputs: BTreeMap<String, Node>,
}

/// Names one run of a job on this machine: a run that a crash interrupted is found again by it.
///
/// Lowercase letters, digits and hyphens, at most 120 bytes, so that it can name containers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunName(String);

impl RunName {
    /// The `number`-th run of a deal's job.
    #[must_use]
    pub fn of_deal(deal: [u8; 32], number: u32) -> Self {
        Self(format!("{}-{number}", &BlobDigest(deal).to_string()[2..]))
    }

    /// A name of the caller's making; `None` when it has other characters or is too long.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = !name.is_empty() && name.len() <= 120 && name.bytes().all(fits);
        good.then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a container's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hears what a container says while it runs; called with pieces as they come, within the job's caps.
pub type Listener = Arc<dyn Fn(Stream, &[u8]) + Send + Sync>;

/// A GPU of this machine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gpu {
    /// The index by which its vendor's tool names it.
    pub index: u32,
    /// The model, such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Who makes it.
    pub vendor: GpuVendor,
    /// Its memory, in MiB.
    pub memory_mib: u32,
}

/// What an executor can give to jobs, in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Machine {
    /// Cores, in thousandths.
    pub cpu_millis: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Room for outputs, in bytes.
    pub disk_bytes: u64,
    /// GPUs.
    pub gpus: Vec<Gpu>,
}

/// Where containers run: a Docker engine on this machine, or a Bacalhau cluster.
pub trait ContainerEngine: fmt::Debug + Send + Sync {
    /// What it can give to jobs, in all.
    fn machine(&self) -> BoxFuture<'_, Result<Machine, ContainerError>>;

    /// Runs a job, or goes on with the run of this name that an earlier process began.
    ///
    /// Waits for room when other jobs have it all. The run goes on when the future is dropped, until
    /// [`ContainerEngine::stop`] or [`ContainerEngine::sweep`] ends it.
    fn run<'a>(
        &'a self,
        name: &'a RunName,
        job: &'a ContainerJob,
        listener: Option<Listener>,
    ) -> BoxFuture<'a, Result<Execution, ContainerError>>;

    /// An image's name, such as `busybox:1`, as a job names it: pinned by its digest.
    ///
    /// Engines that don't speak with registries themselves take pinned names only.
    fn pin<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Image, ContainerError>> {
        Box::pin(async move {
            let reason = "this engine doesn't look names up; give it as registry/name@sha256:…".to_owned();
            Err(ContainerError::Image { image: name.to_owned(), reason })
        })
    }

    /// Whether a run of this name has begun, past waiting for room and for its image, as far as the engine tells.
    fn has_started<'a>(&'a self, name: &'a RunName) -> BoxFuture<'a, Result<bool, ContainerError>>;

    /// Ends a run and removes what it left; nothing when there is none.
    fn stop<'a>(&'a self, name: &'a RunName) -> BoxFuture<'a, Result<(), ContainerError>>;

    /// Ends and removes all runs of this owner but those.
    fn sweep<'a>(&'a self, keep: &'a BTreeSet<RunName>) -> BoxFuture<'a, Result<(), ContainerError>>;
}

/// Why a container job has no Outcome here: always this side's own fault or refusal, never the job's result.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The engine or cluster can't be reached.
    #[error("{engine} at {address} can't be used: {reason}; check that it runs and that you may use it")]
    Engine {
        /// `the Docker engine` or `the Bacalhau cluster`.
        engine: &'static str,
        /// Where it was looked for.
        address: String,
        /// What it said.
        reason: String,
    },
    /// The image can't be had.
    #[error("image {image} can't be had: {reason}")]
    Image {
        /// The image.
        image: String,
        /// Why not.
        reason: String,
    },
    /// This machine's owner doesn't allow it.
    #[error("this machine doesn't run it: {0}")]
    NotAllowed(String),
    /// This machine or cluster hasn't got what the job needs.
    #[error("this machine hasn't got it: {0}")]
    Capacity(String),
    /// Something of this machine failed.
    #[error("this machine failed: {0}")]
    Fault(String),
}

impl ContainerError {
    /// Whether the same attempt may succeed later.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Engine { .. } | Self::Image { .. } | Self::Fault(_))
    }
}
