//! Replies: HTTP responses whose extensions say whether anything was changed; those that are the same whoever
//! asks, nearly all of them refusals, stand in `refusals.json`.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::domain::ProviderKind;

/// The answer.
pub type Reply = http::Response<Bytes>;

/// The replies by provider and name; one that a fault has the provider give has the fault's.
/// No provider documents its 402, so that those are made up in the usual form.
static REFUSALS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("refusals.json")).unwrap_or_default());

/// How Zoho labels its JSON.
pub(super) const ZOHO_JSON: &str = "application/json;charset=UTF-8";

/// The reply of `provider` called `name`; `None`: there is none.
pub(super) fn refusal(provider: ProviderKind, name: &str) -> Option<Reply> {
    let known = REFUSALS.get(provider.name())?.get(name)?;
    let status = u16::try_from(known["status"].as_u64()?).ok()?;
    let reply = match known["text"].as_str() {
        Some(words) => text(status, "text/plain; charset=utf-8", words),
        None if provider == ProviderKind::Zoho => {
            text(status, ZOHO_JSON, known["body"].to_string())
        }
        None => json(status, &known["body"]),
    };
    let headers = known["headers"].as_object().into_iter().flatten();
    Some(headers.fold(reply, |reply, (name, value)| {
        with(reply, name, value.as_str().unwrap_or_default())
    }))
}

/// The same of one that there is.
pub(super) fn refused(provider: ProviderKind, name: &str) -> Reply {
    refusal(provider, name).unwrap_or_else(|| empty(501))
}

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
pub(super) fn with(mut reply: Reply, name: &str, value: impl AsRef<str>) -> Reply {
    let value = HeaderValue::from_str(value.as_ref());
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value) {
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
