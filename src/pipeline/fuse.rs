//! The failure limit: a lane in which too much goes wrong stops before it does more harm.

use std::fmt;
use std::str::FromStr;

use crate::domain::Outcome;

/// How many rows may fail or be refused before their lane stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FailureLimit {
    /// 50, or 5% once more than 1,000 rows are done.
    Default,
    /// So many rows.
    Rows(u64),
    /// So many in a hundred of the rows done, once fifty are.
    Percent(f64),
}

/// Percentages are not taken of fewer rows than this: 1 of 3 is no 33%.
const SAMPLE_MIN: u64 = 50;

impl FailureLimit {
    /// Whether `bad` of `done` rows are too many.
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    pub fn exceeded(self, bad: u64, done: u64) -> bool {
        let part = |percent: f64| bad as f64 >= done as f64 * percent / 100.0;
        match self {
            Self::Default => bad >= 50 && (done <= 1_000 || part(5.0)),
            Self::Rows(rows) => bad >= rows,
            Self::Percent(percent) => bad > 0 && done >= SAMPLE_MIN && part(percent),
        }
    }
}

impl fmt::Display for FailureLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("50, or 5% after 1,000"),
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

/// Counts a lane's rows against its limit.
#[derive(Debug)]
pub(super) struct Fuse {
    limit: FailureLimit,
    done: u64,
    bad: u64,
}

impl Fuse {
    pub(super) fn new(limit: FailureLimit) -> Self {
        Self {
            limit,
            done: 0,
            bad: 0,
        }
    }

    /// Counts a row; returns the words for the stop if it was one too many.
    pub(super) fn count(&mut self, outcome: Outcome) -> Option<String> {
        self.done += 1;
        match outcome {
            Outcome::Failed | Outcome::Refused | Outcome::InDoubt => self.bad += 1,
            Outcome::Deleted
            | Outcome::AlreadyGone
            | Outcome::NotFound
            | Outcome::Invalid
            | Outcome::Protected
            | Outcome::DoneBefore
            | Outcome::Duplicate => return None,
        }
        self.limit.exceeded(self.bad, self.done).then(|| {
            format!(
                "{} of {} rows failed or were refused; the limit is {}",
                self.bad, self.done, self.limit
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::FailureLimit;

    #[rstest]
    #[case(FailureLimit::Default, 49, 49, false)]
    #[case(FailureLimit::Default, 50, 50, true)]
    #[case(FailureLimit::Default, 50, 1_000, true)]
    #[case(FailureLimit::Default, 50, 1_001, false)]
    #[case(FailureLimit::Default, 500, 10_000, true)]
    #[case(FailureLimit::Default, 499, 10_000, false)]
    #[case(FailureLimit::Rows(1), 1, 900, true)]
    #[case(FailureLimit::Rows(3), 2, 2, false)]
    #[case(FailureLimit::Percent(10.0), 5, 49, false)]
    #[case(FailureLimit::Percent(10.0), 5, 50, true)]
    #[case(FailureLimit::Percent(10.0), 5, 51, false)]
    fn the_limit_holds(
        #[case] limit: FailureLimit,
        #[case] bad: u64,
        #[case] done: u64,
        #[case] exceeded: bool,
    ) {
        assert_eq!(limit.exceeded(bad, done), exceeded);
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
