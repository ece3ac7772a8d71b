//! What Sunshine Conversations' answer to "which app is this" means.

use url::Url;

use crate::domain::StopKind;
use crate::provider::address::authority;
use crate::provider::body::{Body, child, text};
use crate::provider::detail::shown;
use crate::provider::{Detail, Identity, Moment, Reply, Verdict, status};

use super::judge::refusal;

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
