//! Where the bars of the charts are, in hundredths of a percent of what they stand in, so that a
//! chart is as wide as its page and its letters keep their size.

use std::borrow::Borrow;

use crate::domain::{Counted, Counts};
use crate::report::{Pause, Report};

/// The whole, in hundredths of a percent.
const WHOLE: u64 = 10_000;

/// The least that a bar takes which is not nothing: it must be seen.
const SEEN_MIN: u64 = 40;

/// How many sessions are marked; more would be a fence.
const MARKS_MAX: usize = 12;

/// How much of the chart the name of a session takes where the chart is narrowest, and the number of
/// all rows at its beginning.
const NAME_WIDTH: u64 = 2_400;

/// What `part` of `whole` is in hundredths of a percent, at most all of it.
pub(super) fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * u128::from(WHOLE) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(WHOLE).min(WHOLE)
}

/// Hundredths of a percent as text.
pub(super) fn percent(hundredths: impl Borrow<u64>) -> String {
    let hundredths = *hundredths.borrow();
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// A part of a bar that lies on its side, a column of the progress, or a stretch of a pause; places and
/// lengths in hundredths of a percent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// How it is drawn: the name of a class.
    pub(super) class: &'static str,
    pub(super) x: u64,
    pub(super) width: u64,
    pub(super) y: u64,
    pub(super) height: u64,
}

/// Lays `parts` end to end: each a class and how much it is of `whole`. What is little is drawn
/// larger than it is, at the cost of what is most.
pub(super) fn bar(parts: &[(&'static str, u64)], whole: u64) -> Vec<Area> {
    let parts = parts.iter().filter(|(_, part)| *part > 0);
    let mut widths: Vec<_> = parts
        .map(|(class, part)| (*class, share(*part, whole).max(SEEN_MIN)))
        .collect();
    let over = widths.iter().map(|(_, width)| width).sum::<u64>();
    if let Some((_, largest)) = widths.iter_mut().max_by_key(|(_, width)| *width) {
        *largest = largest.saturating_sub(over.saturating_sub(WHOLE));
    }
    let mut x = 0;
    let areas = widths.into_iter().map(|(class, width)| {
        let area = Area {
            class,
            x,
            width,
            y: 0,
            height: WHOLE,
        };
        x += width;
        area
    });
    areas.collect()
}

/// The parts of a bar of `counts`, in the order in which they lie.
pub(super) fn parts(counts: &Counts) -> [(&'static str, u64); 4] {
    [
        ("good", counts.counted(Counted::Good)),
        ("bad", counts.counted(Counted::Bad)),
        ("duplicate", counts.counted(Counted::Neither)),
        ("pending", counts.pending),
    ]
}

/// Where sessions began: the place, the number, and which part of the name stands there, in SVG's words
/// (`None`: there is no room for it).
pub(super) type Marks = Vec<(u64, u64, Option<&'static str>)>;

/// The marks of sessions, by where each began of `end` and its number. A name that would run into what
/// stands before it is left out.
fn marks_of(began: impl Iterator<Item = (u64, u64)>, end: u64) -> Marks {
    let mut taken = NAME_WIDTH;
    let mark = |(at, number)| {
        let x = share(at, end);
        let (anchor, from) = if x + NAME_WIDTH / 2 > WHOLE {
            ("end", x.saturating_sub(NAME_WIDTH))
        } else {
            ("middle", x.saturating_sub(NAME_WIDTH / 2))
        };
        let has_room = from >= taken;
        if has_room {
            taken = from + NAME_WIDTH;
        }
        (x, number, has_room.then_some(anchor))
    };
    began.map(mark).collect()
}

/// How long the run had been at work at the end of its progress, in milliseconds.
fn end_of(report: &Report) -> u64 {
    report.progress.last().map_or(0, |last| last.worked_ms)
}

/// The sessions behind the first, on the chart of the progress.
pub(super) fn marks(report: &Report) -> Marks {
    let sessions = report.sessions.iter();
    let began = sessions.filter(|it| !it.is_verification()).skip(1);
    let began = began.map(|session| (session.worked_before_ms, session.number));
    marks_of(began.take(MARKS_MAX), end_of(report))
}

/// The pauses on it.
pub(super) fn pauses(report: &Report) -> Vec<Area> {
    let area = |pause: &Pause| {
        let (x, width) = stretch(pause.worked_ms.0, pause.worked_ms.1, end_of(report));
        Area {
            class: "pause",
            x,
            width: width.max(SEEN_MIN),
            y: 0,
            height: WHOLE,
        }
    };
    report.pauses.iter().map(area).collect()
}

/// Its columns: the progress of a run over its working time.
pub(super) fn columns(report: &Report) -> Vec<Area> {
    let mut columns = Vec::new();
    let mut from = 0;
    for point in &report.progress {
        let parts = [
            ("good", point.good),
            ("bad", point.bad),
            ("duplicate", point.duplicate),
        ];
        let (x, width) = stretch(from, point.worked_ms, end_of(report));
        columns.extend(stack(&parts, report.input.rows, x, width));
        from = point.worked_ms;
    }
    columns
}

fn stretch(from: u64, to: u64, end: u64) -> (u64, u64) {
    let (from, to) = (share(from, end), share(to, end));
    (from, to.saturating_sub(from))
}

/// One column: its parts on top of one another.
fn stack(parts: &[(&'static str, u64)], rows: u64, x: u64, width: u64) -> Vec<Area> {
    let mut below = 0;
    let mut areas = Vec::new();
    for (class, part) in parts {
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

#[cfg(test)]
mod tests {
    use super::{WHOLE, bar, marks_of};

    #[test]
    fn one_row_of_a_million_is_seen_and_no_bar_reaches_beyond_its_end() {
        let bar = bar(&[("good", 999_999), ("bad", 1), ("pending", 0)], 1_000_000);
        let told: Vec<_> = bar.iter().map(|it| (it.class, it.x, it.width)).collect();
        assert_eq!(told, [("good", 0, WHOLE - 40), ("bad", WHOLE - 40, 40)]);
    }

    #[test]
    fn a_session_is_named_where_there_is_room() {
        for (began, named) in [
            (&[50][..], &[Some("middle")][..]),
            (&[50, 60], &[Some("middle"), None]),
            (&[40, 70], &[Some("middle"), Some("middle")]),
            (&[60, 100], &[Some("middle"), Some("end")]),
            (&[80, 99], &[Some("middle"), None]),
            (&[0, 10, 50], &[None, None, Some("middle")]),
        ] {
            let marks = marks_of(began.iter().copied().zip(2..), 100);
            let anchors: Vec<_> = marks.iter().map(|(.., anchor)| *anchor).collect();
            assert_eq!(anchors, named);
        }
    }
}
