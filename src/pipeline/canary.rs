//! `--canary N`: a lane's first rows go out alone, and the others only if all of those end well.
//!
//! A gate that the lane waits at before it begins what comes behind the first rows. It holds nothing
//! back that was let in: what waits is the stream of rows, never a row or a question under way, so that
//! a canary of purges whose second steps wait for their quota is waited for like any other. It knows
//! neither batches nor requests.

use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::task::RowEnded;
use crate::domain::Counted;

/// Lets the first rows of a lane in, and the others once all of those have ended well.
#[derive(Debug)]
pub(super) struct Canary {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug)]
struct State {
    /// How many rows the canary has; 0: there is none, or it is over and ended well.
    rows: u64,
    /// How many of them were let in.
    let_in: u64,
    /// How many of those ended.
    ended: u64,
    /// How many ended badly.
    bad: u64,
    /// The first of the file that ended badly.
    first_bad: Option<RowEnded>,
}

/// What a canary has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing stands against the other rows. So it is from the start where there is no canary.
    Good,
    /// Not all of its rows have ended.
    Open,
    /// A row ended badly; in words.
    Bad(String),
}

// === impl Canary ===

impl Canary {
    /// A canary of so many rows; `None`: every row is let in at once.
    pub(super) fn new(rows: Option<NonZeroU64>) -> Self {
        Self {
            state: Mutex::new(State {
                rows: rows.map_or(0, NonZeroU64::get),
                let_in: 0,
                ended: 0,
                bad: 0,
                first_bad: None,
            }),
            ended: Notify::new(),
        }
    }

    /// So many more rows of its own begin.
    pub(super) fn let_in(&self, rows: u64) {
        self.state().let_in += rows;
    }

    /// Waits until it is over and the other rows may begin. Behind a canary that ended badly that is
    /// never: the lane stops, and with it whoever waits here.
    pub(super) async fn over(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // Before looking, so that an end between the look and the wait is not missed.
            ended.as_mut().enable();
            if self.state().is_over() {
                return;
            }
            ended.await;
        }
    }

    /// A row that was let in ended.
    pub(super) fn ended(&self, row: RowEnded) {
        self.state().count(row);
        self.ended.notify_waiters();
    }

    /// What it has come to once every row of its own has ended. `Over`: no more rows will come, so
    /// those that were let in are all there are.
    pub(super) fn verdict(&self, rows: MoreRows) -> Verdict {
        self.state().verdict(rows)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a lane has rows that no canary has seen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoreRows {
    /// It may have.
    Perhaps,
    /// It has none.
    Over,
}

impl State {
    fn is_over(&mut self) -> bool {
        if self.ended == self.rows && self.bad == 0 {
            self.rows = 0;
        }
        self.rows == 0
    }

    fn count(&mut self, row: RowEnded) {
        if self.rows == 0 {
            return;
        }
        self.ended += 1;
        if row.outcome.counted() == Counted::Good {
            return;
        }
        self.bad += 1;
        let is_first = self
            .first_bad
            .as_ref()
            .is_none_or(|first| row.position.row < first.position.row);
        if is_first {
            self.first_bad = Some(row);
        }
    }

    fn verdict(&self, more: MoreRows) -> Verdict {
        let all = match more {
            MoreRows::Perhaps => self.rows,
            MoreRows::Over => self.let_in.min(self.rows),
        };
        if self.rows == 0 {
            return Verdict::Good;
        }
        if self.ended < all {
            return Verdict::Open;
        }
        let Some(first) = &self.first_bad else {
            return Verdict::Good;
        };
        let code = first.code.as_deref().unwrap_or("no code");
        Verdict::Bad(format!(
            "{} of the first {} rows ended badly, first line {}: {} ({code})",
            self.bad, self.ended, first.position.line, first.outcome
        ))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use rstest::rstest;

    use super::{Canary, MoreRows, RowEnded, Verdict};
    use crate::domain::{Outcome, Position};

    fn row(row: u64, outcome: Outcome) -> RowEnded {
        RowEnded {
            position: Position { row, line: row + 1 },
            outcome,
            code: (outcome == Outcome::Refused).then(|| "OpenTickets".to_owned()),
        }
    }

    /// A canary of so many rows, of which `let_in` have begun.
    fn canary(rows: u64, let_in: u64) -> Canary {
        let canary = Canary::new(rows.try_into().ok());
        canary.let_in(let_in);
        canary
    }

    /// Whether the others may begin.
    fn is_over(canary: &Canary) -> bool {
        canary.over().now_or_never().is_some()
    }

    #[test]
    fn without_a_canary_every_row_is_let_in() {
        let canary = canary(0, 0);
        assert!(is_over(&canary));
        canary.ended(row(1, Outcome::Refused));
        assert_eq!(canary.verdict(MoreRows::Over), Verdict::Good);
    }

    #[test]
    fn the_others_are_let_in_once_all_of_the_first_ended_well() {
        let canary = canary(3, 3);
        canary.ended(row(2, Outcome::Deleted));
        canary.ended(row(1, Outcome::AlreadyGone));
        assert!(!is_over(&canary));
        assert_eq!(canary.verdict(MoreRows::Perhaps), Verdict::Open);
        canary.ended(row(3, Outcome::Deleted));
        assert!(is_over(&canary));
        canary.ended(row(4, Outcome::Failed));
        assert_eq!(canary.verdict(MoreRows::Over), Verdict::Good, "it is over");
    }

    #[test]
    fn one_that_ends_badly_is_waited_for_to_its_end_and_lets_nobody_in() {
        let canary = canary(3, 3);
        canary.ended(row(3, Outcome::NotFound));
        assert_eq!(canary.verdict(MoreRows::Perhaps), Verdict::Open);
        canary.ended(row(2, Outcome::Refused));
        canary.ended(row(1, Outcome::Deleted));
        assert!(!is_over(&canary));
        let Verdict::Bad(words) = canary.verdict(MoreRows::Perhaps) else {
            panic!("{canary:?}")
        };
        assert_eq!(
            words,
            "2 of the first 3 rows ended badly, first line 3: refused (OpenTickets)"
        );
    }

    #[rstest]
    #[case(Outcome::Deleted, true)]
    #[case(Outcome::Failed, false)]
    fn fewer_rows_than_it_asks_for_are_all_the_canary(
        #[case] outcome: Outcome,
        #[case] good: bool,
    ) {
        let canary = canary(200, 100);
        for n in 1..100 {
            canary.ended(row(n, Outcome::Deleted));
        }
        assert_eq!(canary.verdict(MoreRows::Over), Verdict::Open);
        canary.ended(row(100, outcome));
        assert_eq!(canary.verdict(MoreRows::Perhaps), Verdict::Open);
        assert_eq!(canary.verdict(MoreRows::Over) == Verdict::Good, good);
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_last_end() {
        let canary = canary(1, 1);
        let ending = async {
            tokio::task::yield_now().await;
            canary.ended(row(1, Outcome::Deleted));
        };
        tokio::join!(canary.over(), ending);
    }
}
