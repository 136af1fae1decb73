//! The in-memory file system: inodes and who points to them.
//!
//! - `mod.rs`: inodes, their life, what `stat` says
//! - `resolve.rs`: from a path to a place in the tree
//! - `entries.rs`: making, linking, moving and removing entries
//! - `content.rs`: bytes of files
//! - `folders.rs`: from input folders, to the output folder; which preopen covers a place in another
//! - `quota.rs`: what the job may hold
//!
//! Two devices: the job's copy of its inputs, and its own, shared by `/out` and `/tmp` so that a file can be
//! moved from one to the other. The host's file system is never touched.

#[cfg(test)]
mod audit;
mod content;
mod entries;
mod folders;
mod quota;
mod resolve;

pub(super) use self::resolve::{LastLink, Place};

use self::quota::Quota;
use super::{
    fuel::{self, Meter, Stop},
    types::{Errno, FileStat, FileType},
};
use std::{collections::BTreeMap, sync::Arc};

/// Names an inode; counted from 1, never used twice.
pub(super) type InodeId = u64;

/// Most folders above an entry: folders become recursive values when the job ends, and a stack has an end.
pub(super) const DEPTH_MAX: usize = 256;

/// Where an inode lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Device {
    /// `/out` and `/tmp`.
    Own = 1,
    /// The input folders. Nothing moves from here to `/out`, so what comes out has counted as the job's own.
    Inputs = 2,
}

/// What an inode is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Bytes; an input's are shared with the job until they are written, and copied then.
    File(Arc<Vec<u8>>),
    Folder(Entries),
    /// The target as written, never empty; absolute only if an input brought it, and then never followed.
    Symlink(String),
}

/// A folder's entries in byte order.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) names: BTreeMap<Arc<str>, InodeId>,
    /// Itself for a mounted folder.
    pub(super) parent: InodeId,
}

#[derive(Debug)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    pub(super) device: Device,
    /// Whether its bytes are the job's and count; an input's are shared until they are written.
    counted: bool,
    /// Entries that point here; for a folder, `.` and its subfolders' `..` count too. 0 once removed.
    links: u64,
    /// Descriptors that hold it open.
    opens: u32,
    access_ns: u64,
    modify_ns: u64,
    change_ns: u64,
}

impl Inode {
    pub(super) const fn file_type(&self) -> FileType {
        match self.kind {
            Kind::File(_) => FileType::File,
            Kind::Folder(_) => FileType::Folder,
            Kind::Symlink(_) => FileType::Symlink,
        }
    }

    fn bytes(&self) -> u64 {
        match &self.kind {
            Kind::File(bytes) => bytes.len() as u64,
            Kind::Symlink(target) => target.len() as u64,
            Kind::Folder(_) => 0,
        }
    }

    /// How often its bytes count: once for each name.
    fn copies(&self) -> u64 {
        self.links.max(1)
    }

    /// Bytes that count against the job's limit.
    fn held_bytes(&self) -> u64 {
        if self.counted { self.bytes().saturating_mul(self.copies()) } else { 0 }
    }

    const fn touch(&mut self, now_ns: u64) {
        self.modify_ns = now_ns;
        self.change_ns = now_ns;
    }
}

/// Every inode of the world, and what the job may still use.
#[derive(Debug)]
pub(super) struct FileSystem {
    inodes: BTreeMap<InodeId, Inode>,
    next_id: InodeId,
    quota: Quota,
}

impl FileSystem {
    pub(super) const fn new(bytes_max: u64, entries_max: u64) -> Self {
        Self { inodes: BTreeMap::new(), next_id: 1, quota: Quota::new(bytes_max, entries_max) }
    }

    /// The inode; ids come from descriptors and entries, which keep theirs alive.
    pub(super) fn inode(&self, id: InodeId) -> Result<&Inode, Errno> {
        self.inodes.get(&id).ok_or(Errno::Noent)
    }

    fn inode_mut(&mut self, id: InodeId) -> Result<&mut Inode, Errno> {
        self.inodes.get_mut(&id).ok_or(Errno::Noent)
    }

    /// Changes an inode and books what it then holds.
    fn change<T>(&mut self, id: InodeId, change: impl FnOnce(&mut Inode) -> T) -> Result<T, Errno> {
        let inode = self.inodes.get_mut(&id).ok_or(Errno::Noent)?;
        let before = inode.held_bytes();
        let changed = change(inode);
        self.quota.bytes_changed(before, inode.held_bytes());
        Ok(changed)
    }

