//! Which fuel is charged where.
//!
//! A region is the code of one body that runs whenever its first operator does, traps and endless loops aside:
//! a basic block, and what follows after blocks, conditions and loops from which nothing branches further out.
//! It is charged once, when it is entered. So a loop costs one subtraction for each turn, and one more for each
//! condition in it that was met, however many basic blocks that is. Only counted here; nothing is written.

use super::{control::Step, cost};
use wasmparser::Operator as Op;

/// A region's fuel, and where it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charge {
    /// Before the operator with this index.
    pub(super) at: u32,
    pub(super) fuel: u64,
    /// Whether it is the beginning of a loop, where an overdrawn guest is stopped.
    pub(super) is_loop: bool,
}

/// A construct that is open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// The region of the code that follows in it; nothing after a branch that may have left it.
    region: Option<usize>,
    is_loop: bool,
    has_call: bool,
}

/// What a body costs, region by region.
#[derive(Debug)]
pub(super) struct Regions {
    charges: Vec<Charge>,
    frames: Vec<Frame>,
    /// Some loop calls nothing, so that fuel is better kept in a local.
    pub(super) has_quiet_loop: bool,
    pub(super) has_loop: bool,
    pub(super) has_call: bool,
    /// Some operator is charged by the size of its operand.
    pub(super) has_sized: bool,
    /// Something branches to the body's end.
    pub(super) has_branch_to_end: bool,
}

impl Regions {
    pub(super) fn new() -> Self {
        let entry = Charge { at: 0, fuel: cost::FUNCTION_ENTRY, is_loop: false };
        Self {
            charges: vec![entry],
            frames: vec![Frame { region: Some(0), is_loop: false, has_call: false }],
            has_quiet_loop: false,
            has_loop: false,
            has_call: false,
            has_sized: false,
            has_branch_to_end: false,
        }
    }

    /// The charges in order of their places, the function's entry first, those of nothing left out.
    pub(super) fn into_charges(self) -> Vec<Charge> {
        self.charges.into_iter().filter(|charge| charge.fuel > 0).collect()
    }

    /// Takes note of an operator that can be reached.
    pub(super) fn step(&mut self, step: &Step<'_>) {
        let next = step.index + 1;
        let fuel = cost::fixed(&step.op);
        self.has_sized |= cost::variable(&step.op).is_some();
        match step.op {
            Op::Block { .. } => {
                let region = self.here(step.index);
                self.open(region, false);
            }
            Op::Loop { .. } => {
                // A loop's own cost belongs to what every turn enters.
                self.here(step.index);
                let region = self.begin(next, true);
                self.charges[region].fuel += fuel;
                self.open(region, true);
                self.has_loop = true;
            }
            Op::If { .. } => {
                self.add(step.index, fuel);
                let region = self.begin(next, false);
                self.open(region, false);
            }
            Op::Else => {
                let region = self.begin(next, false);
                if let Some(top) = self.frames.last_mut() {
                    top.region = Some(region);
                }
            }
            Op::End => {
                if let Some(closed) = self.frames.pop() {
                    self.has_quiet_loop |= closed.is_loop && !closed.has_call;
                    if let Some(parent) = self.frames.last_mut() {
                        parent.has_call |= closed.has_call;
                    }
                }
            }
            Op::Br { relative_depth } | Op::BrIf { relative_depth } => {
                self.add(step.index, fuel);
                self.leave(relative_depth);
            }
            Op::BrTable { ref targets } => {
                self.add(step.index, fuel);
                let depths = targets.targets().filter_map(Result::ok).chain([targets.default()]);
                self.leave(depths.max().unwrap_or(0));
            }
            Op::Return | Op::ReturnCall { .. } | Op::ReturnCallIndirect { .. } => {
                self.add(step.index, fuel);
                self.leave(u32::MAX);
                self.note_call(!matches!(step.op, Op::Return));
            }
            Op::Call { .. } | Op::CallIndirect { .. } => {
                self.add(step.index, fuel);
                self.note_call(true);
            }
            _ => self.add(step.index, fuel),
        }
    }

    fn note_call(&mut self, is_call: bool) {
        self.has_call |= is_call;
        if let Some(top) = self.frames.last_mut() {
            top.has_call |= is_call;
        }
    }

