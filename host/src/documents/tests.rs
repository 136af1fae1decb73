//! Documents to jobs, with real stores and no network.

use super::*;
use crate::store::{FetchOptions, Fetcher, Store};
use lilypad_bacalhau::documents::parse;

const IMAGE: &str =
    "localhost:5000/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn sources(dir: &tempfile::TempDir, local_files: bool) -> Sources {
    let local = if local_files { vec![std::env::temp_dir()] } else { Vec::new() };
    let store = Store::open(dir.path()).unwrap();
    Sources::new(Fetcher::new(store, Vec::<String>::new(), FetchOptions::default()).unwrap(), local)
}

async fn filled(document: &str, local_files: bool) -> Result<(Filled, tempfile::TempDir), FillError> {
    let dir = tempfile::tempdir().unwrap();
    let plan = parse(document.as_bytes()).unwrap();
    let image = matches!(plan.engine, Engine::Docker { .. }).then(|| Image::Registry(IMAGE.to_owned()));
    let filled = fill(&plan, image, &sources(&dir, local_files), &Defaults::default()).await?;
    Ok((filled, dir))
}

fn docker(more: &str) -> String {
    format!(
        "Name: x\nType: batch\nCount: 1\nTasks:\n- Name: main\n  Engine:\n    Type: docker\n    Params:\n      Image: \
         busybox\n      Parameters: [/bin/true]\n{more}"
    )
}

fn wasm(wat: &str, more: &str) -> String {
    let module = wat::parse_str(wat).unwrap();
    let hex: String = module.iter().map(|byte| format!("%{byte:02x}")).collect();
    format!(
        "Name: x\nType: batch\nCount: 1\nTasks:\n- Name: main\n  Engine:\n    Type: wasm\n    Params:\n      EntryModule: \
         /main.wasm\n      Parameters: [a, b]\n  InputSources:\n  - Source:\n      Type: inline\n      Params:\n        \
         URL: \"data:,{hex}\"\n    Target: /main.wasm\n{more}"
    )
}

const EMPTY: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";

#[tokio::test]
async fn a_docker_document_becomes_a_container_with_its_bounds() {
    let more = "  Resources: {CPU: 500m, Memory: 64mb, GPU: \"1\"}\n  Timeouts: {ExecutionTimeout: 7}\n  InputSources:\n  \
                - Source: {Type: inline, Params: {URL: \"data:,hi\"}}\n    Target: /inputs/a.txt\n  ResultPaths: [{Name: \
                r, Path: /results}]\n";
    let (filled, _dir) = filled(&docker(more), false).await.unwrap();
    let Job::Container(spec) = filled.job else { panic!("{:?}", filled.job) };
    assert_eq!(spec.args, ["/bin/true"]);
    assert_eq!((spec.limits.cpu_millis, spec.limits.timeout_ms), (500, 7_000));
    assert_eq!(spec.gpus.unwrap().count, 1);
    assert_eq!(spec.inputs.keys().collect::<Vec<_>>(), ["/inputs/a.txt"]);
    assert_eq!(spec.outputs, BTreeMap::from([("r".to_owned(), "/results".to_owned())]));
}

#[tokio::test]
async fn a_wasm_document_becomes_a_job_of_the_deterministic_runtime() {
    let more = "  - Source: {Type: inline, Params: {URL: \"data:,hi\"}}\n    Target: /data/a.txt\n";
    let (filled, dir) = filled(&wasm(EMPTY, more), false).await.unwrap();
    let Job::Wasm(spec) = filled.job else { panic!("{:?}", filled.job) };
    assert_eq!(spec.args, ["x", "a", "b"]);
    assert!(spec.inputs.contains_key("/data"), "a file stands in the folder around it: {:?}", spec.inputs);
    let folder = sources(&dir, false).load(spec.inputs["/data"]).await.unwrap();
    assert!(matches!(folder, Node::Folder(folder) if folder.file("a.txt") == Some(b"hi")));
}

#[tokio::test]
async fn what_a_module_cant_have_is_said() {
    for (wat, more, words) in [
        ("(module)", "", "would be refused"),
        (EMPTY, "  ResultPaths: [{Name: r, Path: /results}]\n", "/out"),
        (EMPTY, "  Resources: {GPU: \"1\"}\n", "docker engine"),
    ] {
        let error = filled(&wasm(wat, more), false).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn only_the_owners_commands_read_its_files() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let more = format!(
        "  InputSources:\n  - Source: {{Type: localDirectory, Params: {{SourcePath: {}}}}}\n    Target: /inputs/a\n",
        file.path().display()
    );
    let error = filled(&docker(&more), false).await.unwrap_err().to_string();
    assert!(error.contains("--allow-local"), "{error}");
    let (filled, _dir) = filled(&docker(&more), true).await.unwrap();
    assert!(matches!(filled.job, Job::Container(spec) if spec.inputs.contains_key("/inputs/a")));
}
