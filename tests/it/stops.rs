//! Stops in mid-run, each kind through the program: the lane stops at once, the rest of its rows is
//! pending, other accounts go on, the words say why and what to do, and `resume` finishes.

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::domain::Time;
use userpurge::sandbox::{Call, LogEntry};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::usual::{LEDGER, RUN};
use crate::support::{Done, World, ids, piped, zendesk_that};

/// Rows of the account that is stopped, and of each of the others.
const ROWS: u64 = 120;
const OTHERS: u64 = 40;
/// The row whose request meets the fault.
const AT: u64 = 30;
/// Requests under way at once.
const CONCURRENCY: usize = 4;

const ACCOUNTS: [&str; 3] = ["acme", "chat", "crm"];

fn id(account: &str, row: u64) -> String {
    match account {
        "acme" => (1_000 + row).to_string(),
        "chat" => format!("5fe0a0f0b5e2a4001c8d{row:04}"),
        _ => format!("572576700000042{row:04}"),
    }
}

/// Users at all three providers and a file of them, those of `stopped` most. Zendesk's are deleted
/// for good, each by a request of its own.
fn world(stopped: &str) -> World {
    world_where_acme_does("permanently-delete", stopped)
}

fn world_where_acme_does(action: &str, stopped: &str) -> World {
    let world = World::new();
    world.wide();
    world.settings(json!({"latency": "2ms..10ms"}));
    world.file_of(ACCOUNTS.into_iter().flat_map(|account| {
        let rows = if account == stopped { ROWS } else { OTHERS };
        let action = if account == "acme" { action } else { "delete" };
        (1..=rows).map(move |row| (id(account, row), account, action))
    }));
    world
}

fn run(world: &World, more: &[&str]) -> Done {
    let concurrency = CONCURRENCY.to_string();
    let args = [
        &["run", "users.csv", "--yes", "--concurrency", &concurrency][..],
        more,
    ]
    .concat();
    world.call(&args)
}

fn fault(world: &World, account: &str, fault: &str, times: u32) {
    let planned = json!({"user": id(account, AT), "fault": fault, "times": times});
    let planned = serde_json::from_value(planned).unwrap();
    world
        .sandbox()
        .with(|sandbox, now| sandbox.plan("", planned, now))
        .unwrap();
}

/// Deleting requests of `account`, in the order of their arrival.
fn sent(world: &World, account: &str) -> Vec<LogEntry> {
    let provider = match account {
        "acme" => "zendesk",
        "chat" => "sunco",
        _ => "zoho",
    };
    let mut log = world.deletions();
    log.retain(|call| call.provider.is_some_and(|it| it.name() == provider));
    log
}

/// The lane stopped at an answer of `status`: what arrived had its intent before the stop, and no
/// more of it was unanswered then than may be under way at once. Twice as many intents may stand
/// ahead of their requests; those are taken back.
#[track_caller]
fn nothing_left_after_the_stop(world: &World, account: &str, status: u16) {
    let calls = sent(world, account);
    assert!(calls.iter().any(|call| call.status == Some(status)));
    let mut intents = 0;
    let mut has_stopped = false;
    let mut under_way = std::collections::BTreeSet::new();
    for entry in world.ledger(LEDGER) {
        if entry["account"] != account {
            continue;
        }
        match entry["kind"].as_str().unwrap() {
            "intent" if !has_stopped => {
                intents += 1;
                under_way.insert(entry["row"].as_u64());
            }
            "attempt" if has_stopped && entry["class"] == "held_back" => {
                under_way.remove(&entry["row"].as_u64());
            }
            "attempt" | "outcome" if !has_stopped => {
                under_way.remove(&entry["row"].as_u64());
            }
            "stop" => {
                assert!(under_way.len() <= 3 * CONCURRENCY, "{under_way:?}");
                has_stopped = true;
            }
            _ => {}
        }
    }
    assert!(calls.len() <= intents, "{} of {intents}", calls.len());
    assert!(under_way.len() <= CONCURRENCY, "{under_way:?}");
}

/// What must be true of every stop in mid-run.
#[track_caller]
fn stopped_in_mid_run(world: &World, account: &str, reason: &str, status: u16) {
    nothing_left_after_the_stop(world, account, status);
    stopped_with_rows_left(world, account, reason);
}

