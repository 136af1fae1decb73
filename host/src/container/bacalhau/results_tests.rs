//! Results archives as nodes make them, and as they never would.

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
