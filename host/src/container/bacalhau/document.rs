//! From a container job to Bacalhau's job document, and what a cluster can't do: pure.
//!
//! Equal jobs give equal documents, to the byte: the cluster tells by it that a job was submitted before.

use crate::container::{ContainerError, ContainerJob, RunName};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, GzBuilder};
use lilypad_abi::{ContainerSpec, Image, Network};
use lilypad_runtime::{Folder, Node};
use serde_json::{Value, json};
use std::time::Duration;

/// Most bytes of a document, inputs included.
///
/// A cluster's orchestrator hands jobs to its nodes in messages of at most 1 MiB (NATS' default). It takes a longer
/// job in all the same, and then hands out no further job at all, so nothing near that is sent.
pub(super) const DOCUMENT_BYTES_MAX: usize = 700 * 1024;

/// Most bytes of one file in an archive that Bacalhau unpacks.
const INPUT_FILE_BYTES_MAX: usize = 10_000_000;

/// Bytes of standard output and error that Bacalhau keeps.
const STREAM_BYTES_MAX: u64 = 1 << 30;

/// How long a job may wait for a node that has room for it; the caller's own limit ends it sooner.
const QUEUE_SECONDS: u64 = 7 * 24 * 3_600;

/// The job's address among what the cluster keeps of it.
pub(super) const META_JOB: &str = "lilypad.job";

/// The node that had the job's image before it was submitted, likewise; see [`super::overtime`].
pub(super) const META_PULLED: &str = "lilypad.pulled";

/// Longest time that a node takes to make and start a container whose image it has.
///
/// A node that takes longer could make a good job look out of fuel, so this is far more than any takes.
pub(super) const START_TIME_MAX: Duration = Duration::from_secs(10);

/// The document of a run; `grace` is the time beyond the job's own for pulling its image.
pub(super) fn document(
    name: &RunName,
    namespace: &str,
    job: &ContainerJob,
    grace: Duration,
) -> Result<Value, ContainerError> {
    let spec = &job.spec;
    let Image::Registry(image) = &spec.image else {
        return Err(ContainerError::NotAllowed(
            "the image comes as content, and a Bacalhau cluster pulls from registries only; push it to one"
                .to_owned(),
        ));
    };
    let capacity = |text: String| ContainerError::Capacity(text);
    if spec.limits.stdout_bytes_max > STREAM_BYTES_MAX || spec.limits.stderr_bytes_max > STREAM_BYTES_MAX {
        return Err(capacity("a Bacalhau cluster keeps at most 1 GiB of each stream".to_owned()));
    }
    if let Some(name) = spec.env.keys().find(|name| name.starts_with("BACALHAU_")) {
        return Err(ContainerError::NotAllowed(format!("variable {name} would be Bacalhau's own")));
    }
    let inputs = job
        .inputs
        .iter()
        .enumerate()
        .map(|(number, (path, node))| {
            let url = data_url(path, node)?;
            Ok(json!({
                "Alias": format!("input-{number}"),
                "Target": path,
                "Source": { "Type": "inline", "Params": { "URL": url } },
            }))
        })
        .collect::<Result<Vec<_>, ContainerError>>()?;
    // The cluster would replace `env:NAME` by a variable of its node in a task's Env, but not in its engine's.
    let env: Vec<String> = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let results: Vec<Value> =
        spec.outputs.iter().map(|(name, path)| json!({ "Name": name, "Path": path })).collect();
    let id = spec.cid().map_err(|e| ContainerError::Fault(e.to_string()))?;
    let document = json!({
        "Name": name.to_string(),
        "Namespace": namespace,
        "Type": "batch",
        "Count": 1,
        "Meta": { META_JOB: id.to_string() },
        "Tasks": [{
            "Name": "main",
            "Engine": { "Type": "docker", "Params": {
                "Image": image,
                "Entrypoint": spec.entrypoint,
                "Parameters": spec.args,
                "EnvironmentVariables": env,
                "WorkingDirectory": spec.working_dir.as_deref().unwrap_or_default(),
            } },
            "Publisher": { "Type": "local" },
            "InputSources": inputs,
            "ResultPaths": results,
            "Resources": {
                "CPU": format!("{}m", spec.limits.cpu_millis),
                "Memory": spec.limits.memory_bytes_max.to_string(),
                "Disk": spec.limits.disk_bytes_max.to_string(),
                "GPU": spec.gpus.map(|gpus| gpus.count.to_string()).unwrap_or_default(),
            },
            "Network": { "Type": match spec.network {
                Network::None => "None",
                // Not the node's own network: what a stranger's container reaches there is the owner's.
                Network::Full => "Bridge",
            } },
            "Timeouts": timeouts(spec, grace),
        }],
    });
    let bytes = document.to_string().len();
    if bytes > DOCUMENT_BYTES_MAX {
        return Err(capacity(format!(
            "the job with its inputs is a document of {bytes} bytes, and a Bacalhau cluster hands at most \
             {DOCUMENT_BYTES_MAX} to a node; let the job fetch large inputs, or run it on Docker"
        )));
    }
    Ok(document)
}

