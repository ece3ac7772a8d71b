//! Accounts whose server asked for a wait that nobody sits through, and which is not over: nothing
//! at all is sent to them before it is, not even the question who we are.

use std::collections::BTreeMap;

use crate::domain::{AccountName, LaneStop, Paused, StopKind, Time};
use crate::ledger::LedgerState;
use crate::pipeline::limits::PAUSE_WAITED_MAX;

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

/// A shorter one is sat through, by the next process too.
fn is_long(pause: &Paused) -> bool {
    pause.until.saturating_since(pause.at) > PAUSE_WAITED_MAX
}

fn stop(account: AccountName, pause: &Paused, at: Time) -> LaneStop {
    LaneStop {
        account,
        reason: StopKind::QuotaGone,
        status: None,
        code: Some("long_wait".to_owned()),
        message: Some(format!(
            "{}; nothing is sent until {}",
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
