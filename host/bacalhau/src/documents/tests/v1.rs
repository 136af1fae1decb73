//! Documents of v1 for every field, the shapes of Bacalhau's samples of that time, and what can't be.

use super::*;

const V1: &str = r#"{
  "APIVersion": "v1beta1", "Metadata": {"ID": "x", "Requester": {}}, "ClientID": "c",
  "Spec": {
    "Engine": "docker", "Verifier": "Deterministic", "Publisher": "Estuary", "DoNotTrack": true,
    "Docker": {"Image": "ubuntu", "Entrypoint": ["/bin/cat"], "EnvironmentVariables": ["A=b"], "WorkingDirectory": "/w"},
    "Language": {"JobContext": {}}, "Wasm": {"EntryModule": {}, "Parameters": []},
    "Resources": {"CPU": "500m", "Memory": "1Gb", "Disk": "", "GPU": "2"},
    "Network": {"Type": "Full"}, "Timeout": 1.5,
    "Inputs": [{"StorageSource": "ipfs", "Name": "n", "CID": "Qm", "path": "/in", "Metadata": {"a": "b"}},
               {"StorageSource": "URLDownload", "URL": "http://x/y", "Path": "/url"}],
    "Contexts": [{"StorageSource": "LocalDirectory", "SourcePath": "/src", "ReadWrite": true, "path": "/code"}],
    "outputs": [{"StorageSource": "IPFS", "Name": "o", "path": "/o"}],
    "Annotations": ["one", "two"], "NodeSelectors": [], "Sharding": {"BatchSize": 1, "GlobPatternBasePath": "/inputs"},
    "Deal": {"Concurrency": 2, "Confidence": 1, "MinBids": 0, "TargetingMode": false}
  }
}"#;

#[test]
fn every_field_of_v1() {
    let found = plan(V1);
    let input =
        |alias: &str, target: &str, source| Input { alias: alias.into(), target: target.into(), source };
    let expected = Plan {
        name: String::new(),
        replicas: 2,
        engine: Engine::Docker {
            image: "ubuntu".into(),
            entrypoint: texts(&["/bin/cat"]),
            parameters: vec![],
            working_dir: Some("/w".into()),
        },
        env: map(&[("A", "b")]),
        inputs: vec![
            input("n", "/in", Source::Ipfs { cid: "Qm".into() }),
            input("", "/url", Source::Url { url: "http://x/y".into() }),
            input("", "/code", Source::Local { path: "/src".into(), read_write: true }),
        ],
        outputs: vec![Output { name: "o".into(), path: "/o".into() }],
        resources: Resources {
            cpu_millis: Some(500),
            memory_bytes: Some(1 << 30),
            gpus: Some(2),
            ..Resources::default()
        },
        network: Network::Full,
        timeout_s: Some(2),
        publisher: Some("Estuary".into()),
        labels: map(&[("one", ""), ("two", "")]),
        meta: map(&[]),
        warnings: texts(&[
            "Spec.Publisher: left out; results come back through the market",
            "Spec.Verifier: left out; how a result is checked is the deal's to say (see --verify)",
            "Spec.Deal.Confidence: left out; how a result is checked is the deal's to say",
        ]),
    };
    assert_eq!(found, expected);
}

