//! Bacalhau's v2 HTTP API, as far as an executor needs it: answers are read within bounds, whatever the server sends.
//!
//! Nothing here decides what an answer means, and no address but the cluster's and its results' is ever asked.

use super::unreachable;
use crate::container::ContainerError;
use futures::StreamExt as _;
use lilypad_bacalhau::model::{
    ApiError, Execution, GetJobResponse, Job, ListJobResultsResponse, ListJobsResponse, ListNodesResponse,
    SpecConfig,
};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long one call may take; results take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of an answer: a job comes back with its inline inputs, and a page has up to [`PAGE`] jobs.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Jobs asked for at once.
const PAGE: u32 = 25;

/// How long a download may stand still.
const STILL_MAX: Duration = Duration::from_secs(60);

/// One cluster's API.
#[derive(Debug, Clone)]
pub(super) struct Client {
    base: String,
    namespace: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// What a cluster says no to, beside what can't be reached.
#[derive(Debug)]
pub(super) enum Refused {
    /// The cluster was not reached, or makes no sense.
    Engine(ContainerError),
    /// It understood and refused.
    Said(StatusCode, String),
}

impl Client {
    pub(super) fn new(url: &str, namespace: &str, token: Option<&str>) -> Result<Self, ContainerError> {
        let base = url.trim_end_matches('/').to_owned();
        let bad = |reason: String| unreachable(&base, reason);
        let parsed = reqwest::Url::parse(&base)
            .map_err(|_| bad("the address is none; write http://host:1234".to_owned()))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(bad("the address must begin with http:// or https://".to_owned()));
        }
        // A redirect could lead a token or an upload elsewhere.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(STILL_MAX)
            .build()
            .map_err(|error| bad(crate::report::causes(&error)))?;
        Ok(Self { namespace: namespace.to_owned(), token: token.map(str::to_owned), http, base })
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(super) fn problem(&self, reason: impl Into<String>) -> ContainerError {
        unreachable(&self.base, reason.into())
    }

    pub(super) async fn nodes(&self) -> Result<ListNodesResponse, ContainerError> {
        self.asked(Method::GET, "/api/v1/orchestrator/nodes", &[], None).await.map_err(|e| self.flat(e))
    }

    /// The job of this name in our namespace, with its executions.
    pub(super) async fn job(&self, name: &str) -> Result<Option<(Job, Vec<Execution>)>, ContainerError> {
        let path = format!("/api/v1/orchestrator/jobs/{name}");
        let query = [("namespace", self.namespace.as_str()), ("include", "executions")];
        let answer: GetJobResponse = match self.asked(Method::GET, &path, &query, None).await {
            Err(Refused::Said(StatusCode::NOT_FOUND, _)) => return Ok(None),
            answer => answer.map_err(|e| self.flat(e))?,
        };
        // The server looks for ids too, and in shortened form: what is not ours is not there.
        let ours = |job: &Job| job.name == name && job.namespace == self.namespace;
        let Some(job) = answer.job.filter(ours) else { return Ok(None) };
        Ok(Some((job, answer.executions.map(|list| list.items).unwrap_or_default())))
    }

    /// Submits a job; one of the same name and content is refused by the cluster unless `again`.
    pub(super) async fn submit(&self, job: &serde_json::Value, again: bool) -> Result<(), Refused> {
        let body = serde_json::json!({ "Job": job, "Force": again });
        let _: serde::de::IgnoredAny =
            self.asked(Method::PUT, "/api/v1/orchestrator/jobs", &[], Some(body)).await?;
        Ok(())
    }

    pub(super) async fn stop(&self, name: &str, reason: &str) -> Result<(), ContainerError> {
        let path = format!("/api/v1/orchestrator/jobs/{name}");
        let query = [("namespace", self.namespace.as_str()), ("reason", reason)];
        match self.asked::<serde::de::IgnoredAny>(Method::DELETE, &path, &query, None).await {
            Ok(_) | Err(Refused::Said(StatusCode::NOT_FOUND, _)) => Ok(()),
            Err(error) => Err(self.flat(error)),
        }
    }

    /// Where a completed job's results lie.
    pub(super) async fn results(&self, name: &str) -> Result<Vec<SpecConfig>, ContainerError> {
        let path = format!("/api/v1/orchestrator/jobs/{name}/results");
        let query = [("namespace", self.namespace.as_str())];
        let page: ListJobResultsResponse =
            self.asked(Method::GET, &path, &query, None).await.map_err(|e| self.flat(e))?;
        Ok(page.items)
    }

    /// All jobs of our namespace.
    pub(super) async fn jobs(&self) -> Result<Vec<Job>, ContainerError> {
        let (mut all, mut token) = (Vec::new(), String::new());
        let limit = PAGE.to_string();
        loop {
            let query =
                [("namespace", self.namespace.as_str()), ("limit", &limit), ("next_token", token.as_str())];
            // An empty token means the first page.
            let query = if token.is_empty() { &query[..2] } else { &query[..] };
            let page: ListJobsResponse = self
                .asked(Method::GET, "/api/v1/orchestrator/jobs", query, None)
                .await
                .map_err(|e| self.flat(e))?;
            let more = !page.items.is_empty() && !page.next_token.is_empty() && page.next_token != token;
            all.extend(page.items.into_iter().filter(|job| job.namespace == self.namespace));
            if !more {
                return Ok(all);
            }
            token = page.next_token;
        }
    }

    /// The bytes at a results' address, at most `bytes_max`; `None` when there are more.
    pub(super) async fn download(&self, url: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, String> {
        let url = reqwest::Url::parse(url).map_err(|_| format!("'{url}' is no address"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{url} is neither http nor https"));
        }
        // Without our token: a publisher is not the API.
        let answer = self.http.get(url.clone()).send().await.map_err(|e| crate::report::causes(&e))?;
        if !answer.status().is_success() {
            return Err(format!("{url} answers {}", answer.status()));
        }
        let mut bytes = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| crate::report::causes(&e))?;
            if (bytes.len() + chunk.len()) as u64 > bytes_max {
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }

    /// The address of a job's logs.
    pub(super) fn logs_url(&self, name: &str, execution: &str) -> String {
        // Only the scheme differs: `http` becomes `ws`, `https` `wss`.
        let base = self.base.replacen("http", "ws", 1);
        format!(
            "{base}/api/v1/orchestrator/jobs/{name}/logs?namespace={}&execution_id={execution}&follow=true",
            self.namespace
        )
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<serde_json::Value>,
    ) -> Result<T, Refused> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base))
            .map_err(|_| Refused::Engine(self.problem("the address is none")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).timeout(TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let failed = |error: reqwest::Error| Refused::Engine(self.problem(crate::report::causes(&error)));
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.map_err(failed)?);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(Refused::Engine(self.problem("its answer is too long")));
            }
        }
        if !status.is_success() {
            return Err(Refused::Said(status, said(&bytes)));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Refused::Engine(self.problem(format!("its answer can't be read: {error}"))))
    }

    /// A refusal where none was expected is a problem of the cluster.
    pub(super) fn flat(&self, refused: Refused) -> ContainerError {
        match refused {
            Refused::Engine(error) => error,
            Refused::Said(status, text) => self.problem(format!("it answers {status}: {text}")),
        }
    }
}

/// What an error's body says, short: Bacalhau's own form, or whatever stands in front of it.
fn said(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<ApiError>(body) {
        Ok(error) if !error.message.is_empty() => error.message,
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}
