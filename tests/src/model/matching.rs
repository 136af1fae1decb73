//! Panels, offers, requests, and the making of deals: money is locked here.

use super::{
    contract::{Block, Market},
    deal::{Deal, Group},
    money::{Tariff, panel_account},
    names,
    types::{
        DealState, JobOffer, Meter, Refusal, ResourceOffer, Rules, Signature, Terms, Verification, refuse,
    },
};
use alloy::primitives::{Address, B256, U256, keccak256};
use std::{cell::OnceCell, collections::BTreeSet};

const PANEL_MEMBERS_MAX: usize = 256;
const MEDIATORS_MAX: u8 = 7;
const REPLICAS_MAX: u8 = 7;
const WINDOW_SECONDS_MAX: u32 = 30 * 86_400;

fn fits(ok: bool, constraint: &'static str) -> Result<(), Refusal> {
    if ok { Ok(()) } else { refuse!(OffersDoNotFit, constraint) }
}

fn valid(ok: bool, field: &'static str) -> Result<(), Refusal> {
    if ok { Ok(()) } else { refuse!(JobOfferInvalid, field) }
}

/// Zero means anybody.
fn admits(wanted: Address, who: Address) -> bool {
    wanted.is_zero() || wanted == who
}

/// What one deal of this job at this price locks of each side.
fn deposit(job: &JobOffer, price_per_gigafuel: u128) -> U256 {
    Tariff {
        fuel_limit: job.fuel_limit,
        price_per_gigafuel,
        penalty_bps: job.penalty_bps,
        solver_fee: job.solver_fee,
        mediator_fee: job.mediator_fee,
        mediator_count: job.mediator_count,
        availability_fee: job.availability_fee,
    }
    .stakes()
    .deposit()
}

impl Market {
    pub(crate) fn register_panel(&mut self, members: &[Address]) -> Result<(), Refusal> {
        let ascending = members.windows(2).all(|pair| pair[0] < pair[1]);
        let size_ok = (1..=PANEL_MEMBERS_MAX).contains(&members.len());
        if !size_ok || !ascending || members[0].is_zero() {
            return refuse!(PanelInvalid);
        }
        self.panels.insert(names::panel(members), members.len());
        Ok(())
    }

    pub(crate) fn pay_panel(&mut self, members: &[Address]) -> Result<(), Refusal> {
        let name = names::panel(members);
        if !self.panels.contains_key(&name) {
            return refuse!(PanelInvalid);
        }
        let account = panel_account(name);
        let share = self.books.balance(account).free / U256::from(members.len());
        for member in members {
            self.books.credit(*member, share);
        }
        let paid = share * U256::from(members.len());
        self.books.balances.entry(account).or_default().free -= paid;
        Ok(())
    }

    pub(crate) fn request_job(
        &mut self,
        block: &Block,
        caller: Address,
        offer: &JobOffer,
        input: &[u8],
    ) -> Result<(), Refusal> {
        if offer.creator != caller {
            return refuse!(NotCreator, caller);
        }
        if offer.input_hash != keccak256(input) {
            return refuse!(InputHashMismatch, offer.input_hash, keccak256(input));
        }
        let request = offer.hash();
        if self.request_locks.contains_key(&request) || self.requests_cancelled.contains(&request) {
            return refuse!(RequestAlreadyPosted, request);
        }
        self.check_open(block, offer)?;
        self.check_fields(offer)?;
        let lock = deposit(offer, offer.price_per_gigafuel_max) * U256::from(offer.replicas);
        valid(!lock.is_zero(), "price")?;
        self.books.lock(caller, lock)?;
        self.request_locks.insert(request, lock);
        Ok(())
    }

    pub(crate) fn cancel_request(
        &mut self,
        block: &Block,
        caller: Address,
        offer: &JobOffer,
    ) -> Result<(), Refusal> {
        let request = offer.hash();
        let Some(lock) = self.request_locks.get(&request).copied() else {
            return refuse!(RequestUnknown, request);
        };
        if caller != offer.creator && block.timestamp <= offer.expiry {
            return refuse!(NotCreator, caller);
        }
        self.request_locks.remove(&request);
        self.requests_cancelled.insert(request);
        self.nonces.insert((offer.creator, offer.nonce));
        self.books.unlock(offer.creator, lock, lock);
        Ok(())
    }

