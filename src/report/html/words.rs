//! Words cut and split as the page has room for them.

use crate::domain::Time;
use crate::words::utc;

/// The ends of the axis of time, short enough to stand below a narrow chart.
pub(super) fn axis(from: Time, to: Time) -> (String, String) {
    let (from, to) = (time(from), time(to));
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, clock))) if day == same => {
            (format!("{from} UTC"), clock.to_owned())
        }
        (_, _) => {
            let minute = |at: &str| at.rsplit_once(':').map_or(at, |(it, _)| it).to_owned();
            (minute(&from), minute(&to))
        }
    }
}

/// A time in a column whose head says that it is UTC.
pub(super) fn time(at: Time) -> String {
    utc(at).trim_end_matches(" UTC").to_owned()
}

/// `text` in pieces, with whether each stood between backticks; whole if those do not pair up round
/// words.
pub(super) fn ticked(text: &str) -> Vec<(bool, &str)> {
    let pieces = [false, true].into_iter().cycle().zip(text.split('`'));
    let pieces: Vec<_> = pieces.collect();
    let is_word = |piece: &str| !piece.is_empty() && piece.trim() == piece;
    let mut ticked = pieces.iter().filter(|(is_ticked, _)| *is_ticked);
    if pieces.len().is_multiple_of(2) || !ticked.all(|(_, piece)| is_word(piece)) {
        return vec![(false, text)];
    }
    pieces
        .into_iter()
        .filter(|(_, piece)| !piece.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{axis, ticked};
    use crate::ledger::samples::at;

    #[test]
    fn what_stands_between_backticks_is_to_be_typed() {
        for (text, pieces) in [
            (
                "give `--action`, or a column",
                &[
                    (false, "give "),
                    (true, "--action"),
                    (false, ", or a column"),
                ][..],
            ),
            ("`a``b`", &[(true, "a"), (true, "b")]),
            ("x`y", &[(false, "x`y")]),
            ("x`y a | b ``z", &[(false, "x`y a | b ``z")]),
            ("x``y", &[(false, "x``y")]),
            ("", &[]),
        ] {
            assert_eq!(ticked(text), pieces);
        }
    }

    #[test]
    fn both_ends_of_the_axis_have_room_below_a_narrow_chart() {
        for (seconds, from, to) in [
            (90, "2026-11-22 09:30:00 UTC", "09:31:30"),
            (90_000, "2026-11-22 09:30", "2026-11-23 10:30"),
        ] {
            assert_eq!(axis(at(0), at(seconds)), (from.to_owned(), to.to_owned()));
        }
    }
}
