//! Traps of engines that are known to have differed between machines, each by its name.
//!
//! Wall-clock time-outs that look like results are a matter of worker processes: `host/tests/exec.rs`.

use crate::{end_of, job, module, run};
use lilypad_abi::{Status, TrapKind};
use lilypad_runtime::fuzzing;
use std::sync::Arc;
use wasmtime::{Config, Engine, Instance, LinearMemory, MemoryCreator, MemoryType, Module, Store, Trap, Val};

/// What a module with `pages` of data begins with, on an engine with copy-on-write images or without: fuel left
/// before and after the module's own first instruction.
fn fuel_around_start(text: &str, images: bool) -> (i64, i64) {
    let rewritten = fuzzing::rewrite(&wat::parse_str(text).unwrap()).unwrap().fast;
    let mut config = Config::new();
    config.memory_init_cow(images);
    let engine = Engine::new(&config).unwrap();
    let module = Module::from_binary(&engine, &rewritten).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let fuel = instance.get_global(&mut store, fuzzing::FUEL_EXPORT).unwrap();
    let before = fuel.get(&mut store).i64().unwrap();
    fuel.set(&mut store, Val::I64(1_000_000)).unwrap();
    instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap().call(&mut store, ()).unwrap();
    (before, fuel.get(&mut store).i64().unwrap())
}

/// Wasmtime's own fuel is charged for copying data segments where there are no copy-on-write images (its issue
/// 14331): the same module used 0 on one platform and 16,385 on another. Ours counts guest instructions and nothing else.
#[test]
fn instantiation_costs_nothing_with_and_without_memory_images() {
    let text = format!(
        r#"(module (memory (export "memory") 16) (table 100 funcref) (elem (i32.const 0) func $f $f) (func $f)
            {} (func (export "_start") (drop (i32.load (i32.const 0)))))"#,
        (0..50)
            .map(|n| format!("(data (i32.const {}) \"{}\")", n * 4096, "x".repeat(4000)))
            .collect::<String>()
    );
    let (with, without) = (fuel_around_start(&text, true), fuel_around_start(&text, false));
    assert_eq!(with, without);
    assert_eq!(with.0, 0, "the counter is at zero until the host sets it");
}

/// The same through the front door: data segments change no fuel.
#[test]
fn data_segments_are_free() {
    let end = |data: &str| end_of(&job(data, "(drop (i32.load (i32.const 0)))"), "data");
    let large = format!("(data (i32.const 0) \"{}\")", "x".repeat(60_000));
    assert_eq!(end(""), end(&large));
}

/// A store that is partly out of bounds writes its part on some CPUs (wasmtime's issue 7237). Whatever it writes, no
/// Outcome holds memory after a trap: stdout, files and journal are what host calls made of them before.
#[test]
fn partial_stores_show_nowhere() {
    for store in ["i64.store", "v128.store"] {
        let value = if store == "i64.store" { "(i64.const -1)" } else { "(v128.const i64x2 -1 -1)" };
        let mut seen = Vec::new();
        for address in [65_529, 65_533, 65_535] {
            let start = format!(
                "(drop (call $journal (i32.const 65520) (i32.const 16)))
                 ({store} align=1 (i32.const {address}) {value})
                 (drop (call $journal (i32.const 65520) (i32.const 16)))"
            );
            let execution = run(&job("", &start), store);
            let kind = TrapKind::MemoryOutOfBounds;
            assert_eq!(execution.outcome.status, Status::Trapped { kind });
            assert_eq!(execution.outcome.journal, [0; 16]);
            seen.push((execution.outcome.fuel_used, execution.outputs));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{store}: the address shows");
    }
}

/// Engines may leave their fuel in a register when an instruction traps: wasmtime's own reports 0 after a loop of any
/// length that then divides by zero. Ours is exact.
#[test]
fn fuel_is_not_stale_after_a_trap_in_a_loop_without_calls() {
    let end = |turns: u32| {
        let start = format!(
            "(local $i i32) (local.set $i (i32.const {turns}))
             (loop $l (drop (i32.div_u (i32.const 7) (local.get $i)))
               (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br $l))"
        );
        end_of(&job("", &start), "countdown")
    };
    let ends = [10, 20, 30].map(end);
    for (status, _) in ends {
        assert_eq!(status, Status::Trapped { kind: TrapKind::IntegerDivisionByZero });
    }
    let steps = [ends[1].1 - ends[0].1, ends[2].1 - ends[1].1];
    assert_eq!(steps[0], steps[1], "ten turns cost what ten turns cost");
    assert!(steps[0] >= 10);
}

/// The start function traps inside of instantiation on an engine that calls it there, where no counter is set yet.
#[test]
fn a_start_function_is_metered_like_everything_else() {
    let start = |turns: u32| {
        let fields = format!(
            "(func $init (local $i i32)
               (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {turns})))))
             (start $init)"
        );
        end_of(&job(&fields, ""), "start").1
    };
    assert_eq!(start(2_000) - start(1_000), start(3_000) - start(2_000));
    assert!(start(2_000) - start(1_000) >= 1_000);
}

