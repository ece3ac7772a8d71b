//! A [`Report`](super::Report) as a page: one file for people who were not there, to be mailed,
//! printed and kept.
//!
//! - `page.html` is the page and `style.css` its looks; both are part of the program.
//! - `page` says what stands in it beside the report's own fields; `charts` says where the bars are.
//!
//! # Invariants
//!
//! - The page asks the network for nothing, and runs nothing: its content security policy allows
//!   one style sheet, its own, by its hash.
//! - Text that came from outside is text: the template escapes every value, and control, direction
//!   and invisible characters are written out.
//! - Every chart has a table with the same numbers beside it, and colour is never the only sign.
//! - It stays small however long the run was: every list in it is bounded.

mod charts;
pub(super) mod page;

pub use page::render;
