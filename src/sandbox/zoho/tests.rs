//! Every documented answer, by table.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::crm::Crm;
use crate::domain::Time;
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
use crate::sandbox::route::Route;
use crate::sandbox::seed::{ZohoKind, ZohoSeed};
use crate::sandbox::settings::Settings;

const CALLER: &str = "5725767000000411001";
const START: Time = Time::from_millis(1_795_340_600_000);

/// An org with a user of every kind, and a token.
struct Bench {
    crm: Crm,
    settings: Settings,
    token: String,
    now: Time,
}

impl Bench {
    fn new(change: Value) -> Self {
        let settings = Settings::default().changed(change).unwrap();
        let mut crm = Crm::new("default", &Credentials::default(), &settings);
        for (id, kind, state) in [
            ("5725767000000411100", ZohoKind::Regular, "active"),
            ("5725767000000411101", ZohoKind::Regular, "active"),
            ("5725767000000411102", ZohoKind::Regular, "deleted"),
            ("5725767000000411103", ZohoKind::PrimaryContact, "active"),
            ("5725767000000411104", ZohoKind::Support, "active"),
            ("5725767000000411105", ZohoKind::System, "active"),
            ("5725767000000411106", ZohoKind::DigitalEmployee, "active"),
            ("5725767000000411107", ZohoKind::Closed, "active"),
            ("5725767000000411108", ZohoKind::Regular, "inactive"),
        ] {
            let seed = ZohoSeed {
                id: id.to_owned(),
                kind,
                state: state.to_owned(),
            };
            crm.seed(&seed).unwrap();
        }
        let mut bench = Self {
            crm,
            settings,
            token: String::new(),
            now: START,
        };
        let reply = bench.mint();
        let token = reply.value()["access_token"].as_str().map(str::to_owned);
        bench.token = token.unwrap_or_default();
        bench
    }

    fn mint(&mut self) -> Reply {
        self.handle(&token_request(&[]))
    }

    fn send(&mut self, method: &str, target: &str) -> Reply {
        let authorization = format!("Zoho-oauthtoken {}", self.token);
        self.handle(&Request::new(method, target).with("authorization", &authorization))
    }

    fn delete(&mut self, tail: &str) -> Reply {
        self.send("DELETE", &format!("/crm/v8/users/5725767000000411{tail}"))
    }

    fn handle(&mut self, request: &Request) -> Reply {
        self.crm.handle(request, &Route::of(request), self.now)
    }

    fn change(&mut self, change: Value) {
        self.settings = self.settings.changed(change).unwrap();
        self.crm.configure(&self.settings);
    }

    fn state(&self, tail: &str) -> (String, u32) {
        let id = format!("5725767000000411{tail}");
        let states = self.crm.states();
        let user = states.into_iter().find(|user| user.id == id).unwrap();
        (user.state, user.changes)
    }
}

