//! What Zoho's answers to questions about us and the organisation mean.

use serde_json::Value;
use url::Url;

use crate::domain::{StopKind, UserId};
use crate::provider::address::authority;
use crate::provider::body::{Body, Object, child, id_text, text};
use crate::provider::detail::shown;
use crate::provider::{Detail, Identity, Moment, Reply, Verdict, status};

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

/// The one user in a 200; an entry with a code is an error in the users' envelope.
pub(super) fn user<'b>(reply: &Reply, body: &'b Body<'_>) -> Option<&'b Object> {
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
