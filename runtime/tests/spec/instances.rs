//! Modules rewritten, linked to each other and to the test host, and called.

use super::Way;
use lilypad_abi::{Refusal, TrapKind};
use lilypad_runtime::testing::{
    self, FUEL_EXPORT, STACK_BYTES_MAX, STACK_EXHAUSTED, STACK_EXPORT, START_EXPORT, TABLE_ELEMENTS_MAX,
};
use std::collections::BTreeMap;
use wasmtime::{
    Engine, Extern, Func, FuncType, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module,
    Mutability, Ref, RefType, Store, StoreLimits, StoreLimitsBuilder, Table, TableType, Trap, Val, ValType,
};

/// More than any test uses.
const FUEL: i64 = 1 << 50;

/// Every memory can have what a test asks for, and none can exhaust the machine.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// Why a module didn't become an instance, or a call didn't return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not valid, or not accepted: the reason and its words.
    Refused(Refusal, String),
    /// An import is missing or has another type.
    Unlinkable(String),
    /// A trap; exhaustion of the counted stack is one of them.
    Trapped(TrapKind),
    /// Something that isn't there or isn't callable.
    Missing(String),
    /// What must never happen.
    Wrong(String),
}

/// The instances of one script.
pub(crate) struct Instances {
    store: Store<StoreLimits>,
    linker: Linker<StoreLimits>,
    way: Way,
    counters: Vec<(Global, Global)>,
    names: BTreeMap<String, Instance>,
    current: Option<Instance>,
}

impl Instances {
    pub(crate) fn new(engine: &Engine, way: Way) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX)
            .table_elements(TABLE_ELEMENTS_MAX.try_into().unwrap())
            .build();
        let mut store: Store<StoreLimits> = Store::new(engine, limits);
        store.limiter(|limits| limits);
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        test_host(&mut store, &mut linker);
        Self { store, linker, way, counters: Vec::new(), names: BTreeMap::new(), current: None }
    }

    /// Forgets the current instance, and that of this name: what follows is about a module that may not come to be.
    pub(crate) fn forget(&mut self, name: Option<&str>) {
        self.current = None;
        if let Some(name) = name {
            self.names.remove(name);
        }
    }

    /// Admits, rewrites, links and starts a module. It becomes current, and is known by its name.
    pub(crate) fn add(&mut self, name: Option<&str>, wasm: &[u8]) -> Result<(), Stop> {
        let instance = self.start(wasm)?;
        self.current = Some(instance);
        if let Some(name) = name {
            self.names.insert(name.to_owned(), instance);
        }
        Ok(())
    }

    fn start(&mut self, wasm: &[u8]) -> Result<Instance, Stop> {
        let rewritten =
            testing::rewrite_any(wasm).map_err(|(reason, detail)| Stop::Refused(reason, detail))?;
        let rewritten = if self.way.exact { rewritten.exact } else { rewritten.fast };
        let module = Module::from_binary(self.store.engine(), &rewritten)
            .map_err(|error| Stop::Wrong(format!("{error:#}")))?;
        let instance = match self.linker.instantiate(&mut self.store, &module) {
            Ok(instance) => instance,
            Err(error) => {
                return Err(match error.downcast_ref::<Trap>() {
                    Some(trap) => trapped(*trap, false),
                    None => Stop::Unlinkable(format!("{error:#}")),
                });
            }
        };
        let [fuel, stack] = [FUEL_EXPORT, STACK_EXPORT].map(|name| {
            let global = instance.get_global(&mut self.store, name);
            global.ok_or_else(|| Stop::Wrong(format!("rewritten module has no '{name}'")))
        });
        self.counters.push((fuel?, stack?));
        if let Some(start) = instance.get_func(&mut self.store, START_EXPORT) {
            self.call(start, &[])?;
        }
        Ok(instance)
    }

    pub(crate) fn register(&mut self, module: Option<&str>, name: &str) -> Result<(), Stop> {
        let instance = self.instance(module)?;
        self.linker
            .instance(&mut self.store, name, instance)
            .map(|_| ())
            .map_err(|error| Stop::Wrong(format!("{error:#}")))
    }

    fn instance(&self, name: Option<&str>) -> Result<Instance, Stop> {
        let found = match name {
            Some(name) => self.names.get(name).copied(),
            None => self.current,
        };
        found.ok_or_else(|| Stop::Missing("module was skipped".to_owned()))
    }

    pub(crate) fn invoke(
        &mut self,
        module: Option<&str>,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, Stop> {
        let instance = self.instance(module)?;
        let function = instance
            .get_func(&mut self.store, name)
            .ok_or_else(|| Stop::Wrong(format!("no function '{name}'")))?;
        self.call(function, args)
    }

    pub(crate) fn global(&mut self, module: Option<&str>, name: &str) -> Result<Val, Stop> {
        let instance = self.instance(module)?;
        let global = instance
            .get_global(&mut self.store, name)
            .ok_or_else(|| Stop::Wrong(format!("no global '{name}'")))?;
        Ok(global.get(&mut self.store))
    }

    fn call(&mut self, function: Func, args: &[Val]) -> Result<Vec<Val>, Stop> {
        for (fuel, stack) in self.counters.clone() {
            fuel.set(&mut self.store, Val::I64(FUEL)).unwrap();
            stack.set(&mut self.store, Val::I32(STACK_BYTES_MAX)).unwrap();
        }
        let ty = function.ty(&self.store);
        let mut results: Vec<_> = ty.results().map(|ty| Val::default_for_ty(&ty).unwrap()).collect();
        let result = function.call(&mut self.store, args, &mut results);
        let counters = self.counters.clone();
        let mut exhausted = false;
        for (fuel, stack) in counters {
            let left = fuel.get(&mut self.store).i64().unwrap();
            exhausted |= stack.get(&mut self.store).i32().unwrap() == STACK_EXHAUSTED;
            if left < 0 {
                return Err(Stop::Wrong("out of fuel".to_owned()));
            }
        }
        match result {
            Ok(()) if exhausted => Err(Stop::Wrong("returned with an exhausted stack".to_owned())),
            Ok(()) => Ok(results),
            Err(error) => match error.downcast_ref::<Trap>() {
                Some(trap) => Err(trapped(*trap, exhausted)),
                None => Err(Stop::Wrong(format!("{error:#}"))),
            },
        }
    }
}

