//! What stops an account before more harm is done: the circuit breaker, and the canary.
//!
//! The breaker trips when too much goes wrong.
//! Two things are watched, each over a sliding window of the rows done: rows that fail, and rows
//! that name users whom nobody knows. Over all rows since the start a long good beginning would
//! hide a bad end; over a window it does not, and an evenly spread part of refusals, which any old
//! file has, never adds up. Pure; nothing here knows why a row ended as it did.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::domain::{Counted, Outcome, Position, Said, StopKind};

/// How many rows may fail, be refused or be left in doubt before their account stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FailureLimit {
    /// 50 of the last 1,000 rows done.
    Default,
    /// So many rows of this session, however many were done: it is a number that a person typed.
    Rows(u64),
    /// So many in a hundred of the last 1,000 rows done, once fifty are.
    Percent(f64),
}

/// How many rows done are looked back on.
const WINDOW_ROWS: usize = 1_000;

/// The bad rows of a window that are too many, unless a person says otherwise.
const BAD_MAX: usize = 50;

/// Percentages are not taken of fewer rows than this: 1 of 3 is no 33%.
const SAMPLE_MIN: usize = 50;

/// How many rows done are looked back on for unknown users.
const UNKNOWN_WINDOW_ROWS: usize = 50;

/// So many unknown users among those (and no more than half of them) are what any old file has.
const UNKNOWN_MAX: usize = 20;

impl fmt::Display for FailureLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "{BAD_MAX} of the last {WINDOW_ROWS}"),
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl FromStr for FailureLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a number of rows such as 50, nor a percentage such as 5%");
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
            return if percent > 0.0 && percent <= 100.0 {
                Ok(Self::Percent(percent))
            } else {
                Err(wrong())
            };
        }
        match text.parse() {
            Ok(rows) if rows > 0 => Ok(Self::Rows(rows)),
            _ => Err(wrong()),
        }
    }
}

/// Counts a lane's rows against its limits.
#[derive(Debug)]
pub(super) struct Breaker {
    limit: FailureLimit,
    /// Bad rows since the start.
    bad: u64,
    recent: Recent,
    unknown: Recent,
}

impl Breaker {
    pub(super) fn new(limit: FailureLimit) -> Self {
        Self {
            limit,
            bad: 0,
            recent: Recent::new(WINDOW_ROWS),
            unknown: Recent::new(UNKNOWN_WINDOW_ROWS),
        }
    }

    /// Counts a row that was sent and ended; returns why the account must stop, if it must.
    pub(super) fn count(&mut self, outcome: Outcome) -> Option<(StopKind, Said)> {
        let (is_bad, is_unknown) = match outcome {
            Outcome::Failed | Outcome::Refused | Outcome::InDoubt => (true, false),
            Outcome::NotFound => (false, true),
            Outcome::Deleted
            | Outcome::AlreadyGone
            | Outcome::Invalid
            | Outcome::Protected
            | Outcome::DoneBefore
            | Outcome::Duplicate => (false, false),
        };
        self.bad += u64::from(is_bad);
        self.recent.push(is_bad);
        self.unknown.push(is_unknown);
        if is_bad && self.too_many_bad() {
            return Some(self.trip_by_failures());
        }
        (is_unknown && self.too_many_unknown()).then(|| {
            let words = format!(
                "{} rows name users whom this account does not know",
                self.unknown
            );
            (StopKind::NotFoundRun, Said::own("not_found_run", words))
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a window is short")]
    fn too_many_bad(&self) -> bool {
        let (bad, rows) = (self.recent.marked, self.recent.rows.len());
        match self.limit {
            FailureLimit::Default => bad >= BAD_MAX,
            FailureLimit::Rows(limit) => self.bad >= limit,
            FailureLimit::Percent(percent) => {
                rows >= SAMPLE_MIN && bad as f64 * 100.0 >= rows as f64 * percent
            }
        }
    }

    fn too_many_unknown(&self) -> bool {
        let (unknown, rows) = (self.unknown.marked, self.unknown.rows.len());
        unknown > UNKNOWN_MAX && unknown * 2 > rows
    }

    fn trip_by_failures(&self) -> (StopKind, Said) {
        let counted = match self.limit {
            FailureLimit::Rows(_) => self.bad.to_string(),
            FailureLimit::Default | FailureLimit::Percent(_) => self.recent.to_string(),
        };
        let words = format!(
            "{counted} rows failed, were refused or are in doubt; the limit is {}",
            self.limit
        );
        (StopKind::FailureLimit, Said::own("failure_limit", words))
    }
}

/// The last rows done, and how many of them are marked. It holds so many rows and no more.
#[derive(Debug)]
struct Recent {
    rows: VecDeque<bool>,
    rows_max: usize,
    marked: usize,
}

impl fmt::Display for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the last {}", self.marked, self.rows.len())
    }
}

impl Recent {
    fn new(rows_max: usize) -> Self {
        Self {
            rows: VecDeque::with_capacity(rows_max),
            rows_max,
            marked: 0,
        }
    }

