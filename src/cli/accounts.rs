//! From the configuration's accounts to connections to their providers, and who we are at each.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::try_join_all;
use tokio::task::JoinSet;

use super::earlier::Before;
use super::error::describe;
use super::files::DiskTokenStore;
use super::recorder::Recorder;
use super::terminal::tell;
use super::{CliError, ExitCode};
use crate::config::{AccountSettings, Outline};
use crate::domain::{
    AccountHeader, AccountName, AccountPolicy, Action, Entry, ProviderKind, RunOptions,
};
use crate::lane::{AccountSpec, RequestError};
use crate::plan::CallerRule;
use crate::provider::{self, Identity, Provider};
use crate::report::mend;
use crate::run::{Client, Io, StopSignals};
use crate::transport::{self, REPLY_TIME_MAX, ReqwestTransport, TransportError};

/// Tries for one request, unless `--attempts` says otherwise.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// How long a provider may keep a person waiting before any progress can be seen.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// An account, ready to be spoken to.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) name: AccountName,
    pub(super) kind: ProviderKind,
    /// The action of its rows that name none.
    pub(super) action: Option<Action>,
    /// See [`AccountHeader::rules`].
    pub(super) rules: Option<String>,
    pub(super) client: Client,
    /// The caller's identity there; `None`: it was not asked.
    pub(super) identity: Option<Identity>,
}

/// Connections to `accounts` of `outline`, whose secrets are read. The requests that were sent
/// `before` still count towards their quotas.
pub(super) fn open_connections(
    outline: &Outline,
    options: &RunOptions,
    mut accounts: Vec<AccountSettings>,
    before: Before<'_>,
    (recorder, stop): (&Arc<Recorder>, &StopSignals),
) -> Result<Vec<Connection>, CliError> {
    let transport = ReqwestTransport::new(REPLY_TIME_MAX);
    for account in &accounts {
        for url in account.urls().take(1) {
            let ready = transport.prepare(url);
            ready.map_err(|error| not_ready(&account.name, &error))?;
        }
    }
    let io = Arc::new(Io {
        transport: Arc::new(transport),
        sink: Arc::clone(recorder) as _,
        store: Arc::new(DiskTokenStore),
        stop: stop.clone(),
    });
    let attempts = options.attempts.and_then(NonZeroU32::new);
    let attempts = attempts.unwrap_or(ATTEMPTS);
    fit_concurrency(options, &mut accounts)?;
    let mut connections: Vec<Connection> = Vec::new();
    for account in accounts {
        // Whoever else is at a tenant may have sent there, and been asked to wait.
        let is_there = |it: &&AccountSettings| {
            let tenant = it.tenant().filter(|_| it.kind() == account.kind());
            it.name == account.name || (tenant.is_some() && tenant == account.tenant())
        };
        let there = outline.accounts.iter().filter(is_there);
        let there: Vec<_> = there.map(|it| &it.name).collect();
        let mut connection = open_connection(account, attempts, &there, before, &io)?;
        // The tenant counts the requests of all its accounts together.
        let mut others = connections.iter();
        if let Some(other) = others.find(|other| there.contains(&&other.name)) {
            connection.client.join(&other.client);
        }
        connections.push(connection);
    }
    Ok(connections)
}

/// A connection to one account. `there`: the accounts at its tenant, also those that have nothing to send now.
fn open_connection(
    account: AccountSettings,
    attempts: NonZeroU32,
    there: &[&AccountName],
    before: Before<'_>,
    io: &Arc<Io>,
) -> Result<Connection, CliError> {
    let past = before.past(&account, there);
    let pauses = before.pauses(&account, there);
    let rules = account.provider.rules();
    let provider: Arc<dyn Provider> = provider::build(account.provider).into();
    let spec = AccountSpec {
        name: account.name.clone(),
        provider: Arc::clone(&provider),
        past,
        limits: account.limits,
        kept: None,
        attempts,
        seed: fastrand::u64(..),
    };
    let client = Client::new(spec, io).map_err(|why| {
        let text = format!("account `{}`: {why}; nothing was sent", account.name);
        CliError::message(ExitCode::Refused, text, None)
    })?;
    // A wait that a server asked of an earlier process is waited by this one too.
    for (pause, left) in pauses {
        let until = io.now().instant + left;
        client.with(|lane| lane.pause(pause.step, until));
    }
    Ok(Connection {
        name: account.name,
        kind: provider.kind(),
        action: account.action,
        rules,
        client,
        identity: None,
    })
}

/// Sets how many requests of each account may be under way: as many as this process may have open.
fn fit_concurrency(options: &RunOptions, accounts: &mut [AccountSettings]) -> Result<(), CliError> {
    let typed = options.concurrency.and_then(NonZeroU32::new);
    let wanted = accounts.iter();
    let wanted = wanted.map(|account| typed.unwrap_or(account.limits.concurrency));
    let wanted: Vec<NonZeroU32> = wanted.collect();
    let fitted = transport::fit_descriptors(&wanted).map_err(|[limit, least, all]| {
        let text = format!(
            "this process may have {limit} files and connections open, and needs {least}; nothing was sent"
        );
        CliError::refuse(text, format!("raise the limit first: `ulimit -n {all}`"))
    })?;
    for (account, (wanted, fitted)) in accounts.iter_mut().zip(wanted.iter().zip(fitted)) {
        account.limits.concurrency = fitted;
        if fitted < *wanted {
            tell(&format!(
                "note: {}: {fitted} requests in parallel instead of {wanted}, since this process may \
                 not have more files and connections open (`ulimit -n`)",
                account.name
            ));
        }
    }
    Ok(())
}

