//! A bar for each account, at most 80 columns wide, redrawn at most ten times a second.
//!
//! Bars are drawn without colours, so `NO_COLOR` has nothing to turn off.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::state::{AccountState, State};
use super::text::{doing, fit, number};
use crate::domain::Time;

/// The widest line, in columns; narrower terminals cut further.
const COLUMNS_MAX: usize = 80;

/// The widest name; longer ones are cut.
const NAME_COLUMNS_MAX: usize = 16;

/// The bar itself.
const BAR_COLUMNS: usize = 12;

/// How often bars may be drawn, a second.
const DRAWS_PER_SECOND: u8 = 10;

/// The least time between two redraws.
const EVERY: Duration = Duration::from_millis(1000 / DRAWS_PER_SECOND as u64);

/// Draws bars.
pub(super) struct Bars {
    pub(super) screen: MultiProgress,
    lines: Vec<ProgressBar>,
    drawn: Option<Time>,
    /// Columns left for the text behind a bar.
    text_columns: usize,
}

impl Bars {
    /// Bars on standard error.
    pub(super) fn on_stderr(state: &State) -> Self {
        Self::new(state, ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND))
    }

    fn new(state: &State, target: ProgressDrawTarget) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        let names: Vec<_> = state
            .accounts
            .iter()
            .map(|account| fit(account.plan.name.as_str(), NAME_COLUMNS_MAX))
            .collect();
        let name_columns = names.iter().map(|name| name.chars().count()).max();
        let name_columns = name_columns.unwrap_or(0);
        let lines = names
            .into_iter()
            .zip(&state.accounts)
            .map(|(name, account)| {
                // Hidden until it is among the others: alone it would draw itself, and that first,
                // empty line would stay above the bars.
                let hidden = ProgressDrawTarget::hidden();
                let bar = ProgressBar::with_draw_target(Some(account.rows()), hidden);
                bar.set_style(style());
                bar.set_prefix(format!("{name:name_columns$}"));
                screen.add(bar)
            })
            .collect();
        Self {
            screen,
            lines,
            drawn: None,
            text_columns: COLUMNS_MAX.saturating_sub(name_columns + BAR_COLUMNS + 4),
        }
    }

    pub(super) fn tick(&mut self, state: &State, now: Time) {
        if self
            .drawn
            .is_some_and(|drawn| now.saturating_since(drawn) < EVERY)
        {
            return;
        }
        self.drawn = Some(now);
        for (account, bar) in state.accounts.iter().zip(&self.lines) {
            let text = text(account, now, self.text_columns);
            // Setting what has not changed would draw all the same.
            if bar.length() != Some(account.rows()) {
                bar.set_length(account.rows());
            }
            if bar.position() != account.done() {
                bar.set_position(account.done());
            }
            if bar.message() != text {
                bar.set_message(text);
            }
        }
    }

    /// Draws the end, and leaves it standing.
    pub(super) fn finish(&mut self, state: &State, now: Time) {
        for (account, bar) in state.accounts.iter().zip(&self.lines) {
            bar.set_length(account.rows());
            bar.set_position(account.done());
            bar.abandon_with_message(text(account, now, self.text_columns));
        }
    }
}

