//! One function, rewritten: fuel by block, the stack by frame, NaNs by operator.
//!
//! Fuel lives in a local while the function runs. It is charged for a block as the block is entered, and
//! compared with zero at the function's entry, at loops, and after charges in proportion to an operand;
//! between two checks only a bounded amount of work can happen. Operators are copied byte for byte: no index
//! of the guest's moves.

use super::{Flush, Plan, cost, nan, val_type};
use crate::{
    admission::FunctionFacts,
    profile::{STACK_EXHAUSTED, frame_bytes},
};
use wasm_encoder::{BlockType, CodeSection, Function, InstructionSink, ValType};
use wasmparser::{BinaryReaderError, FunctionBody, Operator as Op};

/// Locals added after the guest's own.
#[derive(Debug, Clone, Copy)]
struct Scratch {
    fuel: u32,
    stack: u32,
    size: u32,
    f32: u32,
    f64: u32,
    v128: u32,
}

/// What a first look at a body finds.
#[derive(Debug, Default)]
struct Survey {
    /// Fuel of each block, in order.
    blocks: Vec<u64>,
    sized: bool,
    f32: bool,
    f64: bool,
    v128: bool,
}

/// Adds the rewritten function to `code`.
pub(super) fn rewrite(
    code: &mut CodeSection,
    body: &FunctionBody<'_>,
    facts: &FunctionFacts,
    plan: &Plan<'_>,
) -> Result<(), BinaryReaderError> {
    let survey = survey(body)?;
    let (locals, scratch) = locals(body, facts, &survey)?;
    let mut writer =
        Writer { function: Function::new(locals), plan, scratch, blocks: survey.blocks.into_iter() };
    writer.enter(facts);

    let mut operators = body.get_operators_reader()?;
    let bytes = body.as_bytes();
    let base = body.range().start;
    while !operators.eof() {
        let start = operators.original_position() - base;
        let op = operators.read()?;
        let raw = &bytes[start..operators.original_position() - base];
        if operators.eof() {
            // The final end: the body's own block is closed first, so that branches to it arrive here.
            writer.leave();
        } else {
            writer.operator(&op, raw);
        }
    }
    code.function(&writer.function);
    Ok(())
}

/// Whether a block ends after this operator: control may leave here, or arrive.
pub(super) const fn ends_block(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Loop { .. }
            | Op::If { .. }
            | Op::Else
            | Op::End
            | Op::Br { .. }
            | Op::BrIf { .. }
            | Op::BrTable { .. }
            | Op::Return
            | Op::Unreachable
    )
}

fn survey(body: &FunctionBody<'_>) -> Result<Survey, BinaryReaderError> {
    let mut survey = Survey::default();
    let mut fuel = cost::FUNCTION_ENTRY;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let op = operators.read()?;
        let own = cost::fixed(&op);
        if let Op::Loop { .. } = op {
            // A loop's own cost belongs to the block that every turn enters.
            survey.blocks.push(fuel);
            fuel = own;
            continue;
        }
        fuel += own;
        if ends_block(&op) {
            survey.blocks.push(fuel);
            fuel = 0;
        }
        survey.sized |= cost::variable(&op).is_some();
        match nan::made_by(&op) {
            Some(nan::Shape::F32) => survey.f32 = true,
            Some(nan::Shape::F64) => survey.f64 = true,
            Some(nan::Shape::F32x4 | nan::Shape::F64x2) => survey.v128 = true,
            None => {}
        }
    }
    Ok(survey)
}

/// The guest's locals and those it needs of ours.
fn locals(
    body: &FunctionBody<'_>,
    facts: &FunctionFacts,
    survey: &Survey,
) -> Result<(Vec<(u32, ValType)>, Scratch), BinaryReaderError> {
    let mut locals = Vec::new();
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        locals.push((count, val_type(ty)));
    }
    let mut next = facts.slots;
    let mut add = |wanted: bool, ty: ValType| {
        let index = next;
        if wanted {
            locals.push((1, ty));
            next += 1;
        }
        index
    };
    let scratch = Scratch {
        fuel: add(true, ValType::I64),
        stack: add(true, ValType::I32),
        size: add(survey.sized, ValType::I32),
        f32: add(survey.f32, ValType::F32),
        f64: add(survey.f64, ValType::F64),
        v128: add(survey.v128, ValType::V128),
    };
    Ok((locals, scratch))
}

struct Writer<'a> {
    function: Function,
    plan: &'a Plan<'a>,
    scratch: Scratch,
    blocks: std::vec::IntoIter<u64>,
}

