//! The rows that somebody has to look at, grouped by reason, in bounded memory: of each group the
//! numbers of its rows and lines, and a few rows whole.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringTreemap;
use serde::Serialize;

use super::advice::{self, Advice};
use super::places::{Places, Unit};
use crate::domain::{AccountName, Action, Counted, Outcome, OutcomeEntry, UserId};

/// How many reasons there are at most; rows of further ones go to one for each outcome.
const REASONS_MAX: usize = 200;

/// How many rows of a reason are listed whole.
const LISTED_MAX: usize = 20;

/// Why rows ended otherwise than well.
#[derive(Debug, Clone, Serialize)]
pub struct Reason {
    /// How they ended.
    pub outcome: Outcome,
    /// The code of all of them; `None`: they have none, or these are further reasons.
    pub code: Option<String>,
    /// The message of the first of them; those of the others differ in numbers at most. `None`:
    /// they have none, or these are further reasons.
    pub message: Option<String>,
    /// Whether these are the rows of all further reasons: there are more than the 200 that are told
    /// one by one.
    pub further: bool,
    /// How many rows there are.
    pub rows: u64,
    /// Where they stand.
    pub places: Places,
    /// What somebody can do about them.
    #[serde(flatten)]
    pub advice: Advice,
    /// The first of them, whole; at most 20.
    pub listed: Vec<BadRow>,
}

/// A row that ended otherwise than well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// Its number.
    pub row: u64,
    /// The line of the input that it begins on.
    pub line: u64,
    /// Its account; `None`: it names none that exists.
    pub account: Option<AccountName>,
    /// Its action; `None`: it names none that exists.
    pub action: Option<Action>,
    /// Its user; `None`: the cell holds no id of the provider's, and is not repeated.
    pub id: Option<UserId>,
    /// The admin's own reference.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
}

impl BadRow {
    fn of(entry: &OutcomeEntry) -> Self {
        Self {
            row: entry.position.row,
            line: entry.position.line,
            account: entry.account.clone(),
            action: entry.action,
            id: entry.id.clone(),
            reference: entry.reference.clone(),
        }
    }
}

/// What makes two rows' reasons the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    outcome: Outcome,
    code: Option<String>,
    /// The message with every number in it replaced: `has 2 tickets` and `has 17 tickets` are one
    /// reason.
    pattern: Option<String>,
}

#[derive(Debug)]
struct Group {
    key: Key,
    message: Option<String>,
    further: bool,
    rows: RoaringTreemap,
    lines: RoaringTreemap,
    listed: BTreeMap<u64, BadRow>,
}

impl Group {
    fn add(&mut self, entry: &OutcomeEntry) {
        self.rows.insert(entry.position.row);
        self.lines.insert(entry.position.line);
        self.list(BadRow::of(entry));
    }

    fn list(&mut self, row: BadRow) {
        let full = self.listed.len() == LISTED_MAX;
        match self.listed.last_key_value() {
            Some((last, _)) if full && *last < row.row => {}
            _ => {
                self.listed.insert(row.row, row);
                if self.listed.len() > LISTED_MAX {
                    self.listed.pop_last();
                }
            }
        }
    }

    fn remove(&mut self, entry: &OutcomeEntry) {
        self.rows.remove(entry.position.row);
        self.lines.remove(entry.position.line);
        self.listed.remove(&entry.position.row);
    }

    /// The rows to be listed.
    fn first(&self) -> RoaringTreemap {
        self.rows.iter().take(LISTED_MAX).collect()
    }

    fn finish(mut self, ledger: &str, again: &str) -> Reason {
        let first = self.first();
        self.listed.retain(|row, _| first.contains(*row));
        // A line that several rows share is taken out with the first of them, so that there are as
        // many lines as rows only if each row has one of its own.
        let places = if self.lines.len() == self.rows.len() {
            Places::of(Unit::Line, &self.lines)
        } else {
            Places::of(Unit::Row, &self.rows)
        };
        Reason {
            outcome: self.key.outcome,
            advice: advice::about(self.key.outcome, self.key.code.as_deref(), ledger, again),
            code: self.key.code,
            message: self.message,
            further: self.further,
            rows: self.rows.len(),
            places,
            listed: self.listed.into_values().collect(),
        }
    }
}

