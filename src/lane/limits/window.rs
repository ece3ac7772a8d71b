//! The exact keeper of a quota.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::domain::Quota;

/// Added to every span: what was cut off in noting times to the millisecond.
const EDGE: Duration = Duration::from_millis(2);

/// One part in so many of a span is added to it as well. Two clocks are both being set right, each
/// by the 500 ppm that a kernel slews at most. They differ by 60 ms over a minute.
const DRIFT_PARTS: u32 = 1_000;

/// The time that is added to `span` before a slot is free.
fn edge(span: Duration) -> Duration {
    EDGE + span / DRIFT_PARTS
}

/// The exact keeper of a [`Quota`] of n per span: n slots. Each is held from before a request is
/// sent until one span after its answer came (or it was given up).
///
/// **Invariant:** in any span of the server's clock at most n requests arrive. The server counted a request at
/// some instant between its sending and its answer. Its slot serves no other request until one span after the
/// later of the two. One that was given up it may count a while later still ([`Quota::GIVEN_UP_COUNTED`]).
#[derive(Debug)]
pub struct Window {
    quota: Quota,
    /// Slots whose request is under way.
    under_way: u32,
    /// When each slot whose answer came is free again, soonest first.
    free_at: VecDeque<Instant>,
    /// Slots that others use: when they are taken to be free again, soonest first, and how many.
    others: VecDeque<(Instant, u32)>,
    /// How many slots were ever taken.
    taken: u64,
}

impl Window {
    /// A window with every slot free.
    pub fn new(quota: Quota) -> Self {
        Self {
            quota,
            under_way: 0,
            free_at: VecDeque::new(),
            others: VecDeque::new(),
            taken: 0,
        }
    }

    /// How long after its answer a request of `quota` may still hold a slot.
    pub(super) fn reach(quota: Quota) -> Duration {
        quota.span() + edge(quota.span())
    }

    /// The quota as it is kept now.
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Lowers the number of slots; a higher number changes nothing. Returns whether it did.
    pub fn lower(&mut self, requests: NonZeroU32) -> bool {
        let is_lower = requests < self.quota.requests();
        if let (true, Some(quota)) = (is_lower, Quota::try_new(requests, self.quota.span())) {
            self.quota = quota;
        }
        is_lower
    }

    /// Whether a slot is free at `now`.
    /// An error: when the next one is; `None`: an answer decides.
    pub fn ready(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        while self.free_at.front().is_some_and(|at| *at <= now) {
            self.free_at.pop_front();
        }
        let held = self.ours() + self.others_held(now);
        let slots = self.quota.requests().get() as usize;
        if held < slots {
            return Ok(());
        }
        // After a lowering more slots may be held than there are: as many must come free first.
        let surplus = held - slots;
        if self.others.is_empty() {
            return Err(self.free_at.get(surplus).copied());
        }
        let ours = self.free_at.iter().map(|at| (*at, 1));
        let mut all: Vec<(Instant, u32)> = ours.chain(self.others.iter().copied()).collect();
        all.sort_unstable();
        let mut freed = 0;
        let enough = all.into_iter().find(|(_, count)| {
            freed += *count as usize;
            freed > surplus
        });
        Err(enough.map(|(at, _)| at))
    }

    /// How many slots are taken at `now`, and when the first and the last of ours are free again: by then, if
    /// none is.
    pub(super) fn usage(&mut self, now: Instant) -> (u32, [Instant; 2]) {
        while self.free_at.front().is_some_and(|at| *at <= now) {
            self.free_at.pop_front();
        }
        let taken = self.ours() + self.others_held(now);
        let ends = [self.free_at.front(), self.free_at.back()];
        let ends = ends.map(|at| at.copied().unwrap_or(now));
        (u32::try_from(taken).unwrap_or(u32::MAX), ends)
    }

