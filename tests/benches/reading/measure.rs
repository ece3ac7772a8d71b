//! Running a command and seeing what it took.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::time::Instant;

/// What one call of a command took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// From its start to its end, in seconds.
    pub(crate) secs: f64,
    /// The most memory it had resident, in bytes; `None`: GNU time is not here to ask.
    pub(crate) resident_bytes: Option<u64>,
}

/// Where Debian puts GNU time.
const TIME: &str = "/usr/bin/time";

/// Runs `program` with `arguments` in `folder` to its end, its standard output thrown away.
pub(crate) fn run<S: AsRef<OsStr>>(
    folder: &Path,
    program: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> io::Result<Took> {
    let kept = folder.join("time");
    let mut command = if Path::new(TIME).exists() {
        let mut command = Command::new(TIME);
        command.arg("-f%M").arg("-o").arg(&kept).arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status()?;
    let secs = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(io::Error::other(format!("{command:?} ended with {status}")));
    }
    let kilobytes = std::fs::read_to_string(kept).ok();
    let kilobytes: Option<u64> = kilobytes.and_then(|text| text.trim().parse().ok());
    Ok(Took {
        secs,
        resident_bytes: kilobytes.map(|it| it * 1024),
    })
}

/// The median of both figures.
pub(crate) fn median(all: &[Took]) -> Took {
    let mut secs: Vec<f64> = all.iter().map(|took| took.secs).collect();
    secs.sort_by(f64::total_cmp);
    let mut bytes: Vec<u64> = all.iter().filter_map(|took| took.resident_bytes).collect();
    bytes.sort_unstable();
    Took {
        secs: secs[secs.len() / 2],
        resident_bytes: bytes.get(bytes.len() / 2).copied(),
    }
}
