//! A job's inputs, fetched within bounds: from the document itself, by address, or by CID.
//!
//! Nothing of this machine's disk is read but the store's own blocks.

use super::work::{LOCAL, WorkError};
use crate::{
    documents::folder_of,
    store::{FetchError, Fetcher, Store, TreeLimits},
};
use futures::StreamExt as _;
use lilypad_abi::Cid;
use lilypad_bacalhau::documents::{Source, unpack};
use lilypad_runtime::Node;
use std::{sync::Arc, time::Duration};

/// The means to get a plan's inputs.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) store: Store,
    pub(super) gateways: Vec<String>,
    pub(super) http: reqwest::Client,
    pub(super) bytes_max: u64,
    pub(super) timeout: Duration,
}

impl Sources {
    /// What a source holds, within what is left of the bytes.
    pub(super) async fn fetch(&self, source: &Source, left: &mut u64) -> Result<Node, WorkError> {
        let node = match source {
            Source::Inline { bytes, is_tar: false } => Node::File(Arc::new(bytes.clone())),
            Source::Inline { bytes, is_tar: true } => {
                let files = unpack(bytes, *left).and_then(folder_of);
                Node::Folder(files.map_err(|text| WorkError::Plan(format!("an inline input: {text}")))?)
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

/// A module's bytes; Bacalhau's CLI packs it as an archive with one file, and other modules beside it are no choice.
pub(super) fn module_file(node: Node) -> Option<Arc<Vec<u8>>> {
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
