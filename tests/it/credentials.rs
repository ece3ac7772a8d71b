//! Credentials of every kind: good ones work, wrong ones end with 2 and nothing is sent.

use rstest::rstest;
use serde_json::json;
use userpurge::sandbox::Call;

use crate::support::usual::{LEDGER, RUN};
use crate::support::{World, ids, piped};

fn zendesk(base: &str, credentials: &str) -> String {
    format!(
        "[accounts.acme]\nprovider = \"zendesk\"\nbase_url = \"{base}\"\n{credentials}\n\
         [accounts.acme.limits]\nrequests = \"100000/1s\"\n"
    )
}

fn sunco(base: &str, credentials: &str) -> String {
    format!(
        "[accounts.acme]\nprovider = \"sunco\"\nbase_url = \"{base}\"\n{credentials}\n\
         [accounts.acme.limits]\nrequests = \"100000/1s\"\n"
    )
}

fn zoho(base: &str, credentials: &str) -> String {
    format!(
        "[accounts.acme]\nprovider = \"zoho\"\naccounts_url = \"{base}\"\n{credentials}\n\
         [accounts.acme.limits]\nrequests = \"100000/1s\"\n"
    )
}

type Config = fn(&str, &str) -> String;

const APP: &str = "app_id = \"5963c0d619a30a2e00de36b8\"\n";

fn file_of(config: Config) -> (&'static str, serde_json::Value) {
    if config as usize == sunco as Config as usize {
        (
            "5fe0a0f0b5e2a4001c8d0001",
            json!({"sunco": [{"id": "5fe0a0f0b5e2a4001c8d0001"}]}),
        )
    } else if config as usize == zoho as Config as usize {
        (
            "5725767000000412001",
            json!({"zoho": [{"id": "5725767000000412001"}]}),
        )
    } else {
        ("1001", json!({"zendesk": [{"id": "1001"}]}))
    }
}

fn run(config: Config, credentials: &str) -> (World, crate::support::Done) {
    let world = World::new();
    let (id, seed) = file_of(config);
    world.seed(seed);
    world.configure(&config(&world.base(), credentials));
    world.write("users.csv", format!("id\n{id}\n"));
    let done = world.call(&RUN);
    (world, done)
}

#[rstest]
#[case(zendesk as Config, "email = \"ops@acme.example\"\napi_token = \"sandbox-token\"")]
#[case(zendesk as Config, "oauth_token = \"sandbox-oauth\"")]
#[case(zendesk as Config, "client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"")]
#[case(sunco as Config, "APP key_id = \"app_sandbox\"\nkey_secret = \"sandbox-secret\"")]
#[case(sunco as Config, "APP key_id = \"app_sandbox\"\nkey_secret = \"sandbox-secret\"\nauth = \"jwt\"")]
#[case(
    zoho as Config,
    "client_id = \"1000.SANDBOX\"\nclient_secret = \"sandbox-secret\"\nrefresh_token = \"1000.sandbox-refresh\""
)]
#[case(
    zoho as Config,
    "version = \"v2\"\nclient_id = \"1000.SANDBOX\"\nclient_secret = \"sandbox-secret\"\nrefresh_token = \"1000.sandbox-refresh\""
)]
fn good_credentials_of_every_kind_delete(#[case] config: Config, #[case] credentials: &str) {
    let (world, done) = run(config, &credentials.replace("APP ", APP));
    done.code(0);
    assert_eq!(world.deletions().len(), 1);
}

#[rstest]
#[case(zendesk as Config, "email = \"ops@acme.example\"\napi_token = \"wrong\"")]
#[case(zendesk as Config, "oauth_token = \"wrong\"")]
#[case(zendesk as Config, "client_id = \"sandbox-client\"\nclient_secret = \"wrong\"")]
#[case(sunco as Config, "APP key_id = \"app_sandbox\"\nkey_secret = \"wrong\"")]
#[case(sunco as Config, "APP key_id = \"app_sandbox\"\nkey_secret = \"wrong\"\nauth = \"jwt\"")]
#[case(sunco as Config, "app_id = \"000000000000000000000000\"\nkey_id = \"app_sandbox\"\nkey_secret = \"sandbox-secret\"")]
#[case(
    zoho as Config,
    "client_id = \"1000.SANDBOX\"\nclient_secret = \"sandbox-secret\"\nrefresh_token = \"1000.wrong\""
)]
#[case(
    zoho as Config,
    "client_id = \"1000.SANDBOX\"\nclient_secret = \"wrong\"\nrefresh_token = \"1000.sandbox-refresh\""
)]
fn wrong_credentials_of_every_kind_end_with_2_and_nothing_is_sent(
    #[case] config: Config,
    #[case] credentials: &str,
) {
    let (world, done) = run(config, &credentials.replace("APP ", APP));
    done.code(2).says("acme");
    assert_eq!(world.deletions().len(), 0);
    assert!(!world.path(LEDGER).exists(), "no run, no ledger");
    world.call(&["check"]).code(2);
}

#[test]
fn a_machine_that_trusts_no_certificates_is_told_what_it_lacks() {
    let world = World::new();
    world.zendesk_users(1..=1);
    world.write("users.csv", ids(1..=1));
    let mut run = world.command(&RUN);
    run.env("SSL_CERT_FILE", world.path("no-such.pem"));
    world
        .finish(piped(&mut run))
        .code(2)
        .says("acme")
        .says("ca-certificates")
        .says("SSL_CERT_FILE")
        .says("nothing was sent");
    assert_eq!(world.sandbox().log(None).len(), 0);
    assert!(!world.path(LEDGER).exists(), "no run, no ledger");
}

#[test]
fn a_token_that_dies_every_two_seconds_does_not_stop_a_run() {
    let world = World::new();
    world.wide();
    world.settings(json!({"token_lifetime": "2s", "latency": "100ms"}));
    world.zendesk_users(1..=200);
    let client = "client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"";
    world.configure(&zendesk(&world.base(), client));
    world.write("users.csv", ids(1..=200));
    world
        .call(&[&RUN[..], &["--concurrency", "4"]].concat())
        .code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 200);
    assert!(world.calls(Call::Token).len() > 1);
}

#[test]
fn zohos_tokens_are_kept_between_processes() {
    let world = World::new();
    world.seed(json!({"zoho": [{"id": "5725767000000412001"}]}));
    for _ in 0..12 {
        world.call(&["check"]).code(0);
    }
    let tokens = world.calls(Call::Token);
    assert_eq!(
        tokens
            .iter()
            .filter(|call| call.path.contains("/oauth/v2/"))
            .count(),
        1
    );
}

#[test]
fn check_names_the_caller_and_what_it_lacks() {
    let world = World::new();
    world
        .call(&["check"])
        .code(0)
        .says("acme")
        .says("chat")
        .says("crm")
        .says("admin");
    world.settings(json!({"zendesk": {"caller_role": "end-user"}}));
    let done = world.call(&["check", "--json"]);
    assert_ne!(done.code, 0);
    let told: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert!(told.to_string().contains("end-user"), "{told}");
}
