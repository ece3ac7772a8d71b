//! Zoho CRM's behaviour: users and why they cannot be deleted, the org, access tokens, credits.
//!
//! Sources: the CRM API reference
//! (<https://www.zoho.com/crm/developer/docs/api/v8/delete-user.html>) and its `OpenAPI` examples.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::hub::{Context, Machine, Sandbox};
use super::reply::{self, Reply, ZOHO_JSON, changed, empty, text, with};
use super::request::Call;
use super::request::{SandboxRequest, is_number};
use super::settings::{AcceptedWindow, SandboxError};
use super::user::{MintedTokens, User, UserSeed, UserStatus};
use crate::domain::{ProviderKind, Time};

/// How many users a page has.
const PAGE_USERS: usize = 200;

/// Every kind of user: its name to a judge, and its type in answers.
const KINDS: [(&str, &str); 7] = [
    ("regular", "Regular User"),
    ("primary_contact", "Regular User"),
    ("support", "Support User"),
    ("system", "System User"),
    ("digital_employee", "Digital Employee"),
    ("closed", "Regular User"),
    ("administrator", "Regular User"),
];

/// The path of the organisation.
const ORG: &str = "crm/{version}/org";

/// The paths of the versions that read users one at a time.
const ONE_AT_A_TIME: [&str; 3] = ["/crm/v2/", "/crm/v2.1/", "/crm/v3/"];

/// The paths of the versions that tell the type of a user
/// (<https://www.zoho.com/crm/developer/docs/api/v7/get-users.html>).
const TYPED: [&str; 2] = ["/crm/v7/", "/crm/v8/"];

/// A Zoho CRM org, and its refresh token at the accounts server.
#[derive(Debug)]
pub(super) struct Crm {
    users: BTreeMap<String, User>,
    tokens: MintedTokens,
    minted: AcceptedWindow,
    credits: AcceptedWindow,
    /// How many users requests have deleted, for the org's cap.
    deleted: u32,
}

impl Crm {
    /// How many ids a request may name.
    const IDS_MAX: usize = 100;
    /// How long an id may be, in digits.
    const ID_DIGITS_MAX: usize = 19;
    /// How many access tokens of a refresh token live at once; one more kills the oldest
    /// (<https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html>).
    const TOKENS_MAX: usize = 15;
    /// How long a token lives by what is said of it.
    const TOKEN_LIFE: Duration = Duration::from_hours(1);

    /// An org with nobody in it.
    pub(super) fn new(tenant: &str) -> Self {
        Self {
            users: BTreeMap::new(),
            tokens: MintedTokens::new(format!("zoho {tenant}"), Self::TOKENS_MAX),
            minted: AcceptedWindow::default(),
            credits: AcceptedWindow::default(),
            deleted: 0,
        }
    }

    /// Makes sure that the caller is a user: an administrator, but not the primary contact.
    fn put_caller(&mut self, context: &Context) {
        let id = &context.settings.zoho.caller_id;
        let seed = UserSeed::of(id);
        let caller = || User::new(seed, "administrator", UserStatus::Active, context.now);
        self.users.entry(id.clone()).or_insert_with(caller);
    }

    /// The reply that stops a request before anybody looks at its call; `None`: nothing.
    fn turned_away(&mut self, request: &SandboxRequest, context: &Context) -> Option<Reply> {
        let (zoho, now) = (&context.settings.zoho, context.now);
        let (scheme, token, _) = request.presented();
        match scheme.as_str() {
            "zoho-oauthtoken" if self.tokens.scope(&token, now).is_some() => {}
            "zoho-oauthtoken" => return Some(refused("unauthorized")),
            _ => return Some(refused("no token")),
        }
        // One of these is needed; of none, nothing is.
        let needed: &[&str] = match request.call {
            _ if request.pattern == ORG => &["ZohoCRM.org.ALL", "ZohoCRM.org.READ"],
            Call::Identity | Call::Read => &["ZohoCRM.users.ALL", "ZohoCRM.users.READ"],
            Call::Delete => &["ZohoCRM.users.ALL", "ZohoCRM.users.DELETE"],
            _ => &[],
        };
        let has = |scope: &&str| zoho.scopes.iter().any(|own| own == scope);
        let credits = context.settings.limit(zoho.credits);
        if request.in_flight > zoho.concurrency {
            Some(refused("throttle"))
        } else if self.credits.take(credits, now).is_err() {
            Some(refused("long-wait"))
        } else if !needed.is_empty() && !needed.iter().any(has) {
            let details = json!({"method": request.method(), "url": request.path});
            let what = "invalid oauth scope to access this URL";
            Some(top(401, "OAUTH_SCOPE_MISMATCH", what, &details))
        } else {
            None
        }
    }

