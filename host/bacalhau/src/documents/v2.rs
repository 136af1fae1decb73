//! Documents of Bacalhau since 1.2: `Type`, `Tasks`, `Engine`, `InputSources`, `ResultPaths`.

use super::{
    DocumentError, Engine, Fields, Findings, Input, Network, Node, Output, Plan, Resources, Source,
    fields::folds_to,
    inline,
    path::Path,
    quantity::{self, Units},
};
use std::collections::{BTreeMap, BTreeSet};

/// The fields of a task, which are easily put one level too high.
const OF_TASK: &[&str] =
    &["Engine", "Publisher", "Env", "InputSources", "ResultPaths", "Resources", "Network", "Timeouts"];

/// Variables that Bacalhau sets itself.
const ENV_RESERVED: &str = "BACALHAU_";

/// A v2 document's plan.
pub(super) fn read(node: &Node) -> Result<Plan, DocumentError> {
    let mut findings = Findings::default();
    let found = &mut findings;
    let root = Path::Root;
    let mut job = Fields::open(node, &root, found);
    let name = job.word("Name", found).unwrap_or_default();
    match job.word("Type", found).as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("batch") => {}
        Some(kind @ ("ops" | "daemon" | "service")) => found.problem(
            &root.field("Type"),
            format!(
                "{kind} jobs run on every node or for ever, and a deal is one run with an end; write batch"
            ),
        ),
        Some(other) => {
            found.problem(&root.field("Type"), format!("'{other}' is no type of job; write batch"))
        }
        None => found.problem(&root.field("Type"), "missing; write Type: batch"),
    }
    let replicas = job.whole("Count", found).unwrap_or(1);
    let replicas = match u32::try_from(replicas) {
        Ok(0) => {
            found.problem(&root.field("Count"), "0 runs nothing; write 1, or leave it out");
            1
        }
        Ok(count) => count,
        Err(_) => {
            found.problem(&root.field("Count"), "more than anybody has machines");
            1
        }
    };
    job.refuse("Constraints", NO_CONSTRAINTS, found);
    let mut meta = job.map("Meta", found);
    let labels = job.map("Labels", found);
    job.leave_out("Priority", "left out; what a deal pays decides what goes first", found);
    match job.word("Namespace", found).as_deref() {
        None | Some("default") => {}
        Some(_) => found.warn(&root.field("Namespace"), "left out; the market has no namespaces"),
    }
    for name in ["Version", "Revision", "CreateTime", "ModifyTime"] {
        job.leave_out(name, "left out; it is the server's to say", found);
    }
    // An ID is given to a batch job by its server whatever the document says, and a state belongs to a running one.
    job.skip("ID", found);
    job.skip("State", found);
    let tasks = job.list("Tasks", found);
    let path = root.field("Tasks");
    if tasks.len() != 1 {
        found.problem(&path, format!("{} tasks; a job has exactly one", tasks.len()));
    }
    let task = tasks.first().unwrap_or(&Node::Null);
    let plan = (!tasks.is_empty()).then(|| read_task(task, &path.item(0), found)).flatten();
    job.close(
        &[("Tasks[0]", OF_TASK), ("Tasks[0].Engine.Params", &["Image", "Entrypoint", "Parameters"])],
        found,
    );
    let warnings = findings.finish()?;
    // Without a plan something was wrong, and that was said.
    let (mut plan, task_meta) = plan.ok_or_else(|| DocumentError::of_whole("the job has no task"))?;
    for (key, value) in task_meta {
        meta.entry(key).or_insert(value);
    }
    (plan.name, plan.replicas, plan.labels, plan.meta, plan.warnings) =
        (name, replicas, labels, meta, warnings);
    Ok(plan)
}

pub(super) const NO_CONSTRAINTS: &str =
    "machines are not chosen by label here; leave it out, and ask for resources or name the provider instead";

