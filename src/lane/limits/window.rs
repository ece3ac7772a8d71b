//! The exact keeper of a quota.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::domain::Quota;

/// Added to every span: what a server or an earlier process may have cut off in noting times to the
/// millisecond.
const EDGE: Duration = Duration::from_millis(2);

/// One part in so many of a span is added to it as well: two clocks that are both being set right,
/// each by the 500 ppm that a kernel slews at most, differ by 60 ms over a minute.
const DRIFT_PARTS: u32 = 1_000;

/// What is added to `span` before a slot is free.
fn edge(span: Duration) -> Duration {
    EDGE + span / DRIFT_PARTS
}

/// Where in the life of a [`Window`] a slot was taken: how many slots had come free before.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

/// The exact keeper of a [`Quota`] of n per span: n slots, each held from before a request is sent
/// until one span after its answer came (or after it was given up).
///
/// **Invariant:** in any span of the server's clock at most n requests arrive. The server counted
/// a request at some instant between its sending and its answer, and its slot serves no other
/// request until one span after the later of the two. One that was given up it may count a while
/// later still ([`Quota::GIVEN_UP_COUNTED`]).
#[derive(Debug)]
pub struct Window {
    requests: NonZeroU32,
    span: Duration,
    /// Slots whose request is under way.
    under_way: u32,
    /// When each slot whose answer came is free again, soonest first.
    free_at: VecDeque<Instant>,
    /// Slots that others were seen to use, by when they are taken to be free again, soonest first,
    /// and how many of them.
    others: VecDeque<(Instant, u32)>,
    /// How many slots were ever taken.
    taken: u64,
}

