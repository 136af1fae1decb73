//! What is said of a result: accepted, left to pass, challenged, audited, mediated.

use super::{
    contract::{Block, Market},
    mediation::{self, Verdict},
    names,
    settle::cost,
    types::{Accord, Cut, DealState, Receipt, Refusal, Settlement, Terms, Verification, cut, refuse},
};
use alloy::primitives::{Address, U256};

impl Market {
    pub(crate) fn accept(
        &mut self,
        block: &Block,
        caller: Address,
        terms: &Terms,
        receipt: &Receipt,
    ) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Submitted)?;
        if caller != terms.creator {
            return refuse!(NotCreator, caller);
        }
        if terms.replicated() {
            let group = self.group(terms);
            if group.accord != Accord::Agreeing {
                return refuse!(MediationDue, terms.id());
            }
            // As long as another replica can contradict it, a creator can't take it.
            let last = deal.deadline - u64::from(terms.rules.judge_window);
            if group.revealed != terms.rules.replicas && block.timestamp <= last {
                return refuse!(TooEarly, last + 1);
            }
        }
        deal.check_receipt(receipt)?;
        self.settle(terms, Settlement::Accepted, cost(terms, receipt), &[], U256::ZERO);
        Ok(())
    }

    pub(crate) fn finalize(
        &mut self,
        block: &Block,
        terms: &Terms,
        receipt: &Receipt,
    ) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Submitted)?;
        deal.check_receipt(receipt)?;
        let mut group = self.group(terms);
        let mut reimbursed = U256::ZERO;
        let how = match group.accord {
            Accord::Disputed | Accord::InMediation => return refuse!(MediationDue, terms.id()),
            Accord::VerdictVaried => Settlement::JobVaried,
            Accord::VerdictInconclusive => Settlement::Inconclusive,
            Accord::VerdictAgreed => {
                if group.receipt_hash == cut(receipt.comparable(terms.rules.verification)) {
                    Settlement::AuditPassed
                } else {
                    // The first replica that the verdict finds wrong pays back what the proof cost.
                    reimbursed = U256::from(group.fees_due) * U256::from(terms.mediator_fee);
                    group.fees_due = 0;
                    self.set_group(terms, group);
                    Settlement::ProviderSlashed
                }
            }
            Accord::Agreeing => {
                let all = terms.replicated() && group.revealed == terms.rules.replicas;
                if !all && block.timestamp <= deal.deadline {
                    return refuse!(TooEarly, deal.deadline + 1);
                }
                if terms.rules.audit_bps != 0
                    && mediation::audited(self.seed(block, &deal)?, terms.id(), terms.rules.audit_bps)
                {
                    return refuse!(MediationDue, terms.id());
                }
                if all { Settlement::Agreed } else { Settlement::Finalized }
            }
        };
        self.settle(terms, how, cost(terms, receipt), &[], reimbursed);
        Ok(())
    }

    pub(crate) fn fix_seed(&mut self, block: &Block, terms: &Terms) -> Result<(), Refusal> {
        let mut deal = self.expect_state(terms, DealState::Submitted)?;
        if self.seeds.contains_key(&deal.anchor_block) {
            return Ok(());
        }
        if block.number <= deal.anchor_block {
            return refuse!(SeedNotKnown, deal.anchor_block);
        }
        if let Some(seed) = block.hash(deal.anchor_block) {
            self.seeds.insert(deal.anchor_block, seed);
        } else {
            deal.anchor_block = block.number + 1;
            self.set(terms, deal);
        }
        Ok(())
    }

    pub(crate) fn challenge(
        &mut self,
        block: &Block,
        caller: Address,
        terms: &Terms,
        panel: &[Address],
    ) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Submitted)?;
        if caller != terms.creator {
            return refuse!(NotCreator, caller);
        }
        if block.timestamp > deal.deadline {
            return refuse!(TooLate, deal.deadline);
        }
        if terms.rules.verification == Verification::Unverified {
            return refuse!(NotVerifiable, terms.id());
        }
        self.open_mediation(block, terms, panel, DealState::Challenged)
    }

    pub(crate) fn audit(&mut self, block: &Block, terms: &Terms, panel: &[Address]) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Submitted)?;
        let due = self.group(terms).accord == Accord::Disputed
            || mediation::audited(self.seed(block, &deal)?, terms.id(), terms.rules.audit_bps);
        if !due {
            return refuse!(AuditNotDrawn, terms.id());
        }
        self.open_mediation(block, terms, panel, DealState::Audited)
    }

    fn open_mediation(
        &mut self,
        block: &Block,
        terms: &Terms,
        panel: &[Address],
        state: DealState,
    ) -> Result<(), Refusal> {
        if names::panel(panel) != terms.panel {
            return refuse!(PanelInvalid);
        }
        let mut deal = self.deal(terms);
        if terms.replicated() {
            let mut group = self.group(terms);
            if !matches!(group.accord, Accord::Agreeing | Accord::Disputed) {
                return refuse!(MediationDone, terms.id());
            }
            group.accord = Accord::InMediation;
            self.set_group(terms, group);
        }
        let seed = self.seed(block, &deal)?;
        let parties = [terms.creator, terms.provider];
        // Replicas have one jury, whichever of them is mediated.
        let lot = if terms.replicated() { terms.job_offer_hash } else { terms.id() };
        let seed = names::hash_words([seed, lot]);
        let drawn = mediation::draw(panel, parties, terms.rules.mediator_count, seed);
        let Terms { rules, .. } = terms;
        self.mediation.open(terms.id(), drawn, block.timestamp, rules.mediation_window, rules.verification);
        deal.state = state;
        self.set(terms, deal);
        Ok(())
    }

    pub(crate) fn conclude(
        &mut self,
        block: &Block,
        terms: &Terms,
        receipt: &Receipt,
        drawn: &[Address],
    ) -> Result<(), Refusal> {
        let deal = self.deal(terms);
        if !matches!(deal.state, DealState::Challenged | DealState::Audited) {
            return refuse!(WrongState, terms.id());
        }
        deal.check_receipt(receipt)?;
        let (verdict, paid) = self.mediation.close(block.timestamp, terms.id(), drawn)?;
        let how = match verdict {
            Verdict::Varied => Settlement::JobVaried,
            Verdict::Inconclusive => Settlement::Inconclusive,
            Verdict::Agreed(hash) if hash != receipt.comparable(terms.rules.verification) => {
                Settlement::ProviderSlashed
            }
            Verdict::Agreed(_) if deal.state == DealState::Challenged => Settlement::ProviderUpheld,
            Verdict::Agreed(_) => Settlement::AuditPassed,
        };
        if terms.replicated() {
            let mut group = self.group(terms);
            (group.accord, group.receipt_hash) = match verdict {
                Verdict::Agreed(hash) => (Accord::VerdictAgreed, cut(hash)),
                Verdict::Varied => (Accord::VerdictVaried, Cut::ZERO),
                Verdict::Inconclusive => (Accord::VerdictInconclusive, Cut::ZERO),
            };
            if how != Settlement::ProviderSlashed {
                group.fees_due = u8::try_from(paid.len()).expect("at most seven mediators");
            }
            self.set_group(terms, group);
        }
        self.settle(terms, how, cost(terms, receipt), &paid, U256::ZERO);
        Ok(())
    }
}