/// A memory that a host can't give: what a rewritten module sees then is up to the host, so the runtime must not let it
/// see anything. Here is what an engine does by itself, which is why the runtime's limiter exists.
#[test]
fn an_engine_without_memory_answers_minus_one_which_is_why_the_runtime_stops_it() {
    struct Scarce;
    struct Small(Vec<u8>);
    // SAFETY: the bytes are allocated once, at the size that was asked for, and never move.
    #[expect(unsafe_code, reason = "the engine's interface to memories of a host is unsafe to implement")]
    unsafe impl LinearMemory for Small {
        fn byte_size(&self) -> usize {
            self.0.len()
        }
        fn byte_capacity(&self) -> usize {
            self.0.len()
        }
        fn grow_to(&mut self, _: usize) -> wasmtime::Result<()> {
            Err(wasmtime::format_err!("this host has no more"))
        }
        fn as_ptr(&self) -> *mut u8 {
            self.0.as_ptr().cast_mut()
        }
    }
    // SAFETY: memories are as large as asked for, and the engine checks all bounds, for there are no guards.
    #[expect(unsafe_code, reason = "the engine's interface to memories of a host is unsafe to implement")]
    unsafe impl MemoryCreator for Scarce {
        fn new_memory(
            &self,
            _: MemoryType,
            minimum: usize,
            _: Option<usize>,
            _: Option<usize>,
            _: usize,
        ) -> Result<Box<dyn LinearMemory>, String> {
            Ok(Box::new(Small(vec![0; minimum])))
        }
    }
    let mut config = Config::new();
    config.with_host_memory(Arc::new(Scarce)).memory_reservation(0).memory_guard_size(0);
    config.memory_init_cow(false);
    let engine = Engine::new(&config).unwrap();
    let text = r#"(module (memory (export "memory") 1) (func (export "_start") (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))))"#;
    let rewritten = fuzzing::rewrite(&wat::parse_str(text).unwrap()).unwrap().fast;
    let module = Module::from_binary(&engine, &rewritten).unwrap();
    let mut store = Store::new(&engine, fuzzing::Bounds::new(1 << 30));
    store.limiter(fuzzing::Bounds::limiter);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    instance
        .get_global(&mut store, fuzzing::FUEL_EXPORT)
        .unwrap()
        .set(&mut store, Val::I64(1_000_000))
        .unwrap();
    let error =
        instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap().call(&mut store, ()).unwrap_err();
    // Not the guest's own `unreachable`: it never got to see the -1.
    assert_eq!(error.downcast_ref::<Trap>(), None, "{error:?}");
    assert!(store.data().is_host_s_fault(), "{error:?}");
}

/// Growth up to the job's limit works on this machine, to the page; beyond it is -1 and no fault.
#[test]
fn growth_is_the_job_s_to_decide() {
    let mut job = job("", "(call $proc_exit (memory.grow (i32.const 16)))");
    job.spec.limits.memory_bytes_max = 17 << 16;
    assert_eq!(end_of(&job, "grow").0, Status::Exited { code: 1 });
    job.spec.limits.memory_bytes_max = (17 << 16) - 1;
    assert_eq!(end_of(&job, "grow").0, Status::Exited { code: u32::MAX });
}

/// Bytes that are no module at all end as everywhere.
#[test]
fn no_bytes_are_the_host_s_fault() {
    for bytes in [b"".as_slice(), b"\0asm", b"\0asm\x01\0\0\0", &[0; 100]] {
        let (status, fuel) = end_of(&module(bytes.to_vec()), "bytes");
        assert!(matches!(status, Status::Refused { .. }) && fuel == 0, "{bytes:?}");
    }
}