    /// Takes a slot. Call it only after [`Window::ready`] said there is one. It returns how many slots
    /// had come free before, which tells [`Window::others_left`] to which request an answer is.
    pub fn take(&mut self) -> u64 {
        self.under_way += 1;
        self.taken += 1;
        self.taken - self.ours() as u64
    }

    /// The server has counted the request by `at`: it was answered, or given up before.
    pub fn answered(&mut self, at: Instant) {
        match self.under_way.checked_sub(1) {
            Some(under_way) => self.under_way = under_way,
            // It left before there was this window, and counts in it all the same.
            None => self.taken += 1,
        }
        let free_at = at + Self::reach(self.quota);
        let index = self.free_at.partition_point(|other| *other <= free_at);
        self.free_at.insert(index, free_at);
    }

    /// The server said, in the answer to the request of `mark`, that `remaining` requests are left.
    /// It also said in how long they are all back (`None`: it did not say). If that is fewer than
    /// would be left of our slots, others have used the difference. As many slots are held until
    /// then, or for a span. More changes nothing.
    ///
    /// It is a bound from below, so nobody waits for others who are not there. Every request of
    /// ours that the server may have counted by then is taken to be among those it counted. Those
    /// are the slots that were held when the request left and those taken since.
    pub fn others_left(
        &mut self,
        mark: u64,
        remaining: u64,
        resets_in: Option<Duration>,
        now: Instant,
    ) {
        let counted = self.taken - mark;
        let ours = counted.saturating_add(remaining);
        let seen = u64::from(self.quota.requests().get()).saturating_sub(ours);
        let held = u64::try_from(self.others_held(now)).unwrap_or(u64::MAX);
        let more = u32::try_from(seen.saturating_sub(held)).unwrap_or(u32::MAX);
        if more == 0 {
            return;
        }
        // Servers state whole seconds, and may cut a part of one off.
        let span = self.quota.span();
        let left = resets_in.map_or(span, |left| {
            left.saturating_add(Duration::from_secs(1)).min(span)
        });
        let until = now + left + edge(span);
        let index = self.others.partition_point(|(at, _)| *at <= until);
        self.others.insert(index, (until, more));
    }

    /// The request was never sent: its slot is free at once.
    pub fn unsent(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Counts a request of an earlier process, answered `ago` before `now`; the oldest first.
    pub fn remember(&mut self, now: Instant, ago: Duration) {
        if let Some(left) = Self::reach(self.quota).checked_sub(ago) {
            self.free_at.push_back(now + left);
            self.taken += 1;
        }
    }

    /// Takes over what `other`, a window of the same quota's span at the same server, holds. Both may
    /// remember the same requests of earlier processes, so what comes free at the same instant in both is
    /// one and the same.
    pub fn absorb(&mut self, other: Self) {
        self.lower(other.quota.requests());
        let mut known = std::mem::take(&mut self.free_at);
        let (mut ours, mut merged) = (known.drain(..).peekable(), VecDeque::new());
        for at in other.free_at {
            while let Some(earlier) = ours.next_if(|our| *our < at) {
                merged.push_back(earlier);
            }
            // The same in both counts once.
            let _ = ours.next_if_eq(&at);
            merged.push_back(at);
        }
        merged.extend(ours);
        self.free_at = merged;
        self.others.extend(other.others);
        self.others.make_contiguous().sort_unstable();
        self.under_way += other.under_way;
        self.taken = self.taken.max(self.ours() as u64);
    }

    /// Slots that others are taken to hold at `now`.
    fn others_held(&mut self, now: Instant) -> usize {
        while self.others.front().is_some_and(|(at, _)| *at <= now) {
            self.others.pop_front();
        }
        let counts = self.others.iter().map(|(_, count)| *count as usize);
        counts.fold(0, usize::saturating_add)
    }

    /// Slots held by requests of ours.
    fn ours(&self) -> usize {
        self.under_way as usize + self.free_at.len()
    }
}
