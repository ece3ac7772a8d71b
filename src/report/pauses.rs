//! When a run waited because a server said so.

use serde::Serialize;

use super::reasons::without_numbers;
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

/// Pauses that followed one another, told as one. A limit that is met again and again pauses for as
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
    /// The stretches that `pauses` make, in the order in which they began. A stretch has pauses of one limit
    /// and for one reason, whatever numbers it names. They are no further apart than [`APART_MS_MAX`].
    pub(super) fn all(pauses: &'a [Pause]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for pause in pauses {
            let waited_ms = pause.worked_ms.1.saturating_sub(pause.worked_ms.0);
            let goes_on = |it: &&mut Self| {
                let apart = pause.from.saturating_since(it.until).as_millis();
                it.first.account == pause.account
                    && it.first.step == pause.step
                    && without_numbers(&it.first.reason) == without_numbers(&pause.reason)
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

/// Adds `pause` to `listed`, or to the one that it touches. Returns whether there was room for it.
pub(super) fn add(listed: &mut Vec<Pause>, pause: &Paused, timeline: &mut Timeline) -> bool {
    let began = timeline.seen(pause.at);
    let lasts = pause.until.saturating_since(pause.at).as_millis();
    let ends = began.saturating_add(u64::try_from(lasts).unwrap_or(u64::MAX));
    let touches = |it: &&mut Pause| {
        it.account == pause.account
            && it.step == pause.step
            && it.until >= pause.at
            && it.worked_ms.1 >= began
    };
    if let Some(earlier) = listed.iter_mut().rev().find(touches) {
        earlier.until = earlier.until.max(pause.until);
        earlier.worked_ms.1 = earlier.worked_ms.1.max(ends);
    } else if listed.len() < PAUSES_MAX {
        listed.push(Pause {
            account: pause.account.clone(),
            step: pause.step,
            from: pause.at,
            until: pause.until,
            reason: pause.reason.clone(),
            worked_ms: (began, ends),
        });
    } else {
        return false;
    }
    true
}

/// A session ended when `timeline` was where it is: none of its pauses went on for longer.
pub(super) fn cut(listed: &mut [Pause], timeline: &Timeline) {
    for pause in listed {
        pause.worked_ms.1 = pause.worked_ms.1.min(timeline.worked_ms);
    }
}
