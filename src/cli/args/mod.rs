//! What can be typed: every command, every option, and the types their values are parsed into.
//!
//! These types hold exactly what was typed, each value judged by itself only; paths are as given
//! and `None` means that an option was not given. What several options mean together, and with the
//! configuration and the ledger, is the commands' matter. Help, completions and man pages come
//! from these definitions.

mod command;
mod looking;
mod options;
mod values;

pub use command::{Cli, Command, GoOnArgs, PlanArgs, RetryArgs, RunArgs};
pub use looking::{
    AuditArgs, CheckArgs, ReportArgs, ReportFormat, SandboxArgs, StatusArgs, VerifyArgs,
};
pub(super) use options::columns_of;
pub use options::{ConsentArgs, DiagnosticsArgs, LogFormat, PaceArgs};