/// Falls back to indicatif's own style if the template should not be read.
fn style() -> ProgressStyle {
    let template = format!("{{prefix}} [{{bar:{BAR_COLUMNS}}}] {{msg}}");
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// What stands behind a bar.
fn text(account: &AccountState, now: Time, columns: usize) -> String {
    let mut text = format!("{}/{}", number(account.done()), number(account.rows()));
    if account.bad() > 0 {
        text = format!("{text}, {} bad", number(account.bad()));
    }
    let doing = doing(account, now);
    if !doing.is_empty() {
        text = format!("{text}, {doing}");
    }
    fit(&text, columns)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::super::state::tests::{at, outcome, pause, plan, stop};
    use super::{Bars, COLUMNS_MAX, State};
    use crate::domain::Outcome;

    /// A terminal of 80 columns, as far as bars need one.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<Drawn>>);

    /// Lines of characters and the cursor, which wraps as a terminal's does.
    #[derive(Debug, Default)]
    struct Drawn {
        lines: Vec<Vec<char>>,
        row: usize,
        column: usize,
        flushes: usize,
    }

    impl Drawn {
        fn put(&mut self, c: char) {
            if self.column == COLUMNS_MAX {
                self.row += 1;
                self.column = 0;
            }
            if self.lines.len() <= self.row {
                self.lines.resize(self.row + 1, vec![' '; COLUMNS_MAX]);
            }
            self.lines[self.row][self.column] = c;
            self.column += 1;
        }
    }

    impl Screen {
        fn text(&self) -> String {
            let drawn = self.0.lock().unwrap();
            let lines: Vec<String> = drawn
                .lines
                .iter()
                .map(|line| line.iter().collect())
                .collect();
            lines
                .iter()
                .map(|line| line.trim_end())
                .collect::<Vec<_>>()
                .join("\n")
        }

        #[expect(clippy::unnecessary_wraps, reason = "the trait wants results")]
        fn change(&self, change: impl FnOnce(&mut Drawn)) -> io::Result<()> {
            change(&mut self.0.lock().unwrap());
            Ok(())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.change(|drawn| drawn.row = drawn.row.saturating_sub(n))
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.change(|drawn| drawn.row += n)
        }

        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.change(|drawn| drawn.column += n)
        }

        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.change(|drawn| drawn.column = drawn.column.saturating_sub(n))
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)?;
            self.change(|drawn| {
                drawn.row += 1;
                drawn.column = 0;
            })
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.change(|drawn| {
                for c in text.chars() {
                    match c {
                        '\r' => drawn.column = 0,
                        c => drawn.put(c),
                    }
                }
            })
        }

        fn clear_line(&self) -> io::Result<()> {
            self.change(|drawn| {
                drawn.column = 0;
                let row = drawn.row;
                if let Some(line) = drawn.lines.get_mut(row) {
                    line.fill(' ');
                }
            })
        }

        fn flush(&self) -> io::Result<()> {
            self.change(|drawn| drawn.flushes += 1)
        }
    }

    fn bars(state: &State) -> (Bars, Screen) {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        (Bars::new(state, target), screen)
    }

    #[test]
    fn each_account_has_one_calm_line_of_at_most_80_columns() {
        let mut state = State::new(vec![
            plan("acme", 10_000, 8640),
            plan("crm", 300, 300),
            plan("an-account-with-a-very-long-name", 5, 1),
        ]);
        let (mut bars, screen) = bars(&state);
        state.tick(at(0));
        for row in 0..4812 {
            let end = if row % 1000 == 0 {
                Outcome::Failed
            } else {
                Outcome::Deleted
            };
            state.see(&outcome("acme", row, end));
        }
        state.see(&pause("crm", None, 97));
        state.see(&stop("an-account-with-a-very-long-name"));
        state.tick(at(4));
        bars.tick(&state, at(4));
        insta::assert_snapshot!(screen.text(), @r"
        acme             [=====>      ] 4,812/10,000, 5 bad, 72,180/min, 1h 14m left
        crm              [            ] 0/300, paused 1m 33s: 429 with Retry-After: 93
        an-account-with… [            ] 0/5, stopped: too many rows failed or were refu…
        ");

        state.tick(at(97));
        bars.finish(&state, at(97));
        insta::assert_snapshot!(screen.text(), @r"
        acme             [=====>      ] 4,812/10,000, 5 bad, 1h 14m left
        crm              [            ] 0/300, 5m 00s left
        an-account-with… [            ] 0/5, stopped: too many rows failed or were refu…
        ");
    }

    #[test]
    fn bars_are_redrawn_at_most_ten_times_a_second_and_only_if_something_changed() {
        let mut state = State::new(vec![plan("acme", 100_000, 8640)]);
        let (mut bars, screen) = bars(&state);
        let flushes = || screen.0.lock().unwrap().flushes;
        bars.tick(&state, at(0));
        let before = flushes();
        for row in 0..1000 {
            state.see(&outcome("acme", row, Outcome::Deleted));
            bars.tick(&state, at(0));
        }
        assert_eq!(flushes(), before);
        bars.tick(&state, at(1));
        let after = flushes();
        assert!(after > before);
        bars.tick(&state, at(2));
        assert_eq!(flushes(), after);
    }
}
