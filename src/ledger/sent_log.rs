//! When requests were sent: what a later process needs to fill its quota windows.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::{Quota, Step, Time};

/// The number of requests that are kept for an account, the newest. One quota of more than these in
/// its span would not be filled to the last. Each takes 16 bytes.
pub const SENT_MAX: usize = 1 << 20;

/// A request that counts towards a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentRequest {
    /// When it was sent, or its intent was written, which is a little earlier.
    pub sent_at: Time,
    /// The milliseconds to the answer, and one more; `None`: no answer came.
    waited: Option<NonZeroU32>,
    /// The step whose endpoint it called; `None`: a request that changes nothing.
    pub step: Option<Step>,
    /// Whether the request was taken back before it left.
    is_taken_back: bool,
}

impl SentRequest {
    const fn new(step: Option<Step>, sent_at: Time) -> Self {
        Self {
            sent_at,
            waited: None,
            step,
            is_taken_back: false,
        }
    }

    /// When its answer came, or was given up; `None`: the process ended first.
    pub fn replied_at(&self) -> Option<Time> {
        let waited = u64::from(self.waited?.get() - 1);
        Some(self.sent_at.after(Duration::from_millis(waited)))
    }

    fn answered(&mut self, at: Time) {
        // A clock may have been set back in between; then they are one instant.
        let waited = at.saturating_since(self.sent_at).as_millis();
        let waited = u32::try_from(waited).unwrap_or(u32::MAX);
        self.waited = NonZeroU32::new(waited.saturating_add(1));
    }

    /// Whether a quota's window may have to count it at `now`.
    fn counts(&self, now: Time) -> bool {
        let last = self.replied_at().unwrap_or(self.sent_at);
        !self.is_taken_back && now.saturating_since(last) <= Quota::SPAN_MAX
    }
}

/// The requests of one account, as entries tell them, for as long as any quota's span can reach.
#[derive(Debug, Clone, Default)]
pub(super) struct SentLog {
    kept: VecDeque<SentRequest>,
    /// How many have been dropped from the front.
    dropped: u64,
    /// By row: which request of it is unanswered, counted from the first ever.
    unanswered: BTreeMap<u64, u64>,
}

impl SentLog {
    /// A request that changes nothing, sent at `sent_at` and answered at `at`.
    pub(super) fn request(&mut self, sent_at: Time, at: Time) {
        let mut sent = SentRequest::new(None, sent_at);
        sent.answered(at);
        self.keep(sent);
    }

    /// An intent for `row`.
    pub(super) fn intent(&mut self, row: u64, step: Step, at: Time) {
        self.keep(SentRequest::new(Some(step), at));
        let number = self.dropped + self.kept.len() as u64 - 1;
        self.unanswered.insert(row, number);
    }

    /// The request under way for `row` was answered, or given up.
    pub(super) fn answered(&mut self, row: u64, at: Time) {
        if let Some(sent) = self.under_way(row) {
            sent.answered(at);
        }
    }

    /// The intent for `row` was taken back: nothing left.
    pub(super) fn held_back(&mut self, row: u64) {
        if let Some(sent) = self.under_way(row) {
            sent.is_taken_back = true;
        }
    }

    /// The requests that a window may have to count at `now`, oldest first.
    pub(super) fn iter(&self, now: Time) -> impl Iterator<Item = SentRequest> {
        let kept = self.kept.iter().filter(move |sent| sent.counts(now));
        kept.copied()
    }

    /// When each was sent, by the clock of the last process.
    pub(super) fn times(&mut self) -> impl Iterator<Item = &mut Time> {
        self.kept.iter_mut().map(|sent| &mut sent.sent_at)
    }

    fn keep(&mut self, sent: SentRequest) {
        let first_counts = |kept: &VecDeque<SentRequest>| {
            let first = kept.front();
            first.is_none_or(|it| it.counts(sent.sent_at))
        };
        while self.kept.len() >= SENT_MAX || !first_counts(&self.kept) {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(sent);
    }

    /// The request under way for `row`, which is then no longer under way.
    fn under_way(&mut self, row: u64) -> Option<&mut SentRequest> {
        let number = self.unanswered.remove(&row)?;
        let place = usize::try_from(number.checked_sub(self.dropped)?).ok()?;
        self.kept.get_mut(place)
    }
}
