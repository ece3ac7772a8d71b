//! A file per command.

pub(super) mod check;
pub(super) mod demo;
pub(super) mod docs;
mod live;
pub(super) mod plan;
pub(super) mod resume;
pub(super) mod run;
pub(super) mod sandbox;
pub(super) mod status;
