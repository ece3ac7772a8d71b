//! When a run waited because a server said so.

use serde::Serialize;

use super::timeline::Timeline;
use crate::domain::{AccountName, Paused, Step, Time};

/// How many pauses are told one by one: the first ones.
const PAUSES_MAX: usize = 100;

/// A limit waited. Pauses of the same limit that touch are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// The account.
    pub account: AccountName,
    /// The step whose limit waited; `None`: the whole account.
    pub step: Option<Step>,
    /// From when.
    pub from: Time,
    /// Until when the server wanted it to wait; the run may have ended before.
    pub until: Time,
    /// Why; of several that touch, the first one's reason.
    pub reason: String,
    /// The working time at its beginning and its end, in milliseconds, cut at the session's end.
    pub worked_ms: (u64, u64),
}

/// Collects the pauses.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    listed: Vec<Pause>,
    left_out: u64,
}

impl Pauses {
    pub(super) fn apply(&mut self, pause: &Paused, timeline: &mut Timeline) {
        let began = timeline.seen(pause.at);
        let lasts = pause.until.saturating_since(pause.at).as_millis();
        let ends = began.saturating_add(u64::try_from(lasts).unwrap_or(u64::MAX));
        let touches = |it: &&mut Pause| {
            it.account == pause.account
                && it.step == pause.step
                && it.until >= pause.at
                && it.worked_ms.1 >= began
        };
        if let Some(earlier) = self.listed.iter_mut().rev().find(touches) {
            earlier.until = earlier.until.max(pause.until);
            earlier.worked_ms.1 = earlier.worked_ms.1.max(ends);
        } else if self.listed.len() < PAUSES_MAX {
            self.listed.push(Pause {
                account: pause.account.clone(),
                step: pause.step,
                from: pause.at,
                until: pause.until,
                reason: pause.reason.clone(),
                worked_ms: (began, ends),
            });
        } else {
            self.left_out += 1;
        }
    }

    /// A session ended when `timeline` was where it is: no pause of it went on for longer.
    pub(super) fn cut(&mut self, timeline: &Timeline) {
        for pause in &mut self.listed {
            pause.worked_ms.1 = pause.worked_ms.1.min(timeline.worked_ms());
        }
    }

    /// The pauses, and how many more there were.
    pub(super) fn finish(self) -> (Vec<Pause>, u64) {
        (self.listed, self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::{PAUSES_MAX, Pauses, Timeline};
    use crate::domain::{Entry, Paused};
    use crate::ledger::samples::{at, pause};

    fn paused(from: i64, until: i64) -> Paused {
        match pause(None, from, until) {
            Entry::Pause(pause) => pause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_that_touch_are_one_and_none_outlasts_its_session() {
        let mut timeline = Timeline::new(at(0));
        let mut pauses = Pauses::default();
        for (from, until) in [(1, 10), (2, 12), (12, 14), (20, 500)] {
            pauses.apply(&paused(from, until), &mut timeline);
        }
        timeline.seen(at(30));
        pauses.cut(&timeline);
        timeline.begin(at(400));
        pauses.apply(&paused(401, 402), &mut timeline);
        timeline.seen(at(410));
        pauses.cut(&timeline);
        let (told, left_out) = pauses.finish();
        let told: Vec<_> = told.iter().map(|it| (it.worked_ms, it.until)).collect();
        let expected = [
            ((1_000, 14_000), at(14)),
            ((20_000, 30_000), at(500)),
            ((31_000, 32_000), at(402)),
        ];
        assert_eq!((told.as_slice(), left_out), (&expected[..], 0));
    }

    #[test]
    fn pauses_that_are_too_many_are_counted() {
        let mut timeline = Timeline::new(at(0));
        let mut pauses = Pauses::default();
        let most = i64::try_from(PAUSES_MAX).unwrap();
        for n in 0..most + 7 {
            pauses.apply(&paused(n * 10, n * 10 + 1), &mut timeline);
        }
        assert_eq!(pauses.finish().1, 7);
    }
}
