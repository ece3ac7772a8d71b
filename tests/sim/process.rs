//! One process: it opens the ledger, asks who it is, works, and ends or is killed.

use std::collections::{BTreeMap, VecDeque};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roaring::RoaringTreemap;
use secrecy::SecretString;
use userpurge::domain::{
    AccountHeader, AccountName, Action, Agreed, AgreedBy, Counts, Entry, Outcome, OutcomeEntry,
    ProviderKind, RunEnd, RunHeader, RunId, RunOptions, RunState, Session, Task, Time, ToVerify,
    Uptime, Verification,
};
use userpurge::lane::limits::{Earlier, LimitsSpec, Past};
use userpurge::lane::{
    AccountEnd, AccountSpec, Answer, Event, FailureLimit, Lane, Output, Question, QuestionId,
    Queue, RequestError, Rows, Until, WorkSpec,
};
use userpurge::ledger::{LedgerState, PlanRows};
use userpurge::provider::{
    self, Identity, Provider, ProviderSettings, SuncoAuth, SuncoSettings, ZendeskCredentials,
    ZendeskSettings, ZohoSettings,
};

use crate::case::AccountCase;
use crate::world::{Thing, World};

/// A lane puts out no more than this at one instant.
const TURNS_MAX: u32 = 200_000;

/// What a process was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Run,
    Resume,
    Retry,
    Verify,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It was killed.
    Killed,
    /// The provider did not say who we are.
    Refused,
    /// It ended in order, each account as this says.
    Ended(Vec<(AccountName, AccountEnd)>),
}

/// A lane, and what its process knows of it.
struct Driven {
    lane: Lane,
    rows: BTreeMap<(AccountName, Action), PlanRows>,
    to_verify: BTreeMap<AccountName, VecDeque<ToVerify>>,
    wakes: Option<Duration>,
    is_over: bool,
}

struct Process<'w> {
    world: &'w mut World,
    state: LedgerState,
    lanes: Vec<Driven>,
    answers: Vec<(QuestionId, Result<Answer, RequestError>)>,
    identities: BTreeMap<AccountName, Identity>,
    may_be_killed: bool,
    steps: u64,
}

/// Starts a process for `command` and sees it to its end.
///
/// # Errors
///
/// A broken rule.
pub(crate) fn run(world: &mut World, file: &Path, command: Command) -> Result<End, String> {
    world.process += 1;
    std::fs::write(file, &world.disk.bytes).map_err(|it| it.to_string())?;
    let state = LedgerState::read(file).map_err(|it| format!("the ledger: {it}"))?;
    let may_be_killed = !world.is_fair && world.case.kills > 0;
    let mut process = Process {
        world,
        state,
        lanes: Vec::new(),
        answers: Vec::new(),
        identities: BTreeMap::new(),
        may_be_killed,
        steps: 0,
    };
    process.open()?;
    if let Some(end) = process.introduce()? {
        return Ok(end);
    }
    if !process.take_up(command)? {
        return Ok(End::Ended(Vec::new()));
    }
    process.work(command, file)
}

