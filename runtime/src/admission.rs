//! What may run at all: validation against the profile, and the facts that the rewrite needs.
//!
//! Decides from the module's bytes alone. Nothing is compiled or run here.

use crate::{
    metering::{self, growth},
    profile::{self, ENTRY_EXPORT, MEMORY_EXPORT, PAGE_BYTES, RESERVED_PREFIX},
    wasi::{FUNCTIONS, ValType2},
};
use lilypad_abi::Refusal;
use wasmparser::{
    BinaryReaderError, BlockType, ExternalKind, FrameKind, FuncType, FuncValidatorAllocations, FunctionBody,
    Operator, OperatorsReader, Parser, Payload, SubType, TypeRef, ValType, ValidPayload, Validator,
    WasmFeatures,
};

/// Why a module is not admitted: the code that stands in the Outcome, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotAdmitted {
    pub(crate) reason: Refusal,
    pub(crate) detail: String,
}

impl NotAdmitted {
    fn new(reason: Refusal, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// One function's size, as the rewrite needs it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FunctionFacts {
    /// Index of its type.
    pub(crate) type_index: u32,
    /// Parameters and locals.
    pub(crate) slots: u32,
    /// The deepest its operand stack gets.
    pub(crate) operands_max: u32,
    /// Operators of its body, the final `end` included, and each value that a call or a block hands over: a compiler
    /// may keep them all, each in a place of its own.
    pub(crate) operators: u32,
    /// The functions it calls, once for each call; nothing when they can't be told, or are many.
    pub(crate) callees: Option<Vec<u32>>,
    /// Fuel of all its operators, each taken once.
    pub(crate) fuel: u64,
    /// Blocks nested in each other, the body included.
    nesting: u32,
    body_bytes: u64,
    /// Bounds on what the rewrite makes of it.
    rewritten_bytes: u64,
    blocks: u64,
    branch_targets_max: u32,
    /// Values that its operators hand over beyond a few each.
    handed_over: u64,
}

/// What an operator hands over.
#[derive(Debug, Default)]
struct Handed {
    /// Values that it gives.
    values: u64,
    /// Values that it moves beyond [`profile::HANDED_FREE`].
    excess: u64,
}

/// One import.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    /// Index of the function's type; absent for anything else.
    type_index: Option<u32>,
}

/// What admission learnt of a module.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// Types by index, all of them of functions.
    pub(crate) types: Vec<SubType>,
    /// Defined functions in order.
    pub(crate) functions: Vec<FunctionFacts>,
    /// Globals, imported ones included.
    pub(crate) globals: u32,
    /// Tables, imported ones included.
    pub(crate) tables: u32,
    /// The start function.
    pub(crate) start: Option<u32>,
    /// Bytes of linear memory that the module begins with.
    pub(crate) memory_bytes_min: u64,
    /// Imports in order.
    pub(crate) imports: Vec<Import>,
    /// Names of exports, in order.
    pub(crate) exports: Vec<String>,
    function_types: Vec<u32>,
    imported_functions: Vec<u32>,
    entry: Option<u32>,
    has_memory_export: bool,
    memory_imported: bool,
    counts: Vec<(&'static str, u64, u64)>,
}

impl Admitted {
    /// The index of the type of any function of the module.
    pub(crate) fn type_index_of(&self, index: u32) -> Option<u32> {
        let imported = self.imported_functions.len();
        let index = usize::try_from(index).ok()?;
        match self.imported_functions.get(index) {
            Some(type_index) => Some(*type_index),
            None => self.function_types.get(index - imported).copied(),
        }
    }

    /// A function type by its index.
    pub(crate) fn function_type(&self, type_index: u32) -> Option<&FuncType> {
        self.types.get(usize::try_from(type_index).ok()?).map(SubType::unwrap_func)
    }

    /// How many functions are imported: those that are defined come after them.
    pub(crate) fn functions_imported(&self) -> u32 {
        u32::try_from(self.imported_functions.len()).unwrap_or(u32::MAX)
    }

    fn count(&mut self, what: &'static str, value: impl Into<u64>, max: impl Into<u64>) {
        self.counts.push((what, value.into(), max.into()));
    }
}

