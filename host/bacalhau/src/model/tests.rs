//! The values against bodies as Bacalhau's server and clients write them.

use super::*;
use serde_json::{Value, json};

/// What Go writes for a job that nobody normalised, with a field of some later version.
#[test]
fn reads_nulls_unknown_fields_and_states_in_any_case() {
    let job: Job = serde_json::from_value(json!({
        "ID": "j-1", "Name": "n", "Type": "batch", "Count": 3, "Constraints": null, "Meta": null, "Labels": null,
        "SomethingNew": {"a": 1}, "State": {"StateType": "rUnning", "Details": null},
        "Tasks": [{"Name": "main", "Engine": {"Type": "Docker", "Params": null}, "Publisher": null, "Env": null,
                   "InputSources": null, "ResultPaths": null, "Network": {"Type": "http", "Domains": null}}],
    }))
    .unwrap();
    assert_eq!((job.id.as_str(), job.count, job.state.state_type), ("j-1", 3, JobStateType::Running));
    let task = &job.tasks[0];
    assert!(task.engine.is("docker") && task.input_sources.is_empty() && task.resources.is_none());
    assert_eq!(task.network.as_ref().map(|n| n.r#type), Some(Network::Http));
    assert_eq!(serde_json::from_value::<Job>(json!({"Type": "batch"})).unwrap().count, 1);
    assert_eq!(serde_json::from_value::<JobStateType>(json!("Dancing")).unwrap(), JobStateType::Undefined);
}

#[test]
fn writes_the_names_that_go_reads() {
    let task = Task {
        name: "main".into(),
        engine: SpecConfig::new("docker").with("Image", "busybox").with("Entrypoint", vec!["/bin/true"]),
        publisher: SpecConfig::new("local"),
        env: [("K".to_owned(), "V".to_owned())].into(),
        input_sources: vec![InputSource {
            source: SpecConfig::new("ipfs").with("CID", "bafy"),
            alias: "a".into(),
            target: "/in".into(),
        }],
        result_paths: vec![ResultPath { name: "out".into(), path: "/out".into() }],
        resources: Some(ResourcesConfig { cpu: "500m".into(), gpu: "1".into(), ..Default::default() }),
        network: Some(NetworkConfig::default()),
        timeouts: Some(TimeoutConfig { execution_timeout: 5, ..Default::default() }),
        ..Default::default()
    };
    let job = Job { name: "n".into(), r#type: "batch".into(), tasks: vec![task], ..Default::default() };
    let request = serde_json::to_value(PutJobRequest { job: job.clone(), force: false }).unwrap();
    let expected = json!({"Job": {
        "ID": "", "Name": "n", "Namespace": "", "Type": "batch", "Priority": 0, "Count": 1, "Constraints": [],
        "Meta": {}, "Labels": {}, "State": {"StateType": "Undefined"}, "Version": 0, "Revision": 0,
        "CreateTime": 0, "ModifyTime": 0,
        "Tasks": [{
            "Name": "main", "Engine": {"Type": "docker", "Params": {"Image": "busybox", "Entrypoint": ["/bin/true"]}},
            "Publisher": {"Type": "local"}, "Env": {"K": "V"},
            "InputSources": [{"Source": {"Type": "ipfs", "Params": {"CID": "bafy"}}, "Alias": "a", "Target": "/in"}],
            "ResultPaths": [{"Name": "out", "Path": "/out"}], "Resources": {"CPU": "500m", "GPU": "1"},
            "Network": {"Type": "Default"}, "Timeouts": {"ExecutionTimeout": 5},
        }],
    }});
    assert_eq!(request, expected);
    assert_eq!(serde_json::from_value::<PutJobRequest>(request).unwrap().job, job);
}

#[test]
fn writes_executions_logs_nodes_and_errors_as_go_does() {
    let execution = Execution {
        id: "e-1".into(),
        job_id: "j-1".into(),
        compute_state: State::new(ExecutionStateType::Completed, ""),
        run_output: Some(RunCommandResult { stdout: "hi".into(), stderr: "ho".into(), ..Default::default() }),
        ..Default::default()
    };
    let value = serde_json::to_value(&execution).unwrap();
    assert_eq!(value["ComputeState"], json!({"StateType": 9}));
    assert_eq!(value["RunOutput"]["stderr"], "ho");
    assert_eq!(value["RunOutput"]["Stdout"], "hi");
    assert_eq!(value["AllocatedResources"], Value::Null);
    assert_eq!(serde_json::from_value::<Execution>(value).unwrap(), execution);

    let frame = LogFrame {
        value: ExecutionLog { r#type: ExecutionLog::STDERR, line: "x\n".into() },
        ..Default::default()
    };
    assert_eq!(serde_json::to_string(&frame).unwrap(), r#"{"value":{"Type":2,"Line":"x\n"}}"#);
    let failed: LogFrame = serde_json::from_str(r#"{"error":"gone","value":{"Type":0,"Line":""}}"#).unwrap();
    assert_eq!(failed.error, "gone");

    let gpus = vec![Gpu { vendor: "NVIDIA".into(), memory: 81_559, ..Default::default() }];
    let resources = Resources { cpu: 1.5, memory: 1 << 33, gpu: 1, gpus, ..Default::default() };
    let info = ComputeNodeInfo { max_capacity: resources, ..Default::default() };
    let info = NodeInfo {
        node_id: "n-1".into(),
        node_type: NodeType::Compute,
        compute_node_info: info,
        ..Default::default()
    };
    let node = NodeState {
        info,
        membership: "APPROVED".into(),
        connection: "CONNECTED".into(),
        ..Default::default()
    };
    assert!(node.is_usable());
    let value = serde_json::to_value(&node).unwrap();
    assert_eq!(value["Info"]["ComputeNodeInfo"]["MaxCapacity"]["GPUs"][0]["PCIAddress"], "");
    assert_eq!(value["Info"]["ComputeNodeInfo"]["QueueCapacity"], json!({}));
    assert_eq!(value["ConnectionState"]["LastHeartbeat"], "0001-01-01T00:00:00Z");
    assert_eq!(serde_json::from_value::<NodeState>(value).unwrap(), node);

    let error = ApiError {
        status: 404,
        message: "no such job".into(),
        code: "NotFoundError".into(),
        ..Default::default()
    };
    let value = serde_json::to_value(&error).unwrap();
    assert_eq!((&value["Status"], &value["RequestID"]), (&json!(404), &json!("")));
}

#[test]
fn moments_are_rfc_3339() {
    let text = |seconds: u64, nanos: u64| Timestamp::from_unix_nanos(seconds * 1_000_000_000 + nanos).0;
    assert_eq!(text(0, 0), "1970-01-01T00:00:00Z");
    assert_eq!(text(951_782_400, 0), "2000-02-29T00:00:00Z");
    assert_eq!(text(1_709_251_199, 120_000_000), "2024-02-29T23:59:59.12Z");
    assert_eq!(text(1_735_689_599, 1), "2024-12-31T23:59:59.000000001Z");
    assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00Z");
}
