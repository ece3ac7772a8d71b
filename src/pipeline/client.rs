//! One account's line to its provider: every request goes through here, under its limits.

mod access;
mod reads;
mod waits;

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::error::ClientError;
use super::jobs::Jobs;
use super::limits::{Admission, Limits, Marks, Refused, Stated, TakenAtOnce};
use super::reach::Reach;
use super::reread::Rereads;
use super::retry::Backoff;
use super::sink::{Durability, EventSink, SinkFailed};
use super::stop::Stop;
use super::tokens::{Granted, TokenStore, Tokens, own};
use crate::domain::{AccountName, Action, Entry, Quota, Step, StopKind, Time, UserId, WallClock};
use crate::provider::{Bulk, Detail, Moment, Provider, Reply, Request, Scope, Verdict};
use crate::transport::{Failure, Transport, TransportError};

/// So many tokens in a row may be rejected for one request before the lane stops.
pub(super) const TOKENS_REJECTED_MAX: u32 = 5;

/// So many tokens are fetched under the limits for one request that waits for its slot, where each ends
/// before that comes; then one is fetched in the slot's time.
const FETCHED_MAX: u32 = 3;

/// So many rows for each permit have the same step begun as their first at once. Enough that a permit never
/// waits for a row; few enough that a row that is tried again does not queue behind the whole file,
/// so that a provider that fails every request is found out after some rows and not after all. Rows
/// that begin with different steps do not count together: they would wait for another's quota.
const ROWS_BEGUN_PER_PERMIT: u32 = 3;

/// What a [`Client`] is made of.
#[derive(Debug)]
pub struct ClientParts {
    /// The account's name.
    pub account: AccountName,
    /// Its provider.
    pub provider: Arc<dyn Provider>,
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// The account's limits.
    pub limits: Arc<Limits>,
    /// Where entries go.
    pub sink: Arc<dyn EventSink>,
    /// Where tokens are kept between processes.
    pub store: Arc<dyn TokenStore>,
    /// Wall-clock time.
    pub wall: WallClock,
    /// How the account is stopped.
    pub stop: Stop,
    /// Tries for one request.
    pub attempts: NonZeroU32,
    /// The seed of the jitter.
    pub seed: u64,
}

/// One account's line to its provider.
#[derive(Debug)]
pub struct Client {
    pub(super) account: AccountName,
    pub(super) provider: Arc<dyn Provider>,
    transport: Arc<dyn Transport>,
    limits: Arc<Limits>,
    sink: Arc<dyn EventSink>,
    pub(super) tokens: Tokens,
    pub(super) wall: WallClock,
    pub(super) stop: Stop,
    pub(super) attempts: NonZeroU32,
    pub(super) seed: u64,
    throttle: Mutex<Throttle>,
    /// The day's quota is as good as gone, in the words of the lane's end.
    day_over: OnceLock<Detail>,
    rows_begun: BTreeMap<Step, Semaphore>,
    pub(super) jobs: Jobs,
    rereads: Rereads,
    pub(super) reach: Arc<Reach>,
    /// Where its requests go; unset: none was sent.
    host: OnceLock<String>,
    /// Held by the row whose role is asked again, until it has its leave: so that those which wait
    /// as long as it does take no slot from it meanwhile.
    pub(super) role_turn: tokio::sync::Mutex<()>,
    /// Whom this process has soft-deleted, of the users whom later rows are about as well.
    soft_deleted: Mutex<HashSet<UserId>>,
    /// Who has the role that no list of users tells, as lists know them; unset: nobody known.
    principal: OnceLock<String>,
}

/// Throttling without a word of how long: the lane backs off as one.
#[derive(Debug)]
struct Throttle {
    backoff: Backoff,
    since: Option<Instant>,
}

// === impl Client ===

