//! `sandbox`: the providers on this machine, with the demo's users or those of a file.

use std::path::Path;
use std::sync::Arc;

use super::providers::provider_file;
use crate::cli::args::SandboxArgs;
use crate::cli::files::write_text;
use crate::cli::terminal::{put, tell};
use crate::cli::work::exit_code;
use crate::cli::{CliError, ExitCode};
use crate::domain::RunState;
use crate::input::{InputSource, ReadOptions};
use crate::provider::ProviderFile;
use crate::run::StopSignals;
use crate::sandbox::{self, DEMO_ACCOUNTS, Sandbox, SandboxOptions, Settings, Stock};

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
