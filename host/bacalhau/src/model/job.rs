//! A job as the v2 API writes it.

use super::{JobStateType, State, or_default, state::texts};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// The namespace of jobs that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Job {
    /// Given by the server; empty in a submission.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its owner's name for it.
    pub name: String,
    /// The namespace it is in.
    pub namespace: String,
    /// `batch`, `ops`, `daemon` or `service`.
    pub r#type: String,
    /// Larger goes first.
    pub priority: i64,
    /// How many executions; one unless said otherwise.
    pub count: i64,
    /// What the labels of a node must be.
    #[serde(deserialize_with = "or_default")]
    pub constraints: Vec<LabelSelectorRequirement>,
    /// Whatever else its owner says about it.
    #[serde(deserialize_with = "or_default")]
    pub meta: BTreeMap<String, String>,
    /// What lists are filtered by.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// What is to be done: one task.
    #[serde(deserialize_with = "or_default")]
    pub tasks: Vec<Task>,
    /// Where it is in its life.
    pub state: State<JobStateType>,
    /// Counts the changes of what is to be done.
    pub version: u64,
    /// Counts all changes.
    pub revision: u64,
    /// When it was made, in nanoseconds since 1970.
    pub create_time: i64,
    /// When it last changed, in nanoseconds since 1970.
    pub modify_time: i64,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            namespace: String::new(),
            r#type: String::new(),
            priority: 0,
            count: 1,
            constraints: Vec::new(),
            meta: BTreeMap::new(),
            labels: BTreeMap::new(),
            tasks: Vec::new(),
            state: State::default(),
            version: 0,
            revision: 0,
            create_time: 0,
            modify_time: 0,
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Task {
    /// Its name within the job.
    pub name: String,
    /// What runs it: `docker` or `wasm`.
    #[serde(deserialize_with = "or_default")]
    pub engine: SpecConfig,
    /// Where its results go.
    #[serde(deserialize_with = "or_default")]
    pub publisher: SpecConfig,
    /// Environment variables.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Whatever else its owner says about it.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// What it is given.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub input_sources: Vec<InputSource>,
    /// What is kept of what it leaves.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub result_paths: Vec<ResultPath>,
    /// What it needs.
    #[serde(rename = "Resources", skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesConfig>,
    /// What it can reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkConfig>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutConfig>,
}

/// A kind of engine, source, publisher or result, and what that kind needs to know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SpecConfig {
    /// The kind, in any case.
    pub r#type: String,
    /// What it needs to know.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

impl SpecConfig {
    /// A kind with nothing more to know.
    #[must_use]
    pub fn new(kind: impl Into<String>) -> Self {
        Self { r#type: kind.into(), params: Map::new() }
    }

    /// With one more thing to know.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.insert(key.into(), value.into());
        self
    }

    /// Whether it is of a kind, in any case.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.r#type.trim().eq_ignore_ascii_case(kind)
    }
}

/// Something given to a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InputSource {
    /// Where it comes from.
    #[serde(deserialize_with = "or_default")]
    pub source: SpecConfig,
    /// A name for it; may be empty.
    pub alias: String,
    /// The path that the task sees it at.
    pub target: String,
}

/// A folder kept after a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResultPath {
    /// Its name in the results.
    pub name: String,
    /// Its path in the task.
    pub path: String,
}

/// What a task needs, as a person writes it: `500m`, `2gb`, `1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
pub struct ResourcesConfig {
    /// Cores.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cpu: String,
    /// Memory.
    #[serde(rename = "Memory", skip_serializing_if = "String::is_empty")]
    pub memory: String,
    /// Disk.
    #[serde(rename = "Disk", skip_serializing_if = "String::is_empty")]
    pub disk: String,
    /// How many GPUs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gpu: String,
}

texts! {
    /// What a task can reach.
    Network {
        /// What the node gives unless told: with Docker, everything.
        Default = "Default",
        /// Nothing.
        None = "None",
        /// The node's own network.
        Host = "Host",
        /// As `Host`.
        Full = "Full",
        /// Some hosts, by HTTP.
        Http = "HTTP",
        /// A network of its own with a way out.
        Bridge = "Bridge",
    }
}

/// What a task can reach, in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkConfig {
    /// The kind.
    pub r#type: Network,
    /// The hosts of `HTTP`.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// The ports by which it can be reached.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// A port by which a task can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The node's port; 0 is any.
    #[serde(skip_serializing_if = "super::is_default")]
    pub r#static: i64,
    /// The task's port; 0 is the node's.
    #[serde(skip_serializing_if = "super::is_default")]
    pub target: i64,
    /// The node's address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host_network: String,
}

/// How long a task may take, in seconds; 0 is not said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TimeoutConfig {
    /// To run.
    #[serde(skip_serializing_if = "super::is_default")]
    pub execution_timeout: i64,
    /// To wait for a node.
    #[serde(skip_serializing_if = "super::is_default")]
    pub queue_timeout: i64,
    /// Both.
    #[serde(skip_serializing_if = "super::is_default")]
    pub total_timeout: i64,
}

/// What a label must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// `in`, `notin`, `exists`, `!`, `=`, `==`, `!=`, `gt` or `lt`.
    pub operator: String,
    /// What it is compared with.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}
