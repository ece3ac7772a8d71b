//! What Zendesk's answers to questions mean: who are we, how does a user stand, who is an agent.

use serde_json::Value;
use url::Url;

use crate::domain::{StopKind, UserId};
use crate::provider::address::authority;
use crate::provider::body::{Body, Object, child, id_text, text};
use crate::provider::detail::shown;
use crate::provider::digits;
use crate::provider::{Detail, Identity, Listed, Moment, Reply, RowEnd, Seen, Verdict, status};

use super::judge::{KeySource, refusal};

/// The role that is not protected.
const END_USER: &str = "end-user";

/// `role_type` of an agent whose rights a custom role says,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#json-format>.
const CUSTOM_AGENT: u64 = 0;
/// `role_type` of an agent who may only comment in private.
const LIGHT_AGENT: u64 = 1;

/// What a user who is permanently deleted is renamed to, some time after; in lower case.
const PERMANENTLY_DELETED: &str = "permanently deleted user";

/// Reads the answer to "who are we".
///
/// # Errors
///
/// The verdict. A 404 of any form condemns the address here: the first question of a run is where
/// a wrong subdomain shows, and nothing is lost by stopping.
pub(super) fn identified(keys: KeySource, base: &Url, reply: &Reply) -> Result<Identity, Verdict> {
    let body = Body::of(reply);
    let Some(user) = user(reply, &body) else {
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

/// Reads the answer to a look at `id`.
///
/// # Errors
///
/// The verdict.
pub(super) fn looked(keys: KeySource, id: &UserId, reply: &Reply) -> Result<Seen, Verdict> {
    let body = Body::of(reply);
    let Some(user) = user(reply, &body) else {
        return match refusal(keys, reply, &body) {
            Verdict::Look(RowEnd::NotFound, _) => Ok(Seen::Unknown),
            verdict => Err(status::of_read(verdict)),
        };
    };
    if id_text(user.get("id")).as_deref() != Some(id.as_str()) {
        return Err(status::other_user());
    }
    match user.get("active") {
        // A user may call themselves anything; only an inactive one's name is Zendesk's word.
        Some(Value::Bool(true)) => Ok(Seen::Standing {
            role: role(user).filter(|role| role != END_USER),
        }),
        Some(Value::Bool(false)) if is_renamed(user) => Ok(Seen::Gone),
        Some(Value::Bool(false)) => Ok(Seen::SoftDeleted {
            role: role(user).filter(|role| role != END_USER),
        }),
        _ => Err(unknown_state()),
    }
}

/// Reads the answer to `show_many`: the users who stand. It leaves deleted users out; one that is
/// there all the same, as inactive, does not stand.
///
/// # Errors
///
/// The verdict; also when a single user in the answer has no id or no role, since one of them may
/// be an agent, or is none of `ids`, since those asked for may then be agents as well; and when the
/// answer says that there is more than it holds.
pub(super) fn listed(
    keys: KeySource,
    ids: &[UserId],
    reply: &Reply,
) -> Result<Vec<Listed>, Verdict> {
    let body = Body::of(reply);
    let answer = body.object();
    let users = match answer.and_then(|answer| answer.get("users")) {
        Some(Value::Array(users)) if reply.status == 200 => users,
        _ => return Err(status::of_read(refusal(keys, reply, &body))),
    };
    let of = |name| answer.and_then(|answer| answer.get(name));
    let count = of("count").and_then(Value::as_u64);
    let is_part = count.is_some_and(|count| count > users.len() as u64)
        || of("next_page").is_some_and(|next| !next.is_null());
    if is_part {
        return Err(unknown_state());
    }
    let mut listed = Vec::with_capacity(users.len());
    for user in users {
        let user = user.as_object();
        let known = user.and_then(|user| Some((id_text(user.get("id"))?, role(user)?)));
        let (id, role) = known.ok_or_else(unknown_state)?;
        let id = UserId::new(id);
        if !ids.contains(&id) {
            return Err(status::other_user());
        }
        if user.and_then(|user| user.get("active")) != Some(&Value::Bool(false)) {
            listed.push(Listed {
                id,
                protected: Some(role).filter(|role| role != END_USER),
            });
        }
    }
    Ok(listed)
}

/// Reads the answer about a user who is soft-deleted, with the role if it is a protected one. Who is
/// not soft-deleted is not known there.
///
/// # Errors
///
/// The verdict; also when the answer tells no role.
pub(super) fn soft_deleted(
    keys: KeySource,
    id: &UserId,
    reply: &Reply,
) -> Result<Option<Listed>, Verdict> {
    let body = Body::of(reply);
    let Some(user) = named("deleted_user", reply, &body) else {
        return match refusal(keys, reply, &body) {
            Verdict::Look(RowEnd::NotFound, _) => Ok(None),
            verdict => Err(status::of_read(verdict)),
        };
    };
    if id_text(user.get("id")).as_deref() != Some(id.as_str()) {
        return Err(status::other_user());
    }
    let listed = |role: String| Listed {
        id: id.clone(),
        protected: Some(role).filter(|role| role != END_USER),
    };
    match role(user) {
        Some(role) => Ok(Some(listed(role))),
        // What it was is erased with the rest.
        None if is_renamed(user) => Ok(None),
        None => Err(unknown_state()),
    }
}

fn user<'b>(reply: &Reply, body: &'b Body<'_>) -> Option<&'b Object> {
    named("user", reply, body)
}

fn named<'b>(what: &str, reply: &Reply, body: &'b Body<'_>) -> Option<&'b Object> {
    (reply.status == 200)
        .then(|| child(body.object()?, what))
        .flatten()
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
fn role(user: &Object) -> Option<String> {
    let role = text(user, "role").filter(|role| !role.is_empty())?;
    Some(match (role, role_type(user)) {
        ("agent", Some(LIGHT_AGENT)) => "light-agent".to_owned(),
        (role, _) => shown(role),
    })
}

fn role_type(user: &Object) -> Option<u64> {
    user.get("role_type")?.as_u64()
}

fn is_renamed(user: &Object) -> bool {
    text(user, "name").is_some_and(|name| name.trim().eq_ignore_ascii_case(PERMANENTLY_DELETED))
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

pub(super) fn unknown_state() -> Verdict {
    Verdict::Moment(
        Moment::Unrecognised,
        Detail::ours(
            "unknown_answer",
            "the answer names a user without their state or role",
        ),
    )
}
