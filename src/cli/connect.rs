//! The providers of a session's accounts, spoken to before anything is sent: one process at a tenant,
//! no wait that a server asked for, no tenant that is denied, and the tenants that were agreed to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::accounts::{Line, acquaint, identify, open_lines};
use super::earlier::{Before, refusal, way_past};
use super::feed::{Queues, shared_user};
use super::recorder::Recorder;
use super::session::{Command, Session};
use super::setup::Setup;
use super::tenants::{self, Tenants};
use super::terminal::tell;
use super::{ExitCode, Failure};
use crate::domain::{AccountName, Counted, Counts, LaneStop, ProviderKind};
use crate::ledger::LedgerState;
use crate::report::text;
use crate::run::Stop;

/// The providers that a session speaks to.
pub(super) struct Connected {
    pub(super) lines: Vec<Line>,
    /// The tenants' locks.
    pub(super) tenants: Tenants,
    /// Accounts that have to wait for longer than a process lives.
    pub(super) held: BTreeMap<AccountName, LaneStop>,
}

impl Session<'_> {
    /// Asks the providers of the accounts `names`, which have rows, who we are; `None`: all of them have
    /// to wait.
    pub(super) async fn connect(
        &mut self,
        names: &BTreeSet<AccountName>,
        recorder: &Arc<Recorder>,
        stop: &Stop,
    ) -> Result<Option<Connected>, Failure> {
        self.check_accounts(names)?;
        let is_run = matches!(self.command, Command::Run(_));
        // Rows that were done before were so at a tenant, which is to be that of this run.
        let counts = self.state.account_counts();
        let is_done =
            |name: &AccountName| is_run && counts.get(name).is_some_and(|it| it.done_before > 0);
        let has_rows = |name: &AccountName| names.contains(name) || is_done(name);
        let own = (!is_run).then_some(self.ledger.as_path());
        let (mut tenants, ledgers) = tenants::enter(&self.setup, has_rows, own)?;
        let before = Before {
            own: (!is_run).then_some(&self.state),
            named: &ledgers,
            ignores_pauses: self.pace.ignore_pauses,
        };
        let held = self.hold(before, has_rows)?;
        let to_ask = |name: &AccountName| has_rows(name) && !held.contains_key(name);
        if !held.is_empty() && !names.iter().any(to_ask) {
            return Ok(None);
        }
        let deletes = !matches!(self.command, Command::Verify);
        let accounts = self.setup.outline.accounts.iter();
        for account in accounts.filter(|account| deletes && to_ask(&account.name)) {
            let urls = account.urls();
            let urls = urls.map(|url| format!("{}{}", url.authority(), url.path()));
            let names = std::iter::once(account.name.to_string()).chain(urls);
            for name in names.chain(account.places()) {
                refuse_denied(&self.setup, &account.name, &name)?;
            }
        }
        let Setup { outline, options } = &self.setup;
        let mut lines = open_lines(outline, options, to_ask, before, (recorder, stop))?;
        identify(&mut lines, recorder).await?;
        if deletes {
            for line in &lines {
                refuse_denied(&self.setup, &line.name, line.tenant().unwrap_or_default())?;
            }
            acquaint(&lines, &options.include_roles).await?;
        }
        if is_run {
            let done_in = &ledgers[..options.done_in.len().min(ledgers.len())];
            check_done_at(done_in, is_done, &lines)?;
        } else {
            check_tenants(&self.ledger, &self.state, &lines)?;
        }
        drop(ledgers);
        self.state.forget_sent();
        tenants.settle(&lines)?;
        Ok(Some(Connected {
            lines,
            tenants,
            held,
        }))
    }

    /// Refuses rows of accounts that the configuration does not have any more, or at another provider.
    fn check_accounts(&self, names: &BTreeSet<AccountName>) -> Result<(), Failure> {
        let known = self.state.accounts();
        for name in names {
            let now = self.setup.account(name);
            let leads_to = now.and_then(|now| now.places().next());
            let what = match (now, leads_to, known.get(name)) {
                (Some(now), _, Some(then)) if now.kind() != then.provider => format!(
                    "account `{name}` was at {} when this plan was made, and the configuration now \
                     leads to {}; nothing was sent",
                    then.provider.title(),
                    now.kind().title()
                ),
                (Some(_), Some(now), Some(then))
                    if matches!(self.command, Command::Run(_)) && then.tenant != now =>
                {
                    format!(
                        "account `{name}` led to `{}` when this plan was made, and the configuration \
                         now leads to `{now}`; nothing was sent",
                        then.tenant
                    )
                }
                (Some(_), ..) => continue,
                (None, ..) => format!(
                    "account `{name}` has rows in ledger `{}`, but is not in the configuration; \
                     nothing was sent",
                    self.ledger.display()
                ),
            };
            let help = "name the configuration of that plan with `--config PATH`";
            return Err(Failure::message(ExitCode::Refused, what, Some(help)));
        }
        Ok(())
    }

    /// The accounts with rows that have to wait, which is said at once. What is only begun, or only
    /// looked at, is refused.
    fn hold(
        &self,
        before: Before<'_>,
        has_rows: impl Fn(&AccountName) -> bool,
    ) -> Result<BTreeMap<AccountName, LaneStop>, Failure> {
        let mut held = before.held(&self.setup);
        held.retain(|name, _| has_rows(name));
        for stop in held.values() {
            match self.command {
                Command::Run(_) => return Err(refusal(stop, ", as an earlier ledger tells")),
                Command::Verify => return Err(refusal(stop, "")),
                Command::Resume | Command::Retry(_) => tell(&format!(
                    "{}; nothing was sent to it; {}",
                    text::stop_told(stop),
                    way_past(None)
                )),
            }
        }
        Ok(held)
    }
}

