//! Following a running container: what it says, when it ends, and ending it when its time or its disk is up.

use super::{Inner, fault, limited, scratch::Scratch};
use crate::container::{ContainerError, Listener, Stream};
use bollard::{
    container::LogOutput,
    errors::Error,
    query_parameters::{EventsOptions, KillContainerOptions, LogsOptions, WaitContainerOptions},
};
use futures::{StreamExt as _, stream::BoxStream};
use lilypad_abi::ContainerSpec;
use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep_until};

/// How long the last words of an ended container may take to come.
const LAST_WORDS_MAX: Duration = Duration::from_secs(10);

/// How long a killed container may take to end; one that waits for a broken disk never does.
const DEATH_MAX: Duration = Duration::from_secs(60);

/// How often watched outputs are counted.
const WATCH_EVERY: Duration = Duration::from_millis(200);

/// What an entry of the engine's log takes beside its text, at most.
const LOG_ENTRY_BYTES: u64 = 192;

/// A container's words, cut at the job's caps.
pub(super) struct Capture {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    stdout_max: u64,
    stderr_max: u64,
    listener: Option<Listener>,
    /// What the entries that came take in the engine's log.
    log_bytes: u64,
    /// Bytes of stdout and stderr that the listener has heard.
    heard: (usize, usize),
}

impl Capture {
    pub(super) fn new(spec: &ContainerSpec, listener: Option<Listener>) -> Self {
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            stdout_max: spec.limits.stdout_bytes_max,
            stderr_max: spec.limits.stderr_bytes_max,
            listener,
            log_bytes: 0,
            heard: (0, 0),
        }
    }

    /// For hearing everything once more; the listener hears only what it hasn't yet.
    pub(super) fn again(self, spec: &ContainerSpec) -> Self {
        Self { heard: self.heard, ..Self::new(spec, self.listener) }
    }

    fn take(&mut self, output: &LogOutput) {
        let (out_heard, err_heard) = (&mut self.heard.0, &mut self.heard.1);
        let (kept, most, stream, heard, bytes) = match output {
            LogOutput::StdOut { message } => {
                (&mut self.stdout, self.stdout_max, Stream::Stdout, out_heard, message)
            }
            LogOutput::StdErr { message } => {
                (&mut self.stderr, self.stderr_max, Stream::Stderr, err_heard, message)
            }
            LogOutput::StdIn { .. } | LogOutput::Console { .. } => return,
        };
        self.log_bytes = self.log_bytes.saturating_add(bytes.len() as u64 + LOG_ENTRY_BYTES);
        let room = most.saturating_sub(kept.len() as u64);
        let bytes = &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        kept.extend_from_slice(bytes);
        let new = kept.get(*heard..).unwrap_or_default();
        if let Some(listener) = &self.listener
            && !new.is_empty()
        {
            listener(stream, new);
            *heard = kept.len();
        }
    }

    /// Whether the engine's log may have become so large that it dropped its beginning.
    pub(super) fn may_lack_beginning(&self, spec: &ContainerSpec) -> bool {
        self.log_bytes >= super::config::log_bytes_max(spec)
    }
}

/// How following ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Followed {
    /// This side ended it because its time was up.
    pub(super) for_time: bool,
    /// This side ended it because its outputs went over.
    pub(super) for_outputs: bool,
    /// Every word came.
    pub(super) complete: bool,
}

pub(super) type Words = BoxStream<'static, Result<LogOutput, Error>>;

impl Inner {
    /// The engine's record of a container's words, from the beginning; of a running one until it ends.
    pub(super) fn log(&self, id: &str, follow: bool) -> Words {
        let options = LogsOptions { follow, stdout: true, stderr: true, ..LogsOptions::default() };
        self.docker.logs(id, Some(options)).boxed()
    }

