//! One run, from its image to its Outcome; and going on with one that an earlier process began.

use super::{
    Inner, blocking, config,
    ending::{Ending, OVER_OUTPUTS, not_started, started_at},
    fault,
    follow::{Capture, Followed, Words},
    image::ReadyImage,
    room::{Lease, Need},
    scratch::Scratch,
    sweep::{JOB_LABEL, Kept},
};
use crate::container::{
    ContainerError, ContainerJob, Listener, RunName, collect::CollectError, ended::Ended, gpu,
};
use bollard::{
    errors::Error,
    models::{ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum},
    query_parameters::{AttachContainerOptions, ContainerArchiveInfoOptions, CreateContainerOptions},
};
use futures::StreamExt as _;
use lilypad_abi::{Cid, ContainerSpec, Network, Status};
use lilypad_runtime::Execution;
use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// A job with its address, shared with the tasks that write its files.
struct Task {
    name: RunName,
    job: Arc<ContainerJob>,
    cid: Cid,
}

impl Inner {
    pub(super) async fn run(
        &self,
        name: &RunName,
        job: &ContainerJob,
        listener: Option<Listener>,
    ) -> Result<Execution, ContainerError> {
        let spec = &job.spec;
        let no_job = |reason: String| ContainerError::Fault(format!("the job can't be run: {reason}"));
        spec.validate().map_err(|error| no_job(error.to_string()))?;
        if !job.inputs.keys().eq(spec.inputs.keys()) {
            return Err(no_job("its inputs are not at hand".to_owned()));
        }
        self.allow(spec)?;
        let cid = spec.cid().map_err(|error| no_job(error.to_string()))?;
        let task = Task { name: name.clone(), job: Arc::new(job.clone()), cid };
        let _turn = self.turns.take(&name.to_string()).await;
        if let Some(container) = self.existing(name).await? {
            if let Some(execution) = self.adopt(&task, &container, listener.clone()).await? {
                return Ok(execution);
            }
            tracing::info!(run = %name, "what an earlier process began can't be used: starting again");
            self.tidy(name).await?;
        }
        self.fresh(&task, listener).await
    }

    /// What the machine's owner lets run.
    fn allow(&self, spec: &ContainerSpec) -> Result<(), ContainerError> {
        let images = &self.options.images;
        if !images.is_empty() && !images.iter().any(|pattern| pattern.covers(&spec.image)) {
            let said = format!("its owner doesn't allow the image {:?}", spec.image);
            return Err(ContainerError::NotAllowed(said));
        }
        if spec.network == Network::Full && !self.options.network {
            return Err(ContainerError::NotAllowed("its owner gives containers no network".to_owned()));
        }
        Ok(())
    }

    async fn fresh(&self, task: &Task, listener: Option<Listener>) -> Result<Execution, ContainerError> {
        let spec = &task.job.spec;
        let begin = async {
            let image = self.images.ready(&task.job).await?;
            if !image.has_command && spec.entrypoint.is_empty() && spec.args.is_empty() {
                return Ok(None);
            }
            let lease = self.room.take(Need::of(spec)).await.map_err(ContainerError::Capacity)?;
            Ok(Some((image, lease)))
        };
        let begun = tokio::select! {
            begun = begin => begun?,
            () = self.stops.asked(&task.name) => return Err(stopped()),
        };
        let Some((image, lease)) = begun else { return task.ended_without_words(127) };
        let result = self.start_and_follow(task, &image, lease, listener).await;
        match &result {
            // The container may go on without its engine, and is adopted when the run is asked for again.
            Ok(_) | Err(ContainerError::Engine { .. }) => {}
            Err(_) => {
                if let Err(error) = self.tidy(&task.name).await {
                    tracing::warn!(run = %task.name, %error, "a failed run can't be removed; the next sweep tries again");
                }
            }
        }
        result
    }