impl Writer<'_> {
    fn code(&mut self) -> InstructionSink<'_> {
        self.function.instructions()
    }

    /// The function's beginning: fuel, then the stack, then a block that stands for the guest's body.
    fn enter(&mut self, facts: &FunctionFacts) {
        let (fuel_global, stack_global) = (self.plan.fuel, self.plan.stack);
        let (fuel, stack) = (self.scratch.fuel, self.scratch.stack);
        self.code().global_get(fuel_global).local_set(fuel);
        self.charge_block(true);
        let frame = frame_bytes(facts.slots, facts.operands_max, facts.operators);
        // Admission bounds each part of a frame; one that still doesn't fit never does.
        let frame = i32::try_from(frame).unwrap_or(i32::MAX);
        self.code()
            .global_get(stack_global)
            .i32_const(frame)
            .i32_sub()
            .local_tee(stack)
            .i32_const(0)
            .i32_lt_s()
            .if_(BlockType::Empty)
            .local_get(fuel)
            .global_set(fuel_global)
            .i32_const(STACK_EXHAUSTED)
            .global_set(stack_global)
            .unreachable()
            .end();
        let block = self.plan.result_block(facts.type_index);
        self.code().block(block);
    }

    /// The function's end, reached by falling through or by a branch to the body's block.
    fn leave(&mut self) {
        self.code().end();
        self.publish_fuel();
        self.code().end();
    }

    fn operator(&mut self, op: &Op<'_>, raw: &[u8]) {
        let (fuel_global, stack_global) = (self.plan.fuel, self.plan.stack);
        let (fuel, stack) = (self.scratch.fuel, self.scratch.stack);
        if let Some(variable) = cost::variable(op) {
            self.charge_size(variable);
        }
        let is_call = matches!(op, Op::Call { .. } | Op::CallIndirect { .. });
        if is_call {
            self.publish_fuel();
            // What the callee may use; nothing is to be restored after it.
            self.code().local_get(stack).global_set(stack_global);
        } else if matches!(op, Op::Return | Op::Unreachable) {
            self.publish_fuel();
        }
        self.function.raw(raw.iter().copied());
        if is_call {
            self.code().global_get(fuel_global).local_set(fuel);
        }
        if let Some(shape) = nan::made_by(op) {
            let scratch = match shape {
                nan::Shape::F32 => self.scratch.f32,
                nan::Shape::F64 => self.scratch.f64,
                nan::Shape::F32x4 | nan::Shape::F64x2 => self.scratch.v128,
            };
            nan::canonicalise(&mut self.code(), shape, scratch);
        }
        if ends_block(op) {
            self.charge_block(matches!(op, Op::Loop { .. }));
        }
    }

    /// Charges for the block that begins here.
    fn charge_block(&mut self, check: bool) {
        let amount = self.blocks.next().unwrap_or(0);
        if amount == 0 {
            return;
        }
        let fuel = self.scratch.fuel;
        // A body has at most 2^21 bytes and no operator costs more than 2^10.
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        self.code().local_get(fuel).i64_const(amount).i64_sub();
        self.settle(check);
    }

    /// Charges in proportion to the operand on top of the stack, and leaves it there.
    fn charge_size(&mut self, variable: cost::Variable) {
        let (fuel, size) = (self.scratch.fuel, self.scratch.size);
        let shift = i64::from(variable.count_shift);
        // Unsigned, in 64 bits, rounded down: the operator's fixed cost covers the remainder.
        let mut code = self.code();
        code.local_set(size).local_get(fuel).local_get(size);
        if variable.count_max < u32::MAX {
            let max = variable.count_max.cast_signed();
            code.i32_const(max).local_get(size).i32_const(max).i32_lt_u().select();
        }
        code.i64_extend_i32_u();
        if shift > 0 {
            code.i64_const(shift).i64_shr_u();
        }
        if variable.fuel != 1 {
            code.i64_const(variable.fuel).i64_mul();
        }
        code.i64_sub();
        self.settle(true);
        self.code().local_get(size);
    }

    /// Takes the new amount of fuel from the stack; stops the guest if it is overdrawn and that is asked.
    fn settle(&mut self, check: bool) {
        let (fuel, fuel_global) = (self.scratch.fuel, self.plan.fuel);
        if check {
            // A trap, not a call: a call here would cost registers in every loop.
            self.code()
                .local_tee(fuel)
                .i64_const(0)
                .i64_lt_s()
                .if_(BlockType::Empty)
                .local_get(fuel)
                .global_set(fuel_global)
                .unreachable()
                .end();
        } else {
            self.code().local_set(fuel);
        }
        if self.plan.flush == Flush::AtBlocks {
            self.publish_fuel();
        }
    }

    fn publish_fuel(&mut self) {
        let (fuel, fuel_global) = (self.scratch.fuel, self.plan.fuel);
        self.code().local_get(fuel).global_set(fuel_global);
    }
}
