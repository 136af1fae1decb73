//! What can be said of a module without running it.

use crate::{
    admission,
    metering::{self, Flush},
    profile,
};
use lilypad_abi::Refusal;
use wasmparser::{Parser, Payload};

/// A module, looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModuleReport {
    /// Imports as `module.name`, in order.
    pub imports: Vec<String>,
    /// Names of exports, in order.
    pub exports: Vec<String>,
    /// Accepted features beyond the MVP that it can't do without.
    pub features: Vec<&'static str>,
    /// Why it isn't admitted, as a code and as a sentence that says what to do.
    pub refusal: Option<(Refusal, String)>,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its size once rewritten, when it is admitted.
    pub rewritten_bytes: Option<u64>,
    /// Linear memory it begins with, in bytes, when it is admitted.
    pub memory_bytes_min: Option<u64>,
    /// What it consists of, each beside what the profile accepts; as far as the bytes can be read.
    pub parts: Vec<Part>,
}

/// How much of something a module has, and how much it may have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// What, with its unit where it has one.
    pub name: &'static str,
    /// How much.
    pub value: u64,
    /// Most that is accepted; nothing where only the module's size bounds it.
    pub limit: Option<u64>,
}

impl Part {
    /// Whether it takes up half of its limit or more.
    #[must_use]
    pub fn is_near_limit(&self) -> bool {
        self.limit.is_some_and(|limit| self.value >= limit / 2)
    }
}

/// Looks at any bytes; never fails, because a refusal is part of the report.
#[must_use]
pub fn inspect(wasm: &[u8]) -> ModuleReport {
    let (imports, exports) = names(wasm);
    let mut report = ModuleReport {
        imports,
        exports,
        features: Vec::new(),
        refusal: None,
        size_bytes: wasm.len() as u64,
        rewritten_bytes: None,
        memory_bytes_min: None,
        parts: parts(wasm),
    };
    match admission::admit(wasm) {
        Ok(admitted) => {
            report.features = admission::features_used(wasm);
            report.memory_bytes_min = Some(admitted.memory_bytes_min);
            let rewritten = metering::rewrite(wasm, &admitted, Flush::AtCalls);
            report.rewritten_bytes = rewritten.ok().map(|bytes| bytes.len() as u64);
        }
        Err(not) => report.refusal = Some((not.reason, not.detail)),
    }
    report
}

/// The imports of any bytes, as `module.name`, in order, as far as they can be read.
#[must_use]
pub fn imports(wasm: &[u8]) -> Vec<String> {
    names(wasm).0
}

/// Sizes of a module's sections beside the profile's limits.
fn parts(wasm: &[u8]) -> Vec<Part> {
    let [mut types, mut functions, mut globals, mut exports, mut tables, mut elements, mut data] = [0_u64; 7];
    let (mut data_bytes, mut body_bytes_max) = (0, 0);
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::TypeSection(section) => types = section.count().into(),
            Payload::FunctionSection(section) => functions = section.count().into(),
            Payload::GlobalSection(section) => globals = section.count().into(),
            Payload::ExportSection(section) => exports = section.count().into(),
            Payload::TableSection(section) => tables = section.count().into(),
            Payload::ElementSection(section) => elements = section.count().into(),
            Payload::DataSection(section) => {
                data = section.count().into();
                let segments = section.into_iter().map_while(Result::ok);
                data_bytes = segments.map(|segment| segment.data.len() as u64).sum();
            }
            Payload::CodeSectionEntry(body) => {
                body_bytes_max = body_bytes_max.max(body.range().len() as u64);
            }
            _ => {}
        }
    }
    let part = |name, value, limit| Part { name, value, limit };
    vec![
        part("module bytes", wasm.len() as u64, Some(profile::MODULE_BYTES_MAX as u64)),
        part("types", types, Some(profile::TYPES_MAX.into())),
        part("functions", functions, Some(profile::FUNCTIONS_MAX.into())),
        part("bytes of the largest function", body_bytes_max, Some(profile::BODY_BYTES_MAX)),
        part("globals", globals, Some(profile::GLOBALS_MAX.into())),
        part("tables", tables, Some(profile::TABLES_MAX.into())),
        part("element segments", elements, Some(profile::ELEMENT_SEGMENTS_MAX.into())),
        part("data segments", data, Some(profile::DATA_SEGMENTS_MAX.into())),
        part("data bytes", data_bytes, None),
        part("exports", exports, Some(profile::EXPORTS_MAX.into())),
    ]
}

/// Imports and exports as far as the bytes can be read.
fn names(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::ImportSection(section) => {
                let section = section.into_imports().map_while(Result::ok);
                imports.extend(section.map(|import| format!("{}.{}", import.module, import.name)));
            }
            Payload::ExportSection(section) => {
                exports
                    .extend(section.into_iter().map_while(Result::ok).map(|export| export.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}
