//! The world of one seed: the providers, a disk that loses what was not synced, a network, and the
//! time, which is a number.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use userpurge::domain::{Entry, ProviderKind, Time};
use userpurge::lane::{Event, Now, RequestId};
use userpurge::ledger::{self, Head};
use userpurge::provider::{self, Reply};
use userpurge::sandbox::{self, Call, Delivery, Sandbox, SandboxOptions, Seed, ZendeskSeed};
use userpurge::transport::{Failure, REPLY_TIME_MAX, TransportError};

use crate::case::{Case, Draw};

/// When every seed begins.
const EPOCH: Time = Time::from_millis(1_795_340_600_000);

/// More things happen in no seed.
const THINGS_MAX: u64 = 300_000;

/// A ledger on a disk that keeps only what was synced.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) synced: usize,
    head: Option<Head>,
    /// How much of the durable part was read for its intents.
    read: usize,
}

/// What happens at an instant.
#[derive(Debug)]
pub(crate) enum Thing {
    /// A request comes to its provider; its answer is back at the last instant, or is lost.
    Arrives(u32, usize, RequestId, Box<Visit>, Option<Duration>),
    /// Something is told to a lane of a process.
    Told(u32, usize, Event),
    /// What was written before is durable up to here.
    Synced(u32, usize, RequestId, usize),
}

/// A request on its way.
pub(crate) type Visit = http::Request<Bytes>;

/// A deletion: tenant, user, call.
pub(crate) type Deletion = (String, String, Call);

/// The world.
pub(crate) struct World {
    pub(crate) case: Case,
    pub(crate) draw: Draw,
    pub(crate) sandbox: Sandbox,
    pub(crate) disk: Disk,
    pub(crate) now: Duration,
    pub(crate) process: u32,
    pub(crate) is_fair: bool,
    start: Instant,
    /// How far our wall clock is from the provider's, in milliseconds.
    shift_ms: i64,
    things: BTreeMap<(Duration, u64), Thing>,
    count: u64,
    /// Deletions that were agreed to.
    pub(crate) agreed: HashSet<Deletion>,
    intents: HashMap<Deletion, u64>,
    sent: HashMap<Deletion, u64>,
    /// When users came to a protected role.
    pub(crate) promoted: HashMap<(String, String), Duration>,
    pub(crate) requests: u64,
}

