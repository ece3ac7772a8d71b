//! The ledger: one append-only file per run that says what happened to every row.
//!
//! # Invariants
//!
//! - A ledger only ever grows. The one exception is a torn tail (below), cut at open.
//! - The first line, and only the first, is the run's header. It names the format's version.
//! - Every line fits the line before it (the chain), so none can be changed, dropped, added or
//!   moved unseen. Cutting off whole lines at the end is seen by whoever knows the [`LedgerHead`].
//! - A process that appends holds the exclusive lock, from before the first byte is read until the last
//!   one is synced. Readers take no lock; the lock is advisory, so they can read all the while.
//! - An append that asked for [`Durability::Synced`] is acknowledged after its bytes were synced,
//!   never before.
//! - The first write or sync that fails is the last: nothing is written after it, and everyone
//!   who waits or comes later gets the error. (After a failed sync the kernel may have dropped the
//!   bytes and forgotten; trying again would lie.)
//! - An append is acknowledged only while the ledger is where it was and as long as the lines
//!   written to it. A ledger that was removed, moved, replaced or cut fails as a full disk does.
//! - A ledger that is opened for going on with is synced first. A process that was killed may have
//!   written lines that it never synced, and from here on they are relied on.
//! - A line is at most [`LINE_BYTES_MAX`] long, a queue at most [`QUEUE_MAX`] entries.
//! - Lines of a format newer than this program's are never written to.
//!
//! # On disk
//!
//! JSON Lines in UTF-8, mode 0600:
//!
//! ```text
//! ledger: line*
//! line:   {"kind":"<kind>", <fields of the entry>, "chain":"<64 lower-case hex digits>"} LF
//! body:   the line without LF and without its last field and the comma before it
//! chain:  blake3(chain of the line before, as 32 bytes ‖ body)
//! ```
//!
//! The chain before the first line is 32 zero bytes. It is computed over the bytes as they stand, so
//! that checking needs no JSON at all. The contents of the kinds are in [`crate::domain::Entry`].
//!
//! # Torn, or damaged
//!
//! A crash in the middle of a write leaves a last line without its line feed. Nobody was told that
//! it is durable, so it is *torn*: readers leave it out, and opening for writing cuts it and says
//! so. Anything else that does not fit is *damage*: an error that names the line and the byte, and
//! the ledger is not touched.
//!
//! # Changing the format
//!
//! A new kind or another meaning of a field is a new [`RunHeader::FORMAT`]. Keep a ledger of the
//! old one under `fixtures/ledger/`, and walk all three. They are old reader and new ledger
//! (refused, readably), new reader and old ledger, old writer and new ledger (never).
//!
//! [`RunHeader::FORMAT`]: crate::domain::RunHeader::FORMAT

mod audit;
mod bulks;
mod chain;
mod disk;
mod error;
mod file;
mod fold;
mod outcomes;
mod plan_rows;
mod reader;
mod sample;
mod select;
mod sent_log;
mod state;
mod tenants;
mod writer;
mod writer_thread;

pub use self::audit::Audit;
pub use self::chain::{LINE_BYTES_MAX, LedgerHead, check, seal};
pub use self::disk::{Disk, DiskFile, RealDisk, is_locked, lock_for_good, make_private_folder};
pub use self::error::{LedgerDamage, LedgerError, LedgerLoss};
pub use self::file::LedgerFile;
pub use self::outcomes::Outcomes;
pub use self::plan_rows::{PlanRows, Queues};
pub use self::reader::{LEDGER_SUFFIX, LedgerReader, Link, TornTail, written_at};
pub use self::sample::draw_sample;
pub use self::select::{Good, Only, each_found, each_user};
pub use self::sent_log::{SENT_MAX, SentRequest};
pub use self::state::{LedgerState, VerificationState};
pub use self::tenants::Tenants;
pub use self::writer::{LedgerHandle, LedgerWriter};
pub use self::writer_thread::QUEUE_MAX;
pub use crate::domain::Durability;
