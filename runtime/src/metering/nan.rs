//! Canonical NaNs: a NaN that arithmetic made has one bit pattern on every machine.
//!
//! The specification leaves the sign and payload of such a NaN open, and CPUs differ in it. Bits that are
//! only moved (loads, constants, locals, `abs`, `neg`, `copysign`, `pmin`, `pmax`) keep their payload, as
//! the specification says, so that programs which box values in NaNs work.
//!
//! A value is made canonical where its bits can be seen and not before: `observe.rs` finds where. Here are the
//! operators' properties, and the code that is written.

use wasm_encoder::{BlockType, Ieee32, Ieee64, InstructionSink};
use wasmparser::Operator as Op;

/// The shape of a value that may be a NaN made by arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One single.
    F32,
    /// One double.
    F64,
    /// Four singles.
    F32x4,
    /// Two doubles.
    F64x2,
}

const CANONICAL_F32: u32 = 0x7fc0_0000;
const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

/// The shape of an operator's result, if its bits may differ between machines when it is a NaN.
///
/// Whatever NaN such an operator takes in the shape of [`taken_by`], it gives a NaN: that it was not canonical yet
/// shows nowhere.
pub(super) const fn made_by(op: &Op<'_>) -> Option<Shape> {
    Some(match op {
        Op::F32Add | Op::F32Sub | Op::F32Mul | Op::F32Div | Op::F32Sqrt | Op::F32Min | Op::F32Max => {
            Shape::F32
        }
        Op::F32Ceil | Op::F32Floor | Op::F32Trunc | Op::F32Nearest | Op::F32DemoteF64 => Shape::F32,
        Op::F64Add | Op::F64Sub | Op::F64Mul | Op::F64Div | Op::F64Sqrt | Op::F64Min | Op::F64Max => {
            Shape::F64
        }
        Op::F64Ceil | Op::F64Floor | Op::F64Trunc | Op::F64Nearest | Op::F64PromoteF32 => Shape::F64,
        Op::F32x4Add | Op::F32x4Sub | Op::F32x4Mul | Op::F32x4Div | Op::F32x4Sqrt => Shape::F32x4,
        Op::F32x4Min | Op::F32x4Max | Op::F32x4DemoteF64x2Zero => Shape::F32x4,
        Op::F32x4Ceil | Op::F32x4Floor | Op::F32x4Trunc | Op::F32x4Nearest => Shape::F32x4,
        Op::F64x2Add | Op::F64x2Sub | Op::F64x2Mul | Op::F64x2Div | Op::F64x2Sqrt => Shape::F64x2,
        Op::F64x2Min | Op::F64x2Max | Op::F64x2PromoteLowF32x4 => Shape::F64x2,
        Op::F64x2Ceil | Op::F64x2Floor | Op::F64x2Trunc | Op::F64x2Nearest => Shape::F64x2,
        _ => return None,
    })
}

/// The shape in which an operator looks at its operands as numbers, so that any NaN is as good as another to it.
pub(super) const fn taken_by(op: &Op<'_>) -> Option<Shape> {
    Some(match op {
        Op::F32DemoteF64 => Shape::F64,
        Op::F64PromoteF32 => Shape::F32,
        Op::F32x4DemoteF64x2Zero => Shape::F64x2,
        Op::F64x2PromoteLowF32x4 => Shape::F32x4,
        Op::F32Eq | Op::F32Ne | Op::F32Lt | Op::F32Gt | Op::F32Le | Op::F32Ge => Shape::F32,
        Op::I32TruncF32S | Op::I32TruncF32U | Op::I64TruncF32S | Op::I64TruncF32U => Shape::F32,
        Op::I32TruncSatF32S | Op::I32TruncSatF32U | Op::I64TruncSatF32S | Op::I64TruncSatF32U => Shape::F32,
        Op::F64Eq | Op::F64Ne | Op::F64Lt | Op::F64Gt | Op::F64Le | Op::F64Ge => Shape::F64,
        Op::I32TruncF64S | Op::I32TruncF64U | Op::I64TruncF64S | Op::I64TruncF64U => Shape::F64,
        Op::I32TruncSatF64S | Op::I32TruncSatF64U | Op::I64TruncSatF64S | Op::I64TruncSatF64U => Shape::F64,
        Op::F32x4Eq | Op::F32x4Ne | Op::F32x4Lt | Op::F32x4Gt | Op::F32x4Le | Op::F32x4Ge => Shape::F32x4,
        Op::I32x4TruncSatF32x4S | Op::I32x4TruncSatF32x4U => Shape::F32x4,
        Op::F64x2Eq | Op::F64x2Ne | Op::F64x2Lt | Op::F64x2Gt | Op::F64x2Le | Op::F64x2Ge => Shape::F64x2,
        Op::I32x4TruncSatF64x2SZero | Op::I32x4TruncSatF64x2UZero => Shape::F64x2,
        _ => return made_by(op),
    })
}

