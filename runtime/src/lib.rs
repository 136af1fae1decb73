//! Bytes in, Outcome out: a WASI job under the deterministic profile `lilypad-1`.
//!
//! There is no clock, network, chain, async or environment in this crate; `clippy.toml` beside it bans them.

#![cfg_attr(
    not(any(feature = "engine", feature = "fuzzing")),
    expect(dead_code, reason = "what only the engine asks for has no caller without it")
)]

mod admission;
#[cfg(feature = "engine")]
mod bounds;
#[cfg(feature = "engine")]
pub mod cache;
#[cfg(feature = "engine")]
mod code;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod execute;
mod fuel_profile;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod inspect;
mod job;
#[cfg(feature = "engine")]
mod judge;
#[cfg(feature = "engine")]
mod link;
mod metering;
mod profile;
#[cfg(feature = "engine")]
mod stack;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod tree;
pub mod unixfs;
mod wasi;

#[cfg(all(feature = "engine", feature = "fuzzing"))]
#[doc(hidden)]
pub use self::execute::internals;
#[cfg(feature = "engine")]
pub use self::{
    code::{Code, PreparedModule, Rewrite},
    engine::{BackEnd, EngineError, Runtime, RuntimeError, RuntimeOptions, Unprepared},
    execute::{Execution, Run},
    stack::on_guest_stack,
};
pub use self::{
    fuel_profile::{FuelProfile, FunctionFuel},
    inspect::{ModuleReport, Part, imports, inspect},
    job::ResolvedJob,
    metering::COST_TABLE_VERSION,
    tree::{Folder, Node},
};
