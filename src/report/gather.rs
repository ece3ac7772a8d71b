//! One pass over a ledger for a [`Report`], a line at a time.

use std::path::Path;

use roaring::RoaringTreemap;

use super::document::{LedgerTold, Report};
use super::pauses::Pauses;
use super::reasons::Reasons;
use super::sessions::Sessions;
use super::summary::{Lock, Summary};
use super::text;
use super::timeline::Timeline;
use crate::domain::{
    Counted, Entry, Finding, InputHeader, OutcomeEntry, RunHeader, Time, Verified,
};
use crate::ledger::{LedgerError, LedgerReader, LedgerState, Source};
use crate::words;

/// How many rows that a verification did not find as asked are listed.
const VERIFIED_MAX: usize = 100;

/// Takes the entries of a ledger one by one.
#[derive(Debug)]
pub(super) struct Collector {
    state: LedgerState,
    sessions: Sessions,
    timeline: Timeline,
    pauses: Pauses,
    reasons: Reasons,
    not_as_asked: Vec<Verified>,
    /// The rows that ended well, and otherwise.
    good: RoaringTreemap,
    bad: RoaringTreemap,
    neither: RoaringTreemap,
    /// Whether what is written now is a verification.
    verifying: bool,
    /// When the run began.
    began: Time,
}

impl Report {
    /// Reads the ledger at `path`, also while a process is writing it, checking every line. Find out
    /// about `lock` *before*, as with [`Summary::new`]. `now`: when this is.
    ///
    /// # Errors
    ///
    /// The ledger cannot be read, or is damaged.
    pub fn read(path: &Path, lock: Lock, now: Time) -> Result<Self, LedgerError> {
        let mut reader = LedgerReader::open(path)?;
        let mut collector = Collector::new(reader.header().clone());
        while let Some(entry) = reader.next_entry()? {
            collector.apply(&entry);
        }
        let source = Source {
            path: path.to_owned(),
            lines: reader.lines(),
            head: reader.head(),
            torn: reader.torn(),
        };
        look_again(path, source.lines, &mut collector.reasons)?;
        Ok(collector.finish(source, lock, now))
    }
}

