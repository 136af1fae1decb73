//! The shells around the deal machines: they read the chain, run jobs, send what a machine decided, and wait.
//!
//! Nothing here decides: that is `deal`'s. Nothing here is remembered that the journal or the chain doesn't hold.

mod capacity;
pub mod creator;
mod keep;
mod mediator;
mod provider;
mod work;

pub(crate) use self::capacity::{POST_SECONDS, START_SECONDS, container_meter};
pub use self::{
    capacity::Capacity,
    keep::poll_until_stopped,
    mediator::mediate,
    provider::{Ask, ProviderTerms, provide},
    work::{Ran, WorkError, Workshop},
};

use crate::{container::RunName, journal::Journal};
use lilypad_abi::Receipt;
use std::collections::BTreeSet;

/// What a party remembers of one deal.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct DealRecord {
    pub(crate) deal: crate::chain::MatchedDeal,
    /// The receipt of our own run, once there is one.
    pub(crate) receipt: Option<Receipt>,
    /// The Outcome it belongs to, with the journal for a callback.
    pub(crate) outcome: Option<lilypad_abi::Outcome>,
}

/// Ends the containers that an earlier process of this party left behind, but for those of deals still open.
pub(crate) async fn sweep_containers(workshop: &Workshop, journal: &Journal, kind: &str) {
    let Some(engine) = &workshop.containers else { return };
    let swept = async {
        let open = journal.open_records::<DealRecord>(kind).map_err(|error| crate::report::causes(&error))?;
        let runs = open.iter().flat_map(|(_, record)| {
            let runs = record.deal.rules.runs.max(1);
            (0..u32::from(runs)).map(|number| RunName::of_deal(record.deal.id.0, number))
        });
        let keep: BTreeSet<RunName> = runs.collect();
        engine.sweep(&keep).await.map_err(|error| crate::report::causes(&error))
    };
    if let Err(error) = swept.await {
        tracing::warn!(error, "containers of an earlier run can't be cleared away");
    }
}
