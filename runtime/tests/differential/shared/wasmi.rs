//! The rewritten module on wasmi: an interpreter with its own parser, validator, translation and memory.
//!
//! While it runs, a trace is written for engines elsewhere.

use super::{
    Fault,
    observe::{Observed, digest},
    trace::{Recorder, Trace},
};
use lilypad_abi::TrapKind;
use lilypad_runtime::{
    Execution, ResolvedJob,
    testing::{
        self, ENTRY_EXPORT, FUEL_EXPORT, MEMORY_EXPORT, Report, STACK_BYTES_MAX, STACK_EXPORT, START_EXPORT,
        Session, TABLE_ELEMENTS_MAX,
    },
};
use std::fmt;
use wasmi::{
    Caller, CompilationMode, Config, Engine, Error, Extern, FuncType, Instance, Linker, Module, Store,
    StoreLimits, StoreLimitsBuilder, TrapCode, Val, ValType,
    errors::{ErrorKind, HostError, InstantiationError},
};

/// More than the counted stack can come to: a call takes at least 64 of its bytes.
const CALLS_MAX: usize = 1 << 20;

/// Bytes of the interpreter's stack of values, likewise.
const VALUES_BYTES_MAX: usize = 1 << 30;

struct State {
    session: Session,
    recorder: Recorder,
    limits: StoreLimits,
}

/// Runs a job; gives what it left when it returned, and its last run written down.
pub(crate) fn run(job: &ResolvedJob) -> Result<(Execution, Option<Observed>, Option<Trace>), Fault> {
    let (mut observed, mut trace) = (None, None);
    let execution = testing::run_elsewhere(job, |wasm, session| {
        let (report, seen, recorder, session) = once(wasm, session)?;
        trace = Some(recorder.end(wasm, session.limits(), &report, seen.as_ref(), session.has_halted()));
        observed = seen;
        Ok::<_, Fault>((report, session))
    })?;
    Ok((execution, observed, trace))
}

fn fault(error: impl fmt::Display) -> Fault {
    Fault::Engine(error.to_string())
}

fn once(wasm: &[u8], session: Session) -> Result<(Report, Option<Observed>, Recorder, Session), Fault> {
    let mut config = Config::default();
    config.set_max_recursion_depth(CALLS_MAX).set_max_stack_height(VALUES_BYTES_MAX);
    config.compilation_mode(CompilationMode::LazyTranslation).wasm_tail_call(true).wasm_simd(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wasm).map_err(fault)?;
    let memory_bytes_max = usize::try_from(session.limits().memory_bytes_max).unwrap_or(usize::MAX);
    let limits = StoreLimitsBuilder::new()
        .memory_size(memory_bytes_max)
        .table_elements(TABLE_ELEMENTS_MAX.try_into().unwrap_or(usize::MAX))
        .build();
    let fuel_at_start = session.fuel();
    let mut store = Store::new(&engine, State { session, recorder: Recorder::default(), limits });
    store.limiter(|state| &mut state.limits);
    let done = |store: Store<State>, report, observed| {
        let state = store.into_data();
        Ok((report, observed, state.recorder, state.session))
    };
    let instance = match linker(&engine).map_err(fault)?.instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            let report = Report { trap: Some(trap(&error)?), fuel_left: None, stack_left: STACK_BYTES_MAX };
            return done(store, report, None);
        }
    };
    let global = |store: &Store<State>, name: &str| {
        instance.get_global(store, name).ok_or_else(|| fault(format!("no '{name}'")))
    };
    let (fuel, stack) = (global(&store, FUEL_EXPORT)?, global(&store, STACK_EXPORT)?);
    fuel.set(&mut store, Val::I64(fuel_at_start)).map_err(fault)?;
    let mut ended = None;
    for name in [START_EXPORT, ENTRY_EXPORT] {
        let Some(function) = instance.get_func(&store, name) else { continue };
        stack.set(&mut store, Val::I32(STACK_BYTES_MAX)).map_err(fault)?;
        if let Err(error) = function.call(&mut store, &[], &mut []) {
            ended = Some(error);
            break;
        }
    }
    let observed = ended.is_none().then(|| look(&instance, &store));
    let trap = match ended {
        Some(error) if !store.data().session.has_halted() => Some(trap(&error)?),
        _ => None,
    };
    let (Val::I64(fuel_left), Val::I32(stack_left)) = (fuel.get(&store), stack.get(&store)) else {
        return Err(fault("counters have other types"));
    };
    done(store, Report { trap, fuel_left: Some(fuel_left), stack_left }, observed)
}

