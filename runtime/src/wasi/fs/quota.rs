//! What a job may hold: bytes, and entries beyond those of its inputs.
//!
//! An input's bytes are shared with the job and count for nothing until they are written. What the job holds
//! counts once for each of its names, because the output folder has it once for each.

use super::Device;

/// What is held, and how much more may be.
#[derive(Debug)]
pub(super) struct Quota {
    bytes_left: u64,
    entries_max: u64,
    /// Entries of the input folders as they were given.
    entries_given: u64,
    entries_inputs: u64,
    entries_own: u64,
}

impl Quota {
    pub(super) const fn new(bytes_max: u64, entries_max: u64) -> Self {
        Self { bytes_left: bytes_max, entries_max, entries_given: 0, entries_inputs: 0, entries_own: 0 }
    }

    pub(super) const fn bytes_left(&self) -> u64 {
        self.bytes_left
    }

    /// Something that held `before` bytes now holds `after`.
    pub(super) const fn bytes_changed(&mut self, before: u64, after: u64) {
        self.bytes_left = self.bytes_left.saturating_add(before).saturating_sub(after);
    }

    /// Entries that may still be made. Removing what was given makes room only among the inputs: the output
    /// folder never has more entries than the job's limit.
    pub(super) const fn entries_left(&self, device: Device) -> u64 {
        let beyond = self.entries_inputs.saturating_sub(self.entries_given);
        let left = self.entries_max.saturating_sub(self.entries_own.saturating_add(beyond));
        match device {
            Device::Own => left,
            Device::Inputs => left.saturating_add(self.entries_given.saturating_sub(self.entries_inputs)),
        }
    }

    pub(super) const fn entry_given(&mut self) {
        self.entries_given += 1;
        self.entries_inputs += 1;
    }

    /// Something that was given is covered by a mount and can't be seen.
    pub(super) const fn given_entry_dropped(&mut self) {
        self.entries_given -= 1;
        self.entries_inputs -= 1;
    }

    pub(super) const fn entry_added(&mut self, device: Device) {
        match device {
            Device::Own => self.entries_own += 1,
            Device::Inputs => self.entries_inputs += 1,
        }
    }

    pub(super) const fn entry_removed(&mut self, device: Device) {
        let entries = match device {
            Device::Own => &mut self.entries_own,
            Device::Inputs => &mut self.entries_inputs,
        };
        *entries = entries.saturating_sub(1);
    }
}

#[cfg(test)]
impl Quota {
    /// Entries given, held among the inputs, and held elsewhere.
    pub(super) const fn entries(&self) -> (u64, u64, u64) {
        (self.entries_given, self.entries_inputs, self.entries_own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_makes_no_room_in_the_outputs() {
        let mut quota = Quota::new(10, 2);
        quota.entry_given();
        quota.entry_removed(Device::Inputs);
        assert_eq!((quota.entries_left(Device::Own), quota.entries_left(Device::Inputs)), (2, 3));
        for _ in 0..2 {
            quota.entry_added(Device::Inputs);
        }
        assert_eq!((quota.entries_left(Device::Own), quota.entries_left(Device::Inputs)), (1, 1));
        quota.entry_added(Device::Own);
        assert_eq!((quota.entries_left(Device::Own), quota.entries_left(Device::Inputs)), (0, 0));
        quota.entry_removed(Device::Inputs);
        assert_eq!((quota.entries_left(Device::Own), quota.entries_left(Device::Inputs)), (1, 1));
    }

    #[test]
    fn bytes_come_back() {
        let mut quota = Quota::new(10, 0);
        quota.bytes_changed(0, 8);
        quota.bytes_changed(8, 3);
        assert_eq!(quota.bytes_left(), 7);
    }
}
