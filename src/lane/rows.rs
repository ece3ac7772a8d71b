//! Rows in hand: their steps one after another, what is recorded of them, and their one outcome.

use std::time::Instant;

use super::lookups::protected_by;
use super::requests::{LaneRequest, Purpose, StepRequest};
use super::{Lane, Now};
use crate::domain::{
    Attempted, Counted, Entry, Intent, JobId, LeftOpen, Outcome, OutcomeEntry, ProviderKind, Said,
    Step, StepDone, StopKind, Task, Time, UserState, bound,
};
use crate::provider::Reply;

/// So many rows for each request that may be in flight have the same step begun as their first. It
/// is enough that none waits for a row. It is few enough that a provider that fails every request
/// is found out after some rows and not after all.
const ROWS_BEGUN_PER_REQUEST: usize = 3;

/// A row in hand.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Row {
    pub(super) account: usize,
    /// Its queue, by its index among the account's.
    pub(super) queue: usize,
    pub(super) task: Task,
    /// The step that it is at.
    pub(super) at_step: usize,
    /// How the user stood when their role was read last, and when that was; `None`: it was not.
    pub(super) role: Option<(UserState, Now)>,
    /// Whether the provider was seen to know the user before anything was done to them.
    pub(super) seen: bool,
    /// Whether the run has soft-deleted the user: by this row, or by one before it.
    pub(super) soft_deleted: bool,
    /// Whether a request for many carried it.
    pub(super) by_many: bool,
    /// The job that carried it, and the HTTP status of the answer that told how that ended.
    pub(super) job: Option<(JobId, Option<u16>)>,
    /// Whether a request for its step may have had its effect, by an earlier process or for many.
    pub(super) in_doubt: bool,
    /// Deleting requests sent for it by this process.
    pub(super) attempts: u32,
    pub(super) started: Option<Instant>,
    /// The step that it counts as begun with.
    pub(super) begun: Option<Step>,
    pub(super) is_canary: bool,
}

/// The last news of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) said: Said,
    /// The provider's id of the request.
    pub(super) request_id: Option<String>,
}

/// How a step ended.
#[derive(Debug)]
pub(super) struct StepEnd {
    pub(super) outcome: Outcome,
    pub(super) settled: bool,
    pub(super) heard: Heard,
}

impl Heard {
    pub(super) fn of(reply: &Reply, said: Said) -> Self {
        let status = Some(reply.status);
        Self {
            said: Said { status, ..said },
            request_id: reply.request_id(),
        }
    }

    /// Nothing was heard; our own reason.
    pub(super) fn own(code: &str, message: impl Into<String>) -> Self {
        Self {
            said: Said::own(code, message),
            request_id: None,
        }
    }

    /// The same answer with our own words.
    pub(super) fn reworded(self, code: &str, message: &str) -> Self {
        let status = self.said.status;
        let said = Said {
            status,
            ..Said::own(code, message)
        };
        Self { said, ..self }
    }
}

impl StepEnd {
    pub(super) const fn new(outcome: Outcome, heard: Heard) -> Self {
        Self {
            outcome,
            settled: false,
            heard,
        }
    }
}

impl Row {
    /// A row of a queue, of whose user nothing was asked yet.
    pub(super) fn new((account, queue): (usize, usize), task: Task) -> Self {
        Self {
            account,
            queue,
            at_step: task.steps_done,
            seen: false,
            role: None,
            soft_deleted: task.soft_deleted,
            by_many: false,
            job: None,
            in_doubt: task.left_open != LeftOpen::Nothing,
            attempts: 0,
            started: None,
            begun: None,
            is_canary: false,
            task,
        }
    }

    /// The step that it is at; `None`: all are done.
    pub(super) fn step(&self) -> Option<Step> {
        self.task.action.steps().get(self.at_step).copied()
    }

    /// How the user stood when their role was read last.
    pub(super) fn stood(&self) -> Option<&UserState> {
        self.role.as_ref().map(|(state, _)| state)
    }

    /// Whether the user was active then.
    pub(super) fn was_active(&self) -> bool {
        matches!(self.stood(), Some(UserState::Active { .. }))
    }
}

/// The outcome of `task` as far as the task itself tells: nothing sent.
pub fn outcome_entry(task: &Task, outcome: Outcome, said: Said, at: Time) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account.clone()),
        action: Some(task.action),
        id: Some(task.id.clone()),
        reference: task.reference.clone(),
        outcome,
        said,
        attempts: 0,
        settled: false,
        at,
        elapsed_ms: 0,
        request_id: None,
    }
}

