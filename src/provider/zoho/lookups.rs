//! How users stand: before a step, after an answer that alone cannot say, and after the fact.
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users?ids=`, from v4 on | 100 | who is listed with a status other than `deleted` and `closed`: they stand | documented |
//! | | | who is listed as `deleted` or `closed`, or not listed at all (204: nobody is): deleted | which of the two Zoho does is not documented, so both are taken |
//! | `users/{id}` | 1 | the same of one user; 204: no such user | documented |
//!
//! It needs the scope `ZohoCRM.users.READ`. Nothing shows that v2 to v3 heed `ids`, so they are asked
//! for one user at a time. An answer that lists anybody who was not asked for is not believed. A server
//! that passes over `ids` lists a page of all users, on which those who stand may well be missing.
//!
//! Both tell roles: users that Zoho made for itself by their type, and
//! administrators by the name of their profile, such as `Administrator` or `Sales Admin`. Profiles can
//! be made and named anew, and nothing else of a user tells what theirs allows.
//!
//! No field of a user tells the primary contact, only the organisation does (`org`). It does so by
//! the number of their Zoho account (ZUID), which the read of many users has of each. It needs a
//! scope of its own, `ZohoCRM.org.READ`. Without it nobody is known to be the primary contact, and
//! nobody is deleted for that: Zoho refuses to delete them.

use serde_json::Value;

use crate::domain::{FindBy, ProviderKind, UserState};
use crate::provider::body::{Body, Object, child, id_text, list, text};
use crate::provider::{Found, Reply, RowEnd, UserLookup, Verdict, find, verdict};

use super::answers::{refused, unknown_state, user};

/// The types of users that are protected, and what `--include-role` calls them,
/// <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
const PROTECTED: [(&str, &str); 3] = [
    ("Support User", "support-user"),
    ("System User", "system-user"),
    ("Digital Employee", "digital-employee"),
];

/// The name of administrators for `--include-role`.
const ADMINISTRATOR: &str = "administrator";

/// The words in the name of an administrators' profile, in lower case, in the languages it differs in.
const ADMIN_WORDS: [&str; 3] = ["admin", "amministra", "管理"];

/// The name of the primary contact for `--include-role`.
pub(super) const PRIMARY_CONTACT: &str = "primary-contact";

/// Reads the answer to `users/{id}`. How a deleted user is told is not documented: 204, or the status.
pub(super) fn read_state(asked: &UserLookup<'_>, reply: &Reply) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    if reply.status == 204 {
        return Ok(UserState::Unknown);
    }
    let Some(user) = user(reply, &body) else {
        return match refused(reply, &body) {
            Verdict::Row(RowEnd::NotFound, _) => Ok(UserState::Unknown),
            Verdict::Row(RowEnd::AlreadyGone, _) => Ok(UserState::Gone),
            verdict => Err(verdict::of_read(verdict)),
        };
    };
    if id_text(user.get("id")).as_deref() != Some(asked.ids[0].as_str()) {
        return Err(verdict::other_user());
    }
    match text(user, "status") {
        Some(status) if is_deleted(status) => Ok(UserState::Gone),
        Some(_) => Ok(UserState::Active {
            role: protected(user, asked.primary_contact),
        }),
        None => Err(unknown_state()),
    }
}

/// Reads the answer to `users?ids=`.
pub(super) fn listed(asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
    // No content: nobody of them is there.
    if reply.status == 204 {
        return Ok(vec![UserState::Gone; asked.ids.len()]);
    }
    let body = Body::of(reply);
    let (users, has_more) = page(reply, &body)?;
    if has_more {
        return Err(verdict::part_of_answer());
    }
    let seen = users.iter().map(|user| {
        let user = user.as_object();
        let known =
            user.and_then(|user| Some((user, id_text(user.get("id"))?, text(user, "status")?)));
        let (user, id, said) = known.ok_or_else(unknown_state)?;
        let role = protected(user, asked.primary_contact);
        let state = if is_deleted(said) {
            UserState::Gone
        } else {
            UserState::Active { role }
        };
        Ok((id, state))
    });
    verdict::in_order(asked.ids, &UserState::Gone, seen)
}

/// Reads a page of all users, for those who stand and have one of the e-mail addresses `keys`.
pub(super) fn found(keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
    if reply.status == 204 {
        return Ok((vec![Vec::new(); keys.len()], false));
    }
    let body = Body::of(reply);
    let (users, has_more) = page(reply, &body)?;
    let found = find::by_key(FindBy::Email, keys, users, ProviderKind::Zoho, |user| {
        let stands = !text(user, "status").is_some_and(is_deleted);
        text(user, "email").filter(|_| stands).into_iter().collect()
    });
    Ok((found?, has_more))
}

/// The users in the answer to a read of many, none of them an error, and whether others follow.
fn page<'b>(reply: &Reply, body: &'b Body<'_>) -> Result<(&'b [Value], bool), Verdict> {
    let is_error = |user: &Value| user.get("code").is_some();
    let users = list(reply, body, "users").filter(|(_, users)| !users.iter().any(is_error));
    let Some((answer, users)) = users else {
        return Err(verdict::of_read(refused(reply, body)));
    };
    let more = answer.get("info").and_then(|info| info.get("more_records"));
    Ok((users, more == Some(&Value::Bool(true))))
}

/// Whether a user of this status is deleted.
fn is_deleted(state: &str) -> bool {
    ["deleted", "closed"]
        .into_iter()
        .any(|deleted| state.eq_ignore_ascii_case(deleted))
}

/// The role of `user` if it is protected; versions of the API before the seventh tell no type.
fn protected(user: &Object, primary_zuid: Option<&str>) -> Option<String> {
    let kind = user.get("type__s").and_then(Value::as_str);
    let named =
        |(name, _): &&(&str, &str)| kind.is_some_and(|kind| name.eq_ignore_ascii_case(kind.trim()));
    let of_type = PROTECTED.iter().find(named).map(|(_, role)| *role);
    let is_primary =
        || primary_zuid.is_some() && id_text(user.get("zuid")).as_deref() == primary_zuid;
    let role = of_type
        .or_else(|| is_primary().then_some(PRIMARY_CONTACT))
        .or_else(|| is_administrator(user).then_some(ADMINISTRATOR))?;
    Some(role.to_owned())
}

/// Whether the user's profile is an administrators'.
fn is_administrator(user: &Object) -> bool {
    let profile = child(user, "profile").and_then(|profile| text(profile, "name"));
    profile.is_some_and(|name| {
        let name = name.to_lowercase();
        ADMIN_WORDS.into_iter().any(|word| name.contains(word))
    })
}
