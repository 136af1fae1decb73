//! The provider: offers this machine, runs the deals it gets, posts results, collects its pay.

use super::{DealRecord, Ran, WorkError, Workshop, keep::poll_until_stopped, sweep_containers};
use crate::{
    chain::{Address, B256, Chain, ChainError, LilypadMarket::ResourceOffer, MatchedDeal, Meter},
    container::{ContainerError, Gpu},
    deal::{DealState, DealView, DeclineReason, Provider, ProviderAction, ProviderEvent},
    exec::KeepError,
    journal::{Journal, JournalError},
    report,
    solver::{SignedResourceOffer, SolverClient, SolverError, policy::Policy},
};
use lilypad_abi::{Cid, Codec, Outcome, Profile, Receipt, Status};
use lilypad_runtime::{Folder, unixfs};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long an offer is good for.
const OFFER_SECONDS: u64 = 24 * 3600;

/// An offer with less left than this is replaced.
const OFFER_SECONDS_LEFT_MIN: u64 = 3600;

/// Between posts of the same offer, which a solver that forgot it takes in again.
const OFFER_ROUND: Duration = Duration::from_secs(3);

/// Offers that can be made in one second, each with a nonce of its own.
const OFFERS_A_SECOND: u64 = 8;

/// Seconds kept free before a deadline to post something in: a few blocks, and no more than is needed.
const TRANSACTION_SECONDS: std::ops::Range<u64> = 5..60;

/// Doublings of the pause between attempts at one job.
const PAUSES_MAX: u32 = 5;

const DEALS: &str = "provider_deal";
const OFFER: &str = "resource_offer";

/// One kind of work and its price: a resource offer of its own.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What it is called in the journal: `current` for modules.
    pub name: &'static str,
    /// The jobs' profile.
    pub profile: Profile,
    /// What is counted.
    pub meter: Meter,
    /// Tokens (base units) for 10^9 of what is counted.
    pub price: u128,
    /// Most of it that one job may use.
    pub units_max: u64,
    /// Largest memory of a job.
    pub memory_bytes_max: u64,
    /// Largest disk of a job; none for modules, whose disk is in their memory.
    pub disk_bytes_max: u64,
    /// Cores of one job.
    pub cores: u16,
    /// GPUs that it can have, of at least one of which each other has as much memory.
    pub gpus: Vec<Gpu>,
}

