//! From a ledger to what people and scripts read.
//!
//! [`Summary`] is the numbers, in the shape of `status --json`; [`text`] is the same for people.
//! [`Report`] is the account of a run for people who were not there. It is read in one pass and in
//! bounded memory, however long the ledger is. It comes as JSON ([`Report::to_json`]), for tickets
//! ([`md`]) and as a page ([`html`]). [`csv`] gives the admin's own rows back.
//!
//! Nothing here prints, sends or writes a file.

mod advice;
pub mod csv;
mod document;
mod found_file;
mod gather;
pub mod html;
pub mod md;
mod pauses;
mod reasons;
mod refs;
mod rows;
mod sessions;
mod summary;
pub mod text;
mod timeline;
mod verification;

pub use advice::mend;
pub use document::{ActionDone, InputTold, LedgerTold, Report};
pub use found_file::FoundFile;
pub use pauses::Pause;
pub use reasons::{BadRow, Places, Reason, why};
pub use refs::{RefSummary, Refs, counted_elsewhere, stand_ins, write_csv as write_refs};
pub use rows::{LEDGER_COLUMNS, RowsBack};
pub use sessions::{Caller, SessionTold};
pub(crate) use summary::named_config;
pub use summary::{AccountSummary, Summary};
pub use timeline::Point;
pub use verification::{VerificationSummary, rows_done};
