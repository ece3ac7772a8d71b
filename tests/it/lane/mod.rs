//! Lanes before a simulated server, on a clock moved by hand: no task, no timer, no socket. A run that
//! waits for nothing, or never ends, fails.

mod at_once;
mod behaviour;
mod jobs;
mod limits;
mod makespan;
mod provider;
mod quota;
mod reach;
mod server;
mod stops;
mod time_left;
mod verify;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::provider::FakeProvider;
use self::server::{Arrival, Fault, Keeps, Server};
use userpurge::domain::{
    AccountLimits, AccountName, Action, Entry, LaneStop, OutcomeEntry, Position, Quota, Step,
    StopKind, Task, Time, UserId,
};
use userpurge::lane::limits::PriorRequest;
use userpurge::lane::{
    AccountEnd, AccountSpec, Effect, Event, FailureLimit, Lane, Now, RequestId, Until, WorkSpec,
};
use userpurge::provider::{Reply, Request};
use userpurge::transport::TransportError;

/// More things happen in no test.
const THINGS_MAX: u64 = 5_000_000;

/// Rows that are read at once.
const BLOCK_ROWS: usize = 100;

const EPOCH: Time = Time::from_millis(1_795_340_600_000);

/// What happens at an instant.
enum Thing {
    Arrives(usize, RequestId, Request, Instant),
    Leaves(Request),
    Told(usize, Event),
    Does(Box<dyn FnOnce(&mut Sim)>),
}

/// Lanes, a server and a clock.
struct Sim {
    start: Instant,
    now: Instant,
    server: Server,
    entries: Vec<Entry>,
    lanes: Vec<Driven>,
    things: BTreeMap<(Instant, u64), Thing>,
    count: u64,
}

/// A lane, and what it works on.
struct Driven {
    lane: Lane,
    rows: BTreeMap<(AccountName, Option<Action>), VecDeque<Task>>,
    to_verify: VecDeque<Task>,
    /// When it wants to be asked again.
    wakes: Option<Instant>,
    is_over: bool,
}

impl Sim {
    fn new(latency_ms: (u64, u64), seed: u64) -> Self {
        let start = tokio::time::Instant::now().into_std();
        Self {
            start,
            now: start,
            server: Server::new(start, latency_ms, seed),
            entries: Vec::new(),
            lanes: Vec::new(),
            things: BTreeMap::new(),
            count: 0,
        }
    }

    fn keeping(mut self, quota: &str, keeps: Keeps) -> Self {
        self.server.quota = Some((quota.parse().unwrap(), keeps));
        self
    }

    fn wall(&self) -> Time {
        EPOCH.after(self.now - self.start)
    }

