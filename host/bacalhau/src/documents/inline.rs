//! Inputs that stand in the document itself: data URLs, and the folders packed into them.
//!
//! A packed folder is a stranger's: what it would write outside of itself, or that is neither file nor folder, is
//! refused here, before anybody touches a disk.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use std::{borrow::Cow, collections::BTreeMap, io::Read as _, path::Component};

/// The media type by which a data URL is a packed folder.
const PACKED: &str = "application/gzip";

/// Most files and folders in a packed folder.
const ENTRIES_MAX: usize = 65_536;

/// The bytes of a data URL, and whether they are a packed folder.
pub(crate) fn decode(url: &str) -> Result<(Vec<u8>, bool), String> {
    let rest = url.trim().strip_prefix("data:").ok_or("expected a data URL, such as data:;base64,aGk=")?;
    let (head, data) = rest.split_once(',').ok_or("this data URL has no comma before its data")?;
    let mut parts = head.split(';');
    let media_type = parts.next().unwrap_or_default();
    let is_base64 = parts.next_back().is_some_and(|part| part == "base64");
    let bytes = if is_base64 {
        let data: Cow<'_, [u8]> = if data.contains(|c: char| c.is_ascii_whitespace()) {
            data.bytes().filter(|b| !b.is_ascii_whitespace()).collect()
        } else {
            data.as_bytes().into()
        };
        STANDARD.decode(data).map_err(|error| format!("this data URL is not base64: {error}"))?
    } else {
        percent_decode(data)?
    };
    Ok((bytes, media_type == PACKED))
}

/// The data URL of some bytes.
pub(crate) fn encode(bytes: &[u8], is_tar: bool) -> String {
    let media_type = if is_tar { PACKED } else { "application/octet-stream" };
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
            _ => return Err("in this data URL a % is not followed by two hex digits".to_owned()),
        }
    }
    Ok(bytes)
}

/// Something in a packed folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpacked {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// What it holds.
        bytes: Vec<u8>,
        /// Whether its owner may execute it.
        is_executable: bool,
    },
}

/// The files and folders of a packed folder (a gzip-compressed tar archive), by path: relative, with `/`, and without
/// `.` and `..`. A path's folders are there too.
///
/// # Errors
/// When it is no such archive, holds more than `bytes_max` bytes or 65,536 entries, or holds links, devices or paths
/// that lead out.
pub fn unpack(packed: &[u8], bytes_max: u64) -> Result<BTreeMap<String, Unpacked>, String> {
    // Headers and padding take 1 KiB an entry at most; what is beyond is never decompressed.
    let stream_max = bytes_max.saturating_add(1 << 10 << 16);
    let mut archive = tar::Archive::new(GzDecoder::new(packed).take(stream_max));
    let mut found = BTreeMap::new();
    let (mut entries, mut left) = (0, bytes_max);
    let broken = |error: std::io::Error| format!("this is no gzip-compressed tar archive: {error}");
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        entries += 1;
        if entries > ENTRIES_MAX {
            return Err(format!("this archive has more than {ENTRIES_MAX} files and folders"));
        }
        let path = plain_path(&entry)?;
        let kind = entry.header().entry_type();
        let value = if kind.is_dir() {
            Unpacked::Folder
        } else if kind.is_file() {
            let mut bytes = Vec::new();
            let size = entry.by_ref().take(left.saturating_add(1)).read_to_end(&mut bytes).map_err(broken)?;
            let size = u64::try_from(size).unwrap_or(u64::MAX);
            left = left
                .checked_sub(size)
                .ok_or_else(|| format!("this archive unpacks to more than {bytes_max} bytes"))?;
            let mode = entry.header().mode().map_err(broken)?;
            Unpacked::File { bytes, is_executable: mode & 0o100 != 0 }
        } else {
            return Err(format!("'{path}' in this archive is neither a file nor a folder"));
        };
        for (end, _) in path.match_indices('/') {
            let folder = found.entry(path[..end].to_owned()).or_insert(Unpacked::Folder);
            if *folder != Unpacked::Folder {
                return Err(format!("'{}' in this archive is both a file and a folder", &path[..end]));
            }
        }
        match (found.get(&path), &value) {
            _ if path.is_empty() => {}
            (None, _) | (Some(Unpacked::File { .. }), Unpacked::File { .. }) => {
                found.insert(path, value);
            }
            (Some(Unpacked::Folder), Unpacked::Folder) => {}
            _ => return Err(format!("'{path}' in this archive is both a file and a folder")),
        }
    }
    Ok(found)
}

/// An entry's path, if it leads nowhere else; the archive's own root is empty.
fn plain_path<R: std::io::Read>(entry: &tar::Entry<'_, R>) -> Result<String, String> {
    let path = entry.path().map_err(|error| format!("a path in this archive can't be read: {error}"))?;
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => {
                parts.push(name.to_str().ok_or("a path in this archive is not UTF-8")?)
            }
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("'{}' in this archive leads out of it", path.display()));
            }
        }
    }
    Ok(parts.join("/"))
}
