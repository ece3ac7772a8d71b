//! Providers from files: each file that is shipped purges at the sandbox, which serves it from the file
//! itself; what a file must not say is refused with its line; and what was agreed to is what is done.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use userpurge::domain::{AccountName, UserId};
use userpurge::provider::{
    LookupFor, Provider, ProviderFile, Reply, Request, RowEnd, Verdict, build,
};
use userpurge::sandbox::{Call, Sandbox, SandboxOptions};

use crate::support::World;
use crate::support::usual::{LEDGER, plan_of, run};

/// Each file that is shipped: its action, an id without its last character, and how its rows end.
const SHIPPED: [(&str, &str, &str, &str); 8] = [
    ("intercom", "delete", "64f0a1b2c3d4e5f6a7b8c9d", "deleted"),
    ("freshdesk", "hard-delete", "4300000004", "deleted"),
    ("gorgias", "delete", "8123456", "deleted"),
    ("jira", "delete", "5f00000000000000000000b", "deleted"),
    ("helpscout", "delete-later", "50060070", "ordered"),
    (
        "okta",
        "deactivate-and-delete",
        "00ubbbbbbbbbbbbbbbb",
        "deleted",
    ),
    (
        "auth0",
        "delete",
        "auth0|6500000000000000000000a",
        "deleted",
    ),
    ("hubspot", "gdpr-delete", "15100000", "deleted"),
];

/// A world with an account of the provider file `name`, three of its users and a file with a fourth.
fn world(name: &str, stem: &str) -> World {
    let world = World::new();
    let ids = (1..=4).map(|n| format!("{stem}{n}"));
    // Okta's have as many letters as they have.
    let ids: Vec<String> = ids.map(|id| fit(name, &id)).collect();
    let users: Vec<Value> = ids[..3].iter().map(|id| json!({"id": id})).collect();
    world.seed(json!({name: users}));
    world.settings(json!({"scale_limits": 1_000_000.0}));
    world.write("users.csv", format!("user_id\n{}\n", ids.join("\n")));
    configure(&world, name, name, Sandbox::SECRET);
    world
}

fn fit(name: &str, id: &str) -> String {
    let (start, end) = id.split_at(id.len() - 1);
    let length = if name == "okta" { 20 } else { id.len() };
    format!("{start:b<width$}{end}", width = length - 1)
}

/// An account of `file` in a configuration, with `secret` as each key's value.
pub(crate) fn account(file: &ProviderFile, provider: &str, base_url: &str, secret: &str) -> String {
    let (plain, secrets) = file.keys();
    let keys = plain.iter().chain(&secrets);
    let keys: Vec<String> = keys.map(|key| format!("{key} = \"{secret}\"")).collect();
    let keys = keys.join("\n");
    let name = &file.name;
    format!("[accounts.{name}]\nprovider = \"{provider}\"\nbase_url = \"{base_url}\"\n{keys}\n")
}

/// One account, called as the file, at `provider`.
pub(crate) fn configure(world: &World, name: &str, provider: &str, secret: &str) {
    let text = world.read_provider(name);
    let file = ProviderFile::parse(&text).unwrap();
    let base = format!("{}/file/{name}", world.base());
    let account = account(&file, provider, &base, secret);
    world.configure(&format!(
        "{account}limits = {{ requests = \"100000/1s\" }}\n"
    ));
}

impl World {
    /// The text of a provider file: of this folder, or shipped.
    fn read_provider(&self, name: &str) -> String {
        let own = std::fs::read_to_string(self.path(&format!("{name}.toml"))).ok();
        own.unwrap_or_else(|| ProviderFile::shipped_text(name).unwrap().to_owned())
    }

    /// How each row ended, in the order of the file.
    fn ends(&self) -> Vec<String> {
        let text = |entry: &Value| entry["outcome"].as_str().unwrap().to_owned();
        self.outcomes(LEDGER).values().map(text).collect()
    }

    /// What arrived of each call, by user.
    fn arrived(&self) -> Vec<(Call, String)> {
        let log = self.sandbox().log(None).into_iter();
        log.filter_map(|entry| Some((entry.step, entry.user?)))
            .collect()
    }
}

#[test]
fn each_file_that_is_shipped_proves_itself_and_is_told_by_its_own_name() {
    for name in ProviderFile::shipped_names() {
        let text = ProviderFile::shipped_text(name).unwrap();
        let file = ProviderFile::parse(text).unwrap_or_else(|why| panic!("{name}.toml, {why}"));
        assert_eq!(file.name, name);
        assert!(file.register(), "{name}");
    }
}

/// The answers tell the limit in the headers that the file names. It holds, whatever the configuration hopes
/// for: nothing is refused, though two requests a second are all there is.
#[test]
fn a_limit_is_learnt_from_the_headers_that_a_file_names() {
    let world = World::new();
    let ids = [1, 2].map(|n| format!("auth0|6500000000000000000000a{n}"));
    world.seed(json!({"auth0": ids.clone().map(|id| json!({"id": id}))}));
    world.write("users.csv", format!("user_id\n{}\n", ids.join("\n")));
    configure(&world, "auth0", "auth0", Sandbox::SECRET);
    let run = run("users.csv", "auth0", "delete");
    let args = [&run[..], &["--concurrency", "1"]].concat();
    world.call(&args).code(0);
    assert_eq!(world.ends(), ["deleted", "deleted"]);
    let log = world.sandbox().log(None);
    let refused = log.iter().filter(|call| call.status == Some(429));
    assert_eq!(refused.count(), 0);
    for id in ids {
        let arrived = world.deletions().into_iter();
        assert_eq!(arrived.filter(|call| call.concerns(&id)).count(), 1);
    }
}

