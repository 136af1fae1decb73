//! Canonical DAG-CBOR: one value, one byte string.
//!
//! Decoding accepts nothing but the bytes that encoding would give, because the digest of those bytes is
//! an identity on chain: a second spelling of the same job would be a second job.

use alloc::{string::String, string::ToString, vec::Vec};
use serde::{Serialize, de::DeserializeOwned};

/// Why bytes are not a canonical DAG-CBOR value of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A value that DAG-CBOR has no form for.
    #[error("value can't be encoded as DAG-CBOR: {0}")]
    Encode(String),
    /// Not DAG-CBOR, or not of the expected shape.
    #[error("not a valid DAG-CBOR value of this type: {0}")]
    Decode(String),
    /// The right value in a spelling that is not the canonical one.
    #[error("not in canonical form: the same value encodes to other bytes")]
    NotCanonical,
}

/// The canonical bytes of a value.
///
/// # Errors
/// [`CodecError::Encode`] for values outside DAG-CBOR's data model.
pub fn encode_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    serde_ipld_dagcbor::to_vec(value).map_err(|e| CodecError::Encode(e.to_string()))
}

/// The value behind canonical bytes.
///
/// # Errors
/// [`CodecError::Decode`] or [`CodecError::NotCanonical`].
pub fn decode_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let value: T = serde_ipld_dagcbor::from_slice(bytes).map_err(|e| CodecError::Decode(e.to_string()))?;
    if encode_canonical(&value)? == bytes { Ok(value) } else { Err(CodecError::NotCanonical) }
}
