//! The state machine.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::{self, Naming};
use super::caller::Caller;
use super::jobs::{JobPolicy, Jobs};
use super::users::{Refusal, Role, Standing, User, Users};
use crate::domain::{ProviderKind, Time};
use crate::sandbox::auth::Presented;
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::{Fault, LONG_WAIT_SECS};
use crate::sandbox::message::{Reply, Request};
use crate::sandbox::options::Credentials;
use crate::sandbox::route::{Ask, Route};
use crate::sandbox::seed::{UserState, ZendeskSeed};
use crate::sandbox::settings::{Settings, ZendeskCaller};
use crate::sandbox::tokens::Tokens;
use crate::sandbox::window::{Window, scaled, seconds_up, shortened};

/// A Zendesk Support account.
#[derive(Debug)]
pub(in crate::sandbox) struct Support {
    credentials: Credentials,
    settings: Settings,
    users: Users,
    jobs: Jobs,
    tokens: Tokens,
    account: Window,
    permanent: Window,
    answered: u64,
}

impl Support {
    /// How many values a list may have.
    const LIST_MAX: usize = 100;
    /// How many access tokens live at once.
    const TOKENS_MAX: usize = 1_000;
    /// How long an access token lives if the request does not say.
    const TOKEN_LIFE: Duration = Duration::from_mins(30);
    /// The user who owns the account.
    const OWNER_ID: u64 = 361_808_000_000;
    /// How long an erasure takes until all of it is done.
    const ERASURE: Duration = Duration::from_secs(30);
    /// What `Retry-After` says where no window does.
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// An account with nobody but its owner and the caller.
    pub(in crate::sandbox) fn new(
        tenant: &str,
        credentials: &Credentials,
        settings: &Settings,
        now: Time,
    ) -> Self {
        let (mode, scale) = (settings.quota_mode, settings.scale_limits);
        let mut owner = User::new(Self::OWNER_ID, Role::Admin, now);
        owner.owner = true;
        let mut support = Self {
            credentials: credentials.clone(),
            settings: settings.clone(),
            users: Users::default(),
            jobs: Jobs::default(),
            tokens: Tokens::new(&format!("zendesk {tenant}"), Self::TOKENS_MAX),
            account: Window::new(scaled(settings.zendesk.quota, scale), mode),
            permanent: Window::new(scaled(settings.zendesk.permanent_quota, scale), mode),
            answered: 0,
        };
        support.users.put(owner);
        support.put_caller(now);
        support
    }

    /// Goes by other settings from now on.
    pub(in crate::sandbox) fn configure(&mut self, settings: &Settings, now: Time) {
        let (mode, scale) = (settings.quota_mode, settings.scale_limits);
        self.account
            .configure(scaled(settings.zendesk.quota, scale), mode);
        self.permanent
            .configure(scaled(settings.zendesk.permanent_quota, scale), mode);
        self.settings = settings.clone();
        self.put_caller(now);
    }

    /// Makes sure that the caller is a user.
    fn put_caller(&mut self, now: Time) {
        let id = self.settings.zendesk.caller_id;
        if self.users.get(id).is_none() {
            self.users.put(User::new(id, Role::Admin, now));
        }
    }

    /// Puts a user in.
    pub(in crate::sandbox) fn seed(
        &mut self,
        seed: &ZendeskSeed,
        now: Time,
    ) -> Result<(), SandboxError> {
        let refuse = |reason| SandboxError::Seed {
            provider: ProviderKind::Zendesk.name(),
            id: seed.id.clone(),
            reason,
        };
        let id = seed
            .id
            .parse()
            .map_err(|_| refuse("its id must be digits"))?;
        let role = Role::named(&seed.role)
            .ok_or_else(|| refuse("its role must be end-user, agent, light-agent or admin"))?;
        let mut user = User::new(id, role, now);
        user.open_tickets = seed.open_tickets;
        user.standing = match seed.state.as_str() {
            "" | "active" => Standing::Active,
            "soft-deleted" => Standing::SoftDeleted(now),
            "permanently-deleted" => Standing::PermanentlyDeleted(now),
            _ => {
                return Err(refuse(
                    "its state must be active, soft-deleted or permanently-deleted",
                ));
            }
        };
        self.users.put(user);
        Ok(())
    }

