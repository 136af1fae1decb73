//! Descriptors: numbers, preopens, rights, flags, times, closing and renumbering.

use super::*;
use crate::wasi::types::{FileType, fdflags, oflags};

impl Guest {
    /// File type, flags, rights, inheriting rights.
    fn fdstat(&mut self, fd: u64) -> Result<(u8, u8, u64, u64), u32> {
        self.call("fd_fdstat_get", &[fd, RESULT_AT])?;
        let head = self.get(RESULT_AT, 4);
        Ok((head[0], head[2], self.get_u64(RESULT_AT + 8), self.get_u64(RESULT_AT + 16)))
    }
}

#[test]
fn preopens_come_in_order_and_end() {
    let mut guest = Guest::new();
    for (fd, path) in [(IN, "/in"), (OUT, "/out"), (TMP, "/tmp")] {
        guest.call("fd_prestat_get", &[fd, RESULT_AT]).unwrap();
        assert_eq!(guest.get_u32(RESULT_AT), 0);
        let len = guest.get_u32(RESULT_AT + 4);
        assert_eq!(len as usize, path.len());
        guest.call("fd_prestat_dir_name", &[fd, DATA_AT, 100]).unwrap();
        assert_eq!(guest.get(DATA_AT, path.len()), path.as_bytes());
        let short = u64::from(len) - 1;
        assert_eq!(guest.call("fd_prestat_dir_name", &[fd, DATA_AT, short]), errno(Errno::Nametoolong));
    }
    assert_eq!(guest.call("fd_prestat_get", &[6, RESULT_AT]), errno(Errno::Badf));
    assert_eq!(guest.call("fd_prestat_get", &[STDIN, RESULT_AT]), errno(Errno::Badf));
    let folder = guest.open(IN, "dir").unwrap();
    assert_eq!(guest.call("fd_prestat_get", &[folder, RESULT_AT]), errno(Errno::Badf));
}

#[test]
fn the_smallest_free_number_is_used_and_the_table_ends() {
    let mut guest = Guest::new();
    assert_eq!(guest.open(IN, "hello.txt"), Ok(6));
    assert_eq!(guest.open(IN, "hello.txt"), Ok(7));
    guest.close(6).unwrap();
    guest.close(STDIN).unwrap();
    assert_eq!(guest.open(IN, "hello.txt"), Ok(0));
    assert_eq!(guest.open(IN, "hello.txt"), Ok(6));
    // 1,024 and one for each preopen.
    for expected in 8..1_027 {
        assert_eq!(guest.open(IN, "hello.txt"), Ok(expected));
    }
    assert_eq!(guest.open(IN, "hello.txt"), errno(Errno::Mfile));
    assert_eq!(guest.create(OUT, "never"), errno(Errno::Mfile));
    assert_eq!(guest.stat(OUT, "never", 0), errno(Errno::Noent));
}

#[test]
fn preopens_can_be_closed_and_written_over() {
    let mut guest = Guest::new();
    guest.mkdir(OUT, "d").unwrap();
    let folder = guest.open(OUT, "d").unwrap();
    let inode = guest.fd_stat(folder).unwrap().inode;
    guest.call("fd_renumber", &[folder, IN]).unwrap();
    assert_eq!(guest.fd_stat(IN).unwrap().inode, inode);
    assert_eq!(guest.fdstat(folder), errno(Errno::Badf));
    guest.close(IN).unwrap();
    assert_eq!(guest.close(IN), errno(Errno::Badf));
    // Renumbering goes over what is open only, and onto itself changes nothing.
    assert_eq!(guest.call("fd_renumber", &[OUT, IN]), errno(Errno::Badf));
    assert_eq!(guest.call("fd_renumber", &[IN, OUT]), errno(Errno::Badf));
    guest.call("fd_renumber", &[OUT, OUT]).unwrap();
    assert_eq!(guest.stat(OUT, "d", 0).unwrap().inode, inode);
}

#[test]
fn stdio_can_be_moved_onto_a_file() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    guest.call("fd_renumber", &[STDOUT, file]).unwrap();
    assert_eq!(guest.write(file, b"abc"), Ok(3));
    assert_eq!(guest.write(STDOUT, b"abc"), errno(Errno::Badf));
    let finished = guest.finish();
    assert_eq!(finished.stdout, b"abc");
    assert_eq!(finished.out.file("f"), Some(&b""[..]));
}

#[test]
fn fdstat_tells_types_and_rights() {
    let mut guest = Guest::new();
    let (file_type, flags, base, inheriting) = guest.fdstat(OUT).unwrap();
    assert_eq!((file_type, flags), (FileType::Folder as u8, 0));
    assert_eq!(base & (rights::FD_SEEK | rights::FD_READ | rights::FD_FILESTAT_SET_SIZE), 0);
    assert_eq!(base, rights::FOLDER);
    assert_eq!(inheriting, rights::FOLDER | rights::FILE);
    let (file_type, _, base, inheriting) = guest.fdstat(STDOUT).unwrap();
    assert_eq!((file_type, base & rights::FD_SEEK, inheriting), (FileType::Unknown as u8, 0, 0));
    let file = guest.create(OUT, "f").unwrap();
    assert_eq!(guest.fdstat(file), Ok((FileType::File as u8, 0, rights::FILE, 0)));
    let file = guest.open_with(OUT, "f", 0, 0, 0).unwrap();
    assert_eq!(guest.fdstat(file).unwrap().2 & (rights::FD_READ | rights::FD_WRITE), 0);
    assert_eq!(guest.read(file, 1), errno(Errno::Badf));
    assert_eq!(guest.write(file, b"x"), errno(Errno::Badf));
}