    pub(crate) fn match_offers(
        &mut self,
        block: &Block,
        solver: Address,
        jobs: &[(JobOffer, Option<Signature>)],
        resources: &[(ResourceOffer, Option<Signature>)],
    ) -> Result<Vec<Terms>, Refusal> {
        fits(!jobs.is_empty(), "jobs")?;
        let providers: BTreeSet<_> = resources.iter().map(|(offer, _)| offer.provider).collect();
        for (at, (offer, signature)) in resources.iter().enumerate() {
            let earlier = resources[..at].iter().any(|(other, _)| other.provider == offer.provider);
            fits(!earlier, "replicas")?;
            self.take_resource_offer(block, offer, *signature, jobs.len())?;
        }
        assert_eq!(providers.len(), resources.len(), "providers differ");
        let mut made = Vec::new();
        for (job, signature) in jobs {
            made.extend(self.match_job(block, solver, job, *signature, resources)?);
        }
        Ok(made)
    }

    fn match_job(
        &mut self,
        block: &Block,
        solver: Address,
        job: &JobOffer,
        signature: Option<Signature>,
        resources: &[(ResourceOffer, Option<Signature>)],
    ) -> Result<Vec<Terms>, Refusal> {
        fits(resources.len() == usize::from(job.replicas), "replicas")?;
        self.check_open(block, job)?;
        fits(admits(job.solver, solver), "job.solver")?;
        let hash = job.hash();
        let requested = self.request_locks.get(&hash).copied().filter(|_| signature.is_none());
        if requested.is_none() {
            self.check_signed(job, signature, hash)?;
        }
        let mut made = Vec::new();
        let mut lock = U256::ZERO;
        for (resource, _) in resources {
            check_fit(job, resource, solver)?;
            let one = deposit(job, resource.price_per_gigafuel);
            fits(one <= U256::from(resource.collateral_max), "collateralMax")?;
            self.books.lock(resource.provider, one)?;
            lock += one;
            let terms = terms(block, solver, job, resource);
            let deal = Deal {
                state: DealState::Matched,
                deadline: block.timestamp + u64::from(job.submit_window),
                ..Deal::default()
            };
            assert!(self.deals.insert(terms.id(), deal).is_none(), "a deal is made once");
            made.push(terms);
        }
        self.groups.insert(hash, Group::default());
        self.nonces.insert((job.creator, job.nonce));
        match requested {
            None => self.books.lock(job.creator, lock)?,
            Some(requested) => {
                self.request_locks.remove(&hash);
                // The deals' part of what the request locked stays locked.
                let rest = requested - lock;
                self.books.unlock(job.creator, rest, rest);
            }
        }
        Ok(made)
    }

    fn check_open(&self, block: &Block, o: &JobOffer) -> Result<(), Refusal> {
        if block.timestamp > o.expiry {
            return refuse!(JobOfferExpired, o.expiry);
        }
        if self.nonces.contains(&(o.creator, o.nonce)) {
            return refuse!(JobOfferNonceUsed, o.creator, o.nonce);
        }
        Ok(())
    }

    /// What never changes about an offer.
    fn check_fields(&self, o: &JobOffer) -> Result<(), Refusal> {
        valid((1..=REPLICAS_MAX).contains(&o.replicas), "replicas")?;
        if o.verification == Verification::Unverified {
            let nobody = o.mediator_count == 0 && o.audit_bps == 0 && o.availability_fee == 0;
            valid(nobody && o.replicas == 1, "verification")?;
        } else {
            valid(o.verification == Verification::Repeated || o.meter == Meter::Fuel, "meter")?;
            valid(o.mediator_count % 2 == 1 && o.mediator_count <= MEDIATORS_MAX, "mediatorCount")?;
            valid(o.audit_bps <= 10_000, "auditBps")?;
            valid(o.runs != 0, "runs")?;
            let size = self.panels.get(&o.panel).copied().unwrap_or(0);
            let needed = usize::from(o.mediator_count) + 2;
            if size < needed {
                return refuse!(PanelTooSmall, o.panel, U256::from(size), U256::from(needed));
            }
        }
        let window = |seconds| (1..=WINDOW_SECONDS_MAX).contains(&seconds);
        valid(window(o.submit_window), "submitWindow")?;
        valid(window(o.judge_window), "judgeWindow")?;
        valid(window(o.mediation_window), "mediationWindow")
    }

