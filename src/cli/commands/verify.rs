//! `verify`: asks the provider about the rows that ended well, and keeps what it saw.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roaring::RoaringTreemap;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::resume::tell_of_cut;
use crate::cli::accounts::{Line, Wiring, identify};
use crate::cli::args::VerifyArgs;
use crate::cli::before::{Before, now_of};
use crate::cli::failure::mend;
use crate::cli::head;
use crate::cli::held;
use crate::cli::latest;
use crate::cli::recorder::Recorder;
use crate::cli::sample;
use crate::cli::session::check_tenants;
use crate::cli::setup;
use crate::cli::shown::Shown;
use crate::cli::signals;
use crate::cli::tenants::Tenants;
use crate::cli::terminal::{put, put_page, put_with, tell};
use crate::cli::uptime::uptime;
use crate::cli::users;
use crate::cli::work::end_of;
use crate::cli::{ExitCode, Failure};
use crate::domain::{
    AccountName, AccountPlan, Action, Entry, Finding, ProviderKind, RunOptions, RunState, Sample,
    ToVerify, Verification, Verified, WallClock,
};
use crate::lane::{FailureLimit, Queue, SourceError, WorkSpec};
use crate::ledger::{
    GoodRows, Head, LedgerState, LedgerWriter, Opened, VerificationState, each_verified,
};
use crate::report::text::again;
use crate::report::{VerificationSummary, named_config};
use crate::run::{self, Channels, Durability, EventSink, Stop};

/// How many rows are listed for people; scripts get all of them.
const LISTED_MAX: usize = 20;

/// Rows that a reader of the ledger is ahead of who asks.
const READ_AHEAD_MAX: usize = 512;

/// Rows by account.
type Rows = BTreeMap<AccountName, RoaringTreemap>;

/// How the asking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    /// A safety stopped an account.
    Stopped,
    Interrupted,
}

/// Asks the provider about rows that ended `deleted` or `already_gone`.
pub(in crate::cli) async fn execute(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let signals = signals::Stop::default();
    let stop = signals.of_run();
    let ledger = latest::named(args.ledger.as_deref())?;
    let Opened {
        writer,
        mut state,
        cut,
    } = LedgerWriter::open(&ledger)?;
    tell_of_cut(&ledger, cut);
    head::check(&ledger, state.source.head, args.head)?;
    users::check(&ledger, &state)?;
    let good = state.verifiable();
    if good.is_empty() {
        // Nothing is asked or written.
        writer.finish().await?;
        return nothing_to_ask(args, &ledger);
    }
    let sample = args.sample.map(|rows| Sample {
        rows: rows.get(),
        // Of 32 bits, so that no reader of JSON rounds it.
        seed: args.seed.unwrap_or_else(|| u64::from(fastrand::u32(..))),
    });
    let rows = sample.map_or_else(|| good.clone(), |it| sample::draw(&good, it));
    let recorder = Recorder::new();
    let (mut lines, mut tenants) = lines(args, &state, &rows, &recorder, &stop)?;
    state.forget_sent();
    identify(&mut lines, &recorder).await?;
    check_tenants(&ledger, &state, &lines)?;
    tenants.settle(&lines)?;

    signals.listen()?;
    tenants.note(&ledger);
    recorder.attach(writer.handle()).await?;
    let begun = Verification {
        command: "verify".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rows: sum(&rows),
        good_rows: sum(&good),
        sample,
        accounts: lines.iter().map(Line::header).collect(),
        ahead: ahead(&rows),
        at: WallClock::system().now(),
        uptime: uptime(),
    };
    tell(&opening(&ledger, &begun));
    let asking = Asking {
        state: &state,
        lines: &lines,
        rows,
        recorder: &recorder,
    };
    // From here on the ledger holds more than it did, whatever goes wrong.
    let ended = asking.go(args, begun, writer).await;
    let (ended, head) = ended.map_err(Failure::once_begun)?;
    let exit = close(args, &ledger, ended).map_err(Failure::once_begun)?;
    tell(&format!("ledger {} head {head}", ledger.display()));
    Ok(match (ended, signals.signal()) {
        (Ended::Interrupted, Some(signal)) => signal.exit_code(),
        (Ended::Stopped | Ended::Interrupted, _) => ExitCode::Stopped,
        (Ended::Done, _) => exit,
    })
}

/// What a verification works on.
struct Asking<'a> {
    state: &'a LedgerState,
    lines: &'a [Line],
    rows: Rows,
    recorder: &'a Arc<Recorder>,
}

impl Asking<'_> {
    /// Asks, and records what was seen. The ledger is closed either way.
    async fn go(
        self,
        args: &VerifyArgs,
        begun: Verification,
        writer: LedgerWriter,
    ) -> Result<(Ended, Head), Failure> {
        let ahead = begun.ahead.clone();
        let begun = Entry::Verification(Box::new(begun));
        let recorded = self.recorder.record(begun, Durability::Queued).await;
        recorded.map_err(|failed| Failure::sink(&failed))?;
        let shown = Shown::start(args.progress.progress.into(), ahead, self.recorder);
        let asked = ask(self.state, self.lines, self.rows).await;
        shown.finish().await;
        let head = writer.finish().await;
        Ok((asked?, head?.source.head))
    }
}

