//! Reading a stranger's block: what it is, or why it is refused.
//!
//! Every count, order, name and sum is checked here, so that a reader above needs to check only what spans
//! blocks: that children have the sizes their parents state, and that a tree ends.

use super::{
    pb::{DataType, Link, UnixFsData, read_node},
    shard::{FANOUT, HASH_MURMUR3, significant},
};
use crate::tree::Folder;
use lilypad_abi::{Cid, Codec};

/// Most bytes of a block: what IPFS nodes exchange.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most bytes of a symbolic link's target: what Linux allows a path.
const TARGET_BYTES_MAX: usize = 4096;

/// A block, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A leaf: bytes of a file, or a whole small file.
    Bytes(Vec<u8>),
    /// A file, or a part of one, in several chunks.
    File {
        /// The chunks in order, each with its bytes of content.
        links: Vec<(Cid, u64)>,
        /// Bytes of content of all chunks.
        size: u64,
    },
    /// A folder: names in byte order, addresses, and the bytes of all blocks below as stated, not checked.
    Folder(Vec<(String, Cid, u64)>),
    /// A large folder, or a part of one; the links as in [`Block::Folder`].
    Shard {
        /// The entries that stand in this shard: slot, name, address, stated bytes below.
        entries: Vec<(u8, String, Cid, u64)>,
        /// The shards below: slot, address, stated bytes below.
        children: Vec<(u8, Cid, u64)>,
    },
    /// A symbolic link's target.
    Symlink(String),
}

/// Why a block is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnixFsError {
    /// The bytes are not those the CID names: corrupted, or a server that lies.
    #[error("block {0} does not hash to its CID; fetch it from another place")]
    Digest(Cid),
    /// Over [`BLOCK_BYTES_MAX`].
    #[error("block {0} has {1} bytes, the most is {BLOCK_BYTES_MAX}; add the content with smaller chunks")]
    TooLarge(Cid, usize),
    /// A CID of something else, such as a JobSpec.
    #[error("{0} is not a file or folder; use a CID that `ipfs add` gave")]
    NotUnixFs(Cid),
    /// The block breaks the format.
    #[error("block {cid} is not valid UnixFS: {reason}; add the content again with `ipfs add`")]
    Malformed {
        /// The block.
        cid: Cid,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Checks a block against its CID and reads it.
///
/// # Errors
/// [`UnixFsError`] for bytes that the CID doesn't name, and for blocks that are not strictly UnixFS.
pub fn decode(cid: Cid, block: &[u8]) -> Result<Block, UnixFsError> {
    if block.len() > BLOCK_BYTES_MAX {
        return Err(UnixFsError::TooLarge(cid, block.len()));
    }
    if Cid::of(cid.codec, block) != cid {
        return Err(UnixFsError::Digest(cid));
    }
    match cid.codec {
        Codec::Raw => Ok(Block::Bytes(block.to_vec())),
        Codec::DagPb => decode_node(block).map_err(|reason| UnixFsError::Malformed { cid, reason }),
        Codec::DagCbor => Err(UnixFsError::NotUnixFs(cid)),
    }
}

fn decode_node(block: &[u8]) -> Result<Block, &'static str> {
    let (links, data) = read_node(block)?;
    let data = UnixFsData::from_bytes(data)?;
    if links.iter().any(|link| link.cid.codec == Codec::DagCbor) {
        return Err("links to something that is no file or folder");
    }
    let sharded = data.hash_type.is_some() || data.fanout.is_some();
    if sharded != (data.kind == DataType::Shard) {
        return Err("only shards have a hash and a fanout");
    }
    match data.kind {
        DataType::File | DataType::Raw => file(links, &data),
        _ if data.file_size.is_some() || !data.block_sizes.is_empty() => Err("only files have sizes"),
        DataType::Folder => folder(links, &data),
        DataType::Shard => shard(links, &data),
        DataType::Symlink => symlink(&links, &data),
    }
}

