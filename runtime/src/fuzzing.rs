//! The insides, for fuzz targets and for tests that measure what no user can see.
//!
//! Nothing here is promised to anybody: no other crate of the product may use it. It only hands through, and decides
//! nothing.

use crate::{
    ResolvedJob, admission,
    metering::{self, Flush},
    profile,
    wasi::{self, FUNCTIONS},
};
use lilypad_abi::{BlobDigest, Refusal};

/// Export of the fuel counter.
pub const FUEL_EXPORT: &str = profile::FUEL_EXPORT;

/// Export of the stack counter: counted bytes left.
pub const STACK_EXPORT: &str = profile::STACK_EXPORT;

/// Native bytes that the host provides for one counted byte.
pub const NATIVE_BYTES_PER_COUNTED: usize = profile::NATIVE_BYTES_PER_COUNTED;

/// What the profile accepts, for a validator.
#[must_use]
pub fn features() -> wasmparser::WasmFeatures {
    profile::features()
}

/// An admitted module, and what the rewrite makes of it.
#[derive(Debug)]
pub struct Rewritten {
    /// Fuel published at calls.
    pub fast: Vec<u8>,
    /// Fuel published at every block.
    pub exact: Vec<u8>,
    /// Bytes that its bodies may have once they are rewritten, as admission foresaw.
    pub body_bytes_max: u64,
}

/// Admits and rewrites a module both ways.
///
/// # Errors
/// The refusal, as an Outcome would tell it.
///
/// # Panics
/// When an admitted module can't be rewritten, which is a bug.
pub fn rewrite(wasm: &[u8]) -> Result<Rewritten, (Refusal, String)> {
    let admitted = admission::admit(wasm).map_err(|not| (not.reason, not.detail))?;
    let [fast, exact] = [Flush::AtCalls, Flush::AtRegions].map(|flush| {
        metering::rewrite(wasm, &admitted, flush)
            .unwrap_or_else(|error| panic!("an admitted module can't be rewritten: {error}"))
    });
    Ok(Rewritten { fast, exact, body_bytes_max: admission::rewritten_bytes_max(&admitted) })
}

/// The world of WASI, called by number.
#[derive(Debug)]
pub struct World(wasi::World);

/// What a world leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// `/out`.
    pub out: crate::Folder,
    /// The journal.
    pub journal: Vec<u8>,
}

/// Names and numbers of parameters of the functions, in the order of their numbers.
pub fn functions() -> impl Iterator<Item = (&'static str, usize)> {
    FUNCTIONS.iter().map(|function| (function.name, function.params.len()))
}

impl World {
    /// The world as the job describes it.
    #[must_use]
    pub fn new(job: &ResolvedJob, job_digest: BlobDigest) -> Self {
        Self(wasi::World::new(job, job_digest))
    }

    /// Calls a function; gives its errno, or nothing when the guest has ended.
    pub fn call(
        &mut self,
        function: usize,
        args: &[u64],
        memory: &mut [u8],
        fuel_left: &mut u64,
    ) -> Option<u32> {
        self.0.call(function, args, memory, fuel_left).ok()
    }

    /// The end.
    #[must_use]
    pub fn finish(self) -> Left {
        let wasi::Finished { stdout, stderr, out, journal } = self.0.finish();
        Left { stdout, stderr, out, journal }
    }
}

/// The bounds of a job's memory and tables, as the engine asks them.
#[cfg(feature = "engine")]
#[derive(Debug)]
pub struct Bounds(crate::bounds::Bounds);

#[cfg(feature = "engine")]
impl Bounds {
    /// The bounds of a job that may have so much memory.
    #[must_use]
    pub fn new(memory_bytes_max: u64) -> Self {
        Self(crate::bounds::Bounds::new(&lilypad_abi::Limits { memory_bytes_max, ..Default::default() }))
    }

    /// For `Store::limiter`.
    pub fn limiter(&mut self) -> &mut dyn wasmtime::ResourceLimiter {
        &mut self.0
    }

    /// Whether something failed that the job was allowed.
    #[must_use]
    pub const fn is_host_s_fault(&self) -> bool {
        self.0.fault.is_some()
    }
}
