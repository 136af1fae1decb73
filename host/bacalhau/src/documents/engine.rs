//! What runs: containers, which both versions write alike, and modules as v2 writes them.

use super::{Engine, Fields, Findings, Input, Node, path::Path, source::read_input};
use std::collections::{BTreeMap, BTreeSet};

/// Variables that Bacalhau sets itself.
const ENV_RESERVED: &str = "BACALHAU_";

/// What an engine's own fields add to, or take from.
pub(super) struct Setting {
    pub(super) env: BTreeMap<String, String>,
    pub(super) inputs: Vec<Input>,
}

/// The `Type` and `Params` of an engine, source or publisher.
pub(super) fn read_spec<'n>(
    node: &'n Node,
    path: &Path<'_>,
    found: &mut Findings,
) -> (Option<String>, &'n Node) {
    let mut spec = Fields::open(node, path, found);
    let kind = spec.word("Type", found);
    let params = spec.take("Params", found).unwrap_or(&Node::Null);
    spec.close(&[], found);
    (kind, params)
}

/// An engine of either version.
pub(super) fn read_engine(
    kind: Option<&str>,
    params: &Node,
    path: &Path<'_>,
    setting: &mut Setting,
    found: &mut Findings,
) -> Option<Engine> {
    let params_path = path.field("Params");
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("docker") => read_docker(params, &params_path, setting, found),
        Some("wasm") => read_wasm(params, &params_path, setting, found),
        other => {
            found.problem(&path.field("Type"), no_engine(other));
            None
        }
    }
}

pub(super) fn no_engine(kind: Option<&str>) -> String {
    match kind {
        None => "missing; write docker or wasm".to_owned(),
        Some("noop") => "noop runs nothing; write docker or wasm".to_owned(),
        Some(kind @ ("language" | "pythonwasm")) => {
            format!("{kind} is not supported; use a docker image with the language in it")
        }
        Some(kind) => format!("'{kind}' is no engine here; write docker or wasm"),
    }
}

/// The fields of a container, which v1 writes alike.
pub(super) fn read_docker(
    node: &Node,
    path: &Path<'_>,
    setting: &mut Setting,
    found: &mut Findings,
) -> Option<Engine> {
    let mut docker = Fields::open(node, path, found);
    let image = docker.word("Image", found);
    if image.is_none() {
        found.problem(&path.field("Image"), "missing; name an image, best with its digest: name@sha256:…");
    }
    let entrypoint = docker.texts("Entrypoint", found);
    let parameters = docker.texts("Parameters", found);
    let variables = docker.texts("EnvironmentVariables", found);
    let working_dir = docker.word("WorkingDirectory", found);
    if working_dir.as_ref().is_some_and(|dir| !dir.starts_with('/')) {
        found.problem(&path.field("WorkingDirectory"), "must be absolute; begin it with /");
    }
    docker.close(&[], found);
    let env_path = path.field("EnvironmentVariables");
    for (index, variable) in variables.iter().enumerate() {
        let place = env_path.item(index);
        // Without a value a variable would be the node's own, which is none of the job's business.
        let Some((name, value)) = variable.split_once('=') else {
            found.problem(&place, format!("'{variable}' has no value; write {variable}=…"));
            continue;
        };
        check_env(name, value, &place, found);
        setting.env.insert(name.to_owned(), value.to_owned());
    }
    Some(Engine::Docker { image: image?, entrypoint, parameters, working_dir })
}

fn read_wasm(node: &Node, path: &Path<'_>, setting: &mut Setting, found: &mut Findings) -> Option<Engine> {
    let mut wasm = Fields::open(node, path, found);
    let entry = wasm.take("EntryModule", found);
    let imports = wasm.list("ImportModules", found);
    let entrypoint = wasm.word("Entrypoint", found);
    let parameters = wasm.texts("Parameters", found);
    let env = wasm.map("EnvironmentVariables", found);
    wasm.close(&[], found);
    let env_path = path.field("EnvironmentVariables");
    for (name, value) in env {
        check_env(&name, &value, &env_path.field(&name), found);
        setting.env.insert(name, value);
    }
    let entry_path = path.field("EntryModule");
    let entry_module = match entry {
        Some(entry) => module(entry, "/wasm/entry.wasm", &entry_path, &setting.inputs, found),
        None => {
            found.problem(&entry_path, "missing; give the Target of the input source that is the module");
            None
        }
    };
    let imports_path = path.field("ImportModules");
    let imports: Vec<Input> = imports
        .iter()
        .enumerate()
        .filter_map(|(index, import)| {
            let place = imports_path.item(index);
            module(import, &format!("/wasm/imports/module_{index}.wasm"), &place, &setting.inputs, found)
        })
        .collect();
    let entry_module = entry_module?;
    setting.inputs.retain(|input| *input != entry_module && !imports.contains(input));
    check_imports(&imports, &setting.inputs, &imports_path, found);
    Some(Engine::Wasm { entry_module: entry_module.source, entrypoint, parameters, imports })
}

/// Each module that is imported from has a place of its own, too.
pub(super) fn check_imports(imports: &[Input], inputs: &[Input], path: &Path<'_>, found: &mut Findings) {
    let mut targets: BTreeSet<&str> = inputs.iter().map(|input| input.target.as_str()).collect();
    for (index, import) in imports.iter().enumerate() {
        if !targets.insert(&import.target) {
            found
                .problem(&path.item(index), format!("another input or module is at '{}' too", import.target));
        }
    }
}

/// A module: the target of an input, or (before 1.7) an input source itself.
fn module(
    node: &Node,
    target: &str,
    path: &Path<'_>,
    inputs: &[Input],
    found: &mut Findings,
) -> Option<Input> {
    if let Node::Text(text) = node {
        let plain = |target: &str| target.trim().trim_start_matches('/').to_owned();
        let input = inputs.iter().find(|input| plain(&input.target) == plain(text));
        if input.is_none() {
            found.problem(path, format!("no input source has the Target '{text}'; add one to InputSources"));
        }
        return input.cloned();
    }
    read_input(node, Some(target), path, found)
}

/// What one variable must be.
pub(super) fn check_env(name: &str, value: &str, path: &Path<'_>, found: &mut Findings) {
    if name.is_empty() || name.contains(['=', '\0']) {
        found.problem(path, format!("'{name}' is no name of a variable"));
    }
    if name.to_ascii_uppercase().starts_with(ENV_RESERVED) {
        found.problem(path, format!("{ENV_RESERVED}… variables are Bacalhau's own; choose another name"));
    }
    if value.starts_with("env:") {
        found.problem(
            path,
            "'env:…' is a variable of the machine that runs the job, which it keeps to itself; write the value, \
             and no secret",
        );
    }
    if value.contains('\0') {
        found.problem(path, "a variable can't hold a NUL byte");
    }
}
