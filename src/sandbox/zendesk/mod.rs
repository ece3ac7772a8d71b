//! Zendesk Support's behaviour: callers, limits and headers here, users and their two deletions in
//! `users`, background jobs in `jobs`.
//!
//! Sources: the Support API reference
//! (<https://developer.zendesk.com/api-reference/ticketing/users/users/>) and real traffic.

mod jobs;
mod users;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use self::jobs::ServerJobs;
use super::faults::Fault;
use super::hub::{Context, Machine, Sandbox};
use super::reply::{self, Reply, ok, seconds_up, text, with};
use super::request::Call;
use super::request::SandboxRequest;
use super::settings::{AcceptedWindow, SandboxError, ZendeskCaller};
use super::user::{MintedTokens, User, UserSeed, UserStatus};
use crate::domain::{ProviderKind, Time};

/// How many users or jobs a request may name.
const LIST_MAX: usize = 100;

/// The path of "who are we".
const ME: &str = "api/v2/users/me";

/// A Zendesk Support account.
#[derive(Debug)]
pub(super) struct Support {
    users: BTreeMap<u64, User>,
    jobs: ServerJobs,
    tokens: MintedTokens,
    /// The access token and the refresh token that live, of those that give new ones.
    pair: [String; 2],
    account: AcceptedWindow,
    permanent: AcceptedWindow,
    answered: u64,
}

impl Support {
    /// How many access tokens live at once.
    const TOKENS_MAX: usize = 1_000;
    /// How long an access token lives if the request does not say.
    const TOKEN_LIFE: Duration = Duration::from_mins(30);
    /// The user who owns the account.
    const OWNER_ID: u64 = 361_808_000_000;

    /// An account with nobody but its owner.
    pub(super) fn new(tenant: &str, now: Time) -> Self {
        let id = Self::OWNER_ID;
        let owner = User::new(
            UserSeed::of(id.to_string()),
            "admin",
            UserStatus::Active,
            now,
        );
        Self {
            users: BTreeMap::from([(id, owner)]),
            jobs: ServerJobs::default(),
            tokens: MintedTokens::new(format!("zendesk {tenant}"), Self::TOKENS_MAX),
            pair: Sandbox::ZENDESK_PAIR.map(str::to_owned),
            account: AcceptedWindow::default(),
            permanent: AcceptedWindow::default(),
            answered: 0,
        }
    }

    /// Does what the jobs have had time for, and makes sure that the caller is a user.
    fn advance(&mut self, context: &Context) {
        let id = context.settings.zendesk.caller_id;
        let seed = UserSeed::of(id.to_string());
        let caller = || User::new(seed, "admin", UserStatus::Active, context.now);
        self.users.entry(id).or_insert_with(caller);
        self.jobs.advance(&mut self.users, context);
    }

    fn answer(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        if let Some(reply) = self.turned_away(request, context) {
            return reply;
        }
        match (request.call, request.pattern) {
            (_, ME) => self.me(request, context),
            _ if request.is_search() => self.search(request, context),
            (Call::Identity, _) => users::custom_role(context),
            (Call::Read, "api/v2/users/{user}") => self.read(request, context),
            (Call::Read, "api/v2/users/show_many") => self.read_many(request, context),
            (Call::Read, "api/v2/deleted_users/{user}") => self.read_deleted(request, context),
            (Call::Read, _) => self.compliance(request, context),
            (Call::Delete, _) => self.delete(request, context),
            (Call::DeleteMany, _) => self.jobs.start(request, context),
            (Call::Job, _) => self.jobs.read(request, context),
            (Call::PermanentlyDelete, _) => {
                let zendesk = &context.settings.zendesk;
                let limit = context.settings.limit(zendesk.permanent_quota);
                match self.permanent.take(limit, context.now) {
                    Ok(()) => self.permanently_delete(request, context),
                    Err(wait) => too_many_requests(wait, "permanent user deletions per 10 minutes"),
                }
            }
            _ => refused("no number"),
        }
    }

