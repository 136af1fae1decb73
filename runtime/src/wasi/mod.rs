//! WASI preview 1 over a virtual world: files, clock, randomness and stdio that exist only in memory.
//!
//! - this file: the world, how it begins, is called and ends; `functions.rs`: the table of its functions
//! - `memory.rs`: the one way into guest memory; `fuel.rs`: what calls cost; `types.rs`: preview 1's numbers
//! - `fs/`: inodes, paths, entries, bytes; `fds.rs`: open descriptors
//! - calls by theme: `io_calls`, `fd_calls`, `path_calls`, `entry_calls`, `listing`, `poll`, `clock`,
//!   `random`, `args_env`, `process`
//!
//! The world knows nothing of the engine that runs the guest, and reads nothing of the host: same job, same
//! calls, same answers. Every function is defined for every argument and every state of memory; none panics.
//!
//! The guest finds its input folders from descriptor 3 on, in byte order of their names, then `/out` and `/tmp`.
//! It may write to all of them. What it writes to an input changes its copy and is dropped at the end.

mod args_env;
mod clock;
mod entry_calls;
mod fd_calls;
mod fds;
mod fs;
mod fuel;
mod functions;
mod io_calls;
mod listing;
mod memory;
mod path_calls;
mod poll;
mod process;
mod random;
mod stdio;
#[cfg(test)]
mod tests;
mod types;

pub(crate) use self::functions::{FUNCTIONS, HostFunction, ValType2};

use self::{
    args_env::Strings,
    clock::Clock,
    fds::{Descriptor, Descriptors, Object},
    fs::{Device, FileSystem, InodeId},
    fuel::{Meter, Stop},
    memory::{Memory, low_u32},
    random::Random,
    stdio::{Capture, Input},
    types::rights,
};
use crate::{Folder, ResolvedJob};
use lilypad_abi::{
    BlobDigest, TrapKind,
    guest::{OUTPUT_DIR, TMP_DIR},
    mount_place,
};
use std::collections::BTreeMap;

/// Why the guest doesn't get control back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It asked to exit with this code.
    Exit(u32),
    /// It couldn't pay for a call; no fuel is left.
    OutOfFuel,
    /// The call is one that the profile answers with a trap.
    Trap(TrapKind),
}

/// What a job leaves behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Captured standard output.
    pub(crate) stdout: Vec<u8>,
    /// Captured standard error.
    pub(crate) stderr: Vec<u8>,
    /// What stood in `/out`.
    pub(crate) out: Folder,
    /// The bytes for a smart contract.
    pub(crate) journal: Vec<u8>,
}

/// Everything a guest can see and change beyond its own memory.
#[derive(Debug)]
pub(crate) struct World {
    fuel_limit: u64,
    clock: Clock,
    random: Random,
    args: Strings,
    env: Strings,
    stdin: Input,
    stdout: Capture,
    stderr: Capture,
    fs: FileSystem,
    out: InodeId,
    fds: Descriptors,
    /// Names held by the listings of all descriptors together.
    listed_names: usize,
    journal: Vec<u8>,
    journal_bytes_max: usize,
}

/// One call under way.
#[derive(Debug)]
struct Call<'a> {
    args: &'a [u64],
    memory: Memory<'a>,
    meter: Meter<'a>,
}

impl Call<'_> {
    /// An `i64` argument.
    fn u64(&self, index: usize) -> u64 {
        self.args.get(index).copied().unwrap_or(0)
    }

    /// An `i32` argument.
    fn u32(&self, index: usize) -> u32 {
        low_u32(self.u64(index))
    }

    /// A path: address and length at `index` and after it.
    fn path(&mut self, index: usize) -> Result<String, Stop> {
        let (address, len) = (self.u32(index), self.u32(index + 1));
        self.memory.path(&mut self.meter, address, len)
    }
}

