//! Jobs from the board to an executor and back: a few at once, the others wait in the order they came.
//!
//! A job is written down as running before it runs. After a crash a module runs again from its beginning, which gives
//! the same; a container that still runs is gone on with.

use super::{
    Shared,
    board::Life,
    life, now_ns,
    work::{self, Work, WorkError},
};
use crate::{
    container::RunName,
    exec::{self, ExecError},
    report::causes,
};
use lilypad_abi::Status;
use lilypad_bacalhau::{documents, model::SpecConfig};
use lilypad_runtime::{Execution, Folder, Node};
use std::sync::Arc;

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Work(#[from] WorkError),
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Container(#[from] crate::container::ContainerError),
    #[error(transparent)]
    Keep(#[from] exec::KeepError),
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{0}")]
    Other(String),
}

/// The name by which a container of a job is found again: the id's own letters.
fn run_name(id: &str) -> Option<RunName> {
    RunName::new(&format!("bacalhau-{id}"))
}

/// Runs a job to its end, in a task of its own.
pub(super) fn spawn(shared: &Arc<Shared>, id: String) {
    let task_shared = shared.clone();
    let task_id = id.clone();
    // Held until the handle is in: the task removes it when it ends.
    let mut tasks = shared.tasks();
    let task = tokio::spawn(async move {
        let (shared, id) = (task_shared, task_id);
        // The semaphore is never closed, and first come, first served.
        let _turn = shared.turns.acquire().await;
        if let Err(error) = run(&shared, &id).await {
            let reason = causes(&error);
            tracing::info!(job = id, reason, "a job failed");
            let told = shared.board.update(&id, |job| life::failed(job, &reason, now_ns()));
            if let Err(error) = told {
                tracing::error!(job = id, error = causes(&error), "a job's end can't be written");
            }
        }
        shared.tasks().remove(&id);
    });
    tasks.insert(id, task.abort_handle());
}

/// Ends the containers that an earlier server left and that belong to none of these jobs; nothing starts until then.
pub(super) fn sweep(shared: &Arc<Shared>, open: &[Arc<Life>]) {
    let Some(engine) = shared.containers.clone() else { return };
    let turns = u32::try_from(shared.limits.running_max.max(1)).unwrap_or(u32::MAX);
    let Ok(turns) = shared.turns.clone().try_acquire_many_owned(turns) else { return };
    let keep = open.iter().filter_map(|job| run_name(&job.id)).collect();
    tokio::spawn(async move {
        if let Err(error) = engine.sweep(&keep).await {
            tracing::warn!(error = causes(&error), "containers that an earlier server left can't be ended");
        }
        drop(turns);
    });
}

/// Ends a job on its owner's demand.
pub(super) async fn stop(
    shared: &Arc<Shared>,
    job: &Life,
    reason: &str,
) -> Result<(), crate::journal::JournalError> {
    shared.board.update(&job.id, |job| life::stopped(job, reason, now_ns()))?;
    // A worker dies with its task; a container has to be told.
    let task = shared.tasks().remove(&job.id);
    if let Some(task) = task {
        task.abort();
    }
    if let (Some(engine), Some(name)) = (&shared.containers, run_name(&job.id))
        && let Err(error) = engine.stop(&name).await
    {
        tracing::warn!(job = job.id, error = causes(&error), "a container can't be stopped");
    }
    Ok(())
}

async fn run(shared: &Arc<Shared>, id: &str) -> Result<(), RunError> {
    let Some(job) = shared.board.life(id).filter(|job| !job.state.state_type.is_terminal()) else {
        return Ok(());
    };
    let document = shared.board.job(&job)?;
    let plan = documents::from_job(&document).map_err(|error| RunError::Other(error.to_string()))?;
    let speaker = shared.logs.begin(id);
    // After a crash its execution is the one that it had.
    if job.executions.is_empty() {
        let execution = shared.new_id("e");
        shared.board.update(id, |job| life::started(job, execution, &shared.node, now_ns()))?;
    }
    let work = work::prepare(&plan, &shared.sources, shared.containers.as_ref()).await?;
    let (execution, outputs) = match work {
        Work::Module(job, names) => {
            let execution = shared.executor.run(&job).await?;
            let outputs = named(&execution.outputs, &names);
            (execution, outputs)
        }
        Work::Container(job) => {
            let none = || RunError::Other("this server runs no containers".to_owned());
            let engine = shared.containers.as_ref().ok_or_else(none)?;
            let name = run_name(id).ok_or_else(none)?;
            let execution = engine.run(&name, &job, Some(speaker.listener())).await?;
            let outputs = execution.outputs.clone();
            (execution, outputs)
        }
    };
    finish(shared, id, &plan, &execution, outputs).await
}

/// Keeps what came out, and tells how the job ended.
async fn finish(
    shared: &Arc<Shared>,
    id: &str,
    plan: &documents::Plan,
    execution: &Execution,
    outputs: Folder,
) -> Result<(), RunError> {
    let code = match execution.outcome.status {
        Status::Exited { code } => code,
        Status::OutOfFuel => {
            let seconds = plan.timeout_s.unwrap_or(0);
            return Err(RunError::Other(match plan.engine {
                documents::Engine::Docker { .. } => format!("Execution timed out after {seconds}s"),
                documents::Engine::Wasm { .. } => format!(
                    "the module used up its {} fuel",
                    crate::report::count(execution.outcome.fuel_used)
                ),
            }));
        }
        Status::Trapped { kind } => return Err(RunError::Other(format!("the module trapped: {kind:?}"))),
        Status::Refused { .. } => {
            let detail = execution.refusal_detail.clone().unwrap_or_default();
            return Err(RunError::Other(format!("the module can't be run: {detail}")));
        }
    };
    let stdout = outputs.file("stdout").unwrap_or_default().to_vec();
    let stderr = outputs.file("stderr").unwrap_or_default().to_vec();
    let store = shared.sources.store.clone();
    let kept = tokio::task::spawn_blocking(move || store.add_folder(&outputs)).await;
    let cid = kept.map_err(|error| RunError::Other(error.to_string()))??;
    shared.board.update(id, |job| {
        job.outputs = Some(cid.to_string());
        let url = format!("{}/results/{}.tar.gz", shared.public_url(), job.results_key);
        let results = SpecConfig::new("urlDownload").with("URL", url);
        life::completed(job, &stdout, &stderr, code, results, now_ns());
    })?;
    Ok(())
}

/// A module's result folder with its outputs under the names that the document gives them.
fn named(outputs: &Folder, names: &[String]) -> Folder {
    let mut folder = outputs.clone();
    let Some(Node::Folder(out)) = folder.entries.remove("outputs") else { return folder };
    if names.is_empty() {
        // Not asked for, and not thrown away.
        if !out.entries.is_empty() {
            folder.entries.insert("outputs".to_owned(), Node::Folder(out));
        }
        return folder;
    }
    for name in names {
        folder.entries.insert(name.clone(), Node::Folder(out.clone()));
    }
    folder
}
