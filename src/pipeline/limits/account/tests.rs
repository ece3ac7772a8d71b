//! Permits, windows, gates and what headers teach, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Limits, LimitsSpec, Marks, Past, Stated};
use crate::domain::Step;

pub(in crate::pipeline::limits) const DELETE: Option<Step> = Some(Step::Delete);
const PERMANENT: Option<Step> = Some(Step::PermanentlyDelete);

pub(in crate::pipeline::limits) fn limits(
    requests: &str,
    permanent: &str,
    concurrency: u32,
    past: &[Past],
) -> Arc<Limits> {
    Arc::new(Limits::new(&spec(requests, permanent, concurrency), past))
}

fn spec(requests: &str, permanent: &str, concurrency: u32) -> LimitsSpec {
    LimitsSpec {
        concurrency: concurrency.try_into().unwrap(),
        requests: requests.parse().unwrap(),
        steps: vec![(Step::PermanentlyDelete, permanent.parse().unwrap())],
        share: 1.0,
    }
}

pub(in crate::pipeline::limits) fn free_permits(limits: &Limits) -> usize {
    limits.permits.available_permits()
}

fn none() -> Marks {
    Marks {
        account: None,
        step: None,
    }
}

async fn elapsed(start: Instant, future: impl Future) -> u64 {
    future.await;
    u64::try_from(start.elapsed().as_millis()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_from_the_account_and_from_its_endpoint() {
    let limits = limits("1000/1s", "2/10s", 8, &[]);
    let stop = CancellationToken::new();
    let start = Instant::now();
    for _ in 0..2 {
        limits.admit(PERMANENT, &stop).await.unwrap();
    }
    let took = elapsed(start, async {
        limits.admit(DELETE, &stop).await.unwrap();
    });
    assert!(took.await < 10, "another endpoint does not wait for it");
    let took = elapsed(start, async {
        limits.admit(PERMANENT, &stop).await.unwrap();
    });
    let took = took.await;
    assert!((10_000..10_100).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_quota_holds_no_permit() {
    let limits = limits("1000/1s", "1/1h", 1, &[]);
    let stop = CancellationToken::new();
    limits.admit(PERMANENT, &stop).await.unwrap();
    let waiting = tokio::spawn({
        let (limits, stop) = (Arc::clone(&limits), stop.clone());
        async move { limits.admit(PERMANENT, &stop).await.map(|_| ()) }
    });
    let start = Instant::now();
    for _ in 0..50 {
        tokio::task::yield_now().await;
        limits.admit(DELETE, &stop).await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(1));
    stop.cancel();
    assert!(waiting.await.unwrap().is_err(), "a stop ends the wait");
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_all_until_the_instant_and_the_later_of_two_counts() {
    let limits = limits("1000/1s", "700/10m", 8, &[]);
    let stop = CancellationToken::new();
    let start = Instant::now();
    assert!(limits.pause(None, start + Duration::from_secs(90)));
    assert!(!limits.pause(None, start + Duration::from_secs(30)));
    for _ in 0..20 {
        let _held = limits.admit(None, &stop).await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(90));
    }
    assert!(start.elapsed() < Duration::from_secs(91));
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_pause_leaves_the_others_alone() {
    let limits = limits("1000/1s", "700/10m", 8, &[]);
    let stop = CancellationToken::new();
    let start = Instant::now();
    limits.pause(PERMANENT, start + Duration::from_mins(1));
    limits.admit(DELETE, &stop).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(limits.shut_until(PERMANENT).is_some());
    assert!(limits.shut_until(DELETE).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_earlier_process_counts_until_its_span_is_over() {
    let ago = Duration::from_mins(9);
    let past = [
        Past {
            step: PERMANENT,
            ago,
        },
        Past {
            step: PERMANENT,
            ago,
        },
    ];
    let limits = limits("1000/1s", "2/10m", 8, &past);
    let stop = CancellationToken::new();
    let start = Instant::now();
    limits.admit(PERMANENT, &stop).await.unwrap();
    assert!(start.elapsed() >= Duration::from_mins(1));
    assert!(start.elapsed() < Duration::from_secs(61));
}

#[tokio::test(start_paused = true)]
async fn an_earlier_process_counts_in_what_another_account_of_its_tenant_adds() {
    let past = |step| Past {
        step,
        ago: Duration::from_mins(9),
    };
    let past = [past(DELETE), past(PERMANENT)];
    let spec = |requests, permanent| spec(requests, permanent, 8);
    let stop = CancellationToken::new();
    // Only the endpoint's limit of ten minutes, only the account's, or neither holds what was sent
    // nine minutes ago.
    for (another, of, secs) in [
        (spec("9/1s", "1/10m"), PERMANENT, 60),
        (spec("9/1s", "1/10m"), DELETE, 0),
        (spec("2/10m", "9/1s"), DELETE, 60),
        (spec("3/10m", "9/1s"), DELETE, 0),
        (spec("2/2m", "1/2m"), PERMANENT, 0),
    ] {
        let limits = limits("1000/1s", "1000/1s", 8, &[]);
        limits.lower(&another, &past);
        let start = Instant::now();
        limits.admit(of, &stop).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), secs, "{another:?} {of:?}");
    }
    assert!(spec("9/1s", "1/10m").reach() > Duration::from_mins(10));
    assert!(spec("9/1s", "1/10m").reach() < Duration::from_mins(11));
}

/// How long three requests of the permanent step take after the server stated `learnt`.
async fn three_after(ours: &str, learnt: &[(&str, Option<u64>)]) -> u64 {
    let limits = limits("1000/1s", ours, 8, &[]);
    for (stated, resets_in) in learnt {
        let resets_in = resets_in.map(Duration::from_secs);
        let said = Stated {
            limit: stated.parse().unwrap(),
            remaining: None,
            resets_in,
        };
        limits.learn(PERMANENT, none(), said);
    }
    let stop = CancellationToken::new();
    let start = Instant::now();
    for _ in 0..3 {
        limits.admit(PERMANENT, &stop).await.unwrap();
    }
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_of_the_servers_lowers_ours_and_a_higher_one_does_not() {
    assert_eq!(three_after("5/10s", &[]).await, 0);
    assert_eq!(three_after("5/10s", &[("2/10s", None)]).await, 10);
    assert_eq!(
        three_after("5/10s", &[("2/10s", None), ("900/10s", None)]).await,
        10
    );
}

#[tokio::test(start_paused = true)]
async fn a_stated_number_counts_for_our_span_unless_the_servers_is_seen_to_be_longer() {
    assert_eq!(three_after("5/10s", &[("2/10m", None)]).await, 10);
    assert_eq!(three_after("5/10s", &[("2/10m", Some(9))]).await, 10);
    assert_eq!(three_after("5/10s", &[("2/10m", Some(400))]).await, 600);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever is refused and taken: who gets a permit is one of as many as may be under way then,
    /// somebody always gets one, and in the end all of them are back.
    #[test]
    fn never_more_are_under_way_than_may_be_and_one_always_is(
        most in 1u32..12,
        answers in proptest::collection::vec((0usize..12, 0u8..3), 1..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let limits = limits("1000000/1s", "1000000/1s", most, &[]);
            let stop = CancellationToken::new();
            let (mut admitted, mut under_way) = (Vec::new(), Vec::new());
            for (which, answer) in answers {
                // tokio lets a task's futures be ready so often in one turn, and no more.
                tokio::task::yield_now().await;
                while let Some(Ok(admission)) = limits.admit(DELETE, &stop).now_or_never() {
                    admitted.push(admission);
                }
                while let Some(mut next) = admitted.pop() {
                    if next.permitted(&stop).now_or_never().is_none() {
                        admitted.push(next);
                        break;
                    }
                    under_way.push(next);
                    assert!(under_way.len() <= limits.state().at_once.now() as usize);
                }
                assert!(!under_way.is_empty(), "nothing goes on");
                let mut answered = under_way.swap_remove(which % under_way.len());
                answered.answered();
                match answer {
                    0 => answered.too_many_at_once(),
                    1 => answered.taken(),
                    _ => {}
                }
            }
            drop((admitted, under_way));
            let state = limits.state();
            assert_eq!((state.admitted, state.permits_owed), (0, 0));
            assert_eq!(limits.permits.available_permits(), state.at_once.now() as usize);
        });
    }
}
