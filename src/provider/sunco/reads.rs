//! What Sunshine Conversations' answers to questions mean: which app is this, is the user there.

use url::Url;

use crate::domain::{StopKind, UserId};
use crate::provider::address::authority;
use crate::provider::body::{Body, child, text};
use crate::provider::detail::shown;
use crate::provider::{Detail, Identity, Moment, Reply, RowEnd, Seen, Verdict, status};

use super::judge::{is_named, refusal, user};

/// Reads the answer to "which app". A key belongs to an app or an account, so there is no caller.
///
/// # Errors
///
/// The verdict. A 404 of any form condemns the app or the address here, since no user was asked
/// for yet.
pub(super) fn identified(base: &Url, app_id: &str, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let app = body
        .object()
        .filter(|_| reply.status == 200)
        .and_then(|answer| child(answer, "app"));
    let Some(app) = app else {
        return Err(
            match (reply.status, status::of_read(refusal(reply, &body))) {
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

/// Reads the answer to a look at `id`. Whether the profile is cleared is not asked: the user
/// stands either way. Only the API's own words say that nobody is there: a look settles doubts, and
/// a gateway that has lost its route answers with an empty 404 as well.
///
/// # Errors
///
/// The verdict.
pub(super) fn looked(id: &UserId, reply: &Reply) -> Result<Seen, Verdict> {
    let body = Body::of(reply);
    match body.object().filter(|_| reply.status == 200).and_then(user) {
        Some(user) if is_named(user, id) => Ok(Seen::Standing { role: None }),
        Some(_) => Err(status::other_user()),
        None => not_there(reply, &body).map(|()| Seen::Unknown),
    }
}

/// Whether an answer that shows no user says, in the API's own words, that there is none.
///
/// # Errors
///
/// The verdict on any other answer.
pub(super) fn not_there(reply: &Reply, body: &Body<'_>) -> Result<(), Verdict> {
    match refusal(reply, body) {
        Verdict::Row(RowEnd::NotFound, said) if said.code.is_some() => Ok(()),
        Verdict::Row(RowEnd::NotFound, said) => Err(status::unrecognised(reply, body, said)),
        verdict => Err(status::of_read(verdict)),
    }
}
