//! Documents of v2 for every field, and what is said of each that can't be as it is.

use super::*;

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
            ..Resources::default()
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
