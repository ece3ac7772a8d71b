//! Every documented answer, by table.

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::support::Support;
use crate::domain::Time;
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
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
        self.support.handle(request, self.now)
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

// ---- Callers ------------------------------------------------------------------------------------

#[rstest]
#[case("admin", 200, 200, 200, 200)]
#[case("agent-managing-users", 200, 200, 403, 200)]
#[case("agent", 403, 403, 403, 200)]
#[case("end-user", 403, 403, 403, 403)]
fn what_a_caller_may_do_goes_by_the_role(
    #[case] role: &str,
    #[case] delete: u16,
    #[case] permanently: u16,
    #[case] many: u16,
    #[case] read: u16,
) {
    let mut bench = Bench::new(json!({"zendesk": {"caller_role": role}}));
    for (method, path, status) in [
        ("GET", "users/me", 200),
        ("GET", "users/1001", read),
        ("DELETE", "users/destroy_many?ids=1005", many),
        ("DELETE", "users/1001", delete),
        ("DELETE", "deleted_users/1002", permanently),
    ] {
        let reply = bench.send(method, &format!("/api/v2/{path}"));
        assert_eq!(reply.status, status, "{role} {path}");
        if status == 403 {
            assert_eq!(reply.value()["error"]["title"], json!("Forbidden"));
        }
    }
}

#[test]
fn wrong_basic_credentials_are_an_anonymous_user_and_a_401_elsewhere() {
    let mut bench = Bench::new(json!({}));
    for request in [
        Request::new("GET", "/api/v2/users/me.json"),
        Request::new("GET", "/api/v2/users/me.json").basic("ops@acme.example/token", "wrong"),
        Request::new("GET", "/api/v2/users/me.json").basic("ops@acme.example", "sandbox-token"),
    ] {
        let reply = bench.handle(&request);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.value()["user"]["id"], Value::Null);
        assert_eq!(reply.value()["user"]["name"], json!("Anonymous user"));
    }
    let reply = bench.handle(&Request::new("DELETE", "/api/v2/users/1001"));
    assert_eq!(reply.status, 401);
    assert_eq!(reply.value()["error"], json!("Couldn't authenticate you"));
}

#[test]
fn a_bad_bearer_token_is_a_401_everywhere() {
    let mut bench = Bench::new(json!({}));
    for path in ["/api/v2/users/me", "/api/v2/users/1001"] {
        let request = Request::new("GET", path);
        let reply = bench.handle(&request.clone().with("authorization", "Bearer wrong"));
        assert_eq!(reply.status, 401);
        assert_eq!(reply.value()["error"], json!("invalid_token"));
        let header = reply.header("www-authenticate").unwrap();
        assert!(header.contains("error=\"invalid_token\""));
        let good = bench.handle(&request.with("authorization", "Bearer sandbox-oauth"));
        assert_eq!(good.status, 200);
    }
}

fn token_request(change: &Value) -> Request {
    let mut body = json!({
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "scope": "read write",
    });
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    Request::new("POST", "/oauth/tokens").body(&body.to_string())
}

#[rstest]
#[case(json!({}), 200, "token_type", json!("bearer"))]
#[case(json!({}), 200, "expires_in", json!(1800))]
#[case(json!({"expires_in": 7200}), 200, "expires_in", json!(7200))]
#[case(json!({"expires_in": 300}), 400, "error", json!("invalid_request"))]
#[case(json!({"client_secret": "wrong"}), 401, "error", json!("invalid_client"))]
#[case(json!({"grant_type": "password"}), 400, "error", json!("unsupported_grant_type"))]
fn tokens_are_handed_out_so(
    #[case] change: Value,
    #[case] status: u16,
    #[case] field: &str,
    #[case] value: Value,
) {
    let reply = Bench::new(json!({})).handle(&token_request(&change));
    assert_eq!(reply.status, status);
    assert_eq!(reply.value()[field], value);
}

#[test]
fn a_token_may_die_before_its_time() {
    let mut bench = Bench::new(json!({"token_lifetime": "2s"}));
    let token = bench.handle(&token_request(&json!({}))).value()["access_token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let request = Request::new("GET", "/api/v2/users/me").with("authorization", &bearer);
    assert_eq!(bench.handle(&request).status, 200);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.handle(&request).status, 401);
}