/// The account's lane stopped, the others went on to their ends.
fn stopped_with_rows_left(world: &World, account: &str, reason: &str) {
    let outcomes = world.outcomes(LEDGER);
    for other in ACCOUNTS.iter().filter(|other| **other != account) {
        let done = outcomes
            .values()
            .filter(|row| row["account"] == **other && row["outcome"] == "deleted");
        assert_eq!(done.count() as u64, OTHERS, "{other} goes on to its end");
    }
    let ended = outcomes.values().filter(|row| row["account"] == account);
    let ended: Vec<_> = ended.collect();
    assert!(ended.iter().all(|row| row["outcome"] == "deleted"));
    assert!(
        (ended.len() as u64) < ROWS,
        "its other rows have no outcome"
    );
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "stopped");
    assert_eq!(
        status["outcomes"]["pending"],
        ROWS - ended.len() as u64,
        "{status}"
    );
    let stops = status["stops"].as_array().unwrap();
    assert_eq!(stops.len(), 1, "{status}");
    assert_eq!(stops[0]["account"], account);
    assert_eq!(stops[0]["reason"], reason);
}

/// Resumes, and nobody's deletion is sent twice after it was answered well.
#[track_caller]
fn resumed_to_the_end(world: &World) {
    world.call(&["resume", LEDGER]).code(0);
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "finished");
    assert_eq!(status["stops"], json!([]));
    assert_eq!(status["outcomes"]["deleted"], ROWS + 2 * OTHERS, "{status}");
    let effects: Vec<_> = world
        .deletions()
        .into_iter()
        .filter(|call| call.effect)
        .collect();
    let users: std::collections::BTreeSet<_> =
        effects.iter().map(|call| call.user.clone()).collect();
    assert_eq!(effects.len() as u64, ROWS + 2 * OTHERS);
    assert_eq!(users.len(), effects.len(), "nobody twice");
    let answered_well = |call: &&LogEntry| call.status == Some(200);
    assert_eq!(
        world.deletions().iter().filter(answered_well).count(),
        effects.len(),
        "nothing that was answered was asked again"
    );
}

#[rstest]
#[case::zendesk_key(
    "acme",
    "unauthorized",
    1,
    401,
    "credentials_rejected",
    "Couldn't authenticate you"
)]
#[case::sunco_key(
    "chat",
    "unauthorized",
    1,
    401,
    "credentials_rejected",
    "unauthorized, Authorization is required"
)]
#[case::zoho_token(
    "crm",
    "unauthorized",
    5,
    401,
    "credentials_rejected",
    "INVALID_TOKEN, invalid oauth token"
)]
#[case::zendesk_right(
    "acme",
    "forbidden",
    1,
    403,
    "not_permitted",
    "You do not have access to this page"
)]
#[case::sunco_scope("chat", "forbidden", 1, 403, "not_permitted", "forbidden, Forbidden")]
#[case::zoho_right(
    "crm",
    "forbidden",
    1,
    403,
    "not_permitted",
    "NO_PERMISSION, permission denied (Crm_Implied_Manage_Users)"
)]
#[case::zendesk_bill("acme", "payment", 1, 402, "payment_required", "PaymentRequired")]
#[case::sunco_bill(
    "chat",
    "payment",
    1,
    402,
    "payment_required",
    "payment_required, Upgrade to use this feature"
)]
#[case::zoho_bill("crm", "payment", 1, 402, "payment_required", "PAYMENT_REQUIRED")]
#[case::zendesk_path(
    "acme",
    "wrong-path",
    1,
    404,
    "wrong_tenant",
    "InvalidEndpoint, Not found"
)]
#[case::sunco_app(
    "chat",
    "wrong-path",
    1,
    404,
    "wrong_tenant",
    "app_not_found, App not found"
)]
#[case::zoho_path("crm", "wrong-path", 1, 404, "wrong_tenant", "INVALID_URL_PATTERN")]
fn an_answer_that_condemns_the_account_stops_its_lane_alone(
    #[case] account: &str,
    #[case] what: &str,
    #[case] times: u32,
    #[case] status: u16,
    #[case] reason: &str,
    #[case] words: &str,
) {
    let world = world(account);
    fault(&world, account, what, times);
    let mend = match reason {
        "credentials_rejected" => "check this account's credentials",
        "not_permitted" => "give the caller the right",
        "payment_required" => "plan and invoices",
        _ => "check this account's address",
    };
    run(&world, &[])
        .code(3)
        .says(&format!("(HTTP {status}, "))
        .says(words)
        .says(mend)
        .says(&format!("userpurge resume {LEDGER}"));
    stopped_in_mid_run(&world, account, reason, status);
    resumed_to_the_end(&world);
}

