//! The leftovers of earlier processes that this one heeds: the requests that still count towards a
//! quota, and the waits that servers asked for. While a wait lasts that nobody sits through,
//! nothing at all is sent to its accounts, not even the question who we are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::CliError;
use super::setup::Setup;
use super::terminal::tell;
use crate::config::AccountSettings;
use crate::domain::{
    AccountLimits, AccountName, LaneStop, Paused, ProviderKind, Said, StopKind, Time, Uptime,
};
use crate::lane::limits::{Earlier, PAUSE_WAITED_MAX, PriorRequest};
use crate::ledger::LedgerState;
use crate::report::{Summary, text};
use crate::words;

/// A wait that ends later than this may be a mistake: a time where a number of seconds is meant.
const BELIEVED_MAX: Duration = Duration::from_hours(24);

/// The known facts about earlier processes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before<'a> {
    /// The ledger that is gone on with; `None`: none is.
    pub(super) own: Option<&'a LedgerState>,
    /// The ledgers that `--done-in` names, and those that worked at the same tenants lately.
    pub(super) named: &'a [LedgerState],
    /// Whether a person said that no pause counts.
    pub(super) ignores_pauses: bool,
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
    state.now(Time::now(), Uptime::read().as_ref())
}

impl<'a> Before<'a> {
    /// Each ledger, and the names that it has for accounts at the tenant of `account`. `there`: the
    /// accounts of the configuration at the same tenant, itself among them.
    fn ledgers(
        self,
        account: &AccountSettings,
        there: &[&AccountName],
    ) -> Vec<(&'a LedgerState, Vec<AccountName>)> {
        let own = self.own.map(|state| {
            let names = there.iter().map(|name| (*name).clone());
            (state, names.collect())
        });
        let named = self.named.iter().map(|state| {
            let mut accounts = state.accounts();
            accounts.retain(|name, it| is_at(account, there, it.provider, &it.tenant, name));
            (state, accounts.into_keys().collect())
        });
        own.into_iter().chain(named).collect()
    }

    /// The requests that may still hold a slot of the limits at the tenant of `account`, oldest first.
    pub(super) fn past(
        self,
        account: &AccountSettings,
        there: &[&AccountName],
    ) -> Vec<PriorRequest> {
        let ledgers = self.ledgers(account, there).into_iter();
        let mut past: Vec<PriorRequest> = ledgers
            .flat_map(|(state, names)| still_counted(state, &account.limits, &names))
            .collect();
        past.sort_by_key(|past| (std::cmp::Reverse(past.ago), past.ahead));
        past
    }

    /// The pauses at the tenant of `account` that are not over, and how much is left of each.
    pub(super) fn pauses(
        self,
        account: &AccountSettings,
        there: &[&AccountName],
    ) -> Vec<(&'a Paused, Duration)> {
        let mut pauses = Vec::new();
        if self.ignores_pauses {
            return pauses;
        }
        for (state, names) in self.ledgers(account, there) {
            let now = now_of(state);
            let here = state.pauses_at(now);
            let here = here.filter(|it| names.contains(&it.account));
            pauses.extend(here.map(|pause| (pause, pause.left(now))));
        }
        pauses
    }

    /// The accounts of the configuration that have to wait, each with the stop that says until when.
    /// Accounts at one tenant wait together: the tenant counts their requests together.
    pub(super) fn long_pauses(self, setup: &Setup) -> BTreeMap<AccountName, LaneStop> {
        let now = self.own.map_or_else(Time::now, now_of);
        let known = self.own.map(LedgerState::accounts).unwrap_or_default();
        let tenant = |name: &AccountName| known.get(name).map(|it| (it.provider, &it.tenant));
        let accounts = setup.outline.accounts.iter();
        let long_pauses = accounts.filter_map(|account| {
            let name = &account.name;
            let same = known.keys().filter(|it| tenant(it) == tenant(name));
            let there: Vec<_> = same.chain([name]).collect();
            let mut pauses = self.pauses(account, &there).into_iter();
            let (pause, _) = pauses.find(|(pause, left)| is_long(pause) && !left.is_zero())?;
            Some((name.clone(), stop(name.clone(), pause, now)))
        });
        long_pauses.collect()
    }
}

/// Whether `account` is at the `tenant` of `provider`, at which another account is called `name`. Where
/// the configuration alone does not tell, one of the same name as an account `there` is taken to be.
pub(super) fn is_at(
    account: &AccountSettings,
    there: &[&AccountName],
    provider: ProviderKind,
    tenant: &str,
    name: &AccountName,
) -> bool {
    let is_there = account.is_at(provider, tenant);
    is_there.unwrap_or_else(|| there.contains(&name))
}

/// The requests of `state` that may still hold a slot of the `limits`, of the `accounts` that share it.
fn still_counted(
    state: &LedgerState,
    limits: &AccountLimits,
    accounts: &[AccountName],
) -> Vec<PriorRequest> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let now = now_of(state);
    let known = accounts.iter().filter_map(|name| state.concurrency(name));
    let sent = accounts.iter().flat_map(|name| state.sent(name));
    let earlier = Earlier {
        sent: sent.map(|it| (it.step, it.sent_at, it.replied_at())),
        permits: known.max().unwrap_or(limits.concurrency.get()),
        silent: silent(state, now),
        cut_off: state.cut_off.clone(),
    };
    earlier.still_counted(limits, now)
}

/// For how long the last process has left no line, if it ended in no orderly way: it may have been
/// reading. A pause that it sat through is not counted.
fn silent(state: &LedgerState, now: Time) -> Option<Duration> {
    let pauses = state.pauses.iter().map(|pause| pause.until);
    let last_at = pauses.fold(state.last_at, Time::max);
    (!state.ended_in_order()).then(|| now.saturating_since(last_at))
}

/// The advice where the time that a server named is none to wait for; left out, `command` is the
/// one that was typed.
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
    let text = format!("{}{who}; nothing was sent", text::describe_stop(stop));
    let help = format!("wait until then; {}", way_past(None));
    CliError::refuse(text, help)
}

/// The words for a reader of a run that stopped for such a wait; `None`: it did not.
pub(super) fn way_past_stop(state: &LedgerState) -> Option<String> {
    let is_its = |stop: &LaneStop| stop.reason == StopKind::QuotaGone;
    let mut pauses = state.pauses_at(now_of(state));
    if !state.stops.iter().any(is_its) || !pauses.any(is_long) {
        return None;
    }
    let config = Summary::new(state, false).config;
    let resume = text::again(&state.path, config.as_deref());
    Some(way_past(Some(format!("userpurge resume {resume}"))))
}

/// A shorter one is sat through, by the next process too.
fn is_long(pause: &Paused) -> bool {
    pause.lasts() > PAUSE_WAITED_MAX
}

fn stop(account: AccountName, pause: &Paused, at: Time) -> LaneStop {
    let mut why = format!("{}; nothing is sent until {}", pause.reason, pause.until);
    if pause.lasts() > BELIEVED_MAX {
        why.push_str(", more than a day after it was asked");
    }
    LaneStop {
        account,
        reason: StopKind::QuotaGone,
        said: Said::own("long_wait", why),
        at,
    }
}