impl Lane {
    /// How many rows may have the same step begun as their first.
    pub(super) fn rows_begun_max(&self) -> usize {
        self.limits.concurrency() as usize * bound("rows begun", 1, ROWS_BEGUN_PER_REQUEST)
    }

    /// Sends the step that a row is at.
    pub(super) fn send_step(&mut self, row: u64, now: Now) {
        let Some(it) = self.rows.get_mut(&row) else {
            return;
        };
        if it.step().is_none() {
            // Every step was done by an earlier process that never wrote the outcome.
            let end = StepEnd {
                settled: true,
                ..StepEnd::new(Outcome::Deleted, Heard::default())
            };
            return self.end_row(row, end, now);
        }
        let (account, in_doubt) = (it.account, it.in_doubt);
        if let Some(end) = self.absent(row, in_doubt) {
            return self.end_step(row, end, now);
        }
        let Some(it) = self.rows.get_mut(&row) else {
            return;
        };
        let number = it.task.id.as_str().parse();
        it.soft_deleted |= number.is_ok_and(|id| self.accounts[account].soft_deleted.contains(id));
        if let Some(request) = self.step_request(row) {
            self.line_up(request, now);
        }
    }

    /// A request for the step that a row is at.
    pub(super) fn step_request(&mut self, row: u64) -> Option<LaneRequest> {
        let it = self.rows.get(&row)?;
        let step = StepRequest {
            row,
            step: it.step()?,
            id: it.task.id.clone(),
            in_doubt: it.in_doubt,
            unanswered: it.in_doubt,
        };
        Some(self.new_request(it.account, Purpose::Step(step)))
    }

    /// A step of a row ended: the next one follows, or the row ends.
    pub(super) fn end_step(&mut self, row: u64, end: StepEnd, now: Now) {
        self.give_back_begun(row);
        let Some(it) = self.rows.get_mut(&row) else {
            return;
        };
        it.in_doubt = false;
        let Some(step) = it.step() else { return };
        if step == Step::Delete && end.outcome == Outcome::Deleted {
            it.soft_deleted = true;
            // For rows that follow, whose user is then not found for the permanent deletion.
            let account = &mut self.accounts[it.account];
            let lookup = account.provider.lookup_before(Step::PermanentlyDelete);
            let has_others = account.queues.len() > 1;
            if let (true, Some(_), Ok(id)) = (has_others, lookup, it.task.id.as_str().parse()) {
                account.soft_deleted.insert(id);
            }
        }
        let is_good = end.outcome.counted() == Counted::Good;
        // At a provider from a file, nothing but that the user is gone settles a doubt.
        let kind = self.accounts[it.account].provider.kind();
        let is_gone = end.settled && matches!(kind, ProviderKind::Own(_));
        if !is_good || is_gone || it.at_step + 1 >= it.task.action.steps().len() {
            return self.end_row(row, end, now);
        }
        if !it.seen && it.at_step == 0 {
            self.accounts[it.account].breaker.is_there(row, true);
        }
        it.at_step += 1;
        let done = StepDone {
            row,
            account: it.task.account.clone(),
            step,
            outcome: end.outcome,
            settled: end.settled,
            status: end.heard.said.status,
            at: now.wall,
        };
        self.record(Entry::Step(done));
        self.send_step(row, now);
    }

    /// The user of a row was found to be protected just before its request left.
    pub(super) fn step_protected(&mut self, step: &StepRequest, role: &str, now: Now) {
        let row = step.row;
        let Some(it) = self.rows.get(&row) else {
            return;
        };
        let is_soft_deleted = matches!(it.stood(), Some(UserState::SoftDeleted { .. }));
        let is_ours = it.soft_deleted || (step.in_doubt && step.step == Step::Delete);
        let is_late = is_ours && is_soft_deleted;
        let is_all = it.task.action.steps().last() == Some(&Step::Delete);
        let end = match (is_late, is_all) {
            // The role came too late: our request has soft-deleted the user. That is all that is done.
            (true, true) => self.settled(row, false, Heard::default()),
            (true, false) => {
                let words = format!(
                    "soft-deleted before this user's role was {role}; not permanently deleted"
                );
                let heard = Heard::own(OutcomeEntry::PROTECTED_HALF, words);
                StepEnd::new(Outcome::Protected, heard)
            }
            (false, _) => {
                let said = protected_by(role);
                let request_id = None;
                StepEnd::new(Outcome::Protected, Heard { said, request_id })
            }
        };
        self.end_step(row, end, now);
    }

