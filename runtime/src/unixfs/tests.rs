//! The encoder against a real Kubo's CIDs, and the decoder against the encoder and against hostile blocks.

use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

type Blocks = BTreeMap<Cid, Vec<u8>>;

#[test]
fn vectors_of_a_real_kubo() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/unixfs.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 20, "vectors went missing");
    for case in cases {
        let node = node(&case["tree"]);
        let cid = match &node {
            Node::File(bytes) => file_cid(bytes),
            Node::Folder(folder) => folder_cid(folder),
            Node::Symlink(_) => panic!("a bare link has no CID of its own here"),
        };
        assert_eq!(cid.to_string(), case["cid"].as_str().unwrap(), "{}", case["name"]);
        let mut blocks = Blocks::new();
        assert_eq!(encode(&node, &mut blocks), cid);
        assert!(read(cid, &blocks) == node, "{} doesn't read back", case["name"]);
    }
}

/// A tree from its recipe; the vectors' `_comment` explains them.
fn node(recipe: &Value) -> Node {
    let (kind, value) = recipe.as_object().unwrap().iter().next().unwrap();
    let file = |bytes: Vec<u8>| Node::File(Arc::new(bytes));
    match kind.as_str() {
        "pattern" => {
            let len = u32::try_from(value.as_u64().unwrap()).unwrap();
            file((0..len).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect())
        }
        "text" => file(value.as_str().unwrap().into()),
        "symlink" => Node::Symlink(value.as_str().unwrap().into()),
        "folder" => {
            let entries = value.as_object().unwrap().iter();
            Node::Folder(Folder {
                entries: entries.map(|(name, value)| (name.clone(), node(value))).collect(),
            })
        }
        "entries" => {
            let width = usize::try_from(value["name_width"].as_u64().unwrap()).unwrap();
            let names = (0..value["count"].as_u64().unwrap()).map(|i| format!("{i:0width$}"));
            Node::Folder(Folder {
                entries: names.map(|name| (name.clone(), file(name.into_bytes()))).collect(),
            })
        }
        other => panic!("unknown recipe {other}"),
    }
}

fn encode(node: &Node, blocks: &mut Blocks) -> Cid {
    let mut sink = |cid, block| drop(blocks.insert(cid, block));
    match node {
        Node::File(bytes) => encode_file(bytes, &mut sink),
        Node::Folder(folder) => encode_folder(folder, &mut sink),
        Node::Symlink(_) => panic!("a bare link has no CID of its own here"),
    }
}

/// The plainest reader there is: trusts the blocks' own sizes and depth, as only a test may.
fn read(cid: Cid, blocks: &Blocks) -> Node {
    match decode(cid, &blocks[&cid]).unwrap() {
        Block::Bytes(bytes) => Node::File(Arc::new(bytes)),
        Block::File { links, size } => {
            let mut all = Vec::new();
            for (link, size) in links {
                let Node::File(bytes) = read(link, blocks) else { panic!("a chunk that is no file") };
                assert_eq!(bytes.len() as u64, size);
                all.extend_from_slice(&bytes);
            }
            assert_eq!(all.len() as u64, size);
            Node::File(Arc::new(all))
        }
        Block::Folder(links) => {
            let entries = links.into_iter().map(|(name, cid, _)| (name, read(cid, blocks)));
            Node::Folder(Folder { entries: entries.collect() })
        }
        Block::Shard { .. } => {
            let mut entries = BTreeMap::new();
            read_shard(cid, 0, blocks, &mut entries);
            Node::Folder(Folder { entries })
        }
        Block::Symlink(target) => Node::Symlink(target),
    }
}

fn read_shard(cid: Cid, depth: usize, blocks: &Blocks, into: &mut BTreeMap<String, Node>) {
    let Block::Shard { entries, children } = decode(cid, &blocks[&cid]).unwrap() else {
        panic!("a shard's child that is no shard")
    };
    for (slot, name, cid, _) in entries {
        assert_eq!(shard_slot(&name, depth), Some(slot));
        assert_eq!(into.insert(name, read(cid, blocks)), None);
    }
    for (_, cid, _) in children {
        read_shard(cid, depth + 1, blocks, into);
    }
}

