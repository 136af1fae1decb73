//! The host's own state machines play some deals: what they do must be taken, and they must bring each deal to its end.
//!
//! A deal that is kept by machines is left alone by the random moves, but for what any stranger may call.
//! Machines see what the model says, restart at any time, and have owners of every kind: honest, cheating, failing.

use super::{
    host_view::{from_host, to_host},
    moves::{JOURNAL, right_receipt},
    world::{Secret, World},
};
use crate::model::{
    contract::Call,
    names::{self, commitment},
    types::{DealState, Receipt, Settlement, Terms, Verification},
};
use alloy::primitives::{Address, B256, keccak256};
use lilypad_abi::Receipt as HostReceipt;
use lilypad_host::deal::{
    self as host, CreatorAction, CreatorEvent, MediatorAction, MediatorEvent, ProviderAction, ProviderEvent,
};
use std::collections::{BTreeMap, BTreeSet};

/// What kind of owner a machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Honest,
    Cheat,
    Failing,
}

/// All machines of a sequence, and what their owners keep on disk.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    /// Jobs all of whose deals are kept by machines.
    kept: BTreeSet<B256>,
    providers: BTreeMap<B256, host::Provider>,
    creators: BTreeMap<B256, host::Creator>,
    mediators: BTreeMap<(B256, Address), host::Mediator>,
    owners: BTreeMap<(B256, Address), Owner>,
    journals: BTreeMap<(B256, Address), Receipt>,
}

impl World {
    /// Decides whether machines keep new deals. Contracts have no machine.
    pub(crate) fn keep_some(&mut self, deals: &[Terms]) {
        for terms in deals {
            let group_known = self.machines.kept.contains(&terms.job_offer_hash);
            let first =
                deals.iter().find(|other| other.job_offer_hash == terms.job_offer_hash) == Some(terms);
            let keyed = self.cast.keys.contains_key(&terms.creator);
            if !group_known && first && keyed && self.rng.percent(50) {
                self.machines.kept.insert(terms.job_offer_hash);
            }
        }
    }

    /// Whether machines keep a deal.
    pub(crate) fn kept(&self, terms: &Terms) -> bool {
        self.machines.kept.contains(&terms.job_offer_hash)
    }

    /// Deals that machines keep and that have not ended.
    pub(crate) fn kept_open(&self) -> Vec<Terms> {
        let open = |terms: &&Terms| self.kept(terms) && self.model.deal(terms).state != DealState::Settled;
        self.terms.iter().filter(open).cloned().collect()
    }

    fn owner(&mut self, deal: B256, party: Address, honest_percent: u64) -> Owner {
        if let Some(owner) = self.machines.owners.get(&(deal, party)) {
            return *owner;
        }
        let owner = match self.rng.below(100) {
            chance if chance < honest_percent => Owner::Honest,
            chance if chance % 2 == 0 => Owner::Cheat,
            _ => Owner::Failing,
        };
        self.machines.owners.insert((deal, party), owner);
        owner
    }

    /// What a run on this owner's machine gives.
    fn execute(&mut self, terms: &Terms, party: Address, honest_percent: u64) -> Option<Receipt> {
        let right = right_receipt(terms, self.rng.below(1_000));
        let receipt = match self.owner(terms.id(), party, honest_percent) {
            Owner::Failing => return None,
            Owner::Honest => right,
            Owner::Cheat => Receipt { outputs_digest: keccak256("a cheat's"), ..right },
        };
        self.machines.journals.insert((terms.id(), party), receipt);
        Some(receipt)
    }

    fn machine_secret(&mut self, terms: &Terms, party: Address, receipt: &HostReceipt) -> (Receipt, B256) {
        let (receipt, salt) = (from_host(receipt), self.rng.word());
        self.secrets.insert((terms.id(), party), Secret { receipt, salt });
        (receipt, commitment(terms.id(), party, &receipt, salt))
    }

    fn salt(&self, terms: &Terms, party: Address) -> B256 {
        self.secrets.get(&(terms.id(), party)).expect("it committed before").salt
    }

