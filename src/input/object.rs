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

use super::mapping::{Columns, known_as, known_names, same_name};
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
pub(super) fn record_of<'a>(json: &'a str, columns: &Columns) -> Result<Record<'a>, RowProblem> {
    let json = trim_cell(json);
    if json.starts_with('{')
        && *columns == Columns::default()
        && let Ok(known) = serde_json::from_str::<KnownKeys<'_>>(json)
    {
        return record_with(|field| known.value_of(field));
    }
    let value: &RawValue = serde_json::from_str(json).map_err(|_| {
        RowProblem::new(
            Field::Row,
            "not_json",
            "the row is not JSON; check for a missing quote or bracket",
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
    record_with(|field| field_of(&object, field, columns))
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
    match field_of(&object, field, columns) {
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
/// there.
fn field_of<'a>(
    object: &Object<'a>,
    field: Field,
    columns: &Columns,
) -> Result<Option<&'a RawValue>, RowProblem> {
    if let Some(key) = columns.of(field) {
        return object.lookup(key, field, KEY_DEPTH_MAX);
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

/// Two keys hold `field`.
fn ambiguous(field: Field) -> RowProblem {
    RowProblem::new(
        field,
        "ambiguous",
        format!(
            "two keys of the row match the {field}; name the right one with `{}`, or take the other out",
            field.option()
        ),
    )
}

/// The values of the known keys of an object, for the many rows of which no other key is wanted:
/// the rest is passed over as it is read.
#[derive(Default)]
struct KnownKeys<'a>([Option<KnownKey<'a>>; 4]);

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
            Field::Row | Field::Id => 0,
            Field::Account => 1,
            Field::Action => 2,
            Field::Reference => 3,
        }
    }

    fn value_of(&self, field: Field) -> Result<Option<&'a RawValue>, RowProblem> {
        match &self.0[Self::slot(field)] {
            Some(known) if known.twice => Err(ambiguous(field)),
            Some(known) => Ok(Some(known.value)),
            None => Ok(None),
        }
    }

    fn add(&mut self, field: Field, name: usize, value: &'a RawValue) {
        match &mut self.0[Self::slot(field)] {
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
                        Some((field, name)) => known.add(field, name, map.next_value()?),
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
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::mapping::Columns;
    use super::{Object, field_of, keys_of, record_of, record_with};

    fn columns(id: &str) -> Columns {
        Columns {
            id: Some(id.to_owned()),
            ..Columns::default()
        }
    }

    #[rstest]
    #[case("123", "123")]
    #[case("\"123\"", "123")]
    #[case("\" 123\\u00a0\"", "123")]
    #[case(
        "554023000000235011554023000000235011554023",
        "554023000000235011554023000000235011554023"
    )]
    #[case("0", "0")]
    #[case("007", "not_json")]
    #[case("\"a-b\"", "a-b")]
    #[case("1e5", "scientific_notation")]
    #[case("5.54E+17", "scientific_notation")]
    #[case("1.0", "decimal_point")]
    #[case("-1", "negative")]
    #[case("true", "not_an_id")]
    #[case("null", "no_id")]
    #[case("[1]", "not_an_id")]
    #[case("{\"id\":{\"a\":1}}", "not_an_id")]
    #[case("{\"id\":1e5}", "scientific_notation")]
    #[case("{\"name\":\"x\"}", "no_id")]
    #[case("{\"id\":\"\\ud800\"}", "not_text")]
    #[case("{\"id\":1", "not_json")]
    #[case("{\"id\":1,\"id\":2}", "ambiguous")]
    #[case("{\"User ID\":1,\"user_id\":2}", "ambiguous")]
    #[case("{\"user_id\":2,\"id\":1}", "1")]
    #[case("{\"User-Id\":3}", "3")]
    #[case("{\"\\u0069d\":4}", "4")]
    fn an_id_is_the_text_of_a_string_or_of_a_whole_number(
        #[case] json: &str,
        #[case] expected: &str,
    ) {
        let told = match record_of(json, &Columns::default()) {
            Ok(record) => record.id.into_owned(),
            Err(problem) => problem.code.to_owned(),
        };
        assert_eq!(told, expected);
    }

    #[rstest]
    #[case("user.id", r#"{"user":{"id":1}}"#, "1")]
    #[case("user.id", r#"{"user":{"id":1},"user.id":2}"#, "2")]
    #[case("a.b.c", r#"{"a":{"b":{"c":3}}}"#, "3")]
    #[case("a.b.c", r#"{"a":{"b.c":4}}"#, "4")]
    #[case("a.b.c", r#"{"a.b":{"c":5}}"#, "5")]
    #[case("a.b", r#"{"a":7}"#, "no_id")]
    #[case("uid", r#"{"id":1}"#, "no_id")]
    fn a_dotted_key_leads_inwards_unless_a_key_has_the_dot_itself(
        #[case] key: &str,
        #[case] json: &str,
        #[case] expected: &str,
    ) {
        let told = match record_of(json, &columns(key)) {
            Ok(record) => record.id.into_owned(),
            Err(problem) => problem.code.to_owned(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn the_other_fields_may_be_texts_or_numbers() {
        let json = r#"{"id":"1","account":" acme ","action":null,"ticket":4711,"name":[]}"#;
        let record = record_of(json, &Columns::default()).unwrap();
        assert_eq!(record.account.as_deref(), Some("acme"));
        assert_eq!(record.action, None);
        assert_eq!(record.reference.as_deref(), Some("4711"));
        let json = r#"{"id":"1","action":["purge"]}"#;
        let problem = record_of(json, &Columns::default()).unwrap_err();
        assert_eq!(problem.code, "not_text");
    }

    proptest! {
        #[test]
        fn a_row_means_the_same_on_the_short_way_and_on_the_long(
            pairs in prop::collection::vec((
                prop::sample::select(vec!["id", "ID", "user_id", "account", "System", "ref", "ticket", "action", "x", "\\u0069d", "\\ud800"]),
                prop::sample::select(vec!["1", "\" 2\"", "\"a\\u00e9\"", "\"\\ud800\"", "1e5", "null", "true", "{\"id\":1}", "[", "\"\""]),
            ), 0..6),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            let json = format!("{{{}}}", pairs.join(","));
            let short = record_of(&json, &Columns::default());
            if let Some(object) = serde_json::from_str(&json).ok().and_then(Object::parse) {
                let long = record_with(|field| field_of(&object, field, &Columns::default()));
                prop_assert_eq!(short, long);
            } else {
                prop_assert_eq!(short.unwrap_err().code, "not_json");
            }
        }
    }

    #[test]
    fn no_reason_repeats_a_text_that_may_be_a_name() {
        for json in ["true", "{\"id\":[\"Bob\"]}", "Bob", "{\"id\":{\"Bob\":1}}"] {
            let problem = record_of(json, &Columns::default()).unwrap_err();
            assert!(!problem.reason.contains("Bob"), "{}", problem.reason);
        }
        let problem = record_of("5.54E+17", &Columns::default()).unwrap_err();
        assert!(problem.reason.contains("`5.54E+17`"));
    }

    #[test]
    fn keys_are_listed_with_those_of_objects_within() {
        let keys = keys_of(r#"{"a":1,"b":{"c":2,"d":{"e":3}}}"#).unwrap();
        assert_eq!(keys.own, ["a", "b"]);
        assert_eq!(keys.within, ["b.c", "b.d"]);
        assert!(keys_of("[1]").is_none());
    }
}