    fn time(&self) -> Now {
        Now {
            instant: self.now,
            wall: self.wall(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    fn put(&mut self, at: Instant, thing: Thing) {
        self.count += 1;
        assert!(self.count < THINGS_MAX, "it never ends");
        self.things.insert((at, self.count), thing);
    }

    /// Does something `after` the start.
    fn at(&mut self, after: Duration, does: impl FnOnce(&mut Self) + 'static) {
        self.put(self.start + after, Thing::Does(Box::new(does)));
    }

    /// Adds a lane of one account with these rows.
    fn add(&mut self, setup: &Setup, rows: Vec<Task>) -> usize {
        let mut lane = setup.lane(self.time());
        let name = setup.account.clone();
        let mut queues = BTreeMap::new();
        for task in rows {
            let key = (name.clone(), Some(task.action));
            queues
                .entry(key)
                .or_insert_with(VecDeque::new)
                .push_back(task);
        }
        let counts = queues.iter();
        let counts = counts.map(|((_, action), rows)| (*action, rows.len() as u64));
        if setup.is_expected {
            lane.expect(&name, counts.collect::<Vec<_>>());
        }
        lane.work(
            &name,
            setup.work(queues.keys().map(|(_, queue)| *queue).collect()),
        );
        self.add_lane(lane, queues, VecDeque::new())
    }

    /// Adds accounts at one tenant, in one lane.
    fn add_joined(&mut self, accounts: Vec<(Setup, Vec<Task>)>) -> usize {
        let mut joined: Option<usize> = None;
        for (setup, rows) in accounts {
            let place = self.add(&setup, rows);
            let Some(first) = joined else {
                joined = Some(place);
                continue;
            };
            let added = self.lanes.pop().unwrap();
            let it = &mut self.lanes[first];
            it.lane.absorb(added.lane);
            it.rows.extend(added.rows);
        }
        joined.unwrap()
    }

    fn add_lane(
        &mut self,
        lane: Lane,
        rows: BTreeMap<(AccountName, Option<Action>), VecDeque<Task>>,
        to_verify: VecDeque<Task>,
    ) -> usize {
        self.lanes.push(Driven {
            lane,
            rows,
            to_verify,
            wakes: None,
            is_over: false,
        });
        self.lanes.len() - 1
    }

    fn stop(&mut self, lane: usize, event: Event) {
        let now = self.time();
        self.lanes[lane].lane.on(event, now);
    }

    /// A process is killed: what it sent goes on, and nobody hears of it.
    fn kill(&mut self, lane: usize) {
        self.lanes[lane].is_over = true;
    }

    /// Runs until every lane has ended, or for `most`. Returns each account's end.
    fn run_for(&mut self, most: Duration) -> Vec<AccountEnd> {
        let until = self.now + most;
        loop {
            let mut wakes: Option<Instant> = None;
            for place in 0..self.lanes.len() {
                self.drive(place);
                let it = &self.lanes[place];
                if !it.is_over {
                    wakes = wakes.into_iter().chain(it.wakes).min();
                }
            }
            if self.lanes.iter().all(|it| it.is_over) {
                let ends = self.lanes.iter_mut().flat_map(|it| it.lane.take_ends());
                return ends.map(|(_, end)| end).collect();
            }
            let thing = self.things.first_key_value().map(|((at, _), _)| *at);
            let next = thing.into_iter().chain(wakes).min();
            let next = next.expect("it hangs: nothing is waited for");
            if next > until {
                self.now = until;
                return Vec::new();
            }
            self.now = self.now.max(next);
            self.count += 1;
            assert!(self.count < THINGS_MAX, "it never ends");
            while let Some(entry) = self.things.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let thing = entry.remove();
                self.happen(thing);
            }
        }
    }

    /// Lets time pass while no lane runs.
    fn run_idle(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(entry) = self.things.first_entry() {
            let at = entry.key().0;
            if at > until {
                break;
            }
            let thing = entry.remove();
            self.now = self.now.max(at);
            self.happen(thing);
        }
        self.now = until;
    }

    fn run(&mut self) -> Vec<AccountEnd> {
        self.run_for(Duration::from_hours(24 * 365 * 200))
    }

    fn happen(&mut self, thing: Thing) {
        match thing {
            Thing::Does(does) => does(self),
            Thing::Leaves(request) => self.server.leave(&request),
            Thing::Told(lane, event) => {
                let now = self.time();
                if !self.lanes[lane].is_over {
                    self.lanes[lane].lane.on(event, now);
                }
            }
            Thing::Arrives(lane, id, request, back) => {
                let arrival = self.server.arrive(&request, &self.entries, self.now);
                let Arrival {
                    result,
                    is_answered,
                    is_inside,
                } = arrival;
                let at = if is_answered { back } else { self.now };
                if is_inside {
                    self.put(at, Thing::Leaves(request));
                }
                self.tell(at, lane, id, result);
            }
        }
    }

    fn tell(
        &mut self,
        at: Instant,
        lane: usize,
        request: RequestId,
        result: Result<Reply, TransportError>,
    ) {
        let event = Event::Reply { request, result };
        self.put(at, Thing::Told(lane, event));
    }

    /// Does all that a lane wants done now.
    fn drive(&mut self, place: usize) {
        while !self.lanes[place].is_over {
            let now = self.time();
            match self.lanes[place].lane.next(now) {
                Effect::Record(entry) => self.entries.push(entry),
                Effect::RecordFirst(request, entries) => {
                    self.entries.extend(entries);
                    let event = Event::Recorded(request);
                    self.lanes[place].lane.on(event, now);
                }
                Effect::Send(id, request) => match self.server.way(self.now) {
                    Ok(way) => {
                        let (at, error) = Server::given_up(self.now);
                        if way.back > at {
                            self.tell(at, place, id, Err(error));
                        }
                        let arrives = Thing::Arrives(place, id, request, way.back);
                        self.put(way.arrives, arrives);
                    }
                    Err(error) => self.tell(self.now, place, id, Err(error)),
                },
                Effect::Rows(account, action) => {
                    let rows = self.lanes[place].next_rows(&account, action);
                    let event = Event::Rows {
                        account,
                        action,
                        rows: Ok(rows),
                    };
                    self.lanes[place].lane.on(event, now);
                }
                Effect::Keep(..) | Effect::Answer(..) => {}
                Effect::Wait(until) => {
                    self.lanes[place].wakes = until;
                    return;
                }
                Effect::Ended => self.lanes[place].is_over = true,
            }
        }
    }

    fn outcomes(&self) -> Vec<OutcomeEntry> {
        let outcomes = self.entries.iter().filter_map(|entry| match entry {
            Entry::Outcome(outcome) => Some(outcome.clone()),
            _ => None,
        });
        outcomes.collect()
    }

    fn outcome(&self, row: u64) -> OutcomeEntry {
        let outcomes = self.outcomes();
        let mut of_row = outcomes.iter().filter(|it| it.position.row == row);
        let outcome = of_row.next().unwrap().clone();
        assert!(of_row.next().is_none(), "row {row} ends once");
        outcome
    }

    fn pauses(&self) -> usize {
        let pauses = self
            .entries
            .iter()
            .filter(|it| matches!(it, Entry::Pause(_)));
        pauses.count()
    }

    fn stops(&self) -> usize {
        let stops = self
            .entries
            .iter()
            .filter(|it| matches!(it, Entry::Stop(_)));
        stops.count()
    }
}

impl Driven {
    fn next_rows(&mut self, account: &AccountName, action: Option<Action>) -> Option<Vec<Task>> {
        if action.is_none() {
            let count = self.to_verify.len().min(BLOCK_ROWS);
            let rows: Vec<_> = self.to_verify.drain(..count).collect();
            return (!rows.is_empty()).then_some(rows);
        }
        let rows = self.rows.get_mut(&(account.clone(), action))?;
        let count = rows.len().min(BLOCK_ROWS);
        let rows: Vec<_> = rows.drain(..count).collect();
        (!rows.is_empty()).then_some(rows)
    }
}

/// What a test says of its lane; the rest has defaults that do not get in the way.
struct Setup {
    account: AccountName,
    requests: String,
    steps: Vec<(Step, String)>,
    concurrency: u32,
    attempts: u32,
    failure_limit: FailureLimit,
    canary: u64,
    until: Option<Until>,
    past: Vec<PriorRequest>,
    tokens: bool,
    token_quota: Option<Quota>,
    seed: u64,
    /// Whether the lane is told how many rows come.
    is_expected: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            account: AccountName::new("acme"),
            requests: "100000/1s".to_owned(),
            steps: Vec::new(),
            concurrency: 8,
            attempts: 6,
            failure_limit: FailureLimit::Default,
            canary: 0,
            until: None,
            past: Vec::new(),
            tokens: false,
            token_quota: None,
            seed: 7,
            is_expected: true,
        }
    }
}

