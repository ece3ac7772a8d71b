//! Answers that are not the provider's, or not about the user: each row gets one of its own.

use std::net::SocketAddr;

use rstest::rstest;

use super::{First, LEDGER, Stage, Who, honest};
use crate::support::raw::{After, Heard, Wire, answer};

/// Answers that confirm nothing, whoever sends them.
fn nonsense(who: Who, id: &str) -> Vec<Vec<u8>> {
    let json = "content-type: application/json";
    let other = who.success(&who.id(999));
    let own = who.success(id);
    let deep = format!("{}{}", "{\"user\":".repeat(200), "}".repeat(200));
    let mut all: Vec<Vec<u8>> = [
        "<html><body>Sorry, we are down for maintenance</body></html>",
        "",
        "{\"ok\":true}",
        "[]",
        "null",
        "\"deleted\"",
        "true",
        "{\"user\":null}",
        "{\"users\":[]}",
        "OK",
        deep.as_str(),
        other.as_str(),
        &own[..own.len() - 1],
        &format!("{own}{own}"),
        &format!("[{own}]"),
        "\u{0}\u{1}",
    ]
    .into_iter()
    .map(|body| answer("200 OK", &[json], body))
    .collect();
    all.push(answer("200 OK", &[json], b"\xff\xfe\x00{"));
    all.push(answer(
        "200 OK",
        &["content-type: text/html"],
        "<!-- {} -->{}",
    ));
    for status in [
        "201 Created",
        "202 Accepted",
        "203 Other",
        "206 Partial Content",
    ] {
        all.push(answer(status, &[json], &own));
    }
    all.push(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    all
}

/// How many answers [`nonsense`] has.
const KINDS: usize = 23;

fn at(heard: &Heard, who: Who) -> usize {
    let row = (0..KINDS).find(|n| who.id(*n) == heard.user());
    row.unwrap_or_else(|| panic!("{} is a user of the file", heard.user()))
}

fn strange(heard: &Heard, wire: &mut Wire, who: Who) -> After {
    wire.send(&nonsense(who, heard.user())[at(heard, who)]);
    After::Close
}

#[rstest]
fn an_answer_that_is_not_the_providers_is_never_a_deletion(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    assert_eq!(nonsense(who, &who.id(0)).len(), KINDS);
    let stage = Stage::new(who, KINDS, move |heard, wire, sandbox| {
        if heard.is_deletion() {
            return strange(heard, wire, who);
        }
        honest(heard, wire, sandbox)
    });
    stage
        .run(&["--attempts", "1", "--concurrency", "4"])
        .code(1);
    assert_eq!(
        stage.ends(),
        ["failed"; KINDS],
        "each stands, and a look says so"
    );
    assert_eq!(stage.gone(KINDS), 0);
}

#[rstest]
fn where_it_hides_a_deletion_the_next_answer_settles_it(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let first = First::default();
    let stage = Stage::new(who, KINDS, move |heard, wire, sandbox: SocketAddr| {
        if heard.is_deletion() && first.is(heard.user()) {
            heard.carry(sandbox);
            return strange(heard, wire, who);
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--concurrency", "8"]).code(0);
    assert_eq!(stage.ends(), ["deleted+"; KINDS]);
}

#[rstest]
fn nor_does_it_settle_a_doubt(#[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who) {
    let stage = Stage::new(who, KINDS, move |heard, wire, sandbox| {
        if heard.is_deletion() {
            return After::Reset;
        }
        if heard.is_look() {
            return strange(heard, wire, who);
        }
        honest(heard, wire, sandbox)
    });
    stage
        .run(&["--attempts", "1", "--concurrency", "4"])
        .code(1);
    let ends = stage.ends();
    // Zoho's 204 is its word for nobody, which is no effect of a deletion; the user named in a
    // look of Sunshine Conversations stands.
    let settled: Vec<&String> = ends.iter().filter(|end| *end != "in_doubt").collect();
    assert!(settled.iter().all(|end| *end == "failed"), "{ends:?}");
    assert!(settled.len() <= 2, "{ends:?}");
    assert_eq!(stage.gone(KINDS), 0);
}

/// A gateway that has lost its route answers 404 with nothing in it: that settles no doubt.
#[rstest]
#[case("")]
#[case("Not found")]
fn a_gateways_404_after_a_broken_request_is_no_deletion(#[case] words: &'static str) {
    let first = First::default();
    let stage = Stage::new(Who::Sunco, 1, move |heard, wire, sandbox| {
        if heard.is_deletion() && first.is(heard.user()) {
            return After::Reset;
        }
        if heard.is_deletion() || heard.is_look() {
            wire.send(answer("404 Not Found", &[], words));
            return After::Keep;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&[]).code(1);
    assert_eq!(stage.gone(1), 0);
    assert_eq!(stage.ends(), ["in_doubt"]);
}

#[rstest]
fn who_cannot_be_identified_is_sent_nothing(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
    #[values(0, 1, 2, 11, 18, 22)] kind: usize,
) {
    let stage = Stage::new(who, 1, move |heard, wire, sandbox| {
        if heard.is_identity() {
            wire.send(&nonsense(who, &who.id(0))[kind]);
            return After::Close;
        }
        honest(heard, wire, sandbox)
    });
    stage
        .run(&["--attempts", "1"])
        .code(2)
        .says("nothing was deleted");
    assert!(!stage.world.path(LEDGER).exists());
    assert!(stage.front.heard().iter().all(|heard| !heard.is_deletion()));
}

/// Roles of others than were asked for are no answer: the users asked for may be agents.
#[rstest]
#[case("<html></html>")]
#[case("")]
#[case("{\"users\":{}}")]
#[case("{\"users\":[{\"id\":1000}]}")]
#[case("{\"users\":[{\"id\":77,\"role\":\"end-user\"}]}")]
fn whose_roles_are_not_known_is_sent_nothing(#[case] body: &'static str) {
    let stage = Stage::new(Who::Zendesk, 2, move |heard, wire, sandbox| {
        if heard.is_roles() {
            wire.send(answer("200 OK", &[], body));
            return After::Keep;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--attempts", "2"]).code(3).says("resume");
    let status = stage.status();
    assert_eq!(status["outcomes"]["pending"], 2);
    assert_eq!(stage.world.deletions().len(), 0);
}

/// What a token server sends that is none is waited out; the person need not wait with it.
#[rstest]
#[case("<html></html>")]
#[case("")]
#[case("{\"access_token\":5}")]
fn a_token_server_that_talks_nonsense_can_be_left_at_once(#[case] body: &'static str) {
    let stage = Stage::new(Who::Zoho, 1, move |heard, wire, sandbox| {
        if heard.is_token() {
            wire.send(answer("200 OK", &[], body));
            return After::Keep;
        }
        honest(heard, wire, sandbox)
    });
    let mut child = stage.world.start(&stage.args(&[]));
    stage.world.until("a token was asked for", || {
        stage.front.heard().iter().any(Heard::is_token)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(stage.front.heard().iter().all(Heard::is_token));
}
