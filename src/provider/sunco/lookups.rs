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

use serde_json::Value;

use crate::domain::{UserId, UserState};
use crate::provider::body::{Body, Object, child};
use crate::provider::{LookupFor, Reply, RowEnd, Verdict, verdict};

use super::answers::{is_named, refusal, user};

/// What a profile holds of a person, and a cleared one does not.
const PERSONAL: [&str; 4] = ["givenName", "surname", "email", "avatarUrl"];

/// Reads the answer to a lookup of the user `id`. Only the API's own words say that nobody is there: a
/// lookup settles doubts, and a gateway that has lost its route answers with an empty 404 as well.
pub(super) fn looked_up(
    purpose: LookupFor,
    id: &UserId,
    reply: &Reply,
) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    match body.object().filter(|_| reply.status == 200).and_then(user) {
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