    /// Follows a container to its end. `watched`: its outputs have no bound of their own.
    pub(super) async fn follow(
        &self,
        id: &str,
        mut words: Words,
        capture: &mut Capture,
        mut deadline: Instant,
        watched: Option<(&Scratch, &ContainerSpec)>,
    ) -> Result<Followed, ContainerError> {
        let mut followed = Followed { complete: true, ..Followed::default() };
        let mut ended = Box::pin(self.ended(id));
        let mut listening = true;
        let mut last_words_by = None;
        let mut ticks = tokio::time::interval(WATCH_EVERY);
        while listening || last_words_by.is_none() {
            let stopped = followed.for_time || followed.for_outputs;
            tokio::select! {
                word = words.next(), if listening => match word {
                    Some(Ok(output)) => capture.take(&output),
                    Some(Err(_)) => (listening, followed.complete) = (false, false),
                    None => listening = false,
                },
                result = &mut ended, if last_words_by.is_none() => {
                    result?;
                    last_words_by = Some(Instant::now() + LAST_WORDS_MAX);
                }
                () = sleep_until(last_words_by.unwrap_or(deadline)), if last_words_by.is_some() => {
                    (listening, followed.complete) = (false, false);
                }
                () = sleep_until(deadline), if last_words_by.is_none() => {
                    if stopped {
                        let said = format!("the container doesn't end {} s after it was killed", DEATH_MAX.as_secs());
                        return Err(ContainerError::Fault(said));
                    }
                    followed.for_time = self.kill(id).await?;
                    // One that had ended by itself is about to be reported.
                    deadline = Instant::now() + DEATH_MAX;
                }
                _ = ticks.tick(), if watched.is_some() && !stopped && last_words_by.is_none() => {
                    if let Some((scratch, spec)) = watched {
                        let (scratch, limits) = (scratch.clone(), spec.limits);
                        if super::blocking(move || scratch.is_over(&limits)).await? {
                            followed.for_outputs = self.kill(id).await?;
                            deadline = Instant::now() + DEATH_MAX;
                        }
                    }
                }
            }
        }
        Ok(followed)
    }

    /// Waits until a container no longer runs.
    async fn ended(&self, id: &str) -> Result<(), ContainerError> {
        loop {
            let options = WaitContainerOptions { condition: "not-running".to_owned() };
            match self.docker.wait_container(id, Some(options)).boxed().next().await {
                // An exit code other than zero is an error to the client, not to us.
                Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => return Ok(()),
                Some(Err(Error::RequestTimeoutError)) => {}
                Some(Err(error)) => return Err(self.lost(&error.to_string())),
                None => return Err(self.lost("it closed the connection")),
            }
        }
    }

    /// Kills a container; false when it had ended by itself.
    pub(super) async fn kill(&self, id: &str) -> Result<bool, ContainerError> {
        let options = KillContainerOptions { signal: "SIGKILL".to_owned() };
        match self.docker.kill_container(id, Some(options)).await {
            Ok(()) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(false),
            Err(error) => Err(fault(&error)),
        }
    }

    /// What an ended container said, from the engine's log.
    pub(super) async fn reread(&self, id: &str, capture: &mut Capture) -> Result<(), ContainerError> {
        let mut words = self.log(id, false);
        while let Some(word) = words.next().await {
            capture.take(&word.map_err(|error| fault(&error))?);
        }
        Ok(())
    }

    /// Whether somebody else ended a container: `Some` with the reason, also when the engine no longer knows.
    ///
    /// The engine remembers its last events until it restarts. A container that it or its owner killed has an event of
    /// that; one whose end it doesn't remember may have ended with the engine.
    pub(super) async fn ended_by_others(&self, id: &str) -> Result<Option<String>, ContainerError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let filters = HashMap::from([
            ("container".to_owned(), vec![id.to_owned()]),
            ("event".to_owned(), vec!["kill".to_owned(), "die".to_owned()]),
        ]);
        let options = EventsOptions {
            since: Some("1".to_owned()),
            until: Some(format!("{}.{:09}", now.as_secs(), now.subsec_nanos())),
            filters: Some(filters),
        };
        let mut events = self.docker.events(Some(options)).boxed();
        let (mut killed, mut died) = (false, false);
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| fault(&error))?;
            match event.action.as_deref() {
                Some("kill") => killed = true,
                Some("die") => died = true,
                _ => {}
            }
        }
        Ok(match (killed, died) {
            (true, _) => Some("somebody killed the container".to_owned()),
            (false, false) => Some("the container may have ended with the engine".to_owned()),
            (false, true) => None,
        })
    }

    /// The engine went away; the container may go on.
    pub(super) fn lost(&self, reason: &str) -> ContainerError {
        ContainerError::Engine {
            engine: "the Docker engine",
            address: self.options.host.clone(),
            reason: limited(reason),
        }
    }
}
