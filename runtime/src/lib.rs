//! Bytes in, Outcome out: a WASI job under the deterministic profile `lilypad-1`.
//!
//! There is no clock, network, chain, async or environment in this crate; `clippy.toml` beside it bans them.

mod admission;
mod engine;
mod execute;
mod inspect;
mod job;
mod metering;
mod profile;
mod tree;
pub mod unixfs;
mod wasi;

#[cfg(feature = "internals")]
#[doc(hidden)]
pub use self::execute::internals;
pub use self::{
    engine::{EngineError, PreparedModule, Runtime, RuntimeError, RuntimeOptions, Unprepared},
    execute::Execution,
    inspect::{ModuleReport, inspect},
    job::ResolvedJob,
    metering::COST_TABLE_VERSION,
    tree::{Folder, Node},
};
