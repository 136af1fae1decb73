//! The market's verbs, one transaction each.

use super::{
    Address, B256, Chain, ChainError, LilypadMarket,
    LilypadMarket::{JobOffer, ResourceOffer},
    MatchedDeal, Sent, Signature, U256,
    offers::deposit_of,
    receipts::{commitment, to_market, to_mediation},
};
use crate::{chain::LilypadMediation, deal::DeclineReason};
use alloy::{primitives::keccak256, sol_types::SolValue as _};
use lilypad_abi::Receipt;

impl Chain {
    /// What an offer locks of its creator's balance, all its replicas together, at the offer's highest price.
    ///
    /// # Errors
    /// [`ChainError::Answer`] when the sum doesn't fit 128 bits.
    pub fn creator_lock(&self, offer: &JobOffer) -> Result<u128, ChainError> {
        deposit_of(offer, offer.pricePerGigafuelMax)
            .and_then(|deposit| deposit.checked_mul(offer.replicas.into()))
            .ok_or_else(|| ChainError::Answer {
                what: "add up the offer",
                message: "what the offer locks is over 128 bits; lower its fuel, price or penalty".into(),
            })
    }

    /// Sends a match of one job with as many machines as it wants replicas; the deals come from the contract's own
    /// events.
    ///
    /// # Errors
    /// As every transaction: reverted before anything is spent, or lost.
    pub async fn match_offers(
        &self,
        job: (&JobOffer, &Signature),
        resources: &[(&ResourceOffer, Signature)],
    ) -> Result<(Vec<MatchedDeal>, Sent), ChainError> {
        let call = LilypadMarket::matchOffersCall {
            jobs: vec![job.0.clone()],
            jobSignatures: vec![job.1.clone()],
            resources: resources.iter().map(|(offer, _)| (*offer).clone()).collect(),
            resourceSignatures: resources.iter().map(|(_, signature)| signature.clone()).collect(),
        };
        let sent = self.send_market("match the offers", call).await?;
        let deals = self.deals_of_job_offer(super::offer_id(job.0)).await?;
        if deals.is_empty() { Err(ChainError::Dropped(sent.transaction)) } else { Ok((deals, sent)) }
    }

