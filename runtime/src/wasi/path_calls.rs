//! Opening by path, and asking about what a path leads to.

use super::{
    Call, World,
    fd_calls::times,
    fds::{Descriptor, Object},
    fs::{InodeId, Kind, LastLink, Place},
    fuel::{self, Stop},
    types::{Errno, SYMLINK_FOLLOW, fdflags, oflags, rights},
};

/// What `path_open` was asked for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    oflags: u32,
    rights: u64,
    fdflags: u32,
}

impl Wish {
    const fn has(&self, oflag: u32) -> bool {
        self.oflags & oflag != 0
    }
}

impl World {
    pub(super) fn path_open(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (number, out) = (call.u32(0), call.u32(8));
        let last_link = last_link(call.u32(1))?;
        let wish = Wish { oflags: call.u32(4), rights: call.u64(5), fdflags: call.u32(7) };
        let parent = self.fds.get(number)?;
        let folder = parent.folder(rights::PATH_OPEN)?;
        // The inheriting rights that are asked for are not looked at: a folder passes on what it could itself.
        let (parent_rights, inheriting) = (parent.rights, parent.rights_inheriting);
        if wish.oflags & !oflags::ALL != 0 || wish.fdflags & !fdflags::ALL != 0 {
            return Err(Errno::Inval.into());
        }
        if wish.has(oflags::CREAT) && wish.has(oflags::DIRECTORY) {
            return Err(Errno::Inval.into());
        }
        call.memory.range(out, 4)?;
        let path = call.path(2)?;
        let free = self.fds.next()?;
        let exclusive = wish.has(oflags::CREAT) && wish.has(oflags::EXCL);
        let last_link = if exclusive { LastLink::Take } else { last_link };
        let place = self.fs.resolve(&mut call.meter, folder, &path, last_link)?;
        let id = match place.inode {
            None if !wish.has(oflags::CREAT) => return Err(Errno::Noent.into()),
            None if parent_rights & rights::PATH_CREATE_FILE == 0 => return Err(Errno::Notcapable.into()),
            None => self.create_opened(call, &place)?,
            Some(_) if exclusive => return Err(Errno::Exist.into()),
            Some(id) => self.open_found(call, id, wish, parent_rights)?,
        };
        let object = match self.fs.inode(id)?.kind {
            Kind::Folder(_) => Object::Folder(id),
            _ => Object::File(id),
        };
        let descriptor = match object {
            Object::Folder(_) => {
                Descriptor::new(object, inheriting & rights::FOLDER, inheriting, wish.fdflags)
            }
            _ => {
                let writes = wish.rights & rights::FD_WRITE != 0;
                let more =
                    if writes { rights::FILE_ALWAYS | rights::WITH_WRITE } else { rights::FILE_ALWAYS };
                let rights = (wish.rights | more) & inheriting & rights::FILE;
                Descriptor::new(object, rights, 0, wish.fdflags)
            }
        };
        self.fs.opened(id);
        self.fds.put(free, descriptor)?;
        Ok(call.memory.write_u32(out, free)?)
    }

    fn create_opened(&mut self, call: &mut Call<'_>, place: &Place) -> Result<InodeId, Stop> {
        call.meter.charge(fuel::ENTRY_CHANGE)?;
        let now_ns = self.now_ns(call);
        Ok(self.fs.create_file(place, now_ns)?)
    }

    fn open_found(
        &mut self,
        call: &mut Call<'_>,
        id: InodeId,
        wish: Wish,
        parent_rights: u64,
    ) -> Result<InodeId, Stop> {
        let truncate = wish.has(oflags::TRUNC);
        let change = truncate || wish.rights & rights::FD_WRITE != 0;
        match self.fs.inode(id)?.kind {
            Kind::Symlink(_) => return Err(Errno::Loop.into()),
            Kind::Folder(_) if change || wish.has(oflags::CREAT) => return Err(Errno::Isdir.into()),
            Kind::Folder(_) => {}
            Kind::File(_) if wish.has(oflags::DIRECTORY) => return Err(Errno::Notdir.into()),
            Kind::File(_) => {}
        }
        if truncate {
            if parent_rights & rights::PATH_FILESTAT_SET_SIZE == 0 {
                // EPERM and not ENOTCAPABLE, as the conformance suite expects for this one right.
                return Err(Errno::Perm.into());
            }
            let now_ns = self.now_ns(call);
            self.fs.resize(&mut call.meter, id, 0, now_ns)?;
        }
        Ok(id)
    }

    pub(super) fn path_filestat_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let out = call.u32(4);
        let folder = self.fds.get(call.u32(0))?.folder(rights::PATH_FILESTAT_GET)?;
        let last_link = last_link(call.u32(1))?;
        call.memory.range(out, 64)?;
        let path = call.path(2)?;
        let place = self.fs.resolve(&mut call.meter, folder, &path, last_link)?;
        let stat = self.fs.stat(place.found()?)?;
        Ok(call.memory.write(out, &stat.to_bytes())?)
    }

    pub(super) fn path_filestat_set_times(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let folder = self.fds.get(call.u32(0))?.folder(rights::PATH_FILESTAT_SET_TIMES)?;
        let last_link = last_link(call.u32(1))?;
        let path = call.path(2)?;
        let place = self.fs.resolve(&mut call.meter, folder, &path, last_link)?;
        let now_ns = self.now_ns(call);
        let (access_ns, modify_ns) = times(call.u64(4), call.u64(5), call.u32(6), now_ns)?;
        Ok(self.fs.set_times(place.found()?, access_ns, modify_ns, now_ns)?)
    }

    pub(super) fn path_readlink(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (address, len, out) = (call.u32(3), call.u32(4), call.u32(5));
        let folder = self.fds.get(call.u32(0))?.folder(rights::PATH_READLINK)?;
        call.memory.range(address, len)?;
        call.memory.range(out, 4)?;
        let path = call.path(1)?;
        let place = self.fs.resolve(&mut call.meter, folder, &path, LastLink::Take)?;
        let Kind::Symlink(target) = &self.fs.inode(place.found()?)?.kind else {
            return Err(Errno::Inval.into());
        };
        let used = u32::try_from(target.len()).unwrap_or(u32::MAX).min(len);
        call.meter.charge_each(u64::from(used), fuel::BYTE_READ)?;
        let bytes = target.as_bytes().iter();
        for (to, from) in call.memory.bytes_mut(address, used)?.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(call.memory.write_u32(out, used)?)
    }
}

/// What lookup flags say of a link in the last place.
const fn last_link(flags: u32) -> Result<LastLink, Errno> {
    match flags {
        0 => Ok(LastLink::Take),
        SYMLINK_FOLLOW => Ok(LastLink::Follow),
        _ => Err(Errno::Inval),
    }
}
