//! All limits of an account together: windows, pace, gates and permits. A request takes from each, all
//! or none, and they learn from what servers say.
//!
//! What a request is for and how it fares is not known here: that it was sent, answered or refused is
//! said by who holds its [`Admission`].

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Refused, Spent};
use super::at_once::{AtOnce, Left, TakenAtOnce};
use super::pace::Pace;
use super::past::{LEAVES_WITHIN, Past};
use super::turns::Turns;
use super::window::{Mark, Window};
use crate::domain::{Quota, Step};

/// The limits of an account, with its share already taken off.
#[derive(Debug, Clone)]
pub struct LimitsSpec {
    /// Requests under way at once.
    pub concurrency: NonZeroU32,
    /// Every request of the account.
    pub requests: Quota,
    /// Limits of single endpoints beside it.
    pub steps: Vec<(Step, Quota)>,
    /// The part of any limit that a server names which this program may use, in (0, 1].
    pub share: f64,
}

/// What a server says of a limit.
#[derive(Debug, Clone, Copy)]
pub struct Stated {
    /// How many requests in which span, all of it.
    pub limit: Quota,
    /// How many are left; `None`: it does not say.
    pub remaining: Option<u64>,
    /// In how long all are back; `None`: it does not say.
    pub resets_in: Option<Duration>,
}

/// A pause longer than this is not sat through: the lane stops, and a later process goes on. What a
/// server asks for over a minute's or an hour's limit is shorter; longer is a day's limit, or an
/// evening of maintenance.
pub const PAUSE_WAITED_MAX: Duration = Duration::from_hours(1);

/// So many requests are admitted for each that may be under way at once: while one set is under way,
/// the intents of the next are made durable and those of a third gather for the commit after, so that
/// neither the wire nor the disk waits for the other. No more, so that a permit comes to each before
/// those under way have changed three times.
const ADMITTED_PER_PERMIT: u32 = 3;

/// All limits of one account, shared by its tasks.
///
/// **Architecture invariant:** what waits for quota holds nothing. A request takes its slot in every
/// window and its places among those admitted and in the pace at one instant, under one lock, or
/// none of them. It then waits for two things only, both short: that its intent is durable, and for
/// a permit ([`Admission::permitted`]).
#[derive(Debug)]
pub struct Limits {
    state: Mutex<State>,
    /// A permit for each request that may be under way now.
    permits: Semaphore,
    /// Something was given back or changed.
    changed: Notify,
    turns: Turns,
    share: f64,
    concurrency: u32,
}

#[derive(Debug)]
struct State {
    /// How many are admitted and not over.
    admitted: u32,
    /// How many may be under way at once.
    at_once: AtOnce,
    /// So many of the permits that are out do not come back, because fewer may be under way now.
    permits_owed: u32,
    /// Until when nothing at all may leave.
    gate: Option<Instant>,
    /// Until when an endpoint may not be called.
    step_gates: BTreeMap<Step, Instant>,
    account: Vec<Window>,
    steps: BTreeMap<Step, Vec<Window>>,
    /// Requests still expected in this session, by what they call (`None`: reads).
    expected: BTreeMap<Option<Step>, u64>,
    pace: Option<Pace>,
    /// The highest limit of the account that the server has stated.
    stated: Option<Quota>,
}

enum Wait {
    Until(Instant),
    Change,
    /// Nobody waits so long.
    TooLong(Instant),
}

/// Where the slots of a request were taken in the first windows of the account and of its endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Marks {
    account: Option<Mark>,
    step: Option<Mark>,
}

// === impl LimitsSpec ===

impl LimitsSpec {
    /// How long after its answer a request may still hold a slot of any of these limits.
    pub fn reach(&self) -> Duration {
        let quotas = self.steps.iter().map(|(_, quota)| *quota);
        quotas
            .chain([self.requests])
            .map(Window::reach)
            .max()
            .unwrap_or_default()
    }
}

