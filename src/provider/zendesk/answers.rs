//! The meaning of Zendesk's answers to a deletion, to "who are we" and to reads of users.
//!
//! A deletion's success is told by the body alone; every other answer goes through [`refusal`]: by its status
//! ([`by_status`](verdict::by_status)), but for these:
//!
//! | answer | verdict |
//! | --- | --- |
//! | 429, or `TooManyJobs` at any 4xx | transient: throttled; a 429 of a day's limit that names no time: account |
//! | 401 | token rejected, if it says `invalid_token`; else account |
//! | 403 | row refused, if it speaks of this user in JSON; else account |
//! | 404 `RecordNotFound` | look: never there, or soft-deleted long ago |
//! | 404 otherwise | account: `InvalidEndpoint` is a wrong path; an empty one a wrong subdomain |
//! | 423 | transient: conflict |
//! | 413, 422 that says why | look: refused, or deleted already, both are `RecordInvalid`; of a permanent deletion: row refused |
//!
//! # How users stand
//!
//! It is read before a step, after an answer that alone cannot say, and after the fact.
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
use url::Url;

use crate::domain::{FindBy, ProviderKind, RunOptions, Said, Step, StopKind, UserId, UserState};
use crate::provider::body::{Body, Object, by_key, child, id_text, list, text};
use crate::provider::detail::clean_name;
use crate::provider::http::place;
use crate::provider::{
    Found, Identity, LookupFor, Reply, RowEnd, Scope, Transient, UserLookup, Verdict, digits,
    verdict,
};

/// The meaning of the answer to `step` for `id`.
pub(super) fn judge(step: Step, id: &UserId, reply: &Reply) -> Verdict {
    let body = Body::of(reply);
    if reply.status == 200 {
        return match &body {
            Body::Object(answer) => confirmed(step, id, answer, reply, &body),
            Body::Markup | Body::Empty | Body::Text(_) | Body::Other => {
                verdict::unrecognised(reply, &body, Said::default())
            }
        };
    }
    match (step, refusal(reply, &body)) {
        (Step::PermanentlyDelete, Verdict::Look(RowEnd::NotFound, _)) => Verdict::Look(
            RowEnd::Refused,
            Said::ours(
                "not_soft_deleted",
                "Zendesk finds no soft-deleted user of this id, and only those can be deleted \
                 permanently; soft-delete the user first, or use the action purge",
            ),
        ),
        // A look would find the user soft-deleted, as before, and take a refusal for a success.
        (Step::PermanentlyDelete, Verdict::Look(end, said)) => Verdict::Row(end, said),
        (_, verdict) => verdict,
    }
}

/// The meaning of an answer that confirms nothing. `Look` at `NotFound` is `RecordNotFound`.
pub(super) fn refusal(reply: &Reply, body: &Body<'_>) -> Verdict {
    let said = said(body);
    match reply.status {
        429 => throttled(reply, body, said),
        400..=499 if said.has_code("TooManyJobs") => too_many_jobs(reply, body, said),
        400..=499 if matches!(body, Body::Markup) => verdict::by_status(reply, body, said),
        401 => unauthorized(reply, said),
        403 => forbidden(body, said),
        404 if said.has_code("RecordNotFound") => Verdict::Look(RowEnd::NotFound, said),
        404 | 405 | 406 | 410 | 415 => {
            Verdict::Account(StopKind::WrongTenant, wrong_address(reply, said))
        }
        423 => Verdict::Transient(Transient::Conflict, said),
        413 | 422 if body.object().is_some() && !said.is_empty() => {
            Verdict::Look(RowEnd::Refused, said)
        }
        _ => verdict::by_status(reply, body, said),
    }
}

/// A 200 in JSON: it must name the user, and the state they should be in now.
fn confirmed(step: Step, id: &UserId, answer: &Object, reply: &Reply, body: &Body<'_>) -> Verdict {
    let user = match step {
        Step::Delete => child(answer, "user"),
        Step::PermanentlyDelete => child(answer, "deleted_user"),
        Step::DeletePersonalInformation | Step::Own(_) => None,
    };
    let Some(user) = user else {
        return verdict::unrecognised(reply, body, Said::default());
    };
    if id_text(user.get("id")).as_deref() != Some(id.as_str()) {
        return verdict::other_user();
    }
    let active = user.get("active").and_then(Value::as_bool);
    // The permanent deletion is told by the list the user is in; the soft one only by their state.
    if active == Some(true) || (step == Step::Delete && active.is_none()) {
        let what = "the answer is a success, but does not say that the user is inactive now";
        return verdict::unclear("still_active", what);
    }
    Verdict::Row(RowEnd::Deleted, Said::default())
}