fn timeouts(spec: &ContainerSpec, grace: Duration) -> Value {
    let seconds = Duration::from_millis(spec.limits.timeout_ms).saturating_add(grace).as_secs() + 1;
    json!({
        "ExecutionTimeout": seconds,
        "QueueTimeout": QUEUE_SECONDS,
        "TotalTimeout": seconds.saturating_add(QUEUE_SECONDS),
    })
}

/// The document of a run once more, after one that was over its time on a node, which has the image since.
///
/// `on_it`: only there.
pub(super) fn again(
    document: &Value,
    spec: &ContainerSpec,
    grace: Duration,
    node: &str,
    on_it: bool,
) -> Value {
    let mut document = document.clone();
    document["Meta"][META_PULLED] = node.into();
    if on_it {
        document["Constraints"] =
            json!([{ "Key": super::nodes::LABEL_NAME, "Operator": "=", "Values": [node] }]);
    }
    document["Tasks"][0]["Timeouts"] = timeouts(spec, grace.max(START_TIME_MAX));
    document
}

/// A file or folder as Bacalhau takes it inline: a folder as tar.gz, a file as it is.
fn data_url(path: &str, node: &Node) -> Result<String, ContainerError> {
    match node {
        Node::File(bytes) => {
            check_size(path, bytes.len())?;
            Ok(format!("data:application/octet-stream;base64,{}", STANDARD.encode(bytes.as_slice())))
        }
        Node::Folder(folder) => {
            // No time and no name in the header: the document must be the same the next time.
            let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
            let mut builder = tar::Builder::new(gzip);
            add_folder(&mut builder, path, "", folder)?;
            let bytes = builder
                .into_inner()
                .and_then(flate2::write::GzEncoder::finish)
                .map_err(|error| ContainerError::Fault(format!("input {path} can't be packed: {error}")))?;
            Ok(format!("data:application/gzip;base64,{}", STANDARD.encode(bytes)))
        }
        Node::Symlink(_) => Err(unpackable(path, "a symbolic link")),
    }
}

type Packer = tar::Builder<flate2::write::GzEncoder<Vec<u8>>>;

fn add_folder(
    builder: &mut Packer,
    input: &str,
    prefix: &str,
    folder: &Folder,
) -> Result<(), ContainerError> {
    for (name, node) in &folder.entries {
        // Bacalhau refuses these wherever they stand in a path.
        if name.contains('\\') || name.ends_with("..") {
            return Err(unpackable(input, &format!("the name '{name}'")));
        }
        let path = format!("{prefix}{name}");
        let mut header = tar::Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let added = match node {
            Node::File(bytes) => {
                check_size(&format!("{input}/{path}"), bytes.len())?;
                header.set_mode(0o644);
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, &path, bytes.as_slice())
            }
            Node::Folder(_) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                builder.append_data(&mut header, format!("{path}/"), std::io::empty())
            }
            Node::Symlink(_) => return Err(unpackable(input, &format!("the symbolic link {path}"))),
        };
        added.map_err(|error| {
            ContainerError::Fault(format!("input {input}/{path} can't be packed: {error}"))
        })?;
        if let Node::Folder(folder) = node {
            add_folder(builder, input, &format!("{path}/"), folder)?;
        }
    }
    Ok(())
}

fn check_size(path: &str, bytes: usize) -> Result<(), ContainerError> {
    if bytes <= INPUT_FILE_BYTES_MAX {
        return Ok(());
    }
    Err(ContainerError::Capacity(format!(
        "input {path} has {bytes} bytes, a Bacalhau cluster takes {INPUT_FILE_BYTES_MAX} in a file"
    )))
}

