//! `resume` and `retry`: going on with a ledger.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::bound;
use super::run::{consent, failure_limit, over, spool_of, tenants};
use crate::cli::accounts::{Line, Wiring};
use crate::cli::args::{ResumeArgs, RetryArgs};
use crate::cli::before::Before;
use crate::cli::denied;
use crate::cli::head;
use crate::cli::held;
use crate::cli::latest;
use crate::cli::outline_text;
use crate::cli::page;
use crate::cli::planning::{Planned, Planning, absolute, folder_of, read_options};
use crate::cli::question::Consent;
use crate::cli::recorder::Recorder;
use crate::cli::setting;
use crate::cli::signals;
use crate::cli::tenants;
use crate::cli::terminal::{put_page, tell};
use crate::cli::until;
use crate::cli::uptime::uptime;
use crate::cli::users;
use crate::cli::work::{self, Safety, Session, Work};
use crate::cli::{ExitCode, Failure};
use crate::domain::{
    AccountName, AccountPlan, Counted, Entry, InputHeader, LaneStop, Outcome, RunEnd, RunOptions,
    RunState, Session as SessionEntry, WallClock,
};
use crate::input::{Fingerprint, Input, InputError, fingerprint};
use crate::ledger::{self, Disk, LedgerState, LedgerWriter, Only, Opened, TornTail};
use crate::pipeline::{Durability, EventSink};
use crate::plan::Earlier;
use crate::report::{Lock, Summary, text};

/// The command that goes on with what is outstanding.
const RESUME: &str = "resume";

/// What is gone on with.
struct Again<'a> {
    command: &'static str,
    ledger: PathBuf,
    args: &'a ResumeArgs,
    only: &'a [String],
}

/// Goes on where an interrupted run stopped.
pub(in crate::cli) async fn resume(
    args: &ResumeArgs,
    disk: &dyn Disk,
) -> Result<ExitCode, Failure> {
    let ledger = latest::named(&args.ledger)?;
    let again = Again {
        command: RESUME,
        ledger,
        args,
        only: &[],
    };
    // The run was agreed to when it began; only a number that does not fit stops it here.
    let mut consent = args.consent.consent(&args.pace);
    consent.yes = true;
    // What a second Ctrl-C left in doubt is not over.
    let wanted = |state: &LedgerState| Ok(state.outstanding() | state.rows_of(Outcome::InDoubt));
    Box::pin(go_on(disk, again, consent, wanted)).await
}

/// Tries rows again that ended `failed` or `in_doubt`, or as `--only` says.
pub(in crate::cli) async fn retry(args: &RetryArgs, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    let ledger = latest::named(&args.resume.ledger)?;
    let only: Vec<Only> = args
        .only
        .iter()
        .map(|text| match text.parse() {
            Ok(only) => only,
            Err(never) => match never {},
        })
        .collect();
    let again = Again {
        command: "retry",
        ledger,
        args: &args.resume,
        only: &args.only,
    };
    let consent = args.resume.consent.consent(&args.resume.pace);
    let wanted = |state: &LedgerState| Ok(state.select(&only)?);
    Box::pin(go_on(disk, again, consent, wanted)).await
}

