//! Amounts as people write them, read as Bacalhau reads them: `500m` cores, `2gb`, `2Gi`, `1`.

/// What `kb`, `mb`, `gb`, … mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Units {
    /// Powers of 1000; `kib` and `ki` are powers of 1024. Bacalhau since 1.1.
    Decimal,
    /// Powers of 1024, however they are written. Bacalhau 1.0.
    Binary,
}

/// Why a text is no amount.
const NO_BYTES: &str = "expected an amount of bytes, such as 500mb, 2gb or 2Gi";

/// Cores in thousandths: `500m`, `0.5`, `2`. What is finer than a thousandth is cut.
pub(crate) fn cpu_millis(text: &str) -> Result<u64, &'static str> {
    const NO_CPU: &str = "expected a number of cores, such as 2, 0.5 or 500m";
    let text = squeeze(text);
    if let Some(millis) = text.strip_suffix('m') {
        return millis.parse().map_err(|_| NO_CPU);
    }
    truncate(text.parse::<f64>().map_err(|_| NO_CPU)? * 1000.0).ok_or(NO_CPU)
}

/// Bytes: a number, perhaps with a point and commas between thousands, and a unit.
pub(crate) fn bytes(text: &str, units: Units) -> Result<u64, &'static str> {
    let text = squeeze(text);
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.replace(',', "").parse().map_err(|_| NO_BYTES)?;
    let (prefix, is_binary) = match unit.strip_suffix('b').unwrap_or(unit) {
        "" => ("", false),
        other => other.strip_suffix('i').map_or((other, false), |prefix| (prefix, true)),
    };
    let power = match prefix {
        "" if !is_binary => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return Err(NO_BYTES),
    };
    let base: f64 = if is_binary || units == Units::Binary { 1024.0 } else { 1000.0 };
    truncate(number * base.powi(power)).ok_or(NO_BYTES)
}

/// A whole number of GPUs.
pub(crate) fn gpus(text: &str) -> Result<u64, &'static str> {
    squeeze(text).parse().map_err(|_| "expected a whole number of GPUs, such as 1")
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '\n')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The whole part of a number that isn't negative and fits.
fn truncate(value: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    (value >= 0.0 && value < 2f64.powi(63)).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_bacalhaus() {
        for (text, expected) in
            [("500m", 500), ("0.5", 500), ("1", 1000), ("1.0", 1000), ("0.0019", 1), (" 2 ", 2000)]
        {
            assert_eq!(cpu_millis(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "x", "1500x", "-1", "-5m", "nan", "inf", "1.5m"] {
            assert!(cpu_millis(text).is_err(), "{text}");
        }
        let decimal = [
            ("1gb", 1_000_000_000),
            ("1Gb", 1_000_000_000),
            ("1 GB", 1_000_000_000),
            ("1Gi", 1 << 30),
            ("1gib", 1 << 30),
            ("500", 500),
            ("500b", 500),
            ("1.5k", 1_500),
            ("1,000kb", 1_000_000),
            ("2m", 2_000_000),
            ("1e", 1_000_000_000_000_000_000),
        ];
        for (text, expected) in decimal {
            assert_eq!(bytes(text, Units::Decimal), Ok(expected), "{text}");
        }
        for (text, expected) in [("1gb", 1 << 30), ("1Gi", 1 << 30), ("4k", 4096), ("7", 7)] {
            assert_eq!(bytes(text, Units::Binary), Ok(expected), "{text}");
        }
        for text in ["", "gb", "1xb", "1ib", "-1gb", "100eb", "1..5", "1bb"] {
            assert!(bytes(text, Units::Decimal).is_err(), "{text}");
        }
        assert_eq!(gpus("2"), Ok(2));
        assert!(gpus("1.5").is_err() && gpus("all").is_err() && gpus("-1").is_err());
    }
}
