//! Over real sockets on loopback: what breaks, what is kept apart, what a judge can ask.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use rstest::rstest;
use serde_json::{Value, json};

use super::Running;
use crate::sandbox::{
    Call, Fault, LogEntry, PlannedFault, Population, Sandbox, SandboxError, SandboxOptions, Seed,
    ZendeskSeed, ZohoSeed,
};

/// A client with the only cryptography there is.
fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

async fn start() -> Running {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    sandbox.seed(&users("default")).unwrap();
    sandbox
}

fn users(tenant: &str) -> Seed {
    let user = |id: &str| ZendeskSeed {
        id: id.to_owned(),
        ..ZendeskSeed::default()
    };
    let zoho = |id: &str| ZohoSeed {
        id: id.to_owned(),
        ..ZohoSeed::default()
    };
    Seed {
        tenant: tenant.to_owned(),
        zendesk: vec![user("1001"), user("1002")],
        sunco: Vec::new(),
        zoho: vec![zoho("5725767000000411100"), zoho("5725767000000411101")],
    }
}

fn zendesk(base: &str, method: Method, path: &str) -> RequestBuilder {
    client()
        .request(method, format!("{base}/api/v2/{path}"))
        .basic_auth("ops@acme.example/token", Some("sandbox-token"))
}

fn delete(sandbox: &Running, id: &str) -> RequestBuilder {
    zendesk(&sandbox.base_url(), Method::DELETE, &format!("users/{id}"))
}

async fn body(request: RequestBuilder) -> Value {
    let bytes = request.send().await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn state(sandbox: &Running, tenant: &str, id: &str) -> String {
    let users = sandbox.users(Some(tenant));
    users.into_iter().find(|user| user.id == id).unwrap().state
}

fn plan(sandbox: &Running, user: &str, fault: Fault) {
    let fault = PlannedFault {
        user: user.to_owned(),
        fault,
        times: 1,
    };
    sandbox.plan_fault("default", fault).unwrap();
}

/// The log, once `count` requests were carried out.
async fn carried_out(sandbox: &Running, count: usize) -> Vec<LogEntry> {
    let came = sandbox.carried_out(count);
    tokio::time::timeout(Duration::from_secs(10), came)
        .await
        .unwrap();
    sandbox.log(None)
}

#[tokio::test]
async fn it_serves_on_loopback_only() {
    let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let options = SandboxOptions {
        listen,
        ..SandboxOptions::default()
    };
    let error = Sandbox::start(options).await.unwrap_err();
    assert!(matches!(error, SandboxError::NotLoopback { addr } if addr == listen));
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_address() {
    let sandbox = start().await;
    let options = SandboxOptions {
        listen: sandbox.addr(),
        ..SandboxOptions::default()
    };
    let error = Sandbox::start(options).await.unwrap_err();
    assert!(error.to_string().contains(&sandbox.addr().to_string()));
}

#[tokio::test]
async fn a_deletion_is_answered_logged_and_done() {
    let sandbox = start().await;
    let answer = body(delete(&sandbox, "1001")).await;
    assert_eq!(answer["user"]["active"], json!(false));
    let url = format!("{}/api/v2/users/1001.json", sandbox.base_url());
    assert_eq!(answer["user"]["url"], json!(url));
    let log = sandbox.log(None);
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].step, log[0].status, log[0].effect),
        (Call::Delete, Some(200), true)
    );
    assert_eq!((log[0].seq, log[0].user.as_deref()), (1, Some("1001")));
    assert_eq!(state(&sandbox, "default", "1001"), "soft-deleted");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn tenants_have_users_quotas_and_urls_of_their_own() {
    let sandbox = start().await;
    sandbox.seed(&users("acme")).unwrap();
    sandbox
        .change_settings("acme", json!({"zendesk": {"quota": "1/1m"}}))
        .unwrap();
    let acme = sandbox.tenant_url("acme");
    let answer = body(zendesk(&acme, Method::DELETE, "users/1001")).await;
    assert_eq!(
        answer["user"]["url"],
        json!(format!("{acme}/api/v2/users/1001.json"))
    );
    let second = zendesk(&acme, Method::DELETE, "users/1002")
        .send()
        .await
        .unwrap();
    assert_eq!(second.status(), 429);
    assert_eq!(state(&sandbox, "acme", "1001"), "soft-deleted");
    assert_eq!(state(&sandbox, "default", "1001"), "active");
    assert_eq!(delete(&sandbox, "1002").send().await.unwrap().status(), 200);
    assert_eq!(sandbox.log(Some("acme")).len(), 2);
    assert_eq!(sandbox.log(None).len(), 3);

    let token = client().post(format!("{acme}/oauth/v2/token")).body(
        "client_id=1000.SANDBOX&client_secret=sandbox-secret&grant_type=refresh_token\
         &refresh_token=1000.sandbox-refresh",
    );
    assert_eq!(body(token).await["api_domain"], json!(acme));
}