fn file(links: Vec<Link>, data: &UnixFsData<'_>) -> Result<Block, &'static str> {
    let bytes = data.data.unwrap_or_default();
    if links.is_empty() {
        if !data.block_sizes.is_empty() {
            return Err("chunk sizes without chunks");
        }
        if data.file_size.is_some_and(|size| size != bytes.len() as u64) {
            return Err("file size differs from the bytes");
        }
        return Ok(Block::Bytes(bytes.to_vec()));
    }
    if data.kind == DataType::Raw || !bytes.is_empty() {
        return Err("a node with chunks that also holds bytes");
    }
    if links.len() != data.block_sizes.len() {
        return Err("as many chunk sizes as chunks expected");
    }
    if links.iter().any(|link| !link.name.is_empty()) {
        return Err("a file's chunk with a name");
    }
    // An empty chunk carries nothing, and a tree of them would cost time for no content.
    if data.block_sizes.contains(&0) {
        return Err("a file's chunk without bytes");
    }
    let size = data.block_sizes.iter().try_fold(0_u64, |sum, size| sum.checked_add(*size));
    match (size, data.file_size) {
        (Some(sum), Some(size)) if sum == size => {
            let links = links.iter().map(|link| link.cid).zip(data.block_sizes.iter().copied()).collect();
            Ok(Block::File { links, size })
        }
        _ => Err("file size differs from the sum of the chunks"),
    }
}

fn folder(links: Vec<Link>, data: &UnixFsData<'_>) -> Result<Block, &'static str> {
    if data.data.is_some_and(|data| !data.is_empty()) {
        return Err("a folder that holds bytes");
    }
    if !links.windows(2).all(|pair| pair[0].name < pair[1].name) {
        return Err("folder entries out of order or twice");
    }
    if links.iter().any(|link| !Folder::is_name(&link.name)) {
        return Err("a folder entry with a name that no file can have");
    }
    Ok(Block::Folder(links.into_iter().map(|link| (link.name, link.cid, link.tree_bytes)).collect()))
}

fn shard(links: Vec<Link>, data: &UnixFsData<'_>) -> Result<Block, &'static str> {
    if data.hash_type != Some(HASH_MURMUR3) || data.fanout != Some(FANOUT) {
        return Err("a shard with another hash or fanout than IPFS gives");
    }
    let mut slots = [0_u8; 32];
    let mut last = None;
    let (mut entries, mut children) = (Vec::new(), Vec::new());
    for link in links {
        let (slot, name) = slot_and_name(&link.name)?;
        if last.is_some_and(|last| last >= slot) {
            return Err("shard slots out of order or twice");
        }
        last = Some(slot);
        slots[31 - usize::from(slot / 8)] |= 1 << (slot % 8);
        if name.is_empty() {
            if link.cid.codec != Codec::DagPb {
                return Err("a shard's child that is no shard");
            }
            children.push((slot, link.cid, link.tree_bytes));
        } else if Folder::is_name(name) {
            entries.push((slot, name.to_owned(), link.cid, link.tree_bytes));
        } else {
            return Err("a folder entry with a name that no file can have");
        }
    }
    if data.data.unwrap_or_default() != significant(&slots) {
        return Err("a shard whose bit field differs from its links");
    }
    Ok(Block::Shard { entries, children })
}

/// Splits `0Fname` into slot 15 and `name`; only upper-case digits, so that a slot has one spelling.
fn slot_and_name(link: &str) -> Result<(u8, &str), &'static str> {
    const BAD: &str = "a shard's link without its slot";
    let (digits, name) = link.split_at_checked(2).ok_or(BAD)?;
    let upper = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    let slot = u8::from_str_radix(digits, 16).map_err(|_| BAD)?;
    if upper { Ok((slot, name)) } else { Err(BAD) }
}

fn symlink(links: &[Link], data: &UnixFsData<'_>) -> Result<Block, &'static str> {
    if !links.is_empty() {
        return Err("a symbolic link with links");
    }
    let target = std::str::from_utf8(data.data.unwrap_or_default())
        .map_err(|_| "a symbolic link whose target is not UTF-8")?;
    if target.is_empty() || target.len() > TARGET_BYTES_MAX || target.contains('\0') {
        return Err("a symbolic link whose target is empty, too long or holds NUL");
    }
    Ok(Block::Symlink(target.to_owned()))
}
