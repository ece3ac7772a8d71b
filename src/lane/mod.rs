//! A lane: everything about the traffic of one tenant, as a machine without IO.
//!
//! One value owns it all: rows in hand, queues, limits, jobs, roles seen, tokens, safeties. It has no
//! lock, no task and no clock. [`Lane::on`] takes what happened, [`Lane::next`] gives the next thing
//! to do; both are handed the time. `run` drives it over the network and the ledger, tests drive it
//! over a clock of their own.
//!
//! # One path for every request
//!
//! An identity request, a lookup, a deletion, a job, asking about jobs, a verification, a token: each is a
//! request with a `Purpose`. The files `attempt` and `answers` take all of them the same way:
//!
//! 1. **Limits** ([`limits`]): windows, pauses, pace and the number in flight, at one instant, all
//!    or none. A row that waits for quota holds nothing, so rows that wait ten minutes for one
//!    endpoint keep no others from theirs. The endpoint that decides when all are done goes first.
//! 2. **Access** (`tokens`) and **role** (`lookups`): a token that ended, or a role that was read
//!    too long ago, is asked for again. That gives back the slots of 1.
//! 3. **Intent**, durable. A row that waits for quota has none, so a crash in that wait leaves
//!    nothing in doubt.
//! 4. **Still open?** A pause or a stop that came meanwhile takes the intent back.
//! 5. **Send, judge, record**: the request ends, is tried again, or its account stops.
//!
//! **Invariants:** no deleting request leaves whose intent is not durable, and none after the ledger
//! failed. Nothing in flight is ever dropped: a stop lets it end, and records it. Two requests about one
//! user are never in flight at once.

mod access;
mod account;
mod answers;
mod attempt;
mod breaker;
mod bulk;
mod dispatch;
mod jobs;
pub mod limits;
mod lookups;
mod questions;
mod queues;
mod reach;
mod requests;
mod rows;
mod settle;
mod tokens;
mod verify;
mod waits;

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::account::Account;
use self::limits::{Limits, PriorRequest};
use self::lookups::Batch;
use self::requests::{Class, LaneRequest, Stage};
use self::rows::Row;
use crate::domain::{
    AccountLimits, AccountName, Action, Entry, LaneStop, LimitAhead, Quota, Said, Step, StopKind,
    Task, Time,
};
use crate::provider::{self, Provider, Reply};
use crate::transport::TransportError;

pub use self::breaker::FailureLimit;
pub use self::jobs::{Job, Jobs};
pub use self::questions::Inquiry;
pub use self::reach::Reach;
pub use self::requests::{Meaning, RequestError, RequestId};
pub use self::rows::outcome_entry;
pub use self::tokens::KeptToken;
pub use self::waits::Backoff;

/// An error of whatever gives rows.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// How often the wall clock is looked at for [`Until`]. It may be set, and a machine may sleep: one
/// long timer would know nothing of either.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// An instant, and what the clocks on the wall show at it.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// On a clock that never goes back.
    pub instant: Instant,
    /// On the wall.
    pub wall: Time,
}

/// An account as a lane needs it.
#[derive(Debug)]
pub struct AccountSpec {
    /// Its name.
    pub name: AccountName,
    /// Its provider.
    pub provider: Arc<dyn Provider>,
    /// Its limits, the share not taken off.
    pub limits: AccountLimits,
    /// Requests of earlier processes that may still count, oldest first.
    pub past: Vec<PriorRequest>,
    /// A token that an earlier process left.
    pub kept: Option<KeptToken>,
    /// Tries for one request.
    pub attempts: NonZeroU32,
    /// The seed of the jitter.
    pub seed: u64,
}

/// The work of an account in this session.
#[derive(Debug, Clone)]
pub struct WorkSpec {
    /// The queues that its rows come from, one for each action; `None`: rows to be verified.
    pub queues: Vec<Option<Action>>,
    /// How much may go wrong.
    pub failure_limit: FailureLimit,
    /// Protected roles that may be deleted all the same, in the provider's words.
    pub include_roles: Vec<String>,
    /// So many rows go first, and the others only if all of those end well; `None`: all go.
    pub canary: Option<NonZeroU64>,
    /// When to begin no more rows; `None`: never.
    pub until: Option<Until>,
}

/// When an account begins no more rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// The instant.
    pub at: Time,
    /// The time of day, as it was typed.
    pub typed: String,
}

