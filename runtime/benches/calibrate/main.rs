//! What operators take, and what the cost table says they do: the command that produced the table.
//!
//! `cargo bench -p lilypad-runtime --bench calibrate -- [--quick]`
//!
//! Everything runs unmetered. Gadgets do one thing over and over; kernels are ordinary code. A fit over both, least
//! squares of relative errors without negative answers, gives nanoseconds for each class of operator. Then the table
//! is held against both: how well its fuel follows the time of whole kernels, and which gadget gets the most time for
//! its fuel, which is what somebody would do who wants to hurt a provider.
#![expect(clippy::print_stdout, reason = "the tables are this program's result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that can't measure has nothing better to do")]

mod classes;
#[path = "../common/mod.rs"]
mod common;
mod count;
mod fit;
mod gadgets;
mod sized;

use common::float;
use count::{Counting, Counts};
use gadgets::Gadget;
use lilypad_abi::Status;
use lilypad_runtime::{Runtime, RuntimeOptions, internals};
use std::{collections::BTreeMap, fs, path::Path, thread};
use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

/// A kernel says more than a gadget: it counts as so many.
const KERNEL_WEIGHT: f64 = 4.0;

/// Something measured: nanoseconds and what ran in them.
struct Sample {
    name: String,
    ns: f64,
    counts: Counts,
    /// Operators of interest; 0 for kernels.
    times: f64,
    fitted: bool,
}

fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--quick") { 3 } else { 9 };
    common::pin();
    thread::Builder::new()
        .stack_size(internals::STACK_BYTES)
        .spawn(move || calibrate(rounds))
        .unwrap()
        .join()
        .unwrap();
}

fn calibrate(rounds: usize) {
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    let engine = internals::engine(&runtime);
    let gadgets: Vec<Sample> =
        gadgets::all().iter().map(|gadget| measure_gadget(&engine, gadget, rounds)).collect();
    let kernels: Vec<Sample> = common::kernels()
        .iter()
        .filter(|path| path.file_stem().is_some_and(|name| name != "empty"))
        .map(|path| measure_kernel(&runtime, path, rounds))
        .collect();
    let fuel: Vec<f64> = kernels.iter().map(|kernel| kernel.counts.fuel).collect();
    let ns: Vec<f64> = kernels.iter().map(|kernel| kernel.ns).collect();
    let table = fit::quality(&fuel, &ns);
    let fitted = fit_classes(&gadgets, &kernels);
    print_classes(&fitted, table.unit_ns);
    print_kernels(&kernels, &fitted, table);
    print_prices(&gadgets, table.unit_ns);
    let sized = sized::measure(&runtime, rounds);
    sized::print(&sized, table.unit_ns);
    let samples = |samples: &[Sample]| -> Vec<serde_json::Value> {
        samples
            .iter()
            .map(|sample| {
                serde_json::json!({
                    "name": sample.name, "ns": sample.ns, "times": sample.times, "fuel": sample.counts.fuel,
                    "operators": sample.counts.classes,
                })
            })
            .collect()
    };
    common::write_json(
        "calibrate",
        &serde_json::json!({
            "ns_per_fuel": table.unit_ns, "factor": table.factor, "r_squared": table.r_squared,
            "fitted_ns": fitted, "gadgets": samples(&gadgets), "kernels": samples(&kernels), "sized": sized,
        }),
    );
}

fn run(engine: &Engine, module: &Module) -> (Store<()>, Instance, TypedFunc<u32, ()>) {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    let run = instance.get_typed_func(&mut store, "run").unwrap();
    (store, instance, run)
}

/// Times one turn of a gadget's loop, and counts what it does.
fn measure_gadget(engine: &Engine, gadget: &Gadget, rounds: usize) -> Sample {
    let wasm = wat::parse_str(&gadget.wat).unwrap_or_else(|error| panic!("{}: {error}", gadget.name));
    let counting = count::counting(&wasm).unwrap();
    let counts = turn_counts(engine, gadget, &counting);
    let module = Module::new(engine, &wasm).unwrap_or_else(|error| panic!("{}: {error}", gadget.name));
    let (mut store, _, run) = run(engine, &module);
    // What stands before the loop, page faults included, runs once before.
    let mut time = |turns: u32| {
        let start = common::thread_ns();
        run.call(&mut store, turns).unwrap();
        common::thread_ns() - start
    };
    time(1);
    let before = (0..3).map(|_| time(1)).min().unwrap_or(0);
    let mut turns = 64;
    while time(turns).saturating_sub(before) < 500_000 {
        turns *= 2;
    }
    let least = (0..rounds).map(|_| time(turns)).min().unwrap_or(0);
    Sample {
        name: gadget.name.clone(),
        ns: float(least.saturating_sub(before)) / float(u64::from(turns - 1)),
        counts,
        times: f64::from(gadget.times),
        fitted: gadget.fitted,
    }
}

/// What one turn does: the difference between two numbers of turns.
fn turn_counts(engine: &Engine, gadget: &Gadget, counting: &Counting) -> Counts {
    let module =
        Module::new(engine, &counting.wasm).unwrap_or_else(|error| panic!("{}: {error}", gadget.name));
    let count = |turns: u32| {
        let (mut store, instance, run) = run(engine, &module);
        run.call(&mut store, turns).unwrap();
        counting.counts(|name| instance.get_global(&mut store, name).unwrap().get(&mut store).unwrap_i64())
    };
    let (one, many) = (count(1), count(101));
    let mut counts = Counts { fuel: (many.fuel - one.fuel) / 100.0, ..Counts::default() };
    for (class, times) in many.classes {
        let turn = (times - one.classes.get(class).copied().unwrap_or(0.0)) / 100.0;
        if turn > 0.0 {
            counts.classes.insert(class, turn);
        }
    }
    counts
}

