//! The chain: the only code that knows alloy.
//!
//! Reads are whole views of a deal at one block; writes are one transaction each, simulated before it is sent.
//! Nothing here decides what to do: that is `deal`'s, and what it costs is the contract's.

mod act;
mod bindings;
mod client;
mod deals;
mod error;
mod history;
mod keys;
mod offers;
mod read;
mod receipts;
mod rules;
mod send;
pub mod vectors;

pub use self::{
    bindings::{CowsayClient, LilypadLens, LilypadMarket, LilypadMediation, LilypadToken},
    client::{BURNED, Client, unhex},
    deals::{MatchedDeal, Request},
    error::{ChainError, Fault},
    history::{Payment, StageGas},
    keys::{Key, KeyError, PRIVATE_KEY_VARIABLE},
    offers::{Signature, deposit_of, offer_id, plain_job_offer, plain_resource_offer, stakes_of},
    read::Balance,
    receipts::{commitment, stub},
    rules::{Meter, Rules, Verification},
    send::Sent,
};
pub use alloy::primitives::{Address, B256, U256};

use crate::network::Network;
use alloy::{
    network::EthereumWallet,
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    transports::TransportError,
};
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell};

/// One account's connection to one market.
#[derive(Debug, Clone)]
pub struct Chain {
    provider: DynProvider,
    network: Arc<Network>,
    key: Option<Key>,
    /// One transaction at a time, so that nonces follow one another.
    sending: Arc<Mutex<()>>,
    /// The contracts that the market made, asked for once.
    parts: Arc<OnceCell<Parts>>,
}

/// The contracts beside the market, which it names itself.
#[derive(Debug, Clone, Copy)]
struct Parts {
    /// Where mediators commit and reveal.
    mediation: Address,
    /// Where deals are read.
    lens: Address,
}

impl Chain {
    /// Connects, and checks that the node is on the right chain and has the market.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`], [`ChainError::WrongChain`], [`ChainError::NoContract`].
    pub async fn connect(network: &Network, key: Option<Key>) -> Result<Self, ChainError> {
        let chain = Self::open(network, key)?;
        let found = chain.rpc("read the chain id", chain.provider.get_chain_id().await)?;
        if found != network.chain_id {
            return Err(ChainError::WrongChain { url: chain.url(), expected: network.chain_id, found });
        }
        let code = chain.rpc("read the market's code", chain.provider.get_code_at(network.market).await)?;
        if code.is_empty() {
            return Err(ChainError::NoContract(network.market));
        }
        chain.parts().await?;
        Ok(chain)
    }

    /// The contracts beside the market.
    async fn parts(&self) -> Result<Parts, ChainError> {
        let ask = || async {
            let what = "read the market's parts";
            let mediation = self.call(self.network.market, what, LilypadMarket::mediationCall {}).await?;
            let lens = self.call(self.network.market, what, LilypadMarket::lensCall {}).await?;
            Ok(Parts { mediation, lens })
        };
        self.parts.get_or_try_init(ask).await.copied()
    }

    /// Connects without any check; for deploying.
    ///
    /// # Errors
    /// [`ChainError::Url`].
    pub fn open(network: &Network, key: Option<Key>) -> Result<Self, ChainError> {
        let url = network
            .rpc_url
            .parse::<reqwest::Url>()
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or(ChainError::Url)?;
        // No fillers but the wallet: nonce, gas and fees are set in `send`, where failures are told apart.
        let builder = ProviderBuilder::default();
        let provider = match &key {
            Some(key) => builder.wallet(EthereumWallet::from(key.0.clone())).connect_http(url).erased(),
            None => builder.connect_http(url).erased(),
        };
        Ok(Self {
            provider,
            network: Arc::new(network.clone()),
            key,
            sending: Arc::default(),
            parts: Arc::default(),
        })
    }

    /// The network this is connected to.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// This party's account.
    ///
    /// # Errors
    /// [`ChainError::NoKey`] for a connection that only reads.
    pub fn address(&self) -> Result<Address, ChainError> {
        self.key.as_ref().map(Key::address).ok_or(ChainError::NoKey)
    }

    fn key(&self) -> Result<&Key, ChainError> {
        self.key.as_ref().ok_or(ChainError::NoKey)
    }

    /// The endpoint for messages: user, password and query are left out, they may be secrets.
    fn url(&self) -> String {
        self.network.rpc_url.parse::<reqwest::Url>().map_or_else(
            |_| "?".to_owned(),
            |url| {
                format!(
                    "{}://{}:{}",
                    url.scheme(),
                    url.host_str().unwrap_or("?"),
                    url.port_or_known_default().unwrap_or(0)
                )
            },
        )
    }

    /// A transport's failure with its causes; it likes to quote the whole endpoint.
    fn without_secrets(&self, error: &TransportError) -> String {
        let text = crate::report::causes(error);
        let full =
            self.network.rpc_url.parse::<reqwest::Url>().map(|url| url.to_string()).unwrap_or_default();
        let text = if full.is_empty() { text } else { text.replace(&full, &self.url()) };
        text.replace(&self.network.rpc_url, &self.url())
    }

    /// Sorts a transport's failures.
    fn rpc<T>(&self, what: &'static str, result: Result<T, TransportError>) -> Result<T, ChainError> {
        result.map_err(|source| match source.as_error_resp() {
            None => ChainError::Unreachable { url: self.url(), what, reason: self.without_secrets(&source) },
            Some(payload) => match payload.as_revert_data() {
                Some(data) => send::reverted(what, &data),
                None => ChainError::Refused { what, message: payload.message.to_string() },
            },
        })
    }
}
