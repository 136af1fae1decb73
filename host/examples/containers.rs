//! One container job, run by us and by its peers in turn, on the same engine: medians and ratios.
//!
//! `cargo run --release -p lilypad-host --example containers -- [ROUNDS]` prints a table: from asking to knowing the end,
//! and from asking to having the result on disk. The peers' clients are programs, whose start counts for them as it
//! does for whoever calls them; `engine's API` is what the engine alone takes, without any client.

use anyhow::{Context as _, bail, ensure};
use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{AttachContainerOptions, RemoveContainerOptions, WaitContainerOptions},
};
use futures::StreamExt as _;
use lilypad_abi::{ContainerLimits, ContainerSpec, Network, Profile};
use lilypad_host::{
    container::{
        ContainerEngine as _, ContainerJob, RunName,
        docker::{DockerExecutor, DockerOptions},
    },
    store::{WriteMode, write_to},
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const SCRIPT: &str = "echo hi; echo x > /outputs/x";

fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(15), |text| text.parse()).context("ROUNDS is a number")?;
    ensure!(rounds >= 3, "a median of fewer than 3 rounds says nothing");
    tokio::runtime::Runtime::new()?.block_on(compare(rounds))
}

async fn compare(rounds: usize) -> anyhow::Result<()> {
    let peers = Peers::find()?;
    let folder = std::env::temp_dir().join(format!("lilypad-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let image = peers.image(&folder)?;
    let bench = Bench::start(&peers, &folder, &image).await?;
    let rows: [(&str, Ways); 7] = [
        ("engine's API: create, attach, start, wait, remove", Ways::Engine),
        ("docker run --rm --network none", Ways::Docker("none")),
        ("docker run --rm", Ways::Docker("bridge")),
        ("bacalhau docker run --wait", Ways::Bacalhau),
        ("lilypad", Ways::Ours),
        ("bacalhau docker run --wait, job get", Ways::BacalhauToDisk),
        ("lilypad, and its result written", Ways::OursToDisk),
    ];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); rows.len()];
    for round in 0..=rounds {
        // In turn, so that whatever else this machine does meanwhile hits all alike. The first round is a rehearsal.
        for (row, (name, way)) in rows.iter().enumerate() {
            let began = Instant::now();
            bench.run(*way, round).await.with_context(|| (*name).to_owned())?;
            if round > 0 {
                times[row].push(began.elapsed());
            }
        }
    }
    drop(bench);
    let _ = fs::remove_dir_all(&folder);
    let mut medians = Vec::new();
    for times in &mut times {
        times.sort();
        medians.push(times[times.len() / 2].as_secs_f64() * 1_000.0);
    }
    let ours = medians[4];
    let mut text = format!("{rounds} rounds in turn, medians\n\n");
    writeln!(text, "| what | median | fastest | against lilypad |\n|---|---|---|---|")?;
    for (row, (name, _)) in rows.iter().enumerate() {
        let base = if row >= 5 { medians[6] } else { ours };
        let fastest = times[row][0].as_secs_f64() * 1_000.0;
        writeln!(
            text,
            "| {name} | {:.0} ms | {fastest:.0} ms | {:.2} x |",
            medians[row],
            medians[row] / base
        )?;
    }
    writeln!(
        text,
        "\nlilypad takes {:+.0} ms over the engine's API, {:+.0} ms over docker run --network none, {:+.0} ms over docker run",
        ours - medians[0],
        ours - medians[1],
        ours - medians[2]
    )?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Ways {
    Engine,
    Docker(&'static str),
    Bacalhau,
    BacalhauToDisk,
    Ours,
    OursToDisk,
}

/// Engine, registry, busybox and Bacalhau, as the scripts in `tests/peers` have them.
struct Peers {
    host: String,
    registry: String,
    busybox: PathBuf,
    bacalhau: PathBuf,
}

impl Peers {
    fn find() -> anyhow::Result<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers");
        let docker = output(Command::new(scripts.join("docker")).arg("--print"))?;
        let value = |name: &str| {
            let line = docker.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.map(str::to_owned).with_context(|| format!("tests/peers/docker prints no {name}"))
        };
        Ok(Self {
            host: value("DOCKER_HOST")?,
            registry: value("LILYPAD_TEST_REGISTRY")?,
            busybox: value("LILYPAD_TEST_BUSYBOX")?.into(),
            bacalhau: output(&mut Command::new(scripts.join("bacalhau")))?.trim().into(),
        })
    }

    fn docker(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", &self.host).args(args);
        command
    }

    /// An image of busybox alone, in the registry.
    fn image(&self, folder: &Path) -> anyhow::Result<String> {
        let root = folder.join("root");
        fs::create_dir_all(root.join("bin"))?;
        fs::create_dir_all(root.join("outputs"))?;
        std::os::unix::fs::chown(root.join("outputs"), Some(65_532), Some(65_532))?;
        fs::copy(&self.busybox, root.join("bin/sh"))?;
        let tag = format!("{}/lilypad-bench/busybox:1", self.registry);
        let tar = folder.join("root.tar");
        output(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg("."))?;
        output(&mut self.docker(&["import", &tar.display().to_string(), &tag]))?;
        output(&mut self.docker(&["push", "--quiet", &tag]))?;
        Ok(tag)
    }
}

/// All who are compared, ready.
struct Bench<'a> {
    peers: &'a Peers,
    image: &'a str,
    folder: &'a Path,
    api: Docker,
    ours: DockerExecutor,
    job: ContainerJob,
    server: Child,
    port: String,
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl<'a> Bench<'a> {
    async fn start(peers: &'a Peers, folder: &'a Path, image: &'a str) -> anyhow::Result<Self> {
        let options =
            DockerOptions { host: peers.host.clone(), ..DockerOptions::new("bench", folder.join("scratch")) };
        let ours = DockerExecutor::connect(options).await?;
        let spec = ContainerSpec {
            profile: Profile::Container1,
            image: ours.pin(image).await?,
            entrypoint: vec!["/bin/sh".into(), "-c".into()],
            args: vec![SCRIPT.into()],
            env: BTreeMap::new(),
            working_dir: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([("outputs".into(), "/outputs".into())]),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits::default(),
        };
        let job = ContainerJob { spec, image: None, inputs: BTreeMap::new() };
        let socket = peers.host.trim_start_matches("unix://");
        let api = Docker::connect_with_unix(socket, 120, API_DEFAULT_VERSION)?.negotiate_version().await?;
        let (port, server) = bacalhau(peers, folder)?;
        Ok(Self { peers, image, folder, api, ours, job, server, port })
    }

    async fn run(&self, way: Ways, round: usize) -> anyhow::Result<()> {
        let at = self.folder.join(format!("result-{round}-{way:?}"));
        match way {
            Ways::Engine => self.engine().await,
            Ways::Docker(network) => {
                let args = ["run", "--rm", "--network", network, self.image, "/bin/sh", "-c", SCRIPT];
                ensure!(output(&mut self.peers.docker(&args))? == "hi\n", "it said something else");
                Ok(())
            }
            Ways::Bacalhau => self.submit().map(drop),
            Ways::BacalhauToDisk => {
                let id = self.submit()?;
                fs::create_dir(&at)?;
                output(self.client().args(["job", "get", &id, "--output-dir"]).arg(&at))?;
                check(&at)
            }
            Ways::Ours => self.ours().await.map(drop),
            Ways::OursToDisk => {
                write_to(&self.ours().await?, &at, WriteMode::IntoEmpty)?;
                check(&at)
            }
        }
    }

    async fn ours(&self) -> anyhow::Result<lilypad_runtime::Folder> {
        let name = RunName::new("bench").context("a name")?;
        let execution = self.ours.run(&name, &self.job, None).await?;
        ensure!(execution.outputs.file("stdout") == Some(b"hi\n"), "it said something else");
        Ok(execution.outputs)
    }

    /// The least that a client has to ask for.
    async fn engine(&self) -> anyhow::Result<()> {
        let command = vec!["/bin/sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned()];
        let body = ContainerCreateBody {
            image: Some(self.image.to_owned()),
            cmd: Some(command),
            host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        let id = self.api.create_container(None, body).await?.id;
        let attach =
            AttachContainerOptions { stream: true, stdout: true, ..AttachContainerOptions::default() };
        let mut words = self.api.attach_container(&id, Some(attach)).await?.output;
        self.api.start_container(&id, None).await?;
        while words.next().await.transpose()?.is_some() {}
        let mut end = self.api.wait_container(&id, None::<WaitContainerOptions>).boxed();
        end.next().await.context("no end")??;
        let options = RemoveContainerOptions { v: true, ..RemoveContainerOptions::default() };
        Ok(self.api.remove_container(&id, Some(options)).await?)
    }

    fn client(&self) -> Command {
        let mut command = Command::new(&self.peers.bacalhau);
        command.args(["--api-host", "127.0.0.1", "--api-port", &self.port]);
        // It would ask its makers for a newer version, which has nothing to do with the job.
        command.args(["--config", "UpdateConfig.Interval=0"]);
        command.env("BACALHAU_DIR", self.folder.join("client")).env("BACALHAU_UPDATE_SKIPCHECKS", "true");
        command
    }

    fn submit(&self) -> anyhow::Result<String> {
        let run = ["docker", "run", "--wait", "--id-only", "--publisher", "local", "-o", "outputs:/outputs"];
        let said = output(self.client().args(run).args([self.image, "--", "/bin/sh", "-c", SCRIPT]))?;
        let id = said.lines().map(str::trim).find(|line| line.starts_with("j-"));
        Ok(id.with_context(|| format!("no job id: {said}"))?.to_owned())
    }
}

fn check(at: &Path) -> anyhow::Result<()> {
    ensure!(fs::read_to_string(at.join("outputs/x"))? == "x\n", "the result has another file");
    ensure!(fs::read_to_string(at.join("stdout"))?.trim() == "hi", "the result has other words");
    Ok(())
}

/// A whole Bacalhau network of one node.
fn bacalhau(peers: &Peers, folder: &Path) -> anyhow::Result<(String, Child)> {
    let free = || Ok::<_, io::Error>(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string());
    let (api, bus, publisher) = (free()?, free()?, free()?);
    let server = Command::new(&peers.bacalhau)
        .args(["serve", "--orchestrator", "--compute", "--config", &format!("API.Port={api}")])
        .args(["--config", &format!("Orchestrator.Port={bus}")])
        .args(["--config", &format!("Compute.Orchestrators=nats://127.0.0.1:{bus}")])
        .args(["--config", &format!("Publishers.Types.Local.Port={publisher}")])
        .env("BACALHAU_DIR", folder.join("server"))
        .env("BACALHAU_UPDATE_SKIPCHECKS", "true")
        .env("DOCKER_HOST", &peers.host)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("server.log"))?)
        .spawn()?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        let nodes = Command::new("curl")
            .args(["--silent", &format!("http://127.0.0.1:{api}/api/v1/orchestrator/nodes")])
            .output()?;
        if String::from_utf8_lossy(&nodes.stdout).contains("CONNECTED") {
            return Ok((api, server));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    bail!("Bacalhau doesn't come up; see {}", folder.join("server.log").display())
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        said.trim().lines().last().unwrap_or("no reason given")
    );
    Ok(String::from_utf8(output.stdout)?)
}
