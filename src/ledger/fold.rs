//! From entries to state: what each entry changes. No IO, no clock.

use std::collections::BTreeSet;

use super::reader::Link;
use super::sent_log::SentLog;
use super::state::{LedgerState, SESSIONS_MAX, VerificationState};
use crate::domain::{
    AccountName, Attempted, Counted, Entry, Finding, Intent, LaneStop, Outcome, OutcomeEntry,
    Paused, PlannedRows, Quota, Requested, SessionStart, Step, StepDone, Time, UnsentRows,
    Verified,
};

/// The class of an attempt that the server turned away because of its pace.
const THROTTLED: &str = "throttled";

/// The class of an attempt that was given up, where the server may have it still.
const TIMED_OUT: &str = "timed_out";

/// The class of an attempt whose intent was taken back before it left.
const HELD_BACK: &str = "held_back";

impl LedgerState {
    /// Takes the next entry, whose line is at `link`. A header came with [`LedgerState::new`].
    pub fn apply(&mut self, link: &Link, entry: &Entry) {
        match entry {
            Entry::Run(_) => {}
            Entry::Plan(block) => self.plan_rows(link, block),
            Entry::Unsent(block) => self.unsent(block),
            Entry::Planned(end) => self.planned = Some((**end).clone()),
            Entry::Agreed(agreed) => {
                self.seen(agreed.at);
                self.agreed = Some((**agreed).clone());
                if let Some(options) = &agreed.options {
                    self.header.options = options.clone();
                }
            }
            Entry::Session(session) => self.session(session),
            Entry::Request(request) => self.request(request),
            Entry::Intent(intent) => self.intent(intent),
            Entry::Bulk(bulk) => self.bulk(bulk),
            Entry::Attempt(attempt) => self.attempt(attempt),
            Entry::Step(step) => self.step(step),
            Entry::Outcome(outcome) => self.outcome(outcome),
            Entry::Pause(pause) => self.pause(pause),
            Entry::Stop(stop) => self.stop(stop),
            Entry::End(end) => {
                self.seen(end.at);
                self.is_asking = false;
                self.end = Some(end.clone());
            }
            Entry::Verification(begun) => self.verification(begun),
            Entry::Verify(verified) => self.verified(verified),
        }
    }

    /// A block about a row replaces what earlier ones say of it.
    fn plan_rows(&mut self, link: &Link, block: &PlannedRows) {
        for row in block.rows.iter().map(|row| row.position.row) {
            if self.ended.remove(row) {
                self.leave_outcome(row);
            }
        }
        self.plan.plan(link, block);
    }

    fn unsent(&mut self, block: &UnsentRows) {
        let account = block.account.as_ref();
        for row in block.rows.iter().map(|row| row.row) {
            self.plan.unplan(row);
            self.end_row(row, account, block.outcome);
            if block.code == OutcomeEntry::PROTECT_LIST {
                self.on_protect_list.insert(row);
            }
        }
    }

    fn leave_outcome(&mut self, row: u64) {
        for set in self.rows.values_mut().flatten() {
            set.remove(row);
        }
    }

    /// `row` of `account` ended, and that replaces what it ended with before.
    fn end_row(&mut self, row: u64, account: Option<&AccountName>, outcome: Outcome) {
        if !self.ended.insert(row) {
            self.leave_outcome(row);
            self.on_protect_list.remove(row);
        }
        let rows = self.rows.entry(account.cloned()).or_default();
        rows[outcome.index()].insert(row);
        self.unanswered.remove(row);
        self.bulks.leave(row);
        if outcome.counted() != Counted::Bad || outcome == Outcome::NotFound {
            self.half_done.remove(row);
        }
        // Seen before this outcome, so it says nothing of what followed.
        for rows in &mut self.found {
            rows.remove(row);
        }
        if outcome == Outcome::InDoubt {
            // Nothing is settled: a later process must go on with this very step, and know.
            self.doubtful.insert(row);
        } else if outcome != Outcome::Failed {
            // Where it is given up, that settles nothing either. A time-out among the attempts may have
            // had its effect. A retry that finds the user gone must know that it was ours.
            self.doubtful.remove(row);
            self.harmless.remove(row);
            for rows in self.steps.values_mut() {
                rows.remove(row);
            }
            self.soft_deleted.remove(row);
        }
    }

