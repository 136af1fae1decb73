//! `lilypad exec`: a module here and now, under the same rules as on the market.

use super::{Common, output, session, usage};
use crate::{
    exec::{Executor, WorkerConfig},
    store::{SnapshotLimits, WriteMode, read_dir, write_to},
};
use anyhow::Context as _;
use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile, Status};
use lilypad_runtime::{Execution, FuelProfile, Node, ResolvedJob, unixfs};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Exit code for a trapped guest, as shells show an abort.
const TRAPPED: u8 = 134;

/// Wall-clock limit; the fuel limit is reached long before.
const SECONDS_MAX: u64 = 24 * 3_600;

/// How long an input may keep us waiting before we say what we wait for.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The module: a .wasm file
    module: PathBuf,
    /// The guest's arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
    /// A folder for the guest, as a snapshot: DIR alone keeps its name; the host's folder never changes
    #[arg(long = "dir", value_name = "HOST::GUEST")]
    dirs: Vec<String>,
    /// An environment variable for the guest; it sees no others
    #[arg(long = "env", value_name = "K=V")]
    env: Vec<String>,
    /// The guest's standard input: a file, or - for ours [default: what is piped or redirected in]
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// Most fuel
    #[arg(long, default_value_t = Limits::default().fuel_limit)]
    fuel: u64,
    /// Most memory, such as 512MiB
    #[arg(long, default_value = "1GiB", value_parser = parse_size)]
    memory: u64,
    /// Where the guest's randomness starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the guest's clock starts: seconds since 1970, or a time such as 2023-11-14T22:13:20Z
    #[arg(long, default_value = "0", value_parser = super::clock::parse_clock)]
    clock: u64,
    /// Write the guest's /out to this folder, which must be empty or new
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print one JSON object instead of the guest's output
    #[arg(long)]
    json: bool,
    /// Say which functions used the fuel, and write the tree of calls to this file, as flame graph programs read it
    #[arg(long, value_name = "FILE")]
    profile_fuel: Option<PathBuf>,
    /// Compile the module even if its code is kept already, and keep nothing
    #[arg(long)]
    no_cache: bool,
}

/// Bytes from `64KiB`, `512MiB`, `2GiB` or a plain number.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("", 0)];
    let (digits, shift) = units
        .into_iter()
        .find_map(|(unit, shift)| text.strip_suffix(unit).map(|digits| (digits.trim(), shift)))
        .unwrap_or((text, 0));
    let number: u64 = digits.parse().map_err(|_| format!("'{text}' is not a size such as 512MiB"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("'{text}' is too large"))
}

