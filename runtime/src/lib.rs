//! Bytes in, Outcome out: a WASI job under the deterministic profile `lilypad-1`.
//!
//! There is no clock, network, chain, async or environment in this crate; `clippy.toml` beside it bans them.

mod admission;
mod bounds;
pub mod cache;
mod code;
mod engine;
mod execute;
mod inspect;
mod job;
mod link;
mod metering;
mod profile;
mod stack;
mod tree;
pub mod unixfs;
mod wasi;

pub use self::{
    code::{Code, PreparedModule, Rewrite},
    engine::{EngineError, Runtime, RuntimeError, RuntimeOptions, Unprepared},
    execute::{Execution, Run},
    inspect::{ModuleReport, Part, imports, inspect},
    job::ResolvedJob,
    metering::COST_TABLE_VERSION,
    stack::on_guest_stack,
    tree::{Folder, Node},
};
