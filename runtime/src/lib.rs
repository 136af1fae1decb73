//! Bytes in, Outcome out: a WASI job under the deterministic profile `lilypad-1`.
//!
//! There is no clock, network, chain, async or environment in this crate; `clippy.toml` beside it bans them.

mod job;
mod tree;
pub mod unixfs;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the engine calls it once it is in place"))]
mod wasi;

pub use self::{
    job::ResolvedJob,
    tree::{Folder, Node},
};
