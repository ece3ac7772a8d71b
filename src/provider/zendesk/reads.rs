//! What Zendesk's answer to "who are we" means, and what role a user has.

use serde_json::Value;
use url::Url;

use crate::domain::{StopKind, UserId};
use crate::provider::address::authority;
use crate::provider::body::{Body, Object, id_text, text};
use crate::provider::detail::shown;
use crate::provider::digits;
use crate::provider::{Detail, Identity, Reply, Verdict, status};

use super::judge::{KeySource, refusal};
use super::lookups::{named, unknown_state};

/// `role_type` of an agent whose rights a custom role says,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#json-format>.
const CUSTOM_AGENT: u64 = 0;
/// `role_type` of an agent who may only comment in private.
const LIGHT_AGENT: u64 = 1;

/// Reads the answer to "who are we".
///
/// # Errors
///
/// The verdict. A 404 of any form condemns the address here: the first question of a run is where
/// a wrong subdomain shows, and nothing is lost by stopping.
pub(super) fn identified(keys: KeySource, base: &Url, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let Some(user) = named("user", reply, &body) else {
        return Err(no_identity(keys, reply, &body));
    };
    let name = text(user, "name");
    let anonymous = name.is_some_and(|name| name.eq_ignore_ascii_case("Anonymous user"));
    let Some(caller) =
        id_text(user.get("id")).filter(|id| id != "0" && !id.is_empty() && !anonymous)
    else {
        return Err(Verdict::Account(
            StopKind::CredentialsRejected,
            Detail::ours(
                "anonymous",
                "Zendesk takes these credentials for an anonymous visitor's, which it answers with \
                 200 instead of 401: the e-mail address or the token is wrong, or token access is off",
            ),
        ));
    };
    if digits::plain(&caller).is_err() {
        return Err(unknown_state());
    }
    let off = user.get("active") == Some(&Value::Bool(false))
        || user.get("suspended") == Some(&Value::Bool(true));
    if off {
        return Err(Verdict::Account(
            StopKind::CredentialsRejected,
            Detail::ours(
                "caller_inactive",
                "the user these credentials belong to is suspended or deleted",
            ),
        ));
    }
    Ok(Identity {
        tenant: format!("{}{}", authority(base), base.path().trim_end_matches('/')),
        caller: Some(UserId::new(caller)),
        name: name.map(shown),
        role: Some(role(user).unwrap_or_else(|| "unknown".to_owned())),
        id_prefix: None,
        lacks: lacks(user),
    })
}

fn no_identity(keys: KeySource, reply: &Reply, body: &Body<'_>) -> Verdict {
    match status::of_read(refusal(keys, reply, body)) {
        Verdict::Moment(_, said) if reply.status == 404 => {
            Verdict::Account(StopKind::WrongTenant, said)
        }
        verdict => verdict,
    }
}

/// The role, in words; `None`: the answer does not say.
pub(super) fn role(user: &Object) -> Option<String> {
    let role = text(user, "role").filter(|role| !role.is_empty())?;
    Some(match (role, role_type(user)) {
        ("agent", Some(LIGHT_AGENT)) => "light-agent".to_owned(),
        (role, _) => shown(role),
    })
}

fn role_type(user: &Object) -> Option<u64> {
    user.get("role_type")?.as_u64()
}

/// Admins lack nothing, and what an agent's custom role allows cannot be seen from here.
fn lacks(user: &Object) -> Vec<String> {
    let custom = role_type(user) == Some(CUSTOM_AGENT)
        && user.get("custom_role_id").is_some_and(Value::is_number);
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