/// What a provider asks for and puts up.
#[derive(Debug, Clone)]
pub struct ProviderTerms {
    /// What it does and for how much.
    pub asks: Vec<Ask>,
    /// Most tokens (base units) that one deal may lock; what it locks is lost when a result is wrong.
    pub collateral_max: u128,
    /// Deals that the offer is good for.
    pub slots: u32,
    /// Least seconds it wants for a result.
    pub submit_window_min: u32,
    /// The mediators it trusts.
    pub panel: B256,
    /// Where it serves results.
    pub gateway: String,
    /// Posts made-up results instead of running jobs. For demonstrations and tests: it will be found and slashed.
    pub cheat: bool,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum ProviderError {
    #[error("the chain could not be used")]
    Chain(#[from] ChainError),
    #[error("the journal could not be used")]
    Journal(#[from] JournalError),
    #[error("the solver could not be used")]
    Solver(#[from] SolverError),
}

struct Shell {
    chain: Chain,
    journal: Journal,
    workshop: Workshop,
    terms: ProviderTerms,
    poll: Duration,
    policy: Policy,
}

/// Provides until `stop` says so.
pub async fn provide(
    chain: Chain,
    journal: Journal,
    workshop: Workshop,
    solver: SolverClient,
    terms: ProviderTerms,
    poll: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let shell = Arc::new(Shell { chain, journal, workshop, terms, poll, policy: Policy::default() });
    sweep_containers(&shell.workshop, &shell.journal, DEALS).await;
    let offering = {
        let (shell, mut stop) = (shell.clone(), stop.clone());
        async move { poll_until_stopped("offer", OFFER_ROUND, &mut stop, || shell.offer_all(&solver)).await }
    };
    let watching = {
        let stop_deals = stop.clone();
        let state = tokio::sync::Mutex::new((BTreeSet::new(), shell.chain.network().deployed_block));
        async move {
            let round = || async {
                let mut state = state.lock().await;
                let (running, from) = &mut *state;
                shell.clone().watch(running, from, &stop_deals).await
            };
            poll_until_stopped("watch for deals", poll, &mut stop, round).await;
        }
    };
    tokio::join!(offering, watching);
}

impl Shell {
    /// Keeps one good offer of each kind with the solver.
    async fn offer_all(&self, solver: &SolverClient) -> Result<(), ProviderError> {
        let deposit = self.terms.collateral_max;
        self.chain.ensure_free("the deposit of one deal", deposit).await?;
        for (number, ask) in (0..).zip(&self.terms.asks) {
            self.offer(solver, number, ask).await?;
        }
        Ok(())
    }

    async fn offer(&self, solver: &SolverClient, number: u64, ask: &Ask) -> Result<(), ProviderError> {
        let now = self.chain.now().await?;
        let kept: Option<SignedResourceOffer> = self.journal.get(OFFER, ask.name)?.flatten();
        let good = |signed: &SignedResourceOffer| {
            let same =
                self.offer_of_today(ask, signed.offer.provider, signed.offer.nonce, signed.offer.expiry);
            signed.offer.expiry >= now + OFFER_SECONDS_LEFT_MIN
                && signed.offer == same
                && signed.gpus == ask.gpus
                && self.chain.address().is_ok_and(|me| {
                    signed.offer.provider == me && self.chain.signed_by(&signed.offer, &signed.signature, me)
                })
        };
        let signed = match kept.filter(good) {
            Some(signed) => signed,
            None => self.new_offer(now, number, ask)?,
        };
        match solver.post_resource(&signed).await {
            Ok(_) => Ok(()),
            Err(error @ SolverError::Refused { .. }) => {
                // Cancelled or used up: the next round makes another.
                self.journal.put(OFFER, ask.name, &None::<SignedResourceOffer>)?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What this provider offers, with its policy's bounds, which the contract then holds every deal to.
    fn offer_of_today(&self, ask: &Ask, provider: Address, nonce: u64, expiry: u64) -> ResourceOffer {
        let (t, policy) = (&self.terms, &self.policy);
        ResourceOffer {
            provider,
            profile: ask.profile.to_bytes32().into(),
            meter: ask.meter as u8,
            fuelLimitMax: ask.units_max,
            memoryBytesMax: ask.memory_bytes_max,
            diskBytesMax: ask.disk_bytes_max,
            cores: ask.cores,
            gpus: u16::try_from(ask.gpus.len()).unwrap_or(u16::MAX),
            // A job may get any of them.
            gpuMemoryMib: ask.gpus.iter().map(|gpu| gpu.memory_mib).min().unwrap_or_default(),
            pricePerGigafuel: ask.price,
            collateralMax: t.collateral_max,
            panel: t.panel,
            mediatorFeeMin: policy.mediator_fee_min,
            availabilityFeeMax: policy.availability_fee_max,
            submitWindowMin: t.submit_window_min,
            judgeWindowMax: policy.judge_window_max,
            mediationWindowMin: policy.mediation_window_min,
            slots: t.slots,
            solver: Address::ZERO,
            nonce,
            expiry,
            gateway: t.gateway.clone(),
        }
    }

    fn new_offer(&self, now: u64, number: u64, ask: &Ask) -> Result<SignedResourceOffer, ProviderError> {
        // Seconds: later offers of one provider have larger nonces, also after its disk is lost. A few for each.
        let nonce = now * OFFERS_A_SECOND + number;
        let offer = self.offer_of_today(ask, self.chain.address()?, nonce, now + OFFER_SECONDS);
        let signature = self.chain.sign_resource_offer(&offer)?;
        let signed = SignedResourceOffer { offer, signature, gpus: ask.gpus.clone() };
        self.journal.put(OFFER, ask.name, &Some(&signed))?;
        tracing::info!(profile = %ask.profile, price = report::tokens(ask.price), "offering this machine");
        Ok(signed)
    }

    /// Takes up deals: those of an earlier run, and new ones from the chain.
    async fn watch(
        self: Arc<Self>,
        running: &mut BTreeSet<B256>,
        from: &mut u64,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), ProviderError> {
        let (deals, next) = self.chain.matched_deals(*from, Some(self.chain.address()?)).await?;
        for deal in deals {
            let id = deal.id.to_string();
            if running.contains(&deal.id) {
                continue;
            }
            let record = match self.journal.get::<DealRecord>(DEALS, &id)? {
                Some(record) => record,
                None => {
                    // A lost journal must not bring old deals back to life.
                    if self.chain.deal(&deal).await?.state == DealState::Settled
                        && deal.rules.callback_gas == 0
                    {
                        running.insert(deal.id);
                        continue;
                    }
                    let record = DealRecord { deal: deal.clone(), receipt: None, outcome: None };
                    self.journal.put(DEALS, &id, &record)?;
                    tracing::info!(deal = %deal.id, creator = %deal.terms.creator, "matched");
                    record
                }
            };
            running.insert(deal.id);
            let (shell, mut stop) = (self.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = shell.drive(record) => {}
                    _ = stop.changed() => {}
                }
            });
        }
        *from = next;
        Ok(())
    }

    /// One deal from wherever it stands to its end.
    async fn drive(&self, mut record: DealRecord) {
        let mut machine = Provider::new(record.receipt);
        loop {
            match self.round(&mut machine, &mut record).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(deal = %record.deal.id, error = %report::causes(&error), "a step failed; trying again");
                }
            }
            // Gateways that don't have the job's data yet are not asked faster and faster.
            tokio::time::sleep(self.poll * 2_u32.pow(machine.failures().min(PAUSES_MAX))).await;
        }
    }

    async fn round(&self, machine: &mut Provider, record: &mut DealRecord) -> Result<bool, ProviderError> {
        let deal = record.deal.clone();
        let view = self.chain.deal(&deal).await?;
        for action in machine.step(ProviderEvent::Chain(view.clone())) {
            tracing::info!(deal = %deal.id, ?action, "acting");
            match action {
                ProviderAction::Execute => {
                    let event = match self.work_in_time(&deal, &view).await {
                        Ok(ran) => {
                            record.receipt = Some(ran.receipt);
                            record.outcome = Some(ran.outcome);
                            // Durable before anyone hears of it.
                            self.journal.put(DEALS, &deal.id.to_string(), record)?;
                            ProviderEvent::Executed(ran.receipt)
                        }
                        Err(error) => {
                            tracing::error!(deal = %deal.id, error = %report::causes(&error), "the job could not be run");
                            failure(&error)
                        }
                    };
                    machine.step(event);
                }
                ProviderAction::Submit(receipt) => drop(self.chain.submit_result(&deal, &receipt).await?),
                ProviderAction::Commit(receipt) => drop(self.chain.commit_result(&deal, &receipt).await?),
                ProviderAction::Reveal(receipt) => drop(self.chain.reveal_result(&deal, &receipt).await?),
                ProviderAction::DeliverFailure => drop(self.chain.deliver_failure(&deal).await?),
                ProviderAction::Decline(reason) => drop(self.chain.decline(&deal, reason).await?),
                ProviderAction::Audit => drop(self.chain.audit(&deal).await?),
                ProviderAction::FixSeed => drop(self.chain.fix_seed(&deal).await?),
                ProviderAction::Finalize | ProviderAction::Conclude | ProviderAction::Deliver => {
                    let Some(posted) = self.chain.posted_receipt(deal.id).await? else { continue };
                    match action {
                        ProviderAction::Finalize => drop(self.chain.finalize(&deal, &posted).await?),
                        ProviderAction::Conclude => drop(self.chain.conclude(&deal, &posted).await?),
                        _ => self.deliver(&deal, record, &posted).await?,
                    }
                }
                ProviderAction::Done => {
                    if deal.terms.profile == Profile::Container1.to_bytes32() {
                        self.workshop.give_up_deal(&deal).await;
                    }
                    self.journal.close(DEALS, &deal.id.to_string())?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn deliver(
        &self,
        deal: &MatchedDeal,
        record: &DealRecord,
        posted: &Receipt,
    ) -> Result<(), ProviderError> {
        let Some(outcome) = record.outcome.as_ref().filter(|outcome| outcome.receipt() == *posted) else {
            tracing::warn!(deal = %deal.id, "the journal is lost here; anyone who runs the job again can deliver it");
            return Ok(());
        };
        self.chain.deliver(deal, posted, &outcome.journal).await?;
        Ok(())
    }

    /// Works until the result is due, but fetches no longer than there is time to say no afterwards: a creator that
    /// stalls must not cost us anything, and what runs is our own machine's business.
    async fn work_in_time(&self, deal: &MatchedDeal, view: &DealView) -> Result<Ran, WorkError> {
        self.policy.check_terms(&deal.terms).map_err(WorkError::Invalid)?;
        if self.terms.cheat {
            return self.make_up(deal);
        }
        let due = if view.state == DealState::Committed { view.reveal_deadline } else { view.deadline };
        let in_all = margin(due.saturating_sub(view.now));
        let to_fetch = match view.decline_deadline.saturating_sub(view.now) {
            // Too late to say no: whatever time there is.
            0 => in_all,
            left => margin(left),
        };
        self.workshop.run_in_time(&self.chain, deal, to_fetch, in_all).await
    }

    /// A result out of thin air that claims the highest pay: what a dishonest provider would post.
    fn make_up(&self, deal: &MatchedDeal) -> Result<Ran, WorkError> {
        let mut outputs = Folder::default();
        outputs.insert_file("stdout", b"trust me\n".to_vec());
        outputs.insert_file("stderr", Vec::new());
        outputs.insert_file("exitCode", b"0".to_vec());
        let outcome = Outcome {
            job: Cid { codec: Codec::DagCbor, digest: lilypad_abi::BlobDigest(deal.terms.jobDigest.0) },
            profile: match deal.rules.meter {
                Meter::Fuel => Profile::Lilypad1,
                Meter::CoreNanoseconds | Meter::GpuNanoseconds => Profile::Container1,
            },
            status: Status::Exited { code: 0 },
            fuel_used: deal.terms.fuelLimit,
            outputs: unixfs::folder_cid(&outputs),
            journal: Vec::new(),
        };
        let execution =
            lilypad_runtime::Execution { outcome: outcome.clone(), outputs, refusal_detail: None };
        crate::exec::keep(&self.workshop.store, &execution).map_err(|e: KeepError| WorkError::Keep(e))?;
        let (fetch_time, run_time) = (Duration::ZERO, Duration::ZERO);
        Ok(Ran { receipt: outcome.receipt(), outcome, execution, fetch_time, run_time })
    }
}

/// Of this many seconds, those that may be used before a transaction must be on its way.
fn margin(left: u64) -> Duration {
    let kept = (left / 4).clamp(TRANSACTION_SECONDS.start, TRANSACTION_SECONDS.end);
    Duration::from_secs(left.saturating_sub(kept))
}

/// Who is to tell what of a failure, and whether trying again helps.
fn failure(error: &WorkError) -> ProviderEvent {
    let (reason, retry) = match error {
        WorkError::Unavailable(_) | WorkError::Gateway(_) => (DeclineReason::InputsUnavailable, true),
        WorkError::Invalid(_) => (DeclineReason::JobInvalid, false),
        WorkError::Late(_) | WorkError::NoEngine => (DeclineReason::HostFault, false),
        WorkError::Container(ContainerError::NotAllowed(_)) => (DeclineReason::JobInvalid, false),
        WorkError::Container(ContainerError::Capacity(_)) => (DeclineReason::OverCapacity, false),
        WorkError::Container(ContainerError::Image { .. }) => (DeclineReason::InputsUnavailable, true),
        WorkError::Container(_) => (DeclineReason::HostFault, true),
        WorkError::Chain(_) | WorkError::Exec(_) | WorkError::Keep(_) | WorkError::Store(_) => {
            (DeclineReason::HostFault, true)
        }
    };
    ProviderEvent::Failed { reason, retry }
}
