//! `demo`: a sample file purged against a sandbox of its own, end to end, on this machine only.

use std::ffi::OsStr;
use std::path::Path;

use clap::Parser as _;

use crate::cli::args::{Cli, Command, RunArgs};
use crate::cli::files::write_text;
use crate::cli::terminal::{put_page, tell};
use crate::cli::{CliError, ExitCode};
use crate::domain::Outcome;
use crate::ledger::{Disk, LedgerState, make_private_folder};
use crate::sandbox::{self, DEMO_CSV, Latency, Running, Sandbox, SandboxOptions, Settings};
use crate::words::shell_path;

/// The sandbox's quotas are this much quicker than the real ones: ten minutes pass in six seconds.
const SCALE: f64 = 100.0;

/// Purges the sample.
pub(in crate::cli) async fn execute(disk: &dyn Disk) -> Result<ExitCode, CliError> {
    let latency = "20ms..80ms".parse::<Latency>().map_err(CliError::refused)?;
    let options = SandboxOptions {
        has_demo_users: true,
        settings: Settings {
            latency,
            scale_limits: SCALE,
            ..Settings::default()
        },
        ..SandboxOptions::default()
    };
    let running = Sandbox::start(options).await.map_err(CliError::refused)?;
    // For its owner alone; it stays, so that its ledger can be looked at.
    let folder = std::env::temp_dir().join(format!("userpurge-demo-{}", uuid::Uuid::now_v7()));
    make_private_folder(&folder)?;
    let accounts = sandbox::DEMO_ACCOUNTS.map(|(name, kind)| (name.to_owned(), kind));
    let config = sandbox::config(&running.base_url(), &accounts, None, SCALE);
    for (name, text) in [("userpurge.toml", config.as_str()), ("demo.csv", DEMO_CSV)] {
        write_text(&folder.join(name), false, text, CliError::from)?;
    }
    tell(&format!(
        "A sandbox of the three providers runs at {}, its quotas {SCALE} times quicker than theirs.\n\
         Nothing leaves this machine. The file, its configuration and its ledger are in {}\n",
        running.base_url(),
        folder.display()
    ));
    let ledger = folder.join("demo.csv.ledger.jsonl");
    let ran = Box::pin(super::run::execute(&*run_args(&folder)?, disk)).await?;
    let agrees = judge(&running, &ledger)?;
    running.shutdown().await;
    put_page(&format!(
        "\n{agrees}\nnext:\n  userpurge audit {ledger}\n  userpurge init           # a configuration of your own accounts\n  userpurge sandbox --users {input}   # the same providers and users; name your own file instead\n  userpurge --help",
        ledger = shell_path(&ledger),
        input = shell_path(folder.join("demo.csv"))
    ))?;
    // The sample holds bad rows of every kind, so a run that went well ends with 1.
    Ok(match ran {
        ExitCode::SomeRowsBad => ExitCode::Success,
        ran => ran,
    })
}

/// The command line of the demo's run, as a person would have typed it.
fn run_args(folder: &Path) -> Result<Box<RunArgs>, CliError> {
    let (input, config) = (folder.join("demo.csv"), folder.join("userpurge.toml"));
    let words = ["userpurge", "run", "--yes", "--config"].map(OsStr::new);
    let paths = [config.as_os_str(), input.as_os_str()];
    let typed = Cli::try_parse_from(words.into_iter().chain(paths));
    let Ok(Command::Run(mut args)) = typed.map(|cli| cli.command) else {
        return Err(CliError::bug("the demo is no run"));
    };
    args.work.is_demo = true;
    Ok(args)
}

/// Holds the ledger against the sandbox's own books: as many users were touched as the ledger says.
fn judge(running: &Running, ledger: &Path) -> Result<String, CliError> {
    let state = LedgerState::read(ledger)?;
    let counts = state.counts();
    let users = running.with(|sandbox, now| sandbox.users(None, now));
    let touched = users.iter().filter(|user| user.changes > 0).count();
    let deleted = counts.of(Outcome::Deleted);
    let planned = state.planned.as_ref().map(|planned| planned.rows);
    if touched as u64 != deleted || planned != Some(counts.total()) {
        return Err(CliError::bug(&format!(
            "the ledger says that {deleted} users were deleted, the sandbox says {touched}"
        )));
    }
    Ok(format!(
        "The sandbox agrees: {touched} users were deleted there, as many as the ledger says, and {} rows add up.",
        counts.total()
    ))
}
