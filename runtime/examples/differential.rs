//! The long run of `tests/differential`: its programs, our modules, and any number of generated modules on every
//! engine.
//!
//! `cargo run --release -p lilypad-runtime --example differential -- --seeds 10000 [--from 0] [--traces FOLDER]`
//!
//! Prints a line for each thousand and a table of how the modules ended; stops at the first that differs, with its
//! seed. With a folder, writes traces for `replay.mjs` and `replay.py`.
#![expect(clippy::print_stdout, reason = "a command's result")]

#[path = "../tests/differential/shared/mod.rs"]
mod shared;

use shared::{everywhere, generate, job, programs, word};
use std::{collections::BTreeMap, env, fs, path::PathBuf, process::ExitCode};

/// Modules between two lines.
const LINE: u64 = 1_000;

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
    let mut args = env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = number()?,
            "--traces" => folder = Some(PathBuf::from(&value)),
            _ => return Err(format!("unknown '{name}'; use --seeds, --from or --traces")),
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
    let known = programs::all().into_iter().chain(programs::modules()?);
    for (name, job) in known {
        let agreed = everywhere(&job).map_err(|differs| format!("{name}: {differs}"))?;
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
