//! Where a run stands, from what the cluster says of it: pure.
//!
//! Bacalhau tries a failed execution again, on whatever node, until each has failed twice; then it queues the job for
//! ever. So a job's own state is not enough: what its executions say decides.

use lilypad_bacalhau::model::{Execution, ExecutionStateType, Job, JobStateType};
use std::time::Duration;

/// Failures of a run for reasons that may be a node's before it is given up.
const FAILURES_MAX: usize = 3;

/// The same for a run that only one node may have: the cluster gives it to that one twice and waits for ever then.
const FAILURES_MAX_ON_ONE: usize = 2;

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
        /// How long it took at most: from its planning to its results.
        run: Duration,
        /// Where.
        node: String,
    },
    /// Pulling its image and running it took until the cluster's time for both was over; its container was made.
    TimedOut {
        /// Where.
        node: String,
    },
    /// Its program can't be started.
    NotStarted {
        /// The exit code that says so.
        code: u32,
    },
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

/// Where the newest version of a job stands.
pub(super) fn progress(job: &Job, executions: &[Execution]) -> Progress {
    let ours: Vec<&Execution> =
        executions.iter().filter(|execution| execution.job_version == job.version).collect();
    let is = |state: ExecutionStateType| {
        move |execution: &&&Execution| execution.compute_state.state_type == state
    };
    if let Some(execution) = ours.iter().find(is(ExecutionStateType::Completed)) {
        // Published results count once the job knows of them too.
        if job.state.state_type == JobStateType::Completed {
            let nanos = execution.modify_time.saturating_sub(execution.create_time);
            // A clock that was set back has measured nothing.
            let run = u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos);
            return Progress::Ended { run, node: execution.node_id.clone() };
        }
        return Progress::Running { execution: execution.id.clone() };
    }
    if job.state.state_type == JobStateType::Stopped {
        return Progress::Stopped;
    }
    let failed: Vec<&Execution> = ours.iter().filter(is(ExecutionStateType::Failed)).copied().collect();
    // What a node says of a program that can't be started quotes the job's own words, which may be any of those below.
    if let Some(code) = failed.iter().find_map(|execution| not_started(&execution.compute_state.message)) {
        return Progress::NotStarted { code };
    }
    let says = |text: &str| failed.iter().find(|execution| execution.compute_state.message.starts_with(text));
    if let Some(execution) = says("Execution timed out after ") {
        return Progress::TimedOut { node: execution.node_id.clone() };
    }
    if says("memory limit exceeded").is_some() {
        return Progress::OutOfMemory;
    }
    // Lost with its node: nothing that the job did.
    let own: Vec<&&Execution> = failed.iter().filter(|execution| !is_lost(execution)).collect();
    let reason = || own.last().map(|execution| execution.compute_state.message.clone());
    let most = if job.constraints.is_empty() { FAILURES_MAX } else { FAILURES_MAX_ON_ONE };
    if own.len() >= most {
        return Progress::Failed { reason: reason().unwrap_or_default() };
    }
    if job.state.state_type == JobStateType::Failed {
        let said = Some(job.state.message.clone()).filter(|text| !text.is_empty());
        let reason = said.or_else(reason).unwrap_or_else(|| "the cluster says no more".to_owned());
        return Progress::Failed { reason };
    }
    let runs = |execution: &&&Execution| {
        use ExecutionStateType::{BidAccepted, Publishing, Running};
        matches!(execution.compute_state.state_type, BidAccepted | Running | Publishing)
    };
    match ours.iter().rev().find(runs) {
        Some(execution) => Progress::Running { execution: execution.id.clone() },
        None => Progress::Waiting,
    }
}

/// How a node begins what its Docker says of a container that doesn't start; the rest quotes the job.
const NOT_STARTED: &str = "failed to start container";

/// The exit code of a program that can't be started, as a shell has it, from what a node's Docker says.
fn not_started(said: &str) -> Option<u32> {
    if !said.starts_with(NOT_STARTED) {
        return None;
    }
    let said = said.to_lowercase();
    let missing = ["no such file or directory", "executable file not found", "no command specified"];
    if said.contains("exec: ") && missing.iter().any(|text| said.contains(text)) {
        return Some(127);
    }
    let unfit = ["permission denied", "exec format error", "is a directory"];
    (said.contains("exec") && unfit.iter().any(|text| said.contains(text))).then_some(126)
}