#[test]
fn an_org_wide_cap_stops_the_lane_and_resume_goes_on_once_it_is_lifted() {
    let world = world("crm");
    world.settings(json!({"zoho": {"deletion_cap": AT}}));
    run(&world, &[])
        .code(3)
        .says("RESTRICT_USER_DELETION_FOR_THE_ORG")
        .says("ask the provider's support to lift the cap");
    let refused = sent(&world, "crm");
    let refused = refused.iter().filter(|call| call.status == Some(403));
    assert!(refused.count() <= CONCURRENCY);
    let status = world.status(LEDGER);
    assert_eq!(status["stops"][0]["reason"], "org_cap");
    // No row failed, so a retry finds none; but the run has not reached its end.
    let retry = ["retry", LEDGER, "--yes"];
    world.call(&retry).code(3).says("userpurge resume");
    world.settings(json!({"zoho": {"deletion_cap": null}}));
    resumed_to_the_end(&world);
}

/// Zoho tells what is left of its credits, so its refusal is not run into.
#[test]
fn zohos_credits_of_the_day_stop_the_lane_before_a_request_is_refused() {
    let world = world("crm");
    // Who we are, the organisation, and some rows.
    world.settings(json!({"zoho": {"credits": "40/24h"}}));
    run(&world, &[])
        .code(3)
        .says("requests are left of the day's quota");
    let sent = sent(&world, "crm");
    assert!(sent.iter().all(|call| call.status == Some(200)));
    // Reads cost credits, too. What may be under way at once is left.
    let mut used = world.sandbox().log(None);
    used.retain(|it| it.provider.is_some_and(|it| it.name() == "zoho") && it.step != Call::Token);
    let used = used.len();
    assert!((40 - CONCURRENCY..=40).contains(&used), "{used}");
    stopped_with_rows_left(&world, "crm", "quota_gone");
    world.settings(json!({"zoho": {"credits": "1000000/24h"}}));
    resumed_to_the_end(&world);
}

#[rstest]
#[case("acme", "Number of allowed API requests per day exceeded")]
#[case("chat", "Too many requests")]
#[case("crm", "RATE_LIMIT_EXCEEDED")]
fn a_wait_of_most_of_a_day_stops_the_lane_and_resume_sends_nothing_before_it_is_over(
    #[case] account: &str,
    #[case] words: &str,
) {
    let world = world(account);
    fault(&world, account, "long-wait", 1);
    run(&world, &[])
        .code(3)
        .says("asks for 72,000 seconds")
        .says("nothing is sent until 20")
        .says(words);
    stopped_in_mid_run(&world, account, "quota_gone", 429);
    let pauses = |world: &World| {
        let ledger = world.ledger(LEDGER);
        ledger
            .iter()
            .filter(|entry| entry["kind"] == "pause")
            .count()
    };
    assert_eq!(pauses(&world), 1, "the next process has to know");

    let before = world.sandbox().log(None).len();
    let lines = world.ledger(LEDGER).len();
    world
        .call(&["resume", LEDGER])
        .code(3)
        .says("nothing is sent until 20")
        .says("nothing was sent to it");
    assert_eq!(
        world.sandbox().log(None).len(),
        before,
        "not even who we are"
    );
    assert_eq!(world.ledger(LEDGER).len(), lines);
    assert_eq!(world.status(LEDGER)["stops"][0]["reason"], "quota_gone");
}

/// A server whose first deletion asks for a wait until a date of its own, ten hours off.
struct UntilADate;

impl Respond for UntilADate {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        ResponseTemplate::new(429)
            .insert_header("date", "Sun, 22 Nov 2026 09:00:00 GMT")
            .insert_header("retry-after", "Sun, 22 Nov 2026 19:00:00 GMT")
    }
}

#[test]
fn other_accounts_go_on_at_a_resume_while_one_has_to_wait() {
    let world = world("chat");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(zendesk_that(UntilADate));
    world.ask_acme_at(&server.uri());
    // Both stop: one for ten hours, the other for something that is mended.
    fault(&world, "chat", "forbidden", 1);
    run(&world, &[]).code(3).says("asks for 36,000 seconds");
    assert_eq!(world.status(LEDGER)["stops"].as_array().unwrap().len(), 2);

    let asked = runtime.block_on(server.received_requests()).unwrap().len();
    world
        .call(&["resume", LEDGER])
        .code(3)
        .says("nothing was sent to it");
    let asked_now = runtime.block_on(server.received_requests()).unwrap().len();
    assert_eq!(asked_now, asked, "not even who we are");
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "stopped");
    assert_eq!(status["outcomes"]["pending"], OTHERS);
    assert_eq!(status["stops"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["stops"][0]["account"], "acme");
    assert_eq!(
        sent(&world, "chat").iter().filter(|it| it.effect).count() as u64,
        ROWS
    );
}

