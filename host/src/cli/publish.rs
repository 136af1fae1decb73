//! What `lilypad run` is asked for, as a job whose data is in the store: a module, a container, a document, a template.

use super::{module_path, progress::Story, run, usage};
use crate::{
    chain::Chain,
    documents::{self, Defaults, Sources},
    report::count,
    roles::creator::CreatorShell,
    store::{SnapshotLimits, Store, read_dir},
};
use lilypad_abi::{BlobDigest, Cid, Job, JobSpec, Limits, Profile};
use lilypad_bacalhau::{
    documents::{DOCUMENT_BYTES_MAX, DocumentError, Engine, Plan},
    templates,
};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

/// A job before it is published: where its parts lie on this machine.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) module: String,
    pub(super) args: Vec<String>,
    pub(super) inputs: Vec<String>,
    pub(super) folder: Option<PathBuf>,
    pub(super) limits: Limits,
}

/// The job that these arguments name, its data in the store, and how many providers are to run it.
pub(super) async fn job(
    args: &run::Args,
    chain: &Chain,
    shell: &CreatorShell,
    home: &Path,
    story: &Story,
) -> anyhow::Result<(Job, u8)> {
    let (store, dir) = (&shell.workshop.store, home.join("containers"));
    if let Some(image) = &args.image {
        if !args.inputs.is_empty() {
            return Err(usage("-i is for modules; give a container --env, --input or arguments".to_owned()));
        }
        let image = args.engine.image(image, args.image_as_content, store, &dir).await?;
        let spec = args.container.spec(image, args.memory, &args.args, args.input.as_deref(), store)?;
        return Ok((Job::Container(spec), args.replicas));
    }
    let Some(plan) = plan(args, story)? else {
        let parts = Parts {
            module: args.module.clone().unwrap_or_default(),
            args: args.args.clone(),
            inputs: args.inputs.clone(),
            folder: args.input.clone(),
            limits: Limits { fuel_limit: args.fuel, memory_bytes_max: args.memory, ..Limits::default() },
        };
        return Ok((Job::Wasm(publish(chain, store, &parts, story)?), args.replicas));
    };
    if !args.args.is_empty() {
        return Err(usage("the document says what the arguments are; leave out those behind --".to_owned()));
    }
    let image = match &plan.engine {
        Engine::Docker { image, .. } => {
            Some(args.engine.image(image, args.image_as_content, store, &dir).await?)
        }
        Engine::Wasm { .. } => None,
    };
    let defaults = Defaults {
        module: Limits { fuel_limit: args.fuel, memory_bytes_max: args.memory, ..Limits::default() },
        container: args.container.limits(args.memory),
    };
    let sources = Sources::new(shell.workshop.fetcher(&[])?, args.allow_local.clone());
    let filled = documents::fill(&plan, image, &sources, &defaults)
        .await
        .map_err(|error| usage(crate::report::causes(&error)))?;
    for warning in &filled.warnings {
        story.say(&format!("note: {warning}"));
    }
    let replicas = u8::try_from(plan.replicas).ok().filter(|count| *count <= 7);
    let replicas = replicas.ok_or_else(|| {
        usage(format!("Count: {} are more than the 7 replicas that a job can have here", plan.replicas))
    })?;
    Ok((filled.job, replicas.max(args.replicas)))
}

/// What a document or a module's template asks for, when the arguments name one.
fn plan(args: &run::Args, story: &Story) -> anyhow::Result<Option<Plan>> {
    let plan = if let Some(path) = &args.bacalhau {
        let bytes = read_document(path)
            .map_err(|error| usage(format!("job document {} can't be read: {error}", path.display())))?;
        let named = |error: DocumentError| usage(format!("job document {}: {error}", path.display()));
        lilypad_bacalhau::documents::parse(&bytes).map_err(named)?
    } else if let Some(place) = &args.module_path {
        let text = module_path::template(place, args.module_commit.as_deref())?;
        let mut inputs = BTreeMap::new();
        for pair in &args.inputs {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| usage(format!("-i '{pair}' must be NAME=VALUE")))?;
            inputs.insert(name.to_owned(), value.to_owned());
        }
        templates::render(&text, &inputs).map_err(|error| usage(format!("module {place}: {error}")))?
    } else {
        return Ok(None);
    };
    for warning in &plan.warnings {
        story.say(&format!("note: {warning}"));
    }
    Ok(Some(plan))
}

