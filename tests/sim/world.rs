//! The world of one seed: the providers, a disk that loses what was not synced, a network, and the
//! time, which is a number.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::Value;
use userpurge::domain::{ProviderKind, Time, Uptime};
use userpurge::lane::{Event, Now, RequestId};
use userpurge::provider::{self, Reply};
use userpurge::sandbox::{
    self, Call, Delivery, Fault, LogEntry, Sandbox, SandboxOptions, Seed, UserSeed,
};
use userpurge::transport::{Failure, REPLY_TIME_MAX, TransportError, put_date};

use crate::bounds;
use crate::case::{Between, Case, Draw, Options, RunCase, roles_of};
use crate::disk::SimDisk;
use crate::file::Meant;
use crate::pairs::Pairs;
use crate::wire::{call_of, deletions, kind_of, tenant_of, through_gateway};

/// When every seed begins.
const EPOCH: Time = Time::from_millis(1_795_340_600_000);

/// More things happen in no seed.
const THINGS_MAX: u64 = 300_000;

/// What happens at an instant.
#[derive(Debug)]
pub(crate) enum Thing {
    /// A request comes to its provider.
    Arrives(Box<Journey>),
    /// Something is told to a lane of a process; and what a server asks for with it.
    Told(u32, usize, Event, Option<Asked>),
    /// A sync of a process is over.
    Synced(u32),
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Journey {
    run: usize,
    process: u32,
    lane: usize,
    id: RequestId,
    visit: Visit,
    sent_at: Duration,
    /// When its answer is back; `None`: it is lost.
    back: Option<Duration>,
}

/// What a server asks for: no such call of the tenant before this instant.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    tenant: String,
    call: Call,
    until: Duration,
}

/// A request that changed something, or began a job that does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effect {
    pub(crate) call: Call,
    pub(crate) at: Time,
    /// The run that sent it.
    pub(crate) run: usize,
}

/// A user: tenant and id.
pub(crate) type User = (String, String);

/// A request.
pub(crate) type Visit = http::Request<Bytes>;

/// A deletion: tenant, user, call.
pub(crate) type Deletion = (String, String, Call);

