//! A JSON value to a [`Record`].
//!
//! An id may be a string or a bare number of any length. A number's digits are taken as they stand
//! in the text: read as a float, an id of nineteen digits would become its neighbour's.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::{Record, Text};

use super::mapping::{Columns, FIELDS, NO_COLUMN, known_id, known_place};
use super::row::{Field, RowProblem, echo, is_digits, trim_cell};

/// The deepest nesting a dotted key reaches into.
const KEY_DEPTH_MAX: usize = 16;

/// How many rows with keys of their own are remembered, with how many keys, and how long each may be, in
/// bytes.
const LAYOUTS_MAX: usize = 64;
const KEYS_SEEN_MAX: usize = 1_000;
const KEY_BYTES_SEEN_MAX: usize = 64;

/// The key of a Sunshine Conversations user that holds the id of the same user at Zendesk.
pub(super) const ZENDESK_LINK: &str = "zendeskId";

/// The keys of a row in their order, and the place of each field among them; an error: several may hold
/// it.
type Layout = (Vec<Box<str>>, [Result<Option<usize>, ()>; FIELDS.len()]);

/// By which keys the rows of an input are read: as a table by its header, all by the same.
#[derive(Debug, Default)]
pub(super) struct RowKeys {
    /// Those that the options name.
    columns: Columns,
    /// Which of its known names the id has where none is named; `None`: no row was seen yet.
    id: Option<&'static str>,
    /// Nearly all rows have the keys of one before them, the last one first.
    layouts: RefCell<Vec<Layout>>,
}

impl RowKeys {
    /// Those of `columns`, and `id`, the key that the first rows have their ids in.
    pub(super) fn new(columns: &Columns, id: Option<&str>) -> Self {
        Self {
            columns: columns.clone(),
            id: id.and_then(known_id),
            layouts: RefCell::default(),
        }
    }

    /// The place of each field among the keys of `object`.
    fn places(&self, object: &Object<'_>) -> [Result<Option<usize>, ()>; FIELDS.len()] {
        let mut layouts = self.layouts.borrow_mut();
        let is_known = |(keys, _): &Layout| {
            keys.len() == object.0.len() && keys.iter().map(AsRef::as_ref).eq(object.keys())
        };
        if let Some(known) = layouts.iter().position(is_known) {
            layouts.swap(0, known);
            return layouts[0].1;
        }
        // The link is no key of an id, although its name is like one.
        let keys = object.keys();
        let names: Vec<&str> = keys
            .map(|key| if key == ZENDESK_LINK { "" } else { key })
            .collect();
        let mut places = FIELDS.map(|field| known_place(&names, field).map_err(|_| ()));
        if let (Ok(Some(place)), Some(id)) = (places[0], self.id) {
            places[0] = Ok((known_id(names[place]) == Some(id)).then_some(place));
        }
        let is_short = |name: &&str| name.len() <= KEY_BYTES_SEEN_MAX;
        if names.len() <= KEYS_SEEN_MAX && names.iter().all(is_short) {
            layouts.truncate(LAYOUTS_MAX - 1);
            layouts.push((object.keys().map(Box::from).collect(), places));
        }
        places
    }
}

/// The record that `json` holds: an object with the fields, or a bare id.
pub(super) fn record_of<'a>(json: &'a str, keys: &RowKeys) -> Result<Record<'a>, RowProblem> {
    let json = trim_cell(json);
    if !json.starts_with('{') {
        let value = serde_json::from_str(json).map_err(|_| not_json(json))?;
        return record_with_id(value);
    }
    let object = Object::parse(json).ok_or_else(|| not_json(json))?;
    let [id, account, action, reference, brand] = object.values(keys);
    let rest = Record {
        account: optional_cell(account?, Field::Account)?,
        action: optional_cell(action?, Field::Action)?,
        reference: optional_cell(reference?, Field::Reference)?,
        brand: optional_cell(brand?, Field::Brand)?,
        ..Record::default()
    };
    let no_id = "the row has no key that is known to hold the id";
    let id = id.and_then(|id| id.ok_or_else(|| RowProblem::new(Field::Id, "no_id", no_id)));
    match id.and_then(record_with_id) {
        Ok(Record { id, trimmed, .. }) => Ok(Record {
            id,
            trimmed,
            ..rest
        }),
        Err(problem) => Err(RowProblem {
            rest: Some(Box::new(rest.into_owned())),
            ..problem
        }),
    }
}

