//! Ending, yielding, what is absent (signals, sockets), and the journal.

use super::{
    Call, Halt, World,
    fuel::{self, Stop},
    types::Errno,
};

impl World {
    pub(super) fn proc_exit(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        Err(Stop::Halt(Halt::Exit(call.u32(0))))
    }

    /// There are no signals.
    pub(super) fn proc_raise(&mut self, _: &mut Call<'_>) -> Result<(), Stop> {
        Err(Errno::Nosys.into())
    }

    /// There is no one to yield to.
    pub(super) fn sched_yield(&mut self, _: &mut Call<'_>) -> Result<(), Stop> {
        Ok(())
    }

    /// No descriptor is a socket.
    pub(super) fn sock_call(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        self.fds.get(call.u32(0))?;
        Err(Errno::Notsock.into())
    }

    /// Appends to the journal, all or nothing.
    pub(super) fn journal_write(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (address, len) = (call.u32(0), call.u32(1));
        let range = call.memory.range(address, len)?;
        if range.len() > self.journal_bytes_max.saturating_sub(self.journal.len()) {
            return Err(Errno::Nospc.into());
        }
        call.meter.charge_each(u64::from(len), fuel::BYTE_KEPT)?;
        self.journal.extend_from_slice(call.memory.slice(range)?);
        Ok(())
    }
}