    /// A row ended: its outcome is recorded, and too many such outcomes stop the account.
    pub(super) fn end_row(&mut self, row: u64, end: StepEnd, now: Now) {
        let code = end.heard.said.code.clone();
        let outcome = end.outcome;
        let Some(it) = self.record_end(row, end, now) else {
            return;
        };
        let account = &mut self.accounts[it.account];
        let trip = account
            .breaker
            .count(row, outcome, it.seen || it.at_step > 0);
        if it.is_canary {
            let position = it.task.position;
            account.canary.count(position, outcome, code.as_deref());
        }
        if let Some((reason, said)) = trip {
            self.stop_account(it.account, reason, said, now);
        }
        self.stop_for_canary(it.account, now);
    }

    /// Records how a row ended, and takes it out of hand.
    pub(super) fn record_end(&mut self, row: u64, end: StepEnd, now: Now) -> Option<Row> {
        let it = self.drop_row(row, now)?;
        let elapsed = it.started.map_or(0, |at| (now.instant - at).as_millis());
        self.record(Entry::Outcome(OutcomeEntry {
            attempts: it.attempts,
            settled: end.settled,
            elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            request_id: end.heard.request_id,
            ..outcome_entry(&it.task, end.outcome, end.heard.said, now.wall)
        }));
        Some(it)
    }

    /// Stops an account whose canary has ended badly.
    pub(super) fn stop_for_canary(&mut self, account: usize, now: Now) {
        if let Some(words) = self.accounts[account].canary.failed() {
            let said = Said::own("canary", words);
            self.stop_account(account, StopKind::CanaryFailed, said, now);
        }
    }

    /// Takes a row out of hand. The next row of its user may go.
    pub(super) fn drop_row(&mut self, row: u64, now: Now) -> Option<Row> {
        self.give_back_begun(row);
        let it = self.rows.remove(&row)?;
        if let Some(queue) = self.accounts[it.account].queues.get_mut(it.queue) {
            queue.in_hand = queue.in_hand.saturating_sub(1);
        }
        self.leave_user(it.account, &it.task.id, row, now);
        Some(it)
    }

    fn give_back_begun(&mut self, row: u64) {
        if let Some(it) = self.rows.get_mut(&row)
            && let Some(step) = it.begun.take()
            && let Some(begun) = self.accounts[it.account].begun.get_mut(&step)
        {
            *begun = begun.saturating_sub(1);
        }
    }

    // --- What is recorded of requests ---

    /// The intents of a request, which are durable before it leaves. Empty: it changes nothing.
    pub(super) fn intents(&self, request: &LaneRequest, now: Now) -> Vec<Entry> {
        let Some((rows, step)) = request.purpose.deletes() else {
            return Vec::new();
        };
        let with = rows.first().copied().filter(|_| request.step().is_none());
        let nobody = with.is_none() && !self.may_remove(&request.purpose);
        let rows = rows.iter().filter_map(|row| self.rows.get(row));
        let intent = |row: &Row| {
            Entry::Intent(Intent {
                position: row.task.position,
                account: row.task.account.clone(),
                action: row.task.action,
                id: row.task.id.clone(),
                step,
                attempt: request.attempt,
                with,
                nobody,
                at: now.wall,
            })
        };
        rows.map(intent).collect()
    }

    /// Notes that a request left, on its rows.
    pub(super) fn note_sent(&mut self, purpose: &Purpose, now: Now) {
        let is_alone = matches!(purpose, Purpose::Step(_));
        for row in purpose.deletes().map_or(&[][..], |(rows, _)| rows) {
            if let Some(row) = self.rows.get_mut(row) {
                row.attempts += u32::from(is_alone);
                row.started.get_or_insert(now.instant);
            }
        }
    }

    /// A request was not sent, as its host was not reached: that is no attempt.
    pub(super) fn note_unsent(&mut self, request: &LaneRequest) {
        if let Some(step) = request.step()
            && let Some(row) = self.rows.get_mut(&step.row)
        {
            row.attempts = row.attempts.saturating_sub(1);
        }
    }

    /// Records that a request ended without ending its step; nothing of a read. `class`: see `passed`.
    pub(super) fn note(
        &mut self,
        request: &LaneRequest,
        (class, in_doubt): (&str, bool),
        heard: &Heard,
        now: Now,
    ) {
        let Some((rows, step)) = request.purpose.deletes() else {
            return;
        };
        let entry = Attempted {
            row: rows.first().copied().unwrap_or_default(),
            account: self.accounts[request.account].name.clone(),
            step,
            job: None,
            attempt: request.step().map(|_| request.attempt),
            class: Some(class.to_owned()),
            in_doubt,
            said: heard.said.clone(),
            at: now.wall,
        };
        self.record(match request.purpose {
            Purpose::Bulk(_) => Entry::Bulk(entry),
            _ => Entry::Attempt(entry),
        });
    }
}
