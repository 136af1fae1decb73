//! The endpoints of one job.

use super::{Shared, answer::Refusal, board::Life, logs::Text, routes::Params, run};
use crate::{container::Stream, store::TreeLimits};
use axum::{
    Json,
    extract::{
        Path, RawQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    http::StatusCode,
    response::Response,
};
use lilypad_abi::Cid;
use lilypad_bacalhau::model::{
    Execution, ExecutionLog, GetJobResponse, JobHistory, JobHistoryType, JobStateType,
    ListJobExecutionsResponse, ListJobHistoryResponse, ListJobResultsResponse, ListJobVersionsResponse,
    LogFrame, Page, StopJobResponse,
};
use std::{sync::Arc, time::Duration};

/// How long one who follows waits for a job to begin before it is looked at again.
const BEGIN_PAUSE: Duration = Duration::from_millis(50);

type Found = (Arc<Life>, Params);

fn find(shared: &Shared, id: &str, query: Option<String>) -> Result<Found, Refusal> {
    let params = Params::of(query);
    if params.number("job_version")?.is_some_and(|version| version > 1) {
        return Err(Refusal::not_found("job version of", id));
    }
    let job = shared.board.find(id, &params.namespace()).ok_or_else(|| Refusal::not_found("job", id))?;
    Ok((job, params))
}

pub(super) async fn describe(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<GetJobResponse>, Refusal> {
    let (life, params) = find(&shared, &id, query)?;
    let job = shared.board.job(&life).map_err(|error| Refusal::internal(&error))?;
    let mut answer = GetJobResponse { job: Some(job), history: None, executions: None };
    for include in params.get("include").unwrap_or_default().split(',').map(str::trim) {
        match include {
            "" => {}
            "history" => answer.history = Some(whole(life.history.clone())),
            "executions" => answer.executions = Some(whole(life.executions.clone())),
            other => {
                return Err(Refusal::bad(format!("include is 'history' or 'executions', not '{other}'")));
            }
        }
    }
    Ok(Json(answer))
}

fn whole<T>(items: Vec<T>) -> Page<T> {
    Page { next_token: String::new(), items }
}

/// While a job goes on there is always a next page, which is where its next events will be.
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ListJobHistoryResponse>, Refusal> {
    let (life, params) = find(&shared, &id, query)?;
    let from = params.number("next_token")?.unwrap_or(0);
    let limit = params.number("limit")?.filter(|n| *n > 0).unwrap_or(shared.limits.page_max);
    let since = params.number("since")?.unwrap_or(0);
    let kind = params.get("event_type").unwrap_or("all");
    if !matches!(kind, "all" | "job" | "execution") {
        return Err(Refusal::bad("event_type is 'all', 'job' or 'execution'"));
    }
    let execution = params.get("execution_id");
    let since = lilypad_bacalhau::model::Timestamp::from_unix_nanos(
        u64::try_from(since).unwrap_or(0).saturating_mul(1_000_000_000),
    );
    let fits = |event: &JobHistory| {
        (kind == "all" || (kind == "job") == (event.r#type == JobHistoryType::JobLevel))
            && execution.is_none_or(|id| event.execution_id.starts_with(id))
            // Of the same form and length up to the second, so that they compare as texts.
            && event.time.0.get(..19) >= since.0.get(..19)
    };
    let mut items = Vec::new();
    let mut next = from;
    for event in life.history.iter().skip(from) {
        if items.len() == limit {
            break;
        }
        next += 1;
        if fits(event) {
            items.push(event.clone());
        }
    }
    let over = life.state.state_type.is_terminal() && next >= life.history.len();
    let next_token = if over { String::new() } else { next.to_string() };
    Ok(Json(ListJobHistoryResponse { next_token, items }))
}

pub(super) async fn executions(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ListJobExecutionsResponse>, Refusal> {
    let (life, _) = find(&shared, &id, query)?;
    Ok(Json(whole::<Execution>(life.executions.clone())))
}

pub(super) async fn versions(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ListJobVersionsResponse>, Refusal> {
    let (life, _) = find(&shared, &id, query)?;
    Ok(Json(whole(vec![shared.board.job(&life).map_err(|error| Refusal::internal(&error))?])))
}

pub(super) async fn results(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ListJobResultsResponse>, Refusal> {
    let (life, _) = find(&shared, &id, query)?;
    let published = life.executions.iter().filter_map(|execution| execution.published_result.clone());
    Ok(Json(whole(published.filter(|result| !result.r#type.is_empty()).collect())))
}

pub(super) async fn stop(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: axum::body::Bytes,
) -> Result<Json<StopJobResponse>, Refusal> {
    let (life, params) = find(&shared, &id, query)?;
    // The CLI says the reason in the body, libraries in the query.
    let in_body = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let in_body = in_body.as_ref().and_then(|body| body.get("reason")).and_then(|reason| reason.as_str());
    let reason: String = params.get("reason").or(in_body).unwrap_or_default().chars().take(1_000).collect();
    match life.state.state_type {
        JobStateType::Stopped => {}
        state if state.is_terminal() => {
            let said = format!("cannot stop job in state {state}");
            return Err(Refusal::new(StatusCode::CONFLICT, "Conflict", said));
        }
        _ => run::stop(&shared, &life, &reason).await.map_err(|error| Refusal::internal(&error))?,
    }
    Ok(Json(StopJobResponse { evaluation_id: shared.new_id("v").split_off(2) }))
}

pub(super) async fn logs(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let (life, params) = find(&shared, &id, query)?;
    let place = shared.followers.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "too many clients follow logs already")
    })?;
    if let Some(execution) = params.get("execution_id")
        && !life.executions.iter().any(|known| known.id.starts_with(execution))
    {
        return Err(Refusal::not_found("execution", execution));
    }
    let wait = params.flag("follow");
    let shared = shared.clone();
    Ok(upgrade.max_message_size(64 * 1024).on_upgrade(move |mut socket| async move {
        let _place = place;
        // A client that is gone is no error of ours.
        let _ = tell(&shared, &life.id, wait, &mut socket).await;
        let close = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        let _ = socket.send(Message::Close(Some(close))).await;
    }))
}

async fn tell(shared: &Shared, id: &str, wait: bool, socket: &mut WebSocket) -> Result<(), axum::Error> {
    loop {
        if let Some(mut follower) = shared.logs.follow(id) {
            let mut said = false;
            loop {
                let pieces = tokio::select! {
                    pieces = follower.next(wait) => pieces,
                    // Whatever a client says, its end above all, is heard while there is nothing to tell.
                    message = socket.recv() => match message {
                        None | Some(Err(_) | Ok(Message::Close(_))) => return Ok(()),
                        Some(Ok(_)) => continue,
                    },
                };
                let Some(pieces) = pieces else { break };
                for piece in pieces {
                    said = true;
                    send(socket, piece).await?;
                }
            }
            // What says nothing while it runs, such as a module, has it all in its results.
            if said || !wait {
                return Ok(());
            }
        }
        let Some(life) = shared.board.life(id) else { return Ok(()) };
        if life.state.state_type.is_terminal() {
            return tell_results(shared, &life, socket).await;
        }
        if !wait {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(BEGIN_PAUSE) => {}
            message = socket.recv() => if matches!(message, None | Some(Err(_) | Ok(Message::Close(_)))) {
                return Ok(());
            },
        }
    }
}

/// What a job said that has ended.
async fn tell_results(shared: &Shared, life: &Life, socket: &mut WebSocket) -> Result<(), axum::Error> {
    let cid: Option<Cid> = life.outputs.as_ref().and_then(|text| text.parse().ok());
    let Some(cid) = cid else { return Ok(()) };
    let store = shared.sources.store.clone();
    let loaded = tokio::task::spawn_blocking(move || store.load_folder(cid, &TreeLimits::default())).await;
    let folder = match loaded {
        Ok(Ok(folder)) => folder,
        Ok(Err(error)) => {
            let frame = LogFrame { error: crate::report::causes(&error), ..LogFrame::default() };
            return socket.send(Message::text(serde_json::to_string(&frame).unwrap_or_default())).await;
        }
        Err(_) => return Ok(()),
    };
    let mut text = Text::default();
    for (stream, name) in [(Stream::Stdout, "stdout"), (Stream::Stderr, "stderr")] {
        for piece in text.frames(stream, folder.file(name).unwrap_or_default()) {
            send(socket, piece).await?;
        }
    }
    Ok(())
}

async fn send(socket: &mut WebSocket, value: ExecutionLog) -> Result<(), axum::Error> {
    let frame = LogFrame { value, ..LogFrame::default() };
    socket.send(Message::text(serde_json::to_string(&frame).unwrap_or_default())).await
}
