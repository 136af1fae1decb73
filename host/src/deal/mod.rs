//! The life of a deal, as each party sees it: pure state machines, `step(event) -> actions`.
//!
//! ```text
//!            submit            accept, or the window passes
//! Matched ───────────► Submitted ───────────────────────────► Settled ──► callback, when one was asked for
//!  │ │ │                  ▲ │  challenge, or a drawn audit       ▲
//!  │ │ │ commit    reveal │ └──────► Challenged, Audited ────────┤ commit, reveal, conclude
//!  │ │ └───► Committed ───┘                                      │
//!  │ │           │ (replicas: agreeing settles all,              │
//!  │ │           │  a difference is audited, the verdict         │
//!  │ │           │  settles the others)                          │
//!  └─┴───────────┴── decline, time-out ──────────────────────────┘
//! ```
//!
//! The chain is the truth and is read whole each time ([`DealView`]), so a machine that starts again in the
//! middle, after a crash or a reorg, takes the same actions as one that never stopped.
//! Nothing here waits, sends, reads a clock or knows what a transaction is.

mod amounts;
mod creator;
mod mediator;
mod provider;
mod view;

pub use self::{
    amounts::{Flow, PENALTY_BPS, Parts, Prices, Purpose, Side, Stakes, audit_bps_min, flows, fuel_cost},
    creator::{Creator, CreatorAction, CreatorEvent, Judgement},
    mediator::{Mediator, MediatorAction, MediatorEvent},
    provider::{DeclineReason, Provider, ProviderAction, ProviderEvent},
    view::{Accord, Callback, DealView, Due, Group, Seat},
};
/// An Ethereum address, as bytes.
pub type Party = [u8; 20];

/// What the market keeps of a receipt's hash, or of a commitment: its first 20 bytes.
pub type ReceiptStub = [u8; 20];

/// Where a deal stands on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DealState {
    /// The chain doesn't know the deal.
    None,
    /// Money is locked; the provider owes a result, or a commitment to one.
    Matched,
    /// A replica's provider owes the result that it committed to.
    Committed,
    /// A result is posted; the creator may accept or challenge.
    Submitted,
    /// Mediators run the job again because the creator demanded it.
    Challenged,
    /// Mediators run the job again because the draw, or a replica that differs, demanded it.
    Audited,
    /// Everybody has been paid.
    Settled,
}

impl DealState {
    /// Whether mediators run the job again.
    #[must_use]
    pub const fn in_mediation(self) -> bool {
        matches!(self, Self::Challenged | Self::Audited)
    }
}

/// How a settled deal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// It hasn't.
    None,
    /// The creator accepted.
    Accepted,
    /// Nobody objected in time.
    Finalized,
    /// All replicas posted the same.
    Agreed,
    /// Mediators found the provider's receipt; the creator had challenged it.
    ProviderUpheld,
    /// Mediators found the provider's receipt; nobody had accused it.
    AuditPassed,
    /// Mediators found another receipt than the provider's.
    ProviderSlashed,
    /// Mediators found that runs of the job differ: the job's fault.
    JobVaried,
    /// Mediators found no common receipt.
    Inconclusive,
    /// The provider posted nothing in time.
    SubmissionTimedOut,
    /// The provider said no.
    Declined,
}

impl Settlement {
    /// Whether the provider's result stands.
    #[must_use]
    pub const fn result_stands(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Finalized | Self::Agreed | Self::ProviderUpheld | Self::AuditPassed
        )
    }
}

#[cfg(test)]
mod replica_tests;
#[cfg(test)]
mod tests;
