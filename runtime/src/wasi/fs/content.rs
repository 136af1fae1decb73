//! Bytes of files: reading, writing past the end, growing and cutting, all within the job's limit.
//!
//! A write that doesn't fit is shortened; one that can't place a single byte is `ENOSPC`.

use super::{FileSystem, InodeId, Kind};
use crate::wasi::{
    fuel::{self, Meter, Stop},
    types::Errno,
};
use std::sync::Arc;

/// A file that shrank gives its host memory back once it holds this much more than it needs.
const SLACK_BYTES_MAX: usize = 64 * 1024;

impl FileSystem {
    /// A file's bytes.
    pub(in crate::wasi) fn file(&self, id: InodeId) -> Result<&Arc<Vec<u8>>, Errno> {
        match &self.inode(id)?.kind {
            Kind::File(bytes) => Ok(bytes),
            Kind::Folder(_) => Err(Errno::Isdir),
            Kind::Symlink(_) => Err(Errno::Inval),
        }
    }

    /// A file's bytes from `offset`, `count` of them at most.
    pub(in crate::wasi) fn read(&self, id: InodeId, offset: u64, count: u32) -> Result<&[u8], Errno> {
        let bytes = self.file(id)?;
        // An offset that no memory could hold is past the end.
        let start = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
        let count = usize::try_from(count).map_err(|_| Errno::Overflow)?;
        Ok(&bytes[start..start.saturating_add(count).min(bytes.len())])
    }

    /// How many of `count` bytes can be written at `offset`; charges for them and for zeros before them.
    pub(in crate::wasi) fn reserve(
        &self,
        meter: &mut Meter<'_>,
        id: InodeId,
        offset: u64,
        count: u32,
    ) -> Result<usize, Stop> {
        self.inode(id)?.writable()?;
        let size = self.file(id)?.len() as u64;
        if count == 0 {
            return Ok(0);
        }
        if i64::try_from(offset).is_err() {
            return Err(Errno::Fbig.into());
        }
        let size_max = size.saturating_add(self.bytes_left);
        let end = offset.saturating_add(u64::from(count)).min(size_max);
        if end <= offset {
            return Err(Errno::Nospc.into());
        }
        meter.charge_each(end - offset.min(size), fuel::BYTE_KEPT)?;
        Ok(usize::try_from(end - offset).map_err(|_| Errno::Fbig)?)
    }

    /// Writes what [`FileSystem::reserve`] has room for. Bytes between the end and `offset` become zero.
    pub(in crate::wasi) fn write<'a>(
        &mut self,
        id: InodeId,
        offset: u64,
        parts: impl Iterator<Item = &'a [u8]>,
        now_ns: u64,
    ) -> Result<(), Errno> {
        let inode = self.inodes.get_mut(&id).ok_or(Errno::Noent)?;
        let Kind::File(shared) = &mut inode.kind else { return Err(Errno::Isdir) };
        let bytes = Arc::make_mut(shared);
        let size_before = bytes.len();
        let mut at = usize::try_from(offset).map_err(|_| Errno::Fbig)?;
        for part in parts {
            if part.is_empty() {
                continue;
            }
            if bytes.len() < at {
                bytes.resize(at, 0);
            }
            let (over, beyond) = part.split_at(part.len().min(bytes.len() - at));
            bytes[at..at + over.len()].copy_from_slice(over);
            bytes.extend_from_slice(beyond);
            at += part.len();
        }
        let grown = (bytes.len() - size_before) as u64;
        inode.touch(now_ns);
        self.bytes_left = self.bytes_left.saturating_sub(grown);
        Ok(())
    }

    /// Cuts a file or fills it with zeros, to `size_bytes`.
    pub(in crate::wasi) fn resize(
        &mut self,
        meter: &mut Meter<'_>,
        id: InodeId,
        size_bytes: u64,
        now_ns: u64,
    ) -> Result<(), Stop> {
        self.inode(id)?.writable()?;
        let size_before = self.file(id)?.len() as u64;
        if i64::try_from(size_bytes).is_err() {
            return Err(Errno::Fbig.into());
        }
        let grown = size_bytes.saturating_sub(size_before);
        if grown > self.bytes_left {
            return Err(Errno::Nospc.into());
        }
        meter.charge_each(grown, fuel::BYTE_KEPT)?;
        let size = usize::try_from(size_bytes).map_err(|_| Errno::Fbig)?;
        self.bytes_left = self.bytes_left - grown + size_before.saturating_sub(size_bytes);
        let inode = self.inode_mut(id)?;
        inode.touch(now_ns);
        if let Kind::File(shared) = &mut inode.kind {
            let bytes = Arc::make_mut(shared);
            bytes.resize(size, 0);
            // Without this, files cut to nothing could hold many times the job's limit.
            if bytes.capacity() > SLACK_BYTES_MAX.saturating_add(size.saturating_mul(2)) {
                bytes.shrink_to_fit();
            }
        }
        Ok(())
    }
}
