//! Vectors of everything that is hashed or signed, for the tests that hold Rust and Solidity to the same hashes.
//! Receipts' own hashes have vectors of their own, by an encoder that is neither's.

use super::{
    Address, B256,
    LilypadMarket::{DealTerms, JobOffer, ResourceOffer},
    Meter, Rules, Verification, commitment,
    offers::domain,
    stub,
};
use crate::report::with_text_integers;
use alloy::{
    primitives::keccak256,
    sol_types::{SolStruct as _, SolValue as _},
};
use lilypad_abi::{BlobDigest, Profile, Receipt};
use serde_json::{Value, json};

/// The domain of the vectors: a chain and a market.
const DOMAIN: (u64, Address) = (31_337, Address::repeat_byte(0x11));

/// One offer of each kind with every field set, its struct hash and its digest; integers as decimal strings.
#[must_use]
pub fn offer_vectors() -> Value {
    let (job, resource) = (job(), resource());
    let domain = domain(DOMAIN.0, DOMAIN.1);
    json!({
        "domain": { "chain_id": DOMAIN.0, "verifying_contract": DOMAIN.1 },
        "job_offer": with_text_integers(&job),
        "job_offer_struct_hash": job.eip712_hash_struct(),
        "job_offer_digest": job.eip712_signing_hash(&domain),
        "resource_offer": with_text_integers(&resource),
        "resource_offer_struct_hash": resource.eip712_hash_struct(),
        "resource_offer_digest": resource.eip712_signing_hash(&domain),
    })
}

/// A deal's terms with every field set, its rules one by one and packed, and its id; a receipt's comparable hash in
/// each class of verification; and a commitment.
#[must_use]
pub fn deal_vectors() -> Value {
    let (rules, terms, receipt) = (rules(), terms(), receipt());
    let id = keccak256(terms.abi_encode());
    let (party, salt) = (Address::repeat_byte(0x61), B256::repeat_byte(0x62));
    let commitment = commitment(id, party, &receipt, salt);
    let hash = |receipt: &Receipt| receipt.hash().to_string();
    json!({
        "rules": with_text_integers(&json!({
            "verification": rules.verification as u8,
            "meter": rules.meter as u8,
            "replicas": rules.replicas,
            "mediatorCount": rules.mediator_count,
            "runs": rules.runs,
            "auditBps": rules.audit_bps,
            "penaltyBps": rules.penalty_bps,
            "submitWindow": rules.submit_window,
            "judgeWindow": rules.judge_window,
            "mediationWindow": rules.mediation_window,
            "callbackGas": rules.callback_gas,
            "matchedAt": rules.matched_at,
        })),
        "terms": with_text_integers(&terms),
        "deal_id": id,
        "receipt": with_text_integers(&super::receipts::to_market(&receipt)),
        "receipt_hash": hash(&receipt),
        "receipt_stub": Address::from(stub(receipt.hash())),
        "comparable_bit_exact": hash(&receipt),
        "comparable_repeated": receipt.hash_without_fuel().to_string(),
        "commitment": { "party": party, "salt": salt, "hash": commitment },
    })
}

fn job() -> JobOffer {
    JobOffer {
        creator: Address::repeat_byte(0x21),
        jobDigest: B256::repeat_byte(0x22),
        inputHash: B256::repeat_byte(0x23),
        profile: Profile::Lilypad1.to_bytes32().into(),
        verification: Verification::Repeated as u8,
        meter: Meter::GpuNanoseconds as u8,
        replicas: 7,
        fuelLimit: u64::MAX,
        memoryBytesMax: 1 << 30,
        diskBytesMax: 1 << 31,
        cores: 16,
        gpus: 2,
        gpuMemoryMib: 81_920,
        pricePerGigafuelMax: u128::MAX,
        solverFee: 1,
        panel: B256::repeat_byte(0x24),
        mediatorCount: 3,
        runs: 5,
        mediatorFee: 2,
        availabilityFee: 3,
        penaltyBps: u32::MAX,
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
    }
}

fn resource() -> ResourceOffer {
    ResourceOffer {
        provider: Address::repeat_byte(0x31),
        profile: Profile::Lilypad1.to_bytes32().into(),
        meter: Meter::CoreNanoseconds as u8,
        fuelLimitMax: 1 << 60,
        memoryBytesMax: 1 << 32,
        diskBytesMax: 1 << 33,
        cores: 64,
        gpus: 8,
        gpuMemoryMib: 1,
        pricePerGigafuel: 5,
        collateralMax: u128::MAX - 1,
        panel: B256::repeat_byte(0x32),
        mediatorFeeMin: 6,
        availabilityFeeMax: 7,
        submitWindowMin: 10,
        judgeWindowMax: 11,
        mediationWindowMin: 12,
        slots: u32::MAX,
        solver: Address::ZERO,
        nonce: u64::MAX,
        expiry: 2_000_000_001,
        gateway: String::new(),
    }
}

fn rules() -> Rules {
    Rules {
        verification: Verification::Repeated,
        meter: Meter::GpuNanoseconds,
        replicas: 7,
        mediator_count: 5,
        runs: 3,
        audit_bps: 9_999,
        penalty_bps: 0x0102_0304,
        submit_window: 2_592_000,
        judge_window: 2_591_999,
        mediation_window: 2_591_998,
        callback_gas: 0x0506_0708,
        matched_at: 0xff_ffff_fffe,
    }
}

fn terms() -> DealTerms {
    DealTerms {
        jobOfferHash: B256::repeat_byte(0x41),
        resourceOfferHash: B256::repeat_byte(0x42),
        creator: Address::repeat_byte(0x43),
        provider: Address::repeat_byte(0x44),
        solver: Address::repeat_byte(0x45),
        jobDigest: B256::repeat_byte(0x46),
        inputHash: B256::repeat_byte(0x47),
        profile: Profile::Lilypad1.to_bytes32().into(),
        panel: B256::repeat_byte(0x48),
        rules: rules().pack(),
        fuelLimit: u64::MAX - 1,
        pricePerGigafuel: u128::MAX - 2,
        solverFee: 1,
        mediatorFee: 2,
        availabilityFee: 3,
    }
}

fn receipt() -> Receipt {
    Receipt {
        job_digest: BlobDigest([0x51; 32]),
        profile: Profile::Lilypad1.to_bytes32(),
        status: 1,
        trap_kind: 7,
        exit_code: 0,
        fuel_used: 123_456_789,
        outputs_digest: BlobDigest([0x52; 32]),
        journal_hash: [0x53; 32],
    }
}
