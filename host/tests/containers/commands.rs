//! The command lines that a container's author and a machine's owner use.

use crate::lab::{Lab, docker, image, peers};
use lilypad_abi::Image;
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Output},
};

fn command(program: &str, home: &str) -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch").join(home);
    let mut command = Command::new(program);
    command.env("LILYPAD_HOME", home).env("DOCKER_HOST", &peers().host).env_remove("LILYPAD_EXECUTOR");
    command
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

/// Runs `lilypad job verify-determinism` on the test image with a script.
async fn verify(home: &str, script: &str, more: &[&str]) -> Output {
    let lab = Lab::reopen(home).await;
    let Image::Registry(name) = image(&lab.docker).await else { panic!("the image is not the registry's") };
    command(env!("CARGO_BIN_EXE_lilypad"), home)
        .args(["job", "verify-determinism", &name, "--times", "2"])
        .args(more)
        .args(["--", "/bin/sh", "-c", script])
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_job_that_varies_is_found_out_and_what_varies_named() {
    let script = "cat /proc/sys/kernel/random/uuid; echo same > /outputs/same; cp /proc/uptime /outputs/time; \
                  sed 's/ .*/./' /proc/uptime > /outputs/$(cat /proc/sys/kernel/random/uuid)";
    let output = verify("vary", script, &["--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = json(&output);
    assert_eq!(said["same"], false);
    let differences = said["differences"].as_array().unwrap();
    let of = |path: &str| differences.iter().find(|difference| difference["path"] == path);
    assert!(of("outputs/same").is_none() && of("exitCode").is_none());
    assert!(of("stdout").unwrap()["first_byte"].as_u64().unwrap() < 36);
    assert_eq!(of("stdout").unwrap()["runs"][0]["file"], 37);
    assert!(of("outputs/time").is_some());
    // A file in each run under a name of its own.
    assert_eq!(differences.iter().filter(|d| d["runs"].to_string().contains("missing")).count(), 2);
}

#[tokio::test]
async fn a_job_that_is_the_same_each_time_passes() {
    let output = verify("same", "seq 9; echo x > /outputs/x; exit 3", &["--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let said = json(&output);
    assert_eq!((&said["same"], said["differences"].as_array().unwrap().len()), (&Value::Bool(true), 0));
    assert_eq!(said["runs"][1]["status"]["exited"]["code"], 3);
    let left = docker(&["ps", "--all", "--format", "{{.Names}} {{.Command}}", "--no-trunc"], b"");
    assert!(!left.contains("seq 9; echo x"), "{left}");
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_an_error_with_one_line() {
    let lilypad = command(env!("CARGO_BIN_EXE_lilypad"), "nowhere")
        .args(["job", "verify-determinism", &format!("{}/lilypad-tests/nowhere:1", peers().registry)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&lilypad.stderr);
    assert!(!lilypad.status.success() && lilypad.stdout.is_empty());
    assert!(said.contains("can't be had") && said.trim().lines().count() == 1, "{said}");
}

#[test]
fn doctor_tells_of_the_engine() {
    let doctor =
        command(env!("CARGO_BIN_EXE_lilypad-host"), "doctor").args(["doctor", "--json"]).output().unwrap();
    let said = json(&doctor);
    let check = |name: &str| {
        said["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone()
    };
    let version = docker(&["version", "--format", "{{.Server.Version}}"], b"");
    assert!(check("containers")["found"].as_str().unwrap().contains(&version), "{said}");
    assert_eq!(check("containers")["verdict"], "ok");
    assert!(check("GPUs")["found"].is_string());
}
