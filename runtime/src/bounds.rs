//! How far memory and tables grow: up to the job's limits, always, and never beyond.
//!
//! What the host can't deliver is its own fault, and never an answer to the guest.

use crate::{engine::EngineError, profile::TABLE_ELEMENTS_MAX};
use lilypad_abi::Limits;
use wasmtime::ResourceLimiter;

/// Lets memory and tables grow up to the job's limits, always, and never beyond.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory_bytes_max: u64,
    /// Why a growth that was allowed didn't happen.
    pub(crate) fault: Option<EngineError>,
}

impl Bounds {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self { memory_bytes_max: limits.memory_bytes_max, fault: None }
    }

    /// A growth that was allowed and didn't happen is the host's fault: the guest must not see it.
    fn fail(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.fault = Some(EngineError(format!("{error:#}")));
        Err(error)
    }
}

/// How the engine words that a 32-bit memory can't hold what is asked. It says so without asking the limiter
/// first, so this is the one failure that is not the host's; a test holds the engine to these words.
const BEYOND_32_BITS: &str = "memory growth exceeds memory type's limits";

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired as u64 <= self.memory_bytes_max && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string() == BEYOND_32_BITS { Ok(()) } else { self.fail(error) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired as u64 <= u64::from(TABLE_ELEMENTS_MAX)
            && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.fail(error)
    }
}