/// The text of what the object `json` has at `key`, dotted or not; blank if it is no object, or has none.
pub(super) fn cell_of<'a>(json: &'a str, key: &str) -> Result<Cow<'a, str>, RowProblem> {
    let json = trim_cell(json);
    if !json.starts_with('{') {
        return Ok(Cow::Borrowed(""));
    }
    let object = Object::parse(json).ok_or_else(|| not_json(json))?;
    let value = object.lookup(key, Field::Row, KEY_DEPTH_MAX)?;
    Ok(value.map_or_else(String::new, text_of_value).into())
}

fn not_json(json: &str) -> RowProblem {
    // As in the lines of a log.
    let begins_before_object =
        !json.starts_with(['{', '[', '"']) && json.contains('{') && json.ends_with('}');
    let reason = if begins_before_object {
        "text stands before the JSON object; leave the object alone on its line"
    } else if json.starts_with('{') && json.ends_with(',') {
        "a comma stands behind the JSON object, as within an array; `sed 's/,[[:space:]]*$//'` takes it off each line"
    } else {
        "the row is not JSON; check for a missing quote or bracket"
    };
    RowProblem::new(Field::Row, "not_json", reason)
}

/// A record with nothing but the id that `value` is.
fn record_with_id(value: &RawValue) -> Result<Record<'_>, RowProblem> {
    let raw = value.get();
    if is_digits(raw) {
        let id = Cow::Borrowed(raw);
        return Ok(Record {
            id,
            ..Record::default()
        });
    }
    let echoed = echo(raw);
    let (code, reason) = match raw.as_bytes().first() {
        Some(b'"') => {
            let text = string_of(value, Field::Id)?;
            let bare = trimmed(text.clone());
            return Ok(Record {
                trimmed: bare.len() < text.len(),
                id: bare,
                ..Record::default()
            });
        }
        Some(b'-') => ("negative", format!("the id{echoed} is a negative number")),
        Some(b'0'..=b'9') if raw.contains(['e', 'E']) => (
            "scientific_notation",
            format!(
                "the id{echoed} is in scientific notation, so its last digits are lost; export ids as text"
            ),
        ),
        Some(b'0'..=b'9') => (
            "decimal_point",
            format!("the id{echoed} has a decimal point; export ids as text"),
        ),
        Some(b'n') => ("no_id", "the id is null".to_owned()),
        Some(b't' | b'f') => ("not_an_id", "the id is true or false".to_owned()),
        _ => (
            "not_an_id",
            "the id is an object or an array; name the key within with a dotted `--id-column`"
                .to_owned(),
        ),
    };
    Err(RowProblem::new(Field::Id, code, reason))
}

/// The text of an optional field; `None`: it is not there, null or blank.
fn optional_cell(
    value: Option<&RawValue>,
    field: Field,
) -> Result<Option<Cow<'_, str>>, RowProblem> {
    let Some(value) = value else {
        return Ok(None);
    };
    let text = match value.get().as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b'"') => string_of(value, field)?,
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(value.get()),
        _ => {
            return Err(RowProblem::new(
                field,
                "not_text",
                format!("the {field} is neither a text nor a number"),
            ));
        }
    };
    let bare = trimmed(text);
    Ok((!bare.is_empty()).then_some(bare))
}

/// `text` without blanks around it.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim_cell(text)),
        Cow::Owned(text) => Cow::Owned(trim_cell(&text).to_owned()),
    }
}

/// The text of a JSON string.
fn string_of(value: &RawValue, field: Field) -> Result<Cow<'_, str>, RowProblem> {
    let raw = value.get();
    let bare = raw.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    // Nearly none holds an escape, and the others were read when the object was.
    if let Some(text) = bare.filter(|text| !text.contains('\\')) {
        return Ok(Cow::Borrowed(text));
    }
    let text = serde_json::from_str(raw).map(|Text(text)| text);
    text.map_err(|_| {
        let reason = format!("the {field} holds an escape that is no character");
        RowProblem::new(field, "not_text", reason)
    })
}