fn dag_pb(block: &[u8]) -> Result<Block, UnixFsError> {
    decode(Cid::of(Codec::DagPb, block), block)
}

/// A node with these links and this UnixFS message.
fn block(links: &[(&str, Cid)], data: &UnixFsData<'_>) -> Vec<u8> {
    let mut node = NodeWriter::default();
    for (name, cid) in links {
        node.link(name, *cid, 1);
    }
    node.finish(&data.to_bytes())
}

#[track_caller]
fn refused(block: &[u8], reason: &str) {
    match dag_pb(block) {
        Err(UnixFsError::Malformed { reason: found, .. }) => {
            assert!(found.contains(reason), "expected '{reason}', found '{found}'");
        }
        other => panic!("expected '{reason}', found {other:?}"),
    }
}

#[test]
fn bytes_that_the_cid_does_not_name_are_refused() {
    let cid = Cid::of(Codec::Raw, b"right");
    assert_eq!(decode(cid, b"wrong"), Err(UnixFsError::Digest(cid)));
    assert!(decode(cid, b"right").is_ok());
    // The codec says how to read, and is no part of the hash.
    let cbor = Cid::of(Codec::DagCbor, b"right");
    assert_eq!(decode(cbor, b"right"), Err(UnixFsError::NotUnixFs(cbor)));
    let large = vec![0; BLOCK_BYTES_MAX + 1];
    let cid = Cid::of(Codec::Raw, &large);
    assert_eq!(decode(cid, &large), Err(UnixFsError::TooLarge(cid, large.len())));
}

#[test]
fn hostile_folders_are_refused() {
    let leaf = Cid::of(Codec::Raw, b"x");
    let folder = UnixFsData::new(DataType::Folder);
    assert!(dag_pb(&block(&[("a", leaf), ("b", leaf)], &folder)).is_ok());
    refused(&block(&[("b", leaf), ("a", leaf)], &folder), "out of order");
    refused(&block(&[("a", leaf), ("a", leaf)], &folder), "twice");
    for name in ["", ".", "..", "a/b", "/etc", "nul\0", &"n".repeat(256)] {
        refused(&block(&[(name, leaf)], &folder), "name that no file can have");
    }
    refused(&block(&[("a", Cid::of(Codec::DagCbor, b"x"))], &folder), "no file or folder");
    refused(&block(&[], &UnixFsData { data: Some(b"x"), ..folder.clone() }), "holds bytes");
    refused(&block(&[], &UnixFsData { file_size: Some(1), ..folder.clone() }), "only files");
    refused(&block(&[], &UnixFsData { fanout: Some(256), ..folder }), "only shards");
}

#[test]
fn hostile_files_are_refused() {
    let leaf = Cid::of(Codec::Raw, b"x");
    let file = |sizes: &[u64], size| UnixFsData {
        block_sizes: sizes.to_vec(),
        file_size: Some(size),
        ..UnixFsData::new(DataType::File)
    };
    assert!(dag_pb(&block(&[("", leaf), ("", leaf)], &file(&[1, 1], 2))).is_ok());
    refused(&block(&[("", leaf)], &file(&[1, 1], 2)), "as many chunk sizes");
    refused(&block(&[("", leaf), ("", leaf)], &file(&[1, 1], 3)), "sum of the chunks");
    refused(&block(&[("", leaf), ("", leaf)], &file(&[u64::MAX, 2], 1)), "sum of the chunks");
    refused(&block(&[("", leaf), ("", leaf)], &file(&[0, 1], 1)), "without bytes");
    refused(&block(&[("name", leaf)], &file(&[1], 1)), "with a name");
    let both = UnixFsData { data: Some(b"x"), ..file(&[1], 1) };
    refused(&block(&[("", leaf)], &both), "also holds bytes");
    // What Kubo gives without --raw-leaves: bytes inside a node.
    let inline = UnixFsData { data: Some(b"x"), ..file(&[], 1) };
    assert_eq!(dag_pb(&block(&[], &inline)), Ok(Block::Bytes(b"x".to_vec())));
    refused(&block(&[], &UnixFsData { data: Some(b"x"), ..file(&[], 2) }), "differs from the bytes");
}

