//! The fixed-size record of an Outcome, encoded as Solidity's `abi.encode` does, because a contract must
//! recompute its hash. The vectors in `tests/vectors/receipt.json` hold both sides to it.

use crate::{BlobDigest, ReceiptHash, keccak256};
use serde::{Deserialize, Serialize};

/// [`Receipt::status`] of a mediator whose runs differ: the contract's `STATUS_VARIED`.
const STATUS_VARIED: u8 = 4;

/// The record of an Outcome: eight words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Digest of the effective JobSpec.
    pub job_digest: BlobDigest,
    /// The profile's name, ASCII, left-aligned.
    pub profile: [u8; 32],
    /// 0 exited, 1 trapped, 2 out of fuel, 3 refused; 4, from mediators only, says that their runs differ.
    pub status: u8,
    /// [`crate::TrapKind`] when trapped, otherwise 0.
    pub trap_kind: u8,
    /// The guest's exit code when exited, otherwise 0.
    pub exit_code: u32,
    /// Fuel used.
    pub fuel_used: u64,
    /// Digest of the output folder's root block.
    pub outputs_digest: BlobDigest,
    /// keccak256 of the journal.
    pub journal_hash: [u8; 32],
}

impl Receipt {
    /// `abi.encode(receipt)`: every field is static, so the struct is its words in order.
    #[must_use]
    pub fn abi_encode(&self) -> [u8; 256] {
        let mut out = [0; 256];
        let mut put = |word: usize, bytes: &[u8]| {
            let end = (word + 1) * 32;
            out[end - bytes.len()..end].copy_from_slice(bytes);
        };
        put(0, &self.job_digest.0);
        put(1, &self.profile);
        put(2, &[self.status]);
        put(3, &[self.trap_kind]);
        put(4, &self.exit_code.to_be_bytes());
        put(5, &self.fuel_used.to_be_bytes());
        put(6, &self.outputs_digest.0);
        put(7, &self.journal_hash);
        out
    }

    /// What the contract stores and compares.
    #[must_use]
    pub fn hash(&self) -> ReceiptHash {
        ReceiptHash(keccak256(&self.abi_encode()))
    }

    /// What a mediator shows instead of a receipt when its own runs of a job gave several.
    #[must_use]
    pub fn varied(&self) -> Self {
        Self {
            job_digest: self.job_digest,
            profile: self.profile,
            status: STATUS_VARIED,
            trap_kind: 0,
            exit_code: 0,
            fuel_used: 0,
            outputs_digest: BlobDigest::default(),
            journal_hash: [0; 32],
        }
    }

    /// What the contract compares where fuel is time, which is never the same twice: the rest.
    #[must_use]
    pub fn hash_without_fuel(&self) -> ReceiptHash {
        Self { fuel_used: 0, ..*self }.hash()
    }
}
