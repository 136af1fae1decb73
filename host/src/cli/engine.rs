//! Which engine runs containers, and what its owner allows: shared by every command that may run one.

use super::{container, exec::parse_size, usage};
use crate::{
    container::{
        ContainerEngine,
        bacalhau::{BacalhauExecutor, BacalhauOptions},
        docker::{DockerExecutor, DockerOptions, ImagePattern, PullPolicy},
    },
    store::Store,
};
use anyhow::Context as _;
use lilypad_abi::{BlobDigest, Image};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Container engine")]
pub(super) struct EngineArgs {
    /// What runs containers [default: nothing, for a service of the market; Docker, otherwise]
    #[arg(long, value_enum, env = "LILYPAD_EXECUTOR")]
    executor: Option<ExecutorArg>,
    /// The Docker engine's socket [default: DOCKER_HOST, or unix:///var/run/docker.sock]
    #[arg(long, value_name = "unix:///PATH")]
    docker_host: Option<String>,
    /// The Bacalhau cluster's API; the environment's LILYPAD_BACALHAU_TOKEN is its token
    #[arg(long, value_name = "URL", env = "LILYPAD_BACALHAU_API", default_value = "http://127.0.0.1:1234")]
    bacalhau_api: String,
    /// When the registry is asked for an image
    #[arg(long, value_enum, default_value_t = PullArg::IfMissing)]
    pull: PullArg,
    /// Images that may run, such as docker.io/library/* or archive:*; more than one may be given [default: all]
    #[arg(long = "allow-image", value_name = "PATTERN")]
    images: Vec<ImagePattern>,
    /// Let jobs that ask for it have the network
    #[arg(long)]
    allow_network: bool,
    /// Most cores for all containers together [default: all]
    #[arg(long, value_name = "CORES", value_parser = container::parse_cpus)]
    engine_cpus: Option<u32>,
    /// Most memory for all containers together [default: all]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    engine_memory: Option<u64>,
    /// Most room for the outputs of all containers together [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    engine_disk: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ExecutorArg {
    /// A Docker engine on this machine
    Docker,
    /// A Bacalhau cluster, through its API
    Bacalhau,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PullArg {
    /// Before each run
    Always,
    /// When the engine hasn't got it
    IfMissing,
    /// Not at all: only images that are there run
    Never,
}

impl EngineArgs {
    /// The engine, reached and ready; what it needs on disk goes below `dir`.
    pub(super) async fn start(&self, dir: &Path) -> anyhow::Result<Arc<dyn ContainerEngine>> {
        Ok(match self.executor {
            Some(ExecutorArg::Bacalhau) => Arc::new(self.bacalhau(dir).await?),
            Some(ExecutorArg::Docker) | None => Arc::new(self.docker(dir).await?),
        })
    }

    /// Whether any image may run.
    pub(super) fn allows_all(&self) -> bool {
        self.images.is_empty()
    }

    /// The same for a service of the market, which runs no containers unless its owner says what does.
    pub(super) async fn start_if_asked(
        &self,
        dir: &Path,
    ) -> anyhow::Result<Option<Arc<dyn ContainerEngine>>> {
        if self.executor.is_none() {
            return Ok(None);
        }
        self.start(dir).await.map(Some)
    }

    /// The Bacalhau cluster. Its nodes bound what all jobs take together, so that the bounds for engines don't count.
    async fn bacalhau(&self, dir: &Path) -> anyhow::Result<BacalhauExecutor> {
        let mut options = BacalhauOptions::new(&self.bacalhau_api, owner(dir)?);
        options.token = std::env::var("LILYPAD_BACALHAU_TOKEN").ok().filter(|token| !token.is_empty());
        options.images.clone_from(&self.images);
        options.network = self.allow_network;
        let cluster = BacalhauExecutor::connect(options).await?;
        tracing::info!(
            api = self.bacalhau_api,
            nodes = cluster.nodes(),
            "containers run on a Bacalhau cluster"
        );
        Ok(cluster)
    }

    /// The Docker engine.
    pub(super) async fn docker(&self, dir: &Path) -> anyhow::Result<DockerExecutor> {
        // The engine sees the same folders that we do, by their whole paths.
        let dir: PathBuf = std::path::absolute(dir).context("this folder has no path")?;
        let mut options = DockerOptions::new(owner(&dir)?, dir);
        if let Some(host) = &self.docker_host {
            options.host.clone_from(host);
        }
        options.pull = match self.pull {
            PullArg::Always => PullPolicy::Always,
            PullArg::IfMissing => PullPolicy::IfMissing,
            PullArg::Never => PullPolicy::Never,
        };
        options.images.clone_from(&self.images);
        options.network = self.allow_network;
        options.cpu_millis_max = self.engine_cpus.map(Into::into);
        options.memory_bytes_max = self.engine_memory;
        options.disk_bytes_max = self.engine_disk;
        Ok(DockerExecutor::connect(options).await?)
    }

    /// An image as a job names it: pinned by its digest, or as content in the store.
    pub(super) async fn image(
        &self,
        name: &str,
        as_content: bool,
        store: &Store,
        dir: &Path,
    ) -> anyhow::Result<Image> {
        if let Some(path) = container::archive_file(name) {
            return container::archive(&path, store);
        }
        if !as_content && container::is_pinned(name) {
            return Ok(Image::Registry(name.to_owned()));
        }
        let docker = self.docker(dir).await.map_err(|error| {
            usage(format!(
                "image {name} has to be looked up, and {error:#}; start Docker, or give the image as \
                 registry/name@sha256:…"
            ))
        })?;
        if as_content {
            return Ok(Image::Archive(store.add_file(&docker.save(name).await?)?));
        }
        Ok(docker.pin(name).await?)
    }
}

/// Whose containers they are: whoever works in this folder.
fn owner(dir: &Path) -> anyhow::Result<String> {
    let dir = std::path::absolute(dir).context("this folder has no path")?;
    Ok(BlobDigest::of(dir.as_os_str().as_encoded_bytes()).to_string()[2..18].to_owned())
}
