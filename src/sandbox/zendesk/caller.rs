//! Who calls Zendesk Support, and what they may do.

use crate::domain::Time;
use crate::sandbox::auth::Presented;
use crate::sandbox::message::Request;
use crate::sandbox::options::Credentials;
use crate::sandbox::route::Ask;
use crate::sandbox::settings::ZendeskCaller;
use crate::sandbox::tokens::Tokens;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody known: no credentials, or wrong ones of the Basic kind.
    Anonymous,
    /// Someone with a Bearer token that is not good (any more).
    BadToken,
    /// The account's user. `scope` is the token's; `None`: the credentials have no scope.
    Known {
        /// The OAuth scopes, parted by blanks.
        scope: Option<String>,
    },
}

impl Caller {
    /// Who sent `request`.
    pub(super) fn of(
        request: &Request,
        credentials: &Credentials,
        tokens: &Tokens,
        now: Time,
    ) -> Self {
        match Presented::of(request) {
            Presented::Basic { user, password }
                if user == format!("{}/token", credentials.zendesk_email)
                    && password == credentials.zendesk_token =>
            {
                Self::Known { scope: None }
            }
            Presented::Bearer(token) if token == credentials.zendesk_oauth_token => {
                Self::Known { scope: None }
            }
            Presented::Bearer(token) => match tokens.scope(&token, now) {
                Some(scope) => Self::Known {
                    scope: Some(scope.to_owned()),
                },
                None => Self::BadToken,
            },
            Presented::Basic { .. } | Presented::Zoho(_) | Presented::Nothing => Self::Anonymous,
        }
    }

    /// Whether a known caller in the role `role` may do what is asked.
    pub(super) fn may(&self, role: ZendeskCaller, ask: Ask) -> bool {
        let Self::Known { scope } = self else {
            return false;
        };
        let (least, word) = match ask {
            Ask::Identity => (ZendeskCaller::EndUser, "read"),
            Ask::DeleteMany => (ZendeskCaller::Admin, "write"),
            Ask::Delete | Ask::PermanentlyDelete => (ZendeskCaller::AgentManagingUsers, "write"),
            _ => (ZendeskCaller::Agent, "read"),
        };
        role >= least
            && scope.as_deref().is_none_or(|scope| {
                scope
                    .split(' ')
                    .any(|one| one == word || one == format!("users:{word}"))
            })
    }
}
