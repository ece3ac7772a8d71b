//! A plan in words and as JSON, as far as it needs no configuration: why rows are not sent, and how many
//! are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Plan, PlanGroup, PlanReason};
use crate::domain::{AccountName, Action};
use crate::input::{Excerpt, Field};
use crate::words::{cut, fold, grouped};

/// How many lines tell of reasons, unless more detail is asked for: so many at least, and more where a terminal
/// of 24 lines has room below the rest of the plan and above the next command.
const SHOWN_MIN: usize = 4;
const SHOWN_MAX: usize = 8;
const LINES_MAX: usize = 19;

/// How many lines of a reason are shown then.
const LINES_SHOWN_MAX: usize = 3;

/// So many reasons are shown whole on a screen of 24 lines.
const WHOLE_MAX: usize = 2;

/// The indent of the lines of an example.
const EXAMPLE_INDENT: &str = "    ";

impl Plan {
    /// Why rows are not sent, a line for each reason, cut at `width` if there is one, but for a few. So many
    /// lines stand `above`.
    pub fn describe_reasons(&self, width: Option<usize>, above: usize) -> String {
        let all = self.reasons();
        let most = LINES_MAX.saturating_sub(above).clamp(SHOWN_MIN, SHOWN_MAX);
        let listed_max = if all.len() > most {
            most - 1
        } else {
            all.len()
        };
        let mut text = String::new();
        for (number, reason) in all.iter().take(listed_max).enumerate() {
            if number == 0 {
                text.push_str("\nNot sent (more with `-v` and `--json`):\n");
            }
            let line = format!("  {}, {}", reason.why.outcome, reason.text(LINES_SHOWN_MAX));
            let line = match width {
                None => line,
                // There is room for them whole.
                Some(width) if all.len() <= WHOLE_MAX => fold(&line, 4, width),
                Some(width) => cut(&line, width),
            };
            let _ = writeln!(text, "{line}");
        }
        if all.len() > listed_max {
            let _ = writeln!(text, "  and {} more reasons", all.len() - listed_max);
        }
        text
    }

    /// Why rows are not sent, in the order of their first lines, in lines of `width`, with the `examples` of
    /// the input `name`.
    pub fn describe_all_reasons(
        &self,
        name: &str,
        examples: &BTreeMap<u64, Excerpt>,
        width: usize,
    ) -> String {
        let (mut text, mut heading) = (String::new(), None);
        for reason in self.reasons() {
            if heading != Some(reason.why.outcome) {
                let _ = writeln!(text, "\n{}, not sent:", reason.why.outcome);
                heading = Some(reason.why.outcome);
            }
            let line = format!("  {}", reason.text(usize::MAX));
            let _ = writeln!(text, "{}", fold(&line, 4, width));
            if let Some(excerpt) = examples.get(&reason.example.0.row) {
                let margin = EXAMPLE_INDENT.len() + excerpt.line.to_string().len() + " | ".len();
                for line in excerpt.draw(name, "", width.saturating_sub(margin)).lines() {
                    let _ = writeln!(text, "{EXAMPLE_INDENT}{line}");
                }
            }
        }
        text
    }

    /// The plan for scripts. `time`: the least that rows of an account, how many of which action, take.
    pub fn json(&self, time: impl Fn(&AccountName, &[(Action, u64)]) -> Duration) -> Value {
        let mut accounts = serde_json::Map::new();
        for (name, actions) in &self.accounts {
            let groups = actions.iter().map(|(action, group)| {
                let group = json!({
                    "rows": group.rows,
                    "seconds_at_limit": seconds(time(name, &[(*action, group.rows)])),
                    "first_id": group.first,
                    "last_id": group.last,
                });
                (action.name().to_owned(), group)
            });
            accounts.insert(name.to_string(), Value::Object(groups.collect()));
        }
        let times = self.accounts.iter();
        let times = times.map(|(name, actions)| time(name, &counted(actions)));
        let longest = times.max().unwrap_or_default();
        json!({
            "rows": self.rows,
            "to_delete": self.to_delete(),
            "invalid": self.outcomes.invalid,
            "duplicate": self.outcomes.duplicate,
            "filtered": self.outcomes.filtered,
            "protected": self.outcomes.protected,
            "done_before": self.outcomes.done_before,
            "trimmed": self.trimmed,
            "unprefixed": self.unprefixed,
            "comments": self.asides.comments,
            "remarks": self.asides.remarks,
            "hidden_rows": self.asides.hidden,
            "blank_taken": self.asides.blank,
            "lacks_pages": self.asides.lacks_pages,
            "accounts": accounts,
            "seconds_at_limit": seconds(longest),
            "reasons": self.reasons(),
            "problems": self.problems,
            "problems_left_out": self.problems_left_out,
        })
    }
}

impl PlanReason {
    /// The first `most` of its lines, the field and the reason.
    fn text(&self, most: usize) -> String {
        let lines = &self.lines[..self.lines.len().min(most)];
        let lines = listed("line", self.rows, lines);
        match self.why.field {
            Field::Row => format!("{lines}: {}", self.why.reason),
            field => format!("{lines}: {field}: {}", self.why.reason),
        }
    }
}

/// How many rows of which action.
pub fn counted(actions: &BTreeMap<Action, PlanGroup>) -> Vec<(Action, u64)> {
    let each = actions.iter();
    each.map(|(action, group)| (*action, group.rows)).collect()
}

/// The `first` numbers of `all` things called `noun`, and how many more there are.
pub fn listed(noun: &str, all: u64, first: &[u64]) -> String {
    let more = match all - first.len() as u64 {
        0 => String::new(),
        _ => format!(", … ({} in all)", grouped(all)),
    };
    let first: Vec<String> = first.iter().map(u64::to_string).collect();
    let plural = if all == 1 { "" } else { "s" };
    format!("{noun}{plural} {}{more}", first.join(", "))
}

/// Seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}
