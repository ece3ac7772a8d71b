//! A file for each command, each with one `execute`.

pub(super) mod check;
pub(super) mod completions;
pub(super) mod demo;
pub(super) mod man;
pub(super) mod plan;
pub(super) mod resume;
pub(super) mod retry;
pub(super) mod run;
pub(super) mod sandbox;
pub(super) mod status;