fn look(instance: &Instance, store: &Store<State>) -> Observed {
    let memory = instance.get_memory(store, MEMORY_EXPORT);
    let memory = memory.map(|memory| digest(memory.data(store))).unwrap_or_default();
    let mut globals = Vec::new();
    for export in instance.exports(store) {
        let name = export.name().to_owned();
        let Extern::Global(global) = export.into_extern() else { continue };
        let bits = match global.get(store) {
            Val::I32(value) => value.cast_unsigned().into(),
            Val::I64(value) => value.cast_unsigned().into(),
            Val::F32(value) => value.to_bits().into(),
            Val::F64(value) => value.to_bits().into(),
            Val::V128(value) => value.as_u128(),
            _ => continue,
        };
        globals.push((name, bits));
    }
    globals.sort();
    Observed { memory, globals }
}

/// Ends a guest from within a host function.
#[derive(Debug)]
struct Halted;

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("halted by a host function")
    }
}

impl HostError for Halted {}

fn linker(engine: &Engine) -> Result<Linker<State>, Error> {
    let mut linker = Linker::new(engine);
    for (number, function) in testing::functions().enumerate() {
        let params = function.is_wide().map(|wide| if wide { ValType::I64 } else { ValType::I32 });
        let ty = FuncType::new(params, function.has_result.then_some(ValType::I32));
        let name = format!("{}.{}", function.namespace, function.name);
        let call = move |caller: Caller<'_, State>, params: &[Val], results: &mut [Val]| {
            let errno = host_call(caller, number, &name, params)?;
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno.cast_signed());
            }
            Ok(())
        };
        linker
            .func_new(function.namespace, function.name, ty, call)
            .map_err(|error| Error::new(error.to_string()))?;
    }
    Ok(linker)
}

fn host_call(mut caller: Caller<'_, State>, number: usize, name: &str, params: &[Val]) -> Result<u32, Error> {
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
        return Err(Error::new("no memory or no counter"));
    };
    let Val::I64(before) = fuel.get(&caller) else { return Err(Error::new("no counter")) };
    let (memory, state) = memory.data_and_store_mut(&mut caller);
    let session = &mut state.session;
    let (left, errno) = state
        .recorder
        .call(name, &args, memory, before, |memory| session.call(number, &args, memory, before));
    fuel.set(&mut caller, Val::I64(left)).map_err(|error| Error::new(error.to_string()))?;
    errno.ok_or_else(|| Error::host(Halted))
}

fn trap(error: &Error) -> Result<TrapKind, Fault> {
    if matches!(error.kind(), ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })) {
        return Ok(TrapKind::TableOutOfBounds);
    }
    Ok(match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => TrapKind::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => TrapKind::MemoryOutOfBounds,
        Some(TrapCode::TableOutOfBounds) => TrapKind::TableOutOfBounds,
        Some(TrapCode::IndirectCallToNull) => TrapKind::IndirectCallToNull,
        Some(TrapCode::BadSignature) => TrapKind::BadSignature,
        Some(TrapCode::IntegerOverflow) => TrapKind::IntegerOverflow,
        Some(TrapCode::IntegerDivisionByZero) => TrapKind::IntegerDivisionByZero,
        Some(TrapCode::BadConversionToInteger) => TrapKind::BadConversionToInteger,
        _ => return Err(Fault::Engine(error.to_string())),
    })
}
