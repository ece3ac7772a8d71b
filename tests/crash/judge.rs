//! The judge: what the sandbox saw, held against what the ledger says, after the last process of a
//! round has ended. It asks nothing of the program but `status --json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use userpurge::domain::{Counts, Outcome};
use userpurge::sandbox::{Call, LogEntry};

use crate::replay::{Replay, Row};
use crate::witness::{Target, of_path};
use crate::world::World;

/// Something that must not be, and whom it is about.
#[derive(Debug)]
pub(crate) struct Violation {
    what: String,
    /// `None`: nobody in particular.
    id: Option<String>,
}

/// What a round came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Books {
    /// Deleting requests, counted for each user.
    pub(crate) requests: usize,
    /// Of them, those sent after the effect had happened: the row was in doubt.
    pub(crate) again: usize,
    /// Rows whose last outcome was settled by asking again.
    pub(crate) settled: usize,
    /// Jobs that were begun.
    pub(crate) jobs: usize,
    /// Rows.
    pub(crate) rows: usize,
    /// Processes that wrote to the ledger.
    pub(crate) sessions: usize,
    /// Access tokens asked for.
    pub(crate) tokens: usize,
    /// Requests that went beyond a quota.
    pub(crate) refused: usize,
}

/// All that is looked at.
struct Court<'a> {
    world: &'a World,
    log: Vec<LogEntry>,
    replay: Replay,
    wrong: Vec<Violation>,
    books: Books,
}

/// Judges a round that has come to its end.
pub(crate) fn judge(world: &World) -> Result<Books, Vec<Violation>> {
    let replay = match Replay::read(&world.ledger()) {
        Ok(replay) => replay,
        Err(why) => {
            let what = format!("the ledger cannot be read: {why}");
            return Err(vec![Violation { what, id: None }]);
        }
    };
    let log = world.sandbox().log(None);
    let mut court = Court {
        world,
        log,
        replay,
        wrong: Vec::new(),
        books: Books::default(),
    };
    court.everyone_stands_as_they_must();
    court.every_request_had_its_intent();
    court.what_happened_was_repeated_in_doubt_only();
    court.every_row_ended_as_it_must();
    court.the_counts_add_up();
    court.no_quota_was_overrun();
    if court.wrong.is_empty() {
        Ok(court.books)
    } else {
        Err(court.wrong)
    }
}

