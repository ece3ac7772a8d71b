//! Leave to send one request: what it took of its account's limits, from the instant it took it until
//! it gives the last of it back.
//!
//! ```text
//! Limits::admit ─▶ slots, places ─▶ permitted ─▶ the request leaves ─▶ answered ─▶ dropped
//!                        └────────────── unsent: all is free at once
//! ```
//!
//! Whatever happens to who holds it, all comes back: what was not said to be unsent counts as sent.
//! It decides nothing: who may leave when, and what an answer teaches, is [`Limits`]' to say.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::{Limits, Marks};
use super::at_once::Left;
use crate::domain::Step;

/// Why a request may not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The run is stopping.
    Stopping,
    /// A gate is shut for longer than [`PAUSE_WAITED_MAX`](super::PAUSE_WAITED_MAX), until then.
    ShutUntil(Instant),
    /// The permit came so late that the next process would take the request for one that is over.
    Late,
}

/// Whether the server counts a request, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It has: the answer came.
    Now,
    /// It may in a while: the answer was given up.
    Later,
    /// It does not: the request was held back.
    Never,
}

/// Leave to send one request. Say when the answer came with [`Admission::answered`]; dropping it
/// gives the permit back, and says the same if nothing was said.
#[derive(Debug)]
pub struct Admission {
    limits: Arc<Limits>,
    step: Option<Step>,
    marks: Marks,
    at: Instant,
    /// Whether its slots are still as they were taken.
    open: bool,
    /// How it was when it got its permit; `None`: it has none.
    permitted: Option<Left>,
    taken: bool,
}

impl Admission {
    /// For a request of `step` (`None`: a read) whose slots were taken at `at`, as `marks` tells.
    pub(super) const fn new(
        limits: Arc<Limits>,
        step: Option<Step>,
        marks: Marks,
        at: Instant,
    ) -> Self {
        Self {
            limits,
            step,
            marks,
            at,
            open: true,
            permitted: None,
            taken: false,
        }
    }

    /// Where its slots were taken, for [`Limits::learn`].
    pub const fn marks(&self) -> Marks {
        self.marks
    }

    /// Waits for a permit: until the request may be one of those that are under way at once. Call it
    /// when all is ready to send.
    ///
    /// # Errors
    ///
    /// When `stopping` is cancelled first, or the permit comes too late.
    pub async fn permitted(&mut self, stopping: &CancellationToken) -> Result<(), Refused> {
        self.permitted = Some(self.limits.permit(self.at, stopping).await?);
        Ok(())
    }

    /// The answer came, or none can come any more: the slots are free one span from now. The permit
    /// is held on.
    pub fn answered(&mut self) {
        self.close(Spent::Now);
    }

    /// The answer is waited for no longer, and the server may count the request yet: the slots are
    /// free one span after it has, see [`Quota::GIVEN_UP_COUNTED`](crate::domain::Quota).
    pub fn given_up(&mut self) {
        self.close(Spent::Later);
    }

    /// The provider took the request, whatever became of it.
    pub const fn taken(&mut self) {
        self.taken = true;
    }

    /// The provider refused the request because too many were under way at once.
    pub fn too_many_at_once(&self) {
        if let Some(left) = self.permitted {
            self.limits.too_many_at_once(left);
        }
    }

    /// The request was never sent: everything is free at once.
    pub fn unsent(mut self) {
        self.close(Spent::Never);
    }

    fn close(&mut self, spent: Spent) {
        if std::mem::take(&mut self.open) {
            self.limits.give_back(self.step, spent);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.close(Spent::Now);
        self.limits.over(self.permitted.is_some(), self.taken);
    }
}

#[cfg(test)]
mod tests;
