//! The creator's side of one deal: wait, check the result, accept or challenge, see it through.

use super::{DealState, DealView};

/// What checking the provider's result found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The result is the one that running the job gives, or the creator chose to take it unchecked.
    Good,
    /// The result differs from what running the job gives.
    Bad,
}

/// What a creator learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreatorEvent {
    /// The deal, read from the chain.
    Chain(DealView),
    /// The result was checked.
    Checked(Judgement),
}

/// What a creator does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreatorAction {
    /// Check the posted result, then report [`CreatorEvent::Checked`].
    Check,
    /// Accept it.
    Accept,
    /// Demand mediation.
    Challenge,
    /// Ask for the audit that the draw demands; the deal can't be finalized before.
    Audit,
    /// Name another block for the draws: the first one's hash is lost.
    FixSeed,
    /// End a deal whose judging time passed.
    Finalize,
    /// End a deal whose provider posted nothing in time.
    TimeOut,
    /// Conclude a mediation whose time is over.
    Conclude,
    /// The deal is settled.
    Done,
}

/// One deal, seen by its creator.
#[derive(Debug, Default)]
pub struct Creator {
    judgement: Option<Judgement>,
}

impl Creator {
    /// A machine that starts, or starts again: a check is repeated, never remembered.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides.
    pub fn step(&mut self, event: CreatorEvent) -> Vec<CreatorAction> {
        match event {
            CreatorEvent::Checked(judgement) => {
                self.judgement = Some(judgement);
                Vec::new()
            }
            CreatorEvent::Chain(view) => self.on_chain(&view).into_iter().collect(),
        }
    }

    fn on_chain(&self, view: &DealView) -> Option<CreatorAction> {
        match view.state {
            DealState::None => None,
            DealState::Matched => (view.now > view.deadline).then_some(CreatorAction::TimeOut),
            DealState::Submitted if view.now > view.deadline => Some(match view {
                DealView { seed_lost: true, .. } => CreatorAction::FixSeed,
                DealView { audit_due: true, .. } => CreatorAction::Audit,
                _ => CreatorAction::Finalize,
            }),
            DealState::Submitted => match self.judgement {
                // A check that fails is asked for again: money is at stake until the window closes.
                None => Some(CreatorAction::Check),
                Some(Judgement::Good) => Some(CreatorAction::Accept),
                Some(Judgement::Bad) if view.seed_lost => Some(CreatorAction::FixSeed),
                // The mediators' draw needs a block that the provider could not foresee.
                Some(Judgement::Bad) => view.seed_known.then_some(CreatorAction::Challenge),
            },
            DealState::Challenged => view.can_conclude().then_some(CreatorAction::Conclude),
            DealState::Settled => Some(CreatorAction::Done),
        }
    }
}
