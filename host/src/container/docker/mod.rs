//! Containers on this machine's Docker engine.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | [`DockerExecutor`]: reaching an engine, and what it can give |
//! | `options.rs` | what the machine's owner decides |
//! | `run.rs` | one run from its image to its Outcome; adopting what a crash left |
//! | `sweep.rs` | ending and removing runs |
//! | `follow.rs` | words, time and end of a running container |
//! | `ending.rs` | what an end means; pure |
//! | `config.rs` | all fences around a container; pure |
//! | `image.rs`, `archive.rs`, `name.rs` | images by registry and as content |
//! | `scratch.rs`, `disk.rs` | inputs, outputs and the file system that bounds them |
//! | `room.rs`, `turns.rs` | who may start when |
//!
//! ```text
//!            image ready ──► room ──► scratch and container made ──► started ──► ended ──► outputs read, all removed
//!  name known already: ───────────────────────────────── running ──┘              │
//!                      ────────────────────────────────── ended ──────────────────┘
//! ```
//! Nothing here removes an image, reads an environment variable of the host for a job, or keeps an answer of the engine
//! larger than the job's caps.

mod archive;
mod config;
mod disk;
mod ending;
mod follow;
mod image;
mod name;
mod options;
mod room;
mod run;
mod scratch;
mod sweep;
mod turns;

pub(super) use self::ending::OVER_OUTPUTS;
pub use self::options::{BadPattern, DockerOptions, ImagePattern, PullPolicy};

use self::{
    image::Images,
    room::{Lease, Room},
    turns::{Stops, Turns},
};
use super::{
    ContainerEngine, ContainerError, ContainerJob, Listener, Machine, RunName,
    gpu::{FoundGpu, discover},
};
use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{ContainerStateStatusEnum, SystemInfo},
};
use futures::future::BoxFuture;
use lilypad_abi::Image;
use lilypad_runtime::Execution;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

/// How long one answer of the engine may take to begin; loading an image of many gigabytes takes minutes.
const ANSWER_SECONDS_MAX: u64 = 1_800;

/// Runs container jobs on a Docker engine of this machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DockerExecutor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    docker: Docker,
    options: DockerOptions,
    facts: EngineFacts,
    images: Images,
    room: Arc<Room>,
    gpus: Vec<FoundGpu>,
    /// The room of runs that have a container, also while nobody follows them.
    leases: Mutex<BTreeMap<RunName, Lease>>,
    turns: Turns,
    stops: Stops,
    /// Whether the engine was seen to see what this process mounts.
    sees_mounts: AtomicBool,
}

/// What was found out about an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// The version of its API that is spoken.
    pub api_version: String,
    /// Which control groups bound containers: `1` or `2`.
    pub cgroup_version: String,
    /// Why outputs are only watched instead of bounded by a file system; absent when they are bounded.
    pub watched_because: Option<String>,
    /// What tools for GPUs said that failed.
    pub gpu_failures: Vec<String>,
}

impl DockerExecutor {
    /// Reaches an engine and finds out what it can do.
    ///
    /// # Errors
    /// [`ContainerError::Engine`] when it can't be reached or can't bound containers, or this process may not hand files
    /// to it; [`ContainerError::Fault`] when the scratch folder can't be used.
    pub async fn connect(options: DockerOptions) -> Result<Self, ContainerError> {
        let unusable = |reason: String| ContainerError::Engine {
            engine: "the Docker engine",
            address: options.host.clone(),
            reason,
        };
        let owner_fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if options.owner.is_empty() || options.owner.len() > 32 || !options.owner.bytes().all(owner_fits) {
            let said = "the owner's name must be 1 to 32 lowercase letters, digits and hyphens";
            return Err(ContainerError::Fault(said.to_owned()));
        }
        let Some(socket) = options.host.strip_prefix("unix://") else {
            let said =
                "its address must be unix:///path: jobs' files are handed over as folders of this machine";
            return Err(unusable(said.to_owned()));
        };
        if !rustix::process::geteuid().is_root() {
            // Being in the engine's group is as good as being root, and yet files of the container's user can't be read.
            let said =
                "only root can hand files to containers of another user and read theirs; run this as root";
            return Err(unusable(said.to_owned()));
        }
        let docker = Docker::connect_with_unix(socket, ANSWER_SECONDS_MAX, API_DEFAULT_VERSION)
            .map_err(|error| unusable(limited(&error.to_string())))?;
        let docker =
            docker.negotiate_version().await.map_err(|error| unusable(limited(&error.to_string())))?;
        let info = docker.info().await.map_err(|error| unusable(limited(&error.to_string())))?;
        check(&info).map_err(unusable)?;
        let scratch = make_scratch(&options)?;
        let watched_because = if options.watch_outputs {
            Some("asked for".to_owned())
        } else {
            let folder = options.scratch.clone();
            blocking(move || disk::try_out(&folder)).await?.err()
        };
        let (gpus, gpu_failures) = discover().await;
        let room = Room::new(total(&info, &options, scratch, &gpus));
        let facts = EngineFacts {
            version: info.server_version.unwrap_or_default(),
            api_version: docker.client_version().to_string(),
            cgroup_version: info.cgroup_version.map(|version| version.to_string()).unwrap_or_default(),
            watched_because,
            gpu_failures,
        };
        let inner = Inner {
            images: Images::new(docker.clone(), options.pull, options.image_bytes_max),
            docker,
            options,
            facts,
            room,
            gpus,
            leases: Mutex::default(),
            turns: Turns::default(),
            stops: Stops::default(),
            sees_mounts: AtomicBool::new(false),
        };
        inner.take_over().await?;
        Ok(Self(Arc::new(inner)))
    }

