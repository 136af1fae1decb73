//! What the end of a run means: from the guest's own counters first, because they say the same on every engine.
//!
//! Pure: no engine is known here, and nothing of the host is looked at.

use crate::{profile::STACK_EXHAUSTED, wasi::Halt};
use lilypad_abi::{Status, TrapKind};

/// How a guest's code ended, as any engine can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It returned from its entry function.
    Returned,
    /// A host function didn't give control back.
    Halted(Halt),
    /// An instruction trapped.
    Trapped(TrapKind),
}

/// What the end of a run means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    /// Whether the fuel counter is up to date: the fast rewrite doesn't store it before each instruction that traps.
    pub(crate) fuel_is_exact: bool,
}

impl Verdict {
    pub(crate) const fn exact(status: Status) -> Self {
        Self { status, fuel_is_exact: true }
    }
}

/// Reads an end, given the fuel counter (negative once overdrawn) and the stack counter.
pub(crate) fn judge(end: End, fuel_left: i64, stack_left: i32) -> Verdict {
    let overdrawn = fuel_left < 0;
    match end {
        // The last block may have overdrawn without another check.
        End::Returned if overdrawn => Verdict::exact(Status::OutOfFuel),
        End::Returned => Verdict::exact(Status::Exited { code: 0 }),
        End::Halted(Halt::Exit(code)) => Verdict::exact(Status::Exited { code }),
        End::Halted(Halt::OutOfFuel) => Verdict::exact(Status::OutOfFuel),
        End::Halted(Halt::Trap(kind)) => Verdict::exact(Status::Trapped { kind }),
        // What is overdrawn now was overdrawn before the trap.
        End::Trapped(_) if overdrawn => Verdict::exact(Status::OutOfFuel),
        End::Trapped(TrapKind::Unreachable) if stack_left == STACK_EXHAUSTED => {
            Verdict::exact(Status::Trapped { kind: TrapKind::StackExhausted })
        }
        End::Trapped(kind) => {
            // Fuel is flushed before calls and before `unreachable`; not before what else can trap.
            let flushed = [TrapKind::Unreachable, TrapKind::IndirectCallToNull, TrapKind::BadSignature];
            Verdict { status: Status::Trapped { kind }, fuel_is_exact: flushed.contains(&kind) }
        }
    }
}

/// The fuel that a run is charged, by its status and its counter.
pub(crate) fn fuel_used(status: Status, fuel_limit: u64, fuel_left: i64) -> u64 {
    match status {
        Status::OutOfFuel => fuel_limit,
        _ => fuel_limit.saturating_sub(u64::try_from(fuel_left).unwrap_or(0)),
    }
}
