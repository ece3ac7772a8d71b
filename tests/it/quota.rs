//! Quotas at real sockets: a server that keeps a strict window refuses nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use std::fmt::Write as _;
use userpurge::domain::{Time, WallClock};
use userpurge::sandbox::Call;
use wiremock::{Request, Respond, ResponseTemplate};

use crate::support::{World, ids, zendesk_that};

fn strict(mode: &str) {
    let world = World::new();
    world.settings(json!({
        "quota_mode": mode,
        "latency": "1ms..30ms",
        "zendesk": {"quota": "1000000/1m", "permanent_quota": "70/6s"},
    }));
    let users: Vec<_> = (1..=350)
        .map(|id| json!({"id": id.to_string(), "state": "soft-deleted"}))
        .collect();
    world.seed(json!({"zendesk": users}));
    world.write("users.csv", ids(1..=350));
    let config = world.config().replacen(
        "permanently-delete = \"100000/1s\"",
        "permanently-delete = \"70/6s\"",
        1,
    );
    world.configure(&config);
    let args = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "permanently-delete",
        "--yes",
    ];
    world.call(&args).code(0);
    let calls = world.calls(Call::PermanentlyDelete);
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    assert_eq!((calls.len(), refused), (350, 0));
    assert_eq!(world.status("users.csv.ledger.jsonl")["throttled"], 0);
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
    let world = World::new();
    world.settings(json!({"zendesk": {"quota": "100/1m", "permanent_quota": "1000/1m"}}));
    world.zendesk_users(1..=60);
    world.write("users.csv", ids(1..=60));
    world
        .call(&[
            "run",
            "users.csv",
            "--account",
            "acme",
            "--action",
            "delete",
            "--yes",
        ])
        .code(0);
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
    world.zendesk_users(1..=20);
    let sunco: Vec<_> = (1..=100)
        .map(|n| json!({"id": format!("5fe0a0f0b5e2a4001c8d{n:04}")}))
        .collect();
    world.seed(json!({"sunco": sunco}));
    let mut text = "id,account,action\n".to_owned();
    for n in 1..=20 {
        writeln!(text, "{n},acme,delete").unwrap();
    }
    for n in 1..=100 {
        writeln!(text, "5fe0a0f0b5e2a4001c8d{n:04},chat,delete").unwrap();
    }
    world.write("users.csv", text);
    // Twenty rows, who we are and their roles: four spans for the one, no wait for the other.
    let config = world
        .config()
        .replacen("requests = \"100000/1s\"", "requests = \"6/2s\"", 1);
    world.configure(&config);
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
        self.arrived.lock().unwrap().push(WallClock::system().now());
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
    world.configure(&world.config().replace(&world.base(), &server.uri()));
    world.write("users.csv", ids(1..=3));
    let args = [
        "run",
        "users.csv",
        "--account",
        "acme",
        "--action",
        "delete",
        "--yes",
    ];
    let mut child = world.start(&args);
    world.until("it was told to wait", || {
        world.path("users.csv.ledger.jsonl").exists()
            && world
                .ledger("users.csv.ledger.jsonl")
                .iter()
                .any(|entry| entry["kind"] == "pause")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = deletions.arrived.lock().unwrap().clone();
    deletions.open.store(true, Ordering::SeqCst);
    world.call(&["resume", "users.csv.ledger.jsonl"]).code(0);
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

/// The tenant counts what both accounts send.
#[test]
fn two_accounts_at_one_tenant_share_its_quota() {
    let world = World::new();
    world.settings(json!({"zendesk": {"quota": "20/2s"}, "latency": "1ms..20ms"}));
    world.zendesk_users(1..=48);
    let account = |name: &str| {
        format!(
            "[accounts.{name}]\nprovider = \"zendesk\"\nbase_url = \"{}\"\n\
             email = \"ops@acme.example\"\napi_token = \"sandbox-token\"\n\
             [accounts.{name}.limits]\nrequests = \"20/2s\"\n",
            world.base()
        )
    };
    world.configure(&format!("{}{}", account("one"), account("two")));
    let mut text = "id,account,action\n".to_owned();
    for id in 1..=48 {
        let name = if id % 2 == 0 { "one" } else { "two" };
        writeln!(text, "{id},{name},delete").unwrap();
    }
    world.write("users.csv", text);
    world.call(&["run", "users.csv", "--yes"]).code(0);
    let log = world.sandbox().log(None);
    assert!(
        log.iter().all(|call| call.status != Some(429)),
        "one was refused"
    );
    assert_eq!(world.deletions().len(), 48);
}
