//! Where the guest meets its host: two imports on WASI, a stand-in from [`crate::testing`] elsewhere.
//!
//! The only unsafe code of the crate. Nothing here decides anything.

#[cfg(not(target_os = "wasi"))]
pub(crate) use crate::testing::{dir, journal_write, random_fill};

#[cfg(target_os = "wasi")]
pub(crate) use self::host::{dir, journal_write, random_fill};

#[cfg(target_os = "wasi")]
mod host {
    #![expect(
        unsafe_code,
        reason = "imports of the host are foreign functions that take an address and a length"
    )]

    use std::path::PathBuf;

    // The names are literals because attributes take no constants; a test compares them with the ABI's.
    #[link(wasm_import_module = "lilypad_1")]
    unsafe extern "C" {
        #[link_name = "journal_write"]
        fn host_journal_write(address: *const u8, bytes_len: usize) -> i32;
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        #[link_name = "random_get"]
        fn host_random_get(address: *mut u8, bytes_len: usize) -> i32;
    }

    pub(crate) fn journal_write(bytes: &[u8]) -> i32 {
        // SAFETY: the host only reads this range during the call, and the slice keeps it alive.
        unsafe { host_journal_write(bytes.as_ptr(), bytes.len()) }
    }

    pub(crate) fn random_fill(bytes: &mut [u8]) {
        // SAFETY: the host only writes this range during the call, and any byte is a valid u8.
        let errno = unsafe { host_random_get(bytes.as_mut_ptr(), bytes.len()) };
        // The profile defines random_get for every valid range, so another answer is not the job's to handle.
        assert_eq!(errno, 0, "random_get failed on a range of our own");
    }

    pub(crate) fn dir(guest_path: &'static str) -> PathBuf {
        PathBuf::from(guest_path)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_import_is_spelled_as_in_the_abi() {
        let source = include_str!("sys.rs");
        let namespace = format!("#[link(wasm_import_module = \"{}\")]", lilypad_abi::guest::NAMESPACE);
        let function = format!("#[link_name = \"{}\"]", lilypad_abi::guest::JOURNAL_WRITE);
        assert!(source.contains(&namespace), "{namespace} is missing in sys.rs");
        assert!(source.contains(&function), "{function} is missing in sys.rs");
    }
}
