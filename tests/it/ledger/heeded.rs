//! What a ledger tells the next process of waits and of what still counts, whatever the clock did.

use std::time::Duration;

use super::{
    account, at, attempt, header, intent, outcome, pause, request, session, state, state_of,
};
use userpurge::domain::{
    Entry, Outcome, Quota, Requested, RunHeader, SessionStart, Step, Time, Uptime,
};
use userpurge::ledger::LedgerState;

fn up(boot: &str, secs: u64) -> Uptime {
    Uptime {
        boot: boot.to_owned(),
        ms: secs * 1_000,
    }
}

/// A ledger of a process that began at 0, when the machine had been up for 1,000 seconds.
fn begun() -> LedgerState {
    let header = RunHeader {
        uptime: Some(up("a", 1_000)),
        ..header()
    };
    state_of(header, &[])
}

/// How late it is for the ledger where the clock says `clock`, in seconds.
fn now(state: &LedgerState, clock: i64, uptime: &Uptime) -> i64 {
    (state.now(at(clock), Some(uptime)).as_millis() - at(0).as_millis()) / 1_000
}

#[test]
fn a_clock_that_jumped_ahead_is_not_believed_while_the_machine_stays_up() {
    let state = begun();
    assert_eq!(now(&state, 60, &up("a", 1_060)), 60);
    assert_eq!(now(&state, 31_536_060, &up("a", 1_060)), 60, "a year ahead");
    assert_eq!(now(&state, -86_400, &up("a", 1_060)), -86_400, "a day back");
    assert_eq!(
        now(&state, 500, &up("b", 5)),
        500,
        "another start tells nothing"
    );
    assert_eq!(state.now(at(500), None), at(500));
}

#[test]
fn the_last_process_that_began_tells() {
    let Entry::Session(later) = session(100) else {
        panic!("a session");
    };
    let later = SessionStart {
        uptime: Some(up("b", 10)),
        ..*later
    };
    let header = RunHeader {
        uptime: Some(up("a", 1_000)),
        ..header()
    };
    let state = state_of(header, &[Entry::Session(Box::new(later))]);
    assert_eq!(now(&state, 9_000, &up("b", 40)), 130);
    assert_eq!(now(&state, 9_000, &up("a", 1_040)), 9_000);
}

/// A clock that was set ahead between two processes makes nothing older or shorter for the third.
#[test]
fn what_came_before_a_jump_of_the_clock_is_as_old_as_it_is() {
    let Entry::Session(later) = session(3_620) else {
        panic!("a session");
    };
    let later = SessionStart {
        uptime: Some(up("a", 1_020)),
        ..*later
    };
    let header = RunHeader {
        uptime: Some(up("a", 1_000)),
        ..header()
    };
    let before = [request(10), pause(None, 10, 60)];
    let later = [
        request(3_619),
        Entry::Session(Box::new(later)),
        request(3_621),
    ];
    let state = state_of(header, &[&before[..], &later[..]].concat());
    // By the new clock, 25 seconds after the run began.
    let now = state.now(at(3_625), Some(&up("a", 1_025)));
    assert_eq!(now, at(3_625));
    let ago = |it: userpurge::ledger::SentRequest| now.saturating_since(it.sent_at).as_secs();
    let sent: Vec<u64> = state.sent(&account("acme")).map(ago).collect();
    assert_eq!(sent, [15, 0, 4]);
    let left: Vec<u64> = state
        .pauses_at(now)
        .map(|it| it.left(now).as_secs())
        .collect();
    assert_eq!(left, [35]);
}

#[test]
fn a_person_who_ignores_pauses_is_not_asked_again() {
    let Entry::Session(later) = session(20) else {
        panic!("a session");
    };
    let ignoring = SessionStart {
        ignores_pauses: true,
        ..*later
    };
    let entries = [pause(None, 10, 9_000), Entry::Session(Box::new(ignoring))];
    assert_eq!(state(3, &entries).pauses_at(at(30)).count(), 0);
    let entries = [&entries[..], &[pause(None, 40, 8_000)]].concat();
    let after = state(3, &entries);
    assert_eq!(after.pauses_at(at(50)).count(), 1, "a later one holds");
}

#[test]
fn a_pause_is_never_longer_than_it_was_asked_for() {
    let Entry::Pause(pause) = pause(None, 100, 160) else {
        panic!("a pause");
    };
    assert_eq!(pause.left(at(130)), Duration::from_secs(30));
    assert_eq!(pause.left(at(-86_400)), Duration::from_mins(1));
    assert_eq!(pause.left(at(200)), Duration::ZERO);
}

/// By when each request of `entries` counts, in seconds.
fn counted(entries: &[Entry]) -> Vec<i64> {
    let state = state(9, entries);
    let of = |at_: Time| (at_.as_millis() - at(0).as_millis()) / 1_000;
    let account = account("acme");
    let sent = state.sent(&account);
    sent.map(|sent| of(sent.replied_at().unwrap())).collect()
}

#[test]
fn what_was_given_up_counts_for_as_long_again_as_it_was_waited_for() {
    let later = i64::try_from(Quota::GIVEN_UP_COUNTED.as_secs()).unwrap();
    let Entry::Request(asked) = request(0) else {
        panic!("a request");
    };
    let given_up = Entry::Request(Requested {
        status: None,
        ..asked
    });
    assert_eq!(counted(&[request(0)]), [1]);
    assert_eq!(counted(&[given_up]), [1 + later]);
    let tried = |class| [intent(1, Step::Delete, 0), attempt(1, class, true, 30)];
    assert_eq!(counted(&tried("timed_out")), [30 + later]);
    assert_eq!(counted(&tried("server_error")), [30]);
    let ended = |end| [intent(1, Step::Delete, 0), outcome(1, end, 2)];
    assert_eq!(counted(&ended(Outcome::InDoubt)), [2 + later]);
    assert_eq!(counted(&ended(Outcome::Deleted)), [2]);
}
