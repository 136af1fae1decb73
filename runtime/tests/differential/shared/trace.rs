//! A run written down: what the guest asked of its host, and what it got.
//!
//! An engine elsewhere needs no virtual world to replay it: the answers stand in the trace. Each call holds the fuel
//! counter and a digest of all memory as the guest made it, so a difference shows at the next call and not only at
//! the end. A module is bounded in its own types, because not every embedder can bound growth from outside.

use super::observe::{Observed, digest, hex};
use lilypad_abi::Limits;
use lilypad_runtime::testing::{Report, STACK_BYTES_MAX, TABLE_ELEMENTS_MAX};
use serde_json::{Value, json};
use std::{fs, io, path::Path};
use wasm_encoder::{
    MemorySection, Module, RawSection, SectionId, TableSection,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{Parser, Payload};

const PAGE_BYTES: u64 = 65_536;

/// Calls after which a trace says no more: a guest that asks without end is the same after so many.
const CALLS_MAX: usize = 2_000;

/// Bytes of memory that are compared call by call; larger memories only at the end.
const MEMORY_BYTES_MAX: usize = 4 << 20;

/// Notes calls while a guest runs.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    calls: Vec<Value>,
    too_many: bool,
}

/// A module and what it did.
#[derive(Debug)]
pub(crate) struct Trace {
    wasm: Vec<u8>,
    /// Nothing when there were too many calls to write down.
    run: Option<Value>,
}

impl Recorder {
    /// Makes a call and notes it.
    pub(crate) fn call(
        &mut self,
        name: &str,
        args: &[u64],
        memory: &mut [u8],
        fuel: i64,
        call: impl FnOnce(&mut [u8]) -> (i64, Option<u32>),
    ) -> (i64, Option<u32>) {
        self.too_many |= self.calls.len() >= CALLS_MAX;
        if self.too_many {
            return call(memory);
        }
        let before = memory.to_vec();
        let (fuel_after, errno) = call(memory);
        let seen = (before.len() <= MEMORY_BYTES_MAX).then(|| digest(&before));
        self.calls.push(json!({
            "name": name,
            "args": args.iter().map(u64::to_string).collect::<Vec<_>>(),
            "fuel": fuel.to_string(),
            "memory": seen,
            "writes": writes(&before, memory),
            "fuel_after": fuel_after.to_string(),
            "errno": errno,
        }));
        (fuel_after, errno)
    }

    /// The whole trace, once the guest has ended.
    pub(crate) fn end(
        self,
        wasm: &[u8],
        limits: &Limits,
        report: &Report,
        observed: Option<&Observed>,
        halted: bool,
    ) -> Trace {
        let globals = observed.map(|seen| {
            seen.globals.iter().map(|(name, bits)| json!([name, bits.to_string()])).collect::<Vec<_>>()
        });
        let run = json!({
            "fuel": limits.fuel_limit.to_string(),
            "stack": STACK_BYTES_MAX,
            "calls": self.calls,
            "end": {
                "instantiated": report.fuel_left.is_some(),
                "halted": halted,
                "trap": report.trap.map(|kind| format!("{kind:?}")),
                "fuel": report.fuel_left.unwrap_or(0).to_string(),
                "stack": report.stack_left,
                "memory": observed.map(|seen| seen.memory.clone()),
                "globals": globals,
            },
        });
        Trace { wasm: bounded(wasm, limits), run: (!self.too_many).then_some(run) }
    }
}

impl Trace {
    /// Writes `NAME.wasm` and `NAME.json`; false when there is nothing to replay.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> io::Result<bool> {
        let Some(run) = &self.run else { return Ok(false) };
        fs::write(folder.join(format!("{name}.wasm")), &self.wasm)?;
        fs::write(folder.join(format!("{name}.json")), run.to_string())?;
        Ok(true)
    }
}

/// The bytes that a call changed: address and new bytes of each run of changes.
fn writes(before: &[u8], after: &[u8]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < before.len() {
        if before[at] == after[at] {
            at += 1;
            continue;
        }
        let end = (at..before.len()).find(|index| before[*index] == after[*index]).unwrap_or(before.len());
        found.push((at, hex(&after[at..end])));
        at = end;
    }
    found
}

/// The module with the job's limits as maxima of its memory and tables.
fn bounded(wasm: &[u8], limits: &Limits) -> Vec<u8> {
    let mut out = Module::new();
    let mut reencoder = RoundtripReencoder;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("a rewritten module parses");
        match &payload {
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                for memory in section.clone() {
                    let memory = memory.expect("a rewritten module parses");
                    let mut memory = reencoder.memory_type(memory).expect("an accepted type");
                    let most = limits.memory_bytes_max / PAGE_BYTES;
                    memory.maximum = Some(memory.maximum.map_or(most, |maximum| maximum.min(most)));
                    memories.memory(memory);
                }
                out.section(&memories);
            }
            Payload::TableSection(section) => {
                let mut tables = TableSection::new();
                for table in section.clone() {
                    let table = table.expect("a rewritten module parses");
                    let mut table = reencoder.table_type(table.ty).expect("an accepted type");
                    let most = u64::from(TABLE_ELEMENTS_MAX);
                    table.maximum = Some(table.maximum.map_or(most, |maximum| maximum.min(most)));
                    tables.table(table);
                }
                out.section(&tables);
            }
            Payload::CodeSectionEntry(_) => {}
            Payload::CodeSectionStart { range, .. } => {
                out.section(&RawSection { id: SectionId::Code.into(), data: &wasm[range.clone()] });
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    out.section(&RawSection { id, data: &wasm[range] });
                }
            }
        }
    }
    out.finish()
}
