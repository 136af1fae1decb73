//! Reads: a deal whole, at one block; logs in bounded ranges; who was paid what.

use super::{
    Address, B256, Chain, ChainError, LilypadMarket,
    LilypadMarket::{DealTerms, JobOffer, Receipt},
    LilypadToken, U256, offer_id,
};
use crate::deal::{Callback, DealState, DealView, Seat, Settlement};
use alloy::{
    eips::BlockNumberOrTag,
    network::TransactionBuilder as _,
    primitives::keccak256,
    providers::Provider as _,
    rpc::types::{Filter, Log, TransactionRequest},
    sol_types::{SolCall, SolEvent, SolValue as _},
};
use lilypad_abi::ReceiptHash;

/// Blocks asked for in one log query: what public nodes commonly allow.
const LOG_RANGE_BLOCKS: u64 = 2_000;

/// Blocks read again in each scan, so that a short reorg hides no log.
const LOG_OVERLAP_BLOCKS: u64 = 12;

/// A deal as it was matched: everything needed to act on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MatchedDeal {
    /// keccak256 of the terms.
    pub id: B256,
    /// The terms, which every call passes.
    pub terms: DealTerms,
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

/// A party's money in the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// May be locked in a deal or withdrawn.
    pub free: u128,
    /// Locked in deals.
    pub locked: u128,
}

/// One movement of money in a deal's settlement.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Payment {
    /// Who got it.
    pub party: Address,
    /// What for, as the contract numbers reasons.
    pub reason: u8,
    /// How much, in base units; a decimal text in JSON, whose numbers are too small.
    #[serde(serialize_with = "as_text")]
    pub amount: u128,
}

fn as_text<S: serde::Serializer>(amount: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// Gas of one transaction in a deal's life.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StageGas {
    /// The event that the transaction left.
    pub stage: String,
    /// Who paid for it.
    pub by: Address,
    /// Gas used.
    pub gas_used: u64,
    /// The block's timestamp, in seconds.
    pub at: u64,
}

