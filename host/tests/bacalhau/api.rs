//! What the served API refuses, how it is bounded, and what it keeps over a crash.

use crate::{
    lab::{docker, image},
    server::{Server, said},
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::{fs, time::Duration};

fn jobs(server: &Server) -> String {
    format!("{}/api/v1/orchestrator/jobs", server.url)
}

fn sleeper(name: &str, seconds: u32) -> Value {
    let script = format!("echo begun; sleep {seconds}; echo done");
    json!({ "Job": { "Name": name, "Type": "batch", "Count": 1, "Tasks": [{ "Name": "main", "Engine": {
        "Type": "docker",
        "Params": { "Image": image(), "Entrypoint": ["/bin/sh", "-c"], "Parameters": [script] },
    } }] } })
}

async fn put(server: &Server, body: &Value) -> (StatusCode, Value) {
    let answer = Client::new().put(jobs(server)).json(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn bad_documents_are_answered_with_the_fields_that_are_wrong() {
    let server = Server::start(&[]);
    let task = |engine: Value, more: Value| {
        let mut task = json!({ "Name": "main", "Engine": engine });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "Job": { "Type": "batch", "Count": 1, "Tasks": [task] } })
    };
    let wasm = json!({ "Type": "wasm", "Params": { "EntryModule": "/m.wasm" } });
    let local = json!({ "InputSources": [{ "Target": "/m.wasm",
        "Source": { "Type": "localDirectory", "Params": { "SourcePath": "/etc/passwd" } } }] });
    for (body, words) in [
        (json!({}), "no Job"),
        (json!({ "Job": { "Type": "batch" } }), "Tasks"),
        (json!({ "Job": { "Type": "weird", "Tasks": [] } }), "Type"),
        (task(json!({ "Type": "python" }), json!({})), "Engine"),
        (task(wasm.clone(), json!({})), "EntryModule"),
        (task(wasm.clone(), local), "local"),
        (task(json!({ "Type": "docker", "Params": { "Image": "busybox" } }), json!({})), "--executor docker"),
    ] {
        let (status, answer) = put(&server, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
        assert_eq!(answer["Status"], 400);
        let text = answer["Message"].as_str().unwrap();
        assert!(text.contains(words), "{body}: {text}");
    }
    // The fields are named for programs, too.
    let (_, answer) =
        put(&server, &task(json!({ "Type": "wasm", "Params": { "EntryModule": 7 } }), json!({}))).await;
    assert!(
        answer["Details"]
            .as_object()
            .is_some_and(|fields| fields.keys().all(|key| key.starts_with("Tasks[0]"))),
        "{answer}"
    );

    let client = Client::new();
    let answer = client.put(jobs(&server)).body("not json").header("content-type", "application/json");
    assert_eq!(answer.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let large = client.put(jobs(&server)).json(&json!({ "Job": "x".repeat(11 << 20) })).send().await;
    // The server may hang up before all is sent.
    assert!(large.map_or(true, |answer| answer.status() == StatusCode::PAYLOAD_TOO_LARGE));
    let client = Client::new();
    for path in ["jobs/j-nothing", "jobs/j-nothing/results", "nodes/other", "nothing"] {
        let answer = client.get(format!("{}/api/v1/orchestrator/{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["Code"], "NotFoundError");
    }
    assert_eq!(
        client.get(format!("{}?labels=a%3E1", jobs(&server))).send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn only_whoever_may_ask_is_answered() {
    let server = Server::start(&["--token", "a-long-enough-token"]);
    let client = Client::new();
    let get = |path: &str| client.get(format!("{}{path}", server.url));
    let status = |request: reqwest::RequestBuilder| async { request.send().await.unwrap().status() };
    assert_eq!(status(get("/api/v1/agent/alive")).await, StatusCode::OK);
    assert_eq!(status(get("/api/v1/orchestrator/jobs")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        status(get("/api/v1/orchestrator/jobs").bearer_auth("another-long-token")).await,
        StatusCode::UNAUTHORIZED
    );
    let good = || get("/api/v1/orchestrator/jobs").bearer_auth("a-long-enough-token");
    assert_eq!(status(good()).await, StatusCode::OK);
    // A page that makes a browser ask, by this or another name.
    assert_eq!(status(good().header("origin", "http://evil.example")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(good().header("host", "evil.example")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(good().header("host", "localhost:1")).await, StatusCode::OK);

    let without = server.command(&["job", "list"]).output().unwrap();
    assert!(!without.status.success(), "{}", said(&without));
    let with =
        server.command(&["job", "list"]).env("BACALHAU_API_KEY", "a-long-enough-token").output().unwrap();
    assert!(with.status.success(), "{}", said(&with));
    let module = server.module();
    let mut run = server.command(&["wasm", "run", module.to_str().unwrap()]);
    let ran = run.env("BACALHAU_API_KEY", "a-long-enough-token").output().unwrap();
    assert!(said(&ran).contains("Completed successfully"), "{}", said(&ran));

    let open = std::process::Command::new(env!("CARGO_BIN_EXE_lilypad-host"))
        .args(["bacalhau", "--bind", "0.0.0.0:0"])
        .env("LILYPAD_HOME", server.dir.path().join("open"))
        .output()
        .unwrap();
    assert_eq!(open.status.code(), Some(2));
    assert!(said(&open).contains("--token"), "{}", said(&open));
}

#[tokio::test]
async fn queues_and_memory_of_jobs_are_bounded() {
    let server =
        Server::start(&["--executor", "docker", "--jobs", "1", "--jobs-open-max", "3", "--jobs-max", "3"]);
    for name in ["one", "two", "three"] {
        assert_eq!(put(&server, &sleeper(name, 60)).await.0, StatusCode::OK);
    }
    let (status, answer) = put(&server, &sleeper("four", 60)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{answer}");
    let (status, answer) = put(&server, &sleeper("one", 61)).await;
    assert!(status == StatusCode::TOO_MANY_REQUESTS, "{answer}");
    let client = Client::new();
    let state = |name: &'static str| {
        let request = client.get(format!("{}/{name}", jobs(&server)));
        async move {
            request.send().await.unwrap().json::<Value>().await.unwrap()["Job"]["State"]["StateType"].clone()
        }
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((state("one").await, state("three").await), (json!("Running"), json!("Pending")));
    for name in ["one", "three"] {
        let answer = client.delete(format!("{}/{name}?reason=enough", jobs(&server))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    // A place is free, and the oldest job that has ended is forgotten.
    assert_eq!(put(&server, &sleeper("four", 60)).await.0, StatusCode::OK);
    let list: Value = client.get(jobs(&server)).send().await.unwrap().json().await.unwrap();
    let names: Vec<&str> =
        list["Items"].as_array().unwrap().iter().filter_map(|job| job["Name"].as_str()).collect();
    assert_eq!(names, ["four", "three", "two"]);
    // Pages.
    let page = |token: &str| {
        let request = client.get(format!("{}?limit=2&next_token={token}&reverse=true", jobs(&server)));
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let first = page("").await;
    assert_eq!((&first["Items"][0]["Name"], first["Items"].as_array().unwrap().len()), (&json!("two"), 2));
    let second = page(first["NextToken"].as_str().unwrap()).await;
    assert_eq!((&second["Items"][0]["Name"], &second["NextToken"]), (&json!("four"), &json!("")));
}

#[tokio::test]
async fn a_killed_server_goes_on_where_it_was() {
    let mut server = Server::start(&["--executor", "docker", "--jobs", "1"]);
    let module = server.module();
    let done = server.submit(&["wasm", "run", module.to_str().unwrap()]);
    server.ended(&done);
    assert_eq!(put(&server, &sleeper("running", 6)).await.0, StatusCode::OK);
    let waiting = server.submit(&["wasm", "run", module.to_str().unwrap(), "later"]);
    let is_running = |server: &Server| {
        let found = server.cli_json(&["job", "describe", "running"]);
        found["Executions"]["Items"][0]["ID"].as_str().map(str::to_owned)
    };
    let execution = loop {
        if let Some(id) = is_running(&server) {
            break id;
        }
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.start_again();
    // The results of the job that had ended are there, by the same address.
    let results = server.results(&done);
    assert_eq!(fs::read_to_string(results.join("stdout")).unwrap(), "hello\n");
    let found = server.ended("running");
    assert_eq!(found["Job"]["State"]["StateType"], "Completed", "{found}\n{}", server.log());
    let executions = found["Executions"]["Items"].as_array().unwrap();
    assert_eq!(
        (executions.len(), &executions[0]["ID"]),
        (1, &json!(execution)),
        "the container was gone on with"
    );
    assert_eq!(executions[0]["RunOutput"]["Stdout"], "begun\ndone\n");
    assert_eq!(server.ended(&waiting)["Job"]["State"]["StateType"], "Completed");

    // A container of a job that is no longer known is ended.
    assert_eq!(put(&server, &sleeper("left", 300)).await.0, StatusCode::OK);
    let id = server.cli_json(&["job", "describe", "left"])["Job"]["ID"].as_str().unwrap().to_owned();
    let has_container = || docker(&["ps", "--format", "{{.Names}}"], b"").contains(&id);
    while !has_container() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.kill();
    let home = server.dir.path().join("home/bacalhau");
    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
        let _ = fs::remove_file(home.join(name));
    }
    server.start_again();
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while has_container() {
        assert!(std::time::Instant::now() < until, "the container is still there\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
