//! The state machine.

use serde_json::{Value, json};

use super::answers::{self, Error};
use super::oauth::Accounts;
use super::users::{Standing, User, Users};
use crate::domain::{ProviderKind, Time};
use crate::sandbox::auth::Presented;
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::{Fault, LONG_WAIT_SECS};
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
use crate::sandbox::route::{Ask, Route};
use crate::sandbox::seed::{UserState, ZohoKind, ZohoSeed};
use crate::sandbox::settings::{Settings, ZohoOrg, ZohoRights};
use crate::sandbox::window::{Window, scaled};

/// A Zoho CRM org, and its refresh token at the accounts server.
#[derive(Debug)]
pub(in crate::sandbox) struct Crm {
    tenant: String,
    credentials: Credentials,
    settings: Settings,
    users: Users,
    accounts: Accounts,
    credits: Window,
    /// How many users requests have deleted, for the org's cap.
    deleted: u32,
}

impl Crm {
    /// How many ids a request may name.
    const IDS_MAX: usize = 100;
    /// How many users a page has at most.
    const PAGE_MAX: usize = 200;
    /// How long an id may be, in digits.
    const ID_DIGITS_MAX: usize = 19;

    /// An org with nobody but the caller.
    pub(in crate::sandbox) fn new(
        tenant: &str,
        credentials: &Credentials,
        settings: &Settings,
    ) -> Self {
        let credits = scaled(settings.zoho.credits, settings.scale_limits);
        let mut crm = Self {
            tenant: tenant.to_owned(),
            credentials: credentials.clone(),
            settings: settings.clone(),
            users: Users::new(),
            accounts: Accounts::new(tenant, settings),
            credits: Window::new(credits, settings.quota_mode),
            deleted: 0,
        };
        crm.put_caller();
        crm
    }

    /// Goes by other settings from now on.
    pub(in crate::sandbox) fn configure(&mut self, settings: &Settings) {
        let credits = scaled(settings.zoho.credits, settings.scale_limits);
        self.credits.configure(credits, settings.quota_mode);
        self.accounts.configure(settings);
        self.settings = settings.clone();
        self.put_caller();
    }

    /// Makes sure that the caller is a user: an administrator, but not the primary contact.
    fn put_caller(&mut self) {
        let id = self.settings.zoho.caller_id.clone();
        self.users.entry(id.clone()).or_insert_with(|| User {
            id,
            kind: ZohoKind::Regular,
            standing: Standing::Active,
            admin: true,
            changed_at: None,
            changes: 0,
        });
    }

    /// Puts a user in.
    pub(in crate::sandbox) fn seed(&mut self, seed: &ZohoSeed) -> Result<(), SandboxError> {
        let refuse = |reason| SandboxError::Seed {
            provider: ProviderKind::Zoho.name(),
            id: seed.id.clone(),
            reason,
        };
        let digits = !seed.id.is_empty() && seed.id.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || seed.id.len() > Self::ID_DIGITS_MAX {
            return Err(refuse("its id must be 1 to 19 digits"));
        }
        let standing = match seed.state.as_str() {
            "" | "active" => Standing::Active,
            "inactive" => Standing::Inactive,
            "deleted" => Standing::Deleted,
            _ => return Err(refuse("its state must be active, inactive or deleted")),
        };
        let user = User {
            id: seed.id.clone(),
            kind: seed.kind,
            standing,
            admin: seed.kind == ZohoKind::Administrator,
            changed_at: None,
            changes: 0,
        };
        self.users.insert(seed.id.clone(), user);
        Ok(())
    }

    /// All users as they stand.
    pub(in crate::sandbox) fn states(&self) -> Vec<UserState> {
        self.users
            .values()
            .map(|user| UserState {
                tenant: self.tenant.clone(),
                provider: ProviderKind::Zoho,
                id: user.id.clone(),
                external_id: None,
                state: user.standing.name().to_owned(),
                role: match user.kind {
                    ZohoKind::Regular => "regular",
                    ZohoKind::PrimaryContact => "primary_contact",
                    ZohoKind::Support => "support",
                    ZohoKind::System => "system",
                    ZohoKind::DigitalEmployee => "digital_employee",
                    ZohoKind::Closed => "closed",
                    ZohoKind::Administrator => "administrator",
                }
                .to_owned(),
                changed_at: user.changed_at,
                changes: user.changes,
            })
            .collect()
    }

    /// Answers `request`, which is carried out at `now`.
    pub(in crate::sandbox) fn handle(
        &mut self,
        request: &Request,
        route: &Route,
        now: Time,
    ) -> Reply {
        if route.ask == Ask::Token {
            // Another server, and no call of the org's.
            return self
                .accounts
                .token(request, &self.credentials, &self.settings, now);
        }
        let reply = self
            .admitted(route, request, now)
            .unwrap_or_else(|| self.answer(route, request, now));
        let (left, all) = (self.credits.remaining(now), self.credits.limit());
        if left <= all / 2 {
            // From half of the day's credits on, and not before.
            return reply.with("x-api-credits-remaining", left.to_string());
        }
        reply
    }