fn each_shipped(test: impl Fn(&str, &str, &str, &str)) {
    for (name, action, stem, end) in SHIPPED {
        test(name, action, stem, end);
    }
}

#[test]
fn each_shipped_file_purges_and_tells_who_is_not_known() {
    each_shipped(|name, action, stem, end| {
        let world = world(name, stem);
        world.call(&run("users.csv", name, action)).code(1);
        assert_eq!(world.ends(), [end, end, end, "not_found"], "{name}");
        let users = world.users();
        let gone = users
            .iter()
            .filter(|user| user.state == "deleted" && user.provider.name() == name);
        assert_eq!(gone.count(), 3, "{name}");
        let status = world.status(LEDGER);
        assert_eq!(status["accounts"][name]["provider"], name);
        // Looked for first, the fourth is not sent at all.
        let steps = if name == "okta" { 2 } else { 1 };
        let unknown = usize::from(!matches!(name, "auth0" | "hubspot"));
        let sent = world.deletions().into_iter();
        // What was throttled was sent again.
        let sent = sent.filter(|entry| entry.status != Some(429)).count();
        assert_eq!(sent, 3 * steps + unknown, "{name}");
    });
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_stops_the_account() {
    each_shipped(|name, action, stem, end| {
        let world = world(name, stem);
        let id = fit(name, &format!("{stem}2"));
        for fault in ["throttle", "error500", "reset-after", "html"] {
            let planned = json!({"user": id, "fault": fault, "times": 1});
            let planned = serde_json::from_value(planned).unwrap();
            world
                .sandbox()
                .with(|sandbox, now| sandbox.plan("", planned, now))
                .unwrap();
        }
        world.call(&run("users.csv", name, action)).code(1);
        let second = &world.ends()[1];
        // What a lost answer had deleted is gone by us; Freshdesk's empty 404 might be anybody's.
        let expected = if name == "freshdesk" {
            "in_doubt"
        } else {
            "deleted"
        };
        assert!(second == end || second == expected, "{name}: {second}");

        let world = self::world(name, stem);
        configure(&world, name, name, "another");
        let done = world.call(&run("users.csv", name, action)).code(2);
        assert!(world.deletions().is_empty(), "{name}: {done:?}");

        let world = self::world(name, stem);
        let refused = json!({"user": id, "fault": "unauthorized", "times": 9});
        let refused = serde_json::from_value(refused).unwrap();
        world
            .sandbox()
            .with(|sandbox, now| sandbox.plan("", refused, now))
            .unwrap();
        world
            .call(&run("users.csv", name, action))
            .code(3)
            .says("credentials were rejected");
    });
}

#[test]
fn a_lost_answer_is_settled_by_an_answer_of_several_words() {
    for words in ["User_not_found", "User not found"] {
        let text = named_ours();
        let world = ours(
            &text
                .replace("not_found\" }", &format!("{words}\" }}"))
                .replace("\"code\":\"not_found\"", &format!("\"code\":\"{words}\"")),
        );
        let lost = json!({"user": "64f0a1b2c3d4e5f6a7b8c9d1", "fault": "reset-after", "times": 1});
        let lost = serde_json::from_value(lost).unwrap();
        world
            .sandbox()
            .with(|sandbox, now| sandbox.plan("", lost, now))
            .unwrap();
        world.call(&run("users.csv", "ours", "delete")).code(0);
        assert_eq!(world.ends(), ["deleted"; 3], "{words}");
    }
}

/// Without a look before, nobody knows whether the user was there: the row says so, and is counted apart.
/// Freshdesk's empty 404 may be a gateway's, and settles nothing.
#[test]
fn who_is_not_there_after_a_request_without_a_clear_answer_is_told_apart() {
    each_shipped(|name, action, stem, _| {
        let (end, code) = match name {
            // Looked for before, the user is known to be nobody.
            "auth0" | "hubspot" => ("not_found", json!("no_such_user")),
            "freshdesk" => ("in_doubt", Value::Null),
            _ => ("deleted", json!("settled_unseen")),
        };
        for fault in ["reset-after", "error503"] {
            let world = world(name, stem);
            let nobody = fit(name, &format!("{stem}4"));
            let unclear = json!({"user": nobody, "fault": fault, "times": 1});
            let unclear = serde_json::from_value(unclear).unwrap();
            world
                .sandbox()
                .with(|sandbox, now| sandbox.plan("", unclear, now))
                .unwrap();
            let done = world.call(&run("users.csv", name, action));
            let row = &world.outcomes(LEDGER)[&4];
            assert_eq!(
                (&row["outcome"], &row["code"]),
                (&json!(end), &code),
                "{name} {fault}"
            );
            if end == "deleted" {
                done.code(0)
                    .says("of them 1 without a clear answer, not there afterwards");
            }
        }
    });
}

#[test]
fn a_report_says_what_the_file_says() {
    for (name, action, stem, says) in [
        (
            "jira",
            "delete",
            "5f00000000000000000000b",
            "takes the user out of this Jira site",
        ),
        (
            "jira",
            "delete",
            "5f00000000000000000000b",
            "can be undone: by inviting the user again",
        ),
        (
            "intercom",
            "delete",
            "64f0a1b2c3d4e5f6a7b8c9d",
            "conversations stay; cannot be undone",
        ),
    ] {
        let world = world(name, stem);
        world.call(&run("users.csv", name, action)).code(1);
        for format in ["md", "html", "json"] {
            let report = ["report", LEDGER, "--format", format, "-o", "-"];
            let report = world.call(&report).code(0).out;
            assert!(report.contains(says), "{report}");
            assert!(!report.contains("deleted for good"), "{report}");
        }
    }
}

#[test]
fn where_an_unknown_user_is_answered_like_a_deleted_one_each_is_looked_for_first() {
    for (name, action, stem, _) in SHIPPED {
        let world = world(name, stem);
        world.call(&run("users.csv", name, action)).code(1);
        let arrived = world.arrived();
        for n in 1..=3 {
            let id = fit(name, &format!("{stem}{n}"));
            let calls = arrived.iter().filter(|(_, user)| *user == id);
            let calls: Vec<Call> = calls.map(|(call, _)| *call).collect();
            let looks_first = matches!(name, "auth0" | "hubspot");
            let first = if looks_first {
                Call::Read
            } else {
                Call::Delete
            };
            assert_eq!(calls[0], first, "{name}");
        }
    }
}

#[test]
fn each_step_is_recorded_and_who_was_prepared_by_others_ends_as_deleted() {
    let world = world("okta", "00ub");
    let prepared = fit("okta", "00ub2");
    world.seed(json!({"okta": [{"id": prepared, "state": "inactive"}]}));
    world
        .call(&run("users.csv", "okta", "deactivate-and-delete"))
        .code(1);
    assert_eq!(world.ends(), ["deleted", "deleted", "deleted", "not_found"]);
    let ledger = world.ledger(LEDGER);
    let steps = ledger.iter().filter(|entry| entry["kind"] == "step");
    let steps: Vec<&str> = steps.map(|entry| entry["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["deactivate"; 3]);
    assert_eq!(world.outcomes(LEDGER)[&2]["code"], "gone_before");
}

/// Both requests look alike, so that the second attempt at the first step is the second step.
#[test]
fn who_is_gone_after_a_first_step_whose_answers_were_lost_ends_as_deleted() {
    let world = world("okta", "00ub");
    let user = fit("okta", "00ub2");
    let lost = json!({"user": user, "fault": "reset-after", "times": 2});
    let lost = serde_json::from_value(lost).unwrap();
    world
        .sandbox()
        .with(|sandbox, now| sandbox.plan("", lost, now))
        .unwrap();
    world
        .call(&run("users.csv", "okta", "deactivate-and-delete"))
        .code(1);
    assert_eq!(world.ends(), ["deleted", "deleted", "deleted", "not_found"]);
    let settled = &world.outcomes(LEDGER)[&2];
    assert_eq!(settled["settled"], true, "{settled}");
    // Gone is gone: nothing is sent for the second step.
    let sent = world.deletions();
    let sent = sent.iter().filter(|it| it.concerns(&user)).count();
    assert_eq!(sent, 3);
}

/// What a file's ids look like says that nothing stands beside one.
#[test]
fn ids_of_every_file_can_be_protected() {
    for (name, action, stem, _) in SHIPPED {
        let world = world(name, stem);
        let user = fit(name, &format!("{stem}2"));
        world.write("keep.csv", format!("id\n{user}\n"));
        let mut args = run("users.csv", name, action).to_vec();
        args.extend(["--protect", "keep.csv"]);
        world.call(&args).code(1);
        assert_eq!(world.ends()[1], "protected", "{name}");
        assert!(!world.deletions().iter().any(|it| it.concerns(&user)));
    }
}

#[test]
fn an_order_is_no_deletion_until_it_was_seen_to_be_done() {
    let world = world("helpscout", "50060070");
    world.settings(json!({"order_delay": "1h"}));
    world
        .call(&run("users.csv", "helpscout", "delete-later"))
        .code(1);
    assert_eq!(world.status(LEDGER)["outcomes"]["ordered"], 3);
    let verify = |code| {
        let done = world.call(&["verify", LEDGER, "--json"]).code(code);
        let found: Value = serde_json::from_str(&done.out).unwrap();
        (found["under_way"].clone(), found["as_asked"].clone())
    };
    assert_eq!(verify(0), (json!(3), json!(0)));
    world.settings(json!({"order_delay": "0s"}));
    assert_eq!(verify(0), (json!(0), json!(3)));
    // In words they are as done as the others, and of none it is said that it was deleted.
    let told = world.call(&["verify", LEDGER]).code(0);
    let first = "verified     asked about 3 of 3 rows that are done\ngone         3\n";
    assert!(
        told.out.contains(first) && !told.out.contains("deleted"),
        "{told:?}"
    );
    let page = world
        .call(&["report", LEDGER, "--format", "md"])
        .code(0)
        .out;
    assert!(page.contains("3 of 4 rows done, 1 not done"), "{page}");
}

/// Intercom's file under another name.
fn named_ours() -> String {
    let text = ProviderFile::shipped_text("intercom").unwrap();
    text.replace("name   = \"intercom\"", "name   = \"ours\"")
}

/// A world with the provider file `ours.toml`, which says `text`, much like Intercom's.
fn ours(text: &str) -> World {
    let options = SandboxOptions {
        files: vec![ProviderFile::parse(text).unwrap().into()],
        ..SandboxOptions::default()
    };
    let world = World::with(options);
    world.settings(json!({"scale_limits": 1_000_000.0}));
    let ids: Vec<String> = (1..=3)
        .map(|n| format!("64f0a1b2c3d4e5f6a7b8c9d{n}"))
        .collect();
    let users: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    world.seed(json!({"ours": users}));
    world.write("users.csv", format!("user_id\n{}\n", ids.join("\n")));
    world.write("ours.toml", text);
    configure(&world, "ours", "./ours.toml", Sandbox::SECRET);
    world
}

#[test]
fn a_file_that_was_changed_since_it_was_agreed_to_is_refused() {
    let world = ours(&named_ours());
    let refuse = |times: u32| {
        let refused =
            json!({"user": "64f0a1b2c3d4e5f6a7b8c9d1", "fault": "unauthorized", "times": times});
        let refused = serde_json::from_value(refused).unwrap();
        world
            .sandbox()
            .with(|sandbox, now| sandbox.plan("", refused, now))
            .unwrap();
    };
    refuse(1);
    world
        .call(&[
            "plan",
            "users.csv",
            "--action",
            "delete",
            "-o",
            "plan.jsonl",
        ])
        .code(0);
    world.call(&run("users.csv", "ours", "delete")).code(3);
    let before = world.deletions().len();
    let text = world.read("ours.toml");
    let changed = text.replacen("DELETE /contacts/{id}", "POST /contacts/{id}/archive", 1);
    world.write("ours.toml", changed);
    world
        .call(&["resume", LEDGER])
        .code(4)
        .says("says other things");
    world
        .call(&["run", "plan.jsonl", "--yes"])
        .code(2)
        .says("says other things");
    assert_eq!(world.deletions().len(), before);
    // Words that are only shown bind nothing.
    world.write(
        "ours.toml",
        text.replace("title  = \"Intercom\"", "title  = \"Ours\""),
    );
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.ends(), ["deleted"; 3]);
}

#[test]
fn an_action_that_no_account_offers_is_refused_with_the_nearest_name() {
    let world = ours(&named_ours());
    let done = world
        .call(&["plan", "users.csv", "--action", "delet"])
        .code(2);
    done.says("did you mean `delete`?");
    world
        .call(&["plan", "users.csv", "--action", "purge"])
        .code(2);
}

/// Intercom's file under another name, with `from` replaced by `to`.
fn broken(from: &str, to: &str) -> String {
    let text = named_ours();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[rstest]
#[case("name   = \"ours\"", "name   = \"zendesk\"", "name it otherwise")]
#[case("name   = \"ours\"", "name   = \"okta\"", "comes with the program")]
#[case("title  = \"Intercom\"\n", "", "missing field `title`")]
#[case(
    "[[answers]]",
    "[[answers]]\nstatus = 200\nequals = { pointer = \"/id\", any = true }\nmeans = \"row.deleted\"\n\n[[answers]]",
    "must be told"
)]
#[case(
    "[[answers]]",
    "[[answers]]\nstatus = 200\nempty = true\nmeans = \"row.deleted\"\n\n[[answers]]",
    "needs status 204"
)]
#[case(
    "title  = \"Intercom\"",
    "titel  = \"Intercom\"",
    "unknown field `titel`"
)]
#[case("says  = \"deletes", "# says  = \"deletes", "missing field `says`")]
#[case("undo  = \"never\"", "undo  = \" \"", "it is blank")]
#[case("undo  = \"never\"\n", "", "missing field `undo`")]
#[case("https://api.intercom.io", "http://api.intercom.io", "plain http")]
#[case(
    "https://api.intercom.io",
    "https://{Sub}.intercom.io",
    "can be no key"
)]
#[case("bearer = \"{token}\"", "bearer = \"t\"", "holds no `{key}`")]
#[case(
    "bearer = \"{token}\"",
    "bearer = \"{token}\"\nbasic = [\"a\", \"{b}\"]",
    "write one of"
)]
#[case("GET /contacts/{id}", "GET /contacts/x-{id}", "one whole segment")]
#[case("GET /contacts/{id}", "GET /contacts?q={id}&r={id}", "stands 2 times")]
#[case("DELETE /contacts/{id}", "DELETE /contacts", "stands 0 times")]
#[case(
    "DELETE /contacts/{id}",
    "DELETE https://evil.example/{id}",
    "a method and a path"
)]
#[case(
    "DELETE /contacts/{id}",
    "DELETE /contacts/../{id}",
    "one whole segment"
)]
#[case("DELETE /contacts/{id}", "GET /contacts/{id}", "a GET changes nothing")]
#[case(
    "success = { status = 200, equals = { pointer = \"/id\", id = true } }",
    "success = { status = 200 }",
    "a status alone"
)]
#[case(
    "success = { status = 200, equals = { pointer = \"/id\", id = true } }",
    "success = { status = 200, empty = true }",
    "needs status 204"
)]
#[case(
    "unknown  = { status = 404, equals = { pointer = \"/errors/0/code\", text = \"not_found\" } }",
    "unknown  = { status = 404 }",
    "a status alone"
)]
#[case(
    "means  = \"row.not_found\"",
    "means  = \"row.gone\"",
    "must be one of"
)]
#[case(
    "to = \"delete\"\nstatus = 404",
    "to = \"look\"\nstatus = 404",
    "by its rules it means"
)]
#[case(
    "to = \"delete\"\nstatus = 401",
    "to = \"look\"\nstatus = 401",
    "no example of `account.credentials_rejected`"
)]
#[case(
    "[[answers]]",
    "[[answers]]\nstatus = 409\nmeans = \"transient.conflict\"\n\n[[answers]]",
    "no example reaches"
)]
#[case(
    "[limits]\nrequests = \"1600/10s\"",
    "[limits]\nrequests = \"1600\"",
    "1600"
)]
#[case(
    "pattern = \"^[0-9a-f]{24}$\"",
    "pattern = \"[0-9a-f]{24}\"",
    "the whole id"
)]
#[case(
    "id = \"64f0a1b2c3d4e5f6a7b8c9d0\"",
    "id = \"x\"",
    "does not look like"
)]
#[case(
    "[look]\nrequest",
    "[look]\nsuccess = { status = 200 }\nrequest",
    "unknown key `success`"
)]
#[case(
    "means  = \"row.not_found\"",
    "means  = \"row.not_found\"\n[[answers]]\nstatus = 410\nmeans = \"row.already_gone\"",
    "a status alone may be anybody's"
)]
#[case(
    "means  = \"row.not_found\"",
    "means  = \"row.not_found\"\n[[answers]]\nstatus = 401\nempty = true\nmeans = \"row.not_found\"",
    "tells nothing of a user"
)]
#[case(
    "means  = \"row.not_found\"",
    "means  = \"row.not_found\"\n[[answers]]\nstatus = 503\nempty = true\nmeans = \"row.deleted\"",
    "tells nothing of a user"
)]
#[case(
    "means  = \"row.not_found\"",
    "means  = \"row.not_found\"\n[[answers]]\nstatus = 302\nempty = true\nmeans = \"row.deleted\"",
    "tells nothing of a user"
)]
#[case(
    "unknown  = { status = 404",
    "unknown  = { status = 403",
    "tells nothing of a user"
)]
#[case(
    "unknown  = { status = 404",
    "unknown  = { status = 500",
    "tells nothing of a user"
)]
#[case(
    "standing = { status = 200",
    "standing = { status = 429",
    "tells nothing of a user"
)]
#[case("^[0-9a-f]{24}$", "^.{24}$", "also takes ids with `/`")]
#[case("^[0-9a-f]{24}$", "^[^@]+$", "also takes ids with `/`")]
#[case("^[0-9a-f]{24}$", "^[0-9a-f]{24})|(.$", "no pattern")]
#[case(
    "bearer = \"{token}\"",
    "header = [\"X-Key\", \"{token}\", \"y\"]",
    "two texts"
)]
#[case("bearer = \"{token}\"", "header = [\"X-Key\"]", "two texts")]
#[case("bearer = \"{token}\"", "basic = [\"{token}\"]", "two texts")]
#[case(
    "bearer = \"{token}\"",
    "header = [\"HOST\", \"{token}\"]",
    "the connection, the body"
)]
#[case(
    "{ Intercom-Version",
    "{ Authorization = \"x\", Intercom-Version",
    "or `[auth]` sets it"
)]
#[case(
    "{ Intercom-Version",
    "{ Content-Length = \"0\", Intercom-Version",
    "the connection, the body"
)]
#[case(
    "{ Intercom-Version",
    "{ X-HTTP-Method-Override = \"GET\", Intercom-Version",
    "the method or"
)]
#[case("https://api.intercom.io", "https://{api2.frontapp.com", "not closed")]
#[case("https://api.intercom.io", "https://{id}.intercom.io", "can be no key")]
#[case("bearer = \"{token}\"", "bearer = \"{id}\"", "can be no key")]
#[case("bearer = \"{token}\"", "bearer = \"{token} {more\"", "not closed")]
#[case(
    "bearer = \"{token}\"",
    "client_credentials = { request = \"POST /t\", form = { a = \"{id}\" } }",
    "can be no key"
)]
#[case("GET /me", "GET /", "empty segment")]
#[case("GET /me", "GET /me/", "empty segment")]
#[case("GET /contacts/{id}", "GET /{acct}/contacts/{id}", "only `{id}`")]
#[case(", reset_is = \"epoch\"", "", "needs `reset_is`")]
#[case("reset_is = \"epoch\"", "reset_is = \"milliseconds\"", "milliseconds")]
#[case("says  = \"deletes", "says  = \"\\u001b[2Jdeletes", "on one line")]
#[case("title  = \"Intercom\"", "title  = \"Inter\\ncom\"", "on one line")]
#[case("undo  = \"never\"", "undo  = \"ne\\u202ever\"", "on one line")]
#[case("[limits]", "[limits]\nconcurrency = 1001", "at most 1,000")]
#[case("[limits]", "[limits]\nconcurrency = 0", "a whole number from 1")]
#[case("read     = 20", "read     = 30", "none in the future")]
#[case("[look]\nrequest", "[lock]\nrequest", "unknown field `lock`")]
#[case(
    "[identify]\nrequest = \"GET /me\"\ntenant  = \"/app/id_code\"\n",
    "",
    "write `[identify]`"
)]
#[case("\nstatus = 404\nid", "\nstatus = \"404\"\nid", "a number such as 200")]
#[case(
    "columns = [\"contact_id\", \"intercom_id\"]",
    "columns = \"contact_id\"",
    "in brackets"
)]
#[case(
    "[[answers]]",
    "[[answers]]\nstatus = 404\nequals = { pointer = \"/errors/0\", any = true }\nmeans = \"row.not_found\"\n\n[[answers]]",
    "move this one up"
)]
fn a_broken_file_is_refused_with_its_line(
    #[case] from: &str,
    #[case] to: &str,
    #[case] reason: &str,
) {
    let text = broken(from, to);
    let problem = ProviderFile::parse(&text).unwrap_err();
    assert!(problem.why.contains(reason), "{problem}");
    let lines = text.lines().count();
    assert!((1..=lines).contains(&problem.line), "{problem}");
    let world = World::new();
    world.write("ours.toml", &text);
    world.write("users.csv", "id\n1\n");
    world.configure("[accounts.ours]\nprovider = \"./ours.toml\"\ntoken = \"t\"\n");
    let done = world
        .call(&["plan", "users.csv", "--action", "delete"])
        .code(2);
    done.says(&format!("line {}", problem.line));
}

