//! What Sunshine Conversations' answers to a deletion and to "which app is this" mean.
//!
//! A deletion's success is told by the body alone; every other answer goes through [`refusal`], whose rules are
//! these, in order:
//!
//! | answer | verdict |
//! | --- | --- |
//! | 3xx | account: wrong address; the API never redirects |
//! | 5xx, 408 | moment: unwell; whether anything was done is not known |
//! | 429 | moment: throttled, the account |
//! | a page | moment: not the API's |
//! | 401 | account: the key is wrong |
//! | 402 | account: in the specification it is the plan that does not allow something |
//! | 403 | account: the key's scope does not reach |
//! | 404 `user_not_found`, or empty, or the plain words | row not found |
//! | 404 `app_not_found`, or another code | account: wrong app or address |
//! | 405, 406, 410, 415 | account: what answers there does not speak this API |
//! | 409 | moment: conflict |
//! | other 4xx that says why, 423 `locked` among them | row refused |
//! | anything else | moment: unrecognised |
//!
//! An empty 404 is the older specification's "no such user". It is believed because the app was
//! identified at the start of the run, through the same address; but since a gateway may say so
//! too, it settles no doubt: that takes `user_not_found`, and a look (see `lookups`) as well.

use ::http::header;
use url::Url;

use crate::domain::{Step, StopKind, UserId};
use crate::provider::address::authority;
use crate::provider::body::{Body, Object, child, text};
use crate::provider::detail::shown;
use crate::provider::{Detail, Identity, Moment, Reply, RowEnd, Verdict, verdict};

pub(super) fn judge(step: Step, id: &UserId, reply: &Reply) -> Verdict {
    let body = Body::of(reply);
    if reply.status != 200 {
        return refusal(reply, &body);
    }
    match (step, body.object()) {
        // The documented answer is exactly `{}`. Any other object without the user could be
        // anyone's, such as a portal's that asks to sign in.
        (Step::Delete, Some(answer)) if answer.is_empty() && !is_called_html(reply) => {
            Verdict::Row(RowEnd::Deleted, Detail::default())
        }
        (Step::Delete | Step::DeletePersonalInformation, Some(answer)) => match user(answer) {
            Some(user) if is_named(user, id) => Verdict::Row(RowEnd::Deleted, Detail::default()),
            Some(_) => verdict::other_user(),
            None => verdict::unrecognised(reply, &body, said(&body)),
        },
        (Step::PermanentlyDelete, _) | (_, None) => {
            verdict::unrecognised(reply, &body, Detail::default())
        }
    }
}

/// What an answer means that confirms nothing. [`RowEnd::NotFound`] is the only way it says that
/// there is no such user.
pub(super) fn refusal(reply: &Reply, body: &Body<'_>) -> Verdict {
    let said = said(body);
    let has_reason = !said.is_empty() && body.object().is_some();
    match reply.status {
        300..=399 => verdict::redirected(reply),
        500..=599 | 408 => verdict::server_error(reply, said),
        429 => verdict::throttled_account(reply, said),
        400..=499 if matches!(body, Body::Markup) => verdict::unrecognised(reply, body, said),
        401 => Verdict::Account(StopKind::CredentialsRejected, said),
        402 => Verdict::Account(StopKind::PaymentRequired, said),
        403 => Verdict::Account(StopKind::NotPermitted, said),
        404 => not_found(reply, body, said),
        405 | 406 | 410 | 415 => Verdict::Account(StopKind::WrongTenant, said),
        409 => Verdict::Moment(Moment::Conflict, said),
        400..=499 if has_reason => Verdict::Row(RowEnd::Refused, said),
        _ => verdict::unrecognised(reply, body, said),
    }
}

pub(super) fn user(answer: &Object) -> Option<&Object> {
    child(answer, "user")
}

/// Whether `user` is who `id` names, by id or by external id.
pub(super) fn is_named(user: &Object, id: &UserId) -> bool {
    ["id", "externalId"]
        .into_iter()
        .any(|name| text(user, name) == Some(id.as_str()))
}

fn not_found(reply: &Reply, body: &Body<'_>, said: Detail) -> Verdict {
    match body {
        _ if said.has_code("user_not_found") => Verdict::Row(RowEnd::NotFound, said),
        Body::Empty => Verdict::Row(RowEnd::NotFound, said),
        Body::Text(text)
            if ["not found", "user not found"]
                .into_iter()
                .any(|words| text.trim_end_matches('.').eq_ignore_ascii_case(words)) =>
        {
            Verdict::Row(RowEnd::NotFound, said)
        }
        Body::Object(_) if said.code.is_some() => Verdict::Account(StopKind::WrongTenant, said),
        Body::Object(_) | Body::Markup | Body::Text(_) | Body::Other => {
            verdict::unrecognised(reply, body, said)
        }
    }
}

fn is_called_html(reply: &Reply) -> bool {
    reply
        .header(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
}

/// What a body says: v2's `errors`, of several the first, or v1's `error`.
fn said(body: &Body<'_>) -> Detail {
    match body {
        Body::Object(answer) => {
            let v2 = answer
                .get("errors")
                .and_then(|errors| errors.as_array()?.first()?.as_object());
            if let Some(error) = v2 {
                return Detail::said(text(error, "code"), text(error, "title"));
            }
            child(answer, "error").map_or_else(Detail::default, |error| {
                Detail::said(text(error, "code"), text(error, "description"))
            })
        }
        Body::Text(text) => Detail::said(None, text.lines().next()),
        Body::Markup | Body::Empty | Body::Other => Detail::default(),
    }
}

/// Reads the answer to "which app". A key belongs to an app or an account, so there is no caller.
///
/// A 404 of any form condemns the app or the address here, since no user was asked
/// for yet.
pub(super) fn identified(base: &Url, app_id: &str, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let app = body
        .object()
        .filter(|_| reply.status == 200)
        .and_then(|answer| child(answer, "app"));
    let Some(app) = app else {
        return Err(
            match (reply.status, verdict::of_read(refusal(reply, &body))) {
                (404, Verdict::Moment(_, said)) => Verdict::Account(StopKind::WrongTenant, said),
                (_, verdict) => verdict,
            },
        );
    };
    if text(app, "id") != Some(app_id) {
        return Err(Verdict::Moment(
            Moment::Unrecognised,
            Detail::ours(
                "other_app",
                "the answer does not name the app it was asked for",
            ),
        ));
    }
    Ok(Identity {
        tenant: format!("{}/{app_id}", place(base)),
        caller: None,
        name: text(app, "displayName").map(shown),
        role: None,
        id_prefix: None,
        lacks: Vec::new(),
    })
}

/// Where the app is. Behind a gateway two tenants may differ in the path alone; the API's own, `/sc`,
/// tells none from another.
fn place(base: &Url) -> String {
    let path = base.path().trim_end_matches('/');
    let path = path.strip_suffix("/sc").unwrap_or(path);
    format!("{}{path}", authority(base))
}
