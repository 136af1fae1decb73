//! What a cluster can give to a job, from what its nodes say: pure.
//!
//! A job runs on one node, so what counts is one node's share and not the sum: whoever offers the sum takes on jobs
//! that no node has room for. Of nodes that differ the best one counts: GPUs first, then memory, then cores.

use crate::container::{Gpu, Machine};
use lilypad_abi::GpuVendor;
use lilypad_bacalhau::model::{ListNodesResponse, NodeState, NodeType, Resources};

/// Nodes that run containers now, and what the best of them gives to one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Nodes that are there and run containers.
    pub(super) nodes: usize,
    /// What fits on one.
    pub(super) machine: Machine,
}

/// What a cluster can give; `Err` says what is missing.
pub(super) fn cluster(nodes: &ListNodesResponse) -> Result<Cluster, String> {
    let able: Vec<Machine> = nodes.nodes.iter().filter_map(usable).map(machine).collect();
    let count = able.len();
    let best = able.into_iter().max_by_key(|machine| {
        let gpu_memory: u64 = machine.gpus.iter().map(|gpu| u64::from(gpu.memory_mib)).sum();
        (machine.gpus.len(), gpu_memory, machine.memory_bytes, machine.cpu_millis, machine.disk_bytes)
    });
    match best {
        Some(machine) => Ok(Cluster { nodes: count, machine }),
        None => Err(format!(
            "none of its {} nodes is connected, approved and has the docker engine, the local publisher and inline \
             inputs; see `bacalhau node list`",
            nodes.nodes.len()
        )),
    }
}

/// The label by which a job can ask for one node.
pub(super) const LABEL_NAME: &str = "name";

/// Whether a job can ask for this node and no other.
pub(super) fn can_be_asked_for(nodes: &ListNodesResponse, node: &str) -> bool {
    // What Bacalhau refuses in a constraint is not worth trying.
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let good = node.len() <= 63
        && edge(node.as_bytes().first())
        && edge(node.as_bytes().last())
        && node.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let mut labelled =
        nodes.nodes.iter().filter(|other| other.info.labels.get(LABEL_NAME).is_some_and(|name| name == node));
    good && labelled.next().is_some_and(|found| found.info.node_id == node) && labelled.next().is_none()
}

fn usable(node: &NodeState) -> Option<&Resources> {
    let compute = &node.info.compute_node_info;
    let has = |list: &[String], word: &str| list.iter().any(|item| item.eq_ignore_ascii_case(word));
    let able = has(&compute.execution_engines, "docker")
        && has(&compute.publishers, "local")
        && has(&compute.storage_sources, "inline");
    let fits = node.info.node_type == NodeType::Compute && node.is_usable() && able;
    (fits && node.membership == "APPROVED").then_some(&compute.max_job_requirements)
}

fn machine(resources: &Resources) -> Machine {
    // Cores come as a fraction of unlimited digits; what no machine has is none.
    let millis = (resources.cpu * 1_000.0).floor();
    let in_range = (0.0..=1e9).contains(&millis);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    let cpu_millis = if in_range { millis as u64 } else { 0 };
    let gpus = resources.gpus.iter().filter_map(|gpu| {
        let vendor = match gpu.vendor.to_ascii_lowercase().as_str() {
            "nvidia" => GpuVendor::Nvidia,
            "amd/ati" | "amd" => GpuVendor::Amd,
            "intel" => GpuVendor::Intel,
            _ => return None,
        };
        let name = gpu.name.chars().filter(|c| !c.is_control()).take(100).collect();
        let memory_mib = u32::try_from(gpu.memory).unwrap_or(u32::MAX);
        Some(Gpu { index: u32::try_from(gpu.index).ok()?, name, vendor, memory_mib })
    });
    Machine {
        cpu_millis,
        memory_bytes: resources.memory,
        disk_bytes: resources.disk,
        gpus: gpus.take(64).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(list: serde_json::Value) -> ListNodesResponse {
        serde_json::from_value(serde_json::json!({ "Nodes": list, "NextToken": "" })).unwrap()
    }

    fn node(cpu: f64, memory: u64, gpus: usize) -> serde_json::Value {
        let gpu = serde_json::json!({ "Index": 0, "Name": "Tesla T4", "Vendor": "NVIDIA", "Memory": 15_360 });
        serde_json::json!({
            "Info": { "NodeID": "a", "NodeType": "Compute", "ComputeNodeInfo": {
                "ExecutionEngines": ["docker", "wasm"], "Publishers": ["noop", "local"], "StorageSources": ["inline", "urldownload"],
                "MaxJobRequirements": { "CPU": cpu, "Memory": memory, "Disk": 7, "GPU": gpus, "GPUs": vec![gpu; gpus] },
            } },
            "Membership": "APPROVED", "Connection": "CONNECTED",
        })
    }

    #[test]
    fn one_node_counts_and_not_the_sum() {
        let found = cluster(&nodes(serde_json::json!([node(4.0, 8, 0), node(1.6, 16, 0)]))).unwrap();
        assert_eq!((found.nodes, found.machine.cpu_millis, found.machine.memory_bytes), (2, 1_600, 16));
        let found = cluster(&nodes(serde_json::json!([node(4.0, 8, 0), node(1.6, 4, 1)]))).unwrap();
        assert_eq!(found.machine.gpus.len(), 1);
        assert_eq!(found.machine.gpus[0].vendor, GpuVendor::Nvidia);
    }

    #[test]
    fn a_node_is_asked_for_by_a_label_that_is_its_own() {
        let named = |id: &str, label: Option<&str>| {
            let mut node = node(1.0, 1, 0);
            node["Info"]["NodeID"] = id.into();
            node["Info"]["Labels"] = serde_json::json!({ "name": label });
            if label.is_none() {
                node["Info"]["Labels"] = serde_json::Value::Null;
            }
            node
        };
        let ask = |list: &[serde_json::Value], node: &str| can_be_asked_for(&nodes(list.into()), node);
        assert!(ask(&[named("n-1", Some("n-1")), named("n-2", Some("n-2"))], "n-1"));
        assert!(!ask(&[named("n-1", None)], "n-1"));
        assert!(!ask(&[named("n-2", Some("n-1"))], "n-1"));
        assert!(!ask(&[named("n-1", Some("n-1")), named("n-2", Some("n-1"))], "n-1"));
        assert!(!ask(&[named("of mine", Some("of mine"))], "of mine"));
    }

    #[test]
    fn nodes_that_cannot_run_containers_do_not_count() {
        let change = |pointer: &str, value: serde_json::Value| {
            let mut node = node(1.0, 1, 0);
            *node.pointer_mut(pointer).unwrap() = value;
            cluster(&nodes(serde_json::json!([node])))
        };
        for (pointer, value) in [
            ("/Membership", "PENDING".into()),
            ("/Connection", "DISCONNECTED".into()),
            ("/Info/NodeType", "Requester".into()),
            ("/Info/ComputeNodeInfo/ExecutionEngines", serde_json::json!(["wasm"])),
            ("/Info/ComputeNodeInfo/Publishers", serde_json::Value::Null),
        ] {
            assert!(change(pointer, value).is_err(), "{pointer}");
        }
        let odd = change("/Info/ComputeNodeInfo/MaxJobRequirements/CPU", serde_json::json!(-1e300)).unwrap();
        assert_eq!(odd.machine.cpu_millis, 0);
    }
}
