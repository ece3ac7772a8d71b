//! `run`: the plan, the question, and then the work.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringTreemap;
use uuid::Uuid;

use crate::cli::accounts::{Line, Wiring};
use crate::cli::args::{PaceArgs, RunArgs, Selection};
use crate::cli::before::Before;
use crate::cli::denied;
use crate::cli::held;
use crate::cli::outline_text;
use crate::cli::planning::{Planned, Planning, STANDARD_INPUT, absolute, folder_of};
use crate::cli::question::{Consent, Person};
use crate::cli::recorder::Recorder;
use crate::cli::saved::SavedPlan;
use crate::cli::setting;
use crate::cli::signals;
use crate::cli::tenants;
use crate::cli::terminal::{can_ask, tell};
use crate::cli::until::{self, TimeOfDay};
use crate::cli::uptime::uptime;
use crate::cli::work::{self, Safety, Session, Work};
use crate::cli::{ExitCode, Failure};
use crate::domain::{AccountName, AccountPlan, Counts, RunHeader, RunId, RunOptions, WallClock};
use crate::input::{self, Fingerprint, Input};
use crate::ledger::{Damage, Disk, LedgerError, LedgerReader, LedgerWriter, is_locked};
use crate::pipeline::{FailureLimit, Until};
use crate::plan::Earlier;

/// What is to be run, once it is clear what was named.
struct Orders {
    planning: Planning,
    /// The bytes that are planned and carried out.
    fingerprint: Fingerprint,
    /// `None`: an input; `Some`: a saved plan, and where it lies.
    saved: Option<(PathBuf, SavedPlan)>,
    ledger: PathBuf,
    /// Standard input's copy, taken away again if there is no run.
    spool: Option<PathBuf>,
}

/// Carries the plan out, after asking.
pub(in crate::cli) async fn execute(args: &RunArgs, disk: &dyn Disk) -> Result<ExitCode, Failure> {
    let orders = orders(args)?;
    let spool = orders.spool.clone();
    let mut ran = Box::pin(execute_orders(args, orders, disk)).await;
    if let (Err(_) | Ok(Ran::Not), Some(spool)) = (&ran, spool)
        && !spooled_ledger_exists(&spool)
    {
        // No ledger refers to it, and the next try makes it anew.
        let _ = std::fs::remove_file(&spool);
        ran = ran.map_err(|failure| failure.calling(&spool, STANDARD_INPUT));
    }
    ran.and_then(|ran| match ran {
        Ran::Not => Ok(ExitCode::Success),
        Ran::To(end) => end,
    })
}

/// Whether there was a run at all. A run that failed was one: what it needs to go on is kept.
enum Ran {
    Not,
    To(Result<ExitCode, Failure>),
}

async fn execute_orders(args: &RunArgs, orders: Orders, disk: &dyn Disk) -> Result<Ran, Failure> {
    let Orders {
        planning,
        fingerprint,
        saved,
        ledger,
        ..
    } = orders;
    let signals = signals::Stop::default();
    let stop = signals.of_pipeline();
    let recorder = if args.dry_run {
        Recorder::without_ledger()
    } else {
        Recorder::new()
    };
    let wiring = Wiring::new(&planning.options, Arc::clone(&recorder), stop.clone());

    let offline = planning.plan(&[])?;
    if let Some((path, saved)) = &saved {
        saved.check(path, &offline)?;
    }
    planning.refuse_wrong_column(&offline)?;
    if args.dry_run && !args.live {
        crate::cli::terminal::put_page(&outline_text::text(&planning, &offline, &[]))?;
        return Ok(Ran::Not);
    }
    refuse_unkeepable(planning.input.path())?;
    // Rows that were done before were so at a tenant, which is to be that of this run.
    let has_rows =
        |name: &_| offline.plan.to_send.contains_key(name) || offline.plan.done.contains_key(name);
    denied::refuse_configured(&planning, has_rows)?;
    let (mut tenants_here, named) = tenants::enter(&planning, has_rows, None)?;
    let before = Before {
        own: None,
        named: &named,
        ignores_pauses: args.pace.ignore_pauses,
    };
    held::refuse(before, &planning, has_rows)?;
    let mut lines = wiring.lines(&planning.outline, has_rows, before)?;
    drop(named);
    denied::identify(&planning, &mut lines, &recorder).await?;
    tenants_here.settle(&lines)?;
    let is_done = |name: &_| offline.plan.done.contains_key(name);
    planning.check_done_at(is_done, |name| Line::tenant_of(&lines, name))?;
    let planned = planning.plan(&lines)?;
    if args.live {
        super::live::show(&planning, &planned, &lines).await?;
        return Ok(Ran::Not);
    }
    tell(&outline_text::text(&planning, &planned, &lines));
    let until = args
        .pace
        .until
        .map(|time| until_told(&planning, &planned, time));
    if let Some(canary) = planning.options.canary {
        tell(&outline_text::canary(canary));
    }
    tell(&outline_text::orders(&planned, &lines));
    consent(
        args.consent.consent(&args.pace),
        &args.input,
        planned.plan.to_delete,
        &tenants(&lines, |name| planned.plan.to_send.contains_key(name)),
    )?;

    signals.listen()?;
    let canary = canaries(&planning, &planned);
    let ahead = work::ahead(&planning, &planned.plan, &planned.plan.to_send, &canary);
    let planned_of = (&planned, &fingerprint);
    let writer = begin(disk, &planning, planned_of, &lines, &ahead, &ledger)?;
    tenants_here.note(&ledger);
    recorder.attach(writer.handle()).await?;
    let counts = Counts {
        pending: planned.plan.rows,
        ..Counts::default()
    };
    recorder.count_from(counts, BTreeMap::new());
    let session = Session {
        ledger,
        mode: args.progress.progress.into(),
        signals,
        ahead,
        work: Work {
            planning: &planning,
            planned: &planned,
            lines: &lines,
            recorder: &recorder,
            rows: planned.plan.to_send.clone(),
            ended: RoaringTreemap::new(),
            earlier: Earlier::default(),
            held: BTreeMap::new(),
            safety: Safety {
                failure_limit: failure_limit(&planning.options)?,
                canary,
                until,
            },
            stop: &stop,
        },
    };
    Ok(Ran::To(work::run_session(session, writer).await))
}

