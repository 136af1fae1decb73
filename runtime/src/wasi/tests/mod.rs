//! The world driven as an engine drives it: by function index, numbers and a byte array for memory.
//!
//! - `io`: bytes in and out; `fds`: descriptors and their state; `paths`: opening and escaping;
//!   `entries`: making, moving, removing; `inputs`: what was given, changed; `listing`;
//!   `misc`: clock, poll, process, journal, table
//! - `against_linux`: the same changes made in a real folder
//! - `arguments`: bad pointers and descriptors for every function; `random_calls`: nothing panics, and the same
//!   calls give the same world

#[cfg(target_os = "linux")]
mod against_linux;
mod arguments;
mod entries;
mod fds;
mod inputs;
mod io;
mod listing;
mod misc;
mod paths;
mod random_calls;

use super::{
    FUNCTIONS, Finished, Halt, World,
    types::{Errno, rights},
};
use crate::{Folder, Node, ResolvedJob};
use lilypad_abi::{BlobDigest, Cid, Codec, JobSpec, Limits, Profile};
use std::{collections::BTreeMap, sync::Arc};

/// First descriptors of the test job.
const STDIN: u64 = 0;
const STDOUT: u64 = 1;
const STDERR: u64 = 2;
const IN: u64 = 3;
const OUT: u64 = 4;
const TMP: u64 = 5;

/// Where the harness puts what a call takes and gives; the rest of memory is the test's.
const PATH_AT: u64 = 0x1000;
const PATH2_AT: u64 = 0x2800;
const VECTOR_AT: u64 = 0x4000;
const RESULT_AT: u64 = 0x4100;
const DATA_AT: u64 = 0x5000;
const MEMORY_BYTES: usize = 0x2_0000;

const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

/// A guest: a world, memory and fuel.
#[derive(Debug)]
struct Guest {
    world: World,
    memory: Vec<u8>,
    fuel_left: u64,
}

/// What the test job reads: a file, a folder, links good, dangling and hostile.
fn input() -> Folder {
    let mut deep = Folder::default();
    deep.insert_file("inner.txt", b"inner".to_vec());
    let mut input = Folder::default();
    input.insert_file("hello.txt", b"hello world".to_vec());
    input.entries.insert("dir".into(), Node::Folder(deep));
    for (name, target) in [
        ("link", "hello.txt"),
        ("dirlink", "dir"),
        ("dangling", "nowhere"),
        ("escape", "../../etc/passwd"),
        ("absolute", "/etc/passwd"),
        ("loop", "loop2"),
        ("loop2", "loop"),
    ] {
        input.entries.insert(name.into(), Node::Symlink(target.into()));
    }
    input
}

fn job(limits: Limits) -> ResolvedJob {
    ResolvedJob {
        spec: JobSpec {
            profile: Profile::Lilypad1,
            module: Cid::of(Codec::Raw, b"module"),
            args: vec!["prog".into(), "arg".into()],
            env: BTreeMap::from([("A".into(), "1".into()), ("B".into(), "2".into())]),
            inputs: BTreeMap::from([("/in".into(), Cid::of(Codec::DagPb, b"in"))]),
            stdin: None,
            limits,
            seed: BlobDigest([7; 32]),
            clock_epoch_ns: EPOCH_NS,
        },
        module: Vec::new(),
        inputs: BTreeMap::from([("/in".into(), input())]),
        stdin: b"standard input".to_vec(),
    }
}

impl Guest {
    fn new() -> Self {
        Self::with(Limits { output_bytes_max: 4_096, output_files_max: 16, ..Limits::default() })
    }

    fn with(limits: Limits) -> Self {
        Self::of(&job(limits))
    }

    fn of(job: &ResolvedJob) -> Self {
        let world = World::new(job, BlobDigest([1; 32]));
        Self { world, memory: vec![0; MEMORY_BYTES], fuel_left: job.spec.limits.fuel_limit }
    }

    /// Calls by name.
    fn try_call(&mut self, name: &str, args: &[u64]) -> Result<u32, Halt> {
        let index = FUNCTIONS.iter().position(|function| function.name == name).unwrap();
        assert_eq!(FUNCTIONS[index].params.len(), args.len(), "{name}");
        self.world.call(index, args, &mut self.memory, &mut self.fuel_left)
    }

