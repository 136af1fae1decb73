//! Who may start when: cores, memory, disk and GPUs for all jobs together, first come first served.
//!
//! A large job at the head of the queue is not overtaken by small ones behind it, or it might wait for ever.
//! Nothing here measures what jobs use: what they reserve counts.

use crate::container::{Gpu, Machine};
use lilypad_abi::{ContainerSpec, GpuVendor, Gpus};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// What a job reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) cpu_millis: u64,
    pub(super) memory_bytes: u64,
    pub(super) disk_bytes: u64,
    pub(super) gpus: Option<Gpus>,
}

impl Need {
    pub(super) fn of(spec: &ContainerSpec) -> Self {
        Self {
            cpu_millis: spec.limits.cpu_millis.into(),
            memory_bytes: spec.limits.memory_bytes_max,
            disk_bytes: super::config::disk_bytes_max(spec),
            gpus: spec.gpus,
        }
    }
}

/// The machine's room, shared by its jobs.
#[derive(Debug)]
pub(super) struct Room {
    total: Machine,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: Machine,
    waiting: VecDeque<(Need, oneshot::Sender<Lease>)>,
}

/// A part of the room; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    room: Arc<Room>,
    part: Machine,
}

impl Lease {
    /// The GPUs that are this job's alone.
    pub(super) fn gpus(&self) -> &[Gpu] {
        &self.part.gpus
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.room.give_back(&self.part);
    }
}

impl Room {
    pub(super) fn new(total: Machine) -> Arc<Self> {
        Arc::new(Self { total, state: Mutex::default() })
    }

    pub(super) const fn total(&self) -> &Machine {
        &self.total
    }

