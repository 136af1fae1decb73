//! What is left of a job when its deals are settled: files, a table or JSON, and an exit code.

use super::{
    output,
    progress::{Story, settlement_name},
};
use crate::{
    chain::Chain,
    report::count,
    roles::creator::Ending,
    store::{WriteMode, write_to},
};
use anyhow::Context as _;
use lilypad_runtime::Folder;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Writes and shows what came of a job: the result that stands, if one does, and every deal's money.
pub(super) async fn finish(
    chain: &Chain,
    endings: &[Ending],
    out: Option<&Path>,
    json: bool,
    story: &Story,
) -> anyhow::Result<ExitCode> {
    let stands = |ending: &&Ending| ending.settlement.result_stands();
    // Of replicas that stand, one whose files are at hand.
    let best = endings.iter().filter(stands).max_by_key(|ending| ending.outputs.is_some());
    let (paid, ending) = (best.is_some(), best.or(endings.first()).context("no deal was made")?);
    let id = ending.deal.id;
    let mut written = None;
    if let Some(outputs) = ending.outputs.as_ref().filter(|_| paid) {
        let default = PathBuf::from("lilypad-out").join(&id.to_string()[..18]);
        let dir = out.unwrap_or(&default);
        write_result(outputs, dir)?;
        written = Some(dir.to_owned());
    }
    let code = ending.receipt.map_or(1, |receipt| if receipt.status == 0 { receipt.exit_code } else { 1 });
    if json {
        output::json(&result_json(ending, endings, written.as_deref()));
    } else if let Some(outputs) = ending.outputs.as_ref().filter(|_| paid) {
        output::result(outputs.file("stdout").unwrap_or_default());
        output::guest_stderr(outputs.file("stderr").unwrap_or_default());
    }
    match endings {
        [ending] => output::note(&story.tables(chain, ending).await?),
        _ => output::note(&replicas_table(chain, endings, story).await?),
    }
    if let Some(dir) = &written {
        output::note(&format!("\nfiles are in {}; look again with: lilypad deal show {id}", dir.display()));
    }
    if !paid {
        anyhow::bail!(
            "{}; no result stands; try again, or name another provider with --provider",
            settlement_name(ending.settlement)
        );
    }
    Ok(if code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How each replica's deal ended, and who paid whom.
async fn replicas_table(chain: &Chain, endings: &[Ending], story: &Story) -> anyhow::Result<String> {
    let mut text = String::new();
    for ending in endings {
        let (deal, how) = (&ending.deal, settlement_name(ending.settlement));
        let gas: u64 = chain.deal_gas(deal.id).await?.iter().map(|stage| stage.gas_used).sum();
        let money = story.money_table(chain, deal).await?;
        let _ = write!(
            text,
            "\n{}: {how}\n{money}\ndeal {}, {} gas in all\n",
            story.name(deal.terms.provider),
            deal.id,
            count(gas)
        );
    }
    Ok(text)
}

/// The result for machines; with replicas, also how each of them ended.
fn result_json(ending: &Ending, endings: &[Ending], out: Option<&Path>) -> serde_json::Value {
    let receipt = ending.receipt;
    let mut value = serde_json::json!({
        "deal": ending.deal.id,
        "settlement": ending.settlement,
        "verification": ending.deal.rules.verification,
        "exit_code": receipt.filter(|receipt| receipt.status == 0).map(|receipt| receipt.exit_code),
        "fuel_used": receipt.map(|receipt| receipt.fuel_used),
        "receipt_hash": receipt.map(|receipt| receipt.hash().to_string()),
        "out": out,
    });
    if endings.len() > 1 {
        let replica = |ending: &Ending| {
            serde_json::json!({
                "deal": ending.deal.id,
                "provider": ending.deal.terms.provider,
                "settlement": ending.settlement,
                "receipt_hash": ending.receipt.map(|receipt| receipt.hash().to_string()),
            })
        };
        value["replicas"] = endings.iter().map(replica).collect();
    }
    value
}

/// The result folder: stdout, stderr, exitCode and what the job left in /out.
pub(super) fn write_result(outputs: &Folder, dir: &Path) -> anyhow::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    }
    write_to(outputs, dir, WriteMode::IntoEmpty)
        .with_context(|| format!("can't write to {}", dir.display()))?;
    Ok(())
}
