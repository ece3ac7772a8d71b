//! The events that lanes report and the ledger keeps: one [`Entry`] each.
//!
//! The same value goes to the ledger (which chains and syncs it), to progress (which counts it)
//! and, read back, to reports and to `resume`. Field names are the ledger's format, version
//! [`RunHeader::FORMAT`]; changing one changes the format. No entry holds a person: no names, no
//! e-mail addresses, no bodies.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::names::named;
use super::{
    AccountName, AccountPlan, Action, Agreed, Counted, Counts, JobId, Outcome, PlanEnd,
    PlannedRows, Position, ProviderKind, RunId, Step, Time, UnsentRows, UserId, Verified,
};

/// One line of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The first line of every ledger.
    Run(Box<RunHeader>),
    /// Rows to send.
    Plan(PlannedRows),
    /// Rows that are not sent.
    Unsent(UnsentRows),
    /// The plan is complete.
    Planned(Box<PlanEnd>),
    /// Somebody agreed to the plan.
    Agreed(Box<Agreed>),
    /// A process began to carry the plan out, or took the run up.
    Session(Box<SessionStart>),
    /// A request that changes nothing was answered or given up; it counts towards the quota.
    Request(Requested),
    /// An attempt is about to leave. Durable before it does.
    Intent(Intent),
    /// A request over many rows was answered, or given up.
    #[serde(rename = "job")]
    Bulk(Attempted),
    /// An attempt ended without ending its step: it will be tried again, or the lane stops.
    Attempt(Attempted),
    /// A step ended well and another follows.
    Step(StepDone),
    /// A row ended. A later outcome of the same row replaces this one.
    Outcome(OutcomeEntry),
    /// A limit, or the whole lane, waits until an instant because the server said so.
    Pause(Paused),
    /// A lane stopped before its rows were done.
    Stop(LaneStop),
    /// The process ended in an orderly way.
    End(RunEnd),
    /// The provider is asked about rows that ended well.
    Verification(Box<SessionStart>),
    /// The finding for one of them. It changes no outcome.
    Verify(Verified),
}

/// When an entry counts as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it would survive a power cut.
    Synced,
    /// When it stands in line to be written, in order. It is synced as soon as nothing else waits,
    /// and when the ledger is closed at the latest. If either fails, every later entry is refused.
    Queued,
}

/// The header: the facts that the ledger is bound to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunHeader {
    /// The run's id.
    pub run_id: RunId,
    /// The format of this ledger, see [`RunHeader::FORMAT`].
    pub format: u32,
    /// The program's version.
    pub version: String,
    /// The options of the command line that `resume` needs again.
    pub options: RunOptions,
    /// The accounts of the configuration, each with the place that it leads to.
    pub accounts: Vec<AccountHeader>,
    /// When the run began.
    pub started_at: Time,
    /// How long the machine had been up then; `None`: not told, or a version before this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
}

/// How long a machine has been up, which tells how much time has passed whatever the clock says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// The id that tells this start of the machine from any other.
    pub boot: String,
    /// How long ago it was, in milliseconds.
    pub ms: u64,
}

impl Uptime {
    /// That of this machine, which no change of the clock changes; `None`: it does not tell.
    pub fn read() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let text = std::fs::read_to_string("/proc/uptime").ok()?;
        let secs: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some(Self {
            boot: boot.trim().to_owned(),
            ms: u64::try_from(Duration::try_from_secs_f64(secs).ok()?.as_millis()).ok()?,
        })
    }
}

impl RunHeader {
    /// The ledger format this program writes, and the only one it reads.
    pub const FORMAT: u32 = 2;
}

/// The options of `run` that `resume` and `retry` need again. `None`, empty or `false`: not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOptions {
    /// Absolute path of the configuration, told and never opened; `None`: the environment's variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Whether `--config` named it; otherwise it lay in one of the documented places.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub config_named: bool,
    /// `--account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `--action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// `--id-column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_column: Option<String>,
    /// `--account-column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_column: Option<String>,
    /// `--action-column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_column: Option<String>,
    /// `--ref-column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_column: Option<String>,
    /// `--header-line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_line: Option<u64>,
    /// `--sheet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Absolute path of `--protect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect: Option<String>,
    /// Absolute paths of `--done-in`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done_in: Vec<String>,
    /// Absolute paths of `--again`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<String>,
    /// `--include-role`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include_roles: Vec<String>,
    /// `--protect-suspended`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protect_suspended: bool,
    /// `--force-foreign-ids`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force_foreign_ids: bool,
    /// `--max-failures`, as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<String>,
    /// `--attempts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// `--concurrency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// `--canary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<NonZeroU64>,
}

impl RunOptions {
    /// The role of suspended users. Whoever is deleted may come back without being suspended.
    pub const SUSPENDED: &str = "suspended";

    /// The roles whose users are deleted: those of `--include-role`, and suspended users by default.
    pub fn included_roles(&self) -> Vec<String> {
        let mut roles = self.include_roles.clone();
        roles.extend((!self.protect_suspended).then(|| Self::SUSPENDED.to_owned()));
        roles
    }
}

