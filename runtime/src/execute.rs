//! Running a job, and how the end of a run becomes an Outcome.
//!
//! A guest's failure is an Outcome; a [`RuntimeError`] is the host's own and never one. Nothing of the host
//! can reach an Outcome: not its clock, its load, its memory, nor the engine's settings.

#[cfg(feature = "fuzzing")]
pub mod internals;

use crate::{
    Folder, Node, ResolvedJob,
    bounds::Bounds,
    code::{Code, PreparedModule, Rewrite},
    engine::{EngineError, Runtime, RuntimeError, Unprepared},
    fuel_profile::{FuelProfile, Recorder},
    judge::{End, Verdict, fuel_used, judge},
    link::{Doorway, Guest},
    profile::{
        ENTRY_EXPORT, FUEL_EXPORT, HOOKS_EXPORT, MEMORY_EXPORT, STACK_BYTES_MAX, STACK_EXHAUSTED,
        STACK_EXPORT, START_EXPORT,
    },
    stack::on_guest_stack,
    unixfs::folder_cid,
    wasi::{Finished, World},
};
use lilypad_abi::{Cid, JobSpec, Outcome, Profile, Refusal, Status, TrapKind};
use wasmtime::{Caller, Func, Instance, InstancePre, Ref, Store, Table, Trap, Val};

/// What a run gave: the Outcome, and the folder that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// What happened; the same on every host.
    pub outcome: Outcome,
    /// The output folder: `stdout`, `stderr`, `exitCode` when the guest exited, `outputs/…`.
    pub outputs: Folder,
    /// Why the module was refused and what to do, for people; no part of the Outcome.
    pub refusal_detail: Option<String>,
}

/// How a job on loaded code ended.
#[derive(Debug)]
pub enum Run {
    /// It is done.
    Ended(Execution),
    /// An instruction trapped in code that doesn't say how much fuel it had used: the job has to be run on the
    /// module's [`Rewrite::Exact`], and what that gives is its Outcome.
    NeedsExact,
}

impl Runtime {
    /// Runs a job on its module, made ready before by [`Runtime::prepare`] from the same bytes.
    ///
    /// # Errors
    /// The host's own faults only; whatever the guest does is in the Outcome.
    pub fn execute(&self, module: &PreparedModule, job: &ResolvedJob) -> Result<Execution, RuntimeError> {
        match self.execute_code(&module.fast, job)? {
            Run::Ended(execution) => Ok(execution),
            // The same job does the same again, this time telling.
            Run::NeedsExact => match self.execute_code(&self.exact(module)?, job)? {
                Run::Ended(execution) => Ok(execution),
                Run::NeedsExact => Err(RuntimeError::Panicked),
            },
        }
    }

    /// Runs a job on one rewrite of its module, from [`Runtime::load`] of the same module's code.
    ///
    /// # Errors
    /// The host's own faults only; whatever the guest does is in the Outcome.
    pub fn execute_code(&self, code: &Code, job: &ResolvedJob) -> Result<Run, RuntimeError> {
        job.spec.validate()?;
        let cid = job.spec.cid()?;
        let limits = &job.spec.limits;
        if code.memory_bytes_min() > limits.memory_bytes_max {
            let detail = format!(
                "module begins with {} bytes of memory and the job allows {}; raise memory_bytes_max",
                code.memory_bytes_min(),
                limits.memory_bytes_max
            );
            return Ok(Run::Ended(refused(cid, Refusal::TooLarge, detail)));
        }
        let ended = on_guest_stack(|| attempt(&code.instance, job, cid, None))??;
        let told = ended.fuel_is_exact || code.rewrite() != Rewrite::Fast;
        Ok(if told { Run::Ended(ended.into_execution(cid)) } else { Run::NeedsExact })
    }

    /// Runs a job on its module's [`Rewrite::Profiled`]: the same Outcome, more slowly, and where the fuel went.
    ///
    /// # Errors
    /// The host's own faults only; whatever the guest does is in the Outcome.
    pub fn profile_code(
        &self,
        code: &Code,
        job: &ResolvedJob,
    ) -> Result<(Execution, FuelProfile), RuntimeError> {
        let cid = job.spec.cid()?;
        if code.memory_bytes_min() > job.spec.limits.memory_bytes_max {
            let detail = "module begins with more memory than the job allows".to_owned();
            return Ok((refused(cid, Refusal::TooLarge, detail), FuelProfile::default()));
        }
        let recorder = Recorder::new(job.spec.limits.fuel_limit);
        let mut ended = on_guest_stack(|| attempt(&code.instance, job, cid, Some(recorder)))??;
        let profile = ended.profile.take().unwrap_or_default();
        Ok((ended.into_execution(cid), profile))
    }