fn token_request(change: &[(&str, &str)]) -> Request {
    let mut form = vec![
        ("client_id", "1000.SANDBOX"),
        ("client_secret", "sandbox-secret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "1000.sandbox-refresh"),
    ];
    for (key, value) in change {
        form.retain(|(name, _)| name != key);
        form.push((key, value));
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    Request::new("POST", "/oauth/v2/token").body(&body)
}

#[rstest]
#[case("100", 200, "SUCCESS", "User deleted", json!({"id": "5725767000000411100"}))]
#[case("101", 200, "SUCCESS", "User deleted", json!({}))]
#[case("108", 200, "SUCCESS", "User deleted", json!({"id": "5725767000000411108"}))]
#[case("102", 400, "ID_ALREADY_DELETED", "User is already deleted", json!({"json_path": "$.users[0].id", "id": "5725767000000411102"}))]
#[case("103", 400, "INVALID_REQUEST", "Primary contact cannot be deleted", json!({}))]
#[case("104", 400, "NOT_ALLOWED", "Support user cannot be deleted", json!({"resource_path_index": 1}))]
#[case("105", 400, "NOT_ALLOWED", "System user cannot be deleted", json!({"resource_path_index": 1}))]
#[case("106", 400, "NOT_ALLOWED", "Digital Employee cannot be deleted/deactivated/activated", json!({"resource_path_index": 1}))]
fn deleting_a_user_is_answered_in_the_users_envelope(
    #[case] tail: &str,
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
    #[case] details: Value,
) {
    let mut bench = Bench::new(json!({}));
    let reply = bench.delete(tail);
    assert_eq!(reply.status, status);
    let word = if status == 200 { "success" } else { "error" };
    assert_eq!(
        reply.value(),
        json!({"users": [{"code": code, "details": details, "message": message, "status": word}]})
    );
    assert_eq!(reply.effect, status == 200);
    assert_eq!(bench.state(tail).1, u32::from(status == 200));
}

#[rstest]
#[case("900", 400, "the id given seems to be invalid")]
#[case("901", 400, "the_id_given_seems_to_be_invalid")]
#[case("902", 200, "the id given seems to be invalid")]
fn an_unknown_id_is_invalid_data_whatever_the_status(
    #[case] tail: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let reply = Bench::new(json!({})).delete(tail);
    assert_eq!(reply.status, status);
    assert_eq!(
        reply.value(),
        json!({
            "code": "INVALID_DATA",
            "details": {"resource_path_index": 1},
            "message": message,
            "status": "error",
        })
    );
}

#[test]
fn deleting_twice_is_told_and_has_one_effect() {
    let mut bench = Bench::new(json!({}));
    assert!(bench.delete("100").effect);
    let repeat = bench.delete("100");
    assert_eq!(
        repeat.value()["users"][0]["code"],
        json!("ID_ALREADY_DELETED")
    );
    assert!(!repeat.effect);
    assert_eq!(bench.state("100"), ("deleted".to_owned(), 1));
}

#[rstest]
#[case(json!({"rights": "no-privilege"}), 400, "/users/0/code", "AUTHORIZATION_FAILED", "User does not have sufficient previlege to delete users")]
#[case(json!({"rights": "no-manage-users"}), 403, "/code", "NO_PERMISSION", "permission denied")]
#[case(json!({"rights": "no-api-access"}), 403, "/code", "NO_PERMISSION", "permission denied")]
#[case(json!({"org": "sandbox"}), 400, "/users/0/code", "NOT_ALLOWED", "You cannot delete user in a sandbox org")]
#[case(json!({"scopes": ["ZohoCRM.users.READ"]}), 401, "/code", "OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL")]
#[case(json!({"deletion_cap": 0}), 403, "/code", "PERMISSION_DENIED", "User deletion is not allowed for the org because of CrmKeyValue entry RESTRICT_USER_DELETION_FOR_THE_ORG & deleted users count exceeded 0")]
fn what_condemns_the_whole_org_is_told_so_and_deletes_nobody(
    #[case] zoho: Value,
    #[case] status: u16,
    #[case] pointer: &str,
    #[case] code: &str,
    #[case] message: &str,
) {
    let mut bench = Bench::new(json!({"zoho": zoho}));
    let reply = bench.delete("100");
    assert_eq!(reply.status, status);
    let body = reply.value();
    assert_eq!(body.pointer(pointer), Some(&json!(code)));
    let message_at = pointer.replace("code", "message");
    assert_eq!(body.pointer(&message_at), Some(&json!(message)));
    assert_eq!(bench.state("100"), ("active".to_owned(), 0));
}

#[test]
fn a_closed_user_is_permission_denied_at_the_top() {
    let reply = Bench::new(json!({})).delete("107");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.value()["code"], json!("PERMISSION_DENIED"));
    let message = "You can't perform this action over a closed/deleted user";
    assert_eq!(reply.value()["message"], json!(message));
}

#[test]
fn the_cap_on_deletions_counts_those_that_were_done() {
    let mut bench = Bench::new(json!({"zoho": {"deletion_cap": 1}}));
    assert_eq!(bench.delete("900").value()["code"], json!("INVALID_DATA"));
    assert_eq!(bench.delete("100").status, 200);
    assert_eq!(
        bench.delete("101").value()["code"],
        json!("PERMISSION_DENIED")
    );
    bench.change(json!({"zoho": {"deletion_cap": null}}));
    assert_eq!(bench.delete("101").status, 200);
}

#[rstest]
#[case("DELETE", "/crm/v8/users/zcrm_1", 404, "INVALID_URL_PATTERN")]
#[case("DELETE", "/crm/v9/users/1", 404, "INVALID_URL_PATTERN")]
#[case("DELETE", "/crm/v8/users/", 404, "INVALID_URL_PATTERN")]
#[case("DELETE", "/crm/v8/users", 400, "INVALID_REQUEST_METHOD")]
#[case("GET", "/crm/v8/users?type=Kings", 400, "INVALID_DATA")]
#[case("GET", "/crm/v8/users?per_page=201", 400, "INVALID_DATA")]
fn a_wrong_path_or_method_is_told_at_the_top(
    #[case] method: &str,
    #[case] target: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let reply = Bench::new(json!({})).send(method, target);
    assert_eq!(reply.status, status);
    assert_eq!(reply.value()["code"], json!(code));
}

#[rstest]
#[case(None, "AUTHENTICATION_FAILURE")]
#[case(Some("Bearer x"), "AUTHENTICATION_FAILURE")]
#[case(Some("Zoho-oauthtoken 1000.x"), "INVALID_TOKEN")]
fn without_a_good_token_all_is_401(#[case] header: Option<&str>, #[case] code: &str) {
    let mut request = Request::new("DELETE", "/crm/v8/users/5725767000000411100");
    if let Some(header) = header {
        request = request.with("authorization", header);
    }
    let reply = Bench::new(json!({})).handle(&request);
    assert_eq!(reply.status, 401);
    assert_eq!(reply.value()["code"], json!(code));
}

// ---- Reading ------------------------------------------------------------------------------------

#[rstest]
#[case("users/5725767000000411100", 200, "/users/0/status", json!("active"))]
#[case("users/5725767000000411102", 200, "/users/0/status", json!("deleted"))]
#[case("users/5725767000000411104", 200, "/users/0/type__s", json!("Support User"))]
#[case("users/5725767000000411107", 200, "/users/0/status", json!("closed"))]
#[case("users?type=CurrentUser", 200, "/users/0/id", json!(CALLER))]
#[case("users?type=CurrentUser", 200, "/users/0/profile/name", json!("Administrator"))]
#[case("users?type=DeletedUsers", 200, "/info/count", json!(1))]
#[case("users?type=AllUsers&per_page=2&page=2", 200, "/info/more_records", json!(true))]
#[case("users?ids=5725767000000411100,5725767000000411900,5725767000000411102", 200, "/info/count", json!(2))]
#[case("org", 200, "/org/0/primary_email", json!("seller.5725767000000411103@customers.example"))]
fn reading_is_answered_so(
    #[case] path: &str,
    #[case] status: u16,
    #[case] pointer: &str,
    #[case] value: Value,
) {
    let reply = Bench::new(json!({})).send("GET", &format!("/crm/v8/{path}"));
    assert_eq!(reply.status, status);
    assert_eq!(
        reply.value().pointer(pointer),
        Some(&value),
        "{}",
        reply.value()
    );
}

#[rstest]
#[case("users/5725767000000411900")]
#[case("users?ids=5725767000000411900")]
#[case("users?page=9")]
fn nobody_is_204_without_a_body(#[case] path: &str) {
    let reply = Bench::new(json!({})).send("GET", &format!("/crm/v8/{path}"));
    assert_eq!((reply.status, reply.body.len()), (204, 0));
}

#[test]
fn deleted_users_may_be_unreadable() {
    let mut bench = Bench::new(json!({"zoho": {"deleted_readable": false}}));
    let reply = bench.send("GET", "/crm/v8/users/5725767000000411102");
    assert_eq!(reply.status, 204);
}

#[test]
fn more_than_a_hundred_ids_are_too_many() {
    let mut bench = Bench::new(json!({}));
    let ids = vec!["5725767000000411100"; 101].join(",");
    let reply = bench.send("GET", &format!("/crm/v8/users?ids={ids}"));
    assert_eq!(
        (reply.status, &reply.value()["code"]),
        (400, &json!("INVALID_DATA"))
    );
}

#[test]
fn the_primary_contact_can_be_told_by_zuid_and_orgs_by_zgid() {
    let mut bench = Bench::new(json!({}));
    let org = bench.send("GET", "/crm/v8/org").value()["org"][0].clone();
    let user = bench
        .send("GET", "/crm/v8/users/5725767000000411103")
        .value();
    assert_eq!(org["primary_zuid"], user["users"][0]["zuid"]);
    assert_ne!(user["users"][0]["zuid"], user["users"][0]["id"]);
    let mut other = Crm::new("acme", &Credentials::default(), &bench.settings);
    let request = token_request(&[]);
    let token = other.handle(&request, &Route::of(&request), START).value()["access_token"].clone();
    let authorization = format!("Zoho-oauthtoken {}", token.as_str().unwrap());
    let request = Request::new("GET", "/crm/v8/org").with("authorization", &authorization);
    let reply = other.handle(&request, &Route::of(&request), START);
    assert_ne!(reply.value()["org"][0]["zgid"], org["zgid"]);
    // An org has one though none of its users was put in as such.
    assert!(reply.value()["org"][0]["primary_zuid"].is_string());
    // And no tenant takes another's token.
    assert_eq!(bench.handle(&request).status, 401);
}

// ---- Tokens and limits --------------------------------------------------------------------------

#[rstest]
#[case(&[], json!({"token_type": "Bearer", "expires_in": 3600, "api_domain": "http://127.0.0.1:1"}))]
#[case(&[("refresh_token", "wrong")], json!({"error": "invalid_code"}))]
#[case(&[("client_id", "wrong")], json!({"error": "invalid_client"}))]
#[case(&[("client_secret", "wrong")], json!({"error": "invalid_client_secret"}))]
fn tokens_are_handed_out_or_refused_with_status_200(
    #[case] change: &[(&str, &str)],
    #[case] body: Value,
) {
    let reply = Bench::new(json!({})).handle(&token_request(change));
    assert_eq!(reply.status, 200);
    let mut shown = reply.value();
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("access_token");
    }
    assert_eq!(shown, body);
}

