//! `report --format csv`: the admin's own rows back, each with the ledger's last outcome of it. As long
//! as the input is what it was, all its columns come along; else there are those that the ledger has.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use super::execute::ledger_of;
use super::place::{self, check_free};
use crate::cli::args::ReportArgs;
use crate::cli::commands::run::unfinished;
use crate::cli::terminal::{put_page, tell};
use crate::cli::{ExitCode, Failure, head};
use crate::domain::{
    Action, Entry, Outcome, OutcomeEntry, PlannedInput, PlannedRow, Position, ProviderKind,
    RunOptions,
};
use crate::input::{self, ReadOptions, Table, fingerprint};
use crate::ledger::{LedgerReader, LedgerState, Outcomes};
use crate::report::csv::{Columns, End, Finished, Id, Kind, Sheet};
use crate::report::named_config;
use crate::words;

/// The columns of rows that a ledger gives back by itself.
const LEDGER_COLUMNS: [&str; 4] = ["id", "account", "action", "ref"];

/// Writes the rows to three files in `folder`.
pub(super) fn execute(args: &ReportArgs, folder: &Path) -> Result<ExitCode, Failure> {
    let (ledger, running) = ledger_of(args)?;
    let ledger = ledger.as_path();
    let state = LedgerState::read(ledger)?;
    head::check(ledger, state.source.head, args.head)?;
    let outcomes = Outcomes::of(&state)?;
    let Some(planned) = &state.planned else {
        return Err(unfinished(ledger));
    };
    let input = path_of(ledger, &planned.input);
    let out = Out::create(folder, &[&input, ledger], &state.header.options)?;
    let table = if is_unchanged(&input, &planned.input) {
        let read = read_options(&planned.input, &state.header.options);
        Some(Table::open(&input, &read).map_err(Failure::refused)?)
    } else {
        tell(&format!(
            "note: the input `{}` is not there any more as it was planned, so the rows have the columns \
             that the ledger has: {}",
            input.display(),
            LEDGER_COLUMNS.join(", ")
        ));
        None
    };
    let keys_left_out = table.as_ref().is_some_and(Table::keys_left_out);
    let mut rows = Rows {
        ledger,
        ids_are_digits: ids_are_digits(&state),
        state: &state,
        table,
        outcomes,
        soft_deleted: state.soft_deleted_so_far(),
        duplicates: 0,
    };
    let written = out.write(&mut rows)?;
    if running {
        tell("note: the run is at work; what it has not recorded yet stands in `unprocessed.csv`");
    }
    if keys_left_out {
        tell(
            "note: the input has more keys than a table may have columns; the last ones are left out",
        );
    }
    let odd: u64 = written
        .iter()
        .map(|finished| finished.ids_like_formulas)
        .sum();
    if odd > 0 {
        tell(&format!(
            "note: {odd} valid ids look like formulas and stand as they are, so that they can be read again; import the id column as text"
        ));
    }
    put_page(&told(
        &out,
        written,
        rows.duplicates,
        rows.soft_deleted.len(),
    ))?;
    if written[1].rows > 0 {
        tell(&next(
            ledger,
            &out.path(Kind::Failed),
            &state.header.options,
        ));
    }
    Ok(ExitCode::Success)
}

/// Where the input of a ledger lies.
fn path_of(ledger: &Path, input: &PlannedInput) -> PathBuf {
    let kept = PathBuf::from(&input.path);
    // A folder may have been moved as a whole: then the input lies beside its ledger.
    let beside = ledger
        .parent()
        .zip(kept.file_name())
        .map(|(folder, name)| folder.join(name));
    match beside {
        Some(beside) if !kept.exists() && beside.exists() => beside,
        _ => kept,
    }
}

fn is_unchanged(path: &Path, input: &PlannedInput) -> bool {
    let found = fingerprint(path);
    found.is_ok_and(|found| (found.size, &found.sha256) == (input.size, &input.sha256))
}

/// How the input is read, with the columns that `options` name.
fn read_options(input: &PlannedInput, options: &RunOptions) -> ReadOptions {
    ReadOptions {
        format: input.format.parse().ok(),
        delimiter: input.delimiter,
        columns: input::Columns {
            id: options.id_column.clone(),
            account: options.account_column.clone(),
            action: options.action_column.clone(),
            reference: options.ref_column.clone(),
        },
    }
}

/// Whether every account has a provider whose ids are digits.
fn ids_are_digits(state: &LedgerState) -> bool {
    let counts = state.account_counts();
    let accounts = state.accounts();
    let mut with_rows = accounts
        .iter()
        .filter(|(name, _)| counts.contains_key(*name));
    with_rows.all(|(_, account)| match account.provider {
        ProviderKind::Zendesk | ProviderKind::Zoho => true,
        ProviderKind::Sunco => false,
    })
}

