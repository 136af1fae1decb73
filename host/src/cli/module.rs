//! `lilypad module`: what a module is, before anyone runs it.

use super::{Common, output, session, usage};
use crate::report::count;
use lilypad_runtime::{inspect, unixfs};
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The modules that this network knows by name
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// A module's CID, imports, features, sizes, and whether it is admitted
    Inspect {
        /// The module: a .wasm file
        module: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn module(common: &Common, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { json } => {
            let modules = session::network(common)?.modules;
            if *json {
                output::json(&serde_json::json!(modules));
            } else {
                let rows: Vec<Vec<String>> =
                    modules.iter().map(|(name, cid)| vec![name.clone(), cid.to_string()]).collect();
                output::line(&output::table(&["module", "CID"], &rows));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Inspect { module, json } => {
            let bytes = fs::read(module).map_err(|error| {
                usage(format!(
                    "module {} can't be read ({error}); give the path of a .wasm file",
                    module.display()
                ))
            })?;
            let cid = unixfs::file_cid(&bytes);
            let report = inspect(&bytes);
            let admitted = report.refusal.is_none();
            let refusal = report.refusal.map(|(_, detail)| detail);
            if *json {
                output::json(&serde_json::json!({
                    "cid": cid, "admitted": admitted, "refusal": refusal,
                    "imports": report.imports, "exports": report.exports, "features": report.features,
                    "size_bytes": report.size_bytes, "rewritten_bytes": report.rewritten_bytes,
                    "memory_bytes_min": report.memory_bytes_min, "parts": report.parts,
                }));
                return Ok(ExitCode::SUCCESS);
            }
            let size =
                |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |n| format!("{} bytes", count(n)));
            let row = |what: &str, value: String| vec![what.to_owned(), value];
            let parts = report.parts.iter().filter(|part| part.value > 0).map(|part| match part.limit {
                Some(limit) if part.is_near_limit() => {
                    format!("{} {} (at most {})", count(part.value), part.name, count(limit))
                }
                _ => format!("{} {}", count(part.value), part.name),
            });
            let parts = parts.skip(1).collect::<Vec<_>>().join(", ");
            let near: Vec<&str> =
                report.parts.iter().filter(|part| part.is_near_limit()).map(|part| part.name).collect();
            let near = if near.is_empty() { "none".to_owned() } else { near.join(", ") };
            let rows = [
                row("CID", cid.to_string()),
                row("admitted", refusal.map_or_else(|| "yes".to_owned(), |detail| format!("no: {detail}"))),
                row("features", report.features.join(", ")),
                row("size", size(Some(report.size_bytes))),
                row("size, metered", size(report.rewritten_bytes)),
                row("memory at start", size(report.memory_bytes_min)),
                row("contents", parts),
                row("limits come near", near),
                row("imports", report.imports.join(" ")),
                row("exports", report.exports.join(" ")),
            ];
            output::line(&output::table(&["what", "value"], &rows));
            Ok(ExitCode::SUCCESS)
        }
    }
}
