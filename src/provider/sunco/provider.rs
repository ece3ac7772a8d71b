//! The seam: [`Sunco`] as a [`Provider`].

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::domain::{ProviderKind, Step, UserId, UserState};
use crate::provider::address::check_base;
use crate::provider::{
    Access, Authorize, BuildError, Bulk, Defaults, Detail, Identity, LookupFor, Provider,
    RateHints, Reply, Request, Roles, Standings, SuncoAuth, SuncoSettings, Token, TokenRefused,
    Verdict, authorization, contract,
};

use super::{judge, lookups, reads, requests};

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
            SuncoAuth::Jwt => jwt(&settings.key_id, &settings.key_secret),
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
fn jwt(key_id: &str, secret: &SecretString) -> HeaderValue {
    let account = key_id.starts_with("act_") || key_id.starts_with("svc_");
    let claims = json!({ "scope": if account { "account" } else { "app" } });
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": key_id });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    authorization::token("Bearer", &format!("{signed}.{signature}").into())
}

impl fmt::Debug for Sunco {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sunco")
            .field("base", &self.access.base.as_str())
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

/// The provider publishes no limit, but disables applications that exceed it often; ten a
/// second is this program's own courtesy.
pub(in crate::provider) fn defaults() -> Defaults {
    Defaults {
        requests: contract::quota(600, Duration::from_mins(1)),
        steps: Vec::new(),
        concurrency: 8,
        many: None,
        asked_alone: None,
    }
}

impl Provider for Sunco {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Sunco
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

    /// Messaging users have no roles.
    fn lookup_before(&self, _step: Step) -> Option<LookupFor> {
        None
    }

    /// There is no read for many, and one read proves all that there is to prove.
    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::UnclearAnswer | LookupFor::Verification => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, _purpose: LookupFor, ids: &[UserId]) -> Request {
        requests::user(access, &self.app_id, &ids[0])
    }

    fn looked_up(
        &self,
        purpose: LookupFor,
        ids: &[UserId],
        _primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<UserState>, Verdict> {
        lookups::looked_up(purpose, &ids[0], reply).map(|state| vec![state])
    }

    /// A deleted user is `user_not_found`, like one who never was; clearing a profile removes
    /// nobody.
    fn unknown_when_gone(&self, step: Step) -> bool {
        step == Step::Delete
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
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

    fn access(&self, _token: &Token) -> Option<Access> {
        Some(self.access.clone())
    }

    fn roles(&self) -> Option<&dyn Roles> {
        None
    }

    fn standings(&self) -> &dyn Standings {
        self
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::slice::from_ref;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::Sunco;
    use crate::domain::{Step, UserId};
    use crate::provider::{Access, Authorize, LookupFor, Provider, SuncoAuth, SuncoSettings};

    const APP: &str = "5d8cff3cd55b040010928b5b";

    fn settings(key_id: &str, auth: SuncoAuth) -> SuncoSettings {
        SuncoSettings {
            base_url: "https://acme.example/sc".parse().unwrap(),
            app_id: APP.to_owned(),
            key_id: key_id.to_owned(),
            key_secret: "hunter2".into(),
            auth,
        }
    }

    pub(in crate::provider::sunco) fn sunco(auth: SuncoAuth) -> Sunco {
        Sunco::try_new(settings("app_1", auth)).unwrap()
    }

    fn access(sunco: &Sunco) -> Access {
        match sunco.authorize() {
            Authorize::Fixed(access) => access,
            Authorize::Token { .. } => panic!("a fixed key"),
        }
    }

    #[test]
    fn requests_go_to_the_app() {
        let sunco = sunco(SuncoAuth::Basic);
        let access = access(&sunco);
        let id = UserId::new("shop/42");
        let app = format!("https://acme.example/sc/v2/apps/{APP}");
        for (request, line) in [
            (sunco.identify(&access), format!("GET {app}")),
            (
                sunco.lookup(&access, LookupFor::Verification, from_ref(&id)),
                format!("GET {app}/users/shop%2F42"),
            ),
            (
                sunco.step(&access, Step::Delete, &id),
                format!("DELETE {app}/users/shop%2F42"),
            ),
            (
                sunco.step(&access, Step::DeletePersonalInformation, &id),
                format!("DELETE {app}/users/shop%2F42/personalinformation"),
            ),
        ] {
            assert_eq!(format!("{} {}", request.method, request.url), line);
            assert_eq!(
                request.headers["authorization"],
                "Basic YXBwXzE6aHVudGVyMg=="
            );
        }
    }

    #[rstest]
    #[case("app_1", "app")]
    #[case("act_1", "account")]
    #[case("svc_1", "account")]
    fn a_jwt_has_the_keys_id_and_scope_and_a_signature_that_holds(
        #[case] key_id: &str,
        #[case] scope: &str,
    ) {
        let sunco = Sunco::try_new(settings(key_id, SuncoAuth::Jwt)).unwrap();
        let header = access(&sunco).authorization;
        let token = header
            .to_str()
            .unwrap()
            .strip_prefix("Bearer ")
            .unwrap()
            .to_owned();
        let head = URL_SAFE_NO_PAD
            .decode(token.split('.').next().unwrap())
            .unwrap();
        let head: Value = serde_json::from_slice(&head).unwrap();
        assert_eq!(head, json!({"typ": "JWT", "alg": "HS256", "kid": key_id}));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"hunter2");
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        ring::hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
        let claims = URL_SAFE_NO_PAD
            .decode(signed.split('.').nth(1).unwrap())
            .unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims, json!({"scope": scope}));
        assert!(header.is_sensitive());
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        for auth in [SuncoAuth::Basic, SuncoAuth::Jwt] {
            let sunco = sunco(auth);
            let request = sunco.identify(&access(&sunco));
            let told = format!("{sunco:?} {:?} {request:?}", sunco.authorize());
            for secret in ["hunter2", "aHVudGVyM", "YXBwXzE6", "eyJ"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }

    #[rstest]
    #[case("")]
    #[case("..")]
    #[case("a/b")]
    #[case("a b")]
    fn an_app_id_is_plain(#[case] app_id: &str) {
        let settings = SuncoSettings {
            app_id: app_id.to_owned(),
            ..settings("app_1", SuncoAuth::Basic)
        };
        assert!(Sunco::try_new(settings).is_err());
    }

    proptest! {
        #[test]
        fn any_id_that_passes_stays_one_segment_below_the_app(text in "\\PC{1,40}|[./%\\\\2eE?#+ ]{1,12}") {
            let sunco = sunco(SuncoAuth::Basic);
            let Ok(id) = crate::provider::sunco::check_id(&text).map(UserId::new) else { return Ok(()); };
            let access = access(&sunco);
            let request = sunco.step(&access, Step::DeletePersonalInformation, &id);
            let segments: Vec<&str> = request.url.path_segments().unwrap().collect();
            prop_assert_eq!(&segments[..5], &["sc", "v2", "apps", APP, "users"]);
            prop_assert_eq!(segments[6..].to_vec(), vec!["personalinformation"]);
            let decoded = percent_decode_str(segments[5]).decode_utf8().unwrap();
            prop_assert_eq!(decoded.as_ref(), id.as_str());
            prop_assert_eq!(request.url.host_str(), Some("acme.example"));
            prop_assert_eq!((request.url.query(), request.url.fragment()), (None, None));
        }
    }
}
