//! From entries to state: the pure core of reading a ledger. No IO, no clock.

use roaring::RoaringTreemap;

use super::bulks::Bulks;
use super::sent::{Sent, SentLogs};
use super::state::{LedgerState, Rows, SESSIONS_MAX, Source, VerificationState};
use super::told::{Asked, Bulked, Ended, Intended, Stepped, Text, Told, Tried};
use crate::domain::{
    AccountName, Counts, Entry, Finding, LaneStop, Outcome, OutcomeEntry, Paused, PlannedRows,
    Quota, RunHeader, Session, Step, Time, UnsentRows, Verification, Verified,
};

/// The class of an attempt that the server turned away because of its pace.
const THROTTLED: &str = "throttled";

/// The class of an attempt that was given up, where the server may have it still.
const TIMED_OUT: &str = "timed_out";

/// The class of an attempt whose intent was taken back before it left.
const HELD_BACK: &str = "held_back";

/// Takes the entries of a ledger one by one and keeps what a later process needs.
#[derive(Debug, Clone)]
pub struct StateBuilder {
    state: LedgerState,
    /// Rows with an intent that nothing has answered.
    unanswered: RoaringTreemap,
    /// Rows of which an earlier request may have had its effect.
    doubtful: RoaringTreemap,
    sent: SentLogs,
    bulks: Bulks,
    /// Whether what stops now is a verification.
    verifying: bool,
}

impl StateBuilder {
    /// The state of a ledger that has a header and nothing else.
    pub fn new(header: RunHeader) -> Self {
        Self {
            state: LedgerState::new(header),
            unanswered: RoaringTreemap::new(),
            doubtful: RoaringTreemap::new(),
            sent: SentLogs::default(),
            bulks: Bulks::default(),
            verifying: false,
        }
    }

    /// Likewise, and keeps nothing of what only [`LedgerState::sent`] tells.
    pub(super) fn without_sent(header: RunHeader) -> Self {
        Self {
            sent: SentLogs::unwanted(),
            ..Self::new(header)
        }
    }

    /// Takes the next entry. A header is passed over: it came with [`StateBuilder::new`].
    pub fn apply(&mut self, entry: &Entry) {
        self.take(0, &Told::from(entry));
    }

    /// Takes the next entry, whose line begins at `place`, as much of it as is needed.
    pub(super) fn take(&mut self, place: u64, told: &Told<'_>) {
        match told {
            Told::Intent(intent) => self.intent(intent),
            Told::Bulk(bulk) => self.bulk(bulk),
            Told::Attempt(attempt) => self.attempt(attempt),
            Told::Step(step) => self.step(step),
            Told::Outcome(outcome) => self.outcome(outcome),
            Told::Request(request) => self.request(request),
            Told::Other(entry) => self.other(place, entry),
        }
    }

    /// Takes an entry of a kind there are few of.
    fn other(&mut self, place: u64, entry: &Entry) {
        match entry {
            Entry::Plan(block) => self.plan(place, block),
            Entry::Unsent(block) => self.unsent(block),
            Entry::Planned(end) => {
                self.state.has_plan = true;
                self.state.planned = Some((**end).clone());
            }
            Entry::Agreed(agreed) => {
                self.seen(agreed.at);
                self.state.agreed = Some((**agreed).clone());
            }
            Entry::Session(session) => self.session(session),
            Entry::Pause(pause) => self.pause(pause),
            Entry::Stop(stop) => self.stop(stop),
            Entry::End(end) => {
                self.seen(end.at);
                self.state.end = Some(end.clone());
            }
            Entry::Verification(begun) => self.verification(begun),
            Entry::Verify(verified) => self.verified(verified),
            Entry::Run(_)
            | Entry::Request(_)
            | Entry::Intent(_)
            | Entry::Bulk(_)
            | Entry::Attempt(_)
            | Entry::Step(_)
            | Entry::Outcome(_) => {}
        }
    }

    /// Where all rows stand so far.
    pub fn counts(&self) -> Counts {
        self.state.counts()
    }

    /// The state after all entries, which came from `source`.
    pub fn finish(self, source: Source) -> LedgerState {
        let mut state = self.state;
        state.source = source;
        state.in_doubt = self.unanswered | self.doubtful;
        let (bulk, jobs) = self.bulks.finish();
        (state.bulk, state.jobs) = (bulk, jobs);
        let now = state.last_at;
        state.sent = self.sent;
        state.sent.finish(now);
        state
    }

    /// A block about a row replaces what earlier ones say of it.
    fn plan(&mut self, place: u64, block: &PlannedRows) {
        self.state.has_plan = true;
        for row in block.rows.iter().map(|row| row.position.row) {
            if self.state.ended.remove(row) {
                self.leave_outcome(row);
            }
        }
        self.state.plan.plan(place, block);
    }

