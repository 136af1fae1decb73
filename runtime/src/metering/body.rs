//! One function, rewritten: fuel by region, the stack by frame, NaNs where they can be seen.
//!
//! Fuel is charged as a region is entered. It is compared with zero at the function's entry, at loops, and after
//! charges in proportion to an operand; between two checks only a bounded amount of work can happen. Operators are
//! copied byte for byte, those that are never reached left out: no index of the guest's moves.

use super::{
    Flush, Plan,
    control::{Step, Walk},
    cost,
    nan::{self, Canonicalised, Form, Shape},
    observe::{self, Sites},
    regions::{Charge, Regions},
    val_type,
    webs::Webs,
};
use crate::{
    admission::FunctionFacts,
    profile::{STACK_EXHAUSTED, frame_bytes},
};
use wasm_encoder::{BlockType, BranchHint, Function, InstructionSink, ValType};
use wasmparser::{BinaryReaderError, FunctionBody, Operator as Op};

/// Most sites of a body at which a NaN is replaced by a jump: jumps make basic blocks, of which a compiler takes so
/// many only.
const JUMPS_MAX: usize = 400;

/// Places of the hooks in their table.
const ENTERED: i32 = 0;
const LEFT: i32 = 1;

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

/// Where the fuel counter is while the function runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// In a local, handed over to the global at calls and at the end.
    Local,
    /// In the global.
    Global,
}

/// What a first look at a body finds.
#[derive(Debug)]
struct Survey {
    charges: Vec<Charge>,
    sites: Sites,
    home: Home,
    /// Somewhere an overdrawn guest is stopped.
    has_checks: bool,
    has_sized: bool,
    has_branch_to_end: bool,
}

/// Gives the rewritten function, and which of its branches are hardly ever or nearly always taken.
pub(super) fn rewrite(
    body: &FunctionBody<'_>,
    index: u32,
    facts: &FunctionFacts,
    is_small: bool,
    plan: &Plan<'_>,
) -> Result<(Function, Vec<BranchHint>), BinaryReaderError> {
    let survey = survey(body, facts, is_small, plan)?;
    let (locals, scratch) = locals(body, facts, &survey)?;
    let form = if survey.sites.len() > JUMPS_MAX { Form::Select } else { Form::Branch };
    let mut writer = Writer {
        function: Function::new(locals),
        hints: Vec::new(),
        plan,
        index,
        facts,
        scratch,
        survey: &survey,
        is_small,
        form,
        charged: 0,
        stale: false,
        depth: 0,
        wraps: 0,
    };
    writer.enter();
    let bytes = body.as_bytes();
    let mut walk = Walk::new(body, facts.type_index, plan.admitted)?;
    while let Some(step) = walk.next()? {
        if step.last {
            writer.leave(&step);
        } else if step.alive {
            writer.operator(&step, &bytes[step.bytes.clone()]);
        }
    }
    Ok((writer.function, writer.hints))
}

fn survey(
    body: &FunctionBody<'_>,
    facts: &FunctionFacts,
    is_small: bool,
    plan: &Plan<'_>,
) -> Result<Survey, BinaryReaderError> {
    let begin = || Walk::new(body, facts.type_index, plan.admitted);
    let mut regions = Regions::new();
    let mut has_arithmetic = false;
    let mut walk = begin()?;
    while let Some(step) = walk.next()? {
        if step.alive {
            regions.step(&step);
            has_arithmetic |= nan::made_by(&step.op).is_some();
        }
    }
    let params = plan.admitted.function_type(facts.type_index).map_or(0, |ty| ty.params().len());
    let sites = if has_arithmetic {
        let webs = Webs::find(begin, &local_types(body, facts, plan)?, params)?;
        observe::sites(begin, &webs)?
    } else {
        Sites::new()
    };
    // Loops are where a local is faster than memory; to be exact everywhere, fuel stays in the global.
    let is_local = regions.has_loop && plan.flush == Flush::AtCalls;
    Ok(Survey {
        sites,
        home: if is_local { Home::Local } else { Home::Global },
        has_checks: !is_small || regions.has_loop || regions.has_sized,
        has_sized: regions.has_sized,
        has_branch_to_end: regions.has_branch_to_end,
        charges: regions.into_charges(),
    })
}

/// The types of parameters and locals.
fn local_types(
    body: &FunctionBody<'_>,
    facts: &FunctionFacts,
    plan: &Plan<'_>,
) -> Result<Vec<wasmparser::ValType>, BinaryReaderError> {
    let mut types =
        plan.admitted.function_type(facts.type_index).map_or(Vec::new(), |ty| ty.params().to_vec());
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        // Admission bounds how many there are.
        types.extend((0..count).map(|_| ty));
    }
    Ok(types)
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
    let shaped = |wanted: &[Shape]| survey.sites.values().any(|shape| wanted.contains(shape));
    let scratch = Scratch {
        fuel: add(true, ValType::I64),
        stack: add(true, ValType::I32),
        size: add(survey.has_sized, ValType::I32),
        f32: add(shaped(&[Shape::F32]), ValType::F32),
        f64: add(shaped(&[Shape::F64]), ValType::F64),
        v128: add(shaped(&[Shape::F32x4, Shape::F64x2]), ValType::V128),
    };
    Ok((locals, scratch))
}