#[test]
fn a_token_of_too_small_a_scope_reads_and_does_not_delete() {
    let mut bench = Bench::new(json!({}));
    let reply = bench.handle(&token_request(&json!({"scope": "users:read"})));
    let bearer = format!("Bearer {}", reply.value()["access_token"].as_str().unwrap());
    let mut status = |method: &str| {
        let request = Request::new(method, "/api/v2/users/1001");
        bench.handle(&request.with("authorization", &bearer)).status
    };
    assert_eq!((status("GET"), status("DELETE")), (200, 403));
}

// ---- Limits -------------------------------------------------------------------------------------

#[test]
fn every_answer_carries_request_id_and_rate_headers() {
    let mut bench = Bench::new(json!({}));
    for (method, path) in [
        ("GET", "/api/v2/users/1001"),
        ("DELETE", "/api/v2/users/1009"),
        ("GET", "/api/v2/nothing"),
    ] {
        let reply = bench.send(method, path);
        assert!(reply.header("x-request-id").is_some());
        assert_eq!(reply.header("x-rate-limit"), Some("700"));
        assert_eq!(reply.header("ratelimit-limit"), Some("700"));
        assert!(reply.header("ratelimit-reset").is_some());
    }
    let reply = bench.send("DELETE", "/api/v2/deleted_users/1002");
    assert_eq!(reply.header("x-rate-limit-remaining"), Some("696"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("696"));
    assert_eq!(
        reply.header("zendesk-ratelimit-deleted-users-destroy"),
        Some("total=700; remaining=699; resets=600")
    );
}

#[test]
fn over_the_account_limit_nothing_happens_and_retry_after_rounds_up() {
    let mut bench = Bench::new(json!({"zendesk": {"quota": "2/1m"}}));
    bench.send("GET", "/api/v2/users/1001");
    bench.pass(Duration::from_millis(500));
    bench.send("GET", "/api/v2/users/1001");
    let reply = bench.send("DELETE", "/api/v2/users/1001");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(bench.state("1001"), ("active".to_owned(), 0));
    bench.pass(Duration::from_millis(59_500));
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001").status, 200);
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001").status, 429);
}

#[test]
fn permanent_deletions_have_a_limit_of_their_own_that_failures_count_towards() {
    let mut bench = Bench::new(json!({"zendesk": {"permanent_quota": "2/10m"}}));
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1009").status,
        404
    );
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1001").status,
        404
    );
    let reply = bench.send("DELETE", "/api/v2/deleted_users/1002");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("600"));
    assert_eq!(
        reply.header("zendesk-ratelimit-deleted-users-destroy"),
        Some("total=2; remaining=0; resets=600")
    );
    // The account's own budget is far from empty.
    assert_eq!(reply.header("x-rate-limit-remaining"), Some("697"));
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001").status, 200);
    bench.change(json!({"zendesk": {"permanent_quota": "3/10m"}}));
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1002").status,
        200
    );
}

// ---- Jobs ---------------------------------------------------------------------------------------

const ALL_KINDS: &str = "1001,1002,1003,1004,1005,1006,1007,1009,abc";

