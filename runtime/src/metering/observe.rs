//! Where bits that arithmetic made can be seen, and so where NaNs are made canonical.
//!
//! Each value on the operand stack is used once. One that arithmetic made and that only goes on into arithmetic,
//! comparisons and conversions needs nothing: any NaN is as good as another there. One that is stored, reinterpreted,
//! passed, returned, carried by a branch, or looked at in any other way is made canonical right after the operator
//! that put it on the stack. A local (or each of its webs, see `webs.rs`) that receives arithmetic only is *late*: it
//! holds what was made, and each read counts as the making. Into all others only canonical values and copies go.
//! Nothing is written here.

use super::{
    control::{Step, Walk},
    nan::{self, Shape},
    webs::Webs,
};
use std::collections::BTreeMap;
use wasmparser::{BinaryReaderError, Operator as Op};

/// Passes over a body before all locals are taken as not late, which is always right.
const PASSES_MAX: u32 = 12;

/// What is known of a value's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bits {
    /// No NaN: neither made nor moved.
    Number,
    /// Moved, canonical already, or no float at all: not to be touched.
    Clean,
    /// Made by arithmetic: a NaN in it is not canonical yet.
    Raw(Shape),
}

/// A value on the operand stack.
#[derive(Debug, Clone, Copy)]
struct Value {
    /// The operator that put it there.
    producer: u32,
    bits: Bits,
}

/// What a web holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Local {
    /// Numbers only, as far as is known.
    Number,
    /// Made by arithmetic, not canonical.
    Late(Shape),
    /// Canonical values and copies.
    Clean,
}

/// The operators after which the value on top of the stack is made canonical, with its shape.
pub(super) type Sites = BTreeMap<u32, Shape>;

/// Finds the sites of a body. `walk` begins the body anew each time.
pub(super) fn sites<'a>(
    walk: impl Fn() -> Result<Walk<'a>, BinaryReaderError>,
    webs: &Webs,
) -> Result<Sites, BinaryReaderError> {
    let mut held = vec![Local::Number; webs.count];
    for passed in &webs.passed {
        if let Some(held) = held.get_mut(*passed) {
            *held = Local::Clean;
        }
    }
    let mut weighed = false;
    for pass in 0.. {
        if pass == PASSES_MAX {
            held.fill(Local::Clean);
        }
        let mut values = Values::new(&held, webs);
        let mut steps = walk()?;
        while let Some(step) = steps.next()? {
            values.step(&step);
        }
        let (sites, weights, found) = (values.sites, values.weights, values.found);
        let settled = held.iter().zip(&found).all(|(held, found)| join(*held, *found) == *held);
        if !settled && pass < PASSES_MAX {
            for (held, found) in held.iter_mut().zip(found) {
                *held = join(*held, found);
            }
            continue;
        }
        if weighed || pass >= PASSES_MAX {
            return Ok(sites);
        }
        // A web that is seen more often than it is assigned is better canonical from the beginning.
        weighed = true;
        let mut changed = false;
        for (held, weight) in held.iter_mut().zip(weights) {
            if matches!(held, Local::Late(_)) && weight.seen > weight.assigned {
                *held = Local::Clean;
                changed = true;
            }
        }
        if !changed {
            return Ok(sites);
        }
    }
    Ok(Sites::new())
}

/// What a web holds that is assigned both.
fn join(a: Local, b: Local) -> Local {
    match (a, b) {
        (Local::Number, other) | (other, Local::Number) => other,
        (Local::Late(a), Local::Late(b)) if a == b => Local::Late(a),
        _ => Local::Clean,
    }
}

/// How often a web's raw bits are seen, and assigned, loops counted eightfold.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    seen: u64,
    assigned: u64,
}

/// A construct that is open: the operand stack below it, and how deep in loops it is.
#[derive(Debug, Clone, Copy)]
struct Frame {
    height: usize,
    loops: u32,
}

/// The operand stack as a body goes.
#[derive(Debug)]
struct Values<'a> {
    webs: &'a Webs,
    held: &'a [Local],
    /// What each web was assigned in this pass.
    found: Vec<Local>,
    weights: Vec<Weight>,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    sites: Sites,
    /// Reads of late webs by their places.
    reads: BTreeMap<u32, usize>,
}

