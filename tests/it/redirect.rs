//! A redirect is never followed with a deletion, nor are credentials shown to another host.

use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{World, ids, zendesk_that};

#[test]
fn a_redirect_stops_the_account_and_the_other_host_hears_nothing() {
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let elsewhere = runtime.block_on(MockServer::start());
    let location = format!("{}/api/v2/users/1", elsewhere.uri());
    let moved = ResponseTemplate::new(307).insert_header("location", location.as_str());
    let server = runtime.block_on(zendesk_that(moved));
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
    world.call(&args).code(3).says("resume");
    let status = world.status("users.csv.ledger.jsonl");
    assert_eq!(
        (&status["state"], &status["outcomes"]["pending"]),
        (&json!("stopped"), &json!(3))
    );
    let heard = runtime.block_on(elsewhere.received_requests()).unwrap();
    assert!(heard.is_empty(), "{heard:?}");
}
