//! What a job costs that does nothing: spec in, Outcome out, with its module ready.
//!
//! `cargo bench -p lilypad-runtime --bench startup -- [--quick] [--jobs N]`
//!
//! One after the other on one core. Wall clock includes whatever else runs on this machine, so its least and its middle
//! are shown beside the CPU time of the whole process. Memory is what the kernel says is resident.
#![expect(clippy::print_stdout, reason = "the table is this program's result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that can't measure has nothing better to do")]
#![expect(clippy::disallowed_types, reason = "a benchmark looks at the clock; no guest sees it")]

#[path = "../common/mod.rs"]
mod common;

use common::float;
use lilypad_abi::Status;
use lilypad_runtime::{PreparedModule, ResolvedJob, Runtime, RuntimeOptions};
use std::{fs, time::Instant};

fn main() {
    let mut jobs = 1_000_000;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => jobs = 20_000,
            "--jobs" => jobs = args.next().and_then(|n| n.parse().ok()).expect("--jobs N"),
            "--bench" => {}
            other => panic!("{other} is no option; see the first lines of this benchmark"),
        }
    }
    common::pin();
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    let wasm = fs::read(common::root().join("target/bench/kernels/empty.wasm")).unwrap_or_else(|_| {
        fs::read(common::kernels().iter().find(|path| path.ends_with("empty.wasm")).unwrap()).unwrap()
    });
    let start = Instant::now();
    let module = runtime.prepare(&wasm).unwrap();
    println!("preparing the empty module: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let job = common::job(wasm);
    run(&runtime, &module, &job, jobs);
}

fn run(runtime: &Runtime, module: &PreparedModule, job: &ResolvedJob, jobs: u64) {
    let mut wall: Vec<u64> = Vec::with_capacity(100_000);
    let mut marks = Vec::new();
    let start = common::process_ns();
    for number in 1..=jobs {
        let begin = Instant::now();
        let execution = runtime.execute(module, job).unwrap();
        // The room for these is there before memory is looked at.
        if wall.len() < wall.capacity() {
            wall.push(u64::try_from(begin.elapsed().as_nanos()).unwrap());
        }
        assert_eq!(execution.outcome.status, Status::Exited { code: 0 });
        if [1_000, 10_000, 100_000, 1_000_000].contains(&number) || number == jobs {
            marks.push((number, common::resident_bytes()));
        }
    }
    let cpu_ns = float(common::process_ns() - start) / float(jobs);
    wall.sort_unstable();
    let at = |share: usize| float(wall[(wall.len() - 1) * share / 100]) / 1e3;
    println!("spec in, Outcome out, in process, module warm (wanted: at most 60 µs)");
    println!("  wall clock: least {:.1} µs, middle {:.1} µs, 99 of 100 {:.1} µs", at(0), at(50), at(99));
    println!(
        "  CPU time:   {:.1} µs, so {:.0} jobs per second and core (wanted: at least 5,000)",
        cpu_ns / 1e3,
        1e9 / cpu_ns
    );
    for (number, bytes) in &marks {
        println!("  resident after {number:>9} jobs: {:.1} MiB", float(*bytes) / float(1 << 20));
    }
    common::write_json(
        "startup",
        &serde_json::json!({
            "wall_us": {"least": at(0), "middle": at(50), "p99": at(99)},
            "cpu_us": cpu_ns / 1e3,
            "jobs_per_second_and_core": 1e9 / cpu_ns,
            "resident": marks.iter().map(|(jobs, bytes)| serde_json::json!({"jobs": jobs, "bytes": bytes})).collect::<Vec<_>>(),
        }),
    );
}
