//! Inputs from where a document says they are, into a store: inline, downloads, IPFS, this machine's files.
//!
//! A download is its owner's own request and bounded like any input; what comes is named by its content afterwards.

use crate::store::{
    FetchError, Fetcher, SnapshotError, SnapshotLimits, Store, StoreError, TreeLimits, read_dir,
};
use lilypad_abi::Cid;
use lilypad_bacalhau::documents::{Source, Unpacked, unpack};
use lilypad_runtime::{Folder, Node};
use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

/// How long a download may take.
const DOWNLOAD_TIME_MAX: Duration = Duration::from_secs(600);

/// Most bytes of one input.
const INPUT_BYTES_MAX: u64 = 1 << 30;

/// Why an input can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not allowed.
    #[error(
        "'{0}' is a file of this machine, and a document, which may be a stranger's, would make it public; allow it with \
         --allow-local PATH, or give the data inline or by URL"
    )]
    Local(String),
    /// A path of this machine.
    #[error(transparent)]
    Folder(#[from] SnapshotError),
    /// A file of this machine.
    #[error("{path} can't be read: {source}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// An address that IPFS has and we don't.
    #[error(
        "'{0}' is not an address that can be used: it must be a CIDv1 with BLAKE3, as `ipfs add --cid-version=1 \
         --hash=blake3` gives"
    )]
    Address(String),
    /// Nobody has it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A download.
    #[error("{url}: {reason}")]
    Download {
        /// From where.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// A packed folder.
    #[error("{0}")]
    Packed(String),
    /// The module is a folder.
    #[error("it is a folder, not a file")]
    NotAFile,
    /// Our own disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where inputs go, and what may be read for them.
#[derive(Debug, Clone)]
pub struct Sources {
    fetcher: Fetcher,
    local: Vec<PathBuf>,
}

/// An input in the store.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    /// A file or folder.
    pub(super) cid: Cid,
    /// The name that a download brings along.
    pub(super) name: Option<String>,
}

impl Sources {
    /// Inputs into the fetcher's store. `local`: the folders of this machine whose files documents may name.
    #[must_use]
    pub const fn new(fetcher: Fetcher, local: Vec<PathBuf>) -> Self {
        Self { fetcher, local }
    }

    pub(super) fn store(&self) -> &Store {
        self.fetcher.store()
    }

    /// Brings an input into the store.
    pub(super) async fn fetch(&self, source: &Source) -> Result<Fetched, SourceError> {
        let cid = |cid| Fetched { cid, name: None };
        Ok(match source {
            Source::Inline { bytes, is_tar: false } => cid(self.store().add_file(bytes)?),
            Source::Inline { bytes, is_tar: true } => {
                let entries = unpack(bytes, INPUT_BYTES_MAX).map_err(SourceError::Packed)?;
                let folder = folder_of(entries).map_err(SourceError::Packed)?;
                cid(self.store().add_folder(&folder)?)
            }
            Source::Ipfs { cid: text } => {
                let address: Cid = text.parse().map_err(|_| SourceError::Address(text.clone()))?;
                self.fetcher.tree(address, &TreeLimits::default()).await?;
                cid(address)
            }
            Source::Url { url } => {
                let bytes = download(url).await?;
                Fetched { cid: self.store().add_file(&bytes)?, name: Some(file_name(url)) }
            }
            Source::Local { path, .. } => cid(self.local(path)?),
        })
    }

    /// An input's bytes, which must be a file's.
    pub(super) async fn file(&self, source: &Source) -> Result<Vec<u8>, SourceError> {
        let fetched = self.fetch(source).await?;
        match self.load(fetched.cid).await? {
            Node::File(bytes) => Ok(Arc::unwrap_or_clone(bytes)),
            Node::Folder(_) | Node::Symlink(_) => Err(SourceError::NotAFile),
        }
    }

    /// What was fetched, as a value.
    pub(super) async fn load(&self, cid: Cid) -> Result<Node, SourceError> {
        Ok(self.fetcher.node(cid, &TreeLimits::default()).await?)
    }

