//! The market: all of its state, and `step`, which plays one call.

use super::{
    client::Client,
    deal::{Deal, Group},
    mediation::Mediation,
    money::Books,
    types::{JobOffer, Receipt, Refusal, ResourceOffer, Settlement, Signature, Terms},
};
use alloy::primitives::{Address, B256, U256};
use std::collections::{BTreeMap, BTreeSet};

/// What a call can know of the chain.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    /// How far back hashes of blocks can be had: 256 blocks, or 8,191 where the chain has EIP-2935.
    pub(crate) reach: u64,
    /// Hashes of the blocks that deals may ask for.
    pub(crate) hashes: BTreeMap<u64, B256>,
}

impl Block {
    /// The hash of an earlier block, if it can be had.
    pub(crate) fn hash(&self, number: u64) -> Option<B256> {
        let known = number < self.number && self.number - number <= self.reach;
        known.then(|| *self.hashes.get(&number).expect("the driver knows the hashes of all anchors"))
    }
}

/// A call of a verb, with the arguments that matter.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Deposit(U256),
    Withdraw(U256),
    RegisterPanel(Vec<Address>),
    PayPanel(Vec<Address>),
    CancelNonce(u64),
    RequestJob {
        offer: JobOffer,
        input: Vec<u8>,
    },
    CancelRequest(JobOffer),
    MatchOffers {
        jobs: Vec<(JobOffer, Option<Signature>)>,
        resources: Vec<(ResourceOffer, Option<Signature>)>,
    },
    Decline(Terms),
    Submit(Terms, Receipt),
    CommitResult(Terms, B256),
    RevealResult(Terms, Receipt, B256),
    TimeOut(Terms),
    Accept(Terms, Receipt),
    Finalize(Terms, Receipt),
    FixSeed(Terms),
    Challenge(Terms, Vec<Address>),
    Audit(Terms, Vec<Address>),
    Conclude {
        terms: Terms,
        receipt: Receipt,
        drawn: Vec<Address>,
    },
    DeliverResult {
        terms: Terms,
        receipt: Receipt,
        journal: Vec<u8>,
    },
    DeliverFailure(Terms),
    Batch {
        calls: Vec<Call>,
        all_or_nothing: bool,
    },
    // At the mediation.
    CommitReceipt {
        deal: B256,
        drawn: Vec<Address>,
        commitment: B256,
    },
    RevealReceipt {
        deal: B256,
        drawn: Vec<Address>,
        receipt: Receipt,
        salt: B256,
    },
    // At the example client.
    Ask(String),
}

/// What a call brought that later calls need to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    /// The deals that were made.
    pub(crate) deals: Vec<Terms>,
    /// The requests that were posted.
    pub(crate) requests: Vec<JobOffer>,
    /// The deals that ended.
    pub(crate) settled: Vec<Settled>,
}

/// How a deal ended, and what each got of both deposits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) deal: B256,
    pub(crate) how: Settlement,
    pub(crate) creator: U256,
    pub(crate) provider: U256,
    pub(crate) solver: U256,
    pub(crate) burned: U256,
    pub(crate) mediators: Vec<Address>,
}

/// Everything that the market, its mediation and its client know.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) books: Books,
    /// Sizes by name.
    pub(crate) panels: BTreeMap<B256, usize>,
    pub(crate) nonces: BTreeSet<(Address, u64)>,
    pub(crate) slots_used: BTreeMap<B256, u32>,
    pub(crate) request_locks: BTreeMap<B256, U256>,
    pub(crate) requests_cancelled: BTreeSet<B256>,
    /// Hashes of anchor blocks that somebody fixed.
    pub(crate) seeds: BTreeMap<u64, B256>,
    pub(crate) deals: BTreeMap<B256, Deal>,
    pub(crate) groups: BTreeMap<B256, Group>,
    pub(crate) mediation: Mediation,
    pub(crate) client: Client,
    /// Of the call that is being played.
    pub(crate) settled: Vec<Settled>,
}