pub(super) async fn exec(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let config = WorkerConfig::for_this_program(Duration::from_secs(SECONDS_MAX))?;
    let cache = if args.no_cache {
        None
    } else {
        session::home(common).ok().and_then(|home| session::code_cache(&home))
    };
    let executor = Executor::new(config, 1).with_cache(cache).with_idle_workers(1);
    // Locks itself in while the job's files are read.
    executor.warm_up().await?;
    let (job, times) = job(&args)?;
    if let Some(out) = &args.out {
        check_out(out)?;
    }
    let started = Instant::now();
    let execution = match &args.profile_fuel {
        None => executor.run(&job).await?,
        Some(file) => {
            let (execution, profile) = executor.profile(&job).await?;
            show_profile(&profile, file)?;
            execution
        }
    };
    let ran = started.elapsed();
    if let (Some(out), Some(Node::Folder(folder))) = (&args.out, execution.outputs.at("outputs")) {
        write_to(folder, out, WriteMode::IntoEmpty)
            .with_context(|| format!("can't write to {}", out.display()))?;
    }
    if args.json {
        output::json(&to_json(&execution));
        output::note(&format!(
            "read in {:.3} s, ran in {:.3} s (compiling included where it was needed)",
            times.as_secs_f64(),
            ran.as_secs_f64()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    pass_through(&execution, &job)
}

/// Most functions that are listed.
const LISTED_MAX: usize = 25;

/// Where the fuel went: the functions that used most, and all of it in a file.
fn show_profile(profile: &FuelProfile, file: &Path) -> anyhow::Result<()> {
    let all = profile.fuel().max(1);
    let share = |fuel: u64| format!("{:.1} %", fuel as f64 * 100.0 / all as f64);
    let rows: Vec<Vec<String>> = profile
        .by_function()
        .into_iter()
        .take(LISTED_MAX)
        .map(|row| {
            let (own, total) = (crate::report::count(row.own), crate::report::count(row.total));
            vec![row.name, crate::report::count(row.calls), own, share(row.own), total, share(row.total)]
        })
        .collect();
    output::note(&output::table(&["function", "calls", "fuel itself", "", "with all it called", ""], &rows));
    fs::write(file, profile.folded()).with_context(|| format!("can't write {}", file.display()))?;
    output::note(&format!(
        "the tree of calls is in {}: inferno-flamegraph, flamegraph.pl or speedscope draw it",
        file.display()
    ));
    Ok(())
}

/// The guest's own output and exit code.
fn pass_through(execution: &Execution, job: &ResolvedJob) -> anyhow::Result<ExitCode> {
    output::result(execution.outputs.file("stdout").unwrap_or_default());
    output::guest_stderr(execution.outputs.file("stderr").unwrap_or_default());
    Ok(match execution.outcome.status {
        Status::Exited { code } => exit_code(code),
        Status::Trapped { kind } => {
            output::note(&format!(
                "error: the guest trapped: {kind:?}, after {} fuel",
                crate::report::count(execution.outcome.fuel_used)
            ));
            ExitCode::from(TRAPPED)
        }
        Status::OutOfFuel => {
            output::note(&format!(
                "error: the guest used up its {} fuel; allow more with --fuel",
                crate::report::count(job.spec.limits.fuel_limit)
            ));
            ExitCode::FAILURE
        }
        Status::Refused { .. } => {
            let detail = execution.refusal_detail.clone().unwrap_or_default();
            return Err(usage(format!("the module can't be run: {detail}")));
        }
    })
}

/// A shell has 8 bits for an exit code; a failure must not look like success for lack of them.
fn exit_code(code: u32) -> ExitCode {
    ExitCode::from(match u8::try_from(code & 0xff) {
        Ok(0) if code != 0 => 1,
        Ok(low) => low,
        Err(_) => 1,
    })
}

pub(super) fn to_json(execution: &Execution) -> serde_json::Value {
    let outcome = &execution.outcome;
    let (status, exit_code, detail) = match outcome.status {
        Status::Exited { code } => ("exited", Some(code), serde_json::Value::Null),
        Status::Trapped { kind } => ("trapped", None, serde_json::json!(kind)),
        Status::OutOfFuel => ("out_of_fuel", None, serde_json::Value::Null),
        Status::Refused { reason } => {
            ("refused", None, serde_json::json!({ "reason": reason, "detail": execution.refusal_detail }))
        }
    };
    serde_json::json!({
        "status": status,
        "exit_code": exit_code,
        "detail": detail,
        "fuel_used": outcome.fuel_used,
        "job_cid": outcome.job.to_string(),
        "outputs_cid": outcome.outputs.to_string(),
        "journal": String::from_utf8_lossy(&outcome.journal),
        "receipt_hash": outcome.receipt().hash().to_string(),
        "profile": outcome.profile,
    })
}

fn job(args: &Args) -> anyhow::Result<(ResolvedJob, Duration)> {
    let started = Instant::now();
    let module = fs::read(&args.module).map_err(|error| {
        usage(format!(
            "module {} can't be read ({error}); give the path of a .wasm file",
            args.module.display()
        ))
    })?;
    let mut inputs = BTreeMap::new();
    for dir in &args.dirs {
        let (host, guest) = mapped(dir)?;
        let folder = read_dir(Path::new(host), &SnapshotLimits::default())
            .map_err(|error| usage(crate::report::causes(&error)))?;
        if inputs.insert(guest.clone(), folder).is_some() {
            return Err(usage(format!(
                "--dir gives the guest two folders named {guest}; give each its own name"
            )));
        }
    }
    let mut env = BTreeMap::new();
    for pair in &args.env {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| usage(format!("--env '{pair}' must be NAME=VALUE")))?;
        env.insert(name.to_owned(), value.to_owned());
    }
    let stdin = stdin(args.stdin.as_deref(), &module)?;
    // The file's name only: the folder it lies in must not decide anything.
    let name = args
        .module
        .file_name()
        .map_or_else(|| "module".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&args.seed.to_le_bytes());
    let mut ignore = |_, _| {};
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::encode_file(&module, &mut ignore),
        args: std::iter::once(name).chain(args.args.iter().cloned()).collect(),
        env,
        inputs: inputs.iter().map(|(path, folder)| (path.clone(), unixfs::folder_cid(folder))).collect(),
        // No input and an empty one are the same job.
        stdin: (!stdin.is_empty()).then(|| unixfs::encode_file(&stdin, &mut ignore)),
        limits: Limits { fuel_limit: args.fuel, memory_bytes_max: args.memory, ..Limits::default() },
        seed: BlobDigest(seed),
        clock_epoch_ns: args.clock,
    };
    spec.validate().map_err(|error| usage(error.to_string()))?;
    Ok((ResolvedJob { spec, module, inputs, stdin }, started.elapsed()))
}

/// A folder and its name inside. The guest's names are absolute, because its current folder is `/`.
fn mapped(dir: &str) -> anyhow::Result<(&str, String)> {
    if let Some((host, guest)) = dir.split_once("::") {
        return Ok((host, guest.to_owned()));
    }
    let inside = dir.strip_prefix("./").unwrap_or(dir).trim_matches('/');
    if inside.is_empty() || inside.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(usage(format!(
            "--dir '{dir}' has no name that can stand inside; give it one, such as {dir}::/in"
        )));
    }
    Ok((dir, format!("/{inside}")))
}

