//! Random moves of a deal's parties, its mediators and strangers, right or wrong.

use super::world::{Secret, World};
use crate::model::{
    contract::Call,
    mediation::Seat,
    names::{commitment, hash_words},
    types::{DealState, Receipt, Rules, Terms, Verification},
};
use alloy::primitives::{Address, B256, keccak256};
use std::cell::OnceCell;

/// The journal that all jobs write.
pub(crate) const JOURNAL: &[u8] = b"moo";

/// The receipt that an honest run of a job gives; where fuel is time, each run takes its own.
pub(crate) fn right_receipt(terms: &Terms, runs_vary: u64) -> Receipt {
    let half = terms.fuel_limit / 2;
    let vary = if terms.rules.verification == Verification::Repeated { runs_vary } else { 0 };
    Receipt {
        job_digest: if terms.input_hash.is_zero() { terms.job_digest } else { keccak256("completed") },
        profile: terms.profile,
        status: 0,
        trap_kind: 0,
        exit_code: 0,
        fuel_used: (half + vary).min(terms.fuel_limit),
        outputs_digest: hash_words([terms.job_digest, terms.input_hash]),
        journal_hash: keccak256(JOURNAL),
    }
}

impl World {
    /// A receipt: mostly right, sometimes wrong, now and then one that the contract can't take.
    fn some_receipt(&mut self, terms: &Terms, right_percent: u64) -> Receipt {
        let right = right_receipt(terms, self.rng.below(1_000));
        if self.rng.percent(right_percent) {
            return right;
        }
        match self.rng.below(12) {
            0 => Receipt { status: 3, fuel_used: 0, outputs_digest: B256::ZERO, ..right },
            1 => Receipt { status: 3, ..right },
            2 => Receipt { status: 4, ..right },
            3 => Receipt { status: 5, ..right },
            4 => Receipt { profile: self.rng.word(), ..right },
            5 => Receipt { job_digest: self.rng.word(), ..right },
            6 => Receipt { fuel_used: terms.fuel_limit.saturating_add(1), ..right },
            7 => Receipt { status: 1, trap_kind: 2, exit_code: 9, ..right },
            8 => Receipt { outputs_digest: self.rng.word(), ..right },
            _ => Receipt { outputs_digest: keccak256("wrong"), ..right },
        }
    }

    /// What was posted for a deal, or now and then something else.
    fn posted_receipt(&mut self, terms: &Terms) -> Receipt {
        match self.posted.get(&terms.id()) {
            Some(receipt) if !self.rng.percent(4) => *receipt,
            _ => self.some_receipt(terms, 50),
        }
    }

    /// Who should call, or now and then anybody.
    pub(crate) fn caller(&mut self, right: Address) -> Address {
        if self.rng.percent(6) { self.cast.anybody(&mut self.rng) } else { right }
    }

    fn drawn(&mut self, deal: B256) -> Vec<Address> {
        let Some(docket) = self.model.mediation.dockets.get(&deal) else {
            return self.rng.pick(&self.cast.panels)[..1].to_vec();
        };
        let mut drawn = docket.drawn.clone();
        if self.rng.percent(3) {
            drawn.rotate_left(1);
            drawn.truncate(self.rng.index(3) + 1);
        }
        drawn
    }

    /// A deal that somebody does something about: often the last one again, so that it comes to an end.
    fn some_deal(&mut self) -> Option<Terms> {
        if self.terms.is_empty() {
            return None;
        }
        let open: Vec<_> = (0..self.terms.len())
            .filter(|at| self.model.deal(&self.terms[*at]).state != DealState::Settled)
            .collect();
        // Several have to act in time there, each more than once.
        let busy: Vec<_> = open
            .iter()
            .copied()
            .filter(|at| {
                let state = self.model.deal(&self.terms[*at]).state;
                matches!(state, DealState::Committed | DealState::Challenged | DealState::Audited)
            })
            .collect();
        let at = match self.focus {
            _ if !busy.is_empty() && self.rng.percent(45) => *self.rng.pick(&busy),
            Some(at) if self.rng.percent(35) => at,
            _ if !open.is_empty() && self.rng.percent(85) => *self.rng.pick(&open),
            _ => self.rng.index(self.terms.len()),
        };
        self.focus = Some(at);
        let mut terms = self.terms[at].clone();
        if self.rng.percent(1) {
            // A deal that nobody made.
            terms.rules = Rules { penalty_bps: terms.rules.penalty_bps ^ 1, ..terms.rules };
            terms.known_id = OnceCell::new();
        }
        Some(terms)
    }

