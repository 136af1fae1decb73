//! The guest's native stack: more of it than any counted stack can come to.
//!
//! No thread is started for it: the calling one moves to a stack of its own and back. Only pages that are used
//! cost memory.

use crate::engine::{NATIVE_STACK_BYTES, RuntimeError};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Native stack left to host functions and to us, beyond what the guest may use.
const HOST_STACK_BYTES: usize = 16 << 20;

/// A guest's stack, whole.
pub(crate) const STACK_BYTES: usize = NATIVE_STACK_BYTES + HOST_STACK_BYTES;

/// Room for whoever keeps a stack for many jobs.
const CALLER_STACK_BYTES: usize = 1 << 20;

/// Runs `work` where the native stack is larger than any counted one, and gives what it gives.
///
/// Each job does this by itself. Who runs many small ones one after another does it once around all of them:
/// inside, a job finds that there is room and doesn't get a stack of its own.
///
/// # Errors
/// [`RuntimeError::Stack`] when there is no address space for it, and [`RuntimeError::Panicked`] when `work`
/// panicked.
pub fn on_guest_stack<T>(work: impl FnOnce() -> T) -> Result<T, RuntimeError> {
    let mut begun = false;
    let counted = || {
        begun = true;
        work()
    };
    // The library panics when there is no memory for a stack; so does a bug of ours within.
    let result = catch_unwind(AssertUnwindSafe(|| {
        stacker::maybe_grow(STACK_BYTES, STACK_BYTES + CALLER_STACK_BYTES, counted)
    }));
    result
        .map_err(|_| if begun { RuntimeError::Panicked } else { RuntimeError::Stack { bytes: STACK_BYTES } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stack_serves_many_jobs() {
        let room = on_guest_stack(|| {
            let outside = stacker::remaining_stack().unwrap();
            let inside = on_guest_stack(|| stacker::remaining_stack().unwrap()).unwrap();
            (outside, inside)
        });
        let (outside, inside) = room.unwrap();
        assert!(inside > NATIVE_STACK_BYTES && inside < outside && outside - inside < 1 << 16);
    }

    #[test]
    fn a_panic_stays_inside() {
        let panicked = on_guest_stack(|| panic!("on purpose"));
        assert!(matches!(panicked, Err(RuntimeError::Panicked)));
        assert!(matches!(on_guest_stack(|| 5), Ok(5)));
    }
}
