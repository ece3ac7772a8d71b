//! What each provider must be told to be used, complete, and the way from there to the provider.
//!
//! `S` is a secret; in a configuration whose secrets are unread, where it is to be had.

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

use super::sunco::Sunco;
use super::zendesk::Zendesk;
use super::zoho::Zoho;
use super::{Defaults, Provider, sunco, zendesk, zoho};
use crate::domain::{IdProblem, ProviderKind};

/// Zendesk Support.
#[derive(Debug, Clone)]
pub struct ZendeskSettings<S = SecretString> {
    /// `https://{subdomain}.zendesk.com`, or what stands in for it.
    pub base_url: Url,
    /// How requests are authorized.
    pub credentials: ZendeskCredentials<S>,
}

/// Zendesk's three kinds of credentials.
#[derive(Debug, Clone)]
pub enum ZendeskCredentials<S = SecretString> {
    /// E-mail address and API token, as Basic authorization. Zendesk ends these on 2027-04-30,
    /// see <https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/>.
    ApiToken {
        /// The agent's address.
        email: String,
        /// The token.
        token: S,
    },
    /// An OAuth access token, as it is.
    OAuthToken {
        /// The token.
        token: S,
    },
    /// An OAuth client, whose tokens are fetched and renewed.
    Client {
        /// The client's unique identifier.
        id: String,
        /// Its secret.
        secret: S,
    },
}

/// Sunshine Conversations.
#[derive(Debug, Clone)]
pub struct SuncoSettings<S = SecretString> {
    /// `https://api.smooch.io`, `https://api.eu-1.smooch.io`, `https://{subdomain}.zendesk.com/sc`,
    /// or what stands in for it.
    pub base_url: Url,
    /// The app whose users are meant.
    pub app_id: String,
    /// The key's id, `app_…`, `act_…` or `svc_…`.
    pub key_id: String,
    /// The key's secret.
    pub key_secret: S,
    /// How the key is used.
    pub auth: SuncoAuth,
}

/// How a Sunshine Conversations key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuncoAuth {
    /// Basic authorization.
    Basic,
    /// A JWT signed with HS256.
    Jwt,
}

/// Zoho CRM.
#[derive(Debug, Clone)]
pub struct ZohoSettings<S = SecretString> {
    /// The data centre's accounts server, e.g. `https://accounts.zoho.eu`.
    pub accounts_url: Url,
    /// Where the API is; `None`: where the token answer's `api_domain` says.
    pub base_url: Option<Url>,
    /// The API's version, `v2` to `v8`.
    pub version: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: S,
    /// The refresh token.
    pub refresh_token: S,
}

/// The settings of whichever provider an account is at.
#[derive(Debug, Clone)]
pub enum ProviderSettings<S = SecretString> {
    /// Zendesk Support.
    Zendesk(ZendeskSettings<S>),
    /// Sunshine Conversations.
    Sunco(SuncoSettings<S>),
    /// Zoho CRM.
    Zoho(ZohoSettings<S>),
}

impl<S> ProviderSettings<S> {
    /// The provider.
    pub const fn kind(&self) -> ProviderKind {
        match self {
            Self::Zendesk(_) => ProviderKind::Zendesk,
            Self::Sunco(_) => ProviderKind::Sunco,
            Self::Zoho(_) => ProviderKind::Zoho,
        }
    }

