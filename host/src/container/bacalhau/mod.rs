//! Containers on a Bacalhau cluster, through its v2 API.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | [`BacalhauExecutor`]: reaching a cluster, and what its owner allows |
//! | `run.rs` | one run from its submission to its Outcome |
//! | `client.rs` | the HTTP calls, within bounds |
//! | `document.rs` | from a container job to a job document, and what a cluster can't do; pure |
//! | `progress.rs` | where a run stands; pure |
//! | `overtime.rs` | what a run over its time comes to; pure |
//! | `nodes.rs` | what a cluster can give; pure |
//! | `results.rs` | from a results archive to a result folder; pure |
//! | `logs.rs` | a run's logs while it runs |
//!
//! A run is the job of its name in this owner's namespace. The cluster refuses to take the same document twice, so that a
//! run is submitted once however often this side crashes, and a process that starts again finds it by its name.
//!
//! A cluster keeps jobs from the machine less well than [`super::docker`] does: its nodes start containers as the image's
//! user, on a writable root, with Docker's default capabilities and without bounds on processes and disk.
//! host/README.md says how its nodes are hardened. Nothing here trusts what the cluster sends.

mod client;
mod document;
mod logs;
mod nodes;
mod overtime;
mod progress;
mod results;
mod run;

use self::{client::Client, run::Run};
use super::{
    ContainerEngine, ContainerError, ContainerJob, Listener, Machine, RunName, docker::ImagePattern,
};
use futures::future::BoxFuture;
use lilypad_abi::Network;
use lilypad_runtime::Execution;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How a cluster is used, and for what.
#[derive(Debug, Clone)]
pub struct BacalhauOptions {
    /// The address of its API, `http://host:1234`.
    pub url: String,
    /// Its API's bearer token, if it wants one.
    pub token: Option<String>,
    /// Whose runs these are: several programs may share one cluster. Lowercase letters, digits, hyphens; at most 32.
    pub owner: String,
    /// Images that may run; empty is all.
    pub images: Vec<ImagePattern>,
    /// Whether jobs may have the network.
    pub network: bool,
    /// Time that a run gets beyond its own for pulling its image, which a cluster counts as running; at least ten
    /// seconds where the image is there.
    pub pull_time: Duration,
}

impl BacalhauOptions {
    /// The cluster at an address; everything else closed, and two minutes for pulling images.
    #[must_use]
    pub fn new(url: impl Into<String>, owner: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            owner: owner.into(),
            images: Vec::new(),
            network: false,
            pull_time: Duration::from_secs(120),
        }
    }
}

/// Runs container jobs on a Bacalhau cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BacalhauExecutor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    options: BacalhauOptions,
    namespace: String,
    machine: Machine,
    nodes: usize,
    /// Runs whose results this process has given out: asked for again, they run again.
    given: Mutex<BTreeSet<RunName>>,
}

/// A cluster that can't be used.
fn unreachable(address: &str, reason: String) -> ContainerError {
    ContainerError::Engine { engine: "the Bacalhau cluster", address: address.to_owned(), reason }
}

impl BacalhauExecutor {
    /// Reaches a cluster and finds out what its nodes can do. Logs a warning when every image may run.
    ///
    /// # Errors
    /// [`ContainerError::Engine`] when it can't be reached, or none of its nodes runs containers.
    pub async fn connect(options: BacalhauOptions) -> Result<Self, ContainerError> {
        let owner_fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if options.owner.is_empty() || options.owner.len() > 32 || !options.owner.bytes().all(owner_fits) {
            let said = "the owner's name must be 1 to 32 lowercase letters, digits and hyphens";
            return Err(ContainerError::Fault(said.to_owned()));
        }
        let namespace = format!("lilypad-{}", options.owner);
        let client = Client::new(&options.url, &namespace, options.token.as_deref())?;
        let cluster = nodes::cluster(&client.nodes().await?).map_err(|reason| client.problem(reason))?;
        if options.images.is_empty() {
            tracing::warn!(
                "every image may run on the cluster, as its own user on a writable root: one that needs either comes out \
                 otherwise on Docker, and a Repeated deal about it is lost; allow only images that you know \
                 (--allow-image)"
            );
        }
        let (machine, nodes) = (cluster.machine, cluster.nodes);
        Ok(Self(Arc::new(Inner { client, options, namespace, machine, nodes, given: Mutex::default() })))
    }

