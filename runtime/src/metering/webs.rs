//! Which reads of a local belong with which assignments.
//!
//! Compilers give one local to values that have nothing to do with each other. A *web* is the assignments that can
//! reach a common read, and all reads that they reach: what a local would be had each value its own. Only locals that
//! can hold a NaN are looked at. Nothing is decided here.

use super::control::Walk;
use std::collections::BTreeMap;
use wasmparser::{BinaryReaderError, Operator as Op, ValType};

/// Most locals times places where control parts or meets, for which webs are told apart: beyond that there are none,
/// and every local is taken for one that holds canonical values and copies, which is always right.
const WORK_MAX: usize = 1 << 21;

/// The webs of a body.
#[derive(Debug)]
pub(super) struct Webs {
    /// The web of each read and assignment, by the operator's index.
    accesses: BTreeMap<u32, usize>,
    /// How many webs there may be.
    pub(super) count: usize,
    /// Webs that hold what the caller passed.
    pub(super) passed: Vec<usize>,
}

impl Webs {
    /// The web that an operator reads or assigns; nothing for a local that can't hold a NaN.
    pub(super) fn of(&self, index: u32) -> Option<usize> {
        self.accesses.get(&index).copied()
    }

    /// Finds the webs of a body. `locals` are the types of all locals, the first `params` of them passed.
    pub(super) fn find<'a>(
        walk: impl Fn() -> Result<Walk<'a>, BinaryReaderError>,
        locals: &[ValType],
        params: usize,
    ) -> Result<Self, BinaryReaderError> {
        let mut slots = vec![None; locals.len()];
        let mut tracked = 0;
        for (slot, ty) in slots.iter_mut().zip(locals) {
            if matches!(ty, ValType::F32 | ValType::F64 | ValType::V128) {
                *slot = Some(tracked);
                tracked += 1;
            }
        }
        let mut graph = Graph::new(tracked);
        let mut steps = walk()?;
        while let Some(step) = steps.next()? {
            let local =
                |index: u32| usize::try_from(index).ok().and_then(|at| slots.get(at).copied().flatten());
            match &step.op {
                _ if !step.alive => {}
                Op::LocalGet { local_index } => {
                    if let Some(slot) = local(*local_index) {
                        graph.read(step.index, slot);
                    }
                }
                Op::LocalSet { local_index } | Op::LocalTee { local_index } => {
                    if let Some(slot) = local(*local_index) {
                        graph.assign(step.index, slot);
                    }
                }
                op => graph.control(op, step.falls),
            }
        }
        let passed = slots.iter().take(params).flatten().copied().collect();
        Ok(graph.into_webs(passed))
    }
}

/// A value that a local can have: an assignment, or, where paths meet, one of several others.
#[derive(Debug, Default)]
struct Node {
    others: Vec<usize>,
    is_read: bool,
}

/// A construct that is open.
#[derive(Debug)]
struct Frame {
    /// What the locals are at its beginning, where branches to a loop arrive.
    head: Option<Vec<usize>>,
    /// What they are at a condition, for the arm that comes next or isn't there.
    condition: Option<Vec<usize>>,
    /// What they are at its end, by the branches until now.
    end: Option<Vec<usize>>,
}

#[derive(Debug)]
struct Graph {
    nodes: Vec<Node>,
    /// The node of each local now.
    now: Vec<usize>,
    frames: Vec<Frame>,
    accesses: BTreeMap<u32, usize>,
    work: usize,
}

impl Graph {
    /// Before the first operator the locals have what was passed, or zero: a node each.
    fn new(tracked: usize) -> Self {
        let nodes = (0..tracked).map(|_| Node::default()).collect();
        let function = Frame { head: None, condition: None, end: None };
        Self {
            nodes,
            now: (0..tracked).collect(),
            frames: vec![function],
            accesses: BTreeMap::new(),
            work: 0,
        }
    }

    /// Whether too much work was asked for: then nothing that is found is used.
    const fn gave_up(&self) -> bool {
        self.work > WORK_MAX
    }

    fn read(&mut self, index: u32, slot: usize) {
        let node = self.now[slot];
        self.nodes[node].is_read = true;
        self.accesses.insert(index, node);
    }

    fn assign(&mut self, index: u32, slot: usize) {
        self.nodes.push(Node::default());
        self.now[slot] = self.nodes.len() - 1;
        self.accesses.insert(index, self.now[slot]);
    }

