//! Every documented answer, by table.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use rstest::rstest;
use serde_json::{Value, json};

use super::conversations::Conversations;
use crate::domain::Time;
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
use crate::sandbox::route::Route;
use crate::sandbox::seed::SuncoSeed;
use crate::sandbox::settings::Settings;

const APP: &str = "/v2/apps/5963c0d619a30a2e00de36b8";
const ID: &str = "5fa1c0d619a30a2e00000001";
const NOW: Time = Time::from_millis(1_795_340_600_000);

fn app(change: Value) -> Conversations {
    let settings = Settings::default().changed(change).unwrap();
    let mut app = Conversations::new(&Credentials::default(), &settings);
    let seed = |id: &str, external: Option<&str>, brand: Option<&str>, state: &str| SuncoSeed {
        id: id.to_owned(),
        external_id: external.map(str::to_owned),
        brand_id: brand.map(str::to_owned),
        state: state.to_owned(),
    };
    for user in [
        seed(ID, Some("shop/1001 ä?#%+"), None, "active"),
        seed("5fa1c0d619a30a2e00000002", None, None, "deleted"),
        seed(
            "5fa1c0d619a30a2e00000003",
            Some("vip"),
            Some("b1"),
            "active",
        ),
    ] {
        app.seed(&user, NOW).unwrap();
    }
    app
}

fn send(app: &mut Conversations, method: &str, target: &str) -> Reply {
    let request = Request::new(method, target).basic("app_sandbox", "sandbox-secret");
    app.handle(&request, &Route::of(&request), NOW)
}

#[rstest]
#[case("GET", "", 200, "/app/id", json!("5963c0d619a30a2e00de36b8"))]
#[case("GET", "/users/5fa1c0d619a30a2e00000001", 200, "/user/id", json!(ID))]
#[case("GET", "/users/shop%2F1001%20%C3%A4%3F%23%25%2B", 200, "/user/id", json!(ID))]
#[case("GET", "/users/nobody", 404, "/errors/0/code", json!("user_not_found"))]
#[case("DELETE", "/users/5fa1c0d619a30a2e00000001", 200, "", json!({}))]
#[case("DELETE", "/users/shop%2F1001%20%C3%A4%3F%23%25%2B", 200, "", json!({}))]
#[case("DELETE", "/users/5fa1c0d619a30a2e00000002", 404, "/errors/0/code", json!("user_not_found"))]
#[case("DELETE", "/users/vip", 404, "/errors/0/code", json!("user_not_found"))]
#[case("DELETE", "/users/vip?brandId=b1", 200, "", json!({}))]
#[case("DELETE", "/users/5fa1c0d619a30a2e00000003", 200, "", json!({}))]
#[case("DELETE", "/users/5fa1c0d619a30a2e00000001/personalinformation", 200, "/user/profile", json!({}))]
#[case("DELETE", "/users/5fa1c0d619a30a2e00000001/personalinformation", 200, "/user/identities", json!([]))]
#[case("DELETE", "/users/5fa1c0d619a30a2e00000001/personalinformation", 200, "/user/externalId", json!("shop/1001 ä?#%+"))]
#[case("DELETE", "/users/nobody/personalinformation", 404, "/errors/0/code", json!("user_not_found"))]
#[case("DELETE", "/users/", 404, "/errors/0/code", json!("not_found"))]
#[case("DELETE", "/users", 404, "/errors/0/code", json!("not_found"))]
fn a_good_key_is_answered_so(
    #[case] method: &str,
    #[case] path: &str,
    #[case] status: u16,
    #[case] pointer: &str,
    #[case] value: Value,
) {
    for base in ["", "/sc"] {
        let reply = send(&mut app(json!({})), method, &format!("{base}{APP}{path}"));
        assert_eq!(reply.status, status, "{}", reply.value());
        assert_eq!(
            reply.value().pointer(pointer),
            Some(&value),
            "{}",
            reply.value()
        );
    }
}

#[test]
fn a_deleted_user_is_not_found_afterwards_by_either_id() {
    let mut app = app(json!({}));
    let by_id = format!("{APP}/users/{ID}");
    let by_external = format!("{APP}/users/shop%2F1001%20%C3%A4%3F%23%25%2B");
    assert!(send(&mut app, "DELETE", &by_external).effect);
    for path in [&by_id, &by_external] {
        for method in ["GET", "DELETE"] {
            let reply = send(&mut app, method, path);
            assert!(reply.status == 404 && !reply.effect);
        }
    }
}

#[test]
fn clearing_keeps_the_user_and_can_be_repeated_without_effect() {
    let mut app = app(json!({}));
    let path = format!("{APP}/users/{ID}/personalinformation");
    assert!(send(&mut app, "DELETE", &path).effect);
    let repeat = send(&mut app, "DELETE", &path);
    assert!(repeat.status == 200 && !repeat.effect);
    let read = send(&mut app, "GET", &format!("{APP}/users/{ID}")).value();
    assert_eq!(read["user"]["profile"], json!({}));
    assert_eq!(read["user"]["id"], json!(ID));
    assert!(send(&mut app, "DELETE", &format!("{APP}/users/{ID}")).effect);
}

