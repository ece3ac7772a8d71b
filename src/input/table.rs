//! An input as a table, for reports that give the admin's own rows back.
//!
//! What a [`Table`] gives out can be written as CSV and read again as an input, and then means the
//! same: the same rows are invalid, and the others have the same ids, accounts, actions and
//! references. It writes nothing itself, and nothing of it belongs into a ledger.

use std::collections::HashMap;
use std::path::Path;

use crate::domain::{Position, Record};

use super::csv::COLUMNS_MAX;
use super::error::InputError;
use super::format::Format;
use super::lines::ROW_BYTES_MAX;
use super::mapping::{Columns, FIELDS, Known, known_as, known_id, known_names};
use super::object::Object;
use super::row::{Field, Raw, trim_cell};
use super::source::{ReadOptions, Source};

/// The most different keys of JSON rows that become columns: a table has to be readable again, with
/// columns of the report's own beside these.
const KEYS_MAX: usize = COLUMNS_MAX / 2;

/// The most bytes that those keys may have together, for the same reason.
const KEY_BYTES_MAX: usize = ROW_BYTES_MAX / 2;

/// The column of bare ids.
const ID: &str = "id";

/// An input as a table: rows in the order of the file, cells in the order of its columns.
#[derive(Debug)]
pub struct Table {
    source: Source,
    columns: Vec<String>,
    /// The place of each field's column, in the order of [`FIELDS`].
    fields: [Option<usize>; FIELDS.len()],
    /// The column that each JSON key belongs to; empty of other formats.
    keys: HashMap<String, usize>,
    /// The column of each known name, however its keys are spelt; of fields that an option names none.
    known: HashMap<Known, usize>,
    keys_left_out: bool,
}