    fn answer(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let id = request.user.as_deref().unwrap_or_default();
        let zoho = &context.settings.zoho;
        let readable = |user: &&User| zoho.deleted_readable || user.state != UserStatus::Deleted;
        match request.call {
            _ if request.pattern == ORG => self.org(context),
            Call::Identity => page(self.users.get(&zoho.caller_id).into_iter(), 1, request),
            Call::Read if !id.is_empty() => match self.users.get(id).filter(readable) {
                Some(user) => json_reply(200, &json!({"users": [to_json(user, request)]})),
                None => empty(204),
            },
            // Before v4 nothing shows that `ids` is heeded: all users are listed.
            Call::Read if ONE_AT_A_TIME.iter().any(|it| request.path.starts_with(it)) => page(
                self.users.values().filter(readable),
                request.page(),
                request,
            ),
            Call::Read if request.is_search() => {
                let all = self.users.values();
                let standing = all.filter(|user| user.state != UserStatus::Deleted);
                page(standing, request.page(), request)
            }
            Call::Read if !(1..=Self::IDS_MAX).contains(&request.ids.len()) => refused("many ids"),
            Call::Read => {
                let users = request.ids.iter().filter_map(|id| self.users.get(id));
                page(users.filter(readable), 1, request)
            }
            Call::Delete => self.delete(id, context),
            _ => refused("wrong-path"),
        }
    }

    fn delete(&mut self, id: &str, context: &Context) -> Reply {
        if let Some(name) = &context.settings.zoho.refuses_all {
            return refused(name);
        }
        let cap = context.settings.zoho.deletion_cap;
        if let Some(cap) = cap.filter(|cap| self.deleted >= *cap) {
            let what = format!(
                "User deletion is not allowed for the org because of CrmKeyValue entry \
                 RESTRICT_USER_DELETION_FOR_THE_ORG & deleted users count exceeded {cap}"
            );
            return top(403, "PERMISSION_DENIED", &what, &json!({}));
        }
        let Some(user) = self.users.get_mut(id) else {
            return unknown_user(id);
        };
        if user.state == UserStatus::Deleted && user.role != "closed" {
            let details = json!({"json_path": "$.users[0].id", "id": id});
            return of_user(
                400,
                "ID_ALREADY_DELETED",
                "User is already deleted",
                &details,
            );
        }
        // Those who are there to stay are refused by their kind.
        if let Some(refusal) = reply::refusal(ProviderKind::Zoho, user.role) {
            return refusal;
        }
        user.change(UserStatus::Deleted, context.now);
        self.deleted += 1;
        // Half of the samples name the id, the other half do not.
        let is_named = digit_sum(id).is_multiple_of(2);
        let details = if is_named {
            json!({"id": id})
        } else {
            json!({})
        };
        changed(of_user(200, "SUCCESS", "User deleted", &details))
    }

    fn org(&self, context: &Context) -> Reply {
        let mut users = self.users.values();
        let primary = users.find(|user| user.role == "primary_contact");
        // Every org has one; where none was put in, it is nobody who was.
        let (email, zuid) = primary.map_or_else(
            || ("owner@customers.example".to_owned(), "799999999".to_owned()),
            |user| (user.email("seller"), zuid(user)),
        );
        // Made of the tenant's name, so that no two tenants are the same org.
        let digest = blake3::hash(context.tenant.as_bytes());
        let number =
            700_000_000 + u32::from(digest.as_bytes()[0]) * 256 + u32::from(digest.as_bytes()[1]);
        json_reply(
            200,
            &json!({"org": [{
                "id": format!("5725767000{number}"),
                "company_name": format!("Sandbox {}", context.tenant),
                "zgid": number.to_string(),
                "primary_email": email,
                "primary_zuid": zuid,
                "time_zone": "Europe/Berlin",
                "country_code": "DE",
            }]}),
        )
    }

    /// `POST /oauth/v2/token`, its parameters in a form body or in the query.
    fn token(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let settings = context.settings;
        for (name, good, error) in [
            ("client_id", Sandbox::ZOHO_CLIENT_ID, "invalid_client"),
            ("client_secret", Sandbox::SECRET, "invalid_client_secret"),
            ("grant_type", "refresh_token", "unsupported_grant_type"),
            ("refresh_token", Sandbox::ZOHO_REFRESH_TOKEN, "invalid_code"),
        ] {
            let given = request.form(name).or_else(|| request.query(name));
            if given.as_deref() != Some(good) {
                // Errors come with status 200.
                return json_reply(200, &json!({"error": error}));
            }
        }
        let limit = settings.limit(settings.zoho.token_quota);
        if self.minted.take(limit, context.now).is_err() {
            // Status 400, and no word of a limit in `error`.
            return refused("many tokens");
        }
        let scope = settings.zoho.scopes.join(",");
        let life = settings.token_lifetime.unwrap_or(Self::TOKEN_LIFE);
        json_reply(
            200,
            &json!({
                "access_token": self.tokens.mint("1000.", &scope, context.now, life),
                "api_domain": request.base_url,
                "token_type": "Bearer",
                "expires_in": Self::TOKEN_LIFE.as_secs(),
            }),
        )
    }
}

