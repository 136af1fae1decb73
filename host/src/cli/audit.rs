//! `lilypad audit`: anyone runs a deal's job again from its public data and compares.

use super::{
    Common, deal,
    engine::EngineArgs,
    output,
    progress::{Story, describe},
    session,
};
use crate::{
    chain::{Meter, Verification},
    report::{verification, work},
};
use anyhow::Context as _;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The deal, or enough of its beginning
    deal: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) async fn audit(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let chain = session::creator_chain(common).await?;
    let story = Story::new(&chain);
    let deal = deal::find(&chain, &args.deal).await?;
    let posted = chain.posted_receipt(deal.id).await?;
    let posted =
        posted.with_context(|| format!("deal {} has no result yet; wait for the provider's", args.deal))?;
    // A store of its own, so that the data really comes from where the public would get it.
    let home = session::home(common)?;
    let dir = home.join("audit").join(&deal.id.to_string()[2..18]);
    let mut workshop = session::workshop(&home, &dir, chain.network().gateways.clone(), 1)?;
    if deal.rules.meter != Meter::Fuel {
        workshop.containers = Some(args.engine.start(&dir.join("containers")).await?);
    }
    if deal.rules.verification != Verification::BitExact {
        output::note(&format!("this deal is {}", verification(deal.rules.verification)));
    }
    output::note(&format!("fetching the job of deal {} and running it again", deal.id));
    let ran =
        workshop.run(&chain, &deal).await.context("the job could not be run again; its data may be gone")?;
    let same = match deal.rules.verification {
        Verification::BitExact => ran.receipt == posted,
        _ => ran.receipt.hash_without_fuel() == posted.hash_without_fuel(),
    };
    let provider = story.name(deal.terms.provider);
    if args.json {
        output::json(&serde_json::json!({
            "deal": deal.id, "same": same,
            "posted": posted, "posted_hash": posted.hash(), "own": ran.receipt, "own_hash": ran.receipt.hash(),
        }));
    } else {
        let row = |who: &str, receipt: &lilypad_abi::Receipt| {
            vec![who.to_owned(), describe(receipt, deal.rules.meter), receipt.hash().to_string()]
        };
        output::line(&output::table(
            &["who", "result", "receipt"],
            &[row(&provider, &posted), row("this run", &ran.receipt)],
        ));
    }
    output::note(&format!(
        "fetched in {:.2} s, ran in {:.2} s, {}",
        ran.fetch_time.as_secs_f64(),
        ran.run_time.as_secs_f64(),
        work(deal.rules.meter, ran.receipt.fuel_used)
    ));
    let _ = std::fs::remove_dir_all(&dir);
    if same {
        output::note(&format!("{provider}'s result is right"));
        Ok(ExitCode::SUCCESS)
    } else if deal.rules.verification != Verification::BitExact {
        output::note(&format!(
            "{provider}'s result is another one: it is wrong, or the job's runs differ; see whether they do: \
             lilypad job verify-determinism"
        ));
        Ok(ExitCode::FAILURE)
    } else {
        output::note(&format!(
            "{provider}'s result is WRONG; the deal's creator can challenge it while it is being judged"
        ));
        Ok(ExitCode::FAILURE)
    }
}
