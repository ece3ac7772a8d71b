//! Quotas at real sockets: a server that keeps a strict window refuses nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use std::fmt::Write as _;
use userpurge::domain::{AccountLimits, Time};
use userpurge::lane::limits::{Limits, Wait};
use userpurge::sandbox::Call;
use wiremock::{Request, Respond, ResponseTemplate};

use crate::support::usual::{LEDGER, PERMANENTLY, RUN, id, run};
use crate::support::{World, client, ids, zendesk_that};

fn strict(mode: &str) {
    let world = World::of_soft_deleted(350);
    world.settings(json!({
        "quota_mode": mode,
        "latency": "1ms..30ms",
        "zendesk": {"permanent_quota": "70/6s"},
    }));
    let config = world.config().replacen(
        "permanently-delete = \"100000/1s\"",
        "permanently-delete = \"70/6s\"",
        1,
    );
    world.configure(&config);
    world.call(&PERMANENTLY).code(0);
    let calls = world.calls(Call::PermanentlyDelete);
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    assert_eq!((calls.len(), refused), (350, 0));
    assert_eq!(world.status(LEDGER)["throttled"], 0);
}

#[test]
fn seventy_in_six_seconds_and_a_rolling_window_refuses_none_of_350() {
    strict("rolling");
}

#[test]
fn seventy_in_six_seconds_and_a_fixed_window_refuses_none_of_350() {
    strict("fixed");
}

/// The sandbox's own headers say less than the configuration: the lower limit is kept.
#[test]
fn a_limit_that_the_server_states_lowers_ours() {
    let world = World::of_users(60);
    world.settings(json!({"zendesk": {"quota": "100/1m", "permanent_quota": "1000/1m"}}));
    world.call(&RUN).code(0);
    assert!(
        world
            .calls(Call::Delete)
            .iter()
            .all(|call| call.status != Some(429))
    );
}

#[test]
fn a_lane_that_waits_for_its_quota_holds_no_other_up() {
    let world = World::new();
    world.wide();
    let acme = (1..=20).map(|n| (id("acme", n), "acme", "delete"));
    let chat = (1..=100).map(|n| (id("chat", n), "chat", "delete"));
    world.file_of(acme.chain(chat));
    // Twenty rows, who we are and their roles: four spans for the one, no wait for the other.
    world.limit_acme("requests = \"6/2s\"");
    world.call(&["run", "users.csv", "--yes"]).code(0);
    let log = world.deletions();
    let last_chat = log
        .iter()
        .filter(|call| call.path.contains("/apps/"))
        .map(|it| it.at)
        .max();
    let last_acme = log
        .iter()
        .filter(|call| !call.path.contains("/apps/"))
        .map(|it| it.at)
        .max();
    assert!(last_chat < last_acme);
    let acme = world.calls(Call::Delete);
    let gone = acme
        .iter()
        .filter(|call| call.effect && !call.path.contains("/apps/"))
        .count();
    assert_eq!(gone, 20);
}

/// Every call that any provider refused because of its pace.
fn refused(world: &World) -> usize {
    let log = world.sandbox().log(None);
    log.iter().filter(|call| call.status == Some(429)).count()
}

/// Processes are killed in mid-window, with deletions and reads under way; the next one comes at
/// once. Strict windows of two providers, one rolling and one of an endpoint beside it.
fn killed(mode: &str) {
    let world = World::new();
    world.wide();
    world.settings(json!({
        "quota_mode": mode,
        "latency": "1ms..40ms",
        "zendesk": {"quota": "80/2s", "permanent_quota": "30/2s"},
        "sunco": {"quota": "30/2s"},
    }));
    // Every deletion and every look at a chat user is a request of its own.
    world.file_of((1..=100).flat_map(|n| {
        [
            (id("acme", n), "acme", "permanently-delete"),
            (id("chat", n), "chat", "delete"),
        ]
    }));
    let config = world
        .config()
        .replacen("requests = \"100000/1s\"", "requests = \"80/2s\"", 1)
        .replacen("requests = \"100000/1s\"", "requests = \"30/2s\"", 1)
        .replacen("= \"100000/1s\"", "= \"30/2s\"", 1);
    assert_eq!(config.matches("30/2s").count(), 2);
    world.configure(&config);
    let mut args = vec!["run", "users.csv", "--yes"];
    for deleted in [20, 75, 130] {
        let mut child = world.start(&args);
        world.until("so many were deleted", || {
            world.deletions().len() >= deleted
        });
        child.kill().unwrap();
        child.wait().unwrap();
        args = vec!["resume", LEDGER];
    }
    world.call(&args).code(0);
    assert_eq!(refused(&world), 0, "deleting, {mode}");
    let mut child = world.start(&["verify", LEDGER]);
    let before = world
        .sandbox()
        .with(|it, _| it.last().map_or(0, |it| it.seq));
    world.until("some were looked at", || {
        world
            .sandbox()
            .with(|it, _| it.last().map_or(0, |it| it.seq))
            >= before + 20
    });
    child.kill().unwrap();
    child.wait().unwrap();
    world.call(&["verify", LEDGER]);
    assert_eq!(refused(&world), 0, "verifying, {mode}");
    let gone = world.deletions().into_iter().filter(|call| call.effect);
    assert_eq!(gone.count(), 200);
}

