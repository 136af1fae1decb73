//! Which offers fit: pure, and the same checks that the contract makes, so that no transaction is wasted.
//!
//! The contract has the last word; a solver can't make a bad match, only a futile one.

use crate::chain::{
    Address, B256,
    LilypadMarket::{JobOffer, ResourceOffer},
};

/// An offer of a job, as the solver holds it.
#[derive(Debug, Clone)]
pub struct JobEntry {
    /// The offer's EIP-712 struct hash.
    pub id: B256,
    /// The offer.
    pub offer: JobOffer,
}

/// An offer of a machine, as the solver holds it.
#[derive(Debug, Clone)]
pub struct ResourceEntry {
    /// The offer's EIP-712 struct hash.
    pub id: B256,
    /// The offer.
    pub offer: ResourceOffer,
    /// Slots not used by earlier deals.
    pub slots_left: u32,
    /// When it came: earlier offers win ties.
    pub order: u64,
}

/// Why two offers don't fit, in words for the job's creator. In the order of the checks: a later one came closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Expired.
    #[error("the offer has expired")]
    Expired,
    /// The job wants another solver, or the machine does.
    #[error("the offer names another solver")]
    Solver,
    /// The job wants another provider.
    #[error("the provider that the job names has no open offer")]
    Provider,
    /// Another profile.
    #[error("no provider offers this job's profile")]
    Profile,
    /// Provider and creator trust different mediators.
    #[error("no provider trusts this job's mediator panel")]
    Panel,
    /// Not enough fuel or memory offered.
    #[error("no provider offers that much fuel or memory")]
    Resources,
    /// Too dear.
    #[error("no provider is that cheap; raise --price-max")]
    Price,
    /// Too little time to submit.
    #[error("no provider promises a result that soon; raise --submit-window")]
    SubmitWindow,
    /// Collateral too small for this job.
    #[error("no provider puts up enough collateral for this job")]
    Collateral,
    /// No slot left.
    #[error("all fitting providers are busy")]
    Busy,
}

/// Tokens for this much fuel at this price, rounded up, as the contract rounds.
#[must_use]
pub fn fuel_cost(fuel: u64, price_per_gigafuel: u128) -> Option<u128> {
    const GIGA: u128 = 1_000_000_000;
    u128::from(fuel).checked_mul(price_per_gigafuel).map(|product| product.div_ceil(GIGA))
}

/// Most that mediation of this job can cost.
#[must_use]
pub fn mediation_budget(offer: &JobOffer) -> Option<u128> {
    offer.mediatorFee.checked_mul(offer.mediatorCount.into())
}

/// Whether the contract would match these two now.
///
/// # Errors
/// The first thing that doesn't fit.
pub fn fits(job: &JobOffer, resource: &ResourceEntry, solver: Address, now: u64) -> Result<(), Misfit> {
    let offer = &resource.offer;
    let check = |ok: bool, misfit| if ok { Ok(()) } else { Err(misfit) };
    let allows = |named: Address| named.is_zero() || named == solver;
    check(job.expiry >= now && offer.expiry >= now, Misfit::Expired)?;
    check(allows(job.solver) && allows(offer.solver), Misfit::Solver)?;
    check(job.provider.is_zero() || job.provider == offer.provider, Misfit::Provider)?;
    check(job.creator != offer.provider, Misfit::Provider)?;
    check(job.profile == offer.profile, Misfit::Profile)?;
    check(job.panel == offer.panel, Misfit::Panel)?;
    check(
        job.fuelLimit <= offer.fuelLimitMax && job.memoryBytesMax <= offer.memoryBytesMax,
        Misfit::Resources,
    )?;
    check(offer.pricePerGigafuel <= job.pricePerGigafuelMax, Misfit::Price)?;
    check(job.submitWindow >= offer.submitWindowMin, Misfit::SubmitWindow)?;
    let at_stake = fuel_cost(job.fuelLimit, offer.pricePerGigafuel)
        .and_then(|price| price.checked_add(job.solverFee))
        .and_then(|sum| sum.checked_add(mediation_budget(job)?));
    check(
        offer.collateral >= job.collateralMin && at_stake.is_some_and(|sum| offer.collateral >= sum),
        Misfit::Collateral,
    )?;
    check(resource.slots_left > 0, Misfit::Busy)
}