impl Process<'_> {
    /// Makes a lane for each tenant.
    fn open(&mut self) -> Result<(), String> {
        let now = self.world.time();
        let mut tenants: BTreeMap<String, Lane> = BTreeMap::new();
        for account in self.world.case.accounts.clone() {
            let provider = provider_of(&account)?;
            let limits = limits_of(&account, provider.as_ref());
            let at_tenant: Vec<AccountName> = self
                .world
                .case
                .accounts
                .iter()
                .filter(|it| it.tenant == account.tenant)
                .map(|it| AccountName::new(it.name.clone()))
                .collect();
            let spec = AccountSpec {
                name: AccountName::new(account.name.clone()),
                provider,
                past: self.past(&limits, &at_tenant),
                limits,
                kept: None,
                attempts: NonZeroU32::new(self.world.case.options.attempts).ok_or("attempts")?,
                seed: self.world.draw.0.u64(..),
            };
            let mut lane = Lane::new(spec, now);
            let ours = self.now_of_ledger();
            for pause in self.state.pauses_at(ours) {
                if at_tenant.contains(&pause.account) {
                    lane.pause(pause.step, now.instant + pause.left(ours));
                }
            }
            match tenants.get_mut(&account.tenant) {
                Some(first) => first.absorb(lane),
                None => {
                    tenants.insert(account.tenant, lane);
                }
            }
        }
        self.lanes = tenants
            .into_values()
            .map(|lane| Driven {
                lane,
                rows: BTreeMap::new(),
                to_verify: BTreeMap::new(),
                wakes: None,
                is_over: false,
            })
            .collect();
        Ok(())
    }

    fn uptime(&self) -> Uptime {
        Uptime {
            boot: "sim".to_owned(),
            ms: u64::try_from(self.world.now.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn now_of_ledger(&self) -> Time {
        self.state.now(self.world.time().wall, Some(&self.uptime()))
    }

    /// The requests of earlier processes that may still count.
    fn past(&self, spec: &LimitsSpec, accounts: &[AccountName]) -> Vec<Past> {
        let now = self.now_of_ledger();
        let mut past = still_counted(&self.state, spec, accounts, now);
        past.sort_by_key(|past| (std::cmp::Reverse(past.ago), past.ahead));
        past
    }

    /// Asks each account who we are, and who the primary contact is.
    fn introduce(&mut self) -> Result<Option<End>, String> {
        for account in self.world.case.accounts.clone() {
            let name = AccountName::new(account.name.clone());
            let included = self.included();
            for question in [Question::Identity, Question::PrimaryContact(included)] {
                match self.ask(&name, question)? {
                    None => return Ok(Some(End::Killed)),
                    Some(Ok(Answer::Identity(it))) => {
                        self.identities.insert(name.clone(), it.0);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return Ok(Some(End::Refused)),
                }
            }
        }
        Ok(None)
    }

    fn included(&self) -> Vec<String> {
        if self.world.case.options.include_agents {
            [
                "agent",
                "light agent",
                "light_agent",
                "admin",
                "administrator",
                "Administrator",
            ]
            .map(str::to_owned)
            .to_vec()
        } else {
            Vec::new()
        }
    }

    fn place(&self, name: &AccountName) -> usize {
        let tenant = |name: &str| {
            let accounts = &self.world.case.accounts;
            accounts
                .iter()
                .find(|it| it.name == name)
                .map(|it| it.tenant.clone())
        };
        let wanted = tenant(name.as_str());
        let mut tenants: Vec<_> = self
            .world
            .case
            .accounts
            .iter()
            .map(|it| it.tenant.clone())
            .collect();
        tenants.sort();
        tenants.dedup();
        tenants
            .iter()
            .position(|it| Some(it) == wanted.as_ref())
            .unwrap_or(0)
    }

    /// The answer to a question; `None`: the process was killed.
    fn ask(
        &mut self,
        name: &AccountName,
        question: Question,
    ) -> Result<Option<Result<Answer, RequestError>>, String> {
        let now = self.world.time();
        let place = self.place(name);
        let id = self.lanes[place].lane.ask(name, question, now);
        self.lanes[place].is_over = false;
        loop {
            if let Some(at) = self.answers.iter().position(|(it, _)| *it == id) {
                return Ok(Some(self.answers.swap_remove(at).1));
            }
            if self.lanes[place].is_over {
                return Ok(Some(Err(RequestError::Stopping)));
            }
            if !self.turn(Some(place))? {
                return Ok(None);
            }
        }
    }

    /// Gives every account its work. Returns whether there is any.
    fn take_up(&mut self, command: Command) -> Result<bool, String> {
        let wanted = self.wanted(command);
        let accounts = self.headers();
        let rows: u64 = wanted.values().map(RoaringTreemap::len).sum();
        if rows == 0 {
            return Ok(false);
        }
        let at = self.world.time().wall;
        let entry = if command == Command::Verify {
            Entry::Verification(Box::new(Verification {
                command: "verify".to_owned(),
                version: "sim".to_owned(),
                rows,
                good_rows: rows,
                sample: None,
                accounts,
                ahead: Vec::new(),
                at,
                uptime: Some(self.uptime()),
            }))
        } else {
            Entry::Session(Box::new(Session {
                command: if command == Command::Retry {
                    "retry"
                } else {
                    "resume"
                }
                .to_owned(),
                version: "sim".to_owned(),
                only: Vec::new(),
                rows,
                accounts,
                ahead: Vec::new(),
                ignores_pauses: false,
                at,
                uptime: Some(self.uptime()),
            }))
        };
        self.world.append(&entry)?;
        self.world.sync_all();
        let until = self
            .world
            .case
            .options
            .until_min
            .filter(|_| command == Command::Run);
        for account in self.world.case.accounts.clone() {
            self.take_up_account(&account, command, &wanted, until)?;
        }
        Ok(true)
    }

    fn headers(&self) -> Vec<AccountHeader> {
        let header = |it: &AccountCase| {
            let name = AccountName::new(it.name.clone());
            let identity = self.identities.get(&name);
            AccountHeader {
                provider: it.provider,
                tenant: identity.map_or_else(String::new, |it| it.tenant.clone()),
                caller: identity.and_then(|it| it.caller.clone()),
                role: None,
                action: None,
                concurrency: Some(it.concurrency),
                name,
            }
        };
        self.world.case.accounts.iter().map(header).collect()
    }

    /// The rows of each account that this process is about.
    fn wanted(&self, command: Command) -> BTreeMap<AccountName, RoaringTreemap> {
        if command == Command::Verify {
            return self.state.verifiable();
        }
        let rows = match command {
            Command::Run | Command::Resume | Command::Verify => self.state.outstanding(),
            Command::Retry => {
                self.state.rows_of(Outcome::Failed) | self.state.rows_of(Outcome::InDoubt)
            }
        };
        let mut wanted: BTreeMap<AccountName, RoaringTreemap> = BTreeMap::new();
        for (account, _, planned) in self.state.planned_rows() {
            *wanted.entry(account.clone()).or_default() |= planned & &rows;
        }
        wanted
    }

    fn take_up_account(
        &mut self,
        account: &AccountCase,
        command: Command,
        wanted: &BTreeMap<AccountName, RoaringTreemap>,
        until_min: Option<u64>,
    ) -> Result<(), String> {
        let name = AccountName::new(account.name.clone());
        let none = RoaringTreemap::new();
        let rows = wanted.get(&name).unwrap_or(&none);
        if rows.is_empty() {
            return Ok(());
        }
        let now = self.world.time();
        let place = self.place(&name);
        let included = self.included();
        let options = &self.world.case.options;
        let mut work = WorkSpec {
            queues: Vec::new(),
            failure_limit: options
                .max_failures
                .map_or(FailureLimit::Default, FailureLimit::Rows),
            include_roles: included,
            canary: options
                .canary
                .filter(|_| command == Command::Run)
                .and_then(NonZeroU64::new),
            until: until_min.map(|minutes| Until {
                at: now.wall.after(Duration::from_mins(minutes)),
                typed: "12:00".to_owned(),
            }),
        };
        let driven = &mut self.lanes[place];
        if command == Command::Verify {
            let to_verify = to_verify(&self.state, &name, rows)?;
            driven.lane.expect_verified(&name, to_verify.len() as u64);
            driven.to_verify.insert(name.clone(), to_verify);
            work.queues.push(Queue::Verify);
        } else {
            let mut expected = Vec::new();
            for (_, action, planned) in self.state.planned_rows().filter(|it| *it.0 == name) {
                let count = (planned & rows).len();
                if count > 0 {
                    expected.push((action, count));
                    work.queues.push(Queue::Action(action));
                    let read = PlanRows::open(&self.state, name.clone(), action, rows)
                        .map_err(|it| it.to_string())?;
                    driven.rows.insert((name.clone(), action), read);
                }
            }
            driven.lane.expect(&name, expected);
        }
        driven.lane.work(&name, work);
        Ok(())
    }

    /// Works to the end.
    fn work(mut self, command: Command, file: &Path) -> Result<End, String> {
        for it in &mut self.lanes {
            it.is_over = false;
        }
        while !self.lanes.iter().all(|it| it.is_over) {
            if !self.turn(None)? {
                return Ok(End::Killed);
            }
        }
        let ends: Vec<_> = self
            .lanes
            .iter_mut()
            .flat_map(|it| it.lane.take_ends())
            .collect();
        if command != Command::Verify {
            let outcomes = counts(self.world, file)?;
            let is_done = ends.iter().all(|(_, end)| matches!(end, AccountEnd::Done));
            let is_stopped = ends
                .iter()
                .any(|(_, end)| matches!(end, AccountEnd::Stopped(_)));
            let entry = Entry::End(RunEnd {
                state: match (is_done, is_stopped) {
                    (true, _) => RunState::Finished,
                    (false, true) => RunState::Stopped,
                    (false, false) => RunState::Interrupted,
                },
                outcomes,
                at: self.world.time().wall,
            });
            self.world.append(&entry)?;
        }
        self.world.sync_all();
        Ok(End::Ended(ends))
    }

    /// Does what there is to do, and goes on to the next thing that happens. Returns whether the process
    /// lives on. `only`: the lane that a question was asked of; `None`: all.
    fn turn(&mut self, only: Option<usize>) -> Result<bool, String> {
        let mut wakes: Option<Duration> = None;
        for place in 0..self.lanes.len() {
            if only.is_some_and(|it| it != place) {
                continue;
            }
            if !self.drive(place)? {
                return Ok(false);
            }
            let it = &self.lanes[place];
            if !it.is_over {
                wakes = wakes.into_iter().chain(it.wakes).min();
            }
        }
        let is_over = |place: &usize| self.lanes[*place].is_over;
        if only.map_or_else(
            || (0..self.lanes.len()).all(|it| is_over(&it)),
            |it| is_over(&it),
        ) {
            return Ok(true);
        }
        if only.is_some() && !self.answers.is_empty() {
            return Ok(true);
        }
        let next = self.world.next_at().into_iter().chain(wakes).min();
        let Some(next) = next else {
            return Err("it hangs: nothing is waited for".to_owned());
        };
        self.world.move_to(next);
        self.whims()?;
        if self.is_killed() {
            return Ok(false);
        }
        while let Some(thing) = self.world.take() {
            self.happen(thing)?;
        }
        Ok(true)
    }

    /// What a world does by itself.
    fn whims(&mut self) -> Result<(), String> {
        let case = &self.world.case;
        let (steps, changes) = (case.clock_steps, case.role_changes);
        if !self.world.is_fair && self.world.draw.0.u32(..1000) < steps {
            self.world.step_clock();
        }
        if !self.world.is_fair && self.world.draw.0.u32(..1000) < changes {
            self.world.promote()?;
        }
        Ok(())
    }

    fn is_killed(&mut self) -> bool {
        self.steps += 1;
        let every = self.world.case.kill_every;
        let is_killed = self.may_be_killed && self.world.draw.0.u64(..every) == 0;
        if is_killed {
            self.world.case.kills -= 1;
            self.world.lose_unsynced();
        }
        is_killed
    }

    fn happen(&mut self, thing: Thing) -> Result<(), String> {
        let current = self.world.process;
        match thing {
            Thing::Arrives(process, lane, id, visit, back) => {
                self.world.carry_out((process, lane, id), &visit, back)
            }
            Thing::Told(process, lane, event) => {
                let now = self.world.time();
                if process == current && !self.lanes[lane].is_over {
                    self.lanes[lane].lane.on(event, now);
                }
                Ok(())
            }
            Thing::Synced(process, lane, request, to) => {
                if process == current {
                    self.world.synced(to);
                    let now = self.world.time();
                    self.lanes[lane].lane.on(Event::Recorded(request), now);
                }
                Ok(())
            }
        }
    }

    /// Does all that a lane wants done now. Returns whether the process lives on.
    fn drive(&mut self, place: usize) -> Result<bool, String> {
        for turn in 0.. {
            if self.lanes[place].is_over {
                break;
            }
            if turn > TURNS_MAX {
                return Err("a lane puts out more and more at one instant".to_owned());
            }
            let now = self.world.time();
            match self.lanes[place].lane.next(now) {
                Output::Record(entry) => self.world.append(&entry)?,
                Output::RecordFirst(request, entries) => {
                    for entry in &entries {
                        self.world.append(entry)?;
                    }
                    let to = self.world.disk.bytes.len();
                    let most = self.world.case.sync_ms;
                    let sync = Duration::from_millis(self.world.draw.0.u64(..=most));
                    let thing = Thing::Synced(self.world.process, place, request, to);
                    self.world.put(self.world.now + sync, thing)?;
                }
                Output::Send(id, request) => self.world.send(place, id, &request)?,
                Output::Rows(account, queue) => {
                    let rows = self.next_rows(place, &account, queue)?;
                    let event = Event::Rows {
                        account,
                        queue,
                        rows: Ok(rows),
                    };
                    self.lanes[place].lane.on(event, now);
                }
                Output::Keep(..) => {}
                Output::Answer(id, answer) => self.answers.push((id, answer)),
                Output::Wait(until) => {
                    self.lanes[place].wakes = until.map(|at| self.world.since_start(at));
                    return Ok(true);
                }
                Output::Ended => self.lanes[place].is_over = true,
            }
            if self.is_killed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn next_rows(
        &mut self,
        place: usize,
        account: &AccountName,
        queue: Queue,
    ) -> Result<Option<Rows>, String> {
        let caller = self
            .identities
            .get(account)
            .and_then(|it| it.caller.clone());
        let driven = &mut self.lanes[place];
        let Queue::Action(action) = queue else {
            let rows = driven
                .to_verify
                .get_mut(account)
                .ok_or("no rows to verify")?;
            let count = rows.len().min(100);
            let rows: Vec<_> = rows.drain(..count).collect();
            return Ok((!rows.is_empty()).then_some(Rows::ToVerify(rows)));
        };
        let read = driven
            .rows
            .get_mut(&(account.clone(), action))
            .ok_or("no such queue")?;
        loop {
            let tasks = read.next_block(&self.state).map_err(|it| it.to_string())?;
            if tasks.is_empty() {
                return Ok(None);
            }
            let (callers, tasks): (Vec<Task>, Vec<Task>) = tasks
                .into_iter()
                .partition(|task| caller.as_ref() == Some(&task.id));
            for task in callers {
                let at = self.world.time().wall;
                self.world.append(&Entry::Outcome(protected(task, at)))?;
            }
            if !tasks.is_empty() {
                return Ok(Some(Rows::Tasks(tasks)));
            }
        }
    }
}

fn protected(task: Task, at: Time) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account),
        action: Some(task.action),
        id: Some(task.id),
        reference: task.reference,
        outcome: Outcome::Protected,
        status: None,
        code: Some("caller".to_owned()),
        message: None,
        attempts: 0,
        settled: false,
        at,
        elapsed_ms: 0,
        request_id: None,
    }
}

/// The rows that ended well, as `verify` takes them from the ledger.
fn to_verify(
    state: &LedgerState,
    account: &AccountName,
    rows: &RoaringTreemap,
) -> Result<VecDeque<ToVerify>, String> {
    let mut found = VecDeque::new();
    for (_, action, planned) in state.planned_rows().filter(|it| it.0 == account) {
        let mut read = PlanRows::open(state, account.clone(), action, &(planned & rows))
            .map_err(|it| it.to_string())?;
        loop {
            let tasks = read.next_block(state).map_err(|it| it.to_string())?;
            if tasks.is_empty() {
                break;
            }
            found.extend(tasks.into_iter().map(|task| ToVerify {
                position: task.position,
                action: task.action,
                id: task.id,
            }));
        }
    }
    Ok(found)
}

fn counts(world: &mut World, file: &Path) -> Result<Counts, String> {
    std::fs::write(file, &world.disk.bytes).map_err(|it| it.to_string())?;
    let state = LedgerState::read(file).map_err(|it| format!("the ledger: {it}"))?;
    Ok(state.counts())
}

fn limits_of(account: &AccountCase, provider: &dyn Provider) -> LimitsSpec {
    let defaults = provider::defaults(provider.kind());
    let requests = account.requests.parse().unwrap_or(defaults.requests);
    let mut steps = defaults.steps;
    if let Some(quota) = account.permanent.as_ref().and_then(|it| it.parse().ok()) {
        for (step, it) in &mut steps {
            if step.name() == "permanently-delete" {
                *it = quota;
            }
        }
    }
    LimitsSpec {
        concurrency: NonZeroU32::new(account.concurrency).unwrap_or(NonZeroU32::MIN),
        requests,
        steps,
        share: 1.0,
    }
}

fn provider_of(account: &AccountCase) -> Result<Arc<dyn Provider>, String> {
    let base: url::Url = format!("http://127.0.0.1:1/t/{}", account.tenant)
        .parse()
        .map_err(|_| "a url")?;
    let secret = |text: &str| SecretString::from(text.to_owned());
    let settings = match account.provider {
        ProviderKind::Zendesk => ProviderSettings::Zendesk(ZendeskSettings {
            base_url: base,
            credentials: if account.has_tokens {
                ZendeskCredentials::Client {
                    id: "sandbox-client".to_owned(),
                    secret: secret("sandbox-secret"),
                }
            } else {
                ZendeskCredentials::ApiToken {
                    email: "ops@acme.example".to_owned(),
                    token: secret("sandbox-token"),
                }
            },
        }),
        ProviderKind::Sunco => ProviderSettings::Sunco(SuncoSettings {
            base_url: base,
            app_id: "5963c0d619a30a2e00de36b8".to_owned(),
            key_id: "app_sandbox".to_owned(),
            key_secret: secret("sandbox-secret"),
            auth: SuncoAuth::Basic,
        }),
        ProviderKind::Zoho => ProviderSettings::Zoho(ZohoSettings {
            accounts_url: base.clone(),
            base_url: Some(base),
            version: "v8".to_owned(),
            client_id: "1000.SANDBOX".to_owned(),
            client_secret: secret("sandbox-secret"),
            refresh_token: secret("1000.sandbox-refresh"),
        }),
    };
    let provider = provider::build(settings).map_err(|it| it.to_string())?;
    Ok(provider.into())
}

/// The requests of earlier processes that may still hold a slot of `spec`.
fn still_counted(
    state: &LedgerState,
    spec: &LimitsSpec,
    accounts: &[AccountName],
    now: Time,
) -> Vec<Past> {
    let known = accounts.iter().filter_map(|name| state.concurrency(name));
    let sent = accounts.iter().flat_map(|name| state.sent(name));
    let pauses = state.pauses.iter().map(|pause| pause.until);
    let last_at = pauses.fold(state.last_at, Time::max);
    let earlier = Earlier {
        sent: sent.map(|it| (it.step, it.sent_at, it.replied_at())),
        permits: known.max().unwrap_or(spec.concurrency.get()),
        silent: (!state.ended_in_order()).then(|| now.saturating_since(last_at)),
        cut_off: state.cut_off.clone(),
    };
    earlier.still_counted(spec, now)
}

/// The first line of a ledger.
pub(crate) fn run_header(accounts: Vec<AccountHeader>, at: Time) -> Entry {
    Entry::Run(Box::new(RunHeader {
        run_id: RunId::new("sim"),
        format: RunHeader::FORMAT,
        version: "sim".to_owned(),
        options: RunOptions::default(),
        accounts,
        started_at: at,
        uptime: Some(Uptime {
            boot: "sim".to_owned(),
            ms: 0,
        }),
    }))
}

/// That somebody agreed.
pub(crate) fn agreed(at: Time) -> Entry {
    Entry::Agreed(Box::new(Agreed {
        user: "ops".to_owned(),
        host: "sim".to_owned(),
        how: AgreedBy::Yes,
        at,
        accounts: BTreeMap::new(),
        protect: None,
        done_in: Vec::new(),
        options: None,
    }))
}