/// What was written.
fn told(out: &Out, written: [Finished; 3], duplicates: u64, soft_deleted: u64) -> String {
    let mut text = String::new();
    for (kind, finished) in Kind::ALL.into_iter().zip(written) {
        let path = out.path(kind);
        let noun = if finished.rows == 1 { "row" } else { "rows" };
        let also = match (kind, duplicates) {
            (Kind::Unprocessed, 1) => " (1 of them a duplicate)".to_owned(),
            (Kind::Unprocessed, 2..) => format!(" ({duplicates} of them duplicates)"),
            (Kind::Deleted | Kind::Failed | Kind::Unprocessed, _) => String::new(),
        };
        let begun = match (kind, soft_deleted) {
            (Kind::Unprocessed, 1..) => format!(" ({soft_deleted} soft-deleted so far)"),
            (Kind::Deleted | Kind::Failed | Kind::Unprocessed, _) => String::new(),
        };
        // Writing to a string cannot fail; so below.
        let _ = writeln!(
            text,
            "{}: {} {noun}{also}{begun}",
            path.display(),
            finished.rows
        );
    }
    text
}

/// The command that tries the failed rows again, with what the run was told of its rows.
fn next(ledger: &Path, failed: &Path, options: &RunOptions) -> String {
    let mut command = format!(
        "\nOnce they are mended: userpurge run {} --done-in {}",
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

/// The rows of the input with what the ledger says of them.
struct Rows<'a> {
    ledger: &'a Path,
    state: &'a LedgerState,
    /// The input; `None`: it is not what it was.
    table: Option<Table>,
    outcomes: Outcomes,
    ids_are_digits: bool,
    /// The pending rows whose user is soft-deleted.
    soft_deleted: RoaringTreemap,
    duplicates: u64,
}

/// The files that rows go to, in the order of [`Kind::ALL`].
type Sheets<'f> = [Sheet<BufWriter<&'f File>>; Kind::ALL.len()];

