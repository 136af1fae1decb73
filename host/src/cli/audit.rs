//! `lilypad audit`: anyone runs a deal's job again from its public data and compares.

use super::{
    Common, deal, output,
    progress::{Story, describe},
    session,
};
use crate::report::count;
use anyhow::Context as _;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The deal, or enough of its beginning
    deal: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    let workshop = session::workshop(&home, &dir, chain.network().gateways.clone(), 1)?;
    output::note(&format!("fetching the job of deal {} and running it again", deal.id));
    let ran =
        workshop.run(&chain, &deal).await.context("the job could not be run again; its data may be gone")?;
    let same = ran.receipt == posted;
    let provider = story.name(deal.terms.provider);
    if args.json {
        output::json(&serde_json::json!({
            "deal": deal.id, "same": same,
            "posted": posted, "posted_hash": posted.hash(), "own": ran.receipt, "own_hash": ran.receipt.hash(),
        }));
    } else {
        let row = |who: &str, receipt: &lilypad_abi::Receipt| {
            vec![who.to_owned(), describe(receipt), receipt.hash().to_string()]
        };
        output::line(&output::table(
            &["who", "result", "receipt"],
            &[row(&provider, &posted), row("this run", &ran.receipt)],
        ));
    }
    output::note(&format!(
        "fetched in {:.2} s, ran in {:.2} s, {} fuel",
        ran.fetch_time.as_secs_f64(),
        ran.run_time.as_secs_f64(),
        count(ran.receipt.fuel_used)
    ));
    let _ = std::fs::remove_dir_all(&dir);
    if same {
        output::note(&format!("{provider}'s result is right"));
        Ok(ExitCode::SUCCESS)
    } else {
        output::note(&format!(
            "{provider}'s result is WRONG; the deal's creator can challenge it while it is being judged"
        ));
        Ok(ExitCode::FAILURE)
    }
}
