//! UnixFS: how files and folders become content-addressed blocks, and blocks become files again.
//!
//! Encoding gives what `ipfs add -r --cid-version=1 --hash=blake3 --raw-leaves` gives with its default
//! settings (256 KiB chunks, balanced trees of 174 links, folders sharded when their links weigh more than
//! 256 KiB), so any IPFS node can hold and serve a job's inputs and outputs. `tests/vectors/unixfs.json`
//! holds it to that.
//! Decoding is strict: a block that encoding could not have shaped so is refused, never guessed at.
//! Nothing here reads a disk or a network; whoever fetches a block checks it against its CID here.

mod decode;
mod pb;
mod shard;

pub use self::{
    decode::{BLOCK_BYTES_MAX, Block, UnixFsError, decode},
    shard::shard_slot,
};

use self::pb::{DataType, Link, NodeWriter, UnixFsData};
use crate::tree::{Folder, Node};
use lilypad_abi::{Cid, Codec};

/// Bytes of a file's chunks, the last one aside.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Most links of one node of a file's tree.
pub const FILE_LINKS_MAX: usize = 174;

/// Folders whose names and CIDs weigh more than this are sharded.
pub const FOLDER_BYTES_MAX: usize = 256 * 1024;

/// Takes each block once it is encoded, children before their parents; the same block may come twice.
pub type Sink<'a> = dyn FnMut(Cid, Vec<u8>) + 'a;

/// A file's address; its blocks go to `sink`.
pub fn encode_file(bytes: &[u8], sink: &mut Sink<'_>) -> Cid {
    Encoder(Some(sink)).file(bytes).cid
}

/// A folder's address; its blocks and those of everything below go to `sink`.
///
/// The names in `folder` are taken as they are: see [`Folder::is_name`].
/// Folders are walked by recursion, so whoever builds one bounds its depth.
pub fn encode_folder(folder: &Folder, sink: &mut Sink<'_>) -> Cid {
    Encoder(Some(sink)).folder(folder).cid
}

/// A file's address alone.
#[must_use]
pub fn file_cid(bytes: &[u8]) -> Cid {
    Encoder(None).file(bytes).cid
}

/// A folder's address alone: what an Outcome says of its outputs.
///
/// Total: every folder has one. The one shape that IPFS can't shard (two names with the same 64-bit
/// murmur3 hash in a folder too large for one block) is encoded as an unsharded folder, which other nodes
/// may find too large to exchange.
#[must_use]
pub fn folder_cid(folder: &Folder) -> Cid {
    Encoder(None).folder(folder).cid
}

/// A block that stands somewhere below, as its parent sees it.
#[derive(Debug, Clone, Copy)]
struct Encoded {
    cid: Cid,
    /// Bytes of the blocks of the whole tree below, this one included.
    tree_bytes: u64,
    /// Bytes of the file below; zero for folders.
    content_bytes: u64,
}

/// Encodes bottom-up; without a sink, blocks are hashed and dropped.
struct Encoder<'s, 'f>(Option<&'s mut Sink<'f>>);

impl Encoder<'_, '_> {
    fn file(&mut self, bytes: &[u8]) -> Encoded {
        if bytes.is_empty() {
            return self.leaf(bytes);
        }
        let mut level: Vec<Encoded> = bytes.chunks(CHUNK_BYTES).map(|chunk| self.leaf(chunk)).collect();
        // Grouping whole levels from the left gives the balanced tree that IPFS builds from the top.
        while level.len() > 1 {
            level = level.chunks(FILE_LINKS_MAX).map(|children| self.file_node(children)).collect();
        }
        level[0]
    }

    fn leaf(&mut self, bytes: &[u8]) -> Encoded {
        let cid = Cid::of(Codec::Raw, bytes);
        if let Some(sink) = &mut self.0 {
            sink(cid, bytes.to_vec());
        }
        Encoded { cid, tree_bytes: bytes.len() as u64, content_bytes: bytes.len() as u64 }
    }

    fn file_node(&mut self, children: &[Encoded]) -> Encoded {
        let mut node = NodeWriter::default();
        for child in children {
            node.link("", child.cid, child.tree_bytes);
        }
        let size = children.iter().map(|child| child.content_bytes).sum();
        let data = UnixFsData {
            file_size: Some(size),
            block_sizes: children.iter().map(|child| child.content_bytes).collect(),
            ..UnixFsData::new(DataType::File)
        };
        self.node(node, &data, size)
    }

    fn folder(&mut self, folder: &Folder) -> Encoded {
        let links: Vec<Link> = folder
            .entries
            .iter()
            .map(|(name, node)| {
                let child = match node {
                    Node::File(bytes) => self.file(bytes),
                    Node::Folder(folder) => self.folder(folder),
                    Node::Symlink(target) => self.symlink(target),
                };
                Link { name: name.clone(), cid: child.cid, tree_bytes: child.tree_bytes }
            })
            .collect();
        let weight: usize = links.iter().map(|link| link.name.len() + link.cid.to_bytes().len()).sum();
        if weight > FOLDER_BYTES_MAX
            && let Some(root) = shard::encode(&links, &mut |node, data| self.node(node, data, 0))
        {
            return root;
        }
        let mut node = NodeWriter::default();
        for link in &links {
            node.link(&link.name, link.cid, link.tree_bytes);
        }
        self.node(node, &UnixFsData::new(DataType::Folder), 0)
    }

    fn symlink(&mut self, target: &str) -> Encoded {
        let data = UnixFsData { data: Some(target.as_bytes()), ..UnixFsData::new(DataType::Symlink) };
        self.node(NodeWriter::default(), &data, 0)
    }

    fn node(&mut self, node: NodeWriter, data: &UnixFsData<'_>, content_bytes: u64) -> Encoded {
        let links_bytes = node.tree_bytes();
        let block = node.finish(&data.to_bytes());
        let cid = Cid::of(Codec::DagPb, &block);
        let tree_bytes = links_bytes + block.len() as u64;
        if let Some(sink) = &mut self.0 {
            sink(cid, block);
        }
        Encoded { cid, tree_bytes, content_bytes }
    }
}

#[cfg(test)]
mod tests;
