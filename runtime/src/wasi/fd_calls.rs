//! What a descriptor is and may do: its state, its file's state, closing and renumbering.

use super::{
    Call, World,
    fds::{Descriptor, Object},
    fuel::{self, Stop},
    types::{ADVICE_MAX, Errno, FileStat, FileType, fdflags, fstflags, rights},
};

impl World {
    /// There is no cache to advise; the arguments are checked all the same.
    pub(super) fn fd_advise(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        match descriptor.object {
            Object::File(_) => descriptor.allow(rights::FD_ADVISE)?,
            Object::Folder(_) => return Err(Errno::Badf.into()),
            _ => return Err(Errno::Spipe.into()),
        }
        let end = call.u64(1).checked_add(call.u64(2));
        if call.u32(3) > ADVICE_MAX || end.is_none() { Err(Errno::Inval.into()) } else { Ok(()) }
    }

    pub(super) fn fd_allocate(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        let Object::File(id) = descriptor.object else { return Err(Errno::Badf.into()) };
        descriptor.allow(rights::FD_ALLOCATE)?;
        let (offset, len) = (call.u64(1), call.u64(2));
        if len == 0 {
            return Err(Errno::Inval.into());
        }
        let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
        if end <= self.fs.file(id)?.len() as u64 {
            return Ok(());
        }
        let now_ns = self.now_ns(call);
        self.fs.resize(&mut call.meter, id, end, now_ns)
    }

    pub(super) fn fd_close(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.take(call.u32(0))?;
        self.closed(descriptor);
        Ok(())
    }

    /// Moves a descriptor over another, which must be open and is closed by it.
    pub(super) fn fd_renumber(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (from, to) = (call.u32(0), call.u32(1));
        self.fds.get(from)?;
        self.fds.get(to)?;
        if from != to {
            let moved = self.fds.take(from)?;
            if let Some(replaced) = self.fds.put(to, moved)? {
                self.closed(replaced);
            }
        }
        Ok(())
    }

    fn closed(&mut self, descriptor: Descriptor) {
        if let Some(id) = descriptor.inode() {
            self.fs.closed(id);
        }
        self.listed_names -= descriptor.listing.map_or(0, |listing| listing.len());
    }

    /// `fd_sync` and `fd_datasync`: memory is always in sync; a pipe can't be.
    pub(super) fn fd_sync(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        if descriptor.inode().is_some() { Ok(()) } else { Err(Errno::Inval.into()) }
    }

    pub(super) fn fd_fdstat_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        let mut record = [0; 24];
        record[0] = file_type(descriptor.object) as u8;
        let [low, high, ..] = descriptor.flags.to_le_bytes();
        record[2] = low;
        record[3] = high;
        record[8..16].copy_from_slice(&descriptor.rights.to_le_bytes());
        record[16..24].copy_from_slice(&descriptor.rights_inheriting.to_le_bytes());
        Ok(call.memory.write(call.u32(1), &record)?)
    }

    pub(super) fn fd_fdstat_set_flags(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get_mut(call.u32(0))?;
        descriptor.allow(rights::FD_FDSTAT_SET_FLAGS)?;
        let flags = call.u32(1);
        if flags & !fdflags::ALL != 0 {
            return Err(Errno::Inval.into());
        }
        descriptor.flags = flags;
        Ok(())
    }

    /// Rights can be given up, never gained.
    pub(super) fn fd_fdstat_set_rights(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get_mut(call.u32(0))?;
        let (base, inheriting) = (call.u64(1), call.u64(2));
        if base & !descriptor.rights != 0 || inheriting & !descriptor.rights_inheriting != 0 {
            return Err(Errno::Notcapable.into());
        }
        descriptor.rights = base;
        descriptor.rights_inheriting = inheriting;
        Ok(())
    }

    pub(super) fn fd_filestat_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        descriptor.allow(rights::FD_FILESTAT_GET)?;
        let stat = match descriptor.inode() {
            Some(id) => self.fs.stat(id)?,
            None => PIPE,
        };
        Ok(call.memory.write(call.u32(1), &stat.to_bytes())?)
    }

    pub(super) fn fd_filestat_set_size(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        let Object::File(id) = descriptor.object else { return Err(Errno::Badf.into()) };
        // EINVAL, as Linux answers for what is open for reading only.
        descriptor.allow(rights::FD_FILESTAT_SET_SIZE).map_err(|_| Errno::Inval)?;
        let (size_bytes, now_ns) = (call.u64(1), self.now_ns(call));
        self.fs.resize(&mut call.meter, id, size_bytes, now_ns)
    }

    pub(super) fn fd_filestat_set_times(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        let id = descriptor.inode().ok_or(Errno::Badf)?;
        descriptor.allow(rights::FD_FILESTAT_SET_TIMES)?;
        let now_ns = self.now_ns(call);
        let (access_ns, modify_ns) = times(call.u64(1), call.u64(2), call.u32(3), now_ns)?;
        Ok(self.fs.set_times(id, access_ns, modify_ns, now_ns)?)
    }

    pub(super) fn fd_prestat_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        let path = descriptor.preopen.as_ref().ok_or(Errno::Badf)?;
        let len = u32::try_from(path.len()).map_err(|_| Errno::Overflow)?;
        // Tag 0 is a folder, the only kind there is.
        let mut record = [0; 8];
        record[4..].copy_from_slice(&len.to_le_bytes());
        Ok(call.memory.write(call.u32(1), &record)?)
    }

    pub(super) fn fd_prestat_dir_name(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        let path = descriptor.preopen.as_ref().ok_or(Errno::Badf)?;
        let (address, len) = (call.u32(1), call.u32(2));
        call.memory.range(address, len)?;
        if u64::from(len) < path.len() as u64 {
            return Err(Errno::Nametoolong.into());
        }
        call.meter.charge_each(path.len() as u64, fuel::BYTE_READ)?;
        Ok(call.memory.write(address, path.as_bytes())?)
    }
}

/// What `stat` says of stdio.
const PIPE: FileStat = FileStat {
    device: 0,
    inode: 0,
    file_type: FileType::Unknown,
    links: 1,
    size_bytes: 0,
    access_ns: 0,
    modify_ns: 0,
    change_ns: 0,
};

pub(super) const fn file_type(object: Object) -> FileType {
    match object {
        Object::File(_) => FileType::File,
        Object::Folder(_) => FileType::Folder,
        Object::Stdin | Object::Stdout | Object::Stderr => FileType::Unknown,
    }
}

/// The access and modification times that a set-times call asks for.
pub(super) const fn times(
    access_ns: u64,
    modify_ns: u64,
    flags: u32,
    now_ns: u64,
) -> Result<(Option<u64>, Option<u64>), Errno> {
    const fn one(flags: u32, given: u32, now: u32, given_ns: u64, now_ns: u64) -> Result<Option<u64>, Errno> {
        match (flags & given != 0, flags & now != 0) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(Some(given_ns)),
            (false, true) => Ok(Some(now_ns)),
            (false, false) => Ok(None),
        }
    }
    if flags & !fstflags::ALL != 0 {
        return Err(Errno::Inval);
    }
    let access = one(flags, fstflags::ATIM, fstflags::ATIM_NOW, access_ns, now_ns);
    let modify = one(flags, fstflags::MTIM, fstflags::MTIM_NOW, modify_ns, now_ns);
    match (access, modify) {
        (Ok(access), Ok(modify)) => Ok((access, modify)),
        _ => Err(Errno::Inval),
    }
}
