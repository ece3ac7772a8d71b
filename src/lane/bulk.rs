//! Requests that delete many users, as jobs that the provider works through: what they bring to each of
//! their rows.

use std::time::Instant;

use super::account::Account;
use super::jobs::EndedJob;
use super::lookups::{Batch, For, Stood, protected_by};
use super::requests::{BulkRequest, Class, Purpose, RequestId, Told};
use super::rows::{Said, StepEnd, bulk_answered};
use super::{Lane, Now, RequestError};
use crate::domain::{Entry, JobId, Outcome, StopKind};
use crate::provider::{Bulk, Detail, ItemEnd, JobState, LookupFor};

impl Lane {
    /// Sends `rows` in one request.
    pub(super) fn send_many(&mut self, place: usize, rows: Vec<u64>, now: Now) {
        let first = rows.first().and_then(|row| self.rows.get(row));
        let Some(step) = first.and_then(super::rows::Row::step) else {
            return;
        };
        let ids = rows.iter().filter_map(|row| self.rows.get(row));
        let ids = ids.map(|row| row.task.id.clone()).collect();
        let bulk = BulkRequest { rows, step, ids };
        self.request(place, Purpose::Bulk(bulk), now);
    }

    /// A request for many was answered.
    pub(super) fn bulk_told(
        &mut self,
        place: usize,
        bulk: BulkRequest,
        told: Told,
        said: &Said,
        now: Now,
    ) {
        let name = self.accounts[place].name.clone();
        let jobs = &mut self.accounts[place].jobs;
        if let Told::Job(job) = told {
            let none = Said {
                detail: Detail::default(),
                ..said.clone()
            };
            let mut answered = bulk_answered(&bulk, name, (None, false), &none, now);
            answered.job = Some(job.clone());
            jobs.begun(job, bulk.rows.clone(), now.instant);
            self.mark_many(&bulk.rows);
            self.record(Entry::Bulk(answered));
        } else {
            // This account has no such request, or its caller not the right to it.
            jobs.not_begun();
            let class = (Some("refused"), false);
            self.record(Entry::Bulk(bulk_answered(&bulk, name, class, said, now)));
            self.accounts[place].one_by_one = true;
            self.send_alone(place, bulk.rows);
        }
    }

    /// A request for many brought nothing, and nothing was done.
    pub(super) fn bulk_failed(
        &mut self,
        place: usize,
        bulk: BulkRequest,
        error: RequestError,
        now: Now,
    ) {
        match error {
            RequestError::Stopping => {}
            // Deleting one by one may be allowed where this is not, and tells for itself.
            RequestError::Account {
                reason: StopKind::NotPermitted | StopKind::WrongTenant,
                status: Some(_),
                ..
            } => {
                self.accounts[place].one_by_one = true;
                self.send_alone(place, bulk.rows);
            }
            RequestError::Passing { .. } => self.send_alone(place, bulk.rows),
            error @ RequestError::Account { .. } => self.condemn(place, error, now),
        }
    }

    /// A request for many may have begun a job; no answer says so.
    pub(super) fn bulk_in_doubt(&mut self, id: RequestId, now: Now) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        if let Purpose::Bulk(bulk) = request.purpose {
            self.mark_many(&bulk.rows);
            let rows: Vec<_> = bulk.rows.into_iter().map(|row| (row, None)).collect();
            self.look_up_unclear(request.account, &rows, now);
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
    pub(super) fn send_alone(&mut self, place: usize, rows: Vec<u64>) {
        for row in rows {
            let step = self.rows.get(&row).and_then(super::rows::Row::step);
            if let Some(step) = step {
                let ready = &mut self.accounts[place].ready;
                ready.entry(step).or_default().push_back(row);
            }
        }
    }

    /// The roles were read again of the users of a request for many. Leaves those who stand and are not
    /// protected. Those who do not stand any more go alone: no request for many may carry them.
    pub(super) fn bulk_roles_read(&mut self, id: RequestId, batch: &Batch, now: Now) {
        let Some(mut request) = self.requests.remove(&id) else {
            return;
        };
        let place = request.account;
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
            if it.role.is_some_and(|role| role.stood == Stood::Active) {
                rows.push(row);
                ids.push(it.task.id.clone());
            } else {
                alone.push(row);
            }
        }
        self.send_alone(place, alone);
        if rows.is_empty() {
            return;
        }
        (bulk.rows, bulk.ids) = (rows, ids);
        self.requests.insert(id, request);
        self.line_up(id, now);
    }

    // --- Jobs ---

