//! A process killed while its job runs, and what the next one makes of it.

use crate::lab::{self, Lab, docker, job, text};
use lilypad_abi::{Image, Status};
use lilypad_host::container::{ContainerEngine as _, RunName};
use std::{
    collections::BTreeSet,
    env, fs,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Says, to this program's own copy, which script it is to run until it is killed.
const VICTIM: &str = "LILYPAD_TEST_VICTIM";

/// Whether this process is the one to be killed: then it runs the job and never comes back.
async fn is_victim(owner: &str) {
    if let Ok(script) = env::var(VICTIM) {
        // Without a sweep, which would remove what the test is about.
        let lab = Lab::reopen(owner).await;
        let _ = lab.try_run("crash", &job(lab.shell(&script))).await;
        panic!("the job ended before its process was killed");
    }
}

/// Starts this test again in another process, waits until its container says `up`, and kills the process.
fn kill_in_the_middle(lab: &Lab, test: &str, owner: &str, script: &str) -> String {
    let Image::Registry(image) = &lab.image else { panic!("the image is not the registry's") };
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("crashes::{test}"), "--nocapture"])
        .env(VICTIM, script)
        .env(lab::IMAGE, image)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let name = format!("lilypad-{owner}-crash");
    let up = wait_for(&mut child, || {
        let running =
            docker(&["ps", "--all", "--format", "{{.Names}}", "--filter", &format!("name={name}")], b"");
        running == name && docker(&["logs", &name], b"").contains("up")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(up, "the job never came up");
    docker(&["inspect", "--format", "{{.Id}}", &name], b"")
}

fn wait_for(child: &mut Child, is: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if is() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[tokio::test]
async fn a_container_that_still_runs_is_gone_on_with() {
    is_victim("adopt").await;
    let script = "echo up; echo before > /outputs/a; sleep 4; echo after > /outputs/b; printf end; exit 5";
    let lab = Lab::open("adopt").await;
    let id = kill_in_the_middle(&lab, "a_container_that_still_runs_is_gone_on_with", "adopt", script);
    drop(lab);
    let lab = Lab::reopen("adopt").await;
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let hears = heard.clone();
    let listener = Arc::new(move |_, bytes: &[u8]| hears.lock().unwrap().extend_from_slice(bytes));
    let name = RunName::new("crash").unwrap();
    let still = docker(&["inspect", "--format", "{{.State.Running}}", &id], b"");
    assert_eq!(still, "true");
    let execution = lab.docker.run(&name, &job(lab.shell(script)), Some(listener)).await.unwrap();
    lab.assert_clean("crash");
    assert_eq!(execution.outcome.status, Status::Exited { code: 5 });
    assert_eq!(text(&execution, "stdout"), "up\nend");
    assert_eq!(
        (text(&execution, "outputs/a"), text(&execution, "outputs/b")),
        ("before\n".into(), "after\n".into())
    );
    assert_eq!(*heard.lock().unwrap(), b"up\nend");
    // The run began with the first process, and is paid from there; engines note the start a little late.
    assert!(execution.outcome.fuel_used > 3_500_000_000, "{}", execution.outcome.fuel_used);
}

#[tokio::test]
async fn a_container_that_ended_meanwhile_is_collected() {
    is_victim("ended").await;
    let script = "echo up; sleep 1; echo done > /outputs/a; exit 6";
    let lab = Lab::open("ended").await;
    let id = kill_in_the_middle(&lab, "a_container_that_ended_meanwhile_is_collected", "ended", script);
    docker(&["wait", &id], b"");
    let fresh = Lab::reopen("ended").await;
    let execution = fresh.try_run("crash", &job(lab.shell(script))).await.unwrap();
    fresh.assert_clean("crash");
    assert_eq!(execution.outcome.status, Status::Exited { code: 6 });
    assert_eq!((text(&execution, "stdout"), text(&execution, "outputs/a")), ("up\n".into(), "done\n".into()));
}

#[tokio::test]
async fn a_container_that_was_killed_meanwhile_runs_again() {
    is_victim("again").await;
    let script = "echo up; sleep 3; echo done";
    let lab = Lab::open("again").await;
    let id = kill_in_the_middle(&lab, "a_container_that_was_killed_meanwhile_runs_again", "again", script);
    docker(&["kill", &id], b"");
    let fresh = Lab::reopen("again").await;
    let execution = fresh.try_run("crash", &job(lab.shell(script))).await.unwrap();
    assert_eq!(execution.outcome.status, Status::Exited { code: 0 });
    assert_eq!(text(&execution, "stdout"), "up\ndone\n");
}

#[tokio::test]
async fn another_job_under_the_same_name_starts_anew() {
    is_victim("other").await;
    let lab = Lab::open("other").await;
    let id =
        kill_in_the_middle(&lab, "another_job_under_the_same_name_starts_anew", "other", "echo up; sleep 60");
    let fresh = Lab::reopen("other").await;
    let execution = fresh.try_run("crash", &job(lab.shell("echo other"))).await.unwrap();
    assert_eq!(text(&execution, "stdout"), "other\n");
    assert!(!docker(&["ps", "--all", "--quiet", "--no-trunc"], b"").contains(&id));
}

#[tokio::test]
async fn the_time_that_is_left_is_counted_from_the_start() {
    is_victim("late").await;
    let script = "echo up; sleep 60";
    let lab = Lab::open("late").await;
    let id = kill_in_the_middle(&lab, "the_time_that_is_left_is_counted_from_the_start", "late", script);
    // The victim's job had a minute; nobody counts while nobody looks, and then what has gone by counts.
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &id], b""), "true");
    let fresh = Lab::reopen("late").await;
    let began = Instant::now();
    let job = job(lab.shell(script));
    let run = fresh.try_run("crash", &job);
    let stopped = tokio::time::timeout(Duration::from_millis(500), run).await;
    assert!(stopped.is_err(), "a minute was over in {:?}", began.elapsed());
    // Dropped, and it goes on; ended by name.
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &id], b""), "true");
    fresh.docker.stop(&RunName::new("crash").unwrap()).await.unwrap();
    fresh.assert_clean("crash");
}

