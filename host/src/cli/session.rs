//! What most subcommands start with: home, network, key, store, workers.

use super::{Common, output, usage};
use crate::{
    chain::{Chain, Key},
    devnet, doctor,
    exec::{CACHE_BYTES_MAX, CacheError, CodeCache, Executor, WorkerConfig},
    network::{self, DEV, DEV_CHAIN_ID, Network},
    roles::Workshop,
    store::{self, Store, TreeLimits},
};
use anyhow::Context as _;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// Wall-clock limit of one job on this machine.
const JOB_SECONDS_MAX: u64 = 3_600;

pub(super) fn home(common: &Common) -> anyhow::Result<PathBuf> {
    Ok(match &common.home {
        Some(home) => home.clone(),
        None => network::home()?,
    })
}

pub(super) fn network(common: &Common) -> anyhow::Result<Network> {
    let mut network = Network::load(&home(common)?, &common.network)
        .map_err(|error| usage(crate::report::causes(&error)))?;
    if let Some(url) = &common.rpc_url {
        network.rpc_url.clone_from(url);
    }
    Ok(network)
}

/// The party's key; on the devnet, and only there, the public development key of `account` when none is set.
pub(super) fn key(network: &Network, account: u32) -> anyhow::Result<Option<Key>> {
    if let Some(key) = Key::from_env().map_err(|error| usage(crate::report::causes(&error)))? {
        return Ok(Some(key));
    }
    let dev = network.name == DEV && network.chain_id == DEV_CHAIN_ID;
    Ok(if dev { Some(Key::dev(account)?) } else { None })
}

/// The chain as the creator sees it.
pub(super) async fn creator_chain(common: &Common) -> anyhow::Result<Chain> {
    let network = network(common)?;
    let key = key(&network, devnet::CREATOR)?.ok_or(crate::chain::ChainError::NoKey)?;
    Ok(Chain::connect(&network, Some(key)).await?)
}

/// Compiled code, kept in the home; a home that can't be used is no reason to refuse work.
pub(super) fn code_cache(home: &std::path::Path) -> Option<CodeCache> {
    // The home, but no folder above it: a user without one doesn't get one.
    let _ = std::fs::create_dir(home);
    match CodeCache::open(&code_dir(home), CACHE_BYTES_MAX) {
        Ok(cache) => Some(cache),
        Err(error @ CacheError::Io(..)) => {
            tracing::info!("{}", crate::report::causes(&error));
            None
        }
        Err(error) => {
            tracing::warn!("{}", crate::report::causes(&error));
            None
        }
    }
}

/// Says in one line what this machine lacks for running jobs, before it is found out by a deal; and starts workers.
pub(super) async fn get_ready(home: &std::path::Path, workshop: &Workshop) -> anyhow::Result<()> {
    let config = WorkerConfig::for_this_program(Duration::from_secs(TRIAL_SECONDS_MAX))?;
    let checks = doctor::checks(&doctor::Facts::gather(home, &code_dir(home), config).await);
    if let Some(lacks) = doctor::shortcomings(&checks) {
        output::note(&format!("warning: {lacks}"));
    }
    workshop.executor.warm_up().await?;
    Ok(())
}

/// Wall-clock limit of the trial job, which takes some milliseconds.
pub(super) const TRIAL_SECONDS_MAX: u64 = 60;

/// Where compiled code is kept.
pub(super) fn code_dir(home: &std::path::Path) -> PathBuf {
    home.join("compiled")
}

/// Blocks in `dir`, compiled code in the home, and workers of this very program.
pub(super) fn workshop(
    home: &std::path::Path,
    dir: &std::path::Path,
    gateways: Vec<String>,
    jobs_max: usize,
) -> anyhow::Result<Workshop> {
    let store = Store::open(dir).with_context(|| format!("can't open the store in {}", dir.display()))?;
    let config = WorkerConfig::for_this_program(Duration::from_secs(JOB_SECONDS_MAX))?;
    let executor = Executor::new(config, jobs_max).with_cache(code_cache(home)).with_idle_workers(jobs_max);
    Ok(Workshop {
        store,
        executor,
        containers: None,
        gateways,
        limits: TreeLimits::default(),
        capacity: None,
    })
}

/// Serves a store's blocks until the process ends; port 0 takes a free one. Gives the URL.
pub(super) async fn serve_blocks(store: Store, address: SocketAddr) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        usage(format!("{address} can't be listened on ({error}); give another with --port or --bind"))
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        let _ = axum::serve(listener, store::router(store)).await;
    });
    Ok(url)
}

/// Any free port of this machine, for this machine only.
pub(super) fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}
