//! The seal behind compiled code in its file: what tells whole code from damaged, cut and foreign.
//!
//! ```text
//! code (an ELF image, mapped as it is) | "lilycode" | length of the code, 8 bytes | digest, 32 bytes
//! ```
//!
//! The digest is keyed with the code's key, so that one module's code is no other's, whatever the file's name says.

use super::CodeKey;
use std::io::{self, Read};

const MAGIC: &[u8; 8] = b"lilycode";

/// Bytes of a seal.
pub const SEAL_BYTES: usize = 8 + 8 + 32;

/// Bytes read and hashed at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// The seal to be written behind `code`.
#[must_use]
pub fn seal(key: &CodeKey, code: &[u8]) -> [u8; SEAL_BYTES] {
    finish(code.len() as u64, blake3::keyed_hash(key.as_bytes(), code))
}

fn finish(length: u64, digest: blake3::Hash) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    seal[..8].copy_from_slice(MAGIC);
    seal[8..16].copy_from_slice(&length.to_le_bytes());
    seal[16..].copy_from_slice(digest.as_bytes());
    seal
}

/// Reads a file of `bytes` bytes; gives the length of its code when the seal is that of this key and this code.
///
/// # Errors
/// What reading gives; a file that ends early is not sealed, not an error.
pub fn sealed_bytes(key: &CodeKey, from: &mut impl Read, bytes: u64) -> io::Result<Option<u64>> {
    let Some(length) = bytes.checked_sub(SEAL_BYTES as u64) else { return Ok(None) };
    let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut code = from.by_ref().take(length);
    loop {
        match code.read(&mut chunk)? {
            0 => break,
            count => hasher.update(&chunk[..count]),
        };
    }
    if code.limit() > 0 {
        return Ok(None);
    }
    let mut found = Vec::with_capacity(SEAL_BYTES + 1);
    from.take(SEAL_BYTES as u64 + 1).read_to_end(&mut found)?;
    Ok((found == finish(length, hasher.finalize())).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: CodeKey = CodeKey([7; 32]);

    fn file(code: &[u8]) -> Vec<u8> {
        [code, &seal(&KEY, code)].concat()
    }

    fn check(file: &[u8]) -> Option<u64> {
        sealed_bytes(&KEY, &mut &*file, file.len() as u64).unwrap()
    }

    #[test]
    fn whole_code_is_whole_for_its_key_alone() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5] {
            let file = file(&vec![3; length]);
            assert_eq!(check(&file), Some(length as u64));
            let other = CodeKey([8; 32]);
            assert_eq!(sealed_bytes(&other, &mut &*file, file.len() as u64).unwrap(), None);
            assert_eq!(sealed_bytes(&KEY, &mut &*file, file.len() as u64 + 1).unwrap(), None);
        }
    }

    proptest! {
        #[test]
        fn damage_is_noticed(
            code in prop::collection::vec(any::<u8>(), 0..400),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let whole = file(&code);
            let at = at.index(whole.len());
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            prop_assert_eq!(check(&flipped), None);
            prop_assert_eq!(check(&whole[..at]), None);
            prop_assert_eq!(check(&[&whole[..], &[0]].concat()), None);
        }
    }
}
