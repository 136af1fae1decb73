//! All that the chain says of one deal at one block, and what follows from it for whoever looks.

use super::{DealState, Party, ReceiptStub, Settlement};
use lilypad_abi::ReceiptHash;

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
