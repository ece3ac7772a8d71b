//! How users stand.
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users/{id}` | 1 | 404 `user_not_found`: the user is gone | documented |
//! | | | any other 404: nothing; a gateway that has lost its route answers so | seen |
//! | | | 200 with an empty profile, no metadata and no identities: the user is cleared | documented |
//! | | | 200 otherwise: the user stands | a deletion is carried out in the background, and how long a user can be read meanwhile is not documented: ask again before acting on it |
//!
//! There is no read for many. Of the answer only this is kept: whether there is anything personal
//! in it.

use std::slice::from_ref;

use serde_json::Value;

use crate::domain::{FindBy, ProviderKind, UserId, UserState};
use crate::provider::body::{Body, Object, child, list, text};
use crate::provider::{Found, LookupFor, Reply, RowEnd, Verdict, find, verdict};

use super::answers::{is_named, refusal};

/// The personal fields of a profile, which a cleared one does not have.
const PERSONAL: [&str; 4] = ["givenName", "surname", "email", "avatarUrl"];

/// Reads the answer to a lookup of the user `id`. Only the API's own words say that nobody is there. A
/// lookup settles doubts, and a gateway that has lost its route answers with an empty 404 as well.
pub(super) fn states_of(
    purpose: LookupFor,
    id: &UserId,
    reply: &Reply,
) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    let answer = body.object().filter(|_| reply.status == 200);
    match answer.and_then(|answer| child(answer, "user")) {
        Some(user) if !is_named(user, id) => Err(verdict::other_user()),
        Some(user) if is_cleared(user) => Ok(UserState::Cleared),
        Some(_) => Ok(UserState::Active { role: None }),
        None => match refusal(reply, &body) {
            Verdict::Row(RowEnd::NotFound, said) if said.code.is_some() => Ok(match purpose {
                LookupFor::UnclearAnswer => UserState::Unknown,
                _ => UserState::Gone,
            }),
            Verdict::Row(RowEnd::NotFound, said) => Err(verdict::unrecognised(reply, &body, said)),
            verdict => Err(verdict::of_read(verdict)),
        },
    }
}

/// Reads the answer to a read of one user by external id. Or it reads a list of users by an e-mail
/// address among their identities, which has no pages.
pub(super) fn found(by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
    let body = Body::of(reply);
    if by == FindBy::ExternalId {
        let id = UserId::new(keys[0].as_str());
        let is_known = states_of(LookupFor::UnclearAnswer, &id, reply)? != UserState::Unknown;
        let user = body.object().and_then(|it| it.get("user"));
        let user = user.filter(|_| is_known);
        let users = user.map_or(&[][..], from_ref);
        let found = find::by_key(by, keys, users, ProviderKind::Sunco, |user| {
            text(user, "externalId").into_iter().collect()
        });
        return Ok((found?, false));
    }
    let Some((answer, users)) = list(reply, &body, "users") else {
        return Err(verdict::of_read(refusal(reply, &body)));
    };
    if child(answer, "meta").and_then(|meta| meta.get("hasMore")) == Some(&Value::Bool(true)) {
        return Err(verdict::part_of_answer());
    }
    let found = find::by_key(by, keys, users, ProviderKind::Sunco, |user| {
        let identities = user.get("identities").and_then(Value::as_array);
        let identities = identities.into_iter().flatten();
        let identities = identities.filter_map(Value::as_object);
        let emails = identities.filter(|it| text(it, "type") == Some("email"));
        emails.filter_map(|it| text(it, "value")).collect()
    });
    Ok((found?, false))
}

/// Whether nothing personal is left. An answer without a profile at all shows nothing.
fn is_cleared(user: &Object) -> bool {
    let Some(profile) = child(user, "profile") else {
        return false;
    };
    PERSONAL.into_iter().all(|name| is_empty(profile.get(name)))
        && is_empty(user.get("metadata"))
        && is_empty(user.get("identities"))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(values)) => values.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}
