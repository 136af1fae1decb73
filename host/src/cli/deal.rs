//! `lilypad deal`: what the chain says of deals.

use super::{
    Common, ending, output,
    progress::{Story, describe, settlement_name},
    run, session, usage,
};
use crate::{
    chain::{Chain, MatchedDeal},
    deal::DealState,
    report::{count, tokens, unit, verification, work},
};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// All deals, oldest first
    List {
        /// Only those with this machine's own account
        #[arg(long)]
        mine: bool,
        /// Print JSON, one deal a line
        #[arg(long)]
        json: bool,
    },
    /// One deal: terms, result, payments, gas
    Show {
        /// The deal, or enough of its beginning
        deal: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Go on with an own deal that an interrupted `lilypad run` left behind
    Watch {
        /// The deal, or enough of its beginning
        deal: String,
        /// Write the result here, which must be empty or new
        #[arg(long)]
        out: Option<PathBuf>,
        /// Pay only after running the job here too, or trust the provider
        #[arg(long, value_enum, default_value_t = run::CheckArg::Rerun)]
        check: run::CheckArg,
    },
}

pub(super) async fn deal(common: &Common, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { mine, json } => list(common, mine, json).await?,
        Command::Show { deal, json } => show(common, &deal, json).await?,
        Command::Watch { deal, out, check } => return watch(common, &deal, out, check).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// A deal by its id or the beginning of it.
pub(super) async fn find(chain: &Chain, text: &str) -> anyhow::Result<MatchedDeal> {
    let wanted = text.trim_start_matches("0x").to_lowercase();
    if wanted.is_empty() || !wanted.bytes().all(|b| b.is_ascii_hexdigit()) || wanted.len() > 64 {
        return Err(usage(format!("'{text}' is not a deal's id; `lilypad deal list` shows them")));
    }
    let (deals, _) = chain.matched_deals(chain.network().deployed_block, None).await?;
    let mut found = deals.into_iter().filter(|deal| format!("{:x}", deal.id).starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(deal), None) => Ok(deal),
        (None, _) => Err(usage(format!("no deal {text} on this market; `lilypad deal list` shows them"))),
        (Some(_), Some(_)) => Err(usage(format!("more than one deal begins with {text}; give more of it"))),
    }
}

pub(super) fn state_name(state: DealState) -> &'static str {
    match state {
        DealState::None => "unknown",
        DealState::Matched => "matched",
        DealState::Committed => "committed",
        DealState::Submitted => "submitted",
        DealState::Challenged => "in mediation",
        DealState::Audited => "audited",
        DealState::Settled => "settled",
    }
}

async fn list(common: &Common, mine: bool, json: bool) -> anyhow::Result<()> {
    let chain = session::creator_chain(common).await?;
    let story = Story::new(&chain);
    let me = chain.address()?;
    let (deals, _) = chain.matched_deals(chain.network().deployed_block, None).await?;
    let mut rows = Vec::new();
    for deal in deals.into_iter().filter(|deal| !mine || deal.terms.creator == me) {
        let view = chain.deal(&deal).await?;
        if json {
            output::json(&serde_json::json!({
                "deal": deal.id, "state": view.state, "settlement": view.settlement,
                "creator": deal.terms.creator, "provider": deal.terms.provider,
                "job_digest": deal.terms.jobDigest, "matched_at": deal.rules.matched_at,
            }));
        }
        let how = if view.state == DealState::Settled {
            settlement_name(view.settlement)
        } else {
            state_name(view.state)
        };
        rows.push(vec![
            deal.id.to_string()[..18].to_owned(),
            story.name(deal.terms.creator),
            story.name(deal.terms.provider),
            how.to_owned(),
        ]);
    }
    if json {
        return Ok(());
    }
    if rows.is_empty() {
        output::note("no deals yet; make one: lilypad run cowsay -i message=\"hello\"");
        return Ok(());
    }
    output::line(&output::table(&["deal", "creator", "provider", "state"], &rows));
    output::note("\nmore of one: lilypad deal show <deal>");
    Ok(())
}

async fn show(common: &Common, id: &str, json: bool) -> anyhow::Result<()> {
    let chain = session::creator_chain(common).await?;
    let story = Story::new(&chain);
    let deal = find(&chain, id).await?;
    let view = chain.deal(&deal).await?;
    let receipt = chain.posted_receipt(deal.id).await?;
    let gas = chain.deal_gas(deal.id).await?;
    if json {
        output::json(&serde_json::json!({
            "deal": deal.id, "state": view.state, "settlement": view.settlement, "terms": crate::report::with_text_integers(&deal.terms), "rules": deal.rules,
            "receipt": receipt, "payments": chain.payments(&deal).await?, "gas": gas,
        }));
        return Ok(());
    }
    let terms = &deal.terms;
    let job = lilypad_abi::Cid::dag_cbor(lilypad_abi::BlobDigest(terms.jobDigest.0));
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let mut rows = vec![
        row("deal", deal.id.to_string()),
        row("state", state_name(view.state).to_owned()),
        row("how", settlement_name(view.settlement).to_owned()),
        row("job", job.to_string()),
        row("creator", story.name(terms.creator)),
        row("provider", story.name(terms.provider)),
        row("solver", story.name(terms.solver)),
        row(
            "price",
            format!(
                "{} per {}, at most {}",
                tokens(terms.pricePerGigafuel),
                unit(deal.rules.meter),
                work(deal.rules.meter, terms.fuelLimit)
            ),
        ),
        row("verification", verification(deal.rules.verification).to_owned()),
    ];
    if let Some(stakes) = deal.stakes() {
        rows.push(row("each side locked", tokens(stakes.deposit())));
        rows.push(row("penalty", tokens(stakes.penalty)));
    }
    if deal.rules.replicas > 1 {
        rows.push(row("replicas", format!("one of {}", deal.rules.replicas)));
    }
    if let Some(receipt) = &receipt {
        rows.push(row("result", describe(receipt, deal.rules.meter)));
        rows.push(row("receipt", receipt.hash().to_string()));
    }
    output::line(&output::table(&["what", "value"], &rows));
    output::line(&format!("\n{}", story.money_table(&chain, &deal).await?));
    let gas = gas.iter().map(|stage| vec![stage.stage.clone(), count(stage.gas_used), story.name(stage.by)]);
    output::line(&format!("\n{}", output::table(&["transaction", " gas", "by"], &gas.collect::<Vec<_>>())));
    output::note(&format!("\ncheck it yourself: lilypad audit {}", &deal.id.to_string()[..18]));
    Ok(())
}

async fn watch(
    common: &Common,
    id: &str,
    out: Option<PathBuf>,
    check: run::CheckArg,
) -> anyhow::Result<ExitCode> {
    if let Some(out) = &out {
        super::exec::check_out(out)?;
    }
    let chain = session::creator_chain(common).await?;
    let deal = find(&chain, id).await?;
    if deal.terms.creator != chain.address()? {
        return Err(usage(format!(
            "deal {id} was made by {}; only its creator can judge it",
            deal.terms.creator
        )));
    }
    let story = Story::new(&chain);
    let shell = run::creator_shell(&chain, &session::home(common)?, session::loopback(), None).await?;
    let end = shell.see_through(&deal, check.into(), &|progress| story.tell(progress)).await?;
    ending::finish(&chain, &[end], out.as_deref(), false, &story).await
}