/// An event, as the lane is told of it.
#[derive(Debug)]
pub enum Event {
    /// The next rows of a queue; `None`: it has no more. An error: it could not be read on.
    Rows {
        /// The account.
        account: AccountName,
        /// Its queue, see [`WorkSpec::queues`].
        action: Option<Action>,
        /// The rows.
        rows: Result<Option<Vec<Task>>, SourceError>,
    },
    /// The entries of [`Effect::RecordFirst`] are durable.
    Recorded(RequestId),
    /// A request was answered, or no answer came.
    Reply {
        /// Which.
        request: RequestId,
        /// The reply that came, or the error.
        result: Result<Reply, TransportError>,
    },
    /// A person stops the run: nothing more is begun; what is in flight ends and is recorded.
    Stop,
    /// A person waits for nothing any more: what is in flight is in doubt.
    Abandon,
    /// The ledger takes no more entries.
    LedgerFailed,
    /// The value for this key could not be kept, though the next process needs it; and why.
    NotKept(String, String),
}

/// The next thing to be done.
#[derive(Debug)]
pub enum Effect {
    /// Record this, in order.
    Record(Entry),
    /// Record these, and say [`Event::Recorded`] once they are durable.
    RecordFirst(RequestId, Vec<Entry>),
    /// Send this.
    Send(RequestId, provider::Request),
    /// Read the next rows of this queue, see [`WorkSpec::queues`].
    Rows(AccountName, Option<Action>),
    /// Keep this token for later processes, under this key, before anything else that follows is done.
    Keep(String, KeptToken),
    /// Tell this to whoever asked.
    Answer(RequestId, Result<Meaning, RequestError>),
    /// Nothing until this instant (`None`: for now), or until something happens.
    Wait(Option<Instant>),
    /// Every account that was at work has ended.
    Ended,
}

/// How an account ended.
#[derive(Debug)]
pub enum AccountEnd {
    /// Every row has an outcome.
    Done,
    /// A safety stopped it; the rest of its rows are pending.
    Stopped(LaneStop),
    /// The run was stopped; the rest of its rows are pending.
    Interrupted,
    /// Its rows could not be read on; the rest of them are pending.
    SourceFailed(SourceError),
}

/// All traffic of one tenant, see the [module](self).
#[derive(Debug)]
pub struct Lane {
    accounts: Vec<Account>,
    limits: Limits,
    reach: Reach,
    /// Requests that wait for the limits, oldest first.
    waiting: BTreeMap<Class, BTreeMap<RequestId, LaneRequest>>,
    /// Requests that rest after an error.
    resting: BTreeMap<(Instant, RequestId), LaneRequest>,
    /// Requests that have what they leave with, until they are answered.
    under_way: BTreeMap<RequestId, (LaneRequest, Stage)>,
    last_id: u64,
    /// Rows in hand, by their numbers.
    rows: BTreeMap<u64, Row>,
    batches: BTreeMap<RequestId, Batch>,
    /// Refused without a word of how long: since when, and the waits.
    throttled: Option<(Instant, Backoff)>,
    /// The day's quota is as good as gone: what the stop says.
    day_over: Option<Said>,
    /// The ledger failed: nothing may leave.
    failed: bool,
    output: VecDeque<Effect>,
}

impl Lane {
    /// A lane of one account, which has nothing to do yet.
    pub fn new(spec: AccountSpec, now: Now) -> Self {
        Self {
            limits: Limits::new(&spec.limits, &spec.past, now.instant),
            accounts: vec![Account::new(spec, now)],
            reach: Reach::default(),
            waiting: BTreeMap::new(),
            resting: BTreeMap::new(),
            under_way: BTreeMap::new(),
            last_id: 0,
            rows: BTreeMap::new(),
            batches: BTreeMap::new(),
            throttled: None,
            day_over: None,
            failed: false,
            output: VecDeque::new(),
        }
    }

    /// Joins `other`, a lane at the same tenant with nothing in flight: they share one set of limits.
    pub fn absorb(&mut self, other: Self) {
        debug_assert!(self.under_way.is_empty() && other.under_way.is_empty());
        self.accounts.extend(other.accounts);
        self.limits.absorb(other.limits);
        self.output.extend(other.output);
        self.day_over = self.day_over.take().or(other.day_over);
        self.last_id = self.last_id.max(other.last_id);
    }

    /// Lets nothing of `step` leave before `until`, as a server asked an earlier process.
    pub fn pause(&mut self, step: Option<Step>, until: Instant) {
        self.limits.pause(step, until);
    }

    /// Takes note of what happened.
    pub fn on(&mut self, event: Event, now: Now) {
        match event {
            Event::Rows {
                account,
                action,
                rows,
            } => self.rows_read(&account, action, rows, now),
            Event::Recorded(id) => self.recorded(id, now),
            Event::Reply { request, result } => self.replied(request, result, now),
            Event::Stop => self.stop(now),
            Event::Abandon => {
                self.stop(now);
                self.abandon(now);
            }
            Event::LedgerFailed => self.failed = true,
            Event::NotKept(key, why) => self.token_not_kept(&key, &why, now),
        }
    }