    async fn start_and_follow(
        &self,
        task: &Task,
        image: &ReadyImage,
        lease: Lease,
        listener: Option<Listener>,
    ) -> Result<Execution, ContainerError> {
        let spec = &task.job.spec;
        let scratch = Scratch::of(&self.options.scratch, &task.name);
        let devices = gpu::devices(lease.gpus(), &self.gpus).map_err(ContainerError::Fault)?;
        let labels =
            self.labels(&task.name, task.cid, Kept { need: Need::of(spec), gpus: lease.gpus().to_vec() });
        self.leases().insert(task.name.clone(), lease);
        let disk = |error: std::io::Error| ContainerError::Fault(format!("files of the run: {error}"));
        let (folder, job) = (scratch.clone(), task.job.clone());
        blocking(move || folder.prepare(&job)).await?.map_err(disk)?;
        let body = config::body(config::Plan {
            spec,
            image: &image.id,
            volumes: &image.volumes,
            binds: scratch.binds(spec),
            devices,
            labels,
            name: self.container_name(&task.name),
        });
        let (folder, job, watched) = (scratch.clone(), task.job.clone(), self.watches());
        // The engine takes longer for a container than we do for a file system and the inputs.
        let (made, filled) =
            tokio::join!(self.make(&task.name, body), blocking(move || folder.fill(&job, watched)));
        filled?.map_err(disk)?;
        let (id, words) = made?;
        self.check_sees(&id, &scratch, spec).await?;
        if self.stops.is_asked(&task.name) {
            return Err(stopped());
        }
        if let Err(error) = self.docker.start_container(&id, None).await {
            return self.not_started(task, &id, &error).await;
        }
        let deadline = Instant::now() + Duration::from_millis(spec.limits.timeout_ms);
        let mut capture = Capture::new(spec, listener);
        let watched = self.watches().then_some((&scratch, spec));
        let followed = self.follow(&id, words, &mut capture, deadline, watched).await?;
        self.finish(task, &id, capture, followed).await
    }

    async fn make(
        &self,
        name: &RunName,
        body: ContainerCreateBody,
    ) -> Result<(String, Words), ContainerError> {
        let options = CreateContainerOptions {
            name: Some(self.container_name(name)),
            ..CreateContainerOptions::default()
        };
        let made = self.docker.create_container(Some(options), body).await.map_err(|error| fault(&error))?;
        let options = AttachContainerOptions {
            stream: true,
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        let attached =
            self.docker.attach_container(&made.id, Some(options)).await.map_err(|error| fault(&error))?;
        let input = attached.input;
        let words = attached.output.map(move |word| {
            // Kept as long as the words come: the connection would be half closed without it.
            let _ = &input;
            word
        });
        Ok((made.id, words.boxed()))
    }

    /// Makes sure, once, that the engine sees what this process mounts; otherwise no limit of outputs would hold.
    async fn check_sees(
        &self,
        id: &str,
        scratch: &Scratch,
        spec: &ContainerSpec,
    ) -> Result<(), ContainerError> {
        let Some(target) = spec.outputs.values().next() else { return Ok(()) };
        if self.sees_mounts.load(Ordering::Relaxed) {
            return Ok(());
        }
        let path = scratch.probe(".lilypad");
        let failed = |error| ContainerError::Fault(format!("{} can't be written: {error}", path.display()));
        fs::write(&path, "").map_err(failed)?;
        let options = ContainerArchiveInfoOptions { path: format!("{target}/.lilypad") };
        let seen = self.docker.get_container_archive_info(id, Some(options)).await;
        fs::remove_file(&path).map_err(failed)?;
        match seen {
            Ok(_) => self.sees_mounts.store(true, Ordering::Relaxed),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                return Err(ContainerError::Fault(format!(
                    "the Docker engine doesn't see what is mounted in {}; let it run in this mount namespace, or use \
                     another scratch folder",
                    self.options.scratch.display()
                )));
            }
            Err(error) => return Err(fault(&error)),
        }
        Ok(())
    }

    /// A container that didn't start: the job's own end when its program can't be run, our fault otherwise.
    async fn not_started(&self, task: &Task, id: &str, error: &Error) -> Result<Execution, ContainerError> {
        let state = self.docker.inspect_container(id, None).await.map_err(|error| fault(&error))?.state;
        let code = state.and_then(|state| state.exit_code).unwrap_or(-1);
        match not_started(code, &error.to_string()) {
            Some(code) => {
                self.tidy(&task.name).await?;
                task.ended_without_words(code)
            }
            None => Err(fault(error)),
        }
    }