/// Whether an operator's result is no NaN, whatever it is given.
pub(super) fn never_nan(op: &Op<'_>) -> bool {
    match op {
        Op::F32Const { value } => !f32::from_bits(value.bits()).is_nan(),
        Op::F64Const { value } => !f64::from_bits(value.bits()).is_nan(),
        Op::V128Const { value } => {
            let bytes = value.bytes();
            let singles = bytes.as_chunks::<4>().0.iter().all(|lane| !f32::from_le_bytes(*lane).is_nan());
            singles && bytes.as_chunks::<8>().0.iter().all(|lane| !f64::from_le_bytes(*lane).is_nan())
        }
        Op::F32ConvertI32S | Op::F32ConvertI32U | Op::F32ConvertI64S | Op::F32ConvertI64U => true,
        Op::F64ConvertI32S | Op::F64ConvertI32U | Op::F64ConvertI64S | Op::F64ConvertI64U => true,
        _ => false,
    }
}

/// How a NaN is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// By a jump that is hardly ever taken: fast, and two more basic blocks.
    Branch,
    /// By a selection: in the way of every value, but no basic block.
    Select,
}

/// Replaces the value on top of the stack by the canonical NaN if it is a NaN, lane by lane.
///
/// Gives the place of the jump, if there is one, which is nearly always taken.
pub(super) fn canonicalise(
    code: &mut InstructionSink<'_>,
    shape: Shape,
    scratch: u32,
    form: Form,
) -> Canonicalised {
    match form {
        Form::Select => {
            code.local_tee(scratch);
            select(code, shape, scratch);
            Canonicalised::Done
        }
        Form::Branch => {
            code.local_set(scratch).block(BlockType::Empty);
            compare(code, shape, scratch);
            Canonicalised::Jump
        }
    }
}

/// Whether the code is complete, or waits for its jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Canonicalised {
    /// Nothing more to do.
    Done,
    /// The caller writes `br_if 0` next, and then [`after_jump`].
    Jump,
}

/// What follows the jump: the NaN's replacement, and the value back on the stack.
pub(super) fn after_jump(code: &mut InstructionSink<'_>, shape: Shape, scratch: u32) {
    match shape {
        Shape::F32 => drop(code.f32_const(Ieee32::new(CANONICAL_F32))),
        Shape::F64 => drop(code.f64_const(Ieee64::new(CANONICAL_F64))),
        Shape::F32x4 | Shape::F64x2 => {
            code.local_get(scratch);
            select(code, shape, scratch);
        }
    }
    code.local_set(scratch).end().local_get(scratch);
}

/// Whether there is no NaN. For scalars, at least or at most oneself is one comparison and one jump on current
/// CPUs, where equal to oneself would be two.
fn compare(code: &mut InstructionSink<'_>, shape: Shape, scratch: u32) {
    code.local_get(scratch).local_get(scratch);
    match shape {
        Shape::F32 => code.f32_ge(),
        Shape::F64 => code.f64_ge(),
        Shape::F32x4 => code.f32x4_ne().v128_any_true().i32_eqz(),
        Shape::F64x2 => code.f64x2_ne().v128_any_true().i32_eqz(),
    };
}

/// The value on the stack, which the scratch local holds too, or the canonical NaN.
fn select(code: &mut InstructionSink<'_>, shape: Shape, scratch: u32) {
    match shape {
        Shape::F32 => {
            code.f32_const(Ieee32::new(CANONICAL_F32))
                .local_get(scratch)
                .local_get(scratch)
                .f32_eq()
                .select();
        }
        Shape::F64 => {
            code.f64_const(Ieee64::new(CANONICAL_F64))
                .local_get(scratch)
                .local_get(scratch)
                .f64_eq()
                .select();
        }
        Shape::F32x4 => {
            let lane = u128::from(CANONICAL_F32);
            let nans = lane | lane << 32 | lane << 64 | lane << 96;
            code.v128_const(nans.cast_signed()).local_get(scratch).local_get(scratch).f32x4_eq();
            code.v128_bitselect();
        }
        Shape::F64x2 => {
            let lane = u128::from(CANONICAL_F64);
            let nans = lane | lane << 64;
            code.v128_const(nans.cast_signed()).local_get(scratch).local_get(scratch).f64x2_eq();
            code.v128_bitselect();
        }
    }
}
