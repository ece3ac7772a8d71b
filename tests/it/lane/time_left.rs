//! The time that progress says is left, held against the time that the run then takes.

use std::time::Duration;

use rstest::rstest;

use super::server::Fault;
use super::{EPOCH, Setup, Sim, task};
use userpurge::domain::{AccountPlan, Action, Entry, Quota, Step, Time};
use userpurge::progress::{Mode, Progress};

/// When an entry says that it was made; `None`: it says nothing that progress counts.
fn made_at(entry: &Entry) -> Option<Time> {
    match entry {
        Entry::Intent(it) => Some(it.at),
        Entry::Request(it) => Some(it.at),
        Entry::Attempt(it) => Some(it.at),
        Entry::Step(it) => Some(it.at),
        Entry::Outcome(it) => Some(it.at),
        Entry::Pause(it) => Some(it.at),
        _ => None,
    }
}

/// `… 1h 2m left…`, in seconds.
fn left_of(line: &str) -> Option<u64> {
    let words = line.split(" left").next()?.rsplit(", ").next()?;
    line.contains(" left").then(|| {
        let seconds = |word: &str| {
            let (number, unit) = word.split_at(word.len() - 1);
            let number: u64 = number.parse().unwrap();
            number
                * [("h", 3_600), ("m", 60), ("s", 1)]
                    .iter()
                    .find(|it| it.0 == unit)
                    .unwrap()
                    .1
        };
        words.split(' ').map(seconds).sum()
    })
}

/// Every tenth user is unknown, and no estimate from the second minute on is off by more than a fifth.
/// At the very end an answer that is under way may be added. While the quota is waited for, the line says so. Who looks on from the ledger reads the same.
#[rstest]
#[case::a_purge_waits_for_its_second_step(Action::Purge, 1_500, "70/1m", (1, 20), 0)]
#[case::in_long_windows(Action::Purge, 2_100, "700/10m", (1, 20), 0)]
#[case::just_over_two_windows(Action::PermanentlyDelete, 1_450, "700/10m", (1, 20), 0)]
#[case::a_slow_server(Action::Delete, 3_000, "700/1m", (900, 1_100), 0)]
#[case::a_slow_server_and_long_windows(Action::Purge, 2_000, "700/10m", (1_500, 1_500), 0)]
#[case::a_canary_at_a_slow_server(Action::Purge, 2_000, "700/10m", (1_500, 1_500), 3)]
#[case::a_canary_of_many(Action::PermanentlyDelete, 2_000, "700/10m", (1_400, 1_600), 9)]
fn the_time_left_is_true_to_a_fifth(
    #[case] action: Action,
    #[case] rows: u64,
    #[case] quota: &str,
    #[case] latency_ms: (u64, u64),
    #[case] canary: u64,
) {
    let mut sim = Sim::new(latency_ms, 1);
    let last = *action.steps().last().unwrap();
    let setup = Setup {
        requests: "1200/1m".to_owned(),
        steps: vec![(last, quota.to_owned())],
        canary,
        ..Setup::default()
    };
    let quotas: [(Option<Step>, Quota, u64); 2] = [
        (Some(last), quota.parse().unwrap(), rows),
        (
            None,
            "1200/1m".parse().unwrap(),
            rows * action.steps().len() as u64,
        ),
    ];
    let mut plan = AccountPlan::untimed(setup.account.clone(), rows);
    let time = quotas
        .iter()
        .map(|(_, quota, requests)| quota.time_for(*requests))
        .max();
    plan.at_limit_ms = u64::try_from(time.unwrap().as_millis()).unwrap();
    plan.canary = canary.try_into().ok();
    plan.concurrency = Some(setup.concurrency);
    let limits = quotas.map(|(step, quota, requests)| {
        serde_json::json!({"step": step, "quota": quota, "requests": requests, "taken": 0, "frees_at": EPOCH})
    });
    plan.limits = serde_json::from_value(limits.to_vec().into()).unwrap();

    // The first nine are there: a canary's, or it would stop the account.
    (1..=rows)
        .filter(|row| row % 10 == 0)
        .for_each(|row| sim.server.fault(row, Fault::Unknown));
    setup.run_rows(&mut sim, (1..=rows).map(|row| task(row, action)).collect());
    let took = sim.elapsed();
    let mut progress = Progress::start(Mode::None, vec![plan.clone()], EPOCH);
    let mut entries = sim
        .entries
        .iter()
        .filter_map(|it| Some((made_at(it)?, it)))
        .peekable();
    let (mut judged, mut waited) = (0, 0);
    for second in (0..took.as_secs()).step_by(5) {
        let now = EPOCH.after(Duration::from_secs(second));
        while let Some((_, entry)) = entries.next_if(|(at, _)| *at <= now) {
            progress.see(entry);
        }
        progress.tick(now);
        let line = progress.status_lines(now).remove(0);
        if second % 300 == 0 {
            let mut other = Progress::start(Mode::None, vec![plan.clone()], EPOCH);
            let ended = sim.entries.iter();
            let ended = ended.filter(|it| made_at(it).is_some_and(|at| at <= now));
            ended.for_each(|entry| other.see(entry));
            assert_eq!(other.status_lines(now).concat(), line, "at {second} s");
        }
        waited += u32::from(line.contains(&format!("quota {quota}")));
        let truth = took.as_secs() - second;
        if let Some(left) = left_of(&line).filter(|_| second >= 120) {
            judged += 1;
            assert!(
                left.abs_diff(truth) <= truth / 5 + 3 + latency_ms.1 * 2 / 1_000,
                "{truth} s at {second} s: {line}"
            );
        }
    }
    assert!(judged > 10, "{judged} of {took:?}");
    assert_eq!(waited > 10, quota != "700/1m", "{waited}");
}
