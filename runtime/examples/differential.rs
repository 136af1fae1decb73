//! The long run of `tests/differential`: its programs, our modules, and any number of generated modules on every
//! engine.
//!
//! `cargo run --release -p lilypad-runtime --example differential -- --seeds 10000 [--from 0] [--modules FOLDER]
//! [--traces FOLDER]`
//!
//! Prints a line for each thousand and a table of how the modules ended; stops at the first that differs, with its
//! seed. `--modules` adds every `.wasm` and `.wat` under a folder: the kernels of the benchmarks, the hostile corpus.
//! `--traces` writes traces for `replay.mjs` and `replay.py`.
#![expect(clippy::print_stdout, reason = "a command's result")]

#[path = "../tests/differential/shared/mod.rs"]
mod shared;

use lilypad_abi::Limits;
use lilypad_runtime::ResolvedJob;
use shared::{everywhere, generate, job, programs, word};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Modules between two lines.
const LINE: u64 = 1_000;

/// What a module of a folder may use: those that want more are compared up to here, on the slowest engine too.
const FUEL_LIMIT: u64 = 100_000_000;

/// Every module under a folder, in the order of their names.
fn add_modules(folder: &Path, jobs: &mut Vec<(String, ResolvedJob)>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            add_modules(&path, jobs)?;
        } else if matches!(extension, Some("wasm" | "wat")) {
            let module = wat::parse_file(&path).map_err(|error| error.to_string())?;
            let name = path.with_extension("").display().to_string().replace(['/', '.'], "-");
            let limits = Limits { fuel_limit: FUEL_LIMIT, memory_bytes_max: 256 << 20, ..Limits::default() };
            jobs.push((name, job(module, limits)));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut seeds, mut from, mut folder) = (1_000_u64, 0_u64, None::<PathBuf>);
    let mut given = Vec::new();
    let mut args = env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = number()?,
            "--modules" => add_modules(Path::new(&value), &mut given)?,
            "--traces" => folder = Some(PathBuf::from(&value)),
            _ => return Err(format!("unknown '{name}'; use --seeds, --from, --modules or --traces")),
        }
    }
    if let Some(folder) = &folder {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let (mut ends, mut without_winch, mut traces) = (BTreeMap::<String, u64>::new(), 0_u64, 0_u64);
    let mut written = |name: &str, trace: Option<shared::trace::Trace>| {
        let (Some(folder), Some(trace)) = (&folder, trace) else { return Ok(()) };
        traces += u64::from(trace.write(folder, name).map_err(|error| format!("{name}: {error}"))?);
        Ok::<_, String>(())
    };
    let known = programs::all().into_iter().chain(programs::modules()?).chain(given);
    for (name, job) in known {
        let agreed = everywhere(&job).map_err(|differs| format!("{name}: {differs}"))?;
        *ends.entry(word(agreed.execution.outcome.status)).or_default() += 1;
        written(&name, agreed.trace)?;
    }
    for (done, seed) in (1..).zip(from..from + seeds) {
        let job = job(generate::module(seed), generate::limits());
        let agreed = everywhere(&job).map_err(|differs| format!("seed {seed}: {differs}"))?;
        *ends.entry(word(agreed.execution.outcome.status)).or_default() += 1;
        without_winch += u64::from(!agreed.on_winch);
        written(&format!("seed-{seed}"), agreed.trace)?;
        if done % LINE == 0 {
            println!("{done} modules are the same everywhere");
        }
    }
    println!(
        "{seeds} modules from seed {from} on, and the programs, are the same everywhere; {traces} traces"
    );
    println!("{without_winch} of them have tail calls and were not on Winch, which knows none");
    for (end, count) in ends {
        println!("{count:>8} {end}");
    }
    Ok(())
}
