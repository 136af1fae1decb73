//! The rewritten module on wasmtime, with any back end: beside [`lilypad_runtime::Runtime`] because here memory and
//! globals can be looked at.

use super::{
    Fault,
    observe::{Observed, digest},
};
use lilypad_abi::TrapKind;
use lilypad_runtime::{
    Execution, ResolvedJob,
    testing::{
        self, ENTRY_EXPORT, FUEL_EXPORT, MEMORY_EXPORT, Report, STACK_BYTES_MAX, STACK_EXPORT, START_EXPORT,
        Session, TABLE_ELEMENTS_MAX,
    },
};
use std::thread;
use wasmtime::{
    Caller, Engine, Extern, FuncType, Instance, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, Trap,
    Val, ValType,
};

/// Native stack for guests: the counted stack is to end first.
const STACK_BYTES: usize = 640 << 20;

struct State {
    session: Session,
    limits: StoreLimits,
}

/// Runs a job; gives what it left when it returned.
pub(crate) fn run(engine: &Engine, job: &ResolvedJob) -> Result<(Execution, Option<Observed>), Fault> {
    let work = || {
        let mut observed = None;
        let execution = testing::run_elsewhere(job, |wasm, session| {
            let (report, seen, session) = once(engine, wasm, session)?;
            observed = seen;
            Ok::<_, Fault>((report, session))
        })?;
        Ok((execution, observed))
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| Fault::Engine(error.to_string()))?;
        thread.join().unwrap_or_else(|_| Err(Fault::Engine("panicked".to_owned())))
    })
}

fn fault(error: wasmtime::Error) -> Fault {
    Fault::Engine(format!("{error:#}"))
}

fn once(
    engine: &Engine,
    wasm: &[u8],
    session: Session,
) -> Result<(Report, Option<Observed>, Session), Fault> {
    let module = Module::from_binary(engine, wasm).map_err(fault)?;
    let memory_bytes_max = usize::try_from(session.limits().memory_bytes_max).unwrap_or(usize::MAX);
    let limits = StoreLimitsBuilder::new()
        .memory_size(memory_bytes_max)
        .table_elements(TABLE_ELEMENTS_MAX.try_into().unwrap_or(usize::MAX))
        .build();
    let fuel_at_start = session.fuel();
    let mut store = Store::new(engine, State { session, limits });
    store.limiter(|state| &mut state.limits);
    let instance = match linker(engine).map_err(fault)?.instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            let trap = Some(trap(&error)?);
            let report = Report { trap, fuel_left: None, stack_left: STACK_BYTES_MAX };
            return Ok((report, None, store.into_data().session));
        }
    };
    let global = |store: &mut Store<State>, name: &str| {
        instance.get_global(store, name).ok_or_else(|| Fault::Engine(format!("no '{name}'")))
    };
    let (fuel, stack) = (global(&mut store, FUEL_EXPORT)?, global(&mut store, STACK_EXPORT)?);
    fuel.set(&mut store, Val::I64(fuel_at_start)).map_err(fault)?;
    let mut ended = None;
    for name in [START_EXPORT, ENTRY_EXPORT] {
        let Some(function) = instance.get_func(&mut store, name) else { continue };
        stack.set(&mut store, Val::I32(STACK_BYTES_MAX)).map_err(fault)?;
        if let Err(error) = function.call(&mut store, &[], &mut []) {
            ended = Some(error);
            break;
        }
    }
    let observed = ended.is_none().then(|| look(&instance, &mut store));
    let trap = match ended {
        Some(error) if !store.data().session.has_halted() => Some(trap(&error)?),
        _ => None,
    };
    let report = Report {
        trap,
        fuel_left: fuel.get(&mut store).i64(),
        stack_left: stack.get(&mut store).i32().unwrap_or(0),
    };
    Ok((report, observed, store.into_data().session))
}

fn look(instance: &Instance, store: &mut Store<State>) -> Observed {
    let memory = instance.get_memory(&mut *store, MEMORY_EXPORT);
    let memory = memory.map(|memory| digest(memory.data(&*store))).unwrap_or_default();
    let mut found = Vec::new();
    for export in instance.exports(&mut *store) {
        let name = export.name().to_owned();
        if let Extern::Global(global) = export.into_extern() {
            found.push((name, global));
        }
    }
    let mut globals = Vec::new();
    for (name, global) in found {
        let bits = match global.get(&mut *store) {
            Val::I32(value) => value.cast_unsigned().into(),
            Val::I64(value) => value.cast_unsigned().into(),
            Val::F32(bits) => bits.into(),
            Val::F64(bits) => bits.into(),
            Val::V128(value) => value.as_u128(),
            _ => continue,
        };
        globals.push((name, bits));
    }
    globals.sort();
    Observed { memory, globals }
}

/// Ends a guest from within a host function.
#[derive(Debug, thiserror::Error)]
#[error("halted by a host function")]
struct Halted;

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    for (number, function) in testing::functions().enumerate() {
        let params = function.is_wide().map(|wide| if wide { ValType::I64 } else { ValType::I32 });
        let ty = FuncType::new(engine, params, function.has_result.then_some(ValType::I32));
        let call = move |caller: Caller<'_, State>, params: &[Val], results: &mut [Val]| {
            let errno = host_call(caller, number, params)?;
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno.cast_signed());
            }
            Ok(())
        };
        linker.func_new(function.namespace, function.name, ty, call)?;
    }
    Ok(linker)
}

fn host_call(mut caller: Caller<'_, State>, number: usize, params: &[Val]) -> wasmtime::Result<u32> {
    let args: Vec<u64> = params
        .iter()
        .map(|param| match param {
            Val::I32(value) => value.cast_unsigned().into(),
            Val::I64(value) => value.cast_unsigned(),
            _ => 0,
        })
        .collect();
    let (Some(Extern::Memory(memory)), Some(Extern::Global(fuel))) =
        (caller.get_export(MEMORY_EXPORT), caller.get_export(FUEL_EXPORT))
    else {
        return Err(wasmtime::format_err!("no memory or no counter"));
    };
    let left = fuel.get(&mut caller).i64().unwrap_or(-1);
    let (memory, state) = memory.data_and_store_mut(&mut caller);
    let (left, errno) = state.session.call(number, &args, memory, left);
    fuel.set(&mut caller, Val::I64(left))?;
    errno.ok_or_else(|| Halted.into())
}

fn trap(error: &wasmtime::Error) -> Result<TrapKind, Fault> {
    Ok(match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => TrapKind::Unreachable,
        Some(Trap::MemoryOutOfBounds) => TrapKind::MemoryOutOfBounds,
        Some(Trap::TableOutOfBounds) => TrapKind::TableOutOfBounds,
        Some(Trap::IndirectCallToNull) => TrapKind::IndirectCallToNull,
        Some(Trap::BadSignature) => TrapKind::BadSignature,
        Some(Trap::IntegerOverflow) => TrapKind::IntegerOverflow,
        Some(Trap::IntegerDivisionByZero) => TrapKind::IntegerDivisionByZero,
        Some(Trap::BadConversionToInteger) => TrapKind::BadConversionToInteger,
        _ => return Err(Fault::Engine(format!("{error:#}"))),
    })
}