impl Table {
    /// Opens the file at `path`. Of JSON it is read once to its end, for its keys.
    ///
    /// # Errors
    ///
    /// As [`Source::open`]; of JSON also if it cannot be read to its end.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, InputError> {
        let source = Source::open(path, options)?;
        let resolved = source.resolved();
        let mut table = Self {
            columns: resolved.columns.clone(),
            fields: [None; FIELDS.len()],
            keys: HashMap::new(),
            known: HashMap::new(),
            keys_left_out: false,
            source,
        };
        match table.source.resolved().format {
            Format::Csv | Format::Tsv => table.fields = table.places(),
            Format::Jsonl | Format::Json => {
                table.columns.clear();
                let mut once = table.source.again()?;
                table.collect_keys(&mut once, &options.columns)?;
                table.give_fields_their_columns(&options.columns);
            }
            Format::Ids => {
                table.columns = vec![ID.to_owned()];
                table.fields[0] = Some(0);
            }
        }
        Ok(table)
    }

    /// The names of the columns: of CSV the header, of JSON the keys in the order in which they
    /// first stand in the file, of a list of ids `id`. A nested key that holds a field has a column
    /// of its dotted name behind them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of the column that holds the id; `None`: there is none.
    pub fn id_place(&self) -> Option<usize> {
        self.fields[0]
    }

    /// The places of the columns that hold fields, and so must keep their names.
    pub fn field_places(&self) -> Vec<usize> {
        self.fields.into_iter().flatten().collect()
    }

    /// Whether there are more JSON keys than a table may have columns, so that some have none.
    pub fn keys_left_out(&self) -> bool {
        self.keys_left_out
    }

    /// Goes on to the next row; `None`: there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read further.
    pub fn advance(&mut self) -> Result<Option<Position>, InputError> {
        self.source.advance()
    }

    /// The cells of the row that [`Table::advance`] went to, byte for byte, text or not. Rows of
    /// CSV may have fewer than there are columns, or more; one that cannot be read has none.
    ///
    /// What makes a row invalid in JSON may be fine in a table: the number `1e5` would become a
    /// text, of two keys one would be left. Such a row keeps its cells but for the id.
    pub fn cells(&self) -> Vec<Vec<u8>> {
        match self.source.raw() {
            Raw::Cells(cells) => cells.into_iter().map(<[u8]>::to_vec).collect(),
            Raw::Line(line) => match self.source.content() {
                Ok(record) => vec![
                    of_field(&record, Field::Id)
                        .unwrap_or_default()
                        .into_bytes(),
                ],
                Err(_) if line.is_empty() => Vec::new(),
                // As a cell it would be an id where any text may be one.
                Err(_) if std::str::from_utf8(line).is_ok() => vec![Vec::new()],
                Err(_) => vec![line.to_vec()],
            },
            Raw::Json(json) => self.json_cells(json),
            Raw::Unreadable => Vec::new(),
        }
    }

    fn json_cells(&self, json: &str) -> Vec<Vec<u8>> {
        let mut cells = vec![None; self.columns.len()];
        let object = Object::parse(json);
        for (key, text) in object.iter().flat_map(Object::cells) {
            if let Some(place) = self.keys.get(trim_cell(key))
                && cells[*place].is_none()
            {
                cells[*place] = Some(text());
            }
        }
        let content = self.source.content();
        for (field, place) in FIELDS.into_iter().zip(self.fields) {
            let Some(place) = place else { continue };
            match &content {
                Ok(record) if cells[place].is_none() => cells[place] = of_field(record, field),
                Err(_) if field == Field::Id => cells[place] = None,
                Ok(_) | Err(_) => {}
            }
        }
        let bytes = |cell: Option<String>| cell.unwrap_or_default().into_bytes();
        cells.into_iter().map(bytes).collect()
    }

    /// The places of the columns that the source reads its fields from.
    fn places(&self) -> [Option<usize>; FIELDS.len()] {
        let mapping = &self.source.resolved().mapping;
        FIELDS.map(|field| {
            let name = mapping.of(field)?;
            self.columns.iter().position(|column| column == name)
        })
    }

    /// Makes every key of `rows` a column. Spellings of one known name share theirs: no row has two of
    /// them and is valid, and two such columns would make a reader refuse the whole table.
    fn collect_keys(&mut self, rows: &mut Source, options: &Columns) -> Result<(), InputError> {
        let mut bytes = 0;
        while rows.advance()?.is_some() {
            let object = rows.raw().json().and_then(Object::parse);
            for key in object.iter().flat_map(Object::keys).map(trim_cell) {
                if self.keys.contains_key(key) {
                    continue;
                }
                let is_free = |field| options.of(field).is_none();
                let known = known_as(key)
                    .filter(|it| matches!(it, Known::Name(field, _) if is_free(*field)));
                if let Some(place) = known.and_then(|known| self.known.get(&known)) {
                    self.keys.insert(key.to_owned(), *place);
                    continue;
                }
                bytes += key.len();
                if self.columns.len() >= KEYS_MAX || bytes > KEY_BYTES_MAX {
                    self.keys_left_out = true;
                    continue;
                }
                let place = self.columns.len();
                self.keys.insert(key.to_owned(), place);
                self.known.extend(known.map(|known| (known, place)));
                self.columns.push(key.to_owned());
            }
        }
        Ok(())
    }

    /// Finds the column of each field, or makes one, so that a reader of the table finds the same.
    fn give_fields_their_columns(&mut self, options: &Columns) {
        for (place, field) in FIELDS.into_iter().enumerate() {
            self.fields[place] = match options.of(field) {
                Some(name) => Some(self.column(trim_cell(name))),
                None => self.known_column(field),
            };
        }
    }

    /// The column called `name`, made if it is not there.
    fn column(&mut self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column == name);
        found.unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    /// The column of the first known name of `field` that is there; of the id, of the one name that
    /// rows are read by.
    fn known_column(&mut self, field: Field) -> Option<usize> {
        if field == Field::Id {
            let id = self.source.resolved().mapping.id.as_deref();
            let known = id.and_then(known_id).map(|name| Known::Name(field, name));
            let found = known.and_then(|known| self.known.get(&known).copied());
            return found.or_else(|| Some(self.column(ID)));
        }
        let mut names = 0..known_names(field).len();
        names.find_map(|name| self.known.get(&Known::Name(field, name)).copied())
    }
}

