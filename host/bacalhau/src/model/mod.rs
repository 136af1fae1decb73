//! The values that Bacalhau's v2 API speaks, with the names that its server and clients of version 1.9 use.
//!
//! Reading is lenient, as a client of a newer server must be: what is unknown is skipped, what is absent or null is
//! empty. What a person wrote is read by `documents`, which skips nothing.

mod api;
mod execution;
mod job;
mod node;
mod state;
mod time;

pub use api::*;
pub use execution::*;
pub use job::*;
pub use node::*;
pub use state::*;
pub use time::Timestamp;

use serde::{Deserialize, Deserializer};

/// Reads null as the empty value: Go writes a list or map that nobody filled as null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

/// Whether a value is the one that an absent field means.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
