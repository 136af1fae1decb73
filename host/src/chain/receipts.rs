//! Receipts as the contracts take them, and the commitments to them.

use super::{Address, B256, LilypadMarket, LilypadMediation};
use crate::deal::ReceiptStub;
use alloy::{primitives::keccak256, sol_types::SolValue as _};
use lilypad_abi::{BlobDigest, Receipt, ReceiptHash};

/// The receipt as the market takes it.
pub(super) fn to_market(receipt: &Receipt) -> LilypadMarket::Receipt {
    LilypadMarket::Receipt {
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

/// The receipt as the mediation contract takes it: the same, in another generated type.
pub(super) fn to_mediation(receipt: &Receipt) -> LilypadMediation::Receipt {
    LilypadMediation::Receipt {
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

/// The receipt from the market's event.
pub(super) fn from_market(receipt: &LilypadMarket::Receipt) -> Receipt {
    Receipt {
        job_digest: BlobDigest(receipt.jobDigest.0),
        profile: receipt.profile.0,
        status: receipt.status,
        trap_kind: receipt.trapKind,
        exit_code: receipt.exitCode,
        fuel_used: receipt.fuelUsed,
        outputs_digest: BlobDigest(receipt.outputsDigest.0),
        journal_hash: receipt.journalHash.0,
    }
}

/// A commitment to a receipt by one party in one deal: nobody else can open a copy of it.
#[must_use]
pub fn commitment(deal: B256, party: Address, receipt: &Receipt, salt: B256) -> B256 {
    keccak256((deal, party, B256::from(receipt.hash().0), salt).abi_encode())
}

/// What the market keeps of a receipt's hash, or of a commitment: the first 20 bytes.
#[must_use]
pub fn stub(hash: ReceiptHash) -> ReceiptStub {
    let mut stub = [0; 20];
    stub.copy_from_slice(&hash.0[..20]);
    stub
}