async fn go_on(
    disk: &dyn Disk,
    again: Again<'_>,
    agreed: Consent,
    wanted: impl Fn(&LedgerState) -> Result<RoaringTreemap, Failure>,
) -> Result<ExitCode, Failure> {
    let signals = signals::Stop::default();
    let stop = signals.of_pipeline();
    let (writer, mut state) = open(disk, &again)?;
    let Again { args, .. } = again;
    let planning = planning(&again, &state)?;
    let options = planning.options.clone();
    let wanted = wanted(&state)?;
    if wanted.is_empty() {
        // Nothing is asked or sent.
        let state = end_of_all(&again, state, writer).await?;
        return nothing_to_do(&again, &state);
    }

    let recorder = Recorder::new();
    let wiring = Wiring::new(&options, Arc::clone(&recorder), stop.clone());
    let offline = planning.plan(&[])?;
    bound::check_accounts(&again.ledger, &state, &planning, &offline, &wanted)?;
    let is_wanted = |rows: Option<&RoaringTreemap>| rows.is_some_and(|it| !it.is_disjoint(&wanted));
    let has_rows = |name: &AccountName| {
        // Rows that were done before were so at a tenant, which is to be that of this run.
        let plan = &offline.plan;
        is_wanted(plan.to_send.get(name)) || is_wanted(plan.done.get(name))
    };
    let own = Some(again.ledger.as_path());
    let (mut tenants_here, named) = tenants::enter(&planning, has_rows, own)?;
    let before = Before {
        own: Some(&state),
        named: &named,
        ignores_pauses: args.pace.ignore_pauses,
    };
    let held = held(before, &planning, &has_rows);
    let to_ask = |name: &AccountName| has_rows(name) && !held.contains_key(name);
    if !held.is_empty() && !offline.plan.to_send.keys().any(to_ask) {
        writer.finish().await?;
        put_page(&page::standing(&Summary::new(&state, Lock::Free)))?;
        return Ok(ExitCode::Stopped);
    }
    denied::refuse_configured(&planning, to_ask)?;
    let mut lines = wiring.lines(&planning.outline, to_ask, before)?;
    drop(named);
    state.forget_sent();
    denied::identify(&planning, &mut lines, &recorder).await?;
    check_tenants(&again.ledger, &state, &lines)?;
    tenants_here.settle(&lines)?;
    let is_done = |name: &AccountName| is_wanted(offline.plan.done.get(name));
    planning.check_done_at(is_done, |name| tenant(&state, &lines, name))?;
    let planned = plan_again(&planning, offline, &lines)?;
    bound::check_rows(&again.ledger, &state, &planning, &planned, &wanted)?;

    let mut rows = rows(&planned, &wanted);
    if again.command == RESUME {
        bound::check_agreed(&again.ledger, &state, &rows)?;
    }
    rows.retain(|name, _| !held.contains_key(name));
    let count = rows.values().map(RoaringTreemap::len).sum();
    tell(&told(&again, &state, &wanted, count));
    let safety = safety(args, &options, &state, &rows)?;
    if count > 0 {
        let tenants = tenants(&lines, |name| rows.contains_key(name));
        consent(agreed, planning.input.path(), count, &tenants)?;
    }

    signals.listen()?;
    tenants_here.note(&again.ledger);
    recorder.attach(writer.handle()).await?;
    let sent: RoaringTreemap = rows
        .values()
        .fold(RoaringTreemap::new(), |all, rows| all | rows);
    recorder.count_from(state.counts(), work::reopened(&state, &sent));
    let ahead = work::ahead(&planning, &planned.plan, &rows, &safety.canary);
    begin(&again, &recorder, count, &lines, &ahead).await?;
    let session = Session {
        ledger: again.ledger,
        mode: args.progress.progress.into(),
        signals,
        ahead,
        work: Work {
            planning: &planning,
            planned: &planned,
            lines: &lines,
            recorder: &recorder,
            earlier: earlier(&state, &sent),
            rows,
            ended: state.ended().clone(),
            held,
            safety,
            stop: &stop,
        },
    };
    work::run_session(session, writer).await
}

/// Records that this session begins, which sends `rows`.
async fn begin(
    again: &Again<'_>,
    recorder: &Recorder,
    rows: u64,
    lines: &[Line],
    ahead: &[AccountPlan],
) -> Result<(), Failure> {
    let entry = Entry::Session(Box::new(SessionEntry {
        command: again.command.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        only: again.only.to_vec(),
        rows,
        accounts: lines.iter().map(Line::header).collect(),
        ahead: ahead.to_vec(),
        ignores_pauses: again.args.pace.ignore_pauses,
        at: WallClock::system().now(),
        uptime: uptime(),
    }));
    recorder
        .record(entry, Durability::Queued)
        .await
        .map_err(|failed| Failure::sink(&failed))
}

/// How the rows of the ledger are planned anew.
fn planning(again: &Again<'_>, state: &LedgerState) -> Result<Planning, Failure> {
    let Again { args, ledger, .. } = again;
    users::check(ledger, state)?;
    let (header, kept) = (&state.header.input, &state.header.options);
    let typed = args.selection();
    let widening = || typed.widening(kept).filter(|_| again.command == RESUME);
    if let Some(contradiction) = typed.contradiction(kept, header).or_else(widening) {
        return Err(Failure::refused(contradiction));
    }
    let mut options = over(args.selection(), &args.pace, kept)?;
    let config = args.config.config.as_deref();
    let source = setting::locate_again(ledger, kept, config)?;
    setting::note(&mut options, &source, config);
    let input = kept_snapshot(ledger, header)?;
    let read = read_options(header, &options);
    Planning::new(input, read, setting::outline(&source)?, options)
}

/// Opens the ledger for going on with it.
fn open(disk: &dyn Disk, again: &Again<'_>) -> Result<(LedgerWriter, LedgerState), Failure> {
    let Opened { writer, state, cut } = LedgerWriter::open_on(disk, &again.ledger)?;
    tell_of_cut(&again.ledger, cut);
    head::check(&again.ledger, state.source.head, again.args.head)?;
    Ok((writer, state))
}

