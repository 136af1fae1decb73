//! The rewrite that makes a module count its own fuel and stack and keep its NaNs canonical.
//!
//! - this file: the module's sections; `body.rs`: one function, with what the next four find
//! - `control.rs`: what control flow makes of its operators; `regions.rs`: which fuel is charged where;
//!   `observe.rs`, `webs.rs` and `nan.rs`: where NaNs are made canonical, and how; `small.rs`: which functions aren't checked
//! - `cost.rs`: the table; `growth.rs`: how much larger a body gets
//!
//! The result is a valid module for any engine: it needs no import of ours, and everything it counts is a
//! fact of its own instructions. Two globals are added, a 64-bit fuel counter and a 32-bit stack counter,
//! exported under reserved names; no instruction of the guest can name them. Nothing is run here.

mod body;
mod control;
mod cost;
pub(crate) mod growth;
mod nan;
mod observe;
mod regions;
mod small;
#[cfg(test)]
#[cfg(feature = "engine")]
mod tests;
mod webs;

pub use self::cost::COST_TABLE_VERSION;

use crate::{
    admission::Admitted,
    profile::{self, FUEL_EXPORT, HOOKS_EXPORT, STACK_BYTES_MAX, STACK_EXPORT, START_EXPORT},
};
use std::collections::BTreeMap;
use wasm_encoder::{
    BlockType, BranchHints, CodeSection, ConstExpr, Encode, ExportKind, GlobalType, Module, RawSection,
    RefType, SectionId, TableType, ValType,
};
use wasmparser::{BinaryReader, BinaryReaderError, Operator, Parser, Payload};

/// What the table says of entering a function, for calibration.
#[cfg(all(feature = "engine", feature = "fuzzing"))]
pub(crate) const FUNCTION_ENTRY_FUEL: u64 = cost::FUNCTION_ENTRY;

/// The fuel of so many units of an operator's topmost operand, for calibration.
#[cfg(all(feature = "engine", feature = "fuzzing"))]
pub(crate) fn sized_fuel(op: &Operator<'_>, units: u32) -> u64 {
    cost::variable(op).map_or(0, |variable| {
        let steps = units.min(variable.count_max) >> variable.count_shift;
        u64::from(steps) * variable.fuel.unsigned_abs()
    })
}

/// When the fuel counter is brought up to date for the host to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// At calls, at returns and where the guest stops itself: all that a run without a trap needs.
    AtCalls,
    /// At every region as well, so that it is exact when an instruction traps.
    AtRegions,
    /// At every region, and the host is called when a function is entered and left, to see who uses what.
    Profiled,
}

/// How a profiled module calls the host: through a table of its own, so that no index of the guest's moves.
#[derive(Debug, Clone, Copy)]
struct Hooks {
    table: u32,
    /// The type of both: takes the function's index, gives nothing.
    type_index: u32,
}

/// What stays the same for all functions of a module.
#[derive(Debug)]
struct Plan<'a> {
    admitted: &'a Admitted,
    flush: Flush,
    /// Index of the fuel counter: the guest's globals come first.
    fuel: u32,
    /// Index of the stack counter.
    stack: u32,
    /// For each defined function, whether it is small.
    small: Vec<bool>,
    hooks: Option<Hooks>,
    /// For each type with several results, a type of a block that gives the same.
    blocks: BTreeMap<u32, u32>,
}

/// Entries added to a section.
#[derive(Debug, Default)]
struct Added {
    count: u32,
    bytes: Vec<u8>,
}

/// Rewrites an admitted module.
///
/// # Errors
/// A parse error, which doesn't happen for the bytes that were admitted.
pub(crate) fn rewrite(wasm: &[u8], admitted: &Admitted, flush: Flush) -> Result<Vec<u8>, BinaryReaderError> {
    let (blocks, mut types) = block_types(admitted);
    let hooks = (flush == Flush::Profiled).then(|| hooks(admitted, &mut types));
    let (fuel, stack) = (admitted.globals, admitted.globals + 1);
    let plan = Plan { admitted, flush, fuel, stack, small: small::small(admitted), hooks, blocks };
    let mut out = Module::new();
    let (mut code, mut hints) = (CodeSection::new(), BranchHints::new());
    let mut functions = admitted.functions.iter().zip(&plan.small);
    let mut next = admitted.functions_imported();
    let (mut has_globals, mut has_tables) = (false, false);
    let mut parser = Parser::new(0);
    parser.set_features(profile::features());
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        let section = payload.as_section().map(|(id, range)| (id, &wasm[range]));
        match (payload, section) {
            (Payload::CodeSectionEntry(body), _) => {
                let Some((facts, is_small)) = functions.next() else { continue };
                let (function, own_hints) = body::rewrite(&body, next, facts, *is_small, &plan)?;
                code.function(&function);
                if !own_hints.is_empty() {
                    hints.function_hints(next, own_hints);
                }
                next += 1;
                if functions.len() == 0 {
                    // Hints change nothing but where compilers put code that hardly ever runs.
                    if !hints.is_empty() {
                        out.section(&hints);
                    }
                    out.section(&code);
                }
            }
            (Payload::TypeSection(_), Some((id, content))) => append(&mut out, id, content, &types)?,
            (Payload::TableSection(_), Some((id, content))) => {
                append(&mut out, id, content, &hook_table(&plan))?;
                has_tables = true;
            }
            (Payload::MemorySection(_), Some((id, data))) => {
                // Tables stand before the memory, which every admitted module has.
                if !has_tables && plan.hooks.is_some() {
                    append(&mut out, SectionId::Table.into(), &[0], &hook_table(&plan))?;
                }
                out.section(&RawSection { id, data });
            }
            (Payload::GlobalSection(_), Some((id, content))) => {
                append(&mut out, id, content, &counters())?;
                has_globals = true;
            }
            (Payload::ExportSection(_), Some((id, content))) => {
                // Globals stand before exports, which every admitted module has.
                if !has_globals {
                    append(&mut out, SectionId::Global.into(), &[0], &counters())?;
                }
                append(&mut out, id, content, &exports(&plan))?;
            }
            // A start function would run inside of instantiation, where nothing can be told apart: the host
            // calls it instead. The code section is written function by function. Custom sections decide
            // nothing, and may describe offsets that are no longer true.
            (
                Payload::StartSection { .. } | Payload::CodeSectionStart { .. } | Payload::CustomSection(_),
                _,
            ) => {}
            (_, Some((id, data))) => {
                out.section(&RawSection { id, data });
            }
            (_, None) => {}
        }
    }
    Ok(out.finish())
}

