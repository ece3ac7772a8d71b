//! The account of a run for people who were not there: everything that the reports tell, whatever
//! they look like.

use std::path::PathBuf;

use serde::Serialize;

use super::pauses::Pause;
use super::reasons::Reason;
use super::sessions::{Caller, SessionTold};
use super::summary::Summary;
use super::timeline::Point;
use crate::domain::{InputHeader, RunOptions, Time, Verified, shown};

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
    /// How many rows ended well.
    pub good: u64,
    /// How many ended otherwise.
    pub bad: u64,
    /// The input, as it was when the run began.
    pub input: InputHeader,
    /// The ledger, as it was when the report was made.
    pub ledger: LedgerTold,
    /// The options of the run that a resume needs again.
    pub options: RunOptions,
    /// Who the program was at each account.
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
    /// Of the last verification, the rows that stand or are unknown; at most 100.
    pub not_as_asked: Vec<Verified>,
    /// The command that proves the ledger to be the one that this report is of.
    pub audit: String,
    /// The command that goes on from here, or the words that there is nothing to do.
    pub next: String,
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

impl Report {
    /// The version of the keys.
    pub const KEYS: u32 = 1;

    /// The options of the run as they were typed, each with its value.
    pub fn options_told(&self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        // Nothing in them cannot be JSON.
        let Ok(serde_json::Value::Object(options)) = serde_json::to_value(&self.options) else {
            return told;
        };
        for (key, value) in options {
            let option = match key.as_str() {
                "include_roles" => "--include-role".to_owned(),
                key => format!("--{}", key.replace('_', "-")),
            };
            let values = match value {
                serde_json::Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                let value = match value {
                    serde_json::Value::String(text) => text,
                    serde_json::Value::Bool(true) => String::new(),
                    value => value.to_string(),
                };
                told.push((option.clone(), value));
            }
        }
        told
    }

