//! The insides, for tests that run rewritten modules on other engines or that aren't programs at all.
//!
//! Nothing here is promised to anybody, and no other crate of the product uses it. Admission, the rewrite, the
//! virtual world and the meaning of a run's end are the real ones; only the engine is somebody else's.

use crate::{
    Execution, ResolvedJob, RuntimeOptions, admission, engine,
    execute::{Ended, refused},
    judge::{End, fuel_used, judge},
    metering::{self, Flush},
    profile,
    wasi::{FUNCTIONS, Halt, ValType2, World},
};
use lilypad_abi::{Cid, JobSpecError, Limits, Refusal, TrapKind};
use wasmparser::{Parser, Payload};

/// Export of the fuel counter.
pub const FUEL_EXPORT: &str = profile::FUEL_EXPORT;
/// Export of the stack counter.
pub const STACK_EXPORT: &str = profile::STACK_EXPORT;
/// What the stack counter begins with, in counted bytes.
pub const STACK_BYTES_MAX: i32 = profile::STACK_BYTES_MAX;
/// What the stack counter says when a call had no room.
pub const STACK_EXHAUSTED: i32 = profile::STACK_EXHAUSTED;
/// Export of the start function, which the host calls first.
pub const START_EXPORT: &str = profile::START_EXPORT;
/// Export of the program's entry, which the host calls then.
pub const ENTRY_EXPORT: &str = profile::ENTRY_EXPORT;
/// Export of the memory that host functions read and write.
pub const MEMORY_EXPORT: &str = profile::MEMORY_EXPORT;
/// Elements that no table grows beyond.
pub const TABLE_ELEMENTS_MAX: u32 = profile::TABLE_ELEMENTS_MAX;

/// A module rewritten both ways.
#[derive(Debug)]
pub struct Rewritten {
    /// Fuel published at calls.
    pub fast: Vec<u8>,
    /// Fuel published wherever it changes.
    pub exact: Vec<u8>,
}

/// The engine that a runtime with these options has.
///
/// # Errors
/// When the machine can't run it.
pub fn engine(options: RuntimeOptions) -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&engine::config(options)?)
}

/// Rewrites any valid module of the accepted features: it need not be a program, and may import anything.
///
/// # Errors
/// Why it isn't valid, or which of its features isn't accepted.
pub fn rewrite_any(wasm: &[u8]) -> Result<Rewritten, (Refusal, String)> {
    let admitted = admission::validate(wasm).map_err(|not| (not.reason, not.detail))?;
    let wasm = with_exports(wasm);
    both(&wasm, &admitted).map_err(|error| (Refusal::Malformed, error))
}

fn both(wasm: &[u8], admitted: &admission::Admitted) -> Result<Rewritten, String> {
    let rewrite = |flush| metering::rewrite(wasm, admitted, flush).map_err(|error| error.to_string());
    Ok(Rewritten { fast: rewrite(Flush::AtCalls)?, exact: rewrite(Flush::AtRegions)? })
}

/// Programs have exports, where the rewrite adds its own; a module without any gets an empty section.
fn with_exports(wasm: &[u8]) -> Vec<u8> {
    const HEADER_BYTES: usize = 8;
    const EMPTY_SECTION: [u8; 3] = [7, 1, 0];
    let mut end = HEADER_BYTES;
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::ExportSection(_) => return wasm.to_vec(),
            Payload::TypeSection(_)
            | Payload::ImportSection(_)
            | Payload::FunctionSection(_)
            | Payload::TableSection(_)
            | Payload::MemorySection(_)
            | Payload::GlobalSection(_) => {
                end = payload.as_section().map_or(end, |(_, range)| range.end);
            }
            _ => {}
        }
    }
    [&wasm[..end], &EMPTY_SECTION, &wasm[end..]].concat()
}

/// A function that guests may import.
#[derive(Debug, Clone, Copy)]
pub struct HostFunction {
    /// Module of the import.
    pub namespace: &'static str,
    /// Name of the import.
    pub name: &'static str,
    params: &'static [ValType2],
    /// Whether it gives an errno, an `i32`.
    pub has_result: bool,
}

impl HostFunction {
    /// For each parameter whether it has 64 bits; the others have 32.
    pub fn is_wide(&self) -> impl ExactSizeIterator<Item = bool> + use<> {
        self.params.iter().map(|ty| matches!(ty, ValType2::I64))
    }
}

