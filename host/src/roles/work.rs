//! From a matched deal to its result: fetch the job's public data, run it in a worker, keep what comes out.
//!
//! Provider, mediator and checking creator do exactly the same here; they differ in what they do with the result.

use crate::{
    chain::{Chain, ChainError, LilypadMarket::DealTerms, MatchedDeal},
    exec::{self, ExecError, Executor, KeepError, ResolveError},
    store::{FetchError, FetchOptions, Fetcher, Store, StoreError, TreeLimits},
};
use lilypad_abi::{BlobDigest, Cid, JobSpec, JobSpecError, Outcome, Receipt};
use lilypad_runtime::{Execution, ResolvedJob};
use std::time::{Duration, Instant};

/// A party's means to run jobs.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// Its blocks.
    pub store: Store,
    /// Its workers.
    pub executor: Executor,
    /// Gateways asked after those that the deal names.
    pub gateways: Vec<String>,
    /// Bounds on what it fetches for one job.
    pub limits: TreeLimits,
    /// What this machine takes on; a mediator and a creator run what the deal says.
    pub capacity: Option<Capacity>,
}

/// What a provider's machine takes on, whatever a match says.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Most bytes of memory and captured output together: the virtual world lives in memory.
    pub bytes_max: u64,
    /// Fuel this machine surely gets through in a second; a deal whose time is too short for its fuel is declined.
    pub fuel_per_second: u64,
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
    /// Wall-clock time of running, worker start and compilation included.
    pub run_time: Duration,
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
        match tokio::time::timeout(left, self.run_resolved(&job, fetch_time)).await {
            Ok(ran) => ran,
            Err(_) => Err(WorkError::Late(in_all)),
        }
    }

    /// Runs a job whose data is at hand, and keeps Outcome and outputs in the store.
    ///
    /// # Errors
    /// [`WorkError::Exec`] and [`WorkError::Keep`].
    pub async fn run_resolved(&self, job: &ResolvedJob, fetch_time: Duration) -> Result<Ran, WorkError> {
        let started = Instant::now();
        let execution = self.executor.run(job).await?;
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

    async fn resolve(&self, chain: &Chain, deal: &MatchedDeal) -> Result<ResolvedJob, WorkError> {
        let fetcher = self
            .fetcher(&[&deal.job_gateway, &deal.provider_gateway])
            .map_err(|e| WorkError::Gateway(Box::new(e)))?;
        let spec = self.effective_spec(chain, deal, &fetcher).await?;
        exec::resolve_spec(&fetcher, spec, &self.limits)
            .await
            .map_err(|e| WorkError::Unavailable(Box::new(e)))
    }

    /// The job that the deal is about: the posted one, or a template completed with the request's input.
    async fn effective_spec(
        &self,
        chain: &Chain,
        deal: &MatchedDeal,
        fetcher: &Fetcher,
    ) -> Result<JobSpec, WorkError> {
        let terms = &deal.terms;
        let cid = Cid::dag_cbor(BlobDigest(terms.jobDigest.0));
        let block =
            fetcher.block(cid).await.map_err(|e| WorkError::Unavailable(Box::new(ResolveError::Job(e))))?;
        let spec = JobSpec::from_block(&block)
            .map_err(|e: JobSpecError| WorkError::Invalid(crate::report::causes(&e)))?;
        check_terms(&spec, terms)?;
        if let Some(capacity) = &self.capacity {
            capacity.check(&spec, deal.rules.submit_window)?;
        }
        if terms.inputHash.is_zero() {
            return Ok(spec);
        }
        if spec.stdin.is_some() {
            return Err(WorkError::Invalid("a template with an input must leave stdin empty".to_owned()));
        }
        let request = chain.request(terms.jobOfferHash).await?;
        let request =
            request.ok_or_else(|| WorkError::Invalid("the chain has no such request".to_owned()))?;
        let stdin = self.store.add_file(&request.input)?;
        Ok(spec.with_stdin(stdin))
    }
}

/// What the contract can't check, because it sees the job's digest only.
fn check_terms(spec: &JobSpec, terms: &DealTerms) -> Result<(), WorkError> {
    if spec.profile.to_bytes32() != terms.profile.0 {
        return Err(WorkError::Invalid("the job's profile is not the deal's".to_owned()));
    }
    if spec.limits.fuel_limit > terms.fuelLimit {
        return Err(WorkError::Invalid(format!(
            "the job may use {} fuel and the deal pays for {}",
            spec.limits.fuel_limit, terms.fuelLimit
        )));
    }
    Ok(())
}

impl Capacity {
    fn check(&self, spec: &JobSpec, submit_window: u32) -> Result<(), WorkError> {
        let limits = &spec.limits;
        let parts = [
            limits.memory_bytes_max,
            limits.output_bytes_max,
            limits.stdout_bytes_max,
            limits.stderr_bytes_max,
        ];
        let bytes = parts.into_iter().fold(0, u64::saturating_add);
        if bytes > self.bytes_max {
            return Err(WorkError::Invalid(format!(
                "the job may need {bytes} bytes of memory and output, this machine offers {}",
                self.bytes_max
            )));
        }
        let fuel_in_time = u64::from(submit_window).saturating_mul(self.fuel_per_second);
        if limits.fuel_limit > fuel_in_time {
            return Err(WorkError::Invalid(format!(
                "{} fuel may not be done in the {submit_window} s that the deal gives",
                limits.fuel_limit
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::LilypadMarket::DealTerms;
    use lilypad_abi::{Limits, Profile};
    use std::collections::BTreeMap;

    fn spec() -> JobSpec {
        let module = Cid::of(lilypad_abi::Codec::Raw, b"module");
        JobSpec {
            profile: Profile::Lilypad1,
            module,
            args: Vec::new(),
            env: BTreeMap::new(),
            inputs: BTreeMap::new(),
            stdin: None,
            limits: Limits::default(),
            seed: BlobDigest::default(),
            clock_epoch_ns: 0,
        }
    }

    fn terms() -> DealTerms {
        let limits = Limits::default();
        DealTerms {
            profile: Profile::Lilypad1.to_bytes32().into(),
            fuelLimit: limits.fuel_limit,
            ..DealTerms::default()
        }
    }

    #[test]
    fn a_job_that_asks_for_more_than_its_deal_pays_is_not_run() {
        check_terms(&spec(), &terms()).unwrap();
        let less = DealTerms { fuelLimit: 1, ..terms() };
        assert!(check_terms(&spec(), &less).unwrap_err().to_string().contains("pays for 1"));
        let other = DealTerms { profile: crate::chain::B256::ZERO, ..terms() };
        assert!(check_terms(&spec(), &other).unwrap_err().to_string().contains("profile"));
    }

    #[test]
    fn a_machine_takes_on_what_it_can_do_in_time() {
        let capacity = Capacity { bytes_max: 4 << 30, fuel_per_second: 1_000_000_000 };
        capacity.check(&spec(), 600).unwrap();
        let small = Capacity { bytes_max: 1 << 30, ..capacity };
        assert!(small.check(&spec(), 600).unwrap_err().to_string().contains("this machine offers"));
        assert!(capacity.check(&spec(), 99).unwrap_err().to_string().contains("99 s"));
    }
}