fn read_document(path: &Path) -> std::io::Result<Vec<u8>> {
    let limit = DOCUMENT_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_end(&mut bytes)?;
    } else {
        fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Puts everything a job names into the store and gives the job.
pub(super) fn publish(chain: &Chain, store: &Store, parts: &Parts, story: &Story) -> anyhow::Result<JobSpec> {
    let module = module(chain, store, &parts.module)?;
    let mut inputs = BTreeMap::new();
    if let Some(path) = &parts.folder {
        let folder = read_dir(path, &SnapshotLimits::default())
            .map_err(|error| usage(crate::report::causes(&error)))?;
        story.say(&format!(
            "input {}: {} files, {} bytes",
            path.display(),
            folder.files(),
            count(folder.bytes())
        ));
        inputs.insert(lilypad_abi::guest::INPUT_DIR.to_owned(), store.add_folder(&folder)?);
    }
    let stdin = match parts.inputs.is_empty() {
        true => None,
        false => Some(store.add_file(typed_inputs(&parts.inputs)?.to_string().as_bytes())?),
    };
    let name = Path::new(&parts.module)
        .file_stem()
        .map_or_else(|| "module".to_owned(), |name| name.to_string_lossy().into_owned());
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module,
        args: std::iter::once(name).chain(parts.args.iter().cloned()).collect(),
        env: BTreeMap::new(),
        inputs,
        stdin,
        limits: parts.limits,
        seed: BlobDigest::default(),
        clock_epoch_ns: 0,
    };
    spec.validate().map_err(|error| usage(error.to_string()))?;
    story.say(&format!("job {}", spec.cid()?));
    story.stage("publish");
    Ok(spec)
}

fn module(chain: &Chain, store: &Store, name: &str) -> anyhow::Result<Cid> {
    let modules = &chain.network().modules;
    if let Some(cid) = modules.get(name) {
        return Ok(*cid);
    }
    if let Ok(cid) = name.parse() {
        return Ok(cid);
    }
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "wasm") || name.contains('/') {
        let bytes = fs::read(path).map_err(|error| usage(format!("module {name} can't be read: {error}")))?;
        let report = lilypad_runtime::inspect(&bytes);
        if let Some((_, detail)) = report.refusal {
            return Err(usage(format!("module {name} would be refused: {detail}; nothing was spent")));
        }
        return Ok(store.add_file(&bytes)?);
    }
    let known: Vec<&str> = modules.keys().map(String::as_str).collect();
    Err(usage(format!(
        "no module '{name}' on this network; it has {}; or give a CID or a .wasm file",
        known.join(", ")
    )))
}

/// `k=v` as a text, `k:=v` as JSON; one object.
fn typed_inputs(pairs: &[String]) -> anyhow::Result<serde_json::Value> {
    let mut object = serde_json::Map::new();
    for pair in pairs {
        let bad =
            || usage(format!("-i '{pair}' must be KEY=VALUE, or KEY:=JSON for a number, list or object"));
        let (key, value) = pair.split_once('=').ok_or_else(bad)?;
        let (key, value) = match key.strip_suffix(':') {
            Some(key) => (key, serde_json::from_str(value).map_err(|_| bad())?),
            None => (key, serde_json::Value::from(value)),
        };
        if key.is_empty() || object.insert(key.to_owned(), value).is_some() {
            return Err(usage(format!("-i '{pair}': a key must be given, and given once")));
        }
    }
    Ok(object.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_inputs_become_one_object() {
        let pairs = ["message=a=b", "width:=3"].map(str::to_owned);
        assert_eq!(typed_inputs(&pairs).unwrap(), serde_json::json!({"message": "a=b", "width": 3}));
        for bad in [&["x"][..], &["=1"], &["a:=nope"], &["a=1", "a=2"]] {
            let pairs: Vec<String> = bad.iter().map(|pair| (*pair).to_owned()).collect();
            assert!(typed_inputs(&pairs).is_err(), "{bad:?}");
        }
    }
}
