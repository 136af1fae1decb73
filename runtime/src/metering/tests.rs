//! Generated modules do the same rewritten and as they were, and count the same however they are compiled.
//!
//! The module as it was runs on the same engine with its own NaN switch and a bound on its length. Modules
//! come from fixed seeds, so that a failure can be looked at: it names its seed.

use super::{Flush, rewrite};
use crate::{
    admission::{Admitted, admit},
    profile::{self, FUEL_EXPORT, PAGE_BYTES},
};
use arbitrary::Unstructured;
use wasmtime::{
    Config, Engine, Instance, Module, OptLevel, Store, StoreLimits, StoreLimitsBuilder, Trap, Val,
};

/// Modules tried. Most end within their bound; the others can't be compared and are counted.
const SEEDS: u64 = 300;

/// Bound on a run of the original, in the engine's own count.
const ORIGINAL_FUEL: u64 = 200_000;

/// What a rewritten module may use: far more than the original's bound comes to.
const FUEL: i64 = 1 << 50;

/// A module with something to compare at its end: memory, and a global of each type.
fn generate(seed: u64) -> Vec<u8> {
    let shape = r#"(module (memory (export "memory") 1 3) (table (export "table") 8 funcref)
        (global (export "a") (mut i32) (i32.const 0)) (global (export "b") (mut i64) (i64.const 0))
        (global (export "c") (mut f32) (f32.const 0)) (global (export "d") (mut f64) (f64.const 0))
        (global (export "e") (mut v128) (v128.const i64x2 0 0)) (func (export "_start")))"#;
    let config = wasm_smith::Config {
        exports: Some(wat::parse_str(shape).unwrap()),
        allow_start_export: seed.is_multiple_of(4),
        reference_types_enabled: seed.is_multiple_of(8),
        max_imports: 0,
        max_instructions: 400,
        max_memories: 1,
        max_memory32_bytes: 3 * PAGE_BYTES,
        max_table_elements: 100,
        min_funcs: 4,
        min_data_segments: 1,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        ..wasm_smith::Config::default()
    };
    let mut bytes = vec![0; 8_192];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).unwrap();
    module.to_bytes()
}

fn engine(optimize: bool, original: bool) -> Engine {
    let mut config = Config::new();
    config.wasm_features(wasmtime::WasmFeatures::all(), false);
    config.wasm_features(profile::features(), true);
    config.cranelift_opt_level(if optimize { OptLevel::Speed } else { OptLevel::None });
    config.cranelift_nan_canonicalization(original);
    config.consume_fuel(original);
    Engine::new(&config).unwrap()
}

/// How a run ended, and what it left.
#[derive(Debug, PartialEq)]
struct End {
    trap: Option<Trap>,
    /// Memory only when nothing trapped: a store that is partly out of bounds may or may not write its part.
    memory: Option<blake3::Hash>,
    globals: Vec<u128>,
    fuel_left: Option<i64>,
}

fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned().into(),
        Val::F32(bits) => (*bits).into(),
        Val::F64(bits) => (*bits).into(),
        Val::V128(value) => value.as_u128(),
        other => panic!("no global of such a type was asked for: {other:?}"),
    }
}

fn run(engine: &Engine, wasm: &[u8], original: bool) -> End {
    let module = Module::from_binary(engine, wasm).unwrap_or_else(|error| panic!("{error:#}"));
    // Growth is bounded alike on both sides.
    let limits = StoreLimitsBuilder::new().memory_size(3 << 16).table_elements(1_000).build();
    let mut store: Store<StoreLimits> = Store::new(engine, limits);
    store.limiter(|limits| limits);
    if original {
        store.set_fuel(ORIGINAL_FUEL).unwrap();
    }
    let trap_of =
        |error: &wasmtime::Error| *error.downcast_ref::<Trap>().unwrap_or_else(|| panic!("{error:#}"));
    let instance = match Instance::new(&mut store, &module, &[]) {
        Ok(instance) => instance,
        // Nothing is left of an instance that didn't come to be.
        Err(error) => {
            return End { trap: Some(trap_of(&error)), memory: None, globals: vec![], fuel_left: None };
        }
    };
    let fuel = instance.get_global(&mut store, FUEL_EXPORT);
    if let Some(fuel) = fuel {
        fuel.set(&mut store, Val::I64(FUEL)).unwrap();
    }
    let mut trap = None;
    for name in [profile::START_EXPORT, profile::ENTRY_EXPORT] {
        let Ok(function) = instance.get_typed_func::<(), ()>(&mut store, name) else { continue };
        if let Err(error) = function.call(&mut store, ()) {
            trap = Some(trap_of(&error));
            break;
        }
    }
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    let memory = trap.is_none().then(|| blake3::hash(memory.data(&store)));
    let globals = ["a", "b", "c", "d", "e"]
        .map(|name| bits(&instance.get_global(&mut store, name).unwrap().get(&mut store)))
        .to_vec();
    let fuel_left = fuel.and_then(|fuel| fuel.get(&mut store).i64());
    End { trap, memory, globals, fuel_left }
}

/// A module that begins with a start function traps inside of instantiation as it was, and later rewritten.
fn same_end(original: &End, rewritten: &End) -> bool {
    let globals = original.globals.is_empty() || original.globals == rewritten.globals;
    original.trap == rewritten.trap && original.memory == rewritten.memory && globals
}

#[test]
fn generated_modules_end_alike_rewritten_and_as_they_were() {
    let originals = engine(true, true);
    let engines = [engine(true, false), engine(false, false)];
    let (mut ended, mut trapped, mut refused, mut unbounded) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let wasm = generate(seed);
        let Ok(admitted) = admit(&wasm) else {
            refused += 1;
            continue;
        };
        let original = run(&originals, &wasm, true);
        if matches!(original.trap, Some(Trap::OutOfFuel | Trap::StackOverflow)) {
            unbounded += 1;
            continue;
        }
        let [fast, plain] = engines.each_ref().map(|engine| run(engine, &both(&wasm, &admitted)[0], false));
        let exact = run(&engines[0], &both(&wasm, &admitted)[1], false);
        assert!(same_end(&original, &fast), "seed {seed}: {original:?} became {fast:?}");
        assert!(same_end(&original, &exact), "seed {seed}: {original:?} became {exact:?}");
        assert_eq!(fast, plain, "seed {seed}: optimisation levels differ");
        if fast.trap.is_none() {
            ended += 1;
            assert_eq!(fast.fuel_left, exact.fuel_left, "seed {seed}: the two rewrites count differently");
        } else {
            trapped += 1;
            assert!(exact.fuel_left <= fast.fuel_left, "seed {seed}: publishing less often can't show more");
        }
    }
    // The test must not lose its meaning by generating only modules that can't be compared.
    assert!(
        ended >= 40 && trapped >= 40,
        "{ended} ended, {trapped} trapped, {refused} refused, {unbounded} unbounded"
    );
}

fn both(wasm: &[u8], admitted: &Admitted) -> [Vec<u8>; 2] {
    [Flush::AtCalls, Flush::AtRegions].map(|flush| rewrite(wasm, admitted, flush).unwrap())
}
