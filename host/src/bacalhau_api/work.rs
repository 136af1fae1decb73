//! From a plan to something that an executor runs: inputs fetched within bounds, mounts put where modules can have them.
//!
//! Nothing of this machine's disk is read: a `local` source is the client's word about it.

use super::sources::{Sources, module_file};
use crate::{
    container::{ContainerEngine, ContainerError, ContainerJob},
    documents::{container_spec, place},
};
use lilypad_abi::{BlobDigest, Cid, ContainerLimits, Image, JobSpec, Limits, Profile};
use lilypad_bacalhau::documents::{self, Engine, Input, Plan, Source};
use lilypad_runtime::{Folder, Node, ResolvedJob, unixfs};
use std::{collections::BTreeMap, sync::Arc};

/// Where a module's outputs are; what it is told by Bacalhau's documents, too.
const MODULE_OUT: &str = "/out";

/// Something to run.
#[derive(Debug)]
pub(super) enum Work {
    /// A module, and the names that its `/out` has in the results.
    Module(Box<ResolvedJob>, Vec<String>),
    /// A container.
    Container(Box<ContainerJob>),
}

/// Why a plan can't be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    /// Its own fault.
    #[error("{0}")]
    Plan(String),
    /// What it names can't be had.
    #[error("{0}")]
    Unavailable(String),
    /// The container engine.
    #[error(transparent)]
    Container(#[from] ContainerError),
}

/// What can be said without fetching anything: the client hears it at once.
pub(super) fn check(plan: &Plan, has_containers: bool) -> Result<(), WorkError> {
    let wrong = |text: &str| Err(WorkError::Plan(text.to_owned()));
    if plan.replicas != 1 {
        return wrong("Count: this is one machine; it runs a job once");
    }
    let inputs = plan.inputs.iter().map(|input| &input.source);
    match &plan.engine {
        Engine::Docker { .. } if !has_containers => {
            return wrong(
                "Tasks[0].Engine.Type: this server runs no containers; start it with --executor docker",
            );
        }
        Engine::Docker { .. } => {
            if inputs.clone().any(is_local) {
                return wrong(LOCAL);
            }
        }
        Engine::Wasm { entry_module, entrypoint, imports, .. } => {
            if entrypoint.as_deref().is_some_and(|name| name != "_start") {
                return wrong(
                    "Tasks[0].Engine.Params.Entrypoint: modules start at _start here; leave it out",
                );
            }
            if !imports.is_empty() {
                return wrong(
                    "Tasks[0].Engine.Params.ImportModules: modules import WASI and nothing else here; link them into one",
                );
            }
            if is_local(entry_module) || inputs.clone().any(is_local) {
                return wrong(LOCAL);
            }
            if let Some(output) = plan.outputs.iter().find(|output| output.path != MODULE_OUT) {
                return Err(WorkError::Plan(format!(
                    "Tasks[0].ResultPaths: modules leave results in {MODULE_OUT} here, not in {}",
                    output.path
                )));
            }
            if plan.network == documents::Network::Full {
                return wrong("Tasks[0].Network.Type: modules have no network here; leave it out");
            }
            if plan.resources.gpus.is_some_and(|count| count > 0) {
                return wrong("Tasks[0].Resources.GPU: modules have no GPUs");
            }
        }
    }
    Ok(())
}

/// What is said of paths.
pub(super) const LOCAL: &str = "Tasks[0].InputSources: local paths are the server's, and it gives none of them; send the input inline or by address";

const fn is_local(source: &Source) -> bool {
    matches!(source, Source::Local { .. })
}

/// A plan with all that it names at hand.
pub(super) async fn prepare(
    plan: &Plan,
    sources: &Sources,
    engine: Option<&Arc<dyn ContainerEngine>>,
) -> Result<Work, WorkError> {
    let fetch = async {
        match &plan.engine {
            Engine::Wasm { entry_module, parameters, .. } => {
                module(plan, entry_module, parameters, sources).await
            }
            Engine::Docker { .. } => {
                let none = || WorkError::Plan("this server runs no containers".to_owned());
                container(plan, sources, engine.ok_or_else(none)?.as_ref()).await
            }
        }
    };
    tokio::time::timeout(sources.timeout, fetch).await.unwrap_or_else(|_| {
        let seconds = sources.timeout.as_secs();
        Err(WorkError::Unavailable(format!("its inputs were not all there after {seconds} s")))
    })
}

async fn module(
    plan: &Plan,
    entry: &Source,
    parameters: &[String],
    sources: &Sources,
) -> Result<Work, WorkError> {
    let mut left = sources.bytes_max;
    let module = module_file(sources.fetch(entry, &mut left).await?)
        .ok_or_else(|| WorkError::Plan("the entry module is not one .wasm file".to_owned()))?;
    let mut inputs = BTreeMap::<String, Folder>::new();
    for Input { target, source, .. } in &plan.inputs {
        let node = sources.fetch(source, &mut left).await?;
        place(&mut inputs, target, node).map_err(|error| WorkError::Plan(error.to_string()))?;
    }
    let limits = Limits::default();
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        // Bacalhau's engine gives modules an empty name, and so do we: a program may print it.
        args: std::iter::once(String::new()).chain(parameters.iter().cloned()).collect(),
        env: plan.env.clone(),
        inputs: inputs.iter().map(|(path, folder)| (path.clone(), unixfs::folder_cid(folder))).collect(),
        stdin: None,
        limits: Limits {
            memory_bytes_max: plan.resources.memory_bytes.unwrap_or(limits.memory_bytes_max),
            output_bytes_max: plan.resources.disk_bytes.unwrap_or(limits.output_bytes_max),
            ..limits
        },
        seed: BlobDigest([0; 32]),
        clock_epoch_ns: 0,
    };
    spec.validate().map_err(|error| WorkError::Plan(error.to_string()))?;
    let module = Arc::unwrap_or_clone(module);
    let names = plan.outputs.iter().map(|output| output.name.clone()).collect();
    Ok(Work::Module(Box::new(ResolvedJob { spec, module, inputs, stdin: Vec::new() }), names))
}

async fn container(plan: &Plan, sources: &Sources, engine: &dyn ContainerEngine) -> Result<Work, WorkError> {
    let Engine::Docker { image, .. } = &plan.engine else {
        return Err(WorkError::Plan("this plan is no container's".to_owned()));
    };
    let mut left = sources.bytes_max;
    let mut inputs = BTreeMap::new();
    for Input { target, source, .. } in &plan.inputs {
        if inputs.insert(target.clone(), sources.fetch(source, &mut left).await?).is_some() {
            return Err(WorkError::Plan(format!("two inputs stand at {target}")));
        }
    }
    // Names without a registry and tags are looked up; what is pinned is taken as it is.
    let addresses = inputs.iter().map(|(path, node)| (path.clone(), cid(node))).collect();
    let named = Image::Registry(image.clone());
    let mut spec = container_spec(plan, named, addresses, &ContainerLimits::default())
        .map_err(|error| WorkError::Plan(error.to_string()))?;
    if spec.image.validate().is_err() {
        spec.image = engine.pin(image).await?;
    }
    spec.validate().map_err(|error| WorkError::Plan(error.to_string()))?;
    Ok(Work::Container(Box::new(ContainerJob { spec, image: None, inputs })))
}

fn cid(node: &Node) -> Cid {
    match node {
        Node::File(bytes) => unixfs::file_cid(bytes),
        Node::Folder(folder) => unixfs::folder_cid(folder),
        Node::Symlink(target) => unixfs::file_cid(target.as_bytes()),
    }
}