fn trapped(trap: Trap, exhausted: bool) -> Stop {
    Stop::Trapped(match trap {
        Trap::UnreachableCodeReached if exhausted => TrapKind::StackExhausted,
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapKind::IndirectCallToNull,
        Trap::BadSignature => TrapKind::BadSignature,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapKind::BadConversionToInteger,
        other => return Stop::Wrong(format!("{other:?}")),
    })
}

/// The module `spectest` that scripts import from.
fn test_host(store: &mut Store<StoreLimits>, linker: &mut Linker<StoreLimits>) {
    let mut define = |name: &str, item: Extern, store: &Store<StoreLimits>| {
        linker.define(store, "spectest", name, item).unwrap();
    };
    let (i32, i64, f32, f64) = (ValType::I32, ValType::I64, ValType::F32, ValType::F64);
    let prints = [
        ("print", vec![]),
        ("print_i32", vec![i32.clone()]),
        ("print_i64", vec![i64.clone()]),
        ("print_f32", vec![f32.clone()]),
        ("print_f64", vec![f64.clone()]),
        ("print_i32_f32", vec![i32.clone(), f32.clone()]),
        ("print_f64_f64", vec![f64.clone(), f64.clone()]),
    ];
    for (name, params) in prints {
        let ty = FuncType::new(store.engine(), params, []);
        let function = Func::new(&mut *store, ty, |_, _, _| Ok(()));
        define(name, function.into(), store);
    }
    let globals = [
        ("global_i32", i32, Val::I32(666)),
        ("global_i64", i64, Val::I64(666)),
        ("global_f32", f32, Val::F32(666.6_f32.to_bits())),
        ("global_f64", f64, Val::F64(666.6_f64.to_bits())),
    ];
    for (name, ty, value) in globals {
        let global = Global::new(&mut *store, GlobalType::new(ty, Mutability::Const), value).unwrap();
        define(name, global.into(), store);
    }
    let ty = TableType::new(RefType::FUNCREF, 10, Some(20));
    let table = Table::new(&mut *store, ty, Ref::Func(None)).unwrap();
    define("table", table.into(), store);
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2))).unwrap();
    define("memory", memory.into(), store);
}
