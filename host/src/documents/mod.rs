//! From what a job document asks for to a job: its inputs brought into a store, its engine chosen, its bounds set.
//!
//! The command line and the served API do the same here; only the first may read this machine's files. What a document
//! says is checked by `lilypad-bacalhau` before; nothing here parses, runs or pays.

mod sources;

pub(crate) use self::sources::folder_of;
pub use self::sources::{SourceError, Sources};

use lilypad_abi::{
    BlobDigest, Cid, ContainerLimits, ContainerSpec, ContainerSpecError, Gpus, Image, Job, JobSpec,
    JobSpecError, Limits, Network, Profile,
};
use lilypad_bacalhau::documents::{self, Engine, Plan};
use lilypad_runtime::{Folder, Node};
use std::{collections::BTreeMap, path::Path};

/// What a document leaves open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Defaults {
    /// Bounds of a module.
    pub module: Limits,
    /// Bounds of a container.
    pub container: ContainerLimits,
}

/// A job, and what its owner should know of how it was read.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The job, whose inputs are in the store.
    pub job: Job,
    /// Each says what and what becomes of it.
    pub warnings: Vec<String>,
}

/// Why a document's job can't be made.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// An input, or the module.
    #[error("{what} can't be had: {source}")]
    Source {
        /// Which.
        what: String,
        /// Why not.
        #[source]
        source: SourceError,
    },
    /// Something that is not done here.
    #[error("{0}")]
    Unsupported(String),
    /// The job of a module is none.
    #[error(transparent)]
    Module(#[from] JobSpecError),
    /// The job of a container is none.
    #[error(transparent)]
    Container(#[from] ContainerSpecError),
}

/// Makes the job. `image` is the plan's image as jobs have it; modules have none.
///
/// # Errors
/// [`FillError`], naming the part.
pub async fn fill(
    plan: &Plan,
    image: Option<Image>,
    sources: &Sources,
    defaults: &Defaults,
) -> Result<Filled, FillError> {
    let mut warnings = Vec::new();
    let job = match &plan.engine {
        Engine::Docker { image: name, .. } => {
            let image = image.ok_or_else(|| {
                FillError::Unsupported(format!(
                    "image {name} is not pinned; give it by the digest of its registry"
                ))
            })?;
            let mut spec = container_spec(plan, image, inputs(plan, sources).await?, &defaults.container)?;
            if spec.outputs.is_empty() {
                // As Bacalhau's own commands have it.
                spec.outputs.insert("outputs".to_owned(), "/outputs".to_owned());
            }
            spec.validate()?;
            Job::Container(spec)
        }
        Engine::Wasm { entry_module, entrypoint, parameters, imports } => {
            if let Some(import) = imports.first() {
                return Err(FillError::Unsupported(format!(
                    "ImportModules: {} is linked when the job starts, which isn't done here; link the modules into one, \
                     as wasm-merge does",
                    import.target
                )));
            }
            if let Some(other) = entrypoint.as_deref().filter(|name| *name != "_start" && !name.is_empty()) {
                return Err(FillError::Unsupported(format!(
                    "Entrypoint: a module starts at _start, not at {other}; leave it out"
                )));
            }
            let module = sources.file(entry_module).await.map_err(named("the module"))?;
            let mut spec = module_job(plan, module, sources, defaults.module, &mut warnings).await?;
            spec.args.extend(parameters.iter().cloned());
            spec.validate()?;
            Job::Wasm(spec)
        }
    };
    Ok(Filled { job, warnings })
}

fn named(what: impl Into<String>) -> impl FnOnce(SourceError) -> FillError {
    let what = what.into();
    |source| FillError::Source { what, source }
}

/// The inputs of a container by the paths that it sees them at.
async fn inputs(plan: &Plan, sources: &Sources) -> Result<BTreeMap<String, Cid>, FillError> {
    let mut inputs = BTreeMap::new();
    for input in &plan.inputs {
        let fetched = sources.fetch(&input.source).await.map_err(named(format!("input {}", input.target)))?;
        // A download keeps its name, in the folder that the document gives.
        let path = match &fetched.name {
            Some(name) => format!("{}/{name}", input.target.trim_end_matches('/')),
            None => input.target.clone(),
        };
        if inputs.insert(path.clone(), fetched.cid).is_some() {
            return Err(FillError::Unsupported(format!(
                "two inputs stand at {path}; give each a place of its own"
            )));
        }
    }
    Ok(inputs)
}

/// The container that a plan asks for, with these inputs; not validated yet. Pure.
pub(crate) fn container_spec(
    plan: &Plan,
    image: Image,
    inputs: BTreeMap<String, Cid>,
    defaults: &ContainerLimits,
) -> Result<ContainerSpec, FillError> {
    let Engine::Docker { entrypoint, parameters, working_dir, .. } = &plan.engine else {
        return Err(FillError::Unsupported("a module is no container".to_owned()));
    };
    let asked = &plan.resources;
    let number = |what: &str, value: u64, most: u64| {
        if value > most {
            return Err(FillError::Unsupported(format!(
                "Resources.{what}: {value} is more than there can be"
            )));
        }
        Ok(value)
    };
    let cpu = number("CPU", asked.cpu_millis.unwrap_or(defaults.cpu_millis.into()), 1_000_000)?;
    let gpus = number("GPU", asked.gpus.unwrap_or(0), 64)?;
    let gpu_memory = number("GPU memory", asked.gpu_memory_mib.unwrap_or(0), u32::MAX.into())?;
    Ok(ContainerSpec {
        profile: Profile::Container1,
        image,
        entrypoint: entrypoint.clone(),
        args: parameters.clone(),
        env: plan.env.clone(),
        working_dir: working_dir.clone(),
        inputs,
        outputs: plan.outputs.iter().map(|output| (output.name.clone(), output.path.clone())).collect(),
        network: match plan.network {
            documents::Network::Default | documents::Network::None => Network::None,
            documents::Network::Full => Network::Full,
        },
        gpus: (gpus > 0).then(|| Gpus {
            count: u16::try_from(gpus).unwrap_or(u16::MAX),
            vendor: None,
            memory_mib: u32::try_from(gpu_memory).unwrap_or(u32::MAX),
        }),
        limits: ContainerLimits {
            timeout_ms: plan.timeout_s.map_or(defaults.timeout_ms, |seconds| seconds.saturating_mul(1_000)),
            cpu_millis: u32::try_from(cpu).unwrap_or(u32::MAX),
            memory_bytes_max: asked.memory_bytes.unwrap_or(defaults.memory_bytes_max),
            disk_bytes_max: asked.disk_bytes.unwrap_or(defaults.disk_bytes_max),
            ..*defaults
        },
    })
}

async fn module_job(
    plan: &Plan,
    module: Vec<u8>,
    sources: &Sources,
    defaults: Limits,
    warnings: &mut Vec<String>,
) -> Result<JobSpec, FillError> {
    let report = lilypad_runtime::inspect(&module);
    if let Some((_, detail)) = report.refusal {
        return Err(FillError::Unsupported(format!("the module would be refused: {detail}")));
    }
    for output in &plan.outputs {
        match output.path.as_str() {
            "/out" => {}
            "/outputs" => warnings.push(
                "ResultPaths: a module's result is what it writes to /out; what it writes to /outputs is not kept".to_owned(),
            ),
            other => {
                return Err(FillError::Unsupported(format!(
                    "ResultPaths: {} is kept of a container only; a module's result is what it writes to /out, so write \
                     there instead of to {other}",
                    output.name
                )));
            }
        }
    }
    if let Some(seconds) = plan.timeout_s {
        warnings.push(format!(
            "Timeouts: {seconds} s bound nothing here; a module is bounded by its fuel, {} unless told otherwise",
            defaults.fuel_limit
        ));
    }
    if plan.resources.gpus.is_some_and(|gpus| gpus > 0) {
        return Err(FillError::Unsupported(
            "Resources.GPU: a module has no GPU; use the docker engine".to_owned(),
        ));
    }
    if plan.network == documents::Network::Full {
        return Err(FillError::Unsupported(
            "Network: a module has no network; use the docker engine".to_owned(),
        ));
    }
    let mut inputs: BTreeMap<String, Folder> = BTreeMap::new();
    for input in &plan.inputs {
        let fetched = sources.fetch(&input.source).await.map_err(named(format!("input {}", input.target)))?;
        let node = sources.load(fetched.cid).await.map_err(named(format!("input {}", input.target)))?;
        let path = match &fetched.name {
            Some(name) => format!("{}/{name}", input.target.trim_end_matches('/')),
            None => input.target.clone(),
        };
        place(&mut inputs, &path, node)?;
    }
    let store = sources.store();
    let stored = |error: crate::store::StoreError| named("a folder")(error.into());
    let mut named_inputs: BTreeMap<String, Cid> = BTreeMap::new();
    for (path, folder) in &inputs {
        named_inputs.insert(path.clone(), store.add_folder(folder).map_err(stored)?);
    }
    let name = if plan.name.is_empty() { "module" } else { plan.name.as_str() };
    Ok(JobSpec {
        profile: Profile::Lilypad1,
        module: store.add_file(&module).map_err(stored)?,
        args: vec![name.to_owned()],
        env: plan.env.clone(),
        inputs: named_inputs,
        stdin: None,
        limits: Limits {
            memory_bytes_max: plan.resources.memory_bytes.unwrap_or(defaults.memory_bytes_max).min(4 << 30),
            ..defaults
        },
        seed: BlobDigest::default(),
        clock_epoch_ns: 0,
    })
}

/// Puts a folder where a job sees it, and a file into the folder around it: modules are given folders.
pub(crate) fn place(inputs: &mut BTreeMap<String, Folder>, path: &str, node: Node) -> Result<(), FillError> {
    let taken =
        || FillError::Unsupported(format!("two inputs stand at {path}; give each a place of its own"));
    match node {
        Node::Folder(folder) => match inputs.insert(path.to_owned(), folder) {
            Some(_) => Err(taken()),
            None => Ok(()),
        },
        node => {
            let path = Path::new(path);
            let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(taken)?;
            let parent =
                path.parent().and_then(Path::to_str).filter(|parent| !parent.is_empty()).unwrap_or("/");
            let folder = inputs.entry(parent.to_owned()).or_default();
            match folder.entries.insert(name.to_owned(), node) {
                Some(_) => Err(taken()),
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
