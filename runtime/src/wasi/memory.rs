//! The one way into guest memory: every range is checked, and a bad one is `EFAULT`.
//!
//! No pointer of the guest is trusted, none is kept beyond its call, and no address makes this panic.

use super::{
    fuel::{self, Meter, Stop},
    types::Errno,
};
use std::ops::Range;

/// Most I/O vectors of one call, as on Linux.
const IOVECS_MAX: u32 = 1_024;

/// Most bytes of a path, as on Linux.
const PATH_BYTES_MAX: u32 = 4_096;

/// A number of 32 bits from one of 64: what the guest passes as `i32` has no higher bits.
pub(super) fn low_u32(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// The guest's linear memory during one call.
#[derive(Debug)]
pub(super) struct Memory<'a>(&'a mut [u8]);

/// Guest memory that an I/O call reads or writes: checked ranges, and the sum of their lengths.
#[derive(Debug)]
pub(super) struct IoVecs {
    pub(super) ranges: Vec<Range<usize>>,
    pub(super) bytes: u32,
}

impl<'a> Memory<'a> {
    pub(super) const fn new(bytes: &'a mut [u8]) -> Self {
        Self(bytes)
    }

    /// The indexes of `len` bytes at `address`.
    pub(super) fn range(&self, address: u32, len: u32) -> Result<Range<usize>, Errno> {
        let start = usize::try_from(address).map_err(|_| Errno::Fault)?;
        let len = usize::try_from(len).map_err(|_| Errno::Fault)?;
        let end = start.checked_add(len).ok_or(Errno::Fault)?;
        if end > self.0.len() { Err(Errno::Fault) } else { Ok(start..end) }
    }

    pub(super) fn bytes(&self, address: u32, len: u32) -> Result<&[u8], Errno> {
        let range = self.range(address, len)?;
        self.slice(range)
    }

    pub(super) fn bytes_mut(&mut self, address: u32, len: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(address, len)?;
        self.slice_mut(range)
    }

    /// The bytes of a range from [`Memory::range`].
    pub(super) fn slice(&self, range: Range<usize>) -> Result<&[u8], Errno> {
        self.0.get(range).ok_or(Errno::Fault)
    }

    /// The bytes of a range from [`Memory::range`], to be written.
    pub(super) fn slice_mut(&mut self, range: Range<usize>) -> Result<&mut [u8], Errno> {
        self.0.get_mut(range).ok_or(Errno::Fault)
    }

    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(address, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// A path or a link's target: UTF-8 without NUL.
    pub(super) fn path(&self, meter: &mut Meter<'_>, address: u32, len: u32) -> Result<String, Stop> {
        let range = self.range(address, len)?;
        if len > PATH_BYTES_MAX {
            return Err(Errno::Nametoolong.into());
        }
        meter.charge_each(u64::from(len), fuel::PATH_BYTE)?;
        let text = std::str::from_utf8(self.slice(range)?).map_err(|_| Errno::Ilseq)?;
        if text.contains('\0') {
            return Err(Errno::Inval.into());
        }
        Ok(text.to_owned())
    }

    /// The I/O vectors of a call, each checked.
    pub(super) fn iovecs(&self, meter: &mut Meter<'_>, address: u32, count: u32) -> Result<IoVecs, Stop> {
        if count > IOVECS_MAX {
            return Err(Errno::Inval.into());
        }
        meter.charge_each(u64::from(count), fuel::IOVEC)?;
        let records = self.bytes(address, count * 8)?;
        let mut ranges = Vec::new();
        let mut bytes = 0_u32;
        for record in records.chunks_exact(8) {
            let (at, len) = record.split_at(4);
            let at = u32::from_le_bytes(at.try_into().map_err(|_| Errno::Fault)?);
            let len = u32::from_le_bytes(len.try_into().map_err(|_| Errno::Fault)?);
            ranges.push(self.range(at, len)?);
            bytes = bytes.checked_add(len).ok_or(Errno::Inval)?;
        }
        Ok(IoVecs { ranges, bytes })
    }

    /// Spreads `bytes` over the vectors; what doesn't fit is left.
    pub(super) fn scatter(&mut self, vectors: &IoVecs, mut bytes: &[u8]) -> Result<(), Errno> {
        for range in &vectors.ranges {
            let (now, later) = bytes.split_at(range.len().min(bytes.len()));
            self.slice_mut(range.start..range.start + now.len())?.copy_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// The vectors' bytes in order, `count` of them at most.
    pub(super) fn gather(&self, vectors: &IoVecs, count: usize) -> impl Iterator<Item = &[u8]> {
        let mut left = count;
        vectors.ranges.iter().map_while(move |range| {
            let part = self.0.get(range.clone())?;
            let part = &part[..part.len().min(left)];
            left -= part.len();
            Some(part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_at_the_end_of_memory() {
        let mut bytes = [0_u8; 16];
        let memory = Memory::new(&mut bytes);
        assert_eq!(memory.range(0, 16), Ok(0..16));
        assert_eq!(memory.range(16, 0), Ok(16..16));
        assert_eq!(memory.range(17, 0), Err(Errno::Fault));
        assert_eq!(memory.range(1, 16), Err(Errno::Fault));
        assert_eq!(memory.range(u32::MAX, u32::MAX), Err(Errno::Fault));
    }

    #[test]
    fn vectors_that_sum_past_32_bits_are_refused() {
        let mut bytes = vec![0_u8; 64];
        let mut left = 1_000_000;
        let mut meter = Meter::new(&mut left, 1_000_000);
        // Two vectors of the whole memory are fine: ranges may overlap.
        let mut memory = Memory::new(&mut bytes);
        for (at, value) in [(0, 0), (4, 64), (8, 0), (12, 64)] {
            memory.write_u32(at, value).unwrap();
        }
        assert_eq!(memory.iovecs(&mut meter, 0, 2).unwrap().bytes, 128);
        memory.write_u32(12, 65).unwrap();
        assert_eq!(memory.iovecs(&mut meter, 0, 2).unwrap_err(), Stop::Errno(Errno::Fault));
        assert_eq!(memory.iovecs(&mut meter, 0, 1_025).unwrap_err(), Stop::Errno(Errno::Inval));
    }
}
