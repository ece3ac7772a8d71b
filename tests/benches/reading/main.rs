//! How fast and how small the program reads: `plan` over files of 10³ to 10⁷ rows beside the barest
//! loops over the same files, `status` and `resume` over ledgers. `make bench` runs it.
//!
//! It prints two tables of medians and draws `fixtures/bench/growth.svg`, with what `growth.sh` has
//! measured before in it. Files lie in a folder of their own under the system's for temporary files,
//! one at a time: 1 GB at most by default.
//!
//! `USERPURGE` is the program that is measured (the one that the tests are built with), `READING_ROWS`
//! the most rows of a file (10,000,000), `READING_LEDGER_ROWS` of a ledger (1,000,000), `READING_ONLY`
//! the names of the files that are read (all), `READING_ROUNDS` how often each is measured (5),
//! `READING_CHART` where the picture goes. Called with `make KIND ROWS PATH` it
//! makes one of its files and stops, with `bare-csv|bare-json|bare-value PATH` it reads one; any other
//! words are refused, since what takes half an hour is to be asked for plainly.

mod bare;
mod chart;
mod files;
mod grown;
mod measure;
mod provider;
mod table;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use files::Kind;
use measure::{Took, median, run};
use provider::Provider;
use tokio::time::Instant;

/// The program that is measured: `USERPURGE`, or else the one that the tests are built with.
fn program() -> PathBuf {
    let own = || env!("CARGO_BIN_EXE_userpurge").into();
    std::env::var_os("USERPURGE").map_or_else(own, PathBuf::from)
}

/// What reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// This program, in the mode of that name: a bare loop.
    Bare(&'static str),
    /// `plan`, which keeps nothing.
    Plan,
    /// `plan -o`, which writes every row down and takes the fingerprint.
    Save,
    Status,
    /// `resume`, up to the first request that deletes.
    Resume,
}

impl Reader {
    /// Who reads files of `kind`, what is held against the others first.
    const fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Numbers | Kind::Texts => &[Self::Bare("bare-csv"), Self::Plan, Self::Save],
            Kind::Json => &[
                Self::Bare("bare-json"),
                Self::Bare("bare-value"),
                Self::Plan,
                Self::Save,
            ],
            Kind::Ledger => &[Self::Status],
            Kind::Unfinished => &[Self::Resume],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bare("bare-csv") => "bare loop over `csv::ByteRecord`",
            Self::Bare("bare-json") => "bare loop, serde_json to a borrowed struct",
            Self::Bare(_) => "bare loop, serde_json to a `Value`",
            Self::Plan => "`userpurge plan`",
            Self::Save => "`userpurge plan -o`",
            Self::Status => "`userpurge status`",
            Self::Resume => "`userpurge resume`, until it sends",
        }
    }

    fn read(self, folder: &Path, path: &Path, provider: &Provider) -> io::Result<Took> {
        let own = std::env::current_exe()?;
        let file = path.as_os_str();
        match self {
            Self::Bare(mode) => run(folder, &own, [mode.as_ref(), file]),
            Self::Plan => run(folder, &program(), ["plan".as_ref(), file]),
            Self::Save => {
                // The one of the last round: a plan takes nothing's place.
                let _ = std::fs::remove_file(folder.join("file.plan.json"));
                let output = "-ofile.plan.json".as_ref();
                run(folder, &program(), ["plan".as_ref(), file, output])
            }
            Self::Status => run(folder, &program(), ["status".as_ref(), file]),
            Self::Resume => resume(folder, path, provider),
        }
    }
}

/// Goes on with the ledger at `path`, and takes back what that appended. It ends with the first
/// request; what follows is another reading of the ledger, for the closing words.
fn resume(folder: &Path, path: &Path, provider: &Provider) -> io::Result<Took> {
    let bytes = path.metadata()?.len();
    let begun = Instant::now();
    let mut child = Command::new(program())
        .args(["resume", "--progress=none", "--config=resume.toml"])
        .arg(path)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    provider.watch(child.id());
    let status = child.wait()?;
    File::options().write(true).open(path)?.set_len(bytes)?;
    let first = provider.first_deletion().filter(|_| status.success());
    let first = first.ok_or_else(|| io::Error::other(format!("resume ended with {status}")))?;
    Ok(Took {
        secs: (first.at - begun).as_secs_f64(),
        resident_bytes: first.resident_bytes,
    })
}

