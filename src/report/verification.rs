//! The last verification of a ledger: for `status` in numbers, for `verify` with the rows that
//! somebody has to look at.

use std::fmt::Write as _;

use serde::Serialize;

use super::text::{add_line, answer, stop_told};
use crate::domain::{LaneStop, SampleDraw, Time, UserState, Verified};
use crate::ledger::VerificationState;
use crate::words::{count, grouped, utc};

/// The last verification in numbers, in the shape that scripts rely on.
#[derive(Debug, Clone, Serialize)]
pub struct VerificationSummary {
    /// When it began.
    pub at: Time,
    /// Whether every row it set out to ask about was asked about.
    pub complete: bool,
    /// How many rows had ended `deleted` or `already_gone`.
    pub good_rows: u64,
    /// How many of them were to be asked about.
    pub rows: u64,
    /// How many were.
    pub asked: u64,
    /// How many of those are as their action promises.
    pub as_asked: u64,
    /// How many still stand, or stand again.
    pub standing: u64,
    /// How many are being deleted by the provider.
    pub under_way: u64,
    /// How many of the answers were not clear.
    pub unknown: u64,
    /// What the sample was drawn with; `None`: there was none.
    pub sample: Option<SampleDraw>,
    /// The accounts that were stopped in it. Left out of the JSON.
    #[serde(skip)]
    pub stops: Vec<LaneStop>,
}

impl VerificationSummary {
    /// Sums up what a ledger says of its last verification.
    pub fn new(state: &VerificationState) -> Self {
        let begun = &state.begun;
        let [as_asked, standing, under_way, unknown] = state.findings;
        Self {
            at: begun.at,
            complete: state.is_complete(),
            good_rows: begun.good_rows.unwrap_or_default(),
            rows: begun.rows,
            asked: state.findings.iter().sum(),
            as_asked,
            standing,
            under_way,
            unknown,
            sample: begun.sample,
            stops: state.stops.clone(),
        }
    }

    /// Whether nobody has to look at anything: every row was asked about, and none stands or is
    /// unknown.
    pub const fn is_ok(&self) -> bool {
        self.complete && self.standing == 0 && self.unknown == 0
    }

    /// In one line.
    pub fn line(&self) -> String {
        format!(
            "asked about {} of {}: {} gone, {} being erased, {} still there, {} unknown ({})",
            grouped(self.asked),
            count(self.good_rows, "row"),
            grouped(self.as_asked),
            grouped(self.under_way),
            grouped(self.standing),
            grouped(self.unknown),
            utc(self.at)
        )
    }

    /// For people: the numbers, then the rows of `listed`, which are some or all of those that
    /// stand or are unknown.
    pub fn render(&self, listed: &[Verified]) -> String {
        let mut text = String::new();
        let mut line = |label: &str, words: &str| add_line(&mut text, label, words);
        let good = count(self.good_rows, "row");
        let asked = grouped(self.asked);
        line(
            "verified",
            &format!("asked about {asked} of {good} that ended deleted or already_gone"),
        );
        if let Some(SampleDraw { rows, seed }) = self.sample {
            let rows = grouped(rows);
            line("sample", &format!("{rows} drawn with --seed {seed}"));
        }
        if !self.complete {
            let left = count(self.rows - self.asked, "row");
            line(
                "left out",
                &format!("{left} not asked about; the next `verify` starts anew"),
            );
        }
        line("gone", &grouped(self.as_asked));
        line("erasing", &grouped(self.under_way));
        line("still there", &grouped(self.standing));
        line("unknown", &grouped(self.unknown));
        for row in listed {
            let seen = row.seen.as_ref().map_or("unknown", UserState::name);
            let mut words = format!("{} {}, {}: {seen}", row.account, row.id, row.action);
            let why = answer(&row.said);
            if !why.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(words, " ({why})");
            }
            line(&format!("line {}", row.position.line), &words);
        }
        let more = (self.standing + self.unknown).saturating_sub(listed.len() as u64);
        if more > 0 {
            line(
                "",
                &format!("and {}; `--json` has all of them", count(more, "more row")),
            );
        }
        for stop in &self.stops {
            line("stopped", &stop_told(stop));
        }
        text
    }
}
