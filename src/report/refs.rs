//! The fate of the rows that share a reference, over one ledger or several: one verdict for a
//! person whose accounts are many.
//!
//! References are hashed and sorted, 32 bytes a row, and their texts are read from the ledgers
//! again. So a million of them take no more memory than the rows do.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, Write};

use csv::Writer;
use roaring::RoaringTreemap;
use serde::Serialize;

use super::csv::safe;
use crate::domain::{
    AccountHeader, AccountName, Action, Entry, Finding, Outcome, TaskKey, Time, UserId,
};
use crate::ledger::{LedgerError, LedgerState};

/// How many references a report lists.
const LISTED_MAX: usize = 1_000;

/// The verdicts on a reference: every row is gone; some are, or a deletion was begun; nothing was done.
const VERDICTS: [&str; 3] = ["all gone", "partly", "untouched"];

/// A row of one of several ledgers: the ledger's number, then the row's.
type Place = (usize, u64);

/// The references of a report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Refs {
    /// How many have only rows that are gone.
    pub all_gone: u64,
    /// How many have rows that are gone, or whose deletion was begun, and others that are left.
    pub partly: u64,
    /// How many have only rows of which nothing was deleted.
    pub untouched: u64,
    /// How many rows have no reference, or none that could be read.
    pub rows_without: u64,
    /// The references, those with rows left first; at most 1,000.
    pub listed: Vec<RefSummary>,
}

/// A reference and what became of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefSummary {
    /// The reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// `all gone`, `partly` or `untouched`.
    pub verdict: &'static str,
    /// How many rows have it.
    pub rows: u64,
    /// How many of them are about users who are gone.
    pub gone: u64,
    /// How many others there are, by account; the empty name: they name none that exists.
    pub left: BTreeMap<AccountName, u64>,
}

impl Refs {
    /// How many references there are.
    pub const fn count(&self) -> u64 {
        self.all_gone + self.partly + self.untouched
    }

    /// Those of `ledgers`, which are one report's; `None`: no row has one.
    pub(super) fn of(
        ledgers: &[&LedgerState],
        stand_ins: &[(Place, Place)],
    ) -> Result<Option<Self>, LedgerError> {
        let mut lists: [Vec<RefSummary>; VERDICTS.len()] = Default::default();
        let mut counts = [0; VERDICTS.len()];
        let rows_without = each(ledgers, stand_ins, |summary| {
            let index = VERDICTS.iter().position(|it| *it == summary.verdict);
            let index = index.unwrap_or_default();
            counts[index] += 1;
            if lists[index].len() < LISTED_MAX {
                lists[index].push(summary);
            }
        })?;
        let [all_gone, partly, untouched] = counts;
        let [gone, part, rest] = lists;
        let listed = part.into_iter().chain(rest).chain(gone);
        let refs = Self {
            all_gone,
            partly,
            untouched,
            rows_without,
            listed: listed.take(LISTED_MAX).collect(),
        };
        Ok((refs.count() > 0).then_some(refs))
    }
}

/// Writes the references of `ledgers` as CSV: a row for each, what is left in a column for each account.
/// Returns how many there are, or why they could not be written.
pub fn write_csv(to: impl Write, ledgers: &[&LedgerState]) -> Result<io::Result<u64>, LedgerError> {
    let counts = ledgers.iter().map(|it| it.account_counts());
    let mut names: BTreeSet<AccountName> = counts.flat_map(BTreeMap::into_keys).collect();
    names.insert(AccountName::default());
    let mut writer = Writer::from_writer(to);
    let mut head = ["ref", "verdict", "rows", "gone", "left"]
        .map(str::to_owned)
        .to_vec();
    head.extend(names.iter().map(|name| match name.as_str() {
        "" => "left in no account".to_owned(),
        name => format!("left in {name}"),
    }));
    let mut write =
        |cells: &[String]| writer.write_record(cells.iter().map(|cell| safe(cell.as_bytes())));
    let (mut written, mut count) = (write(&head), 0);
    each(ledgers, &stand_ins(ledgers)?, |summary| {
        count += 1;
        let left = names
            .iter()
            .map(|name| summary.left.get(name).copied().unwrap_or(0));
        let numbers = [summary.rows, summary.gone, summary.rows - summary.gone]
            .into_iter()
            .chain(left);
        let mut cells = vec![summary.reference, summary.verdict.to_owned()];
        cells.extend(numbers.map(|it| it.to_string()));
        if written.is_ok() {
            written = write(&cells);
        }
    })?;
    let flushed = written
        .map_err(io::Error::from)
        .and_then(|()| writer.flush());
    Ok(flushed.map(|()| count))
}

