//! What a person is told of an account: what is to be seen to, whose key it is, what the caller may do, and
//! what an action does.

use super::{Identity, ProviderSettings, ZendeskCredentials};
use crate::domain::{Action, ProviderKind};

/// The day from which Zendesk takes no API token, see
/// <https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/>.
const API_TOKENS_END: &str = "2027-04-30";

/// The OAuth way, for who signs in with an API token.
const OAUTH_WAY: &str = "make an OAuth client with the grant `client_credentials` in Admin Center > \
    Apps and integrations > APIs > OAuth clients, and write `client_id` and `client_secret` instead \
    of `email` and `api_token`";

/// What is to be seen to in time.
pub fn token_warning<S>(settings: &ProviderSettings<S>) -> Option<String> {
    let ProviderSettings::Zendesk(settings) = settings else {
        return None;
    };
    let is_token = matches!(settings.credentials, ZendeskCredentials::ApiToken { .. });
    let text = format!("Zendesk takes no API tokens from {API_TOKENS_END} on; {OAUTH_WAY}");
    is_token.then_some(text)
}

/// Whose key it is; `None`: the provider has no such keys.
pub fn key_owner<S>(settings: &ProviderSettings<S>) -> Option<&'static str> {
    match settings {
        ProviderSettings::Sunco(settings) => Some(match settings.key_id.get(..4) {
            Some("app_") => "key of this app",
            Some("int_") => "key of an integration",
            _ => "key of the whole account",
        }),
        _ => None,
    }
}

/// What the caller may do, as far as the provider tells before a deletion is tried.
pub fn rights(kind: ProviderKind, identity: &Identity) -> &'static str {
    match kind {
        _ if !identity.lacks.is_empty() => "not enough",
        ProviderKind::Zendesk if identity.role.as_deref() == Some("admin") => {
            "an admin may delete users, also for good; an OAuth token needs the scopes users:read and users:write as well"
        }
        ProviderKind::Zendesk => {
            "a custom role, which does not say; it needs to manage end users, and for the permanent deletion as well"
        }
        ProviderKind::Sunco => "a key that is taken may delete users of its app",
        ProviderKind::Own(_) => "not told beforehand",
        ProviderKind::Zoho => {
            "not told beforehand; needed are the scopes ZohoCRM.users.DELETE and ZohoCRM.users.READ, and a profile that may manage users"
        }
    }
}

/// What an action does to a user, and whether that can be undone. Zendesk's documents know no way
/// back from a soft delete: "Deleted users are not recoverable".
pub fn consequence(kind: ProviderKind, action: Action) -> &'static str {
    match (kind, action) {
        (ProviderKind::Own(name), _) => {
            let facts = name.provider();
            let told = facts.and_then(|it| {
                let place = it.actions.iter().position(|other| *other == action)?;
                it.consequences.get(place)
            });
            told.map_or("as its provider file says", String::as_str)
        }
        (ProviderKind::Zendesk, Action::Delete) => {
            "soft delete, which no call undoes; Zendesk keeps the user for 30 days, then deletes for \
             good"
        }
        (ProviderKind::Zendesk, Action::PermanentlyDelete) => {
            "for good, of users soft-deleted before; cannot be undone"
        }
        (ProviderKind::Zendesk, Action::Purge) => {
            "soft delete, then at once for good; cannot be undone"
        }
        (ProviderKind::Zendesk, _) => "not offered",
        (_, Action::DeletePersonalInformation) => {
            "clears the profile, keeps the conversations; cannot be undone"
        }
        (ProviderKind::Sunco, _) => "for good, with the conversations; cannot be undone",
        (ProviderKind::Zoho, _) => "for good, the user's records stay; cannot be undone",
    }
}
