//! Deals and requests, read from the chain: a deal whole, as one block has it.

use super::{
    Address, B256, Chain, ChainError, LilypadLens, LilypadMarket,
    LilypadMarket::{DealTerms, JobOffer},
    LilypadMediation, Rules,
    bindings::ILilypadMediation,
    offer_id,
    read::answer,
    receipts::from_market,
};
use crate::deal::{Accord, Callback, DealState, DealView, Group, Seat, Settlement, Stakes};
use alloy::{
    primitives::keccak256,
    rpc::types::{Filter, Log},
    sol_types::{SolCall as _, SolEvent as _, SolValue as _},
};
use lilypad_abi::{Receipt, ReceiptHash};

/// Times a deal is read again when it moves between two calls.
const READS_MAX: u32 = 3;

/// A deal as it was matched: everything needed to act on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MatchedDeal {
    /// keccak256 of the terms.
    pub id: B256,
    /// The terms, which every call passes.
    pub terms: DealTerms,
    /// The terms' small numbers.
    pub rules: Rules,
    /// Where the creator serves the job's blocks.
    pub job_gateway: String,
    /// Where the provider serves the result's blocks.
    pub provider_gateway: String,
}

/// A job that a contract asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The offer's struct hash, which names the request.
    pub id: B256,
    /// The offer, vouched for by the chain.
    pub offer: JobOffer,
    /// The bytes that become the job's standard input.
    pub input: Vec<u8>,
}

impl MatchedDeal {
    /// What the deal is about; `None` for amounts that no match can have locked.
    #[must_use]
    pub fn stakes(&self) -> Option<Stakes> {
        Stakes::of(&crate::deal::Prices {
            fuel_limit: self.terms.fuelLimit,
            price_per_gigafuel: self.terms.pricePerGigafuel,
            penalty_bps: self.rules.penalty_bps,
            solver_fee: self.terms.solverFee,
            mediator_fee: self.terms.mediatorFee,
            mediator_count: self.rules.mediator_count,
            availability_fee: self.terms.availabilityFee,
        })
    }
}

