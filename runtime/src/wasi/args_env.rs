//! Arguments and environment: exactly the job's, nothing of the host's.

use super::{
    Call, World,
    fuel::{self, Stop},
    types::Errno,
};

/// A list of strings, laid out as C wants them: each ended by NUL.
#[derive(Debug)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Strings {
    /// Whatever doesn't fit 32 bits is left out; a checked job comes nowhere near.
    pub(super) fn new(texts: impl Iterator<Item = String>) -> Self {
        let mut strings = Self { bytes: Vec::new(), starts: Vec::new() };
        for text in texts {
            let Ok(start) = u32::try_from(strings.bytes.len()) else { break };
            strings.starts.push(start);
            strings.bytes.extend_from_slice(text.as_bytes());
            strings.bytes.push(0);
        }
        strings
    }

    fn sizes(&self) -> Result<(u32, u32), Errno> {
        let count = u32::try_from(self.starts.len()).map_err(|_| Errno::Overflow)?;
        let bytes = u32::try_from(self.bytes.len()).map_err(|_| Errno::Overflow)?;
        Ok((count, bytes))
    }

    /// `*_sizes_get`: how many strings, and how many bytes they take.
    fn put_sizes(&self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (count, bytes) = self.sizes()?;
        let (count_at, bytes_at) = (call.u32(0), call.u32(1));
        call.memory.range(bytes_at, 4)?;
        call.memory.write_u32(count_at, count)?;
        Ok(call.memory.write_u32(bytes_at, bytes)?)
    }

    /// `*_get`: an array of addresses, and the strings that they point to.
    fn put(&self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (count, bytes) = self.sizes()?;
        let (array_at, bytes_at) = (call.u32(0), call.u32(1));
        call.memory.range(array_at, count.checked_mul(4).ok_or(Errno::Fault)?)?;
        call.memory.range(bytes_at, bytes)?;
        call.meter.charge_each(u64::from(bytes) + 4 * u64::from(count), fuel::BYTE_READ)?;
        let mut slot = array_at;
        for start in &self.starts {
            // In range: both were checked above.
            call.memory.write_u32(slot, bytes_at.saturating_add(*start))?;
            slot = slot.saturating_add(4);
        }
        Ok(call.memory.write(bytes_at, &self.bytes)?)
    }
}

impl World {
    pub(super) fn args_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        self.args.put(call)
    }

    pub(super) fn args_sizes_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        self.args.put_sizes(call)
    }

    pub(super) fn environ_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        self.env.put(call)
    }

    pub(super) fn environ_sizes_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        self.env.put_sizes(call)
    }
}
