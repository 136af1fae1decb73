//! Keys: from the environment or an encrypted keystore file, never from a config file, never in a log.

use super::PrivateKeySigner;
use alloy::signers::local::{LocalSigner, MnemonicBuilder, coins_bip39::English};
use std::{env, fmt, path::PathBuf};

/// The mnemonic that anvil and hardhat fund on every fresh chain: public, worthless, for devnets only.
const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Environment variable with a hex private key.
pub const PRIVATE_KEY_VARIABLE: &str = "LILYPAD_PRIVATE_KEY";

/// A party's signing key.
#[derive(Clone)]
pub struct Key(pub(super) PrivateKeySigner);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.address())
    }
}

/// Why no key could be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes of hex.
    #[error("LILYPAD_PRIVATE_KEY is not a private key: expected 64 hex digits")]
    Hex,
    /// The file can't be decrypted.
    #[error("keystore {0} can't be opened; check the path and LILYPAD_KEYSTORE_PASSWORD")]
    Keystore(PathBuf, #[source] alloy::signers::local::LocalSignerError),
    /// The well-known mnemonic gave no key.
    #[error("can't derive the devnet's key number {0}")]
    Dev(u32, #[source] alloy::signers::local::LocalSignerError),
}

impl Key {
    /// The key in the environment: `LILYPAD_PRIVATE_KEY`, or `LILYPAD_KEYSTORE` with `LILYPAD_KEYSTORE_PASSWORD`.
    ///
    /// # Errors
    /// When a variable is set and its key can't be read.
    pub fn from_env() -> Result<Option<Self>, KeyError> {
        if let Ok(text) = env::var(PRIVATE_KEY_VARIABLE) {
            return text.trim().parse().map(|key| Some(Self(key))).map_err(|_| KeyError::Hex);
        }
        let Some(path) = env::var_os("LILYPAD_KEYSTORE").map(PathBuf::from) else { return Ok(None) };
        let password = env::var("LILYPAD_KEYSTORE_PASSWORD").unwrap_or_default();
        LocalSigner::decrypt_keystore(&path, password)
            .map(|key| Some(Self(key)))
            .map_err(|error| KeyError::Keystore(path, error))
    }

    /// Account `index` of the public development mnemonic; never fund it on a real network.
    ///
    /// # Errors
    /// When derivation fails, which it doesn't for small numbers.
    pub fn dev(index: u32) -> Result<Self, KeyError> {
        MnemonicBuilder::<English>::default()
            .phrase(DEV_MNEMONIC)
            .index(index)
            .and_then(|builder| builder.build())
            .map(Self)
            .map_err(|error| KeyError::Dev(index, error))
    }

    /// The account.
    #[must_use]
    pub fn address(&self) -> super::Address {
        self.0.address()
    }

    /// The key in hex, to hand to a child process's environment.
    #[must_use]
    pub fn to_hex(&self) -> String {
        format!("{}", self.0.to_bytes())
    }
}
