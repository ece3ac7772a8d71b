//! The stops of an account before more harm is done: the circuit breaker, and the canary.
//!
//! The breaker trips when too much goes wrong.
//! Two things are watched, each over a sliding window of rows: of those done, which fail, and in the order
//! of the file, which name users whom nobody knows. Over all rows since the start a long good beginning would
//! hide a bad end; over a window it does not, and an evenly spread part of refusals, which any old
//! file has, never adds up. Pure; nothing here knows why a row ended as it did.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::domain::{Counted, Outcome, Position, Said, StopKind};
use crate::words;

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

/// How many rows are looked back on for unknown users, in the order of the file.
const UNKNOWN_WINDOW_ROWS: usize = 50;

/// Of how many rows is kept whether their user is known: more than may be in hand.
const KNOWN_MAX: usize = 16_384;

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
    /// Whether nobody knows the user of a row, by its number.
    unknown: BTreeMap<u64, bool>,
    /// How many of those before a row are looked at.
    unknown_window: usize,
}

impl Breaker {
    /// `lookup_max`: of how many rows at once it is asked before they are sent whether the user is there.
    pub(super) fn new(limit: FailureLimit, lookup_max: usize) -> Self {
        Self {
            limit,
            bad: 0,
            recent: Recent::default(),
            unknown: BTreeMap::new(),
            unknown_window: UNKNOWN_WINDOW_ROWS.max(2 * lookup_max),
        }
    }

    /// Whether the user of a row is there. Said when that is seen: where a job deletes many, a quota is
    /// waited for or answers are slow, the rows of unknown users end long before the others, or after them.
    pub(super) fn is_there(&mut self, row: u64, is_there: bool) {
        self.unknown.insert(row, !is_there);
        if self.unknown.len() > KNOWN_MAX {
            self.unknown.pop_first();
        }
    }

    /// Counts a row that was sent and ended, whose user was seen before or not; returns why the account
    /// must stop, if it must.
    pub(super) fn count(
        &mut self,
        row: u64,
        outcome: Outcome,
        seen: bool,
    ) -> Option<(StopKind, Said)> {
        let (is_bad, is_unknown) = match outcome {
            Outcome::Failed | Outcome::Refused | Outcome::InDoubt => (true, false),
            Outcome::NotFound => (false, true),
            Outcome::Deleted
            | Outcome::AlreadyGone
            | Outcome::Ordered
            | Outcome::Invalid
            | Outcome::Protected
            | Outcome::DoneBefore
            | Outcome::Duplicate
            | Outcome::Filtered => (false, false),
        };
        self.bad += u64::from(is_bad);
        self.recent.push(is_bad);
        if is_unknown || !seen {
            self.is_there(row, !is_unknown);
        }
        if is_bad && self.too_many_bad() {
            let counted = match self.limit {
                FailureLimit::Rows(_) => self.bad.to_string(),
                FailureLimit::Default | FailureLimit::Percent(_) => self.recent.to_string(),
            };
            let words = format!(
                "{counted} rows failed, were refused or have no answer; the limit is {}",
                self.limit
            );
            return Some((StopKind::FailureLimit, Said::own("failure_limit", words)));
        }
        if !is_unknown {
            return None;
        }
        let before = self.unknown.range(..=row).rev().take(self.unknown_window);
        let (mut marked, mut rows) = (0, 0);
        for (_, is_unknown) in before {
            marked += usize::from(*is_unknown);
            rows += 1;
        }
        (marked > UNKNOWN_MAX && marked * 2 > rows).then(|| {
            let words = format!(
                "{marked} of {rows} rows in a row name users whom this account does not know"
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
}

/// The last [`WINDOW_ROWS`] rows done, and how many of them are marked.
#[derive(Debug, Default)]
struct Recent {
    rows: VecDeque<bool>,
    marked: usize,
}

impl fmt::Display for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the last {}", self.marked, self.rows.len())
    }
}

impl Recent {
    fn push(&mut self, mark: bool) {
        if self.rows.len() == WINDOW_ROWS && self.rows.pop_front() == Some(true) {
            self.marked -= 1;
        }
        self.rows.push_back(mark);
        self.marked += usize::from(mark);
    }
}

/// The first rows of an account; the others go only if these end well (`--canary N`).
#[derive(Debug, Default)]
pub(super) struct Canary {
    /// Rows that are still to be let in; none, once the account has no more.
    pub(super) left: u64,
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

    /// Lets a row in.
    pub(super) const fn let_in(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.open += 1;
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

    /// The reason why it failed, once all of its rows have ended; `None`: it did not, or not all have.
    pub(super) fn failed(&self) -> Option<String> {
        let (_, first) = self.first_bad.as_ref()?;
        (self.left == 0 && self.open == 0).then(|| {
            let rows = words::count(self.ended, "row");
            format!("{} of the first {rows} not done, {first}", self.bad)
        })
    }
}
