//! What calls cost, and the meter that is charged before any work is done.
//!
//! Guest code uses about eight fuel in a nanosecond (measured on CPython and on the word count), so the work done
//! here is priced at eight fuel a nanosecond too, and bytes that are kept at what hashing them will take besides.
//! The figures are measured estimates; they are to be calibrated together with the operator table, and are fixed
//! once the profile is released.

use super::{Halt, types::Errno};

/// Every call: crossing into the host and back, looking up descriptors.
pub(super) const CALL: u64 = 800;

/// A step of path resolution.
pub(super) const PATH_STEP: u64 = 100;

/// Each doubling of the folder that a name is looked up in: large ones don't fit the caches.
pub(super) const LOOKUP_DOUBLING: u64 = 300;

/// One byte of a path or link target: checked as UTF-8 and copied.
pub(super) const PATH_BYTE: u64 = 3;

/// An entry made, removed or moved.
pub(super) const ENTRY_CHANGE: u64 = 4_000;

/// An entry looked at while a folder is listed or walked.
pub(super) const ENTRY_VISIT: u64 = 400;

/// An entry handed to the guest by `fd_readdir`.
pub(super) const ENTRY_LIST: u64 = 2_000;

/// One I/O vector.
pub(super) const IOVEC: u64 = 40;

/// One subscription of `poll_oneoff`.
pub(super) const SUBSCRIPTION: u64 = 400;

/// One byte copied to the guest.
pub(super) const BYTE_READ: u64 = 1;

/// One byte that the world keeps: copied or zeroed now, and hashed when the job ends.
pub(super) const BYTE_KEPT: u64 = 4;

/// One byte of randomness.
pub(super) const BYTE_RANDOM: u64 = 1;

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
    fn a_lookup_costs_more_by_the_doubling() {
        let cost = |names| {
            let mut left = 1 << 20;
            Meter::new(&mut left, 1 << 20).charge_lookup(names).unwrap();
            (1 << 20) - left
        };
        assert_eq!(cost(0), PATH_STEP);
        assert_eq!(cost(1_000), PATH_STEP + 10 * LOOKUP_DOUBLING);
        assert_eq!(cost(2_000), PATH_STEP + 11 * LOOKUP_DOUBLING);
    }
}