#[tokio::test]
async fn a_tenant_with_an_unfit_name_is_not_made() {
    let sandbox = start().await;
    let name = "x".repeat(65);
    let reply = zendesk(&sandbox.tenant_url(&name), Method::GET, "users/me");
    assert_eq!(reply.send().await.unwrap().status(), 404);
    assert!(sandbox.settings("a/b").is_err());
}

#[rstest]
#[case(Fault::Reset, false)]
#[case(Fault::ResetAfter, true)]
#[tokio::test]
async fn a_reset_closes_the_connection_without_an_answer(
    #[case] fault: Fault,
    #[case] effect: bool,
) {
    let sandbox = start().await;
    plan(&sandbox, "1001", fault);
    let error = delete(&sandbox, "1001").send().await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    let entry = &sandbox.log(None)[0];
    assert_eq!((entry.status, entry.effect), (None, effect));
    assert_eq!(entry.fault, Some(fault));
    assert_eq!(state(&sandbox, "default", "1001") == "soft-deleted", effect);
    // Once, as planned: the next one comes through.
    let status = if effect { 422 } else { 200 };
    assert_eq!(
        delete(&sandbox, "1001").send().await.unwrap().status(),
        status
    );
}

#[tokio::test]
async fn a_cut_answer_has_its_status_and_half_of_its_body() {
    let sandbox = start().await;
    plan(&sandbox, "1001", Fault::Cut);
    let mut response = delete(&sandbox, "1001").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let promised = response.content_length().unwrap();
    let mut came = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => came += chunk.len() as u64,
            Ok(None) => panic!("the answer came whole"),
            Err(error) => break error,
        }
    };
    assert!(!error.is_timeout());
    assert_eq!(came, promised / 2);
    assert_eq!(state(&sandbox, "default", "1001"), "soft-deleted");
}

#[tokio::test]
async fn an_answer_may_name_another_user() {
    let sandbox = start().await;
    plan(&sandbox, "1001", Fault::WrongId);
    let answer = body(delete(&sandbox, "1001")).await;
    assert_eq!(answer["user"]["id"], json!(1007));
    assert_eq!(state(&sandbox, "default", "1001"), "soft-deleted");
}

#[tokio::test]
async fn what_a_client_hung_up_on_is_done_all_the_same() {
    let sandbox = start().await;
    plan(&sandbox, "1001", Fault::Slow);
    let request = delete(&sandbox, "1001").timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());
    let log = carried_out(&sandbox, 1).await;
    assert!(log[0].effect);
    // And the minute it would take does not hold the shutdown up.
    tokio::time::timeout(Duration::from_secs(4), sandbox.shutdown())
        .await
        .unwrap();
}

