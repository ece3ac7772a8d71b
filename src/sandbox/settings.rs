//! How a sandbox is started, what it accepts, and what can be changed of a tenant while it runs: the weather, the
//! limits, who the caller is. And why it could not start or be changed.
//! Quotas are kept here too, as a provider keeps them: strict, and knowing nothing of the client's own.

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::serde::unsigned_duration::friendly::compact as span;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::faults::Faults;
use super::hub::Sandbox;
use super::reply::seconds_up;
use crate::domain::{ProviderKind, Quota, Time, kept_as_text};
use crate::provider::ProviderFile;

/// Why a sandbox could not start or be changed.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct SandboxError(pub(super) String);

impl SandboxError {
    /// `what` was sent to change something and cannot be read.
    pub(super) fn unread(what: &str, error: &serde_json::Error) -> Self {
        Self(format!(
            "read {what}; see the sandbox's documentation for its fields: {error}"
        ))
    }

    /// A user of `provider` that cannot be, and the `reason`.
    pub(super) fn seed(provider: ProviderKind, id: &str, reason: &str) -> Self {
        let name = provider.name();
        Self(format!("the {name} user `{id}` cannot be seeded: {reason}"))
    }
}

/// How a sandbox is started. The defaults suit tests: any free port, no users, no faults.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where it listens; loopback only. Port 0: any free one.
    pub listen: SocketAddr,
    /// Whether the users that `fixtures/input/demo.csv` is about are there at the start, at the tenant
    /// `default`. Else nobody is, but the callers and Zendesk's account owner.
    pub has_demo_users: bool,
    /// The settings that every tenant begins with.
    pub settings: Settings,
    /// Provider files that are served under `/file/NAME`, beside those that this program brings.
    pub files: Vec<Arc<ProviderFile>>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            has_demo_users: false,
            settings: Settings::default(),
            files: Vec::new(),
        }
    }
}

/// The values that are accepted as credentials. These are no secrets: they open nothing but a sandbox.
impl Sandbox {
    /// The e-mail address that goes with Zendesk's API token.
    pub const ZENDESK_EMAIL: &str = "ops@acme.example";
    /// Zendesk's API token.
    pub const ZENDESK_TOKEN: &str = "sandbox-token";
    /// A Zendesk OAuth access token that never dies.
    pub(super) const ZENDESK_OAUTH_TOKEN: &str = "sandbox-oauth";
    /// A Zendesk OAuth access token that dies once its refresh token is used.
    pub const ZENDESK_PAIR: [&str; 2] = ["sandbox-access", "sandbox-refresh"];
    /// The id of Zendesk's OAuth client.
    pub(super) const ZENDESK_CLIENT_ID: &str = "sandbox-client";
    /// The secret of each client and key.
    pub const SECRET: &str = "sandbox-secret";
    /// The id of the Sunshine Conversations app.
    pub const SUNCO_APP_ID: &str = "5963c0d619a30a2e00de36b8";
    /// The id of its key.
    pub const SUNCO_KEY_ID: &str = "app_sandbox";
    /// The id of Zoho's OAuth client.
    pub const ZOHO_CLIENT_ID: &str = "1000.SANDBOX";
    /// The refresh token.
    pub const ZOHO_REFRESH_TOKEN: &str = "1000.sandbox-refresh";
}

/// Everything that can be changed of a tenant while it runs. In JSON, a field that is left out stays as
/// it is; quotas are texts like `700/10m`, spans of time like `2s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long answers take.
    pub latency: Latency,
    /// The faults, and how often they happen.
    pub faults: Faults,
    /// How quotas are counted.
    pub quota_mode: QuotaMode,
    /// Every quota's span, every job's and every retention's time is divided by this.
    pub scale_limits: f64,
    /// How long access tokens truly live, whatever `expires_in` says; `None`: as long as it says.
    #[serde(with = "span::optional")]
    pub token_lifetime: Option<Duration>,
    /// How long a user still stands whose deletion was only ordered, by a provider file or at Sunshine
    /// Conversations, which deletes in the background.
    #[serde(with = "span::required")]
    pub order_delay: Duration,
    /// The settings of Zendesk Support.
    pub zendesk: ZendeskSandbox,
    /// The settings of Sunshine Conversations.
    pub sunco: SuncoSandbox,
    /// The settings of Zoho CRM.
    pub zoho: ZohoSandbox,
}

