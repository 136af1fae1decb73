//! From a plan to something that an executor runs: inputs fetched within bounds, mounts put where modules can have them.
//!
//! Nothing of this machine's disk is read: a `local` source is the client's word about it.

use crate::{
    container::{ContainerEngine, ContainerError, ContainerJob},
    store::{FetchError, Fetcher, Store, TreeLimits},
};
use futures::StreamExt as _;
use lilypad_abi::{
    BlobDigest, Cid, ContainerLimits, ContainerSpec, Gpus, Image, JobSpec, Limits, Network, Profile,
};
use lilypad_bacalhau::documents::{self, Engine, Input, Plan, Source, Unpacked, unpack};
use lilypad_runtime::{Folder, Node, ResolvedJob, unixfs};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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

/// The means to get a plan's inputs.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) store: Store,
    pub(super) gateways: Vec<String>,
    pub(super) http: reqwest::Client,
    pub(super) bytes_max: u64,
    pub(super) timeout: Duration,
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

const LOCAL: &str = "Tasks[0].InputSources: local paths are the server's, and it gives none of them; send the input inline or by address";

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
        match sources.fetch(source, &mut left).await? {
            Node::Folder(folder) => {
                if inputs.insert(target.clone(), folder).is_some() {
                    return Err(WorkError::Plan(format!("two inputs stand at {target}")));
                }
            }
            // Modules see folders: a file stands in its own.
            Node::File(bytes) => {
                let (parent, name) = target.rsplit_once('/').unwrap_or(("", target));
                let parent = if parent.is_empty() { "/" } else { parent };
                let folder = inputs.entry(parent.to_owned()).or_default();
                if folder.entries.insert(name.to_owned(), Node::File(bytes)).is_some() {
                    return Err(WorkError::Plan(format!("two inputs stand at {target}")));
                }
            }
            Node::Symlink(_) => return Err(WorkError::Plan(format!("the input at {target} is a link"))),
        }
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
    let Engine::Docker { image, entrypoint, parameters, working_dir } = &plan.engine else {
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
    let mut spec = ContainerSpec {
        profile: Profile::Container1,
        image: Image::Registry(image.clone()),
        entrypoint: entrypoint.clone(),
        args: parameters.clone(),
        env: plan.env.clone(),
        working_dir: working_dir.clone(),
        inputs: inputs.iter().map(|(path, node)| (path.clone(), cid(node))).collect(),
        outputs: plan.outputs.iter().map(|output| (output.name.clone(), output.path.clone())).collect(),
        network: match plan.network {
            documents::Network::Full => Network::Full,
            documents::Network::Default | documents::Network::None => Network::None,
        },
        gpus: match plan.resources.gpus {
            None | Some(0) => None,
            Some(count) => {
                let count = u16::try_from(count)
                    .map_err(|_| WorkError::Plan(format!("Tasks[0].Resources.GPU: {count} is too many")))?;
                Some(Gpus { count, vendor: None, memory_mib: 0 })
            }
        },
        limits: container_limits(plan)?,
    };
    if spec.validate().is_err() {
        spec.image = engine.pin(image).await?;
    }
    spec.validate().map_err(|error| WorkError::Plan(error.to_string()))?;
    Ok(Work::Container(Box::new(ContainerJob { spec, image: None, inputs })))
}

fn container_limits(plan: &Plan) -> Result<ContainerLimits, WorkError> {
    let default = ContainerLimits::default();
    let cores = plan.resources.cpu_millis.unwrap_or(default.cpu_millis.into());
    Ok(ContainerLimits {
        timeout_ms: plan.timeout_s.map_or(default.timeout_ms, |seconds| seconds.saturating_mul(1_000)),
        cpu_millis: u32::try_from(cores)
            .map_err(|_| WorkError::Plan(format!("Tasks[0].Resources.CPU: {cores}m is too much")))?,
        memory_bytes_max: plan.resources.memory_bytes.unwrap_or(default.memory_bytes_max),
        disk_bytes_max: plan.resources.disk_bytes.unwrap_or(default.disk_bytes_max),
        ..default
    })
}

fn cid(node: &Node) -> Cid {
    match node {
        Node::File(bytes) => unixfs::file_cid(bytes),
        Node::Folder(folder) => unixfs::folder_cid(folder),
        Node::Symlink(target) => unixfs::file_cid(target.as_bytes()),
    }
}