    fn push(&mut self, mark: bool) {
        if self.rows.len() == self.rows_max && self.rows.pop_front() == Some(true) {
            self.marked -= 1;
        }
        self.rows.push_back(mark);
        self.marked += usize::from(mark);
    }
}

/// The first rows of an account; the others go only if these end well (`--canary N`).
#[derive(Debug, Default)]
pub(super) struct Canary {
    /// Rows that are still to be let in.
    left: u64,
    /// Rows that were let in and have not ended.
    open: u64,
    ended: u64,
    bad: u64,
    /// The first of the file that ended badly, in words.
    first_bad: Option<(Position, String)>,
}

impl Canary {
    /// A canary of so many rows; `None`: there is none.
    pub(super) fn new(rows: Option<NonZeroU64>) -> Self {
        Self {
            left: rows.map_or(0, NonZeroU64::get),
            ..Self::default()
        }
    }

    /// How many more rows are let in.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Lets a row in.
    pub(super) const fn let_in(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.open += 1;
    }

    /// The account has no more rows: those that were let in are all there are.
    pub(super) const fn is_whole(&mut self) {
        self.left = 0;
    }

    /// Whether the other rows may go.
    pub(super) const fn is_over(&self) -> bool {
        self.left == 0 && self.open == 0 && self.bad == 0
    }

    /// A row that was let in ended.
    pub(super) fn count(&mut self, position: Position, outcome: Outcome, code: Option<&str>) {
        self.open -= 1;
        self.ended += 1;
        if outcome.counted() == Counted::Good {
            return;
        }
        self.bad += 1;
        if self
            .first_bad
            .as_ref()
            .is_none_or(|(first, _)| position.row < first.row)
        {
            let code = code.unwrap_or("no code");
            let words = format!("first line {}: {outcome} ({code})", position.line);
            self.first_bad = Some((position, words));
        }
    }

