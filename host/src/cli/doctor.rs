//! `lilypad-host doctor`: whether this machine can run jobs, before it offers to.

use super::{Common, output, session};
use crate::{
    doctor::{Facts, Verdict, checks},
    exec::WorkerConfig,
};
use std::{process::ExitCode, time::Duration};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn doctor(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let home = session::home(common)?;
    let config = WorkerConfig::for_this_program(Duration::from_secs(session::TRIAL_SECONDS_MAX))?;
    let facts = Facts::gather(&home, &session::code_dir(&home), config).await;
    let checks = checks(&facts.with_containers(&home).await);
    let fit = checks.iter().all(|check| check.verdict != Verdict::Fail);
    if args.json {
        output::json(&serde_json::json!({ "fit": fit, "checks": checks }));
    } else {
        for check in &checks {
            let verdict = match check.verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            output::line(&format!("{verdict}  {}: {}", check.name, check.found));
            if !check.advice.is_empty() {
                output::line(&format!("      {}", check.advice));
            }
        }
        output::note(if fit {
            "this machine can run jobs; `lilypad-host provider` offers it"
        } else {
            "this machine can't run jobs yet; see the lines marked FAIL"
        });
    }
    Ok(if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
