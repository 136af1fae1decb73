//! One sequence, from a fresh market to the last comparison.

use super::{
    Tally,
    bindings::{self, Target},
    chain::{Chain, Head, Site},
    compare::compare,
    offers,
    rng::Rng,
    world::{Cast, WALLET, World},
};
use crate::model::{
    client::Client,
    contract::{Block, Call},
    types::{DealState, JobOffer, Signature},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::SignerSync as _,
    sol_types::SolCall as _,
};
use std::collections::{BTreeMap, BTreeSet};

/// Steps after which what changes seldom is compared too.
const FULL_COMPARISON_STEPS: u64 = 25;

/// Signatures of offers, for one market.
struct Notary<'a> {
    cast: &'a Cast,
    domain: B256,
}

impl Notary<'_> {
    fn sign(&self, signature: Signature) -> Bytes {
        let digest = keccak256([&[0x19, 0x01], self.domain.as_slice(), signature.of.as_slice()].concat());
        let key = self.cast.keys.get(&signature.by).expect("who has no key doesn't sign");
        key.sign_hash_sync(&digest).expect("signs").as_bytes().to_vec().into()
    }
}

/// The jobs that the example client asks for.
fn template(rng: &mut Rng, cast: &Cast, client: Address) -> JobOffer {
    let mut job = offers::job(rng, client, &cast.panels, 0);
    job.gateway = "http://client.example".to_owned();
    job
}

/// Sets the stage: contracts, money, panels.
async fn prepare(chain: &mut Chain, seed: u64, cast: &Cast, reach: u64) -> (Site, World) {
    let owner = cast.owner;
    chain.fuel(owner).await;
    let site = chain.deploy_market(owner).await;
    let mut rng = Rng::new(seed ^ 0x7e3f);
    let template = template(&mut rng, cast, Address::ZERO);
    let client = chain.deploy(owner, "CowsayClient", &bindings::client_arguments(site.market, &template)).await;
    let template = JobOffer { creator: client, ..template };
    for party in cast.everybody().into_iter().chain([client]) {
        chain.fuel(party).await;
        chain.must(owner, site.token, bindings::mint(party, U256::from(WALLET))).await;
        chain.must(party, site.token, bindings::approve_all(site.market)).await;
    }
    for (party, amount) in World::first_deposits(cast, client) {
        let deposit = bindings::LilypadMarket::depositCall { amount: U256::from(amount) };
        chain.must(party, site.market, deposit.abi_encode()).await;
    }
    let books = World::first_books(cast, client);
    let client = Client { address: client, owner, template, open: BTreeSet::new() };
    let block = Block { number: 0, timestamp: 0, reach, hashes: BTreeMap::new() };
    let mut world = World::new(seed, cast.clone(), books, client, block);
    for members in cast.panels.clone() {
        let register = bindings::LilypadMarket::registerPanelCall { mediators: members.clone() };
        chain.must(owner, site.market, register.abi_encode()).await;
        world.model.register_panel(&members).expect("a panel");
    }
    (site, world)
}

/// The env that views at the newest block see.
fn at_head(world: &World, head: Head) -> Block {
    Block { number: head.number, timestamp: head.timestamp, ..world.block.clone() }
}

/// Plays a sequence; panics at the first difference, with everything that led to it.
pub(crate) async fn play(chain: &mut Chain, seed: u64, reach: u64) -> Tally {
    let mut tally = Tally::default();
    let cast = Cast::new();
    let (site, mut world) = prepare(chain, seed, &cast, reach).await;
    let notary = Notary { cast: &cast, domain: site.domain };
    let mut story: Vec<String> = Vec::new();
    let steps = world.rng.between(60, 150);
    for step in 0..steps {
        leap(chain, &mut world).await;
        world.block.number = chain.head.number + 1;
        world.block.timestamp = world.next_time(chain.head.timestamp);
        let (caller, call) = world.next_move();
        story.push(format!("{step}. block {} time {} {caller}: {call:?}", world.block.number, world.block.timestamp));
        let (target, data) = bindings::encode(&call, &mut |signature| notary.sign(signature));
        let to = match target {
            Target::Market => site.market,
            Target::Mediation => site.mediation,
            Target::Client => world.model.client.address,
        };
        let real = chain.send(caller, Some(to), data, world.block.timestamp).await;
        world.block.hashes.insert(chain.head.number, chain.head.hash);
        let block = world.block.clone();
        let expected = world.model.step(&block, caller, &call);
        tally.steps += 1;
        let differences = match (real, expected) {
            (Ok(_), Ok(effects)) => {
                tally.taken += 1;
                world.remember(&call);
                world.terms.extend(effects.deals);
                world.requests.extend(effects.requests);
                let full = step % FULL_COMPARISON_STEPS == 0 || step + 1 == steps;
                compare(chain, &site, &world, &at_head(&world, chain.head), full).await
            }
            (Err(revert), Err(refusal)) => {
                *tally.refusals.entry(refusal.name).or_default() += 1;
                if revert.name == refusal.name && revert.words == refusal.words {
                    Vec::new()
                } else {
                    vec![format!("the chain refuses with {revert:?}, the model with {refusal:?}")]
                }
            }
            (Ok(_), Err(refusal)) => vec![format!("the chain takes what the model refuses: {refusal:?}")],
            (Err(revert), Ok(_)) => vec![format!("the chain refuses what the model takes: {revert:?}")],
        };
        if !differences.is_empty() {
            panic!(
                "model and market differ; play it again with LILYPAD_MODEL_SEED={seed}\n{}\n{}",
                story.join("\n"),
                differences.join("\n")
            );
        }
    }
    for deal in world.model.deals.values().filter(|deal| deal.state == DealState::Settled) {
        *tally.settlements.entry(deal.settlement).or_default() += 1;
    }
    tally
}

/// Now and then many blocks pass at once, so that anchors' hashes are known, or lost.
async fn leap(chain: &mut Chain, world: &mut World) {
    if !world.rng.percent(4) {
        return;
    }
    let count = match world.block.reach {
        256 if world.rng.percent(20) => world.rng.between(250, 270),
        // An age on a chain that forgets late would take minutes to make.
        _ => world.rng.between(1, 5),
    };
    let first = chain.head.number + 1;
    chain.mine(count).await;
    // Only the first can be an anchor.
    let head = chain.block_at(first).await;
    world.block.hashes.insert(head.number, head.hash);
}
