//! How fast a gigabyte gets into a job, through it and out of it, and how much memory that takes.
//!
//! `cargo bench -p lilypad-runtime --bench data [-- MEBIBYTES]` prints a table and writes `target/bench/data.json`.
//! Each row runs in a process of its own, because the peak of a process's memory never falls.
#![expect(clippy::print_stdout, reason = "the table is this program's result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that can't measure has nothing better to do")]

mod common;

use common::{float, job, pin, write_json};
use lilypad_abi::Status;
use lilypad_runtime::{Folder, ResolvedJob, Runtime, RuntimeOptions, unixfs};
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    collections::BTreeMap,
    env,
    hint::black_box,
    process::{Command, Stdio},
};

/// What is measured, and how many times the data is there at once when nothing is wasted.
const ROWS: [(&str, &str, f64); 3] = [
    ("hash", "the address of an input folder", 1.0),
    ("copy", "a job that copies /in/data to /out/data, outputs hashed", 2.0),
    ("edit", "a job that writes one byte of /in/data: the host copies it", 2.0),
];

/// Runs of each row; the fastest counts, because only what disturbs it makes one slower.
const REPEATS: usize = 3;

/// Copies through a buffer of a mebibyte, as large files are copied.
const COPY: &str = r#"
    (call $open (i32.const 3) (i32.const 0) (i64.const 2) (i32.const 16))
    (call $open (i32.const 4) (i32.const 9) (i64.const 64) (i32.const 20))
    (loop $more
      (i32.store (i32.const 4) (i32.const 1048576))
      (call $check (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (call $check (call $write (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $more (i32.load (i32.const 8))))"#;

const EDIT: &str = r#"
    (call $open (i32.const 3) (i32.const 0) (i64.const 64) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 1))
    (call $check (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))"#;

fn guest(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 17)
  (data (i32.const 0) "\00\00\01\00")
  (data (i32.const 32) "data")
  (func $check (param i32) (if (local.get 0) (then unreachable)))
  (func $open (param $folder i32) (param $oflags i32) (param $rights i64) (param $out i32)
    (call $check (call $path_open (local.get $folder) (i32.const 0) (i32.const 32) (i32.const 4)
      (local.get $oflags) (local.get $rights) (i64.const 0) (i32.const 0) (local.get $out))))
  (func (export "_start") {body}))"#
    );
    wat::parse_str(text).unwrap()
}

fn main() {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [row, mebibytes] => one(row, mebibytes.parse().unwrap()),
        [mebibytes] => table(mebibytes),
        _ => table("1024"),
    }
}

/// Each row in a process of its own, which prints seconds of CPU and peak bytes.
fn table(mebibytes: &str) {
    let gigabytes = mebibytes.parse::<f64>().unwrap() * 1.048_576e-3;
    println!("{gigabytes:.2} GB of data on one core\n");
    println!("{:<6} {:>7} {:>7} {:>12} {:>8}  what", "row", "s", "GB/s", "peak, × data", "least");
    let mut rows = Vec::new();
    for (row, what, least) in ROWS {
        let (seconds, peak_bytes) = (0..REPEATS).map(|_| in_child(row, mebibytes)).reduce(least_of).unwrap();
        let peak = peak_bytes / gigabytes / 1e9;
        println!("{row:<6} {seconds:>7.3} {:>7.2} {peak:>12.2} {least:>8.1}  {what}", gigabytes / seconds);
        rows.push(serde_json::json!({
            "row": row, "cpu_s": seconds, "gb_per_s": gigabytes / seconds, "peak_over_data": peak,
        }));
    }
    write_json("data", &serde_json::json!({ "gigabytes": gigabytes, "rows": rows }));
}

fn in_child(row: &str, mebibytes: &str) -> (f64, f64) {
    let mut child = Command::new(env::current_exe().unwrap());
    let out = child.args([row, mebibytes]).stderr(Stdio::inherit()).output().unwrap();
    assert!(out.status.success(), "{row} failed");
    let out = String::from_utf8(out.stdout).unwrap();
    let numbers: Vec<f64> = out.split_whitespace().map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1])
}

/// The least time, and the most memory.
fn least_of(one: (f64, f64), other: (f64, f64)) -> (f64, f64) {
    (one.0.min(other.0), one.1.max(other.1))
}

fn one(row: &str, mebibytes: usize) {
    pin();
    let mut input = Folder::default();
    // Not all alike, so that nothing on the way can take a short cut.
    input.insert_file("data", (0..mebibytes << 20).map(|at| (at ^ at >> 9).to_le_bytes()[0]).collect());
    let seconds = match row {
        "hash" => cpu(|| _ = black_box(unixfs::folder_cid(&input))),
        "copy" => run(COPY, input),
        _ => run(EDIT, input),
    };
    println!("{seconds} {}", peak_bytes());
}

/// A job over this input; seconds from the resolved job to its Execution, compiling aside.
fn run(body: &str, input: Folder) -> f64 {
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    let mut job = job(guest(body));
    job.spec.limits.output_bytes_max = 8 << 30;
    job.spec.inputs.insert("/in".into(), unixfs::folder_cid(&input));
    let job = ResolvedJob { inputs: BTreeMap::from([("/in".to_owned(), input)]), ..job };
    let module = runtime.prepare(&job.module).unwrap();
    let mut execution = None;
    let seconds = cpu(|| execution = Some(runtime.execute(&module, &job).unwrap()));
    assert_eq!(execution.unwrap().outcome.status, Status::Exited { code: 0 });
    seconds
}

/// CPU seconds of the whole process, the guest's thread included.
fn cpu(work: impl FnOnce()) -> f64 {
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        [usage.user_time(), usage.system_time()]
            .map(|time| float(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap()) / 1e6)
            .iter()
            .sum::<f64>()
    };
    let before = used();
    work();
    used() - before
}

fn peak_bytes() -> f64 {
    float(u64::try_from(getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss()).unwrap()) * 1024.0
}
