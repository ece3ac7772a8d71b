//! The account of a run for people who were not there: everything that the reports tell, whatever
//! they look like.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::pauses::Pause;
use super::reasons::Reason;
use super::refs::Refs;
use super::sessions::{Caller, SessionTold};
use super::summary::Summary;
use super::timeline::Point;
use crate::domain::{
    AccountName, Action, Agreed, Counts, PlannedInput, RunOptions, Sums, Time, Verified,
    escape_controls,
};

/// The keys of a report that are true of one run alone: a report over several has them in its `runs`.
const OF_ONE_RUN: &str = "run_id head ledger options agreed callers sessions sessions_left_out \
                          progress pauses pauses_left_out not_as_asked audit next";

/// A report. Serialised it is `report --format json`: these fields, by these names. Keys may be
/// added; one whose meaning changes raises [`Report::KEYS`].
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// [`Report::KEYS`].
    pub report: u32,
    /// When the report was made.
    pub made_at: Time,
    /// The version of the program that made it.
    pub made_by: &'static str,
    /// Everything that `status --json` has.
    #[serde(flatten)]
    pub summary: Summary,
    /// How many rows are done, not done and skipped.
    #[serde(flatten)]
    pub sums: Sums,
    /// The input, as it was when it was planned.
    pub input: InputTold,
    /// The ledger, as it was when the report was made.
    pub ledger: LedgerTold,
    /// The options of the run that a resume needs again.
    pub options: RunOptions,
    /// The persons who agreed to the plan, how, where and of which lists; left out as long as nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Agreed>,
    /// The work done: the rows that were to be sent by account and action, and how they stand.
    pub done: Vec<ActionDone>,
    /// The callers that the program was at each account.
    pub callers: Vec<Caller>,
    /// The processes that worked on the run: the first, and the newest 99.
    pub sessions: Vec<SessionTold>,
    /// How many sessions are left out of these.
    pub sessions_left_out: u64,
    /// How far the run had come when; at most 49 points, the last is where it stands.
    pub progress: Vec<Point>,
    /// When it waited because a server said so: the first 100 times.
    pub pauses: Vec<Pause>,
    /// How many pauses are left out of these.
    pub pauses_left_out: u64,
    /// Why rows ended otherwise than well, at most 200 reasons and a further one for each outcome;
    /// their rows add up to `bad`.
    pub reasons: Vec<Reason>,
    /// The fate of the rows that share a reference; left out if no row has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<Refs>,
    /// Of a report over several ledgers, that of each, without the rows that count in another one.
    /// A field that is no sum above is the first one's, and left out of the JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Self>,
    /// Of the last verification, the rows that stand or are unknown; at most 100.
    pub not_as_asked: Vec<Verified>,
    /// The command that proves the ledger to be the one that this report is of.
    pub audit: String,
    /// The command that goes on from here, or the words that there is nothing to do.
    pub next: String,
}

/// The work done to the rows of one account and action.
#[derive(Debug, Clone, Serialize)]
pub struct ActionDone {
    /// The account.
    pub account: AccountName,
    /// The action.
    pub action: Action,
    /// The effect on a user, of a provider file in the file's words.
    pub does: String,
    /// How its rows stand.
    pub outcomes: Counts,
}

/// The ledger that a report is of.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerTold {
    /// Its path.
    pub path: PathBuf,
    /// How many whole lines it had; each was checked against the one before it.
    pub lines: u64,
    /// How many bytes without an end followed them.
    pub torn_bytes: u64,
}

/// The input that a report is of; empty: its plan was never finished.
#[derive(Debug, Clone, Default, Serialize)]
pub struct InputTold {
    /// The file, as it lay on disk; of standard input, the spool file.
    #[serde(flatten)]
    pub file: PlannedInput,
    /// How many rows of data it has.
    pub rows: u64,
}

impl Report {
    /// The version of the keys.
    pub const KEYS: u32 = 2;

    /// The options of the run as they were typed, each with its value.
    pub fn describe_options(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        // Nothing in them cannot be JSON.
        let Ok(Value::Object(options)) = serde_json::to_value(&self.options) else {
            return pairs;
        };
        for (key, value) in options.into_iter().filter(|(key, _)| key != "config_named") {
            let option = match key.as_str() {
                "include_roles" => "--include-role".to_owned(),
                key => format!("--{}", key.replace('_', "-")),
            };
            let in_words = |value: Value| match value {
                Value::String(text) => text,
                Value::Bool(true) => String::new(),
                value => value.to_string(),
            };
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            pairs.extend(values.into_iter().map(|it| (option.clone(), in_words(it))));
        }
        pairs
    }

    /// As one JSON object over several lines, the last with its line feed.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut json = serde_json::to_value(self)?;
        if let (Some(json), false) = (json.as_object_mut(), self.runs.is_empty()) {
            json.retain(|key, _| OF_ONE_RUN.split(' ').all(|it| it != key));
            json.insert("input".to_owned(), json!({"rows": self.input.rows}));
        }
        let mut text = serde_json::to_string_pretty(&json)?;
        text.push('\n');
        // Written out, JSON stays the same JSON.
        Ok(escape_controls(&text).into_owned())
    }
}
