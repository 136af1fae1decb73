//! Plays random sequences against the model and a real anvil at once.
//!
//! `LILYPAD_MODEL_SEED` plays one sequence only; `LILYPAD_MODEL_SEQUENCES` says how many of them to play.

mod bindings;
mod chain;
mod compare;
mod moves;
mod offers;
mod play;
mod rng;
mod world;

use super::types::Settlement;
use chain::Chain;
use std::collections::BTreeMap;

/// Sequences of a default run. Even seeds play on a chain that keeps 256 hashes of blocks, odd ones on one that keeps
/// 8,191.
const SEQUENCES: u64 = 30;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// What all sequences together came across.
#[derive(Debug, Default)]
struct Tally {
    steps: u64,
    taken: u64,
    settlements: BTreeMap<Settlement, u64>,
    refusals: BTreeMap<&'static str, u64>,
}

pub(crate) async fn random_sequences(root: &std::path::Path) {
    let one = number("LILYPAD_MODEL_SEED");
    let count = number("LILYPAD_MODEL_SEQUENCES").unwrap_or(SEQUENCES);
    let seeds: Vec<u64> = one.map_or_else(|| (0..count).collect(), |seed| vec![seed]);
    let mut tally = Tally::default();
    let mut chains = [Chain::start(root, "cancun").await, Chain::start(root, "prague").await];
    assert!(!chains[0].keeps_history().await && chains[1].keeps_history().await, "one chain of each kind");
    for seed in seeds {
        let t = std::time::Instant::now();
        let at = usize::from(seed % 2 == 1);
        play::play(&mut chains[at], seed, [256, 8_191][at], &mut tally).await;
        eprintln!("{seed} {:?}", t.elapsed());
    }
    println!("{tally:#?}");
    if one.is_none() && count >= SEQUENCES {
        for how in Settlement::ALL {
            assert!(tally.settlements.contains_key(&how), "no deal ended as {how:?}");
        }
    }
}