fn read_task(node: &Node, path: &Path<'_>, found: &mut Findings) -> Option<(Plan, BTreeMap<String, String>)> {
    let mut task = Fields::open(node, path, found);
    task.skip("Name", found);
    let meta = task.map("Meta", found);
    let env_path = path.field("Env");
    let env = task.map("Env", found);
    for (name, value) in &env {
        check_env(name, value, &env_path.field(name), found);
    }
    let inputs_path = path.field("InputSources");
    let inputs = read_inputs(task.list("InputSources", found), &inputs_path, found);
    let outputs_path = path.field("ResultPaths");
    let outputs = read_outputs(task.list("ResultPaths", found), &outputs_path, found);
    let engine_path = path.field("Engine");
    let engine_node = task.take("Engine", found);
    if engine_node.is_none() {
        found.problem(&engine_path, "missing; write Engine: {Type: docker, Params: {Image: …}}");
    }
    let mut setting = Setting { env, inputs };
    let engine = engine_node.and_then(|node| {
        let (kind, params) = read_spec(node, &engine_path, found);
        read_engine(kind.as_deref(), params, &engine_path, &mut setting, found)
    });
    let publisher =
        task.take("Publisher", found).and_then(|node| read_publisher(node, &path.field("Publisher"), found));
    let resources =
        read_resources(task.take("Resources", found), &path.field("Resources"), Units::Decimal, found);
    let network = read_network(task.take("Network", found), &path.field("Network"), found);
    let timeout_s = read_timeouts(task.take("Timeouts", found), &path.field("Timeouts"), found);
    task.close(&[("Engine.Params", &["Image", "Entrypoint", "Parameters", "WorkingDirectory"])], found);
    let plan = Plan {
        name: String::new(),
        replicas: 1,
        engine: engine?,
        env: setting.env,
        inputs: setting.inputs,
        outputs,
        resources,
        network,
        timeout_s,
        publisher,
        labels: BTreeMap::new(),
        meta: BTreeMap::new(),
        warnings: Vec::new(),
    };
    Some((plan, meta))
}

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

fn read_inputs(nodes: &[Node], path: &Path<'_>, found: &mut Findings) -> Vec<Input> {
    let (mut aliases, mut targets) = (BTreeSet::new(), BTreeSet::new());
    let mut inputs = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let place = path.item(index);
        let Some(input) = read_input(node, None, &place, found) else { continue };
        if !input.alias.is_empty() && !aliases.insert(input.alias.clone()) {
            found
                .problem(&place.field("Alias"), format!("another input has the alias '{}' too", input.alias));
        }
        if !targets.insert(input.target.clone()) {
            found.problem(&place.field("Target"), format!("another input is at '{}' too", input.target));
        }
        inputs.push(input);
    }
    inputs
}

fn read_input(node: &Node, target: Option<&str>, path: &Path<'_>, found: &mut Findings) -> Option<Input> {
    let mut input = Fields::open(node, path, found);
    let alias = input.word("Alias", found).unwrap_or_default();
    let target = input.word("Target", found).or_else(|| target.map(str::to_owned));
    if target.is_none() {
        found.problem(&path.field("Target"), "missing; give the path that the job sees it at");
    }
    let source_path = path.field("Source");
    let source = match input.take("Source", found) {
        Some(node) => read_source(node, &source_path, found),
        None => {
            found.problem(&source_path, "missing; write Source: {Type: ipfs, Params: {CID: …}}");
            None
        }
    };
    input.close(&[("Source", &["Type", "Params"]), ("Source.Params", &["CID", "URL", "SourcePath"])], found);
    Some(Input { alias, target: target?, source: source? })
}

