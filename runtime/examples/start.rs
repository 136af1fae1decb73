//! Measures the start of small jobs in this process: `cargo run --release -p lilypad-runtime --example start`.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_types, reason = "a measurement")]

use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile};
use lilypad_runtime::{ResolvedJob, Runtime, RuntimeOptions, on_guest_stack, unixfs};
use std::{collections::BTreeMap, time::Instant};

fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
}

fn main() {
    let jobs: u32 = std::env::args().nth(1).map_or(20_000, |n| n.parse().unwrap());
    let wat = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    let module = wat::parse_str(wat).unwrap();
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(&module),
        args: vec!["guest".into()],
        env: BTreeMap::new(),
        inputs: BTreeMap::new(),
        stdin: None,
        limits: Limits::default(),
        seed: BlobDigest::default(),
        clock_epoch_ns: 0,
    };
    let job = ResolvedJob { spec, module, inputs: BTreeMap::new(), stdin: Vec::new() };
    let started = Instant::now();
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    println!("Runtime::new {:?}", started.elapsed());
    let started = Instant::now();
    let prepared = runtime.prepare(&job.module).unwrap();
    println!("prepare {:?}", started.elapsed());
    let measure = |what: &str, jobs: u32| {
        let mut times: Vec<_> = (0..jobs)
            .map(|_| {
                let started = Instant::now();
                runtime.execute(&prepared, &job).unwrap();
                started.elapsed()
            })
            .collect();
        times.sort();
        let sum: std::time::Duration = times.iter().sum();
        println!(
            "{what}: min {:?} median {:?} p99 {:?}, {:.0} jobs/s, resident {} KiB",
            times[0],
            times[times.len() / 2],
            times[times.len() * 99 / 100],
            f64::from(jobs) / sum.as_secs_f64(),
            resident_kib()
        );
    };
    measure("own stack each", jobs);
    on_guest_stack(|| {
        for _ in 0..3 {
            measure("one stack for all", jobs);
        }
    })
    .unwrap();
    let started = Instant::now();
    for _ in 0..10_000 {
        std::hint::black_box(job.spec.cid().unwrap());
    }
    println!("spec.cid {:?}", started.elapsed() / 10_000);
}
