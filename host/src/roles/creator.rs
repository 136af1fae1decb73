//! The job creator: publishes a job, offers to pay for it, checks what comes back, and sees the deal through.

use super::{Ran, WorkError, Workshop, container_meter};
use crate::{
    chain::{
        Address, B256, Chain, ChainError, LilypadMarket::JobOffer, MatchedDeal, Sent, Verification, offer_id,
        plain_job_offer, stub,
    },
    deal::{Creator, CreatorAction, CreatorEvent, DealState, DealView, Judgement, Settlement},
    solver::{JobStatus, SignedJobOffer, SolverClient, SolverError},
    store::{FetchError, StoreError, TreeLimits},
};
use lilypad_abi::{BlobDigest, Cid, Codec, Job, JobError, OUTPUT_BYTES_MAX, Receipt, WORDS_BYTES_MAX};
use lilypad_runtime::Folder;
use std::time::{Duration, Instant};

/// How long the provider's gateway may take to hand over outputs before the creator's own are used.
const OUTPUTS_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a solver may be silent before the offer is given up.
const SOLVER_PATIENCE: Duration = Duration::from_secs(15);

/// What a creator offers besides the job itself.
#[derive(Debug, Clone)]
pub struct OfferTerms {
    /// Most tokens (base units) for 10^9 fuel.
    pub price_per_gigafuel_max: u128,
    /// Tokens (base units) for the solver that makes the match.
    pub solver_fee: u128,
    /// Tokens (base units) for each mediator, should there be mediation.
    pub mediator_fee: u128,
    /// How a wrong result is told.
    pub verification: Verification,
    /// Mediators drawn, should there be mediation: odd.
    pub mediator_count: u8,
    /// Times that each of them runs the job; more than one for containers.
    pub runs: u8,
    /// Providers that run the job, each in its own deal.
    pub replicas: u8,
    /// Penalty of whoever is at fault, in 1/10,000 of the price.
    pub penalty_bps: u32,
    /// Chance of an audit, of 10,000.
    pub audit_bps: u16,
    /// Seconds for the provider to post a result.
    pub submit_window: u32,
    /// Seconds to accept or challenge it.
    pub judge_window: u32,
    /// Seconds for mediators to commit, and again to reveal.
    pub mediation_window: u32,
    /// The one provider wanted; `None` for any.
    pub provider: Option<Address>,
    /// The mediators.
    pub panel: B256,
    /// Seconds the offer is good for.
    pub expires_in: u64,
}

/// Whether the creator runs the job itself before it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Run it and compare.
    Rerun,
    /// Take the provider's word, and its outputs when they match its receipt.
    Trust,
}

/// What happens, for whoever shows it.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The market balance was filled up.
    Deposited(Sent),
    /// The solver has the offer.
    Offered {
        /// Its struct hash.
        id: B256,
    },
    /// No machine yet.
    Waiting {
        /// What is missing.
        reason: String,
    },
    /// A deal was made.
    Matched(Box<MatchedDeal>),
    /// A replica's provider committed to a result.
    Committed,
    /// The provider posted a result.
    Submitted(Receipt),
    /// The result is being checked.
    Checking,
    /// It was checked.
    Checked {
        /// What was found.
        judgement: Judgement,
        /// Our own receipt, when we ran the job.
        own: Option<Receipt>,
        /// How long the run took.
        run_time: Duration,
    },
    /// A transaction of ours was mined.
    Sent(CreatorAction, Sent),
    /// Mediation began; these mediators were drawn.
    Mediation(Vec<Address>),
    /// Mediators that have committed, and that have revealed.
    Mediators {
        /// Commitments on chain.
        committed: usize,
        /// Receipts shown.
        revealed: usize,
    },
    /// The deal ended.
    Settled(Settlement),
    /// Something failed and is tried again.
    Retry(String),
}

/// How a job ended for its creator.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The deal.
    pub deal: MatchedDeal,
    /// How it was settled.
    pub settlement: Settlement,
    /// The provider's receipt; `None` when it never posted one.
    pub receipt: Option<Receipt>,
    /// The output folder that the creator trusts: its own run's, or the provider's that matches the receipt.
    pub outputs: Option<Folder>,
}