impl Chain {
    /// The newest block's timestamp, in seconds: the market's clock.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn now(&self) -> Result<u64, ChainError> {
        let what = "read the newest block";
        let block = self.rpc(what, self.provider.get_block_by_number(BlockNumberOrTag::Latest).await)?;
        block.map(|block| block.header.timestamp).ok_or_else(|| answer(what, "no newest block"))
    }

    /// The newest block's number.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn block_number(&self) -> Result<u64, ChainError> {
        self.rpc("read the block number", self.provider.get_block_number().await)
    }

    /// A party's money in the market.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn balance(&self, party: Address) -> Result<Balance, ChainError> {
        let what = "read a balance";
        let found =
            self.call(self.network.market, what, LilypadMarket::balanceOfCall { account: party }).await?;
        Ok(Balance { free: amount(what, found.free)?, locked: amount(what, found.locked)? })
    }

    /// Whether a resource offer can make no more deals: cancelled, or all its slots used.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn is_spent(&self, offer: &LilypadMarket::ResourceOffer) -> Result<bool, ChainError> {
        let what = "read an offer's state";
        let (party, nonce) = (offer.provider, offer.nonce);
        let cancelled =
            self.call(self.network.market, what, LilypadMarket::nonceUsedCall { party, nonce }).await?;
        let call = LilypadMarket::slotsUsedCall { resourceOfferHash: offer_id(offer) };
        let used = self.call(self.network.market, what, call).await?;
        Ok(cancelled || used >= offer.slots)
    }

    /// A panel's members.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn panel(&self, panel: B256) -> Result<Vec<Address>, ChainError> {
        self.call(self.network.market, "read a panel", LilypadMarket::panelMembersCall { panel }).await
    }

    /// Tokens in a party's wallet, or in a contract's.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn wallet_tokens(&self, party: Address) -> Result<U256, ChainError> {
        let call = LilypadToken::balanceOfCall { account: party };
        self.call(self.network.token, "read a token balance", call).await
    }

    /// Where a deal stands, everything at one block.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn deal(&self, deal: &MatchedDeal) -> Result<DealView, ChainError> {
        let what = "read a deal";
        let terms = deal.terms.clone();
        let view = self.call(self.network.market, what, LilypadMarket::dealCall { terms }).await?;
        let now = self.now().await?;
        let seats = view.mediators.iter().enumerate().map(|(i, mediator)| {
            let at = |list: &[B256]| list.get(i).copied().filter(|value| !value.is_zero());
            Seat {
                mediator: mediator.into_array(),
                committed: at(&view.commitments).is_some(),
                revealed: at(&view.revealed).map(|hash| ReceiptHash(hash.0)),
            }
        });
        Ok(DealView {
            state: state(view.state),
            settlement: settlement(view.settlement),
            now,
            deadline: view.deadline,
            reveal_deadline: view.revealDeadline,
            seed_known: !view.seed.is_zero(),
            seed_lost: view.seedLost,
            audit_due: view.auditDue,
            receipt_hash: ReceiptHash(view.receiptHash.0),
            seats: seats.collect(),
            callback: match (deal.terms.callbackGas, view.callbackDelivered, view.callbackFailed) {
                (0, _, _) => Callback::NotAsked,
                (_, true, _) => Callback::Delivered,
                (_, _, true) => Callback::Failed,
                _ => Callback::Due,
            },
        })
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

    /// One deal by its id.
    ///
    /// # Errors
    /// When the node doesn't answer, or no such deal was ever matched.
    pub async fn find_deal(&self, id: B256) -> Result<Option<MatchedDeal>, ChainError> {
        let filter = Filter::new().event_signature(LilypadMarket::DealMatched::SIGNATURE_HASH).topic1(id);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        Ok(logs.iter().filter_map(matched).next())
    }

    /// The deal that a job offer was matched into, if it was.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn deal_of_job_offer(&self, offer: B256) -> Result<Option<B256>, ChainError> {
        let (deals, _) = self.matched_deals(self.network.deployed_block, None).await?;
        Ok(deals.into_iter().find(|deal| deal.terms.jobOfferHash == offer).map(|deal| deal.id))
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
    pub async fn posted_receipt(&self, deal: B256) -> Result<Option<lilypad_abi::Receipt>, ChainError> {
        let filter =
            Filter::new().event_signature(LilypadMarket::ResultSubmitted::SIGNATURE_HASH).topic1(deal);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        let newest =
            logs.iter().filter_map(|log| log.log_decode::<LilypadMarket::ResultSubmitted>().ok()).next_back();
        Ok(newest.map(|log| from_solidity(&log.inner.data.receipt)))
    }

    /// Who was paid what when a deal settled.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn payments(&self, deal: B256) -> Result<Vec<Payment>, ChainError> {
        let filter = Filter::new().event_signature(LilypadMarket::Paid::SIGNATURE_HASH).topic1(deal);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        logs.iter()
            .filter_map(|log| log.log_decode::<LilypadMarket::Paid>().ok())
            .map(|log| {
                let paid = &log.inner.data;
                Ok(Payment {
                    party: paid.party,
                    reason: paid.reason,
                    amount: amount("read payments", paid.amount)?,
                })
            })
            .collect()
    }

    /// Every transaction in a deal's life, oldest first, with its gas and who paid for it.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn deal_gas(&self, deal: B256) -> Result<Vec<StageGas>, ChainError> {
        let (logs, _) = self.logs(self.network.deployed_block, Filter::new().topic1(deal)).await?;
        let mut stages: Vec<(B256, StageGas)> = Vec::new();
        for log in &logs {
            let (Some(hash), Some(block)) = (log.transaction_hash, log.block_number) else { continue };
            if let Some((_, stage)) = stages.iter_mut().find(|(seen, _)| *seen == hash) {
                // One transaction leaves several events; the most telling one names it.
                stage.stage = stage_name(&stage.stage, log).to_owned();
                continue;
            }
            let what = "read a transaction's receipt";
            let Some(receipt) = self.rpc(what, self.provider.get_transaction_receipt(hash).await)? else {
                continue;
            };
            let found = self.rpc("read a block", self.provider.get_block_by_number(block.into()).await)?;
            let at = found.map(|block| block.header.timestamp).unwrap_or_default();
            let stage = stage_name(OTHER, log).to_owned();
            stages.push((hash, StageGas { stage, by: receipt.from, gas_used: receipt.gas_used, at }));
        }
        Ok(stages.into_iter().map(|(_, stage)| stage).collect())
    }

    pub(super) async fn call<C: SolCall>(
        &self,
        to: Address,
        what: &'static str,
        call: C,
    ) -> Result<C::Return, ChainError> {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        let data = self.rpc(what, self.provider.call(request).await)?;
        C::abi_decode_returns(&data).map_err(|error| answer(what, error))
    }

    async fn logs(&self, from: u64, filter: Filter) -> Result<(Vec<Log>, u64), ChainError> {
        let newest = self.block_number().await?;
        let filter = filter.address(self.network.market);
        let mut start = from.saturating_sub(LOG_OVERLAP_BLOCKS).max(self.network.deployed_block.min(newest));
        let mut logs = Vec::new();
        while start <= newest {
            let end = newest.min(start + LOG_RANGE_BLOCKS - 1);
            let range = filter.clone().from_block(start).to_block(end);
            logs.extend(self.rpc("read logs", self.provider.get_logs(&range).await)?);
            start = end + 1;
        }
        logs.retain(|log| !log.removed);
        Ok((logs, newest + 1))
    }
}

