//! The state of progress: counts, pace, quotas and current pauses of each account. Pure.
//!
//! The time left is the plan's own model, carried on: of each limit it is known when its slots come
//! free, how many requests the rows that are left still take, and how soon one can follow another. The
//! pace of rows counts only where no limit counts a request for each of them.
//!
//! All of it comes from entries and the times in them, so that whoever reads them later, or all at once,
//! is told the same.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::lines::AccountLine;
use crate::domain::{
    AccountName, AccountPlan, Counted, Entry, Finding, LimitAhead, Paused, Step, StopKind, Sums,
    Time,
};

/// Limits under which rows take less than this say little of the time they will take.
const KNOWN_MIN: Duration = Duration::from_secs(2);

/// How far back the pace of rows looks.
const PACE_SPAN: Duration = Duration::from_mins(1);

/// The least time between two samples of the pace, which bounds how many are kept.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// How soon requests follow one another is known from so many on.
const REQUESTS_MIN: usize = 16;

/// As if so many rows had been sent already: what becomes of the first few says little of the others.
const ROWS_MIN: f64 = 100.0;

/// A quota of more requests than this is never waited for within a span that anybody looks on.
const SLOTS_MAX: u32 = 100_000;

/// Where all accounts stand.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) accounts: Vec<AccountState>,
    /// When the session began; `None`: not told.
    pub(super) since: Option<Time>,
    /// Whose times of day are shown.
    pub(super) zone: TimeZone,
}

/// Where one account stands since the session began.
#[derive(Debug, Clone, Default)]
pub(super) struct AccountState {
    pub(super) plan: AccountPlan,
    /// Rows that ended, or were verified.
    pub(super) ended: Sums,
    /// Requests that left, whatever they asked for.
    pub(super) requests: u64,
    /// How many of them the provider turned away as too many.
    pub(super) throttled: u64,
    /// Why the lane stopped; `None`: it has not.
    pub(super) stopped: Option<StopKind>,
    /// The word for the session's end: `stopping` or `ended`; `None`: it goes on.
    pub(super) over: Option<&'static str>,
    /// At most one for each limit.
    pauses: Vec<Paused>,
    /// Rows of which one step is done, and the last one is not: they are soft-deleted.
    pub(super) halves: u64,
    /// The account's limits.
    slots: Vec<Slots>,
    /// Rows whose own request is under way, and when it left.
    under_way: HashMap<u64, Time>,
    /// How long answers took lately.
    latency: Duration,
    /// How many rows had ended when, over the last minute; none yet while a canary is under way.
    samples: VecDeque<(Time, u64)>,
}

/// When the slots of a limit come free.
#[derive(Debug, Clone)]
struct Slots {
    limit: LimitAhead,
    /// Requests of this session that it counts.
    sent: u64,
    /// Soonest first; at most as many as the limit has.
    free_at: VecDeque<Time>,
    /// How many of them left one after the other, with no wait for a slot between.
    in_a_row: usize,
    /// How soon one such followed another.
    every: Duration,
}

impl Slots {
    fn new(limit: &LimitAhead) -> Self {
        let taken = limit.taken.min(limit.quota.requests().get());
        let last = limit.all_free_at.unwrap_or(limit.frees_at);
        let between = last.saturating_since(limit.frees_at) / taken.max(2).saturating_sub(1);
        let nth = |n| limit.frees_at.after(between.saturating_mul(n));
        Self {
            limit: limit.clone(),
            sent: 0,
            free_at: (0..taken).map(nth).collect(),
            in_a_row: 0,
            every: Duration::ZERO,
        }
    }

    /// The slot that the next request takes after another request's; `None`: one that was never taken.
    fn freed(&self) -> Option<Time> {
        let is_full = self.free_at.len() >= self.limit.quota.requests().get() as usize;
        self.free_at.front().copied().filter(|_| is_full)
    }

    /// Whether a request that leaves `at` an instant has waited for its slot since the one before it left.
    fn was_waited_for(&self, at: Time, latency: Duration) -> bool {
        let before = self.free_at.back().zip(self.freed());
        before.is_some_and(|(before, freed)| {
            let passed = at.after(self.span(latency)).saturating_since(*before);
            at.saturating_since(freed) + KNOWN_MIN <= passed
        })
    }

