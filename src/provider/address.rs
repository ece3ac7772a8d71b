//! Where requests go: URLs built segment by segment below a base.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

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
