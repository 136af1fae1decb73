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

pub use self::{
    amounts::{Flow, PENALTY_BPS, Parts, Prices, Purpose, Side, Stakes, audit_bps_min, flows, fuel_cost},
    creator::{Creator, CreatorAction, CreatorEvent, Judgement},
    mediator::{Mediator, MediatorAction, MediatorEvent},
    provider::{DeclineReason, Provider, ProviderAction, ProviderEvent},
};
use lilypad_abi::ReceiptHash;

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

/// How the replicas of one job stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accord {
    /// No two results differ, so far.
    Agreeing,
    /// Two differ: mediation is due.
    Disputed,
    /// One of them is being mediated, for all.
    InMediation,
    /// That mediation is over, and what it found settles the others.
    Judged,
}

/// The deals of one job offer, seen from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// How many there are.
    pub replicas: u8,
    /// How many have committed.
    pub committed: u8,
    /// How many have revealed.
    pub revealed: u8,
    /// How their results compare.
    pub accord: Accord,
}

impl Group {
    /// A job with one provider.
    pub const ALONE: Self = Self { replicas: 1, committed: 0, revealed: 0, accord: Accord::Agreeing };

    /// Whether all replicas have shown the same result.
    #[must_use]
    pub const fn agreed(&self) -> bool {
        self.replicas > 1 && self.revealed == self.replicas && matches!(self.accord, Accord::Agreeing)
    }
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
    /// Last second for reveals: the replicas', or while mediated the mediators'.
    pub reveal_deadline: u64,
    /// Last second in which the provider may decline.
    pub decline_deadline: u64,
    /// Whether the block whose hash draws audits and mediators has passed.
    pub seed_known: bool,
    /// Whether that block is so long ago that its hash is lost, and another must be named.
    pub seed_lost: bool,
    /// Whether audits are drawn at all.
    pub audits: bool,
    /// Whether this deal is to be audited: the draw says so, or replicas differ.
    pub audit_due: bool,
    /// The provider's receipt, or a replica's commitment to it, once posted.
    pub receipt_stub: ReceiptStub,
    /// The job's replicas.
    pub group: Group,
    /// The drawn mediators, while mediated.
    pub seats: Vec<Seat>,
    /// The callback's state.
    pub callback: Callback,
}

/// What anyone can do about a posted result, without an opinion of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Name another block for the draws.
    FixSeed,
    /// Start the mediation that the draw, or replicas that differ, demand.
    Audit,
    /// Settle it.
    Finalize,
}

impl DealView {
    /// What a posted result waits for, whoever looks.
    #[must_use]
    pub const fn due(&self) -> Due {
        let drawn = self.seed_lost || self.seed_known;
        match self.group.accord {
            Accord::InMediation => Due::Nothing,
            Accord::Judged => Due::Finalize,
            Accord::Agreeing if !self.group.agreed() && self.now <= self.deadline => Due::Nothing,
            Accord::Agreeing if !self.audits => Due::Finalize,
            Accord::Disputed | Accord::Agreeing if !drawn => Due::Nothing,
            Accord::Disputed | Accord::Agreeing if self.seed_lost => Due::FixSeed,
            Accord::Disputed => Due::Audit,
            Accord::Agreeing if self.audit_due => Due::Audit,
            Accord::Agreeing => Due::Finalize,
        }
    }

    /// Whether a replica may show its result: all have committed, or their time is over.
    #[must_use]
    pub const fn replicas_reveal(&self) -> bool {
        self.group.committed == self.group.replicas || self.now > self.deadline
    }

    /// Whether other replicas may still show that they agree or differ.
    #[must_use]
    pub const fn replicas_awaited(&self) -> bool {
        self.group.replicas > 1
            && self.group.revealed < self.group.replicas
            && self.now <= self.reveal_deadline
    }

    /// Whether mediators' reveals are open: everyone has committed, or the time to commit is over.
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
mod replica_tests;
#[cfg(test)]
mod tests;
