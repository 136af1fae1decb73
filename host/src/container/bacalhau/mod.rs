//! Containers on a Bacalhau cluster, through its v2 API.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | [`BacalhauExecutor`]: one run from its submission to its Outcome |
//! | `client.rs` | the HTTP calls, within bounds |
//! | `document.rs` | from a container job to a job document, and what a cluster can't do; pure |
//! | `progress.rs` | where a run stands; pure |
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
mod progress;
mod results;

use self::{
    client::{Client, Refused},
    document::META_JOB,
    progress::Progress,
    results::ResultsError,
};
use super::{
    ContainerEngine, ContainerError, ContainerJob, Listener, Machine, RunName,
    docker::{ImagePattern, OVER_OUTPUTS},
};
use futures::future::BoxFuture;
use lilypad_abi::{Network, Outcome, Profile, Status};
use lilypad_runtime::{Execution, Folder, Node, unixfs::folder_cid};
use reqwest::StatusCode;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// The first pause between two looks at a run; each is longer than the one before.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long a cluster may be away while a run is followed.
const AWAY_MAX: Duration = Duration::from_secs(120);

/// How often published results are asked for before they are taken for lost.
const DOWNLOADS_MAX: u32 = 5;

/// How long the last words of a run are waited for when its results are there.
const WORDS_WAIT: Duration = Duration::from_secs(2);

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
    /// Time that a run gets beyond its own for pulling its image, which a cluster counts as running.
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

/// How a run ended.
struct Ended {
    status: Status,
    run: Duration,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    outputs: BTreeMap<String, Folder>,
}

impl Ended {
    fn without_words(status: Status, run: Duration) -> Self {
        Self { status, run, stdout: Vec::new(), stderr: Vec::new(), outputs: BTreeMap::new() }
    }
}

/// A cluster that can't be used.
fn unreachable(address: &str, reason: String) -> ContainerError {
    ContainerError::Engine { engine: "the Bacalhau cluster", address: address.to_owned(), reason }
}

impl BacalhauExecutor {
    /// Reaches a cluster and finds out what its nodes can do.
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
        let execution = run.execution(ended)?;
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

/// One run under way.
struct Run<'a> {
    inner: &'a Inner,
    name: String,
    document: serde_json::Value,
    /// The job's address.
    id: String,
    job: &'a ContainerJob,
}

