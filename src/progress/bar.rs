//! A bar for each account and a line that says when all are done; redrawn at most ten times a second.
//!
//! A line is as wide as the terminal, 80 columns at most, and never wraps; where there is no room for
//! a bar, the words stay. Colours (none with `NO_COLOR`) repeat what the words say. Lines are written
//! over, never cleared first, so nothing flickers.

use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;

use super::state::{AccountState, State};
use super::terminal;
use super::text::Doing;
use crate::domain::Time;
use crate::words::{clock, cut, grouped, short_duration};

/// The widest line, in columns.
const COLUMNS_MAX: usize = 80;

/// A narrower terminal shows no bars.
const BAR_COLUMNS_MIN: usize = 64;

/// The widest name; longer ones are cut.
const NAME_COLUMNS_MAX: usize = 16;

/// The same without a bar beside it.
const NARROW_NAME_COLUMNS_MAX: usize = 8;

/// The bar itself.
const BAR_COLUMNS: usize = 12;

/// How often bars may be drawn, a second.
const DRAWS_PER_SECOND: u8 = 10;

/// How often single lines may be drawn, a second: more than there are to draw, for indicatif drops
/// what is over, and the last line would lag behind.
const LINES_PER_SECOND: u8 = u8::MAX;

/// The least time between two redraws.
const EVERY: Duration = Duration::from_millis(1000 / DRAWS_PER_SECOND as u64);

/// Draws bars.
pub(super) struct Bars {
    pub(super) screen: MultiProgress,
    lines: Vec<Line>,
    /// Says when all accounts are done.
    foot: ProgressBar,
    drawn: Option<Time>,
    /// How wide the terminal is now.
    columns: Box<dyn Fn() -> usize + Send>,
    zone: TimeZone,
}

/// The line of one account.
struct Line {
    bar: ProgressBar,
    look: Look,
}

/// How a line is drawn, besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bar: bool,
    colour: &'static str,
}

impl Bars {
    /// Bars on standard error. `zone`: whose time of day is shown.
    pub(super) fn on_stderr(state: &State, zone: TimeZone) -> Self {
        let target = terminal::target(LINES_PER_SECOND);
        let terminal = Term::stderr();
        let columns = move || {
            let size = terminal.size_checked();
            size.map_or(COLUMNS_MAX, |(_, columns)| usize::from(columns))
        };
        Self::new(state, target, Box::new(columns), zone)
    }

    fn new(
        state: &State,
        target: ProgressDrawTarget,
        columns: Box<dyn Fn() -> usize + Send>,
        zone: TimeZone,
    ) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        screen.set_move_cursor(true);
        // Hidden until it is among the others: alone a bar would draw itself, and that first, empty
        // line would stay above the others.
        let add = |bar: ProgressBar| {
            let bar = screen.add(bar);
            bar.set_style(style(Look::PLAIN));
            bar
        };
        let hidden = ProgressDrawTarget::hidden;
        let lines = state.accounts.iter().map(|account| Line {
            bar: add(ProgressBar::with_draw_target(
                Some(account.rows()),
                hidden(),
            )),
            look: Look::PLAIN,
        });
        let lines = lines.collect();
        let foot = add(ProgressBar::with_draw_target(None, hidden()));
        Self {
            screen,
            lines,
            foot,
            drawn: None,
            columns,
            zone,
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
        self.accounts(state, now);
        let columns = (self.columns)().min(COLUMNS_MAX);
        say(&self.foot, foot(state, now, &self.zone, columns));
    }

    /// Draws the end, and leaves it standing.
    pub(super) fn finish(&mut self, state: &State, now: Time) {
        self.accounts(state, now);
        // The last line goes, and what is left out is not written over.
        self.screen.set_move_cursor(false);
        self.foot.finish_and_clear();
        for line in &self.lines {
            line.bar.abandon();
        }
    }

