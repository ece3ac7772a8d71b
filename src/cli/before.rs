//! What earlier processes left that this one heeds: the requests that still count towards a quota, and
//! the waits that servers asked for. They are told by the ledger that is gone on with, and by those
//! that `--done-in` names, where these tell of the same tenant.

use std::path::Path;
use std::time::Duration;

use super::Failure;
use super::terminal::tell;
use super::uptime::uptime;
use crate::config::Endpoint;
use crate::domain::{AccountHeader, AccountName, Paused, ProviderKind, Time, WallClock};
use crate::lane::limits::{Earlier, LimitsSpec, Past};
use crate::ledger::{self, LedgerState};

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

/// An account of this configuration, as far as it tells who else is at its tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// The accounts of the configuration that are at the same tenant, itself among them.
    pub(super) there: &'a [&'a AccountName],
}

/// Reads the ledgers that `--done-in` names. `again`: a run is gone on with, which needs no other
/// ledger; one that cannot be read is passed over, and said.
///
/// # Errors
///
/// One cannot be read, or is damaged.
pub(super) fn read_named(paths: &[String], again: bool) -> Result<Vec<LedgerState>, Failure> {
    let mut states = Vec::new();
    for path in paths {
        match ledger::LedgerState::read(Path::new(path)) {
            Ok(state) => states.push(state),
            Err(error) if again => tell(&format!(
                "warning: what ledger `{path}` sent at this tenant cannot be counted: {error}"
            )),
            Err(error) => return Err(Failure::refused(error)),
        }
    }
    Ok(states)
}

/// How late it is for what `state` tells.
pub(super) fn now_of(state: &LedgerState) -> Time {
    state.now(WallClock::system().now(), uptime().as_ref())
}

impl<'a> Before<'a> {
    /// What the ledger `state` alone tells.
    pub(super) const fn of(state: &'a LedgerState) -> Self {
        Self {
            own: Some(state),
            named: &[],
            ignores_pauses: false,
        }
    }

    /// Each ledger, and the names that it has for accounts at the tenant of `place`.
    fn ledgers(
        self,
        place: Place<'a>,
    ) -> impl Iterator<Item = (&'a LedgerState, Vec<AccountName>)> {
        let own = self.own.map(|state| {
            let names = place.there.iter().map(|name| (*name).clone());
            (state, names.collect())
        });
        let named = self.named.iter().map(move |state| {
            let accounts = state.accounts().into_iter();
            let there = accounts.filter(|(_, header)| place.is_that_of(header));
            (state, there.map(|(name, _)| name).collect())
        });
        own.into_iter().chain(named)
    }

    /// The requests of earlier processes that may still hold a slot of `spec` at `place`, oldest first.
    pub(super) fn past(self, place: Place<'_>, spec: &LimitsSpec) -> Vec<Past> {
        let mut past: Vec<Past> = Vec::new();
        for (state, names) in self.ledgers(place) {
            past.extend(still_counted(state, spec, &names, now_of(state)));
        }
        past.sort_by_key(|past| (std::cmp::Reverse(past.ago), past.ahead));
        past
    }

    /// The pauses at `place` that are not over, and how much is left of each.
    pub(super) fn pauses(self, place: Place<'a>) -> Vec<(&'a Paused, Duration)> {
        if self.ignores_pauses {
            return Vec::new();
        }
        let mut pauses = Vec::new();
        for (state, names) in self.ledgers(place) {
            let now = now_of(state);
            let here = state
                .pauses_at(now)
                .filter(|it| names.contains(&it.account));
            pauses.extend(here.map(|pause| (pause, pause.left(now))));
        }
        pauses
    }
}

impl Place<'_> {
    /// Whether a ledger's account is at the same tenant. Where the configuration alone does not tell
    /// (one Zoho accounts server serves many organisations), one of the same name is taken to be.
    fn is_that_of(self, header: &AccountHeader) -> bool {
        self.is_at(Some(header.provider), &header.tenant, &header.name)
    }

    /// Whether it is at the `tenant` of `provider`, at which another account is called `name`.
    pub(super) fn is_at(
        self,
        provider: Option<ProviderKind>,
        tenant: &str,
        name: &AccountName,
    ) -> bool {
        if provider != Some(self.endpoint.provider()) {
            return false;
        }
        let authority = |url: &url::Url| {
            let host = url.host_str().unwrap_or_default();
            url.port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        };
        match self.endpoint {
            Endpoint::Zendesk { base_url } => {
                let path = base_url.path().trim_end_matches('/');
                tenant == format!("{}{path}", authority(base_url))
            }
            Endpoint::Sunco { base_url, app_id } => {
                tenant.starts_with(&authority(base_url)) && tenant.ends_with(&format!("/{app_id}"))
            }
            Endpoint::Zoho { .. } => self.there.contains(&name),
        }
    }
}

/// The requests of `state` that may still hold a slot of `spec`, of the `accounts` that share it. Of a
/// million requests these are few.
fn still_counted(
    state: &LedgerState,
    spec: &LimitsSpec,
    accounts: &[AccountName],
    now: Time,
) -> Vec<Past> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let known = accounts.iter().filter_map(|name| state.concurrency(name));
    let sent = accounts.iter().flat_map(|name| state.sent(name));
    let earlier = Earlier {
        sent: sent.map(|it| (it.step, it.sent_at, it.replied_at)),
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
