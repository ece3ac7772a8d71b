//! `plan`: what a run would do, offline.

use std::fmt::Write as _;

use crate::cli::args::PlanArgs;
use crate::cli::new_ledger::{Begun, NewLedger, refuse_existing};
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning, Purpose};
use crate::cli::setup::Setup;
use crate::cli::terminal::{put, put_page, tell};
use crate::cli::until;
use crate::cli::{ExitCode, Failure};
use crate::domain::WallClock;
use crate::ledger::Disk;
use crate::words;

/// Says what a run would do, and saves it if asked to.
pub(in crate::cli) async fn execute(args: &PlanArgs, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    let setup = Setup::new(args.config.config.as_deref(), args.run_options()?)?;
    let purpose = match &args.output {
        Some(output) => {
            refuse_existing(output)?;
            Purpose::Save
        }
        None => Purpose::Show,
    };
    let planning = Planning::new(&args.input, args.mapping.read_options(), setup, purpose)?;
    let (setup, planned) = match &args.output {
        None => planning.plan(None)?,
        Some(output) => {
            let begun = NewLedger::begin(disk, output, planning)?;
            let Begun {
                new,
                writer,
                setup,
                planned,
            } = begun;
            writer.finish().await.map_err(Failure::refused)?;
            new.keep();
            (setup, planned)
        }
    };
    show(args, &setup, &planned)?;
    Ok(if planned.plan.to_delete() == 0 {
        ExitCode::SomeRowsBad
    } else {
        ExitCode::Success
    })
}

fn show(args: &PlanArgs, setup: &Setup, planned: &Planned) -> Result<(), Failure> {
    let now = WallClock::system().now();
    let until = args.pace.until.map(|time| time.until(now));
    if args.json {
        put(&outline_text::json(setup, planned).to_string())?;
    } else {
        put_page(&outline_text::text(setup, planned, &[]))?;
        if let Some(until) = &until {
            put_page(&until::told(setup, planned, until, now))?;
        }
        if let Some(canary) = setup.options.canary {
            put_page(&outline_text::canary(canary))?;
        }
        put_page(&next(args, planned))?;
    }
    let rows = planned.plan.to_delete();
    if args.pace.max_delete.is_some_and(|max| rows > max) {
        tell("note: `run` with this `--max-delete` would be refused");
    }
    Ok(())
}

/// The exact next command.
fn next(args: &PlanArgs, planned: &Planned) -> String {
    if planned.plan.to_delete() == 0 && planned.likely_column.is_none() {
        return "\nNothing in this file can be sent.".to_owned();
    }
    if let Some(output) = &args.output {
        let mut command = format!("\nSaved. Next: userpurge run {}", words::shell_path(output));
        // The plan keeps the others.
        if let Some(max) = args.pace.max_delete {
            let _ = write!(command, " --max-delete {max}");
        }
        if let Some(until) = args.pace.until {
            let _ = write!(command, " --until {until}");
        }
        return command;
    }
    if let Some(column) = &planned.likely_column {
        let column = words::shell_word(column);
        return format!("{} --id-column {column}", typed_again("plan"));
    }
    typed_again("run")
}

/// The command line once more, for `command`.
fn typed_again(command: &str) -> String {
    let mut command = format!("\nNext: userpurge {command}");
    for word in std::env::args().skip_while(|word| word != "plan").skip(1) {
        command.push(' ');
        command.push_str(&words::shell_word(&word));
    }
    command
}
