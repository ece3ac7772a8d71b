//! The meaning of Zoho's answers to a deletion, to "who are we", about the organisation and to reads of users:
//! by code and message, whatever the status.
//!
//! Zoho answers in one of two envelopes, the error at the top or in `users[0]`. It uses one code for things
//! that differ (`PERMISSION_DENIED`, `NOT_ALLOWED`). So the message decides between them, by a few lower-case
//! words of it. Its table is [`by_code`]; what it does not know goes by the status, see [`unknown`]. An answer
//! that is no such JSON is about the moment, whatever its status: Zoho is known to answer with a page when it
//! throttles. A redirect is none of Zoho's, whatever it says beside.
//!
//! # How users stand
//!
//! It is read before a step, after an answer that alone cannot say, and after the fact.
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
use url::Url;

use crate::domain::{FindBy, ProviderKind, StopKind, UserId, UserState};
use crate::provider::body::{Body, Object, by_key, child, id_text, list, text};
use crate::provider::detail::clean_name;
use crate::provider::http::{place, retry_after};
use crate::provider::{
    Found, Identity, PRIMARY_CONTACT, Reply, RowEnd, Said, Scope, Transient, UserLookup, Verdict,
    verdict,
};

use super::{check_id, org_prefix};

/// The statement of Zoho in either envelope.
#[derive(Debug)]
struct ZohoAnswer {
    /// Its code and message, fit to be kept.
    said: Said,
    /// The user named in `details`; empty, and nobody's: no id stands there; `None`: none is named.
    id: Option<String>,
    /// Whether it stands in `users[0]`.
    in_users: bool,
    /// Whether `status` is there and says something other than success.
    is_error: bool,
}

/// The meaning of the answer to the deletion of `id`.
pub(super) fn judge(id: &UserId, reply: &Reply) -> Verdict {
    if matches!(reply.status, 300..=399) {
        return verdict::redirected(reply);
    }
    let body = Body::of(reply);
    match ZohoAnswer::read(&body) {
        Some(answer) if answer.id.as_deref().is_some_and(|it| it != id.as_str()) => {
            verdict::other_user()
        }
        Some(answer) if answer.said.has_code("SUCCESS") => {
            if reply.status == 200 && answer.in_users && !answer.is_error {
                Verdict::Row(RowEnd::Deleted, Said::default())
            } else {
                verdict::unrecognised(reply, &body, answer.said)
            }
        }
        Some(answer) => refusal(reply, &body, answer),
        None => no_answer(reply, &body),
    }
}

/// The meaning of an answer in one of the envelopes that is not a success.
fn refusal(reply: &Reply, body: &Body<'_>, answer: ZohoAnswer) -> Verdict {
    by_code(reply, answer.said).unwrap_or_else(|said| unknown(reply, body, answer.is_error, said))
}

/// The meaning of an answer in neither envelope.
fn no_answer(reply: &Reply, body: &Body<'_>) -> Verdict {
    match reply.status {
        429 => throttled(reply, Said::default()),
        500..=599 | 408 => verdict::server_error(reply, Said::default()),
        _ => verdict::unrecognised(reply, body, Said::default()),
    }
}