/// What one reader took for one file.
#[derive(Debug, Clone, Copy)]
struct Measured {
    kind: Kind,
    reader: Reader,
    rows: u64,
    /// The size of the file.
    bytes: u64,
    took: Took,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo adds `--bench`, behind what was typed.
    let words = arguments.iter().map(String::as_str);
    let words: Vec<&str> = words.filter(|word| *word != "--bench").collect();
    match carry_out(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(words: &[&str]) -> io::Result<()> {
    match *words {
        [] => measure_all(),
        ["bare-csv", path] => bare::csv(path.as_ref()).map(drop),
        ["bare-json", path] => bare::json(path.as_ref()).map(drop),
        ["bare-value", path] => bare::json_value(path.as_ref()).map(drop),
        ["make", kind, rows, path] => {
            let kinds = || Kind::ALL.map(Kind::name).join(", ");
            let kind = Kind::ALL.into_iter().find(|it| it.name() == kind);
            let kind = kind
                .ok_or_else(|| io::Error::other(format!("no such KIND; there are {}", kinds())))?;
            let rows = rows
                .parse()
                .map_err(|_| io::Error::other(format!("ROWS is no number: `{rows}`")))?;
            kind.make(rows, path.as_ref(), "127.0.0.1")
        }
        _ => Err(io::Error::other(
            "usage: reading [make KIND ROWS PATH | bare-csv PATH | bare-json PATH | bare-value PATH]; \
             without words it measures all",
        )),
    }
}

fn measure_all() -> io::Result<()> {
    let rows_max = setting("READING_ROWS", 10_000_000)?;
    let ledger_rows_max = setting("READING_LEDGER_ROWS", 1_000_000)?.min(rows_max);
    let rounds = setting("READING_ROUNDS", 5)?;
    let folder = tempfile::tempdir()?;
    let provider = Provider::start()?;
    for (name, text) in [
        ("userpurge.toml", files::CONFIGURATION),
        ("resume.toml", &provider.configuration()),
    ] {
        File::create(folder.path().join(name))?.write_all(text.as_bytes())?;
    }
    let mut all = Vec::new();
    let only = std::env::var("READING_ONLY").unwrap_or_default();
    let is_wanted = |kind: &Kind| only.is_empty() || only.split(' ').any(|it| it == kind.name());
    for kind in Kind::ALL.into_iter().filter(is_wanted) {
        let most = if matches!(kind, Kind::Ledger | Kind::Unfinished) {
            ledger_rows_max
        } else {
            rows_max
        };
        let sizes = std::iter::successors(Some(1_000), |rows| Some(rows * 10));
        for rows in sizes.take_while(|rows| *rows <= most) {
            all.extend(measure_one(folder.path(), kind, rows, rounds, &provider)?);
        }
    }
    table::print(&all);
    let chart = std::env::var_os("READING_CHART").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bench/growth.svg"),
        PathBuf::from,
    );
    let bench = std::env::var_os("BENCH_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench"),
        PathBuf::from,
    );
    chart::draw(&all, &grown::read(&bench.join("growth.tsv"))?, &chart)
}

/// Every reader of `kind` over one file in turn, so often, and the medians.
fn measure_one(
    folder: &Path,
    kind: Kind,
    rows: u64,
    rounds: u64,
    provider: &Provider,
) -> io::Result<Vec<Measured>> {
    let file = folder.join(kind.name());
    kind.make(rows, &file, &provider.tenant())?;
    let readers = Reader::of(kind);
    let mut took = vec![Vec::new(); readers.len()];
    for round in 0..=rounds {
        for (reader, took) in readers.iter().zip(&mut took) {
            let one = reader.read(folder, &file, provider)?;
            // The first round fills the system's cache.
            if round > 0 || rounds == 0 {
                took.push(one);
            }
        }
    }
    let bytes = file.metadata()?.len();
    if let Some(input) = kind.input(&file) {
        std::fs::remove_file(input)?;
    }
    std::fs::remove_file(&file)?;
    let measured = readers.iter().zip(&took).map(|(reader, took)| Measured {
        kind,
        reader: *reader,
        rows,
        bytes,
        took: median(took),
    });
    Ok(measured.collect())
}

/// A number that the environment sets.
fn setting(name: &str, default: u64) -> io::Result<u64> {
    let number = |text: OsString| {
        let text = text.to_string_lossy().replace(['_', ','], "");
        text.parse()
            .map_err(|_| io::Error::other(format!("{name} is no number")))
    };
    std::env::var_os(name).map_or(Ok(default), number)
}
