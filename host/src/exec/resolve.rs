//! From a JobSpec to a job with its data at hand, and from an Execution to blocks that others can fetch.
//!
//! Everything named in the spec is fetched and verified before a worker starts; a worker fetches nothing.

use crate::{
    container::ContainerJob,
    store::{FetchError, Fetcher, Store, StoreError, TreeLimits},
};
use lilypad_abi::{Cid, CodecError, ContainerSpec, Image, JobSpec, JobSpecError};
use lilypad_runtime::{Execution, Node, ResolvedJob};
use std::{collections::BTreeMap, sync::Arc};

/// Why a job's data can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The JobSpec's block.
    #[error("job can't be fetched")]
    Job(#[source] FetchError),
    /// The block is no valid job.
    #[error("{0} is not a job that can be run")]
    Spec(Cid, #[source] JobSpecError),
    /// The module.
    #[error("module {0} can't be fetched")]
    Module(Cid, #[source] FetchError),
    /// A container's image archive.
    #[error("image archive {0} can't be fetched")]
    Image(Cid, #[source] FetchError),
    /// An input.
    #[error("input {1} for {0} can't be fetched")]
    Input(String, Cid, #[source] FetchError),
    /// Standard input.
    #[error("standard input {0} can't be fetched")]
    Stdin(Cid, #[source] FetchError),
}

/// Fetches a job by its address, and all that it names; all of it together within `limits`.
///
/// # Errors
/// [`ResolveError`], naming the part.
pub async fn resolve(fetcher: &Fetcher, job: Cid, limits: &TreeLimits) -> Result<ResolvedJob, ResolveError> {
    let block = fetcher.block(job).await.map_err(ResolveError::Job)?;
    let spec = JobSpec::from_block(&block).map_err(|e| ResolveError::Spec(job, e))?;
    resolve_spec(fetcher, spec, limits).await
}

/// Takes what came off what may still come: a small job that names one large folder under many names would fill the
/// machine's memory otherwise.
const fn spend(left: &mut TreeLimits, bytes: u64, entries: u64) {
    left.content_bytes_max = left.content_bytes_max.saturating_sub(bytes);
    left.entries_max = left.entries_max.saturating_sub(entries);
}

/// Fetches all that a JobSpec names; all of it together within `limits`.
///
/// # Errors
/// [`ResolveError`], naming the part.
pub async fn resolve_spec(
    fetcher: &Fetcher,
    spec: JobSpec,
    limits: &TreeLimits,
) -> Result<ResolvedJob, ResolveError> {
    let mut left = *limits;
    let module = fetcher.file(spec.module, &left).await.map_err(|e| ResolveError::Module(spec.module, e))?;
    spend(&mut left, module.len() as u64, 1);
    let mut inputs = BTreeMap::new();
    for (path, cid) in &spec.inputs {
        let folder = fetcher.folder(*cid, &left).await;
        let folder = folder.map_err(|e| ResolveError::Input(path.clone(), *cid, e))?;
        spend(&mut left, folder.bytes(), folder.files());
        inputs.insert(path.clone(), folder);
    }
    let stdin = match spec.stdin {
        Some(cid) => fetcher.file(cid, &left).await.map_err(|e| ResolveError::Stdin(cid, e))?,
        None => Vec::new(),
    };
    Ok(ResolvedJob { spec, module, inputs, stdin })
}

/// Fetches all that a ContainerSpec names; all of it together within `limits`. An image in a registry is the engine's to fetch.
///
/// # Errors
/// [`ResolveError`], naming the part.
pub async fn resolve_container(
    fetcher: &Fetcher,
    spec: ContainerSpec,
    limits: &TreeLimits,
) -> Result<ContainerJob, ResolveError> {
    let mut left = *limits;
    let image = match &spec.image {
        Image::Registry(_) => None,
        Image::Archive(cid) => {
            let bytes = fetcher.file(*cid, &left).await.map_err(|e| ResolveError::Image(*cid, e))?;
            spend(&mut left, bytes.len() as u64, 1);
            Some(Arc::new(bytes))
        }
    };
    let mut inputs = BTreeMap::new();
    for (path, cid) in &spec.inputs {
        let node = fetcher.node(*cid, &left).await;
        let node = node.map_err(|e| ResolveError::Input(path.clone(), *cid, e))?;
        match &node {
            Node::Folder(folder) => spend(&mut left, folder.bytes(), folder.files()),
            Node::File(bytes) => spend(&mut left, bytes.len() as u64, 1),
            Node::Symlink(_) => {}
        }
        inputs.insert(path.clone(), node);
    }
    Ok(ContainerJob { spec, image, inputs })
}

/// Why an execution can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The Outcome has no encoding, which doesn't happen.
    #[error("outcome can't be encoded")]
    Outcome(#[from] CodecError),
}

/// Puts an execution's Outcome and output folder into a store, durable when this returns; gives the Outcome's
/// address. Blocks for the disk.
///
/// # Errors
/// [`KeepError`].
pub fn keep(store: &Store, execution: &Execution) -> Result<Cid, KeepError> {
    store.add_folder(&execution.outputs)?;
    let cid = execution.outcome.cid()?;
    store.put(cid, &execution.outcome.to_block()?)?;
    Ok(cid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::FetchOptions;
    use lilypad_abi::{ContainerLimits, Network, Profile};

    #[tokio::test]
    async fn a_small_job_of_many_names_for_one_large_input_is_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let large = store.add_file(&vec![0; 600_000]).unwrap();
        let fetcher = Fetcher::new(store, Vec::<String>::new(), FetchOptions::default()).unwrap();
        let limits = TreeLimits { content_bytes_max: 1_000_000, ..TreeLimits::default() };
        let spec = |count: u8| ContainerSpec {
            profile: Profile::Container1,
            image: Image::Archive(large),
            entrypoint: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            inputs: (0..count).map(|number| (format!("/in/{number}"), large)).collect(),
            outputs: BTreeMap::new(),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits::default(),
        };
        resolve_container(&fetcher, spec(0), &limits).await.unwrap();
        let over = resolve_container(&fetcher, spec(1), &limits).await;
        assert!(matches!(over, Err(ResolveError::Input(..))), "image and input together: {over:?}");
        let registry = ContainerSpec { image: Image::Registry(String::new()), ..spec(2) };
        let over = resolve_container(&fetcher, registry, &limits).await;
        assert!(matches!(over, Err(ResolveError::Input(..))), "two inputs together: {over:?}");
    }
}
