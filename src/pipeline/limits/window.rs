//! The exact keeper of a quota.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Quota;

/// Added to every span: the tick of timers and clocks, the server's among them. Two clocks that
/// drift 10 ppm apart differ by 6 ms over ten minutes.
const EDGE: Duration = Duration::from_millis(10);

/// The exact keeper of a [`Quota`] of n per span: n slots, each held from before a request is sent
/// until one span after its answer came (or after it was given up).
///
/// **Invariant:** in any span of the server's clock at most n requests arrive. The server counted
/// a request at some instant between its sending and its answer, and its slot serves no other
/// request until one span after the later of the two.
#[derive(Debug)]
pub struct Window {
    requests: NonZeroU32,
    span: Duration,
    /// Slots whose request is under way.
    under_way: u32,
    /// When each slot whose answer came is free again, soonest first.
    free_at: VecDeque<Instant>,
}

impl Window {
    /// A window with every slot free.
    pub fn new(quota: Quota) -> Self {
        Self {
            requests: quota.requests(),
            span: quota.span(),
            under_way: 0,
            free_at: VecDeque::new(),
        }
    }

    /// The quota as it is kept now.
    pub fn quota(&self) -> Option<Quota> {
        Quota::try_new(self.requests, self.span)
    }

    /// Lowers the number of slots; a higher number changes nothing.
    pub fn lower(&mut self, requests: NonZeroU32) {
        self.requests = self.requests.min(requests);
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
        let held = self.under_way as usize + self.free_at.len();
        let slots = self.requests.get() as usize;
        if held < slots {
            return Ok(());
        }
        // After a lowering more slots may be held than there are: as many must come free first.
        Err(self.free_at.get(held - slots).copied())
    }

    /// Takes a slot. Call it only after [`Window::ready`] said there is one.
    pub fn take(&mut self) {
        self.under_way += 1;
    }

    /// The answer came, or was given up, at `now`.
    pub fn answered(&mut self, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.free_at.push_back(now + self.span + EDGE);
    }

    /// The request was never sent: its slot is free at once.
    pub fn unsent(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Counts a request of an earlier process whose answer came `ago` before `now`. Call it for
    /// the oldest first, before anything is taken.
    pub fn remember(&mut self, now: Instant, ago: Duration) {
        if let Some(left) = (self.span + EDGE).checked_sub(ago) {
            self.free_at.push_back(now + left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::{EDGE, Window};
    use crate::domain::Quota;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_comes_free_one_span_after_the_answer_not_after_the_sending() {
        let start = Instant::now();
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
            Err(Some(start + ms(6_000) + EDGE))
        );
        assert_eq!(window.ready(start + ms(6_000) + EDGE), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unsent_request_gives_its_slot_back_at_once() {
        let now = Instant::now();
        let mut window = Window::new(quota("1/1h"));
        window.take();
        window.unsent();
        assert_eq!(window.ready(now), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_lowering_the_surplus_must_come_free_first() {
        let start = Instant::now();
        let mut window = Window::new(quota("3/1s"));
        for n in 0..3 {
            window.take();
            window.answered(start + ms(n));
        }
        window.lower(1.try_into().unwrap());
        assert_eq!(
            window.ready(start + ms(10)),
            Err(Some(start + ms(1_002) + EDGE))
        );
        window.lower(9.try_into().unwrap());
        assert_eq!(window.quota(), Some(quota("1/1s")), "nothing raises it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_process_sent_still_counts() {
        let now = Instant::now();
        let mut window = Window::new(quota("2/10m"));
        window.remember(now, Duration::from_mins(11));
        window.remember(now, Duration::from_mins(4));
        window.remember(now, Duration::from_mins(1));
        assert_eq!(
            window.ready(now),
            Err(Some(now + Duration::from_mins(6) + EDGE))
        );
    }

    proptest! {
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
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let start = Instant::now();
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
                Ok(())
            })?;
        }
    }
}
