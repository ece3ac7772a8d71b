//! Requests that delete many users, as jobs that the provider works through: what they bring to each of
//! their rows.

use std::time::{Duration, Instant};

use super::account::Account;
use super::jobs::Job;
use super::lookups::{Batch, For, protected_by};
use super::requests::{BulkRequest, Class, LaneRequest, Meaning, Purpose};
use super::rows::{Heard, Row, StepEnd};
use super::{Lane, Now, RequestError};
use crate::domain::{Attempted, Entry, JobId, Outcome, Said, StopKind, UserState};
use crate::provider::{ItemEnd, JobState, LookupFor};

impl Lane {
    /// Sends `rows` in one request.
    pub(super) fn send_many(&mut self, account: usize, rows: Vec<u64>, now: Now) {
        let first = rows.first().and_then(|row| self.rows.get(row));
        let Some(step) = first.and_then(Row::step) else {
            return;
        };
        let ids = rows.iter().filter_map(|row| self.rows.get(row));
        let ids = ids.map(|row| row.task.id.clone()).collect();
        let bulk = BulkRequest { rows, step, ids };
        self.request(account, Purpose::Bulk(bulk), now);
    }

    /// A request for many was answered.
    pub(super) fn bulk_answered(
        &mut self,
        account: usize,
        bulk: BulkRequest,
        meaning: Meaning,
        said: Said,
        now: Now,
    ) {
        let job = match meaning {
            Meaning::Job(job) => Some(job),
            _ => None,
        };
        self.record(Entry::Bulk(Attempted {
            row: bulk.rows.first().copied().unwrap_or_default(),
            account: self.accounts[account].name.clone(),
            step: bulk.step,
            job: job.clone(),
            attempt: None,
            class: job.is_none().then(|| "refused".to_owned()),
            in_doubt: false,
            said,
            at: now.wall,
        }));
        let jobs = &mut self.accounts[account].jobs;
        jobs.not_begun();
        if let Some(job) = job {
            jobs.adopt(job, bulk.rows.iter().copied(), now.instant);
            self.mark_many(&bulk.rows);
        } else {
            // This account has no such request, or its caller not the right to it.
            self.accounts[account].bulk_disabled = true;
            self.send_alone(account, bulk.rows);
        }
    }

    /// A request for many brought nothing, and nothing was done.
    pub(super) fn bulk_failed(
        &mut self,
        account: usize,
        bulk: BulkRequest,
        error: RequestError,
        now: Now,
    ) {
        // Deleting one by one may be allowed where this is not, and tells for itself.
        let is_unlike_one = matches!(
            &error,
            RequestError::Account { reason: StopKind::NotPermitted | StopKind::WrongTenant, said }
                if said.status.is_some()
        );
        self.accounts[account].bulk_disabled |= is_unlike_one;
        if is_unlike_one || self.condemn(account, error, now).is_some() {
            self.send_alone(account, bulk.rows);
        }
    }

    /// A request for many may have begun a job; no answer says so.
    pub(super) fn bulk_in_doubt(&mut self, request: LaneRequest, now: Now) {
        if let Purpose::Bulk(bulk) = request.purpose {
            self.mark_many(&bulk.rows);
            let rows: Vec<_> = bulk.rows.into_iter().map(|row| (row, None)).collect();
            // If it began a job, that is at work now: users who still stand would be deleted twice.
            let rest = self.accounts[request.account].jobs.likely_time();
            self.look_up_unclear(request.account, &rows, rest, now);
        }
    }

    /// Notes that a request for many carried `rows`.
    pub(super) fn mark_many(&mut self, rows: &[u64]) {
        for row in rows {
            if let Some(row) = self.rows.get_mut(row) {
                row.by_many = true;
                row.in_doubt = true;
                row.attempts = 1;
            }
        }
    }

    /// Rows go on one by one.
    pub(super) fn send_alone(&mut self, account: usize, rows: Vec<u64>) {
        for row in rows {
            if let Some(step) = self.rows.get(&row).and_then(Row::step) {
                let ready = &mut self.accounts[account].ready;
                ready.entry(step).or_default().push_back(row);
            }
        }
    }