    fn local(&self, path: &str) -> Result<Cid, SourceError> {
        let failed = |source| SourceError::File { path: path.to_owned(), source };
        // Without links, so that none leads out of what is allowed.
        let real = fs::canonicalize(path).map_err(failed)?;
        let allows = |folder: &PathBuf| fs::canonicalize(folder).is_ok_and(|folder| real.starts_with(folder));
        if !self.local.iter().any(allows) {
            return Err(SourceError::Local(path.to_owned()));
        }
        let meta = fs::metadata(&real).map_err(failed)?;
        if meta.is_dir() {
            let folder = read_dir(&real, &SnapshotLimits::default())?;
            return Ok(self.store().add_folder(&folder)?);
        }
        if !meta.is_file() || meta.len() > INPUT_BYTES_MAX {
            let said = format!("neither a folder nor a file of at most {INPUT_BYTES_MAX} bytes");
            return Err(failed(std::io::Error::other(said)));
        }
        Ok(self.store().add_file(&fs::read(&real).map_err(failed)?)?)
    }
}

/// A packed folder as a tree.
///
/// # Errors
/// The path that can't stand in one.
pub(crate) fn folder_of(entries: BTreeMap<String, Unpacked>) -> Result<Folder, String> {
    let depth_max = TreeLimits::default().depth_max;
    let mut root = Folder::default();
    // A path's folders come before it.
    for (path, entry) in entries {
        let parts: Vec<&str> = path.split('/').collect();
        let plain = parts.len() <= depth_max && parts.iter().all(|part| Folder::is_name(part));
        let node = match entry {
            Unpacked::Folder => Node::Folder(Folder::default()),
            Unpacked::File { bytes, .. } => Node::File(Arc::new(bytes)),
        };
        if !plain || !insert(&mut root, &parts, node) {
            return Err(format!("this archive has '{path}', which can't be a file or folder"));
        }
    }
    Ok(root)
}

/// False where a file stands in the way.
fn insert(folder: &mut Folder, path: &[&str], node: Node) -> bool {
    match path {
        [] => false,
        [name] => {
            folder.entries.entry((*name).to_owned()).or_insert(node);
            true
        }
        [first, rest @ ..] => {
            let below = folder.entries.entry((*first).to_owned());
            match below.or_insert_with(|| Node::Folder(Folder::default())) {
                Node::Folder(below) => insert(below, rest, node),
                Node::File(_) | Node::Symlink(_) => false,
            }
        }
    }
}

async fn download(url: &str) -> Result<Vec<u8>, SourceError> {
    let failed = |reason: String| SourceError::Download { url: url.to_owned(), reason };
    let said = |error: reqwest::Error| failed(crate::report::causes(&error.without_url()));
    let client = reqwest::Client::builder().timeout(DOWNLOAD_TIME_MAX).build().map_err(said)?;
    let mut response = client.get(url).send().await.map_err(said)?.error_for_status().map_err(said)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(said)? {
        if bytes.len() as u64 + chunk.len() as u64 > INPUT_BYTES_MAX {
            return Err(failed(format!("it has more than {INPUT_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The last part of an address's path, if it can name a file.
fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let name = path.split_once('/').and_then(|(_, path)| path.rsplit('/').next()).unwrap_or_default();
    if Folder::is_name(name) { name.to_owned() } else { "download".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_are_named_by_the_end_of_their_path() {
        for (url, name) in [
            ("https://example.org/a/data.csv", "data.csv"),
            ("https://example.org/data.csv?x=/etc/passwd#y", "data.csv"),
            ("https://example.org", "download"),
            ("https://example.org/", "download"),
            ("https://example.org/a/..", "download"),
        ] {
            assert_eq!(file_name(url), name, "{url}");
        }
    }

    #[test]
    fn a_packed_folder_becomes_a_tree() {
        let file = |text: &str| Unpacked::File { bytes: text.into(), is_executable: false };
        let entries = BTreeMap::from([
            ("a".to_owned(), Unpacked::Folder),
            ("a/b".to_owned(), file("x")),
            ("c".to_owned(), file("y")),
        ]);
        let folder = folder_of(entries).unwrap();
        assert_eq!((folder.file("a/b"), folder.file("c")), (Some(&b"x"[..]), Some(&b"y"[..])));
    }
}
