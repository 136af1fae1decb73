//! Plays random sequences against the model and a real anvil at once.
//!
//! `LILYPAD_MODEL_SEED` plays one sequence only; `LILYPAD_MODEL_SEQUENCES` says how many of them to play.

mod bindings;
mod chain;
mod compare;
mod host_view;
mod machines;
mod moves;
mod offers;
mod play;
mod rng;
mod turns;
mod world;

use super::types::Settlement;
use crate::market::root;
use chain::Chain;
use std::{collections::BTreeMap, path::Path};

/// Sequences of a default run. Even seeds play on a chain that keeps 256 hashes of blocks, odd ones on one that keeps
/// 8,191 (EIP-2935). Each has an anvil of its own, so that a seed gives the same sequence alone and among others.
const SEQUENCES: u64 = 30;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// What a default run must come across besides every settlement.
const RARE: [&str; 7] = [
    "a replica slashed by another's mediation",
    "a mediation's fees paid back",
    "a seed fixed",
    "an anchor moved",
    "a callback taken by a contract",
    "a callback refused",
    "a panel paid",
];

/// What sequences came across.
#[derive(Debug, Default)]
struct Tally {
    steps: u64,
    taken: u64,
    by_machines: u64,
    kept_by_machines: u64,
    /// How often what is in [`RARE`] happened.
    rare: BTreeMap<&'static str, u64>,
    settlements: BTreeMap<Settlement, u64>,
    refusals: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.taken += other.taken;
        self.by_machines += other.by_machines;
        self.kept_by_machines += other.kept_by_machines;
        for (what, count) in other.rare {
            *self.rare.entry(what).or_default() += count;
        }
        for (how, count) in other.settlements {
            *self.settlements.entry(how).or_default() += count;
        }
        for (name, count) in other.refusals {
            *self.refusals.entry(name).or_default() += count;
        }
    }
}

async fn sequence(root: &Path, seed: u64) -> Tally {
    let (hardfork, reach) = [("cancun", 256), ("prague", 8_191)][usize::from(seed % 2 == 1)];
    let mut chain = Chain::start(root, hardfork).await;
    assert_eq!(chain.keeps_history().await, reach != 256, "what {hardfork} keeps");
    play::play(&mut chain, seed, reach).await
}

#[tokio::test]
async fn random_sequences() {
    let root = &root();
    let one = number("LILYPAD_MODEL_SEED");
    let count = number("LILYPAD_MODEL_SEQUENCES").unwrap_or(SEQUENCES);
    let seeds: Vec<u64> = one.map_or_else(|| (0..count).collect(), |seed| vec![seed]);
    let mut tally = Tally::default();
    for pair in seeds.chunks(2) {
        let second = async {
            match pair.get(1) {
                Some(seed) => sequence(root, *seed).await,
                None => Tally::default(),
            }
        };
        let (first, second) = tokio::join!(sequence(root, pair[0]), second);
        tally.add(first);
        tally.add(second);
    }
    println!("{tally:#?}");
    if one.is_none() && count >= SEQUENCES {
        for how in Settlement::ALL {
            assert!(tally.settlements.contains_key(&how), "no deal ended as {how:?}");
        }
        for what in RARE {
            assert!(tally.rare.contains_key(what), "never came across {what}");
        }
    }
}