    /// What went wrong, once all of its rows have ended; `None`: nothing, or not all have.
    pub(super) fn failed(&self) -> Option<String> {
        let (_, first) = self.first_bad.as_ref()?;
        (self.left == 0 && self.open == 0).then(|| {
            format!(
                "{} of the first {} rows ended badly, {first}",
                self.bad, self.ended
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Breaker, Canary, FailureLimit};
    use crate::domain::{Outcome, Position, StopKind};

    const BAD: Outcome = Outcome::Refused;
    const FINE: Outcome = Outcome::AlreadyGone;
    const UNKNOWN: Outcome = Outcome::NotFound;
    const DEFAULT: FailureLimit = FailureLimit::Default;
    const TENTH: FailureLimit = FailureLimit::Percent(10.0);

    /// Where a breaker trips, counted from 1, and why.
    fn tripped(
        limit: FailureLimit,
        rows: impl IntoIterator<Item = Outcome>,
    ) -> Option<(usize, StopKind)> {
        let mut breaker = Breaker::new(limit);
        let mut rows = rows.into_iter().zip(1..);
        rows.find_map(|(row, number)| Some((number, breaker.count(row)?.0)))
    }

    #[rstest]
    #[case::forty_nine(DEFAULT, &[(BAD, 49), (FINE, 5000)], None)]
    #[case::fifty_at_the_start(DEFAULT, &[(BAD, 60)], Some(50))]
    #[case::fifty_within_the_window(DEFAULT, &[(BAD, 25), (FINE, 950), (BAD, 30)], Some(1_000))]
    #[case::fifty_over_more_than_it(DEFAULT, &[(BAD, 25), (FINE, 976), (BAD, 25)], None)]
    #[case::a_burst_after_a_long_good_time(DEFAULT, &[(FINE, 10_000), (BAD, 50)], Some(10_050))]
    #[case::a_typed_number_is_of_all_rows(FailureLimit::Rows(3), &[(BAD, 2), (FINE, 5_000), (BAD, 1)], Some(5_003))]
    #[case::one(FailureLimit::Rows(1), &[(FINE, 900), (BAD, 1)], Some(901))]
    #[case::no_percentage_of_few(TENTH, &[(BAD, 49)], None)]
    #[case::but_of_fifty(TENTH, &[(BAD, 50)], Some(50))]
    #[case::a_tenth(TENTH, &[(FINE, 901), (BAD, 100)], Some(1_001))]
    #[case::less_than_a_tenth(TENTH, &[(FINE, 901), (BAD, 99), (FINE, 100)], None)]
    #[case::a_good_row_never_stops(FailureLimit::Percent(1.0), &[(BAD, 1), (FINE, 60)], None)]
    #[case::twenty_unknown(DEFAULT, &[(UNKNOWN, 20)], None)]
    #[case::twenty_one(DEFAULT, &[(UNKNOWN, 21)], Some(21))]
    #[case::half_of_few(DEFAULT, &[(FINE, 21), (UNKNOWN, 21)], None)]
    #[case::over_half_of_few(DEFAULT, &[(FINE, 20), (UNKNOWN, 21)], Some(41))]
    #[case::half_of_fifty(DEFAULT, &[(FINE, 5_000), (UNKNOWN, 25), (FINE, 5_000)], None)]
    #[case::over_half_of_fifty(DEFAULT, &[(FINE, 5_000), (UNKNOWN, 30)], Some(5_026))]
    fn a_breaker_trips_at(
        #[case] limit: FailureLimit,
        #[case] parts: &[(Outcome, usize)],
        #[case] at: Option<usize>,
    ) {
        let rows = parts.iter().flat_map(|(outcome, n)| vec![*outcome; *n]);
        let is_unknown = parts.iter().any(|(outcome, _)| *outcome == UNKNOWN);
        let reason = if is_unknown {
            StopKind::NotFoundRun
        } else {
            StopKind::FailureLimit
        };
        assert_eq!(tripped(limit, rows), at.map(|at| (at, reason)));
    }

    #[test]
    fn failed_refused_and_in_doubt_are_bad_and_an_even_part_of_them_never_stops() {
        for outcome in Outcome::ALL {
            let is_bad = [Outcome::Failed, BAD, Outcome::InDoubt].contains(&outcome);
            let tripped = tripped(FailureLimit::Rows(1), [outcome]);
            assert_eq!(tripped.is_some(), is_bad, "{outcome}");
        }
        for (other, every) in [(BAD, 50), (UNKNOWN, 2)] {
            let rows = (0..20_000).map(|row| {
                if row % every == every - 1 {
                    other
                } else {
                    FINE
                }
            });
            assert_eq!(tripped(DEFAULT, rows), None);
        }
    }

    #[test]
    fn a_canary_is_over_when_all_of_it_ended_well_and_tells_of_the_first_that_did_not() {
        let at = |row| Position { row, line: row + 1 };
        assert!(Canary::new(None).is_over());
        for (outcomes, whole, over) in [
            (&[Outcome::Deleted, FINE, Outcome::Deleted][..], false, true),
            (&[Outcome::Deleted, BAD, UNKNOWN], false, false),
            (&[Outcome::Deleted], false, false),
            (&[Outcome::Deleted], true, true),
            (&[Outcome::Failed], true, false),
        ] {
            let mut canary = Canary::new(3.try_into().ok());
            for _ in outcomes {
                canary.let_in();
            }
            for (row, outcome) in (1..=3).zip(outcomes) {
                assert_eq!(canary.failed(), None, "not all have ended");
                canary.count(at(row), *outcome, None);
            }
            if whole {
                canary.is_whole();
            }
            assert_eq!(canary.is_over(), over, "{outcomes:?}");
            if outcomes.len() == 3 && !over {
                let words = "2 of the first 3 rows ended badly, first line 3: refused (no code)";
                assert_eq!(canary.failed().as_deref(), Some(words));
            }
        }
    }

    #[test]
    fn a_limit_is_a_number_or_a_percentage() {
        for (text, limit) in [
            ("50", FailureLimit::Rows(50)),
            ("5%", FailureLimit::Percent(5.0)),
            ("2.5 %", FailureLimit::Percent(2.5)),
        ] {
            assert_eq!(text.parse(), Ok(limit));
        }
        for text in ["0", "0%", "101%", "nan%", "-1", "1.5", "", "many"] {
            assert!(text.parse::<FailureLimit>().is_err(), "{text}");
        }
    }
}