    /// The same settings, with what `read` makes of each secret. It is also given the secret's key
    /// in the configuration.
    pub fn try_map<T, E>(
        &self,
        mut read: impl FnMut(&'static str, &S) -> Result<T, E>,
    ) -> Result<ProviderSettings<T>, E> {
        Ok(match self {
            Self::Zendesk(zendesk) => ProviderSettings::Zendesk(ZendeskSettings {
                base_url: zendesk.base_url.clone(),
                credentials: match &zendesk.credentials {
                    ZendeskCredentials::ApiToken { email, token } => ZendeskCredentials::ApiToken {
                        email: email.clone(),
                        token: read("api_token", token)?,
                    },
                    ZendeskCredentials::OAuthToken { token } => ZendeskCredentials::OAuthToken {
                        token: read("oauth_token", token)?,
                    },
                    ZendeskCredentials::Client { id, secret } => ZendeskCredentials::Client {
                        id: id.clone(),
                        secret: read("client_secret", secret)?,
                    },
                },
            }),
            Self::Sunco(sunco) => ProviderSettings::Sunco(SuncoSettings {
                base_url: sunco.base_url.clone(),
                app_id: sunco.app_id.clone(),
                key_id: sunco.key_id.clone(),
                key_secret: read("key_secret", &sunco.key_secret)?,
                auth: sunco.auth,
            }),
            Self::Zoho(zoho) => ProviderSettings::Zoho(ZohoSettings {
                accounts_url: zoho.accounts_url.clone(),
                base_url: zoho.base_url.clone(),
                version: zoho.version.clone(),
                client_id: zoho.client_id.clone(),
                client_secret: read("client_secret", &zoho.client_secret)?,
                refresh_token: read("refresh_token", &zoho.refresh_token)?,
            }),
        })
    }
}

/// Why no provider can be built of the settings. Neither variant repeats a value: it may be a
/// secret, or hold one.
#[derive(Debug, Error)]
pub enum BuildError {
    /// An address that requests must not go to.
    #[error("`{setting}` {problem}")]
    Address {
        /// The setting's name in the configuration.
        setting: &'static str,
        /// What is wrong with it and how to mend it.
        problem: &'static str,
    },
    /// Another setting that cannot be used.
    #[error("`{setting}` {problem}")]
    Setting {
        /// The setting's name in the configuration.
        setting: &'static str,
        /// What is wrong with it and how to mend it.
        problem: &'static str,
    },
}

/// The provider of an account, ready for requests.
///
/// # Errors
///
/// [`BuildError`], when a setting cannot be used; nothing is sent to find out.
pub fn build(settings: ProviderSettings) -> Result<Box<dyn Provider>, BuildError> {
    Ok(match settings {
        ProviderSettings::Zendesk(settings) => Box::new(Zendesk::try_new(settings)?),
        ProviderSettings::Sunco(settings) => Box::new(Sunco::try_new(settings)?),
        ProviderSettings::Zoho(settings) => Box::new(Zoho::try_new(settings)?),
    })
}

/// A provider's rule for user ids, for a whole kind of account: trimmed text of a cell → the
/// part of it that is the id to send.
pub fn check_id(kind: ProviderKind) -> fn(&str) -> Result<&str, IdProblem> {
    match kind {
        ProviderKind::Zendesk => zendesk::check_id,
        ProviderKind::Sunco => sunco::check_id,
        ProviderKind::Zoho => zoho::check_id,
    }
}

/// Whether an id of this kind of account may begin or end with a blank.
pub fn blanks_count(kind: ProviderKind) -> fn(&str) -> bool {
    match kind {
        ProviderKind::Zendesk | ProviderKind::Zoho => |_| false,
        ProviderKind::Sunco => sunco::blanks_count,
    }
}

/// Whether all ids of one org have as many digits, of which the last are seldom zeros.
pub const fn ids_alike(kind: ProviderKind) -> bool {
    match kind {
        // Zendesk's lengths differ by age, and zeros at the end are refused one by one; those of
        // Sunshine Conversations are hexadecimal, or any text.
        ProviderKind::Zendesk | ProviderKind::Sunco => false,
        ProviderKind::Zoho => true,
    }
}

/// The limits of an account whose configuration states none.
pub fn defaults(kind: ProviderKind) -> Defaults {
    match kind {
        ProviderKind::Zendesk => zendesk::defaults(),
        ProviderKind::Sunco => sunco::defaults(),
        ProviderKind::Zoho => zoho::defaults(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::build;
    use crate::domain::{ProviderKind, Step, UserId, UserState};
    use crate::provider::testing::{
        access, any_headers, any_reply, assert_fit_to_keep, describe, every_status, spoilt,
    };
    use crate::provider::{
        LookupFor, Provider, ProviderSettings, Reply, RowEnd, SuncoAuth, SuncoSettings, Verdict,
        ZendeskCredentials, ZendeskSettings, ZohoSettings,
    };

    const BASE: &str = "https://acme.example";

    fn settings(kind: ProviderKind, base: &str) -> ProviderSettings {
        let base_url: url::Url = base.parse().unwrap();
        match kind {
            ProviderKind::Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
                base_url,
                credentials: ZendeskCredentials::Client {
                    id: "purger".to_owned(),
                    secret: "hunter2".into(),
                },
            }),
            ProviderKind::Sunco => ProviderSettings::Sunco(SuncoSettings {
                base_url,
                app_id: "5d8cff3cd55b040010928b5b".to_owned(),
                key_id: "app_1".to_owned(),
                key_secret: "hunter2".into(),
                auth: SuncoAuth::Jwt,
            }),
            ProviderKind::Zoho => ProviderSettings::Zoho(ZohoSettings {
                accounts_url: base_url,
                base_url: None,
                version: "v8".to_owned(),
                client_id: "1000.AB".to_owned(),
                client_secret: "hunter2".into(),
                refresh_token: "1000.hunter3".into(),
            }),
        }
    }

    fn all() -> [Box<dyn Provider>; 3] {
        ProviderKind::ALL.map(|kind| build(settings(kind, BASE)).unwrap())
    }

    #[test]
    fn settings_make_their_own_provider_and_show_no_secret() {
        for kind in ProviderKind::ALL {
            let provider = build(settings(kind, BASE)).unwrap();
            assert_eq!(provider.kind(), kind);
            assert!(!format!("{provider:?}").contains("hunter"));
        }
    }

    #[test]
    fn plain_http_leaves_this_machine_at_no_provider() {
        for kind in ProviderKind::ALL {
            assert!(build(settings(kind, "http://127.0.0.1:8080/t")).is_ok());
            let error = build(settings(kind, "http://acme.example")).unwrap_err();
            assert!(error.to_string().contains("is plain http"), "{error}");
        }
    }

    #[test]
    fn an_error_names_the_setting_and_what_to_do() {
        let error = build(settings(ProviderKind::Zoho, "ftp://acme.example")).unwrap_err();
        insta::assert_snapshot!(error, @"`accounts_url` is no web address; write https:// and a host");
    }

    /// A lookup tells of each user or of none.
    fn looked_up(
        provider: &dyn Provider,
        purpose: LookupFor,
        id: &UserId,
        reply: &Reply,
    ) -> Result<Vec<UserState>, Verdict> {
        let states = provider.looked_up(purpose, std::slice::from_ref(id), Some("7"), reply);
        if let Ok(states) = &states {
            assert_eq!(states.len(), 1);
        }
        states
    }

    fn is_of_a_read(verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Account(..) | Verdict::Moment(..) | Verdict::TokenRejected(_) => true,
            Verdict::Row(..) | Verdict::Look(..) => false,
        }
    }

