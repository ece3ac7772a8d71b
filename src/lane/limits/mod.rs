//! The gates between a request that is ready and its leaving: windows, pauses, pace, and how many
//! are in flight. A request takes what it needs of each at one instant, or nothing.
//!
//! **A quota is an exact window, never a bucket.** A token bucket of 700 lets 1,399 requests into
//! some ten minutes. A [`Window`] holds a slot from before its request is sent until one span after
//! the answer came. So no span on the server's clock, rolling or fixed, can hold more than the
//! quota, whatever the latency.
//!
//! **Headers lower, and never raise.** A stated limit lowers ours. A stated remainder may show that
//! others have used some: those slots are held until the server's reset.
//!
//! Nothing here sends, records, or knows a provider.

mod concurrency;
mod pace;
mod prior_requests;
mod window;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::concurrency::Concurrency;
use self::pace::Pace;
use crate::domain::{AccountLimits, Quota, Step};
use crate::provider::RateHint;

pub(super) use self::concurrency::RETRIED_AFTER;
pub(super) use self::prior_requests::LEAVES_WITHIN;
pub use self::prior_requests::{Earlier, PriorRequest};
pub use self::window::Window;

/// A pause longer than this is not sat through: the account stops, and a later process goes on. A server asks
/// for less over a minute's or an hour's limit; longer is a day's limit, or an evening of maintenance.
pub const PAUSE_WAITED_MAX: Duration = Duration::from_hours(1);

/// All limits of one tenant.
#[derive(Debug)]
pub struct Limits {
    /// The windows of each endpoint; `None`: of the account, which count every request.
    windows: BTreeMap<Option<Step>, Vec<Window>>,
    /// Until when an endpoint may not be called; `None`: until when nothing at all may leave.
    pauses: BTreeMap<Option<Step>, Instant>,
    /// Requests still expected in this session, by what they call (`None`: reads).
    expected: BTreeMap<Option<Step>, u64>,
    pace: Option<Pace>,
    concurrency: Concurrency,
    in_flight: u32,
    /// The highest limit of the account that the server has stated.
    stated: Option<Quota>,
    share: f64,
}

/// Why a request may not leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It may at this instant.
    Until(Instant),
    /// It may when an answer came.
    Answer,
    /// A pause lasts for longer than [`PAUSE_WAITED_MAX`], until then.
    TooLong(Instant),
}

/// The slots that a request took, from the instant it took them until it is over.
#[derive(Debug, Clone, Copy)]
pub struct Permit {
    step: Option<Step>,
    /// Its place in the account's first window, and in the step's, see [`Window::take`].
    account: Option<u64>,
    own: Option<u64>,
    /// How often a refusal had lowered the number in flight, and that number, when it left.
    left: (u64, u32),
}

// === impl Limits ===

impl Limits {
    /// This program's share of the `limits`, with everything free but what `past` (oldest first) still holds.
    pub fn new(limits: &AccountLimits, past: &[PriorRequest], now: Instant) -> Self {
        let own = limits.clone().shared();
        let window = |quota: Quota, step: Option<Step>| {
            let mut window = Window::new(quota);
            for past in past {
                if step.is_none() || past.step == step {
                    window.remember(now + past.ahead, past.ago);
                }
            }
            window
        };
        let mut windows = BTreeMap::<_, Vec<_>>::new();
        let steps = own.steps.iter().map(|(step, quota)| (Some(*step), *quota));
        for (step, quota) in steps.chain([(None, own.requests)]) {
            let of_step = windows.entry(step).or_default();
            of_step.push(window(quota, step));
        }
        Self {
            windows,
            pauses: BTreeMap::new(),
            expected: BTreeMap::new(),
            pace: None,
            concurrency: Concurrency::new(own.concurrency.get()),
            in_flight: 0,
            stated: None,
            share: limits.share,
        }
    }

    /// Joins the limits of another account at the same tenant: the lower of any two holds.
    pub fn absorb(&mut self, other: Self) {
        let span = |window: &Window| window.quota().span();
        for (step, others) in other.windows {
            let ours = self.windows.entry(step).or_default();
            for other in others {
                match ours.iter_mut().find(|it| span(it) == span(&other)) {
                    Some(window) => window.absorb(other),
                    None => ours.push(other),
                }
            }
        }
        for (step, until) in other.pauses {
            self.pause(step, until);
        }
        self.expect(other.expected);
        self.concurrency.cap(other.concurrency.most());
        self.stated = higher(self.stated, other.stated);
        self.share = self.share.min(other.share);
    }