    /// The next thing to do.
    pub fn next(&mut self, now: Now) -> Effect {
        loop {
            if self.failed {
                return Effect::Ended;
            }
            if let Some(output) = self.output.pop_front() {
                return output;
            }
            self.wake(now);
            self.feed(now);
            let wait = match self.admit(now) {
                Err(wait) if self.output.is_empty() => wait,
                _ => continue,
            };
            self.end_accounts(now);
            if self.output.is_empty() {
                let mut accounts = self.accounts.iter().enumerate();
                let is_over =
                    accounts.all(|(index, it)| !it.is_working && !self.has_requests(index));
                return if is_over {
                    Effect::Ended
                } else {
                    Effect::Wait(self.until_next(wait, now))
                };
            }
        }
    }

    /// How each account ended that was at work since this was last asked.
    pub fn take_ends(&mut self) -> Vec<(AccountName, AccountEnd)> {
        let ends = self.accounts.iter_mut().filter_map(|account| {
            let end = account.end.take()?;
            Some((account.name.clone(), end))
        });
        ends.collect()
    }

    /// Requests that may be in flight at once, as configured.
    pub const fn concurrency(&self) -> u32 {
        self.limits.concurrency()
    }

    /// How each limit stands before rows are sent that take so many requests of each step, and in all.
    pub fn limits_ahead(
        &mut self,
        requests: &BTreeMap<Option<Step>, u64>,
        now: Now,
    ) -> Vec<LimitAhead> {
        let ahead = |(step, quota, taken, [first, last]): (_, _, _, [Duration; 2])| LimitAhead {
            step,
            quota,
            requests: requests.get(&step).copied().unwrap_or(0),
            taken,
            frees_at: now.wall.after(first),
            all_free_at: Some(now.wall.after(last)),
        };
        self.limits.usage(now.instant).map(ahead).collect()
    }

    /// The highest limit for all requests of the account that the provider has stated.
    pub const fn stated_limit(&self) -> Option<Quota> {
        self.limits.stated()
    }

    /// Puts requests that have rested back in line, and stops accounts whose time is up.
    fn wake(&mut self, now: Now) {
        while let Some(resting) = self.resting.first_entry() {
            if resting.key().0 > now.instant {
                break;
            }
            let request = resting.remove();
            self.line_up(request, now);
        }
        for index in 0..self.accounts.len() {
            let account = &mut self.accounts[index];
            let is_time_up = account.until.as_ref().is_some_and(|it| it.at <= now.wall);
            if account.is_working && !account.is_stopping && is_time_up {
                account.is_out_of_time = true;
                self.halt(index, now);
            }
        }
    }

    /// When a request may leave, has rested, or jobs are to be asked about, if nothing happens before.
    fn until_next(&self, wait: Option<Instant>, now: Now) -> Option<Instant> {
        let rested = self.resting.first_key_value().map(|((at, _), _)| *at);
        let working = || self.accounts.iter().filter(|it| it.is_working);
        let jobs = working().filter_map(|account| self.next_question(account));
        let clock = working()
            .filter(|it| !it.is_stopping)
            .filter_map(|it| it.until.as_ref())
            .map(|until| {
                let left = until.at.saturating_since(now.wall);
                now.instant + left.min(CLOCK_EVERY)
            });
        let all = wait.into_iter().chain(rested).chain(jobs).chain(clock);
        all.min()
    }

    /// Stops an account for `reason`, once, and records why.
    fn stop_account(&mut self, index: usize, reason: StopKind, said: Said, now: Now) {
        let account = &mut self.accounts[index];
        if account.stop.is_some() {
            return;
        }
        let stop = LaneStop {
            account: account.name.clone(),
            reason,
            said,
            at: now.wall,
        };
        account.stop = Some(stop.clone());
        self.record(Entry::Stop(stop));
        self.halt(index, now);
    }

    /// Begins nothing more of an account. Waiting work is given up, requests in flight go on.
    fn halt(&mut self, index: usize, now: Now) {
        self.accounts[index].is_stopping = true;
        self.fail_waiting(index, &RequestError::Stopping, now);
    }

    /// A person stops the run.
    fn stop(&mut self, now: Now) {
        for index in 0..self.accounts.len() {
            if !self.accounts[index].is_stopping {
                self.halt(index, now);
            }
        }
    }

    fn record(&mut self, entry: Entry) {
        self.output.push_back(Effect::Record(entry));
    }
}
