//! A session up to its work: rows of a ledger's plan, the providers, the question, the record of it.
//!
//! `run`, `resume` and `retry` hand in which rows, and how it is asked. What is carried out is what
//! stands in the ledger; neither the input nor an option about it is needed.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::accounts::{Line, Wiring};
use super::agreement;
use super::args::PaceArgs;
use super::before::Before;
use super::commands::live;
use super::denied;
use super::feed::{Queues, count_foreign, shared_user};
use super::held;
use super::new_ledger::NewLedger;
use super::outline_text;
use super::page;
use super::planning::Planned;
use super::question::Consent;
use super::recorder::Recorder;
use super::setup::Setup;
use super::signals;
use super::tenants::{self, Tenants};
use super::terminal::{put_page, tell};
use super::until;
use super::uptime::uptime;
use super::work::{Safety, Work, counted};
use super::{ExitCode, Failure};
use crate::domain::{
    AccountName, AccountPlan, Counted, Counts, Entry, LaneStop, Outcome, ProviderKind,
    Session as SessionEntry, WallClock,
};
use crate::lane::FailureLimit;
use crate::ledger::{LedgerState, LedgerWriter};
use crate::plan::CallerRule;
use crate::progress::Mode;
use crate::provider;
use crate::report::{Lock, Summary, text};
use crate::run::{Durability, EventSink as _, Stop};

/// What a session is begun by.
#[derive(Debug)]
pub(super) enum Command<'a> {
    /// A plan is agreed to and carried out; it is shown before.
    Run(Box<Planned>),
    /// What is outstanding is gone on with.
    Resume,
    /// Rows are tried again, those that `--only` names.
    Retry(&'a [String]),
}

impl Command<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Resume => "resume",
            Self::Retry(_) => "retry",
        }
    }
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
    pub(super) pace: &'a PaceArgs,
    pub(super) consent: Consent,
    /// Whether standard input is the rows', so that nobody can be asked.
    pub(super) is_piped: bool,
    pub(super) mode: Mode,
    /// Takes the ledger away again if nobody agrees.
    pub(super) new: Option<NewLedger<'a>>,
}

/// The providers that a session speaks to, before anything is deleted.
struct Connected {
    lines: Vec<Line>,
    rules: Vec<CallerRule>,
    tenants: Tenants,
    /// Accounts that have to wait for longer than a process lives.
    held: BTreeMap<AccountName, LaneStop>,
}

