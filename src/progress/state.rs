//! What progress knows: counts and current pauses of each account. Pure.

use std::time::Duration;

use super::line::Line;
use super::pace::Pace;
use crate::domain::{
    AccountName, AccountPlan, Counted, Counts, Entry, Finding, Outcome, OutcomeEntry, Paused, Step,
    StopKind, Time,
};

/// The code of a row whose user turned out to have a protected role when the provider was asked.
const PROTECTED_ROLE: &str = "protected_role";

/// Limits under which rows take less than this say little of the time they will take.
const KNOWN_MIN: Duration = Duration::from_secs(2);

/// Where all accounts stand.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) accounts: Vec<AccountState>,
}

/// Where one account stands.
#[derive(Debug, Clone)]
pub(super) struct AccountState {
    pub(super) plan: AccountPlan,
    /// Rows that ended since the start.
    pub(super) outcomes: Counts,
    /// Rows that were verified since the start and are as asked, or on their way there.
    verified_good: u64,
    /// Rows that were verified since the start and are not, or may not be.
    verified_bad: u64,
    /// Requests that left, whatever they asked for.
    pub(super) requests: u64,
    /// How many of them the provider turned away as too many.
    pub(super) throttled: u64,
    /// Why the lane stopped; `None`: it has not.
    pub(super) stopped: Option<StopKind>,
    /// At most one for each limit.
    pauses: Vec<Pause>,
    pace: Pace,
}

/// A limit that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pause {
    /// The step whose limit waits; `None`: the whole account.
    step: Option<Step>,
    pub(super) until: Time,
    pub(super) reason: String,
}

impl State {
    pub(super) fn new(accounts: Vec<AccountPlan>) -> Self {
        Self {
            accounts: accounts.into_iter().map(AccountState::new).collect(),
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
    pub(super) fn lines(&self, now: Time, over: bool) -> impl Iterator<Item = Line<'_>> {
        let accounts = self.accounts.iter();
        accounts.map(move |account| Line::of(account, now, over))
    }

    /// Counts what `entry` says.
    pub(super) fn see(&mut self, entry: &Entry) {
        match entry {
            Entry::Outcome(row) => {
                if let Some(account) = row.account.as_ref().and_then(|name| self.account(name)) {
                    account.ended(row);
                }
            }
            Entry::Intent(intent) if intent.is_request() => {
                self.on(&intent.account, |account| account.requests += 1);
            }
            Entry::Request(request) => {
                self.on(&request.account, |account| account.requests += 1);
            }
            Entry::Attempt(attempt) if attempt.status == Some(429) => {
                self.on(&attempt.account, |account| account.throttled += 1);
            }
            Entry::Pause(paused) => self.on(&paused.account, |account| account.pause(paused)),
            Entry::Stop(stop) => {
                self.on(&stop.account, |account| account.stopped = Some(stop.reason));
            }
            Entry::Verify(row) => self.on(&row.account, |account| account.verified(row.finding)),
            Entry::Run(_)
            | Entry::Plan(_)
            | Entry::Unsent(_)
            | Entry::Planned(_)
            | Entry::Agreed(_)
            | Entry::Verification(_)
            | Entry::Session(_)
            | Entry::Intent(_)
            | Entry::Bulk(_)
            | Entry::Attempt(_)
            | Entry::Step(_)
            | Entry::End(_) => {}
        }
    }

    /// Lets time pass: takes samples of the pace, and forgets pauses that are over.
    pub(super) fn tick(&mut self, now: Time) {
        for account in &mut self.accounts {
            account.pauses.retain(|pause| pause.until > now);
            let done = account.done();
            account.pace.sample(now, done);
        }
    }

    fn on(&mut self, name: &AccountName, change: impl FnOnce(&mut AccountState)) {
        if let Some(account) = self.account(name) {
            change(account);
        }
    }

    /// The account of that name; `None`: it has no rows, and no place here.
    fn account(&mut self, name: &AccountName) -> Option<&mut AccountState> {
        self.accounts
            .iter_mut()
            .find(|account| account.plan.name == *name)
    }
}

impl AccountState {
    fn new(plan: AccountPlan) -> Self {
        Self {
            plan,
            outcomes: Counts::default(),
            verified_good: 0,
            verified_bad: 0,
            requests: 0,
            throttled: 0,
            stopped: None,
            pauses: Vec::new(),
            pace: Pace::default(),
        }
    }

    fn ended(&mut self, row: &OutcomeEntry) {
        match row.outcome {
            // The plan set these aside; they are not among the rows to send. Of the protected,
            // only those whose role was asked had been among them.
            Outcome::Protected if row.code.as_deref() != Some(PROTECTED_ROLE) => {}
            Outcome::Invalid | Outcome::Duplicate | Outcome::DoneBefore => {}
            Outcome::Deleted
            | Outcome::AlreadyGone
            | Outcome::NotFound
            | Outcome::Refused
            | Outcome::Failed
            | Outcome::InDoubt
            | Outcome::Protected => *self.outcomes.slot(row.outcome) += 1,
        }
    }

