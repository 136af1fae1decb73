//! Finding, ending and removing runs: by a container's name and labels, and by the folders that were left.
//!
//! A container is this owner's only if its name and its labels both say so: an image can carry any label.
//! Nothing of anybody else's is touched, and no image is removed.

use super::{
    Inner, blocking, fault,
    room::{Lease, Need},
    scratch::Scratch,
};
use crate::container::{ContainerError, Gpu, RunName};
use bollard::{
    errors::Error,
    models::{ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum},
    query_parameters::{
        ListContainersOptions, ListVolumesOptions, RemoveContainerOptions, RemoveVolumeOptions,
    },
};
use lilypad_abi::Cid;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    time::Duration,
};

/// Whose a container is.
const OWNER_LABEL: &str = "network.lilypad.owner";
/// Which run it is.
const RUN_LABEL: &str = "network.lilypad.run";
/// Which job it runs.
pub(super) const JOB_LABEL: &str = "network.lilypad.job";
/// What it reserves, for a process that comes later.
const KEPT_LABEL: &str = "network.lilypad.room";

/// How long a run that is being followed may take to notice that it was ended.
const NOTICE_MAX: Duration = Duration::from_secs(30);

/// What a container's label says that it reserves.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    #[serde(with = "need")]
    pub(super) need: Need,
    pub(super) gpus: Vec<Gpu>,
}

mod need {
    use super::Need;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(need: &Need, s: S) -> Result<S::Ok, S::Error> {
        (need.cpu_millis, need.memory_bytes, need.disk_bytes).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Need, D::Error> {
        let (cpu_millis, memory_bytes, disk_bytes) = Deserialize::deserialize(d)?;
        Ok(Need { cpu_millis, memory_bytes, disk_bytes, gpus: None })
    }
}

impl Inner {
    pub(super) fn container_name(&self, run: &RunName) -> String {
        format!("lilypad-{}-{run}", self.options.owner)
    }

