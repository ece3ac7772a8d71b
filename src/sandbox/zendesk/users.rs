//! The questions about users of Zendesk Support, and the effect of deleting them.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::{LIST_MAX, Support, refused};
use crate::domain::Time;
use crate::sandbox::hub::{Context, Sandbox};
use crate::sandbox::reply::{Reply, changed, json, ok};
use crate::sandbox::request::SandboxRequest;
use crate::sandbox::settings::{ZendeskCaller, merge};
use crate::sandbox::user::{User, UserStatus};

/// How long a softly deleted user waits before Zendesk deletes it for good
/// (<https://support.zendesk.com/hc/en-us/articles/5007485121562>).
const SOFT_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long an erasure takes until all of it is done.
const ERASURE: Duration = Duration::from_secs(30);
/// The name after a permanent deletion
/// (<https://developer.zendesk.com/api-reference/ticketing/users/users/#list-deleted-users>).
const GONE_NAME: &str = "Permanently Deleted User";

/// Every role: its name in seeds, and the role, the role type and the custom role of answers. A light
/// agent, who may only comment, is an agent of another type.
const ROLES: [(&str, &str, Option<u8>, Option<u64>); 4] = [
    ("end-user", "end-user", None, None),
    ("agent", "agent", Some(0), Some(360_001_000_001)),
    ("light-agent", "agent", Some(1), Some(360_001_000_002)),
    ("admin", "admin", Some(4), Some(360_001_000_003)),
];

/// The fields that are the same of all users, as the deleted users endpoints show them, and what others show more.
static FIELDS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("users.json")).unwrap_or_default());

/// The role called `name` in seeds; an empty one is an end user.
pub(super) fn role_named(name: &str) -> Option<&'static str> {
    let name = if name.is_empty() { "end-user" } else { name };
    ROLES.iter().map(|role| role.0).find(|role| *role == name)
}

/// The caller's custom role.
pub(super) fn custom_role(context: &Context) -> Reply {
    let profiles = match context.settings.zendesk.caller_role {
        ZendeskCaller::Admin | ZendeskCaller::AgentManagingUsers => "full",
        ZendeskCaller::Agent | ZendeskCaller::EndUser => "edit",
    };
    let allows = json!({"end_user_profile_access": profiles, "end_user_list_access": "full"});
    let (_, _, role_type, id) = ROLES[1];
    ok(&json!({"custom_role": {
        "id": id, "name": "Operations", "role_type": role_type, "configuration": allows,
    }}))
}

/// `user` as it stands at the time: one that was softly deleted for long is deleted for good.
pub(super) fn aged(user: &User, context: &Context) -> User {
    let mut user = user.clone();
    let ends = user.since.after(context.settings.shortened(SOFT_KEPT));
    if user.state == UserStatus::SoftDeleted && ends <= context.now {
        user.state = UserStatus::PermanentlyDeleted;
        user.since = ends;
    }
    user
}

/// Softly deletes the user `id` at `now`. `Err(None)`: there is none; else the reason why not.
pub(super) fn soft_delete(
    users: &mut BTreeMap<u64, User>,
    id: u64,
    caller: u64,
    now: Time,
) -> Result<&User, Option<String>> {
    let user = users.get_mut(&id).ok_or(None)?;
    let why = if user.state != UserStatus::Active {
        "User could not be deleted in its current state".to_owned()
    } else if id == Support::OWNER_ID {
        "The account owner cannot be deleted".to_owned()
    } else if id == caller {
        "You cannot delete yourself".to_owned()
    } else if user.seed.open_tickets > 0 {
        format!(
            "{} <{}> is requester on {} ticket(s) that are not closed.",
            name(id),
            user.email("customer"),
            user.seed.open_tickets
        )
    } else {
        user.change(UserStatus::SoftDeleted, now);
        return Ok(user);
    };
    Err(Some(why))
}

