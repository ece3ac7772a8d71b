//! The sandbox itself, which judges all else: its awkward answers, jobs and limits as tables through
//! the door without sockets, and what breaks over real ones.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};
use userpurge::domain::Time;
use userpurge::sandbox::{Delivery, Fault, Faults, Latency, Reply, Sandbox, SandboxOptions};

use super::support::World;

const START: Time = Time::from_millis(1_795_340_600_000);
const APP: &str = "/v2/apps/5963c0d619a30a2e00de36b8";
const GUEST: &str = "5fa1c0d619a30a2e00000001";

/// A sandbox with a user of every kind, and its clock.
struct Bench {
    sandbox: Sandbox,
    now: Time,
    authorization: String,
}

/// What came back: status, body and headers.
struct Answer(u16, Value, Reply);

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.2.headers().get(name).map(|it| it.to_str().unwrap())
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl Bench {
    fn new(change: Value) -> Self {
        let mut bench = Self {
            sandbox: Sandbox::new(SandboxOptions::default(), START).unwrap(),
            now: START,
            authorization: String::new(),
        };
        bench.change(change);
        let zoho = |tail: u32, kind: &str, state: &str| json!({"id": format!("5725767000000411{tail}"), "kind": kind, "state": state});
        let seed = json!({
            "zendesk": [
                {"id": "1001"},
                {"id": "1002", "state": "soft-deleted"},
                {"id": "1003", "state": "permanently-deleted"},
                {"id": "1004", "open_tickets": 2},
                {"id": "1005", "role": "agent"},
                {"id": "1006", "role": "light-agent"},
            ],
            "sunco": [
                {"id": GUEST, "external_id": "shop/1001 ä?#%+"},
                {"id": "5fa1c0d619a30a2e00000002", "state": "deleted"},
            ],
            "zoho": [
                zoho(100, "regular", "active"),
                zoho(101, "regular", "active"),
                zoho(102, "regular", "deleted"),
                zoho(103, "primary_contact", "active"),
                zoho(104, "support", "active"),
                zoho(106, "digital_employee", "active"),
                zoho(107, "closed", "active"),
                zoho(108, "regular", "inactive"),
            ],
        });
        let seed = serde_json::from_value(seed).unwrap();
        bench.sandbox.seed(&seed, START).unwrap();
        bench
    }

    fn change(&mut self, change: Value) {
        self.sandbox.change("", change, self.now).unwrap();
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    fn send(&mut self, method: &str, target: &str, body: &str) -> Answer {
        let authorization = match &self.authorization {
            given if !given.is_empty() => given.clone(),
            _ if target.starts_with("/api") => basic("ops@acme.example/token", "sandbox-token"),
            _ if target.starts_with("/crm") => {
                let token = self.zoho_token("/oauth/v2/token", "1000.sandbox-refresh");
                format!(
                    "Zoho-oauthtoken {}",
                    token.1["access_token"].as_str().unwrap()
                )
            }
            _ => basic("app_sandbox", "sandbox-secret"),
        };
        let request = http::Request::builder().method(method).uri(target);
        let request = request.header("authorization", authorization);
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        let Delivery::Whole(reply) = self.sandbox.handle(&request, self.now) else {
            panic!("{method} {target} is not answered");
        };
        let body = serde_json::from_slice(reply.body()).unwrap_or_default();
        Answer(reply.status().as_u16(), body, reply)
    }

    fn zoho_token(&mut self, path: &str, refresh_token: &str) -> Answer {
        let form = format!(
            "client_id=1000.SANDBOX&client_secret=sandbox-secret&grant_type=refresh_token\
             &refresh_token={refresh_token}"
        );
        self.send("POST", path, &form)
    }

    /// How the user `id` stands, and how often requests changed it.
    fn state(&mut self, id: &str) -> (String, u32) {
        let users = self.sandbox.users(None, self.now);
        let user = users.into_iter().find(|user| user.id == id).unwrap();
        (user.state, user.changes)
    }
}

/// Sends the one request of each row to a new sandbox and holds the answer against the row: method,
/// path, status, where in the body (`-`: all of it), and the JSON that stands there.
fn hold(table: &str) {
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.splitn(5, ' ').collect();
        let [method, target, status, pointer, value] = cells[..] else {
            panic!("{row}");
        };
        let answer = Bench::new(json!({})).send(method, target, "");
        let held = answer.1.pointer(pointer.trim_start_matches('-'));
        let held = held.cloned().unwrap_or_default();
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!((answer.0, held), (status.parse().unwrap(), value), "{row}");
    }
}

