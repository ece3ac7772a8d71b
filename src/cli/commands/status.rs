//! `status`: where a run stands, also while another process is at it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::cli::args::StatusArgs;
use crate::cli::ledgers;
use crate::cli::terminal::{put, put_summary};
use crate::cli::{CliError, ExitCode};
use crate::domain::{AccountPlan, Entry, Time};
use crate::ledger::{LedgerReader, LedgerState, is_locked};
use crate::progress::{Mode, Progress};
use crate::report::Summary;

/// How long `--follow` rests between two looks at what is new.
const REST: Duration = Duration::from_millis(200);

/// After so many of them it looks whether anybody is at work still.
const LOOKS_PER_LOCK: u32 = 5;

/// Says where a run stands.
pub(in crate::cli) fn execute(args: &StatusArgs) -> Result<ExitCode, CliError> {
    let ledger = &ledgers::named(args.ledger.as_deref())?;
    if args.follow {
        follow(ledger)?;
    }
    // The lock first: a run that ends in between must not be called interrupted.
    let is_locked = is_locked(ledger)?;
    let summary = Summary::new(&LedgerState::read(ledger)?, is_locked);
    if args.json {
        put(&serde_json::to_string(&summary)?)?;
    } else {
        put_summary(&summary)?;
    }
    Ok(ExitCode::Success)
}

/// Shows what the process at work shows, until it ends: the same counts, pauses and times, from the
/// entries that it writes.
fn follow(ledger: &Path) -> Result<(), CliError> {
    let mut reader = LedgerReader::open(ledger)?;
    // Before a session says what lies before it.
    let accounts = reader.header.accounts.iter();
    let accounts = accounts.map(|it| AccountPlan::untimed(it.name.clone(), 0));
    let start = |ahead, since| Progress::start(Mode::Auto, ahead, since);
    let mut progress = start(accounts.collect(), Time::now());
    let mut shown = false;
    // Ends with the run, or with the person's patience.
    loop {
        // The lock first: what a run that ends in between has written is read after.
        let at_work = is_locked(ledger)?;
        for _ in 0..LOOKS_PER_LOCK {
            // A line that was not finished may have been cut off by who took the run up.
            if reader.torn().is_some() && !reader.reopen()? {
                return Ok(());
            }
            while let Some(entry) = reader.next_entry()? {
                match &entry {
                    Entry::Session(session) => progress = start(session.ahead.clone(), session.at),
                    Entry::Verification(begun) => progress = start(begun.ahead.clone(), begun.at),
                    other => progress.see(other),
                }
            }
            if !at_work {
                if shown {
                    progress.finish(Time::now());
                }
                return Ok(());
            }
            progress.tick(Time::now());
            shown = true;
            thread::sleep(REST);
        }
    }
}
