//! From a path to a place in the tree, without ever leaving the folder it starts in.
//!
//! `..` goes back along the folders that were walked; going back past the start, an absolute path and a link
//! to an absolute path are all `EPERM`, as the conformance suite of preview 1 expects.

use super::{FileSystem, InodeId, Kind};
use crate::wasi::{
    fuel::{self, Meter, Stop},
    types::Errno,
};

/// Most symbolic links that one path may follow, as on Linux.
const LINKS_MAX: u32 = 40;

/// Longest name of one entry, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What to do with a symbolic link in a path's last place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wasi) enum LastLink {
    /// Go where it points.
    Follow,
    /// Take the link itself, unless a slash after it asks for the folder behind.
    Take,
    /// Take whatever stands there, for calls that make, move or remove the entry: they look at the slash
    /// themselves, once every path they got was walked.
    TakeAlways,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wasi) struct Place {
    /// The folder that holds, or would hold, the entry.
    pub(in crate::wasi) folder: InodeId,
    /// The entry's name there; none when the path ends in `.` or `..` and so names the folder itself.
    pub(in crate::wasi) name: Option<String>,
    /// What is there now.
    pub(in crate::wasi) inode: Option<InodeId>,
    /// Whether the path ended with a slash and so means a folder.
    pub(in crate::wasi) slash: bool,
}

impl Place {
    /// What is there, or `ENOENT`.
    pub(in crate::wasi) fn found(&self) -> Result<InodeId, Errno> {
        self.inode.ok_or(Errno::Noent)
    }
}

impl FileSystem {
    /// Walks `path` from the folder `start`.
    pub(in crate::wasi) fn resolve(
        &self,
        meter: &mut Meter<'_>,
        start: InodeId,
        path: &str,
        last_link: LastLink,
    ) -> Result<Place, Stop> {
        let mut walked = vec![start];
        let mut pending = Vec::new();
        let mut slash = push_parts(&mut pending, path)?;
        let mut links = 0;
        loop {
            let here = *walked.last().ok_or(Errno::Perm)?;
            let entries = self.entries(here)?;
            meter.charge_lookup(entries.names.len())?;
            let itself = Place { folder: here, name: None, inode: Some(here), slash };
            let Some(part) = pending.pop() else { return Ok(itself) };
            if part == "." {
                continue;
            }
            if part == ".." {
                walked.pop();
                // Looked at in the next round: with nothing walked it ends in EPERM.
                continue;
            }
            if part.len() > NAME_BYTES_MAX {
                return Err(Errno::Nametoolong.into());
            }
            let last = pending.is_empty();
            let inode = entries.names.get(part.as_str()).copied();
            let place = Place { folder: here, name: Some(part), inode, slash };
            let Some(id) = inode else {
                return if last { Ok(place) } else { Err(Errno::Noent.into()) };
            };
            match &self.inode(id)?.kind {
                Kind::Folder(_) if last => return Ok(place),
                Kind::Folder(_) => walked.push(id),
                _ if last && last_link == LastLink::TakeAlways => return Ok(place),
                Kind::File(_) if last && !slash => return Ok(place),
                Kind::File(_) => return Err(Errno::Notdir.into()),
                Kind::Symlink(target) => {
                    if last && !slash && last_link == LastLink::Take {
                        return Ok(place);
                    }
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Errno::Loop.into());
                    }
                    meter.charge_each(target.len() as u64, fuel::PATH_BYTE)?;
                    let target_slash = push_parts(&mut pending, target)?;
                    slash |= last && target_slash;
                }
            }
        }
    }
}

/// Puts a path's parts on the stack, the first on top; says whether it ended with a slash.
fn push_parts(pending: &mut Vec<String>, path: &str) -> Result<bool, Errno> {
    if path.is_empty() {
        return Err(Errno::Noent);
    }
    if path.starts_with('/') {
        return Err(Errno::Perm);
    }
    pending.extend(path.rsplit('/').filter(|part| !part.is_empty()).map(str::to_owned));
    Ok(path.ends_with('/'))
}