#[test]
fn roles_that_cannot_be_asked_stop_the_lane_before_anybody_unknown_is_deleted() {
    let world = world_where_acme_does("delete", "acme");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let me = json!({"user": {"id": 9, "name": "Ops", "role": "admin", "active": true}});
        let many = || Mock::given(path("/api/v2/users/show_many"));
        Mock::given(path("/api/v2/users/me"))
            .respond_with(ResponseTemplate::new(200).set_body_json(me))
            .mount(&server)
            .await;
        many()
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"users": []})))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        many()
            .respond_with(ResponseTemplate::new(500))
            .mount(&server)
            .await;
        let nobody = json!({"error": "RecordNotFound", "description": "Not found"});
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(404).set_body_json(nobody))
            .mount(&server)
            .await;
        Mock::given(method("DELETE"))
            .respond_with(|request: &Request| {
                let id = request.url.path().rsplit('/').next().unwrap();
                let id: u64 = id.trim_end_matches(".json").parse().unwrap();
                ResponseTemplate::new(200)
                    .set_body_json(json!({"user": {"id": id, "active": false}}))
            })
            .mount(&server)
            .await;
        server
    });
    world.ask_acme_at(&server.uri());
    run(&world, &["--attempts", "1"])
        .code(3)
        .says("whether users are protected could not be asked")
        .says("check the network and the right to read users");
    let requests = runtime.block_on(server.received_requests()).unwrap();
    let deleted = requests.iter().filter(|it| it.method.as_str() == "DELETE");
    assert!(deleted.count() <= 100, "only those who were asked about");
    let status = world.status(LEDGER);
    assert_eq!(status["stops"][0]["reason"], "roles_unknown");
    assert_eq!(
        status["outcomes"]["deleted"].as_u64().unwrap()
            + status["outcomes"]["pending"].as_u64().unwrap(),
        ROWS + 2 * OTHERS
    );
}

#[test]
fn too_many_refusals_stop_the_lane_and_a_resume_counts_anew() {
    let world = world("acme");
    let users: Vec<Value> = (1..=ROWS)
        .map(|row| json!({"id": id("acme", row), "state": "active"}))
        .collect();
    world.seed(json!({"zendesk": users}));
    run(&world, &[])
        .code(3)
        .says("50 of the last 50 rows failed, were refused or have no answer; the limit is 50 of the last 1000")
        .says("look at the failed rows first");
    let refused = |world: &World| {
        world.status(LEDGER)["outcomes"]["refused"]
            .as_u64()
            .unwrap()
    };
    let first = refused(&world);
    assert!((50..50 + CONCURRENCY as u64).contains(&first), "{first}");
    world
        .call(&["resume", LEDGER, "--max-failures", "100%"])
        .code(3);
    assert!(refused(&world) >= first + 50);
}

#[test]
fn a_run_of_unknown_users_stops_as_a_wrong_account_and_resume_goes_on() {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=54);
    world.write("users.csv", ids(31..=130));
    world
        .call(&[&RUN[..], &["--concurrency", "1"]].concat())
        .code(3)
        .says("wrong account or stale file?")
        .says("compare the rows that ended `not_found`");
    let status = world.status(LEDGER);
    assert_eq!(status["stops"][0]["reason"], "not_found_run");
    // The 24 who are there count as soon as that is seen: more than half are unknown at the 25th.
    let first = status["outcomes"]["not_found"].as_u64().unwrap();
    assert!((25..=27).contains(&first), "{first}");
    assert_eq!(status["outcomes"]["pending"], 100 - first);
    world.call(&["resume", LEDGER]).code(3);
    let second = world.status(LEDGER)["outcomes"]["not_found"]
        .as_u64()
        .unwrap();
    assert!(second >= first + 21, "counted anew: {second}");
}

/// Whoever is not there ends at once, and the others when their job has ended: that is no wrong account.
#[test]
fn unknown_users_whose_rows_end_before_the_job_of_the_others_stop_nothing() {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=360);
    world.write("users.csv", ids(1..=400));
    let purge = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "purge",
        "--yes",
    ];
    world.call(&purge).code(1);
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["not_found"], 40);
    assert_eq!(status["outcomes"]["deleted"], 360);
}

const CANARY: [&str; 2] = ["--canary", "5"];

