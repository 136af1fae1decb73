//! The market's verbs, one transaction each.

use super::{
    Address, B256, Chain, ChainError, LilypadMarket,
    LilypadMarket::{JobOffer, ResourceOffer},
    MatchedDeal, Sent, Signature, U256,
    read::to_solidity,
};
use crate::{deal::DeclineReason, solver::matching};
use alloy::{primitives::keccak256, sol_types::SolValue as _};
use lilypad_abi::Receipt;

impl Chain {
    /// What an offer locks of its creator's balance, at the offer's highest price.
    ///
    /// # Errors
    /// [`ChainError::Answer`] when the sum doesn't fit 128 bits.
    pub fn creator_lock(&self, offer: &JobOffer) -> Result<u128, ChainError> {
        matching::fuel_cost(offer.fuelLimit, offer.pricePerGigafuelMax)
            .and_then(|sum| sum.checked_add(offer.solverFee))
            .and_then(|sum| sum.checked_add(matching::mediation_budget(offer)?))
            .ok_or_else(|| ChainError::Answer {
                what: "add up the offer",
                message: "fuel limit times price is over 128 bits; lower one of them".into(),
            })
    }

    /// Sends a match; the deal's id comes from the contract's own event.
    ///
    /// # Errors
    /// As every transaction: reverted before anything is spent, or lost.
    pub async fn match_offers(
        &self,
        job: &JobOffer,
        job_signature: &Signature,
        resource: &ResourceOffer,
        resource_signature: &Signature,
    ) -> Result<(B256, Sent), ChainError> {
        let call = LilypadMarket::matchOffersCall {
            job: job.clone(),
            jobSignature: job_signature.clone(),
            resource: resource.clone(),
            resourceSignature: resource_signature.clone(),
        };
        let sent = self.send_market("match the offers", call).await?;
        let id = super::offer_id(job);
        let deal = self.deal_of_job_offer(id).await?.ok_or(ChainError::Dropped(sent.transaction))?;
        Ok((deal, sent))
    }

    /// Registers a panel of mediators; its id is the same whoever registers it.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn register_panel(&self, mediators: &[Address]) -> Result<B256, ChainError> {
        let call = LilypadMarket::registerPanelCall { mediators: mediators.to_vec() };
        self.send_market("register the panel", call).await?;
        Ok(keccak256(mediators.to_vec().abi_encode()))
    }

    /// Posts a result.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn submit_result(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let (terms, receipt) = (deal.terms.clone(), to_solidity(receipt));
        self.send_market("submit the result", LilypadMarket::submitResultCall { terms, receipt }).await
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
        let (terms, receipt) = (deal.terms.clone(), to_solidity(receipt));
        self.send_market("accept the result", LilypadMarket::acceptResultCall { terms, receipt }).await
    }

    /// Demands mediation.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn challenge(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        self.send_market(
            "challenge the result",
            LilypadMarket::challengeResultCall { terms: deal.terms.clone() },
        )
        .await
    }

    /// Fixes the deal's seed, or names another block for it when its hash is lost.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn fix_seed(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        self.send_market("fix the seed", LilypadMarket::fixSeedCall { terms: deal.terms.clone() }).await
    }

    /// Carries out the audit that the draw demands.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn audit(&self, deal: &MatchedDeal) -> Result<Sent, ChainError> {
        self.send_market("audit the result", LilypadMarket::auditResultCall { terms: deal.terms.clone() })
            .await
    }

    /// Commits to a receipt without showing it.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn commit(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let salt = self.commitment_salt(deal.id)?;
        let hash = B256::from(receipt.hash().0);
        let commitment = keccak256((deal.id, self.address()?, hash, salt).abi_encode());
        let call = LilypadMarket::commitReceiptCall { terms: deal.terms.clone(), commitment };
        self.send_market("commit to a receipt", call).await
    }

    /// Shows the receipt committed to.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn reveal(&self, deal: &MatchedDeal, receipt: &Receipt) -> Result<Sent, ChainError> {
        let salt = self.commitment_salt(deal.id)?;
        let (terms, receipt) = (deal.terms.clone(), to_solidity(receipt));
        self.send_market("reveal a receipt", LilypadMarket::revealReceiptCall { terms, receipt, salt }).await
    }

    /// Has the contract compare the revealed receipts.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn conclude(&self, deal: &MatchedDeal, posted: &Receipt) -> Result<Sent, ChainError> {
        let call = LilypadMarket::concludeMediationCall {
            terms: deal.terms.clone(),
            providerReceipt: to_solidity(posted),
        };
        self.send_market("conclude the mediation", call).await
    }

    /// Ends a deal that nobody challenged.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn finalize(&self, deal: &MatchedDeal, posted: &Receipt) -> Result<Sent, ChainError> {
        let (terms, receipt) = (deal.terms.clone(), to_solidity(posted));
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
            receipt: to_solidity(posted),
            journal: journal.to_vec().into(),
        };
        self.send_market("deliver the result", call).await
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
}