    /// A request left, whose answer is to take `latency`. `is_first`: it had to wait, so those before it
    /// say nothing of how soon the next one follows.
    fn take(&mut self, at: Time, latency: Duration, is_first: bool) {
        let free_at = at.after(self.span(latency));
        if self.freed().is_some() {
            self.free_at.pop_front();
        }
        let before = if is_first { 0 } else { self.in_a_row };
        self.in_a_row = before.min(self.free_at.len()) + 1;
        self.sent += 1;
        self.free_at.push_back(free_at);
        if self.in_a_row >= REQUESTS_MIN {
            let first = self.free_at[self.free_at.len() - self.in_a_row];
            let gaps = u32::try_from(self.in_a_row - 1).unwrap_or(u32::MAX);
            self.every = free_at.saturating_since(first) / gaps;
        }
    }

    /// How long a request holds its slot: until one span after its answer.
    fn span(&self, latency: Duration) -> Duration {
        self.limit.quota.span() + latency
    }

    /// How many are taken at `now`.
    fn taken(&self, now: Time) -> usize {
        self.free_at.len() - self.free_at.partition_point(|at| *at <= now)
    }

    /// When one is free; `None`: one is.
    fn next(&self, now: Time) -> Option<Time> {
        let is_full = self.taken(now) >= self.limit.quota.requests().get() as usize;
        self.free_at.front().copied().filter(|_| is_full)
    }

    /// When the last of `requests` more is answered, if all leave as soon as they may: each waits for the
    /// slot of the request that is one quota before it, and for what `every` request takes. So there are as
    /// many ways to the last one as there are slots, and the longest decides.
    fn last(&self, requests: u64, every: Duration, latency: Duration, now: Time) -> Time {
        let quota = u64::from(self.limit.quota.requests().get());
        let every = self.every.max(every);
        let times =
            |time: Duration, n: u64| time.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        let round = self.span(latency).max(times(every, quota));
        let taken = self.taken(now);
        let free = quota.saturating_sub(taken as u64);
        let slots = self.free_at.iter().skip(self.free_at.len() - taken);
        let slots = (free + 1..).zip(slots.copied());
        let ways = [(1, now)].into_iter().chain(slots);
        let ways = ways.take_while(|(index, _)| *index <= requests);
        let ends = ways.map(|(index, slot)| {
            let more = requests - index;
            slot.max(now)
                .after(times(round, more / quota) + times(every, more % quota) + latency)
        });
        ends.max().unwrap_or(now)
    }
}

impl State {
    pub(super) fn new(accounts: Vec<AccountPlan>, zone: TimeZone) -> Self {
        let new = |plan: AccountPlan| AccountState {
            slots: plan
                .limits
                .iter()
                .filter(|it| it.quota.requests().get() <= SLOTS_MAX && it.requests > 0)
                .map(Slots::new)
                .collect(),
            halves: plan.soft_deleted,
            plan,
            ..AccountState::default()
        };
        Self {
            accounts: accounts.into_iter().map(new).collect(),
            since: None,
            zone,
        }
    }

    /// Whether rows are left that are going to be sent.
    pub(super) fn goes_on(&self) -> bool {
        self.accounts.iter().any(AccountState::goes_on)
    }

    /// How long the session has taken.
    pub(super) fn elapsed(&self, now: Time) -> Duration {
        self.since
            .map_or(Duration::ZERO, |since| now.saturating_since(since))
    }

    /// How many rows ended, and of how many, of all accounts together.
    pub(super) fn total(&self) -> (u64, u64) {
        let accounts = self.accounts.iter();
        accounts.fold((0, 0), |(done, rows), it| {
            let ended = it.plan.ended;
            (done + ended + it.done(), rows + ended + it.rows())
        })
    }

    /// When the last account is done, if nothing changes; `None`: none has rows left, all that have
    /// are stopped, or too little is known yet.
    pub(super) fn ends(&self, now: Time) -> Option<Time> {
        let left = self
            .accounts
            .iter()
            .filter_map(|account| account.time_left(now));
        left.max().map(|left| now.after(left))
    }

