//! The kind of a body, before anyone asks what it says.
//!
//! The body decides, not the content type: Zendesk sends plain text as `text/html`, and a proxy
//! may call its page anything.
//!
//! A search by an e-mail address or external id may answer with users who only resemble the key. So those alone
//! count who say of themselves that the key is theirs: letter by letter, but for case where the provider heeds none.
//! Keys are persons: they stand in requests, and nowhere else.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Reply, Verdict, check_id, verdict};
use crate::domain::{FindBy, ProviderKind, UserId};

/// The most values a body may hold: each takes some twenty times its bytes. The largest honest answer,
/// a hundred full Zendesk users, has some 30,000.
const VALUES_MAX: usize = 100_000;

pub(super) type Object = Map<String, Value>;

/// A body, by kind.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// A JSON object: the only form in which a provider confirms anything.
    Object(Object),
    /// A page or other markup: never a provider's API.
    Markup,
    /// Nothing, or only blanks.
    Empty,
    /// Plain text.
    Text(&'a str),
    /// Other JSON, or bytes that are no text.
    Other,
}

/// The JSON of an answer, also where it is no object; `None`: it is none, or too much.
pub(super) fn json(reply: &Reply) -> Option<Value> {
    let text = std::str::from_utf8(&reply.body).ok();
    let text = text.filter(|text| values_at_most(text) <= VALUES_MAX)?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

impl<'a> Body<'a> {
    pub(super) fn of(reply: &'a Reply) -> Self {
        let Ok(text) = std::str::from_utf8(&reply.body) else {
            return Self::Other;
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.as_bytes().first() {
            None => Self::Empty,
            Some(b'<') => Self::Markup,
            Some(b'{') if values_at_most(text) > VALUES_MAX => Self::Other,
            Some(b'{') => match serde_json::from_str(text) {
                Ok(object) => Self::Object(object),
                Err(_) => Self::Other,
            },
            Some(b'[' | b'"') => Self::Other,
            Some(_) => Self::Text(text),
        }
    }

    /// The object, if it is one.
    pub(super) fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Markup | Self::Empty | Self::Text(_) | Self::Other => None,
        }
    }
}

/// A number that the values in the JSON `text` do not exceed: each but the first stands behind an
/// opening bracket or a comma. Those within texts are counted as well, which errs to the safe side.
fn values_at_most(text: &str) -> usize {
    let opens = |byte: &u8| matches!(byte, b',' | b'[' | b'{');
    text.bytes().filter(opens).count() + 1
}

/// An id as text: a string as it is, a whole number by its digits. A float is no id.
pub(super) fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_u64().map(|id| id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An answer that holds a list in the field `name`, and that list.
pub(super) fn list<'b>(
    reply: &Reply,
    body: &'b Body<'_>,
    name: &str,
) -> Option<(&'b Object, &'b [Value])> {
    let answer = body.object().filter(|_| reply.status == 200)?;
    Some((answer, answer.get(name)?.as_array()?))
}

/// The text of the field `name`, if it is a text.
pub(super) fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.get(name)?.as_str()
}

/// The object in the field `name`, if it is one.
pub(super) fn child<'o>(object: &'o Object, name: &str) -> Option<&'o Object> {
    object.get(name)?.as_object()
}

/// The longest e-mail address, in bytes (RFC 5321 with its brackets).
const ADDRESS_BYTES_MAX: usize = 254;

/// For each key in its order, the users who have it; and whether another page may name more.
pub type Found = (Vec<Vec<UserId>>, bool);

/// Whether `text` is an e-mail address that a search takes as it is. Quoted local parts and blanks are none,
/// and signs that mean something in a search.
pub(super) fn is_address(text: &str) -> bool {
    let is_sign = |c: char| c.is_whitespace() || c.is_control() || "\"'`()<>[]\\,;:*|&".contains(c);
    text.len() <= ADDRESS_BYTES_MAX
        && !text.contains(is_sign)
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
}

/// For each of `keys`, those of `users` who have the same. `own`: the keys of a user.
///
/// # Errors
///
/// One of the users has no id.
pub(super) fn by_key<'u>(
    by: FindBy,
    keys: &[String],
    users: &'u [Value],
    kind: ProviderKind,
    own: impl Fn(&'u Object) -> Vec<&'u str>,
) -> Result<Vec<Vec<UserId>>, Verdict> {
    let form = match (kind, by) {
        (ProviderKind::Sunco, FindBy::ExternalId) => str::to_owned,
        // The case of no other letter is one everywhere.
        _ => str::to_ascii_lowercase,
    };
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, key) in keys.iter().enumerate() {
        places.entry(form(key)).or_default().push(index);
    }
    let mut found = vec![Vec::new(); keys.len()];
    for user in users {
        let id = id_text(user.get("id")).filter(|id| check_id(kind)(id).is_ok());
        let (Some(user), Some(id)) = (user.as_object(), id) else {
            let why = "the answer names a user without an id";
            return Err(verdict::unclear("unknown_answer", why));
        };
        let own = own(user).into_iter();
        for index in own.filter_map(|key| places.get(&form(key))).flatten() {
            found[*index].push(UserId::new(id.as_str()));
        }
    }
    Ok(found)
}