impl Machine for Crm {
    fn seed(&mut self, seed: &UserSeed, now: Time) -> Result<(), SandboxError> {
        let refuse = |reason| SandboxError::seed(ProviderKind::Zoho, &seed.id, reason);
        if !is_number(&seed.id) || seed.id.len() > Self::ID_DIGITS_MAX {
            return Err(refuse("its id must be 1 to 19 digits"));
        }
        let states = [
            UserStatus::Active,
            UserStatus::Inactive,
            UserStatus::Deleted,
        ];
        let state = UserStatus::named(&seed.state, &states)
            .ok_or_else(|| refuse("its state must be active, inactive or deleted"))?;
        let role = if seed.role.is_empty() {
            KINDS[0].0
        } else {
            let kind = KINDS.iter().find(|(kind, _)| *kind == seed.role);
            let (kind, _) = kind.ok_or_else(|| refuse("Zoho has no users of its kind"))?;
            kind
        };
        let user = User::new(seed.clone(), role, state, now);
        self.users.insert(seed.id.clone(), user);
        Ok(())
    }

    fn users(&mut self, context: &Context) -> Vec<User> {
        self.put_caller(context);
        self.users.values().cloned().collect()
    }

    fn handle(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        self.put_caller(context);
        if request.call == Call::Token {
            // Another server, and no call of the org's.
            return self.token(request, context);
        }
        let reply = self
            .turned_away(request, context)
            .unwrap_or_else(|| self.answer(request, context));
        let limit = context.settings.limit(context.settings.zoho.credits);
        let left = self.credits.remaining(limit, context.now);
        if left <= limit.requests / 2 {
            // From half of the day's credits on, and not before.
            return with(reply, "x-api-credits-remaining", left.to_string());
        }
        reply
    }
}

/// A user as the answer to `request` shows it.
fn to_json(user: &User, request: &SandboxRequest) -> Value {
    let kind = KINDS.iter().find(|kind| kind.0 == user.role);
    let (profile, role) = match user.role {
        "administrator" => ("Administrator", "CEO"),
        _ => ("Standard", "Manager"),
    };
    let status = match user.role {
        "closed" => "closed",
        _ => user.state.name(),
    };
    let mut shown = json!({
        "id": user.seed.id,
        "zuid": zuid(user),
        "full_name": format!("Seller {}", user.seed.id),
        "last_name": user.seed.id,
        "email": user.email("seller"),
        "status": status,
        "confirm": true,
        "profile": {"name": profile, "id": "5725767000000026011"},
        "role": {"name": role, "id": "5725767000000026005"},
    });
    if TYPED.iter().any(|it| request.path.starts_with(it)) {
        shown["type__s"] = json!(kind.map(|kind| kind.1));
    }
    shown
}

/// The nine digits of its Zoho account, which is not its id here.
fn zuid(user: &User) -> String {
    let tail = user.seed.id.len().saturating_sub(8);
    format!("6{:0>8}", user.seed.id.get(tail..).unwrap_or_default())
}

/// A page of all these users, from 1; of nobody, it is a 204 without a body.
fn page<'a>(users: impl Iterator<Item = &'a User>, page: usize, request: &SandboxRequest) -> Reply {
    let mut users = users.skip((page - 1) * PAGE_USERS);
    let here = users.by_ref().take(PAGE_USERS);
    let here: Vec<Value> = here.map(|user| to_json(user, request)).collect();
    if here.is_empty() {
        return empty(204);
    }
    let more = users.next().is_some();
    let (users, count) = (here, PAGE_USERS);
    let info = json!({"per_page": count, "count": users.len(), "page": page, "more_records": more});
    json_reply(200, &json!({"users": users, "info": info}))
}

/// `body` as Zoho labels it.
fn json_reply(status: u16, body: &Value) -> Reply {
    text(status, ZOHO_JSON, body.to_string())
}

/// A line of the documentation's table, as the answer itself.
fn top(status: u16, code: &str, message: &str, details: &Value) -> Reply {
    json_reply(status, &line(code, message, details))
}

/// A line of the documentation's table, as the one entry of the array `users`.
fn of_user(status: u16, code: &str, message: &str, details: &Value) -> Reply {
    json_reply(status, &json!({"users": [line(code, message, details)]}))
}

fn line(code: &str, message: &str, details: &Value) -> Value {
    let status = if code == "SUCCESS" {
        "success"
    } else {
        "error"
    };
    json!({"code": code, "details": details, "message": message, "status": status})
}

/// An id nobody has. The documentation has two wordings, and for one of them status 200 was seen.
fn unknown_user(id: &str) -> Reply {
    let (status, message) = match digit_sum(id) % 3 {
        0 => (400, "the id given seems to be invalid"),
        1 => (400, "the_id_given_seems_to_be_invalid"),
        _ => (200, "the id given seems to be invalid"),
    };
    let details = json!({"resource_path_index": 1});
    top(status, "INVALID_DATA", message, &details)
}

fn refused(name: &str) -> Reply {
    reply::refused(ProviderKind::Zoho, name)
}

fn digit_sum(id: &str) -> u32 {
    let digits = id.bytes().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    digits.sum()
}