/// A window of `step`'s (`None`: of the whole account's) with everything free but what `past` (oldest
/// first) still holds.
fn window_of(quota: Quota, step: Option<Step>, past: &[Past]) -> Window {
    let now = Instant::now();
    let mut window = Window::new(quota);
    for past in past {
        if step.is_none() || past.step == step {
            window.remember(now, past.ago);
        }
    }
    window
}

// === impl Limits ===

impl Limits {
    /// Limits with everything free but what `past` (oldest first) still holds.
    pub fn new(spec: &LimitsSpec, past: &[Past]) -> Self {
        let account = window_of(spec.requests, None, past);
        let mut steps = BTreeMap::new();
        for (step, quota) in &spec.steps {
            steps
                .entry(*step)
                .or_insert_with(Vec::new)
                .push(window_of(*quota, Some(*step), past));
        }
        let mut state = State {
            admitted: 0,
            at_once: AtOnce::new(spec.concurrency.get()),
            permits_owed: 0,
            gate: None,
            step_gates: BTreeMap::new(),
            account: vec![account],
            steps,
            expected: BTreeMap::new(),
            pace: None,
            stated: None,
        };
        state.set_pace();
        Self {
            state: Mutex::new(state),
            permits: Semaphore::new(spec.concurrency.get() as usize),
            changed: Notify::new(),
            turns: Turns::new(),
            share: spec.share,
            concurrency: spec.concurrency.get(),
        }
    }

    /// Requests that may be under way at once, as configured.
    pub const fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// Whether not even one request was taken last, though it was alone under way.
    pub(in crate::pipeline) fn takes_none(&self) -> bool {
        self.state().at_once.takes_none()
    }

    /// What the provider was seen to take at once; `None`: as many as configured, or nothing is clear.
    pub fn taken_at_once(&self) -> Option<TakenAtOnce> {
        self.state().at_once.told()
    }

    /// Says that so many more requests are to be sent in this session, by what they call (`None`: reads).
    /// The pace is set by it, and which endpoint goes first.
    pub fn expect(&self, requests: impl IntoIterator<Item = (Option<Step>, u64)>) {
        let mut state = self.state();
        for (step, count) in requests {
            let expected = state.expected.entry(step).or_default();
            *expected = expected.saturating_add(count);
        }
        state.set_pace();
    }

    /// The highest limit of the account that the server has stated, all of it; `None`: none.
    pub fn stated(&self) -> Option<Quota> {
        self.state().stated
    }

    /// How long the account's tightest limit allows one request after another.
    pub(in crate::pipeline) fn interval(&self) -> Duration {
        let state = self.state();
        let quotas = state.account.iter().filter_map(Window::quota);
        let intervals = quotas.map(|quota| quota.span() / quota.requests().get());
        intervals.max().unwrap_or_default()
    }

