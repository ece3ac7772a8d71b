//! The places of the charts' bars, in hundredths of a percent of the box they stand in. So a chart
//! is as wide as its page and its letters keep their size.

use std::borrow::Borrow;

use crate::domain::{Sums, Time};
use crate::report::{Pause, Report, SessionTold};

/// The whole, in hundredths of a percent.
const WHOLE: u64 = 10_000;

/// The least that a bar takes which is not nothing: it must be seen.
const SEEN_MIN: u64 = 40;

/// How many breaks are marked; more would be a fence.
const BREAKS_MAX: usize = 12;

/// How much of the chart the words of a break take where the chart is narrowest, and the number of all
/// rows at its beginning.
const WORDS_WIDTH: u64 = 2_400;

/// The share of `part` in `whole` in hundredths of a percent, at most all of it.
pub(super) fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * u128::from(WHOLE) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(WHOLE).min(WHOLE)
}

/// Hundredths of a percent as text.
pub(super) fn percent(hundredths: impl Borrow<u64>) -> String {
    let hundredths = *hundredths.borrow();
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// A part of a bar that lies on its side, a column of the progress, or a stretch of a pause. Places
/// and lengths are in hundredths of a percent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// How it is drawn: the name of a class.
    pub(super) class: &'static str,
    pub(super) x: u64,
    pub(super) width: u64,
    pub(super) y: u64,
    pub(super) height: u64,
}

impl Area {
    /// As high as the chart, or the bar.
    const fn high(class: &'static str, x: u64, width: u64) -> Self {
        Self {
            class,
            x,
            width,
            y: 0,
            height: WHOLE,
        }
    }
}

/// A part of all rows: the class that it is drawn with, what it is called, and how many rows it has.
pub(super) type Part = (&'static str, &'static str, u64);

/// Lays `parts` end to end, each as long as it is of `whole`. A small part is drawn larger than it
/// is, at the cost of the largest.
pub(super) fn bar(parts: &[Part], whole: u64) -> Vec<Area> {
    let parts = parts.iter().filter(|(.., part)| *part > 0);
    let mut widths: Vec<_> = parts
        .map(|(class, _, part)| (*class, share(*part, whole).max(SEEN_MIN)))
        .collect();
    let over = widths.iter().map(|(_, width)| width).sum::<u64>();
    if let Some((_, largest)) = widths.iter_mut().max_by_key(|(_, width)| *width) {
        *largest = largest.saturating_sub(over.saturating_sub(WHOLE));
    }
    let mut x = 0;
    let areas = widths.into_iter().map(|(class, width)| {
        let area = Area::high(class, x, width);
        x += width;
        area
    });
    areas.collect()
}

/// The parts of all rows, in the order in which they lie.
pub(super) const fn parts(sums: &Sums, pending: u64) -> [Part; 4] {
    [
        ("good", "done", sums.good),
        ("bad", "not done", sums.bad),
        ("skipped", "skipped", sums.skipped),
        ("pending", "still to do", pending),
    ]
}

/// How long the run had been at work at the end of its progress, in milliseconds.
fn end_of(report: &Report) -> u64 {
    report.progress.last().map_or(0, |last| last.worked_ms)
}

/// Time between two sessions, which takes no room on the chart of the progress.
pub(super) struct Break {
    /// Where it is.
    pub(super) x: u64,
    /// How long it was, in milliseconds.
    pub(super) lasted_ms: u64,
    /// When the session behind it began.
    pub(super) until: Time,
    /// Which part of its words stands at `x`, in SVG's words; `None`: there is no room for them.
    pub(super) anchor: Option<&'static str>,
}

/// The breaks of a run. Words that would run into what stands before them are left out.
pub(super) fn breaks(report: &Report) -> Vec<Break> {
    let sessions = report.sessions.iter().filter(|it| !it.is_verification());
    let sessions: Vec<_> = sessions.collect();
    let mut taken = WORDS_WIDTH;
    let of_pair = |pair: &[&SessionTold]| {
        let (before, behind) = (pair[0], pair[1]);
        let x = share(behind.worked_before_ms, end_of(report));
        let (anchor, from) = if x + WORDS_WIDTH / 2 > WHOLE {
            ("end", x.saturating_sub(WORDS_WIDTH))
        } else {
            ("middle", x.saturating_sub(WORDS_WIDTH / 2))
        };
        let has_room = from >= taken;
        if has_room {
            taken = from + WORDS_WIDTH;
        }
        let until = behind.started_at;
        let rested = until.saturating_since(before.ended_at.unwrap_or(before.last_at));
        Break {
            x,
            lasted_ms: u64::try_from(rested.as_millis()).unwrap_or(u64::MAX),
            until,
            anchor: has_room.then_some(anchor),
        }
    };
    // Those left out stood behind the first.
    let pairs = sessions
        .windows(2)
        .skip(usize::from(report.sessions_left_out > 0));
    pairs.take(BREAKS_MAX).map(of_pair).collect()
}

/// The pauses on it.
pub(super) fn pauses(report: &Report) -> Vec<Area> {
    let area = |pause: &Pause| {
        let (x, width) = stretch(pause.worked_ms.0, pause.worked_ms.1, end_of(report));
        Area::high("pause", x, width.max(SEEN_MIN))
    };
    report.pauses.iter().map(area).collect()
}

/// Its columns: the progress of a run over its working time.
pub(super) fn columns(report: &Report) -> Vec<Area> {
    let mut columns = Vec::new();
    let mut from = 0;
    for point in &report.progress {
        let (x, width) = stretch(from, point.worked_ms, end_of(report));
        columns.extend(stack(&parts(&point.sums, 0), report.input.rows, x, width));
        from = point.worked_ms;
    }
    columns
}

fn stretch(from: u64, to: u64, end: u64) -> (u64, u64) {
    let (from, to) = (share(from, end), share(to, end));
    (from, to.saturating_sub(from))
}

/// One column: its parts on top of one another.
fn stack(parts: &[Part], rows: u64, x: u64, width: u64) -> Vec<Area> {
    let mut below = 0;
    let mut areas = Vec::new();
    for (class, _, part) in parts {
        let bottom = share(below, rows);
        below += part;
        let top = share(below, rows);
        if *part > 0 {
            areas.push(Area {
                class,
                x,
                width,
                y: WHOLE - top,
                height: top - bottom,
            });
        }
    }
    areas
}
