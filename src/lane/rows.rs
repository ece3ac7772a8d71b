//! Rows in hand: their steps one after another, what is recorded of them, and their one outcome.

use std::time::Instant;

use super::lookups::{RoleRead, Stood, protected_by};
use super::requests::{BulkRequest, Purpose, Request, RequestId, StepRequest};
use super::tokens::own;
use super::{Lane, Now};
use crate::domain::{
    Attempted, BulkAnswered, Entry, Intent, JobId, LeftOpen, Outcome, OutcomeEntry, Step, StepDone,
    StopKind, Task, Time,
};
use crate::provider::{Detail, Reply};

/// So many rows for each request that may be in flight have the same step begun as their first. Enough
/// that none waits for a row; few enough that a provider that fails every request is found out after
/// some rows and not after all.
const ROWS_BEGUN_PER_REQUEST: u32 = 3;

/// A row in hand.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Row {
    pub(super) account: usize,
    /// Its queue, by its place among the account's.
    pub(super) queue: usize,
    pub(super) task: Task,
    /// The step that it is at.
    pub(super) at_step: usize,
    /// The role that was read of the user last; `None`: none was.
    pub(super) role: Option<RoleRead>,
    /// Whether the provider was seen to know the user before anything was done to them.
    pub(super) seen: bool,
    /// Whether the run has soft-deleted the user: by this row, or by one before it.
    pub(super) soft_deleted: bool,
    /// Whether a request for many carried it.
    pub(super) by_many: bool,
    /// The job that carried it, and the HTTP status of the answer that told how that ended.
    pub(super) job: Option<(JobId, Option<u16>)>,
    /// Whether a request for the step it is at may have had its effect, before this process or by a
    /// request for many.
    pub(super) in_doubt: bool,
    /// Deleting requests sent for it by this process.
    pub(super) attempts: u32,
    pub(super) started: Option<Instant>,
    /// The step that it counts as begun with.
    pub(super) begun: Option<Step>,
    pub(super) is_canary: bool,
}

/// What is not known of the requests for a step so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doubt {
    /// One of them may have had its effect although no answer said so: there was somebody whom it could
    /// remove.
    pub(super) effect: bool,
    /// One of those was never answered at all.
    pub(super) unanswered: bool,
}

/// What an answer said, beside what it means.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) status: Option<u16>,
    pub(super) request_id: Option<String>,
    pub(super) detail: Detail,
}

/// How a step ended.
#[derive(Debug)]
pub(super) struct StepEnd {
    pub(super) outcome: Outcome,
    pub(super) settled: bool,
    pub(super) said: Said,
}

impl Said {
    pub(super) fn of(reply: &Reply) -> Self {
        Self {
            status: Some(reply.status),
            request_id: reply.request_id(),
            detail: Detail::default(),
        }
    }
}

impl StepEnd {
    pub(super) const fn new(outcome: Outcome, said: Said) -> Self {
        let settled = false;
        Self {
            outcome,
            settled,
            said,
        }
    }
}

impl Row {
    pub(super) fn new(
        (account, queue): (usize, usize),
        task: Task,
        role: Option<RoleRead>,
        is_canary: bool,
    ) -> Self {
        Self {
            account,
            queue,
            at_step: task.steps_done,
            seen: role.is_some_and(|role| role.stood != Stood::Nowhere),
            role,
            soft_deleted: task.soft_deleted,
            by_many: false,
            job: None,
            in_doubt: task.left_open != LeftOpen::Nothing,
            attempts: 0,
            started: None,
            begun: None,
            is_canary,
            task,
        }
    }

    /// The step that it is at; `None`: all are done.
    pub(super) fn step(&self) -> Option<Step> {
        self.task.action.steps().get(self.at_step).copied()
    }
}

/// The outcome of `task` as far as the task itself tells: nothing sent, nothing said.
pub(super) fn outcome_entry(task: &Task, outcome: Outcome, at: Time) -> OutcomeEntry {
    OutcomeEntry {
        position: task.position,
        account: Some(task.account.clone()),
        action: Some(task.action),
        id: Some(task.id.clone()),
        reference: task.reference.clone(),
        outcome,
        status: None,
        code: None,
        message: None,
        attempts: 0,
        settled: false,
        at,
        elapsed_ms: 0,
        request_id: None,
    }
}

