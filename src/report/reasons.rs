//! The rows that somebody has to look at, grouped by reason, in bounded memory. Each group has the
//! numbers of its rows and lines, told as spans of lines, and a few rows whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use roaring::RoaringTreemap;
use serde::Serialize;

use super::advice;
use super::text::SOFT_DELETED;
use crate::domain::{AccountName, Action, Counted, Entry, Outcome, OutcomeEntry, UserId};
use crate::ledger::{LedgerError, LedgerState};
use crate::words::{count, grouped};

/// How many reasons there are at most; rows of further ones go to one for each outcome.
const REASONS_MAX: usize = 200;

/// How many spans are kept, and so stand in the JSON.
const SPANS_MAX: usize = 200;

/// How many reasons one line tells.
const TOLD_MAX: usize = 3;

/// How many rows of a reason are listed whole.
const LISTED_MAX: usize = 20;

/// Why rows ended otherwise than well.
#[derive(Debug, Clone, Serialize)]
pub struct Reason {
    /// How they ended.
    pub outcome: Outcome,
    /// The code of all of them; `None`: they have none, or these are further reasons.
    pub code: Option<String>,
    /// The message of all of them, with `…` for its numbers where these differ. `None`: they have none,
    /// or these are further reasons.
    pub message: Option<String>,
    /// Whether these are the rows of all further reasons: there are more than the 200 that are told
    /// one by one.
    pub further: bool,
    /// How many rows there are.
    pub rows: u64,
    /// Where they stand.
    pub places: Places,
    /// The advice about them, in words.
    pub what_to_do: &'static str,
    /// The command that goes on from there; `None`: there is none.
    pub command: Option<String>,
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
    /// Whether its first step is done, so that the user is soft-deleted.
    pub soft_deleted: bool,
}

/// The end of a row in the words of a report: they say so if its user is soft-deleted by now.
pub(super) fn phrase<'e>(entry: &'e OutcomeEntry, state: &LedgerState) -> Cow<'e, OutcomeEntry> {
    let message = entry.said.message.as_deref();
    let message = message.unwrap_or(entry.outcome.name());
    if !state.half_done.contains(entry.position.row) || message.contains("soft-deleted") {
        return Cow::Borrowed(entry);
    }
    let mut told = entry.clone();
    told.said.message = Some(format!("{SOFT_DELETED}; {message}"));
    Cow::Owned(told)
}

/// The key of equal reasons of two rows: the outcome, whether these are further reasons, the code, and
/// the message with `…` for its numbers. So `has 2 tickets` and `has 17 tickets` are one reason.
type Key = (Outcome, bool, Option<String>, Option<String>);

/// The rows of a reason.
#[derive(Debug, Default)]
struct Group {
    message: Option<String>,
    rows: RoaringTreemap,
    lines: RoaringTreemap,
    listed: BTreeMap<u64, BadRow>,
}

impl Group {
    fn add(&mut self, entry: &OutcomeEntry) {
        self.rows.insert(entry.position.row);
        self.lines.insert(entry.position.line);
        if self.message.is_some() && self.message != entry.said.message {
            self.message = entry.said.message.as_deref().map(without_numbers);
        }
    }

    fn finish(self, key: Key, ledger: &str, again: &str) -> Reason {
        let (outcome, further, code, _) = key;
        // A line that several rows share is taken out with the first of them. So there are as many
        // lines as rows only if each row has one of its own.
        let places = if self.lines.len() == self.rows.len() {
            Places::of("line", &self.lines)
        } else {
            Places::of("row", &self.rows)
        };
        let said = (code.as_deref(), self.message.as_deref());
        let (what_to_do, command) = advice::about(outcome, said, ledger, again);
        Reason {
            outcome,
            what_to_do,
            command,
            code,
            message: self.message,
            further,
            rows: self.rows.len(),
            places,
            listed: self.listed.into_values().collect(),
        }
    }
}

/// Collects the reasons.
#[derive(Debug, Default)]
pub(super) struct Reasons(BTreeMap<Key, Group>);

impl Reasons {
    /// A row ended; `was`: how it had ended before, which counts no more.
    pub(super) fn apply(&mut self, was: Option<Counted>, entry: &OutcomeEntry) {
        let row = entry.position.row;
        if was == Some(Counted::Bad)
            && let Some(group) = self.0.values_mut().find(|it| it.rows.contains(row))
        {
            group.rows.remove(row);
            group.lines.remove(entry.position.line);
        }
        if entry.counted() == Counted::Bad {
            self.group_of(entry).add(entry);
        }
    }

    /// Takes `rows` out, as another ledger has a later word on them.
    pub(super) fn leave_out(&mut self, rows: &RoaringTreemap) {
        self.0.values_mut().for_each(|group| group.rows -= rows);
    }

    fn group_of(&mut self, entry: &OutcomeEntry) -> &mut Group {
        let pattern = entry.said.message.as_deref().map(without_numbers);
        let key = (entry.outcome, false, entry.said.code.clone(), pattern);
        let further = !self.0.contains_key(&key) && self.0.len() >= REASONS_MAX;
        if further {
            return self.0.entry((entry.outcome, true, None, None)).or_default();
        }
        self.0.entry(key).or_insert_with(|| Group {
            message: entry.said.message.clone(),
            ..Group::default()
        })
    }

    /// The rows that are to be listed. Which ones they are is known only at the end.
    pub(super) fn wanted(&self) -> RoaringTreemap {
        let groups = self.0.values();
        groups
            .flat_map(|it| it.rows.iter().take(LISTED_MAX))
            .collect()
    }

