//! A tiny job with a known Outcome: whoever gets another one must not serve the market.

use lilypad_abi::{BlobDigest, JobSpec, Limits, Profile};
use lilypad_runtime::{ResolvedJob, unixfs};
use std::collections::BTreeMap;

/// The module: `trial.wat`, assembled.
const MODULE: &[u8] = include_bytes!("trial.wasm");

/// Hash of the receipt that every machine gets for [`trial_job`].
pub const TRIAL_RECEIPT: &str = "0x99aeeca3f1b61d0ddcf941d83b62eb8bf897dfa13b7399cc842ac703c7a74fca";

/// The job.
#[must_use]
pub fn trial_job() -> ResolvedJob {
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: unixfs::file_cid(MODULE),
        args: vec!["trial".into()],
        env: BTreeMap::new(),
        inputs: BTreeMap::new(),
        stdin: None,
        limits: Limits {
            fuel_limit: 1_000_000,
            memory_bytes_max: 1 << 20,
            output_bytes_max: 1 << 20,
            output_files_max: 16,
            ..Limits::default()
        },
        seed: BlobDigest([42; 32]),
        clock_epoch_ns: 1_000_000_000,
    };
    ResolvedJob { spec, module: MODULE.to_vec(), inputs: BTreeMap::new(), stdin: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_abi::Status;
    use lilypad_runtime::{Runtime, RuntimeOptions};

    #[test]
    fn the_module_is_its_text() {
        let assembled = wat::parse_str(include_str!("trial.wat")).unwrap();
        if std::env::var_os("LILYPAD_WRITE_TRIAL").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/exec/trial.wasm"), &assembled).unwrap();
        }
        assert!(assembled == MODULE, "run this test once with LILYPAD_WRITE_TRIAL=1");
    }

    #[test]
    fn the_runtime_gives_the_known_outcome() {
        for optimize in [true, false] {
            let outcome = Runtime::new(RuntimeOptions { optimize, ..Default::default() })
                .unwrap()
                .run(&trial_job())
                .unwrap()
                .outcome;
            assert_eq!(outcome.status, Status::Exited { code: 42 });
            assert_eq!(
                outcome.receipt().hash().to_string(),
                TRIAL_RECEIPT,
                "whoever changes the profile changes this"
            );
        }
    }
}
