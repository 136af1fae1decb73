//! Randomness that every machine computes alike: one BLAKE3 stream per job, read from the front.
//!
//! The stream is a function of the job's digest and its seed. No entropy of the host ever enters.

use super::{
    Call, World,
    fuel::{self, Stop},
};
use lilypad_abi::BlobDigest;

/// Separates this use of BLAKE3 from every other.
const CONTEXT: &str = "lilypad-1 random_get stream: job digest, seed";

/// What is left of the stream.
#[derive(Debug)]
pub(super) struct Random(blake3::OutputReader);

impl Random {
    pub(super) fn new(job_digest: BlobDigest, seed: BlobDigest) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&job_digest.0).update(&seed.0);
        Self(hasher.finalize_xof())
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl World {
    pub(super) fn random_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (address, len) = (call.u32(0), call.u32(1));
        call.memory.range(address, len)?;
        call.meter.charge_each(u64::from(len), fuel::BYTE_RANDOM)?;
        self.random.fill(call.memory.bytes_mut(address, len)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(job: u8, seed: u8, sizes: &[usize]) -> Vec<u8> {
        let mut random = Random::new(BlobDigest([job; 32]), BlobDigest([seed; 32]));
        let mut out = Vec::new();
        for size in sizes {
            let mut part = vec![0; *size];
            random.fill(&mut part);
            out.extend(part);
        }
        out
    }

    #[test]
    fn the_stream_does_not_depend_on_how_it_is_read() {
        assert_eq!(stream(1, 2, &[100]), stream(1, 2, &[1, 63, 0, 36]));
    }

    #[test]
    fn the_stream_never_changes() {
        // Any BLAKE3 tool gives the same: derive a key with CONTEXT, input 32 bytes of 1, then 32 of 2.
        let expected = "0cd4df1d051ccb57df957cbd73dbc82e";
        let text: String = stream(1, 2, &[16]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn job_and_seed_each_make_another_stream() {
        assert_ne!(stream(1, 2, &[32]), stream(1, 3, &[32]));
        assert_ne!(stream(1, 2, &[32]), stream(2, 2, &[32]));
        assert_ne!(stream(1, 2, &[32]), stream(2, 1, &[32]));
    }
}