fn unpackable(input: &str, what: &str) -> ContainerError {
    ContainerError::Capacity(format!(
        "input {input} has {what}, which a Bacalhau cluster doesn't unpack; run it on Docker"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_abi::{Cid, Codec, ContainerLimits, Profile};
    use std::{collections::BTreeMap, sync::Arc};

    fn job() -> ContainerJob {
        let spec = ContainerSpec {
            profile: Profile::Container1,
            image: Image::Registry(format!("localhost:5000/a@sha256:{}", "0".repeat(64))),
            entrypoint: vec!["/bin/sh".into()],
            args: vec!["-c".into(), "true".into()],
            env: BTreeMap::from([("A".into(), "env:HOME".into())]),
            working_dir: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([("out".into(), "/out".into())]),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits { timeout_ms: 1_500, ..ContainerLimits::default() },
        };
        ContainerJob { spec, image: None, inputs: BTreeMap::new() }
    }

    fn made(job: &ContainerJob) -> Result<Value, ContainerError> {
        let name = RunName::new("run").unwrap();
        document(&name, "lilypad-me", job, Duration::from_secs(60))
    }

    #[test]
    fn equal_jobs_give_equal_documents() {
        let mut folder = Folder::default();
        folder.insert_file("b", b"two".to_vec());
        folder.entries.insert("a".into(), Node::Folder(Folder::default()));
        let mut job = job();
        job.inputs.insert("/in".into(), Node::Folder(folder));
        let one = made(&job).unwrap();
        assert_eq!(one.to_string(), made(&job.clone()).unwrap().to_string());
        let task = &one["Tasks"][0];
        assert_eq!(task["Timeouts"]["ExecutionTimeout"], 62);
        // Not in the task's Env, where the node would put its own variable in its place.
        assert_eq!(task["Engine"]["Params"]["EnvironmentVariables"], json!(["A=env:HOME"]));
        assert_eq!(task["Env"], Value::Null);
        assert_eq!(task["Network"]["Type"], "None");
        // What it says is what Bacalhau's own readers read.
        let read: lilypad_bacalhau::model::Job = serde_json::from_value(one.clone()).unwrap();
        assert_eq!((read.name.as_str(), read.tasks.len()), ("run", 1));
        job.spec.env.insert("A".into(), "plain".into());
        let plan = lilypad_bacalhau::documents::parse_value(made(&job).unwrap());
        assert!(plan.is_ok(), "{plan:?}");
    }

    #[test]
    fn a_second_document_names_the_node_and_leaves_time_to_start() {
        let (job, one) = (job(), made(&job()).unwrap());
        let again = again(&one, &job.spec, Duration::ZERO, "n-1", true);
        assert_eq!(again["Meta"][META_PULLED], "n-1");
        assert_eq!(again["Meta"][META_JOB], one["Meta"][META_JOB]);
        assert_eq!(again["Tasks"][0]["Timeouts"]["ExecutionTimeout"], 12);
        let read: lilypad_bacalhau::model::Job = serde_json::from_value(again).unwrap();
        assert_eq!(read.constraints.len(), 1);
        let anywhere = super::again(&one, &job.spec, Duration::from_secs(60), "n-1", false);
        assert_eq!(anywhere["Constraints"], Value::Null);
        assert_eq!(anywhere["Tasks"], one["Tasks"]);
    }

    #[test]
    fn what_a_cluster_cannot_take_is_named() {
        let refused = |change: &dyn Fn(&mut ContainerJob)| {
            let mut job = job();
            change(&mut job);
            made(&job).unwrap_err().to_string()
        };
        let archive = Image::Archive(Cid::of(Codec::Raw, b"x"));
        assert!(refused(&|job| job.spec.image = archive.clone()).contains("registries"));
        assert!(refused(&|job| job.spec.limits.stdout_bytes_max = u64::MAX).contains("1 GiB"));
        assert!(
            refused(&|job| drop(job.spec.env.insert("BACALHAU_X".into(), "1".into()))).contains("BACALHAU_X")
        );
        let input =
            |node: Node| move |job: &mut ContainerJob| drop(job.inputs.insert("/in".into(), node.clone()));
        let file = |bytes: usize| Node::File(Arc::new(vec![0; bytes]));
        assert!(refused(&input(file(INPUT_FILE_BYTES_MAX + 1))).contains("/in"));
        assert!(refused(&input(file(DOCUMENT_BYTES_MAX))).contains("hands at most"));
        for (name, node) in [("l", Node::Symlink("x".into())), ("a\\b", file(1)), ("a..", file(1))] {
            let folder = Folder { entries: BTreeMap::from([(name.to_owned(), node)]) };
            assert!(refused(&input(Node::Folder(folder))).contains("doesn't unpack"), "{name}");
        }
    }
}