/// The instant that `--until` names, which is told with what fits before it.
fn until_told(planning: &Planning, planned: &Planned, time: TimeOfDay) -> Until {
    let now = WallClock::system().now();
    let until = time.until(now);
    tell(until::told(planning, planned, &until, now).trim_end());
    until
}

/// The limit that the options name.
pub(super) fn failure_limit(options: &RunOptions) -> Result<FailureLimit, Failure> {
    match &options.max_failures {
        Some(text) => text
            .parse()
            .map_err(|why: String| Failure::message(ExitCode::Refused, why, None)),
        None => Ok(FailureLimit::Default),
    }
}

/// The canary of every account with rows.
fn canaries(planning: &Planning, planned: &Planned) -> BTreeMap<AccountName, NonZeroU64> {
    let names = planned.plan.to_send.keys().cloned();
    let canary = planning.options.canary;
    names.filter_map(|name| Some((name, canary?))).collect()
}

/// Lays the options that were typed over those a plan or a ledger keeps.
pub(super) fn over(
    typed: Selection<'_>,
    pace: &PaceArgs,
    kept: &RunOptions,
) -> Result<RunOptions, Failure> {
    let typed = typed.run_options(pace, &setting::folder()?);
    let mut options = kept.clone();
    options.protect = typed.protect.or(options.protect);
    add_new(&mut options.done_in, typed.done_in);
    add_new(&mut options.include_roles, typed.include_roles);
    options.force_foreign_ids |= typed.force_foreign_ids;
    options.max_failures = typed.max_failures.or(options.max_failures);
    options.attempts = typed.attempts.or(options.attempts);
    options.concurrency = typed.concurrency.or(options.concurrency);
    options.canary = typed.canary.or(options.canary);
    Ok(options)
}