    /// As one JSON object over several lines, the last with its line feed.
    ///
    /// # Errors
    ///
    /// Never: nothing in it cannot be JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        // Written out, JSON stays the same JSON.
        Ok(shown(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::report::testing;

    /// Of every list the first item says what all are like.
    fn shorten(json: &mut serde_json::Value) {
        if let Some(list) = json.as_array_mut() {
            list.truncate(1);
            list.iter_mut().for_each(shorten);
        } else if let Some(object) = json.as_object_mut() {
            object.values_mut().for_each(shorten);
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the keys are many")]
    fn the_json_has_these_keys() {
        let mut json = serde_json::from_str(&testing::report().to_json().unwrap()).unwrap();
        shorten(&mut json);
        insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
        {
          "accounts": {
            "acme": {
              "outcomes": {
                "already_gone": 1,
                "deleted": 3,
                "done_before": 0,
                "duplicate": 1,
                "failed": 0,
                "in_doubt": 0,
                "invalid": 0,
                "not_found": 1,
                "protected": 1,
                "refused": 2
              },
              "provider": "zendesk"
            },
            "crm": {
              "outcomes": {
                "already_gone": 0,
                "deleted": 0,
                "done_before": 0,
                "duplicate": 0,
                "failed": 0,
                "in_doubt": 0,
                "invalid": 0,
                "not_found": 0,
                "protected": 0,
                "refused": 1
              },
              "provider": "zoho"
            }
          },
          "audit": "userpurge audit users.csv.ledger.jsonl --head 0000000000000000000000000000000000000000000000000000000000000000",
          "bad": 6,
          "callers": [
            {
              "caller": "4711",
              "first_session": 1,
              "last_session": 3,
              "name": "acme",
              "provider": "zendesk",
              "role": "admin",
              "tenant": "acme.example"
            }
          ],
          "ended_at": "2026-11-23T09:30:11.000Z",
          "good": 4,
          "head": "0000000000000000000000000000000000000000000000000000000000000000",
          "input": {
            "delimiter": ",",
            "format": "csv",
            "path": "/data/users.csv",
            "rows": 12,
            "sha256": "abababababababababababababababababababababababababababababababab",
            "size": 312
          },
          "ledger": {
            "lines": 26,
            "path": "users.csv.ledger.jsonl",
            "torn_bytes": 0
          },
          "made_at": "2026-11-23T13:16:40.000Z",
          "made_by": "0.2.0",
          "next": "userpurge resume users.csv.ledger.jsonl",
          "not_as_asked": [
            {
              "account": "acme",
              "action": "purge",
              "at": "2026-11-23T10:30:02.000Z",
              "finding": "standing",
              "id": "905",
              "line": 6,
              "row": 5,
              "seen": "present"
            }
          ],
          "options": {
            "account": "acme",
            "include_roles": [
              "agent"
            ]
          },
          "outcomes": {
            "already_gone": 1,
            "deleted": 3,
            "done_before": 0,
            "duplicate": 1,
            "failed": 0,
            "in_doubt": 0,
            "invalid": 1,
            "not_found": 1,
            "pending": 1,
            "protected": 1,
            "refused": 3
          },
          "pauses": [
            {
              "account": "acme",
              "from": "2026-11-22T09:30:05.000Z",
              "reason": "429 with Retry-After: 93",
              "step": "delete",
              "until": "2026-11-22T09:30:40.000Z",
              "worked_ms": [
                5000
              ]
            }
          ],
          "pauses_left_out": 0,
          "progress": [
            {
              "at": "2026-11-22T09:30:02.000Z",
              "bad": 1,
              "duplicate": 1,
              "good": 0,
              "worked_ms": 2000
            }
          ],
          "reasons": [
            {
              "code": "RecordNotFound",
              "command": "userpurge report users.csv.ledger.jsonl --format csv --out report",
              "further": false,
              "listed": [
                {
                  "account": "acme",
                  "action": "purge",
                  "id": "9010",
                  "line": 11,
                  "ref": "GDPR-7",
                  "row": 10
                }
              ],
              "message": "Not found",
              "outcome": "not_found",
              "places": {
                "left_out": 0,
                "spans": [
                  [
                    11
                  ]
                ],
                "unit": "line"
              },
              "rows": 1,
              "what_to_do": "The provider knows no such user. Hold the id and the account against where the list came from, mend the row and run the mended rows; as it stands, trying it again changes nothing."
            }
          ],
          "report": 1,
          "requests": 4,
          "rows": 12,
          "run_id": "019abcde-0000-7000-8000-000000000001",
          "sessions": [
            {
              "bad": 3,
              "command": "run",
              "duplicate": 1,
              "ended": "stopped",
              "ended_at": "2026-11-22T09:30:45.000Z",
              "good": 2,
              "last_at": "2026-11-22T09:30:45.000Z",
              "number": 1,
              "rows": 12,
              "started_at": "2026-11-22T09:30:00.000Z",
              "stops": [
                {
                  "account": "acme",
                  "at": "2026-11-22T09:30:44.000Z",
                  "message": "Couldn't authenticate you",
                  "reason": "credentials_rejected",
                  "status": 401
                }
              ],
              "version": "0.1.0",
              "worked_before_ms": 0
            }
          ],
          "sessions_left_out": 0,
          "settled_unseen": 0,
          "started_at": "2026-11-22T09:30:00.000Z",
          "state": "interrupted",
          "steps_done": {
            "soft_deleted": 0
          },
          "stops": [],
          "throttled": 0,
          "verification": {
            "as_asked": 1,
            "asked": 3,
            "at": "2026-11-23T10:30:00.000Z",
            "complete": true,
            "good_rows": 3,
            "rows": 3,
            "sample": null,
            "standing": 1,
            "under_way": 0,
            "unknown": 1
          }
        }
        "#);
    }

    #[test]
    fn the_rows_of_the_reasons_and_the_last_point_are_the_counts() {
        let report: Report = testing::report();
        let rows: u64 = report.reasons.iter().map(|it| it.rows).sum();
        assert_eq!(rows, report.bad);
        let last = report.progress.last().unwrap();
        let counts = &report.summary.outcomes;
        let told = (last.good, last.bad, last.duplicate);
        assert_eq!(told, (report.good, report.bad, counts.duplicate));
        assert_eq!(counts.total(), report.summary.rows);
    }
}
