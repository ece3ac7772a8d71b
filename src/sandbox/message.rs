//! A request as it arrived and the reply to it, as plain values.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A request as it arrived, the tenant's prefix taken off its path.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// The method, in capitals.
    pub(super) method: String,
    /// The path as sent, still percent-encoded, from its first slash, without the query.
    pub(super) path: String,
    /// The query's pairs, decoded, in order.
    pub(super) query: Vec<(String, String)>,
    /// The headers, names in lower case, in order.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
    /// Where the tenant can be reached, without a slash at the end; answers name it.
    pub(super) base_url: String,
    /// How many requests of this tenant and provider are under way, this one included.
    pub(super) in_flight: u32,
}

impl Request {
    /// `sent` as the state machines take it, and the tenant its path names.
    pub(super) fn of(sent: &http::Request<Bytes>) -> (Option<String>, Self) {
        let headers = sent.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let (tenant, path) = tenant_of(sent.uri().path());
        let query = sent.uri().query().unwrap_or_default();
        let mut request = Self {
            method: sent.method().as_str().to_owned(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers: headers.collect(),
            body: sent.body().to_vec(),
            base_url: String::new(),
            in_flight: 1,
        };
        let host = request.header("host").unwrap_or("127.0.0.1");
        let prefix = tenant.map(|name| format!("/t/{name}")).unwrap_or_default();
        request.base_url = format!("http://{host}{prefix}");
        (tenant.map(str::to_owned), request)
    }

    /// The first header called `name` (in lower case); `None`: there is none.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The first parameter called `name`; `None`: there is none.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The path's segments, still percent-encoded. An empty one stands for every slash too many.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path
            .strip_prefix('/')
            .unwrap_or(&self.path)
            .split('/')
            .collect()
    }

    /// The body's pairs if it is a form, decoded.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }
}

/// Parts `/t/{name}/rest` into the name and `/rest`; the name is `None` without such a prefix.
fn tenant_of(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/t/") else {
        return (None, path);
    };
    match rest.find('/') {
        Some(end) => (Some(&rest[..end]), &rest[end..]),
        None => (Some(rest), "/"),
    }
}

/// The first value called `name` among `pairs`.
pub(super) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// A path segment with its percent signs resolved; bytes that are no UTF-8 are replaced.
pub(super) fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// What is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in order; a name may stand twice.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the request changed any user's state, or started a job that will. Never sent.
    pub effect: bool,
}

impl Reply {
    /// `body` as JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    /// `body` as it is, of the type `content_type`.
    pub(super) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            effect: false,
        }
    }

    /// A status and nothing else.
    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// The page a proxy or a login puts in the provider's place.
    pub(super) fn html(status: u16) -> Self {
        Self::text(
            status,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to go \
             on.</body></html>",
        )
    }

    /// The same reply with one header more.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same reply to a request that changed something.
    #[must_use]
    pub(super) fn changed(mut self) -> Self {
        self.effect = true;
        self
    }

    /// The body as JSON; null if it is none.
    #[cfg(test)]
    pub(super) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The header called `name`; `None`: there is none.
    #[cfg(test)]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
impl Request {
    /// A request for `target` (a path with or without a query), as tests write it.
    pub(super) fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            base_url: "http://127.0.0.1:1".to_owned(),
            in_flight: 1,
            ..Self::default()
        }
    }

    /// The same request with one header more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with Basic credentials.
    pub(super) fn basic(self, user: &str, password: &str) -> Self {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.with("authorization", &format!("Basic {pair}"))
    }

    /// The same request with a body.
    pub(super) fn body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::tenant_of;

    #[rstest]
    #[case("/api/v2/users/1", None, "/api/v2/users/1")]
    #[case("/t/acme/api/v2/users/1", Some("acme"), "/api/v2/users/1")]
    #[case("/t/acme", Some("acme"), "/")]
    #[case("/t/", Some(""), "/")]
    fn a_path_names_its_tenant(
        #[case] path: &str,
        #[case] tenant: Option<&str>,
        #[case] rest: &str,
    ) {
        assert_eq!(tenant_of(path), (tenant, rest));
    }
}