    fn take_resource_offer(
        &mut self,
        block: &Block,
        o: &ResourceOffer,
        signature: Option<Signature>,
        deals: usize,
    ) -> Result<(), Refusal> {
        if block.timestamp > o.expiry {
            return refuse!(ResourceOfferExpired, o.expiry);
        }
        if self.nonces.contains(&(o.provider, o.nonce)) {
            return refuse!(ResourceOfferNonceUsed, o.provider, o.nonce);
        }
        let hash = o.hash();
        if signature != Some(Signature { by: o.provider, of: hash }) {
            return refuse!(ResourceOfferSignatureInvalid, o.provider);
        }
        let used =
            self.slots_used.get(&hash).copied().unwrap_or(0) + u32::try_from(deals).unwrap_or(u32::MAX);
        if used > o.slots {
            return refuse!(ResourceOfferFull, hash, u64::from(o.slots));
        }
        // A single slot is known by its nonce, more than one by their count.
        if o.slots != 1 {
            self.slots_used.insert(hash, used);
        } else {
            self.nonces.insert((o.provider, o.nonce));
        }
        Ok(())
    }

    /// A signed offer, which can't be one for a template: nobody would know its input.
    fn check_signed(&self, job: &JobOffer, signature: Option<Signature>, hash: B256) -> Result<(), Refusal> {
        self.check_fields(job)?;
        if signature != Some(Signature { by: job.creator, of: hash }) {
            return refuse!(JobOfferSignatureInvalid, job.creator);
        }
        valid(job.input_hash.is_zero(), "inputHash")
    }
}

fn check_fit(job: &JobOffer, resource: &ResourceOffer, solver: Address) -> Result<(), Refusal> {
    fits(admits(resource.solver, solver), "resource.solver")?;
    fits(admits(job.provider, resource.provider), "provider")?;
    fits(job.creator != resource.provider, "creator")?;
    fits(job.profile == resource.profile, "profile")?;
    fits(job.meter == resource.meter, "meter")?;
    fits(job.fuel_limit <= resource.fuel_limit_max, "fuelLimit")?;
    fits(job.memory_bytes_max <= resource.memory_bytes_max, "memoryBytesMax")?;
    fits(job.disk_bytes_max <= resource.disk_bytes_max, "diskBytesMax")?;
    fits(job.cores <= resource.cores, "cores")?;
    fits(job.gpus <= resource.gpus, "gpus")?;
    fits(job.gpu_memory_mib <= resource.gpu_memory_mib, "gpuMemoryMib")?;
    fits(job.price_per_gigafuel_max >= resource.price_per_gigafuel, "pricePerGigafuel")?;
    if job.verification != Verification::Unverified {
        fits(job.panel == resource.panel, "panel")?;
        fits(job.mediator_fee >= resource.mediator_fee_min, "mediatorFee")?;
    }
    fits(job.availability_fee <= resource.availability_fee_max, "availabilityFee")?;
    fits(job.submit_window >= resource.submit_window_min, "submitWindow")?;
    fits(job.judge_window <= resource.judge_window_max, "judgeWindow")?;
    let window = resource.mediation_window_min..=resource.judge_window_max;
    fits(window.contains(&job.mediation_window), "mediationWindow")
}

fn terms(block: &Block, solver: Address, job: &JobOffer, resource: &ResourceOffer) -> Terms {
    Terms {
        job_offer_hash: job.hash(),
        resource_offer_hash: resource.hash(),
        creator: job.creator,
        provider: resource.provider,
        solver,
        job_digest: job.job_digest,
        input_hash: job.input_hash,
        profile: job.profile,
        panel: job.panel,
        rules: Rules {
            verification: job.verification,
            meter: job.meter,
            replicas: job.replicas,
            mediator_count: job.mediator_count,
            runs: job.runs,
            audit_bps: job.audit_bps,
            penalty_bps: job.penalty_bps,
            submit_window: job.submit_window,
            judge_window: job.judge_window,
            mediation_window: job.mediation_window,
            callback_gas: job.callback_gas,
            matched_at: block.timestamp,
        },
        fuel_limit: job.fuel_limit,
        price_per_gigafuel: resource.price_per_gigafuel,
        solver_fee: job.solver_fee,
        mediator_fee: job.mediator_fee,
        availability_fee: job.availability_fee,
        known_id: OnceCell::new(),
    }
}
