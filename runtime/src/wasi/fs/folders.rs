//! From the job's input folders to inodes, from `/out` to the output folder, and one preopen within another.

use super::{Device, Entries, FileSystem, InodeId, Kind};
use crate::{Folder, Node};
use std::{collections::BTreeMap, sync::Arc};

impl FileSystem {
    /// Mounts an input folder; bytes are shared, not copied. Inodes are counted folder by folder, by name.
    pub(in crate::wasi) fn mount_input(&mut self, input: &Folder, epoch_ns: u64) -> InodeId {
        let root = self.mount(Device::Inputs, epoch_ns);
        // A stack of our own: how deep an input goes is not ours to decide.
        let mut todo = vec![(root, input)];
        while let Some((parent, folder)) = todo.pop() {
            for (name, node) in &folder.entries {
                let kind = match node {
                    Node::File(bytes) => Kind::File(Arc::clone(bytes)),
                    Node::Symlink(target) => Kind::Symlink(target.clone()),
                    Node::Folder(_) => Kind::Folder(Entries { names: BTreeMap::new(), parent }),
                };
                let id = self.give(parent, name, kind, epoch_ns);
                if let Node::Folder(below) = node {
                    todo.push((id, below));
                }
            }
        }
        root
    }

    /// Adds an entry that the job was given.
    fn give(&mut self, parent: InodeId, name: &str, kind: Kind, epoch_ns: u64) -> InodeId {
        let is_folder = matches!(kind, Kind::Folder(_));
        let id = self.add(kind, Device::Inputs, false, epoch_ns);
        self.quota.entry_given();
        self.put_below(parent, name, id, is_folder);
        id
    }

    fn put_below(&mut self, parent: InodeId, name: &str, id: InodeId, is_folder: bool) {
        if let Some(inode) = self.inodes.get_mut(&parent)
            && let Kind::Folder(entries) = &mut inode.kind
        {
            entries.names.insert(name.into(), id);
            inode.links += u64::from(is_folder);
        }
    }

    /// Lets the mount `covering` stand at `path` in the mount `root`, over whatever the input has there, so that
    /// the guest finds it by either way. With a time for them, what lacks on the way is made; where something
    /// else stands in the way, the place isn't covered.
    pub(in crate::wasi) fn cover(
        &mut self,
        root: InodeId,
        path: &str,
        covering: InodeId,
        epoch_ns: Option<u64>,
    ) {
        let (above, name) = path.rsplit_once('/').map_or(("", path), |(above, name)| (above, name));
        let mut at = root;
        for part in above.split('/').filter(|part| !part.is_empty()) {
            let Ok(entries) = self.entries(at) else { return };
            at = match (entries.names.get(part), epoch_ns) {
                (Some(id), _) => *id,
                (None, None) => return,
                (None, Some(epoch_ns)) => {
                    let below = Kind::Folder(Entries { names: BTreeMap::new(), parent: at });
                    self.give(at, part, below, epoch_ns)
                }
            };
        }
        if self.entries(at).is_ok_and(|entries| epoch_ns.is_some() || entries.names.contains_key(name)) {
            self.forget(at, name);
            self.put_below(at, name, covering, true);
        }
    }

    /// Drops a given entry and all below it.
    fn forget(&mut self, parent: InodeId, name: &str) {
        let Ok(entries) = self.entries_mut(parent) else { return };
        let Some(top) = entries.names.remove(name) else { return };
        if self.entries(top).is_ok()
            && let Some(inode) = self.inodes.get_mut(&parent)
        {
            inode.links -= 1;
        }
        let mut todo = vec![top];
        while let Some(id) = todo.pop() {
            self.quota.given_entry_dropped();
            if let Some(Kind::Folder(below)) = self.inodes.remove(&id).map(|inode| inode.kind) {
                todo.extend(below.names.into_values());
            }
        }
    }

    /// A folder of the job's own as a value. Its depth is bounded when it is made, so this may recurse.
    pub(in crate::wasi) fn to_folder(&self, id: InodeId) -> Folder {
        let Ok(entries) = self.entries(id) else { return Folder::default() };
        let node = |id: InodeId| match &self.inodes.get(&id)?.kind {
            Kind::File(bytes) => Some(Node::File(Arc::clone(bytes))),
            Kind::Symlink(target) => Some(Node::Symlink(target.clone())),
            Kind::Folder(_) => Some(Node::Folder(self.to_folder(id))),
        };
        let named = entries.names.iter().filter_map(|(name, id)| Some((name.to_string(), node(*id)?)));
        Folder { entries: named.collect() }
    }
}
