//! NaNs: what arithmetic makes is canonical, what is only moved keeps its bits.

use super::{program, run, shown32, shown64};
use std::fmt::Write as _;

const CANONICAL_32: u32 = 0x7fc0_0000;
const CANONICAL_64: u64 = 0x7ff8_0000_0000_0000;

#[test]
fn arithmetic_on_any_nan_gives_the_canonical_one() {
    for nan in ["nan", "-nan", "nan:0x1", "-nan:0x1", "nan:0x600001", "-nan:0x3fffff"] {
        let mut start = String::new();
        let mut count = 0;
        let nan = format!("(f32.load (i32.const 0)) (; {nan} ;)");
        for op in ["add", "sub", "mul", "div", "min", "max"] {
            for (a, b) in [(&*nan, "(f32.const 1)"), ("(f32.const 1)", &*nan), (&*nan, &*nan)] {
                write!(start, "(call $show32 (i32.reinterpret_f32 (f32.{op} {a} {b})))").unwrap();
                count += 1;
            }
        }
        for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
            write!(start, "(call $show32 (i32.reinterpret_f32 (f32.{op} {nan})))").unwrap();
            count += 1;
        }
        write!(start, "(call $show32 (i32.reinterpret_f32 (f32.demote_f64 (f64.promote_f32 {nan}))))")
            .unwrap();
        let bits = nan.split("(; ").nth(1).and_then(|n| n.split(' ').next()).unwrap();
        let start = format!("(f32.store (i32.const 0) (f32.const {bits})) {start}");
        assert_eq!(shown32("", &start), vec![CANONICAL_32; count + 1], "{bits}");
    }
}

#[test]
fn doubles_likewise() {
    for nan in ["nan", "-nan", "nan:0x1", "-nan:0x4000000000001"] {
        let load = "(f64.load (i32.const 0))";
        let mut start = format!("(f64.store (i32.const 0) (f64.const {nan}))");
        for op in ["add", "sub", "mul", "div", "min", "max"] {
            for (a, b) in [(load, "(f64.const 1)"), ("(f64.const 1)", load), (load, load)] {
                write!(start, "(call $show64 (i64.reinterpret_f64 (f64.{op} {a} {b})))").unwrap();
            }
        }
        for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
            write!(start, "(call $show64 (i64.reinterpret_f64 (f64.{op} {load})))").unwrap();
        }
        write!(start, "(call $show64 (i64.reinterpret_f64 (f64.promote_f32 (f32.demote_f64 {load}))))")
            .unwrap();
        assert_eq!(shown64("", &start), [CANONICAL_64; 24], "{nan}");
    }
}

#[test]
fn nans_out_of_numbers_are_canonical() {
    let start = "(local f32 f64)
        (call $show32 (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 0))))
        (call $show32 (i32.reinterpret_f32 (f32.sqrt (f32.const -1))))
        (call $show32 (i32.reinterpret_f32 (f32.sub (f32.const inf) (f32.const inf))))
        (call $show32 (i32.reinterpret_f32 (f32.mul (f32.const inf) (local.get 0))))
        (call $show32 (i32.reinterpret_f32 (f32.demote_f64 (f64.div (local.get 1) (local.get 1)))))";
    assert_eq!(shown32("", start), [CANONICAL_32; 5]);
}