impl Window {
    /// A window with every slot free.
    pub fn new(quota: Quota) -> Self {
        Self {
            requests: quota.requests(),
            span: quota.span(),
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
    pub fn quota(&self) -> Option<Quota> {
        Quota::try_new(self.requests, self.span)
    }

    /// Lowers the number of slots; a higher number changes nothing. Returns whether it did.
    pub fn lower(&mut self, requests: NonZeroU32) -> bool {
        let lower = requests < self.requests;
        self.requests = self.requests.min(requests);
        lower
    }

    /// Whether a slot is free at `now`.
    ///
    /// # Errors
    ///
    /// When the next one comes free; `None` if that depends on an answer that is still out.
    pub fn ready(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        while self.free_at.front().is_some_and(|at| *at <= now) {
            self.free_at.pop_front();
        }
        let held = self.ours() + self.others_held(now);
        let slots = self.requests.get() as usize;
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

    /// Takes a slot. Call it only after [`Window::ready`] said there is one. What it returns tells
    /// [`Window::others_left`] which request an answer is to.
    pub fn take(&mut self) -> Mark {
        self.under_way += 1;
        self.taken += 1;
        Mark(self.taken - self.ours() as u64)
    }

    /// The server has counted the request by `at`: its answer came then, or what was given up is
    /// taken to have been counted by then.
    pub fn answered(&mut self, at: Instant) {
        match self.under_way.checked_sub(1) {
            Some(under_way) => self.under_way = under_way,
            // It left before there was this window, and counts in it all the same.
            None => self.taken += 1,
        }
        let free_at = at + self.span + edge(self.span);
        let place = self.free_at.partition_point(|other| *other <= free_at);
        self.free_at.insert(place, free_at);
    }

    /// The server said, in the answer to the request of `mark`, that `remaining` requests are left,
    /// and in how long they are all back (`None`: it did not say). If that is fewer than would be
    /// left of our slots, others have used the difference: as many slots are held until then, or for
    /// a span. More changes nothing.
    ///
    /// It is a bound from below, so nobody waits for others who are not there: every request of ours
    /// that the server may have counted by then is taken to be among those it counted. Those are the
    /// slots that were held when the request left and those taken since.
    pub fn others_left(
        &mut self,
        mark: Mark,
        remaining: u64,
        resets_in: Option<Duration>,
        now: Instant,
    ) {
        let counted = self.taken - mark.0;
        let ours = counted.saturating_add(remaining);
        let seen = u64::from(self.requests.get()).saturating_sub(ours);
        let held = u64::try_from(self.others_held(now)).unwrap_or(u64::MAX);
        let more = u32::try_from(seen.saturating_sub(held)).unwrap_or(u32::MAX);
        if more == 0 {
            return;
        }
        // Servers state whole seconds, and may cut a part of one off.
        let left = resets_in.map_or(self.span, |left| {
            left.saturating_add(Duration::from_secs(1)).min(self.span)
        });
        let until = now + left + edge(self.span);
        let place = self.others.partition_point(|(at, _)| *at <= until);
        self.others.insert(place, (until, more));
    }

    /// The request was never sent: its slot is free at once.
    pub fn unsent(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Counts a request of an earlier process whose answer came `ago` before `now`. Call it for
    /// the oldest first, before anything is taken.
    pub fn remember(&mut self, now: Instant, ago: Duration) {
        if let Some(left) = (self.span + edge(self.span)).checked_sub(ago) {
            self.free_at.push_back(now + left);
            self.taken += 1;
        }
    }

    /// Takes over what `other`, a window of the same quota's span at the same server, holds. Both may
    /// remember the same requests of earlier processes, so what comes free at the same instant in both is
    /// one and the same.
    pub fn absorb(&mut self, other: Self) {
        self.lower(other.requests);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::{Window, edge};
    use crate::domain::Quota;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    #[test]
    fn a_slot_comes_free_one_span_after_the_answer_not_after_the_sending() {
        let start = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("1/1s"));
        assert_eq!(window.ready(start), Ok(()));
        window.take();
        assert_eq!(
            window.ready(start + ms(5_000)),
            Err(None),
            "the answer is still out"
        );
        window.answered(start + ms(5_000));
        assert_eq!(
            window.ready(start + ms(5_999)),
            Err(Some(start + ms(6_000) + edge(ms(1_000))))
        );
        assert_eq!(window.ready(start + ms(6_000) + edge(ms(1_000))), Ok(()));
    }

    #[test]
    fn an_unsent_request_gives_its_slot_back_at_once() {
        let now = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("1/1h"));
        window.take();
        window.unsent();
        assert_eq!(window.ready(now), Ok(()));
    }

    #[test]
    fn after_a_lowering_the_surplus_must_come_free_first() {
        let start = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("3/1s"));
        for n in 0..3 {
            window.take();
            window.answered(start + ms(n));
        }
        window.lower(1.try_into().unwrap());
        assert_eq!(
            window.ready(start + ms(10)),
            Err(Some(start + ms(1_002) + edge(ms(1_000))))
        );
        window.lower(9.try_into().unwrap());
        assert_eq!(window.quota(), Some(quota("1/1s")), "nothing raises it");
    }

    #[test]
    fn what_an_earlier_process_sent_still_counts() {
        let now = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("2/10m"));
        window.remember(now, Duration::from_mins(11));
        window.remember(now, Duration::from_mins(4));
        window.remember(now, Duration::from_mins(1));
        assert_eq!(
            window.ready(now),
            Err(Some(
                now + Duration::from_mins(6) + edge(Duration::from_mins(10))
            ))
        );
    }

    #[test]
    fn what_others_used_is_held_until_the_servers_reset_or_a_span() {
        let start = tokio::time::Instant::now().into_std();
        for (resets_in, free_after) in [
            (None, ms(60_000)),
            (Some(ms(20_000)), ms(21_000)),
            (Some(ms(900_000)), ms(60_000)),
        ] {
            let mut window = Window::new(quota("10/1m"));
            let mark = window.take();
            // Ten slots, one of them ours; the server has four left, so others used five.
            window.others_left(mark, 4, resets_in, start);
            window.answered(start);
            for _ in 0..4 {
                assert_eq!(window.ready(start), Ok(()));
                window.take();
            }
            let at = start + free_after + edge(ms(60_000));
            assert_eq!(window.ready(start), Err(Some(at)));
            assert_eq!(window.ready(at), Ok(()));
        }
    }

    #[test]
    fn what_is_under_way_explains_what_is_missing_and_more_left_raises_nothing() {
        let start = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("10/1m"));
        let first = window.take();
        for _ in 0..4 {
            window.take();
        }
        // Five of ours may have been counted: six left is one more than we have.
        window.others_left(first, 5, None, start);
        window.others_left(first, 900, None, start);
        for _ in 0..5 {
            assert_eq!(window.ready(start), Ok(()));
            window.take();
        }
        assert_eq!(window.ready(start), Err(None), "all ten are under way");
    }

