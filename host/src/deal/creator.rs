//! The creator's side of one deal: wait, check the result, accept or challenge, see it through.

use super::{Accord, DealState, DealView, Due};

/// What checking the provider's result found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The result is the one that running the job gives.
    Good,
    /// The creator chose to take it unchecked: only an audit can find it wrong.
    Trusted,
    /// The result differs from what running the job gives.
    Bad,
    /// Running the job gives one result and then another: mediators would find the job at fault, whatever the
    /// provider did.
    Varies,
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
    /// Start the mediation that the draw, or replicas that differ, demand; the deal can't be finalized before.
    Audit,
    /// Name another block for the draws: the first one's hash is lost.
    FixSeed,
    /// End a deal whose judging time passed, whose replicas agree, or whose job another replica's mediation judged.
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
            DealState::Committed => (view.now > view.reveal_deadline).then_some(CreatorAction::TimeOut),
            DealState::Submitted => match view.due() {
                Due::FixSeed => Some(CreatorAction::FixSeed),
                Due::Audit => Some(CreatorAction::Audit),
                Due::Finalize => Some(CreatorAction::Finalize),
                Due::Nothing => self.judge(view),
            },
            DealState::Challenged | DealState::Audited => {
                view.can_conclude().then_some(CreatorAction::Conclude)
            }
            DealState::Settled => Some(CreatorAction::Done),
        }
    }
    /// What only the creator can say of a result. Where replicas check each other, it says nothing before they did.
    fn judge(&self, view: &DealView) -> Option<CreatorAction> {
        let by_replicas = view.replicas_awaited() || view.group.agreed();
        if by_replicas || view.group.accord != Accord::Agreeing || view.now > view.deadline {
            return None;
        }
        match self.judgement {
            // A check that fails is asked for again: money is at stake until the window closes.
            None => Some(CreatorAction::Check),
            // Accepting would pass over the audit that keeps the provider honest.
            Some(Judgement::Trusted) if view.audits && view.seed_lost => Some(CreatorAction::FixSeed),
            Some(Judgement::Trusted) if view.audits && !view.seed_known => None,
            Some(Judgement::Trusted) if view.audit_due => Some(CreatorAction::Audit),
            Some(Judgement::Good | Judgement::Trusted | Judgement::Varies) => Some(CreatorAction::Accept),
            Some(Judgement::Bad) if view.seed_lost => Some(CreatorAction::FixSeed),
            // The mediators' draw needs a block that the provider could not foresee.
            Some(Judgement::Bad) => view.seed_known.then_some(CreatorAction::Challenge),
        }
    }
}