#[rstest]
#[case(Fault::Html, 200, "text/html; charset=utf-8", None)]
#[case(Fault::Throttle, 429, "text/plain; charset=utf-8", Some("1"))]
#[case(Fault::Error500, 500, "application/json; charset=utf-8", None)]
#[case(Fault::Error503, 503, "application/json; charset=utf-8", Some("1"))]
#[tokio::test]
async fn a_fault_with_an_answer_has_no_effect(
    #[case] fault: Fault,
    #[case] status: u16,
    #[case] content_type: &str,
    #[case] retry_after: Option<&str>,
) {
    let sandbox = start().await;
    plan(&sandbox, "1001", fault);
    let response = delete(&sandbox, "1001").send().await.unwrap();
    assert_eq!(response.status(), status);
    let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap());
    assert_eq!(header("content-type"), Some(content_type));
    assert_eq!(header("retry-after"), retry_after);
    assert_eq!(state(&sandbox, "default", "1001"), "active");
}

#[tokio::test]
async fn faults_spare_reads_unless_told_otherwise() {
    let sandbox = start().await;
    let read = || zendesk(&sandbox.base_url(), Method::GET, "users/1001").send();
    sandbox
        .change_settings("default", json!({"faults": "error500=100%"}))
        .unwrap();
    assert_eq!(read().await.unwrap().status(), 200);
    assert_eq!(delete(&sandbox, "1001").send().await.unwrap().status(), 500);
    sandbox
        .change_settings("default", json!({"faults": "error500=100%,reads=on"}))
        .unwrap();
    assert_eq!(read().await.unwrap().status(), 500);
}

#[tokio::test]
async fn racing_requests_never_get_past_a_quota() {
    let sandbox = start().await;
    sandbox
        .change_settings(
            "default",
            json!({"latency": "1ms..20ms", "zendesk": {"quota": "20/1d"}}),
        )
        .unwrap();
    let client = client();
    let requests = (0..60).map(|_| {
        let request = client.get(format!("{}/api/v2/users/1001", sandbox.base_url()));
        request
            .basic_auth("ops@acme.example/token", Some("sandbox-token"))
            .send()
    });
    let answers = futures::future::join_all(requests).await;
    let accepted = answers
        .into_iter()
        .filter(|a| a.as_ref().unwrap().status() == 200);
    assert_eq!(accepted.count(), 20);
}

#[tokio::test]
async fn zohos_concurrency_counts_requests_that_wait_for_their_answer() {
    let sandbox = start().await;
    sandbox
        .change_settings("default", json!({"zoho": {"concurrency": 1}}))
        .unwrap();
    let base = sandbox.base_url();
    let token = client().post(format!("{base}/oauth/v2/token")).body(
        "client_id=1000.SANDBOX&client_secret=sandbox-secret&grant_type=refresh_token\
         &refresh_token=1000.sandbox-refresh",
    );
    let token = body(token).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let delete = |id: &str| {
        client()
            .delete(format!("{base}/crm/v8/users/{id}"))
            .header("authorization", format!("Zoho-oauthtoken {token}"))
    };
    plan(&sandbox, "5725767000000411100", Fault::Slow);
    let waiting = tokio::spawn(delete("5725767000000411100").send());
    carried_out(&sandbox, 2).await;
    let response = delete("5725767000000411101").send().await.unwrap();
    assert_eq!(response.status(), 429);
    waiting.abort();
    assert!(waiting.await.is_err());
    assert_eq!(state(&sandbox, "default", "5725767000000411101"), "active");
}

#[tokio::test]
async fn a_path_of_nobodys_is_logged_as_such_and_no_query_ever_is() {
    let sandbox = start().await;
    let get = |path: &str| client().get(format!("{}{path}", sandbox.base_url()));
    let status = get("/nothing?secret=1").send().await.unwrap().status();
    assert_eq!(status, 404);
    let entry = &sandbox.log(None)[0];
    assert_eq!((entry.provider, entry.path.as_str()), (None, "/nothing"));
}

