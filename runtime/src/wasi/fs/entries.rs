//! Making, linking, moving and removing entries, by the rules of POSIX.
//!
//! Each call checks everything first and then changes everything: a failed call leaves the tree as it was.

use super::{DEPTH_MAX, Entries, FileSystem, InodeId, Kind, Place};
use crate::wasi::{
    fuel::{self, Meter, Stop},
    types::Errno,
};
use std::{collections::BTreeMap, sync::Arc};

impl FileSystem {
    /// An empty file where the place says.
    pub(in crate::wasi) fn create_file(&mut self, place: &Place, now_ns: u64) -> Result<InodeId, Errno> {
        if place.inode.is_none() && place.slash {
            return Err(Errno::Isdir);
        }
        let name = self.vacant(place)?;
        self.attach(place.folder, &name, Kind::File(Arc::default()), now_ns)
    }

    /// An empty folder.
    pub(in crate::wasi) fn create_folder(
        &mut self,
        meter: &mut Meter<'_>,
        place: &Place,
        now_ns: u64,
    ) -> Result<InodeId, Stop> {
        let name = self.vacant(place)?;
        if self.depth(meter, place.folder)? >= DEPTH_MAX {
            return Err(Errno::Nametoolong.into());
        }
        let entries = Entries { names: BTreeMap::new(), parent: place.folder };
        Ok(self.attach(place.folder, &name, Kind::Folder(entries), now_ns)?)
    }

    /// A symbolic link. An absolute target is `EPERM`: it could never be followed.
    pub(in crate::wasi) fn create_symlink(
        &mut self,
        place: &Place,
        target: String,
        now_ns: u64,
    ) -> Result<(), Errno> {
        if target.is_empty() {
            return Err(Errno::Noent);
        }
        if target.starts_with('/') {
            return Err(Errno::Perm);
        }
        if place.inode.is_none() && place.slash {
            return Err(Errno::Noent);
        }
        let name = self.vacant(place)?;
        if target.len() as u64 > self.quota.bytes_left() {
            return Err(Errno::Nospc);
        }
        self.attach(place.folder, &name, Kind::Symlink(target), now_ns)?;
        Ok(())
    }

    /// Another name for a file or a symbolic link. Its bytes count once more: `/out` has them under each name.
    pub(in crate::wasi) fn link(
        &mut self,
        meter: &mut Meter<'_>,
        old: &Place,
        new: &Place,
        now_ns: u64,
    ) -> Result<(), Stop> {
        let id = old.found()?;
        if new.inode.is_none() && new.slash {
            return Err(Errno::Noent.into());
        }
        let inode = self.inode(id)?;
        if new.inode.is_none() && inode.device != self.inode(new.folder)?.device {
            return Err(Errno::Xdev.into());
        }
        let name = self.vacant(new)?;
        if matches!(inode.kind, Kind::Folder(_)) {
            return Err(Errno::Perm.into());
        }
        let more = inode.held_bytes() / inode.copies();
        if more > self.quota.bytes_left() {
            return Err(Errno::Nospc.into());
        }
        meter.charge_each(more, fuel::BYTE_KEPT)?;
        self.set_entry(new.folder, &name, id, now_ns)?;
        Ok(self.change(id, |inode| {
            inode.links += 1;
            inode.change_ns = now_ns;
        })?)
    }

    /// Removes a file's or a symbolic link's name.
    pub(in crate::wasi) fn unlink(&mut self, place: &Place, now_ns: u64) -> Result<(), Errno> {
        let id = place.found()?;
        let inode = self.inode(id)?;
        if matches!(inode.kind, Kind::Folder(_)) {
            return Err(Errno::Isdir);
        }
        self.check_slash(place)?;
        let name = place.name.as_deref().ok_or(Errno::Isdir)?;
        self.clear_entry(place.folder, name, now_ns)?;
        self.unlinked(id, now_ns)
    }

    /// Removes an empty folder.
    pub(in crate::wasi) fn remove_folder(&mut self, place: &Place, now_ns: u64) -> Result<(), Errno> {
        let id = place.found()?;
        let name = place.name.as_deref().ok_or(Errno::Inval)?;
        let entries = self.entries(id)?;
        if self.is_mount(id)? {
            return Err(Errno::Busy);
        }
        if !entries.names.is_empty() {
            return Err(Errno::Notempty);
        }
        self.clear_entry(place.folder, name, now_ns)?;
        self.folder_removed(place.folder, id)
    }