impl Run<'_> {
    /// Makes sure that the cluster has the job: submits it, or finds that it is there.
    async fn begin(&self, again: bool) -> Result<(), ContainerError> {
        match self.inner.client.job(&self.name).await? {
            None => self.submit(false).await,
            Some((job, executions)) => {
                let same = job.meta.get(META_JOB) == Some(&self.id);
                let usable = matches!(
                    progress::progress(&job, &executions),
                    Progress::Waiting
                        | Progress::Running { .. }
                        | Progress::Ended { .. }
                        | Progress::TimedOut
                );
                if same && usable && !again {
                    tracing::info!(run = %self.name, "going on with the job that the cluster has already");
                    return Ok(());
                }
                self.submit(true).await
            }
        }
    }

    async fn submit(&self, again: bool) -> Result<(), ContainerError> {
        match self.inner.client.submit(&self.document, again).await {
            Ok(()) => Ok(()),
            // Submitted before; the answer was lost.
            Err(Refused::Said(_, text)) if text.contains("no changes detected") => Ok(()),
            Err(Refused::Said(status, text)) if status == StatusCode::BAD_REQUEST => {
                Err(ContainerError::NotAllowed(format!("the cluster refuses it: {text}")))
            }
            Err(error) => Err(self.inner.client.flat(error)),
        }
    }

    /// Looks at the run until it has ended, whatever happens to nodes meanwhile.
    async fn follow(&self, listener: Option<Listener>) -> Result<Ended, ContainerError> {
        let mut pause = PAUSE_MIN;
        let mut away_since = None;
        let mut words: Option<(String, Aborting)> = None;
        let mut lost_results = false;
        loop {
            let found = match self.inner.client.job(&self.name).await {
                Ok(found) => found,
                Err(error) => {
                    let since = *away_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > AWAY_MAX {
                        return Err(error);
                    }
                    tokio::time::sleep(PAUSE_MAX).await;
                    continue;
                }
            };
            away_since = None;
            let Some((job, executions)) = found else {
                return Err(self.inner.client.problem("it has lost the job"));
            };
            match progress::progress(&job, &executions) {
                Progress::Waiting => {}
                Progress::Running { execution } => {
                    if let Some(listener) = &listener
                        && words.as_ref().is_none_or(|(followed, _)| *followed != execution)
                    {
                        words = Some((execution.clone(), self.listen(execution, listener.clone())));
                    }
                }
                Progress::Ended { run } => match self.results().await? {
                    Some(ended) => {
                        if let Some((_, mut task)) = words.take() {
                            // The results say it all; what is late is not waited for.
                            let _ = tokio::time::timeout(WORDS_WAIT, &mut task.0).await;
                        }
                        return Ok(Ended { run, ..ended });
                    }
                    None if lost_results => {
                        return Err(ContainerError::Fault(
                            "the cluster published results twice that can't be downloaded".to_owned(),
                        ));
                    }
                    None => {
                        // The node that had them is gone: the job runs once more.
                        lost_results = true;
                        self.submit(true).await?;
                    }
                },
                Progress::TimedOut => {
                    self.inner.client.stop(&self.name, "its time is over").await?;
                    return Ok(Ended::without_words(Status::OutOfFuel, Duration::MAX));
                }
                Progress::NotStarted { code } => {
                    self.inner.client.stop(&self.name, "its program can't be started").await?;
                    return Ok(Ended::without_words(Status::Exited { code }, Duration::ZERO));
                }
                Progress::OutOfMemory => {
                    self.inner.client.stop(&self.name, "out of memory").await?;
                    return Err(ContainerError::Capacity(
                        "the job ran out of memory, and a cluster keeps nothing of such a run".to_owned(),
                    ));
                }
                Progress::Stopped => {
                    return Err(ContainerError::Fault("somebody stopped the job on the cluster".to_owned()));
                }
                Progress::Failed { reason } => {
                    self.inner.client.stop(&self.name, "failed too often").await?;
                    return Err(ContainerError::Fault(format!("the cluster can't run it: {reason}")));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(PAUSE_MAX);
        }
    }

    /// Tells the listener what an execution says, beside everything else.
    fn listen(&self, execution: String, listener: Listener) -> Aborting {
        let (client, name, limits) = (self.inner.client.clone(), self.name.clone(), self.job.spec.limits);
        Aborting(tokio::spawn(async move {
            if let Err(error) = logs::follow(&client, &name, &execution, &limits, &listener).await {
                tracing::debug!(run = %name, error, "the cluster's logs can't be followed");
            }
        }))
    }

    /// Downloads the results; nothing when they can't be had.
    async fn results(&self) -> Result<Option<Ended>, ContainerError> {
        let spec = &self.job.spec;
        for attempt in 0..DOWNLOADS_MAX {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_secs(1) * attempt).await;
            }
            let items = self.inner.client.results(&self.name).await?;
            let url = items.iter().find_map(|item| {
                let url = item.params.get("URL").or_else(|| item.params.get("url"))?.as_str()?;
                item.is("urlDownload").then(|| url.to_owned())
            });
            let Some(url) = url else { continue };
            match self.inner.client.download(&url, results::archive_bytes_max(spec)).await {
                Err(error) => {
                    let hint =
                        "set Publishers.Types.Local.Address of the node to one that is reached from here";
                    tracing::warn!(run = %self.name, url, error, hint, "results can't be downloaded");
                }
                Ok(None) => {
                    return Err(ContainerError::Capacity(
                        "the results are larger than the job allows".to_owned(),
                    ));
                }
                Ok(Some(bytes)) => {
                    let spec = spec.clone();
                    let read = tokio::task::spawn_blocking(move || results::read(&bytes, &spec))
                        .await
                        .map_err(|error| ContainerError::Fault(error.to_string()))?;
                    let results = match read {
                        Ok(results) => results,
                        Err(error @ ResultsError::Link(_)) => {
                            return Err(ContainerError::Capacity(error.to_string()));
                        }
                        Err(error) => return Err(ContainerError::Fault(error.to_string())),
                    };
                    let code = if results.outputs.is_some() { results.code } else { OVER_OUTPUTS };
                    return Ok(Some(Ended {
                        status: Status::Exited { code },
                        run: Duration::ZERO,
                        stdout: results.stdout,
                        stderr: results.stderr,
                        outputs: results.outputs.unwrap_or_default(),
                    }));
                }
            }
        }
        Ok(None)
    }

    /// The result folder and Outcome, as the Docker executor has them.
    fn execution(&self, mut ended: Ended) -> Result<Execution, ContainerError> {
        let spec = &self.job.spec;
        let mut result = Folder::default();
        if let Status::Exited { code } = ended.status {
            result.insert_file("exitCode", code.to_string().into_bytes());
        }
        result.insert_file("stdout", ended.stdout);
        result.insert_file("stderr", ended.stderr);
        for name in spec.outputs.keys() {
            let folder = ended.outputs.remove(name).unwrap_or_default();
            result.entries.insert(name.clone(), Node::Folder(folder));
        }
        let outcome = Outcome {
            job: spec.cid().map_err(|error| ContainerError::Fault(error.to_string()))?,
            profile: Profile::Container1,
            status: ended.status,
            fuel_used: spec.units(ended.run),
            outputs: folder_cid(&result),
            journal: Vec::new(),
        };
        Ok(Execution { outcome, outputs: result, refusal_detail: None })
    }
}

/// A task that ends with whoever wanted it.
struct Aborting(JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}
