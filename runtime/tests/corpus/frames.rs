//! How much native stack a counted byte can come to, in the worst frames that can be built, on every back end.
//!
//! The guest gets a counted stack that never ends and a native one that does: the quotient of the native bytes and of
//! what was counted until then is what a frame of that kind takes. It must stay below what the host provides.

use lilypad_runtime::fuzzing::{self, FUEL_EXPORT, NATIVE_BYTES_PER_COUNTED, STACK_EXPORT};
use std::{fmt::Write as _, thread};
use wasmtime::{Config, Engine, Inlining, Instance, Module, OptLevel, Store, Strategy, Trap, Val};

/// Native stack of a measurement: a hundred of the largest frames, and not so many small ones that an interpreter takes
/// long.
const NATIVE_BYTES: usize = 1 << 20;

/// How code is made.
#[derive(Debug, Clone, Copy)]
enum Way {
    Optimised,
    Plain,
    Winch,
    Pulley,
}

const WAYS: [Way; 4] = [Way::Optimised, Way::Plain, Way::Winch, Way::Pulley];

fn engine(way: Way) -> Engine {
    let mut config = Config::new();
    config.compiler_inlining(Inlining::No);
    config.max_wasm_stack(NATIVE_BYTES).async_stack_size(NATIVE_BYTES);
    config.memory_init_cow(false).generate_address_map(false).native_unwind_info(false);
    config.wasm_backtrace_max_frames(None);
    config.wasm_tail_call(!matches!(way, Way::Winch));
    match way {
        Way::Optimised => config.cranelift_opt_level(OptLevel::Speed),
        Way::Plain => config.cranelift_opt_level(OptLevel::None),
        Way::Winch => config.strategy(Strategy::Winch),
        Way::Pulley => config.target("pulley64").unwrap(),
    };
    Engine::new(&config).unwrap()
}

/// Native bytes for each counted one; nothing when the guest ended otherwise than on its native stack.
fn ratio(text: &str, way: Way) -> Option<f64> {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let rewritten = fuzzing::rewrite(&wasm).unwrap_or_else(|refusal| panic!("{refusal:?}")).fast;
    let engine = engine(way);
    let module = Module::from_binary(&engine, &rewritten).unwrap();
    let recurse = move || {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let fuel = instance.get_global(&mut store, FUEL_EXPORT).unwrap();
        fuel.set(&mut store, Val::I64(1 << 60)).unwrap();
        let stack = instance.get_global(&mut store, STACK_EXPORT).unwrap();
        stack.set(&mut store, Val::I32(i32::MAX)).unwrap();
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
        let trap = start.call(&mut store, ()).unwrap_err().downcast::<Trap>().unwrap();
        let counted = f64::from(i32::MAX - stack.get(&mut store).i32().unwrap());
        (trap == Trap::StackOverflow).then(|| NATIVE_BYTES as f64 / counted)
    };
    let builder = thread::Builder::new().stack_size(NATIVE_BYTES + (16 << 20));
    builder.spawn(recurse).unwrap().join().unwrap()
}

fn program(fields: &str, zeros: &str, after: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 2) (global $g (mut v128) (v128.const i64x2 1 2)) {fields}
            (func (export "_start") {zeros} call $f {after}))"#
    )
}

fn zero(ty: &str) -> &'static str {
    match ty {
        "v128" => "v128.const i64x2 0 0 ",
        "f32" => "f32.const 0 ",
        "f64" => "f64.const 0 ",
        "i32" => "i32.const 0 ",
        _ => "i64.const 0 ",
    }
}

