//! Waits that servers ask for: how a person gets past one that is a mistake, who else heeds them, and
//! what a wrong clock makes of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use userpurge::domain::Time;
use wiremock::{MockServer, Request, Respond, ResponseTemplate};

use crate::support::shifted::Clock;
use crate::support::usual::{LEDGER, PERMANENTLY, RUN};
use crate::support::{Done, World, ids, zendesk_that};

/// The user whom a server that turns deletions away first says that it is busy with.
const FAILS: u64 = 777;

/// Turns deletions away with `headers` until it is open, and notes when each arrived.
#[derive(Clone, Default)]
struct Deletions {
    status: u16,
    headers: Vec<(&'static str, String)>,
    arrived: Arc<Mutex<Vec<Time>>>,
    open: Arc<AtomicBool>,
}

impl Respond for Deletions {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.arrived.lock().unwrap().push(Time::now());
        if !self.open.load(Ordering::SeqCst) {
            let is_first = self.arrived.lock().unwrap().len() == 1;
            if is_first && request.url.path().contains(&FAILS.to_string()) {
                return ResponseTemplate::new(409);
            }
            let refusal = ResponseTemplate::new(self.status);
            return self.headers.iter().fold(refusal, |refusal, (name, value)| {
                refusal.insert_header(*name, value.as_str())
            });
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

/// A Zendesk that turns deletions away, and an account there with three rows.
struct Turned {
    world: World,
    deletions: Deletions,
    server: MockServer,
    /// What serves.
    runtime: Runtime,
}

impl Turned {
    fn away(status: u16, headers: &[(&'static str, String)]) -> Self {
        let deletions = Deletions {
            status,
            headers: headers.to_vec(),
            ..Deletions::default()
        };
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(zendesk_that(deletions.clone()));
        let world = World::new();
        world.ask_at(&server.uri());
        world.write("users.csv", ids(1..=3));
        world.write("more.csv", ids(4..=6));
        Self {
            world,
            deletions,
            server,
            runtime,
        }
    }

    /// Away with a wait of so many seconds.
    fn for_secs(secs: &str) -> Self {
        Self::away(429, &[("retry-after", secs.to_owned())])
    }

    fn arrived(&self) -> usize {
        self.deletions.arrived.lock().unwrap().len()
    }

    /// Every request that arrived.
    fn requests(&self) -> usize {
        let requests = self.runtime.block_on(self.server.received_requests());
        requests.unwrap().len()
    }

    fn opens(&self) {
        self.deletions.open.store(true, Ordering::SeqCst);
    }

    /// Does what a message says: the command between backticks that ignores pauses.
    fn does_as_told(&self, done: &Done) -> Done {
        let all = format!("{}{}", done.out, done.err);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = all
            .split('`')
            .find(|part| part.ends_with("--ignore-pauses"));
        let told = told.unwrap_or_else(|| panic!("no command is named in\n{all}"));
        let words: Vec<&str> = told.split(' ').collect();
        assert_eq!(words[0], "userpurge");
        self.world.call(&words[1..])
    }
}

/// A Unix time where seconds are meant, and a proxy's word.
#[rstest]
#[case(429, "1795340600")]
#[case(503, "99999999999999")]
fn a_time_far_ahead_is_got_past_as_the_message_says(#[case] status: u16, #[case] wait: &str) {
    let turned = Turned::away(status, &[("retry-after", wait.to_owned())]);
    let world = &turned.world;
    let stopped = world.call(&RUN).code(3);
    assert!(stopped.err.contains("--ignore-pauses"), "{}", stopped.err);
    let before = turned.requests();
    let held = world.call(&["resume", LEDGER]).code(3);
    assert_eq!(turned.requests(), before, "nothing is sent");
    assert!(held.err.contains("more than a day"), "{}", held.err);
    turned.opens();
    turned.does_as_told(&held).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
    // It was said once and for all.
    world.call(&["resume", LEDGER]).code(0);
}

/// The first run meets another error, so that there is a row to try again.
#[test]
fn retry_gets_past_a_time_far_ahead_too() {
    let turned = Turned::for_secs("1795340600");
    let world = &turned.world;
    world.write("users.csv", ids([FAILS]));
    world
        .call(&[&RUN[..], &["--attempts", "1"]].concat())
        .code(1);
    let retry = ["retry", LEDGER, "--yes"];
    world.call(&retry).code(3);
    let before = turned.requests();
    let held = world.call(&retry).code(3);
    assert_eq!(turned.requests(), before, "nothing is sent");
    turned.opens();
    turned.does_as_told(&held).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 1);
}

/// A row that has no try left tells of the wait all the same, and is not the one to pay for it.
#[test]
fn a_wait_that_the_last_try_is_told_of_holds() {
    let turned = Turned::for_secs("7200");
    let world = &turned.world;
    world
        .call(&[&RUN[..], &["--attempts", "1"]].concat())
        .code(3);
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], 3);
    assert!(turned.arrived() <= 3);
    let before = turned.requests();
    world.call(&["resume", LEDGER]).code(3);
    assert_eq!(turned.requests(), before, "nothing is sent");
}

/// What stops the first run goes to the person who reads its end.
#[test]
fn the_command_in_a_runs_closing_words_goes_past_it() {
    let turned = Turned::for_secs("1795340600");
    let stopped = turned.world.call(&RUN).code(3);
    turned.opens();
    turned.does_as_told(&stopped).code(0);
}

#[test]
fn a_run_that_names_the_ledger_heeds_its_waits() {
    let turned = Turned::for_secs("7200");
    let world = &turned.world;
    world.call(&RUN).code(3);
    turned.opens();
    let before = turned.requests();
    let mut more = RUN;
    more[1] = "more.csv";
    let more = [&more[..], &["--done-in", LEDGER]].concat();
    let held = world.call(&more).code(2);
    assert_eq!(turned.requests(), before, "not even who we are is asked");
    assert!(!world.path("more.csv.ledger.jsonl").exists());
    turned.does_as_told(&held).code(0);
    assert!(turned.arrived() >= 4);
}

/// The wait is the tenant's, not the account's name's.
#[test]
fn a_run_at_another_tenant_does_not_heed_them() {
    let turned = Turned::for_secs("7200");
    let world = &turned.world;
    world.call(&RUN).code(3);
    world.zendesk_users(4..=6);
    world.configure(&world.config());
    let mut more = RUN;
    more[1] = "more.csv";
    world
        .call(&[&more[..], &["--done-in", LEDGER]].concat())
        .code(0);
    assert_eq!(world.deletions().len(), 3);
}

#[test]
fn a_run_that_names_the_ledger_counts_what_it_sent() {
    let world = World::of_soft_deleted(80);
    world.settings(json!({
        "quota_mode": "rolling",
        "latency": "1ms..5ms",
        "zendesk": {"quota": "100/5s"},
    }));
    world.limit_acme("requests = \"100/5s\"");
    world.write("users.csv", ids(1..=40));
    world.write("more.csv", ids(41..=80));
    world.call(&PERMANENTLY).code(0);
    let mut more = PERMANENTLY;
    more[1] = "more.csv";
    world
        .call(&[&more[..], &["--done-in", LEDGER]].concat())
        .code(0);
    let log = world.sandbox().log(None);
    let refused = log.iter().filter(|call| call.status == Some(429)).count();
    assert_eq!((refused, world.deletions().len()), (0, 80));
}

/// The clock was a day ahead when a server asked for a few seconds.
#[test]
fn a_clock_that_was_set_back_makes_no_pause_longer() {
    let turned = Turned::for_secs("4");
    let world = &turned.world;
    let mut child = world.start(&RUN);
    world.until("it was told to wait", || {
        world.path(LEDGER).exists() && !pauses(world).is_empty()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let day = Duration::from_hours(24);
    world.written_when(LEDGER, Clock::Ahead(day));
    turned.opens();
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
}

fn pauses(world: &World) -> Vec<Value> {
    let mut ledger = world.ledger(LEDGER);
    ledger.retain(|entry| entry["kind"] == "pause");
    ledger
}

/// The clock jumps ahead by a year while nobody is at work: what was sent a moment ago still counts.
#[test]
fn a_clock_that_jumped_ahead_empties_no_window() {
    for days in [0, 365] {
        let world = World::of_soft_deleted(120);
        world.settings(json!({
            "quota_mode": "rolling",
            "latency": "1ms..10ms",
            "zendesk": {"quota": "50/4s"},
        }));
        world.limit_acme("requests = \"50/4s\"");
        let mut child = world.start(&PERMANENTLY);
        world.until("some are gone", || world.deletions().len() >= 15);
        child.kill().unwrap();
        child.wait().unwrap();
        let by = Duration::from_hours(24 * days) + Duration::from_secs(20);
        world.written_when(LEDGER, Clock::Behind(by));
        world.call(&["resume", LEDGER]).code(0);
        let log = world.sandbox().log(None);
        let refused = log.iter().filter(|call| call.status == Some(429)).count();
        assert_eq!(refused, 0, "{days} days");
    }
}

#[test]
fn a_date_to_wait_for_counts_where_the_answers_own_date_cannot_be_read() {
    const SECS: u64 = 5;
    let now = u64::try_from(Time::now().as_millis()).unwrap();
    let until = UNIX_EPOCH + Duration::from_millis(now) + Duration::from_secs(SECS + 1);
    let until = httpdate::fmt_http_date(until);
    let headers = [
        ("retry-after", until.clone()),
        ("date", "yesterday".to_owned()),
    ];
    let turned = Turned::away(429, &headers);
    let world = &turned.world;
    let child = world.start(&[&RUN[..], &["--concurrency", "1"]].concat());
    world.until("it was told to wait", || turned.arrived() >= 1);
    turned.opens();
    world.finish(child).code(0);
    let until = httpdate::parse_http_date(&until).unwrap();
    let until = until.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let arrived = turned.deletions.arrived.lock().unwrap().clone();
    let second = u128::try_from(arrived[1].as_millis()).unwrap();
    assert!(second + 1_000 >= until, "{second} is before {until}");
}
