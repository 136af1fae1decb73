//! Images: by registry, as content, pinned, refused.

use crate::lab::{Lab, docker, import, job, peers, text};
use lilypad_abi::{Cid, Codec, ContainerSpec, Image, Status};
use lilypad_host::container::{
    ContainerError, ContainerJob,
    docker::{DockerOptions, PullPolicy},
};
use std::{collections::BTreeMap, sync::Arc};

const EXITED_0: Status = Status::Exited { code: 0 };

#[tokio::test]
async fn a_tag_is_pinned_by_the_digest_that_the_registry_gives() {
    let lab = Lab::open("pin").await;
    let tag = format!("{}/lilypad-tests/pin:1", peers().registry);
    import(&tag, &["ENV PATH=/bin"]);
    let pushed = docker(&["push", &tag], b"");
    let digest =
        pushed.split_whitespace().find(|word| word.starts_with("sha256:") && word.len() == 71).unwrap();
    let pinned = Image::Registry(format!("{}/lilypad-tests/pin@{digest}", peers().registry));
    assert_eq!(lab.docker.pin(&tag).await.unwrap(), pinned);
    // Pinned already; nobody is asked.
    let Image::Registry(name) = &pinned else { unreachable!() };
    assert_eq!(lab.docker.pin(name).await.unwrap(), pinned);
    // The name now means another image, and the pinned one still runs: pulled again, by its digest.
    import(&tag, &["ENV PATH=/bin", "ENV OTHER=1"]);
    docker(&["push", &tag], b"");
    assert_ne!(lab.docker.pin(&tag).await.unwrap(), pinned);
    docker(&["image", "rm", "--force", name], b"");
    let execution = lab.run("pin", ContainerSpec { image: pinned, ..lab.shell("echo \"$OTHER.\"") }).await;
    assert_eq!(text(&execution, "stdout"), ".\n");
}

#[tokio::test]
async fn an_image_that_is_nowhere_but_here_says_what_to_do() {
    let lab = Lab::open("local").await;
    let tag = format!("{}/lilypad-tests/never-pushed:1", peers().registry);
    import(&tag, &[]);
    let said = lab.docker.pin(&tag).await.unwrap_err().to_string();
    assert!(said.contains("push it to a registry") && said.contains("archive"), "{said}");
    let said = lab.docker.pin(&format!("{}/lilypad-tests/nothing:1", peers().registry)).await.unwrap_err();
    assert!(said.to_string().contains("check the name"), "{said}");
    for bad in ["", "Not A Name", "a@sha256:12", "../../version"] {
        assert!(matches!(lab.docker.pin(bad).await, Err(ContainerError::Image { .. })), "{bad}");
    }
}

#[tokio::test]
async fn an_image_that_is_missing_is_pulled_only_if_the_owner_lets_it() {
    let options = DockerOptions { pull: PullPolicy::Never, ..Lab::options("never") };
    let lab = Lab::with(options).await;
    let missing = Image::Registry(format!("{}/lilypad-tests/x@sha256:{}", peers().registry, "0".repeat(64)));
    let spec = ContainerSpec { image: missing, ..lab.shell("true") };
    let refused = lab.try_run("never", &job(spec.clone())).await.unwrap_err();
    assert!(refused.to_string().contains("lets none be pulled"), "{refused}");
    let lab = Lab::with(DockerOptions { pull: PullPolicy::Always, ..Lab::options("always") }).await;
    let refused = lab.try_run("always", &job(spec)).await.unwrap_err();
    assert!(matches!(refused, ContainerError::Image { .. }), "{refused}");
    assert_eq!(lab.run("always", lab.shell("true")).await.outcome.status, EXITED_0);
}

fn archive_job(lab: &Lab, bytes: Vec<u8>, script: &str) -> ContainerJob {
    let image = Image::Archive(Cid::of(Codec::Raw, &bytes));
    let spec = ContainerSpec { image, ..lab.shell(script) };
    ContainerJob { spec, image: Some(Arc::new(bytes)), inputs: BTreeMap::new() }
}

#[tokio::test]
async fn an_image_comes_as_content_and_is_loaded_once() {
    let lab = Lab::open("content").await;
    let tag = "lilypad-tests/content:1";
    import(tag, &["ENV PATH=/bin", "ENV FROM=archive"]);
    let bytes = lab.docker.save(tag).await.unwrap();
    docker(&["image", "rm", tag], b"");
    let job = archive_job(&lab, bytes, "echo $FROM");
    for run in ["content-0", "content-1"] {
        let execution = lab.try_run(run, &job).await.unwrap();
        assert_eq!(text(&execution, "stdout"), "archive\n");
    }
    // The tag is all that a later process needs, so the bytes are not even looked at.
    let mut again = job.clone();
    again.image = Some(Arc::new(b"not looked at".to_vec()));
    assert_eq!(lab.try_run("content-2", &again).await.unwrap().outcome.status, EXITED_0);
}

#[tokio::test]
async fn what_is_no_archive_of_one_image_is_refused() {
    let lab = Lab::open("no-archive").await;
    let mut two = tar::Builder::new(Vec::new());
    let manifest = br#"[{"Config":"a","Layers":[]},{"Config":"b","Layers":[]}]"#;
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    two.append_data(&mut header, "manifest.json", &manifest[..]).unwrap();
    for (bytes, said) in
        [(b"no tar".to_vec(), "no tar archive"), (two.into_inner().unwrap(), "holds 2 images")]
    {
        let refused = lab.try_run("no-archive", &archive_job(&lab, bytes, "true")).await.unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
    }
    lab.assert_clean("no-archive");
}

#[tokio::test]
async fn an_oci_layout_runs_too() {
    let lab = Lab::open("oci").await;
    let tag = "lilypad-tests/oci:1";
    import(tag, &["ENV PATH=/bin", "ENV FROM=oci"]);
    let saved = lab.docker.save(tag).await.unwrap();
    docker(&["image", "rm", tag], b"");
    let job = archive_job(&lab, to_oci(&saved), "echo $FROM");
    let execution = lab.try_run("oci", &job).await.unwrap();
    assert_eq!(text(&execution, "stdout"), "oci\n");
}

/// The same image in the other layout, as skopeo and buildah write it.
fn to_oci(saved: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(saved).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let mut out = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        out.append_data(&mut header, name, bytes).unwrap();
    };
    let mut blob = |name: &str, bytes: &[u8]| {
        add(&format!("blobs/sha256/{name}"), bytes);
        serde_json::json!({ "digest": format!("sha256:{name}"), "size": bytes.len() })
    };
    let config = blob("c0", &files[manifest[0]["Config"].as_str().unwrap()]);
    let layers: Vec<_> = manifest[0]["Layers"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, layer)| blob(&format!("1{number}"), &files[layer.as_str().unwrap()]))
        .collect();
    let manifest = serde_json::json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string();
    let manifest = blob("aa", manifest.as_bytes());
    add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    add("index.json", serde_json::json!({ "manifests": [manifest] }).to_string().as_bytes());
    out.into_inner().unwrap()
}