/// The result of a quota at a tenant: scaled, and with its mode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// How many requests a span may hold.
    pub(super) requests: u32,
    pub(super) span: Duration,
    /// How it is laid.
    pub(super) mode: QuotaMode,
}

/// How a quota's span is laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuotaMode {
    /// No span of that length, wherever it begins, holds more.
    Rolling,
    /// Spans are laid end to end from the epoch on; each begins with the full quota.
    Fixed,
}

/// The settings of Zendesk Support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZendeskSandbox {
    /// The account's limit, for every request under `/api/v2`.
    pub quota: Quota,
    /// The limit of permanent deletions.
    pub permanent_quota: Quota,
    /// How many jobs may be queued or running.
    pub job_limit: u32,
    /// Whether jobs end as `failed`, with no results and nothing done.
    pub jobs_fail: bool,
    /// Every so many result items of a job, one is missing although the job did it; 0: none.
    pub job_items_missing_every: u32,
    /// How long after a permanent deletion the user's name still stands.
    #[serde(with = "span::required")]
    pub rename_delay: Duration,
    /// How long after a soft deletion the user is not found yet among the deleted ones.
    #[serde(with = "span::required")]
    pub listing_delay: Duration,
    /// The user whose credentials are used.
    pub caller_id: u64,
    /// The rights of that user.
    pub caller_role: ZendeskCaller,
}

/// The rights of the caller at Zendesk Support: each includes those of the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZendeskCaller {
    /// Only asking who it is.
    EndUser,
    /// Reading.
    Agent,
    /// An agent whose custom role lets it manage users: everything but `destroy_many`.
    AgentManagingUsers,
    /// Everything.
    Admin,
}

/// The settings of Sunshine Conversations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuncoSandbox {
    /// The app's limit. The vendor publishes no number; this one is made up.
    pub quota: Quota,
}

/// The settings of Zoho CRM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZohoSandbox {
    /// The org's credits, one per request.
    pub credits: Quota,
    /// How many access tokens one refresh token gives.
    pub token_quota: Quota,
    /// How many requests may be under way at once.
    pub concurrency: u32,
    /// The scopes of the refresh token.
    pub scopes: Vec<String>,
    /// Once more users than this were deleted, the org lets no more be deleted; `None`: no cap.
    pub deletion_cap: Option<u32>,
    /// The answer to every deletion by its name in `refusals.json`, `sandbox_org` or `no_privilege`;
    /// `None`: each is looked at.
    pub refuses_all: Option<String>,
    /// Whether deleted users can be read (as deleted); else reading one answers 204.
    pub deleted_readable: bool,
    /// The user whose refresh token it is.
    pub caller_id: String,
}

/// The settings that a tenant begins with, unless the options say otherwise.
const DEFAULTS: &str = include_str!("settings.json");

impl Default for Settings {
    #[expect(
        clippy::expect_used,
        reason = "the text is a part of the program, and every test reads it"
    )]
    fn default() -> Self {
        serde_json::from_str(DEFAULTS).expect("the settings of the program")
    }
}

impl Settings {
    /// The greatest scale taken: a day becomes less than a second.
    pub const SCALE_MAX: f64 = 1e6;

    /// The result of `quota` here.
    pub(super) fn limit(&self, quota: Quota) -> Limit {
        Limit {
            requests: quota.requests().get(),
            span: self.shortened(quota.span()),
            mode: self.quota_mode,
        }
    }

    /// `span` divided by the scale of all limits, but at least one millisecond long.
    pub(super) fn shortened(&self, span: Duration) -> Duration {
        Duration::try_from_secs_f64(span.as_secs_f64() / self.scale_limits)
            .unwrap_or(span)
            .max(Duration::from_millis(1))
    }

    /// These settings with what `change` names replaced, field by field.
    pub(super) fn changed(&self, change: Value) -> Result<Self, SandboxError> {
        let unread = |error| SandboxError::unread("the settings", &error);
        let mut all = serde_json::to_value(self).map_err(unread)?;
        merge(&mut all, change);
        let settings: Self = serde_json::from_value(all).map_err(unread)?;
        settings.checked()
    }

