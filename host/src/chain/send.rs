//! Transactions: simulated first, one at a time, waited for.
//!
//! A call that would revert is never sent, so a refusal costs nothing.
//! A transaction that disappears is reported as such and never repeated here: whoever decided on it reads the
//! chain again and decides again, which is what makes repeating safe.

use super::{
    Address, B256, Chain, ChainError, Fault, LilypadMarket, LilypadToken, U256,
    bindings::{LilypadMarket::LilypadMarketErrors, LilypadMediation::LilypadMediationErrors},
};
use crate::report::tokens;
use alloy::{
    network::TransactionBuilder as _,
    primitives::Bytes,
    providers::Provider as _,
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::{SolCall, SolInterface as _},
};
use std::time::Duration;

/// How long a transaction may take to be mined before it counts as lost.
const MINING_SECONDS_MAX: u64 = 120;

/// Polls in a row in which the node doesn't know a transaction, after which it counts as lost.
const UNKNOWN_POLLS_MAX: u32 = 20;

/// Between polls for a receipt.
const POLL: Duration = Duration::from_millis(200);

/// Tries when another process of the same account takes the same nonce.
const NONCE_TRIES: u32 = 5;

/// Tries when another process of the same account deposits at the same time.
const DEPOSIT_TRIES: u32 = 5;

/// A mined transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its hash.
    pub transaction: B256,
    /// Gas it used.
    pub gas_used: u64,
    /// The block it is in.
    pub block: u64,
}

impl Chain {
    /// Sends a call to the market.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] before anything is spent; [`ChainError::Dropped`] when it got lost.
    pub(crate) async fn send_market<C: SolCall + Sync>(
        &self,
        what: &'static str,
        call: C,
    ) -> Result<Sent, ChainError> {
        self.send_to(self.network.market, what, call).await
    }

    /// Sends a call to the mediation contract.
    ///
    /// # Errors
    /// As [`Chain::send_market`].
    pub(crate) async fn send_mediation<C: SolCall + Sync>(
        &self,
        what: &'static str,
        call: C,
    ) -> Result<Sent, ChainError> {
        self.send_to(self.parts().await?.mediation, what, call).await
    }

    /// Sends a call to any contract.
    ///
    /// # Errors
    /// As [`Chain::send_market`].
    pub(crate) async fn send_to<C: SolCall + Sync>(
        &self,
        to: Address,
        what: &'static str,
        call: C,
    ) -> Result<Sent, ChainError> {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        self.send(what, request).await.map(|receipt| receipt.1)
    }

    /// Deploys a contract and gives its address.
    ///
    /// # Errors
    /// As [`Chain::send_market`].
    pub(crate) async fn deploy(
        &self,
        what: &'static str,
        code: Vec<u8>,
    ) -> Result<(Address, Sent), ChainError> {
        let request = TransactionRequest::default().with_deploy_code(code);
        let (receipt, sent) = self.send(what, request).await?;
        let address = receipt
            .contract_address
            .ok_or_else(|| ChainError::Answer { what, message: "no address in the receipt".into() })?;
        Ok((address, sent))
    }

