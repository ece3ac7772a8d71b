//! CSV and TSV, one record at a time.
//!
//! This drives csv-core, the parser inside the csv crate, for three things that `csv::Reader` above it cannot
//! do. One is to hold a record to a limit: a quote that is never closed would otherwise pull the rest of the
//! file into memory. Another is to say that a quote was never closed: the rows it swallowed must not vanish.
//! The third is to give the line a record begins on when blank lines or `\r\n` come before it.

use std::borrow::Cow;
use std::io;

use csv_core::ReadRecordResult;

use crate::domain::Record;

use super::decompress::Refused;
use super::lines::{LineCount, ROW_BYTES_MAX, Text, is_line_end, skip, too_long};
use super::mapping::{FIELDS, Places};
use super::row::{Field, Raw, RowProblem, RowReader, is_digits, is_exponent, text_of, trim_cell};

/// The most columns a record may have; the spreadsheets in use end at 16,384.
pub(super) const COLUMNS_MAX: usize = 16 * 1024;

/// Room for fields and their ends at first; it grows to the limits when a record needs it.
const FIELD_BYTES_FIRST: usize = 4 * 1024;
const COLUMNS_FIRST: usize = 64;

/// The words of a row that sums up others, a blank between two.
const TOTALS: &str = "total totals subtotal subtotals sum totales subtotales suma summe gesamt gesamtsumme \
                      zwischensumme totaux somme";

/// Reads record by record into one buffer.
pub(super) struct CsvRows {
    text: Text,
    core: csv_core::Reader,
    /// The fields of the record, unquoted, one behind the other.
    fields: Vec<u8>,
    /// Where each field ends in `fields`.
    ends: Vec<usize>,
    /// How many fields the record has.
    count: usize,
    lines: LineCount,
    /// The line the record begins on.
    line: u64,
    /// Why the record is not whole.
    problem: Option<RowProblem>,
    /// How many digits the longest id has so far.
    longest: usize,
    /// How long the longest cell of the last column is so far, if that column decides about users.
    longest_last: usize,
    /// The columns that records are read from.
    pub(super) places: Places,
    /// The header.
    names: Vec<String>,
}

impl CsvRows {
    /// Reads `text`, which begins on `line`. The header is the first record; see
    /// [`CsvRows::header`].
    pub(super) fn new(text: Text, delimiter: u8, line: u64) -> Self {
        Self {
            text,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            fields: vec![0; FIELD_BYTES_FIRST],
            ends: vec![0; COLUMNS_FIRST],
            count: 0,
            lines: LineCount::starting_at(line),
            line,
            problem: None,
            longest: 0,
            longest_last: 0,
            places: Places::default(),
            names: Vec::new(),
        }
    }

    /// Takes the next record as the header: its cells, blanks taken off. Bytes that are not UTF-8
    /// are shown as `�`; they matter only if such a column is wanted.
    ///
    /// The inner error says why the record is no header.
    pub(super) fn header(&mut self) -> io::Result<Result<Vec<String>, RowProblem>> {
        if !self.advance()? {
            return Ok(Ok(Vec::new()));
        }
        if let Some(problem) = &self.problem {
            return Ok(Err(problem.clone()));
        }
        let text = |place| trim_cell(&String::from_utf8_lossy(self.field(place))).to_owned();
        self.names = (0..self.count).map(text).collect();
        Ok(Ok(self.names.clone()))
    }

    /// The cell that a file which is cut short ends in, if it decides about users: of the id, the account or
    /// the action.
    fn last_cell(&self) -> &[u8] {
        let last = self.names.len().checked_sub(1);
        let last = last.filter(|last| self.places[..3].contains(&Some(*last)));
        last.map_or(&[], |last| self.field(last).trim_ascii())
    }

    /// Whether a last record that ends in `last_byte`, and in no line end, lacks something. A quote closes a cell.
    fn ends_short(&self, last_byte: u8) -> bool {
        let is_short = last_byte != b'"' && self.last_cell().len() < self.longest_last;
        self.count < self.names.len() || is_short
    }

