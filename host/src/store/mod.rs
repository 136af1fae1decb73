//! Content-addressed blocks: a folder on disk, fetched from gateways and served as one.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | [`Store`]: blocks on disk, atomic to write, verified on every read |
//! | `tree.rs` | files and folders to blocks and back, within [`TreeLimits`] |
//! | `fetch.rs` | [`Fetcher`]: missing blocks from gateways that nobody trusts |
//! | `gateway.rs`, `car.rs` | the trustless gateway that serves a store |
//! | `snapshot.rs` | folders of the host to values and back |
//!
//! Nothing here knows a job, a deal or a key, and no block leaves this module that its CID doesn't name.

mod car;
mod fetch;
mod gateway;
mod snapshot;
mod tree;

pub use self::{
    fetch::{FetchError, FetchOptions, Fetched, Fetcher, GatewayUrl, Refused},
    gateway::router,
    snapshot::{SnapshotError, SnapshotLimits, WriteError, WriteMode, Written, read_dir, write_to},
    tree::{TreeError, TreeLimits},
};

pub(crate) use self::snapshot::stays_inside;

use lilypad_abi::Cid;
use lilypad_runtime::unixfs::BLOCK_BYTES_MAX;
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// New blocks that are made durable one by one; a larger batch is made durable as a whole.
const SYNC_EACH_MAX: usize = 64;

/// Age from which a temporary file must be what a crash left, and is removed.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Tells apart the temporary files of one process.
static TEMPORARY_COUNT: AtomicU64 = AtomicU64::new(0);

/// A folder of blocks. Cheap to clone; several processes may share one folder.
///
/// A block is one file, written under another name and renamed, so that a reader sees all of it or none.
/// A file that a crash or a disk damaged no longer hashes to its name: it is reported, and can be fetched
/// or put again.
///
/// All methods block for the disk; none waits for anything else.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
}

/// Why the store can't give or take a block.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system said no.
    #[error("store can't {operation} {path}; check the disk's space and the folder's permissions")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No such block.
    #[error("block {0} is not in the store; fetch it from a gateway first")]
    Missing(Cid),
    /// Bytes that the CID doesn't name, offered or found on disk.
    #[error("bytes do not hash to {0}; fetch the block again")]
    Corrupt(Cid),
    /// Over [`BLOCK_BYTES_MAX`].
    #[error("block {0} has {1} bytes, the most is {BLOCK_BYTES_MAX}; add the content with smaller chunks")]
    TooLarge(Cid, usize),
}

impl Store {
    /// Opens the store in `root`, making the folder when it doesn't exist.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder can't be made.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, StoreError> {
        let root = root.as_ref();
        for part in ["blocks", "tmp"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(at("create folder", &path))?;
        }
        remove_left_temporaries(&root.join("tmp"));
        Ok(Self { root: root.into() })
    }

    /// The folder it stands in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the block is there, and plausibly whole; reading still verifies it.
    #[must_use]
    pub fn has(&self, cid: Cid) -> bool {
        fs::symlink_metadata(self.path(cid)).is_ok_and(|meta| meta.is_file())
    }

    /// A block's bytes, verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Corrupt`] when the disk changed them, [`StoreError::Io`].
    pub fn get(&self, cid: Cid) -> Result<Vec<u8>, StoreError> {
        let path = self.path(cid);
        let file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(cid)),
            file => file.map_err(at("open", &path))?,
        };
        let mut bytes = Vec::new();
        let most = BLOCK_BYTES_MAX as u64 + 1;
        file.take(most).read_to_end(&mut bytes).map_err(at("read", &path))?;
        if Cid::of(cid.codec, &bytes) == cid { Ok(bytes) } else { Err(StoreError::Corrupt(cid)) }
    }

    /// Takes a block, durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for bytes that the CID doesn't name, [`StoreError::TooLarge`], [`StoreError::Io`].
    pub fn put(&self, cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_all([(cid, bytes)])
    }

    /// Takes blocks, all durable when this returns; on an error some may be in, which harms nothing.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn put_all<B: AsRef<[u8]>>(
        &self,
        blocks: impl IntoIterator<Item = (Cid, B)>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (cid, bytes) in blocks {
            self.put_into(&mut batch, cid, bytes.as_ref())?;
        }
        self.finish(batch)
    }

    /// Takes a block that can be had again: atomic, but after a power cut it may have to be fetched anew.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn cache(&self, cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch { files: SYNC_EACH_MAX, ..Batch::default() };
        self.put_into(&mut batch, cid, bytes)
    }

    /// Takes a block as part of a batch; durable once [`Store::finish`] returns.
    fn put_into(&self, batch: &mut Batch, cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(StoreError::TooLarge(cid, bytes.len()));
        }
        if Cid::of(cid.codec, bytes) != cid {
            return Err(StoreError::Corrupt(cid));
        }
        let path = self.path(cid);
        // A file of the right length may be damaged: only reading it tells, and writing again heals it.
        if self.get(cid).is_ok() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(at("create folder", folder))?;
        let count = TEMPORARY_COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.root.join("tmp").join(format!("{}-{count}", std::process::id()));
        let written = write_file(&temporary, bytes, batch.files < SYNC_EACH_MAX)
            .map_err(at("write", &temporary))
            .and_then(|()| fs::rename(&temporary, &path).map_err(at("rename into", &path)));
        if written.is_err() {
            // The error at hand says more than a failure to tidy up would.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        batch.files += 1;
        if batch.files <= SYNC_EACH_MAX {
            batch.folders.push(folder.to_owned());
        }
        Ok(())
    }

    /// Makes a batch durable: its folders one by one, or after many blocks the whole file system at once.
    fn finish(&self, mut batch: Batch) -> Result<(), StoreError> {
        let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all());
        if batch.files > SYNC_EACH_MAX {
            let root = File::open(&self.root).map_err(at("open", &self.root))?;
            return rustix::fs::syncfs(&root).map_err(io::Error::from).map_err(at("sync", &self.root));
        }
        batch.folders.sort();
        batch.folders.dedup();
        if !batch.folders.is_empty() {
            batch.folders.push(self.root.join("blocks"));
        }
        batch.folders.iter().try_for_each(|folder| sync(folder).map_err(at("sync", folder)))
    }

    /// `blocks/xy/bafk…xyz`: two characters near the end, where CIDs differ, spread the files.
    fn path(&self, cid: Cid) -> PathBuf {
        let name = cid.to_string();
        let spread = name.len().saturating_sub(3)..name.len().saturating_sub(1);
        self.root.join("blocks").join(&name[spread]).join(&name)
    }
}

/// Blocks written and not yet known to be durable.
#[derive(Debug, Default)]
struct Batch {
    files: usize,
    folders: Vec<PathBuf>,
}

fn write_file(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    if sync { file.sync_data() } else { Ok(()) }
}

/// Removes what a crash left long ago; a running process's files are younger.
fn remove_left_temporaries(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|meta| meta.modified());
        let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_some_and(|age| age > TEMPORARY_AGE_MAX) {
            // Left for the next time when it can't be removed.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { operation, path, source }
}

#[cfg(test)]
mod tests;
