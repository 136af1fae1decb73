//! From a matched deal to its result: fetch the job's public data, run it, keep what comes out.
//!
//! Provider, mediator and checking creator do exactly the same here; they differ in what they do with the result.

use super::capacity::{Capacity, check_terms};
use crate::{
    chain::{Chain, ChainError, MatchedDeal},
    container::{ContainerEngine, ContainerError, ContainerJob, RunName},
    exec::{self, ExecError, Executor, KeepError, ResolveError},
    store::{FetchError, FetchOptions, Fetcher, Store, StoreError, TreeLimits},
};
use lilypad_abi::{BlobDigest, Cid, Job, JobError, Outcome, Receipt};
use lilypad_runtime::{Execution, ResolvedJob};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A party's means to run jobs.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// Its blocks.
    pub store: Store,
    /// Its workers.
    pub executor: Executor,
    /// Where it runs containers, if anywhere.
    pub containers: Option<Arc<dyn ContainerEngine>>,
    /// Gateways asked after those that the deal names.
    pub gateways: Vec<String>,
    /// Bounds on what it fetches for one job.
    pub limits: TreeLimits,
    /// What this machine takes on; a mediator and a creator run what the deal says.
    pub capacity: Option<Capacity>,
}

/// A job that ran.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What happened.
    pub outcome: Outcome,
    /// Its record.
    pub receipt: Receipt,
    /// The run's outputs and details.
    pub execution: Execution,
    /// Wall-clock time of fetching.
    pub fetch_time: Duration,
    /// Wall-clock time of running, worker start and compilation, or image and container, included.
    pub run_time: Duration,
}

/// A job with its data at hand.
#[derive(Debug, Clone)]
enum Ready {
    /// A WASI module.
    Wasm(ResolvedJob),
    /// A container.
    Container(ContainerJob),
}

