//! Who may ask: nobody's browser, and only who has the token where there is one.

use super::{Shared, answer::Refusal};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, HOST, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use lilypad_abi::BlobDigest;
use std::sync::Arc;

/// What is open to everybody: whether the server lives, which version and what it wants of clients, all of which clients
/// ask before they show anything; and results, whose address is a secret of its own.
fn is_open(path: &str) -> bool {
    matches!(path, "/api/v1/agent/alive" | "/api/v1/agent/version" | "/api/v1/auth")
        || path.starts_with("/results/")
}

/// Lets a request through or not.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    // Clients of Bacalhau send no origin; a page that makes a browser ask here does.
    if headers.contains_key(ORIGIN) {
        return Refusal::new(StatusCode::FORBIDDEN, "Forbidden", "requests of web pages are not answered")
            .into_response();
    }
    if shared.loopback_only.get() == Some(&true) && !is_for_loopback(headers) {
        let said = "this server listens on loopback only and is asked for by another name";
        return Refusal::new(StatusCode::FORBIDDEN, "Forbidden", said).into_response();
    }
    if let Some(token) = &shared.token
        && !is_open(request.uri().path())
        && !shows(headers, token)
    {
        return Refusal::new(StatusCode::UNAUTHORIZED, "UnauthorizedError", "this server wants its token")
            .hint("set BACALHAU_API_KEY for Bacalhau's CLI, or send Authorization: Bearer …")
            .into_response();
    }
    next.run(request).await
}

fn is_for_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Of the digests: how long comparing takes tells nothing about the token.
    BlobDigest::of(shown.as_bytes()) == BlobDigest::of(token.as_bytes())
}
