//! What progress knows: counts, pace, quotas and current pauses of each account. Pure.
//!
//! The time left is the plan's own model, carried on: of each limit it is known when its slots come
//! free, and how many requests the rows that are left still take. The pace of the last minute counts
//! only if no quota was waited for in it: a burst into an empty window says nothing of the time after it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::lines::AccountLine;
use crate::domain::{
    AccountName, AccountPlan, Counted, Entry, Finding, LimitAhead, Paused, Step, StopKind, Sums,
    Time,
};

/// Limits under which rows take less than this say little of the time they will take.
const KNOWN_MIN: Duration = Duration::from_secs(2);

/// How far back the pace looks.
const PACE_SPAN: Duration = Duration::from_mins(1);

/// The least time between two samples of the pace, which bounds how many are kept.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

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
    /// At most one for each limit.
    pauses: Vec<Paused>,
    /// Rows of which one step is done, and the last one is not.
    halves: u64,
    /// The account's limits.
    slots: Vec<Slots>,
    /// When a quota was last waited for; `None`: never yet.
    waited_at: Option<Time>,
    /// How many rows had ended when, over the last minute.
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
        }
    }

    /// A request left.
    fn take(&mut self, at: Time) {
        self.sent += 1;
        if self.free_at.len() >= self.limit.quota.requests().get() as usize {
            self.free_at.pop_front();
        }
        self.free_at.push_back(at.after(self.limit.quota.span()));
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

    /// When the last of `requests` more can leave, if all leave as soon as they may: each waits for the
    /// slot of the request that is one quota before it.
    fn last(&self, requests: u64, now: Time) -> Time {
        let quota = u64::from(self.limit.quota.requests().get());
        let rounds = requests.saturating_sub(1) / quota;
        let more = u32::try_from(rounds).unwrap_or(u32::MAX);
        let more = self.limit.quota.span().saturating_mul(more);
        let taken = self.taken(now);
        // Whose slot it waits for, of those taken now, counted from 1; none: a free one.
        let place = (taken as u64 + requests).saturating_sub(quota * (rounds + 1));
        let place = usize::try_from(place).unwrap_or(usize::MAX).checked_sub(1);
        let slot = place.and_then(|it| self.free_at.get(self.free_at.len() - taken + it));
        slot.map_or(now, |slot| (*slot).max(now)).after(more)
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
        let mut accounts = self.accounts.iter();
        accounts.any(|account| account.stopped.is_none() && account.done() < account.rows())
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

    /// The line of each account at `now`. `over`: the session has ended.
    pub(super) fn lines(&self, now: Time, over: bool) -> impl Iterator<Item = AccountLine<'_>> {
        let accounts = self.accounts.iter();
        accounts.map(move |account| AccountLine::of(account, now, over))
    }

    /// Counts what `entry` says.
    pub(super) fn see(&mut self, entry: &Entry) {
        match entry {
            // What the plan sets aside stands in its own entries.
            Entry::Outcome(row) => {
                if let Some(account) = &row.account {
                    let counted = row.counted();
                    let had_half = counted != Counted::Bad
                        && row.action.is_some_and(|it| it.steps().len() > 1);
                    self.on(account, |it| {
                        it.halves = it.halves.saturating_sub(u64::from(had_half));
                        *it.ended.slot(counted) += 1;
                    });
                }
            }
            Entry::Step(step) => self.on(&step.account, |it| it.halves += 1),
            Entry::Intent(intent) if intent.is_request() => {
                self.on(&intent.account, |it| it.sent(Some(intent.step), intent.at));
            }
            Entry::Request(request) => {
                self.on(&request.account, |it| it.sent(None, request.sent_at));
            }
            Entry::Attempt(attempt) if attempt.said.status == Some(429) => {
                self.on(&attempt.account, |it| it.throttled += 1);
            }
            Entry::Pause(paused) => self.on(&paused.account, |it| it.pause(paused)),
            Entry::Stop(stop) => self.on(&stop.account, |it| it.stopped = Some(stop.reason)),
            Entry::Verify(row) => {
                let counted = match row.finding {
                    Finding::AsAsked | Finding::UnderWay => Counted::Good,
                    Finding::Standing | Finding::Unknown => Counted::Bad,
                };
                self.on(&row.account, |it| *it.ended.slot(counted) += 1);
            }
            _ => {}
        }
    }

    /// Lets time pass: takes samples of the pace, and forgets pauses that are over.
    pub(super) fn tick(&mut self, now: Time) {
        for account in &mut self.accounts {
            account.pauses.retain(|pause| pause.until > now);
            account.sample(now);
            if account.waits(now).is_some() {
                account.waited_at = Some(now);
            }
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
        let counts = |it: &&mut Slots| it.limit.step.is_none() || it.limit.step == step;
        self.slots
            .iter_mut()
            .filter(counts)
            .for_each(|it| it.take(at));
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

    /// The pause that ends last; `None`: nothing waits at `now`.
    pub(super) fn paused(&self, now: Time) -> Option<&Paused> {
        let pauses = self.pauses.iter().filter(|pause| pause.until > now);
        pauses.max_by_key(|pause| pause.until)
    }

    fn sample(&mut self, now: Time) {
        if let Some((last, _)) = self.samples.back()
            && now.saturating_since(*last) < SAMPLE_EVERY
        {
            return;
        }
        self.samples.push_back((now, self.done()));
        while let Some((first, _)) = self.samples.front()
            && now.saturating_since(*first) > PACE_SPAN
        {
            self.samples.pop_front();
        }
    }

    /// Rows a minute, lately; `None`: too little is known yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a pace is shown with three digits"
    )]
    pub(super) fn per_minute(&self, now: Time) -> Option<f64> {
        let (first, then) = self.samples.front()?;
        let passed = now.saturating_since(*first);
        let ended = self.done().saturating_sub(*then);
        (passed >= SAMPLE_EVERY * 2).then(|| ended as f64 * 60.0 / passed.as_secs_f64())
    }

    /// How many more requests of `slots` the rows that are left take, if as many of those that are still
    /// untouched end without one as did before.
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
        let goes_on = match self.done() + halves {
            0 => 1.0,
            begun => (sent / begun as f64).min(1.0),
        };
        let rows = (left - halves) as f64 * goes_on + halves as f64;
        (rows * each).ceil() as u64
    }

    /// The quota that is waited for, and until when; `None`: requests may leave, or nothing is left.
    pub(super) fn waits(&self, now: Time) -> Option<(&LimitAhead, Time)> {
        if self.stopped.is_some() {
            return None;
        }
        let slots = self.slots.iter().filter(|it| self.needed(it) > 0);
        let waits = slots.filter_map(|it| Some((&it.limit, it.next(now)?)));
        let waits = waits.filter(|(_, until)| until.saturating_since(now) >= KNOWN_MIN);
        waits.max_by_key(|(_, until)| *until)
    }

    /// How long the rows that are left will take: under the quotas as they stand, or as long as the
    /// plan gives the provider's jobs, or at the pace of the last minute if no quota was waited for in it;
    /// but not less than a pause has to run. `None`: none are left, the lane stopped, or too little is
    /// known yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate is shown with two units"
    )]
    pub(super) fn time_left(&self, now: Time) -> Option<Duration> {
        let left = self.rows() - self.done();
        if left == 0 || self.stopped.is_some() {
            return None;
        }
        let quotas = self.slots.iter().map(|it| it.last(self.needed(it), now));
        let quotas = quotas.max().unwrap_or(now).saturating_since(now);
        let planned = self
            .slots
            .iter()
            .map(|it| it.limit.quota.time_for(it.limit.requests));
        let planned = planned.max().unwrap_or_default();
        // What the plan takes beyond its quotas are jobs, and those take their time row by row.
        let jobs = Duration::from_millis(self.plan.at_limit_ms);
        let jobs = if jobs > planned {
            let begun = self.halves.min(left);
            jobs.mul_f64((left - begun) as f64 / self.plan.rows.max(1) as f64)
        } else {
            Duration::ZERO
        };
        let waited = self.waited_at.map(|at| now.saturating_since(at));
        let has_waited = waited.is_some_and(|ago| ago <= PACE_SPAN);
        let at_pace = self
            .per_minute(now)
            .filter(|pace| *pace > 0.0 && !has_waited)
            .and_then(|pace| Duration::try_from_secs_f64(left as f64 * 60.0 / pace).ok())
            .unwrap_or_default();
        let pause = self.paused(now);
        let pause = pause.map_or(Duration::ZERO, |it| it.until.saturating_since(now));
        let left = quotas.max(jobs).max(at_pace).max(pause);
        // Limits that hardly matter say nothing, and a pace is known after a moment.
        (left >= KNOWN_MIN || at_pace > Duration::ZERO).then_some(left)
    }
}
