//! From the first question to the last line of `check`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::account::{Account, HEAD};
use super::asker::Asker;
use crate::cli::args::{CheckArgs, ConfigArgs, InitArgs};
use crate::cli::commands::check;
use crate::cli::setup;
use crate::cli::terminal::tell;
use crate::cli::{ExitCode, Failure};
use crate::config::{FILE_NAME, Source};

/// So many accounts one sitting makes.
const ACCOUNTS_MAX: usize = 20;

/// Asks, writes, checks.
pub(in crate::cli) async fn execute(args: &InitArgs) -> Result<ExitCode, Failure> {
    let path = args.config.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let accounts = ask(&path)?;
    write(&path, &text(&accounts))?;
    tell(&format!(
        "\nwrote `{}`, for your eyes only. It holds no secret.",
        path.display()
    ));
    let unset: Vec<_> = accounts
        .iter()
        .flat_map(Account::variables)
        .filter(|name| std::env::var_os(name).is_none())
        .map(|name| format!("`{name}`"))
        .collect();
    if !unset.is_empty() {
        let check = if args.config.is_some() {
            format!("userpurge check --config {}", path.display())
        } else {
            "userpurge check".to_owned()
        };
        tell(&format!(
            "Next: set {}, then try the credentials with `{check}`",
            unset.join(" and ")
        ));
        return Ok(ExitCode::Success);
    }
    tell("");
    let config = ConfigArgs { config: Some(path) };
    check::execute(&CheckArgs {
        json: false,
        config,
    })
    .await
}

fn ask(path: &Path) -> Result<Vec<Account>, Failure> {
    let stdin = io::stdin();
    let mut asker = Asker {
        input: &mut stdin.lock(),
        output: &mut io::stderr().lock(),
    };
    if path.exists() {
        let question = format!("`{}` is there already. Replace it", path.display());
        if !asker.confirm(&question)? {
            return Err(Failure::message(
                ExitCode::Refused,
                format!("`{}` was left as it is", path.display()),
                Some("name another file with `--config PATH`"),
            ));
        }
    }
    let mut accounts: Vec<Account> = Vec::new();
    while accounts.len() < ACCOUNTS_MAX {
        let names: Vec<_> = accounts
            .iter()
            .map(|account| account.name.clone())
            .collect();
        accounts.push(Account::ask(&mut asker, &names)?);
        // Whoever piped the answers in has said all there was.
        match asker.confirm("Another account") {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if !io::stdin().is_terminal() => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(accounts)
}

fn text(accounts: &[Account]) -> String {
    let tables = accounts.iter().map(Account::table);
    std::iter::once(HEAD.to_owned()).chain(tables).collect()
}

/// Writes the file beside its place, reads it as any configuration is read, and only then puts it
/// there: what is there holds no mistake.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = private(&beside).map_err(|error| cannot(&beside, &error))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| cannot(&beside, &error))
        .and_then(|()| setup::outline(&Source::File(beside.clone())).map(drop))
        .and_then(|()| fs::rename(&beside, path).map_err(|error| cannot(path, &error)));
    if written.is_err() {
        // The reason stands; that half a file stays behind adds nothing to it.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A new file that nobody else reads.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::message(
        ExitCode::Refused,
        format!("cannot write `{}`: {error}", path.display()),
        None,
    )
}