#[test]
fn hostile_shards_are_refused() {
    let (leaf, node) = (Cid::of(Codec::Raw, b"x"), Cid::of(Codec::DagPb, b"x"));
    let shard = |bits: &'static [u8]| UnixFsData {
        data: Some(bits),
        hash_type: Some(0x22),
        fanout: Some(256),
        ..UnixFsData::new(DataType::Shard)
    };
    assert!(dag_pb(&block(&[("00a", leaf), ("09", node)], &shard(&[2, 1]))).is_ok());
    refused(&block(&[("00a", leaf), ("09", node)], &shard(&[2, 3])), "bit field");
    refused(&block(&[("00a", leaf), ("09", node)], &shard(&[0, 2, 1])), "bit field");
    refused(&block(&[("00a", leaf), ("00b", leaf)], &shard(&[1])), "out of order");
    refused(&block(&[("00", leaf)], &shard(&[1])), "no shard");
    refused(&block(&[("0ax", leaf)], &shard(&[4, 0])), "without its slot");
    refused(&block(&[("+1x", leaf)], &shard(&[2])), "without its slot");
    refused(&block(&[("é", leaf)], &shard(&[1])), "without its slot");
    refused(&block(&[("00..", leaf)], &shard(&[1])), "name that no file can have");
    refused(&block(&[], &UnixFsData { fanout: Some(u64::MAX), ..shard(&[]) }), "another hash or fanout");
    refused(&block(&[], &UnixFsData { hash_type: Some(0), ..shard(&[]) }), "another hash or fanout");
    refused(&block(&[], &UnixFsData { hash_type: None, ..shard(&[]) }), "another hash or fanout");
}

#[test]
fn hostile_wire_forms_are_refused() {
    // The empty folder, 0a 02 08 01, in other spellings.
    assert_eq!(dag_pb(&[0x0a, 2, 8, 1]), Ok(Block::Folder(vec![])));
    refused(&[0x0a, 0x82, 0, 8, 1], "shortest form");
    refused(&[0x0a, 3, 8, 1], "over the block's end");
    refused(&[0x0a, 2, 8, 1, 0x0a, 2, 8, 1], "out of order");
    refused(&[0x0a, 4, 8, 1, 8, 1], "out of order");
    refused(&[0x0a, 2, 8, 3], "unknown UnixFS type");
    refused(&[0x0a, 4, 8, 1, 0x48, 1], "unknown UnixFS field");
    refused(&[0x0d, 0, 0, 0, 0], "wire type");
    refused(&[0x0a, 0], "type missing");
    refused(&[], "without data");
    refused(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "over the block's end");
    refused(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], "over 64 bits");
    let link = |target: &[u8]| {
        let data = UnixFsData { data: Some(target), ..UnixFsData::new(DataType::Symlink) };
        block(&[], &data)
    };
    refused(&link(b""), "symbolic link");
    refused(&link(b"a\0b"), "symbolic link");
    refused(&link(b"\xff"), "not UTF-8");
    refused(&link(&[b'a'; 4097]), "too long");
}

fn tree() -> impl Strategy<Value = Folder> {
    let leaf = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| Node::File(Arc::new(bytes))),
        "[a-zé/.]{1,20}".prop_map(Node::Symlink),
    ];
    let node = leaf.prop_recursive(4, 40, 6, |inner| {
        proptest::collection::btree_map("[a-zA-Z0-9é ]{1,12}", inner, 0..6)
            .prop_map(|entries| Node::Folder(Folder { entries }))
    });
    proptest::collection::btree_map("[a-zA-Z0-9é ]{1,12}", node, 0..6).prop_map(|entries| Folder { entries })
}

proptest! {
    #[test]
    fn folders_read_back_as_they_were(folder in tree()) {
        let mut blocks = Blocks::new();
        let cid = encode_folder(&folder, &mut |cid, block| drop(blocks.insert(cid, block)));
        prop_assert_eq!(folder_cid(&folder), cid);
        prop_assert_eq!(read(cid, &blocks), Node::Folder(folder));
    }

    #[test]
    fn arbitrary_blocks_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = dag_pb(&bytes);
    }

    #[test]
    fn damaged_blocks_never_panic(folder in tree(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        encode_folder(&folder, &mut |_, mut block| {
            if !block.is_empty() {
                let at = at.index(block.len());
                block[at] = byte;
            }
            let _ = dag_pb(&block);
        });
    }
}
