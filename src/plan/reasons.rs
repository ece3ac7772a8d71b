//! Why rows are not sent: each reason once, with how many rows it is of and where the first stand.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{Outcome, Position};
use crate::input::{Field, Wanted};

use super::decision::Ended;

/// How many lines are kept of one reason.
const LINES_MAX: usize = 8;

/// How many reasons are kept of one outcome and field. There are few, unless each row has a
/// misspelt account of its own.
const REASONS_MAX: usize = 100;

/// What the reasons over that are told as.
const OTHERS: &str = "other reasons of the same kind";

/// A reason, and the rows it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `invalid`, `protected` or `duplicate`.
    pub outcome: Outcome,
    /// The name of the field that decided, or `row`.
    pub field: &'static str,
    /// A stable word for the reason.
    pub code: &'static str,
    /// The reason and how to mend it, as a lower-case fragment. It repeats no cell's text.
    pub reason: String,
    /// How many rows it is of.
    pub rows: u64,
    /// The lines on which the first of them begin.
    pub lines: Vec<u64>,
    /// The first of them, with the field at fault: an example to show.
    #[serde(skip)]
    pub example: Wanted,
}

/// The reasons of a plan's rows that are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reasons(BTreeMap<(Outcome, &'static str), BTreeMap<String, Reason>>);

impl Reasons {
    /// Counts a row.
    pub(super) fn add(&mut self, ended: &Ended) {
        let (code, position) = (ended.code, ended.position);
        let reason = self.of(ended.outcome, ended.field, (code, &ended.reason), position);
        reason.rows += 1;
        if reason.lines.len() < LINES_MAX {
            reason.lines.push(position.line);
        }
    }

    /// The reason of that code and text, made if it is not there; then `position` is its example.
    fn of(
        &mut self,
        outcome: Outcome,
        field: Field,
        (code, text): (&'static str, &str),
        position: Position,
    ) -> &mut Reason {
        let name = field.name();
        let kept = self.0.entry((outcome, name)).or_default();
        let is_known = kept.contains_key(text);
        let text = if is_known || kept.len() < REASONS_MAX {
            text
        } else {
            OTHERS
        };
        kept.entry(text.to_owned()).or_insert_with(|| Reason {
            outcome,
            field: name,
            code,
            reason: text.to_owned(),
            rows: 0,
            lines: Vec::new(),
            example: Wanted {
                position,
                field,
                code,
            },
        })
    }

    /// Them all, by outcome, in the order of their first lines.
    pub(super) fn all(&self) -> Vec<&Reason> {
        let mut all: Vec<&Reason> = self.0.values().flat_map(BTreeMap::values).collect();
        all.sort_by_key(|reason| (reason.outcome, reason.lines.first().copied()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{OTHERS, REASONS_MAX, Reasons};
    use crate::domain::{Outcome, Position};
    use crate::input::Field;
    use crate::plan::Ended;

    fn ended(line: u64, outcome: Outcome, reason: &str) -> Ended {
        Ended {
            position: Position { row: line, line },
            outcome,
            account: None,
            action: None,
            id: None,
            reference: None,
            field: Field::Id,
            code: "code",
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn every_row_is_counted_and_the_first_lines_are_kept() {
        let mut reasons = Reasons::default();
        for line in 2..=1_214 {
            reasons.add(&ended(line, Outcome::Invalid, "a"));
        }
        reasons.add(&ended(1, Outcome::Invalid, "b"));
        reasons.add(&ended(5, Outcome::Protected, "c"));
        let told: Vec<_> = reasons
            .all()
            .iter()
            .map(|it| (it.reason.as_str(), it.rows, it.lines.len(), it.lines[0]))
            .collect();
        assert_eq!(told, [("b", 1, 1, 1), ("a", 1_213, 8, 2), ("c", 1, 1, 5)]);
    }

    #[test]
    fn reasons_without_end_are_counted_together() {
        let mut reasons = Reasons::default();
        for line in 1..=REASONS_MAX as u64 + 3 {
            reasons.add(&ended(line, Outcome::Invalid, &format!("reason {line}")));
        }
        reasons.add(&ended(9, Outcome::Invalid, "reason 1"));
        let all = reasons.all();
        assert_eq!(all.len(), REASONS_MAX + 1);
        assert_eq!((all[0].reason.as_str(), all[0].rows), ("reason 1", 2));
        let last = all[REASONS_MAX];
        assert_eq!((last.reason.as_str(), last.rows), (OTHERS, 3));
    }
}
