//! Modules from seeds: 500 here, any number with `cargo run -p lilypad-runtime --example differential -- --seeds N`.

use super::{
    replay_on_v8,
    shared::{everywhere, generate, job, word},
};
use std::collections::BTreeMap;

const SEEDS: u64 = 500;

#[test]
fn generated_modules_are_the_same_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ends, mut runs, mut calls) = (BTreeMap::<String, u32>::new(), 0, 0);
    for seed in 0..SEEDS {
        let job = job(generate::module(seed), generate::limits());
        let agreed = everywhere(&job).unwrap_or_else(|differs| panic!("seed {seed}: {differs}"));
        *ends.entry(word(agreed.execution.outcome.status)).or_default() += 1;
        calls += usize::from(!agreed.on_winch);
        if let Some(trace) = agreed.trace
            && trace.write(folder.path(), &format!("seed-{seed}")).unwrap()
        {
            runs += 1;
        }
    }
    // The test must not lose its meaning by generating only modules of one kind.
    for end in ["exited", "out of fuel", "trapped: IntegerOverflow", "trapped: MemoryOutOfBounds"] {
        assert!(ends.get(end).is_some_and(|count| *count >= 10), "few are '{end}': {ends:?}");
    }
    assert!(runs >= 300, "{runs} traces, {calls} modules with tail calls: {ends:?}");
    replay_on_v8(folder.path(), runs);
}
