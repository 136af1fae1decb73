//! The shells around the deal machines: they read the chain, run jobs, send what a machine decided, and wait.
//!
//! Nothing here decides: that is `deal`'s. Nothing here is remembered that the journal or the chain doesn't hold.

pub mod creator;
mod keep;
mod mediator;
mod provider;
mod work;

pub use self::{
    keep::poll_until_stopped,
    mediator::mediate,
    provider::{ProviderTerms, provide},
    work::{Capacity, Ran, WorkError, Workshop},
};

use lilypad_abi::Receipt;

/// What a party remembers of one deal.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct DealRecord {
    pub(crate) deal: crate::chain::MatchedDeal,
    /// The receipt of our own run, once there is one.
    pub(crate) receipt: Option<Receipt>,
    /// The Outcome it belongs to, with the journal for a callback.
    pub(crate) outcome: Option<lilypad_abi::Outcome>,
}