impl Support {
    fn user(&self, request: &SandboxRequest, context: &Context) -> Option<User> {
        let user = self.users.get(&request.number())?;
        Some(aged(user, context))
    }

    pub(super) fn me(&self, request: &SandboxRequest, context: &Context) -> Reply {
        let zendesk = &context.settings.zendesk;
        let Some(caller) = self.users.get(&zendesk.caller_id) else {
            return refused("anonymous");
        };
        let mut caller = aged(caller, context);
        caller.role = match zendesk.caller_role {
            ZendeskCaller::Admin => "admin",
            ZendeskCaller::AgentManagingUsers | ZendeskCaller::Agent => "agent",
            ZendeskCaller::EndUser => "end-user",
        };
        let mut user = to_json(&caller, request, context);
        user["name"] = json!("Operations");
        user["email"] = json!(Sandbox::ZENDESK_EMAIL);
        ok(&json!({"user": user}))
    }

    pub(super) fn read(&self, request: &SandboxRequest, context: &Context) -> Reply {
        match self.user(request, context) {
            Some(user) => ok(&json!({"user": to_json(&user, request, context)})),
            None => refused("not found"),
        }
    }

    pub(super) fn read_many(&self, request: &SandboxRequest, context: &Context) -> Reply {
        if request.ids.len() > LIST_MAX {
            return refused("many ids");
        }
        let ids = request.ids.iter();
        let users = ids.filter_map(|id| self.users.get(&id.parse().ok()?));
        list(users, request, context)
    }

    /// Users by external ids, which are the same in any case. Or users whose addresses hold the one
    /// that is searched for: also such as are like it.
    pub(super) fn search(&self, request: &SandboxRequest, context: &Context) -> Reply {
        let keys: Vec<String> = request.ids.iter().map(|key| key.to_lowercase()).collect();
        if keys.len() > LIST_MAX {
            return refused("many ids");
        }
        let is_meant = |user: &&User| match keys[0].strip_prefix("email:") {
            Some(key) => user.email("customer").to_lowercase().contains(key),
            None => keys.contains(&external_id(user).to_lowercase()),
        };
        list(self.users.values().filter(is_meant), request, context)
    }

    pub(super) fn delete(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let caller = context.settings.zendesk.caller_id;
        match soft_delete(&mut self.users, request.number(), caller, context.now) {
            Ok(user) => {
                let user = to_json(user, request, context);
                changed(ok(&json!({"user": user})))
            }
            Err(None) => refused("not found"),
            Err(Some(why)) => invalid(&why),
        }
    }

    pub(super) fn read_deleted(&self, request: &SandboxRequest, context: &Context) -> Reply {
        match self.user(request, context) {
            Some(user) if is_listed(&user, context) => {
                let user = deleted_json(&user, request, context);
                ok(&json!({"deleted_user": user}))
            }
            _ => refused("not found"),
        }
    }

    pub(super) fn permanently_delete(
        &mut self,
        request: &SandboxRequest,
        context: &Context,
    ) -> Reply {
        match self.users.get_mut(&request.number()) {
            Some(user) if is_listed(&aged(user, context), context) => {
                user.change(UserStatus::PermanentlyDeleted, context.now);
                let user = deleted_json(user, request, context);
                changed(ok(&json!({"deleted_user": user})))
            }
            _ => refused("not found"),
        }
    }

    /// The state of a user's erasure: asked for and begun at once, complete after a while.
    pub(super) fn compliance(&self, request: &SandboxRequest, context: &Context) -> Reply {
        let Some(user) = self.user(request, context) else {
            return refused("not found");
        };
        if user.state != UserStatus::PermanentlyDeleted {
            return ok(&json!({"compliance_deletion_statuses": []}));
        }
        let executer = context.settings.zendesk.caller_id;
        let complete_at = user.since.after(context.settings.shortened(ERASURE));
        let entries: Vec<Value> = [
            ("request_deletion", "all", user.since, Some(executer)),
            ("started", "support", user.since, None),
            ("complete", "support", complete_at, None),
            ("complete", "all", complete_at, None),
        ]
        .into_iter()
        .filter(|(_, _, at, _)| *at <= context.now)
        .map(|(action, application, at, executer)| {
            json!({
                "action": action,
                "application": application,
                "account_subdomain": "sandbox",
                "created_at": seconds(at),
                "executer_id": executer,
                "user_id": request.number(),
            })
        })
        .collect();
        ok(&json!({"compliance_deletion_statuses": entries}))
    }
}

