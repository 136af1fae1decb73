//! How often each class of operator runs: a module that counts its own basic blocks.
//!
//! Another rewrite than the profile's, on purpose: the figures that the table is judged by don't come from the code
//! that charges it.

use super::{classes::class, common::float};
use lilypad_runtime::internals::{FUNCTION_ENTRY_FUEL, fixed_fuel};
use std::collections::BTreeMap;
use wasm_encoder::{ConstExpr, Encode, ExportKind, GlobalType, Instruction, Module, RawSection, ValType};
use wasmparser::{BinaryReader, BinaryReaderError, FunctionBody, Operator as Op, Parser, Payload};

/// Prefix of the counters' exports; the block's number follows.
pub(crate) const PREFIX: &str = "count:";

const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// A counting module, and what each of its blocks holds.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) wasm: Vec<u8>,
    blocks: Vec<Counts>,
}

/// What ran, or stands in a block: operators by class, and their fuel by the table.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) classes: BTreeMap<&'static str, f64>,
    pub(crate) fuel: f64,
}

impl Counting {
    /// What ran, from how often each block did.
    pub(crate) fn counts(&self, mut times: impl FnMut(&str) -> i64) -> Counts {
        let mut counts = Counts::default();
        for (index, block) in self.blocks.iter().enumerate() {
            let times = float(times(&format!("{PREFIX}{index}")).cast_unsigned());
            counts.fuel += times * block.fuel;
            for (class, count) in &block.classes {
                *counts.classes.entry(class).or_default() += times * count;
            }
        }
        counts
    }
}

/// Makes a module count. It imports no globals.
pub(crate) fn counting(wasm: &[u8]) -> Result<Counting, BinaryReaderError> {
    let mut blocks = Vec::new();
    let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
    let (mut globals, mut bodies_left, mut code) = (None, 0, Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let section = payload.as_section().map(|(id, range)| (id, wasm[range].to_vec()));
        match payload {
            Payload::GlobalSection(reader) => {
                globals = Some(reader.count());
                sections.extend(section);
            }
            Payload::ExportSection(_) => {
                // Globals stand before exports.
                if globals.is_none() {
                    sections.push((GLOBALS, vec![0]));
                }
                sections.extend(section);
            }
            Payload::CodeSectionStart { count, .. } => {
                bodies_left = count;
                count.encode(&mut code);
            }
            Payload::CodeSectionEntry(body) => {
                body_counting(&body, globals.unwrap_or(0), &mut blocks)?.as_slice().encode(&mut code);
                bodies_left -= 1;
                if bodies_left == 0 {
                    sections.push((CODE, std::mem::take(&mut code)));
                }
            }
            Payload::CustomSection(_) => {}
            _ => sections.extend(section),
        }
    }
    let added = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
    let mut module = Module::new();
    for (id, mut data) in sections {
        match id {
            GLOBALS => data = with(&data, added, counter)?,
            EXPORTS => {
                data = with(&data, added, |index, bytes| {
                    format!("{PREFIX}{index}").as_str().encode(bytes);
                    ExportKind::Global.encode(bytes);
                    (globals.unwrap_or(0) + index).encode(bytes);
                })?;
            }
            _ => {}
        }
        module.section(&RawSection { id, data: &data });
    }
    Ok(Counting { wasm: module.finish(), blocks })
}

fn counter(_: u32, bytes: &mut Vec<u8>) {
    GlobalType { val_type: ValType::I64, mutable: true, shared: false }.encode(bytes);
    ConstExpr::i64_const(0).encode(bytes);
}

/// A section's content with entries added after its own.
fn with(content: &[u8], added: u32, entry: impl Fn(u32, &mut Vec<u8>)) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(content, 0);
    let count = reader.read_var_u32()?;
    let mut data = Vec::new();
    (count + added).encode(&mut data);
    data.extend_from_slice(&content[reader.current_position()..]);
    (0..added).for_each(|index| entry(index, &mut data));
    Ok(data)
}

/// A body that adds one to a global wherever a block begins.
fn body_counting(
    body: &FunctionBody<'_>,
    globals: u32,
    blocks: &mut Vec<Counts>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let (bytes, base) = (body.as_bytes(), body.range().start);
    let mut operators = body.get_operators_reader()?;
    // The locals as they are.
    let mut out = bytes[..operators.original_position() - base].to_vec();
    let mut begins = Some(FUNCTION_ENTRY_FUEL);
    while !operators.eof() {
        let at = operators.original_position();
        let op = operators.read()?;
        if let Some(fuel) = begins.take() {
            begin(&mut out, globals, blocks, fuel);
        }
        out.extend_from_slice(&bytes[at - base..operators.original_position() - base]);
        if let Op::Loop { .. } = op {
            // It runs once a turn, so it belongs to the block that it begins.
            begin(&mut out, globals, blocks, 0);
        } else if ends_block(&op) {
            begins = Some(0);
        }
        if let Some(block) = blocks.last_mut() {
            block.fuel += float(fixed_fuel(&op));
            if let Some(class) = class(&op) {
                *block.classes.entry(class).or_default() += 1.0;
            }
        }
    }
    Ok(out)
}

/// A new block, which counts itself.
fn begin(out: &mut Vec<u8>, globals: u32, blocks: &mut Vec<Counts>, fuel: u64) {
    let index = globals + u32::try_from(blocks.len()).unwrap_or(u32::MAX);
    blocks.push(Counts { classes: BTreeMap::new(), fuel: float(fuel) });
    Instruction::GlobalGet(index).encode(out);
    Instruction::I64Const(1).encode(out);
    Instruction::I64Add.encode(out);
    Instruction::GlobalSet(index).encode(out);
}

const fn ends_block(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::If { .. }
            | Op::Else
            | Op::End
            | Op::Br { .. }
            | Op::BrIf { .. }
            | Op::BrTable { .. }
            | Op::Return
            | Op::Unreachable
    )
}