#[tokio::test]
async fn a_sweep_removes_what_nobody_wants_and_nothing_else() {
    is_victim("sweep").await;
    let script = "echo up; echo x > /outputs/x; sleep 60";
    let lab = Lab::open("sweep").await;
    kill_in_the_middle(&lab, "a_sweep_removes_what_nobody_wants_and_nothing_else", "sweep", script);
    let stranger = format!("lilypad-sweep-stranger-{}", std::process::id());
    let Image::Registry(image) = &lab.image else { panic!() };
    // Somebody's own container of an image that carries our label.
    docker(&["create", "--name", &stranger, "--label", "network.lilypad.owner=sweep", image, "true"], b"");
    let fresh = Lab::reopen("sweep").await;
    let name = RunName::new("crash").unwrap();
    fresh.docker.sweep(&BTreeSet::from([name])).await.unwrap();
    assert!(fresh.scratch("crash").join("outputs/0/x").exists(), "a run that is wanted is kept");
    let orphan = fresh.scratch("orphan");
    fs::create_dir_all(&orphan).unwrap();
    fresh.docker.sweep(&BTreeSet::new()).await.unwrap();
    fresh.assert_clean("crash");
    assert!(!orphan.exists());
    assert_eq!(docker(&["rm", &stranger], b""), stranger);
}

#[tokio::test]
async fn what_runs_already_takes_its_room() {
    is_victim("taken").await;
    let lab = Lab::open("taken").await;
    kill_in_the_middle(&lab, "what_runs_already_takes_its_room", "taken", "echo up; sleep 60");
    let options = lilypad_host::container::docker::DockerOptions {
        memory_bytes_max: Some(200 << 20),
        ..Lab::options("taken")
    };
    let fresh = Lab::reopen_with(options).await;
    let second = job(lab.shell("true"));
    let mut waits = Box::pin(fresh.try_run("second", &second));
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut waits).await.is_err());
    fresh.docker.stop(&RunName::new("crash").unwrap()).await.unwrap();
    assert_eq!(waits.await.unwrap().outcome.status, Status::Exited { code: 0 });
}
