//! What a worker may take up, and what is believed of its answer. Pure.

use lilypad_abi::{Cid, Limits, Outcome, Profile, Status};
use lilypad_runtime::{Execution, Folder, ResolvedJob, unixfs};

/// Most bytes of a module's code; the largest real programs come to a twentieth of it.
pub(super) const CODE_ANSWER_BYTES_MAX: u64 = 2 << 30;

/// Private memory that a worker needs for itself: the program, the engine, the guest's stack of over 512 MiB, of
/// which only pages in use count in earnest, and tables of the guest.
const WORKER_BYTES: u64 = 1 << 30;

/// What compiling takes for each byte of a module at worst: a large function is held in several forms at once.
const COMPILE_BYTES_PER_BYTE: u64 = 256;

/// Private memory of a worker that compiles a module of so many bytes.
pub(super) const fn compile_memory_bytes(module_bytes: u64) -> u64 {
    WORKER_BYTES.saturating_add(module_bytes.saturating_mul(COMPILE_BYTES_PER_BYTE))
}

/// Private memory of a worker that runs this job: what the job is allowed, its data twice, and its own needs.
pub(super) fn run_memory_bytes(job: &ResolvedJob) -> u64 {
    let limits = &job.spec.limits;
    let inputs: u64 = job.inputs.values().map(Folder::bytes).sum();
    // Files grow by doubling, and what is captured is copied into the answer's folder.
    let data = [
        limits.output_bytes_max,
        limits.stdout_bytes_max,
        limits.stderr_bytes_max,
        inputs,
        job.stdin.len() as u64,
    ];
    let data = data.into_iter().fold(0, u64::saturating_add).saturating_mul(2);
    // Entries, names and links of the virtual file system.
    let entries = u64::from(limits.output_files_max).saturating_mul(2 * 8192);
    WORKER_BYTES.saturating_add(limits.memory_bytes_max).saturating_add(data).saturating_add(entries)
}

/// What the largest answer within a job's limits weighs.
pub(super) fn run_answer_bytes_max(limits: &Limits) -> u64 {
    // A name, a link's target, and lengths.
    const ENTRY_BYTES_MAX: u64 = 255 + 4096 + 32;
    let files = u64::from(limits.output_files_max).saturating_add(16);
    limits
        .output_bytes_max
        .saturating_add(limits.stdout_bytes_max)
        .saturating_add(limits.stderr_bytes_max)
        .saturating_add(limits.journal_bytes_max.into())
        .saturating_add(files.saturating_mul(ENTRY_BYTES_MAX))
        .saturating_add(1 << 20)
}

/// Holds a worker's answer to everything that can be checked without running the job.
pub(super) fn check(
    execution: &Execution,
    job: Cid,
    profile: Profile,
    limits: &Limits,
) -> Result<(), String> {
    let Outcome { fuel_used, journal, .. } = &execution.outcome;
    let fuel_fits = match execution.outcome.status {
        Status::OutOfFuel => *fuel_used == limits.fuel_limit,
        Status::Refused { .. } => *fuel_used == 0,
        Status::Exited { .. } | Status::Trapped { .. } => *fuel_used <= limits.fuel_limit,
    };
    let wrong = if execution.outcome.job != job || execution.outcome.profile != profile {
        "it is of another job"
    } else if !fuel_fits {
        "its fuel does not fit its status and limit"
    } else if journal.len() as u64 > u64::from(limits.journal_bytes_max) {
        "its journal is over the limit"
    } else if unixfs::folder_cid(&execution.outputs) != execution.outcome.outputs {
        "its output folder is not the one that the outcome names"
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}
