//! `report --format csv`: the admin's own rows back, each with the ledger's last outcome of it. As long
//! as the input is what it was, all its columns come along; else there are those that the ledger has.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;
use tempfile::NamedTempFile;

use super::{check_free, not_written, write_file};
use crate::cli::CliError;
use crate::cli::args::ReportArgs;
use crate::cli::ledgers::{check_head, unfinished};
use crate::cli::terminal::{put_page, tell};
use crate::domain::{Outcome, OutcomeEntry, PlannedInput, Position, ProviderKind, RunOptions};
use crate::input::{Format, InputTable, ReadOptions, fingerprint};
use crate::ledger::{LEDGER_SUFFIX, LedgerState, Outcomes};
use crate::report::csv::{End, Kind, Sheet};
use crate::report::{counted_elsewhere, named_config, stand_ins, write_refs};
use crate::words;

/// The columns of rows that a ledger gives back by itself.
const LEDGER_COLUMNS: [&str; 4] = ["id", "account", "action", "ref"];

/// The file that has a row for each reference.
const REFS: &str = "refs.csv";

/// The files that rows go to, in the order of [`Kind::ALL`].
type Sheets<'f> = Vec<Sheet<BufWriter<&'f File>>>;

/// The rows of the input with what the ledger says of them.
struct RowsBack<'a> {
    folder: &'a Path,
    state: &'a LedgerState,
    /// The input; `None`: it is not what it was.
    table: Option<InputTable>,
    outcomes: Outcomes,
    /// Whether every account has a provider whose ids are digits.
    ids_are_digits: bool,
    /// Rows that are in another ledger's files.
    elsewhere: RoaringTreemap,
    /// The pending rows whose user is soft-deleted.
    soft_deleted: RoaringTreemap,
    duplicates: u64,
}

/// Reads the ledgers that a report is of.
fn read(args: &ReportArgs, ledgers: &[(PathBuf, bool)]) -> Result<Vec<LedgerState>, CliError> {
    let read = |(ledger, _): &(PathBuf, bool)| {
        let state = LedgerState::read(ledger)?;
        check_head(ledger, state.head, args.head)?;
        Ok(state)
    };
    ledgers.iter().map(read).collect()
}

/// Writes the rows to three files in `folder`; of several ledgers to a folder in it for each, without the
/// rows that another ledger has a later word on.
pub(super) fn write_all(
    args: &ReportArgs,
    ledgers: &[(PathBuf, bool)],
    folder: &Path,
) -> Result<(), CliError> {
    let states = read(args, ledgers)?;
    let all: Vec<_> = states.iter().collect();
    let elsewhere = counted_elsewhere(&stand_ins(&all)?, all.len());
    let rows = states.iter().zip(elsewhere);
    for (number, ((ledger, is_locked), (state, elsewhere))) in (1..).zip(ledgers.iter().zip(rows)) {
        let name = ledger.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(LEDGER_SUFFIX).unwrap_or(&name);
        let own = match ledgers.len() {
            1 => folder.to_owned(),
            _ => folder.join(format!("{number}-{stem}")),
        };
        write(state, elsewhere, &own, *is_locked)?;
    }
    Ok(())
}

/// Writes the rows of one ledger but those that count `elsewhere` to three files in `folder`.
fn write(
    state: &LedgerState,
    elsewhere: RoaringTreemap,
    folder: &Path,
    is_locked: bool,
) -> Result<(), CliError> {
    let ledger = &*state.path;
    let outcomes = Outcomes::of(state)?;
    let Some(planned) = &state.planned else {
        return Err(unfinished(ledger));
    };
    let options = &state.header.options;
    let input = path_of(ledger, &planned.input);
    make_folder(
        folder,
        &Kind::ALL.map(Kind::name),
        &[&input, ledger],
        options,
    )?;
    let table = open_input(&input, &planned.input, options)?;
    let keys_left_out = table.as_ref().is_some_and(InputTable::keys_left_out);
    let mut rows = RowsBack {
        folder,
        ids_are_digits: ids_are_digits(state),
        state,
        elsewhere,
        table,
        outcomes,
        soft_deleted: state.soft_deleted_so_far(),
        duplicates: 0,
    };
    let written = rows.write()?;
    if is_locked {
        tell("note: the run is at work; what it has not recorded yet stands in `unprocessed.csv`");
    }
    if keys_left_out {
        tell(
            "note: the input has more keys than a table may have columns; the last ones are left out",
        );
    }
    let odd: u64 = written.iter().map(|(_, odd)| odd).sum();
    if odd > 0 {
        tell(&format!(
            "note: {odd} valid ids look like formulas and stand as they are, so that they can be read again; import the id column as text"
        ));
    }
    put_page(&rows.describe(&written))?;
    if written[Kind::Failed as usize].0 > 0 {
        tell(&next(ledger, &rows.path(Kind::Failed), options));
    }
    Ok(())
}

