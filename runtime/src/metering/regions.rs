//! Which fuel is charged where.
//!
//! A region is the code of one body that runs whenever its first operator does, traps and endless loops aside:
//! a basic block, and what follows after blocks, conditions and loops from which nothing branches further out.
//! It is charged once, when it is entered. A small region that runs at most once for each time that another does, such
//! as the arm of a condition, is charged with that one, whether it runs or not. So a loop costs one subtraction for each
//! turn, and one more for each larger arm in it that runs, however many basic blocks that is. Only counted here;
//! nothing is written.

use super::{control::Step, cost};
use crate::profile::AHEAD_FUEL_MAX;
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

/// A region as it is found.
#[derive(Debug, Clone, Copy)]
struct Region {
    charge: Charge,
    /// A region that runs at least as often: this one runs at most once for each time.
    leader: Option<usize>,
    /// The other arm of the same condition, if it stands before.
    sibling: Option<usize>,
}

/// A construct that is open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// The region of the code that came last in it.
    region: usize,
    /// A branch may have left it since: what follows is another region.
    left: bool,
    /// In a condition's first arm, the region of the condition and the arm's.
    condition: Option<(usize, usize)>,
}

/// What a body costs, region by region.
#[derive(Debug)]
pub(super) struct Regions {
    regions: Vec<Region>,
    frames: Vec<Frame>,
    pub(super) has_loop: bool,
    /// Some operator is charged by the size of its operand.
    pub(super) has_sized: bool,
    /// Something branches to the body's end.
    pub(super) has_branch_to_end: bool,
}

impl Regions {
    pub(super) fn new() -> Self {
        let charge = Charge { at: 0, fuel: cost::FUNCTION_ENTRY, is_loop: false };
        Self {
            regions: vec![Region { charge, leader: None, sibling: None }],
            frames: vec![Frame { region: 0, left: false, condition: None }],
            has_loop: false,
            has_sized: false,
            has_branch_to_end: false,
        }
    }

    /// The charges in order of their places, the function's entry first, those of nothing left out.
    pub(super) fn into_charges(mut self) -> Vec<Charge> {
        self.charge_ahead();
        self.regions.into_iter().map(|region| region.charge).filter(|charge| charge.fuel > 0).collect()
    }

    /// Adds small regions to those that lead to them. Leaders stand before what they lead to.
    fn charge_ahead(&mut self) {
        let mut ahead = vec![0_u64; self.regions.len()];
        // What an arm has already brought its leader, so that of two arms the dearer counts.
        let mut brought = vec![0_u64; self.regions.len()];
        for index in (1..self.regions.len()).rev() {
            let Region { charge, leader, sibling } = self.regions[index];
            let Some(leader) = leader.filter(|_| !charge.is_loop) else { continue };
            let fuel = charge.fuel + ahead[index];
            let more = fuel.saturating_sub(brought[index]);
            if ahead[leader] + more > AHEAD_FUEL_MAX {
                continue;
            }
            ahead[leader] += more;
            if let Some(sibling) = sibling {
                brought[sibling] = fuel;
            }
            self.regions[index].charge.fuel = 0;
            ahead[index] = 0;
        }
        for (region, ahead) in self.regions.iter_mut().zip(ahead) {
            region.charge.fuel += ahead;
        }
    }

    /// Takes note of an operator that can be reached.
    pub(super) fn step(&mut self, step: &Step<'_>) {
        let next = step.index + 1;
        let fuel = cost::fixed(&step.op) + cost::handed_over(&step.op, step.arity);
        self.has_sized |= cost::variable(&step.op).is_some();
        match step.op {
            Op::Block { .. } => {
                let region = self.here(step.index);
                self.regions[region].charge.fuel += fuel;
                self.open(region, None);
            }
            Op::Loop { .. } => {
                // A loop's own cost belongs to what every turn enters.
                self.here(step.index);
                let region = self.begin(next, true, None, None);
                self.regions[region].charge.fuel += fuel;
                self.open(region, None);
                self.has_loop = true;
            }
            Op::If { .. } => {
                let condition = self.here(step.index);
                self.regions[condition].charge.fuel += fuel;
                let region = self.begin(next, false, Some(condition), None);
                self.open(region, Some((condition, region)));
            }
            Op::Else => {
                self.add(step.index, fuel);
                let arms = self.frames.pop().and_then(|frame| frame.condition);
                let condition = arms.map(|(condition, _)| condition);
                let region = self.begin(next, false, condition, arms.map(|(_, then)| then));
                self.open(region, None);
            }
            Op::End => {
                self.add(step.index, fuel);
                self.frames.pop();
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
            }
            _ => self.add(step.index, fuel),
        }
    }

    fn open(&mut self, region: usize, condition: Option<(usize, usize)>) {
        self.frames.push(Frame { region, left: false, condition });
    }

