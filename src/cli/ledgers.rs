//! Ledgers as commands name, open and begin them.

use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::CliError;
use super::files::xdg_folder;
use super::planning::{DASH, Planned, Planning};
use super::setup::{self, Setup};
use super::terminal::tell;
use crate::config::AccountSettings;
use crate::domain::{RunHeader, RunId, Time, Uptime};
use crate::ledger::{
    Disk, LEDGER_SUFFIX, LedgerDamage, LedgerError, LedgerHead, LedgerReader, LedgerState,
    LedgerWriter, each_user, is_locked,
};
use crate::report::text;
use crate::run::take_away;
use crate::{provider, words};

/// The word that stands for the newest ledger.
pub(super) const LATEST: &str = "latest";

/// The ledger that [`resolve`] finds here, in short. Left out, it is the newest, and its name is said.
pub(super) fn named(given: Option<&Path>) -> Result<PathBuf, CliError> {
    let folder = setup::folder()?;
    let path = resolve(given.unwrap_or(Path::new(LATEST)), &folder)?;
    if path.is_dir() {
        let given = given.unwrap_or(&path).display();
        let message = format!("`{given}` is a folder, not a ledger");
        let help = format!("name the file in it that ends in `{LEDGER_SUFFIX}`");
        return Err(CliError::refuse(message, help));
    }
    let short = path.strip_prefix(&folder).unwrap_or(&path);
    if given.is_none() {
        tell(&format!("ledger {}", short.display()));
    }
    Ok(short.to_owned())
}

/// The ledger that `given` names: itself, or the newest in `folder` for [`LATEST`]. A file that is
/// called so has to be written `./latest`.
pub(super) fn resolve(given: &Path, folder: &Path) -> Result<PathBuf, CliError> {
    if given != Path::new(LATEST) {
        return Ok(folder.join(given));
    }
    let message = match LedgerReader::newest_in(folder) {
        Ok(Some(path)) => return Ok(path),
        Ok(None) => format!("there is no `*{LEDGER_SUFFIX}` in `{}`", folder.display()),
        Err(error) => format!("cannot look for ledgers in `{}`: {error}", folder.display()),
    };
    Err(CliError::refuse(message, "name the ledger itself"))
}

/// Opens `ledger` to be gone on with, if its last line has the `head` that was noted. Its ids are held
/// against their providers' rules: one that leads elsewhere must not come into an address.
pub(super) fn open(
    disk: &dyn Disk,
    ledger: &Path,
    head: Option<LedgerHead>,
) -> Result<(LedgerWriter, LedgerState), CliError> {
    let (writer, state) = LedgerWriter::open_on(disk, ledger)?;
    if let Some(torn) = state.torn {
        tell(&format!(
            "note: the last line of ledger `{}` was torn ({} bytes, from a crash while it was written) and has been cut off",
            ledger.display(),
            torn.bytes
        ));
    }
    check_head(ledger, state.head, head)?;
    if state.planned.is_none() {
        return Err(unfinished(ledger));
    }
    check_users(ledger, &state)?;
    Ok((writer, state))
}

/// Refuses a ledger whose last line is `found`, if that is not the `noted` one.
pub(super) fn check_head(
    ledger: &Path,
    found: LedgerHead,
    noted: Option<LedgerHead>,
) -> Result<(), CliError> {
    let Some(noted) = noted.filter(|noted| *noted != found) else {
        return Ok(());
    };
    let what = format!(
        "its fingerprint is {found}, and `--head` says {noted}: it has grown, was cut or was \
         rewritten; nothing was sent"
    );
    let help = format!(
        "`userpurge audit {} --head {noted}` says which",
        words::shell_path(ledger)
    );
    Err(CliError::foreign(ledger, &what, Some(&help)))
}

/// Refuses a ledger that names a user whom the account's provider cannot have.
fn check_users(ledger: &Path, state: &LedgerState) -> Result<(), CliError> {
    let accounts = state.accounts();
    each_user(ledger, |line, account, id| {
        let Some(header) = accounts.get(account) else {
            return Ok(());
        };
        let problem = match provider::check_id(header.provider)(id.as_str()) {
            Ok(checked) if checked == id.as_str() => return Ok(()),
            Ok(_) => "it is not written as it would be sent",
            Err(problem) => problem.reason,
        };
        let what = format!(
            "line {line} names a user whom account `{account}` ({}) cannot have: {problem}; nothing was sent",
            header.provider.title()
        );
        let help = "this program writes no such line: find out who changed the ledger";
        Err(CliError::foreign(ledger, &what, Some(help)))
    })
}

