//! Zoho's primary contact, whom only the organisation tells, and only to whom it may: protected where
//! it does, and left to Zoho's own refusal where it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::sandbox::LogEntry;

use crate::support::World;
use crate::support::raw::{After, Raw, answer};

const LEDGER: &str = "crm.ids.ledger.jsonl";
const ORG: &str = "/crm/v8/org";

/// The row that is the primary contact's, and all rows.
const PRIMARY: u64 = 3;
const ROWS: u64 = 5;

const RUN: [&str; 7] = [
    "run",
    "crm.ids",
    "--account",
    "crm",
    "--action",
    "delete",
    "--yes",
];

/// What is said where the organisation does not tell.
const NOTE: &str = "crm: Zoho CRM does not say who the primary contact is, which takes the scope \
                    ZohoCRM.org.READ; they are not protected here, but Zoho itself refuses to delete \
                    them";

fn id(n: u64) -> String {
    format!("5725767000000{:06}", 412_000 + n)
}

fn world() -> World {
    let world = World::new();
    world.wide();
    let kind = |n| match n {
        PRIMARY => "primary_contact",
        _ => "regular",
    };
    let users: Vec<_> = (1..=ROWS)
        .map(|n| json!({"id": id(n), "kind": kind(n)}))
        .collect();
    world.seed(json!({ "zoho": users }));
    let rows: String = (1..=ROWS).map(|n| id(n) + "\n").collect();
    world.write("crm.ids", rows);
    world
}

/// With the scope that reads the organisation, or without.
fn scope(world: &World, has_it: bool) {
    let mut scopes = vec!["ZohoCRM.users.READ", "ZohoCRM.users.DELETE"];
    scopes.extend(has_it.then_some("ZohoCRM.org.READ"));
    world.settings(json!({"zoho": {"scopes": scopes}}));
}

/// How the primary contact's row ended, and with what code.
fn end(world: &World) -> (String, String) {
    let entry = &world.outcomes(LEDGER)[&PRIMARY];
    let text = |field: &str| entry[field].as_str().unwrap().to_owned();
    (text("outcome"), text("code"))
}

fn protected() -> (String, String) {
    ("protected".to_owned(), "protected_role".to_owned())
}

fn refused() -> (String, String) {
    ("refused".to_owned(), "INVALID_REQUEST".to_owned())
}

/// How often the primary contact's deletion arrived.
fn deletions(world: &World) -> usize {
    let log = world.deletions();
    log.iter()
        .filter(|call| call.concerns(&id(PRIMARY)))
        .count()
}

/// What the organisation was asked, by the answers' status.
fn asked(world: &World) -> Vec<Option<u16>> {
    let is_org = |call: &LogEntry| call.path == ORG;
    let log = world.sandbox().log(None);
    log.iter()
        .filter(|call| is_org(call))
        .map(|call| call.status)
        .collect()
}

#[test]
fn where_the_organisation_tells_the_primary_contact_nothing_is_sent_for_them() {
    let world = world();
    scope(&world, true);
    let done = world.call(&RUN).code(1);
    assert!(!done.err.contains("primary contact"), "{}", done.err);
    assert_eq!(end(&world), protected());
    assert_eq!(deletions(&world), 0);
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], ROWS - 1);
    assert_eq!(asked(&world), [Some(200)], "once");
    // Counted and written down as any other read.
    assert_eq!(status["requests"], world.sandbox().log(None).len() - 1);
    let entries = world.ledger(LEDGER);
    let reads: Vec<_> = entries
        .iter()
        .filter(|entry| entry["kind"] == "request")
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(reads, ["identity", "principal", "roles"]);
    // Nothing of theirs is kept but the id in the row.
    let text = world.read(LEDGER);
    assert!(!text.contains("600412003") && !text.contains('@'), "{text}");
}

#[test]
fn without_the_scope_the_run_goes_on_and_zoho_refuses_them() {
    let world = world();
    scope(&world, false);
    let done = world.call(&RUN).code(1).says(NOTE);
    assert_eq!(done.err.matches("primary contact").count(), 1);
    assert_eq!(end(&world), refused());
    assert_eq!(deletions(&world), 1);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS - 1);
    assert_eq!(asked(&world), [Some(401)], "once, and not again");
}

#[test]
fn a_retry_protects_them_once_the_scope_is_there_and_an_included_role_sends_them() {
    let world = world();
    scope(&world, false);
    world.call(&RUN).code(1);
    scope(&world, true);
    let retry = ["retry", LEDGER, "--yes", "--only"];
    world.call(&[&retry[..], &["refused"]].concat()).code(1);
    assert_eq!(end(&world), protected());
    let retry = [&retry[..], &["protected"]].concat();
    world.call(&retry).code(1);
    assert_eq!(end(&world), protected());
    assert_eq!(deletions(&world), 1, "that of the run");
    let told = asked(&world).len();
    let included = ["--include-role", "Primary-Contact"];
    world.call(&[&retry[..], &included].concat()).code(1);
    assert_eq!(end(&world), refused());
    assert_eq!(deletions(&world), 2);
    assert_eq!(asked(&world).len(), told, "nobody is to be known");
}