/// Why a job could not be run.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The job's data can't be had, now.
    #[error("the job's data can't be had")]
    Unavailable(#[source] Box<ResolveError>),
    /// The job is none, or not the one the deal pays for.
    #[error("the job can't be run on these terms: {0}")]
    Invalid(String),
    /// The deal's time is nearly over.
    #[error("the job was not done in the {} s that the deal leaves", .0.as_secs())]
    Late(Duration),
    /// The chain could not be asked for the request's input.
    #[error("the request's input can't be read")]
    Chain(#[from] ChainError),
    /// Our own machine failed.
    #[error("this machine could not run the job")]
    Exec(#[from] ExecError),
    /// The container engine failed, or its owner doesn't allow the job.
    #[error("this machine could not run the container")]
    Container(#[from] ContainerError),
    /// No container engine.
    #[error("the job is a container and no engine is set here; give --executor docker or bacalhau")]
    NoEngine,
    /// Our own disk failed.
    #[error("the result can't be kept")]
    Keep(#[from] KeepError),
    /// Our own disk failed.
    #[error("the input can't be kept")]
    Store(#[from] StoreError),
    /// A gateway's address can't be used.
    #[error("a gateway named by the deal can't be used")]
    Gateway(#[source] Box<FetchError>),
}

impl WorkError {
    /// Whether it is somebody else's trouble, which may pass: a gateway, the chain, a registry, an engine that restarts.
    #[must_use]
    pub const fn is_others(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Chain(_) | Self::Gateway(_) => true,
            Self::Container(error) => error.is_temporary(),
            _ => false,
        }
    }
}

impl Workshop {
    /// Fetches and runs a deal's job, and keeps Outcome and outputs in the store.
    ///
    /// # Errors
    /// [`WorkError`]; a guest that fails is a result, not an error.
    pub async fn run(&self, chain: &Chain, deal: &MatchedDeal) -> Result<Ran, WorkError> {
        self.run_in_time(chain, deal, Duration::MAX, Duration::MAX).await
    }

    /// The same, with no more than `to_fetch` to get the job's data, and `in_all` for everything.
    ///
    /// # Errors
    /// [`WorkError::Late`] when either is over.
    pub async fn run_in_time(
        &self,
        chain: &Chain,
        deal: &MatchedDeal,
        to_fetch: Duration,
        in_all: Duration,
    ) -> Result<Ran, WorkError> {
        let started = Instant::now();
        let job = match tokio::time::timeout(to_fetch.min(in_all), self.resolve(chain, deal)).await {
            Ok(job) => job?,
            Err(_) => return Err(WorkError::Late(to_fetch.min(in_all))),
        };
        let fetch_time = started.elapsed();
        let left = in_all.saturating_sub(fetch_time);
        let run = RunName::of_deal(deal.id.0, 0);
        let ended = tokio::time::timeout(left, async {
            tokio::select! {
                ran = self.run_ready(&job, &run, fetch_time) => ran,
                error = self.not_started(&job, &run, to_fetch.saturating_sub(fetch_time)) => Err(error),
            }
        });
        let result = ended.await.unwrap_or(Err(WorkError::Late(in_all)));
        if matches!(result, Err(WorkError::Late(_))) {
            self.give_up(&run).await;
        }
        result
    }

    /// Comes to an end when a container has not begun to run after `wait`: its image's registry stalls, or others have
    /// all the room. What begins in time is left alone.
    async fn not_started(&self, job: &Ready, run: &RunName, wait: Duration) -> WorkError {
        // A wait without end, of those who can't say no, is longer than any clock can tell.
        let until = Instant::now().checked_add(wait);
        if let (Ready::Container(_), Some(engine), Some(_)) = (job, &self.containers, until) {
            tokio::time::sleep(wait).await;
            if !engine.has_started(run).await.unwrap_or(true) {
                return WorkError::Late(wait);
            }
        }
        std::future::pending().await
    }

    /// Runs a deal's job so many times, as the paper's rule wants of mediators; a module's once, which is enough.
    ///
    /// Gives the first run that differs from an earlier one beside it, when there is one, and stops there.
    ///
    /// # Errors
    /// As [`Workshop::run`].
    pub async fn run_repeatedly(
        &self,
        chain: &Chain,
        deal: &MatchedDeal,
        times: u8,
    ) -> Result<(Ran, Option<Ran>), WorkError> {
        let started = Instant::now();
        let job = self.resolve(chain, deal).await?;
        let fetch_time = started.elapsed();
        let first = self.run_ready(&job, &RunName::of_deal(deal.id.0, 0), fetch_time).await?;
        if matches!(job, Ready::Wasm(_)) {
            return Ok((first, None));
        }
        for number in 1..times.into() {
            let run = RunName::of_deal(deal.id.0, number);
            let again = self.run_ready(&job, &run, Duration::ZERO).await?;
            if again.receipt.hash_without_fuel() != first.receipt.hash_without_fuel() {
                return Ok((first, Some(again)));
            }
        }
        Ok((first, None))
    }

    /// Ends the runs of a deal's container that may still be under way.
    pub async fn give_up_deal(&self, deal: &MatchedDeal) {
        for number in 0..u32::from(deal.rules.runs.max(1)) {
            self.give_up(&RunName::of_deal(deal.id.0, number)).await;
        }
    }

    async fn give_up(&self, run: &RunName) {
        if let Some(engine) = &self.containers
            && let Err(error) = engine.stop(run).await
        {
            tracing::warn!(%run, error = %crate::report::causes(&error), "a container can't be stopped");
        }
    }

    /// Runs a job whose data is at hand, and keeps Outcome and outputs in the store.
    ///
    /// # Errors
    /// [`WorkError::Exec`], [`WorkError::Container`], [`WorkError::NoEngine`] and [`WorkError::Keep`].
    async fn run_ready(&self, job: &Ready, run: &RunName, fetch_time: Duration) -> Result<Ran, WorkError> {
        let started = Instant::now();
        let execution = match job {
            Ready::Wasm(job) => self.executor.run(job).await?,
            Ready::Container(job) => {
                let engine = self.containers.as_ref().ok_or(WorkError::NoEngine)?;
                engine.run(run, job, None).await?
            }
        };
        let run_time = started.elapsed();
        exec::keep(&self.store, &execution)?;
        let outcome = execution.outcome.clone();
        Ok(Ran { receipt: outcome.receipt(), outcome, execution, fetch_time, run_time })
    }

    /// A fetcher over our store, these gateways, and then our own list.
    ///
    /// # Errors
    /// When none of the addresses can be used.
    pub fn fetcher(&self, named: &[&str]) -> Result<Fetcher, FetchError> {
        // A stranger's address that is none must not keep the others from being asked.
        let usable = |url: &&str| url.parse::<crate::store::GatewayUrl>().is_ok();
        let all = named.iter().copied().chain(self.gateways.iter().map(String::as_str)).filter(usable);
        Fetcher::new(self.store.clone(), all, FetchOptions::default())
    }

    async fn resolve(&self, chain: &Chain, deal: &MatchedDeal) -> Result<Ready, WorkError> {
        let fetcher = self
            .fetcher(&[&deal.job_gateway, &deal.provider_gateway])
            .map_err(|e| WorkError::Gateway(Box::new(e)))?;
        let unavailable = |e| WorkError::Unavailable(Box::new(e));
        Ok(match self.effective_job(chain, deal, &fetcher).await? {
            Job::Wasm(spec) => {
                let job = exec::resolve_spec(&fetcher, spec, &self.limits).await;
                Ready::Wasm(job.map_err(unavailable)?)
            }
            Job::Container(spec) => {
                if self.containers.is_none() {
                    return Err(WorkError::NoEngine);
                }
                let job = exec::resolve_container(&fetcher, spec, &self.limits).await;
                Ready::Container(job.map_err(unavailable)?)
            }
        })
    }

    /// The job that the deal is about: the posted one, or a template completed with the request's input.
    async fn effective_job(
        &self,
        chain: &Chain,
        deal: &MatchedDeal,
        fetcher: &Fetcher,
    ) -> Result<Job, WorkError> {
        let terms = &deal.terms;
        let cid = Cid::dag_cbor(BlobDigest(terms.jobDigest.0));
        let block =
            fetcher.block(cid).await.map_err(|e| WorkError::Unavailable(Box::new(ResolveError::Job(e))))?;
        let job =
            Job::from_block(&block).map_err(|e: JobError| WorkError::Invalid(crate::report::causes(&e)))?;
        check_terms(&job, terms, &deal.rules).map_err(WorkError::Invalid)?;
        if let Some(capacity) = &self.capacity {
            capacity.check(&job, &deal.rules).map_err(WorkError::Invalid)?;
        }
        if terms.inputHash.is_zero() {
            return Ok(job);
        }
        let spec = match job {
            Job::Wasm(spec) if spec.stdin.is_none() => spec,
            Job::Wasm(_) => {
                let reason = "a template with an input must leave stdin empty".to_owned();
                return Err(WorkError::Invalid(reason));
            }
            Job::Container(_) => {
                return Err(WorkError::Invalid("a container takes no input from a request".to_owned()));
            }
        };
        let request = chain.request(terms.jobOfferHash).await?;
        let request =
            request.ok_or_else(|| WorkError::Invalid("the chain has no such request".to_owned()))?;
        let stdin = self.store.add_file(&request.input)?;
        Ok(Job::Wasm(spec.with_stdin(stdin)))
    }
}
