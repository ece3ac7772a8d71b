//! An input as a table, for reports that give the admin's own rows back.
//!
//! The output of an [`InputTable`] can be written as CSV and read again as an input, and then means
//! the same. The same rows are invalid, and the others have the same ids, accounts, actions and
//! references. It writes nothing itself, and nothing of it belongs into a ledger.

use std::collections::HashMap;
use std::path::Path;

use crate::domain::{FindBy, Position, Record};

use super::csv::COLUMNS_MAX;
use super::error::InputError;
use super::format::Format;
use super::lines::ROW_BYTES_MAX;
use super::mapping::{
    Columns, FIELDS, NO_COLUMN, is_own_id, key_names, known_id, known_names, may_hold_ids,
    same_name,
};
use super::object::Object;
use super::row::{Field, Raw, RowProblem, trim_cell};
use super::source::{InputSource, ReadOptions};

/// The most different keys of JSON rows that become columns: a table has to be readable again, with
/// columns of the report's own beside these.
const KEYS_MAX: usize = COLUMNS_MAX / 2;

/// The most bytes that those keys may have together, for the same reason.
const KEY_BYTES_MAX: usize = ROW_BYTES_MAX / 2;

/// The column of bare ids.
const ID: &str = "id";

/// An input as a table: rows in the order of the file, cells in the order of its columns.
#[derive(Debug)]
pub struct InputTable {
    source: InputSource,
    columns: Vec<String>,
    /// The place of each field's column, in the order of [`FIELDS`].
    fields: [Option<usize>; FIELDS.len()],
    /// The column that each JSON key belongs to; empty of other formats.
    keys: HashMap<String, usize>,
    /// The column of each known name, however its keys are spelt; of fields that an option names none.
    known: HashMap<&'static str, usize>,
    keys_left_out: bool,
}

impl InputTable {
    /// Opens the file at `path`. Of JSON it is read once to its end, for its keys.
    ///
    /// # Errors
    ///
    /// As [`InputSource::open`]; of JSON also if it cannot be read to its end.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, InputError> {
        let source = InputSource::open(path, options)?;
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
            format if format.is_table() => {
                table.fields = FIELDS.map(|field| table.source.resolved().place_of(field));
            }
            Format::Jsonl | Format::Json => {
                table.columns.clear();
                let mut once = InputSource::open(path, options)?;
                let named = once.columns().clone();
                table.collect_keys(&mut once, &named)?;
                table.give_fields_their_columns(&named);
            }
            _ => {
                table.columns = vec![ID.to_owned()];
                table.fields[0] = Some(0);
            }
        }
        Ok(table)
    }

    /// The way to read the file at `path` that names its users by such keys. They are in the column that an
    /// option names, or else a known one. Or they are in one of ids that holds addresses, or in a list of
    /// those.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or is no such file.
    pub fn keyed(
        path: &Path,
        options: &ReadOptions,
        by: FindBy,
    ) -> Result<ReadOptions, InputError> {
        let mut ways = vec![options.clone(); key_names(by).len() + 2];
        if options.columns.id.is_none() {
            for (way, name) in ways.iter_mut().zip(key_names(by)) {
                way.columns.id = Some((*name).to_owned());
            }
        }
        if let Some(list) = ways.last_mut() {
            list.format = Some(Format::Ids);
        }
        let is_one = |way: &ReadOptions| {
            let is_told = way.columns.id.is_some() || options.format == Some(Format::Ids);
            InputSource::open(path, way).is_ok_and(|mut source| {
                is_told || (by == FindBy::Email && begins_with_address(&mut source))
            })
        };
        let refused = || match InputSource::open(path, options) {
            Err(error) if !error.lacks_field() => error,
            _ => {
                let what = format!(
                    "has no column that is known to hold what `--by {by}` means; name one with `--id-column`"
                );
                InputError::about(path, &what)
            }
        };
        ways.into_iter().find(is_one).ok_or_else(refused)
    }

    /// Whether the file at `path` has a column of the users' own ids, as far as its first row shows.
    pub fn has_ids(path: &Path, options: &ReadOptions) -> bool {
        InputSource::open(path, options).is_ok_and(|mut source| {
            source.external_ids().is_none() && !begins_with_address(&mut source)
        })
    }

    /// The row that [`InputTable::advance`] went to.
    pub fn content(&self) -> Result<Record<'_>, RowProblem> {
        self.source.content()
    }

    /// The names of the columns where others called `id`, `account` and `found` stand beside them.
    /// Those that would be taken for these say whose they are.
    pub fn columns_beside_ids(&self) -> Vec<String> {
        let clashes = |name: &str| {
            is_own_id(name)
                || may_hold_ids(name)
                || ["account", "found"].iter().any(|it| same_name(name, it))
        };
        let named = |name: &String| {
            let whose = if clashes(name) { " (input)" } else { "" };
            format!("{name}{whose}")
        };
        self.columns.iter().map(named).collect()
    }

    /// The names of the columns: of CSV the header, of a list of ids `id`. Of JSON they are the
    /// keys in the order in which they first stand in the file. A nested key that holds a field has
    /// a column of its dotted name behind them.
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

    /// Where its rows come from.
    pub fn source(&self) -> &InputSource {
        &self.source
    }

    /// Whether there are more JSON keys than a table may have columns, so that some have none.
    pub fn keys_left_out(&self) -> bool {
        self.keys_left_out
    }

    /// Goes on to the next row; `None`: there is none.
    pub fn advance(&mut self) -> Result<Option<Position>, InputError> {
        self.source.advance()
    }

    /// The cells of the row that [`InputTable::advance`] went to, byte for byte, text or not. Rows of
    /// CSV may have fewer than there are columns, or more; one that cannot be read has none.
    ///
    /// A row that is invalid in JSON may be fine in a table. The number `1e5` would become a text,
    /// and of two equal keys one would be left. Such a row keeps its cells but for the id.
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
            Raw::Json(_) => {
                let json = self.source.raw().json();
                json.map_or_else(Vec::new, |json| self.json_cells(json))
            }
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

    /// Makes every key of `rows` a column. Spellings of one known name share theirs. No valid row
    /// has two of them, and two such columns would make a reader refuse the whole table.
    fn collect_keys(
        &mut self,
        rows: &mut InputSource,
        options: &Columns,
    ) -> Result<(), InputError> {
        let mut bytes = 0;
        while rows.advance()?.is_some() {
            let object = rows.raw().json().and_then(Object::parse);
            for key in object.iter().flat_map(Object::keys).map(trim_cell) {
                if self.keys.contains_key(key) {
                    continue;
                }
                let free = FIELDS.into_iter().filter(|it| options.of(*it).is_none());
                let mut names = free.flat_map(known_names);
                let known = names.find(|known| same_name(key, known)).copied();
                if let Some(place) = known.and_then(|known| self.known.get(known)) {
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
        for (index, field) in FIELDS.into_iter().enumerate() {
            self.fields[index] = match options.of(field) {
                Some(NO_COLUMN) => None,
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
            let known = id.and_then(known_id);
            let found = known.and_then(|known| self.known.get(known).copied());
            return found.or_else(|| Some(self.column(ID)));
        }
        let mut names = known_names(field).iter();
        names.find_map(|name| self.known.get(name).copied())
    }
}

/// Whether the first id is an e-mail address.
fn begins_with_address(source: &mut InputSource) -> bool {
    let is_row = matches!(source.advance(), Ok(Some(_)));
    is_row && source.content().is_ok_and(|row| row.id.contains('@'))
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
        Field::Brand => record.brand.as_deref().map(str::to_owned),
    }
}