impl Chain {
    /// Where a deal stands: one call for the deal and the block's time, one more while it is mediated.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn deal(&self, deal: &MatchedDeal) -> Result<DealView, ChainError> {
        let what = "read a deal";
        for _ in 0..READS_MAX {
            let call = LilypadLens::dealsCall { terms: vec![lens_terms(&deal.terms)] };
            let found = self.call(self.parts().await?.lens, what, call).await?;
            let now = u64::try_from(found.timestamp).map_err(|error| answer(what, error))?;
            let view = found.views.first().ok_or_else(|| answer(what, "no view"))?;
            let mut view = deal_view(deal, view, now);
            if !view.state.in_mediation() {
                return Ok(view);
            }
            if self.read_mediation(deal.id, &mut view).await? {
                return Ok(view);
            }
        }
        Err(answer(what, "it moves faster than it can be read"))
    }

    /// Fills in who was drawn and what they posted; false when the mediation is over by now.
    async fn read_mediation(&self, deal: B256, view: &mut DealView) -> Result<bool, ChainError> {
        let found = self.docket(deal).await?;
        let docket = &found.d;
        if docket.seats == 0 {
            return Ok(false);
        }
        let drawn = self.drawn_of(deal, docket).await?;
        view.deadline = docket.commitDeadline.to();
        view.reveal_deadline = view.deadline + docket.window.to::<u64>();
        let seats = drawn.into_iter().zip(&found.posts).enumerate();
        view.seats = seats
            .map(|(i, (mediator, post))| Seat {
                mediator: mediator.into_array(),
                committed: docket.committed & (1 << i) != 0,
                revealed: (docket.revealed & (1 << i) != 0).then_some(ReceiptHash(post.0)),
            })
            .collect();
        Ok(true)
    }

    async fn docket(&self, deal: B256) -> Result<LilypadMediation::docketReturn, ChainError> {
        let call = LilypadMediation::docketCall { dealId: deal };
        self.call(self.parts().await?.mediation, "read a mediation", call).await
    }

    /// The mediators that a deal's mediation has drawn, in the order of their seats.
    ///
    /// # Errors
    /// When the node doesn't answer, or the deal isn't mediated.
    pub async fn drawn(&self, deal: B256) -> Result<Vec<Address>, ChainError> {
        let docket = self.docket(deal).await?.d;
        self.drawn_of(deal, &docket).await
    }

    async fn drawn_of(
        &self,
        deal: B256,
        docket: &ILilypadMediation::Docket,
    ) -> Result<Vec<Address>, ChainError> {
        let filter =
            Filter::new().event_signature(LilypadMediation::MediationOpened::SIGNATURE_HASH).topic1(deal);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        let lists = logs.iter().filter_map(|log| log.log_decode::<LilypadMediation::MediationOpened>().ok());
        // The contract keeps the list's hash: after a reorg, only one of two lists is the drawn one.
        let mut true_ones = lists.map(|log| log.inner.data.drawn).filter(|drawn| {
            let words: Vec<B256> = drawn.iter().map(Address::into_word).collect();
            keccak256(words.concat())[..20] == docket.drawnHash[..]
        });
        true_ones.next().ok_or_else(|| answer("read a mediation", "no list of drawn mediators fits it"))
    }

    /// Deals matched since a block, all or one provider's; and the block to go on from.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn matched_deals(
        &self,
        from: u64,
        provider: Option<Address>,
    ) -> Result<(Vec<MatchedDeal>, u64), ChainError> {
        let filter = Filter::new().event_signature(LilypadMarket::DealMatched::SIGNATURE_HASH);
        let filter = match provider {
            Some(provider) => filter.topic3(provider.into_word()),
            None => filter,
        };
        let (logs, next) = self.logs(from, filter).await?;
        Ok((logs.iter().filter_map(matched).collect(), next))
    }

    /// The deals that a job offer was matched into: one, or one for each replica; none when it isn't matched.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn deals_of_job_offer(&self, offer: B256) -> Result<Vec<MatchedDeal>, ChainError> {
        let (mut deals, _) = self.matched_deals(self.network.deployed_block, None).await?;
        deals.retain(|deal| deal.terms.jobOfferHash == offer);
        Ok(deals)
    }

    /// Jobs that contracts asked for since a block; and the block to go on from.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn requests(&self, from: u64) -> Result<(Vec<Request>, u64), ChainError> {
        let filter = Filter::new().event_signature(LilypadMarket::JobRequested::SIGNATURE_HASH);
        let (logs, next) = self.logs(from, filter).await?;
        Ok((logs.iter().filter_map(request).collect(), next))
    }

    /// The request behind a deal that a contract asked for.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn request(&self, offer: B256) -> Result<Option<Request>, ChainError> {
        let filter = Filter::new().event_signature(LilypadMarket::JobRequested::SIGNATURE_HASH).topic1(offer);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        Ok(logs.iter().filter_map(request).next())
    }

    /// The receipt that a deal's provider posted.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn posted_receipt(&self, deal: B256) -> Result<Option<Receipt>, ChainError> {
        let filter =
            Filter::new().event_signature(LilypadMarket::ResultSubmitted::SIGNATURE_HASH).topic1(deal);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        let newest =
            logs.iter().filter_map(|log| log.log_decode::<LilypadMarket::ResultSubmitted>().ok()).next_back();
        Ok(newest.map(|log| from_market(&log.inner.data.receipt)))
    }
}

