//! A ledger at work. `run`, `resume` and `retry` hand in which rows. The providers are
//! [asked](super::connect) who we are, a person agrees, the session begins, and [lanes](super::work) carry
//! it out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::accounts::Connection;
use super::args::WorkArgs;
use super::feed::count_foreign;
use super::ledgers::{NewLedger, begin_log};
use super::outline_text;
use super::planning::{Planned, absolute};
use super::question;
use super::recorder::Recorder;
use super::setup::Setup;
use super::terminal::{can_ask, put_page, render_state, tell};
use super::work::notify;
use super::{CliError, ExitCode};
use crate::domain::{
    AccountName, AccountPlan, Action, AgreedBy, Counts, Entry, LaneStop, ProviderKind, RunState,
    SessionStart, Task, Time, Uptime, UserId,
};
use crate::lane::{FailureLimit, Lane, WorkSpec};
use crate::ledger::{LedgerState, LedgerWriter, PlanRows, Queues, Tenants};
use crate::plan::{UserStates, count_state, describe_user_states, requests_of};
use crate::run::{Durability, EventSink as _, StopSignals};
use crate::words;

/// How many users are asked about together.
const USERS_MAX: usize = 1_024;

/// The work on rows of a ledger.
#[derive(Debug)]
pub(super) enum WorkKind<'a> {
    /// A plan is agreed to and carried out; it is shown before.
    Run(Box<Planned>),
    /// The outstanding rows are gone on with.
    Resume,
    /// Rows are tried again, those that `--only` names.
    Retry(&'a [String]),
    /// Users are asked about; nothing is deleted.
    Verify,
}

/// A ledger that is open for work, and everything that its work needs.
pub(super) struct OpenRun<'a> {
    pub(super) kind: WorkKind<'a>,
    pub(super) writer: LedgerWriter,
    pub(super) state: LedgerState,
    /// The rows to send.
    pub(super) queues: BTreeMap<AccountName, Queues>,
    pub(super) setup: Setup,
    pub(super) args: WorkArgs,
    /// Whether standard input is the rows', so that nobody can be asked.
    pub(super) is_piped: bool,
    /// Takes the ledger away again if nobody agrees.
    pub(super) new: Option<NewLedger<'a>>,
    pub(super) signals: StopSignals,
    pub(super) recorder: Arc<Recorder>,
    /// Connections to the accounts that are spoken to.
    pub(super) connections: Vec<Connection>,
    pub(super) tenants: Tenants,
    /// Accounts that have to wait for longer than a process lives.
    pub(super) long_pauses: BTreeMap<AccountName, LaneStop>,
}

impl<'a> OpenRun<'a> {
    /// Work on those rows of the ledger's plan that are `wanted`, to be agreed to by typing.
    pub(super) fn new(
        kind: WorkKind<'a>,
        (writer, state): (LedgerWriter, LedgerState),
        wanted: &RoaringTreemap,
        setup: Setup,
        args: WorkArgs,
    ) -> Self {
        Self {
            kind,
            writer,
            queues: state.queues_of(wanted),
            state,
            setup,
            args,
            is_piped: false,
            new: None,
            signals: StopSignals::default(),
            recorder: Recorder::new(),
            connections: Vec::new(),
            tenants: Tenants::new(None, tell),
            long_pauses: BTreeMap::new(),
        }
    }

    /// Asks who we are and whether to go on, carries out, and says how it ended.
    pub(super) async fn carry_out(mut self) -> Result<ExitCode, CliError> {
        let (ledger, command) = (self.state.path.clone(), self.args.notify.take());
        let notify = || command.iter().for_each(|command| notify(command, &ledger));
        let accounts = self.queues.keys().cloned().collect();
        self.check_accounts(&accounts)?;
        // It is read while the providers are asked.
        if let WorkKind::Run(planned) = &self.kind {
            tell(outline_text::text(&self.setup, planned).trim_end());
        }
        if !self.connect(&accounts).await? {
            self.writer.finish().await?;
            put_page(&render_state(&self.state))?;
            notify();
            return Ok(ExitCode::Stopped);
        }
        self.queues
            .retain(|name, _| !self.long_pauses.contains_key(name));
        let specs = self.ask().await?;
        self.attach().await?;
        let ahead = self.session_plan(&specs);
        self.begin(&ahead).await?;
        let ended = self.work(specs, ahead).await.map_err(CliError::once_begun);
        notify();
        ended
    }