/// An account as it introduced itself before the first deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountHeader {
    /// Its name in the configuration.
    pub name: AccountName,
    /// Its provider.
    pub provider: ProviderKind,
    /// The name that tells this tenant from any other, e.g. `acme.zendesk.com`; compared at `resume`.
    pub tenant: String,
    /// The id of the user whose credentials are used; `None`: they belong to no user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<UserId>,
    /// That user's role in the provider's words; `None`: the provider does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The action of rows that name none; compared at `resume`. `None`: none, or an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The digest of what a provider file says of requests and answers; compared from plan to resume.
    /// `None`: the program says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// The effect of each action on a user, by its provider file; empty: the program says it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub does: BTreeMap<Action, String>,
    /// How many requests may be under way at once; `None`: a version before this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// A process began to carry the plan out, took the run up, or asks about rows that ended well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStart {
    /// `run`, `resume`, `retry` or `verify`.
    pub command: String,
    /// The program's version.
    pub version: String,
    /// The values of `retry --only`; empty: the default, or another command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// How many rows this process set out to send, or to ask about.
    pub rows: u64,
    /// Of a verification, how many rows had ended `deleted` or `already_gone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_rows: Option<u64>,
    /// The draw of a verification's sample; `None`: all rows are asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleDraw>,
    /// The accounts, as they introduced themselves this time.
    pub accounts: Vec<AccountHeader>,
    /// The work ahead of each account with rows; empty: not told, by a version before this field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<AccountPlan>,
    /// Whether a person said that the pauses which servers had asked for before count no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignores_pauses: bool,
    /// When.
    pub at: Time,
    /// See [`RunHeader::uptime`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
}

/// The draw of a sample: the same rows, size and seed draw the same sample again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleDraw {
    /// How many rows `--sample` asked for.
    pub rows: u64,
    /// The seed.
    pub seed: u64,
}

/// The statement of an answer, or our own reason where there was none. A provider's words get in by `Said::of`
/// alone, which takes out what could name a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The HTTP status; `None`: nothing was sent, or no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's code, or the stable word of our own reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's fixed text, cut and with e-mail addresses masked, or our own reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Said {
    /// A reason of our own: its stable word, and what a person reads.
    pub fn own(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: None,
            code: Some(code.into()),
            message: Some(message.into()),
        }
    }
}

/// A request that changes nothing was answered or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// The account it was sent for.
    pub account: AccountName,
    /// The question that it asked, e.g. `identity`, `roles`, `read`.
    pub what: String,
    /// When it was sent.
    pub sent_at: Time,
    /// When the answer came, or waiting for it ended.
    pub at: Time,
    /// The HTTP status; `None`: no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Requested {
    /// The question who the caller is, which each process asks for each of its accounts before it works.
    pub const IDENTITY: &str = "identity";
}

/// An attempt is about to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Where the row stands.
    #[serde(flatten)]
    pub position: Position,
    /// The account.
    pub account: AccountName,
    /// The row's action.
    pub action: Action,
    /// The user.
    pub id: UserId,
    /// The step that is sent.
    pub step: Step,
    /// Which attempt at this step, from 1, in this process.
    pub attempt: u32,
    /// The number of the first row of a request for many; `None`: it is for this row alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<u64>,
    /// Whether there was nobody whom this could delete: then it leaves nothing in doubt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nobody: bool,
    /// When it was written.
    pub at: Time,
}

impl Intent {
    /// Whether this line stands for a request: of those for many rows, the first row's does.
    pub fn is_request(&self) -> bool {
        self.with.is_none_or(|first| first == self.position.row)
    }
}

/// An attempt ended without ending its step, or a request over many rows was answered or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempted {
    /// The row's number; of a request over many rows the first row's, see [`Intent::with`].
    pub row: u64,
    /// The account.
    pub account: AccountName,
    /// The step.
    pub step: Step,
    /// The job that works through many rows; `None`: none is known to have begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Which attempt; `None`: a request over many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// A stable word for what happened, e.g. `throttled`; `None`: a job was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Whether the request may have had its effect although no answer says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// The statement of the answer.
    #[serde(flatten)]
    pub said: Said,
    /// When the answer came, or waiting for it ended.
    pub at: Time,
}

/// A step ended well and another follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDone {
    /// The row's number.
    pub row: u64,
    /// The account.
    pub account: AccountName,
    /// The step.
    pub step: Step,
    /// [`Outcome::Deleted`] or [`Outcome::AlreadyGone`].
    pub outcome: Outcome,
    /// See [`OutcomeEntry::settled`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// The HTTP status that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When the answer came.
    pub at: Time,
}