/// Why a job did not get that far.
#[derive(Debug, thiserror::Error)]
pub enum CreatorError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The solver.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// Our own store.
    #[error("the job can't be kept in the local store")]
    Store(#[from] StoreError),
    /// The job is none.
    #[error(transparent)]
    Job(#[from] JobError),
    /// No deal.
    #[error("no deal: {0}; the offer is withdrawn, and no tokens were spent")]
    Rejected(String),
    /// Nobody took it.
    #[error("no provider took the job{0}; the offer has run out, and nothing was spent")]
    Unmatched(String),
}

/// A job creator at work.
#[derive(Debug, Clone)]
pub struct CreatorShell {
    /// The chain, with the creator's key.
    pub chain: Chain,
    /// The solver.
    pub solver: SolverClient,
    /// Blocks and workers.
    pub workshop: Workshop,
    /// Where this creator's blocks are served while it waits.
    pub gateway: String,
    /// Between looks at the chain.
    pub poll: Duration,
}

impl CreatorShell {
    /// Puts the job's block in the store, and deposits what the offer will lock.
    ///
    /// # Errors
    /// [`ChainError::NoFunds`] before anything is spent.
    pub async fn prepare(
        &self,
        job: &Job,
        terms: &OfferTerms,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(SignedJobOffer, Option<Sent>), CreatorError> {
        let block = job.to_block()?;
        let cid = Cid::of(Codec::DagCbor, &block);
        self.workshop.store.put(cid, &block)?;
        let now = self.chain.now().await?;
        // Named, so that nobody who sees the match waiting can send it first and take the fee.
        let solver = self.ask_solver(tell).await?;
        let unverified = terms.verification == Verification::Unverified;
        let offer = JobOffer {
            creator: self.chain.address()?,
            jobDigest: cid.digest.0.into(),
            verification: terms.verification as u8,
            pricePerGigafuelMax: terms.price_per_gigafuel_max,
            solverFee: terms.solver_fee,
            replicas: terms.replicas,
            panel: terms.panel,
            // Nobody is drawn where nobody can tell.
            mediatorCount: if unverified { 0 } else { terms.mediator_count },
            mediatorFee: if unverified { 0 } else { terms.mediator_fee },
            runs: terms.runs,
            penaltyBps: terms.penalty_bps,
            auditBps: if unverified { 0 } else { terms.audit_bps },
            submitWindow: terms.submit_window,
            judgeWindow: terms.judge_window,
            mediationWindow: terms.mediation_window,
            solver,
            provider: terms.provider.unwrap_or(Address::ZERO),
            nonce: fresh_nonce(),
            expiry: now.saturating_add(terms.expires_in),
            gateway: self.gateway.clone(),
            ..needs(job)
        };
        let lock = self.chain.creator_lock(&offer)?;
        let deposited = self.chain.ensure_free("this job at its highest price", lock).await?;
        let signature = self.chain.sign_job_offer(&offer)?;
        Ok((SignedJobOffer { offer, signature }, deposited))
    }

    /// Posts the offer and waits for its deals: one, or one for each replica.
    ///
    /// # Errors
    /// [`CreatorError::Rejected`] and [`CreatorError::Unmatched`]: nothing was spent.
    pub async fn find_deals(
        &self,
        signed: &SignedJobOffer,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<MatchedDeal>, CreatorError> {
        let id = offer_id(&signed.offer);
        if let Err(error) = self.post(signed, tell).await {
            return match error {
                CreatorError::Solver(SolverError::Refused { message, .. }) => {
                    self.withdraw(signed, message, tell).await
                }
                error => Err(error),
            };
        }
        tell(Progress::Offered { id });
        let mut said = None;
        loop {
            match self.look_for_deals(signed, id, &mut said, tell).await {
                Ok(deals) if deals.is_empty() => {}
                Ok(deals) => return Ok(tell_matched(deals, tell)),
                // The offer is out: a deal may be made while we can't see it.
                Err(CreatorError::Chain(error)) if error.is_temporary() => {
                    tell(Progress::Retry(crate::report::causes(&error)));
                }
                Err(CreatorError::Rejected(reason)) => return self.withdraw(signed, reason, tell).await,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    /// A signed offer is good until it expires, whatever a solver says of it: it is made void before anyone is told
    /// that nothing was spent. If somebody was faster, there are deals after all.
    async fn withdraw(
        &self,
        signed: &SignedJobOffer,
        reason: String,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<MatchedDeal>, CreatorError> {
        self.chain.cancel_offer(signed.offer.nonce).await?;
        let deals = self.chain.deals_of_job_offer(offer_id(&signed.offer)).await?;
        if deals.is_empty() { Err(CreatorError::Rejected(reason)) } else { Ok(tell_matched(deals, tell)) }
    }

    /// The solver's account; one that is just starting again gets a few seconds.
    async fn ask_solver(&self, tell: &(dyn Fn(Progress) + Send + Sync)) -> Result<Address, CreatorError> {
        let started = Instant::now();
        loop {
            match self.solver.status().await {
                Ok(status) if status.market == self.chain.network().market => return Ok(status.solver),
                Ok(status) => {
                    return Err(CreatorError::Rejected(format!(
                        "the solver serves another market, {}",
                        status.market
                    )));
                }
                Err(error @ SolverError::Unreachable { .. }) if started.elapsed() < SOLVER_PATIENCE => {
                    tell(Progress::Retry(crate::report::causes(&error)));
                    tokio::time::sleep(self.poll).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Posts the offer; a solver that is just starting again gets a few seconds.
    async fn post(
        &self,
        signed: &SignedJobOffer,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(), CreatorError> {
        let started = Instant::now();
        loop {
            match self.solver.post_job(signed).await {
                Ok(_) => return Ok(()),
                Err(error @ SolverError::Unreachable { .. }) if started.elapsed() < SOLVER_PATIENCE => {
                    tell(Progress::Retry(crate::report::causes(&error)));
                    tokio::time::sleep(self.poll).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn look_for_deals(
        &self,
        signed: &SignedJobOffer,
        id: B256,
        said: &mut Option<String>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<MatchedDeal>, CreatorError> {
        // The clock before the chain: what is not matched then can't be matched any more.
        let expired = self.chain.now().await? > signed.offer.expiry;
        // The chain before the solver: one that died after matching can't say so.
        let deals = self.chain.deals_of_job_offer(id).await?;
        if !deals.is_empty() {
            return Ok(deals);
        }
        match self.solver.job_status(id).await {
            Ok(JobStatus::Rejected { reason }) => return Err(CreatorError::Rejected(reason)),
            Ok(JobStatus::Open { waiting_for: Some(reason) }) if said.as_ref() != Some(&reason) => {
                tell(Progress::Waiting { reason: reason.clone() });
                *said = Some(reason);
            }
            Ok(_) => {}
            // It forgot, or is restarting: the same offer again changes nothing.
            Err(error) => {
                tell(Progress::Retry(crate::report::causes(&error)));
                let _ = self.solver.post_job(signed).await;
            }
        }
        if expired {
            let reason = said.take().map(|reason| format!(" ({reason})")).unwrap_or_default();
            return Err(CreatorError::Unmatched(reason));
        }
        Ok(Vec::new())
    }

    /// Waits for the result, checks it, accepts or challenges, and stays until the deal is settled.
    ///
    /// Failures are told and tried again: money is at stake until the end.
    ///
    /// # Errors
    /// [`ChainError::NoKey`] for a chain that only reads.
    pub async fn see_through(
        &self,
        deal: &MatchedDeal,
        check: Check,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Ending, CreatorError> {
        self.chain.address()?;
        let mut machine = Creator::new();
        let mut seen = Seen::default();
        let mut outputs = None;
        loop {
            match self.round(deal, check, &mut machine, &mut seen, &mut outputs, tell).await {
                Ok(Some(settlement)) => {
                    tell(Progress::Settled(settlement));
                    let receipt = self.chain.posted_receipt(deal.id).await?;
                    if outputs.is_none() && settlement.result_stands() {
                        outputs = match &receipt {
                            Some(receipt) => self.fetch_outputs(deal, receipt).await.ok(),
                            None => None,
                        };
                    }
                    return Ok(Ending { deal: deal.clone(), settlement, receipt, outputs });
                }
                Ok(None) => {}
                Err(error) => tell(Progress::Retry(crate::report::causes(&error))),
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    async fn round(
        &self,
        deal: &MatchedDeal,
        check: Check,
        machine: &mut Creator,
        seen: &mut Seen,
        outputs: &mut Option<Folder>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Option<Settlement>, CreatorError> {
        let view = self.chain.deal(deal).await?;
        let posted = match view.state {
            DealState::Submitted | DealState::Challenged | DealState::Audited => {
                // After a reorg, the event may be of a result that the deal doesn't have any more.
                let posted = self.chain.posted_receipt(deal.id).await?;
                posted.filter(|receipt| stub(receipt.hash()) == view.receipt_stub)
            }
            _ => None,
        };
        seen.tell_changes(&view, posted.as_ref(), tell);
        for action in machine.step(CreatorEvent::Chain(view.clone())) {
            let sent = match action {
                CreatorAction::Done => return Ok(Some(view.settlement)),
                CreatorAction::TimeOut => self.chain.time_out(deal).await?,
                CreatorAction::Challenge => self.chain.challenge(deal).await?,
                CreatorAction::Audit => self.chain.audit(deal).await?,
                CreatorAction::FixSeed => self.chain.fix_seed(deal).await?,
                CreatorAction::Check
                | CreatorAction::Accept
                | CreatorAction::Finalize
                | CreatorAction::Conclude => {
                    let Some(posted) = &posted else { continue };
                    match action {
                        CreatorAction::Check => {
                            if let Some(judgement) = self.check(deal, posted, check, outputs, tell).await {
                                machine.step(CreatorEvent::Checked(judgement));
                            }
                            continue;
                        }
                        CreatorAction::Accept => self.chain.accept(deal, posted).await?,
                        CreatorAction::Finalize => self.chain.finalize(deal, posted).await?,
                        _ => self.chain.conclude(deal, posted).await?,
                    }
                }
            };
            tell(Progress::Sent(action, sent));
        }
        Ok(None)
    }

    /// Good, bad, or `None`: it could not be told this time.
    async fn check(
        &self,
        deal: &MatchedDeal,
        posted: &Receipt,
        check: Check,
        outputs: &mut Option<Folder>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Option<Judgement> {
        if check == Check::Trust || deal.rules.verification == Verification::Unverified {
            // Paying for a result that can't be had is no trust but a gift.
            return match self.fetch_outputs(deal, posted).await {
                Ok(folder) => {
                    *outputs = Some(folder);
                    Some(Judgement::Trusted)
                }
                Err(error) => {
                    let reason = crate::report::causes(&error);
                    tell(Progress::Retry(format!("the outputs can't be fetched: {reason}")));
                    None
                }
            };
        }
        tell(Progress::Checking);
        let same = |own: &Receipt| match deal.rules.verification {
            Verification::BitExact => own == posted,
            _ => own.hash_without_fuel() == posted.hash_without_fuel(),
        };
        match self.own_runs(deal, same).await {
            Ok((ran, judgement)) => {
                tell(Progress::Checked { judgement, own: Some(ran.receipt), run_time: ran.run_time });
                if judgement == Judgement::Varies {
                    // Its own run's outputs are as good as the provider's, but the provider's are those on chain.
                    *outputs = self.fetch_outputs(deal, posted).await.ok();
                } else {
                    *outputs = Some(ran.execution.outputs);
                }
                Some(judgement)
            }
            Err(error) => {
                tell(Progress::Retry(format!(
                    "the result can't be checked: {}",
                    crate::report::causes(&error)
                )));
                None
            }
        }
    }

    /// Runs the job once, and once more where the first run differs from what was posted and a second one may tell why.
    async fn own_runs(
        &self,
        deal: &MatchedDeal,
        same: impl Fn(&Receipt) -> bool,
    ) -> Result<(Ran, Judgement), WorkError> {
        let ran = self.workshop.run(&self.chain, deal).await?;
        if same(&ran.receipt) {
            return Ok((ran, Judgement::Good));
        }
        if deal.rules.verification == Verification::BitExact {
            return Ok((ran, Judgement::Bad));
        }
        let again = self.workshop.run(&self.chain, deal).await?;
        let varies = again.receipt.hash_without_fuel() != ran.receipt.hash_without_fuel();
        Ok((ran, if varies { Judgement::Varies } else { Judgement::Bad }))
    }

    /// The provider's output folder, verified against its receipt block by block.
    async fn fetch_outputs(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Folder, FetchError> {
        let root = Cid { codec: Codec::DagPb, digest: BlobDigest(receipt.outputs_digest.0) };
        let fetcher = self.workshop.fetcher(&[&deal.provider_gateway])?;
        // The largest result that a job may have, its words besides.
        let content_bytes_max = OUTPUT_BYTES_MAX + 2 * WORDS_BYTES_MAX;
        let limits = TreeLimits { content_bytes_max, ..TreeLimits::default() };
        match tokio::time::timeout(OUTPUTS_TIMEOUT, fetcher.folder(root, &limits)).await {
            Ok(folder) => folder,
            Err(_) => Err(FetchError::NoGateway(root)),
        }
    }
}

/// What a job asks of a machine, and how it is counted.
fn needs(job: &Job) -> JobOffer {
    let profile = job.profile().to_bytes32().into();
    match job {
        Job::Wasm(spec) => JobOffer {
            profile,
            fuelLimit: spec.limits.fuel_limit,
            memoryBytesMax: spec.limits.memory_bytes_max,
            ..plain_job_offer()
        },
        Job::Container(spec) => {
            let limits = &spec.limits;
            JobOffer {
                profile,
                meter: container_meter(spec) as u8,
                fuelLimit: spec.units_max(),
                memoryBytesMax: limits.memory_bytes_max,
                diskBytesMax: limits.disk_bytes_max,
                cores: u16::try_from(limits.cpu_millis.div_ceil(1_000)).unwrap_or(u16::MAX),
                gpus: spec.gpus.map_or(0, |gpus| gpus.count),
                gpuMemoryMib: spec.gpus.map_or(0, |gpus| gpus.memory_mib),
                ..plain_job_offer()
            }
        }
    }
}

fn tell_matched(deals: Vec<MatchedDeal>, tell: &(dyn Fn(Progress) + Send + Sync)) -> Vec<MatchedDeal> {
    for deal in &deals {
        tell(Progress::Matched(Box::new(deal.clone())));
    }
    deals
}

/// What was told already, so that each change is told once.
#[derive(Debug, Default)]
struct Seen {
    committed: bool,
    submitted: bool,
    drawn: bool,
    posts: (usize, usize),
}

impl Seen {
    fn tell_changes(
        &mut self,
        view: &DealView,
        posted: Option<&Receipt>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) {
        if view.state == DealState::Committed && !self.committed {
            self.committed = true;
            tell(Progress::Committed);
        }
        if let Some(receipt) = posted.filter(|_| !self.submitted) {
            self.submitted = true;
            tell(Progress::Submitted(*receipt));
        }
        if view.state.in_mediation() && !self.drawn {
            self.drawn = true;
            tell(Progress::Mediation(view.seats.iter().map(|seat| Address::from(seat.mediator)).collect()));
        }
        let committed = view.seats.iter().filter(|seat| seat.committed).count();
        let revealed = view.seats.iter().filter(|seat| seat.revealed.is_some()).count();
        if view.state.in_mediation() && self.posts != (committed, revealed) {
            self.posts = (committed, revealed);
            tell(Progress::Mediators { committed, revealed });
        }
    }
}

/// A nonce no earlier offer of this creator has: milliseconds, which is also unique enough across processes.
fn fresh_nonce() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}
