//! `lilypad exec`: a module here and now, under the same rules as on the market.

use super::{output, usage};
use crate::{
    exec::{Executor, WorkerConfig},
    store::{SnapshotLimits, WriteMode, read_dir, write_to},
};
use anyhow::Context as _;
use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile, Status};
use lilypad_runtime::{Execution, Node, ResolvedJob, unixfs};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Exit code for a trapped guest, as shells show an abort.
const TRAPPED: u8 = 134;

/// Wall-clock limit; the fuel limit is reached long before.
const SECONDS_MAX: u64 = 24 * 3_600;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The module: a .wasm file
    module: PathBuf,
    /// The guest's arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
    /// A folder for the guest to read, under the given name; snapshotted, never changed
    #[arg(long = "dir", value_name = "HOST::GUEST")]
    dirs: Vec<String>,
    /// An environment variable for the guest; it sees no others
    #[arg(long = "env", value_name = "K=V")]
    env: Vec<String>,
    /// The guest's standard input: a file, or - for ours [default: empty]
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
    /// Where the guest's clock starts: seconds since 1970
    #[arg(long, default_value_t = 0)]
    clock: u64,
    /// Write the guest's /out to this folder, which must be empty or new
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print one JSON object instead of the guest's output
    #[arg(long)]
    json: bool,
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

pub(super) async fn exec(args: Args) -> anyhow::Result<ExitCode> {
    let (job, times) = job(&args)?;
    if let Some(out) = &args.out {
        check_out(out)?;
    }
    let started = Instant::now();
    let config = WorkerConfig::for_this_program(Duration::from_secs(SECONDS_MAX))?;
    let execution = Executor::new(config, 1).run(&job).await?;
    let ran = started.elapsed();
    if let (Some(out), Some(Node::Folder(folder))) = (&args.out, execution.outputs.at("outputs")) {
        write_to(folder, out, WriteMode::IntoEmpty)
            .with_context(|| format!("can't write to {}", out.display()))?;
    }
    if args.json {
        output::json(&to_json(&execution));
        output::note(&format!(
            "read in {:.3} s, ran in {:.3} s (worker start and compilation included)",
            times.as_secs_f64(),
            ran.as_secs_f64()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    pass_through(&execution, &job)
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
        let (host, guest) = dir
            .split_once("::")
            .ok_or_else(|| usage(format!("--dir '{dir}' must be HOST::GUEST, such as ./docs::/in")))?;
        let folder = read_dir(Path::new(host), &SnapshotLimits::default())
            .map_err(|error| usage(crate::report::causes(&error)))?;
        inputs.insert(guest.to_owned(), folder);
    }
    let mut env = BTreeMap::new();
    for pair in &args.env {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| usage(format!("--env '{pair}' must be NAME=VALUE")))?;
        env.insert(name.to_owned(), value.to_owned());
    }
    let stdin = match &args.stdin {
        None => Vec::new(),
        Some(path) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("can't read standard input")?;
            bytes
        }
        Some(path) => fs::read(path)
            .map_err(|error| usage(format!("--stdin {} can't be read: {error}", path.display())))?,
    };
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
        stdin: args.stdin.as_ref().map(|_| unixfs::encode_file(&stdin, &mut ignore)),
        limits: Limits { fuel_limit: args.fuel, memory_bytes_max: args.memory, ..Limits::default() },
        seed: BlobDigest(seed),
        clock_epoch_ns: args
            .clock
            .checked_mul(1_000_000_000)
            .ok_or_else(|| usage("--clock is too far in the future; give seconds since 1970"))?,
    };
    spec.validate().map_err(|error| usage(error.to_string()))?;
    Ok((ResolvedJob { spec, module, inputs, stdin }, started.elapsed()))
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
}
