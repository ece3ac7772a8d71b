//! The texts about an account for a person: its open tasks, the owner of its key, the caller's
//! rights, and the effect of an action.

use std::time::Duration;

use super::{Identity, ProviderSettings, ZendeskCredentials};
use crate::domain::{Action, ProviderKind};

/// The day from which Zendesk takes no API token, see
/// <https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/>.
const API_TOKENS_END: &str = "2027-04-30";

/// The OAuth way, for who signs in with an API token.
const OAUTH_WAY: &str = "make an OAuth client with the grant `client_credentials` in Admin Center > \
    Apps and integrations > APIs > OAuth clients, and write `client_id` and `client_secret` instead \
    of `email` and `api_token`";

/// How long an access token of a newer OAuth client lives, unless it was asked for with another life.
const READY_TOKEN_LIVES: Duration = Duration::from_mins(30);

/// The warning about a plan that takes `time`: a ready access token may die before it is over.
pub fn outlived(settings: &ProviderSettings, time: Duration) -> Option<&'static str> {
    let ProviderSettings::Zendesk(settings) = settings else {
        return None;
    };
    let is_ready = matches!(settings.credentials, ZendeskCredentials::OAuthToken { .. });
    (is_ready && time > READY_TOKEN_LIVES).then_some(
        "an access token of a newer OAuth client lives 30 minutes, which is less than this takes; write \
         `client_id` and `client_secret` instead, or the `refresh_token` that came with it as well",
    )
}

/// The warning about a token that is to be seen to in time.
pub fn token_warning(settings: &ProviderSettings) -> Option<String> {
    let ProviderSettings::Zendesk(settings) = settings else {
        return None;
    };
    let is_token = matches!(settings.credentials, ZendeskCredentials::ApiToken { .. });
    let text = format!(
        "Zendesk no longer creates API tokens, turns off one that nobody used for 30 days, and takes none \
         from {API_TOKENS_END} on; {OAUTH_WAY}"
    );
    is_token.then_some(text)
}

/// Whose key it is; `None`: the provider has no such keys.
pub fn key_owner(settings: &ProviderSettings) -> Option<&'static str> {
    match settings {
        ProviderSettings::Sunco(settings) => Some(match settings.key_id.get(..4) {
            Some("app_") => "key of this app",
            Some("int_") => "key of an integration",
            _ => "key of the whole account",
        }),
        _ => None,
    }
}

/// The caller's rights, as far as the provider tells before a deletion is tried.
pub fn rights(kind: ProviderKind, identity: &Identity) -> &'static str {
    match kind {
        _ if !identity.lacks.is_empty() => "not enough",
        ProviderKind::Zendesk if identity.role.as_deref() == Some("admin") => {
            "an admin may delete users, also for good; an OAuth token needs the scopes users:read and users:write as well"
        }
        ProviderKind::Zendesk if identity.custom_role.is_none() => {
            "a custom role that may add, edit and delete end users"
        }
        ProviderKind::Zendesk => {
            "a custom role, which may not be read here; it needs to add, edit and delete end users"
        }
        ProviderKind::Sunco => "a key that is taken may delete users of its app",
        ProviderKind::Own(_) => "not told beforehand",
        ProviderKind::Zoho => {
            "not told beforehand; needed are the scopes ZohoCRM.users.DELETE and ZohoCRM.users.READ, and a profile that may manage users"
        }
    }
}

/// The facts to be known before users are deleted there, each a sentence. They tell the data that
/// stays elsewhere, and the fate of users whose roles are `included`.
pub fn remains(kind: ProviderKind, included: &[String]) -> Vec<String> {
    let left = match kind {
        ProviderKind::Zendesk => {
            "the text in closed tickets (redact or delete those first), and the user at Sunshine \
             Conversations, who is deleted there"
        }
        ProviderKind::Sunco => "the user at Zendesk Support, who is deleted there",
        ProviderKind::Zoho => "the records, which stay the deleted user's, and the licence",
        // A provider file's `says` has it.
        ProviderKind::Own(_) => return Vec::new(),
    };
    let mut parts = vec![format!("left after it: {left}")];
    let is_agent = |role: &String| role.to_ascii_lowercase().ends_with("agent") || role == "admin";
    if kind == ProviderKind::Zendesk && included.iter().any(is_agent) {
        parts.push(
            "agents: their open tickets go to whoever deletes them, or to the group's oldest agent"
                .to_owned(),
        );
    }
    parts
}

/// The effect of an action on a user, and whether that can be undone. Zendesk's documents know no
/// way back from a soft delete: "Deleted users are not recoverable".
pub fn consequence(kind: ProviderKind, action: Action) -> &'static str {
    match (kind, action) {
        (ProviderKind::Own(name), _) => {
            let facts = name.provider();
            let own = facts.and_then(|it| {
                let index = it.actions.iter().position(|other| *other == action)?;
                it.consequences.get(index)
            });
            own.map_or("as its provider file says", String::as_str)
        }
        (ProviderKind::Zendesk, Action::Delete) => {
            "soft delete, queued for good after 30 days; no call undoes it"
        }
        (ProviderKind::Zendesk, Action::PermanentlyDelete) => {
            "for good, of users soft-deleted before; cannot be undone"
        }
        (ProviderKind::Zendesk, Action::Purge) => "soft delete, then for good; cannot be undone",
        (ProviderKind::Zendesk, _) => "not offered",
        (_, Action::DeletePersonalInformation) => {
            "clears the profile, keeps the conversations; cannot be undone"
        }
        (ProviderKind::Sunco, _) => "for good, with the conversations; cannot be undone",
        (ProviderKind::Zoho, _) => "for good, the user's records stay; cannot be undone",
    }
}
