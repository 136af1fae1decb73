//! How much a body grows when it is rewritten: upper bounds that admission holds against what engines can take.
//!
//! Engines share a limit on the bytes of a body, and compile in more than linear time in its blocks. A module that
//! no engine compiles would be the host's fault each time somebody runs it, so it isn't admitted. Only counted here.

use super::{cost, nan};
use wasmparser::Operator as Op;

/// Bytes added around every body: entry charge, stack check, the block for the body, the last flush, locals.
pub(crate) const FRAME_BYTES_MAX: u64 = 256;

/// Most bytes that the rewrite adds at this operator, for the largest indices that admission lets through.
///
/// An index takes up to 3 bytes, so reading or writing a local or global takes 4. `holds_float` says whether a local
/// that is read or set may hold a NaN.
pub(crate) const fn added_bytes_max(op: &Op<'_>, holds_float: bool) -> u64 {
    let mut added = 0;
    if ends_block(op) {
        // Take the count, subtract, hand over, compare, leave; freshen.
        added += 48;
    }
    if cost::variable(op).is_some() {
        added += 80;
    }
    if matches!(
        op,
        Op::Call { .. } | Op::CallIndirect { .. } | Op::ReturnCall { .. } | Op::ReturnCallIndirect { .. }
    ) {
        added += 32;
    }
    if matches!(op, Op::Return | Op::Unreachable) {
        added += 8;
    }
    // Branches are written for the first few hundred sites only, but a bound may be generous.
    added
        + match nan::made_by(op) {
            Some(nan::Shape::F32 | nan::Shape::F64) => 48,
            Some(nan::Shape::F32x4 | nan::Shape::F64x2) => 80,
            None if holds_float => 80,
            None => match op {
                Op::Select
                | Op::TypedSelect { .. }
                | Op::F32x4ExtractLane { .. }
                | Op::F64x2ExtractLane { .. }
                | Op::F32x4Splat
                | Op::F64x2Splat => 80,
                _ => 0,
            },
        }
}

/// Whether a region may begin after this operator, or before the next one.
const fn ends_block(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Block { .. }
            | Op::Loop { .. }
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

/// Basic blocks that a compiler makes of this operator once it is rewritten.
pub(crate) const fn blocks(op: &Op<'_>) -> u64 {
    match op {
        // Its head, its end, and the two of the check.
        Op::Loop { .. } => 4,
        Op::If { .. } => 3,
        Op::Block { .. } | Op::BrIf { .. } | Op::BrTable { .. } => 1,
        _ if cost::variable(op).is_some() => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        admission,
        metering::{Flush, rewrite},
    };

    #[test]
    fn no_body_grows_by_more_than_its_bound() {
        for (code, drops) in [
            ("loop end ", 0),
            ("i32.const 1 if else end ", 0),
            ("block i32.const 1 br_if 0 end ", 0),
            ("block i32.const 1 br_table 0 0 end ", 0),
            ("i32.const 1 if return end ", 0),
            ("i32.const 0 memory.grow drop ", 0),
            ("i32.const 0 i32.const 0 i32.const 0 memory.fill ", 0),
            ("call 0 ", 0),
            ("f32.const 1 f32.sqrt drop ", 0),
            ("f64.const 1 f64.const 1 f64.add ", 1),
            ("v128.const i64x2 1 1 f32x4.sqrt drop ", 0),
            ("v128.const i64x2 1 1 f64x2.ceil drop ", 0),
        ] {
            // As many locals and globals as there may be: indices are then at their longest.
            let text = format!(
                "(module {} (memory (export \"memory\") 1) (func (export \"_start\") (local {}) {} {}))",
                "(global i32 (i32.const 0))".repeat(20_000),
                "i64 ".repeat(20_000),
                code.repeat(1_000),
                "drop ".repeat(1_000 * drops),
            );
            let wasm = wat::parse_str(text).unwrap();
            let Ok(admitted) = admission::admit(&wasm) else { panic!("{code} is not admitted") };
            let bound = admission::added_bytes_max(&admitted);
            let longer = rewrite(&wasm, &admitted, Flush::AtRegions).unwrap().len() - wasm.len();
            assert!(
                longer as u64 <= bound,
                "{code}: {longer} bytes more, and at most {bound} bytes were foreseen"
            );
        }
    }
}
