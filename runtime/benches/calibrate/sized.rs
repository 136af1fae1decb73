//! What is charged by size: bulk operators, growth, and calls into the world.

use super::common::{self, float};
use lilypad_runtime::{
    Runtime,
    internals::{self, fixed_fuel, sized_fuel},
};
use wasmparser::Operator as Op;
use wasmtime::{Instance, Module, Store};

/// One operation of one size.
#[derive(Debug)]
pub(crate) struct Sized {
    name: String,
    units: u32,
    ns: f64,
    fuel: f64,
}

impl serde::Serialize for Sized {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, self.units, self.ns, self.fuel).serialize(serializer)
    }
}

/// Measures all of them.
pub(crate) fn measure(runtime: &Runtime, rounds: usize) -> Vec<Sized> {
    let mut all = Vec::new();
    for (name, op, operator, sizes) in operators() {
        for units in sizes {
            let turn = op.replace("{n}", &units.to_string());
            let ns = time_operator(runtime, &turn, rounds);
            let fuel = float(fixed_fuel(&operator) + sized_fuel(&operator, units));
            all.push(Sized { name: name.into(), units, ns, fuel });
        }
    }
    for touch in [false, true] {
        all.push(growth(runtime, touch, rounds));
    }
    for (name, import, arguments, units) in calls() {
        all.push(time_call(runtime, name, import, arguments, units, rounds));
    }
    all
}

/// Prints them, with how cheap each is against the average kernel.
pub(crate) fn print(all: &[Sized], unit_ns: f64) {
    println!("\nby size: bulk operators, growth, calls into the world");
    println!("{:<40} {:>9} {:>12} {:>12} {:>9}", "operation", "units", "ns", "fuel", "cheapness");
    for one in all {
        println!(
            "{:<40} {:>9} {:>12.1} {:>12.0} {:>9.2}",
            one.name,
            one.units,
            one.ns,
            one.fuel,
            one.ns / (one.fuel * unit_ns)
        );
    }
}

type Operation = (&'static str, &'static str, Op<'static>, Vec<u32>);

fn operators() -> Vec<Operation> {
    let bytes = || vec![0, 16, 256, 4096, 65_536, 8 << 20];
    let elements = || vec![0, 16, 1024, 16_384];
    vec![
        (
            "memory.copy",
            "(memory.copy (i32.const 0) (i32.const 16777216) (i32.const {n}))",
            Op::MemoryCopy { dst_mem: 0, src_mem: 0 },
            bytes(),
        ),
        (
            "memory.fill",
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const {n}))",
            Op::MemoryFill { mem: 0 },
            bytes(),
        ),
        (
            "memory.init",
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const {n}))",
            Op::MemoryInit { data_index: 0, mem: 0 },
            vec![0, 16, 256, 4096],
        ),
        (
            "table.copy",
            "(table.copy (i32.const 0) (i32.const 20000) (i32.const {n}))",
            Op::TableCopy { dst_table: 0, src_table: 0 },
            elements(),
        ),
        (
            "table.fill",
            "(table.fill $t (i32.const 0) (ref.func $f) (i32.const {n}))",
            Op::TableFill { table: 0 },
            elements(),
        ),
        (
            "table.init",
            "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const {n}))",
            Op::TableInit { elem_index: 0, table: 0 },
            vec![0, 16, 1024],
        ),
        ("memory.grow by nothing", "(drop (memory.grow (i32.const 0)))", Op::MemoryGrow { mem: 0 }, vec![0]),
        (
            "table.grow by nothing",
            "(drop (table.grow $t (ref.null func) (i32.const 0)))",
            Op::TableGrow { table: 0 },
            vec![0],
        ),
        ("data.drop", "(data.drop $gone)", Op::DataDrop { data_index: 1 }, vec![0]),
        ("elem.drop", "(elem.drop $gone)", Op::ElemDrop { elem_index: 1 }, vec![0]),
    ]
}

