//! Runs over their time by a cluster's clock, which counts the pulling of the image: what they come to.

use crate::lab::{Cluster, image, job, shell, text};
use lilypad_abi::{ContainerSpec, Image, Status};
use lilypad_host::container::{
    ContainerError, RunName,
    bacalhau::{BacalhauExecutor, BacalhauOptions},
};
use lilypad_runtime::{Execution, Folder, Node};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Runs a job with so much time for pulling its image; gives its end and what the cluster has of it.
async fn run(
    cluster: &Cluster,
    name: &str,
    spec: &ContainerSpec,
    pull_time: Duration,
) -> (Result<Execution, ContainerError>, serde_json::Value) {
    let options = BacalhauOptions { pull_time, ..BacalhauOptions::new(&cluster.url, "time") };
    let executor = BacalhauExecutor::connect(options).await.unwrap();
    let ended = executor.run(&RunName::new(name).unwrap(), &job(spec.clone()), None).await;
    let path = format!("orchestrator/jobs/{name}?namespace=lilypad-time&include=executions");
    (ended, cluster.get(&path).await)
}

fn with_time(script: &str, timeout_ms: u64) -> ContainerSpec {
    let mut spec = shell(script);
    spec.limits.timeout_ms = timeout_ms;
    spec
}

#[tokio::test]
async fn a_run_over_its_time_is_out_of_fuel_once_its_image_was_there() {
    let cluster = Cluster::start().await;
    let spec = with_time("echo begun; echo x > /outputs/x; sleep 100", 1_000);
    let (ended, found) = run(&cluster, "late", &spec, Duration::from_secs(1)).await;
    let execution = ended.unwrap_or_else(|error| panic!("{error}: {found}"));
    assert_eq!(execution.outcome.status, Status::OutOfFuel);
    assert_eq!(execution.outcome.fuel_used, spec.units_max());
    assert_eq!(execution.outputs.at("exitCode"), None);
    assert_eq!(text(&execution, "stdout"), "");
    assert_eq!(execution.outputs.at("outputs"), Some(&Node::Folder(Folder::default())));
    assert_eq!(found["Job"]["State"]["StateType"], "Stopped", "the cluster would try it again");
    // Twice, and the second time where the first was.
    assert_eq!(found["Job"]["Version"], 2, "{found}");
    let node = &found["Job"]["Meta"]["lilypad.pulled"];
    let second = found["Executions"]["Items"].as_array().unwrap();
    let there = |item: &serde_json::Value| item["JobVersion"] != 2 || item["NodeID"] == *node;
    assert!(second.iter().all(there), "{found}");
}

#[tokio::test]
async fn a_run_that_ends_by_itself_after_its_time_is_nobodys_to_sign() {
    let cluster = Cluster::start().await;
    let spec = with_time("sleep 4; echo done", 1_000);
    let (ended, found) = run(&cluster, "doubtful", &spec, Duration::from_secs(30)).await;
    let error = ended.unwrap_err();
    assert!(matches!(&error, ContainerError::Capacity(text) if text.contains("doesn't tell")), "{error}");
    assert_eq!(found["Job"]["Version"], 2, "{found}");
}

/// A registry whose every answer comes late; gives the image's name there.
async fn slow_registry(delay: Duration) -> String {
    let (registry, path) = image().split_once('/').unwrap();
    let registry = registry.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("localhost:{}/{path}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let registry = registry.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let mut server = TcpStream::connect(&registry).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    name
}

#[tokio::test]
async fn a_slow_registry_makes_no_job_out_of_fuel() {
    let cluster = Cluster::start().await;
    // The pull takes two answers or three, and no time is added for it: the first run is over within its sleep.
    let mut spec = with_time("sleep 6; echo done; exit 5", 10_000);
    spec.image = Image::Registry(slow_registry(Duration::from_secs(3)).await);
    let (ended, found) = run(&cluster, "stalled", &spec, Duration::ZERO).await;
    let execution = ended.unwrap_or_else(|error| panic!("{error}: {found}"));
    assert_eq!(execution.outcome.status, Status::Exited { code: 5 }, "{found}");
    assert_eq!(text(&execution, "stdout"), "done\n");
    assert_eq!(found["Job"]["Version"], 2, "the first run was not over its time: {found}");
}
