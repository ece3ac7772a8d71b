//! `status`: where a run stands, also while another process is at it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::cli::args::StatusArgs;
use crate::cli::latest;
use crate::cli::setting;
use crate::cli::terminal::{put, tell};
use crate::cli::{ExitCode, Failure};
use crate::domain::RunState;
use crate::ledger::{LedgerFollower, is_locked};
use crate::report::{self, Lock, Summary};

/// How long `--follow` rests between two looks.
const REST: Duration = Duration::from_secs(1);

/// Says where a run stands.
pub(in crate::cli) fn execute(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let folder = setting::folder()?;
    let ledger = latest::resolve(&args.ledger, &folder)?;
    let ledger = ledger.strip_prefix(&folder).unwrap_or(&ledger);
    let mut follower = LedgerFollower::open(ledger)?;
    let mut last = None;
    // Ends with the run, or with the person's patience.
    loop {
        let summary = look(ledger, &mut follower)?;
        let running = summary.state == RunState::Running;
        if !args.follow || !running {
            show(&summary, args.json)?;
            return Ok(ExitCode::Success);
        }
        let done = summary.rows - summary.outcomes.pending;
        if last != Some(done) {
            last = Some(done);
            if args.json {
                show(&summary, true)?;
            } else {
                tell(&format!("{done} of {} rows done", summary.rows));
            }
        }
        thread::sleep(REST);
    }
}

fn look(ledger: &Path, follower: &mut LedgerFollower) -> Result<Summary, Failure> {
    // The lock first: a run that ends in between must not be called interrupted.
    let lock = if is_locked(ledger)? {
        Lock::Held
    } else {
        Lock::Free
    };
    Ok(Summary::new(&follower.look()?, lock))
}

fn show(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        put(&serde_json::to_string(summary).map_err(|error| Failure::bug(&error.to_string()))?)?;
    } else {
        put(&report::text::render(summary))?;
    }
    Ok(())
}