fn time_operator(runtime: &Runtime, turn: &str, rounds: usize) -> f64 {
    let engine = internals::engine(runtime);
    let functions = " $f".repeat(1024);
    let data = "a".repeat(4096);
    let wat = format!(
        r#"(module (memory 512) (table $t 50000 60000 funcref) (func $f)
            (data $d "{data}") (data $gone "gone") (elem $e func {functions}) (elem $gone func $f)
            (func (export "run") (param $n i32)
                (loop $again {turn} (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#
    );
    let module = Module::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = instance.get_typed_func::<u32, ()>(&mut store, "run").unwrap();
    let mut time = |turns: u32| {
        let start = common::thread_ns();
        run.call(&mut store, turns).unwrap();
        common::thread_ns() - start
    };
    let mut turns = 4;
    while time(turns) < 500_000 {
        turns *= 2;
    }
    float((0..rounds).map(|_| time(turns)).min().unwrap_or(0)) / f64::from(turns)
}

/// Growing page by page, and then touching each page of the system's.
fn growth(runtime: &Runtime, touch: bool, rounds: usize) -> Sized {
    const PAGES: u32 = 2048;
    let engine = internals::engine(runtime);
    let touching = if touch {
        "(local.set $at (i32.mul (local.get $at) (i32.const 65536)))
         (local.set $end (i32.add (local.get $at) (i32.const 65536)))
         (loop $touch (i32.store (local.get $at) (i32.const 1))
            (br_if $touch (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4096))) (local.get $end))))"
    } else {
        ""
    };
    let wat = format!(
        r#"(module (memory 0 {PAGES}) (func (export "run") (param $n i32) (local $at i32) (local $end i32)
            (loop $again (local.set $at (memory.grow (i32.const 1))) {touching}
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#
    );
    let module = Module::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
    let time = || {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance.get_typed_func::<u32, ()>(&mut store, "run").unwrap();
        let start = common::thread_ns();
        run.call(&mut store, PAGES).unwrap();
        drop(store);
        common::thread_ns() - start
    };
    let least = (0..rounds).map(|_| time()).min().unwrap_or(0);
    let op = Op::MemoryGrow { mem: 0 };
    let stores = if touch { 16 * 12 } else { 0 };
    Sized {
        name: format!("memory.grow by one page{}", if touch { ", touched" } else { "" }),
        units: 1,
        ns: float(least) / f64::from(PAGES),
        fuel: float(fixed_fuel(&op) + sized_fuel(&op, 1) + stores),
    }
}

type Call = (&'static str, &'static str, &'static str, u32);

fn calls() -> Vec<Call> {
    let write = "fd_write (param i32 i32 i32 i32)";
    let random = "random_get (param i32 i32)";
    let path = "path_filestat_get (param i32 i32 i32 i32 i32)";
    vec![
        ("sched_yield", "sched_yield", "", 0),
        (
            "clock_time_get",
            "clock_time_get (param i32 i64 i32)",
            "(i32.const 1) (i64.const 1) (i32.const 64)",
            0,
        ),
        ("random_get", random, "(i32.const 64) (i32.const 8)", 8),
        ("random_get", random, "(i32.const 64) (i32.const 60000)", 60_000),
        ("fd_write to stdout", write, "(i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)", 8),
        ("fd_prestat_get", "fd_prestat_get (param i32 i32)", "(i32.const 3) (i32.const 64)", 0),
        (
            "path_filestat_get, not there",
            path,
            "(i32.const 3) (i32.const 0) (i32.const 40) (i32.const 8) (i32.const 64)",
            8,
        ),
    ]
}

/// Times a call into the world; its fuel is what the world took.
fn time_call(
    runtime: &Runtime,
    name: &str,
    import: &str,
    arguments: &str,
    units: u32,
    rounds: usize,
) -> Sized {
    const TURNS: u32 = 2_000;
    let (function, params) = import.split_once(' ').unwrap_or((import, ""));
    let module = |turns: u32| {
        let wat = format!(
            r#"(module (import "wasi_snapshot_preview1" "{function}" (func $call {params} (result i32)))
                (memory (export "memory") 1) (data (i32.const 0) "\30\00\00\00\08\00\00\00")
                (data (i32.const 40) "no-entry") (data (i32.const 48) "12345678")
                (func (export "_start") (local $n i32) (local.set $n (i32.const {turns}))
                    (loop $again (drop (call $call {arguments}))
                        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#
        );
        let wasm = wat::parse_str(wat).unwrap();
        (internals::prepare_plain(runtime, &wasm).unwrap(), common::job(wasm))
    };
    let time = |module: &(internals::PlainModule, _)| {
        let run = || {
            let start = common::thread_ns();
            let run = internals::run_plain(&module.0, &module.1, "none").unwrap();
            (common::thread_ns() - start, run.call_fuel)
        };
        (0..rounds).map(|_| run()).min().unwrap_or_default()
    };
    let (few, many) = (time(&module(1)), time(&module(TURNS + 1)));
    Sized {
        name: name.to_owned(),
        units,
        ns: float(many.0.saturating_sub(few.0)) / f64::from(TURNS),
        fuel: float(many.1 - few.1) / f64::from(TURNS),
    }
}