impl Setup {
    fn lane(&self, now: Now) -> Lane {
        let steps = self.steps.iter();
        let spec = AccountSpec {
            name: self.account.clone(),
            provider: Arc::new(FakeProvider {
                tokens: self.tokens,
                token_quota: self.token_quota,
            }),
            limits: AccountLimits {
                concurrency: NonZeroU32::new(self.concurrency).unwrap(),
                requests: self.requests.parse().unwrap(),
                steps: steps
                    .map(|(step, it)| (*step, it.parse().unwrap()))
                    .collect(),
                share: 1.0,
                many: None,
                asked_alone: None,
            },
            past: self.past.clone(),
            kept: None,
            attempts: NonZeroU32::new(self.attempts).unwrap(),
            seed: self.seed,
        };
        Lane::new(spec, now)
    }

    fn work(&self, queues: Vec<Option<Action>>) -> WorkSpec {
        WorkSpec {
            queues,
            failure_limit: self.failure_limit,
            include_roles: Vec::new(),
            canary: self.canary.try_into().ok(),
            until: self.until.clone(),
        }
    }

    /// Runs tasks with ids 1 to `rows` and `action`, to the lane's end.
    fn run(self, sim: &mut Sim, action: Action, rows: u64) -> AccountEnd {
        sim.add(&self, (1..=rows).map(|row| task(row, action)).collect());
        sim.run().pop().unwrap()
    }

    /// Runs `rows` to the lane's end.
    fn run_rows(self, sim: &mut Sim, rows: Vec<Task>) -> AccountEnd {
        sim.add(&self, rows);
        sim.run().pop().unwrap()
    }

    /// Verifies `rows` to the end.
    fn verify(self, sim: &mut Sim, rows: Vec<Task>) -> AccountEnd {
        let mut lane = self.lane(sim.time());
        lane.expect(&self.account, [(None, rows.len() as u64)]);
        lane.work(&self.account, self.work(vec![None]));
        sim.add_lane(lane, BTreeMap::new(), rows.into());
        sim.run().pop().unwrap()
    }
}

fn task(row: u64, action: Action) -> Task {
    let position = Position { row, line: row + 1 };
    let id = UserId::new(row.to_string());
    Task::new(position, AccountName::new("acme"), action, id)
}

#[track_caller]
fn stopped(end: AccountEnd, reason: StopKind) -> LaneStop {
    let AccountEnd::Stopped(stop) = end else {
        panic!("{end:?}")
    };
    assert_eq!(stop.reason, reason);
    stop
}

#[track_caller]
fn done(end: &AccountEnd) {
    assert!(matches!(end, AccountEnd::Done), "{end:?}");
}