    pub(super) fn entries(&self, folder: InodeId) -> Result<&Entries, Errno> {
        match &self.inode(folder)?.kind {
            Kind::Folder(entries) => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    fn entries_mut(&mut self, folder: InodeId) -> Result<&mut Entries, Errno> {
        match &mut self.inode_mut(folder)?.kind {
            Kind::Folder(entries) => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    /// The same, of a folder that still has a place in the tree.
    pub(super) fn live_entries(&self, folder: InodeId) -> Result<&Entries, Errno> {
        if self.inode(folder)?.links == 0 { Err(Errno::Noent) } else { self.entries(folder) }
    }

    /// An empty folder that is its own parent: the top of a preopen.
    pub(super) fn mount(&mut self, device: Device, now_ns: u64) -> InodeId {
        let id = self.next_id;
        self.add(Kind::Folder(Entries { names: BTreeMap::new(), parent: id }), device, false, now_ns)
    }

    /// A new inode with one name; for a folder that is two links.
    fn add(&mut self, kind: Kind, device: Device, counted: bool, now_ns: u64) -> InodeId {
        let id = self.next_id;
        self.next_id += 1;
        let links = if matches!(kind, Kind::Folder(_)) { 2 } else { 1 };
        let (access_ns, modify_ns, change_ns) = (now_ns, now_ns, now_ns);
        let inode = Inode { kind, device, counted, links, opens: 0, access_ns, modify_ns, change_ns };
        self.quota.bytes_changed(0, inode.held_bytes());
        self.inodes.insert(id, inode);
        id
    }

    /// A descriptor now holds the inode.
    pub(super) fn opened(&mut self, id: InodeId) {
        if let Some(inode) = self.inodes.get_mut(&id) {
            inode.opens = inode.opens.saturating_add(1);
        }
    }

    /// A descriptor let go of the inode, which ends if nothing else points to it.
    pub(super) fn closed(&mut self, id: InodeId) {
        if let Some(inode) = self.inodes.get_mut(&id) {
            inode.opens = inode.opens.saturating_sub(1);
        }
        self.drop_if_unused(id);
    }

    fn drop_if_unused(&mut self, id: InodeId) {
        let unused = |inode: &Inode| inode.links == 0 && inode.opens == 0;
        if self.inodes.get(&id).is_some_and(unused)
            && let Some(inode) = self.inodes.remove(&id)
        {
            self.quota.bytes_changed(inode.held_bytes(), 0);
        }
    }

    pub(super) fn stat(&self, id: InodeId) -> Result<FileStat, Errno> {
        let inode = self.inode(id)?;
        Ok(FileStat {
            device: inode.device as u64,
            inode: id,
            file_type: inode.file_type(),
            links: inode.links,
            size_bytes: inode.bytes(),
            access_ns: inode.access_ns,
            modify_ns: inode.modify_ns,
            change_ns: inode.change_ns,
        })
    }

    /// Sets the times that are given. Reading never sets any: the world is mounted `noatime`.
    pub(super) fn set_times(
        &mut self,
        id: InodeId,
        access_ns: Option<u64>,
        modify_ns: Option<u64>,
        now_ns: u64,
    ) -> Result<(), Errno> {
        let inode = self.inode_mut(id)?;
        inode.access_ns = access_ns.unwrap_or(inode.access_ns);
        inode.modify_ns = modify_ns.unwrap_or(inode.modify_ns);
        inode.change_ns = now_ns;
        Ok(())
    }

    /// Whether a folder is the top of a preopen, which nothing moves or removes.
    fn is_mount(&self, id: InodeId) -> Result<bool, Errno> {
        Ok(matches!(&self.inode(id)?.kind, Kind::Folder(entries) if entries.parent == id))
    }

    /// Folders above this one.
    fn depth(&self, meter: &mut Meter<'_>, folder: InodeId) -> Result<usize, Stop> {
        let mut at = folder;
        for depth in 0..=DEPTH_MAX {
            meter.charge(fuel::ENTRY_VISIT)?;
            let parent = self.entries(at)?.parent;
            if parent == at {
                return Ok(depth);
            }
            at = parent;
        }
        Err(Errno::Nametoolong.into())
    }
}
