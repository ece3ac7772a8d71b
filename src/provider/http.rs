//! Plain requests and replies, which a provider builds and reads and a transport carries: URLs built segment by
//! segment below a base, and the statements of headers on limits and waiting, in every spelling the providers have
//! used. A date is read against the answer's own `Date`, never against a clock of ours.

use std::fmt;
use std::time::Duration;

use ::http::header::AsHeaderName;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use super::RateHint;
use super::digits::is_digits;

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

/// The characters that are encoded in a path segment: all but RFC 3986's unreserved ones. The `url`
/// crate's own set leaves many reserved ones as they are, which servers read differently.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The base address that `text` gives, without a slash at its end; or why it gets no credentials.
pub fn base_url(text: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(text.trim())
        .map_err(|_| "it is no absolute address; write e.g. `https://acme.zendesk.com`")?;
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(_)) if is_loopback(&url) => {}
        ("http", Some(_)) => {
            return Err("plain http would show the credentials on the wire; write `https://`");
        }
        (_, Some(_) | None) => return Err("it must begin with `https://` and name a host"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password; give credentials under their own keys");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it holds a query or a fragment; leave off everything from the `?` or `#`");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Whether `url` is on this machine. Plain http goes nowhere else.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The URL of `segments` below `base`, whose own path stays in front.
///
/// **Invariant**: no segment is empty, `.` or `..`. A URL collapses those, even encoded. A request
/// to delete one user would become one to delete the list above, or the app. Every provider's
/// `check_id` refuses ids like that long before.
///
/// # Panics
///
/// When the invariant is broken: better no request than that one.
pub(super) fn endpoint(base: &Url, segments: &[&str]) -> Url {
    let prefix = base.path().trim_end_matches('/');
    let len = segments
        .iter()
        .map(|segment| segment.len() + 1)
        .sum::<usize>();
    let mut path = String::with_capacity(prefix.len() + len);
    path.push_str(prefix);
    for segment in segments {
        assert!(
            !matches!(*segment, "" | "." | ".."),
            "a path segment must be able to stand alone"
        );
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    let mut url = base.clone();
    url.set_path(&path);
    url
}

/// Adds `key=value` to the query of `url`, all but the unreserved characters encoded.
pub(super) fn push_query(url: &mut Url, key: &str, value: &str) {
    let [key, value] = [key, value].map(|text| utf8_percent_encode(text, SEGMENT));
    let before = url
        .query()
        .map_or_else(String::new, |query| format!("{query}&"));
    url.set_query(Some(&format!("{before}{key}={value}")));
}

/// Host, port and path, without a slash at the end.
pub(super) fn place(url: &Url) -> String {
    format!("{}{}", url.authority(), url.path().trim_end_matches('/'))
}

/// The longest wait read from a header, a hundred years: times can be reckoned with, and no server asks
/// for more in earnest.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(24 * 365 * 100);

/// The longest header value looked at, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// The wait that `Retry-After` asks for, of several the longest: seconds, or an HTTP date less the
/// answer's `Date`, which the transport puts there. A date in the past is zero. See
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(header::RETRY_AFTER)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| seconds(value).or_else(|| until(value, headers)))
        .max()
}

/// A number of seconds; a part of one counts as a whole.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let text = bounded(text)?;
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let rest = u64::from(part.bytes().any(|byte| byte != b'0'));
    // More digits than a u64 holds are more seconds than anyone waits.
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(whole.saturating_add(rest)).min(WAIT_MAX))
}

/// How far the HTTP date `text` lies after the answer's `Date`.
fn until(text: &str, headers: &HeaderMap) -> Option<Duration> {
    let date = |text: &str| httpdate::parse_http_date(bounded(text)?).ok();
    let now = date(headers.get(header::DATE)?.to_str().ok()?)?;
    let wait = date(text)?.duration_since(now).unwrap_or_default();
    Some(wait.min(WAIT_MAX))
}

/// The number in the first of `names` that holds one. A window behind the number is left.
pub(super) fn number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    names
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find_map(leading_number)
}

/// Reads one of Zendesk's composed headers: `total=700; remaining=699; resets=41`. The total stands
/// beside the hint, since its span is not said. `None`: it says nothing known.
pub(super) fn composed(text: &str) -> Option<(Option<u64>, RateHint)> {
    let (mut total, mut hint) = (None, RateHint::default());
    for part in bounded(text)?.split([';', ',']) {
        let Some((name, value)) = part.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "total" | "limit" => total = leading_number(value),
            "remaining" => hint.remaining = leading_number(value),
            "resets" | "reset" => hint.resets_in = seconds(value),
            _ => {}
        }
    }
    (total.is_some() || hint != RateHint::default()).then_some((total, hint))
}

fn leading_number(text: &str) -> Option<u64> {
    let text = bounded(text)?;
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if !(rest.is_empty() || rest.starts_with([',', ';', ' '])) {
        return None;
    }
    number.parse().ok()
}

fn bounded(text: &str) -> Option<&str> {
    (text.len() <= VALUE_BYTES_MAX).then(|| text.trim())
}
