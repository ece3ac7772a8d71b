//! The seam: [`Zoho`] as a [`Provider`].

use std::fmt;
use std::time::Duration;

use ::http::HeaderMap;
use secrecy::ExposeSecret;

use crate::domain::{IdProblem, ProviderKind, Step, UserId};
use crate::provider::address::check_base;
use crate::provider::rate_hint::number;
use crate::provider::{
    Access, Authorize, BuildError, Defaults, Identity, Provider, RateHint, RateHints, Reply,
    Request, Roles, Seen, Token, TokenRefused, Verdict, ZohoSettings, authorization, contract,
};

use super::{data_centre, ids, judge, reads, requests, token};

/// Zoho CRM, as one account uses it.
pub(in crate::provider) struct Zoho {
    settings: ZohoSettings,
}

impl Zoho {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for an address, a version or a credential that cannot be used.
    pub(in crate::provider) fn try_new(settings: ZohoSettings) -> Result<Self, BuildError> {
        check_base("accounts_url", &settings.accounts_url)?;
        if let Some(base) = &settings.base_url {
            check_base("base_url", base)?;
        }
        check_version(&settings.version)?;
        for (setting, value) in [
            ("client_id", settings.client_id.as_str()),
            ("client_secret", settings.client_secret.expose_secret()),
            ("refresh_token", settings.refresh_token.expose_secret()),
        ] {
            authorization::check_plain(setting, value)?;
        }
        Ok(Self { settings })
    }
}

/// `v2` to `v9`, or one with a minor number (`v2.1`).
fn check_version(version: &str) -> Result<(), BuildError> {
    let known = match version.as_bytes() {
        [b'v', major] => (b'2'..=b'9').contains(major),
        [b'v', major, b'.', minor] => (b'2'..=b'9').contains(major) && minor.is_ascii_digit(),
        _ => false,
    };
    if known {
        return Ok(());
    }
    Err(BuildError::Setting {
        setting: "version",
        problem: "is no version of Zoho's API; write v2 to v8",
    })
}

impl fmt::Debug for Zoho {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zoho")
            .field("accounts_url", &self.settings.accounts_url.as_str())
            .field("version", &self.settings.version)
            .finish_non_exhaustive()
    }
}

impl Provider for Zoho {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zoho
    }

    fn check_id(&self) -> fn(&str) -> Result<UserId, IdProblem> {
        ids::check
    }

    /// Zoho states no limit per minute, only credits per day and five requests at once in its
    /// smallest edition, which others share; ten a second is this program's own courtesy.
    fn defaults(&self) -> Defaults {
        Defaults {
            requests: contract::quota(600, Duration::from_mins(1)),
            steps: Vec::new(),
            concurrency: 4,
        }
    }

    fn authorize(&self) -> Authorize {
        let settings = &self.settings;
        Authorize::Token {
            quota: Some(token::quota()),
            key: authorization::digest(&[
                "zoho",
                settings.accounts_url.as_str(),
                &settings.client_id,
                settings.client_secret.expose_secret(),
                settings.refresh_token.expose_secret(),
            ]),
        }
    }

    fn identify(&self, access: &Access) -> Request {
        requests::identify(access, &self.settings.version)
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        reads::identified(&access.base, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        requests::step(access, &self.settings.version, step, id)
    }

    /// There is one step, so the answer is judged alike whatever `step` says.
    fn judge(&self, _step: Step, id: &UserId, reply: &Reply) -> Verdict {
        judge::judge(id, reply)
    }

    fn look(&self, access: &Access, id: &UserId) -> Request {
        requests::look(access, &self.settings.version, id)
    }

    fn looked(&self, id: &UserId, reply: &Reply) -> Result<Seen, Verdict> {
        reads::looked(id, reply)
    }

    /// A deleted user is `ID_ALREADY_DELETED`; only an id that never was is `INVALID_DATA`.
    fn unknown_when_gone(&self, _step: Step) -> bool {
        false
    }

    /// Zoho refuses the primary contact and system users itself.
    fn roles(&self) -> Option<&dyn Roles> {
        None
    }

    /// Credits left of the last 24 hours; the header comes once half of them are used,
    /// <https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html>.
    fn rate_hints(&self, _step: Option<Step>, headers: &HeaderMap) -> RateHints {
        let account = number(headers, &["x-api-credits-remaining"]).map(|remaining| RateHint {
            remaining: Some(remaining),
            ..RateHint::default()
        });
        RateHints {
            account,
            endpoint: None,
        }
    }

    fn mint(&self) -> Request {
        let settings = &self.settings;
        token::mint(
            &settings.accounts_url,
            &settings.client_id,
            &settings.client_secret,
            &settings.refresh_token,
        )
    }

    fn minted(&self, reply: &Reply) -> Result<Token, TokenRefused> {
        let settings = &self.settings;
        token::minted(&settings.accounts_url, settings.base_url.as_ref(), reply)
    }

    /// The configured base, else where the token says. What a token says was checked when it was
    /// fetched; one kept between processes is checked again, and without a place it may go to it
    /// goes back to the accounts server, which has no API and answers so.
    fn access(&self, token: &Token) -> Access {
        let settings = &self.settings;
        let said = || {
            let base = token.api_base.as_ref()?;
            data_centre::api_base(&settings.accounts_url, base)
        };
        Access {
            base: settings
                .base_url
                .clone()
                .or_else(said)
                .unwrap_or_else(|| settings.accounts_url.clone()),
            authorization: authorization::token("Zoho-oauthtoken", &token.secret),
        }
    }
}