    /// When an account's jobs are to be asked about; `None`: not as far as is known.
    pub(super) fn next_question(&self, account: &Account) -> Option<Instant> {
        if account.is_stopping {
            return None;
        }
        let is_gathering = account
            .queues
            .iter()
            .any(|queue| !queue.gathered.is_empty());
        let mut bulk = self
            .waiting
            .iter()
            .filter(|(class, _)| matches!(class, Class::Bulk(_)));
        let is_feeding = is_gathering || bulk.any(|(_, ids)| !ids.is_empty());
        account
            .jobs
            .next_question(self.limits.interval(), is_feeding)
    }

    /// Asks about jobs whose time has come.
    pub(super) fn ask_about_jobs(&mut self, place: usize, now: Now) {
        let account = &self.accounts[place];
        let due = self
            .next_question(account)
            .is_some_and(|at| at <= now.instant);
        if !due {
            return;
        }
        let most = account.provider.bulk().map_or(1, Bulk::jobs_asked_max);
        let jobs = self.accounts[place].jobs.ask(most);
        self.request(place, Purpose::Jobs(jobs), now);
    }

    /// How jobs stand was answered.
    pub(super) fn jobs_told(
        &mut self,
        place: usize,
        asked: &[JobId],
        told: (Option<u16>, Vec<(JobId, JobState)>),
        now: Now,
    ) {
        let ended = self.accounts[place].jobs.learn(asked, told, now.instant);
        for job in ended {
            self.job_ended(place, job, now);
        }
    }

    /// How jobs stand could not be asked.
    pub(super) fn jobs_failed(
        &mut self,
        place: usize,
        asked: &[JobId],
        error: RequestError,
        now: Now,
    ) {
        let lost = self.accounts[place].jobs.asking_failed(asked, now.instant);
        match error {
            RequestError::Stopping => {}
            error @ RequestError::Account { .. } => self.condemn(place, error, now),
            RequestError::Passing { .. } => {
                for job in lost {
                    self.job_ended(place, job, now);
                }
            }
        }
    }

    /// A job ended, or is lost: each of its rows ends, or is looked up.
    fn job_ended(&mut self, place: usize, job: EndedJob, now: Now) {
        let mut unclear = Vec::new();
        for row in job.rows {
            let Some(it) = self.rows.get_mut(&row) else {
                continue;
            };
            it.in_doubt = true;
            // What the provider's support would look for.
            it.job = Some((job.id.clone(), job.status));
            match job.items.get(&it.task.id) {
                Some(ItemEnd::Deleted) => {
                    let said = self.job_said(row, Detail::default());
                    self.end_step(row, StepEnd::new(Outcome::Deleted, said), now);
                }
                Some(ItemEnd::Refused(detail)) => unclear.push((row, Some(detail.clone()))),
                None => unclear.push((row, None)),
            }
        }
        self.look_up_unclear(place, &unclear, now);
    }

    fn job_said(&self, row: u64, detail: Detail) -> Said {
        let job = self.rows.get(&row).and_then(|row| row.job.as_ref());
        Said {
            status: job.and_then(|(_, status)| *status),
            request_id: job.map(|(id, _)| id.as_str().to_owned()),
            detail,
        }
    }

    /// Asks whether users still stand, of whom a job or a lost answer says nothing clear.
    fn look_up_unclear(&mut self, place: usize, rows: &[(u64, Option<Detail>)], now: Now) {
        let users_max = self.accounts[place]
            .provider
            .lookup_max(LookupFor::Roles)
            .max(1);
        for rows in rows.chunks(users_max) {
            let ids = rows.iter().filter_map(|(row, _)| self.rows.get(row));
            let ids = ids.map(|row| row.task.id.clone()).collect();
            let batch = Batch::new(place, For::Unclear(rows.to_vec()), ids, Vec::new());
            self.look_up(batch, now);
        }
    }

    /// Only users who stood went into a request for many: one who does not any more is gone by it.
    /// `batch`: who stands; `None`: that could not be asked.
    pub(super) fn settle_unclear(
        &mut self,
        rows: Vec<(u64, Option<Detail>)>,
        batch: Option<&Batch>,
        now: Now,
    ) {
        for (row, refusal) in rows {
            let Some(it) = self.rows.get(&row) else {
                continue;
            };
            let place = it.account;
            let stands = batch.and_then(|batch| batch.is_active(&it.task.id));
            match (stands, refusal) {
                (Some(false), _) => {
                    let said = self.job_said(row, Detail::default());
                    let end = self.settled(row, false, said);
                    self.end_step(row, end, now);
                }
                (Some(true), Some(detail)) => {
                    let said = self.job_said(row, detail);
                    self.end_step(row, StepEnd::new(Outcome::Refused, said), now);
                }
                (Some(true) | None, _) => self.send_alone(place, vec![row]),
            }
        }
    }
}