    /// Whether the record has several cells, and nothing in any of them.
    fn is_empty_row(&self) -> bool {
        let is_blank = |place| {
            std::str::from_utf8(self.field(place)).is_ok_and(|cell| trim_cell(cell).is_empty())
        };
        self.problem.is_none() && self.count > 1 && (0..self.count).all(is_blank)
    }

    /// The cells below the header, each with the name of its column.
    pub(super) fn named_cells(mut self) -> Vec<(String, String)> {
        let (names, mut cells) = (self.header(), Vec::new());
        let names = names.ok().and_then(Result::ok).unwrap_or_default();
        // Bounded by the text.
        while matches!(self.advance(), Ok(true)) {
            let row = (0..self.whole()).map(|it| String::from_utf8_lossy(self.field(it)).into());
            cells.extend(names.iter().cloned().zip(row));
        }
        cells
    }

    fn advance_to_record(&mut self) -> io::Result<bool> {
        self.line = self.lines.line;
        // csv-core would skip them too, but without saying on which line the record then begins.
        if skip(&mut self.text, &mut self.lines, is_line_end)?.is_none() {
            return Ok(false);
        }
        self.line = self.lines.line;
        self.read_record()?;
        Ok(true)
    }

    /// The problem of a row whose cells may stand one column beside their own. A telephone number
    /// may be taken for the id then.
    ///
    /// Before the first column there is no cell that could be missing. The reference decides about
    /// nobody, so that it may be missing at the end; in the middle it may be somebody's name.
    fn check_shift(&self, decides: bool, reference: Option<usize>) -> Result<(), RowProblem> {
        let (count, columns) = (self.count, self.names.len());
        if count == columns {
            return Ok(());
        }
        let has_more = || (columns..count).any(|place| !self.field(place).trim_ascii().is_empty());
        let (code, how) = if count > columns && decides && has_more() {
            ("long_row", "more")
        } else if count < columns
            && (decides || reference.is_some_and(|it| (1..count).contains(&it)))
        {
            ("short_row", "fewer")
        } else {
            return Ok(());
        };
        Err(RowProblem::new(
            Field::Row,
            code,
            format!(
                "the row has {count} cells, {how} than the {columns} of the header, so its cells may stand in the wrong columns; quote cells that hold the delimiter, and leave none out"
            ),
        ))
    }