#[test]
fn killed_in_mid_window_and_resumed_at_once_a_rolling_window_refuses_none() {
    killed("rolling");
}

#[test]
fn killed_in_mid_window_and_resumed_at_once_a_fixed_window_refuses_none() {
    killed("fixed");
}

/// A client of somebody else's at the same Zendesk, which keeps to `quota` for itself: how many of
/// its requests were answered, and how many of those refused, until `done` says so.
async fn somebody_else(base: String, quota: &str, done: &AtomicBool) -> (usize, usize) {
    let spec = AccountLimits {
        concurrency: 8.try_into().unwrap(),
        requests: quota.parse().unwrap(),
        steps: Vec::new(),
        share: 1.0,
        many: None,
        asked_alone: None,
    };
    let mut limits = Limits::new(&spec, &[], tokio::time::Instant::now().into_std());
    let client = client();
    let (mut answered, mut refused) = (0, 0);
    while !done.load(Ordering::SeqCst) {
        let permit = match limits.take(None, tokio::time::Instant::now().into_std()) {
            Ok(permit) => permit,
            Err(Wait::Until(at)) => {
                tokio::time::sleep_until(at.into()).await;
                continue;
            }
            Err(other) => panic!("{other:?}"),
        };
        let request = client
            .get(format!("{base}/api/v2/users/me.json"))
            .basic_auth("ops@acme.example/token", Some("sandbox-token"));
        let reply = request.send().await.unwrap();
        answered += 1;
        refused += usize::from(reply.status().as_u16() == 429);
        limits.count(&permit, Some(tokio::time::Instant::now().into_std()));
        limits.over(true, tokio::time::Instant::now().into_std());
    }
    (answered, refused)
}

/// `share` leaves the rest of the quota to a client that uses all of it, and neither is refused.
#[test]
fn a_share_leaves_the_rest_to_another_client_which_is_never_refused() {
    for mode in ["rolling", "fixed"] {
        let world = World::of_soft_deleted(60);
        world.settings(json!({
            "quota_mode": mode,
            "latency": "1ms..20ms",
            "zendesk": {"quota": "40/2s"},
        }));
        world.limit_acme("requests = \"40/2s\"\nshare = 0.5");
        let done = AtomicBool::new(false);
        let base = world.base();
        let (answered, refused_them) = std::thread::scope(|scope| {
            let them = scope.spawn(|| {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(somebody_else(base, "20/2s", &done))
            });
            let ours = world.call(&PERMANENTLY);
            done.store(true, Ordering::SeqCst);
            ours.code(0);
            them.join().unwrap()
        });
        assert_eq!((refused_them, refused(&world)), (0, 0), "{mode}");
        // It went on all the time: its own quota, span for span.
        assert!(answered >= 60, "{mode}: {answered}");
        assert_eq!(world.deletions().len(), 60);
    }
}

/// What others have used before we came is seen in the headers, and left alone.
#[test]
fn what_others_have_used_is_seen_in_the_headers() {
    let world = World::of_soft_deleted(50);
    world.settings(json!({"zendesk": {"quota": "40/4s"}}));
    world.limit_acme("requests = \"40/4s\"\nconcurrency = 1");
    world.block_on(async {
        let client = client();
        for _ in 0..25 {
            let request = client
                .get(format!("{}/api/v2/users/me.json", world.base()))
                .basic_auth("ops@acme.example/token", Some("sandbox-token"));
            assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
        }
    });
    world.call(&PERMANENTLY).code(0);
    assert_eq!(refused(&world), 0);
    assert_eq!(world.deletions().len(), 50);
}