/// Lets each mount that lies within another be found there too, as mounts do. A folder given as `.` stays as it
/// is but for what can't be reached by path any more: no name is added to it.
fn cover_nested(fs: &mut FileSystem, mounts: &[(String, InodeId)], epoch_ns: u64) {
    let places: BTreeMap<&str, (InodeId, bool)> =
        mounts.iter().map(|(name, id)| (mount_place(name).unwrap_or(name), (*id, name != "."))).collect();
    for (place, (id, _)) in &places {
        let above = place.rmatch_indices('/').map(|(at, _)| &place[..at]).chain([""]);
        let mut enclosing =
            above.filter(|above| above != place).filter_map(|above| places.get_key_value(above));
        if let Some((above, (root, extend))) = enclosing.next() {
            fs.cover(*root, place[above.len()..].trim_start_matches('/'), *id, extend.then_some(epoch_ns));
        }
    }
}

impl World {
    /// The world as the job describes it.
    pub(crate) fn new(job: &ResolvedJob, job_digest: BlobDigest) -> Self {
        let spec = &job.spec;
        let limits = &spec.limits;
        let mut fs = FileSystem::new(limits.output_bytes_max, u64::from(limits.output_files_max));
        let mut mounts = Vec::new();
        for (name, folder) in &job.inputs {
            mounts.push((name.clone(), fs.mount_input(folder, spec.clock_epoch_ns)));
        }
        let out = fs.mount(Device::Own, spec.clock_epoch_ns);
        mounts.push((OUTPUT_DIR.to_owned(), out));
        mounts.push((TMP_DIR.to_owned(), fs.mount(Device::Own, spec.clock_epoch_ns)));
        cover_nested(&mut fs, &mounts, spec.clock_epoch_ns);
        let mut world = Self {
            fuel_limit: limits.fuel_limit,
            clock: Clock::new(spec.clock_epoch_ns),
            random: Random::new(job_digest, spec.seed),
            args: Strings::new(spec.args.iter().cloned()),
            env: Strings::new(spec.env.iter().map(|(name, value)| format!("{name}={value}"))),
            stdin: Input::new(job.stdin.clone()),
            stdout: Capture::new(limits.stdout_bytes_max),
            stderr: Capture::new(limits.stderr_bytes_max),
            fs,
            out,
            fds: Descriptors::new(mounts.len()),
            listed_names: 0,
            journal: Vec::new(),
            journal_bytes_max: usize::try_from(limits.journal_bytes_max).unwrap_or(usize::MAX),
        };
        for (path, folder) in mounts {
            world.preopen(path, folder);
        }
        world
    }

    /// Gives the guest a folder; the table has room for all of them.
    fn preopen(&mut self, path: String, folder: InodeId) {
        let inheriting = rights::FILE | rights::FOLDER;
        let mut descriptor = Descriptor::new(Object::Folder(folder), rights::FOLDER, inheriting, 0);
        descriptor.preopen = Some(path);
        if let Ok(number) = self.fds.next()
            && self.fds.put(number, descriptor).is_ok()
        {
            self.fs.opened(folder);
        }
    }

    /// Runs the function at `function` in [`FUNCTIONS`] and gives its errno, 0 for success.
    ///
    /// `args` are in the order of the function's parameters, an `i32` zero-extended; a missing one counts as
    /// zero. `memory` is the guest's whole memory. `fuel_left` is charged before each piece of work.
    pub(crate) fn call(
        &mut self,
        function: usize,
        args: &[u64],
        memory: &mut [u8],
        fuel_left: &mut u64,
    ) -> Result<u32, Halt> {
        let Some(function) = FUNCTIONS.get(function) else { return Err(Halt::Trap(TrapKind::HostCall)) };
        let meter = Meter::new(fuel_left, self.fuel_limit);
        let mut call = Call { args, memory: Memory::new(memory), meter };
        let done = call.meter.charge(fuel::CALL).and_then(|()| (function.handler)(self, &mut call));
        match done {
            Ok(()) => Ok(0),
            Err(Stop::Errno(errno)) => Ok(errno as u32),
            Err(Stop::Halt(halt)) => Err(halt),
        }
    }

    /// What is left when the guest has ended, however it ended.
    pub(crate) fn finish(self) -> Finished {
        Finished {
            stdout: self.stdout.into_bytes(),
            stderr: self.stderr.into_bytes(),
            out: self.fs.to_folder(self.out),
            journal: self.journal,
        }
    }
}
