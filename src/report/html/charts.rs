//! Where the bars of the charts are, in hundredths of a percent of what they stand in, so that a
//! chart is as wide as its page and its letters keep their size.

use std::fmt;

use crate::domain::{Counted, Counts};
use crate::report::{Pause, Point, SessionTold};

/// The whole, in hundredths of a percent.
const WHOLE: u64 = 10_000;

/// The least that a bar takes which is not nothing: it must be seen.
const SEEN_MIN: u64 = 40;

/// How many sessions are marked; more would be a fence.
const MARKS_MAX: usize = 12;

/// How much of the chart the name of a session takes where the chart is narrowest, and the number of
/// all rows at its beginning.
const NAME_WIDTH: u64 = 2_400;

/// A length or a place, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Percent(u64);

impl Percent {
    /// What `part` of `whole` is, at most all of it.
    pub(super) fn of(part: u64, whole: u64) -> Self {
        let share = u128::from(part) * u128::from(WHOLE) / u128::from(whole.max(1));
        Self(u64::try_from(share).unwrap_or(WHOLE).min(WHOLE))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}%", self.0 / 100, self.0 % 100)
    }
}

/// A part of a bar that lies on its side, a column of the progress, or a stretch of a pause.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// How it is drawn: the name of a class.
    pub(super) class: &'static str,
    pub(super) x: Percent,
    pub(super) width: Percent,
    pub(super) y: Percent,
    pub(super) height: Percent,
}

/// Lays `parts` end to end: each a class and how much it is of `whole`. What is little is drawn
/// larger than it is, at the cost of what is most.
pub(super) fn bar(parts: &[(&'static str, u64)], whole: u64) -> Vec<Area> {
    let parts = parts.iter().filter(|(_, part)| *part > 0);
    let mut widths: Vec<_> = parts
        .map(|(class, part)| (*class, Percent::of(*part, whole).0.max(SEEN_MIN)))
        .collect();
    let over = widths.iter().map(|(_, width)| width).sum::<u64>();
    if let Some((_, largest)) = widths.iter_mut().max_by_key(|(_, width)| *width) {
        *largest = largest.saturating_sub(over.saturating_sub(WHOLE));
    }
    let mut x = 0;
    let areas = widths.into_iter().map(|(class, width)| {
        let area = Area {
            class,
            x: Percent(x),
            width: Percent(width),
            y: Percent(0),
            height: Percent(WHOLE),
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

/// Where a session began.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) x: Percent,
    pub(super) number: u64,
    /// Which part of its name stands at the mark, in SVG's words; `None`: there is no room for it.
    pub(super) anchor: Option<&'static str>,
}

/// The marks of sessions, by where each began of `end` and its number. A name that would run into what
/// stands before it is left out.
fn marks(began: impl Iterator<Item = (u64, u64)>, end: u64) -> Vec<Mark> {
    let mut taken = NAME_WIDTH;
    let mark = |(at, number)| {
        let x = Percent::of(at, end);
        let (anchor, from) = if x.0 + NAME_WIDTH / 2 > WHOLE {
            ("end", x.0.saturating_sub(NAME_WIDTH))
        } else {
            ("middle", x.0.saturating_sub(NAME_WIDTH / 2))
        };
        let has_room = from >= taken;
        if has_room {
            taken = from + NAME_WIDTH;
        }
        Mark {
            x,
            number,
            anchor: has_room.then_some(anchor),
        }
    };
    began.map(mark).collect()
}

/// The progress of a run over its working time.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) columns: Vec<Area>,
    pub(super) pauses: Vec<Area>,
    pub(super) marks: Vec<Mark>,
}

impl Progress {
    pub(super) fn of(
        points: &[Point],
        pauses: &[Pause],
        sessions: &[SessionTold],
        rows: u64,
    ) -> Self {
        let end = points.last().map_or(0, |last| last.worked_ms);
        let mut columns = Vec::new();
        let mut from = 0;
        for point in points {
            let parts = [
                ("good", point.good),
                ("bad", point.bad),
                ("duplicate", point.duplicate),
            ];
            let (x, width) = stretch(from, point.worked_ms, end);
            columns.extend(stack(&parts, rows, x, width));
            from = point.worked_ms;
        }
        let pauses = pauses.iter().map(|pause| {
            let (from, to) = pause.worked_ms;
            let (x, width) = stretch(from, to, end);
            Area {
                class: "pause",
                x,
                width: Percent(width.0.max(SEEN_MIN)),
                y: Percent(0),
                height: Percent(WHOLE),
            }
        });
        let began = sessions.iter().filter(|it| !it.is_verification()).skip(1);
        let began = began.map(|session| (session.worked_before_ms, session.number));
        Self {
            columns,
            pauses: pauses.collect(),
            marks: marks(began.take(MARKS_MAX), end),
        }
    }
}

fn stretch(from: u64, to: u64, end: u64) -> (Percent, Percent) {
    let (from, to) = (Percent::of(from, end), Percent::of(to, end));
    (from, Percent(to.0.saturating_sub(from.0)))
}

/// One column: its parts on top of one another.
fn stack(parts: &[(&'static str, u64)], rows: u64, x: Percent, width: Percent) -> Vec<Area> {
    let mut below = 0;
    let mut areas = Vec::new();
    for (class, part) in parts {
        let bottom = Percent::of(below, rows);
        below += part;
        let top = Percent::of(below, rows);
        if *part > 0 {
            areas.push(Area {
                class,
                x,
                width,
                y: Percent(WHOLE - top.0),
                height: Percent(top.0 - bottom.0),
            });
        }
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::{Percent, WHOLE, bar, marks};

    #[test]
    fn a_share_is_at_most_the_whole() {
        for (part, whole, told) in [
            (0, 0, "0.00%"),
            (1, 3, "33.33%"),
            (5, 5, "100.00%"),
            (u64::MAX, 2, "100.00%"),
        ] {
            assert_eq!(Percent::of(part, whole).to_string(), told);
        }
    }

    #[test]
    fn one_row_of_a_million_is_seen_and_no_bar_reaches_beyond_its_end() {
        let bar = bar(&[("good", 999_999), ("bad", 1), ("pending", 0)], 1_000_000);
        let told: Vec<_> = bar
            .iter()
            .map(|it| (it.class, it.x.0, it.width.0))
            .collect();
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
            let marks = marks(began.iter().copied().zip(2..), 100);
            let anchors: Vec<_> = marks.iter().map(|mark| mark.anchor).collect();
            assert_eq!(anchors, named);
        }
    }
}
