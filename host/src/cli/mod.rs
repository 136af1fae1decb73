//! The two programs' command lines: parse, set up, call, map to an exit code. One file per subcommand.
//!
//! Only `output` prints. stdout is the result and nothing else; progress, tables and errors go to stderr.
//! Exit codes: 0 done, 1 failed, 2 wrong usage or input; `lilypad exec` passes the guest's own through.

mod audit;
mod bacalhau;
mod clock;
mod container;
mod deal;
mod demo;
mod devnet;
mod doctor;
mod ending;
mod engine;
mod exec;
mod job;
mod machines;
mod module;
mod module_path;
mod money;
mod output;
mod progress;
mod publish;
mod roles;
mod run;
mod session;

use clap::{Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// Exit code for wrong usage or input, clap's own too.
const USAGE: u8 = 2;

/// Run jobs on a market of strangers' machines, and have wrong answers found and paid for.
#[derive(Debug, Parser)]
#[command(name = "lilypad", version, propagate_version = true, arg_required_else_help = true)]
struct Lilypad {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: LilypadCommand,
}

/// Offer a machine, mediate, or match offers.
#[derive(Debug, Parser)]
#[command(name = "lilypad-host", version, propagate_version = true, arg_required_else_help = true)]
struct LilypadHost {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: HostCommand,
}

#[derive(Debug, Clone, clap::Args)]
struct Common {
    /// Which market; `lilypad devnet` makes the one called dev
    #[arg(long, global = true, env = "LILYPAD_NETWORK", default_value = crate::network::DEV)]
    network: String,
    /// Folder for networks, stores and journals [default: ~/.lilypad]
    #[arg(long, global = true, env = "LILYPAD_HOME", hide_env_values = true)]
    home: Option<PathBuf>,
    /// The node's JSON-RPC endpoint, in place of the network file's
    #[arg(long, global = true, env = "LILYPAD_RPC_URL", hide_env_values = true)]
    rpc_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum LilypadCommand {
    /// Run a module on the market and bring its files back
    Run(Box<run::Args>),
    /// Run a module here, deterministically; no market, no network
    Exec(exec::Args),
    /// Look at modules
    #[command(subcommand)]
    Module(module::Command),
    /// See which machines are on offer, and their GPUs
    Machines(machines::Args),
    /// Find out about a job before it costs anything
    #[command(subcommand)]
    Job(job::Command),
    /// Look at deals
    #[command(subcommand)]
    Deal(deal::Command),
    /// Run a deal's job again from its public data and compare with the provider's receipt
    Audit(audit::Args),
    /// Show this account's tokens, in its wallet and in the market
    Balance,
    /// Move tokens from the wallet into the market; `lilypad run` does so by itself
    Deposit(money::DepositArgs),
    /// Move free tokens from the market back to the wallet
    Withdraw(money::WithdrawArgs),
    /// Keep a whole market running on this machine
    Devnet(devnet::Args),
    /// Show the whole story once: a job paid for, a cheat slashed, a contract called back
    Demo(demo::Args),
}

#[derive(Debug, Subcommand)]
enum HostCommand {
    /// Offer this machine and run the deals it gets
    Provider(roles::ProviderArgs),
    /// Run challenged jobs again and show own receipts
    Mediator(roles::MediatorArgs),
    /// Match offers and earn the fee
    Solver(roles::SolverArgs),
    /// Answer Bacalhau's API, so that its CLI and libraries run jobs on this machine
    Bacalhau(bacalhau::Args),
    /// Check that this machine can run jobs, and how well it locks them in
    Doctor(doctor::Args),
    /// Do one task from standard input (internal)
    #[command(hide = true)]
    Worker,
    /// Become another program that dies with this one's parent (internal)
    #[command(hide = true)]
    Tethered {
        /// The program and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// A mistake in what the user gave: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// `lilypad`.
#[must_use]
pub fn lilypad() -> ExitCode {
    let args = Lilypad::parse();
    start_logging("warn");
    block_on(async move {
        match args.command {
            LilypadCommand::Run(command) => run::run(&args.common, *command).await,
            LilypadCommand::Exec(command) => exec::exec(&args.common, command).await,
            LilypadCommand::Module(command) => module::module(&args.common, &command),
            LilypadCommand::Machines(command) => machines::machines(&args.common, &command).await,
            LilypadCommand::Job(command) => job::job(&args.common, &command).await,
            LilypadCommand::Deal(command) => deal::deal(&args.common, command).await,
            LilypadCommand::Audit(command) => audit::audit(&args.common, command).await,
            LilypadCommand::Balance => money::balance(&args.common).await,
            LilypadCommand::Deposit(command) => money::deposit(&args.common, command).await,
            LilypadCommand::Withdraw(command) => money::withdraw(&args.common, command).await,
            LilypadCommand::Devnet(command) => devnet::devnet(&args.common, command).await,
            LilypadCommand::Demo(command) => demo::demo(&args.common, command).await,
        }
    })
}

/// `lilypad-host`.
#[must_use]
pub fn lilypad_host() -> ExitCode {
    let args = LilypadHost::parse();
    if let HostCommand::Tethered { command } = args.command {
        let error = match command.split_first() {
            Some((program, rest)) => crate::devnet::become_tethered(program.as_ref(), rest),
            None => return ExitCode::from(USAGE),
        };
        return finish(Err(
            anyhow::Error::new(error).context(format!("can't become {}", command[0].display()))
        ));
    }
    start_logging("info");
    block_on(async move {
        match args.command {
            HostCommand::Provider(command) => roles::provider(&args.common, command).await,
            HostCommand::Mediator(command) => roles::mediator(&args.common, command).await,
            HostCommand::Solver(command) => roles::solver(&args.common, command).await,
            HostCommand::Bacalhau(command) => bacalhau::bacalhau(&args.common, command).await,
            HostCommand::Doctor(command) => doctor::doctor(&args.common, &command).await,
            HostCommand::Worker | HostCommand::Tethered { .. } => Ok(ExitCode::SUCCESS),
        }
    })
}

fn start_logging(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LILYPAD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => finish(runtime.block_on(work)),
        Err(error) => finish(Err(anyhow::Error::new(error).context("can't start the runtime"))),
    }
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            if error.is::<Usage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_lines_are_consistent() {
        Lilypad::command().debug_assert();
        LilypadHost::command().debug_assert();
    }
}
