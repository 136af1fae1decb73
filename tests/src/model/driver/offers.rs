//! Random offers: mostly ones that fit each other, often with one thing wrong.

use super::{rng::Rng, world::World};
use crate::model::{
    client::{CALLBACK_GAS_ENOUGH, CALLBACK_GAS_LITTLE},
    contract::Call,
    names,
    types::{JobOffer, Meter, ResourceOffer, Signature, Verification},
};
use alloy::primitives::{Address, B256, keccak256};

/// The digest of each job that is ever run here.
pub(crate) fn job_digest(number: u64) -> B256 {
    keccak256(format!("job {number}"))
}

fn profile() -> B256 {
    keccak256("lilypad-1")
}

/// A valid job offer, with the numbers that matter drawn at random.
pub(crate) fn job(rng: &mut Rng, creator: Address, panels: &[Vec<Address>], now: u64) -> JobOffer {
    let verification = rng.weighted(&[
        (5, Verification::BitExact),
        (4, Verification::Repeated),
        (1, Verification::Unverified),
    ]);
    let meter = match verification {
        Verification::BitExact => Meter::Fuel,
        _ => *rng.pick(&[Meter::Fuel, Meter::CoreNanoseconds, Meter::GpuNanoseconds]),
    };
    let unverified = verification == Verification::Unverified;
    let panel = rng.pick(panels);
    let mediators: &[u8] = match panel.len() {
        _ if unverified => &[0],
        0..5 => &[1],
        5..7 => &[1, 3],
        _ => &[1, 3, 3, 5],
    };
    // Amounts that only just fit.
    let huge = rng.percent(6);
    JobOffer {
        creator,
        job_digest: job_digest(rng.below(3)),
        input_hash: B256::ZERO,
        profile: profile(),
        verification,
        meter,
        replicas: if unverified { 1 } else { rng.weighted(&[(4, 1), (3, 2), (3, 3)]) },
        fuel_limit: if huge { u64::MAX - rng.below(1_000) } else { rng.between(1, 10_000_000_000) },
        memory_bytes_max: 64 << 20,
        disk_bytes_max: 1 << 20,
        cores: 1,
        gpus: 0,
        gpu_memory_mib: 0,
        price_per_gigafuel_max: match rng.below(10) {
            _ if huge => (1 << rng.between(75, 85)) + u128::from(rng.next()),
            0 => 0,
            1 => 1,
            _ => 1_000,
        },
        solver_fee: rng.weighted(&[(3, 101), (1, 0)]),
        panel: names::panel(panel),
        mediator_count: *rng.pick(mediators),
        runs: 2,
        mediator_fee: rng.weighted(&[(4, 57), (1, 0)]),
        availability_fee: if unverified { 0 } else { rng.weighted(&[(3, 23), (1, 0)]) },
        penalty_bps: rng.weighted(&[(6, 10_000), (4, 12_345), (2, 0), (2, 333), (1, u32::MAX)]),
        audit_bps: if unverified { 0 } else { rng.weighted(&[(4, 0), (3, 5_000), (2, 10_000)]) },
        submit_window: u32::try_from(rng.between(2, 150)).unwrap(),
        judge_window: u32::try_from(rng.between(5, 60)).unwrap(),
        mediation_window: u32::try_from(rng.between(10, 60)).unwrap(),
        callback_gas: rng.weighted(&[(2, CALLBACK_GAS_ENOUGH), (1, 0), (1, CALLBACK_GAS_LITTLE)]),
        solver: Address::ZERO,
        provider: Address::ZERO,
        nonce: 0,
        expiry: now + rng.between(20, 2_000),
        gateway: format!("http://creator-{}.example", rng.below(100)),
    }
}