/// Collects the reasons.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    groups: Vec<Group>,
    by_key: HashMap<Key, usize>,
    /// All rows of all groups.
    rows: RoaringTreemap,
}

impl Reasons {
    /// A row ended. Its earlier end, if it had one, counts no more.
    pub(super) fn apply(&mut self, entry: &OutcomeEntry) {
        let row = entry.position.row;
        if self.rows.remove(row) {
            let of = |group: &&mut Group| group.rows.contains(row);
            if let Some(group) = self.groups.iter_mut().find(of) {
                group.remove(entry);
            }
        }
        if entry.outcome.counted() == Counted::Bad {
            self.rows.insert(row);
            self.group_of(entry).add(entry);
        }
    }

    fn group_of(&mut self, entry: &OutcomeEntry) -> &mut Group {
        let told = Key {
            outcome: entry.outcome,
            code: entry.code.clone(),
            pattern: entry.message.as_deref().map(without_numbers),
        };
        let further = !self.by_key.contains_key(&told) && self.groups.len() >= REASONS_MAX;
        let key = if further {
            Key {
                code: None,
                pattern: Some("further".to_owned()),
                ..told
            }
        } else {
            told
        };
        let place = *self.by_key.entry(key.clone()).or_insert_with(|| {
            self.groups.push(Group {
                message: entry.message.clone().filter(|_| !further),
                further,
                key,
                rows: RoaringTreemap::new(),
                lines: RoaringTreemap::new(),
                listed: BTreeMap::new(),
            });
            self.groups.len() - 1
        });
        &mut self.groups[place]
    }

    /// The rows that are to be listed and of which nothing was kept: others were listed in their
    /// place, which ended well since.
    pub(super) fn missing(&self) -> RoaringTreemap {
        let mut missing = RoaringTreemap::new();
        for group in &self.groups {
            let first = group.first();
            missing.extend(first.iter().filter(|row| !group.listed.contains_key(row)));
        }
        missing
    }

    /// The last outcome of a row that was [missing](Reasons::missing).
    pub(super) fn found(&mut self, entry: &OutcomeEntry) {
        let row = entry.position.row;
        if let Some(group) = self.groups.iter_mut().find(|it| it.rows.contains(row)) {
            // Not through `list`: it would be pushed out by what stands behind it.
            group.listed.insert(row, BadRow::of(entry));
        }
    }

    /// The reasons: by outcome and what to do, those with the most rows first.
    pub(super) fn finish(self, ledger: &str, again: &str) -> Vec<Reason> {
        let groups = self.groups.into_iter();
        let mut reasons: Vec<_> = groups
            .filter(|group| !group.rows.is_empty())
            .map(|group| group.finish(ledger, again))
            .collect();
        // Stable, so that reasons with as many rows stand as they came.
        reasons.sort_by_key(|it| {
            let to_do = it.advice.what_to_do;
            (it.outcome, to_do, it.further, std::cmp::Reverse(it.rows))
        });
        reasons
    }
}

