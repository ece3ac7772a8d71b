//! `sandbox`: the three providers on this machine, with the demo's users or those of a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::cli::args::SandboxArgs;
use crate::cli::files::write_text;
use crate::cli::signals::StopSignals;
use crate::cli::terminal::{put, tell};
use crate::cli::{CliError, ExitCode};
use crate::domain::{Action, ProviderKind, Quota, Record};
use crate::input::{InputSource, ReadOptions};
use crate::provider::{check_id, defaults};
use crate::sandbox::{Sandbox, SandboxOptions, Seed, Settings, UserSeed};

/// Serves until a signal ends it.
pub(in crate::cli) async fn execute(args: SandboxArgs) -> Result<ExitCode, CliError> {
    let stock = args.users.as_deref().map(Stock::of_file).transpose()?;
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
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options).await.map_err(CliError::refused)?;
    let mut accounts = Vec::from(DEMO_ACCOUNTS.map(|(name, kind)| (name.to_owned(), kind)));
    if let Some(stock) = &stock {
        sandbox
            .with(|sandbox, now| sandbox.seed(&stock.seed, now))
            .map_err(CliError::refused)?;
        accounts.retain(|(_, kind)| !stock.accounts.values().any(|other| other == kind));
        accounts.extend(stock.accounts.clone());
    }
    let config = config(&sandbox.base_url(), &accounts, scale);
    if let Some(path) = &args.write_config {
        write_config(path, &config)?;
    }
    put(&format!("sandbox at {}", sandbox.base_url()))?;
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
    tell("\nWhat arrives: /_sandbox/requests, who stands: /_sandbox/users. Ctrl-C ends it.");
    let stop = StopSignals::default();
    stop.listen()?;
    stop.run.admitting.cancelled().await;
    sandbox.shutdown().await;
    Ok(stop.code().unwrap_or(ExitCode::Success))
}

fn write_config(path: &Path, config: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot write {}: {error}", path.display());
        let help = "name a file that does not exist yet";
        CliError::refuse(message, help)
    };
    write_text(path, false, config, failed)
}

/// The users of an input, as the sandbox takes them.
#[derive(Debug, Default)]
struct Stock {
    seed: Seed,
    /// The accounts that the file names. Each has the provider that its first id looks like.
    accounts: BTreeMap<String, ProviderKind>,
    /// Rows that hold no id of their provider's.
    rows_without: u64,
}

impl Stock {
    /// Reads the input at `path`. A row of an account is a user there; any other is a user of each
    /// provider whose ids look like its own. Users to be permanently deleted are soft-deleted already.
    fn of_file(path: &Path) -> Result<Self, CliError> {
        let mut stock = Self::default();
        let mut source = InputSource::open(path, &ReadOptions::default())?;
        source.each_row(|_, row| {
            let is_stocked = row.as_ref().is_ok_and(|record| stock.add_row(record));
            stock.rows_without += u64::from(!is_stocked);
        })?;
        Ok(stock)
    }

    /// Adds the user of a row; `false`: its id is none of its provider's.
    fn add_row(&mut self, record: &Record<'_>) -> bool {
        let mut alike = kinds_of(&record.id);
        if let Some(account) = record.account.as_deref() {
            let mut known = DEMO_ACCOUNTS.iter().filter(|(name, _)| *name == account);
            let known = account.parse().ok().or(known.next().map(|(_, kind)| *kind));
            let own = self.accounts.get(account).copied();
            let Some(kind) = known.or(own).or(alike.first().copied()) else {
                return false;
            };
            if known.is_none() {
                self.accounts.entry(account.to_owned()).or_insert(kind);
            }
            alike = vec![kind];
        }
        let to_clear = Action::PermanentlyDelete.name();
        let is_soft_deleted = record.action.as_deref() == Some(to_clear);
        let mut is_stocked = false;
        for kind in alike {
            if let Ok(id) = check_id(kind)(&record.id) {
                self.add(kind, id, is_soft_deleted);
                is_stocked = true;
            }
        }
        is_stocked
    }

