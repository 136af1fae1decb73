//! The endpoints but those of one job: server, node, list, submission.

use super::{
    Shared,
    answer::Refusal,
    board::{AddError, Life, Query},
    download,
    guard::guard,
    jobs,
    labels::Requirement,
    life, node, now_ns, run, work,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::StatusCode,
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::{get, put},
};
use lilypad_abi::BlobDigest;
use lilypad_bacalhau::{
    documents,
    model::{GetNodeResponse, Job, ListJobsResponse, ListNodesResponse, PutJobResponse, SpecConfig},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Page of a list that says no size.
const PAGE: usize = 100;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let body_bytes_max = shared.limits.body_bytes_max;
    let unsupported = |_: Bytes| async {
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "jobs have one version here")
            .hint("submit the job again, under another name or with --force")
    };
    let agent = Router::new()
        .route("/alive", get(async || Json(json!({ "Status": "OK" }))))
        .route("/version", get(async || Json(node::version())))
        .route("/node", get(async |State(shared): State<Arc<Shared>>| Json(node::info(&shared).await)))
        .route("/config", get(async || Json(json!({ "config": {} }))))
        .route("/authconfig", get(async || Json(json!({ "Version": "", "Config": {} }))));
    let orchestrator = Router::new()
        .route("/jobs", get(list).put(submit).post(submit))
        .route("/jobs/diff", put(unsupported))
        .route("/jobs/{id}", get(jobs::describe).delete(jobs::stop))
        .route("/jobs/{id}/history", get(jobs::history))
        .route("/jobs/{id}/executions", get(jobs::executions))
        .route("/jobs/{id}/versions", get(jobs::versions))
        .route("/jobs/{id}/results", get(jobs::results))
        .route("/jobs/{id}/logs", get(jobs::logs))
        .route("/jobs/{id}/rerun", put(unsupported))
        .route("/nodes", get(nodes))
        .route("/nodes/{id}", get(one_node));
    Router::new()
        .nest("/api/v1/agent", agent)
        .nest("/api/v1/orchestrator", orchestrator)
        .route("/api/v1/auth", get(auth_methods))
        .route("/api/v1/auth/ClientKey", get(async || Json(client_key())).post(auth))
        .route("/results/{file}", get(download::download))
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "NotFoundError", "no such endpoint"))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// The parameters of a query; of one that is given twice, all.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(query: Option<String>) -> Self {
        let text = format!("http://x/?{}", query.unwrap_or_default());
        let pairs = reqwest::Url::parse(&text);
        Self(pairs.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let parse = |text: &str| text.parse().map_err(|_| Refusal::bad(format!("{name} must be a number")));
        self.get(name).map(parse).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1")
    }

    pub(super) fn namespace(&self) -> String {
        self.get("namespace").unwrap_or("default").to_owned()
    }
}

/// How the CLI gets a token when it has none. A server with one hands none out: it names no method, upon which the CLI
/// tells its user to give an API key. One without hands out a word that it doesn't look at.
async fn auth_methods(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let methods = if shared.token.is_none() { json!({ "ClientKey": client_key() }) } else { json!({}) };
    Json(json!({ "Methods": methods, "NextToken": "" }))
}

fn client_key() -> Value {
    // The CLI signs this phrase; nothing depends on it. In base64, as Go has bytes.
    json!({ "type": "challenge", "params": { "InputPhrase": "bGlseXBhZA==" } })
}

/// Takes the body though it doesn't look at it: what isn't read would end the connection under the client's next request.
async fn auth(State(shared): State<Arc<Shared>>, _: Bytes) -> Result<Json<Value>, Refusal> {
    if shared.token.is_some() {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "UnauthorizedError",
            "this server wants its token",
        ));
    }
    Ok(Json(json!({ "Authentication": { "success": true, "token": "open" } })))
}

async fn list(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let params = Params::of(query);
    match params.get("order_by") {
        None | Some("id" | "created_at" | "create_time" | "modify_time" | "modified_at") => {}
        Some(other) => {
            return Err(Refusal::bad(format!("jobs can't be ordered by '{other}'; use created_at")));
        }
    }
    let take = params.number("limit")?.filter(|n| *n > 0).unwrap_or(PAGE).min(shared.limits.page_max);
    let skip = params.number("next_token")?.unwrap_or(0);
    let mut labels = Vec::new();
    for (_, text) in params.0.iter().filter(|(key, _)| key == "labels") {
        let found = Requirement::parse_all(text);
        labels.extend(found.map_err(|text| Refusal::bad(format!("labels: {text} is no requirement")))?);
    }
    // Newest first, as Bacalhau lists them; `reverse` turns it round.
    let query =
        Query { namespace: params.namespace(), labels, oldest_first: params.flag("reverse"), skip, take };
    let (lives, more) = shared.board.list(&query);
    let items = lives
        .iter()
        .map(|life| shared.board.job(life))
        .collect::<Result<_, _>>()
        .map_err(|e| Refusal::internal(&e))?;
    let next_token = if more { (skip + take).to_string() } else { String::new() };
    Ok(Json(ListJobsResponse { next_token, items }).into_response())
}

