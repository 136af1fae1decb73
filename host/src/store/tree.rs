//! Files and folders to blocks in a store, and back within limits.
//!
//! A stranger's tree can name one block a million times and so grow to any size from a few bytes; what is
//! counted here is therefore what comes out, not the blocks that go in.

use super::{Batch, Store, StoreError};
use lilypad_abi::{Cid, Limits};
use lilypad_runtime::{
    Folder, Node,
    unixfs::{self, Block, UnixFsError},
};
use std::{collections::BTreeMap, sync::Arc};

/// Most levels of one file's tree; four hold a terabyte.
const FILE_DEPTH_MAX: usize = 8;

/// Levels of a sharded folder, one for each byte of a name's hash.
const SHARD_DEPTH_MAX: usize = 8;

/// What a tree may grow to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Most bytes of all files together.
    pub content_bytes_max: u64,
    /// Most files, folders and links together.
    pub entries_max: u64,
    /// Most folders inside each other.
    pub depth_max: usize,
}

impl Default for TreeLimits {
    /// 1 GiB in 131,072 entries, 260 folders deep: a little deeper than a job can make its outputs.
    fn default() -> Self {
        Self { content_bytes_max: 1 << 30, entries_max: 131_072, depth_max: 260 }
    }
}

impl TreeLimits {
    /// What the outputs of a job with these limits can grow to.
    #[must_use]
    pub fn of_outputs(limits: &Limits) -> Self {
        // `stdout`, `stderr`, `exitCode`, `outputs`; a u32 has ten digits.
        let streams = limits.stdout_bytes_max.saturating_add(limits.stderr_bytes_max).saturating_add(10);
        Self {
            content_bytes_max: limits.output_bytes_max.saturating_add(streams),
            entries_max: u64::from(limits.output_files_max) + 4,
            ..Self::default()
        }
    }
}

/// Why a tree can't be read from the store.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A block is missing, damaged or unreadable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block is no valid UnixFS.
    #[error(transparent)]
    UnixFs(#[from] UnixFsError),
    /// Over a limit.
    #[error("{cid} goes over {limit}; raise the limit or split the data")]
    Limit {
        /// The block at which it happened.
        cid: Cid,
        /// Which limit.
        limit: &'static str,
    },
    /// Blocks that are each valid but don't fit together.
    #[error("{cid} is not a valid tree: {reason}; add the content again with `ipfs add`")]
    Malformed {
        /// The block that doesn't fit.
        cid: Cid,
        /// What is wrong.
        reason: &'static str,
    },
    /// A folder where a file was asked for, or the other way round.
    #[error("{0} is not a {1}; check the CID")]
    Kind(Cid, &'static str),
}

impl Store {
    /// Takes a file; gives its address.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn add_file(&self, bytes: &[u8]) -> Result<Cid, StoreError> {
        self.add(|sink| unixfs::encode_file(bytes, sink))
    }

    /// Takes a folder and all below; gives its address.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn add_folder(&self, folder: &Folder) -> Result<Cid, StoreError> {
        self.add(|sink| unixfs::encode_folder(folder, sink))
    }

    fn add(&self, encode: impl FnOnce(&mut unixfs::Sink<'_>) -> Cid) -> Result<Cid, StoreError> {
        let mut batch = Batch::default();
        let mut result = Ok(());
        let cid = encode(&mut |cid, block: Vec<u8>| {
            if result.is_ok() {
                result = self.put_into(&mut batch, cid, &block);
            }
        });
        result?;
        self.finish(batch)?;
        Ok(cid)
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// [`TreeError`]; the block that is missing, too much or wrong is named.
    pub fn load_file(&self, cid: Cid, limits: &TreeLimits) -> Result<Vec<u8>, TreeError> {
        let mut reader = Reader { store: self, limits, content_bytes: 0, entries: 0 };
        match self.block(cid)? {
            block @ (Block::Bytes(_) | Block::File { .. }) => reader.file(cid, block),
            _ => Err(TreeError::Kind(cid, "file")),
        }
    }

    /// A folder and all below.
    ///
    /// # Errors
    /// [`TreeError`]; the block that is missing, too much or wrong is named.
    pub fn load_folder(&self, cid: Cid, limits: &TreeLimits) -> Result<Folder, TreeError> {
        let mut reader = Reader { store: self, limits, content_bytes: 0, entries: 0 };
        match self.block(cid)? {
            block @ (Block::Folder(_) | Block::Shard { .. }) => reader.folder(cid, block, 0),
            _ => Err(TreeError::Kind(cid, "folder")),
        }
    }

    /// A file, or a folder and all below.
    ///
    /// # Errors
    /// [`TreeError`]; a symbolic link is neither.
    pub fn load_node(&self, cid: Cid, limits: &TreeLimits) -> Result<Node, TreeError> {
        match self.block(cid)? {
            Block::Symlink(_) => Err(TreeError::Kind(cid, "file or folder")),
            Block::Folder(_) | Block::Shard { .. } => self.load_folder(cid, limits).map(Node::Folder),
            Block::Bytes(_) | Block::File { .. } => Ok(Node::File(Arc::new(self.load_file(cid, limits)?))),
        }
    }

    fn block(&self, cid: Cid) -> Result<Block, TreeError> {
        Ok(unixfs::decode(cid, &self.get(cid)?)?)
    }
}

/// Reads a tree and counts what comes out.
struct Reader<'a> {
    store: &'a Store,
    limits: &'a TreeLimits,
    content_bytes: u64,
    entries: u64,
}

