//! Making, linking, moving and removing, by the rules of POSIX.

use super::*;

#[test]
fn folders_come_and_go() {
    let mut guest = Guest::new();
    guest.mkdir(OUT, "d").unwrap();
    guest.mkdir(OUT, "d/e/").unwrap();
    assert_eq!(guest.mkdir(OUT, "d"), errno(Errno::Exist));
    assert_eq!(guest.mkdir(OUT, "."), errno(Errno::Exist));
    assert_eq!(guest.mkdir(OUT, "x/y"), errno(Errno::Noent));
    assert_eq!(guest.stat(OUT, "d", 0).unwrap().links, 3);
    assert_eq!(guest.rmdir(OUT, "d"), errno(Errno::Notempty));
    assert_eq!(guest.unlink(OUT, "d"), errno(Errno::Isdir));
    assert_eq!(guest.unlink(OUT, "d/"), errno(Errno::Isdir));
    guest.rmdir(OUT, "d/e/").unwrap();
    assert_eq!(guest.stat(OUT, "d", 0).unwrap().links, 2);
    guest.rmdir(OUT, "d").unwrap();
    assert_eq!(guest.rmdir(OUT, "d"), errno(Errno::Noent));
    assert_eq!(guest.rmdir(OUT, "."), errno(Errno::Inval));
    guest.file(OUT, "f", b"");
    assert_eq!(guest.rmdir(OUT, "f"), errno(Errno::Notdir));
    assert_eq!(guest.unlink(OUT, "f/"), errno(Errno::Notdir));
    assert_eq!(guest.unlink(OUT, "."), errno(Errno::Isdir));
    guest.unlink(OUT, "f").unwrap();
    assert_eq!(guest.unlink(OUT, "f"), errno(Errno::Noent));
}

#[test]
fn a_removed_folder_that_is_open_takes_nothing_in() {
    let mut guest = Guest::new();
    guest.mkdir(OUT, "d").unwrap();
    let folder = guest.open(OUT, "d").unwrap();
    guest.rmdir(OUT, "d").unwrap();
    assert_eq!(guest.create(folder, "f"), errno(Errno::Noent));
    assert_eq!(guest.mkdir(folder, "e"), errno(Errno::Noent));
    guest.file(OUT, "f", b"");
    assert_eq!(guest.rename(OUT, "f", folder, "f"), errno(Errno::Noent));
    assert_eq!(guest.call("fd_readdir", &[folder, DATA_AT, 100, 0, RESULT_AT]), errno(Errno::Noent));
    assert_eq!(guest.fd_stat(folder).unwrap().links, 0);
}

#[test]
fn hard_links_share_the_inode() {
    let mut guest = Guest::new();
    guest.file(OUT, "f", b"abc");
    guest.mkdir(TMP, "d").unwrap();
    guest.link(OUT, "f", TMP, "d/g").unwrap();
    let (f, g) = (guest.stat(OUT, "f", 0).unwrap(), guest.stat(TMP, "d/g", 0).unwrap());
    assert_eq!(f, g);
    assert_eq!(f.links, 2);
    guest.unlink(OUT, "f").unwrap();
    assert_eq!(guest.contents(TMP, "d/g").unwrap(), b"abc");
    guest.file(OUT, "f", b"");
    assert_eq!(guest.link(OUT, "f", OUT, "f"), errno(Errno::Exist));
    assert_eq!(guest.link(TMP, "d", OUT, "e"), errno(Errno::Perm));
    assert_eq!(guest.link(OUT, "f", OUT, "new/"), errno(Errno::Noent));
    assert_eq!(guest.link(OUT, "none", OUT, "new"), errno(Errno::Noent));
    assert_eq!(guest.link(IN, "hello.txt", OUT, "new"), errno(Errno::Xdev));
    guest.symlink("nowhere", OUT, "s").unwrap();
    guest.link(OUT, "s", OUT, "t").unwrap();
    assert_eq!(guest.stat(OUT, "t", 0).unwrap().file_type, 7);
    assert_eq!(guest.link(OUT, "f", OUT, "s"), errno(Errno::Exist));
    assert_eq!(guest.call("path_link", &[OUT, 1, PATH_AT, 1, OUT, PATH2_AT, 1]), errno(Errno::Inval));
}