    /// Goes on with a container of an earlier process; `None` when nothing can be made of it.
    async fn adopt(
        &self,
        task: &Task,
        container: &ContainerInspectResponse,
        listener: Option<Listener>,
    ) -> Result<Option<Execution>, ContainerError> {
        let spec = &task.job.spec;
        let scratch = Scratch::of(&self.options.scratch, &task.name);
        let label = |name: &str| container.config.as_ref()?.labels.as_ref()?.get(name).cloned();
        let (Some(id), Some(state)) = (&container.id, &container.state) else { return Ok(None) };
        let Some(started) = started_at(state) else { return Ok(None) };
        if label(JOB_LABEL) != Some(task.cid.to_string()) || !scratch.is_whole(spec) {
            return Ok(None);
        }
        let running = state.running == Some(true);
        if !running && state.status != Some(ContainerStateStatusEnum::EXITED) {
            return Ok(None);
        }
        let mut capture = Capture::new(spec, listener);
        let mut followed = Followed { complete: true, ..Followed::default() };
        if running {
            tracing::info!(run = %task.name, "going on with the container that an earlier process started");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let left =
                Duration::from_millis(spec.limits.timeout_ms).saturating_sub(now.saturating_sub(started));
            let watched = self.watches().then_some((&scratch, spec));
            let words = self.log(id, true);
            followed = self.follow(id, words, &mut capture, Instant::now() + left, watched).await?;
        }
        // Whoever follows the engine's log may miss the end of it.
        capture = capture.again(spec);
        self.reread(id, &mut capture).await?;
        followed.complete = true;
        if capture.may_lack_beginning(spec) && !followed.for_time {
            return Ok(None);
        }
        match self.finish(task, id, capture, followed).await {
            // How it ended while nobody looked can't be told: it has to run again.
            Err(ContainerError::Fault(reason)) if !running => {
                tracing::info!(run = %task.name, reason, "a container that ended alone is not used");
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// From an ended container to the Outcome; the container and its files are gone afterwards.
    async fn finish(
        &self,
        task: &Task,
        id: &str,
        mut capture: Capture,
        followed: Followed,
    ) -> Result<Execution, ContainerError> {
        let spec = &task.job.spec;
        let container = self.docker.inspect_container(id, None).await.map_err(|error| fault(&error))?;
        let state = container.state.as_ref();
        let unclear = || ContainerError::Fault("the engine doesn't say how the container ended".to_owned());
        let ending = state.and_then(Ending::of).ok_or_else(unclear)?;
        if !followed.complete {
            capture = capture.again(spec);
            self.reread(id, &mut capture).await?;
            if capture.may_lack_beginning(spec) {
                let said = "the container's words were lost with the connection to the engine";
                return Err(ContainerError::Fault(said.to_owned()));
            }
        }
        if ending.is_doubtful()
            && !followed.for_time
            && !followed.for_outputs
            && let Some(reason) = self.ended_by_others(id).await?
        {
            return Err(ContainerError::Fault(reason));
        }
        let limit = Duration::from_millis(spec.limits.timeout_ms);
        let mut status = ending.status(limit, followed.for_time).ok_or_else(unclear)?;
        let wanted = matches!(status, Status::Exited { .. }) && !followed.for_outputs;
        let (scratch, job) = (Scratch::of(&self.options.scratch, &task.name), task.job.clone());
        // The container's removal doesn't touch the outputs, which lie on a file system of ours.
        let (removed, outputs) = tokio::join!(
            self.remove_container(&container),
            blocking(move || if wanted { scratch.collect(&job.spec) } else { Ok(BTreeMap::new()) }),
        );
        let outputs = match outputs? {
            Ok(outputs) => outputs,
            Err(CollectError::Over) => {
                status = Status::Exited { code: OVER_OUTPUTS };
                BTreeMap::new()
            }
            Err(CollectError::Io(error)) => {
                return Err(ContainerError::Fault(format!("outputs can't be read: {error}")));
            }
        };
        if followed.for_outputs {
            status = Status::Exited { code: OVER_OUTPUTS };
        }
        removed?;
        self.tidy_files(&task.name).await?;
        Ended { status, run: ending.run, stdout: capture.stdout, stderr: capture.stderr, outputs }
            .execution(spec)
    }

    fn watches(&self) -> bool {
        self.facts.watched_because.is_some()
    }
}

fn stopped() -> ContainerError {
    ContainerError::Fault("the run was stopped before it began".to_owned())
}

impl Task {
    /// A program that can't be started: as a shell has it, and nothing else.
    fn ended_without_words(&self, code: u32) -> Result<Execution, ContainerError> {
        Ended::without_words(Status::Exited { code }, Duration::ZERO).execution(&self.job.spec)
    }
}
