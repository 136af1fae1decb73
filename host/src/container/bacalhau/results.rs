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
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use lilypad_abi::{ContainerLimits, Image, Network, Profile};
    use tar::EntryType;

    fn spec() -> ContainerSpec {
        let limits = ContainerLimits {
            disk_bytes_max: 10,
            output_files_max: 3,
            stdout_bytes_max: 4,
            ..ContainerLimits::default()
        };
        ContainerSpec {
            profile: Profile::Container1,
            image: Image::Registry(String::new()),
            entrypoint: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::from([("out".to_owned(), "/out".to_owned())]),
            network: Network::None,
            gpus: None,
            limits,
        }
    }

    /// An archive as a hostile node would make it: names go in as they are.
    fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let whole = [("exitCode", EntryType::Regular, &b"7"[..]), (".", EntryType::Directory, b"")];
        for (name, kind, bytes) in whole.iter().chain(entries) {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn results_are_cut_and_sorted_into_their_outputs() {
        let file = EntryType::Regular;
        let archive = packed(&[
            ("stdout", file, b"12345678"),
            ("stderr", file, b"e"),
            ("out", EntryType::Directory, b""),
            ("out/d", EntryType::Directory, b""),
            ("out/d/f", file, b"text"),
            ("out/pipe", EntryType::Fifo, b""),
        ]);
        let results = read(&archive, &spec()).unwrap();
        assert_eq!((results.code, &results.stdout[..], &results.stderr[..]), (7, &b"1234"[..], &b"e"[..]));
        let outputs = results.outputs.unwrap();
        assert_eq!(outputs["out"].file("d/f"), Some(&b"text"[..]));
        assert_eq!(outputs["out"].files(), 1);
        // An output that nobody wrote to is an empty folder.
        assert_eq!(read(&packed(&[]), &spec()).unwrap().outputs.unwrap()["out"], Folder::default());
    }

    #[test]
    fn words_that_docker_may_have_changed_are_no_result() {
        let said = |name: &str, words: &[u8]| {
            let mut spec = spec();
            (spec.limits.stdout_bytes_max, spec.limits.stderr_bytes_max) = (4, 4);
            read(&packed(&[(name, EntryType::Regular, words)]), &spec)
        };
        for name in ["stdout", "stderr"] {
            // The last one is cut where it begins: Docker would have the byte that it stands for.
            for words in ["\u{FFFD}", "a\u{FFFD}b", "abc\u{FFFD}"] {
                let error = said(name, words.as_bytes()).unwrap_err();
                assert!(matches!(error, ResultsError::Words(which) if which == name), "{words}: {error}");
            }
        }
        // Beyond the cap nothing counts, and other characters are nobody's doing, whole or not.
        assert_eq!(said("stdout", "abcd\u{FFFD}".as_bytes()).unwrap().stdout, b"abcd");
        assert_eq!(said("stdout", "\u{FFFC}e\u{FFFD}".as_bytes()).unwrap().stdout, "\u{FFFC}e".as_bytes());
        assert_eq!(said("stdout", b"abc\xff").unwrap().stdout, b"abc\xff");
        assert_eq!(said("stdout", b"abc\xef\xbf").unwrap().stdout, b"abc\xef");
    }

    #[test]
    fn what_leads_out_or_goes_over_is_refused() {
        let file = EntryType::Regular;
        for name in ["../x", "/etc/passwd", "out/../../x", "other/x", "other", "out//x"] {
            let error = read(&packed(&[(name, file, b"x")]), &spec()).unwrap_err();
            assert!(matches!(error, ResultsError::Entry(_)), "{name}: {error}");
        }
        let link = packed(&[("out/l", EntryType::Symlink, b""), ("out/l/x", file, b"x")]);
        assert!(matches!(read(&link, &spec()), Err(ResultsError::Link(_))));
        let through = packed(&[("out/f", file, b"x"), ("out/f/x", file, b"x")]);
        assert!(matches!(read(&through, &spec()), Err(ResultsError::Entry(_))));
        let large = packed(&[("out/f", file, b"123456"), ("out/g", file, b"123456")]);
        assert_eq!(read(&large, &spec()).unwrap().outputs, None);
        let many =
            packed(&[("out/a", file, b""), ("out/b", file, b""), ("out/c", file, b""), ("out/e", file, b"")]);
        assert_eq!(read(&many, &spec()).unwrap().outputs, None);
        let archive = packed(&[("out/f", file, b"text")]);
        assert!(matches!(read(&archive[..archive.len() / 2], &spec()), Err(ResultsError::Archive(_))));
        assert!(matches!(read(b"no gzip", &spec()), Err(ResultsError::Archive(_))));
    }

    /// The folder as a node packs it: every entry by its path, the contents of regular files, nothing followed.
    fn as_a_node_packs(root: &std::path::Path) -> Vec<u8> {
        fn add(builder: &mut tar::Builder<GzEncoder<Vec<u8>>>, root: &std::path::Path, at: &std::path::Path) {
            let mut names: Vec<_> = std::fs::read_dir(root.join(at)).unwrap().map(|e| e.unwrap()).collect();
            names.sort_by_key(std::fs::DirEntry::file_name);
            for entry in names {
                let (path, kind) = (at.join(entry.file_name()), entry.file_type().unwrap());
                let bytes = if kind.is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(match (kind.is_dir(), kind.is_file()) {
                    (true, _) => EntryType::Directory,
                    (_, true) => EntryType::Regular,
                    _ => EntryType::Fifo,
                });
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, &path, &bytes[..]).unwrap();
                if kind.is_dir() {
                    add(builder, root, &path);
                }
            }
        }
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        add(&mut builder, root, std::path::Path::new(""));
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn outputs_are_counted_as_docker_counts_them() {
        use crate::container::collect::{Allowance, CollectError, collect};
        use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _};
        type Make = fn(&std::path::Path);
        fn deep(at: &std::path::Path, folders: usize, file: bool) {
            let path = at.join("d/".repeat(folders));
            fs::create_dir_all(&path).unwrap();
            if file {
                fs::write(path.join("f"), "text").unwrap();
            }
        }
        fn odd(at: &std::path::Path) -> std::path::PathBuf {
            at.join(OsStr::from_bytes(b"odd-\xff"))
        }
        // What is made, how many files and bytes it may have, and whether that is too much.
        let table: [(&str, Make, u32, u64, bool); 14] = [
            ("256 deep", |at| deep(at, 256, false), 1_000, 10, false),
            ("a file 256 deep", |at| deep(at, 256, true), 1_000, 10, false),
            ("257 deep", |at| deep(at, 257, false), 1_000, 10, true),
            ("as many as it may", |at| deep(at, 2, true), 3, 10, false),
            ("one more", |at| deep(at, 2, true), 2, 10, true),
            ("as long as it may", |at| fs::write(at.join("f"), "12345").unwrap(), 1, 5, false),
            ("one longer", |at| fs::write(at.join("f"), "123456").unwrap(), 1, 5, true),
            ("an odd name", |at| fs::write(odd(at), "123456").unwrap(), 1, 5, false),
            ("an odd name too many", |at| fs::write(odd(at), "").unwrap(), 0, 5, true),
            ("what an odd folder holds", |at| deep(&odd(at), 20, true), 1, 0, false),
            ("an odd folder too many", |at| deep(&odd(at), 1, true), 0, 0, true),
            ("too deep in an odd folder", |at| deep(&odd(at), 300, false), 1, 0, false),
            ("odd, in a folder", |at| deep(&odd(&at.join("d")), 3, true), 2, 0, false),
            ("odd, in a folder, too many", |at| deep(&odd(&at.join("d")), 3, true), 1, 0, true),
        ];
        for (what, make, files, bytes, over) in table {
            let dir = tempfile::tempdir().unwrap();
            let output = dir.path().join("out");
            fs::create_dir(&output).unwrap();
            make(&output);
            let docker = match collect(&output, &mut Allowance { bytes, files: files.into() }) {
                Ok(folder) => Some(folder),
                Err(CollectError::Over) => None,
                Err(error) => panic!("{what}: {error}"),
            };
            fs::write(dir.path().join("exitCode"), "0").unwrap();
            let mut spec = spec();
            (spec.limits.output_files_max, spec.limits.disk_bytes_max) = (files, bytes);
            let cluster = read(&as_a_node_packs(dir.path()), &spec).unwrap();
            assert_eq!(docker.is_none(), over, "{what}");
            assert_eq!(cluster.outputs.map(|mut outputs| outputs.remove("out").unwrap()), docker, "{what}");
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_archives_never_panic(at in 0usize..4_096, byte in 0u8..) {
            let mut tarred = Vec::new();
            let archive = packed(&[("out/f", EntryType::Regular, b"text"), ("stdout", EntryType::Regular, b"x")]);
            GzDecoder::new(&archive[..]).read_to_end(&mut tarred).unwrap();
            let at = at % tarred.len();
            tarred[at] = byte;
            let mut again = flate2::read::GzEncoder::new(&tarred[..], Compression::fast());
            let mut bytes = Vec::new();
            again.read_to_end(&mut bytes).unwrap();
            let _ = read(&bytes, &spec());
        }
    }
}
