//! The parts of Bacalhau's answers that an executor reads; everything else in them is skipped.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// `null` where a list or a map is expected, as Go writes empty ones.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Items<T> {
    #[serde(rename = "Items", default = "Vec::new", deserialize_with = "or_default")]
    pub(super) items: Vec<T>,
    #[serde(rename = "NextToken", default)]
    pub(super) next_token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JobAnswer {
    pub(super) job: Job,
    pub(super) executions: Option<Items<Execution>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) namespace: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) meta: BTreeMap<String, String>,
    pub(super) state: State<String>,
    #[serde(default)]
    pub(super) version: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
pub(super) struct State<T> {
    pub(super) state_type: T,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) details: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Execution {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "NodeID", default)]
    pub(super) node: String,
    #[serde(rename = "JobVersion", default)]
    pub(super) job_version: u64,
    #[serde(rename = "ComputeState")]
    pub(super) compute_state: State<serde_json::Value>,
    #[serde(rename = "CreateTime", default)]
    pub(super) create_ns: u64,
    #[serde(rename = "ModifyTime", default)]
    pub(super) modify_ns: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ResultsItem {
    #[serde(default)]
    pub(super) r#type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) params: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Nodes {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) nodes: Vec<NodeState>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeState {
    pub(super) info: NodeInfo,
    #[serde(default)]
    pub(super) membership: String,
    #[serde(default)]
    pub(super) connection: String,
    pub(super) connection_state: Option<ConnectionState>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConnectionState {
    #[serde(default)]
    pub(super) status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeInfo {
    #[serde(default)]
    pub(super) node_type: String,
    pub(super) compute_node_info: Option<ComputeInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ComputeInfo {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) execution_engines: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) publishers: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) max_job_requirements: Resources,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Resources {
    #[serde(rename = "CPU", default)]
    pub(super) cpu: f64,
    #[serde(rename = "Memory", default)]
    pub(super) memory: u64,
    #[serde(rename = "Disk", default)]
    pub(super) disk: u64,
    #[serde(rename = "GPUs", default, deserialize_with = "or_default")]
    pub(super) gpus: Vec<NodeGpu>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeGpu {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) vendor: String,
    #[serde(default)]
    pub(super) memory: u32,
}

/// Bacalhau's `APIError`, or whatever stands in front of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Problem {
    #[serde(alias = "message")]
    message: String,
}

impl Problem {
    /// What an error's body says, short.
    pub(super) fn text(body: &[u8]) -> String {
        let said = serde_json::from_slice::<Self>(body)
            .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |problem| problem.message);
        said.chars().filter(|c| !c.is_control()).take(500).collect()
    }
}

/// A frame of a job's logs.
#[derive(Debug, Deserialize)]
pub(super) struct LogFrame {
    pub(super) value: Option<LogLine>,
    #[serde(default)]
    pub(super) error: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LogLine {
    /// 1 is standard output, 2 standard error.
    pub(super) r#type: u8,
    pub(super) line: String,
}
