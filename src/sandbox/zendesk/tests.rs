//! Every documented answer, by table; callers, jobs and limits have files of their own.

mod callers;
mod jobs;
mod limits;

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::support::Support;
use crate::domain::Time;
use crate::sandbox::faults::Fault;
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
use crate::sandbox::route::Route;
use crate::sandbox::seed::ZendeskSeed;
use crate::sandbox::settings::Settings;

const CALLER: u64 = 361_808_000_001;
const OWNER: u64 = 361_808_000_000;
const START: Time = Time::from_millis(1_795_340_600_000);

/// An account with a user of every kind.
struct Bench {
    support: Support,
    settings: Settings,
    now: Time,
}

impl Bench {
    fn new(change: Value) -> Self {
        let settings = Settings::default().changed(change).unwrap();
        let mut support = Support::new("default", &Credentials::default(), &settings, START);
        for (id, state, role, open_tickets) in [
            ("1001", "active", "end-user", 0),
            ("1002", "soft-deleted", "end-user", 0),
            ("1003", "permanently-deleted", "end-user", 0),
            ("1004", "active", "end-user", 2),
            ("1005", "active", "agent", 0),
            ("1006", "active", "light-agent", 0),
            ("1007", "active", "admin", 0),
        ] {
            let seed = ZendeskSeed {
                id: id.to_owned(),
                state: state.to_owned(),
                role: role.to_owned(),
                open_tickets,
            };
            support.seed(&seed, START).unwrap();
        }
        Self {
            support,
            settings,
            now: START,
        }
    }

    fn send(&mut self, method: &str, target: &str) -> Reply {
        let request = Request::new(method, target);
        self.handle(&request.basic("ops@acme.example/token", "sandbox-token"))
    }

    fn handle(&mut self, request: &Request) -> Reply {
        self.support.handle(request, &Route::of(request), self.now)
    }

