//! The roles of the market: provider, solver, mediator, job creator, and the two programs' subcommands.

pub mod chain;
pub mod deal;
pub mod journal;
pub mod network;
pub mod report;
pub mod solver;
pub mod store;