/// The codes that are known; else the words come back.
fn by_code(reply: &Reply, said: Said) -> Result<Verdict, Said> {
    let code = said
        .code
        .as_deref()
        .unwrap_or_default()
        .to_ascii_uppercase();
    Ok(match code.as_str() {
        "ID_ALREADY_DELETED" => Verdict::Row(RowEnd::AlreadyGone, said),
        "INVALID_DATA" => Verdict::Row(RowEnd::NotFound, said),
        "NOT_ALLOWED" if said.mentions("sandbox") => Verdict::Account(StopKind::WrongTenant, said),
        "INVALID_REQUEST" | "NOT_ALLOWED" => Verdict::Row(RowEnd::Refused, said),
        "PERMISSION_DENIED" => permission_denied(said),
        "AUTHORIZATION_FAILED" | "NO_PERMISSION" => Verdict::Account(StopKind::NotPermitted, said),
        "OAUTH_SCOPE_MISMATCH" => Verdict::Account(
            StopKind::NotPermitted,
            said.with_hint(
                "the refresh token needs ZohoCRM.users.DELETE and ZohoCRM.users.READ, and \
                 ZohoCRM.org.READ to tell the primary contact",
            ),
        ),
        "INVALID_TOKEN" | "INVALID_OAUTHTOKEN" | "AUTHENTICATION_FAILURE" => {
            Verdict::TokenRejected(said)
        }
        "INVALID_URL_PATTERN" | "INVALID_REQUEST_METHOD" | "METHOD_NOT_ALLOWED" => {
            Verdict::Account(StopKind::WrongTenant, said)
        }
        "RATE_LIMIT_EXCEEDED" | "TOO_MANY_REQUESTS" => throttled(reply, said),
        "INTERNAL_ERROR" | "SERVICE_UNAVAILABLE" => verdict::server_error(reply, said),
        _ => return Err(said),
    })
}

/// Too many requests: for the day's credits, or at once. The headers tell which, once half of the
/// credits are gone (<https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html>). A day that is
/// used up is nothing to wait for, unless a time is named; and a time is of a rate.
fn throttled(reply: &Reply, said: Said) -> Verdict {
    let wait = retry_after(&reply.headers);
    let is_at_once = said.has_code("TOO_MANY_REQUESTS") || said.mentions("concurren");
    let scope = match wait {
        None if has_none_left(reply, &DAY_LEFT) || verdict::speaks_of_a_day(&said) => {
            return Verdict::Account(StopKind::QuotaGone, said);
        }
        None if is_at_once && !has_none_left(reply, &RATE_LEFT) => Scope::Concurrency,
        None | Some(_) => Scope::Account,
    };
    Verdict::Transient(Transient::Throttled { scope, wait }, said)
}

/// The headers of the day's remaining credits, in today's spelling and the older one.
const DAY_LEFT: [&str; 2] = ["x-api-credits-remaining", "x-ratelimit-day-remaining"];

/// The header of a shorter time's remaining requests, in the older spelling.
const RATE_LEFT: [&str; 1] = ["x-ratelimit-remaining"];

fn has_none_left(reply: &Reply, names: &[&str]) -> bool {
    let mut left = names.iter().filter_map(|name| reply.header(*name));
    left.any(|left| left.trim() == "0")
}

/// One code, three meanings: the org's cap, this user closed or deleted, or no right to do it.
fn permission_denied(said: Said) -> Verdict {
    let cap = [
        "restrict_user_deletion",
        "users count exceeded",
        "not allowed for the org",
    ];
    if cap.into_iter().any(|words| said.mentions(words)) {
        Verdict::Account(StopKind::OrgCap, said)
    } else if said.mentions("closed") || said.mentions("deleted user") {
        Verdict::Look(RowEnd::Refused, said)
    } else {
        Verdict::Account(StopKind::NotPermitted, said)
    }
}

/// A code that is not known: by the status, and about the row only where nothing else can be meant. A
/// status about the address or the form of requests would be the same for every row.
fn unknown(reply: &Reply, body: &Body<'_>, is_error: bool, said: Said) -> Verdict {
    match reply.status {
        429 => throttled(reply, said),
        413 => Verdict::Account(StopKind::WrongTenant, said),
        200 if is_error => Verdict::Row(RowEnd::Refused, said),
        _ => verdict::by_status(reply, body, said),
    }
}

impl ZohoAnswer {
    /// Reads either envelope; `None`: it is neither, or holds several users.
    fn read(body: &Body<'_>) -> Option<Self> {
        let object = body.object()?;
        let (entry, in_users) = match object.get("users") {
            Some(users) => match users.as_array()?.as_slice() {
                [one] => (one.as_object()?, true),
                _ => return None,
            },
            None => (object, false),
        };
        let code = text(entry, "code")?;
        let details = child(entry, "details");
        let message = with_permissions(text(entry, "message"), details);
        let said = Said::of(Some(code), message.as_deref());
        said.code.is_some().then(|| Self {
            id: details
                .and_then(|details| details.get("id").filter(|id| !id.is_null()))
                .map(|id| id_text(Some(id)).unwrap_or_default()),
            is_error: text(entry, "status")
                .is_some_and(|status| !status.eq_ignore_ascii_case("success")),
            said,
            in_users,
        })
    }
}

