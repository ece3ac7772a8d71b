//! Zoho CRM: deleting users of the organisation, one a request, by an OAuth client.
//!
//! Facts: <https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>, the same in every
//! version, and the vendor's `OpenAPI` files. It does not move records to other users: the
//! deleted user stays their owner.

mod answers;
mod lookups;
mod token;

pub use token::ZOHO_DATA_CENTERS;

use std::time::Duration;

use ::http::{HeaderMap, Method};
use secrecy::{ExposeSecret, SecretString};

use super::address::endpoint;
use super::rate_hint::number;
use super::{
    Access, Authorize, Found, Identity, LookupFor, PrimaryContact, Provider, RateHints, Reply,
    Request, Token, UserLookup, Verdict, ZohoSettings, auth, contract, digits, find,
};
use crate::domain::{
    AccountLimits, FindBy, IdProblem, ProviderKind, Step, UserId, UserState, bound,
};

/// How many users `ids` takes,
/// <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
const IDS_MAX: usize = 100;

/// The versions of the API of which no document says that they heed `ids`.
const ONE_AT_A_TIME: [&str; 3] = ["v2", "v2.1", "v3"];

/// How many users one read of the API's `version` takes.
pub(in crate::provider) fn read_at_once(version: &str) -> usize {
    if ONE_AT_A_TIME.contains(&version) {
        return 1;
    }
    IDS_MAX
}

/// How many keys one reading of all pages is held against.
const KEYS_MAX: usize = 5_000;

impl ZohoSettings {
    fn crm(&self, method: Method, access: &Access, path: &[&str]) -> Request {
        let segments = [&["crm", self.version.as_str()], path].concat();
        let url = endpoint(&access.base, &segments);
        Request::new(method, url).authorized(access.authorization.clone())
    }

    fn users(&self, access: &Access, query: &str) -> Request {
        let mut request = self.crm(Method::GET, access, &["users"]);
        request.url.set_query(Some(query));
        request
    }

    /// Whether a lookup for `purpose` reads a list of users.
    fn is_list(&self, purpose: LookupFor) -> bool {
        self.lookup_max(purpose) > 1
    }
}

/// Zoho states no limit per minute, only credits per day and five requests at once in its smallest
/// edition, which others share. Ten a second is this program's own courtesy.
pub(in crate::provider) fn defaults() -> AccountLimits {
    contract::limits(contract::quota(600, Duration::from_mins(1)), 4)
}

impl Provider for ZohoSettings {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Zoho
    }

    fn authorize(&self) -> Authorize {
        Authorize::Token {
            quota: Some(token::quota()),
            key: auth::digest(&[
                "zoho",
                self.accounts_url.as_str(),
                &self.client_id,
                self.client_secret.expose_secret(),
                self.refresh_token.expose_secret(),
            ]),
            first: None,
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
            Step::PermanentlyDelete | Step::DeletePersonalInformation | Step::Own(_) => {
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
            LookupFor::Roles | LookupFor::Verification => {
                bound("lookup users", 1, read_at_once(&self.version))
            }
            LookupFor::UnclearAnswer => 1,
            _ => 0,
        }
    }

    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request {
        if self.is_list(purpose) {
            let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
            return self.users(access, &format!("ids={}", ids.join(",")));
        }
        self.crm(Method::GET, access, &["users", ids[0].as_str()])
    }

    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict> {
        if self.is_list(asked.purpose) {
            return lookups::listed(asked, reply);
        }
        lookups::read_state(asked, reply).map(|state| vec![state])
    }

    /// There is no search: the list of all users is read, and the more keys it is held against the fewer times.
    fn find_max(&self, by: FindBy, key: &str) -> usize {
        match by {
            FindBy::Email if find::is_address(key) => KEYS_MAX,
            FindBy::Email | FindBy::ExternalId => 0,
        }
    }

    /// The largest pages there are, <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
    fn find(&self, access: &Access, _by: FindBy, _keys: &[String], page: u32) -> Request {
        self.users(access, &format!("type=AllUsers&page={page}&per_page=200"))
    }

    fn found(&self, _by: FindBy, keys: &[String], reply: &Reply) -> Result<Found, Verdict> {
        lookups::found(keys, reply)
    }

    fn primary_contact(&self) -> Option<&dyn PrimaryContact> {
        Some(self)
    }

    /// A deleted user is `ID_ALREADY_DELETED`; only an id that never was is `INVALID_DATA`.
    fn unknown_when_gone(&self, _step: Step) -> bool {
        false
    }

    /// Credits left of the last 24 hours; the header comes once half of them are used,
    /// <https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html>.
    fn rate_hints(&self, _step: Option<Step>, headers: &HeaderMap) -> RateHints {
        RateHints {
            day_left: number(headers, &["x-api-credits-remaining"]),
            ..RateHints::default()
        }
    }

    fn mint(&self, _refresh: Option<&SecretString>) -> Request {
        token::mint(self)
    }

    fn minted(&self, reply: &Reply) -> Result<Token, Verdict> {
        token::minted(self, reply)
    }

    /// The configured base, else where the token says, if it may go there.
    fn access(&self, token: &Token) -> Option<Access> {
        let said = || token::trusted_base(&self.accounts_url, token.api_base.as_ref()?);
        Some(Access {
            base: self.base_url.clone().or_else(said)?,
            authorization: auth::token("Zoho-oauthtoken", &token.secret),
        })
    }
}

impl PrimaryContact for ZohoSettings {
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

/// The prefix of an id in CSV exports.
const EXPORT_PREFIX: &str = "zcrm_";

/// How many digits at an id's end tell users of one org apart; those before are the org's.
const USER_DIGITS: usize = 12;

/// The rule for user ids. The prefix of an export is taken off. Zeros at the end are let pass:
/// true ids end so as well, if rarely; it takes the whole column to tell.
pub(in crate::provider) fn check_id(text: &str) -> Result<&str, IdProblem> {
    let id = match text.get(..EXPORT_PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(EXPORT_PREFIX) => &text[prefix.len()..],
        _ => text,
    };
    digits::plain(id)?;
    let code = match id.len() {
        DIGITS_MIN..=DIGITS_MAX => return Ok(id),
        8 | 9 => "zuid",
        0..DIGITS_MIN => "too_short",
        _ => "too_long",
    };
    Err(digits::problem("zoho", code))
}

/// The digits that every id of the org of `caller` begins with.
fn org_prefix(caller: &UserId) -> String {
    let digits = caller.as_str();
    let end = digits.len().saturating_sub(USER_DIGITS);
    digits.get(..end).unwrap_or_default().to_owned()
}