#[test]
fn an_answer_that_confirms_a_step_otherwise_is_reached_by_its_example() {
    let gone = "{ pointer = \"/errors/0/code\", text = \"gone\" }";
    let rule = format!("[[answers]]\nstatus = 410\nequals = {gone}\nmeans = \"row.deleted\"\n\n");
    let text = broken("[[answers]]", &format!("{rule}[[answers]]"));
    let problem = ProviderFile::parse(&text).unwrap_err();
    assert!(problem.why.contains("no example reaches"), "{problem}");
    let example = "[[replies]]\nto = \"delete\"\nstatus = 410\nid = \"64f0a1b2c3d4e5f6a7b8c9d0\"\n\
                   body = '{\"errors\":[{\"code\":\"gone\"}]}'\nmeans = \"row.deleted\"\n";
    ProviderFile::parse(&format!("{text}\n{example}")).unwrap();
}

#[test]
fn null_is_no_word_of_the_provider() {
    let gorgias = provider("gorgias");
    let step = gorgias.kind().actions()[0].steps()[0];
    for (body, is_known) in [
        (r#"{"error":null}"#, false),
        (r#"{"error":{"msg":"x"}}"#, true),
    ] {
        let reply = Reply {
            status: 404,
            headers: http::HeaderMap::new(),
            body: body.into(),
        };
        let verdict = gorgias.judge(step, &UserId::new("8123456"), &reply);
        assert_eq!(
            matches!(verdict, Verdict::Row(RowEnd::NotFound, _)),
            is_known,
            "{verdict:?}"
        );
    }
}

#[test]
fn a_pattern_is_of_the_whole_id() {
    let text = broken("^[0-9a-f]{24}$", "^[0-9a-f]{24}|[0-9]{3}$");
    let pattern = ProviderFile::parse(&text).unwrap().id_pattern().unwrap();
    assert!(pattern.is_match("123") && pattern.is_match(&"a".repeat(24)));
    for other in ["x123", "1234", &"a".repeat(25)] {
        assert!(!pattern.is_match(other), "{other}");
    }
}

#[test]
fn a_file_that_cannot_be_used_and_a_name_that_is_none_lead_on() {
    let world = World::new();
    world.write("ours.toml", "name = \"ours\"\n");
    world
        .call(&["providers", "./ours.toml"])
        .code(2)
        .says("userpurge help providers");
    world.write("users.csv", "id\n1\n");
    world.configure("[accounts.front]\nprovider = \"front\"\ntoken = \"t\"\n");
    world
        .call(&["plan", "users.csv", "--action", "delete"])
        .code(2)
        .says("or a path such as `./");
}

#[test]
fn an_unknown_user_who_is_answered_like_a_deleted_one_needs_the_look() {
    let text = ProviderFile::shipped_text("auth0").unwrap();
    let text = text.replace("\"auth0\"", "\"ours\"");
    let problem = ProviderFile::parse(&text.replace("look_first = true\n", "")).unwrap_err();
    assert!(problem.why.contains("`look_first = true`"), "{problem}");
    let example =
        "[[replies]]\nto = \"delete\"\nstatus = 204\nid = \"auth0|1\"\nmeans = \"row.not_found\"\n";
    let problem = ProviderFile::parse(&format!("{text}\n{example}")).unwrap_err();
    assert!(
        problem.why.contains("answered like a deleted one"),
        "{problem}"
    );
}

/// The provider of a shipped file, as an account has it.
fn provider(name: &str) -> Box<dyn Provider> {
    use userpurge::config::load_outline;

    let file = ProviderFile::parse(ProviderFile::shipped_text(name).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("userpurge.toml");
    let text = account(&file, name, "https://h.example:8443/p", "secret");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&path, text).unwrap();
    let outline = load_outline(Some(&path), &|_| None).unwrap();
    let mut accounts = outline.read(|_: &AccountName| true, &|_| None).unwrap();
    build(accounts.remove(0).unwrap().provider)
}

/// Path, query and body of a request, decoded where they are encoded.
fn places(request: &Request) -> Vec<String> {
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let path = request.url.path_segments().unwrap().map(decoded);
    let query = request
        .url
        .query_pairs()
        .map(|(_, value)| value.into_owned());
    let body: Value =
        serde_json::from_slice(request.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let body = body
        .as_object()
        .into_iter()
        .flat_map(|it| it.values())
        .filter_map(Value::as_str);
    path.chain(query).chain(body.map(str::to_owned)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_id_stands_in_one_place_alone_and_at_no_other_host(id in "Q7[!-~]{0,36}") {
        let fits = userpurge::provider::check_id(provider("intercom").kind())(&id).is_ok();
        prop_assume!(fits);
        for (name, action, ..) in SHIPPED {
            let provider = provider(name);
            let access = match provider.authorize() {
                userpurge::provider::Authorize::Fixed(access) => access,
                userpurge::provider::Authorize::Token { .. } => userpurge::provider::Access {
                    base: "https://h.example:8443/p".parse().unwrap(),
                    authorization: "Bearer t".parse().unwrap(),
                },
            };
            let action = userpurge::domain::Action::named(action).unwrap();
            let user = UserId::new(id.as_str());
            let mut requests = vec![provider.lookup(&access, LookupFor::UnclearAnswer, std::slice::from_ref(&user))];
            requests.extend(action.steps().iter().map(|step| provider.step(&access, *step, &user)));
            for request in requests {
                prop_assert_eq!(request.url.authority(), "h.example:8443");
                prop_assert!(request.url.path().starts_with("/p/"), "{}", request.url);
                let known = |place: &&String| place.as_str() == id;
                prop_assert_eq!(places(&request).iter().filter(known).count(), 1, "{} {}", name, request.url);
            }
        }
    }
}

#[test]
fn providers_lists_all_prints_one_and_judges_a_file() {
    let world = World::new();
    let all = world.call(&["providers", "--json"]).code(0).out;
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(
        all["providers"].as_array().unwrap().len(),
        3 + SHIPPED.len()
    );
    world.call(&["providers"]).code(0).says("okta (Okta)");
    let printed = world.call(&["providers", "okta"]).code(0).out;
    assert_eq!(
        printed.trim_end(),
        ProviderFile::shipped_text("okta").unwrap().trim_end()
    );
    world.call(&["providers", "oktta"]).code(2).says("`okta`");
    world.write("ours.toml", &printed);
    world
        .call(&["providers", "./ours.toml"])
        .code(0)
        .says("cannot be undone")
        .says("lookup --by email");
    world.write("ours.toml", printed.replace("status = 204", "status = 205"));
    world
        .call(&["providers", "./ours.toml"])
        .code(2)
        .says("line ");
    // What stands behind the most that is read counts as well.
    let long = format!("{printed}\n#{}\nname = 1\n", " ".repeat(1 << 20));
    world.write("ours.toml", long);
    let long = world.call(&["providers", "./ours.toml"]).code(2);
    long.says("is longer than 1048576 bytes");
}

#[test]
fn the_sandbox_serves_a_file_of_ones_own() {
    let world = World::new();
    let text = ProviderFile::shipped_text("gorgias").unwrap();
    world.write("ours.toml", text.replace("\"gorgias\"", "\"ours\""));
    // The last is no id of this provider's.
    world.write(
        "there.csv",
        "order,Customer ID\n91,81\n92,82\n93,83\n94,0\n",
    );
    world.write("users.csv", "id\n81\n82\n84\n");
    let mut child = world.start(&[
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--provider",
        "ours.toml",
        "--users",
        "there.csv",
        "--scale-limits",
        "100",
        "--write-config",
        "its.toml",
    ]);
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut said).unwrap();
    let base = said.trim().strip_prefix("sandbox at ").unwrap().to_owned();
    let config = world.read("its.toml");
    assert!(config.contains("requests = \"40/200ms\""), "{config}");
    let its = |command: &[&str]| {
        let mut args = command.to_vec();
        args.extend(["--config", "its.toml"]);
        world.call(&args)
    };
    its(&["plan", "users.csv", "--action", "delete"])
        .code(0)
        .says("3");
    its(&["run", "users.csv", "--action", "delete", "--yes"]).code(1);
    assert_eq!(world.ends(), ["deleted", "deleted", "not_found"]);
    its(&["verify", LEDGER]).code(0);
    let log: Value = serde_json::from_str(&get(&base, "/_sandbox/requests")).unwrap();
    let users: Value = serde_json::from_str(&get(&base, "/_sandbox/users?provider=ours")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    for (id, state, reads) in [("81", "deleted", 1), ("82", "deleted", 1), ("84", "", 0)] {
        let arrived = log.as_array().unwrap().iter();
        let arrived: Vec<&str> = arrived
            .filter(|entry| entry["user"] == id)
            .map(|entry| entry["step"].as_str().unwrap())
            .collect();
        let count = |step: &str| arrived.iter().filter(|it| **it == step).count();
        assert_eq!((count("delete"), count("read")), (1, reads), "{id}: {log}");
        let mut stands = users.as_array().unwrap().iter();
        let stands = stands.find(|user| user["id"] == id);
        assert_eq!(stands.map_or("", |it| it["state"].as_str().unwrap()), state);
    }
    // Whom no row names still stands, and what is no id of theirs was not taken for one.
    let others = users.as_array().unwrap().iter();
    let others: Vec<&Value> = others.filter(|user| user["state"] == "active").collect();
    assert_eq!(others.len(), 1, "{users}");
    assert_eq!(others[0]["id"], "83");
}

#[test]
fn a_column_that_the_file_names_holds_the_ids_of_its_accounts_alone() {
    let world = world("gorgias", "8123456");
    // Another number stands before it; only the file tells which is meant.
    world.write("users.csv", "order,Customer ID\n81234563,81234561\n");
    world.write(
        "users.jsonl",
        "{\"order\":81234563,\"customer_id\":81234562}\n",
    );
    world.call(&run("users.csv", "gorgias", "delete")).code(0);
    world.call(&run("users.jsonl", "gorgias", "delete")).code(0);
    let arrived = world.arrived().into_iter();
    let deleted = arrived.filter(|(call, _)| *call == Call::Delete);
    let deleted: Vec<String> = deleted.map(|(_, id)| id).collect();
    assert_eq!(deleted, ["81234561", "81234562"]);
    // It protects its ids alone, too.
    let again = "order,customer_id\n81234563,81234561\n";
    world.write("protect.csv", again);
    let protect = ["--protect", "protect.csv"];
    let plan = ["plan", "users.csv", "--action", "delete", "--json"];
    let plan = world.call(&[&plan[..], &protect].concat()).code(1).out;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["protected"], 1, "{plan}");
    world.write("users.csv", "order,Customer ID\n81234561,81234563\n");
    let other = ["run", "users.csv", "--action", "delete", "--yes"];
    world
        .call(&[&other[..], &protect, &["--ledger", "other.jsonl"]].concat())
        .code(0);
    assert_eq!(world.deletions().len(), 3);
    // Where rows may be of an account of another provider, nobody is taken for anybody.
    let gorgias = world.read("userpurge.toml");
    let acme =
        "[accounts.acme]\nprovider = \"zendesk\"\nsubdomain = \"acme\"\noauth_token = \"t\"\n";
    world.configure(&format!("{gorgias}\n{acme}"));
    world
        .call(&["plan", "users.csv", "--action", "delete"])
        .code(2)
        .says("--id-column");
    world
        .call(&plan_of("users.csv"))
        .code(2)
        .says("--id-column");
    // Two columns that may hold them are asked about, as ever.
    world.configure(&gorgias);
    for text in [
        "id,customer_id\n1,81234563\n",
        "customer_id,Customer ID\n81234562,81234563\n",
    ] {
        world.write("two.csv", text);
        let two = world.call(&run("two.csv", "gorgias", "delete")).code(2);
        two.says("--id-column");
    }
    assert_eq!(world.deletions().len(), 3);
}

#[test]
fn what_was_read_by_a_column_that_the_file_names_is_read_so_again() {
    let world = world("gorgias", "8123456");
    world.write("kept.csv", "id\n81234562\n");
    let protected = ["--protect", "kept.csv"];
    for (input, text) in [
        (
            "users.csv",
            "order,Customer ID\n81234563,81234561\n8,81234562\n9,81234569\n",
        ),
        (
            "users.jsonl",
            "{\"order\":1,\"customer_id\":81234563}\n{\"order\":2,\"customer_id\":81234568}\n",
        ),
    ] {
        world.write(input, text);
        let command = run(input, "gorgias", "delete").into_iter();
        let command: Vec<&str> = command.chain(protected).collect();
        world.call(&command).code(1);
        let ledger = format!("{input}.ledger.jsonl");
        let folder = format!("{input}.report");
        world
            .call(&["report", &ledger, "--format", "csv", "--out", &folder])
            .code(0);
        let failed = world.read(&format!("{folder}/failed.csv"));
        // The columns are the admin's own again.
        assert!(failed.starts_with("order,"), "{failed}");
        assert!(failed.contains("not_found"), "{failed}");
        let again = format!("{input}.again.csv");
        world.write(&again, failed);
        world
            .call(&run(&again, "gorgias", "delete"))
            .says("not_found");
    }
    let arrived = world.arrived();
    let kept = arrived.iter().filter(|(_, user)| user == "81234562");
    assert_eq!(kept.count(), 0, "{arrived:?}");
}

#[test]
fn the_example_of_the_help_is_a_whole_file_and_purges() {
    let help = include_str!("../../src/help/providers.md");
    let (_, text) = help.split_once("```toml\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    let file = ProviderFile::parse(text).unwrap();
    let name = file.name.clone();
    let world = World::with(SandboxOptions {
        files: vec![file.into()],
        ..SandboxOptions::default()
    });
    world.seed(json!({&name: [{"id": "41"}, {"id": "42"}]}));
    world.write("ours.provider.toml", text);
    world.write(&format!("{name}.toml"), text);
    world.write("users.csv", "id\n41\n43\n");
    world
        .call(&["providers", "./ours.provider.toml"])
        .code(0)
        .says("deletes the user and their notes");
    configure(&world, &name, "./ours.provider.toml", Sandbox::SECRET);
    world.call(&run("users.csv", &name, "delete")).code(1);
    assert_eq!(world.ends(), ["deleted", "not_found"]);
    let users = world.users();
    let stands = |id: &str| users.iter().find(|it| it.id == id).unwrap().state.clone();
    assert_eq!(
        (stands("41").as_str(), stands("42").as_str()),
        ("deleted", "active")
    );
}

#[test]
fn every_key_of_the_format_stands_in_the_help() {
    let help = include_str!("../../src/help/providers.md");
    let (_, table) = help.split_once("## All keys of a file").unwrap();
    let inline = |key: &str, from: &str| {
        (
            from.to_owned(),
            from.replacen('{', &format!("{{ {key} = 1, "), 1),
        )
    };
    let mut places: Vec<(String, String)> = [
        "[auth]",
        "[look]",
        "[actions.delete]",
        "[[answers]]",
        "[limits]",
        "[ids]",
        "[[replies]]",
    ]
    .map(|place| (place.to_owned(), format!("{place}\nzzz = 1")))
    .into();
    places.push(("name ".to_owned(), "zzz = 1\nname ".to_owned()));
    places.push(inline("zzz", "success = {"));
    let mut known = Vec::new();
    for (from, to) in places {
        let why = ProviderFile::parse(&broken(&from, &to)).unwrap_err().why;
        let (_, keys) = why
            .split_once("expected ")
            .unwrap_or_else(|| panic!("{from}: {why}"));
        known.extend(keys.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    let why = ProviderFile::parse(&broken(
        "headers  = { limit",
        "headers  = { zzz = \"x\", limit",
    ))
    .unwrap_err()
    .why;
    let (_, keys) = why.split_once("the keys are ").unwrap();
    known.extend(keys.split(", ").map(str::to_owned));
    known.extend(["pointer", "id", "text", "number", "any"].map(str::to_owned));
    assert!(known.len() > 40, "{known:?}");
    for key in known {
        let is_told = |line: &str| {
            let cell = line.split('|').nth(1).unwrap_or_default();
            cell.contains(&format!("`{key}`"))
                || cell.contains(&format!("[{key}]"))
                || cell.contains(&format!("[{key}."))
        };
        assert!(table.lines().any(is_told), "{key}");
    }
}

/// What is answered to a read at `base`.
fn get(base: &str, path: &str) -> String {
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