/// The receipt as the contract takes it.
pub(super) fn to_solidity(receipt: &lilypad_abi::Receipt) -> Receipt {
    Receipt {
        jobDigest: receipt.job_digest.0.into(),
        profile: receipt.profile.into(),
        status: receipt.status,
        trapKind: receipt.trap_kind,
        exitCode: receipt.exit_code,
        fuelUsed: receipt.fuel_used,
        outputsDigest: receipt.outputs_digest.0.into(),
        journalHash: receipt.journal_hash.into(),
    }
}

fn from_solidity(receipt: &Receipt) -> lilypad_abi::Receipt {
    lilypad_abi::Receipt {
        job_digest: lilypad_abi::BlobDigest(receipt.jobDigest.0),
        profile: receipt.profile.0,
        status: receipt.status,
        trap_kind: receipt.trapKind,
        exit_code: receipt.exitCode,
        fuel_used: receipt.fuelUsed,
        outputs_digest: lilypad_abi::BlobDigest(receipt.outputsDigest.0),
        journal_hash: receipt.journalHash.0,
    }
}

/// A deal from its event; one whose id is not the hash of its terms is no deal but a node's invention.
fn matched(log: &Log) -> Option<MatchedDeal> {
    let event = log.log_decode::<LilypadMarket::DealMatched>().ok()?.inner.data;
    let honest = keccak256(event.terms.abi_encode()) == event.dealId;
    honest.then_some(MatchedDeal {
        id: event.dealId,
        terms: event.terms,
        job_gateway: event.jobGateway,
        provider_gateway: event.providerGateway,
    })
}

fn request(log: &Log) -> Option<Request> {
    let event = log.log_decode::<LilypadMarket::JobRequested>().ok()?.inner.data;
    // The id commits to the offer and the offer to the input; a node that changes either is caught here.
    let honest =
        offer_id(&event.offer) == event.offerHash && keccak256(&event.input) == event.offer.inputHash;
    honest.then(|| Request { id: event.offerHash, offer: event.offer, input: event.input.to_vec() })
}

fn amount(what: &'static str, value: U256) -> Result<u128, ChainError> {
    u128::try_from(value).map_err(|_| answer(what, "an amount over 128 bits"))
}

fn answer(what: &'static str, message: impl ToString) -> ChainError {
    ChainError::Answer { what, message: message.to_string() }
}

/// The contract's enums are numbers in its ABI; `deal`'s stand in the same order.
fn state(value: u8) -> DealState {
    match value {
        1 => DealState::Matched,
        2 => DealState::Submitted,
        3 => DealState::Challenged,
        4 => DealState::Settled,
        _ => DealState::None,
    }
}

fn settlement(value: u8) -> Settlement {
    match value {
        1 => Settlement::Accepted,
        2 => Settlement::Finalized,
        3 => Settlement::ProviderUpheld,
        4 => Settlement::ProviderSlashed,
        5 => Settlement::Inconclusive,
        6 => Settlement::SubmissionTimedOut,
        7 => Settlement::Declined,
        _ => Settlement::None,
    }
}

/// A transaction none of whose events names it.
const OTHER: &str = "other";

/// What a transaction did, by its events: `so_far`, or what this log tells.
fn stage_name<'a>(so_far: &'a str, log: &Log) -> &'a str {
    let topic = log.topic0().copied().unwrap_or_default();
    let names = [
        (LilypadMarket::DealMatched::SIGNATURE_HASH, "match"),
        (LilypadMarket::ResultSubmitted::SIGNATURE_HASH, "submit result"),
        (LilypadMarket::DealChallenged::SIGNATURE_HASH, "challenge or audit"),
        (LilypadMarket::ReceiptCommitted::SIGNATURE_HASH, "commit receipt"),
        (LilypadMarket::ReceiptRevealed::SIGNATURE_HASH, "reveal receipt"),
        (LilypadMarket::DealSettled::SIGNATURE_HASH, "settle"),
        (LilypadMarket::CallbackDelivered::SIGNATURE_HASH, "callback"),
        (LilypadMarket::CallbackFailed::SIGNATURE_HASH, "callback, failed"),
    ];
    names.into_iter().find(|(hash, _)| *hash == topic).map_or(so_far, |(_, name)| name)
}
