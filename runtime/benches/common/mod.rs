//! What the benchmarks share: clocks, one core, jobs, tables.
//!
//! CPU time of a thread or a child, never wall clock, wherever other processes could be counted in. Nothing here
//! can reach an Outcome.
#![expect(clippy::unwrap_used, reason = "a benchmark that can't measure has nothing better to do")]
#![allow(dead_code, reason = "each benchmark uses its part")]

use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile};
use lilypad_runtime::{ResolvedJob, unixfs};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{UsageWho, getrusage},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// CPU time of this thread, in nanoseconds.
pub(crate) fn thread_ns() -> u64 {
    clock_ns(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of this process with all its threads, in nanoseconds.
pub(crate) fn process_ns() -> u64 {
    clock_ns(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Memory of this process that is in RAM.
pub(crate) fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * PAGE_BYTES
}

fn clock_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).unwrap();
    u64::try_from(time.tv_sec()).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap()
}

/// CPU time, user's and system's, of the children that have ended, in nanoseconds.
pub(crate) fn children_ns() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let ns = |time: nix::sys::time::TimeVal| {
        u64::try_from(time.tv_sec()).unwrap() * 1_000_000_000 + u64::try_from(time.tv_usec()).unwrap() * 1_000
    };
    ns(usage.user_time()) + ns(usage.system_time())
}

/// Keeps this process and its children on the last core that it may use.
pub(crate) fn pin() {
    let own = Pid::from_raw(0);
    let allowed = sched_getaffinity(own).unwrap();
    let core = (0..CpuSet::count()).rev().find(|core| allowed.is_set(*core).unwrap_or(false)).unwrap();
    let mut one = CpuSet::new();
    one.set(core).unwrap();
    sched_setaffinity(own, &one).unwrap();
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Builds the kernels where their sources have changed, and gives each one's module.
pub(crate) fn kernels() -> Vec<PathBuf> {
    let script = root().join("runtime/benches/kernels/build");
    let built = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success(), "{} failed", script.display());
    String::from_utf8(built.stdout).unwrap().lines().map(PathBuf::from).collect()
}

/// A job of this module, with limits that none of ours reaches.
pub(crate) fn job(module: Vec<u8>) -> ResolvedJob {
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        args: vec!["kernel".into()],
        env: BTreeMap::new(),
        inputs: BTreeMap::new(),
        stdin: None,
        limits: Limits { fuel_limit: 1 << 50, ..Limits::default() },
        seed: BlobDigest::default(),
        clock_epoch_ns: 0,
    };
    ResolvedJob { spec, module, inputs: BTreeMap::new(), stdin: Vec::new() }
}

/// Writes `target/bench/NAME.json`.
pub(crate) fn write_json(name: &str, value: &serde_json::Value) {
    let path = root().join("target/bench").join(name).with_extension("json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
    eprintln!("written: {}", path.display());
}

/// The least of some measurements, and how far the middle one lies above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) ns: f64,
    /// Median over minimum, less one.
    pub(crate) spread: f64,
}

impl Best {
    pub(crate) fn of(mut ns: Vec<u64>) -> Self {
        ns.sort_unstable();
        let (least, middle) = (float(ns[0]), float(ns[ns.len() / 2]));
        Self { ns: least, spread: middle / least - 1.0 }
    }

    pub(crate) fn ms(self) -> f64 {
        self.ns / 1e6
    }
}

/// Precise to 2^53, which no measurement here comes near.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn float(value: u64) -> f64 {
    value as f64
}

/// Geometric mean.
pub(crate) fn geomean(values: &[f64]) -> f64 {
    let count = float(values.len() as u64);
    (values.iter().map(|value| value.ln()).sum::<f64>() / count).exp()
}