impl Reader<'_> {
    fn file(&mut self, cid: Cid, block: Block) -> Result<Vec<u8>, TreeError> {
        let size = match &block {
            Block::Bytes(bytes) => bytes.len() as u64,
            Block::File { size, .. } => *size,
            _ => return Err(TreeError::Kind(cid, "file")),
        };
        // The stated size is charged before anything is read, and every chunk is held to its own.
        self.content_bytes = self.content_bytes.saturating_add(size);
        if self.content_bytes > self.limits.content_bytes_max {
            return Err(TreeError::Limit { cid, limit: "the most bytes of content" });
        }
        if let Block::Bytes(bytes) = block {
            return Ok(bytes);
        }
        let mut out = Vec::new();
        self.chunks(cid, block, size, 0, &mut out)?;
        Ok(out)
    }

    fn chunks(
        &self,
        cid: Cid,
        block: Block,
        expected: u64,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), TreeError> {
        if depth > FILE_DEPTH_MAX {
            return Err(TreeError::Limit { cid, limit: "the most levels of one file" });
        }
        let differs =
            TreeError::Malformed { cid, reason: "a chunk's size differs from what its parent says" };
        match block {
            Block::Bytes(bytes) if bytes.len() as u64 == expected => out.extend_from_slice(&bytes),
            Block::File { links, size } if size == expected => {
                for (link, size) in links {
                    self.chunks(link, self.store.block(link)?, size, depth + 1, out)?;
                }
            }
            Block::Bytes(_) | Block::File { .. } => return Err(differs),
            _ => return Err(TreeError::Malformed { cid, reason: "a file's chunk is no file" }),
        }
        Ok(())
    }

    fn folder(&mut self, cid: Cid, block: Block, depth: usize) -> Result<Folder, TreeError> {
        if depth > self.limits.depth_max {
            return Err(TreeError::Limit { cid, limit: "the most folders inside each other" });
        }
        let mut entries = BTreeMap::new();
        match block {
            Block::Folder(links) => {
                for (name, link, _) in links {
                    entries.insert(name, self.node(link, depth)?);
                }
            }
            shard => self.shard(cid, shard, 0, depth, &mut entries)?,
        }
        Ok(Folder { entries })
    }

    fn shard(
        &mut self,
        cid: Cid,
        block: Block,
        level: usize,
        depth: usize,
        into: &mut BTreeMap<String, Node>,
    ) -> Result<(), TreeError> {
        let malformed = |reason| TreeError::Malformed { cid, reason };
        let Block::Shard { entries, children } = block else {
            return Err(malformed("a shard's child is no shard"));
        };
        if level >= SHARD_DEPTH_MAX {
            return Err(malformed("more levels of shards than a hash has bytes"));
        }
        for (slot, name, link, _) in entries {
            if unixfs::shard_slot(&name, level) != Some(slot) {
                return Err(malformed("a name in a shard where its hash doesn't put it"));
            }
            let node = self.node(link, depth)?;
            if into.insert(name, node).is_some() {
                return Err(malformed("a name in two shards"));
            }
        }
        for (_, link, _) in children {
            // A shard of shards costs reading without giving an entry, so it counts as one.
            self.count(link)?;
            let child = self.store.block(link)?;
            self.shard(link, child, level + 1, depth, into)?;
        }
        Ok(())
    }

    fn node(&mut self, cid: Cid, depth: usize) -> Result<Node, TreeError> {
        self.count(cid)?;
        Ok(match self.store.block(cid)? {
            Block::Symlink(target) => Node::Symlink(target),
            block @ (Block::Folder(_) | Block::Shard { .. }) => {
                Node::Folder(self.folder(cid, block, depth + 1)?)
            }
            block => Node::File(Arc::new(self.file(cid, block)?)),
        })
    }

    fn count(&mut self, cid: Cid) -> Result<(), TreeError> {
        self.entries += 1;
        if self.entries > self.limits.entries_max {
            return Err(TreeError::Limit { cid, limit: "the most files and folders" });
        }
        Ok(())
    }
}
