//! Workers as real processes of the real program, running real modules, killed and starved on purpose.
//!
//! What the sandbox denies is tested beside it, in `src/exec/sandbox.rs`.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use lilypad_abi::{BlobDigest, Cid, Codec, JobSpec, Limits, Profile, Status};
use lilypad_host::{
    exec::{ExecError, Executor, WorkerConfig, keep, resolve, run_in_worker},
    store::{FetchOptions, Fetcher, Store, TreeLimits},
};
use lilypad_runtime::{Folder, ResolvedJob, Runtime, RuntimeOptions, unixfs};
use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    time::{Duration, Instant},
};

/// Writes what it reads from standard input to standard output, then exits with 3.
const ECHO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 4096))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 3))))"#;

const LOOP: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;

fn job(module: &str) -> ResolvedJob {
    let module = wat::parse_str(module).unwrap();
    let stdin = b"hello through two pipes".to_vec();
    let mut input = Folder::default();
    input.insert_file("large", vec![5; 3 << 20]);
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        args: vec!["test".into()],
        env: BTreeMap::new(),
        inputs: BTreeMap::from([("/in".into(), unixfs::folder_cid(&input))]),
        stdin: Some(Cid::of(Codec::Raw, &stdin)),
        // Years of work.
        limits: Limits { fuel_limit: 1 << 60, ..Limits::default() },
        seed: BlobDigest([0; 32]),
        clock_epoch_ns: 0,
    };
    ResolvedJob { spec, module, inputs: BTreeMap::from([("/in".into(), input)]), stdin }
}

/// The real program, with an argument of its own that `ps` and the tests tell it by.
fn config(tag: &str, timeout: Duration) -> WorkerConfig {
    let args = vec!["worker".to_owned(), tag.to_owned()];
    WorkerConfig {
        program: env!("CARGO_BIN_EXE_lilypad-host").into(),
        args,
        timeout,
        memory_bytes_max: u64::MAX,
    }
}

/// Process ids of the workers with this tag.
fn workers(tag: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).skip(1).eq([b"worker".as_slice(), tag.as_bytes(), b""])
    })
    .collect()
}

