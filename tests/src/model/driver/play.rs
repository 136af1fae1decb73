//! One sequence, from a fresh market to the last comparison.

use super::{
    Tally,
    bindings::{self, Target},
    chain::{Chain, Head, Site},
    compare::{compare, settlements},
    offers,
    rng::Rng,
    world::{Cast, WALLET, World},
};
use crate::model::{
    client::Client,
    contract::{Block, Call, Settled},
    types::{Callback, DealState, JobOffer, Settlement, Signature},
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
    let client =
        chain.deploy(owner, "CowsayClient", &bindings::client_arguments(site.market, &template)).await;
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

/// A sequence that is being played.
struct Play<'a> {
    chain: &'a mut Chain,
    site: Site,
    world: World,
    notary: Notary<'a>,
    seed: u64,
    /// What was called so far, to be told when something differs.
    story: Vec<String>,
    tally: Tally,
}

/// Plays a sequence; panics at the first difference, with everything that led to it.
pub(crate) async fn play(chain: &mut Chain, seed: u64, reach: u64) -> Tally {
    let cast = Cast::new();
    let (site, world) = prepare(chain, seed, &cast, reach).await;
    let notary = Notary { cast: &cast, domain: site.domain };
    let mut play = Play { chain, site, world, notary, seed, story: Vec::new(), tally: Tally::default() };
    let steps = play.world.rng.between(60, 150);
    for step in 0..steps {
        leap(play.chain, &mut play.world).await;
        let now = play.chain.head.timestamp;
        play.world.block.number = play.chain.head.number + 1;
        play.world.block.timestamp = play.world.next_time(now);
        let (caller, call, machine) = play.world.next_move();
        play.step(caller, &call, machine, step % FULL_COMPARISON_STEPS == 0).await;
    }
    play.end().await;
    play.tally
}

impl Play<'_> {
    /// One call to both.
    async fn step(&mut self, caller: Address, call: &Call, machine: bool, full: bool) {
        let Self { chain, site, world, .. } = self;
        let block = world.block.clone();
        let who = if machine { "a machine of " } else { "" };
        self.story.push(format!("block {} time {} {who}{caller}: {call:?}", block.number, block.timestamp));
        let (target, data) = bindings::encode(call, &mut |signature| self.notary.sign(signature));
        let to = match target {
            Target::Market => site.market,
            Target::Mediation => site.mediation,
            Target::Client => world.model.client.address,
        };
        let real = chain.send(caller, Some(to), data, block.timestamp).await;
        world.block.hashes.insert(chain.head.number, chain.head.hash);
        let expected = world.model.step(&block, caller, call);
        self.tally.steps += 1;
        self.tally.by_machines += u64::from(machine);
        let mut differences = match (real, &expected) {
            (Ok(receipt), Ok(effects)) => {
                self.tally.taken += 1;
                world.remember(call);
                world.keep_some(&effects.deals);
                world.terms.extend(effects.deals.iter().cloned());
                world.requests.extend(effects.requests.iter().cloned());
                note_rare(&mut self.tally, world, call, &effects.settled);
                let mut differences = settlements(&receipt, &effects.settled);
                differences.extend(compare(chain, site, world, &at_head(world, chain.head), full).await);
                differences
            }
            (Err(revert), Err(refusal)) => {
                *self.tally.refusals.entry(refusal.name).or_default() += 1;
                if revert.name == refusal.name && revert.words == refusal.words {
                    Vec::new()
                } else {
                    vec![format!("the chain refuses with {revert:?}, the model with {refusal:?}")]
                }
            }
            (Ok(_), Err(refusal)) => vec![format!("the chain takes what the model refuses: {refusal:?}")],
            (Err(revert), Ok(_)) => vec![format!("the chain refuses what the model takes: {revert:?}")],
        };
        if let (true, Err(refusal)) = (machine, &expected) {
            differences.push(format!("a machine wants what is refused: {refusal:?}"));
        }
        if !differences.is_empty() {
            self.fail(&differences.join("\n"));
        }
    }

    fn fail(&self, what: &str) -> ! {
        panic!(
            "{what}\n\nBefore that:\n{}\n\n{what}\nLILYPAD_MODEL_SEED={} plays it again.",
            self.story.join("\n"),
            self.seed
        )
    }

    /// Machines alone bring what they keep to its end; then everything is compared once more.
    async fn end(&mut self) {
        let mut time = self.chain.head.timestamp;
        let mut turn = 0;
        let mut waited = false;
        loop {
            let kept = self.world.kept_open();
            if kept.is_empty() {
                break;
            }
            turn += 1;
            time = time.max(self.chain.head.timestamp);
            self.world.block.number = self.chain.head.number + 1;
            self.world.block.timestamp = time;
            let found = kept.iter().find_map(|terms| self.world.machine_move(terms, turn));
            match found {
                Some((caller, call)) => {
                    waited = false;
                    self.step(caller, &call, true, false).await;
                }
                // An anchor's hash is known a block later.
                None if !waited => {
                    waited = true;
                    empty_blocks(self.chain, &mut self.world, 2).await;
                }
                // Nothing to do before the next deadline is over.
                None => match self.world.deadlines_after(time, u64::MAX).first() {
                    Some(deadline) => time = deadline + 1,
                    None => self.fail(&format!("no machine ends {}", kept[0].id())),
                },
            }
        }
        self.world.check_kept_ends();
        let head = at_head(&self.world, self.chain.head);
        let differences = compare(self.chain, &self.site, &self.world, &head, true).await;
        if !differences.is_empty() {
            self.fail(&differences.join("\n"));
        }
        let World { model, terms, .. } = &self.world;
        for deal in model.deals.values().filter(|deal| deal.state == DealState::Settled) {
            *self.tally.settlements.entry(deal.settlement).or_default() += 1;
        }
        self.tally.kept_by_machines += terms.iter().filter(|terms| self.world.kept(terms)).count() as u64;
    }
}

/// Notes what seldom happens. Of what is in a batch, only settlements.
fn note_rare(tally: &mut Tally, world: &World, call: &Call, settled: &[Settled]) {
    let mut note = |what| *tally.rare.entry(what).or_default() += 1;
    for end in settled.iter().filter(|end| end.how == Settlement::ProviderSlashed && end.mediators.is_empty())
    {
        note("a replica slashed by another's mediation");
        let terms = world.terms.iter().find(|terms| terms.id() == end.deal).expect("a known deal");
        let stakes = terms.stakes();
        if end.burned < stakes.penalty + stakes.mediation_budget {
            note("a mediation's fees paid back");
        }
    }
    match call {
        Call::FixSeed(terms) if world.model.seeds.contains_key(&world.model.deal(terms).anchor_block) => {
            note("a seed fixed")
        }
        Call::FixSeed(_) => note("an anchor moved"),
        Call::PayPanel(_) => note("a panel paid"),
        Call::DeliverResult { terms, .. } | Call::DeliverFailure(terms)
            if terms.creator == world.model.client.address =>
        {
            match world.model.deal(terms).callback {
                Callback::Delivered => note("a callback taken by a contract"),
                _ => note("a callback refused"),
            }
        }
        _ => {}
    }
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
    empty_blocks(chain, world, count).await;
}

async fn empty_blocks(chain: &mut Chain, world: &mut World, count: u64) {
    let first = chain.head.number + 1;
    chain.mine(count).await;
    // Only the first can be an anchor.
    let head = chain.block_at(first).await;
    world.block.hashes.insert(head.number, head.hash);
}
