//! What a job gets and gives.

use crate::lab::{Lab, job, text, with_inputs};
use lilypad_abi::{ContainerLimits, ContainerSpec, Profile, Status};
use lilypad_host::container::{ContainerEngine as _, ContainerError, RunName, Stream};
use lilypad_runtime::{Folder, Node};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

fn exited(code: u32) -> Status {
    Status::Exited { code }
}

#[tokio::test]
async fn inputs_env_and_args_go_in_and_a_result_folder_comes_out() {
    let lab = Lab::open("happy").await;
    let mut docs = Folder::default();
    docs.insert_file("a.txt", b"from the folder\n".to_vec());
    docs.entries.insert("link".into(), Node::Symlink("a.txt".into()));
    let script = "cat /in/link /one/file; echo $WHO $HOME $0 $1; echo oops >&2; pwd; hostname; \
                  mkdir /outputs/d && echo kept > /outputs/d/f; echo second > /more/g; ln -s d/f /outputs/l; exit 7";
    let mut spec = lab.shell(script);
    spec.args.extend(["arg0".into(), "arg one".into()]);
    spec.env = BTreeMap::from([("WHO".into(), "lilypad".into())]);
    spec.outputs.insert("more".into(), "/more".into());
    spec.working_dir = Some("/tmp".into());
    let file = Node::File(Arc::new(b"one file\n".to_vec()));
    let job = with_inputs(spec.clone(), &[("/in", Node::Folder(docs)), ("/one/file", file)]);
    let execution = lab.try_run("happy", &job).await.unwrap();
    lab.assert_clean("happy");
    assert_eq!(
        text(&execution, "stdout"),
        "from the folder\none file\nlilypad /tmp arg0 arg one\n/tmp\nlilypad\n"
    );
    assert_eq!(text(&execution, "stderr"), "oops\n");
    assert_eq!(text(&execution, "exitCode"), "7");
    assert_eq!(text(&execution, "outputs/d/f"), "kept\n");
    assert_eq!(text(&execution, "more/g"), "second\n");
    assert_eq!(execution.outputs.at("outputs/l"), Some(&Node::Symlink("d/f".into())));
    let outcome = execution.outcome;
    assert_eq!((outcome.status, outcome.profile), (exited(7), Profile::Container1));
    assert_eq!(outcome.job, job.spec.cid().unwrap());
    assert!(outcome.fuel_used > 0 && outcome.fuel_used < job.spec.units_max());
}

#[tokio::test]
async fn two_runs_differ_in_fuel_only() {
    let lab = Lab::open("twice").await;
    // In the order in which the folder lists them, which programs take for granted.
    let spec = lab.shell(
        "seq 1000; mkdir /outputs/x; seq 3 | tee /outputs/x/y; echo e >&2; for i in $(seq 40); do echo > /outputs/x/$i; \
         done; find /outputs",
    );
    let first = lab.run("twice-0", spec.clone()).await;
    let second = lab.run("twice-1", spec).await;
    assert_eq!(first.outputs, second.outputs);
    let same_fuel = lilypad_abi::Outcome { fuel_used: second.outcome.fuel_used, ..first.outcome };
    assert_eq!(same_fuel, second.outcome);
}

#[tokio::test]
async fn an_images_own_command_runs_when_the_job_has_none() {
    let lab = Lab::open("own").await;
    let spec = ContainerSpec { entrypoint: Vec::new(), args: Vec::new(), ..lab.shell("") };
    let execution = lab.run("own", spec).await;
    assert_eq!(text(&execution, "stdout"), "the image's own\n");
    assert_eq!(execution.outcome.status, exited(0));
}

#[tokio::test]
async fn words_are_kept_byte_for_byte_up_to_their_caps_and_heard_as_they_come() {
    let lab = Lab::open("words").await;
    // No newline at the end, a NUL, bytes that are no text, and a line longer than the engine's buffers.
    let script = "printf 'a\\0b\\377'; head -c 50000 /dev/zero | tr '\\0' x; printf '\\n\\nend'; \
                  head -c 3000 /dev/zero >&2";
    let mut spec = lab.shell(script);
    spec.limits.stderr_bytes_max = 1_000;
    let heard: Arc<Mutex<(Vec<u8>, Vec<u8>)>> = Arc::default();
    let hears = heard.clone();
    let listener = Arc::new(move |stream, bytes: &[u8]| {
        let mut heard = hears.lock().unwrap();
        match stream {
            Stream::Stdout => heard.0.extend_from_slice(bytes),
            Stream::Stderr => heard.1.extend_from_slice(bytes),
        }
    });
    let name = RunName::new("words").unwrap();
    let execution = lab.docker.run(&name, &job(spec), Some(listener)).await.unwrap();
    let expected = [&b"a\0b\xff"[..], &[b'x'; 50_000], b"\n\nend"].concat();
    assert!(execution.outputs.file("stdout") == Some(&expected[..]));
    assert_eq!(execution.outputs.file("stderr"), Some(&[0; 1_000][..]));
    let heard = heard.lock().unwrap();
    assert!(heard.0 == expected && heard.1 == [0; 1_000]);
}

