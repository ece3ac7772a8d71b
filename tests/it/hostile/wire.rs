//! HTTP as it should not be: old versions, strange statuses, answers too many or too early.

use std::net::SocketAddr;

use rstest::rstest;

use super::{First, LEDGER, Stage, Who, honest};
use crate::support::raw::{After, Heard, Wire, answer};

/// The body of an answer.
fn body_of(answer: &[u8]) -> &[u8] {
    let at = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    &answer[at + 4..]
}

#[rstest]
fn http_1_0_that_ends_with_the_connection_is_understood(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let stage = Stage::new(
        who,
        2,
        |heard: &Heard, wire: &mut Wire, sandbox: SocketAddr| {
            if heard.is_deletion() {
                let whole = heard.carry(sandbox);
                wire.send([b"HTTP/1.0 200 OK\r\n\r\n", body_of(&whole)].concat());
                return After::Close;
            }
            honest(heard, wire, sandbox)
        },
    );
    stage.run(&[]).code(0);
    assert_eq!(stage.ends(), ["deleted"; 2]);
}

#[rstest]
#[case("{}")]
#[case("{}\r\n\r\n")]
#[case("HTTP/9.9 200 OK\r\n\r\n{}")]
#[case("HTTP/1.1 2000 OK\r\n\r\n{}")]
#[case("HTTP/1.1 99 OK\r\n\r\n{}")]
#[case("ICY 200 OK\r\n\r\n{}")]
#[case("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}")]
#[case("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}")]
#[case("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n")]
#[case("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n")]
#[case("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n{}")]
#[case("HTTP/1.1 200 OK\r\na\u{0}b: c\r\n\r\n{}")]
#[case("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n{}")]
fn what_is_no_http_is_no_answer(#[case] bytes: &'static str) {
    let stage = Stage::new(Who::Sunco, 1, move |heard, wire, sandbox| {
        if heard.is_deletion() {
            wire.send(bytes);
            return After::Close;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--attempts", "1"]).code(1);
    assert_eq!(
        stage.ends(),
        ["failed"],
        "the user stands, and a look says so"
    );
    assert_eq!(stage.gone(1), 0);
}

#[test]
fn answers_that_are_only_provisional_are_passed_over() {
    let stage = Stage::new(
        Who::Zendesk,
        2,
        |heard: &Heard, wire: &mut Wire, sandbox| {
            for _ in 0..50 {
                wire.send("HTTP/1.1 100 Continue\r\n\r\n");
                wire.send("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
            }
            honest(heard, wire, sandbox)
        },
    );
    stage.run(&[]).code(0);
    assert_eq!(stage.ends(), ["deleted"; 2]);
}

#[rstest]
fn where_everything_is_204_nothing_is_sent(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let stage = Stage::new(who, 1, |heard: &Heard, wire: &mut Wire, sandbox| {
        if heard.is_token() {
            return honest(heard, wire, sandbox);
        }
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
        After::Keep
    });
    stage.run(&["--attempts", "1"]).code(2);
    assert!(!stage.world.path(LEDGER).exists());
    assert!(stage.front.heard().iter().all(|heard| !heard.is_deletion()));
}

/// The only requests with a body ask for tokens.
#[test]
fn a_token_that_comes_before_its_request_was_read_is_taken() {
    let stage = Stage::new(Who::Zoho, 1, |heard: &Heard, wire: &mut Wire, sandbox| {
        if heard.is_token() {
            let whole = heard.carry(sandbox);
            wire.send("HTTP/1.1 100 Continue\r\n\r\n");
            wire.send(&whole);
            return After::Close;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&[]).code(0);
    assert_eq!(stage.ends(), ["deleted"]);
}

/// Ways in which the bytes of a second answer come behind the first.
#[derive(Debug, Clone, Copy)]
enum Stray {
    /// Two whole answers.
    Second,
    /// Behind a 204, which has no body.
    AfterNoContent,
    /// Behind a body that is longer than its length says.
    TooLong,
}

/// Even rows are answered twice over; odd ones never, so that a stray answer would be theirs.
#[rstest]
fn a_second_answer_on_a_connection_is_not_the_next_users(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
    #[values(Stray::Second, Stray::AfterNoContent, Stray::TooLong)] stray: Stray,
) {
    const ROWS: usize = 12;
    let stage = Stage::new(who, ROWS, move |heard, wire, sandbox| {
        let row = (0..ROWS).find(|n| who.id(*n) == heard.user());
        let Some(row) = row.filter(|_| heard.is_deletion()) else {
            return honest(heard, wire, sandbox);
        };
        if row % 2 == 1 {
            return After::Reset;
        }
        let whole = heard.carry(sandbox);
        // What would be taken for a success of the next row.
        let next = match who {
            Who::Sunco => "{}".to_owned(),
            Who::Zendesk | Who::Zoho => who.success(&who.id(row + 1)),
        };
        let next = answer("200 OK", &["content-type: application/json"], next);
        let first = match stray {
            Stray::Second | Stray::TooLong => whole,
            Stray::AfterNoContent => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        };
        let between: &[u8] = match stray {
            Stray::TooLong => b"\r\n",
            Stray::Second | Stray::AfterNoContent => b"",
        };
        wire.send([&first, between, &next].concat());
        After::Keep
    });
    let done = stage
        .run(&["--attempts", "1", "--concurrency", "1"])
        .code(1);
    drop(done);
    let ends = stage.ends();
    for (row, end) in ends.iter().enumerate() {
        let true_end = if row % 2 == 1 { "failed" } else { "deleted" };
        assert_eq!(end.trim_end_matches('+'), true_end, "row {row}: {ends:?}");
    }
    assert_eq!(stage.gone(ROWS), ROWS / 2);
}

/// It comes when the next request is already written: nothing but the user it names tells it apart.
#[rstest]
fn an_answer_about_the_user_before_is_turned_down(#[values(Who::Zendesk, Who::Zoho)] who: Who) {
    let first = First::default();
    let stage = Stage::new(who, 2, move |heard, wire, sandbox| {
        if heard.is_deletion() && heard.user() == who.id(1) && first.is(heard.user()) {
            wire.send(answer("200 OK", &[], who.success(&who.id(0))));
            return After::Keep;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&["--concurrency", "1"]).code(0);
    assert_eq!(stage.ends(), ["deleted"; 2]);
    let entries = stage.world.ledger(LEDGER);
    let turned_down = |entry: &&serde_json::Value| entry["code"] == "other_user";
    assert_eq!(entries.iter().filter(turned_down).count(), 1);
    assert_eq!(stage.deletions(&who.id(1)), 1);
}
