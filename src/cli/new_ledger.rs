//! A ledger that is begun with a plan, and taken away again if nobody agrees to it.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::agreement::place;
use super::planning::{Planned, Planning};
use super::setup::Setup;
use super::signals::TakeAway;
use super::uptime::uptime;
use super::{ExitCode, Failure};
use crate::config::AccountOutline;
use crate::domain::{AccountHeader, RunHeader, RunId, WallClock};
use crate::ledger::{Damage, Disk, LedgerError, LedgerReader, LedgerWriter, is_locked};
use crate::words;

/// A ledger of this process. Dropped, it is taken away; [`NewLedger::keep`] leaves it.
pub(super) struct NewLedger<'d> {
    disk: &'d dyn Disk,
    path: PathBuf,
    kept: bool,
    _signals: TakeAway,
}

/// A ledger that holds a whole plan.
pub(super) struct Begun<'d> {
    pub(super) new: NewLedger<'d>,
    pub(super) writer: LedgerWriter,
    pub(super) setup: Setup,
    pub(super) planned: Planned,
}

impl<'d> NewLedger<'d> {
    /// Begins the ledger at `path` with the plan of `planning`.
    ///
    /// # Errors
    ///
    /// There is a file already, or the plan cannot be made; then no ledger is left.
    pub(super) fn begin(
        disk: &'d dyn Disk,
        path: &Path,
        planning: Planning,
    ) -> Result<Begun<'d>, Failure> {
        let setup = &planning.setup;
        let header = RunHeader {
            run_id: RunId::new(Uuid::now_v7().to_string()),
            format: RunHeader::FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            input: None,
            options: setup.options.clone(),
            accounts: setup.outline.accounts.iter().map(header).collect(),
            started_at: WallClock::system().now(),
            uptime: uptime(),
        };
        // Nothing has been sent, whatever it is.
        let writer = LedgerWriter::create_on(disk, path, header).map_err(Failure::refused)?;
        let new = Self {
            disk,
            path: path.to_owned(),
            kept: false,
            _signals: TakeAway::of(path.to_owned()),
        };
        let (setup, planned) = planning.plan(Some(&writer.handle()))?;
        Ok(Begun {
            new,
            writer,
            setup,
            planned,
        })
    }

    /// Leaves the ledger where it is.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewLedger<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // What stays is a plan that nobody agreed to, and the next command says so.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// An account before it was asked who we are.
fn header(account: &AccountOutline) -> AccountHeader {
    AccountHeader {
        name: account.name.clone(),
        provider: account.kind(),
        tenant: place(&account.endpoint()),
        caller: None,
        role: None,
        action: account.action,
        concurrency: None,
    }
}

/// Said early, before anything is read; the creation itself is what makes sure.
pub(super) fn refuse_existing(ledger: &Path) -> Result<(), Failure> {
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
    let name = words::shell_path(ledger);
    Err(Failure::message(
        ExitCode::Refused,
        format!(
            "ledger `{}` exists already: a run of this input has been made, begun or planned",
            ledger.display()
        ),
        Some(&format!(
            "`userpurge resume {name}` goes on with it, `userpurge retry {name}` tries failed rows again, `userpurge run {name}` carries out a plan that nobody agreed to yet, `--ledger PATH` begins another; if nothing was ever sent, the file may be removed"
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
