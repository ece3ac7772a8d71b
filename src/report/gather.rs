//! One pass over a ledger for a [`Report`], beside the state that it comes to.

use std::path::{Path, PathBuf};

use super::document::{ActionDone, InputTold, LedgerTold, Report};
use super::pauses::{self, Pause};
use super::reasons::{Reasons, each_outcome, phrase};
use super::refs::{Refs, counted_elsewhere, stand_ins};
use super::sessions::Sessions;
use super::summary::Summary;
use super::text;
use super::timeline::Timeline;
use super::verification::VerificationSummary;
use crate::domain::{AccountName, Action, Entry, OutcomeEntry, ProviderKind, Time, Verified};
use crate::ledger::{LedgerError, LedgerReader, LedgerState, Link};
use crate::words;

/// How many rows that a verification did not find as asked are listed.
const VERIFIED_MAX: usize = 100;

/// Takes the entries of a ledger one by one.
#[derive(Debug)]
pub(super) struct Collector {
    /// The state by the ledger up to the entry before.
    state: LedgerState,
    sessions: Sessions,
    timeline: Timeline,
    pauses: Vec<Pause>,
    pauses_left_out: u64,
    reasons: Reasons,
    not_as_asked: Vec<Verified>,
}

impl Report {
    /// Reads ledgers, also while a process is writing them, checking every line; with a sum over
    /// them. Of rows about one user and action, only the one that ended last counts. Find out about
    /// each lock *before*, as with [`Summary::new`]. `now`: when this is.
    pub fn read_all(ledgers: &[(PathBuf, bool)], now: Time) -> Result<Self, LedgerError> {
        let collectors = ledgers.iter().map(|(path, _)| Collector::read(path));
        let mut collectors = collectors.collect::<Result<Vec<_>, _>>()?;
        let states: Vec<_> = collectors.iter().map(|it| &it.state).collect();
        let stand_ins = stand_ins(&states)?;
        let refs = Refs::of(&states, &stand_ins)?;
        let elsewhere = counted_elsewhere(&stand_ins, &states);
        for (collector, rows) in collectors.iter_mut().zip(&elsewhere) {
            collector.state.leave_out(rows);
            collector.reasons.leave_out(rows);
        }
        let mut runs = Vec::new();
        for (mut collector, (_, is_locked)) in collectors.into_iter().zip(ledgers) {
            collector.look_again()?;
            runs.push(collector.finish(*is_locked, now));
        }
        let mut report = runs[0].clone();
        if runs.len() > 1 {
            for run in &runs[1..] {
                report.add(run);
            }
            report.runs = runs;
        }
        report.refs = refs;
        Ok(report)
    }

    /// Adds what `run` counts; what cannot be added stands with each run alone.
    fn add(&mut self, run: &Self) {
        self.summary.add(&run.summary);
        self.sums = self.summary.outcomes.sums();
        self.input.rows += run.input.rows;
        for done in &run.done {
            let mut own = self.done.iter_mut();
            match own.find(|it| (&it.account, it.action) == (&done.account, done.action)) {
                Some(own) => own.outcomes.add(&done.outcomes),
                None => self.done.push(done.clone()),
            }
        }
        self.callers.extend(run.callers.iter().cloned());
        self.reasons.extend(run.reasons.iter().cloned());
    }
}

impl Collector {
    fn read(path: &Path) -> Result<Self, LedgerError> {
        let mut reader = LedgerReader::open(path)?;
        let header = reader.header.clone();
        let mut collector = Self {
            sessions: Sessions::new(&header),
            timeline: Timeline::new(header.started_at),
            pauses: Vec::new(),
            pauses_left_out: 0,
            reasons: Reasons::default(),
            not_as_asked: Vec::new(),
            state: LedgerState::new(header),
        };
        reader.each_entry(|link, entry| {
            collector.apply(link, entry);
            Ok::<_, LedgerError>(())
        })?;
        let state = &mut collector.state;
        path.clone_into(&mut state.path);
        (state.lines, state.head) = (reader.lines, reader.head);
        state.torn = reader.torn();
        Ok(collector)
    }

