//! From the job's input folders to inodes, and from `/out` to the output folder.

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
            let mut names = BTreeMap::new();
            let mut subfolders = 0;
            for (name, node) in &folder.entries {
                let (kind, links) = match node {
                    Node::File(bytes) => (Kind::File(Arc::clone(bytes)), 1),
                    Node::Symlink(target) => (Kind::Symlink(target.clone()), 1),
                    Node::Folder(_) => (Kind::Folder(Entries { names: BTreeMap::new(), parent }), 2),
                };
                let id = self.add(kind, Device::Inputs, links, epoch_ns);
                if let Node::Folder(below) = node {
                    subfolders += 1;
                    todo.push((id, below));
                }
                names.insert(Arc::from(name.as_str()), id);
            }
            if let Some(inode) = self.inodes.get_mut(&parent)
                && let Kind::Folder(entries) = &mut inode.kind
            {
                entries.names = names;
                inode.links += subfolders;
            }
        }
        root
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