impl<'a> Values<'a> {
    fn new(held: &'a [Local], webs: &'a Webs) -> Self {
        Self {
            webs,
            held,
            found: vec![Local::Number; held.len()],
            weights: vec![Weight::default(); held.len()],
            stack: Vec::new(),
            frames: vec![Frame { height: 0, loops: 0 }],
            sites: Sites::new(),
            reads: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &Step<'_>) {
        if !step.alive {
            return;
        }
        let (taken, given) = step.arity;
        let (taken, given) = (as_count(taken), as_count(given));
        match &step.op {
            Op::LocalGet { .. } => self.read(step.index),
            Op::LocalSet { .. } => drop(self.assign(step.index)),
            Op::LocalTee { .. } => {
                let bits = self.assign(step.index);
                if let (Bits::Raw(_), Some(web)) = (bits, self.webs.of(step.index)) {
                    self.reads.insert(step.index, web);
                }
                self.stack.push(Value { producer: step.index, bits });
            }
            Op::Select | Op::TypedSelect { .. } => self.select(step.index),
            Op::Drop => drop(self.stack.pop()),
            Op::F32x4ExtractLane { .. } => self.reshape(step.index, Shape::F32x4, Shape::F32),
            Op::F64x2ExtractLane { .. } => self.reshape(step.index, Shape::F64x2, Shape::F64),
            Op::F32x4Splat => self.reshape(step.index, Shape::F32, Shape::F32x4),
            Op::F64x2Splat => self.reshape(step.index, Shape::F64, Shape::F64x2),
            Op::Block { .. } | Op::Loop { .. } | Op::If { .. } => {
                self.pop_seen(taken);
                let inner = self.frames.last().map_or(0, |frame| frame.loops);
                let loops = inner + u32::from(matches!(step.op, Op::Loop { .. }));
                self.frames.push(Frame { height: self.stack.len(), loops });
                self.push_clean(step.index, given);
            }
            Op::Else => {
                self.pop_seen(taken);
                let height = self.frames.last().map_or(0, |frame| frame.height);
                self.stack.truncate(height);
                self.push_clean(step.index, given);
            }
            Op::End => {
                self.pop_seen(taken);
                if let Some(closed) = self.frames.pop() {
                    self.stack.truncate(closed.height);
                }
                self.push_clean(step.index, given);
            }
            op => {
                match nan::taken_by(op) {
                    Some(shape) => (0..taken).for_each(|_| self.pop_number(shape)),
                    None => self.pop_seen(taken),
                }
                let bits = match nan::made_by(op) {
                    Some(shape) => Bits::Raw(shape),
                    None if nan::never_nan(op) => Bits::Number,
                    None => Bits::Clean,
                };
                self.stack.extend((0..given).map(|_| Value { producer: step.index, bits }));
            }
        }
    }

    fn push_clean(&mut self, producer: u32, count: usize) {
        self.stack.extend((0..count).map(|_| Value { producer, bits: Bits::Clean }));
    }

    /// Takes values whose bits are seen.
    fn pop_seen(&mut self, count: usize) {
        for _ in 0..count {
            // In code that can't be reached the stack may hold less than is taken from it.
            if let Some(value) = self.stack.pop() {
                self.see(value);
            }
        }
    }

    /// Takes a value that is looked at as a number of a shape.
    fn pop_number(&mut self, shape: Shape) {
        match self.stack.pop() {
            Some(Value { bits: Bits::Raw(raw), .. }) if raw == shape => {}
            Some(value) => self.see(value),
            None => {}
        }
    }

    fn see(&mut self, value: Value) {
        if let Bits::Raw(shape) = value.bits {
            self.sites.insert(value.producer, shape);
            if let Some(weight) = self.reads.get(&value.producer).and_then(|l| self.weights.get_mut(*l)) {
                weight.seen = weight.seen.saturating_add(frequency(&self.frames));
            }
        }
    }

    fn read(&mut self, index: u32) {
        let web = self.webs.of(index);
        let bits = match web.and_then(|web| self.held.get(web)) {
            Some(Local::Late(shape)) => {
                self.reads.extend(web.map(|web| (index, web)));
                Bits::Raw(*shape)
            }
            Some(Local::Number) => Bits::Number,
            _ => Bits::Clean,
        };
        self.stack.push(Value { producer: index, bits });
    }

    /// Assigns the value on top of the stack to the local that the operator at `index` names; gives what it is then.
    fn assign(&mut self, index: u32) -> Bits {
        let web = self.webs.of(index).unwrap_or(usize::MAX);
        let Some(value) = self.stack.pop() else { return Bits::Clean };
        let incoming = match value.bits {
            Bits::Number => Local::Number,
            Bits::Clean => Local::Clean,
            Bits::Raw(shape) => Local::Late(shape),
        };
        if let Some(found) = self.found.get_mut(web) {
            *found = join(*found, incoming);
        }
        match (self.held.get(web), value.bits) {
            (Some(Local::Late(late)), Bits::Raw(shape)) if *late == shape => {
                if let Some(weight) = self.weights.get_mut(web) {
                    weight.assigned = weight.assigned.saturating_add(frequency(&self.frames));
                }
                value.bits
            }
            (_, Bits::Raw(_)) => {
                self.see(value);
                Bits::Clean
            }
            (_, other) => other,
        }
    }

    fn select(&mut self, index: u32) {
        self.stack.pop();
        let (second, first) = (self.stack.pop(), self.stack.pop());
        let (Some(first), Some(second)) = (first, second) else { return self.push_clean(index, 1) };
        let bits = match (first.bits, second.bits) {
            (a, b) if a == b => a,
            (Bits::Number, Bits::Raw(shape)) | (Bits::Raw(shape), Bits::Number) => Bits::Raw(shape),
            _ => {
                self.see(first);
                self.see(second);
                Bits::Clean
            }
        };
        self.stack.push(Value { producer: index, bits });
    }

    /// A lane of a raw vector is a raw scalar, and a raw scalar in all lanes a raw vector.
    fn reshape(&mut self, index: u32, from: Shape, to: Shape) {
        let bits = match self.stack.pop() {
            Some(Value { bits: Bits::Raw(shape), .. }) if shape == from => Bits::Raw(to),
            Some(Value { bits: Bits::Number, .. }) => Bits::Number,
            Some(value) => {
                self.see(value);
                Bits::Clean
            }
            None => Bits::Clean,
        };
        self.stack.push(Value { producer: index, bits });
    }
}

/// How often the code at hand runs, by its nesting in loops alone.
fn frequency(frames: &[Frame]) -> u64 {
    8_u64.saturating_pow(frames.last().map_or(0, |frame| frame.loops).min(10))
}

fn as_count(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