    fn unsent(&mut self, block: &UnsentRows) {
        self.state.has_plan = true;
        let account = block.account.as_ref().map(AccountName::as_str);
        for row in block.rows.iter().map(|row| row.row) {
            self.state.plan.unplan(row);
            self.end_row(row, account, block.outcome);
        }
    }

    fn leave_outcome(&mut self, row: u64) {
        for set in self.state.rows.values_mut().flatten() {
            set.remove(row);
        }
    }

    /// `row` of `account` ended, and that replaces what it ended with before.
    fn end_row(&mut self, row: u64, account: Option<&str>, outcome: Outcome) {
        if !self.state.ended.insert(row) {
            self.leave_outcome(row);
        }
        self.rows_of(account)[outcome.index()].insert(row);
        self.unanswered.remove(row);
        self.bulks.leave(row);
        // Seen before this outcome, so it says nothing of what followed.
        self.state.standing.remove(row);
        match outcome {
            // Nothing is settled: a later process must go on with this very step, and know.
            Outcome::InDoubt => {
                self.doubtful.insert(row);
            }
            // Given up, which settles nothing either: a time-out among the attempts may have had
            // its effect, and a retry that finds the user gone must know that it was ours.
            Outcome::Failed => {}
            Outcome::Deleted
            | Outcome::AlreadyGone
            | Outcome::NotFound
            | Outcome::Refused
            | Outcome::Invalid
            | Outcome::Protected
            | Outcome::DoneBefore
            | Outcome::Duplicate => {
                self.doubtful.remove(row);
                self.state.harmless.remove(row);
                for rows in self.state.steps.values_mut() {
                    rows.remove(row);
                }
                self.state.soft_deleted.remove(row);
            }
        }
    }

    /// What a session before left open is taken up again: its end and its stops speak no more.
    fn session(&mut self, session: &Session) {
        // The process that made the plan is over in order, or goes on with this very session.
        if !self.state.has_plan || !self.state.sessions.is_empty() {
            self.another_process(session.at);
        }
        let uptime = session.uptime.as_ref();
        self.state.process(session.at, uptime, &session.accounts);
        if session.ignores_pauses {
            self.state.pauses.clear();
        }
        self.seen(session.at);
        self.verifying = false;
        self.state.end = None;
        self.state.stops.clear();
        keep_newest(&mut self.state.sessions, session.clone());
    }

    /// Another process is at work from `at` on; the one before it is over.
    fn another_process(&mut self, at: Time) {
        if !self.state.ended_in_order() {
            keep_newest(&mut self.state.cut_off, at);
        }
    }

    fn request(&mut self, request: &Asked<'_>) {
        self.seen(request.at);
        self.state.requests += 1;
        if let Some(log) = self.sent.of(request.account.as_str()) {
            log.request(Sent {
                step: None,
                sent_at: request.sent_at,
                replied_at: Some(counted_by(request.at, request.status.is_none())),
            });
        }
    }

    fn intent(&mut self, intent: &Intended<'_>) {
        self.seen(intent.at);
        let row = intent.row;
        // One that is still unanswered was a process's that is gone; no later attempt answers it.
        let is_open = !self.unanswered.insert(row);
        if !intent.nobody {
            self.state.harmless.remove(row);
        } else if !is_open && !self.doubtful.contains(row) {
            self.state.harmless.insert(row);
        }
        if is_open {
            self.doubtful.insert(row);
        }
        match intent.with {
            Some(first) => self.bulks.join(row, first),
            None => self.bulks.leave(row),
        }
        // Of those for many rows, the first row's stands for the request.
        if intent.with.is_none_or(|first| first == row) {
            self.state.requests += 1;
            if let Some(log) = self.sent.of(intent.account.as_str()) {
                log.intent(row, intent.step, intent.at);
            }
        }
    }