    /// Waits for room; `Err` says what this machine can never give.
    pub(super) async fn take(self: &Arc<Self>, need: Need) -> Result<Lease, String> {
        let none = Machine::default();
        if part(&self.total, &none, &need).is_none() {
            return Err(lacking(&self.total, &need));
        }
        let receiver = {
            let mut state = self.lock();
            if state.waiting.is_empty()
                && let Some(part) = part(&self.total, &state.used, &need)
            {
                add(&mut state.used, &part);
                return Ok(Lease { room: self.clone(), part });
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back((need, sender));
            receiver
        };
        receiver.await.map_err(|_| "the queue for room was dropped".to_owned())
    }

    /// Counts what already runs, whether it fits or not.
    pub(super) fn take_over(self: &Arc<Self>, need: Need, gpus: Vec<Gpu>) -> Lease {
        let part = Machine {
            cpu_millis: need.cpu_millis,
            memory_bytes: need.memory_bytes,
            disk_bytes: need.disk_bytes,
            gpus,
        };
        add(&mut self.lock().used, &part);
        Lease { room: self.clone(), part }
    }

    fn give_back(self: &Arc<Self>, back: &Machine) {
        let mut served = Vec::new();
        {
            let mut state = self.lock();
            let State { used, waiting } = &mut *state;
            used.cpu_millis = used.cpu_millis.saturating_sub(back.cpu_millis);
            used.memory_bytes = used.memory_bytes.saturating_sub(back.memory_bytes);
            used.disk_bytes = used.disk_bytes.saturating_sub(back.disk_bytes);
            used.gpus.retain(|gpu| !back.gpus.contains(gpu));
            while let Some((need, sender)) = waiting.front() {
                if !sender.is_closed() {
                    let Some(part) = part(&self.total, used, need) else { break };
                    add(used, &part);
                    served.push((waiting.pop_front(), part));
                } else {
                    waiting.pop_front();
                }
            }
        }
        // Outside of the lock: a lease that nobody takes any more is dropped here, and gives back in turn.
        for (waiter, part) in served {
            let lease = Lease { room: self.clone(), part };
            if let Some((_, sender)) = waiter {
                let _ = sender.send(lease);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked had not begun to change anything: each change is a few additions.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(used: &mut Machine, part: &Machine) {
    used.cpu_millis = used.cpu_millis.saturating_add(part.cpu_millis);
    used.memory_bytes = used.memory_bytes.saturating_add(part.memory_bytes);
    used.disk_bytes = used.disk_bytes.saturating_add(part.disk_bytes);
    used.gpus.extend(part.gpus.iter().cloned());
}

/// The part of the room that meets a need, if there is one.
fn part(total: &Machine, used: &Machine, need: &Need) -> Option<Machine> {
    let fits = |total: u64, used: u64, need: u64| used.checked_add(need).is_some_and(|sum| sum <= total);
    let all = fits(total.cpu_millis, used.cpu_millis, need.cpu_millis)
        && fits(total.memory_bytes, used.memory_bytes, need.memory_bytes)
        && fits(total.disk_bytes, used.disk_bytes, need.disk_bytes);
    let gpus = match need.gpus {
        None => Vec::new(),
        Some(gpus) => choose(&total.gpus, &used.gpus, gpus)?,
    };
    all.then_some(Machine {
        cpu_millis: need.cpu_millis,
        memory_bytes: need.memory_bytes,
        disk_bytes: need.disk_bytes,
        gpus,
    })
}

/// Free GPUs of one vendor, the smallest that do: larger ones stay for jobs that need them.
fn choose(all: &[Gpu], used: &[Gpu], want: Gpus) -> Option<Vec<Gpu>> {
    [GpuVendor::Nvidia, GpuVendor::Amd, GpuVendor::Intel]
        .into_iter()
        .filter(|vendor| want.vendor.is_none_or(|wanted| wanted == *vendor))
        .find_map(|vendor| {
            let mut free: Vec<&Gpu> = all
                .iter()
                .filter(|gpu| {
                    gpu.vendor == vendor && gpu.memory_mib >= want.memory_mib && !used.contains(gpu)
                })
                .collect();
            free.sort_by_key(|gpu| (gpu.memory_mib, gpu.index));
            let count = usize::from(want.count);
            (free.len() >= count).then(|| free.into_iter().take(count).cloned().collect())
        })
}

fn lacking(total: &Machine, need: &Need) -> String {
    for (what, has, wants) in [
        ("thousandths of a core", total.cpu_millis, need.cpu_millis),
        ("bytes of memory", total.memory_bytes, need.memory_bytes),
        ("bytes of disk", total.disk_bytes, need.disk_bytes),
    ] {
        if wants > has {
            return format!("the job wants {wants} {what}, all jobs together may have {has}");
        }
    }
    let has =
        total.gpus.iter().map(|gpu| format!("{} ({} MiB)", gpu.name, gpu.memory_mib)).collect::<Vec<_>>();
    let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
    let gpus = need.gpus.unwrap_or(Gpus { count: 0, vendor: None, memory_mib: 0 });
    let vendor = gpus.vendor.map_or_else(String::new, |vendor| format!("{vendor:?} "));
    format!("the job wants {} {vendor}GPUs of at least {} MiB; there are: {has}", gpus.count, gpus.memory_mib)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn gpu(index: u32, vendor: GpuVendor, memory_mib: u32) -> Gpu {
        Gpu { index, name: format!("{vendor:?}-{index}"), vendor, memory_mib }
    }

    fn room() -> Arc<Room> {
        let gpus = vec![
            gpu(0, GpuVendor::Nvidia, 80_000),
            gpu(1, GpuVendor::Nvidia, 24_000),
            gpu(0, GpuVendor::Amd, 16_000),
        ];
        Room::new(Machine { cpu_millis: 4_000, memory_bytes: 8, disk_bytes: 8, gpus })
    }

    fn need(cpu_millis: u64) -> Need {
        Need { cpu_millis, memory_bytes: 1, disk_bytes: 1, gpus: None }
    }

    fn with_gpus(count: u16, vendor: Option<GpuVendor>, memory_mib: u32) -> Need {
        Need { gpus: Some(Gpus { count, vendor, memory_mib }), ..need(1) }
    }

    #[test]
    fn the_first_in_the_queue_is_not_overtaken() {
        let room = room();
        let first = room.take(need(3_000)).now_or_never().unwrap().unwrap();
        let mut large = Box::pin(room.take(need(4_000)));
        let mut small = Box::pin(room.take(need(1_000)));
        assert!(large.as_mut().now_or_never().is_none());
        assert!(
            small.as_mut().now_or_never().is_none(),
            "it would fit, and has to wait behind the large one"
        );
        drop(first);
        let lease = large.as_mut().now_or_never().unwrap().unwrap();
        assert!(small.as_mut().now_or_never().is_none());
        drop(lease);
        assert!(small.now_or_never().is_some());
    }

    #[test]
    fn who_gives_up_waiting_holds_nobody_up() {
        let room = room();
        let first = room.take(need(4_000)).now_or_never().unwrap().unwrap();
        let mut gone = Box::pin(room.take(need(4_000)));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut next = Box::pin(room.take(need(4_000)));
        assert!(next.as_mut().now_or_never().is_none());
        drop(gone);
        drop(first);
        assert!(next.now_or_never().is_some());
        assert_eq!(room.lock().used, Machine::default());
    }

    #[test]
    fn what_never_fits_is_said_at_once() {
        let room = room();
        let said = room.take(need(4_001)).now_or_never().unwrap().unwrap_err();
        assert!(said.contains("4001 thousandths of a core"), "{said}");
        let said = room.take(with_gpus(3, None, 0)).now_or_never().unwrap().unwrap_err();
        assert!(said.contains("3 GPUs") && said.contains("Nvidia-0"), "{said}");
    }

    #[test]
    fn no_two_jobs_get_the_same_gpu_and_the_smallest_goes_first() {
        let room = room();
        let first = room.take(with_gpus(1, None, 20_000)).now_or_never().unwrap().unwrap();
        assert_eq!(first.gpus()[0].index, 1);
        let second = room.take(with_gpus(1, Some(GpuVendor::Nvidia), 0)).now_or_never().unwrap().unwrap();
        assert_eq!(second.gpus()[0].index, 0);
        let third = room.take(with_gpus(1, None, 0)).now_or_never().unwrap().unwrap();
        assert_eq!(third.gpus()[0].vendor, GpuVendor::Amd);
        assert!(room.take(with_gpus(1, None, 0)).now_or_never().is_none());
    }

    #[test]
    fn what_runs_already_counts() {
        let room = room();
        let taken = room.take_over(with_gpus(1, None, 0), vec![gpu(1, GpuVendor::Nvidia, 24_000)]);
        let lease = room.take(with_gpus(1, None, 20_000)).now_or_never().unwrap().unwrap();
        assert_eq!(lease.gpus()[0].index, 0);
        drop((taken, lease));
        assert_eq!(room.lock().used, Machine::default());
    }
}
