//! What a report tells, in each of its forms, of a run with everything in it: stopped by its credentials,
//! resumed the next day, verified, with hostile texts from outside.

use std::fmt::Write as _;
use std::path::PathBuf;

use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use userpurge::domain::{Entry, Finding, Outcome, RunState, Step, StopKind};
use userpurge::ledger::LedgerState;
use userpurge::report::{Report, Summary, html, md, text};

use crate::ledger::{
    after_plan, agreed, at, bad, bytes_of, end, entry, intent, outcome, pause, put, request, stop,
    verification, verified,
};

/// What would run if it were not escaped.
const SCRIPT: &str = "<script>alert(1)</script>";

/// A run of 12 rows.
pub(crate) fn entries() -> Vec<Entry> {
    let hostile = json!({
        "row": 4, "id": "shop|`1001`", "account": "crm", "ref": format!("{SCRIPT} @all #1\u{1b}[31m\n\u{202e}"),
        "outcome": "refused", "code": "x`y", "message": format!("a | b ``{SCRIPT}\u{7}"),
    });
    let nowhere = json!({
        "row": 2, "account": null, "action": null, "id": null, "ref": null, "outcome": "invalid",
        "code": "unknown_account", "message": "no account has the name in the row",
    });
    let tickets = |row, n: u32, seconds| {
        let message = format!("is requester on {n} ticket(s) that are not closed.");
        bad(row, Outcome::Refused, "UserDeleteFailed", &message, seconds)
    };
    let agent = "this user's role is agent";
    vec![
        entry("session", 0, json!({"command": "run", "rows": 12})),
        request(0),
        outcome(1, Outcome::Duplicate, 1),
        entry("outcome", 1, nowhere),
        intent(3, Step::Delete, 2),
        outcome(3, Outcome::Deleted, 3),
        entry("outcome", 4, hostile),
        pause(Some(Step::Delete), 5, 40),
        intent(5, Step::Delete, 41),
        outcome(5, Outcome::AlreadyGone, 42),
        bad(6, Outcome::Failed, "timed_out", "no answer came", 43),
        stop(StopKind::CredentialsRejected, 44),
        end(RunState::Stopped, 45),
        entry("session", 86_400, json!({})),
        intent(6, Step::Delete, 86_401),
        outcome(6, Outcome::Deleted, 86_402),
        tickets(7, 2, 86_403),
        tickets(8, 17, 86_404),
        bad(9, Outcome::Protected, "protected_role", agent, 86_405),
        bad(10, Outcome::NotFound, "RecordNotFound", "Not found", 86_406),
        outcome(11, Outcome::Deleted, 86_410),
        end(RunState::Interrupted, 86_411),
        verification(3, 90_000),
        verified(3, Finding::AsAsked, 90_001),
        verified(5, Finding::Standing, 90_002),
        verified(6, Finding::Unknown, 90_003),
    ]
}

/// A ledger of a plan of rows 1 to `rows` that somebody agreed to and of `entries`, and the report of it.
pub(crate) fn report_of(rows: u64, entries: &[Entry]) -> (TempDir, PathBuf, Report) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.csv.ledger.jsonl");
    let entries = [&[agreed(0)], entries].concat();
    put(&path, &bytes_of(&after_plan(rows, &entries)));
    let report = Report::read_all(&[(path.clone(), false)], at(100_000)).unwrap();
    (folder, path, report)
}

fn report() -> Report {
    report_of(12, &entries()).2
}

/// `text` without the path of the folder and the hash that follows from it all.
fn plain(report: &Report, text: &str) -> String {
    let folder = report
        .summary
        .ledger
        .parent()
        .unwrap()
        .display()
        .to_string();
    let head = report.summary.head.to_string();
    text.replace(&format!("{folder}/"), "")
        .replace(&head, "HEAD")
}