    /// Zoho's own words where `fault` has it refuse a request; `None`: it is none of Zoho's.
    pub(in crate::sandbox) fn refusal(fault: Fault) -> Option<Reply> {
        let error = match fault {
            Fault::Error500 => Error::top(500, "INTERNAL_ERROR", "Internal Server Error"),
            Fault::Error503 => Error::top(
                503,
                "SERVICE_UNAVAILABLE",
                "Service temporarily unavailable for maintenance",
            ),
            Fault::Throttle => answers::too_many_requests(),
            Fault::Unauthorized => answers::bad_token(),
            Fault::Forbidden => answers::no_permission("Crm_Implied_Manage_Users"),
            // Not documented: made up in the usual form.
            Fault::Payment => Error::top(402, "PAYMENT_REQUIRED", "payment required"),
            Fault::WrongPath => answers::no_path(),
            Fault::LongWait => {
                let reply = answers::no_credits().reply();
                return Some(reply.with("retry-after", LONG_WAIT_SECS));
            }
            _ => return None,
        };
        Some(error.reply())
    }

    /// What stops a request before anybody looks at what it asks; `None`: nothing.
    fn admitted(&mut self, route: &Route, request: &Request, now: Time) -> Option<Reply> {
        let zoho = &self.settings.zoho;
        let error = match Presented::of(request) {
            Presented::Zoho(token) if self.accounts.knows(&token, now) => {
                let needed = scopes(route.ask);
                let has = |scope: &&str| zoho.scopes.iter().any(|own| own == scope);
                if request.in_flight > zoho.concurrency {
                    answers::too_many_requests()
                } else if self.credits.take(now).is_err() {
                    answers::no_credits()
                } else if zoho.rights == ZohoRights::NoApiAccess {
                    answers::no_permission("Crm_Implied_Api_Access")
                } else if !needed.is_empty() && !needed.iter().any(has) {
                    answers::scope_mismatch(&request.method, &request.path)
                } else {
                    return None;
                }
            }
            Presented::Zoho(_) => answers::bad_token(),
            _ => Error::top(401, "AUTHENTICATION_FAILURE", "Authentication failed"),
        };
        Some(error.reply())
    }

    fn answer(&mut self, route: &Route, request: &Request, now: Time) -> Reply {
        let id = route.user.as_deref().unwrap_or_default();
        match route.ask {
            Ask::Org => self.org(),
            Ask::Identity => match self.users.get(&self.settings.zoho.caller_id) {
                Some(user) => page(&[user.shown()], 1, Self::PAGE_MAX, false),
                None => Reply::empty(204),
            },
            Ask::ReadMany if route.ids.is_empty() => self.list(request),
            Ask::ReadMany => self.read_many(&route.ids),
            Ask::Read => match self.users.get(id).filter(|user| self.readable(user)) {
                Some(user) => answers::json_reply(200, &json!({"users": [user.shown()]})),
                None => Reply::empty(204),
            },
            Ask::Delete => self.delete(id, now),
            Ask::BadMethod => Error::top(
                400,
                "INVALID_REQUEST_METHOD",
                "The http request method type is not a valid one",
            )
            .reply(),
            _ => answers::no_path().reply(),
        }
    }

    fn readable(&self, user: &User) -> bool {
        self.settings.zoho.deleted_readable || user.standing != Standing::Deleted
    }

    fn delete(&mut self, id: &str, now: Time) -> Reply {
        if let Some(error) = self.no_deletion() {
            return error.reply();
        }
        let Some(user) = self.users.get_mut(id) else {
            return answers::unknown_user(id);
        };
        let not_allowed = |what: &str| {
            let message = format!("{what} cannot be deleted");
            let index = json!({"resource_path_index": 1});
            Error::of_user("NOT_ALLOWED", message).with(index)
        };
        let error = match (user.standing, user.kind) {
            (_, ZohoKind::Closed) => Error::top(
                403,
                "PERMISSION_DENIED",
                "You can't perform this action over a closed/deleted user",
            ),
            (Standing::Deleted, _) => {
                Error::of_user("ID_ALREADY_DELETED", "User is already deleted")
                    .with(json!({"json_path": "$.users[0].id", "id": id}))
            }
            (_, ZohoKind::PrimaryContact) => {
                Error::of_user("INVALID_REQUEST", "Primary contact cannot be deleted")
            }
            (_, ZohoKind::Support) => not_allowed("Support user"),
            (_, ZohoKind::System) => not_allowed("System user"),
            (_, ZohoKind::DigitalEmployee) => Error::of_user(
                "NOT_ALLOWED",
                "Digital Employee cannot be deleted/deactivated/activated",
            )
            .with(json!({"resource_path_index": 1})),
            (
                Standing::Active | Standing::Inactive,
                ZohoKind::Regular | ZohoKind::Administrator,
            ) => {
                user.standing = Standing::Deleted;
                user.changed_at = Some(now);
                user.changes += 1;
                self.deleted += 1;
                return answers::deleted(id);
            }
        };
        error.reply()
    }