    /// All users as they stand at `now`.
    pub(in crate::sandbox) fn states(&mut self, tenant: &str, now: Time) -> Vec<UserState> {
        self.advance(now);
        self.users
            .iter()
            .map(|user| UserState {
                tenant: tenant.to_owned(),
                provider: ProviderKind::Zendesk,
                id: user.id.to_string(),
                external_id: None,
                state: match user.standing {
                    Standing::Active => "active",
                    Standing::SoftDeleted(_) => "soft-deleted",
                    Standing::PermanentlyDeleted(_) => "permanently-deleted",
                }
                .to_owned(),
                role: user.role.name().to_owned(),
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
        self.advance(now);
        let reply = if route.ask == Ask::Token {
            // Not under /api/v2, and so outside its limit.
            self.token(request, now)
        } else {
            match self.account.take(now) {
                Ok(()) => self.answer(route, request, now),
                Err(wait) => answers::too_many_requests(wait, "API requests per minute"),
            }
        };
        self.signed(reply, route.ask, now)
    }

    /// Zendesk's own words where `fault` has it refuse `request`; `None`: it is none of Zendesk's.
    pub(in crate::sandbox) fn refusal(
        &mut self,
        fault: Fault,
        request: &Request,
        now: Time,
    ) -> Option<Reply> {
        let retry_after = Self::RETRY_AFTER.as_secs().to_string();
        let own = match fault {
            Fault::Error500 => answers::error(500, "InternalError", "Something went wrong"),
            // A database that must be waited for.
            Fault::Error503 => {
                answers::error(503, "DatabaseTimeout", "Database timeout, please retry")
                    .with("retry-after", retry_after)
            }
            Fault::Throttle => {
                answers::too_many_requests(Self::RETRY_AFTER, "API requests per minute")
            }
            _ => {
                return Some(match fault {
                    Fault::Unauthorized => match Presented::of(request) {
                        Presented::Bearer(_) => answers::bad_token(),
                        _ => answers::unauthenticated(),
                    },
                    Fault::Forbidden => answers::forbidden(),
                    // Not documented: made up in the usual form.
                    Fault::Payment => answers::error(402, "PaymentRequired", "Payment required"),
                    Fault::WrongPath => answers::no_endpoint(),
                    Fault::LongWait => {
                        let what = "Number of allowed API requests per day exceeded";
                        answers::error(429, "APIRateLimitExceeded", what)
                            .with("retry-after", LONG_WAIT_SECS)
                    }
                    _ => return None,
                });
            }
        };
        Some(self.signed(own, Ask::Unknown, now))
    }

    fn advance(&mut self, now: Time) {
        let policy = self.job_policy();
        self.jobs.advance(&mut self.users, policy, now);
        self.users.age(now, policy.scale);
    }

    fn job_policy(&self) -> JobPolicy {
        let zendesk = &self.settings.zendesk;
        JobPolicy {
            limit: zendesk.job_limit,
            scale: self.settings.scale_limits,
            fail: zendesk.jobs_fail,
            missing_every: zendesk.job_items_missing_every,
            caller: zendesk.caller_id,
        }
    }

    fn answer(&mut self, route: &Route, request: &Request, now: Time) -> Reply {
        let caller = Caller::of(request, &self.credentials, &self.tokens, now);
        match (&caller, route.ask) {
            (Caller::BadToken, _) => return answers::bad_token(),
            // The docs: allowed for anonymous users.
            (Caller::Anonymous, Ask::Identity) => return Reply::json(200, &answers::anonymous()),
            (Caller::Anonymous, _) => return answers::unauthenticated(),
            (Caller::Known { .. }, Ask::Unknown) => return answers::no_endpoint(),
            (Caller::Known { .. }, _) => {}
        }
        if !caller.may(self.settings.zendesk.caller_role, route.ask) {
            return answers::forbidden();
        }
        let id = route.number();
        match route.ask {
            Ask::Identity => self.me(request, now),
            Ask::Read => self.read(id, request, now),
            Ask::ReadMany => self.read_many(&route.ids, request, now),
            Ask::Delete => self.delete(id, request, now),
            Ask::DeleteMany => self.delete_many(&route.ids, request, now),
            Ask::Job => self
                .jobs
                .status(&route.name, self.job_policy(), &request.base_url)
                .map_or_else(answers::not_found, |status| Reply::json(200, &status)),
            Ask::Jobs => self.read_jobs(&route.ids, request),
            Ask::ListDeleted => self.list_deleted(request, now),
            Ask::ReadDeleted => self.read_deleted(id, request, now),
            Ask::PermanentlyDelete => self.permanently_delete(id, request, now),
            Ask::Compliance => self.compliance(id, now),
            Ask::BadId => answers::bad_id(),
            _ => answers::no_endpoint(),
        }
    }

    fn naming<'a>(&self, request: &'a Request, now: Time) -> Naming<'a> {
        Naming {
            base_url: &request.base_url,
            rename_delay: self.settings.zendesk.rename_delay.0,
            now,
        }
    }

