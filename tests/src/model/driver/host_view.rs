//! The model's nouns and state as a host's.

use super::world::World;
use crate::model::{
    mediation::{Finding, Seat, audited},
    types::{self, Accord, Callback, Receipt, Settlement, Terms},
};
use alloy::primitives::B256;
use lilypad_abi::{BlobDigest, Receipt as HostReceipt, ReceiptHash};
use lilypad_host::deal as host;

pub(crate) fn to_host(r: &Receipt) -> HostReceipt {
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

pub(crate) fn from_host(r: &HostReceipt) -> Receipt {
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
    pub(crate) fn host_view(&self, terms: &Terms) -> host::DealView {
        let id = terms.id();
        let deal = self.model.deal(terms);
        let group = self.model.group(terms);
        let seed = self.model.known_seed(&self.block, &deal);
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
            seed_lost: seed.is_none() && submitted && self.block.number > deal.anchor_block,
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
}