    pub(crate) fn deal_move(&mut self) -> Option<(Address, Call)> {
        let terms = self.some_deal()?;
        if self.kept(&terms) {
            return self.stranger_move(terms);
        }
        let state = self.model.deal(&terms).state;
        // Now and then a verb of another state.
        let state = if self.rng.percent(8) {
            *self.rng.pick(&[
                DealState::Matched,
                DealState::Committed,
                DealState::Submitted,
                DealState::Challenged,
                DealState::Settled,
            ])
        } else {
            state
        };
        Some(match state {
            DealState::None | DealState::Matched => self.result_move(terms),
            DealState::Committed => {
                let secret = self.secrets.get(&(terms.id(), terms.provider)).copied();
                let Secret { mut receipt, salt } =
                    secret.unwrap_or(Secret { receipt: right_receipt(&terms, 0), salt: B256::ZERO });
                if self.rng.percent(3) {
                    receipt.exit_code += 1;
                }
                let caller = self.caller(terms.provider);
                match self.rng.below(12) {
                    0 => (self.cast.anybody(&mut self.rng), Call::TimeOut(terms)),
                    _ => (caller, Call::RevealResult(terms, receipt, salt)),
                }
            }
            DealState::Submitted => self.judge_move(terms),
            DealState::Challenged | DealState::Audited => self.mediate_move(terms),
            DealState::Settled => {
                let anybody = self.cast.anybody(&mut self.rng);
                if self.rng.percent(35) {
                    return Some((anybody, Call::DeliverFailure(terms)));
                }
                let receipt = self.posted_receipt(&terms);
                let journal = if self.rng.percent(5) { b"no".to_vec() } else { JOURNAL.to_vec() };
                (anybody, Call::DeliverResult { terms, receipt, journal })
            }
        })
    }

    /// What nobody needs to be anybody for.
    fn stranger_move(&mut self, terms: Terms) -> Option<(Address, Call)> {
        let receipt = *self.posted.get(&terms.id())?;
        let call = match self.rng.below(7) {
            0 => Call::TimeOut(terms),
            1 => Call::Finalize(terms, receipt),
            2 => Call::FixSeed(terms),
            3 => {
                let panel = self.panel(terms.panel);
                Call::Audit(terms, panel)
            }
            4 => {
                let drawn = self.drawn(terms.id());
                Call::Conclude { terms, receipt, drawn }
            }
            5 => Call::DeliverFailure(terms),
            _ => Call::DeliverResult { terms, receipt, journal: JOURNAL.to_vec() },
        };
        Some((self.cast.solvers[1], call))
    }

    /// The provider's move.
    fn result_move(&mut self, terms: Terms) -> (Address, Call) {
        let caller = self.caller(terms.provider);
        match self.rng.below(24) {
            0 => return (caller, Call::Decline(terms)),
            1 => return (self.cast.anybody(&mut self.rng), Call::TimeOut(terms)),
            _ => {}
        }
        let receipt = self.some_receipt(&terms, 65);
        let replicated = (terms.rules.replicas > 1) != self.rng.percent(4);
        if !replicated {
            return (caller, Call::Submit(terms, receipt));
        }
        let salt = self.rng.word();
        let bound = commitment(terms.id(), terms.provider, &receipt, salt);
        // Whoever's turn it isn't has no secret.
        if self.model.deal(&terms).state == DealState::Matched {
            self.secrets.insert((terms.id(), terms.provider), Secret { receipt, salt });
        }
        (caller, Call::CommitResult(terms, bound))
    }

    /// The creator's move, or anybody's about a result.
    fn judge_move(&mut self, terms: Terms) -> (Address, Call) {
        let receipt = self.posted_receipt(&terms);
        let creator = self.caller(terms.creator);
        let anybody = self.cast.anybody(&mut self.rng);
        match self.rng.below(12) {
            0 => (creator, Call::Accept(terms, receipt)),
            1..4 => (anybody, Call::Finalize(terms, receipt)),
            4 => (anybody, Call::FixSeed(terms)),
            5..8 => {
                let panel = self.panel(terms.panel);
                (creator, Call::Challenge(terms, panel))
            }
            8..11 => {
                let panel = self.panel(terms.panel);
                (anybody, Call::Audit(terms, panel))
            }
            _ => (anybody, Call::TimeOut(terms)),
        }
    }

    /// A drawn mediator's move, or the end of the mediation.
    fn mediate_move(&mut self, terms: Terms) -> (Address, Call) {
        let deal = terms.id();
        let drawn = self.drawn(deal);
        if self.rng.percent(15) {
            let receipt = self.posted_receipt(&terms);
            return (self.cast.anybody(&mut self.rng), Call::Conclude { terms, receipt, drawn });
        }
        let idle: Vec<_> = self.model.mediation.dockets.get(&deal).map_or_else(Vec::new, |docket| {
            let seats = docket.drawn.iter().zip(&docket.seats);
            seats.filter(|(_, seat)| !matches!(seat, Seat::Revealed(_))).map(|(who, _)| *who).collect()
        });
        let seat = if idle.is_empty() || self.rng.percent(5) {
            *self.rng.pick(&drawn)
        } else {
            *self.rng.pick(&idle)
        };
        let mediator = self.caller(seat);
        let known = self.secrets.get(&(deal, mediator)).copied();
        if let Some(Secret { mut receipt, salt }) = known
            && !self.rng.percent(10)
        {
            if self.rng.percent(3) {
                receipt.exit_code += 1;
            }
            return (mediator, Call::RevealReceipt { deal, drawn, receipt, salt });
        }
        let mut receipt = self.some_receipt(&terms, 88);
        if terms.rules.verification == Verification::Repeated && self.rng.percent(10) {
            receipt.status = 4;
        }
        let salt = self.rng.word();
        let bound = commitment(deal, mediator, &receipt, salt);
        if known.is_none() {
            self.secrets.insert((deal, mediator), Secret { receipt, salt });
        }
        let bound = if self.rng.percent(1) { B256::ZERO } else { bound };
        (mediator, Call::CommitReceipt { deal, drawn, commitment: bound })
    }
}
