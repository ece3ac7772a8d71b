//! The meaning of Sunshine Conversations' answers to a deletion and to "which app is this".
//!
//! A deletion's success is told by the body alone; every other answer goes through [`refusal`]: by its
//! status ([`by_status`](verdict::by_status)), but for 404. One that says `user_not_found`, is empty, or is
//! the plain words means that the row is not found. With another code, the app or the address is wrong.
//!
//! An empty 404 is the older specification's "no such user". It is believed because the app was
//! identified at the start of the run, through the same address. But a gateway may say so too, so
//! it settles no doubt: that takes `user_not_found`, and a look (see `lookups`) as well.

use ::http::header;
use serde_json::Value;
use url::Url;

use crate::domain::{Step, StopKind, UserId, split_brand};
use crate::provider::address::place;
use crate::provider::body::{Body, Object, child, text};
use crate::provider::detail::clean_name;
use crate::provider::{Detail, Identity, Reply, RowEnd, Verdict, verdict};

pub(super) fn judge(step: Step, id: &UserId, reply: &Reply) -> Verdict {
    let body = Body::of(reply);
    if reply.status != 200 {
        return refusal(reply, &body);
    }
    match (step, body.object()) {
        // The documented answer is exactly `{}`. Any other without the user could be anyone's.
        (Step::Delete, Some(answer)) if answer.is_empty() && !is_called_html(reply) => {
            Verdict::Row(RowEnd::Deleted, Detail::default())
        }
        (Step::Delete | Step::DeletePersonalInformation, Some(answer)) => {
            match child(answer, "user") {
                Some(user) if is_named(user, id) => {
                    Verdict::Row(RowEnd::Deleted, Detail::default())
                }
                Some(_) => verdict::other_user(),
                None => verdict::unrecognised(reply, &body, said(&body)),
            }
        }
        (Step::PermanentlyDelete | Step::Own(_), _) | (_, None) => {
            verdict::unrecognised(reply, &body, Detail::default())
        }
    }
}

/// The meaning of an answer that confirms nothing. [`RowEnd::NotFound`]: there is no such user.
pub(super) fn refusal(reply: &Reply, body: &Body<'_>) -> Verdict {
    let said = said(body);
    match reply.status {
        404 if !matches!(body, Body::Markup) => not_found(reply, body, said),
        _ => verdict::by_status(reply, body, said),
    }
}

/// Whether `user` is who `id` names, by id or by external id.
pub(super) fn is_named(user: &Object, id: &UserId) -> bool {
    let (own, _) = split_brand(id.as_str());
    ["id", "externalId"]
        .into_iter()
        .any(|name| text(user, name) == Some(own))
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

/// The statement of a body: v2's `errors`, of several the first, or v1's `error`.
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

/// Reads the answer to "which app", or to which webhooks an integration has there, by the name of what it
/// holds. A key has no caller. A 404 of any form condemns the app or the address here, since no user was
/// asked for.
pub(super) fn identified(
    base: &Url,
    app_id: &str,
    holds: &str,
    reply: &Reply,
) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let answer = body.object().filter(|_| reply.status == 200);
    let app = answer.and_then(|answer| child(answer, "app"));
    let is_held = answer.is_some_and(|answer| match holds {
        "app" => app.is_some(),
        list => answer.get(list).is_some_and(Value::is_array),
    });
    if !is_held {
        return Err(
            match (reply.status, verdict::of_read(refusal(reply, &body))) {
                (404, Verdict::Transient(_, said)) => Verdict::Account(StopKind::WrongTenant, said),
                (_, verdict) => verdict,
            },
        );
    }
    if app.is_some_and(|app| text(app, "id") != Some(app_id)) {
        let what = "the answer does not name the app it was asked for";
        return Err(verdict::unclear("other_app", what));
    }
    let place = place(base);
    Ok(Identity {
        // Two tenants may differ in the path alone; the API's own, `/sc`, tells nothing.
        tenant: format!("{}/{app_id}", place.strip_suffix("/sc").unwrap_or(&place)),
        name: app.and_then(|app| text(app, "displayName")).map(clean_name),
        ..Identity::default()
    })
}
