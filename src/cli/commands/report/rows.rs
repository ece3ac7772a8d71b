//! `report --format csv`: the admin's own rows back, each with the ledger's last outcome of it. As long
//! as the input is what it was, all its columns come along; else there are those that the ledger has.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use super::{check_free, not_written, write_file};
use crate::cli::CliError;
use crate::cli::args::ReportArgs;
use crate::cli::ledgers::{check_head, unfinished};
use crate::cli::terminal::{put_page, tell};
use crate::domain::{Action, Counted, PlannedInput, RunOptions};
use crate::input::{Format, InputError, InputTable, ReadOptions, fingerprint};
use crate::ledger::{LEDGER_SUFFIX, LedgerState};
use crate::report::csv::file_of;
use crate::report::text::again;
use crate::report::{
    LEDGER_COLUMNS, RowsBack, counted_elsewhere, named_config, stand_ins, write_refs,
};
use crate::words;

/// The file that has a row for each reference.
const REFS: &str = "refs.csv";

/// Reads the ledgers that a report is of.
fn read(args: &ReportArgs, ledgers: &[(PathBuf, bool)]) -> Result<Vec<LedgerState>, CliError> {
    let read = |(ledger, _): &(PathBuf, bool)| {
        let state = LedgerState::read(ledger)?;
        check_head(ledger, state.head, args.head)?;
        Ok(state)
    };
    ledgers.iter().map(read).collect()
}

/// Writes the rows to three files in `folder`. Of several ledgers, it writes to a folder in it for
/// each, without the rows that another ledger has a later word on.
pub(super) fn write_all(
    args: &ReportArgs,
    ledgers: &[(PathBuf, bool)],
    folder: &Path,
) -> Result<(), CliError> {
    let states = read(args, ledgers)?;
    let all: Vec<_> = states.iter().collect();
    let elsewhere = counted_elsewhere(&stand_ins(&all)?, &all);
    let rows = states.into_iter().zip(elsewhere);
    for (number, ((ledger, is_locked), (state, elsewhere))) in (1..).zip(ledgers.iter().zip(rows)) {
        let name = ledger.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(LEDGER_SUFFIX).unwrap_or(&name);
        let own = match ledgers.len() {
            1 => folder.to_owned(),
            _ => folder.join(format!("{number}-{stem}")),
        };
        write(state, &elsewhere, &own, *is_locked)?;
    }
    Ok(())
}

/// Writes the rows of one ledger but those that count `elsewhere` to three files in `folder`.
fn write(
    mut state: LedgerState,
    elsewhere: &RoaringTreemap,
    folder: &Path,
    is_locked: bool,
) -> Result<(), CliError> {
    let ledger = &*state.path;
    let Some(planned) = &state.planned else {
        return Err(unfinished(ledger));
    };
    let options = &state.header.options;
    let input = path_of(ledger, &planned.input);
    make_folder(
        folder,
        &Counted::ALL.map(file_of),
        &[&input, ledger],
        options,
    )?;
    let table = open_input(&input, &planned.input, options)?;
    let has_columns = table.is_some();
    let keys_left_out = table.as_ref().is_some_and(InputTable::keys_left_out);
    let paths = Counted::ALL.map(|kind| folder.join(file_of(kind)));
    // None takes its place before all are written.
    let (written, summary) = write_file(&paths[0], |deleted| {
        write_file(&paths[1], |failed| {
            write_file(&paths[2], |unprocessed| {
                let files = [deleted, failed, unprocessed].map(|it| BufWriter::new(it.as_file()));
                put_rows(&state, elsewhere.clone(), table, files, folder)
            })
        })
    })?;
    if is_locked {
        tell("note: the run is at work; what it has not recorded yet stands in `unprocessed.csv`");
    }
    if keys_left_out {
        tell("note: the input has more keys than a table has columns; the last are left out");
    }
    let odd: u64 = written.iter().map(|(_, odd)| odd).sum();
    if odd > 0 {
        tell(&format!(
            "note: {odd} valid ids look like formulas and stand as they are, so that they can be read again; import the id column as text"
        ));
    }
    put_page(&summary)?;
    state.leave_out(elsewhere);
    tell_ways(&state, &paths[Counted::Bad.index()], has_columns);
    Ok(())
}

