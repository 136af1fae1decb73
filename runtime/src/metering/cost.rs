//! What operators cost: the table of the profile `lilypad-1`.
//!
//! One fuel is one simple instruction: 0.07 ns in the middle of ordinary code, 0.27 ns where each waits for the
//! one before (a current x86-64 at 3.7 GHz). What leaves no instruction behind is free: operators that only shape
//! control flow or the operand stack, reading locals, constants. `cargo bench -p lilypad-runtime --bench calibrate` is
//! where the figures come from; each stands between what its operator takes alone and in company, nearer to the
//! former. No figure covers loads that miss every cache. A released table never changes.

use crate::profile::{PAGES_MAX, TABLE_ELEMENTS_MAX};
use wasmparser::Operator as Op;

/// Version of this table; part of what a profile's name promises.
pub const COST_TABLE_VERSION: u32 = 1;

/// Entering a function: the frame, and saving and restoring registers.
pub(super) const FUNCTION_ENTRY: u64 = 6;

/// A cost in proportion to the operand on top of the stack: `fuel` for every `1 << count_shift` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variable {
    /// Most units charged for: an operator that is asked for more does nothing and fails.
    pub(super) count_max: u32,
    /// Logarithm of the units that one step covers.
    pub(super) count_shift: u32,
    /// Fuel of one step.
    pub(super) fuel: i64,
}

/// Costs that depend on an operand. Each of these operators has its size as topmost operand.
///
/// Sizes that would trap are charged in full: what is asked for is what is paid for.
pub(super) const fn variable(op: &Op<'_>) -> Option<Variable> {
    let (count_max, count_shift, fuel) = match op {
        // Copied or written at eight bytes for one fuel.
        Op::MemoryCopy { .. } | Op::MemoryFill { .. } | Op::MemoryInit { .. } => (u32::MAX, 3, 1),
        Op::TableCopy { .. } | Op::TableFill { .. } | Op::TableInit { .. } => (u32::MAX, 0, 8),
        // A page is mapped and zeroed by the host when it is touched, sixteen faults of the system's.
        Op::MemoryGrow { .. } => (PAGES_MAX, 0, 131_072),
        Op::TableGrow { .. } => (TABLE_ELEMENTS_MAX, 0, 8),
        _ => return None,
    };
    Some(Variable { count_max, count_shift, fuel })
}