/// One that is said to be a day's limit, without a time to wait, is nothing to wait for.
fn throttled(reply: &Reply, body: &Body<'_>, said: Said) -> Verdict {
    let moment = super::throttled(reply, body);
    if matches!(moment, Transient::Throttled { wait: None, .. }) && verdict::speaks_of_a_day(&said)
    {
        return Verdict::Account(StopKind::QuotaGone, said);
    }
    Verdict::Transient(moment, said)
}

fn too_many_jobs(reply: &Reply, body: &Body<'_>, said: Said) -> Verdict {
    let wait = match super::throttled(reply, body) {
        Transient::Throttled { wait, .. } => wait,
        Transient::ServerError { .. } | Transient::Conflict | Transient::Unrecognised => None,
    };
    let scope = Scope::Endpoint;
    Verdict::Transient(Transient::Throttled { scope, wait }, said)
}

fn unauthorized(reply: &Reply, said: Said) -> Verdict {
    let by_header = reply
        .header("www-authenticate")
        .is_some_and(|challenge| challenge.contains("invalid_token"));
    if by_header || said.has_code("invalid_token") {
        return Verdict::TokenRejected(said);
    }
    Verdict::Account(StopKind::CredentialsRejected, said)
}

/// The general refusal ends in "please contact the account owner", which is no word about the user; nor
/// is what is not Zendesk's JSON. The whole message decides, since what is kept begins behind a name.
fn forbidden(body: &Body<'_>, said: Said) -> Verdict {
    let about_this_user = body.object().and_then(message).is_some_and(|message| {
        let about = message
            .to_ascii_lowercase()
            .replace("contact the account owner", "");
        ["account owner", "yourself", "your own"]
            .into_iter()
            .any(|words| about.contains(words))
    });
    if about_this_user {
        Verdict::Row(RowEnd::Refused, said)
    } else {
        Verdict::Account(StopKind::NotPermitted, said)
    }
}

fn wrong_address(reply: &Reply, said: Said) -> Said {
    if said.is_empty() {
        let what = "without Zendesk's words: the subdomain or the address is wrong, or the account is closed";
        return Said::ours("wrong_address", format!("HTTP {} {what}", reply.status));
    }
    said
}

/// The statement of a body in one of Zendesk's forms, without the parts that name persons.
fn said(body: &Body<'_>) -> Said {
    match body {
        Body::Object(answer) => said_in_json(answer),
        Body::Text(text) => Said::of(None, Some(first_sentence(text))),
        Body::Markup | Body::Empty | Body::Other => Said::default(),
    }
}

fn said_in_json(answer: &Object) -> Said {
    let general = message(answer).map(fixed_part);
    if let Some(error) = child(answer, "error") {
        return Said::of(text(error, "title"), general);
    }
    let reason = child(answer, "details").and_then(reason);
    Said::of(text(answer, "error"), reason.as_deref().or(general))
}

/// The general message of an answer, as it stands.
fn message(answer: &Object) -> Option<&str> {
    match child(answer, "error") {
        Some(error) => text(error, "message"),
        None => ["description", "error_description", "message"]
            .into_iter()
            .find_map(|name| text(answer, name)),
    }
}

/// The reason in `details`, that of `base` before all. Descriptions begin with the user's name or
/// hold the value. So only a known phrase is taken of them, else the field and its error code.
fn reason(details: &Object) -> Option<String> {
    let of = |field: &str, entries: &Value| {
        entries.as_array()?.iter().find_map(|entry| {
            let entry = entry.as_object()?;
            let phrase = text(entry, "description").and_then(known_phrase);
            let code = || text(entry, "error").map(|code| format!("{field}: {code}"));
            phrase.map(str::to_owned).or_else(code)
        })
    };
    details
        .get("base")
        .and_then(|entries| of("base", entries))
        .or_else(|| {
            details
                .iter()
                .find_map(|(field, entries)| of(field, entries))
        })
}

/// The phrases of Zendesk about a user, after their name.
const PHRASES: [&str; 14] = [
    "is requester on",
    "is the requester",
    "is assigned",
    "is assignee",
    "is the account owner",
    "is account owner",
    "is an agent",
    "is already deleted",
    "has already been deleted",
    "is not deleted",
    "cannot be",
    "can't be",
    "can not be",
    "could not be",
];

/// `text` from the first known phrase on.
pub(super) fn known_phrase(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let at = PHRASES.iter().filter_map(|words| lower.find(words)).min()?;
    text.get(at..)
}

