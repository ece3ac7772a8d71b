//! What earlier processes left that this one heeds: the requests that still count towards a quota, and
//! the waits that servers asked for. They are told by the ledger that is gone on with, by those that
//! `--done-in` names, and by those that worked at the same tenants lately.
//!
//! While a wait lasts that nobody sits through, nothing at all is sent to its accounts, not even the
//! question who we are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::setup::Setup;
use super::terminal::tell;
use super::{CliError, ExitCode};
use crate::config::AccountSettings;
use crate::domain::{
    AccountName, LaneStop, Paused, ProviderKind, Said, StopKind, Time, Uptime, WallClock,
};
use crate::lane::limits::{Earlier, LimitsSpec, PAUSE_WAITED_MAX, Past};
use crate::ledger::LedgerState;
use crate::report::{Lock, Summary, text};
use crate::words;

/// A wait that ends later than this may be a mistake: a time where a number of seconds is meant, or
/// a proxy's.
const BELIEVED_MAX: Duration = Duration::from_hours(24);

/// What is known of earlier processes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before<'a> {
    /// The ledger that is gone on with; `None`: none is.
    pub(super) own: Option<&'a LedgerState>,
    /// The ledgers that `--done-in` names, and those that worked at the same tenants lately.
    pub(super) named: &'a [LedgerState],
    /// Whether a person said that no pause counts.
    pub(super) ignores_pauses: bool,
}

/// Reads the ledgers that `--done-in` names. `again`: a run is gone on with, which needs no other
/// ledger; one that cannot be read is passed over, and said.
pub(super) fn read_named(paths: &[String], again: bool) -> Result<Vec<LedgerState>, CliError> {
    let mut states = Vec::new();
    for path in paths.iter().map(Path::new) {
        if again {
            states.extend(read_if_whole(path));
        } else {
            states.push(LedgerState::read(path).map_err(CliError::refused)?);
        }
    }
    Ok(states)
}

/// Reads the ledger at `path`; `None`: it cannot be read, which is said.
pub(super) fn read_if_whole(path: &Path) -> Option<LedgerState> {
    let warn = |error: &_| {
        tell(&format!(
            "warning: what ledger `{}` sent at this tenant cannot be counted: {error}",
            path.display()
        ));
    };
    LedgerState::read(path).inspect_err(warn).ok()
}

/// How late it is for what `state` tells.
fn now_of(state: &LedgerState) -> Time {
    state.now(WallClock::system().now(), uptime().as_ref())
}

/// How long this machine has been up, which no change of the clock changes; `None`: it does not tell.
pub(super) fn uptime() -> Option<Uptime> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let told = std::fs::read_to_string("/proc/uptime").ok()?;
    let secs: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some(Uptime {
        boot: boot.trim().to_owned(),
        ms: u64::try_from(Duration::try_from_secs_f64(secs).ok()?.as_millis()).ok()?,
    })
}

impl<'a> Before<'a> {
    /// Each ledger, and the names that it has for accounts at the tenant of `account`. `there`: the
    /// accounts of the configuration at the same tenant, itself among them.
    fn ledgers<S>(
        self,
        account: &AccountSettings<S>,
        there: &[&AccountName],
    ) -> Vec<(&'a LedgerState, Vec<AccountName>)> {
        let own = self.own.map(|state| {
            let names = there.iter().map(|name| (*name).clone());
            (state, names.collect())
        });
        let named = self.named.iter().map(|state| {
            let accounts = state.accounts().into_iter();
            let names = accounts
                .filter(|(name, it)| is_at(account, there, it.provider, &it.tenant, name))
                .map(|(name, _)| name);
            (state, names.collect())
        });
        own.into_iter().chain(named).collect()
    }

    /// The requests of earlier processes that may still hold a slot of `spec` at the tenant of
    /// `account`, oldest first.
    pub(super) fn past<S>(
        self,
        account: &AccountSettings<S>,
        there: &[&AccountName],
        spec: &LimitsSpec,
    ) -> Vec<Past> {
        let ledgers = self.ledgers(account, there).into_iter();
        let mut past: Vec<Past> = ledgers
            .flat_map(|(state, names)| still_counted(state, spec, &names))
            .collect();
        past.sort_by_key(|past| (std::cmp::Reverse(past.ago), past.ahead));
        past
    }

    /// The pauses at the tenant of `account` that are not over, and how much is left of each.
    pub(super) fn pauses<S>(
        self,
        account: &AccountSettings<S>,
        there: &[&AccountName],
    ) -> Vec<(&'a Paused, Duration)> {
        let mut pauses = Vec::new();
        if self.ignores_pauses {
            return pauses;
        }
        for (state, names) in self.ledgers(account, there) {
            let now = now_of(state);
            let here = state
                .pauses_at(now)
                .filter(|it| names.contains(&it.account));
            pauses.extend(here.map(|pause| (pause, pause.left(now))));
        }
        pauses
    }

    /// The accounts of the configuration that have to wait, each with the stop that says until when.
    pub(super) fn held(self, setup: &Setup) -> BTreeMap<AccountName, LaneStop> {
        let mut all = BTreeMap::new();
        if self.ignores_pauses {
            return all;
        }
        if let Some(own) = self.own {
            all = held(own, now_of(own));
        }
        let named = Self { own: None, ..self };
        for account in &setup.outline.accounts {
            for (pause, left) in named.pauses(account, &[&account.name]) {
                if is_long(pause) && !left.is_zero() {
                    let stop = stop(account.name.clone(), pause, pause.until);
                    all.entry(account.name.clone()).or_insert(stop);
                }
            }
        }
        all
    }
}

