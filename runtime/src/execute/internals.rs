//! For this crate's own benchmarks, behind the feature `fuzzing`: the same run without what is measured around it.
//!
//! A plain module is the guest's as it is, not rewritten, in the same engine and the same world, so that what
//! the rewrite costs can be seen by itself. A plain run is never an Outcome: nothing bounds it.

use super::{Bounds, Doorway, Guest, attempt, call_entries, end_of, stopped};
use crate::{
    Execution, PreparedModule, ResolvedJob, Runtime, RuntimeError,
    engine::EngineError,
    judge::judge,
    metering,
    profile::{MEMORY_EXPORT, STACK_BYTES_MAX},
    wasi::World,
};
use lilypad_abi::Status;
use std::{collections::BTreeMap, fmt};
use wasmparser::Operator;
use wasmtime::{Engine, Global, GlobalType, InstancePre, Module, Mutability, Store, Val, ValType};

/// Bytes of native stack that a thread needs which calls [`run_plain`] or [`run_metered`].
pub const STACK_BYTES: usize = crate::stack::STACK_BYTES;

/// Fuel of entering a function.
pub const FUNCTION_ENTRY_FUEL: u64 = metering::FUNCTION_ENTRY_FUEL;

/// Fuel of an operator by itself.
#[must_use]
pub fn fixed_fuel(op: &Operator<'_>) -> u64 {
    metering::fixed_fuel(op)
}

/// Fuel that an operator takes besides for so many units of its topmost operand.
#[must_use]
pub fn sized_fuel(op: &Operator<'_>, units: u32) -> u64 {
    metering::sized_fuel(op, units)
}

/// The engine, for modules that need no world.
#[must_use]
pub fn engine(runtime: &Runtime) -> Engine {
    runtime.engine.clone()
}

/// A module compiled as it is.
pub struct PlainModule(InstancePre<Guest>);

impl fmt::Debug for PlainModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainModule").finish_non_exhaustive()
    }
}

/// Compiles a module as it is.
///
/// # Errors
/// [`RuntimeError::Compile`] for one that isn't valid or imports what isn't there.
pub fn prepare_plain(runtime: &Runtime, wasm: &[u8]) -> Result<PlainModule, RuntimeError> {
    let fault = |error: wasmtime::Error| RuntimeError::Compile(error.into());
    let module = Module::from_binary(&runtime.engine, wasm).map_err(fault)?;
    runtime.linker.instantiate_pre(&module).map(PlainModule).map_err(fault)
}

/// What a plain run gave.
#[derive(Debug)]
pub struct PlainRun {
    /// How it ended.
    pub status: Status,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Fuel that host calls took.
    pub call_fuel: u64,
    /// Exported globals of 64 bits whose names begin as asked, at the end.
    pub globals: BTreeMap<String, i64>,
}

/// Runs a plain module on this thread, and reads the exported globals whose names begin with `prefix`.
///
/// # Errors
/// The host's own faults only.
pub fn run_plain(module: &PlainModule, job: &ResolvedJob, prefix: &str) -> Result<PlainRun, RuntimeError> {
    let limits = &job.spec.limits;
    let world = World::new(job, job.spec.cid()?.digest);
    let guest = Guest { world, doorway: None, halt: None, recorder: None, bounds: Bounds::new(limits) };
    let mut store = Store::new(module.0.module().engine(), guest);
    store.limiter(|guest| &mut guest.bounds);
    let instance = module.0.instantiate(&mut store).map_err(stopped)?;
    // The counters that a rewritten module brings: host calls take their fuel here too.
    let counter = |store: &mut Store<Guest>, ty: ValType, value: Val| {
        Global::new(store, GlobalType::new(ty, Mutability::Var), value).map_err(stopped)
    };
    let fuel = i64::try_from(limits.fuel_limit).unwrap_or(i64::MAX);
    let fuel = counter(&mut store, ValType::I64, Val::I64(fuel))?;
    let stack = counter(&mut store, ValType::I32, Val::I32(STACK_BYTES_MAX))?;
    let memory = instance
        .get_memory(&mut store, MEMORY_EXPORT)
        .ok_or_else(|| RuntimeError::Compile(EngineError(format!("module has no '{MEMORY_EXPORT}'"))))?;
    let doorway = Doorway { memory, fuel, stack };
    store.data_mut().doorway = Some(doorway);
    let result = call_entries(&instance, &mut store, &doorway)?;
    let verdict = judge(end_of(result, store.data_mut())?, 0, STACK_BYTES_MAX);
    let left = doorway.fuel.get(&mut store).i64().unwrap_or(0);
    let call_fuel = limits.fuel_limit - u64::try_from(left).unwrap_or(0);
    let exports: Vec<(String, Global)> = instance
        .exports(&mut store)
        .filter(|export| export.name().starts_with(prefix))
        .map(|export| (export.name().to_owned(), export))
        .filter_map(|(name, export)| Some((name, export.into_global()?)))
        .collect();
    let globals = exports
        .into_iter()
        .filter_map(|(name, global)| Some((name, global.get(&mut store).i64()?)))
        .collect();
    let stdout = store.into_data().world.finish().stdout;
    Ok(PlainRun { status: verdict.status, stdout, call_fuel, globals })
}

/// Runs a prepared module on this thread, as [`Runtime::execute`] does on one of its own.
///
/// # Errors
/// The host's own faults only.
pub fn run_metered(module: &PreparedModule, job: &ResolvedJob) -> Result<Execution, RuntimeError> {
    let cid = job.spec.cid()?;
    Ok(attempt(&module.fast.instance, job, cid, None)?.into_execution(cid))
}
