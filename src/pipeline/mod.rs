//! Tasks → entries: the only async part. A lane per account takes its tasks one after another,
//! admits each request under every limit, makes its intent durable, sends it, judges the answer,
//! and tries again or records the end.
//!
//! Order per attempt, and why:
//!
//! 1. **Admission** ([`limits::Limits`]): pause gate, every window, pace; all or none. A row that
//!    waits for quota holds nothing, so a lane whose permanent deletes wait ten minutes goes on
//!    soft-deleting.
//! 2. **Access**: a token that lives, fetched once for all who wait. A role that was read too long ago
//!    by now is read again, which gives the place in 1 back.
//! 3. **Intent**, durable. A row waiting for quota has none yet, so a crash in that wait leaves
//!    nothing in doubt.
//! 4. **Permit**: so many requests are under way at once, fewer where the provider takes fewer. Twice
//!    as many again are admitted, so that the disk is not waited for while there is quota: the intents
//!    of some are made durable meanwhile, and those of others gather.
//! 5. **Gate again**: a pause that came during 3 and 4 takes the intent back instead of sending.
//! 6. **Send, judge, record.** The slots are held until the answer came, and one span longer.
//!
//! Where a provider has it, one request deletes many users: [`lane`](Lane) gathers their rows, one
//! admission and one sync carry them all, and a job that the provider works through is asked about
//! until each of them has ended.
//!
//! Afterwards a [`Verifier`] per account asks how the users of finished rows stand, through the same
//! client and limits; it only reads.
//!
//! **Invariant:** no deleting request leaves whose intent is not durable, and none leaves after
//! the sink failed.
//!
//! It touches no disk and no terminal: what happens goes to an [`EventSink`], tasks come in
//! through a channel, time is tokio's and the randomness is seeded.

mod bulk;
mod canary;
mod client;
mod error;
mod fuse;
mod jobs;
mod lane;
pub mod limits;
mod looks;
mod reach;
mod reading;
mod reread;
mod retry;
mod roles;
mod run;
mod sink;
mod stop;
mod task;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod verify;

pub use client::{Client, ClientParts};
pub use error::ClientError;
pub use fuse::FailureLimit;
pub use lane::{Lane, LaneEnd, LaneOptions, TaskSource, Until};
pub use retry::Backoff;
pub use run::{RunOutcome, run, verify};
pub use sink::{Durability, EventSink, SinkFailed};
pub use stop::Stop;
pub use tokens::{KeptToken, TokenStore};
pub use verify::{ToVerifySource, Verifier};
