//! What one server takes on, whoever asks.

use std::time::Duration;

/// Bounds of a served API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// Jobs that are remembered. The oldest that have ended are forgotten for new ones.
    pub jobs_max: usize,
    /// Jobs that wait or run; further ones are refused until one has ended.
    pub open_max: usize,
    /// Jobs that run at once.
    pub running_max: usize,
    /// Bytes of a request's body. Bacalhau's own is 10 MB; its CLI sends modules within it.
    pub body_bytes_max: usize,
    /// Bytes of all inputs of a job together, those that are downloaded too.
    pub input_bytes_max: u64,
    /// Most items of a page.
    pub page_max: usize,
    /// Connections that follow logs at once.
    pub followers_max: usize,
    /// Results that are packed and sent at once; each is in memory meanwhile.
    pub downloads_max: usize,
    /// Wall-clock limit of fetching a job's inputs.
    pub fetch_timeout: Duration,
}

impl Default for ApiLimits {
    /// 5,000 jobs, 200 of them open and 2 running, 10 MiB bodies, 256 MiB of inputs, 500 items, 100 followers, 4
    /// downloads, 5 minutes.
    fn default() -> Self {
        Self {
            jobs_max: 5_000,
            open_max: 200,
            running_max: 2,
            body_bytes_max: 10 << 20,
            input_bytes_max: 256 << 20,
            page_max: 500,
            followers_max: 100,
            downloads_max: 4,
            fetch_timeout: Duration::from_secs(300),
        }
    }
}
