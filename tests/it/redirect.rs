//! A redirect is never followed with a deletion, nor are credentials shown to another host.

use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{World, ids};

#[test]
fn a_redirect_stops_the_account_and_the_other_host_hears_nothing() {
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, elsewhere) =
        runtime.block_on(async { (MockServer::start().await, MockServer::start().await) });
    runtime.block_on(async {
        let me = json!({"user": {"id": 9, "name": "Ops", "role": "admin", "active": true}});
        let me = ResponseTemplate::new(200).set_body_json(me);
        Mock::given(path("/api/v2/users/me"))
            .respond_with(me)
            .mount(&server)
            .await;
        let nobody = ResponseTemplate::new(200).set_body_json(json!({"users": []}));
        Mock::given(path("/api/v2/users/show_many"))
            .respond_with(nobody)
            .mount(&server)
            .await;
        let moved = ResponseTemplate::new(307).insert_header(
            "location",
            format!("{}/api/v2/users/1", elsewhere.uri()).as_str(),
        );
        Mock::given(method("DELETE"))
            .respond_with(moved)
            .mount(&server)
            .await;
    });
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
