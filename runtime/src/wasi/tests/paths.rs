//! Opening by path: what is found, what is refused, and that nothing leads out.

use super::*;
use crate::wasi::types::oflags;

#[test]
fn paths_may_wander_inside() {
    let mut guest = Guest::new();
    for path in [
        "hello.txt",
        "./hello.txt",
        "dir/../hello.txt",
        "dir/.//../dir/../hello.txt",
        "link",
        "dirlink/../link",
    ] {
        assert_eq!(guest.contents(IN, path).unwrap(), b"hello world", "{path}");
    }
    assert_eq!(guest.contents(IN, "dirlink/inner.txt").unwrap(), b"inner");
    assert_eq!(guest.contents(IN, "dirlink//inner.txt").unwrap(), b"inner");
}

#[test]
fn nothing_leads_out() {
    let mut guest = Guest::new();
    let dir = guest.open(IN, "dir").unwrap();
    for (fd, path) in [
        (IN, "/hello.txt"),
        (IN, "/"),
        (IN, ".."),
        (IN, "../in/hello.txt"),
        (IN, "dir/../../in/hello.txt"),
        (IN, "escape"),
        (IN, "absolute"),
        (IN, "absolute/x"),
        (dir, "../hello.txt"),
        (dir, "./../dir"),
    ] {
        assert_eq!(guest.open(fd, path), errno(Errno::Perm), "{path}");
        assert_eq!(guest.stat(fd, path, 1), errno(Errno::Perm), "{path}");
    }
    assert_eq!(guest.create(OUT, "../x"), errno(Errno::Perm));
    assert_eq!(guest.mkdir(OUT, "/x"), errno(Errno::Perm));
    assert_eq!(guest.rename(OUT, "..", TMP, "x"), errno(Errno::Perm));
    assert_eq!(guest.symlink("/etc", OUT, "x"), errno(Errno::Perm));
    // A relative link may be made; following it out is what is refused.
    guest.symlink("../in", OUT, "x").unwrap();
    assert_eq!(guest.open(OUT, "x/hello.txt"), errno(Errno::Perm));
    assert_eq!(guest.create(OUT, "x"), errno(Errno::Perm));
}

#[test]
fn paths_that_are_no_paths() {
    let mut guest = Guest::new();
    assert_eq!(guest.open(IN, ""), errno(Errno::Noent));
    assert_eq!(guest.open(IN, "hello.txt\0"), errno(Errno::Inval));
    assert_eq!(guest.open(IN, &"a".repeat(256)), errno(Errno::Nametoolong));
    assert_eq!(guest.open(IN, &"a/".repeat(2_049)), errno(Errno::Nametoolong));
    guest.put(PATH_AT, &[0xff, 0xfe]);
    assert_eq!(guest.at("path_unlink_file", OUT, ""), errno(Errno::Noent));
    guest.put(PATH_AT, &[0xff, 0xfe]);
    assert_eq!(guest.call("path_unlink_file", &[OUT, PATH_AT, 2]), errno(Errno::Ilseq));
    assert_eq!(guest.open(IN, "hello.txt/"), errno(Errno::Notdir));
    assert_eq!(guest.open(IN, "hello.txt/."), errno(Errno::Notdir));
    assert_eq!(guest.open(IN, "hello.txt/x"), errno(Errno::Notdir));
    assert_eq!(guest.open(IN, "none/x"), errno(Errno::Noent));
    guest.open(IN, "dir///").unwrap();
}

#[test]
fn links_are_followed_when_asked_and_loops_end() {
    let mut guest = Guest::new();
    let dir = oflags::DIRECTORY;
    assert_eq!(guest.open_with(IN, "link", 0, 0, 0), errno(Errno::Loop));
    assert_eq!(guest.open_with(IN, "dirlink", 0, dir, 0), errno(Errno::Loop));
    guest.open_with(IN, "dirlink", 1, dir, 0).unwrap();
    guest.open_with(IN, "dirlink/", 0, dir, 0).unwrap();
    assert_eq!(guest.open_with(IN, "link", 1, dir, 0), errno(Errno::Notdir));
    for path in ["loop", "loop/x", "loop2"] {
        assert_eq!(guest.open(IN, path), errno(Errno::Loop), "{path}");
    }
    assert_eq!(guest.open(IN, "dangling"), errno(Errno::Noent));
    assert_eq!(guest.stat(IN, "link", 0).unwrap().file_type, 7);
    assert_eq!(guest.stat(IN, "link", 0).unwrap().size, 9);
    assert_eq!(guest.stat(IN, "link", 1).unwrap().file_type, 4);
    assert_eq!(guest.open_with(IN, "link", 2, 0, 0), errno(Errno::Inval));
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let mut guest = Guest::with(Limits::default());
    guest.file(OUT, "0", b"end");
    for index in 1..=41 {
        guest.symlink(&(index - 1).to_string(), OUT, &index.to_string()).unwrap();
    }
    assert_eq!(guest.contents(OUT, "40").unwrap(), b"end");
    assert_eq!(guest.contents(OUT, "41"), errno(Errno::Loop));
}