    fn add(&mut self, kind: ProviderKind, id: &str, is_soft_deleted: bool) {
        let mut user = UserSeed {
            id: id.to_owned(),
            ..UserSeed::default()
        };
        let users = match kind {
            ProviderKind::Zendesk => &mut self.seed.zendesk,
            ProviderKind::Sunco => &mut self.seed.sunco,
            ProviderKind::Zoho => &mut self.seed.zoho,
        };
        let is_hex = id.len() == 24 && id.bytes().all(|it| it.is_ascii_hexdigit());
        match kind {
            ProviderKind::Zendesk if is_soft_deleted => "soft-deleted".clone_into(&mut user.state),
            ProviderKind::Sunco if !is_hex => {
                let made = format!("{:024x}", users.len());
                user.external_id = Some(std::mem::replace(&mut user.id, made));
            }
            _ => {}
        }
        users.push(user);
    }

    fn describe(&self) -> String {
        let seed = &self.seed;
        let counts = [&seed.zendesk, &seed.sunco, &seed.zoho].map(Vec::len);
        let kinds = [
            ProviderKind::Zendesk,
            ProviderKind::Sunco,
            ProviderKind::Zoho,
        ];
        let stocked = counts
            .into_iter()
            .zip(kinds)
            .filter(|(count, _)| *count > 0);
        let stocked = stocked.map(|(count, kind)| format!("{count} at {}", kind.title()));
        let stocked = match stocked.collect::<Vec<_>>() {
            none if none.is_empty() => "none".to_owned(),
            stocked => stocked.join(", "),
        };
        match self.rows_without {
            0 => format!("users: {stocked}"),
            rows => format!("users: {stocked}; rows without an id: {rows}"),
        }
    }
}

/// The providers whose ids look like `id`, the likeliest first: what is no number is an id of Sunshine
/// Conversations, and only Zoho's numbers are so long.
fn kinds_of(id: &str) -> Vec<ProviderKind> {
    const ZOHO_DIGITS: usize = 16;
    let mut kinds = vec![ProviderKind::Zendesk, ProviderKind::Zoho];
    if id.len() >= ZOHO_DIGITS {
        kinds.reverse();
    }
    kinds.retain(|kind| check_id(*kind)(id).is_ok());
    if kinds.is_empty() && check_id(ProviderKind::Sunco)(id).is_ok() {
        kinds.push(ProviderKind::Sunco);
    }
    kinds
}

/// The accounts of the demo's file.
pub(super) const DEMO_ACCOUNTS: [(&str, ProviderKind); 3] = [
    ("support", ProviderKind::Zendesk),
    ("chat", ProviderKind::Sunco),
    ("crm", ProviderKind::Zoho),
];

/// A configuration of `accounts` at `base`, with limits as much quicker as the sandbox's are.
pub(super) fn config(base: &str, accounts: &[(String, ProviderKind)], scale: f64) -> String {
    let mut text = String::new();
    for (name, kind) in accounts {
        let keys: &[(&str, &str)] = match kind {
            ProviderKind::Zendesk => &[
                ("base_url", base),
                ("email", Sandbox::ZENDESK_EMAIL),
                ("api_token", Sandbox::ZENDESK_TOKEN),
            ],
            ProviderKind::Sunco => &[
                ("base_url", base),
                ("app_id", Sandbox::SUNCO_APP_ID),
                ("key_id", Sandbox::SUNCO_KEY_ID),
                ("key_secret", Sandbox::SECRET),
            ],
            ProviderKind::Zoho => &[
                ("accounts_url", base),
                ("client_id", Sandbox::ZOHO_CLIENT_ID),
                ("client_secret", Sandbox::SECRET),
                ("refresh_token", Sandbox::ZOHO_REFRESH_TOKEN),
            ],
        };
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let header = match name {
            name if name.chars().all(is_bare) => name.clone(),
            name => toml::Value::from(name.as_str()).to_string(),
        };
        // Writing to a string cannot fail; so below.
        let _ = writeln!(text, "[accounts.{header}]\nprovider = \"{kind}\"");
        for (key, value) in keys {
            let _ = writeln!(text, "{key} = \"{value}\"");
        }
        if (scale - 1.0).abs() > f64::EPSILON {
            let defaults = defaults(*kind);
            let _ = write!(text, "\n[accounts.{header}.limits]\n");
            let steps = defaults.steps.iter();
            let steps = steps.map(|(step, quota)| (step.name(), *quota));
            for (limit, quota) in std::iter::once(("requests", defaults.requests)).chain(steps) {
                let _ = writeln!(text, "{limit} = \"{}\"", quicker(quota, scale));
            }
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

/// A quota whose span is so many times shorter.
fn quicker(quota: Quota, scale: f64) -> Quota {
    Quota::try_new(quota.requests(), quota.span().div_f64(scale)).unwrap_or(quota)
}