    /// What was found out about the engine.
    #[must_use]
    pub fn facts(&self) -> &EngineFacts {
        &self.0.facts
    }

    /// What all jobs together may have.
    #[must_use]
    pub fn total(&self) -> &Machine {
        self.0.room.total()
    }

    /// An image's name (`busybox`, `localhost:5000/a:1`) as jobs have it: by the digest that its registry gives.
    ///
    /// # Errors
    /// [`ContainerError::Image`] when it is no name, or is in no registry.
    pub async fn pin(&self, reference: &str) -> Result<Image, ContainerError> {
        self.0.images.pin(reference).await
    }

    /// An image as content: an archive with it alone, for [`Image::Archive`].
    ///
    /// # Errors
    /// [`ContainerError::Image`] when it can't be had, or is too large.
    pub async fn save(&self, reference: &str) -> Result<Vec<u8>, ContainerError> {
        self.0.images.save(reference).await
    }
}

impl ContainerEngine for DockerExecutor {
    fn machine(&self) -> BoxFuture<'_, Result<Machine, ContainerError>> {
        Box::pin(async { Ok(self.total().clone()) })
    }

    fn pin<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Image, ContainerError>> {
        Box::pin(self.pin(name))
    }

    /// As the trait says. While nobody follows a run, nobody ends it when its time is up, either: that happens as soon
    /// as it is followed again.
    fn run<'a>(
        &'a self,
        name: &'a RunName,
        job: &'a ContainerJob,
        listener: Option<Listener>,
    ) -> BoxFuture<'a, Result<Execution, ContainerError>> {
        Box::pin(self.0.run(name, job, listener))
    }

    fn has_started<'a>(&'a self, name: &'a RunName) -> BoxFuture<'a, Result<bool, ContainerError>> {
        Box::pin(async move {
            let found = self.0.existing(name).await?;
            let status = found.and_then(|container| container.state).and_then(|state| state.status);
            Ok(status.is_some_and(|status| status != ContainerStateStatusEnum::CREATED))
        })
    }

    fn stop<'a>(&'a self, name: &'a RunName) -> BoxFuture<'a, Result<(), ContainerError>> {
        Box::pin(self.0.stop(name))
    }

    fn sweep<'a>(&'a self, keep: &'a BTreeSet<RunName>) -> BoxFuture<'a, Result<(), ContainerError>> {
        Box::pin(self.0.sweep(keep))
    }
}

impl Inner {
    fn leases(&self) -> MutexGuard<'_, BTreeMap<RunName, Lease>> {
        // Nothing is half done while this is held.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an engine can bound what it runs; one that can't must not run strangers' programs.
fn check(info: &SystemInfo) -> Result<(), String> {
    if info.os_type.as_deref().is_some_and(|os| os != "linux") {
        return Err("it runs no Linux containers".to_owned());
    }
    for (there, what) in [
        (info.memory_limit, "memory"),
        (info.pids_limit, "numbers of processes"),
        (info.cpu_cfs_quota, "processor time"),
    ] {
        if there == Some(false) {
            return Err(format!("it can't limit {what} here; see `docker info` about control groups"));
        }
    }
    let options = info.security_options.clone().unwrap_or_default();
    if !options.iter().any(|option| option.contains("name=seccomp") && !option.contains("unconfined")) {
        return Err(
            "it doesn't filter system calls (seccomp); remove seccomp-profile from its settings".to_owned()
        );
    }
    Ok(())
}

/// Makes the scratch folder, root's alone; gives the bytes that are free in it.
fn make_scratch(options: &DockerOptions) -> Result<u64, ContainerError> {
    let path = &options.scratch;
    let failed = |error: std::io::Error| {
        ContainerError::Fault(format!("the folder {} can't be used: {error}", path.display()))
    };
    if !path.is_absolute() {
        return Err(failed(std::io::Error::other("it must be an absolute path, as the engine sees it")));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let mount = rustix::fs::statvfs(path).map_err(|error| failed(error.into()))?;
    Ok(mount.f_bavail.saturating_mul(mount.f_frsize))
}

fn total(info: &SystemInfo, options: &DockerOptions, scratch: u64, gpus: &[FoundGpu]) -> Machine {
    let known = |value: Option<i64>| u64::try_from(value.unwrap_or(0)).unwrap_or(0);
    let most = |has: u64, cap: Option<u64>| cap.map_or(has, |cap| cap.min(has));
    let memory = known(info.mem_total);
    // A machine that runs out of memory kills whom it likes, and 137 would look like the job's own end.
    let kept = (memory / 8).max(1 << 30).min(memory / 2);
    Machine {
        cpu_millis: most(known(info.ncpu).saturating_mul(1_000), options.cpu_millis_max),
        memory_bytes: most(memory - kept, options.memory_bytes_max),
        // Outputs come out through this program's memory.
        disk_bytes: most(scratch.min(memory / 2), options.disk_bytes_max),
        gpus: gpus.iter().map(|found| found.gpu.clone()).collect(),
    }
}

/// An answer of the engine that says no.
fn fault(error: &Error) -> ContainerError {
    ContainerError::Fault(format!("the Docker engine: {}", limited(&error.to_string())))
}

/// A text of somebody else's for a message of ours.
fn limited(text: &str) -> String {
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}

/// Does what waits for the disk where that holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ContainerError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ContainerError::Fault(format!("a task of this program died: {error}")))
}
