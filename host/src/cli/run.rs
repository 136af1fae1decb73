//! `lilypad run`: a job on the market, from files here to files here.

use super::{
    Common, container::ContainerArgs, ending, engine::EngineArgs, exec::check_out, progress::Story, publish,
    session, usage,
};
use crate::{
    chain::{Address, Chain, Verification},
    deal::{PENALTY_BPS, audit_bps_min},
    report::parse_tokens,
    roles::{
        POST_SECONDS, START_SECONDS,
        creator::{Check, CreatorShell, Ending, OfferTerms},
    },
    solver::{SolverClient, policy::Policy},
};
use lilypad_abi::{Job, Limits};
use std::{
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
    pub(super) module: Option<String>,
    /// Run a container instead: a name such as localhost:5000/tool:1, a name@sha256:…, or an image archive (.tar)
    #[arg(long, conflicts_with = "module")]
    pub(super) image: Option<String>,
    /// Put the image itself beside the job, for providers and mediators that can't reach its registry
    #[arg(long, requires = "image")]
    pub(super) image_as_content: bool,
    /// Run what a Bacalhau job document asks for, v1 or v2, YAML or JSON; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["module", "image", "inputs", "input"])]
    pub(super) bacalhau: Option<PathBuf>,
    /// Run a Lilypad module (lilypad_module.json.tmpl) from a folder or a git URL, filled with -i
    #[arg(long, value_name = "FOLDER|URL", conflicts_with_all = ["module", "image", "bacalhau", "input"])]
    pub(super) module_path: Option<String>,
    /// The commit to take it from: all 40 hex digits; a URL needs it
    #[arg(long, value_name = "HASH", requires = "module_path")]
    pub(super) module_commit: Option<String>,
    /// A folder or file of this machine that the document may name as an input, which makes it public; more than one
    /// may be given
    #[arg(long, value_name = "PATH")]
    pub(super) allow_local: Vec<PathBuf>,
    /// Arguments for the guest
    #[arg(last = true)]
    pub(super) args: Vec<String>,
    /// A typed input of the module; the whole of them becomes a JSON object on its standard input
    #[arg(short = 'i', long = "set", value_name = "KEY=VALUE")]
    pub(super) inputs: Vec<String>,
    /// A folder that a module sees as /in, and a container as /inputs
    #[arg(long, value_name = "FOLDER")]
    pub(super) input: Option<PathBuf>,
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
    pub(super) fuel: u64,
    /// Most memory
    #[arg(long, value_parser = super::exec::parse_size, default_value = "1GiB")]
    pub(super) memory: u64,
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
    pub(super) replicas: u8,
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
    pub(super) container: ContainerArgs,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
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

pub(super) async fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    if let Some(out) = &args.out {
        check_out(out)?;
    }
    let home = session::home(common)?;
    let chain = session::creator_chain(common).await?;
    let story = Story::new(&chain);
    let mut shell = creator_shell(&chain, &home, args.serve, args.public_url.clone()).await?;
    let (job, replicas) = publish::job(&args, &chain, &shell, &home, &story).await?;
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
    if let Job::Container(spec) = job
        && terms.verification == Verification::Repeated
        && spec.network == lilypad_abi::Network::Full
    {
        return Err(usage(
            "what a network says can't be repeated by mediators; leave out the network, or add --verify unverified"
                .to_owned(),
        ));
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
        // A container's provider may start late and must be done early: see what it takes on.
        submit_window: window(if verification == Verification::BitExact { 1 } else { 2 }, 600),
        judge_window: window(2, 600),
        mediation_window: match verification {
            Verification::BitExact => window(1, 300),
            _ => window(runs, 300 + START_SECONDS * u64::from(runs) + 2 * POST_SECONDS),
        },
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