    /// Shows how the users of the plan stand, and carries nothing out. The requests that are sent count for the
    /// next process.
    pub(super) async fn show_live(mut self) -> Result<ExitCode, CliError> {
        // Where no folder can be used, the tenants' own warning says so.
        let log = begin_log(&self.setup).ok();
        let accounts = self.queues.keys().cloned().collect();
        self.check_accounts(&accounts)?;
        if let WorkKind::Run(planned) = &self.kind {
            put_page(&outline_text::text(&self.setup, planned))?;
        }
        self.connect(&accounts).await?;
        self.refuse_shared_users()?;
        if let Some((log, requests)) = &log {
            self.tenants.note(&absolute(&requests.path));
            self.recorder.attach(log.handle()).await?;
        }
        let begun = Entry::Session(Box::new(self.start("run", 0, Vec::new())));
        self.recorder.record(begun, Durability::Synced).await?;
        put_page(&self.callers())?;
        self.show_user_states().await?;
        let next = words::typed_again("run", &["-n", "--dry-run", "--live"]);
        put_page(&format!("\nnext: {next}"))?;
        let end = Entry::end(RunState::Finished, Counts::default());
        self.recorder.record(end, Durability::Synced).await?;
        if let Some((log, _)) = log {
            log.finish().await?;
        }
        self.writer.finish().await?;
        Ok(ExitCode::Success)
    }

    /// Shows how the users of the rows to send stand.
    async fn show_user_states(&self) -> Result<(), CliError> {
        let (state, include) = (&self.state, &self.setup.options.included_roles());
        for line in &self.connections {
            let Some(queues) = self.queues.get(&line.name) else {
                continue;
            };
            let mut user_states = UserStates::new();
            for (action, rows) in queues {
                let mut rows = PlanRows::open(state, line.name.clone(), *action, rows)?;
                let mut tasks: Vec<Task> = Vec::new();
                // Bounded by the rows of the queue.
                loop {
                    let block = rows.next_block(state)?;
                    let is_read = block.is_empty();
                    tasks.extend(block);
                    if !tasks.is_empty() && (is_read || tasks.len() >= USERS_MAX) {
                        let ids: Vec<UserId> = tasks.iter().map(|it| it.id.clone()).collect();
                        let states = line.client.lookup_users(&ids).await;
                        let states = states.map_err(|error| line.refused(&error))?;
                        for (task, state) in tasks.drain(..).zip(&states) {
                            count_state(&mut user_states, &task, state, include);
                        }
                    }
                    if is_read {
                        break;
                    }
                }
            }
            put_page(&describe_user_states(&line.name, &user_states))?;
        }
        Ok(())
    }

    /// From here on signals are listened for, and what is recorded goes to the ledger.
    pub(super) async fn attach(&mut self) -> Result<(), CliError> {
        // Short enough for a line behind the `^C` that a terminal shows.
        self.signals
            .listen("stopping after the requests in flight; a second Ctrl-C stops now")?;
        self.tenants.note(&absolute(&self.state.path));
        Ok(self.recorder.attach(self.writer.handle()).await?)
    }

    /// How many rows are to be sent.
    fn count(&self) -> u64 {
        let rows = self.queues.values().flat_map(BTreeMap::values);
        rows.map(RoaringTreemap::len).sum()
    }

    /// Shows what is about to be done, asks, and writes down who agreed.
    async fn ask(&mut self) -> Result<BTreeMap<AccountName, WorkSpec>, CliError> {
        self.refuse_shared_users()?;
        let (count, is_run) = (self.count(), matches!(self.kind, WorkKind::Run(_)));
        if !is_run {
            tell(&self.describe(count));
        }
        if !matches!(self.kind, WorkKind::Resume) {
            tell(self.callers().trim_end());
        }
        self.tell_foreign()?;
        let specs = self.specs()?;
        if !is_run && count == 0 {
            return Ok(specs);
        }
        let (how, options) = (self.obtain(count)?, &self.setup.options);
        if is_run {
            let agreed = question::agreed(&self.state, &self.connections, how, options);
            let entry = Entry::Agreed(Box::new(agreed));
            let appended = self.writer.handle().append(entry, Durability::Synced).await;
            // Nothing has been sent, whatever it is.
            appended.map_err(CliError::refused)?;
        }
        if let Some(new) = self.new.take() {
            new.keep();
        }
        Ok(specs)
    }