#[test]
fn rights_only_shrink_and_what_is_opened_has_no_more() {
    let mut guest = Guest::new();
    guest.file(OUT, "f", b"abc");
    let all = rights::FOLDER | rights::FILE;
    guest.call("fd_fdstat_set_rights", &[OUT, rights::FOLDER, all & !rights::FD_READ]).unwrap();
    assert_eq!(guest.call("fd_fdstat_set_rights", &[OUT, rights::FOLDER, all]), errno(Errno::Notcapable));
    let file = guest.open(OUT, "f").unwrap();
    assert_eq!(guest.read(file, 1), errno(Errno::Badf));
    let less = rights::FOLDER & !rights::PATH_FILESTAT_SET_SIZE & !rights::PATH_CREATE_FILE;
    guest.call("fd_fdstat_set_rights", &[OUT, less, all & !rights::FD_READ]).unwrap();
    assert_eq!(guest.open_with(OUT, "f", 0, oflags::TRUNC, 0), errno(Errno::Perm));
    assert_eq!(guest.create(OUT, "g"), errno(Errno::Notcapable));
    guest.call("fd_fdstat_set_rights", &[OUT, 0, 0]).unwrap();
    assert_eq!(guest.open(OUT, "f"), errno(Errno::Notcapable));
    assert_eq!(guest.mkdir(OUT, "d"), errno(Errno::Notcapable));
    assert_eq!(guest.call("fd_readdir", &[OUT, DATA_AT, 100, 0, RESULT_AT]), errno(Errno::Badf));
}

#[test]
fn folders_are_no_files() {
    let mut guest = Guest::new();
    let (at, count) = guest.vector(4);
    for (name, args, expected) in [
        ("fd_read", vec![OUT, at, count, RESULT_AT], Errno::Isdir),
        ("fd_pread", vec![OUT, at, count, 0, RESULT_AT], Errno::Isdir),
        ("fd_write", vec![OUT, at, count, RESULT_AT], Errno::Isdir),
        ("fd_pwrite", vec![OUT, at, count, 0, RESULT_AT], Errno::Isdir),
        ("fd_seek", vec![OUT, 0, 0, RESULT_AT], Errno::Badf),
        ("fd_tell", vec![OUT, RESULT_AT], Errno::Badf),
        ("fd_allocate", vec![OUT, 0, 0], Errno::Badf),
        ("fd_filestat_set_size", vec![OUT, 0], Errno::Badf),
        ("fd_advise", vec![OUT, 0, 0, 0], Errno::Badf),
    ] {
        assert_eq!(guest.call(name, &args), errno(expected), "{name}");
    }
    guest.call("fd_sync", &[OUT]).unwrap();
    guest.call("fd_datasync", &[OUT]).unwrap();
    assert_eq!(guest.call("fd_sync", &[STDOUT]), errno(Errno::Inval));
}

#[test]
fn flags_are_kept_and_unknown_ones_refused() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    guest.call("fd_fdstat_set_flags", &[file, u64::from(fdflags::ALL)]).unwrap();
    assert_eq!(u32::from(guest.fdstat(file).unwrap().1), fdflags::ALL);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[file, 1 << 5]), errno(Errno::Inval));
    guest.call("fd_advise", &[file, 0, 10, 5]).unwrap();
    assert_eq!(guest.call("fd_advise", &[file, 0, 10, 6]), errno(Errno::Inval));
    assert_eq!(guest.call("fd_advise", &[STDIN, 0, 10, 0]), errno(Errno::Spipe));
}

#[test]
fn times_come_from_the_virtual_clock() {
    let mut guest = Guest::new();
    assert_eq!(guest.stat(IN, "hello.txt", 0).unwrap().modify_ns, EPOCH_NS);
    let file = guest.create(OUT, "f").unwrap();
    let made = guest.fd_stat(file).unwrap();
    assert!(made.modify_ns > EPOCH_NS);
    guest.write(file, b"x").unwrap();
    let written = guest.fd_stat(file).unwrap();
    assert!(written.modify_ns > made.modify_ns && written.access_ns == made.access_ns);
    guest.call("fd_filestat_set_times", &[file, 5, 6, 1 | 4]).unwrap();
    let set = guest.fd_stat(file).unwrap();
    assert_eq!((set.access_ns, set.modify_ns), (5, 6));
    assert!(set.change_ns > written.change_ns);
    guest.call("fd_filestat_set_times", &[file, 0, 0, 2 | 8]).unwrap();
    assert!(guest.fd_stat(file).unwrap().modify_ns > written.modify_ns);
    for flags in [3, 12, 16] {
        assert_eq!(guest.call("fd_filestat_set_times", &[file, 0, 0, flags]), errno(Errno::Inval));
    }
    let (at, len) = guest.path(PATH_AT, "f");
    guest.call("path_filestat_set_times", &[OUT, 0, at, len, 0, 9, 4]).unwrap();
    assert_eq!(guest.stat(OUT, "f", 0).unwrap().modify_ns, 9);
}

#[test]
fn a_file_without_a_name_lives_while_it_is_open() {
    let mut guest = Guest::new();
    let file = guest.create(OUT, "f").unwrap();
    guest.write(file, b"still here").unwrap();
    guest.unlink(OUT, "f").unwrap();
    assert_eq!(guest.fd_stat(file).unwrap().links, 0);
    guest.seek(file, 0, 0).unwrap();
    assert_eq!(guest.read(file, 100).unwrap(), b"still here");
    assert_eq!(guest.open(OUT, "f"), errno(Errno::Noent));
    guest.close(file).unwrap();
    assert!(guest.finish().out.entries.is_empty());
}