/// A plan that allows more than the configuration uses is named once, after the run.
#[test]
fn a_higher_limit_than_configured_is_suggested_in_the_closing_words() {
    for (stated, is_suggested) in [("700/1m", true), ("400/1m", false)] {
        let world = World::of_soft_deleted(5);
        world.settings(json!({"zendesk": {"quota": stated}}));
        world.limit_acme("requests = \"400/1m\"");
        let done = world.call(&PERMANENTLY).code(0);
        let words = "note: Zendesk Support allows `acme` 700/1m, and userpurge keeps to 400/1m; to take all, \
                     write `limits = { requests = \"700/1m\" }` below `[accounts.acme]`";
        let said = done.err.matches(words).count();
        assert_eq!(said, usize::from(is_suggested), "{}", done.err);
    }
}

/// Answers deletions: first "too many requests" with a wait, later with a deletion. It notes when
/// each arrived.
#[derive(Clone, Default)]
struct Deletions {
    arrived: Arc<Mutex<Vec<Time>>>,
    open: Arc<AtomicBool>,
}

const RETRY_AFTER_SECS: i64 = 6;

impl Respond for Deletions {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.arrived.lock().unwrap().push(Time::now());
        if !self.open.load(Ordering::SeqCst) {
            let wait = RETRY_AFTER_SECS.to_string();
            return ResponseTemplate::new(429).insert_header("retry-after", wait.as_str());
        }
        let id: u64 = request
            .url
            .path()
            .rsplit('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        ResponseTemplate::new(200).set_body_json(json!({"user": {"id": id, "active": false}}))
    }
}

/// A server that asks for a wait is obeyed by the next process too.
#[test]
fn a_wait_that_a_server_asked_for_outlives_the_process() {
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deletions = Deletions::default();
    let server = runtime.block_on(zendesk_that(deletions.clone()));
    world.ask_at(&server.uri());
    world.write("users.csv", ids(1..=3));
    let mut child = world.start(&RUN);
    world.until("it was told to wait", || {
        world.path(LEDGER).exists()
            && world
                .ledger(LEDGER)
                .iter()
                .any(|entry| entry["kind"] == "pause")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = deletions.arrived.lock().unwrap().clone();
    deletions.open.store(true, Ordering::SeqCst);
    world.call(&["resume", LEDGER]).code(0);
    let arrived = deletions.arrived.lock().unwrap().clone();
    let first = refused.first().unwrap().as_millis();
    for time in &arrived[refused.len()..] {
        let waited = time.as_millis() - first;
        assert!(
            waited >= RETRY_AFTER_SECS * 1_000,
            "{waited} ms after it was told to wait"
        );
    }
    assert_eq!(arrived.len() - refused.len(), 3);
}

/// Two accounts of one tenant that keeps `quota`, with 48 users, and what each says of its limit.
fn two_accounts(quota: &str, [one, two]: [&str; 2]) -> World {
    let world = World::new();
    world.settings(json!({"zendesk": {"quota": quota}, "latency": "1ms..20ms"}));
    world.zendesk_users(1..=48);
    let account = |name: &str, requests: &str| {
        format!(
            "[accounts.{name}]\nprovider = \"zendesk\"\nbase_url = \"{}\"\n\
             email = \"ops@acme.example\"\napi_token = \"sandbox-token\"\n\
             [accounts.{name}.limits]\nrequests = \"{requests}\"\n",
            world.base()
        )
    };
    world.configure(&format!("{}{}", account("one", one), account("two", two)));
    let mut text = "id,account,action\n".to_owned();
    for id in 1..=48 {
        let name = if id % 2 == 0 { "one" } else { "two" };
        writeln!(text, "{id},{name},delete").unwrap();
    }
    world.write("users.csv", text);
    world
}

/// The tenant counts what both accounts send.
#[test]
fn two_accounts_at_one_tenant_share_its_quota() {
    let world = two_accounts("20/2s", ["20/2s", "20/2s"]);
    world.call(&["run", "users.csv", "--yes"]).code(0);
    assert_eq!((refused(&world), world.deletions().len()), (0, 48));
}

/// The next process counts what both have sent in the limit that only one of them has.
#[test]
fn a_limit_of_one_of_two_accounts_at_a_tenant_outlives_the_process() {
    let world = two_accounts("20/4s", ["400/1s", "20/4s"]);
    let mut child = world.start(&["run", "users.csv", "--yes"]);
    world.until("some were deleted", || world.deletions().len() >= 8);
    child.kill().unwrap();
    child.wait().unwrap();
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(refused(&world), 0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 48);
}

/// One of two accounts at a tenant has nothing left to do: what it sent just before still counts. Sunshine
/// Conversations does not say what is left, so nobody learns it from an answer.
#[test]
fn who_has_sent_all_at_a_tenant_counts_for_who_goes_on_there() {
    let world = World::new();
    world.settings(json!({"sunco": {"quota": "20/3s"}, "latency": "1ms..20ms"}));
    world.file_of((1..=48).map(|n| (id("chat", n), "chat", "delete")));
    let text = world.read("users.csv");
    world.write("users.csv", text.replacen(",chat,", ",more,", 12));
    let config = world.config();
    let chat = config.find("[accounts.chat]").unwrap()..config.find("[accounts.crm]").unwrap();
    let chat = config[chat].replace("\"100000/1s\"", "\"20/3s\"\nconcurrency = 2");
    world.configure(&format!(
        "{chat}{}",
        chat.replace("accounts.chat", "accounts.more")
    ));
    let mut child = world.start(&["run", "users.csv", "--yes"]);
    world.until("some were deleted", || !world.deletions().is_empty());
    world.until("the second account's rows have ended", || {
        let ledger = world.read(LEDGER);
        let ended = |line: &&str| {
            line.contains("\"kind\":\"outcome\"") && line.contains("\"account\":\"more\"")
        };
        ledger.lines().filter(ended).count() == 12
    });
    child.kill().unwrap();
    child.wait().unwrap();
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(refused(&world), 0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 48);
}

/// A world with `rows` users of Zoho's, all in `users.csv`.
fn zoho_users(rows: u64) -> World {
    let ids = (1_001..=1_000 + rows).map(|n| format!("57257670000005{n:05}"));
    World::of_ids("zoho", ids)
}

const OF_ZOHO: [&str; 7] = run("users.csv", "crm", "delete");

/// Zoho takes five requests at once, and the configuration has 32: what begins together is refused
/// once, then the lane does with five. Every row is deleted.
#[test]
fn where_a_provider_takes_fewer_at_once_the_lane_does_with_as_many() {
    let world = zoho_users(400);
    world.settings(json!({"latency": "5ms..25ms", "zoho": {"concurrency": 5}}));
    let requests = "refresh_token = \"1000.sandbox-refresh\"\n[accounts.crm.limits]\n";
    let config = world
        .config()
        .replace(requests, &format!("{requests}concurrency = 32\n"));
    world.configure(&config);
    world.call(&OF_ZOHO).code(0);
    let refused = refused(&world);
    assert!((1..=64).contains(&refused), "{refused}");
    let gone = world.deletions().into_iter().filter(|call| call.effect);
    assert_eq!(gone.count(), 400);
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], 400);
    assert_eq!(status["throttled"], refused);
    let pauses = world.ledger(LEDGER);
    let pauses = pauses.iter().filter(|entry| entry["kind"] == "pause");
    assert_eq!(pauses.count(), 0, "nobody waits for the others");
}

