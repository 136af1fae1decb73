//! Counts everything anew and compares it with what is booked. Tests only.

use super::{Device, FileSystem, InodeId, Kind};
use std::collections::BTreeMap;

impl FileSystem {
    /// Bytes and entries that the job may still use.
    pub(in crate::wasi) const fn room(&self) -> (u64, u64) {
        (self.quota.bytes_left(), self.quota.entries_left(Device::Own))
    }

    /// Bytes and entries that the job holds beyond what it was given.
    ///
    /// # Panics
    /// When an entry leads nowhere, a link count is wrong, a parent isn't one, or an inode is kept for no reason.
    pub(in crate::wasi) fn audit(&self) -> (u64, u64) {
        let all = || self.inodes.iter();
        let mut links: BTreeMap<InodeId, u64> = BTreeMap::new();
        let (mut entries_own, mut entries_inputs) = (0, 0);
        for (id, inode) in all() {
            let Kind::Folder(folder) = &inode.kind else { continue };
            if folder.parent == *id {
                // The top of a mount: `.`, and the mount itself.
                *links.entry(*id).or_default() += 2;
            }
            for child in folder.names.values() {
                if self.is_mount(*child).unwrap() {
                    // A covered place is no entry of the job's, and the parent's subfolder all the same.
                    *links.entry(*id).or_default() += 1;
                    continue;
                }
                match inode.device {
                    Device::Own => entries_own += 1,
                    Device::Inputs => entries_inputs += 1,
                }
                *links.entry(*child).or_default() += 1;
                if let Kind::Folder(below) = &self.inodes[child].kind {
                    assert_eq!(below.parent, *id);
                    *links.entry(*child).or_default() += 1;
                    *links.entry(*id).or_default() += 1;
                }
            }
        }
        for (id, inode) in all() {
            assert_eq!(inode.links, links.get(id).copied().unwrap_or(0), "links of {id}");
            assert!(inode.links > 0 || inode.opens > 0, "{id} is kept for no reason");
        }
        let (given, inputs, own) = self.quota.entries();
        assert_eq!((inputs, own), (entries_inputs, entries_own));
        let entries = own + inputs.saturating_sub(given);
        (all().map(|(_, inode)| inode.held_bytes()).sum(), entries)
    }
}