/// Frames that were looked for by hand, each with a name.
fn by_hand() -> Vec<(String, String)> {
    let mut found = vec![("nothing".to_owned(), program("(func $f call $f)", "", ""))];
    for ty in ["v128", "i64"] {
        for count in [8_usize, 100] {
            let (types, zeros, drops) =
                (format!("{ty} ").repeat(count), zero(ty).repeat(count), "drop ".repeat(count));
            let gets: String = (0..count).map(|n| format!("local.get {n} ")).collect();
            let loads: String = (0..count).map(|n| format!("i32.const {} {ty}.load ", n * 16)).collect();
            let stores: String = (0..count)
                .map(|n| format!("local.set $x i32.const {} local.get $x {ty}.store ", n * 16))
                .collect();
            let mut add = |name: &str, text: String| found.push((format!("{name}, {count} {ty}"), text));
            add(
                "operands alive across a call",
                program(&format!("(func $f (local $x {ty}) {loads} call $f {stores})"), "", ""),
            );
            add("parameters", program(&format!("(func $f (param {types}) {gets} call $f)"), &zeros, ""));
            add("results", program(&format!("(func $f (result {types}) call $f)"), "", &drops));
            add(
                "parameters and results",
                program(
                    &format!("(func $f (param {types}) (result {types}) {gets} call $f)"),
                    &zeros,
                    &drops,
                ),
            );
            add(
                "parameters alive across a call, used after it",
                program(
                    &format!("(func $f (param {types}) (local $x {ty}) {gets} call $f {gets} {stores})"),
                    &zeros,
                    "",
                ),
            );
            add(
                "locals alive across a call in a loop",
                program(
                    &format!(
                        "(func $f (local {types}) {} loop call $f {} i32.const 0 i32.load br_if 0 end)",
                        (0..count).fold(String::new(), |mut text, n| {
                            write!(text, "i32.const {} {ty}.load local.set {n} ", n * 16).unwrap();
                            text
                        }),
                        (0..count).fold(String::new(), |mut text, n| {
                            write!(text, "i32.const {} local.get {n} {ty}.store ", n * 16).unwrap();
                            text
                        })
                    ),
                    "",
                    "",
                ),
            );
            add(
                "through a table",
                program(
                    &format!(
                        "(type $t (func (param {types}) (result {types}))) (table 1 funcref) (elem (i32.const 0) $f)
                         (func $f (type $t) {gets} i32.const 0 call_indirect (type $t))"
                    ),
                    &zeros,
                    &drops,
                ),
            );
        }
    }
    found
}

/// What loads twelve locals, and what stores each and loads it anew: values that stay alive meanwhile.
fn twelve_kept_alive(ty: &str) -> (String, String) {
    let renewed: String = (0..12)
        .map(|n| {
            format!(
                "i32.const {} local.get {n} {ty}.store i32.const {} {ty}.load local.set {n} ",
                n * 16,
                n * 16 + 999
            )
        })
        .collect();
    let loads: String = (0..12).map(|n| format!("i32.const {} {ty}.load local.set {n} ", n * 16)).collect();
    (loads, renewed)
}

/// Calls that give many values and take them again, one after the other, while a few values stay alive: a register
/// allocator that looks at the first few slots for a free one finds none, and makes new slots for every call.
fn batches(ty: &str, values: usize, calls: usize) -> String {
    let types = format!("{ty} ").repeat(values);
    let (loads, locals) = twelve_kept_alive(ty);
    program(
        &format!(
            "(func $give (result {types}) {}) (func $take (param {types}))
             (func $f (local {}) {loads}
               loop {} call $f {locals} i32.const 0 i32.load br_if 0 end)",
            zero(ty).repeat(values),
            format!("{ty} ").repeat(12),
            "call $give call $take ".repeat(calls),
        ),
        "",
        "",
    )
}

/// The same with the values of blocks.
fn block_batches(ty: &str, values: usize, blocks: usize) -> String {
    let types = format!("{ty} ").repeat(values);
    let (loads, locals) = twelve_kept_alive(ty);
    program(
        &format!(
            "(type $t (func (param {types}) (result {types}))) (func $give (result {types}) {}) (func $take (param {types}))
             (func $f (local {}) {loads}
               loop call $give {} call $take call $f {locals} i32.const 0 i32.load br_if 0 end)",
            zero(ty).repeat(values),
            format!("{ty} ").repeat(12),
            "loop (type $t) i32.const 0 i32.load br_if 0 end ".repeat(blocks),
        ),
        "",
        "",
    )
}

fn report(name: &str, text: &str, worst: &mut [(f64, String); 4]) {
    for (way, worst) in WAYS.into_iter().zip(worst) {
        if let Some(ratio) = ratio(text, way)
            && ratio > worst.0
        {
            *worst = (ratio, name.to_owned());
        }
    }
}

#[test]
fn native_frames_stay_below_what_the_host_provides_for_counted_ones() {
    let mut worst: [(f64, String); 4] = Default::default();
    for (name, text) in by_hand() {
        report(&name, &text, &mut worst);
    }
    for (values, calls) in [(16, 4), (16, 40), (60, 20)] {
        for ty in ["v128", "i64"] {
            report(
                &format!("{calls} calls with {values} {ty} each"),
                &batches(ty, values, calls),
                &mut worst,
            );
            report(
                &format!("{calls} loops with {values} {ty} each"),
                &block_batches(ty, values, calls),
                &mut worst,
            );
        }
    }
    for (way, (ratio, name)) in WAYS.iter().zip(&worst) {
        println!("{way:?}: {ratio:.2} native bytes for a counted one at most: {name}");
    }
    let provided = NATIVE_BYTES_PER_COUNTED as f64;
    assert!(worst.iter().all(|(ratio, _)| *ratio > 0.1 && *ratio < provided), "{worst:#?}");
}