async fn one_worker(tag: &str) -> u32 {
    let started = Instant::now();
    loop {
        match workers(tag).as_slice() {
            [id] => return *id,
            [] => assert!(started.elapsed() < Duration::from_secs(30), "no worker came up"),
            more => panic!("several workers: {more:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn no_worker(tag: &str) {
    let started = Instant::now();
    while !workers(tag).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(10), "a worker lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kill(id: u32) {
    assert!(Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn a_profile_accounts_for_all_fuel_of_the_same_outcome() {
    let job = job(ECHO);
    let executor = Executor::new(config("profile", Duration::from_secs(60)), 1);
    let plain = executor.run(&job).await.unwrap();
    let (profiled, profile) = executor.profile(&job).await.unwrap();
    assert_eq!(profiled, plain, "being watched changes nothing");
    assert_eq!(profile.fuel(), plain.outcome.fuel_used);
    assert!(profile.by_function().iter().any(|row| row.calls > 0 && row.own > 0));
    no_worker("profile").await;
}

#[tokio::test]
async fn a_worker_gives_what_the_runtime_gives() {
    let job = job(ECHO);
    let inside = Runtime::new(RuntimeOptions::default()).unwrap().run(&job).unwrap();
    let outside = run_in_worker(&config("same", Duration::from_secs(60)), &job).await.unwrap();
    assert_eq!(outside.outcome, inside.outcome);
    assert_eq!(outside.outputs, inside.outputs);
    assert_eq!(outside.outcome.status, Status::Exited { code: 3 });
    assert_eq!(outside.outputs.file("stdout"), Some(b"hello through two pipes".as_slice()));
    no_worker("same").await;
}

#[tokio::test]
async fn a_refused_module_is_an_outcome() {
    let mut job = job(LOOP);
    job.module = b"no module".to_vec();
    let execution = run_in_worker(&config("refused", Duration::from_secs(60)), &job).await.unwrap();
    assert!(matches!(execution.outcome.status, Status::Refused { .. }));
    assert_eq!(execution.outcome.fuel_used, 0);
    assert!(execution.refusal_detail.is_some());
}

#[tokio::test]
async fn a_job_without_end_is_stopped_at_the_wall_clock_limit() {
    let timeout = Duration::from_secs(3);
    let started = Instant::now();
    let error = run_in_worker(&config("timeout", timeout), &job(LOOP)).await.unwrap_err();
    assert!(matches!(error, ExecError::Timeout(limit) if limit == timeout), "{error}");
    assert!(started.elapsed() >= timeout);
    no_worker("timeout").await;
}

#[tokio::test]
async fn a_killed_worker_is_one_failed_attempt() {
    let executor = Executor::new(config("killed", Duration::from_secs(60)), 1);
    let background = executor.clone();
    let running = tokio::spawn(async move { background.run(&job(LOOP)).await });
    // A worker that has just come up may not have the job yet: whichever has it is killed in the end.
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if running.is_finished() {
            break;
        }
        kill(one_worker("killed").await);
    }
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(&error, ExecError::Worker { status, .. } if status.contains('9')), "{error}");
    // The next job runs as if nothing had been.
    assert!(executor.run(&job(ECHO)).await.is_ok());
}

#[tokio::test]
async fn a_job_nobody_waits_for_is_stopped() {
    let running =
        tokio::spawn(async { run_in_worker(&config("dropped", Duration::from_secs(60)), &job(LOOP)).await });
    one_worker("dropped").await;
    running.abort();
    no_worker("dropped").await;
}

#[tokio::test]
async fn a_worker_dies_with_its_daemon() {
    const DAEMON: &str = "LILYPAD_TEST_DAEMON";
    if std::env::var_os(DAEMON).is_some() {
        // The second process: the daemon that is about to be killed.
        let result = run_in_worker(&config("orphan", Duration::from_secs(60)), &job(LOOP)).await;
        panic!("the daemon outlived the test: {result:?}");
    }
    let mut daemon = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_worker_dies_with_its_daemon"])
        .env(DAEMON, "1")
        .spawn()
        .unwrap();
    one_worker("orphan").await;
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    no_worker("orphan").await;
}

#[tokio::test]
async fn a_running_worker_is_locked_in_and_has_no_environment() {
    let running =
        tokio::spawn(async { run_in_worker(&config("locked", Duration::from_secs(60)), &job(LOOP)).await });
    let id = one_worker("locked").await;
    let started = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        if status.contains("Seccomp:\t2\n") && status.contains("NoNewPrivs:\t1\n") {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "not locked in: {status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fs::read(format!("/proc/{id}/environ")).unwrap(), b"");
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    // One byte: no file, and nothing for a program that collects dumps either.
    assert!(limits.lines().any(|line| line.starts_with("Max core file size") && line.contains(" 1 ")));
    running.abort();
}

#[tokio::test]
async fn programs_that_are_no_workers_are_named_as_such() {
    let run = async |program: &str| {
        let config = config("unused", Duration::from_secs(20));
        let config = WorkerConfig { program: program.into(), args: vec![], ..config };
        run_in_worker(&config, &job(ECHO)).await.unwrap_err()
    };
    let error = run("/no/such/program").await;
    assert!(matches!(&error, ExecError::Start { .. }) && error.to_string().contains("/no/such/program"));
    // Answers with the job itself.
    assert!(matches!(run("/bin/cat").await, ExecError::Protocol(_)));
    assert!(matches!(run("/bin/false").await, ExecError::Worker { .. }));
}

#[tokio::test]
async fn a_job_is_resolved_run_and_kept_by_its_address_alone() {
    let (dir, job) = (tempfile::tempdir().unwrap(), job(ECHO));
    let store = Store::open(dir.path()).unwrap();
    store.add_file(&job.module).unwrap();
    store.add_file(&job.stdin).unwrap();
    store.add_folder(&job.inputs["/in"]).unwrap();
    let cid = job.spec.cid().unwrap();
    store.put(cid, &job.spec.to_block().unwrap()).unwrap();
    let fetcher = Fetcher::new(store.clone(), Vec::<String>::new(), FetchOptions::default()).unwrap();
    let resolved = resolve(&fetcher, cid, &TreeLimits::default()).await.unwrap();
    assert_eq!((&resolved.spec, &resolved.module, &resolved.stdin), (&job.spec, &job.module, &job.stdin));
    let execution = run_in_worker(&config("kept", Duration::from_secs(60)), &resolved).await.unwrap();
    keep(&store, &execution).unwrap();
    let limits = TreeLimits::of_outputs(&job.spec.limits);
    assert_eq!(store.load_folder(execution.outcome.outputs, &limits).unwrap(), execution.outputs);
}