/// A row ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeEntry {
    /// Where the row stands.
    #[serde(flatten)]
    pub position: Position,
    /// The account; `None`: the row names none that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// The action; `None`: the row names none that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The user; `None`: the cell holds no id of the provider's, and is not repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// The admin's own reference.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The statement of the answer, or our own reason.
    #[serde(flatten)]
    pub said: Said,
    /// How many deleting requests this process sent for the row; 0: none.
    pub attempts: u32,
    /// Whether the provider's "already gone" (or "no such user") was taken as `deleted`. An earlier
    /// request of ours for this row had got no clear answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// When it ended.
    pub at: Time,
    /// From its first intent in this process to its end, in milliseconds; 0: nothing was sent.
    pub elapsed_ms: u64,
    /// The provider's id of the deciding request, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl OutcomeEntry {
    /// The code of a row whose user is on the protect list.
    pub const PROTECT_LIST: &str = "protect_list";

    /// How the row counts. One on the protect list is skipped, as a person said.
    pub fn counted(&self) -> Counted {
        match (self.outcome, self.said.code.as_deref()) {
            (Outcome::Protected, Some(Self::PROTECT_LIST)) => Counted::Skipped,
            (outcome, _) => outcome.counted(),
        }
    }

    /// The code of a row that was settled as `deleted` although nobody saw the user before. The answer
    /// was lost or an error, and the user is not there afterwards. Whether they ever were is not known.
    pub const SETTLED_UNSEEN: &str = "settled_unseen";

    /// The code of a purge that ended `protected` behind its soft deletion: the role was read too late.
    pub const PROTECTED_HALF: &str = "protected_soft_deleted";
}

/// A limit waits until an instant because the server said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The account.
    pub account: AccountName,
    /// The step whose limit waits; `None`: the whole account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Until when.
    pub until: Time,
    /// Why, e.g. `429 with Retry-After: 93`.
    pub reason: String,
    /// When it was said.
    pub at: Time,
}

impl Paused {
    /// How much of it is left at `now`: never more than all of it, whatever was done to the clock.
    pub fn left(&self, now: Time) -> Duration {
        self.until.saturating_since(now).min(self.lasts())
    }

    /// How long it is in all.
    pub fn lasts(&self) -> Duration {
        self.until.saturating_since(self.at)
    }
}

named! {
    /// Why a lane stopped before its rows were done.
    pub enum StopKind {
        /// The credentials are not (or no longer) taken.
        CredentialsRejected = "credentials_rejected": "the credentials were rejected",
        /// The caller has not the right to delete users, or the token not the scope.
        NotPermitted = "not_permitted": "the caller may not delete users",
        /// The app, the organisation or the path is not the right one.
        WrongTenant = "wrong_tenant": "this is the wrong app, organisation or address",
        /// The provider's cap on deletions of the whole organisation.
        OrgCap = "org_cap": "the organisation's cap on deletions is reached",
        /// The quota of the day is used up, or the server asks for a wait that nobody sits through.
        QuotaGone = "quota_gone": "the provider takes no more requests for now",
        /// Too many rows failed or were refused.
        FailureLimit = "failure_limit": "too many rows failed or were refused",
        /// Whether users are protected could not be asked.
        RolesUnknown = "roles_unknown": "whether users are protected could not be asked",
        /// Nothing reached the provider for too long.
        OutOfReach = "out_of_reach": "the provider is out of reach",
        /// Token after token died at once, or none could be had.
        TokensExhausted = "tokens_exhausted": "no access token that works could be had",
        /// The provider asks for payment, or for another plan, before it goes on.
        PaymentRequired = "payment_required": "the provider asks for payment or another plan first",
        /// One row after the other names a user whom the provider does not know.
        NotFoundRun = "not_found_run": "user after user is not known here: wrong account or stale file?",
        /// A row of those that `--canary` sends first did not end well.
        CanaryFailed = "canary_failed": "the canary's rows are not all done",
        /// The time that `--until` sets was reached.
        UntilReached = "until_reached": "the time of --until is reached",
    }
}

/// A lane stopped before its rows were done; they stay pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStop {
    /// The account.
    pub account: AccountName,
    /// Why.
    pub reason: StopKind,
    /// The statement of the answer, or our own reason.
    #[serde(flatten)]
    pub said: Said,
    /// When.
    pub at: Time,
}

named! {
    /// Where a run stands.
    pub enum RunState {
        /// Its plan is complete, and nobody has agreed to it yet.
        Planned = "planned",
        /// A process is at it.
        Running = "running",
        /// Every row has an outcome.
        Finished = "finished",
        /// A signal, a crash or a full disk ended it before the end.
        Interrupted = "interrupted",
        /// A safety ended it before the end.
        Stopped = "stopped",
    }
}

/// The process ended in an orderly way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// How; never [`RunState::Running`].
    pub state: RunState,
    /// Where all rows of the input stand.
    pub outcomes: Counts,
    /// When.
    pub at: Time,
}

impl Entry {
    /// The end of a session that ends now.
    pub fn end(state: RunState, outcomes: Counts) -> Self {
        Self::End(RunEnd {
            state,
            outcomes,
            at: Time::now(),
        })
    }
}
