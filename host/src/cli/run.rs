//! `lilypad run`: a job on the market, from files here to files here.

use super::{
    Common, container::ContainerArgs, ending, engine::EngineArgs, exec::check_out, module_path,
    progress::Story, session, usage,
};
use crate::{
    chain::{Address, Chain, Verification},
    deal::{PENALTY_BPS, audit_bps_min},
    documents::{self, Defaults, Sources},
    report::{count, parse_tokens},
    roles::creator::{Check, CreatorShell, Ending, OfferTerms},
    solver::{SolverClient, policy::Policy},
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
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Between looks at the chain.
const POLL: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The module: a name of this network, a CID, or a .wasm file
    #[arg(required_unless_present_any = ["image", "bacalhau", "module_path"])]
    module: Option<String>,
    /// Run a container instead: a name such as localhost:5000/tool:1, a name@sha256:…, or an image archive (.tar)
    #[arg(long, conflicts_with = "module")]
    image: Option<String>,
    /// Put the image itself beside the job, for providers and mediators that can't reach its registry
    #[arg(long, requires = "image")]
    image_as_content: bool,
    /// Run what a Bacalhau job document asks for, v1 or v2, YAML or JSON; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["module", "image", "inputs", "input"])]
    bacalhau: Option<PathBuf>,
    /// Run a Lilypad module (lilypad_module.json.tmpl) from a folder or a git URL, filled with -i
    #[arg(long, value_name = "FOLDER|URL", conflicts_with_all = ["module", "image", "bacalhau", "input"])]
    module_path: Option<String>,
    /// The commit to take it from: all 40 hex digits; a URL needs it
    #[arg(long, value_name = "HASH", requires = "module_path")]
    module_commit: Option<String>,
    /// Arguments for the guest
    #[arg(last = true)]
    args: Vec<String>,
    /// A typed input of the module; the whole of them becomes a JSON object on its standard input
    #[arg(short = 'i', long = "set", value_name = "KEY=VALUE")]
    inputs: Vec<String>,
    /// A folder that a module sees as /in, and a container as /inputs
    #[arg(long, value_name = "FOLDER")]
    input: Option<PathBuf>,
    /// Write the result here, which must be empty or new [default: lilypad-out/<deal>]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Only this provider
    #[arg(long, conflicts_with = "replicas")]
    provider: Option<Address>,
    /// Most tokens for 10^9 fuel, or for a second of a core or GPU [default: 0.05, or 0.001 of a core, or 0.01 of a GPU]
    #[arg(long, value_parser = parse_tokens)]
    price_max: Option<u128>,
    /// Most fuel of a module
    #[arg(long, default_value_t = Limits::default().fuel_limit)]
    fuel: u64,
    /// Most memory
    #[arg(long, value_parser = super::exec::parse_size, default_value = "1GiB")]
    memory: u64,
    /// Pay only after running the job here too, or trust the provider; replicas that agree are not checked
    #[arg(long, value_enum, default_value_t = CheckArg::Rerun)]
    check: CheckArg,
    /// Seconds the provider has for a result [default: 600, and one for each gigafuel of --fuel]
    #[arg(long)]
    submit_window: Option<u32>,
    /// How a wrong result of a container is told: by mediators that run it again, or not at all
    #[arg(long, value_enum, default_value_t = VerifyArg::Repeated)]
    verify: VerifyArg,
    /// Times that each mediator runs a container: one whose runs differ is its creator's fault
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    runs: u8,
    /// Providers that run the job, each in its own deal; where they differ, mediators decide
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=7))]
    replicas: u8,
    /// What whoever is at fault loses besides, in 1/10,000 of the price
    #[arg(long, default_value_t = PENALTY_BPS)]
    penalty_bps: u32,
    /// Chance, of 10,000, that mediators check a result that nobody challenges [default: with --check trust and no
    /// replicas, as much as makes cheating a loss; otherwise 0]
    #[arg(long, value_parser = clap::value_parser!(u16).range(..=10_000))]
    audit_bps: Option<u16>,
    /// Address and port on which the job's blocks are served to provider and mediators; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    serve: SocketAddr,
    /// URL under which others reach that port [default: the address itself]
    #[arg(long)]
    public_url: Option<String>,
    /// Seconds to wait for a provider before giving up
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    wait: u64,
    /// Print one JSON object instead of the guest's output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    container: ContainerArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum VerifyArg {
    /// Mediators run it again; if their runs differ, the job is at fault
    Repeated,
    /// Nobody checks: the provider's word
    Unverified,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum CheckArg {
    /// Run the job here and compare
    Rerun,
    /// Take the provider's word
    Trust,
}

impl From<CheckArg> for Check {
    fn from(check: CheckArg) -> Self {
        match check {
            CheckArg::Rerun => Self::Rerun,
            CheckArg::Trust => Self::Trust,
        }
    }
}

/// A job before it is published: where its parts lie on this machine.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) module: String,
    pub(super) args: Vec<String>,
    pub(super) inputs: Vec<String>,
    pub(super) folder: Option<PathBuf>,
    pub(super) limits: Limits,
}