/// Checks a module against the profile, in this order: size, validity and features, limits, imports, exports.
pub(crate) fn admit(wasm: &[u8]) -> Result<Admitted, NotAdmitted> {
    if wasm.len() > profile::MODULE_BYTES_MAX {
        let max = profile::MODULE_BYTES_MAX;
        return Err(NotAdmitted::new(
            Refusal::TooLarge,
            format!("module has {} bytes, the most is {max}; strip debug information", wasm.len()),
        ));
    }
    if Parser::is_component(wasm) {
        return Err(NotAdmitted::new(
            Refusal::Feature,
            "this is a WebAssembly component; build a core module for wasm32-wasip1",
        ));
    }
    let admitted = validate(wasm)?;
    check_limits(&admitted)?;
    check_imports(&admitted)?;
    check_exports(&admitted)?;
    Ok(admitted)
}

/// Checks that a module is valid and uses no other features than those of the profile.
pub(crate) fn validate(wasm: &[u8]) -> Result<Admitted, NotAdmitted> {
    survey(wasm, profile::features()).map_err(|stop| match stop {
        Stop::Invalid(error) => why_invalid(wasm, &error),
        Stop::NotAdmitted(not) => not,
    })
}

/// Features beyond the MVP without which the module would not be valid.
pub(crate) fn features_used(wasm: &[u8]) -> Vec<&'static str> {
    let all = profile::features();
    let used =
        |feature: &WasmFeatures| Validator::new_with_features(all & !*feature).validate_all(wasm).is_err();
    profile::ACCEPTED.iter().filter(|(feature, _)| used(feature)).map(|(_, name)| *name).collect()
}

/// Tells a module that no engine would take from one that only this profile refuses.
fn why_invalid(wasm: &[u8], error: &BinaryReaderError) -> NotAdmitted {
    let base = profile::features();
    let valid = |features| Validator::new_with_features(features).validate_all(wasm).is_ok();
    let at = format!("{} (at byte {:#x})", error.message(), error.offset());
    // First, so that bytes which are no module at all are read twice and not once for each feature.
    if !valid(profile::REFUSED.iter().fold(base, |all, (feature, ..)| all | *feature)) {
        return NotAdmitted::new(
            Refusal::Malformed,
            format!("not a valid WebAssembly module: {at}; check how it was built"),
        );
    }
    for (feature, name, advice) in profile::REFUSED {
        if valid(base | *feature) {
            return NotAdmitted::new(Refusal::Feature, format!("module uses {name}; {advice}"));
        }
    }
    NotAdmitted::new(
        Refusal::Feature,
        format!("module uses features that the profile doesn't accept: {at}; build for plain wasm32-wasip1"),
    )
}

/// Why a survey didn't come to its end.
enum Stop {
    Invalid(BinaryReaderError),
    NotAdmitted(NotAdmitted),
}

impl From<BinaryReaderError> for Stop {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error)
    }
}

/// Validates everything and takes stock on the way.
fn survey(wasm: &[u8], features: WasmFeatures) -> Result<Admitted, Stop> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut admitted = Admitted::default();
    let mut allocations = FuncValidatorAllocations::default();
    for payload in parser.parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            let mut validator = function.into_validator(allocations);
            let facts = survey_body(&mut validator, &body, &admitted)?;
            allocations = validator.into_allocations();
            let type_index = admitted.function_types.get(admitted.functions.len()).copied().unwrap_or(0);
            admitted.functions.push(FunctionFacts { type_index, ..facts });
        }
        survey_section(&payload, &mut admitted)?;
    }
    Ok(admitted)
}

