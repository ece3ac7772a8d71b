//! Subdomain, region, data centre or a whole address → the [`Url`] requests go to.
//!
//! Credentials travel to these addresses, so plain http is refused wherever the wire is not this
//! machine's own.

use thiserror::Error;
use url::{Host, Url};

/// Why a text is no address for requests.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlProblem {
    /// No absolute URL.
    #[error("it is no absolute address; write e.g. `https://acme.zendesk.com`")]
    Form,
    /// Neither http nor https, or no host.
    #[error("it must begin with `https://` and name a host")]
    Scheme,
    /// Plain http beyond this machine.
    #[error("plain http would show the credentials on the wire; write `https://`")]
    PlainHttp,
    /// `user:password@` in the address.
    #[error("it holds a user name or password; give credentials under their own keys")]
    UserInfo,
    /// `?…` or `#…` in the address.
    #[error("it holds a query or a fragment; leave off everything from the `?` or `#`")]
    QueryOrFragment,
    /// No DNS label.
    #[error(
        "it is no subdomain; of `https://acme.zendesk.com` write only `acme`: letters, digits and \
         inner hyphens, at most 63"
    )]
    Label,
}

/// Sunshine Conversations' regions and their addresses, see
/// <https://developer.zendesk.com/api-reference/conversations/#regions>.
pub(super) const SUNCO_REGIONS: [(&str, &str); 2] = [
    ("us", "https://api.smooch.io"),
    ("eu", "https://api.eu-1.smooch.io"),
];

/// Zoho's data centres and their accounts servers, see
/// <https://www.zoho.com/accounts/protocol/oauth/multi-dc.html>.
pub(super) const ZOHO_DATA_CENTERS: [(&str, &str); 11] = [
    ("us", "https://accounts.zoho.com"),
    ("eu", "https://accounts.zoho.eu"),
    ("in", "https://accounts.zoho.in"),
    ("au", "https://accounts.zoho.com.au"),
    ("jp", "https://accounts.zoho.jp"),
    ("cn", "https://accounts.zoho.com.cn"),
    ("ca", "https://accounts.zohocloud.ca"),
    ("sa", "https://accounts.zoho.sa"),
    ("uk", "https://accounts.zoho.uk"),
    ("ae", "https://accounts.zoho.ae"),
    ("sg", "https://accounts.zoho.sg"),
];

/// The longest DNS label, see RFC 1035, section 2.3.4.
const LABEL_CHARS_MAX: usize = 63;

/// The address that a text of the configuration gives, without a slash at its end.
pub(super) fn base_url(text: &str) -> Result<Url, UrlProblem> {
    let mut url = Url::parse(text.trim()).map_err(|_| UrlProblem::Form)?;
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_loopback(&host) => {}
        ("http", Some(_)) => return Err(UrlProblem::PlainHttp),
        (_, Some(_) | None) => return Err(UrlProblem::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlProblem::QueryOrFragment);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// `https://{subdomain}.zendesk.com` with `path` behind it.
pub(super) fn zendesk(subdomain: &str, path: &str) -> Result<Url, UrlProblem> {
    let label = dns_label(subdomain)?;
    Url::parse(&format!("https://{label}.zendesk.com{path}")).map_err(|_| UrlProblem::Label)
}

/// The address of one of the tables above.
pub(super) fn parse_static(address: &str) -> Option<Url> {
    Url::parse(address).ok()
}

/// `text` in lower case, if it is one label of a host name (RFC 1123, section 2.1).
fn dns_label(text: &str) -> Result<String, UrlProblem> {
    let label = text.trim().to_ascii_lowercase();
    let plain = label
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let hyphen_outside = label.starts_with('-') || label.ends_with('-');
    if label.is_empty() || label.len() > LABEL_CHARS_MAX || !plain || hyphen_outside {
        return Err(UrlProblem::Label);
    }
    Ok(label)
}

/// Whether requests to `host` stay on this machine.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{SUNCO_REGIONS, UrlProblem, ZOHO_DATA_CENTERS, base_url, zendesk};

    #[rstest]
    #[case("https://acme.zendesk.com", "https://acme.zendesk.com/")]
    #[case("https://acme.zendesk.com/", "https://acme.zendesk.com/")]
    #[case("https://proxy.example/zd//", "https://proxy.example/zd")]
    #[case("https://proxy.example:8443/a/b/", "https://proxy.example:8443/a/b")]
    #[case(" https://acme.zendesk.com ", "https://acme.zendesk.com/")]
    #[case("http://127.0.0.1:8787", "http://127.0.0.1:8787/")]
    #[case("http://127.9.9.9/zoho/", "http://127.9.9.9/zoho")]
    #[case("http://[::1]:80", "http://[::1]/")]
    #[case("http://LOCALHOST:8787", "http://localhost:8787/")]
    fn an_address_is_taken_and_its_last_slash_is_harmless(
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(base_url(text).unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("acme.zendesk.com", UrlProblem::Form)]
    #[case("", UrlProblem::Form)]
    #[case("https://", UrlProblem::Form)]
    #[case("ftp://acme.example", UrlProblem::Scheme)]
    #[case("file:///etc/passwd", UrlProblem::Scheme)]
    #[case("http://acme.zendesk.com", UrlProblem::PlainHttp)]
    #[case("http://10.0.0.1", UrlProblem::PlainHttp)]
    #[case("http://localhost.example", UrlProblem::PlainHttp)]
    #[case("http://127.0.0.1.example", UrlProblem::PlainHttp)]
    #[case("http://[::ffff:127.0.0.1]", UrlProblem::PlainHttp)]
    #[case("http://[::]", UrlProblem::PlainHttp)]
    #[case("https://ops:pw@acme.zendesk.com", UrlProblem::UserInfo)]
    #[case("https://ops@acme.zendesk.com", UrlProblem::UserInfo)]
    #[case("https://acme.zendesk.com/?a=1", UrlProblem::QueryOrFragment)]
    #[case("https://acme.zendesk.com/#top", UrlProblem::QueryOrFragment)]
    fn an_address_that_could_leak_or_mislead_is_refused(
        #[case] text: &str,
        #[case] problem: UrlProblem,
    ) {
        assert_eq!(base_url(text), Err(problem));
    }

    #[rstest]
    #[case("acme", "", "https://acme.zendesk.com/")]
    #[case("ACME-2", "/sc", "https://acme-2.zendesk.com/sc")]
    fn a_subdomain_becomes_its_address(
        #[case] subdomain: &str,
        #[case] path: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(zendesk(subdomain, path).unwrap().as_str(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("acme.zendesk.com")]
    #[case("https://acme.zendesk.com")]
    #[case("-acme")]
    #[case("acme-")]
    #[case("ac me")]
    #[case("evil.example/")]
    #[case("ümlaut")]
    #[case("a123456789012345678901234567890123456789012345678901234567890123")]
    fn a_subdomain_is_one_dns_label(#[case] subdomain: &str) {
        assert_eq!(zendesk(subdomain, ""), Err(UrlProblem::Label));
    }

    #[test]
    fn every_named_place_has_an_https_address() {
        for (_, address) in SUNCO_REGIONS.iter().chain(&ZOHO_DATA_CENTERS) {
            assert_eq!(base_url(address).unwrap().scheme(), "https");
        }
    }
}