    /// The roles of a request for many were read again: those who do not stand any more go alone.
    pub(super) fn bulk_roles_read(&mut self, mut request: LaneRequest, batch: &Batch, now: Now) {
        let account = request.account;
        let Purpose::Bulk(bulk) = &mut request.purpose else {
            return;
        };
        let (mut rows, mut ids, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for row in std::mem::take(&mut bulk.rows) {
            if let Some(role) = self.new_role(row, batch) {
                self.end_protected(row, protected_by(&role), now);
                continue;
            }
            let Some(it) = self.rows.get(&row) else {
                continue;
            };
            if it.was_active() {
                rows.push(row);
                ids.push(it.task.id.clone());
            } else {
                alone.push(row);
            }
        }
        (bulk.rows, bulk.ids) = (rows, ids);
        let is_empty = bulk.rows.is_empty();
        self.send_alone(account, alone);
        if !is_empty {
            self.line_up(request, now);
        }
    }

    // --- Jobs ---

    /// When an account's jobs are to be asked about; `None`: not as far as is known.
    pub(super) fn next_question(&self, account: &Account) -> Option<Instant> {
        if account.is_stopping {
            return None;
        }
        let mut queues = account.queues.iter();
        let is_gathering = queues.any(|queue| !queue.gathered.is_empty());
        let mut waiting = self.waiting.iter();
        let mut is_bulk = || {
            waiting.any(|(class, waiting)| matches!(class, Class::Bulk(_)) && !waiting.is_empty())
        };
        let is_feeding = is_gathering || is_bulk();
        account
            .jobs
            .next_question(self.limits.interval(), is_feeding)
    }

    /// Asks about jobs whose time has come.
    pub(super) fn ask_about_jobs(&mut self, index: usize, now: Now) {
        let account = &self.accounts[index];
        let next = self.next_question(account);
        if next.is_some_and(|at| at <= now.instant) {
            let most = account
                .provider
                .bulk()
                .map_or(1, |it| it.many().jobs_asked_max);
            let jobs = self.accounts[index].jobs.ask(most);
            self.request(index, Purpose::Jobs(jobs), now);
        }
    }

    /// How jobs stand was answered.
    pub(super) fn jobs_answered(
        &mut self,
        account: usize,
        asked: &[JobId],
        seen: (Option<u16>, Vec<(JobId, JobState)>),
        now: Now,
    ) {
        let ended = self.accounts[account].jobs.apply(asked, seen, now.instant);
        for (id, job) in ended {
            self.job_ended(account, &id, job, now);
        }
    }

    /// How jobs stand could not be asked.
    pub(super) fn jobs_failed(
        &mut self,
        account: usize,
        asked: &[JobId],
        error: RequestError,
        now: Now,
    ) {
        let jobs = &mut self.accounts[account].jobs;
        let lost = jobs.asking_failed(asked, now.instant);
        if self.condemn(account, error, now).is_some() {
            for (id, job) in lost {
                self.job_ended(account, &id, job, now);
            }
        }
    }

    /// A job ended, or is lost: each of its rows ends, or is looked up.
    fn job_ended(&mut self, account: usize, id: &JobId, job: Job, now: Now) {
        let mut unclear = Vec::new();
        for row in job.rows {
            let Some(it) = self.rows.get_mut(&row) else {
                continue;
            };
            it.in_doubt = true;
            // The provider's support would look for this.
            it.job = Some((id.clone(), job.status));
            match job.items.get(&it.task.id) {
                Some(ItemEnd::Deleted) => {
                    let heard = self.job_heard(row, Said::default());
                    self.end_step(row, StepEnd::new(Outcome::Deleted, heard), now);
                }
                Some(ItemEnd::Refused(detail)) => unclear.push((row, Some(detail.clone()))),
                None => unclear.push((row, None)),
            }
        }
        self.look_up_unclear(account, &unclear, Duration::ZERO, now);
    }

    fn job_heard(&self, row: u64, said: Said) -> Heard {
        let job = self.rows.get(&row).and_then(|row| row.job.as_ref());
        let status = job.and_then(|(_, status)| *status);
        Heard {
            said: Said { status, ..said },
            request_id: job.map(|(id, _)| id.as_str().to_owned()),
        }
    }

    /// Asks whether users still stand, of whom a job or a lost answer says nothing clear.
    fn look_up_unclear(
        &mut self,
        account: usize,
        rows: &[(u64, Option<Said>)],
        rest: Duration,
        now: Now,
    ) {
        let provider = &self.accounts[account].provider;
        let users_max = provider.lookup_max(LookupFor::Roles).max(1);
        for rows in rows.chunks(users_max) {
            let ids = rows.iter().filter_map(|(row, _)| self.rows.get(row));
            let ids = ids.map(|row| row.task.id.clone()).collect();
            let mut batch = Batch::new(account, For::Unclear(rows.to_vec()), ids, Vec::new());
            batch.rest = rest;
            self.look_up(batch, now);
        }
    }

    /// A user who is not there any more is gone by the request. `batch`: who stands; `None`: not to be asked.
    pub(super) fn settle_unclear(
        &mut self,
        rows: Vec<(u64, Option<Said>)>,
        batch: Option<&Batch>,
        now: Now,
    ) {
        for (row, refusal) in rows {
            let Some(it) = self.rows.get(&row) else {
                continue;
            };
            let account = it.account;
            match (batch.and_then(|batch| batch.of(&it.task.id)), refusal) {
                (Some(UserState::Active { .. }), Some(detail)) => {
                    let heard = self.job_heard(row, detail);
                    self.end_step(row, StepEnd::new(Outcome::Refused, heard), now);
                }
                (Some(UserState::Active { .. }) | None, _) => self.send_alone(account, vec![row]),
                (Some(_), _) => {
                    let heard = self.job_heard(row, Said::default());
                    let end = self.settled(row, false, heard);
                    self.end_step(row, end, now);
                }
            }
        }
    }
}
