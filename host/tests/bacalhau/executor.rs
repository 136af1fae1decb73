//! Container jobs on a real cluster of two nodes.

use crate::lab::{Cluster, job, scratch, shell, text, with_inputs};
use lilypad_abi::{Outcome, Status};
use lilypad_host::container::{
    ContainerEngine, ContainerError, ContainerJob, Listener, RunName, Stream,
    bacalhau::BacalhauExecutor,
    docker::{DockerExecutor, DockerOptions},
};
use lilypad_runtime::{Folder, Node};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

fn name(text: &str) -> RunName {
    RunName::new(text).unwrap()
}

/// Waits until a run's execution is on a node; gives the node's name.
async fn node_of(cluster: &Cluster, owner: &str, run: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let path = format!("orchestrator/jobs/{run}?namespace=lilypad-{owner}&include=executions");
        let found = cluster.get(&path).await;
        let items = found["Executions"]["Items"].as_array().cloned().unwrap_or_default();
        if let Some(running) =
            items.iter().find(|item| matches!(item["ComputeState"]["StateType"].as_u64(), Some(5 | 6)))
        {
            return running["NodeID"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < until, "{run} never runs: {found}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn without_fuel(outcome: Outcome) -> Outcome {
    Outcome { fuel_used: 0, ..outcome }
}

#[tokio::test]
async fn a_cluster_gives_what_docker_gives() {
    let cluster = Cluster::start().await;
    let bacalhau = cluster.executor("same").await.unwrap();
    let docker = DockerExecutor::connect(DockerOptions {
        host: crate::lab::docker_env("DOCKER_HOST").to_owned(),
        ..DockerOptions::new("same", scratch("same"))
    })
    .await
    .unwrap();
    docker.sweep(&BTreeSet::new()).await.unwrap();

    let mut docs = Folder::default();
    docs.insert_file("a.txt", b"from the folder\n".to_vec());
    let mut inner = Folder::default();
    inner.insert_file("b.txt", vec![b'x'; 100_000]);
    inner.insert_file(&"long-name-".repeat(20), b"long\n".to_vec());
    docs.entries.insert("inner".into(), Node::Folder(inner));
    docs.entries.insert("empty".into(), Node::Folder(Folder::default()));
    let script = "cat /in/a.txt /one/file /in/inner/long*; wc -c /in/inner/b.txt; ls /in; echo $WHO $0 $1; \
                  echo oops >&2; pwd; mkdir /outputs/d && echo kept > /outputs/d/f; echo second > /more/g; \
                  mkfifo /outputs/pipe; exit 7";
    let mut spec = shell(script);
    spec.args.extend(["arg0".into(), "arg one".into()]);
    // A cluster would put a variable of its node in this one's place, were it a task's.
    spec.env = BTreeMap::from([("WHO".into(), "env:PATH".into())]);
    spec.outputs.insert("more".into(), "/more".into());
    spec.working_dir = Some("/tmp".into());
    let file = Node::File(Arc::new(b"one file\n".to_vec()));
    let rich = with_inputs(spec, &[("/in", Node::Folder(docs)), ("/one/file", file)]);

    let mut capped = shell("head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2");
    capped.limits.stdout_bytes_max = 1_000;
    capped.limits.stderr_bytes_max = 10;
    let mut large = shell("head -c 20000000 /dev/zero > /outputs/f; echo said");
    large.limits.disk_bytes_max = 1 << 20;
    let mut missing = shell("");
    missing.entrypoint = vec!["/no/such/program".into()];
    // What a node says of a program that isn't there quotes its name, which may look like the end of another run.
    let mut sly = shell("");
    sly.entrypoint = vec!["/Execution timed out after 1s".into()];
    let mut unfit = shell("");
    unfit.entrypoint = vec!["/bin".into()];
    let jobs: Vec<(&str, ContainerJob)> = vec![
        ("rich", rich),
        ("capped", job(capped)),
        ("missing", job(missing)),
        ("sly", job(sly)),
        ("unfit", job(unfit)),
        ("code", job(shell("exit 137"))),
        ("quiet", job(shell("true"))),
    ];
    for (run, job) in &jobs {
        let here = docker.run(&name(run), job, None).await.unwrap();
        let there = bacalhau.run(&name(run), job, None).await.unwrap();
        assert_eq!(here.outputs, there.outputs, "{run}");
        assert_eq!(without_fuel(here.outcome), without_fuel(there.outcome.clone()), "{run}");
        assert!(there.outcome.fuel_used < job.spec.units_max(), "{run}");
    }
    let over = bacalhau.run(&name("large"), &job(large), None).await.unwrap();
    assert_eq!(over.outcome.status, Status::Exited { code: 153 });
    assert_eq!(over.outputs.at("outputs"), Some(&Node::Folder(Folder::default())));
}

#[tokio::test]
async fn what_a_cluster_cannot_do_is_refused_before_it_is_asked() {
    let cluster = Cluster::start().await;
    let bacalhau = cluster.executor("refuse").await.unwrap();
    let machine = bacalhau.machine().clone();
    assert!(machine.cpu_millis > 0 && machine.memory_bytes > 0 && machine.disk_bytes > 0);
    // One node's share, though there are two alike.
    let nodes = cluster.get("orchestrator/nodes").await;
    let of_one =
        nodes["Nodes"][0]["Info"]["ComputeNodeInfo"]["MaxJobRequirements"]["Memory"].as_u64().unwrap();
    assert!(machine.memory_bytes <= of_one + (1 << 30));

    let refused = |job: ContainerJob| {
        let bacalhau = bacalhau.clone();
        async move { bacalhau.run(&name("refused"), &job, None).await.unwrap_err() }
    };
    let mut wide = shell("true");
    wide.limits.cpu_millis = u32::try_from(machine.cpu_millis).unwrap() + 1;
    assert!(matches!(refused(job(wide)).await, ContainerError::Capacity(_)));
    let mut net = shell("true");
    net.network = lilypad_abi::Network::Full;
    assert!(matches!(refused(job(net)).await, ContainerError::NotAllowed(_)));
    let mut own = shell("true");
    own.env.insert("BACALHAU_X".into(), "1".into());
    assert!(matches!(refused(job(own)).await, ContainerError::NotAllowed(_)));
    // A larger document would stop the whole cluster from handing out jobs.
    let noise: Vec<u8> = (0..1_000_000_u32).map(mixed).collect();
    let large = with_inputs(shell("true"), &[("/in/f", Node::File(Arc::new(noise)))]);
    let error = refused(large).await;
    assert!(matches!(&error, ContainerError::Capacity(text) if text.contains("document of")), "{error}");
    let mut linked = Folder::default();
    linked.entries.insert("l".into(), Node::Symlink("x".into()));
    let error = refused(with_inputs(shell("true"), &[("/in", Node::Folder(linked))])).await;
    assert!(error.to_string().contains("symbolic link"), "{error}");
    // Nothing of all this reached the cluster.
    let jobs = cluster.get("orchestrator/jobs?namespace=lilypad-refuse").await;
    assert_eq!(jobs["Items"].as_array().map_or(0, Vec::len), 0, "{jobs}");
    // What comes out of a job can be more than a cluster can hand over, too.
    let link = bacalhau.run(&name("link"), &job(shell("ln -s x /outputs/l")), None).await.unwrap_err();
    assert!(matches!(&link, ContainerError::Capacity(text) if text.contains("link")), "{link}");
    // So can what it says: Docker's log, where the cluster takes it from, has no bytes that aren't UTF-8.
    for (run, script) in [("out", "printf '\\377'"), ("err", "printf 'a\\377b' >&2")] {
        let words = bacalhau.run(&name(run), &job(shell(script)), None).await.unwrap_err();
        assert!(matches!(&words, ContainerError::Capacity(text) if text.contains("U+FFFD")), "{words}");
    }
    let whole = bacalhau.run(&name("whole"), &job(shell("printf 'ä\\0€'")), None).await.unwrap();
    assert_eq!(text(&whole, "stdout"), "ä\0€");
    let gone = BacalhauExecutor::connect(lilypad_host::container::bacalhau::BacalhauOptions::new(
        format!("http://127.0.0.1:{}", crate::lab::free_port()),
        "x",
    ))
    .await
    .unwrap_err();
    assert!(gone.is_temporary() && gone.to_string().contains("Bacalhau"), "{gone}");
}

/// A byte that looks like no other's neighbour, so that a run of them doesn't compress.
fn mixed(n: u32) -> u8 {
    let mixed = n.wrapping_mul(0x9E37_79B9).rotate_left(13) ^ n.wrapping_mul(0x85EB_CA6B);
    mixed.to_le_bytes()[2]
}

#[tokio::test]
async fn a_job_whose_node_dies_runs_on_another() {
    let mut cluster = Cluster::start().await;
    let bacalhau = cluster.executor("lost").await.unwrap();
    let job = job(shell("echo begun; sleep 6; echo done > /outputs/f; exit 5"));
    let run = name("lost");
    let (execution, dead) = tokio::join!(bacalhau.run(&run, &job, None), async {
        let node = node_of(&cluster, "lost", "lost").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at = usize::from(node == "two");
        cluster.nodes[at].0.kill().unwrap();
        cluster.nodes[at].0.wait().unwrap();
        node
    });
    let execution = execution.unwrap_or_else(|error| panic!("{error}\n{}", cluster.log("orchestrator")));
    assert_eq!(execution.outcome.status, Status::Exited { code: 5 });
    assert_eq!(text(&execution, "outputs/f"), "done\n");
    let found = cluster.get("orchestrator/jobs/lost?namespace=lilypad-lost&include=executions").await;
    let nodes: Vec<&str> = found["Executions"]["Items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["NodeID"].as_str())
        .collect();
    assert!(nodes.len() >= 2 && nodes.iter().any(|node| *node != dead), "{nodes:?}");

    // The node that lives has the results; when it dies too before they are fetched, nobody can give them.
    let other = usize::from(dead == "one");
    cluster.nodes[other].0.kill().unwrap();
    cluster.nodes[other].0.wait().unwrap();
    let again = cluster.executor("lost").await;
    // A cluster whose nodes are gone is said to be none, for now.
    if let Err(error) = again {
        assert!(error.is_temporary(), "{error}");
    }
}

#[tokio::test]
async fn a_process_that_starts_again_goes_on_with_its_runs() {
    let cluster = Cluster::start().await;
    let job = job(shell("echo one; sleep 3; echo two; echo kept > /outputs/f"));
    let run = name("adopted");
    // The first process dies while the job runs.
    let first = cluster.executor("adopt").await.unwrap();
    let dying = tokio::time::timeout(Duration::from_secs(2), first.run(&run, &job, None)).await;
    assert!(dying.is_err());
    drop(first);
    let second = cluster.executor("adopt").await.unwrap();
    second.sweep(&BTreeSet::from([run.clone()])).await.unwrap();
    let heard: Arc<Mutex<String>> = Arc::default();
    let hears = heard.clone();
    let listener: Listener = Arc::new(move |stream, bytes: &[u8]| {
        assert_eq!(stream, Stream::Stdout);
        hears.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
    });
    let execution = second.run(&run, &job, Some(listener)).await;
    let execution = execution.unwrap_or_else(|error| panic!("{error}\n{}", cluster.log("orchestrator")));
    assert_eq!(text(&execution, "stdout"), "one\ntwo\n");
    assert_eq!(*heard.lock().unwrap(), "one\ntwo\n");
    let found = cluster.get("orchestrator/jobs/adopted?namespace=lilypad-adopt&include=executions").await;
    assert_eq!(found["Job"]["Version"], 1, "submitted once");
    assert_eq!(found["Executions"]["Items"].as_array().unwrap().len(), 1, "run once");
    // A result that was computed and not taken is there for the next process, and given once.
    let third = cluster.executor("adopt").await.unwrap();
    let same = third.run(&run, &job, None).await.unwrap();
    assert_eq!(same.outcome, execution.outcome);
    // Asked for by the same process again, it is another run.
    third.run(&run, &job, None).await.unwrap();
    let found = cluster.get("orchestrator/jobs/adopted?namespace=lilypad-adopt").await;
    assert_eq!(found["Job"]["Version"], 2);

    // Another job of the same name is another run.
    let other = ContainerJob { spec: shell("echo other"), ..job.clone() };
    assert_eq!(text(&third.run(&run, &other, None).await.unwrap(), "stdout"), "other\n");
}

#[tokio::test]
async fn runs_are_stopped_by_name_and_when_nobody_wants_them() {
    let cluster = Cluster::start().await;
    let bacalhau = cluster.executor("stop").await.unwrap();
    let long = job(shell("echo begun; sleep 100"));
    let stopped = name("stopped");
    let began = Instant::now();
    let (result, ()) = tokio::join!(bacalhau.run(&stopped, &long, None), async {
        node_of(&cluster, "stop", "stopped").await;
        bacalhau.stop(&stopped).await.unwrap();
        bacalhau.stop(&name("no-such-run")).await.unwrap();
    });
    assert!(result.unwrap_err().is_temporary());
    assert!(began.elapsed() < Duration::from_secs(20));

    // What an earlier process left is ended; another owner's runs are not.
    let left = name("left");
    let lost = tokio::time::timeout(Duration::from_secs(1), bacalhau.run(&left, &long, None)).await;
    assert!(lost.is_err());
    cluster.executor("other").await.unwrap().sweep(&BTreeSet::new()).await.unwrap();
    node_of(&cluster, "stop", "left").await;
    bacalhau.sweep(&BTreeSet::new()).await.unwrap();
    let found = cluster.get("orchestrator/jobs/left?namespace=lilypad-stop").await;
    assert_eq!(found["Job"]["State"]["StateType"], "Stopped");
}

#[tokio::test]
async fn who_lets_every_image_run_on_a_cluster_is_warned() {
    let cluster = Cluster::start().await;
    let open = ["--executor", "bacalhau", "--bacalhau-api", &cluster.url];
    let warned = |flags: &[&str]| crate::server::Server::start(flags).log().contains("allow only images");
    assert!(warned(&open));
    assert!(!warned(&[&open[..], &["--allow-image", "localhost:5000/lilypad-tests/*"]].concat()));
}
