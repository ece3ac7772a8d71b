//! The first rows of a JSON input, looked at for their keys: JSON has no header to ask.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::{InputError, Underlined};
use super::json::JsonRows;
use super::mapping::{
    Columns, FIELDS, NO_COLUMN, clash, known_names, known_place, no_id_column, no_such_column,
    same_name,
};
use super::object::{Object, ZENDESK_LINK};
use super::row::{Field, RowReader as _};
use super::source::ReadOptions;

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
    options: &ReadOptions,
) -> Result<(Columns, Vec<String>), InputError> {
    // The objects' own keys, and those of objects within them, written with a dot.
    let (mut own, mut within) = (BTreeSet::<String>::new(), BTreeSet::new());
    let (mut has_row, mut has_object, mut ids_are_hexadecimal) = (false, false, true);
    let columns = &options.columns;
    let mut missing = options.named();
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
        missing.retain(|(_, key)| !object.has(key));
    }
    let found = |field| {
        let key_of = |known: &&str| own.iter().find(|key| same_name(key, known)).cloned();
        match columns.of(field) {
            Some(name) => Some(name.to_owned()).filter(|name| name != NO_COLUMN),
            None => known_names(field).iter().find_map(key_of),
        }
    };
    let mut mapping = Columns::of_fields(FIELDS.map(found));
    if columns.id.is_none() {
        // Sunshine Conversations gives a user's id at Zendesk beside their own; these cannot be mixed up.
        let is_link = |key: &str| key == ZENDESK_LINK && ids_are_hexadecimal;
        let keys = own.iter().map(String::as_str);
        mapping.id = id_key(path, &keys.filter(|key| !is_link(key)).collect::<Vec<_>>())?;
    }
    let seen = || own.iter().chain(&within).cloned().collect::<Vec<_>>();
    if let (Some((field, wanted)), true) = (missing.first(), has_row) {
        return Err(no_such_column(path, &seen(), *field, wanted));
    }
    if has_object && mapping.id.is_none() {
        check_error(path, &own)?;
        return Err(no_id_column(path, &seen()));
    }
    Ok((mapping, own.into_iter().collect()))
}

/// Refuses an API's error answer, which has keys such as these and no id.
fn check_error(path: &Path, keys: &BTreeSet<String>) -> Result<(), InputError> {
    let has = |key: &str| keys.contains(key);
    if !(has("error") || has("errors") || (has("code") && has("message"))) {
        return Ok(());
    }
    let what = "is an API's error answer, with no users in it; read what it says, and fetch the users again";
    Err(InputError::about(path, what).marking(Underlined::Line(1), "this is an error"))
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