    /// Where the accounts lead, see [`outline_text::callers`].
    fn callers(&self) -> String {
        let plan = match &self.kind {
            WorkKind::Run(planned) => Some(&planned.plan),
            _ => None,
        };
        outline_text::callers(&self.setup, &self.connections, &self.queues, plan)
    }

    /// Asks, unless it need not be asked, at the tenants of the accounts with rows.
    fn obtain(&self, count: u64) -> Result<AgreedBy, CliError> {
        let connections = self.connections.iter();
        let with_rows = connections.filter(|it| self.queues.contains_key(&it.name));
        let mut tenants: Vec<&str> = with_rows.filter_map(Connection::tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let can_ask = can_ask() && !self.is_piped;
        if let Some(how) = self
            .args
            .consent
            .decide(count, self.args.pace.max_delete, can_ask)?
        {
            return Ok(how);
        }
        let (mut input, mut output) = (io::stdin().lock(), io::stderr());
        question::ask(count, &self.question(), &tenants, &mut input, &mut output)?;
        Ok(AgreedBy::Typed)
    }

    /// The question to a person, in the words of the work.
    fn question(&self) -> String {
        const SOFTLY: [&str; 2] = ["soft-delete", ""];
        let mut counts = BTreeMap::new();
        for connection in &self.connections {
            for (action, rows) in self.queues.get(&connection.name).into_iter().flatten() {
                let words = match (connection.kind, *action) {
                    (ProviderKind::Zendesk, Action::Delete) => SOFTLY,
                    (_, Action::DeletePersonalInformation) => ["clear the profile of", " for good"],
                    _ => ["delete", " for good"],
                };
                *counts.entry(words).or_insert(0) += rows.len();
            }
        }
        let phrase = |([does, how], users): ([&str; 2], u64)| {
            format!("{does} {}{how}", words::count(users, "user"))
        };
        let in_time = " Zendesk deletes for good after 30 days.";
        let later = counts.get(&SOFTLY).map_or("", |_| in_time);
        let asked: Vec<_> = counts.into_iter().map(phrase).collect();
        let asked = asked.join(", and ");
        let (first, rest) = asked.split_at(asked.len().min(1));
        format!(
            "{}{rest}?{later} This cannot be undone.",
            first.to_uppercase()
        )
    }

    /// How many of the rows are sent, of a run that is gone on with.
    fn describe(&self, count: u64) -> String {
        let (in_doubt, mut missing) = (self.state.in_doubt(), [0, 0]);
        for connection in &self.connections {
            for (action, rows) in self.queues.get(&connection.name).into_iter().flatten() {
                let lane = |lane: &mut Lane| lane.looks_before(&connection.name, *action);
                let is_looked_for = connection.client.with(lane) == Some(true);
                missing[usize::from(!is_looked_for)] += in_doubt.intersection_len(rows);
            }
        }
        let (ledger, rows) = (self.state.path.display(), self.state.counts().total());
        let [count, rows] = [words::grouped(count), words::count(rows, "row")];
        let mut text = format!("{ledger}: {count} of {rows} to send");
        for (answers, what) in missing.into_iter().zip(["checked first", "sent again"]) {
            if answers > 0 {
                let _ = write!(
                    text,
                    "; {} missing: {what}",
                    words::count(answers, "answer")
                );
            }
        }
        text
    }

    /// Says how many rows are of another organisation, as far as the callers show it.
    fn tell_foreign(&self) -> Result<(), CliError> {
        for connection in &self.connections {
            let Some(queues) = self.queues.get(&connection.name) else {
                continue;
            };
            let rule = connection.rule(&self.setup.options);
            let foreign = count_foreign(&self.state, &rule, queues)?;
            if foreign == 0 {
                continue;
            }
            let ids = words::count(foreign, "id");
            tell(&format!(
                "{}: {ids} of another org, which do not begin with {}; nothing is sent for \
                 them, and they end invalid (if you are sure, give `--force-foreign-ids`)",
                rule.account,
                rule.id_prefix.as_deref().unwrap_or_default()
            ));
        }
        Ok(())
    }

    /// The work of each account's lane, as far as it is to be said before the question.
    fn specs(&self) -> Result<BTreeMap<AccountName, WorkSpec>, CliError> {
        let options = &self.setup.options;
        let now = Time::now();
        let until = self.args.pace.until(now);
        if let Some(until) = &until {
            tell(&outline_text::until(until, now));
        }
        let parse = |text: &String| text.parse::<FailureLimit>();
        let limit = options.max_failures.as_ref().map(parse).transpose();
        let limit = limit.map_err(|why| CliError::message(ExitCode::Refused, why, None))?;
        // A canary that is asked for now is sent in any case. One that the run was begun with is
        // over for an account of which so many rows were sent and ended well.
        let counts = self.state.account_counts();
        let good = |name: &AccountName| {
            let counts = counts.get(name);
            counts.map_or(0, |it| it.deleted + it.already_gone + it.ordered)
        };
        let is_typed = self.args.pace.canary.is_some();
        let canary = |name: &AccountName| {
            let is_due = |canary: &NonZeroU64| is_typed || good(name) < canary.get();
            options.canary.filter(is_due)
        };
        let spec = |name: &AccountName| WorkSpec {
            queues: Vec::new(),
            failure_limit: limit.unwrap_or(FailureLimit::Default),
            include_roles: options.included_roles(),
            canary: canary(name),
            until: until.clone(),
        };
        let specs = self.queues.keys().map(|name| (name.clone(), spec(name)));
        let specs: BTreeMap<_, _> = specs.collect();
        if let Some(first) = specs.values().find_map(|spec| spec.canary) {
            tell(&outline_text::canary(first));
        }
        Ok(specs)
    }

    /// The work ahead of each account.
    fn session_plan(&self, specs: &BTreeMap<AccountName, WorkSpec>) -> Vec<AccountPlan> {
        let account = |(name, queues): (&AccountName, &Queues)| {
            let rows: Vec<_> = queues.iter().map(|(it, rows)| (*it, rows.len())).collect();
            let mut ahead = self.state.ahead(name, queues);
            let time = self.setup.time(name, &rows).as_millis();
            ahead.at_limit_ms = u64::try_from(time).unwrap_or(u64::MAX);
            ahead.canary = specs.get(name).and_then(|spec| spec.canary);
            let connection = self.connections.iter().find(|it| it.name == *name);
            if let (Some(connection), Some(account)) = (connection, self.setup.account(name)) {
                let requests = requests_of(&rows, &self.setup.limits(account));
                ahead.limits = connection.client.limits_ahead(&requests);
                ahead.concurrency = connection.client.with(|lane| lane.concurrency());
            }
            ahead
        };
        self.queues.iter().map(account).collect()
    }

    /// Records that this session begins.
    async fn begin(&self, ahead: &[AccountPlan]) -> Result<(), CliError> {
        let (command, only) = match self.kind {
            WorkKind::Run(_) => ("run", &[][..]),
            WorkKind::Retry(only) => ("retry", only),
            WorkKind::Resume | WorkKind::Verify => ("resume", &[][..]),
        };
        let entry = Entry::Session(Box::new(SessionStart {
            only: only.to_vec(),
            ignores_pauses: self.args.pace.ignore_pauses,
            ..self.start(command, self.count(), ahead.to_vec())
        }));
        Ok(self.recorder.record(entry, Durability::Synced).await?)
    }

    /// The ledger's record of how a `command` begins that sets out to do so many `rows`.
    pub(super) fn start(&self, command: &str, rows: u64, ahead: Vec<AccountPlan>) -> SessionStart {
        SessionStart {
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rows,
            accounts: self.connections.iter().map(Connection::header).collect(),
            ahead,
            at: Time::now(),
            uptime: Uptime::read(),
            ..SessionStart::default()
        }
    }
}
