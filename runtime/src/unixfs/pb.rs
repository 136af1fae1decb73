//! The wire format below UnixFS: dag-pb nodes and the UnixFS message inside, both protobuf.
//!
//! Written by hand because two messages are all there is, and because reading must be stricter than
//! protobuf: fields in their one order, shortest varints, nothing unknown. Nothing here knows a file's shape.

use lilypad_abi::Cid;

/// The field types of protobuf that dag-pb and UnixFS use.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// What a node stands for; the numbers are UnixFS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    Raw = 0,
    Folder = 1,
    File = 2,
    Symlink = 4,
    Shard = 5,
}

/// A node's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) cid: Cid,
    /// Bytes of all blocks below the link (dag-pb's `Tsize`); a hint when read, never trusted.
    pub(super) tree_bytes: u64,
}

/// The UnixFS message of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnixFsData<'a> {
    pub(super) kind: DataType,
    pub(super) data: Option<&'a [u8]>,
    pub(super) file_size: Option<u64>,
    pub(super) block_sizes: Vec<u64>,
    pub(super) hash_type: Option<u64>,
    pub(super) fanout: Option<u64>,
}

impl<'a> UnixFsData<'a> {
    pub(super) const fn new(kind: DataType) -> Self {
        Self { kind, data: None, file_size: None, block_sizes: Vec::new(), hash_type: None, fanout: None }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(&mut out, 1, self.kind as u64);
        if let Some(data) = self.data {
            put_bytes(&mut out, 2, data);
        }
        if let Some(size) = self.file_size {
            put_number(&mut out, 3, size);
        }
        for size in &self.block_sizes {
            put_number(&mut out, 4, *size);
        }
        if let Some(hash_type) = self.hash_type {
            put_number(&mut out, 5, hash_type);
        }
        if let Some(fanout) = self.fanout {
            put_number(&mut out, 6, fanout);
        }
        out
    }

    /// Reads a message; the reason when it is not one.
    pub(super) fn from_bytes(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut fields = Fields(bytes);
        let mut last = 0;
        let mut kind = None;
        let mut out = Self::new(DataType::Raw);
        while let Some((field, value)) = fields.next()? {
            // Only the chunk sizes repeat.
            if field < last || (field == last && field != 4) {
                return Err("UnixFS fields out of order");
            }
            last = field;
            match (field, value) {
                (1, Value::Number(number)) => kind = Some(data_type(number)?),
                (2, Value::Bytes(data)) => out.data = Some(data),
                (3, Value::Number(size)) => out.file_size = Some(size),
                (4, Value::Number(size)) => out.block_sizes.push(size),
                (5, Value::Number(hash_type)) => out.hash_type = Some(hash_type),
                (6, Value::Number(fanout)) => out.fanout = Some(fanout),
                // A mode and a time may stand in strangers' trees; a job never sees them.
                (7, Value::Number(_)) | (8, Value::Bytes(_)) => {}
                _ => return Err("unknown UnixFS field"),
            }
        }
        out.kind = kind.ok_or("UnixFS type missing")?;
        Ok(out)
    }
}

fn data_type(number: u64) -> Result<DataType, &'static str> {
    Ok(match number {
        0 => DataType::Raw,
        1 => DataType::Folder,
        2 => DataType::File,
        4 => DataType::Symlink,
        5 => DataType::Shard,
        _ => return Err("unknown UnixFS type"),
    })
}

/// Writes a dag-pb node: links first, then data, as the canonical form has it.
#[derive(Debug, Default)]
pub(super) struct NodeWriter {
    bytes: Vec<u8>,
    tree_bytes: u64,
}

impl NodeWriter {
    pub(super) fn link(&mut self, name: &str, cid: Cid, tree_bytes: u64) {
        let mut link = Vec::with_capacity(name.len() + 56);
        put_bytes(&mut link, 1, &cid.to_bytes());
        put_bytes(&mut link, 2, name.as_bytes());
        put_number(&mut link, 3, tree_bytes);
        put_bytes(&mut self.bytes, 2, &link);
        self.tree_bytes += tree_bytes;
    }

    /// Bytes of all blocks below the links so far.
    pub(super) const fn tree_bytes(&self) -> u64 {
        self.tree_bytes
    }

    pub(super) fn finish(mut self, data: &[u8]) -> Vec<u8> {
        put_bytes(&mut self.bytes, 1, data);
        self.bytes
    }
}

/// Reads a dag-pb node; the reason when it is not one.
pub(super) fn read_node(bytes: &[u8]) -> Result<(Vec<Link>, &[u8]), &'static str> {
    let mut links = Vec::new();
    let mut data = None;
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (2, Value::Bytes(link)) if data.is_none() => links.push(read_link(link)?),
            (1, Value::Bytes(bytes)) if data.is_none() => data = Some(bytes),
            _ => return Err("dag-pb fields unknown or out of order"),
        }
    }
    Ok((links, data.ok_or("dag-pb node without data")?))
}

fn read_link(bytes: &[u8]) -> Result<Link, &'static str> {
    let mut fields = Fields(bytes);
    let mut take = |wanted| match fields.next()? {
        Some((field, value)) if field == wanted => Ok(value),
        _ => Err("dag-pb link fields unknown, missing or out of order"),
    };
    let (Value::Bytes(cid), Value::Bytes(name), Value::Number(tree_bytes)) = (take(1)?, take(2)?, take(3)?)
    else {
        return Err("dag-pb link field of another type");
    };
    if fields.next()?.is_some() {
        return Err("dag-pb link with more fields");
    }
    let name = std::str::from_utf8(name).map_err(|_| "dag-pb link name is not UTF-8")?.to_owned();
    let link = Cid::from_bytes(cid).map_err(|_| "dag-pb link is not a CIDv1 with BLAKE3-256")?;
    if link.to_bytes() != cid {
        return Err("dag-pb link's CID is not in its shortest form");
    }
    Ok(Link { name, cid: link, tree_bytes })
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            VARINT => Value::Number(self.varint()?),
            BYTES => {
                let len = usize::try_from(self.varint()?).map_err(|_| "length out of range")?;
                let (bytes, rest) = self.0.split_at_checked(len).ok_or("field runs over the block's end")?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return Err("unknown protobuf wire type"),
        };
        Ok(Some((key >> 3, value)))
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or("varint runs over the block's end")?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err("varint over 64 bits");
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err("varint not in its shortest form") };
            }
        }
        Err("varint over 64 bits")
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
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

fn put_number(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3 | VARINT);
    put_varint(out, value);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | BYTES);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
