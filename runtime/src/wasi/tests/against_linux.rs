//! The same random changes made in the virtual world and in a real folder: same errors, same trees.
//!
//! Linux is the reference for POSIX; where it is known to go its own way the difference is named below.

use super::*;
use proptest::prelude::*;
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

#[derive(Debug, Clone)]
enum Op {
    Create(String),
    Append(String, usize),
    Mkdir(String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String),
    Link(String, String),
    Symlink(String, String),
    Stat(String, bool),
    ReadLink(String),
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c"])
}

/// Paths that never lead above the top.
fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => name().prop_map(str::to_owned),
        4 => (name(), name()).prop_map(|(a, b)| format!("{a}/{b}")),
        2 => (name(), name(), name()).prop_map(|(a, b, c)| format!("{a}/{b}/{c}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("{a}/../{b}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("./{a}//{b}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("{a}/./{b}")),
    ]
}

fn slashed() -> impl Strategy<Value = String> {
    (path(), prop::bool::weighted(0.2)).prop_map(|(path, slash)| if slash { path + "/" } else { path })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => slashed().prop_map(Op::Create),
        1 => (path(), 1..100_usize).prop_map(|(path, len)| Op::Append(path, len)),
        3 => path().prop_map(Op::Mkdir),
        1 => slashed().prop_map(Op::Unlink),
        1 => slashed().prop_map(Op::Rmdir),
        3 => (slashed(), slashed()).prop_map(|(old, new)| Op::Rename(old, new)),
        1 => (slashed(), path()).prop_map(|(old, new)| Op::Link(old, new)),
        2 => (path(), path()).prop_map(|(target, path)| Op::Symlink(target, path)),
        2 => (slashed(), any::<bool>()).prop_map(|(path, follow)| Op::Stat(path, follow)),
        1 => path().prop_map(Op::ReadLink),
    ]
}

/// What an operation told: nothing, or a file's type, size and links, or a link's target.
type Told = String;

fn told(file_type: u8, size: u64, links: u64) -> Told {
    // How folders count their links and bytes is the file system's own affair.
    if file_type == 3 { "folder".into() } else { format!("{file_type} {size} {links}") }
}

fn in_world(guest: &mut Guest, top: u64, op: &Op) -> Result<Told, u32> {
    let done = |()| Told::new();
    match op {
        Op::Create(path) => {
            let file = guest.create(top, path)?;
            guest.close(file).map(done)
        }
        Op::Append(path, len) => {
            let file = guest.open_with(top, path, 1, 0, rights::FILE)?;
            guest.seek(file, 0, 2).and_then(|_| guest.write(file, &vec![b'x'; *len])).unwrap();
            guest.close(file).map(done)
        }
        Op::Mkdir(path) => guest.mkdir(top, path).map(done),
        Op::Unlink(path) => guest.unlink(top, path).map(done),
        Op::Rmdir(path) => guest.rmdir(top, path).map(done),
        Op::Rename(old, new) => guest.rename(top, old, top, new).map(done),
        Op::Link(old, new) => guest.link(top, old, top, new).map(done),
        Op::Symlink(target, path) => guest.symlink(target, top, path).map(done),
        Op::Stat(path, follow) => {
            let stat = guest.stat(top, path, u64::from(*follow))?;
            Ok(told(stat.file_type, stat.size, stat.links))
        }
        Op::ReadLink(path) => {
            let (at, len) = guest.path(PATH_AT, path);
            guest.call("path_readlink", &[top, at, len, DATA_AT, 100, RESULT_AT])?;
            let used = guest.get_u32(RESULT_AT) as usize;
            Ok(String::from_utf8(guest.get(DATA_AT, used).to_vec()).unwrap())
        }
    }
}

fn in_folder(top: &Path, op: &Op) -> io::Result<Told> {
    // Joined as text: a PathBuf would take liberties with dots and slashes.
    let at = |path: &String| PathBuf::from(format!("{}/{path}", top.display()));
    let done = |()| Told::new();
    match op {
        Op::Create(path) => {
            fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(at(path))?;
            Ok(Told::new())
        }
        Op::Append(path, len) => {
            let mut file = fs::OpenOptions::new().read(true).write(true).open(at(path))?;
            io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            io::Write::write_all(&mut file, &vec![b'x'; *len]).map(done)
        }
        Op::Mkdir(path) => fs::create_dir(at(path)).map(done),
        Op::Unlink(path) => fs::remove_file(at(path)).map(done),
        Op::Rmdir(path) => fs::remove_dir(at(path)).map(done),
        Op::Rename(old, new) => fs::rename(at(old), at(new)).map(done),
        Op::Link(old, new) => fs::hard_link(at(old), at(new)).map(done),
        Op::Symlink(target, path) => std::os::unix::fs::symlink(target, at(path)).map(done),
        Op::Stat(path, follow) => {
            let stat = if *follow { fs::metadata(at(path)) } else { fs::symlink_metadata(at(path)) }?;
            let file_type = if stat.is_dir() { 3 } else { 4 + 3 * u8::from(stat.is_symlink()) };
            Ok(told(file_type, stat.size(), stat.nlink()))
        }
        Op::ReadLink(path) => Ok(fs::read_link(at(path))?.to_str().unwrap().to_owned()),
    }
}