    fn control(&mut self, op: &Op<'_>, falls: bool) {
        match op {
            Op::Block { .. } => self.open(None, None),
            Op::Loop { .. } => {
                for slot in 0..self.now.len() {
                    self.now[slot] = self.meeting(vec![self.now[slot]]);
                }
                self.open(Some(self.now.clone()), None);
            }
            Op::If { .. } => self.open(None, Some(self.now.clone())),
            Op::Else => {
                if falls {
                    self.arrive(0);
                }
                if let Some(state) = self.frames.last_mut().and_then(|frame| frame.condition.take()) {
                    self.now = state;
                }
            }
            Op::End => self.close(falls),
            Op::Br { relative_depth } | Op::BrIf { relative_depth } => self.branch(*relative_depth),
            Op::BrTable { targets } => {
                let mut depths: Vec<u32> = targets.targets().filter_map(Result::ok).collect();
                depths.push(targets.default());
                depths.sort_unstable();
                depths.dedup();
                depths.into_iter().for_each(|depth| self.branch(depth));
            }
            _ => {}
        }
    }

    fn meeting(&mut self, others: Vec<usize>) -> usize {
        self.work += 1;
        if self.gave_up() {
            return others.first().copied().unwrap_or(0);
        }
        self.nodes.push(Node { others, is_read: false });
        self.nodes.len() - 1
    }

    fn open(&mut self, head: Option<Vec<usize>>, condition: Option<Vec<usize>>) {
        self.work += self.now.len();
        self.frames.push(Frame { head, condition, end: None });
    }

    fn close(&mut self, falls: bool) {
        if let Some(state) = self.frames.last_mut().and_then(|frame| frame.condition.take()) {
            // A condition without a second arm: it ends here too.
            let arm = std::mem::replace(&mut self.now, state);
            self.arrive(0);
            self.now = arm;
        }
        let is_loop = self.frames.last().is_some_and(|frame| frame.head.is_some());
        if falls && !is_loop {
            self.arrive(0);
        }
        if let Some(end) = self.frames.pop().and_then(|frame| frame.end) {
            self.now = end;
        }
    }

    fn branch(&mut self, depth: u32) {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        let Some(at) = self.frames.len().checked_sub(1).and_then(|last| last.checked_sub(depth)) else {
            return;
        };
        let Some(head) = self.frames[at].head.clone() else { return self.arrive(depth) };
        self.work += self.now.len();
        if !self.gave_up() {
            for (node, now) in head.iter().zip(&self.now) {
                self.nodes[*node].others.push(*now);
            }
        }
    }

    /// Control comes to the end of the construct at `depth` with the locals as they are.
    fn arrive(&mut self, depth: usize) {
        self.work += self.now.len();
        if self.gave_up() {
            return;
        }
        let at = self.frames.len() - 1 - depth;
        let Some(mut end) = self.frames[at].end.take() else {
            self.frames[at].end = Some(self.now.clone());
            return;
        };
        for (slot, there) in end.iter_mut().enumerate() {
            let here = self.now[slot];
            if *there != here {
                *there = self.meeting(vec![*there, here]);
            }
        }
        self.frames[at].end = Some(end);
    }

    fn into_webs(mut self, passed: Vec<usize>) -> Webs {
        let mut roots: Vec<usize> = (0..self.nodes.len()).collect();
        if self.gave_up() {
            return Webs { accesses: BTreeMap::new(), count: 0, passed };
        }
        let mut reached: Vec<usize> =
            (0..self.nodes.len()).filter(|node| self.nodes[*node].is_read).collect();
        while let Some(node) = reached.pop() {
            for other in std::mem::take(&mut self.nodes[node].others) {
                unite(&mut roots, node, other);
                if !self.nodes[other].is_read {
                    self.nodes[other].is_read = true;
                    reached.push(other);
                }
            }
        }
        let count = roots.len();
        let passed = passed.into_iter().map(|node| root(&mut roots, node)).collect();
        let accesses =
            self.accesses.into_iter().map(|(index, node)| (index, root(&mut roots, node))).collect();
        Webs { accesses, count, passed }
    }
}

fn root(roots: &mut [usize], node: usize) -> usize {
    let mut at = node;
    while roots[at] != at {
        roots[at] = roots[roots[at]];
        at = roots[at];
    }
    at
}

fn unite(roots: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(roots, a), root(roots, b));
    roots[a.max(b)] = a.min(b);
}
