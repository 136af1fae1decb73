//! A run's logs while it runs, over WebSocket. For people: what counts is in the results, so nothing here fails a run.

use super::client::Client;
use crate::container::{Listener, Stream};
use futures::StreamExt as _;
use lilypad_abi::ContainerLimits;
use lilypad_bacalhau::model::{ExecutionLog, LogFrame};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest as _,
        http::{HeaderValue, header::AUTHORIZATION},
        protocol::WebSocketConfig,
    },
};

/// Longest frame.
const FRAME_BYTES_MAX: usize = 4 << 20;

/// Follows an execution's logs until they end; gives the bytes of each stream that the listener heard.
pub(super) async fn follow(
    client: &Client,
    name: &str,
    execution: &str,
    limits: &ContainerLimits,
    listener: &Listener,
) -> Result<(u64, u64), String> {
    let url = client.logs_url(name, execution);
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    if let Some(token) = client.token() {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| error.to_string())?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let (mut socket, _) = connect_async_with_config(request, Some(config), false)
        .await
        .map_err(|error| crate::report::causes(&error))?;
    let mut heard = (0, 0);
    while let Some(message) = socket.next().await {
        let text = match message.map_err(|error| crate::report::causes(&error))? {
            Message::Text(text) => text,
            Message::Close(_) => break,
            _ => continue,
        };
        let frame: LogFrame =
            serde_json::from_str(&text).map_err(|error| format!("a frame can't be read: {error}"))?;
        if !frame.error.is_empty() {
            return Err(frame.error);
        }
        let line = frame.value;
        let (stream, so_far, most) = match line.r#type {
            ExecutionLog::STDOUT => (Stream::Stdout, &mut heard.0, limits.stdout_bytes_max),
            ExecutionLog::STDERR => (Stream::Stderr, &mut heard.1, limits.stderr_bytes_max),
            _ => continue,
        };
        let bytes = line.line.as_bytes();
        let room = usize::try_from(most - *so_far).unwrap_or(usize::MAX).min(bytes.len());
        *so_far += room as u64;
        if room > 0 {
            listener(stream, &bytes[..room]);
        }
    }
    Ok(heard)
}