    fn right_panel(&self, terms: &Terms) -> Vec<Address> {
        let lists = &self.cast.panels;
        lists.iter().find(|list| names::panel(list) == terms.panel).expect("a known panel").clone()
    }

    fn settle_call(&self, terms: &Terms, what: fn(Terms, Receipt) -> Call) -> Call {
        what(terms.clone(), *self.posted.get(&terms.id()).expect("a result is posted"))
    }

    fn conclude_call(&self, terms: &Terms) -> Call {
        let drawn = self.model.mediation.dockets.get(&terms.id()).expect("mediated").drawn.clone();
        let receipt = *self.posted.get(&terms.id()).expect("a result is posted");
        Call::Conclude { terms: terms.clone(), receipt, drawn }
    }

    fn provider_machine(&mut self, terms: &Terms) -> Option<Call> {
        let (id, me) = (terms.id(), terms.provider);
        let view = self.host_view(terms);
        let journal = self.machines.journals.get(&(id, me)).map(to_host);
        let restart = self.rng.percent(10);
        for _ in 0..5 {
            let machine = self.machines.providers.entry(id).or_default();
            if restart {
                *machine = host::Provider::new(journal);
            }
            let action = machine.step(ProviderEvent::Chain(view.clone())).pop()?;
            let call = match action {
                ProviderAction::Execute => {
                    let event = match self.execute(terms, me, 60) {
                        Some(receipt) => ProviderEvent::Executed(to_host(&receipt)),
                        None => ProviderEvent::Failed { reason: host::DeclineReason::HostFault, retry: true },
                    };
                    self.machines.providers.get_mut(&id)?.step(event);
                    continue;
                }
                ProviderAction::Submit(receipt) => Call::Submit(terms.clone(), from_host(&receipt)),
                ProviderAction::Commit(receipt) => {
                    Call::CommitResult(terms.clone(), self.machine_secret(terms, me, &receipt).1)
                }
                ProviderAction::Reveal(receipt) => {
                    Call::RevealResult(terms.clone(), from_host(&receipt), self.salt(terms, me))
                }
                ProviderAction::Decline(_) => Call::Decline(terms.clone()),
                ProviderAction::Audit => Call::Audit(terms.clone(), self.right_panel(terms)),
                ProviderAction::FixSeed => Call::FixSeed(terms.clone()),
                ProviderAction::Finalize => self.settle_call(terms, Call::Finalize),
                ProviderAction::Conclude => self.conclude_call(terms),
                ProviderAction::Deliver => {
                    let receipt = *self.posted.get(&id).expect("a result stands");
                    Call::DeliverResult { terms: terms.clone(), receipt, journal: JOURNAL.to_vec() }
                }
                ProviderAction::DeliverFailure => Call::DeliverFailure(terms.clone()),
                ProviderAction::Done => return None,
            };
            return Some(call);
        }
        None
    }

    /// How the creator's check of a posted result ends, if it does.
    fn judge(&mut self, terms: &Terms) -> Option<host::Judgement> {
        let class = terms.rules.verification;
        let posted = self.posted.get(&terms.id()).expect("a result is posted").comparable(class);
        let right = right_receipt(terms, 0).comparable(class) == posted;
        match self.owner(terms.id(), terms.creator, 60) {
            Owner::Failing => None,
            Owner::Cheat => Some(host::Judgement::Trusted),
            Owner::Honest if right || class == Verification::Unverified => Some(host::Judgement::Good),
            Owner::Honest => Some(host::Judgement::Bad),
        }
    }

    fn creator_machine(&mut self, terms: &Terms) -> Option<Call> {
        let id = terms.id();
        let view = self.host_view(terms);
        if self.rng.percent(10) {
            self.machines.creators.remove(&id);
        }
        for _ in 0..2 {
            let machine = self.machines.creators.entry(id).or_default();
            let action = machine.step(CreatorEvent::Chain(view.clone())).pop()?;
            let call = match action {
                CreatorAction::Check => {
                    let judgement = self.judge(terms)?;
                    self.machines.creators.get_mut(&id)?.step(CreatorEvent::Checked(judgement));
                    continue;
                }
                CreatorAction::Accept => self.settle_call(terms, Call::Accept),
                CreatorAction::Challenge => Call::Challenge(terms.clone(), self.right_panel(terms)),
                CreatorAction::Audit => Call::Audit(terms.clone(), self.right_panel(terms)),
                CreatorAction::FixSeed => Call::FixSeed(terms.clone()),
                CreatorAction::Finalize => self.settle_call(terms, Call::Finalize),
                CreatorAction::TimeOut => Call::TimeOut(terms.clone()),
                CreatorAction::Conclude => self.conclude_call(terms),
                CreatorAction::Done => return None,
            };
            return Some(call);
        }
        None
    }