    fn me(&self, request: &Request, now: Time) -> Reply {
        let Some(caller) = self.users.get(self.settings.zendesk.caller_id) else {
            return Reply::json(200, &answers::anonymous());
        };
        let mut caller = caller.clone();
        caller.role = match self.settings.zendesk.caller_role {
            ZendeskCaller::Admin => Role::Admin,
            ZendeskCaller::AgentManagingUsers | ZendeskCaller::Agent => Role::Agent,
            ZendeskCaller::EndUser => Role::EndUser,
        };
        let mut user = self.naming(request, now).user(&caller);
        user["name"] = json!("Operations");
        user["email"] = json!(self.credentials.zendesk_email);
        Reply::json(200, &json!({"user": user}))
    }

    fn read(&self, id: u64, request: &Request, now: Time) -> Reply {
        let naming = self.naming(request, now);
        self.users.get(id).map_or_else(answers::not_found, |user| {
            Reply::json(200, &json!({"user": naming.user(user)}))
        })
    }

    fn read_many(&self, ids: &[String], request: &Request, now: Time) -> Reply {
        if ids.len() > Self::LIST_MAX {
            return answers::too_many_values(Self::LIST_MAX);
        }
        let naming = self.naming(request, now);
        let users: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.users.get(id.parse().ok()?))
            .filter(|user| user.standing == Standing::Active)
            .map(|user| naming.user(user))
            .collect();
        let count = users.len();
        Reply::json(
            200,
            &json!({"users": users, "next_page": null, "previous_page": null, "count": count}),
        )
    }

    fn delete(&mut self, id: u64, request: &Request, now: Time) -> Reply {
        let naming = self.naming(request, now);
        let caller = self.settings.zendesk.caller_id;
        match self.users.soft_delete(id, caller, now) {
            Ok(user) => Reply::json(200, &json!({"user": naming.user(user)})).changed(),
            Err(Refusal::NotFound) => answers::not_found(),
            Err(Refusal::Invalid(why)) => answers::invalid(&why),
        }
    }

    fn delete_many(&mut self, ids: &[String], request: &Request, now: Time) -> Reply {
        if ids.is_empty() {
            return answers::error(400, "BadRequest", "ids must name at least one user");
        }
        if ids.len() > Self::LIST_MAX {
            return answers::too_many_values(Self::LIST_MAX);
        }
        let policy = self.job_policy();
        match self
            .jobs
            .start(ids.to_vec(), policy, now, &request.base_url)
        {
            Ok(status) => Reply::json(200, &status).changed(),
            Err(running) => answers::too_many_jobs(&running),
        }
    }

    fn read_jobs(&self, ids: &[String], request: &Request) -> Reply {
        if ids.len() > Self::LIST_MAX {
            return answers::too_many_values(Self::LIST_MAX);
        }
        let policy = self.job_policy();
        let statuses: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.jobs.status(id, policy, &request.base_url))
            .map(|mut status| status["job_status"].take())
            .collect();
        Reply::json(200, &json!({"job_statuses": statuses}))
    }

    /// Deleted users, softly or for good, by cursor: as many as a page has, after the last one seen.
    fn list_deleted(&self, request: &Request, now: Time) -> Reply {
        let number = |name: &str| request.query(name).map(str::parse::<u64>);
        let after = match number("page[after]") {
            None => 0,
            Some(Ok(after)) => after,
            Some(Err(_)) => return answers::bad_id(),
        };
        let page_max = match number("page[size]") {
            Some(Ok(size)) => usize::try_from(size).unwrap_or(usize::MAX),
            None | Some(Err(_)) => Self::LIST_MAX,
        };
        let page_max = page_max.clamp(1, Self::LIST_MAX);
        let naming = self.naming(request, now);
        let delay = self.settings.zendesk.listing_delay.0;
        let is_listed = |user: &User| match user.standing {
            Standing::Active => false,
            Standing::SoftDeleted(_) => user.is_listed_soft_deleted(delay, now),
            Standing::PermanentlyDeleted(_) => true,
        };
        let mut rest = self
            .users
            .iter()
            .filter(|user| user.id > after && is_listed(user));
        let page: Vec<&User> = rest.by_ref().take(page_max).collect();
        let last = page.last().map(|user| user.id.to_string());
        let users: Vec<Value> = page
            .into_iter()
            .map(|user| naming.deleted_user(user))
            .collect();
        let meta = json!({"has_more": rest.next().is_some(), "after_cursor": last});
        Reply::json(200, &json!({"deleted_users": users, "meta": meta}))
    }

    fn read_deleted(&self, id: u64, request: &Request, now: Time) -> Reply {
        let naming = self.naming(request, now);
        let delay = self.settings.zendesk.listing_delay.0;
        match self.users.get(id) {
            Some(user) if user.is_listed_soft_deleted(delay, now) => {
                Reply::json(200, &json!({"deleted_user": naming.deleted_user(user)}))
            }
            _ => answers::not_found(),
        }
    }

    fn permanently_delete(&mut self, id: u64, request: &Request, now: Time) -> Reply {
        if let Err(wait) = self.permanent.take(now) {
            return answers::too_many_requests(wait, "permanent user deletions per 10 minutes");
        }
        let naming = self.naming(request, now);
        let delay = self.settings.zendesk.listing_delay.0;
        match self.users.permanently_delete(id, delay, now) {
            Ok(user) => {
                Reply::json(200, &json!({"deleted_user": naming.deleted_user(user)})).changed()
            }
            Err(Refusal::NotFound) => answers::not_found(),
            Err(Refusal::Invalid(why)) => answers::invalid(&why),
        }
    }

    fn compliance(&self, id: u64, now: Time) -> Reply {
        let delay = shortened(Self::ERASURE, self.settings.scale_limits);
        let executer = self.settings.zendesk.caller_id;
        self.users.get(id).map_or_else(answers::not_found, |user| {
            Reply::json(200, &answers::compliance(user, executer, delay, now))
        })
    }

    /// `POST /oauth/tokens`: client credentials, as JSON.
    fn token(&mut self, request: &Request, now: Time) -> Reply {
        let oauth_error = |status, error: &str, what: &str| {
            Reply::json(status, &json!({"error": error, "error_description": what}))
        };
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return oauth_error(400, "invalid_request", "The body must be JSON.");
        };
        let field = |name: &str| body[name].as_str().unwrap_or_default();
        if field("client_id") != self.credentials.zendesk_client_id
            || field("client_secret") != self.credentials.zendesk_client_secret
        {
            return oauth_error(
                401,
                "invalid_client",
                "Client authentication failed due to unknown client, no client authentication \
                 included, or unsupported authentication method.",
            );
        }
        if field("grant_type") != "client_credentials" {
            return oauth_error(
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            );
        }
        let stated = match &body["expires_in"] {
            Value::Null => Self::TOKEN_LIFE.as_secs(),
            given => match given.as_u64() {
                Some(secs) if secs > 300 && secs < 172_800 => secs,
                _ => {
                    return oauth_error(
                        400,
                        "invalid_request",
                        "expires_in must be above 300 and below 172800 seconds.",
                    );
                }
            },
        };
        let scope = body["scope"].as_str().unwrap_or("read write");
        let life = self
            .settings
            .token_lifetime
            .map_or(Duration::from_secs(stated), |span| span.0);
        let token = self.tokens.mint("", scope, now, life);
        Reply::json(
            200,
            &json!({
                "access_token": token,
                "token_type": "bearer",
                "scope": scope,
                "expires_in": stated,
            }),
        )
    }

    /// Adds the headers that every answer has, and those of the endpoint's own limit.
    fn signed(&mut self, reply: Reply, ask: Ask, now: Time) -> Reply {
        self.answered += 1;
        let id = format!("{:016x}-FRA", self.answered);
        let secs = |window: &mut Window| seconds_up(window.resets_in(now));
        let limit = self.account.limit().to_string();
        let remaining = self.account.remaining(now).to_string();
        let reset = secs(&mut self.account).to_string();
        let mut reply = reply
            // Twice, as recorded.
            .with("x-request-id", id.clone())
            .with("x-request-id", id)
            .with("x-zendesk-api-version", "v2")
            .with("x-rate-limit", limit.clone())
            .with("x-rate-limit-remaining", remaining.clone())
            .with("ratelimit-limit", limit)
            .with("ratelimit-remaining", remaining)
            .with("ratelimit-reset", reset);
        if ask == Ask::PermanentlyDelete {
            reply = reply.with(
                "zendesk-ratelimit-deleted-users-destroy",
                format!(
                    "total={}; remaining={}; resets={}",
                    self.permanent.limit(),
                    self.permanent.remaining(now),
                    secs(&mut self.permanent)
                ),
            );
        }
        if ask == Ask::DeleteMany {
            let total = self.settings.zendesk.job_limit;
            reply = reply.with(
                "zendesk-ratelimit-inflight-jobs",
                format!(
                    "total={total}; remaining={}; resets=60",
                    total.saturating_sub(self.jobs.running())
                ),
            );
        }
        reply
    }
}
