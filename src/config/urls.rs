//! Subdomain, region, data centre or a whole address → the [`Url`] requests go to.
//!
//! Credentials travel to these addresses, so plain http is refused wherever the wire is not this
//! machine's own.

use url::{Host, Url};

/// Sunshine Conversations' regions and their addresses, see
/// <https://developer.zendesk.com/api-reference/conversations/#regions>.
pub(super) const SUNCO_REGIONS: [(&str, &str); 2] = [
    ("us", "https://api.smooch.io"),
    ("eu", "https://api.eu-1.smooch.io"),
];

/// Zoho's data centres and their accounts servers, see
/// <https://www.zoho.com/accounts/protocol/oauth/multi-dc.html>.
pub const ZOHO_DATA_CENTERS: [(&str, &str); 11] = [
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

/// The address that a text of the configuration gives, without a slash at its end; or why it is none.
pub(super) fn base_url(text: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(text.trim())
        .map_err(|_| "it is no absolute address; write e.g. `https://acme.zendesk.com`")?;
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_loopback(&host) => {}
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

/// `https://{subdomain}.zendesk.com` with `path` behind it.
pub(super) fn zendesk(subdomain: &str, path: &str) -> Result<Url, &'static str> {
    // One label of a host name (RFC 1123, section 2.1).
    let label = subdomain.trim().to_ascii_lowercase();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = (1..=LABEL_CHARS_MAX).contains(&label.len()) && label.bytes().all(is_part);
    let url = Url::parse(&format!("https://{label}.zendesk.com{path}")).ok();
    url.filter(|_| is_label && !label.starts_with('-') && !label.ends_with('-'))
        .ok_or(
            "it is no subdomain; of `https://acme.zendesk.com` write only `acme`: letters, digits and \
             inner hyphens, at most 63",
        )
}

/// Whether requests to `host` stay on this machine.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
