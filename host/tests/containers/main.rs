//! Container jobs on a real Docker engine with a real registry. `tests/peers/docker` makes sure of both; a machine where
//! it can't fails here with one line.
//!
//! | chapter | what it shows |
//! |---|---|
//! | `jobs.rs` | what a job gets and gives: inputs, outputs, words, exit codes, time |
//! | `images.rs` | by registry, as content, pinned, refused |
//! | `escapes.rs` | each way out that a hostile job may try, contained |
//! | `crashes.rs` | a process killed while its job runs: adopted or removed |
//! | `engine.rs` | an engine that goes down makes no result |
//! | `commands.rs` | `lilypad job verify-determinism`, `lilypad-host doctor` |
//! | `lab.rs` | no chapter: the means of the others |
#![expect(clippy::unwrap_used, reason = "a test that can't go on says so by panicking")]

mod commands;
mod crashes;
mod engine;
mod escapes;
mod images;
mod jobs;
mod lab;