fn read_source(node: &Node, path: &Path<'_>, found: &mut Findings) -> Option<Source> {
    let (kind, params_node) = read_spec(node, path, found);
    let params_path = path.field("Params");
    let type_path = path.field("Type");
    let Some(kind) = kind else {
        found.problem(&type_path, "missing; write ipfs, urlDownload, inline or local");
        return None;
    };
    let known = ["ipfs", "urlDownload", "inline", "local", "localDirectory"];
    let Some(kind) = known.into_iter().find(|name| folds_to(&kind, name)) else {
        found.problem(&type_path, no_source(&kind));
        return None;
    };
    let mut params = Fields::open(params_node, &params_path, found);
    let source = match kind {
        "ipfs" => required(&mut params, "CID", &params_path, found).map(|cid| Source::Ipfs { cid }),
        "urlDownload" => required(&mut params, "URL", &params_path, found)
            .and_then(|url| download(&url, &params_path.field("URL"), found)),
        "inline" => required(&mut params, "URL", &params_path, found)
            .and_then(|url| inlined(&url, &params_path.field("URL"), found)),
        _ => {
            let read_write = flag(&mut params, &params_path, found);
            match params.word("CreateAs", found) {
                Some(create) if !create.eq_ignore_ascii_case("noCreate") => found.problem(
                    &params_path.field("CreateAs"),
                    "nothing is created on the machine that runs the job; leave it out, and write to a result path",
                ),
                _ => {}
            }
            required(&mut params, "SourcePath", &params_path, found)
                .map(|path| Source::Local { path, read_write })
        }
    };
    params.close(&[], found);
    source
}

/// Why there are no inputs of a kind here, and what to do instead.
pub(super) fn no_source(kind: &str) -> String {
    let instead = match kind.to_ascii_lowercase().as_str() {
        "s3" | "s3managed" | "s3presigned" => {
            "give it by IPFS address (ipfs), or by a signed https address (urlDownload)"
        }
        "filecoin" | "filecoinunsealed" | "estuary" => "give it by IPFS address (ipfs)",
        "repoclone" | "repoclonelfs" => {
            "give the repository's archive by https address (urlDownload), or by ipfs"
        }
        "noop" => "leave the input out",
        _ => return format!("'{kind}' is no source here; use ipfs, urlDownload, inline or local"),
    };
    format!("{kind} is not supported; {instead}")
}

pub(super) fn required(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    path: &Path<'_>,
    found: &mut Findings,
) -> Option<String> {
    let value = fields.word(name, found);
    if value.is_none() {
        found.problem(&path.field(name), "missing");
    }
    value
}

pub(super) fn download(url: &str, path: &Path<'_>, found: &mut Findings) -> Option<Source> {
    let url = url.trim_matches([' ', '\'', '"']);
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        found.problem(path, "an address has no spaces; write %20 for one");
        return None;
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return Some(Source::Url { url: url.to_owned() });
    }
    found.problem(path, format!("'{url}' is no address to download; begin it with https:// or http://"));
    None
}

pub(super) fn inlined(url: &str, path: &Path<'_>, found: &mut Findings) -> Option<Source> {
    match inline::decode(url) {
        Ok((bytes, is_tar)) => Some(Source::Inline { bytes, is_tar }),
        Err(reason) => {
            found.problem(path, reason);
            None
        }
    }
}

/// `ReadWrite`, which may be text.
pub(super) fn flag(fields: &mut Fields<'_, '_>, path: &Path<'_>, found: &mut Findings) -> bool {
    match fields.take("ReadWrite", found) {
        None => false,
        Some(Node::Bool(value)) => *value,
        Some(Node::Text(text)) => text == "true",
        Some(other) => {
            found
                .problem(&path.field("ReadWrite"), format!("expected true or false, found {}", other.kind()));
            false
        }
    }
}

fn read_outputs(nodes: &[Node], path: &Path<'_>, found: &mut Findings) -> Vec<Output> {
    let mut outputs = Outputs::default();
    for (index, node) in nodes.iter().enumerate() {
        let place = path.item(index);
        let mut output = Fields::open(node, &place, found);
        let name = required(&mut output, "Name", &place, found);
        let inside = required(&mut output, "Path", &place, found);
        output.close(&[], found);
        if let (Some(name), Some(path)) = (name, inside) {
            outputs.add(Output { name, path }, &place, found);
        }
    }
    outputs.list
}

