//! Files that people write or hand on: configurations.

use super::scratch::Scratch;
use userpurge::config::load_outline;

/// Any bytes as a configuration: accounts are told apart by name, their addresses are fit for
/// credentials, and an error can be shown. Secrets are not read: one may be a command.
pub fn configuration(data: &[u8]) {
    let file = Scratch::new(".toml", data);
    let outline = match load_outline(Some(file.path()), &|_: &str| None) {
        Ok(outline) => outline,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.place.is_none_or(|place| place.1 > 0));
            return;
        }
    };
    assert!(!outline.accounts.is_empty());
    for (place, account) in outline.accounts.iter().enumerate() {
        let name = account.name.as_str();
        assert!(!name.is_empty() && !name.contains(char::is_control));
        let others = &outline.accounts[place + 1..];
        assert!(
            !others
                .iter()
                .any(|it| it.name.as_str().eq_ignore_ascii_case(name))
        );
        for url in account.urls() {
            let loopback = match url.host().unwrap() {
                url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
                url::Host::Ipv4(address) => address.is_loopback(),
                url::Host::Ipv6(address) => address.is_loopback(),
            };
            assert!(
                url.scheme() == "https" || (url.scheme() == "http" && loopback),
                "{url}"
            );
            assert!(
                url.username().is_empty() && url.password().is_none(),
                "{url}"
            );
            assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
        }
    }
}
