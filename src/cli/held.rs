//! Accounts whose server asked for a wait that nobody sits through, and which is not over: nothing
//! at all is sent to them before it is, not even the question who we are.

use std::collections::BTreeMap;
use std::time::Duration;

use super::before::{Before, Place, now_of};
use super::setup::Setup;
use super::{ExitCode, Failure};
use crate::domain::{AccountName, LaneStop, Paused, StopKind, Time};
use crate::lane::limits::PAUSE_WAITED_MAX;
use crate::ledger::LedgerState;
use crate::report::{Lock, Summary, text};
use crate::words;

/// A wait that ends later than this may be a mistake: a time where a number of seconds is meant, or
/// a proxy's.
const BELIEVED_MAX: Duration = Duration::from_hours(24);

/// The accounts that have to wait at `now`, each with the stop that says until when. Accounts at
/// one tenant wait together: the tenant counts their requests together.
pub(super) fn held(state: &LedgerState, now: Time) -> BTreeMap<AccountName, LaneStop> {
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

/// The accounts of the configuration that have to wait, by what any ledger `before` tells.
pub(super) fn held_before(before: Before<'_>, setup: &Setup) -> BTreeMap<AccountName, LaneStop> {
    if before.ignores_pauses {
        return BTreeMap::new();
    }
    let mut all = BTreeMap::new();
    if let Some(own) = before.own {
        all = held(own, now_of(own));
    }
    let named = Before {
        own: None,
        ..before
    };
    for account in &setup.outline.accounts {
        let place = Place {
            endpoint: &account.endpoint(),
            there: &[&account.name],
        };
        for (pause, left) in named.pauses(place) {
            if is_long(pause) && !left.is_zero() {
                let at = pause.until;
                let stop = stop(account.name.clone(), pause, at);
                all.entry(account.name.clone()).or_insert(stop);
            }
        }
    }
    all
}

/// Refuses a run of accounts that have to wait, as a ledger that it names tells.
pub(super) fn refuse(
    before: Before<'_>,
    setup: &Setup,
    has_rows: impl Fn(&AccountName) -> bool,
) -> Result<(), Failure> {
    let mut held = held_before(before, setup);
    held.retain(|name, _| has_rows(name));
    let Some(stop) = held.values().next() else {
        return Ok(());
    };
    Err(refusal(stop, ", as an earlier ledger tells"))
}

/// Says that nothing was sent, as an account has to wait; `who`: who tells of it.
pub(super) fn refusal(stop: &LaneStop, who: &str) -> Failure {
    let text = format!("{}{who}; nothing was sent", text::stop_told(stop));
    let help = format!("wait until then; {}", way_past(&this_command()));
    Failure::message(ExitCode::Refused, text, Some(&help))
}

/// What to do where the time that a server named is none to wait for.
pub(super) fn way_past(command: &str) -> String {
    format!("if that time is a mistake, `{command} --ignore-pauses` sends all the same")
}

/// The command that was typed, as a shell takes it.
pub(super) fn this_command() -> String {
    let typed = std::env::args_os().skip(1);
    typed.fold("userpurge".to_owned(), |command, arg| {
        format!("{command} {}", words::shell_word(&arg.to_string_lossy()))
    })
}

/// The words for who reads that a run stopped for such a wait; `None`: it did not.
pub(super) fn way_past_stop(state: &LedgerState) -> Option<String> {
    let now = now_of(state);
    let stopped = |pause: &&Paused| {
        let is_its = |stop: &LaneStop| stop.reason == StopKind::QuotaGone;
        is_long(pause) && state.stops.iter().any(is_its)
    };
    let config = Summary::new(state, Lock::Free).config;
    let resume = text::again(&state.source.path, config.as_deref());
    state
        .pauses_at(now)
        .find(stopped)
        .map(|_| way_past(&format!("userpurge resume {resume}")))
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
        status: None,
        code: Some("long_wait".to_owned()),
        message: Some(format!(
            "{}; nothing is sent until {}{far}",
            pause.reason, pause.until
        )),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::held;
    use crate::domain::{Entry, Step};
    use crate::ledger::samples::{account, at, header, pause, session, state};

    fn names(entries: &[Entry], now: i64) -> Vec<String> {
        let held = held(&state(header(3), entries), at(now));
        held.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn an_account_is_held_until_a_long_wait_is_over() {
        let long = [pause(None, 10, 10 + 7_200), session(20)];
        assert_eq!(names(&long, 30), ["acme"]);
        assert_eq!(names(&long, 7_209), ["acme"], "however little is left");
        assert!(names(&long, 7_210).is_empty());
        let step = [pause(Some(Step::PermanentlyDelete), 10, 10 + 7_200)];
        assert_eq!(names(&step, 30), ["acme"]);
    }

    #[test]
    fn a_wait_of_an_hour_is_sat_through() {
        assert!(names(&[pause(None, 10, 10 + 3_600)], 30).is_empty());
    }

    #[test]
    fn who_shares_the_tenant_waits_too() {
        let mut header = header(3);
        let mut twin = header.accounts[0].clone();
        twin.name = account("twin");
        header.accounts.push(twin);
        let held = held(&state(header, &[pause(None, 10, 9_000)]), at(20));
        let names: Vec<_> = held.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["acme", "twin"]);
        let words = held[&account("twin")].message.clone().unwrap();
        assert!(words.contains("until 2026-11-22T12:00:00.000Z"), "{words}");
    }
}