    /// These settings, if they make sense.
    pub(super) fn checked(self) -> Result<Self, SandboxError> {
        let scale = self.scale_limits;
        if scale > 0.0 && scale <= Self::SCALE_MAX {
            return Ok(self);
        }
        Err(SandboxError(format!(
            "the sandbox's setting `scale_limits` cannot be {scale}; write a number above 0 and up \
             to 1000000"
        )))
    }
}

/// Lays `change` over `all`, going down into objects both have.
pub(super) fn merge(all: &mut Value, change: Value) {
    match (all, change) {
        (Value::Object(all), Value::Object(change)) => {
            for (key, value) in change {
                merge(all.entry(key).or_insert(Value::Null), value);
            }
        }
        (all, change) => *all = change,
    }
}

/// How long an answer takes: always the same, or anything between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    least: Duration,
    most: Duration,
}

impl Latency {
    /// The longest latency taken.
    pub const MOST: Duration = Duration::from_mins(1);

    /// One value of the range, drawn from `random`.
    pub(super) fn draw(self, random: &mut fastrand::Rng) -> Duration {
        self.least + self.most.saturating_sub(self.least).mul_f64(random.f64())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, most] = [self.least, self.most]
            .map(|span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX));
        if least == most {
            return write!(f, "{least:#}");
        }
        write!(f, "{least:#}..{most:#}")
    }
}

impl FromStr for Latency {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, SandboxError> {
        let span = |part: &str| {
            let span: SignedDuration = part.trim().parse().ok()?;
            Duration::try_from(span).ok()
        };
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        span(least)
            .zip(span(most))
            .map(|(least, most)| Self { least, most })
            .filter(|it| it.least <= it.most && it.most <= Self::MOST)
            .ok_or_else(|| {
                SandboxError(format!(
                    "`{text}` is not a latency; write a time such as \"50ms\" or a range such as \
                     \"20ms..200ms\", up to one minute"
                ))
            })
    }
}

kept_as_text!(Latency);

/// Counts accepted requests against one quota, which may change from request to request. **Invariant**:
/// no span ever accepts more than the limit it is asked with.
#[derive(Debug, Default)]
pub(super) struct AcceptedWindow {
    /// When the requests that still count were accepted, oldest first.
    taken: VecDeque<Time>,
}

impl AcceptedWindow {
    /// Accepts a request at `now`, or says how long until one would be accepted.
    pub(super) fn take(&mut self, limit: Limit, now: Time) -> Result<(), Duration> {
        let now = self.settle(limit, now);
        let over = (self.taken.len() + 1).saturating_sub(limit.requests as usize);
        let blocking = over.checked_sub(1).and_then(|index| self.taken.get(index));
        if let Some(at) = blocking {
            return Err(limit.free_at(*at).saturating_since(now));
        }
        self.taken.push_back(now);
        Ok(())
    }

    /// How many requests would be accepted at `now`.
    pub(super) fn remaining(&mut self, limit: Limit, now: Time) -> u32 {
        self.settle(limit, now);
        let taken = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        limit.requests.saturating_sub(taken)
    }

    /// How long until the oldest request stops counting, in whole seconds; the span if none counts.
    pub(super) fn resets_in_secs(&mut self, limit: Limit, now: Time) -> u64 {
        let now = self.settle(limit, now);
        let oldest = self.taken.front();
        seconds_up(oldest.map_or(limit.span, |at| limit.free_at(*at).saturating_since(now)))
    }

    /// Drops what no longer counts. Returns `now`, or the last instant if the clock went back.
    fn settle(&mut self, limit: Limit, now: Time) -> Time {
        let now = self.taken.back().map_or(now, |last| now.max(*last));
        while self
            .taken
            .front()
            .is_some_and(|at| limit.free_at(*at) <= now)
        {
            self.taken.pop_front();
        }
        now
    }
}

impl Limit {
    /// When the slot of a request accepted at `at` comes free.
    fn free_at(self, at: Time) -> Time {
        match self.mode {
            QuotaMode::Rolling => at.after(self.span),
            QuotaMode::Fixed => {
                let span = i64::try_from(self.span.as_millis().max(1)).unwrap_or(i64::MAX);
                let began = at.as_millis().div_euclid(span).saturating_mul(span);
                Time::from_millis(began.saturating_add(span))
            }
        }
    }
}