#[tokio::test]
async fn programs_that_cant_be_started_end_as_in_a_shell() {
    let lab = Lab::open("missing").await;
    for (number, (program, code)) in
        [("no-such-program", 127), ("/no/such/program", 127), ("/not-a-program", 126), ("/data", 126)]
            .iter()
            .enumerate()
    {
        let spec = ContainerSpec { entrypoint: vec![(*program).into()], args: Vec::new(), ..lab.shell("") };
        let execution = lab.run(&format!("missing-{number}"), spec).await;
        assert_eq!(execution.outcome.status, exited(*code), "{program}");
        assert_eq!(execution.outcome.fuel_used, 0);
        assert_eq!((text(&execution, "stdout"), text(&execution, "stderr")), (String::new(), String::new()));
        assert_eq!(text(&execution, "exitCode"), code.to_string());
    }
}

#[tokio::test]
async fn a_job_whose_time_is_up_has_nothing_to_show_and_pays_for_all_of_it() {
    let lab = Lab::open("time").await;
    let mut spec = lab.shell("echo begun; echo x > /outputs/x; sleep 60");
    spec.limits.timeout_ms = 700;
    let began = Instant::now();
    let execution = lab.run("time", spec.clone()).await;
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(execution.outcome.status, Status::OutOfFuel);
    assert_eq!(execution.outcome.fuel_used, spec.units_max());
    assert_eq!(execution.outputs.at("exitCode"), None);
    assert_eq!((text(&execution, "stdout"), text(&execution, "stderr")), (String::new(), String::new()));
    assert_eq!(execution.outputs.at("outputs"), Some(&Node::Folder(Folder::default())));
}

#[tokio::test]
async fn a_program_that_closes_its_words_is_still_waited_for() {
    let lab = Lab::open("closed").await;
    let execution =
        lab.run("closed", lab.shell("echo a; exec >&- 2>&-; sleep 1; echo b > /outputs/f; exit 3")).await;
    assert_eq!(execution.outcome.status, exited(3));
    assert_eq!((text(&execution, "stdout"), text(&execution, "outputs/f")), ("a\n".into(), "b\n".into()));
}

#[tokio::test]
async fn codes_that_look_like_the_engines_are_the_programs_own() {
    let lab = Lab::open("codes").await;
    for code in [137, 255, 143] {
        let execution = lab.run(&format!("codes-{code}"), lab.shell(&format!("exit {code}"))).await;
        assert_eq!(execution.outcome.status, exited(code));
    }
}

#[tokio::test]
async fn a_container_that_somebody_kills_has_no_outcome() {
    let lab = Lab::open("killed").await;
    let (job, began) = (job(lab.shell("echo up; sleep 60")), Arc::new(tokio::sync::Notify::new()));
    let up = began.clone();
    let name = RunName::new("killed").unwrap();
    let run = lab.docker.run(&name, &job, Some(Arc::new(move |_, _: &[u8]| up.notify_one())));
    let kill = async {
        began.notified().await;
        crate::lab::docker(&["kill", "lilypad-killed-killed"], b"");
    };
    let both = async { tokio::join!(run, kill).0 };
    let run = tokio::time::timeout(Duration::from_secs(30), both).await.expect("it starts and is killed");
    assert!(matches!(run, Err(ContainerError::Fault(_))), "{run:?}");
    lab.assert_clean("killed");
}

#[tokio::test]
async fn what_the_owner_doesnt_allow_or_have_is_refused_at_once() {
    let options = Lab::options("closed-shop");
    let lab = Lab::with(lilypad_host::container::docker::DockerOptions {
        images: vec!["docker.io/library/*".parse().unwrap()],
        cpu_millis_max: Some(1_000),
        ..options
    })
    .await;
    let refused = lab.try_run("image", &job(lab.shell("true"))).await;
    assert!(matches!(refused, Err(ContainerError::NotAllowed(_))), "{refused:?}");
    let options = Lab::options("open-shop");
    let small = lilypad_host::container::docker::DockerOptions { disk_bytes_max: Some(64 << 20), ..options };
    let lab = Lab::with(small).await;
    let network = ContainerSpec { network: lilypad_abi::Network::Full, ..lab.shell("true") };
    let refused = lab.try_run("network", &job(network)).await;
    assert!(matches!(refused, Err(ContainerError::NotAllowed(_))), "{refused:?}");
    for limits in [
        ContainerLimits { cpu_millis: 1_000_000, ..ContainerLimits::default() },
        ContainerLimits { memory_bytes_max: 1 << 43, ..ContainerLimits::default() },
        ContainerLimits { disk_bytes_max: 1 << 30, ..ContainerLimits::default() },
    ] {
        let refused = lab.try_run("large", &job(ContainerSpec { limits, ..lab.shell("true") })).await;
        assert!(matches!(refused, Err(ContainerError::Capacity(_))), "{refused:?}");
    }
    let gpus = lilypad_abi::Gpus { count: 64, vendor: None, memory_mib: 1 };
    let refused = lab.try_run("gpus", &job(ContainerSpec { gpus: Some(gpus), ..lab.shell("true") })).await;
    assert!(matches!(refused, Err(ContainerError::Capacity(_))), "{refused:?}");
}

