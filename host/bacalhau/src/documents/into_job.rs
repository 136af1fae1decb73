//! A plan as a job of the v2 API, for a Bacalhau cluster.

use super::{Engine, Input, Network, Plan, Source, inline};
use crate::model::{
    InputSource, Job, Network as NetworkType, NetworkConfig, ResourcesConfig, ResultPath, SpecConfig, Task,
    TimeoutConfig,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The job that asks a cluster for what a plan asks for. [`super::from_job`] of it gives the plan again, except for its
/// warnings, names that inputs share, and the memory of GPUs and machines, for which Bacalhau has no field.
#[must_use]
pub fn to_job(plan: &Plan) -> Job {
    let mut inputs: Vec<InputSource> = plan.inputs.iter().map(input).collect();
    let engine = match &plan.engine {
        Engine::Docker { image, entrypoint, parameters, working_dir } => {
            let mut engine = SpecConfig::new("docker").with("Image", image.as_str());
            for (name, list) in [("Entrypoint", entrypoint), ("Parameters", parameters)] {
                if !list.is_empty() {
                    engine = engine.with(name, list.clone());
                }
            }
            if let Some(dir) = working_dir {
                engine = engine.with("WorkingDirectory", dir.as_str());
            }
            engine
        }
        Engine::Wasm { entry_module, entrypoint, parameters, imports } => {
            let taken = |target: &str| plan.inputs.iter().chain(imports).any(|input| input.target == target);
            let mut target = "/wasm/entry.wasm".to_owned();
            while taken(&target) {
                target.insert_str(0, "/wasm");
            }
            let module = Input { alias: String::new(), target: target.clone(), source: entry_module.clone() };
            inputs.push(input(&module));
            inputs.extend(imports.iter().map(input));
            let mut engine = SpecConfig::new("wasm").with("EntryModule", target);
            if let Some(entrypoint) = entrypoint {
                engine = engine.with("Entrypoint", entrypoint.as_str());
            }
            if !parameters.is_empty() {
                engine = engine.with("Parameters", parameters.clone());
            }
            if !imports.is_empty() {
                let targets: Vec<Value> =
                    imports.iter().map(|import| import.target.as_str().into()).collect();
                engine = engine.with("ImportModules", targets);
            }
            engine
        }
    };
    // Names that v1 lets inputs share must differ in v2, and decide nothing.
    let mut aliases = BTreeSet::new();
    for input in &mut inputs {
        if !input.alias.is_empty() && !aliases.insert(input.alias.clone()) {
            input.alias.clear();
        }
    }
    let task = Task {
        name: "main".to_owned(),
        engine,
        publisher: plan.publisher.as_deref().map(SpecConfig::new).unwrap_or_default(),
        env: plan.env.clone(),
        input_sources: inputs,
        result_paths: plan
            .outputs
            .iter()
            .map(|output| ResultPath { name: output.name.clone(), path: output.path.clone() })
            .collect(),
        resources: Some(resources(plan)),
        network: Some(NetworkConfig {
            r#type: match plan.network {
                Network::Default => NetworkType::Default,
                Network::None => NetworkType::None,
                Network::Full => NetworkType::Full,
            },
            ..NetworkConfig::default()
        }),
        timeouts: plan.timeout_s.map(|seconds| TimeoutConfig {
            execution_timeout: i64::try_from(seconds).unwrap_or(i64::MAX),
            ..TimeoutConfig::default()
        }),
        ..Task::default()
    };
    Job {
        name: plan.name.clone(),
        r#type: "batch".to_owned(),
        count: plan.replicas.into(),
        labels: plan.labels.clone(),
        meta: plan.meta.clone(),
        tasks: vec![task],
        ..Job::default()
    }
}

fn resources(plan: &Plan) -> ResourcesConfig {
    let text = |amount: Option<u64>, unit: &str| amount.map(|n| format!("{n}{unit}")).unwrap_or_default();
    ResourcesConfig {
        cpu: text(plan.resources.cpu_millis, "m"),
        memory: text(plan.resources.memory_bytes, "b"),
        disk: text(plan.resources.disk_bytes, "b"),
        gpu: text(plan.resources.gpus, ""),
    }
}

fn input(input: &Input) -> InputSource {
    let source = match &input.source {
        Source::Ipfs { cid } => SpecConfig::new("ipfs").with("CID", cid.as_str()),
        Source::Url { url } => SpecConfig::new("urlDownload").with("URL", url.as_str()),
        Source::Inline { bytes, is_tar } => {
            SpecConfig::new("inline").with("URL", inline::encode(bytes, *is_tar))
        }
        Source::Local { path, read_write } => {
            SpecConfig::new("local").with("SourcePath", path.as_str()).with("ReadWrite", *read_write)
        }
    };
    InputSource { source, alias: input.alias.clone(), target: input.target.clone() }
}
