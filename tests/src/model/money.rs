//! Prices, deposits, who gets what at the end, and the books. Rows are those of `PAYOFFS.md`.

use super::types::{Refusal, Settlement, Terms, refuse};
use alloy::primitives::{Address, B256, U256, address};
use std::collections::BTreeMap;

/// Whose free balance burned tokens become.
pub(crate) const BURNED: Address = address!("000000000000000000000000000000000000dEaD");

/// Where a panel's availability fees wait: the first 20 bytes of its name.
pub(crate) fn panel_account(panel: B256) -> Address {
    Address::from_slice(&panel[..20])
}

/// `price * fuel / 10^9`, rounded up.
pub(crate) fn fuel_cost(fuel: u64, price_per_gigafuel: u128) -> U256 {
    (U256::from(fuel) * U256::from(price_per_gigafuel)).div_ceil(U256::from(1_000_000_000))
}

/// What a deal is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stakes {
    pub(crate) price: U256,
    pub(crate) penalty: U256,
    pub(crate) solver_fee: U256,
    pub(crate) mediation_budget: U256,
    pub(crate) availability_fee: U256,
}

/// The numbers of an offer or of terms that its stakes come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tariff {
    pub(crate) fuel_limit: u64,
    pub(crate) price_per_gigafuel: u128,
    pub(crate) penalty_bps: u32,
    pub(crate) solver_fee: u128,
    pub(crate) mediator_fee: u128,
    pub(crate) mediator_count: u8,
    pub(crate) availability_fee: u128,
}

impl Tariff {
    /// The stakes: the penalty is theta times the price, the budget pays each mediator.
    pub(crate) fn stakes(&self) -> Stakes {
        let price = fuel_cost(self.fuel_limit, self.price_per_gigafuel);
        Stakes {
            price,
            penalty: (price * U256::from(self.penalty_bps)).div_ceil(U256::from(10_000)),
            solver_fee: U256::from(self.solver_fee),
            mediation_budget: U256::from(self.mediator_fee) * U256::from(self.mediator_count),
            availability_fee: U256::from(self.availability_fee),
        }
    }
}

impl Terms {
    /// What the deal is about.
    pub(crate) fn stakes(&self) -> Stakes {
        Tariff {
            fuel_limit: self.fuel_limit,
            price_per_gigafuel: self.price_per_gigafuel,
            penalty_bps: self.rules.penalty_bps,
            solver_fee: self.solver_fee,
            mediator_fee: self.mediator_fee,
            mediator_count: self.rules.mediator_count,
            availability_fee: self.availability_fee,
        }
        .stakes()
    }
}

impl Stakes {
    /// What each of the two sides locks.
    pub(crate) fn deposit(&self) -> U256 {
        self.price + self.penalty + self.solver_fee + self.mediation_budget + self.availability_fee
    }
}

/// What everybody else gets; a side gets back its deposit, plus what it gains, less what it loses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) creator_gains: U256,
    pub(crate) creator_loses: U256,
    pub(crate) provider_gains: U256,
    pub(crate) provider_loses: U256,
    pub(crate) solver: U256,
    pub(crate) panel: U256,
    pub(crate) mediators: U256,
    pub(crate) burned: U256,
}

/// The row of a settlement. `fees` is what mediators get; `reimbursed` is what a slashed replica owes the creator for
/// the mediation that showed it wrong.
pub(crate) fn row(how: Settlement, s: &Stakes, cost: U256, fees: U256, reimbursed: U256) -> Row {
    let a = s.availability_fee;
    let row = match how {
        Settlement::None => unreachable!("a deal does not settle as nothing"),
        Settlement::Declined => Row::default(),
        // Theta of the price punishes whoever made the mediation needless or impossible.
        Settlement::ProviderUpheld | Settlement::JobVaried => Row {
            creator_loses: cost + s.solver_fee + a + fees + s.penalty,
            provider_gains: cost,
            provider_loses: a,
            solver: s.solver_fee,
            panel: a + a,
            mediators: fees,
            burned: s.penalty,
            ..Row::default()
        },
        Settlement::Accepted | Settlement::Finalized | Settlement::Agreed | Settlement::AuditPassed => Row {
            creator_loses: cost + s.solver_fee + a + fees,
            provider_gains: cost,
            provider_loses: a,
            solver: s.solver_fee,
            panel: a + a,
            mediators: fees,
            ..Row::default()
        },
        Settlement::ProviderSlashed => Row {
            creator_gains: s.price + reimbursed,
            provider_loses: s.deposit(),
            solver: s.solver_fee,
            panel: a,
            mediators: fees,
            burned: s.penalty + s.mediation_budget - fees - reimbursed,
            ..Row::default()
        },
        Settlement::SubmissionTimedOut => Row {
            creator_gains: s.price,
            provider_loses: s.price + s.solver_fee,
            solver: s.solver_fee,
            ..Row::default()
        },
        Settlement::Inconclusive => Row {
            creator_loses: s.solver_fee + fees,
            solver: s.solver_fee,
            mediators: fees,
            ..Row::default()
        },
    };
    let gains = row.creator_gains + row.provider_gains + row.solver + row.panel + row.mediators + row.burned;
    assert_eq!(gains, row.creator_loses + row.provider_loses, "a row creates or destroys tokens: {how:?}");
    row
}

/// A party's money in the market.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) free: U256,
    pub(crate) locked: U256,
}

/// All balances, and the wallets outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) balances: BTreeMap<Address, Balance>,
    pub(crate) wallets: BTreeMap<Address, U256>,
}

impl Books {
    pub(crate) fn balance(&self, party: Address) -> Balance {
        self.balances.get(&party).copied().unwrap_or_default()
    }

    pub(crate) fn wallet(&self, party: Address) -> U256 {
        self.wallets.get(&party).copied().unwrap_or_default()
    }

    /// What the market's token balance must be: nothing is outside the books.
    pub(crate) fn total(&self) -> U256 {
        self.balances.values().map(|balance| balance.free + balance.locked).sum()
    }

    pub(crate) fn deposit(&mut self, party: Address, amount: U256) -> Result<(), Refusal> {
        if amount > U256::from(u128::MAX) {
            return refuse!(AmountTooLarge, amount);
        }
        let wallet = self.wallet(party);
        if amount > wallet {
            // The token's own error.
            return refuse!(ERC20InsufficientBalance, party, wallet, amount);
        }
        self.wallets.insert(party, wallet - amount);
        self.credit(party, amount);
        Ok(())
    }

    pub(crate) fn withdraw(&mut self, party: Address, amount: U256) -> Result<(), Refusal> {
        let free = self.balance(party).free;
        if amount > free {
            return refuse!(InsufficientBalance, party, free, amount);
        }
        self.balances.entry(party).or_default().free -= amount;
        *self.wallets.entry(party).or_default() += amount;
        Ok(())
    }

    pub(crate) fn lock(&mut self, party: Address, amount: U256) -> Result<(), Refusal> {
        let free = self.balance(party).free;
        if amount > free {
            return refuse!(InsufficientBalance, party, free, amount);
        }
        let balance = self.balances.entry(party).or_default();
        balance.free -= amount;
        balance.locked += amount;
        Ok(())
    }

    /// Ends a lock; `back` of it, or more than it, becomes free.
    pub(crate) fn unlock(&mut self, party: Address, amount: U256, back: U256) {
        let balance = self.balances.entry(party).or_default();
        balance.locked = balance.locked.checked_sub(amount).expect("a lock is opened once");
        balance.free += back;
    }

    pub(crate) fn credit(&mut self, party: Address, amount: U256) {
        self.balances.entry(party).or_default().free += amount;
    }
}
