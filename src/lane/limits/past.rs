//! Requests of earlier processes: when the last of them may have been counted.

use std::time::Duration;

use super::LimitsSpec;
use crate::domain::{Step, Time};
use crate::lane::backoff::WAIT_MAX;
use crate::transport::REPLY_TIME_MAX;

/// A request an earlier process sent, for filling the windows at `resume`.
#[derive(Debug, Clone, Copy)]
pub struct Past {
    /// Which step's endpoint it called; `None`: a read.
    pub step: Option<Step>,
    /// How long ago its answer came, or may have come.
    pub ago: Duration,
    /// For how long from now on its server may still count it; zero: not any more.
    pub ahead: Duration,
}

/// The longest from noting a request to its leaving: a sync. One that takes longer is taken back.
pub(in crate::lane) const LEAVES_WITHIN: Duration = REPLY_TIME_MAX;

/// The longest from noting a request to the end of waiting for its answer: that, and what a
/// connection gets for it. No server can have counted it later.
const UNANSWERED_MAX: Duration = LEAVES_WITHIN.saturating_add(REPLY_TIME_MAX);

/// What a ledger tells of the requests of earlier processes at one tenant.
#[derive(Debug)]
pub struct Earlier<S> {
    /// Each request: its step, when it was sent, and by when its server had counted it; `None`: not
    /// known.
    pub sent: S,
    /// Requests that process had in flight at most.
    pub permits: u32,
    /// For how long the last process has left no line; `None`: it ended in order.
    pub silent: Option<Duration>,
    /// When processes before that one were cut off.
    pub cut_off: Vec<Time>,
}

impl<S: Iterator<Item = (Option<Step>, Time, Option<Time>)>> Earlier<S> {
    /// The requests that may still hold a slot of `spec`. Of a million these are few.
    pub fn still_counted(self, spec: &LimitsSpec, now: Time) -> Vec<Past> {
        let ago = |at| now.saturating_since(at);
        let past = |(step, sent_at, counted_by): (_, _, Option<Time>)| match counted_by {
            Some(at) => Past::counted_by(step, at, now),
            None => Past::unanswered(step, ago(sent_at)),
        };
        let permits = self.permits;
        let unseen = self.silent.map(|it| Past::unseen_reads(spec, permits, it));
        let cut_off = self.cut_off.iter();
        let reach = spec.reach();
        self.sent
            .map(past)
            .chain(unseen.into_iter().flatten())
            .chain(cut_off.flat_map(|at| Past::reads_before(spec, permits, ago(*at))))
            .filter(|past| past.ago <= reach)
            .collect()
    }
}

impl Past {
    /// A request that its server has counted by the instant `at`, which may be yet to come: one that
    /// was given up a moment ago.
    pub fn counted_by(step: Option<Step>, at: Time, now: Time) -> Self {
        Self {
            step,
            ago: now.saturating_since(at),
            ahead: at.saturating_since(now),
        }
    }

    /// A request that was about to leave `ago`, and of which nothing more is known.
    pub fn unanswered(step: Option<Step>, ago: Duration) -> Self {
        Self::within(step, ago, UNANSWERED_MAX)
    }

    /// A request of a process that is over: its server had counted it by `latest` after an instant `ago`,
    /// and by the time that an answer may take from now, as none can have left since.
    fn within(step: Option<Step>, ago: Duration, latest: Duration) -> Self {
        Self {
            step,
            ago: ago.saturating_sub(latest),
            ahead: latest.saturating_sub(ago).min(REPLY_TIME_MAX),
        }
    }

    /// Reads of a process that was killed which left no line: one for each of its `permits`, as each is
    /// held until the line of its read is on the disk. `silent`: since when there is no line, or since
    /// the end of a pause that a server asked for, if that is later. A read may have left after that,
    /// when all that a process waits for without a word was over: a slot of the account's limit, and
    /// the rest after a passing error.
    pub fn unseen_reads(
        spec: &LimitsSpec,
        permits: u32,
        silent: Duration,
    ) -> impl Iterator<Item = Self> + use<> {
        let latest = spec.requests.span() + WAIT_MAX + UNANSWERED_MAX;
        (0..permits).map(move |_| Self::within(None, silent, latest))
    }

    /// The same of a process before that one, which had `permits` and was over `ago`, when the next began: what it had
    /// sent has been counted, or been given up, by the time that an answer may take from then. None,
    /// if that is longer ago than the account's limit reaches.
    pub fn reads_before(
        spec: &LimitsSpec,
        permits: u32,
        ago: Duration,
    ) -> impl Iterator<Item = Self> + use<> {
        let past = Self::within(None, ago, REPLY_TIME_MAX);
        let reads = if past.ago < spec.requests.span() {
            permits
        } else {
            0
        };
        (0..reads).map(move |_| past)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LimitsSpec, Past};

    fn three_at_once() -> LimitsSpec {
        LimitsSpec {
            concurrency: 3.try_into().unwrap(),
            requests: "10/1m".parse().unwrap(),
            steps: Vec::new(),
            share: 1.0,
        }
    }

    #[test]
    fn unseen_reads_hold_a_slot_for_each_permit_as_long_as_they_may_have_been_counted() {
        let spec = three_at_once();
        let held = |silent| {
            let past: Vec<Past> = Past::unseen_reads(&spec, 3, silent).collect();
            assert_eq!(past.len(), 3);
            past[0].ago
        };
        assert_eq!(held(Duration::ZERO), Duration::ZERO);
        assert_eq!(held(Duration::from_mins(2)), Duration::ZERO);
        assert!(held(Duration::from_hours(1)) > Duration::from_mins(2));
    }

    #[test]
    fn unseen_reads_of_each_process_hold_slots_until_they_were_counted() {
        let spec = three_at_once();
        let held = |secs| {
            let reads = Past::reads_before(&spec, 3, Duration::from_secs(secs));
            reads.map(|past| past.ago.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(held(0), [0; 3]);
        assert_eq!(held(30), [0; 3]);
        assert_eq!(held(80), [50; 3]);
        assert_eq!(held(90), [0; 0]);
    }
}