    fn change(&mut self, change: Value) {
        self.settings = self.settings.changed(change).unwrap();
        self.support.configure(&self.settings, self.now);
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    fn state(&mut self, id: &str) -> (String, u32) {
        let states = self.support.states("default", self.now);
        let user = states.into_iter().find(|user| user.id == id).unwrap();
        (user.state, user.changes)
    }
}

#[rstest]
#[case("GET", "users/1001", 200, "/user/active", json!(true))]
#[case("GET", "users/1001.json", 200, "/user/id", json!(1001))]
#[case("GET", "users/1002", 200, "/user/active", json!(false))]
#[case("GET", "users/1003", 200, "/user/name", json!("Permanently Deleted User"))]
#[case("GET", "users/1003", 200, "/user/active", json!(false))]
#[case("GET", "users/1009", 404, "/error", json!("RecordNotFound"))]
#[case("GET", "users/abc", 400, "/error/title", json!("Invalid attribute"))]
#[case("GET", "users/1005", 200, "/user/role_type", json!(0))]
#[case("GET", "users/1006", 200, "/user/role", json!("agent"))]
#[case("GET", "users/1006", 200, "/user/role_type", json!(1))]
#[case("GET", "users/show_many?ids=1001,1002,1003,1009,1007", 200, "/count", json!(2))]
#[case("DELETE", "users/1001", 200, "/user/active", json!(false))]
#[case("DELETE", "users/1001", 200, "/user/email", Value::Null)]
#[case("DELETE", "users/1001", 200, "/user/external_id", Value::Null)]
#[case("DELETE", "users/1001", 200, "/user/id", json!(1001))]
#[case("DELETE", "users/1002", 422, "/error", json!("RecordInvalid"))]
#[case("DELETE", "users/1003", 422, "/error", json!("RecordInvalid"))]
#[case("DELETE", "users/1004", 422, "/error", json!("RecordInvalid"))]
#[case("DELETE", "users/1009", 404, "/error", json!("RecordNotFound"))]
#[case("DELETE", &format!("users/{OWNER}"), 422, "/error", json!("RecordInvalid"))]
#[case("DELETE", &format!("users/{CALLER}"), 422, "/error", json!("RecordInvalid"))]
#[case("DELETE", "users/", 404, "/error", json!("InvalidEndpoint"))]
#[case("GET", "deleted_users/1002", 200, "/deleted_user/id", json!(1002))]
#[case("GET", "deleted_users/1001", 404, "/error", json!("RecordNotFound"))]
#[case("GET", "deleted_users/1003", 404, "/error", json!("RecordNotFound"))]
#[case("DELETE", "deleted_users/1002", 200, "/deleted_user/active", json!(false))]
#[case("DELETE", "deleted_users/1001", 404, "/error", json!("RecordNotFound"))]
#[case("DELETE", "deleted_users/1003", 404, "/error", json!("RecordNotFound"))]
#[case("DELETE", "deleted_users/1009", 404, "/error", json!("RecordNotFound"))]
#[case("GET", "users/1001/compliance_deletion_statuses", 200, "/compliance_deletion_statuses", json!([]))]
#[case("GET", "users/1009/compliance_deletion_statuses", 404, "/error", json!("RecordNotFound"))]
#[case("GET", "job_statuses/V3-none", 404, "/error", json!("RecordNotFound"))]
#[case("GET", "tickets/1", 404, "/error", json!("InvalidEndpoint"))]
#[case("GET", "users/me.json", 200, "/user/id", json!(CALLER))]
#[case("GET", "users/me", 200, "/user/role", json!("admin"))]
fn a_known_caller_is_answered_so(
    #[case] method: &str,
    #[case] path: &str,
    #[case] status: u16,
    #[case] pointer: &str,
    #[case] value: Value,
) {
    let mut bench = Bench::new(json!({}));
    let reply = bench.send(method, &format!("/api/v2/{path}"));
    assert_eq!(reply.status, status, "{}", reply.value());
    assert_eq!(
        reply.value().pointer(pointer),
        Some(&value),
        "{}",
        reply.value()
    );
}

#[test]
fn deleted_users_are_listed_page_by_page_and_softly_deleted_ones_among_them() {
    let mut bench = Bench::new(json!({}));
    bench.send("DELETE", "/api/v2/users/1001");
    let mut page = |query: &str| {
        let body = bench
            .send("GET", &format!("/api/v2/deleted_users{query}"))
            .value();
        let users = body["deleted_users"].as_array().unwrap();
        let told = |user: &Value| {
            let gone = user["name"] == json!("Permanently Deleted User");
            (user["id"].as_u64().unwrap(), gone)
        };
        let users: Vec<(u64, bool)> = users.iter().map(told).collect();
        (users, body["meta"].clone())
    };
    let (first, meta) = page("?page[size]=2");
    assert_eq!(first, [(1001, false), (1002, false)]);
    assert_eq!(meta, json!({"has_more": true, "after_cursor": "1002"}));
    let (second, meta) = page("?page[size]=2&page[after]=1002");
    assert_eq!(second, [(1003, true)]);
    assert_eq!(meta["has_more"], json!(false));
    assert_eq!(page("").0.len(), 3);
}

#[test]
fn a_purge_goes_through_both_deletions_and_no_further() {
    let mut bench = Bench::new(json!({}));
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1001").status,
        404
    );
    let reply = bench.send("DELETE", "/api/v2/users/1001");
    assert!(reply.status == 200 && reply.effect);
    assert_eq!(bench.state("1001"), ("soft-deleted".to_owned(), 1));
    let repeat = bench.send("DELETE", "/api/v2/users/1001");
    assert!(repeat.status == 422 && !repeat.effect);
    assert!(bench.send("DELETE", "/api/v2/deleted_users/1001").effect);
    assert_eq!(bench.state("1001"), ("permanently-deleted".to_owned(), 2));
    let repeat = bench.send("DELETE", "/api/v2/deleted_users/1001");
    assert!(repeat.status == 404 && !repeat.effect);
}

#[test]
fn the_refusal_of_an_open_ticket_names_the_person() {
    let mut bench = Bench::new(json!({}));
    let body = bench.send("DELETE", "/api/v2/users/1004").value();
    let text = body["details"]["base"][0]["description"].as_str().unwrap();
    assert!(
        text.contains("@customers.example> is requester on 2 ticket(s)"),
        "{text}"
    );
    assert_eq!(bench.state("1004"), ("active".to_owned(), 0));
}

#[test]
fn a_softly_deleted_user_is_deleted_for_good_after_thirty_days() {
    let mut bench = Bench::new(json!({"scale_limits": 30.0}));
    bench.pass(Duration::from_hours(24) - Duration::from_millis(1));
    assert_eq!(bench.state("1002").0, "soft-deleted");
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.state("1002"), ("permanently-deleted".to_owned(), 0));
}