    fn accounts(&mut self, state: &State, now: Time) {
        let columns = (self.columns)().min(COLUMNS_MAX);
        let bar = columns >= BAR_COLUMNS_MIN;
        let most = if bar {
            NAME_COLUMNS_MAX
        } else {
            NARROW_NAME_COLUMNS_MAX
        };
        let names = state.accounts.iter();
        let names: Vec<_> = names
            .map(|account| cut(account.plan.name.as_str(), most))
            .collect();
        let widest = names.iter().map(|name| name.chars().count()).max();
        let widest = widest.unwrap_or(0);
        let taken = widest + 1 + if bar { BAR_COLUMNS + 3 } else { 0 };
        for ((account, line), name) in state.accounts.iter().zip(&mut self.lines).zip(names) {
            let doing = Doing::of(account, now);
            line.look(Look {
                bar,
                colour: doing.colour(),
            });
            // Setting what has not changed would draw all the same.
            if line.bar.length() != Some(account.rows()) {
                line.bar.set_length(account.rows());
            }
            if line.bar.position() != account.done() {
                line.bar.set_position(account.done());
            }
            let name = format!("{name:widest$}");
            if line.bar.prefix() != name {
                line.bar.set_prefix(name);
            }
            let text = text(account, &doing, columns.saturating_sub(taken));
            say(&line.bar, text);
        }
    }
}

impl Line {
    fn look(&mut self, look: Look) {
        if self.look != look {
            self.look = look;
            self.bar.set_style(style(look));
        }
    }
}

impl Look {
    /// A line of words.
    const PLAIN: Self = Self {
        bar: false,
        colour: "",
    };
}

fn say(bar: &ProgressBar, text: String) {
    if bar.message() != text {
        bar.set_message(text);
    }
}