/// The guest's standard input: the file that was named, otherwise what somebody piped or redirected in.
///
/// A job's input is complete before it starts, so a pipe is read to its end; a terminal, which has none, is not read,
/// and neither is anything for a module that can't read.
fn stdin(named: Option<&Path>, module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let ours = || {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("can't read standard input")?;
        Ok(bytes)
    };
    match named {
        Some(path) if path.as_os_str() == "-" => ours(),
        Some(path) => fs::read(path)
            .map_err(|error| usage(format!("--stdin {} can't be read: {error}", path.display()))),
        None if !is_fed() || !can_read(module) => Ok(Vec::new()),
        None => {
            let (done, waits) = std::sync::mpsc::channel::<()>();
            std::thread::spawn(move || {
                if waits.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    output::note(
                        "note: reading the guest's standard input to its end; --stdin /dev/null gives it none",
                    );
                }
            });
            let bytes = ours();
            drop(done);
            bytes
        }
    }
}

/// Whether standard input is a pipe, a socket or a file.
fn is_fed() -> bool {
    let Ok(stdin) = rustix::stdio::stdin().try_clone_to_owned() else { return false };
    let kind = fs::File::from(stdin).metadata().map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_file() || kind.is_fifo() || kind.is_socket())
}

/// Whether a module imports what it takes to read.
fn can_read(module: &[u8]) -> bool {
    lilypad_runtime::imports(module).iter().any(|import| import.ends_with(".fd_read"))
}

/// Found out before the job runs, not after.
pub(super) fn check_out(out: &Path) -> anyhow::Result<()> {
    let taken = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(usage(format!("--out {} can't be used: {error}", out.display()))),
    };
    if taken {
        return Err(usage(format!(
            "--out {} is not empty; name a new folder or empty that one",
            out.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("17"), Ok(17));
        assert!(parse_size("1GB").is_err());
        assert!(parse_size("99999999999GiB").is_err());
    }

    #[test]
    fn folders_keep_their_names_or_get_one() {
        for (dir, host, guest) in [
            ("./docs::/in", "./docs", "/in"),
            ("docs", "docs", "/docs"),
            ("./docs/", "./docs/", "/docs"),
            ("/usr/share/dict", "/usr/share/dict", "/usr/share/dict"),
        ] {
            assert_eq!(mapped(dir).unwrap(), (host, guest.to_owned()), "{dir}");
        }
        for dir in [".", "./", "..", "../docs", "/", "a/../b", ""] {
            assert!(mapped(dir).unwrap_err().to_string().contains("::/in"), "{dir}");
        }
    }
}