    /// Why nobody of this org can be deleted by this caller; `None`: they can.
    fn no_deletion(&self) -> Option<Error> {
        let zoho = &self.settings.zoho;
        match zoho.rights {
            ZohoRights::NoManageUsers => {
                return Some(answers::no_permission("Crm_Implied_Manage_Users"));
            }
            ZohoRights::NoPrivilege => {
                // Spelt so.
                let message = "User does not have sufficient previlege to delete users";
                return Some(Error::of_user("AUTHORIZATION_FAILED", message));
            }
            ZohoRights::Full | ZohoRights::NoApiAccess => {}
        }
        if zoho.org == ZohoOrg::Sandbox {
            let message = "You cannot delete user in a sandbox org";
            return Some(Error::of_user("NOT_ALLOWED", message));
        }
        zoho.deletion_cap
            .filter(|cap| self.deleted >= *cap)
            .map(|cap| {
                let message = format!(
                    "User deletion is not allowed for the org because of CrmKeyValue entry \
                 RESTRICT_USER_DELETION_FOR_THE_ORG & deleted users count exceeded {cap}"
                );
                Error::top(403, "PERMISSION_DENIED", message)
            })
    }

    fn read_many(&self, ids: &[String]) -> Reply {
        if ids.len() > Self::IDS_MAX {
            return answers::bad_parameter("ids").reply();
        }
        let users: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.users.get(id))
            .filter(|user| self.readable(user))
            .map(User::shown)
            .collect();
        if users.is_empty() {
            return Reply::empty(204);
        }
        page(&users, 1, Self::PAGE_MAX, false)
    }

    /// A page of the users of one type.
    fn list(&self, request: &Request) -> Reply {
        let of_type: fn(&User) -> bool = match request.query("type").unwrap_or("AllUsers") {
            "AllUsers" => |user| user.standing != Standing::Deleted,
            "ActiveUsers" | "ActiveConfirmedUsers" => |user| user.standing == Standing::Active,
            "DeactiveUsers" => |user| user.standing == Standing::Inactive,
            "DeletedUsers" => |user| user.standing == Standing::Deleted,
            "AdminUsers" | "ActiveConfirmedAdmins" => {
                |user| user.admin && user.standing == Standing::Active
            }
            _ => return answers::bad_parameter("type").reply(),
        };
        let number = |name: &str, default: usize| {
            request
                .query(name)
                .map_or(Some(default), |text| text.parse().ok())
                .filter(|number| *number > 0)
        };
        let Some(per_page) = number("per_page", Self::PAGE_MAX).filter(|n| *n <= Self::PAGE_MAX)
        else {
            return answers::bad_parameter("per_page").reply();
        };
        let Some(page_number) = number("page", 1) else {
            return answers::bad_parameter("page").reply();
        };
        let mut rest = self
            .users
            .values()
            .filter(|user| of_type(user))
            .skip((page_number - 1).saturating_mul(per_page));
        let users: Vec<Value> = rest.by_ref().take(per_page).map(User::shown).collect();
        if users.is_empty() {
            return Reply::empty(204);
        }
        page(&users, page_number, per_page, rest.next().is_some())
    }

    fn org(&self) -> Reply {
        let primary = self
            .users
            .values()
            .find(|user| user.kind == ZohoKind::PrimaryContact);
        // Made of the tenant's name, so that no two tenants are the same org.
        let digest = blake3::hash(self.tenant.as_bytes());
        let zgid =
            700_000_000 + u32::from(digest.as_bytes()[0]) * 256 + u32::from(digest.as_bytes()[1]);
        answers::json_reply(
            200,
            &json!({"org": [{
                "id": format!("5725767000{zgid}"),
                "company_name": format!("Sandbox {}", self.tenant),
                "zgid": zgid.to_string(),
                // Every org has one; where none was put in, it is nobody who was.
                "primary_email": primary.map_or_else(|| "owner@customers.example".to_owned(), User::email),
                "primary_zuid": primary.map_or_else(|| "799999999".to_owned(), User::zuid),
                "time_zone": "Europe/Berlin",
                "country_code": "DE",
            }]}),
        )
    }
}

/// The scopes of which one is needed; empty: none is.
fn scopes(ask: Ask) -> &'static [&'static str] {
    match ask {
        Ask::Org => &["ZohoCRM.org.ALL", "ZohoCRM.org.READ"],
        Ask::Identity | Ask::ReadMany | Ask::Read => &["ZohoCRM.users.ALL", "ZohoCRM.users.READ"],
        Ask::Delete => &["ZohoCRM.users.ALL", "ZohoCRM.users.DELETE"],
        _ => &[],
    }
}

fn page(users: &[Value], number: usize, per_page: usize, more: bool) -> Reply {
    let count = users.len();
    answers::json_reply(
        200,
        &json!({
            "users": users,
            "info": {"per_page": per_page, "count": count, "page": number, "more_records": more},
        }),
    )
}
