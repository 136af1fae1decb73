//! Reads: the clock, balances, panels; calls; logs in bounded ranges. Deals are in `deals`.

use super::{Address, B256, Chain, ChainError, LilypadMarket, LilypadToken, U256, offer_id};
use alloy::{
    eips::BlockNumberOrTag,
    network::TransactionBuilder as _,
    primitives::keccak256,
    providers::Provider as _,
    rpc::types::{Filter, Log, TransactionRequest},
    sol_types::{SolCall, SolEvent as _, SolValue as _},
};

/// Blocks asked for in one log query: what public nodes commonly allow.
const LOG_RANGE_BLOCKS: u64 = 2_000;

/// Blocks read again in each scan, so that a short reorg hides no log.
const LOG_OVERLAP_BLOCKS: u64 = 12;

/// A party's money in the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// May be locked in a deal or withdrawn.
    pub free: u128,
    /// Locked in deals.
    pub locked: u128,
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
        let word = U256::from(offer.nonce >> 8);
        let call = LilypadMarket::nonceBitmapCall { party: offer.provider, word };
        let nonces = self.call(self.network.market, what, call).await?;
        let spent = nonces.bit(usize::from(offer.nonce.to_be_bytes()[7]));
        let call = LilypadMarket::slotsUsedCall { resourceOfferHash: offer_id(offer) };
        let used = self.call(self.network.market, what, call).await?;
        Ok(spent || used >= U256::from(offer.slots))
    }

    /// A panel's members, as they were registered.
    ///
    /// # Errors
    /// When the node doesn't answer, or the panel isn't registered.
    pub async fn panel(&self, panel: B256) -> Result<Vec<Address>, ChainError> {
        let filter =
            Filter::new().event_signature(LilypadMarket::PanelRegistered::SIGNATURE_HASH).topic1(panel);
        let (logs, _) = self.logs(self.network.deployed_block, filter).await?;
        let lists = logs.iter().filter_map(|log| log.log_decode::<LilypadMarket::PanelRegistered>().ok());
        // The name is the list's hash: a node can't make up members.
        let mut honest = lists
            .map(|log| log.inner.data.mediators)
            .filter(|mediators| keccak256(mediators.abi_encode()) == panel);
        honest.next().ok_or_else(|| answer("read a panel", format!("no panel {panel} is registered")))
    }

    /// Tokens in a party's wallet, or in a contract's.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn wallet_tokens(&self, party: Address) -> Result<U256, ChainError> {
        let call = LilypadToken::balanceOfCall { account: party };
        self.call(self.network.token, "read a token balance", call).await
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

    /// The market's and the mediation contract's logs from a block on; and the block to go on from.
    pub(super) async fn logs(&self, from: u64, filter: Filter) -> Result<(Vec<Log>, u64), ChainError> {
        let newest = self.block_number().await?;
        let filter = filter.address(vec![self.network.market, self.parts().await?.mediation]);
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

pub(super) fn amount(what: &'static str, value: U256) -> Result<u128, ChainError> {
    u128::try_from(value).map_err(|_| answer(what, "an amount over 128 bits"))
}

pub(super) fn answer(what: &'static str, message: impl ToString) -> ChainError {
    ChainError::Answer { what, message: message.to_string() }
}
