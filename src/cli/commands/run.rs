//! `run`: a plan, the question, and then the work.

use std::path::{Path, PathBuf};

use crate::cli::args::RunArgs;
use crate::cli::ledgers::{self, LEDGER_SUFFIX, NewLedger, refuse_existing};
use crate::cli::outline_text;
use crate::cli::planning::{DASH, Planned, Planning, absolute};
use crate::cli::session::{OpenRun, WorkKind};
use crate::cli::setup::Setup;
use crate::cli::terminal::put_page;
use crate::cli::{CliError, ExitCode};
use crate::ledger::{Disk, LedgerError, LedgerReader, LedgerState, LedgerWriter};
use crate::words;

/// Carries a plan out, after asking: one that is made now, or a saved one.
pub(in crate::cli) async fn execute(args: &RunArgs, disk: &dyn Disk) -> Result<ExitCode, CliError> {
    let mut is_ledger = false;
    if args.input != Path::new(DASH) && args.input.is_file() {
        is_ledger = match LedgerReader::open(&args.input) {
            Ok(_) => true,
            Err(error @ LedgerError::OldFormat { .. }) => return Err(error.into()),
            Err(_) => false,
        };
    }
    let run = if is_ledger {
        saved(args, disk).await?
    } else {
        fresh(args, disk)?
    };
    match run {
        None => Ok(ExitCode::Success),
        Some(run) if args.live => Box::pin(run.show_live()).await,
        Some(run) => Box::pin(run.carry_out()).await,
    }
}

/// A plan that is made now; `None`: it was to be shown alone.
fn fresh<'a>(args: &RunArgs, disk: &'a dyn Disk) -> Result<Option<OpenRun<'a>>, CliError> {
    let options = args.rows.run_options(&args.pace)?;
    let read = args.rows.read_options(&options);
    let setup = Setup::new(args.config.as_deref(), options, None)?;
    let planning = || Planning::new(&args.input, read, setup, true);
    if args.dry_run && !args.live {
        let (setup, planned) = planning()?.plan(None)?;
        put_page(&outline_text::text(&setup, &planned, &[]))?;
        return Ok(None);
    }
    refuse_unkeepable(&args.input)?;
    let ledger = args.ledger.clone();
    let ledger = ledger.unwrap_or_else(|| default_ledger(&args.input));
    refuse_existing(&ledger)?;
    let (new, writer, setup, planned) = NewLedger::begin(disk, &ledger, planning()?)?;
    let state = LedgerState::read(&ledger)?;
    let opened = (ledger, writer, state);
    Ok(Some(open_run(args, opened, setup, planned, Some(new))))
}

/// A saved plan; `None`: it was to be shown alone.
async fn saved<'a>(args: &RunArgs, disk: &'a dyn Disk) -> Result<Option<OpenRun<'a>>, CliError> {
    let ledger = args.input.clone();
    let (writer, state) = open_plan(args, disk)?;
    let mut options = state.header.options.clone();
    args.pace.lay_over(&mut options);
    let setup = Setup::new(args.config.as_deref(), options, Some(&ledger))?;
    let planned = Planned::of_ledger(&state)?;
    if args.dry_run && !args.live {
        put_page(&outline_text::text(&setup, &planned, &[]))?;
        writer.finish().await?;
        return Ok(None);
    }
    let opened = (ledger, writer, state);
    Ok(Some(open_run(args, opened, setup, planned, None)))
}

fn open_run<'a>(
    args: &RunArgs,
    opened: (PathBuf, LedgerWriter, LedgerState),
    setup: Setup,
    planned: Planned,
    new: Option<NewLedger<'a>>,
) -> OpenRun<'a> {
    let wanted = opened.2.outstanding();
    let kind = WorkKind::Run(Box::new(planned));
    OpenRun {
        consent: args.consent,
        is_piped: args.input == Path::new(DASH),
        mode: args.progress,
        new,
        ..OpenRun::new(kind, opened, &wanted, setup, args.pace.clone())
    }
}

/// Opens a saved plan, of which nothing can be read otherwise than it was.
fn open_plan(args: &RunArgs, disk: &dyn Disk) -> Result<(LedgerWriter, LedgerState), CliError> {
    let ledger = &args.input;
    let shown = ledger.display();
    let (writer, state) = ledgers::open(disk, ledger, None)?;
    if !state.is_saved_plan() {
        let name = words::shell_path(ledger);
        let text = format!(
            "`{shown}` is a ledger and no list of users: its plan was agreed to, and its run has begun"
        );
        let help = format!(
            "`userpurge resume {name}` goes on with its run, `userpurge retry {name}` tries failed rows again"
        );
        return Err(CliError::message(ExitCode::Refused, text, Some(&help)));
    }
    let ledger = args.ledger.as_ref().map(|_| "--ledger");
    if let Some(option) = ledger.or_else(|| args.rows.first_typed()) {
        let text = format!(
            "`{option}` is about reading an input, and `{shown}` is a ledger: its rows are read already"
        );
        let help = "leave the option off, or plan the input again";
        return Err(CliError::message(ExitCode::Refused, text, Some(help)));
    }
    Ok((writer, state))
}

/// INPUT with `.ledger.jsonl` appended; of standard input, `stdin.ledger.jsonl`.
fn default_ledger(input: &Path) -> PathBuf {
    let mut name = if input == Path::new(DASH) {
        "stdin".into()
    } else {
        input.as_os_str().to_owned()
    };
    name.push(LEDGER_SUFFIX);
    PathBuf::from(name)
}

/// A ledger is text, and so is the input's name in it: with another, `report` would not find the file
/// again.
fn refuse_unkeepable(path: &Path) -> Result<(), CliError> {
    if absolute(path).to_str().is_some() {
        return Ok(());
    }
    Err(CliError::message(
        ExitCode::Refused,
        format!(
            "the path of `{}` is not UTF-8, so the ledger cannot name it and no `report` would find it",
            path.display()
        ),
        Some("rename the file or the folder, or pipe the file in and give `-`"),
    ))
}
