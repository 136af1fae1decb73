//! `lilypad run`: a job on the market, from files here to files here.

use super::{Common, ending, exec::check_out, progress::Story, session, usage};
use crate::{
    chain::{Address, Chain},
    deal::{PENALTY_BPS, audit_bps_min},
    report::{count, parse_tokens},
    roles::creator::{Check, CreatorShell, Ending, OfferTerms},
    solver::{SolverClient, policy::Policy},
    store::{SnapshotLimits, Store, read_dir},
};
use lilypad_abi::{BlobDigest, Cid, JobSpec, Limits, Profile};
use std::{
    collections::BTreeMap,
    fs,
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
    module: String,
    /// Arguments for the guest
    #[arg(last = true)]
    args: Vec<String>,
    /// A typed input of the module; the whole of them becomes a JSON object on its standard input
    #[arg(short = 'i', long = "set", value_name = "KEY=VALUE")]
    inputs: Vec<String>,
    /// A folder that the job sees as /in
    #[arg(long, value_name = "FOLDER")]
    input: Option<PathBuf>,
    /// Write the result here, which must be empty or new [default: lilypad-out/<deal>]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Only this provider
    #[arg(long, conflicts_with = "replicas")]
    provider: Option<Address>,
    /// Most tokens for 10^9 fuel
    #[arg(long, value_parser = parse_tokens, default_value = "0.05")]
    price_max: u128,
    /// Most fuel
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
    let shell = creator_shell(&chain, &home, args.serve, args.public_url.clone()).await?;
    let limits = Limits { fuel_limit: args.fuel, memory_bytes_max: args.memory, ..Limits::default() };
    let parts =
        Parts { module: args.module, args: args.args, inputs: args.inputs, folder: args.input, limits };
    let spec = publish(&chain, &shell.workshop.store, &parts, &story)?;
    let mut terms = OfferTerms {
        price_per_gigafuel_max: args.price_max,
        provider: args.provider,
        expires_in: args.wait,
        replicas: args.replicas,
        penalty_bps: args.penalty_bps,
        audit_bps: args.audit_bps.unwrap_or(match args.check {
            CheckArg::Trust if args.replicas == 1 => audit_bps_min(args.penalty_bps),
            CheckArg::Trust | CheckArg::Rerun => 0,
        }),
        ..default_terms(&chain, limits.fuel_limit)
    };
    if let Some(seconds) = args.submit_window {
        terms.submit_window = seconds;
    }
    let endings = order(&shell, &spec, &terms, args.check.into(), &story).await?;
    ending::finish(&chain, &endings, args.out.as_deref(), args.json, &story).await
}

/// What a job offers unless told otherwise; time grows with the fuel, because everybody may have to run all of it.
pub(super) fn default_terms(chain: &Chain, fuel_limit: u64) -> OfferTerms {
    let run_seconds = fuel_limit / Policy::default().fuel_per_second;
    let window = |seconds: u64| u32::try_from(run_seconds.saturating_add(seconds)).unwrap_or(u32::MAX);
    OfferTerms {
        price_per_gigafuel_max: crate::report::TOKEN / 20,
        solver_fee: crate::report::TOKEN / 20,
        mediator_fee: crate::report::TOKEN / 10,
        mediator_count: 3,
        replicas: 1,
        penalty_bps: PENALTY_BPS,
        audit_bps: 0,
        submit_window: window(600),
        judge_window: window(600),
        mediation_window: window(300),
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
    spec: &JobSpec,
    terms: &OfferTerms,
    check: Check,
    story: &Story,
) -> anyhow::Result<Vec<Ending>> {
    let tell = |progress| story.tell(progress);
    let (signed, deposited) = shell.prepare(spec, terms, &tell).await?;
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