fn deal_view(deal: &MatchedDeal, view: &LilypadLens::DealView, now: u64) -> DealView {
    let state = state(view.state);
    DealView {
        state,
        settlement: settlement(view.settlement),
        now,
        deadline: view.deadline,
        reveal_deadline: match state {
            // A replica's result is judged for this long after the last second to reveal.
            DealState::Submitted if deal.rules.replicas > 1 => {
                view.deadline.saturating_sub(deal.rules.judge_window.into())
            }
            _ => view.revealDeadline,
        },
        decline_deadline: deal.rules.decline_deadline(),
        seed_known: !view.seed.is_zero(),
        seed_lost: view.seedLost,
        audits: deal.rules.audit_bps > 0,
        audit_due: view.auditDue,
        receipt_stub: view.receiptHash.0,
        group: Group {
            replicas: deal.rules.replicas,
            committed: view.replicas.committed,
            revealed: view.replicas.revealed,
            accord: accord(view.replicas.accord),
        },
        seats: Vec::new(),
        callback: match (deal.rules.callback_gas, view.callback) {
            (0, _) => Callback::NotAsked,
            (_, 1) => Callback::Delivered,
            (_, 2) => Callback::Failed,
            _ => Callback::Due,
        },
    }
}

/// A deal from its event; one whose id is not the hash of its terms is no deal but a node's invention.
fn matched(log: &Log) -> Option<MatchedDeal> {
    let event = log.log_decode::<LilypadMarket::DealMatched>().ok()?.inner.data;
    let honest = keccak256(event.terms.abi_encode()) == event.dealId;
    let rules = Rules::of(&event.terms).filter(|_| honest)?;
    Some(MatchedDeal {
        id: event.dealId,
        terms: event.terms,
        rules,
        job_gateway: event.jobGateway,
        provider_gateway: event.providerGateway,
    })
}

fn request(log: &Log) -> Option<Request> {
    let event = log.log_decode::<LilypadMarket::JobRequested>().ok()?.inner.data;
    // The event has the call as its maker wrote it: whatever doesn't decode can't be matched either.
    let call = LilypadMarket::requestJobCall::abi_decode_validate(&event.call).ok()?;
    // The id commits to the offer and the offer to the input; a node that changes either is caught here.
    let honest = offer_id(&call.offer) == event.requestId && keccak256(&call.input) == call.offer.inputHash;
    honest.then(|| Request { id: event.requestId, offer: call.offer, input: call.input.to_vec() })
}

/// The terms in the lens's own generated type.
fn lens_terms(terms: &DealTerms) -> LilypadLens::DealTerms {
    LilypadLens::DealTerms {
        jobOfferHash: terms.jobOfferHash,
        resourceOfferHash: terms.resourceOfferHash,
        creator: terms.creator,
        provider: terms.provider,
        solver: terms.solver,
        jobDigest: terms.jobDigest,
        inputHash: terms.inputHash,
        profile: terms.profile,
        panel: terms.panel,
        rules: terms.rules,
        fuelLimit: terms.fuelLimit,
        pricePerGigafuel: terms.pricePerGigafuel,
        solverFee: terms.solverFee,
        mediatorFee: terms.mediatorFee,
        availabilityFee: terms.availabilityFee,
    }
}

/// The contract's enums are numbers in its ABI; `deal`'s stand in the same order.
const fn state(value: u8) -> DealState {
    match value {
        1 => DealState::Matched,
        2 => DealState::Committed,
        3 => DealState::Submitted,
        4 => DealState::Challenged,
        5 => DealState::Audited,
        6 => DealState::Settled,
        _ => DealState::None,
    }
}

pub(super) const fn settlement(value: u8) -> Settlement {
    match value {
        1 => Settlement::Accepted,
        2 => Settlement::Finalized,
        3 => Settlement::Agreed,
        4 => Settlement::ProviderUpheld,
        5 => Settlement::AuditPassed,
        6 => Settlement::ProviderSlashed,
        7 => Settlement::JobVaried,
        8 => Settlement::Inconclusive,
        9 => Settlement::SubmissionTimedOut,
        10 => Settlement::Declined,
        _ => Settlement::None,
    }
}

const fn accord(value: u8) -> Accord {
    match value {
        1 => Accord::Disputed,
        2 => Accord::InMediation,
        3..=5 => Accord::Judged,
        _ => Accord::Agreeing,
    }
}
