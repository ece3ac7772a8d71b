//! What can be typed: every command, every option, and the types their values are parsed into.
//!
//! These types hold exactly what was typed, each value judged by itself only. Help, completions and man
//! pages come from them, and the longer texts from `help.txt`.

mod command;
mod options;
mod read_only;
mod values;

pub use command::{Cli, Command, GoOnArgs, PlanArgs, RetryArgs, RunArgs};
pub use options::{ConsentArgs, DiagnosticsArgs, LogFormat, PaceArgs, RowsArgs, WorkArgs};
pub use read_only::{
    AuditArgs, CheckArgs, LookupArgs, ReportArgs, ReportFormat, SandboxArgs, StatusArgs, VerifyArgs,
};
