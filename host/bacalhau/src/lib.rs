//! Bacalhau's language: its HTTP API's values, its job documents, and the module templates that Lilypad builds on them.
//!
//! Bytes in, values out. Nothing here reads a file, the network, the environment or the clock, and nothing here decides
//! what a job costs or whether it may run.

pub mod documents;
pub mod model;
pub mod templates;