impl Session<'_> {
    /// Asks who we are and whether to go on, carries out, and says how it ended.
    ///
    /// # Errors
    ///
    /// Something is refused, or fails.
    pub(super) async fn carry_out(mut self) -> Result<ExitCode, Failure> {
        let signals = signals::Stop::default();
        let stop = signals.of_run();
        let recorder = Recorder::new();
        let queues = self.queues();
        let connected = self.connect(&queues, &recorder, &stop).await?;
        let Some(Connected {
            lines,
            rules,
            mut tenants,
            held,
        }) = connected
        else {
            self.writer.finish().await?;
            put_page(&page::standing(&Summary::new(&self.state, Lock::Free)))?;
            return Ok(ExitCode::Stopped);
        };
        let mut queues = queues;
        queues.retain(|name, _| !held.contains_key(name));
        let safety = self.ask(&queues, &lines, &rules).await?;

        signals.listen()?;
        tenants.note(&self.ledger);
        recorder.attach(self.writer.handle()).await?;
        let sent = queues.values().flat_map(BTreeMap::values);
        let sent = sent.fold(RoaringTreemap::new(), |all, rows| all | rows);
        recorder.count_from(self.state.counts(), reopened(&self.state, &sent));
        let ahead = self.ahead(&queues, &safety.canary);
        self.begin(&recorder, sent.len(), &lines, &ahead).await?;
        let mode = self.mode;
        let work = Work {
            state: Arc::new(self.state),
            setup: self.setup,
            queues,
            lines,
            rules,
            held,
            safety,
            recorder,
            _tenants: tenants,
        };
        let ended = work.see_through(self.writer, (mode, ahead), &signals).await;
        ended.map_err(Failure::once_begun)
    }

    /// Shows how the users of the plan stand, and carries nothing out.
    ///
    /// # Errors
    ///
    /// Something is refused, or a provider does not say.
    pub(super) async fn show_live(mut self) -> Result<ExitCode, Failure> {
        let stop = signals::Stop::default().of_run();
        let queues = self.queues();
        let recorder = Recorder::without_ledger();
        if let Some(connected) = self.connect(&queues, &recorder, &stop).await?
            && let Command::Run(planned) = &self.command
        {
            let lines = &connected.lines;
            put_page(&outline_text::text(&self.setup, planned, lines))?;
            let include = &self.setup.options.include_roles;
            live::show(&self.state, lines, &queues, include).await?;
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
                queues
                    .entry(account.clone())
                    .or_default()
                    .insert(action, rows);
            }
        }
        queues
    }

    /// Asks the providers of the accounts with rows who we are; `None`: all accounts have to wait.
    async fn connect(
        &mut self,
        queues: &BTreeMap<AccountName, Queues>,
        recorder: &Arc<Recorder>,
        stop: &Stop,
    ) -> Result<Option<Connected>, Failure> {
        self.check_accounts(queues)?;
        let is_run = matches!(self.command, Command::Run(_));
        // Rows that were done before were so at a tenant, which is to be that of this run.
        let counts = self.state.account_counts();
        let is_done =
            |name: &AccountName| is_run && counts.get(name).is_some_and(|it| it.done_before > 0);
        let has_rows = |name: &AccountName| queues.contains_key(name) || is_done(name);
        let own = (!is_run).then_some(self.ledger.as_path());
        let (mut tenants, named) = tenants::enter(&self.setup, has_rows, own)?;
        let before = Before {
            own: (!is_run).then_some(&self.state),
            named: &named,
            ignores_pauses: self.pace.ignore_pauses,
        };
        let mut held = BTreeMap::new();
        if is_run {
            held::refuse(before, &self.setup, has_rows)?;
        } else {
            held = accounts_on_hold(before, &self.setup, has_rows);
        }
        let to_ask = |name: &AccountName| has_rows(name) && !held.contains_key(name);
        if !held.is_empty() && !queues.keys().any(to_ask) {
            return Ok(None);
        }
        denied::refuse_configured(&self.setup, to_ask)?;
        let wiring = Wiring::new(&self.setup.options, Arc::clone(recorder), stop.clone());
        let mut lines = wiring.lines(&self.setup.outline, to_ask, before)?;
        denied::identify(&self.setup, &mut lines, recorder).await?;
        if is_run {
            let done_in = &named[..self.setup.options.done_in.len().min(named.len())];
            check_done_at(done_in, is_done, &lines)?;
        } else {
            check_tenants(&self.ledger, &self.state, &lines)?;
        }
        drop(named);
        refuse_shared_users(&self.state, &lines, queues)?;
        self.state.forget_sent();
        tenants.settle(&lines)?;
        let takes_foreign = self.setup.options.force_foreign_ids;
        let rules = lines.iter().map(|line| rule(line, takes_foreign)).collect();
        Ok(Some(Connected {
            lines,
            rules,
            tenants,
            held,
        }))
    }

    /// Refuses rows of accounts that the configuration does not have any more, or at another provider.
    fn check_accounts(&self, queues: &BTreeMap<AccountName, Queues>) -> Result<(), Failure> {
        let known = self.state.accounts();
        for name in queues.keys() {
            let then = known.get(name);
            let now = self.setup.account(name);
            let what = match (now, then) {
                (Some(now), Some(then)) if now.kind() != then.provider => format!(
                    "account `{name}` was at {} when this plan was made, and the configuration now \
                     leads to {}; nothing was sent",
                    then.provider.title(),
                    now.kind().title()
                ),
                (Some(now), Some(then))
                    if matches!(self.command, Command::Run(_))
                        && then.tenant != agreement::place(&now.endpoint()) =>
                {
                    format!(
                        "account `{name}` led to `{}` when this plan was made, and the configuration \
                         now leads to `{}`; nothing was sent",
                        then.tenant,
                        agreement::place(&now.endpoint())
                    )
                }
                (Some(_), _) => continue,
                (None, _) => format!(
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

    /// Shows what is about to be done, asks, and writes down who agreed.
    async fn ask(
        &mut self,
        queues: &BTreeMap<AccountName, Queues>,
        lines: &[Line],
        rules: &[CallerRule],
    ) -> Result<Safety, Failure> {
        let rows = queues.values().flat_map(BTreeMap::values);
        let count = rows.map(RoaringTreemap::len).sum();
        match &self.command {
            Command::Run(planned) => {
                tell(&outline_text::text(&self.setup, planned, lines));
                self.tell_foreign(queues, rules)?;
            }
            Command::Resume | Command::Retry(_) => {
                tell(&told(&self.ledger, &self.state, &self.wanted, count));
            }
        }
        let safety = self.safety(queues)?;
        if let Command::Run(planned) = &self.command {
            tell(&outline_text::orders(planned, lines));
        }
        let is_run = matches!(self.command, Command::Run(_));
        if is_run || count > 0 {
            let tenants = agreement::tenants(lines, |name| queues.contains_key(name));
            let how = agreement::obtain(self.consent, self.is_piped, count, &tenants)?;
            if is_run {
                let agreed = agreement::agreed(&self.state, lines, how);
                agreement::record(&self.writer.handle(), agreed).await?;
                if let Some(new) = self.new.take() {
                    new.keep();
                }
            }
        }
        Ok(safety)
    }

    /// Says how many rows are of another organisation, as far as the callers show it.
    fn tell_foreign(
        &self,
        queues: &BTreeMap<AccountName, Queues>,
        rules: &[CallerRule],
    ) -> Result<(), Failure> {
        for rule in rules {
            let Some(queues) = queues.get(&rule.account) else {
                continue;
            };
            let count = count_foreign(&self.state, rule, queues)?;
            if count > 0 {
                let (noun, verb) = if count == 1 {
                    ("id", "is")
                } else {
                    ("ids", "are")
                };
                tell(&format!(
                    "{}: {count} {noun} {verb} another org's, whose ids do not begin with {}; nothing \
                     is sent for them, and they end invalid (if you are sure, give \
                     `--force-foreign-ids`)",
                    rule.account,
                    rule.id_prefix.as_deref().unwrap_or_default()
                ));
            }
        }
        Ok(())
    }

    /// What stops the lanes of this session, as far as it is to be said before the question.
    fn safety(&self, queues: &BTreeMap<AccountName, Queues>) -> Result<Safety, Failure> {
        let options = &self.setup.options;
        let until = self.pace.until.map(|time| {
            let now = WallClock::system().now();
            let until = time.until(now);
            match &self.command {
                Command::Run(planned) => {
                    tell(until::told(&self.setup, planned, &until, now).trim_end());
                }
                Command::Resume | Command::Retry(_) => tell(&until::stops(&until, now)),
            }
            until
        });
        let canary = self.canaries(queues);
        if let Some(first) = options.canary.filter(|_| !canary.is_empty()) {
            tell(&outline_text::canary(first));
        }
        Ok(Safety {
            failure_limit: match &options.max_failures {
                Some(text) => text
                    .parse()
                    .map_err(|why: String| Failure::message(ExitCode::Refused, why, None))?,
                None => FailureLimit::Default,
            },
            canary,
            until,
        })
    }

    /// The canary of each account: one that is asked for now is sent in any case; one that the run was
    /// begun with is over for an account of which so many rows were sent and ended well.
    fn canaries(
        &self,
        queues: &BTreeMap<AccountName, Queues>,
    ) -> BTreeMap<AccountName, NonZeroU64> {
        let Some(canary) = self.setup.options.canary else {
            return BTreeMap::new();
        };
        let counts = self.state.account_counts();
        let is_over = |name: &AccountName| {
            let good = counts
                .get(name)
                .map_or(0, |counts| counts.deleted + counts.already_gone);
            self.pace.canary.is_none() && good >= canary.get()
        };
        let names = queues.keys().filter(|name| !is_over(name));
        names.map(|name| (name.clone(), canary)).collect()
    }

    /// What lies before each account.
    fn ahead(
        &self,
        queues: &BTreeMap<AccountName, Queues>,
        canary: &BTreeMap<AccountName, NonZeroU64>,
    ) -> Vec<AccountPlan> {
        let account = |(name, queues): (&AccountName, &Queues)| {
            let rows = counted(queues);
            AccountPlan {
                name: name.clone(),
                rows: rows.iter().map(|(_, rows)| rows).sum(),
                at_limit: self.setup.time(name, &rows),
                canary: canary.get(name).copied(),
            }
        };
        queues.iter().map(account).collect()
    }

    /// Records that this session begins, which sends `rows`.
    async fn begin(
        &self,
        recorder: &Recorder,
        rows: u64,
        lines: &[Line],
        ahead: &[AccountPlan],
    ) -> Result<(), Failure> {
        let only = match self.command {
            Command::Retry(only) => only.to_vec(),
            Command::Run(_) | Command::Resume => Vec::new(),
        };
        let entry = Entry::Session(Box::new(SessionEntry {
            command: self.command.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            only,
            rows: match self.command {
                Command::Run(_) => self.state.counts().total(),
                Command::Resume | Command::Retry(_) => rows,
            },
            accounts: lines.iter().map(Line::header).collect(),
            ahead: ahead.to_vec(),
            ignores_pauses: self.pace.ignore_pauses,
            at: WallClock::system().now(),
            uptime: uptime(),
        }));
        recorder
            .record(entry, Durability::Queued)
            .await
            .map_err(|failed| Failure::sink(&failed))
    }
}

/// Refuses users whom two accounts have that turned out to be at one tenant. Where the configuration
/// shows it, the plan has seen to that.
fn refuse_shared_users(
    state: &LedgerState,
    lines: &[Line],
    queues: &BTreeMap<AccountName, Queues>,
) -> Result<(), Failure> {
    for (place, line) in lines.iter().enumerate() {
        let is_there = |it: &&Line| it.kind == ProviderKind::Zoho && it.tenant() == line.tenant();
        let there = lines[place..].iter().filter(is_there);
        let there = there.filter_map(|it| queues.get_key_value(&it.name));
        let there: Vec<_> = there.collect();
        if line.kind != ProviderKind::Zoho || there.len() < 2 {
            continue;
        }
        if let Some(task) = shared_user(state, &there)? {
            let text = format!(
                "row {} names a user whom another account at the same tenant has as well; nothing was \
                 sent",
                task.position.row
            );
            let help = "give all rows of a user to one account";
            return Err(Failure::message(ExitCode::Refused, text, Some(help)));
        }
    }
    Ok(())
}

/// What the identity of `line` decides about ids.
fn rule(line: &Line, takes_foreign: bool) -> CallerRule {
    let identity = line.identity.as_ref();
    CallerRule {
        account: line.name.clone(),
        caller: identity.and_then(|it| it.caller.clone()),
        id_prefix: identity.and_then(|it| it.id_prefix.clone()),
        ids_alike: provider::ids_alike(line.kind),
        takes_foreign,
    }
}

/// The accounts with rows that have to wait, which is said at once.
fn accounts_on_hold(
    before: Before<'_>,
    setup: &Setup,
    has_rows: impl Fn(&AccountName) -> bool,
) -> BTreeMap<AccountName, LaneStop> {
    let mut held = held::held_before(before, setup);
    held.retain(|name, _| has_rows(name));
    for stop in held.values() {
        tell(&format!(
            "{}; nothing was sent to it; {}",
            text::stop_told(stop),
            held::way_past(&held::this_command())
        ));
    }
    held
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
            let now = Line::tenant_of(lines, &name);
            let was_here = now.as_ref() == Some(&then.tenant);
            if was_here || !is_done(&name) || !counts.get(&name).is_some_and(is_good) {
                continue;
            }
            let text = format!(
                "rows of account `{name}` were done at tenant `{}`, as ledger `{}` of `--done-in` \
                 says, and the configuration leads to {}; nothing was sent",
                then.tenant,
                state.source.path.display(),
                now.map_or_else(
                    || "a tenant that is not known".to_owned(),
                    |tenant| format!("tenant `{tenant}`")
                )
            );
            let help = "leave that `--done-in` out to delete these users here, or name the \
                        configuration of that tenant with `--config PATH`";
            return Err(Failure::message(ExitCode::Refused, text, Some(help)));
        }
    }
    Ok(())
}

/// Refuses accounts that are at another tenant than was agreed to.
pub(super) fn check_tenants(
    ledger: &Path,
    state: &LedgerState,
    lines: &[Line],
) -> Result<(), Failure> {
    let agreed = state.agreed.as_ref().map(|agreed| &agreed.accounts);
    for line in lines {
        let now = line.header().tenant;
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

/// The rows of `rows` by the outcome they had, of those that are taken up again.
fn reopened(state: &LedgerState, rows: &RoaringTreemap) -> BTreeMap<Outcome, RoaringTreemap> {
    let of = |outcome| (outcome, state.rows_of(outcome) & rows);
    Outcome::ALL
        .into_iter()
        .map(of)
        .filter(|(_, rows)| !rows.is_empty())
        .collect()
}

fn told(ledger: &Path, state: &LedgerState, wanted: &RoaringTreemap, count: u64) -> String {
    let rows = state.counts().total();
    let doubt = (state.in_doubt() & wanted).len();
    let doubt = if doubt > 0 {
        format!(", {doubt} of them in doubt")
    } else {
        String::new()
    };
    format!(
        "{}: {count} of {rows} rows to send{doubt}",
        ledger.display()
    )
}
