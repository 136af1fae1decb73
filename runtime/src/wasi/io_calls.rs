//! Reading, writing and seeking.
//!
//! Order within each call: descriptor, guest memory, then fuel, then the work.

use super::{
    Call, World,
    fds::{Descriptor, Object},
    fuel::{self, Stop},
    memory::IoVecs,
    types::{Errno, fdflags, rights},
};

impl World {
    pub(super) fn fd_read(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let number = call.u32(0);
        let descriptor = self.fds.get(number)?;
        readable(descriptor)?;
        let (object, offset) = (descriptor.object, descriptor.offset);
        let (vectors, count_at) = io_vectors(call, 3)?;
        let count = match object {
            Object::File(_) => self.read_file(call, object, &vectors, offset)?,
            _ => {
                let count = self.stdin.rest().len().min(usize::try_from(vectors.bytes).unwrap_or(usize::MAX));
                call.meter.charge_each(count as u64, fuel::BYTE_READ)?;
                call.memory.scatter(&vectors, self.stdin.take(count))?;
                count_u32(count)?
            }
        };
        let descriptor = self.fds.get_mut(number)?;
        descriptor.offset = descriptor.offset.saturating_add(u64::from(count));
        Ok(call.memory.write_u32(count_at, count)?)
    }

    pub(super) fn fd_pread(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        readable(descriptor)?;
        let object = descriptor.object;
        seekable(object)?;
        let (vectors, count_at) = io_vectors(call, 4)?;
        let count = self.read_file(call, object, &vectors, call.u64(3))?;
        Ok(call.memory.write_u32(count_at, count)?)
    }

    pub(super) fn fd_write(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let number = call.u32(0);
        let descriptor = self.fds.get(number)?;
        writable(descriptor)?;
        let (object, offset, flags) = (descriptor.object, descriptor.offset, descriptor.flags);
        let (vectors, count_at) = io_vectors(call, 3)?;
        let count = match object {
            Object::File(id) => {
                let append = flags & fdflags::APPEND != 0;
                let offset = if append { self.fs.file(id)?.len() as u64 } else { offset };
                let count = self.write_file(call, object, &vectors, offset)?;
                self.fds.get_mut(number)?.offset = offset.saturating_add(u64::from(count));
                count
            }
            _ => {
                // The cut shows nowhere but in the captured bytes: the guest pays for and is told all of it.
                call.meter.charge_each(u64::from(vectors.bytes), fuel::BYTE_KEPT)?;
                let capture = if object == Object::Stdout { &mut self.stdout } else { &mut self.stderr };
                call.memory.gather(&vectors, usize::MAX).for_each(|part| capture.write(part));
                vectors.bytes
            }
        };
        Ok(call.memory.write_u32(count_at, count)?)
    }

    pub(super) fn fd_pwrite(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        writable(descriptor)?;
        let object = descriptor.object;
        seekable(object)?;
        let (vectors, count_at) = io_vectors(call, 4)?;
        // As POSIX has it, APPEND doesn't move a write that names its place.
        let count = self.write_file(call, object, &vectors, call.u64(3))?;
        Ok(call.memory.write_u32(count_at, count)?)
    }

    pub(super) fn fd_seek(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (number, delta, whence, out) = (call.u32(0), call.u64(1).cast_signed(), call.u32(2), call.u32(3));
        let descriptor = self.fds.get(number)?;
        seekable(descriptor.object)?;
        // Asking where one is, is all that TELL is for.
        let asks = whence == 1 && delta == 0;
        descriptor.allow(if asks { rights::FD_TELL } else { rights::FD_SEEK })?;
        let base = match whence {
            0 => 0,
            1 => descriptor.offset,
            2 => descriptor.inode().map_or(Ok(0), |id| self.fs.file(id).map(|bytes| bytes.len() as u64))?,
            _ => return Err(Errno::Inval.into()),
        };
        let offset = base.checked_add_signed(delta).ok_or(Errno::Inval)?;
        if i64::try_from(offset).is_err() {
            return Err(Errno::Inval.into());
        }
        call.memory.write_u64(out, offset)?;
        self.fds.get_mut(number)?.offset = offset;
        Ok(())
    }

    pub(super) fn fd_tell(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let descriptor = self.fds.get(call.u32(0))?;
        seekable(descriptor.object)?;
        descriptor.allow(rights::FD_TELL)?;
        Ok(call.memory.write_u64(call.u32(1), descriptor.offset)?)
    }

    fn read_file(
        &self,
        call: &mut Call<'_>,
        object: Object,
        vectors: &IoVecs,
        offset: u64,
    ) -> Result<u32, Stop> {
        let Object::File(id) = object else { return Err(Errno::Isdir.into()) };
        let bytes = self.fs.read(id, offset, vectors.bytes)?;
        call.meter.charge_each(bytes.len() as u64, fuel::BYTE_READ)?;
        call.memory.scatter(vectors, bytes)?;
        Ok(count_u32(bytes.len())?)
    }

    fn write_file(
        &mut self,
        call: &mut Call<'_>,
        object: Object,
        vectors: &IoVecs,
        offset: u64,
    ) -> Result<u32, Stop> {
        let Object::File(id) = object else { return Err(Errno::Isdir.into()) };
        let count = self.fs.reserve(&mut call.meter, id, offset, vectors.bytes)?;
        if count > 0 {
            let now_ns = self.now_ns(call);
            self.fs.write(id, offset, call.memory.gather(vectors, count), now_ns)?;
        }
        Ok(count_u32(count)?)
    }
}

/// The vectors at arguments 1 and 2, and the checked address of the count at argument `count_at`.
fn io_vectors(call: &mut Call<'_>, count_at: usize) -> Result<(IoVecs, u32), Stop> {
    let (address, count, count_at) = (call.u32(1), call.u32(2), call.u32(count_at));
    call.memory.range(count_at, 4)?;
    let vectors = call.memory.iovecs(&mut call.meter, address, count)?;
    Ok((vectors, count_at))
}

fn count_u32(count: usize) -> Result<u32, Errno> {
    u32::try_from(count).map_err(|_| Errno::Overflow)
}

fn readable(descriptor: &Descriptor) -> Result<(), Errno> {
    if matches!(descriptor.object, Object::Folder(_)) {
        return Err(Errno::Isdir);
    }
    descriptor.allow(rights::FD_READ)
}

fn writable(descriptor: &Descriptor) -> Result<(), Errno> {
    if matches!(descriptor.object, Object::Folder(_)) {
        return Err(Errno::Isdir);
    }
    descriptor.allow(rights::FD_WRITE)
}

/// Stdio is a pipe; a folder has no place to seek to.
const fn seekable(object: Object) -> Result<(), Errno> {
    match object {
        Object::File(_) => Ok(()),
        Object::Folder(_) => Err(Errno::Badf),
        Object::Stdin | Object::Stdout | Object::Stderr => Err(Errno::Spipe),
    }
}
