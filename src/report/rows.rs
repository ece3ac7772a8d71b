//! The rows of a run, each with the ledger's last outcome of it, put into the three files of
//! [`csv`](super::csv).
//!
//! It knows no input: rows come as cells in the order of the columns.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use roaring::RoaringTreemap;

use super::csv::{End, Sheet, file_of};
use super::reasons::phrase;
use super::text::{SOFT_DELETED, counted, with};
use crate::domain::{Counted, Outcome, OutcomeEntry, Position, ProviderKind};
use crate::ledger::{LedgerError, LedgerState, Outcomes};
use crate::words::count;

/// The columns of rows that a ledger gives back by itself.
pub const LEDGER_COLUMNS: [&str; 4] = ["id", "account", "action", "ref"];

/// The result of writing: the file that could not be written, and why.
type Written<T> = Result<T, (Counted, io::Error)>;

/// Puts rows into their files.
#[derive(Debug)]
pub struct RowsBack<'a, W: Write> {
    state: &'a LedgerState,
    /// The files, in the order of [`Counted::ALL`].
    sheets: Vec<Sheet<W>>,
    outcomes: Outcomes,
    /// Whether every account has a provider whose ids are digits.
    ids_are_digits: bool,
    /// Rows that are in another ledger's files.
    elsewhere: RoaringTreemap,
    /// The rows whose user is soft-deleted, and no more.
    half_done: RoaringTreemap,
    duplicates: u64,
    count: u64,
}

impl<'a, W: Write> RowsBack<'a, W> {
    /// The rows of `state` but those that count `elsewhere`, to be put into `files`. `names`, `id` and `read`:
    /// the columns, as [`Sheet::new`] takes them; `None`: they are [`LEDGER_COLUMNS`].
    pub fn new(
        state: &'a LedgerState,
        elsewhere: RoaringTreemap,
        files: [W; Counted::ALL.len()],
        columns: Option<(&[String], Option<usize>, &[usize])>,
    ) -> Result<Written<Self>, LedgerError> {
        let own = LEDGER_COLUMNS.map(str::to_owned);
        let (names, id, read) = columns.unwrap_or((&own, Some(0), &[0, 1, 2, 3]));
        let sheet = |(kind, file)| Sheet::new(file, names, id, read).map_err(|why| (kind, why));
        let sheets = Counted::ALL.into_iter().zip(files).map(sheet);
        let sheets: Written<Vec<_>> = sheets.collect();
        let outcomes = Outcomes::of(state)?;
        Ok(sheets.map(|sheets| Self {
            state,
            sheets,
            outcomes,
            ids_are_digits: ids_are_digits(state),
            half_done: &state.half_done - &elsewhere,
            elsewhere,
            duplicates: 0,
            count: 0,
        }))
    }

    /// Puts a row into its file.
    pub fn put(
        &mut self,
        position: Position,
        cells: &[Vec<u8>],
    ) -> Result<Written<()>, LedgerError> {
        let Position { line, row, .. } = position;
        self.count += 1;
        if self.elsewhere.contains(row) {
            return Ok(Ok(()));
        }
        let entry = self.outcomes.get(row)?;
        let outcome = entry.as_ref().map(|entry| entry.outcome);
        self.duplicates += u64::from(outcome == Some(Outcome::Duplicate));
        let (in_doubt, begun) = (self.state.is_in_doubt(row), self.half_done.contains(row));
        let pending = || End::pending(line, in_doubt, begun);
        let words = entry.as_ref().map(|entry| phrase(entry, self.state));
        let end = words.as_deref().map_or_else(pending, End::of);
        // A pending row is not processed either.
        let ended = entry.as_ref().map(OutcomeEntry::counted);
        let kind = ended.unwrap_or(Counted::Skipped);
        let keeps_id = self.keeps_id(entry.as_ref());
        let put = self.sheets[kind as usize].row(cells, keeps_id, end);
        Ok(put.map_err(|error| (kind, error)))
    }

    /// How many rows were put.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Ends the files, which stand in `folder`. Returns what [`Sheet::finish`] does, and what was written.
    pub fn finish(mut self, folder: &Path) -> Written<(Vec<(u64, u64)>, String)> {
        let sheets = Counted::ALL
            .into_iter()
            .zip(std::mem::take(&mut self.sheets));
        let finish = |(kind, sheet): (_, Sheet<W>)| sheet.finish().map_err(|why| (kind, why));
        let written = sheets.map(finish).collect::<Written<Vec<_>>>()?;
        let summary = self.describe(folder, &written);
        Ok((written, summary))
    }

    /// A row that is invalid has no id, unless the ledger has it. One that is pending may have any that
    /// its provider can have.
    fn keeps_id(&self, entry: Option<&OutcomeEntry>) -> bool {
        match entry {
            Some(entry) => entry.id.is_some() || entry.outcome != Outcome::Invalid,
            None => !self.ids_are_digits,
        }
    }

    /// The text about the files written to `folder`.
    fn describe(&self, folder: &Path, written: &[(u64, u64)]) -> String {
        let mut text = String::new();
        let ended = self.half_done.intersection_len(&self.state.ended);
        for (kind, (rows, _)) in Counted::ALL.into_iter().zip(written) {
            let path = folder.join(file_of(kind));
            let duplicates = [0, 0, self.duplicates][kind as usize];
            let soft_deleted = [0, ended, self.half_done.len() - ended][kind as usize];
            let known = counted([(duplicates, "duplicate"), (soft_deleted, SOFT_DELETED)]);
            let rows = with(count(*rows, "row"), &known);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}: {rows}", path.display());
        }
        text
    }
}

fn ids_are_digits(state: &LedgerState) -> bool {
    let counts = state.account_counts();
    let mut accounts = state.accounts().into_iter();
    accounts.all(|(name, it)| it.provider != ProviderKind::Sunco || !counts.contains_key(&name))
}
