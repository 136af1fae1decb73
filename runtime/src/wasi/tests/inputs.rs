//! Input folders: shared until written, the guest's own from then on, and found where their names say.

use super::*;
use crate::wasi::types::oflags;

/// A job with these input folders.
fn job_with(inputs: impl IntoIterator<Item = (&'static str, Folder)>) -> ResolvedJob {
    let mut job = job(Limits { output_bytes_max: 4_096, output_files_max: 16, ..Limits::default() });
    job.inputs = inputs.into_iter().map(|(name, folder)| (name.to_owned(), folder)).collect();
    job.spec.inputs = job.inputs.keys().map(|name| (name.clone(), Cid::of(Codec::DagPb, b"in"))).collect();
    job.spec.validate().unwrap();
    job
}

fn folder(files: &[&str]) -> Folder {
    let mut folder = Folder::default();
    for path in files {
        let mut at = &mut folder;
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in above.split('/').filter(|part| !part.is_empty()) {
            let below = at.entries.entry(part.to_owned()).or_insert_with(|| Node::Folder(Folder::default()));
            let Node::Folder(below) = below else { panic!("{path} leads through a file") };
            at = below;
        }
        at.insert_file(name, path.as_bytes().to_vec());
    }
    folder
}

impl Guest {
    fn listed(&mut self, fd: u64, path: &str) -> Vec<String> {
        let folder = self.open_with(fd, path, 1, oflags::DIRECTORY, 0).unwrap();
        let names = self.names(folder, 0x1000);
        self.close(folder).unwrap();
        names.into_iter().skip(2).collect()
    }
}

#[test]
fn an_input_is_shared_until_it_is_written() {
    let job = job(Limits { output_bytes_max: 4_096, output_files_max: 16, ..Limits::default() });
    let holders = |path| Arc::strong_count(&bytes_of(job.inputs["/in"].at(path))) - 1;
    let mut guest = Guest::of(&job);
    assert_eq!(holders("hello.txt"), 2);
    let file = guest.create(IN, "hello.txt").unwrap();
    assert_eq!(guest.read(file, 5).unwrap(), b"hello");
    assert_eq!(holders("hello.txt"), 2);
    assert_eq!(guest.write(file, b"!"), Ok(1));
    assert_eq!(holders("hello.txt"), 1);
    assert_eq!(guest.contents(IN, "hello.txt").unwrap(), b"hello!world");
    assert_eq!(guest.contents(IN, "link").unwrap(), b"hello!world");
    guest.open_with(IN, "dir/inner.txt", 0, oflags::TRUNC, rights::FD_WRITE).unwrap();
    assert_eq!(guest.stat(IN, "dir/inner.txt", 0).unwrap().size, 0);
    guest.unlink(IN, "loop").unwrap();
    guest.file(IN, "new", b"mine");
    guest.mkdir(IN, "dir/below").unwrap();
    guest.rename(IN, "dir", IN, "moved").unwrap();
    assert_eq!(
        guest.listed(IN, "."),
        ["absolute", "dangling", "dirlink", "escape", "hello.txt", "link", "loop2", "moved", "new"]
    );
    // The job itself still has what it was given, and nothing of an input comes out.
    assert_eq!(job.inputs["/in"], input());
    assert_eq!(guest.finish().out, Folder::default());
}

#[test]
fn the_copy_of_an_input_counts_and_is_paid_for() {
    let mut input = Folder::default();
    input.insert_file("big", vec![7; 4_000]);
    input.insert_file("small", vec![7; 100]);
    let mut guest = Guest::of(&job_with([("/in", input)]));
    let big = guest.create(IN, "big").unwrap();
    let before = guest.fuel_left;
    guest.write(big, b"x").unwrap();
    let first = before - guest.fuel_left;
    let before = guest.fuel_left;
    guest.write(big, b"x").unwrap();
    assert!(first >= before - guest.fuel_left + 4_000);
    // 96 bytes are left.
    let small = guest.create(IN, "small").unwrap();
    assert_eq!(guest.write(small, b"x"), errno(Errno::Nospc));
    assert_eq!(guest.call("fd_filestat_set_size", &[small, 99]), errno(Errno::Nospc));
    guest.call("fd_filestat_set_size", &[small, 100]).unwrap();
    guest.call("fd_filestat_set_size", &[small, 96]).unwrap();
    assert_eq!(guest.write(small, b"x"), Ok(1));
    guest.seek(small, 0, 2).unwrap();
    assert_eq!(guest.write(small, b"x"), errno(Errno::Nospc));
    // What was copied gives its bytes back; what was only given has none to give.
    guest.close(big).unwrap();
    guest.unlink(IN, "big").unwrap();
    guest.file(OUT, "f", &[1; 4_000]);
}

#[test]
fn entries_given_make_room_only_among_the_inputs() {
    let mut guest = Guest::of(&job_with([("/in", folder(&["a", "b", "c"]))]));
    for name in ["a", "b", "c"] {
        guest.unlink(IN, name).unwrap();
    }
    for index in 0..16 {
        guest.file(OUT, &index.to_string(), b"");
    }
    assert_eq!(guest.create(OUT, "more"), errno(Errno::Nospc));
    for name in ["a", "b", "c"] {
        guest.file(IN, name, b"");
    }
    assert_eq!(guest.create(IN, "d"), errno(Errno::Nospc));
    assert_eq!(guest.finish().out.files(), 16);
}

#[test]
fn a_file_counts_once_for_each_name() {
    let mut guest = Guest::new();
    guest.file(OUT, "f", &[1; 1_500]);
    guest.link(OUT, "f", OUT, "g").unwrap();
    assert_eq!(guest.link(OUT, "f", OUT, "h"), errno(Errno::Nospc));
    let file = guest.create(OUT, "f").unwrap();
    guest.seek(file, 0, 2).unwrap();
    // 1,096 bytes are left: 548 for each of the two.
    assert_eq!(guest.write(file, &[1; 1_000]), Ok(548));
    guest.unlink(OUT, "g").unwrap();
    assert_eq!(guest.write(file, &[1; 4_000]), Ok(2_048));
    assert_eq!(guest.finish().out.bytes(), 4_096);
}

#[test]
fn names_may_be_relative_and_the_root() {
    // A folder given as `.` shows mounts only where it has something under their names.
    let mounted = ["out/old", "tmp/old", "data/old", "more/old"];
    for (root, files) in [("/", &["a", "sub/b"][..]), (".", &[&["a", "sub/b"][..], &mounted].concat())] {
        let job = job_with([(root, folder(files)), ("data", folder(&["c"])), ("/more", folder(&["d"]))]);
        let mut guest = Guest::of(&job);
        let numbers: BTreeMap<String, u64> = (3..8)
            .map(|fd| {
                guest.call("fd_prestat_get", &[fd, RESULT_AT]).unwrap();
                let len = u64::from(guest.get_u32(RESULT_AT + 4));
                guest.call("fd_prestat_dir_name", &[fd, DATA_AT, len]).unwrap();
                let name = guest.get(DATA_AT, usize::try_from(len).unwrap()).to_vec();
                (String::from_utf8(name).unwrap(), fd)
            })
            .collect();
        assert_eq!(guest.call("fd_prestat_get", &[8, RESULT_AT]), errno(Errno::Badf));
        assert_eq!(numbers.keys().collect::<Vec<_>>().len(), 5);
        let top = numbers[root];
        // Whatever stands within the root is found by either way, as mounts are.
        let shown = ["a", "data", "more", "out", "sub", "tmp"];
        assert_eq!(guest.listed(top, "."), shown);
        guest.file(top, "out/result", b"kept");
        assert_eq!(guest.contents(numbers["/out"], "result").unwrap(), b"kept");
        guest.file(numbers["data"], "e", b"");
        assert_eq!(guest.listed(top, "data"), ["c", "e"]);
        assert_eq!(guest.contents(top, "out/../sub/b").unwrap(), b"sub/b");
        assert_eq!(guest.open(numbers["/out"], "../sub/b"), errno(Errno::Perm));
        assert_eq!(guest.rename(top, "a", top, "out/a"), errno(Errno::Xdev));
        for place in ["out", "tmp", "data"] {
            assert_eq!(guest.rmdir(top, place), errno(Errno::Busy), "{place}");
            assert_eq!(guest.rename(top, place, top, "x"), errno(Errno::Busy), "{place}");
            assert_eq!(guest.unlink(top, place), errno(Errno::Isdir), "{place}");
        }
        guest.mkdir(top, "empty").unwrap();
        assert_eq!(guest.rename(top, "empty", top, "tmp"), errno(Errno::Busy));
        assert_eq!(guest.stat(top, ".", 0).unwrap().links, 2 + 6);
        guest.world.fs.audit();
        let mut out = Folder::default();
        out.insert_file("result", b"kept".to_vec());
        assert_eq!(guest.finish().out, out);
    }
}

#[test]
fn what_a_mount_covers_is_not_seen() {
    let job = job_with([
        ("/", folder(&["out/old", "tmp", "a/b/c/old", "file"])),
        ("/a/b/c", folder(&["new"])),
        ("a/b/c/d", folder(&["newer"])),
        ("/file/below", folder(&["unreachable"])),
        ("/far/away", folder(&["there"])),
    ]);
    let mut guest = Guest::of(&job);
    guest.world.fs.audit();
    assert_eq!(guest.listed(IN, "."), ["a", "far", "file", "out", "tmp"]);
    assert_eq!(guest.listed(IN, "out"), [""; 0]);
    assert_eq!(guest.listed(IN, "tmp"), [""; 0]);
    assert_eq!(guest.listed(IN, "a/b/c"), ["d", "new"]);
    assert_eq!(guest.listed(IN, "a/b/c/d"), ["newer"]);
    assert_eq!(guest.listed(IN, "far/away"), ["there"]);
    // A file in the way stays: the folder is found by its own name.
    assert_eq!(guest.contents(IN, "file").unwrap(), b"file");
    // A folder that holds a mount can be moved, and takes it along; it can't be removed.
    guest.rename(IN, "far", IN, "near").unwrap();
    assert_eq!(guest.contents(IN, "near/away/there").unwrap(), b"there");
    assert_eq!(guest.rmdir(IN, "near"), errno(Errno::Notempty));
    guest.world.fs.audit();
}

#[test]
fn nothing_is_added_to_a_folder_given_as_dot() {
    let job = job_with([(".", folder(&["a", "tmp/old"])), ("/far/away", folder(&["b"]))]);
    let mut guest = Guest::of(&job);
    assert_eq!(guest.listed(IN, "."), ["a", "tmp"]);
    assert_eq!(guest.listed(IN, "tmp"), [""; 0]);
    guest.mkdir(IN, "out").unwrap();
    guest.rmdir(IN, "out").unwrap();
    guest.world.fs.audit();
}