fn survey_section(payload: &Payload<'_>, admitted: &mut Admitted) -> Result<(), BinaryReaderError> {
    match payload {
        Payload::TypeSection(section) => {
            admitted.count("types", section.count(), profile::TYPES_MAX);
            for ty in section.clone().into_iter_err_on_gc_types() {
                admitted.types.push(SubType::func(ty?, false));
            }
        }
        Payload::ImportSection(section) => {
            for import in section.clone().into_imports() {
                let import = import?;
                let type_index = match import.ty {
                    TypeRef::Func(index) => Some(index),
                    _ => None,
                };
                admitted.imported_functions.extend(type_index);
                admitted.memory_imported |= matches!(import.ty, TypeRef::Memory(_));
                admitted.globals += u32::from(matches!(import.ty, TypeRef::Global(_)));
                admitted.tables += u32::from(matches!(import.ty, TypeRef::Table(_)));
                let (module, name) = (import.module.to_owned(), import.name.to_owned());
                admitted.imports.push(Import { module, name, type_index });
            }
            admitted.count("imports", admitted.imports.len() as u64, profile::IMPORTS_MAX);
        }
        Payload::FunctionSection(section) => {
            admitted.count("functions", section.count(), profile::FUNCTIONS_MAX);
            for index in section.clone() {
                admitted.function_types.push(index?);
            }
        }
        Payload::TableSection(section) => {
            admitted.count("tables", section.count(), profile::TABLES_MAX);
            admitted.tables += section.count();
            for table in section.clone() {
                admitted.count("elements of a table", table?.ty.initial, profile::TABLE_ELEMENTS_MAX);
            }
        }
        Payload::MemorySection(section) => {
            for memory in section.clone() {
                admitted.memory_bytes_min = memory?.initial.saturating_mul(PAGE_BYTES);
            }
        }
        Payload::GlobalSection(section) => {
            admitted.globals += section.count();
            admitted.count("globals", section.count(), profile::GLOBALS_MAX);
        }
        Payload::ExportSection(section) => {
            admitted.count("exports", section.count(), profile::EXPORTS_MAX);
            for export in section.clone() {
                let export = export?;
                match (export.name, export.kind) {
                    (ENTRY_EXPORT, ExternalKind::Func) => admitted.entry = Some(export.index),
                    (MEMORY_EXPORT, ExternalKind::Memory) => admitted.has_memory_export = true,
                    _ => {}
                }
                admitted.exports.push(export.name.to_owned());
            }
        }
        Payload::StartSection { func, .. } => admitted.start = Some(*func),
        Payload::ElementSection(section) => {
            admitted.count("element segments", section.count(), profile::ELEMENT_SEGMENTS_MAX);
            let mut expressions = 0_u64;
            for segment in section.clone() {
                if let wasmparser::ElementItems::Expressions(_, items) = segment?.items {
                    expressions += u64::from(items.count());
                }
            }
            admitted.count("elements given by expressions", expressions, profile::ELEMENT_EXPRESSIONS_MAX);
        }
        Payload::DataSection(section) => {
            admitted.count("data segments", section.count(), profile::DATA_SEGMENTS_MAX);
        }
        _ => {}
    }
    Ok(())
}

fn survey_body(
    validator: &mut wasmparser::FuncValidator<wasmparser::ValidatorResources>,
    body: &FunctionBody<'_>,
    admitted: &Admitted,
) -> Result<FunctionFacts, Stop> {
    // Run-length groups declare billions in a few bytes: added up before anything makes room for them.
    let mut declared = 0_u64;
    for group in body.get_locals_reader()? {
        declared += u64::from(group?.0);
        at_most("locals in one function", declared, profile::LOCALS_MAX.into()).map_err(Stop::NotAdmitted)?;
    }
    let mut reader = body.get_binary_reader();
    let body_bytes = reader.bytes_remaining() as u64;
    validator.read_locals(&mut reader)?;
    reader.set_features(*validator.features());
    let mut facts = FunctionFacts {
        slots: validator.len_locals(),
        body_bytes,
        callees: Some(Vec::new()),
        ..FunctionFacts::default()
    };
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        validator.op(offset, &operator)?;
        let handed = handed_over(&operator, validator, admitted);
        let values = u32::try_from(handed.values).unwrap_or(u32::MAX);
        facts.operators = facts.operators.saturating_add(1).saturating_add(values);
        facts.handed_over += handed.excess;
        let holds_float = match operator {
            Operator::LocalGet { local_index } | Operator::LocalTee { local_index } => validator
                .get_local_type(local_index)
                .is_some_and(|ty| matches!(ty, ValType::F32 | ValType::F64 | ValType::V128)),
            _ => false,
        };
        facts.rewritten_bytes += growth::added_bytes_max(&operator, holds_float);
        facts.fuel += metering::fixed_fuel(&operator);
        note_call(&mut facts, &operator);
        facts.blocks += growth::blocks(&operator);
        if let Operator::BrTable { targets } = &operator {
            facts.branch_targets_max = facts.branch_targets_max.max(targets.len());
        }
        facts.operands_max = facts.operands_max.max(validator.operand_stack_height());
        facts.nesting = facts.nesting.max(validator.control_stack_height());
    }
    operators.finish()?;
    facts.rewritten_bytes += body_bytes + growth::FRAME_BYTES_MAX;
    Ok(facts)
}