    /// An outcome of a row that is [wanted](Reasons::wanted); the last one counts.
    pub(super) fn list(&mut self, entry: &OutcomeEntry, state: &LedgerState) {
        let row = entry.position.row;
        if let Some(group) = self.0.values_mut().find(|it| it.rows.contains(row)) {
            let listed = BadRow {
                row,
                line: entry.position.line,
                account: entry.account.clone(),
                action: entry.action,
                id: entry.id.clone(),
                reference: entry.reference.clone(),
                soft_deleted: state.half_done.contains(row),
            };
            group.listed.insert(row, listed);
        }
    }

    /// The reference of a row, which also another line than its outcome may have.
    pub(super) fn refer(&mut self, row: u64, reference: &str) {
        let mut groups = self.0.values_mut();
        if let Some(listed) = groups.find_map(|it| it.listed.get_mut(&row)) {
            listed.reference = Some(reference.to_owned());
        }
    }

    /// The reasons: by outcome and what to do, those with the most rows first, of as many the one that
    /// stands first in the file.
    pub(super) fn finish(mut self, ledger: &str, again: &str) -> Vec<Reason> {
        self.0.retain(|_, group| !group.rows.is_empty());
        let groups = self.0.into_iter();
        let mut reasons: Vec<_> = groups
            .map(|(key, group)| (group.rows.min(), group.finish(key, ledger, again)))
            .collect();
        reasons.sort_by_key(|(first, it)| {
            let most = std::cmp::Reverse(it.rows);
            (it.outcome, it.what_to_do, it.further, most, *first)
        });
        reasons.into_iter().map(|(_, reason)| reason).collect()
    }
}

/// Why rows of `state` are not done, on one line: the words of the report, those of the most rows first,
/// without what they advise, and once for all codes that come with them. Empty: all are done.
pub fn why(state: &LedgerState) -> Result<String, LedgerError> {
    // To read a long ledger once more takes seconds.
    if state.counts().counted(Counted::Bad) == 0 {
        return Ok(String::new());
    }
    let mut reasons = Reasons::default();
    each_outcome(state, |entry| {
        if state.counted(entry.position.row) == Some(Counted::Bad) {
            let mut entry = entry.clone();
            entry.said.code.take_if(|_| entry.said.message.is_some());
            reasons.apply(Some(Counted::Bad), &entry);
        }
    })?;
    let mut reasons = reasons.finish("", "");
    reasons.sort_by_key(|it| std::cmp::Reverse(it.rows));
    let texts = reasons.iter().take(TOLD_MAX).map(|it| {
        let words = it.message.as_ref().or(it.code.as_ref());
        let words = words.and_then(|words| words.split(';').next());
        let words = words.map(|words| format!(": {}", words.trim_end_matches('.')));
        let words = words.unwrap_or_default();
        format!("{} {}{words}", grouped(it.rows), it.outcome)
    });
    let more = reasons.len().saturating_sub(TOLD_MAX) as u64;
    let more = (more > 0).then(|| format!("and {}", count(more, "more reason")));
    Ok(texts.chain(more).collect::<Vec<_>>().join("; "))
}

/// Hands each outcome of the ledger of `state` to `see`; the last one of a row counts.
pub(super) fn each_outcome(
    state: &LedgerState,
    mut see: impl FnMut(&OutcomeEntry),
) -> Result<(), LedgerError> {
    let began = state.header.started_at;
    state.read_again(|_, entry| match entry {
        Entry::Outcome(entry) => see(entry),
        Entry::Unsent(block) => block.outcomes(began).for_each(|it| see(&it)),
        _ => {}
    })
}

/// `message` with `…` for the numbers in it, which make no reason another.
pub(super) fn without_numbers(message: &str) -> String {
    let hidden = |c: char| if c.is_ascii_digit() { '…' } else { c };
    let mut chars: Vec<_> = message.chars().map(hidden).collect();
    chars.dedup_by(|next, one| *one == '…' && one == next);
    chars.into_iter().collect()
}

/// Where some rows stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Places {
    /// The unit of the numbers: `line`, on which rows begin, or `row`, where several share a line. Both from 1.
    pub unit: &'static str,
    /// First and last of each unbroken span, ascending; at most 200.
    pub spans: Vec<(u64, u64)>,
    /// How many rows more there are behind them.
    pub left_out: u64,
}

impl Places {
    /// The spans of `numbers`.
    pub(super) fn of(unit: &'static str, numbers: &RoaringTreemap) -> Self {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let mut counted = 0;
        for number in numbers {
            let full = spans.len() == SPANS_MAX;
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ if full => break,
                _ => spans.push((number, number)),
            }
            counted += 1;
        }
        Self {
            unit,
            spans,
            left_out: numbers.len() - counted,
        }
    }

    /// In words, at most `max` spans, such as `lines 47, 52, 60–98 and 13 rows more`.
    pub fn describe(&self, max: usize) -> String {
        let mut text = self.unit.to_owned();
        if self.spans.len() > 1 || self.spans.iter().any(|(first, last)| first != last) {
            text.push('s');
        }
        for (index, (first, last)) in self.spans.iter().take(max).enumerate() {
            text.push_str(if index == 0 { " " } else { ", " });
            // Writing to a string cannot fail; so below.
            let _ = match last - first {
                0 => write!(text, "{first}"),
                1 => write!(text, "{first}, {last}"),
                _ => write!(text, "{first}–{last}"),
            };
        }
        let behind = self.spans.iter().skip(max);
        let more = self.left_out + behind.map(|(first, last)| last - first + 1).sum::<u64>();
        if more > 0 {
            let _ = write!(text, " and {} more", count(more, "row"));
        }
        text
    }
}
