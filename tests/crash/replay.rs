//! What a ledger told about each row at each moment, found out without the program's own state:
//! above all, whether a request may have had its effect although no line says so.

use std::collections::BTreeMap;
use std::path::Path;

use userpurge::domain::{Counts, Entry, Outcome, Step};
use userpurge::ledger::LedgerReader;

/// An intent, and what was known before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intended {
    pub(crate) step: Step,
    /// Whether an earlier request of the row may have had its effect, as the lines before this one
    /// tell.
    pub(crate) in_doubt: bool,
}

/// What the lines about one row come to.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) id: Option<String>,
    pub(crate) intents: Vec<Intended>,
    /// The last outcome, whether it was settled, and whether there was a doubt to settle.
    pub(crate) outcome: Option<(Outcome, bool, bool)>,
    /// The session of an intent that nothing has answered.
    open: Option<usize>,
    /// A request may have had its effect, and nothing has settled it since.
    doubtful: bool,
    done: Vec<Step>,
}

/// A ledger, line by line.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) rows: BTreeMap<u64, Row>,
    pub(crate) sessions: usize,
    /// Lines that must not stand where they stand, with their row.
    pub(crate) wrong: Vec<(u64, String)>,
    /// The counts of the last end.
    pub(crate) end: Option<Counts>,
    /// The rows of each request for many, by its first row.
    many: BTreeMap<u64, Vec<u64>>,
    /// How many jobs were begun.
    pub(crate) jobs: usize,
}

impl Replay {
    /// Reads a ledger from its first line to its last, each checked against the chain.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut reader = LedgerReader::open(path).map_err(|error| error.to_string())?;
        let mut replay = Self::default();
        while let Some(entry) = reader.next_entry().map_err(|error| error.to_string())? {
            replay.see(&entry);
        }
        match reader.torn() {
            Some(torn) => Err(format!("{} bytes of a torn line are left", torn.bytes)),
            None => Ok(replay),
        }
    }

    fn see(&mut self, entry: &Entry) {
        match entry {
            Entry::Session(_) => {
                self.sessions += 1;
                self.end = None;
            }
            Entry::Intent(intent) => {
                let session = self.sessions;
                let number = intent.position.row;
                let row = self.rows.entry(number).or_default();
                row.id = Some(intent.id.as_str().to_owned());
                if let Some(wrong) = row.intend(intent.step, session) {
                    self.wrong.push((number, wrong));
                }
                if let Some(first) = intent.with {
                    let rows = self.many.entry(first).or_default();
                    if first == number {
                        rows.clear();
                    }
                    rows.push(number);
                }
            }
            Entry::Bulk(bulk) => {
                // What a job does to each of its rows no line says before their outcomes.
                let may_be_done = bulk.in_doubt || bulk.job.is_some();
                self.jobs += usize::from(bulk.job.is_some());
                for number in self.many.remove(&bulk.row).unwrap_or_default() {
                    let row = self.rows.entry(number).or_default();
                    row.open = None;
                    row.doubtful |= may_be_done;
                }
            }
            Entry::Attempt(attempt) => {
                let row = self.rows.entry(attempt.row).or_default();
                row.open = None;
                row.doubtful |= attempt.in_doubt;
            }
            Entry::Unsent(block) => {
                for position in &block.rows {
                    let row = self.rows.entry(position.row).or_default();
                    row.outcome = Some((block.outcome, false, false));
                }
            }
            Entry::Step(step) => {
                let row = self.rows.entry(step.row).or_default();
                row.open = None;
                row.doubtful = false;
                row.done.push(step.step);
            }
            Entry::Outcome(outcome) => {
                let row = self.rows.entry(outcome.position.row).or_default();
                let in_doubt = row.doubtful || row.open.is_some();
                row.outcome = Some((outcome.outcome, outcome.settled, in_doubt));
                row.open = None;
                row.doubtful = match outcome.outcome {
                    Outcome::InDoubt => true,
                    Outcome::Failed => row.doubtful,
                    _ => false,
                };
            }
            Entry::End(end) => self.end = Some(end.outcomes),
            // They say nothing about any row.
            _ => {}
        }
    }
}

impl Row {
    /// Takes an intent; what is wrong with it.
    fn intend(&mut self, step: Step, session: usize) -> Option<String> {
        let wrong = if self.open == Some(session) {
            Some("an intent follows one that is under way in the same process".to_owned())
        } else if self.done.contains(&step) {
            Some(format!("an intent to {step} follows the end of that step"))
        } else {
            self.outcome.and_then(|(outcome, ..)| {
                let open = matches!(outcome, Outcome::InDoubt | Outcome::Failed);
                (!open).then(|| format!("an intent follows the outcome {}", outcome.name()))
            })
        };
        self.doubtful |= self.open.is_some();
        self.intents.push(Intended {
            step,
            in_doubt: self.doubtful,
        });
        self.open = Some(session);
        wrong
    }
}
