//! Workers started ahead, so that a job doesn't wait for a process to start and lock itself in.
//!
//! Each does one task; whoever takes one has another started in its place.

use super::{ExecError, WorkerConfig, process::Worker};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The waiting workers.
#[derive(Debug)]
pub(super) struct Pool {
    config: WorkerConfig,
    /// How many should wait.
    target: usize,
    idle: Mutex<VecDeque<Worker>>,
}

impl Pool {
    pub(super) fn new(config: WorkerConfig, target: usize) -> Self {
        Self { config, target, idle: Mutex::default() }
    }

    pub(super) const fn config(&self) -> &WorkerConfig {
        &self.config
    }

    pub(super) fn idle(&self) -> usize {
        self.waiting().len()
    }

    /// A worker: one that waits, otherwise a new one.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Worker, ExecError> {
        let worker = loop {
            // The oldest first: it has surely finished locking itself in.
            let Some(mut worker) = self.waiting().pop_front() else { break None };
            if worker.is_alive() {
                break Some(worker);
            }
            tracing::warn!("a worker died while it waited for a job; another takes its place");
        };
        if self.target > 0 {
            let pool = self.clone();
            tokio::spawn(async move {
                if let Err(error) = pool.fill().await {
                    tracing::warn!(error = %crate::report::causes(&error), "no worker can be started ahead");
                }
            });
        }
        worker.map_or_else(|| Worker::start(&self.config), Ok)
    }

    /// Starts workers until enough wait.
    ///
    /// On the caller's thread, one of the runtime's: a worker dies with the thread that started it.
    pub(super) async fn fill(&self) -> Result<(), ExecError> {
        while self.idle() < self.target {
            let worker = Worker::start(&self.config)?;
            self.waiting().push_back(worker);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Bounds a worker's private memory by what its task needs and what this host allows.
    pub(super) fn bound_memory(&self, worker: &Worker, bytes: u64) -> Result<(), ExecError> {
        worker.bound_memory(bytes.min(self.config.memory_bytes_max)).map_err(ExecError::Io)
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