    fn open(&mut self, region: usize, is_loop: bool) {
        self.frames.push(Frame { region: Some(region), is_loop, has_call: false });
    }

    fn begin(&mut self, at: u32, is_loop: bool) -> usize {
        self.charges.push(Charge { at, fuel: 0, is_loop });
        self.charges.len() - 1
    }

    /// The region of the operator at `index`, which begins one where there is none.
    fn here(&mut self, index: u32) -> usize {
        if let Some(region) = self.frames.last().and_then(|top| top.region) {
            return region;
        }
        let region = self.begin(index, false);
        if let Some(top) = self.frames.last_mut() {
            top.region = Some(region);
        }
        region
    }

    fn add(&mut self, index: u32, fuel: u64) {
        if fuel > 0 {
            let region = self.here(index);
            self.charges[region].fuel += fuel;
        }
    }

    /// A branch to the construct at `depth` may pass over the rest of it and of all inside it.
    fn leave(&mut self, depth: u32) {
        let outermost = self.frames.len() - 1;
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        self.has_branch_to_end |= depth == outermost;
        for frame in self.frames.iter_mut().rev().take(depth.saturating_add(1)) {
            frame.region = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::control::Walk;
    use super::*;
    use crate::admission::admit;
    use wasmparser::{Parser, Payload};

    /// The charges of a body, less the entry's own cost: place, fuel, whether a loop begins there.
    fn charges(body: &str) -> Vec<(u32, u64, bool)> {
        let text =
            format!(r#"(module (memory (export "memory") 1) (func (export "_start") (local i32) {body}))"#);
        let wasm = wat::parse_str(text).unwrap();
        let Ok(admitted) = admit(&wasm) else { panic!("{body} is not admitted") };
        let body = Parser::new(0).parse_all(&wasm).find_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        let mut regions = Regions::new();
        let mut walk = Walk::new(&body.unwrap(), admitted.functions[0].type_index, &admitted).unwrap();
        while let Some(step) = walk.next().unwrap() {
            if step.alive {
                regions.step(&step);
            }
        }
        let mut charges: Vec<_> =
            regions.into_charges().iter().map(|charge| (charge.at, charge.fuel, charge.is_loop)).collect();
        charges[0].1 -= cost::FUNCTION_ENTRY;
        charges
    }

    /// One fuel each: two operators.
    const TWO: &str = "i32.const 1 local.set 0 ";

    #[test]
    fn what_runs_together_is_charged_together() {
        assert_eq!(charges(TWO), [(0, 2, false)]);
        assert_eq!(charges(&format!("{TWO} block {TWO} end {TWO}")), [(0, 6, false)]);
        // A condition's arms are regions, what follows it is not.
        let arms = format!("{TWO} local.get 0 if {TWO} else {TWO} {TWO} end {TWO}");
        assert_eq!(charges(&arms), [(0, 6, false), (4, 2, false), (7, 4, false)]);
    }

    #[test]
    fn every_turn_of_a_loop_is_charged() {
        let text = format!("{TWO} loop {TWO} local.get 0 br_if 0 end {TWO}");
        assert_eq!(charges(&text), [(0, 4, false), (3, 5, true)]);
        // What follows a turn's condition is charged when it is reached.
        let text = format!("loop {TWO} local.get 0 br_if 0 {TWO} local.get 0 br_if 0 end");
        assert_eq!(charges(&text), [(0, 0, false), (1, 5, true), (5, 4, false)]);
    }

    #[test]
    fn a_branch_out_splits_all_that_it_passes_over() {
        // Out of both blocks: the rest of each may not run, what follows both does.
        let text = format!("block block local.get 0 br_if 1 {TWO} end {TWO} end {TWO}");
        assert_eq!(charges(&text), [(0, 4, false), (4, 2, false), (7, 2, false)]);
        let text = format!("local.get 0 if return end {TWO}");
        assert_eq!(charges(&text), [(0, 2, false), (2, 1, false), (4, 2, false)]);
    }

    #[test]
    fn what_is_never_reached_costs_nothing() {
        assert_eq!(charges(&format!("return {TWO}")), [(0, 1, false)]);
        assert_eq!(charges(&format!("block br 0 {TWO} block {TWO} end end {TWO}")), [(0, 3, false)]);
    }
}