    /// The line of each account at `now`.
    pub(super) fn lines(&self, now: Time) -> impl Iterator<Item = AccountLine<'_>> {
        let accounts = self.accounts.iter();
        accounts.map(move |account| AccountLine::of(account, now))
    }

    /// Counts what `entry` says.
    pub(super) fn see(&mut self, entry: &Entry) {
        match entry {
            // The rows that the plan sets aside stand in its own entries.
            Entry::Outcome(row) => {
                if let Some(account) = &row.account {
                    let counted = row.counted();
                    let had_half = counted != Counted::Bad
                        && row.action.is_some_and(|it| it.steps().len() > 1);
                    self.on(account, |it| {
                        it.halves = it.halves.saturating_sub(u64::from(had_half));
                        it.answered(row.position.row, row.at);
                        it.end(counted, row.at);
                    });
                }
            }
            Entry::Step(step) => self.on(&step.account, |it| {
                it.halves += 1;
                it.answered(step.row, step.at);
            }),
            Entry::Intent(intent) if intent.is_request() => self.on(&intent.account, |it| {
                it.sent(Some(intent.step), intent.at);
                if intent.with.is_none() {
                    it.under_way.insert(intent.position.row, intent.at);
                }
            }),
            Entry::Request(request) => self.on(&request.account, |it| {
                it.sent(None, request.sent_at);
                it.took(request.at.saturating_since(request.sent_at));
            }),
            Entry::Attempt(attempt) => self.on(&attempt.account, |it| {
                it.throttled += u64::from(attempt.said.status == Some(429));
                it.answered(attempt.row, attempt.at);
            }),
            Entry::Pause(paused) => self.on(&paused.account, |it| it.pause(paused)),
            Entry::Stop(stop) => self.on(&stop.account, |it| it.stopped = Some(stop.reason)),
            Entry::Verify(row) => {
                let counted = match row.finding {
                    Finding::AsAsked | Finding::UnderWay => Counted::Good,
                    Finding::Standing | Finding::Unknown => Counted::Bad,
                };
                self.on(&row.account, |it| it.end(counted, row.at));
            }
            _ => {}
        }
    }

    /// An account without rows has no place here.
    pub(super) fn on(&mut self, name: &AccountName, change: impl FnOnce(&mut AccountState)) {
        let mut accounts = self.accounts.iter_mut();
        if let Some(account) = accounts.find(|account| account.plan.name == *name) {
            change(account);
        }
    }
}

impl AccountState {
    /// A request of `step` (`None`: one that changes nothing) left.
    fn sent(&mut self, step: Option<Step>, at: Time) {
        self.requests += 1;
        let latency = self.latency;
        let counts = |it: &Slots| it.limit.step.is_none() || it.limit.step == step;
        let mut slots = self.slots.iter().filter(|it| counts(it));
        let is_first = slots.any(|it| it.was_waited_for(at, latency));
        let is_canary = self.canary().is_some();
        for slots in self.slots.iter_mut().filter(|it| counts(it)) {
            slots.take(at, latency, is_first);
            // A canary goes alone, and what follows it may begin much later.
            slots.in_a_row *= usize::from(!is_canary);
        }
    }

    /// The request of a row was answered or given up, if it had one of its own.
    fn answered(&mut self, row: u64, at: Time) {
        if let Some(sent) = self.under_way.remove(&row) {
            self.took(at.saturating_since(sent));
        }
    }

    /// An answer took so long. The mean of the last few counts.
    fn took(&mut self, time: Duration) {
        self.latency = match self.latency {
            Duration::ZERO => time,
            before => (before * 15 + time) / 16,
        };
    }

    /// A row ended, or was verified.
    pub(super) fn end(&mut self, counted: Counted, at: Time) {
        *self.ended.slot(counted) += 1;
        if self.canary().is_some() {
            return;
        }
        let done = self.done();
        match self.samples.back_mut() {
            Some((last, rows)) if at.saturating_since(*last) < SAMPLE_EVERY => *rows = done,
            _ => self.samples.push_back((at, done)),
        }
        // The last one that is older stays: from it on the pace is taken.
        while let Some((second, _)) = self.samples.get(1)
            && at.saturating_since(*second) > PACE_SPAN
        {
            self.samples.pop_front();
        }
    }

    /// A pause holds until the later of two instants, as it does in a lane. One that takes no time
    /// says that the one before it is over.
    fn pause(&mut self, paused: &Paused) {
        let mut known = self.pauses.iter();
        let holds = |it: &Paused| it.step == paused.step && it.until >= paused.until;
        if !paused.lasts().is_zero() && known.any(holds) {
            return;
        }
        self.pauses.retain(|known| known.step != paused.step);
        if !paused.lasts().is_zero() {
            self.pauses.push(paused.clone());
        }
    }

    /// Rows that ended, or were verified.
    pub(super) const fn done(&self) -> u64 {
        self.ended.total()
    }

    /// How many rows of the canary ended, and of how many; `None`: there is none, or it is over.
    pub(super) fn canary(&self) -> Option<(u64, u64)> {
        let rows = self.plan.canary?.get().min(self.plan.rows);
        (self.done() < rows).then(|| (self.done(), rows))
    }

    /// Rows to send; never fewer than ended.
    pub(super) fn rows(&self) -> u64 {
        self.plan.rows.max(self.done())
    }