/// The values that an operator hands over: what calls give and take, what blocks begin and end with, what branches carry.
fn handed_over(
    operator: &Operator<'_>,
    validator: &wasmparser::FuncValidator<wasmparser::ValidatorResources>,
    admitted: &Admitted,
) -> Handed {
    let sizes = |type_index: u32| {
        admitted
            .function_type(type_index)
            .map_or((0, 0), |ty| (ty.params().len() as u64, ty.results().len() as u64))
    };
    let of_block = |ty: BlockType| match ty {
        BlockType::Empty => (0, 0),
        BlockType::Type(_) => (0, 1),
        BlockType::FuncType(index) => sizes(index),
    };
    let arity = |depth: u32| {
        let frame = usize::try_from(depth).ok().and_then(|depth| validator.get_control_frame(depth));
        frame.map_or(0, |frame| {
            let (params, results) = of_block(frame.block_type);
            if frame.kind == FrameKind::Loop { params } else { results }
        })
    };
    let excess = |values: u64| values.saturating_sub(profile::HANDED_FREE);
    match operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            let (params, results) = admitted.type_index_of(*function_index).map_or((0, 0), sizes);
            Handed { values: results, excess: excess(params + results) }
        }
        Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
            let (params, results) = sizes(*type_index);
            Handed { values: results, excess: excess(params + results) }
        }
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            let (params, results) = of_block(*blockty);
            Handed { values: params + results, excess: excess(params + results) }
        }
        Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
            Handed { values: 0, excess: excess(arity(*relative_depth)) }
        }
        Operator::BrTable { targets } => {
            let moved =
                targets.targets().filter_map(Result::ok).map(|depth| arity(depth).saturating_sub(1)).sum();
            Handed { values: 0, excess: moved }
        }
        _ => Handed::default(),
    }
}

fn note_call(facts: &mut FunctionFacts, operator: &Operator<'_>) {
    match operator {
        Operator::Call { function_index } => {
            facts.callees = facts.callees.take().filter(|callees| callees.len() < profile::SMALL_CALLS_MAX);
            if let Some(callees) = &mut facts.callees {
                callees.push(*function_index);
            }
        }
        Operator::CallIndirect { .. } | Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
            facts.callees = None;
        }
        _ => {}
    }
}

/// The bound on all bodies once they are rewritten.
#[cfg(feature = "fuzzing")]
pub(crate) fn rewritten_bytes_max(admitted: &Admitted) -> u64 {
    admitted.functions.iter().map(|facts| facts.rewritten_bytes).sum()
}

/// The bound on all bodies once they are rewritten, less what they have now.
#[cfg(test)]
pub(crate) fn added_bytes_max(admitted: &Admitted) -> u64 {
    admitted.functions.iter().map(|facts| facts.rewritten_bytes - facts.body_bytes).sum()
}

fn at_most(what: &str, value: u64, max: u64) -> Result<(), NotAdmitted> {
    if value <= max {
        return Ok(());
    }
    let detail = format!("module has {value} {what}, the most is {max}; split it or build it smaller");
    Err(NotAdmitted::new(Refusal::TooLarge, detail))
}

