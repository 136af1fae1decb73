//! The mediator: watches the deals of its panel, runs challenged ones again, and shows its own receipt.

use super::{DealRecord, WorkError, Workshop, keep::poll_until_stopped, sweep_containers};
use crate::{
    chain::{B256, Chain, ChainError, MatchedDeal, Meter},
    deal::{DealState, DealView, Mediator, MediatorAction, MediatorEvent},
    journal::{Journal, JournalError},
    report,
    solver::policy::Policy,
};
use lilypad_abi::Receipt;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

const DEALS: &str = "mediator_deal";

/// Runs of one job that may fail before the mediator leaves the deal to the others.
const ATTEMPTS_MAX: u32 = 3;

/// Doublings of the pause between attempts at one job.
const PAUSES_MAX: u32 = 4;

#[derive(Debug, thiserror::Error)]
enum MediatorError {
    #[error("the chain could not be used")]
    Chain(#[from] ChainError),
    #[error("the journal could not be used")]
    Journal(#[from] JournalError),
}

struct Shell {
    chain: Chain,
    journal: Journal,
    workshop: Workshop,
    panel: B256,
    poll: Duration,
    policy: Policy,
}

/// Mediates until `stop` says so.
pub async fn mediate(
    chain: Chain,
    journal: Journal,
    workshop: Workshop,
    panel: B256,
    poll: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let shell = Arc::new(Shell { chain, journal, workshop, panel, poll, policy: Policy::default() });
    sweep_containers(&shell.workshop, &shell.journal, DEALS).await;
    let stop_deals = stop.clone();
    let state = tokio::sync::Mutex::new((BTreeSet::new(), shell.chain.network().deployed_block));
    let round = || async {
        let mut state = state.lock().await;
        let (watched, from) = &mut *state;
        shell.clone().watch(watched, from, &stop_deals).await
    };
    poll_until_stopped("watch for deals", poll, &mut stop, round).await;
}

impl Shell {
    async fn watch(
        self: Arc<Self>,
        watched: &mut BTreeSet<B256>,
        from: &mut u64,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), MediatorError> {
        let (deals, next) = self.chain.matched_deals(*from, None).await?;
        for deal in deals.into_iter().filter(|deal| self.takes(deal)) {
            if watched.contains(&deal.id) {
                continue;
            }
            if self.chain.deal(&deal).await?.state == DealState::Settled {
                watched.insert(deal.id);
                continue;
            }
            let kept = self.journal.get::<DealRecord>(DEALS, &deal.id.to_string())?;
            let record = kept.unwrap_or(DealRecord { deal: deal.clone(), receipt: None, outcome: None });
            watched.insert(deal.id);
            let (shell, mut stop) = (self.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = shell.drive(record) => {}
                    _ = stop.changed() => {}
                }
            });
        }
        *from = next;
        Ok(())
    }

    /// Whether a deal is of this panel and worth the work: endless jobs for no fee would keep it from the others.
    fn takes(&self, deal: &MatchedDeal) -> bool {
        if deal.terms.panel != self.panel {
            return false;
        }
        let worth = self.policy.check_terms(&deal.terms);
        if let Err(reason) = &worth {
            tracing::debug!(deal = %deal.id, reason, "left to others");
        }
        worth.is_ok()
    }

    async fn drive(&self, mut record: DealRecord) {
        let Ok(me) = self.chain.address() else { return };
        let mut machine = Mediator::new(me.into_array(), record.receipt);
        let mut failures = 0;
        loop {
            match self.round(&mut machine, &mut record, &mut failures).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(deal = %record.deal.id, error = %report::causes(&error), "a step failed; trying again");
                }
            }
            // Gateways that don't have the job's data yet are not asked faster and faster.
            tokio::time::sleep(self.poll * 2_u32.pow(failures.min(PAUSES_MAX))).await;
        }
    }

    /// Runs the job as often as the deal says, and no longer than a commitment is taken.
    async fn work_in_time(&self, deal: &MatchedDeal, view: &DealView) -> Result<Receipt, WorkError> {
        let time = Duration::from_secs(view.deadline.saturating_sub(view.now));
        let runs = self.workshop.run_repeatedly(&self.chain, deal, deal.rules.runs);
        let Ok(ran) = tokio::time::timeout(time, runs).await else {
            self.workshop.give_up_deal(deal).await;
            return Err(WorkError::Late(time));
        };
        let (first, other) = ran?;
        Ok(match other {
            Some(other) => {
                tracing::info!(deal = %deal.id, one = %first.receipt.outputs_digest, other = %other.receipt.outputs_digest, "runs of the job differ");
                first.receipt.varied()
            }
            None => first.receipt,
        })
    }

    async fn round(
        &self,
        machine: &mut Mediator,
        record: &mut DealRecord,
        failures: &mut u32,
    ) -> Result<bool, MediatorError> {
        let deal = record.deal.clone();
        let view = self.chain.deal(&deal).await?;
        for action in machine.step(MediatorEvent::Chain(view.clone())) {
            if action != MediatorAction::Done {
                tracing::info!(deal = %deal.id, ?action, "acting");
            }
            match action {
                MediatorAction::Audit => drop(self.chain.audit(&deal).await?),
                MediatorAction::Execute => match self.work_in_time(&deal, &view).await {
                    Ok(receipt) => {
                        record.receipt = Some(receipt);
                        self.journal.put(DEALS, &deal.id.to_string(), record)?;
                        machine.step(MediatorEvent::Executed(receipt));
                    }
                    Err(error) => {
                        *failures += 1;
                        tracing::error!(deal = %deal.id, error = %report::causes(&error), failures, "the job could not be run");
                        // Others' trouble passes: who has time left asks again. Our own doesn't.
                        if !error.is_others() && *failures >= ATTEMPTS_MAX {
                            machine.step(MediatorEvent::Failed);
                        }
                    }
                },
                MediatorAction::Commit(receipt) => drop(self.chain.commit(&deal, &receipt).await?),
                MediatorAction::Reveal(receipt) => drop(self.chain.reveal(&deal, &receipt).await?),
                MediatorAction::Conclude => {
                    if let Some(posted) = self.chain.posted_receipt(deal.id).await? {
                        self.chain.conclude(&deal, &posted).await?;
                    }
                }
                MediatorAction::Done => {
                    if record.receipt.is_none() && deal.rules.meter != Meter::Fuel {
                        self.workshop.give_up_deal(&deal).await;
                    }
                    self.journal.close(DEALS, &deal.id.to_string())?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
