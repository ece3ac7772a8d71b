//! A session up to its work: rows of a ledger's plan, the question, the record of it.
//!
//! `run`, `resume` and `retry` hand in which rows, and how it is asked. What is carried out is what
//! stands in the ledger; neither the input nor an option about it is needed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use roaring::RoaringTreemap;

use super::accounts::Line;
use super::args::{ConsentArgs, PaceArgs};
use super::commands::live;
use super::connect::{Connected, refuse_shared_users};
use super::earlier::uptime;
use super::feed::{Queues, count_foreign};
use super::ledgers::NewLedger;
use super::outline_text;
use super::planning::Planned;
use super::question;
use super::recorder::Recorder;
use super::setup::Setup;
use super::signals;
use super::terminal::{can_ask, put_page, put_standing, tell};
use super::{ExitCode, Failure};
use crate::domain::{
    AccountName, AccountPlan, AgreedBy, Entry, Session as SessionEntry, WallClock,
};
use crate::lane::{FailureLimit, WorkSpec};
use crate::ledger::{self, LedgerState, LedgerWriter};
use crate::plan::CallerRule;
use crate::progress::Mode;
use crate::provider;
use crate::run::{Durability, EventSink as _};

/// What a session is begun by.
#[derive(Debug)]
pub(super) enum Command<'a> {
    /// A plan is agreed to and carried out; it is shown before.
    Run(Box<Planned>),
    /// What is outstanding is gone on with.
    Resume,
    /// Rows are tried again, those that `--only` names.
    Retry(&'a [String]),
    /// Rows that ended well are asked about; nothing is deleted.
    Verify,
}

/// Everything a session is begun with.
pub(super) struct Session<'a> {
    pub(super) command: Command<'a>,
    pub(super) ledger: PathBuf,
    pub(super) writer: LedgerWriter,
    pub(super) state: LedgerState,
    /// The rows to send.
    pub(super) wanted: RoaringTreemap,
    pub(super) setup: Setup,
    pub(super) pace: PaceArgs,
    pub(super) consent: ConsentArgs,
    /// Whether standard input is the rows', so that nobody can be asked.
    pub(super) is_piped: bool,
    pub(super) mode: Mode,
    /// Takes the ledger away again if nobody agrees.
    pub(super) new: Option<NewLedger<'a>>,
}