    pub(super) fn labels(&self, run: &RunName, job: Cid, kept: Kept) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (OWNER_LABEL, self.options.owner.clone()),
            (RUN_LABEL, run.to_string()),
            (JOB_LABEL, job.to_string()),
            (KEPT_LABEL, serde_json::to_string(&kept).unwrap_or_default()),
        ])
    }

    /// The container of a run, if there is one.
    pub(super) async fn existing(
        &self,
        run: &RunName,
    ) -> Result<Option<ContainerInspectResponse>, ContainerError> {
        let name = self.container_name(run);
        match self.docker.inspect_container(&name, None).await {
            Ok(container) => {
                let labels = container.config.as_ref().and_then(|config| config.labels.as_ref());
                if labels.and_then(|labels| labels.get(RUN_LABEL)) == Some(&run.to_string()) {
                    Ok(Some(container))
                } else {
                    let said =
                        format!("a container called {name} is not this program's; remove or rename it");
                    Err(ContainerError::Fault(said))
                }
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error @ Error::DockerResponseServerError { .. }) => Err(fault(&error)),
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }

    /// Counts the room of what runs already, from an earlier process.
    pub(super) async fn take_over(&self) -> Result<(), ContainerError> {
        for (run, container) in self.ours().await? {
            let running = matches!(
                container.state,
                Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED)
            );
            let kept = container.labels.as_ref().and_then(|labels| labels.get(KEPT_LABEL));
            let kept = kept.and_then(|kept| serde_json::from_str::<Kept>(kept).ok());
            if let (true, Some(kept)) = (running, kept) {
                let lease: Lease = self.room.take_over(kept.need, kept.gpus);
                self.leases().insert(run, lease);
            }
        }
        Ok(())
    }

    pub(super) async fn stop(&self, run: &RunName) -> Result<(), ContainerError> {
        self.stops.ask(run);
        let result = self.stop_asked(run).await;
        self.stops.done(run);
        result
    }

    async fn stop_asked(&self, run: &RunName) -> Result<(), ContainerError> {
        if self.existing(run).await?.is_some() {
            self.kill(&self.container_name(run)).await?;
        }
        // Whoever follows it sees its end and removes it; whoever waits for room or an image gives up.
        let turn = tokio::time::timeout(NOTICE_MAX, self.turns.take(&run.to_string())).await;
        let _turn = turn.map_err(|_| ContainerError::Fault(format!("the run {run} doesn't end")))?;
        self.tidy(run).await
    }

    pub(super) async fn sweep(&self, keep: &BTreeSet<RunName>) -> Result<(), ContainerError> {
        let mut unwanted: BTreeSet<RunName> = self.ours().await?.into_iter().map(|(run, _)| run).collect();
        let root = self.options.scratch.clone();
        let folders = blocking(move || {
            let entries = fs::read_dir(root)?;
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            Ok::<_, std::io::Error>(names.filter_map(|name| RunName::new(&name)).collect::<Vec<_>>())
        });
        let folders = folders.await?;
        unwanted.extend(folders.map_err(|error| ContainerError::Fault(format!("scratch folder: {error}")))?);
        for run in unwanted.difference(keep) {
            tracing::info!(%run, "removing what is left of a run that nobody wants");
            self.stop(run).await?;
        }
        self.sweep_volumes(keep).await
    }

    /// Removes all that there is of a run; its turn must be held.
    pub(super) async fn tidy(&self, run: &RunName) -> Result<(), ContainerError> {
        if let Some(container) = self.existing(run).await? {
            self.remove_container(&container).await?;
        }
        self.tidy_files(run).await
    }

    /// Removes a run's files and gives back its room, once its container is gone.
    pub(super) async fn tidy_files(&self, run: &RunName) -> Result<(), ContainerError> {
        let scratch = Scratch::of(&self.options.scratch, run);
        let removed = blocking(move || scratch.remove()).await?;
        self.leases().remove(run);
        removed.map_err(|error| ContainerError::Fault(format!("files of a run can't be removed: {error}")))
    }

    /// Removes a container with its volumes, running or not.
    pub(super) async fn remove_container(
        &self,
        container: &ContainerInspectResponse,
    ) -> Result<(), ContainerError> {
        let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
        match self.docker.remove_container(container.id.as_deref().unwrap_or_default(), Some(options)).await {
            Ok(()) => {}
            // Gone, or on its way.
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(Error::DockerResponseServerError { status_code: 409, message })
                if message.contains("already in progress") => {}
            Err(error) => return Err(fault(&error)),
        }
        let own = format!("{}.", container.name.as_deref().unwrap_or_default().trim_start_matches('/'));
        for mount in container.mounts.iter().flatten() {
            if let Some(volume) = mount.name.as_deref().filter(|name| name.starts_with(&own)) {
                self.remove_volume(volume).await?;
            }
        }
        Ok(())
    }

    async fn remove_volume(&self, name: &str) -> Result<(), ContainerError> {
        match self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Removes the volumes of runs that nobody wants, where a crash came between a container's removal and theirs.
    async fn sweep_volumes(&self, keep: &BTreeSet<RunName>) -> Result<(), ContainerError> {
        let options = ListVolumesOptions { filters: Some(self.of_owner()) };
        let found = self.docker.list_volumes(Some(options)).await.map_err(|error| fault(&error))?;
        for volume in found.volumes.unwrap_or_default() {
            let run = volume.labels.get(RUN_LABEL).and_then(|run| RunName::new(run));
            let Some(run) = run.filter(|run| !keep.contains(run)) else { continue };
            if volume.name.starts_with(&format!("{}.", self.container_name(&run))) {
                self.remove_volume(&volume.name).await?;
            }
        }
        Ok(())
    }

    fn of_owner(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{OWNER_LABEL}={}", self.options.owner)])])
    }

    /// All containers of this owner.
    async fn ours(&self) -> Result<Vec<(RunName, ContainerSummary)>, ContainerError> {
        let filters =
            HashMap::from([("label".to_owned(), vec![format!("{OWNER_LABEL}={}", self.options.owner)])]);
        let options =
            ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        let found = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(|error| self.lost(&error.to_string()))?;
        let named = |container: &ContainerSummary| {
            let run = RunName::new(container.labels.as_ref()?.get(RUN_LABEL)?)?;
            let name = format!("/{}", self.container_name(&run));
            container.names.as_ref()?.contains(&name).then_some(run)
        };
        Ok(found.into_iter().filter_map(|container| Some((named(&container)?, container))).collect())
    }
}
