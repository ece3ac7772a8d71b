//! One process: it opens the ledger, asks who it is, works, and ends or is killed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use roaring::RoaringTreemap;
use userpurge::domain::{
    AccountHeader, AccountLimits, AccountName, Action, Entry, Outcome, OutcomeEntry, RunEnd,
    RunState, Said, SessionStart, Task, Time, Uptime, UserId,
};
use userpurge::lane::limits::PriorRequest;
use userpurge::lane::{
    AccountEnd, AccountSpec, Effect, Event, FailureLimit, Inquiry, Lane, Meaning, RequestError,
    RequestId, Until, WorkSpec,
};
use userpurge::ledger::{LedgerError, LedgerFile, LedgerState, Only, PlanRows};
use userpurge::plan::CallerRule;
use userpurge::provider::{self, Identity};

use crate::account::{limits_of, provider_of, still_counted};
use crate::bounds;
use crate::case::{AccountCase, concurrency};
use crate::plan::ledger_path;
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
    /// It was killed, or its ledger failed.
    Killed,
    /// The provider did not say who we are.
    Refused,
    /// It ended in order, each account as this says.
    Ended(Vec<(AccountName, AccountEnd)>),
}

/// A lane, and what its process knows of it.
struct Driven {
    lane: Lane,
    rows: BTreeMap<(AccountName, Option<Action>), Source>,
    wakes: Option<Duration>,
    is_over: bool,
}

/// Where rows of a queue come from.
enum Source {
    /// The plan, and the first row for which this run has deleted a user.
    Plan(PlanRows, HashMap<UserId, u64>),
    ToVerify(VecDeque<Task>),
}

/// What writes the ledger: while it syncs, what comes waits, and is then written together.
struct Writer {
    file: LedgerFile,
    waiting: Vec<(Vec<Entry>, Option<Waiter>)>,
    /// Who waits for the sync under way; `None`: there is none.
    syncing: Option<Vec<Waiter>>,
}

/// The request of a lane that waits for its entries to be durable.
type Waiter = (usize, RequestId);

/// Rows of a queue.
enum Given {
    Rows(Vec<Task>),
    /// It has no more.
    NoMore,
    /// The ledger failed.
    Failed,
}

struct Process<'w> {
    world: &'w mut World,
    state: LedgerState,
    /// What earlier runs left at these tenants.
    others: Vec<LedgerState>,
    writer: Writer,
    lanes: Vec<Driven>,
    answers: Vec<(RequestId, Result<Meaning, RequestError>)>,
    identities: BTreeMap<AccountName, Identity>,
    may_be_killed: bool,
    /// How often a person wanted it to stop.
    stops: u32,
    is_at_work: bool,
}

/// Starts a process for `command` and sees it to its end.
///
/// # Errors
///
/// A broken rule.
pub(crate) fn run(world: &mut World, command: Command) -> Result<End, String> {
    world.begin_process();
    if world.case.has_new_concurrency && command != Command::Run {
        for account in &mut world.case.accounts {
            account.concurrency = concurrency(&mut world.draw, account.provider);
        }
    }
    let path = ledger_path(world);
    std::fs::write(&path, world.disk.bytes()).map_err(|it| it.to_string())?;
    let opened = LedgerFile::open_on(&world.disk.clone(), &path);
    let file = match opened {
        Ok(file) => file,
        Err(_) if world.disk.is_harmed() => {
            world.kill();
            return Ok(End::Killed);
        }
        Err(error) => return Err(format!("the ledger: {error}")),
    };
    let state = file.state.clone();
    if state.torn.is_some() {
        // What reads blocks of the plan knows no torn line.
        std::fs::write(&path, world.disk.bytes()).map_err(|it| it.to_string())?;
    }
    world.read_intents();
    let mut others = Vec::new();
    for run in world.others() {
        let path = world.folder.join(format!("{run}.jsonl"));
        others.push(LedgerState::read(&path).map_err(|it| format!("ledger {run}: {it}"))?);
    }
    let may_be_killed = !world.is_fair && world.case.kills > 0;
    let mut process = Process {
        world,
        state,
        others,
        writer: Writer {
            file,
            waiting: Vec::new(),
            syncing: None,
        },
        lanes: Vec::new(),
        answers: Vec::new(),
        identities: BTreeMap::new(),
        may_be_killed,
        stops: 0,
        is_at_work: false,
    };
    let end = process.live(command)?;
    if matches!(end, End::Killed) {
        process.world.kill();
    } else {
        // In order, it writes and syncs what it has.
        process.writer.syncing = None;
        if !(process.commit()? && process.sync()?) {
            process.world.kill();
            return Ok(End::Killed);
        }
        if process.is_at_work && process.stops < 2 && process.world.awaits_pair() {
            return Err(format!(
                "it ended while a new pair of tokens was under way: {end:?}"
            ));
        }
    }
    Ok(end)
}

