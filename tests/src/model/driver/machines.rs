//! The host's own state machines play some deals: what they do must be taken, and they must bring each deal to its end.
//!
//! A deal that is kept by machines is left alone by the random moves, but for what any stranger may call.
//! Machines see what the model says, restart at any time, and have owners of every kind: honest, cheating, failing.

use super::{
    moves::{JOURNAL, right_receipt},
    world::{Secret, World},
};
use crate::model::{
    contract::Call,
    mediation::{Finding, Seat, audited},
    names::{self, commitment},
    types::{self, Accord, Callback, Receipt, Settlement, Terms, Verification},
};
use alloy::primitives::{Address, B256, keccak256};
use lilypad_abi::{BlobDigest, Receipt as HostReceipt, ReceiptHash};
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

fn to_host(r: &Receipt) -> HostReceipt {
    HostReceipt {
        job_digest: BlobDigest(r.job_digest.0),
        profile: r.profile.0,
        status: r.status,
        trap_kind: r.trap_kind,
        exit_code: r.exit_code,
        fuel_used: r.fuel_used,
        outputs_digest: BlobDigest(r.outputs_digest.0),
        journal_hash: r.journal_hash.0,
    }
}

fn from_host(r: &HostReceipt) -> Receipt {
    Receipt {
        job_digest: B256::new(r.job_digest.0),
        profile: B256::new(r.profile),
        status: r.status,
        trap_kind: r.trap_kind,
        exit_code: r.exit_code,
        fuel_used: r.fuel_used,
        outputs_digest: B256::new(r.outputs_digest.0),
        journal_hash: B256::new(r.journal_hash),
    }
}

const fn host_state(state: types::DealState) -> host::DealState {
    match state {
        types::DealState::None => host::DealState::None,
        types::DealState::Matched => host::DealState::Matched,
        types::DealState::Committed => host::DealState::Committed,
        types::DealState::Submitted => host::DealState::Submitted,
        types::DealState::Challenged => host::DealState::Challenged,
        types::DealState::Audited => host::DealState::Audited,
        types::DealState::Settled => host::DealState::Settled,
    }
}

const fn host_settlement(how: Settlement) -> host::Settlement {
    match how {
        Settlement::None => host::Settlement::None,
        Settlement::Accepted => host::Settlement::Accepted,
        Settlement::Finalized => host::Settlement::Finalized,
        Settlement::Agreed => host::Settlement::Agreed,
        Settlement::ProviderUpheld => host::Settlement::ProviderUpheld,
        Settlement::AuditPassed => host::Settlement::AuditPassed,
        Settlement::ProviderSlashed => host::Settlement::ProviderSlashed,
        Settlement::JobVaried => host::Settlement::JobVaried,
        Settlement::Inconclusive => host::Settlement::Inconclusive,
        Settlement::SubmissionTimedOut => host::Settlement::SubmissionTimedOut,
        Settlement::Declined => host::Settlement::Declined,
    }
}

const fn host_accord(accord: Accord) -> host::Accord {
    match accord {
        Accord::Agreeing => host::Accord::Agreeing,
        Accord::Disputed => host::Accord::Disputed,
        Accord::InMediation => host::Accord::InMediation,
        Accord::VerdictAgreed | Accord::VerdictVaried | Accord::VerdictInconclusive => host::Accord::Judged,
    }
}

impl World {
    /// What a host reads of a deal from a block like the one that the next call is in.
    fn host_view(&self, terms: &Terms) -> host::DealView {
        let id = terms.id();
        let deal = self.model.deal(terms);
        let group = self.model.group(terms);
        let seed = deal.known_seed(&self.block);
        let drawn = seed.is_some_and(|seed| audited(seed, id, terms.rules.audit_bps));
        let submitted = deal.state == types::DealState::Submitted;
        let mut view = host::DealView {
            state: host_state(deal.state),
            settlement: host_settlement(deal.settlement),
            now: self.block.timestamp,
            deadline: deal.deadline,
            reveal_deadline: match deal.state {
                types::DealState::Committed => deal.reveal_deadline(terms),
                types::DealState::Submitted if terms.rules.replicas > 1 => {
                    deal.deadline - u64::from(terms.rules.judge_window)
                }
                _ => 0,
            },
            decline_deadline: terms.decline_deadline(),
            seed_known: seed.is_some(),
            seed_lost: seed.is_none() && deal.anchor_block != 0 && self.block.number > deal.anchor_block,
            audits: terms.rules.audit_bps > 0,
            audit_due: submitted
                && (group.accord == Accord::Disputed || (group.accord == Accord::Agreeing && drawn)),
            receipt_stub: deal.receipt_hash.0,
            group: host::Group {
                replicas: terms.rules.replicas,
                committed: group.committed,
                revealed: group.revealed,
                accord: host_accord(group.accord),
            },
            seats: Vec::new(),
            callback: match (terms.rules.callback_gas, deal.callback) {
                (0, _) => host::Callback::NotAsked,
                (_, Callback::None) => host::Callback::Due,
                (_, Callback::Failed) => host::Callback::Failed,
                (_, Callback::Delivered) => host::Callback::Delivered,
            },
        };
        if let Some(docket) = self.model.mediation.dockets.get(&id) {
            view.deadline = docket.commit_deadline;
            view.reveal_deadline = docket.reveal_deadline();
            let seats = docket.drawn.iter().zip(&docket.seats);
            view.seats = seats
                .map(|(mediator, seat)| host::Seat {
                    mediator: mediator.into_array(),
                    committed: *seat != Seat::Empty,
                    revealed: match seat {
                        Seat::Revealed(Finding::Receipt(hash)) => Some(ReceiptHash(hash.0)),
                        Seat::Revealed(Finding::Varied) => Some(ReceiptHash(Finding::Varied.word().0)),
                        Seat::Empty | Seat::Committed(_) => None,
                    },
                })
                .collect();
        }
        view
    }

    /// Decides whether machines keep new deals. Contracts have no machine.
    pub(crate) fn keep_some(&mut self, deals: &[Terms]) {
        for terms in deals {
            let group_known = self.machines.kept.contains(&terms.job_offer_hash);
            let first =
                deals.iter().find(|other| other.job_offer_hash == terms.job_offer_hash) == Some(terms);
            let keyed = self.cast.keys.contains_key(&terms.creator);
            if !group_known && first && keyed && self.rng.percent(45) {
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
        let open =
            |terms: &&Terms| self.kept(terms) && self.model.deal(terms).state != types::DealState::Settled;
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
                    let event = match self.execute(terms, me, 70) {
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
            let how = self.model.deal(terms).settlement;
            assert!(
                !(honest && mediators_honest && how == Settlement::ProviderSlashed),
                "honest, and slashed: {id}"
            );
        }
    }
}
