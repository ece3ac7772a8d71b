//! Secrets appear nowhere, and persons in no ledger.

use serde_json::json;

use crate::support::World;
use crate::support::usual::{LEDGER, RUN};

const SECRETS: [&str; 6] = [
    "sandbox-token",
    "sandbox-secret",
    "sandbox-refresh",
    // As Basic authorization has them.
    "b3BzQGFjbWUuZXhhbXBsZS90b2tlbjpzYW5kYm94LXRva2Vu",
    "YXBwX3NhbmRib3g6c2FuZGJveC1zZWNyZXQ=",
    "Bearer ",
];

#[test]
fn no_secret_stands_in_any_output_log_or_ledger_even_at_vvv() {
    let world = World::new();
    world.seed(json!({
        "zendesk": [{"id": "1"}, {"id": "2", "open_tickets": 3}],
        "sunco": [{"id": "5fe0a0f0b5e2a4001c8d0001"}],
        "zoho": [{"id": "5725767000000412001"}],
    }));
    world.write(
        "users.csv",
        "id,account,action\n1,acme,delete\n2,acme,delete\n3,acme,delete\n\
         5fe0a0f0b5e2a4001c8d0001,chat,delete\n5725767000000412001,crm,delete\n",
    );
    let mut all = String::new();
    for args in [
        vec!["check", "-vvv"],
        vec!["plan", "users.csv", "-vvv"],
        vec!["run", "users.csv", "--yes", "-vvv"],
        vec!["run", "users.csv", "--yes", "-vvv", "--log-format", "json"],
        vec!["status", LEDGER, "-vvv"],
    ] {
        let done = world.call(&args);
        all.push_str(&done.out);
        all.push_str(&done.err);
    }
    let ledger = world.read(LEDGER);
    all.push_str(&ledger);
    for secret in SECRETS {
        assert!(!all.contains(secret), "`{secret}` is in\n{all}");
    }
    for token in world.sandbox().log(None) {
        assert!(!token.path.contains("sandbox-"), "{token:?}");
    }
    let refused = &world.outcomes(LEDGER)[&2];
    assert_eq!(refused["outcome"], "refused");
    assert!(
        refused["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{refused}"
    );
    let addresses = ledger.split(|c: char| c.is_whitespace() || c == '"');
    for word in addresses.filter(|word| word.contains('@')) {
        assert!(word.contains("***@***"), "an address in the ledger: {word}");
    }
    assert!(
        !ledger.contains("example"),
        "no host, no address of the caller"
    );
}

/// Zendesk's tokens are forty letters and digits, as good as any name to whoever reads a file.
#[test]
fn a_secret_that_stands_for_its_places_name_is_not_shown() {
    const TOKEN: &str = "Jq7vXb2LmN4pRs8tUw1yZa3cDe5fGh6iKo9lMn0Q";
    let world = World::of_users(1);
    let given = "api_token = \"sandbox-token\"";
    for slip in [
        format!("{{ env = \"{TOKEN}\" }}"),
        format!("{{ env = \"{}\" }}", TOKEN.to_uppercase()),
        format!("{{ file = \"{TOKEN}\" }}"),
        format!("{{ command = [\"{TOKEN}\"] }}"),
        format!("{{ command = [\"printf\", \"{TOKEN}\\n\\n{TOKEN}\"] }}"),
    ] {
        let slipped = format!("api_token = {slip}");
        world.configure(&world.config().replace(given, &slipped));
        for args in [&["check", "-vvv"][..], &crate::support::usual::RUN] {
            let done = world.call(args).code(2);
            let all = format!("{}{}", done.out, done.err).to_uppercase();
            assert!(!all.contains(&TOKEN.to_uppercase()), "{slip}: {all}");
        }
    }
    // A name is a help, and is shown.
    let named = "api_token = { env = \"NO_SUCH_TOKEN\" }";
    world.configure(&world.config().replace(given, named));
    world
        .call(&["check"])
        .code(2)
        .says("environment variable `NO_SUCH_TOKEN` is not set");
}

/// A password manager asks a person each time, and a variable of another account may not be set.
#[test]
fn only_the_secrets_of_accounts_that_are_used_are_read() {
    let world = World::of_users(4);
    let called = world.path("called").display().to_string();
    let marks = format!("{{ command = [\"sh\", \"-c\", \"echo x >> {called}; exit 1\"] }}");
    let config = world.config();
    let chat = config.replacen(
        "key_secret = \"sandbox-secret\"",
        &format!("key_secret = {marks}"),
        1,
    );
    let unset = "client_secret = { env = \"NO_SUCH_SECRET\" }";
    let both = chat.replacen("client_secret = \"sandbox-secret\"", unset, 1);
    assert!(chat != config && both != chat, "{config}");
    world.configure(&both);
    world
        .call(&["plan", "users.csv", "--account=acme", "--action=delete"])
        .code(0);
    world.call(&RUN).code(0);
    for command in ["status", "verify", "resume", "retry"] {
        world.call(&[command, LEDGER]).code(0);
    }
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 4);
    assert!(
        !world.path("called").exists(),
        "another account's command ran"
    );

    // Used, each of them is asked for.
    let chat = "5fe0a0f0b5e2a4001c8d0001,chat,delete\n";
    let crm = "5725767000000412001,crm,delete\n";
    for (row, says) in [
        (chat, "`accounts.chat.key_secret` in `"),
        (crm, "environment variable `NO_SUCH_SECRET` is not set"),
    ] {
        world.write("other.csv", format!("id,account,action\n{row}"));
        world
            .call(&["run", "other.csv", "--yes"])
            .code(2)
            .says(says);
    }
    assert!(world.path("called").exists());
}

/// What no header can hold, or would part in another place, is told where it stands.
#[test]
fn what_cannot_go_in_a_header_is_told_with_its_account_and_key() {
    let world = World::of_users(1);
    let config = world.config();
    for (given, slip, key) in [
        ("\"sandbox-token\"", "\"sandbox token\"", "acme.api_token"),
        ("\"sandbox-token\"", "\"sandbox-tökén\"", "acme.api_token"),
        ("\"app_sandbox\"", "\"app:sandbox\"", "chat.key_id"),
        ("\"1000.SANDBOX\"", "\"1000.SÄNDBOX\"", "crm.client_id"),
    ] {
        let slipped = config.replacen(given, slip, 1);
        assert_ne!(slipped, config, "{given}");
        world.configure(&slipped);
        let told = world.call(&["check"]).code(2);
        let told = told.says(&format!("`accounts.{key}` in `"));
        assert!(!told.err.contains(slip), "{}", told.err);
    }
    // The other accounts were tried.
    let log = world.sandbox().log(None);
    assert!(!log.is_empty() && log.iter().all(|it| !it.effect));
}