#[test]
fn zendesk_answers_as_documented() {
    hold(
        r#"
        GET /api/v2/users/1001 200 /user/active true
        GET /api/v2/users/1001.json 200 /user/id 1001
        GET /api/v2/users/1002 200 /user/active false
        GET /api/v2/users/1003 200 /user/name "Permanently Deleted User"
        GET /api/v2/users/1009 404 /error "RecordNotFound"
        GET /api/v2/users/abc 400 /error/title "Invalid attribute"
        GET /api/v2/users/1006 200 /user/role_type 1
        GET /api/v2/users/show_many?ids=1001,1002,1003,1009,1005 200 /count 2
        DELETE /api/v2/users/1001 200 /user/active false
        DELETE /api/v2/users/1001 200 /user/email null
        DELETE /api/v2/users/1002 422 /error "RecordInvalid"
        DELETE /api/v2/users/1003 422 /error "RecordInvalid"
        DELETE /api/v2/users/1009 404 /error "RecordNotFound"
        DELETE /api/v2/users/361808000000 422 /error "RecordInvalid"
        DELETE /api/v2/users/361808000001 422 /error "RecordInvalid"
        DELETE /api/v2/users/3.6E+11 400 /error/title "Invalid attribute"
        DELETE /api/v2/users/+7 400 /error/title "Invalid attribute"
        DELETE /api/v2/users/..%2Fx 400 /error/title "Invalid attribute"
        PUT /api/v2/users/7 404 /error "InvalidEndpoint"
        DELETE /api/v2/users/7/ 404 /error "InvalidEndpoint"
        DELETE /api/v2/users/ 404 /error "InvalidEndpoint"
        DELETE /api/v2/users/destroy_many?ids=, 400 /error "BadRequest"
        GET /api/v2/users/1001/compliance_deletion_statuses 200 - {"compliance_deletion_statuses": []}
        GET /api/v2/users/../deleted_users/1002 404 /error "InvalidEndpoint"
        GET /api/v2/users/me.json 200 /user/role "admin"
        GET /api/v2/deleted_users/1002 200 /deleted_user/id 1002
        GET /api/v2/deleted_users/1001 404 /error "RecordNotFound"
        GET /api/v2/deleted_users/1003 404 /error "RecordNotFound"
        DELETE /api/v2/deleted_users/1002 200 /deleted_user/active false
        DELETE /api/v2/deleted_users/1001 404 /error "RecordNotFound"
        DELETE /api/v2/deleted_users/1003 404 /error "RecordNotFound"
        "#,
    );
    let ids = vec!["1"; 101].join(",");
    for line in [
        "GET /api/v2/users/show_many",
        "DELETE /api/v2/users/destroy_many",
        "GET /api/v2/job_statuses/show_many",
    ] {
        hold(&format!("{line}?ids={ids} 400 /max_count 100"));
    }
}

#[test]
fn sunshine_conversations_answers_as_specified() {
    let by_external = format!("{APP}/users/shop%2F1001%20%C3%A4%3F%23%25%2B");
    let clear = format!("/sc{APP}/users/{GUEST}/personalinformation");
    hold(&format!(
        r#"
        GET {APP} 200 /app/id "5963c0d619a30a2e00de36b8"
        GET {by_external} 200 /user/id "{GUEST}"
        DELETE {by_external} 200 - {{}}
        DELETE {APP}/users/5fa1c0d619a30a2e00000002 404 /errors/0/code "user_not_found"
        DELETE {clear} 200 /user/profile {{}}
        DELETE {clear} 200 /user/externalId "shop/1001 ä?#%+"
        DELETE {APP}/users/a/b 404 /errors/0/code "not_found"
        PATCH {APP}/users/{GUEST} 404 /errors/0/code "not_found"
        DELETE {APP}/users/ 404 /errors/0/code "not_found"
        DELETE /v2/apps/0000/users/1 404 /errors/0/code "app_not_found"
        "#
    ));
    let mut bench = Bench::new(json!({}));
    for (target, state) in [
        (&clear, "cleared"),
        (&clear, "cleared"),
        (&by_external, "deleted"),
    ] {
        assert_eq!(bench.send("DELETE", target, "").0, 200);
        assert_eq!(bench.state(GUEST).0, state);
    }
    // The second clearing changed nothing, and nobody is found after the deletion.
    assert_eq!(bench.state(GUEST).1, 2);
    assert_eq!(bench.send("DELETE", &by_external, "").0, 404);

    // In the background, they are still shown as they were, and nothing is changed any more.
    let mut bench = Bench::new(json!({"order_delay": "1m"}));
    for _ in 0..2 {
        assert_eq!(bench.send("DELETE", &by_external, "").0, 200);
        let shown = bench.send("GET", &by_external, "").1;
        assert_eq!(shown["user"]["profile"]["givenName"], "Guest");
        assert_eq!(bench.state(GUEST), ("deleted".to_owned(), 1));
    }
    bench.pass(60_000);
    assert_eq!(bench.send("GET", &by_external, "").0, 404);
}

