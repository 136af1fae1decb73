//! Nodes of a cluster, and the build that a server is of.

use super::{Resources, Timestamp, or_default, state::texts};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// A node as the orchestrator sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeState {
    /// What the node says about itself.
    pub info: NodeInfo,
    /// Whether it was let in: `PENDING`, `APPROVED` or `REJECTED`.
    pub membership: String,
    /// `CONNECTED` or `DISCONNECTED`; as in `connection_state`, for older clients.
    pub connection: String,
    /// Whether it is there.
    pub connection_state: ConnectionState,
}

impl NodeState {
    /// Whether it is there and was let in.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let connected = [&self.connection, &self.connection_state.status];
        self.membership != "REJECTED" && connected.iter().any(|text| text.as_str() == "CONNECTED")
    }
}

/// Whether a node is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ConnectionState {
    /// `CONNECTED` or `DISCONNECTED`.
    pub status: String,
    /// When it last said so.
    pub last_heartbeat: Timestamp,
    /// The last message from it.
    #[serde(skip_serializing_if = "super::is_default")]
    pub last_compute_seq_num: u64,
    /// The last message to it.
    #[serde(skip_serializing_if = "super::is_default")]
    pub last_orchestrator_seq_num: u64,
    /// Since when it is there.
    pub connected_since: Timestamp,
    /// Since when it isn't.
    pub disconnected_since: Timestamp,
    /// Why it isn't.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_error: String,
}

texts! {
    /// What a node does.
    NodeType {
        /// Not said.
        Undefined = "nodeTypeUndefined",
        /// Takes jobs and hands them out.
        Requester = "Requester",
        /// Runs them.
        Compute = "Compute",
    }
}

/// What a node says about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeInfo {
    /// Its name, unique.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// What it does.
    pub node_type: NodeType,
    /// What constraints are matched with.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// How orchestrators may talk to it.
    #[serde(deserialize_with = "or_default")]
    pub supported_protocols: Vec<String>,
    /// What it can run.
    pub compute_node_info: ComputeNodeInfo,
    /// Its build.
    pub bacalhau_version: BuildVersionInfo,
}

/// What a node can run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ComputeNodeInfo {
    /// Kinds of engine.
    #[serde(deserialize_with = "or_default")]
    pub execution_engines: Vec<String>,
    /// Kinds of publisher.
    #[serde(deserialize_with = "or_default")]
    pub publishers: Vec<String>,
    /// Kinds of source.
    #[serde(deserialize_with = "or_default")]
    pub storage_sources: Vec<String>,
    /// What it has in all.
    pub max_capacity: Resources,
    /// What waiting jobs will take.
    #[serde(rename = "QueueCapacity")]
    pub queue_used_capacity: Resources,
    /// What is free now.
    pub available_capacity: Resources,
    /// The most that one job may ask for.
    pub max_job_requirements: Resources,
    /// Executions that run.
    pub running_executions: i64,
    /// Executions that wait.
    pub enqueued_executions: i64,
    /// Where its results can be fetched. (Lower case, on both sides.)
    #[serde(rename = "address")]
    pub address: String,
}

/// The build that a server or client is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BuildVersionInfo {
    /// Of the version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub major: String,
    /// Of the version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub minor: String,
    /// The version, such as `v1.9.3`.
    pub git_version: String,
    /// The commit.
    pub git_commit: String,
    /// When it was built.
    pub build_date: Timestamp,
    /// The system it was built for.
    #[serde(rename = "GOOS")]
    pub goos: String,
    /// The processor it was built for.
    #[serde(rename = "GOARCH")]
    pub goarch: String,
}
