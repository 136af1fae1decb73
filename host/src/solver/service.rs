//! The solver's HTTP API and its loop: take offers in, match, send, record.
//!
//! ```text
//! GET  /api/v1/status              who this is
//! POST /api/v1/job_offers          {offer, signature} -> {id}
//! GET  /api/v1/job_offers/{id}     {status: open|matched|rejected, …}; matched: {deals: […]}
//! POST /api/v1/resource_offers     {offer, signature} -> {id}
//! GET  /api/v1/resource_offers     the machines on offer: [{offer, gpus, slots_left}]
//! ```

use super::{
    JobStatus, SignedJobOffer, SignedResourceOffer,
    book::{Book, BookError, MachineOnOffer},
    client::{ApiError, Posted, SolverStatus},
    matching::{self, JobEntry, Misfit, ResourceEntry},
    policy::Policy,
};
use crate::chain::{B256, Chain, ChainError, Fault, MatchedDeal, Signature};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// Largest request body: an offer is a few hundred bytes and two URLs.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Between rounds when nothing wakes the loop earlier.
const ROUND: Duration = Duration::from_millis(1_000);

/// Farthest ahead an offer may expire, so that the book stays bounded.
const EXPIRY_SECONDS_MAX: u64 = 30 * 24 * 3600;

/// A running solver.
#[derive(Debug)]
pub struct Solver {
    chain: Chain,
    book: Book,
    wake: Notify,
    policy: Policy,
    /// Pairs that the contract refused although our own checks let them pass: not tried again by this process.
    refused_pairs: Mutex<BTreeSet<(B256, B256)>>,
}

impl Solver {
    /// A solver that sends matches through `chain` and keeps offers in `book`.
    #[must_use]
    pub fn new(chain: Chain, book: Book) -> Arc<Self> {
        Arc::new(Self {
            chain,
            book,
            wake: Notify::new(),
            policy: Policy::default(),
            refused_pairs: Mutex::default(),
        })
    }

