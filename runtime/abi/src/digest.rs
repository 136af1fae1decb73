//! Digests and CIDs as types: a BLAKE3 digest of content can't be taken for a keccak256 of a receipt.

use alloc::{format, string::String, string::ToString};
use core::{fmt, str::FromStr};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha3::{Digest as _, Keccak256};

/// Multicodec of BLAKE3 in a multihash (multiformats table).
const MULTIHASH_BLAKE3: u64 = 0x1e;

/// keccak256, as the EVM computes it.
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The first four bytes in hex, for logs.
            #[must_use]
            pub fn short(&self) -> String {
                hex(&self.0[..4])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = CidError;

            fn from_str(text: &str) -> Result<Self, CidError> {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                unhex32(digits).map(Self).ok_or_else(|| CidError::Digest(text.to_string()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { s.serialize_bytes(&self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    String::deserialize(d)?.parse().map_err(D::Error::custom)
                } else {
                    let bytes = serde_bytes::ByteArray::<32>::deserialize(d)?;
                    Ok(Self(bytes.into_array()))
                }
            }
        }
    };
}

digest_type! {
    /// BLAKE3-256 of content: of a block, a module, a JobSpec.
    BlobDigest
}

digest_type! {
    /// keccak256 of a receipt's Solidity ABI encoding: what the contract compares.
    ReceiptHash
}

impl BlobDigest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

/// How the bytes behind a [`Cid`] are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Bytes as they are: a UnixFS leaf.
    Raw,
    /// A UnixFS file with several chunks, or a folder.
    DagPb,
    /// A JobSpec or an Outcome.
    DagCbor,
}

impl Codec {
    const fn code(self) -> u64 {
        match self {
            Self::Raw => 0x55,
            Self::DagPb => 0x70,
            Self::DagCbor => 0x71,
        }
    }
}

/// A CIDv1 with a BLAKE3-256 multihash: the only kind of content address in this project.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    /// How to read the bytes.
    pub codec: Codec,
    /// What the bytes hash to.
    pub digest: BlobDigest,
}

/// Why a text is not one of our CIDs or digests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidError {
    /// Not a CID at all.
    #[error("'{0}' is not a CID: expected a CIDv1 such as bafkr4i…")]
    Syntax(String),
    /// A CID of a kind that this project doesn't use.
    #[error(
        "CID '{0}' is not a CIDv1 with BLAKE3-256; re-add the content with `ipfs add --cid-version=1 --hash=blake3`"
    )]
    Kind(String),
    /// Not 32 bytes of hex.
    #[error("'{0}' is not a digest: expected 64 hex digits")]
    Digest(String),
}

impl Cid {
    /// The address of `bytes` read as `codec`.
    #[must_use]
    pub fn of(codec: Codec, bytes: &[u8]) -> Self {
        Self { codec, digest: BlobDigest::of(bytes) }
    }

    /// The address of a DAG-CBOR block whose digest is known from the chain.
    #[must_use]
    pub const fn dag_cbor(digest: BlobDigest) -> Self {
        Self { codec: Codec::DagCbor, digest }
    }

    /// Binary form, as dag-pb links hold it: version, codec, multihash.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 36] {
        let mut out = [0; 36];
        // Each of the four prefix numbers is below 128 and so its own one-byte varint.
        out[0] = 1;
        out[1] = match self.codec {
            Codec::Raw => 0x55,
            Codec::DagPb => 0x70,
            Codec::DagCbor => 0x71,
        };
        out[2] = 0x1e;
        out[3] = 32;
        out[4..].copy_from_slice(&self.digest.0);
        out
    }

    /// The inverse of [`Cid::to_bytes`].
    ///
    /// # Errors
    /// [`CidError`] for anything else, what follows a CID included: two spellings would be two identities.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        let inner = ipld_core::cid::Cid::try_from(bytes).map_err(|_| CidError::Syntax(hex(bytes)))?;
        let cid = Self::from_ipld(&inner).ok_or_else(|| CidError::Kind(inner.to_string()))?;
        // The library stops reading where the CID ends.
        if cid.to_bytes() == bytes { Ok(cid) } else { Err(CidError::Syntax(hex(bytes))) }
    }

    fn from_ipld(cid: &ipld_core::cid::Cid) -> Option<Self> {
        let codec = match cid.codec() {
            0x55 => Codec::Raw,
            0x70 => Codec::DagPb,
            0x71 => Codec::DagCbor,
            _ => return None,
        };
        let digest: [u8; 32] = cid.hash().digest().try_into().ok()?;
        let known = cid.version() == ipld_core::cid::Version::V1 && cid.hash().code() == MULTIHASH_BLAKE3;
        known.then_some(Self { codec, digest: BlobDigest(digest) })
    }

    fn to_ipld(self) -> ipld_core::cid::Cid {
        let hash = ipld_core::cid::multihash::Multihash::wrap(MULTIHASH_BLAKE3, &self.digest.0)
            .expect("32 bytes fit a 64 byte multihash");
        ipld_core::cid::Cid::new_v1(self.codec.code(), hash)
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_ipld())
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cid({self})")
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        let inner = ipld_core::cid::Cid::from_str(text).map_err(|_| CidError::Syntax(text.to_string()))?;
        // One spelling only: a CID is compared as text in URLs and file names.
        match Self::from_ipld(&inner) {
            Some(cid) if format!("{cid}") == text => Ok(cid),
            _ => Err(CidError::Kind(text.to_string())),
        }
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { self.to_ipld().serialize(s) }
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(D::Error::custom)
        } else {
            let inner = ipld_core::cid::Cid::deserialize(d)?;
            Self::from_ipld(&inner).ok_or_else(|| D::Error::custom(CidError::Kind(inner.to_string())))
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

fn unhex32(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut out = [0; 32];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_round_trip() {
        for codec in [Codec::Raw, Codec::DagPb, Codec::DagCbor] {
            let cid = Cid::of(codec, b"abc");
            assert_eq!(cid.to_string().parse::<Cid>().unwrap(), cid);
            assert_eq!(Cid::from_bytes(&cid.to_bytes()).unwrap(), cid);
        }
    }

    #[test]
    fn what_follows_a_cid_is_refused() {
        let mut bytes = Cid::of(Codec::DagCbor, b"abc").to_bytes().to_vec();
        bytes.push(0);
        assert!(matches!(Cid::from_bytes(&bytes), Err(CidError::Syntax(_))));
    }

    #[test]
    fn other_hashes_and_spellings_are_refused() {
        // sha2-256 of the empty string, CIDv1 raw.
        let sha = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
        assert!(matches!(sha.parse::<Cid>(), Err(CidError::Kind(_))));
        let upper = Cid::of(Codec::Raw, b"x").to_string().to_uppercase();
        assert!(upper.parse::<Cid>().is_err());
        assert!("nonsense".parse::<Cid>().is_err());
    }

    #[test]
    fn digest_text_round_trips() {
        let digest = BlobDigest::of(b"abc");
        assert_eq!(digest.to_string().parse::<BlobDigest>().unwrap(), digest);
        assert!("0x12".parse::<BlobDigest>().is_err());
    }
}
