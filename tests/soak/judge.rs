//! The judge: how every user stands at the sandbox, and how every row ended in the ledger.

use std::collections::BTreeMap;

use userpurge::domain::{Counts, Entry, Outcome};
use userpurge::ledger::LedgerReader;
use userpurge::sandbox::Call;

use crate::world::World;

/// Violations that are told.
const TOLD_MAX: usize = 20;

/// What the ledger and the sandbox say, after the last process has ended.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) counts: Counts,
    /// Lines by their kind.
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    /// Rows whose outcome was settled by asking again.
    pub(crate) settled: u64,
    /// Rows that ended more than once.
    pub(crate) again: u64,
    /// Requests that something befell, by what it was.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// What must not be.
    pub(crate) wrong: Vec<String>,
}

/// Judges a run that has come to its end.
pub(crate) fn judge(world: &World) -> Books {
    let mut books = Books::default();
    books.everyone_stands_as_they_must(world);
    books.every_row_ended_as_it_must(world);
    books.nothing_went_beyond_a_quota(world);
    books
}

impl Books {
    fn object(&mut self, what: String) {
        if self.wrong.len() < TOLD_MAX {
            self.wrong.push(what);
        }
    }

    /// Everyone who should be gone is gone, by as many requests as it takes, and nobody else is.
    fn everyone_stands_as_they_must(&mut self, world: &World) {
        let mut seen = 0;
        for user in world
            .sandbox()
            .with(|sandbox, now| sandbox.users(None, now))
        {
            match world.input.stands_right(&user) {
                Some(right) => {
                    seen += 1;
                    if let Err(what) = right {
                        self.object(what);
                    }
                }
                // The callers and the account's owner.
                None if user.changes == 0 => {}
                None => self.object(format!("{} was changed: {}", user.id, user.state)),
            }
        }
        let expected = world.input.users();
        if seen != expected {
            self.object(format!("there are {seen} users, not {expected}"));
        }
    }

    /// Each row ended, and as it must. A doubt may turn "gone before" and "unknown" into `deleted`:
    /// then the outcome says that it was settled so.
    fn every_row_ended_as_it_must(&mut self, world: &World) {
        let rows = world.input.rows;
        let mut ended: Vec<Option<(Outcome, bool)>> = vec![None; rows];
        let mut reader = LedgerReader::open(&world.ledger()).unwrap();
        let mut end = None;
        // The header, which was read when the ledger was opened.
        self.kinds.insert("run", 1);
        while let Some(entry) = reader.next_entry().unwrap() {
            *self.kinds.entry(kind(&entry)).or_default() += 1;
            match entry {
                Entry::Outcome(it) => {
                    let place = usize::try_from(it.position.row).unwrap() - 1;
                    let before = ended[place].replace((it.outcome, it.settled));
                    self.again += u64::from(before.is_some());
                }
                Entry::Unsent(block) => {
                    for position in block.rows {
                        let place = usize::try_from(position.row).unwrap() - 1;
                        ended[place] = Some((block.outcome, false));
                    }
                }
                Entry::End(it) => end = Some(it.outcomes),
                _ => {}
            }
        }
        for (number, found) in ended.into_iter().enumerate() {
            let expected = world.input.case(number).sort.outcome;
            let right = match found {
                None => false,
                Some((Outcome::Deleted, true)) => matches!(
                    expected,
                    Outcome::Deleted | Outcome::AlreadyGone | Outcome::NotFound
                ),
                Some((outcome, settled)) => outcome == expected && !settled,
            };
            if !right {
                let sort = world.input.case(number).sort;
                self.object(format!("row {} ended as {found:?}: {sort:?}", number + 1));
            }
            if let Some((outcome, settled)) = found {
                *self.counts.slot(outcome) += 1;
                self.settled += u64::from(settled);
            }
        }
        if end != Some(self.counts) {
            let what = format!("the end says {end:?}, the rows {:?}", self.counts);
            self.object(what);
        }
    }

    /// Of the requests that the sandbox still remembers.
    fn nothing_went_beyond_a_quota(&mut self, world: &World) {
        for entry in world.sandbox().log(None) {
            if let Some(fault) = entry.fault {
                *self.faults.entry(fault.name()).or_default() += 1;
            } else if entry.status == Some(429) && entry.step != Call::DeleteMany {
                self.object(format!(
                    "{} {} went beyond a quota",
                    entry.method, entry.path
                ));
            }
        }
    }
}

fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::Run(_) => "run",
        Entry::Plan(_) => "plan",
        Entry::Unsent(_) => "unsent",
        Entry::Planned(_) => "planned",
        Entry::Agreed(_) => "agreed",
        Entry::Session(_) => "session",
        Entry::Request(_) => "request",
        Entry::Intent(_) => "intent",
        Entry::Bulk(_) => "job",
        Entry::Attempt(_) => "attempt",
        Entry::Step(_) => "step",
        Entry::Outcome(_) => "outcome",
        Entry::Pause(_) => "pause",
        Entry::Stop(_) => "stop",
        Entry::End(_) => "end",
        Entry::Verification(_) => "verification",
        Entry::Verify(_) => "verify",
    }
}
