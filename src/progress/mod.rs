//! How a run is getting on, on standard error: bars, plain lines, JSON lines, or nothing.
//!
//! Its driver gives [`Progress`] the entries of lanes, one [`Entry`](crate::domain::Entry) at a time, and the
//! time. It starts no thread and asks no clock. It keeps counts, current pauses and a minute of pace, so its
//! memory does not grow with the run. A standard error that fails is passed over: progress never stops a run.

mod bar;
mod driver;
mod lines;
mod state;

pub use driver::{Mode, Progress};
