//! A real Bacalhau on both sides: its cluster as our executor, and its CLI and Python library against our API.
//! `tests/peers/` builds or installs what is missing; a machine where it can't fails here with one line.
//!
//! | chapter | what it shows |
//! |---|---|
//! | `executor.rs` | container jobs on a cluster of two nodes: as on Docker, a node lost, adopted, stopped |
//! | `overtime.rs` | runs over their time, by their own fault and by their registry's |
//! | `cli.rs` | Bacalhau's unmodified CLI and Python library against `lilypad-host bacalhau` |
//! | `api.rs` | what the served API refuses, bounds, and keeps over a crash |
//! | `server.rs`, `lab.rs` | no chapters: the means of the others |

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod api;
mod cli;
mod executor;
mod lab;
mod overtime;
mod server;