#[test]
fn symlinks_stand_as_written() {
    let mut guest = Guest::new();
    assert_eq!(guest.symlink("", OUT, "s"), errno(Errno::Noent));
    assert_eq!(guest.symlink("t", OUT, "s/"), errno(Errno::Noent));
    guest.symlink("t", OUT, "s").unwrap();
    assert_eq!(guest.symlink("t", OUT, "s"), errno(Errno::Exist));
    guest.file(OUT, "f", b"");
    guest.mkdir(OUT, "d").unwrap();
    assert_eq!(guest.symlink("t", OUT, "f/"), errno(Errno::Notdir));
    assert_eq!(guest.symlink("t", OUT, "d/"), errno(Errno::Exist));
    assert_eq!(guest.symlink(&"t".repeat(4_096), OUT, "long"), errno(Errno::Nospc));
    // A slash after a link never makes a change reach behind it.
    guest.symlink("d", OUT, "l").unwrap();
    assert_eq!(guest.rmdir(OUT, "l/"), errno(Errno::Notdir));
    assert_eq!(guest.rmdir(OUT, "l"), errno(Errno::Notdir));
    guest.unlink(OUT, "l").unwrap();
    assert_eq!(guest.finish().out.at("s"), Some(&Node::Symlink("t".into())));
}

#[test]
fn files_are_moved_over_files() {
    let mut guest = Guest::new();
    guest.file(TMP, "a", b"new");
    guest.file(OUT, "b", b"old");
    let inode = guest.stat(TMP, "a", 0).unwrap().inode;
    guest.rename(TMP, "a", OUT, "b").unwrap();
    assert_eq!(guest.stat(OUT, "b", 0).unwrap().inode, inode);
    assert_eq!(guest.contents(OUT, "b").unwrap(), b"new");
    assert_eq!(guest.open(TMP, "a"), errno(Errno::Noent));
    guest.mkdir(OUT, "d").unwrap();
    assert_eq!(guest.rename(OUT, "b", OUT, "d"), errno(Errno::Isdir));
    assert_eq!(guest.rename(OUT, "b", OUT, "c/"), errno(Errno::Notdir));
    assert_eq!(guest.rename(OUT, "b/", OUT, "c"), errno(Errno::Notdir));
    assert_eq!(guest.rename(OUT, "none", OUT, "c"), errno(Errno::Noent));
    assert_eq!(guest.rename(IN, "hello.txt", OUT, "c"), errno(Errno::Xdev));
    assert_eq!(guest.rename(OUT, "b", IN, "c"), errno(Errno::Xdev));
    guest.rename(OUT, "b", OUT, "b").unwrap();
    guest.link(OUT, "b", OUT, "c").unwrap();
    guest.rename(OUT, "b", OUT, "c").unwrap();
    assert_eq!(guest.stat(OUT, "b", 0).unwrap().links, 2);
}