/// Adds to `kept` what it does not have.
fn add_new(kept: &mut Vec<String>, typed: Vec<String>) {
    for one in typed {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
}

/// The tenants of the accounts that `has_rows` picks.
pub(super) fn tenants(lines: &[Line], has_rows: impl Fn(&AccountName) -> bool) -> Vec<&str> {
    let with_rows = lines.iter().filter(|line| has_rows(&line.name));
    let mut tenants: Vec<&str> = with_rows.filter_map(Line::tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    tenants
}

/// Asks, unless it need not be asked. `input`: what the rows came from.
pub(super) fn consent(
    consent: Consent,
    input: &Path,
    rows: u64,
    tenants: &[&str],
) -> Result<(), Failure> {
    let person = if can_ask() && input != Path::new("-") {
        Person::AtTerminal
    } else {
        Person::Absent
    };
    let mut stdin = std::io::stdin().lock();
    consent.obtain(rows, tenants, person, &mut stdin, &mut std::io::stderr())
}

/// Begins the ledger.
fn begin(
    disk: &dyn Disk,
    planning: &Planning,
    (planned, fingerprint): (&Planned, &Fingerprint),
    lines: &[Line],
    ahead: &[AccountPlan],
    ledger: &Path,
) -> Result<LedgerWriter, Failure> {
    let header = RunHeader {
        run_id: RunId::new(Uuid::now_v7().to_string()),
        format: RunHeader::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: planning.input_header(planned, fingerprint),
        options: planning.options.clone(),
        accounts: lines.iter().map(Line::header).collect(),
        ahead: ahead.to_vec(),
        agreed: planned
            .plan
            .to_send
            .iter()
            .map(|(name, rows)| (name.clone(), rows.into()))
            .collect(),
        started_at: WallClock::system().now(),
        uptime: uptime(),
    };
    // Nothing has been sent, whatever it is.
    LedgerWriter::create_on(disk, ledger, header).map_err(Failure::refused)
}

/// Finds out what was named: an input, standard input, or a saved plan.
fn orders(args: &RunArgs) -> Result<Orders, Failure> {
    let named = &args.input;
    let config = args.config.config.as_deref();
    let ledger = args.ledger.clone().unwrap_or_else(|| default_ledger(named));
    refuse_existing(&ledger)?;
    if named != Path::new("-")
        && let Some(saved) = SavedPlan::read(named)?
    {
        let typed = args.selection();
        if let Some(contradiction) = typed.contradiction(&saved.options, &saved.input) {
            return Err(Failure::refused(contradiction));
        }
        if let Some(departure) = typed.departure(&saved.options, &setting::folder()?) {
            return Err(Failure::refused(departure));
        }
        let mut options = over(typed, &args.pace, &saved.options)?;
        let source = setting::locate_again(named, &saved.options, config)?;
        setting::note(&mut options, &source, config);
        let outline = setting::outline(&source)?;
        let folder = folder_of(&ledger);
        let (planning, fingerprint) = saved.planning(named, outline, options, folder)?;
        let saved = Some((named.clone(), saved));
        return Ok(Orders {
            planning,
            fingerprint,
            saved,
            ledger,
            spool: None,
        });
    }
    let source = setting::locate(config)?;
    let outline = setting::outline(&source)?;
    let mut options = args
        .selection()
        .run_options(&args.pace, &setting::folder()?);
    setting::note(&mut options, &source, config);
    let (input, spool) = if named == Path::new("-") {
        let spool = spool_of(&ledger);
        input::spool(std::io::stdin().lock(), &spool).map_err(Failure::refused)?;
        (spool.clone(), Some(spool))
    } else {
        (named.clone(), None)
    };
    let planned = Input::snapshot(&input, folder_of(&ledger))
        .map_err(Failure::refused)
        .and_then(|(input, fingerprint)| {
            let read = args.mapping.read_options();
            Ok((Planning::new(input, read, outline, options)?, fingerprint))
        });
    if planned.is_err()
        && let Some(spool) = &spool
    {
        let _ = std::fs::remove_file(spool);
    }
    let (planning, fingerprint) = planned?;
    Ok(Orders {
        planning,
        fingerprint,
        saved: None,
        ledger,
        spool,
    })
}

/// INPUT with `.ledger.jsonl` appended; of standard input, `stdin.ledger.jsonl`.
fn default_ledger(input: &Path) -> PathBuf {
    let mut name = if input == Path::new("-") {
        "stdin".into()
    } else {
        input.as_os_str().to_owned()
    };
    name.push(crate::cli::latest::LEDGER_SUFFIX);
    PathBuf::from(name)
}

/// Where standard input is kept: beside its ledger.
pub(super) fn spool_of(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".input");
    PathBuf::from(name)
}

fn spooled_ledger_exists(spool: &Path) -> bool {
    spool.with_extension("").exists()
}

/// A ledger is text, and so is the input's name in it: with another, `resume` would not find the
/// file again.
fn refuse_unkeepable(path: &Path) -> Result<(), Failure> {
    if absolute(path).to_str().is_some() {
        return Ok(());
    }
    Err(Failure::message(
        ExitCode::Refused,
        format!(
            "the path of `{}` is not UTF-8, so the ledger cannot name it and no `resume` would find it",
            path.display()
        ),
        Some("rename the file or the folder, or pipe the file in and give `-`"),
    ))
}

/// Said early, before anybody is asked anything; the creation itself is what makes sure.
fn refuse_existing(ledger: &Path) -> Result<(), Failure> {
    if !ledger.exists() {
        return Ok(());
    }
    if !ledger.is_file() {
        // A folder; or a pipe or a device, which might never be read to its end.
        return Err(no_ledger(ledger));
    }
    match LedgerReader::open(ledger) {
        // A crash while it was begun: neither `resume` nor `retry` would be of any use.
        Err(begun @ LedgerError::NoHeader { .. }) if !is_locked(ledger).unwrap_or(false) => {
            return Err(Failure::refused(begun));
        }
        Err(LedgerError::Damaged {
            reason: Damage::NotAHeader,
            ..
        }) => return Err(no_ledger(ledger)),
        Ok(_) | Err(_) => {}
    }
    let name = outline_text::shell(ledger);
    Err(Failure::message(
        ExitCode::Refused,
        format!(
            "ledger `{}` exists already: a run of this input has been made or begun",
            ledger.display()
        ),
        Some(&format!(
            "`userpurge resume {name}` goes on with it, `userpurge retry {name}` tries failed rows again, `--ledger PATH` begins another; if nothing was ever sent, the file may be removed"
        )),
    ))
}

fn no_ledger(path: &Path) -> Failure {
    Failure::message(
        ExitCode::Refused,
        format!("`{}` exists already and is no ledger", path.display()),
        Some("name another file with `--ledger PATH`"),
    )
}
