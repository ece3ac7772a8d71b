//! `report --format html|json|md`: one document, to a file or to standard output.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::execute::ledger_of;
use super::place::{check_free, failure, file};
use crate::cli::args::{ReportArgs, ReportFormat};
use crate::cli::latest::LEDGER_SUFFIX;
use crate::cli::terminal::{put, tell};
use crate::cli::{ExitCode, Failure, head};
use crate::domain::{RunOptions, WallClock};
use crate::report::{Lock, Report, html, md};

/// What a page's name ends in.
const PAGE_SUFFIX: &str = ".report.html";

/// What stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// What to do about a file that cannot be replaced.
const NAME_ANOTHER: &str = "name another file with `-o`";

/// Writes the document.
pub(super) fn execute(args: &ReportArgs) -> Result<ExitCode, Failure> {
    let (ledger, running) = ledger_of(args)?;
    let target = target(args, &ledger);
    let lock = if running { Lock::Held } else { Lock::Free };
    let report = Report::read(&ledger, lock, WallClock::system().now())?;
    head::check(&ledger, report.summary.head, args.head)?;
    let text = match args.format {
        ReportFormat::Html => html::render(&report),
        ReportFormat::Md => md::render(&report),
        ReportFormat::Json | ReportFormat::Csv => report
            .to_json()
            .map_err(|error| Failure::bug(&error.to_string()))?,
    };
    match target {
        None => put(&text)?,
        Some(path) => {
            let bound = [Path::new(&report.input.path), &ledger];
            write(&path, &bound, &report.options, &text)?;
            put(&path.display().to_string())?;
        }
    }
    if running {
        tell("note: the run is at work; what it has not recorded yet is not in the report");
    }
    Ok(ExitCode::Success)
}

/// The file that the document goes to; `None`: standard output. A page goes to a file, because
/// nobody reads one on a terminal.
fn target(args: &ReportArgs, ledger: &Path) -> Option<PathBuf> {
    match &args.output {
        Some(path) if path == Path::new(STANDARD_OUTPUT) => None,
        Some(path) => Some(path.clone()),
        None if args.format == ReportFormat::Html => Some(beside(ledger)),
        None => None,
    }
}

/// `users.csv.report.html` for `users.csv.ledger.jsonl`.
fn beside(ledger: &Path) -> PathBuf {
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(LEDGER_SUFFIX).unwrap_or(&name);
    ledger.with_file_name(format!("{stem}{PAGE_SUFFIX}"))
}

/// Writes `text` to `path`, which is not one of `bound` and not named in `options`.
fn write(path: &Path, bound: &[&Path], options: &RunOptions, text: &str) -> Result<(), Failure> {
    // A device or a pipe would be replaced by a file, and a link would not be followed.
    if fs::symlink_metadata(path).is_ok_and(|it| !it.is_file()) {
        let text = format!("`{}` is no plain file; nothing was written", path.display());
        let help = Some("name the file itself with `-o`, or standard output with `-o -`");
        return Err(Failure::message(ExitCode::Refused, text, help));
    }
    check_free(path, bound, options, NAME_ANOTHER)?;
    file(path, |mut file| {
        file.write_all(text.as_bytes())
            .map_err(|error| failure(path, &error))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::beside;

    #[rstest]
    #[case("users.csv.ledger.jsonl", "users.csv.report.html")]
    #[case("runs/a.ledger.jsonl", "runs/a.report.html")]
    #[case("/x/ledger", "/x/ledger.report.html")]
    fn a_page_lies_beside_its_ledger(#[case] ledger: &str, #[case] page: &str) {
        assert_eq!(beside(Path::new(ledger)), Path::new(page));
    }
}