#[test]
fn folders_are_moved_over_empty_folders() {
    let mut guest = Guest::new();
    guest.mkdir(OUT, "a").unwrap();
    guest.file(OUT, "a/f", b"x");
    guest.mkdir(OUT, "b").unwrap();
    guest.rename(OUT, "a/", OUT, "b/").unwrap();
    assert_eq!(guest.contents(OUT, "b/f").unwrap(), b"x");
    guest.mkdir(OUT, "c").unwrap();
    assert_eq!(guest.rename(OUT, "c", OUT, "b"), errno(Errno::Notempty));
    assert_eq!(guest.rename(OUT, "c", OUT, "b/f"), errno(Errno::Notdir));
    assert_eq!(guest.rename(OUT, "b", OUT, "b/x"), errno(Errno::Inval));
    assert_eq!(guest.rename(OUT, "b", OUT, "b/x/y"), errno(Errno::Noent));
    assert_eq!(guest.rename(OUT, "b/f", OUT, "b"), errno(Errno::Isdir));
    assert_eq!(guest.rename(OUT, ".", OUT, "x"), errno(Errno::Inval));
    guest.rename(OUT, "b", TMP, "new/").unwrap();
    assert_eq!(guest.contents(TMP, "new/f").unwrap(), b"x");
    assert_eq!(guest.stat(OUT, ".", 0).unwrap().links, 3);
    assert_eq!(guest.stat(TMP, ".", 0).unwrap().links, 3);
    assert_eq!(guest.stat(TMP, "new", 0).unwrap().links, 2);
}

#[test]
fn entries_are_counted() {
    let mut guest = Guest::with(Limits { output_files_max: 4, ..Limits::default() });
    guest.mkdir(OUT, "d").unwrap();
    guest.file(TMP, "f", b"");
    guest.symlink("f", TMP, "s").unwrap();
    guest.link(TMP, "f", TMP, "g").unwrap();
    assert_eq!(guest.mkdir(OUT, "e"), errno(Errno::Nospc));
    assert_eq!(guest.create(OUT, "e"), errno(Errno::Nospc));
    assert_eq!(guest.symlink("f", OUT, "e"), errno(Errno::Nospc));
    assert_eq!(guest.link(TMP, "f", OUT, "e"), errno(Errno::Nospc));
    // Moving needs no more, replacing and removing give back.
    guest.rename(TMP, "f", OUT, "e").unwrap();
    assert_eq!(guest.mkdir(OUT, "x"), errno(Errno::Nospc));
    guest.rename(OUT, "e", TMP, "s").unwrap();
    guest.mkdir(OUT, "x").unwrap();
    assert_eq!(guest.mkdir(OUT, "y"), errno(Errno::Nospc));
    guest.rmdir(OUT, "x").unwrap();
    guest.mkdir(OUT, "y").unwrap();
}

#[test]
fn depth_has_an_end_that_moving_does_not_move() {
    let mut guest = Guest::with(Limits::default());
    let dig = |guest: &mut Guest, root: u64, levels: usize| {
        let mut fd = root;
        for _ in 0..levels {
            guest.mkdir(fd, "d").unwrap();
            let below = guest.open(fd, "d").unwrap();
            if fd != root {
                guest.close(fd).unwrap();
            }
            fd = below;
        }
        fd
    };
    let bottom = dig(&mut guest, OUT, 256);
    assert_eq!(guest.mkdir(bottom, "d"), errno(Errno::Nametoolong));
    dig(&mut guest, TMP, 100);
    assert_eq!(guest.rename(TMP, "d", bottom, "x"), errno(Errno::Nametoolong));
    let middle = guest.open(OUT, &"d/".repeat(157)).unwrap();
    assert_eq!(guest.rename(TMP, "d", middle, "x"), errno(Errno::Nametoolong));
    let middle = guest.open(OUT, &"d/".repeat(156)).unwrap();
    guest.rename(TMP, "d", middle, "x").unwrap();
    let out = guest.finish().out;
    assert!(out.at("d/".repeat(255).trim_end_matches('/')).is_some());
}

#[test]
fn the_outputs_are_what_stands_in_out() {
    let mut guest = Guest::new();
    guest.mkdir(OUT, "sub").unwrap();
    guest.file(OUT, "sub/a", b"1");
    guest.file(TMP, "scratch", b"2");
    guest.symlink("sub/a", OUT, "l").unwrap();
    let mut sub = Folder::default();
    sub.insert_file("a", b"1".to_vec());
    let mut expected = Folder::default();
    expected.entries.insert("sub".into(), Node::Folder(sub));
    expected.entries.insert("l".into(), Node::Symlink("sub/a".into()));
    assert_eq!(guest.finish().out, expected);
}
