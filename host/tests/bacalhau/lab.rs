//! A real cluster, a real registry, and an image made of busybox: what all chapters work with.

use lilypad_abi::{ContainerLimits, ContainerSpec, Image, Network, Profile};
use lilypad_host::container::{
    ContainerJob,
    bacalhau::{BacalhauExecutor, BacalhauOptions},
};
use lilypad_runtime::{Execution, Node};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Runs a script of `tests/peers`; gives what it prints.
pub(crate) fn peer(script: &str, args: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers").join(script);
    let output = Command::new(path).args(args).output().expect("scripts of tests/peers can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "no {script} to test with: {}",
        said.trim().lines().last().unwrap_or("")
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Bacalhau's program.
pub(crate) fn bacalhau() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| peer("bacalhau", &[]))
}

/// A variable that `tests/peers/docker --print` exports.
pub(crate) fn docker_env(name: &str) -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| peer("docker", &["--print"]));
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
    line.unwrap_or_else(|| panic!("tests/peers/docker prints no {name}"))
}

/// Docker's own client, for what a job's author does: making images.
pub(crate) fn docker(args: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("docker")
        .args(args)
        .env("DOCKER_HOST", docker_env("DOCKER_HOST"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Docker's client, `docker`, is in the path");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Busybox in the registry, by the digest that the registry gave it.
pub(crate) fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| peer("busybox-image", &[]))
}

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that ends with its owner.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One orchestrator and two nodes, each with a folder of its own.
pub(crate) struct Cluster {
    pub(crate) url: String,
    pub(crate) nodes: Vec<Process>,
    _orchestrator: Process,
    dir: tempfile::TempDir,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (api, nats) = (free_port(), free_port());
        let settings = [
            "DisableAnalytics=true",
            "UpdateConfig.Interval=0",
            "API.Host=127.0.0.1",
            "Orchestrator.NodeManager.DisconnectTimeout=5s",
            "Orchestrator.Scheduler.HousekeepingInterval=1s",
            "Compute.Heartbeat.Interval=1s",
        ];
        let serve = |name: &str, kind: &str, more: &[String]| {
            let home = dir.path().join(name);
            fs::create_dir(&home).unwrap();
            let log = fs::File::create(dir.path().join(format!("{name}.log"))).unwrap();
            let mut command = Command::new(bacalhau());
            command.args(["serve", kind, "--name", name]);
            for setting in settings.iter().map(|text| (*text).to_owned()).chain(more.iter().cloned()) {
                command.args(["--config", &setting]);
            }
            command
                .env("BACALHAU_DIR", home)
                .env("BACALHAU_UPDATE_SKIPCHECKS", "true")
                .env("DOCKER_HOST", docker_env("DOCKER_HOST"))
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .process_group(0);
            Process(command.spawn().unwrap())
        };
        let orchestrator = serve(
            "orchestrator",
            "--orchestrator",
            &[
                format!("API.Port={api}"),
                "Orchestrator.Host=127.0.0.1".to_owned(),
                format!("Orchestrator.Port={nats}"),
            ],
        );
        let nodes = ["one", "two"].map(|name| {
            serve(
                name,
                "--compute",
                &[
                    format!("API.Port={}", free_port()),
                    format!("Compute.Orchestrators=nats://127.0.0.1:{nats}"),
                    "Publishers.Types.Local.Address=127.0.0.1".to_owned(),
                    format!("Publishers.Types.Local.Port={}", free_port()),
                ],
            )
        });
        let cluster = Self {
            url: format!("http://127.0.0.1:{api}"),
            nodes: nodes.into(),
            _orchestrator: orchestrator,
            dir,
        };
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match cluster.executor("waiting").await {
                Ok(executor) if executor.nodes() == 2 => return cluster,
                other => {
                    assert!(Instant::now() < until, "no cluster: {other:?}\n{}", cluster.log("orchestrator"))
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(crate) async fn executor(
        &self,
        owner: &str,
    ) -> Result<BacalhauExecutor, lilypad_host::container::ContainerError> {
        BacalhauExecutor::connect(BacalhauOptions::new(&self.url, owner)).await
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Answers of the cluster's own API.
    pub(crate) async fn get(&self, path: &str) -> serde_json::Value {
        let url = format!("{}/api/v1/{path}", self.url);
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }
}

/// A job for busybox's shell, small and quick.
pub(crate) fn shell(script: &str) -> ContainerSpec {
    ContainerSpec {
        profile: Profile::Container1,
        image: Image::Registry(image().to_owned()),
        entrypoint: vec!["/bin/sh".into(), "-c".into()],
        args: vec![script.into()],
        env: BTreeMap::new(),
        working_dir: None,
        inputs: BTreeMap::new(),
        outputs: BTreeMap::from([("outputs".into(), "/outputs".into())]),
        network: Network::None,
        gpus: None,
        limits: ContainerLimits {
            timeout_ms: 20_000,
            cpu_millis: 200,
            memory_bytes_max: 64 << 20,
            disk_bytes_max: 16 << 20,
            output_files_max: 100,
            ..ContainerLimits::default()
        },
    }
}

pub(crate) fn job(spec: ContainerSpec) -> ContainerJob {
    ContainerJob { spec, image: None, inputs: BTreeMap::new() }
}

/// A job with inputs; their CIDs are those of what they hold.
pub(crate) fn with_inputs(mut spec: ContainerSpec, inputs: &[(&str, Node)]) -> ContainerJob {
    let mut ignore = |_, _| {};
    for (path, node) in inputs {
        let cid = match node {
            Node::File(bytes) => lilypad_runtime::unixfs::encode_file(bytes, &mut ignore),
            Node::Folder(folder) => lilypad_runtime::unixfs::folder_cid(folder),
            Node::Symlink(_) => panic!("a link is no input"),
        };
        spec.inputs.insert((*path).to_owned(), cid);
    }
    spec.validate().unwrap();
    let inputs = inputs.iter().map(|(path, node)| ((*path).to_owned(), node.clone())).collect();
    ContainerJob { spec, image: None, inputs }
}

pub(crate) fn text(execution: &Execution, path: &str) -> String {
    let bytes =
        execution.outputs.file(path).unwrap_or_else(|| panic!("no {path} in {:?}", execution.outputs));
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder for a test's files that stays until the test ends.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}
