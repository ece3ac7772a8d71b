//! Credentials go to the configured host and nowhere else: whatever a token's answer names, a cache
//! holds or the environment's proxies would like.

use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::certificates::{Authority, Flaw};
use crate::support::raw::{After, Raw, answer};
use crate::support::usual::{RUN, run};
use crate::support::{Done, World, piped};

use super::{LEDGER, Who};

const USER: &str = "5725767000000412000";

/// What the environment calls a proxy.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A corporate proxy that leads every host to the sandbox, with a certificate for each. No name
/// is looked up, so that the real hosts can be played.
struct Town {
    world: World,
    proxy: Raw,
}

impl Town {
    /// `api_domain` tells what the token's nth answer names, from 0; deletions are answered with
    /// 401 as long as `rejected` says so of the token's number.
    fn new(
        api_domain: impl Fn(usize) -> Value + Send + Sync + 'static,
        rejected: impl Fn(usize) -> bool + Send + Sync + 'static,
    ) -> Self {
        let world = World::new();
        world.wide();
        world.seed(json!({"zoho": [{"id": USER}], "zendesk": [{"id": "7"}]}));
        world.write("users.csv", format!("id\n{USER}\n"));
        let authority = Authority::new();
        authority.save(&world.path("authority.pem"));
        let sandbox = world.sandbox().addr();
        let tokens = AtomicUsize::new(0);
        let proxy = Raw::start(move |heard, wire| {
            if heard.method == "CONNECT" {
                let host = heard.target.rsplit_once(':').unwrap().0;
                wire.send("HTTP/1.1 200 Connected\r\n\r\n");
                return After::Tls(authority.server(host, Flaw::None, &["http/1.1"]));
            }
            let whole = heard.carry(sandbox);
            if heard.is_token() {
                let at = whole
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
                    .unwrap()
                    + 4;
                let mut token: Value = serde_json::from_slice(&whole[at..]).unwrap();
                token["api_domain"] = api_domain(tokens.fetch_add(1, Ordering::SeqCst));
                wire.send(answer("200 OK", &[], token.to_string()));
            } else if heard.is_deletion() && rejected(tokens.load(Ordering::SeqCst)) {
                let no = json!({"code": "INVALID_TOKEN", "message": "invalid oauth token",
                    "status": "error", "details": {}});
                wire.send(answer("401 Unauthorized", &[], no.to_string()));
            } else {
                wire.send(whole);
            }
            After::Keep
        });
        let config = "[accounts.crm]\nprovider = \"zoho\"\ndata_center = \"eu\"\n\
             client_id = \"1000.SANDBOX\"\nclient_secret = \"sandbox-secret\"\n\
             refresh_token = \"1000.sandbox-refresh\"\n\
             [accounts.crm.limits]\nrequests = \"100000/1s\"\n";
        world.configure(config);
        Self { world, proxy }
    }

    fn call(&self, args: &[&str]) -> Done {
        let mut command = self.world.command(args);
        command
            .env("SSL_CERT_FILE", self.world.path("authority.pem"))
            .env("HTTPS_PROXY", self.proxy.base());
        self.world.finish(piped(&mut command))
    }

    fn run(&self) -> Done {
        let run = ["run", "users.csv", "--account", "crm", "--action", "delete"];
        self.call(&[&run[..], &["--yes", "--progress", "none"]].concat())
    }

    /// The hosts that were asked for, each once, in order.
    fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for heard in self.proxy.heard() {
            if heard.method == "CONNECT" && !hosts.contains(&heard.target) {
                hosts.push(heard.target);
            }
        }
        hosts
    }
}

const ACCOUNTS: &str = "accounts.zoho.eu:443";

#[test]
fn a_token_goes_to_the_data_centres_own_api() {
    let town = Town::new(|_| json!("https://www.zohoapis.eu"), |_| false);
    town.run().code(0);
    assert_eq!(town.hosts(), [ACCOUNTS, "www.zohoapis.eu:443"]);
    assert_eq!(town.world.deletions().len(), 1);
    // A proxy sees where it goes, and no more.
    for heard in town.proxy.heard() {
        let seen = heard.method == "CONNECT";
        assert_eq!(
            seen,
            heard.header("authorization").is_none() && !heard.is_token()
        );
    }
}

#[rstest]
#[case(json!("https://evil.example"))]
#[case(json!("https://www.zohoapis.com.evil.example"))]
#[case(json!("https://www.zohoapis.eu.evil.example"))]
#[case(json!("https://www.zohoapis.eu@evil.example"))]
#[case(json!("https://www.zohoapis.eu:pw@evil.example"))]
#[case(json!("https://evil.example#www.zohoapis.eu"))]
#[case(json!("https://evil.example/www.zohoapis.eu"))]
#[case(json!("https://evil.example\\@www.zohoapis.eu"))]
#[case(json!("http://www.zohoapis.eu"))]
#[case(json!("https://www.zohoapis.eu:8443"))]
#[case(json!("https://www.zohoapis.eu/evil"))]
#[case(json!("https://www.zohoapis.com"))]
#[case(json!("https://zohoapis.com"))]
#[case(json!("https://10.1.2.3"))]
#[case(json!("https://127.0.0.1"))]
#[case(json!("http://127.0.0.1:9"))]
#[case(json!("http://localhost:9"))]
#[case(json!("https://[::1]"))]
#[case(json!("//www.zohoapis.eu"))]
#[case(json!("www.zohoapis.eu"))]
#[case(json!("file:///etc/passwd"))]
#[case(json!(null))]
#[case(json!(["https://www.zohoapis.eu"]))]
fn a_token_that_names_another_place_is_sent_nowhere(#[case] api_domain: Value) {
    let town = Town::new(move |_| api_domain.clone(), |_| false);
    town.run().code(2).says("set base_url");
    assert_eq!(town.hosts(), [ACCOUNTS]);
    assert!(!town.world.path(LEDGER).exists());
}