/// Puts every row into its file. Returns what [`RowsBack::finish`] does.
fn put_rows(
    state: &LedgerState,
    elsewhere: RoaringTreemap,
    table: Option<InputTable>,
    files: [BufWriter<&File>; Counted::ALL.len()],
    folder: &Path,
) -> Result<(Vec<(u64, u64)>, String), CliError> {
    let failed = |(kind, error): (Counted, _)| not_written(&folder.join(file_of(kind)), &error);
    let read = table.as_ref().map(InputTable::field_places);
    let columns = table.as_ref().zip(read.as_deref());
    let columns = columns.map(|(it, read)| (it.columns(), it.id_place(), read));
    let mut rows = RowsBack::new(state, elsewhere, files, columns)?.map_err(failed)?;
    if let Some(mut table) = table {
        while let Some(position) = table.advance()? {
            rows.put(position, &table.cells())?.map_err(failed)?;
        }
    } else {
        state.each_planned(|position, cells| {
            let cells = cells.map(|cell| cell.as_bytes().to_vec());
            rows.put(position, &cells)?.map_err(failed)
        })?;
    }
    let (count, all) = (rows.count(), state.counts().total());
    if count != all {
        let what = format!("its input had {all} rows and now reads as {count}");
        return Err(CliError::foreign(&state.path, &what, None));
    }
    rows.finish(folder).map_err(failed)
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

/// Opens the input at `path` as it was `planned`, read by the columns that `options` name. `None`:
/// it is not what it was, which is said.
fn open_input(
    path: &Path,
    planned: &PlannedInput,
    options: &RunOptions,
) -> Result<Option<InputTable>, CliError> {
    let found = fingerprint(path);
    if found.is_ok_and(|found| (found.size, &found.sha256) == (planned.size, &planned.sha256)) {
        let mut read = ReadOptions {
            format: Format::of_name(&planned.format),
            delimiter: planned.delimiter,
            ..ReadOptions::of(options)
        };
        let mut opened = InputTable::open(path, &read);
        if opened.as_ref().is_err_and(InputError::lacks_field) {
            // A provider file had named the column of the ids.
            read.columns.id = planned.columns.get("id").cloned();
            opened = InputTable::open(path, &read);
        }
        return Ok(Some(opened?));
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
    if folder.exists() && !folder.is_dir() {
        let text = format!(
            "`{}` is no folder, and csv is several files",
            folder.display()
        );
        return Err(CliError::refuse(text, "name a folder with `--out DIR`"));
    }
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

/// Tells the ways on for the rows of `failed`: they are tried again, or fixed and run with what the run was told of its
/// rows, and of their columns if the file has them.
fn tell_ways(state: &LedgerState, failed: &Path, has_columns: bool) {
    let (options, counts) = (&state.header.options, state.counts());
    let mut run = format!(
        "run {} --done-in {}{}",
        again(failed, named_config(options)),
        words::shell_path(&state.path),
        ["", " --protect-suspended"][usize::from(options.protect_suspended)]
    );
    for (option, value) in [
        ("--account", options.account.as_deref()),
        ("--action", options.action.map(Action::name)),
        ("--id-column", options.id_column.as_deref()),
        ("--account-column", options.account_column.as_deref()),
        ("--action-column", options.action_column.as_deref()),
        ("--ref-column", options.ref_column.as_deref()),
        ("--protect", options.protect.as_deref()),
    ] {
        if let Some(value) = value
            && (has_columns || !option.ends_with("-column"))
        {
            let _ = write!(run, " {option} {}", words::shell_word(value));
        }
    }
    let retry = format!("retry {}", again(&state.path, named_config(options)));
    let acted = format!("{retry} --only refused");
    let tried = counts.failed + counts.in_doubt;
    let wrong = counts.counted(Counted::Bad) - tried - counts.refused;
    let notes = [
        "try failed and in_doubt rows again as they are",
        "try refused rows again once somebody has acted on the reason",
        "fix what is wrong in that file first",
    ];
    let ways = notes.iter().zip([retry, acted, run]);
    for (rows, (note, command)) in [tried, counts.refused, wrong].into_iter().zip(ways) {
        if rows > 0 {
            tell(&format!("\nnote: {note}\nnext: userpurge {command}"));
        }
    }
}