    /// Moves an entry; what stood at the new place is replaced in the same step.
    pub(in crate::wasi) fn rename(
        &mut self,
        meter: &mut Meter<'_>,
        old: &Place,
        new: &Place,
        now_ns: u64,
    ) -> Result<(), Stop> {
        let id = old.found()?;
        let (old_name, new_name) = old.name.as_deref().zip(new.name.as_deref()).ok_or(Errno::Inval)?;
        if self.is_mount(id)? {
            return Err(Errno::Busy.into());
        }
        let (from, to) = (self.inode(old.folder)?.device, self.inode(new.folder)?.device);
        if from != to {
            return Err(Errno::Xdev.into());
        }
        self.live_entries(new.folder)?;
        let is_folder = matches!(self.inode(id)?.kind, Kind::Folder(_));
        if is_folder {
            self.check_move(meter, id, old.folder, new.folder)?;
        } else if old.slash || new.slash {
            return Err(Errno::Notdir.into());
        }
        if new.inode == Some(id) {
            // Two names of one file, or one place twice: POSIX leaves both.
            return Ok(());
        }
        if let Some(replaced) = new.inode {
            match (&self.inode(replaced)?.kind, is_folder) {
                (Kind::Folder(entries), true) if entries.parent == replaced => return Err(Errno::Busy.into()),
                (Kind::Folder(entries), true) if entries.names.is_empty() => {}
                (Kind::Folder(_), true) => return Err(Errno::Notempty.into()),
                (Kind::Folder(_), false) => return Err(Errno::Isdir.into()),
                (_, true) => return Err(Errno::Notdir.into()),
                (_, false) => {}
            }
            self.clear_entry(new.folder, new_name, now_ns)?;
            if is_folder {
                self.folder_removed(new.folder, replaced)?;
            } else {
                self.unlinked(replaced, now_ns)?;
            }
        }
        self.clear_entry(old.folder, old_name, now_ns)?;
        self.set_entry(new.folder, new_name, id, now_ns)?;
        if is_folder {
            self.inode_mut(old.folder)?.links -= 1;
            self.inode_mut(new.folder)?.links += 1;
            self.entries_mut(id)?.parent = new.folder;
        }
        self.inode_mut(id)?.change_ns = now_ns;
        Ok(())
    }

    /// Whether the folder `id` may hang below `new_parent`: not below itself, and not too deep.
    fn check_move(
        &self,
        meter: &mut Meter<'_>,
        id: InodeId,
        old_parent: InodeId,
        new_parent: InodeId,
    ) -> Result<(), Stop> {
        let mut at = new_parent;
        loop {
            meter.charge(fuel::ENTRY_VISIT)?;
            if at == id {
                return Err(Errno::Inval.into());
            }
            let parent = self.entries(at)?.parent;
            if parent == at {
                break;
            }
            at = parent;
        }
        let depth = self.depth(meter, new_parent)?;
        if depth <= self.depth(meter, old_parent)? {
            return Ok(());
        }
        let mut todo = vec![(id, depth + 1)];
        while let Some((folder, depth)) = todo.pop() {
            if depth > DEPTH_MAX {
                return Err(Errno::Nametoolong.into());
            }
            let entries = self.entries(folder)?;
            meter.charge_each(entries.names.len() as u64, fuel::ENTRY_VISIT)?;
            for child in entries.names.values() {
                if matches!(self.inode(*child)?.kind, Kind::Folder(_)) {
                    todo.push((*child, depth + 1));
                }
            }
        }
        Ok(())
    }

    /// A path that ends with a slash means a folder, and nothing else that may stand there.
    fn check_slash(&self, place: &Place) -> Result<(), Errno> {
        match place.inode {
            Some(id) if place.slash => self.entries(id).map(drop),
            _ => Ok(()),
        }
    }

    /// The name of a place where an entry can be made.
    fn vacant(&self, place: &Place) -> Result<String, Errno> {
        if place.inode.is_some() {
            self.check_slash(place)?;
            return Err(Errno::Exist);
        }
        let name = place.name.clone().ok_or(Errno::Exist)?;
        self.live_entries(place.folder)?;
        if self.quota.entries_left(self.inode(place.folder)?.device) == 0 {
            Err(Errno::Nospc)
        } else {
            Ok(name)
        }
    }

    /// Adds an inode under a name that [`FileSystem::vacant`] gave.
    fn attach(&mut self, folder: InodeId, name: &str, kind: Kind, now_ns: u64) -> Result<InodeId, Errno> {
        let is_folder = matches!(kind, Kind::Folder(_));
        let device = self.inode(folder)?.device;
        let id = self.add(kind, device, true, now_ns);
        self.set_entry(folder, name, id, now_ns)?;
        self.inode_mut(folder)?.links += u64::from(is_folder);
        Ok(id)
    }

    /// Adds a name where none is.
    fn set_entry(&mut self, folder: InodeId, name: &str, id: InodeId, now_ns: u64) -> Result<(), Errno> {
        self.entries_mut(folder)?.names.insert(name.into(), id);
        let inode = self.inode_mut(folder)?;
        inode.touch(now_ns);
        let device = inode.device;
        self.quota.entry_added(device);
        Ok(())
    }

    fn clear_entry(&mut self, folder: InodeId, name: &str, now_ns: u64) -> Result<(), Errno> {
        let removed = self.entries_mut(folder)?.names.remove(name).is_some();
        let inode = self.inode_mut(folder)?;
        inode.touch(now_ns);
        let device = inode.device;
        if removed {
            self.quota.entry_removed(device);
        }
        Ok(())
    }

    /// A file or symbolic link lost one of its names.
    fn unlinked(&mut self, id: InodeId, now_ns: u64) -> Result<(), Errno> {
        self.change(id, |inode| {
            inode.links = inode.links.saturating_sub(1);
            inode.change_ns = now_ns;
        })?;
        self.drop_if_unused(id);
        Ok(())
    }

    /// An empty folder lost its place.
    fn folder_removed(&mut self, parent: InodeId, id: InodeId) -> Result<(), Errno> {
        let links = &mut self.inode_mut(parent)?.links;
        *links = links.saturating_sub(1);
        self.inode_mut(id)?.links = 0;
        self.drop_if_unused(id);
        Ok(())
    }
}
