//! The ledgers that worked at each tenant, in a folder of the user's. One process works at a tenant
//! at a time, and the next counts the requests of the last ones.
//!
//! Each tenant has a small file, locked while a process works there, with the paths of ledgers. A folder
//! that cannot be used is told, and the work goes on: it costs a quota that seems free, no more.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk::{RealDisk, is_locked, lock_soon, make_private_folder, open_private};
use super::error::LedgerError;
use super::reader::{LEDGER_SUFFIX, written_at};
use super::state::LedgerState;
use super::writer::LedgerWriter;
use crate::domain::{AccountName, ProviderKind, RunHeader, Time};

/// The most of a tenant's file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The most tenants' files that are looked at.
const FILES_MAX: usize = 10_000;

/// The most ledgers that are kept of a tenant, the newest first.
const LEDGERS_MAX: usize = 32;

/// How long ago a ledger may have been written to count: an hour more than the longest quota, Zoho's.
const COUNTS_FOR: Duration = Duration::from_hours(25);

/// The contents of a tenant's file.
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
#[derive(Debug)]
pub struct Tenants {
    /// `None`: there is no folder to use.
    folder: Option<PathBuf>,
    /// The contents of the files that this process has locked.
    held: BTreeMap<PathBuf, (File, Tenant)>,
    /// Says that a file cannot be used.
    warn: fn(&str),
}

impl Tenants {
    /// No tenants yet; their files are in `folder`, if there is one. `warn` tells of one that cannot be used.
    pub const fn new(folder: Option<PathBuf>, warn: fn(&str)) -> Self {
        Self {
            folder,
            held: BTreeMap::new(),
            warn,
        }
    }

    /// Locks the known tenants that `is_here` picks by provider, tenant and the name of an account.
    pub fn lock(
        &mut self,
        is_here: impl Fn(ProviderKind, &str, &AccountName) -> bool,
    ) -> Result<(), LedgerError> {
        for (path, says) in self.known() {
            let mut names = says.accounts.iter();
            let is_here = says
                .provider
                .is_some_and(|kind| names.any(|name| is_here(kind, &says.name, name)));
            if is_here {
                self.hold(path)?;
            }
        }
        Ok(())
    }

    /// The ledgers that worked there lately, but for those that `is_read` picks.
    pub fn ledgers(&self, is_read: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in self.held.values().flat_map(|(_, says)| &says.ledgers) {
            if !is_read(path) && !paths.contains(path) && is_recent(path) {
                paths.push(path.clone());
            }
        }
        paths
    }

    /// Locks the `tenant` of `provider` that `account` turned out to be at.
    pub fn settle(
        &mut self,
        provider: ProviderKind,
        tenant: &str,
        account: &AccountName,
    ) -> Result<(), LedgerError> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let path = folder.join(file_name(provider, tenant));
        self.hold(path.clone())?;
        if let Some((_, says)) = self.held.get_mut(&path) {
            says.provider = Some(provider);
            tenant.clone_into(&mut says.name);
            if !says.accounts.contains(account) {
                says.accounts.push(account.clone());
            }
        }
        Ok(())
    }

    /// Notes that `ledger`, an absolute path, works at these tenants from now on.
    pub fn note(&mut self, ledger: &Path) {
        for (path, (file, says)) in &mut self.held {
            let ledgers = &mut says.ledgers;
            ledgers.retain(|path| path != ledger && is_recent(path));
            ledgers.insert(0, ledger.to_owned());
            ledgers.truncate(LEDGERS_MAX);
            if let Err(error) = write(file, says) {
                warn(self.warn, path, &error);
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
    fn hold(&mut self, path: PathBuf) -> Result<(), LedgerError> {
        if self.folder.is_none() || self.held.contains_key(&path) {
            return Ok(());
        }
        let file = match open_private(&path) {
            Ok(file) => file,
            Err(error) => {
                warn(self.warn, &path, &error);
                self.folder = None;
                return Ok(());
            }
        };
        let locked = lock_soon(|| file.try_lock(), std::thread::sleep);
        let says = read(&mut &file);
        match locked {
            Ok(()) => drop(self.held.insert(path, (file, says))),
            Err(TryLockError::WouldBlock) => return Err(busy(says)),
            Err(TryLockError::Error(error)) => warn(self.warn, &path, &error),
        }
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

/// The name of a tenant's file: names of tenants may hold any character.
fn file_name(provider: ProviderKind, tenant: &str) -> String {
    let digest = blake3::hash(format!("{}\n{tenant}", provider.name()).as_bytes());
    format!("{}.json", &digest.to_hex()[..32])
}

/// The contents of a file; nothing, if it is empty or was cut by a crash.
fn read(file: &mut impl io::Read) -> Tenant {
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok();
    read.and_then(|_| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

impl LedgerWriter {
    /// Begins a ledger of requests and nothing else in `folder`, for later processes at the same tenants to
    /// count. Those that count no more are taken away.
    pub fn create_log(
        folder: &Path,
        header: RunHeader,
    ) -> Result<(Self, LedgerState), LedgerError> {
        let failed = |source| LedgerError::io("use the folder of", folder, source);
        make_private_folder(folder).map_err(failed)?;
        let earlier = fs::read_dir(folder).map_err(failed)?.take(FILES_MAX);
        for path in earlier.filter_map(|entry| Some(entry.ok()?.path())) {
            if !is_recent(&path) {
                // Another process may have been faster.
                let _ = fs::remove_file(path);
            }
        }
        let path = folder.join(format!("{}{LEDGER_SUFFIX}", header.run_id));
        let writer = Self::create_on(&RealDisk, &path, header)?;
        Ok((writer, LedgerState::read(&path)?))
    }
}

/// Whether the ledger at `path` was written lately enough to count.
fn is_recent(path: &Path) -> bool {
    let now = Time::now();
    written_at(path).is_some_and(|at| now.saturating_since(at) <= COUNTS_FOR)
}

fn warn(warn: fn(&str), path: &Path, error: &io::Error) {
    warn(&format!(
        "warning: `{}` cannot be used ({error}), so other runs at the same tenant are not seen",
        path.display()
    ));
}

fn busy(says: Tenant) -> LedgerError {
    let newest = says.ledgers.into_iter().next();
    LedgerError::TenantBusy {
        tenant: says.name,
        // The newest may be another's still, which is over.
        ledger: newest.filter(|it| is_locked(it).unwrap_or(false)),
    }
}