    fn begin(&mut self, at: u32, is_loop: bool, leader: Option<usize>, sibling: Option<usize>) -> usize {
        let charge = Charge { at, fuel: 0, is_loop };
        self.regions.push(Region { charge, leader, sibling });
        self.regions.len() - 1
    }

    /// The region of the operator at `index`, which begins one where a branch may have left what came before.
    fn here(&mut self, index: u32) -> usize {
        let Some(Frame { region, left, .. }) = self.frames.last().copied() else { return 0 };
        if !left {
            return region;
        }
        // Whatever way control comes here, it entered the region before, and comes once.
        let region = self.begin(index, false, Some(region), None);
        if let Some(top) = self.frames.last_mut() {
            (top.region, top.left) = (region, false);
        }
        region
    }

    fn add(&mut self, index: u32, fuel: u64) {
        if fuel > 0 {
            let region = self.here(index);
            self.regions[region].charge.fuel += fuel;
        }
    }

    /// A branch to the construct at `depth` may pass over the rest of it and of all inside it.
    fn leave(&mut self, depth: u32) {
        let outermost = self.frames.len() - 1;
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        self.has_branch_to_end |= depth == outermost;
        for frame in self.frames.iter_mut().rev().take(depth.saturating_add(1)) {
            frame.left = true;
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

    /// Two fuel in three operators: reading a local is free.
    const TWO: &str = "local.get 0 i32.extend8_s local.set 0 ";

    /// Forty fuel in sixty operators: more than is charged ahead.
    fn forty() -> String {
        TWO.repeat(20)
    }

    #[test]
    fn what_runs_together_is_charged_together() {
        assert_eq!(charges(TWO), [(0, 2, false)]);
        assert_eq!(charges(&format!("{TWO} block {TWO} end {TWO}")), [(0, 6, false)]);
        // A condition's large arms are regions, what follows it is not.
        let forty = forty();
        let arms = format!("{TWO} local.get 0 if {forty} else {forty} {TWO} end {TWO}");
        assert_eq!(charges(&arms), [(0, 5, false), (5, 40, false), (66, 42, false)]);
    }

    #[test]
    fn small_arms_are_charged_with_their_condition() {
        // Of two the dearer counts.
        let arms = format!("{TWO} local.get 0 if {TWO} else {TWO} {TWO} end {TWO}");
        assert_eq!(charges(&arms), [(0, 5 + 4, false)]);
        // One after the other they add up, nested ones with what they stand in.
        let two = format!("local.get 0 if {TWO} end local.get 0 if {TWO} local.get 0 if {TWO} end end");
        assert_eq!(charges(&two), [(0, 2 + 2 + 5, false)]);
        // Together they don't come to more than the limit: the first ones pay for themselves then.
        let many = format!("local.get 0 if {TWO} end ").repeat(20);
        let found = charges(&many);
        assert_eq!(found[0], (0, 20 + AHEAD_FUEL_MAX, false));
        assert_eq!(found[1..], [(2, 2, false), (8, 2, false), (14, 2, false), (20, 2, false)]);
    }

    #[test]
    fn every_turn_of_a_loop_is_charged() {
        let text = format!("{TWO} loop {TWO} local.get 0 br_if 0 end {TWO}");
        assert_eq!(charges(&text), [(0, 4, false), (4, 4, true)]);
        // What follows a turn's condition is charged when it is reached, or with the turn when it is small.
        let forty = forty();
        let text = format!("loop {TWO} local.get 0 br_if 0 {forty} local.get 0 br_if 0 end");
        assert_eq!(charges(&text), [(0, 0, false), (1, 4, true), (7, 41, false)]);
        let text = format!("loop {TWO} local.get 0 br_if 0 {TWO} local.get 0 br_if 0 end");
        assert_eq!(charges(&text), [(0, 0, false), (1, 7, true)]);
        // A loop's turns are never charged ahead.
        assert_eq!(charges("loop end"), [(0, 0, false), (1, 1, true)]);
    }

    #[test]
    fn a_branch_out_splits_all_that_it_passes_over() {
        // Out of both blocks: the rest of each may not run, what follows both does.
        let forty = forty();
        let text = format!("block block local.get 0 br_if 1 {forty} end {forty} end {forty}");
        assert_eq!(charges(&text), [(0, 41, false), (5, 40, false), (66, 40, false)]);
        let text = format!("local.get 0 if return end {forty}");
        assert_eq!(charges(&text), [(0, 1, false), (5, 40, false)]);
    }

    #[test]
    fn what_is_never_reached_costs_nothing() {
        assert_eq!(charges(&format!("return {TWO}")), [(0, 0, false)]);
        assert_eq!(charges(&format!("block br 0 {TWO} block {TWO} end end {TWO}")), [(0, 2, false)]);
    }
}
