//! What `growth.sh` has measured of `run` and of the bare loop beside it, for the chart.

use std::fs;
use std::io;
use std::path::Path;

/// One program over one file.
#[derive(Debug)]
pub(crate) struct Grown {
    /// `run` or `bare`.
    pub(crate) who: String,
    pub(crate) rows: f64,
    pub(crate) secs: f64,
    pub(crate) resident_bytes: f64,
}

/// All that stands at `path`; nothing, if there is no such file: nginx may not be installed.
///
/// # Errors
///
/// It cannot be read, or is none of `growth.sh`'s.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Grown>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let strange = |line| io::Error::other(format!("no line of growth.sh's: `{line}`"));
    let line = |line| grown(line).ok_or_else(|| strange(line));
    text.lines().map(line).collect()
}

fn grown(line: &str) -> Option<Grown> {
    let mut cells = line.split('\t');
    let who = cells.next()?.to_owned();
    let mut number = || cells.next()?.parse::<f64>().ok();
    Some(Grown {
        who,
        rows: number()?,
        secs: number()? / 1e6,
        resident_bytes: number()?,
    })
}