/// Outputs whose names and paths differ.
#[derive(Default)]
pub(super) struct Outputs {
    pub(super) list: Vec<Output>,
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

impl Outputs {
    pub(super) fn add(&mut self, output: Output, place: &Path<'_>, found: &mut Findings) {
        if !output.path.starts_with('/') {
            found.problem(
                &place.field("Path"),
                format!("'{}' must be absolute; begin it with /", output.path),
            );
        }
        if !self.names.insert(output.name.clone()) {
            found.problem(&place.field("Name"), format!("another output is called '{}' too", output.name));
        }
        if !self.paths.insert(output.path.clone()) {
            found.problem(&place.field("Path"), format!("another output is at '{}' too", output.path));
        }
        self.list.push(output);
    }
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

fn read_publisher(node: &Node, path: &Path<'_>, found: &mut Findings) -> Option<String> {
    let mut publisher = Fields::open(node, path, found);
    let kind = publisher.word("Type", found);
    publisher.skip("Params", found);
    publisher.close(&[], found);
    warn_publisher(kind.as_deref(), path, found);
    kind
}

pub(super) fn warn_publisher(kind: Option<&str>, path: &Path<'_>, found: &mut Findings) {
    match kind.map(str::to_ascii_lowercase).as_deref() {
        None | Some("noop" | "local") => {}
        Some(_) => found.warn(path, "left out; results come back through the market"),
    }
}

pub(super) fn read_resources(
    node: Option<&Node>,
    path: &Path<'_>,
    units: Units,
    found: &mut Findings,
) -> Resources {
    let mut resources = Resources::default();
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let mut amount = |name: &'static str, read: &dyn Fn(&str) -> Result<u64, &'static str>| {
        let text = fields.word(name, found)?;
        match read(&text) {
            Ok(amount) => Some(amount),
            Err(reason) => {
                found.problem(&path.field(name), format!("'{text}': {reason}"));
                None
            }
        }
    };
    resources.cpu_millis = amount("CPU", &quantity::cpu_millis);
    resources.memory_bytes = amount("Memory", &|text| quantity::bytes(text, units));
    resources.disk_bytes = amount("Disk", &|text| quantity::bytes(text, units));
    resources.gpus = amount("GPU", &quantity::gpus);
    fields.close(&[], found);
    resources
}

pub(super) const NO_HTTP: &str =
    "networks limited to some hosts are not supported; write None and give inputs by address, or write Full";

fn read_network(node: Option<&Node>, path: &Path<'_>, found: &mut Findings) -> Network {
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let kind = fields.word("Type", found);
    let type_path = path.field("Type");
    let network = match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("default") => Network::Default,
        Some("none") => Network::None,
        Some("full" | "bridge") => Network::Full,
        Some("host") => {
            found.warn(&type_path, "read as Full; a job never shares its machine's own network");
            Network::Full
        }
        Some("http") => {
            found.problem(&type_path, NO_HTTP);
            Network::Default
        }
        Some(other) => {
            found.problem(&type_path, format!("'{other}' is no network; write None or Full"));
            Network::Default
        }
    };
    fields.refuse("Domains", NO_HTTP, found);
    fields.refuse("Ports", "a job can't be reached from outside here; leave it out", found);
    fields.close(&[], found);
    network
}

fn read_timeouts(node: Option<&Node>, path: &Path<'_>, found: &mut Findings) -> Option<u64> {
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let execution = fields.whole("ExecutionTimeout", found).filter(|seconds| *seconds > 0);
    let total = fields.whole("TotalTimeout", found).filter(|seconds| *seconds > 0);
    fields.leave_out("QueueTimeout", "left out; how long an offer stands is said where it is made", found);
    fields.close(&[], found);
    execution.or(total)
}
