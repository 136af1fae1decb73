//! Bacalhau's own sample documents, read where Go caches them: each is a plan, or is refused for a reason named here.

use lilypad_bacalhau::documents::{self, Engine, Network, Output, Plan, Source};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

/// The folder of the samples; a machine that can't have them fails.
fn folder() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/samples");
    let run = Command::new(script).output().unwrap_or_else(|error| panic!("{script} can't be run: {error}"));
    assert!(
        run.status.success(),
        "Bacalhau's samples can't be had: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    PathBuf::from(String::from_utf8_lossy(&run.stdout).trim())
}

/// What a sample must come to.
enum Expected {
    Plan(fn(&Plan)),
    Refused(&'static [&'static str]),
}
use Expected::{Plan as IsPlan, Refused};

fn docker(plan: &Plan, name: &str, image: &str, program: &str, parameters: &[&str]) {
    let Engine::Docker { image: found, entrypoint, parameters: rest, working_dir: None } = &plan.engine
    else {
        panic!("{:?}", plan.engine);
    };
    assert_eq!((plan.name.as_str(), found.as_str()), (name, image));
    assert_eq!((entrypoint.join(" ").as_str(), rest.join(" ")), (program, parameters.join(" ")));
    assert_eq!((plan.replicas, plan.network, plan.timeout_s), (1, Network::Default, None));
    assert!(plan.inputs.is_empty() && plan.env.is_empty() && plan.warnings.is_empty());
}

fn one_output(plan: &Plan, name: &str, path: &str) {
    assert_eq!(plan.outputs, [Output { name: name.into(), path: path.into() }]);
}

/// The module of the wasm samples, as Go would take it out of the data URL: it must be WebAssembly.
fn wasm(plan: &Plan) {
    let Engine::Wasm {
        entry_module: Source::Inline { bytes, is_tar: false },
        entrypoint,
        parameters,
        imports,
    } = &plan.engine
    else {
        panic!("{:?}", plan.engine);
    };
    assert!(bytes.starts_with(b"\0asm\x01\0\0\0") && bytes.len() > 80_000, "{} bytes", bytes.len());
    assert_eq!((plan.name.as_str(), entrypoint.as_deref()), ("Wasm Job", Some("_start")));
    assert!(parameters.is_empty() && imports.is_empty() && plan.inputs.is_empty());
}

fn expected() -> BTreeMap<&'static str, Expected> {
    [
        ("docker.yaml", IsPlan(|p| docker(p, "Docker Job", "busybox:1.37.0", "/bin/sh", &["-c", "echo 15"]))),
        // Every key in lower case.
        (
            "docker-hello.yaml",
            IsPlan(|p| {
                docker(
                    p,
                    "A Simple Docker Job",
                    "busybox:1.37.0",
                    "/bin/sh",
                    &["-c", "echo Hello Bacalhau!"],
                );
            }),
        ),
        (
            "docker-output.yaml",
            IsPlan(|p| {
                let parameters = ["-c", "echo 15 > /output_custom/output.txt"];
                docker(p, "Docker Job with Output", "busybox:1.37.0", "/bin/sh", &parameters);
                one_output(p, "output_custom", "/output_custom");
                assert_eq!(p.publisher.as_deref(), Some("local"));
            }),
        ),
        (
            "docker-output.json",
            IsPlan(|p| {
                let parameters = ["-c", "echo 15 > /output_custom/output.txt"];
                docker(p, "Docker Job With Output", "ubuntu:latest", "/bin/bash", &parameters);
                one_output(p, "output_custom", "/output_custom");
            }),
        ),
        // The module named by its target without the slash, and the module in place of its target (before 1.7).
        ("wasm.yaml", IsPlan(wasm)),
        ("wasm_legacy.yaml", IsPlan(wasm)),
        // S3 needs keys that no stranger should be given.
        (
            "docker-s3.yaml",
            Refused(&["Tasks[0].InputSources[0].Source.Type: s3 is not supported; give it by IPFS"]),
        ),
        // Engines that no provider has.
        ("custom-task-type.yaml", Refused(&["Tasks[0].Engine.Type: 'flibble' is no engine here"])),
        ("nameless.yaml", Refused(&["Tasks[0].Engine.Type: noop runs nothing"])),
        ("noop.yaml", Refused(&["Tasks[0].Engine.Type: noop runs nothing"])),
        ("empty.yaml", Refused(&["the document is empty"])),
    ]
    .into()
}

#[test]
fn every_sample_is_a_plan_or_refused_for_a_named_reason() {
    let folder = folder();
    let mut expected = expected();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let name = name.to_str().unwrap();
        let document = fs::read(folder.join(name)).unwrap();
        let parsed = documents::parse(&document);
        match (expected.remove(name), parsed) {
            (Some(IsPlan(check)), Ok(plan)) => {
                check(&plan);
                // A cluster given the plan is asked for the same.
                let job = documents::to_job(&plan);
                assert_eq!(documents::from_job(&job), Ok(plan), "{name}");
            }
            (Some(Refused(reasons)), Err(error)) => {
                let found: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
                assert_eq!(found.len(), reasons.len(), "{name}: {found:?}");
                for (found, reason) in found.iter().zip(reasons) {
                    assert!(found.starts_with(reason), "{name}: {found}");
                }
            }
            (None, parsed) => panic!("{name} is new: say what it must come to. It came to {parsed:?}"),
            (Some(_), parsed) => panic!("{name}: {parsed:?}"),
        }
    }
    assert!(expected.is_empty(), "not there any more: {:?}", expected.keys());
}