    async fn send(
        &self,
        what: &'static str,
        request: TransactionRequest,
    ) -> Result<(TransactionReceipt, Sent), ChainError> {
        let from = self.address()?;
        let _one_at_a_time = self.sending.lock().await;
        let request = request.with_from(from).with_chain_id(self.network.chain_id);
        // The simulation: what reverts here is never sent.
        let gas = self.rpc(what, self.provider.estimate_gas(request.clone()).await)?;
        let fees = self.rpc("estimate fees", self.provider.estimate_eip1559_fees().await)?;
        // A fifth more than estimated: state may move between the estimate and the block.
        let request = request
            .with_gas_limit(gas.saturating_add(gas / 5))
            .with_max_fee_per_gas(fees.max_fee_per_gas)
            .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas);
        let mut tries = 0;
        let hash = loop {
            let nonce =
                self.rpc("read the nonce", self.provider.get_transaction_count(from).pending().await)?;
            match self.provider.send_transaction(request.clone().with_nonce(nonce)).await {
                Ok(pending) => break *pending.tx_hash(),
                Err(error) => {
                    let message = error.as_error_resp().map(|e| e.message.to_lowercase()).unwrap_or_default();
                    // JSON-RPC has no code of its own for this; every node says "nonce" or "replacement".
                    let raced = message.contains("nonce") || message.contains("replacement");
                    tries += 1;
                    if raced && tries < NONCE_TRIES {
                        tokio::time::sleep(POLL).await;
                        continue;
                    }
                    if message.contains("insufficient funds") {
                        return Err(self.no_coins(from, what).await);
                    }
                    return self.rpc(what, Err(error));
                }
            }
        };
        let receipt = self.mined(what, hash).await?;
        let sent = Sent {
            transaction: hash,
            gas_used: receipt.gas_used,
            block: receipt.block_number.unwrap_or_default(),
        };
        if receipt.status() {
            tracing::debug!(what, %hash, gas_used = sent.gas_used, "transaction mined");
            Ok((receipt, sent))
        } else {
            // It passed the simulation, so somebody else's transaction came first.
            let reason = "the state changed before the transaction was mined".into();
            Err(ChainError::Reverted { what, reason, at_fault: Fault::Neither })
        }
    }

    async fn mined(&self, what: &'static str, hash: B256) -> Result<TransactionReceipt, ChainError> {
        let mut unknown = 0;
        let polls = MINING_SECONDS_MAX * 1_000 / 200;
        for _ in 0..polls {
            match self.provider.get_transaction_receipt(hash).await {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => {
                    let known = self.rpc(what, self.provider.get_transaction_by_hash(hash).await)?.is_some();
                    unknown = if known { 0 } else { unknown + 1 };
                    if unknown > UNKNOWN_POLLS_MAX {
                        return Err(ChainError::Dropped(hash));
                    }
                }
                Err(error) => return self.rpc(what, Err(error)),
            }
            tokio::time::sleep(POLL).await;
        }
        Err(ChainError::Dropped(hash))
    }

    async fn no_coins(&self, party: Address, what: &'static str) -> ChainError {
        let have = self.provider.get_balance(party).await.unwrap_or_default();
        ChainError::NoFunds {
            party,
            what,
            have: format!("{} coins", alloy::primitives::utils::format_ether(have)),
            need: "some more for gas".into(),
            hint: "send it some of the chain's own coin",
        }
    }

    /// Makes at least `amount` of this party's balance free in the market, depositing from its wallet.
    ///
    /// # Errors
    /// [`ChainError::NoFunds`] when wallet and free balance together don't reach.
    pub async fn ensure_free(&self, what: &'static str, amount: u128) -> Result<Option<Sent>, ChainError> {
        let mut tries = 0;
        loop {
            match self.fill_up(what, amount).await {
                // Another process of the same account deposits too, and used up or replaced this one's approval.
                Err(ChainError::Reverted { .. }) if tries < DEPOSIT_TRIES => {
                    tries += 1;
                    tokio::time::sleep(POLL * tries).await;
                }
                result => return result,
            }
        }
    }

    async fn fill_up(&self, what: &'static str, amount: u128) -> Result<Option<Sent>, ChainError> {
        let me = self.address()?;
        let free = self.balance(me).await?.free;
        if free >= amount {
            return Ok(None);
        }
        let missing = U256::from(amount - free);
        let wallet = self.wallet_tokens(me).await?;
        if wallet < missing {
            return Err(ChainError::NoFunds {
                party: me,
                what,
                have: format!(
                    "{} free in the market and {} in its wallet",
                    tokens(free),
                    tokens(u128::try_from(wallet).unwrap_or(u128::MAX))
                ),
                need: tokens(amount),
                hint: "send it tokens, or ask for less; nothing was spent",
            });
        }
        let approve = LilypadToken::approveCall { spender: self.network.market, value: missing };
        self.send_to(self.network.token, "approve the deposit", approve).await?;
        self.send_market("deposit", LilypadMarket::depositCall { amount: missing }).await.map(Some)
    }
}

/// Sorts a revert by its custom error. The market passes the mediation contract's on.
pub(super) fn reverted(what: &'static str, data: &Bytes) -> ChainError {
    let market = LilypadMarketErrors::abi_decode(data);
    let (reason, at_fault) = match (market, LilypadMediationErrors::abi_decode(data)) {
        (Ok(error), _) => (describe(&error), fault(&error)),
        (Err(_), Ok(error)) => (describe(&error), Fault::Neither),
        _ => {
            let reason = alloy::sol_types::decode_revert_reason(data)
                .unwrap_or_else(|| format!("an error the contract's ABI doesn't name ({data})"));
            (reason, Fault::Neither)
        }
    };
    ChainError::Reverted { what, reason, at_fault }
}

/// `Name(Name { a: 1 })`, as Rust shows the generated enum, without the repetition.
fn describe(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split_once('(')
        .map_or_else(|| text.clone(), |(_, rest)| rest.strip_suffix(')').unwrap_or(rest).to_owned())
}

fn fault(error: &LilypadMarketErrors) -> Fault {
    use LilypadMarketErrors as E;
    match error {
        E::JobOfferExpired(_)
        | E::JobOfferNonceUsed(_)
        | E::JobOfferSignatureInvalid(_)
        | E::JobOfferInvalid(_)
        | E::PanelTooSmall(_) => Fault::Job,
        E::ResourceOfferNonceUsed(error) => Fault::Party(error.provider),
        E::ResourceOfferSignatureInvalid(error) => Fault::Party(error.provider),
        E::InsufficientBalance(error) => Fault::Party(error.party),
        E::ResourceOfferFull(error) => Fault::ResourceOffer(error.resourceOfferHash),
        E::OffersDoNotFit(_) => Fault::Together,
        // A resource offer that expired between our look and the block is dropped by the next look.
        _ => Fault::Neither,
    }
}
