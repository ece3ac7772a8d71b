//! The providers of a session's accounts, spoken to before anything is sent. The checks are: one process at a
//! tenant, no wait that a server asked for, no denied tenant, and the tenants that were agreed to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::CliError;
use super::accounts::{Connection, identify, open_connections};
use super::earlier::{Before, is_at, read_if_whole, refusal, way_past};
use super::files::xdg_folder;
use super::planning::absolute;
use super::session::{OpenRun, WorkKind};
use super::terminal::tell;
use crate::config::process_variable;
use crate::domain::{AccountName, Counted, LaneStop, ProviderKind};
use crate::ledger::{LedgerState, Tenants};
use crate::report::text;

impl OpenRun<'_> {
    /// Asks the providers of the accounts `names`, which have rows, who we are; `false`: all of them
    /// have to wait.
    pub(super) async fn connect(
        &mut self,
        names: &BTreeSet<AccountName>,
    ) -> Result<bool, CliError> {
        let is_run = matches!(self.kind, WorkKind::Run(_));
        // Rows that were done before were so at a tenant, which is to be that of this run.
        let counts = self.state.account_counts();
        let is_done = |it: &_| is_run && counts.get(it).is_some_and(|it| it.done_before > 0);
        let has_rows = |it: &AccountName| names.contains(it) || is_done(it);
        let own = (!is_run).then_some(self.state.path.as_path());
        let (mut tenants, ledgers) = self.lock_tenants(has_rows, own)?;
        let before = Before {
            own: (!is_run).then_some(&self.state),
            named: &ledgers,
            ignores_pauses: self.args.pace.ignore_pauses,
        };
        let long_pauses = self.hold(before, has_rows)?;
        let to_ask = |it: &AccountName| has_rows(it) && !long_pauses.contains_key(it);
        if !long_pauses.is_empty() && !names.iter().any(to_ask) {
            return Ok(false);
        }
        let deletes = !matches!(self.kind, WorkKind::Verify);
        let (outline, options) = (&self.setup.outline, &self.setup.options);
        let accounts = outline.accounts.iter();
        for account in accounts.filter(|it| deletes && to_ask(&it.name)) {
            let urls = account.urls();
            let urls = urls.map(|url| format!("{}{}", url.authority(), url.path()));
            let names = std::iter::once(account.name.to_string()).chain(urls);
            for name in names.chain(account.places()) {
                self.refuse_denied(&account.name, &name)?;
            }
        }
        let sinks = (&self.recorder, &self.signals);
        let accounts = outline.read(to_ask, &process_variable)?;
        let accounts = accounts.into_iter().collect::<Result<_, _>>()?;
        self.connections = open_connections(outline, options, accounts, before, sinks)?;
        let included = deletes.then_some(&*options.include_roles);
        identify(&mut self.connections, &self.recorder, included).await?;
        if deletes {
            for connection in &self.connections {
                let tenant = connection.tenant().unwrap_or_default();
                self.refuse_denied(&connection.name, tenant)?;
            }
        }
        self.check_tenants()?;
        if is_run {
            self.check_done_at(&ledgers, names, is_done)?;
        }
        self.state.forget_sent();
        for it in &self.connections {
            if let Some(tenant) = it.tenant() {
                tenants.settle(it.kind, tenant, &it.name)?;
            }
            let stated = it.client.with(|lane| lane.stated_limit()).flatten();
            (self.setup.stated).extend(stated.map(|stated| (it.name.clone(), stated)));
        }
        (self.tenants, self.long_pauses) = (tenants, long_pauses);
        Ok(true)
    }

    /// Locks the tenants that the accounts are known to be at which `has_rows` picks. Reads the ledgers that
    /// tell what was sent there, `own` apart: those of `--done-in`, and those that worked there lately.
    fn lock_tenants(
        &self,
        has_rows: impl Fn(&AccountName) -> bool,
        own: Option<&Path>,
    ) -> Result<(Tenants, Vec<LedgerState>), CliError> {
        let folder = xdg_folder("XDG_STATE_HOME", ".local/state", "tenants");
        if folder.is_none() {
            tell(
                "note: neither XDG_STATE_HOME nor HOME is set, so other runs at the same tenants are not seen",
            );
        }
        let mut tenants = Tenants::new(folder, tell);
        let accounts = self.setup.outline.accounts.iter();
        for account in accounts.filter(|account| has_rows(&account.name)) {
            tenants
                .lock(|kind, tenant, name| is_at(account, &[&account.name], kind, tenant, name))?;
        }
        let options = &self.setup.options;
        let done_in = &[&options.done_in[..], &options.again].concat();
        let named = done_in.iter().map(Path::new);
        let mut ledgers: Vec<_> = if own.is_some() {
            // To go on needs no other ledger.
            named.clone().filter_map(read_if_whole).collect()
        } else {
            let read = named.clone().map(LedgerState::read);
            read.collect::<Result<_, _>>().map_err(CliError::refused)?
        };
        let known = own.into_iter().chain(named);
        let recent = tenants.ledgers(|path| known.clone().any(|it| absolute(it) == path));
        ledgers.extend(recent.iter().filter_map(|path| read_if_whole(path)));
        Ok((tenants, ledgers))
    }

    /// Refuses rows of accounts that the configuration does not have any more, or at another provider.
    pub(super) fn check_accounts(&self, names: &BTreeSet<AccountName>) -> Result<(), CliError> {
        let known = self.state.accounts();
        let is_run = matches!(self.kind, WorkKind::Run(_));
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
                (Some(_), Some(now), Some(then)) if is_run && then.tenant != now => format!(
                    "account `{name}` led to `{}` when this plan was made, and the configuration \
                     now leads to `{now}`; nothing was sent",
                    then.tenant
                ),
                (Some(now), _, Some(then)) if is_run && then.rules != now.provider.rules() => {
                    rules_changed(name, now.kind().title())
                }
                (Some(_), ..) => continue,
                (None, ..) => format!(
                    "account `{name}` has rows in ledger `{}`, but is not in the configuration; \
                     nothing was sent",
                    self.state.path.display()
                ),
            };
            let help = "name the configuration of that plan with `--config PATH`";
            return Err(CliError::refuse(what, help));
        }
        Ok(())
    }

    /// The accounts with rows that have to wait, which is said. A run or a verification is refused.
    fn hold(
        &self,
        before: Before<'_>,
        has_rows: impl Fn(&AccountName) -> bool,
    ) -> Result<BTreeMap<AccountName, LaneStop>, CliError> {
        let mut long_pauses = before.long_pauses(&self.setup);
        long_pauses.retain(|name, _| has_rows(name));
        for stop in long_pauses.values() {
            match self.kind {
                WorkKind::Run(_) => return Err(refusal(stop, ", as an earlier ledger tells")),
                WorkKind::Verify => return Err(refusal(stop, "")),
                WorkKind::Resume | WorkKind::Retry(_) => tell(&format!(
                    "{}; nothing was sent to it; {}",
                    text::describe_stop(stop),
                    way_past(None)
                )),
            }
        }
        Ok(long_pauses)
    }

    /// Refuses an account whose tenant is called by a `name` that holds a word of `deny_tenants`.
    fn refuse_denied(&self, account: &AccountName, name: &str) -> Result<(), CliError> {
        let lower = name.to_lowercase();
        let mut words = self.setup.outline.deny_tenants.iter();
        let Some(word) = words.find(|word| lower.contains(&word.to_lowercase())) else {
            return Ok(());
        };
        let text = format!(
            "account `{account}` is at a tenant that the configuration denies: `{name}` holds the word `{word}` of `deny_tenants`; nothing was sent that deletes"
        );
        let help = "take the account's rows out of the input, or mean another account; to delete there all the same, take the word out of the configuration";
        Err(CliError::refuse(text, help))
    }

    /// Refuses users whom two accounts have that turned out to be at one tenant. Where the
    /// configuration shows it, the plan has seen to that.
    pub(super) fn refuse_shared_users(&self) -> Result<(), CliError> {
        for (index, first) in self.connections.iter().enumerate() {
            let zoho = self.connections[index..].iter();
            let is_told = |kind| matches!(kind, ProviderKind::Zoho | ProviderKind::Own(_));
            let zoho = zoho.filter(|it| is_told(it.kind) && first.kind == it.kind);
            let there = zoho.filter(|it| it.tenant() == first.tenant());
            let there = there.filter_map(|it| self.queues.get_key_value(&it.name));
            let there: Vec<_> = there.collect();
            if there.len() < 2 {
                continue;
            }
            if let Some(row) = self.state.shared_user(&there)? {
                let text = format!(
                    "row {row} names a user whom another account at the same tenant has as well; nothing was sent"
                );
                let help = "give all rows of a user to one account";
                return Err(CliError::refuse(text, help));
            }
        }
        Ok(())
    }

    /// Refuses accounts whose rows were done at another tenant than theirs now. The rows count as done, as
    /// `is_done` says, or are done again (`names`). Nobody was deleted at the present tenant.
    fn check_done_at(
        &self,
        ledgers: &[LedgerState],
        names: &BTreeSet<AccountName>,
        is_done: impl Fn(&AccountName) -> bool,
    ) -> Result<(), CliError> {
        let options = &self.setup.options;
        let is_again = |it: &AccountName| !options.again.is_empty() && names.contains(it);
        // Those that were named come first.
        let first = options.done_in.len() + options.again.len();
        for state in ledgers.iter().take(first) {
            let counts = state.account_counts();
            for (name, then) in state.accounts() {
                let good = counts.get(&name).map_or(0, |it| it.counted(Counted::Good));
                let mut connections = self.connections.iter();
                let now = connections.find(|it| it.name == name);
                let now = now.and_then(Connection::tenant);
                let is_meant = good > 0 && (is_done(&name) || is_again(&name));
                if !is_meant || now == Some(then.tenant.as_str()) {
                    continue;
                }
                let now = now.map(|tenant| format!("tenant `{tenant}`"));
                let now = now.unwrap_or_else(|| "a tenant that is not known".to_owned());
                let path = state.path.to_string_lossy();
                let is_again = options.again.iter().any(|it| *it == path);
                let option = ["--done-in", "--again"][usize::from(is_again)];
                let text = format!(
                    "rows of account `{name}` were done at tenant `{}`, as ledger `{}` of `{option}` \
                     says, and the configuration leads to {now}; nothing was sent",
                    then.tenant,
                    state.path.display(),
                );
                let help = format!(
                    "leave that `{option}` out to delete these users here, or name the configuration of \
                     that tenant with `--config PATH`"
                );
                return Err(CliError::refuse(text, help));
            }
        }
        Ok(())
    }

    /// Refuses accounts that are at another tenant than was agreed to.
    fn check_tenants(&self) -> Result<(), CliError> {
        let Some(agreed) = &self.state.agreed else {
            return Ok(());
        };
        for connection in &self.connections {
            let (name, now) = (&connection.name, connection.tenant().unwrap_or_default());
            let Some(then) = agreed.accounts.get(name) else {
                continue;
            };
            let what = if then.rules != connection.rules {
                rules_changed(name, connection.kind.title())
            } else if then.tenant != now {
                format!(
                    "account `{name}` was at tenant `{}` when the run began, and the configuration now leads to `{now}`; nothing was sent",
                    then.tenant
                )
            } else {
                continue;
            };
            return Err(CliError::foreign(&self.state.path, &what, None));
        }
        Ok(())
    }
}

/// The file that describes the provider of account `name` is not the one that was agreed to.
fn rules_changed(name: &AccountName, title: &str) -> String {
    format!(
        "the provider file of account `{name}` ({title}) says other things than when this run was planned; nothing was sent"
    )
}
