//! The jobs of an account by themselves: how often they are asked about, how many may be under way, and
//! when one is given up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use userpurge::domain::JobId;
use userpurge::lane::Jobs;
use userpurge::provider::{JobState, JobsHint};

const INTERVAL: Duration = Duration::from_millis(150);

/// The longest time between two reads where the quota asks for none that is longer.
const GAP_MAX: Duration = Duration::from_secs(30);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn job(number: u64) -> JobId {
    JobId::new(number.to_string())
}

/// Tells `jobs` that this one ended.
fn end(jobs: &mut Jobs, number: u64, at: Instant) {
    let told = vec![(job(number), JobState::Ended(Vec::new()))];
    assert_eq!(jobs.apply(&[job(number)], (Some(200), told), at).len(), 1);
}

/// How many more may be begun now.
fn room(jobs: &mut Jobs) -> usize {
    let mut room = 0;
    while jobs.has_room() {
        jobs.begin();
        room += 1;
    }
    (0..room).for_each(|_| jobs.not_begun());
    room
}

/// Begins `count` jobs of `job_time`, one each `begin_gap` while there may be more, and asks
/// about them. Returns how many reads that took, and how long.
fn worked(count: u64, job_time: Duration, begin_gap: Duration) -> (u32, Duration) {
    let mut jobs = Jobs::new(30);
    let start = now();
    let (mut now, mut begin_at) = (start, start);
    let mut since: HashMap<JobId, Instant> = HashMap::new();
    let (mut begun, mut ended, mut reads) = (0, 0, 0);
    while ended < count {
        let question = jobs.next_question(INTERVAL, begun < count);
        if begun < count && jobs.has_room() && question.is_none_or(|at| begin_at <= at) {
            now = now.max(begin_at);
            begun += 1;
            jobs.adopt(job(begun), [begun], now);
            since.insert(job(begun), now);
            begin_at = now + begin_gap;
            continue;
        }
        now = now.max(question.unwrap());
        reads += 1;
        let asked = jobs.ask(100);
        let state = |id: &JobId| {
            let is_over = now - since[id] >= job_time;
            let ended = is_over.then(|| JobState::Ended(Vec::new()));
            (id.clone(), ended.unwrap_or(JobState::UnderWay))
        };
        let told = asked.iter().map(state).collect();
        ended += jobs.apply(&asked, (Some(200), told), now).len() as u64;
    }
    (reads, now - start)
}

#[test]
fn many_jobs_take_some_hundred_reads_and_a_few_are_known_soon() {
    for (count, job_time, begin_gap, reads_max) in [
        (1_000, ms(13_000), ms(300), 199),
        (1_000, ms(40_000), ms(300), 199),
        (1_000, ms(100), ms(300), 199),
        (1_000, ms(13_000), ms(2_000), 199),
        (1, ms(13_000), INTERVAL, 8),
        (3, ms(13_000), INTERVAL, 8),
        (1, ms(900), INTERVAL, 8),
    ] {
        let (reads, took) = worked(count, job_time, begin_gap);
        assert!(reads <= reads_max, "{reads} in {took:?}");
        // Either the begins or the jobs, 30 at a time, take longest; the rest is what asking costs.
        let begins = begin_gap * u32::try_from(count - 1).unwrap();
        let least = (begins + job_time).max(job_time * u32::try_from(count).unwrap() / 30);
        assert!(
            took < least.mul_f64(1.6).max(job_time * 2),
            "{took:?} of {least:?}"
        );
    }
}

#[test]
fn a_job_that_hangs_or_is_missing_or_cannot_be_asked_about_is_given_up() {
    let under_way = (job(1), JobState::UnderWay);
    for (told, reads_max, time_max) in [
        (vec![under_way], 135, Duration::from_hours(1) + GAP_MAX),
        (Vec::new(), 3, GAP_MAX),
    ] {
        let (mut jobs, start) = (Jobs::new(30), now());
        let (mut now, mut reads) = (start, 0);
        jobs.adopt(job(1), [1], now);
        while !jobs.is_empty() {
            now = jobs.next_question(INTERVAL, false).unwrap();
            let asked = jobs.ask(100);
            jobs.apply(&asked, (Some(200), told.clone()), now);
            reads += 1;
        }
        assert!(reads <= reads_max && now - start <= time_max, "{reads}");
    }
    let mut jobs = Jobs::new(30);
    jobs.adopt(job(1), [1], now());
    for ended in [0, 0, 1] {
        let asked = jobs.ask(100);
        assert_eq!(jobs.asking_failed(&asked, now()).len(), ended);
    }
}

#[test]
fn no_more_jobs_are_begun_than_the_server_says_there_is_room_for() {
    let (now, mut jobs) = (now(), Jobs::new(24));
    (0..5).for_each(|number| jobs.adopt(job(number), [number], now));
    // Five are under way already, and this program's own limit is 24.
    for (total, remaining, more) in [
        (30, 25, 19),
        (30, 2, 2),
        (6, 4, 1),
        (30, 0, 0),
        (0, 0, 0),
        (30, 25, 19),
    ] {
        jobs.observe(JobsHint { total, remaining });
        assert_eq!(room(&mut jobs), more, "{remaining} of {total}");
    }
    // Six are begun at most after a refusal, and one more a minute later.
    jobs.begin();
    jobs.full(now);
    assert_eq!(room(&mut jobs), 0);
    for (number, at, more) in [(0, now, 1), (1, now + Duration::from_mins(1), 3)] {
        end(&mut jobs, number, at);
        assert_eq!(room(&mut jobs), more);
    }
    // Where there is room for none, one is tried: a limit of none would never be learnt anew.
    let mut jobs = Jobs::new(24);
    let (total, remaining) = (0, 0);
    jobs.observe(JobsHint { total, remaining });
    assert_eq!(room(&mut jobs), 1);
}

#[test]
fn reads_are_a_tenth_of_the_quota_at_most() {
    let (now, mut jobs) = (now(), Jobs::new(30));
    jobs.adopt(job(1), [1], now);
    jobs.adopt(job(2), [2], now);
    end(&mut jobs, 2, now);
    for (interval, gap) in [(1, 250), (150, 1_500), (3_000, 30_000), (17_280, 60_000)] {
        let next = jobs.next_question(ms(interval), false);
        assert_eq!(next, Some(now + ms(gap)));
    }
}