impl Court<'_> {
    fn object(&mut self, id: Option<&str>, what: String) {
        let id = id.map(str::to_owned);
        self.wrong.push(Violation { what, id });
    }

    /// (a) Every user that should be gone is gone, and nobody else is.
    fn everyone_stands_as_they_must(&mut self) {
        let users = self
            .world
            .sandbox()
            .with(|sandbox, now| sandbox.users(None, now));
        let users: BTreeMap<_, _> = users.iter().map(|user| (user.id.as_str(), user)).collect();
        for case in self.world.input.everybody() {
            let found = users.get(case.id.as_str());
            let state = found.map(|user| user.state.as_str());
            if state != case.left {
                let what = format!("the user is {state:?} and must be {:?}", case.left);
                self.object(Some(&case.id), what);
            }
            let changes = found.map_or(0, |user| user.changes);
            if changes != case.changes {
                let what = format!("changed {changes} times, not {}", case.changes);
                self.object(Some(&case.id), what);
            }
        }
    }

    /// (b) What arrived had its intent on disk before, and stands in a row.
    fn every_request_had_its_intent(&mut self) {
        for (id, what) in self.world.witness().wrong() {
            self.object(Some(&id), what);
        }
        let passed = self.world.witness().passed();
        let mut seen: BTreeMap<&Target, usize> = BTreeMap::new();
        for it in &passed {
            *seen.entry(&it.target).or_default() += 1;
        }
        let mut arrived: BTreeMap<Target, usize> = BTreeMap::new();
        for entry in self.log.iter().filter(|entry| entry.step.deletes()) {
            for target in targets(entry) {
                *arrived.entry(target).or_default() += 1;
            }
        }
        let mut wrong = Vec::new();
        for (target, count) in &arrived {
            let (id, step) = target;
            let intents = self.row_of(id).map_or(0, |row| {
                let of_step = row.intents.iter().filter(|it| it.step.name() == step);
                of_step.count()
            });
            let passed = seen.get(target).copied().unwrap_or(0);
            if *count > passed || *count > intents {
                let what = format!("{count} to {step} arrived, {passed} passed, {intents} intents");
                wrong.push((id.clone(), what));
            }
            if !self.world.input.names(id) {
                wrong.push((id.clone(), "no row names this user".to_owned()));
            }
            self.books.requests += count;
        }
        for (id, what) in wrong {
            self.object(Some(&id), what);
        }
    }

    /// (c) After an effect there is another request for it only if the ledger had the row in doubt.
    fn what_happened_was_repeated_in_doubt_only(&mut self) {
        let passed = self.world.witness().passed();
        let mut wrong = Vec::new();
        let mut again = 0;
        for effect in self.log.iter().filter(|it| it.step.deletes() && it.effect) {
            for target in targets(effect) {
                let later = passed
                    .iter()
                    .filter(|it| it.target == target && it.at > effect.at);
                for sent in later {
                    again += 1;
                    let intent = self.row_of(&target.0).and_then(|row| {
                        let mut of_step =
                            row.intents.iter().filter(|it| it.step.name() == target.1);
                        of_step.nth(sent.intents.checked_sub(1)?)
                    });
                    if !intent.is_some_and(|intent| intent.in_doubt) {
                        let what = format!(
                            "{} was done at {} and sent again at {}, with no doubt in the ledger",
                            target.1, effect.at, sent.at
                        );
                        wrong.push((target.0.clone(), what));
                    }
                }
            }
        }
        self.books.again = again;
        for (id, what) in wrong {
            self.object(Some(&id), what);
        }
    }

    /// (d) Each row ended, and as it must. A doubt may turn "gone before" and, where a provider
    /// forgets whom it deleted, "unknown" into `deleted`: then the outcome says that it was settled
    /// so, and there was a doubt to settle.
    fn every_row_ended_as_it_must(&mut self) {
        let mut wrong = std::mem::take(&mut self.replay.wrong)
            .into_iter()
            .map(|(row, what)| (self.world.input.cases[place(row)].id.clone(), what))
            .collect::<Vec<_>>();
        for (number, case) in (1..).zip(&self.world.input.cases) {
            let last = self.replay.rows.get(&number).and_then(|row| row.outcome);
            let right = match last {
                None => false,
                Some((Outcome::Deleted, true, in_doubt)) => {
                    let gone = matches!(
                        case.outcome,
                        Outcome::Deleted | Outcome::AlreadyGone | Outcome::NotFound
                    );
                    self.books.settled += 1;
                    gone && in_doubt
                }
                Some((outcome, settled, _)) => outcome == case.outcome && !settled,
            };
            if !right {
                let what = format!(
                    "row {number} ended as {last:?} and must be {:?}",
                    case.outcome
                );
                wrong.push((case.id.clone(), what));
            }
        }
        let rows = self.world.input.cases.len();
        if self.replay.rows.len() > rows {
            self.object(
                None,
                "the ledger has rows that the input has not".to_owned(),
            );
        }
        self.books.rows = rows;
        self.books.jobs = self.replay.jobs;
        self.books.sessions = self.replay.sessions + 1;
        for (id, what) in wrong {
            self.object(Some(&id), what);
        }
    }

    /// (d) The last outcomes, the end's counts and `status --json` say the same.
    fn the_counts_add_up(&mut self) {
        let mut counted = Counts::default();
        for (outcome, ..) in self.replay.rows.values().filter_map(|row| row.outcome) {
            *counted.slot(outcome) += 1;
        }
        if self.replay.end != Some(counted) {
            let what = format!("the end says {:?}, the rows {counted:?}", self.replay.end);
            self.object(None, what);
        }
        let status = self.world.status();
        let rows = self.world.input.cases.len();
        let told = |outcome: Outcome| status["outcomes"][outcome.name()].as_u64();
        let same = Outcome::ALL
            .into_iter()
            .all(|outcome| told(outcome) == Some(*counted.slot(outcome)));
        if !same
            || status["outcomes"]["pending"] != 0
            || status["rows"] != rows
            || status["state"] != "finished"
        {
            self.object(None, format!("status says {status}, the rows {counted:?}"));
        }
    }

    /// (e) No request went beyond a quota, over all processes.
    fn no_quota_was_overrun(&mut self) {
        let tokens = self.log.iter().filter(|entry| entry.step == Call::Token);
        self.books.tokens = tokens.count();
        let refused: Vec<String> = self
            .log
            .iter()
            .filter(|entry| entry.status == Some(429) && entry.fault.is_none())
            .map(|entry| format!("{} {} at {}", entry.method, entry.path, entry.at))
            .collect();
        self.books.refused = refused.len();
        if !refused.is_empty() {
            let what = format!(
                "{} requests went beyond a quota: {refused:?}",
                refused.len()
            );
            self.object(None, what);
        }
    }

    fn row_of(&self, id: &str) -> Option<&Row> {
        let mut rows = self.replay.rows.values();
        rows.find(|row| row.id.as_deref() == Some(id))
    }
}

/// Whom a request deletes. One that names many, e.g. `destroy_many`, counts as one for each.
fn targets(entry: &LogEntry) -> BTreeSet<Target> {
    if entry.users.is_empty() {
        return of_path(&entry.path).into_iter().collect();
    }
    let users = entry.users.iter().chain(&entry.user);
    users.map(|id| (id.clone(), "delete".to_owned())).collect()
}

fn place(row: u64) -> usize {
    usize::try_from(row).unwrap() - 1
}

impl Violation {
    pub(crate) fn new(what: String) -> Self {
        Self { what, id: None }
    }

    /// It, with all lines of the ledger and of the sandbox about the user.
    pub(crate) fn describe(&self, world: &World) -> String {
        let Some(id) = &self.id else {
            return format!("- {}\n", self.what);
        };
        let mut text = format!("- {id}: {}\n", self.what);
        let cases = (1_u64..).zip(&world.input.cases);
        let rows: Vec<u64> = cases
            .filter(|(_, case)| case.id == *id)
            .map(|(row, _)| row)
            .collect();
        let ledger = fs::read_to_string(world.ledger()).unwrap_or_default();
        for line in ledger.lines() {
            let entry: Value = serde_json::from_str(line).unwrap_or_default();
            let row = entry["row"].as_u64();
            if row.is_some_and(|row| rows.contains(&row)) || entry["kind"] == "session" {
                text.push_str("    ledger  ");
                text.push_str(line);
                text.push('\n');
            }
        }
        for entry in world.sandbox().log(None) {
            if entry.concerns(id) && entry.step != Call::Read {
                text.push_str("    sandbox ");
                text.push_str(&serde_json::to_string(&entry).unwrap());
                text.push('\n');
            }
        }
        text
    }
}