impl World {
    pub(crate) fn new(case: Case) -> Result<Self, String> {
        let options = SandboxOptions::default();
        let mut sandbox = Sandbox::new(options, EPOCH).map_err(|it| it.to_string())?;
        for seed in &case.users {
            sandbox
                .change(&seed.tenant, case.weather.clone(), EPOCH)
                .map_err(|it| format!("settings: {it}"))?;
            sandbox
                .seed(seed, EPOCH)
                .map_err(|it| format!("seed: {it}"))?;
        }
        let draw = Draw::new(case.seed ^ 0x5EED);
        let mut agreed = HashSet::new();
        for row in case.rows.iter().filter(|row| row.is_planned) {
            let tenant = case.accounts[row.account].tenant.clone();
            for step in row.action.steps() {
                let call = call_of(step.name());
                agreed.insert((tenant.clone(), row.id.clone(), call));
            }
        }
        Ok(Self {
            case,
            draw,
            sandbox,
            disk: Disk::default(),
            now: Duration::ZERO,
            process: 0,
            is_fair: false,
            start: Instant::now(),
            shift_ms: 0,
            things: BTreeMap::new(),
            count: 0,
            agreed,
            intents: HashMap::new(),
            sent: HashMap::new(),
            promoted: HashMap::new(),
            requests: 0,
        })
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

    /// The wall clock of our machine is set.
    pub(crate) fn step_clock(&mut self) {
        self.shift_ms = self
            .draw
            .one(&[-3_600_000, -1_000, 0, 1_000, 90_000, 3_600_000]);
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
                match thing {
                    Thing::Arrives(process, lane, id, visit, back) => {
                        self.carry_out((process, lane, id), &visit, back)?;
                    }
                    Thing::Told(..) | Thing::Synced(..) => {}
                }
            }
        }
        self.move_to(until);
        Ok(())
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
        self.case.latency_ms = (20, 200);
        self.case.options.max_failures = None;
        self.case.options.attempts = 6;
        self.case.sync_ms = self.case.sync_ms.min(100);
        Ok(())
    }

    /// A user of some tenant becomes an agent.
    pub(crate) fn promote(&mut self) -> Result<(), String> {
        let now = self.provider_time();
        let mut users = self.sandbox.users(None, now);
        users.retain(|it| {
            it.provider == ProviderKind::Zendesk && it.state == "active" && it.role == "end-user"
        });
        if users.is_empty() || self.case.options.include_agents {
            return Ok(());
        }
        let user = &users[self.draw.0.usize(..users.len())];
        let key = (user.tenant.clone(), user.id.clone());
        let seed = Seed {
            tenant: key.0.clone(),
            zendesk: vec![ZendeskSeed {
                id: key.1.clone(),
                role: "agent".to_owned(),
                ..ZendeskSeed::default()
            }],
            ..Seed::default()
        };
        self.sandbox.seed(&seed, now).map_err(|it| it.to_string())?;
        self.promoted.insert(key, self.now);
        Ok(())
    }

    // --- The disk ---

    /// Appends a line to the ledger. It is not durable.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<(), String> {
        let previous = self.disk.head.unwrap_or(Head::GENESIS);
        let (line, head) = ledger::line(previous, entry).map_err(|it| it.to_string())?;
        self.disk.bytes.extend_from_slice(&line);
        self.disk.head = Some(head);
        Ok(())
    }

    /// All that was written up to `to` is durable.
    pub(crate) fn synced(&mut self, to: usize) {
        self.disk.synced = self.disk.synced.max(to);
        self.read_intents();
    }

    /// All that was written is durable.
    pub(crate) fn sync_all(&mut self) {
        self.synced(self.disk.bytes.len());
    }

    /// The process is killed: of what was not synced, a part may have reached the disk.
    pub(crate) fn lose_unsynced(&mut self) {
        let loose = self.disk.bytes.len() - self.disk.synced;
        let kept = match self.draw.0.u32(..3) {
            0 => 0,
            1 => loose,
            _ => self.draw.0.usize(..=loose),
        };
        self.disk.bytes.truncate(self.disk.synced + kept);
        // The next process cuts a torn line, and syncs what it found before anything else.
        let whole = self.disk.bytes.iter().rposition(|byte| *byte == b'\n');
        self.disk.bytes.truncate(whole.map_or(0, |at| at + 1));
        self.disk.head = last_head(&self.disk.bytes);
        self.sync_all();
    }

    fn read_intents(&mut self) {
        let part = &self.disk.bytes[self.disk.read..self.disk.synced];
        let mut found = Vec::new();
        for line in part
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let Ok(entry) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            if entry["kind"] == "intent" {
                let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
                let account = text("account");
                let account = self.case.accounts.iter().find(|it| it.name == account);
                let tenant = account.map(|it| it.tenant.clone()).unwrap_or_default();
                found.push((tenant, text("id"), call_of(&text("step"))));
            }
        }
        for deletion in found {
            *self.intents.entry(deletion).or_default() += 1;
        }
        self.disk.read = self.disk.synced;
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
        let to = (self.process, lane, id);
        let is_lost = !self.is_fair && self.draw.0.u32(..1000) < self.case.lost_per_mille;
        if is_lost && self.draw.is(50) {
            return self.tell_reply(to, self.now, Err(error(Failure::Connect)));
        }
        let (least, most) = self.case.latency_ms;
        let mut travel = || Duration::from_millis(self.draw.0.u64(least..=most) / 2);
        let (there, back) = (travel(), travel());
        let arrives = self.now + there;
        let gives_up = self.now + REPLY_TIME_MAX;
        if arrives + back > gives_up {
            self.tell_reply(to, gives_up, Err(error(Failure::TimedOut)))?;
        }
        let back = (!is_lost).then_some(arrives + back);
        let thing = Thing::Arrives(to.0, lane, id, Box::new(request), back);
        self.put(arrives, thing)
    }

    /// No deletion leaves that nobody agreed to, or whose intent is not on the disk.
    fn check_leaving(&mut self, visit: &Visit) -> Result<(), String> {
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

    /// A request comes to its provider.
    pub(crate) fn carry_out(
        &mut self,
        to: (u32, usize, RequestId),
        visit: &Visit,
        back: Option<Duration>,
    ) -> Result<(), String> {
        let delivery = self.sandbox.handle(visit, self.provider_time());
        self.check_effect(visit)?;
        let Some(back) = back else {
            return self.tell_reply(to, self.now, Err(error(Failure::Broken)));
        };
        let (at, result) = match delivery {
            Delivery::Whole(it) => (back, Ok(reply(it))),
            Delivery::Late(it) => (back + Duration::from_mins(1), Ok(reply(it))),
            Delivery::Cut(_) | Delivery::Closed => (back, Err(error(Failure::Broken))),
        };
        self.tell_reply(to, at, result)
    }

    /// Nobody whom a role protects is touched, unless the role came too late to be seen.
    fn check_effect(&mut self, visit: &Visit) -> Result<(), String> {
        if self.promoted.is_empty() {
            return Ok(());
        }
        for (tenant, user, _) in deletions(visit) {
            let key = (tenant, user);
            let Some(since) = self.promoted.get(&key) else {
                continue;
            };
            let had_effect = self
                .sandbox
                .log(Some(&key.0))
                .last()
                .is_some_and(|it| it.effect);
            if had_effect && self.now.saturating_sub(*since) > Duration::from_mins(5) {
                return Err(format!(
                    "{key:?} has a protected role since {since:?} and was deleted"
                ));
            }
        }
        Ok(())
    }

    fn tell_reply(
        &mut self,
        (process, lane, request): (u32, usize, RequestId),
        at: Duration,
        result: Result<Reply, TransportError>,
    ) -> Result<(), String> {
        self.put(
            at,
            Thing::Told(process, lane, Event::Reply { request, result }),
        )
    }
}

