//! `lilypad demo`: the main job, from nothing: a stranger's module runs, is checked, and is paid for.
//!
//! Three stories on a devnet of its own, which is gone afterwards: an honest deal, a cheat, a contract's request.

use super::{Common, devnet::describe, ending, output, progress::Story, publish, run, session};
use crate::{
    chain::{Chain, Key, MatchedDeal},
    deal::{DealState, Settlement},
    devnet::{self, Devnet, Options},
    report::{count, tokens},
    roles::creator::{Check, Ending, OfferTerms},
};
use anyhow::{Context as _, ensure};
use lilypad_abi::{Job, Limits};
use lilypad_runtime::Folder;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// How long the contract may wait for its answer.
const ANSWER_SECONDS_MAX: u64 = 180;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of text whose words are counted
    #[arg(default_value = "/usr/share/common-licenses")]
    folder: PathBuf,
    /// Write the result here, which must be empty or new
    #[arg(long, default_value = "lilypad-out/demo")]
    out: PathBuf,
    /// What the cow is to say
    #[arg(long, default_value = "a wrong answer is found and paid for")]
    message: String,
    /// First of ten ports; 0 takes any free ones
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub(super) async fn demo(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    super::exec::check_out(&args.out)?;
    let home = session::home(common)?.join("demo");
    let options = Options {
        dir: home.join("devnet"),
        home: home.clone(),
        port: args.port,
        fresh: true,
        cheating_provider: true,
        containers: devnet::Containers::No,
        block_seconds: 1,
    };
    let devnet = Devnet::start(&options, &|text| output::note(text)).await?;
    output::note(&describe(&devnet));
    let told = tell(&devnet, &home, &args).await;
    devnet.stop().await;
    told?;
    output::note("\nAll three stories went as they should. Play with it yourself: lilypad devnet");
    Ok(ExitCode::SUCCESS)
}

async fn tell(devnet: &Devnet, home: &Path, args: &Args) -> anyhow::Result<()> {
    let chain = Chain::connect(&devnet.network, Some(Key::dev(devnet::CREATOR)?)).await?;
    let _ = std::fs::remove_dir_all(home.join("store"));
    heading("1. An honest deal: word counts of a folder, checked and paid");
    let honest = deal(&chain, home, &args.folder, None).await?;
    ensure!(honest.settlement == Settlement::Accepted, "the honest deal ended {:?}", honest.settlement);
    let outputs = honest.outputs.clone().unwrap_or_default();
    ending::write_result(&outputs, &args.out)?;
    output::result(outputs.file("stdout").unwrap_or_default());
    output::note(&format!("files are in {}", args.out.display()));

    heading("2. A cheat: the provider makes the result up, is challenged, mediated and slashed");
    let cheat = devnet.party("provider-2").context("no second provider")?;
    let before = wealth(&chain, cheat.address).await?;
    let slashed = deal(&chain, home, &args.folder, Some(cheat.address)).await?;
    ensure!(
        slashed.settlement == Settlement::ProviderSlashed,
        "the cheat's deal ended {:?}",
        slashed.settlement
    );
    let after = wealth(&chain, cheat.address).await?;
    let deposit = slashed.deal.stakes().context("no such deal")?.deposit();
    output::note(&format!(
        "\n{} had {} in wallet and market before, and has {} now: its deposit of {} is gone",
        cheat.name,
        tokens(before),
        tokens(after),
        tokens(deposit)
    ));
    ensure!(before - after == deposit, "the cheat lost something else than its deposit");

    heading("3. A contract asks for a cow and is called back with the verified answer");
    ask(devnet, &chain, &args.message).await?;

    heading("The books");
    output::note(&books(devnet, &chain).await?);
    Ok(())
}

fn heading(text: &str) {
    output::note(&format!("\n== {text}"));
}

