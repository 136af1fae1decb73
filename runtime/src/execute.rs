//! Running a job: the host functions' one doorway, and how the end of a run becomes an Outcome.
//!
//! A guest's failure is an Outcome; a [`RuntimeError`] is the host's own and never one. Nothing of the host
//! can reach an Outcome: not its clock, its load, its memory, nor the engine's settings.

#[cfg(feature = "fuzzing")]
pub mod internals;

use crate::{
    Folder, Node, ResolvedJob,
    engine::{EngineError, NATIVE_STACK_BYTES, PreparedModule, Runtime, RuntimeError, Unprepared},
    judge::{End, Verdict, fuel_used, judge},
    profile::{
        ENTRY_EXPORT, FUEL_EXPORT, MEMORY_EXPORT, STACK_BYTES_MAX, STACK_EXHAUSTED, STACK_EXPORT,
        START_EXPORT, TABLE_ELEMENTS_MAX,
    },
    unixfs::folder_cid,
    wasi::{FUNCTIONS, Finished, Halt, ValType2, World},
};
use lilypad_abi::{Cid, Limits, Outcome, Profile, Refusal, Status, TrapKind};
use std::{fmt, thread};
use wasmtime::{
    Caller, Engine, FuncType, Global, Instance, InstancePre, Linker, Memory, ResourceLimiter, Store, Trap,
    Val, ValType,
};

/// Native stack left to host functions and to us, beyond what the guest may use.
const HOST_STACK_BYTES: usize = 16 << 20;

/// Most parameters of a host function.
const PARAMS_MAX: usize = 16;

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

impl Runtime {
    /// Runs a job on its module, made ready before by [`Runtime::prepare`] from the same bytes.
    ///
    /// # Errors
    /// The host's own faults only; whatever the guest does is in the Outcome.
    pub fn execute(&self, module: &PreparedModule, job: &ResolvedJob) -> Result<Execution, RuntimeError> {
        job.spec.validate()?;
        let cid = job.spec.cid()?;
        let limits = &job.spec.limits;
        if module.memory_bytes_min() > limits.memory_bytes_max {
            let detail = format!(
                "module begins with {} bytes of memory and the job allows {}; raise memory_bytes_max",
                module.memory_bytes_min(),
                limits.memory_bytes_max
            );
            return Ok(refused(cid, Refusal::TooLarge, detail));
        }
        on_large_stack(|| {
            let mut ended = attempt(&module.fast, job, cid)?;
            if !ended.fuel_is_exact {
                // The fast rewrite doesn't say how much fuel a call-free loop had used when it trapped. The
                // same job does the same again, this time telling.
                ended = attempt(&self.exact(module)?, job, cid)?;
            }
            Ok(ended.into_execution(cid))
        })
    }

    /// Prepares and runs a job.
    ///
    /// # Errors
    /// The host's own faults only; a refused module is an Outcome too.
    pub fn run(&self, job: &ResolvedJob) -> Result<Execution, RuntimeError> {
        job.spec.validate()?;
        match self.prepare(&job.module) {
            Ok(module) => self.execute(&module, job),
            Err(Unprepared::Refused(reason, detail)) => Ok(refused(job.spec.cid()?, reason, detail)),
            Err(Unprepared::Fault(fault)) => Err(fault),
        }
    }
}

/// The Outcome of a module that isn't run: no fuel, empty outputs.
pub(crate) fn refused(job: Cid, reason: Refusal, detail: String) -> Execution {
    let finished =
        Finished { stdout: Vec::new(), stderr: Vec::new(), out: Folder::default(), journal: Vec::new() };
    let ended = Ended { status: Status::Refused { reason }, fuel_used: 0, fuel_is_exact: true, finished };
    Execution { refusal_detail: Some(detail), ..ended.into_execution(job) }
}

/// Runs `work` where the native stack is larger than any counted one.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Result<T, RuntimeError> + Send) -> Result<T, RuntimeError> {
    let bytes = NATIVE_STACK_BYTES + HOST_STACK_BYTES;
    thread::scope(|scope| {
        thread::Builder::new()
            .name("guest".to_owned())
            .stack_size(bytes)
            .spawn_scoped(scope, work)
            .map_err(|source| RuntimeError::Thread { bytes, source })?
            .join()
            .unwrap_or(Err(RuntimeError::Panicked))
    })
}

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Status,
    pub(crate) fuel_used: u64,
    pub(crate) fuel_is_exact: bool,
    pub(crate) finished: Finished,
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