/// No request can be made ready on this machine: what it trusts, or its proxy, is not in order.
fn not_ready(account: &AccountName, error: &TransportError) -> CliError {
    let text = format!(
        "this machine is not ready for requests of account `{account}`: {}; nothing was sent",
        error.reason
    );
    let help = "install the certificates that the system trusts (the package `ca-certificates`), or name a file of them in the variable SSL_CERT_FILE";
    let help = (error.failure == transport::Failure::Certificate).then_some(help);
    CliError::message(ExitCode::Refused, text, help)
}

/// Asks the connections side by side who we are. The first that cannot say ends the run before anything is sent.
/// Asks as well who has a role that no list of users tells, but for the `included` ones, whose users may be
/// deleted; `None`: does not. Where a provider does not say, a person is told what that means.
pub(super) async fn identify(
    connections: &mut [Connection],
    recorder: &Recorder,
    included: Option<&[String]>,
) -> Result<(), CliError> {
    // There is no progress to be seen yet, and a provider may keep us waiting.
    let mut told = None;
    recorder.watch(Box::new(move |entry| {
        // A wait that is repeated for the same reason is said once.
        if let Entry::Pause(pause) = entry {
            let (account, why) = (&pause.account, &pause.reason);
            let now = Some((account.clone(), why.clone()));
            if told != now {
                tell(&format!(
                    "{account}: waiting {} s: {why}",
                    pause.lasts().as_secs()
                ));
            }
            told = now;
        }
    }));
    let ask = async |it: &mut Connection| {
        let _silence = it.tell_of_silence();
        let identity = it.client.identify().await;
        it.identity = Some(identity.map_err(|error| it.refused(&error))?.0);
        if let Some(included) = included {
            let untold = it.client.find_primary_contact(included).await;
            if let Some(untold) = untold.map_err(|error| it.refused(&error))? {
                tell(&format!("note: {}: {untold}", it.name));
            }
        }
        Ok::<_, CliError>(())
    };
    try_join_all(connections.iter_mut().map(ask)).await?;
    join_tenants(connections);
    Ok(())
}

/// Puts accounts into one lane that turned out to be at one tenant.
fn join_tenants(connections: &mut [Connection]) {
    for index in 1..connections.len() {
        let (before, rest) = connections.split_at_mut(index);
        let Some(it) = rest.first_mut() else { return };
        let is_same = |other: &&Connection| other.kind == it.kind && other.tenant() == it.tenant();
        if let Some(other) = before.iter().find(is_same) {
            it.client.join(&other.client);
        }
    }
}

impl Connection {
    /// Says, unless that is dropped first, that the provider takes its time to tell who we are, or who others are.
    pub(super) fn tell_of_silence(&self) -> JoinSet<()> {
        let text = format!(
            "{}: waiting for {} to answer; nothing is deleted before, and Ctrl-C gives up",
            self.name,
            self.kind.title()
        );
        let mut task = JoinSet::new();
        task.spawn(tokio::time::sleep(SILENCE_MAX).map(move |()| tell(&text)));
        task
    }

    /// The caller's identity, or that of others, could not be found out.
    pub(super) fn refused(&self, error: &RequestError) -> CliError {
        let (name, title, why) = (&self.name, self.kind.title(), describe(error));
        let message = format!("account `{name}` ({title}): {why}; nothing was deleted");
        CliError::message(ExitCode::Refused, message, way_out(error))
    }

    /// The tenant that the provider said it is; `None`: it was not asked.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.identity.as_ref().map(|it| it.tenant.as_str())
    }

    /// The rule about ids that the identity decides.
    pub(super) fn rule(&self, options: &RunOptions) -> CallerRule {
        let identity = self.identity.as_ref();
        CallerRule {
            account: self.name.clone(),
            caller: identity.and_then(|it| it.caller.clone()),
            id_prefix: identity.and_then(|it| it.id_prefix.clone()),
            ids_alike: provider::ids_alike(self.kind),
            takes_foreign: options.force_foreign_ids,
        }
    }

    /// The account's entry in a ledger's header.
    pub(super) fn header(&self) -> AccountHeader {
        let identity = self.identity.as_ref();
        AccountHeader {
            name: self.name.clone(),
            provider: self.kind,
            tenant: identity.map_or_else(String::new, |it| it.tenant.clone()),
            caller: identity.and_then(|it| it.caller.clone()),
            role: identity.and_then(|it| it.role.clone()),
            action: self.action,
            rules: self.rules.clone(),
            does: BTreeMap::new(),
            concurrency: self.client.with(|lane| lane.concurrency()),
        }
    }
}

/// The advice where a question was not answered.
pub(super) fn way_out(error: &RequestError) -> Option<&'static str> {
    match error {
        RequestError::Account { reason, .. } => Some(mend(*reason)),
        RequestError::Passing { .. } => Some("check the address and the network, and try again"),
        RequestError::Stopping => None,
    }
}

/// How rows of these accounts are judged.
pub(super) fn policies(accounts: &[AccountSettings]) -> Vec<AccountPolicy> {
    accounts.iter().map(AccountSettings::policy).collect()
}

/// The higher limits that providers stated than the configuration knows, and the line that would use each.
pub(super) fn limits_advice(
    accounts: &[AccountSettings],
    connections: &[Connection],
) -> Vec<String> {
    let advice = |it: &Connection| {
        let account = accounts.iter().find(|account| account.name == it.name)?;
        let used = account.limits.requests;
        let stated = it.client.with(|lane| lane.stated_limit()).flatten();
        let stated = stated.filter(|stated| stated.is_above(used))?;
        let (title, name) = (it.kind.title(), &it.name);
        Some(format!(
            "note: {title} allows `{name}` {stated}, and userpurge keeps to {used}; to take all, write `limits = {{ requests = \"{stated}\" }}` below `[accounts.{name}]`"
        ))
    };
    connections.iter().filter_map(advice).collect()
}