/// The day's credits go to somebody else in the middle of a run: Zoho's refusal stops the account, its
/// rows are left for another day, and nothing is sent to it in vain.
#[test]
fn credits_that_are_gone_stop_the_account_and_leave_its_rows_for_resume() {
    let world = zoho_users(200);
    world.settings(json!({"latency": "10ms..30ms"}));
    let child = world.start(&OF_ZOHO);
    world.until("some were deleted", || world.deletions().len() >= 12);
    world.settings(json!({"zoho": {"credits": "10/24h"}}));
    let done = world.finish(child).code(3);
    let log = world.deletions();
    let refused = log.iter().filter(|call| call.status == Some(429)).count();
    assert!((1..=4).contains(&refused), "as many as may be under way");
    let gone = log.iter().filter(|call| call.effect).count();
    assert!((12..200).contains(&gone), "{gone}");
    let ledger = world.ledger(LEDGER);
    let stop = ledger.iter().find(|entry| entry["kind"] == "stop").unwrap();
    assert_eq!(stop["reason"], "quota_gone");
    assert_eq!(stop["code"], "RATE_LIMIT_EXCEEDED");
    let status = world.status(LEDGER);
    assert_eq!(status["outcomes"]["deleted"], gone);
    assert_eq!(status["outcomes"]["pending"], 200 - gone);
    done.says("API rate limit exceeded");
    world.settings(json!({"zoho": {"credits": "1000000/24h"}}));
    world.call(&["resume", LEDGER]).code(0);
    let gone = world.deletions().into_iter().filter(|call| call.effect);
    assert_eq!(gone.count(), 200);
}

/// A refusal states the limit as any other answer does: what is lower than configured is kept to from
/// then on.
#[test]
fn a_limit_that_only_a_refusal_states_is_learned() {
    let world = World::of_soft_deleted(120);
    world.settings(json!({
        "latency": "1ms..10ms",
        "zendesk": {"permanent_quota": "20/1s"},
    }));
    world.call(&PERMANENTLY).code(0);
    let refused = refused(&world);
    assert!(refused <= 20, "{refused} were refused");
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 120);
}