impl Client {
    /// A client of these parts.
    pub fn new(parts: ClientParts) -> Self {
        let ClientParts {
            account,
            provider,
            transport,
            limits,
            sink,
            store,
            wall,
            stop,
            attempts,
            seed,
        } = parts;
        let reach = Arc::new(Reach::default());
        let tokens = Tokens::new(
            Arc::clone(&provider),
            Arc::clone(&transport),
            wall.clone(),
            store,
            Arc::clone(&reach),
        );
        let begun_max = rows_begun_max(&limits);
        let rows_begun = Step::ALL.map(|step| (step, Semaphore::new(begun_max)));
        let jobs_max = provider.bulk().map_or(0, Bulk::jobs_max);
        let jobs = Jobs::new(limits.share_of(jobs_max));
        let throttle = Mutex::new(Throttle {
            backoff: Backoff::new(seed),
            since: None,
        });
        Self {
            account,
            provider,
            transport,
            limits,
            sink,
            tokens,
            wall,
            stop,
            attempts,
            seed,
            throttle,
            day_over: OnceLock::new(),
            rows_begun: rows_begun.into(),
            jobs,
            rereads: Rereads::default(),
            reach,
            host: OnceLock::new(),
            role_turn: tokio::sync::Mutex::default(),
            soft_deleted: Mutex::default(),
            principal: OnceLock::new(),
        }
    }

    /// Says that so many rows of each action are to be sent in this session, by which the pace is set:
    /// at least the requests that they come to.
    pub fn expect(&self, rows: impl IntoIterator<Item = (Action, u64)>) {
        let mut requests = BTreeMap::<Option<Step>, u64>::new();
        let mut more = |step, count| *requests.entry(step).or_default() += count;
        for (action, rows) in rows {
            for step in action.steps() {
                let bulk = self.provider.bulk().filter(|bulk| bulk.takes(*step));
                // Who stands is read, and the job begun, for as many at once.
                let users = bulk.map_or(1, |bulk| bulk.users_max().max(1) as u64);
                more(Some(*step), rows.div_ceil(users));
                if bulk.is_some() {
                    more(None, rows.div_ceil(users));
                }
            }
            let roles = self.provider.roles().zip(action.steps().first());
            if roles.is_some_and(|(roles, step)| roles.asked_alone_before(*step)) {
                more(None, rows);
            }
        }
        self.limits.expect(requests);
    }

    /// Says that so many users are to be looked at in this session, as [`Client::expect`] does.
    pub fn expect_looks(&self, users: u64) {
        let users_max = self.provider.standings().users_max().max(1) as u64;
        self.limits.expect([(None, users.div_ceil(users_max))]);
    }

    /// What the provider was seen to take at once, where that is less than configured.
    pub fn taken_at_once(&self) -> Option<TakenAtOnce> {
        self.limits.taken_at_once()
    }

    /// Requests that may be under way at once, as configured.
    pub fn concurrency(&self) -> u32 {
        self.limits.concurrency()
    }

    /// How many rows may have the same step begun as their first at once.
    pub(super) fn rows_begun_max(&self) -> usize {
        rows_begun_max(&self.limits)
    }

    /// The highest limit for all requests of the account that the provider has stated.
    pub fn stated_limit(&self) -> Option<Quota> {
        self.limits.stated()
    }

    /// Notes that this process has soft-deleted `id`, whom later rows are about as well.
    pub(super) fn note_soft_deleted(&self, id: &UserId) {
        let noted = self.soft_deleted.lock();
        let mut noted = noted.unwrap_or_else(PoisonError::into_inner);
        noted.insert(id.clone());
    }

    /// Whether it is noted so.
    pub(super) fn has_soft_deleted(&self, id: &UserId) -> bool {
        let noted = self.soft_deleted.lock();
        noted.unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// How long the account's quota allows one request after another.
    pub(super) fn interval(&self) -> Duration {
        self.limits.interval()
    }

    /// Waits until another row may begin, with `step`.
    pub(super) async fn begin(&self, step: Step) -> Result<SemaphorePermit<'_>, ClientError> {
        // There is one for every step.
        let rows_begun = self.rows_begun.get(&step).ok_or(ClientError::Stopping)?;
        if !self.stop.admitting.is_cancelled()
            && let Ok(begun) = rows_begun.try_acquire()
        {
            return Ok(begun);
        }
        tokio::select! {
            biased;
            () = self.stop.admitting.cancelled() => Err(ClientError::Stopping),
            begun = rows_begun.acquire() => begun.map_err(|_| ClientError::Stopping),
        }
    }

