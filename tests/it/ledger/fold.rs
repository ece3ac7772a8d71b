//! What entries come to, each kind after the others.

use super::{
    account, at, attempt, bulk, bulk_intent, end, intent, outcome, pause, request, session, state,
    step, stop, verification, verified,
};
use userpurge::domain::{
    Entry, Finding, JobId, LeftOpen, Outcome, Quota, RunState, Step, StopKind, Time,
};
use userpurge::ledger::{LedgerHead, LedgerState, Link, SENT_MAX, SentRequest};

fn in_doubt(entries: &[Entry]) -> bool {
    state(1, entries).in_doubt().contains(1)
}

#[test]
fn an_intent_is_in_doubt_until_something_answers_it() {
    let begun = intent(1, Step::Delete, 1);
    assert!(in_doubt(std::slice::from_ref(&begun)));
    for answer in [
        attempt(1, "throttled", false, 2),
        step(1, 2),
        outcome(1, Outcome::Failed, 2),
    ] {
        assert!(!in_doubt(&[begun.clone(), answer]));
    }
}

#[test]
fn an_attempt_without_doubt_does_not_clear_an_earlier_one() {
    let mut entries = vec![
        intent(1, Step::Delete, 1),
        attempt(1, "timed_out", true, 2),
        intent(1, Step::Delete, 3),
        attempt(1, "throttled", false, 4),
    ];
    assert!(in_doubt(&entries));
    entries.push(step(1, 5));
    assert!(!in_doubt(&entries));
}

#[test]
fn an_intent_that_a_crash_left_open_stays_in_doubt_through_the_next_attempt() {
    let mut entries = vec![
        intent(1, Step::Delete, 1),
        session(10),
        intent(1, Step::Delete, 11),
        attempt(1, "throttled", false, 12),
    ];
    assert!(
        in_doubt(&entries),
        "the first request may have had its effect"
    );
    entries.push(outcome(1, Outcome::Deleted, 13));
    assert!(!in_doubt(&entries));
}

#[test]
fn an_outcome_ends_steps_and_doubt_unless_it_is_in_doubt_or_failed() {
    let mut entries = vec![step(1, 1), intent(1, Step::PermanentlyDelete, 2)];
    entries.push(outcome(1, Outcome::InDoubt, 3));
    let open = state(1, &entries);
    assert_eq!(
        open.steps_done(1),
        1,
        "a retry goes on with the second step"
    );
    assert!(open.in_doubt().contains(1));
    entries.push(outcome(1, Outcome::Failed, 4));
    let given_up = state(1, &entries);
    assert_eq!(given_up.steps_done(1), 1);
    assert!(given_up.in_doubt().contains(1), "giving up settles nothing");
    entries.push(outcome(1, Outcome::Deleted, 5));
    let ended = state(1, &entries);
    assert_eq!(ended.steps_done(1), 0);
    assert!(!ended.in_doubt().contains(1));
}

#[test]
fn a_new_session_takes_up_what_the_last_one_ended_with() {
    let mut entries = vec![
        stop(StopKind::OrgCap, 1),
        stop(StopKind::FailureLimit, 2),
        end(RunState::Stopped, 3),
    ];
    let ended = state(1, &entries);
    assert_eq!(ended.end.unwrap().at, at(3));
    let reasons: Vec<_> = ended.stops.iter().map(|it| it.reason).collect();
    assert_eq!(reasons, [StopKind::FailureLimit], "the last of an account");
    entries.push(session(4));
    let resumed = state(1, &entries);
    assert_eq!((resumed.end, resumed.stops.len()), (None, 0));
    assert_eq!(resumed.sessions.len(), 1);
    assert_eq!(resumed.last_at, at(4));
}

#[test]
fn a_process_that_ended_in_no_orderly_way_was_over_when_the_next_began() {
    let mut entries = vec![request(1), session(2), end(RunState::Finished, 3)];
    entries.extend([session(4), verification(2, 5), session(6), session(7)]);
    let state = state(1, &entries);
    // The first session is a resume: whoever was to run the plan had asked who we are.
    assert_eq!(state.cut_off, [at(2), at(5), at(6), at(7)]);
}

#[test]
fn who_has_asked_something_since_a_process_ended_in_order_may_be_asking_still() {
    let mut entries = vec![session(1), end(RunState::Stopped, 2)];
    assert!(state(1, &entries).ended_in_order());
    entries.push(request(3));
    assert!(!state(1, &entries).ended_in_order());
    entries.extend([session(4), end(RunState::Stopped, 5)]);
    let ended = state(1, &entries);
    assert!(ended.ended_in_order());
    assert_eq!(ended.cut_off, [at(1)], "not the session that asked");
}

/// Their order tells, and not the clock, which may have been set back before the verification began.
#[test]
fn a_verification_behind_the_end_of_a_run_is_at_work_until_it_has_asked_about_every_row() {
    let mut entries = vec![session(1), end(RunState::Finished, 9), verification(1, 5)];
    assert!(!state(1, &entries).ended_in_order());
    entries.push(verified(1, Finding::AsAsked, 6));
    assert!(state(1, &entries).ended_in_order());
    entries.extend([verification(2, 7), session(8), end(RunState::Finished, 8)]);
    let ended = state(1, &entries);
    assert!(ended.ended_in_order());
    assert_eq!(ended.cut_off, [at(1), at(8)]);
}

