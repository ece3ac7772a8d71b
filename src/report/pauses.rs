//! When a run waited because a server said so.

use serde::Serialize;

use super::timeline::Timeline;
use crate::domain::{AccountName, Paused, Step, Time};

/// How many pauses are told one by one: the first ones.
const PAUSES_MAX: usize = 100;

/// How far apart pauses of one stretch may be, in milliseconds: the longest span of a limit that a
/// provider documents.
const APART_MS_MAX: u64 = 10 * 60 * 1_000;

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

/// Pauses that followed one another, told as one: a limit that is met again and again pauses for as
/// long as each of its spans has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch<'a> {
    /// The first of them.
    pub(super) first: &'a Pause,
    /// Until when the last of them was to wait.
    pub(super) until: Time,
    /// How many they are.
    pub(super) pauses: usize,
    /// How long they took together while the run was at work, in milliseconds.
    pub(super) waited_ms: u64,
}

impl<'a> Stretch<'a> {
    /// The stretches that `pauses` make, in the order in which they began: pauses of one limit and for
    /// one reason, whatever numbers it names, that are no further apart than [`APART_MS_MAX`].
    pub(super) fn all(pauses: &'a [Pause]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for pause in pauses {
            let waited_ms = pause.worked_ms.1.saturating_sub(pause.worked_ms.0);
            let goes_on = |it: &&mut Self| {
                let apart = pause.from.saturating_since(it.until).as_millis();
                it.first.account == pause.account
                    && it.first.step == pause.step
                    && words(&it.first.reason).eq(words(&pause.reason))
                    && apart <= u128::from(APART_MS_MAX)
            };
            if let Some(stretch) = all.iter_mut().rev().find(goes_on) {
                stretch.until = stretch.until.max(pause.until);
                stretch.pauses += 1;
                stretch.waited_ms += waited_ms;
            } else {
                all.push(Self {
                    first: pause,
                    until: pause.until,
                    pauses: 1,
                    waited_ms,
                });
            }
        }
        all
    }
}

/// A reason without its numbers.
fn words(reason: &str) -> impl Iterator<Item = char> {
    reason.chars().filter(|c| !c.is_ascii_digit())
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
    use super::{PAUSES_MAX, Pauses, Stretch, Timeline};
    use crate::domain::{Entry, Paused};
    use crate::ledger::samples::{at, pause};

    /// The pauses from and to these seconds for these reasons, of a run that was at work until `last`.
    fn told(all: &[(i64, i64, &str)], last: i64) -> Pauses {
        let mut timeline = Timeline::new(at(0));
        let mut pauses = Pauses::default();
        for (from, until, reason) in all {
            let Entry::Pause(pause) = pause(None, *from, *until) else {
                unreachable!("it is a pause");
            };
            let reason = (*reason).to_owned();
            pauses.apply(&Paused { reason, ..pause }, &mut timeline);
        }
        timeline.seen(at(last));
        pauses.cut(&timeline);
        pauses
    }

    #[test]
    fn pauses_that_touch_are_one_and_none_outlasts_its_session() {
        let all = [(1, 10, "x"), (2, 12, "x"), (12, 14, "x"), (20, 500, "x")];
        let (all, left_out) = told(&all, 30).finish();
        let all: Vec<_> = all.iter().map(|it| (it.worked_ms, it.until)).collect();
        let expected = [((1_000, 14_000), at(14)), ((20_000, 30_000), at(500))];
        assert_eq!((all.as_slice(), left_out), (&expected[..], 0));
        let most = i64::try_from(PAUSES_MAX).unwrap();
        let all: Vec<_> = (0..most + 7).map(|n| (n * 10, n * 10 + 1, "x")).collect();
        assert_eq!(told(&all, 9_999).finish().1, 7);
    }

    #[test]
    fn pauses_that_follow_one_another_for_one_reason_are_told_as_one() {
        let all = [
            (0, 30, "asks for 30 s"),
            (40, 68, "asks for 28 s"),
            (80, 90, "no connection"),
            (100, 130, "asks for 30 s"),
            // Much later: another stretch.
            (3_600, 3_630, "asks for 30 s"),
        ];
        let (pauses, _) = told(&all, 9_999).finish();
        let all: Vec<_> = Stretch::all(&pauses)
            .iter()
            .map(|it| (it.first.from, it.until, it.pauses, it.waited_ms))
            .collect();
        let expected = [
            (at(0), at(130), 3, 88_000),
            (at(80), at(90), 1, 10_000),
            (at(3_600), at(3_630), 1, 30_000),
        ];
        assert_eq!(all, expected);
    }
}
