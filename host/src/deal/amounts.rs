//! What a deal locks, and who paid whom when it ended: the arithmetic of `contracts/src/market/Amounts.sol`, read back.

use super::Settlement;

/// What a deal is about. Each side locks [`Stakes::deposit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stakes {
    /// The most the provider can earn.
    pub price: u128,
    /// What whoever is at fault loses besides.
    pub penalty: u128,
    /// For the solver.
    pub solver_fee: u128,
    /// What mediation can cost.
    pub mediation_budget: u128,
    /// From each side, for the panel being there.
    pub availability_fee: u128,
}

/// The terms that stakes depend on.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    /// Most fuel.
    pub fuel_limit: u64,
    /// Base units for 10^9 fuel.
    pub price_per_gigafuel: u128,
    /// Penalty in 1/10,000 of the price.
    pub penalty_bps: u32,
    /// For the solver.
    pub solver_fee: u128,
    /// For each mediator.
    pub mediator_fee: u128,
    /// Mediators drawn.
    pub mediator_count: u8,
    /// From each side, for the panel being there.
    pub availability_fee: u128,
}

/// Tokens for this much fuel at this price, rounded up, as the contract rounds.
#[must_use]
pub fn fuel_cost(fuel: u64, price_per_gigafuel: u128) -> Option<u128> {
    const GIGA: u128 = 1_000_000_000;
    u128::from(fuel).checked_mul(price_per_gigafuel).map(|product| product.div_ceil(GIGA))
}

impl Stakes {
    /// What a deal at these prices is about; `None` beyond 128 bits, which the contract refuses too.
    #[must_use]
    pub fn of(prices: &Prices) -> Option<Self> {
        let price = fuel_cost(prices.fuel_limit, prices.price_per_gigafuel)?;
        let stakes = Self {
            price,
            penalty: price.checked_mul(prices.penalty_bps.into())?.div_ceil(10_000),
            solver_fee: prices.solver_fee,
            mediation_budget: prices.mediator_fee.checked_mul(prices.mediator_count.into())?,
            availability_fee: prices.availability_fee,
        };
        let rest = stakes.penalty.checked_add(stakes.solver_fee)?.checked_add(stakes.mediation_budget)?;
        price.checked_add(rest)?.checked_add(stakes.availability_fee)?;
        Some(stakes)
    }

    /// What each side locks.
    #[must_use]
    pub const fn deposit(&self) -> u128 {
        self.price + self.penalty + self.solver_fee + self.mediation_budget + self.availability_fee
    }
}

/// Penalty of whoever is at fault, unless told otherwise: the price once more.
pub const PENALTY_BPS: u32 = 10_000;

/// The least chance of an audit, of 10,000, at which making results up doesn't pay, when nothing else can find them.
///
/// Found with chance `p`, a made-up result earns the price with chance `1 - p` and costs the deposit with chance `p`,
/// while an honest one loses nothing. The deposit is the price, the penalty (theta times the price) and the fees, so
/// it doesn't pay when `p * (2 + theta + fees / price) > 1`. Fees are left out here, which makes it safer: with the
/// penalty of [`PENALTY_BPS`], 3,334.
/// A creator that runs the job itself, and replicas one of which is honest, find everything: `p` is 1, and no audit is
/// needed.
#[must_use]
pub fn audit_bps_min(penalty_bps: u32) -> u16 {
    let bps = 10_000 * 10_000 / (20_000 + u64::from(penalty_bps)) + 1;
    u16::try_from(bps).unwrap_or(10_000)
}

/// Who has to do with a deal's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who asked for the job.
    Creator,
    /// Who ran it.
    Provider,
    /// Who made the match.
    Solver,
    /// The n-th of the mediators that are paid.
    Mediator(usize),
    /// The panel's account, for its members.
    Panel,
    /// Nobody, for good.
    Burned,
}