    /// The state of each quota at `now`: its step (`None`: the account's) and how many slots are
    /// taken. Also in how long the first and the last of them are free again.
    pub(super) fn usage(
        &mut self,
        now: Instant,
    ) -> impl Iterator<Item = (Option<Step>, Quota, u32, [Duration; 2])> {
        let windows = self.windows.iter_mut();
        let windows = windows.flat_map(|(step, windows)| windows.iter_mut().map(|it| (*step, it)));
        windows.map(move |(step, window)| {
            let (taken, ends) = window.usage(now);
            let ends = ends.map(|at| at.saturating_duration_since(now));
            (step, window.quota(), taken, ends)
        })
    }

    /// Requests that may be in flight at once, as configured.
    pub const fn concurrency(&self) -> u32 {
        self.concurrency.most()
    }

    /// Whether nothing is in flight.
    pub(super) const fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Whether not even one request was taken last, though it was alone in flight.
    pub(super) const fn takes_none(&self) -> bool {
        self.concurrency.takes_none()
    }

    /// Says that so many more requests are to be sent in this session, by what they call (`None`:
    /// reads). It sets the pace, and which endpoint goes first.
    pub fn expect(&mut self, requests: impl IntoIterator<Item = (Option<Step>, u64)>) {
        for (step, count) in requests {
            let expected = self.expected.entry(step).or_default();
            *expected = expected.saturating_add(count);
        }
        self.set_pace();
    }

    /// The highest limit of the account that the server has stated, all of it; `None`: none.
    pub const fn stated(&self) -> Option<Quota> {
        self.stated
    }

    /// How long the account's tightest limit allows one request after another.
    pub(super) fn interval(&self) -> Duration {
        let intervals = self
            .quotas()
            .map(|quota| quota.span() / quota.requests().get());
        intervals.max().unwrap_or_default()
    }

