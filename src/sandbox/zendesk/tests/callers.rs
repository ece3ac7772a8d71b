//! What a caller may do, and what is said to one who is nobody.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::Bench;
use crate::sandbox::message::Request;

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