impl Session<'_> {
    /// Asks who we are and whether to go on, carries out, and says how it ended.
    pub(super) async fn carry_out(mut self) -> Result<ExitCode, Failure> {
        let signals = signals::Stop::default();
        let recorder = Recorder::new();
        let mut queues = self.queues();
        let names = queues.keys().cloned().collect();
        let connected = self.connect(&names, &recorder, &signals.run).await?;
        let Some(mut connected) = connected else {
            self.writer.finish().await?;
            put_standing(&self.state)?;
            return Ok(ExitCode::Stopped);
        };
        queues.retain(|name, _| !connected.held.contains_key(name));
        let specs = self.ask(&queues, &connected.lines).await?;

        signals.listen()?;
        connected.tenants.note(&self.ledger);
        recorder.attach(self.writer.handle()).await?;
        let rows = queues.values().flat_map(BTreeMap::values);
        let rows = rows.map(RoaringTreemap::len).sum();
        let ahead = self.ahead(&queues, &specs);
        self.begin(&recorder, rows, &connected, &ahead).await?;
        let ended = self.see_through(&recorder, (queues, ahead), connected, specs, &signals);
        ended.await.map_err(Failure::once_begun)
    }

    /// Shows how the users of the plan stand, and carries nothing out.
    pub(super) async fn show_live(mut self) -> Result<ExitCode, Failure> {
        let stop = signals::Stop::default().run;
        let queues = self.queues();
        let names = queues.keys().cloned().collect();
        let connected = self
            .connect(&names, &Recorder::without_ledger(), &stop)
            .await?;
        if let Some(Connected { lines, .. }) = connected
            && let Command::Run(planned) = &self.command
        {
            refuse_shared_users(&self.state, &lines, &queues)?;
            put_page(&outline_text::text(&self.setup, planned, &lines))?;
            let include = &self.setup.options.include_roles;
            live::show(&self.state, &lines, &queues, include).await?;
        }
        self.writer.finish().await?;
        Ok(ExitCode::Success)
    }

    /// The wanted rows by account and action.
    fn queues(&self) -> BTreeMap<AccountName, Queues> {
        let mut queues: BTreeMap<AccountName, Queues> = BTreeMap::new();
        for (account, action, rows) in self.state.planned_rows() {
            let rows = rows & &self.wanted;
            if !rows.is_empty() {
                let queues = queues.entry(account.clone()).or_default();
                queues.insert(action, rows);
            }
        }
        queues
    }

    /// Shows what is about to be done, asks, and writes down who agreed.
    async fn ask(
        &mut self,
        queues: &BTreeMap<AccountName, Queues>,
        lines: &[Line],
    ) -> Result<BTreeMap<AccountName, WorkSpec>, Failure> {
        refuse_shared_users(&self.state, lines, queues)?;
        let rows = queues.values().flat_map(BTreeMap::values);
        let count = rows.map(RoaringTreemap::len).sum();
        let Command::Run(planned) = &self.command else {
            tell(&self.told(count));
            let specs = self.specs(queues)?;
            if count > 0 {
                self.obtain(count, queues, lines)?;
            }
            return Ok(specs);
        };
        tell(&outline_text::text(&self.setup, planned, lines));
        self.tell_foreign(queues, lines)?;
        let specs = self.specs(queues)?;
        tell(&outline_text::orders(planned, lines));
        let how = self.obtain(count, queues, lines)?;
        let agreed = question::agreed(&self.state, lines, how, &self.setup.options);
        let entry = Entry::Agreed(Box::new(agreed));
        let ledger = self.writer.handle();
        // Nothing has been sent, whatever it is.
        let appended = ledger.append(entry, ledger::Durability::Synced).await;
        appended.map_err(Failure::refused)?;
        if let Some(new) = self.new.take() {
            new.keep();
        }
        Ok(specs)
    }

    /// Asks, unless it need not be asked, at the tenants of the accounts with rows.
    fn obtain(
        &self,
        count: u64,
        queues: &BTreeMap<AccountName, Queues>,
        lines: &[Line],
    ) -> Result<AgreedBy, Failure> {
        let with_rows = lines.iter().filter(|line| queues.contains_key(&line.name));
        let mut tenants: Vec<&str> = with_rows.filter_map(Line::tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let can_ask = can_ask() && !self.is_piped;
        if let Some(how) = self.consent.decide(count, self.pace.max_delete, can_ask)? {
            return Ok(how);
        }
        let (mut input, mut output) = (io::stdin().lock(), io::stderr());
        question::ask(count, &tenants, &mut input, &mut output)?;
        Ok(AgreedBy::Typed)
    }

    /// How many of the rows are sent, of a run that is gone on with.
    fn told(&self, count: u64) -> String {
        let doubt = match (self.state.in_doubt() & &self.wanted).len() {
            0 => String::new(),
            doubt => format!(", {doubt} of them in doubt"),
        };
        let rows = self.state.counts().total();
        let ledger = self.ledger.display();
        format!("{ledger}: {count} of {rows} rows to send{doubt}")
    }

    /// Says how many rows are of another organisation, as far as the callers show it.
    fn tell_foreign(
        &self,
        queues: &BTreeMap<AccountName, Queues>,
        lines: &[Line],
    ) -> Result<(), Failure> {
        for line in lines {
            let Some(queues) = queues.get(&line.name) else {
                continue;
            };
            let rule = rule(line, &self.setup);
            let (noun, verb) = match count_foreign(&self.state, &rule, queues)? {
                0 => continue,
                1 => ("1 id".to_owned(), "is"),
                count => (format!("{count} ids"), "are"),
            };
            tell(&format!(
                "{}: {noun} {verb} another org's, whose ids do not begin with {}; nothing is sent for \
                 them, and they end invalid (if you are sure, give `--force-foreign-ids`)",
                rule.account,
                rule.id_prefix.as_deref().unwrap_or_default()
            ));
        }
        Ok(())
    }

    /// What the lane of each account goes by, as far as it is to be said before the question.
    fn specs(
        &self,
        queues: &BTreeMap<AccountName, Queues>,
    ) -> Result<BTreeMap<AccountName, WorkSpec>, Failure> {
        let options = &self.setup.options;
        let now = WallClock::system().now();
        let until = self.pace.until.map(|time| time.until(now));
        if let Some(until) = &until {
            let plan = match &self.command {
                Command::Run(planned) => Some(&planned.plan),
                _ => None,
            };
            tell(outline_text::until(&self.setup, plan, until, now).trim_end());
        }
        let parse = |text: &String| text.parse::<FailureLimit>();
        let limit = options.max_failures.as_ref().map(parse).transpose();
        let limit = limit.map_err(|why| Failure::message(ExitCode::Refused, why, None))?;
        // A canary that is asked for now is sent in any case; one that the run was begun with is over for
        // an account of which so many rows were sent and ended well.
        let counts = self.state.account_counts();
        let good = |name| {
            counts
                .get(name)
                .map_or(0, |it| it.deleted + it.already_gone)
        };
        let is_typed = self.pace.canary.is_some();
        let spec = |name| WorkSpec {
            queues: Vec::new(),
            failure_limit: limit.unwrap_or(FailureLimit::Default),
            include_roles: options.include_roles.clone(),
            canary: options
                .canary
                .filter(|canary| is_typed || good(name) < canary.get()),
            until: until.clone(),
        };
        let specs = queues.keys().map(|name| (name.clone(), spec(name)));
        let specs: BTreeMap<_, _> = specs.collect();
        if let Some(first) = specs.values().find_map(|spec| spec.canary) {
            tell(&outline_text::canary(first));
        }
        Ok(specs)
    }

    /// What lies before each account.
    fn ahead(
        &self,
        queues: &BTreeMap<AccountName, Queues>,
        specs: &BTreeMap<AccountName, WorkSpec>,
    ) -> Vec<AccountPlan> {
        let account = |(name, queues): (&AccountName, &Queues)| {
            let rows: Vec<_> = queues.iter().map(|(it, rows)| (*it, rows.len())).collect();
            AccountPlan {
                name: name.clone(),
                rows: rows.iter().map(|(_, rows)| rows).sum(),
                at_limit: self.setup.time(name, &rows),
                canary: specs.get(name).and_then(|spec| spec.canary),
            }
        };
        queues.iter().map(account).collect()
    }

    /// Records that this session begins, which sends `rows`.
    async fn begin(
        &self,
        recorder: &Recorder,
        rows: u64,
        connected: &Connected,
        ahead: &[AccountPlan],
    ) -> Result<(), Failure> {
        let (command, only, rows) = match self.command {
            Command::Run(_) => ("run", Vec::new(), self.state.counts().total()),
            Command::Retry(only) => ("retry", only.to_vec(), rows),
            Command::Resume | Command::Verify => ("resume", Vec::new(), rows),
        };
        let entry = Entry::Session(Box::new(SessionEntry {
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            only,
            rows,
            accounts: connected.lines.iter().map(Line::header).collect(),
            ahead: ahead.to_vec(),
            ignores_pauses: self.pace.ignore_pauses,
            at: WallClock::system().now(),
            uptime: uptime(),
        }));
        let result = recorder.record(entry, Durability::Queued).await;
        result.map_err(|failed| Failure::sink(&failed))
    }
}

/// What the identity of `line` decides about ids.
pub(super) fn rule(line: &Line, setup: &Setup) -> CallerRule {
    let identity = line.identity.as_ref();
    CallerRule {
        account: line.name.clone(),
        caller: identity.and_then(|it| it.caller.clone()),
        id_prefix: identity.and_then(|it| it.id_prefix.clone()),
        ids_alike: provider::ids_alike(line.kind),
        takes_foreign: setup.options.force_foreign_ids,
    }
}