/// Lines to the accounts that have rows to ask about.
fn lines(
    args: &VerifyArgs,
    state: &LedgerState,
    rows: &Rows,
    recorder: &Arc<Recorder>,
    stop: &Stop,
) -> Result<(Vec<Line>, Tenants), Failure> {
    let kept = &state.header.options;
    let config = args.config.config.as_deref();
    let source = setup::locate_again(&state.source.path, kept, config)?;
    let options = RunOptions {
        concurrency: args.concurrency.map(NonZeroU32::get).or(kept.concurrency),
        ..kept.clone()
    };
    let wiring = Wiring::new(&options, Arc::clone(recorder), stop.clone());
    let has_rows = |name: &AccountName| rows.contains_key(name);
    let waiting = held::held(state, now_of(state));
    let waiting = waiting
        .values()
        .find(|stop| rows.contains_key(&stop.account));
    if let Some(stop) = waiting.filter(|_| !args.ignore_pauses) {
        return Err(held::refusal(stop, ""));
    }
    let outline = setup::outline(&source)?;
    let accounts = outline.accounts.iter();
    let tenants = Tenants::enter(accounts.filter(|account| has_rows(&account.name)))?;
    let named = tenants.ledgers(Some(&state.source.path), &[]);
    let before = Before {
        named: &named,
        ignores_pauses: args.ignore_pauses,
        ..Before::of(state)
    };
    let lines = wiring.lines(&outline, has_rows, before)?;
    let missing = rows
        .keys()
        .find(|name| !lines.iter().any(|line| line.name == **name));
    match missing {
        None => Ok((lines, tenants)),
        Some(name) => Err(Failure::message(
            ExitCode::Refused,
            format!("account `{name}` has rows in this ledger, but is not in the configuration"),
            Some("name the configuration of the run with `--config PATH`; nothing was asked"),
        )),
    }
}

/// Asks about `rows`, each account for itself.
async fn ask(state: &LedgerState, lines: &[Line], mut rows: Rows) -> Result<Ended, Failure> {
    let mut work = Vec::new();
    let mut channels = Channels::default();
    let mut readers = Vec::new();
    for line in lines {
        let rows = rows.remove(&line.name).unwrap_or_default();
        line.client.expect_verified(rows.len());
        let (source, reading) = read_ahead(GoodRows::open(state, line.name.clone(), rows)?);
        channels.add_to_verify(line.name.clone(), source);
        let spec = WorkSpec {
            queues: vec![Queue::Verify],
            failure_limit: FailureLimit::Default,
            include_roles: Vec::new(),
            canary: None,
            until: None,
        };
        work.push((line.client.clone(), spec));
        readers.push(reading);
    }
    let outcome = run::run(work, Arc::new(channels)).await;
    for reading in readers {
        reading
            .await
            .map_err(|error| Failure::bug(&error.to_string()))?;
    }
    Ok(match end_of(outcome)? {
        RunState::Stopped => Ended::Stopped,
        RunState::Interrupted => Ended::Interrupted,
        _ => Ended::Done,
    })
}

/// Reads the rows on a thread of their own, a little ahead of who asks.
fn read_ahead(
    rows: GoodRows,
) -> (
    mpsc::Receiver<Result<ToVerify, SourceError>>,
    JoinHandle<()>,
) {
    let (tx, rx) = mpsc::channel(READ_AHEAD_MAX);
    let reading = tokio::task::spawn_blocking(move || {
        for row in rows {
            // The asking ended early: there is nothing more to read for.
            if tx.blocking_send(row.map_err(Into::into)).is_err() {
                return;
            }
        }
    });
    (rx, reading)
}

/// Says what was found, as the ledger tells it.
fn close(args: &VerifyArgs, ledger: &Path, ended: Ended) -> Result<ExitCode, Failure> {
    let state = LedgerState::read(ledger)?;
    let Some(verification) = &state.verification else {
        return Err(Failure::bug(
            "the ledger does not tell of this verification",
        ));
    };
    let summary = VerificationSummary::new(verification);
    if args.json {
        put_json(&state, verification, &summary)?;
    } else {
        put_page(&summary.render(&listed(ledger, verification)?))?;
    }
    for stop in &summary.stops {
        let told = stop.reason.told();
        tell(&format!("{}: {told}; {}", stop.account, mend(stop.reason)));
    }
    if ended == Ended::Interrupted {
        tell("interrupted: what was seen so far is recorded; the next `verify` starts anew");
    }
    for advice in advice(&state, verification, ledger)? {
        tell(&advice);
    }
    Ok(if summary.standing == 0 && summary.unknown == 0 {
        ExitCode::Success
    } else {
        ExitCode::SomeRowsBad
    })
}