#[test]
fn links_that_double_cost_fuel_and_end() {
    let mut guest = Guest::with(Limits::default());
    guest.mkdir(OUT, "a").unwrap();
    // Each link names the one before twice: without a limit on links, 2^30 steps.
    guest.symlink("a/..", OUT, "l0").unwrap();
    for index in 1..30 {
        let before = format!("l{}", index - 1);
        guest.symlink(&format!("{before}/{before}"), OUT, &format!("l{index}")).unwrap();
    }
    let before = guest.fuel_left;
    assert_eq!(guest.open(OUT, "l29"), errno(Errno::Loop));
    assert!(before - guest.fuel_left > 41 * 5);
}

#[test]
fn creating_by_open() {
    let mut guest = Guest::new();
    let (creat, excl, dir) = (oflags::CREAT, oflags::EXCL, oflags::DIRECTORY);
    guest.open_with(OUT, "f", 0, creat | excl, 0).unwrap();
    assert_eq!(guest.open_with(OUT, "f", 0, creat | excl, 0), errno(Errno::Exist));
    assert_eq!(guest.open_with(OUT, "d", 0, creat | dir, 0), errno(Errno::Inval));
    assert_eq!(guest.open_with(OUT, "g/", 0, creat, 0), errno(Errno::Isdir));
    assert_eq!(guest.open_with(OUT, "f", 0, 16, 0), errno(Errno::Inval));
    guest.symlink("target", OUT, "s").unwrap();
    assert_eq!(guest.open_with(OUT, "s", 1, creat | excl, 0), errno(Errno::Exist));
    // Through a dangling link, the file that it names is made.
    guest.create(OUT, "s").unwrap();
    assert_eq!(guest.stat(OUT, "target", 0).unwrap().file_type, 4);
    assert_eq!(guest.open_with(OUT, ".", 0, dir, rights::FD_READ | rights::FD_WRITE), errno(Errno::Isdir));
    assert_eq!(guest.open_with(OUT, ".", 0, creat, 0), errno(Errno::Isdir));
    assert_eq!(guest.open_with(OUT, "f", 0, dir, 0), errno(Errno::Notdir));
    guest.open_with(OUT, ".", 0, dir, rights::FD_READ).unwrap();
}

#[test]
fn truncating_by_open() {
    let mut guest = Guest::new();
    guest.file(OUT, "f", b"abc");
    guest.open_with(OUT, "f", 0, oflags::TRUNC, 0).unwrap();
    assert_eq!(guest.stat(OUT, "f", 0).unwrap().size, 0);
}

#[test]
fn what_is_opened_from_must_be_a_folder() {
    let mut guest = Guest::new();
    let file = guest.open(IN, "hello.txt").unwrap();
    assert_eq!(guest.open(file, "x"), errno(Errno::Notdir));
    assert_eq!(guest.open(STDIN, "x"), errno(Errno::Notdir));
    assert_eq!(guest.open(99, "x"), errno(Errno::Badf));
}

#[test]
fn link_targets_are_cut_to_the_buffer() {
    let mut guest = Guest::new();
    let (at, len) = guest.path(PATH_AT, "link");
    guest.put(DATA_AT, &[b'.'; 16]);
    guest.call("path_readlink", &[IN, at, len, DATA_AT, 16, RESULT_AT]).unwrap();
    assert_eq!((guest.get_u32(RESULT_AT), guest.get(DATA_AT, 11)), (9, &b"hello.txt.."[..]));
    guest.put(DATA_AT, &[b'.'; 16]);
    guest.call("path_readlink", &[IN, at, len, DATA_AT, 4, RESULT_AT]).unwrap();
    assert_eq!((guest.get_u32(RESULT_AT), guest.get(DATA_AT, 6)), (4, &b"hell.."[..]));
    let (at, len) = guest.path(PATH_AT, "hello.txt");
    assert_eq!(guest.call("path_readlink", &[IN, at, len, DATA_AT, 4, RESULT_AT]), errno(Errno::Inval));
}

#[test]
fn inodes_are_distinct_and_stable() {
    let mut guest = Guest::new();
    let mut seen = std::collections::BTreeSet::new();
    for (fd, path) in
        [(IN, "."), (IN, "hello.txt"), (IN, "dir"), (IN, "dir/inner.txt"), (OUT, "."), (TMP, ".")]
    {
        let first = guest.stat(fd, path, 0).unwrap();
        assert_eq!(first, guest.stat(fd, path, 0).unwrap());
        assert!(seen.insert(first.inode), "{path}");
        assert!(first.inode > 0 && first.device > 0);
    }
    assert_eq!(guest.stat(IN, ".", 0).unwrap().links, 3);
    assert_eq!(guest.stat(OUT, ".", 0).unwrap().device, guest.stat(TMP, ".", 0).unwrap().device);
    assert_ne!(guest.stat(OUT, ".", 0).unwrap().device, guest.stat(IN, ".", 0).unwrap().device);
}
