//! The example client contract and the development token: what a devnet and its demonstration need of them.

use super::{Address, B256, Chain, ChainError, CowsayClient, LilypadToken, Sent, U256};
use alloy::{primitives::hex, sol_types::SolConstructor as _};
use lilypad_abi::{BlobDigest, Profile};

/// The balance that burned tokens end in: nobody has its key.
pub const BURNED: Address = alloy::primitives::address!("000000000000000000000000000000000000dEaD");

/// What the example client's job offers are made from.
#[derive(Debug, Clone)]
pub struct Client {
    /// The template JobSpec.
    pub job: BlobDigest,
    /// Its fuel limit.
    pub fuel_limit: u64,
    /// Its memory.
    pub memory_bytes_max: u64,
    /// Most tokens (base units) for 10^9 fuel.
    pub price_per_gigafuel_max: u128,
    /// Tokens (base units) for the solver.
    pub solver_fee: u128,
    /// Tokens (base units) for each mediator.
    pub mediator_fee: u128,
    /// Mediators drawn.
    pub mediator_count: u8,
    /// Penalty of whoever is at fault, in 1/10,000 of the price.
    pub penalty_bps: u32,
    /// The mediators.
    pub panel: B256,
    /// Each window, in seconds.
    pub window_seconds: u32,
    /// Gas for the callback.
    pub callback_gas: u32,
    /// Where the template and the module are served.
    pub gateway: String,
}

impl Chain {
    /// Deploys a contract with ABI-encoded constructor arguments.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn deploy_contract(
        &self,
        what: &'static str,
        mut code: Vec<u8>,
        arguments: &[u8],
    ) -> Result<Address, ChainError> {
        code.extend_from_slice(arguments);
        Ok(self.deploy(what, code).await?.0)
    }

    /// Makes development tokens; on other networks there is no such function, and the call is refused.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn mint_dev_tokens(&self, to: Address, amount: U256) -> Result<Sent, ChainError> {
        self.send_to(self.network.token, "mint tokens", LilypadToken::mintCall { to, amount }).await
    }

    /// Deploys the example client. Every answer it gets is audited: 10,000 of 10,000.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn deploy_client(&self, code: Vec<u8>, client: &Client) -> Result<Address, ChainError> {
        let plain = super::plain_job_offer();
        let template = CowsayClient::JobOffer {
            creator: Address::ZERO,
            jobDigest: client.job.0.into(),
            inputHash: B256::ZERO,
            profile: Profile::Lilypad1.to_bytes32().into(),
            verification: plain.verification,
            meter: plain.meter,
            replicas: plain.replicas,
            fuelLimit: client.fuel_limit,
            memoryBytesMax: client.memory_bytes_max,
            diskBytesMax: plain.diskBytesMax,
            cores: plain.cores,
            gpus: plain.gpus,
            gpuMemoryMib: plain.gpuMemoryMib,
            pricePerGigafuelMax: client.price_per_gigafuel_max,
            solverFee: client.solver_fee,
            panel: client.panel,
            mediatorCount: client.mediator_count,
            runs: plain.runs,
            mediatorFee: client.mediator_fee,
            availabilityFee: plain.availabilityFee,
            penaltyBps: client.penalty_bps,
            auditBps: 10_000,
            submitWindow: client.window_seconds,
            judgeWindow: client.window_seconds,
            mediationWindow: client.window_seconds,
            callbackGas: client.callback_gas,
            solver: Address::ZERO,
            provider: Address::ZERO,
            nonce: 0,
            expiry: 0,
            gateway: client.gateway.clone(),
        };
        let arguments = CowsayClient::constructorCall { market_: self.network.market, template }.abi_encode();
        self.deploy_contract("deploy the example client", code, &arguments).await
    }

    /// Puts tokens of this party into the market for the example client.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn fund_client(&self, client: Address, amount: U256) -> Result<Sent, ChainError> {
        let approve = LilypadToken::approveCall { spender: client, value: amount };
        self.send_to(self.network.token, "approve the client's funds", approve).await?;
        self.send_to(client, "fund the client", CowsayClient::fundCall { amount }).await
    }

    /// Has the example client ask for a cow; gives the request.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn ask_client(&self, client: Address, message: &str) -> Result<(B256, Sent), ChainError> {
        let call = CowsayClient::askCall { message: message.to_owned() };
        let sent = self.send_to(client, "ask for a cow", call).await?;
        let request = self.call(client, "read the request", CowsayClient::lastRequestIdCall {}).await?;
        Ok((request, sent))
    }

    /// What the example client stored as the answer to a request; empty until it was called back.
    ///
    /// # Errors
    /// When the node doesn't answer.
    pub async fn client_answer(&self, client: Address, request: B256) -> Result<String, ChainError> {
        let call = CowsayClient::answersCall { requestId: request };
        self.call(client, "read the answer", call).await
    }
}

/// Bytes from hex, with or without `0x`.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}
