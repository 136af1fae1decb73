//! The stock Bacalhau CLI and this crate understand each other's jobs: what it would submit is a plan, and what a plan
//! becomes for a cluster is, after its own types have read and written it, the same plan.

use lilypad_bacalhau::documents::{self, Engine, Input, Network, Output, Plan, Resources, Source};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The CLI; a machine that can't have it fails.
fn cli() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/bacalhau");
    let run = Command::new(script).output().unwrap_or_else(|error| panic!("{script} can't be run: {error}"));
    assert!(run.status.success(), "Bacalhau can't be had: {}", String::from_utf8_lossy(&run.stderr));
    PathBuf::from(String::from_utf8_lossy(&run.stdout).trim())
}

/// A folder of one test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// What the CLI would submit.
fn submission(folder: &Path, arguments: &[&str]) -> String {
    let run = Command::new(cli())
        .args(arguments)
        .env("BACALHAU_DIR", folder.join("home"))
        .env("BACALHAU_UPDATE_SKIPCHECKS", "true")
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("the CLI can't be run: {error}"));
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    // What it says about its own home comes first, and begins no job.
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let begin = text.find("Constraints:").unwrap_or_else(|| panic!("{arguments:?} printed no job: {text}"));
    // And what it says about updates comes last.
    let end = text.find("\nVersion: ").and_then(|at| Some(at + 1 + text[at + 1..].find('\n')?));
    text[begin..end.unwrap_or(text.len())].to_owned()
}

fn plan(document: &str) -> Plan {
    documents::parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}"))
}

#[test]
fn what_the_cli_submits_is_a_plan() {
    let folder = folder("submits");
    let found = plan(&submission(
        &folder,
        &[
            "docker",
            "run",
            "--dry-run",
            "-i",
            "src=https://example.org/f,dst=/in",
            "-i",
            "ipfs://bafy:/d",
            "--env",
            "A=b",
            "--cpu",
            "0.5",
            "--memory",
            "1gb",
            "--gpu",
            "1",
            "--timeout",
            "60",
            "--network",
            "none",
            "-o",
            "out:/out",
            "-w",
            "/w",
            "busybox:1",
            "--",
            "echo",
            "hi",
        ],
    ));
    let Engine::Docker { image, entrypoint, parameters, working_dir } = &found.engine else {
        panic!("{found:?}")
    };
    assert_eq!((image.as_str(), working_dir.as_deref()), ("busybox:1", Some("/w")));
    assert!(entrypoint.is_empty());
    assert_eq!(parameters.join(" "), "echo hi");
    assert_eq!(found.env.get("A").map(String::as_str), Some("b"));
    let sources: Vec<_> =
        found.inputs.iter().map(|input| (input.target.as_str(), input.source.clone())).collect();
    let expected = [
        ("/in", Source::Url { url: "https://example.org/f".into() }),
        ("/d", Source::Ipfs { cid: "bafy".into() }),
    ];
    assert_eq!(sources, expected);
    assert_eq!(found.outputs, [Output { name: "out".into(), path: "/out".into() }]);
    assert_eq!(found.resources.cpu_millis, Some(500));
    assert_eq!((found.resources.memory_bytes, found.resources.gpus), (Some(1_000_000_000), Some(1)));
    assert_eq!((found.network, found.timeout_s), (Network::None, Some(60)));

    let module = b"\0asm\x01\0\0\0";
    fs::write(folder.join("m.wasm"), module).unwrap_or_else(|error| panic!("{error}"));
    let found = plan(&submission(&folder, &["wasm", "run", "--dry-run", "m.wasm", "a", "b"]));
    let Engine::Wasm { entry_module, entrypoint, parameters, .. } = &found.engine else {
        panic!("{found:?}")
    };
    assert_eq!(*entry_module, Source::Inline { bytes: module.to_vec(), is_tar: false });
    assert_eq!((entrypoint.as_deref(), parameters.join(" ").as_str()), (Some("_start"), "a b"));
}

#[test]
fn a_plan_survives_bacalhaus_own_types() {
    let folder = folder("survives");
    let input =
        |alias: &str, target: &str, source| Input { alias: alias.into(), target: target.into(), source };
    let docker = Plan {
        name: "a name".into(),
        replicas: 2,
        engine: Engine::Docker {
            image: "busybox:1".into(),
            entrypoint: vec!["/bin/sh".into(), "-c".into()],
            parameters: vec!["echo \"yes\" # no".into(), "017".into()],
            working_dir: Some("/w".into()),
        },
        env: [("A".to_owned(), "1.10".to_owned()), ("B".to_owned(), "yes".to_owned())].into(),
        inputs: vec![
            input("a", "/a", Source::Ipfs { cid: "bafy".into() }),
            input("", "/b", Source::Url { url: "https://example.org/f?x=1".into() }),
            input("", "/c", Source::Inline { bytes: vec![0, 255, 10], is_tar: false }),
            input("", "/d", Source::Inline { bytes: vec![31, 139], is_tar: true }),
            input("", "/e", Source::Local { path: "/data".into(), read_write: true }),
        ],
        outputs: vec![Output { name: "o".into(), path: "/o".into() }],
        resources: Resources {
            cpu_millis: Some(1_500),
            memory_bytes: Some(123_456_789),
            disk_bytes: Some(5),
            gpus: Some(1),
            ..Resources::default()
        },
        network: Network::Full,
        timeout_s: Some(77),
        publisher: Some("local".into()),
        labels: [("l".to_owned(), "v".to_owned())].into(),
        meta: [("m".to_owned(), "v".to_owned())].into(),
        warnings: Vec::new(),
    };
    let wasm = Plan {
        engine: Engine::Wasm {
            entry_module: Source::Ipfs { cid: "bafy-m".into() },
            entrypoint: Some("run".into()),
            parameters: vec!["x".into()],
            imports: vec![input("", "/lib.wasm", Source::Ipfs { cid: "bafy-l".into() })],
        },
        ..docker.clone()
    };
    for (name, plan_given) in [("docker.json", docker), ("wasm.json", wasm)] {
        let job = serde_json::to_value(documents::to_job(&plan_given));
        let mut job = job.unwrap_or_else(|error| panic!("{error}"));
        // The server's to say: the CLI sends them, and refuses them in files.
        if let Some(fields) = job.as_object_mut() {
            let of_server = ["ID", "State", "Version", "Revision", "CreateTime", "ModifyTime"];
            fields.retain(|name, _| !of_server.contains(&name.as_str()));
        }
        fs::write(folder.join(name), job.to_string()).unwrap_or_else(|error| panic!("{error}"));
        let printed = submission(&folder, &["job", "run", "--dry-run", name]);
        assert_eq!(plan(&printed), plan_given, "{printed}");
    }
}