    fn apply(&mut self, link: &Link, entry: &Entry) {
        let mut worked = |at| {
            self.timeline.seen(at);
            Some(at)
        };
        let seen = match entry {
            Entry::Run(_) | Entry::Plan(_) | Entry::Agreed(_) => None,
            Entry::Unsent(block) => {
                let began = self.state.header.started_at;
                block.outcomes(began).for_each(|it| self.outcome(&it));
                None
            }
            Entry::Planned(planned) => {
                self.sessions.last().rows = planned.rows;
                None
            }
            Entry::Session(session) => {
                pauses::cut(&mut self.pauses, &self.timeline);
                self.timeline.begin(session.at);
                self.sessions.begin(session, self.timeline.worked_ms);
                None
            }
            Entry::Request(it) => Some(it.at),
            Entry::Intent(it) => worked(it.at),
            Entry::Bulk(it) | Entry::Attempt(it) => worked(it.at),
            Entry::Step(it) => worked(it.at),
            Entry::Outcome(it) => {
                self.outcome(it);
                Some(it.at)
            }
            // A verification is no part of the run's progress.
            Entry::Pause(pause) if self.state.verifying => Some(pause.at),
            Entry::Pause(pause) => {
                let is_kept = pauses::add(&mut self.pauses, pause, &mut self.timeline);
                self.pauses_left_out += u64::from(!is_kept);
                Some(pause.at)
            }
            Entry::Stop(stop) => {
                self.sessions.stop(stop);
                Some(stop.at)
            }
            Entry::End(end) => {
                self.sessions.end(end);
                worked(end.at)
            }
            Entry::Verification(begun) => {
                self.sessions.begin(begun, self.timeline.worked_ms);
                None
            }
            Entry::Verify(verified) => Some(verified.at),
        };
        if let Some(at) = seen {
            self.sessions.seen(at);
        }
        self.state.apply(link, entry);
    }

    fn outcome(&mut self, entry: &OutcomeEntry) {
        let was = self.state.counted(entry.position.row);
        self.timeline.row(entry.at, was, entry.counted());
        self.reasons.apply(was, &phrase(entry, &self.state));
        *self.sessions.last().sums.slot(entry.counted()) += 1;
    }

    /// Reads the ledger once more for rows that are to be listed.
    fn look_again(&mut self) -> Result<(), LedgerError> {
        (self.not_as_asked, _) = VerificationSummary::listed(&self.state, VERIFIED_MAX)?;
        let wanted = self.reasons.wanted();
        if wanted.is_empty() {
            return Ok(());
        }
        each_outcome(&self.state, |entry| {
            if wanted.contains(entry.position.row) {
                self.reasons.list(entry, &self.state);
            }
        })?;
        self.state.each_ref(|row, it| self.reasons.refer(row, it))
    }

    /// The effect of `action` on a user of `account`.
    fn does(&self, account: &AccountName, action: Action) -> String {
        let mut accounts = self.state.header.accounts.iter();
        let account = accounts.find(|it| it.name == *account);
        let said = account.and_then(|it| it.does.get(&action));
        let own = match (account.map(|it| it.provider), action) {
            (Some(ProviderKind::Own(_)), _) => "as its provider file says",
            (Some(ProviderKind::Zendesk), Action::Delete) => {
                "soft delete; Zendesk deletes for good 30 days later"
            }
            (_, Action::Delete) => "deleted for good",
            _ => action.effect(),
        };
        said.map_or(own, String::as_str).to_owned()
    }

    fn finish(mut self, is_locked: bool, now: Time) -> Report {
        pauses::cut(&mut self.pauses, &self.timeline);
        let summary = Summary::new(&self.state, is_locked);
        let planned = self.state.planned.as_ref();
        let input = planned.map(|it| InputTold {
            file: it.input.clone(),
            rows: it.rows,
        });
        let ledger = words::shell_path(&self.state.path);
        let again = text::again(&self.state.path, summary.config.as_deref());
        let done = self.state.action_counts().into_iter();
        let done = done.map(|(account, action, outcomes)| ActionDone {
            does: self.does(&account, action),
            account,
            action,
            outcomes,
        });
        let done = done.collect();
        Report {
            report: Report::KEYS,
            made_at: now,
            made_by: env!("CARGO_PKG_VERSION"),
            sums: summary.outcomes.sums(),
            input: input.unwrap_or_default(),
            ledger: LedgerTold {
                lines: self.state.lines,
                torn_bytes: self.state.torn.map_or(0, |torn| torn.bytes),
                path: self.state.path,
            },
            done,
            agreed: self.state.agreed,
            options: self.state.header.options,
            callers: self.sessions.callers,
            sessions_left_out: self.sessions.count - self.sessions.kept.len() as u64,
            sessions: self.sessions.kept,
            progress: self.timeline.points(),
            pauses: self.pauses,
            pauses_left_out: self.pauses_left_out,
            reasons: self.reasons.finish(&ledger, &again),
            refs: None,
            runs: Vec::new(),
            not_as_asked: self.not_as_asked,
            audit: format!("userpurge audit {ledger} --head {}", summary.head),
            next: text::next(&summary),
            summary,
        }
    }
}