/// `message` with one `0` for every number in it.
fn without_numbers(message: &str) -> String {
    let mut pattern = String::with_capacity(message.len());
    let mut in_number = false;
    for c in message.chars() {
        let digit = c.is_ascii_digit();
        if !digit {
            pattern.push(c);
        } else if !in_number {
            pattern.push('0');
        }
        in_number = digit;
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::{LISTED_MAX, REASONS_MAX, Reason, Reasons, Unit};
    use crate::domain::{Outcome, OutcomeEntry, Position};
    use crate::ledger::samples::outcome_entry;

    fn bad(row: u64, outcome: Outcome, code: &str, message: &str) -> OutcomeEntry {
        OutcomeEntry {
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            ..outcome_entry(row, outcome, 1)
        }
    }

    fn reasons(entries: &[OutcomeEntry]) -> Vec<Reason> {
        let mut reasons = Reasons::default();
        for entry in entries {
            reasons.apply(entry);
        }
        assert!(reasons.missing().is_empty());
        reasons.finish("a.ledger.jsonl", "a.ledger.jsonl")
    }

    fn told(reasons: &[Reason]) -> Vec<String> {
        let told = reasons.iter().map(|it| {
            let message = it.message.as_deref().unwrap_or("-");
            format!(
                "{} {} {message}: {}",
                it.rows,
                it.outcome,
                it.places.told(9)
            )
        });
        told.collect()
    }

    #[test]
    fn rows_are_grouped_by_reason_and_numbers_in_messages_make_no_difference() {
        let all = [
            bad(1, Outcome::Refused, "Tickets", "has 2 tickets"),
            bad(2, Outcome::NotFound, "Gone", "Not found"),
            bad(3, Outcome::Refused, "Tickets", "has 17 tickets"),
            bad(4, Outcome::Refused, "NOT_ALLOWED", "System user"),
            outcome_entry(5, Outcome::Deleted, 1),
            outcome_entry(6, Outcome::Duplicate, 1),
            bad(7, Outcome::NotFound, "Gone", "Not found"),
            bad(8, Outcome::NotFound, "Gone", "Not found"),
        ];
        let expected = [
            "3 not_found Not found: lines 3, 8, 9",
            "2 refused has 2 tickets: lines 2, 4",
            "1 refused System user: line 5",
        ];
        assert_eq!(told(&reasons(&all)), expected);
    }

    #[test]
    fn only_the_last_end_of_a_row_counts() {
        let all = [
            bad(1, Outcome::Failed, "timed_out", "no answer"),
            bad(2, Outcome::Failed, "timed_out", "no answer"),
            bad(3, Outcome::Failed, "timed_out", "no answer"),
            outcome_entry(1, Outcome::Deleted, 2),
            bad(2, Outcome::Refused, "x", "now refused"),
            bad(3, Outcome::Failed, "timed_out", "no answer"),
        ];
        let expected = [
            "1 refused now refused: line 3",
            "1 failed no answer: line 4",
        ];
        assert_eq!(told(&reasons(&all)), expected);
    }

    #[test]
    fn rows_that_share_a_line_are_told_by_their_numbers() {
        let on_one_line = |row| OutcomeEntry {
            position: Position { row, line: 1 },
            ..bad(row, Outcome::NotFound, "x", "y")
        };
        let gone = OutcomeEntry {
            position: Position { row: 2, line: 1 },
            ..outcome_entry(2, Outcome::Deleted, 2)
        };
        let all = [on_one_line(1), on_one_line(2), on_one_line(3), gone];
        let reasons = reasons(&all);
        assert_eq!(reasons[0].places.unit, Unit::Row);
        assert_eq!(told(&reasons), ["2 not_found y: rows 1, 3"]);
    }

    #[test]
    fn further_reasons_are_counted_together_and_no_row_is_lost() {
        let letters = |n: u64| char::from_u32(0x4e00 + u32::try_from(n).unwrap()).unwrap();
        let all: Vec<_> = (1..=REASONS_MAX as u64 + 50)
            .map(|row| bad(row, Outcome::Refused, &letters(row).to_string(), "no"))
            .collect();
        let reasons = reasons(&all);
        assert_eq!(reasons.len(), REASONS_MAX + 1);
        let further = reasons.last().unwrap();
        assert!(further.further && further.code.is_none() && further.message.is_none());
        assert_eq!(further.rows, 50);
        assert_eq!(reasons.iter().map(|it| it.rows).sum::<u64>(), 250);
    }

    #[test]
    fn rows_listed_are_the_first_ones_also_after_others_ended_well() {
        let max = LISTED_MAX as u64;
        let failed = |row| bad(row, Outcome::Failed, "timed_out", "no answer");
        let mut reasons = Reasons::default();
        for row in (1..=3 * max).rev() {
            reasons.apply(&failed(row));
        }
        for row in 1..=max {
            reasons.apply(&outcome_entry(row, Outcome::Deleted, 2));
        }
        let missing = reasons.missing();
        assert_eq!(missing, (max + 1..=2 * max).collect());
        for row in missing {
            reasons.found(&failed(row));
        }
        assert!(reasons.missing().is_empty());
        let told = reasons.finish("a.ledger.jsonl", "a.ledger.jsonl");
        let listed: Vec<u64> = told[0].listed.iter().map(|it| it.row).collect();
        assert_eq!(listed, (max + 1..=2 * max).collect::<Vec<_>>());
        assert_eq!(told[0].rows, 2 * max);
    }
}