/// Judges every reference, in the order in which they first stand in the ledgers. Returns how many rows
/// have none.
fn each(
    ledgers: &[&LedgerState],
    stand_ins: &[(Place, Place)],
    mut see: impl FnMut(RefSummary),
) -> Result<u64, LedgerError> {
    let mut all: Vec<([u8; 16], Place)> = Vec::new();
    for (number, state) in (0..).zip(ledgers) {
        state.each_ref(|row, reference| all.push((hash(reference), (number, row))))?;
    }
    all.sort_unstable();
    all.dedup();
    for (number, state) in (0..).zip(ledgers) {
        state.each_ref(|row, reference| {
            let hash = hash(reference);
            let from = &all[all.partition_point(|(it, _)| *it < hash)..];
            let rows = &from[..from.partition_point(|(it, _)| *it == hash)];
            // It is told where it first stands.
            if rows
                .first()
                .is_some_and(|(_, first)| *first == (number, row))
            {
                see(judge(reference, rows, ledgers, stand_ins));
            }
        })?;
    }
    let rows: u64 = ledgers.iter().map(|it| it.counts().total()).sum();
    Ok(rows.saturating_sub(all.len() as u64))
}

/// The verdict on the `rows` of a reference.
fn judge(
    reference: &str,
    rows: &[([u8; 16], Place)],
    ledgers: &[&LedgerState],
    stand_ins: &[(Place, Place)],
) -> RefSummary {
    let mut summary = RefSummary {
        reference: reference.to_owned(),
        verdict: VERDICTS[0],
        rows: 0,
        gone: 0,
        left: BTreeMap::new(),
    };
    let mut is_begun = false;
    // The ledger in which each answer was met first: of several ledgers a row counts once.
    let mut met: BTreeMap<Place, usize> = BTreeMap::new();
    for (_, place) in rows {
        let answer = stand_ins.binary_search_by_key(place, |(it, _)| *it);
        let answer = answer.map_or(*place, |at| stand_ins[at].1);
        if ledgers.len() > 1 && *met.entry(answer).or_insert(place.0) != place.0 {
            continue;
        }
        summary.rows += 1;
        let (state, row) = (ledgers[answer.0], answer.1);
        let is_ordered = state.outcome_of(row) == Some(Outcome::Ordered);
        // An order is no deletion before a verification has seen it done.
        if state.is_gone(row) && (!is_ordered || state.found(Finding::AsAsked).contains(row)) {
            summary.gone += 1;
        } else {
            is_begun |= is_ordered || state.is_begun(row);
            let account = state.account_of(row).cloned().unwrap_or_default();
            *summary.left.entry(account).or_default() += 1;
        }
    }
    summary.verdict = match (summary.left.is_empty(), summary.gone > 0 || is_begun) {
        (true, _) => VERDICTS[0],
        (false, true) => VERDICTS[1],
        (false, false) => VERDICTS[2],
    };
    summary
}

