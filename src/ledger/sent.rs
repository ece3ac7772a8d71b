//! When requests were sent: what a later process needs to fill its quota windows.

use std::collections::{HashMap, VecDeque};

use crate::domain::{Quota, Step, Time};

/// How many requests are kept for an account, the newest: one quota of more than these in its span
/// would not be filled to the last. Each takes 32 bytes.
pub const SENT_MAX: usize = 1 << 20;

/// A request that counts towards a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The step whose endpoint it called; `None`: a request that changes nothing.
    pub step: Option<Step>,
    /// When it was sent, or its intent was written, which is a little earlier.
    pub sent_at: Time,
    /// When its answer came, or waiting for it ended; `None`: the process ended first, so it may
    /// have arrived at any time after it was sent.
    pub replied_at: Option<Time>,
}

/// The requests of one account, as entries tell them, for as long as any quota's span can reach.
#[derive(Debug, Default)]
pub(super) struct SentLog {
    /// `None`: it was taken back before it left.
    sent: VecDeque<Option<Sent>>,
    /// How many have been dropped from the front.
    dropped: u64,
    /// By row: which request of it is unanswered, counted from the first ever.
    unanswered: HashMap<u64, u64>,
}

impl SentLog {
    /// A request that needs no later entry to be told.
    pub(super) fn request(&mut self, sent: Sent) {
        self.drop_before(sent.sent_at);
        self.sent.push_back(Some(sent));
        if self.sent.len() > SENT_MAX {
            self.drop_front();
        }
    }

    /// An intent for `row`.
    pub(super) fn intent(&mut self, row: u64, step: Step, at: Time) {
        self.request(Sent {
            step: Some(step),
            sent_at: at,
            replied_at: None,
        });
        let number = self.dropped + self.sent.len() as u64 - 1;
        self.unanswered.insert(row, number);
    }

    /// The request under way for `row` was answered, or given up.
    pub(super) fn answered(&mut self, row: u64, at: Time) {
        if let Some(Some(sent)) = self.under_way(row) {
            sent.replied_at = Some(at);
        }
    }

    /// The intent for `row` was taken back: nothing left.
    pub(super) fn held_back(&mut self, row: u64) {
        if let Some(slot) = self.under_way(row) {
            *slot = None;
        }
    }

    /// What a window may have to count, when the newest entry of the ledger is of `now`.
    pub(super) fn finish(mut self, now: Time) -> Vec<Sent> {
        self.drop_before(now);
        self.sent.into_iter().flatten().collect()
    }

    /// The slot of the request under way for `row`, which is then no longer under way.
    fn under_way(&mut self, row: u64) -> Option<&mut Option<Sent>> {
        let number = self.unanswered.remove(&row)?;
        let place = usize::try_from(number.checked_sub(self.dropped)?).ok()?;
        self.sent.get_mut(place)
    }

    /// Drops what no quota's span can reach from `now`.
    fn drop_before(&mut self, now: Time) {
        let out_of_reach = |sent: &Option<Sent>| {
            sent.is_none_or(|sent| {
                let last = sent.replied_at.unwrap_or(sent.sent_at);
                now.saturating_since(last) > Quota::SPAN_MAX
            })
        };
        while self.sent.front().is_some_and(out_of_reach) {
            self.drop_front();
        }
    }

    fn drop_front(&mut self) {
        self.sent.pop_front();
        self.dropped += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{SENT_MAX, Sent, SentLog};
    use crate::domain::{Quota, Step, Time};

    const T0: Time = Time::from_millis(1_795_340_600_000);

    fn read(at: Time) -> Sent {
        Sent {
            step: None,
            sent_at: at,
            replied_at: Some(at),
        }
    }

    #[test]
    fn what_no_span_can_reach_is_dropped_and_later_answers_still_find_their_request() {
        let mut log = SentLog::default();
        log.request(read(T0));
        log.intent(7, Step::Delete, T0);
        let later = T0.after(Quota::SPAN_MAX);
        log.intent(8, Step::Delete, later);
        assert_eq!(log.sent.len(), 3, "the edge of the span still counts");
        let last = Time::from_millis(later.as_millis() + 1);
        log.request(read(last));
        assert_eq!(log.sent.len(), 2);
        log.answered(7, last);
        log.answered(8, last);
        let kept = log.finish(last);
        assert_eq!(kept[0].replied_at, Some(last));
        assert_eq!(kept[0].sent_at, later);
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn the_newest_are_kept() {
        let mut log = SentLog::default();
        for n in 0..i64::try_from(SENT_MAX).unwrap() + 3 {
            log.request(read(Time::from_millis(n)));
        }
        let kept = log.finish(Time::from_millis(0));
        assert_eq!(kept.len(), SENT_MAX);
        assert_eq!(kept[0].sent_at, Time::from_millis(3));
    }
}