#[test]
fn the_newest_pause_of_each_limit_speaks_until_it_is_over() {
    let entries = [
        pause(None, 1, 100),
        pause(Some(Step::Delete), 1, 50),
        session(2),
        pause(None, 3, 60),
    ];
    let state = state(1, &entries);
    let until = |now| {
        let pauses = state.pauses_at(at(now));
        pauses.map(|it| it.until).collect::<Vec<_>>()
    };
    assert_eq!(until(49), [at(50), at(60)]);
    assert_eq!(until(50), [at(60)]);
    assert_eq!(until(60), []);
}

#[test]
fn requests_are_kept_with_their_answers_and_without_those_taken_back() {
    let entries = [
        request(1),
        intent(1, Step::Delete, 3),
        intent(2, Step::Delete, 4),
        attempt(2, "held_back", false, 5),
        intent(3, Step::PermanentlyDelete, 6),
        attempt(1, "throttled", false, 7),
    ];
    let state = state(3, &entries);
    let expected = [
        (None, at(1), Some(at(2))),
        (Some(Step::Delete), at(3), Some(at(7))),
        (Some(Step::PermanentlyDelete), at(6), None),
    ];
    let acme = account("acme");
    let sent = state.sent(&acme);
    assert!(
        sent.map(|it| (it.step, it.sent_at, it.replied_at()))
            .eq(expected)
    );
    assert_eq!(state.sent(&account("other")).count(), 0);
    assert_eq!((state.requests, state.throttled), (3, 1));
}

/// Rows 1 to 3 in one request that leaves at second 1, then `more`.
fn many(more: &[Entry]) -> LedgerState {
    let mut entries: Vec<Entry> = (1..=3).map(|row| bulk_intent(row, 1, 1)).collect();
    entries.extend_from_slice(more);
    state(3, &entries)
}

#[test]
fn a_request_over_many_rows_is_one_request_and_leaves_each_row_open() {
    let state = many(&[]);
    assert_eq!(state.requests, 1);
    assert_eq!(state.sent(&account("acme")).count(), 1);
    assert_eq!(state.in_doubt().len(), 3);
    assert_eq!(state.left_open(2), LeftOpen::Bulk);
}

#[test]
fn a_job_leaves_its_rows_open_until_each_has_ended() {
    let state = many(&[
        bulk(1, Ok("V3-a"), false, 4),
        outcome(1, Outcome::Deleted, 9),
        step(2, 9),
    ]);
    let sent = state.sent(&account("acme")).next().unwrap();
    assert_eq!(sent.replied_at(), Some(at(4)));
    let open: Vec<_> = (1..=3).map(|row| state.left_open(row)).collect();
    let job = LeftOpen::Job(JobId::new("V3-a"));
    assert_eq!(open, [LeftOpen::Nothing, LeftOpen::Nothing, job]);
}

#[test]
fn a_request_over_many_rows_that_did_nothing_leaves_nothing_open() {
    let state = many(&[bulk(1, Err("throttled"), false, 2)]);
    assert_eq!((state.requests, state.throttled), (1, 1));
    assert!(state.in_doubt().is_empty());
    assert_eq!(state.left_open(3), LeftOpen::Nothing);
    let taken_back = many(&[bulk(1, Err("held_back"), false, 2)]);
    assert_eq!(taken_back.requests, 0);
    assert_eq!(taken_back.sent(&account("acme")).count(), 0);
    assert!(taken_back.in_doubt().is_empty());
}

#[test]
fn a_doubt_about_many_rows_outlives_the_giving_up_of_one() {
    let state = many(&[
        bulk(1, Err("timed_out"), true, 2),
        intent(2, Step::Delete, 3),
        outcome(2, Outcome::Failed, 4),
    ]);
    assert_eq!(state.left_open(1), LeftOpen::Bulk);
    assert_eq!(
        state.left_open(2),
        LeftOpen::Request,
        "it was sent alone since"
    );
    assert_eq!(state.requests, 2);
}

#[test]
fn rows_stand_in_the_request_they_were_sent_in_last() {
    let mut entries: Vec<Entry> = (1..=3).map(|row| bulk_intent(row, 1, 1)).collect();
    entries.push(bulk(1, Ok("a"), false, 2));
    entries.extend([4, 5].map(|row| bulk_intent(row, 4, 3)));
    entries.push(outcome(2, Outcome::Deleted, 4));
    // A later process takes the number of the first row again, for other rows.
    entries.push(session(5));
    entries.extend([1, 5].map(|row| bulk_intent(row, 1, 6)));
    let open = |state: &LedgerState| (1..=5).map(|row| state.left_open(row)).collect::<Vec<_>>();
    let (bulk, none) = (LeftOpen::Bulk, LeftOpen::Nothing);
    let job = LeftOpen::Job(JobId::new("a"));
    let left = state(5, &entries);
    assert_eq!(open(&left), [bulk.clone(), none, job, bulk.clone(), bulk]);
    assert_eq!(left.in_jobs(), 1);
    entries.extend((1..=5).map(|row| outcome(row, Outcome::Deleted, 7)));
    let left = state(5, &entries);
    assert_eq!(
        (open(&left), left.in_jobs()),
        (vec![LeftOpen::Nothing; 5], 0)
    );
}

