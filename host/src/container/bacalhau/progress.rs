//! Where a run stands, from what the cluster says of it: pure.
//!
//! Bacalhau tries a failed execution again, on whatever node, until each has failed twice; then it queues the job for
//! ever. So a job's own state is not enough: what its executions say decides.

use super::model::{Execution, Job, State};
use std::time::Duration;

/// Failures of a run for reasons that may be a node's before it is given up.
const FAILURES_MAX: usize = 3;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// No node has it yet, or the one that had it is gone.
    Waiting,
    /// A node runs it.
    Running {
        /// The execution.
        execution: String,
    },
    /// It ended by itself and its results are published.
    Ended {
        /// How long it took.
        run: Duration,
    },
    /// It ran until its time was over.
    TimedOut,
    /// It ran out of memory; the cluster keeps nothing of such a run.
    OutOfMemory,
    /// Somebody stopped it.
    Stopped,
    /// The cluster can't run it.
    Failed {
        /// What it says.
        reason: String,
    },
}

/// `ComputeState.StateType`, as number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compute {
    Early,
    Running,
    Completed,
    Failed,
    Other,
}

impl Compute {
    fn of(state: &State<serde_json::Value>) -> Self {
        match &state.state_type {
            serde_json::Value::Number(number) => match number.as_u64() {
                Some(0..=5) => Self::Early,
                Some(6 | 7) => Self::Running,
                Some(9) => Self::Completed,
                Some(10) => Self::Failed,
                _ => Self::Other,
            },
            serde_json::Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "running" | "publishing" => Self::Running,
                "completed" => Self::Completed,
                "failed" => Self::Failed,
                "askforbidrejected" | "bidrejected" | "cancelled" => Self::Other,
                _ => Self::Early,
            },
            _ => Self::Other,
        }
    }
}

/// Where the newest version of a job stands.
pub(super) fn progress(job: &Job, executions: &[Execution]) -> Progress {
    let ours: Vec<(&Execution, Compute)> = executions
        .iter()
        .filter(|execution| execution.job_version == job.version)
        .map(|execution| (execution, Compute::of(&execution.compute_state)))
        .collect();
    let state = job.state.state_type.to_ascii_lowercase();
    if let Some((execution, _)) = ours.iter().find(|(_, state)| *state == Compute::Completed) {
        // Published results count once the job knows of them too.
        if state == "completed" {
            let nanos = execution.modify_ns.saturating_sub(execution.create_ns);
            return Progress::Ended { run: Duration::from_nanos(nanos) };
        }
        return Progress::Running { execution: execution.id.clone() };
    }
    if state == "stopped" {
        return Progress::Stopped;
    }
    let failed: Vec<&Execution> =
        ours.iter().filter(|(_, state)| *state == Compute::Failed).map(|(execution, _)| *execution).collect();
    let says = |execution: &Execution, text: &str| execution.compute_state.message.contains(text);
    if failed.iter().any(|execution| says(execution, "timed out after")) {
        return Progress::TimedOut;
    }
    if failed.iter().any(|execution| says(execution, "memory limit exceeded")) {
        return Progress::OutOfMemory;
    }
    // Lost with its node: nothing that the job did.
    let own: Vec<&&Execution> = failed.iter().filter(|execution| !is_lost(execution)).collect();
    let reason = || own.last().map(|execution| execution.compute_state.message.clone());
    if own.len() >= FAILURES_MAX || own.iter().any(|execution| says(execution, "failed to start container")) {
        return Progress::Failed { reason: reason().unwrap_or_default() };
    }
    if state == "failed" {
        let said = Some(job.state.message.clone()).filter(|text| !text.is_empty());
        let reason = said.or_else(reason).unwrap_or_else(|| "the cluster says no more".to_owned());
        return Progress::Failed { reason };
    }
    if let Some((execution, _)) = ours.iter().rev().find(|(_, state)| *state == Compute::Early || *state == Compute::Running) {
        // Accepted is said as soon as a node begins; an earlier state has nothing to listen to.
        let began = Compute::of(&execution.compute_state) == Compute::Running
            || execution.compute_state.state_type == serde_json::json!(5);
        if began {
            return Progress::Running { execution: execution.id.clone() };
        }
    }
    Progress::Waiting
}

/// Whether an execution failed because its node went away.
fn is_lost(execution: &Execution) -> bool {
    execution.compute_state.message.contains("node has disappeared")
}