impl Market {
    pub(crate) fn new(books: Books, client: Client) -> Self {
        Self {
            books,
            client,
            panels: BTreeMap::new(),
            nonces: BTreeSet::new(),
            slots_used: BTreeMap::new(),
            request_locks: BTreeMap::new(),
            requests_cancelled: BTreeSet::new(),
            seeds: BTreeMap::new(),
            deals: BTreeMap::new(),
            groups: BTreeMap::new(),
            mediation: Mediation::default(),
            settled: Vec::new(),
        }
    }

    /// Plays one call: all of it, or nothing and why.
    pub(crate) fn step(&mut self, block: &Block, caller: Address, call: &Call) -> Result<Effects, Refusal> {
        let mut next = self.clone();
        let mut effects = next.play(block, caller, call)?;
        effects.settled.append(&mut next.settled);
        *self = next;
        Ok(effects)
    }

    /// Like [`Self::step`], but a refused call may leave half of its work.
    fn play(&mut self, block: &Block, caller: Address, call: &Call) -> Result<Effects, Refusal> {
        let mut effects = Effects::default();
        match call {
            Call::Deposit(amount) => self.books.deposit(caller, *amount)?,
            Call::Withdraw(amount) => self.books.withdraw(caller, *amount)?,
            Call::RegisterPanel(members) => self.register_panel(members)?,
            Call::PayPanel(members) => self.pay_panel(members)?,
            Call::CancelNonce(nonce) => {
                self.nonces.insert((caller, *nonce));
            }
            Call::RequestJob { offer, input } => {
                self.request_job(block, caller, offer, input)?;
                effects.requests.push(offer.clone());
            }
            Call::CancelRequest(offer) => self.cancel_request(block, caller, offer)?,
            Call::MatchOffers { jobs, resources } => {
                effects.deals = self.match_offers(block, caller, jobs, resources)?;
            }
            Call::Decline(terms) => self.decline(block, caller, terms)?,
            Call::Submit(terms, receipt) => self.submit(block, caller, terms, receipt)?,
            Call::CommitResult(terms, commitment) => self.commit_result(block, caller, terms, *commitment)?,
            Call::RevealResult(terms, receipt, salt) => {
                self.reveal_result(block, caller, terms, receipt, *salt)?
            }
            Call::TimeOut(terms) => self.time_out(block, terms)?,
            Call::Accept(terms, receipt) => self.accept(block, caller, terms, receipt)?,
            Call::Finalize(terms, receipt) => self.finalize(block, terms, receipt)?,
            Call::FixSeed(terms) => self.fix_seed(block, terms)?,
            Call::Challenge(terms, panel) => self.challenge(block, caller, terms, panel)?,
            Call::Audit(terms, panel) => self.audit(block, terms, panel)?,
            Call::Conclude { terms, receipt, drawn } => self.conclude(block, terms, receipt, drawn)?,
            Call::DeliverResult { terms, receipt, journal } => {
                self.deliver_result(block, terms, receipt, journal)?
            }
            Call::DeliverFailure(terms) => self.deliver_failure(terms)?,
            Call::Batch { calls, all_or_nothing } => {
                for call in calls {
                    match self.step(block, caller, call) {
                        Ok(more) => {
                            effects.deals.extend(more.deals);
                            effects.requests.extend(more.requests);
                            effects.settled.extend(more.settled);
                        }
                        Err(refusal) if *all_or_nothing => return Err(refusal),
                        Err(_) => {}
                    }
                }
            }
            Call::CommitReceipt { deal, drawn, commitment } => {
                self.mediation.commit(block.timestamp, caller, *deal, drawn, *commitment)?;
            }
            Call::RevealReceipt { deal, drawn, receipt, salt } => {
                self.mediation.reveal(block.timestamp, caller, *deal, drawn, receipt, *salt)?;
            }
            Call::Ask(message) => {
                let (offer, input) = self.client.next_request(block.timestamp, caller, message)?;
                self.request_job(block, self.client.address, &offer, &input)?;
                self.client.open.insert(offer.hash());
                effects.requests.push(offer);
            }
        }
        Ok(effects)
    }
}
