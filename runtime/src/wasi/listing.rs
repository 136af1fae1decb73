//! `fd_readdir`: names in byte order, with cookies that stay good while the folder changes.
//!
//! A cookie counts entries of the listing that a descriptor takes when it is read from the start: `.`, `..`,
//! then the names of that moment. What was removed since is passed over, what was added shows next time.

use super::{
    Call, World,
    fds::Object,
    fs::InodeId,
    fuel::{self, Stop},
    types::{DIRENT_BYTES, Errno, FileType, rights},
};
use std::sync::Arc;

/// Most names that all listings together hold (16 bytes each beside the names, which are shared).
/// One more is `ENOMEM`: a guest can't make the host keep a listing of everything per descriptor.
pub(super) const LISTED_NAMES_MAX: usize = 1 << 24;

impl World {
    pub(super) fn fd_readdir(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (number, address, len, cookie, out) =
            (call.u32(0), call.u32(1), call.u32(2), call.u64(3), call.u32(4));
        let descriptor = self.fds.get(number)?;
        let Object::Folder(folder) = descriptor.object else { return Err(Errno::Notdir.into()) };
        descriptor.allow(rights::FD_READDIR)?;
        call.memory.range(address, len)?;
        call.memory.range(out, 4)?;
        if cookie == 0 || descriptor.listing.is_none() {
            self.list(call, number, folder)?;
        }
        let parent = self.fs.live_entries(folder)?.parent;
        let mut used = 0_u32;
        let mut at = cookie;
        while used < len {
            call.meter.charge(fuel::ENTRY_VISIT)?;
            let (name, inode) = match at {
                0 => (".", Some(folder)),
                1 => ("..", Some(parent)),
                _ => {
                    let listing = self.fds.get(number)?.listing.as_deref().unwrap_or_default();
                    let name = usize::try_from(at - 2).ok().and_then(|index| listing.get(index));
                    let Some(name) = name else { break };
                    (&**name, self.fs.entries(folder)?.names.get(name).copied())
                }
            };
            at += 1;
            let Some(inode) = inode else { continue };
            let record = dirent(at, inode, self.fs.inode(inode)?.file_type(), name)?;
            call.meter.charge(fuel::ENTRY_LIST)?;
            // The last one may be cut: a full buffer tells the guest that there is more.
            let room = usize::try_from(len - used).unwrap_or(usize::MAX).min(record.len());
            call.memory.write(address.saturating_add(used), &record[..room])?;
            used += u32::try_from(room).map_err(|_| Errno::Overflow)?;
        }
        Ok(call.memory.write_u32(out, used)?)
    }

    /// Takes a new listing for a descriptor.
    fn list(&mut self, call: &mut Call<'_>, number: u32, folder: InodeId) -> Result<(), Stop> {
        let names = &self.fs.live_entries(folder)?.names;
        call.meter.charge_each(names.len() as u64, fuel::ENTRY_VISIT)?;
        let descriptor = self.fds.get_mut(number)?;
        let held = descriptor.listing.as_ref().map_or(0, Vec::len);
        let listed_names = self.listed_names - held + names.len();
        if listed_names > LISTED_NAMES_MAX {
            return Err(Errno::Nomem.into());
        }
        descriptor.listing = Some(names.keys().map(Arc::clone).collect());
        self.listed_names = listed_names;
        Ok(())
    }
}

fn dirent(next: u64, inode: InodeId, file_type: FileType, name: &str) -> Result<Vec<u8>, Errno> {
    let name_bytes = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
    let mut record = Vec::with_capacity(DIRENT_BYTES + name.len());
    record.extend_from_slice(&next.to_le_bytes());
    record.extend_from_slice(&inode.to_le_bytes());
    record.extend_from_slice(&name_bytes.to_le_bytes());
    record.extend_from_slice(&[file_type as u8, 0, 0, 0]);
    record.extend_from_slice(name.as_bytes());
    Ok(record)
}