    /// What one job can have: the share of the best single node, because no job runs on two.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// Nodes that ran containers when the cluster was reached.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.0.nodes
    }

    /// Runs a job, or goes on with the run of this name that an earlier process began; see [`ContainerEngine::run`].
    ///
    /// # Errors
    /// [`ContainerError`]: faults of the cluster, and what it can't do or may not. A job that fails gives an Outcome.
    pub async fn run(
        &self,
        name: &RunName,
        job: &ContainerJob,
        listener: Option<Listener>,
    ) -> Result<Execution, ContainerError> {
        self.0.check(job)?;
        let run = Run {
            inner: &self.0,
            name: name.to_string(),
            document: document::document(name, &self.0.namespace, job, self.0.options.pull_time)?,
            id: job.spec.cid().map_err(|error| ContainerError::Fault(error.to_string()))?.to_string(),
            job,
        };
        let again = self.0.given().remove(name);
        run.begin(again).await?;
        let ended = run.follow(listener).await?;
        let execution = ended.execution(&job.spec)?;
        self.0.given().insert(name.clone());
        Ok(execution)
    }

    /// Ends a run; nothing when there is none.
    ///
    /// # Errors
    /// [`ContainerError::Engine`].
    pub async fn stop(&self, name: &RunName) -> Result<(), ContainerError> {
        let name = name.to_string();
        match self.0.client.job(&name).await? {
            Some((job, _)) if !job.state.state_type.is_terminal() => {
                self.0.client.stop(&name, "stopped by its owner").await
            }
            _ => Ok(()),
        }
    }

    /// Ends all runs of this owner but those.
    ///
    /// # Errors
    /// [`ContainerError::Engine`].
    pub async fn sweep(&self, keep: &BTreeSet<RunName>) -> Result<(), ContainerError> {
        let keep: BTreeSet<String> = keep.iter().map(RunName::to_string).collect();
        for job in self.0.client.jobs().await? {
            if !job.state.state_type.is_terminal() && !keep.contains(&job.name) {
                self.0.client.stop(&job.name, "left by an earlier process").await?;
            }
        }
        Ok(())
    }
}

impl ContainerEngine for BacalhauExecutor {
    fn machine(&self) -> BoxFuture<'_, Result<Machine, ContainerError>> {
        Box::pin(async { Ok(self.0.machine.clone()) })
    }

    fn run<'a>(
        &'a self,
        name: &'a RunName,
        job: &'a ContainerJob,
        listener: Option<Listener>,
    ) -> BoxFuture<'a, Result<Execution, ContainerError>> {
        Box::pin(self.run(name, job, listener))
    }

    /// Pulling counts as running on a cluster.
    fn has_started<'a>(&'a self, name: &'a RunName) -> BoxFuture<'a, Result<bool, ContainerError>> {
        Box::pin(async move {
            let found = self.0.client.job(&name.to_string()).await?;
            Ok(found.is_some_and(|(job, _)| {
                !matches!(
                    job.state.state_type,
                    lilypad_bacalhau::model::JobStateType::Pending
                        | lilypad_bacalhau::model::JobStateType::Queued
                )
            }))
        })
    }

    fn stop<'a>(&'a self, name: &'a RunName) -> BoxFuture<'a, Result<(), ContainerError>> {
        Box::pin(self.stop(name))
    }

    fn sweep<'a>(&'a self, keep: &'a BTreeSet<RunName>) -> BoxFuture<'a, Result<(), ContainerError>> {
        Box::pin(self.sweep(keep))
    }
}

impl Inner {
    fn given(&self) -> std::sync::MutexGuard<'_, BTreeSet<RunName>> {
        // Whoever panicked had not begun to change anything: each change is one call.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the owner allows, and what no node has.
    fn check(&self, job: &ContainerJob) -> Result<(), ContainerError> {
        let spec = &job.spec;
        if !self.options.images.is_empty()
            && !self.options.images.iter().any(|pattern| pattern.covers(&spec.image))
        {
            return Err(ContainerError::NotAllowed("its owner hasn't listed the job's image".to_owned()));
        }
        if spec.network == Network::Full && !self.options.network {
            return Err(ContainerError::NotAllowed("its owner gives jobs no network".to_owned()));
        }
        for (what, wants, has) in [
            ("thousandths of a core", spec.limits.cpu_millis.into(), self.machine.cpu_millis),
            ("bytes of memory", spec.limits.memory_bytes_max, self.machine.memory_bytes),
            ("bytes of disk", spec.limits.disk_bytes_max, self.machine.disk_bytes),
        ] {
            if wants > has {
                let said = format!("the job wants {wants} {what}, the cluster's best node gives a job {has}");
                return Err(ContainerError::Capacity(said));
            }
        }
        if let Some(gpus) = spec.gpus {
            // The cluster chooses GPUs by number alone: each it could choose must do.
            let fits = |gpu: &&super::Gpu| {
                gpu.memory_mib >= gpus.memory_mib && gpus.vendor.is_none_or(|vendor| vendor == gpu.vendor)
            };
            let all = &self.machine.gpus;
            if all.len() < usize::from(gpus.count) || all.iter().filter(fits).count() < all.len() {
                return Err(ContainerError::Capacity(format!(
                    "the job wants {} GPUs of at least {} MiB, and a cluster, which chooses by number alone, can't \
                     promise them",
                    gpus.count, gpus.memory_mib
                )));
            }
        }
        Ok(())
    }
}
