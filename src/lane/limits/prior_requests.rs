//! Requests of earlier processes: when the last of them may have been counted.

use std::time::Duration;

use super::Window;
use crate::domain::{AccountLimits, Quota, Step, Time};
use crate::lane::waits::WAIT_MAX;
use crate::transport::REPLY_TIME_MAX;

/// A request an earlier process sent, for filling the windows at `resume`.
#[derive(Debug, Clone, Copy)]
pub struct PriorRequest {
    /// Which step's endpoint it called; `None`: a read.
    pub step: Option<Step>,
    /// How long ago its answer came, or may have come.
    pub ago: Duration,
    /// For how long from now on its server may still count it; zero: not any more.
    pub ahead: Duration,
}

/// The longest from noting a request to its leaving: a sync. One that takes longer is taken back.
pub(in crate::lane) const LEAVES_WITHIN: Duration = REPLY_TIME_MAX;

/// The longest from noting a request to the end of waiting: no server counted it later.
const UNANSWERED_MAX: Duration = LEAVES_WITHIN.saturating_add(REPLY_TIME_MAX);

/// The requests of earlier processes at one tenant, as a ledger tells them.
#[derive(Debug)]
pub struct Earlier<S> {
    /// Each request's step, when it was sent, and by when it was counted; `None`: not known.
    pub sent: S,
    /// Requests that process had in flight at most.
    pub permits: u32,
    /// The time since the last line of the last process; `None`: it ended in order. It counts from
    /// the end of a pause that a server asked for, if that is later.
    pub silent: Option<Duration>,
    /// When processes before that one were cut off: the next began then.
    pub cut_off: Vec<Time>,
}

impl<S: Iterator<Item = (Option<Step>, Time, Option<Time>)>> Earlier<S> {
    /// The requests that may still hold a slot of the `limits`. Of a million these are few.
    ///
    /// A process that is killed leaves reads without a line. There is at most one for each of its
    /// permits: a permit is held until the line of its read is on the disk. A read may have left
    /// when all silent waits of a process were over. Those are a slot of the account's limit, and
    /// the rest after a transient error. Requests of a process before that one have been counted,
    /// or given up, one reply time after the next process began.
    pub fn still_counted(self, limits: &AccountLimits, now: Time) -> Vec<PriorRequest> {
        let ago = |at| now.saturating_since(at);
        let span = limits.requests.span();
        let past = |(step, sent_at, counted_by): (_, _, Option<Time>)| match counted_by {
            Some(at) => PriorRequest::counted_by(step, at, now),
            None => PriorRequest::unanswered(step, ago(sent_at)),
        };
        let read = |ago, latest| PriorRequest::within(None, ago, latest);
        let latest = span + WAIT_MAX + UNANSWERED_MAX;
        let unseen = self.silent.map(|silent| read(silent, latest));
        let cut_off = self.cut_off.iter();
        let cut_off = cut_off.map(|at| read(ago(*at), REPLY_TIME_MAX));
        let reads = unseen.into_iter().chain(cut_off.filter(|it| it.ago < span));
        let permits = self.permits as usize;
        let reads = reads.flat_map(|past| std::iter::repeat_n(past, permits));
        let quotas = limits.steps.iter().map(|(_, quota)| *quota);
        let reach = quotas.chain([limits.requests]).map(Window::reach).max();
        let all = self.sent.map(past).chain(reads);
        all.filter(|past| Some(past.ago) <= reach).collect()
    }
}

impl PriorRequest {
    /// A request that its server has counted by the instant `at`, which may be yet to come.
    pub fn counted_by(step: Option<Step>, at: Time, now: Time) -> Self {
        Self {
            step,
            ago: now.saturating_since(at),
            // A clock may have been set back since.
            ahead: at.saturating_since(now).min(Quota::GIVEN_UP_COUNTED),
        }
    }

    /// A request that was about to leave `ago`, and of which nothing more is known.
    pub fn unanswered(step: Option<Step>, ago: Duration) -> Self {
        Self::within(step, ago, UNANSWERED_MAX)
    }

    /// A request of a process that is over. Its server had counted it by `latest` after an instant
    /// `ago`. It also had by one reply time from now, as none can have left since.
    fn within(step: Option<Step>, ago: Duration, latest: Duration) -> Self {
        Self {
            step,
            ago: ago.saturating_sub(latest),
            ahead: latest.saturating_sub(ago).min(REPLY_TIME_MAX),
        }
    }
}