/// One `wordcount` from publishing to settlement, with its tables.
async fn deal(
    chain: &Chain,
    home: &Path,
    folder: &Path,
    provider: Option<crate::chain::Address>,
) -> anyhow::Result<Ending> {
    let story = Story::new(chain);
    let shell = run::creator_shell(chain, home, session::loopback(), None).await?;
    let parts = publish::Parts {
        module: "wordcount".to_owned(),
        folder: Some(folder.to_owned()),
        limits: Limits { memory_bytes_max: 256 << 20, ..Limits::default() },
        ..publish::Parts::default()
    };
    let job = Job::Wasm(publish::publish(chain, &shell.workshop.store, &parts, &story)?);
    let terms = OfferTerms { provider, ..run::default_terms(chain, &job, 1) };
    let endings = run::order(&shell, &job, &terms, Check::Rerun, &story).await?;
    let ending = endings.into_iter().next().context("no deal was made")?;
    output::note(&story.tables(chain, &ending).await?);
    Ok(ending)
}

async fn ask(devnet: &Devnet, chain: &Chain, message: &str) -> anyhow::Result<()> {
    let client =
        *devnet.network.examples.get("cowsay-client").context("the example client is not deployed")?;
    let story = Story::new(chain);
    // The operator owns the client.
    let operator = Chain::connect(&devnet.network, Some(Key::dev(0)?)).await?;
    let (request, sent) = operator.ask_client(client, message).await?;
    story.say(&format!("request {request} is on chain ({} gas)", count(sent.gas_used)));
    let deal = wait_for_deal(chain, request).await?;
    story.stage("match");
    story.say(&format!("deal {} with {}", deal.id, story.name(deal.terms.provider)));
    let mut told = DealState::Matched;
    for _ in 0..ANSWER_SECONDS_MAX * 4 {
        let view = chain.deal(&deal).await?;
        if view.state != told {
            told = view.state;
            story.stage(super::deal::state_name(told));
            story.say(super::deal::state_name(told));
        }
        let answer = chain.client_answer(client, request).await?;
        if !answer.is_empty() {
            story.stage("callback");
            story.say("called back; the contract stored:");
            output::result(answer.as_bytes());
            ensure!(
                view.settlement == Settlement::AuditPassed,
                "the answer was not verified: {:?}",
                view.settlement
            );
            let receipt = chain.posted_receipt(deal.id).await?;
            let ending = Ending { deal, settlement: view.settlement, receipt, outputs: None::<Folder> };
            output::note(&story.tables(chain, &ending).await?);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    anyhow::bail!("the contract got no answer in {ANSWER_SECONDS_MAX} s; the parties' logs say why")
}

async fn wait_for_deal(chain: &Chain, request: crate::chain::B256) -> anyhow::Result<MatchedDeal> {
    for _ in 0..ANSWER_SECONDS_MAX * 4 {
        if let Some(deal) = chain.deals_of_job_offer(request).await?.into_iter().next() {
            return Ok(deal);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    anyhow::bail!("nobody took the contract's request; the solver's log says why")
}

/// A party's tokens, wherever they are.
async fn wealth(chain: &Chain, party: crate::chain::Address) -> anyhow::Result<u128> {
    let balance = chain.balance(party).await?;
    let wallet = u128::try_from(chain.wallet_tokens(party).await?).context("more than 128 bits of tokens")?;
    Ok(wallet + balance.free + balance.locked)
}

/// Everybody's balance in the market, and that the contract's tokens cover them all.
async fn books(devnet: &Devnet, chain: &Chain) -> anyhow::Result<String> {
    let names = Devnet::names(&devnet.network)?;
    let mut rows = Vec::new();
    let (mut free, mut locked) = (0, 0);
    for (address, name) in names.iter().filter(|(address, _)| **address != devnet.network.market) {
        let balance = chain.balance(*address).await?;
        (free, locked) = (free + balance.free, locked + balance.locked);
        if balance.free + balance.locked > 0 {
            rows.push(vec![name.clone(), tokens(balance.free), tokens(balance.locked)]);
        }
    }
    rows.sort();
    rows.push(vec!["all".to_owned(), tokens(free), tokens(locked)]);
    let held = chain.wallet_tokens(devnet.network.market).await?;
    let held = u128::try_from(held).context("the market holds more than 128 bits of tokens")?;
    ensure!(
        held == free + locked,
        "the market holds {} for balances of {}",
        tokens(held),
        tokens(free + locked)
    );
    Ok(format!(
        "{}\nThe contract holds {}: exactly the sum.",
        output::table(&["balances in the market", " free", " locked"], &rows),
        tokens(held)
    ))
}