/// The fixed cost of an operator.
pub(super) const fn fixed(op: &Op<'_>) -> u64 {
    match op {
        // They shape control flow or the operand stack, and leave no instruction behind.
        Op::Nop | Op::Block { .. } | Op::Else | Op::End | Op::Drop | Op::Br { .. } | Op::Return => 0,
        // Registers, and parts of other instructions. An assignment is a move where registers don't suffice.
        Op::LocalGet { .. } => 0,
        Op::LocalSet { .. } | Op::LocalTee { .. } => 1,
        Op::I32Const { .. } | Op::I64Const { .. } | Op::F32Const { .. } | Op::F64Const { .. } => 0,

        // The check at a loop's head; also what makes an empty loop cost something.
        Op::Loop { .. } => 1,
        // A jump that is hard to foresee.
        Op::BrTable { .. } => 6,
        // With the function's entry: passing what it needs, and coming back.
        Op::Call { .. } | Op::ReturnCall { .. } => 10,
        Op::CallIndirect { .. } | Op::ReturnCallIndirect { .. } => 14,

        // From the first-level cache; what isn't there takes longer, and ordinary code waits for it too.
        op if is_load(op) => 3,
        // A truth value that is more than a branch's condition.
        Op::I32Eqz | Op::I32Eq | Op::I32Ne | Op::I32LtS | Op::I32LtU | Op::I32GtS | Op::I32GtU => 3,
        Op::I32LeS | Op::I32LeU | Op::I32GeS | Op::I32GeU => 3,
        Op::I64Eqz | Op::I64Eq | Op::I64Ne | Op::I64LtS | Op::I64LtU | Op::I64GtS | Op::I64GtU => 3,
        Op::I64LeS | Op::I64LeU | Op::I64GeS | Op::I64GeU => 3,
        Op::Select | Op::TypedSelect { .. } => 2,
        Op::I32Clz | Op::I32Ctz | Op::I32Popcnt | Op::I64Clz | Op::I64Ctz | Op::I64Popcnt => 2,
        Op::I32Mul | Op::I64Mul => 4,
        Op::I32DivS | Op::I32DivU | Op::I32RemS | Op::I32RemU => 15,
        Op::I64DivS | Op::I64DivU | Op::I64RemS | Op::I64RemU => 18,

        Op::F32Add | Op::F32Sub | Op::F32Mul | Op::F64Add | Op::F64Sub | Op::F64Mul => 3,
        Op::F32Eq | Op::F32Ne | Op::F32Lt | Op::F32Gt | Op::F32Le | Op::F32Ge => 4,
        Op::F64Eq | Op::F64Ne | Op::F64Lt | Op::F64Gt | Op::F64Le | Op::F64Ge => 4,
        Op::F32Abs | Op::F32Neg | Op::F32Copysign | Op::F64Abs | Op::F64Neg | Op::F64Copysign => 4,
        Op::F32Min | Op::F32Max | Op::F64Min | Op::F64Max => 5,
        Op::F32Div | Op::F64Div => 14,
        Op::F32Sqrt | Op::F64Sqrt => 22,
        Op::F32Ceil | Op::F32Floor | Op::F32Trunc | Op::F32Nearest => 7,
        Op::F64Ceil | Op::F64Floor | Op::F64Trunc | Op::F64Nearest => 7,
        // Between the two kinds of registers.
        Op::F32DemoteF64 | Op::F64PromoteF32 => 5,
        Op::I32ReinterpretF32 | Op::I64ReinterpretF64 | Op::F32ReinterpretI32 | Op::F64ReinterpretI64 => 5,
        Op::F32ConvertI32S | Op::F32ConvertI32U | Op::F32ConvertI64S | Op::F32ConvertI64U => 8,
        Op::F64ConvertI32S | Op::F64ConvertI32U | Op::F64ConvertI64S | Op::F64ConvertI64U => 8,
        Op::I32TruncF32S | Op::I32TruncF32U | Op::I32TruncF64S | Op::I32TruncF64U => 8,
        Op::I64TruncF32S | Op::I64TruncF32U | Op::I64TruncF64S | Op::I64TruncF64U => 8,
        Op::I32TruncSatF32S | Op::I32TruncSatF32U | Op::I32TruncSatF64S | Op::I32TruncSatF64U => 8,
        Op::I64TruncSatF32S | Op::I64TruncSatF32U | Op::I64TruncSatF64S | Op::I64TruncSatF64U => 8,

        // Calls into the engine.
        Op::MemoryGrow { .. } | Op::TableGrow { .. } => 500,
        // Writing nothing to a page that nobody has touched takes a processor long.
        Op::MemoryFill { .. } => 100,
        Op::MemoryCopy { .. } | Op::MemoryInit { .. } => 30,
        Op::TableCopy { .. } | Op::TableFill { .. } | Op::TableInit { .. } => 60,
        Op::DataDrop { .. } | Op::ElemDrop { .. } => 40,
        Op::TableGet { .. } | Op::TableSet { .. } => 11,
        Op::RefFunc { .. } => 200,

        op => vector(op),
    }
}

/// What handing over values costs, of operators that call, begin, end or leave something: a move for each beyond two,
/// which pass in registers.
pub(super) fn handed_over(op: &Op<'_>, (taken, given): (u32, u32)) -> u64 {
    match op {
        Op::Block { .. } | Op::Loop { .. } | Op::If { .. } | Op::Else | Op::End | Op::Return => {}
        Op::Br { .. } | Op::BrIf { .. } | Op::BrTable { .. } => {}
        Op::Call { .. } | Op::CallIndirect { .. } => {}
        Op::ReturnCall { .. } | Op::ReturnCallIndirect { .. } => {}
        _ => return 0,
    }
    u64::from(taken.max(given)).saturating_sub(2)
}