    /// Takes up again the work that a session before left open: its end and its stops speak no more.
    fn session(&mut self, session: &SessionStart) {
        // The process that made the plan goes on in this session, unless it was cut off before.
        if session.command != "run" || !self.sessions.is_empty() {
            self.another_process(session.at);
        }
        let uptime = session.uptime.as_ref();
        self.process(session.at, uptime, &session.accounts);
        if session.ignores_pauses {
            self.pauses.clear();
        }
        self.seen(session.at);
        self.verifying = false;
        self.end = None;
        self.stops.clear();
        keep_newest(&mut self.sessions, session.clone());
    }

    /// Another process is at work from `at` on; the one before it is over.
    fn another_process(&mut self, at: Time) {
        if !self.is_over() {
            keep_newest(&mut self.cut_off, at);
        }
    }

    fn request(&mut self, request: &Requested) {
        self.is_asking |= self.is_over();
        let is_told =
            request.what == Requested::IDENTITY && request.status.is_some_and(|it| it < 300);
        if is_told && !self.identified.insert(request.account.clone()) {
            // A process asks once who it is: this is another one, and the one before never began to work.
            self.identified = BTreeSet::from([request.account.clone()]);
            keep_newest(&mut self.cut_off, request.sent_at);
        }
        self.seen(request.at);
        self.requests += 1;
        let by = counted_by(request.at, request.status.is_none());
        self.log(&request.account).request(request.sent_at, by);
    }

    fn intent(&mut self, intent: &Intent) {
        self.seen(intent.at);
        let row = intent.position.row;
        // One that is still unanswered was a process's that is gone; no later attempt answers it.
        let is_open = !self.unanswered.insert(row);
        if !intent.nobody {
            self.harmless.remove(row);
        } else if !is_open && !self.doubtful.contains(row) {
            self.harmless.insert(row);
        }
        if is_open {
            self.doubtful.insert(row);
        }
        if intent.action.steps().first() == Some(&intent.step) {
            // It is sent once more, so it is not known to be done.
            self.half_done.remove(row);
        }
        match intent.with {
            Some(first) => self.bulks.join(row, first),
            None => self.bulks.leave(row),
        }
        // Of those for many rows, the first row's stands for the request.
        if intent.is_request() {
            self.requests += 1;
            self.log(&intent.account)
                .intent(row, intent.step, intent.at);
        }
    }

    fn bulk(&mut self, bulk: &Attempted) {
        let was_under_way = self.unanswered.contains(bulk.row);
        self.answered(bulk, was_under_way);
        match &bulk.job {
            // Its effect on each row is open until its result was read.
            Some(job) => self.bulks.job(bulk.row, job),
            None if bulk.in_doubt => self.doubtful |= self.bulks.rows(bulk.row),
            None => {
                for row in self.bulks.rows(bulk.row) {
                    self.bulks.leave(row);
                    self.unanswered.remove(row);
                }
            }
        }
    }

    fn attempt(&mut self, attempt: &Attempted) {
        let was_under_way = self.unanswered.remove(attempt.row);
        if attempt.in_doubt {
            self.doubtful.insert(attempt.row);
        }
        self.answered(attempt, was_under_way);
    }

    /// A request was answered, given up, or taken back before it left.
    fn answered(&mut self, it: &Attempted, was_under_way: bool) {
        self.seen(it.at);
        let class = it.class.as_deref();
        self.throttled += u64::from(class == Some(THROTTLED));
        if class == Some(HELD_BACK) && was_under_way {
            self.requests = self.requests.saturating_sub(1);
            self.log(&it.account).held_back(it.row);
        } else {
            let at = counted_by(it.at, class == Some(TIMED_OUT));
            self.log(&it.account).answered(it.row, at);
        }
    }

