//! A deal up to its result: declined, committed, revealed, submitted, or timed out.

use super::{
    contract::{Block, Market},
    names,
    types::{Accord, Callback, Cut, DealState, Receipt, Refusal, Settlement, Terms, cut, refuse},
};
use alloy::primitives::{Address, B256, U256};

/// What the market keeps of a deal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deal {
    pub(crate) state: DealState,
    pub(crate) settlement: Settlement,
    pub(crate) callback: Callback,
    pub(crate) deadline: u64,
    pub(crate) anchor_block: u64,
    pub(crate) receipt_hash: Cut,
}

/// How the replicas of a job stand to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) committed: u8,
    pub(crate) revealed: u8,
    pub(crate) accord: Accord,
    pub(crate) fees_due: u8,
    pub(crate) anchor_block: u64,
    pub(crate) receipt_hash: Cut,
}

impl Terms {
    /// Last second to decline: half of the submit window.
    pub(crate) fn decline_deadline(&self) -> u64 {
        self.rules.matched_at + u64::from(self.rules.submit_window / 2)
    }

    pub(crate) fn replicated(&self) -> bool {
        self.rules.replicas > 1
    }
}

impl Deal {
    /// A committed replica's last second to reveal.
    pub(crate) fn reveal_deadline(&self, terms: &Terms) -> u64 {
        self.deadline + u64::from(terms.rules.mediation_window)
    }

    pub(crate) fn check_receipt(&self, receipt: &Receipt) -> Result<(), Refusal> {
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

    /// A deal's seed, if somebody fixed it or the chain still has the anchor's hash.
    pub(crate) fn known_seed(&self, block: &Block, deal: &Deal) -> Option<B256> {
        let fixed = self.seeds.get(&deal.anchor_block).copied();
        fixed.or_else(|| if deal.anchor_block == 0 { None } else { block.hash(deal.anchor_block) })
    }

    pub(crate) fn seed(&self, block: &Block, deal: &Deal) -> Result<B256, Refusal> {
        match self.known_seed(block, deal) {
            Some(seed) => Ok(seed),
            None if block.number <= deal.anchor_block => refuse!(SeedNotKnown, deal.anchor_block),
            None => refuse!(SeedLost, deal.anchor_block),
        }
    }

    pub(crate) fn set(&mut self, terms: &Terms, deal: Deal) {
        self.deals.insert(terms.id(), deal);
    }

    pub(crate) fn set_group(&mut self, terms: &Terms, group: Group) {
        self.groups.insert(terms.job_offer_hash, group);
    }

    pub(crate) fn expect_state(&self, terms: &Terms, state: DealState) -> Result<Deal, Refusal> {
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
        if terms.replicated() {
            // The others need not wait for it.
            let group = self.group(terms);
            self.set_group(terms, Group { committed: group.committed + 1, ..group });
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
        self.post(terms, receipt, block.timestamp, block.number + 1)
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
        if group.revealed == 0 {
            group.anchor_block = block.number + 1;
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
        self.post(terms, receipt, reveal_deadline, group.anchor_block)
    }

    /// A receipt arrives; its creator may judge it until the judge window from `from` on is over.
    fn post(
        &mut self,
        terms: &Terms,
        receipt: &Receipt,
        from: u64,
        anchor_block: u64,
    ) -> Result<(), Refusal> {
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
            anchor_block,
            receipt_hash: cut(receipt.hash()),
            ..self.deal(terms)
        };
        self.set(terms, deal);
        Ok(())
    }

    pub(crate) fn time_out(&mut self, block: &Block, terms: &Terms) -> Result<(), Refusal> {
        let deal = self.deal(terms);
        // Who has committed could have seen that it is wrong, and is slashed for not showing it.
        let (deadline, how) = match deal.state {
            DealState::Matched => (deal.deadline, Settlement::SubmissionTimedOut),
            DealState::Committed => (deal.reveal_deadline(terms), Settlement::ProviderSlashed),
            _ => return refuse!(WrongState, terms.id()),
        };
        if block.timestamp <= deadline {
            return refuse!(TooEarly, deadline + 1);
        }
        self.settle(terms, how, U256::ZERO, &[], U256::ZERO);
        Ok(())
    }
}
