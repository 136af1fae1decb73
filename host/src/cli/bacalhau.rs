//! `lilypad-host bacalhau`: this machine behind Bacalhau's API, for its owner's own jobs.

use super::{Common, engine::EngineArgs, output, session, usage};
use crate::{
    bacalhau_api::{Api, ApiLimits, ApiParts},
    journal::Journal,
};
use anyhow::Context as _;
use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

/// Fewest letters of a token.
const TOKEN_MIN: usize = 16;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on; one that others reach wants a token
    #[arg(long, default_value = "127.0.0.1:1234")]
    bind: SocketAddr,
    /// What clients must show as their API key (BACALHAU_API_KEY for Bacalhau's CLI)
    #[arg(long, env = "LILYPAD_BACALHAU_SERVED_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// URL under which clients reach this server [default: the address it listens on]
    #[arg(long)]
    public_url: Option<String>,
    /// The node's name
    #[arg(long, default_value = "lilypad")]
    node: String,
    /// Folder for jobs and results [default: <home>/bacalhau]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Gateways asked for inputs that are named by a CID and aren't here; more than one may be given
    #[arg(long = "gateway", value_name = "URL")]
    gateways: Vec<String>,
    /// Jobs at once
    #[arg(long, default_value_t = ApiLimits::default().running_max)]
    jobs: usize,
    /// Jobs that may wait or run; further ones are refused
    #[arg(long, default_value_t = ApiLimits::default().open_max)]
    jobs_open_max: usize,
    /// Jobs that are remembered
    #[arg(long, default_value_t = ApiLimits::default().jobs_max)]
    jobs_max: usize,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) async fn bacalhau(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    if !args.bind.ip().is_loopback() && args.token.is_none() {
        return Err(usage(format!(
            "{} can be reached by others, who could run whatever they like here; give --token, or listen on 127.0.0.1",
            args.bind
        )));
    }
    if args.token.as_ref().is_some_and(|token| token.len() < TOKEN_MIN) {
        return Err(usage(format!("the token must have {TOKEN_MIN} letters or more, or it can be guessed")));
    }
    if args.node.is_empty() || args.node.len() > 64 || args.node.contains(['/', ' ']) {
        return Err(usage("--node must be 1 to 64 letters without space and slash"));
    }
    let home = session::home(common)?;
    let dir = args.dir.unwrap_or_else(|| home.join("bacalhau"));
    fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
    let workshop = session::workshop(&home, &dir.join("blocks"), args.gateways.clone(), args.jobs)?;
    session::get_ready(&home, &workshop).await?;
    let containers = args.engine.start_if_asked(&dir.join("containers")).await?;
    let runs_containers = containers.is_some();
    let limits = ApiLimits {
        jobs_max: args.jobs_max,
        open_max: args.jobs_open_max,
        running_max: args.jobs,
        ..ApiLimits::default()
    };
    let api = Api::new(ApiParts {
        executor: workshop.executor,
        containers,
        store: workshop.store,
        gateways: args.gateways,
        journal: Journal::open(&dir.join("journal.sqlite"))?,
        node: args.node,
        token: args.token,
        limits,
    })?;
    let listener = tokio::net::TcpListener::bind(args.bind)
        .await
        .with_context(|| format!("can't listen on {}; another Bacalhau may be there", args.bind))?;
    let address = listener.local_addr()?;
    let url = args.public_url.unwrap_or_else(|| format!("http://{address}"));
    let router = api.router(&url, address.ip().is_loopback());
    output::note(&format!(
        "Bacalhau's API at {url}, for modules{}\nnext: BACALHAU_API_HOST={} BACALHAU_API_PORT={} bacalhau node list",
        if runs_containers { " and containers" } else { "; --executor docker adds containers" },
        address.ip(),
        address.port()
    ));
    axum::serve(listener, router).await?;
    Ok(ExitCode::SUCCESS)
}
