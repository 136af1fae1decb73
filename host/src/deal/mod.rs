//! The life of a deal, as each party sees it: pure state machines, `step(event) -> actions`.
//!
//! ```text
//!            submit            accept, or the window passes
//! Matched ───────────► Submitted ───────────────────────────► Settled ──► callback, when one was asked for
//!    │                     │  challenge, or a drawn audit        ▲
//!    │ decline, time-out   └────────────► Challenged ────────────┤ commit, reveal, conclude
//!    └───────────────────────────────────────────────────────────┘
//! ```
//!
//! The chain is the truth and is read whole each time ([`DealView`]), so a machine that starts again in the
//! middle, after a crash or a reorg, takes the same actions as one that never stopped.
//! Nothing here waits, sends, reads a clock or knows what a transaction is.

mod creator;
mod mediator;
mod provider;

pub use self::{
    creator::{Creator, CreatorAction, CreatorEvent, Judgement},
    mediator::{Mediator, MediatorAction, MediatorEvent},
    provider::{DeclineReason, Provider, ProviderAction, ProviderEvent},
};
use lilypad_abi::ReceiptHash;

/// An Ethereum address, as bytes.
pub type Party = [u8; 20];

/// Where a deal stands on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DealState {
    /// The chain doesn't know the deal.
    None,
    /// Money is locked; the provider owes a result.
    Matched,
    /// A result is posted; the creator may accept or challenge.
    Submitted,
    /// Mediators run the job again.
    Challenged,
    /// Everybody has been paid.
    Settled,
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
    /// Mediators found the provider's receipt.
    ProviderUpheld,
    /// Mediators found another receipt than the provider's.
    ProviderSlashed,
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
        matches!(self, Self::Accepted | Self::Finalized | Self::ProviderUpheld)
    }
}

/// One drawn mediator and what it has posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub mediator: Party,
    /// Whether its commitment is on chain.
    pub committed: bool,
    /// The receipt it revealed.
    pub revealed: Option<ReceiptHash>,
}

/// The callback to a contract that requested the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    /// Nobody asked for one.
    NotAsked,
    /// Asked for and not made yet.
    Due,
    /// Made, and it reverted; anyone may try again.
    Failed,
    /// Made.
    Delivered,
}

/// All that the chain says of one deal at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealView {
    /// Where the deal stands.
    pub state: DealState,
    /// How it ended.
    pub settlement: Settlement,
    /// The block's timestamp, in seconds: the only clock a machine knows.
    pub now: u64,
    /// Last second for the current phase's posts: submission, judging, or committing.
    pub deadline: u64,
    /// Last second for reveals, while challenged.
    pub reveal_deadline: u64,
    /// Whether the block whose hash draws audits and mediators has passed.
    pub seed_known: bool,
    /// Whether that block is so long ago that its hash is lost, and another must be named.
    pub seed_lost: bool,
    /// Whether the draw says that this deal is audited.
    pub audit_due: bool,
    /// The provider's receipt, once submitted.
    pub receipt_hash: ReceiptHash,
    /// The drawn mediators, while challenged and after.
    pub seats: Vec<Seat>,
    /// The callback's state.
    pub callback: Callback,
}

impl DealView {
    /// Whether reveals are open: everyone has committed, or the time to commit is over.
    #[must_use]
    pub fn reveals_open(&self) -> bool {
        self.now > self.deadline || self.seats.iter().all(|seat| seat.committed)
    }

    /// Whether anyone may conclude: everyone who committed has revealed and no commit can come, or time is over.
    #[must_use]
    pub fn can_conclude(&self) -> bool {
        let all = |ok: fn(&Seat) -> bool| self.seats.iter().all(ok);
        self.now > self.reveal_deadline
            || all(|seat| seat.revealed.is_some())
            || (self.now > self.deadline && all(|seat| !seat.committed || seat.revealed.is_some()))
    }
}

#[cfg(test)]
mod tests;
