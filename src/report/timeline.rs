//! How a run went on over time, in bounded memory: slices of time that merge in pairs whenever they
//! become too many.
//!
//! Time is *working time*, so that the work can be seen. The time between the end of one process and the start
//! of the next, which may be a night, is left out. Each point still knows its time of day.

use serde::Serialize;

use crate::domain::{Counted, Sums, Time};

/// How many slices there are at most; as soon as there are more, each two become one.
const SLICES_MAX: usize = 48;

/// How long a slice is at first, in milliseconds.
const SLICE_MS: u64 = 1_000;

/// How many sessions have a start of their own; later ones go on with the last one's.
const PARTS_MAX: usize = 10_000;

/// Collects what happened when.
#[derive(Debug)]
pub(super) struct Timeline {
    /// When each process began, and the working time before it, in milliseconds.
    parts: Vec<(Time, u64)>,
    /// The latest instant seen, in milliseconds of working time.
    pub(super) worked_ms: u64,
    slice_ms: u64,
    /// How many rows had ended by the end of each slice.
    slices: Vec<Sums>,
}

/// How far a run had come at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Point {
    /// The instant.
    pub at: Time,
    /// How long the run had been at work, in milliseconds, times between sessions left out.
    pub worked_ms: u64,
    /// How many rows had ended.
    #[serde(flatten)]
    pub sums: Sums,
}

impl Timeline {
    /// The timeline of a run whose first process began at `began`.
    pub(super) fn new(began: Time) -> Self {
        Self {
            parts: vec![(began, 0)],
            worked_ms: 0,
            slice_ms: SLICE_MS,
            slices: Vec::new(),
        }
    }

    /// A later process takes the run up.
    pub(super) fn begin(&mut self, at: Time) {
        if self.parts.len() < PARTS_MAX {
            self.parts.push((at, self.worked_ms));
        }
    }

    /// The working time at `at`, in milliseconds; the run was at work then.
    pub(super) fn seen(&mut self, at: Time) -> u64 {
        let (began, before_ms) = self.parts[self.parts.len() - 1];
        let since = at.saturating_since(began).as_millis();
        let worked = before_ms.saturating_add(u64::try_from(since).unwrap_or(u64::MAX));
        self.worked_ms = self.worked_ms.max(worked);
        worked
    }

    /// A row ended; `was`: how it had ended before.
    pub(super) fn row(&mut self, at: Time, was: Option<Counted>, is: Counted) {
        let worked = self.seen(at);
        while worked / self.slice_ms >= SLICES_MAX as u64 {
            self.merge();
        }
        let place = usize::try_from(worked / self.slice_ms).unwrap_or(SLICES_MAX - 1);
        if self.slices.len() <= place {
            let so_far = self.slices.last().copied().unwrap_or_default();
            self.slices.resize(place + 1, so_far);
        }
        for slice in &mut self.slices[place..] {
            *slice.slot(is) += 1;
            // A row that ends anew takes its earlier end back.
            if let Some(was) = was {
                let slot = slice.slot(was);
                *slot = slot.saturating_sub(1);
            }
        }
    }

    /// Makes one slice of each two.
    fn merge(&mut self) {
        self.slice_ms = self.slice_ms.saturating_mul(2);
        let pairs = self.slices.chunks(2);
        self.slices = pairs.map(|pair| pair[pair.len() - 1]).collect();
    }

    /// The points at the ends of the slices, ascending; the last is where the run stands.
    pub(super) fn points(&self) -> Vec<Point> {
        let point = |worked_ms, sums| Point {
            at: self.time_of_day(worked_ms),
            worked_ms,
            sums,
        };
        let mut points: Vec<Point> = Vec::with_capacity(self.slices.len() + 1);
        for (sums, number) in self.slices.iter().copied().zip(1..) {
            let worked_ms = self.slice_ms.saturating_mul(number).min(self.worked_ms);
            // A row that ended at the very end of the working time has a slice, but no time, of its own.
            points.pop_if(|last| last.worked_ms == worked_ms);
            points.push(point(worked_ms, sums));
        }
        // Nothing ended any more in the last of the working time.
        if let Some(last) = points.last().copied()
            && last.worked_ms < self.worked_ms
        {
            points.push(point(self.worked_ms, last.sums));
        }
        points
    }

    /// When the run had been at work for `worked_ms`.
    fn time_of_day(&self, worked_ms: u64) -> Time {
        let behind = self
            .parts
            .partition_point(|(_, before)| *before < worked_ms);
        let (began, before_ms) = self.parts[behind.max(1) - 1];
        let since = worked_ms.saturating_sub(before_ms);
        began.after(std::time::Duration::from_millis(since))
    }
}
