//! `run`: a plan, the question, and then the work.

use std::path::{Path, PathBuf};

use super::resume::tell_of_cut;
use crate::cli::args::RunArgs;
use crate::cli::latest::LEDGER_SUFFIX;
use crate::cli::new_ledger::{Begun, NewLedger, refuse_existing};
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning, Purpose, absolute};
use crate::cli::session::{Command, Session};
use crate::cli::setup::Setup;
use crate::cli::terminal::put_page;
use crate::cli::users;
use crate::cli::{ExitCode, Failure};
use crate::ledger::{Disk, LedgerError, LedgerReader, LedgerState, LedgerWriter, Opened};
use crate::words;

/// What stands for standard input.
const DASH: &str = "-";

/// Carries a plan out, after asking.
pub(in crate::cli) async fn execute(args: &RunArgs, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    if args.input != Path::new(DASH) && args.input.is_file() {
        match LedgerReader::open(&args.input) {
            Ok(_) => return Box::pin(run_plan(args, disk)).await,
            Err(error @ LedgerError::OldFormat { .. }) => return Err(error.into()),
            Err(_) => {}
        }
    }
    let setup = Setup::new(args.config.config.as_deref(), args.run_options()?)?;
    let planning = |setup| {
        let read = args.mapping.read_options();
        Planning::new(&args.input, read, setup, Purpose::CarryOut)
    };
    if args.dry_run && !args.live {
        let (setup, planned) = planning(setup)?.plan(None)?;
        put_page(&outline_text::text(&setup, &planned, &[]))?;
        return Ok(ExitCode::Success);
    }
    refuse_unkeepable(&args.input)?;
    let ledger = args
        .ledger
        .clone()
        .unwrap_or_else(|| default_ledger(&args.input));
    refuse_existing(&ledger)?;
    let begun = NewLedger::begin(disk, &ledger, planning(setup)?)?;
    Box::pin(run_begun(args, ledger, begun)).await
}

/// Goes on with a plan that has just been made.
async fn run_begun(args: &RunArgs, ledger: PathBuf, begun: Begun<'_>) -> Result<ExitCode, Failure> {
    let Begun {
        new,
        writer,
        setup,
        planned,
    } = begun;
    let state = LedgerState::read(&ledger)?;
    let session = session(args, (ledger, writer, state), setup, planned, Some(new));
    if args.live {
        return Box::pin(session.show_live()).await;
    }
    Box::pin(session.carry_out()).await
}

/// Goes on with a saved plan.
async fn run_plan(args: &RunArgs, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    let ledger = &args.input;
    let Opened { writer, state, cut } = LedgerWriter::open_on(disk, ledger)?;
    tell_of_cut(ledger, cut);
    check_is_plan(ledger, &state)?;
    if let Some(option) = args.reading_option() {
        let text = format!(
            "`{option}` is about reading an input, and `{}` is a ledger: its rows are read already",
            ledger.display()
        );
        let help = "leave the option off, or plan the input again";
        return Err(Failure::message(ExitCode::Refused, text, Some(help)));
    }
    users::check(ledger, &state)?;
    let mut options = state.header.options.clone();
    args.pace.lay_over(&mut options);
    let setup = Setup::again(ledger, &options, args.config.config.as_deref())?;
    let planned = Planned::of_ledger(&state)?;
    if args.dry_run && !args.live {
        put_page(&outline_text::text(&setup, &planned, &[]))?;
        writer.finish().await?;
        return Ok(ExitCode::Success);
    }
    let session = session(args, (ledger.clone(), writer, state), setup, planned, None);
    if args.live {
        return Box::pin(session.show_live()).await;
    }
    Box::pin(session.carry_out()).await
}

fn session<'a>(
    args: &'a RunArgs,
    (ledger, writer, state): (PathBuf, LedgerWriter, LedgerState),
    setup: Setup,
    planned: Planned,
    new: Option<NewLedger<'a>>,
) -> Session<'a> {
    Session {
        command: Command::Run(Box::new(planned)),
        wanted: state.outstanding(),
        ledger,
        writer,
        state,
        setup,
        pace: &args.pace,
        consent: args.consent.consent(&args.pace),
        is_piped: args.input == Path::new(DASH),
        mode: args.progress.progress.into(),
        new,
    }
}

/// Refuses a ledger that is no plan to be agreed to.
fn check_is_plan(ledger: &Path, state: &LedgerState) -> Result<(), Failure> {
    if state.is_saved_plan() {
        return Ok(());
    }
    if state.is_unfinished_plan() {
        return Err(unfinished(ledger));
    }
    let name = words::shell_path(ledger);
    let text = format!(
        "`{}` is a ledger and no list of users: its plan was agreed to, and its run has begun",
        ledger.display()
    );
    let help = format!(
        "`userpurge resume {name}` goes on with its run, `userpurge retry {name}` tries failed rows again"
    );
    Err(Failure::message(ExitCode::Refused, text, Some(&help)))
}

/// The process ended while it wrote the plan: what is missing, nobody knows.
pub(in crate::cli) fn unfinished(ledger: &Path) -> Failure {
    let text = format!(
        "ledger `{}` holds the beginning of a plan: it was killed while it read the input, and nothing \
         was sent",
        ledger.display()
    );
    let help = "remove the file, and run or plan the input again";
    Failure::message(ExitCode::Refused, text, Some(help))
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
fn refuse_unkeepable(path: &Path) -> Result<(), Failure> {
    if absolute(path).to_str().is_some() {
        return Ok(());
    }
    Err(Failure::message(
        ExitCode::Refused,
        format!(
            "the path of `{}` is not UTF-8, so the ledger cannot name it and no `report` would find it",
            path.display()
        ),
        Some("rename the file or the folder, or pipe the file in and give `-`"),
    ))
}