/// A resource offer that the job fits.
fn resource(rng: &mut Rng, provider: Address, job: &JobOffer, now: u64) -> ResourceOffer {
    ResourceOffer {
        provider,
        profile: job.profile,
        meter: job.meter,
        fuel_limit_max: job.fuel_limit.max(10_000_000_000),
        memory_bytes_max: job.memory_bytes_max,
        disk_bytes_max: 1 << 30,
        cores: 4,
        gpus: 1,
        gpu_memory_mib: 1_000,
        price_per_gigafuel: job.price_per_gigafuel_max
            - job.price_per_gigafuel_max * u128::from(rng.below(2)) / 3,
        collateral_max: if rng.percent(90) { u128::MAX } else { 1_000_000 },
        panel: job.panel,
        mediator_fee_min: job.mediator_fee / 2,
        availability_fee_max: 100,
        submit_window_min: 1,
        judge_window_max: 60,
        mediation_window_min: 1,
        slots: rng.weighted(&[(3, 1), (3, 3), (1, 100)]),
        solver: Address::ZERO,
        nonce: 0,
        expiry: now + rng.between(50, 5_000),
        gateway: "http://provider.example".to_owned(),
    }
}

/// Makes one thing of a job offer odd; often that makes it invalid.
fn spoil_job(rng: &mut Rng, o: &mut JobOffer, cast: &[Address]) {
    match rng.below(26) {
        0 => o.replicas = 0,
        1 => o.replicas = 8,
        2 => o.replicas = 4,
        3 => o.mediator_count = 2,
        4 => o.mediator_count = 9,
        5 => o.mediator_count = 7,
        6 => o.mediator_count = 0,
        7 => o.audit_bps = 10_001,
        8 => o.runs = 0,
        9 => o.panel = rng.word(),
        10 => o.submit_window = 0,
        11 => o.judge_window = 30 * 86_400 + 1,
        12 => o.mediation_window = 30 * 86_400,
        13 => o.price_per_gigafuel_max = u128::MAX,
        14 => o.expiry = 1,
        15 => o.meter = Meter::CoreNanoseconds,
        16 => o.verification = Verification::Unverified,
        17 => o.solver = *rng.pick(cast),
        18 => o.provider = *rng.pick(cast),
        19 => o.profile = rng.word(),
        20 => o.gpus = 2,
        21 => o.input_hash = rng.word(),
        22 => o.availability_fee = 101,
        23 => o.mediation_window = 0,
        24 => o.judge_window = 61,
        _ => o.fuel_limit = u64::MAX,
    }
}

/// Makes one thing of a resource offer odd.
fn spoil_resource(rng: &mut Rng, o: &mut ResourceOffer, cast: &[Address]) {
    match rng.below(20) {
        0 => o.profile = rng.word(),
        1 => o.meter = Meter::GpuNanoseconds,
        2 => o.fuel_limit_max = 0,
        3 => o.memory_bytes_max -= 1,
        4 => o.disk_bytes_max = 0,
        5 => o.cores = 0,
        6 => o.gpu_memory_mib = 0,
        7 => o.price_per_gigafuel = o.price_per_gigafuel.saturating_add(1_000),
        8 => o.collateral_max = 10,
        9 => o.panel = rng.word(),
        10 => o.mediator_fee_min = 58,
        11 => o.availability_fee_max = 0,
        12 => o.submit_window_min = 61,
        13 => o.judge_window_max = 4,
        14 => o.mediation_window_min = 61,
        15 => o.slots = 0,
        16 => o.solver = *rng.pick(cast),
        17 => o.expiry = 1,
        18 => o.provider = *rng.pick(cast),
        _ => o.nonce = rng.below(3),
    }
}

impl World {
    fn fresh_nonce(&mut self) -> u64 {
        self.nonce += 1;
        if self.rng.percent(4) { self.rng.below(self.nonce) } else { self.nonce }
    }

    fn creator(&mut self) -> Address {
        let anybody = self.cast.anybody(&mut self.rng);
        if self.rng.percent(5) { anybody } else { *self.rng.pick(&self.cast.creators) }
    }

    /// A job offer of somebody, not signed.
    pub(crate) fn new_job(&mut self) -> JobOffer {
        let creator = self.creator();
        let mut job = job(&mut self.rng, creator, &self.cast.panels, self.block.timestamp);
        job.nonce = self.fresh_nonce();
        if self.rng.percent(12) {
            spoil_job(&mut self.rng, &mut job, &self.cast.everybody());
        }
        job
    }

