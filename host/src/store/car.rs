//! CAR version 1: a root and its blocks in one stream, each verifiable by whoever reads it.
//!
//! Depth first, in link order, each block once. Written only: fetching asks for blocks one by one.

use super::{Store, StoreError};
use lilypad_abi::{Cid, Codec};
use lilypad_runtime::unixfs::{self, Block};
use std::collections::BTreeSet;

/// Which blocks of a tree a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The root alone.
    Block,
    /// The root's own: all of a file, or a folder without what its entries name.
    Entity,
    /// Everything below.
    All,
}

/// The pieces of a CAR stream: the header, then each block. Ends after the first error.
pub(super) struct CarStream {
    store: Store,
    scope: Scope,
    header: Option<Cid>,
    /// The next blocks, last first.
    stack: Vec<Cid>,
    seen: BTreeSet<Cid>,
}

impl CarStream {
    pub(super) fn new(store: Store, root: Cid, scope: Scope) -> Self {
        Self { store, scope, header: Some(root), stack: vec![root], seen: BTreeSet::from([root]) }
    }

    fn section(&mut self, cid: Cid) -> Result<Vec<u8>, StoreError> {
        let block = self.store.get(cid)?;
        let mut below = match self.scope {
            Scope::Block => Vec::new(),
            Scope::Entity | Scope::All => links(cid, &block, self.scope),
        };
        below.reverse();
        below.retain(|link| self.seen.insert(*link));
        self.stack.extend(below);
        let mut out = Vec::with_capacity(block.len() + 48);
        put_varint(&mut out, 36 + block.len());
        out.extend_from_slice(&cid.to_bytes());
        out.extend_from_slice(&block);
        Ok(out)
    }
}

impl Iterator for CarStream {
    type Item = Result<Vec<u8>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(root) = self.header.take() {
            return Some(Ok(header(root)));
        }
        let cid = self.stack.pop()?;
        let section = self.section(cid);
        if section.is_err() {
            self.stack.clear();
        }
        Some(section)
    }
}

/// Blocks that a block links to; none for what is no valid UnixFS.
fn links(cid: Cid, block: &[u8], scope: Scope) -> Vec<Cid> {
    if cid.codec != Codec::DagPb {
        return Vec::new();
    }
    let all = scope == Scope::All;
    match unixfs::decode(cid, block) {
        Ok(Block::File { links, .. }) => links.into_iter().map(|(cid, _)| cid).collect(),
        Ok(Block::Folder(links)) if all => links.into_iter().map(|(_, cid, _)| cid).collect(),
        Ok(Block::Shard { entries, children }) => {
            let mut links: Vec<(u8, Cid)> = children.into_iter().map(|(slot, cid, _)| (slot, cid)).collect();
            if all {
                links.extend(entries.into_iter().map(|(slot, _, cid, _)| (slot, cid)));
            }
            links.sort_by_key(|(slot, _)| *slot);
            links.into_iter().map(|(_, cid)| cid).collect()
        }
        _ => Vec::new(),
    }
}

/// DAG-CBOR of `{roots: [root], version: 1}`, behind its length.
fn header(root: Cid) -> Vec<u8> {
    let mut out = Vec::with_capacity(59);
    put_varint(&mut out, 58);
    out.extend_from_slice(b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00");
    out.extend_from_slice(&root.to_bytes());
    out.extend_from_slice(b"\x67version\x01");
    out
}

fn put_varint(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}
