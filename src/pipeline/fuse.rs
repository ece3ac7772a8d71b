//! The fuse: a lane in which too much goes wrong stops before it does more harm.
//!
//! Two things are watched, each over a sliding window of the rows done: rows that fail, and rows
//! that name users whom nobody knows. Over all rows since the start a long good beginning would
//! hide a bad end; over a window it does not, and an evenly spread part of refusals, which any old
//! file has, never adds up. Pure; nothing here knows why a row ended as it did.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use crate::domain::{Outcome, StopKind};

/// How many rows may fail, be refused or be left in doubt before their lane stops.
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
pub(super) struct Fuse {
    limit: FailureLimit,
    /// Bad rows since the start.
    bad: u64,
    recent: Window,
    unknown: Window,
}

/// Why a fuse blew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blown {
    pub(super) kind: StopKind,
    /// The stable word for it.
    pub(super) code: &'static str,
    /// What was counted, in words.
    pub(super) words: String,
}

impl Fuse {
    pub(super) fn new(limit: FailureLimit) -> Self {
        Self {
            limit,
            bad: 0,
            recent: Window::new(WINDOW_ROWS),
            unknown: Window::new(UNKNOWN_WINDOW_ROWS),
        }
    }

    /// Counts a row that was sent and ended; returns why the lane must stop, if it must.
    pub(super) fn count(&mut self, outcome: Outcome) -> Option<Blown> {
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
            return Some(self.blown_by_failures());
        }
        (is_unknown && self.too_many_unknown()).then(|| Blown {
            kind: StopKind::NotFoundRun,
            code: "not_found_run",
            words: format!(
                "{} of the last {} rows name users whom this account does not know",
                self.unknown.marked,
                self.unknown.rows.len()
            ),
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

    fn blown_by_failures(&self) -> Blown {
        let counted = match self.limit {
            FailureLimit::Rows(_) => format!("{} rows", self.bad),
            FailureLimit::Default | FailureLimit::Percent(_) => {
                format!(
                    "{} of the last {} rows",
                    self.recent.marked,
                    self.recent.rows.len()
                )
            }
        };
        Blown {
            kind: StopKind::FailureLimit,
            code: "failure_limit",
            words: format!(
                "{counted} failed, were refused or are in doubt; the limit is {}",
                self.limit
            ),
        }
    }
}

/// The last rows done, and how many of them are marked. It holds so many rows and no more.
#[derive(Debug)]
struct Window {
    rows: VecDeque<bool>,
    rows_max: usize,
    marked: usize,
}

impl Window {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{Blown, FailureLimit, Fuse};
    use crate::domain::{Outcome, StopKind};

    /// Feeds `rows` to a fuse; where it blew, counted from 1, and why.
    fn blows(
        limit: FailureLimit,
        rows: impl IntoIterator<Item = Outcome>,
    ) -> Option<(usize, Blown)> {
        let mut fuse = Fuse::new(limit);
        let mut rows = rows.into_iter().enumerate();
        rows.find_map(|(place, row)| Some((place + 1, fuse.count(row)?)))
    }

    fn good(n: usize) -> Vec<Outcome> {
        vec![Outcome::Deleted; n]
    }

    fn of(parts: &[(Outcome, usize)]) -> Vec<Outcome> {
        let each = parts.iter();
        each.flat_map(|(outcome, n)| vec![*outcome; *n]).collect()
    }

    const BAD: Outcome = Outcome::Refused;
    const FINE: Outcome = Outcome::AlreadyGone;

    #[rstest]
    #[case::forty_nine(FailureLimit::Default, &[(BAD, 49), (FINE, 5000)], None)]
    #[case::fifty_at_the_start(FailureLimit::Default, &[(BAD, 60)], Some(50))]
    #[case::fifty_within_the_window(FailureLimit::Default, &[(BAD, 25), (FINE, 950), (BAD, 30)], Some(1_000))]
    #[case::fifty_over_more_than_it(FailureLimit::Default, &[(BAD, 25), (FINE, 976), (BAD, 25)], None)]
    #[case::a_burst_after_a_long_good_time(FailureLimit::Default, &[(FINE, 10_000), (BAD, 50)], Some(10_050))]
    #[case::a_typed_number_is_of_all_rows(FailureLimit::Rows(3), &[(BAD, 2), (FINE, 5_000), (BAD, 1)], Some(5_003))]
    #[case::one(FailureLimit::Rows(1), &[(FINE, 900), (BAD, 1)], Some(901))]
    #[case::no_percentage_of_few(FailureLimit::Percent(10.0), &[(BAD, 49)], None)]
    #[case::but_of_fifty(FailureLimit::Percent(10.0), &[(BAD, 50)], Some(50))]
    #[case::a_tenth(FailureLimit::Percent(10.0), &[(FINE, 901), (BAD, 100)], Some(1_001))]
    #[case::less_than_a_tenth(FailureLimit::Percent(10.0), &[(FINE, 901), (BAD, 99), (FINE, 100)], None)]
    #[case::a_good_row_never_stops(FailureLimit::Percent(1.0), &[(BAD, 1), (FINE, 60)], None)]
    fn the_limit_holds(
        #[case] limit: FailureLimit,
        #[case] rows: &[(Outcome, usize)],
        #[case] at: Option<usize>,
    ) {
        let blown = blows(limit, of(rows));
        assert_eq!(blown.as_ref().map(|(place, _)| *place), at);
        if let Some((_, blown)) = blown {
            assert_eq!(blown.kind, StopKind::FailureLimit);
        }
    }

    #[test]
    fn what_is_bad_is_failed_refused_or_in_doubt() {
        for outcome in Outcome::ALL {
            let bad = matches!(
                outcome,
                Outcome::Failed | Outcome::Refused | Outcome::InDoubt
            );
            let blown = blows(FailureLimit::Rows(1), [outcome]);
            assert_eq!(blown.is_some(), bad, "{outcome}");
        }
    }

    #[test]
    fn refusals_spread_evenly_never_stop_a_long_run() {
        let rows = (0..20_000).map(|row| if row % 50 == 0 { BAD } else { FINE });
        assert_eq!(blows(FailureLimit::Default, rows), None);
    }

    const UNKNOWN: Outcome = Outcome::NotFound;

    #[rstest]
    #[case::twenty(&[(UNKNOWN, 20)], None)]
    #[case::twenty_one(&[(UNKNOWN, 21)], Some(21))]
    #[case::half_of_few(&[(FINE, 21), (UNKNOWN, 21)], None)]
    #[case::over_half_of_few(&[(FINE, 20), (UNKNOWN, 21)], Some(41))]
    #[case::half_of_fifty(&[(FINE, 5_000), (UNKNOWN, 25), (FINE, 5_000)], None)]
    #[case::over_half_of_fifty(&[(FINE, 5_000), (UNKNOWN, 30)], Some(5_026))]
    fn a_run_of_unknown_users_stops(#[case] rows: &[(Outcome, usize)], #[case] at: Option<usize>) {
        let blown = blows(FailureLimit::Default, of(rows));
        assert_eq!(blown.as_ref().map(|(place, _)| *place), at);
        if let Some((_, blown)) = blown {
            assert_eq!(blown.kind, StopKind::NotFoundRun);
        }
    }

    #[test]
    fn unknown_users_in_every_other_row_are_an_old_file() {
        let rows = (0..20_000).map(|row| if row % 2 == 0 { FINE } else { UNKNOWN });
        assert_eq!(blows(FailureLimit::Default, rows), None);
    }

    #[test]
    fn the_memory_of_a_fuse_is_bounded() {
        let mut fuse = Fuse::new(FailureLimit::Rows(u64::MAX));
        for row in good(100_000) {
            fuse.count(row);
        }
        assert_eq!(fuse.recent.rows.len(), super::WINDOW_ROWS);
        assert_eq!(fuse.unknown.rows.len(), super::UNKNOWN_WINDOW_ROWS);
        assert!(fuse.recent.rows.capacity() < 2 * super::WINDOW_ROWS);
    }

    /// The rule as it is told, counted anew from all rows each time.
    fn naive(limit: FailureLimit, rows: &[Outcome]) -> Option<StopKind> {
        let is_bad =
            |row: &&Outcome| matches!(row, Outcome::Failed | Outcome::Refused | Outcome::InDoubt);
        let last = |n: usize| &rows[rows.len().saturating_sub(n)..];
        let newest = rows.last()?;
        let window = last(1_000);
        let bad = window.iter().filter(is_bad).count();
        let too_many = match limit {
            FailureLimit::Default => bad >= 50,
            FailureLimit::Rows(n) => rows.iter().filter(is_bad).count() as u64 >= n,
            FailureLimit::Percent(percent) => {
                window.len() >= 50 && bad * 100 >= window.len() * whole(percent)
            }
        };
        if is_bad(&newest) && too_many {
            return Some(StopKind::FailureLimit);
        }
        let window = last(50);
        let unknown = window.iter().filter(|row| **row == UNKNOWN).count();
        (*newest == UNKNOWN && unknown > 20 && unknown * 2 > window.len())
            .then_some(StopKind::NotFoundRun)
    }

    fn whole(percent: f64) -> usize {
        (0..=100_u8)
            .find(|n| f64::from(*n) >= percent)
            .unwrap()
            .into()
    }

    fn any_rows() -> impl Strategy<Value = Vec<Outcome>> {
        let row = |weights: [u32; 3]| {
            prop_oneof![
                weights[0] => Just(FINE),
                weights[1] => Just(BAD),
                weights[2] => Just(UNKNOWN),
            ]
        };
        prop_oneof![
            prop::collection::vec(row([90, 9, 1]), 0..1_600),
            prop::collection::vec(row([50, 1, 49]), 0..300),
            prop::collection::vec(row([94, 5, 1]), 1_000..2_400),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_fuse_does_what_counting_anew_would(
            rows in any_rows(),
            limit in prop_oneof![
                Just(FailureLimit::Default),
                (1_u64..80).prop_map(FailureLimit::Rows),
                (1_u32..40).prop_map(|percent| FailureLimit::Percent(f64::from(percent))),
            ],
        ) {
            let mut fuse = Fuse::new(limit);
            for (place, row) in rows.iter().enumerate() {
                let blown = fuse.count(*row).map(|blown| blown.kind);
                prop_assert_eq!(blown, naive(limit, &rows[..=place]), "row {}", place + 1);
                if blown.is_some() {
                    break;
                }
            }
        }
    }

    #[rstest]
    #[case("50", Some(FailureLimit::Rows(50)))]
    #[case("5%", Some(FailureLimit::Percent(5.0)))]
    #[case("2.5 %", Some(FailureLimit::Percent(2.5)))]
    #[case("0", None)]
    #[case("0%", None)]
    #[case("101%", None)]
    #[case("nan%", None)]
    #[case("-1", None)]
    #[case("1.5", None)]
    #[case("", None)]
    #[case("many", None)]
    fn a_limit_is_read(#[case] text: &str, #[case] limit: Option<FailureLimit>) {
        assert_eq!(text.parse().ok(), limit);
    }
}