/// A record that cannot be changed so.
fn invalid(why: &str) -> Reply {
    json(
        422,
        &json!({
            "error": "RecordInvalid",
            "description": "Record validation errors",
            "details": {"base": [{"description": why}]},
        }),
    )
}

/// The list of those of `users` who are not deleted.
fn list<'u>(
    users: impl Iterator<Item = &'u User>,
    request: &SandboxRequest,
    context: &Context,
) -> Reply {
    let active = users.filter(|user| user.state == UserStatus::Active);
    let users: Vec<Value> = active.map(|user| to_json(user, request, context)).collect();
    let count = users.len();
    ok(&json!({"users": users, "next_page": null, "previous_page": null, "count": count}))
}

/// Whether the aged `user` is softly deleted, and for long enough to be listed so.
fn is_listed(user: &User, context: &Context) -> bool {
    let delay = context.settings.zendesk.listing_delay;
    let listed = user
        .changed_at
        .is_none_or(|at| at.after(delay) <= context.now);
    listed && user.state == UserStatus::SoftDeleted
}

/// The role of `user` as [`ROLES`] has it.
fn role_of(user: &User) -> (&str, &str, Option<u8>, Option<u64>) {
    let role = ROLES.iter().find(|role| role.0 == user.role);
    *role.unwrap_or(&ROLES[0])
}

/// The aged `user` as the users endpoints show it.
fn to_json(user: &User, request: &SandboxRequest, context: &Context) -> Value {
    let id: u64 = user.seed.id.parse().unwrap_or_default();
    let active = user.state == UserStatus::Active;
    let (_, _, role_type, custom_role_id) = role_of(user);
    let own = json!({
        "url": format!("{}/api/v2/users/{id}.json", request.base_url),
        "email": active.then(|| user.email("customer")),
        "role_type": role_type,
        "custom_role_id": custom_role_id,
        "verified": active,
        "external_id": active.then(|| external_id(user)),
        "active": active,
        "suspended": user.seed.suspended,
    });
    let mut full = deleted_json(user, request, context);
    merge(&mut full, FIELDS["more"].clone());
    merge(&mut full, own);
    full
}

/// The aged `user` as the deleted users endpoints show it: with less of them.
fn deleted_json(user: &User, request: &SandboxRequest, context: &Context) -> Value {
    let id: u64 = user.seed.id.parse().unwrap_or_default();
    let renamed_at = user.since.after(context.settings.zendesk.rename_delay);
    let is_renamed = user.state == UserStatus::PermanentlyDeleted && renamed_at <= context.now;
    let own = json!({
        "id": id,
        "url": format!("{}/api/v2/deleted_users/{id}.json", request.base_url),
        "name": if is_renamed { GONE_NAME.to_owned() } else { name(id) },
        "created_at": seconds(user.made_at),
        "updated_at": seconds(user.changed_at.unwrap_or(user.made_at)),
        "role": role_of(user).1,
    });
    let mut user = FIELDS["deleted"].clone();
    merge(&mut user, own);
    user
}

/// A name made of the id. No test may find it in a ledger.
fn name(id: u64) -> String {
    format!("Customer {id}")
}

fn external_id(user: &User) -> String {
    let own = user.seed.external_id.clone();
    own.unwrap_or_else(|| format!("shop-{}", user.seed.id))
}

/// A time as Zendesk writes it: no fractions.
fn seconds(at: Time) -> String {
    format!("{:.0}", at.timestamp())
}
