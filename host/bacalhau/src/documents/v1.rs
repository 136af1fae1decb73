//! Documents of Bacalhau 1.0 to 1.3: `APIVersion` and `Spec`. Lilypad's modules are written in them.

use super::{
    DocumentError, Engine, Fields, Findings, Network, Node, Plan,
    engine::{Setting, check_env, check_imports, no_engine, read_docker, read_engine, read_spec},
    needs::{NO_CONSTRAINTS, NO_HTTP, read_resources, warn_publisher},
    path::Path,
    quantity::Units,
    v1_storage::{read_inputs, read_outputs, read_storage},
};
use std::collections::BTreeMap;

/// The fields of a spec, which are easily put one level too high.
const OF_SPEC: &[&str] = &[
    "Engine",
    "EngineSpec",
    "Publisher",
    "PublisherSpec",
    "Docker",
    "Wasm",
    "Resources",
    "Network",
    "Timeout",
    "Inputs",
    "Outputs",
    "Annotations",
    "NodeSelectors",
    "Verifier",
];

/// A v1 document's plan; `path` is where the document stands in a larger one.
pub(crate) fn read(node: &Node, path: &Path<'_>) -> Result<Plan, DocumentError> {
    let mut findings = Findings::default();
    let found = &mut findings;
    let mut job = Fields::open(node, path, found);
    let version_path = path.field("APIVersion");
    let units = match job.word("APIVersion", found).as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("v1alpha1" | "v1beta1") => Units::Binary,
        Some("v1beta2") => Units::Decimal,
        Some(other) => {
            found.problem(&version_path, format!("'{other}' is no version; write V1beta1 or V1beta2"));
            Units::Decimal
        }
        None => {
            found.problem(&version_path, "missing; write APIVersion: V1beta1");
            Units::Decimal
        }
    };
    // What the server of a job writes into it.
    for name in [
        "Metadata",
        "ID",
        "ClientID",
        "RequesterNodeID",
        "RequesterPublicKey",
        "CreatedAt",
        "ExecutionPlan",
        "JobState",
        "JobEvents",
        "LocalJobEvents",
        "State",
        "Status",
    ] {
        job.skip(name, found);
    }
    let spec_path = path.field("Spec");
    let spec = job.take("Spec", found);
    let deal_path = path.field("Deal");
    let old_deal = job.take("Deal", found).map(|deal| read_deal(deal, &deal_path, found));
    let plan = match spec {
        Some(spec) => read_job_spec(spec, &spec_path, units, old_deal, found),
        None => {
            found.problem(&spec_path, "missing; what is to be run stands there");
            None
        }
    };
    job.close(&[("Spec", OF_SPEC)], found);
    let warnings = findings.finish()?;
    // Without a plan something was wrong, and that was said.
    let plan = plan.ok_or_else(|| DocumentError::of_whole("the job has no engine"))?;
    Ok(Plan { warnings, ..plan })
}

