//! What progress knows: counts, pace and current pauses of each account. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::lines::AccountLine;
use crate::domain::{AccountName, AccountPlan, Counted, Entry, Finding, Paused, StopKind, Time};

/// Limits under which rows take less than this say little of the time they will take.
const KNOWN_MIN: Duration = Duration::from_secs(2);

/// How far back the pace looks.
const PACE_SPAN: Duration = Duration::from_mins(1);

/// The least time between two samples of the pace, which bounds how many are kept.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Where all accounts stand.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) accounts: Vec<AccountState>,
    /// Whose times of day are shown.
    pub(super) zone: TimeZone,
}

/// Where one account stands since the session began.
#[derive(Debug, Clone)]
pub(super) struct AccountState {
    pub(super) plan: AccountPlan,
    /// Rows about which nothing is to be done any more.
    pub(super) good: u64,
    /// Rows that somebody has to look at.
    pub(super) bad: u64,
    /// Requests that left, whatever they asked for.
    pub(super) requests: u64,
    /// How many of them the provider turned away as too many.
    pub(super) throttled: u64,
    /// Why the lane stopped; `None`: it has not.
    pub(super) stopped: Option<StopKind>,
    /// At most one for each limit.
    pauses: Vec<Paused>,
    /// How many rows had ended when, over the last minute.
    samples: VecDeque<(Time, u64)>,
}

impl State {
    pub(super) fn new(accounts: Vec<AccountPlan>, zone: TimeZone) -> Self {
        let new = |plan| AccountState {
            plan,
            good: 0,
            bad: 0,
            requests: 0,
            throttled: 0,
            stopped: None,
            pauses: Vec::new(),
            samples: VecDeque::new(),
        };
        Self {
            accounts: accounts.into_iter().map(new).collect(),
            zone,
        }
    }

    /// Whether rows are left that are going to be sent.
    pub(super) fn goes_on(&self) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|account| account.stopped.is_none() && account.done() < account.rows())
    }

    /// When the last account is done, if nothing changes; `None`: none has rows left, all that have
    /// are stopped, or too little is known yet.
    pub(super) fn ends(&self, now: Time) -> Option<Time> {
        let left = self.accounts.iter().filter_map(|account| account.left(now));
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
                    self.on(account, |it| {
                        it.ended(row.outcome.counted() == Counted::Good);
                    });
                }
            }
            Entry::Intent(intent) if intent.is_request() => {
                self.on(&intent.account, |it| it.requests += 1);
            }
            Entry::Request(request) => self.on(&request.account, |it| it.requests += 1),
            Entry::Attempt(attempt) if attempt.said.status == Some(429) => {
                self.on(&attempt.account, |it| it.throttled += 1);
            }
            Entry::Pause(paused) => self.on(&paused.account, |it| it.pause(paused)),
            Entry::Stop(stop) => self.on(&stop.account, |it| it.stopped = Some(stop.reason)),
            Entry::Verify(row) => {
                let is_good = matches!(row.finding, Finding::AsAsked | Finding::UnderWay);
                self.on(&row.account, |it| it.ended(is_good));
            }
            _ => {}
        }
    }

    /// Lets time pass: takes samples of the pace, and forgets pauses that are over.
    pub(super) fn tick(&mut self, now: Time) {
        for account in &mut self.accounts {
            account.pauses.retain(|pause| pause.until > now);
            account.sample(now);
        }
    }

    /// An account without rows has no place here.
    fn on(&mut self, name: &AccountName, change: impl FnOnce(&mut AccountState)) {
        let mut accounts = self.accounts.iter_mut();
        if let Some(account) = accounts.find(|account| account.plan.name == *name) {
            change(account);
        }
    }
}

impl AccountState {
    const fn ended(&mut self, is_good: bool) {
        if is_good {
            self.good += 1;
        } else {
            self.bad += 1;
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
        self.good + self.bad
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

    /// How long the rows that are left will take: under the limits, or at the pace of the last
    /// minute where that is slower, but not less than a pause has to run. `None`: none are left,
    /// the lane stopped, or too little is known yet.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate is shown with two units"
    )]
    pub(super) fn left(&self, now: Time) -> Option<Duration> {
        let left = self.rows() - self.done();
        if left == 0 || self.stopped.is_some() {
            return None;
        }
        let part = left as f64 / self.plan.rows.max(1) as f64;
        let under_limits = Duration::from_millis(self.plan.at_limit_ms).mul_f64(part.min(1.0));
        let at_pace = self
            .per_minute(now)
            .filter(|pace| *pace > 0.0)
            .and_then(|pace| Duration::try_from_secs_f64(left as f64 * 60.0 / pace).ok())
            .unwrap_or_default();
        let pause = self.paused(now);
        let pause = pause.map_or(Duration::ZERO, |it| it.until.saturating_since(now));
        let left = under_limits.max(at_pace).max(pause);
        // Limits that hardly matter say nothing, and a pace is known after a moment.
        (left >= KNOWN_MIN || at_pace > Duration::ZERO).then_some(left)
    }
}
