//! Moments as the API writes them: RFC 3339 text. Nothing here knows what time it is.

use serde::{Deserialize, Serialize};
use std::fmt;

const NANOS_A_SECOND: u64 = 1_000_000_000;
const SECONDS_A_DAY: u64 = 86_400;

/// A moment as RFC 3339 text, kept as it came.
///
/// The default is what Go writes for no moment at all; an empty text would be refused by Go clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub String);

impl Default for Timestamp {
    fn default() -> Self {
        Self("0001-01-01T00:00:00Z".to_owned())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Timestamp {
    /// The moment so many nanoseconds after 1970 began, in UTC.
    #[must_use]
    pub fn from_unix_nanos(nanos: u64) -> Self {
        let (seconds, fraction) = (nanos / NANOS_A_SECOND, nanos % NANOS_A_SECOND);
        let (days, second) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
        let (year, month, day) = civil(days);
        let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        let fraction = match fraction {
            0 => String::new(),
            some => format!(".{some:09}").trim_end_matches('0').to_owned(),
        };
        Self(format!("{year:04}-{month:02}-{day:02}T{clock}{fraction}Z"))
    }
}

/// Year, month and day of the Gregorian calendar, so many days after 1970 began.
fn civil(days: u64) -> (u64, u64, u64) {
    let (mut year, mut rest) = (1970 + days / 146_097 * 400, days % 146_097);
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