#[test]
fn a_request_that_no_span_can_reach_is_dropped_and_later_answers_find_theirs() {
    let span = i64::try_from(Quota::SPAN_MAX.as_secs()).unwrap();
    let edge = [
        request(0),
        intent(7, Step::Delete, 1),
        intent(8, Step::Delete, span + 1),
    ];
    let sent = |entries: &[Entry]| {
        let (state, acme) = (state(9, entries), account("acme"));
        let sent = state.sent(&acme);
        sent.map(|it| (it.sent_at, it.replied_at()))
            .collect::<Vec<_>>()
    };
    assert_eq!(sent(&edge).len(), 3, "the edge of the span still counts");
    let later = [
        request(span + 2),
        attempt(7, "throttled", false, span + 3),
        attempt(8, "throttled", false, span + 3),
    ];
    let expected = [
        (at(span + 1), Some(at(span + 3))),
        (at(span + 2), Some(at(span + 3))),
    ];
    assert_eq!(sent(&[&edge[..], &later].concat()), expected);
}

#[test]
fn the_newest_requests_are_kept_and_each_takes_sixteen_bytes() {
    let mut state = state(1, &[]);
    let Entry::Request(mut request) = request(0) else {
        panic!("a request");
    };
    let nowhere = Link {
        line: 0,
        byte: 0,
        previous: LedgerHead::GENESIS,
        head: LedgerHead::GENESIS,
    };
    for millis in 0..i64::try_from(SENT_MAX).unwrap() + 3 {
        request.sent_at = Time::from_millis(at(0).as_millis() + millis);
        request.at = request.sent_at;
        state.apply(&nowhere, &Entry::Request(request.clone()));
    }
    let first = state.sent(&account("acme")).next().unwrap().sent_at;
    assert_eq!(first.saturating_since(at(0)).as_millis(), 3);
    assert_eq!(state.sent(&account("acme")).count(), SENT_MAX);
    assert_eq!(size_of::<SentRequest>(), 16);
}

#[test]
fn a_verification_changes_no_outcome_and_only_the_last_is_told_of() {
    let mut entries = vec![
        outcome(1, Outcome::Deleted, 1),
        outcome(2, Outcome::AlreadyGone, 1),
        end(RunState::Finished, 2),
        verification(2, 10),
        verified(1, Finding::Standing, 11),
        verified(2, Finding::Unknown, 12),
        stop(StopKind::CredentialsRejected, 13),
    ];
    let first = state(3, &entries);
    assert_eq!(first.counts().deleted + first.counts().already_gone, 2);
    assert!(first.end.is_some() && first.stops.is_empty());
    let seen = first.verification.clone().unwrap();
    assert_eq!((seen.asked, seen.stops.len(), seen.last_at), (2, 1, at(12)));
    assert!(seen.is_complete());
    let found = |state: &LedgerState| {
        state
            .found
            .each_ref()
            .map(|rows| rows.iter().collect::<Vec<_>>())
    };
    assert_eq!(found(&first), [vec![], vec![1], vec![], vec![2]]);

    entries.extend([verification(2, 20), verified(2, Finding::AsAsked, 21)]);
    let second = state(3, &entries);
    let seen = second.verification.clone().unwrap();
    assert!(!seen.is_complete(), "one row was not asked about");
    assert_eq!(found(&second), [vec![2], vec![1], vec![], vec![]]);
}

#[test]
fn who_was_seen_standing_stays_so_until_seen_otherwise_or_tried_again() {
    let standing = [
        outcome(1, Outcome::Deleted, 1),
        verification(1, 10),
        verified(1, Finding::Standing, 11),
    ];
    let after = |last: Entry| {
        let entries = [&standing[..], &[verification(1, 20), last]].concat();
        state(3, &entries).found(Finding::Standing).contains(1)
    };
    assert!(after(verified(1, Finding::Standing, 21)));
    assert!(after(verified(1, Finding::Unknown, 21)));
    assert!(!after(verified(1, Finding::AsAsked, 21)));
    assert!(!after(verified(1, Finding::UnderWay, 21)));
    assert!(!after(outcome(1, Outcome::Deleted, 21)));
    assert!(!after(outcome(1, Outcome::Failed, 21)));
}

#[test]
fn a_later_session_has_stops_of_its_own() {
    let entries = [verification(2, 1), session(2), stop(StopKind::OrgCap, 3)];
    let state = state(3, &entries);
    assert_eq!(state.stops.len(), 1);
    assert!(state.verification.unwrap().stops.is_empty());
}
