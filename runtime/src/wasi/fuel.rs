//! What calls cost, and the meter that is charged before any work is done.
//!
//! The aim is one fuel per nanosecond of the work done here, and more where work follows later (kept bytes are
//! hashed). The figures are measured estimates; they are to be calibrated together with the operator table, and
//! are fixed once the profile is released.

use super::{Halt, types::Errno};

/// Every call: crossing into the host and back, looking up descriptors.
pub(super) const CALL: u64 = 200;

/// A step of path resolution.
pub(super) const PATH_STEP: u64 = 50;

/// Each doubling of the folder that a name is looked up in: large ones don't fit the caches.
pub(super) const LOOKUP_DOUBLING: u64 = 40;

/// One byte of a path or link target: checked as UTF-8 and copied.
pub(super) const PATH_BYTE: u64 = 1;

/// An entry made, removed or moved.
pub(super) const ENTRY_CHANGE: u64 = 1_000;

/// An entry looked at while a folder is listed or walked.
pub(super) const ENTRY_VISIT: u64 = 50;

/// An entry handed to the guest by `fd_readdir`.
pub(super) const ENTRY_LIST: u64 = 300;

/// One I/O vector.
pub(super) const IOVEC: u64 = 10;

/// One subscription of `poll_oneoff`.
pub(super) const SUBSCRIPTION: u64 = 50;

/// Bytes copied to the guest for one fuel.
pub(super) const BYTES_READ_PER_FUEL: u64 = 8;

/// Bytes that the world keeps for one fuel: copied now, and hashed when the job ends.
pub(super) const BYTES_KEPT_PER_FUEL: u64 = 2;

/// Bytes of randomness for one fuel.
pub(super) const BYTES_RANDOM_PER_FUEL: u64 = 1;

/// Why a call didn't succeed: the guest gets an errno, or never gets control back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The call returns this.
    Errno(Errno),
    /// The guest ends here.
    Halt(Halt),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// The fuel of one call.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    left: &'a mut u64,
    limit: u64,
}

impl<'a> Meter<'a> {
    pub(super) const fn new(left: &'a mut u64, limit: u64) -> Self {
        Self { left, limit }
    }

    /// Fuel the job has used until now.
    pub(super) const fn used(&self) -> u64 {
        self.limit.saturating_sub(*self.left)
    }

    /// Takes `fuel`, or everything that is left and the job with it.
    pub(super) const fn charge(&mut self, fuel: u64) -> Result<(), Stop> {
        if let Some(left) = self.left.checked_sub(fuel) {
            *self.left = left;
            return Ok(());
        }
        *self.left = 0;
        Err(Stop::Halt(Halt::OutOfFuel))
    }

    /// Charges for `count` things at `fuel` each.
    pub(super) const fn charge_each(&mut self, count: u64, fuel: u64) -> Result<(), Stop> {
        self.charge(count.saturating_mul(fuel))
    }

    /// Charges for looking a name up among so many.
    pub(super) fn charge_lookup(&mut self, names: usize) -> Result<(), Stop> {
        let doublings = u64::from(usize::BITS - names.leading_zeros());
        self.charge(PATH_STEP.saturating_add(doublings.saturating_mul(LOOKUP_DOUBLING)))
    }

    /// Charges for bytes, so many to one fuel, rounded up.
    pub(super) const fn charge_bytes(&mut self, bytes: u64, bytes_per_fuel: u64) -> Result<(), Stop> {
        self.charge(bytes.div_ceil(bytes_per_fuel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_that_cannot_pay_is_empty() {
        let mut left = 10;
        let mut meter = Meter::new(&mut left, 100);
        assert_eq!(meter.charge(4), Ok(()));
        assert_eq!(meter.used(), 94);
        assert_eq!(meter.charge_each(u64::MAX, u64::MAX), Err(Stop::Halt(Halt::OutOfFuel)));
        assert_eq!(meter.used(), 100);
        assert_eq!(left, 0);
    }

    #[test]
    fn bytes_round_up() {
        let mut left = 2;
        let mut meter = Meter::new(&mut left, 2);
        assert_eq!(meter.charge_bytes(0, 8), Ok(()));
        assert_eq!(meter.charge_bytes(9, 8), Ok(()));
        assert!(meter.charge_bytes(1, 8).is_err());
    }
}
