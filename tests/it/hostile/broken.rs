//! Connections that break: before the effect, after it, in the middle of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;

use super::{First, LEDGER, Stage, Who, honest};
use crate::support::raw::{After, Heard, Wire};

#[rstest]
fn a_reset_before_the_effect_is_tried_again(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let first = First::default();
    let stage = Stage::new(who, 2, move |heard, wire, sandbox| {
        if heard.is_deletion() && first.is(heard.user()) {
            return After::Reset;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&[]).code(0);
    assert_eq!(stage.ends(), ["deleted"; 2], "confirmed, not settled");
    assert_eq!(stage.deletions(&who.id(0)), 1);
}

#[rstest]
fn a_reset_after_the_effect_is_settled_by_asking_again(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let first = First::default();
    let stage = Stage::new(who, 2, move |heard, wire, sandbox| {
        if heard.is_deletion() && first.is(heard.user()) {
            heard.carry(sandbox);
            return After::Reset;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&[]).code(0);
    assert_eq!(stage.ends(), ["deleted+"; 2]);
    assert_eq!(stage.gone(2), 2);
}

#[rstest]
fn resets_without_end_leave_the_end_to_a_look(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
    #[values(true, false)] effect: bool,
) {
    let stage = Stage::new(who, 1, move |heard, wire, sandbox| {
        if heard.is_deletion() {
            if effect {
                heard.carry(sandbox);
            }
            return After::Reset;
        }
        honest(heard, wire, sandbox)
    });
    let (code, end) = if effect {
        (0, "deleted+")
    } else {
        (1, "failed")
    };
    stage.run(&["--attempts", "2"]).code(code);
    assert_eq!(stage.ends(), [end]);
    assert_eq!(stage.gone(1), usize::from(effect));
}

#[rstest]
fn what_nobody_answers_stays_in_doubt_until_somebody_does(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
    #[values(true, false)] effect: bool,
) {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let stage = Stage::new(who, 1, move |heard, wire, sandbox| {
        if is_well.load(Ordering::SeqCst) || !(heard.is_deletion() || heard.is_look()) {
            return honest(heard, wire, sandbox);
        }
        if effect && heard.is_deletion() {
            heard.carry(sandbox);
        }
        After::Reset
    });
    stage.run(&["--attempts", "2"]).code(1);
    assert_eq!(stage.ends(), ["in_doubt"]);
    well.store(true, Ordering::SeqCst);
    let retry = ["retry", LEDGER, "--yes", "--progress", "none"];
    stage.world.call(&retry).code(0);
    let end = if effect { "deleted+" } else { "deleted" };
    assert_eq!(stage.ends(), [end]);
    assert_eq!(stage.gone(1), 1);
}

/// Ways to break off in the middle of an answer.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// In its head.
    Head,
    /// A body shorter than its length says.
    Length,
    /// Chunks without the last one.
    Chunks,
    /// A chunk shorter than its length says.
    Chunk,
}

impl Cut {
    fn send(self, wire: &mut Wire, answer: &[u8]) {
        let at = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        let body = &answer[at..];
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        let size = body.len();
        let (more, body) = match self {
            Self::Head => (String::new(), &body[..0]),
            Self::Length => (format!("content-length: {size}\r\n\r\n"), &body[..size - 1]),
            Self::Chunks => (
                format!("transfer-encoding: chunked\r\n\r\n{size:x}\r\n"),
                body,
            ),
            Self::Chunk => (
                format!("transfer-encoding: chunked\r\n\r\n{size:x}\r\n"),
                &body[..size - 1],
            ),
        };
        wire.send([head.as_bytes(), more.as_bytes(), body].concat());
    }
}

#[rstest]
fn a_cut_answer_confirms_nothing(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
    #[values(Cut::Head, Cut::Length, Cut::Chunks, Cut::Chunk)] cut: Cut,
) {
    let first = First::default();
    let stage = Stage::new(who, 1, move |heard: &Heard, wire, sandbox| {
        if heard.is_deletion() && first.is(heard.user()) {
            cut.send(wire, &heard.carry(sandbox));
            return After::Close;
        }
        honest(heard, wire, sandbox)
    });
    stage.run(&[]).code(0);
    // The success that was cut is not believed; the second answer shows that it was our doing.
    assert_eq!(stage.ends(), ["deleted+"]);
    assert_eq!(stage.deletions(&who.id(0)), 2);
}
