//! What calls take and give.
//!
//! A NaN that a test leaves open must be the positive canonical one: the profile leaves nothing open.

use wasmtime::Val;
use wast::{
    WastArg, WastRet,
    core::{NanPattern, V128Pattern, WastArgCore, WastRetCore},
};

/// An argument; nothing for a value of a type that the profile doesn't accept.
pub(crate) fn argument(arg: &WastArg<'_>) -> Option<Val> {
    let WastArg::Core(arg) = arg else { return None };
    Some(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes()).into()),
        WastArgCore::RefNull(_) => Val::FuncRef(None),
        _ => return None,
    })
}

/// Whether a result is what is expected; after a negation, an open NaN may have either sign.
pub(crate) fn is(actual: &Val, expected: &WastRet<'_>, negates: bool) -> bool {
    let WastRet::Core(expected) = expected else { return false };
    Open { negates }.core(actual, expected)
}

/// What is left open of a NaN.
#[derive(Clone, Copy)]
struct Open {
    negates: bool,
}

impl Open {
    fn core(self, actual: &Val, expected: &WastRetCore<'_>) -> bool {
        match (actual, expected) {
            (actual, WastRetCore::Either(any)) => any.iter().any(|expected| self.core(actual, expected)),
            (Val::I32(actual), WastRetCore::I32(value)) => actual == value,
            (Val::I64(actual), WastRetCore::I64(value)) => actual == value,
            (Val::F32(actual), WastRetCore::F32(pattern)) => self.single(*actual, pattern),
            (Val::F64(actual), WastRetCore::F64(pattern)) => self.double(*actual, pattern),
            (Val::V128(actual), WastRetCore::V128(pattern)) => {
                self.vector(actual.as_u128().to_le_bytes(), pattern)
            }
            (Val::FuncRef(actual), WastRetCore::RefNull(_)) => actual.is_none(),
            (Val::FuncRef(actual), WastRetCore::RefFunc(_)) => actual.is_some(),
            _ => false,
        }
    }

    fn single(self, bits: u32, pattern: &NanPattern<wast::token::F32>) -> bool {
        match pattern {
            NanPattern::Value(value) => value.bits == bits,
            NanPattern::CanonicalNan | NanPattern::ArithmeticNan => {
                bits == 0x7fc0_0000 || self.negates && bits == 0xffc0_0000
            }
        }
    }

    fn double(self, bits: u64, pattern: &NanPattern<wast::token::F64>) -> bool {
        match pattern {
            NanPattern::Value(value) => value.bits == bits,
            NanPattern::CanonicalNan | NanPattern::ArithmeticNan => {
                bits == 0x7ff8_0000_0000_0000 || self.negates && bits == 0xfff8_0000_0000_0000
            }
        }
    }

    fn vector(self, bytes: [u8; 16], pattern: &V128Pattern) -> bool {
        let words = |n: usize| bytes.chunks_exact(n);
        match pattern {
            V128Pattern::I8x16(lanes) => bytes == lanes.map(i8::cast_unsigned),
            V128Pattern::I16x8(lanes) => words(2).zip(lanes).all(|(word, lane)| word == lane.to_le_bytes()),
            V128Pattern::I32x4(lanes) => words(4).zip(lanes).all(|(word, lane)| word == lane.to_le_bytes()),
            V128Pattern::I64x2(lanes) => words(8).zip(lanes).all(|(word, lane)| word == lane.to_le_bytes()),
            V128Pattern::F32x4(lanes) => words(4)
                .zip(lanes)
                .all(|(word, lane)| self.single(u32::from_le_bytes(word.try_into().unwrap()), lane)),
            V128Pattern::F64x2(lanes) => words(8)
                .zip(lanes)
                .all(|(word, lane)| self.double(u64::from_le_bytes(word.try_into().unwrap()), lane)),
        }
    }
}
