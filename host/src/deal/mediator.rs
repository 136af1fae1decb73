//! The mediator's side of one challenged deal: run the job again, commit to the receipt, reveal it.
//!
//! A mediator never hands down an opinion: it posts its own receipt and the contract compares.

use super::{DealState, DealView, Party};
use lilypad_abi::Receipt;

/// What a mediator learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediatorEvent {
    /// The deal, read from the chain.
    Chain(DealView),
    /// The job ran; this is the mediator's own receipt.
    Executed(Receipt),
    /// The job could not be run here, and won't be.
    Failed,
}

/// What a mediator does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediatorAction {
    /// Start the mediation that the draw, or replicas that differ, demand.
    Audit,
    /// Fetch the job's public data and run it.
    Execute,
    /// Post the commitment to this receipt.
    Commit(Receipt),
    /// Reveal this receipt.
    Reveal(Receipt),
    /// Compare: everyone has revealed, or the time is over.
    Conclude,
    /// Nothing is left to do; forget the deal.
    Done,
}

/// One deal, seen by one mediator of its panel.
#[derive(Debug)]
pub struct Mediator {
    me: Party,
    receipt: Option<Receipt>,
    gave_up: bool,
}

impl Mediator {
    /// A machine that starts, or starts again with the receipt found in the journal.
    #[must_use]
    pub const fn new(me: Party, receipt: Option<Receipt>) -> Self {
        Self { me, receipt, gave_up: false }
    }

    /// Decides.
    pub fn step(&mut self, event: MediatorEvent) -> Vec<MediatorAction> {
        match event {
            MediatorEvent::Executed(receipt) => {
                self.receipt = Some(receipt);
                Vec::new()
            }
            MediatorEvent::Failed => {
                self.gave_up = true;
                Vec::new()
            }
            MediatorEvent::Chain(view) => self.on_chain(&view).into_iter().collect(),
        }
    }

    fn on_chain(&self, view: &DealView) -> Option<MediatorAction> {
        match view.state {
            DealState::None | DealState::Matched | DealState::Committed => None,
            DealState::Submitted => (view.seed_known && view.audit_due).then_some(MediatorAction::Audit),
            DealState::Settled => Some(MediatorAction::Done),
            DealState::Challenged | DealState::Audited => {
                // Whoever is not drawn leaves concluding to those who are, and to the deal's parties. It goes on looking:
                // a reorganised chain may draw again, and draw others.
                let seat = view.seats.iter().find(|seat| seat.mediator == self.me)?;
                if view.can_conclude() {
                    return Some(MediatorAction::Conclude);
                }
                match (seat.committed, seat.revealed, self.receipt) {
                    (_, Some(_), _) => None,
                    (false, None, _) if view.now > view.deadline => None,
                    (_, None, None) => (!self.gave_up).then_some(MediatorAction::Execute),
                    (false, None, Some(receipt)) => Some(MediatorAction::Commit(receipt)),
                    (true, None, Some(receipt)) => {
                        view.reveals_open().then_some(MediatorAction::Reveal(receipt))
                    }
                }
            }
        }
    }
}