fn check_limits(admitted: &Admitted) -> Result<(), NotAdmitted> {
    let (mut rewritten_bytes, mut blocks_squared, mut locals_by_blocks) = (0_u64, 0_u64, 0_u64);
    let mut handed_over = 0_u64;
    for (what, value, max) in &admitted.counts {
        at_most(what, *value, *max)?;
    }
    for facts in &admitted.functions {
        at_most("bytes in one function", facts.body_bytes, profile::BODY_BYTES_MAX)?;
        at_most("locals in one function", facts.slots.into(), profile::LOCALS_MAX.into())?;
        at_most("operands in one function", facts.operands_max.into(), profile::OPERANDS_MAX.into())?;
        at_most("nested blocks in one function", facts.nesting.into(), profile::NESTING_MAX.into())?;
        at_most(
            "branch targets in one table",
            facts.branch_targets_max.into(),
            profile::BRANCH_TARGETS_MAX.into(),
        )?;
        at_most("basic blocks in one function", facts.blocks, profile::BLOCKS_MAX)?;
        let bytes_max = profile::REWRITTEN_BODY_BYTES_MAX;
        at_most("bytes in one function once it is metered", facts.rewritten_bytes, bytes_max)?;
        rewritten_bytes += facts.rewritten_bytes;
        blocks_squared += facts.blocks * facts.blocks;
        let ty = admitted.function_type(facts.type_index);
        let signature = ty.map_or(0, |ty| (ty.params().len() + ty.results().len()) as u64);
        handed_over += facts.handed_over + signature.saturating_sub(profile::HANDED_FREE);
        locals_by_blocks += facts.blocks * u64::from(facts.slots);
    }
    let in_types = admitted.types.iter().map(SubType::unwrap_func);
    let in_types: u64 = in_types.map(|ty| (ty.params().len() + ty.results().len()) as u64).sum();
    at_most("parameters and results in all its types", in_types, profile::TYPE_VALUES_MAX)?;
    let handed_max = profile::HANDED_OVER_MAX;
    at_most("values handed over by wide calls, blocks and branches", handed_over, handed_max)?;
    at_most("bytes once it is metered", rewritten_bytes, profile::REWRITTEN_BYTES_MAX)?;
    let by_max = profile::LOCALS_BY_BLOCKS_MAX;
    at_most("locals times basic blocks, by function and added up,", locals_by_blocks, by_max)?;
    at_most("basic blocks, squared by function and added up,", blocks_squared, profile::BLOCKS_SQUARED_MAX)
}

fn check_imports(admitted: &Admitted) -> Result<(), NotAdmitted> {
    if admitted.memory_imported {
        return Err(NotAdmitted::new(
            Refusal::EntryPoint,
            "module imports its memory; link it so that it defines and exports a memory named 'memory'",
        ));
    }
    for import in &admitted.imports {
        let name = format!("'{}.{}'", import.module, import.name);
        let known = FUNCTIONS.iter().find(|f| f.namespace == import.module && f.name == import.name);
        let (Some(known), Some(type_index)) = (known, import.type_index) else {
            return Err(NotAdmitted::new(
                Refusal::Import,
                format!(
                    "module imports {name}, which doesn't exist here; only functions of \
                     wasi_snapshot_preview1 and lilypad_1 can be imported"
                ),
            ));
        };
        let ty = admitted.function_type(type_index);
        let same =
            |ours: &[ValType2], theirs: &[ValType]| ours.iter().map(val_type).eq(theirs.iter().copied());
        if !ty.is_some_and(|ty| same(known.params, ty.params()) && same(known.results, ty.results())) {
            return Err(NotAdmitted::new(
                Refusal::Import,
                format!(
                    "module imports {name} with another type than it has; rebuild it with current headers"
                ),
            ));
        }
    }
    Ok(())
}

const fn val_type(ours: &ValType2) -> ValType {
    match ours {
        ValType2::I32 => ValType::I32,
        ValType2::I64 => ValType::I64,
    }
}

fn check_exports(admitted: &Admitted) -> Result<(), NotAdmitted> {
    if let Some(name) = admitted.exports.iter().find(|name| name.starts_with(RESERVED_PREFIX)) {
        return Err(NotAdmitted::new(
            Refusal::Feature,
            format!(
                "module exports '{name}'; names that begin with '{RESERVED_PREFIX}' are reserved, choose another"
            ),
        ));
    }
    let entry = admitted.entry.and_then(|index| admitted.function_type(admitted.type_index_of(index)?));
    let Some(entry) = entry else {
        return Err(NotAdmitted::new(
            Refusal::EntryPoint,
            "module exports no function '_start'; build a program (command), not a library (reactor)",
        ));
    };
    if !entry.params().is_empty() || !entry.results().is_empty() {
        return Err(NotAdmitted::new(
            Refusal::EntryPoint,
            "'_start' must take and give nothing; build for wasm32-wasip1, which makes it from main",
        ));
    }
    if !admitted.has_memory_export {
        return Err(NotAdmitted::new(
            Refusal::EntryPoint,
            "module exports no memory named 'memory'; build for wasm32-wasip1, which exports it",
        ));
    }
    Ok(())
}
