//! `sandbox`: the providers on this machine, with the demo's users or those of a file. And `demo`, which needs
//! nothing but this program.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use clap::Parser as _;

use super::providers::provider_file;
use crate::cli::args::{Cli, Command, RunArgs, SandboxArgs};
use crate::cli::files::write_text;
use crate::cli::terminal::{put, put_page, tell};
use crate::cli::work::exit_code;
use crate::cli::{CliError, ExitCode};
use crate::domain::{Outcome, RunState};
use crate::input::{InputSource, ReadOptions};
use crate::ledger::{Disk, LedgerState, make_private_folder};
use crate::provider::ProviderFile;
use crate::run::StopSignals;
use crate::sandbox::{
    self, DEMO_ACCOUNTS, DEMO_CSV, Latency, Running, Sandbox, SandboxOptions, Settings, Stock,
};
use crate::words::shell_path;

/// Serves until a signal ends it.
pub(in crate::cli) async fn execute(args: SandboxArgs) -> Result<ExitCode, CliError> {
    let file = args.provider.as_deref().map(provider_file).transpose()?;
    let own = file.as_ref().map(|(_, file)| &**file);
    let stock = args.users.as_deref().map(|path| stock_of(path, own));
    let stock = stock.transpose()?;
    let settings = Settings::default();
    let scale = args.scale_limits;
    let options = SandboxOptions {
        listen: args.listen,
        has_demo_users: stock.is_none(),
        settings: Settings {
            latency: args.latency.unwrap_or(settings.latency),
            faults: args.faults.unwrap_or(settings.faults),
            scale_limits: scale,
            ..settings
        },
        files: file.iter().map(|(_, file)| Arc::clone(file)).collect(),
    };
    let running = Sandbox::start(options).await.map_err(CliError::refused)?;
    let mut accounts = Vec::from(DEMO_ACCOUNTS.map(|(name, kind)| (name.to_owned(), kind)));
    if let Some((kind, file)) = &file {
        // The provider that is tried out is this one.
        accounts = vec![(file.name.clone(), *kind)];
    }
    if let Some(stock) = &stock {
        running
            .with(|sandbox, now| sandbox.seed(&stock.seed, now))
            .map_err(CliError::refused)?;
        accounts.retain(|(_, kind)| !stock.accounts.values().any(|other| other == kind));
        accounts.extend(stock.accounts.clone());
    }
    let named = named(args.provider.unwrap_or_default());
    let own = own.map(|file| (file, named.as_str()));
    let config = sandbox::config(&running.base_url(), &accounts, own, scale);
    if let Some(path) = &args.write_config {
        write_config(path, &config)?;
    }
    put(&format!("sandbox at {}", running.base_url()))?;
    if let Some(stock) = &stock {
        tell(&stock.describe());
    }
    if let Some(path) = &args.write_config {
        tell(&format!(
            "\nIts configuration is in {} (these credentials open nothing else).",
            path.display()
        ));
    } else {
        tell("\nA configuration for it (these credentials open nothing else):\n");
        put(&config)?;
    }
    tell("\nWhat arrived: /_sandbox/requests. Who is left: /_sandbox/users. Ctrl-C ends it.");
    let stop = StopSignals::default();
    stop.listen("the sandbox ends")?;
    stop.admitting.cancelled().await;
    running.shutdown().await;
    Ok(exit_code(RunState::Interrupted, true, stop.code()))
}

/// A provider file as a configuration in any folder names it.
fn named(file: String) -> String {
    match std::path::absolute(&file) {
        Ok(path) if file.contains(['/', '.']) => path.display().to_string(),
        _ => file,
    }
}

fn write_config(path: &Path, config: &str) -> Result<(), CliError> {
    write_text(path, false, config, |error| {
        let message = format!("cannot write {}: {error}", path.display());
        let help =
            "leave `--write-config` out if the file is of this sandbox, or name another file";
        CliError::refuse(message, help)
    })
}

/// The users of the input at `path`.
fn stock_of(path: &Path, file: Option<&ProviderFile>) -> Result<Stock, CliError> {
    let mut stock = Stock::new(file);
    let columns = file.map_or(&[][..], ProviderFile::id_columns);
    let mut read = ReadOptions::default();
    let mut source = InputSource::open_with(path, &mut read, columns)?;
    source.each_row(|_, row| stock.add_row(row.as_ref().ok()))?;
    Ok(stock)
}

/// The sandbox's quotas are this much quicker than the real ones: ten minutes pass in six seconds.
const SCALE: f64 = 100.0;

/// Purges a sample file against a sandbox of its own, end to end, on this machine only.
pub(in crate::cli) async fn demo(disk: &dyn Disk) -> Result<ExitCode, CliError> {
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
    let accounts = DEMO_ACCOUNTS.map(|(name, kind)| (name.to_owned(), kind));
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
