//! The provider's side of one deal: run the job, post the receipt, get paid.

use super::{Callback, DealState, DealView, Due};
use lilypad_abi::Receipt;

/// Times a failed fetch or a crashed worker is tried again before the deal is declined.
const ATTEMPTS_MAX: u32 = 3;

/// Why a provider declines. The numbers stand on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DeclineReason {
    /// The job's blocks could not be had from any gateway.
    InputsUnavailable = 1,
    /// The job is no valid JobSpec, or asks for more than the offer pays for.
    JobInvalid = 2,
    /// This machine could not run it (memory, disk, time): its own fault.
    HostFault = 3,
    /// This machine has sold more than it can do.
    OverCapacity = 4,
}

/// What a provider learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEvent {
    /// The deal, read from the chain.
    Chain(DealView),
    /// The job ran; this is its receipt.
    Executed(Receipt),
    /// The job could not be run.
    Failed {
        /// What to tell the chain when trying again doesn't help.
        reason: DeclineReason,
        /// Whether trying again can help.
        retry: bool,
    },
}

/// What a provider does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderAction {
    /// Fetch the job's data and run it, then report [`ProviderEvent::Executed`] or [`ProviderEvent::Failed`].
    Execute,
    /// Post the receipt.
    Submit(Receipt),
    /// Commit to the receipt, as one of a job's replicas.
    Commit(Receipt),
    /// Show the receipt committed to.
    Reveal(Receipt),
    /// Post a decline.
    Decline(DeclineReason),
    /// Start the mediation that the draw, or replicas that differ, demand; the deal can't be finalized before.
    Audit,
    /// Name another block for the draws: the first one's hash is lost.
    FixSeed,
    /// Settle: nobody challenged in time, all replicas agree, or another replica's mediation judged the job.
    Finalize,
    /// Conclude a mediation whose time is over.
    Conclude,
    /// Hand the journal to the contract that requested the job.
    Deliver,
    /// Tell the contract that requested the job that no answer comes.
    DeliverFailure,
    /// Nothing is left to do; forget the deal.
    Done,
}

/// One deal, seen by its provider.
#[derive(Debug, Default)]
pub struct Provider {
    receipt: Option<Receipt>,
    failures: u32,
    declined: Option<DeclineReason>,
    delivery_tried: bool,
}

impl Provider {
    /// A machine that starts, or starts again with the receipt found in the journal.
    #[must_use]
    pub fn new(receipt: Option<Receipt>) -> Self {
        Self { receipt, ..Self::default() }
    }

    /// Failures in a row, for whoever paces the next attempt; none once there is a receipt.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        if self.receipt.is_some() { 0 } else { self.failures }
    }

    /// Decides.
    pub fn step(&mut self, event: ProviderEvent) -> Vec<ProviderAction> {
        match event {
            ProviderEvent::Executed(receipt) => {
                self.receipt = Some(receipt);
                Vec::new()
            }
            ProviderEvent::Failed { reason, retry } => {
                self.failures += 1;
                if !retry || self.failures >= ATTEMPTS_MAX {
                    self.declined = Some(reason);
                }
                Vec::new()
            }
            ProviderEvent::Chain(view) => self.on_chain(&view).into_iter().collect(),
        }
    }

    fn on_chain(&mut self, view: &DealView) -> Option<ProviderAction> {
        match view.state {
            // A reorg took the match away; it comes back or it doesn't.
            DealState::None => None,
            // Too late: whoever calls the time-out ends it.
            DealState::Matched if view.now > view.deadline => None,
            DealState::Matched => Some(match (self.receipt, self.declined) {
                (Some(receipt), _) if view.group.replicas > 1 => ProviderAction::Commit(receipt),
                (Some(receipt), _) => ProviderAction::Submit(receipt),
                (None, Some(reason)) if view.now <= view.decline_deadline => ProviderAction::Decline(reason),
                // Saying no is no longer free; a result still is worth its price.
                (None, _) => ProviderAction::Execute,
            }),
            DealState::Committed if view.now > view.reveal_deadline => None,
            DealState::Committed => match self.receipt {
                // The journal is lost; the same job gives the same receipt again.
                None => Some(ProviderAction::Execute),
                Some(receipt) => view.replicas_reveal().then_some(ProviderAction::Reveal(receipt)),
            },
            DealState::Submitted => match view.due() {
                Due::Nothing => None,
                Due::FixSeed => Some(ProviderAction::FixSeed),
                Due::Audit => Some(ProviderAction::Audit),
                Due::Finalize => Some(ProviderAction::Finalize),
            },
            DealState::Challenged | DealState::Audited => {
                view.can_conclude().then_some(ProviderAction::Conclude)
            }
            DealState::Settled => Some(self.call_back(view)),
        }
    }

    /// The callback is tried once; anyone may try it again.
    fn call_back(&mut self, view: &DealView) -> ProviderAction {
        if view.callback != Callback::Due || self.delivery_tried {
            return ProviderAction::Done;
        }
        self.delivery_tried = true;
        match view.settlement.result_stands() {
            true => ProviderAction::Deliver,
            // With replicas, another one may still bring the answer.
            false if view.group.replicas == 1 => ProviderAction::DeliverFailure,
            false => ProviderAction::Done,
        }
    }
}
