//! `resume` and `retry`: going on with a ledger.

use std::path::Path;

use roaring::RoaringTreemap;

use crate::cli::args::{GoOnArgs, RetryArgs};
use crate::cli::ledgers;
use crate::cli::session::{OpenRun, WorkKind};
use crate::cli::setup::Setup;
use crate::cli::terminal::{put_page, render_state, tell};
use crate::cli::work::exit_code;
use crate::cli::{CliError, ExitCode};
use crate::domain::{Counted, Entry, Outcome, RunOptions, RunState};
use crate::input::{closest, did_you_mean};
use crate::ledger::{Disk, Durability, LedgerState, LedgerWriter, Only};
use crate::plan::listed;
use crate::words;

/// How many rows are named that cannot be sent.
const ROWS_MAX: usize = 20;

/// How many codes are named, the nearest ones.
const CODES_MAX: usize = 8;

/// The name for `--only` of rows that ended well and whose users were seen standing.
const STANDING: &str = "standing";

/// Goes on where an interrupted run stopped.
pub(in crate::cli) async fn resume(args: &GoOnArgs, disk: &dyn Disk) -> Result<ExitCode, CliError> {
    let (writer, state) = open(disk, args)?;
    // A row that a second Ctrl-C left in doubt is not over.
    let wanted = state.outstanding() | state.rows_of(Outcome::InDoubt);
    let options = state.header.options.clone();
    let opened = (writer, state);
    Box::pin(go_on(WorkKind::Resume, args, opened, wanted, options)).await
}

/// Tries rows again that ended `failed` or `in_doubt`, or as `--only` says.
pub(in crate::cli) async fn retry(args: &RetryArgs, disk: &dyn Disk) -> Result<ExitCode, CliError> {
    let only = args.only.iter();
    let only = only.map(|text| text.parse().unwrap_or_else(|never| match never {}));
    let only: Vec<Only> = only.collect();
    let (writer, state) = open(disk, &args.go_on)?;
    refuse_unknown(&only, &state)?;
    args.roles.refuse_unknown()?;
    let mut options = state.header.options.clone();
    args.roles.lay_over(&mut options);
    let mut picked = state.select(&only)?;
    if !args.refs.is_empty() {
        picked &= with_refs(&args.refs, &state)?;
    }
    let planned = state.planned_rows();
    let planned = planned.fold(RoaringTreemap::new(), |all, (_, _, rows)| all | rows);
    tell_of_unsent(&state.path, &(&picked - &planned));
    let opened = (writer, state);
    let kind = WorkKind::Retry(&args.only);
    Box::pin(go_on(kind, &args.go_on, opened, picked & planned, options)).await
}

/// Refuses a word of `--only` that is neither an outcome nor a code of the ledger: mistyped, it would pick
/// nothing in silence.
fn refuse_unknown(only: &[Only], state: &LedgerState) -> Result<(), CliError> {
    let codes = only.iter().filter_map(|only| match only {
        Only::Code(code) => Some(code),
        Only::Outcome(_) | Only::Standing => None,
    });
    let codes: Vec<&String> = codes.collect();
    let known = match codes[..] {
        [] => return Ok(()),
        _ => state.codes()?,
    };
    let Some(code) = codes.into_iter().find(|code| !known.contains(*code)) else {
        return Ok(());
    };
    let outcomes = Outcome::ALL.map(Outcome::name);
    let words = outcomes.into_iter().chain([STANDING]);
    let meant = closest(code, words.chain(known.iter().map(String::as_str)));
    let mut nearest: Vec<&String> = known.iter().collect();
    nearest.sort_by_cached_key(|it| strsim::damerau_levenshtein(code, it));
    let more = ["", " and others"][usize::from(nearest.len() > CODES_MAX)];
    let nearest = nearest.iter().take(CODES_MAX).map(|it| it.as_str());
    let text = format!(
        "`--only {code}` is no outcome, and no row of ledger `{}` has such a code{} (outcomes: {}, {STANDING}; \
         codes in this ledger: {}{more})",
        state.path.display(),
        did_you_mean(meant),
        outcomes.join(", "),
        nearest.collect::<Vec<_>>().join(", ")
    );
    let ledger = words::shell_path(&state.path);
    let help = format!("`userpurge report {ledger} --format md` tells them with their rows");
    Err(CliError::refuse(text, help))
}

