//! Operators by what they cost a processor: the unknowns of the fit.
//!
//! Finer than the table where the question is open. Operators that are charged by the size of an operand are measured
//! apart from the fit.

use wasmparser::Operator as Op;

/// The class of an operator; nothing for those that leave no instruction behind.
pub(crate) fn class(op: &Op<'_>) -> Option<&'static str> {
    Some(match op {
        Op::Nop | Op::Block { .. } | Op::Else | Op::End | Op::Drop | Op::Unreachable => return None,
        Op::LocalGet { .. } => "local.get",
        Op::LocalSet { .. } | Op::LocalTee { .. } => "local.set, tee",
        Op::I32Const { .. } | Op::I64Const { .. } | Op::F32Const { .. } | Op::F64Const { .. } => "const",
        Op::GlobalGet { .. } | Op::GlobalSet { .. } => "global",
        Op::Loop { .. } => "loop",
        Op::Br { .. } | Op::Return => "br, return",
        Op::BrIf { .. } | Op::If { .. } => "br_if, if",
        Op::BrTable { .. } => "br_table",
        Op::Call { .. } | Op::ReturnCall { .. } => "call",
        Op::CallIndirect { .. } | Op::ReturnCallIndirect { .. } => "call_indirect",
        Op::Select | Op::TypedSelect { .. } => "select",
        Op::I32Mul | Op::I64Mul => "mul",
        Op::I32DivS | Op::I32DivU | Op::I32RemS | Op::I32RemU => "div32",
        Op::I64DivS | Op::I64DivU | Op::I64RemS | Op::I64RemU => "div64",
        Op::I32Clz | Op::I32Ctz | Op::I32Popcnt | Op::I64Clz | Op::I64Ctz | Op::I64Popcnt => "bits",

        Op::F32Add | Op::F32Sub | Op::F32Mul | Op::F64Add | Op::F64Sub | Op::F64Mul => "float add, mul",
        Op::F32Min | Op::F32Max | Op::F64Min | Op::F64Max => "float min, max",
        Op::F32Div | Op::F64Div => "float div",
        Op::F32Sqrt | Op::F64Sqrt => "float sqrt",
        Op::F32Ceil | Op::F32Floor | Op::F32Trunc | Op::F32Nearest => "float round",
        Op::F64Ceil | Op::F64Floor | Op::F64Trunc | Op::F64Nearest => "float round",
        Op::F32Eq | Op::F32Ne | Op::F32Lt | Op::F32Gt | Op::F32Le | Op::F32Ge => "float compare",
        Op::F64Eq | Op::F64Ne | Op::F64Lt | Op::F64Gt | Op::F64Le | Op::F64Ge => "float compare",
        Op::F32Abs | Op::F32Neg | Op::F32Copysign | Op::F64Abs | Op::F64Neg | Op::F64Copysign => "float sign",
        Op::I32ReinterpretF32 | Op::I64ReinterpretF64 => "reinterpret",
        Op::F32ReinterpretI32 | Op::F64ReinterpretI64 => "reinterpret",
        Op::F32DemoteF64 | Op::F64PromoteF32 => "promote, demote",
        Op::F32ConvertI32S | Op::F32ConvertI32U | Op::F32ConvertI64S | Op::F32ConvertI64U => "convert",
        Op::F64ConvertI32S | Op::F64ConvertI32U | Op::F64ConvertI64S | Op::F64ConvertI64U => "convert",
        Op::I32TruncF32S | Op::I32TruncF32U | Op::I32TruncF64S | Op::I32TruncF64U => "trunc",
        Op::I64TruncF32S | Op::I64TruncF32U | Op::I64TruncF64S | Op::I64TruncF64U => "trunc",
        Op::I32TruncSatF32S | Op::I32TruncSatF32U | Op::I32TruncSatF64S | Op::I32TruncSatF64U => "trunc_sat",
        Op::I64TruncSatF32S | Op::I64TruncSatF32U | Op::I64TruncSatF64S | Op::I64TruncSatF64U => "trunc_sat",

        Op::MemorySize { .. } => "memory.size",
        Op::TableGet { .. } | Op::TableSet { .. } => "table",
        Op::RefFunc { .. } => "ref.func",

        Op::F32x4Add | Op::F32x4Sub | Op::F32x4Mul | Op::F64x2Add | Op::F64x2Sub | Op::F64x2Mul => {
            "vector float add, mul"
        }
        Op::F32x4Min | Op::F32x4Max | Op::F64x2Min | Op::F64x2Max => "vector float min, max",
        Op::F32x4Div | Op::F64x2Div => "vector float div",
        Op::F32x4Sqrt | Op::F64x2Sqrt => "vector float sqrt",
        Op::F32x4Ceil | Op::F32x4Floor | Op::F32x4Trunc | Op::F32x4Nearest => "vector float round",
        Op::F64x2Ceil | Op::F64x2Floor | Op::F64x2Trunc | Op::F64x2Nearest => "vector float round",
        Op::F32x4DemoteF64x2Zero | Op::F64x2PromoteLowF32x4 => "vector promote, demote",
        Op::F32x4ConvertI32x4S | Op::F64x2ConvertLowI32x4S => "vector convert",
        Op::F32x4ConvertI32x4U | Op::F64x2ConvertLowI32x4U => "vector convert unsigned",
        Op::I32x4TruncSatF32x4S | Op::I32x4TruncSatF64x2SZero => "vector trunc_sat",
        Op::I32x4TruncSatF32x4U | Op::I32x4TruncSatF64x2UZero => "vector trunc_sat",
        Op::I64x2Mul => "vector i64 mul",
        Op::I16x8Mul | Op::I32x4Mul | Op::I32x4DotI16x8S | Op::I16x8Q15MulrSatS => "vector mul",
        Op::I8x16Shl | Op::I8x16ShrS | Op::I8x16ShrU | Op::I64x2ShrS => "vector odd shift",
        Op::I8x16Shuffle { .. } | Op::I8x16Swizzle => "vector shuffle",
        Op::I8x16Popcnt => "vector popcnt",
        op if is_vector_load(op) => "load",
        Op::V128Store { .. }
        | Op::V128Store8Lane { .. }
        | Op::V128Store16Lane { .. }
        | Op::V128Store32Lane { .. }
        | Op::V128Store64Lane { .. } => "store",
        op => other(op),
    })
}

/// What an operator's name tells of the rest.
fn other(op: &Op<'_>) -> &'static str {
    let name = format!("{op:?}");
    let name = name.split([' ', '{', '(']).next().unwrap_or_default();
    let vector = ["I8x16", "I16x8", "I32x4", "I64x2", "F32x4", "F64x2", "V128"];
    if vector.iter().any(|shape| name.starts_with(shape)) {
        let crosses = ["Splat", "ExtractLane", "ReplaceLane", "Bitmask", "AllTrue", "AnyTrue"];
        return if crosses.iter().any(|part| name.contains(part)) {
            "vector lanes"
        } else {
            "vector integer"
        };
    }
    let compares = ["Eqz", "Eq", "Ne", "LtS", "LtU", "GtS", "GtU", "LeS", "LeU", "GeS", "GeU"];
    if compares.iter().any(|part| name.strip_prefix("I32").or(name.strip_prefix("I64")) == Some(*part)) {
        "compare"
    } else if name.contains("Load") {
        "load"
    } else if name.contains("Store") {
        "store"
    } else {
        "integer"
    }
}

fn is_vector_load(op: &Op<'_>) -> bool {
    let name = format!("{op:?}");
    name.starts_with("V128Load")
}