#[test]
fn another_app_is_not_found_whoever_the_user() {
    let reply = send(
        &mut app(json!({})),
        "DELETE",
        &format!("/v2/apps/0000/users/{ID}"),
    );
    assert_eq!(reply.status, 404);
    assert_eq!(reply.value()["errors"][0]["code"], json!("app_not_found"));
}

#[rstest]
#[case("app", 200)]
#[case("account", 200)]
#[case("integration", 200)]
#[case("user", 403)]
fn a_key_of_another_scope_is_forbidden(#[case] scope: &str, #[case] status: u16) {
    let mut app = app(json!({"sunco": {"key_scope": scope}}));
    let reply = send(&mut app, "DELETE", &format!("{APP}/users/{ID}"));
    assert_eq!(reply.status, status);
    if status == 403 {
        assert_eq!(reply.value()["errors"][0]["code"], json!("forbidden"));
    }
}

fn jwt(algorithm: &str, kid: Option<&str>, secret: &str, claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": algorithm, "kid": kid});
    let signed = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = signed.join(".");
    let hash = if algorithm == "HS512" {
        hmac::HMAC_SHA512
    } else {
        hmac::HMAC_SHA256
    };
    let signature = hmac::sign(&hmac::Key::new(hash, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[rstest]
#[case("HS256", Some("app_sandbox"), "sandbox-secret", json!({"scope": "app"}), 200)]
#[case("HS256", Some("app_sandbox"), "wrong", json!({"scope": "app"}), 401)]
#[case("HS256", Some("app_other"), "sandbox-secret", json!({"scope": "app"}), 401)]
#[case("HS256", None, "sandbox-secret", json!({"scope": "app"}), 401)]
#[case("HS512", Some("app_sandbox"), "sandbox-secret", json!({"scope": "app"}), 401)]
#[case("HS256", Some("app_sandbox"), "sandbox-secret", json!({"scope": "user"}), 403)]
#[case("HS256", Some("app_sandbox"), "sandbox-secret", json!({}), 403)]
#[case("HS256", Some("app_sandbox"), "sandbox-secret", json!({"scope": "app", "exp": 1_795_340_600}), 401)]
#[case("HS256", Some("app_sandbox"), "sandbox-secret", json!({"scope": "app", "exp": 1_795_340_601}), 200)]
fn a_jwt_is_checked(
    #[case] algorithm: &str,
    #[case] kid: Option<&str>,
    #[case] secret: &str,
    #[case] claims: Value,
    #[case] status: u16,
) {
    let token = jwt(algorithm, kid, secret, &claims);
    let request = Request::new("GET", APP).with("authorization", &format!("Bearer {token}"));
    assert_eq!(
        app(json!({}))
            .handle(&request, &Route::of(&request), NOW)
            .status,
        status
    );
}

#[test]
fn without_a_good_key_all_is_unauthorized() {
    for request in [
        Request::new("GET", APP),
        Request::new("GET", APP).basic("app_sandbox", "wrong"),
        Request::new("DELETE", &format!("{APP}/users/{ID}")).with("authorization", "Bearer x.y.z"),
    ] {
        let reply = app(json!({})).handle(&request, &Route::of(&request), NOW);
        assert_eq!(reply.status, 401);
        assert_eq!(reply.value()["errors"][0]["code"], json!("unauthorized"));
    }
}

#[test]
fn over_the_limit_nothing_happens_and_nobody_says_when_to_come_back() {
    let mut app = app(json!({"sunco": {"quota": "1/1m"}}));
    assert_eq!(send(&mut app, "GET", APP).status, 200);
    let reply = send(&mut app, "DELETE", &format!("{APP}/users/{ID}"));
    assert_eq!(reply.status, 429);
    assert_eq!(
        reply.value()["errors"][0]["code"],
        json!("too_many_requests")
    );
    assert_eq!(reply.header("retry-after"), None);
    assert!(!reply.effect);
    let request = Request::new("GET", APP).basic("app_sandbox", "sandbox-secret");
    assert_eq!(
        app.handle(
            &request,
            &Route::of(&request),
            NOW.after(Duration::from_mins(1))
        )
        .status,
        200
    );
}

#[rstest]
#[case("5fa1", None, "active")]
#[case("5fa1c0d619a30a2e0000000x", None, "active")]
#[case(ID, Some(""), "active")]
#[case(ID, None, "cleared")]
fn a_user_that_cannot_be_is_not_seeded(
    #[case] id: &str,
    #[case] external: Option<&str>,
    #[case] state: &str,
) {
    let seed = SuncoSeed {
        id: id.to_owned(),
        external_id: external.map(str::to_owned),
        brand_id: None,
        state: state.to_owned(),
    };
    assert!(app(json!({})).seed(&seed, NOW).is_err());
}