/// Writes a section with entries added after its own.
fn append(out: &mut Module, id: u8, content: &[u8], added: &Added) -> Result<(), BinaryReaderError> {
    let mut reader = BinaryReader::new(content, 0);
    let count = reader.read_var_u32()?;
    let own = &content[reader.current_position()..];
    let mut data = Vec::with_capacity(content.len() + added.bytes.len() + 5);
    (count + added.count).encode(&mut data);
    data.extend_from_slice(own);
    data.extend_from_slice(&added.bytes);
    out.section(&RawSection { id, data: &data });
    Ok(())
}

/// The two globals. The host sets the fuel before it calls anything.
fn counters() -> Added {
    let mut added = Added { count: 2, bytes: Vec::new() };
    let ty = |val_type| GlobalType { val_type, mutable: true, shared: false };
    ty(ValType::I64).encode(&mut added.bytes);
    ConstExpr::i64_const(0).encode(&mut added.bytes);
    ty(ValType::I32).encode(&mut added.bytes);
    ConstExpr::i32_const(STACK_BYTES_MAX).encode(&mut added.bytes);
    added
}

fn exports(plan: &Plan<'_>) -> Added {
    let mut added = Added::default();
    let mut export = |name: &str, kind: ExportKind, index: u32| {
        name.encode(&mut added.bytes);
        kind.encode(&mut added.bytes);
        index.encode(&mut added.bytes);
        added.count += 1;
    };
    export(FUEL_EXPORT, ExportKind::Global, plan.fuel);
    export(STACK_EXPORT, ExportKind::Global, plan.stack);
    if let Some(start) = plan.admitted.start {
        export(START_EXPORT, ExportKind::Func, start);
    }
    if let Some(hooks) = plan.hooks {
        export(HOOKS_EXPORT, ExportKind::Table, hooks.table);
    }
    added
}

const FUNCTION_TYPE: u8 = 0x60;

/// Adds the type of the hooks, and says where they will be.
fn hooks(admitted: &Admitted, types: &mut Added) -> Hooks {
    let first = u32::try_from(admitted.types.len()).unwrap_or(u32::MAX);
    let type_index = first.saturating_add(types.count);
    types.bytes.extend([FUNCTION_TYPE, 1]);
    ValType::I32.encode(&mut types.bytes);
    types.bytes.push(0);
    types.count += 1;
    Hooks { table: admitted.tables, type_index }
}

/// The table of the two hooks, which the host fills before it calls anything.
fn hook_table(plan: &Plan<'_>) -> Added {
    let mut added = Added::default();
    if plan.hooks.is_some() {
        added.count = 1;
        TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 2,
            maximum: Some(2),
            shared: false,
        }
        .encode(&mut added.bytes);
    }
    added
}

/// Types for the block around a body that gives several values: no parameters, the function's results.
fn block_types(admitted: &Admitted) -> (BTreeMap<u32, u32>, Added) {
    let mut blocks = BTreeMap::new();
    let mut known = BTreeMap::new();
    let mut added = Added::default();
    let mut next = u32::try_from(admitted.types.len()).unwrap_or(u32::MAX);
    for (index, ty) in (0..).zip(&admitted.types) {
        let ty = ty.unwrap_func();
        if ty.results().len() < 2 {
            continue;
        }
        let mut bytes = vec![FUNCTION_TYPE, 0];
        ty.results().len().encode(&mut bytes);
        ty.results().iter().for_each(|ty| val_type(*ty).encode(&mut bytes));
        let block = *known.entry(bytes.clone()).or_insert_with(|| {
            added.bytes.extend_from_slice(&bytes);
            added.count += 1;
            next += 1;
            next - 1
        });
        blocks.insert(index, block);
    }
    (blocks, added)
}

/// The fuel of an operator alone, whatever its operands are.
pub(crate) fn fixed_fuel(op: &Operator<'_>) -> u64 {
    cost::fixed(op)
}

impl Plan<'_> {
    /// Whether the stack isn't counted in this function: it is small, or the host's.
    fn is_uncounted(&self, function: u32) -> bool {
        match function.checked_sub(self.admitted.functions_imported()) {
            None => true,
            Some(defined) => usize::try_from(defined)
                .ok()
                .and_then(|index| self.small.get(index))
                .copied()
                .unwrap_or(false),
        }
    }

    /// The type of a block that gives what a function of this type gives.
    fn result_block(&self, type_index: u32) -> BlockType {
        if let Some(block) = self.blocks.get(&type_index) {
            return BlockType::FunctionType(*block);
        }
        let ty = self.admitted.function_type(type_index);
        match ty.and_then(|ty| ty.results().first()) {
            Some(result) => BlockType::Result(val_type(*result)),
            None => BlockType::Empty,
        }
    }
}

/// The accepted value types; no other reference than to a function is.
const fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(_) => ValType::FUNCREF,
    }
}