/// The first rows that somebody has to look at, those that stand before those that are unknown.
fn listed(ledger: &Path, verification: &VerificationState) -> Result<Vec<Verified>, Failure> {
    let (mut standing, mut unknown) = (Vec::new(), Vec::new());
    each_verified(ledger, verification.number, |row| {
        let rows = match row.finding {
            Finding::Standing => &mut standing,
            Finding::Unknown => &mut unknown,
            Finding::AsAsked | Finding::UnderWay => return Ok(()),
        };
        if rows.len() < LISTED_MAX {
            rows.push(row.clone());
        }
        Ok::<_, Failure>(())
    })?;
    standing.sort_by_key(|row| row.row);
    unknown.sort_by_key(|row| row.row);
    standing.extend(unknown);
    standing.truncate(LISTED_MAX);
    Ok(standing)
}

/// What to do about who stands, and about what is not known.
fn advice(
    state: &LedgerState,
    verification: &VerificationState,
    ledger: &Path,
) -> Result<Vec<String>, Failure> {
    let found = &verification.findings;
    let again = again(ledger, named_config(&state.header.options));
    let mut advice = Vec::new();
    if found.under_way > 0 {
        advice.push(
            "under way: the provider has taken the order and is at it, which can take days; verify again later"
                .to_owned(),
        );
    }
    if found.standing > 0 {
        if in_background(state, verification, ledger)? {
            advice.push(
                "standing: Sunshine Conversations deletes in the background; verify again in a few minutes before you try again"
                    .to_owned(),
            );
        }
        advice.push(format!(
            "standing: these users stand although their rows ended well; `userpurge retry --only standing {again}` sends them again"
        ));
    }
    if found.unknown > 0 {
        advice.push(format!(
            "unknown: no clear answer came; `userpurge verify {again}` asks again"
        ));
    }
    Ok(advice)
}

/// Whether one of those who stand may just not be deleted yet.
fn in_background(
    state: &LedgerState,
    verification: &VerificationState,
    ledger: &Path,
) -> Result<bool, Failure> {
    let accounts = state.accounts();
    let is_sunco = |name: &AccountName| {
        accounts
            .get(name)
            .is_some_and(|account| account.provider == ProviderKind::Sunco)
    };
    let mut found = false;
    each_verified(ledger, verification.number, |row| {
        found |= row.finding == Finding::Standing
            && row.action == Action::Delete
            && is_sunco(&row.account);
        Ok::<_, Failure>(())
    })?;
    Ok(found)
}

/// One JSON object, written as the ledger is read: its lists may be as long as the ledger.
fn put_json(
    state: &LedgerState,
    verification: &VerificationState,
    summary: &VerificationSummary,
) -> Result<(), Failure> {
    let bug = |error: serde_json::Error| Failure::bug(&error.to_string());
    let mut object = json!({"ok": summary.is_ok(), "run_id": state.header.run_id});
    if let (Value::Object(all), Value::Object(numbers)) =
        (&mut object, serde_json::to_value(summary).map_err(bug)?)
    {
        all.extend(numbers);
    }
    let text = object.to_string();
    let open = text.strip_suffix('}').unwrap_or(&text);
    put_with(|out| {
        write!(out, "{open}")?;
        for (name, finding) in [
            ("standing_rows", Finding::Standing),
            ("unknown_rows", Finding::Unknown),
        ] {
            write!(out, ",\"{name}\":[")?;
            let mut comma = "";
            each_verified(&state.source.path, verification.number, |row| {
                if row.finding == finding {
                    write!(out, "{comma}{}", serde_json::to_string(row).map_err(bug)?)?;
                    comma = ",";
                }
                Ok::<_, Failure>(())
            })?;
            write!(out, "]")?;
        }
        writeln!(out, "}}")?;
        Ok(())
    })
}

/// Says that no row ended well, so that there is nobody to ask about.
fn nothing_to_ask(args: &VerifyArgs, ledger: &Path) -> Result<ExitCode, Failure> {
    let ledger = ledger.display();
    tell(&format!(
        "{ledger}: no row ended deleted or already_gone; nothing was asked"
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

fn opening(ledger: &Path, begun: &Verification) -> String {
    let Verification {
        rows, good_rows, ..
    } = begun;
    let ledger = ledger.display();
    match begun.sample {
        Some(Sample { seed, .. }) => format!(
            "{ledger}: asking about a sample of {rows} of {good_rows} rows that ended well, drawn with --seed {seed}"
        ),
        None => format!("{ledger}: asking about {rows} rows that ended well"),
    }
}

/// What progress shows: the rows of each account, and the time they take as it turns out.
fn ahead(rows: &Rows) -> Vec<AccountPlan> {
    let plan = |(name, rows): (&AccountName, &RoaringTreemap)| AccountPlan {
        name: name.clone(),
        rows: rows.len(),
        at_limit: Duration::ZERO,
        canary: None,
    };
    rows.iter().map(plan).collect()
}

fn sum(rows: &Rows) -> u64 {
    rows.values().map(RoaringTreemap::len).sum()
}
