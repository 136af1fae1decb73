//! How fast guests run: each kernel natively, unmetered in the same engine, and under the full profile.
//!
//! `cargo bench -p lilypad-runtime --bench kernels -- [--quick] [--rounds N] [--no-native] [--json NAME] [KERNEL…]`
//!
//! The three take turns within one process on one core, and the least CPU time of all rounds counts. Compiling is
//! not measured here; instantiating and page faults are, alike for both. The answers are compared: a kernel whose
//! output differs between the three ends the benchmark.
#![expect(clippy::print_stdout, reason = "the table is this program's result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that can't measure has nothing better to do")]

#[path = "../common/mod.rs"]
mod common;

use common::{Best, float};
use lilypad_abi::Status;
use lilypad_runtime::{
    Node, ResolvedJob, Runtime, RuntimeOptions, fuzzing,
    internals::{self, PlainModule},
};
use std::{fs, path::Path, process::Command, thread};

struct Options {
    rounds: usize,
    native: bool,
    json: String,
    names: Vec<String>,
}

fn options() -> Options {
    let mut options = Options { rounds: 9, native: true, json: "kernels".into(), names: Vec::new() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => options.rounds = 3,
            "--rounds" => options.rounds = args.next().and_then(|n| n.parse().ok()).expect("--rounds N"),
            "--json" => options.json = args.next().expect("--json NAME"),
            "--no-native" => options.native = false,
            // What cargo adds.
            "--bench" => {}
            name if !name.starts_with('-') => options.names.push(name.to_owned()),
            other => panic!("{other} is no option; see the first lines of this benchmark"),
        }
    }
    options
}

/// What was measured of one kernel.
struct Row {
    name: String,
    output: Vec<u8>,
    native: Option<Best>,
    plain: Best,
    full: Best,
    fuel: u64,
    bytes: usize,
    rewritten: usize,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.full.ns / self.plain.ns
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "kernel": self.name,
            "output": String::from_utf8_lossy(&self.output),
            "native_ms": self.native.map(Best::ms),
            "unmetered_ms": self.plain.ms(),
            "full_ms": self.full.ms(),
            "full_over_unmetered": self.ratio(),
            "full_over_native": self.native.map(|native| self.full.ns / native.ns),
            "spread_unmetered": self.plain.spread,
            "spread_full": self.full.spread,
            "fuel": self.fuel,
            "fuel_per_ns_unmetered": float(self.fuel) / self.plain.ns,
            "module_bytes": self.bytes,
            "rewritten_bytes": self.rewritten,
        })
    }

    fn print(&self) {
        let over = |base: Option<f64>, ns: f64| base.map_or("-".into(), |base| format!("{:.2}", ns / base));
        let native = self.native.map(|native| native.ns);
        println!(
            "{:<12} {:>9} {:>9.1} {:>9.1} {:>9} {:>9.3} {:>9} {:>8.2} {:>7.2} {:>6.1}%",
            self.name,
            self.native.map_or("-".into(), |native| format!("{:.1}", native.ms())),
            self.plain.ms(),
            self.full.ms(),
            over(native, self.plain.ns),
            self.ratio(),
            over(native, self.full.ns),
            float(self.fuel) / self.plain.ns,
            float(self.rewritten as u64) / float(self.bytes as u64),
            100.0 * self.plain.spread.max(self.full.spread),
        );
    }
}

fn main() {
    let options = options();
    common::pin();
    // The guest's stack is this thread's: no thread is started within what is measured.
    thread::Builder::new()
        .stack_size(internals::STACK_BYTES)
        .spawn(move || measure(&options))
        .unwrap()
        .join()
        .unwrap();
}

fn measure(options: &Options) {
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>7} {:>7}",
        "kernel",
        "native",
        "unmeter.",
        "full",
        "unm/nat",
        "full/unm",
        "full/nat",
        "fuel/ns",
        "size",
        "spread"
    );
    let mut rows = Vec::new();
    for module in common::kernels() {
        let name = module.file_stem().unwrap().to_str().unwrap().to_owned();
        let wanted = options.names.is_empty() && name != "empty" || options.names.contains(&name);
        if wanted {
            let row = kernel(&runtime, name, &module, options);
            row.print();
            rows.push(row);
        }
    }
    summary(&rows, &options.json);
}

fn kernel(runtime: &Runtime, name: String, path: &Path, options: &Options) -> Row {
    let wasm = fs::read(path).unwrap();
    let rewritten = fuzzing::rewrite(&wasm).unwrap().fast.len();
    let plain = internals::prepare_plain(runtime, &wasm).unwrap();
    let full = runtime.prepare(&wasm).unwrap();
    let job = common::job(wasm);
    let (mut natives, mut plains, mut fulls) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fuel, mut answer) = (0, Vec::new());
    for _ in 0..options.rounds {
        let (output, ns) = run_plain(&plain, &job);
        plains.push(ns);

        let start = common::thread_ns();
        let execution = internals::run_metered(&full, &job).unwrap();
        fulls.push(common::thread_ns() - start);
        assert_eq!(execution.outcome.status, Status::Exited { code: 0 }, "{name}");
        let stdout = execution.outputs.entries.get("stdout");
        assert!(
            matches!(stdout, Some(Node::File(bytes)) if **bytes == *output),
            "{name}: the full profile gave another answer"
        );
        fuel = execution.outcome.fuel_used;
        answer.clone_from(&output);

        if options.native {
            let start = common::children_ns();
            let native = Command::new(path.with_extension("")).output().unwrap();
            natives.push(common::children_ns() - start);
            assert_eq!(native.stdout, output, "{name}: the native program gave another answer");
        }
    }
    Row {
        name,
        output: answer,
        native: options.native.then(|| Best::of(natives)),
        plain: Best::of(plains),
        full: Best::of(fulls),
        fuel,
        bytes: job.module.len(),
        rewritten,
    }
}

fn run_plain(module: &PlainModule, job: &ResolvedJob) -> (Vec<u8>, u64) {
    let start = common::thread_ns();
    let run = internals::run_plain(module, job, "none").unwrap();
    let ns = common::thread_ns() - start;
    assert_eq!(run.status, Status::Exited { code: 0 });
    (run.stdout, ns)
}

/// SQLite is a program and not a kernel: it stands beside the mean.
fn summary(rows: &[Row], json: &str) {
    let kernels: Vec<&Row> = rows.iter().filter(|row| row.name != "sqlite").collect();
    let ratios: Vec<f64> = kernels.iter().map(|row| row.ratio()).collect();
    let worst = kernels.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let sqlite = rows.iter().find(|row| row.name == "sqlite").map(Row::ratio);
    println!();
    if let Some(worst) = worst {
        println!("full profile over unmetered, {} kernels", kernels.len());
        println!("  geometric mean  {:.3}  (wanted: at most 1.10)", common::geomean(&ratios));
        println!("  worst           {:.3}  {} (wanted: at most 1.5)", worst.ratio(), worst.name);
    }
    if let Some(sqlite) = sqlite {
        println!("  SQLite          {sqlite:.3}  (wanted: at most 1.2)");
    }
    common::write_json(
        json,
        &serde_json::json!({
            "kernels": rows.iter().map(Row::json).collect::<Vec<_>>(),
            "geometric_mean": (!ratios.is_empty()).then(|| common::geomean(&ratios)),
            "worst": worst.map(|worst| serde_json::json!({"kernel": worst.name, "ratio": worst.ratio()})),
            "sqlite": sqlite,
        }),
    );
}