#[test]
fn zoho_answers_as_documented() {
    const USER: &str = "/crm/v8/users/5725767000000411";
    let ids = vec!["5725767000000411100"; 101].join(",");
    hold(&format!(
        r#"
        DELETE {USER}100 200 /users/0/details/id "5725767000000411100"
        DELETE {USER}101 200 /users/0/details {{}}
        DELETE {USER}108 200 /users/0/code "SUCCESS"
        DELETE {USER}102 400 /users/0/code "ID_ALREADY_DELETED"
        DELETE {USER}103 400 /users/0/code "INVALID_REQUEST"
        DELETE {USER}104 400 /users/0/message "Support user cannot be deleted"
        DELETE {USER}106 400 /users/0/details {{"resource_path_index": 1}}
        DELETE {USER}107 403 /code "PERMISSION_DENIED"
        DELETE {USER}900 400 /message "the id given seems to be invalid"
        DELETE {USER}901 400 /message "the_id_given_seems_to_be_invalid"
        DELETE {USER}902 200 /code "INVALID_DATA"
        GET /crm/v8/users?type=CurrentUser 200 /users/0/id "5725767000000411001"
        GET /crm/v8/users 400 /code "INVALID_DATA"
        GET {USER}900 204 - null
        GET {USER}104 200 /users/0/type__s "Support User"
        GET /crm/v7/users/5725767000000411104 200 /users/0/type__s "Support User"
        GET /crm/v6/users/5725767000000411104 200 /users/0/type__s null
        GET /crm/v6/users/5725767000000411104 200 /users/0/status "active"
        GET /crm/v8/users?ids={ids} 400 /code "INVALID_DATA"
        DELETE /crm/v8/users/zcrm_17 404 /code "INVALID_URL_PATTERN"
        DELETE /crm/v8/users/5.7E%2B18 404 /code "INVALID_URL_PATTERN"
        GET /crm/v9/users 404 /code "INVALID_URL_PATTERN"
        GET /crm/v8/org 200 /org/0/primary_zuid "600411103"
        "#
    ));
}

#[test]
fn a_caller_may_do_what_its_settings_say() {
    let many = "/api/v2/users/destroy_many?ids=1005";
    let (user, deleted) = ("/api/v2/users/1001", "/api/v2/deleted_users/1002");
    let seller = "/crm/v8/users/5725767000000411100";
    let role = |role: &str| json!({"zendesk": {"caller_role": role}});
    let zoho = |change: Value| json!({"zoho": change});
    for (change, method, target, status) in [
        (role("admin"), "DELETE", many, 200),
        (role("agent-managing-users"), "DELETE", many, 403),
        (role("agent-managing-users"), "DELETE", deleted, 200),
        (role("agent"), "DELETE", user, 403),
        (role("agent"), "GET", user, 200),
        (role("end-user"), "GET", user, 403),
        (role("end-user"), "GET", "/api/v2/users/me", 200),
        (
            zoho(json!({"scopes": ["ZohoCRM.users.READ"]})),
            "DELETE",
            seller,
            401,
        ),
        (zoho(json!({"deletion_cap": 0})), "DELETE", seller, 403),
        (
            zoho(json!({"refuses_all": "sandbox_org"})),
            "DELETE",
            seller,
            400,
        ),
        (
            zoho(json!({"deleted_readable": false})),
            "GET",
            "/crm/v8/users/5725767000000411102",
            204,
        ),
        (json!({"token_lifetime": "0s"}), "GET", seller, 401),
    ] {
        let answer = Bench::new(change.clone()).send(method, target, "");
        assert_eq!(answer.0, status, "{change} {target} {}", answer.1);
    }
}

