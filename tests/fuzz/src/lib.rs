//! What fuzzing runs: a function of bytes for every parser that reads what comes from outside.
//!
//! Each asserts more than that nothing panics. `make fuzz` runs them under libFuzzer on the nightly
//! tool chain; `tests/it` runs them over the corpora of `fixtures/fuzz` on the stable one.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a broken rule is told by panicking: that is what fuzzing looks for"
)]

mod config;
mod input;
mod ledger;
mod reply;
mod scratch;

pub use config::configuration;
pub use input::{ids, mapping, rows};
pub use ledger::{ledger_file, ledger_lines};
pub use reply::{limits, replies};

/// A target: bytes in, a panic if a rule is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which its folder of `fixtures/fuzz` has too.
pub const TARGETS: [(&str, Target); 8] = [
    ("rows", rows),
    ("mapping", mapping),
    ("ids", ids),
    ("ledger_file", ledger_file),
    ("ledger_lines", ledger_lines),
    ("replies", replies),
    ("limits", limits),
    ("configuration", configuration),
];
