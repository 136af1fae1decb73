//! The end of a deal: who is paid, and who is told.

use super::{
    contract::{Block, Market, Settled},
    deal::Deal,
    money::{self, BURNED, panel_account},
    types::{Callback, DealState, Receipt, Refusal, Settlement, Terms, refuse},
};
use alloy::primitives::{Address, U256, keccak256};

impl Market {
    /// The only end of a deal.
    pub(crate) fn settle(
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
        let creator = deposit + row.creator_gains - row.creator_loses;
        let provider = deposit + row.provider_gains - row.provider_loses;
        books.unlock(terms.creator, deposit, creator);
        books.unlock(terms.provider, deposit, provider);
        books.credit(terms.solver, row.solver);
        books.credit(panel_account(terms.panel), row.panel);
        books.credit(BURNED, row.burned);
        for mediator in mediators {
            books.credit(*mediator, fee);
        }
        self.settled.push(Settled {
            deal: terms.id(),
            how,
            creator,
            provider,
            solver: row.solver,
            burned: row.burned,
            mediators: mediators.to_vec(),
        });
        let deal = Deal { state: DealState::Settled, settlement: how, ..self.deal(terms) };
        self.set(terms, deal);
    }

    pub(crate) fn deliver_result(
        &mut self,
        block: &Block,
        terms: &Terms,
        receipt: &Receipt,
        journal: &[u8],
    ) -> Result<(), Refusal> {
        // Whoever delivers what nobody has finalized yet does both.
        if self.deal(terms).state == DealState::Submitted {
            self.finalize(block, terms, receipt)?;
        }
        let deal = self.deal(terms);
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
pub(crate) fn cost(terms: &Terms, receipt: &Receipt) -> U256 {
    money::fuel_cost(receipt.fuel_used, terms.price_per_gigafuel)
}
