//! Which ledgers worked at each tenant, in the XDG state folder: one process works at a tenant at a
//! time, and the next counts what the last ones sent.
//!
//! Each tenant has a small file, locked while a process works there, with the paths of ledgers. A folder
//! that cannot be used is told, and the work goes on: it costs a quota that seems free, no more.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::Connection;
use super::earlier::{is_at, read_if_whole, read_named};
use super::files::{make_private_folder, xdg_folder};
use super::planning::absolute;
use super::setup::Setup;
use super::terminal::tell;
use super::{CliError, ExitCode};
use crate::domain::{AccountName, ProviderKind, WallClock};
use crate::ledger::{LedgerState, written_at};
use crate::words;

/// The most of a tenant's file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The most tenants' files that are looked at.
const FILES_MAX: usize = 10_000;

/// The most ledgers that are kept of a tenant, the newest first.
const LEDGERS_MAX: usize = 32;

/// How long ago a ledger may have been written to count: an hour more than the longest quota, Zoho's.
const COUNTS_FOR: Duration = Duration::from_hours(25);

/// How often a lock is tried, and how long between two tries: a process that is just ending is waited
/// for half a second.
const TRIES_MAX: u32 = 20;
const STEP: Duration = Duration::from_millis(25);

/// What the file of a tenant says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tenant {
    /// `None`: no process has said yet.
    provider: Option<ProviderKind>,
    /// The tenant, as the provider names it.
    name: String,
    /// The names that configurations have for it.
    accounts: Vec<AccountName>,
    /// The ledgers that worked there, the newest first.
    ledgers: Vec<PathBuf>,
}

/// The tenants at which this process works. Their locks go with this value.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    /// `None`: there is no folder to use.
    folder: Option<PathBuf>,
    /// What the files say that this process has locked.
    held: BTreeMap<PathBuf, (File, Tenant)>,
}

/// Locks the tenants that the accounts are known to be at which `has_rows` picks. Reads the ledgers that
/// tell what was sent there, `own` apart: those of `--done-in`, and those that worked there lately.
pub(super) fn enter(
    setup: &Setup,
    has_rows: impl Fn(&AccountName) -> bool,
    own: Option<&Path>,
) -> Result<(Tenants, Vec<LedgerState>), CliError> {
    let mut tenants = Tenants {
        folder: xdg_folder("XDG_STATE_HOME", ".local/state", "tenants"),
        held: BTreeMap::new(),
    };
    if tenants.folder.is_none() {
        tell(
            "note: neither XDG_STATE_HOME nor HOME is set, so other runs at the same tenants are not seen",
        );
    }
    let known = tenants.known();
    let accounts = setup.outline.accounts.iter();
    for account in accounts.filter(|account| has_rows(&account.name)) {
        let is_here = |says: &Tenant| {
            let mut names = says.accounts.iter();
            says.provider.is_some_and(|kind| {
                names.any(|name| is_at(account, &[&account.name], kind, &says.name, name))
            })
        };
        for (path, _) in known.iter().filter(|(_, says)| is_here(says)) {
            tenants.hold(path.clone())?;
        }
    }
    let done_in = &setup.options.done_in;
    let mut ledgers = read_named(done_in, own.is_some())?;
    ledgers.extend(tenants.ledgers(own, done_in));
    Ok((tenants, ledgers))
}

impl Tenants {
    /// What the ledgers say that worked there lately, but for `own` and those at the paths `named`.
    fn ledgers(&self, own: Option<&Path>, named: &[String]) -> Vec<LedgerState> {
        let same = |path: &Path, other: &Path| absolute(path) == absolute(other);
        let mut paths: Vec<&Path> = Vec::new();
        for path in self.held.values().flat_map(|(_, says)| &says.ledgers) {
            let is_read = own.is_some_and(|own| same(own, path))
                || named.iter().any(|named| same(Path::new(named), path))
                || paths.contains(&path.as_path());
            if !is_read && is_recent(path) {
                paths.push(path);
            }
        }
        paths.into_iter().filter_map(read_if_whole).collect()
    }