#[test]
fn a_renewed_token_that_names_another_place_stops_the_account() {
    let api = ["https://www.zohoapis.eu", "https://evil.example"];
    let town = Town::new(move |n| json!(api[n.min(1)]), |_| true);
    town.run().code(3).says("set base_url").says("resume");
    assert_eq!(town.hosts(), [ACCOUNTS, "www.zohoapis.eu:443"]);
    assert_eq!(town.world.status(LEDGER)["outcomes"]["pending"], 1);
}

/// A file that anybody may have written to in the meantime is believed no more than an answer.
#[test]
fn a_kept_token_that_names_another_place_is_fetched_anew() {
    let town = Town::new(|_| json!("https://www.zohoapis.eu"), |_| false);
    town.call(&["check"]).code(0);
    let folder = town.world.path("cache/userpurge/tokens");
    let kept = std::fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = std::fs::read_to_string(&kept).unwrap();
    for evil in [
        "https://evil.example/",
        "http://127.0.0.1:9/",
        "https://www.zohoapis.com/",
    ] {
        let changed = text.replace("https://www.zohoapis.eu/", evil);
        assert_ne!(changed, text);
        town.world.write(kept.to_str().unwrap(), changed);
        let before = town.proxy.heard().iter().filter(|it| it.is_token()).count();
        town.call(&["check"]).code(0);
        let after = town.proxy.heard().iter().filter(|it| it.is_token()).count();
        assert_eq!(after, before + 1);
    }
    // The bearer of a good place is not asked for again.
    let tokens = town.proxy.heard().iter().filter(|it| it.is_token()).count();
    town.call(&["check"]).code(0);
    assert_eq!(
        town.proxy.heard().iter().filter(|it| it.is_token()).count(),
        tokens
    );
    assert_eq!(town.hosts(), [ACCOUNTS, "www.zohoapis.eu:443"]);
}

/// The clock was wrong when they were fetched, or is now: they are no reason to wait for a year.
#[test]
fn tokens_fetched_in_the_future_do_not_use_up_what_may_be_fetched() {
    let town = Town::new(|_| json!("https://www.zohoapis.eu"), |_| false);
    town.call(&["check"]).code(0);
    let folder = town.world.path("cache/userpurge/tokens");
    let kept = std::fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut file: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    file["expires_at"] = json!("2020-01-01T00:00:00.000Z");
    file["fetched"] = json!(vec!["2099-01-01T00:00:00.000Z"; 8]);
    town.world.write(kept.to_str().unwrap(), file.to_string());
    town.call(&["check"]).code(0);
    let tokens = town.proxy.heard().iter().filter(|it| it.is_token()).count();
    assert_eq!(tokens, 2);
}

/// Plain http on this machine shows the credentials to whom they are for; through a proxy it
/// would show them to somebody else.
#[rstest]
fn nothing_for_this_machine_goes_through_a_proxy(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
    #[values("127.0.0.1", "localhost")] host: &str,
) {
    let proxy = Raw::start(|_, wire| {
        wire.send(answer("502 Bad Gateway", &[], ""));
        After::Close
    });
    let world = World::new();
    world.seed(json!({who.provider(): [{"id": who.id(0)}]}));
    world.write("users.csv", format!("id\n{}\n", who.id(0)));
    world.configure(&world.config().replace("127.0.0.1", host));
    let mut command = world.command(&run("users.csv", who.account(), "delete"));
    for name in PROXIES {
        command.env(name, proxy.base());
    }
    world.finish(piped(&mut command)).code(0);
    assert_eq!(proxy.connections(), 0);
    assert_eq!(world.deletions().len(), 1);
}

/// What a proxy says of itself is no answer of the provider's, and no credentials were shown.
#[rstest]
#[case("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")]
#[case("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n")]
#[case("HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\n\r\n")]
#[case("nonsense\r\n\r\n")]
#[case("")]
fn a_proxy_that_will_not_is_no_connection(#[case] says: &'static str) {
    let proxy = Raw::start(move |_, wire| {
        wire.send(says);
        After::Close
    });
    let world = World::new();
    world.write("users.csv", "id\n7\n");
    world.configure(
        "[accounts.acme]\nprovider = \"zendesk\"\nsubdomain = \"acme\"\n\
         email = \"ops@acme.example\"\napi_token = \"sandbox-token\"\n",
    );
    let mut command = world.command(&[&RUN[..], &["--attempts", "1"]].concat());
    command.env("HTTPS_PROXY", proxy.base());
    world
        .finish(piped(&mut command))
        .code(2)
        .says("no_connection");
    let heard = proxy.heard();
    assert!(!heard.is_empty());
    for heard in heard {
        assert_eq!(heard.target, "acme.zendesk.com:443");
        assert!(heard.header("authorization").is_none());
    }
}