    /// Prepares and runs a job.
    ///
    /// # Errors
    /// The host's own faults only; a refused module is an Outcome too.
    pub fn run(&self, job: &ResolvedJob) -> Result<Execution, RuntimeError> {
        job.spec.validate()?;
        match self.prepare(&job.module) {
            Ok(module) => self.execute(&module, job),
            Err(Unprepared::Refused(reason, detail)) => Execution::refused(&job.spec, reason, detail),
            Err(Unprepared::Fault(fault)) => Err(fault),
        }
    }
}

impl Execution {
    /// What a job comes to whose module the profile refuses; `detail` says why, to people.
    ///
    /// # Errors
    /// [`RuntimeError::Job`] when the job itself is none.
    pub fn refused(spec: &JobSpec, reason: Refusal, detail: String) -> Result<Self, RuntimeError> {
        Ok(refused(spec.cid()?, reason, detail))
    }
}

/// The Outcome of a module that isn't run: no fuel, empty outputs.
pub(crate) fn refused(job: Cid, reason: Refusal, detail: String) -> Execution {
    let finished =
        Finished { stdout: Vec::new(), stderr: Vec::new(), out: Folder::default(), journal: Vec::new() };
    let ended = Ended {
        status: Status::Refused { reason },
        fuel_used: 0,
        fuel_is_exact: true,
        finished,
        profile: None,
    };
    Execution { refusal_detail: Some(detail), ..ended.into_execution(job) }
}

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Status,
    pub(crate) fuel_used: u64,
    pub(crate) fuel_is_exact: bool,
    pub(crate) finished: Finished,
    /// Where the fuel went, when that was asked.
    pub(crate) profile: Option<FuelProfile>,
}

impl Ended {
    pub(crate) fn into_execution(self, job: Cid) -> Execution {
        let mut outputs = Folder::default();
        outputs.insert_file("stdout", self.finished.stdout);
        outputs.insert_file("stderr", self.finished.stderr);
        if let Status::Exited { code } = self.status {
            outputs.insert_file("exitCode", code.to_string().into_bytes());
        }
        outputs.entries.insert("outputs".to_owned(), Node::Folder(self.finished.out));
        let outcome = Outcome {
            job,
            profile: Profile::Lilypad1,
            status: self.status,
            fuel_used: self.fuel_used,
            outputs: folder_cid(&outputs),
            journal: self.finished.journal,
        };
        Execution { outcome, outputs, refusal_detail: None }
    }
}

/// Runs a module once, from instantiation to its end.
fn attempt(
    module: &InstancePre<Guest>,
    job: &ResolvedJob,
    cid: Cid,
    recorder: Option<Recorder>,
) -> Result<Ended, RuntimeError> {
    let limits = &job.spec.limits;
    let world = World::new(job, cid.digest);
    let guest = Guest { world, doorway: None, halt: None, recorder, bounds: Bounds::new(limits) };
    let mut store = Store::new(module.module().engine(), guest);
    store.limiter(|guest| &mut guest.bounds);
    let ended = match module.instantiate(&mut store) {
        Ok(instance) => {
            let doorway = doorway(&instance, &mut store)?;
            store.data_mut().doorway = Some(doorway);
            if let Some(table) = instance.get_table(&mut store, HOOKS_EXPORT) {
                set_hooks(&mut store, &table).map_err(stopped)?;
            }
            let fuel = i64::try_from(limits.fuel_limit).unwrap_or(i64::MAX);
            doorway.fuel.set(&mut store, Val::I64(fuel)).map_err(stopped)?;
            let result = call_entries(&instance, &mut store, &doorway)?;
            let left = doorway.fuel.get(&mut store).i64().unwrap_or(-1);
            let stack = doorway.stack.get(&mut store).i32().unwrap_or(STACK_EXHAUSTED);
            judge(end_of(result, store.data_mut())?, left, stack)
        }
        // Data and element segments that don't fit: before the first instruction, so no fuel is used.
        Err(error) => match error.downcast_ref::<Trap>().copied().and_then(trap_kind) {
            Some(kind) => Verdict::exact(Status::Trapped { kind }),
            None => return Err(RuntimeError::OutOfMemory(error.into())),
        },
    };
    let fuel_used = match store.data().doorway {
        None => 0,
        Some(doorway) => {
            let left = doorway.fuel.get(&mut store).i64().unwrap_or(0);
            fuel_used(ended.status, limits.fuel_limit, left)
        }
    };
    let guest = store.into_data();
    let profile = guest.recorder.map(|recorder| recorder.finish(limits.fuel_limit - fuel_used));
    let finished = guest.world.finish();
    Ok(Ended { status: ended.status, fuel_used, fuel_is_exact: ended.fuel_is_exact, finished, profile })
}

