//! The two stages of stopping.

use tokio_util::sync::CancellationToken;

/// Asks a run to end, in two stages.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Admit nothing more; what is under way ends and is recorded.
    pub admitting: CancellationToken,
    /// Wait for nothing any more; what is under way is in doubt.
    pub waiting: CancellationToken,
}

impl Stop {
    /// A stop for one lane: it is stopped with the whole run, and can be stopped alone.
    #[must_use]
    pub fn lane(&self) -> Self {
        Self {
            admitting: self.admitting.child_token(),
            waiting: self.waiting.child_token(),
        }
    }
}
