//! Values as people read them: amounts, sizes, errors with their causes. Text only; nothing prints here.

use crate::chain::{Meter, Verification};
use std::{error::Error, fmt::Write as _};

/// Base units in one token: the market's ERC-20s have 18 decimals.
pub const TOKEN: u128 = 1_000_000_000_000_000_000;

/// An amount in tokens, exactly: `1.5 LP`.
#[must_use]
pub fn tokens(amount: u128) -> String {
    let (whole, rest) = (amount / TOKEN, amount % TOKEN);
    if rest == 0 {
        return format!("{whole} LP");
    }
    let digits = format!("{rest:018}");
    format!("{whole}.{} LP", digits.trim_end_matches('0'))
}

/// A decimal number of tokens in base units; the inverse of [`tokens`] without its unit.
///
/// # Errors
/// Says what an amount looks like.
pub fn parse_tokens(text: &str) -> Result<u128, String> {
    let bad = || format!("'{text}' is not an amount of tokens: write a number such as 2 or 0.05");
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || rest.len() > 18 || !digits(whole) || !digits(rest) {
        return Err(bad());
    }
    let whole: u128 = whole.parse().map_err(|_| bad())?;
    let rest: u128 = format!("{rest:0<18}").parse().map_err(|_| bad())?;
    whole.checked_mul(TOKEN).and_then(|sum| sum.checked_add(rest)).ok_or_else(bad)
}

/// A count with its thousands apart: `12_345` as `12,345`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What prices are for: 10^9 of what is counted.
#[must_use]
pub const fn unit(meter: Meter) -> &'static str {
    match meter {
        Meter::Fuel => "gigafuel",
        Meter::CoreNanoseconds => "core-second",
        Meter::GpuNanoseconds => "GPU-second",
    }
}

/// An amount of what is counted: `1,234 fuel`, `0.250 core-seconds`.
#[must_use]
pub fn work(meter: Meter, amount: u64) -> String {
    match meter {
        Meter::Fuel => format!("{} fuel", count(amount)),
        Meter::CoreNanoseconds | Meter::GpuNanoseconds => {
            let milliseconds = amount.div_ceil(1_000_000);
            format!("{}.{:03} {}s", count(milliseconds / 1_000), milliseconds % 1_000, unit(meter))
        }
    }
}

/// How a wrong result is told, in words.
#[must_use]
pub const fn verification(verification: Verification) -> &'static str {
    match verification {
        Verification::BitExact => "bit-exact: every honest run gives the same receipt",
        Verification::Repeated => {
            "repeated: mediators run it again; if their runs differ, the job is at fault"
        }
        Verification::Unverified => "UNVERIFIED: the provider's word",
    }
}

/// An error and what caused it, outermost first, on one line.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat their cause in their own message.
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A value as JSON with every number as a decimal string: JSON's readers lose digits beyond 2^53.
#[must_use]
pub fn with_text_integers<T: serde::Serialize>(value: &T) -> serde_json::Value {
    // Through text: a JSON value in memory holds no 128-bit numbers. No number here is negative or fractional.
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut quoted = String::new();
    let mut in_string = false;
    let mut escaped = false;
    let mut in_number = false;
    for character in text.chars() {
        let digit = !in_string && character.is_ascii_digit();
        if digit != in_number {
            quoted.push('"');
            in_number = digit;
        }
        quoted.push(character);
        if character == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = character == '\\' && !escaped;
    }
    serde_json::from_str(&quoted).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip() {
        for (amount, text) in
            [(0, "0 LP"), (TOKEN, "1 LP"), (TOKEN / 2, "0.5 LP"), (1, "0.000000000000000001 LP")]
        {
            assert_eq!(tokens(amount), text);
            assert_eq!(parse_tokens(text.trim_end_matches(" LP")).unwrap(), amount);
        }
        for bad in ["", ".5", "1e3", "-1", "1.0000000000000000001", "999999999999999999999999"] {
            assert!(parse_tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_become_texts_and_texts_stay() {
        let value = with_text_integers(&(u128::MAX, "a \"1\" \\", [3_u8]));
        assert_eq!(value, serde_json::json!([u128::MAX.to_string(), "a \"1\" \\", ["3"]]));
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