/// All functions that guests may import, in the order of their numbers.
pub fn functions() -> impl Iterator<Item = HostFunction> {
    FUNCTIONS.iter().map(|function| HostFunction {
        namespace: function.namespace,
        name: function.name,
        params: function.params,
        has_result: !function.results.is_empty(),
    })
}

/// One run of a guest on somebody else's engine: its world.
#[derive(Debug)]
pub struct Session {
    world: World,
    halt: Option<Halt>,
    limits: Limits,
}

/// How a run looked from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The trap of an instruction; none when the guest returned, or when a host function stopped it.
    pub trap: Option<TrapKind>,
    /// The fuel counter; nothing when the module was not instantiated, because its segments don't fit.
    pub fuel_left: Option<i64>,
    /// The stack counter.
    pub stack_left: i32,
}

impl Session {
    /// The job's limits, which the engine must keep memory within.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the fuel counter begins with.
    #[must_use]
    pub fn fuel(&self) -> i64 {
        i64::try_from(self.limits.fuel_limit).unwrap_or(i64::MAX)
    }

    /// Calls a host function: the fuel counter after it, and its errno; no errno when the guest ends here.
    pub fn call(
        &mut self,
        function: usize,
        args: &[u64],
        memory: &mut [u8],
        fuel: i64,
    ) -> (i64, Option<u32>) {
        // As the engine's own doorway does: a guest in debt gets nothing more done.
        let Ok(mut left) = u64::try_from(fuel) else {
            self.halt = Some(Halt::OutOfFuel);
            return (fuel, None);
        };
        let answer = self.world.call(function, args, memory, &mut left);
        self.halt = answer.err();
        (i64::try_from(left).unwrap_or(0), answer.ok())
    }

    /// Whether a host function has ended the guest.
    #[must_use]
    pub const fn has_halted(&self) -> bool {
        self.halt.is_some()
    }
}

/// Runs a job with `run` as its engine: it gets the rewritten module and the
/// session, which it gives back, and reports the end.
///
/// As with our own engine, a module whose fuel can't be told after a trap is run once more, rewritten to tell.
///
/// # Errors
/// Those of `run`, and a job that is none.
pub fn run_elsewhere<E: From<JobSpecError>>(
    job: &ResolvedJob,
    mut run: impl FnMut(&[u8], Session) -> Result<(Report, Session), E>,
) -> Result<Execution, E> {
    job.spec.validate()?;
    let cid = job.spec.cid()?;
    let admitted = match admission::admit(&job.module) {
        Ok(admitted) => admitted,
        Err(not) => return Ok(refused(cid, not.reason, not.detail)),
    };
    if admitted.memory_bytes_min > job.spec.limits.memory_bytes_max {
        return Ok(refused(cid, Refusal::TooLarge, "module begins with too much memory".to_owned()));
    }
    let Ok(rewritten) = both(&job.module, &admitted) else {
        return Ok(refused(cid, Refusal::Malformed, "module can't be rewritten".to_owned()));
    };
    let ended = attempt(job, cid, |session| run(&rewritten.fast, session))?;
    if ended.fuel_is_exact {
        return Ok(ended.into_execution(cid));
    }
    Ok(attempt(job, cid, |session| run(&rewritten.exact, session))?.into_execution(cid))
}

fn attempt<E>(
    job: &ResolvedJob,
    cid: Cid,
    run: impl FnOnce(Session) -> Result<(Report, Session), E>,
) -> Result<Ended, E> {
    let limits = job.spec.limits;
    let (report, session) = run(Session { world: World::new(job, cid.digest), halt: None, limits })?;
    let end = match (session.halt, report.trap) {
        (Some(halt), _) => End::Halted(halt),
        (None, Some(kind)) => End::Trapped(kind),
        (None, None) => End::Returned,
    };
    let fuel_limit = session.limits.fuel_limit;
    // Before the first instruction nothing is used, and both counters are as they were set.
    let left = report.fuel_left.unwrap_or_else(|| session.fuel());
    let mut verdict = judge(end, left, report.stack_left);
    verdict.fuel_is_exact |= report.fuel_left.is_none();
    Ok(Ended {
        status: verdict.status,
        fuel_used: fuel_used(verdict.status, fuel_limit, left),
        fuel_is_exact: verdict.fuel_is_exact,
        finished: session.world.finish(),
        profile: None,
    })
}

/// The features that the profile accepts, for a validator.
#[must_use]
pub fn features() -> wasmparser::WasmFeatures {
    profile::features()
}
