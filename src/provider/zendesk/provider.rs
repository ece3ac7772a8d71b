//! The seam: [`Zendesk`] as a [`Provider`].

use std::fmt;

use ::http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::{IdProblem, ProviderKind, Step, UserId};
use crate::provider::address::check_base;
use crate::provider::{
    Access, Authorize, BuildError, Defaults, Identity, Provider, RateHints, Reply, Request, Roles,
    Seen, Token, TokenRefused, Verdict, ZendeskCredentials, ZendeskSettings, authorization,
    contract,
};

use super::judge::KeySource;
use super::{ids, judge, limits, reads, requests, token};

/// Zendesk Support, as one account uses it.
pub(in crate::provider) struct Zendesk {
    base: Url,
    keys: Keys,
}

/// What requests are authorized with.
enum Keys {
    /// A header that stays the same.
    Fixed(Access),
    /// Tokens of this client.
    Client { id: String, secret: SecretString },
}

impl Zendesk {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for an address or a credential that cannot be used.
    pub(in crate::provider) fn try_new(settings: ZendeskSettings) -> Result<Self, BuildError> {
        let base = settings.base_url;
        check_base("base_url", &base)?;
        let fixed = |authorization| {
            Keys::Fixed(Access {
                base: base.clone(),
                authorization,
            })
        };
        let keys = match settings.credentials {
            ZendeskCredentials::ApiToken { email, token } => {
                authorization::check_plain("api_token", token.expose_secret())?;
                check_email(&email)?;
                fixed(authorization::basic(&format!("{email}/token"), &token))
            }
            ZendeskCredentials::OAuthToken { token } => {
                authorization::check_plain("oauth_token", token.expose_secret())?;
                fixed(authorization::token("Bearer", &token))
            }
            ZendeskCredentials::Client { id, secret } => {
                authorization::check_plain("client_id", &id)?;
                authorization::check_plain("client_secret", secret.expose_secret())?;
                Keys::Client { id, secret }
            }
        };
        Ok(Self { base, keys })
    }

    fn source(&self) -> KeySource {
        match self.keys {
            Keys::Fixed(_) => KeySource::Configured,
            Keys::Client { .. } => KeySource::Minted,
        }
    }
}

/// An address is not ASCII always, but has no blanks and no colon, which would end the name.
fn check_email(email: &str) -> Result<(), BuildError> {
    if email.contains('@')
        && !email.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':')
    {
        return Ok(());
    }
    Err(BuildError::Setting {
        setting: "email",
        problem: "is no e-mail address; write the agent's, without /token",
    })
}

impl fmt::Debug for Zendesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zendesk")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Provider for Zendesk {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zendesk
    }

    fn check_id(&self) -> fn(&str) -> Result<UserId, IdProblem> {
        ids::check
    }

    /// 400 a minute is what the Professional plan has; 700 in ten minutes is stated beside the
    /// permanent deletion,
    /// <https://developer.zendesk.com/api-reference/ticketing/users/deleted_users/#permanently-delete-user>.
    fn defaults(&self) -> Defaults {
        Defaults {
            requests: contract::quota(400, limits::ACCOUNT_SPAN),
            steps: vec![(
                Step::PermanentlyDelete,
                contract::quota(700, limits::PERMANENT_SPAN),
            )],
            concurrency: 8,
        }
    }

    fn authorize(&self) -> Authorize {
        match &self.keys {
            Keys::Fixed(access) => Authorize::Fixed(access.clone()),
            Keys::Client { id, secret } => Authorize::Token {
                quota: None,
                key: authorization::digest(&[
                    "zendesk",
                    self.base.as_str(),
                    id,
                    secret.expose_secret(),
                ]),
            },
        }
    }

    fn identify(&self, access: &Access) -> Request {
        requests::identify(access)
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        reads::identified(self.source(), &access.base, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        requests::step(access, step, id)
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        judge::judge(self.source(), step, id, reply)
    }

    fn look(&self, access: &Access, id: &UserId) -> Request {
        requests::look(access, id)
    }

    fn looked(&self, id: &UserId, reply: &Reply) -> Result<Seen, Verdict> {
        reads::looked(self.source(), id, reply)
    }

    /// After a soft delete a user is still shown, as inactive. What is shown after the permanent
    /// one is not documented: "no such user" is taken for its effect.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::PermanentlyDelete
    }

    fn roles(&self) -> Option<&dyn Roles> {
        Some(self)
    }

    fn rate_hints(&self, step: Option<Step>, headers: &HeaderMap) -> RateHints {
        limits::hints(step, headers)
    }

    /// # Panics
    ///
    /// With credentials that need no token: called only under [`Authorize::Token`].
    fn mint(&self) -> Request {
        match &self.keys {
            Keys::Client { id, secret } => token::mint(&self.base, id, secret),
            Keys::Fixed(_) => unreachable!("these credentials need no token"),
        }
    }

    fn minted(&self, reply: &Reply) -> Result<Token, TokenRefused> {
        token::minted(reply)
    }

    fn access(&self, token: &Token) -> Access {
        Access {
            base: self.base.clone(),
            authorization: authorization::token("Bearer", &token.secret),
        }
    }
}

impl Roles for Zendesk {
    /// A user who is to be deleted permanently is soft-deleted already, and of no role any more.
    fn asked_before(&self, step: Step) -> bool {
        step == Step::Delete
    }

    fn users_max(&self) -> usize {
        requests::SHOW_MANY_MAX
    }

    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        requests::show_many(access, ids)
    }

    fn protected(&self, reply: &Reply) -> Result<Vec<(UserId, String)>, Verdict> {
        reads::protected_roles(self.source(), reply)
    }
}