/// Refuses an account whose tenant is called by a `name` that holds a word of `deny_tenants`.
fn refuse_denied(setup: &Setup, account: &AccountName, name: &str) -> Result<(), Failure> {
    let lower = name.to_lowercase();
    let mut words = setup.outline.deny_tenants.iter();
    let Some(word) = words.find(|word| lower.contains(&word.to_lowercase())) else {
        return Ok(());
    };
    let text = format!(
        "account `{account}` is at a tenant that the configuration denies: `{name}` holds the word `{word}` of `deny_tenants`; nothing was sent that deletes"
    );
    let help = "take the account's rows out of the input, or mean another account; to delete there all the same, take the word out of the configuration";
    Err(Failure::message(ExitCode::Refused, text, Some(help)))
}

/// Refuses users whom two accounts have that turned out to be at one tenant. Where the configuration
/// shows it, the plan has seen to that.
pub(super) fn refuse_shared_users(
    state: &LedgerState,
    lines: &[Line],
    queues: &BTreeMap<AccountName, Queues>,
) -> Result<(), Failure> {
    for (at, line) in lines.iter().enumerate() {
        let is_there = |it: &&Line| it.kind == ProviderKind::Zoho && it.tenant() == line.tenant();
        let there = lines[at..].iter().filter(is_there);
        let there = there.filter_map(|it| queues.get_key_value(&it.name));
        let there: Vec<_> = there.collect();
        if line.kind != ProviderKind::Zoho || there.len() < 2 {
            continue;
        }
        if let Some(row) = shared_user(state, &there)? {
            let text = format!(
                "row {row} names a user whom another account at the same tenant has as well; nothing was \
                 sent"
            );
            let help = "give all rows of a user to one account";
            return Err(Failure::message(ExitCode::Refused, text, Some(help)));
        }
    }
    Ok(())
}

/// Refuses accounts of which rows count as done, as `is_done` says, although they were done at another
/// tenant than the account leads to now: nobody was deleted there.
fn check_done_at(
    done_in: &[LedgerState],
    is_done: impl Fn(&AccountName) -> bool,
    lines: &[Line],
) -> Result<(), Failure> {
    for state in done_in {
        let counts = state.account_counts();
        for (name, then) in state.accounts() {
            let is_good = |it: &Counts| it.counted(Counted::Good) > 0;
            let line = lines.iter().find(|line| line.name == name);
            let now = line.and_then(Line::tenant);
            let was_here = now == Some(then.tenant.as_str());
            if was_here || !is_done(&name) || !counts.get(&name).is_some_and(is_good) {
                continue;
            }
            let now = now.map_or_else(
                || "a tenant that is not known".to_owned(),
                |tenant| format!("tenant `{tenant}`"),
            );
            let text = format!(
                "rows of account `{name}` were done at tenant `{}`, as ledger `{}` of `--done-in` \
                 says, and the configuration leads to {now}; nothing was sent",
                then.tenant,
                state.source.path.display(),
            );
            let help = "leave that `--done-in` out to delete these users here, or name the \
                        configuration of that tenant with `--config PATH`";
            return Err(Failure::message(ExitCode::Refused, text, Some(help)));
        }
    }
    Ok(())
}

/// Refuses accounts that are at another tenant than was agreed to.
fn check_tenants(ledger: &Path, state: &LedgerState, lines: &[Line]) -> Result<(), Failure> {
    let agreed = state.agreed.as_ref().map(|agreed| &agreed.accounts);
    for line in lines {
        let now = line.tenant().unwrap_or_default();
        if let Some(then) = agreed.and_then(|it| it.get(&line.name))
            && then.tenant != now
        {
            let what = format!(
                "account `{}` was at tenant `{}` when the run began, and the configuration now leads to `{now}`; nothing was sent",
                line.name, then.tenant
            );
            return Err(Failure::foreign(ledger, &what, None));
        }
    }
    Ok(())
}