#[test]
fn credentials_are_held_against_what_is_accepted() {
    let jwt = |algorithm: &str, kid: &str, secret: &str, claims: Value| {
        let header = json!({"alg": algorithm, "kid": kid});
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = signed.join(".");
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
        format!("Bearer {signed}.{signature}")
    };
    let (kid, secret, good) = ("app_sandbox", "sandbox-secret", json!({"scope": "app"}));
    let me = "/api/v2/users/me";
    for (target, authorization, status) in [
        (me, basic("ops@acme.example/token", "wrong"), 200),
        (
            "/api/v2/users/1001",
            basic("ops@acme.example", "sandbox-token"),
            401,
        ),
        (me, "Bearer wrong".to_owned(), 401),
        (me, "Bearer sandbox-oauth".to_owned(), 200),
        (APP, basic(kid, "wrong"), 401),
        (APP, jwt("HS256", kid, secret, good.clone()), 200),
        (APP, jwt("HS256", kid, "wrong", good.clone()), 401),
        (APP, jwt("HS256", "app_other", secret, good.clone()), 401),
        (APP, jwt("HS512", kid, secret, good), 401),
        (
            APP,
            jwt("HS256", kid, secret, json!({"scope": "user"})),
            403,
        ),
        (APP, jwt("HS256", kid, secret, json!({})), 403),
        ("/crm/v8/org", "Zoho-oauthtoken 1000.x".to_owned(), 401),
        ("/crm/v8/org", "Bearer 1000.x".to_owned(), 401),
    ] {
        let mut bench = Bench::new(json!({}));
        bench.authorization = authorization;
        let answer = bench.send("GET", target, "");
        assert_eq!(answer.0, status, "{target} {}", bench.authorization);
        if target == me && status == 200 && bench.authorization.starts_with("Basic") {
            assert_eq!(answer.1["user"]["id"], Value::Null);
        }
    }
}

#[test]
fn tokens_are_handed_out_or_refused() {
    let client = |change: Value| {
        let mut body = json!({"grant_type": "client_credentials", "client_id": "sandbox-client",
            "client_secret": "sandbox-secret", "scope": "users:read"});
        let fields = change.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        body.to_string()
    };
    for (change, status, field, value) in [
        (json!({}), 200, "expires_in", json!(1800)),
        (json!({"expires_in": 7200}), 200, "expires_in", json!(7200)),
        (
            json!({"expires_in": 300}),
            400,
            "error",
            json!("invalid_request"),
        ),
        (
            json!({"client_secret": "wrong"}),
            401,
            "error",
            json!("invalid_client"),
        ),
        (
            json!({"grant_type": "password"}),
            400,
            "error",
            json!("unsupported_grant_type"),
        ),
    ] {
        let answer = Bench::new(json!({})).send("POST", "/oauth/tokens", &client(change));
        assert_eq!((answer.0, &answer.1[field]), (status, &value));
    }
    let mut bench = Bench::new(json!({"token_lifetime": "2s"}));
    let token = bench.send("POST", "/oauth/tokens", &client(json!({})));
    bench.authorization = format!("Bearer {}", token.1["access_token"].as_str().unwrap());
    assert_eq!(bench.send("GET", "/api/v2/users/1001", "").0, 200);
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001", "").0, 403);
    bench.pass(2_000);
    assert_eq!(bench.send("GET", "/api/v2/users/1001", "").0, 401);

    // Zoho refuses with status 200, and one token too many with 400.
    let mut bench = Bench::new(json!({}));
    let wrong = bench.zoho_token("/oauth/v2/token", "wrong");
    assert_eq!((wrong.0, &wrong.1["error"]), (200, &json!("invalid_code")));
    let token = bench.zoho_token("/t/acme/oauth/v2/token", "1000.sandbox-refresh");
    assert_eq!(token.1["api_domain"], json!("http://127.0.0.1/t/acme"));
    bench.authorization = format!(
        "Zoho-oauthtoken {}",
        token.1["access_token"].as_str().unwrap()
    );
    assert_eq!(bench.send("GET", "/t/acme/crm/v8/org", "").0, 200);
    assert_eq!(bench.send("GET", "/crm/v8/org", "").0, 401);
    for status in [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 400] {
        let token = bench.zoho_token("/oauth/v2/token", "1000.sandbox-refresh");
        assert_eq!(token.0, status);
    }
}

