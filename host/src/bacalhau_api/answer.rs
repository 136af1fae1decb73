//! What goes back: JSON, or Bacalhau's `APIError`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use lilypad_bacalhau::{documents::DocumentError, model::ApiError};
use std::collections::BTreeMap;

/// An answer that isn't 2xx.
#[derive(Debug)]
pub(super) struct Refusal(Box<ApiError>);

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(ApiError {
            status: status.as_u16(),
            message: message.into(),
            code: code.to_owned(),
            component: "Lilypad".to_owned(),
            ..ApiError::default()
        }))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into();
        self
    }

    pub(super) fn not_found(what: &str, name: &str) -> Self {
        // The client's own text, cut: it comes back in an answer.
        let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", format!("{what} '{name}' not found"))
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = crate::report::causes(error);
        tracing::error!(error = causes, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", causes)
    }
}

impl From<DocumentError> for Refusal {
    /// Every field that can't be as it is, named in the message and, for programs, in the details.
    fn from(error: DocumentError) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, "ValidationError", error.to_string());
        let named = error.problems().iter().filter(|problem| !problem.path.is_empty());
        refusal.0.details =
            named.map(|problem| (problem.path.clone(), problem.message.clone())).collect::<BTreeMap<_, _>>();
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(*self.0)).into_response()
    }
}
