//! Which engine runs containers, and what its owner allows: shared by every command that may run one.

use super::{container, usage};
use crate::{container::ContainerEngine, store::Store};
use lilypad_abi::Image;
use std::{path::Path, sync::Arc};

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Container engine")]
pub(super) struct EngineArgs {
    /// What runs containers [default: nothing, for a service; Docker, for a creator]
    #[arg(long, value_enum, env = "LILYPAD_EXECUTOR")]
    pub(super) executor: Option<ExecutorArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ExecutorArg {
    /// A Docker engine
    Docker,
    /// A Bacalhau cluster, through its API
    Bacalhau,
}

impl EngineArgs {
    /// The engine, reached and ready; what it needs on disk goes below `dir`.
    pub(super) async fn start(&self, _dir: &Path) -> anyhow::Result<Arc<dyn ContainerEngine>> {
        Err(usage("not yet".to_owned()))
    }

    /// The same for a service, which runs no containers unless its owner says what does.
    pub(super) async fn start_if_asked(
        &self,
        dir: &Path,
    ) -> anyhow::Result<Option<Arc<dyn ContainerEngine>>> {
        if self.executor.is_none() {
            return Ok(None);
        }
        self.start(dir).await.map(Some)
    }

    /// An image as a job names it: pinned by its digest, or as content in the store.
    pub(super) async fn image(&self, name: &str, as_content: bool, store: &Store) -> anyhow::Result<Image> {
        let _ = as_content;
        if let Some(path) = container::archive_file(name) {
            return container::archive(&path, store);
        }
        Ok(Image::Registry(name.to_owned()))
    }
}