/// A general description: fixed text as it stands, unless it turns out to speak of a user by name.
fn fixed_part(text: &str) -> &str {
    known_phrase(text)
        .filter(|_| !text.starts_with("You "))
        .unwrap_or(text)
}

/// The part of a plain text before it comes to particulars, such as `user email: …`.
fn first_sentence(text: &str) -> &str {
    let end = [". ", ":", "\n"]
        .into_iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    &text[..end]
}

/// `role_type` of an agent whose rights a custom role says,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#json-format>.
const CUSTOM_AGENT: u64 = 0;
/// `role_type` of an agent who may only comment in private.
const LIGHT_AGENT: u64 = 1;

/// Reads the answer to "who are we".
pub(super) fn identified(base: &Url, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let Some(user) = named("user", reply, &body) else {
        return Err(verdict::of_identity(reply, refusal(reply, &body)));
    };
    let name = text(user, "name");
    let anonymous = name.is_some_and(|name| name.eq_ignore_ascii_case("Anonymous user"));
    let Some(caller) =
        id_text(user.get("id")).filter(|id| id != "0" && !id.is_empty() && !anonymous)
    else {
        let what = "Zendesk does not know these credentials: the e-mail address or the API token is wrong, \
                    or the token is off, as it is after 30 days unused; Zendesk makes no new ones";
        return Err(verdict::rejected("anonymous", what));
    };
    if digits::plain(&caller).is_err() {
        return Err(unknown_state());
    }
    let off = user.get("active") == Some(&Value::Bool(false))
        || user.get("suspended") == Some(&Value::Bool(true));
    if off {
        let what = "the user these credentials belong to is suspended or deleted";
        return Err(verdict::rejected("caller_inactive", what));
    }
    Ok(Identity {
        tenant: place(base),
        caller: Some(UserId::new(caller)),
        name: name.map(clean_name),
        role: Some(role(user).unwrap_or_else(|| "unknown".to_owned())),
        lacks: lacks(user),
        custom_role: custom_role(user),
        ..Identity::default()
    })
}

/// The role, in words; `None`: the answer does not say.
fn role(user: &Object) -> Option<String> {
    let role = text(user, "role").filter(|role| !role.is_empty())?;
    Some(match (role, role_type(user)) {
        ("agent", Some(LIGHT_AGENT)) => "light-agent".to_owned(),
        (role, _) => clean_name(role),
    })
}

fn role_type(user: &Object) -> Option<u64> {
    user.get("role_type")?.as_u64()
}

/// The custom role that says what an agent may do; `None`: they have none.
fn custom_role(user: &Object) -> Option<String> {
    let is_agent = text(user, "role") == Some("agent") && role_type(user) == Some(CUSTOM_AGENT);
    let role = id_text(user.get("custom_role_id")).filter(|_| is_agent)?;
    digits::plain(&role).is_ok().then_some(role)
}

/// Reads the answer about a custom role: what it lacks. Since 2025-09 the right to delete end users stands
/// apart from those to add and edit them, and of its words only `full` has it.
pub(super) fn role_lacks(reply: &Reply) -> Result<Vec<String>, Verdict> {
    let body = Body::of(reply);
    let Some(role) = named("custom_role", reply, &body) else {
        return Err(verdict::of_read(refusal(reply, &body)));
    };
    let allows = child(role, "configuration");
    let profiles = allows.and_then(|it| text(it, "end_user_profile_access"));
    let lacking = profiles.filter(|access| *access != "full").map(|access| {
        format!(
            "The caller's custom role does not let it delete end users (it says `{}`); let it add, edit \
             and delete all of them, or use an admin's credentials.",
            clean_name(access)
        )
    });
    Ok(lacking.into_iter().collect())
}

/// Admins lack nothing, and what an agent's custom role allows another read tells.
fn lacks(user: &Object) -> Vec<String> {
    let custom = custom_role(user).is_some();
    match text(user, "role") {
        Some("admin") => Vec::new(),
        Some("agent") if custom => Vec::new(),
        Some("agent") => vec![
            "The caller is an agent without a custom role that lets it delete users; use an \
             admin's credentials."
                .to_owned(),
        ],
        _ => vec![
            "The caller is no admin and no agent, and cannot delete users; use an admin's \
             credentials."
                .to_owned(),
        ],
    }
}

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
    let found = by_key(by, keys, users, ProviderKind::Zendesk, |user| {
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
fn named<'b>(what: &str, reply: &Reply, body: &'b Body<'_>) -> Option<&'b Object> {
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

fn unknown_state() -> Verdict {
    let what = "the answer names a user without their state or role";
    verdict::unclear("unknown_answer", what)
}