#[test]
fn a_good_canary_lets_the_others_follow_and_is_kept_in_the_ledger() {
    let world = world("acme");
    run(&world, &CANARY)
        .code(0)
        .says("A canary goes first: 5 rows of each account");
    for account in ACCOUNTS {
        let calls = sent(&world, account);
        let first: Vec<_> = calls[..5].iter().filter_map(|it| it.user.clone()).collect();
        for row in 1..=5 {
            assert!(first.contains(&id(account, row)), "{account} {first:?}");
        }
    }
    assert_eq!(world.ledger(LEDGER)[0]["options"]["canary"], 5);
}

#[test]
fn a_bad_canary_stops_its_account_alone_and_the_next_resume_sends_another() {
    let world = world("acme");
    let third = json!({"id": id("acme", 3), "state": "active"});
    let eighth = json!({"id": id("acme", 8), "state": "active"});
    world.seed(json!({"zendesk": [third, eighth]}));
    run(&world, &CANARY)
        .code(3)
        .says("1 of the first 5 rows not done, first line 4: refused")
        .says("look at that row first");
    assert_eq!(sent(&world, "acme").len(), 5);
    let status = world.status(LEDGER);
    assert_eq!(status["stops"][0]["reason"], "canary_failed");
    assert_eq!(
        status["outcomes"]["deleted"],
        4 + 2 * OTHERS,
        "others went on"
    );

    // Four ended well, which is no canary of five: the next five, of which the third is refused.
    world
        .call(&["resume", LEDGER])
        .code(3)
        .says("first line 9: refused");
    assert_eq!(sent(&world, "acme").len(), 10);

    // Eight ended well: the account is past its canary.
    world.call(&["resume", LEDGER]).code(1);
    assert_eq!(sent(&world, "acme").len() as u64, ROWS);
    assert_eq!(world.status(LEDGER)["outcomes"]["refused"], 2);
}

/// A zone in which it is `HH:MM:00`, to the second, so many seconds from now. The offset has
/// seconds of its own, so that the test need not wait for the next minute.
pub(crate) fn zone_where_the_minute_ends_in(secs: i64) -> (String, String) {
    let now = Time::now().as_millis() / 1_000;
    // The local time of that instant shall be 12:00:00.
    let of_day = (now + secs).rem_euclid(86_400);
    let ahead = 12 * 3_600 - of_day;
    // POSIX counts westward.
    let sign = if ahead > 0 { "-" } else { "" };
    let ahead = ahead.abs();
    let zone = format!(
        "ODD{sign}{:02}:{:02}:{:02}",
        ahead / 3_600,
        ahead / 60 % 60,
        ahead % 60
    );
    (zone, "12:00".to_owned())
}

#[test]
fn at_the_time_of_until_no_row_is_begun_and_resume_goes_on() {
    let world = world("acme");
    world.limit_acme("requests = \"10/1s\"");
    let (zone, until) = zone_where_the_minute_ends_in(6);
    let mut command = world.command(&["run", "users.csv", "--yes", "--until", &until]);
    let done = world.finish(piped(command.env("TZ", zone)));
    done.code(3)
        .says("As --until asks, no row is begun after")
        .says("stopped at 12:00 as --until asked")
        .says("resume goes on where it stopped")
        .says(&format!("userpurge resume {LEDGER}"));
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "stopped");
    assert_eq!(status["stops"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["stops"][0]["reason"], "until_reached");
    let sent = sent(&world, "acme").len() as u64;
    assert!(sent < ROWS, "{sent}");
    assert_eq!(
        status["outcomes"]["deleted"],
        sent + 2 * OTHERS,
        "each that left was recorded, and other accounts were done"
    );
    assert!(world.ledger(LEDGER)[0]["options"]["until"].is_null());
    world.configure(&world.config());
    resumed_to_the_end(&world);
    assert!(world.calls(Call::PermanentlyDelete).len() as u64 >= ROWS);
}

#[rstest]
#[case("24:00")]
#[case("7:5")]
#[case("noon")]
fn a_time_that_is_none_is_refused_with_words(#[case] until: &str) {
    let world = world("acme");
    run(&world, &["--until", until])
        .code(2)
        .says("from 00:00 to 23:59");
    assert!(world.sandbox().log(None).is_empty());
}

#[test]
fn a_plan_says_when_it_stops_and_what_goes_first() {
    let world = world("acme");
    world
        .call(&["plan", "users.csv", "--until", "00:00", "--canary", "3"])
        .code(0)
        .says("As --until asks, no row is begun after")
        .says("A canary goes first: 3 rows of each account");
}
