//! What happened to a job, as a value that every honest machine computes alike and signs.
//!
//! A host's own faults (no memory, a kill, a wall-clock limit) are errors elsewhere and never stand here.

use crate::{Cid, Codec, CodecError, Profile, Receipt, decode_canonical, encode_canonical, keccak256};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Why a guest was stopped by a trap. The numbers stand in receipts and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TrapKind {
    /// The `unreachable` instruction: a panic or an abort in most languages.
    Unreachable = 1,
    /// A load or store outside linear memory.
    MemoryOutOfBounds = 2,
    /// A table access outside the table.
    TableOutOfBounds = 3,
    /// An indirect call through an empty table slot.
    IndirectCallToNull = 4,
    /// An indirect call to a function of another type.
    BadSignature = 5,
    /// An integer division whose result doesn't fit.
    IntegerOverflow = 6,
    /// An integer division by zero.
    IntegerDivisionByZero = 7,
    /// A float that has no integer value, converted to one.
    BadConversionToInteger = 8,
    /// The counted stack height went over the profile's limit.
    StackExhausted = 9,
    /// A host function was called in a way that the profile answers with a trap.
    HostCall = 10,
}

/// Why a module was not run at all. Codes, not prose: they are part of the Outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Not a valid core WebAssembly module.
    Malformed,
    /// Uses a feature that the profile doesn't accept.
    Feature,
    /// Imports something other than WASI preview 1 and our own namespace, or with another type.
    Import,
    /// Exports no `_start` of type `() -> ()`, or no memory named `memory`.
    EntryPoint,
    /// Larger than the profile allows in some dimension.
    TooLarge,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The guest returned from `_start` (0) or called `proc_exit`.
    Exited {
        /// The guest's exit code.
        code: u32,
    },
    /// The guest trapped.
    Trapped {
        /// Why.
        kind: TrapKind,
    },
    /// The guest reached its fuel limit; a container, its time limit.
    OutOfFuel,
    /// The module was not admitted.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// What a job did: status, fuel, outputs, journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The effective job.
    pub job: Cid,
    /// The rules it ran under.
    pub profile: Profile,
    /// How it ended.
    pub status: Status,
    /// Fuel used; of a container, [`crate::ContainerSpec::units`].
    pub fuel_used: u64,
    /// The output folder: `stdout`, `stderr`, `exitCode`, `outputs/…`.
    pub outputs: Cid,
    /// The bytes for a smart contract.
    #[serde(with = "bytes")]
    pub journal: Vec<u8>,
}

impl Outcome {
    /// Canonical DAG-CBOR.
    ///
    /// # Errors
    /// [`CodecError::Encode`], which doesn't happen for values of this type.
    pub fn to_block(&self) -> Result<Vec<u8>, CodecError> {
        encode_canonical(self)
    }

    /// An Outcome from a block that a stranger sent.
    ///
    /// # Errors
    /// [`CodecError`] when the block is no canonical Outcome.
    pub fn from_block(bytes: &[u8]) -> Result<Self, CodecError> {
        decode_canonical(bytes)
    }

    /// The Outcome's address.
    ///
    /// # Errors
    /// As [`Outcome::to_block`].
    pub fn cid(&self) -> Result<Cid, CodecError> {
        Ok(Cid::of(Codec::DagCbor, &self.to_block()?))
    }

    /// The record whose hash goes on chain.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        let (status, trap_kind, exit_code) = match self.status {
            Status::Exited { code } => (0, 0, code),
            Status::Trapped { kind } => (1, kind as u8, 0),
            Status::OutOfFuel => (2, 0, 0),
            Status::Refused { .. } => (3, 0, 0),
        };
        Receipt {
            job_digest: self.job.digest,
            profile: self.profile.to_bytes32(),
            status,
            trap_kind,
            exit_code,
            fuel_used: self.fuel_used,
            outputs_digest: self.outputs.digest,
            journal_hash: keccak256(&self.journal),
        }
    }
}

/// Bytes: a byte string in CBOR, hex in JSON.
mod bytes {
    use alloc::{string::String, vec::Vec};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(&format_args!("0x{}", crate::digest::hex(bytes)))
        } else {
            s.serialize_bytes(bytes)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        if !d.is_human_readable() {
            return Ok(serde_bytes::ByteBuf::deserialize(d)?.into_vec());
        }
        let text = String::deserialize(d)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text).as_bytes();
        digits
            .chunks(2)
            .map(|pair| {
                core::str::from_utf8(pair)
                    .ok()
                    .filter(|pair| pair.len() == 2)
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                    .ok_or_else(|| D::Error::custom("expected hex bytes"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: Status) -> Outcome {
        Outcome {
            job: Cid::of(Codec::DagCbor, b"job"),
            profile: Profile::Lilypad1,
            status,
            fuel_used: 42,
            outputs: Cid::of(Codec::DagPb, b"out"),
            journal: b"moo".to_vec(),
        }
    }

    #[test]
    fn every_status_round_trips_in_both_encodings() {
        for status in [
            Status::Exited { code: 3 },
            Status::Trapped { kind: TrapKind::StackExhausted },
            Status::OutOfFuel,
            Status::Refused { reason: Refusal::Import },
        ] {
            let value = outcome(status);
            assert_eq!(Outcome::from_block(&value.to_block().unwrap()).unwrap(), value);
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), value);
        }
    }

    #[test]
    fn receipts_differ_by_status_alone() {
        let hashes = [
            Status::Exited { code: 0 },
            Status::Exited { code: 1 },
            Status::Trapped { kind: TrapKind::Unreachable },
            Status::Trapped { kind: TrapKind::HostCall },
            Status::OutOfFuel,
            Status::Refused { reason: Refusal::Feature },
        ]
        .map(|status| outcome(status).receipt().hash());
        for (i, a) in hashes.iter().enumerate() {
            assert!(hashes[i + 1..].iter().all(|b| a != b));
        }
    }
}
