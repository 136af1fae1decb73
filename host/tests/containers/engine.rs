//! An engine that goes down while a job runs: what its containers then look like is no result of theirs.

use crate::lab::{Lab, text};
use lilypad_abi::{Cid, Codec, ContainerSpec, Image, Status};
use lilypad_host::container::{
    ContainerEngine as _, ContainerError, ContainerJob, RunName,
    docker::{DockerExecutor, DockerOptions},
};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

/// An engine of this test's own, which no other test minds losing.
struct Engine(Child);

impl Engine {
    fn start(folder: &Path) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let host = format!("unix://{}", at("docker.sock"));
        // In a network of its own: an engine without a bridge removes the one that others may use.
        let child = Command::new("unshare")
            .args([
                "--net",
                "dockerd",
                "--host",
                &host,
                "--data-root",
                &at("data"),
                "--exec-root",
                &at("run"),
            ])
            .args(["--pidfile", &at("pid"), "--bridge", "none", "--iptables=false", "--ip-forward=false"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .expect("unshare is in the path");
        let engine = Self(child);
        let began = Instant::now();
        let ping = ["--silent", "--fail", "--unix-socket", &at("docker.sock"), "http://engine/_ping"];
        while !Command::new("curl").args(ping).output().unwrap().status.success() {
            assert!(began.elapsed() < Duration::from_secs(60), "see {}", at("log"));
            std::thread::sleep(Duration::from_millis(100));
        }
        engine
    }

    /// As `systemctl stop` does: it ends its containers first, and then itself.
    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn an_engine_that_goes_down_makes_no_result_and_the_job_runs_again() {
    let lab = Lab::open("engine").await;
    // Short, since sockets' paths are.
    let folder = tempfile::Builder::new().prefix("lilypad-engine-").tempdir_in("/tmp").unwrap();
    let options = || DockerOptions {
        host: format!("unix://{}", folder.path().join("docker.sock").display()),
        ..DockerOptions::new("engine", folder.path().join("scratch"))
    };
    // From there it reaches no registry: the image comes as content.
    let Image::Registry(image) = &lab.image else { panic!("the image is not the registry's") };
    lab.run("here", lab.shell("true")).await;
    let archive = lab.docker.save(image).await.unwrap();
    let image = Image::Archive(Cid::of(Codec::Raw, &archive));
    let spec = ContainerSpec { image, ..lab.shell("echo up; sleep 3; echo done") };
    let job = ContainerJob { spec, image: Some(Arc::new(archive)), inputs: BTreeMap::new() };
    let name = RunName::new("run").unwrap();
    let mut engine = Engine::start(folder.path());
    let docker = DockerExecutor::connect(options()).await.unwrap();
    let up = Arc::new(tokio::sync::Notify::new());
    let says = up.clone();
    let run = docker.run(&name, &job, Some(Arc::new(move |_, _: &[u8]| says.notify_one())));
    let stop = async {
        up.notified().await;
        tokio::task::spawn_blocking(move || engine.stop()).await.unwrap();
    };
    let both = async { tokio::join!(run, stop).0 };
    let run = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it starts and is stopped");
    assert!(matches!(run, Err(ContainerError::Fault(_) | ContainerError::Engine { .. })), "{run:?}");

    let _engine = Engine::start(folder.path());
    let execution = docker.run(&name, &job, None).await.unwrap();
    assert_eq!(execution.outcome.status, Status::Exited { code: 0 });
    assert_eq!(text(&execution, "stdout"), "up\ndone\n");
    assert!(!folder.path().join("scratch/run").exists());
}
