//! Which offers fit: pure, and the same checks that the contract makes, so that no transaction is wasted.
//!
//! The contract has the last word; a solver can't make a bad match, only a futile one.

use crate::chain::{
    Address, B256,
    LilypadMarket::{JobOffer, ResourceOffer},
    Verification, deposit_of,
};
use std::collections::BTreeSet;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
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
    /// Not the meter, or not enough fuel, memory, disk, cores or GPUs offered.
    #[error("no provider offers that much fuel or time, memory, disk, cores or GPUs")]
    Resources,
    /// Too dear.
    #[error("no provider is that cheap; raise --price-max")]
    Price,
    /// Too little time to submit.
    #[error("no provider promises a result that soon; raise --submit-window")]
    SubmitWindow,
    /// Windows or fees for judging that the providers don't accept.
    #[error("no provider accepts this job's windows or fees for judging and mediation")]
    Judging,
    /// More at stake than a provider locks in one deal.
    #[error("no provider locks that much for one job; lower --fuel, --price-max or --penalty-bps")]
    Collateral,
    /// No slot left.
    #[error("all fitting providers are busy")]
    Busy,
    /// Some fit, but fewer than the job wants replicas.
    #[error("fewer providers fit than the job wants replicas")]
    Replicas,
}

/// Whether the contract would match these two now.
///
/// # Errors
/// The first thing that doesn't fit.
pub fn fits(job: &JobOffer, resource: &ResourceEntry, solver: Address, now: u64) -> Result<(), Misfit> {
    let offer = &resource.offer;
    let check = |ok: bool, misfit| if ok { Ok(()) } else { Err(misfit) };
    let allows = |named: Address| named.is_zero() || named == solver;
    let verified = job.verification != Verification::Unverified as u8;
    check(job.expiry >= now && offer.expiry >= now, Misfit::Expired)?;
    check(allows(job.solver) && allows(offer.solver), Misfit::Solver)?;
    check(job.provider.is_zero() || job.provider == offer.provider, Misfit::Provider)?;
    check(job.creator != offer.provider, Misfit::Provider)?;
    check(job.profile == offer.profile, Misfit::Profile)?;
    check(!verified || job.panel == offer.panel, Misfit::Panel)?;
    check(
        job.meter == offer.meter
            && job.fuelLimit <= offer.fuelLimitMax
            && job.memoryBytesMax <= offer.memoryBytesMax
            && job.diskBytesMax <= offer.diskBytesMax
            && job.cores <= offer.cores
            && job.gpus <= offer.gpus
            && job.gpuMemoryMib <= offer.gpuMemoryMib,
        Misfit::Resources,
    )?;
    check(offer.pricePerGigafuel <= job.pricePerGigafuelMax, Misfit::Price)?;
    check(job.submitWindow >= offer.submitWindowMin, Misfit::SubmitWindow)?;
    check(
        (!verified || job.mediatorFee >= offer.mediatorFeeMin)
            && job.availabilityFee <= offer.availabilityFeeMax
            && job.judgeWindow <= offer.judgeWindowMax
            && job.mediationWindow >= offer.mediationWindowMin,
        Misfit::Judging,
    )?;
    let deposit = deposit_of(job, offer.pricePerGigafuel);
    check(deposit.is_some_and(|deposit| deposit <= offer.collateralMax), Misfit::Collateral)?;
    check(resource.slots_left > 0, Misfit::Busy)
}