    /// Locks the tenants that `lines` turned out to be at.
    pub(super) fn settle(&mut self, lines: &[Connection]) -> Result<(), CliError> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        for (line, tenant) in lines.iter().filter_map(|it| Some((it, it.tenant()?))) {
            let path = folder.join(file_name(line.kind, tenant));
            self.hold(path.clone())?;
            if let Some((_, says)) = self.held.get_mut(&path) {
                says.provider = Some(line.kind);
                tenant.clone_into(&mut says.name);
                if !says.accounts.contains(&line.name) {
                    says.accounts.push(line.name.clone());
                }
            }
        }
        Ok(())
    }

    /// Notes that `ledger` works at these tenants from now on.
    pub(super) fn note(&mut self, ledger: &Path) {
        let ledger = absolute(ledger);
        for (path, (file, says)) in &mut self.held {
            let ledgers = &mut says.ledgers;
            ledgers.retain(|path| *path != ledger && is_recent(path));
            ledgers.insert(0, ledger.clone());
            ledgers.truncate(LEDGERS_MAX);
            if let Err(error) = write(file, says) {
                warn(path, &error);
            }
        }
    }

    /// The files of all tenants.
    fn known(&self) -> Vec<(PathBuf, Tenant)> {
        let entries = self.folder.as_ref().and_then(|it| fs::read_dir(it).ok());
        let entries = entries.into_iter().flatten().take(FILES_MAX);
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let known = paths.filter_map(|path| Some((read(&mut File::open(&path).ok()?), path)));
        known.map(|(says, path)| (path, says)).collect()
    }

    /// Locks the file at `path`, unless this process has it.
    fn hold(&mut self, path: PathBuf) -> Result<(), CliError> {
        if self.folder.is_none() || self.held.contains_key(&path) {
            return Ok(());
        }
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) => {
                warn(&path, &error);
                self.folder = None;
                return Ok(());
            }
        };
        for attempt in 1..=TRIES_MAX {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < TRIES_MAX => std::thread::sleep(STEP),
                Err(TryLockError::WouldBlock) => return Err(busy(&read(&mut &file))),
                Err(TryLockError::Error(error)) => {
                    warn(&path, &error);
                    return Ok(());
                }
            }
        }
        let says = read(&mut &file);
        self.held.insert(path, (file, says));
        Ok(())
    }
}

/// Writes what the file says in the place of what it said. The file stays the same one: it is the lock.
fn write(file: &mut File, says: &Tenant) -> io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec(says)?)?;
    file.sync_data()
}

/// What the file of a tenant is called: names of tenants may hold any character.
fn file_name(provider: ProviderKind, tenant: &str) -> String {
    let digest = blake3::hash(format!("{}\n{tenant}", provider.name()).as_bytes());
    format!("{}.json", &digest.to_hex()[..32])
}

fn open(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), make_private_folder)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What a file says; nothing, if it is empty or was cut by a crash.
fn read(file: &mut impl io::Read) -> Tenant {
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok();
    read.and_then(|_| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Whether the ledger at `path` was written lately enough to count.
fn is_recent(path: &Path) -> bool {
    let now = WallClock::system().now();
    written_at(path).is_some_and(|at| now.saturating_since(at) <= COUNTS_FOR)
}

fn warn(path: &Path, error: &io::Error) {
    tell(&format!(
        "warning: `{}` cannot be used ({error}), so other runs at the same tenant are not seen",
        path.display()
    ));
}

fn busy(says: &Tenant) -> CliError {
    let (text, help) = match says.ledgers.first() {
        Some(ledger) => (
            format!(
                "another process works at tenant `{}`, with ledger `{}`; nothing was sent",
                says.name,
                ledger.display()
            ),
            format!(
                "wait until it is over: `userpurge status --follow {}`",
                words::shell_path(ledger)
            ),
        ),
        None => (
            "another process begins to work at this tenant; nothing was sent".to_owned(),
            "wait until it is over".to_owned(),
        ),
    };
    CliError::message(ExitCode::Ledger, text, Some(&help))
}
