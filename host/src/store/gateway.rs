//! The trustless gateway: a store's blocks over HTTP, to anyone, as bytes that the client verifies.
//!
//! `GET` and `HEAD` of `/ipfs/{cid}`, as raw block or CAR stream, by `?format=` or `Accept`.
//! Only blocks that are in the store are served: nothing is fetched for a stranger, nothing is decoded into
//! pages, and paths below a CID are not walked.

use super::{
    Store, StoreError,
    car::{CarStream, Scope},
};
use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use lilypad_abi::Cid;
use std::collections::BTreeMap;

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";

/// The CID of no bytes, with an identity hash: what clients ask for to see whether a gateway is one.
const PROBE: &str = "bafkqaaa";

/// The routes of a gateway over `store`, to be merged into a service or served alone.
pub fn router(store: Store) -> Router {
    Router::new()
        .route("/ipfs/{cid}", get(serve))
        .route("/ipfs/{cid}/{*path}", get(refuse_path))
        .with_state(store)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Raw,
    Car(Scope),
}

async fn serve(
    State(store): State<Store>,
    Path(text): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let format = match format(&query, &headers) {
        Ok(format) => format,
        Err(response) => return *response,
    };
    if text == PROBE {
        return with_headers(&text, format, Vec::new().into_response());
    }
    let cid: Cid = match text.parse() {
        Ok(cid) => cid,
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}")),
    };
    if matches_etag(&headers, &etag(&text, format)) && store.has(cid) {
        return with_headers(&text, format, StatusCode::NOT_MODIFIED.into_response());
    }
    // The disk is read elsewhere, so that a slow one doesn't hold up other requests.
    let reader = store.clone();
    let block = match tokio::task::spawn_blocking(move || reader.get(cid)).await {
        Ok(Ok(block)) => block,
        Ok(Err(StoreError::Missing(_))) => {
            return plain(StatusCode::NOT_FOUND, format!("block {cid} is not served here"));
        }
        Ok(Err(error)) => {
            tracing::error!(%cid, %error, "can't serve a block");
            return plain(StatusCode::INTERNAL_SERVER_ERROR, format!("block {cid} can't be read"));
        }
        Err(error) => {
            tracing::error!(%cid, %error, "can't serve a block");
            return plain(StatusCode::INTERNAL_SERVER_ERROR, format!("block {cid} can't be read"));
        }
    };
    let response = match format {
        Format::Raw => block.into_response(),
        Format::Car(scope) => car_body(store, cid, scope).into_response(),
    };
    with_headers(&text, format, response)
}

async fn refuse_path() -> Response {
    plain(
        StatusCode::BAD_REQUEST,
        "paths are not walked here; ask for the CID of the block, with ?format=raw".to_owned(),
    )
}

/// A stream that breaks off when a block is missing: the client sees that the stream didn't end well.
///
/// Each block is read when the client has taken the one before, so that a slow client holds no thread.
fn car_body(store: Store, root: Cid, scope: Scope) -> Body {
    let pieces = futures::stream::unfold(CarStream::new(store, root, scope), |mut car| async move {
        let read = tokio::task::spawn_blocking(move || (car.next(), car)).await;
        let (piece, car) = read.inspect_err(|error| tracing::error!(%error, "CAR stream broken off")).ok()?;
        if let Some(Err(error)) = &piece {
            tracing::warn!(%error, "CAR stream broken off");
        }
        piece.map(|piece| (piece, car))
    });
    Body::from_stream(pieces)
}

/// The query names the format, or else the header does.
fn format(query: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<Format, Box<Response>> {
    let named = match query.get("format").map(String::as_str) {
        Some("raw") => Some(RAW),
        Some("car") => Some(CAR),
        Some(_) => None,
        None => accepted(headers),
    };
    match named {
        Some(RAW) => Ok(Format::Raw),
        Some(_) => scope(query).map(Format::Car),
        None => Err(Box::new(plain(
            StatusCode::NOT_ACCEPTABLE,
            "this gateway serves blocks and CAR streams only; ask with ?format=raw or ?format=car".to_owned(),
        ))),
    }
}

fn accepted(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get_all(header::ACCEPT);
    let mut ranges = accept.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ranges.find_map(|range| match range.split(';').next().unwrap_or_default().trim() {
        RAW => Some(RAW),
        CAR => Some(CAR),
        _ => None,
    })
}

fn scope(query: &BTreeMap<String, String>) -> Result<Scope, Box<Response>> {
    let bad = |what| Err(Box::new(plain(StatusCode::BAD_REQUEST, format!("{what} is not served here"))));
    if query.contains_key("entity-bytes") {
        return bad("entity-bytes");
    }
    match query.get("dag-scope").map(String::as_str) {
        None | Some("all") => Ok(Scope::All),
        Some("entity") => Ok(Scope::Entity),
        Some("block") => Ok(Scope::Block),
        Some(_) => bad("this dag-scope"),
    }
}

/// A block never changes under its CID; a CAR stream is the same blocks, maybe in another order.
fn etag(cid: &str, format: Format) -> String {
    match format {
        Format::Raw => format!("\"{cid}.raw\""),
        Format::Car(Scope::All) => format!("W/\"{cid}.car.all\""),
        Format::Car(Scope::Entity) => format!("W/\"{cid}.car.entity\""),
        Format::Car(Scope::Block) => format!("W/\"{cid}.car.block\""),
    }
}

fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    // Weak comparison, as If-None-Match asks for.
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let given = headers.get_all(header::IF_NONE_MATCH);
    let mut tags = given.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

fn with_headers(cid: &str, format: Format, mut response: Response) -> Response {
    let (content_type, file) = match format {
        Format::Raw => (RAW, format!("{cid}.bin")),
        Format::Car(_) => ("application/vnd.ipld.car; version=1; order=dfs; dups=n", format!("{cid}.car")),
    };
    let values = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
        (header::ETAG, etag(cid, format)),
        (header::CACHE_CONTROL, "public, max-age=29030400, immutable".to_owned()),
        (header::VARY, "accept".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
        (HeaderName::from_static("x-ipfs-path"), format!("/ipfs/{cid}")),
        (HeaderName::from_static("x-ipfs-roots"), cid.to_owned()),
    ];
    for (name, value) in values {
        // All of them are ASCII, the CID's text included.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn plain(status: StatusCode, message: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, message + "\n").into_response()
}