async fn submit(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Value>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<PutJobResponse>, Refusal> {
    let Json(mut body) =
        body.map_err(|error| Refusal::new(error.status(), "BadRequestError", error.body_text()))?;
    // Go's decoder reads keys in any case.
    let mut take = |name: &str| {
        let fields = body.as_object_mut()?;
        let key = fields.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        fields.remove(&key)
    };
    let document = take("Job").ok_or_else(|| Refusal::bad("the body has no Job"))?;
    let force = take("Force").and_then(|value| value.as_bool()).unwrap_or(false);
    let mut document = document;
    clean(&mut document);
    let plan = documents::parse_value(document.clone())?;
    work::check(&plan, shared.containers.is_some())
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "ValidationError", error.to_string()))?;
    let digest = BlobDigest::of(document.to_string().as_bytes()).to_string();
    let mut job: Job = serde_json::from_value(document)
        .map_err(|error| Refusal::bad(format!("the job can't be read: {error}")))?;
    let id = shared.new_id("j");
    if job.namespace.is_empty() {
        "default".clone_into(&mut job.namespace);
    }
    if job.name.is_empty() {
        job.name.clone_from(&id);
    }
    job.id.clone_from(&id);
    job.count = 1;
    let now = now_ns();
    let mut begun = Life {
        id: id.clone(),
        name: job.name.clone(),
        namespace: job.namespace.clone(),
        labels: job.labels.clone(),
        state: Default::default(),
        create_ns: now,
        modify_ns: now,
        revision: 1,
        executions: Vec::new(),
        history: Vec::new(),
        outputs: None,
        results_key: shared.random().iter().map(|byte| format!("{byte:02x}")).collect(),
        digest,
    };
    // Results are there for every job: what says so is what the CLI looks at before it names `job get`.
    if let Some(task) = job.tasks.first_mut()
        && (task.publisher.r#type.is_empty() || task.publisher.is("noop"))
    {
        task.publisher = SpecConfig::new("local");
    }
    life::submitted(&mut begun, now);
    let adding = shared.clone();
    let added = tokio::task::spawn_blocking(move || adding.board.add(job, begun, force)).await;
    added.map_err(|error| Refusal::internal(&error))?.map_err(|error| match error {
        AddError::Full(_) => {
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", error.to_string())
                .hint("wait until a job has ended, or stop one")
        }
        AddError::Name(_) => Refusal::new(StatusCode::CONFLICT, "Conflict", error.to_string())
            .hint("stop that one first, or give this one another name"),
        AddError::Same(..) => Refusal::new(StatusCode::CONFLICT, "Conflict", error.to_string())
            .hint("Use the --force flag to override this warning"),
        AddError::Journal(error) => Refusal::internal(&error),
    })?;
    let evaluation_id = shared.new_id("v").split_off(2);
    run::spawn(&shared, id.clone());
    Ok(Json(PutJobResponse { job_id: id, evaluation_id, warnings: plan.warnings }))
}

/// Takes out what clients send of their own accord and the server decides.
fn clean(document: &mut Value) {
    let Some(fields) = document.as_object_mut() else { return };
    for name in ["ID", "State", "Version", "Revision", "CreateTime", "ModifyTime"] {
        let sent: Vec<String> = fields.keys().filter(|key| key.eq_ignore_ascii_case(name)).cloned().collect();
        sent.iter().for_each(|key| drop(fields.remove(key)));
    }
    for (key, value) in fields.iter_mut() {
        if key.eq_ignore_ascii_case("Meta")
            && let Some(meta) = value.as_object_mut()
        {
            meta.retain(|key, _| !key.starts_with("bacalhau.org/"));
        }
    }
}

async fn nodes(State(shared): State<Arc<Shared>>) -> Json<ListNodesResponse> {
    Json(ListNodesResponse { next_token: String::new(), nodes: vec![node::state(&shared).await] })
}

async fn one_node(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<GetNodeResponse>, Refusal> {
    if id != shared.node {
        return Err(Refusal::not_found("node", &id));
    }
    Ok(Json(GetNodeResponse { node: Some(node::state(&shared).await) }))
}
