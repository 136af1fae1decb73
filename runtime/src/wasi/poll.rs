//! `poll_oneoff`: descriptors are always ready, and waiting for a clock moves it there at once.

use super::{
    Call, World,
    clock::ClockId,
    fds::Object,
    fuel::{self, Stop},
    types::{Errno, rights},
};

/// Most subscriptions of one call; more is `EINVAL`.
const SUBSCRIPTIONS_MAX: u32 = 4_096;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;

/// A subscription's clock deadline is given as a point in time, not as a span.
const ABSTIME: u16 = 1;

const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;

/// What became of one subscription.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// Due after this span.
    Clock { wait_ns: u64 },
    /// Ready now, with so many bytes to be had.
    Ready { bytes: u64 },
    /// Can't ever become ready.
    Failed(Errno),
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    userdata: [u8; 8],
    event_type: u8,
    answer: Answer,
}

impl World {
    pub(super) fn poll_oneoff(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let (subscriptions_at, events_at, count, out) = (call.u32(0), call.u32(1), call.u32(2), call.u32(3));
        if count == 0 || count > SUBSCRIPTIONS_MAX {
            return Err(Errno::Inval.into());
        }
        let records = call.memory.bytes(subscriptions_at, count * SUBSCRIPTION_BYTES)?;
        call.memory.range(events_at, count * EVENT_BYTES)?;
        call.memory.range(out, 4)?;
        call.meter.charge_each(u64::from(count), fuel::SUBSCRIPTION)?;
        // Read before anything is written: the guest may let the two arrays overlap.
        let fuel_used = call.meter.used();
        let watched: Vec<Watched> =
            records.chunks_exact(48).map(|record| self.watch(record, fuel_used)).collect::<Result<_, _>>()?;
        let waits = watched.iter().map(|watched| match watched.answer {
            Answer::Clock { wait_ns } => wait_ns,
            _ => 0,
        });
        let wait_ns = waits.min().unwrap_or(0);
        self.clock.sleep(wait_ns);
        let mut event_at = events_at;
        let mut events = 0;
        for watched in &watched {
            let (error, bytes) = match watched.answer {
                Answer::Clock { wait_ns: later } if later > wait_ns => continue,
                Answer::Clock { .. } => (0, 0),
                Answer::Ready { bytes } => (0, bytes),
                Answer::Failed(errno) => (errno as u16, 0),
            };
            let mut event = [0; 32];
            event[..8].copy_from_slice(&watched.userdata);
            event[8..10].copy_from_slice(&error.to_le_bytes());
            event[10] = watched.event_type;
            event[16..24].copy_from_slice(&bytes.to_le_bytes());
            call.memory.write(event_at, &event)?;
            event_at = event_at.saturating_add(EVENT_BYTES);
            events += 1;
        }
        Ok(call.memory.write_u32(out, events)?)
    }

    fn watch(&self, record: &[u8], fuel_used: u64) -> Result<Watched, Errno> {
        let userdata = field(record, 0)?;
        let [event_type] = field(record, 8)?;
        let answer = match event_type {
            CLOCK => self.watch_clock(record, fuel_used)?,
            FD_READ | FD_WRITE => {
                let number = u32::from_le_bytes(field(record, 16)?);
                self.watch_fd(number, event_type).unwrap_or_else(Answer::Failed)
            }
            _ => return Err(Errno::Inval),
        };
        Ok(Watched { userdata, event_type, answer })
    }

    fn watch_clock(&self, record: &[u8], fuel_used: u64) -> Result<Answer, Errno> {
        let timeout_ns = u64::from_le_bytes(field(record, 24)?);
        let flags = u16::from_le_bytes(field(record, 40)?);
        let clock = match ClockId::from_number(u32::from_le_bytes(field(record, 16)?)) {
            // Waiting uses no work, so the time would never come.
            Ok(ClockId::CpuTime) => return Ok(Answer::Failed(Errno::Notsup)),
            Ok(clock) => clock,
            Err(errno) => return Ok(Answer::Failed(errno)),
        };
        Ok(match flags {
            0 => Answer::Clock { wait_ns: timeout_ns },
            ABSTIME => {
                let now_ns = self.clock.now_ns(clock, fuel_used);
                Answer::Clock { wait_ns: timeout_ns.saturating_sub(now_ns) }
            }
            _ => Answer::Failed(Errno::Inval),
        })
    }

    fn watch_fd(&self, number: u32, event_type: u8) -> Result<Answer, Errno> {
        let descriptor = self.fds.get(number)?;
        if matches!(descriptor.object, Object::Folder(_)) {
            return Err(Errno::Badf);
        }
        descriptor.allow(rights::POLL_FD_READWRITE)?;
        descriptor.allow(if event_type == FD_READ { rights::FD_READ } else { rights::FD_WRITE })?;
        let bytes = match descriptor.object {
            // How much can be written at once isn't bounded by anything that is worth telling.
            _ if event_type == FD_WRITE => 0,
            Object::File(id) => (self.fs.file(id)?.len() as u64).saturating_sub(descriptor.offset),
            _ => self.stdin.rest().len() as u64,
        };
        Ok(Answer::Ready { bytes })
    }
}

fn field<const N: usize>(record: &[u8], at: usize) -> Result<[u8; N], Errno> {
    record.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Errno::Fault)
}
