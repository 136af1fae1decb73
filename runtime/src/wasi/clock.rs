//! The virtual clock: it starts at the job's epoch, advances with fuel, and sleeping advances it at once.
//!
//! No real clock is ever read, so that a job tells the same time on every machine.

use super::{Call, World, fuel::Stop, memory::low_u32, types::Errno};

/// Fuel that takes one virtual nanosecond, so that the clock goes about as fast as a real one. Every call that
/// could look at the clock costs more than this, so no two looks see the same time.
const FUEL_PER_NS: u64 = 8;

/// What `clock_res_get` reports for every clock.
const RESOLUTION_NS: u64 = 1;

/// The clocks of preview 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockId {
    /// Since 1970, from the job's epoch.
    Realtime,
    /// Since the job began.
    Monotonic,
    /// Fuel alone: sleeping takes none of it. The process and its one thread share it.
    CpuTime,
}

impl ClockId {
    pub(super) const fn from_number(number: u32) -> Result<Self, Errno> {
        match number {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            2 | 3 => Ok(Self::CpuTime),
            _ => Err(Errno::Inval),
        }
    }
}

/// Where the clock stands apart from fuel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    epoch_ns: u64,
    slept_ns: u64,
}

impl Clock {
    pub(super) const fn new(epoch_ns: u64) -> Self {
        Self { epoch_ns, slept_ns: 0 }
    }

    /// The time on a clock, in nanoseconds, once `fuel_used` is used; it stops at the last number it can tell.
    pub(super) const fn now_ns(&self, clock: ClockId, fuel_used: u64) -> u64 {
        let worked_ns = fuel_used / FUEL_PER_NS;
        match clock {
            ClockId::CpuTime => worked_ns,
            ClockId::Monotonic => worked_ns.saturating_add(self.slept_ns),
            ClockId::Realtime => worked_ns.saturating_add(self.slept_ns).saturating_add(self.epoch_ns),
        }
    }

    pub(super) const fn sleep(&mut self, ns: u64) {
        self.slept_ns = self.slept_ns.saturating_add(ns);
    }
}

impl World {
    /// What a file changed now is stamped with.
    pub(super) const fn now_ns(&self, call: &Call<'_>) -> u64 {
        self.clock.now_ns(ClockId::Realtime, call.meter.used())
    }

    pub(super) fn clock_res_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        ClockId::from_number(call.u32(0))?;
        Ok(call.memory.write_u64(call.u32(1), RESOLUTION_NS)?)
    }

    pub(super) fn clock_time_get(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        // The second argument, the wished precision, changes nothing: the clock is exact.
        let clock = ClockId::from_number(call.u32(0))?;
        let now_ns = self.clock.now_ns(clock, call.meter.used());
        Ok(call.memory.write_u64(low_u32(call.u64(2)), now_ns)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_moves_the_wall_and_not_the_work() {
        let mut clock = Clock::new(1_000);
        clock.sleep(50);
        assert_eq!(clock.now_ns(ClockId::Realtime, 7 * FUEL_PER_NS), 1_057);
        assert_eq!(clock.now_ns(ClockId::Monotonic, 8 * FUEL_PER_NS - 1), 57);
        assert_eq!(clock.now_ns(ClockId::CpuTime, 7 * FUEL_PER_NS), 7);
    }

    #[test]
    fn the_clock_stops_at_its_end() {
        let mut clock = Clock::new(u64::MAX);
        clock.sleep(u64::MAX);
        clock.sleep(u64::MAX);
        assert_eq!(clock.now_ns(ClockId::Realtime, u64::MAX), u64::MAX);
    }
}
