//! The bodies of the v2 API's requests and answers.
//!
//! Parameters of GET requests travel in the query: `namespace`, `limit`, `next_token`, `order_by`, `reverse`,
//! `include`, `since`, `event_type`, `execution_id`, `job_version`, `tail`, `follow`.

use super::{
    BuildVersionInfo, Execution, Job, JobHistory, NodeInfo, NodeState, SpecConfig, is_default, or_default,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `PUT /api/v1/orchestrator/jobs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutJobRequest {
    /// The job.
    pub job: Job,
    /// Submit it although a job of the same name says the same.
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
}

/// The answer to a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutJobResponse {
    /// The job's name from now on.
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// The evaluation that will schedule it.
    #[serde(rename = "EvaluationID")]
    pub evaluation_id: String,
    /// What its owner should know.
    #[serde(deserialize_with = "or_default")]
    pub warnings: Vec<String>,
}

/// `GET /api/v1/orchestrator/jobs/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetJobResponse {
    /// The job.
    pub job: Option<Job>,
    /// Its history, when `include` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<ListJobHistoryResponse>,
    /// Its executions, when `include` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions: Option<ListJobExecutionsResponse>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    /// Where the next page begins; empty after the last.
    pub next_token: String,
    /// What the page holds.
    #[serde(deserialize_with = "or_default")]
    pub items: Vec<T>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { next_token: String::new(), items: Vec::new() }
    }
}

/// `GET /api/v1/orchestrator/jobs`.
pub type ListJobsResponse = Page<Job>;
/// `GET /api/v1/orchestrator/jobs/{id}/history`.
pub type ListJobHistoryResponse = Page<JobHistory>;
/// `GET /api/v1/orchestrator/jobs/{id}/executions`.
pub type ListJobExecutionsResponse = Page<Execution>;
/// `GET /api/v1/orchestrator/jobs/{id}/versions`.
pub type ListJobVersionsResponse = Page<Job>;
/// `GET /api/v1/orchestrator/jobs/{id}/results`.
pub type ListJobResultsResponse = Page<SpecConfig>;

/// `DELETE /api/v1/orchestrator/jobs/{id}?reason=…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopJobRequest {
    /// Why.
    pub reason: String,
}

/// The answer to a stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopJobResponse {
    /// The evaluation that will stop it.
    #[serde(rename = "EvaluationID")]
    pub evaluation_id: String,
}

/// `GET /api/v1/orchestrator/nodes/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetNodeResponse {
    /// The node.
    pub node: Option<NodeState>,
}

/// `GET /api/v1/orchestrator/nodes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListNodesResponse {
    /// Where the next page begins; empty after the last.
    pub next_token: String,
    /// The nodes.
    #[serde(deserialize_with = "or_default")]
    pub nodes: Vec<NodeState>,
}

/// `GET /api/v1/agent/alive`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IsAliveResponse {
    /// `OK` when it is.
    pub status: String,
}

/// `GET /api/v1/agent/version`.
pub type GetVersionResponse = BuildVersionInfo;
/// `GET /api/v1/agent/node`.
pub type GetAgentNodeResponse = NodeInfo;

/// Every answer that isn't 2xx.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ApiError {
    /// The HTTP status, again.
    pub status: u16,
    /// What went wrong.
    pub message: String,
    /// By which the server's log names the request.
    #[serde(rename = "RequestID")]
    pub request_id: String,
    /// What went wrong, for programs: `NotFoundError`, `ValidationError`, `BadRequestError`, …
    pub code: String,
    /// The part of the server that says so.
    pub component: String,
    /// What to do next.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// More, for programs.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}
