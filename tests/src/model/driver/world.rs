//! Who plays, and what the players remember of a sequence so far.

use super::{machines::Machines, rng::Rng};
use crate::model::{
    client::Client,
    contract::{Block, Call, Market},
    money::Books,
    names,
    types::{JobOffer, Receipt, ResourceOffer, Signature, Terms},
};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use std::collections::BTreeMap;

/// What each wallet holds at first: so much that the whole supply just fits 128 bits.
pub(crate) const WALLET: u128 = 1 << 123;

/// What each party that needs money deposits at first; the last creator is poor.
pub(crate) const DEPOSIT: u128 = 1 << 122;
/// See [`DEPOSIT`].
pub(crate) const DEPOSIT_POOR: u128 = 60_000;

/// Everybody, each with a key made from its name.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) creators: Vec<Address>,
    pub(crate) providers: Vec<Address>,
    pub(crate) solvers: Vec<Address>,
    pub(crate) mediators: Vec<Address>,
    pub(crate) owner: Address,
    pub(crate) keys: BTreeMap<Address, PrivateKeySigner>,
    /// Panels that get registered: one of mediators only, one in which parties of deals sit too, one for single draws.
    pub(crate) panels: Vec<Vec<Address>>,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let mut keys = BTreeMap::new();
        let mut named = |name: &str, count: usize| -> Vec<Address> {
            (0..count)
                .map(|i| {
                    let key = PrivateKeySigner::from_bytes(&keccak256(format!("{name} {i}"))).unwrap();
                    let address = key.address();
                    keys.insert(address, key);
                    address
                })
                .collect()
        };
        let creators = named("creator", 3);
        let providers = named("provider", 3);
        let solvers = named("solver", 2);
        let mediators = named("mediator", 7);
        let owner = named("owner", 1)[0];
        let panel = |members: &[&[Address]]| {
            let mut list = members.concat();
            list.sort();
            list
        };
        let panels = vec![
            panel(&[&mediators]),
            panel(&[&mediators[..3], &creators[..1], &providers[..2]]),
            panel(&[&mediators[4..]]),
        ];
        Self { creators, providers, solvers, mediators, owner, keys, panels }
    }

    /// Everybody with a key.
    pub(crate) fn everybody(&self) -> Vec<Address> {
        self.keys.keys().copied().collect()
    }

    pub(crate) fn anybody(&self, rng: &mut Rng) -> Address {
        *rng.pick(&self.everybody())
    }
}

/// What somebody has committed to, to be revealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secret {
    pub(crate) receipt: Receipt,
    pub(crate) salt: B256,
}

/// One sequence: the model, and what the players have seen and thought of.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) cast: Cast,
    pub(crate) model: Market,
    /// The block that the next call is in.
    pub(crate) block: Block,
    pub(crate) terms: Vec<Terms>,
    pub(crate) requests: Vec<JobOffer>,
    /// Jobs and resources that were offered, with the signatures given for them.
    pub(crate) jobs: Vec<(JobOffer, Option<Signature>)>,
    pub(crate) resources: Vec<(ResourceOffer, Option<Signature>)>,
    /// Receipts that were posted, by deal.
    pub(crate) posted: BTreeMap<B256, Receipt>,
    /// Commitments of replicas and mediators, by deal and party.
    pub(crate) secrets: BTreeMap<(B256, Address), Secret>,
    pub(crate) nonce: u64,
    /// The deal that the last move was about.
    pub(crate) focus: Option<usize>,
    /// The host's machines, which play some of the deals.
    pub(crate) machines: Machines,
}

impl World {
    pub(crate) fn new(seed: u64, cast: Cast, books: Books, client: Client, block: Block) -> Self {
        Self {
            rng: Rng::new(seed),
            cast,
            model: Market::new(books, client),
            block,
            terms: Vec::new(),
            requests: Vec::new(),
            jobs: Vec::new(),
            resources: Vec::new(),
            posted: BTreeMap::new(),
            secrets: BTreeMap::new(),
            nonce: 0,
            focus: None,
            machines: Machines::default(),
        }
    }

    /// The panel of a name, or one that it isn't.
    pub(crate) fn panel(&mut self, name: B256) -> Vec<Address> {
        let right = self.cast.panels.iter().find(|list| names::panel(list) == name).cloned();
        match right {
            Some(list) if !self.rng.percent(4) => list,
            _ => self.rng.pick(&self.cast.panels).clone(),
        }
    }

    /// Remembers what an accepted call tells everybody, or its caller.
    pub(crate) fn remember(&mut self, call: &Call) {
        match call {
            Call::Submit(terms, receipt) | Call::RevealResult(terms, receipt, _) => {
                self.posted.insert(terms.id(), *receipt);
            }
            Call::MatchOffers { jobs, resources } => {
                self.jobs.extend(jobs.iter().cloned());
                self.resources.extend(resources.iter().cloned());
            }
            Call::Batch { calls, .. } => {
                for call in calls {
                    self.remember(call);
                }
            }
            _ => {}
        }
    }

    /// Money that the sequence starts with.
    pub(crate) fn first_deposits(cast: &Cast, client: Address) -> Vec<(Address, u128)> {
        let mut deposits: Vec<_> =
            cast.creators.iter().chain(&cast.providers).map(|party| (*party, DEPOSIT)).collect();
        deposits[2].1 = DEPOSIT_POOR;
        deposits.push((cast.mediators[0], DEPOSIT));
        deposits.push((client, DEPOSIT));
        deposits
    }

    /// The books after those deposits.
    pub(crate) fn first_books(cast: &Cast, client: Address) -> Books {
        let mut books = Books::default();
        for party in cast.everybody().into_iter().chain([client]) {
            books.wallets.insert(party, U256::from(WALLET));
        }
        for (party, amount) in Self::first_deposits(cast, client) {
            books.deposit(party, U256::from(amount)).expect("within the wallet");
        }
        books
    }
}
