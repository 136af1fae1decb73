//! Bytes of files: reading, writing past the end, growing and cutting, all within the job's limit.
//!
//! A write that doesn't fit is shortened; one that can't place a single byte is `ENOSPC`.
//! The first change of an input copies it, and the whole copy counts: that is what the host then holds.

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

    /// How many of `count` bytes can be written at `offset`; charges for them, for zeros before them, and for
    /// the copy of an input.
    pub(in crate::wasi) fn reserve(
        &self,
        meter: &mut Meter<'_>,
        id: InodeId,
        offset: u64,
        count: u32,
    ) -> Result<usize, Stop> {
        let inode = self.inode(id)?;
        let (copies, counted) = (inode.copies(), inode.counted);
        let size = self.file(id)?.len() as u64;
        if count == 0 {
            return Ok(0);
        }
        if i64::try_from(offset).is_err() {
            return Err(Errno::Fbig.into());
        }
        let room = self.quota.bytes_left() / copies;
        let size_max = if counted { size.saturating_add(room) } else { room };
        let end = offset.saturating_add(u64::from(count)).min(size_max);
        if end <= offset || size_max < size {
            return Err(Errno::Nospc.into());
        }
        if !counted {
            meter.charge_each(size, fuel::BYTE_KEPT)?;
        }
        meter.charge_each((end - offset.min(size)).saturating_mul(copies), fuel::BYTE_KEPT)?;
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
        let at = usize::try_from(offset).map_err(|_| Errno::Fbig)?;
        self.change(id, |inode| {
            let Kind::File(shared) = &mut inode.kind else { return Err(Errno::Isdir) };
            put(Arc::make_mut(shared), at, parts);
            inode.counted = true;
            inode.touch(now_ns);
            Ok(())
        })?
    }

    /// Cuts a file or fills it with zeros, to `size_bytes`.
    pub(in crate::wasi) fn resize(
        &mut self,
        meter: &mut Meter<'_>,
        id: InodeId,
        size_bytes: u64,
        now_ns: u64,
    ) -> Result<(), Stop> {
        let size_before = self.file(id)?.len() as u64;
        let inode = self.inode(id)?;
        let copies = inode.copies();
        if i64::try_from(size_bytes).is_err() {
            return Err(Errno::Fbig.into());
        }
        let grown = size_bytes.saturating_sub(size_before);
        // An input that keeps its size stays shared.
        let copied = if inode.counted || size_bytes == size_before { 0 } else { size_before.min(size_bytes) };
        if grown.saturating_add(copied).saturating_mul(copies) > self.quota.bytes_left() {
            return Err(Errno::Nospc.into());
        }
        meter.charge_each(copied, fuel::BYTE_KEPT)?;
        meter.charge_each(grown.saturating_mul(copies), fuel::BYTE_KEPT)?;
        let size = usize::try_from(size_bytes).map_err(|_| Errno::Fbig)?;
        Ok(self.change(id, |inode| {
            inode.touch(now_ns);
            if size_bytes != size_before
                && let Kind::File(shared) = &mut inode.kind
            {
                inode.counted = true;
                set_size(shared, size);
            }
        })?)
    }
}

/// Writes `parts` one after the other from `at` on; what lies between the end and `at` becomes zero.
fn put<'a>(bytes: &mut Vec<u8>, mut at: usize, parts: impl Iterator<Item = &'a [u8]>) {
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
}

fn set_size(shared: &mut Arc<Vec<u8>>, size: usize) {
    if let Some(bytes) = Arc::get_mut(shared) {
        bytes.resize(size, 0);
        // Without this, files cut to nothing could hold many times the job's limit.
        if bytes.capacity() > SLACK_BYTES_MAX.saturating_add(size.saturating_mul(2)) {
            bytes.shrink_to_fit();
        }
    } else {
        // Still shared with the job: only what stays is copied.
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(&shared[..size.min(shared.len())]);
        bytes.resize(size, 0);
        *shared = Arc::new(bytes);
    }
}