/// Roles cannot be read at first, so that `resume` is the first to meet the primary contact.
#[rstest]
#[case(true, protected(), 0)]
#[case(false, refused(), 1)]
fn a_resume_asks_anew(#[case] has_it: bool, #[case] ended: (String, String), #[case] sent: usize) {
    let world = world();
    let sandbox = world.sandbox().addr();
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let front = Raw::start(move |heard, wire| {
        if heard.is_roles() && !well.load(Ordering::SeqCst) {
            wire.send(answer("500 Internal Server Error", &[], ""));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.configure(&world.config().replace(&world.base(), &front.base()));
    scope(&world, !has_it);
    world
        .call(&[&RUN[..], &["--attempts", "1"]].concat())
        .code(3);
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], ROWS);
    is_well.store(true, Ordering::SeqCst);
    scope(&world, has_it);
    let done = world.call(&["resume", LEDGER]).code(1);
    let noted = done.err.contains("primary contact");
    assert_eq!(noted, !has_it, "{}", done.err);
    assert_eq!(end(&world), ended);
    assert_eq!(deletions(&world), sent);
    assert_eq!(asked(&world).len(), 2, "once by each process");
}

#[rstest]
#[case(true, "protected 1 line 3")]
#[case(false, "still there 5")]
fn a_live_dry_run_knows_them_as_a_run_does(#[case] has_it: bool, #[case] said: &str) {
    let world = world();
    scope(&world, has_it);
    let live = [&RUN[..6], &["--dry-run", "--live"]].concat();
    world.call(&live).code(0).says(said);
    // Alone as well, when one read might tell how they stand but not who they are.
    world.write("crm.ids", id(PRIMARY));
    let said = if has_it {
        "protected 1 line 1"
    } else {
        "still there 1"
    };
    world.call(&live).code(0).says(said);
    assert_eq!(world.deletions().len(), 0);
}

/// Nobody is deleted by these, or nobody of Zoho's.
#[test]
fn nobody_is_asked_who_it_is_where_it_decides_nothing() {
    let world = world();
    world.zendesk_users([1]);
    world.write("users.csv", "id\n1\n");
    let run = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
    ];
    world.call(&[&run[..], &["--yes"]].concat()).code(0);
    world
        .call(&["plan", "crm.ids", "--account", "crm", "--action", "delete"])
        .code(0);
    let included = ["--include-role", "primary-contact"];
    world.call(&[&RUN[..], &included].concat()).code(1);
    assert_eq!(end(&world), refused());
    world.call(&["verify", LEDGER]).code(0);
    assert!(asked(&world).is_empty());
}

#[test]
fn check_says_what_the_scope_is_for_where_it_is_missing() {
    let world = world();
    let warnings = || {
        let done = world.call(&["check", "--json"]).code(0);
        let told: Value = serde_json::from_str(&done.out).unwrap();
        told["accounts"]["crm"]["warnings"].clone()
    };
    assert_eq!(warnings(), json!([]));
    scope(&world, false);
    let said = NOTE.strip_prefix("crm: ").unwrap();
    assert_eq!(warnings(), json!([said]));
    world
        .call(&["check"])
        .code(0)
        .says(&format!("warning: {said}"));
}

/// The sandbox behind a server that answers for the organisation with `status` and `body`.
fn behind(status: &'static str, body: &'static str) -> (World, Raw) {
    let world = world();
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        if heard.is_org() {
            wire.send(answer(status, &[], body));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.configure(&world.config().replace(&world.base(), &front.base()));
    (world, front)
}

#[rstest]
#[case("307 Temporary Redirect", "")]
#[case(
    "401 Unauthorized",
    "{\"code\":\"INVALID_TOKEN\",\"message\":\"invalid oauth token\"}"
)]
#[case(
    "402 Payment Required",
    "{\"code\":\"PAYMENT_REQUIRED\",\"message\":\"pay\"}"
)]
fn an_answer_that_condemns_the_account_ends_the_run_before_it_began(
    #[case] status: &'static str,
    #[case] body: &'static str,
) {
    let (world, front) = behind(status, body);
    let done = world.call(&[&RUN[..], &["--attempts", "1"]].concat());
    done.code(2)
        .says("account `crm`")
        .says("nothing was deleted");
    assert!(!world.path(LEDGER).exists());
    assert!(front.heard().iter().all(|heard| !heard.is_deletion()));
}

#[rstest]
#[case("404 Not Found", "")]
#[case("204 No Content", "")]
#[case("200 OK", "{\"org\":[]}")]
#[case("200 OK", "<html></html>")]
#[case("500 Internal Server Error", "")]
#[case("200 OK", "{\"org\":[{\"primary_zuid\":null}]}")]
#[case(
    "403 Forbidden",
    "{\"code\":\"NO_PERMISSION\",\"message\":\"permission denied\"}"
)]
fn where_there_is_nothing_to_be_told_the_run_goes_on(
    #[case] status: &'static str,
    #[case] body: &'static str,
) {
    let (world, _front) = behind(status, body);
    let run = [&RUN[..], &["--attempts", "1"]].concat();
    world.call(&run).code(1).says(NOTE);
    assert_eq!(end(&world), refused());
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], ROWS - 1);
}