fn read_job_spec(
    node: &Node,
    path: &Path<'_>,
    units: Units,
    old_deal: Option<u32>,
    found: &mut Findings,
) -> Option<Plan> {
    let mut spec = Fields::open(node, path, found);
    let inputs_path = path.field("Inputs");
    let mut inputs = read_inputs(spec.list("Inputs", found), &inputs_path, found);
    let contexts_path = path.field("Contexts");
    inputs.extend(read_inputs(spec.list("Contexts", found), &contexts_path, found));
    for (index, input) in inputs.iter().enumerate() {
        if inputs[..index].iter().any(|other| other.target == input.target) {
            found.problem(&inputs_path, format!("two inputs are at '{}'", input.target));
        }
    }
    let outputs_path = path.field("Outputs");
    let outputs = read_outputs(spec.list("Outputs", found), &outputs_path, found);
    let mut setting = Setting { env: BTreeMap::new(), inputs };
    let engine = read_engines(&mut spec, path, &mut setting, found);
    let publisher = read_publishers(&mut spec, path, found);
    let resources = read_resources(spec.take("Resources", found), &path.field("Resources"), units, found);
    let network = read_network(spec.take("Network", found), &path.field("Network"), found);
    let timeout_s = match spec.number("Timeout", found) {
        Some(seconds) if !(0.0..=1e15).contains(&seconds) => {
            found.problem(&path.field("Timeout"), format!("expected seconds, found {seconds}"));
            None
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        Some(seconds) if seconds > 0.0 => Some(seconds.ceil() as u64),
        _ => None,
    };
    let annotations = spec.texts("Annotations", found);
    spec.refuse("NodeSelectors", NO_CONSTRAINTS, found);
    spec.skip("DoNotTrack", found);
    match spec.word("Verifier", found) {
        Some(verifier) if !verifier.eq_ignore_ascii_case("noop") => found.warn(
            &path.field("Verifier"),
            "left out; how a result is checked is the deal's to say (see --verify)",
        ),
        _ => {}
    }
    let sharding_path = path.field("Sharding");
    let mut sharding =
        Fields::open(spec.take("Sharding", found).unwrap_or(&Node::Null), &sharding_path, found);
    sharding.refuse("GlobPattern", "a job is not split up here; submit a job for each part", found);
    sharding.skip("BatchSize", found);
    sharding.skip("GlobPatternBasePath", found);
    sharding.close(&[], found);
    let deal = spec.take("Deal", found).map(|deal| read_deal(deal, &path.field("Deal"), found));
    let known = ["Image", "Entrypoint", "Parameters", "EnvironmentVariables", "WorkingDirectory"];
    spec.close(&[("Docker", &known)], found);
    Some(Plan {
        name: String::new(),
        replicas: deal.or(old_deal).unwrap_or(1),
        engine: engine?,
        env: setting.env,
        inputs: setting.inputs,
        outputs,
        resources,
        network,
        timeout_s,
        publisher,
        labels: annotations.into_iter().map(|text| (text, String::new())).collect(),
        meta: BTreeMap::new(),
        warnings: Vec::new(),
    })
}

/// `Engine` with `Docker` or `Wasm` (before 1.1), or `EngineSpec`.
fn read_engines(
    spec: &mut Fields<'_, '_>,
    path: &Path<'_>,
    setting: &mut Setting,
    found: &mut Findings,
) -> Option<Engine> {
    let kind = spec.word("Engine", found).map(|kind| kind.to_ascii_lowercase());
    let said = |node: Option<&Node>| node.is_some_and(|node| !node.is_blank());
    let engine_spec = spec.take("EngineSpec", found);
    let docker = spec.take("Docker", found);
    let wasm = spec.take("Wasm", found);
    let language = spec.take("Language", found);
    if said(language) {
        found.problem(&path.field("Language"), no_engine(Some("language")));
    }
    let spec_path = path.field("EngineSpec");
    if let Some(engine_spec) = engine_spec.filter(|node| said(Some(node))) {
        let (spec_kind, params) = read_spec(engine_spec, &spec_path, found);
        let spec_kind = spec_kind.or_else(|| kind.clone());
        if let (Some(old), Some(new)) = (&kind, &spec_kind)
            && !old.eq_ignore_ascii_case(new)
        {
            found.problem(
                &path.field("Engine"),
                format!("'{old}' here and '{new}' in EngineSpec; leave one out"),
            );
        }
        for (name, node) in [("Docker", docker), ("Wasm", wasm)] {
            if said(node) {
                found.problem(&path.field(name), "EngineSpec says what runs; leave one of them out");
            }
        }
        return if spec_kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("wasm")) {
            read_wasm(params, &spec_path.field("Params"), setting, found)
        } else {
            read_engine(spec_kind.as_deref(), params, &spec_path, setting, found)
        };
    }
    // Modules of Lilypad leave the engine out and mean docker.
    let kind = kind.or_else(|| (said(docker) && !said(wasm)).then(|| "docker".to_owned()));
    let (mine, other) = match kind.as_deref() {
        Some("docker") => (docker, ("Wasm", wasm)),
        Some("wasm") => (wasm, ("Docker", docker)),
        other => {
            found.problem(&path.field("Engine"), no_engine(other));
            return None;
        }
    };
    if said(other.1) {
        found.problem(&path.field(other.0), "another engine is to run; leave one of them out");
    }
    let mine = mine.unwrap_or(&Node::Null);
    if kind.as_deref() == Some("wasm") {
        read_wasm(mine, &path.field("Wasm"), setting, found)
    } else {
        read_docker(mine, &path.field("Docker"), setting, found)
    }
}

