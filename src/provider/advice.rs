//! The texts about an account for a person: its open tasks, the owner of its key, the caller's
//! rights, and the effect of an action.

use std::time::Duration;

use super::{Identity, ProviderSettings, ZendeskCredentials};
use crate::domain::{Action, ProviderKind};
use crate::words::behind;

/// The texts by the kind of text, the provider and what else decides.
const TEXTS: &str = include_str!("advice.txt");

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
    let role = match (kind, identity.role.as_deref()) {
        _ if !identity.lacks.is_empty() => return "not enough",
        (ProviderKind::Zendesk, Some("admin")) => " admin",
        (ProviderKind::Zendesk, _) if identity.custom_role.is_none() => " role",
        (ProviderKind::Zendesk, _) => " unread role",
        _ => "",
    };
    behind(TEXTS, &format!("rights {kind}{role}")).unwrap_or("not told beforehand")
}

/// The facts to be known before users are deleted there, each a sentence. They tell the data that
/// stays elsewhere, and the fate of users whose roles are `included`.
pub fn remains(kind: ProviderKind, included: &[String]) -> Vec<String> {
    // A provider file's `says` has it.
    let Some(left) = behind(TEXTS, &format!("left {kind}")) else {
        return Vec::new();
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
    if let ProviderKind::Own(name) = kind {
        let own = name.provider().and_then(|it| {
            let index = it.actions.iter().position(|other| *other == action)?;
            it.consequences.get(index)
        });
        return own.map_or("as its provider file says", String::as_str);
    }
    behind(TEXTS, &format!("does {kind} {action}")).unwrap_or("not offered")
}