    /// Whether rows are left that are going to be sent.
    fn goes_on(&self) -> bool {
        self.stopped.is_none() && self.over.is_none() && self.done() < self.rows()
    }

    /// The pause that ends last; `None`: nothing waits at `now`.
    pub(super) fn paused(&self, now: Time) -> Option<&Paused> {
        let pauses = self.pauses.iter().filter(|pause| pause.until > now);
        pauses.max_by_key(|pause| pause.until)
    }

    /// Rows a minute, lately; `None`: too little is known yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a pace is shown with three digits"
    )]
    pub(super) fn per_minute(&self, now: Time) -> Option<f64> {
        let is_old = |(at, _): &(Time, u64)| now.saturating_since(*at) > PACE_SPAN;
        let old = self.samples.partition_point(is_old);
        let (first, then) = self.samples.get(old.saturating_sub(1))?;
        let passed = now.saturating_since(*first);
        let ended = self.done().saturating_sub(*then);
        (passed >= SAMPLE_EVERY * 2).then(|| ended as f64 * 60.0 / passed.as_secs_f64())
    }

    /// The number of further requests of `slots` that the rows that are left take. It assumes that
    /// as many of the untouched ones end without one as did before.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an estimate, of fewer rows than 2^52, and never negative"
    )]
    fn needed(&self, slots: &Slots) -> u64 {
        let left = self.rows() - self.done();
        let halves = self.halves.min(left);
        let each = slots.limit.requests as f64 / self.plan.rows.max(1) as f64;
        let sent = slots.sent as f64 / each + halves as f64;
        let begun = (self.done() + halves) as f64;
        let goes_on = ((sent + ROWS_MIN) / (begun + ROWS_MIN)).min(1.0);
        let rows = (left - halves) as f64 * goes_on + halves as f64;
        (rows * each).ceil() as u64
    }

    /// The quota that is waited for, and until when; `None`: requests may leave, or nothing is left.
    pub(super) fn waits(&self, now: Time) -> Option<(&LimitAhead, Time)> {
        let slots = self.slots.iter().filter(|_| self.goes_on());
        let slots = slots.filter(|it| self.needed(it) > 0);
        let waits = slots.filter_map(|it| Some((&it.limit, it.next(now)?)));
        let waits = waits.filter(|(_, until)| until.saturating_since(now) >= KNOWN_MIN);
        waits.max_by_key(|(_, until)| *until)
    }

    /// How long the rows that are left will take: under the quotas as they stand and as slow as answers
    /// are, or as long as the plan gives the provider's jobs, or at the pace of the last minute where rows
    /// take no request each; but not less than a pause has to run. `None`: none are left, the lane stopped, or
    /// too little is known yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate is shown with two units"
    )]
    pub(super) fn time_left(&self, now: Time) -> Option<Duration> {
        if !self.goes_on() {
            return None;
        }
        let left = self.rows() - self.done();
        let at_once = self.plan.concurrency.filter(|it| *it > 0);
        let every = at_once.map_or(Duration::ZERO, |it| self.latency / it);
        let slots = self.slots.iter();
        let quotas = slots.map(|it| it.last(self.needed(it), every, self.latency, now));
        let quotas = quotas.max().unwrap_or(now).saturating_since(now);
        let limits = self.slots.iter().map(|it| &it.limit);
        let planned = limits.clone().map(|it| it.quota.time_for(it.requests));
        let planned = planned.max().unwrap_or_default();
        // The plan's time beyond its quotas is for jobs, and those take their time row by row.
        let jobs = Duration::from_millis(self.plan.at_limit_ms);
        let jobs = if jobs > planned {
            let begun = self.halves.min(left);
            jobs.mul_f64((left - begun) as f64 / self.plan.rows.max(1) as f64)
        } else {
            Duration::ZERO
        };
        let is_each = limits.clone().any(|it| it.requests >= self.plan.rows);
        let at_pace = self
            .per_minute(now)
            .filter(|pace| *pace > 0.0 && !is_each)
            .and_then(|pace| Duration::try_from_secs_f64(left as f64 * 60.0 / pace).ok())
            .unwrap_or_default();
        let pause = self.paused(now);
        let pause = pause.map_or(Duration::ZERO, |it| it.until.saturating_since(now));
        let left = quotas.max(jobs).max(at_pace).max(pause);
        // Limits that hardly matter say nothing, and a pace is known after a moment.
        (left >= KNOWN_MIN || at_pace > Duration::ZERO).then_some(left)
    }
}
