//! NaNs: one pattern for those that arithmetic makes, untouched payloads for those that are only moved.

use super::value;

const CANONICAL_F32: u32 = 0x7fc0_0000;
const CANONICAL_F64_HIGH: u32 = 0x7ff8_0000;

/// The upper half of the bits of a double that `body` leaves.
fn f64_high(body: &str) -> u32 {
    value("", &format!("{body} i64.reinterpret_f64 i64.const 32 i64.shr_u i32.wrap_i64"))
}

fn f64_low(body: &str) -> u32 {
    value("", &format!("{body} i64.reinterpret_f64 i32.wrap_i64"))
}

fn f32_bits(body: &str) -> u32 {
    value("", &format!("{body} i32.reinterpret_f32"))
}

#[test]
fn arithmetic_makes_only_the_canonical_nan() {
    let nan = "i64.const 0xfff4567812345678 f64.reinterpret_i64";
    for made in [
        "f64.const 0 f64.const 0 f64.div",
        "f64.const -1 f64.sqrt",
        "f64.const inf f64.const inf f64.sub",
        "f64.const inf f64.const 0 f64.mul",
        &format!("{nan} f64.const 1 f64.add"),
        &format!("f64.const 1 {nan} f64.min"),
        &format!("{nan} {nan} f64.max"),
        &format!("{nan} f64.ceil"),
        &format!("{nan} f64.floor"),
        &format!("{nan} f64.trunc"),
        &format!("{nan} f64.nearest"),
        "i32.const 0xffb45678 f32.reinterpret_i32 f64.promote_f32",
    ] {
        assert_eq!((f64_high(made), f64_low(made)), (CANONICAL_F64_HIGH, 0), "{made}");
    }
    let nan = "i32.const 0xffb45678 f32.reinterpret_i32";
    for made in [
        "f32.const 0 f32.const 0 f32.div",
        "f32.const -1 f32.sqrt",
        &format!("{nan} f32.const 1 f32.sub"),
        &format!("f32.const 1 {nan} f32.mul"),
        &format!("{nan} {nan} f32.min"),
        &format!("{nan} f32.nearest"),
        "i64.const 0xfff4567812345678 f64.reinterpret_i64 f32.demote_f64",
    ] {
        assert_eq!(f32_bits(made), CANONICAL_F32, "{made}");
    }
}

#[test]
fn bits_that_are_only_moved_keep_their_payload() {
    let bits = 0xffb4_5678;
    let nan = format!("i32.const {bits} f32.reinterpret_i32");
    let moved = "(global $g (mut f32) (f32.const 0)) (func $id (param f32) (result f32) local.get 0)";
    for (body, expected) in [
        (nan.clone(), bits),
        (format!("{nan} call $id"), bits),
        (format!("{nan} global.set $g global.get $g"), bits),
        (format!("i32.const 8 {nan} f32.store i32.const 8 f32.load"), bits),
        (format!("{nan} f32.const 1 i32.const 1 select"), bits),
        (format!("{nan} f32.neg"), bits ^ 0x8000_0000),
        (format!("{nan} f32.abs"), bits & 0x7fff_ffff),
        (format!("{nan} f32.const 1 f32.copysign"), bits & 0x7fff_ffff),
        (format!("f32.const 1 {nan} f32.copysign"), 0xbf80_0000),
        (
            format!("i32.const 8 {bits} i32.store")
                .replace(&format!(" {bits} "), &format!(" i32.const {bits} "))
                + " i32.const 8 f32.load",
            bits,
        ),
    ] {
        assert_eq!(value(moved, &format!("{body} i32.reinterpret_f32")), expected, "{body}");
    }
}

#[test]
fn the_sign_of_a_made_nan_is_positive_where_it_shows() {
    assert_eq!(
        value(
            "",
            "f64.const 0 f64.const 0 f64.div f64.neg i64.reinterpret_f64 i64.const 63 i64.shr_u i32.wrap_i64"
        ),
        1
    );
    let copied = "f64.const 1 f64.const 0 f64.const 0 f64.div f64.copysign";
    assert_eq!(f64_high(copied), 0x3ff0_0000);
}

#[test]
fn vectors_are_canonical_lane_by_lane() {
    let lanes = |body: &str| [0, 1, 2, 3].map(|lane| value("", &format!("{body} i32x4.extract_lane {lane}")));
    let nan32 = "v128.const i32x4 0xffb45678 0x3f800000 0x7f800001 0x40000000";
    assert_eq!(
        lanes(&format!("{nan32} v128.const f32x4 1 1 1 1 f32x4.add")),
        [CANONICAL_F32, 0x4000_0000, CANONICAL_F32, 0x4040_0000]
    );
    assert_eq!(
        lanes(&format!("{nan32} f32x4.ceil")),
        [CANONICAL_F32, 0x3f80_0000, CANONICAL_F32, 0x4000_0000]
    );
    let nan64 = "v128.const i64x2 0xfff4567812345678 0x3ff0000000000000";
    assert_eq!(
        lanes(&format!("{nan64} v128.const f64x2 1 1 f64x2.mul")),
        [0, CANONICAL_F64_HIGH, 0, 0x3ff0_0000]
    );
    assert_eq!(lanes(&format!("{nan64} f32x4.demote_f64x2_zero"))[0], CANONICAL_F32);
    assert_eq!(lanes(&format!("{nan32} f64x2.promote_low_f32x4"))[..2], [0, CANONICAL_F64_HIGH]);
    // Chosen, not computed.
    assert_eq!(lanes(&format!("{nan32} v128.const f32x4 9 9 9 9 f32x4.pmin"))[0], 0xffb4_5678);
    assert_eq!(lanes(&format!("{nan32} f32x4.neg"))[0], 0x7fb4_5678);
}

#[test]
fn numbers_stay_numbers() {
    assert_eq!(f64_high("f64.const 2 f64.sqrt"), 0x3ff6_a09e);
    assert_eq!(f64_low("f64.const 2 f64.sqrt"), 0x667f_3bcd);
    assert_eq!(f64_high("f64.const 1 f64.const 0 f64.div"), 0x7ff0_0000);
    assert_eq!(f64_high("f64.const -0 f64.const 0 f64.min"), 0x8000_0000);
    assert_eq!(f32_bits("f32.const 0.1 f32.const 0.2 f32.add"), 0x3e99_999a);
}