fn error(failure: Failure) -> TransportError {
    TransportError {
        failure,
        reason: "no answer".to_owned(),
    }
}

fn reply(answer: sandbox::Reply) -> Reply {
    let (parts, body) = answer.into_parts();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

/// What a request deletes, told from its method and address alone.
fn deletions(visit: &Visit) -> Vec<Deletion> {
    if visit.method() != http::Method::DELETE {
        return Vec::new();
    }
    let parts: Vec<&str> = visit.uri().path().split('/').skip(2).collect();
    let (tenant, rest) = parts
        .split_first()
        .map_or(("", &[][..]), |(it, rest)| (*it, rest));
    let (call, ids) = match rest {
        ["api", "v2", "users", "destroy_many" | "destroy_many.json"] => {
            let query = visit.uri().query().unwrap_or_default();
            let ids = query.strip_prefix("ids=").unwrap_or(query);
            let ids = ids.replace("%2C", ",");
            (Call::Delete, ids.split(',').map(str::to_owned).collect())
        }
        ["api", "v2", "users", id] => (Call::Delete, vec![(*id).replace(".json", "")]),
        ["api", "v2", "deleted_users", id] => {
            (Call::PermanentlyDelete, vec![(*id).replace(".json", "")])
        }
        ["v2", "apps", _, "users", id, "personalinformation"] => {
            (Call::DeletePersonalInformation, vec![(*id).to_owned()])
        }
        ["v2", "apps", _, "users", id] | ["crm", _, "users", id] => {
            (Call::Delete, vec![(*id).to_owned()])
        }
        other => (Call::Unknown, vec![format!("{other:?}")]),
    };
    ids.into_iter()
        .map(|id: String| (tenant.to_owned(), id, call))
        .collect()
}

/// The provider's call of a step.
pub(crate) fn call_of(step: &str) -> Call {
    match step {
        "delete" => Call::Delete,
        "permanently-delete" => Call::PermanentlyDelete,
        "delete-personal-information" => Call::DeletePersonalInformation,
        _ => Call::Unknown,
    }
}

/// The chain of the last line.
fn last_head(bytes: &[u8]) -> Option<Head> {
    let mut head = None;
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        head = ledger::check(head.unwrap_or(Head::GENESIS), line).ok();
    }
    head
}