impl Lane {
    /// How many rows may have the same step begun as their first.
    pub(super) const fn rows_begun_max(&self) -> u32 {
        self.limits
            .concurrency()
            .saturating_mul(ROWS_BEGUN_PER_REQUEST)
    }

    /// Sends the step that a row is at.
    pub(super) fn send_step(&mut self, row: u64, now: Now) {
        let Some(it) = self.rows.get_mut(&row) else {
            return;
        };
        let Some(step) = it.step() else {
            // Every step was done by an earlier process that never wrote the outcome.
            let end = StepEnd {
                settled: true,
                ..StepEnd::new(Outcome::Deleted, Said::default())
            };
            return self.end_row(row, end, now);
        };
        let (account, id, in_doubt) = (it.account, it.task.id.clone(), it.in_doubt);
        let number = id.as_str().parse();
        it.soft_deleted |= number.is_ok_and(|id| self.accounts[account].soft_deleted.contains(id));
        let doubt = Doubt {
            effect: in_doubt,
            unanswered: in_doubt,
        };
        let step = StepRequest {
            row,
            step,
            id,
            doubt,
        };
        self.request(account, Purpose::Step(step), now);
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
            self.note_soft_deleted(row);
        }
        let Some(it) = self.rows.get_mut(&row) else {
            return;
        };
        let is_good = matches!(end.outcome, Outcome::Deleted | Outcome::AlreadyGone);
        if !is_good || it.at_step + 1 >= it.task.action.steps().len() {
            return self.end_row(row, end, now);
        }
        it.at_step += 1;
        let done = StepDone {
            row,
            account: it.task.account.clone(),
            step,
            outcome: end.outcome,
            settled: end.settled,
            status: end.said.status,
            at: now.wall,
        };
        self.record(Entry::Step(done));
        self.send_step(row, now);
    }

    /// Notes a user whom the run has soft-deleted, for rows that follow, where that decides what it
    /// means that the user is not found for the permanent deletion.
    fn note_soft_deleted(&mut self, row: u64) {
        let Some(it) = self.rows.get(&row) else {
            return;
        };
        let account = &mut self.accounts[it.account];
        let lookup = account.provider.lookup_before(Step::PermanentlyDelete);
        let has_others = account.queues.len() > 1;
        if let (true, Some(_), Ok(id)) = (has_others, lookup, it.task.id.as_str().parse()) {
            account.soft_deleted.insert(id);
        }
    }

    /// The user of a row was found to have a protected role just before its request left. `is_doubtful`: a
    /// request for the step may have had its effect.
    pub(super) fn step_protected(&mut self, row: u64, role: &str, is_doubtful: bool, now: Now) {
        let detail = protected_by(role);
        let said = Said {
            detail,
            ..Said::default()
        };
        let is_soft_deleted = self.rows.get(&row).is_some_and(|it| {
            let stood = it.role.map(|role| role.stood);
            it.step() == Some(Step::Delete) && stood == Some(Stood::SoftDeleted)
        });
        if !(is_doubtful && is_soft_deleted) {
            return self.end_step(row, StepEnd::new(Outcome::Protected, said), now);
        }
        // The role came too late: our request has soft-deleted the user. That is all that is done to them.
        let end = self.settled(row, false, Said::default());
        let Some(it) = self.rows.get(&row) else {
            return;
        };
        if it.task.action.steps().last() == Some(&Step::Delete) {
            return self.end_step(row, end, now);
        }
        let half = own(
            OutcomeEntry::PROTECTED_HALF,
            format!("soft-deleted before this user's role was {role}; not permanently deleted"),
        );
        let said = Said {
            detail: half,
            ..Said::default()
        };
        self.end_step(row, StepEnd::new(Outcome::Protected, said), now);
    }

    /// A row ended: its outcome is recorded, and too many such outcomes stop the account.
    pub(super) fn end_row(&mut self, row: u64, end: StepEnd, now: Now) {
        let code = end.said.detail.code.clone();
        let outcome = end.outcome;
        let Some(it) = self.record_end(row, end, now) else {
            return;
        };
        let account = &mut self.accounts[it.account];
        let trip = account.breaker.count(outcome);
        if it.is_canary {
            let position = it.task.position;
            account.canary.count(position, outcome, code.as_deref());
        }
        if let Some(trip) = trip {
            let detail = super::tokens::own(trip.code, trip.words);
            self.stop_account(it.account, (trip.kind, None), detail, now);
        }
        self.stop_for_canary(it.account, now);
    }

    /// Records how a row ended, and takes it out of hand.
    pub(super) fn record_end(&mut self, row: u64, end: StepEnd, now: Now) -> Option<Row> {
        let it = self.drop_row(row, now)?;
        let elapsed = it.started.map_or(0, |at| (now.instant - at).as_millis());
        let Said {
            status,
            request_id,
            detail,
        } = end.said;
        self.record(Entry::Outcome(OutcomeEntry {
            status,
            code: detail.code,
            message: detail.message,
            attempts: it.attempts,
            settled: end.settled,
            elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            request_id,
            ..outcome_entry(&it.task, end.outcome, now.wall)
        }));
        Some(it)
    }

    /// Stops an account whose canary has ended badly.
    pub(super) fn stop_for_canary(&mut self, place: usize, now: Now) {
        if let Some(words) = self.accounts[place].canary.failed() {
            let detail = super::tokens::own("canary", words);
            self.stop_account(place, (StopKind::CanaryFailed, None), detail, now);
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
        let Some(it) = self.rows.get_mut(&row) else {
            return;
        };
        if let Some(step) = it.begun.take()
            && let Some(begun) = self.accounts[it.account].begun.get_mut(&step)
        {
            *begun = begun.saturating_sub(1);
        }
    }

    // --- What is recorded of requests ---

    /// The intents of a request, which are durable before it leaves. Empty: it changes nothing.
    pub(super) fn intents(&self, request: &Request, now: Now) -> Vec<Entry> {
        let (rows, step, with) = match &request.purpose {
            Purpose::Step(it) => (std::slice::from_ref(&it.row), it.step, None),
            Purpose::Bulk(it) => (&it.rows[..], it.step, it.rows.first().copied()),
            _ => return Vec::new(),
        };
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
    pub(super) fn note_sent(&mut self, id: RequestId, now: Now) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        match &request.purpose {
            Purpose::Step(it) => {
                if let Some(row) = self.rows.get_mut(&it.row) {
                    row.attempts += 1;
                    row.started.get_or_insert(now.instant);
                }
            }
            Purpose::Bulk(it) => {
                for row in &it.rows {
                    if let Some(row) = self.rows.get_mut(row) {
                        row.started.get_or_insert(now.instant);
                    }
                }
            }
            _ => {}
        }
    }

    /// A request was not sent, as its host was not reached: that is no attempt.
    pub(super) fn note_unsent(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(&id)
            && let Purpose::Step(it) = &request.purpose
            && let Some(row) = self.rows.get_mut(&it.row)
        {
            row.attempts = row.attempts.saturating_sub(1);
        }
    }

    /// Records that a request ended without ending its step; nothing of a read, which is recorded
    /// already. `class`: a stable word for what happened, and whether it may have had its effect.
    pub(super) fn note(
        &mut self,
        id: RequestId,
        (class, in_doubt): (&str, bool),
        said: &Said,
        now: Now,
    ) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let account = self.accounts[request.account].name.clone();
        let detail = said.detail.clone();
        let entry = match &request.purpose {
            Purpose::Step(it) => Entry::Attempt(Attempted {
                row: it.row,
                account,
                step: it.step,
                attempt: request.attempt,
                class: class.to_owned(),
                in_doubt,
                status: said.status,
                code: detail.code,
                message: detail.message,
                at: now.wall,
            }),
            Purpose::Bulk(it) => Entry::Bulk(bulk_answered(
                it,
                account,
                (Some(class), in_doubt),
                said,
                now,
            )),
            _ => return,
        };
        self.record(entry);
    }
}

/// The entry of a request for many that was answered, or given up.
pub(super) fn bulk_answered(
    request: &BulkRequest,
    account: crate::domain::AccountName,
    (class, in_doubt): (Option<&str>, bool),
    said: &Said,
    now: Now,
) -> BulkAnswered {
    BulkAnswered {
        row: request.rows.first().copied().unwrap_or_default(),
        account,
        step: request.step,
        job: None,
        class: class.map(str::to_owned),
        in_doubt,
        status: said.status,
        code: said.detail.code.clone(),
        message: said.detail.message.clone(),
        at: now.wall,
    }
}
