//! Canonical NaNs: a NaN that arithmetic made has one bit pattern on every machine.
//!
//! The specification leaves the sign and payload of such a NaN open, and CPUs differ in it. Bits that are
//! only moved (loads, constants, locals, `abs`, `neg`, `copysign`, `pmin`, `pmax`) keep their payload, as
//! the specification says, so that programs which box values in NaNs work.
//!
//! This version canonicalises after each operator that may make a NaN. A value observed nowhere in between
//! is the same either way, so doing it later is a matter of speed and never of results.

use wasm_encoder::{Ieee32, Ieee64, InstructionSink};
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

/// Replaces the value on top of the stack by the canonical NaN if it is a NaN, lane by lane.
pub(super) fn canonicalise(code: &mut InstructionSink<'_>, shape: Shape, scratch: u32) {
    code.local_tee(scratch);
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