    /// Who signs: usually the one who must.
    fn sign(&mut self, party: Address, of: B256) -> Option<Signature> {
        match self.rng.below(40) {
            0 => None,
            1 => Some(Signature { by: self.cast.anybody(&mut self.rng), of }),
            2 => Some(Signature { by: self.cast.owner, of: self.rng.word() }),
            // Contracts can't.
            _ if !self.cast.keys.contains_key(&party) => None,
            _ => Some(Signature { by: party, of }),
        }
    }

    /// One more resource offer that this job fits, or one that was used before.
    fn new_resource(&mut self, job: &JobOffer, provider: Address) -> (ResourceOffer, Option<Signature>) {
        let old: Vec<_> =
            self.resources.iter().filter(|(offer, _)| offer.provider == provider).cloned().collect();
        if !old.is_empty() && self.rng.percent(25) {
            return self.rng.pick(&old).clone();
        }
        let mut offer = resource(&mut self.rng, provider, job, self.block.timestamp);
        offer.nonce = self.fresh_nonce();
        if self.rng.percent(10) {
            spoil_resource(&mut self.rng, &mut offer, &self.cast.everybody());
        }
        let signature = self.sign(offer.provider, offer.hash());
        (offer, signature)
    }

    /// A job that may be matched: new and signed, an old one again, or a posted request.
    fn some_job(&mut self) -> (JobOffer, Option<Signature>) {
        match self.rng.below(10) {
            0..3 if !self.requests.is_empty() => {
                // The newest is the likeliest to be still there.
                let at = self.requests.len() - 1 - self.rng.index(self.requests.len().min(3));
                (self.requests[at].clone(), None)
            }
            3 if !self.jobs.is_empty() => self.rng.pick(&self.jobs).clone(),
            _ => {
                let job = self.new_job();
                let signature = self.sign(job.creator, job.hash());
                (job, signature)
            }
        }
    }

    pub(crate) fn match_move(&mut self) -> (Address, Call) {
        let first = self.some_job();
        let replicas = usize::from(first.0.replicas.min(5));
        let mut providers = self.cast.providers.clone();
        providers.extend([self.cast.mediators[0], self.cast.creators[0]]);
        let start = self.rng.index(3);
        providers[..3].rotate_left(start);
        if self.rng.percent(6) {
            providers.rotate_left(2);
        }
        let mut count = if self.rng.percent(3) { self.rng.index(4) } else { replicas };
        count = count.min(providers.len());
        if self.rng.percent(2) && count > 1 {
            providers[1] = providers[0];
        }
        let resources: Vec<_> =
            providers[..count].iter().map(|provider| self.new_resource(&first.0, *provider)).collect();
        let mut jobs = vec![first];
        if self.rng.percent(12) {
            // Another job of the same kind, so that it fits as well.
            let mut second = jobs[0].0.clone();
            second.nonce = self.fresh_nonce();
            let signature = self.sign(second.creator, second.hash());
            jobs.push((second, signature));
        } else if self.rng.percent(2) {
            jobs.clear();
        }
        let solver = *self.rng.pick(&self.cast.solvers);
        let caller = if self.rng.percent(10) { self.cast.anybody(&mut self.rng) } else { solver };
        (caller, Call::MatchOffers { jobs, resources })
    }

    /// A request by hand: of a creator, or of the client's address behind the client's back, whose callbacks then fail.
    pub(crate) fn request_move(&mut self) -> (Address, Call) {
        let mut offer = if self.rng.percent(15) && !self.requests.is_empty() {
            self.rng.pick(&self.requests).clone()
        } else {
            self.new_job()
        };
        if self.rng.percent(40) {
            offer.creator = self.model.client.address;
        }
        let input = b"{\"message\":\"by hand\"}".to_vec();
        if !self.rng.percent(5) {
            offer.input_hash = keccak256(&input);
        }
        let caller = if self.rng.percent(5) { self.cast.anybody(&mut self.rng) } else { offer.creator };
        (caller, Call::RequestJob { offer, input })
    }
}