/// The world.
pub(crate) struct World {
    pub(crate) case: Case,
    pub(crate) draw: Draw,
    pub(crate) sandbox: Sandbox,
    /// The run that is at work, and its ledger.
    pub(crate) run: usize,
    pub(crate) disk: SimDisk,
    /// The runs that are at work no more: the ledger of each, how much of it was read, and what its rows ask for.
    left: BTreeMap<usize, (SimDisk, usize, Vec<Meant>)>,
    /// Where the program finds files.
    pub(crate) folder: PathBuf,
    /// What the rows of the run ask for.
    pub(crate) meant: Vec<Meant>,
    pub(crate) now: Duration,
    pub(crate) process: u32,
    pub(crate) is_fair: bool,
    start: Instant,
    /// How far our wall clock is from the provider's, in milliseconds.
    shift_ms: i64,
    /// How often our machine was started, and when last.
    boot: (u32, Duration),
    things: BTreeMap<(Duration, u64), Thing>,
    count: u64,
    /// Deletions that were agreed to, in this run and in any.
    agreed: HashSet<Deletion>,
    pub(crate) ever_agreed: HashSet<User>,
    intents: HashMap<Deletion, u64>,
    sent: HashMap<Deletion, u64>,
    /// How much of the durable part of the ledger was read for its intents.
    read: usize,
    /// How much of the ledger was whole when this process began, and what it has sent: when, and where to.
    begun_at: usize,
    sent_by_process: Vec<(Time, String)>,
    /// What processes sent that were killed before their first line: no ledger tells of it.
    pub(crate) untold: Vec<(Time, String)>,
    /// When processes began, and when our clock was set while one was at work.
    pub(crate) begun: Vec<Time>,
    pub(crate) clock_set: Vec<Time>,
    /// See [`World::note_told`].
    is_untold: bool,
    /// Roles that protect users, and since when.
    roles: HashMap<User, (&'static str, Duration)>,
    pub(crate) effects: HashMap<User, Vec<Effect>>,
    /// Users of whom an answer did not come as it was.
    pub(crate) disturbed: HashSet<User>,
    /// What servers asked for, as far as this process has to know: when it was told, and until when.
    asked: HashMap<(String, Call), (Duration, Duration)>,
    /// Until when servers asked anybody to wait, together.
    pub(crate) waits: Duration,
    /// The tokens that are used once.
    pub(crate) pairs: Pairs,
    pub(crate) requests: u64,
    pub(crate) killed: u64,
}

impl World {
    pub(crate) fn new(case: Case, folder: PathBuf) -> Result<Self, String> {
        let options = SandboxOptions::default();
        let mut sandbox = Sandbox::new(options, EPOCH).map_err(|it| it.to_string())?;
        let mut roles = HashMap::new();
        for seed in &case.users {
            sandbox
                .change(&seed.tenant, case.weather.clone(), EPOCH)
                .map_err(|it| format!("settings: {it}"))?;
            sandbox
                .seed(seed, EPOCH)
                .map_err(|it| format!("seed: {it}"))?;
            for (id, role) in roles_of(seed) {
                roles.insert((seed.tenant.clone(), id), (role, Duration::ZERO));
            }
        }
        let draw = Draw::new(case.seed ^ 0x5EED);
        let renewed = case.accounts.iter().filter(|it| it.has_pair);
        let pairs = Pairs::new(renewed.map(|it| it.tenant.clone()));
        Ok(Self {
            case,
            draw,
            sandbox,
            run: 0,
            disk: SimDisk::default(),
            left: BTreeMap::new(),
            folder,
            meant: Vec::new(),
            now: Duration::ZERO,
            process: 0,
            is_fair: false,
            start: Instant::now(),
            shift_ms: 0,
            boot: (1, Duration::ZERO),
            things: BTreeMap::new(),
            count: 0,
            agreed: HashSet::new(),
            ever_agreed: HashSet::new(),
            intents: HashMap::new(),
            sent: HashMap::new(),
            read: 0,
            begun_at: 0,
            sent_by_process: Vec::new(),
            untold: Vec::new(),
            begun: Vec::new(),
            clock_set: Vec::new(),
            is_untold: false,
            roles,
            effects: HashMap::new(),
            disturbed: HashSet::new(),
            asked: HashMap::new(),
            waits: Duration::ZERO,
            pairs,
            requests: 0,
            killed: 0,
        })
    }

    /// The run that is at work.
    pub(crate) fn this_run(&self) -> &RunCase {
        &self.case.runs[self.run]
    }

    pub(crate) fn options(&self) -> &Options {
        &self.case.runs[self.run].options
    }

    /// Begins a run whose rows ask for this.
    pub(crate) fn begin(&mut self, run: usize, meant: Vec<Meant>) {
        (self.disk, self.read) = (SimDisk::default(), 0);
        self.agree(run, meant);
    }

    /// Goes on with a run that was left, or leaves the one at work; another is to begin.
    pub(crate) fn go_on(&mut self, run: Option<usize>) {
        let meant = std::mem::take(&mut self.meant);
        let leaving = (std::mem::take(&mut self.disk), self.read, meant);
        self.left.insert(self.run, leaving);
        if let Some((run, (disk, read, meant))) = run.and_then(|run| self.left.remove_entry(&run)) {
            (self.disk, self.read) = (disk, read);
            self.agree(run, meant);
        }
    }

    /// The runs that were at work before this one, or in between.
    pub(crate) fn others(&self) -> impl Iterator<Item = usize> {
        self.left.keys().copied()
    }

    /// Nothing is agreed to but what the rows of the run at work ask for.
    fn agree(&mut self, run: usize, meant: Vec<Meant>) {
        self.run = run;
        self.agreed.clear();
        for (row, meant) in self.case.runs[run].rows.iter().zip(&meant) {
            if *meant == Meant::Sent {
                let tenant = &self.case.accounts[row.account].tenant;
                self.ever_agreed.insert((tenant.clone(), row.id.clone()));
                for step in row.action.steps() {
                    let call = call_of(step.name());
                    self.agreed.insert((tenant.clone(), row.id.clone(), call));
                }
            }
        }
        self.meant = meant;
    }

