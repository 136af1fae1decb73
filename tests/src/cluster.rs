//! A real Bacalhau cluster: one orchestrator and two nodes, each a process with a folder of its own.

use crate::market::root;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long the cluster may take to come up, and a job to reach a node.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running cluster, gone with its owner.
pub(crate) struct Cluster {
    /// Its API.
    pub(crate) url: String,
    /// Name and process of the orchestrator and the nodes.
    processes: Vec<(String, Child)>,
    _dir: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Cluster {
    /// Starts it and waits for both nodes; `env` says where Docker is.
    pub(crate) fn start(env: &BTreeMap<String, String>) -> Self {
        let built = Command::new(root().join("tests/peers/bacalhau")).output().unwrap();
        assert!(built.status.success(), "no Bacalhau: {}", String::from_utf8_lossy(&built.stderr));
        let program = String::from_utf8(built.stdout).unwrap().trim().to_owned();
        let dir = tempfile::tempdir().unwrap();
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (api, nats) = (port(), port());
        let serve = |name: &str, kind: &str, settings: &[String]| {
            let home = dir.path().join(name);
            fs::create_dir(&home).unwrap();
            let common = [
                "DisableAnalytics=true",
                "UpdateConfig.Interval=0",
                "Orchestrator.NodeManager.DisconnectTimeout=5s",
                "Orchestrator.Scheduler.HousekeepingInterval=1s",
                "Compute.Heartbeat.Interval=1s",
            ];
            let mut command = Command::new(&program);
            command.args(["serve", kind, "--name", name]);
            for setting in common.iter().copied().chain(settings.iter().map(String::as_str)) {
                command.args(["--config", setting]);
            }
            let log = fs::File::create(dir.path().join(format!("{name}.log"))).unwrap();
            command.env("BACALHAU_DIR", home).env("BACALHAU_UPDATE_SKIPCHECKS", "true").envs(env);
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            (name.to_owned(), command.spawn().unwrap())
        };
        let orchestrator = [
            format!("API.Port={api}"),
            "API.Host=127.0.0.1".to_owned(),
            "Orchestrator.Host=127.0.0.1".to_owned(),
            format!("Orchestrator.Port={nats}"),
        ];
        let mut processes = vec![serve("orchestrator", "--orchestrator", &orchestrator)];
        for name in ["one", "two"] {
            let node = [
                format!("API.Port={}", port()),
                "API.Host=127.0.0.1".to_owned(),
                format!("Compute.Orchestrators=nats://127.0.0.1:{nats}"),
                "Publishers.Types.Local.Address=127.0.0.1".to_owned(),
                format!("Publishers.Types.Local.Port={}", port()),
            ];
            processes.push(serve(name, "--compute", &node));
        }
        let cluster = Self { url: format!("http://127.0.0.1:{api}"), processes, _dir: dir };
        wait_for("both nodes", || {
            let nodes = cluster.get("orchestrator/nodes")?;
            let with_docker = |node: &&Value| node.to_string().to_lowercase().contains("\"docker\"");
            (nodes["Nodes"].as_array()?.iter().filter(with_docker).count() == 2).then_some(())
        });
        cluster
    }

    /// An answer of its API; none when it doesn't answer yet.
    fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}/api/v1/{path}", self.url);
        let output =
            Command::new("curl").args(["--silent", "--fail", "--max-time", "5", &url]).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Kills the node on which something has begun to run; gives its name.
    pub(crate) fn kill_the_node_that_runs_something(&mut self) -> String {
        // Execution states of its API: accepted, running.
        let begun =
            |execution: &&Value| matches!(execution["ComputeState"]["StateType"].as_u64(), Some(5 | 6));
        let name = wait_for("a running job", || {
            let jobs = self.get("orchestrator/jobs?namespace=*&limit=100")?;
            jobs["Items"].as_array()?.iter().find_map(|job| {
                let (id, namespace) = (job["ID"].as_str()?, job["Namespace"].as_str()?);
                let found = self.get(&format!("orchestrator/jobs/{id}/executions?namespace={namespace}"))?;
                let execution = found["Items"].as_array()?.iter().find(begun)?.clone();
                Some(execution["NodeID"].as_str()?.to_owned())
            })
        });
        // It has begun to run a moment after it was accepted.
        thread::sleep(Duration::from_secs(2));
        let (_, process) = self.processes.iter_mut().find(|(known, _)| *known == name).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        name
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(200));
    }
}