/// What is read aloud of a page: its text, a line for each row of a table and each paragraph.
fn read_aloud(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let mut text = String::new();
    // A place where a word may be broken is nothing to be read.
    for part in body.replace("<wbr>", "").split('<') {
        let (tag, words) = part.split_once('>').unwrap_or(("", part));
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        if !tag.starts_with('/')
            && matches!(
                name,
                "h1" | "h2" | "h3" | "p" | "tr" | "dt" | "li" | "caption" | "title" | "summary"
            )
        {
            text.push('\n');
        }
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if !words.is_empty() {
            write!(text, " {words}").unwrap();
        }
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a page is long")]
fn a_page_reads_so() {
    let report = report();
    insta::assert_snapshot!(read_aloud(&plain(&report, &html::render(&report))), @r#"
    userpurge · report of a run
    4 of 12 rows done (1 still there when asked), 6 not done, 1 skipped, 1 still to do
    users.csv
    ! run interrupted ! verification found 1 user still there
    All rows by how they ended 4 done, 6 not done, 1 skipped, 1 still to do. The table below has the same numbers.
    4 done + 6 not done + 1 skipped + 1 still to do = 12 rows in the input
    Began 2026-11-22 09:30:00 UTC
    Ended 2026-11-23 09:30:11 UTC
    From first to last 1 d 0 h
    Requests recorded 4
    Where, and as whom acme.example as user 4711 , role admin
    Next userpurge resume users.csv.ledger.jsonl
    Every row
    How many rows ended how
    Outcome Means Rows
    deleted the provider confirmed the deletion 3
    already_gone the provider says that the user had been deleted before 1
    not_found the provider knows no such user 1
    refused the provider will not delete this user until somebody acts 3
    invalid the row could not be sent 1
    protected the caller, or of a protected role: not deleted for good 1
    duplicate stands earlier in the file; nothing was sent 1
    pending has not ended yet 1
    sum as many as the input has 12
    What was done
    The rows that were to be sent, by what was asked for
    Account Action Means Rows done not done still to do
    acme purge soft delete, then for good 12 4 6 1
    By account
    Outcomes by account One bar for each account. The table below has the same numbers. acme 4 done, 4 not done, 1 skipped crm 1 not done
    done not done skipped still to do
    Outcomes by account
    Account deleted already_gone not_found refused invalid protected duplicate ended
    acme Zendesk Support 3 1 1 2 0 1 1 9
    crm Zoho CRM 0 0 0 1 0 0 0 1
    no account 0 0 0 0 1 0 0 1
    sum 3 1 1 3 1 1 1 11
    These are the rows that ended; 1 row is still to do.
    Over time
    Rows that had ended, over time How many rows were done, not done or skipped at each time, up to all 12, with 1 pause. The time between sessions is left out, and marked. The table beside has the same numbers. break 23 h 59 min 12 6 2026-11-22 09:30 2026-11-23 09:30 2026-11-23 09:30
    done not done skipped still to do
    a server asked to wait
    At each dashed line the run rested. That takes no room here; the sessions below tell from when to when.
    Rows that had ended
    By (UTC) done not done skipped of all
    2026-11-22 09:30:02 0 1 1 16.66%
    2026-11-22 09:30:04 1 1 1 25.00%
    2026-11-22 09:30:06 1 2 1 33.33%
    2026-11-22 09:30:08 1 2 1 33.33%
    2026-11-22 09:30:10 1 2 1 33.33%
    2026-11-22 09:30:12 1 2 1 33.33%
    2026-11-22 09:30:14 1 2 1 33.33%
    2026-11-22 09:30:16 1 2 1 33.33%
    2026-11-22 09:30:18 1 2 1 33.33%
    2026-11-22 09:30:20 1 2 1 33.33%
    2026-11-22 09:30:22 1 2 1 33.33%
    2026-11-22 09:30:24 1 2 1 33.33%
    2026-11-22 09:30:26 1 2 1 33.33%
    2026-11-22 09:30:28 1 2 1 33.33%
    2026-11-22 09:30:30 1 2 1 33.33%
    2026-11-22 09:30:32 1 2 1 33.33%
    2026-11-22 09:30:34 1 2 1 33.33%
    2026-11-22 09:30:36 1 2 1 33.33%
    2026-11-22 09:30:38 1 2 1 33.33%
    2026-11-22 09:30:40 1 2 1 33.33%
    2026-11-22 09:30:42 1 2 1 33.33%
    2026-11-22 09:30:44 2 3 1 50.00%
    2026-11-23 09:30:01 2 3 1 50.00%
    2026-11-23 09:30:03 3 2 1 50.00%
    2026-11-23 09:30:05 3 4 1 66.66%
    2026-11-23 09:30:07 3 6 1 83.33%
    2026-11-23 09:30:09 3 6 1 83.33%
    2026-11-23 09:30:11 4 6 1 91.66%
    When a server asked to wait
    From (UTC) Until (UTC) Pauses Waited What waited Why
    2026-11-22 09:30:05 2026-11-22 09:30:40 1 35 s acme, delete 429 with Retry-After: 93
    Not done
    6 rows in all. userpurge report users.csv.ledger.jsonl --format csv --out report gives them back in failed.csv , to be fixed and run again; with all their columns, as long as the input is there unchanged.
    1 not_found
    The provider knows no such user. Compare the id and the account with where the list came from, fix the row and run the fixed rows; as it stands, trying it again changes nothing. userpurge report users.csv.ledger.jsonl --format csv --out report
    RecordNotFound Not found
    1 row: line 11
    All of them
    Line Account Action Id Ref
    11 acme purge 9010 GDPR-7
    3 refused
    The provider will not delete this user until somebody acts on what it says. Once that is done, try these rows again. userpurge retry users.csv.ledger.jsonl --only refused
    UserDeleteFailed is requester on … ticket(s) that are not closed.
    2 rows: lines 8, 9
    All of them
    Line Account Action Id Ref
    8 acme purge 907 GDPR-7
    9 acme purge 908 GDPR-7
    x`y a | b ``&#60;script&#62;alert(1)&#60;/script&#62;\u0007
    1 row: line 5
    All of them
    Line Account Action Id Ref
    5 crm purge shop|`1001` &#60;script&#62;alert(1)&#60;/script&#62; @all #1\u001b[31m \u202e
    1 invalid
    Nothing was sent. Fix the row as the reason says, and run the fixed rows. userpurge report users.csv.ledger.jsonl --format csv --out report
    unknown_account no account has the name in the row
    1 row: line 3
    All of them
    Line Account Action Id Ref
    3 – – – –
    1 protected
    Nothing was deleted, to keep the team safe. If this user is to go, let users of that role be deleted. userpurge retry users.csv.ledger.jsonl --only protected --include-role agent
    protected_role this user&#39;s role is agent
    1 row: line 10
    All of them
    Line Account Action Id Ref
    10 acme purge 909 GDPR-7
    Who, where, when
    Agreed to by the operating-system user ada at the machine desk , 2026-11-22 09:30:00 UTC, by typing the number of rows or the tenant at the question
    Protect list none
    Whose credentials were used, as the provider said
    Account Provider Tenant Caller Role Sessions
    acme Zendesk Support acme.example 4711 admin 1–3
    Sessions
    No. Command From (UTC) Until (UTC) Ended Set out for done not done Version
    1 run 2026-11-22 09:30:00 2026-11-22 09:30:45 stopped 12 2 3 0.1.0
    acme: the credentials were rejected (HTTP 401, Couldn&#39;t authenticate you)
    2 resume 2026-11-23 09:30:00 2026-11-23 09:30:11 interrupted 3 2 4 0.1.0
    3 verify 2026-11-23 10:30:00 2026-11-23 10:30:03 – 3 – – 0.1.0
    Options of the run
    --account acme
    --include-role agent
    Verification
    What the provider said when it was asked about rows that are done
    Seen Rows
    gone 1
    still there 1
    being erased by the provider 0
    no clear answer 1
    asked 3
    asked about 3 of 4 rows: 1 gone, 0 being erased, 1 still there, 1 unknown (2026-11-23 10:30:00 UTC).
    Rows still there, or with no clear answer
    Line Account Action Id Seen Why
    6 acme purge 905 present
    7 acme purge 906 unknown HTTP 500, server_error, Something went wrong
    Evidence
    Run 019abcde-0000-7000-8000-000000000001
    Input /data/users.csv 312 bytes, 12 rows, csv
    SHA-256 of the input abababababababababababababababababababababababababababababababab
    Ledger users.csv.ledger.jsonl 30 lines, each checked against the one before it when this page was made
    Fingerprint of the ledger HEAD
    How to audit this
    That the ledger is the one this page is of, and that no line of it was changed, dropped, moved or added. It needs no network, and ends with exit code 0: userpurge audit users.csv.ledger.jsonl --head HEAD
    That the input is the one the run was given. It must print the SHA-256 above: sha256sum /data/users.csv
    That the users are gone. It asks the provider, and changes nobody: userpurge verify users.csv.ledger.jsonl
    If the ledger has grown since, the first command says by how many lines. A row of this page stands in the ledger as its line with "kind":"outcome" and that "line" ; the last of them counts.
    Signed
    Carried out by
    Place and date
    Signature
    Checked by
    Place and date
    Signature Made by userpurge 0.2.0 on 2026-11-23 13:16:40 UTC. All times are UTC. This page holds ids and references as the ledger has them, runs nothing and asks no network for anything.
    "#);
}

#[test]
fn what_came_from_outside_is_text_and_nothing_but_text() {
    let page = html::render(&report());
    assert!(!page.contains("<script") && !page.contains(SCRIPT));
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
        "{page}"
    );
    let acts = |c: char| c.is_control() && c != '\n';
    assert!(!page.contains(acts) && !page.contains('\u{202e}'));
    assert!(page.contains("\\u001b[31m") && page.contains("\\u202e"));
}

/// Whoever opens the page makes no request: there is nothing in it that asks for one.
#[test]
fn a_page_names_nothing_to_fetch() {
    let page = html::render(&report());
    for word in [
        "src=", "href", "@import", "http:", "https:", "//", "<link", "<iframe", "<form",
    ] {
        // The policy itself, and its hash, are no addresses.
        let without_policy = page.replace("base-uri 'none'", "");
        let body = without_policy.split_once("<title>").unwrap().1;
        assert!(!body.contains(word), "{word}");
    }
    // Patterns of its own are all that is named by an address.
    assert_eq!(page.matches("url(").count(), page.matches("url(#").count());
}

#[test]
fn a_page_stays_small_however_long_and_hostile_the_run_was() {
    let long = "<&\"'é".repeat(200);
    let mut entries = Vec::new();
    for row in 1..=3_000_u32 {
        let seconds = i64::from(row) * 50;
        let code = format!("{long}{}", char::from_u32(0x4e00 + row).unwrap());
        let account = format!("{long}{}", row % 300);
        let fields = json!({"row": row, "account": account, "id": long, "ref": long, "code": code,
            "message": long, "outcome": "refused"});
        entries.push(entry("outcome", seconds, fields));
        entries.push(pause(None, seconds, seconds + 10));
        if row % 10 == 0 {
            entries.push(entry("session", seconds + 20, json!({})));
        }
    }
    let page = html::render(&report_of(3_000, &entries).2);
    assert!(page.len() < 4 * 1024 * 1024, "{} bytes", page.len());
}

#[test]
fn a_run_in_which_nothing_happened_is_a_page_too() {
    let page = read_aloud(&html::render(&report_of(0, &[]).2));
    for words in [
        "0 of 0 rows done",
        "No row has ended.",
        "There are no such rows.",
    ] {
        assert!(page.contains(words), "{page}");
    }
    assert!(
        !page.contains("All rows by how they ended"),
        "an empty bar says nothing"
    );
}

/// Of every list the first item says what all are like.
fn shorten(json: &mut Value) {
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
    let report = report();
    let mut json = serde_json::from_str(&plain(&report, &report.to_json().unwrap())).unwrap();
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
            "filtered": 0,
            "in_doubt": 0,
            "invalid": 0,
            "not_found": 1,
            "ordered": 0,
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
            "filtered": 0,
            "in_doubt": 0,
            "invalid": 0,
            "not_found": 0,
            "ordered": 0,
            "protected": 0,
            "refused": 1
          },
          "provider": "zoho"
        }
      },
      "agreed": {
        "accounts": {},
        "at": "2026-11-22T09:30:00.000Z",
        "host": "desk",
        "how": "typed",
        "user": "ada"
      },
      "audit": "userpurge audit users.csv.ledger.jsonl --head HEAD",
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
      "done": [
        {
          "account": "acme",
          "action": "purge",
          "does": "soft delete, then for good",
          "outcomes": {
            "already_gone": 1,
            "deleted": 3,
            "done_before": 0,
            "duplicate": 1,
            "failed": 0,
            "filtered": 0,
            "in_doubt": 0,
            "invalid": 1,
            "not_found": 1,
            "ordered": 0,
            "pending": 1,
            "protected": 1,
            "refused": 3
          }
        }
      ],
      "ended_at": "2026-11-23T09:30:11.000Z",
      "good": 4,
      "half_done": 0,
      "head": "HEAD",
      "input": {
        "delimiter": ",",
        "format": "csv",
        "path": "/data/users.csv",
        "rows": 12,
        "sha256": "abababababababababababababababababababababababababababababababab",
        "size": 312
      },
      "ledger": {
        "lines": 30,
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
        "filtered": 0,
        "in_doubt": 0,
        "invalid": 1,
        "not_found": 1,
        "ordered": 0,
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
          "good": 0,
          "skipped": 1,
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
              "row": 10,
              "soft_deleted": false
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
          "what_to_do": "The provider knows no such user. Compare the id and the account with where the list came from, fix the row and run the fixed rows; as it stands, trying it again changes nothing."
        }
      ],
      "report": 2,
      "requests": 4,
      "rows": 12,
      "run_id": "019abcde-0000-7000-8000-000000000001",
      "sessions": [
        {
          "bad": 3,
          "command": "run",
          "ended": "stopped",
          "ended_at": "2026-11-22T09:30:45.000Z",
          "good": 2,
          "last_at": "2026-11-22T09:30:45.000Z",
          "number": 1,
          "rows": 12,
          "skipped": 1,
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
      "skipped": 1,
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
        "good_rows": 4,
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
    let report = report();
    let rows: u64 = report.reasons.iter().map(|it| it.rows).sum();
    assert_eq!(rows, report.sums.bad);
    let last = report.progress.last().unwrap();
    let counts = &report.summary.outcomes;
    assert_eq!(last.sums, report.sums);
    assert_eq!(report.sums, counts.sums());
    assert_eq!(counts.total(), report.summary.rows);
}

#[test]
fn rows_listed_are_the_first_ones_also_after_others_ended_well() {
    let failed = |row| bad(row, Outcome::Failed, "timed_out", "no answer", 1);
    let gone = (1..=20).map(|row| outcome(row, Outcome::Deleted, 2));
    let entries: Vec<_> = (1..=60).rev().map(failed).chain(gone).collect();
    let (_folder, _, report) = report_of(60, &entries);
    let listed: Vec<u64> = report.reasons[0].listed.iter().map(|it| it.row).collect();
    assert_eq!(listed, (21..=40).collect::<Vec<_>>());
    assert_eq!(report.reasons[0].rows, 40);
}

#[test]
fn rows_are_grouped_by_reason_and_only_the_last_end_of_a_row_counts() {
    use Outcome::{Deleted, Failed, NotFound, Refused};
    let ends = [
        (1, 2, Refused, "has 2 tickets"),
        (2, 3, NotFound, "Not found"),
        // Numbers in messages make no difference.
        (3, 4, Refused, "has 17 tickets"),
        (4, 5, Failed, "no answer"),
        (5, 6, Failed, "no answer"),
        // Rows that share a line are told by their numbers.
        (6, 3, NotFound, "Not found"),
        (4, 5, Deleted, ""),
        (3, 4, Refused, "System user"),
    ];
    let ends = ends.map(|(row, line, outcome, message)| {
        let fields =
            json!({"row": row, "line": line, "outcome": outcome, "code": "x", "message": message});
        entry("outcome", 1, fields)
    });
    let (_folder, _, report) = report_of(6, &ends);
    let told = report.reasons.iter().map(|it| {
        let message = it.message.as_deref().unwrap_or("-");
        format!("{} {message}: {}", it.outcome, it.places.describe(9))
    });
    let expected = [
        "not_found Not found: rows 2, 6",
        "refused has … tickets: line 2",
        "refused System user: line 4",
        "failed no answer: line 6",
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn words_that_two_codes_come_with_are_told_once() {
    let entries = ["One", "Other"].into_iter().zip(1..);
    let entries = entries.map(|(code, row)| bad(row, Outcome::Refused, code, "has 1 ticket.", 1));
    let (_folder, ledger, report) = report_of(2, &entries.collect::<Vec<_>>());
    assert_eq!(report.reasons.len(), 2, "the report tells the codes");
    let state = LedgerState::read(&ledger).unwrap();
    assert_eq!(
        userpurge::report::why(&state).unwrap(),
        "2 refused: has 1 ticket"
    );
}

#[test]
fn further_reasons_are_counted_together_and_no_row_is_lost() {
    let letters = ('\u{4e00}'..).map(String::from).take(250);
    let refused = |(row, letter): (u64, String)| bad(row, Outcome::Refused, "x", &letter, 1);
    let ends: Vec<_> = (1..).zip(letters).map(refused).collect();
    let (_folder, _, report) = report_of(250, &ends);
    let (further, told) = report.reasons.split_last().unwrap();
    assert_eq!((told.len(), further.rows), (200, 50));
    assert!(further.further && further.code.is_none() && further.message.is_none());
}

/// Spans are told as far as they fit, and no row is uncounted.
#[test]
fn places_are_short_and_whole() {
    let places = |rows: &[u64]| {
        let failed = |row: &u64| bad(*row - 1, Outcome::Failed, "x", "no answer", 1);
        let ends: Vec<_> = rows.iter().map(failed).collect();
        let (_folder, _, report) = report_of(rows.last().unwrap() - 1, &ends);
        report.reasons[0].places.clone()
    };
    for (lines, told) in [
        (&[7][..], "line 7"),
        (&[7, 8], "lines 7, 8"),
        (&[7, 8, 9, 11], "lines 7–9, 11"),
        (&[2, 4, 6, 8, 9, 10], "lines 2, 4, 6 and 3 rows more"),
        (&[2, 4, 6, 8], "lines 2, 4, 6 and 1 row more"),
    ] {
        assert_eq!(places(lines).describe(3), told);
    }
    let places = places(&(1..=2_000).map(|n| n * 2).collect::<Vec<_>>());
    assert_eq!(places.spans.len(), 200);
    assert_eq!(
        places.describe(1),
        "line 2 and 1,999 rows more".replace("line ", "lines ")
    );
}

/// The report of a run that was paused from and to these seconds for these reasons, and at work until
/// `last`.
fn paused(all: &[(i64, i64, &str)], last: i64) -> Report {
    let pause = |(from, until, reason): &(i64, i64, &str)| {
        entry(
            "pause",
            *from,
            json!({"step": null, "until": at(*until), "reason": reason}),
        )
    };
    let mut entries: Vec<_> = all.iter().map(pause).collect();
    entries.push(end(RunState::Interrupted, last));
    report_of(1, &entries).2
}

#[test]
fn pauses_that_touch_are_one_and_none_outlasts_its_session() {
    let all = [(1, 10, "x"), (2, 12, "x"), (12, 14, "x"), (20, 500, "x")];
    let report = paused(&all, 30);
    let all: Vec<_> = report
        .pauses
        .iter()
        .map(|it| (it.worked_ms, it.until))
        .collect();
    let expected = [((1_000, 14_000), at(14)), ((20_000, 30_000), at(500))];
    assert_eq!((all.as_slice(), report.pauses_left_out), (&expected[..], 0));
    let all: Vec<_> = (0..107).map(|n| (n * 10, n * 10 + 1, "x")).collect();
    assert_eq!(paused(&all, 9_999).pauses_left_out, 7);
}

#[test]
fn pauses_that_follow_one_another_for_one_reason_are_told_as_one() {
    let report = paused(
        &[
            (0, 30, "asks for 30 s"),
            (40, 68, "asks for 28 s"),
            (80, 90, "no connection"),
            (100, 130, "asks for 30 s"),
            // Much later: another stretch.
            (3_600, 3_630, "asks for 30 s"),
        ],
        9_999,
    );
    let page = read_aloud(&html::render(&report));
    let told: Vec<_> = page
        .lines()
        .filter(|line| line.contains("asks for") || line.contains("no connection"))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2026-11-22 09:30:00 2026-11-22 09:32:10 3 1 min 28 s acme, every request asks for 30 s
    2026-11-22 09:31:20 2026-11-22 09:31:30 1 10 s acme, every request no connection
    2026-11-22 10:30:00 2026-11-22 10:30:30 1 30 s acme, every request asks for 30 s
    "#);
}

#[test]
fn a_night_between_two_sessions_takes_no_room_and_points_know_their_time_of_day() {
    let entries = [
        outcome(1, Outcome::Duplicate, 0),
        bad(2, Outcome::Failed, "x", "no answer", 3),
        entry("session", 40_000, json!({})),
        outcome(2, Outcome::Deleted, 40_002),
    ];
    let (_folder, _, report) = report_of(2, &entries);
    let told: Vec<_> = report
        .progress
        .iter()
        .map(|it| {
            (
                it.at,
                it.worked_ms,
                it.sums.good,
                it.sums.bad,
                it.sums.skipped,
            )
        })
        .collect();
    let expected = [
        (at(1), 1_000, 0, 0, 1),
        (at(2), 2_000, 0, 0, 1),
        (at(3), 3_000, 0, 0, 1),
        (at(40_001), 4_000, 0, 1, 1),
        (at(40_002), 5_000, 1, 0, 1),
    ];
    assert_eq!(told, expected);
}

#[test]
fn markdown_keeps_what_came_from_outside_in_code_and_ends_no_cell() {
    let text = md::render(&report());
    for line in text.lines() {
        // Outside code spans there is nothing of it.
        let outside: String = line.split('`').step_by(2).collect();
        assert!(
            !outside.contains("@all") && !outside.contains("#1"),
            "{line}"
        );
    }
    assert!(text.contains(SCRIPT) && !text.contains('\u{1b}') && !text.contains('\u{202e}'));
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let tables: Vec<&str> = text.lines().filter(|it| it.starts_with('|')).collect();
    let of_reasons = tables.iter().filter(|it| it.contains("shop"));
    assert_eq!(of_reasons.map(|it| cells(it)).collect::<Vec<_>>(), [6]);
}

/// What `status` says of a ledger of a plan of so many rows and `entries`.
fn status(rows: u64, entries: &[Entry], is_locked: bool) -> (Summary, String) {
    let (_folder, path, report) = report_of(rows, entries);
    let summary = Summary::new(&LedgerState::read(&path).unwrap(), is_locked);
    let text = text::render(&summary, None);
    (summary, plain(&report, &text))
}

#[test]
fn a_stopped_run_says_why_and_how_to_go_on() {
    let all = entries();
    insta::assert_snapshot!(status(12, &all[..13], false).1, @r#"
    run          019abcde-0000-7000-8000-000000000001, stopped
    input        /data/users.csv, 12 rows
    time         2026-11-22 09:30:00 to 09:30:45 UTC (45 s), 3 requests
    done         2 (1 deleted, 1 already_gone)
    not done     3 (1 refused, 1 failed, 1 invalid)
    pending      6; skipped 1 (1 duplicate)
    stopped      acme: the credentials were rejected (HTTP 401, Couldn't authenticate you)
    fingerprint  HEAD
    next         userpurge resume users.csv.ledger.jsonl
    "#);
}

#[test]
fn a_running_run_is_to_be_followed_and_an_interrupted_one_says_what_is_in_doubt() {
    let job = json!({"row": 3, "step": "delete", "job": "V3-5f1c"});
    let entries = [
        outcome(1, Outcome::Deleted, 5),
        intent(2, Step::Delete, 4000),
        entry(
            "intent",
            4001,
            json!({"row": 3, "step": "delete", "with": 3}),
        ),
        entry("job", 4002, job),
    ];
    let [held, free] = [true, false].map(|lock| status(12_000, &entries, lock).1);
    insta::assert_snapshot!(held, @r#"
    run          019abcde-0000-7000-8000-000000000001, running
    input        /data/users.csv, 12,000 rows
    time         since 2026-11-22 09:30:00 UTC, 2 requests
    done         1 (1 deleted)
    not done     0
    pending      11,999
    fingerprint  HEAD
    next         userpurge status --follow users.csv.ledger.jsonl
    "#);
    insta::assert_snapshot!(free, @r#"
    run          019abcde-0000-7000-8000-000000000001, interrupted
    input        /data/users.csv, 12,000 rows
    time         2026-11-22 09:30:00, last entry 10:36:42 UTC, 2 requests
    done         1 (1 deleted)
    not done     0
    pending      11,999 (1 sent, answer missing, 1 in a job that the provider still works on)
    fingerprint  HEAD
    next         userpurge resume users.csv.ledger.jsonl
    "#);
}

#[rstest]
#[case(&[Outcome::Deleted], "userpurge verify")]
#[case(&[Outcome::DoneBefore, Outcome::Duplicate], "nothing to do")]
#[case(&[Outcome::NotFound], "userpurge report")]
#[case(&[Outcome::Refused], "userpurge retry --only refused")]
#[case(&[Outcome::Refused, Outcome::InDoubt], "userpurge retry")]
fn the_next_command_follows_from_the_outcomes(#[case] outcomes: &[Outcome], #[case] next: &str) {
    let ends = outcomes.iter().zip(1..);
    let mut entries: Vec<_> = ends.map(|(it, row)| outcome(row, *it, 1)).collect();
    entries.push(end(RunState::Finished, 2));
    let said = status(outcomes.len() as u64, &entries, false).1;
    let last = said
        .lines()
        .last()
        .unwrap()
        .replace(" users.csv.ledger.jsonl", "");
    let last = last.replace(" --format csv --out report", "");
    assert_eq!(last, format!("next         {next}"));
}

#[test]
fn who_was_seen_standing_is_to_be_tried_again() {
    let entries = [
        outcome(1, Outcome::Deleted, 1),
        outcome(2, Outcome::Refused, 1),
        end(RunState::Finished, 2),
        verification(2, 3),
        verified(1, Finding::Standing, 4),
    ];
    let said = status(2, &entries, false).1;
    assert!(
        said.ends_with("next         userpurge retry --only standing users.csv.ledger.jsonl\n")
    );
    let verified = "verified     asked about 1 of 1 row: 0 gone, 0 being erased, 1 still there";
    assert!(said.contains(verified), "{said}");
}

#[test]
fn the_fullest_summary_has_ten_lines_and_no_control_character() {
    let mut entries = vec![
        outcome(50, Outcome::Duplicate, 1),
        intent(51, Step::Delete, 1),
    ];
    for (row, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
        let fields = json!({"row": row, "outcome": "failed", "account": name});
        entries.push(entry("outcome", 1, fields));
        let message = "cap\u{1b}[31m\nreached";
        let fields = json!({"account": name, "reason": "org_cap", "message": message});
        entries.push(entry("stop", 2, fields));
    }
    entries.push(end(RunState::Stopped, 3));
    entries.push(verification(2, 4));
    let (summary, said) = status(60, &entries, false);
    let (why, room) = ("5 failed: cap\u{1b} reached".to_owned(), Some(30));
    let reasoned = text::render(&Summary { why, ..summary }, room);
    assert!(
        reasoned.contains("\nwhy          5 failed: cap  r…\n"),
        "{reasoned}"
    );
    for said in [&said, &reasoned] {
        assert_eq!(said.lines().count(), 10, "{said}");
    }
    assert!(!said.contains('\u{1b}') && said.contains("cap [31m reached"));
}

#[test]
fn the_json_of_status_has_the_promised_shape_and_order() {
    let (_folder, _, report) = report_of(12, &entries());
    let json = serde_json::to_string(&report.summary).unwrap();
    insta::assert_snapshot!(plain(&report, &json), @r#"{"run_id":"019abcde-0000-7000-8000-000000000001","state":"interrupted","rows":12,"outcomes":{"deleted":3,"already_gone":1,"ordered":0,"not_found":1,"refused":3,"failed":0,"in_doubt":0,"invalid":1,"protected":1,"done_before":0,"duplicate":1,"filtered":0,"pending":1},"steps_done":{"soft_deleted":0},"half_done":0,"accounts":{"acme":{"provider":"zendesk","outcomes":{"deleted":3,"already_gone":1,"ordered":0,"not_found":1,"refused":2,"failed":0,"in_doubt":0,"invalid":0,"protected":1,"done_before":0,"duplicate":1,"filtered":0}},"crm":{"provider":"zoho","outcomes":{"deleted":0,"already_gone":0,"ordered":0,"not_found":0,"refused":1,"failed":0,"in_doubt":0,"invalid":0,"protected":0,"done_before":0,"duplicate":0,"filtered":0}}},"requests":4,"throttled":0,"settled_unseen":0,"started_at":"2026-11-22T09:30:00.000Z","ended_at":"2026-11-23T09:30:11.000Z","head":"HEAD","verification":{"at":"2026-11-23T10:30:00.000Z","complete":true,"good_rows":4,"rows":3,"asked":3,"as_asked":1,"standing":1,"under_way":0,"unknown":1,"sample":null},"stops":[]}"#);
}

#[test]
fn the_state_is_the_locks_then_the_last_ends() {
    let ended = |state| [outcome(1, Outcome::Deleted, 1), end(state, 2)];
    let (finished, stopped) = (ended(RunState::Finished), ended(RunState::Stopped));
    let resumed = [&stopped[..], &[entry("session", 3, json!({}))]].concat();
    for (entries, is_locked, expected) in [
        (&finished[..1], true, RunState::Running),
        (&finished[..1], false, RunState::Interrupted),
        (&finished[..], false, RunState::Finished),
        (&stopped[..], false, RunState::Stopped),
        (&resumed[..], true, RunState::Running),
        (&resumed[..], false, RunState::Interrupted),
    ] {
        let summary = status(1, entries, is_locked).0;
        assert_eq!(summary.state, expected, "{entries:?} {is_locked}");
        let over = !is_locked && expected != RunState::Interrupted;
        assert_eq!(summary.ended_at, over.then(|| at(2)));
    }
}

#[rstest]
#[case::all(3, &[Finding::AsAsked, Finding::UnderWay, Finding::AsAsked], true)]
#[case::cut_short(3, &[Finding::AsAsked, Finding::UnderWay], false)]
#[case::unknown(3, &[Finding::AsAsked, Finding::Unknown, Finding::AsAsked], false)]
#[case::standing(2, &[Finding::Standing, Finding::UnderWay], false)]
fn who_is_under_way_is_no_trouble_and_who_was_not_asked_is(
    #[case] rows: u64,
    #[case] found: &[Finding],
    #[case] is_ok: bool,
) {
    let ended = (1..=3).map(|row| outcome(row, Outcome::Deleted, 9));
    let seen = (1..).zip(found).map(|(row, it)| verified(row, *it, 11));
    let entries: Vec<_> = ended.chain([verification(rows, 10)]).chain(seen).collect();
    let summary = status(3, &entries, false).0.verification.unwrap();
    assert_eq!(summary.is_ok(), is_ok);
    if let [Finding::Standing, _] = found {
        let listed: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Verify(row) if row.finding == Finding::Standing => Some(row.clone()),
                _ => None,
            })
            .collect();
        insta::assert_snapshot!(summary.render(&listed), @r#"
        verified     asked about 2 of 3 rows that are done
        gone         0
        erasing      1
        still there  1
        unknown      0
        line 2       acme 901, purge: present
        "#);
    }
}