#[test]
fn the_parameters_may_stand_in_the_query() {
    let mut request = token_request(&[]);
    request.query = request.form();
    request.body.clear();
    let reply = Bench::new(json!({})).handle(&request);
    assert!(reply.value()["access_token"].is_string());
}

#[test]
fn the_eleventh_token_in_ten_minutes_is_access_denied_with_status_400() {
    let mut bench = Bench::new(json!({}));
    for _ in 1..10 {
        assert_eq!(bench.mint().status, 200);
    }
    let reply = bench.mint();
    assert_eq!(reply.status, 400);
    assert_eq!(reply.value()["error"], json!("Access Denied"));
    assert_eq!(bench.send("GET", "/crm/v8/org").status, 200);
    bench.now = bench.now.after(Duration::from_mins(10));
    assert_eq!(bench.mint().status, 200);
}

#[test]
fn a_token_may_die_before_its_time() {
    let mut bench = Bench::new(json!({"token_lifetime": "2s"}));
    bench.now = bench.now.after(Duration::from_millis(1_999));
    assert_eq!(bench.send("GET", "/crm/v8/org").status, 200);
    bench.now = bench.now.after(Duration::from_millis(1));
    assert_eq!(bench.send("GET", "/crm/v8/org").status, 401);
}

#[test]
fn credits_are_told_from_half_on_and_then_run_out() {
    let mut bench = Bench::new(json!({"zoho": {"credits": "4/1d"}}));
    let mut header = || {
        let reply = bench.send("GET", "/crm/v8/org");
        reply.header("x-api-credits-remaining").map(str::to_owned)
    };
    assert_eq!(header(), None);
    assert_eq!(header().as_deref(), Some("2"));
    assert_eq!(header().as_deref(), Some("1"));
    assert_eq!(header().as_deref(), Some("0"));
    let reply = bench.delete("100");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.value()["code"], json!("RATE_LIMIT_EXCEEDED"));
    assert_eq!(reply.header("retry-after"), None);
    assert_eq!(bench.state("100").0, "active");
    bench.now = bench.now.after(Duration::from_hours(24));
    bench.token = bench.mint().value()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(bench.delete("100").status, 200);
}

#[test]
fn one_request_too_many_at_once_is_refused_and_costs_no_credit() {
    let mut bench = Bench::new(json!({"zoho": {"concurrency": 2, "credits": "1/1d"}}));
    let authorization = format!("Zoho-oauthtoken {}", bench.token);
    let mut request = Request::new("DELETE", "/crm/v8/users/5725767000000411100")
        .with("authorization", &authorization);
    request.in_flight = 3;
    let reply = bench.handle(&request);
    assert_eq!(reply.status, 429);
    assert_eq!(reply.value()["code"], json!("TOO_MANY_REQUESTS"));
    assert_eq!(reply.header("retry-after"), None);
    request.in_flight = 2;
    assert_eq!(bench.handle(&request).status, 200);
}

#[rstest]
#[case("", "active")]
#[case("12x", "active")]
#[case("12345678901234567890", "active")]
#[case("1", "asleep")]
fn a_user_that_cannot_be_is_not_seeded(#[case] id: &str, #[case] state: &str) {
    let seed = ZohoSeed {
        id: id.to_owned(),
        kind: ZohoKind::Regular,
        state: state.to_owned(),
    };
    assert!(Bench::new(json!({})).crm.seed(&seed).is_err());
}
