//! One attempt at a job on one node: its state, its result, its history and its logs.

use super::{
    ExecutionDesiredStateType, ExecutionStateType, Job, JobHistoryType, JobStateType, SpecConfig, State,
    StateChange, Timestamp, is_default, or_default,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One attempt at a job on one node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// Its name, unique.
    #[serde(rename = "ID")]
    pub id: String,
    /// The job's namespace.
    pub namespace: String,
    /// The evaluation that made it.
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    /// A name for people.
    pub name: String,
    /// The node.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The job itself, where the server says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<Job>>,
    /// Which version of the job.
    pub job_version: u64,
    /// What the node set aside for it.
    pub allocated_resources: Option<AllocatedResources>,
    /// What the orchestrator wants it to be.
    pub desired_state: State<ExecutionDesiredStateType>,
    /// What the node says it is.
    pub compute_state: State<ExecutionStateType>,
    /// Where the result is.
    pub published_result: Option<SpecConfig>,
    /// What came of it, in short.
    pub run_output: Option<RunCommandResult>,
    /// The attempt before.
    pub previous_execution: String,
    /// The attempt after.
    pub next_execution: String,
    /// The evaluation that it causes.
    #[serde(rename = "FollowupEvalID")]
    pub followup_eval_id: String,
    /// Which of the job's replicas.
    #[serde(skip_serializing_if = "is_default")]
    pub partition_index: i64,
    /// Counts the changes.
    pub revision: u64,
    /// When it was made, in nanoseconds since 1970.
    pub create_time: i64,
    /// When it last changed, in nanoseconds since 1970.
    pub modify_time: i64,
}

/// What a run left, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RunCommandResult {
    /// Standard output, perhaps cut.
    pub stdout: String,
    /// Whether it was cut.
    pub stdout_truncated: bool,
    /// Standard error, perhaps cut. (This one name is in lower case, on both sides.)
    #[serde(rename = "stderr", alias = "Stderr")]
    pub stderr: String,
    /// Whether it was cut.
    pub stderr_truncated: bool,
    /// The exit code; -1 when it never ran.
    pub exit_code: i64,
    /// What kept it from running.
    pub error_msg: String,
}

/// What nodes have or set aside, as numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Resources {
    /// Cores.
    #[serde(rename = "CPU", skip_serializing_if = "is_default")]
    pub cpu: f64,
    /// Bytes of memory.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: u64,
    /// Bytes of disk.
    #[serde(skip_serializing_if = "is_default")]
    pub disk: u64,
    /// How many GPUs.
    #[serde(rename = "GPU", skip_serializing_if = "is_default")]
    pub gpu: u64,
    /// The GPUs, where they are known.
    #[serde(rename = "GPUs", deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Gpu>,
}

/// A GPU of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Gpu {
    /// By which its vendor's tool names it.
    pub index: u64,
    /// The model.
    pub name: String,
    /// `NVIDIA`, `AMD/ATI` or `Intel`.
    pub vendor: String,
    /// Its memory, in MiB.
    pub memory: u64,
    /// Where it sits.
    #[serde(rename = "PCIAddress")]
    pub pci_address: String,
}

/// What a node set aside for each task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AllocatedResources {
    /// By the task's name.
    #[serde(deserialize_with = "or_default")]
    pub tasks: BTreeMap<String, Resources>,
}

/// Something that happened to a job or execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobHistory {
    /// Its place in the order.
    pub seq_num: u64,
    /// What it is about.
    pub r#type: JobHistoryType,
    /// The job.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// Which version of the job.
    pub job_version: u64,
    /// The execution, when it is about one.
    #[serde(rename = "ExecutionID", skip_serializing_if = "String::is_empty")]
    pub execution_id: String,
    /// What happened.
    pub event: Event,
    /// When it was written down.
    pub time: Timestamp,
    /// How the job's state changed; only clients before 1.4 read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_state: Option<StateChange<JobStateType>>,
    /// How the execution's state changed; only clients before 1.4 read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_state: Option<StateChange<ExecutionStateType>>,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Event {
    /// For people.
    pub message: String,
    /// The part of the system that says it, such as `Submission`.
    pub topic: String,
    /// When.
    pub timestamp: Timestamp,
    /// For programs: `IsError`, `Hint`, `Retryable`, `FailsExecution`, `NewState`, `ErrorCode`, …
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// A piece of a log. Its text ends with a line break where the program's line did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecutionLog {
    /// [`ExecutionLog::STDOUT`] or [`ExecutionLog::STDERR`].
    pub r#type: u8,
    /// The text.
    pub line: String,
}

impl ExecutionLog {
    /// Standard output.
    pub const STDOUT: u8 = 1;
    /// Standard error.
    pub const STDERR: u8 = 2;
}

/// A frame of the logs' WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogFrame {
    /// What went wrong; empty is nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The piece of the log.
    #[serde(deserialize_with = "or_default")]
    pub value: ExecutionLog,
}