/// Writes what became of each reference to [`REFS`] in `folder`.
pub(super) fn write_by_ref(
    args: &ReportArgs,
    ledgers: &[(PathBuf, bool)],
    folder: &Path,
) -> Result<(), CliError> {
    let states = read(args, ledgers)?;
    for state in &states {
        make_folder(folder, &[REFS], &[&state.path], &state.header.options)?;
    }
    let states: Vec<_> = states.iter().collect();
    let path = folder.join(REFS);
    let refs = write_file(&path, |file| {
        let written = write_refs(BufWriter::new(file.as_file()), &states)?;
        written.map_err(|error| not_written(&path, &error))
    })?;
    put_page(&format!(
        "{}: {}\n",
        path.display(),
        words::count(refs, "reference")
    ))?;
    Ok(())
}

/// Opens the input at `path` as it was `planned`, read by the columns that `options` name; `None`: it is
/// not what it was, which is said.
fn open_input(
    path: &Path,
    planned: &PlannedInput,
    options: &RunOptions,
) -> Result<Option<InputTable>, CliError> {
    let found = fingerprint(path);
    if found.is_ok_and(|found| (found.size, &found.sha256) == (planned.size, &planned.sha256)) {
        let read = ReadOptions {
            format: Format::of_name(&planned.format),
            delimiter: planned.delimiter,
            ..ReadOptions::of(options)
        };
        return Ok(Some(InputTable::open(path, &read)?));
    }
    tell(&format!(
        "note: the input `{}` is not there any more as it was planned, so the rows have the columns \
         that the ledger has: {}",
        path.display(),
        LEDGER_COLUMNS.join(", ")
    ));
    Ok(None)
}

/// Makes the folder if it is not there. Refuses one where a file of the report would take the place of
/// something that this run or another is bound to.
fn make_folder(
    folder: &Path,
    files: &[&str],
    bound: &[&Path],
    options: &RunOptions,
) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|error| {
        let text = format!("could not make the folder `{}`: {error}", folder.display());
        CliError::refuse(text, "name another with `--out`")
    })?;
    let mut paths = files.iter().map(|name| folder.join(name));
    paths.try_for_each(|path| check_free(&path, bound, options, "name another folder with `--out`"))
}

/// Where the input of a ledger lies: beside it, if its folder was moved as a whole.
fn path_of(ledger: &Path, input: &PlannedInput) -> PathBuf {
    let kept = PathBuf::from(&input.path);
    let beside = ledger.with_file_name(kept.file_name().unwrap_or_default());
    if !kept.exists() && beside.is_file() {
        return beside;
    }
    kept
}

fn ids_are_digits(state: &LedgerState) -> bool {
    let counts = state.account_counts();
    let mut accounts = state.accounts().into_iter();
    accounts.all(|(name, it)| it.provider != ProviderKind::Sunco || !counts.contains_key(&name))
}

/// The command that tries the failed rows again, with what the run was told of its rows.
fn next(ledger: &Path, failed: &Path, options: &RunOptions) -> String {
    let mut command = format!(
        "\nOnce they are fixed: userpurge run {} --done-in {}",
        words::shell_path(failed),
        words::shell_path(ledger)
    );
    let config = named_config(options).map(str::to_owned);
    let action = options.action.map(|action| action.name().to_owned());
    for (option, value) in [
        ("--config", &config),
        ("--account", &options.account),
        ("--action", &action),
        ("--id-column", &options.id_column),
        ("--account-column", &options.account_column),
        ("--action-column", &options.action_column),
        ("--ref-column", &options.ref_column),
        ("--protect", &options.protect),
    ] {
        if let Some(value) = value {
            let _ = write!(command, " {option} {}", words::shell_word(value));
        }
    }
    command
}

