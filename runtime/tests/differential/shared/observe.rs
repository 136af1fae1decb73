//! What is looked at beside the Outcome, where a guest returned: its memory, and the globals it exports.
//!
//! After a trap nothing is: a store that is partly out of bounds may or may not have written its part.

use sha3::{Digest, Sha3_256};

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A digest that Node's and Python's own libraries have too.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha3_256::digest(bytes))
}

/// What a guest left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Of all of its memory.
    pub(crate) memory: String,
    /// Exported mutable globals of the guest's by name, as bits.
    pub(crate) globals: Vec<(String, u128)>,
}
