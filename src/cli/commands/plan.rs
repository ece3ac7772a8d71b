//! `plan`: what a run would do, offline.

use std::fmt::Write as _;

use crate::cli::args::PlanArgs;
use crate::cli::ledgers::{NewLedger, refuse_existing};
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning};
use crate::cli::setup::Setup;
use crate::cli::terminal::{put, put_page, tell};
use crate::cli::{CliError, ExitCode};
use crate::domain::Time;
use crate::ledger::Disk;
use crate::words;

/// Says what a run would do, and saves it if asked to.
pub(in crate::cli) async fn execute(
    args: &PlanArgs,
    disk: &dyn Disk,
) -> Result<ExitCode, CliError> {
    let (pace, config) = (&args.work.pace, args.work.config.as_deref());
    let planning = || Planning::typed(&args.input, &args.rows, pace, config, false);
    let (setup, planned) = match &args.output {
        None => planning()?.plan(None)?,
        Some(output) => {
            refuse_existing(output, "-o PATH", config)?;
            let begun = NewLedger::begin(disk, output, planning()?)?;
            let (new, writer, setup, planned) = begun;
            writer.finish().await.map_err(CliError::refused)?;
            new.keep();
            (setup, planned)
        }
    };
    show(args, &setup, &planned)?;
    let sends = planned.plan.to_delete() > 0;
    Ok([ExitCode::SomeRowsBad, ExitCode::Success][usize::from(sends)])
}

fn show(args: &PlanArgs, setup: &Setup, planned: &Planned) -> Result<(), CliError> {
    if args.json {
        put(&outline_text::json(setup, planned).to_string())?;
    } else {
        put_page(&outline_text::text(setup, planned))?;
        let now = Time::now();
        if let Some(until) = args.work.pace.until(now) {
            put_page(&outline_text::until(&until, now))?;
        }
        if let Some(canary) = setup.options.canary {
            put_page(&outline_text::canary(canary))?;
        }
    }
    let rows = planned.plan.to_delete();
    if args.work.pace.max_delete.is_some_and(|max| rows > max) {
        tell("note: `run` with this `--max-delete` would be refused");
    } else if !args.json {
        put_page(&next(args, planned))?;
    }
    Ok(())
}

/// The exact next command.
fn next(args: &PlanArgs, planned: &Planned) -> String {
    if planned.plan.to_delete() == 0 && planned.likely_column.is_none() {
        return "\nNothing in this file can be sent.".to_owned();
    }
    if let Some(output) = &args.output {
        let saved = words::shell_path(output);
        let mut command = format!("\nSaved.\nnext: userpurge run {saved}");
        // The plan keeps the others.
        if let Some(max) = args.work.pace.max_delete {
            let _ = write!(command, " --max-delete {max}");
        }
        if let Some(until) = args.work.pace.until {
            let _ = write!(command, " --until {until}");
        }
        return command;
    }
    let again = |command: &str| format!("\nnext: {}", words::typed_again(command, &[]));
    match planned.likely_column.as_deref().map(words::shell_word) {
        Some(column) => format!("{} --id-column {column}", again("plan")),
        None => again("run"),
    }
}
