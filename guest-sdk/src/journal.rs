//! The journal: the few bytes that a job hands to a smart contract.
//!
//! Its keccak256 is in the receipt, so a contract that is given the bytes can check them against the deal.
//! It is append-only and small; files go to [`crate::output_dir`], where they cost no gas.

use crate::sys;

/// Why bytes did not enter the journal; nothing of them was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The journal would exceed the job's limit.
    #[error("the journal is full: write less, or raise journal_bytes_max in the job's limits")]
    Full,
    /// The host refused for another reason.
    #[error("the host refused the journal write with errno {errno}")]
    Refused {
        /// A WASI preview 1 error number.
        errno: i32,
    },
}

/// The preview 1 error number for a full device.
pub(crate) const ERRNO_NOSPC: i32 = 51;

/// Appends bytes to the journal, all of them or none.
///
/// A module that calls this imports `lilypad_1.journal_write` and so runs only on a Lilypad host.
///
/// # Errors
///
/// [`JournalError::Full`] when the job's limit would be exceeded.
pub fn write(bytes: &[u8]) -> Result<(), JournalError> {
    match sys::journal_write(bytes) {
        0 => Ok(()),
        ERRNO_NOSPC => Err(JournalError::Full),
        errno => Err(JournalError::Refused { errno }),
    }
}
