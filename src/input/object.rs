//! A JSON value to a [`Record`].
//!
//! An id may be a string or a bare number of any length. A number's digits are taken as they stand
//! in the text: read as a float, an id of nineteen digits would become its neighbour's.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::{memchr, memchr_iter};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::Record;

use super::keys::{IdKeys, Keys as RowKeys, ambiguous};
use super::mapping::{Columns, Known, known_as, known_names, same_name};
use super::row::{Field, RowProblem, echo};
use super::text::trim_cell;

/// The deepest nesting a dotted key reaches into.
const KEY_DEPTH_MAX: usize = 16;

/// `bytes` as text, or that they are none.
pub(super) fn text_of(bytes: &[u8], field: Field) -> Result<&str, RowProblem> {
    std::str::from_utf8(bytes).map_err(|_| {
        RowProblem::new(
            field,
            "invalid_utf8",
            format!("the {field} holds bytes that are not UTF-8; export the file again as UTF-8"),
        )
    })
}

/// The record that `json` holds: an object with the fields, or a bare id.
pub(super) fn record_of<'a>(json: &'a str, keys: &RowKeys) -> Result<Record<'a>, RowProblem> {
    let json = trim_cell(json);
    if json.starts_with('{')
        && keys.are_known()
        && let Ok(known) = serde_json::from_str::<KnownKeys<'_>>(json)
    {
        return record_with(|field| known.value_of(field, keys.id));
    }
    let value: &RawValue = serde_json::from_str(json).map_err(|_| {
        RowProblem::new(
            Field::Row,
            "not_json",
            if begins_before_object(json) {
                "text stands before the JSON object; leave the object alone on its line"
            } else {
                "the row is not JSON; check for a missing quote or bracket"
            },
        )
    })?;
    if !value.get().starts_with('{') {
        return record_with_id(value);
    }
    let object = Object::parse(value).ok_or_else(|| {
        RowProblem::new(
            Field::Row,
            "not_json",
            "the row is not a readable JSON object",
        )
    })?;
    record_with(|field| field_of(&object, field, keys))
}

/// Whether an object stands in `json` behind something else, as in the lines of a log.
fn begins_before_object(json: &str) -> bool {
    !json.starts_with(['{', '[', '"']) && json.contains('{') && json.ends_with('}')
}

/// The record whose fields have the values that `value_of` finds.
fn record_with<'a>(
    value_of: impl Fn(Field) -> Result<Option<&'a RawValue>, RowProblem>,
) -> Result<Record<'a>, RowProblem> {
    let id = value_of(Field::Id)?.ok_or_else(|| {
        RowProblem::new(
            Field::Id,
            "no_id",
            "the row has no key that is known to hold the id",
        )
    })?;
    let cell = |field| match value_of(field)? {
        Some(value) => optional_cell(value, field),
        None => Ok(None),
    };
    Ok(Record {
        account: cell(Field::Account)?,
        action: cell(Field::Action)?,
        reference: cell(Field::Reference)?,
        ..record_with_id(id)?
    })
}

/// Where the value of `field` stands in `json`, or where `json` is broken; all of it, if neither can
/// be told.
pub(super) fn place_of(json: &str, field: Field, columns: &Columns) -> Range<usize> {
    let all = 0..json.len();
    let value: &RawValue = match serde_json::from_str(json) {
        Ok(value) => value,
        Err(error) => return place_of_error(json, &error),
    };
    let Some(object) = Object::parse(value).filter(|_| field != Field::Row) else {
        return all;
    };
    match field_of(&object, field, &RowKeys::new(columns, None)) {
        // It lies within `json`, which it was borrowed from.
        Ok(Some(value)) => {
            let start = value.get().as_ptr().addr() - json.as_ptr().addr();
            start..start + value.get().len()
        }
        Ok(None) | Err(_) => all,
    }
}

/// The character at which `json` cannot be read on; behind its end if more was to come.
fn place_of_error(json: &str, error: &serde_json::Error) -> Range<usize> {
    let line_ends = memchr_iter(b'\n', json.as_bytes()).map(|end| end + 1);
    let mut starts = std::iter::once(0).chain(line_ends);
    let start = starts.nth(error.line().saturating_sub(1)).unwrap_or(0);
    let at = start + error.column().saturating_sub(1);
    let at = if error.is_eof() { at + 1 } else { at };
    let at = json.floor_char_boundary(at.min(json.len()));
    let length = json[at..].chars().next().map_or(0, char::len_utf8);
    at..at + length
}

