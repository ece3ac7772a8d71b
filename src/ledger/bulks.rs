//! The requests that carry many rows, and the jobs they began: which rows they leave open.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::domain::{JobId, LeftOpen};

/// The rows that stand in a request for many and that nothing has ended yet. Each is in the last
/// one it was sent in, if it was not sent alone since.
#[derive(Debug, Clone, Default)]
pub(super) struct Bulks {
    /// By row: the request it stands in, and the job which that began. There are no more than are under
    /// way, or were when a process ended.
    of_row: BTreeMap<u64, (u64, Option<JobId>)>,
    /// By the number of its first row: the newest request known by it.
    by_first: BTreeMap<u64, u64>,
    begun: u64,
}

impl Bulks {
    /// `row` stands in the request whose first row is `first`, which comes first.
    pub(super) fn join(&mut self, row: u64, first: u64) {
        if row == first {
            // The number may have been another request's, of a process that is gone.
            self.begun += 1;
            self.by_first.insert(first, self.begun);
        }
        match self.by_first.get(&first) {
            Some(number) => self.of_row.insert(row, (*number, None)),
            None => self.of_row.remove(&row),
        };
    }

    /// `row` stands in no request for many any more.
    pub(super) fn leave(&mut self, row: u64) {
        self.of_row.remove(&row);
    }

    /// The request whose first row is `first` began `job`.
    pub(super) fn job(&mut self, first: u64, job: &JobId) {
        let begun = self.by_first.remove(&first);
        for (number, its_job) in self.of_row.values_mut() {
            if Some(*number) == begun {
                *its_job = Some(job.clone());
            }
        }
    }

    /// The rows of the request whose first row is `first`.
    pub(super) fn rows(&self, first: u64) -> RoaringTreemap {
        let begun = self.by_first.get(&first);
        let of_row = self.of_row.iter();
        let rows = of_row.filter(|(_, (number, _))| Some(number) == begun);
        rows.map(|(row, _)| *row).collect()
    }

    /// The kind of request that left `row` open: one for this row alone, unless it stands here.
    pub(super) fn left_open(&self, row: u64) -> LeftOpen {
        match self.of_row.get(&row) {
            None => LeftOpen::Request,
            Some((_, None)) => LeftOpen::Bulk,
            Some((_, Some(job))) => LeftOpen::Job(job.clone()),
        }
    }

    /// How many rows stand in jobs.
    pub(super) fn in_jobs(&self) -> u64 {
        let jobs = self.of_row.values().filter(|(_, job)| job.is_some());
        jobs.count() as u64
    }
}
