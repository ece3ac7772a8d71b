//! `latest` in the place of a ledger: the newest one in a folder.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use uuid::Uuid;

use super::exit::ExitCode;
use super::failure::Failure;
use super::setup;
use super::terminal::tell;

/// What ledgers' names end in.
pub const LEDGER_SUFFIX: &str = ".ledger.jsonl";

/// The word that stands for the newest ledger.
pub const LATEST: &str = "latest";

/// The most files of a folder looked at.
const FILES_MAX: usize = 100_000;

/// The longest first line read, in bytes: a header with many accounts and rows.
const HEADER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The ledger that `given` names here, as short as a person would type it: see [`resolve`]. Left out, it
/// is the newest one, whose name is said first.
///
/// # Errors
///
/// As there, and when it is a folder.
pub(super) fn named(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = setup::folder()?;
    let path = resolve(given.unwrap_or(Path::new(LATEST)), &folder)?;
    if path.is_dir() {
        let message = format!(
            "`{}` is a folder, not a ledger",
            given.unwrap_or(&path).display()
        );
        let help = format!("name the file in it that ends in `{LEDGER_SUFFIX}`");
        return Err(Failure::message(ExitCode::Refused, message, Some(&help)));
    }
    let short = path.strip_prefix(&folder).unwrap_or(&path);
    if given.is_none() {
        tell(&format!("ledger {}", short.display()));
    }
    Ok(short.to_owned())
}

/// The ledger that `given` names: itself, or the newest in `folder` for [`LATEST`]. A file that is
/// called so has to be written `./latest`.
///
/// # Errors
///
/// There is no ledger in `folder`, or it cannot be listed.
pub fn resolve(given: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    if given != Path::new(LATEST) {
        return Ok(folder.join(given));
    }
    let newest = newest(folder).map_err(|error| {
        let message = format!("cannot look for ledgers in `{}`: {error}", folder.display());
        Failure::message(ExitCode::Refused, message, Some("name the ledger itself"))
    })?;
    newest.ok_or_else(|| {
        let message = format!("there is no `*{LEDGER_SUFFIX}` in `{}`", folder.display());
        Failure::message(ExitCode::Refused, message, Some("name the ledger itself"))
    })
}

/// The ledger whose run began last; of two, the one whose name sorts last.
fn newest(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest: Option<(u64, PathBuf)> = None;
    for entry in fs::read_dir(folder)?.take(FILES_MAX) {
        let path = entry?.path();
        let named_so = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(LEDGER_SUFFIX));
        if !named_so || !path.is_file() {
            continue;
        }
        let began = (began(&path), path);
        if newest.as_ref().is_none_or(|newest| began > *newest) {
            newest = Some(began);
        }
    }
    Ok(newest.map(|(_, path)| path))
}

/// When the ledger's run began, in milliseconds since the Unix epoch: as its run id says, which is
/// a UUID of version 7; of a damaged ledger, when the file was last written, so that `latest` does
/// not pass over it in silence.
fn began(path: &Path) -> u64 {
    run_id(path)
        .and_then(|id| id.get_timestamp())
        .map(|at| {
            let (secs, nanos) = at.to_unix();
            secs.saturating_mul(1000) + u64::from(nanos / 1_000_000)
        })
        .or_else(|| written(path))
        .unwrap_or(0)
}

fn run_id(path: &Path) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Header {
        run_id: Uuid,
    }

    let mut line = String::new();
    BufReader::new(File::open(path).ok()?.take(HEADER_BYTES_MAX))
        .read_line(&mut line)
        .ok()?;
    serde_json::from_str::<Header>(&line)
        .ok()
        .map(|header| header.run_id)
}

fn written(path: &Path) -> Option<u64> {
    let modified = fs::metadata(path).and_then(|data| data.modified()).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::resolve;

    /// A ledger of a run that began `secs` after 2026-01-01, last written at the epoch.
    fn ledger(folder: &Path, name: &str, secs: u64) {
        let at = uuid::Timestamp::from_unix(uuid::NoContext, 1_767_225_600 + secs, 0);
        let id = uuid::Uuid::new_v7(at);
        let mut file = File::create(folder.join(name)).unwrap();
        writeln!(
            file,
            "{{\"kind\":\"run\",\"run_id\":\"{id}\",\"format\":1}}"
        )
        .unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
    }

    #[test]
    fn latest_is_the_ledger_whose_run_began_last() {
        let folder = tempfile::tempdir().unwrap();
        ledger(folder.path(), "b.csv.ledger.jsonl", 10);
        ledger(folder.path(), "a.csv.ledger.jsonl", 20);
        ledger(folder.path(), "z.csv.ledger.jsonl", 5);
        ledger(folder.path(), "notes.jsonl", 99);
        std::fs::create_dir(folder.path().join("folder.ledger.jsonl")).unwrap();
        let found = resolve(Path::new("latest"), folder.path()).unwrap();
        assert_eq!(found, folder.path().join("a.csv.ledger.jsonl"));
    }

    #[test]
    fn a_damaged_ledger_counts_by_when_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        ledger(folder.path(), "a.csv.ledger.jsonl", 10);
        let damaged = folder.path().join("b.csv.ledger.jsonl");
        let mut file = File::create(&damaged).unwrap();
        file.write_all(b"{\"kind\":\"ru").unwrap();
        let late = UNIX_EPOCH + Duration::from_secs(1_767_225_600 + 11);
        file.set_modified(late).unwrap();
        assert_eq!(
            resolve(Path::new("latest"), folder.path()).unwrap(),
            damaged
        );
    }

    #[test]
    fn a_path_is_itself_and_an_empty_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let named = resolve(Path::new("x.ledger.jsonl"), folder.path()).unwrap();
        assert_eq!(named, folder.path().join("x.ledger.jsonl"));
        let mut told = Vec::new();
        resolve(Path::new("latest"), folder.path())
            .unwrap_err()
            .print(&mut told, None)
            .unwrap();
        assert!(
            String::from_utf8(told)
                .unwrap()
                .contains("there is no `*.ledger.jsonl`")
        );
    }
}