#[test]
fn the_name_may_outlive_its_user_for_a_while() {
    let mut bench = Bench::new(json!({"zendesk": {"rename_delay": "5s"}}));
    bench.send("DELETE", "/api/v2/deleted_users/1002");
    let name =
        |bench: &mut Bench| bench.send("GET", "/api/v2/users/1002").value()["user"]["name"].clone();
    assert_ne!(name(&mut bench), json!("Permanently Deleted User"));
    bench.pass(Duration::from_secs(5));
    assert_eq!(name(&mut bench), json!("Permanently Deleted User"));
}

#[test]
fn the_erasure_of_a_user_is_complete_after_a_while() {
    let mut bench = Bench::new(json!({}));
    bench.send("DELETE", "/api/v2/deleted_users/1002");
    let actions = |bench: &mut Bench| -> Vec<String> {
        let body = bench
            .send("GET", "/api/v2/users/1002/compliance_deletion_statuses")
            .value();
        let entries = body["compliance_deletion_statuses"].as_array().unwrap();
        let action = |entry: &Value| entry["action"].as_str().unwrap().to_owned();
        entries.iter().map(action).collect()
    };
    assert_eq!(actions(&mut bench), ["request_deletion", "started"]);
    bench.pass(Duration::from_secs(30));
    assert_eq!(
        actions(&mut bench),
        ["request_deletion", "started", "complete", "complete"]
    );
}

#[rstest]
#[case("GET", "users/show_many")]
#[case("DELETE", "users/destroy_many")]
#[case("GET", "job_statuses/show_many")]
fn more_than_a_hundred_values_are_too_many(#[case] method: &str, #[case] path: &str) {
    let mut bench = Bench::new(json!({}));
    let ids = |n: u64| {
        let ids: Vec<String> = (1..=n).map(|id| id.to_string()).collect();
        format!("/api/v2/{path}?ids={}", ids.join(","))
    };
    assert_eq!(bench.send(method, &ids(100)).status, 200);
    let reply = bench.send(method, &ids(101));
    assert_eq!(reply.status, 400);
    assert_eq!(reply.value()["error"], json!("TooManyValues"));
    assert_eq!(reply.value()["max_count"], json!(100));
}

#[test]
fn its_own_failures_say_when_to_come_back_where_zendesk_does() {
    let mut bench = Bench::new(json!({}));
    let request = Request::new("DELETE", "/api/v2/users/7");
    for (fault, status, retry_after) in [
        (Fault::Throttle, 429, Some("1")),
        (Fault::Error503, 503, Some("1")),
        (Fault::Error500, 500, None),
    ] {
        let reply = bench.support.refusal(fault, &request, bench.now).unwrap();
        assert_eq!(
            (reply.status, reply.header("retry-after")),
            (status, retry_after)
        );
    }
}

#[rstest]
#[case("x", "active", "end-user")]
#[case("1", "asleep", "end-user")]
#[case("1", "active", "king")]
fn a_user_that_cannot_be_is_not_seeded(#[case] id: &str, #[case] state: &str, #[case] role: &str) {
    let seed = ZendeskSeed {
        id: id.to_owned(),
        state: state.to_owned(),
        role: role.to_owned(),
        open_tickets: 0,
    };
    assert!(Bench::new(json!({})).support.seed(&seed, START).is_err());
}

proptest! {
    #[test]
    fn effects_told_are_changes_kept_and_no_step_is_skipped(
        steps in prop::collection::vec((0_usize..4, 0_usize..3, 0_u64..2_000), 1..60),
    ) {
        let ids = ["1001", "1005", "1006"];
        let mut bench = Bench::new(json!({"scale_limits": 10.0, "zendesk": {"quota": "9/1m"}}));
        let mut changes = [0_u32; 3];
        for (step, user, millis) in steps {
            bench.pass(Duration::from_millis(millis));
            let (method, folder) = [
                ("GET", "users"),
                ("DELETE", "users"),
                ("DELETE", "deleted_users"),
                ("GET", "deleted_users"),
            ][step];
            let before = bench.state(ids[user]).0;
            let reply = bench.send(method, &format!("/api/v2/{folder}/{}", ids[user]));
            let after = bench.state(ids[user]).0;
            prop_assert_eq!(reply.effect, before != after);
            prop_assert!(!reply.effect || reply.status == 200);
            if reply.effect {
                changes[user] += 1;
                let expected = match folder {
                    "users" => ("active", "soft-deleted"),
                    _ => ("soft-deleted", "permanently-deleted"),
                };
                prop_assert_eq!((before.as_str(), after.as_str()), expected);
            }
        }
        for (id, changes) in ids.into_iter().zip(changes) {
            prop_assert_eq!(bench.state(id).1, changes);
        }
    }
}