impl Rows<'_> {
    /// Puts every row into its file.
    fn write(
        &mut self,
        files: [&File; Kind::ALL.len()],
        out: &Out,
    ) -> Result<[Finished; 3], Failure> {
        let (names, id, read) = match &self.table {
            Some(table) => (
                table.columns().to_vec(),
                table.id_place(),
                table.field_places(),
            ),
            None => (
                LEDGER_COLUMNS.map(str::to_owned).to_vec(),
                Some(0),
                (0..LEDGER_COLUMNS.len()).collect(),
            ),
        };
        let columns = Columns {
            names: &names,
            id,
            read: &read,
        };
        let [deleted, failed, unprocessed] =
            files.map(|file| Sheet::new(BufWriter::new(file), columns));
        let failure = |kind| move |error| out.failure(kind, &error);
        let mut sheets = [
            deleted.map_err(failure(Kind::Deleted))?,
            failed.map_err(failure(Kind::Failed))?,
            unprocessed.map_err(failure(Kind::Unprocessed))?,
        ];
        self.fill(&mut sheets, out)?;
        let [deleted, failed, unprocessed] = sheets.map(Sheet::finish);
        Ok([
            deleted.map_err(failure(Kind::Deleted))?,
            failed.map_err(failure(Kind::Failed))?,
            unprocessed.map_err(failure(Kind::Unprocessed))?,
        ])
    }

    fn fill(&mut self, sheets: &mut Sheets<'_>, out: &Out) -> Result<(), Failure> {
        let mut count = 0;
        if let Some(mut table) = self.table.take() {
            while let Some(position) = table.advance().map_err(Failure::refused)? {
                count += 1;
                self.put(position, &table.cells(), sheets, out)?;
            }
        } else {
            let mut reader = LedgerReader::open(self.ledger)?;
            // Bounded by the lines of the plan.
            while let Some(entry) = reader.next_entry()? {
                if matches!(entry, Entry::Planned(_)) {
                    break;
                }
                for (position, cells) in self.kept(&entry) {
                    count += 1;
                    self.put(position, &cells, sheets, out)?;
                }
            }
        }
        let rows = self.state.counts().total();
        if count == rows {
            return Ok(());
        }
        let what = format!("its input had {rows} rows and now reads as {count}");
        Err(Failure::foreign(self.ledger, &what, None))
    }

    /// The rows of an entry of the plan, unless a later one replaces it, with the cells of
    /// [`LEDGER_COLUMNS`].
    fn kept(&self, entry: &Entry) -> Vec<(Position, [Vec<u8>; LEDGER_COLUMNS.len()])> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        match entry {
            Entry::Plan(block) => {
                let cells = |row: &PlannedRow| {
                    let cells = [
                        bytes(row.id.as_str()),
                        bytes(block.account.as_str()),
                        bytes(block.action.name()),
                        bytes(row.reference.as_deref().unwrap_or_default()),
                    ];
                    (row.position, cells)
                };
                let rows = block.rows.iter();
                let rows = rows.filter(|row| self.state.is_planned(row.position.row));
                rows.map(cells).collect()
            }
            Entry::Unsent(block) => {
                let account = block.account.as_ref().map_or("", |it| it.as_str());
                let action = block.action.map_or("", Action::name);
                let rows = block.rows.iter();
                let rows = rows.filter(|it| self.state.ended_as(it.row, block.outcome));
                let cells = [Vec::new(), bytes(account), bytes(action), Vec::new()];
                rows.map(|position| (*position, cells.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Puts a row into its file.
    fn put(
        &mut self,
        position: Position,
        cells: &[Vec<u8>],
        sheets: &mut Sheets<'_>,
        out: &Out,
    ) -> Result<(), Failure> {
        let entry = self.outcomes.get(position.row)?;
        let outcome = entry.as_ref().map(|entry| entry.outcome);
        self.duplicates += u64::from(outcome == Some(Outcome::Duplicate));
        let end = match &entry {
            Some(entry) => End::of(entry),
            None => self.pending(position.row, position.line),
        };
        let kind = Kind::of(outcome);
        let id = self.id(entry.as_ref());
        sheets[kind as usize]
            .row(cells, id, end)
            .map_err(|error| out.failure(kind, &error))
    }

    fn pending(&self, row: u64, line: u64) -> End<'static> {
        let doubtful = self.state.is_in_doubt(row);
        let (code, message) = match (doubtful, self.soft_deleted.contains(row)) {
            (false, false) => (None, None),
            (false, true) => (
                Some("soft_deleted"),
                Some(
                    "soft-deleted so far; the permanent deletion is still to come: `userpurge resume`",
                ),
            ),
            (true, false) => (
                Some("in_doubt"),
                Some(
                    "a request left and its answer is not recorded; `userpurge resume` settles it",
                ),
            ),
            (true, true) => (
                Some("in_doubt"),
                Some(
                    "soft-deleted so far; the permanent deletion left and its answer is not recorded: `userpurge resume` settles it",
                ),
            ),
        };
        End {
            outcome: "pending",
            code,
            message,
            line,
        }
    }

    /// A row that is invalid has no id, unless the ledger has it. One that is pending may have any that
    /// its provider can have.
    fn id(&self, entry: Option<&OutcomeEntry>) -> Id {
        let is_one = match entry {
            Some(entry) => entry.id.is_some() || entry.outcome != Outcome::Invalid,
            None => !self.ids_are_digits,
        };
        if is_one { Id::Kept } else { Id::Broken }
    }
}

/// The folder that the files go to.
struct Out(PathBuf);

impl Out {
    /// Makes the folder if it is not there. Refuses one where a file of the report would take the
    /// place of something that this run or another is bound to.
    fn create(folder: &Path, bound: &[&Path], options: &RunOptions) -> Result<Self, Failure> {
        let out = Self(folder.to_owned());
        fs::create_dir_all(folder).map_err(|error| {
            let text = format!("could not make the folder `{}`: {error}", folder.display());
            Failure::message(ExitCode::Refused, text, Some("name another with `--out`"))
        })?;
        for kind in Kind::ALL {
            check_free(
                &out.path(kind),
                bound,
                options,
                "name another folder with `--out`",
            )?;
        }
        Ok(out)
    }

    fn path(&self, kind: Kind) -> PathBuf {
        self.0.join(kind.file_name())
    }

    /// Writes all files, each whole or not at all. None takes its place before all are written.
    fn write(&self, rows: &mut Rows<'_>) -> Result<[Finished; 3], Failure> {
        self.file(Kind::Deleted, |deleted| {
            self.file(Kind::Failed, |failed| {
                self.file(Kind::Unprocessed, |unprocessed| {
                    rows.write([deleted, failed, unprocessed], self)
                })
            })
        })
    }

    fn file<T>(
        &self,
        kind: Kind,
        write: impl FnOnce(&File) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        place::file(&self.path(kind), write)
    }

    fn failure(&self, kind: Kind, error: &io::Error) -> Failure {
        place::failure(&self.path(kind), error)
    }
}