/// The rows that answer for others: of the rows about one user and action, the one that ended last. A
/// skipped row answers for none, and a pending one for skipped rows. Ascending by the row answered for.
pub fn stand_ins(ledgers: &[&LedgerState]) -> Result<Vec<(Place, Place)>, LedgerError> {
    // In one ledger only duplicates have their answer elsewhere.
    let mut wanted = HashSet::new();
    let mut ends = Vec::new();
    for (number, state) in (0..).zip(ledgers) {
        each_end(state, |key, rank, _, _| {
            let is_wanted = rank == 0 && ledgers.len() == 1;
            wanted.extend(is_wanted.then_some(key));
        })?;
        each_end(state, |key, rank, at, row| {
            if ledgers.len() > 1 || wanted.contains(&key) {
                ends.push((key.bytes(), rank, at, (number, row)));
            }
        })?;
    }
    ends.sort_unstable();
    let mut found = Vec::new();
    for rows in ends.chunk_by(|one, next| one.0 == next.0) {
        let last = rows[rows.len() - 1].3;
        let others = rows.iter().map(|it| it.3).filter(|it| *it != last);
        found.extend(others.map(|it| (it, last)));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The rows of each ledger that count in another one. Their user and action ended later there. Or
/// they are left out here, and there stand as the same row of the same input.
pub fn counted_elsewhere(
    stand_ins: &[(Place, Place)],
    ledgers: &[&LedgerState],
) -> Vec<RoaringTreemap> {
    let mut rows = vec![RoaringTreemap::new(); ledgers.len()];
    let inputs = ledgers.iter().map(|it| {
        let options = &it.header.options;
        let file = &it.planned.as_ref()?.input.sha256;
        Some((file, &options.sheet, options.header_line))
    });
    let inputs: Vec<_> = inputs.collect();
    let left_out = ledgers.iter().map(|it| it.rows_of(Outcome::Filtered));
    let left_out: Vec<RoaringTreemap> = left_out.collect();
    for (one, rows) in rows.iter_mut().enumerate() {
        let same = |it: &usize| *it != one && inputs[*it].is_some() && inputs[*it] == inputs[one];
        for other in (0..ledgers.len()).filter(same) {
            // Left out of both, it counts in the last one.
            *rows |= if other < one {
                &left_out[one] - &left_out[other]
            } else {
                left_out[one].clone()
            };
        }
    }
    for ((ledger, row), _) in stand_ins.iter().filter(|(it, by)| it.0 != by.0) {
        rows[*ledger].insert(*row);
    }
    rows
}

/// Hands each row that names a user to `see`: the key of tenant, action and user, when it ended, and its
/// number. It also hands over how much its end says (0: it was skipped, 1: it has not ended, 2: it ended).
fn each_end(
    state: &LedgerState,
    mut see: impl FnMut(TaskKey, u8, Time, u64),
) -> Result<(), LedgerError> {
    let accounts = state.accounts().into_iter();
    let tenant = |it: &AccountHeader| AccountName::new(format!("{} {}", it.provider, it.tenant));
    let tenants: BTreeMap<_, _> = accounts.map(|(name, it)| (name, tenant(it))).collect();
    let key = |account: &AccountName, action: Action, id: &UserId| {
        TaskKey::new(tenants.get(account).unwrap_or(account), action, id.as_str())
    };
    let began = state.header.started_at;
    state.read_again(|_, entry| match entry {
        Entry::Plan(block) => block.rows.iter().for_each(|row| {
            let key = key(&block.account, block.action, &row.id);
            see(key, 1, began, row.position.row);
        }),
        Entry::Unsent(block) => {
            if let (Some(account), Some(action)) = (&block.account, block.action) {
                let ids = block.ids.iter();
                ids.for_each(|(row, id)| see(key(account, action, id), 0, began, *row));
            }
        }
        Entry::Outcome(it) => {
            if let (Some(account), Some(action), Some(id)) = (&it.account, it.action, &it.id) {
                see(key(account, action, id), 2, it.at, it.position.row);
            }
        }
        _ => {}
    })
}

fn hash(reference: &str) -> [u8; 16] {
    TaskKey::of_user(&AccountName::default(), reference).bytes()
}
