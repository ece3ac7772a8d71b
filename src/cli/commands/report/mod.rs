//! `report`: the account of a run for people who were not there, or the admin's own rows back ([`rows`]).
//! The file is there whole or not at all, and never in the place of something that a run is bound to.

mod rows;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::files::write_whole;
use crate::cli::ledgers::{self, check_head};
use crate::cli::planning::DASH;
use crate::cli::terminal::{put, tell};
use crate::cli::{CliError, ExitCode};
use crate::domain::{RunOptions, Time};
use crate::ledger::{LEDGER_SUFFIX, is_locked};
use crate::report::{Report, html, md};

/// How many ledgers make one report at most.
const LEDGERS_MAX: usize = 200;

/// Writes the report.
pub(in crate::cli) fn execute(args: &ReportArgs) -> Result<ExitCode, CliError> {
    // Without `--out` clap asks for it where the format is csv, or references are wanted.
    let folder = args.out.as_deref();
    if folder.is_some() && args.format != ReportFormat::Csv {
        let what =
            "`--out` is for `--format csv`, which writes several files; name the file with `-o`";
        return Err(CliError::message(ExitCode::Refused, what, None));
    }
    let ledgers = match &args.ledgers[..] {
        [] => vec![ledgers::named(None)?],
        named => distinct(named)?,
    };
    // Found out before it is read, so that a run which ends in between is not called interrupted.
    let locked = |ledger: PathBuf| is_locked(&ledger).map(|locked| (ledger, locked));
    let ledgers = ledgers.into_iter().map(locked);
    let ledgers = ledgers.collect::<Result<Vec<_>, _>>()?;
    match folder {
        Some(folder) if args.by.is_some() => rows::write_by_ref(args, &ledgers, folder)?,
        Some(folder) => rows::write_all(args, &ledgers, folder)?,
        None => write_document(args, &ledgers)?,
    }
    Ok(ExitCode::Success)
}

/// The ledgers that were named, each once.
fn distinct(named: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut ledgers: Vec<PathBuf> = Vec::new();
    for name in named {
        let ledger = ledgers::named(Some(name))?;
        let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        if ledgers.iter().all(|it| real(it) != real(&ledger)) {
            ledgers.push(ledger);
        }
    }
    if ledgers.len() > LEDGERS_MAX {
        let text = format!("a report is of at most {LEDGERS_MAX} ledgers");
        return Err(CliError::refuse(text, "name fewer of them"));
    }
    Ok(ledgers)
}

/// Writes one document, to a file or to standard output.
fn write_document(args: &ReportArgs, ledgers: &[(PathBuf, bool)]) -> Result<(), CliError> {
    let report = Report::read_all(ledgers, Time::now())?;
    let runs = match &report.runs[..] {
        [] => std::slice::from_ref(&report),
        runs => runs,
    };
    for (run, (ledger, _)) in runs.iter().zip(ledgers) {
        check_head(ledger, run.summary.head, args.head)?;
    }
    let text = match args.format {
        ReportFormat::Html => html::render(&report),
        ReportFormat::Md => md::render(&report),
        ReportFormat::Json | ReportFormat::Csv => report.to_json()?,
    };
    let target = match &args.output {
        Some(path) if path == Path::new(DASH) => None,
        // Nobody reads a page on a terminal.
        None => (args.format == ReportFormat::Html).then(|| page_of(ledgers)),
        named => named.clone(),
    };
    match target {
        None => put(&text)?,
        Some(path) => {
            // A device or a pipe would be replaced by a file, and a link would not be followed.
            if fs::symlink_metadata(&path).is_ok_and(|it| !it.is_file()) {
                let text = format!("`{}` is no plain file; nothing was written", path.display());
                let help = "name the file itself with `-o`, or standard output with `-o -`";
                return Err(CliError::refuse(text, help));
            }
            let help = "name another file with `-o`";
            for (run, (ledger, _)) in runs.iter().zip(ledgers) {
                let bound = [Path::new(&run.input.file.path), ledger];
                check_free(&path, &bound, &run.options, help)?;
            }
            write_file(&path, |file| {
                let written = file.as_file().write_all(text.as_bytes());
                written.map_err(|error| not_written(&path, &error))
            })?;
            put(&path.display().to_string())?;
        }
    }
    if ledgers.iter().any(|(_, is_locked)| *is_locked) {
        tell("note: the run is at work; what it has not recorded yet is not in the report");
    }
    Ok(())
}

/// `users.csv.report.html` for `users.csv.ledger.jsonl`; of several ledgers beside the first.
fn page_of(ledgers: &[(PathBuf, bool)]) -> PathBuf {
    let (ledger, _) = &ledgers[0];
    let more = match ledgers.len() - 1 {
        0 => String::new(),
        more => format!(".and-{more}-more"),
    };
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(LEDGER_SUFFIX).unwrap_or(&name);
    ledger.with_file_name(format!("{stem}{more}.report.html"))
}

/// Refuses a `path` where a report would take the place of something. That is a thing that this run
/// (`bound` and the files of its `options`) or another is bound to.
fn check_free(
    path: &Path,
    bound: &[&Path],
    options: &RunOptions,
    help: &str,
) -> Result<(), CliError> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_bound = |it: &Path| real(it).is_some_and(|it| Some(it) == real(path));
    let mut named = options.config.iter().chain(&options.protect);
    let mut ledger = path.to_owned().into_os_string();
    ledger.push(LEDGER_SUFFIX);
    let what = if bound.iter().any(|it| is_bound(it)) {
        "is the input of this run, or its ledger"
    } else if named.any(|it| is_bound(Path::new(it))) {
        "is the configuration of this run, or its protect list"
    } else if path.exists() && path.to_string_lossy().ends_with(LEDGER_SUFFIX) {
        "is a ledger"
    } else if Path::new(&ledger).exists() {
        "is the input of a run whose ledger lies beside it"
    } else {
        return Ok(());
    };
    let text = format!(
        "`{}` {what}, and would be replaced; nothing was written",
        path.display()
    );
    Err(CliError::refuse(text, help))
}

/// Writes one file, which only its owner may read: it may hold more of people than their ids.
fn write_file<T>(
    path: &Path,
    write: impl FnOnce(&NamedTempFile) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let failed = |error| not_written(path, &error);
    write_whole(path, true, failed, write)
}

/// `path` cannot be written.
fn not_written(path: &Path, error: &io::Error) -> CliError {
    let text = format!("could not write `{}`: {error}", path.display());
    CliError::refuse(text, "name another place with `-o` or `--out`")
}
