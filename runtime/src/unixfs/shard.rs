//! Folders too large for one block: a tree of shards, each entry placed by the hash of its name.
//!
//! A node has 256 slots; a slot holds nothing, one entry, or a shard of the entries whose hashes go on
//! alike. The tree's shape follows from the set of names alone. Nothing here decides when to shard.

use super::{
    Encoded,
    pb::{DataType, Link, NodeWriter, UnixFsData},
};

/// Slots of a node; one byte of the hash picks one.
pub(super) const FANOUT: u64 = 256;

/// Multicodec of the first 64 bits of murmur3 x64 128.
pub(super) const HASH_MURMUR3: u64 = 0x22;

/// Bytes of a hash, and so the depth of the deepest shard.
const HASH_BYTES: usize = 8;

/// The slot of `name` in a shard `depth` levels below the folder's root shard; none below the deepest.
#[must_use]
pub fn shard_slot(name: &str, depth: usize) -> Option<u8> {
    murmur3(name.as_bytes()).to_be_bytes().get(depth).copied()
}

/// Encodes the shards of a folder, children first; none when two names' hashes are the same.
pub(super) fn encode(
    links: &[Link],
    emit: &mut dyn FnMut(NodeWriter, &UnixFsData<'_>) -> Encoded,
) -> Option<Encoded> {
    let mut placed: Vec<([u8; HASH_BYTES], &Link)> =
        links.iter().map(|link| (murmur3(link.name.as_bytes()).to_be_bytes(), link)).collect();
    placed.sort_by_key(|(hash, _)| *hash);
    let unique = placed.windows(2).all(|pair| pair[0].0 != pair[1].0);
    unique.then(|| encode_shard(&placed, 0, emit))
}

fn encode_shard(
    placed: &[([u8; HASH_BYTES], &Link)],
    depth: usize,
    emit: &mut dyn FnMut(NodeWriter, &UnixFsData<'_>) -> Encoded,
) -> Encoded {
    let mut node = NodeWriter::default();
    let mut slots = [0_u8; 32];
    for group in placed.chunk_by(|a, b| a.0[depth] == b.0[depth]) {
        let slot = group[0].0[depth];
        slots[31 - usize::from(slot / 8)] |= 1 << (slot % 8);
        if let [(_, link)] = group {
            node.link(&format!("{slot:02X}{}", link.name), link.cid, link.tree_bytes);
        } else {
            let child = encode_shard(group, depth + 1, emit);
            node.link(&format!("{slot:02X}"), child.cid, child.tree_bytes);
        }
    }
    let data = UnixFsData {
        data: Some(significant(&slots)),
        hash_type: Some(HASH_MURMUR3),
        fanout: Some(FANOUT),
        ..UnixFsData::new(DataType::Shard)
    };
    emit(node, &data)
}

/// A big-endian number without its leading zero bytes.
pub(super) fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// The first 64 bits of murmur3 x64 128, seed 0.
fn murmur3(bytes: &[u8]) -> u64 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let word = |part: &[u8]| {
        let mut le = [0; 8];
        le[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(le)
    };
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let blocks = bytes.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        h1 ^= mix1(word(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    // An absent word is zero and mixes to zero.
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= mix2(word(high));
    h1 ^= mix1(word(low));
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    final_mix(h1).wrapping_add(final_mix(h2))
}

const fn final_mix(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}
