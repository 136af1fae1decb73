//! `lilypad job …`: what can be found out about a job before it costs anything.

use super::{Common, container::ContainerArgs, engine::EngineArgs, exec, output, session, usage};
use crate::{
    container::{
        ContainerEngine, ContainerJob, RunName,
        compare::{Difference, Entry, differences, same_status},
    },
    report::count,
    store::{Store, TreeLimits},
};
use anyhow::Context as _;
use lilypad_abi::{ContainerSpec, Image, Status};
use lilypad_runtime::Execution;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Run a container several times here and say what of its result varies: such a job can't be repeated by mediators
    VerifyDeterminism(Box<Args>),
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The image: a name such as localhost:5000/tool:1, a name@sha256:…, or an image archive (.tar)
    image: String,
    /// Arguments for the program
    #[arg(last = true)]
    args: Vec<String>,
    /// Times to run it
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=100))]
    times: u8,
    /// A folder that the container sees as /inputs
    #[arg(long, value_name = "FOLDER")]
    input: Option<PathBuf>,
    /// Most memory
    #[arg(long, value_parser = exec::parse_size, default_value = "1GiB")]
    memory: u64,
    #[command(flatten)]
    container: ContainerArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn job(common: &Common, command: &Command) -> anyhow::Result<ExitCode> {
    let Command::VerifyDeterminism(args) = command;
    // A folder of its own makes it an owner of its own: nobody else's containers are in the way.
    let dir = session::home(common)?.join("containers").join(format!("verify-{}", std::process::id()));
    let result = verify(args, &dir).await;
    if let Err(error) = fs::remove_dir_all(&dir)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        output::note(&format!("note: {} can't be removed: {error}", dir.display()));
    }
    result
}

async fn verify(args: &Args, dir: &Path) -> anyhow::Result<ExitCode> {
    let store = Store::open(dir.join("blocks")).context("the folder for the job's data can't be used")?;
    let scratch = dir.join("runs");
    let image = args.engine.image(&args.image, false, &store, &scratch).await?;
    let spec = args.container.spec(image, args.memory, &args.args, args.input.as_deref(), &store)?;
    let job = resolved(spec, &store)?;
    let engine = args.engine.start(&scratch).await?;
    let name = RunName::new("run").ok_or_else(|| usage("the run has no name"))?;
    let runs = tokio::select! {
        runs = repeat(engine.as_ref(), &name, &job, args.times) => runs,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; the container was removed")),
    };
    if runs.is_err() {
        engine.stop(&name).await?;
    }
    let runs = runs?;
    let differences = differences(&runs);
    let same = differences.is_empty() && same_status(&runs);
    if args.json {
        output::json(&to_json(&job.spec, &runs, same, &differences));
    } else {
        show(&runs, same, &differences);
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn repeat(
    engine: &dyn ContainerEngine,
    name: &RunName,
    job: &ContainerJob,
    times: u8,
) -> anyhow::Result<Vec<Execution>> {
    let mut runs = Vec::new();
    for number in 1..=times {
        let run = engine.run(name, job, None).await?;
        output::note(&format!("run {number} of {times}: {}", said(run.outcome.status)));
        runs.push(run);
    }
    Ok(runs)
}

/// A job with its data from the store that it was just put into.
fn resolved(spec: ContainerSpec, store: &Store) -> anyhow::Result<ContainerJob> {
    // What was read here is as large as it is.
    let limits = TreeLimits { content_bytes_max: u64::MAX, entries_max: u64::MAX, ..TreeLimits::default() };
    let image = match &spec.image {
        Image::Registry(_) => None,
        Image::Archive(cid) => Some(Arc::new(store.load_file(*cid, &limits)?)),
    };
    let inputs = spec.inputs.iter().map(|(path, cid)| Ok((path.clone(), store.load_node(*cid, &limits)?)));
    let inputs = inputs.collect::<Result<_, crate::store::TreeError>>()?;
    Ok(ContainerJob { spec, image, inputs })
}

fn said(status: Status) -> String {
    match status {
        Status::Exited { code } => format!("exit code {code}"),
        Status::OutOfFuel => "its time was up; allow more with --timeout".to_owned(),
        other => format!("{other:?}"),
    }
}

fn show(runs: &[Execution], same: bool, differences: &[Difference]) {
    if same {
        let outputs = runs.first().map(|run| run.outcome.outputs.to_string()).unwrap_or_default();
        output::line(&format!("all {} runs gave the same result: {outputs}", runs.len()));
        output::note(
            "that proves nothing about other machines and other days; `lilypad run --image …` offers it to mediators",
        );
        return;
    }
    if !same_status(runs) {
        let ends: Vec<String> = runs.iter().map(|run| said(run.outcome.status)).collect();
        output::line(&format!("the end varies: {}", ends.join(" | ")));
    }
    for difference in differences {
        let runs: Vec<String> = difference.runs.iter().map(shown).collect();
        let byte = difference.first_byte.map(|byte| format!(", differs from byte {}", count(byte)));
        output::line(&format!("{}: {}{}", difference.path, runs.join(" | "), byte.unwrap_or_default()));
    }
    output::note(
        "a job whose runs differ is its creator's fault when mediators repeat it: fix the times, seeds, orders and \
         names that vary, or buy it unverified",
    );
}

fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Missing => "missing".to_owned(),
        Entry::File(bytes) => format!("{} bytes", count(*bytes)),
        Entry::Folder => "a folder".to_owned(),
        Entry::Link(target) => format!("a link to {target}"),
    }
}

fn to_json(
    spec: &ContainerSpec,
    runs: &[Execution],
    same: bool,
    differences: &[Difference],
) -> serde_json::Value {
    let runs: Vec<serde_json::Value> = runs
        .iter()
        .map(|run| {
            serde_json::json!({
                "status": run.outcome.status,
                "outputs_cid": run.outcome.outputs.to_string(),
                "fuel_used": run.outcome.fuel_used,
            })
        })
        .collect();
    serde_json::json!({ "same": same, "image": spec.image, "runs": runs, "differences": differences })
}