    /// Waits until a request of `step` may leave, and gets the access to send it with. A step's own
    /// permit comes with [`Client::may_leave`]; a read (`None`) has it already.
    pub(super) async fn admit(
        &self,
        step: Option<Step>,
    ) -> Result<(Admission, Granted), ClientError> {
        let mut fetched = 0;
        loop {
            self.day_has_more()?;
            if fetched < FETCHED_MAX && self.fetch_counted().await? {
                fetched += 1;
            }
            let stopping = &self.stop.admitting;
            let refused = |refused| self.not_admitted(refused);
            let mut admission = self.limits.admit(step, stopping).await.map_err(refused)?;
            // A read has no intent that is to be durable first.
            if step.is_none() {
                match admission.permitted(stopping).await {
                    Ok(()) => {}
                    Err(Refused::Late) => {
                        admission.unsent();
                        continue;
                    }
                    Err(stopped) => {
                        admission.unsent();
                        return Err(refused(stopped));
                    }
                }
            }
            if let Err(over) = self.day_has_more() {
                admission.unsent();
                return Err(over);
            }
            if fetched < FETCHED_MAX && self.tokens.is_counted_and_due().await {
                admission.unsent();
                continue;
            }
            // Fetching a token takes a moment, hardly ever more; the slots are held meanwhile.
            match self.access().await {
                Ok(Some(granted)) => return Ok((admission, granted)),
                Ok(None) => admission.unsent(),
                Err(error) => {
                    admission.unsent();
                    return Err(error);
                }
            }
        }
    }

    /// Sends `request`; its slots count from when its answer came. Its permit is held on, until it is
    /// known what the answer means ([`Client::heed`]).
    pub(super) fn exchange<'a>(
        &'a self,
        request: Request,
        admission: &'a mut Admission,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send + 'a {
        let host = self.host.get_or_init(|| host_of(&request.url));
        let began = Instant::now();
        // Here, so that what waits for the answer does not hold the request as well.
        let sending = self.transport.send(request);
        async move {
            let reply = tokio::select! {
                biased;
                reply = sending => reply,
                () = self.stop.waiting.cancelled() => {
                    let reason = "interrupted twice".to_owned();
                    Err(TransportError { failure: Failure::Abandoned, reason })
                }
            };
            match &reply {
                Err(error) if error.failure.given_up() => admission.given_up(),
                Ok(_) | Err(_) => admission.answered(),
            }
            match &reply {
                Ok(_) if self.reach.heard(host) => self.reached_again(host).await,
                Err(error) if self.is_missed(error) => {
                    self.reach.missed(host, began.elapsed(), self.wall.now());
                }
                Ok(_) | Err(_) => {}
            }
            reply
        }
    }

    /// Whether `error` shows that the host is out of reach: that it did not answer shows it only where
    /// nothing has been heard of it yet.
    fn is_missed(&self, error: &TransportError) -> bool {
        match error.failure {
            Failure::Connect => true,
            Failure::TimedOut | Failure::Broken => !self.reach.is_at_work(),
            Failure::Certificate | Failure::TooLarge | Failure::Abandoned => false,
        }
    }

    /// Waits for the permit of a request whose intent is durable now, and says whether `step` may
    /// still leave.
    pub(super) async fn may_leave(&self, step: Step, admission: &mut Admission) -> bool {
        admission.permitted(&self.stop.admitting).await.is_ok()
            && self.day_has_more().is_ok()
            && self.limits.shut_until(Some(step)).is_none()
            && !self.stop.admitting.is_cancelled()
    }

