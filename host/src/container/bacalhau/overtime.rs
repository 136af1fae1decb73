//! What a run over its time comes to: pure.
//!
//! On Docker a job that runs over its time is out of fuel, and a provider that signs anything else loses what it locked.
//! A cluster doesn't say when a container started: an execution is `Running` before its image is pulled, its time-out
//! counts the pull, and its times count the bidding and the wait for room too. Whoever has the image's registry can make
//! a pull as long as he likes. So:
//!
//! - Times of a cluster are upper bounds: a run that ended within its job's time by them did so.
//! - What is over by them may have been pulled for most of it. The job runs once more, on the node that has the image now.
//! - There, the cluster's time-out means that the container ran over its time: the time-out leaves at least
//!   [`super::document::START_TIME_MAX`] for making and starting a container whose image is there.
//! - Whatever else is over the second time, or runs on another node, can't be told, and nobody signs it: a provider that
//!   declines loses its pay, one that signs a wrong Outcome loses more.
//!
//! Nothing here is remembered: the second job document names the node, so that a process that starts again knows it too.

/// What to do about a run that is over its time by the cluster's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overtime {
    /// Run it once more, now that a node has its image.
    Again,
    /// The container ran over its time.
    OutOfFuel,
    /// It can't be told.
    Undecided,
}

/// What a run comes to that was over its time on `node`, where it `timed_out` or ended by itself.
///
/// `pulled` is the node that had its image before the run began, if it is known.
pub(super) fn overtime(pulled: Option<&str>, node: &str, timed_out: bool) -> Overtime {
    match pulled {
        None => Overtime::Again,
        Some(pulled) if timed_out && pulled == node => Overtime::OutOfFuel,
        Some(_) => Overtime::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_out_where_the_image_was_is_out_of_fuel() {
        for (pulled, node, timed_out, comes_to) in [
            (None, "one", true, Overtime::Again),
            (None, "one", false, Overtime::Again),
            (Some("one"), "one", true, Overtime::OutOfFuel),
            (Some("one"), "one", false, Overtime::Undecided),
            (Some("one"), "two", true, Overtime::Undecided),
            (Some("one"), "two", false, Overtime::Undecided),
        ] {
            assert_eq!(overtime(pulled, node, timed_out), comes_to, "{pulled:?} {node} {timed_out}");
        }
    }
}