/// One guest and its surroundings, as host functions find them.
pub(crate) struct Guest {
    world: World,
    doorway: Option<Doorway>,
    halt: Option<Halt>,
    bounds: Bounds,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("halt", &self.halt).finish_non_exhaustive()
    }
}

/// What host functions need of the instance.
#[derive(Debug, Clone, Copy)]
struct Doorway {
    memory: Memory,
    fuel: Global,
    stack: Global,
}

/// Ends a guest from within a host function; why is in [`Guest::halt`].
#[derive(Debug, thiserror::Error)]
#[error("halted by a host function")]
struct Halted;

/// Gives every function of the WASI room to an engine.
pub(crate) fn link(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    let val_type = |ty: &ValType2| match ty {
        ValType2::I32 => ValType::I32,
        ValType2::I64 => ValType::I64,
    };
    for (index, known) in FUNCTIONS.iter().enumerate() {
        let ty = FuncType::new(engine, known.params.iter().map(val_type), known.results.iter().map(val_type));
        linker.func_new(known.namespace, known.name, ty, move |caller, params, results| {
            let errno = host_call(caller, index, params)?;
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno.cast_signed());
            }
            Ok(())
        })?;
    }
    Ok(linker)
}

/// The one way from a guest to its world.
fn host_call(mut caller: Caller<'_, Guest>, function: usize, params: &[Val]) -> wasmtime::Result<u32> {
    let doorway = caller.data().doorway.ok_or_else(|| wasmtime::format_err!("called before it was ready"))?;
    // An overdrawn counter is none: a guest in debt gets nothing more done.
    let Ok(mut fuel_left) = u64::try_from(doorway.fuel.get(&mut caller).i64().unwrap_or(-1)) else {
        caller.data_mut().halt = Some(Halt::OutOfFuel);
        return Err(Halted.into());
    };
    let mut args = [0; PARAMS_MAX];
    for (arg, param) in args.iter_mut().zip(params) {
        *arg = match param {
            Val::I32(value) => value.cast_unsigned().into(),
            Val::I64(value) => value.cast_unsigned(),
            _ => 0,
        };
    }
    let (memory, guest) = doorway.memory.data_and_store_mut(&mut caller);
    let answer = guest.world.call(function, &args[..params.len().min(PARAMS_MAX)], memory, &mut fuel_left);
    if let Err(halt) = answer {
        guest.halt = Some(halt);
    }
    // The limit is far below the sign bit and calls only take.
    doorway.fuel.set(&mut caller, Val::I64(i64::try_from(fuel_left).unwrap_or(0)))?;
    answer.map_err(|_| Halted.into())
}

/// Runs a module once, from instantiation to its end.
fn attempt(module: &InstancePre<Guest>, job: &ResolvedJob, cid: Cid) -> Result<Ended, RuntimeError> {
    let limits = &job.spec.limits;
    let world = World::new(job, cid.digest);
    let guest = Guest { world, doorway: None, halt: None, bounds: Bounds::new(limits) };
    let mut store = Store::new(module.module().engine(), guest);
    store.limiter(|guest| &mut guest.bounds);
    let ended = match module.instantiate(&mut store) {
        Ok(instance) => {
            let doorway = doorway(&instance, &mut store)?;
            store.data_mut().doorway = Some(doorway);
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
    let finished = store.into_data().world.finish();
    Ok(Ended { status: ended.status, fuel_used, fuel_is_exact: ended.fuel_is_exact, finished })
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

/// Lets memory and tables grow up to the job's limits, always, and never beyond.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory_bytes_max: u64,
    pub(crate) fault: Option<EngineError>,
}

impl Bounds {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self { memory_bytes_max: limits.memory_bytes_max, fault: None }
    }

    /// A growth that was allowed and didn't happen is the host's fault: the guest must not see it.
    fn fail(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.fault = Some(EngineError(format!("{error:#}")));
        Err(error)
    }
}

/// How the engine words that a 32-bit memory can't hold what is asked. It says so without asking the limiter
/// first, so this is the one failure that is not the host's; a test holds the engine to these words.
const BEYOND_32_BITS: &str = "memory growth exceeds memory type's limits";

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired as u64 <= self.memory_bytes_max && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string() == BEYOND_32_BITS { Ok(()) } else { self.fail(error) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired as u64 <= u64::from(TABLE_ELEMENTS_MAX)
            && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.fail(error)
    }
}