/// An object's keys and values in the order they stand, each value as its text.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// `None`: `json` holds no object.
    pub(super) fn parse(json: &'a str) -> Option<Self> {
        let json = trim_cell(json);
        json.starts_with('{')
            .then(|| serde_json::from_str(json).ok())?
    }

    /// Its own keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_ref())
    }

    /// The keys of the objects it holds, and of the first of each of its arrays, written with a
    /// dot. Their values are as a table's cells give them.
    pub(super) fn cells_within(&self) -> impl Iterator<Item = (String, String)> {
        let within = |(key, value): &(Cow<'_, str>, &'a RawValue)| {
            let first =
                || Object::parse(Vec::<&RawValue>::deserialize(*value).ok()?.first()?.get());
            let inner = Object::parse(value.get()).or_else(first)?;
            let dotted = inner
                .cells()
                .map(|(name, text)| (format!("{key}.{name}"), text()));
            Some(dotted.collect::<Vec<_>>())
        };
        self.0.iter().filter_map(within).flatten()
    }

    /// Whether it has `key`, dotted or not. A key that stands twice is there.
    pub(super) fn has(&self, key: &str) -> bool {
        !matches!(self.lookup(key, Field::Row, KEY_DEPTH_MAX), Ok(None))
    }

    /// Whether it has no `id`, or one of 24 hexadecimal digits.
    pub(super) fn has_hexadecimal_id(&self) -> bool {
        let id = self.lookup("id", Field::Id, 0).ok().flatten();
        id.is_none_or(|id| {
            let text = id.get().trim_matches('"');
            text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }

    /// Its keys with their values as a table's cells give them.
    pub(super) fn cells(&self) -> impl Iterator<Item = (&str, impl FnOnce() -> String)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_ref(), move || text_of_value(value)))
    }

    /// The value of each of [`FIELDS`]: of the key its option names, or else of the one that is known for
    /// it.
    fn values(&self, keys: &RowKeys) -> [Result<Option<&'a RawValue>, RowProblem>; FIELDS.len()] {
        let mut places = keys.places(self).into_iter();
        FIELDS.map(|field| match (keys.columns.of(field), places.next()) {
            (Some(NO_COLUMN), _) => Ok(None),
            (Some(key), _) => self.lookup(key, field, KEY_DEPTH_MAX),
            (None, Some(Ok(place))) => Ok(place.map(|place| self.0[place].1)),
            (None, _) => Err(ambiguous(field)),
        })
    }

    /// The value at `key`. A key that holds the dot itself goes before one that leads inwards.
    fn lookup(
        &self,
        key: &str,
        field: Field,
        depth: usize,
    ) -> Result<Option<&'a RawValue>, RowProblem> {
        let literal = self.only(key, field)?;
        if literal.is_some() {
            return Ok(literal);
        }
        for (dot, _) in key.match_indices('.').take(depth) {
            let within = self.only(&key[..dot], field)?;
            let Some(within) = within.and_then(|value| Object::parse(value.get())) else {
                continue;
            };
            let found = within.lookup(&key[dot + 1..], field, depth - 1)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The value of the one key called `name`; two of them are a problem, as either may hold `field`.
    fn only(&self, name: &str, field: Field) -> Result<Option<&'a RawValue>, RowProblem> {
        let mut called = self.0.iter().filter(|(key, _)| key == name);
        match (called.next(), called.next()) {
            (Some(_), Some(_)) => Err(ambiguous(field)),
            (found, _) => Ok(found.map(|(_, value)| *value)),
        }
    }
}

/// A value as a table's cell gives it: a string without its quotes, null as nothing, anything else as it is
/// written.
fn text_of_value(value: &RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        raw => serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
    }
}

/// Two keys hold `field`.
fn ambiguous(field: Field) -> RowProblem {
    let reason = format!(
        "two keys of the row match the {field}; name the right one with `{}`, or take the other out",
        field.option()
    );
    RowProblem::new(field, "ambiguous", reason)
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(8);
                while let Some((Text(key), value)) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Object(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