impl RowsBack<'_> {
    fn path(&self, kind: Kind) -> PathBuf {
        self.folder.join(kind.name())
    }

    /// Writes all files. None takes its place before all are written. Returns what [`Sheet::finish`] does.
    fn write(&mut self) -> Result<Vec<(u64, u64)>, CliError> {
        let paths = Kind::ALL.map(|kind| self.path(kind));
        write_file(&paths[0], |deleted| {
            write_file(&paths[1], |failed| {
                write_file(&paths[2], |unprocessed| {
                    let files = [deleted, failed, unprocessed];
                    self.write_to(files.map(NamedTempFile::as_file))
                })
            })
        })
    }

    /// Puts every row into its file.
    fn write_to(&mut self, files: [&File; Kind::ALL.len()]) -> Result<Vec<(u64, u64)>, CliError> {
        let (names, id, read) = match &self.table {
            Some(it) => (it.columns().to_vec(), it.id_place(), it.field_places()),
            None => (
                LEDGER_COLUMNS.map(str::to_owned).to_vec(),
                Some(0),
                (0..LEDGER_COLUMNS.len()).collect(),
            ),
        };
        let mut sheets = Sheets::new();
        for (kind, file) in Kind::ALL.into_iter().zip(files) {
            let sheet = Sheet::new(BufWriter::new(file), &names, id, &read);
            sheets.push(sheet.map_err(|error| not_written(&self.path(kind), &error))?);
        }
        let count = self.fill(&mut sheets)?;
        let rows = self.state.counts().total();
        if count != rows {
            let what = format!("its input had {rows} rows and now reads as {count}");
            return Err(CliError::foreign(&self.state.path, &what, None));
        }
        let finish = |(kind, sheet): (Kind, Sheet<_>)| {
            let finished = sheet.finish();
            finished.map_err(|error| not_written(&self.path(kind), &error))
        };
        Kind::ALL.into_iter().zip(sheets).map(finish).collect()
    }

    /// Puts the rows of the input, or of the ledger, into their files. Returns how many there are.
    fn fill(&mut self, sheets: &mut Sheets<'_>) -> Result<u64, CliError> {
        let mut count = 0;
        if let Some(mut table) = self.table.take() {
            while let Some(position) = table.advance()? {
                count += 1;
                self.put(position, &table.cells(), sheets)?;
            }
            return Ok(count);
        }
        let state = self.state;
        state.each_planned(|position, cells| {
            count += 1;
            self.put(
                position,
                &cells.map(|cell| cell.as_bytes().to_vec()),
                sheets,
            )
        })?;
        Ok(count)
    }

    /// Puts a row into its file.
    fn put(
        &mut self,
        position: Position,
        cells: &[Vec<u8>],
        sheets: &mut Sheets<'_>,
    ) -> Result<(), CliError> {
        if self.elsewhere.contains(position.row) {
            return Ok(());
        }
        let entry = self.outcomes.get(position.row)?;
        let outcome = entry.as_ref().map(|entry| entry.outcome);
        self.duplicates += u64::from(outcome == Some(Outcome::Duplicate));
        let (line, row) = (position.line, position.row);
        let (is_in_doubt, is_begun) =
            (self.state.is_in_doubt(row), self.soft_deleted.contains(row));
        let pending = || End::pending(line, is_in_doubt, is_begun);
        let end = entry.as_ref().map_or_else(pending, End::of);
        let kind = Kind::of(entry.as_ref().map(OutcomeEntry::counted));
        let put = sheets[kind as usize].row(cells, self.keeps_id(entry.as_ref()), end);
        put.map_err(|error| not_written(&self.path(kind), &error))
    }

    /// A row that is invalid has no id, unless the ledger has it. One that is pending may have any that
    /// its provider can have.
    fn keeps_id(&self, entry: Option<&OutcomeEntry>) -> bool {
        match entry {
            Some(entry) => entry.id.is_some() || entry.outcome != Outcome::Invalid,
            None => !self.ids_are_digits,
        }
    }

    /// What was written.
    fn describe(&self, written: &[(u64, u64)]) -> String {
        let mut text = String::new();
        for (kind, (rows, _)) in Kind::ALL.into_iter().zip(written) {
            let path = self.path(kind);
            let noun = if *rows == 1 { "row" } else { "rows" };
            // Writing to a string cannot fail; so below.
            let _ = write!(text, "{}: {rows} {noun}", path.display());
            if kind == Kind::Unprocessed {
                let _ = match self.duplicates {
                    0 => Ok(()),
                    1 => write!(text, " (1 of them a duplicate)"),
                    all => write!(text, " ({all} of them duplicates)"),
                };
                let begun = self.soft_deleted.len();
                if begun > 0 {
                    let _ = write!(text, " ({begun} soft-deleted so far)");
                }
            }
            text.push('\n');
        }
        text
    }
}
