//! What guest, host, contract and mediators agree on, described once: jobs, outcomes, receipts, digests.
//!
//! Pure data and encodings: nothing here runs a job or touches a disk, a clock, a network or a chain.
//! A guest depends on this crate without the `codec` feature and gets the names in [`guest`] only.
#![no_std]
extern crate alloc;

pub mod guest;

#[cfg(feature = "codec")]
mod codec;
#[cfg(feature = "codec")]
mod container;
#[cfg(feature = "codec")]
mod digest;
#[cfg(feature = "codec")]
mod job;
#[cfg(feature = "codec")]
mod outcome;
#[cfg(feature = "codec")]
mod receipt;

#[cfg(feature = "codec")]
pub use self::{
    codec::{CodecError, decode_canonical, encode_canonical},
    container::{
        ContainerLimits, ContainerSpec, ContainerSpecError, GpuVendor, Gpus, Image, Job, JobError, Network,
        OUTPUT_BYTES_MAX, WORDS_BYTES_MAX,
    },
    digest::{BlobDigest, Cid, CidError, Codec, ReceiptHash, keccak256},
    job::{INPUT_BYTES_MAX, JobSpec, JobSpecError, Limits, Profile, mount_place},
    outcome::{Outcome, Refusal, Status, TrapKind},
    receipt::Receipt,
};
