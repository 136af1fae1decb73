//! `lilypad devnet`: a market for a person to play with.

use super::{Common, output, session};
use crate::devnet::{Containers, Devnet, Options};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// First of ten ports: node, solver, modules, providers, mediators
    #[arg(long, default_value_t = 8545)]
    port: u16,
    /// Forget the deals and files of earlier runs
    #[arg(long)]
    fresh: bool,
    /// Have the second provider make its results up
    #[arg(long)]
    cheating_provider: bool,
    /// Have providers and mediators run containers too, on this machine's Docker engine; with the API of a Bacalhau
    /// cluster, the first provider's run there
    #[arg(long, value_name = "docker|URL", num_args = 0..=1, default_missing_value = "docker")]
    containers: Option<String>,
}

pub(super) async fn devnet(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let home = session::home(common)?;
    let options = Options {
        dir: home.join("devnet"),
        home,
        port: args.port,
        fresh: args.fresh,
        cheating_provider: args.cheating_provider,
        containers: match args.containers.as_deref() {
            None => Containers::No,
            Some("docker") => Containers::Docker,
            Some(api) => Containers::Bacalhau(api.to_owned()),
        },
        block_seconds: 1,
    };
    let devnet = Devnet::start(&options, &|text| output::note(text)).await?;
    output::note(&describe(&devnet));
    output::note(&format!("logs are in {}\n", options.dir.join("logs").display()));
    output::note("The market is up. In another terminal, from the same folder:");
    // As this one was called, so that the lines can be pasted.
    let lilypad = std::env::args().next().unwrap_or_else(|| "lilypad".to_owned());
    let commands =
        ["run cowsay -i message=\"hello\"", "run wordcount --input ./docs", "deal list", "audit <deal>"];
    for command in commands {
        output::note(&format!("  {lilypad} {command}"));
    }
    output::note(
        "\nCtrl-C stops it; what happened is kept for the next time, unless you start with --fresh.",
    );
    asked_to_end().await;
    output::note("\nstopping");
    devnet.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Who is there.
pub(super) fn describe(devnet: &Devnet) -> String {
    let pids = devnet.pids();
    let pid = |name: &str| {
        let found = pids.iter().find(|(process, _)| process == name).and_then(|(_, pid)| *pid);
        found.map_or_else(String::new, |pid| pid.to_string())
    };
    let network = &devnet.network;
    let mut rows = vec![
        vec!["devnet".to_owned(), std::process::id().to_string(), String::new(), String::new()],
        vec![
            "chain".to_owned(),
            pid("chain"),
            format!("chain id {}", network.chain_id),
            network.rpc_url.clone(),
        ],
        vec!["market".to_owned(), String::new(), network.market.to_string(), String::new()],
        vec!["token".to_owned(), String::new(), network.token.to_string(), String::new()],
    ];
    for party in &devnet.parties {
        let url = if party.cheats { format!("{}  (cheats)", party.url) } else { party.url.clone() };
        rows.push(vec![party.name.clone(), pid(&party.name), party.address.to_string(), url]);
    }
    output::table(&["who", " pid", "address", "where"], &rows)
}

/// Returns on SIGINT or SIGTERM.
pub(super) async fn asked_to_end() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers the signals' default action ends the process.
        _ => std::future::pending().await,
    }
}