struct Writer<'a> {
    function: Function,
    hints: Vec<BranchHint>,
    plan: &'a Plan<'a>,
    /// The function's index.
    index: u32,
    facts: &'a FunctionFacts,
    scratch: Scratch,
    survey: &'a Survey,
    is_small: bool,
    form: Form,
    /// Charges written.
    charged: usize,
    /// The local doesn't hold the fuel: a call has changed the global since.
    stale: bool,
    /// The guest's constructs that are open here, its body not counted.
    depth: u32,
    /// Blocks of ours around the guest's body.
    wraps: u32,
}

impl Writer<'_> {
    fn code(&mut self) -> InstructionSink<'_> {
        self.function.instructions()
    }

    /// Marks the next instruction, a branch, as nearly always or hardly ever taken.
    fn hint(&mut self, taken: bool) {
        let offset = u32::try_from(self.function.byte_len()).unwrap_or(u32::MAX);
        self.hints.push(BranchHint { branch_func_offset: offset, branch_hint_value: u32::from(taken) });
    }

    /// The function's beginning: a block to leave when fuel has run out, fuel, the stack, and a block that stands for
    /// the guest's body, so that branches to its end arrive where fuel is handed over.
    fn enter(&mut self) {
        if self.survey.has_checks {
            self.code().block(BlockType::Empty);
            self.wraps += 1;
        }
        // In the beginning the global has the count.
        self.stale = self.survey.home == Home::Local;
        self.call_hook(ENTERED);
        let (charge, is_small) = (self.survey.charges.first().copied(), self.is_small);
        if let Some(charge) = charge {
            self.charged = 1;
            self.charge(charge.fuel, !is_small);
        }
        if !is_small {
            self.take_frame();
        }
        if self.survey.has_checks || self.survey.home == Home::Local || self.plan.hooks.is_some() {
            let block = self.plan.result_block(self.facts.type_index);
            self.code().block(block);
            self.wraps += 1;
        }
    }

    /// Tells the host that this function is entered or left, where the module is profiled.
    fn call_hook(&mut self, which: i32) {
        if let Some(hooks) = self.plan.hooks {
            let function = self.index.cast_signed();
            self.code().i32_const(function).i32_const(which).call_indirect(hooks.table, hooks.type_index);
        }
    }

    /// Counts the frame; stops the guest when there is no room for it.
    fn take_frame(&mut self) {
        let (stack, stack_global, frame) = (self.scratch.stack, self.plan.stack, self.frame());
        self.code()
            .global_get(stack_global)
            .i32_const(frame)
            .i32_sub()
            .local_tee(stack)
            .i32_const(0)
            .i32_lt_s();
        self.hint(false);
        self.code().if_(BlockType::Empty);
        self.publish_fuel();
        self.code().i32_const(STACK_EXHAUSTED).global_set(stack_global).unreachable().end();
    }

    /// Counted bytes of the frame. Admission bounds each part of it; one that still doesn't fit never does.
    fn frame(&self) -> i32 {
        let bytes = frame_bytes(self.facts.slots, self.facts.operands_max, self.facts.operators);
        i32::try_from(bytes).unwrap_or(i32::MAX)
    }

    /// The function's end, reached by falling through or by a branch to the body's block.
    fn leave(&mut self, step: &Step<'_>) {
        self.charge_region(step.index);
        if self.wraps == 0 {
            self.code().end();
            return;
        }
        // Branches arrive with the fuel in the local.
        let published = self.stale && !self.survey.has_branch_to_end;
        if !published {
            self.freshen();
        }
        self.code().end();
        if !published {
            self.publish_fuel();
        }
        self.call_hook(LEFT);
        if self.survey.has_checks {
            // Here, at the end and out of the way, an overdrawn guest is stopped. A trap, not a call: a call would
            // cost registers in every loop.
            let fuel_global = self.plan.fuel;
            self.code().return_().end().i64_const(-1).global_set(fuel_global).unreachable();
        }
        self.code().end();
    }

    fn operator(&mut self, step: &Step<'_>, raw: &[u8]) {
        self.charge_region(step.index);
        if let Some(variable) = cost::variable(&step.op) {
            self.charge_size(variable);
        }
        match step.op {
            Op::Call { function_index } => self.before_call(!self.plan.is_uncounted(function_index)),
            Op::CallIndirect { .. } => self.before_call(true),
            Op::ReturnCall { .. } | Op::ReturnCallIndirect { .. } => {
                self.before_return_call();
                self.call_hook(LEFT);
            }
            Op::Return => {
                if !self.stale {
                    self.publish_fuel();
                }
                self.call_hook(LEFT);
            }
            Op::Unreachable if !self.stale => self.publish_fuel(),
            Op::Loop { .. }
            | Op::If { .. }
            | Op::Else
            | Op::End
            | Op::Br { .. }
            | Op::BrIf { .. }
            | Op::BrTable { .. } => self.freshen(),
            _ => {}
        }
        self.function.raw(raw.iter().copied());
        match step.op {
            Op::Call { .. } | Op::CallIndirect { .. } => self.stale = self.survey.home == Home::Local,
            Op::Block { .. } | Op::Loop { .. } | Op::If { .. } => self.depth += 1,
            Op::End => {
                self.depth -= 1;
                self.stale = false;
            }
            Op::Else => self.stale = false,
            _ => {}
        }
        if let Some(shape) = self.survey.sites.get(&step.index) {
            self.canonicalise(*shape);
        }
    }

    /// Hands over the fuel, and what the callee may use of the stack; nothing is to be restored afterwards.
    fn before_call(&mut self, is_counted: bool) {
        if !self.stale {
            self.publish_fuel();
        }
        if is_counted {
            let (stack, stack_global) = (self.scratch.stack, self.plan.stack);
            self.code().local_get(stack).global_set(stack_global);
        }
    }

    /// Hands over the fuel, and the stack without one's own frame, which is gone before the callee's comes.
    fn before_return_call(&mut self) {
        if !self.stale {
            self.publish_fuel();
        }
        let (stack, stack_global, frame) = (self.scratch.stack, self.plan.stack, self.frame());
        self.code().local_get(stack).i32_const(frame).i32_add().global_set(stack_global);
    }

    fn canonicalise(&mut self, shape: Shape) {
        let scratch = match shape {
            Shape::F32 => self.scratch.f32,
            Shape::F64 => self.scratch.f64,
            Shape::F32x4 | Shape::F64x2 => self.scratch.v128,
        };
        let form = self.form;
        if nan::canonicalise(&mut self.code(), shape, scratch, form) == Canonicalised::Jump {
            self.hint(true);
            self.code().br_if(0);
            nan::after_jump(&mut self.code(), shape, scratch);
        }
    }

    /// Charges for the region that begins before the operator at `index`, if one does.
    fn charge_region(&mut self, index: u32) {
        if let Some(charge) = self.survey.charges.get(self.charged).filter(|charge| charge.at == index) {
            self.charged += 1;
            self.charge(charge.fuel, charge.is_loop);
        }
    }

    fn charge(&mut self, amount: u64, check: bool) {
        // A body has at most 2^21 bytes and no operator costs more than 2^10.
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        self.get_fuel();
        self.code().i64_const(amount).i64_sub();
        self.settle(check);
    }

    /// Charges in proportion to the operand on top of the stack, and leaves it there.
    fn charge_size(&mut self, variable: cost::Variable) {
        let size = self.scratch.size;
        let shift = i64::from(variable.count_shift);
        self.code().local_set(size);
        self.get_fuel();
        // Unsigned, in 64 bits, rounded down: the operator's fixed cost covers the remainder.
        let mut code = self.code();
        code.local_get(size);
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

    fn get_fuel(&mut self) {
        let (fuel, fuel_global) = (self.scratch.fuel, self.plan.fuel);
        if self.survey.home == Home::Local && !self.stale {
            self.code().local_get(fuel);
        } else {
            self.code().global_get(fuel_global);
        }
    }

    /// Takes the new amount of fuel from the stack; stops the guest if it is overdrawn and that is asked.
    fn settle(&mut self, check: bool) {
        let (fuel, fuel_global) = (self.scratch.fuel, self.plan.fuel);
        self.stale = false;
        match (self.survey.home, check) {
            (Home::Local, true) => self.code().local_tee(fuel),
            (Home::Local, false) => self.code().local_set(fuel),
            (Home::Global, true) => self.code().local_tee(fuel).global_set(fuel_global).local_get(fuel),
            (Home::Global, false) => self.code().global_set(fuel_global),
        };
        if check {
            self.code().i64_const(0).i64_lt_s();
            self.hint(false);
            let out = self.depth + self.wraps - 1;
            self.code().br_if(out);
        }
    }

    /// Makes sure that the local holds the fuel, where paths meet.
    fn freshen(&mut self) {
        if self.stale {
            let (fuel, fuel_global) = (self.scratch.fuel, self.plan.fuel);
            self.code().global_get(fuel_global).local_set(fuel);
            self.stale = false;
        }
    }

    /// Brings the global up to date.
    fn publish_fuel(&mut self) {
        if self.survey.home == Home::Local {
            let (fuel, fuel_global) = (self.scratch.fuel, self.plan.fuel);
            self.code().local_get(fuel).global_set(fuel_global);
        }
    }
}