#[test]
fn a_job_works_item_by_item_and_keeps_failures_inside() {
    const MANY: &str = "/api/v2/users/destroy_many.json?ids=1001,1002,1004,1005,1009,abc";
    let mut bench = Bench::new(json!({}));
    let begun = bench.send("DELETE", MANY, "");
    let header = begun.header("zendesk-ratelimit-inflight-jobs");
    assert_eq!(header, Some("total=30; remaining=29; resets=60"));
    let id = begun.1["job_status"]["id"].as_str().unwrap();
    let poll = format!("/api/v2/job_statuses/show_many.json?ids={id}");
    let mut told = Vec::new();
    for millis in [0, 3_150, 1_000] {
        bench.pass(millis);
        let job = bench.send("GET", &poll, "").1["job_statuses"][0].clone();
        let states = ["1001", "1005"].map(|id| bench.state(id).0);
        told.push(format!(
            "{} {} {}",
            job["status"],
            job["progress"],
            states.join(" ")
        ));
    }
    assert_eq!(
        told,
        [
            "\"queued\" null active active",
            "\"working\" 1 soft-deleted active",
            "\"completed\" 6 soft-deleted soft-deleted",
        ]
    );
    let job = bench.send("GET", &poll, "").1;
    let results = job["job_statuses"][0]["results"].as_array().unwrap();
    for (id, error) in [
        (json!(1001), Value::Null),
        (json!(1002), json!("UserDeleteFailed")),
        (json!(1004), json!("UserDeleteFailed")),
        (json!(1009), json!("RecordNotFound")),
        (json!("abc"), json!("RecordNotFound")),
    ] {
        let item = results.iter().find(|item| item["id"] == id).unwrap();
        assert_eq!(item.get("error").cloned().unwrap_or_default(), error);
        assert_eq!(item.get("success").is_some(), error.is_null());
    }
    bench.pass(24 * 3_600_000);
    let forgotten = bench.send("GET", &poll, "").1;
    assert_eq!(forgotten, json!({"job_statuses": []}));

    for (change, items, state) in [
        (json!({"jobs_fail": true}), None, "active"),
        (
            json!({"job_items_missing_every": 2}),
            Some(3),
            "soft-deleted",
        ),
    ] {
        let mut bench = Bench::new(json!({"zendesk": change}));
        let id = bench.send("DELETE", MANY, "").1["job_status"]["id"].clone();
        bench.pass(10_000);
        let poll = format!(
            "/api/v2/job_statuses/show_many?ids={}",
            id.as_str().unwrap()
        );
        let job = bench.send("GET", &poll, "").1["job_statuses"][0].clone();
        assert_eq!(job["results"].as_array().map(Vec::len), items);
        assert_eq!(bench.state("1005").0, state);
    }
    let mut bench = Bench::new(json!({"zendesk": {"job_limit": 1}}));
    assert_eq!(bench.send("DELETE", MANY, "").0, 200);
    let refused = bench.send("DELETE", MANY, "");
    assert_eq!(
        (refused.0, &refused.1["error"]),
        (429, &json!("TooManyJobs"))
    );
}

#[test]
fn time_changes_what_is_answered() {
    // A soft deletion ends after 30 days, here one day.
    let mut bench = Bench::new(json!({"scale_limits": 30.0, "zendesk": {"rename_delay": "5s"}}));
    bench.pass(24 * 3_600_000 - 1);
    assert_eq!(bench.state("1002").0, "soft-deleted");
    bench.pass(1);
    assert_eq!(bench.state("1002"), ("permanently-deleted".to_owned(), 0));
    // A name may outlive its user.
    let name =
        |bench: &mut Bench| bench.send("GET", "/api/v2/users/1002", "").1["user"]["name"].clone();
    assert_ne!(name(&mut bench), json!("Permanently Deleted User"));
    bench.pass(5_000);
    assert_eq!(name(&mut bench), json!("Permanently Deleted User"));
    // An erasure is complete after a while, and a user is listed as deleted after a while.
    let mut bench = Bench::new(json!({"zendesk": {"listing_delay": "1s"}}));
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001", "").0, 200);
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1001", "").0,
        404
    );
    bench.pass(1_000);
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1001", "").0,
        200
    );
    for (millis, entries) in [(0, 2), (30_000, 4)] {
        bench.pass(millis);
        let path = "/api/v2/users/1001/compliance_deletion_statuses";
        let told = bench.send("GET", path, "").1["compliance_deletion_statuses"].clone();
        assert_eq!(told.as_array().unwrap().len(), entries);
    }
}

