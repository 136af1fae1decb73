//! One run, from its submission to its Outcome: submitted once, looked at until it has ended, its results fetched.

use super::{
    Inner,
    client::Refused,
    document::{self, META_JOB, META_PULLED},
    logs, nodes,
    overtime::{Overtime, overtime},
    progress::{self, Progress},
    results::{self, ResultsError},
};
use crate::container::{ContainerError, ContainerJob, Listener, docker::OVER_OUTPUTS, ended::Ended};
use lilypad_abi::Status;
use lilypad_bacalhau::model::Job;
use reqwest::StatusCode;
use std::time::{Duration, Instant};
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

/// One run under way.
pub(super) struct Run<'a> {
    pub(super) inner: &'a Inner,
    pub(super) name: String,
    pub(super) document: serde_json::Value,
    /// The job's address.
    pub(super) id: String,
    pub(super) job: &'a ContainerJob,
}

impl Run<'_> {
    /// Makes sure that the cluster has the job: submits it, or finds that it is there.
    pub(super) async fn begin(&self, again: bool) -> Result<(), ContainerError> {
        match self.inner.client.job(&self.name).await? {
            None => self.submit(&self.document, false).await,
            Some((job, executions)) => {
                let same = job.meta.get(META_JOB) == Some(&self.id);
                let usable = matches!(
                    progress::progress(&job, &executions),
                    Progress::Waiting
                        | Progress::Running { .. }
                        | Progress::Ended { .. }
                        | Progress::TimedOut { .. }
                );
                if same && usable && !again {
                    tracing::info!(run = %self.name, "going on with the job that the cluster has already");
                    return Ok(());
                }
                self.submit(&self.document, true).await
            }
        }
    }

    async fn submit(&self, document: &serde_json::Value, again: bool) -> Result<(), ContainerError> {
        match self.inner.client.submit(document, again).await {
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
    pub(super) async fn follow(&self, listener: Option<Listener>) -> Result<Ended, ContainerError> {
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
                Progress::Ended { run, node } if run > self.time() => {
                    if let Some(ended) = self.over_time(&job, &node, false).await? {
                        return Ok(ended);
                    }
                    pause = PAUSE_MIN;
                }
                Progress::Ended { run, .. } => match self.results().await? {
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
                        self.submit(&self.document, true).await?;
                    }
                },
                Progress::TimedOut { node } => {
                    if let Some(ended) = self.over_time(&job, &node, true).await? {
                        return Ok(ended);
                    }
                    pause = PAUSE_MIN;
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

    /// The job's own time.
    fn time(&self) -> Duration {
        Duration::from_millis(self.job.spec.limits.timeout_ms)
    }

    /// Deals with a run that was over its time on a node; nothing when it runs once more.
    async fn over_time(
        &self,
        job: &Job,
        node: &str,
        timed_out: bool,
    ) -> Result<Option<Ended>, ContainerError> {
        let client = &self.inner.client;
        if timed_out && !job.state.state_type.is_terminal() {
            // The cluster would try it again, as it was.
            client.stop(&self.name, "its time is over").await?;
        }
        match overtime(job.meta.get(META_PULLED).map(String::as_str), node, timed_out) {
            Overtime::Again => {
                tracing::info!(run = %self.name, node, "over its time, with its image's pull; it runs once more");
                let on_it = nodes::can_be_asked_for(&client.nodes().await?, node);
                let grace = self.inner.options.pull_time;
                let document = document::again(&self.document, &self.job.spec, grace, node, on_it);
                self.submit(&document, true).await?;
                Ok(None)
            }
            Overtime::OutOfFuel => Ok(Some(Ended::without_words(Status::OutOfFuel, Duration::MAX))),
            Overtime::Undecided => Err(ContainerError::Capacity(format!(
                "the job took longer than its {} ms twice, and a cluster doesn't tell how much of that its container \
                 ran: the rest is waiting, pulling the image and publishing",
                self.job.spec.limits.timeout_ms
            ))),
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
                        Err(error @ (ResultsError::Link(_) | ResultsError::Words(_))) => {
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
}

/// A task that ends with whoever wanted it.
struct Aborting(JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}