impl Process<'_> {
    fn live(&mut self, command: Command) -> Result<End, String> {
        self.open()?;
        if let Some(end) = self.introduce()? {
            return Ok(end);
        }
        if !self.take_up(command)? {
            return Ok(End::Ended(Vec::new()));
        }
        self.work(command)
    }

    /// Makes a lane for each tenant.
    fn open(&mut self) -> Result<(), String> {
        let now = self.world.time();
        let mut tenants: BTreeMap<String, Lane> = BTreeMap::new();
        for account in self.world.case.accounts.clone() {
            let provider = provider_of(&account)?;
            let limits = limits_of(&account, !self.world.case.is_strict);
            let at_tenant: Vec<AccountName> = self
                .world
                .case
                .accounts
                .iter()
                .filter(|it| it.tenant == account.tenant)
                .map(|it| AccountName::new(it.name.clone()))
                .collect();
            let kept = self.world.pairs.kept(&account.tenant);
            let spec = AccountSpec {
                name: AccountName::new(account.name.clone()),
                provider,
                past: self.past(&limits, &at_tenant),
                limits,
                kept: kept.filter(|_| account.has_pair),
                attempts: NonZeroU32::new(self.world.options().attempts).ok_or("attempts")?,
                seed: self.world.draw.0.u64(..),
            };
            let mut lane = Lane::new(spec, now);
            for state in self.others.iter().chain([&self.state]) {
                let ours = self.now_of(state);
                for pause in state.pauses_at(ours) {
                    if at_tenant.contains(&pause.account) {
                        self.world.waits += pause.left(ours);
                        lane.pause(pause.step, now.instant + pause.left(ours));
                    }
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
                wakes: None,
                is_over: false,
            })
            .collect();
        Ok(())
    }

    fn uptime(&self) -> Uptime {
        self.world.uptime()
    }

    /// How late it is for what a ledger tells.
    fn now_of(&self, state: &LedgerState) -> Time {
        state.now(self.world.time().wall, Some(&self.uptime()))
    }

    /// The requests of earlier processes that may still count.
    fn past(&self, spec: &AccountLimits, accounts: &[AccountName]) -> Vec<PriorRequest> {
        let mut past = Vec::new();
        for state in self.others.iter().chain([&self.state]) {
            past.extend(still_counted(state, spec, accounts, self.now_of(state)));
        }
        past.sort_by_key(|past| (std::cmp::Reverse(past.ago), past.ahead));
        past
    }

    // --- The ledger ---

    /// Hands entries over to be written; `ack`: who waits for them. Returns whether the ledger still
    /// takes any.
    fn record(&mut self, entries: Vec<Entry>, ack: Option<Waiter>) -> Result<bool, String> {
        self.writer.waiting.push((entries, ack));
        if self.writer.syncing.is_some() {
            return Ok(true);
        }
        self.commit()
    }

    /// Writes what waits, and begins a sync if anybody waits for one.
    fn commit(&mut self) -> Result<bool, String> {
        let mut acks = Vec::new();
        for (entries, ack) in std::mem::take(&mut self.writer.waiting) {
            for entry in &entries {
                self.writer.file.put(entry).map_err(|it| it.to_string())?;
            }
            acks.extend(ack);
        }
        if !is_whole(self.writer.file.write())? {
            return Ok(false);
        }
        if !acks.is_empty() {
            let most = self.world.case.sync_ms;
            let sync = Duration::from_millis(self.world.draw.0.u64(..=most));
            self.writer.syncing = Some(acks);
            let thing = Thing::Synced(self.world.process);
            self.world.put(self.world.now + sync, thing)?;
        }
        Ok(true)
    }

    fn sync(&mut self) -> Result<bool, String> {
        let is_whole = is_whole(self.writer.file.sync())?;
        self.world.read_intents();
        Ok(is_whole)
    }

    /// A sync is over: who waited for it is told, and what came meanwhile is written.
    fn synced(&mut self) -> Result<bool, String> {
        let mut acks = self.writer.syncing.take().unwrap_or_default();
        if self.world.case.is_odd {
            self.world.draw.0.shuffle(&mut acks);
        }
        if !self.sync()? {
            return Ok(false);
        }
        for (lane, request) in acks {
            let now = self.world.time();
            self.lanes[lane].lane.on(Event::Recorded(request), now);
        }
        self.commit()
    }

    /// Asks each account who we are, and who the primary contact is.
    fn introduce(&mut self) -> Result<Option<End>, String> {
        for account in self.world.case.accounts.clone() {
            let name = AccountName::new(account.name.clone());
            let included = self.included();
            for question in [Inquiry::Identity, Inquiry::PrimaryContact(included)] {
                match self.ask(&name, question)? {
                    None => return Ok(Some(End::Killed)),
                    Some(Ok(Meaning::Identity(it))) => {
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
        self.world.options().include_roles.clone()
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
        question: Inquiry,
    ) -> Result<Option<Result<Meaning, RequestError>>, String> {
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
        let wanted = self.wanted(command)?;
        let accounts = self.headers();
        let rows: u64 = wanted.values().map(RoaringTreemap::len).sum();
        if rows == 0 {
            return Ok(false);
        }
        let at = self.world.time().wall;
        let entry = if command == Command::Verify {
            Entry::Verification(Box::new(SessionStart {
                command: "verify".to_owned(),
                version: "sim".to_owned(),
                only: Vec::new(),
                rows,
                good_rows: Some(rows),
                sample: None,
                accounts,
                ahead: Vec::new(),
                ignores_pauses: false,
                at,
                uptime: Some(self.uptime()),
            }))
        } else {
            Entry::Session(Box::new(SessionStart {
                command: match command {
                    Command::Run => "run",
                    Command::Resume | Command::Verify => "resume",
                    Command::Retry => "retry",
                }
                .to_owned(),
                version: "sim".to_owned(),
                only: Vec::new(),
                rows,
                good_rows: None,
                sample: None,
                accounts,
                ahead: Vec::new(),
                ignores_pauses: false,
                at,
                uptime: Some(self.uptime()),
            }))
        };
        if !(self.record(vec![entry], None)? && self.sync()?) {
            return Ok(false);
        }
        let goes_on_so = self.world.options().goes_on_so && !self.world.is_fair;
        let begins = command == Command::Run || (command == Command::Resume && goes_on_so);
        let until = self.world.options().until_min.filter(|_| begins);
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
                rules: None,
                does: BTreeMap::new(),
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
    fn wanted(&self, command: Command) -> Result<BTreeMap<AccountName, RoaringTreemap>, String> {
        let rows = match command {
            Command::Verify => return Ok(self.state.verifiable()),
            Command::Run | Command::Resume => self.state.outstanding(),
            Command::Retry => {
                let only = self.world.this_run().retries.iter().flatten();
                let only: Result<Vec<Only>, _> = only.map(|it| it.parse()).collect();
                let only = only.map_err(|_| "--only")?;
                self.state.select(&only).map_err(|it| it.to_string())?
            }
        };
        let mut wanted: BTreeMap<AccountName, RoaringTreemap> = BTreeMap::new();
        for (account, _, planned) in self.state.planned_rows() {
            *wanted.entry(account.clone()).or_default() |= planned & &rows;
        }
        Ok(wanted)
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
        let options = self.world.options();
        let counts = self.state.account_counts();
        let good = counts
            .get(&name)
            .map_or(0, |it| it.deleted + it.already_gone + it.ordered);
        let mut work = WorkSpec {
            queues: Vec::new(),
            failure_limit: options
                .max_failures
                .map_or(FailureLimit::Default, FailureLimit::Rows),
            include_roles: options.include_roles.clone(),
            canary: options
                .canary
                .filter(|canary| {
                    let goes_on_so = options.goes_on_so && !self.world.is_fair;
                    command == Command::Run
                        || (goes_on_so && command != Command::Verify && good < *canary)
                })
                .and_then(NonZeroU64::new),
            until: until_min.map(|minutes| Until {
                at: now.wall.after(Duration::from_mins(minutes)),
                typed: "12:00".to_owned(),
            }),
        };
        let mut sources = Vec::new();
        if command == Command::Verify {
            let to_verify = to_verify(&self.state, &name, rows)?;
            let driven = &mut self.lanes[place];
            driven.lane.expect(&name, [(None, to_verify.len() as u64)]);
            sources.push((None, Source::ToVerify(to_verify)));
        } else {
            let mut expected = Vec::new();
            for (_, action, planned) in self.state.planned_rows().filter(|it| *it.0 == name) {
                let count = (planned & rows).len();
                if count > 0 {
                    expected.push((action, count));
                }
            }
            sources = self.sources(&name, &expected, rows)?;
            let expected = expected
                .into_iter()
                .map(|(action, rows)| (Some(action), rows));
            self.lanes[place].lane.expect(&name, expected);
        }
        let driven = &mut self.lanes[place];
        for (queue, source) in sources {
            work.queues.push(queue);
            driven.rows.insert((name.clone(), queue), source);
        }
        driven.lane.work(&name, work);
        Ok(())
    }

    /// A queue for each action, and one for users with rows of several, in the order of the file.
    fn sources(
        &self,
        name: &AccountName,
        expected: &[(Action, u64)],
        rows: &RoaringTreemap,
    ) -> Result<Vec<(Option<Action>, Source)>, String> {
        let mut all = Vec::new();
        if expected.len() > 1 {
            for (_, action, planned) in self.state.planned_rows().filter(|it| it.0 == name) {
                all.extend(tasks_of(&self.state, name, action, planned)?);
            }
        }
        let mut deleted = HashMap::new();
        for task in all.iter().filter(|it| it.soft_deleted) {
            let first = deleted.entry(task.id.clone()).or_insert(u64::MAX);
            *first = task.position.row.min(*first);
        }
        let mut sources = Vec::new();
        for (action, _) in expected {
            let read = PlanRows::open(&self.state, name.clone(), *action, rows);
            let source = Source::Plan(read.map_err(|it| it.to_string())?, deleted.clone());
            sources.push((Some(*action), source));
        }
        Ok(sources)
    }

    /// Works to the end.
    fn work(&mut self, command: Command) -> Result<End, String> {
        self.is_at_work = true;
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
            // What waits for a sync counts as well.
            self.writer.syncing = None;
            if !self.commit()? {
                return Ok(End::Killed);
            }
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
                outcomes: self.writer.file.state.counts(),
                at: self.world.time().wall,
            });
            if !self.record(vec![entry], None)? {
                return Ok(End::Killed);
            }
        }
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
        if self.world.case.is_odd {
            wakes = wakes.map(|at| self.world.odd_wake(at));
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
            if !self.happen(thing)? {
                return Ok(false);
            }
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
        let (halts, harms) = (self.world.case.stops, self.world.case.disk_faults);
        if !self.world.is_fair && self.world.draw.0.u32(..1000) < harms {
            self.world.disk.harm(&mut self.world.draw);
        }
        if self.is_at_work && !self.world.is_fair && self.world.draw.0.u32(..1000) < halts {
            let now = self.world.time();
            for driven in self.lanes.iter_mut().filter(|it| !it.is_over) {
                let event = if self.stops > 0 {
                    Event::Abandon
                } else {
                    Event::Stop
                };
                driven.lane.on(event, now);
            }
            self.stops += 1;
        }
        Ok(())
    }

    fn is_killed(&mut self) -> bool {
        let every = self.world.case.kill_every;
        let is_killed = self.may_be_killed && self.world.draw.0.u64(..every) == 0;
        if is_killed {
            self.world.case.kills -= 1;
        }
        is_killed
    }

    /// Returns whether the process lives on.
    fn happen(&mut self, thing: Thing) -> Result<bool, String> {
        let current = self.world.process;
        match thing {
            Thing::Arrives(journey) => self.world.carry_out(&journey)?,
            Thing::Told(process, lane, event, asked) => {
                let (now, now_since) = (self.world.time(), self.world.now);
                if process == current && !self.lanes[lane].is_over {
                    // What is in flight is dropped at the second stop, and nobody reads its answer.
                    if let Some(asked) = asked.filter(|_| self.stops < 2) {
                        self.world.hear(asked);
                    }
                    // While accounts are asked who they are, only one lane is driven: what comes to another
                    // then is lost with the process.
                    if let Event::Reply { result: Ok(it), .. } = &event
                        && self.is_at_work
                        && self.stops < 2
                    {
                        self.world.pairs.came(&it.body, now_since);
                    }
                    self.lanes[lane].lane.on(event, now);
                }
            }
            Thing::Synced(process) => {
                if process == current && self.writer.syncing.is_some() {
                    return self.synced();
                }
            }
        }
        Ok(true)
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
                Effect::Record(entry) => {
                    if !self.record(vec![entry], None)? {
                        return self.ledger_failed();
                    }
                }
                Effect::RecordFirst(request, entries) => {
                    if !self.record(entries, Some((place, request)))? {
                        return self.ledger_failed();
                    }
                }
                Effect::Send(id, request) => self.world.send(place, id, &request)?,
                Effect::Rows(account, action) => {
                    let rows = if self.world.fails(self.world.case.read_faults) {
                        Err("the disk cannot be read".into())
                    } else {
                        match self.next_rows(place, &account, action)? {
                            Given::Rows(rows) => Ok(Some(rows)),
                            Given::NoMore => Ok(None),
                            Given::Failed => return self.ledger_failed(),
                        }
                    };
                    let event = Event::Rows {
                        account,
                        action,
                        rows,
                    };
                    if self.world.case.is_odd {
                        let late = self.world.lateness();
                        let told = Thing::Told(self.world.process, place, event, None);
                        self.world.put(self.world.now + late, told)?;
                    } else {
                        self.lanes[place].lane.on(event, now);
                    }
                }
                Effect::Keep(key, token) => {
                    let can_fail = token.token.refresh.is_some();
                    if can_fail && self.world.fails(self.world.case.keep_faults) {
                        self.world.pairs.not_kept(&token);
                        let event = Event::NotKept(key, "no space".to_owned());
                        self.lanes[place].lane.on(event, now);
                    } else {
                        self.world.pairs.keep(token)?;
                    }
                }
                Effect::Answer(id, answer) => self.answers.push((id, answer)),
                Effect::Wait(until) => {
                    self.lanes[place].wakes = until.map(|at| self.world.since_start(at));
                    return Ok(true);
                }
                Effect::Ended => self.lanes[place].is_over = true,
            }
            if self.is_killed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The ledger takes no more: nothing leaves from here on.
    fn ledger_failed(&mut self) -> Result<bool, String> {
        let now = self.world.time();
        for driven in &mut self.lanes {
            driven.lane.on(Event::LedgerFailed, now);
            if !matches!(driven.lane.next(now), Effect::Ended) {
                return Err("a lane goes on after its ledger failed".to_owned());
            }
        }
        Ok(false)
    }

    /// The next rows of a queue.
    fn next_rows(
        &mut self,
        place: usize,
        account: &AccountName,
        action: Option<Action>,
    ) -> Result<Given, String> {
        let identity = self.identities.get(account);
        let case = self.world.case.accounts.iter();
        let kind = case
            .clone()
            .find(|it| it.name == account.as_str())
            .map(|it| it.provider);
        let rule = CallerRule {
            account: account.clone(),
            caller: identity.and_then(|it| it.caller.clone()),
            id_prefix: identity.and_then(|it| it.id_prefix.clone()),
            ids_alike: kind.is_some_and(provider::ids_alike),
            takes_foreign: self.world.this_run().taking.foreign,
        };
        loop {
            let source = self.lanes[place].rows.get_mut(&(account.clone(), action));
            let tasks = match source.ok_or("no such queue")? {
                Source::ToVerify(rows) => {
                    let count = rows.len().min(bounds::bound("rows given", 1, 100));
                    let rows: Vec<_> = rows.drain(..count).collect();
                    return Ok(if rows.is_empty() {
                        Given::NoMore
                    } else {
                        Given::Rows(rows)
                    });
                }
                Source::Plan(read, deleted) => {
                    let tasks = read.next_block(&self.state);
                    let mut tasks = tasks.map_err(|it| it.to_string())?;
                    for task in &mut tasks {
                        let first = deleted.get(&task.id);
                        task.soft_deleted |= first.is_some_and(|row| *row < task.position.row);
                    }
                    tasks
                }
            };
            if tasks.is_empty() {
                return Ok(Given::NoMore);
            }
            let mut sent = Vec::new();
            for task in tasks {
                match rule.end(&task.id) {
                    None => sent.push(task),
                    Some((outcome, code, _)) => {
                        let at = self.world.time().wall;
                        let entry = Entry::Outcome(spared(task, (outcome, code), at));
                        if !self.record(vec![entry], None)? {
                            return Ok(Given::Failed);
                        }
                    }
                }
            }
            if !sent.is_empty() {
                return Ok(Given::Rows(sent));
            }
        }
    }
}

/// Whether a ledger took what it was given. One that is lost, or whose disk fails, takes no more.
fn is_whole(done: Result<(), LedgerError>) -> Result<bool, String> {
    match done {
        Ok(()) => Ok(true),
        Err(LedgerError::Lost { .. } | LedgerError::Failed { .. }) => Ok(false),
        Err(other) => Err(other.to_string()),
    }
}

fn spared(task: Task, (outcome, code): (Outcome, &str), at: Time) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account),
        action: Some(task.action),
        id: Some(task.id),
        reference: task.reference,
        outcome,
        said: Said {
            code: Some(code.to_owned()),
            ..Said::default()
        },
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
) -> Result<VecDeque<Task>, String> {
    let mut found = VecDeque::new();
    for (_, action, planned) in state.planned_rows().filter(|it| it.0 == account) {
        let tasks = tasks_of(state, account, action, &(planned & rows))?;
        found.extend(tasks);
    }
    Ok(found)
}

/// The rows of an action.
fn tasks_of(
    state: &LedgerState,
    account: &AccountName,
    action: Action,
    rows: &RoaringTreemap,
) -> Result<Vec<Task>, String> {
    let read = PlanRows::open(state, account.clone(), action, rows);
    let mut read = read.map_err(|it| it.to_string())?;
    let mut found = Vec::new();
    loop {
        let tasks = read.next_block(state).map_err(|it| it.to_string())?;
        if tasks.is_empty() {
            return Ok(found);
        }
        found.extend(tasks);
    }
}