    /// Calls by name; `Ok` or the errno.
    fn call(&mut self, name: &str, args: &[u64]) -> Result<(), u32> {
        match self.try_call(name, args).unwrap() {
            0 => Ok(()),
            errno => Err(errno),
        }
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let at = usize::try_from(at).unwrap();
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn get(&self, at: u64, len: usize) -> &[u8] {
        let at = usize::try_from(at).unwrap();
        &self.memory[at..at + len]
    }

    fn get_u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.get(at, 4).try_into().unwrap())
    }

    fn get_u64(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.get(at, 8).try_into().unwrap())
    }

    /// One vector over `len` bytes at `DATA_AT`.
    fn vector(&mut self, len: u64) -> (u64, u64) {
        let record = [DATA_AT, len].map(|value| u32::try_from(value).unwrap().to_le_bytes()).concat();
        self.put(VECTOR_AT, &record);
        (VECTOR_AT, 1)
    }

    fn path(&mut self, at: u64, path: &str) -> (u64, u64) {
        self.put(at, path.as_bytes());
        (at, path.len() as u64)
    }

    /// `path_open` with everything spelled out.
    fn open_with(&mut self, fd: u64, path: &str, follow: u64, oflags: u32, wish: u64) -> Result<u64, u32> {
        let (at, len) = self.path(PATH_AT, path);
        let args = [fd, follow, at, len, u64::from(oflags), wish, u64::MAX, 0, RESULT_AT];
        self.call("path_open", &args)?;
        Ok(u64::from(self.get_u32(RESULT_AT)))
    }

    /// Opens what is there, for reading.
    fn open(&mut self, fd: u64, path: &str) -> Result<u64, u32> {
        self.open_with(fd, path, 1, 0, rights::FD_READ)
    }

    /// Opens for reading and writing, and makes the file if need be.
    fn create(&mut self, fd: u64, path: &str) -> Result<u64, u32> {
        self.open_with(fd, path, 1, super::types::oflags::CREAT, rights::FILE)
    }

    fn write(&mut self, fd: u64, bytes: &[u8]) -> Result<u32, u32> {
        self.put(DATA_AT, bytes);
        let (at, count) = self.vector(bytes.len() as u64);
        self.call("fd_write", &[fd, at, count, RESULT_AT])?;
        Ok(self.get_u32(RESULT_AT))
    }

    fn read(&mut self, fd: u64, len: u64) -> Result<Vec<u8>, u32> {
        let (at, count) = self.vector(len);
        self.call("fd_read", &[fd, at, count, RESULT_AT])?;
        let count = self.get_u32(RESULT_AT) as usize;
        Ok(self.get(DATA_AT, count).to_vec())
    }

    fn seek(&mut self, fd: u64, delta: i64, whence: u64) -> Result<u64, u32> {
        self.call("fd_seek", &[fd, delta.cast_unsigned(), whence, RESULT_AT])?;
        Ok(self.get_u64(RESULT_AT))
    }

    fn close(&mut self, fd: u64) -> Result<(), u32> {
        self.call("fd_close", &[fd])
    }

    /// A file with these bytes.
    fn file(&mut self, fd: u64, path: &str, bytes: &[u8]) {
        let file = self.create(fd, path).unwrap();
        assert_eq!(self.write(file, bytes), Ok(u32::try_from(bytes.len()).unwrap()));
        self.close(file).unwrap();
    }

    fn contents(&mut self, fd: u64, path: &str) -> Result<Vec<u8>, u32> {
        let file = self.open(fd, path)?;
        let bytes = self.read(file, 0x8000);
        self.close(file).unwrap();
        bytes
    }

    /// A call that takes a descriptor and a path.
    fn at(&mut self, name: &str, fd: u64, path: &str) -> Result<(), u32> {
        let (at, len) = self.path(PATH_AT, path);
        self.call(name, &[fd, at, len])
    }

    fn mkdir(&mut self, fd: u64, path: &str) -> Result<(), u32> {
        self.at("path_create_directory", fd, path)
    }

    fn rmdir(&mut self, fd: u64, path: &str) -> Result<(), u32> {
        self.at("path_remove_directory", fd, path)
    }

    fn unlink(&mut self, fd: u64, path: &str) -> Result<(), u32> {
        self.at("path_unlink_file", fd, path)
    }

    fn rename(&mut self, from: u64, old: &str, to: u64, new: &str) -> Result<(), u32> {
        let (old_at, old_len) = self.path(PATH_AT, old);
        let (new_at, new_len) = self.path(PATH2_AT, new);
        self.call("path_rename", &[from, old_at, old_len, to, new_at, new_len])
    }

    fn link(&mut self, from: u64, old: &str, to: u64, new: &str) -> Result<(), u32> {
        let (old_at, old_len) = self.path(PATH_AT, old);
        let (new_at, new_len) = self.path(PATH2_AT, new);
        self.call("path_link", &[from, 0, old_at, old_len, to, new_at, new_len])
    }

    fn symlink(&mut self, target: &str, fd: u64, path: &str) -> Result<(), u32> {
        let (target_at, target_len) = self.path(PATH_AT, target);
        let (at, len) = self.path(PATH2_AT, path);
        self.call("path_symlink", &[target_at, target_len, fd, at, len])
    }

    fn stat(&mut self, fd: u64, path: &str, follow: u64) -> Result<Stat, u32> {
        let (at, len) = self.path(PATH_AT, path);
        self.call("path_filestat_get", &[fd, follow, at, len, RESULT_AT])?;
        Ok(self.stat_result())
    }

    fn fd_stat(&mut self, fd: u64) -> Result<Stat, u32> {
        self.call("fd_filestat_get", &[fd, RESULT_AT])?;
        Ok(self.stat_result())
    }

    fn stat_result(&self) -> Stat {
        let field = |at| self.get_u64(RESULT_AT + at);
        Stat {
            device: field(0),
            inode: field(8),
            file_type: self.get(RESULT_AT + 16, 1)[0],
            links: field(24),
            size: field(32),
            access_ns: field(40),
            modify_ns: field(48),
            change_ns: field(56),
        }
    }

    fn finish(self) -> Finished {
        self.world.finish()
    }
}

/// A `filestat` as the guest reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    device: u64,
    inode: u64,
    file_type: u8,
    links: u64,
    size: u64,
    access_ns: u64,
    modify_ns: u64,
    change_ns: u64,
}

/// `Err` with this errno.
fn errno<T>(errno: Errno) -> Result<T, u32> {
    Err(errno as u32)
}

fn bytes_of(node: Option<&Node>) -> Arc<Vec<u8>> {
    match node {
        Some(Node::File(bytes)) => Arc::clone(bytes),
        other => panic!("not a file: {other:?}"),
    }
}