fn read_wasm(node: &Node, path: &Path<'_>, setting: &mut Setting, found: &mut Findings) -> Option<Engine> {
    let mut wasm = Fields::open(node, path, found);
    let entry_path = path.field("EntryModule");
    let entry_module = match wasm.take("EntryModule", found) {
        Some(node) => read_storage(node, Some("/wasm/entry.wasm"), &entry_path, found),
        None => {
            found.problem(&entry_path, "missing; say where the module comes from");
            None
        }
    };
    let entrypoint = wasm.word("EntryPoint", found);
    let parameters = wasm.texts("Parameters", found);
    let env = wasm.map("EnvironmentVariables", found);
    let imports_path = path.field("ImportModules");
    let imports = wasm.list("ImportModules", found).iter().enumerate();
    let imports = imports
        .filter_map(|(index, node)| {
            let target = format!("/wasm/imports/module_{index}.wasm");
            read_storage(node, Some(&target), &imports_path.item(index), found)
        })
        .collect::<Vec<_>>();
    check_imports(&imports, &setting.inputs, &imports_path, found);
    wasm.close(&[], found);
    let env_path = path.field("EnvironmentVariables");
    for (name, value) in env {
        check_env(&name, &value, &env_path.field(&name), found);
        setting.env.insert(name, value);
    }
    Some(Engine::Wasm { entry_module: entry_module?.source, entrypoint, parameters, imports })
}

fn read_publishers(spec: &mut Fields<'_, '_>, path: &Path<'_>, found: &mut Findings) -> Option<String> {
    let old = spec.word("Publisher", found);
    let new = spec.take("PublisherSpec", found).and_then(|node| {
        let place = path.field("PublisherSpec");
        let mut publisher = Fields::open(node, &place, found);
        let kind = publisher.word("Type", found);
        publisher.skip("Params", found);
        publisher.close(&[], found);
        kind
    });
    let place = if new.is_some() { path.field("PublisherSpec") } else { path.field("Publisher") };
    let kind = new.or(old);
    warn_publisher(kind.as_deref(), &place, found);
    kind
}

fn read_network(node: Option<&Node>, path: &Path<'_>, found: &mut Findings) -> Network {
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), path, found);
    let kind = fields.word("Type", found);
    let network = match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
        // In v1 a job has no network unless it says so.
        None | Some("none") => Network::None,
        Some("full") => Network::Full,
        Some("http") => {
            found.problem(&path.field("Type"), NO_HTTP);
            Network::None
        }
        Some(other) => {
            found.problem(&path.field("Type"), format!("'{other}' is no network; write None or Full"));
            Network::None
        }
    };
    fields.refuse("Domains", NO_HTTP, found);
    fields.close(&[], found);
    network
}

/// How many replicas a deal asks for.
fn read_deal(node: &Node, path: &Path<'_>, found: &mut Findings) -> u32 {
    let mut deal = Fields::open(node, path, found);
    let concurrency = deal.whole("Concurrency", found).unwrap_or(1).max(1);
    let targets_all = match deal.take("TargetingMode", found) {
        Some(Node::Bool(all)) => *all,
        Some(Node::Text(mode)) => mode.eq_ignore_ascii_case("all"),
        _ => false,
    };
    if targets_all {
        found.problem(
            &path.field("TargetingMode"),
            "a job can't run on every machine here; set Concurrency instead",
        );
    }
    for name in ["Confidence", "MinBids"] {
        deal.leave_out(name, "left out; how a result is checked is the deal's to say", found);
    }
    deal.close(&[], found);
    u32::try_from(concurrency).unwrap_or_else(|_| {
        found.problem(&path.field("Concurrency"), "more than anybody has machines");
        1
    })
}
