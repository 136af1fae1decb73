//! Where a guest's clock starts, as people write it: seconds since 1970, or RFC 3339. Pure.

/// Nanoseconds since 1970, from `1700000000` or `2023-11-14T22:13:20Z`.
pub(super) fn parse_clock(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!("'{text}' is no time since 1970; give seconds such as 1700000000, or 2023-11-14T22:13:20Z")
    };
    let ns = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(NS))
    } else {
        rfc3339(text)
    };
    ns.ok_or_else(wrong)
}

const NS: u64 = 1_000_000_000;

fn rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (number(&date[..4])?, number(date.get(5..7)?)?, number(date.get(8..)?)?);
    let separated = date.get(4..5) == Some("-") && date.get(7..8) == Some("-");
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let (hour, minute, second) =
        (number(clock.get(..2)?)?, number(clock.get(3..5)?)?, number(clock.get(6..)?)?);
    let separated = separated && clock.get(2..3) == Some(":") && clock.get(5..6) == Some(":");
    // The virtual clock has no leap seconds.
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !separated || !in_range {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, zone) = rest.split_at(digits);
            if digits.is_empty() || digits.len() > 9 {
                return None;
            }
            (number(&format!("{digits:0<9}"))?, zone)
        }
    };
    let seconds =
        days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    u64::try_from(seconds).ok()?.checked_mul(NS)?.checked_add(u64::try_from(fraction).ok()?)
}

/// Seconds by which local time is ahead.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn number(digits: &str) -> Option<i64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests {
    use super::parse_clock;

    #[test]
    fn times_are_read() {
        for (text, ns) in [
            ("0", 0),
            ("1700000000", 1_700_000_000_000_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
            ("2023-11-14 22:13:20z", 1_700_000_000_000_000_000),
            ("2023-11-15T00:13:20.25+02:00", 1_700_000_000_250_000_000),
            ("2023-11-14T17:43:20.000000001-04:30", 1_700_000_000_000_000_001),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000_000_000),
            ("2554-07-21T23:34:33Z", 18_446_744_073_000_000_000),
        ] {
            assert_eq!(parse_clock(text), Ok(ns), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "-1",
            "1e9",
            "now",
            "18446744074",
            "1969-12-31T23:59:59Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13:60Z",
            "2023-11-14T22:13:20",
            "2023-11-14",
            "2023/11/14T22:13:20Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20.0000000001Z",
            "2023-11-14T22:13:20+2:00",
            "2023-11-14T22:13:20Zulu",
            "2554-07-21T23:34:34Z",
            "é023-11-14T22:13:20Z",
            "2023-11-1é22:13:20Z",
        ] {
            assert!(parse_clock(text).is_err(), "{text}");
        }
    }
}
