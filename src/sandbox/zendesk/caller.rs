//! Who calls Zendesk Support, and what they may do.

use super::route::Route;
use crate::domain::Time;
use crate::sandbox::auth::Presented;
use crate::sandbox::message::Request;
use crate::sandbox::options::Credentials;
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

    /// Whether a known caller in the role `role` may do what `route` asks.
    pub(super) fn may(&self, role: ZendeskCaller, route: &Route) -> bool {
        let Self::Known { scope } = self else {
            return false;
        };
        let (least, word) = match route {
            Route::Me => (ZendeskCaller::EndUser, "read"),
            Route::DeleteMany(_) => (ZendeskCaller::Admin, "write"),
            Route::Delete(_) | Route::PermanentlyDelete(_) => {
                (ZendeskCaller::AgentManagingUsers, "write")
            }
            Route::Token
            | Route::Read(_)
            | Route::ReadMany(_)
            | Route::ListDeleted
            | Route::Job(_)
            | Route::Jobs(_)
            | Route::ReadDeleted(_)
            | Route::Compliance(_)
            | Route::BadId(_)
            | Route::Unknown => (ZendeskCaller::Agent, "read"),
        };
        rank(role) >= rank(least)
            && scope.as_deref().is_none_or(|scope| {
                scope
                    .split(' ')
                    .any(|one| one == word || one == format!("users:{word}"))
            })
    }
}

fn rank(role: ZendeskCaller) -> u8 {
    match role {
        ZendeskCaller::EndUser => 0,
        ZendeskCaller::Agent => 1,
        ZendeskCaller::AgentManagingUsers => 2,
        ZendeskCaller::Admin => 3,
    }
}