/// What a profiled module calls when a function is entered and left.
fn set_hooks(store: &mut Store<Guest>, table: &Table) -> wasmtime::Result<()> {
    fn told(mut caller: Caller<'_, Guest>, function: i32, entered: bool) {
        let Some(doorway) = caller.data().doorway else { return };
        let left = u64::try_from(doorway.fuel.get(&mut caller).i64().unwrap_or(0)).unwrap_or(0);
        let Some(recorder) = &mut caller.data_mut().recorder else { return };
        match usize::try_from(function) {
            Ok(function) if entered => recorder.enter(function, left),
            _ => recorder.leave(left),
        }
    }
    for (index, entered) in [(0, true), (1, false)] {
        let hook = Func::wrap(&mut *store, move |caller: Caller<'_, Guest>, function: i32| {
            told(caller, function, entered);
        });
        table.set(&mut *store, index, Ref::Func(Some(hook)))?;
    }
    Ok(())
}

fn doorway(instance: &Instance, store: &mut Store<Guest>) -> Result<Doorway, RuntimeError> {
    let missing =
        |name: &str| RuntimeError::Compile(EngineError(format!("rewritten module has no '{name}'")));
    let memory = instance.get_memory(&mut *store, MEMORY_EXPORT).ok_or_else(|| missing(MEMORY_EXPORT))?;
    let fuel = instance.get_global(&mut *store, FUEL_EXPORT).ok_or_else(|| missing(FUEL_EXPORT))?;
    let stack = instance.get_global(&mut *store, STACK_EXPORT).ok_or_else(|| missing(STACK_EXPORT))?;
    Ok(Doorway { memory, fuel, stack })
}

/// Calls the start function if there is one, then `_start`; the outer error is the host's, the inner the guest's.
fn call_entries(
    instance: &Instance,
    store: &mut Store<Guest>,
    doorway: &Doorway,
) -> Result<wasmtime::Result<()>, RuntimeError> {
    for name in [START_EXPORT, ENTRY_EXPORT] {
        let Some(function) = instance.get_func(&mut *store, name) else { continue };
        let function = function.typed::<(), ()>(&mut *store).map_err(stopped)?;
        doorway.stack.set(&mut *store, Val::I32(STACK_BYTES_MAX)).map_err(stopped)?;
        if let Err(error) = function.call(&mut *store, ()) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

fn stopped(error: wasmtime::Error) -> RuntimeError {
    RuntimeError::Stopped(error.into())
}

/// How the guest's code ended, or the host's fault that ended it.
fn end_of(result: wasmtime::Result<()>, guest: &mut Guest) -> Result<End, RuntimeError> {
    if let Some(fault) = guest.bounds.fault.take() {
        return Err(RuntimeError::OutOfMemory(fault));
    }
    let Err(error) = result else { return Ok(End::Returned) };
    if let Some(halt) = guest.halt {
        return Ok(End::Halted(halt));
    }
    match error.downcast_ref::<Trap>().copied() {
        Some(Trap::StackOverflow) => Err(RuntimeError::NativeStack),
        Some(trap) => trap_kind(trap).map(End::Trapped).ok_or_else(|| stopped(error)),
        None => Err(stopped(error)),
    }
}

/// The traps that are the guest's own doing.
const fn trap_kind(trap: Trap) -> Option<TrapKind> {
    Some(match trap {
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => TrapKind::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapKind::IndirectCallToNull,
        Trap::BadSignature => TrapKind::BadSignature,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapKind::BadConversionToInteger,
        _ => return None,
    })
}