    /// The answer to a caller whom nobody knows, or who may not do what is asked; `None`: go on.
    fn turned_away(&self, request: &SandboxRequest, context: &Context) -> Option<Reply> {
        let (scheme, login, password) = request.presented();
        let is_user = login.strip_suffix("/token") == Some(Sandbox::ZENDESK_EMAIL)
            && password == Sandbox::ZENDESK_TOKEN;
        let is_ready = login == Sandbox::ZENDESK_OAUTH_TOKEN
            || (login == self.pair[0] && login == Sandbox::ZENDESK_PAIR[0]);
        let scope = match scheme.as_str() {
            "basic" if is_user => None,
            "bearer" if is_ready => None,
            "bearer" => match self.tokens.scope(&login, context.now) {
                Some(scope) => Some(scope.to_owned()),
                None => return Some(refused("bad token")),
            },
            // The docs: allowed for anonymous users.
            _ if request.pattern == ME => return Some(refused("anonymous")),
            _ => return Some(refused("unauthorized")),
        };
        let (least, word) = match (request.call, request.pattern) {
            (_, "") => return Some(refused("wrong-path")),
            (_, ME) => (ZendeskCaller::EndUser, "read"),
            (Call::DeleteMany, _) => (ZendeskCaller::Admin, "write"),
            (Call::Delete | Call::PermanentlyDelete, _) => {
                (ZendeskCaller::AgentManagingUsers, "write")
            }
            _ => (ZendeskCaller::Agent, "read"),
        };
        let suffices = |one: &str| one == word || one == format!("users:{word}");
        let may = context.settings.zendesk.caller_role >= least
            && scope.is_none_or(|scope| scope.split(' ').any(suffices));
        if !may {
            return Some(refused("forbidden"));
        }
        // "Requests shouldn't be talking about the same resources."
        let is_alone = request.user.is_some() && request.meets_another;
        is_alone.then(|| refused("conflict"))
    }

    /// `POST /oauth/tokens`: client credentials or a refresh token, as JSON.
    fn token(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let Ok(body) = serde_json::from_slice::<Value>(request.body()) else {
            return refused("no json");
        };
        let refreshes = body["grant_type"] == "refresh_token";
        // A public client has no secret.
        let is_public = refreshes && body.get("client_secret").is_none();
        let is_client = body["client_id"] == Sandbox::ZENDESK_CLIENT_ID
            && body["client_secret"] == Sandbox::SECRET;
        if !is_public && !is_client {
            return refused("unknown client");
        }
        if refreshes && body["refresh_token"] != self.pair[1] {
            return refused("void refresh token");
        }
        if !refreshes && body["grant_type"] != "client_credentials" {
            return refused("unknown grant");
        }
        let stated = match &body["expires_in"] {
            Value::Null => Some(Self::TOKEN_LIFE.as_secs()),
            given => given.as_u64().filter(|secs| (301..172_800).contains(secs)),
        };
        let Some(stated) = stated else {
            return refused("wrong life");
        };
        let scope = body["scope"].as_str().unwrap_or("read write");
        let life = context.settings.token_lifetime;
        let life = life.unwrap_or(Duration::from_secs(stated));
        let access = self.tokens.mint("", scope, context.now, life);
        let mut answer = json!({
            "access_token": access,
            "token_type": "bearer",
            "scope": scope,
            "expires_in": stated,
        });
        if refreshes {
            // Both of the old pair die.
            self.tokens.revoke(&self.pair[0]);
            self.pair = [access.clone(), format!("{}-refresh", &access[..16])];
            answer["refresh_token"] = json!(self.pair[1]);
        }
        ok(&answer)
    }