    /// The brand's cell. It means something at one provider alone, so that it makes no row invalid
    /// here. If the cells may have shifted it is empty, which is no brand.
    fn brand(&self) -> Result<Option<Cow<'_, str>>, RowProblem> {
        if self.count == self.names.len() {
            return self.field_text(4);
        }
        Ok(self.places[4].map(|_| Cow::Borrowed("")))
    }

    /// Whether `id` and the text behind it are parts of a number with commas, such as `5,54E+17`,
    /// `361808351000,00` or `361,808,351`. The first part alone may be another user's id.
    fn is_torn(&self, id: &str) -> bool {
        let has_more = self.count > self.names.len();
        let part = |behind| {
            let bytes = self.field(self.id_place() + behind).trim_ascii();
            std::str::from_utf8(bytes).unwrap_or_default()
        };
        let is_group = |part: &str| part.len() == 3 && is_digits(part);
        let are_groups = id.len() <= 3 && is_group(part(1)) && is_group(part(2));
        let is_mantissa = (has_more || id.len() == 1) && is_exponent(part(1));
        (are_groups || is_mantissa || (has_more && is_digits(part(1)))) && is_digits(id)
    }

    /// Whether another header stands here, so that what follows may stand in other columns. The same
    /// one again is none, unless it stands below the title of another table.
    fn begins_table(&self, is_below_title: bool) -> bool {
        let id = self.field(self.id_place()).trim_ascii();
        let cells = || (0..self.count).map(|place| self.field(place).trim_ascii());
        let names = || self.names.iter().map(String::as_bytes);
        id.first().is_some_and(|byte| !byte.is_ascii_digit())
            && names().any(|name| name == id)
            && (is_below_title || !cells().eq(names()))
    }

    /// Whether `id` is a number at most half as long as one above it, and the first cell beside it says that
    /// the record sums others up. An organisation may be called so too, and its users have whole ids.
    fn sums_up(&self, id: &str) -> bool {
        if 2 * id.len() > self.longest || !is_digits(id) {
            return false;
        }
        let cells = (0..self.count).filter(|place| *place != self.id_place());
        let mut cells = cells.map(|place| self.field(place).trim_ascii());
        let label = cells.find(|cell| !cell.is_empty()).unwrap_or_default();
        let mut words = label.split(|byte| !byte.is_ascii_alphanumeric());
        let totals = TOTALS.split(' ').map(str::as_bytes);
        let is_total = |word: &[u8]| totals.clone().any(|it| it.eq_ignore_ascii_case(word));
        words.any(is_total)
    }

    /// How many cells the record has if it is whole.
    fn whole(&self) -> usize {
        self.problem.as_ref().map_or(self.count, |_| 0)
    }

    fn id_place(&self) -> usize {
        self.places[0].unwrap_or_default()
    }

    /// The text of the cell of `FIELDS[field]`; `None`: no such column, or it is blank.
    fn field_text(&self, field: usize) -> Result<Option<Cow<'_, str>>, RowProblem> {
        let Some(place) = self.places[field].filter(|place| *place < self.count) else {
            return Ok(None);
        };
        let text = trim_cell(text_of(self.field(place), FIELDS[field])?);
        Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    /// The cell at `place`; empty if the record ends before it, or is not whole.
    fn field(&self, place: usize) -> &[u8] {
        if place >= self.whole() {
            return b"";
        }
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.fields[start..self.ends[place]]
    }

    /// Reads one record, of which at least one byte is there.
    fn read_record(&mut self) -> io::Result<()> {
        self.problem = None;
        self.count = 0;
        let mut written = 0;
        let (mut line_end_given, mut last_byte) = (false, 0);
        // Bounded by the cap on the whole input: each turn consumes input, makes room up to a
        // limit, or discards what was written.
        loop {
            let chunk = self.text.fill_buf()?;
            let at_end = chunk.is_empty();
            // At the end of the text csv-core takes an open quote for a closed one. A line end
            // given first ends every record but one inside a quote, which tells the two apart.
            let input: &[u8] = match (at_end, line_end_given) {
                (false, _) => chunk,
                (true, false) => b"\n",
                (true, true) => b"",
            };
            let (result, read, wrote, ended) = self.core.read_record(
                input,
                &mut self.fields[written..],
                &mut self.ends[self.count..],
            );
            if at_end {
                line_end_given |= read > 0;
            } else {
                last_byte = chunk[..read].last().copied().unwrap_or(last_byte);
                self.lines.over(&chunk[..read]);
                self.text.consume(read);
            }
            written += wrote;
            self.count += ended;
            match result {
                ReadRecordResult::InputEmpty if line_end_given => {
                    self.problem = Some(unclosed(self.lines.line));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.fields.len() < ROW_BYTES_MAX => {
                    self.fields.resize(self.fields.len() * 2, 0);
                }
                ReadRecordResult::OutputFull => {
                    self.problem = Some(too_long());
                    written = 0;
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < COLUMNS_MAX => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    self.problem = Some(too_wide());
                    self.count = 0;
                }
                ReadRecordResult::Record | ReadRecordResult::End => {
                    if line_end_given && self.ends_short(last_byte) && !self.is_empty_row() {
                        self.problem.get_or_insert_with(cut_short);
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// The problem of a quote that is still open on `line`, the last of the file.
fn unclosed(line: u64) -> RowProblem {
    let reason = format!(
        "a quote opened in this row is never closed, so everything to the end of the file (line {line}) was taken as part of it; close the quote"
    );
    RowProblem::new(Field::Row, "unclosed_quote", reason)
}

/// The problem of a last row without a line end that has less than those above it.
pub(super) fn cut_short() -> RowProblem {
    let reason =
        "the file ends in the middle of this row; fetch it again, or end it if it is whole";
    RowProblem::new(Field::Row, "cut_short", reason)
}

fn too_wide() -> RowProblem {
    let reason = format!("the row has more than {COLUMNS_MAX} columns; check the delimiter");
    RowProblem::new(Field::Row, "too_many_columns", reason)
}

impl RowReader for CsvRows {
    /// Goes on to the next record; `false`: there is none. Blank lines are passed over, and rows of
    /// nothing but delimiters, which a spreadsheet leaves where rows were cleared.
    fn advance(&mut self) -> io::Result<bool> {
        let is_blank = |place| self.field(place).trim_ascii().is_empty();
        let is_whole = self.problem.is_none() && self.names.len() > 1;
        let is_title = is_whole && (1..self.count).all(is_blank);
        while self.advance_to_record()? {
            if self.begins_table(is_title) {
                let what = "has another header below the first, so that what follows is another table, or \
                            stands in other columns; give that part as a file of its own";
                let (line, what) = (self.line, what.to_owned());
                return Err(io::Error::other(Refused::Broken { line, what }));
            }
            if !self.is_empty_row() {
                let id = self.field(self.id_place()).trim_ascii();
                if id.len() > self.longest && id.iter().all(u8::is_ascii_digit) {
                    self.longest = id.len();
                }
                self.longest_last = self.longest_last.max(self.last_cell().len());
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&self) -> u64 {
        self.line
    }

    /// The cells that mean something. More or fewer cells than the header has are no problem as
    /// long as none of these can have shifted for it. A cell that is not there is blank.
    fn content(&self) -> Result<Record<'_>, RowProblem> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let id_place = self.id_place();
        if id_place >= self.count {
            return Err(RowProblem::new(
                Field::Id,
                "no_id",
                format!(
                    "the row ends after {} of its columns, before the id in column {}; check for a line end inside a cell, or another delimiter",
                    self.count,
                    id_place + 1
                ),
            ));
        }
        let id = text_of(self.field(id_place), Field::Id)?;
        let bare = trim_cell(id);
        if self.is_torn(bare) {
            return Err(RowProblem::new(
                Field::Id,
                "decimal_comma",
                "the id looks like a number that was torn apart at its decimal comma, or between its \
                 thousands; format the column as text and export again",
            ));
        }
        if self.names.get(id_place).is_some_and(|it| it == bare) {
            let reason = "this is the header again; take the row out";
            return Err(RowProblem::new(Field::Row, "header_again", reason));
        }
        if self.sums_up(bare) {
            let reason = "the row sums others up, and the number in place of the id has at most half the digits \
                          of the ids above; take the row out (if it is a user's, delete it from a file of its own)";
            return Err(RowProblem::new(Field::Row, "far_too_short", reason));
        }
        let [deciding @ .., reference, _] = self.places;
        let decides = deciding.into_iter().flatten().any(|place| place > 0);
        self.check_shift(decides, reference)?;
        Ok(Record {
            id: Cow::Borrowed(bare),
            account: self.field_text(1)?,
            action: self.field_text(2)?,
            reference: self.field_text(3)?,
            brand: self.brand()?,
            trimmed: bare.len() < id.len(),
        })
    }

    fn cell(&self, place: usize, _: &str) -> Result<Cow<'_, str>, RowProblem> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        self.check_shift(place > 0, None)?;
        text_of(self.field(place), Field::Row).map(Cow::Borrowed)
    }

    /// Every cell of the record as it stands; none if it is not whole.
    fn raw(&self) -> Raw<'_> {
        Raw::Cells((0..self.whole()).map(|it| self.field(it)).collect())
    }
}