#[test]
fn limits_are_strict_and_told_in_headers() {
    let zendesk = json!({"zendesk": {"quota": "4/1m", "permanent_quota": "1/10m"}});
    let mut bench = Bench::new(zendesk);
    bench.pass(500);
    let missed = bench.send("DELETE", "/api/v2/deleted_users/1009", "");
    assert_eq!(missed.0, 404);
    assert_eq!(missed.header("x-rate-limit-remaining"), Some("3"));
    // A failure counts, towards both.
    let refused = bench.send("DELETE", "/api/v2/deleted_users/1002", "");
    assert_eq!(
        (refused.0, refused.header("retry-after")),
        (429, Some("600"))
    );
    let header = refused.header("zendesk-ratelimit-deleted-users-destroy");
    assert_eq!(header, Some("total=1; remaining=0; resets=600"));
    bench.send("GET", "/api/v2/users/1001", "");
    bench.send("GET", "/api/v2/users/1001", "");
    bench.pass(500);
    let refused = bench.send("DELETE", "/api/v2/users/1001", "");
    assert_eq!(
        (refused.0, refused.header("retry-after")),
        (429, Some("60"))
    );
    assert_eq!(bench.state("1001").0, "active");
    bench.pass(59_500);
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001", "").0, 200);

    let mut bench = Bench::new(json!({"sunco": {"quota": "1/1m"}}));
    assert_eq!(bench.send("GET", APP, "").0, 200);
    let refused = bench.send("GET", APP, "");
    assert_eq!((refused.0, refused.header("retry-after")), (429, None));

    // A provider file says what its headers are called, and what they count.
    let mut bench = Bench::new(json!({}));
    bench.authorization = "Bearer sandbox-secret".to_owned();
    let customer = "/file/helpscout/v2/customers/500600701";
    for left in (0..200).rev() {
        let told = bench.send("GET", customer, "");
        let header = told.header("x-ratelimit-remaining-minute");
        assert_eq!(header, Some(left.to_string().as_str()));
        assert_eq!(told.header("x-ratelimit-limit-minute"), Some("200"));
    }
    let refused = bench.send("GET", customer, "");
    assert_eq!(
        (refused.0, refused.header("x-ratelimit-retry-after")),
        (429, Some("60"))
    );
    assert_eq!(refused.header("retry-after"), None);
    let told = bench.send("GET", "/file/auth0/api/v2/users/auth0%7C65", "");
    assert_eq!(told.header("x-ratelimit-reset"), Some("1795340601"));

    let mut bench = Bench::new(json!({"zoho": {"credits": "4/1d"}}));
    for left in [None, Some("2"), Some("1"), Some("0"), Some("0")] {
        let answer = bench.send("GET", "/crm/v8/org", "");
        assert_eq!(answer.header("x-api-credits-remaining"), left);
    }
    bench.change(json!({"zoho": {"credits": "9/1d", "concurrency": 0}}));
    let refused = bench.send("GET", "/crm/v8/org", "");
    assert_eq!(
        (refused.0, &refused.1["code"]),
        (429, &json!("TOO_MANY_REQUESTS"))
    );
    assert_eq!(refused.header("x-api-credits-remaining"), None);
}

proptest! {
    /// A request is taken exactly if those taken in the span before it leave a slot; a fixed span is
    /// laid from the epoch on.
    #[test]
    fn no_span_ever_holds_more_than_the_quota(
        requests in 1_usize..6,
        span in 1_i64..50,
        is_fixed: bool,
        gaps in prop::collection::vec(0_u32..20, 1..200),
    ) {
        let mode = if is_fixed { "fixed" } else { "rolling" };
        let quota = format!("{requests}/{span}ms");
        let mut bench = Bench::new(json!({"quota_mode": mode, "sunco": {"quota": quota}}));
        let mut taken: Vec<i64> = Vec::new();
        for gap in gaps {
            bench.pass(gap.into());
            let now = bench.now.as_millis();
            let from = if is_fixed { now - now % span } else { now - span + 1 };
            let has_slot = taken.iter().filter(|at| **at >= from).count() < requests;
            prop_assert_eq!(bench.send("GET", APP, "").0 == 200, has_slot);
            taken.extend(has_slot.then_some(now));
        }
    }
}

#[test]
fn a_text_of_faults_names_rates_seed_and_reads() {
    let text = "error500=2%, reset-after=0.01,seed=7,reads=on";
    let faults: Faults = text.parse().unwrap();
    let written = "error500=0.02,reset-after=0.01,seed=7,reads=on";
    assert_eq!(faults.to_string(), written);
    assert_eq!(written.parse::<Faults>().unwrap(), faults);
    assert_eq!("".parse::<Faults>().unwrap(), Faults::default());
    for text in [
        "error501=2%",
        "reset",
        "reset=120%",
        "reset=-1%",
        "reset=60%,cut=60%",
        "seed=x",
        "reads=maybe",
    ] {
        assert!(text.parse::<Faults>().is_err(), "{text}");
    }
}

#[test]
fn a_latency_is_read_and_written() {
    for text in ["50ms", "20ms..200ms", "1m", "0s"] {
        assert_eq!(text.parse::<Latency>().unwrap().to_string(), text);
    }
    for text in ["200ms..20ms", "2h", "50", "..", "", "-5s", "soon"] {
        assert!(text.parse::<Latency>().is_err(), "{text}");
    }
}

