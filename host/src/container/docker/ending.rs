//! From what the engine says of an ended container to the job's end. Pure.

use bollard::models::ContainerState;
use lilypad_abi::Status;
use std::time::Duration;

/// What a job gets as its exit code whose outputs go over their limits: how shells report a process that the system
/// killed for it (SIGXFSZ).
pub(in crate::container) const OVER_OUTPUTS: u32 = 128 + 25;

/// Engines note a start a little late, so that a run of a few milliseconds would come to nothing.
const RUN_MIN: Duration = Duration::from_millis(1);

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// Its exit code as the engine has it.
    pub(super) code: i64,
    /// From its start to its end, by the engine's clock.
    pub(super) run: Duration,
    /// Whether it took more memory than it may.
    pub(super) out_of_memory: bool,
}

impl Ending {
    /// `None` while it runs, and for one that never started.
    pub(super) fn of(state: &ContainerState) -> Option<Self> {
        if state.running == Some(true) {
            return None;
        }
        let started = timestamp(state.started_at.as_deref()?)?;
        let finished = timestamp(state.finished_at.as_deref()?)?;
        Some(Self {
            code: state.exit_code?,
            // A clock that was set back meanwhile costs the provider its pay, not the creator its money.
            run: finished.saturating_sub(started).max(RUN_MIN),
            out_of_memory: state.oom_killed == Some(true),
        })
    }

    /// Whether the code may as well be the engine's: 137 when it kills, 255 for what ended while it was down.
    pub(super) const fn is_doubtful(&self) -> bool {
        !self.out_of_memory && matches!(self.code, 137 | 255)
    }

    /// The job's end. A job that ran over its time has none of its own, whoever was first, its end or the limit.
    pub(super) fn status(&self, limit: Duration, stopped_for_time: bool) -> Option<Status> {
        if stopped_for_time || self.run > limit {
            return Some(Status::OutOfFuel);
        }
        Some(Status::Exited { code: u32::try_from(self.code).ok()? })
    }
}

/// The exit code of a program that can't be started, from what the engine says: as a shell has it.
///
/// The same words are said of a folder of ours that is missing, so that the code alone proves nothing.
pub(super) fn not_started(code: i64, said: &str) -> Option<u32> {
    let said = said.to_lowercase();
    let program =
        said.contains("exec: ") || said.contains("exec format error") || said.contains("no command");
    match code {
        126 if program => Some(126),
        127 if program => Some(127),
        _ => None,
    }
}

/// When a container started, since 1970; `None` for one that never did.
pub(super) fn started_at(state: &ContainerState) -> Option<Duration> {
    timestamp(state.started_at.as_deref()?)
}

/// `2026-11-24T15:34:12.123456789Z`, the engine's form, since 1970; `None` for its zero, which is the year 1.
fn timestamp(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<u64>().ok()?, time.next()?.parse::<u64>().ok()?);
    let (second, fraction) = time.next()?.split_once('.').unwrap_or((text.get(17..19)?, ""));
    let second: u64 = second.parse().ok()?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
        return None;
    }
    // Years begin in March, so that the leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let nanoseconds = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse().ok()? };
    Some(Duration::new(((days * 24 + hour) * 60 + minute) * 60 + second, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(started: &str, finished: &str, code: i64) -> ContainerState {
        ContainerState {
            running: Some(false),
            started_at: Some(started.into()),
            finished_at: Some(finished.into()),
            exit_code: Some(code),
            oom_killed: Some(false),
            ..ContainerState::default()
        }
    }

    #[test]
    fn the_engines_times_are_read() {
        for (text, seconds, nanoseconds) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2000-02-29T12:34:56.5Z", 951_827_696, 500_000_000),
            ("2026-11-24T15:34:12.123456789Z", 1_795_534_452, 123_456_789),
            ("2100-03-01T00:00:00.000000001Z", 4_107_542_400, 1),
        ] {
            assert_eq!(timestamp(text), Some(Duration::new(seconds, nanoseconds)), "{text}");
        }
        for text in
            ["0001-01-01T00:00:00Z", "", "Z", "2026-11-24", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z"]
        {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn who_runs_over_its_time_has_no_exit_code() {
        let ending = Ending::of(&state("2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", 3)).unwrap();
        assert_eq!(ending.run, Duration::from_secs(10));
        assert_eq!(ending.status(Duration::from_secs(10), false), Some(Status::Exited { code: 3 }));
        assert_eq!(ending.status(Duration::from_secs(9), false), Some(Status::OutOfFuel));
        assert_eq!(ending.status(Duration::from_secs(99), true), Some(Status::OutOfFuel));
    }

    #[test]
    fn a_run_that_ended_before_its_start_was_noted_is_no_free_one() {
        let ending = Ending::of(&state("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.4Z", 0)).unwrap();
        assert_eq!(ending.run, RUN_MIN);
    }

    #[test]
    fn what_never_ran_or_still_runs_has_no_ending() {
        let zero = "0001-01-01T00:00:00Z";
        assert_eq!(Ending::of(&state(zero, zero, 127)), None);
        let running = ContainerState { running: Some(true), ..state("2026-01-01T00:00:00Z", zero, 0) };
        assert_eq!(Ending::of(&running), None);
    }

    #[test]
    fn only_a_missing_program_is_the_jobs_own_end() {
        let said = r#"runc create failed: exec: "nope": executable file not found in $PATH: unknown"#;
        assert_eq!(not_started(127, said), Some(127));
        assert_eq!(not_started(126, r#"exec: "/etc": permission denied"#), Some(126));
        assert_eq!(not_started(127, "error mounting \"/scratch/x\": no such file or directory"), None);
        assert_eq!(not_started(128, "anything"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_time_panics(text in "[0-9TZ:.-]{0,40}") {
            let _ = timestamp(&text);
        }
    }
}
