//! Any bytes as what a stranger may send: jobs, outcomes, blocks of files and folders, addresses.
//!
//! Decoding never panics, and what is accepted encodes to the same bytes: two spellings would be two identities.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lilypad_abi::{Cid, Codec, Job, JobSpec, Outcome};
use lilypad_runtime::unixfs;

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    match first % 5 {
        0 => {
            if let Ok(job) = Job::from_block(bytes) {
                assert_eq!(job.to_block().as_deref(), Ok(bytes), "a job with two spellings");
            }
            if let Ok(spec) = JobSpec::from_block(bytes) {
                assert_eq!(spec.to_block().as_deref(), Ok(bytes), "a job with two spellings");
                assert_eq!(spec.validate(), Ok(()), "a job was accepted that is none");
                let json = through_text(&spec);
                assert_eq!(json, spec, "a job that is another one in text");
            }
        }
        1 => {
            if let Ok(outcome) = Outcome::from_block(bytes) {
                assert_eq!(outcome.to_block().as_deref(), Ok(bytes), "an outcome with two spellings");
                let receipt = outcome.receipt();
                assert_eq!(receipt.abi_encode()[..32], outcome.job.digest.0, "a receipt of another job");
                assert_eq!(receipt.hash(), outcome.receipt().hash());
            }
        }
        2 => {
            let cid = Cid::of(Codec::DagPb, bytes);
            drop(unixfs::decode(cid, bytes));
        }
        3 => {
            let cid = Cid::of(Codec::Raw, bytes);
            drop(unixfs::decode(cid, bytes));
            // A file of these bytes reads back as these bytes: every block decodes.
            let mut blocks = Vec::new();
            unixfs::encode_file(bytes, &mut |cid, block| blocks.push((cid, block)));
            for (cid, block) in blocks {
                unixfs::decode(cid, &block).unwrap_or_else(|error| panic!("our own block: {error}"));
            }
        }
        _ => {
            if let Ok(cid) = Cid::from_bytes(bytes) {
                assert_eq!(cid.to_bytes(), bytes, "an address with two spellings");
            }
            if let Ok(text) = std::str::from_utf8(bytes)
                && let Ok(cid) = text.parse::<Cid>()
            {
                assert_eq!(cid.to_string().parse(), Ok(cid), "an address that doesn't read back");
            }
        }
    }
});

fn through_text(spec: &JobSpec) -> JobSpec {
    let text = serde_json::to_string(spec).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"))
}