    /// The part of a limit of `count` that this program may use; one at least.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share in (0, 1] of a small count"
    )]
    pub(super) fn share_of(&self, count: usize) -> usize {
        ((count as f64 * self.share) as usize).max(1)
    }

    /// Takes all that a request of `step` (`None`: a read) needs, or nothing.
    pub fn take(&mut self, step: Option<Step>, now: Instant) -> Result<Permit, Wait> {
        match self.paused_until(step, now) {
            Some(until) if until - now > PAUSE_WAITED_MAX => return Err(Wait::TooLong(until)),
            Some(until) => return Err(Wait::Until(until)),
            None => {}
        }
        if self.in_flight >= self.concurrency.now() {
            return Err(Wait::Answer);
        }
        let mut wait = None;
        for window in self.windows(step) {
            match window.ready(now) {
                Ok(()) => {}
                Err(Some(at)) => wait = wait.max(Some(at)),
                Err(None) => return Err(Wait::Answer),
            }
        }
        if let Some(at) = wait {
            return Err(Wait::Until(at));
        }
        // The pace last: its place is gone once it is taken.
        if let Some(pace) = &mut self.pace {
            pace.take(now).map_err(Wait::Until)?;
        }
        self.in_flight += 1;
        if let Some(expected) = self.expected.get_mut(&step) {
            *expected = expected.saturating_sub(1);
        }
        let mut mark = |of: Option<Step>| {
            let windows = self.windows.get_mut(&of)?.iter_mut();
            let marks: Vec<u64> = windows.map(Window::take).collect();
            marks.first().copied()
        };
        Ok(Permit {
            step,
            account: mark(None),
            own: step.and_then(|_| mark(step)),
            left: self.concurrency.leaves(self.in_flight),
        })
    }

    /// Slots of a request come free. Its server has counted it by `by`, which may be yet to come
    /// where waiting for the answer was given up; `None`: it never left.
    pub fn count(&mut self, permit: &Permit, by: Option<Instant>) {
        for window in self.windows(permit.step) {
            match by {
                Some(at) => window.answered(at),
                None => window.unsent(),
            }
        }
    }

    /// A request is over. `taken`: the provider took it, whatever became of it.
    pub fn over(&mut self, taken: bool, now: Instant) {
        if taken {
            let is_full = self.in_flight >= self.concurrency.now();
            self.concurrency.taken(is_full, now);
        }
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A request was refused because too many were in flight.
    pub fn too_many_at_once(&mut self, permit: &Permit, now: Instant) {
        self.concurrency.refused(permit.left, self.in_flight, now);
    }

    /// Lets nothing of `step` (`None`: of all) leave before `until`. Returns whether the wait grew.
    pub fn pause(&mut self, step: Option<Step>, until: Instant) -> bool {
        let before = self.pauses.get(&step);
        let is_longer = before.is_none_or(|before| *before < until);
        if is_longer {
            self.pauses.insert(step, until);
        }
        is_longer
    }

    /// Until when `step` has to wait for a pause; `None`: there is none.
    pub fn paused_until(&self, step: Option<Step>, now: Instant) -> Option<Instant> {
        let pauses = [None, step].into_iter();
        let pauses = pauses.filter_map(|of| self.pauses.get(&of).copied());
        pauses.filter(|until| *until > now).max()
    }

    /// Learns a limit that a server states in the answer to the request of `permit`. A lower one lowers
    /// ours, and a higher one changes nothing. The slots that others have used are left alone.
    ///
    /// A server states a number and leaves the span to its documentation (`limit` has it), but
    /// some account may have another. So the number is taken for the span of ours, unless
    /// `resets_in` (what is left of the server's span) shows that the server's is longer. Then the
    /// stated quota is kept beside ours, from here on.
    pub fn observe(&mut self, step: Option<Step>, permit: &Permit, hint: RateHint, now: Instant) {
        let Some(limit) = hint.limit else { return };
        let resets_in = hint.resets_in;
        let stated = limit.share(self.share);
        if step.is_none() {
            self.stated = higher(self.stated, Some(limit));
        }
        let windows = self.windows.entry(step).or_default();
        let mark = step.map_or(permit.account, |_| permit.own);
        let mut spans = windows.iter().map(|window| window.quota().span());
        let longest = spans.clone().max();
        let same = spans.position(|span| span == stated.span());
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
        if let (0, Some(mark), Some(remaining)) = (kept, mark, hint.remaining) {
            windows[kept].others_left(mark, remaining, resets_in, now);
        }
        if lowered && step.is_none() {
            self.set_pace();
        }
    }

    /// The endpoint that will finish last, if its own quota and not the account's is the bottleneck, and
    /// it can be called now. It must go first: it would lack at the end what others take before it.
    pub(super) fn bottleneck(&mut self, now: Instant) -> Option<Step> {
        let time = |step: Option<Step>, requests: u64| {
            let quotas = self.windows.get(&step)?.iter().map(Window::quota);
            quotas.map(|quota| quota.time_for(requests)).max()
        };
        let own = self.expected.iter().filter_map(|(step, expected)| {
            step.and_then(|_| Some((time(*step, *expected)?, *step)))
        });
        let (longest, step) = own.max().filter(|(time, _)| !time.is_zero())?;
        let all = self.expected.values().copied().fold(0, u64::saturating_add);
        let is_longest = time(None, all).is_none_or(|all| longest >= all);
        let open = is_longest && self.paused_until(step, now).is_none();
        let mut windows = self.windows.get_mut(&step)?.iter_mut();
        let is_ready = open && windows.all(|window| window.ready(now).is_ok());
        step.filter(|_| is_ready)
    }

    /// The windows that a request of `step` takes a slot of.
    fn windows(&mut self, step: Option<Step>) -> impl Iterator<Item = &mut Window> {
        let windows = self.windows.iter_mut();
        let counting = windows.filter(move |(of, _)| of.is_none() || **of == step);
        counting.flat_map(|(_, windows)| windows)
    }

    /// The account's quotas as they are kept now.
    fn quotas(&self) -> impl Iterator<Item = Quota> {
        let account = self.windows.get(&None).into_iter().flatten();
        account.map(Window::quota)
    }

    /// Paces by the tightest of the account's limits, for the requests still expected.
    fn set_pace(&mut self) {
        let slowest = self
            .quotas()
            .max_by_key(|quota| quota.span() / quota.requests().get());
        let expected = self.expected.values().copied().fold(0, u64::saturating_add);
        self.pace = slowest.and_then(|quota| Pace::of(quota, expected));
    }
}

/// The quota of two that has more requests.
fn higher(ours: Option<Quota>, theirs: Option<Quota>) -> Option<Quota> {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.requests() < theirs.requests() => Some(theirs),
        (ours, theirs) => ours.or(theirs),
    }
}