    /// Begins a process. What servers asked for that before it holds for it as well, if that ended in order.
    pub(crate) fn begin_process(&mut self) {
        self.process += 1;
        self.draw_bounds();
        if self.case.clock_steps > 0 {
            // By a clock that was set meanwhile nobody can tell what is left.
            self.asked.clear();
        }
        self.begun_at = whole(&self.disk.bytes());
        self.sent_by_process.clear();
        self.begun.push(self.provider_time());
        for tenant in self.pairs.take_lost() {
            // People do as they are told, and take an API token this time.
            let mut accounts = self.case.accounts.iter_mut();
            if let Some(account) = accounts.find(|it| it.has_pair && it.tenant == tenant) {
                (account.has_pair, account.has_tokens) = (false, false);
            }
        }
    }

    /// Draws the bounds of the process that begins.
    pub(crate) fn draw_bounds(&self) {
        let from = self.case.bounds.filter(|_| !self.is_fair);
        bounds::draw(from.map(|from| from ^ u64::from(self.process)));
    }

    /// What a process is told when it asks for the time.
    pub(crate) fn time(&self) -> Now {
        Now {
            instant: self.start + self.now,
            wall: self.wall(),
        }
    }

    /// The instant of `at` on our clock that never goes back, as time since the start.
    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.start)
    }

    fn wall(&self) -> Time {
        Time::from_millis(self.provider_time().as_millis() + self.shift_ms)
    }

    /// What the providers' clocks show.
    pub(crate) fn provider_time(&self) -> Time {
        EPOCH.after(self.now)
    }

    /// Moves the time on.
    pub(crate) fn move_to(&mut self, at: Duration) {
        self.now = self.now.max(at);
    }

    /// Whether something fails that does so many times of a hundred.
    pub(crate) fn fails(&mut self, percent: u32) -> bool {
        percent > 0 && !self.is_fair && self.draw.is(percent)
    }

    /// The wall clock of our machine is set. Returns whether it shows another time.
    fn set_clock(&mut self) -> bool {
        let shifts = [-3_600_000, -1_000, 0, 1_000, 90_000, 3_600_000];
        let before = std::mem::replace(&mut self.shift_ms, self.draw.one(&shifts));
        before != self.shift_ms
    }

    /// The same while a process is at work.
    pub(crate) fn step_clock(&mut self) {
        if self.set_clock() {
            self.clock_set.push(self.provider_time());
        }
    }

    /// How long our machine has been up.
    pub(crate) fn uptime(&self) -> Uptime {
        let (boot, since) = self.boot;
        Uptime {
            boot: format!("sim {boot}"),
            ms: u64::try_from(self.now.saturating_sub(since).as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn put(&mut self, at: Duration, thing: Thing) -> Result<(), String> {
        self.count += 1;
        if self.count > THINGS_MAX {
            return Err("it never ends".to_owned());
        }
        self.things.insert((at, self.count), thing);
        Ok(())
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.things.first_key_value().map(|((at, _), _)| *at)
    }

    /// How late something is where much is.
    pub(crate) fn lateness(&mut self) -> Duration {
        let most = self.draw.one(&[0, 0, 100, 30_000]);
        Duration::from_millis(self.draw.0.u64(..=most))
    }

    /// When a timer for `at` goes off where it may be early or late.
    pub(crate) fn odd_wake(&mut self, at: Duration) -> Duration {
        if self.draw.is(20) {
            let early = at.saturating_sub(self.now).mul_f64(self.draw.0.f64());
            return at.saturating_sub(early);
        }
        at + self.lateness()
    }

    /// Whether this process waits for a pair that it may lose by ending.
    pub(crate) fn awaits_pair(&self) -> bool {
        self.things.values().any(|it| match it {
            Thing::Arrives(journey) => {
                // Who has waited for too long has given it up, as one who waits for a lost answer does.
                let in_time = journey.sent_at + REPLY_TIME_MAX;
                let is_awaited = journey.back.is_some_and(|at| at <= in_time);
                let is_ours = journey.process == self.process && is_awaited;
                is_ours && self.pairs.is_next(&journey.visit)
            }
            Thing::Told(process, _, Event::Reply { result: Ok(it), .. }, _) => {
                *process == self.process && self.pairs.is_living(&it.body)
            }
            _ => false,
        })
    }

    /// Takes the next thing that happens by now.
    pub(crate) fn take(&mut self) -> Option<Thing> {
        let first = self.things.first_entry()?;
        (first.key().0 <= self.now).then(|| first.remove())
    }

    /// Lets time pass while no process runs.
    pub(crate) fn idle(&mut self, time: Duration) -> Result<(), String> {
        let until = self.now + time;
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.move_to(at);
            while let Some(thing) = self.take() {
                if let Thing::Arrives(journey) = thing {
                    self.carry_out(&journey)?;
                }
            }
        }
        self.move_to(until);
        self.note_told();
        // Of a machine that was started anew and whose clock was set as well, nobody can tell.
        match self.case.between {
            // Ahead more often than back: what seems older than it is does harm.
            Between::ClockSet if self.is_untold => {}
            Between::ClockSet if !self.is_fair && self.draw.is(60) => {
                self.shift_ms += self.draw.one(&[90_000, 3_600_000]);
            }
            Between::ClockSet if !self.is_fair => _ = self.set_clock(),
            Between::Restart if !self.is_fair && self.draw.is(50) => {
                self.boot = (self.boot.0 + 1, self.now);
            }
            Between::ClockSet | Between::Restart | Between::Nothing => {}
        }
        Ok(())
    }

    /// Notes whether what the processes have written since one told when it began to work has an age that can
    /// be told: nobody knows that of what one has sent, or was asked for, that ended before that, if the clock
    /// is set then as well.
    fn note_told(&mut self) {
        let bytes = self.disk.bytes();
        let text = String::from_utf8_lossy(bytes.get(self.begun_at..).unwrap_or_default());
        let has = |kind: &str| text.contains(&format!("{{\"kind\":\"{kind}\""));
        if has("session") || has("verification") {
            self.is_untold = false;
        } else if has("request") || has("pause") {
            self.is_untold = true;
        }
    }

    /// From here on nothing goes wrong any more.
    pub(crate) fn clear_up(&mut self) -> Result<(), String> {
        self.is_fair = true;
        let tenants: HashSet<String> = self.case.users.iter().map(|it| it.tenant.clone()).collect();
        let fair = serde_json::json!({
            "faults": "", "token_lifetime": null,
            "zendesk": {"jobs_fail": false, "job_items_missing_every": 0},
            "zoho": {"deletion_cap": null},
        });
        let now = self.provider_time();
        for tenant in tenants {
            self.sandbox
                .change(&tenant, fair.clone(), now)
                .map_err(|it| it.to_string())?;
        }
        self.case.air.latency_ms = (20, 200);
        for run in &mut self.case.runs {
            run.options.max_failures = None;
            run.options.attempts = 6;
        }
        self.case.sync_ms = self.case.sync_ms.min(100);
        Ok(())
    }

    /// A user of some tenant becomes an agent, or an administrator.
    pub(crate) fn promote(&mut self) -> Result<(), String> {
        let now = self.provider_time();
        let mut users = self.sandbox.users(None, now);
        users.retain(|it| {
            matches!(it.provider, ProviderKind::Zendesk | ProviderKind::Zoho)
                && it.state == "active"
                && matches!(it.role.as_str(), "end-user" | "regular")
        });
        if users.is_empty() {
            return Ok(());
        }
        let user = &users[self.draw.0.usize(..users.len())];
        let key = (user.tenant.clone(), user.id.clone());
        let mut seed = Seed {
            tenant: key.0.clone(),
            ..Seed::default()
        };
        let role = if user.provider == ProviderKind::Zendesk {
            seed.of(user.provider).push(UserSeed {
                id: key.1.clone(),
                role: "agent".to_owned(),
                ..UserSeed::default()
            });
            "agent"
        } else {
            seed.of(user.provider).push(UserSeed {
                id: key.1.clone(),
                role: "administrator".to_owned(),
                ..UserSeed::default()
            });
            "administrator"
        };
        self.sandbox.seed(&seed, now).map_err(|it| it.to_string())?;
        // A role is believed for a while.
        self.roles
            .insert(key, (role, self.now + Duration::from_mins(5)));
        Ok(())
    }

    /// The process is killed.
    pub(crate) fn kill(&mut self) {
        self.killed += 1;
        // What it was asked for may be on no disk.
        self.asked.clear();
        self.disk.lose_unsynced(&mut self.draw);
        let sent = std::mem::take(&mut self.sent_by_process);
        if whole(&self.disk.bytes()) == self.begun_at {
            self.untold.extend(sent);
        }
    }

    /// Reads what has become durable for its intents.
    pub(crate) fn read_intents(&mut self) {
        let part = self.disk.durable(self.read);
        // A line that is not whole yet is read later.
        let whole = whole(&part);
        let intents = part[..whole]
            .split(|byte| *byte == b'\n')
            .filter(|line| line.starts_with(b"{\"kind\":\"intent\""));
        for line in intents {
            let Ok(entry) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            let account = text("account");
            let account = self.case.accounts.iter().find(|it| it.name == account);
            let tenant = account.map(|it| it.tenant.clone()).unwrap_or_default();
            let deletion = (tenant, text("id"), call_of(&text("step")));
            *self.intents.entry(deletion).or_default() += 1;
        }
        self.read += whole;
    }

    // --- The network ---

    /// A lane sends a request.
    pub(crate) fn send(
        &mut self,
        lane: usize,
        id: RequestId,
        request: &provider::Request,
    ) -> Result<(), String> {
        self.requests += 1;
        let mut builder = http::Request::builder()
            .method(request.method.clone())
            .uri(request.url.as_str());
        if let Some(headers) = builder.headers_mut() {
            *headers = request.headers.clone();
            let host = http::HeaderValue::from_static("127.0.0.1:1");
            headers.insert(http::header::HOST, host);
        }
        let body = request.body.clone().unwrap_or_default();
        let request = builder.body(body).map_err(|it| it.to_string())?;
        self.check_leaving(&request)?;
        self.pairs.check_leaving(&request)?;
        let tenant = tenant_of(&request);
        self.sent_by_process
            .push((self.provider_time(), tenant.clone()));
        let is_out = |it: &crate::case::Gap| it.has(&tenant, self.now);
        let is_out = !self.is_fair && self.case.air.outages.iter().any(is_out);
        let is_lost = !self.is_fair && self.draw.0.u32(..1000) < self.case.air.lost_per_mille;
        if is_out || (is_lost && self.draw.is(50)) {
            let after = Duration::from_millis(self.draw.0.u64(..2_000));
            let unsent = Event::Reply {
                request: id,
                result: Err(error(Failure::Connect)),
            };
            let told = Thing::Told(self.process, lane, unsent, None);
            return self.put(self.now + after, told);
        }
        if is_lost {
            self.disturb(&request);
        }
        let (least, most) = self.case.air.latency_ms;
        let mut travel = || Duration::from_millis(self.draw.0.u64(least..=most) / 2);
        let (mut there, back) = (travel(), travel());
        if self.case.is_strict {
            // Where windows are judged, a server counts no request whose connection is long gone.
            there = there.min(REPLY_TIME_MAX);
        }
        let arrives = self.now + there;
        let journey = Journey {
            run: self.run,
            process: self.process,
            lane,
            id,
            visit: request,
            sent_at: self.now,
            back: (!is_lost).then_some(arrives + back),
        };
        if there > REPLY_TIME_MAX {
            self.give_up(&journey)?;
        }
        self.put(arrives, Thing::Arrives(Box::new(journey)))
    }

    /// No deletion leaves that nobody agreed to, or whose intent is not on the disk; and nothing before
    /// a server said that it may.
    fn check_leaving(&mut self, visit: &Visit) -> Result<(), String> {
        let (tenant, call) = (tenant_of(visit), kind_of(visit));
        if let Some((told, until)) = self.asked.get(&(tenant.clone(), call))
            && *told < self.now
            && self.now < *until
        {
            return Err(format!(
                "{call:?} leaves for {tenant} at {:?}, and its server asked at {told:?} to wait until {until:?}",
                self.now
            ));
        }
        for deletion in deletions(visit) {
            if !self.agreed.contains(&deletion) {
                return Err(format!("nobody agreed to {deletion:?}"));
            }
            let sent = self.sent.entry(deletion.clone()).or_default();
            *sent += 1;
            let intents = self.intents.get(&deletion).copied().unwrap_or_default();
            if *sent > intents {
                return Err(format!(
                    "{deletion:?} leaves for the {sent}. time, and {intents} intents are on the disk"
                ));
            }
        }
        Ok(())
    }

    /// What a server asks for is told to the process.
    pub(crate) fn hear(&mut self, asked: Asked) {
        let now = self.now;
        let heard = self
            .asked
            .entry((asked.tenant, asked.call))
            .or_insert((now, now));
        if asked.until > heard.1 {
            self.waits += asked.until.saturating_sub(now);
            *heard = (now, asked.until);
        }
    }

    /// An answer about these users does not come, or not as it was.
    fn disturb(&mut self, visit: &Visit) {
        for (tenant, user, _) in deletions(visit) {
            self.disturbed.insert((tenant, user));
        }
    }

    /// Nobody waits for the answer any more.
    fn give_up(&mut self, journey: &Journey) -> Result<(), String> {
        self.disturb(&journey.visit);
        let at = self.now.max(journey.sent_at + REPLY_TIME_MAX);
        self.tell_reply(journey, at, Err(error(Failure::TimedOut)), None)
    }

    /// A request comes to its provider.
    pub(crate) fn carry_out(&mut self, journey: &Journey) -> Result<(), String> {
        let is_given_up = self.now > journey.sent_at + REPLY_TIME_MAX;
        let tenant = tenant_of(&journey.visit);
        let is_moved = |it: &crate::case::Gap| it.has(&tenant, self.now);
        if !self.is_fair && self.case.air.moves.iter().any(is_moved) {
            let location = ("location", "https://elsewhere.example/");
            let elsewhere = made(301, Some(location), "")?;
            return self.answer(journey, Delivery::Whole(elsewhere), is_given_up);
        }
        let visit = if self.case.air.has_gateway {
            through_gateway(&journey.visit)?
        } else {
            journey.visit.clone()
        };
        let delivery = self.sandbox.handle(&visit, self.provider_time());
        self.pairs
            .answered(&journey.visit, &delivery, is_done(self.sandbox.last()));
        if self.sandbox.last().is_some_and(|it| it.effect) {
            self.note_effect(journey)?;
        }
        self.answer(journey, delivery, is_given_up)
    }

    /// The answer goes back, if anybody waits for it.
    fn answer(
        &mut self,
        journey: &Journey,
        delivery: Delivery,
        is_given_up: bool,
    ) -> Result<(), String> {
        if is_given_up {
            return Ok(());
        }
        let Some(mut at) = journey.back else {
            return self.tell_reply(journey, self.now, Err(error(Failure::Broken)), None);
        };
        if matches!(delivery, Delivery::Late(_)) {
            at += Duration::from_mins(1);
        }
        if at > journey.sent_at + REPLY_TIME_MAX {
            return self.give_up(journey);
        }
        match delivery {
            Delivery::Whole(it) | Delivery::Late(it) => {
                let it = self.spoil(it, &journey.visit)?;
                let (it, asked) = self.dated(it, &journey.visit);
                self.tell_reply(journey, at, Ok(it), asked)
            }
            Delivery::Cut(_) | Delivery::Closed => {
                self.tell_reply(journey, at, Err(error(Failure::Broken)), None)
            }
        }
    }

    /// Some deletions are done, and answered as if the server had failed.
    fn spoil(&mut self, answer: sandbox::Reply, visit: &Visit) -> Result<sandbox::Reply, String> {
        let rate = self.case.air.spoilt_per_mille;
        let has_effect = self.sandbox.last().is_some_and(|it| it.effect);
        if !has_effect || self.is_fair || self.draw.0.u32(..1000) >= rate {
            return Ok(answer);
        }
        self.disturb(visit);
        let (status, wait) = self.draw.one(&[
            (500, None),
            (503, None),
            (503, Some("2")),
            (503, Some("90")),
        ]);
        let wait = wait.map(|secs| ("retry-after", secs));
        let body = "{\"error\":\"DatabaseTimeout\",\"description\":\"try again\"}";
        made(status, wait, body)
    }

    /// The answer as it arrives. A server may say by a date when it may be asked again.
    fn dated(&mut self, answer: sandbox::Reply, visit: &Visit) -> (Reply, Option<Asked>) {
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut asked = None;
        let (parts, body) = answer.into_parts();
        for (name, value) in &parts.headers {
            let (name, value) = (name.as_str(), value.to_str().unwrap_or_default().to_owned());
            let secs = value.parse().ok().map(Duration::from_secs);
            let Some(wait) = secs.filter(|_| name == "retry-after") else {
                headers.push((name.to_owned(), value));
                continue;
            };
            let until = self.provider_time().after(wait);
            let of_wall = |at: Time| {
                let at = UNIX_EPOCH + Duration::from_millis(at.as_millis().unsigned_abs());
                httpdate::fmt_http_date(at)
            };
            match self.case.air.dates {
                None => headers.push((name.to_owned(), value)),
                // Only the answer's own date tells what the other means where clocks differ.
                Some(is_read) if is_read || self.case.sets_clock() => {
                    headers.push((name.to_owned(), of_wall(until)));
                    headers.push(("date".to_owned(), of_wall(self.provider_time())));
                }
                Some(_) => {
                    headers.push((name.to_owned(), of_wall(until)));
                    if self.draw.is(50) {
                        headers.push(("date".to_owned(), "yesterday".to_owned()));
                    }
                }
            }
            // A date has no parts of a second.
            asked = Some(Asked {
                tenant: tenant_of(visit),
                call: kind_of(visit),
                until: self.now + wait.saturating_sub(Duration::from_secs(1)),
            });
        }
        let mut reply = reply(parts.status.as_u16(), headers.into_iter(), body);
        put_date(&mut reply.headers, self.wall());
        let is_asked = [429, 503].contains(&reply.status);
        (reply, asked.filter(|_| is_asked))
    }

    /// A request had an effect. Nobody whom a role protects is touched, unless the role came too late to
    /// be seen.
    fn note_effect(&mut self, journey: &Journey) -> Result<(), String> {
        for (tenant, user, call) in deletions(&journey.visit) {
            let key = (tenant, user);
            let included = &self.case.runs[journey.run].options.include_roles;
            // Who was deleted softly by this run, which is judged by itself, goes on to be deleted for good.
            // A role that was read is believed for a minute.
            let mut effects = self.effects.get(&key).into_iter().flatten();
            let now = self.provider_time();
            let is_begun = call == Call::PermanentlyDelete
                && effects.any(|it| {
                    let is_recent = now.saturating_since(it.at) < Duration::from_mins(5);
                    it.call == Call::Delete && it.run == journey.run && is_recent
                });
            if let Some((role, since)) = self.roles.get(&key)
                && self.now > *since
                && !is_begun
                && !included.iter().any(|it| it.eq_ignore_ascii_case(role))
                // Of who is deleted, nothing tells light agents from others.
                && !(call == Call::PermanentlyDelete
                    && *role == "light-agent"
                    && included.iter().any(|it| it == "agent"))
            {
                return Err(format!(
                    "{key:?} is protected as {role} since {since:?}, and had {call:?} at {:?}",
                    self.now
                ));
            }
            let effect = Effect {
                call,
                at: self.provider_time(),
                run: journey.run,
            };
            self.effects.entry(key).or_default().push(effect);
        }
        Ok(())
    }

    fn tell_reply(
        &mut self,
        journey: &Journey,
        at: Duration,
        result: Result<Reply, TransportError>,
        asked: Option<Asked>,
    ) -> Result<(), String> {
        let request = journey.id;
        let event = Event::Reply { request, result };
        self.put(at, Thing::Told(journey.process, journey.lane, event, asked))
    }
}

/// Whether a request was carried out, whatever became of its answer.
fn is_done(entry: Option<&LogEntry>) -> bool {
    entry.is_some_and(|it| it.fault != Some(Fault::Reset))
}

/// How many of the bytes are whole lines.
fn whole(bytes: &[u8]) -> usize {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    end.map_or(0, |at| at + 1)
}

fn error(failure: Failure) -> TransportError {
    TransportError {
        failure,
        reason: "no answer".to_owned(),
    }
}

fn reply(status: u16, said: impl Iterator<Item = (String, String)>, body: bytes::Bytes) -> Reply {
    let mut headers = http::HeaderMap::new();
    for (name, value) in said {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), value.parse()) {
            headers.append(name, value);
        }
    }
    Reply {
        status,
        headers,
        body,
    }
}

/// An answer that the sandbox would not give.
fn made(
    status: u16,
    header: Option<(&str, &str)>,
    body: &'static str,
) -> Result<sandbox::Reply, String> {
    let mut made = http::Response::builder().status(status);
    if let Some((name, value)) = header {
        made = made.header(name, value);
    }
    made.body(body.into()).map_err(|it| it.to_string())
}