pub(super) async fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    if let Some(out) = &args.out {
        check_out(out)?;
    }
    let home = session::home(common)?;
    let chain = session::creator_chain(common).await?;
    let story = Story::new(&chain);
    let mut shell = creator_shell(&chain, &home, args.serve, args.public_url.clone()).await?;
    let (job, replicas) = job(&args, &chain, &shell, &home, &story).await?;
    let terms = terms(&args, replicas, &chain, &job, &story)?;
    let check: Check = args.check.into();
    if let Job::Container(_) = &job {
        story.say(&format!("job {}", job.cid()?));
        story.stage("publish");
        // The creator checks as mediators do, so it needs what they have.
        if check == Check::Rerun && terms.verification == Verification::Repeated {
            shell.workshop.containers =
                Some(args.engine.start(&home.join("containers")).await.map_err(|error| {
                    usage(format!("{error:#}; start Docker, or take the provider's word with --check trust"))
                })?);
        }
    }
    let endings = order(&shell, &job, &terms, check, &story).await?;
    ending::finish(&chain, &endings, args.out.as_deref(), args.json, &story).await
}

/// The job that these arguments name, its data in the store, and how many providers are to run it.
async fn job(
    args: &Args,
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
    let sources = Sources::new(shell.workshop.fetcher(&[])?, true);
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
fn plan(args: &Args, story: &Story) -> anyhow::Result<Option<Plan>> {
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

/// What these arguments offer for the job.
fn terms(args: &Args, replicas: u8, chain: &Chain, job: &Job, story: &Story) -> anyhow::Result<OfferTerms> {
    let mut terms = default_terms(chain, job, args.runs);
    terms.price_per_gigafuel_max = args.price_max.unwrap_or(terms.price_per_gigafuel_max);
    terms.provider = args.provider;
    terms.expires_in = args.wait;
    terms.replicas = replicas;
    terms.penalty_bps = args.penalty_bps;
    if matches!(job, Job::Container(_)) && args.verify == VerifyArg::Unverified {
        if replicas > 1 || args.audit_bps.is_some_and(|bps| bps > 0) {
            return Err(usage(
                "--verify unverified has no replicas and no audits; leave them out".to_owned(),
            ));
        }
        terms.verification = Verification::Unverified;
        story.say("UNVERIFIED: nobody checks this result, and a wrong one can't be challenged");
    }
    let by_audits_only = matches!(args.check, CheckArg::Trust) && replicas == 1;
    terms.audit_bps = args.audit_bps.unwrap_or_else(|| match terms.verification {
        Verification::Unverified => 0,
        _ if by_audits_only => audit_bps_min(args.penalty_bps),
        _ => 0,
    });
    if let Some(seconds) = args.submit_window {
        terms.submit_window = seconds;
    }
    Ok(terms)
}

/// What a job offers unless told otherwise; time grows with the job's own, because everybody may have to run all of it.
pub(super) fn default_terms(chain: &Chain, job: &Job, runs: u8) -> OfferTerms {
    use crate::report::TOKEN;
    let (run_seconds, runs, verification, price) = match job {
        Job::Wasm(spec) => {
            let seconds = spec.limits.fuel_limit / Policy::default().fuel_per_second;
            (seconds, 1, Verification::BitExact, TOKEN / 20)
        }
        Job::Container(spec) => {
            let price = if spec.gpus.is_some() { TOKEN / 100 } else { TOKEN / 1_000 };
            (spec.limits.timeout_ms.div_ceil(1_000), runs, Verification::Repeated, price)
        }
    };
    let window = |runs: u8, seconds: u64| {
        u32::try_from(run_seconds.saturating_mul(runs.into()).saturating_add(seconds)).unwrap_or(u32::MAX)
    };
    OfferTerms {
        price_per_gigafuel_max: price,
        solver_fee: TOKEN / 20,
        mediator_fee: TOKEN / 10,
        verification,
        mediator_count: 3,
        runs,
        replicas: 1,
        penalty_bps: PENALTY_BPS,
        audit_bps: 0,
        submit_window: window(1, 600),
        judge_window: window(2, 600),
        mediation_window: window(runs, 300),
        provider: None,
        panel: chain.network().panel,
        expires_in: 300,
    }
}

/// A creator with its own store in its home, which it serves for as long as this process lives.
pub(super) async fn creator_shell(
    chain: &Chain,
    home: &Path,
    serve: SocketAddr,
    public_url: Option<String>,
) -> anyhow::Result<CreatorShell> {
    let network = chain.network();
    let workshop = session::workshop(home, &home.join("store"), network.gateways.clone(), 1)?;
    let url = session::serve_blocks(workshop.store.clone(), serve).await?;
    let gateway = public_url.unwrap_or(url);
    let solver = SolverClient::new(&network.solver_url)?;
    Ok(CreatorShell { chain: chain.clone(), solver, workshop, gateway, poll: POLL })
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

/// Offers, waits, checks, pays: one deal, or one for each replica.
pub(super) async fn order(
    shell: &CreatorShell,
    job: &Job,
    terms: &OfferTerms,
    check: Check,
    story: &Story,
) -> anyhow::Result<Vec<Ending>> {
    let tell = |progress| story.tell(progress);
    let (signed, deposited) = shell.prepare(job, terms, &tell).await?;
    if let Some(sent) = deposited {
        tell(crate::roles::creator::Progress::Deposited(sent));
    }
    let deals = shell.find_deals(&signed, &tell).await?;
    if let [deal] = deals.as_slice() {
        return Ok(vec![shell.see_through(deal, check, &tell).await?]);
    }
    let all = deals.iter().map(|deal| async {
        let story = story.about(deal);
        shell.see_through(deal, check, &|progress| story.tell(progress)).await
    });
    Ok(futures::future::try_join_all(all).await?)
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
