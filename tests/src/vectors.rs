//! Golden vectors: the same JSON is read here and by Foundry, so that Rust and Solidity hash alike.
//!
//! `LILYPAD_WRITE_VECTORS=1 cargo test -p lilypad-tests vectors` rewrites the files; review the change before committing.

use crate::market::root;
use lilypad_abi::{BlobDigest, Receipt};
use lilypad_host::chain::vectors::{deal_vectors, offer_vectors};
use serde_json::Value;
use std::fs;

fn check(name: &str, fresh: &Value) {
    let path = root().join("tests/vectors").join(name);
    if std::env::var_os("LILYPAD_WRITE_VECTORS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(fresh).unwrap() + "\n").unwrap();
    }
    let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(&kept, fresh, "{} differs from what the code gives", path.display());
}

fn bytes32(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap().try_into().unwrap()
}

/// Written by `contracts/script/vectors` with an encoder that is neither ours nor the compiler's.
#[test]
fn receipts() {
    let text = fs::read_to_string(root().join("tests/vectors/receipt.json")).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    let cases = kept["receipts"].as_array().unwrap();
    assert!(cases.len() >= 5);
    for case in cases {
        let number = |key: &str| case[key].as_u64().unwrap();
        let receipt = Receipt {
            job_digest: BlobDigest(bytes32(&case["job_digest"])),
            profile: bytes32(&case["profile"]),
            status: number("status").try_into().unwrap(),
            trap_kind: number("trap_kind").try_into().unwrap(),
            exit_code: number("exit_code").try_into().unwrap(),
            fuel_used: case["fuel_used"].as_str().unwrap().parse().unwrap(),
            outputs_digest: BlobDigest(bytes32(&case["outputs_digest"])),
            journal_hash: bytes32(&case["journal_hash"]),
        };
        let encoding = format!("0x{}", hex::encode(receipt.abi_encode()));
        assert_eq!(encoding, case["abi_encoding"].as_str().unwrap(), "{}", case["name"]);
        assert_eq!(receipt.hash().to_string(), case["hash"].as_str().unwrap(), "{}", case["name"]);
    }
}

#[test]
fn offers() {
    let comment = "Both offers, their EIP-712 struct hashes and signing digests in the given domain. Written by Rust (alloy), read by Rust and Foundry. Integers are decimal strings.";
    let mut fresh = offer_vectors();
    fresh["_comment"] = comment.into();
    check("offers.json", &fresh);
}

#[test]
fn deals() {
    let comment = "A deal's rules one by one, its terms with them packed, and its id; a receipt, what the market keeps of its hash, and the hash that mediation compares in each class of verification; a party's commitment to that receipt in that deal. Written by Rust, read by Rust and Foundry. Integers are decimal strings, the packed rules are hex.";
    let mut fresh = deal_vectors();
    fresh["_comment"] = comment.into();
    check("deals.json", &fresh);
}
