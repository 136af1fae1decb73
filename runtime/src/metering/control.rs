//! A body's operators in order, with what control flow makes of them: nesting, arity, and what is never reached.
//!
//! Code after a branch that is always taken can't run, so it is neither charged nor written. Nothing is decided here.

use crate::admission::Admitted;
use std::ops::Range;
use wasmparser::{
    BinaryReaderError, BlockType, ContType, FrameKind, FuncType, FunctionBody, ModuleArity, Operator as Op,
    OperatorsReader, RefType, SubType,
};

/// One operator of a body.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// Its position among the body's operators, unreachable ones included.
    pub(super) index: u32,
    pub(super) op: Op<'a>,
    /// Its bytes, counted from the beginning of the body.
    pub(super) bytes: Range<usize>,
    /// Whether it can be reached. The `else` and `end` of a construct that can be are, too: they close it.
    pub(super) alive: bool,
    /// Whether control can come to it from the operator before.
    pub(super) falls: bool,
    /// Values it takes and gives.
    pub(super) arity: (u32, u32),
    /// Whether it ends the body.
    pub(super) last: bool,
}

/// A construct that is open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: FrameKind,
    ty: BlockType,
    /// It stands in code that is never reached.
    opened_dead: bool,
    /// What follows in it is never reached.
    dead: bool,
}

/// The constructs that are open, innermost last, and the module's types.
#[derive(Debug)]
pub(super) struct Control<'a> {
    admitted: &'a Admitted,
    frames: Vec<Frame>,
}

impl ModuleArity for Control<'_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.admitted.types.get(usize::try_from(index).ok()?)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, index: u32) -> Option<u32> {
        self.admitted.type_index_of(index)
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        let last = self.frames.len().checked_sub(1)?;
        let frame = self.frames.get(last.checked_sub(usize::try_from(depth).ok()?)?)?;
        Some((frame.ty, frame.kind))
    }
}

/// Reads a body operator by operator.
pub(super) struct Walk<'a> {
    operators: OperatorsReader<'a>,
    base: usize,
    index: u32,
    control: Control<'a>,
}

impl<'a> Walk<'a> {
    /// At the beginning of `body`, a function of type `type_index`.
    pub(super) fn new(
        body: &FunctionBody<'a>,
        type_index: u32,
        admitted: &'a Admitted,
    ) -> Result<Self, BinaryReaderError> {
        let function = Frame {
            kind: FrameKind::Block,
            ty: BlockType::FuncType(type_index),
            opened_dead: false,
            dead: false,
        };
        Ok(Self {
            operators: body.get_operators_reader()?,
            base: body.range().start,
            index: 0,
            control: Control { admitted, frames: vec![function] },
        })
    }

    /// The next operator, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Step<'a>>, BinaryReaderError> {
        if self.operators.eof() {
            return Ok(None);
        }
        let start = self.operators.original_position() - self.base;
        let op = self.operators.read()?;
        let bytes = start..self.operators.original_position() - self.base;
        let last = self.operators.eof();
        // Admission has validated the body: there is an arity for every operator that it lets through.
        let arity = op.operator_arity(&self.control).unwrap_or((0, 0));
        let falls = self.control.frames.last().is_some_and(|top| !top.dead);
        let alive = self.follow(&op);
        let index = self.index;
        self.index += 1;
        Ok(Some(Step { index, op, bytes, alive, falls, arity, last }))
    }

    /// Opens and closes constructs; gives whether the operator can be reached.
    fn follow(&mut self, op: &Op<'_>) -> bool {
        let frames = &mut self.control.frames;
        let Some(top) = frames.last_mut() else { return false };
        let alive = !top.dead;
        let open = |kind, ty| Frame { kind, ty, opened_dead: !alive, dead: !alive };
        match *op {
            Op::Block { blockty } => frames.push(open(FrameKind::Block, blockty)),
            Op::Loop { blockty } => frames.push(open(FrameKind::Loop, blockty)),
            Op::If { blockty } => frames.push(open(FrameKind::If, blockty)),
            Op::Else => {
                top.kind = FrameKind::Else;
                top.dead = top.opened_dead;
                return !top.opened_dead;
            }
            Op::End => {
                let opened_dead = top.opened_dead;
                frames.pop();
                return !opened_dead;
            }
            Op::Br { .. }
            | Op::BrTable { .. }
            | Op::Return
            | Op::Unreachable
            | Op::ReturnCall { .. }
            | Op::ReturnCallIndirect { .. } => top.dead = true,
            _ => {}
        }
        alive
    }
}