/// The message, with the permissions it misses: fixed words such as `Crm_Implied_Manage_Users`.
fn with_permissions(message: Option<&str>, details: Option<&Object>) -> Option<String> {
    let missing: Vec<&str> = details
        .and_then(|details| details.get("permissions")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|permission| permission.as_str())
        .filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .take(PERMISSIONS_MAX)
        .collect();
    let message = message?;
    if missing.is_empty() {
        return Some(message.to_owned());
    }
    Some(format!("{message} ({})", missing.join(", ")))
}

/// How many missing permissions are named.
const PERMISSIONS_MAX: usize = 4;

/// Reads the answer to "who are we". Zoho's documents differ on who may delete users.
pub(super) fn identified(base: &Url, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let Some(user) = user(reply, &body) else {
        if reply.status == 204 {
            let what = "the token belongs to no user of this CRM organisation";
            return Err(verdict::of_account(
                StopKind::WrongTenant,
                "no_current_user",
                what,
            ));
        }
        return Err(verdict::of_read(refused(reply, &body)));
    };
    let Some(caller) = id_text(user.get("id")).and_then(|id| check_id(&id).ok().map(UserId::new))
    else {
        return Err(unknown_state());
    };
    if text(user, "status").is_some_and(|status| !status.eq_ignore_ascii_case("active")) {
        let what = "the user this token belongs to is not active";
        return Err(verdict::rejected("caller_inactive", what));
    }
    let prefix = org_prefix(&caller);
    let named = |field| child(user, field).and_then(|of| text(of, "name"));
    Ok(Identity {
        tenant: format!("{}/{prefix}", place(base)),
        caller: Some(caller),
        name: text(user, "full_name").map(clean_name),
        role: named("profile").or_else(|| named("role")).map(clean_name),
        id_prefix: Some(prefix),
        ..Identity::default()
    })
}

/// Reads the answer about the organisation: the primary contact's number at Zoho. `None`: it tells
/// none, or there is no such read here. Whoever that leaves unknown is kept by Zoho itself.
pub(super) fn primary_zuid(reply: &Reply) -> Result<Option<String>, Verdict> {
    if matches!(reply.status, 204 | 404) {
        return Ok(None);
    }
    let body = Body::of(reply);
    let answer = body.object().filter(|_| reply.status == 200);
    let orgs = answer.and_then(|answer| answer.get("org")?.as_array());
    match orgs.map(Vec::as_slice) {
        Some([Value::Object(org)]) => {
            let zuid = id_text(org.get("primary_zuid"));
            Ok(zuid.filter(|zuid| !zuid.is_empty()))
        }
        _ => Err(verdict::of_read(refused(reply, &body))),
    }
}

/// The one user in a 200; an entry with a code is an error in the users' envelope.
fn user<'b>(reply: &Reply, body: &'b Body<'_>) -> Option<&'b Object> {
    if reply.status != 200 {
        return None;
    }
    match body.object()?.get("users")?.as_array()?.as_slice() {
        [one] => one.as_object().filter(|user| !user.contains_key("code")),
        _ => None,
    }
}

fn refused(reply: &Reply, body: &Body<'_>) -> Verdict {
    if matches!(reply.status, 300..=399) {
        return verdict::redirected(reply);
    }
    match ZohoAnswer::read(body) {
        Some(answer) if answer.said.has_code("SUCCESS") => {
            verdict::unrecognised(reply, body, answer.said)
        }
        Some(answer) => refusal(reply, body, answer),
        None => no_answer(reply, body),
    }
}

fn unknown_state() -> Verdict {
    let what = "the answer names a user without an id or a state that Zoho has";
    verdict::unclear("unknown_answer", what)
}

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
    let found = by_key(FindBy::Email, keys, users, ProviderKind::Zoho, |user| {
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