    #[test]
    fn no_status_alone_identifies_anybody_or_tells_how_a_user_stands() {
        let access = access(BASE);
        let id = UserId::new("35436");
        for provider in all() {
            let asked = every_status(|reply| {
                assert!(provider.identified(&access, reply).is_err());
                match looked_up(provider.as_ref(), LookupFor::UnclearAnswer, &id, reply) {
                    Err(verdict) => describe(&verdict),
                    Ok(states) => states[0].name().to_owned(),
                }
            });
            let without_words: Vec<&str> = asked
                .lines()
                .filter(|line| !line.contains("moment") && !line.contains("account"))
                .collect();
            let expected: &[&str] = match provider.kind() {
                ProviderKind::Zendesk | ProviderKind::Sunco => &[],
                // No content is how Zoho says that nobody matches.
                ProviderKind::Zoho => &[
                    "empty 204     not_known",
                    "html  204     not_known",
                    "json  204     not_known",
                ],
            };
            assert_eq!(without_words, expected, "{}", provider.kind());
        }
    }

    /// A user whose id each provider could have.
    const ID: &str = "4876876000000225001";

    /// Every success there is, for every provider and step, and a token, each a little spoilt.
    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let token = json!({"access_token": "t", "expires_in": 3600,
            "api_domain": "https://www.zohoapis.com"});
        let zoho = |details: Value| {
            json!({"users": [{"code": "SUCCESS", "details": details,
                "message": "User deleted", "status": "success"}]})
        };
        [
            json!({"user": {"id": ID, "active": false}}),
            json!({"user": {"id": 4_876_876_000_000_225_001_u64, "active": false}}),
            json!({"deleted_user": {"id": 4_876_876_000_000_225_001_u64}}),
            json!({}),
            json!({"user": {"id": ID, "profile": {}}}),
            json!({"user": {"id": "x", "externalId": ID}}),
            zoho(json!({})),
            zoho(json!({"id": ID})),
            token,
        ]
        .into_iter()
        .map(|json| spoilt(json.to_string()))
        .collect::<Vec<_>>()
    }

    /// Whether `reply` is a success of `step` as `kind` has it, about the user if it names one.
    fn confirms(kind: ProviderKind, step: Step, reply: &Reply) -> bool {
        let text = String::from_utf8_lossy(&reply.body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        let named = |value: &Value| {
            let number = value.as_u64().map(|id| id.to_string());
            value.as_str() == Some(ID) || number.as_deref() == Some(ID)
        };
        let user = &json["user"];
        let by_either = named(&user["id"]) || named(&user["externalId"]);
        let said = match (kind, step) {
            (ProviderKind::Zendesk, Step::Delete) => {
                named(&user["id"]) && user["active"] == json!(false)
            }
            (ProviderKind::Zendesk, _) => named(&json["deleted_user"]["id"]),
            (ProviderKind::Sunco, Step::Delete) => json == json!({}) || by_either,
            (ProviderKind::Sunco, _) => by_either,
            (ProviderKind::Zoho, _) => {
                let entry = &json["users"][0];
                let id = &entry["details"]["id"];
                let code = entry["code"].as_str().unwrap_or_default();
                code.eq_ignore_ascii_case("SUCCESS") && (id.is_null() || named(id))
            }
        };
        said && reply.status == 200
    }

    proptest! {
        #[test]
        fn a_question_is_never_answered_about_a_row(reply in any_reply()) {
            let access = access(BASE);
            let id = UserId::new("35436");
            for provider in all() {
                let answers = [
                    provider.identified(&access, &reply).err(),
                    provider.primary_contact().and_then(|contact| contact.found(&reply).err()),
                ];
                let lookups = LookupFor::ALL
                    .map(|purpose| looked_up(provider.as_ref(), purpose, &id, &reply).err());
                for verdict in answers.into_iter().chain(lookups).flatten() {
                    prop_assert!(is_of_a_read(&verdict), "{}", describe(&verdict));
                    assert_fit_to_keep(&verdict);
                }
                let _ = provider.minted(&reply);
                let _ = provider.rate_hints(None, &reply.headers);
            }
        }

        #[test]
        fn no_answer_whatever_breaks_the_reading_or_confirms_what_it_does_not_say(
            status in prop_oneof![3 => Just(200_u16), 1 => 0_u16..=999],
            headers in any_headers(),
            bodies in bodies(),
        ) {
            let id = UserId::new(ID);
            let access = access(BASE);
            for provider in all() {
                for body in &bodies {
                    let reply = Reply {
                        status,
                        headers: headers.clone(),
                        body: body.clone().into(),
                    };
                    for step in provider.kind().actions().iter().flat_map(|action| action.steps()) {
                        let verdict = provider.judge(*step, &id, &reply);
                        assert_fit_to_keep(&verdict);
                        if matches!(verdict, Verdict::Row(RowEnd::Deleted, _)) {
                            prop_assert!(confirms(provider.kind(), *step, &reply));
                        }
                        let _ = provider.rate_hints(Some(*step), &reply.headers);
                    }
                    let _ = provider.identified(&access, &reply);
                    for purpose in LookupFor::ALL {
                        let states = looked_up(provider.as_ref(), purpose, &id, &reply);
                        prop_assert!(states.is_err() || matches!(status, 200 | 204 | 400 | 404));
                    }
                    if let Ok(token) = provider.minted(&reply) {
                        prop_assert!((200..=299).contains(&status));
                        prop_assert!(provider.access(&token).is_some());
                    }
                    let _ = reply.request_id();
                }
            }
        }
    }
}
