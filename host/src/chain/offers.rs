//! Offers: EIP-712 signatures over the contract's own structs.

use super::{B256, Chain, ChainError, LilypadMarket, Meter, Verification};
use crate::deal::{Prices, Stakes};
use LilypadMarket::{JobOffer, ResourceOffer};
use alloy::{
    primitives::Bytes,
    signers::SignerSync as _,
    sol_types::{Eip712Domain, SolStruct, eip712_domain},
};

/// A signature as the contract takes it: 65 bytes for an account, anything for an ERC-1271 contract.
pub type Signature = Bytes;

/// An offer's name: its EIP-712 struct hash, which is the same on every chain.
#[must_use]
pub fn offer_id<T: SolStruct>(offer: &T) -> B256 {
    offer.eip712_hash_struct()
}

/// An ordinary job: bit-exact on one core, paid by fuel, run by one provider, and once by each mediator; no disk but
/// the virtual one in its memory, no GPU, no fee for the panel's being there. The rest is for the caller to set.
#[must_use]
pub fn plain_job_offer() -> JobOffer {
    JobOffer {
        verification: Verification::BitExact as u8,
        meter: Meter::Fuel as u8,
        replicas: 1,
        runs: 1,
        cores: 1,
        ..JobOffer::default()
    }
}

/// A machine for ordinary jobs, as in [`plain_job_offer`]. The rest is for the caller to set.
#[must_use]
pub fn plain_resource_offer() -> ResourceOffer {
    ResourceOffer { meter: Meter::Fuel as u8, cores: 1, ..ResourceOffer::default() }
}

/// What a deal of this offer is about, at this price; `None` beyond 128 bits.
#[must_use]
pub fn stakes_of(offer: &JobOffer, price_per_gigafuel: u128) -> Option<Stakes> {
    Stakes::of(&Prices {
        fuel_limit: offer.fuelLimit,
        price_per_gigafuel,
        penalty_bps: offer.penaltyBps,
        solver_fee: offer.solverFee,
        mediator_fee: offer.mediatorFee,
        mediator_count: offer.mediatorCount,
        availability_fee: offer.availabilityFee,
    })
}

/// What a deal of this offer locks of each side's balance, at this price; `None` beyond 128 bits.
#[must_use]
pub fn deposit_of(offer: &JobOffer, price_per_gigafuel: u128) -> Option<u128> {
    stakes_of(offer, price_per_gigafuel).map(|stakes| stakes.deposit())
}

impl Chain {
    /// Signs a job offer.
    ///
    /// # Errors
    /// [`ChainError::NoKey`].
    pub fn sign_job_offer(&self, offer: &JobOffer) -> Result<Signature, ChainError> {
        self.sign(offer)
    }

    /// Signs a resource offer.
    ///
    /// # Errors
    /// [`ChainError::NoKey`].
    pub fn sign_resource_offer(&self, offer: &ResourceOffer) -> Result<Signature, ChainError> {
        self.sign(offer)
    }

    /// Whether `signature` is `party`'s own over this offer; contracts' signatures are left to the contract.
    #[must_use]
    pub fn signed_by<T: SolStruct>(&self, offer: &T, signature: &Signature, party: super::Address) -> bool {
        let digest = offer.eip712_signing_hash(&self.domain());
        alloy::primitives::Signature::from_raw(signature)
            .and_then(|signature| signature.recover_address_from_prehash(&digest))
            .is_ok_and(|signer| signer == party)
    }

    fn sign<T: SolStruct>(&self, offer: &T) -> Result<Signature, ChainError> {
        let digest = offer.eip712_signing_hash(&self.domain());
        let signature = self.key()?.0.sign_hash_sync(&digest).map_err(ChainError::Sign)?;
        Ok(signature.as_bytes().to_vec().into())
    }

    fn domain(&self) -> Eip712Domain {
        domain(self.network.chain_id, self.network.market)
    }

    /// A salt for this deal that only this key's holder can compute and always computes alike.
    ///
    /// Deterministic ECDSA (RFC 6979) makes it survive a crash without being written anywhere.
    ///
    /// # Errors
    /// [`ChainError::NoKey`].
    pub fn commitment_salt(&self, deal: B256) -> Result<B256, ChainError> {
        let message =
            [b"lilypad commitment salt".as_slice(), self.network.market.as_slice(), deal.as_slice()].concat();
        let signature = self.key()?.0.sign_message_sync(&message).map_err(ChainError::Sign)?;
        Ok(alloy::primitives::keccak256(signature.as_bytes()))
    }
}

/// The domain that binds a signature to one market on one chain.
pub(super) fn domain(chain_id: u64, market: super::Address) -> Eip712Domain {
    eip712_domain! {
        name: "LilypadMarket",
        version: "1",
        chain_id: chain_id,
        verifying_contract: market,
    }
}