#[test]
fn a_job_is_queued_then_works_item_by_item_then_completes_with_failures_inside() {
    let mut bench = Bench::new(json!({}));
    let target = format!("/api/v2/users/destroy_many.json?ids={ALL_KINDS}");
    let reply = bench.send("DELETE", &target);
    assert!(reply.status == 200 && reply.effect);
    assert_eq!(
        reply.header("zendesk-ratelimit-inflight-jobs"),
        Some("total=30; remaining=29; resets=60")
    );
    let job = reply.value()["job_status"].clone();
    assert_eq!(job["status"], json!("queued"));
    assert_eq!(job["job_type"], json!("Bulk Update User"));
    assert_eq!((&job["total"], &job["results"]), (&json!(9), &Value::Null));
    assert!(!job["url"].as_str().unwrap().contains("127.0.0.1"));
    assert_eq!(bench.state("1001").0, "active");

    let poll = |bench: &mut Bench| {
        let path = format!("/api/v2/job_statuses/{}.json", job["id"].as_str().unwrap());
        bench.send("GET", &path).value()["job_status"].clone()
    };
    bench.pass(Duration::from_millis(3_150));
    let working = poll(&mut bench);
    assert_eq!(working["status"], json!("working"));
    assert_eq!(
        (&working["progress"], &working["results"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(bench.state("1001").0, "soft-deleted");
    assert_eq!(bench.state("1005").0, "active");

    bench.pass(Duration::from_secs(1));
    let completed = poll(&mut bench);
    assert_eq!(completed["status"], json!("completed"));
    let results = completed["results"].as_array().unwrap();
    let item = |id: Value| results.iter().find(|item| item["id"] == id).unwrap();
    for id in [1001, 1005, 1006, 1007] {
        let deleted = json!({"action": "delete", "id": id, "status": "Deleted", "success": true});
        assert_eq!(item(json!(id)), &deleted);
        assert_eq!(bench.state(&id.to_string()).0, "soft-deleted");
    }
    for (id, error) in [
        (json!(1002), "UserDeleteFailed"),
        (json!(1004), "UserDeleteFailed"),
        (json!(1009), "RecordNotFound"),
        (json!("abc"), "RecordNotFound"),
    ] {
        assert_eq!(item(id.clone())["error"], json!(error));
        assert!(item(id.clone()).get("success").is_none());
        assert!(item(id).get("action").is_none());
    }
    let order: Vec<String> = results.iter().map(|item| item["id"].to_string()).collect();
    assert_ne!(order.join(",").replace('"', ""), ALL_KINDS);
}

#[test]
fn a_job_is_forgotten_after_a_day() {
    let mut bench = Bench::new(json!({}));
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    let id = reply.value()["job_status"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v2/job_statuses/{id}");
    let many = format!("/api/v2/job_statuses/show_many?ids={id},V3-none");
    bench.pass(Duration::from_hours(24) - Duration::from_millis(1));
    assert_eq!(bench.send("GET", &path).status, 200);
    let statuses = bench.send("GET", &many).value()["job_statuses"].clone();
    assert_eq!(statuses[0]["id"], json!(id));
    assert_eq!(statuses.as_array().unwrap().len(), 1);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.send("GET", &path).status, 404);
}

#[test]
fn one_job_too_many_is_refused_and_does_nothing() {
    let mut bench = Bench::new(json!({}));
    for _ in 0..30 {
        let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1009");
        assert_eq!(reply.status, 200);
    }
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    assert_eq!(reply.status, 429);
    assert!(!reply.effect);
    assert_eq!(reply.value()["error"], json!("TooManyJobs"));
    assert_eq!(
        reply.value()["current_job_ids"].as_array().unwrap().len(),
        30
    );
    bench.pass(Duration::from_secs(4));
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    assert_eq!(reply.status, 200);
}

#[test]
fn a_job_may_fail_as_a_whole_and_then_nothing_is_done() {
    let mut bench = Bench::new(json!({"zendesk": {"jobs_fail": true}}));
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    let id = reply.value()["job_status"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.pass(Duration::from_secs(10));
    let job = bench
        .send("GET", &format!("/api/v2/job_statuses/{id}"))
        .value();
    assert_eq!(job["job_status"]["status"], json!("failed"));
    assert_eq!(bench.state("1001"), ("active".to_owned(), 0));
}

#[test]
fn a_job_may_keep_quiet_about_items_it_did() {
    let mut bench = Bench::new(json!({"zendesk": {"job_items_missing_every": 2}}));
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001,1005");
    let id = reply.value()["job_status"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.pass(Duration::from_secs(10));
    let job = bench
        .send("GET", &format!("/api/v2/job_statuses/{id}"))
        .value();
    assert_eq!(job["job_status"]["results"].as_array().unwrap().len(), 1);
    assert_eq!(bench.state("1001").0, "soft-deleted");
    assert_eq!(bench.state("1005").0, "soft-deleted");
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
    let throttled = bench.support.throttled(bench.now);
    assert_eq!(
        (throttled.status, throttled.header("retry-after")),
        (429, Some("1"))
    );
    let broken = bench.support.broken(503, bench.now);
    assert_eq!(
        (broken.status, broken.header("retry-after")),
        (503, Some("1"))
    );
    let broken = bench.support.broken(500, bench.now);
    assert_eq!((broken.status, broken.header("retry-after")), (500, None));
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

#[test]
fn a_fixed_window_lets_all_go_again_at_the_full_minute() {
    let mut bench = Bench::new(json!({"quota_mode": "fixed", "zendesk": {"quota": "2/1m"}}));
    // The bench begins 20 seconds into a minute.
    bench.pass(Duration::from_millis(35_500));
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
    let reply = bench.send("GET", "/api/v2/users/1001");
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("5"))
    );
    bench.pass(Duration::from_millis(4_500));
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
}
