//! Whether the hosts of an account are reached, since when not, and for how long that is borne with.
//!
//! What brings no host's answer is about the account, not about the row whose request it was: all of
//! the account waits, a little longer each time, and tries again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::domain::Time;

/// For so long a host may be out of reach before there is anything to go on with: somebody waits for
/// the first word.
pub(super) const PATIENCE_AT_FIRST: Duration = Duration::from_secs(30);

/// The same of an account that is at work: as long as a router takes to start anew, or an evening's
/// change of addresses; then its lane stops.
pub(super) const PATIENCE_AT_WORK: Duration = Duration::from_mins(15);

/// The wait before the first try again; each further one is twice as long.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// The longest wait before a try.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// More than so many of the shortest are longer than the longest.
const WAIT_PARTS_MAX: u32 = 64;

/// Whether the hosts of an account are reached.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Whether rows are being sent, or looked at.
    at_work: AtomicBool,
    lost: Mutex<Option<Lost>>,
}

/// A host that is not reached.
#[derive(Debug)]
struct Lost {
    host: String,
    /// When the first try began that brought no answer.
    since: Instant,
    /// The same for people.
    at: Time,
    /// How often it was tried again.
    tries: u32,
}

/// What is to be done about a host that is not reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Wait for so long, and try again. What to say of it.
    Again(Duration, String),
    /// It was borne with for as long as may be. What to say, and after how many tries.
    Over(String, u32),
}

impl Reach {
    /// Rows are sent, or looked at, from now on.
    pub(super) fn at_work(&self) {
        self.at_work.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed)
    }

    /// `host` answered. Whether it had been lost.
    pub(super) fn heard(&self, host: &str) -> bool {
        let mut lost = self.lost();
        let was_lost = lost.as_ref().is_some_and(|lost| lost.host == host);
        if was_lost {
            *lost = None;
        }
        was_lost
    }

    /// A request to `host` that began `began` ago brought no answer; it is `now`.
    pub(super) fn missed(&self, host: &str, began: Duration, now: Time) {
        let mut lost = self.lost();
        if lost.as_ref().is_none_or(|lost| lost.host != host) {
            let instant = Instant::now();
            *lost = Some(Lost {
                host: host.to_owned(),
                since: instant.checked_sub(began).unwrap_or(instant),
                at: now.before(began),
                tries: 0,
            });
        }
    }

    /// Whether a host that has never answered is given up.
    pub(super) fn is_over_at_first(&self) -> bool {
        let is_over = |lost: &Lost| lost.since.elapsed() >= PATIENCE_AT_FIRST;
        !self.is_at_work() && self.lost().as_ref().is_some_and(is_over)
    }

    /// What is to be done now that a host is lost; `None`: none is.
    pub(super) fn loss(&self) -> Option<Loss> {
        let patience = self.patience();
        let mut lost = self.lost();
        let lost = lost.as_mut()?;
        lost.tries += 1;
        let parts = 2_u32.saturating_pow(lost.tries - 1).min(WAIT_PARTS_MAX);
        let wait = (WAIT_MIN * parts).min(WAIT_MAX);
        let since = lost.at.timestamp().to_zoned(TimeZone::system());
        let words = format!(
            "cannot reach {} since {}",
            lost.host,
            since.strftime("%H:%M:%S")
        );
        Some(if lost.since.elapsed() + wait > patience {
            Loss::Over(words, lost.tries)
        } else {
            Loss::Again(wait, format!("{words}; trying again"))
        })
    }

    fn patience(&self) -> Duration {
        if self.is_at_work() {
            PATIENCE_AT_WORK
        } else {
            PATIENCE_AT_FIRST
        }
    }

    fn lost(&self) -> MutexGuard<'_, Option<Lost>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::{Loss, PATIENCE_AT_FIRST, PATIENCE_AT_WORK, Reach};
    use crate::domain::Time;

    const NOW: Time = Time::from_millis(1_795_340_600_000);

    /// How long `reach` bears with a host, and how often it is tried again.
    async fn borne(reach: &Reach) -> (Duration, u32) {
        let start = Instant::now();
        reach.missed("host", Duration::ZERO, NOW);
        for _ in 0..1_000 {
            match reach.loss().unwrap() {
                Loss::Again(wait, words) => {
                    assert!(words.starts_with("cannot reach host since "), "{words}");
                    advance(wait).await;
                    reach.missed("host", Duration::ZERO, NOW);
                }
                Loss::Over(_, tries) => return (start.elapsed(), tries),
            }
        }
        panic!("it never ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_borne_with_for_as_long_as_may_be_and_tried_seldom() {
        let reach = Reach::default();
        let (time, tries) = borne(&reach).await;
        assert!(
            time <= PATIENCE_AT_FIRST && time >= PATIENCE_AT_FIRST / 3,
            "{time:?}"
        );
        assert!(tries <= 6, "{tries}");
        let reach = Reach::default();
        reach.at_work();
        let (time, tries) = borne(&reach).await;
        assert!(
            time <= PATIENCE_AT_WORK && time >= PATIENCE_AT_WORK * 9 / 10,
            "{time:?}"
        );
        assert!(tries <= 40, "{tries}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_it_and_another_hosts_does_not() {
        let reach = Reach::default();
        assert!(!reach.heard("host"));
        reach.missed("host", Duration::ZERO, NOW);
        assert!(!reach.heard("another"));
        assert!(reach.loss().is_some());
        assert!(reach.heard("host"));
        assert_eq!(reach.loss(), None);
    }
}