    #[test]
    fn an_answer_to_what_left_before_the_window_was_there_counts() {
        let start = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("3/1m"));
        window.answered(start);
        window.remember(start, ms(10_000));
        let mark = window.take();
        window.others_left(mark, 0, None, start);
        assert_eq!(window.others_held(start), 0, "all three are ours");
    }

    #[test]
    fn no_number_a_server_states_costs_memory_or_overflows() {
        let start = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("4294967295/1h"));
        let mark = window.take();
        window.others_left(mark, 0, Some(Duration::MAX), start);
        window.answered(start);
        assert!(window.ready(start).unwrap_err().is_some());
        window.others_left(mark, u64::MAX, Some(Duration::MAX), start);
    }

    #[test]
    fn what_two_windows_hold_is_held_by_one_and_what_both_remember_once() {
        let now = tokio::time::Instant::now().into_std();
        let mut window = Window::new(quota("6/1m"));
        let mut other = Window::new(quota("5/1m"));
        for window in [&mut window, &mut other] {
            window.remember(now, ms(30_000));
            window.remember(now, ms(20_000));
            window.take();
        }
        window.answered(now);
        other.answered(now + ms(5));
        window.absorb(other);
        assert_eq!(window.free_at.len(), 4);
        assert!(window.free_at.iter().is_sorted());
        assert_eq!(window.quota(), Some(quota("5/1m")));
    }

    proptest! {
        /// A server that counts nobody but us, rolling or fixed, never makes us hold anything for
        /// others, in whatever order answers come.
        #[test]
        fn nobody_waits_for_others_who_are_not_there(
            requests in 1u32..12,
            exchanges in prop::collection::vec((0u64..150, 0u64..150, 0u64..60), 1..120),
            fixed in any::<bool>(),
        ) {
            let span = ms(200);
                let start = tokio::time::Instant::now().into_std();
                let mut window = Window::new(quota(&format!("{requests}/200ms")));
                let mut now = start;
                // Answers under way: when they come, to which, and when the server counted it.
                let mut under_way: Vec<(Instant, super::Mark, Instant)> = Vec::new();
                let mut counted: Vec<Instant> = Vec::new();
                let period = |at: Instant| (at - start).as_millis() / 200;
                for (there, back, idle) in exchanges {
                    now += ms(idle);
                    loop {
                        under_way.sort_by_key(|(at, ..)| *at);
                        while under_way.first().is_some_and(|(at, ..)| *at <= now) {
                            let (at, mark, then) = under_way.remove(0);
                            let held = counted.iter().filter(|one| **one <= then && if fixed {
                                period(**one) == period(then)
                            } else {
                                **one + span > then
                            });
                            let left = u64::from(requests).checked_sub(held.count() as u64);
                            window.others_left(mark, left.unwrap(), None, at);
                            window.answered(at);
                            prop_assert_eq!(window.others_held(at), 0);
                        }
                        match window.ready(now) {
                            Ok(()) => break,
                            Err(at) => {
                                let next = under_way.first().map(|(at, ..)| *at);
                                now = at.into_iter().chain(next).min().unwrap();
                            }
                        }
                    }
                    let mark = window.take();
                    let at = now + ms(there);
                    counted.push(at);
                    under_way.push((at + ms(back), mark, at));
                }
        }

        /// The server counts each request at some instant between its sending and its answer. A
        /// strict rolling window there never sees more than the quota, whatever the latencies; nor
        /// does a fixed one, wherever it begins.
        #[test]
        fn no_span_of_the_servers_clock_holds_more_than_the_quota(
            requests in 1u32..12,
            span_ms in 1u64..400,
            exchanges in prop::collection::vec((0u64..150, 0u64..150, 0u64..40), 1..120),
            offset in 0u64..400,
        ) {
                let start = tokio::time::Instant::now().into_std();
                let text = format!("{requests}/{span_ms}ms");
                let mut window = Window::new(quota(&text));
                let mut now = start;
                let mut under_way: Vec<Instant> = Vec::new();
                let mut arrived: Vec<u128> = Vec::new();
                for (there, back, idle) in exchanges {
                    now += ms(idle);
                    loop {
                        under_way.sort();
                        while under_way.first().is_some_and(|at| *at <= now) {
                            window.answered(under_way.remove(0));
                        }
                        match window.ready(now) {
                            Ok(()) => break,
                            Err(at) => {
                                let next = under_way.first().copied();
                                now = at.into_iter().chain(next).min().unwrap();
                            }
                        }
                    }
                    window.take();
                    arrived.push((now + ms(there) - start).as_millis());
                    under_way.push(now + ms(there) + ms(back));
                }
                arrived.sort_unstable();
                for (n, first) in arrived.iter().enumerate() {
                    let within = arrived[n..].iter().take_while(|at| **at <= first + u128::from(span_ms));
                    prop_assert!(within.count() <= requests as usize, "rolling");
                }
                let fixed = |at: &u128| (at + u128::from(offset)) / u128::from(span_ms);
                for at in &arrived {
                    let same = arrived.iter().filter(|other| fixed(other) == fixed(at));
                    prop_assert!(same.count() <= requests as usize, "fixed");
                }
        }
    }
}
