//! How users stand: before a step, after an answer that alone cannot say, and after the fact.
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users/show_many` | 100 | who is active, and of which role | documented, recorded |
//! | | | who is not listed, or listed as inactive: deleted, softly at least | that it leaves deleted users out is experience, not documented; either way only an active user is taken to stand |
//! | `users/{id}` | 1 | who is active, soft-deleted, renamed after the permanent deletion, or unknown | documented, recorded |
//! | `deleted_users/{id}` | 1 | who is soft-deleted, and of which role | documented |
//! | `users/{id}/compliance_deletion_statuses` | 1 | how far the permanent deletion is, by area | documented |
//!
//! So a soft deletion is verified by 100 a request, and a permanent one by one request more for each user who
//! is not active. No read proves permanent deletions for many. `deleted_users` has 100 a page, but of all users
//! the account ever deleted, and cannot be asked for certain ones. It tells a permanent deletion only by the
//! user's new name, which comes hours later. Anybody could have given themselves that name.
//!
//! A permanent deletion runs in the background, area by area, for days. It is taken for complete when Zendesk
//! says so of all areas, or of every area that has begun. Of areas that have not begun nothing can be known. A
//! user is gone if Zendesk has no record of them, and does not have them among the soft-deleted ones either
//! (`deleted_users/{id}`). The first alone could be said of somebody whose permanent deletion nobody asked for.

use std::collections::HashMap;

use serde_json::Value;

use crate::domain::{FindBy, ProviderKind, RunOptions, UserId, UserState};
use crate::provider::body::{Body, Object, child, id_text, list, text};
use crate::provider::{Found, LookupFor, Reply, RowEnd, UserLookup, Verdict, find, verdict};

use super::answers::{refusal, role};

/// The role that is not protected.
const END_USER: &str = "end-user";

/// The role of an end user who is suspended: protected by choice, see
/// [`RunOptions::included_roles`](crate::domain::RunOptions::included_roles).
const SUSPENDED: &str = RunOptions::SUSPENDED;

/// The role of `user` if it may protect them, `role` being what the answer says.
fn protected(user: &Object, role: Option<String>) -> Option<String> {
    let is_suspended = user.get("suspended") == Some(&Value::Bool(true));
    match role {
        Some(role) if role != END_USER => Some(role),
        _ => is_suspended.then(|| SUSPENDED.to_owned()),
    }
}

/// The new name of a user who is permanently deleted, some time after; in lower case.
const PERMANENTLY_DELETED: &str = "permanently deleted user";

pub(super) fn states_of(asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
    let id = &asked.ids[0];
    let state = match asked.purpose {
        LookupFor::Roles | LookupFor::Verification => return listed(asked, reply),
        LookupFor::UnclearAnswer => read_state(id, reply),
        LookupFor::CloserVerification => erased(id, reply),
        LookupFor::SoftDeletedRoles => soft_deleted(id, reply, UserState::NotListed),
        // Neither active nor soft-deleted, and no record of an erasure.
        LookupFor::ClosestVerification => soft_deleted(id, reply, UserState::Gone),
    };
    state.map(|state| vec![state])
}

/// Reads the answer to `users/{id}`.
fn read_state(id: &UserId, reply: &Reply) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    let Some(user) = named("user", reply, &body) else {
        return not_found(reply, &body, UserState::Unknown);
    };
    check_named(user, id)?;
    let role = protected(user, role(user));
    match user.get("active") {
        // A user may call themselves anything; only an inactive one's name is Zendesk's word.
        Some(Value::Bool(true)) => Ok(UserState::Active { role }),
        Some(Value::Bool(false)) if is_renamed(user) => Ok(UserState::Gone),
        Some(Value::Bool(false)) => Ok(UserState::SoftDeleted { role }),
        _ => Err(unknown_state()),
    }
}

/// Reads the answer to `show_many`. It leaves deleted users out; one that is there as inactive does not
/// stand.
///
/// It is no answer if it names a user who was not asked for, is only a part, or lacks an id. Nor is
/// it if it lacks a fact for the purpose: before a step the role, after the fact the state.
fn listed(asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
    let body = Body::of(reply);
    let Some((answer, users)) = list(reply, &body, "users") else {
        return Err(verdict::of_read(refusal(reply, &body)));
    };
    let count = answer.get("count").and_then(Value::as_u64);
    if is_part(answer) || count.is_some_and(|count| count > users.len() as u64) {
        return Err(verdict::part_of_answer());
    }
    let seen = users.iter().map(|user| {
        let user = user.as_object().ok_or_else(unknown_state)?;
        let id = id_text(user.get("id")).ok_or_else(unknown_state)?;
        let active = user.get("active").and_then(Value::as_bool);
        let role = role(user);
        let is_known = match asked.purpose {
            LookupFor::Roles => role.is_some(),
            _ => active.is_some(),
        };
        if !is_known {
            return Err(unknown_state());
        }
        let role = protected(user, role);
        let state = match active {
            Some(false) => UserState::NotListed,
            _ => UserState::Active { role },
        };
        Ok((id, state))
    });
    verdict::in_order(asked.ids, &UserState::NotListed, seen)
}

/// The meaning of an answer to a read that shows nobody: how a user stands of whom Zendesk has no record.
fn not_found(reply: &Reply, body: &Body<'_>, state: UserState) -> Result<UserState, Verdict> {
    match refusal(reply, body) {
        Verdict::Look(RowEnd::NotFound, _) => Ok(state),
        verdict => Err(verdict::of_read(verdict)),
    }
}

/// Reads the answer to a search, or to `show_many` by external ids. A search also names users who only
/// resemble what was asked, or have the address beside their own: they are none of those asked for. External
/// ids are the same in any case,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#json-format>.
pub(super) fn found(by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
    let body = Body::of(reply);
    let Some((answer, users)) = list(reply, &body, "users") else {
        return Err(verdict::of_read(refusal(reply, &body)));
    };
    let name = by.name().replace('-', "_");
    let found = find::by_key(by, keys, users, ProviderKind::Zendesk, |user| {
        let stands = user.get("active") != Some(&Value::Bool(false));
        text(user, &name).filter(|_| stands).into_iter().collect()
    });
    Ok((found?, is_part(answer)))
}

/// Reads the answer to `deleted_users/{id}`. `missing`: how a user stands who is not there.
fn soft_deleted(id: &UserId, reply: &Reply, missing: UserState) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    let Some(user) = named("deleted_user", reply, &body) else {
        return not_found(reply, &body, missing);
    };
    check_named(user, id)?;
    match role(user) {
        Some(role) => Ok(UserState::SoftDeleted {
            role: Some(role).filter(|role| role != END_USER),
        }),
        // The former state is erased with the rest.
        None if is_renamed(user) => Ok(UserState::Gone),
        None => Err(unknown_state()),
    }
}

/// Reads the answer to `compliance_deletion_statuses` of a user who is not active.
fn erased(id: &UserId, reply: &Reply) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    let Some((answer, statuses)) = list(reply, &body, "compliance_deletion_statuses") else {
        return not_found(reply, &body, UserState::NotListed);
    };
    let mut all_complete = false;
    let mut begun: HashMap<&str, bool> = HashMap::new();
    for entry in statuses {
        let entry = entry.as_object();
        let named = entry.and_then(|entry| id_text(entry.get("user_id")));
        if named.is_some_and(|named| named != id.as_str()) {
            return Err(verdict::other_user());
        }
        let known =
            entry.and_then(|entry| Some((text(entry, "action")?, text(entry, "application")?)));
        let (action, area) = known.ok_or_else(unknown_state)?;
        let is_complete = matches!(action, "complete" | "completed");
        if area == ALL_AREAS {
            all_complete |= is_complete;
        } else {
            *begun.entry(area).or_default() |= is_complete;
        }
    }
    let every_begun = !begun.is_empty() && begun.values().all(|is_complete| *is_complete);
    Ok(if statuses.is_empty() {
        UserState::SoftDeleted { role: None }
    } else if (all_complete || every_begun) && !is_part(answer) {
        UserState::Gone
    } else {
        // Of a list that goes on, the rest may tell of an area that is not complete.
        UserState::Erasing
    })
}

/// The area that stands for all.
const ALL_AREAS: &str = "all";

/// Whether there is more on another page, in either kind of pagination.
fn is_part(answer: &Object) -> bool {
    let more = |meta: &Value| meta.get("has_more") == Some(&Value::Bool(true));
    answer.get("next_page").is_some_and(|next| !next.is_null())
        || answer.get("meta").is_some_and(more)
}

/// The user of that name in an answer.
pub(super) fn named<'b>(what: &str, reply: &Reply, body: &'b Body<'_>) -> Option<&'b Object> {
    (reply.status == 200)
        .then(|| child(body.object()?, what))
        .flatten()
}

fn check_named(user: &Object, id: &UserId) -> Result<(), Verdict> {
    if id_text(user.get("id")).as_deref() == Some(id.as_str()) {
        return Ok(());
    }
    Err(verdict::other_user())
}

fn is_renamed(user: &Object) -> bool {
    text(user, "name").is_some_and(|name| name.trim().eq_ignore_ascii_case(PERMANENTLY_DELETED))
}

pub(super) fn unknown_state() -> Verdict {
    let what = "the answer names a user without their state or role";
    verdict::unclear("unknown_answer", what)
}
