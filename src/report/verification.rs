//! The last verification of a ledger: for `status` in numbers, for `verify` with the rows that
//! somebody has to look at.

use std::fmt::Write as _;
use std::io::{self, Write};

use roaring::RoaringTreemap;
use serde::Serialize;
use serde_json::json;

use super::text::{add_line, answer, describe_stop};
use crate::domain::{
    Action, Finding, LaneStop, ProviderKind, SampleDraw, Time, UserState, Verified,
};
use crate::ledger::{LedgerError, LedgerState, each_found};
use crate::words::{count, grouped, utc};

/// So many rows that are done: `1 row that is done`.
pub fn rows_done(rows: u64) -> String {
    let are = if rows == 1 { "is" } else { "are" };
    format!("{} that {are} done", count(rows, "row"))
}

/// The last verification in numbers, in the shape that scripts rely on.
#[derive(Debug, Clone, Serialize)]
pub struct VerificationSummary {
    /// When it began.
    pub at: Time,
    /// Whether every row it set out to ask about was asked about.
    pub complete: bool,
    /// How many rows are done by now; those that ended since were not asked about.
    pub good_rows: u64,
    /// How many of them this verification was to ask about.
    pub rows: u64,
    /// How many were asked about, by this verification or one before it.
    pub asked: u64,
    /// How many of those are as their action promises.
    pub as_asked: u64,
    /// How many still stand, or stand again.
    pub standing: u64,
    /// How many are being deleted by the provider.
    pub under_way: u64,
    /// How many of the answers were not clear.
    pub unknown: u64,
    /// The draw of the sample; `None`: there was none.
    pub sample: Option<SampleDraw>,
    /// How many rows this verification did not come to. Left out of the JSON.
    #[serde(skip)]
    pub left: u64,
    /// The accounts that were stopped in it. Left out of the JSON.
    #[serde(skip)]
    pub stops: Vec<LaneStop>,
}

impl VerificationSummary {
    /// How many rows are listed for people; scripts get all of them.
    pub const LISTED: usize = 20;

    /// Sums up what a ledger says of its verifications; `None`: there was none.
    pub fn new(state: &LedgerState) -> Option<Self> {
        let last = state.verification.as_ref()?;
        let begun = &last.begun;
        let found = state.found.each_ref().map(RoaringTreemap::len);
        let [as_asked, standing, under_way, unknown] = found;
        Some(Self {
            at: begun.at,
            complete: last.is_complete(),
            good_rows: state.verifiable().values().map(RoaringTreemap::len).sum(),
            rows: begun.rows,
            asked: found.iter().sum(),
            as_asked,
            standing,
            under_way,
            unknown,
            sample: begun.sample,
            left: begun.rows.saturating_sub(last.asked),
            stops: last.stops.clone(),
        })
    }

    /// Whether some rows that are done were not asked about since they ended.
    pub const fn is_partial(&self) -> bool {
        self.asked < self.good_rows
    }

    /// Whether nobody has to look at anything: every row was asked about, and none stands or is
    /// unknown.
    pub const fn is_ok(&self) -> bool {
        self.complete && self.standing == 0 && self.unknown == 0
    }

    /// The first rows that somebody has to look at, at most `max`, those that stand before those that are
    /// unknown. Also whether one of those who stand may just not be deleted yet.
    pub fn listed(state: &LedgerState, max: usize) -> Result<(Vec<Verified>, bool), LedgerError> {
        let accounts = state.accounts();
        let is_sunco = |row: &Verified| {
            let account = accounts.get(&row.account);
            account.is_some_and(|account| account.provider == ProviderKind::Sunco)
        };
        let (mut listed, mut in_background) = (Vec::new(), false);
        for finding in [Finding::Standing, Finding::Unknown] {
            let begins = listed.len();
            each_found(state, finding, |row| {
                let is_deletion = finding == Finding::Standing && row.action == Action::Delete;
                in_background |= is_deletion && is_sunco(row);
                if listed.len() < max {
                    listed.push(row.clone());
                }
                Ok::<_, LedgerError>(())
            })?;
            listed[begins..].sort_by_key(|row| row.position.row);
        }
        Ok((listed, in_background))
    }

    /// One JSON object, written as the ledger is read: its lists may be as long as the ledger.
    pub fn write_json<E>(&self, state: &LedgerState, out: &mut dyn Write) -> Result<(), E>
    where
        E: From<LedgerError> + From<io::Error> + From<serde_json::Error>,
    {
        let mut object = serde_json::to_value(self)?;
        object["ok"] = json!(self.is_ok());
        object["run_id"] = json!(state.header.run_id);
        let text = object.to_string();
        write!(out, "{}", text.strip_suffix('}').unwrap_or(&text))?;
        for (name, finding) in [
            ("standing_rows", Finding::Standing),
            ("unknown_rows", Finding::Unknown),
        ] {
            write!(out, ",\"{name}\":[")?;
            let mut comma = "";
            each_found(state, finding, |row| {
                write!(out, "{comma}{}", serde_json::to_string(row)?)?;
                comma = ",";
                Ok::<_, E>(())
            })?;
            write!(out, "]")?;
        }
        Ok(writeln!(out, "}}")?)
    }

    /// In one line.
    pub fn line(&self) -> String {
        let found = [self.as_asked, self.under_way, self.standing, self.unknown];
        let [gone, erasing, standing, unknown] = found.map(grouped);
        let (asked, rows) = (grouped(self.asked), count(self.good_rows, "row"));
        format!(
            "asked about {asked} of {rows}: {gone} gone, {erasing} being erased, {standing} still there, \
             {unknown} unknown ({})",
            utc(self.at)
        )
    }

    /// The advice about the findings, as far as there is any. `in_background`: what [`Self::listed`]
    /// says; `again`: the ledger as a shell takes it, with the configuration where one has to be named.
    pub fn advice(&self, in_background: bool, again: &str) -> Vec<String> {
        let again_later = "erasing: the provider is still erasing these users, which can take days; verify again later";
        let soon = "still there: Sunshine Conversations deletes in the background; verify again in a few minutes before you try again";
        let standing = format!(
            "still there: their rows are done, and these users are not gone; `userpurge retry --only standing {again}` sends them again"
        );
        let unknown =
            format!("unknown: no clear answer came; `userpurge verify {again}` asks again");
        let parts = [
            (self.under_way > 0, again_later),
            (in_background, soon),
            (self.standing > 0, &standing),
            (self.unknown > 0, &unknown),
        ];
        let parts = parts.into_iter().filter(|(is_so, _)| *is_so);
        parts.map(|(_, words)| words.to_owned()).collect()
    }

    /// For people: the numbers, then the rows of `listed`, which are some or all of those that
    /// stand or are unknown.
    pub fn render(&self, listed: &[Verified]) -> String {
        let mut text = String::new();
        let mut line = |label: &str, words: &str| add_line(&mut text, label, words);
        let (asked, done) = (grouped(self.asked), rows_done(self.good_rows));
        line("verified", &format!("asked about {asked} of {done}"));
        if let Some(SampleDraw { rows, seed }) = self.sample {
            let rows = grouped(rows);
            line("sample", &format!("{rows} drawn with --seed {seed}"));
        }
        if !self.complete {
            let left = count(self.left, "row");
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
            line("stopped", &describe_stop(stop));
        }
        text
    }
}
