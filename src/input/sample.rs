//! The first rows of a JSON input, looked at for their keys: JSON has no header to ask.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::InputError;
use super::mapping::{
    Columns, FIELDS, id_names, known_names, no_id_column, no_such_column, same_name,
};
use super::object::{Object, ZENDESK_LINK};
use super::row::{Field, RowReader};

/// How many rows are looked at.
const ROWS_MAX: usize = 1_000;

/// How many different keys of those rows are remembered, of either kind.
const KEYS_MAX: usize = 1_000;

/// What the first rows say of the keys of an input.
#[derive(Debug, Default)]
pub(super) struct KeySample {
    /// The rows that could be read.
    rows: usize,
    /// Those of them that are objects; the others are bare ids, if anything.
    objects: usize,
    /// The objects' own keys.
    own: BTreeSet<String>,
    /// The keys of objects within them, written with a dot.
    within: BTreeSet<String>,
    /// The fields whose key an option names and no row has.
    missing: Vec<Field>,
    /// Whether no object has a number for its `id`.
    ids_are_hexadecimal: bool,
}

impl KeySample {
    /// Looks at the first of `rows`, which may end in the middle of one: that is the sample's end,
    /// and no fault of the file.
    pub(super) fn of(mut rows: Box<dyn RowReader>, columns: &Columns) -> Self {
        let mut sample = Self {
            missing: columns.named(),
            ids_are_hexadecimal: true,
            ..Self::default()
        };
        for _ in 0..ROWS_MAX {
            if !matches!(rows.advance(), Ok(true)) {
                break;
            }
            if let Some(json) = rows.raw().json() {
                sample.add(json, columns);
            }
        }
        sample
    }

    fn add(&mut self, json: &str, columns: &Columns) {
        self.rows += 1;
        let Some(object) = Object::parse(json) else {
            return;
        };
        self.objects += 1;
        self.ids_are_hexadecimal &= object.has_hexadecimal_id();
        let room = |kept: &BTreeSet<String>| KEYS_MAX.saturating_sub(kept.len());
        let own = object.keys().map(str::to_owned);
        self.own.extend(own.take(room(&self.own)));
        self.within
            .extend(object.keys_within().take(room(&self.within)));
        self.missing
            .retain(|field| !columns.of(*field).is_some_and(|key| object.has(key)));
    }

    /// Which key holds which field, and all the objects' own keys.
    ///
    /// An option that names a key which no row has is a slip, and an error: to go on would mean to
    /// take `--action` for a column of actions.
    pub(super) fn resolve(
        self,
        path: &Path,
        columns: &Columns,
    ) -> Result<(Columns, Vec<String>), InputError> {
        let found = |field| {
            let key_of = |known: &str| self.own.iter().find(|key| same_name(key, known)).cloned();
            let named = columns.of(field).map(str::to_owned);
            named.or_else(|| known_names(field).iter().find_map(|known| key_of(known)))
        };
        let mut mapping = Columns::of_fields(FIELDS.map(found));
        if columns.id.is_none() {
            mapping.id = self.id_key(path)?;
        }
        if let (Some(field), true) = (self.missing.first(), self.rows > 0) {
            let wanted = columns.of(*field).unwrap_or_default();
            return Err(no_such_column(path, &self.seen(), *field, wanted));
        }
        if self.objects > 0 && mapping.id.is_none() {
            return Err(no_id_column(path, &self.seen()));
        }
        Ok((mapping, self.own.into_iter().collect()))
    }

    /// The key that holds the id, by its name. All rows are read by that name.
    fn id_key(&self, path: &Path) -> Result<Option<String>, InputError> {
        // Sunshine Conversations gives a user's id at Zendesk beside their own; these cannot be mixed up.
        let is_link = |key: &str| key == ZENDESK_LINK && self.ids_are_hexadecimal;
        let keys = self.own.iter().map(String::as_str);
        let names = id_names(path, keys.filter(|key| !is_link(key)))?;
        Ok(names.first().map(|key| (*key).to_owned()))
    }

    /// Every key, as a message lists them.
    fn seen(&self) -> Vec<String> {
        self.own.iter().chain(&self.within).cloned().collect()
    }
}
