//! Finding users by an e-mail address or external id: what the providers share.
//!
//! A search may answer with users who only resemble the key. So those alone count who say of
//! themselves that the key is theirs: letter by letter, but for case where the provider heeds none.
//! Keys are persons: they stand in requests, and nowhere else.

use std::collections::HashMap;

use serde_json::Value;

use super::body::{Object, id_text};
use super::{Verdict, check_id, verdict};
use crate::domain::{FindBy, ProviderKind, UserId};

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
