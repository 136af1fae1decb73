//! Any text as what a stranger may write: job documents in YAML and JSON, module templates, packed folders.
//!
//! Reading never panics and never takes long; what is read as a job asks a cluster for the same job.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lilypad_bacalhau::{
    documents::{self, Input, Plan},
    templates,
};
use std::collections::BTreeMap;

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    match first % 3 {
        0 => {
            if let Ok(plan) = documents::parse(bytes) {
                check(&plan);
            }
        }
        1 => {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            let inputs: BTreeMap<String, String> =
                [("A", "a\"\\\n"), ("B", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let used = templates::inputs(text);
            let rendered = templates::render(text, &inputs);
            if let Ok(plan) = rendered {
                assert!(used.is_ok(), "a template that is read only when it is filled");
                check(&plan);
            }
        }
        _ => {
            if let Ok(files) = documents::unpack(bytes, 1 << 16) {
                for path in files.keys() {
                    assert!(
                        !path.starts_with('/') && !path.split('/').any(|part| part == ".." || part == "."),
                        "{path}"
                    );
                }
            }
        }
    }
});

fn check(plan: &Plan) {
    assert!(plan.replicas > 0);
    let job = documents::to_job(plan);
    let again = documents::from_job(&job).unwrap_or_else(|error| panic!("a plan that is no job: {error}"));
    assert_eq!(comparable(plan), comparable(&again), "a job that asks for something else");
}

/// What a job of the v2 API has words for.
fn comparable(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.warnings.clear();
    plan.resources.gpu_memory_mib = None;
    plan.resources.machine_memory_bytes = None;
    let unnamed = |inputs: &mut Vec<Input>| inputs.iter_mut().for_each(|input| input.alias.clear());
    unnamed(&mut plan.inputs);
    if let documents::Engine::Wasm { imports, .. } = &mut plan.engine {
        unnamed(imports);
    }
    plan
}
