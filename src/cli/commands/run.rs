//! `run`: a plan, the question, and then the work.

use std::path::{Path, PathBuf};

use crate::cli::args::{RowsArgs, RunArgs};
use crate::cli::ledgers::{self, NewLedger, again, goes_on, refuse_existing};
use crate::cli::outline_text;
use crate::cli::planning::{DASH, Planned, Planning, absolute};
use crate::cli::session::{OpenRun, WorkKind};
use crate::cli::setup::Setup;
use crate::cli::terminal::put_page;
use crate::cli::{CliError, ExitCode};
use crate::ledger::{Disk, LEDGER_SUFFIX, LedgerError, LedgerReader, LedgerState, LedgerWriter};
use crate::words;

/// Carries a plan out, after asking: one that is made now, or a saved one.
pub(in crate::cli) async fn execute(args: &RunArgs, disk: &dyn Disk) -> Result<ExitCode, CliError> {
    let is_file = args.again.is_empty() && args.input != Path::new(DASH) && args.input.is_file();
    let is_ledger = match is_file.then(|| LedgerReader::open(&args.input)) {
        Some(Err(error @ LedgerError::Format { found: 1, .. })) => return Err(error.into()),
        opened => opened.is_some_and(|opened| opened.is_ok()),
    };
    let run = if is_ledger {
        saved(args, disk).await?
    } else {
        fresh(args, disk)?
    };
    match run {
        None => {
            let next = words::typed_again("run", &["-n", "--dry-run"]);
            put_page(&format!("\nA dry run: nothing was sent.\nnext: {next}"))?;
            Ok(ExitCode::Success)
        }
        Some(run) if args.live => Box::pin(run.show_live()).await,
        Some(run) => Box::pin(run.carry_out()).await,
    }
}

/// A plan that is made now; `None`: it was to be shown alone.
fn fresh<'a>(args: &RunArgs, disk: &'a dyn Disk) -> Result<Option<OpenRun<'a>>, CliError> {
    let config = args.work.config.as_deref();
    let planning = || match args.again[..] {
        [] => Planning::typed(&args.input, &args.rows, &args.work.pace, config, true),
        _ => Planning::again(&args.again, &args.rows, &args.work.pace, config),
    };
    if args.dry_run && !args.live {
        let (setup, planned) = planning()?.plan(None)?;
        put_page(&outline_text::text(&setup, &planned))?;
        return Ok(None);
    }
    refuse_unkeepable(&args.input)?;
    let ledger = args.ledger.clone().unwrap_or_else(|| default_ledger(args));
    refuse_existing(&ledger, "--ledger PATH", config)?;
    let (new, writer, setup, planned) = NewLedger::begin(disk, &ledger, planning()?)?;
    if planned.plan.rows == 0 {
        let text = format!("`{}` holds no rows; nothing was sent", planned.name);
        return Err(CliError::refuse(text, "export it again, and look into it"));
    }
    let mut run = open_run(args, (writer, LedgerState::read(&ledger)?), setup, planned);
    run.new = Some(new);
    Ok(Some(run))
}

/// A saved plan, of which nothing can be read otherwise than it was; `None`: it was to be shown alone.
async fn saved<'a>(args: &RunArgs, disk: &dyn Disk) -> Result<Option<OpenRun<'a>>, CliError> {
    let (ledger, config) = (&args.input, args.work.config.as_deref());
    let displayed = ledger.display();
    let (writer, state) = ledgers::open(disk, ledger, None)?;
    if !state.is_saved_plan() {
        let text = format!(
            "`{displayed}` is a ledger and no list of users: its plan was agreed to, and its run has begun"
        );
        return Err(CliError::refuse(text, goes_on(&again(ledger, config))));
    }
    let typed = args.ledger.as_ref().map(|_| "--ledger".to_owned());
    if let Some(option) = typed.or_else(RowsArgs::first_typed) {
        let text = format!(
            "`{option}` is about reading an input, and `{displayed}` is a ledger: its rows are read already"
        );
        let help = format!("leave `{option}` off");
        return Err(CliError::refuse(text, help));
    }
    let mut options = state.header.options.clone();
    args.work.pace.lay_over(&mut options);
    let setup = Setup::new(config, options, Some(ledger))?;
    let planned = Planned::of_ledger(&state)?;
    if args.dry_run && !args.live {
        put_page(&outline_text::text(&setup, &planned))?;
        writer.finish().await?;
        return Ok(None);
    }
    Ok(Some(open_run(args, (writer, state), setup, planned)))
}

fn open_run<'a>(
    args: &RunArgs,
    opened: (LedgerWriter, LedgerState),
    mut setup: Setup,
    planned: Planned,
) -> OpenRun<'a> {
    // A demo's jobs are as quick as its quotas.
    let accounts = setup.outline.accounts.iter_mut();
    let jobs = accounts.filter_map(|it| it.limits.many.as_mut().filter(|_| args.work.is_demo));
    jobs.for_each(|it| (it.job_begins, it.job_user) = Default::default());
    let wanted = opened.1.outstanding();
    let kind = WorkKind::Run(Box::new(planned));
    OpenRun {
        is_piped: args.input == Path::new(DASH),
        ..OpenRun::new(kind, opened, &wanted, setup, args.work.clone())
    }
}

/// INPUT with `.ledger.jsonl` appended; of standard input, `stdin.ledger.jsonl`; of a ledger whose rows are
/// done again, its name with `.again` before that.
fn default_ledger(args: &RunArgs) -> PathBuf {
    let again = args.again.first().map(|first| first.to_string_lossy());
    let again = again.map(|it| it.strip_suffix(LEDGER_SUFFIX).unwrap_or(&it).to_owned() + ".again");
    let mut name = match again {
        Some(again) => again.into(),
        None if args.input == Path::new(DASH) => "stdin".into(),
        None => args.input.as_os_str().to_owned(),
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
    let text = format!(
        "the path of `{}` is not UTF-8, so the ledger cannot name it and no `report` would find it",
        path.display()
    );
    let help = "rename the file or the folder, or pipe the file in and give `-`";
    Err(CliError::refuse(text, help))
}
