//! A file per command.

pub(super) mod audit;
pub(super) mod check;
pub(super) mod help;
pub(super) mod init;
pub(super) mod lookup;
pub(super) mod plan;
pub(super) mod providers;
pub(super) mod report;
pub(super) mod resume;
pub(super) mod run;
pub(super) mod sandbox;
pub(super) mod status;
pub(super) mod verify;
