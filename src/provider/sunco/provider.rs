//! The seam: [`Sunco`] as a [`Provider`].

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::domain::{IdProblem, ProviderKind, Step, UserId};
use crate::provider::address::check_base;
use crate::provider::{
    Access, Authorize, BuildError, Defaults, Detail, Identity, Provider, RateHints, Reply, Request,
    Roles, Seen, SuncoAuth, SuncoSettings, Token, TokenRefused, Verdict, authorization, contract,
};

use super::{ids, judge, reads, requests};

/// Sunshine Conversations, as one account uses it.
pub(in crate::provider) struct Sunco {
    access: Access,
    app_id: String,
}

impl Sunco {
    /// Checks the settings and, for a JWT, signs it.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for an address, an app id or a key that cannot be used.
    pub(in crate::provider) fn try_new(settings: SuncoSettings) -> Result<Self, BuildError> {
        check_base("base_url", &settings.base_url)?;
        check_app_id(&settings.app_id)?;
        authorization::check_plain("key_id", &settings.key_id)?;
        authorization::check_plain("key_secret", settings.key_secret.expose_secret())?;
        let authorization = match settings.auth {
            SuncoAuth::Basic if settings.key_id.contains(':') => {
                return Err(BuildError::Setting {
                    setting: "key_id",
                    problem: "holds a colon, which no key's id does",
                });
            }
            SuncoAuth::Basic => authorization::basic(&settings.key_id, &settings.key_secret),
            SuncoAuth::Jwt => jwt(&settings.key_id, &settings.key_secret)?,
        };
        Ok(Self {
            access: Access {
                base: settings.base_url,
                authorization,
            },
            app_id: settings.app_id,
        })
    }
}

/// An app id stands in the path of every request, so it is held to what app ids are made of.
fn check_app_id(app_id: &str) -> Result<(), BuildError> {
    let plain = (1..=64).contains(&app_id.len())
        && app_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if plain {
        return Ok(());
    }
    Err(BuildError::Setting {
        setting: "app_id",
        problem: "is no app id; it is the 24 letters and digits shown in the app's settings",
    })
}

/// A JWT without an end, as the documentation has it: scope `app` for an app's key, `account` for
/// an account's (`act_…`) or a service account's (`svc_…`).
fn jwt(key_id: &str, secret: &SecretString) -> Result<HeaderValue, BuildError> {
    let account = key_id.starts_with("act_") || key_id.starts_with("svc_");
    let claims = json!({ "scope": if account { "account" } else { "app" } });
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key_id.to_owned());
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&header, &claims, &key)
        .map_err(|source| BuildError::Signing { source })?;
    Ok(authorization::token("Bearer", &token.into()))
}

impl fmt::Debug for Sunco {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sunco")
            .field("base", &self.access.base.as_str())
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

impl Provider for Sunco {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Sunco
    }

    fn check_id(&self) -> fn(&str) -> Result<UserId, IdProblem> {
        ids::check
    }

    /// The provider publishes no limit, but disables applications that exceed it often; ten a
    /// second is this program's own courtesy.
    fn defaults(&self) -> Defaults {
        Defaults {
            requests: contract::quota(600, Duration::from_mins(1)),
            steps: Vec::new(),
            concurrency: 8,
        }
    }

    fn authorize(&self) -> Authorize {
        Authorize::Fixed(self.access.clone())
    }

    fn identify(&self, access: &Access) -> Request {
        requests::identify(access, &self.app_id)
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        reads::identified(&access.base, &self.app_id, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        requests::step(access, &self.app_id, step, id)
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        judge::judge(step, id, reply)
    }

    fn look(&self, access: &Access, id: &UserId) -> Request {
        requests::look(access, &self.app_id, id)
    }

    fn looked(&self, id: &UserId, reply: &Reply) -> Result<Seen, Verdict> {
        reads::looked(id, reply)
    }

    /// A deleted user is `user_not_found`, like one who never was; clearing a profile removes
    /// nobody.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::Delete
    }

    /// Messaging users have no roles.
    fn roles(&self) -> Option<&dyn Roles> {
        None
    }

    /// The provider documents no header.
    fn rate_hints(&self, _step: Option<Step>, _headers: &HeaderMap) -> RateHints {
        RateHints::default()
    }

    /// # Panics
    ///
    /// Always: called only under [`Authorize::Token`], which this provider never asks for.
    fn mint(&self) -> Request {
        unreachable!("a Sunshine Conversations key needs no token")
    }

    fn minted(&self, _reply: &Reply) -> Result<Token, TokenRefused> {
        Err(TokenRefused::Rejected(Detail::ours(
            "no_tokens",
            "a Sunshine Conversations key needs no token",
        )))
    }

    fn access(&self, _token: &Token) -> Access {
        self.access.clone()
    }
}
