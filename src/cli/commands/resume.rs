//! `resume` and `retry`: going on with a ledger.

use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use super::run::unfinished;
use crate::cli::args::{GoOnArgs, ResumeArgs, RetryArgs};
use crate::cli::head;
use crate::cli::latest;
use crate::cli::page;
use crate::cli::session::{Command, Session};
use crate::cli::setup::Setup;
use crate::cli::terminal::{put_page, tell};
use crate::cli::users;
use crate::cli::{ExitCode, Failure};
use crate::domain::{Counted, Entry, Outcome, RunEnd, RunOptions, RunState, WallClock};
use crate::ledger::{Disk, Durability, LedgerState, LedgerWriter, Only, Opened, TornTail};
use crate::report::{Lock, Summary};
use crate::words;

/// A ledger that is gone on with.
struct Again<'a> {
    command: Command<'a>,
    ledger: PathBuf,
    args: &'a GoOnArgs,
    writer: LedgerWriter,
    state: LedgerState,
    options: RunOptions,
}

/// Goes on where an interrupted run stopped.
pub(in crate::cli) async fn resume(
    args: &ResumeArgs,
    disk: &dyn Disk,
) -> Result<ExitCode, Failure> {
    let again = open(disk, &args.go_on, Command::Resume)?;
    // What a second Ctrl-C left in doubt is not over.
    let wanted = again.state.outstanding() | again.state.rows_of(Outcome::InDoubt);
    Box::pin(go_on(again, wanted)).await
}

/// Tries rows again that ended `failed` or `in_doubt`, or as `--only` says.
pub(in crate::cli) async fn retry(args: &RetryArgs, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    let only = args.only.iter().map(|text| match text.parse() {
        Ok(only) => only,
        Err(never) => match never {},
    });
    let only: Vec<Only> = only.collect();
    let mut again = open(disk, &args.go_on, Command::Retry(&args.only))?;
    args.roles.lay_over(&mut again.options);
    let picked = again.state.select(&only)?;
    let planned = again.state.planned_rows();
    let planned = planned.fold(RoaringTreemap::new(), |all, (_, _, rows)| all | rows);
    let unsent = (&picked - &planned).len();
    if unsent > 0 {
        let noun = if unsent == 1 { "row" } else { "rows" };
        tell(&format!(
            "note: {unsent} {noun} of these cannot be sent as they stand in the input: mend them there, \
             and run the mended rows (`userpurge report {} --format csv --out report` gives them back)",
            words::shell_path(&again.ledger)
        ));
    }
    Box::pin(go_on(again, picked & planned)).await
}

async fn go_on(again: Again<'_>, wanted: RoaringTreemap) -> Result<ExitCode, Failure> {
    let config = again.args.config.config.as_deref();
    let setup = Setup::again(&again.ledger, &again.options, config)?;
    if wanted.is_empty() {
        // Nothing is asked or sent.
        return nothing_to_do(again).await;
    }
    let Again {
        command,
        ledger,
        args,
        writer,
        state,
        ..
    } = again;
    let mut consent = args.consent.consent(&args.pace);
    // The run was agreed to when it began; only a number that does not fit stops it here.
    consent.yes |= matches!(command, Command::Resume);
    let session = Session {
        command,
        setup,
        ledger,
        writer,
        state,
        wanted,
        pace: &args.pace,
        consent,
        is_piped: false,
        mode: args.progress.progress.into(),
        new: None,
    };
    Box::pin(session.carry_out()).await
}

/// Opens the ledger for going on with it.
fn open<'a>(
    disk: &dyn Disk,
    args: &'a GoOnArgs,
    command: Command<'a>,
) -> Result<Again<'a>, Failure> {
    let ledger = latest::named(args.ledger.as_deref())?;
    let Opened { writer, state, cut } = LedgerWriter::open_on(disk, &ledger)?;
    tell_of_cut(&ledger, cut);
    head::check(&ledger, state.source.head, args.head)?;
    if state.is_unfinished_plan() {
        return Err(unfinished(&ledger));
    }
    if state.is_saved_plan() {
        let text = format!(
            "ledger `{}` holds a plan that nobody agreed to, so there is no run to go on with",
            ledger.display()
        );
        let help = format!(
            "`userpurge run {}` asks, and carries it out",
            words::shell_path(&ledger)
        );
        return Err(Failure::message(ExitCode::Refused, text, Some(&help)));
    }
    users::check(&ledger, &state)?;
    let mut options = state.header.options.clone();
    args.pace.lay_over(&mut options);
    Ok(Again {
        command,
        ledger,
        args,
        writer,
        state,
        options,
    })
}

/// Says that a torn last line was cut off.
pub(super) fn tell_of_cut(ledger: &Path, cut: Option<TornTail>) {
    if let Some(torn) = cut {
        tell(&format!(
            "note: the last line of ledger `{}` was torn ({} bytes, from a crash while it was written) and has been cut off",
            ledger.display(),
            torn.bytes
        ));
    }
}

/// Closes a ledger in which no row is left to do, and says where its run stands. A process that died
/// between its last outcome and its end left the ledger open: then the end is written now, or the run
/// would seem interrupted for ever.
async fn nothing_to_do(again: Again<'_>) -> Result<ExitCode, Failure> {
    let Again {
        command,
        ledger,
        writer,
        mut state,
        ..
    } = again;
    let is_over = (state.end.as_ref()).is_some_and(|end| end.state == RunState::Finished);
    let is_left_open = matches!(command, Command::Resume) && !is_over;
    if is_left_open {
        let end = Entry::End(RunEnd {
            state: RunState::Finished,
            outcomes: state.counts(),
            at: WallClock::system().now(),
        });
        writer.handle().append(end, Durability::Synced).await?;
    }
    writer.finish().await?;
    if is_left_open {
        state = LedgerState::read(&ledger)?;
    }
    let what = match command {
        Command::Retry([only]) if only.eq_ignore_ascii_case("standing") => {
            "no row that ended well was seen standing".to_owned()
        }
        Command::Retry([]) => "no row ended `failed` or `in_doubt`".to_owned(),
        Command::Retry(only) => {
            let only = only.join("`, `");
            format!("no row that can be sent ended with outcome or code `{only}`")
        }
        Command::Resume | Command::Run(_) => "no row is left to do".to_owned(),
    };
    tell(&format!("{}: {what}; nothing was sent", ledger.display()));
    put_page(&page::standing(&Summary::new(&state, Lock::Free)))?;
    let counts = state.counts();
    Ok(if counts.pending > 0 {
        // The run has not reached its end; the words above name `resume`.
        ExitCode::Stopped
    } else if counts.counted(Counted::Bad) > 0 {
        ExitCode::SomeRowsBad
    } else {
        ExitCode::Success
    })
}
