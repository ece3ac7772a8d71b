//! The first rows of a JSON input, looked at for their keys: JSON has no header to ask.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::InputError;
use super::json::JsonRows;
use super::mapping::{
    Columns, FIELDS, clash, known_names, known_place, no_id_column, no_such_column, same_name,
};
use super::object::{Object, ZENDESK_LINK};
use super::row::{Field, RowReader as _};

/// How many rows are looked at.
const ROWS_MAX: usize = 1_000;

/// How many different keys of those rows are remembered, of either kind.
const KEYS_MAX: usize = 1_000;

/// Which key holds which field, and all keys of the first of `rows`. These may end in the middle of a
/// row: that is the sample's end, and no fault of the file.
///
/// An option that names a key which no row has is a slip, and an error: to go on would mean to
/// take `--action` for a column of actions.
pub(super) fn resolve_keys(
    path: &Path,
    mut rows: JsonRows,
    columns: &Columns,
) -> Result<(Columns, Vec<String>), InputError> {
    // The objects' own keys, and those of objects within them, written with a dot.
    let (mut own, mut within) = (BTreeSet::<String>::new(), BTreeSet::new());
    let (mut has_row, mut has_object, mut ids_are_hexadecimal) = (false, false, true);
    let mut missing = columns.named();
    for _ in 0..ROWS_MAX {
        if !matches!(rows.advance(), Ok(true)) {
            break;
        }
        let Some(json) = rows.raw().json() else {
            continue;
        };
        has_row = true;
        let Some(object) = Object::parse(json) else {
            continue;
        };
        has_object = true;
        ids_are_hexadecimal &= object.has_hexadecimal_id();
        let room = |kept: &BTreeSet<String>| KEYS_MAX.saturating_sub(kept.len());
        let (of_own, of_within) = (room(&own), room(&within));
        own.extend(object.keys().map(str::to_owned).take(of_own));
        within.extend(object.keys_within().take(of_within));
        missing.retain(|field| !columns.of(*field).is_some_and(|key| object.has(key)));
    }
    let found = |field| {
        let key_of = |known: &&str| own.iter().find(|key| same_name(key, known)).cloned();
        let named = columns.of(field).map(str::to_owned);
        named.or_else(|| known_names(field).iter().find_map(key_of))
    };
    let mut mapping = Columns::of_fields(FIELDS.map(found));
    if columns.id.is_none() {
        // Sunshine Conversations gives a user's id at Zendesk beside their own; these cannot be mixed up.
        let is_link = |key: &str| key == ZENDESK_LINK && ids_are_hexadecimal;
        let keys = own.iter().map(String::as_str);
        mapping.id = id_key(path, &keys.filter(|key| !is_link(key)).collect::<Vec<_>>())?;
    }
    let seen = || own.iter().chain(&within).cloned().collect::<Vec<_>>();
    if let (Some(field), true) = (missing.first(), has_row) {
        let wanted = columns.of(*field).unwrap_or_default();
        return Err(no_such_column(path, &seen(), *field, wanted));
    }
    if has_object && mapping.id.is_none() {
        return Err(no_id_column(path, &seen()));
    }
    Ok((mapping, own.into_iter().collect()))
}

/// The one of `keys` that holds the id, by its name. All rows are read by that name, however they spell
/// it.
fn id_key(path: &Path, keys: &[&str]) -> Result<Option<String>, InputError> {
    let place = match known_place(keys, Field::Id) {
        Ok(place) => place,
        Err(several)
            if several
                .iter()
                .all(|it| same_name(keys[*it], keys[several[0]])) =>
        {
            several.first().copied()
        }
        Err(several) => return Err(clash(path, keys, Field::Id, &several)),
    };
    Ok(place.map(|place| keys[place].to_owned()))
}
