//! A contract that requests jobs and is called back: what `LilypadConsumer` promises.

use super::types::{JobOffer, Refusal, refuse};
use alloy::primitives::{Address, B256, keccak256};
use std::collections::BTreeSet;

/// Gas below which no callback of the example client can end well, and above which all of the driver's do.
pub(crate) const CALLBACK_GAS_LITTLE: u32 = 2_000;
/// See [`CALLBACK_GAS_LITTLE`].
pub(crate) const CALLBACK_GAS_ENOUGH: u32 = 400_000;

/// The example client: its owner asks, the market answers each request once.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: Address,
    pub(crate) owner: Address,
    pub(crate) template: JobOffer,
    pub(crate) open: BTreeSet<B256>,
}

impl Client {
    /// The offer and the input of the next cow; posting it is the market's matter.
    pub(crate) fn next_request(
        &mut self,
        now: u64,
        caller: Address,
        message: &str,
    ) -> Result<(JobOffer, Vec<u8>), Refusal> {
        if caller != self.owner {
            return refuse!(NotOwner, caller);
        }
        let input = format!("{{\"message\":\"{message}\"}}").into_bytes();
        self.template.nonce += 1;
        let offer = JobOffer { input_hash: keccak256(&input), expiry: now + 86_400, ..self.template.clone() };
        Ok((offer, input))
    }

    /// Whether a callback about this request succeeds; then the request is closed.
    pub(crate) fn call_back(&mut self, request: B256, gas: u32) -> bool {
        gas > CALLBACK_GAS_LITTLE && self.open.remove(&request)
    }
}
