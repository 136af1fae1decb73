//! Compiled code on its way to a disk and back: under what name it is kept, and how damage is noticed.
//!
//! Nothing here touches a disk. A seal shows that code is whole and was made for this key; it can't show who made
//! it. Whoever keeps code must keep it where only they can write.

mod seal;

pub use self::seal::{SEAL_BYTES, seal, sealed_bytes};

use crate::{code::Rewrite, engine::Runtime, metering::COST_TABLE_VERSION};
use lilypad_abi::Profile;
use std::{fmt, hash::Hash as _};

/// Everything that native code depends on, as one digest: the module's bytes, the rewrite, the rules, the engine
/// with its settings, and the CPU.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeKey([u8; 32]);

impl CodeKey {
    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In hexadecimal, as a file's name.
impl fmt::Display for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeKey({self})")
    }
}

/// Lets the engine describe itself to a digest.
struct Describe<'a>(&'a mut blake3::Hasher);

impl std::hash::Hasher for Describe<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Never asked: the digest is taken from the hasher within.
    fn finish(&self) -> u64 {
        0
    }
}

impl Runtime {
    /// The key of a module's native code: two keys are equal only where the code may be shared.
    ///
    /// Takes the module's bytes rather than its address, so that code can't be kept under another module's name.
    #[must_use]
    pub fn code_key(&self, wasm: &[u8], rewrite: Rewrite) -> CodeKey {
        let mut hasher = blake3::Hasher::new_derive_key("lilypad compiled code 1");
        hasher.update(blake3::hash(wasm).as_bytes());
        hasher.update(&Profile::Lilypad1.to_bytes32());
        hasher.update(&COST_TABLE_VERSION.to_le_bytes());
        // Sources of the rules and of the rewrite, and versions of all that they use.
        hasher.update(env!("LILYPAD_RUNTIME_FINGERPRINT").as_bytes());
        hasher.update(match rewrite {
            Rewrite::Fast => b"fast",
            Rewrite::Exact => b"exact",
            Rewrite::Profiled => b"profiled",
        });
        // The engine's version, its settings, the target and the CPU's features.
        self.engine.precompile_compatibility_hash().hash(&mut Describe(&mut hasher));
        CodeKey(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuntimeOptions;

    #[test]
    fn keys_differ_in_everything_that_code_depends_on() {
        let [one, same, slow] = [true, true, false]
            .map(|optimize| Runtime::new(RuntimeOptions { optimize, ..Default::default() }).unwrap());
        let key = one.code_key(b"module", Rewrite::Fast);
        assert_eq!(key, same.code_key(b"module", Rewrite::Fast));
        assert_ne!(key, one.code_key(b"module", Rewrite::Exact));
        assert_ne!(key, one.code_key(b"another", Rewrite::Fast));
        assert_ne!(key, slow.code_key(b"module", Rewrite::Fast));
        assert_eq!(key.to_string().len(), 64);
    }
}
