//! Whose turn it is: the requests of an endpoint in order, and the bottleneck before the others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::{MutexGuard, Notify};

use crate::domain::Step;

/// The requests that wait to be admitted, by what they call (`None`: reads). One of each looks at a
/// time; the others queue behind it.
#[derive(Debug)]
pub(super) struct Turns {
    of: BTreeMap<Option<Step>, Turn>,
    /// Somebody let those go first who waited, and has to be told when they have.
    let_first: AtomicBool,
}

#[derive(Debug, Default)]
struct Turn {
    queue: tokio::sync::Mutex<()>,
    /// How many wait, the one that looks among them.
    waiting: AtomicU32,
}

/// A request that waits to be admitted. Dropping it gives the turn to the next, and wakes those who
/// let it go first.
#[derive(Debug)]
pub(super) struct Waiting<'t> {
    turns: &'t Turns,
    turn: &'t Turn,
    changed: &'t Notify,
}

impl Turns {
    pub(super) fn new() -> Self {
        let steps = Step::ALL.into_iter().map(Some);
        Self {
            of: steps
                .chain([None])
                .map(|of| (of, Turn::default()))
                .collect(),
            let_first: AtomicBool::new(false),
        }
    }

    /// Waits with those of `step`. There is a turn for each of them.
    pub(super) fn wait<'t>(
        &'t self,
        step: Option<Step>,
        changed: &'t Notify,
    ) -> Option<Waiting<'t>> {
        let turn = self.of.get(&step)?;
        turn.waiting.fetch_add(1, Ordering::SeqCst);
        Some(Waiting {
            turns: self,
            turn,
            changed,
        })
    }

    /// Whether anybody waits with those of `step` now.
    pub(super) fn is_anyone_waiting(&self, step: Option<Step>) -> bool {
        let turn = self.of.get(&step);
        turn.is_some_and(|turn| turn.waiting.load(Ordering::SeqCst) > 0)
    }

    /// Whether anybody waits for `step` now. If so, whoever asks is woken when one has gone.
    pub(super) fn lets_first(&self, step: Step) -> bool {
        // Noted before looking, so that one who goes in between wakes whoever asks.
        self.let_first.store(true, Ordering::SeqCst);
        self.is_anyone_waiting(Some(step))
    }
}

impl Waiting<'_> {
    /// Waits until it is this one's turn to look.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.queue.lock().await
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turn.waiting.fetch_sub(1, Ordering::SeqCst);
        if self.turns.let_first.swap(false, Ordering::SeqCst) {
            self.changed.notify_waiters();
        }
    }
}
