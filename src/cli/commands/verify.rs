//! `verify`: asks the provider about the rows that ended well, and keeps what it saw.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringTreemap;
use serde_json::json;

use crate::cli::args::{PaceArgs, VerifyArgs, WorkArgs};
use crate::cli::feed::{Feed, QueueSource, QueueSources};
use crate::cli::ledgers;
use crate::cli::session::{OpenRun, WorkKind};
use crate::cli::setup::Setup;
use crate::cli::terminal::{put, put_page, put_with, tell};
use crate::cli::work::{Shown, ended_as, exit_code};
use crate::cli::{CliError, ExitCode};
use crate::domain::{AccountName, AccountPlan, Entry, RunState, SampleDraw, SessionStart};
use crate::lane::{FailureLimit, WorkSpec};
use crate::ledger::{LedgerState, PlanRows, RealDisk, draw_sample};
use crate::report::text::again;
use crate::report::{VerificationSummary, mend, named_config, rows_done};
use crate::run::{Durability, EventSink as _, run};
use crate::words::grouped;

/// Rows by account.
type Rows = BTreeMap<AccountName, RoaringTreemap>;

/// Asks the provider about rows that ended `deleted` or `already_gone`.
pub(in crate::cli) async fn execute(args: &VerifyArgs) -> Result<ExitCode, CliError> {
    let ledger = ledgers::named(args.ledger.as_deref())?;
    let (writer, state) = ledgers::open(&RealDisk, &ledger, args.head)?;
    let good = state.verifiable();
    if good.is_empty() {
        // Nothing is asked or written.
        writer.finish().await?;
        return nothing_to_ask(args, &ledger);
    }
    let mut options = state.header.options.clone();
    let concurrency = args.concurrency.map(NonZeroU32::get);
    options.concurrency = concurrency.or(options.concurrency);
    let setup = Setup::new(args.config.as_deref(), options, Some(&ledger))?;
    let pace = PaceArgs {
        ignore_pauses: args.ignore_pauses,
        ..PaceArgs::default()
    };
    let work = WorkArgs {
        pace,
        progress: args.progress,
        ..WorkArgs::default()
    };
    let (opened, none) = ((writer, state), RoaringTreemap::new());
    let run = OpenRun::new(WorkKind::Verify, opened, &none, setup, work);
    run.verify(args, &good).await
}

impl OpenRun<'_> {
    /// Asks about the rows that ended well, `good`, or a sample of them.
    async fn verify(mut self, args: &VerifyArgs, good: &Rows) -> Result<ExitCode, CliError> {
        let sample = args.sample.map(|rows| SampleDraw {
            rows: rows.get(),
            // Of 32 bits, so that no reader of JSON rounds it.
            seed: args.seed.unwrap_or_else(|| u64::from(fastrand::u32(..))),
        });
        let rows = sample.map_or_else(|| good.clone(), |it| draw_sample(good, it));
        let accounts = rows.keys().cloned().collect();
        self.check_accounts(&accounts)?;
        self.connect(&accounts).await?;
        self.attach().await?;
        let sum = |rows: &Rows| rows.values().map(RoaringTreemap::len).sum();
        let ahead = rows.iter();
        let ahead = ahead.map(|(name, rows)| AccountPlan::untimed(name.clone(), rows.len()));
        let (asked, all): (u64, u64) = (sum(&rows), sum(good));
        let begun = SessionStart {
            good_rows: Some(all),
            sample,
            ..self.start("verify", asked, ahead.collect())
        };
        let (ledger, signals) = (self.state.path.clone(), self.signals.clone());
        let displayed = ledger.display();
        let (part, all) = (grouped(asked), rows_done(all));
        tell(&match sample {
            Some(SampleDraw { seed, .. }) => format!(
                "{displayed}: asking about a sample of {part} of {all}, drawn with --seed {seed}"
            ),
            None => format!("{displayed}: asking about {all}"),
        });
        // From here on the ledger holds more than it did, whatever goes wrong.
        let asked = self.ask_about(rows, begun).await;
        let (ended, state) = asked.map_err(CliError::once_begun)?;
        let all_good = close(args, &state, ended).map_err(CliError::once_begun)?;
        tell(&format!(
            "note: {displayed} has now the fingerprint {}",
            state.head
        ));
        Ok(exit_code(ended, all_good, signals.code()))
    }

    /// Asks about `rows`, and records what was seen. The ledger is closed either way.
    async fn ask_about(
        self,
        mut rows: Rows,
        begun: SessionStart,
    ) -> Result<(RunState, LedgerState), CliError> {
        let ahead = begun.ahead.clone();
        let begun = Entry::Verification(Box::new(begun));
        self.recorder.record(begun, Durability::Synced).await?;
        let (mut sources, mut work) = (QueueSources::new(), Vec::new());
        for connection in &self.connections {
            let (name, client) = (&connection.name, &connection.client);
            let rows = rows.remove(name).unwrap_or_default();
            let users = rows.len();
            client.with(|lane| lane.expect(name, [(None, users)]));
            let queues = self.state.queues_of(&rows).remove(name);
            let queues = queues.iter().flatten();
            let good = queues
                .map(|(action, rows)| PlanRows::open(&self.state, name.clone(), *action, rows));
            let good = QueueSource::Good(good.collect::<Result<_, _>>()?);
            sources.insert((name.clone(), None), good);
            let spec = WorkSpec {
                queues: vec![None],
                failure_limit: FailureLimit::Default,
                include_roles: Vec::new(),
                canary: None,
                until: None,
            };
            work.push((client.clone(), spec));
        }
        let progress = Shown::start(&self, ahead);
        let feed = Feed::new(self.state, &self.recorder, sources);
        let asked = ended_as(run(work, Arc::new(feed)).await);
        progress.finish().await;
        let state = self.writer.finish().await;
        Ok((asked?, state?))
    }
}

/// Says what was found, as the ledger tells it. Returns whether everybody is gone.
fn close(args: &VerifyArgs, state: &LedgerState, ended: RunState) -> Result<bool, CliError> {
    let Some(summary) = VerificationSummary::new(state) else {
        return Err(CliError::bug(
            "the ledger does not tell of this verification",
        ));
    };
    let (listed, in_background) = VerificationSummary::listed(state, VerificationSummary::LISTED)?;
    if args.json {
        put_with(|out| summary.write_json::<CliError>(state, out))?;
    } else {
        put_page(&summary.render(&listed))?;
    }
    for stop in &summary.stops {
        let why = stop.reason.describe();
        tell(&format!("{}: {why}; {}", stop.account, mend(stop.reason)));
    }
    if ended == RunState::Interrupted {
        tell("interrupted: what was seen so far is recorded; the next `verify` starts anew");
    }
    let again = again(&state.path, named_config(&state.header.options));
    for words in summary.advice(in_background, &again) {
        tell(&words);
    }
    Ok(summary.standing == 0 && summary.unknown == 0)
}

/// Says that no row is done, so that there is nobody to ask about.
fn nothing_to_ask(args: &VerifyArgs, ledger: &Path) -> Result<ExitCode, CliError> {
    tell(&format!(
        "{}: no row is done; nothing was asked",
        ledger.display()
    ));
    if args.json {
        let none = json!({
            "ok": true, "complete": true, "good_rows": 0, "rows": 0, "asked": 0, "as_asked": 0,
            "standing": 0, "under_way": 0, "unknown": 0, "sample": null,
            "standing_rows": [], "unknown_rows": [],
        });
        put(&none.to_string())?;
    }
    Ok(ExitCode::Success)
}