    fn step(&mut self, done: &StepDone) {
        self.seen(done.at);
        self.harmless.remove(done.row);
        self.unanswered.remove(done.row);
        self.doubtful.remove(done.row);
        self.bulks.leave(done.row);
        self.steps.entry(done.step).or_default().insert(done.row);
        self.half_done.insert(done.row);
        if done.step == Step::Delete && done.outcome == Outcome::Deleted {
            self.soft_deleted.insert(done.row);
        }
        self.log(&done.account).answered(done.row, done.at);
    }

    fn outcome(&mut self, entry: &OutcomeEntry) {
        self.seen(entry.at);
        let row = entry.position.row;
        self.end_row(row, entry.account.as_ref(), entry.outcome);
        let code = entry.said.code.as_deref();
        if code == Some(OutcomeEntry::PROTECTED_HALF) {
            // A retry is to know that it was this run.
            self.soft_deleted.insert(row);
            self.half_done.insert(row);
        }
        if code == Some(OutcomeEntry::SETTLED_UNSEEN) {
            self.settled_unseen.insert(row);
        } else {
            self.settled_unseen.remove(row);
        }
        if let Some(account) = &entry.account {
            // One that was under way until then was given up by whoever would not wait.
            let at = counted_by(entry.at, entry.outcome == Outcome::InDoubt);
            self.log(account).answered(row, at);
        }
    }

    fn log(&mut self, account: &AccountName) -> &mut SentLog {
        self.sent.entry(account.clone()).or_default()
    }

    /// A verification that stopped leaves the run as it ended.
    fn stop(&mut self, stop: &LaneStop) {
        self.seen(stop.at);
        let stops = match &mut self.verification {
            Some(verification) if self.verifying => &mut verification.stops,
            _ => &mut self.stops,
        };
        stops.retain(|it| it.account != stop.account);
        stops.push(stop.clone());
    }

    /// A verification adds to what is known, also a sample of few rows.
    fn verification(&mut self, begun: &SessionStart) {
        self.another_process(begun.at);
        let uptime = begun.uptime.as_ref();
        self.process(begun.at, uptime, &begun.accounts);
        self.seen(begun.at);
        self.verifying = true;
        self.verification = Some(VerificationState {
            begun: begun.clone(),
            asked: 0,
            stops: Vec::new(),
            last_at: begun.at,
        });
    }

    fn verified(&mut self, verified: &Verified) {
        self.seen(verified.at);
        if let Some(verification) = &mut self.verification {
            verification.asked += 1;
            verification.last_at = verified.at;
        }
        let row = verified.position.row;
        let is_known = self.found.iter().any(|rows| rows.contains(row));
        // No clear answer leaves what was seen before.
        if verified.finding == Finding::Unknown && is_known {
            return;
        }
        for (rows, finding) in self.found.iter_mut().zip(Finding::ALL) {
            if finding == verified.finding {
                rows.insert(row);
            } else {
                rows.remove(row);
            }
        }
    }

    /// The newest pause of each limit is kept.
    fn pause(&mut self, pause: &Paused) {
        self.seen(pause.at);
        let same = |it: &Paused| it.account == pause.account && it.step == pause.step;
        self.pauses.retain(|it| !same(it));
        self.pauses.push(pause.clone());
    }

    fn seen(&mut self, at: Time) {
        self.last_at = self.last_at.max(at);
    }
}

/// By when the server has counted a request whose answer came, or was `given_up`, at `at`.
fn counted_by(at: Time, given_up: bool) -> Time {
    if given_up {
        at.after(Quota::GIVEN_UP_COUNTED)
    } else {
        at
    }
}

/// Puts `item` behind `items`, of which the newest [`SESSIONS_MAX`] are kept.
fn keep_newest<T>(items: &mut Vec<T>, item: T) {
    if items.len() == SESSIONS_MAX {
        items.remove(0);
    }
    items.push(item);
}
