//! The seam: [`Zendesk`] as a [`Provider`].

use std::fmt;

use ::http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::{JobId, ProviderKind, Step, UserId, UserState};
use crate::provider::address::check_base;
use crate::provider::{
    Access, Authorize, BuildError, Bulk, Defaults, Identity, JobState, JobsHint, LookupFor,
    Provider, RateHints, Reply, Request, Roles, Standings, Token, TokenRefused, Verdict,
    ZendeskCredentials, ZendeskSettings, authorization, contract,
};

use super::judge::KeySource;
use super::{bulk, judge, limits, lookups, reads, requests, token};

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

    pub(super) fn source(&self) -> KeySource {
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

/// 400 a minute is what the Professional plan has; 700 in ten minutes is stated beside the
/// permanent deletion,
/// <https://developer.zendesk.com/api-reference/ticketing/users/deleted_users/#permanently-delete-user>.
pub(in crate::provider) fn defaults() -> Defaults {
    Defaults {
        requests: contract::quota(400, limits::ACCOUNT_SPAN),
        steps: vec![(
            Step::PermanentlyDelete,
            contract::quota(700, limits::PERMANENT_SPAN),
        )],
        concurrency: 8,
        many: Some(bulk::MANY),
        asked_alone: Some(Step::PermanentlyDelete),
    }
}

impl Provider for Zendesk {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zendesk
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

    /// Who is soft-deleted is in no list that can be asked for certain users.
    fn lookup_before(&self, step: Step) -> Option<LookupFor> {
        match step {
            Step::Delete => Some(LookupFor::Roles),
            Step::PermanentlyDelete => Some(LookupFor::SoftDeletedRoles),
            Step::DeletePersonalInformation => None,
        }
    }

    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Roles | LookupFor::Verification => requests::SHOW_MANY_MAX,
            _ => 1,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        requests::lookup(access, purpose, ids)
    }

    fn looked_up(
        &self,
        purpose: LookupFor,
        ids: &[UserId],
        _primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<UserState>, Verdict> {
        lookups::looked_up(self.source(), purpose, ids, reply)
    }

    /// After a soft delete a user is still shown, as inactive. What is shown after the permanent
    /// one is not documented: "no such user" is taken for its effect.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::PermanentlyDelete
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
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

    fn access(&self, token: &Token) -> Option<Access> {
        Some(Access {
            base: self.base.clone(),
            authorization: authorization::token("Bearer", &token.secret),
        })
    }

    fn roles(&self) -> Option<&dyn Roles> {
        Some(self)
    }

    fn standings(&self) -> &dyn Standings {
        self
    }
}

impl Bulk for Zendesk {
    /// There is none for the permanent deletion.
    fn takes(&self, step: Step) -> bool {
        step == Step::Delete
    }

    fn users_max(&self) -> usize {
        bulk::USERS_MAX
    }

    fn users_min(&self) -> usize {
        bulk::USERS_MIN
    }

    fn jobs_max(&self) -> usize {
        bulk::JOBS_MAX
    }

    fn begin(&self, access: &Access, ids: &[UserId]) -> Request {
        requests::destroy_many(access, ids)
    }

    fn begun(&self, reply: &Reply) -> Result<JobId, Verdict> {
        bulk::begun(self.source(), reply)
    }

    fn jobs_hint(&self, headers: &HeaderMap) -> Option<JobsHint> {
        bulk::jobs_hint(headers)
    }

    fn jobs_asked_max(&self) -> usize {
        bulk::JOBS_ASKED_MAX
    }

    fn ask(&self, access: &Access, jobs: &[JobId]) -> Request {
        requests::show_jobs(access, jobs)
    }

    fn asked(&self, reply: &Reply) -> Result<Vec<(JobId, JobState)>, Verdict> {
        bulk::asked(self.source(), reply)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;
    use secrecy::SecretString;

    use super::Zendesk;
    use crate::domain::{Step, UserId};
    use crate::provider::testing::headers;
    use crate::provider::{
        Access, Authorize, LookupFor, Provider, Token, ZendeskCredentials, ZendeskSettings,
    };

    const BASE: &str = "http://127.0.0.1:8080/t/acme/";

    fn with(credentials: ZendeskCredentials) -> Zendesk {
        Zendesk::try_new(ZendeskSettings {
            base_url: BASE.parse().unwrap(),
            credentials,
        })
        .unwrap()
    }

    pub(in crate::provider::zendesk) fn zendesk() -> Zendesk {
        with(ZendeskCredentials::ApiToken {
            email: "ops@acme.example".to_owned(),
            token: "hunter2".into(),
        })
    }

    fn client() -> Zendesk {
        with(ZendeskCredentials::Client {
            id: "purger".to_owned(),
            secret: "hunter2".into(),
        })
    }

    fn fixed(zendesk: &Zendesk) -> Access {
        match zendesk.authorize() {
            Authorize::Fixed(access) => access,
            Authorize::Token { .. } => panic!("a fixed key"),
        }
    }

    #[test]
    fn requests_go_to_the_base_with_its_prefix() {
        let zendesk = zendesk();
        let access = fixed(&zendesk);
        let id = UserId::new("35436");
        let ids = [UserId::new("1"), UserId::new("2")];
        for (request, line) in [
            (zendesk.identify(&access), "GET users/me"),
            (
                zendesk.lookup(&access, LookupFor::Roles, &ids),
                "GET users/show_many?ids=1,2",
            ),
            (
                zendesk.step(&access, Step::Delete, &id),
                "DELETE users/35436",
            ),
            (
                zendesk.step(&access, Step::PermanentlyDelete, &id),
                "DELETE deleted_users/35436",
            ),
        ] {
            let (method, path) = line.split_once(' ').unwrap();
            assert_eq!(request.method, method);
            assert_eq!(request.url.as_str(), format!("{BASE}api/v2/{path}"));
            assert_eq!(request.headers["accept"], "application/json");
            assert!(request.headers["authorization"].is_sensitive());
            let is_delete = method == "DELETE";
            assert_eq!(request.headers.contains_key("content-type"), is_delete);
            assert!(request.body.is_none());
        }
    }

    #[test]
    fn roles_are_looked_up_together_before_the_soft_delete_and_alone_of_who_is_deleted() {
        let before =
            [Step::Delete, Step::PermanentlyDelete].map(|step| zendesk().lookup_before(step));
        assert_eq!(
            before,
            [Some(LookupFor::Roles), Some(LookupFor::SoftDeletedRoles)]
        );
    }

    #[test]
    fn each_kind_of_credentials_makes_its_header() {
        assert_eq!(
            fixed(&zendesk()).authorization,
            "Basic b3BzQGFjbWUuZXhhbXBsZS90b2tlbjpodW50ZXIy"
        );
        let token = with(ZendeskCredentials::OAuthToken {
            token: "hunter2".into(),
        });
        assert_eq!(fixed(&token).authorization, "Bearer hunter2");
        let minted = client()
            .access(&Token {
                secret: "fresh".into(),
                api_base: Some("https://evil.example".parse().unwrap()),
                expires_in: None,
            })
            .unwrap();
        assert_eq!(minted.authorization, "Bearer fresh");
        assert_eq!(minted.base.as_str(), BASE, "an answer names no base");
    }

    #[test]
    fn a_token_is_asked_for_in_json() {
        let request = client().mint();
        assert_eq!(request.url.as_str(), format!("{BASE}oauth/tokens"));
        assert_eq!(request.headers["content-type"], "application/json");
        let body: serde_json::Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "grant_type": "client_credentials",
                "client_id": "purger",
                "client_secret": "hunter2",
                "scope": "users:read users:write",
                "expires_in": 1800
            })
        );
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        for zendesk in [zendesk(), client()] {
            let request = match zendesk.authorize() {
                Authorize::Fixed(access) => zendesk.identify(&access),
                Authorize::Token { .. } => zendesk.mint(),
            };
            let told = format!("{zendesk:?} {:?} {request:?}", zendesk.authorize());
            assert!(!told.contains("hunter2"), "{told}");
            assert!(!told.contains("aHVudGVyM"), "{told}");
            assert!(!told.contains("b3BzQGFjb"), "{told}");
        }
    }

    #[rstest]
    #[case("ops@acme.example", "a b", "https://acme.example")]
    #[case("ops@acme.example", "", "https://acme.example")]
    #[case("ops", "hunter2", "https://acme.example")]
    #[case("ops@acme.example:x", "hunter2", "https://acme.example")]
    #[case("ops@acme.example", "hunter2", "http://acme.example")]
    fn settings_that_cannot_be_used_are_refused_without_showing_them(
        #[case] email: &str,
        #[case] token: &str,
        #[case] base: &str,
    ) {
        let error = Zendesk::try_new(ZendeskSettings {
            base_url: base.parse().unwrap(),
            credentials: ZendeskCredentials::ApiToken {
                email: email.to_owned(),
                token: SecretString::from(token),
            },
        })
        .unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hunter2") && !told.contains(email), "{told}");
    }

    #[test]
    fn the_limits_are_the_stated_ones() {
        let defaults = super::defaults();
        assert_eq!(defaults.requests.to_string(), "400/1m");
        let (step, quota) = &defaults.steps[0];
        assert_eq!(
            (*step, quota.to_string()),
            (Step::PermanentlyDelete, "700/10m".to_owned())
        );
        assert_eq!(defaults.concurrency, 8);
        let hints = zendesk().rate_hints(None, &headers("x-rate-limit: 200"));
        assert_eq!(hints.account.unwrap().limit.unwrap().to_string(), "200/1m");
    }
}