#[test]
fn faults_come_about_as_often_as_told_and_the_same_each_time() {
    let drawn = || {
        let mut bench = Bench::new(json!({"faults": "error500=20%,cut=10%,seed=7"}));
        let users: Vec<_> = (1..=1_000)
            .map(|n| json!({"id": format!("20{n}")}))
            .collect();
        let seed = serde_json::from_value(json!({"zendesk": users})).unwrap();
        bench.sandbox.seed(&seed, START).unwrap();
        // Each twice: a request that comes again is drawn for anew.
        for n in (1..=1_000).flat_map(|n| [n, n]) {
            let request = http::Request::delete(format!("/api/v2/users/20{n}"));
            let request = request.header("authorization", "Bearer sandbox-oauth");
            bench
                .sandbox
                .handle(&request.body(Bytes::new()).unwrap(), bench.now);
            bench.pass(1_000);
        }
        let log = bench.sandbox.log(None);
        log.iter().map(|entry| entry.fault).collect::<Vec<_>>()
    };
    let faults = drawn();
    assert_eq!(faults, drawn());
    let share = |fault| faults.iter().filter(|hit| **hit == Some(fault)).count();
    assert!((300..500).contains(&share(Fault::Error500)));
    assert!((130..270).contains(&share(Fault::Cut)));
    assert_eq!(share(Fault::Reset), 0);
    assert!(
        faults
            .chunks(2)
            .any(|pair| pair[0].is_some() != pair[1].is_some())
    );
}

#[test]
fn a_fault_hits_a_deletion_as_it_says() {
    let user = "/api/v2/users/1001";
    for (fault, kind, status, retry_after, state) in [
        ("error500", "whole", 500, None, "active"),
        ("error503", "whole", 503, Some("1"), "active"),
        ("throttle", "whole", 429, Some("1"), "active"),
        ("html", "whole", 200, None, "active"),
        ("reset", "closed", 0, None, "active"),
        ("reset-after", "closed", 0, None, "soft-deleted"),
        ("cut", "cut", 200, None, "soft-deleted"),
        ("slow", "late", 200, None, "soft-deleted"),
        ("wrong-id", "whole", 200, None, "soft-deleted"),
        ("unauthorized", "whole", 401, None, "active"),
        ("forbidden", "whole", 403, None, "active"),
        ("payment", "whole", 402, None, "active"),
        ("wrong-path", "whole", 404, None, "active"),
        ("long-wait", "whole", 429, Some("72000"), "active"),
        ("conflict", "whole", 409, None, "active"),
    ] {
        let mut bench = Bench::new(json!({}));
        let planned = json!({"user": "1001", "fault": fault, "times": 1});
        let planned = serde_json::from_value(planned).unwrap();
        bench.sandbox.plan("", planned, START).unwrap();
        // It spares reads.
        assert_eq!(bench.send("GET", user, "").0, 200);
        let request = http::Request::delete(user).header("authorization", "Bearer sandbox-oauth");
        let request = request.body(Bytes::new()).unwrap();
        let (held, reply) = match bench.sandbox.handle(&request, START) {
            Delivery::Whole(reply) => ("whole", Some(reply)),
            Delivery::Late(reply) => ("late", Some(reply)),
            Delivery::Cut(reply) => ("cut", Some(reply)),
            Delivery::Closed => ("closed", None),
        };
        let told = reply.as_ref().map_or(0, |reply| reply.status().as_u16());
        let header = reply
            .as_ref()
            .and_then(|reply| reply.headers().get("retry-after"));
        let header = header.map(|value| value.to_str().unwrap());
        assert_eq!((held, told, header), (kind, status, retry_after), "{fault}");
        let names_another =
            reply.is_some_and(|reply| reply.body().windows(4).any(|it| it == b"1007"));
        assert_eq!(names_another, fault == "wrong-id");
        assert_eq!(bench.state("1001").0, state, "{fault}");
        let entry = bench.sandbox.log(None).pop().unwrap();
        assert_eq!(entry.effect, state != "active", "{fault}");
        assert!(entry.concerns("1001") && entry.fault.is_some());
        // Once, as planned: the next one comes through.
        let status = if state == "active" { 200 } else { 422 };
        assert_eq!(bench.send("DELETE", user, "").0, status);
    }
    // As settings say, faults hit reads too.
    let mut bench = Bench::new(json!({"faults": "error500=100%,reads=on"}));
    assert_eq!(bench.send("GET", user, "").0, 500);
    assert_eq!(bench.send("GET", "/nothing?secret=1", "").0, 404);
    let entry = bench.sandbox.log(None).pop().unwrap();
    assert_eq!((entry.provider, entry.path.as_str()), (None, "/nothing"));
}