fn measure_kernel(runtime: &Runtime, path: &Path, rounds: usize) -> Sample {
    let wasm = fs::read(path).unwrap();
    let counting = count::counting(&wasm).unwrap();
    let module = internals::prepare_plain(runtime, &counting.wasm).unwrap();
    let counted = internals::run_plain(&module, &common::job(counting.wasm.clone()), count::PREFIX).unwrap();
    let plain = internals::prepare_plain(runtime, &wasm).unwrap();
    let job = common::job(wasm);
    let time = || {
        let start = common::thread_ns();
        let run = internals::run_plain(&plain, &job, "none").unwrap();
        assert_eq!(run.status, Status::Exited { code: 0 });
        assert_eq!(run.stdout, counted.stdout, "a module that counts gave another answer");
        common::thread_ns() - start
    };
    let least = (0..rounds).map(|_| time()).min().unwrap_or(0);
    Sample {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        ns: float(least),
        counts: counting.counts(|name| counted.globals.get(name).copied().unwrap_or(0)),
        times: 0.0,
        fitted: true,
    }
}

/// Nanoseconds of each class.
fn fit_classes(gadgets: &[Sample], kernels: &[Sample]) -> BTreeMap<&'static str, f64> {
    let samples: Vec<&Sample> = gadgets.iter().chain(kernels).filter(|sample| sample.fitted).collect();
    let mut classes: Vec<&'static str> =
        samples.iter().flat_map(|sample| sample.counts.classes.keys().copied()).collect();
    classes.sort_unstable();
    classes.dedup();
    let rows: Vec<Vec<f64>> = samples
        .iter()
        .map(|sample| {
            classes.iter().map(|class| sample.counts.classes.get(class).copied().unwrap_or(0.0)).collect()
        })
        .collect();
    let ns: Vec<f64> = samples.iter().map(|sample| sample.ns).collect();
    let weights: Vec<f64> =
        samples.iter().map(|sample| if sample.times == 0.0 { KERNEL_WEIGHT } else { 1.0 }).collect();
    let fitted = fit::non_negative(&rows, &ns, &weights);
    classes.into_iter().zip(fitted).collect()
}

fn print_classes(fitted: &BTreeMap<&'static str, f64>, unit_ns: f64) {
    println!(
        "\nthe fit: one fuel is {unit_ns:.4} ns (geometric mean of the kernels under the present table)"
    );
    println!("{:<26} {:>10} {:>12}", "class", "ns", "fuel of fit");
    for (class, ns) in fitted {
        println!("{class:<26} {ns:>10.3} {:>12.1}", ns / unit_ns);
    }
}

fn print_kernels(kernels: &[Sample], fitted: &BTreeMap<&'static str, f64>, table: fit::Quality) {
    let predicted: Vec<f64> = kernels
        .iter()
        .map(|kernel| kernel.counts.classes.iter().map(|(class, count)| fitted[class] * count).sum())
        .collect();
    let ns: Vec<f64> = kernels.iter().map(|kernel| kernel.ns).collect();
    let fit = fit::quality(&predicted, &ns);
    println!("\nkernels: time over what is predicted, by the present table and by the fit");
    println!("{:<12} {:>9} {:>9} {:>9} {:>9} {:>8}", "kernel", "ms", "Mfuel", "fuel/ns", "table", "fit");
    for (kernel, predicted) in kernels.iter().zip(&predicted) {
        println!(
            "{:<12} {:>9.1} {:>9.0} {:>9.2} {:>9.2} {:>8.2}",
            kernel.name,
            kernel.ns / 1e6,
            kernel.counts.fuel / 1e6,
            kernel.counts.fuel / kernel.ns,
            kernel.ns / (kernel.counts.fuel * table.unit_ns),
            kernel.ns / (predicted * fit.unit_ns),
        );
    }
    for (name, quality) in [("table", table), ("fit", fit)] {
        println!(
            "{name:<6} typical deviation: factor {:.2}; R² over times {:.3}",
            quality.factor, quality.r_squared
        );
    }
}

/// Gadgets by how much time they get for their fuel, the best bargain first.
fn print_prices(gadgets: &[Sample], unit_ns: f64) {
    println!("\nprices: time that a gadget's fuel buys, against the average kernel (1 is fair, 3 is cheap)");
    println!("{:<48} {:>9} {:>9} {:>9}", "gadget", "ns each", "fuel each", "cheapness");
    let cheapness = |sample: &Sample| sample.ns / (sample.counts.fuel * unit_ns);
    let mut sorted: Vec<&Sample> = gadgets.iter().collect();
    sorted.sort_by(|a, b| cheapness(b).total_cmp(&cheapness(a)));
    for sample in sorted {
        println!(
            "{:<48} {:>9.3} {:>9.2} {:>9.2}",
            sample.name,
            sample.ns / sample.times,
            sample.counts.fuel / sample.times,
            cheapness(sample),
        );
    }
}