/// What a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The fuel that was used.
    Fuel,
    /// The solver's fee.
    SolverFee,
    /// A mediator's fee.
    MediatorFee,
    /// The panel's fee for being there.
    AvailabilityFee,
    /// What was locked and not needed.
    DepositBack,
    /// The creator's lost time, and what it paid to other mediators.
    Compensation,
    /// What whoever is at fault loses to nobody.
    Penalty,
}

/// One payment: from whose deposit, to whom, how much, what for.
pub type Flow = (Side, Side, u128, Purpose);

/// What the contract says that each got, of both deposits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The creator, its unused deposit included.
    pub creator: u128,
    /// The provider, likewise.
    pub provider: u128,
    /// The solver.
    pub solver: u128,
    /// Nobody.
    pub burned: u128,
    /// How many mediators got their fee.
    pub mediators: usize,
}

/// Who paid whom in a settlement; the flows add up to both deposits. `None` when the parts can't be those of such a deal.
#[must_use]
pub fn flows(how: Settlement, stakes: &Stakes, mediator_fee: u128, parts: &Parts) -> Option<Vec<Flow>> {
    use Purpose as P;
    use Side as S;
    let deposit = stakes.deposit();
    let fees = mediator_fee.checked_mul(parts.mediators.try_into().ok()?)?;
    let given = parts.creator.checked_add(parts.provider)?.checked_add(parts.solver)?;
    let given = given.checked_add(parts.burned)?.checked_add(fees)?;
    let panel = deposit.checked_mul(2)?.checked_sub(given)?;
    // Whoever is at fault pays the solver and the mediators.
    let at_fault = match how {
        Settlement::ProviderSlashed | Settlement::SubmissionTimedOut => S::Provider,
        _ => S::Creator,
    };
    let mut flows: Vec<Flow> = Vec::new();
    if at_fault == S::Provider {
        flows.push((S::Provider, S::Creator, parts.creator.checked_sub(deposit)?, P::Compensation));
    } else {
        let from_provider = panel / 2;
        let fuel = parts.provider.checked_add(from_provider)?.checked_sub(deposit)?;
        flows.push((S::Creator, S::Provider, fuel, P::Fuel));
    }
    flows.push((at_fault, S::Solver, parts.solver, P::SolverFee));
    flows.extend((0..parts.mediators).map(|i| (at_fault, S::Mediator(i), mediator_fee, P::MediatorFee)));
    if at_fault == S::Provider {
        flows.push((S::Provider, S::Panel, panel, P::AvailabilityFee));
    } else {
        flows.push((S::Creator, S::Panel, panel - panel / 2, P::AvailabilityFee));
        flows.push((S::Provider, S::Panel, panel / 2, P::AvailabilityFee));
    }
    flows.push((at_fault, S::Burned, parts.burned, P::Penalty));
    for side in [S::Creator, S::Provider] {
        let paid: u128 = flows.iter().filter(|flow| flow.0 == side).map(|flow| flow.2).sum();
        flows.push((side, side, deposit.checked_sub(paid)?, P::DepositBack));
    }
    flows.retain(|flow| flow.2 > 0);
    Some(flows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stakes() -> Stakes {
        let prices = Prices {
            fuel_limit: 10_000_000_000,
            price_per_gigafuel: 100,
            penalty_bps: 5_000,
            solver_fee: 7,
            mediator_fee: 20,
            mediator_count: 3,
            availability_fee: 4,
        };
        Stakes::of(&prices).unwrap()
    }

    #[test]
    fn each_side_locks_price_penalty_and_fees() {
        assert_eq!((stakes().price, stakes().penalty), (1_000, 500));
        assert_eq!(stakes().deposit(), 1_000 + 500 + 7 + 60 + 4);
    }

    #[test]
    fn cost_rounds_up_and_does_not_wrap() {
        assert_eq!(fuel_cost(1, 1), Some(1));
        assert_eq!(fuel_cost(0, 5), Some(0));
        assert_eq!(fuel_cost(2_000_000_000, 3), Some(6));
        assert_eq!(fuel_cost(u64::MAX, u128::MAX), None);
    }

    #[test]
    fn audits_are_drawn_often_enough_and_no_oftener() {
        assert_eq!(audit_bps_min(PENALTY_BPS), 3_334);
        for penalty_bps in [0, 1, 5_000, PENALTY_BPS, 80_000, 1_000_000, u32::MAX] {
            // p * (2 + theta), times 10^8.
            let worth = |bps: u16| u64::from(bps) * (20_000 + u64::from(penalty_bps));
            let bps = audit_bps_min(penalty_bps);
            assert!(bps <= 10_000 && worth(bps) > 100_000_000, "{penalty_bps}");
            assert!(worth(bps - 1) <= 100_000_000, "{penalty_bps}");
        }
    }

    /// The rows of the contract's `payoff`, as (creator, provider, solver, burned, mediators).
    #[test]
    fn every_end_is_read_back_from_its_parts() {
        use {Purpose as P, Side as S};
        let (s, deposit) = (stakes(), stakes().deposit());
        let play = |how, creator, provider, solver, burned, mediators| {
            let parts = Parts { creator, provider, solver, burned, mediators };
            let flows = flows(how, &s, 20, &parts).unwrap();
            assert_eq!(flows.iter().map(|flow| flow.2).sum::<u128>(), 2 * deposit, "{how:?}: all of it");
            flows
        };
        let cost = 400;
        let accepted = play(Settlement::Accepted, deposit - cost - 7 - 4, deposit + cost - 4, 7, 0, 0);
        assert_eq!(
            accepted,
            [
                (S::Creator, S::Provider, cost, P::Fuel),
                (S::Creator, S::Solver, 7, P::SolverFee),
                (S::Creator, S::Panel, 4, P::AvailabilityFee),
                (S::Provider, S::Panel, 4, P::AvailabilityFee),
                (S::Creator, S::Creator, deposit - cost - 11, P::DepositBack),
                (S::Provider, S::Provider, deposit - 4, P::DepositBack),
            ]
        );
        let upheld = play(
            Settlement::ProviderUpheld,
            deposit - cost - 7 - 4 - 60 - 500,
            deposit + cost - 4,
            7,
            500,
            3,
        );
        assert!(upheld.contains(&(S::Creator, S::Burned, 500, P::Penalty)));
        assert!(upheld.contains(&(S::Creator, S::Mediator(2), 20, P::MediatorFee)));
        // Another replica's mediation is paid back with the price.
        let burned = deposit - s.price - 7 - 4 - 60;
        let slashed = play(Settlement::ProviderSlashed, deposit + s.price + 60, 0, 7, burned, 0);
        assert_eq!(slashed[0], (S::Provider, S::Creator, s.price + 60, P::Compensation));
        assert!(slashed.contains(&(S::Provider, S::Burned, burned, P::Penalty)));
        assert!(slashed.contains(&(S::Creator, S::Creator, deposit, P::DepositBack)));
        assert!(!slashed.iter().any(|flow| flow.0 == S::Provider && flow.3 == P::DepositBack));
        let late = play(Settlement::SubmissionTimedOut, deposit + s.price, deposit - s.price - 7, 7, 0, 0);
        assert_eq!(late[0], (S::Provider, S::Creator, s.price, P::Compensation));
        let open = play(Settlement::Inconclusive, deposit - 7 - 40, deposit, 7, 0, 2);
        assert_eq!(open.iter().filter(|flow| flow.3 == P::MediatorFee).count(), 2);
        let declined = play(Settlement::Declined, deposit, deposit, 0, 0, 0);
        assert!(declined.iter().all(|flow| flow.3 == P::DepositBack));
    }

    #[test]
    fn parts_that_are_more_than_was_locked_are_no_settlement() {
        let deposit = stakes().deposit();
        let parts = Parts { creator: 2 * deposit, provider: 1, solver: 0, burned: 0, mediators: 0 };
        assert_eq!(flows(Settlement::Accepted, &stakes(), 20, &parts), None);
    }
}
