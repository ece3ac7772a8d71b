//! How many requests may be under way at once: as many as configured, or fewer where the provider
//! takes fewer.
//!
//! It goes by refusals that say so ([`Scope::AtOnce`](crate::provider::Scope::AtOnce)), and by
//! nothing else: a rate that is used up says nothing of how many fit at once.
//!
//! - **Down to what evidently fits.** Of the requests under way together with one that is refused,
//!   those that are refused as well do not fit, each of them; those that are not do. One that left
//!   when more were under way than may be now says nothing of that.
//! - **Up by one** after a round of answers, as many as may be under way, each of which came while
//!   all of those were. Up to a number that was refused only [a while](TRIED_AGAIN_AFTER) later.
//!
//! It never goes below one, nor above what is configured. Pure: permits are
//! [`Limits`](super::Limits)' to keep.

use std::time::Duration;

use tokio::time::Instant;

/// So long after a refusal the refused number is tried again: a provider's limit is a plan's, and
/// changes when others who share it come and go.
pub(in crate::pipeline) const TRIED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How many requests may be under way at once.
#[derive(Debug)]
pub(super) struct AtOnce {
    /// As many as are configured.
    most: u32,
    /// As many as may be now.
    now: u32,
    /// How often a refusal lowered it anew; tells which requests left before the last time.
    lowered: u64,
    /// Of the requests that were under way when it was last lowered anew, those not refused.
    fit: u32,
    /// Answers since `now` changed that came while as many were under way.
    round: u32,
    /// The most that a whole round was taken with, since it was last lowered below that.
    proven: Option<u32>,
    /// The least that was refused last, and when.
    refused: Option<(u32, Instant)>,
    /// Not even one was taken last.
    takes_none: bool,
}

/// How it was when a request left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// How often a refusal had lowered the number anew.
    lowered: u64,
    /// How many were under way with it.
    under_way: u32,
}

/// What a provider was seen to take at once, where that is less than configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenAtOnce {
    /// As many went well.
    pub taken: u32,
    /// Some of as many were refused.
    pub refused: u32,
}

