//! A job's life as the API tells it: states, the one execution, and what happened when. Pure, time and ids given.

use super::board::Life;
use lilypad_bacalhau::model::{
    Event, Execution, ExecutionDesiredStateType, ExecutionStateType, JobHistory, JobHistoryType,
    JobStateType, RunCommandResult, SpecConfig, State, Timestamp,
};
use std::collections::BTreeMap;

/// Bytes of each stream that an execution's summary has, as in Bacalhau.
const SUMMARY_BYTES: usize = 2_048;

/// A job that was just taken on.
pub(super) fn submitted(life: &mut Life, now: i64) {
    life.state = State::new(JobStateType::Pending, "");
    happened(life, now, None, "Submission", "Job submitted", BTreeMap::new());
}

/// Its execution is on this machine.
pub(super) fn started(life: &mut Life, execution: String, node: &str, now: i64) {
    let details = BTreeMap::from([("NodeID".to_owned(), node.to_owned())]);
    happened(life, now, Some(&execution), "Scheduling", &format!("Requested execution on {node}"), details);
    life.executions.push(Execution {
        id: execution.clone(),
        namespace: life.namespace.clone(),
        node_id: node.to_owned(),
        job_id: life.id.clone(),
        job_version: 1,
        allocated_resources: Some(Default::default()),
        desired_state: State::new(ExecutionDesiredStateType::Running, "Running"),
        compute_state: State::new(ExecutionStateType::Running, "Running"),
        published_result: Some(SpecConfig::default()),
        run_output: Some(RunCommandResult::default()),
        revision: 1,
        create_time: now,
        modify_time: now,
        ..Execution::default()
    });
    life.state = State::new(JobStateType::Running, "");
    happened(life, now, None, "State Update", "Running", new_state("Running"));
    happened(life, now, Some(&execution), "Execution", "Running", BTreeMap::new());
}

/// It ended by itself.
pub(super) fn completed(
    life: &mut Life,
    stdout: &[u8],
    stderr: &[u8],
    code: u32,
    results: SpecConfig,
    now: i64,
) {
    let (out, out_cut) = summary(stdout);
    let (err, err_cut) = summary(stderr);
    if let Some(execution) = last(life, now) {
        execution.desired_state = State::new(ExecutionDesiredStateType::Stopped, "execution completed");
        execution.compute_state = State::new(ExecutionStateType::Completed, "Completed successfully");
        execution.published_result = Some(results);
        execution.run_output = Some(RunCommandResult {
            stdout: out,
            stdout_truncated: out_cut,
            stderr: err,
            stderr_truncated: err_cut,
            exit_code: code.into(),
            error_msg: String::new(),
        });
        let id = execution.id.clone();
        happened(life, now, Some(&id), "Execution", "Completed successfully", BTreeMap::new());
    }
    ended(life, JobStateType::Completed, "", now);
}

/// It can't be run, or was cut short.
pub(super) fn failed(life: &mut Life, reason: &str, now: i64) {
    let error = BTreeMap::from([("IsError".to_owned(), "true".to_owned())]);
    let mut on = None;
    if let Some(execution) =
        last(life, now).filter(|execution| !execution.compute_state.state_type.is_terminal())
    {
        execution.desired_state = State::new(ExecutionDesiredStateType::Stopped, "execution failed");
        execution.compute_state = State::new(ExecutionStateType::Failed, reason);
        let output = execution.run_output.get_or_insert_default();
        output.exit_code = -1;
        reason.clone_into(&mut output.error_msg);
        on = Some(execution.id.clone());
    }
    happened(life, now, on.as_deref(), "Execution", reason, error);
    ended(life, JobStateType::Failed, reason, now);
}

/// Its owner stopped it.
pub(super) fn stopped(life: &mut Life, reason: &str, now: i64) {
    if let Some(execution) =
        last(life, now).filter(|execution| !execution.compute_state.state_type.is_terminal())
    {
        let said = "Execution stop requested because job has been stopped";
        execution.desired_state = State::new(ExecutionDesiredStateType::Stopped, said);
        execution.compute_state = State::new(ExecutionStateType::Cancelled, said);
        let id = execution.id.clone();
        happened(life, now, Some(&id), "Scheduling", said, BTreeMap::new());
    }
    ended(life, JobStateType::Stopped, reason, now);
}

fn ended(life: &mut Life, state: JobStateType, reason: &str, now: i64) {
    life.state = State::new(state, reason);
    happened(life, now, None, "State Update", state.as_str(), new_state(state.as_str()));
}

fn new_state(state: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("NewState".to_owned(), state.to_owned())])
}

fn last(life: &mut Life, now: i64) -> Option<&mut Execution> {
    let execution = life.executions.last_mut()?;
    execution.modify_time = now;
    execution.revision += 1;
    Some(execution)
}

fn happened(
    life: &mut Life,
    now: i64,
    execution: Option<&str>,
    topic: &str,
    message: &str,
    details: BTreeMap<String, String>,
) {
    let time = Timestamp::from_unix_nanos(u64::try_from(now).unwrap_or(0));
    life.modify_ns = now;
    life.history.push(JobHistory {
        seq_num: life.history.len() as u64 + 1,
        r#type: if execution.is_some() { JobHistoryType::ExecutionLevel } else { JobHistoryType::JobLevel },
        job_id: life.id.clone(),
        job_version: 1,
        execution_id: execution.unwrap_or_default().to_owned(),
        event: Event {
            message: message.to_owned(),
            topic: topic.to_owned(),
            timestamp: time.clone(),
            details,
        },
        time,
        ..JobHistory::default()
    });
}

fn summary(bytes: &[u8]) -> (String, bool) {
    let cut = bytes.get(..SUMMARY_BYTES).unwrap_or(bytes);
    (String::from_utf8_lossy(cut).into_owned(), cut.len() < bytes.len())
}