/// Whether `account` is at the `tenant` of `provider`, at which another account is called `name`. Where
/// the configuration alone does not tell, one of the same name as an account `there` is taken to be.
pub(super) fn is_at<S>(
    account: &AccountSettings<S>,
    there: &[&AccountName],
    provider: ProviderKind,
    tenant: &str,
    name: &AccountName,
) -> bool {
    let is_there = account.is_at(provider, tenant);
    is_there.unwrap_or_else(|| there.contains(&name))
}

/// The requests of `state` that may still hold a slot of `spec`, of the `accounts` that share it. Of a
/// million requests these are few.
fn still_counted(state: &LedgerState, spec: &LimitsSpec, accounts: &[AccountName]) -> Vec<Past> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let now = now_of(state);
    let known = accounts.iter().filter_map(|name| state.concurrency(name));
    let sent = accounts.iter().flat_map(|name| state.sent(name));
    let earlier = Earlier {
        sent: sent.map(|it| (it.step, it.sent_at, it.replied_at())),
        permits: known.max().unwrap_or(spec.concurrency.get()),
        silent: silent(state, now),
        cut_off: state.cut_off.clone(),
    };
    earlier.still_counted(spec, now)
}

/// For how long the last process has left no line, if it ended in no orderly way: it may have been
/// reading. A pause that it sat through is not counted.
fn silent(state: &LedgerState, now: Time) -> Option<Duration> {
    let pauses = state.pauses.iter().map(|pause| pause.until);
    let last_at = pauses.fold(state.last_at, Time::max);
    (!state.ended_in_order()).then(|| now.saturating_since(last_at))
}

/// The accounts of a ledger that have to wait at `now`. Accounts at one tenant wait together: the tenant
/// counts their requests together.
fn held(state: &LedgerState, now: Time) -> BTreeMap<AccountName, LaneStop> {
    let accounts = state.accounts();
    let mut held = BTreeMap::new();
    for pause in state.pauses_at(now).filter(|pause| is_long(pause)) {
        let own = accounts.get(&pause.account);
        let same_tenant = accounts.iter().filter(|(_, other)| {
            own.is_some_and(|own| (own.provider, &own.tenant) == (other.provider, &other.tenant))
        });
        let names = same_tenant.map(|(name, _)| name.clone());
        for name in names.chain([pause.account.clone()]) {
            let stop = stop(name.clone(), pause, now);
            held.entry(name).or_insert(stop);
        }
    }
    held
}

/// What to do where the time that a server named is none to wait for; left out, `command` is the one
/// that was typed.
pub(super) fn way_past(command: Option<String>) -> String {
    let typed = || {
        let words = std::env::args_os().skip(1);
        words.fold("userpurge".to_owned(), |command, word| {
            format!("{command} {}", words::shell_word(&word.to_string_lossy()))
        })
    };
    let command = command.unwrap_or_else(typed);
    format!("if that time is a mistake, `{command} --ignore-pauses` sends all the same")
}

/// Says that nothing was sent, as an account has to wait; `who`: who tells of it.
pub(super) fn refusal(stop: &LaneStop, who: &str) -> CliError {
    let text = format!("{}{who}; nothing was sent", text::stop_told(stop));
    let help = format!("wait until then; {}", way_past(None));
    CliError::message(ExitCode::Refused, text, Some(&help))
}

/// The words for a reader of a run that stopped for such a wait; `None`: it did not.
pub(super) fn way_past_stop(state: &LedgerState) -> Option<String> {
    let is_its = |stop: &LaneStop| stop.reason == StopKind::QuotaGone;
    let mut pauses = state.pauses_at(now_of(state));
    if !state.stops.iter().any(is_its) || !pauses.any(is_long) {
        return None;
    }
    let config = Summary::new(state, Lock::Free).config;
    let resume = text::again(&state.path, config.as_deref());
    Some(way_past(Some(format!("userpurge resume {resume}"))))
}

/// A shorter one is sat through, by the next process too.
fn is_long(pause: &Paused) -> bool {
    pause.lasts() > PAUSE_WAITED_MAX
}

fn stop(account: AccountName, pause: &Paused, at: Time) -> LaneStop {
    let far = if pause.lasts() > BELIEVED_MAX {
        ", more than a day after it was asked"
    } else {
        ""
    };
    LaneStop {
        account,
        reason: StopKind::QuotaGone,
        said: Said::own(
            "long_wait",
            format!(
                "{}; nothing is sent until {}{far}",
                pause.reason, pause.until
            ),
        ),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::held;
    use crate::domain::Step;
    use crate::ledger::samples::{account, at, header, pause, state};

    #[test]
    fn all_accounts_of_a_tenant_are_held_until_a_wait_of_more_than_an_hour_is_over() {
        let mut header = header();
        let mut twin = header.accounts[0].clone();
        twin.name = account("twin");
        header.accounts.push(twin);
        let step = Some(Step::PermanentlyDelete);
        let cases: [(Option<Step>, i64, i64, &[&str]); 5] = [
            (None, 7_200, 30, &["acme", "twin"]),
            (None, 7_200, 7_209, &["acme", "twin"]),
            (None, 7_200, 7_210, &[]),
            (step, 7_200, 30, &["acme", "twin"]),
            (None, 3_600, 30, &[]),
        ];
        for (step, secs, now, names) in cases {
            let state = state(
                header.clone(),
                &[pause(step.map(Step::name), 10, 10 + secs)],
            );
            let held = held(&state, at(now));
            let held: Vec<_> = held.keys().map(ToString::to_string).collect();
            assert_eq!(held, names, "{secs} s, at {now}");
        }
    }
}
