//! One at a time for each name: runs of one name, pulls of one image; and runs that are not to begin after all.

use crate::container::RunName;
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::{Notify, OwnedMutexGuard};

/// Locks by name; a name takes room only while somebody has or wants its turn.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the name's turn, which ends when the guard is dropped.
    pub(super) async fn take(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            match turns.get(name).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::default();
                    turns.insert(name.to_owned(), Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.lock_owned().await
    }
}

/// Names of runs that somebody wants ended before they have a container.
#[derive(Debug, Default)]
pub(super) struct Stops {
    names: Mutex<BTreeSet<RunName>>,
    changed: Notify,
}

impl Stops {
    /// Asks for it, until [`Stops::done`].
    pub(super) fn ask(&self, run: &RunName) {
        self.names().insert(run.clone());
        self.changed.notify_waiters();
    }

    pub(super) fn done(&self, run: &RunName) {
        self.names().remove(run);
    }

    pub(super) fn is_asked(&self, run: &RunName) -> bool {
        self.names().contains(run)
    }

    /// Waits until it is asked.
    pub(super) async fn asked(&self, run: &RunName) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before looking, so that nothing is missed in between.
            changed.as_mut().enable();
            if self.is_asked(run) {
                return;
            }
            changed.await;
        }
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<RunName>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn a_name_has_one_turn_at_a_time_and_leaves_nothing() {
        let turns = Turns::default();
        let first = turns.take("a").now_or_never().unwrap();
        assert!(turns.take("a").now_or_never().is_none());
        assert!(turns.take("b").now_or_never().is_some());
        drop(first);
        assert!(turns.take("a").now_or_never().is_some());
        assert_eq!(turns.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn who_waits_for_a_stop_hears_of_its_own_only() {
        let stops = Stops::default();
        let (a, b) = (RunName::new("a").unwrap(), RunName::new("b").unwrap());
        let mut waits = Box::pin(stops.asked(&a));
        assert!(waits.as_mut().now_or_never().is_none());
        stops.ask(&b);
        assert!(waits.as_mut().now_or_never().is_none());
        stops.ask(&a);
        assert!(waits.now_or_never().is_some());
        stops.done(&a);
        assert!(stops.asked(&a).now_or_never().is_none());
    }
}