    /// Heeds what an answer to the request of `admission` says of limits. `verdict`: what it means;
    /// `None`: just what was asked for.
    ///
    /// Only an answer that is known to be the provider's teaches: a page of a proxy's may have limits
    /// of its own in its headers. One that turns the request away is known by its code.
    pub(super) fn heed(
        &self,
        step: Option<Step>,
        admission: &mut Admission,
        reply: &Reply,
        verdict: Option<&Verdict>,
    ) {
        let (is_theirs, has_limits) = match verdict {
            Some(Verdict::Moment(Moment::Unrecognised | Moment::Unwell { .. }, _)) => {
                (false, false)
            }
            Some(Verdict::Moment(Moment::Throttled { scope, .. }, said)) => {
                if *scope == Scope::AtOnce {
                    admission.too_many_at_once();
                }
                (true, said.code.is_some())
            }
            _ => {
                admission.taken();
                (true, true)
            }
        };
        if has_limits {
            self.learn(step, admission.marks(), reply);
        }
        if is_theirs {
            let bulk = self.provider.bulk();
            if let Some(hint) = bulk.and_then(|bulk| bulk.jobs_hint(&reply.headers)) {
                self.jobs.heed(hint);
            }
        }
        if reply.status != 429 {
            self.throttle(|throttle| throttle.since = None);
        }
    }

    /// Learns of limits from headers that are the provider's.
    fn learn(&self, step: Option<Step>, marks: Marks, reply: &Reply) {
        let hints = self.provider.rate_hints(step, &reply.headers);
        for (step, hint) in [
            (None, hints.account),
            (step, hints.endpoint.filter(|_| step.is_some())),
        ] {
            let said = hint.and_then(|hint| {
                Some(Stated {
                    limit: hint.limit?,
                    remaining: hint.remaining,
                    resets_in: hint.resets_in,
                })
            });
            if let Some(said) = said {
                self.limits.learn(step, marks, said);
            }
        }
        // Requests under way may not be among those counted: what is left is theirs.
        let under_way = u64::from(self.limits.concurrency());
        if let Some(left) = hints.day_left.filter(|left| *left <= under_way) {
            self.day_over.get_or_init(|| {
                own(
                    "day_over",
                    format!(
                        "{} says that {left} requests are left of the day's quota, which comes back over 24 hours",
                        self.provider.kind().title()
                    ),
                )
            });
        }
    }

    /// Whether anything is left of the day's quota.
    ///
    /// # Errors
    ///
    /// When that is so little that the next request might be refused.
    fn day_has_more(&self) -> Result<(), ClientError> {
        match self.day_over.get() {
            None => Ok(()),
            Some(detail) => Err(ClientError::Account {
                reason: StopKind::QuotaGone,
                status: None,
                detail: detail.clone(),
            }),
        }
    }

    /// A token was rejected: get another for the next try, unless too many were.
    pub(super) async fn renew(
        &self,
        granted: &Granted,
        rejected: u32,
        status: Option<u16>,
        detail: Detail,
    ) -> Result<(), ClientError> {
        if rejected >= TOKENS_REJECTED_MAX || self.tokens.reject(granted).await {
            let reason = StopKind::CredentialsRejected;
            return Err(ClientError::Account {
                reason,
                status,
                detail,
            });
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Time {
        self.wall.now()
    }

    pub(super) async fn record(
        &self,
        entry: Entry,
        durability: Durability,
    ) -> Result<(), SinkFailed> {
        self.sink.record(entry, durability).await
    }

    fn throttle<T>(&self, change: impl FnOnce(&mut Throttle) -> T) -> T {
        change(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What people know a host by.
pub(super) fn host_of(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn rows_begun_max(limits: &Limits) -> usize {
    limits.concurrency().saturating_mul(ROWS_BEGUN_PER_PERMIT) as usize
}

/// The words for a passing network error.
///
/// # Errors
///
/// When it does not pass: a certificate that does not fit is no accident to wait for.
pub(super) fn passing_or_stop(error: &TransportError) -> Result<String, ClientError> {
    match error.failure {
        Failure::Certificate => Err(ClientError::Account {
            reason: StopKind::WrongTenant,
            status: None,
            detail: own(error.failure.name(), error.to_string()),
        }),
        Failure::Connect
        | Failure::TimedOut
        | Failure::Broken
        | Failure::TooLarge
        | Failure::Abandoned => Ok(error.to_string()),
    }
}
