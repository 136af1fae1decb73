//! Keeping at it: polling loops that outlive failures and end when they are told to.

use std::{future::Future, time::Duration};
use tokio::sync::watch;

/// Longest pause after failures in a row.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Calls `round` again and again, `pause` apart, longer after failures, until `stop` says so.
pub async fn poll_until_stopped<F, Fut, E>(
    what: &str,
    pause: Duration,
    stop: &mut watch::Receiver<bool>,
    mut round: F,
) where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: std::error::Error + 'static,
{
    let mut failures = 0_u32;
    while !*stop.borrow() {
        match round().await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::warn!(what, error = %crate::report::causes(&error), failures, "failed; trying again");
            }
        }
        let wait = (pause * 2_u32.saturating_pow(failures.min(8))).min(PAUSE_MAX.max(pause));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed() => {}
        }
    }
}
