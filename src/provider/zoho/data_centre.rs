//! Where a Zoho API may be: the hosts a token is sent to, and no other.

use url::Url;

use crate::provider::address::is_loopback;

/// What every API host ends in, after `www.`, `sandbox.` or `developer.`,
/// <https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html>.
const DOMAINS: [&str; 11] = [
    "zohoapis.com",
    "zohoapis.eu",
    "zohoapis.in",
    "zohoapis.com.au",
    "zohoapis.jp",
    "zohoapis.com.cn",
    "zohoapis.ca",
    "zohoapis.sa",
    "zohoapis.uk",
    "zohoapis.ae",
    "zohoapis.sg",
];

/// The base of `api_domain`, if a token may be sent there: one of Zoho's API hosts by https, or,
/// when the accounts server is on this machine itself, another address on it. The host alone is
/// taken of one of Zoho's; anything else in it makes it none.
pub(super) fn api_base(accounts_url: &Url, api_domain: &Url) -> Option<Url> {
    let extra = !api_domain.username().is_empty()
        || api_domain.password().is_some()
        || api_domain.query().is_some()
        || api_domain.fragment().is_some();
    if extra {
        return None;
    }
    let local = is_loopback(accounts_url)
        && is_loopback(api_domain)
        && matches!(api_domain.scheme(), "http" | "https");
    (local || is_zohos(api_domain)).then(|| api_domain.clone())
}

fn is_zohos(url: &Url) -> bool {
    let known = || {
        let (kind, domain) = url.host_str()?.split_once('.')?;
        Some(matches!(kind, "www" | "sandbox" | "developer") && DOMAINS.contains(&domain))
    };
    url.scheme() == "https" && url.port().is_none() && url.path() == "/" && known().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::api_base;

    const ZOHO: &str = "https://accounts.zoho.eu";
    const LOCAL: &str = "http://127.0.0.1:8080/zoho";

    #[rstest]
    #[case(ZOHO, "https://www.zohoapis.eu", true)]
    #[case(ZOHO, "https://sandbox.zohoapis.com.au/", true)]
    #[case(ZOHO, "https://developer.zohoapis.ca", true)]
    #[case(ZOHO, "https://www.zohoapis.eu:443", true)]
    #[case(ZOHO, "https://www.zohoapis.eu:8443", false)]
    #[case(ZOHO, "http://www.zohoapis.eu", false)]
    #[case(ZOHO, "https://www.zohoapis.eu.example.com", false)]
    #[case(ZOHO, "https://evil.zohoapis.eu", false)]
    #[case(ZOHO, "https://zohoapis.eu", false)]
    #[case(ZOHO, "https://www.zohoapis.xyz", false)]
    #[case(ZOHO, "https://www.zohoapis.eu./", false)]
    #[case(ZOHO, "https://www.zohoapis.eu@evil.example", false)]
    #[case(ZOHO, "https://x@www.zohoapis.eu", false)]
    #[case(ZOHO, "https://www.zohoapis.eu/path", false)]
    #[case(ZOHO, "https://www.zohoapis.eu/?q", false)]
    #[case(ZOHO, "http://127.0.0.1:8080", false)]
    #[case(LOCAL, "http://127.0.0.1:9090/api", true)]
    #[case(LOCAL, "http://localhost:9090", true)]
    #[case(LOCAL, "http://10.0.0.1:9090", false)]
    #[case(LOCAL, "ftp://127.0.0.1", false)]
    #[case(LOCAL, "https://www.zohoapis.com", true)]
    fn a_token_goes_to_zohos_hosts_only(
        #[case] accounts: &str,
        #[case] api: &str,
        #[case] fit: bool,
    ) {
        let (accounts, api) = (accounts.parse().unwrap(), api.parse().unwrap());
        assert_eq!(api_base(&accounts, &api).is_some(), fit);
    }
}
