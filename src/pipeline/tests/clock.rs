//! Time as the tests have it: paused, and as a wall clock beside it.

use tokio::time::Instant;

use crate::domain::{Time, WallClock};

/// Runs `test` on a paused clock.
pub(super) fn paused(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

/// A wall clock that moves with tokio's.
pub(super) fn wall() -> WallClock {
    let start = Instant::now();
    let epoch = Time::from_millis(1_795_340_600_000);
    WallClock::from_fn(move || epoch.after(start.elapsed()))
}
