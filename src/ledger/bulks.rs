//! The requests that carry many rows, and the jobs they began: which rows they leave open.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::domain::{JobId, LeftOpen};

/// The rows that stand in a request for many and that nothing has ended yet: each in the last it was
/// sent in, if it was not sent alone since.
#[derive(Debug, Clone, Default)]
pub(super) struct Bulks {
    /// By request: the rows that stand in it.
    rows: BTreeMap<u64, RoaringTreemap>,
    /// By request: the job it began.
    jobs: BTreeMap<u64, JobId>,
    /// By the number of its first row: the newest request known by it.
    by_first: BTreeMap<u64, u64>,
    /// By row: the request it stands in.
    of_row: BTreeMap<u64, u64>,
    begun: u64,
}

impl Bulks {
    /// `row` stands in the request whose first row is `first`, which comes first.
    pub(super) fn join(&mut self, row: u64, first: u64) {
        self.leave(row);
        if row == first {
            // The number may have been another request's, of a process that is gone.
            self.begun += 1;
            self.by_first.insert(first, self.begun);
        }
        let Some(number) = self.by_first.get(&first) else {
            return;
        };
        self.of_row.insert(row, *number);
        self.rows.entry(*number).or_default().insert(row);
    }

    /// `row` stands in no request for many any more.
    pub(super) fn leave(&mut self, row: u64) {
        // Of a million rows that are sent alone, none stands in any.
        if self.of_row.is_empty() {
            return;
        }
        let Some(number) = self.of_row.remove(&row) else {
            return;
        };
        if let Some(rows) = self.rows.get_mut(&number) {
            rows.remove(row);
            if rows.is_empty() {
                self.rows.remove(&number);
                self.jobs.remove(&number);
            }
        }
    }

    /// The request whose first row is `first` began `job`.
    pub(super) fn job(&mut self, first: u64, job: &JobId) {
        let number = self.by_first.remove(&first);
        if let Some(number) = number.filter(|number| self.rows.contains_key(number)) {
            self.jobs.insert(number, job.clone());
        }
    }

    /// The rows of the request whose first row is `first`.
    pub(super) fn rows(&self, first: u64) -> RoaringTreemap {
        let number = self.by_first.get(&first);
        let rows = number.and_then(|number| self.rows.get(number));
        rows.cloned().unwrap_or_default()
    }

    /// The kind of request that left `row` open: one for this row alone, unless it stands here.
    pub(super) fn left_open(&self, row: u64) -> LeftOpen {
        let Some(number) = self.of_row.get(&row) else {
            return LeftOpen::Request;
        };
        let job = self.jobs.get(number).cloned();
        job.map_or(LeftOpen::Bulk, LeftOpen::Job)
    }

    /// How many rows stand in jobs.
    pub(super) fn in_jobs(&self) -> u64 {
        let jobs = self.jobs.keys().filter_map(|number| self.rows.get(number));
        jobs.map(RoaringTreemap::len).sum()
    }
}
