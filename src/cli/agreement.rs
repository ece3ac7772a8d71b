//! Who agreed to a plan, how, and at which tenants.

use super::Failure;
use super::accounts::Line;
use super::question::{Consent, Person};
use super::terminal::can_ask;
use crate::config::{Endpoint, process_variable};
use crate::domain::{AccountName, Agreed, AgreedAccount, AgreedBy, Entry, WallClock};
use crate::ledger::{Durability, LedgerHandle, LedgerState};

/// The tenants of the accounts that `has_rows` picks.
pub(super) fn tenants(lines: &[Line], has_rows: impl Fn(&AccountName) -> bool) -> Vec<&str> {
    let with_rows = lines.iter().filter(|line| has_rows(&line.name));
    let mut tenants: Vec<&str> = with_rows.filter_map(Line::tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    tenants
}

/// Asks, unless it need not be asked. `is_piped`: the rows came from standard input.
pub(super) fn obtain(
    consent: Consent,
    is_piped: bool,
    rows: u64,
    tenants: &[&str],
) -> Result<AgreedBy, Failure> {
    let person = if can_ask() && !is_piped {
        Person::AtTerminal
    } else {
        Person::Absent
    };
    let mut stdin = std::io::stdin().lock();
    consent.obtain(rows, tenants, person, &mut stdin, &mut std::io::stderr())
}

/// The agreement to the plan that `state` holds.
pub(super) fn agreed(state: &LedgerState, lines: &[Line], how: AgreedBy) -> Agreed {
    let account = |line: &Line| {
        let identity = line.identity.as_ref()?;
        let account = AgreedAccount {
            tenant: identity.tenant.clone(),
            caller: identity.caller.clone(),
        };
        Some((line.name.clone(), account))
    };
    let planned = state.planned.as_ref();
    Agreed {
        user: user(),
        host: host(),
        how,
        at: WallClock::system().now(),
        accounts: lines.iter().filter_map(account).collect(),
        protect: planned.and_then(|planned| planned.protect.clone()),
        done_in: planned.map_or_else(Vec::new, |planned| planned.done_in.clone()),
    }
}

/// Makes `agreed` durable: nothing is deleted before.
pub(super) async fn record(ledger: &LedgerHandle, agreed: Agreed) -> Result<(), Failure> {
    let entry = Entry::Agreed(Box::new(agreed));
    let appended = ledger.append(entry, Durability::Synced).await;
    // Nothing has been sent, whatever it is.
    appended.map_err(Failure::refused)
}

/// Where the configuration leads an account, as far as it tells without asking.
pub(super) fn place(endpoint: &Endpoint) -> String {
    let authority = |url: &url::Url| {
        let path = url.path().trim_end_matches('/');
        format!("{}{path}", url.authority())
    };
    match endpoint {
        Endpoint::Zendesk { base_url } => authority(base_url),
        Endpoint::Sunco { base_url, app_id } => format!("{}/{app_id}", authority(base_url)),
        Endpoint::Zoho { accounts_url, .. } => authority(accounts_url),
    }
}

/// The user of the machine that this process runs as: the name, or else the number.
fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(process_variable);
    named.filter(|name| !name.is_empty()).unwrap_or_else(number)
}

#[cfg(unix)]
fn number() -> String {
    rustix::process::getuid().as_raw().to_string()
}

#[cfg(not(unix))]
fn number() -> String {
    "unknown".to_owned()
}

/// What this machine is called.
#[cfg(unix)]
fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    process_variable("COMPUTERNAME").unwrap_or_else(|| "unknown".to_owned())
}