/// The keys of an object.
pub(super) struct Keys {
    /// Its own.
    pub(super) own: Vec<String>,
    /// Those of the objects it holds, written with a dot.
    pub(super) within: Vec<String>,
}

/// The keys of the object that `json` holds; `None`: it holds no object.
pub(super) fn keys_of(json: &str) -> Option<Keys> {
    let object = parse(json)?;
    let mut keys = Keys {
        own: Vec::new(),
        within: Vec::new(),
    };
    for (key, value) in object.0 {
        if let Some(inner) = Object::parse(value) {
            let dotted = inner.0.iter().map(|(name, _)| format!("{key}.{name}"));
            keys.within.extend(dotted);
        }
        keys.own.push(key.into_owned());
    }
    Some(keys)
}

/// Whether the object that `json` holds has `key`, dotted or not.
pub(super) fn has_key(json: &str, key: &str) -> bool {
    parse(json).is_some_and(|object| {
        // A key that stands twice is there.
        !matches!(object.lookup(key, Field::Row, KEY_DEPTH_MAX), Ok(None))
    })
}

/// Whether the object that `json` holds has no `id`, or one of 24 hexadecimal digits.
pub(super) fn has_hexadecimal_id(json: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit();
    let id = parse(json).and_then(|object| object.lookup("id", Field::Id, 0).ok().flatten());
    id.is_none_or(|id| {
        let text = id.get().trim_matches('"');
        text.len() == 24 && text.bytes().all(is_digit)
    })
}

/// Shows `each` the keys of the object that `json` holds with their values as a table's cells give
/// them: a string without its quotes, null as nothing, anything else as it is written. Of a value
/// that is no object, none.
pub(super) fn each_cell(json: &str, mut each: impl FnMut(&str, Cell<'_>)) {
    for (key, value) in parse(json).map_or_else(Vec::new, |object| object.0) {
        each(&key, Cell(value));
    }
}

/// A value of an object, taken apart only when it is wanted.
pub(super) struct Cell<'a>(&'a RawValue);

impl Cell<'_> {
    /// The text that a table's cell holds for it.
    pub(super) fn text(&self) -> String {
        match self.0.get() {
            "null" => String::new(),
            raw => serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
        }
    }
}

/// The object that `json` holds; `None`: it holds none.
fn parse(json: &str) -> Option<Object<'_>> {
    Object::parse(serde_json::from_str(trim_cell(json)).ok()?)
}

/// The value of `field`: of the key its option names, or else of the first known name that is
/// there; of the id, of the only one.
fn field_of<'a>(
    object: &Object<'a>,
    field: Field,
    keys: &RowKeys,
) -> Result<Option<&'a RawValue>, RowProblem> {
    if let Some(key) = keys.columns.of(field) {
        return object.lookup(key, field, KEY_DEPTH_MAX);
    }
    if field == Field::Id {
        let pairs = object.0.iter().map(|(key, value)| (key.as_ref(), *value));
        return IdKeys::of(pairs).value(keys.id);
    }
    for name in known_names(field) {
        let found = object.only(field, |key| same_name(key, name))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A record with nothing but the id that `value` is.
fn record_with_id(value: &RawValue) -> Result<Record<'_>, RowProblem> {
    let problem = |code, reason: String| Err(RowProblem::new(Field::Id, code, reason));
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = string_of(value, Field::Id)?;
            let bare = trimmed(text.clone());
            Ok(Record {
                trimmed: bare.len() < text.len(),
                id: bare,
                ..Record::default()
            })
        }
        Some(b'-') => problem(
            "negative",
            format!("the id{} is a negative number", echo(raw)),
        ),
        Some(_) if raw.bytes().all(|b| b.is_ascii_digit()) => Ok(Record {
            id: Cow::Borrowed(raw),
            ..Record::default()
        }),
        Some(b'0'..=b'9') if raw.contains(['e', 'E']) => problem(
            "scientific_notation",
            format!(
                "the id{} is in scientific notation, so its last digits are lost; export ids as text",
                echo(raw)
            ),
        ),
        Some(b'0'..=b'9') => problem(
            "decimal_point",
            format!(
                "the id{} has a decimal point; export ids as text",
                echo(raw)
            ),
        ),
        Some(b'n') => problem("no_id", "the id is null".to_owned()),
        Some(b't' | b'f') => problem("not_an_id", "the id is true or false".to_owned()),
        _ => problem(
            "not_an_id",
            "the id is an object or an array; name the key within with a dotted `--id-column`"
                .to_owned(),
        ),
    }
}

