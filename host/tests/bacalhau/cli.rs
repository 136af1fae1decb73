//! Bacalhau's unmodified CLI and Python library against our server.

use crate::{
    lab::{image, peer},
    server::{Server, said},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn modules_run_from_the_cli() {
    let server = Server::start(&[]);
    let module = server.module();
    let text = server.cli(&["wasm", "run", module.to_str().unwrap(), "one", "two"]);
    assert!(text.contains("Completed successfully"), "{text}");
    let list = server.cli_json(&["job", "list"]);
    let id = list[0]["ID"].as_str().unwrap().to_owned();
    let found = server.cli_json(&["job", "describe", &id]);
    assert_eq!(found["Job"]["State"]["StateType"], "Completed");
    let execution = &found["Executions"]["Items"][0];
    assert_eq!(execution["RunOutput"]["ExitCode"], 3);
    assert_eq!(execution["RunOutput"]["Stdout"], "hello\n");
    // By the beginning of its id, which is what lists show.
    let text = server.cli(&["job", "describe", &id[..10]]);
    assert!(text.contains("hello") && text.contains("Completed successfully"), "{text}");
    assert!(server.cli(&["job", "executions", &id]).contains("Completed"));
    assert!(server.cli(&["job", "history", &id]).contains("Job submitted"));
    assert!(server.cli(&["job", "versions", &id]).contains('1'));
    let logs = server.cli(&["job", "logs", &id]);
    assert!(logs.contains("hello\n") && logs.contains("oops\n"), "{logs}");
    let results = server.results(&id);
    assert_eq!(read(&results, "stdout"), "hello\n");
    assert_eq!(read(&results, "stderr"), "oops\n");
    assert_eq!(read(&results, "exitCode"), "3");
    assert_eq!(read(&results, "outputs/f"), "kept\n");

    assert!(server.cli(&["agent", "alive"]).contains("OK"));
    assert!(server.cli(&["agent", "version"]).contains("v1.9.3"));
    assert_eq!(server.cli_json(&["agent", "node"])["NodeID"], "lilypad");
    let nodes = server.cli_json(&["node", "list"]);
    assert_eq!(nodes[0]["Info"]["ComputeNodeInfo"]["ExecutionEngines"], json!(["wasm"]));
    assert_eq!(server.cli_json(&["node", "describe", "lilypad"])["Info"]["NodeID"], "lilypad");

    let refused = server.command(&["docker", "run", "busybox", "true"]).output().unwrap();
    assert!(said(&refused).contains("--executor docker"), "{}", said(&refused));
    let gone = server.command(&["job", "describe", "j-00000000"]).output().unwrap();
    assert!(!gone.status.success() && said(&gone).contains("not found"), "{}", said(&gone));
}

#[test]
fn containers_run_from_the_cli() {
    let server = Server::start(&["--executor", "docker"]);
    let image = image();
    // By tag, as people write it: looked up and pinned by the server.
    let (name, _) = image.split_once('@').unwrap();
    let tagged = format!("{name}:1");
    let script = "echo out; echo err >&2; echo kept > /outputs/f; exit 4";
    let text =
        server.cli(&["docker", "run", "-o", "outputs:/outputs", &tagged, "--", "/bin/sh", "-c", script]);
    assert!(text.contains("Completed successfully"), "{text}");
    let id = server.cli_json(&["job", "list"])[0]["ID"].as_str().unwrap().to_owned();
    let results = server.results(&id);
    assert_eq!((read(&results, "stdout"), read(&results, "stderr")), ("out\n".into(), "err\n".into()));
    assert_eq!((read(&results, "exitCode"), read(&results, "outputs/f")), ("4".into(), "kept\n".into()));

    // Words come while the job runs.
    let script = "echo first; sleep 3; printf 'gr\\303\\274n\\n' >&2";
    let mut follow = server
        .command(&["docker", "run", "--follow", image, "--", "/bin/sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = loop {
        let list = server.cli_json(&["job", "list"]);
        if let Some(job) = list.as_array().unwrap().iter().find(|job| job["State"]["StateType"] == "Running")
        {
            break job["ID"].as_str().unwrap().to_owned();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut live = server.command(&["job", "logs", "--follow", &id]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 6];
    std::io::Read::read_exact(live.stdout.as_mut().unwrap(), &mut first).unwrap();
    assert_eq!(&first, b"first\n");
    assert!(follow.try_wait().unwrap().is_none(), "the job still runs when its first word is heard");
    let text = said(&live.wait_with_output().unwrap());
    assert!(text.contains("gr\u{fc}n"), "{text}");
    let text = said(&follow.wait_with_output().unwrap());
    assert!(text.contains("first") && text.contains("gr\u{fc}n"), "{text}");

    // A document in a file, found by its name and label, and stopped.
    let document = json!({
        "Name": "from-a-file", "Type": "batch", "Count": 1, "Labels": { "team": "x" },
        "Tasks": [{ "Name": "main", "Engine": { "Type": "docker", "Params": {
            "Image": image, "Entrypoint": ["/bin/sleep"], "Parameters": ["100"],
        } } }],
    });
    let file = server.dir.path().join("job.json");
    fs::write(&file, document.to_string()).unwrap();
    server.submit(&["job", "run", file.to_str().unwrap()]);
    let named = server.cli_json(&["job", "list", "--labels", "team=x"]);
    assert_eq!((named.as_array().unwrap().len(), &named[0]["Name"]), (1, &json!("from-a-file")));
    server.cli(&["job", "stop", "from-a-file"]);
    assert_eq!(server.ended("from-a-file")["Job"]["State"]["StateType"], "Stopped");
    let again = server.command(&["job", "run", file.to_str().unwrap()]).output().unwrap();
    assert!(said(&again).contains("no changes detected"), "{}", said(&again));
}

#[test]
fn bacalhaus_python_library_runs_jobs() {
    let server = Server::start(&["--executor", "docker"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bacalhau/sdk.py");
    let (host, port) = server.url.trim_start_matches("http://").split_once(':').unwrap();
    let output = Command::new(peer("bacalhau-sdk", &[]))
        .arg(script)
        .args([image(), server.module().to_str().unwrap()])
        .env("BACALHAU_DIR", server.dir.path().join("client"))
        .env("BACALHAU_API_HOST", host)
        .env("BACALHAU_API_PORT", port)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{}", said(&output), server.log());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "docker": {
            "state": "Completed",
            "files": { "stdout": "given\nsdk\n", "stderr": "", "exitCode": "6", "outputs/f": "kept\n" },
            "exit_code": 6,
            "events": ["Requested execution on lilypad", "Running", "Completed successfully"],
        },
        "wasm": {
            "state": "Completed",
            "files": { "stdout": "hello\n", "stderr": "oops\n", "exitCode": "3", "outputs/f": "kept\n" },
        },
        "stop": true,
        "stopped": "Stopped",
        "listed": ["sdk-docker", "sdk-sleep", "sdk-wasm"],
    });
    assert_eq!(told, expected);
}