#[test]
fn a_judge_seeds_changes_reads_and_resets() {
    let mut bench = Bench::new(json!({}));
    bench.authorization = "Bearer sandbox-oauth".to_owned();
    let too_long = "x".repeat(65);
    // Method, path, body (`-`: none), status, and what the answer holds.
    let table = format!(
        r#"
        POST /t/acme/_sandbox/users {{"zendesk":[{{"id":"7"}}],"zoho":[{{"id":"9"}}]}} 200 true
        POST /_sandbox/users {{"tenant":"acme","sunco":[{{"id":"{GUEST}","external_id":"x"}}]}} 200 true
        POST /_sandbox/settings {{"tenant":"acme","zendesk":{{"caller_role":"agent"}}}} 200 true
        POST /t/acme/_sandbox/faults {{"user":"7","fault":"throttle","times":1}} 200 true
        DELETE /t/acme/api/v2/users/7 - 429 exceeded
        DELETE /t/acme/api/v2/users/7 - 403 Forbidden
        GET /_sandbox/settings?tenant=acme - 200 "caller_role":"agent"
        GET /_sandbox/settings - 200 "caller_role":"admin"
        GET /_sandbox/requests?tenant=acme&user=7 - 200 "step":"delete"
        GET /_sandbox/requests?user=nobody - 200 []
        GET /_sandbox/users?tenant=acme&id=x - 200 "provider":"sunco"
        GET /_sandbox/users?provider=zoho&id=9 - 200 "role":"regular"
        POST /_sandbox/reset {{"tenant":"acme"}} 200 true
        GET /_sandbox/requests - 200 []
        GET /_sandbox/nothing - 404 no such control
        POST /_sandbox/settings {{"tenant":5}} 400 unknown field `tenant`
        POST /_sandbox/settings {{"latencies":"1s"}} 400 unknown field `latencies`
        POST /_sandbox/users {{"zendesk":[{{"id":"x"}}]}} 400 its id must be digits
        POST /_sandbox/users {{"zendesk":[{{"id":"1","state":"asleep"}}]}} 400 its state must be
        POST /_sandbox/users {{"zendesk":[{{"id":"1","role":"king"}}]}} 400 its role must be
        POST /_sandbox/users {{"sunco":[{{"id":"5fa1c0d619a30a2e0000000x"}}]}} 400 24 hex digits
        POST /_sandbox/users {{"sunco":[{{"id":"{GUEST}","external_id":""}}]}} 400 1 to 1024 characters
        POST /_sandbox/users {{"zoho":[{{"id":"12345678901234567890"}}]}} 400 1 to 19 digits
        POST /_sandbox/users {{"zoho":[{{"id":"1","state":"asleep"}}]}} 400 its state must be
        POST /_sandbox/faults {{"user":"7","fault":"flood","times":1}} 400 unknown variant `flood`
        GET /t/{too_long}/api/v2/users/me - 404 no fit name
        "#
    );
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.splitn(5, ' ').collect();
        let [method, path, body, status, says] = cells[..] else {
            panic!("{row}");
        };
        let answer = bench.send(method, path, body.trim_start_matches('-'));
        let text = String::from_utf8_lossy(answer.2.body()).into_owned();
        assert_eq!(answer.0.to_string(), status, "{row} {text}");
        assert!(text.contains(says), "{row} {text}");
    }
    assert_eq!(bench.state("1001").0, "active");
}

#[test]
fn over_sockets_answers_break_and_requests_count_until_they_are_answered() {
    let world = World::new();
    world.zendesk_users(1..=3);
    let sandbox = world.sandbox();
    world.settings(json!({"zoho": {"concurrency": 0}}));
    let plan = |user: &str, fault: &str| {
        let planned = json!({"user": user, "fault": fault, "times": 1});
        let planned = serde_json::from_value(planned).unwrap();
        sandbox
            .with(|sandbox, now| sandbox.plan("", planned, now))
            .unwrap();
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let delete = |user: u32| {
        let url = format!("{}/api/v2/users/{user}", world.base());
        let request = client.delete(url).bearer_auth("sandbox-oauth");
        request.timeout(Duration::from_secs(2)).send()
    };
    plan("1", "reset-after");
    plan("2", "cut");
    plan("3", "slow");
    world.block_on(async {
        let error = delete(1).await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        let mut cut = delete(2).await.unwrap();
        let (promised, mut came) = (cut.content_length().unwrap(), 0);
        while let Ok(Some(chunk)) = cut.chunk().await {
            came += chunk.len() as u64;
        }
        assert_eq!(came, promised / 2);
        assert!(delete(3).await.unwrap_err().is_timeout());
    });
    // What a client hung up on is done all the same.
    assert!(sandbox.log(None).iter().all(|entry| entry.effect));
}