/// The best machine for a job: the cheapest that fits, the earliest of equals.
///
/// # Errors
/// Why none fits: the reason of the one that came closest.
pub fn best<'a>(
    job: &JobOffer,
    resources: &'a [ResourceEntry],
    solver: Address,
    now: u64,
) -> Result<&'a ResourceEntry, Option<Misfit>> {
    let fitting = resources.iter().filter(|resource| fits(job, resource, solver, now).is_ok());
    let best = fitting.min_by_key(|resource| (resource.offer.pricePerGigafuel, resource.order));
    best.ok_or_else(|| {
        resources
            .iter()
            .filter_map(|resource| fits(job, resource, solver, now).err())
            .max_by_key(|m| *m as u8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> JobOffer {
        JobOffer {
            creator: Address::repeat_byte(1),
            jobDigest: B256::repeat_byte(2),
            inputHash: B256::ZERO,
            profile: B256::repeat_byte(3),
            fuelLimit: 10_000_000_000,
            memoryBytesMax: 1 << 30,
            pricePerGigafuelMax: 100,
            solverFee: 5,
            mediatorFee: 10,
            collateralMin: 0,
            panel: B256::repeat_byte(4),
            mediatorCount: 3,
            auditBps: 0,
            submitWindow: 60,
            judgeWindow: 60,
            mediationWindow: 60,
            callbackGas: 0,
            solver: Address::ZERO,
            provider: Address::ZERO,
            nonce: 0,
            expiry: 1_000,
            gateway: String::new(),
        }
    }

    fn machine(price: u128, order: u64) -> ResourceEntry {
        let offer = ResourceOffer {
            provider: Address::repeat_byte(u8::try_from(order).unwrap() + 10),
            profile: B256::repeat_byte(3),
            fuelLimitMax: 1 << 40,
            memoryBytesMax: 1 << 32,
            pricePerGigafuel: price,
            collateral: 10_000,
            panel: B256::repeat_byte(4),
            slots: 1,
            submitWindowMin: 10,
            solver: Address::ZERO,
            nonce: 0,
            expiry: 1_000,
            gateway: String::new(),
        };
        ResourceEntry { id: B256::with_last_byte(u8::try_from(order).unwrap()), offer, slots_left: 1, order }
    }

    const SOLVER: Address = Address::repeat_byte(9);

    #[test]
    fn the_cheapest_wins_and_the_earliest_of_equals() {
        let machines = [machine(50, 0), machine(40, 1), machine(40, 2)];
        assert_eq!(best(&job(), &machines, SOLVER, 0).unwrap().order, 1);
    }

    #[test]
    fn each_constraint_is_checked() {
        let spoil = |change: &dyn Fn(&mut JobOffer, &mut ResourceEntry)| {
            let (mut job, mut machine) = (job(), machine(50, 0));
            change(&mut job, &mut machine);
            fits(&job, &machine, SOLVER, 500).unwrap_err()
        };
        assert_eq!(fits(&job(), &machine(50, 0), SOLVER, 500), Ok(()));
        assert_eq!(spoil(&|j, _| j.expiry = 499), Misfit::Expired);
        assert_eq!(spoil(&|_, m| m.offer.expiry = 499), Misfit::Expired);
        assert_eq!(spoil(&|j, _| j.solver = Address::repeat_byte(8)), Misfit::Solver);
        assert_eq!(spoil(&|j, _| j.provider = Address::repeat_byte(8)), Misfit::Provider);
        assert_eq!(spoil(&|j, _| j.profile = B256::ZERO), Misfit::Profile);
        assert_eq!(spoil(&|j, _| j.panel = B256::ZERO), Misfit::Panel);
        assert_eq!(spoil(&|j, _| j.fuelLimit = u64::MAX), Misfit::Resources);
        assert_eq!(spoil(&|_, m| m.offer.memoryBytesMax = 1), Misfit::Resources);
        assert_eq!(spoil(&|j, _| j.pricePerGigafuelMax = 49), Misfit::Price);
        assert_eq!(spoil(&|j, _| j.submitWindow = 9), Misfit::SubmitWindow);
        assert_eq!(spoil(&|j, _| j.collateralMin = 10_001), Misfit::Collateral);
        // 10 gigafuel at 50, 5 for the solver, 30 for mediators: 535 at stake.
        assert_eq!(spoil(&|_, m| m.offer.collateral = 534), Misfit::Collateral);
        assert_eq!(spoil(&|_, m| m.slots_left = 0), Misfit::Busy);
    }

    #[test]
    fn the_reason_of_the_nearest_miss_is_given() {
        let mut far = machine(500, 0);
        far.offer.panel = B256::ZERO;
        let near = machine(500, 1);
        assert_eq!(best(&job(), &[far, near], SOLVER, 0).unwrap_err(), Some(Misfit::Price));
        assert_eq!(best(&job(), &[], SOLVER, 0).unwrap_err(), None);
    }

    #[test]
    fn cost_rounds_up_and_does_not_wrap() {
        assert_eq!(fuel_cost(1, 1), Some(1));
        assert_eq!(fuel_cost(0, 5), Some(0));
        assert_eq!(fuel_cost(2_000_000_000, 3), Some(6));
        assert_eq!(fuel_cost(u64::MAX, u128::MAX), None);
    }
}