    fn bulk(&mut self, bulk: &Bulked<'_>) {
        self.seen(bulk.at);
        let class = bulk.class.as_ref().map(Text::as_str);
        if class == Some(HELD_BACK) {
            self.state.requests -= u64::from(self.unanswered.contains(bulk.row));
            self.held_back(&bulk.account, bulk.row);
        } else {
            let at = counted_by(bulk.at, class == Some(TIMED_OUT));
            self.answered(&bulk.account, bulk.row, at);
        }
        self.state.throttled += u64::from(class == Some(THROTTLED));
        match &bulk.job {
            // What it does to each row is open until its result was read.
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

    fn attempt(&mut self, attempt: &Tried<'_>) {
        self.seen(attempt.at);
        let row = attempt.row;
        let was_under_way = self.unanswered.remove(row);
        if attempt.in_doubt {
            self.doubtful.insert(row);
        }
        let class = attempt.class.as_str();
        if class == THROTTLED {
            self.state.throttled += 1;
        }
        if class == HELD_BACK && was_under_way {
            self.state.requests -= 1;
            self.held_back(&attempt.account, row);
        } else {
            let at = counted_by(attempt.at, class == TIMED_OUT);
            self.answered(&attempt.account, row, at);
        }
    }

    fn step(&mut self, done: &Stepped<'_>) {
        self.seen(done.at);
        self.state.harmless.remove(done.row);
        self.unanswered.remove(done.row);
        self.doubtful.remove(done.row);
        self.bulks.leave(done.row);
        self.steps_of(done.step).insert(done.row);
        if done.step == Step::Delete && done.outcome == Outcome::Deleted {
            self.state.soft_deleted.insert(done.row);
        }
        self.answered(&done.account, done.row, done.at);
    }

    fn outcome(&mut self, entry: &Ended<'_>) {
        self.seen(entry.at);
        let row = entry.row;
        let account = entry.account.as_ref().map(Text::as_str);
        self.end_row(row, account, entry.outcome);
        let code = entry.code.as_ref().map(Text::as_str);
        if code == Some(OutcomeEntry::SETTLED_UNSEEN) {
            self.state.settled_unseen.insert(row);
        } else {
            self.state.settled_unseen.remove(row);
        }
        if let Some(account) = &entry.account {
            // One that was under way until then was given up by whoever would not wait.
            let at = counted_by(entry.at, entry.outcome == Outcome::InDoubt);
            self.answered(account, row, at);
        }
    }

    /// The rows of `account`, made if they are not there. Accounts are few.
    fn rows_of(&mut self, account: Option<&str>) -> &mut Rows {
        let name = |name: &Option<AccountName>| name.as_ref().map(AccountName::as_str) == account;
        let known = self.state.rows.keys().find(|it| name(it)).cloned();
        let account = known.unwrap_or_else(|| account.map(AccountName::new));
        self.state.rows.entry(account).or_default()
    }

    /// A verification that stopped leaves the run as it ended.
    fn stop(&mut self, stop: &LaneStop) {
        self.seen(stop.at);
        let stops = match &mut self.state.verification {
            Some(verification) if self.verifying => &mut verification.stops,
            _ => &mut self.state.stops,
        };
        stops.retain(|it| it.account != stop.account);
        stops.push(stop.clone());
    }

    /// Only the last verification is told of, but who was seen standing stays so until seen
    /// otherwise: the next sample may pass them over.
    fn verification(&mut self, begun: &Verification) {
        self.another_process(begun.at);
        let uptime = begun.uptime.as_ref();
        self.state.process(begun.at, uptime, &begun.accounts);
        self.seen(begun.at);
        self.verifying = true;
        let before = self.state.verification.as_ref();
        let number = before.map_or(0, |verification| verification.number) + 1;
        self.state.verification = Some(VerificationState::new(begun.clone(), number));
    }

    fn verified(&mut self, verified: &Verified) {
        self.seen(verified.at);
        if let Some(verification) = &mut self.state.verification {
            verification.findings.count(verified.finding);
            verification.last_at = verified.at;
        }
        match verified.finding {
            Finding::Standing => {
                self.state.standing.insert(verified.row);
            }
            Finding::AsAsked | Finding::UnderWay => {
                self.state.standing.remove(verified.row);
            }
            // What was seen before has not been gainsaid.
            Finding::Unknown => {}
        }
    }

    /// The newest pause of each limit is kept.
    fn pause(&mut self, pause: &Paused) {
        self.seen(pause.at);
        let same = |it: &Paused| it.account == pause.account && it.step == pause.step;
        self.state.pauses.retain(|it| !same(it));
        self.state.pauses.push(pause.clone());
    }

    fn seen(&mut self, at: Time) {
        self.state.last_at = self.state.last_at.max(at);
    }

    fn steps_of(&mut self, step: Step) -> &mut RoaringTreemap {
        self.state.steps.entry(step).or_default()
    }

    fn answered(&mut self, account: &Text<'_>, row: u64, at: Time) {
        if let Some(log) = self.sent.of(account.as_str()) {
            log.answered(row, at);
        }
    }

    fn held_back(&mut self, account: &Text<'_>, row: u64) {
        if let Some(log) = self.sent.of(account.as_str()) {
            log.held_back(row);
        }
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

#[cfg(test)]
mod tests;
