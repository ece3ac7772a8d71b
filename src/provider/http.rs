//! Plain requests and replies: what a provider builds and reads, and a transport carries.

use std::fmt;
use std::time::Duration;

use ::http::header::AsHeaderName;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use url::Url;

use super::rate_hint::retry_after;

/// A request, complete but for the sending.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to. Its path holds ids as the provider encoded them.
    pub url: Url,
    /// All headers, the (sensitive) authorization among them.
    pub headers: HeaderMap,
    /// The body; `None`: the request has none.
    pub body: Option<Bytes>,
}

impl Request {
    /// A request without a body that asks for JSON.
    pub fn new(method: Method, url: Url) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            method,
            url,
            headers,
            body: None,
        }
    }

    /// The same with `value` as its authorization.
    #[must_use]
    pub fn authorized(mut self, value: HeaderValue) -> Self {
        self.headers.insert(header::AUTHORIZATION, value);
        self
    }

    /// The same with a body of the given content type.
    #[must_use]
    pub fn with_body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = Some(body.into());
        self
    }
}

/// Neither headers nor body nor query: they may hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url.path())
    }
}

/// An answer, complete: a body that was cut short or too long is a transport error instead.
#[derive(Clone, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed, at most `transport::BODY_BYTES_MAX`.
    pub body: Bytes,
}

impl Reply {
    /// The text of a header; `None`: it is absent or no text. Of several, the first.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long a refusal for now (429, 503) asks to wait; `None`: it is none, or does not say.
    pub fn retry_after(&self) -> Option<Duration> {
        let is_for_now = matches!(self.status, 429 | 503);
        is_for_now.then(|| retry_after(&self.headers)).flatten()
    }

    /// The provider's id of this request, for its support.
    pub fn request_id(&self) -> Option<String> {
        // Asked of every answer, so that their names are not taken apart each time.
        const NAMES: [HeaderName; 2] = [
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("x-zendesk-request-id"),
        ];
        NAMES
            .iter()
            .find_map(|name| self.header(name))
            .map(|id| id.chars().filter(char::is_ascii_graphic).take(64).collect())
    }
}

/// Not the body: it may name persons.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}