/// Falls back to indicatif's own style if the template should not be read.
fn style(look: Look) -> ProgressStyle {
    let message = match look.colour {
        "" => "{msg}".to_owned(),
        colour => format!("{{msg:.{colour}}}"),
    };
    let template = match look {
        Look::PLAIN => "{prefix}{msg}".to_owned(),
        Look { bar: true, .. } => format!("{{prefix}} [{{bar:{BAR_COLUMNS}.cyan}}] {message}"),
        Look { bar: false, .. } => format!("{{prefix}} {message}"),
    };
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// What stands behind a bar, in at most `columns`: what matters least is left out first.
fn text(account: &AccountState, doing: &Doing, columns: usize) -> String {
    let rows = grouped(account.rows());
    let done = grouped(account.done());
    // As wide as it will become, so that what follows stays where it is.
    let counts = format!("{done:>width$}/{rows}", width = rows.len());
    let bad = (account.bad() > 0).then(|| format!("{} bad", grouped(account.bad())));
    let with = |doing: String| {
        let parts = [Some(counts.clone()), bad.clone(), Some(doing)];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(", ")
    };
    let words = doing.by_length().map(with);
    let fits = |text: &&String| text.chars().count() <= columns;
    let text = words.iter().find(fits).or(words.last());
    cut(text.map_or("", String::as_str), columns)
}

/// When all accounts are done.
fn foot(state: &State, now: Time, zone: &TimeZone, columns: usize) -> String {
    let Some(end) = state.ends(now) else {
        let goes_on = state.goes_on();
        return if goes_on { "going on" } else { "finishing" }.to_owned();
    };
    let at = format!("ends about {}", clock(end, now, zone));
    let all = format!("{at}, in {}", short_duration(end.saturating_since(now)));
    let short = all.chars().count() > columns;
    cut(if short { &at } else { &all }, columns)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};
    use jiff::tz::TimeZone;
    use rstest::rstest;

    use super::super::state::tests::{at, outcome, pause, plan, stop};
    use super::{Bars, State};
    use crate::domain::Outcome;

    /// A terminal without colours, as far as bars need one.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<Drawn>>);

    /// Lines of characters and the cursor, which wraps as a terminal's does.
    #[derive(Debug, Default)]
    struct Drawn {
        columns: usize,
        lines: Vec<Vec<char>>,
        row: usize,
        column: usize,
        flushes: usize,
        /// How often a line was made empty before it was written anew: what flickers.
        cleared: usize,
    }

    impl Drawn {
        fn put(&mut self, c: char) {
            if self.column == self.columns {
                self.row += 1;
                self.column = 0;
            }
            if self.lines.len() <= self.row {
                self.lines.resize(self.row + 1, vec![' '; self.columns]);
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
            u16::try_from(self.0.lock().unwrap().columns).unwrap()
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
            let mut colour = false;
            self.change(|drawn| {
                for c in text.chars() {
                    match (c, colour) {
                        ('\u{1b}', _) => colour = true,
                        (_, true) => colour = c != 'm',
                        ('\r', _) => drawn.column = 0,
                        (c, false) => drawn.put(c),
                    }
                }
            })
        }

        fn clear_line(&self) -> io::Result<()> {
            self.change(|drawn| {
                drawn.column = 0;
                drawn.cleared += 1;
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

    fn bars(state: &State, columns: usize) -> (Bars, Screen) {
        let screen = Screen(Arc::new(Mutex::new(Drawn {
            columns,
            ..Drawn::default()
        })));
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let width = Box::new(move || columns);
        (Bars::new(state, target, width, TimeZone::UTC), screen)
    }

    /// A run in the middle: one account goes on, one waits, one has stopped.
    fn in_the_middle() -> State {
        let mut state = State::new(vec![
            plan("acme", 10_000, 8640),
            plan("crm", 300, 300),
            plan("an-account-with-a-very-long-name", 5, 1),
        ]);
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
        state
    }

    #[test]
    fn each_account_has_one_calm_line_of_at_most_80_columns() {
        let mut state = in_the_middle();
        let (mut bars, screen) = bars(&state, 120);
        bars.tick(&state, at(4));
        insta::assert_snapshot!(screen.text(), @r"
        acme             [=====>      ]  4,812/10,000, 5 bad, 72,180/min, 1h 14m left
        crm              [            ]   0/300, paused 1m 33s: 429 with Retry-After: 93
        an-account-with… [            ] 0/5, stopped: too many rows failed or were refu…
        ends about 10:58, in 1h 14m
        ");

        state.tick(at(97));
        bars.finish(&state, at(97));
        insta::assert_snapshot!(screen.text(), @r"
        acme             [=====>      ]  4,812/10,000, 5 bad, 1h 14m left
        crm              [            ]   0/300, 5m 00s left
        an-account-with… [            ] 0/5, stopped: too many rows failed or were refu…
        ");
    }

    #[rstest]
    #[case(40)]
    #[case(24)]
    fn a_narrow_terminal_gets_the_words_without_the_bars(#[case] columns: usize) {
        let state = in_the_middle();
        let (mut bars, screen) = bars(&state, columns);
        bars.tick(&state, at(4));
        let text = screen.text();
        assert_eq!(text.lines().count(), 4, "{text}");
        if columns == 40 {
            insta::assert_snapshot!(text, @r"
            acme     4,812/10,000, 5 bad
            crm        0/300, paused 1m 33s: 429 wi…
            an-acco… 0/5, stopped: too many rows fa…
            ends about 10:58, in 1h 14m
            ");
        } else {
            insta::assert_snapshot!(text, @r"
            acme     4,812/10,000,…
            crm        0/300, pause…
            an-acco… 0/5, stopped: …
            ends about 10:58
            ");
        }
    }

    #[test]
    fn a_line_is_written_over_and_never_cleared_so_nothing_flickers() {
        let mut state = in_the_middle();
        let (mut bars, screen) = bars(&state, 80);
        for second in 4..200 {
            state.see(&outcome("acme", 5000, Outcome::Deleted));
            state.tick(at(second));
            bars.tick(&state, at(second));
            assert_eq!(screen.0.lock().unwrap().lines.len(), 4);
        }
        let drawn = screen.0.lock().unwrap();
        assert!(drawn.flushes > 190);
        assert_eq!(drawn.cleared, 0);
    }

    #[test]
    fn bars_are_redrawn_at_most_ten_times_a_second_and_only_if_something_changed() {
        let mut state = State::new(vec![plan("acme", 100_000, 8640)]);
        let (mut bars, screen) = bars(&state, 80);
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