/// Reads the ledger once more for rows that are to be listed and were not kept. Seldom needed: only
/// where rows before them ended well since.
fn look_again(path: &Path, lines: u64, reasons: &mut Reasons) -> Result<(), LedgerError> {
    let missing = reasons.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let mut reader = LedgerReader::open(path)?;
    let began = reader.header().started_at;
    while reader.lines() < lines
        && let Some(entry) = reader.next_entry()?
    {
        match &entry {
            Entry::Outcome(entry) if missing.contains(entry.position.row) => {
                reasons.found(entry);
            }
            Entry::Unsent(block) => {
                let ends = block.outcomes(began);
                let missed = ends.filter(|it| missing.contains(it.position.row));
                missed.for_each(|it| reasons.found(&it));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Collector {
    pub(super) fn new(header: RunHeader) -> Self {
        Self {
            sessions: Sessions::new(&header),
            timeline: Timeline::new(header.started_at),
            pauses: Pauses::default(),
            reasons: Reasons::default(),
            not_as_asked: Vec::new(),
            good: RoaringTreemap::new(),
            bad: RoaringTreemap::new(),
            neither: RoaringTreemap::new(),
            verifying: false,
            began: header.started_at,
            state: LedgerState::new(header),
        }
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        self.state.apply(0, entry);
        match entry {
            Entry::Run(_) | Entry::Plan(_) | Entry::Agreed(_) => {}
            Entry::Unsent(block) => {
                let began = self.began;
                block.outcomes(began).for_each(|it| self.outcome(&it));
            }
            Entry::Planned(planned) => self.sessions.planned(planned.rows),
            Entry::Session(session) => {
                self.verifying = false;
                self.pauses.cut(&self.timeline);
                self.timeline.begin(session.at);
                self.sessions.session(session, self.timeline.worked_ms());
            }
            Entry::Request(it) => self.sessions.seen(it.at),
            Entry::Intent(it) => self.worked(it.at),
            Entry::Bulk(it) => self.worked(it.at),
            Entry::Attempt(it) => self.worked(it.at),
            Entry::Step(it) => self.worked(it.at),
            Entry::Outcome(it) => self.outcome(it),
            Entry::Pause(pause) => {
                self.sessions.seen(pause.at);
                // A verification is no part of the run's progress.
                if !self.verifying {
                    self.pauses.apply(pause, &mut self.timeline);
                }
            }
            Entry::Stop(stop) => {
                self.sessions.seen(stop.at);
                self.sessions.stop(stop);
            }
            Entry::End(end) => {
                self.worked(end.at);
                self.sessions.end(end);
            }
            Entry::Verification(begun) => {
                self.verifying = true;
                self.not_as_asked.clear();
                self.sessions.verification(begun, self.timeline.worked_ms());
            }
            Entry::Verify(verified) => self.verified(verified),
        }
    }

    fn worked(&mut self, at: Time) {
        self.sessions.seen(at);
        self.timeline.seen(at);
    }

    fn outcome(&mut self, entry: &OutcomeEntry) {
        let row = entry.position.row;
        let is = entry.outcome.counted();
        // Each set is asked, so that a row is in one of them at most.
        let was = if self.good.remove(row) {
            Some(Counted::Good)
        } else if self.bad.remove(row) {
            Some(Counted::Bad)
        } else if self.neither.remove(row) {
            Some(Counted::Neither)
        } else {
            None
        };
        let rows = match is {
            Counted::Good => &mut self.good,
            Counted::Bad => &mut self.bad,
            Counted::Neither => &mut self.neither,
        };
        rows.insert(row);
        self.timeline.row(entry.at, was, is);
        self.reasons.apply(entry);
        self.sessions.seen(entry.at);
        self.sessions.row(entry.outcome);
    }

    fn verified(&mut self, verified: &Verified) {
        self.sessions.seen(verified.at);
        let is_listed = match verified.finding {
            Finding::Standing | Finding::Unknown => true,
            Finding::AsAsked | Finding::UnderWay => false,
        };
        if is_listed && self.not_as_asked.len() < VERIFIED_MAX {
            self.not_as_asked.push(verified.clone());
        }
    }

    pub(super) fn finish(mut self, source: Source, lock: Lock, now: Time) -> Report {
        self.pauses.cut(&self.timeline);
        self.state.source = source;
        let summary = Summary::new(&self.state, lock);
        let input = self.state.input().unwrap_or_else(no_input);
        let (source, options) = (self.state.source, self.state.header.options);
        let ledger = words::shell_path(&source.path);
        let again = text::again(&source.path, summary.config.as_deref());
        let (sessions, sessions_count, callers) = self.sessions.finish();
        let (pauses, pauses_left_out) = self.pauses.finish();
        Report {
            report: Report::KEYS,
            made_at: now,
            made_by: env!("CARGO_PKG_VERSION"),
            good: summary.outcomes.counted(Counted::Good),
            bad: summary.outcomes.counted(Counted::Bad),
            input,
            ledger: LedgerTold {
                lines: source.lines,
                torn_bytes: source.torn.map_or(0, |torn| torn.bytes),
                path: source.path,
            },
            options,
            callers,
            sessions_left_out: sessions_count - sessions.len() as u64,
            sessions,
            progress: self.timeline.points(),
            pauses,
            pauses_left_out,
            reasons: self.reasons.finish(&ledger, &again),
            not_as_asked: self.not_as_asked,
            audit: format!("userpurge audit {ledger} --head {}", summary.head),
            next: text::next(&summary),
            summary,
        }
    }
}

/// What stands for the input of a plan that was never finished.
fn no_input() -> InputHeader {
    InputHeader {
        path: String::new(),
        size: 0,
        sha256: String::new(),
        rows: 0,
        format: String::new(),
        delimiter: None,
    }
}
