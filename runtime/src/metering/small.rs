//! Which functions are small: so short, with all they call, that neither their stack nor their fuel is checked.
//!
//! A small function calls small functions and host functions only, by name, never in a circle. What it uses of the
//! stack is bounded and set aside once; what it burns is charged, and its caller is stopped soon enough. Decided from
//! the module alone, so it is the same everywhere.

use super::cost;
use crate::{
    admission::Admitted,
    profile::{SMALL_BYTES_MAX, SMALL_FUEL_MAX, frame_bytes},
};

/// What a function and all it calls come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    bytes: u64,
    fuel: u64,
}

/// For each defined function, whether it is small.
///
/// Callees are settled before their callers; who calls in a circle never is.
pub(super) fn small(admitted: &Admitted) -> Vec<bool> {
    let functions = &admitted.functions;
    let mut needs: Vec<Option<Need>> = vec![None; functions.len()];
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); functions.len()];
    let mut waiting = vec![0_usize; functions.len()];
    let mut ready = Vec::new();
    for (index, facts) in functions.iter().enumerate() {
        let Some(callees) = &facts.callees else { continue };
        for callee in callees.iter().filter_map(|callee| defined(admitted, *callee)) {
            callers[callee].push(index);
            waiting[index] += 1;
        }
        if waiting[index] == 0 {
            ready.push(index);
        }
    }
    while let Some(index) = ready.pop() {
        needs[index] = need(admitted, &needs, index);
        if needs[index].is_some() {
            for caller in &callers[index] {
                waiting[*caller] -= 1;
                if waiting[*caller] == 0 {
                    ready.push(*caller);
                }
            }
        }
    }
    needs.iter().map(Option::is_some).collect()
}

/// The place of a function among those that are defined.
fn defined(admitted: &Admitted, function: u32) -> Option<usize> {
    usize::try_from(function.checked_sub(admitted.functions_imported())?).ok()
}

/// What the function comes to, if it is small; all its callees are.
fn need(admitted: &Admitted, needs: &[Option<Need>], index: usize) -> Option<Need> {
    let facts = &admitted.functions[index];
    let (mut below, mut fuel) = (0, facts.fuel.saturating_add(cost::FUNCTION_ENTRY));
    for callee in facts.callees.iter().flatten().filter_map(|callee| defined(admitted, *callee)) {
        let callee = needs.get(callee).copied().flatten()?;
        below = below.max(callee.bytes);
        fuel = fuel.saturating_add(callee.fuel);
    }
    let bytes = frame_bytes(facts.slots, facts.operands_max, facts.operators).saturating_add(below);
    (bytes <= SMALL_BYTES_MAX.into() && fuel <= SMALL_FUEL_MAX).then_some(Need { bytes, fuel })
}
