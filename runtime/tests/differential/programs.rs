//! The programs of `shared/programs.rs` and our own modules, on every engine and on V8.

use super::{
    replay_on_v8,
    shared::{everywhere, programs, word},
};
use std::collections::BTreeSet;

#[test]
fn every_end_is_the_same_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ends, mut runs) = (BTreeSet::new(), 0);
    for (name, job) in programs::all() {
        let agreed = everywhere(&job).unwrap_or_else(|differs| panic!("{name}: {differs}"));
        ends.insert(word(agreed.execution.outcome.status));
        runs += usize::from(agreed.trace.is_some_and(|trace| trace.write(folder.path(), &name).unwrap()));
    }
    assert!(ends.len() >= 11, "an end is missing: {ends:?}");
    replay_on_v8(folder.path(), runs);
}

#[test]
fn our_modules_are_the_same_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    for (name, job) in programs::modules().unwrap() {
        let agreed = everywhere(&job).unwrap_or_else(|differs| panic!("{name}: {differs}"));
        assert_eq!(word(agreed.execution.outcome.status), "exited", "{name}: {:?}", agreed.execution.outputs);
        assert!(agreed.trace.unwrap().write(folder.path(), &name).unwrap(), "{name} has no trace");
    }
    replay_on_v8(folder.path(), 2);
}