/// Linux's number for an errno, in preview 1's numbers.
fn translate(error: &io::Error) -> u32 {
    let errno = match error.raw_os_error() {
        Some(1) => Errno::Perm,
        Some(2) => Errno::Noent,
        Some(17) => Errno::Exist,
        Some(20) => Errno::Notdir,
        Some(21) => Errno::Isdir,
        Some(22) => Errno::Inval,
        Some(39) => Errno::Notempty,
        Some(40) => Errno::Loop,
        _ => panic!("an errno that nothing here should give: {error}"),
    };
    errno as u32
}

fn agree(op: &Op, ours: &Result<Told, u32>, linux: &Result<Told, u32>) -> bool {
    // A file moved over a folder that it lies in: Linux says that the folder isn't empty before it looks at
    // what is moved; POSIX and we say that it is a folder.
    let over_own_folder =
        matches!(op, Op::Rename(..)) && *ours == errno(Errno::Isdir) && *linux == errno(Errno::Notempty);
    // A file made under a name with a slash: Linux refuses without looking at what stands there.
    let slash_unseen = matches!(op, Op::Create(path) if path.ends_with('/'))
        && *linux == errno(Errno::Isdir)
        && ours.is_err();
    ours == linux || over_own_folder || slash_unseen
}

fn tree(top: &Path) -> Folder {
    let mut folder = Folder::default();
    for entry in fs::read_dir(top).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        let node = if kind.is_dir() {
            Node::Folder(tree(&path))
        } else if kind.is_symlink() {
            Node::Symlink(fs::read_link(&path).unwrap().to_str().unwrap().to_owned())
        } else {
            Node::File(Arc::new(fs::read(&path).unwrap()))
        };
        folder.entries.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), node);
    }
    folder
}

/// A real folder for one case, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lilypad-wasi-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What an input folder holds before the first operation: names that operations hit upon.
fn given() -> Folder {
    let mut deep = Folder::default();
    deep.insert_file("c", b"deep".to_vec());
    let mut folder = Folder::default();
    folder.entries.insert("a".into(), Node::File(Arc::new(b"some bytes".to_vec())));
    folder.entries.insert("b".into(), Node::Folder(deep));
    folder.entries.insert("c".into(), Node::Symlink("b/c".into()));
    folder
}

fn write(top: &Path, folder: &Folder) {
    for (name, node) in &folder.entries {
        let path = top.join(name);
        match node {
            Node::File(bytes) => fs::write(path, &**bytes).unwrap(),
            Node::Symlink(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            Node::Folder(below) => {
                fs::create_dir(&path).unwrap();
                write(&path, below);
            }
        }
    }
}

fn compare(guest: &mut Guest, top: u64, scratch: &Path, ops: &[Op]) -> Result<(), TestCaseError> {
    for op in ops {
        let ours = in_world(guest, top, op);
        let linux = in_folder(scratch, op).map_err(|error| translate(&error));
        prop_assert!(agree(op, &ours, &linux), "{op:?}: ours {ours:?}, Linux {linux:?}");
    }
    let root = guest.world.fds.get(u32::try_from(top).unwrap()).unwrap().inode().unwrap();
    prop_assert_eq!(guest.world.fs.to_folder(root), tree(scratch));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_change_does_what_linux_does(ops in prop::collection::vec(op(), 0..60)) {
        let scratch = Scratch::new();
        compare(&mut Guest::with(Limits::default()), OUT, &scratch.0, &ops)?;
    }

    #[test]
    fn every_change_of_an_input_does_what_linux_does(ops in prop::collection::vec(op(), 0..60)) {
        let scratch = Scratch::new();
        write(&scratch.0, &given());
        let mut job = job(Limits::default());
        job.inputs = BTreeMap::from([("/in".into(), given())]);
        compare(&mut Guest::of(&job), IN, &scratch.0, &ops)?;
        prop_assert_eq!(&job.inputs["/in"], &given());
    }
}