    /// The part of a limit of `count` that this program may use; one at least.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share in (0, 1] of a small count"
    )]
    pub(in crate::pipeline) fn share_of(&self, count: usize) -> usize {
        ((count as f64 * self.share) as usize).max(1)
    }

    /// Waits until a request of `step` (`None`: a read) may leave, and takes what it needs of every
    /// limit but its permit.
    ///
    /// # Errors
    ///
    /// When `stopping` is cancelled first, or a server has asked for a wait of more than
    /// [`PAUSE_WAITED_MAX`].
    pub async fn admit(
        self: &Arc<Self>,
        step: Option<Step>,
        stopping: &CancellationToken,
    ) -> Result<Admission, Refused> {
        if stopping.is_cancelled() {
            return Err(Refused::Stopping);
        }
        let now = Instant::now();
        // Nothing is in the way of most, and where one waits it goes first.
        if !self.turns.is_anyone_waiting(step)
            && let Ok(marks) = self.try_take(step, now)
        {
            return Ok(Admission::new(Arc::clone(self), step, marks, now));
        }
        let wait = async {
            let waiting = self.turns.wait(step, &self.changed);
            let _turn = match &waiting {
                Some(waiting) => Some(waiting.turn().await),
                None => None,
            };
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // Before looking, so that a change between the look and the wait is not missed.
                changed.as_mut().enable();
                let now = Instant::now();
                let wait = self.try_take(step, now).map(|marks| (marks, now));
                match wait {
                    Ok(taken) => return Ok(taken),
                    Err(Wait::Until(at)) => tokio::select! {
                        () = sleep_until(at) => {}
                        () = changed => {}
                    },
                    Err(Wait::Change) => changed.await,
                    Err(Wait::TooLong(at)) => return Err(Refused::ShutUntil(at)),
                }
            }
        };
        tokio::select! {
            biased;
            () = stopping.cancelled() => Err(Refused::Stopping),
            taken = wait => {
                taken.map(|(marks, at)| Admission::new(Arc::clone(self), step, marks, at))
            }
        }
    }

    /// Waits for a permit for a request that was admitted `at`, and counts it among those under way.
    /// It is told how it was when it left.
    pub(super) async fn permit(
        &self,
        at: Instant,
        stopping: &CancellationToken,
    ) -> Result<Left, Refused> {
        if stopping.is_cancelled() {
            return Err(Refused::Stopping);
        }
        let permit = if let Ok(permit) = self.permits.try_acquire() {
            permit
        } else {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return Err(Refused::Stopping),
                permit = self.permits.acquire() => permit.map_err(|_| Refused::Stopping)?,
            }
        };
        permit.forget();
        let mut state = self.state();
        if at.elapsed() > LEAVES_WITHIN {
            self.add_permit(&mut state);
            return Err(Refused::Late);
        }
        let under_way = self.under_way(&state);
        Ok(state.at_once.leaves(under_way))
    }

    /// A request was answered, given up or held back: its slots come free.
    pub(super) fn give_back(&self, step: Option<Step>, spent: Spent) {
        let now = Instant::now();
        let mut state = self.state();
        for window in state.windows(step) {
            match spent {
                Spent::Now => window.answered(now),
                Spent::Later => window.answered(now + Quota::GIVEN_UP_COUNTED),
                Spent::Never => window.unsent(),
            }
        }
    }

    /// An admitted request is over. `taken`: the provider took it; what that says of how many it takes
    /// at once counts only if it was `permitted`, and then its permit comes back.
    pub(super) fn over(&self, permitted: bool, taken: bool) {
        let mut state = self.state();
        if permitted {
            if taken {
                let is_full = self.permits.available_permits() == 0;
                let taken = |at_once: &mut AtOnce| at_once.taken(is_full, Instant::now());
                self.change_at_once(&mut state, taken);
            }
            self.add_permit(&mut state);
        }
        state.admitted -= 1;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets nothing of `step` (`None`: of the whole account) leave before `until`. A later instant
    /// that was set before stays. Returns whether the wait became longer.
    pub fn pause(&self, step: Option<Step>, until: Instant) -> bool {
        let mut state = self.state();
        let before = match step {
            Some(step) => state.step_gates.get(&step).copied(),
            None => state.gate,
        };
        let longer = before.is_none_or(|before| before < until);
        if longer {
            match step {
                Some(step) => {
                    state.step_gates.insert(step, until);
                }
                None => state.gate = Some(until),
            }
        }
        longer
    }

    /// Until when `step` has to wait for a gate; `None`: no gate is shut.
    pub fn shut_until(&self, step: Option<Step>) -> Option<Instant> {
        self.state().shut_until(step, Instant::now())
    }

    /// Lowers every limit that is higher than `spec`'s, for another account at the same tenant. Where
    /// `spec` has a span that no limit here has, of the new one everything is free but what `past`
    /// (oldest first) still holds.
    pub fn lower(&self, spec: &LimitsSpec, past: &[Past]) {
        let mut state = self.state();
        let state = &mut *state;
        let lower = |windows: &mut Vec<Window>, quota: Quota, step: Option<Step>| {
            let same = |window: &&mut Window| {
                window
                    .quota()
                    .is_some_and(|kept| kept.span() == quota.span())
            };
            if let Some(window) = windows.iter_mut().find(same) {
                window.lower(quota.requests());
            } else {
                windows.push(window_of(quota, step, past));
            }
        };
        lower(&mut state.account, spec.requests, None);
        for (step, quota) in &spec.steps {
            lower(state.steps.entry(*step).or_default(), *quota, Some(*step));
        }
        state.set_pace();
        self.change_at_once(state, |at_once| at_once.cap(spec.concurrency.get()));
    }

    /// A request that left so was refused because too many were under way at once.
    pub(super) fn too_many_at_once(&self, left: Left) {
        let mut state = self.state();
        let under_way = self.under_way(&state);
        self.change_at_once(&mut state, |at_once| {
            at_once.refused(left, under_way, Instant::now());
        });
    }

    /// How many permits are out.
    fn under_way(&self, state: &State) -> u32 {
        let all = state.at_once.now() + state.permits_owed;
        let free = u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX);
        all.saturating_sub(free)
    }

    /// Has as many permits as `change` leaves, as soon as those that are out allow it.
    fn change_at_once(&self, state: &mut State, change: impl FnOnce(&mut AtOnce)) {
        let before = state.at_once.now();
        change(&mut state.at_once);
        let now = state.at_once.now();
        let less = before.saturating_sub(now);
        let forgotten = self.permits.forget_permits(less as usize);
        state.permits_owed += less - u32::try_from(forgotten).unwrap_or(less).min(less);
        for _ in before..now {
            self.add_permit(state);
        }
    }

    /// A permit comes back, or there is one more.
    fn add_permit(&self, state: &mut State) {
        match state.permits_owed.checked_sub(1) {
            Some(owed) => state.permits_owed = owed,
            None => self.permits.add_permits(1),
        }
    }

    /// Learns what a server says of a limit, in the answer to the request of `marks`: a lower one
    /// lowers ours, a higher one changes nothing, and what others have used is left alone.
    ///
    /// A server states a number and leaves the span to its documentation (`limit` has it), but
    /// some account may have another. So the number is taken for the span of ours, unless
    /// `resets_in` (what is left of the server's span) shows that the server's is longer: then the
    /// stated quota is kept beside ours, from here on.
    pub fn learn(&self, step: Option<Step>, marks: Marks, said: Stated) {
        let Stated {
            limit,
            remaining,
            resets_in,
        } = said;
        let stated = limit.share(self.share);
        let mut state = self.state();
        let state = &mut *state;
        if step.is_none() {
            let known = state
                .stated
                .filter(|known| known.requests() >= limit.requests());
            state.stated = known.or(Some(limit));
        }
        let (windows, mark) = match step {
            Some(step) => (state.steps.entry(step).or_default(), marks.step),
            None => (&mut state.account, marks.account),
        };
        let span = |window: &Window| window.quota().map(Quota::span);
        let same = windows
            .iter()
            .position(|window| span(window) == Some(stated.span()));
        let longest = windows.iter().filter_map(span).max();
        let is_longer = longest.is_none_or(|ours| resets_in.is_some_and(|left| left > ours));
        let kept = match (same, is_longer) {
            (Some(place), _) => place,
            (None, false) => 0,
            (None, true) => {
                windows.push(Window::new(stated));
                windows.len() - 1
            }
        };
        let lowered = windows[kept].lower(stated.requests());
        // Only the first window knows where the request's slot was taken.
        if let (0, Some(mark), Some(remaining)) = (kept, mark, remaining) {
            windows[kept].others_left(mark, remaining, resets_in, Instant::now());
        }
        if lowered && step.is_none() {
            state.set_pace();
        }
    }

    /// Takes what a request of `step` needs, unless one goes first that decides when all are done.
    fn try_take(&self, step: Option<Step>, now: Instant) -> Result<Marks, Wait> {
        let mut state = self.state();
        let bottleneck = state.bottleneck(now).filter(|first| Some(*first) != step);
        if bottleneck.is_some_and(|first| self.turns.lets_first(first)) {
            return Err(Wait::Change);
        }
        state.try_take(step, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn windows(&mut self, step: Option<Step>) -> impl Iterator<Item = &mut Window> {
        let own = step.and_then(|step| self.steps.get_mut(&step));
        self.account.iter_mut().chain(own.into_iter().flatten())
    }

    fn shut_until(&self, step: Option<Step>, now: Instant) -> Option<Instant> {
        let own = step.and_then(|step| self.step_gates.get(&step).copied());
        self.gate
            .into_iter()
            .chain(own)
            .filter(|until| *until > now)
            .max()
    }

    /// Paces by the tightest of the account's limits, for the requests still expected.
    fn set_pace(&mut self) {
        let quotas = self.account.iter().filter_map(Window::quota);
        let slowest = quotas.max_by_key(|quota| quota.span() / quota.requests().get());
        let expected = self.expected.values().copied().fold(0, u64::saturating_add);
        self.pace = slowest.and_then(|quota| Pace::of(quota, expected));
    }

    /// The endpoint whose own quota takes the longest for what is expected of it, if that is as long as
    /// the account's takes for all, and it may be called now. What others take of the account's before
    /// it, it would lack at the end.
    fn bottleneck(&mut self, now: Instant) -> Option<Step> {
        let time = |windows: &[Window], requests: u64| {
            let quotas = windows.iter().filter_map(Window::quota);
            quotas.map(|quota| quota.time_for(requests)).max()
        };
        let own = self.steps.iter().filter_map(|(step, windows)| {
            let expected = self.expected.get(&Some(*step))?;
            Some((time(windows, *expected)?, *step))
        });
        let (longest, step) = own.max().filter(|(time, _)| !time.is_zero())?;
        let all = self.expected.values().copied().fold(0, u64::saturating_add);
        let is_longest = time(&self.account, all).is_none_or(|all| longest >= all);
        let open = is_longest && self.shut_until(Some(step), now).is_none();
        let mut windows = self.steps.get_mut(&step)?.iter_mut();
        (open && windows.all(|window| window.ready(now).is_ok())).then_some(step)
    }

    fn try_take(&mut self, step: Option<Step>, now: Instant) -> Result<Marks, Wait> {
        match self.shut_until(step, now) {
            Some(until) if until - now > PAUSE_WAITED_MAX => return Err(Wait::TooLong(until)),
            Some(until) => return Err(Wait::Until(until)),
            None => {}
        }
        if self.admitted >= self.at_once.now().saturating_mul(ADMITTED_PER_PERMIT) {
            return Err(Wait::Change);
        }
        let mut wait = None;
        for window in self.windows(step) {
            match window.ready(now) {
                Ok(()) => {}
                Err(Some(at)) => wait = wait.max(Some(at)),
                Err(None) => return Err(Wait::Change),
            }
        }
        if let Some(at) = wait {
            return Err(Wait::Until(at));
        }
        // The pace last: its place is gone once it is taken.
        if let Some(pace) = &self.pace {
            pace.take().map_err(Wait::Until)?;
        }
        self.admitted += 1;
        if let Some(expected) = self.expected.get_mut(&step) {
            *expected = expected.saturating_sub(1);
        }
        let take = |windows: &mut [Window]| {
            let mut first = None;
            for window in windows {
                let mark = window.take();
                first.get_or_insert(mark);
            }
            first
        };
        Ok(Marks {
            account: take(&mut self.account),
            step: step
                .and_then(|step| self.steps.get_mut(&step))
                .and_then(|windows| take(windows)),
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
