//! What this server says of itself: one node that takes jobs and runs them.

use super::Shared;
use lilypad_bacalhau::model::{
    BuildVersionInfo, ComputeNodeInfo, ConnectionState, Gpu, NodeInfo, NodeState, NodeType, Resources,
    Timestamp,
};
use std::collections::BTreeMap;

/// The version of Bacalhau whose API is spoken: its clients compare it with their own.
const SPOKEN: (&str, &str, &str) = ("1", "9", "v1.9.3");

/// The version that clients are told.
pub(super) fn version() -> BuildVersionInfo {
    BuildVersionInfo {
        major: SPOKEN.0.to_owned(),
        minor: SPOKEN.1.to_owned(),
        git_version: SPOKEN.2.to_owned(),
        git_commit: format!("lilypad-{}", env!("CARGO_PKG_VERSION")),
        build_date: Timestamp::from_unix_nanos(0),
        goos: std::env::consts::OS.to_owned(),
        goarch: match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
        .to_owned(),
    }
}

/// The node as it describes itself.
pub(super) async fn info(shared: &Shared) -> NodeInfo {
    let machine = match &shared.containers {
        // An engine that is away now has nothing to give now.
        Some(engine) => engine.machine().await.unwrap_or_default(),
        None => crate::container::Machine {
            cpu_millis: std::thread::available_parallelism().map_or(1, |n| n.get() as u64) * 1_000,
            memory_bytes: shared.module_memory_bytes,
            disk_bytes: shared.module_memory_bytes,
            gpus: Vec::new(),
        },
    };
    #[expect(clippy::cast_precision_loss, reason = "cores are far fewer than 2^52")]
    let cpu = machine.cpu_millis as f64 / 1_000.0;
    let resources = Resources {
        cpu,
        memory: machine.memory_bytes,
        disk: machine.disk_bytes,
        gpu: machine.gpus.len() as u64,
        gpus: machine
            .gpus
            .iter()
            .map(|gpu| Gpu {
                index: gpu.index.into(),
                name: gpu.name.clone(),
                vendor: match gpu.vendor {
                    lilypad_abi::GpuVendor::Nvidia => "NVIDIA",
                    lilypad_abi::GpuVendor::Amd => "AMD/ATI",
                    lilypad_abi::GpuVendor::Intel => "Intel",
                }
                .to_owned(),
                memory: gpu.memory_mib.into(),
                pci_address: String::new(),
            })
            .collect(),
    };
    let engines = if shared.containers.is_some() { &["docker", "wasm"][..] } else { &["wasm"] };
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let open = shared.board.open_jobs();
    let running = open.iter().filter(|job| !job.executions.is_empty()).count();
    NodeInfo {
        node_id: shared.node.clone(),
        node_type: NodeType::Compute,
        labels: BTreeMap::from([
            ("name".to_owned(), shared.node.clone()),
            ("os_type".to_owned(), std::env::consts::OS.to_owned()),
            ("os_arch".to_owned(), version().goarch),
        ]),
        supported_protocols: Vec::new(),
        compute_node_info: ComputeNodeInfo {
            execution_engines: owned(engines),
            publishers: owned(&["local"]),
            storage_sources: owned(&["inline", "ipfs", "urldownload"]),
            max_capacity: resources.clone(),
            queue_used_capacity: Resources::default(),
            available_capacity: resources.clone(),
            max_job_requirements: resources,
            running_executions: i64::try_from(running).unwrap_or(i64::MAX),
            enqueued_executions: i64::try_from(open.len() - running).unwrap_or(i64::MAX),
            address: String::new(),
        },
        bacalhau_version: version(),
    }
}

/// The node as an orchestrator sees it: always there, since it is the orchestrator.
pub(super) async fn state(shared: &Shared) -> NodeState {
    let now = Timestamp::from_unix_nanos(u64::try_from(super::now_ns()).unwrap_or(0));
    NodeState {
        info: info(shared).await,
        membership: "APPROVED".to_owned(),
        connection: "CONNECTED".to_owned(),
        connection_state: ConnectionState {
            status: "CONNECTED".to_owned(),
            last_heartbeat: now.clone(),
            connected_since: shared.started.clone(),
            ..ConnectionState::default()
        },
    }
}
