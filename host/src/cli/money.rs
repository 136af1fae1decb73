//! `lilypad balance | deposit | withdraw`: this account's money in the market.

use super::{Common, output, session, usage};
use crate::{
    chain::Chain,
    report::{count, parse_tokens, tokens},
};
use anyhow::Context as _;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct DepositArgs {
    /// How many tokens to move from the wallet into the market
    #[arg(value_parser = parse_tokens)]
    amount: u128,
}

#[derive(Debug, clap::Args)]
pub(super) struct WithdrawArgs {
    /// How many tokens to move back to the wallet [default: all that is free]
    #[arg(value_parser = parse_tokens)]
    amount: Option<u128>,
}

pub(super) async fn balance(common: &Common) -> anyhow::Result<ExitCode> {
    let chain = session::creator_chain(common).await?;
    show(&chain).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn deposit(common: &Common, args: DepositArgs) -> anyhow::Result<ExitCode> {
    let chain = session::creator_chain(common).await?;
    let free = chain.balance(chain.address()?).await?.free;
    let wanted = free.checked_add(args.amount).ok_or_else(|| usage("that is more than 128 bits hold"))?;
    if let Some(sent) = chain.ensure_free("this deposit", wanted).await? {
        output::note(&format!("deposited {} ({} gas)", tokens(args.amount), count(sent.gas_used)));
    }
    show(&chain).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn withdraw(common: &Common, args: WithdrawArgs) -> anyhow::Result<ExitCode> {
    let chain = session::creator_chain(common).await?;
    let balance = chain.balance(chain.address()?).await?;
    let amount = args.amount.unwrap_or(balance.free);
    if amount > balance.free {
        return Err(usage(format!(
            "{} are free; {} more are locked in deals and come free when those end",
            tokens(balance.free),
            tokens(balance.locked)
        )));
    }
    if amount > 0 {
        let sent = chain.withdraw(amount).await?;
        output::note(&format!("withdrew {} ({} gas)", tokens(amount), count(sent.gas_used)));
    }
    show(&chain).await?;
    Ok(ExitCode::SUCCESS)
}

async fn show(chain: &Chain) -> anyhow::Result<()> {
    let me = chain.address()?;
    let balance = chain.balance(me).await?;
    let wallet = u128::try_from(chain.wallet_tokens(me).await?).context("more than 128 bits of tokens")?;
    let rows =
        [("wallet", wallet), ("free in the market", balance.free), ("locked in deals", balance.locked)];
    let rows = rows.map(|(place, amount)| vec![place.to_owned(), tokens(amount)]);
    output::line(&output::table(&["where", " amount"], &rows));
    Ok(())
}
