//! A results archive of a cluster to a result folder, within bounds: no path of the archive reaches the disk, and no
//! link is followed, because everything stays in memory.

use flate2::read::GzDecoder;
use lilypad_abi::ContainerSpec;
use lilypad_runtime::{Folder, Node};
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};

/// Deepest path.
const DEPTH_MAX: usize = 256;

/// Why an archive is no result of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResultsError {
    /// Not a tar.gz, or cut off.
    #[error("the results are no whole tar.gz archive: {0}")]
    Archive(String),
    /// Something a result folder can't hold.
    #[error("the results hold '{0}', which no result folder can")]
    Entry(String),
    /// The outputs went over the job's bounds, which the cluster doesn't enforce while a job runs.
    #[error("the job's outputs go over its {0}")]
    Limit(&'static str),
    /// No exit code, or one that is none.
    #[error("the results have no exit code")]
    ExitCode,
}

/// A run's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Results {
    /// The program's exit code.
    pub(super) code: u32,
    /// `stdout`, `stderr`, `exitCode` and a folder for each output.
    pub(super) folder: Folder,
}

/// Most bytes of an archive that can hold a job's results: what doesn't compress, with the headers.
pub(super) fn archive_bytes_max(spec: &ContainerSpec) -> u64 {
    let limits = &spec.limits;
    // The cluster keeps more of the streams than the job may have: the rest is cut here.
    let streams = 2_u64 << 30;
    limits.disk_bytes_max.saturating_add(streams).saturating_add(u64::from(limits.output_files_max) * 4_096)
}

/// Reads the results of a job.
pub(super) fn read(archive: &[u8], spec: &ContainerSpec) -> Result<Results, ResultsError> {
    let limits = &spec.limits;
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let broken = |error: io::Error| ResultsError::Archive(error.to_string());
    let mut found = BTreeMap::new();
    let mut root = Folder::default();
    for name in spec.outputs.keys() {
        root.entries.insert(name.clone(), Node::Folder(Folder::default()));
    }
    let (mut files, mut bytes_left) = (0_u32, limits.disk_bytes_max);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = path_of(&entry.path_bytes())?;
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let kind = entry.header().entry_type();
        match parts.as_slice() {
            [] => continue,
            [name @ ("stdout" | "stderr" | "exitCode")] => {
                if !kind.is_file() {
                    return Err(ResultsError::Entry(path));
                }
                let bytes_max = match *name {
                    "stdout" => limits.stdout_bytes_max,
                    "stderr" => limits.stderr_bytes_max,
                    _ => 16,
                };
                // Cut as the job says: what is over is skipped.
                let mut bytes = Vec::new();
                entry.by_ref().take(bytes_max).read_to_end(&mut bytes).map_err(broken)?;
                found.insert((*name).to_owned(), bytes);
            }
            // An output's own folder is there already; what belongs to no output is not asked for.
            [name] if spec.outputs.contains_key(*name) && kind.is_dir() => {}
            [name, ..] if !spec.outputs.contains_key(*name) => return Err(ResultsError::Entry(path)),
            parts => {
                files += 1;
                if files > limits.output_files_max {
                    return Err(ResultsError::Limit("most files"));
                }
                let node = if kind.is_dir() {
                    Node::Folder(Folder::default())
                } else if kind.is_symlink() {
                    let target = entry.link_name_bytes().map(|bytes| bytes.into_owned());
                    let target = target.and_then(|bytes| String::from_utf8(bytes).ok());
                    Node::Symlink(target.ok_or_else(|| ResultsError::Entry(path.clone()))?)
                } else if kind.is_file() {
                    let mut bytes = Vec::new();
                    let most = bytes_left.saturating_add(1);
                    entry.by_ref().take(most).read_to_end(&mut bytes).map_err(broken)?;
                    bytes_left = bytes_left
                        .checked_sub(bytes.len() as u64)
                        .ok_or(ResultsError::Limit("most bytes of outputs"))?;
                    Node::File(Arc::new(bytes))
                } else {
                    return Err(ResultsError::Entry(path));
                };
                insert(&mut root, parts, node).ok_or(ResultsError::Entry(path))?;
            }
        }
    }
    let text = found.remove("exitCode").and_then(|bytes| String::from_utf8(bytes).ok());
    let code: i64 = text.and_then(|text| text.trim().parse().ok()).ok_or(ResultsError::ExitCode)?;
    let code = u32::try_from(code).map_err(|_| ResultsError::ExitCode)?;
    for name in ["stdout", "stderr"] {
        root.insert_file(name, found.remove(name).unwrap_or_default());
    }
    root.insert_file("exitCode", code.to_string().into_bytes());
    Ok(Results { code, folder: root })
}

/// An entry's path, if it can only lead into the folder.
fn path_of(bytes: &[u8]) -> Result<String, ResultsError> {
    let path = String::from_utf8_lossy(bytes).into_owned();
    let parts = path.trim_end_matches('/').split('/');
    let good = std::str::from_utf8(bytes).is_ok()
        && !path.starts_with('/')
        && parts.clone().count() <= DEPTH_MAX
        && parts.clone().all(|part| part == "." || Folder::is_name(part));
    if good { Ok(path) } else { Err(ResultsError::Entry(path)) }
}

/// Puts a node where its parts say, never through a link and never over something else.
fn insert(folder: &mut Folder, parts: &[&str], node: Node) -> Option<()> {
    match parts {
        [] => None,
        [name] => match (folder.entries.get(*name), &node) {
            // A folder that is named again is the same folder.
            (Some(Node::Folder(_)), Node::Folder(_)) => Some(()),
            (Some(_), _) => None,
            (None, _) => {
                folder.entries.insert((*name).to_owned(), node);
                Some(())
            }
        },
        [name, rest @ ..] => match folder.entries.get_mut(*name)? {
            Node::Folder(child) => insert(child, rest, node),
            Node::File(_) | Node::Symlink(_) => None,
        },
    }
}
