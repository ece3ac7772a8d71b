//! `init` and `check`: questions, the file they make, and what each account is told to be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::World;

/// A world without a configuration.
fn world() -> World {
    let world = World::new();
    fs::remove_file(world.path("userpurge.toml")).unwrap();
    world
}

/// Answers, one a line.
pub(crate) fn answers(lines: &[&str]) -> Vec<u8> {
    let mut text = lines.join("\n");
    text.push('\n');
    text.into_bytes()
}

fn mode(world: &World, name: &str) -> u32 {
    fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn piped_answers_make_a_commented_file_for_its_owner_alone_and_check_tries_it() {
    let world = world();
    world.write("secret.txt", "sandbox-secret\n");
    let base = world.base();
    let lines = answers(&[
        "zendesk",
        &base,
        "client",
        "sandbox-client",
        "support",
        "file",
        "secret.txt",
        "yes",
        "sunco",
        "5963c0d619a30a2e00de36b8",
        &base,
        "app_sandbox",
        "chat",
        "file",
        "secret.txt",
        "yes",
        "3",
        &base,
        "1000.SANDBOX",
        "crm",
        "file",
        "secret.txt",
        "command",
        "echo 1000.sandbox-refresh",
        "no",
    ]);
    // What is no text is no answer, and is asked for again.
    let lines = [b"\xff\xfe\n", &lines[..]].concat();
    let done = world.call_with(&["init"], &lines).code(0);
    assert_eq!(mode(&world, "userpurge.toml"), 0o600);
    let file = world
        .read("userpurge.toml")
        .replace(&base, "http://sandbox");
    insta::assert_snapshot!(file, @r#"
    # userpurge: the accounts whose users may be deleted. `userpurge check` tries them; it only reads.
    # No secret stands here: each key below says where its secret is kept.

    # deny_tenants = ["prod"]                    # nothing is deleted at a tenant whose name holds such a word

    [accounts.support]
    provider = "zendesk"
    base_url = "http://sandbox"
    client_id = "sandbox-client"
    client_secret = { file = "secret.txt" }      # the OAuth client's secret
    # action = "purge"                           # for rows that name none; without it they are not sent

    # [accounts.support.limits]                  # these hold unless told otherwise
    # requests = "400/1m"                        # every request; the Enterprise plan has 700/1m
    # permanently-delete = "700/10m"             # this endpoint as well
    # share = 0.8                                # the part of each limit that this program may use

    [accounts.chat]
    provider = "sunco"
    app_id = "5963c0d619a30a2e00de36b8"
    base_url = "http://sandbox"
    key_id = "app_sandbox"
    key_secret = { file = "secret.txt" }         # the API key's secret
    # action = "delete"                          # for rows that name none; without it they are not sent

    # [accounts.chat.limits]                     # these hold unless told otherwise
    # requests = "600/1m"                        # every request
    # share = 0.8                                # the part of each limit that this program may use

    [accounts.crm]
    provider = "zoho"
    accounts_url = "http://sandbox"
    client_id = "1000.SANDBOX"
    client_secret = { file = "secret.txt" }      # the OAuth client's secret
    refresh_token = { command = ["echo", "1000.sandbox-refresh"] } # the refresh token, with the scopes ZohoCRM.users.DELETE, ZohoCRM.users.READ and ZohoCRM.org.READ
    # action = "delete"                          # for rows that name none; without it they are not sent

    # [accounts.crm.limits]                      # these hold unless told otherwise
    # requests = "600/1m"                        # every request
    # share = 0.8                                # the part of each limit that this program may use
    "#);
    let told = done
        .out
        .replace(base.strip_prefix("http://").unwrap(), "sandbox");
    insta::assert_snapshot!(told, @r"
    chat: Sunshine Conversations at sandbox/5963c0d619a30a2e00de36b8, as Sandbox, role key of this app
      rights: an accepted key may delete users of its app
      limits: the answer does not tell any
    crm: Zoho CRM at sandbox/5725767, as Seller 5725767000000411001, user 5725767000000411001, role Administrator
      rights: not told beforehand; needed are the scopes ZohoCRM.users.DELETE and ZohoCRM.users.READ, and a profile that may manage users
      limits: the answer does not tell any
    support: Zendesk Support at sandbox, as Operations, user 361808000001, role admin
      rights: an admin may delete users, also for good; an OAuth token needs the scopes users:read and users:write as well
      limits: 700/1m, 699 requests left, anew in 60 s
    ");
    assert!(!world.path("userpurge.toml.new").exists());
}

#[test]
fn a_file_that_is_there_is_replaced_only_after_yes_and_an_answer_that_fails_changes_nothing() {
    let world = World::new();
    let before = world.read("userpurge.toml");
    world
        .call_with(&["init"], b"no\n")
        .code(2)
        .says("there is no `no`; it is one of `add`, `replace`");
    world
        .call_with(&["init"], b"")
        .code(2)
        .says("nothing was written");
    // The last question has no answer.
    let short = answers(&[
        "replace",
        "zendesk",
        "acme",
        "client",
        "userpurge",
        "acme",
        "env",
    ]);
    world
        .call_with(&["init"], &short)
        .code(2)
        .says("nothing was written");
    assert_eq!(world.read("userpurge.toml"), before);
    let all = answers(&[
        "replace",
        "zendesk",
        "acme",
        "client",
        "userpurge",
        "",
        "env",
        "",
    ]);
    let done = world.call_with(&["init"], &all).code(0);
    assert_ne!(world.read("userpurge.toml"), before);
    done.says("set `ACME_CLIENT_SECRET`, then try the credentials with `userpurge check`");
}

#[test]
fn an_answer_that_is_none_of_the_choices_is_told_the_nearest_and_asked_again() {
    let world = world();
    let lines = answers(&[
        "zendesc",
        "zendesk",
        "https://acme.zendesk.com/",
        "api-tokn",
        "3",
        "ops@acme.example",
        "",
        "",
        "",
    ]);
    let done = world.call_with(&["init"], &lines).code(0);
    assert!(
        done.err
            .contains("there is no `zendesc`; did you mean `zendesk`?"),
        "{}",
        done.err
    );
    assert!(
        done.err.contains("did you mean `api-token`?"),
        "{}",
        done.err
    );
    let file = world.read("userpurge.toml");
    assert!(file.contains("subdomain = \"acme\""), "{file}");
    assert!(
        file.contains("api_token = { env = \"ACME_API_TOKEN\" }"),
        "{file}"
    );
    assert!(
        file.contains("Zendesk ends API tokens on 2027-04-30"),
        "{file}"
    );
}

#[test]
fn an_answer_is_judged_when_it_is_typed_and_those_before_are_kept() {
    let world = world();
    let done = world.call_with(
        &["init"],
        &answers(&[
            "zendesk",
            "acme corp",
            "http://acme.example",
            "acme.zendesk.com",
            "api-token",
            "ops",
            "ops@acme.example/token",
            "ops@acme.example",
            "zoho",
            "a b",
            "support",
            "env",
            "1 TOKEN",
            "SUPPORT_TOKEN",
            "yes",
            "sunco",
            "app/1",
            "app1",
            "eu",
            "app_1",
            "SUPPORT",
            "chat",
            "command",
            "false",
            "yes",
            "zoho",
            "mars",
            "eu",
            "1000.A",
            "",
            "file",
            "~/zoho.txt",
            "file",
            "refresh.txt",
        ]),
    );
    let done = done.code(0);
    for told in [
        "it is no subdomain; of `https://acme.zendesk.com` write only `acme`",
        "it is no e-mail address; write it alone, without `/token` behind it",
        "rows that say `zoho` would be deleted at Zendesk Support; name this account otherwise",
        "letters, digits and underscores; the name, not the secret",
        "an app's id is letters and digits only",
        "there is an account `SUPPORT` already",
        "`mars` is not one of `us`, `eu`",
    ] {
        assert!(done.err.contains(told), "{told}: {}", done.err);
    }
    assert!(!done.err.contains("line "), "{}", done.err);
    let file = world.read("userpurge.toml");
    let keys = file
        .lines()
        .filter(|it| !it.is_empty() && !it.starts_with('#'));
    let keys: Vec<_> = keys
        .map(|it| it.split("  #").next().unwrap().trim_end())
        .collect();
    insta::assert_snapshot!(keys.join("\n"), @r#"
    [accounts.support]
    provider = "zendesk"
    subdomain = "acme"
    email = "ops@acme.example"
    api_token = { env = "SUPPORT_TOKEN" }
    [accounts.chat]
    provider = "sunco"
    app_id = "app1"
    region = "eu"
    key_id = "app_1"
    key_secret = { command = ["false"] }
    [accounts.zoho]
    provider = "zoho"
    data_center = "eu"
    client_id = "1000.A"
    client_secret = { file = "~/zoho.txt" }
    refresh_token = { file = "refresh.txt" }
    "#);
    done.says("next: set `SUPPORT_TOKEN`, put the secret into `/")
        .says("/zoho.txt`, put the secret into `refresh.txt`, then try");
}

#[test]
fn accounts_at_shipped_and_own_provider_files_are_asked_for_their_keys_and_added_to_what_is_there()
{
    let world = World::new();
    let before = world.read("userpurge.toml");
    let own = world.call(&["providers", "intercom"]).code(0).out;
    world.write("ours.toml", own.replace("\"intercom\"", "\"ours\""));
    let done = world.call_with(
        &["init"],
        &answers(&[
            "add",
            "hubspott",
            "hubspot",
            "",
            "env",
            "",
            "yes",
            "auth0",
            "acme/evil",
            "acme.eu.auth0.com",
            "acme",
            "logins",
            "env",
            "ID",
            "env",
            "SECRET",
            "yes",
            "./none.toml",
            "./ours.toml",
            "",
            "env",
            "OURS",
        ]),
    );
    let done = done.code(0);
    for told in [
        "there is no `hubspott`; did you mean `hubspot`?",
        "the provider file `./none.toml` cannot be read",
        "it is a part of `https://{domain}`: letters, digits, hyphens and dots",
        "there is an account `acme` already",
    ] {
        assert_eq!(done.err.matches(told).count(), 1, "{told}: {}", done.err);
    }
    done.says("set `HUBSPOT_TOKEN`, set `ID`, set `SECRET`, set `OURS`, then");
    let file = world.read("userpurge.toml");
    let added = file.strip_prefix(&before).unwrap();
    insta::assert_snapshot!(added, @r#"
    [accounts.hubspot]
    provider = "hubspot"
    token = { env = "HUBSPOT_TOKEN" }            # the `token` of HubSpot
    # action = "gdpr-delete"                     # for rows that name none; without it they are not sent

    [accounts.logins]
    provider = "auth0"
    domain = "acme.eu.auth0.com"
    client_id = { env = "ID" }                   # the `client_id` of Auth0
    client_secret = { env = "SECRET" }           # the `client_secret` of Auth0
    # action = "delete"                          # for rows that name none; without it they are not sent

    [accounts.ours]
    provider = "./ours.toml"
    token = { env = "OURS" }                     # the `token` of Intercom
    # action = "delete"                          # for rows that name none; without it they are not sent
    "#);
    // What was there is tried, and what is missing is named.
    let done = world.call(&["check"]).code(2);
    done.says("acme: Zendesk Support at")
        .says("`OURS`")
        .says("`HUBSPOT_TOKEN`");
}

#[test]
fn menus_are_folded_between_words() {
    let world = world();
    let terminal = world.terminal(60);
    terminal.types("userpurge init");
    terminal.until("the choice of a provider", |screen| {
        screen.contains("Number or word [zendesk]")
    });
    terminal.types("");
    terminal.until("the address", |screen| screen.contains("the acme of"));
    terminal.types("acme");
    let screen = terminal.until("the ways", |screen| {
        screen.contains("Number or word [client]")
    });
    insta::assert_snapshot!(screen, @r#"
    $ userpurge init
    Where are the users to be deleted (or ./FILE, a provider
      file of your own):
      1  zendesk   Zendesk Support
      2  sunco     Sunshine Conversations
      3  zoho      Zoho CRM
      4  intercom  Intercom
      5  freshdesk Freshdesk
      6  gorgias   Gorgias
      7  jira      Jira Cloud
      8  helpscout Help Scout
      9  okta      Okta
      10 auth0     Auth0
      11 hubspot   HubSpot
    Number or word [zendesk]:
    Subdomain, the acme of https://acme.zendesk.com, or the
      whole address: acme
    How does the program sign in:
      1  client    an OAuth client (Admin Center > Apps and
         integrations > APIs > OAuth clients)
      2  token     a ready OAuth access token
      3  api-token an API token you have: unused for 30 days it
         is off, and all end on 2027-04-30
    Number or word [client]:
    "#);
}

#[test]
fn at_a_terminal_the_questions_are_answered_by_keys() {
    let world = world();
    world.write("secret.txt", "sandbox-secret\n");
    let terminal = world.terminal(100);
    let asks = |question: &'static str| {
        terminal.until(question, move |screen| {
            screen
                .lines()
                .last()
                .is_some_and(|line| line.contains(question))
        });
    };
    terminal.types("userpurge init");
    asks("Number or word [zendesk]");
    terminal.types("");
    asks("Subdomain");
    terminal.types(&world.base());
    asks("Number or word [client]");
    terminal.types("1");
    asks("Identifier of the OAuth client");
    terminal.types("sandbox-client");
    asks("Name of this account");
    terminal.types("support");
    asks("Number or word [env]");
    terminal.types("file");
    asks("Path of the file");
    terminal.types("secret.txt");
    asks("Number or word [no]");
    terminal.types("");
    terminal.until("it was checked", |screen| {
        screen.contains("support: Zendesk Support at") && screen.contains("rights: an admin")
    });
    assert_eq!(mode(&world, "userpurge.toml"), 0o600);
}

#[test]
fn check_tries_the_other_accounts_if_a_secret_is_missing_and_names_it() {
    let world = World::new();
    let config = world.config();
    world.configure(&config.replace(
        "key_secret = \"sandbox-secret\"",
        "key_secret = { env = \"CHAT_SECRET\" }",
    ));
    let before = world.sandbox().log(None).len();
    let done = world.call(&["check"]).code(2);
    let done = done
        .says("acme: Zendesk Support at")
        .says("crm: Zoho CRM at");
    done.says("error: `accounts.chat.key_secret` in")
        .says("environment variable `CHAT_SECRET` is not set");
    assert!(world.sandbox().log(None).len() > before);
    let done = world.call(&["check", "--json"]).code(2);
    let told: Value = serde_json::from_str(&done.out).unwrap();
    let (chat, acme) = (&told["accounts"]["chat"], &told["accounts"]["acme"]);
    assert_eq!((&chat["ok"], &acme["ok"]), (&json!(false), &json!(true)));
    assert!(chat["error"].to_string().contains("CHAT_SECRET"), "{told}");
}

#[test]
fn without_a_configuration_init_is_named_first() {
    let world = world();
    world.write("users.csv", "id\n1\n");
    for command in [&["check"][..], &["plan", "users.csv"]] {
        world
            .call(command)
            .code(2)
            .says("help: `userpurge init` writes a `userpurge.toml`");
    }
}

#[test]
fn check_names_rights_limits_and_what_ends_and_the_same_as_json() {
    let world = World::new();
    let done = world.call(&["check"]).code(0);
    let told = done
        .out
        .replace(world.base().strip_prefix("http://").unwrap(), "sandbox");
    insta::with_settings!({filters => [(r"anew in \d+ s", "anew in [n] s")]}, {
        insta::assert_snapshot!(told, @r#"
        acme: Zendesk Support at sandbox, as Operations, user 361808000001, role admin
          rights: an admin may delete users, also for good; an OAuth token needs the scopes users:read and users:write as well
          limits: 700/1m, 699 requests left, anew in [n] s
          warning: Zendesk no longer creates API tokens, turns off one that nobody used for 30 days, and takes none from 2027-04-30 on; make an OAuth client with the grant `client_credentials` in Admin Center > Apps and integrations > APIs > OAuth clients, and write `client_id` and `client_secret` instead of `email` and `api_token`
        chat: Sunshine Conversations at sandbox/5963c0d619a30a2e00de36b8, as Sandbox, role key of this app
          rights: an accepted key may delete users of its app
          limits: the answer does not tell any
        crm: Zoho CRM at sandbox/5725767, as Seller 5725767000000411001, user 5725767000000411001, role Administrator
          rights: not told beforehand; needed are the scopes ZohoCRM.users.DELETE and ZohoCRM.users.READ, and a profile that may manage users
          limits: the answer does not tell any
        "#);
    });
    let done = world.call(&["check", "--json"]).code(0);
    let told: Value = serde_json::from_str(&done.out).unwrap();
    let left = &told["accounts"]["acme"]["limits"]["account"]["remaining"];
    assert!(left.is_u64(), "{told}");
    let warnings = told["accounts"]["acme"]["warnings"].to_string();
    assert!(
        warnings.contains("2027-04-30") && warnings.contains("client_credentials"),
        "{told}"
    );
    world.settings(json!({"zendesk": {"caller_role": "end-user"}}));
    world
        .call(&["check"])
        .code(1)
        .says("rights: not enough")
        .says("missing: The caller is no admin and no agent, and cannot delete users");
}
