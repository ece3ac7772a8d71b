//! Where a Zoho API may be: the hosts a token is sent to, and no other.

use url::Url;

use crate::provider::address::is_loopback;

/// Each data centre's accounts server, and what its API hosts end in, after `www.`, `sandbox.` or
/// `developer.`: <https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html>.
const DATA_CENTRES: [(&str, &str); 11] = [
    ("accounts.zoho.com", "zohoapis.com"),
    ("accounts.zoho.eu", "zohoapis.eu"),
    ("accounts.zoho.in", "zohoapis.in"),
    ("accounts.zoho.com.au", "zohoapis.com.au"),
    ("accounts.zoho.jp", "zohoapis.jp"),
    ("accounts.zoho.com.cn", "zohoapis.com.cn"),
    ("accounts.zohocloud.ca", "zohoapis.ca"),
    ("accounts.zoho.sa", "zohoapis.sa"),
    ("accounts.zoho.uk", "zohoapis.uk"),
    ("accounts.zoho.ae", "zohoapis.ae"),
    ("accounts.zoho.sg", "zohoapis.sg"),
];

/// The base of `api_domain`, if a token may be sent there: an API host of the accounts server's own
/// data centre, by https. An accounts server that is none of Zoho's (a gateway of the company's) may
/// name those of any; one on this machine may also name another address on it. The host alone is
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
    (local || is_zohos(accounts_url, api_domain)).then(|| api_domain.clone())
}

fn is_zohos(accounts_url: &Url, api_domain: &Url) -> bool {
    let own = DATA_CENTRES
        .iter()
        .find(|(accounts, _)| accounts_url.host_str() == Some(*accounts));
    let known = |domain: &str| match own {
        Some((_, api)) => domain == *api,
        None => DATA_CENTRES.iter().any(|(_, api)| domain == *api),
    };
    let named = api_domain.host_str().and_then(|host| host.split_once('.'));
    named.is_some_and(|(kind, domain)| {
        matches!(kind, "www" | "sandbox" | "developer") && known(domain)
    }) && api_domain.scheme() == "https"
        && api_domain.port().is_none()
        && api_domain.path() == "/"
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use url::Url;

    use super::{DATA_CENTRES, api_base};

    const ZOHO: &str = "https://accounts.zoho.eu";
    const OWN: &str = "https://zoho.gateway.example/eu";
    const LOCAL: &str = "http://127.0.0.1:8080/zoho";

    #[rstest]
    #[case(ZOHO, "https://www.zohoapis.eu", true)]
    #[case(ZOHO, "https://sandbox.zohoapis.eu/", true)]
    #[case(ZOHO, "https://developer.zohoapis.eu", true)]
    #[case(ZOHO, "https://www.zohoapis.eu:443", true)]
    #[case(ZOHO, "https://WWW.ZohoAPIs.EU", true)]
    #[case(ZOHO, "https://www.zohoapis.com", false)]
    #[case(ZOHO, "https://sandbox.zohoapis.com.au/", false)]
    #[case(ZOHO, "https://www.zohoapis.eu:8443", false)]
    #[case(ZOHO, "http://www.zohoapis.eu", false)]
    #[case(ZOHO, "https://www.zohoapis.eu.example.com", false)]
    #[case(ZOHO, "https://www.zohoapis.com.evil.example", false)]
    #[case(ZOHO, "https://evil.zohoapis.eu", false)]
    #[case(ZOHO, "https://zohoapis.eu", false)]
    #[case(ZOHO, "https://www.zohoapis.xyz", false)]
    #[case(ZOHO, "https://www.zohoapis.eu./", false)]
    #[case(ZOHO, "https://www.zohoapis.eu@evil.example", false)]
    #[case(ZOHO, "https://x@www.zohoapis.eu", false)]
    #[case(ZOHO, "https://:pw@www.zohoapis.eu", false)]
    #[case(ZOHO, "https://www.zohoapis.eu/path", false)]
    #[case(ZOHO, "https://www.zohoapis.eu/?q", false)]
    #[case(ZOHO, "https://www.zohoapis.eu/#f", false)]
    #[case(ZOHO, "https://www.zohoapis.eu\\@evil.example", false)]
    #[case(ZOHO, "https://10.1.2.3", false)]
    #[case(ZOHO, "https://[::1]", false)]
    #[case(ZOHO, "https://127.0.0.1:8080", false)]
    #[case(ZOHO, "http://127.0.0.1:8080", false)]
    #[case("https://accounts.zoho.eu:8443", "https://www.zohoapis.com", false)]
    #[case(OWN, "https://www.zohoapis.eu", true)]
    #[case(OWN, "https://www.zohoapis.ca", true)]
    #[case(OWN, "https://zoho.gateway.example", false)]
    #[case(OWN, "http://127.0.0.1:8080", false)]
    #[case(LOCAL, "http://127.0.0.1:9090/api", true)]
    #[case(LOCAL, "http://localhost:9090", true)]
    #[case(LOCAL, "http://x.localhost:9090", false)]
    #[case(LOCAL, "http://10.0.0.1:9090", false)]
    #[case(LOCAL, "ftp://127.0.0.1", false)]
    #[case(LOCAL, "http://x@127.0.0.1:9090", false)]
    #[case(LOCAL, "https://www.zohoapis.com", true)]
    fn a_token_goes_to_its_data_centres_hosts_only(
        #[case] accounts: &str,
        #[case] api: &str,
        #[case] fit: bool,
    ) {
        let (accounts, api) = (accounts.parse().unwrap(), api.parse().unwrap());
        assert_eq!(api_base(&accounts, &api).is_some(), fit);
    }

    #[test]
    fn each_data_centre_has_hosts_of_its_own() {
        let url = |host: &str| Url::parse(&format!("https://{host}")).unwrap();
        for (accounts, _) in DATA_CENTRES {
            for (other, domain) in DATA_CENTRES {
                let base = api_base(&url(accounts), &url(&format!("www.{domain}")));
                assert_eq!(base.is_some(), accounts == other, "{accounts} {domain}");
            }
        }
    }
}
