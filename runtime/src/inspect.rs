//! What can be said of a module without running it.

use crate::{
    admission,
    metering::{self, Flush},
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
