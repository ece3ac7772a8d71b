//! When requests were sent: what a later process needs to fill its quota windows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::domain::{AccountName, Quota, Step, Time};

/// How many requests are kept for an account, the newest: one quota of more than these in its span
/// would not be filled to the last. Each takes 16 bytes.
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

/// A [`Sent`] in 16 bytes: there may be a million of them.
#[derive(Debug, Clone, Copy)]
struct Packed {
    sent_at: Time,
    /// The step in the lower 8 bits, see [`STEPS`]; above them the milliseconds from the sending to
    /// the answer, and 1, or 0: no answer came.
    rest: u64,
}

/// What the lower bits of [`Packed::rest`] mean.
const STEPS: [Option<Step>; 4] = [
    None,
    Some(Step::Delete),
    Some(Step::PermanentlyDelete),
    Some(Step::DeletePersonalInformation),
];

/// In the place of a step: the request was taken back before it left.
const TAKEN_BACK: u64 = 0xFF;

impl Packed {
    fn new(sent: Sent) -> Self {
        let step = STEPS.iter().position(|step| *step == sent.step);
        let mut packed = Self {
            sent_at: sent.sent_at,
            rest: step.unwrap_or(0) as u64,
        };
        if let Some(at) = sent.replied_at {
            packed.answered(at);
        }
        packed
    }

    fn answered(&mut self, at: Time) {
        // A clock may have been set back in between; then they are one instant.
        let waited = at.as_millis().saturating_sub(self.sent_at.as_millis());
        let waited = u64::try_from(waited).unwrap_or(0).min((1 << 55) - 1);
        self.rest = (self.rest & 0xFF) | ((waited + 1) << 8);
    }

    fn replied_at(self) -> Option<Time> {
        let waited = (self.rest >> 8).checked_sub(1)?;
        Some(self.sent_at.after(Duration::from_millis(waited)))
    }

    fn is_taken_back(self) -> bool {
        self.rest & 0xFF == TAKEN_BACK
    }

    /// `None`: it was taken back.
    fn sent(self) -> Option<Sent> {
        let step = usize::try_from(self.rest & 0xFF).ok()?;
        Some(Sent {
            step: *STEPS.get(step)?,
            sent_at: self.sent_at,
            replied_at: self.replied_at(),
        })
    }
}

/// The requests of one account, as entries tell them, for as long as any quota's span can reach.
#[derive(Debug, Clone, Default)]
pub(super) struct SentLog {
    sent: VecDeque<Packed>,
    /// How many have been dropped from the front.
    dropped: u64,
    /// By row: which request of it is unanswered, counted from the first ever.
    unanswered: HashMap<u64, u64>,
}

impl SentLog {
    /// A request that needs no later entry to be told.
    pub(super) fn request(&mut self, sent: Sent) {
        self.drop_before(sent.sent_at);
        if self.sent.len() == SENT_MAX {
            self.drop_front();
        }
        self.sent.push_back(Packed::new(sent));
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
        if let Some(sent) = self.under_way(row) {
            sent.answered(at);
        }
    }

    /// The intent for `row` was taken back: nothing left.
    pub(super) fn held_back(&mut self, row: u64) {
        if let Some(sent) = self.under_way(row) {
            sent.rest = TAKEN_BACK;
        }
    }

    /// Keeps what a window may have to count, when the newest entry of the ledger is of `now`.
    pub(super) fn finish(&mut self, now: Time) {
        self.drop_before(now);
        self.unanswered = HashMap::new();
    }

    /// The requests, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Sent> {
        self.sent.iter().filter_map(|sent| sent.sent())
    }

    /// The request under way for `row`, which is then no longer under way.
    fn under_way(&mut self, row: u64) -> Option<&mut Packed> {
        let number = self.unanswered.remove(&row)?;
        let place = usize::try_from(number.checked_sub(self.dropped)?).ok()?;
        self.sent.get_mut(place)
    }

    /// Drops what no quota's span can reach from `now`.
    fn drop_before(&mut self, now: Time) {
        let out_of_reach = |sent: &Packed| {
            let last = sent.replied_at().unwrap_or(sent.sent_at);
            sent.is_taken_back() || now.saturating_since(last) > Quota::SPAN_MAX
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

/// The requests of every account.
#[derive(Debug, Clone, Default)]
pub(super) struct SentLogs {
    logs: BTreeMap<AccountName, SentLog>,
    /// Whether nobody will ask for them, so that none is kept.
    unwanted: bool,
}

impl SentLogs {
    /// Keeps nothing.
    pub(super) fn unwanted() -> Self {
        Self {
            logs: BTreeMap::new(),
            unwanted: true,
        }
    }

    /// What is kept of `account`; `None`: nothing is to be.
    pub(super) fn of(&mut self, account: &str) -> Option<&mut SentLog> {
        if self.unwanted {
            return None;
        }
        if !self.logs.contains_key(account) {
            self.logs
                .insert(AccountName::new(account), SentLog::default());
        }
        self.logs.get_mut(account)
    }

    /// Keeps what a window may have to count, when the newest entry of the ledger is of `now`.
    pub(super) fn finish(&mut self, now: Time) {
        self.unwanted = false;
        for log in self.logs.values_mut() {
            log.finish(now);
        }
    }

    /// The requests of `account`, oldest first.
    pub(super) fn iter(&self, account: &AccountName) -> impl Iterator<Item = Sent> {
        self.logs.get(account).into_iter().flat_map(SentLog::iter)
    }

    /// Gives the memory back.
    pub(super) fn clear(&mut self) {
        self.logs.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Packed, SENT_MAX, STEPS, Sent, SentLog};
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
        log.finish(last);
        let kept: Vec<Sent> = log.iter().collect();
        assert_eq!(kept[0].replied_at, Some(last));
        assert_eq!(kept[0].sent_at, later);
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn what_was_put_in_comes_out_again_and_takes_sixteen_bytes() {
        for step in STEPS {
            for replied_at in [
                None,
                Some(T0),
                Some(T0.after(Duration::from_hours(24 * 400))),
            ] {
                let sent = Sent {
                    step,
                    sent_at: T0,
                    replied_at,
                };
                assert_eq!(Packed::new(sent).sent(), Some(sent));
            }
        }
        assert_eq!(size_of::<Packed>(), 16);
    }

    #[test]
    fn the_newest_are_kept() {
        let mut log = SentLog::default();
        for n in 0..i64::try_from(SENT_MAX).unwrap() + 3 {
            log.request(read(Time::from_millis(n)));
        }
        log.finish(Time::from_millis(0));
        let kept: Vec<Sent> = log.iter().collect();
        assert_eq!(kept.len(), SENT_MAX);
        assert_eq!(kept[0].sent_at, Time::from_millis(3));
    }
}