/// A field's text as a cell holds it. Blanks that were taken off an id may matter to its provider,
/// so that it has one in front again.
fn of_field(record: &Record<'_>, field: Field) -> Option<String> {
    match field {
        Field::Row => None,
        Field::Id if record.trimmed => Some(format!(" {}", record.id)),
        Field::Id => Some(record.id.to_string()),
        Field::Account => record.account.as_deref().map(str::to_owned),
        Field::Action => record.action.as_deref().map(str::to_owned),
        Field::Reference => record.reference.as_deref().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use proptest::prelude::*;
    use rstest::rstest;
    use tempfile::NamedTempFile;

    use super::super::Row;
    use super::{Columns, ReadOptions, Source, Table};

    fn file(name: &str, bytes: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::with_suffix(name).unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn options(id: &str) -> ReadOptions {
        ReadOptions {
            columns: Columns {
                id: (!id.is_empty()).then(|| id.to_owned()),
                ..Columns::default()
            },
            ..ReadOptions::default()
        }
    }

    /// Columns and rows, joined with `|`.
    fn table(name: &str, text: &str, id: &str) -> Vec<String> {
        let file = file(name, text.as_bytes());
        let mut table = Table::open(file.path(), &options(id)).unwrap();
        let mut all = vec![table.columns().join("|")];
        while table.advance().unwrap().is_some() {
            let cells = table.cells();
            let texts = cells.iter().map(|cell| String::from_utf8_lossy(cell));
            all.push(texts.collect::<Vec<_>>().join("|"));
        }
        all
    }

    #[rstest]
    #[case(".csv", "Name;User ID\nAda; 1\nBob\nEve;3;x\n", "", &["Name|User ID", "Ada| 1", "Bob", "Eve|3|x"])]
    #[case(".csv", "id,x\n1,\"a\n2,b\n", "", &["id|x", ""])]
    #[case(".ids", "36181, yesterday\n 2 \n36183,36184\n5 36185\n", "", &["id", "36181", " 2", "36183", "36184", ""])]
    #[case(".jsonl", "{\"b\":1,\"id\":2}\n{\"id\":3,\"a\":null}\n4\n", "", &["b|id|a", "1|2|", "|3|", "|4|"])]
    #[case(".json", "[1,\"2\",[3]]", "", &["id", "1", "2", ""])]
    #[case(".jsonl", "{\"user\":{\"id\":7}}\n", "user.id", &["user|user.id", "{\"id\":7}|7"])]
    #[case(".jsonl", "{\"user_id\":1}\n{\"account\":\"a\"}\n{\"User ID\":3}\n", "", &["user_id|account", "1|", "|a", "3|"])]
    #[case(".jsonl", "{\"user_id\":1}\n{\"x\":0,\"User ID\":3}\n", "", &["user_id|x", "1|", "3|0"])]
    #[case(".jsonl", "{\"id\":1e5,\"x\":1e5}\n{\"id\":true,\"x\":[1, 2]}\n", "", &["id|x", "|1e5", "|[1, 2]"])]
    #[case(".jsonl", "{\"id\":1,\"ref\":\"a\",\"Ref\":\"b\"}\n", "", &["id|ref", "|a"])]
    fn rows_are_given_as_the_file_has_them(
        #[case] name: &str,
        #[case] text: &str,
        #[case] id: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(table(name, text, id), expected);
    }

    #[test]
    fn bytes_that_are_no_text_stay_what_they_are() {
        let file = file(".csv", b"id,name\n\xFF1,Zo\xEB\n");
        let mut table = Table::open(file.path(), &options("")).unwrap();
        table.advance().unwrap();
        assert_eq!(table.cells(), [b"\xFF1".to_vec(), b"Zo\xEB".to_vec()]);
    }

    #[test]
    fn there_are_never_more_columns_than_can_be_read_again() {
        let rows = (0..20_000).fold(String::new(), |rows, n| {
            format!("{rows}{{\"id\":1,\"k{n}\":2}}\n")
        });
        let file = file(".jsonl", rows.as_bytes());
        let table = Table::open(file.path(), &options("")).unwrap();
        assert_eq!(table.columns().len(), super::KEYS_MAX);
        assert!(table.keys_left_out());
    }

    /// The rows of the table of `rows`, written as CSV and read again.
    fn again(path: &std::path::Path, options: &ReadOptions) -> Vec<Row<'static>> {
        let mut table = Table::open(path, options).unwrap();
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        // A report adds columns of its own, so that no row is blank.
        let own = [table.columns(), &["x_outcome".to_owned()]].concat();
        writer.write_record(&own).unwrap();
        while table.advance().unwrap().is_some() {
            let mut cells = table.cells();
            cells.resize(cells.len().max(table.columns().len()), Vec::new());
            cells.push(b"pending".to_vec());
            writer.write_record(cells).unwrap();
        }
        let file = file(".csv", &writer.into_inner().unwrap());
        let source = Source::open(file.path(), options).unwrap();
        source.map(Result::unwrap).collect()
    }

    proptest! {
        #[test]
        fn a_table_written_and_read_again_means_the_same(
            rows in prop::collection::vec((
                prop::sample::select(vec!["id", "ID", "I d", "external_id", "x"]),
                prop::sample::select(vec!["1", "\"2\"", "\" 3\"", "1e5", "-4", "null", "true", "\"a\\u0001\"", "[5]", "\"=1\""]),
                prop::sample::select(vec!["account", "provider", "System", "id", "y"]),
                prop::sample::select(vec!["\"acme\"", "\" b \"", "null", "7", "{}"]),
            ), 1..8),
        ) {
            let mut text = String::from("{\"id\":0}\n");
            for (id_key, id, other_key, other) in &rows {
                writeln!(text, "{{\"{id_key}\":{id},\"{other_key}\":{other}}}").unwrap();
            }
            let file = file(".jsonl", text.as_bytes());
            let first: Vec<Row<'_>> = Source::open(file.path(), &options("")).unwrap().map(Result::unwrap).collect();
            let second = again(file.path(), &options(""));
            prop_assert_eq!(first.len(), second.len());
            for (first, second) in first.iter().zip(&second) {
                match (&first.content, &second.content) {
                    (Ok(first), Ok(second)) => prop_assert_eq!(first, second),
                    // Whatever was wrong: without an id it is invalid again.
                    (Err(_), Ok(second)) => prop_assert_eq!(second.id.as_ref(), ""),
                    (_, Err(problem)) => prop_assert!(false, "{}", problem),
                }
            }
        }
    }
}
