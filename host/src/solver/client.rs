//! The other end of the solver's HTTP API: what providers and creators call.

use super::{JobStatus, MachineOnOffer, SignedJobOffer, SignedResourceOffer};
use crate::chain::{Address, B256};
use std::time::Duration;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a solver says of itself.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct SolverStatus {
    /// The account it matches from.
    pub solver: Address,
    /// The chain.
    pub chain_id: u64,
    /// The market contract.
    pub market: Address,
    /// Job offers that wait.
    pub open_jobs: usize,
    /// Machines on offer.
    pub resources: usize,
}

/// An error body of the API.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct ApiError {
    /// What, why, what to do next.
    pub error: String,
}

/// The answer to a posted offer.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Posted {
    /// The offer's EIP-712 struct hash.
    pub id: B256,
}

/// A connection to one solver.
#[derive(Debug, Clone)]
pub struct SolverClient {
    base: String,
    http: reqwest::Client,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum SolverError {
    /// No answer.
    #[error("the solver at {url} does not answer; is it running? `lilypad devnet` starts one")]
    Unreachable {
        /// The endpoint.
        url: String,
        /// The client's word.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("the solver at {url} refused: {message}")]
    Refused {
        /// The endpoint.
        url: String,
        /// Its reason.
        message: String,
    },
}

impl SolverClient {
    /// A client of the solver at `base`, such as `http://127.0.0.1:8600`.
    ///
    /// # Errors
    /// [`SolverError::Unreachable`] when no HTTP client can be made.
    pub fn new(base: &str) -> Result<Self, SolverError> {
        let base = base.trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        match http {
            Ok(http) => Ok(Self { base, http }),
            Err(source) => Err(SolverError::Unreachable { url: base, source }),
        }
    }

    /// What the solver says of itself.
    ///
    /// # Errors
    /// As every call: no answer, or a refusal with its reason.
    pub async fn status(&self) -> Result<SolverStatus, SolverError> {
        self.send(self.http.get(self.url("status"))).await
    }

    /// Posts a job offer.
    ///
    /// # Errors
    /// As every call.
    pub async fn post_job(&self, signed: &SignedJobOffer) -> Result<B256, SolverError> {
        self.send::<Posted>(self.http.post(self.url("job_offers")).json(signed)).await.map(|posted| posted.id)
    }

    /// Posts a resource offer.
    ///
    /// # Errors
    /// As every call.
    pub async fn post_resource(&self, signed: &SignedResourceOffer) -> Result<B256, SolverError> {
        self.send::<Posted>(self.http.post(self.url("resource_offers")).json(signed))
            .await
            .map(|posted| posted.id)
    }

    /// The machines on offer.
    ///
    /// # Errors
    /// As every call.
    pub async fn machines(&self) -> Result<Vec<MachineOnOffer>, SolverError> {
        self.send(self.http.get(self.url("resource_offers"))).await
    }

    /// What became of a job offer.
    ///
    /// # Errors
    /// As every call; also when the solver never had the offer.
    pub async fn job_status(&self, id: B256) -> Result<JobStatus, SolverError> {
        self.send(self.http.get(self.url(&format!("job_offers/{id}")))).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, SolverError> {
        let unreachable = |source| SolverError::Unreachable { url: self.base.clone(), source };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return response.json().await.map_err(unreachable);
        }
        let message = match response.json::<ApiError>().await {
            Ok(body) => body.error,
            Err(_) => format!("HTTP {status}"),
        };
        Err(SolverError::Refused { url: self.base.clone(), message })
    }
}
