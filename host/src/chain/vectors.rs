//! Vectors of the signed structs, for the tests that hold Rust and Solidity to the same hashes.

use super::{
    Address, B256,
    LilypadMarket::{JobOffer, ResourceOffer},
    offers::domain,
};
use crate::report::with_text_integers;
use alloy::sol_types::SolStruct;
use lilypad_abi::Profile;
use serde_json::{Value, json};

/// One offer of each kind with every field set, its struct hash and its digest; integers as decimal strings.
#[must_use]
pub fn offer_vectors() -> Value {
    let (chain_id, market) = (31_337, Address::repeat_byte(0x11));
    let job = JobOffer {
        creator: Address::repeat_byte(0x21),
        jobDigest: B256::repeat_byte(0x22),
        inputHash: B256::repeat_byte(0x23),
        profile: Profile::Lilypad1.to_bytes32().into(),
        fuelLimit: u64::MAX,
        memoryBytesMax: 1 << 30,
        pricePerGigafuelMax: u128::MAX,
        solverFee: 1,
        mediatorFee: 2,
        collateralMin: 3,
        panel: B256::repeat_byte(0x24),
        mediatorCount: 3,
        auditBps: 250,
        submitWindow: 600,
        judgeWindow: 601,
        mediationWindow: 602,
        callbackGas: 500_000,
        solver: Address::repeat_byte(0x25),
        provider: Address::repeat_byte(0x26),
        nonce: 4,
        expiry: 2_000_000_000,
        gateway: "https://gateway.example.org/a b/é".to_owned(),
    };
    let resource = ResourceOffer {
        provider: Address::repeat_byte(0x31),
        profile: Profile::Lilypad1.to_bytes32().into(),
        fuelLimitMax: 1 << 60,
        memoryBytesMax: 1 << 32,
        pricePerGigafuel: 5,
        collateral: u128::MAX - 1,
        panel: B256::repeat_byte(0x32),
        slots: u32::MAX,
        submitWindowMin: 10,
        solver: Address::ZERO,
        nonce: u64::MAX,
        expiry: 2_000_000_001,
        gateway: String::new(),
    };
    let domain = domain(chain_id, market);
    let digest = |hash: B256| hash.to_string();
    json!({
        "domain": { "chain_id": chain_id, "verifying_contract": market },
        "job_offer": with_text_integers(&job),
        "job_offer_struct_hash": digest(job.eip712_hash_struct()),
        "job_offer_digest": digest(job.eip712_signing_hash(&domain)),
        "resource_offer": with_text_integers(&resource),
        "resource_offer_struct_hash": digest(resource.eip712_hash_struct()),
        "resource_offer_digest": digest(resource.eip712_signing_hash(&domain)),
    })
}