/// The rows that have one of `refs`, each of which must be in the ledger: mistyped, it would pick nothing
/// in silence.
fn with_refs(refs: &[String], state: &LedgerState) -> Result<RoaringTreemap, CliError> {
    let mut rows = RoaringTreemap::new();
    let mut unknown: Vec<&String> = refs.iter().collect();
    state.each_ref(|row, reference| {
        if refs.iter().any(|it| it == reference) {
            rows.insert(row);
            unknown.retain(|it| *it != reference);
        }
    })?;
    let Some(unknown) = unknown.first() else {
        return Ok(rows);
    };
    let mut nearest: Option<String> = None;
    state.each_ref(|_, reference| {
        let nearer = closest(unknown, nearest.as_deref().into_iter().chain([reference]));
        if let Some(nearer) = nearer.filter(|it| nearest.as_deref() != Some(it)) {
            nearest = Some(nearer.to_owned());
        }
    })?;
    let ledger = state.path.display();
    let meant = did_you_mean(nearest.as_deref());
    let text = format!("no row of ledger `{ledger}` has the reference `{unknown}`{meant}");
    let name = words::shell_path(&state.path);
    let help =
        format!("`userpurge report {name} --format csv --by ref --out report` lists them all");
    Err(CliError::refuse(text, help))
}

/// Says that rows which the plan does not send cannot be sent from the ledger: it has no ids of them.
fn tell_of_unsent(ledger: &Path, unsent: &RoaringTreemap) {
    let count = unsent.len();
    if count == 0 {
        return;
    }
    let numbers: Vec<u64> = unsent.iter().take(ROWS_MAX).collect();
    tell(&format!(
        "note: {} of these cannot be sent as they stand in the input ({}), and the ledger has no ids of \
         them: fix them in the input, then plan and run the fixed rows \
         (`userpurge report {} --format csv --out report` gives them back)",
        words::count(count, "row"),
        listed("row", count, &numbers),
        words::shell_path(ledger)
    ));
}

/// Opens the ledger of a run that was agreed to.
fn open(disk: &dyn Disk, args: &GoOnArgs) -> Result<(LedgerWriter, LedgerState), CliError> {
    let ledger = ledgers::named(args.ledger.as_deref())?;
    let (writer, state) = ledgers::open(disk, &ledger, args.head)?;
    if state.is_saved_plan() {
        let text = format!(
            "ledger `{}` holds a plan that nobody agreed to, so there is no run to go on with",
            ledger.display()
        );
        let name = words::shell_path(&ledger);
        let help = format!("`userpurge run {name}` asks, and carries it out");
        return Err(CliError::refuse(text, help));
    }
    Ok((writer, state))
}

async fn go_on(
    kind: WorkKind<'_>,
    args: &GoOnArgs,
    (writer, state): (LedgerWriter, LedgerState),
    wanted: RoaringTreemap,
    mut options: RunOptions,
) -> Result<ExitCode, CliError> {
    let mut work = args.work.clone();
    work.pace.lay_over(&mut options);
    let setup = Setup::new(args.work.config.as_deref(), options, Some(&state.path))?;
    if wanted.is_empty() {
        // Nothing is asked or sent.
        return close_done(&kind, writer, state).await;
    }
    // The run was agreed to when it began; only a number that does not fit stops it here.
    work.consent.yes |= matches!(kind, WorkKind::Resume);
    let run = OpenRun::new(kind, (writer, state), &wanted, setup, work);
    Box::pin(run.carry_out()).await
}

/// Closes a ledger in which no row is left to do, and says where its run stands. The end is written that a
/// process left out which died behind its last outcome.
async fn close_done(
    kind: &WorkKind<'_>,
    writer: LedgerWriter,
    state: LedgerState,
) -> Result<ExitCode, CliError> {
    let end = state.end.as_ref();
    let is_over = end.is_some_and(|end| end.state == RunState::Finished);
    if matches!(kind, WorkKind::Resume) && !is_over {
        let end = Entry::end(RunState::Finished, state.counts());
        writer.handle().append(end, Durability::Synced).await?;
    }
    let state = writer.finish().await?;
    let what = match kind {
        WorkKind::Retry([only]) if only.eq_ignore_ascii_case(STANDING) => {
            "no user of a row that is done was still there".to_owned()
        }
        WorkKind::Retry([]) => "no row ended `failed` or `in_doubt`".to_owned(),
        WorkKind::Retry(only) => {
            let only = only.join("`, `");
            format!("no row that can be sent ended with outcome or code `{only}`")
        }
        _ => "no row is left to do".to_owned(),
    };
    tell(&format!(
        "{}: {what}; nothing was sent",
        state.path.display()
    ));
    put_page(&render_state(&state))?;
    let counts = state.counts();
    // A run that has not reached its end is told so by the words above, which name `resume`.
    let ended = match counts.pending {
        0 => RunState::Finished,
        _ => RunState::Stopped,
    };
    Ok(exit_code(ended, counts.counted(Counted::Bad) == 0, None))
}