#[test]
fn moved_bits_stay() {
    // Signalling, negative, with payload: through every operator that only moves.
    let fields =
        "(global $g (mut f32) (f32.const -nan:0x1)) (func $id (param f32) (result f32) (local.get 0))";
    let value = "(f32.load (i32.const 0))";
    let mut start = "(local f32) (i32.store (i32.const 0) (i32.const 0xff800001))".to_owned();
    for moved in [
        value.to_owned(),
        "(f32.const -nan:0x1)".to_owned(),
        "(f32.reinterpret_i32 (i32.const 0xff800001))".to_owned(),
        "(global.get $g)".to_owned(),
        format!("(local.tee 0 {value})"),
        format!("(call $id {value})"),
        format!("(select {value} (f32.const 1) (i32.const 1))"),
        format!("(block (result f32) (br 0 {value}))"),
        format!("(f32.neg (f32.neg {value}))"),
        format!("(f32.neg (f32.abs {value}))"),
        format!("(f32.copysign {value} (f32.const -1))"),
        format!("(f32x4.extract_lane 2 (f32x4.splat {value}))"),
        format!("(f32x4.extract_lane 0 (f32x4.pmin (f32x4.splat {value}) (f32x4.splat (f32.const 1))))"),
        format!("(f32x4.extract_lane 1 (f32x4.neg (f32x4.neg (f32x4.splat {value}))))"),
    ] {
        write!(start, "(call $show32 (i32.reinterpret_f32 {moved}))").unwrap();
    }
    assert_eq!(shown32(fields, &start), [0xff80_0001; 14]);
    let numbers =
        "(f64.store (i32.const 8) (f64.load (i32.const 0))) (call $show64 (i64.load (i32.const 8)))";
    let start = format!("(i64.store (i32.const 0) (i64.const 0x7ff0dead0000beef)) {numbers}");
    assert_eq!(shown64("", &start), [0x7ff0_dead_0000_beef]);
}

#[test]
fn lanes_are_canonical_each_on_its_own() {
    let lanes = "(v128.const f32x4 -nan:0x1 1 nan:0x200 -4)";
    let ones = "(v128.const f32x4 1 1 1 1)";
    for op in ["add", "sub", "mul", "div", "min", "max"] {
        let got = shown32("", &format!("(call $show128 (f32x4.{op} {lanes} {ones}))"));
        assert_eq!((got[0], got[2]), (CANONICAL_32, CANONICAL_32), "{op}");
        assert!(!f32::from_bits(got[1]).is_nan() && !f32::from_bits(got[3]).is_nan(), "{op}: {got:x?}");
    }
    for op in ["ceil", "floor", "trunc", "nearest"] {
        let got = shown32("", &format!("(call $show128 (f32x4.{op} {lanes}))"));
        assert_eq!(got, [CANONICAL_32, 1.0_f32.to_bits(), CANONICAL_32, (-4.0_f32).to_bits()], "{op}");
    }
    let got = shown32("", &format!("(call $show128 (f32x4.sqrt {lanes}))"));
    assert_eq!(got, [CANONICAL_32, 1.0_f32.to_bits(), CANONICAL_32, CANONICAL_32]);
    let pair = "(v128.const f64x2 -nan:0x1 4)";
    for op in ["add", "sub", "mul", "div", "min", "max"] {
        let got = shown64("", &format!("(call $show128 (f64x2.{op} {pair} {pair}))"));
        assert_eq!(got[0], CANONICAL_64, "{op}");
        assert!(!f64::from_bits(got[1]).is_nan(), "{op}");
    }
    for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
        let got = shown64("", &format!("(call $show128 (f64x2.{op} {pair}))"));
        assert_eq!(got[0], CANONICAL_64, "{op}");
    }
    let got = shown32("", &format!("(call $show128 (f32x4.demote_f64x2_zero {pair}))"));
    assert_eq!(got, [CANONICAL_32, 4.0_f32.to_bits(), 0, 0]);
    let got = shown64("", &format!("(call $show128 (f64x2.promote_low_f32x4 {lanes}))"));
    assert_eq!(got, [CANONICAL_64, 1.0_f64.to_bits()]);
}

#[test]
fn signs_of_zero_and_numbers_stay() {
    let start = "(call $show32 (i32.reinterpret_f32 (f32.mul (f32.const -0) (f32.const 1))))
        (call $show32 (i32.reinterpret_f32 (f32.min (f32.const -0) (f32.const 0))))
        (call $show32 (i32.reinterpret_f32 (f32.add (f32.const 1.5) (f32.const 0x1p-149))))
        (call $show32 (i32.reinterpret_f32 (f32.nearest (f32.const 2.5))))";
    assert_eq!(shown32("", start), [1 << 31, 1 << 31, 1.5_f32.to_bits(), 2.0_f32.to_bits()]);
}

#[test]
fn canonical_bits_decide_the_same_branch_everywhere() {
    // The sign of a fresh NaN is what CPUs differ in.
    let start =
        "(local f64) (if (i64.lt_s (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 0))) (i64.const 0))
        (then unreachable))";
    assert_eq!(run(&program("", start)).outcome.status, lilypad_abi::Status::Exited { code: 0 });
}