    /// Registers a panel of mediators; its id is the same whoever registers it, and in whatever order they are given.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn register_panel(&self, mediators: &[Address]) -> Result<B256, ChainError> {
        let mut mediators = mediators.to_vec();
        mediators.sort_unstable();
        let panel = keccak256(mediators.abi_encode());
        self.send_market("register the panel", LilypadMarket::registerPanelCall { mediators }).await?;
        Ok(panel)
    }

    /// Posts the result of a job's only provider.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn submit_result(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (terms, receipt) = (deal.terms.clone(), to_market(receipt));
        self.send_market("submit the result", LilypadMarket::submitResultCall { terms, receipt }).await
    }

    /// Commits to a replica's result without showing it.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn commit_result(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (terms, (commitment, _)) = (deal.terms.clone(), self.commitment(deal, receipt)?);
        self.send_market("commit to the result", LilypadMarket::commitResultCall { terms, commitment }).await
    }

    /// Shows the result that a replica committed to.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn reveal_result(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (_, salt) = self.commitment(deal, receipt)?;
        let (terms, receipt) = (deal.terms.clone(), to_market(receipt));
        self.send_market("reveal the result", LilypadMarket::revealResultCall { terms, receipt, salt }).await
    }

    /// Says no to a deal.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn decline(&self, deal: &MatchedDeal, reason: DeclineReason) -> Result<Sent, ChainError> {
        let call = LilypadMarket::declineDealCall { terms: deal.terms.clone(), reason: reason as u8 };
        self.send_market("decline the deal", call).await
    }

    /// Accepts the posted result.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn accept(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (terms, receipt) = (deal.terms.clone(), to_market(receipt));
        self.send_market("accept the result", LilypadMarket::acceptResultCall { terms, receipt }).await
    }

    /// Demands mediation.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn challenge(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        let (terms, panel) = (deal.terms.clone(), self.panel(deal.terms.panel).await?);
        self.send_market("challenge the result", LilypadMarket::challengeResultCall { terms, panel }).await
    }

    /// Fixes the deal's seed, or names another block for it when its hash is lost.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn fix_seed(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        self.send_market("fix the seed", LilypadMarket::fixSeedCall { terms: deal.terms.clone() }).await
    }

    /// Starts the mediation that the draw, or replicas that differ, demand.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn audit(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        let (terms, panel) = (deal.terms.clone(), self.panel(deal.terms.panel).await?);
        self.send_market("audit the result", LilypadMarket::auditResultCall { terms, panel }).await
    }

    /// Commits to a mediator's receipt without showing it.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn commit(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (commitment, _) = self.commitment(deal, receipt)?;
        let drawn = self.drawn(deal.id).await?;
        let call = LilypadMediation::commitReceiptCall { dealId: deal.id, drawn, commitment };
        self.send_mediation("commit to a receipt", call).await
    }

    /// Shows the receipt that a mediator committed to.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn reveal(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (_, salt) = self.commitment(deal, receipt)?;
        let (drawn, receipt) = (self.drawn(deal.id).await?, to_mediation(receipt));
        let call = LilypadMediation::revealReceiptCall { dealId: deal.id, drawn, receipt, salt };
        self.send_mediation("reveal a receipt", call).await
    }

    /// Has the contract compare the revealed receipts.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn conclude(&self, deal: &MatchedDeal, posted: &Receipt) -> Result<Sent, ChainError> {
        let call = LilypadMarket::concludeMediationCall {
            terms: deal.terms.clone(),
            providerReceipt: to_market(posted),
            drawn: self.drawn(deal.id).await?,
        };
        self.send_market("conclude the mediation", call).await
    }

    /// Ends a deal that nobody challenged, whose replicas agree, or whose job another replica's mediation has judged.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn finalize(&self, deal: &MatchedDeal, posted: &Receipt) -> Result<Sent, ChainError> {
        let (terms, receipt) = (deal.terms.clone(), to_market(posted));
        self.send_market("finalize the deal", LilypadMarket::finalizeDealCall { terms, receipt }).await
    }

    /// Ends a deal whose provider posted nothing in time.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn time_out(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        let call = LilypadMarket::timeoutSubmissionCall { terms: deal.terms.clone() };
        self.send_market("time the deal out", call).await
    }

    /// Hands the journal to the contract that asked for the job.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn deliver(
        &self,
        deal: &MatchedDeal,
        posted: &Receipt,
        journal: &[u8],
    ) -> Result<Sent, ChainError> {
        let call = LilypadMarket::deliverResultCall {
            terms: deal.terms.clone(),
            receipt: to_market(posted),
            journal: journal.to_vec().into(),
        };
        self.send_market("deliver the result", call).await
    }

    /// Tells the contract that asked for the job that no answer comes.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn deliver_failure(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        let call = LilypadMarket::deliverFailureCall { terms: deal.terms.clone() };
        self.send_market("deliver the failure", call).await
    }

    /// Makes an own offer unmatchable.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn cancel_offer(&self, nonce: u64) -> Result<Sent, ChainError> {
        self.send_market("cancel the offer", LilypadMarket::cancelNonceCall { nonce }).await
    }

    /// Takes free balance out of the market.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn withdraw(&self, amount: u128) -> Result<Sent, ChainError> {
        self.send_market("withdraw", LilypadMarket::withdrawCall { amount: U256::from(amount) }).await
    }

    /// This party's commitment to a receipt, and the salt that opens it.
    fn commitment(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<(B256, B256), ChainError> {
        let salt = self.commitment_salt(deal.id)?;
        Ok((commitment(deal.id, self.address()?, receipt, salt), salt))
    }
}
