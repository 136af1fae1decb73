//! What operators cost: the table of the profile `lilypad-1`.
//!
//! One fuel is one simple instruction; the classes follow the relative times of current CPUs, and what only
//! shapes control flow is free. The figures are estimates, to be calibrated before release; a released table
//! never changes.

use crate::profile::{PAGES_MAX, TABLE_ELEMENTS_MAX};
use wasmparser::Operator as Op;

/// Version of this table; part of what a profile's name promises.
pub const COST_TABLE_VERSION: u32 = 1;

/// Entering a function: the frame, and saving and restoring registers.
pub(super) const FUNCTION_ENTRY: u64 = 3;

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
        // Copied or written at sixteen bytes for one fuel.
        Op::MemoryCopy { .. } | Op::MemoryFill { .. } | Op::MemoryInit { .. } => (u32::MAX, 4, 1),
        Op::TableCopy { .. } | Op::TableFill { .. } | Op::TableInit { .. } => (u32::MAX, 0, 2),
        // A page must be mapped and zeroed by the host.
        Op::MemoryGrow { .. } => (PAGES_MAX, 0, 4_096),
        Op::TableGrow { .. } => (TABLE_ELEMENTS_MAX, 0, 4),
        _ => return None,
    };
    Some(Variable { count_max, count_shift, fuel })
}

/// The fixed cost of an operator.
pub(super) const fn fixed(op: &Op<'_>) -> u64 {
    match op {
        // They shape control flow or the operand stack, and leave no instruction behind.
        Op::Nop | Op::Block { .. } | Op::Else | Op::End | Op::Drop => 0,

        // The check at a loop's head; also what makes an empty loop cost something.
        Op::Loop { .. } => 1,
        Op::BrTable { .. } => 4,
        Op::Call { .. } => 4,
        Op::CallIndirect { .. } => 10,

        Op::I32DivS | Op::I32DivU | Op::I32RemS | Op::I32RemU => 10,
        Op::I64DivS | Op::I64DivU | Op::I64RemS | Op::I64RemU => 14,
        Op::I32Mul | Op::I64Mul => 2,

        Op::F32Add | Op::F32Sub | Op::F32Mul | Op::F64Add | Op::F64Sub | Op::F64Mul => 3,
        Op::F32Min | Op::F32Max | Op::F64Min | Op::F64Max => 5,
        Op::F32Div | Op::F64Div => 8,
        Op::F32Sqrt | Op::F64Sqrt => 12,
        Op::F32Ceil | Op::F32Floor | Op::F32Trunc | Op::F32Nearest => 4,
        Op::F64Ceil | Op::F64Floor | Op::F64Trunc | Op::F64Nearest => 4,
        Op::F32DemoteF64 | Op::F64PromoteF32 => 3,
        Op::I32TruncF32S | Op::I32TruncF32U | Op::I32TruncF64S | Op::I32TruncF64U => 6,
        Op::I64TruncF32S | Op::I64TruncF32U | Op::I64TruncF64S | Op::I64TruncF64U => 6,
        Op::I32TruncSatF32S | Op::I32TruncSatF32U | Op::I32TruncSatF64S | Op::I32TruncSatF64U => 6,
        Op::I64TruncSatF32S | Op::I64TruncSatF32U | Op::I64TruncSatF64S | Op::I64TruncSatF64U => 6,

        // Calls into the engine.
        Op::MemoryGrow { .. } | Op::TableGrow { .. } => 500,
        Op::MemoryCopy { .. } | Op::MemoryFill { .. } | Op::MemoryInit { .. } => 30,
        Op::TableCopy { .. } | Op::TableFill { .. } | Op::TableInit { .. } => 40,
        Op::DataDrop { .. } | Op::ElemDrop { .. } => 20,
        Op::TableGet { .. } | Op::TableSet { .. } => 6,
        Op::RefFunc { .. } => 20,

        Op::F32x4Add | Op::F32x4Sub | Op::F32x4Mul | Op::F64x2Add | Op::F64x2Sub | Op::F64x2Mul => 5,
        Op::F32x4Min | Op::F32x4Max | Op::F64x2Min | Op::F64x2Max => 8,
        Op::F32x4Div | Op::F64x2Div => 14,
        Op::F32x4Sqrt | Op::F64x2Sqrt => 20,
        Op::F32x4Ceil | Op::F32x4Floor | Op::F32x4Trunc | Op::F32x4Nearest => 6,
        Op::F64x2Ceil | Op::F64x2Floor | Op::F64x2Trunc | Op::F64x2Nearest => 6,
        Op::F32x4DemoteF64x2Zero | Op::F64x2PromoteLowF32x4 => 5,
        Op::I32x4TruncSatF32x4S | Op::I32x4TruncSatF32x4U => 8,
        Op::I32x4TruncSatF64x2SZero | Op::I32x4TruncSatF64x2UZero => 8,
        Op::F32x4ConvertI32x4U | Op::F64x2ConvertLowI32x4U => 6,
        Op::I64x2Mul | Op::I8x16Shl | Op::I8x16ShrS | Op::I8x16ShrU | Op::I64x2ShrS => 5,
        Op::I8x16Shuffle { .. } | Op::I8x16Swizzle | Op::I8x16Popcnt => 4,

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