/// The best machines for a job, of as many providers as it wants replicas: the cheapest that fit, the earliest of
/// equals.
///
/// # Errors
/// Why not: the reason of the machine that came closest, when none fits.
pub fn best<'a>(
    job: &JobOffer,
    resources: &'a [ResourceEntry],
    solver: Address,
    now: u64,
) -> Result<Vec<&'a ResourceEntry>, Option<Misfit>> {
    let mut fitting = Vec::new();
    let mut nearest = None;
    for resource in resources {
        match fits(job, resource, solver, now) {
            Ok(()) => fitting.push(resource),
            Err(misfit) => nearest = nearest.max(Some(misfit)),
        }
    }
    if fitting.is_empty() {
        return Err(nearest);
    }
    fitting.sort_by_key(|resource| (resource.offer.pricePerGigafuel, resource.order));
    let mut providers = BTreeSet::new();
    fitting.retain(|resource| providers.insert(resource.offer.provider));
    if fitting.len() < usize::from(job.replicas) {
        return Err(Some(Misfit::Replicas));
    }
    fitting.truncate(job.replicas.into());
    Ok(fitting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{plain_job_offer, plain_resource_offer};

    fn job() -> JobOffer {
        JobOffer {
            creator: Address::repeat_byte(1),
            jobDigest: B256::repeat_byte(2),
            profile: B256::repeat_byte(3),
            fuelLimit: 10_000_000_000,
            memoryBytesMax: 1 << 30,
            pricePerGigafuelMax: 100,
            solverFee: 5,
            panel: B256::repeat_byte(4),
            mediatorCount: 3,
            mediatorFee: 10,
            penaltyBps: 10_000,
            submitWindow: 60,
            judgeWindow: 60,
            mediationWindow: 60,
            expiry: 1_000,
            ..plain_job_offer()
        }
    }

    fn machine(price: u128, order: u64) -> ResourceEntry {
        let offer = ResourceOffer {
            provider: Address::repeat_byte(u8::try_from(order).unwrap() + 10),
            profile: B256::repeat_byte(3),
            fuelLimitMax: 1 << 40,
            memoryBytesMax: 1 << 32,
            pricePerGigafuel: price,
            collateralMax: 10_000,
            panel: B256::repeat_byte(4),
            mediatorFeeMin: 10,
            submitWindowMin: 10,
            judgeWindowMax: 60,
            mediationWindowMin: 60,
            slots: 1,
            expiry: 1_000,
            ..plain_resource_offer()
        };
        ResourceEntry { id: B256::with_last_byte(u8::try_from(order).unwrap()), offer, slots_left: 1, order }
    }

    const SOLVER: Address = Address::repeat_byte(9);

    #[test]
    fn the_cheapest_wins_and_the_earliest_of_equals() {
        let machines = [machine(50, 0), machine(40, 1), machine(40, 2)];
        let orders = |job: &JobOffer, machines: &[ResourceEntry]| {
            best(job, machines, SOLVER, 0)
                .map(|best| best.iter().map(|machine| machine.order).collect::<Vec<_>>())
        };
        assert_eq!(orders(&job(), &machines), Ok(vec![1]));
        let two = JobOffer { replicas: 2, ..job() };
        assert_eq!(orders(&two, &machines), Ok(vec![1, 2]));
        let four = JobOffer { replicas: 4, ..job() };
        assert_eq!(orders(&four, &machines), Err(Some(Misfit::Replicas)));
        let mut same = machines;
        same[2].offer.provider = same[1].offer.provider;
        assert_eq!(orders(&two, &same), Ok(vec![1, 0]), "replicas are of different providers");
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
        assert_eq!(spoil(&|j, _| j.meter = 1), Misfit::Resources);
        assert_eq!(spoil(&|j, _| j.diskBytesMax = 1), Misfit::Resources);
        assert_eq!(spoil(&|j, _| j.cores = 2), Misfit::Resources);
        assert_eq!(spoil(&|j, _| j.gpus = 1), Misfit::Resources);
        assert_eq!(spoil(&|j, _| j.gpuMemoryMib = 1), Misfit::Resources);
        assert_eq!(spoil(&|j, _| j.mediatorFee = 9), Misfit::Judging);
        assert_eq!(spoil(&|j, _| j.availabilityFee = 1), Misfit::Judging);
        assert_eq!(spoil(&|j, _| j.judgeWindow = 61), Misfit::Judging);
        assert_eq!(spoil(&|j, _| j.mediationWindow = 59), Misfit::Judging);
        // 10 gigafuel at 50, as much again as penalty, 5 for the solver, 30 for mediators: 1035 at stake.
        assert_eq!(spoil(&|_, m| m.offer.collateralMax = 1_034), Misfit::Collateral);
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
}