    fn mediator_machine(&mut self, terms: &Terms, me: Address) -> Option<Call> {
        let id = terms.id();
        let view = self.host_view(terms);
        let journal = self.machines.journals.get(&(id, me)).map(to_host);
        if self.rng.percent(10) {
            self.machines.mediators.remove(&(id, me));
        }
        let drawn = || self.model.mediation.dockets.get(&id).map(|docket| docket.drawn.clone());
        let drawn = drawn();
        for _ in 0..2 {
            let fresh = || host::Mediator::new(me.into_array(), journal);
            let machine = self.machines.mediators.entry((id, me)).or_insert_with(fresh);
            let action = machine.step(MediatorEvent::Chain(view.clone())).pop()?;
            let call = match action {
                MediatorAction::Execute => {
                    let event = match self.execute(terms, me, 88) {
                        Some(receipt) => MediatorEvent::Executed(to_host(&receipt)),
                        None => MediatorEvent::Failed,
                    };
                    self.machines.mediators.get_mut(&(id, me))?.step(event);
                    continue;
                }
                MediatorAction::Audit => Call::Audit(terms.clone(), self.right_panel(terms)),
                MediatorAction::Commit(receipt) => Call::CommitReceipt {
                    deal: id,
                    commitment: self.machine_secret(terms, me, &receipt).1,
                    drawn: drawn?,
                },
                MediatorAction::Reveal(receipt) => Call::RevealReceipt {
                    deal: id,
                    drawn: drawn?,
                    receipt: from_host(&receipt),
                    salt: self.salt(terms, me),
                },
                MediatorAction::Conclude => self.conclude_call(terms),
                MediatorAction::Done => return None,
            };
            return Some(call);
        }
        None
    }

    /// What some party's machine does about a deal, if any does anything. `turn` says who is asked first.
    pub(crate) fn machine_move(&mut self, terms: &Terms, turn: usize) -> Option<(Address, Call)> {
        let mediators = if terms.rules.mediator_count == 0 { Vec::new() } else { self.right_panel(terms) };
        let count = mediators.len() + 2;
        (0..count).find_map(|at| match (at + turn) % count {
            0 => Some((terms.provider, self.provider_machine(terms)?)),
            1 => Some((terms.creator, self.creator_machine(terms)?)),
            seat => Some((mediators[seat - 2], self.mediator_machine(terms, mediators[seat - 2])?)),
        })
    }

    /// Who was right is never slashed by those who are.
    pub(crate) fn check_kept_ends(&self) {
        for terms in self.terms.iter().filter(|terms| self.kept(terms)) {
            let id = terms.id();
            let mut owners = self.machines.owners.iter();
            // A deal may be judged by the mediation of another replica.
            let same_job = |deal: &B256| {
                self.terms
                    .iter()
                    .any(|other| other.id() == *deal && other.job_offer_hash == terms.job_offer_hash)
            };
            let honest = self.machines.owners.get(&(id, terms.provider)) == Some(&Owner::Honest);
            let mediators_honest = owners.all(|((deal, party), owner)| {
                !same_job(deal)
                    || *party == terms.creator
                    || *party == terms.provider
                    || *owner != Owner::Cheat
            });
            // Who committed and had no turn to reveal in time is slashed for that, whatever it had.
            let deal = self.model.deal(terms);
            let slashed = deal.settlement == Settlement::ProviderSlashed && deal.anchor_block != 0;
            assert!(!(honest && mediators_honest && slashed), "honest, and slashed: {id}");
        }
    }
}
