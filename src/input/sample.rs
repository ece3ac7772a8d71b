//! The first rows of an input. JSON is looked at for its keys, as it has no header to ask. Any
//! table is looked at for a column that looks more like ids than the one that is called so.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use std::path::Path;

use serde_json::Value;

use super::error::{InputError, Underlined};
use super::json::JsonRows;
use super::mapping::{
    Columns, FIELDS, NO_COLUMN, clash, is_own_id, known_names, known_place, no_id_column,
    no_such_column, same_name,
};
use super::object::{Object, ZENDESK_LINK};
use super::row::{Field, RowReader as _, is_digits, trim_cell};
use super::source::ReadOptions;

/// How many rows are looked at.
const ROWS_MAX: usize = 1_000;

/// How many different keys of those rows are remembered, of either kind.
const KEYS_MAX: usize = 1_000;

/// The fewest digits of an id beside which a shorter one counts rows or tickets.
const LONG_MIN: usize = 8;

/// Refuses ids that were found by the name of their column if another column has the better ones. It looks at
/// the `cells` of the first rows, each with its column's name. The other's are ids twice as long, or a user's.
pub(super) fn check_rivals(
    path: &Path,
    cells: Vec<(String, String)>,
    mapping: &Columns,
) -> Result<(), InputError> {
    // How many digits each cell has; 0: it is no number.
    let mut columns = BTreeMap::<String, Vec<usize>>::new();
    for (name, cell) in cells {
        let cell = trim_cell(&cell);
        let digits = if is_digits(cell) { cell.len() } else { 0 };
        if !cell.is_empty() {
            columns.entry(name).or_default().push(digits);
        }
    }
    let id = mapping.id.as_deref().unwrap_or_default();
    let chosen = columns.get(id).filter(|cells| !cells.contains(&0));
    let Some(longest) = chosen.and_then(|cells| cells.iter().copied().max()) else {
        return Ok(());
    };
    let is_rival = |(name, cells): &(&String, &Vec<usize>)| {
        let (name, lower) = (name.as_str(), name.to_lowercase());
        let is_field = FIELDS.iter().any(|it| mapping.of(*it) == Some(name));
        let bare = lower
            .trim_end_matches("number")
            .trim_end_matches(['_', ' ']);
        let is_phone = ["phone", "mobile", "tel"]
            .iter()
            .any(|it| bare.ends_with(it));
        let is_ours = lower.starts_with("userpurge_");
        let is_other = is_field || is_phone || is_ours || lower.contains("external");
        let outer = lower.split('.').next().unwrap_or_default();
        let is_user = ["user", "users", "requester"].contains(&outer);
        let least = LONG_MIN.max(if is_user { 0 } else { 2 * longest });
        let ids = cells.iter().filter(|digits| **digits >= least).count();
        !is_other && ids * 10 >= cells.len() * 9
    };
    let rivals = columns.iter().filter(is_rival);
    let all: Vec<&str> = once(id).chain(rivals.map(|it| it.0.as_str())).collect();
    let places: Vec<usize> = (0..all.len()).collect();
    if all.len() > 1 {
        return Err(clash(path, &all, Field::Id, &places));
    }
    Ok(())
}

/// Which key holds which field, and all keys of the first of `rows`. These may end in the middle of a
/// row: that is the sample's end, and no fault of the file.
///
/// An option that names a key which no row has is a slip, and an error. To go on would mean to take
/// `--action` for a column of actions.
pub(super) fn resolve_keys(
    path: &Path,
    mut rows: JsonRows,
    options: &ReadOptions,
) -> Result<(Columns, Vec<String>), InputError> {
    // The objects' own keys, and those of objects within them, written with a dot.
    let (mut own, mut within) = (BTreeSet::<String>::new(), BTreeSet::new());
    let (mut has_row, mut ids_are_hexadecimal) = (false, true);
    let columns = &options.columns;
    let mut missing = options.named();
    let (mut cells, mut first) = (Vec::new(), None);
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
        first.get_or_insert_with(|| (json.to_owned(), rows.open.is_empty()));
        ids_are_hexadecimal &= object.has_hexadecimal_id();
        let room = |kept: &BTreeSet<String>| KEYS_MAX.saturating_sub(kept.len());
        let (of_own, of_within) = (room(&own), room(&within));
        own.extend(object.keys().map(str::to_owned).take(of_own));
        cells.extend(object.cells().map(|(key, text)| (key.to_owned(), text())));
        for (key, text) in object.cells_within().take(of_within) {
            let is_id = key.to_lowercase().ends_with("id");
            cells.extend(is_id.then(|| (key.clone(), text)));
            within.insert(key);
        }
        missing.retain(|(_, key)| !object.has(key));
    }
    let key_of = |known: &&str| own.iter().find(|key| same_name(key, known)).cloned();
    let mut mapping = Columns::of_fields(FIELDS.map(|field| match columns.of(field) {
        Some(name) => Some(name.to_owned()).filter(|name| name != NO_COLUMN),
        None => known_names(field).iter().find_map(key_of),
    }));
    if columns.id.is_none() {
        mapping.id = id_key(path, &own, ids_are_hexadecimal)?;
        check_rivals(path, cells, &mapping)?;
    }
    let seen = || own.iter().chain(&within).cloned().collect::<Vec<_>>();
    if let (Some((field, wanted)), true) = (missing.first(), has_row) {
        return Err(no_such_column(path, &seen(), *field, wanted));
    }
    if let (Some((first, is_bare)), None) = (first, &mapping.id) {
        check_error(path, &own)?;
        let way = if is_bare { "" } else { ".[]" };
        let first = serde_json::from_str(&first).ok();
        let list = first.and_then(|first| list_within(&first, way));
        return Err(no_id_column(path, &seen(), list.as_deref()));
    }
    Ok((mapping, own.into_iter().collect()))
}

/// The way to objects with ids in a list that `value` holds, as `jq` writes it; `way` has led to `value`.
fn list_within(value: &Value, way: &str) -> Option<String> {
    match value {
        Value::Array(all) => list_within(all.first()?, &format!("{way}[]")),
        Value::Object(keys) if way.contains("[]") && keys.keys().any(|key| is_own_id(key)) => {
            Some(way.to_owned())
        }
        Value::Object(keys) => keys.iter().find_map(|(key, value)| {
            let is_word = key.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
            let key = [format!("{key:?}"), key.clone()][usize::from(is_word)].clone();
            list_within(value, &format!("{way}.{key}"))
        }),
        _ => None,
    }
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
fn id_key(
    path: &Path,
    keys: &BTreeSet<String>,
    ids_are_hexadecimal: bool,
) -> Result<Option<String>, InputError> {
    // Sunshine Conversations gives a user's id at Zendesk beside their own; these cannot be mixed up.
    let is_link = |key: &str| key == ZENDESK_LINK && ids_are_hexadecimal;
    let keys = keys.iter().map(String::as_str);
    let keys: Vec<&str> = keys.filter(|key| !is_link(key)).collect();
    let place = known_place(&keys, Field::Id).or_else(|several| {
        let is_same = |it: &usize| same_name(keys[*it], keys[several[0]]);
        let first = several.iter().all(is_same).then_some(several[0]);
        let clash = || clash(path, &keys, Field::Id, &several);
        first.map(Some).ok_or_else(clash)
    })?;
    Ok(place.map(|place| keys[place].to_owned()))
}
