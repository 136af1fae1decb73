//! The life of a deal: results, judging, settlement, callbacks.

use super::{
    contract::{Block, Market},
    mediation::{self, Verdict},
    money::{self, BURNED, panel_account},
    names,
    types::{
        Accord, Callback, Cut, DealState, Receipt, Refusal, Settlement, Terms, Verification, cut, refuse,
    },
};
use alloy::primitives::{Address, B256, U256, keccak256};

/// What the market keeps of a deal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deal {
    pub(crate) state: DealState,
    pub(crate) settlement: Settlement,
    pub(crate) callback: Callback,
    pub(crate) deadline: u64,
    pub(crate) anchor_block: u64,
    pub(crate) seed: Option<B256>,
    pub(crate) receipt_hash: Cut,
}

/// How the replicas of a job stand to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) committed: u8,
    pub(crate) revealed: u8,
    pub(crate) accord: Accord,
    pub(crate) fees_due: u8,
    pub(crate) receipt_hash: Cut,
}

impl Terms {
    /// Last second to decline: half of the submit window.
    pub(crate) fn decline_deadline(&self) -> u64 {
        self.rules.matched_at + u64::from(self.rules.submit_window / 2)
    }

    fn replicated(&self) -> bool {
        self.rules.replicas > 1
    }
}

impl Deal {
    /// A committed replica's last second to reveal.
    pub(crate) fn reveal_deadline(&self, terms: &Terms) -> u64 {
        self.deadline + u64::from(terms.rules.mediation_window)
    }

    /// The seed, if somebody fixed it or the chain still has the anchor's hash.
    pub(crate) fn known_seed(&self, block: &Block) -> Option<B256> {
        self.seed.or_else(|| if self.anchor_block == 0 { None } else { block.hash(self.anchor_block) })
    }

    fn seed(&self, block: &Block) -> Result<B256, Refusal> {
        match self.known_seed(block) {
            Some(seed) => Ok(seed),
            None if block.number <= self.anchor_block => refuse!(SeedNotKnown, self.anchor_block),
            None => refuse!(SeedLost, self.anchor_block),
        }
    }

    fn check_receipt(&self, receipt: &Receipt) -> Result<(), Refusal> {
        let given = cut(receipt.hash());
        if given == self.receipt_hash { Ok(()) } else { refuse!(ReceiptMismatch, self.receipt_hash, given) }
    }
}

impl Market {
    pub(crate) fn deal(&self, terms: &Terms) -> Deal {
        self.deals.get(&terms.id()).copied().unwrap_or_default()
    }

    pub(crate) fn group(&self, terms: &Terms) -> Group {
        self.groups.get(&terms.job_offer_hash).copied().unwrap_or_default()
    }

    fn set(&mut self, terms: &Terms, deal: Deal) {
        self.deals.insert(terms.id(), deal);
    }

    fn set_group(&mut self, terms: &Terms, group: Group) {
        self.groups.insert(terms.job_offer_hash, group);
    }

    fn expect_state(&self, terms: &Terms, state: DealState) -> Result<Deal, Refusal> {
        let deal = self.deal(terms);
        if deal.state == state { Ok(deal) } else { refuse!(WrongState, terms.id()) }
    }

    /// A deal that waits for its provider, whose caller is the provider.
    fn owed_by(&self, caller: Address, terms: &Terms) -> Result<Deal, Refusal> {
        let deal = self.expect_state(terms, DealState::Matched)?;
        if caller == terms.provider { Ok(deal) } else { refuse!(NotProvider, caller) }
    }

    pub(crate) fn decline(&mut self, block: &Block, caller: Address, terms: &Terms) -> Result<(), Refusal> {
        self.owed_by(caller, terms)?;
        if block.timestamp > terms.decline_deadline() {
            return refuse!(TooLate, terms.decline_deadline());
        }
        self.settle(terms, Settlement::Declined, U256::ZERO, &[], U256::ZERO);
        Ok(())
    }

