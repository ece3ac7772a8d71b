//! A request's permit and its slots, on a paused clock.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Refused;
use crate::pipeline::limits::account::tests::{DELETE, free_permits, limits};
use crate::pipeline::limits::past::LEAVES_WITHIN;

#[tokio::test(start_paused = true)]
async fn while_one_is_under_way_two_more_are_admitted_and_wait_for_the_permit() {
    let limits = limits("1000/1s", "700/10m", 1, &[]);
    let stop = CancellationToken::new();
    let mut first = limits.admit(DELETE, &stop).await.unwrap();
    first.permitted(&stop).await.unwrap();
    let mut second = limits.admit(DELETE, &stop).await.unwrap();
    assert!(second.permitted(&stop).now_or_never().is_none());
    let third = limits.admit(DELETE, &stop).await.unwrap();
    assert!(limits.admit(DELETE, &stop).now_or_never().is_none());
    first.answered();
    assert!(second.permitted(&stop).now_or_never().is_none());
    drop(first);
    second.permitted(&stop).await.unwrap();
    let mut fourth = limits.admit(DELETE, &stop).await.unwrap();
    stop.cancel();
    assert!(
        fourth.permitted(&stop).await.is_err(),
        "a stop ends the wait"
    );
    fourth.unsent();
    third.unsent();
    drop(second);
    assert_eq!(free_permits(&limits), 1);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_held_until_the_admission_is_dropped_and_a_slot_until_a_span_after_the_answer()
{
    let limits = limits("2/10s", "700/10m", 1, &[]);
    let stop = CancellationToken::new();
    let start = Instant::now();
    let mut first = limits.admit(None, &stop).await.unwrap();
    first.permitted(&stop).await.unwrap();
    first.answered();
    let mut second = limits.admit(None, &stop).await.unwrap();
    let permit = second.permitted(&stop);
    let permit = tokio::time::timeout(Duration::from_secs(5), permit).await;
    assert!(permit.is_err(), "the one permit is held");
    drop(first);
    second.permitted(&stop).await.unwrap();
    drop(second);
    assert!(start.elapsed() < Duration::from_secs(6));
    drop(limits.admit(None, &stop).await.unwrap());
    assert!(
        start.elapsed() >= Duration::from_secs(10),
        "from the answer on"
    );
    assert!(start.elapsed() < Duration::from_secs(11));
}

/// Fewer may be under way than when it was admitted, and they take their time: it must not leave at an
/// instant at which the next process would take it for over.
#[tokio::test(start_paused = true)]
async fn who_gets_a_permit_too_late_does_not_leave() {
    let limits = limits("1000/1s", "700/10m", 1, &[]);
    let stop = CancellationToken::new();
    let mut first = limits.admit(DELETE, &stop).await.unwrap();
    first.permitted(&stop).await.unwrap();
    let mut second = limits.admit(DELETE, &stop).await.unwrap();
    tokio::time::advance(LEAVES_WITHIN + Duration::from_millis(1)).await;
    drop(first);
    let late = second.permitted(&stop).await;
    assert_eq!(late, Err(Refused::Late));
    second.unsent();
    assert_eq!(free_permits(&limits), 1, "its permit is back");
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_holds_its_slot_for_as_long_again_as_it_was_waited_for() {
    let limits = limits("2/10s", "700/10m", 8, &[]);
    let stop = CancellationToken::new();
    let start = Instant::now();
    let mut given_up = limits.admit(None, &stop).await.unwrap();
    let mut answered = limits.admit(None, &stop).await.unwrap();
    given_up.given_up();
    answered.answered();
    drop((given_up, answered));
    drop(limits.admit(None, &stop).await.unwrap());
    let first = start.elapsed().as_secs();
    assert_eq!(first, 10, "the slot of the one that was answered");
    drop(limits.admit(None, &stop).await.unwrap());
    assert_eq!(start.elapsed().as_secs(), 20, "the same once more");
    let again = limits.admit(None, &stop).await.unwrap();
    let other = limits.admit(None, &stop).await.unwrap();
    let all = start.elapsed().as_secs();
    assert_eq!(all, 40, "thirty seconds and a span");
    drop((again, other));
}