impl Sources {
    /// What a source holds, within what is left of the bytes.
    async fn fetch(&self, source: &Source, left: &mut u64) -> Result<Node, WorkError> {
        let node = match source {
            Source::Inline { bytes, is_tar: false } => Node::File(Arc::new(bytes.clone())),
            Source::Inline { bytes, is_tar: true } => {
                let files = unpack(bytes, *left)
                    .map_err(|text| WorkError::Plan(format!("an inline input: {text}")))?;
                Node::Folder(folder(files)?)
            }
            Source::Url { url } => Node::File(Arc::new(self.download(url, *left).await?)),
            Source::Ipfs { cid } => self.ipfs(cid, *left).await?,
            Source::Local { .. } => return Err(WorkError::Plan(LOCAL.to_owned())),
        };
        let bytes = match &node {
            Node::File(bytes) => bytes.len() as u64,
            Node::Folder(folder) => folder.bytes(),
            Node::Symlink(_) => 0,
        };
        *left = left.checked_sub(bytes).ok_or_else(|| {
            WorkError::Plan(format!("the job's inputs have more than {} bytes", self.bytes_max))
        })?;
        Ok(node)
    }

    async fn download(&self, url: &str, bytes_max: u64) -> Result<Vec<u8>, WorkError> {
        let failed = |text: String| WorkError::Unavailable(format!("{url} can't be downloaded: {text}"));
        let answer =
            self.http.get(url).send().await.map_err(|error| failed(crate::report::causes(&error)))?;
        if !answer.status().is_success() {
            return Err(failed(format!("it answers {}", answer.status())));
        }
        let mut bytes = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| failed(crate::report::causes(&error)))?);
            if bytes.len() as u64 > bytes_max {
                return Err(failed(format!(
                    "it has more than the {bytes_max} bytes that are left for inputs"
                )));
            }
        }
        Ok(bytes)
    }

    async fn ipfs(&self, text: &str, bytes_max: u64) -> Result<Node, WorkError> {
        let cid: Cid = text.parse().map_err(|error| {
            WorkError::Plan(format!("CID '{text}' is not one that is kept here (CIDv1, BLAKE3): {error}"))
        })?;
        let limits = TreeLimits { content_bytes_max: bytes_max, ..TreeLimits::default() };
        let (store, limits_here) = (self.store.clone(), limits);
        let here = tokio::task::spawn_blocking(move || store.load_node(cid, &limits_here)).await;
        match here {
            Ok(Ok(node)) => Ok(node),
            _ => {
                let failed = |error: FetchError| {
                    WorkError::Unavailable(format!("{cid} can't be had: {}", crate::report::causes(&error)))
                };
                let fetcher =
                    Fetcher::new(self.store.clone(), &self.gateways, Default::default()).map_err(failed)?;
                fetcher.node(cid, &limits).await.map_err(failed)
            }
        }
    }
}

/// Files by path as a folder.
fn folder(files: BTreeMap<String, Unpacked>) -> Result<Folder, WorkError> {
    let mut root = Folder::default();
    // A path's folders come before it.
    for (path, unpacked) in files {
        let (mut at, mut parts) = (&mut root, path.split('/').peekable());
        while let Some(part) = parts.next() {
            let bad = || WorkError::Plan(format!("an inline input has '{path}', which can't be a file"));
            if !Folder::is_name(part) {
                return Err(bad());
            }
            if parts.peek().is_none() {
                let node = match &unpacked {
                    Unpacked::Folder => Node::Folder(Folder::default()),
                    Unpacked::File { bytes, .. } => Node::File(Arc::new(bytes.clone())),
                };
                at.entries.entry(part.to_owned()).or_insert(node);
                break;
            }
            let next = at.entries.entry(part.to_owned()).or_insert_with(|| Node::Folder(Folder::default()));
            let Node::Folder(next) = next else { return Err(bad()) };
            at = next;
        }
    }
    Ok(root)
}

/// A module's bytes; Bacalhau's CLI packs it as an archive with one file, and other modules beside it are no choice.
fn module_file(node: Node) -> Option<Arc<Vec<u8>>> {
    let folder = match node {
        Node::File(bytes) => return Some(bytes),
        Node::Folder(folder) => folder,
        Node::Symlink(_) => return None,
    };
    let mut files: Vec<(String, Arc<Vec<u8>>)> = folder
        .entries
        .into_iter()
        .filter_map(|(name, node)| if let Node::File(bytes) = node { Some((name, bytes)) } else { None })
        .collect();
    if files.len() > 1 {
        files.retain(|(name, _)| name.ends_with(".wasm"));
    }
    if files.len() == 1 { files.pop().map(|(_, bytes)| bytes) } else { None }
}
