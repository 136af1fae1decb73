//! The roles of the market: provider, solver, mediator, job creator, and the two programs' subcommands.

pub mod bacalhau_api;
pub mod chain;
pub mod cli;
pub mod container;
pub mod deal;
pub mod devnet;
pub mod doctor;
pub mod documents;
pub mod exec;
pub mod journal;
pub mod network;
pub mod report;
pub mod roles;
pub mod solver;
pub mod store;