#[tokio::test]
async fn a_judge_in_another_process_seeds_changes_reads_and_resets() {
    let sandbox = start().await;
    let base = sandbox.base_url();
    let get = |path: &str| body(client().get(format!("{base}/_sandbox/{path}")));
    let post = |path: &str, json: Value| {
        let url = format!("{base}/_sandbox/{path}");
        body(client().post(url).body(json.to_string()))
    };
    let ok = json!({"ok": true});
    let seed = json!({
        "tenant": "acme",
        "zendesk": [{"id": "7", "state": "active", "role": "end-user", "open_tickets": 1}],
        "sunco": [{"id": "5fa1c0d619a30a2e00000001", "external_id": "x"}],
        "zoho": [{"id": "9", "kind": "primary_contact", "state": "active"}],
    });
    assert_eq!(post("users", seed).await, ok);
    let change = json!({"tenant": "acme", "zendesk": {"caller_role": "agent"}});
    assert_eq!(post("settings", change).await, ok);
    let fault = json!({"tenant": "acme", "user": "7", "fault": "throttle", "times": 1});
    assert_eq!(post("faults", fault).await, ok);
    let acme = sandbox.tenant_url("acme");
    for status in [429, 403] {
        let request = zendesk(&acme, Method::DELETE, "users/7");
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let settings = get("settings?tenant=acme").await;
    assert_eq!(settings["zendesk"]["caller_role"], json!("agent"));
    assert_eq!(
        get("settings").await["zendesk"]["caller_role"],
        json!("admin")
    );

    let log = get("requests?tenant=acme&user=7").await;
    assert_eq!(log.as_array().unwrap().len(), 2);
    assert_eq!(log[0]["step"], json!("delete"));
    assert_eq!(
        (&log[0]["status"], &log[1]["status"]),
        (&json!(429), &json!(403))
    );
    assert_eq!(get("requests?user=nobody").await, json!([]));
    let lines = client().get(format!("{base}/_sandbox/requests?format=jsonl"));
    let lines = lines.send().await.unwrap().text().await.unwrap();
    assert_eq!(lines.lines().count(), 2);
    let users = get("users?tenant=acme&provider=zoho&id=9").await;
    assert_eq!(users[0]["role"], json!("primary_contact"));
    let users = get("users?tenant=acme&id=x").await;
    assert_eq!(users[0]["provider"], json!("sunco"));

    assert_eq!(post("reset", json!({"tenant": "acme"})).await, ok);
    assert_eq!(get("requests").await, json!([]));
    assert_eq!(get("users?tenant=acme").await, json!([]));
    assert_eq!(state(&sandbox, "default", "1001"), "active");
    assert_eq!(get("nothing").await, json!({"error": "no such control"}));
}

#[rstest]
#[case("settings", json!({"latencies": "1s"}), "unknown field `latencies`")]
#[case("settings", json!({"tenant": 5}), "unknown field `tenant`")]
#[case("users", json!({"zendesk": [{"id": "x"}]}), "its id must be digits")]
#[case("faults", json!({"user": "7", "fault": "flood", "times": 1}), "unknown variant `flood`")]
#[tokio::test]
async fn a_control_that_makes_no_sense_is_told_why(
    #[case] path: &str,
    #[case] json: Value,
    #[case] why: &str,
) {
    let sandbox = start().await;
    let url = format!("{}/_sandbox/{path}", sandbox.base_url());
    let response = client()
        .post(url)
        .body(json.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let text = response.text().await.unwrap();
    assert!(text.contains(why), "{text}");
}

#[tokio::test]
async fn the_demo_has_its_people_and_gets_them_back_by_a_reset() {
    let options = SandboxOptions {
        population: Population::Demo,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    let all = sandbox.users(None).len();
    assert!(all > 300);
    assert_eq!(
        delete(&sandbox, "361808351000")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    sandbox.reset(None).unwrap();
    assert_eq!(state(&sandbox, "default", "361808351000"), "active");
    assert_eq!(sandbox.users(None).len(), all);
    assert!(sandbox.log(None).is_empty());
}

#[tokio::test]
async fn after_a_shutdown_nobody_answers() {
    let sandbox = start().await;
    let request = delete(&sandbox, "1001");
    sandbox.shutdown().await;
    assert!(request.send().await.unwrap_err().is_connect());
}
