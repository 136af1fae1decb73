//! Documents for every field, and what is said of each that can't be as it is.

use super::*;
use serde_json::json;
use std::{collections::BTreeMap, io::Write as _};

fn plan(document: &str) -> Plan {
    parse(document.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{document}"))
}

/// The problems of a document must be these, each from its beginning.
#[track_caller]
fn refused(document: &str, expected: &[&str]) {
    let error = parse(document.as_bytes()).expect_err(document);
    let found: Vec<String> = match error.problems() {
        [] => vec![error.to_string()],
        problems => problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "found    {found}\nexpected {expected}");
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

const V2: &str = r#"
Name: everything
Type: Batch
Namespace: default
Count: 3
Priority: 5
Constraints: []
Meta: {who: me, n: 7}
Labels: {a: b}
Tasks:
  - Name: main
    Engine:
      Type: docker
      Params:
        Image: busybox:1
        Entrypoint: [/bin/sh, -c]
        Parameters: ["echo hi"]
        EnvironmentVariables: ["IN_ENGINE=1", "BOTH=engine=1"]
        WorkingDirectory: /work
    Publisher: {Type: s3, Params: {Bucket: b, Key: k}}
    Env: {IN_TASK: 1.5, BOTH: task, YES: yes, lower: x}
    Meta: {who: task, more: m}
    InputSources:
      - {Alias: a, Target: /in/ipfs, Source: {Type: IPFS, Params: {cid: bafy}}}
      - {Target: /in/url, Source: {Type: urlDownload, Params: {URL: "https://x.org/f"}}}
      - {Target: /in/text, Source: {Type: inline, Params: {URL: "data:text/plain,a%20b"}}}
      - {Target: /in/bytes, Source: {Type: inline, Params: {URL: "data:;base64,aGk="}}}
      - {Target: /in/here, Source: {Type: localDirectory, Params: {SourcePath: /data, ReadWrite: "true"}}}
      - {Target: /in/file, Source: {Type: local, Params: {SourcePath: f, ReadWrite: false, CreateAs: noCreate}}}
    ResultPaths:
      - {Name: out, Path: /out}
    Resources: {CPU: 1.5, Memory: 2GB, Disk: 1Gi, GPU: 1}
    Network: {Type: full, Domains: [], Ports: []}
    Timeouts: {ExecutionTimeout: 60, QueueTimeout: 5, TotalTimeout: 100}
"#;

#[test]
fn every_field_of_v2() {
    let found = plan(V2);
    let input =
        |alias: &str, target: &str, source| Input { alias: alias.into(), target: target.into(), source };
    let inline = |bytes: &[u8]| Source::Inline { bytes: bytes.to_vec(), is_tar: false };
    let expected = Plan {
        name: "everything".into(),
        replicas: 3,
        engine: Engine::Docker {
            image: "busybox:1".into(),
            entrypoint: texts(&["/bin/sh", "-c"]),
            parameters: texts(&["echo hi"]),
            working_dir: Some("/work".into()),
        },
        env: map(&[
            ("IN_TASK", "1.5"),
            ("IN_ENGINE", "1"),
            ("BOTH", "engine=1"),
            ("YES", "true"),
            ("lower", "x"),
        ]),
        inputs: vec![
            input("a", "/in/ipfs", Source::Ipfs { cid: "bafy".into() }),
            input("", "/in/url", Source::Url { url: "https://x.org/f".into() }),
            input("", "/in/text", inline(b"a b")),
            input("", "/in/bytes", inline(b"hi")),
            input("", "/in/here", Source::Local { path: "/data".into(), read_write: true }),
            input("", "/in/file", Source::Local { path: "f".into(), read_write: false }),
        ],
        outputs: vec![Output { name: "out".into(), path: "/out".into() }],
        resources: Resources {
            cpu_millis: Some(1500),
            memory_bytes: Some(2_000_000_000),
            disk_bytes: Some(1 << 30),
            gpus: Some(1),
            gpu_memory_mib: None,
        },
        network: Network::Full,
        timeout_s: Some(60),
        publisher: Some("s3".into()),
        labels: map(&[("a", "b")]),
        meta: map(&[("who", "me"), ("n", "7"), ("more", "m")]),
        warnings: texts(&[
            "Priority: left out; what a deal pays decides what goes first",
            "Tasks[0].Publisher: left out; results come back through the market",
            "Tasks[0].Timeouts.QueueTimeout: left out; how long an offer stands is said where it is made",
        ]),
    };
    assert_eq!(found, expected);
    // A cluster given the plan is asked for the same; what was left out is gone.
    let again = from_job(&to_job(&found)).unwrap();
    assert_eq!(again, Plan { warnings: texts(&[found.warnings[1].as_str()]), ..found });
}

#[test]
fn every_field_of_v2_that_can_not_be() {
    refused(
        r#"
Name: [a]
Type: daemon
Count: 0
Constraints: [{Key: zone, Operator: In, Values: [a]}]
Meta: {a: {}}
Labels: 1
Image: x
InputSources: []
Frob: 1
Tasks:
  - Engine:
      Type: docker
      Params: {Imag: x, Entrypoint: sh, Parameters: [1, [a]], EnvironmentVariables: [A, "BACALHAU_X=1"], WorkingDirectory: w}
    Parameters: []
    Env: {A: "env:HOME", "B=": c, BACALHAU_Y: d, E: [1]}
    InputSources:
      - {Target: /a, Alias: x, Source: {Type: s3, Params: {Bucket: b}}}
      - {Target: /a, Alias: x, Source: {Type: ipfs, Params: {CID: c}}}
      - {Target: /a, Alias: x, Source: {Type: ipfs, Params: {CID: ""}}}
      - {Target: /a, Alias: x, Source: {Type: ipfs, Params: {CID: c, URL: u}}}
      - {Source: {Type: urlDownload, Params: {URL: "ftp://x"}}}
      - {Target: /b}
      - {Target: /c, Source: {Params: {}}}
      - {Target: /d, Type: ipfs, Source: {Type: inline, Params: {URL: "data:;base64,???"}}}
      - {Target: /e, Source: {Type: local, Params: {CreateAs: dir, ReadWrite: 1}}}
      - {Target: /a, Alias: x, Source: {Type: ipfs, Params: {CID: d}}}
      - {Target: /f, Source: {Type: gopher}}
    ResultPaths:
      - {Name: o, Path: out}
      - {Name: o, Path: out}
      - {Name: p}
    Resources: {CPU: many, Memory: 1 elephant, Disk: -1, GPU: 1.5, RAM: 1}
    Network: {Type: HTTP, Domains: [x.org], Ports: [{Name: p}]}
    Timeouts: {ExecutionTimeout: -1, TotalTimeout: 1m}
"#,
        &[
            "Name: expected text, found a list",
            "Type: daemon jobs run on every node or for ever",
            "Count: 0 runs nothing",
            "Constraints: machines are not chosen by label here",
            "Meta.a: expected text, found fields",
            "Labels: expected fields, found a number",
            "Tasks[0].Env.E: expected text, found a list",
            "Tasks[0].Env.A: 'env:…' is a variable of the machine",
            "Tasks[0].Env.B=: 'B=' is no name of a variable",
            "Tasks[0].Env.BACALHAU_Y: BACALHAU_… variables are Bacalhau's own",
            "Tasks[0].InputSources[0].Source.Type: s3 is not supported; give it by IPFS address",
            "Tasks[0].InputSources[2].Source.Params.CID: missing",
            "Tasks[0].InputSources[3].Source.Params.URL: no such field",
            "Tasks[0].InputSources[3].Alias: another input has the alias 'x' too",
            "Tasks[0].InputSources[3].Target: another input is at '/a' too",
            "Tasks[0].InputSources[4].Target: missing",
            "Tasks[0].InputSources[4].Source.Params.URL: 'ftp://x' is no address to download",
            "Tasks[0].InputSources[5].Source: missing",
            "Tasks[0].InputSources[6].Source.Type: missing; write ipfs",
            "Tasks[0].InputSources[7].Source.Params.URL: this data URL is not base64",
            "Tasks[0].InputSources[7].Type: no such field; it belongs under Source, as Source.Type",
            "Tasks[0].InputSources[8].Source.Params.ReadWrite: expected true or false, found a number",
            "Tasks[0].InputSources[8].Source.Params.CreateAs: nothing is created on the machine",
            "Tasks[0].InputSources[8].Source.Params.SourcePath: missing",
            "Tasks[0].InputSources[9].Alias: another input has the alias 'x' too",
            "Tasks[0].InputSources[9].Target: another input is at '/a' too",
            "Tasks[0].InputSources[10].Source.Type: 'gopher' is no source here",
            "Tasks[0].ResultPaths[0].Path: 'out' must be absolute",
            "Tasks[0].ResultPaths[1].Path: 'out' must be absolute",
            "Tasks[0].ResultPaths[1].Name: another output is called 'o' too",
            "Tasks[0].ResultPaths[1].Path: another output is at 'out' too",
            "Tasks[0].ResultPaths[2].Path: missing",
            "Tasks[0].Engine.Params.Image: missing",
            "Tasks[0].Engine.Params.Entrypoint: expected a list, found text",
            "Tasks[0].Engine.Params.Parameters[0]: expected text, found a number; put it in quotes",
            "Tasks[0].Engine.Params.Parameters[1]: expected text, found a list",
            "Tasks[0].Engine.Params.WorkingDirectory: must be absolute",
            "Tasks[0].Engine.Params.Imag: no such field; did you mean Image?",
            "Tasks[0].Engine.Params.EnvironmentVariables[0]: 'A' has no value; write A=…",
            "Tasks[0].Engine.Params.EnvironmentVariables[1]: BACALHAU_… variables",
            "Tasks[0].Resources.CPU: 'many': expected a number of cores",
            "Tasks[0].Resources.Memory: '1 elephant': expected an amount of bytes",
            "Tasks[0].Resources.Disk: '-1': expected an amount of bytes",
            "Tasks[0].Resources.GPU: '1.5': expected a whole number of GPUs",
            "Tasks[0].Resources.RAM: no such field",
            "Tasks[0].Network.Type: networks limited to some hosts are not supported",
            "Tasks[0].Network.Domains: networks limited to some hosts are not supported",
            "Tasks[0].Network.Ports: a job can't be reached from outside here",
            "Tasks[0].Timeouts.ExecutionTimeout: expected a whole number from 0, found -1",
            "Tasks[0].Timeouts.TotalTimeout: expected a number, found text",
            "Tasks[0].Parameters: no such field; it belongs under Engine.Params, as Engine.Params.Parameters",
            "Image: no such field; it belongs under Tasks[0].Engine.Params",
            "InputSources: no such field; it belongs under Tasks[0]",
            "Frob: no such field; leave it out",
        ],
    );
}

#[test]
fn tasks_types_engines_and_doubles() {
    refused("Type: batch", &["Tasks: 0 tasks; a job has exactly one"]);
    refused("Tasks: [{Engine: {Type: noop}}]", &["Type: missing", "Tasks[0].Engine.Type: noop runs nothing"]);
    let engine = "{Engine: {Type: docker, Params: {Image: i}}}";
    refused(&format!("Type: batch\nTasks: [{engine}, {engine}]"), &["Tasks: 2 tasks"]);
    refused(&format!("Type: weekly\nTasks: [{engine}]"), &["Type: 'weekly' is no type of job"]);
    refused(&format!("Type: ops\nTasks: [{engine}]"), &["Type: ops jobs run on every node"]);
    refused(&format!("Type: batch\nCount: 5000000000\nTasks: [{engine}]"), &["Count: more than anybody"]);
    refused("Type: batch\nTasks: [7]", &["Tasks[0]: expected fields", "Tasks[0].Engine: missing"]);
    refused("Type: batch\nTasks: [{Engine: {}}]", &["Tasks[0].Engine.Type: missing; write docker or wasm"]);
    refused(
        "Type: batch\nTasks: [{Engine: {Type: python}}]",
        &["Tasks[0].Engine.Type: 'python' is no engine"],
    );
    refused(
        &format!("Type: batch\ntype: batch\nName: a\nName: b\nTasks: [{engine}]"),
        &["Name: given twice; leave one out", "Type: given twice (as Type and as type)"],
    );
    refused(
        "Type: batch\nTasks: [{Env: {A: 1, A: 2}, Engine: {Type: docker, Params: {Image: i}}}]",
        &["Tasks[0].Env.A: given twice"],
    );
    let named = plan(&format!(
        "Type: batch\nNamespace: mine\nID: x\nState: {{StateType: Running}}\nVersion: 2\nTasks: [{engine}]"
    ));
    assert_eq!(
        named.warnings,
        texts(&[
            "Namespace: left out; the market has no namespaces",
            "Version: left out; it is the server's to say",
        ])
    );
    let host =
        plan("Type: batch\nTasks: [{Engine: {Type: docker, Params: {Image: i}}, Network: {Type: Host}}]");
    assert_eq!((host.network, host.warnings.len()), (Network::Full, 1));
}

#[test]
fn webassembly_of_v2() {
    let module = |target: &str, cid: &str| {
        format!("{{Target: {target}, Source: {{Type: ipfs, Params: {{CID: {cid}}}}}}}")
    };
    let document = format!(
        "Type: batch\nTasks: [{{Engine: {{Type: wasm, Params: {{EntryModule: main.wasm, EntryPoint: run, Parameters: [a], \
         ImportModules: [/lib.wasm]}}}}, Env: {{K: V}}, InputSources: [{}, {}, {}]}}]",
        module("/main.wasm", "m"),
        module("/data", "d"),
        module("/lib.wasm", "l"),
    );
    let found = plan(&document);
    let input = |target: &str, cid: &str| Input {
        alias: String::new(),
        target: target.into(),
        source: Source::Ipfs { cid: cid.into() },
    };
    assert_eq!(found.inputs, [input("/data", "d")]);
    assert_eq!(
        found.engine,
        Engine::Wasm {
            entry_module: Source::Ipfs { cid: "m".into() },
            entrypoint: Some("run".into()),
            parameters: texts(&["a"]),
            imports: vec![input("/lib.wasm", "l")],
        }
    );
    assert_eq!(from_job(&to_job(&found)), Ok(found));
    refused(
        "Type: batch\nTasks: [{Engine: {Type: wasm, Params: {ImportModules: [x], Parameters: 1}}}]",
        &[
            "Tasks[0].Engine.Params.Parameters: expected a list",
            "Tasks[0].Engine.Params.EntryModule: missing",
            "Tasks[0].Engine.Params.ImportModules[0]: no input source has the Target 'x'",
        ],
    );
}

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
            "Spec.Verifier: left out; how a result is checked is the deal's to say (see --verification)",
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

#[test]
fn what_is_no_document() {
    refused("", &["the document is empty"]);
    refused("# nothing\n", &["the document is empty"]);
    refused("just text", &["the document is no job"]);
    refused("[1]", &["the document is no job"]);
    refused("a: 1", &["neither Tasks (a v2 job) nor Spec (a v1 job) is here"]);
    refused("a: 1\n---\nb: 2\n", &["line 2: a second document begins here"]);
    refused("a:\n  - b\n c: d\n", &["line 3: "]);
    refused("{\"Type\": \"batch\",\n \"Tasks\": [}", &["line 2: "]);
    refused("a: !secret x", &["line 1: tags (!…) mean nothing here"]);
    refused("a: .inf", &["line 1: infinity"]);
    refused("? [a]\n: b", &["line 1: a key must be plain text"]);
    refused(&format!("a: {}", "[".repeat(100)), &["line 1: "]);
    refused("a: &a [*a]", &["line 1: "]);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(1..9).fold(String::new(), |text, n| {
            let (name, from) = (char::from(b'a' + n), char::from(b'a' + n - 1));
            text + &format!("{name}: &{name} [{}]\n", vec![format!("*{from}"); 10].join(","))
        });
    let error = parse(bomb.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("too much"), "{error}");
    assert_eq!(
        parse(&[b'a', b'\n', 0xff]).unwrap_err(),
        DocumentError::Syntax { line: 2, reason: "this is not UTF-8 text".into() }
    );
    assert_eq!(
        parse(&vec![b' '; DOCUMENT_BYTES_MAX + 1]),
        Err(DocumentError::TooLarge(DOCUMENT_BYTES_MAX + 1))
    );
}

#[test]
fn yaml_is_what_bacalhaus_library_makes_of_it() {
    let document = r#"
base: &base {a: 1, b: 2}
merged: {<<: *base, b: 3}
many: {<<: [*base, {c: 4, a: 5}]}
numbers: [0x10, 0o17, 0b11, 017, 1_000, -5, +6, 1.5, 1e3, .5, 99999999999999999999, 08, 1_0.5, -0x10, +.5, 1., 1_, 1e-3]
words: [yes, No, on, y, n, null, ~, '', "1", 1.2.3, 2001-01-01, 1h, -c, 0x, 12:30, !!str 5, !!int "5", nan, inf, .5.5, +, _1, True, oN, nULL, 1e, 0b12, 0x1p4]
text: |-
  two
  lines
"#;
    let Node::Fields(entries) = tree(document.as_bytes()).unwrap() else { panic!() };
    let get = |name: &str| -> serde_json::Value {
        fn value(node: &Node) -> serde_json::Value {
            match node {
                Node::Null => serde_json::Value::Null,
                Node::Bool(value) => json!(value),
                Node::Number(number) => number.clone().into(),
                Node::Text(text) => json!(text),
                Node::List(items) => items.iter().map(value).collect(),
                Node::Fields(fields) => serde_json::Value::Object(
                    fields.iter().map(|(key, node)| (key.clone(), value(node))).collect(),
                ),
            }
        }
        value(&entries.iter().find(|(key, _)| key == name).unwrap().1)
    };
    assert_eq!(get("merged"), json!({"a": 1, "b": 3}));
    assert_eq!(get("many"), json!({"a": 1, "b": 2, "c": 4}));
    let numbers =
        json!([16, 15, 3, 15, 1000, -5, 6, 1.5, 1000.0, 0.5, 1e20, 8.0, 10.5, -16, 0.5, 1.0, 1, 0.001]);
    assert_eq!(get("numbers"), numbers);
    let words = json!([
        true,
        false,
        true,
        true,
        false,
        null,
        null,
        "",
        "1",
        "1.2.3",
        "2001-01-01",
        "1h",
        "-c",
        "0x",
        "12:30",
        "5",
        5,
        "nan",
        "inf",
        ".5.5",
        "+",
        "_1",
        true,
        "oN",
        "nULL",
        "1e",
        "0b12",
        "0x1p4"
    ]);
    assert_eq!(get("words"), words);
    assert_eq!(get("text"), json!("two\nlines"));
}

fn packed(build: impl FnOnce(&mut tar::Builder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut builder = tar::Builder::new(&mut bytes);
    build(&mut builder);
    builder.finish().unwrap();
    drop(builder);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

fn header(kind: tar::EntryType, size: u64, mode: u32, name: &str) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    // By hand, because the library would refuse the names that a stranger may send.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    header
}

#[test]
fn packed_folders_unpack_and_lead_nowhere_else() {
    let folder = packed(|tar| {
        tar.append(&header(tar::EntryType::Directory, 0, 0o755, "./"), &[][..]).unwrap();
        tar.append(&header(tar::EntryType::Directory, 0, 0o755, "d/"), &[][..]).unwrap();
        tar.append(&header(tar::EntryType::Regular, 2, 0o644, "./d/a"), &b"hi"[..]).unwrap();
        tar.append(&header(tar::EntryType::Regular, 3, 0o755, "deep/er/run"), &b"#!x"[..]).unwrap();
    });
    let file = |bytes: &[u8], is_executable| Unpacked::File { bytes: bytes.to_vec(), is_executable };
    let expected: BTreeMap<String, Unpacked> = [
        ("d", Unpacked::Folder),
        ("d/a", file(b"hi", false)),
        ("deep", Unpacked::Folder),
        ("deep/er", Unpacked::Folder),
        ("deep/er/run", file(b"#!x", true)),
    ]
    .map(|(path, value)| (path.to_owned(), value))
    .into();
    assert_eq!(unpack(&folder, 5), Ok(expected));
    assert_eq!(unpack(&folder, 4), Err("this archive unpacks to more than 4 bytes".into()));
    let url = inline::encode(&folder, true);
    assert_eq!(inline::decode(&url), Ok((folder, true)));

    for (name, kind) in [("../a", "out of it"), ("/a", "out of it"), ("a/../../b", "out of it")] {
        let bad =
            packed(|tar| tar.append(&header(tar::EntryType::Regular, 1, 0o644, name), &b"x"[..]).unwrap());
        assert!(unpack(&bad, 9).unwrap_err().contains(kind), "{name}");
    }
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Char, tar::EntryType::Fifo] {
        let bad = packed(|tar| tar.append(&header(kind, 0, 0o644, "a"), &[][..]).unwrap());
        assert!(unpack(&bad, 9).unwrap_err().contains("neither a file nor a folder"), "{kind:?}");
    }
    let both = packed(|tar| {
        tar.append(&header(tar::EntryType::Regular, 1, 0o644, "a"), &b"x"[..]).unwrap();
        tar.append(&header(tar::EntryType::Regular, 1, 0o644, "a/b"), &b"x"[..]).unwrap();
    });
    assert!(unpack(&both, 9).unwrap_err().contains("both a file and a folder"));
    assert!(unpack(b"no archive", 9).is_err());
}
