//! Replies: HTTP responses whose extensions say whether anything was changed.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

/// What is answered.
pub type Reply = http::Response<Bytes>;

pub(super) fn json(status: u16, body: &Value) -> Reply {
    text(status, "application/json; charset=utf-8", body.to_string())
}

/// `body` as the answer to what went well.
pub(super) fn ok(body: &Value) -> Reply {
    json(200, body)
}

/// `body` as it is, of the type `content_type`.
pub(super) fn text(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = body.into();
    with(reply, "content-type", content_type)
}

/// A status and nothing else.
pub(super) fn empty(status: u16) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    reply
}

/// The page a proxy or a login puts in the provider's place.
pub(super) fn html() -> Reply {
    text(
        200,
        "text/html; charset=utf-8",
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to go \
         on.</body></html>",
    )
}

/// `reply` with one header more; a name may stand twice.
pub(super) fn with(mut reply: Reply, name: &'static str, value: impl AsRef<str>) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
        reply.headers_mut().append(name, value);
    }
    reply
}

/// `reply` to a request that changed something, which stands in its extensions, never sent.
pub(super) fn changed(mut reply: Reply) -> Reply {
    reply.extensions_mut().insert(true);
    reply
}

/// Whether the request of `reply` changed something.
pub(super) fn has_effect(reply: &Reply) -> bool {
    reply.extensions().get() == Some(&true)
}

/// `span` in whole seconds, rounded up, as `Retry-After` has it.
pub(super) fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
