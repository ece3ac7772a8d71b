//! What Zoho's answers to questions mean: who are we, how does a user stand.

use serde_json::Value;
use url::Url;

use crate::domain::{StopKind, UserId};
use crate::provider::address::authority;
use crate::provider::body::{Body, Object, child, id_text, text};
use crate::provider::detail::shown;
use crate::provider::{Detail, Identity, Moment, Reply, RowEnd, Seen, Verdict, status};

use super::ids;
use super::judge::{Answer, no_answer, refusal};

/// Reads the answer to "who are we". Who may delete users is Zoho's to say: its documents differ
/// on it, so nothing is told lacking.
///
/// # Errors
///
/// The verdict.
pub(super) fn identified(base: &Url, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let Some(user) = user(reply, &body) else {
        if reply.status == 204 {
            return Err(Verdict::Account(
                StopKind::WrongTenant,
                Detail::ours(
                    "no_current_user",
                    "the token belongs to no user of this CRM organisation",
                ),
            ));
        }
        return Err(status::of_read(refused(reply, &body)));
    };
    let Some(caller) = id_text(user.get("id")).and_then(|id| ids::check(&id).ok().map(UserId::new))
    else {
        return Err(unknown_state());
    };
    if text(user, "status").is_some_and(|status| !status.eq_ignore_ascii_case("active")) {
        return Err(Verdict::Account(
            StopKind::CredentialsRejected,
            Detail::ours(
                "caller_inactive",
                "the user this token belongs to is not active",
            ),
        ));
    }
    let prefix = ids::org_prefix(&caller);
    let named = |field| child(user, field).and_then(|of| text(of, "name"));
    Ok(Identity {
        tenant: format!(
            "{}{}/{prefix}",
            authority(base),
            base.path().trim_end_matches('/')
        ),
        caller: Some(caller),
        name: text(user, "full_name").map(shown),
        role: named("profile").or_else(|| named("role")).map(shown),
        id_prefix: Some(prefix),
        lacks: Vec::new(),
    })
}

/// Reads the answer to a look at `id`. A user who is deleted is documented neither as 204 nor by
/// their status, so both are taken.
///
/// # Errors
///
/// The verdict.
pub(super) fn looked(id: &UserId, reply: &Reply) -> Result<Seen, Verdict> {
    let body = Body::of(reply);
    if reply.status == 204 {
        return Ok(Seen::Unknown);
    }
    let Some(user) = user(reply, &body) else {
        return match refused(reply, &body) {
            Verdict::Row(RowEnd::NotFound, _) => Ok(Seen::Unknown),
            Verdict::Row(RowEnd::AlreadyGone, _) => Ok(Seen::Gone),
            verdict => Err(status::of_read(verdict)),
        };
    };
    if id_text(user.get("id")).as_deref() != Some(id.as_str()) {
        return Err(status::other_user());
    }
    match text(user, "status") {
        Some(state) if is_deleted(state) => Ok(Seen::Gone),
        Some(_) => Ok(Seen::Standing { role: None }),
        None => Err(unknown_state()),
    }
}

/// Reads the answer about the organisation: the primary contact's number at Zoho. `None`: it tells
/// none, or there is no such read here. Whoever that leaves unknown is kept by Zoho itself.
///
/// # Errors
///
/// The verdict.
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
        _ => Err(status::of_read(refused(reply, &body))),
    }
}

/// Whether a user of this status is deleted.
pub(super) fn is_deleted(state: &str) -> bool {
    ["deleted", "closed"]
        .into_iter()
        .any(|deleted| state.eq_ignore_ascii_case(deleted))
}

/// The users in the answer to a read of many: all that there are, and none of them an error.
pub(super) fn users<'b>(reply: &Reply, body: &'b Body<'_>) -> Result<&'b [Value], Verdict> {
    let answer = body.object().filter(|_| reply.status == 200);
    let users = answer.and_then(|answer| Some((answer, answer.get("users")?.as_array()?)));
    let is_error = |user: &Value| user.get("code").is_some();
    let Some((answer, users)) = users.filter(|(_, users)| !users.iter().any(is_error)) else {
        return Err(status::of_read(refused(reply, body)));
    };
    let more = answer.get("info").and_then(|info| info.get("more_records"));
    if more == Some(&Value::Bool(true)) {
        return Err(status::part_of_answer());
    }
    Ok(users)
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

pub(super) fn refused(reply: &Reply, body: &Body<'_>) -> Verdict {
    if matches!(reply.status, 300..=399) {
        return status::redirected(reply);
    }
    match Answer::read(body) {
        Some(answer) if answer.said.has_code("SUCCESS") => {
            status::unrecognised(reply, body, answer.said)
        }
        Some(answer) => refusal(reply, body, answer),
        None => no_answer(reply, body),
    }
}

pub(super) fn unknown_state() -> Verdict {
    Verdict::Moment(
        Moment::Unrecognised,
        Detail::ours(
            "unknown_answer",
            "the answer names a user without an id or a state that Zoho has",
        ),
    )
}