/// The text of an optional field; `None`: it is null or blank.
fn optional_cell(value: &RawValue, field: Field) -> Result<Option<Cow<'_, str>>, RowProblem> {
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
    if memchr(b'\\', raw.as_bytes()).is_none() {
        // Without an escape it stands there as it is; that it is a string was seen before.
        return Ok(Cow::Borrowed(raw.trim_matches('"')));
    }
    serde_json::from_str::<Key<'_>>(raw)
        .map(|key| key.0)
        .map_err(|_| {
            RowProblem::new(
                field,
                "not_text",
                format!("the {field} holds an escape that is no character"),
            )
        })
}

/// An object's keys and values in the order they stand, each value as its text.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// `None`: the value is no object.
    fn parse(value: &'a RawValue) -> Option<Self> {
        value
            .get()
            .starts_with('{')
            .then(|| serde_json::from_str(value.get()).ok())?
    }

    /// The value at `key`. A key that holds the dot itself goes before one that leads inwards.
    fn lookup(
        &self,
        key: &str,
        field: Field,
        depth: usize,
    ) -> Result<Option<&'a RawValue>, RowProblem> {
        let literal = self.only(field, |name| name == key)?;
        if literal.is_some() {
            return Ok(literal);
        }
        for (dot, _) in key.match_indices('.').take(depth) {
            let within = self.only(field, |name| name == &key[..dot])?;
            let Some(within) = within.and_then(Object::parse) else {
                continue;
            };
            let found = within.lookup(&key[dot + 1..], field, depth - 1)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The value of the one key that `is_meant`; two of them are a problem, as either may be it.
    fn only(
        &self,
        field: Field,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Option<&'a RawValue>, RowProblem> {
        let mut meant = self.0.iter().filter(|(key, _)| is_meant(key));
        let found = meant.next().map(|(_, value)| *value);
        if meant.next().is_some() {
            return Err(ambiguous(field));
        }
        Ok(found)
    }
}

/// The values of the known keys of an object, for the many rows of which no other key is wanted:
/// the rest is passed over as it is read.
#[derive(Default)]
struct KnownKeys<'a> {
    ids: IdKeys<'a>,
    others: [Option<KnownKey<'a>>; 3],
}

/// The value of the best key of a field so far.
struct KnownKey<'a> {
    /// Which of the field's names it has; an earlier one goes before a later one.
    name: usize,
    value: &'a RawValue,
    /// Whether another key has that name as well.
    twice: bool,
}

impl<'a> KnownKeys<'a> {
    const fn slot(field: Field) -> usize {
        match field {
            Field::Row | Field::Id | Field::Account => 0,
            Field::Action => 1,
            Field::Reference => 2,
        }
    }

    fn value_of(
        &self,
        field: Field,
        id: Option<usize>,
    ) -> Result<Option<&'a RawValue>, RowProblem> {
        if field == Field::Id {
            return self.ids.value(id);
        }
        match &self.others[Self::slot(field)] {
            Some(known) if known.twice => Err(ambiguous(field)),
            Some(known) => Ok(Some(known.value)),
            None => Ok(None),
        }
    }

    fn add(&mut self, field: Field, name: usize, value: &'a RawValue) {
        match &mut self.others[Self::slot(field)] {
            Some(known) if known.name == name => known.twice = true,
            Some(known) if known.name < name => {}
            slot => {
                *slot = Some(KnownKey {
                    name,
                    value,
                    twice: false,
                });
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for KnownKeys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = KnownKeys<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut known = KnownKeys::default();
                while let Some(Key(key)) = map.next_key()? {
                    match known_as(&key) {
                        Some(Known::Name(field, name)) if field != Field::Id => {
                            known.add(field, name, map.next_value()?);
                        }
                        Some(name) => known.ids.add(&key, name, map.next_value()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(known)
            }
        }

        deserializer.deserialize_map(Pairs)
    }
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
                let mut pairs = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Object(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

/// A text borrowed from the input where it holds no escape; serde's own `Cow` always copies.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests;