    pub(crate) fn submit(
        &mut self,
        block: &Block,
        caller: Address,
        terms: &Terms,
        receipt: &Receipt,
    ) -> Result<(), Refusal> {
        let deal = self.owed_by(caller, terms)?;
        if terms.replicated() {
            return refuse!(CommitmentNeeded, terms.id());
        }
        if block.timestamp > deal.deadline {
            return refuse!(TooLate, deal.deadline);
        }
        self.post(block, terms, receipt, block.timestamp)
    }

    pub(crate) fn commit_result(
        &mut self,
        block: &Block,
        caller: Address,
        terms: &Terms,
        commitment: B256,
    ) -> Result<(), Refusal> {
        let deal = self.owed_by(caller, terms)?;
        if !terms.replicated() {
            return refuse!(CommitmentNotAsked, terms.id());
        }
        if block.timestamp > deal.deadline {
            return refuse!(TooLate, deal.deadline);
        }
        self.set(terms, Deal { state: DealState::Committed, receipt_hash: cut(commitment), ..deal });
        let group = self.group(terms);
        self.set_group(terms, Group { committed: group.committed + 1, ..group });
        Ok(())
    }

    pub(crate) fn reveal_result(
        &mut self,
        block: &Block,
        caller: Address,
        terms: &Terms,
        receipt: &Receipt,
        salt: B256,
    ) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Committed)?;
        let reveal_deadline = deal.reveal_deadline(terms);
        if block.timestamp > reveal_deadline {
            return refuse!(TooLate, reveal_deadline);
        }
        let mut group = self.group(terms);
        if block.timestamp <= deal.deadline && group.committed < terms.rules.replicas {
            return refuse!(TooEarly, deal.deadline + 1);
        }
        let given = cut(names::commitment(terms.id(), caller, receipt, salt));
        if given != deal.receipt_hash {
            return refuse!(CommitmentMismatch, deal.receipt_hash, given);
        }
        let part = cut(receipt.comparable(terms.rules.verification));
        if group.accord == Accord::Agreeing {
            if group.revealed == 0 {
                group.receipt_hash = part;
            } else if group.receipt_hash != part {
                group.accord = Accord::Disputed;
            }
        }
        group.revealed += 1;
        self.set_group(terms, group);
        self.post(block, terms, receipt, reveal_deadline)
    }

    /// A receipt arrives; its creator may judge it until the judge window from `from` on is over.
    fn post(&mut self, block: &Block, terms: &Terms, receipt: &Receipt, from: u64) -> Result<(), Refusal> {
        // The digest of a job that an input completes isn't known here.
        if terms.input_hash.is_zero() && receipt.job_digest != terms.job_digest {
            return refuse!(ReceiptInvalid, "jobDigest");
        }
        if receipt.profile != terms.profile {
            return refuse!(ReceiptInvalid, "profile");
        }
        if receipt.fuel_used > terms.fuel_limit {
            return refuse!(ReceiptInvalid, "fuelUsed");
        }
        match receipt.status {
            0..=2 => {}
            // A refused job has run nothing.
            3 if receipt.fuel_used == 0 => {}
            3 => return refuse!(ReceiptInvalid, "fuelUsed"),
            _ => return refuse!(ReceiptInvalid, "status"),
        }
        let deal = Deal {
            state: DealState::Submitted,
            deadline: from + u64::from(terms.rules.judge_window),
            anchor_block: block.number + 1,
            receipt_hash: cut(receipt.hash()),
            ..self.deal(terms)
        };
        self.set(terms, deal);
        Ok(())
    }

    pub(crate) fn time_out(&mut self, block: &Block, terms: &Terms) -> Result<(), Refusal> {
        let deal = self.deal(terms);
        let deadline = match deal.state {
            DealState::Matched => deal.deadline,
            DealState::Committed => deal.reveal_deadline(terms),
            _ => return refuse!(WrongState, terms.id()),
        };
        if block.timestamp <= deadline {
            return refuse!(TooEarly, deadline + 1);
        }
        self.settle(terms, Settlement::SubmissionTimedOut, U256::ZERO, &[], U256::ZERO);
        Ok(())
    }

    pub(crate) fn accept(
        &mut self,
        caller: Address,
        terms: &Terms,
        receipt: &Receipt,
    ) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Submitted)?;
        if caller != terms.creator {
            return refuse!(NotCreator, caller);
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
                    && mediation::audited(deal.seed(block)?, terms.id(), terms.rules.audit_bps)
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
        if deal.seed.is_some() {
            return Ok(());
        }
        if block.number <= deal.anchor_block {
            return refuse!(SeedNotKnown, deal.anchor_block);
        }
        deal.seed = block.hash(deal.anchor_block);
        if deal.seed.is_none() {
            deal.anchor_block = block.number + 1;
        }
        self.set(terms, deal);
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
            || mediation::audited(deal.seed(block)?, terms.id(), terms.rules.audit_bps);
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
        let seed = deal.seed(block)?;
        let parties = [terms.creator, terms.provider];
        let drawn = mediation::draw(panel, parties, terms.rules.mediator_count, seed, terms.id());
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

    /// The only end of a deal.
    fn settle(
        &mut self,
        terms: &Terms,
        how: Settlement,
        cost: U256,
        mediators: &[Address],
        reimbursed: U256,
    ) {
        let stakes = terms.stakes();
        let fee = U256::from(terms.mediator_fee);
        let row = money::row(how, &stakes, cost, fee * U256::from(mediators.len()), reimbursed);
        let deposit = stakes.deposit();
        let books = &mut self.books;
        books.unlock(terms.creator, deposit, deposit + row.creator_gains - row.creator_loses);
        books.unlock(terms.provider, deposit, deposit + row.provider_gains - row.provider_loses);
        books.credit(terms.solver, row.solver);
        books.credit(panel_account(terms.panel), row.panel);
        books.credit(BURNED, row.burned);
        for mediator in mediators {
            books.credit(*mediator, fee);
        }
        let deal = Deal { state: DealState::Settled, settlement: how, ..self.deal(terms) };
        self.set(terms, deal);
    }

    pub(crate) fn deliver_result(
        &mut self,
        terms: &Terms,
        receipt: &Receipt,
        journal: &[u8],
    ) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Settled)?;
        if !deal.settlement.result_stands() {
            return refuse!(ResultNotPayable, terms.id());
        }
        deal.check_receipt(receipt)?;
        if receipt.journal_hash != keccak256(journal) {
            return refuse!(JournalMismatch, receipt.journal_hash, keccak256(journal));
        }
        self.call_back(terms)
    }

    pub(crate) fn deliver_failure(&mut self, terms: &Terms) -> Result<(), Refusal> {
        let deal = self.expect_state(terms, DealState::Settled)?;
        if deal.settlement.result_stands() || terms.replicated() {
            return refuse!(ResultNotFailed, terms.id());
        }
        self.call_back(terms)
    }

    fn call_back(&mut self, terms: &Terms) -> Result<(), Refusal> {
        let mut deal = self.deal(terms);
        if terms.rules.callback_gas == 0 {
            return refuse!(CallbackNotAsked, terms.id());
        }
        if deal.callback == Callback::Delivered {
            return refuse!(CallbackAlreadyDelivered, terms.id());
        }
        // Who has no code can't refuse.
        let taken = terms.creator != self.client.address
            || self.client.call_back(terms.job_offer_hash, terms.rules.callback_gas);
        deal.callback = if taken { Callback::Delivered } else { Callback::Failed };
        self.set(terms, deal);
        Ok(())
    }
}

/// What the posted receipt's fuel costs.
fn cost(terms: &Terms, receipt: &Receipt) -> U256 {
    money::fuel_cost(receipt.fuel_used, terms.price_per_gigafuel)
}
