//! Zendesk Support: soft deletion, permanent deletion, and the reads around them.
//!
//! Facts and where they come from: <https://developer.zendesk.com/api-reference/ticketing/users/users/>,
//! <https://developer.zendesk.com/api-reference/ticketing/users/deleted_users/> and, for limits,
//! <https://developer.zendesk.com/api-reference/introduction/rate-limits/>. Many soft
//! deletions go out in one request, `bulk`; permanent ones each in their own, as the API has it.

mod answers;
mod bulk;
mod limits;
mod lookups;

use std::fmt;

use ::http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::address::{check_base, endpoint};
use super::{
    Access, Authorize, BuildError, Bulk, Defaults, Identity, LookupFor, Provider, RateHints, Reply,
    Request, Token, TokenRefused, Verdict, ZendeskCredentials, ZendeskSettings, auth, contract,
    digits,
};
use crate::domain::{IdProblem, ProviderKind, Step, UserId, UserState, looks_rounded};

use answers::KeySource;

/// How long a token is asked to live. Zendesk takes more than 300 and less than 172,800 seconds;
/// half an hour is what its new clients give anyway.
const TOKEN_LIFE_SECS: u32 = 1_800;

/// How many users `show_many` takes,
/// <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-many-users>.
const SHOW_MANY_MAX: usize = 100;

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
                auth::check_plain("api_token", token.expose_secret())?;
                check_email(&email)?;
                fixed(auth::basic(&format!("{email}/token"), &token))
            }
            ZendeskCredentials::OAuthToken { token } => {
                auth::check_plain("oauth_token", token.expose_secret())?;
                fixed(auth::token("Bearer", &token))
            }
            ZendeskCredentials::Client { id, secret } => {
                auth::check_plain("client_id", &id)?;
                auth::check_plain("client_secret", secret.expose_secret())?;
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
                key: auth::digest(&["zendesk", self.base.as_str(), id, secret.expose_secret()]),
            },
        }
    }

    fn identify(&self, access: &Access) -> Request {
        read(access, &["users", "me"])
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        answers::identified(self.source(), &access.base, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        let list = match step {
            Step::Delete => "users",
            Step::PermanentlyDelete => "deleted_users",
            Step::DeletePersonalInformation => unreachable!("Zendesk has no step {step}"),
        };
        delete(access, &[list, id.as_str()])
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        answers::judge(self.source(), step, id, reply)
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
            LookupFor::Roles | LookupFor::Verification => SHOW_MANY_MAX,
            _ => 1,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        let id = ids[0].as_str();
        match purpose {
            LookupFor::Roles | LookupFor::Verification => {
                let ids = ids.iter().map(UserId::as_str);
                with_ids(read(access, &["users", "show_many"]), ids)
            }
            // <https://developer.zendesk.com/api-reference/ticketing/users/users/#show-deleted-user>.
            LookupFor::SoftDeletedRoles | LookupFor::ClosestVerification => {
                read(access, &["deleted_users", id])
            }
            LookupFor::UnclearAnswer => read(access, &["users", id]),
            LookupFor::CloserVerification => {
                read(access, &["users", id, "compliance_deletion_statuses"])
            }
        }
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

    /// Tokens by OAuth client credentials,
    /// <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>.
    ///
    /// # Panics
    ///
    /// With credentials that need no token: called only under [`Authorize::Token`].
    fn mint(&self) -> Request {
        let Keys::Client { id, secret } = &self.keys else {
            unreachable!("these credentials need no token")
        };
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": id,
            "client_secret": secret.expose_secret(),
            "scope": "users:read users:write",
            "expires_in": TOKEN_LIFE_SECS,
        });
        Request::new(Method::POST, endpoint(&self.base, &["oauth", "tokens"]))
            .with_body("application/json", body.to_string())
    }

    fn minted(&self, reply: &Reply) -> Result<Token, TokenRefused> {
        let token = |answer: &_, secret| {
            Ok(Token {
                secret,
                api_base: None,
                expires_in: auth::life_secs(answer, "expires_in"),
            })
        };
        auth::minted(reply, token, TokenRefused::Rejected)
    }

    fn access(&self, token: &Token) -> Option<Access> {
        Some(Access {
            base: self.base.clone(),
            authorization: auth::token("Bearer", &token.secret),
        })
    }
}

fn read(access: &Access, path: &[&str]) -> Request {
    request(Method::GET, access, path)
}

/// Zendesk wants the content type in every PUT, POST and DELETE, body or not.
fn delete(access: &Access, path: &[&str]) -> Request {
    let mut request = request(Method::DELETE, access, path);
    let json = HeaderValue::from_static("application/json");
    request.headers.insert(header::CONTENT_TYPE, json);
    request
}

fn request(method: Method, access: &Access, path: &[&str]) -> Request {
    let segments = [&["api", "v2"], path].concat();
    let url = endpoint(&access.base, &segments);
    Request::new(method, url).authorized(access.authorization.clone())
}

/// `request` about the users or jobs of these ids.
fn with_ids<'i>(mut request: Request, ids: impl Iterator<Item = &'i str>) -> Request {
    let ids = ids.collect::<Vec<_>>().join(",");
    request.url.set_query(Some(&format!("ids={ids}")));
    request
}

/// The rule for user ids.
///
/// # Errors
///
/// What is wrong with `text`, and how to mend it.
pub(in crate::provider) fn check_id(text: &str) -> Result<&str, IdProblem> {
    digits::plain(text)?;
    // More than twenty digits do not fit either.
    if text.parse::<u64>().is_err() {
        return Err(IdProblem {
            code: "too_long",
            reason:
                "the id has more digits than a Zendesk id can have; look at how the file was made"
                    .to_owned(),
        });
    }
    if looks_rounded(text) {
        return Err(IdProblem {
            code: "rounded",
            reason:
                "the id is longer than a spreadsheet's fifteen digits and ends in zeros, so its \
                     last digits are lost; format the column as text and export again"
                    .to_owned(),
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::SecretString;

    use super::{Zendesk, check_id};
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
            let text = format!("{zendesk:?} {:?} {request:?}", zendesk.authorize());
            assert!(!text.contains("hunter2"), "{text}");
            assert!(!text.contains("aHVudGVyM"), "{text}");
            assert!(!text.contains("b3BzQGFjb"), "{text}");
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
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2") && !text.contains(email), "{text}");
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

    #[rstest]
    #[case("1")]
    #[case("26773422")]
    #[case("6164068886000")]
    #[case("616406888604000")]
    #[case("9223372036854775807")]
    #[case("18446744073709551615")]
    fn a_whole_number_that_fits_is_an_id_as_it_is(#[case] text: &str) {
        assert_eq!(check_id(text).unwrap(), text);
    }

    #[rstest]
    #[case("18446744073709551616", "too_long")]
    #[case("999999999999999999999", "too_long")]
    #[case("6164068886040000", "rounded")]
    #[case("6.16407E+12", "scientific_notation")]
    #[case("06164068886042", "leading_zero")]
    fn anything_else_is_refused_by_name(#[case] text: &str, #[case] code: &str) {
        assert_eq!(check_id(text).unwrap_err().code, code);
    }
}
