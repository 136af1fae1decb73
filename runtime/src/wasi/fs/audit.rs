//! Counts everything anew and compares it with what is booked. Tests only.

use super::{Device, FileSystem, InodeId, Kind};
use std::collections::BTreeMap;

impl FileSystem {
    /// Bytes and entries that the job may still use.
    pub(in crate::wasi) const fn room(&self) -> (u64, u64) {
        (self.bytes_left, self.entries_left)
    }

    /// Bytes and entries that the job holds.
    ///
    /// # Panics
    /// When an entry leads nowhere, a link count is wrong, a parent isn't one, or an inode is kept for no reason.
    pub(in crate::wasi) fn audit(&self) -> (u64, u64) {
        let own = || self.inodes.iter().filter(|(_, inode)| inode.device == Device::Own);
        let mut links: BTreeMap<InodeId, u64> = BTreeMap::new();
        let mut entries = 0;
        for (id, inode) in own() {
            let Kind::Folder(folder) = &inode.kind else { continue };
            if folder.parent == *id {
                // The top of a mount: `.`, and the mount itself.
                *links.entry(*id).or_default() += 2;
            }
            for child in folder.names.values() {
                entries += 1;
                *links.entry(*child).or_default() += 1;
                if let Kind::Folder(below) = &self.inodes[child].kind {
                    assert_eq!(below.parent, *id);
                    *links.entry(*child).or_default() += 1;
                    *links.entry(*id).or_default() += 1;
                }
            }
        }
        for (id, inode) in own() {
            assert_eq!(inode.links, links.get(id).copied().unwrap_or(0), "links of {id}");
            assert!(inode.links > 0 || inode.opens > 0, "{id} is kept for no reason");
        }
        (own().map(|(_, inode)| inode.bytes()).sum(), entries)
    }
}
