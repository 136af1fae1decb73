//! What a deal has cost and paid, from its events: who paid whom, and the gas of each transaction.

use super::{
    Address, B256, BURNED, Chain, ChainError, LilypadMarket, LilypadMediation, MatchedDeal, U256,
    deals::settlement,
    read::{amount, answer},
};
use crate::deal::{Parts, Purpose, Side, flows};
use alloy::{
    providers::Provider as _,
    rpc::types::{Filter, Log},
    sol_types::SolEvent as _,
};

/// One movement of money in a deal's settlement.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Payment {
    /// Whose deposit it comes from.
    pub from: Address,
    /// Who got it.
    pub to: Address,
    /// How much, in base units; a decimal text in JSON, whose numbers are too small.
    #[serde(serialize_with = "as_text")]
    pub amount: u128,
    /// What for.
    pub purpose: Purpose,
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
    /// Who paid whom when a deal settled; nothing before. The payments add up to both sides' deposits.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn payments(&self, deal: &MatchedDeal) -> Result<Vec<Payment>, ChainError> {
        let what = "read payments";
        let filter =
            Filter::new().event_signature(LilypadMarket::DealSettled::SIGNATURE_HASH).topic1(deal.id);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        let newest =
            logs.iter().filter_map(|log| log.log_decode::<LilypadMarket::DealSettled>().ok()).next_back();
        let Some(settled) = newest.map(|log| log.inner.data) else { return Ok(Vec::new()) };
        let part = |value: U256| amount(what, value);
        let parts = Parts {
            creator: part(settled.creator)?,
            provider: part(settled.provider)?,
            solver: part(settled.solver)?,
            burned: part(settled.burned)?,
            mediators: settled.mediators.len(),
        };
        let flows = deal
            .stakes()
            .and_then(|stakes| flows(settlement(settled.how), &stakes, deal.terms.mediatorFee, &parts))
            .ok_or_else(|| answer(what, "amounts that such a deal can't have paid"))?;
        let party = |side| match side {
            Side::Creator => deal.terms.creator,
            Side::Provider => deal.terms.provider,
            Side::Solver => deal.terms.solver,
            Side::Mediator(i) => settled.mediators.get(i).copied().unwrap_or_default(),
            Side::Panel => panel_account(deal.terms.panel),
            Side::Burned => BURNED,
        };
        let payment =
            |(from, to, amount, purpose)| Payment { from: party(from), to: party(to), amount, purpose };
        Ok(flows.into_iter().map(payment).collect())
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
}

/// Where a panel's availability fees wait in the market.
fn panel_account(panel: B256) -> Address {
    Address::from_slice(&panel[..20])
}

/// A transaction none of whose events names it.
const OTHER: &str = "other";

/// What a transaction did, by its events: `so_far`, or what this log tells.
fn stage_name<'a>(so_far: &'a str, log: &Log) -> &'a str {
    let topic = log.topic0().copied().unwrap_or_default();
    let names = [
        (LilypadMarket::DealMatched::SIGNATURE_HASH, "match"),
        (LilypadMarket::ResultCommitted::SIGNATURE_HASH, "commit result"),
        (LilypadMarket::ResultSubmitted::SIGNATURE_HASH, "submit result"),
        (LilypadMarket::SeedFixed::SIGNATURE_HASH, "fix seed"),
        (LilypadMarket::AnchorMoved::SIGNATURE_HASH, "move anchor"),
        (LilypadMediation::MediationOpened::SIGNATURE_HASH, "challenge or audit"),
        (LilypadMediation::ReceiptCommitted::SIGNATURE_HASH, "commit receipt"),
        (LilypadMediation::ReceiptRevealed::SIGNATURE_HASH, "reveal receipt"),
        (LilypadMarket::DealSettled::SIGNATURE_HASH, "settle"),
        (LilypadMarket::CallbackDelivered::SIGNATURE_HASH, "callback"),
        (LilypadMarket::CallbackFailed::SIGNATURE_HASH, "callback, failed"),
    ];
    names.into_iter().find(|(hash, _)| *hash == topic).map_or(so_far, |(_, name)| name)
}