/// The tenant that an account leads to; of one that has to wait and was not asked now, the one it led to
/// before.
fn tenant(state: &LedgerState, lines: &[Line], name: &AccountName) -> Option<String> {
    let accounts = state.accounts();
    let then = || accounts.get(name).map(|account| account.tenant.clone());
    Line::tenant_of(lines, name).or_else(then)
}

/// The plan with what was said of the callers. The one made `before` anybody was asked stands where
/// nothing was said that decides about rows.
fn plan_again(planning: &Planning, before: Planned, lines: &[Line]) -> Result<Planned, Failure> {
    let decides = |line: &Line| {
        let identity = line.identity.as_ref();
        identity.is_some_and(|it| it.caller.is_some() || it.id_prefix.is_some())
    };
    if lines.iter().any(decides) {
        planning.plan(lines)
    } else {
        Ok(before)
    }
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

/// The accounts with rows that have to wait, which is said at once.
fn held(
    before: Before<'_>,
    planning: &Planning,
    has_rows: &impl Fn(&AccountName) -> bool,
) -> BTreeMap<AccountName, LaneStop> {
    let mut held = held::held_before(before, planning);
    held.retain(|name, _| has_rows(name));
    for stop in held.values() {
        tell(&format!(
            "{}; nothing was sent to it; {}",
            text::stop_told(stop),
            held::way_past(&held::this_command())
        ));
    }
    held
}

/// What stops the lanes of this session, as far as it is to be said before the question.
fn safety(
    args: &ResumeArgs,
    options: &RunOptions,
    state: &LedgerState,
    rows: &BTreeMap<AccountName, RoaringTreemap>,
) -> Result<Safety, Failure> {
    let until = args.pace.until.map(|time| {
        let now = WallClock::system().now();
        let until = time.until(now);
        tell(&until::stops(&until, now));
        until
    });
    let canary = canaries(args.pace.canary, options, state, rows);
    if let Some(first) = options.canary.filter(|_| !canary.is_empty()) {
        tell(&outline_text::canary(first));
    }
    Ok(Safety {
        failure_limit: failure_limit(options)?,
        canary,
        until,
    })
}

/// The canary of each account: one that is asked for now is sent in any case; one that the run was
/// begun with is over for an account of which so many rows were sent and ended well.
fn canaries(
    typed: Option<NonZeroU64>,
    options: &RunOptions,
    state: &LedgerState,
    rows: &BTreeMap<AccountName, RoaringTreemap>,
) -> BTreeMap<AccountName, NonZeroU64> {
    let Some(canary) = options.canary else {
        return BTreeMap::new();
    };
    let counts = state.account_counts();
    let is_over = |name: &AccountName| {
        let good = counts
            .get(name)
            .map_or(0, |counts| counts.deleted + counts.already_gone);
        typed.is_none() && good >= canary.get()
    };
    let names = rows.keys().filter(|name| !is_over(name));
    names.map(|name| (name.clone(), canary)).collect()
}

/// The input of a ledger, if it is still what it was.
pub(super) fn kept_input(ledger: &Path, header: &InputHeader) -> Result<PathBuf, Failure> {
    let path = path_of(ledger, header);
    let found = fingerprint(&path).map_err(|error| missing(ledger, &path, &error))?;
    check_unchanged(ledger, header, &path, &found)?;
    Ok(path)
}

/// A snapshot of it, so that it stays what it was.
fn kept_snapshot(ledger: &Path, header: &InputHeader) -> Result<Input, Failure> {
    let path = path_of(ledger, header);
    let (input, found) = Input::snapshot(&path, folder_of(ledger))
        .map_err(|error| missing(ledger, &path, &error))?;
    check_unchanged(ledger, header, &path, &found)?;
    Ok(input)
}

/// Where the input of a ledger lies.
fn path_of(ledger: &Path, header: &InputHeader) -> PathBuf {
    let kept = PathBuf::from(&header.path);
    // A folder may have been moved as a whole: then the input lies beside its ledger.
    let beside = ledger
        .parent()
        .zip(kept.file_name())
        .map(|(folder, name)| folder.join(name));
    match beside {
        Some(beside) if !kept.exists() && beside.exists() => beside,
        _ => kept,
    }
}

/// Refuses an input that is not what it was when the run began.
fn check_unchanged(
    ledger: &Path,
    header: &InputHeader,
    path: &Path,
    found: &Fingerprint,
) -> Result<(), Failure> {
    if (found.size, &found.sha256) == (header.size, &header.sha256) {
        return Ok(());
    }
    let name = outline_text::shell(ledger);
    let what = format!(
        "its input `{}` has changed since the run began (SHA-256 {}, now {})",
        path.display(),
        short(&header.sha256),
        short(&found.sha256)
    );
    let help = format!(
        "put the old file back, or purge the new one with `userpurge run NEW --done-in {name}`"
    );
    Err(Failure::foreign(ledger, &what, Some(&help)))
}

/// The input cannot be read, most often because it is gone.
fn missing(ledger: &Path, path: &Path, error: &InputError) -> Failure {
    if absolute(path) != absolute(&spool_of(ledger)) {
        let what = format!("its input is needed: {}", crate::cli::failure::told(error));
        return Failure::foreign(ledger, &what, None);
    }
    let what = format!(
        "its input came from standard input, and the copy `{}` that was kept cannot be read",
        path.display()
    );
    let name = outline_text::shell(ledger);
    let help = format!(
        "put it back, or pipe the same rows in anew: `userpurge run - --done-in {name} --ledger NEW.ledger.jsonl`"
    );
    Failure::foreign(ledger, &what, Some(&help))
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Refuses accounts that are at another tenant than the run was.
pub(super) fn check_tenants(
    ledger: &Path,
    state: &LedgerState,
    lines: &[Line],
) -> Result<(), Failure> {
    let known = state.accounts();
    for line in lines {
        let now = line.header().tenant;
        if let Some(then) = known.get(&line.name)
            && then.tenant != now
        {
            let what = format!(
                "account `{}` was at tenant `{}` when the run began, and the configuration now leads to `{now}`; nothing was sent",
                line.name, then.tenant
            );
            return Err(Failure::foreign(ledger, &what, None));
        }
    }
    Ok(())
}

/// The rows of each account that are sent again.
fn rows(planned: &Planned, wanted: &RoaringTreemap) -> BTreeMap<AccountName, RoaringTreemap> {
    let each = planned.plan.to_send.iter();
    each.map(|(name, rows)| (name.clone(), rows & wanted))
        .filter(|(_, rows)| !rows.is_empty())
        .collect()
}

/// What earlier processes did to the rows that are sent again.
fn earlier(state: &LedgerState, rows: &RoaringTreemap) -> Earlier {
    let steps = |row| (row, state.steps_done(row));
    Earlier {
        steps_done: rows
            .iter()
            .map(steps)
            .filter(|(_, steps)| *steps > 0)
            .collect(),
        left_open: (state.in_doubt() & rows)
            .iter()
            .map(|row| (row, state.left_open(row)))
            .collect(),
        deleted: state.deleted(),
    }
}

/// Closes a ledger in which no row is left to do. A process that died between its last outcome and
/// its end left it open: then the end is written now, or the run would seem interrupted for ever.
async fn end_of_all(
    again: &Again<'_>,
    state: LedgerState,
    writer: LedgerWriter,
) -> Result<LedgerState, Failure> {
    let is_over = state
        .end
        .as_ref()
        .is_some_and(|end| end.state == RunState::Finished);
    if again.command != RESUME || is_over {
        writer.finish().await?;
        return Ok(state);
    }
    let end = Entry::End(RunEnd {
        state: RunState::Finished,
        outcomes: state.counts(),
        at: WallClock::system().now(),
    });
    writer
        .handle()
        .append(end, ledger::Durability::Synced)
        .await?;
    writer.finish().await?;
    Ok(LedgerState::read(&again.ledger)?)
}

/// Says that there is nothing to do, and where the run stands.
fn nothing_to_do(again: &Again<'_>, state: &LedgerState) -> Result<ExitCode, Failure> {
    let what = match again.only {
        [] if again.command == "retry" => "no row ended `failed` or `in_doubt`".to_owned(),
        [] => "no row is left to do".to_owned(),
        [only] if only.eq_ignore_ascii_case("standing") => {
            "no row that ended well was seen standing".to_owned()
        }
        only => format!("no row ended with outcome or code `{}`", only.join("`, `")),
    };
    tell(&format!(
        "{}: {what}; nothing was sent",
        again.ledger.display()
    ));
    let summary = Summary::new(state, Lock::Free);
    put_page(&page::standing(&summary))?;
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

fn told(again: &Again<'_>, state: &LedgerState, wanted: &RoaringTreemap, count: u64) -> String {
    let rows = state.header.input.rows;
    let doubt = (state.in_doubt() & wanted).len();
    let doubt = if doubt > 0 {
        format!(", {doubt} of them in doubt")
    } else {
        String::new()
    };
    format!(
        "{}: {count} of {rows} rows to send{doubt}",
        again.ledger.display()
    )
}
