//! `lilypad-host provider | mediator | solver`: the services of machine owners.

use super::{Common, engine::EngineArgs, output, session, usage};
use crate::{
    chain::{Chain, ChainError, Key, Meter},
    container::Machine,
    journal::Journal,
    report::parse_tokens,
    roles::{self, Ask, Capacity, ProviderTerms, Workshop},
    solver::{SolverClient, book::Book, service::Solver},
};
use anyhow::Context as _;
use lilypad_abi::Profile;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
struct Service {
    /// Folder for the journal and the blocks [default: <home>/<role>]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen on; 0.0.0.0 for all
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// URL under which others reach that port [default: the address it listens on]
    #[arg(long)]
    public_url: Option<String>,
    /// Milliseconds between looks at the chain
    #[arg(long, default_value_t = 1_000)]
    poll_ms: u64,
}

impl Service {
    fn address(&self) -> SocketAddr {
        SocketAddr::from((self.bind, self.port))
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct ProviderArgs {
    #[command(flatten)]
    service: Service,
    /// Tokens for 10^9 fuel
    #[arg(long, value_parser = parse_tokens, default_value = "0.01")]
    price: u128,
    /// Tokens for a second of one core, for containers
    #[arg(long, value_parser = parse_tokens, default_value = "0.0001")]
    price_core: u128,
    /// Tokens for a second of one GPU, for containers that want some
    #[arg(long, value_parser = parse_tokens, default_value = "0.001")]
    price_gpu: u128,
    /// Longest that a container may run, in seconds
    #[arg(long, default_value_t = 24 * 3_600)]
    container_seconds_max: u64,
    /// Most tokens that one deal may lock; what it locks is lost when a result is wrong
    #[arg(long, value_parser = parse_tokens, default_value = "20")]
    collateral_max: u128,
    /// Deals before the offer must be renewed
    #[arg(long, default_value_t = 1_000_000)]
    slots: u32,
    /// Largest fuel limit of a job
    #[arg(long, default_value_t = 10_000_000_000_000)]
    fuel_max: u64,
    /// Fuel that this machine surely gets through in a second; deals with too little time for their fuel are declined
    #[arg(long, default_value_t = 1_000_000_000)]
    fuel_per_second: u64,
    /// Most memory and output of a job
    #[arg(long, value_parser = super::exec::parse_size, default_value = "4GiB")]
    memory_max: u64,
    /// Least seconds it wants for a result
    #[arg(long, default_value_t = 60)]
    submit_window_min: u32,
    /// Jobs at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Make results up instead of running jobs: for demonstrations; it will be found out and slashed
    #[arg(long)]
    cheat: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct MediatorArgs {
    #[command(flatten)]
    service: Service,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SolverArgs {
    #[command(flatten)]
    service: Service,
}

pub(super) async fn provider(common: &Common, args: ProviderArgs) -> anyhow::Result<ExitCode> {
    let (chain, dir) = start(common, &args.service, "provider").await?;
    let network = chain.network().clone();
    let home = session::home(common)?;
    let workshop = session::workshop(&home, &dir.join("blocks"), network.gateways.clone(), args.jobs)?;
    session::get_ready(&home, &workshop).await?;
    let containers = args.engine.start_if_asked(&dir.join("containers")).await?;
    let machine = match &containers {
        Some(engine) => Some(engine.machine().await?),
        None => None,
    };
    let capacity = Capacity {
        bytes_max: args.memory_max,
        fuel_per_second: args.fuel_per_second,
        containers: machine.clone(),
    };
    if containers.is_some() && args.engine.allows_all() {
        output::note(
            "warning: every image may run here; a stranger's program can give mediators something else than it gave this \
             provider: name the images that you know with --allow-image",
        );
    }
    let workshop = Workshop { capacity: Some(capacity), containers, ..workshop };
    let url = session::serve_blocks(workshop.store.clone(), args.service.address()).await?;
    let gateway = args.service.public_url.clone().unwrap_or(url);
    let me = chain.address()?;
    if args.cheat {
        tracing::warn!("--cheat: this provider makes its results up");
    }
    let terms = ProviderTerms {
        asks: asks(&args, machine.as_ref()),
        collateral_max: args.collateral_max,
        slots: args.slots,
        submit_window_min: args.submit_window_min,
        panel: network.panel,
        gateway: gateway.clone(),
        cheat: args.cheat,
    };
    let journal = journal(&dir)?;
    let solver = SolverClient::new(&network.solver_url)?;
    output::note(&format!(
        "provider {me} serves blocks at {gateway} and offers to the solver at {}",
        network.solver_url
    ));
    let poll = Duration::from_millis(args.service.poll_ms);
    roles::provide(chain, journal, workshop, solver, terms, poll, stop_signal()).await;
    Ok(ExitCode::SUCCESS)
}

/// The kinds of work that this provider takes, one offer for each.
fn asks(args: &ProviderArgs, machine: Option<&Machine>) -> Vec<Ask> {
    let modules = Ask {
        name: "current",
        profile: Profile::Lilypad1,
        meter: Meter::Fuel,
        price: args.price,
        units_max: args.fuel_max,
        memory_bytes_max: args.memory_max,
        disk_bytes_max: 0,
        cores: 1,
        gpus: Vec::new(),
    };
    let Some(machine) = machine else { return vec![modules] };
    let units_max = |of: u64| of.saturating_mul(args.container_seconds_max).saturating_mul(1_000_000_000);
    // Half a core is a core's offer: jobs that want less fit, and a job that wants all of one is declined.
    let cores = machine.cpu_millis.div_ceil(1_000);
    let containers = Ask {
        name: "containers",
        profile: Profile::Container1,
        meter: Meter::CoreNanoseconds,
        price: args.price_core,
        units_max: units_max(cores),
        memory_bytes_max: machine.memory_bytes,
        disk_bytes_max: machine.disk_bytes,
        cores: u16::try_from(cores).unwrap_or(u16::MAX),
        gpus: Vec::new(),
    };
    let mut asks = vec![modules, containers.clone()];
    if !machine.gpus.is_empty() {
        asks.push(Ask {
            name: "gpus",
            meter: Meter::GpuNanoseconds,
            price: args.price_gpu,
            units_max: units_max(machine.gpus.len() as u64),
            gpus: machine.gpus.clone(),
            ..containers
        });
    }
    asks
}

pub(super) async fn mediator(common: &Common, args: MediatorArgs) -> anyhow::Result<ExitCode> {
    let (chain, dir) = start(common, &args.service, "mediator").await?;
    let network = chain.network().clone();
    let home = session::home(common)?;
    let workshop = session::workshop(&home, &dir.join("blocks"), network.gateways.clone(), 1)?;
    session::get_ready(&home, &workshop).await?;
    let containers = args.engine.start_if_asked(&dir.join("containers")).await?;
    let workshop = Workshop { containers, ..workshop };
    let url = session::serve_blocks(workshop.store.clone(), args.service.address()).await?;
    output::note(&format!("mediator {} of panel {} serves blocks at {url}", chain.address()?, network.panel));
    let poll = Duration::from_millis(args.service.poll_ms);
    roles::mediate(chain, journal(&dir)?, workshop, network.panel, poll, stop_signal()).await;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn solver(common: &Common, args: SolverArgs) -> anyhow::Result<ExitCode> {
    let (chain, dir) = start(common, &args.service, "solver").await?;
    let solver = Solver::new(chain.clone(), Book::open(journal(&dir)?)?);
    let address = args.service.address();
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        usage(format!("{address} can't be listened on ({error}); give another with --port or --bind"))
    })?;
    output::note(&format!("solver {} listens at http://{}", chain.address()?, listener.local_addr()?));
    let mut stop = stop_signal();
    let mut stop_http = stop.clone();
    let http = axum::serve(listener, solver.router()).with_graceful_shutdown(async move {
        let _ = stop_http.changed().await;
    });
    tokio::select! {
        result = async { http.await } => result.context("the solver's HTTP service ended")?,
        () = solver.run() => {}
        _ = stop.changed() => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(common: &Common, service: &Service, role: &str) -> anyhow::Result<(Chain, PathBuf)> {
    let network = session::network(common)?;
    let key = Key::from_env().map_err(|error| usage(crate::report::causes(&error)))?;
    let key = key.ok_or(ChainError::NoKey)?;
    let dir = match &service.dir {
        Some(dir) => dir.clone(),
        None => session::home(common)?.join(role),
    };
    fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
    // Started beside its node after a crash, a service finds it a moment later.
    let mut tries = 0;
    let chain = loop {
        match Chain::connect(&network, Some(key.clone())).await {
            Ok(chain) => break chain,
            Err(error) if error.is_temporary() && tries < 60 => {
                tries += 1;
                tracing::warn!(error = %crate::report::causes(&error), "waiting for the node");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    Ok((chain, dir))
}

fn journal(dir: &Path) -> anyhow::Result<Journal> {
    Ok(Journal::open(&dir.join("journal.sqlite"))?)
}

/// True once the process is asked to end.
fn stop_signal() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        super::devnet::asked_to_end().await;
        let _ = sender.send(true);
        // Kept until the end of the process: a dropped sender would wake everyone again and again.
        std::future::pending::<()>().await;
    });
    receiver
}