/// The process ended while it wrote the plan: what is missing, nobody knows.
pub(super) fn unfinished(ledger: &Path) -> CliError {
    let text = format!(
        "ledger `{}` holds the beginning of a plan: it was killed while it read the input, and nothing \
         was sent",
        ledger.display()
    );
    CliError::refuse(text, "remove the file, and run or plan the input again")
}

/// Begins a ledger of requests that delete nobody, for the next processes at the same tenants to count.
pub(super) fn begin_log(setup: &Setup) -> Result<(LedgerWriter, LedgerState), CliError> {
    let folder = xdg_folder("XDG_STATE_HOME", ".local/state", "lookups");
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("userpurge-lookups"));
    LedgerWriter::create_log(&folder, header(setup)).map_err(CliError::refused)
}

/// The header of a ledger that begins now.
fn header(setup: &Setup) -> RunHeader {
    let accounts = setup.outline.accounts.iter();
    RunHeader {
        run_id: RunId::new(Uuid::now_v7().to_string()),
        format: RunHeader::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        options: setup.options.clone(),
        accounts: accounts.map(AccountSettings::header).collect(),
        started_at: Time::now(),
        uptime: Uptime::read(),
    }
}

/// A ledger that this process began with a plan. Dropped, it is taken away, unless it was kept.
pub(super) struct NewLedger<'d> {
    disk: &'d dyn Disk,
    path: PathBuf,
    kept: bool,
    _signals: oneshot::Sender<()>,
}

impl<'d> NewLedger<'d> {
    /// Begins the ledger at `path` with the plan of `planning`. If that cannot be made, none is left.
    pub(super) fn begin(
        disk: &'d dyn Disk,
        path: &Path,
        planning: Planning,
    ) -> Result<(Self, LedgerWriter, Setup, Planned), CliError> {
        let setup = &planning.setup;
        // Nothing has been sent, whatever it is.
        let writer =
            LedgerWriter::create_on(disk, path, header(setup)).map_err(CliError::refused)?;
        let new = Self {
            disk,
            path: path.to_owned(),
            kept: false,
            _signals: take_away(path.to_owned()),
        };
        let (setup, planned) = planning.plan(Some(&writer.handle()))?;
        Ok((new, writer, setup, planned))
    }

    /// Leaves the ledger where it is.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewLedger<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // The remaining file is a plan that nobody agreed to, and the next command says so.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// `ledger` as commands take it that ask a provider, with the `config` that was typed.
pub(super) fn again(ledger: &Path, config: Option<&Path>) -> String {
    text::again(ledger, config.map(Path::to_string_lossy).as_deref())
}

/// How to go on with the run of a ledger, as commands take it `again`.
pub(super) fn goes_on(again: &str) -> String {
    format!(
        "`userpurge resume {again}` goes on with its run, `userpurge retry {again}` tries failed rows again"
    )
}

/// Said early; the creation itself is what makes sure. `option`: the one that names another ledger;
/// `config`: what `--config` names.
pub(super) fn refuse_existing(
    ledger: &Path,
    option: &str,
    config: Option<&Path>,
) -> Result<(), CliError> {
    if ledger == Path::new(DASH) {
        let text = "a ledger is a file, and `-` is standard output; nothing was written";
        return Err(CliError::refuse(
            text,
            format!("name a file with `{option}`"),
        ));
    }
    if !ledger.exists() {
        return Ok(());
    }
    let is_none = match ledger.is_file().then(|| LedgerReader::open(ledger)) {
        // A crash while it was begun: neither `resume` nor `retry` would be of any use.
        Some(Err(begun @ LedgerError::NoHeader(_))) if !is_locked(ledger).unwrap_or(false) => {
            return Err(CliError::refused(begun));
        }
        // A folder; or a pipe or a device, which might never be read to its end.
        None => true,
        Some(Err(LedgerError::Damaged { reason, .. })) => reason == LedgerDamage::NotAHeader,
        Some(Ok(_) | Err(_)) => false,
    };
    let (displayed, again) = (ledger.display(), again(ledger, config));
    if is_none {
        let text = format!("`{displayed}` exists already and is no ledger");
        return Err(CliError::refuse(
            text,
            format!("name another file with `{option}`"),
        ));
    }
    if is_locked(ledger).unwrap_or(false) {
        return Err(LedgerError::Locked(ledger.to_owned()).into());
    }
    let text = format!(
        "ledger `{displayed}` exists already: a run of this input has been made, begun or planned"
    );
    let is_plan = LedgerState::read(ledger).is_ok_and(|it| it.is_saved_plan());
    let goes_on = if is_plan {
        format!("`userpurge run {again}` carries out its plan, which nobody agreed to yet")
    } else {
        goes_on(&again)
    };
    let help = format!(
        "{goes_on}, `{option}` begins another; if nothing was ever sent, the file may be removed"
    );
    Err(CliError::refuse(text, help))
}