    /// Adds the headers that every answer has, and those of the endpoint's own limit.
    fn signed(&mut self, mut reply: Reply, call: Call, context: &Context) -> Reply {
        self.answered += 1;
        let (settings, now) = (context.settings, context.now);
        let quota = settings.limit(settings.zendesk.quota);
        let id = format!("{:016x}-FRA", self.answered);
        let limit = quota.requests.to_string();
        let remaining = self.account.remaining(quota, now).to_string();
        let reset = self.account.resets_in_secs(quota, now).to_string();
        for (name, value) in [
            // Twice, as recorded.
            ("x-request-id", &id),
            ("x-request-id", &id),
            ("x-zendesk-api-version", &"v2".to_owned()),
            ("x-rate-limit", &limit),
            ("x-rate-limit-remaining", &remaining),
            ("ratelimit-limit", &limit),
            ("ratelimit-remaining", &remaining),
            ("ratelimit-reset", &reset),
        ] {
            reply = with(reply, name, value);
        }
        let (name, total, remaining, resets) = match call {
            Call::PermanentlyDelete => {
                let quota = settings.limit(settings.zendesk.permanent_quota);
                (
                    "zendesk-ratelimit-deleted-users-destroy",
                    quota.requests,
                    self.permanent.remaining(quota, now),
                    self.permanent.resets_in_secs(quota, now),
                )
            }
            Call::DeleteMany => {
                let total = settings.zendesk.job_limit;
                let left = total.saturating_sub(self.jobs.running());
                ("zendesk-ratelimit-inflight-jobs", total, left, 60)
            }
            _ => return reply,
        };
        let value = format!("total={total}; remaining={remaining}; resets={resets}");
        with(reply, name, value)
    }
}

impl Machine for Support {
    fn seed(&mut self, seed: &UserSeed, now: Time) -> Result<(), SandboxError> {
        let refuse = |reason| SandboxError::seed(ProviderKind::Zendesk, &seed.id, reason);
        let id = seed.id.parse::<u64>();
        let id = id.map_err(|_| refuse("its id must be digits"))?;
        let role = users::role_named(&seed.role)
            .ok_or_else(|| refuse("its role must be end-user, agent, light-agent or admin"))?;
        let states = [
            UserStatus::Active,
            UserStatus::SoftDeleted,
            UserStatus::PermanentlyDeleted,
        ];
        let state = UserStatus::named(&seed.state, &states).ok_or_else(|| {
            refuse("its state must be active, soft-deleted or permanently-deleted")
        })?;
        let mut user = User::new(seed.clone(), role, state, now);
        user.seed.id = id.to_string();
        self.users.insert(id, user);
        Ok(())
    }

    fn users(&mut self, context: &Context) -> Vec<User> {
        self.advance(context);
        let users = self.users.values();
        users.map(|user| users::aged(user, context)).collect()
    }

    fn handle(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        self.advance(context);
        let quota = context.settings.limit(context.settings.zendesk.quota);
        let reply = if request.call == Call::Token {
            // Not under /api/v2, and so outside its limit.
            self.token(request, context)
        } else {
            match self.account.take(quota, context.now) {
                Ok(()) => self.answer(request, context),
                Err(wait) => too_many_requests(wait, "API requests per minute"),
            }
        };
        self.signed(reply, request.call, context)
    }

    fn refusal(
        &mut self,
        fault: Fault,
        request: &SandboxRequest,
        context: &Context,
    ) -> Option<Reply> {
        let name = match fault {
            Fault::Unauthorized if request.presented().0 == "bearer" => "bad token",
            fault => fault.name(),
        };
        let reply = reply::refusal(ProviderKind::Zendesk, name)?;
        Some(match fault {
            Fault::Error500 | Fault::Error503 | Fault::Throttle | Fault::Conflict => {
                self.signed(reply, Call::Unknown, context)
            }
            _ => reply,
        })
    }
}

fn refused(name: &str) -> Reply {
    reply::refused(ProviderKind::Zendesk, name)
}

/// More requests than the account or the endpoint takes.
fn too_many_requests(wait: Duration, what: &str) -> Reply {
    let body = format!("Number of allowed {what} exceeded");
    let reply = text(429, "text/plain; charset=utf-8", body);
    with(reply, "retry-after", seconds_up(wait).max(1).to_string())
}
