//! A window by itself: when its slots come free, and what it leaves to others.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use userpurge::domain::Quota;
use userpurge::lane::limits::Window;

/// What is added to a span, so that no clock that drifts is ahead of the server's.
fn edge(span: Duration) -> Duration {
    ms(2) + span / 1_000
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn quota(text: &str) -> Quota {
    text.parse().unwrap()
}

#[test]
fn a_slot_comes_free_one_span_after_the_answer_not_after_the_sending() {
    let start = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("1/1s"));
    assert_eq!(window.ready(start), Ok(()));
    window.take();
    assert_eq!(
        window.ready(start + ms(5_000)),
        Err(None),
        "the answer is still out"
    );
    window.answered(start + ms(5_000));
    assert_eq!(
        window.ready(start + ms(5_999)),
        Err(Some(start + ms(6_000) + edge(ms(1_000))))
    );
    assert_eq!(window.ready(start + ms(6_000) + edge(ms(1_000))), Ok(()));
}

#[test]
fn an_unsent_request_gives_its_slot_back_at_once() {
    let now = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("1/1h"));
    window.take();
    window.unsent();
    assert_eq!(window.ready(now), Ok(()));
}

#[test]
fn after_a_lowering_the_surplus_must_come_free_first() {
    let start = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("3/1s"));
    for n in 0..3 {
        window.take();
        window.answered(start + ms(n));
    }
    window.lower(1.try_into().unwrap());
    assert_eq!(
        window.ready(start + ms(10)),
        Err(Some(start + ms(1_002) + edge(ms(1_000))))
    );
    window.lower(9.try_into().unwrap());
    assert_eq!(window.quota(), quota("1/1s"), "nothing raises it");
}

#[test]
fn what_an_earlier_process_sent_still_counts() {
    let now = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("2/10m"));
    window.remember(now, Duration::from_mins(11));
    window.remember(now, Duration::from_mins(4));
    window.remember(now, Duration::from_mins(1));
    assert_eq!(
        window.ready(now),
        Err(Some(
            now + Duration::from_mins(6) + edge(Duration::from_mins(10))
        ))
    );
}

#[test]
fn what_others_used_is_held_until_the_servers_reset_or_a_span() {
    let start = tokio::time::Instant::now().into_std();
    for (resets_in, free_after) in [
        (None, ms(60_000)),
        (Some(ms(20_000)), ms(21_000)),
        (Some(ms(900_000)), ms(60_000)),
    ] {
        let mut window = Window::new(quota("10/1m"));
        let mark = window.take();
        // Ten slots, one of them ours; the server has four left, so others used five.
        window.others_left(mark, 4, resets_in, start);
        window.answered(start);
        for _ in 0..4 {
            assert_eq!(window.ready(start), Ok(()));
            window.take();
        }
        let at = start + free_after + edge(ms(60_000));
        assert_eq!(window.ready(start), Err(Some(at)));
        assert_eq!(window.ready(at), Ok(()));
    }
}

#[test]
fn what_is_under_way_explains_what_is_missing_and_more_left_raises_nothing() {
    let start = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("10/1m"));
    let first = window.take();
    for _ in 0..4 {
        window.take();
    }
    // Five of ours may have been counted: six left is one more than we have.
    window.others_left(first, 5, None, start);
    window.others_left(first, 900, None, start);
    for _ in 0..5 {
        assert_eq!(window.ready(start), Ok(()));
        window.take();
    }
    assert_eq!(window.ready(start), Err(None), "all ten are under way");
}

#[test]
fn an_answer_to_what_left_before_the_window_was_there_counts() {
    let start = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("3/1m"));
    window.answered(start);
    window.remember(start, ms(10_000));
    let mark = window.take();
    window.others_left(mark, 0, None, start);
    let first = start + ms(60_000) + edge(ms(60_000));
    assert_eq!(window.ready(start), Err(Some(first)), "all three are ours");
}

#[test]
fn no_number_a_server_states_costs_memory_or_overflows() {
    let start = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("4294967295/1h"));
    let mark = window.take();
    window.others_left(mark, 0, Some(Duration::MAX), start);
    window.answered(start);
    assert!(window.ready(start).unwrap_err().is_some());
    window.others_left(mark, u64::MAX, Some(Duration::MAX), start);
}

#[test]
fn what_two_windows_hold_is_held_by_one_and_what_both_remember_once() {
    let now = tokio::time::Instant::now().into_std();
    let mut window = Window::new(quota("6/1m"));
    let mut other = Window::new(quota("5/1m"));
    for window in [&mut window, &mut other] {
        window.remember(now, ms(30_000));
        window.remember(now, ms(20_000));
        window.take();
    }
    window.answered(now);
    other.answered(now + ms(5));
    window.absorb(other);
    assert_eq!(window.quota(), quota("5/1m"));
    assert_eq!(window.ready(now), Ok(()), "four of five are held");
    window.take();
    let first = now + ms(30_000) + edge(ms(60_000));
    assert_eq!(window.ready(now), Err(Some(first)));
}

proptest! {
    /// A server that counts nobody but us, rolling or fixed, never makes us hold anything for
    /// others, in whatever order answers come.
    #[test]
    fn nobody_waits_for_others_who_are_not_there(
        requests in 1u32..12,
        exchanges in prop::collection::vec((0u64..150, 0u64..150, 0u64..60), 1..120),
        fixed in any::<bool>(),
    ) {
        let span = ms(200);
            let start = tokio::time::Instant::now().into_std();
            let quota = quota(&format!("{requests}/200ms"));
            let (mut window, mut untaught) = (Window::new(quota), Window::new(quota));
            let mut now = start;
            // Answers under way: when they come, to which, and when the server counted it.
            let mut under_way: Vec<(Instant, u64, Instant)> = Vec::new();
            let mut counted: Vec<Instant> = Vec::new();
            let period = |at: Instant| (at - start).as_millis() / 200;
            for (there, back, idle) in exchanges {
                now += ms(idle);
                loop {
                    under_way.sort_by_key(|(at, ..)| *at);
                    while under_way.first().is_some_and(|(at, ..)| *at <= now) {
                        let (at, mark, then) = under_way.remove(0);
                        let held = counted.iter().filter(|one| **one <= then && if fixed {
                            period(**one) == period(then)
                        } else {
                            **one + span > then
                        });
                        let left = u64::from(requests).checked_sub(held.count() as u64);
                        window.others_left(mark, left.unwrap(), None, at);
                        window.answered(at);
                        untaught.answered(at);
                        prop_assert_eq!(window.ready(at), untaught.ready(at));
                    }
                    match window.ready(now) {
                        Ok(()) => break,
                        Err(at) => {
                            let next = under_way.first().map(|(at, ..)| *at);
                            now = at.into_iter().chain(next).min().unwrap();
                        }
                    }
                }
                let mark = window.take();
                untaught.take();
                let at = now + ms(there);
                counted.push(at);
                under_way.push((at + ms(back), mark, at));
            }
    }
}
