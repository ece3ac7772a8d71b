//! The rows of a file with the ids of their users: what `lookup` writes, row by row, and goes on with.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use csv::WriterBuilder;

use crate::domain::{AccountName, Counted, UserId};

/// The columns before the input's own. `plan` reads the first two.
const ADDED: &str = "id,account,found,";

/// How many users a row may have: how the cells before its own end.
const FOUND: [&str; 3] = [",one,", ",none,", ",several,"];

/// Such a file.
#[derive(Debug)]
pub struct FoundFile {
    path: PathBuf,
    header: Vec<u8>,
    /// The output of an earlier call, as far as it was not read; `None`: no more of it counts.
    earlier: Option<BufReader<File>>,
    /// How many bytes of it are lines of this input.
    whole: u64,
    is_other: bool,
    /// `None`: it was not begun.
    file: Option<File>,
    /// How many rows have one user, none, and several.
    pub rows: [u64; 3],
}

impl FoundFile {
    /// The file at `path` for an input of these columns, as an earlier call left it. Nothing is written yet.
    pub fn open(path: &Path, columns: &[String]) -> io::Result<Self> {
        // Asked before opening: to open a pipe that nobody writes to would wait for ever.
        let is_file = path.try_exists()?.then(|| path.is_file());
        let earlier = (is_file == Some(true)).then(|| File::open(path));
        let earlier = earlier.transpose()?.map(BufReader::new);
        let own = line(columns)?;
        let mut found = Self {
            path: path.to_owned(),
            header: [ADDED.as_bytes(), &own].concat(),
            earlier,
            whole: 0,
            is_other: is_file == Some(false),
            file: None,
            rows: [0; 3],
        };
        found.reads(&own, &[ADDED])?;
        Ok(found)
    }

    /// Whether an earlier call wrote the row of these cells, which is the next, for the same account.
    pub fn holds(&mut self, account: &AccountName, cells: &[Vec<u8>]) -> io::Result<bool> {
        let fronts = FOUND.map(|found| format!(",{account}{found}"));
        let kind = self.reads(&line(cells)?, &fronts)?;
        Ok(kind.map(|kind| self.rows[kind] += 1).is_some())
    }

    /// Which of `fronts` ends the cells before `own`, if that is the next line. One that a crash cut does
    /// not count, nor what is behind it.
    fn reads(&mut self, own: &[u8], fronts: &[impl AsRef<[u8]>]) -> io::Result<Option<usize>> {
        let Some(earlier) = &mut self.earlier else {
            return Ok(None);
        };
        let (mut front, mut rest) = (Vec::new(), Vec::new());
        let (mut commas, mut quotes) = (0, 0);
        while commas < ADDED.matches(',').count() {
            let from = front.len();
            if earlier.read_until(b',', &mut front)? == 0 {
                break;
            }
            // Between quotes a comma stands in an id.
            quotes += memchr::memchr_iter(b'"', &front[from..]).count();
            commas += usize::from(quotes.is_multiple_of(2));
        }
        earlier.take(own.len() as u64).read_to_end(&mut rest)?;
        let mut fronts = fronts.iter();
        let kind = fronts.position(|it| front.ends_with(it.as_ref()));
        let kind = kind.filter(|_| rest == own);
        if kind.is_some() {
            self.whole += (front.len() + rest.len()) as u64;
        } else {
            let is_cut = rest.len() < own.len() && own.starts_with(&rest);
            let is_begun = self.whole > 0 || self.header.starts_with(&front);
            self.is_other = !is_cut || !is_begun || front.contains(&b'\n');
            self.earlier = None;
        }
        Ok(kind)
    }

    /// Whether the file holds anything but the lines that it was asked for.
    pub fn is_other(&mut self) -> io::Result<bool> {
        let more = self.earlier.as_mut().map(BufReader::fill_buf);
        let is_more = more.transpose()?.is_some_and(|more| !more.is_empty());
        Ok(self.is_other || is_more)
    }

    /// Readies the file, for its owner alone, for the rows that it does not hold.
    pub fn begin(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let mut file = options.open(&self.path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(self.whole)?;
        if self.whole == 0 {
            file.write_all(&self.header)?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Adds a row whose user has `account` and is one of `users`. Only where there is one, it has an id.
    pub fn add(
        &mut self,
        account: &AccountName,
        users: &BTreeSet<UserId>,
        cells: &[Vec<u8>],
    ) -> io::Result<Counted> {
        let only = users.first().filter(|_| users.len() == 1);
        let kind = [1, 0, 2][users.len().min(2)];
        let id = only.map_or("", UserId::as_str);
        let mut front = line([id, account.as_str()])?;
        front.pop();
        let row = [&front, FOUND[kind].as_bytes(), &line(cells)?].concat();
        let file = self.file.as_mut();
        file.map_or(Ok(()), |file| file.write_all(&row))?;
        self.rows[kind] += 1;
        Ok([Counted::Good, Counted::Bad, Counted::Bad][kind])
    }

    /// Makes sure that all rows survive a power cut.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// A line of these cells.
fn line(cells: impl IntoIterator<Item: AsRef<[u8]>>) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}