impl AtOnce {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            now: most,
            lowered: 0,
            fit: 0,
            round: 0,
            proven: None,
            refused: None,
            takes_none: false,
        }
    }

    /// How many may be under way now.
    pub(super) const fn now(&self) -> u32 {
        self.now
    }

    /// Whether one was refused that was alone, and none taken since: others are in the way.
    pub(super) const fn takes_none(&self) -> bool {
        self.takes_none
    }

    /// A request leaves, as one of `under_way`.
    pub(super) const fn leaves(&self, under_way: u32) -> Left {
        let lowered = self.lowered;
        Left { lowered, under_way }
    }

    /// Allows `most` at most from now on.
    pub(super) fn cap(&mut self, most: u32) {
        self.most = self.most.min(most);
        self.now = self.now.min(most);
    }

    /// A request was refused because too many were under way at once, of ours `under_way` with it when
    /// its answer came.
    pub(super) fn refused(&mut self, left: Left, under_way: u32, now: Instant) {
        if left.lowered == self.lowered {
            let together = under_way.max(left.under_way);
            if together > self.now {
                return;
            }
            self.lowered += 1;
            self.takes_none = together <= 1;
            self.fit = together;
            self.proven = self.proven.filter(|proven| *proven < self.now);
            let least = self.proven.map_or(1, |proven| proven + 1);
            self.refused = Some((together.max(least), now));
        }
        // Else it was among those under way at the last lowering.
        self.fit = self.fit.saturating_sub(1);
        let fit = self.fit.max(self.proven.unwrap_or(1));
        if fit < self.now {
            self.now = fit;
            self.round = 0;
        }
    }

    /// A request was taken. `is_full`: as many were under way as may be.
    pub(super) fn taken(&mut self, is_full: bool, now: Instant) {
        self.takes_none = false;
        if self.now == self.most || !is_full {
            return;
        }
        self.round += 1;
        if self.round < self.now {
            return;
        }
        self.round = 0;
        self.proven = Some(self.now);
        let more = self.now + 1;
        match self.refused {
            // The number that was refused is taken now.
            Some((refused, _)) if refused <= self.now => self.refused = None,
            Some((refused, at)) if refused <= more && now < at + TRIED_AGAIN_AFTER => return,
            Some(_) | None => {}
        }
        self.now = more;
    }

    /// What the provider takes at once, if that was seen to be less than configured.
    pub(super) fn told(&self) -> Option<TakenAtOnce> {
        let taken = self.proven?;
        let (refused, _) = self.refused.filter(|_| taken < self.most)?;
        Some(TakenAtOnce { taken, refused })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::{AtOnce, Left, TRIED_AGAIN_AFTER, TakenAtOnce};

    /// `count` rounds, each of as many answers as may be under way.
    fn rounds(at_once: &mut AtOnce, count: u32, now: Instant) {
        for _ in 0..count {
            for _ in 0..at_once.now() {
                at_once.taken(true, now);
            }
        }
    }

    #[test]
    fn of_those_under_way_together_each_that_is_refused_does_not_fit() {
        let now = Instant::now();
        let mut at_once = AtOnce::new(32);
        for refused in 1..=27 {
            let left = Left {
                lowered: 0,
                under_way: refused,
            };
            at_once.refused(left, 33 - refused, now);
            assert_eq!(at_once.now(), 32 - refused);
        }
        assert_eq!(at_once.told(), None, "nothing was taken yet");
        rounds(&mut at_once, 1, now);
        assert_eq!(at_once.now(), 6, "the next number is tried");
        at_once.refused(at_once.leaves(6), 6, now);
        assert_eq!(at_once.now(), 5, "back to what was taken");
        let (taken, refused) = (5, 6);
        assert_eq!(at_once.told(), Some(TakenAtOnce { taken, refused }));
    }

    #[test]
    fn a_number_that_was_refused_is_tried_again_only_a_while_later() {
        let now = Instant::now();
        let mut at_once = AtOnce::new(8);
        at_once.refused(at_once.leaves(6), 6, now);
        assert_eq!(at_once.now(), 5);
        rounds(
            &mut at_once,
            9,
            now + TRIED_AGAIN_AFTER - Duration::from_millis(1),
        );
        assert_eq!(at_once.now(), 5);
        rounds(&mut at_once, 1, now + TRIED_AGAIN_AFTER);
        assert_eq!(at_once.now(), 6);
        rounds(&mut at_once, 9, now + TRIED_AGAIN_AFTER);
        assert_eq!((at_once.now(), at_once.told()), (8, None));
    }

    #[test]
    fn answers_while_fewer_are_under_way_show_nothing() {
        let now = Instant::now();
        let mut at_once = AtOnce::new(8);
        at_once.refused(at_once.leaves(4), 3, now);
        for _ in 0..100 {
            at_once.taken(false, now + TRIED_AGAIN_AFTER);
        }
        assert_eq!((at_once.now(), at_once.told()), (3, None));
    }

    #[test]
    fn one_that_is_refused_alone_shows_that_others_are_in_the_way() {
        let now = Instant::now();
        let mut at_once = AtOnce::new(8);
        let together = [at_once.leaves(1), at_once.leaves(2)];
        at_once.refused(together[1], 2, now);
        assert!(!at_once.takes_none());
        at_once.refused(together[0], 1, now);
        assert!(!at_once.takes_none(), "it left together with another");
        at_once.refused(at_once.leaves(1), 1, now);
        assert!(at_once.takes_none());
        at_once.taken(false, now);
        assert!(!at_once.takes_none());
    }

    #[test]
    fn one_that_left_when_more_were_under_way_says_nothing_of_fewer() {
        let now = Instant::now();
        let mut at_once = AtOnce::new(20);
        let first = at_once.leaves(20);
        at_once.refused(first, 20, now);
        let later = at_once.leaves(19);
        for under_way in 6..20 {
            at_once.refused(first, 25 - under_way, now);
        }
        assert_eq!(at_once.now(), 5);
        at_once.refused(later, 2, now);
        assert_eq!(at_once.now(), 5);
    }

    proptest! {
        #[test]
        fn it_stays_between_one_and_what_is_configured(
            most in 1u32..40,
            steps in prop::collection::vec((0u8..3, 0u64..4, 0u32..50, 0u64..90), 0..400),
        ) {
            let mut at_once = AtOnce::new(most);
            let mut now = Instant::now();
            for (what, ago, under_way, secs) in steps {
                now += Duration::from_secs(secs);
                let before = at_once.now();
                match what {
                    0 => {
                        let lowered = at_once.lowered.saturating_sub(ago);
                        let left = Left { lowered, under_way };
                        at_once.refused(left, under_way / 2, now);
                        prop_assert!(at_once.now() <= before);
                    }
                    what => {
                        at_once.taken(what == 1, now);
                        prop_assert!((before..=before + 1).contains(&at_once.now()));
                    }
                }
                prop_assert!((1..=most).contains(&at_once.now()));
            }
        }
    }
}
