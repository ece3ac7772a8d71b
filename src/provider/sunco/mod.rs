//! Sunshine Conversations, v2: deleting a user with their conversations, or only the profile.
//!
//! Facts: the vendor's specification, <https://developer.zendesk.com/api-reference/conversations/>.
//! A deletion is asynchronous there: the answer says that it was taken, a webhook when it is done.

mod answers;
mod lookups;

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::address::{check_base, endpoint};
use super::{
    Access, Authorize, BuildError, Bulk, Defaults, Detail, Identity, LookupFor, Provider,
    RateHints, Reply, Request, SuncoAuth, SuncoSettings, Token, TokenRefused, Verdict, auth,
    contract,
};
use crate::domain::{IdProblem, ProviderKind, Step, UserId, UserState};

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
        auth::check_plain("key_id", &settings.key_id)?;
        auth::check_plain("key_secret", settings.key_secret.expose_secret())?;
        let authorization = match settings.auth {
            SuncoAuth::Basic if settings.key_id.contains(':') => {
                return Err(BuildError::Setting {
                    setting: "key_id",
                    problem: "holds a colon, which no key's id does",
                });
            }
            SuncoAuth::Basic => auth::basic(&settings.key_id, &settings.key_secret),
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

    fn request(&self, method: Method, access: &Access, path: &[&str]) -> Request {
        let segments = [&["v2", "apps", &self.app_id], path].concat();
        let url = endpoint(&access.base, &segments);
        Request::new(method, url).authorized(access.authorization.clone())
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
    auth::token("Bearer", &format!("{signed}.{signature}").into())
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
        self.request(Method::GET, access, &[])
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        answers::identified(&access.base, &self.app_id, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        let user = ["users", id.as_str()];
        let profile = ["users", id.as_str(), "personalinformation"];
        let path: &[&str] = match step {
            Step::Delete => &user,
            Step::DeletePersonalInformation => &profile,
            Step::PermanentlyDelete => unreachable!("Sunshine Conversations has no step {step}"),
        };
        self.request(Method::DELETE, access, path)
    }

    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict {
        answers::judge(step, id, reply)
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
        self.request(Method::GET, access, &["users", ids[0].as_str()])
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
}

/// How often an id is decoded to see what it may become: once for each server that an address
/// passes, and more than there ever are.
const DECODINGS_MAX: usize = 8;

/// The longest external id, in characters.
const CHARS_MAX: usize = 1_024;

/// The rule for user ids. Nothing is mended: an external id may be anything, so what looks like a
/// slip may be the id.
///
/// # Errors
///
/// Why `text` cannot be sent.
pub(in crate::provider) fn check_id(text: &str) -> Result<&str, IdProblem> {
    if is_given(text) {
        return Ok(text);
    }
    let (code, reason) = if text.is_empty() {
        ("empty", "the id is missing")
    } else if text.chars().any(char::is_control) {
        (
            "control_character",
            "the id holds a control character; look at how the file was made",
        )
    } else if text.len() > CHARS_MAX && text.chars().nth(CHARS_MAX).is_some() {
        ("too_long", "the id has more than 1,024 characters")
    } else if leads_elsewhere(text) {
        (
            "dots",
            "`.`, `..` and what is empty between slashes are taken out of addresses on the way, and \
             `/personalinformation` is a request of its own, so this user cannot be named; use their \
             id instead of the external id",
        )
    } else {
        return Ok(text);
    };
    Err(IdProblem {
        code,
        reason: reason.to_owned(),
    })
}

/// Whether a server on the way could take the id for steps in a path: one that decodes an address
/// before it follows it would make of `../x`, or of `%2e%2e`, a request about another user, or
/// about the whole app; of `x/` or `/x` one about `x`. Encoding alone does not help there. What
/// stands behind a `;` is no part of a step for some servers.
fn leads_elsewhere(text: &str) -> bool {
    // Nearly all ids: one step, which is no dots and not empty.
    if !text.contains(['.', '/', '\\', ';', '%']) && !text.trim().is_empty() {
        return false;
    }
    let mut text = text.to_owned();
    for _ in 0..DECODINGS_MAX {
        let step = |step: &str| step.split(';').next().unwrap_or_default().trim().to_owned();
        let steps = text.split(['/', '\\']).map(step);
        let leads = |step: String| matches!(step.as_str(), "" | "." | "..");
        if steps.clone().any(leads) || steps.skip(1).any(|step| is_request(&step)) {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        text = decoded;
    }
    // Nobody encodes an id so often but to hide something.
    true
}

/// Whether `step` behind a user's id makes a request of its own: it would be about that user.
fn is_request(step: &str) -> bool {
    step.eq_ignore_ascii_case("personalinformation")
}

/// Whether an id could be another with blanks around it: an external id may be any text, one that
/// the provider gave is 24 hex digits.
pub(in crate::provider) fn blanks_count(id: &str) -> bool {
    !is_given(id)
}

/// Whether `text` is an id as the provider gives them out.
fn is_given(text: &str) -> bool {
    let digits: Result<&[u8; 24], _> = text.as_bytes().try_into();
    // All of them, without a way out before: that is done many at a time.
    digits.is_ok_and(|digits| {
        let is_digit = |all, byte: &u8| all & byte.is_ascii_hexdigit();
        digits.iter().fold(true, is_digit)
    })
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{Sunco, check_id};
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
            let text = format!("{sunco:?} {:?} {request:?}", sunco.authorize());
            for secret in ["hunter2", "aHVudGVyM", "YXBwXzE6", "eyJ"] {
                assert!(!text.contains(secret), "{text}");
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

    #[rstest]
    #[case("5963c0d619a30a2e00de36b8")]
    #[case("jane@example.com")]
    #[case("a/b?c#d")]
    #[case("1/merge")]
    #[case("1;x")]
    #[case("1%00")]
    #[case("100%")]
    #[case("%zz")]
    #[case("...")]
    #[case("a..b")]
    #[case(".a")]
    #[case("6.16E+12")]
    #[case("ü 世")]
    fn an_external_id_may_be_anything(#[case] text: &str) {
        assert_eq!(check_id(text).unwrap(), text);
    }

    #[rstest]
    #[case("", "empty")]
    #[case(".", "dots")]
    #[case("..", "dots")]
    #[case("../x", "dots")]
    #[case("x/..", "dots")]
    #[case("x/./y", "dots")]
    #[case("..\\x", "dots")]
    #[case("..;a=b/x", "dots")]
    #[case(" .. ", "dots")]
    #[case("%2e%2e", "dots")]
    #[case("%2E.", "dots")]
    #[case("%252e%252E", "dots")]
    #[case("..%2fx", "dots")]
    #[case("x%5C..", "dots")]
    #[case("/", "dots")]
    #[case("%2F", "dots")]
    #[case("//;x", "dots")]
    #[case(";x", "dots")]
    #[case("/x", "dots")]
    #[case("x/", "dots")]
    #[case("x//y", "dots")]
    #[case("x%2f", "dots")]
    #[case("%2F1", "dots")]
    #[case("x/;y", "dots")]
    #[case("x\\", "dots")]
    #[case("x/ ", "dots")]
    #[case("x/personalInformation", "dots")]
    #[case("%25252525252525252525252541", "dots")]
    #[case("a\0b", "control_character")]
    #[case("a\u{85}b", "control_character")]
    fn what_cannot_be_sent_is_refused(#[case] text: &str, #[case] code: &str) {
        assert_eq!(check_id(text).unwrap_err().code, code);
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        assert!(check_id(&"ü".repeat(1_024)).is_ok());
        assert_eq!(check_id(&"ü".repeat(1_025)).unwrap_err().code, "too_long");
    }

    proptest! {
        #[test]
        fn any_id_that_passes_stays_one_segment_below_the_app(text in "\\PC{1,40}|[./%\\\\2eE?#+ ]{1,12}") {
            let sunco = sunco(SuncoAuth::Basic);
            let Ok(id) = check_id(&text).map(UserId::new) else { return Ok(()); };
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
