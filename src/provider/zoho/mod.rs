//! Zoho CRM: deleting users of the organisation, one a request, by an OAuth client.
//!
//! Facts: <https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>, the same in every
//! version, and the vendor's `OpenAPI` files. It does not move records to other users: the
//! deleted user stays their owner.

mod answers;
mod data_centre;
mod lookups;
mod token;

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, Method};
use secrecy::ExposeSecret;

use super::address::{check_base, endpoint};
use super::rate_hint::number;
use super::{
    Access, Authorize, BuildError, Bulk, Defaults, Identity, LookupFor, PrimaryContact, Provider,
    RateHints, Reply, Request, Token, TokenRefused, Verdict, ZohoSettings, auth, contract, digits,
};
use crate::domain::{IdProblem, ProviderKind, Step, UserId, UserState};

/// How many users `ids` takes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
const IDS_MAX: usize = 100;

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
            auth::check_plain(setting, value)?;
        }
        Ok(Self { settings })
    }

    fn crm(&self, method: Method, access: &Access, path: &[&str]) -> Request {
        let segments = [&["crm", self.settings.version.as_str()], path].concat();
        let url = endpoint(&access.base, &segments);
        Request::new(method, url).authorized(access.authorization.clone())
    }

    fn users(&self, access: &Access, query: &str) -> Request {
        let mut request = self.crm(Method::GET, access, &["users"]);
        request.url.set_query(Some(query));
        request
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

/// Zoho states no limit per minute, only credits per day and five requests at once in its
/// smallest edition, which others share; ten a second is this program's own courtesy.
pub(in crate::provider) fn defaults() -> Defaults {
    Defaults {
        requests: contract::quota(600, Duration::from_mins(1)),
        steps: Vec::new(),
        concurrency: 4,
        many: None,
        asked_alone: None,
    }
}

impl Provider for Zoho {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zoho
    }

    fn authorize(&self) -> Authorize {
        let settings = &self.settings;
        Authorize::Token {
            quota: Some(token::quota()),
            key: auth::digest(&[
                "zoho",
                settings.accounts_url.as_str(),
                &settings.client_id,
                settings.client_secret.expose_secret(),
                settings.refresh_token.expose_secret(),
            ]),
        }
    }

    fn identify(&self, access: &Access) -> Request {
        self.users(access, "type=CurrentUser")
    }

    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict> {
        answers::identified(&access.base, reply)
    }

    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request {
        match step {
            Step::Delete => self.crm(Method::DELETE, access, &["users", id.as_str()]),
            Step::PermanentlyDelete | Step::DeletePersonalInformation => {
                unreachable!("Zoho CRM has no step {step}")
            }
        }
    }

    /// There is one step, so the answer is judged alike whatever `step` says.
    fn judge(&self, _step: Step, id: &UserId, reply: &Reply) -> Verdict {
        answers::judge(id, reply)
    }

    /// Zoho has one step.
    fn lookup_before(&self, _step: Step) -> Option<LookupFor> {
        Some(LookupFor::Roles)
    }

    fn lookup_max(&self, purpose: LookupFor) -> usize {
        match purpose {
            LookupFor::Roles | LookupFor::Verification => IDS_MAX,
            LookupFor::UnclearAnswer => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        match purpose {
            LookupFor::Roles | LookupFor::Verification => {
                let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
                self.users(access, &format!("ids={}", ids.join(",")))
            }
            _ => self.crm(Method::GET, access, &["users", ids[0].as_str()]),
        }
    }

    fn looked_up(
        &self,
        purpose: LookupFor,
        ids: &[UserId],
        primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<UserState>, Verdict> {
        lookups::looked_up(purpose, ids, primary_contact, reply)
    }

    fn primary_contact(&self) -> Option<&dyn PrimaryContact> {
        Some(self)
    }

    /// A deleted user is `ID_ALREADY_DELETED`; only an id that never was is `INVALID_DATA`.
    fn unknown_when_gone(&self, _step: Step) -> bool {
        false
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        None
    }

    /// Credits left of the last 24 hours; the header comes once half of them are used,
    /// <https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html>.
    fn rate_hints(&self, _step: Option<Step>, headers: &HeaderMap) -> RateHints {
        RateHints {
            day_left: number(headers, &["x-api-credits-remaining"]),
            ..RateHints::default()
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

    /// The configured base, else where the token says, if it may go there.
    fn access(&self, token: &Token) -> Option<Access> {
        let settings = &self.settings;
        let said = || {
            let base = token.api_base.as_ref()?;
            data_centre::api_base(&settings.accounts_url, base)
        };
        Some(Access {
            base: settings.base_url.clone().or_else(said)?,
            authorization: auth::token("Zoho-oauthtoken", &token.secret),
        })
    }
}

impl PrimaryContact for Zoho {
    fn role(&self) -> &'static str {
        lookups::PRIMARY_CONTACT
    }

    /// <https://www.zoho.com/crm/developer/docs/api/v8/get-org-data.html>.
    fn request(&self, access: &Access) -> Request {
        self.crm(Method::GET, access, &["org"])
    }

    fn found(&self, reply: &Reply) -> Result<Option<String>, Verdict> {
        answers::primary_zuid(reply)
    }

    fn unknown_note(&self) -> &'static str {
        "Zoho CRM does not say who the primary contact is, which takes the scope \
         ZohoCRM.org.READ; they are not protected here, but Zoho itself refuses to delete them"
    }
}

/// The shortest id, in digits.
const DIGITS_MIN: usize = 15;
/// The longest id, in digits.
const DIGITS_MAX: usize = 19;

/// What CSV exports put before an id.
const EXPORT_PREFIX: &str = "zcrm_";

/// How many digits at an id's end tell users of one org apart; those before are the org's.
const USER_DIGITS: usize = 12;

/// The rule for user ids. The prefix of an export is taken off. Zeros at the end are let pass:
/// true ids end so as well, if rarely; it takes the whole column to tell.
///
/// # Errors
///
/// What is wrong with `text`, and how to mend it.
pub(in crate::provider) fn check_id(text: &str) -> Result<&str, IdProblem> {
    let id = match text.get(..EXPORT_PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(EXPORT_PREFIX) => &text[prefix.len()..],
        _ => text,
    };
    digits::plain(id)?;
    let (code, reason) = match id.len() {
        DIGITS_MIN..=DIGITS_MAX => return Ok(id),
        8 | 9 => (
            "zuid",
            "the id looks like a ZUID, the id of a Zoho account; the CRM's user id has 15 to 19 \
             digits and is in the column `id` of the users API",
        ),
        0..DIGITS_MIN => (
            "too_short",
            "a Zoho CRM user id has 15 to 19 digits, and this has fewer: a part of it was lost, or \
             it is another number; export the column `id` again, as text",
        ),
        _ => (
            "too_long",
            "a Zoho CRM user id has 15 to 19 digits; this has more",
        ),
    };
    Err(IdProblem {
        code,
        reason: reason.to_owned(),
    })
}

/// The digits that every id of the org of `caller` begins with.
fn org_prefix(caller: &UserId) -> String {
    let digits = caller.as_str();
    let end = digits.len().saturating_sub(USER_DIGITS);
    digits.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use rstest::rstest;
    use url::Url;

    use super::{Zoho, check_id, org_prefix};
    use crate::domain::{Step, UserId};
    use crate::provider::testing::{headers, reply};
    use crate::provider::{Authorize, LookupFor, Provider, Token, TokenRefused, ZohoSettings};

    const ACCOUNTS: &str = "https://accounts.zoho.eu";
    const LOCAL: &str = "http://127.0.0.1:8080/accounts";

    fn settings(accounts_url: &str, base_url: Option<&str>) -> ZohoSettings {
        ZohoSettings {
            accounts_url: accounts_url.parse().unwrap(),
            base_url: base_url.map(|url| url.parse().unwrap()),
            version: "v8".to_owned(),
            client_id: "1000.AB".to_owned(),
            client_secret: "hunter2".into(),
            refresh_token: "1000.hunter3".into(),
        }
    }

    pub(in crate::provider::zoho) fn zoho(base_url: Option<&str>) -> Zoho {
        Zoho::try_new(settings(ACCOUNTS, base_url)).unwrap()
    }

    fn token(api_base: Option<&str>) -> Token {
        Token {
            secret: "1000.tok".into(),
            api_base: api_base.map(|url| url.parse().unwrap()),
            expires_in: None,
        }
    }

    #[test]
    fn requests_go_where_the_token_says() {
        let zoho = zoho(None);
        let access = zoho
            .access(&token(Some("https://www.zohoapis.eu")))
            .unwrap();
        let id = UserId::new("4876876000000225001");
        let api = "https://www.zohoapis.eu/crm/v8/users";
        for (request, line) in [
            (
                zoho.identify(&access),
                format!("GET {api}?type=CurrentUser"),
            ),
            (
                zoho.lookup(&access, LookupFor::UnclearAnswer, from_ref(&id)),
                format!("GET {api}/{id}"),
            ),
            (
                zoho.primary_contact().unwrap().request(&access),
                "GET https://www.zohoapis.eu/crm/v8/org".to_owned(),
            ),
            (
                zoho.step(&access, Step::Delete, &id),
                format!("DELETE {api}/{id}"),
            ),
        ] {
            assert_eq!(format!("{} {}", request.method, request.url), line);
            assert_eq!(request.headers["authorization"], "Zoho-oauthtoken 1000.tok");
            assert!(request.headers["authorization"].is_sensitive());
        }
    }

    #[rstest]
    #[case(
        Some("https://api.own.example/z"),
        Some("https://www.zohoapis.eu"),
        Some("https://api.own.example/z")
    )]
    #[case(
        Some("https://api.own.example/z"),
        None,
        Some("https://api.own.example/z")
    )]
    #[case(
        None,
        Some("https://www.zohoapis.eu"),
        Some("https://www.zohoapis.eu/")
    )]
    #[case(None, Some("https://www.zohoapis.com"), None)]
    #[case(None, Some("https://evil.example"), None)]
    #[case(None, Some("http://127.0.0.1:9"), None)]
    #[case(None, None, None)]
    fn a_configured_base_wins_and_a_foreign_one_is_never_used(
        #[case] configured: Option<&str>,
        #[case] said: Option<&str>,
        #[case] base: Option<&str>,
    ) {
        let access = zoho(configured).access(&token(said));
        assert_eq!(access.as_ref().map(|access| access.base.as_str()), base);
    }

    #[test]
    fn with_a_configured_base_the_answers_is_not_read() {
        let body = "{\"access_token\":\"t\",\"api_domain\":\"https://evil.example\"}";
        let token = zoho(Some("https://api.own.example"))
            .minted(&reply(200, "", body))
            .unwrap();
        assert_eq!(token.api_base, None);
    }

    #[test]
    fn a_server_on_this_machine_may_name_another_on_it() {
        let zoho = Zoho::try_new(settings(LOCAL, None)).unwrap();
        let body = |api: &str| format!("{{\"access_token\":\"t\",\"api_domain\":\"{api}\"}}");
        let token = zoho
            .minted(&reply(200, "", body("http://127.0.0.1:9/z")))
            .unwrap();
        assert_eq!(token.api_base, Url::parse("http://127.0.0.1:9/z").ok());
        let access = zoho.access(&token).unwrap();
        assert_eq!(access.base.as_str(), "http://127.0.0.1:9/z");
        let foreign = zoho.minted(&reply(200, "", body("https://evil.example")));
        assert!(matches!(foreign, Err(TokenRefused::Misplaced(_))));
    }

    #[test]
    fn a_token_is_asked_for_in_a_form_and_not_in_the_url() {
        let request = zoho(None).mint();
        assert_eq!(
            request.url.as_str(),
            "https://accounts.zoho.eu/oauth/v2/token"
        );
        assert_eq!(
            request.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(
            request.body.unwrap(),
            "grant_type=refresh_token&client_id=1000.AB&client_secret=hunter2&refresh_token=1000.hunter3"
        );
    }

    #[test]
    fn no_debug_output_holds_a_secret() {
        let zoho = zoho(None);
        let text = format!(
            "{zoho:?} {:?} {:?} {:?}",
            zoho.authorize(),
            zoho.mint(),
            zoho.access(&token(Some("https://www.zohoapis.eu")))
        );
        for secret in ["hunter2", "hunter3", "1000.tok"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn tokens_of_other_credentials_have_another_key() {
        let key = |settings: ZohoSettings| match Zoho::try_new(settings).unwrap().authorize() {
            Authorize::Token { key, quota } => {
                assert_eq!(quota.unwrap().to_string(), "8/10m");
                key
            }
            Authorize::Fixed(_) => panic!("tokens are fetched"),
        };
        let one = key(settings(ACCOUNTS, None));
        assert_eq!(one, key(settings(ACCOUNTS, None)));
        assert_ne!(one, key(settings("https://accounts.zoho.com", None)));
        let other = ZohoSettings {
            refresh_token: "1000.hunter4".into(),
            ..settings(ACCOUNTS, None)
        };
        assert_ne!(one, key(other));
    }

    #[rstest]
    #[case("v2", true)]
    #[case("v2.1", true)]
    #[case("v8", true)]
    #[case("v1", false)]
    #[case("8", false)]
    #[case("v8/..", false)]
    #[case("..", false)]
    #[case("", false)]
    fn a_version_is_one_of_zohos(#[case] version: &str, #[case] known: bool) {
        let settings = ZohoSettings {
            version: version.to_owned(),
            ..settings(ACCOUNTS, None)
        };
        assert_eq!(Zoho::try_new(settings).is_ok(), known);
    }

    #[test]
    fn credits_left_are_what_is_left_of_the_day() {
        let hints = zoho(None).rate_hints(None, &headers("x-api-credits-remaining: 2417"));
        assert_eq!(hints.day_left, Some(2_417));
        assert_eq!((hints.account, hints.endpoint), (None, None));
    }

    #[rstest]
    #[case("300000000071587", "300000000071587")]
    #[case("4876876000000225001", "4876876000000225001")]
    #[case("zcrm_4876876000000225001", "4876876000000225001")]
    #[case("ZCRM_4876876000000225001", "4876876000000225001")]
    #[case("4876876000000225000", "4876876000000225000")]
    fn an_id_is_taken_without_its_exports_prefix(#[case] text: &str, #[case] id: &str) {
        assert_eq!(check_id(text).unwrap(), id);
    }

    #[rstest]
    #[case("12345678", "zuid")]
    #[case("123456789", "zuid")]
    #[case("1234567", "too_short")]
    #[case("12345678901234", "too_short")]
    #[case("12345678901234567890", "too_long")]
    #[case("5.54E+17", "scientific_notation")]
    #[case("554023000000691003.00", "decimal_point")]
    #[case("zcrm_", "empty")]
    #[case("zcrm_zcrm_4876876000000225001", "not_digits")]
    #[case("0876876000000225001", "leading_zero")]
    #[case("äöü", "not_digits")]
    fn anything_else_is_refused_by_name(#[case] text: &str, #[case] code: &str) {
        assert_eq!(check_id(text).unwrap_err().code, code);
    }

    #[test]
    fn the_orgs_digits_are_all_but_the_last_twelve() {
        for (id, prefix) in [
            ("4876876000000225001", "4876876"),
            ("300000000071587", "300"),
        ] {
            assert_eq!(org_prefix(&UserId::new(check_id(id).unwrap())), prefix);
        }
    }
}