/// Whether an execution failed because its node went away.
fn is_lost(execution: &Execution) -> bool {
    let said = &execution.compute_state.message;
    said.contains("node has disappeared") && !said.starts_with(NOT_STARTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_bacalhau::model::State;

    fn job(state: JobStateType) -> Job {
        Job { version: 1, state: State::new(state, ""), ..Job::default() }
    }

    fn execution(state: ExecutionStateType, message: &str) -> Execution {
        Execution {
            id: "e-1".into(),
            job_version: 1,
            node_id: "n-1".into(),
            compute_state: State::new(state, message),
            create_time: 1_000_000_000,
            modify_time: 3_000_000_000,
            ..Execution::default()
        }
    }

    #[test]
    fn an_execution_that_ended_by_itself_is_the_end_once_the_job_knows() {
        use ExecutionStateType::{Completed, Failed};
        let done = [
            execution(Failed, "Execution stop requested because node has disappeared"),
            execution(Completed, ""),
        ];
        assert_eq!(
            progress(&job(JobStateType::Running), &done),
            Progress::Running { execution: "e-1".into() }
        );
        let ended = Progress::Ended { run: Duration::from_secs(2), node: "n-1".into() };
        assert_eq!(progress(&job(JobStateType::Completed), &done), ended);
        let back = [Execution { modify_time: 5, ..execution(Completed, "") }];
        let ended = Progress::Ended { run: Duration::MAX, node: "n-1".into() };
        assert_eq!(progress(&job(JobStateType::Completed), &back), ended);
    }

    #[test]
    fn lost_nodes_are_waited_for_and_other_failures_are_counted() {
        use ExecutionStateType::{BidAccepted, Failed};
        let lost = execution(Failed, "Execution stop requested because node has disappeared");
        let many = vec![lost.clone(); 9];
        assert_eq!(progress(&job(JobStateType::Queued), &many), Progress::Waiting);
        let other = execution(Failed, "no such volume");
        assert_eq!(progress(&job(JobStateType::Queued), &vec![other.clone(); 2]), Progress::Waiting);
        let failed = Progress::Failed { reason: "no such volume".into() };
        assert_eq!(progress(&job(JobStateType::Queued), &vec![other.clone(); 3]), failed);
        let constraints = vec![lilypad_bacalhau::model::LabelSelectorRequirement::default()];
        let on_one = Job { constraints, ..job(JobStateType::Queued) };
        assert_eq!(progress(&on_one, &vec![other.clone(); 2]), failed);
        assert_eq!(progress(&job(JobStateType::Failed), std::slice::from_ref(&other)), failed);
        let running = [other, execution(BidAccepted, "Running")];
        assert_eq!(
            progress(&job(JobStateType::Running), &running),
            Progress::Running { execution: "e-1".into() }
        );
    }

    #[test]
    fn ends_that_the_cluster_would_try_again_are_ends() {
        let ends = |message: &str| {
            progress(&job(JobStateType::Queued), &[execution(ExecutionStateType::Failed, message)])
        };
        assert_eq!(ends("Execution timed out after 3s"), Progress::TimedOut { node: "n-1".into() });
        assert_eq!(ends("memory limit exceeded"), Progress::OutOfMemory);
        let missing = "failed to start container: OCI runtime create failed: exec: \"/nope\": stat /nope: no such file \
                       or directory: unknown";
        assert_eq!(ends(missing), Progress::NotStarted { code: 127 });
        let unfit = "failed to start container: exec: \"/bin\": permission denied: unknown";
        assert_eq!(ends(unfit), Progress::NotStarted { code: 126 });
        // The job's own words, quoted, are not the cluster's.
        for words in ["timed out after", "Execution timed out after 1s", "memory limit exceeded"] {
            let quoted = format!(
                "failed to start container: failed to start container: Error response from daemon: OCI runtime create \
                 failed: exec: \"/{words}\": stat /{words}: no such file or directory: unknown"
            );
            assert_eq!(ends(&quoted), Progress::NotStarted { code: 127 }, "{words}");
            let elsewhere =
                format!("failed to start container: error mounting \"/{words}\": invalid argument");
            assert_eq!(ends(&elsewhere), Progress::Waiting, "{words}");
        }
        let quoted = "failed to start container: error mounting \"/node has disappeared\": invalid argument";
        let thrice = vec![execution(ExecutionStateType::Failed, quoted); 3];
        assert!(matches!(progress(&job(JobStateType::Queued), &thrice), Progress::Failed { .. }));
        // A folder of the node's that is missing is no fault of the job's.
        let mount = "failed to start container: error mounting \"/x\": no such file or directory";
        assert_eq!(ends(mount), Progress::Waiting);
        assert_eq!(progress(&job(JobStateType::Stopped), &[]), Progress::Stopped);
        assert_eq!(progress(&job(JobStateType::Pending), &[]), Progress::Waiting);
    }

    #[test]
    fn executions_of_an_earlier_version_are_not_looked_at() {
        let old = Execution { job_version: 0, ..execution(ExecutionStateType::Completed, "") };
        assert_eq!(progress(&job(JobStateType::Pending), &[old]), Progress::Waiting);
    }
}