#[tokio::test]
async fn jobs_wait_for_each_other_when_there_is_room_for_one() {
    let options = Lab::options("room");
    let one = lilypad_host::container::docker::DockerOptions { memory_bytes_max: Some(200 << 20), ..options };
    let lab = Lab::with(one).await;
    let running = Arc::new(Mutex::new((0, 0)));
    let run = async |number: u32| {
        let running = running.clone();
        let listener = Arc::new(move |_, words: &[u8]| {
            let mut running = running.lock().unwrap();
            running.0 += if words == b"begin\n" { 1 } else { -1 };
            running.1 = running.0.max(running.1);
        });
        let name = RunName::new(&format!("room-{number}")).unwrap();
        lab.docker
            .run(&name, &job(lab.shell("echo begin; sleep 0.3; echo end")), Some(listener))
            .await
            .unwrap()
    };
    let (a, b, c) = tokio::join!(run(0), run(1), run(2));
    assert!([a, b, c].iter().all(|run| run.outcome.status == exited(0)));
    assert_eq!(*running.lock().unwrap(), (0, 1));
}

#[tokio::test]
async fn a_run_that_is_asked_for_twice_at_once_runs_one_after_the_other() {
    let lab = Lab::open("same-name").await;
    let job = job(lab.shell("echo x > /outputs/x; sleep 0.2; cat /outputs/x"));
    let (a, b) = tokio::join!(lab.try_run("one", &job), lab.try_run("one", &job));
    for execution in [a.unwrap(), b.unwrap()] {
        assert_eq!(text(&execution, "stdout"), "x\n");
    }
    lab.assert_clean("one");
}

#[tokio::test]
async fn an_input_that_is_not_at_hand_is_our_fault_and_leaves_nothing() {
    let lab = Lab::open("no-input").await;
    let mut spec = lab.shell("true");
    spec.inputs.insert("/in".into(), lilypad_abi::Cid::of(lilypad_abi::Codec::Raw, b"x"));
    let refused = lab.try_run("no-input", &job(spec)).await;
    assert!(matches!(refused, Err(ContainerError::Fault(_))), "{refused:?}");
    let link = with_inputs(lab.shell("true"), &[("/in", Node::Symlink("/etc".into()))]);
    let refused = lab.try_run("no-input", &link).await;
    assert!(matches!(refused, Err(ContainerError::Fault(_))), "{refused:?}");
    lab.assert_clean("no-input");
}

#[tokio::test]
async fn a_run_that_waits_for_room_has_not_started() {
    let options = Lab::options("waits");
    let one = lilypad_host::container::docker::DockerOptions { memory_bytes_max: Some(200 << 20), ..options };
    let lab = Lab::with(one).await;
    let (first, second) = (RunName::new("waits-first").unwrap(), RunName::new("waits-second").unwrap());
    let long = job(lab.shell("sleep 30"));
    let look = async {
        while !lab.docker.has_started(&first).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let waiting = lab.docker.run(&second, &long, None);
        let waited = tokio::time::timeout(Duration::from_secs(2), waiting).await;
        assert!(waited.is_err(), "there is no room for it");
        assert!(!lab.docker.has_started(&second).await.unwrap());
        for run in [&first, &second] {
            lab.docker.stop(run).await.unwrap();
            assert!(!lab.docker.has_started(run).await.unwrap(), "nothing is left of {run}");
        }
    };
    let (_, ()) = tokio::join!(lab.docker.run(&first, &long, None), look);
}

#[tokio::test]
async fn a_run_that_waits_for_room_can_be_stopped() {
    let one = lilypad_host::container::docker::DockerOptions {
        memory_bytes_max: Some(200 << 20),
        ..Lab::options("waiting")
    };
    let lab = Lab::with(one).await;
    let (long, short) = (job(lab.shell("echo up; sleep 60")), job(lab.shell("true")));
    let name = RunName::new("first").unwrap();
    let up = Arc::new(tokio::sync::Notify::new());
    let says = up.clone();
    let first = lab.docker.run(&name, &long, Some(Arc::new(move |_, _: &[u8]| says.notify_one())));
    let others = async {
        up.notified().await;
        let mut waits = Box::pin(lab.try_run("second", &short));
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut waits).await.is_err());
        let (second, name) = (RunName::new("second").unwrap(), RunName::new("first").unwrap());
        let began = Instant::now();
        let (stopped, waited) = tokio::join!(lab.docker.stop(&second), waits);
        stopped.unwrap();
        assert!(matches!(waited, Err(ContainerError::Fault(_))), "{waited:?}");
        assert!(began.elapsed() < Duration::from_secs(20));
        lab.docker.stop(&name).await.unwrap();
    };
    let (first, ()) = tokio::join!(first, others);
    assert!(matches!(first, Err(ContainerError::Fault(_))), "{first:?}");
    lab.assert_clean("first");
}
