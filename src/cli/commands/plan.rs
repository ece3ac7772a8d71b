//! `plan`: what a run would do, offline.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::args::{PlanArgs, Selection};
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning, STANDARD_INPUT, folder_of};
use crate::cli::saved::SavedPlan;
use crate::cli::setting;
use crate::cli::terminal::{put, put_page, tell};
use crate::cli::until;
use crate::cli::{ExitCode, Failure};
use crate::domain::WallClock;
use crate::input::{self, Input};

/// Says what a run would do, and saves it if asked to.
pub(in crate::cli) fn execute(args: &PlanArgs) -> Result<ExitCode, Failure> {
    if let Some(output) = &args.output {
        SavedPlan::check_free(output)?;
    }
    let spool = Spool::of(&args.input)?;
    let told = tell_plan(args, &spool);
    if spool.is_copy() {
        // The copy is gone when they read it.
        told.map_err(|failure| failure.calling(spool.path(), STANDARD_INPUT))
    } else {
        told
    }
}

fn tell_plan(args: &PlanArgs, spool: &Spool) -> Result<ExitCode, Failure> {
    let mut planning = planning(args, spool.path())?;
    if spool.is_copy() {
        STANDARD_INPUT.clone_into(&mut planning.name);
    }
    let mut planned = match &args.output {
        None => planning.plan(&[])?,
        Some(output) => {
            if spool.is_copy() {
                return Err(Failure::message(
                    ExitCode::Refused,
                    "a plan of standard input cannot be saved: there is no file to bind it to",
                    Some("save the input to a file first"),
                ));
            }
            let (input, digest) =
                Input::snapshot(spool.path(), folder_of(output)).map_err(Failure::refused)?;
            planning.input = input;
            let planned = planning.plan(&[])?;
            SavedPlan::of(&planning, &planned, &digest)?.save(output)?;
            planned
        }
    };
    let now = WallClock::system().now();
    let until = args.pace.until.map(|time| time.until(now));
    if args.json {
        put(&outline_text::json(&planning, &planned).to_string())?;
    } else {
        planned.examples = planning.examples(&planned.plan);
        put_page(&outline_text::text(&planning, &planned, &[]))?;
        if let Some(until) = &until {
            put_page(&until::told(&planning, &planned, until, now))?;
        }
        if let Some(canary) = planning.options.canary {
            put_page(&outline_text::canary(canary))?;
        }
        put_page(&next(args, &planned))?;
    }
    if args
        .pace
        .max_delete
        .is_some_and(|max| planned.plan.to_delete > max)
    {
        tell("note: `run` with this `--max-delete` would be refused");
    }
    Ok(if planned.plan.to_delete == 0 {
        ExitCode::SomeRowsBad
    } else {
        ExitCode::Success
    })
}

fn planning(args: &PlanArgs, input: &Path) -> Result<Planning, Failure> {
    let source = setting::locate(args.config.config.as_deref())?;
    let outline = setting::outline(&source)?;
    let selection = Selection {
        mapping: &args.mapping,
        protection: &args.protection,
    };
    let mut options = selection.run_options(&args.pace, &setting::folder()?);
    setting::note(&mut options, &source, args.config.config.as_deref());
    Planning::new(input.into(), args.mapping.read_options(), outline, options)
}

/// The exact next command.
fn next(args: &PlanArgs, planned: &Planned) -> String {
    if planned.plan.to_delete == 0 && planned.likely_column.is_none() {
        return "\nNothing in this file can be sent.".to_owned();
    }
    if let Some(output) = &args.output {
        let mut command = format!(
            "\nSaved. Next: userpurge run {}",
            outline_text::shell(output)
        );
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
        let column = outline_text::shell(Path::new(column));
        return format!("{} --id-column {column}", typed_again("plan"));
    }
    typed_again("run")
}

/// The command line once more, for `command`.
fn typed_again(command: &str) -> String {
    let mut command = format!("\nNext: userpurge {command}");
    for word in std::env::args().skip_while(|word| word != "plan").skip(1) {
        command.push(' ');
        command.push_str(&outline_text::shell(Path::new(&word)));
    }
    command
}

/// Standard input kept for as long as the plan needs it; a file stays where it is.
struct Spool {
    path: PathBuf,
    copy: bool,
}

impl Spool {
    fn of(input: &Path) -> Result<Self, Failure> {
        if input != Path::new("-") {
            return Ok(Self {
                path: input.to_owned(),
                copy: false,
            });
        }
        let name = format!("userpurge-{}.input", uuid::Uuid::now_v7());
        let path = std::env::temp_dir().join(name);
        input::spool(std::io::stdin().lock(), &path).map_err(Failure::refused)?;
        Ok(Self { path, copy: true })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn is_copy(&self) -> bool {
        self.copy
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.copy {
            // It was a help for this moment; the system clears its folder in time.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
