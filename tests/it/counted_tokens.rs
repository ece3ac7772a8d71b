//! Tokens that the tenant itself gives out: their requests are under its quota like all others.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::raw::{After, Raw, answer};
use crate::support::usual::{LEDGER, PERMANENTLY};

/// How many requests of the log came within any one span of so many milliseconds at most.
fn most_within(at: &[i64], span_ms: i64) -> usize {
    let mut most = 0;
    for first in at {
        let span = *first..*first + span_ms;
        most = most.max(at.iter().filter(|at| span.contains(at)).count());
    }
    most
}

/// Before a sandbox, says of each token that it lives `life` seconds.
fn tokens_that_live(world: &World, life: u64) -> Raw {
    let to = world.sandbox().addr();
    Raw::start(move |heard, wire| {
        let carried = heard.carry(to);
        if heard.is_token() {
            let text = String::from_utf8(carried).unwrap();
            let body = text.split("\r\n\r\n").nth(1).unwrap();
            let mut token: Value = serde_json::from_str(body).unwrap();
            token["expires_in"] = json!(life);
            wire.send(answer(
                "200 OK",
                &["content-type: application/json"],
                token.to_string(),
            ));
        } else {
            wire.send(carried);
        }
        After::Keep
    })
}

#[test]
fn a_token_that_is_said_to_live_no_time_is_not_fetched_for_each_request_and_counts() {
    let world = World::of_soft_deleted(60);
    let server = tokens_that_live(&world, 0);
    let client = "client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"";
    let config = world
        .config()
        .replacen(
            "email = \"ops@acme.example\"\napi_token = \"sandbox-token\"",
            client,
            1,
        )
        .replacen("requests = \"100000/1s\"", "requests = \"40/2s\"", 1)
        .replacen(&world.base(), &server.base(), 1);
    world.configure(&config);
    world.call(&PERMANENTLY).code(0);
    let tokens = server
        .heard()
        .iter()
        .filter(|heard| heard.is_token())
        .count();
    assert!((1..=3).contains(&tokens), "{tokens} tokens");
    let log = world.sandbox().log(None);
    let at: Vec<i64> = log.iter().map(|call| call.at.as_millis()).collect();
    assert!(most_within(&at, 2_000) <= 40);
    let ledger = world.ledger(LEDGER);
    let told = ledger.iter().filter(|entry| entry["what"] == "token");
    assert_eq!(told.count(), tokens, "each is recorded");
}