/// Loads of single values. Those of vectors, lanes included, are in [`vector`].
const fn is_load(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::I32Load { .. }
            | Op::I64Load { .. }
            | Op::F32Load { .. }
            | Op::F64Load { .. }
            | Op::I32Load8S { .. }
            | Op::I32Load8U { .. }
            | Op::I32Load16S { .. }
            | Op::I32Load16U { .. }
            | Op::I64Load8S { .. }
            | Op::I64Load8U { .. }
            | Op::I64Load16S { .. }
            | Op::I64Load16U { .. }
            | Op::I64Load32S { .. }
            | Op::I64Load32U { .. }
    )
}

/// The fixed cost of an operator over vectors, and of all that is left: one simple instruction or a few at once.
const fn vector(op: &Op<'_>) -> u64 {
    match op {
        Op::V128Load { .. } | Op::V128Load32Zero { .. } | Op::V128Load64Zero { .. } => 3,
        Op::V128Load8x8S { .. } | Op::V128Load8x8U { .. } | Op::V128Load16x4S { .. } => 3,
        Op::V128Load16x4U { .. } | Op::V128Load32x2S { .. } | Op::V128Load32x2U { .. } => 3,
        Op::V128Load8Splat { .. } | Op::V128Load16Splat { .. } => 3,
        Op::V128Load32Splat { .. } | Op::V128Load64Splat { .. } => 3,
        Op::V128Load8Lane { .. } | Op::V128Load16Lane { .. } => 5,
        Op::V128Load32Lane { .. } | Op::V128Load64Lane { .. } => 5,

        Op::F32x4Add | Op::F32x4Sub | Op::F32x4Mul | Op::F64x2Add | Op::F64x2Sub | Op::F64x2Mul => 3,
        Op::F32x4Min | Op::F32x4Max | Op::F64x2Min | Op::F64x2Max => 10,
        Op::F32x4Div | Op::F64x2Div => 15,
        Op::F32x4Sqrt | Op::F64x2Sqrt => 26,
        Op::F32x4Ceil | Op::F32x4Floor | Op::F32x4Trunc | Op::F32x4Nearest => 7,
        Op::F64x2Ceil | Op::F64x2Floor | Op::F64x2Trunc | Op::F64x2Nearest => 7,
        Op::F32x4DemoteF64x2Zero | Op::F64x2PromoteLowF32x4 => 5,
        Op::F32x4ConvertI32x4S | Op::F64x2ConvertLowI32x4S => 4,
        Op::F32x4ConvertI32x4U | Op::F64x2ConvertLowI32x4U => 5,
        Op::I32x4TruncSatF32x4S | Op::I32x4TruncSatF32x4U => 13,
        Op::I32x4TruncSatF64x2SZero | Op::I32x4TruncSatF64x2UZero => 13,

        Op::I16x8Mul | Op::I32x4Mul | Op::I64x2Mul | Op::I32x4DotI16x8S | Op::I16x8Q15MulrSatS => 5,
        Op::I16x8ExtMulLowI8x16S | Op::I16x8ExtMulLowI8x16U | Op::I16x8ExtMulHighI8x16S => 5,
        Op::I16x8ExtMulHighI8x16U | Op::I32x4ExtMulLowI16x8S | Op::I32x4ExtMulLowI16x8U => 5,
        Op::I32x4ExtMulHighI16x8S | Op::I32x4ExtMulHighI16x8U | Op::I64x2ExtMulLowI32x4S => 5,
        Op::I64x2ExtMulLowI32x4U | Op::I64x2ExtMulHighI32x4S | Op::I64x2ExtMulHighI32x4U => 5,
        Op::I8x16Shl | Op::I8x16ShrS | Op::I8x16ShrU | Op::I64x2ShrS => 6,
        Op::I16x8Shl | Op::I16x8ShrS | Op::I16x8ShrU | Op::I32x4Shl | Op::I32x4ShrS => 3,
        Op::I32x4ShrU | Op::I64x2Shl | Op::I64x2ShrU => 3,
        Op::I8x16Shuffle { .. } | Op::I8x16Swizzle | Op::I8x16Popcnt => 4,
        // Between the two kinds of registers.
        Op::I8x16Splat | Op::I16x8Splat | Op::I32x4Splat | Op::I64x2Splat => 5,
        Op::I8x16ExtractLaneS { .. } | Op::I8x16ExtractLaneU { .. } | Op::I16x8ExtractLaneS { .. } => 5,
        Op::I16x8ExtractLaneU { .. } | Op::I32x4ExtractLane { .. } | Op::I64x2ExtractLane { .. } => 5,
        Op::I8x16ReplaceLane { .. } | Op::I16x8ReplaceLane { .. } => 5,
        Op::I32x4ReplaceLane { .. } | Op::I64x2ReplaceLane { .. } => 5,
        Op::I8x16Bitmask | Op::I16x8Bitmask | Op::I32x4Bitmask | Op::I64x2Bitmask => 5,
        Op::V128AnyTrue | Op::I8x16AllTrue | Op::I16x8AllTrue | Op::I32x4AllTrue | Op::I64x2AllTrue => 8,
        // Several instructions each.
        Op::I16x8ExtAddPairwiseI8x16S | Op::I16x8ExtAddPairwiseI8x16U => 4,
        Op::I32x4ExtAddPairwiseI16x8S | Op::I32x4ExtAddPairwiseI16x8U => 4,
        Op::I64x2Abs | Op::I64x2GtS | Op::I64x2GeS | Op::I64x2LtS | Op::I64x2LeS | Op::V128Bitselect => 2,
        Op::I16x8ExtendLowI8x16S | Op::I16x8ExtendLowI8x16U | Op::I16x8ExtendHighI8x16S => 2,
        Op::I16x8ExtendHighI8x16U | Op::I32x4ExtendLowI16x8S | Op::I32x4ExtendLowI16x8U => 2,
        Op::I32x4ExtendHighI16x8S | Op::I32x4ExtendHighI16x8U | Op::I64x2ExtendLowI32x4S => 2,
        Op::I64x2ExtendLowI32x4U | Op::I64x2ExtendHighI32x4S | Op::I64x2ExtendHighI32x4U => 2,
        Op::I8x16NarrowI16x8S | Op::I8x16NarrowI16x8U => 2,
        Op::I16x8NarrowI32x4S | Op::I16x8NarrowI32x4U => 2,
        Op::I8x16AvgrU | Op::I16x8AvgrU => 2,
        Op::F32x4PMin | Op::F32x4PMax | Op::F64x2PMin | Op::F64x2PMax => 2,
        Op::F32x4Eq | Op::F32x4Ne | Op::F32x4Lt | Op::F32x4Gt | Op::F32x4Le | Op::F32x4Ge => 2,
        Op::F64x2Eq | Op::F64x2Ne | Op::F64x2Lt | Op::F64x2Gt | Op::F64x2Le | Op::F64x2Ge => 2,

        // Everything else is one simple instruction or a few at once.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_of_a_loop_with_work_costs() {
        let ty = wasmparser::BlockType::Empty;
        assert_eq!(fixed(&Op::Loop { blockty: ty }), 1);
        assert_eq!(fixed(&Op::Block { blockty: ty }), 0);
        assert_eq!(fixed(&Op::I32Add), 1);
        assert!(fixed(&Op::I64DivU) > fixed(&Op::I64Mul));
    }

    #[test]
    fn the_dearest_charge_stays_far_from_overflow() {
        let grow = variable(&Op::MemoryGrow { mem: 0 }).unwrap();
        assert!(grow.fuel * i64::from(grow.count_max) < 1 << 40);
        let copy = variable(&Op::TableCopy { dst_table: 0, src_table: 0 }).unwrap();
        assert!(copy.fuel * i64::from(copy.count_max) < 1 << 40);
    }
}