/// Of the shapes of Bacalhau's own samples of 1.0 to 1.3.
#[test]
fn the_shapes_of_v1_samples() {
    let spec = plan(
        r#"{"APIVersion": "V1beta2", "Spec": {"Engine": "docker", "Verifier": "noop", "Publisher": "noop",
            "EngineSpec": {"Type": "docker", "Params": {"Image": "ubuntu:latest", "Entrypoint": ["sleep", "1000"]}},
            "Resources": {"CPU": "", "GPU": "", "Memory": "1gb", "Disk": ""}, "Inputs": [], "Outputs": [], "Annotations": []}}"#,
    );
    assert_eq!((spec.network, spec.resources.memory_bytes), (Network::None, Some(1_000_000_000)));
    assert!(spec.warnings.is_empty());
    // Both spellings of the entry point, and the module inline.
    for key in ["EntryPoint", "Entrypoint"] {
        let wasm = plan(&format!(
            "APIVersion: v1beta2\nSpec:\n  EngineSpec:\n    Type: wasm\n    Params:\n      {key}: _start\n      EntryModule: \
             {{StorageSource: Inline, URL: 'data:application/wasm;base64,AGFzbQ=='}}\n      EnvironmentVariables: {{A: b}}\n      \
             ImportModules: [{{StorageSource: IPFS, CID: c}}]\n"
        ));
        let Engine::Wasm { entry_module, entrypoint, imports, .. } = wasm.engine else { panic!() };
        assert_eq!(entry_module, Source::Inline { bytes: b"\0asm".to_vec(), is_tar: false });
        assert_eq!(
            (entrypoint.as_deref(), imports[0].target.as_str()),
            (Some("_start"), "/wasm/imports/module_0.wasm")
        );
        assert_eq!(wasm.env, map(&[("A", "b")]));
    }
    // Noop, S3, a forgotten version, and fields beside Spec that belong into it, which Bacalhau ignores in silence.
    refused(
        r#"{"APIVersion": "v1beta1", "Spec": {"Engine": "noop", "Publisher": "noop", "Resources": {"CPU": ""}}}"#,
        &["Spec.Engine: noop runs nothing"],
    );
    refused(
        "APIVersion: v1beta1\nSpec:\n  Engine: Docker\n  PublisherSpec: {Type: S3, Params: {Bucket: b, Key: 'job-{jobID}'}}\n  \
         Docker: {Image: i}\n  Inputs:\n    - {StorageSource: S3, S3: {Bucket: b, Key: k/, Region: r}, Path: /in}\n",
        &["Spec.Inputs[0].StorageSource: S3 is not supported; give it by IPFS address"],
    );
    refused(
        "Spec:\n  Engine: Docker\n  Docker: {Image: i}\n  Sharding: {GlobPattern: '/in/*'}\n",
        &[
            "APIVersion: missing; write APIVersion: V1beta1",
            "Spec.Sharding.GlobPattern: a job is not split up here",
        ],
    );
    refused(
        "APIVersion: v1beta1\nSpec:\n  Publisher: local\n  EngineSpec: {Type: docker, Params: {Image: i}}\nResources: {CPU: ''}\n\
         Outputs: []\nAnnotations: []\n",
        &[
            "Resources: no such field; it belongs under Spec, as Spec.Resources",
            "Outputs: no such field; it belongs under Spec",
            "Annotations: no such field; it belongs under Spec",
        ],
    );
    refused(
        "apiVersion: v1alpha1\nengine_name: docker\njob_spec_docker:\n  image: ubuntu\ninputs: []\n",
        &["this is a document of Bacalhau before 0.3"],
    );
    let old = plan(
        "APIVersion: V1alpha1\nDeal: {Concurrency: 4}\nSpec: {Docker: {Image: i}, Network: {Type: None}}",
    );
    assert_eq!(old.replicas, 4);
}

#[test]
fn every_field_of_v1_that_can_not_be() {
    refused(
        r#"{"APIVersion": "v3", "Jobs": 1, "Spec": {
            "Engine": "docker", "EngineSpec": {"Type": "wasm", "Params": {"EntryModule": {"StorageSource": "Inline"}}},
            "Docker": {"Image": "i"}, "Language": {"Language": "python"}, "Timeout": -1,
            "Inputs": [{"StorageSource": "RepoClone", "Repo": "r", "path": "/a"}, {"path": "/a"}, {"StorageSource": "IPFS", "CID": "c"},
                       {"StorageSource": "IPFS", "CID": "c", "URL": "u", "path": "/b"},
                       {"StorageSource": "IPFS", "CID": "c", "path": "/b"}],
            "Outputs": [{"Name": "o"}], "NodeSelectors": [{"Key": "k"}], "Network": {"Type": "HTTP", "Domains": ["d"]},
            "Deal": {"TargetingMode": "all", "Concurrency": 1e10}, "Resources": {"Memory": "x"}, "Image": "i"}}"#,
        &[
            "APIVersion: 'v3' is no version",
            "Spec.Inputs[0].StorageSource: RepoClone is not supported; give the repository's archive",
            "Spec.Inputs[1].StorageSource: missing",
            "Spec.Inputs[2].Path: missing",
            "Spec.Inputs[3].URL: another kind of source has this",
            "Spec.Inputs: two inputs are at '/b'",
            "Spec.Outputs[0].Path: missing",
            "Spec.Language: language is not supported; use a docker image",
            "Spec.Engine: 'docker' here and 'wasm' in EngineSpec",
            "Spec.Docker: EngineSpec says what runs",
            "Spec.EngineSpec.Params.EntryModule.URL: missing",
            "Spec.Resources.Memory: 'x': expected an amount",
            "Spec.Network.Type: networks limited",
            "Spec.Network.Domains: networks limited",
            "Spec.Timeout: expected seconds, found -1",
            "Spec.NodeSelectors: machines are not chosen by label",
            "Spec.Deal.TargetingMode: a job can't run on every machine",
            "Spec.Deal.Concurrency: more than anybody",
            "Spec.Image: no such field; it belongs under Docker, as Docker.Image",
            "Jobs: no such field",
        ],
    );
    refused("APIVersion: v1beta1", &["Spec: missing"]);
    refused("APIVersion: v1beta1\nSpec: {Engine: Language}", &["Spec.Engine: language is not supported"]);
    refused("APIVersion: v1beta1\nSpec: {Engine: PythonWasm}", &["Spec.Engine: pythonwasm is not supported"]);
    refused("APIVersion: v1beta1\nSpec: {}", &["Spec.Engine: missing; write docker or wasm"]);
    refused(
        "APIVersion: v1beta1\nSpec: {Engine: Wasm, Docker: {Image: i}, Wasm: {EntryModule: {StorageSource: IPFS, CID: c}}}",
        &["Spec.Docker: another engine is to run"],
    );
}
