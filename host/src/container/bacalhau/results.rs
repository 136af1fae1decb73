//! A results archive of a cluster to a result folder, within bounds: no path of the archive reaches the disk, and no
//! link is followed, because everything stays in memory.

use crate::container::collect::DEPTH_MAX;
use flate2::read::GzDecoder;
use lilypad_abi::ContainerSpec;
use lilypad_runtime::{Folder, Node};
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};

/// Why an archive is no result of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResultsError {
    /// Not a tar.gz, or cut off.
    #[error("the results are no whole tar.gz archive: {0}")]
    Archive(String),
    /// Something that no node would have put there.
    #[error("the results hold '{0}', which no result folder can")]
    Entry(String),
    /// Bacalhau archives links without saying where they point.
    #[error("the job's outputs hold the link '{0}', and a Bacalhau cluster doesn't keep where links point")]
    Link(String),
    /// A node's Docker may have changed what the program said; see [`may_be_changed`].
    #[error(
        "its {0} holds the character U+FFFD, which the nodes' Docker writes in place of every byte that isn't UTF-8, so \
         that what the program said can't be told; nodes whose /etc/docker/daemon.json has \"log-driver\": \"local\" \
         keep all bytes, but then too a program can't say that character"
    )]
    Words(&'static str),
    /// No exit code, or one that is none.
    #[error("the results have no exit code")]
    ExitCode,
}

/// A run's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Results {
    /// The program's exit code.
    pub(super) code: u32,
    /// Standard output, cut as the job says.
    pub(super) stdout: Vec<u8>,
    /// Standard error, cut as the job says.
    pub(super) stderr: Vec<u8>,
    /// The outputs by name; absent when they go over the job's limits.
    pub(super) outputs: Option<BTreeMap<String, Folder>>,
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
    let (mut stdout, mut stderr, mut code) = (Vec::new(), Vec::new(), None);
    let mut root = Folder::default();
    for name in spec.outputs.keys() {
        root.entries.insert(name.clone(), Node::Folder(Folder::default()));
    }
    // Two more than may stay show whether the last character is whole.
    let word_bytes = |bytes_max: u64| bytes_max.saturating_add(REPLACEMENT.len() as u64 - 1);
    let (mut files, mut bytes_left, mut over) = (0_u32, limits.disk_bytes_max, false);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = match path_of(&entry.path_bytes())? {
            Path::Named(path) => path,
            // Has no place in a result, and counts all the same; what is in it doesn't, as nobody looks there.
            Path::Unnamed => {
                files = files.saturating_add(1);
                over |= files > limits.output_files_max;
                continue;
            }
            Path::BelowUnnamed => continue,
        };
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let kind = entry.header().entry_type();
        match parts.as_slice() {
            [] => {}
            [name @ ("stdout" | "stderr" | "exitCode")] if kind.is_file() => {
                let (into, bytes_max) = match *name {
                    "stdout" => (&mut stdout, word_bytes(limits.stdout_bytes_max)),
                    "stderr" => (&mut stderr, word_bytes(limits.stderr_bytes_max)),
                    _ => (code.insert(Vec::new()), 16),
                };
                // What is over is skipped: the job's own caps count.
                entry.by_ref().take(bytes_max).read_to_end(into).map_err(broken)?;
            }
            // An output's own folder is there already.
            [name] if spec.outputs.contains_key(*name) && kind.is_dir() => {}
            [name, _, ..] if spec.outputs.contains_key(*name) => {
                files = files.saturating_add(1);
                // As many folders as `collect` takes below an output, and files in the last.
                over |= files > limits.output_files_max || kind.is_dir() && parts.len() - 1 > DEPTH_MAX;
                if over {
                    continue;
                }
                let node = if kind.is_dir() {
                    Node::Folder(Folder::default())
                } else if kind.is_file() {
                    let mut bytes = Vec::new();
                    let most = bytes_left.saturating_add(1);
                    entry.by_ref().take(most).read_to_end(&mut bytes).map_err(broken)?;
                    let Some(left) = bytes_left.checked_sub(bytes.len() as u64) else {
                        over = true;
                        continue;
                    };
                    bytes_left = left;
                    Node::File(Arc::new(bytes))
                } else if kind.is_symlink() || kind.is_hard_link() {
                    return Err(ResultsError::Link(path));
                } else {
                    // Pipes, sockets and devices have no place in a result.
                    continue;
                };
                insert(&mut root, &parts, node).ok_or(ResultsError::Entry(path))?;
            }
            _ => return Err(ResultsError::Entry(path)),
        }
    }
    for (name, words, bytes_max) in
        [("stdout", &mut stdout, limits.stdout_bytes_max), ("stderr", &mut stderr, limits.stderr_bytes_max)]
    {
        if may_be_changed(words) {
            return Err(ResultsError::Words(name));
        }
        words.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    }
    let text = code.and_then(|bytes| String::from_utf8(bytes).ok());
    let code = text.and_then(|text| text.trim().parse().ok()).ok_or(ResultsError::ExitCode)?;
    let folders = root.entries.into_iter().filter_map(|(name, node)| match node {
        Node::Folder(folder) => Some((name, folder)),
        Node::File(_) | Node::Symlink(_) => None,
    });
    Ok(Results { code, stdout, stderr, outputs: (!over).then(|| folders.collect()) })
}

/// U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Whether words may be others than the program's.
///
/// Bacalhau takes them from Docker's log. The usual one is JSON, which has no bytes, so that Docker writes U+FFFD for each
/// that isn't UTF-8, and for a character that it cuts in two when it splits lines of more than 16 KiB.
fn may_be_changed(words: &[u8]) -> bool {
    words.windows(REPLACEMENT.len()).any(|window| window == REPLACEMENT)
}

/// Where an entry is.
enum Path {
    /// By a path that can only lead into the folder.
    Named(String),
    /// Its own name isn't UTF-8.
    Unnamed,
    /// In a folder whose name isn't.
    BelowUnnamed,
}

/// An entry's path, if it can only lead into the folder.
fn path_of(bytes: &[u8]) -> Result<Path, ResultsError> {
    let Ok(path) = std::str::from_utf8(bytes) else {
        let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
        let end = bytes.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let below = std::str::from_utf8(&bytes[..end]).is_err();
        return Ok(if below { Path::BelowUnnamed } else { Path::Unnamed });
    };
    let parts = path.trim_end_matches('/').split('/');
    let good = !path.starts_with('/') && parts.clone().all(|part| part == "." || Folder::is_name(part));
    if good { Ok(Path::Named(path.to_owned())) } else { Err(ResultsError::Entry(path.to_owned())) }
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

#[cfg(test)]
#[path = "results_tests.rs"]
mod tests;