    const fn verified(&mut self, finding: Finding) {
        match finding {
            Finding::AsAsked | Finding::UnderWay => self.verified_good += 1,
            Finding::Standing | Finding::Unknown => self.verified_bad += 1,
        }
    }

    /// A pause holds until the later of two instants, as it does in a lane. One that takes no time
    /// says that the one before it is over.
    fn pause(&mut self, paused: &Paused) {
        if paused.lasts().is_zero() {
            self.pauses.retain(|known| known.step != paused.step);
            return;
        }
        let pause = Pause {
            step: paused.step,
            until: paused.until,
            reason: paused.reason.clone(),
        };
        match self
            .pauses
            .iter_mut()
            .find(|known| known.step == pause.step)
        {
            Some(known) if known.until >= pause.until => {}
            Some(known) => *known = pause,
            None => self.pauses.push(pause),
        }
    }

    /// Rows that ended, or were verified.
    pub(super) fn done(&self) -> u64 {
        self.outcomes.total() + self.verified_good + self.verified_bad
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

    /// Rows that somebody has to look at.
    pub(super) fn bad(&self) -> u64 {
        self.outcomes.counted(Counted::Bad) + self.verified_bad
    }

    /// Rows about which nothing is to be done.
    pub(super) fn good(&self) -> u64 {
        self.outcomes.counted(Counted::Good) + self.verified_good
    }

    /// The pause that ends last; `None`: nothing waits at `now`.
    pub(super) fn paused(&self, now: Time) -> Option<&Pause> {
        self.pauses
            .iter()
            .filter(|pause| pause.until > now)
            .max_by_key(|pause| pause.until)
    }

    /// Rows a minute, lately; `None`: too little is known yet.
    pub(super) fn per_minute(&self, now: Time) -> Option<f64> {
        self.pace.per_minute(now, self.done())
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
        let under_limits = self.plan.at_limit.mul_f64(part.min(1.0));
        let at_pace = self
            .per_minute(now)
            .filter(|pace| *pace > 0.0)
            .and_then(|pace| Duration::try_from_secs_f64(left as f64 * 60.0 / pace).ok())
            .unwrap_or_default();
        let pause = self
            .paused(now)
            .map(|pause| pause.until.saturating_since(now))
            .unwrap_or_default();
        let left = under_limits.max(at_pace).max(pause);
        // Limits that hardly matter say nothing, and a pace is known after a moment.
        (left >= KNOWN_MIN || at_pace > Duration::ZERO).then_some(left)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::{PROTECTED_ROLE, State};
    use crate::domain::{
        AccountName, AccountPlan, Action, Attempted, Entry, Finding, Intent, LaneStop, Outcome,
        OutcomeEntry, Paused, Position, Step, StopKind, Time, UserId, Verified,
    };

    pub(in crate::progress) fn at(secs: i64) -> Time {
        Time::from_millis(1_795_340_600_000 + secs * 1000)
    }

    pub(in crate::progress) fn plan(name: &str, rows: u64, secs: u64) -> AccountPlan {
        AccountPlan {
            name: AccountName::new(name),
            rows,
            at_limit: Duration::from_secs(secs),
            canary: None,
        }
    }

    pub(in crate::progress) fn outcome(name: &str, row: u64, outcome: Outcome) -> Entry {
        Entry::Outcome(OutcomeEntry {
            position: Position { row, line: row + 1 },
            account: Some(AccountName::new(name)),
            action: Some(Action::Delete),
            id: Some(UserId::new("7")),
            reference: None,
            outcome,
            status: None,
            code: None,
            message: None,
            attempts: 1,
            settled: false,
            at: at(0),
            elapsed_ms: 0,
            request_id: None,
        })
    }

    pub(in crate::progress) fn pause(name: &str, step: Option<Step>, until: i64) -> Entry {
        Entry::Pause(Paused {
            account: AccountName::new(name),
            step,
            until: at(until),
            reason: "429 with Retry-After: 93".to_owned(),
            at: at(0),
        })
    }

    pub(in crate::progress) fn stop(name: &str) -> Entry {
        Entry::Stop(LaneStop {
            account: AccountName::new(name),
            reason: StopKind::FailureLimit,
            status: None,
            code: None,
            message: None,
            at: at(0),
        })
    }

    #[test]
    fn rows_that_were_to_be_sent_are_counted_and_those_set_aside_are_not() {
        let mut state = State::new(vec![plan("acme", 10, 60), plan("crm", 5, 60)]);
        for (row, end) in Outcome::ALL.into_iter().enumerate() {
            state.see(&outcome("acme", row as u64, end));
        }
        state.see(&outcome("nobody", 99, Outcome::Deleted));
        let acme = &state.accounts[0];
        assert_eq!((acme.done(), acme.bad(), acme.rows()), (6, 4, 10));
        let Entry::Outcome(mut asked) = outcome("acme", 50, Outcome::Protected) else {
            unreachable!()
        };
        asked.code = Some(PROTECTED_ROLE.to_owned());
        state.see(&Entry::Outcome(asked));
        let acme = &state.accounts[0];
        assert_eq!(
            (acme.done(), acme.bad()),
            (7, 5),
            "whose role was asked was to be sent"
        );
        assert_eq!(state.accounts[1].done(), 0);
    }

    #[test]
    fn rows_that_were_verified_are_done_and_bad_if_somebody_has_to_look_at_them() {
        let mut state = State::new(vec![plan("acme", 10, 60)]);
        for finding in [
            Finding::AsAsked,
            Finding::UnderWay,
            Finding::Standing,
            Finding::Unknown,
            Finding::AsAsked,
        ] {
            state.see(&Entry::Verify(Verified {
                row: 1,
                line: 2,
                account: AccountName::new("acme"),
                action: Action::Delete,
                id: UserId::new("7"),
                finding,
                seen: None,
                status: None,
                code: None,
                message: None,
                at: at(0),
            }));
        }
        let acme = &state.accounts[0];
        assert_eq!((acme.done(), acme.good(), acme.bad()), (5, 3, 2));
    }

    #[test]
    fn requests_and_throttlings_are_counted() {
        let mut state = State::new(vec![plan("acme", 10, 60)]);
        state.see(&Entry::Intent(Intent {
            position: Position { row: 1, line: 2 },
            account: AccountName::new("acme"),
            action: Action::Delete,
            id: UserId::new("7"),
            step: Step::Delete,
            attempt: 1,
            with: None,
            nobody: false,
            at: at(0),
        }));
        for status in [429, 500] {
            state.see(&Entry::Attempt(Attempted {
                row: 1,
                account: AccountName::new("acme"),
                step: Step::Delete,
                attempt: 1,
                class: "throttled".to_owned(),
                in_doubt: false,
                status: Some(status),
                code: None,
                message: None,
                at: at(0),
            }));
        }
        assert_eq!(
            (state.accounts[0].requests, state.accounts[0].throttled),
            (1, 1)
        );
    }

    #[test]
    fn a_pause_holds_until_the_latest_instant_and_is_then_forgotten() {
        let mut state = State::new(vec![plan("acme", 10, 60)]);
        state.see(&pause("acme", None, 30));
        state.see(&pause("acme", None, 20));
        state.see(&pause("acme", Some(Step::Delete), 40));
        assert_eq!(state.accounts[0].paused(at(0)).unwrap().until, at(40));
        state.tick(at(35));
        assert_eq!(state.accounts[0].pauses.len(), 1);
        assert_eq!(state.accounts[0].paused(at(40)), None);
        state.tick(at(40));
        assert!(state.accounts[0].pauses.is_empty());
    }

    #[test]
    fn the_time_left_is_the_longest_of_limits_pace_and_pause() {
        let mut state = State::new(vec![plan("acme", 100, 1000)]);
        let left =
            |state: &State, secs| state.accounts[0].left(at(secs)).map(|left| left.as_secs());
        assert_eq!(left(&state, 0), Some(1000));
        // Half is done within ten seconds: the limits say more than the pace.
        state.tick(at(0));
        for row in 0..50 {
            state.see(&outcome("acme", row, Outcome::Deleted));
        }
        assert_eq!(left(&state, 10), Some(500));
        // Nothing follows for a minute: the pace says more.
        for second in 10..=60 {
            state.tick(at(second));
        }
        state.see(&outcome("acme", 50, Outcome::Deleted));
        for second in 61..=100 {
            state.tick(at(second));
        }
        assert_eq!(left(&state, 100), Some(49 * 60));
        state.see(&pause("acme", None, 100_000));
        assert_eq!(left(&state, 100), Some(99_900));
        state.see(&stop("acme"));
        assert_eq!(left(&state, 100), None);
    }

    #[test]
    fn nothing_left_takes_no_time() {
        let mut state = State::new(vec![plan("acme", 1, 1000), plan("empty", 0, 0)]);
        state.see(&outcome("acme", 1, Outcome::Deleted));
        state.see(&outcome("acme", 2, Outcome::Deleted));
        assert_eq!(state.accounts[0].left(at(0)), None);
        assert_eq!(state.accounts[0].rows(), 2);
        assert_eq!(state.accounts[1].left(at(0)), None);
    }
}