    /// The HTTP API.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/api/v1/status", get(status))
            .route("/api/v1/job_offers", post(post_job))
            .route("/api/v1/job_offers/{id}", get(job_status))
            .route("/api/v1/resource_offers", post(post_resource).get(machines))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(self.clone())
    }

    /// Matches for as long as it is polled; a failed round is logged and followed by another.
    pub async fn run(self: Arc<Self>) {
        let mut requests_from = self.chain.network().deployed_block;
        loop {
            if let Err(error) = self.round(&mut requests_from).await {
                tracing::warn!(error = %crate::report::causes(&error), "matching round failed; trying again");
            }
            let _ = tokio::time::timeout(ROUND, self.wake.notified()).await;
        }
    }

    async fn round(&self, requests_from: &mut u64) -> Result<(), RoundError> {
        let (requests, next) = self.chain.requests(*requests_from).await?;
        for request in requests {
            // Posted by a contract, which can't sign: the chain itself vouches for it.
            // One that we don't take must not keep the others from being matched.
            if self.policy.check_offer(&request.offer).is_err() {
                continue;
            }
            let signed = SignedJobOffer { offer: request.offer, signature: Signature::new() };
            match self.book.add_job(signed) {
                Ok(_) => {}
                Err(BookError::Full) => tracing::warn!(request = %request.id, "the book is full"),
                Err(error) => return Err(error.into()),
            }
        }
        *requests_from = next;
        let now = self.chain.now().await?;
        let solver = self.chain.address()?;
        for (job, signature) in self.book.open_jobs() {
            if job.offer.expiry < now {
                self.book
                    .set_job_status(job.id, JobStatus::Rejected { reason: Misfit::Expired.to_string() })?;
                continue;
            }
            for resource in self.book.resources().iter().filter(|resource| resource.offer.expiry < now) {
                self.book.drop_resource(resource.id)?;
            }
            let mut resources = self.book.resources();
            {
                let refused = self.refused_pairs.lock().unwrap_or_else(PoisonError::into_inner);
                resources.retain(|resource| !refused.contains(&(job.id, resource.id)));
            }
            match matching::best(&job.offer, &resources, solver, now) {
                Ok(resources) => self.send(&job, &signature, &resources).await?,
                Err(misfit) => {
                    let waiting_for = misfit.map(|misfit| misfit.to_string());
                    self.book.set_job_status(job.id, JobStatus::Open { waiting_for })?;
                }
            }
        }
        Ok(())
    }

    async fn send(
        &self,
        job: &JobEntry,
        signature: &Signature,
        resources: &[&ResourceEntry],
    ) -> Result<(), RoundError> {
        let ids = |deals: &[MatchedDeal]| deals.iter().map(|deal| deal.id).collect();
        // A crash between the transaction and the record must not match twice: the chain knows.
        let deals = self.chain.deals_of_job_offer(job.id).await?;
        if !deals.is_empty() {
            self.book.set_job_status(job.id, JobStatus::Matched { deals: ids(&deals) })?;
            return Ok(());
        }
        let mut offers = Vec::new();
        for resource in resources {
            let Some(signature) = self.book.resource_signature(resource.id) else { return Ok(()) };
            offers.push((&resource.offer, signature));
        }
        match self.chain.match_offers((&job.offer, signature), &offers).await {
            Ok((deals, sent)) => {
                for resource in resources {
                    self.book.use_slot(resource.id)?;
                }
                let deals: Vec<B256> = ids(&deals);
                tracing::info!(job_offer = %job.id, ?deals, gas_used = sent.gas_used, "matched");
                self.book.set_job_status(job.id, JobStatus::Matched { deals })?;
            }
            Err(ChainError::Reverted { reason, at_fault, .. }) => {
                let machines: Vec<B256> = resources.iter().map(|resource| resource.id).collect();
                tracing::warn!(job_offer = %job.id, resource_offers = ?machines, reason, "the contract refused a match");
                match at_fault {
                    Fault::Job => self.book.set_job_status(job.id, JobStatus::Rejected { reason })?,
                    Fault::Party(party) if party == job.offer.creator => {
                        self.book.set_job_status(job.id, JobStatus::Rejected { reason })?;
                    }
                    Fault::Party(party) => self.book.drop_provider(party)?,
                    Fault::ResourceOffer(id) => self.book.drop_resource(id)?,
                    // They don't go together; each may with others.
                    Fault::Together => {
                        let mut refused = self.refused_pairs.lock().unwrap_or_else(PoisonError::into_inner);
                        refused.extend(machines.into_iter().map(|machine| (job.id, machine)));
                    }
                    // The state moved between simulation and block: the next round looks again.
                    Fault::Neither => {}
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the chain could not be used")]
    Chain(#[from] ChainError),
    #[error("the offer book could not be used")]
    Book(#[from] BookError),
}

struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(ApiError { error: self.1 })).into_response()
    }
}

impl From<BookError> for Failure {
    fn from(error: BookError) -> Self {
        let code = match error {
            BookError::Full => StatusCode::SERVICE_UNAVAILABLE,
            BookError::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(code, error.to_string())
    }
}

fn bad(message: impl Into<String>) -> Failure {
    Failure(StatusCode::BAD_REQUEST, message.into())
}

async fn status(State(solver): State<Arc<Solver>>) -> Result<Json<SolverStatus>, Failure> {
    let network = solver.chain.network();
    Ok(Json(SolverStatus {
        solver: solver
            .chain
            .address()
            .map_err(|e| Failure(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?,
        chain_id: network.chain_id,
        market: network.market,
        open_jobs: solver.book.open_jobs().len(),
        resources: solver.book.resources().len(),
    }))
}

async fn post_job(
    State(solver): State<Arc<Solver>>,
    Json(signed): Json<SignedJobOffer>,
) -> Result<Json<Posted>, Failure> {
    let offer = &signed.offer;
    if !solver.chain.signed_by(offer, &signed.signature, offer.creator) {
        return Err(bad(
            "the signature is not the creator's over this offer on this market; check --network and the key",
        ));
    }
    solver.check_expiry(offer.expiry).await?;
    solver.policy.check_offer(offer).map_err(bad)?;
    let need = solver.chain.creator_lock(offer).map_err(|e| bad(e.to_string()))?;
    let free = solver.free_of(offer.creator).await?;
    if free < need {
        return Err(bad(format!(
            "the creator {} has {} free in the market and this offer locks {}; deposit the rest first",
            offer.creator,
            crate::report::tokens(free),
            crate::report::tokens(need)
        )));
    }
    let id = solver.book.add_job(signed)?;
    solver.wake.notify_one();
    Ok(Json(Posted { id }))
}

async fn job_status(
    State(solver): State<Arc<Solver>>,
    Path(id): Path<B256>,
) -> Result<Json<JobStatus>, Failure> {
    match solver.book.job_status(id)? {
        Some(status) => Ok(Json(status)),
        None => Err(Failure(StatusCode::NOT_FOUND, format!("no job offer {id} here; post it again"))),
    }
}

async fn post_resource(
    State(solver): State<Arc<Solver>>,
    Json(signed): Json<SignedResourceOffer>,
) -> Result<Json<Posted>, Failure> {
    let offer = &signed.offer;
    if !solver.chain.signed_by(offer, &signed.signature, offer.provider) {
        return Err(bad(
            "the signature is not the provider's over this offer on this market; check --network and the key",
        ));
    }
    solver.check_expiry(offer.expiry).await?;
    if solver.chain.is_spent(offer).await.map_err(|e| Failure(StatusCode::BAD_GATEWAY, e.to_string()))? {
        return Err(bad("the offer is cancelled or all its slots are used; sign another with a new nonce"));
    }
    if offer.gateway.len() > 256 {
        return Err(bad("the gateway's address has more than 256 bytes"));
    }
    let free = solver.free_of(offer.provider).await?;
    if free < offer.collateralMax {
        return Err(bad(format!(
            "the provider {} has {} free in the market and a deal may lock {}; deposit the rest first",
            offer.provider,
            crate::report::tokens(free),
            crate::report::tokens(offer.collateralMax)
        )));
    }
    let id = solver.book.add_resource(signed)?;
    solver.wake.notify_one();
    Ok(Json(Posted { id }))
}

async fn machines(State(solver): State<Arc<Solver>>) -> Json<Vec<MachineOnOffer>> {
    Json(solver.book.machines())
}

impl Solver {
    async fn check_expiry(&self, expiry: u64) -> Result<(), Failure> {
        let now = self.chain.now().await.map_err(|e| Failure(StatusCode::BAD_GATEWAY, e.to_string()))?;
        if expiry < now {
            return Err(bad("the offer has expired"));
        }
        if expiry > now + EXPIRY_SECONDS_MAX {
            return Err(bad("the offer expires more than 30 days ahead; this solver keeps none that long"));
        }
        Ok(())
    }

    async fn free_of(&self, party: crate::chain::Address) -> Result<u128, Failure> {
        let balance = self.chain.balance(party).await;
        balance.map(|balance| balance.free).map_err(|e| Failure(StatusCode::BAD_GATEWAY, e.to_string()))
    }
}
