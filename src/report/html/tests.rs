//! What a page says, and that nothing in it runs or asks for anything.

use std::fmt::Write as _;

use super::page::render;
use crate::domain::{Entry, Outcome, OutcomeEntry, UserId};
use crate::ledger::samples::{account, at, outcome, outcome_entry, pause, session};
use crate::report::testing::{SCRIPT, report, report_of};
use crate::words::utc;

/// What is read aloud of a page: its text, a line for each row of a table and each paragraph.
fn text(page: &str) -> String {
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
    insta::assert_snapshot!(text(&render(&report())), @r#"
    userpurge · report of a run
    4 of 12 rows ended well, 6 to look at, 1 still to do
    users.csv
    ! run interrupted ! verification found 1 user standing
    All rows by how they ended 4 ended well, 6 to look at, 1 duplicate, 1 still to do. The table below has the same numbers.
    4 ended well + 6 to look at + 1 duplicate + 1 still to do = 12 rows in the input
    Began 2026-11-22 09:30:00 UTC
    Ended 2026-11-23 09:30:11 UTC
    From first to last 1 d 0 h
    Requests sent 4
    Where, and as whom acme.example as user 4711 , role admin crm.example as user 4711 , role admin
    Next userpurge resume users.csv.ledger.jsonl
    Every row
    How many rows ended how
    Outcome Means Rows
    deleted the provider confirmed the deletion 3
    already_gone the provider says that the user had been deleted before 1
    not_found the provider knows no such user 1
    refused the provider will not delete this user until somebody acts 3
    invalid the row could not be sent 1
    protected not sent: on the protect list, the caller, or of a protected role 1
    duplicate stands earlier in the file; nothing was sent 1
    pending has not ended yet 1
    sum as many as the input has 12
    By account
    Outcomes by account One bar for each account. The table below has the same numbers. acme 4 well, 4 to look at, 1 duplicate crm 1 to look at
    ended well to look at duplicate still to do
    Outcomes by account
    Account deleted already_gone not_found refused invalid protected duplicate ended
    acme Zendesk Support 3 1 1 2 0 1 1 9
    crm Zoho CRM 0 0 0 1 0 0 0 1
    no account that exists 0 0 0 0 1 0 0 1
    sum 3 1 1 3 1 1 1 11
    1 row still to do is not among these: a ledger does not say whose they are.
    Over time
    Rows that had ended, over time How many rows had ended well or otherwise at each time, up to all 12, with 1 pause. Times between sessions are left out. The table beside has the same numbers. session 2 12 6 2026-11-22 09:30 2026-11-23 09:30
    ended well to look at duplicate still to do
    a server asked to wait
    Rows that had ended
    By (UTC) well to look at duplicate of all
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
    To look at
    6 rows ended otherwise than well. userpurge report … --format csv --out DIR gives them back in failed.csv , with all their columns, fit to be run again.
    1 not_found
    The provider knows no such user. Hold the id and the account against where the list came from, mend the row and run the mended rows; as it stands, trying it again changes nothing. userpurge report users.csv.ledger.jsonl --format csv --out report
    RecordNotFound Not found
    1 row: line 11
    All of them
    Line Account Action Id Ref
    11 acme purge 9010 GDPR-7
    3 refused
    The provider will not delete this user until somebody acts on what it says. Once that is done, try these rows again. userpurge retry users.csv.ledger.jsonl --only refused
    UserDeleteFailed is requester on 2 ticket(s) that are not closed.
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
    Nothing was sent. Mend the row as the reason says, and run the mended rows. userpurge report users.csv.ledger.jsonl --format csv --out report
    unknown_account no account has the name in the row
    1 row: line 3
    All of them
    Line Account Action Id Ref
    3 – – – –
    1 protected
    Nothing was deleted, to keep the team safe. If this user is to go, let the role be deleted. userpurge retry users.csv.ledger.jsonl --only protected --include-role ROLE
    protected_role this user&#39;s role is agent
    1 row: line 10
    All of them
    Line Account Action Id Ref
    10 acme purge 909 GDPR-7
    Who, where, when
    Whose credentials were used, as the provider said
    Account Provider Tenant Caller Role Sessions
    acme Zendesk Support acme.example 4711 admin 1–3
    crm Zoho CRM crm.example 4711 admin 1
    Sessions
    No. Command From (UTC) Until (UTC) Ended Set out for well to look at Version
    1 run 2026-11-22 09:30:00 2026-11-22 09:30:45 stopped 12 2 3 0.1.0
    acme: the credentials were rejected (HTTP 401, Couldn&#39;t authenticate you)
    2 resume 2026-11-23 09:30:00 2026-11-23 09:30:11 interrupted 3 2 4 0.1.0
    3 verify 2026-11-23 10:30:00 2026-11-23 10:30:03 – 3 – – 0.1.0
    Options of the run
    --account acme
    --include-role agent
    Verification
    What the provider said when it was asked about rows that had ended well
    Seen Rows
    as asked 1
    still standing 1
    being deleted by the provider 0
    no clear answer 1
    asked 3
    3 of 3 good rows asked, 1 as asked, 1 standing, 0 under way, 1 unknown (2026-11-23 10:30:00 UTC).
    Rows that are not as asked
    Line Account Action Id Seen Why
    6 acme purge 905 present
    7 acme purge 906 unknown HTTP 500, server_error, Something went wrong
    Evidence
    Run 019abcde-0000-7000-8000-000000000001
    Input /data/users.csv 312 bytes, 12 rows, csv
    SHA-256 of the input abababababababababababababababababababababababababababababababab
    Ledger users.csv.ledger.jsonl 26 lines, each checked against the one before it when this page was made
    Head of the ledger 0000000000000000000000000000000000000000000000000000000000000000
    How to audit this
    That the ledger is the one this page is of, and that no line of it was changed, dropped, moved or added. It needs no network, and ends with exit code 0: userpurge audit users.csv.ledger.jsonl --head 0000000000000000000000000000000000000000000000000000000000000000
    That the input is the one the run was given. It must print the SHA-256 above: sha256sum /data/users.csv
    That the users are gone. It asks the provider, and changes nobody: userpurge verify users.csv.ledger.jsonl
    If the ledger has grown since, the first command says by how many lines. A row of this page stands in the ledger as its line with "kind":"outcome" and that "line" ; the last of them counts. Made by userpurge 0.2.0 on 2026-11-23 13:16:40 UTC. All times are UTC. This page holds ids and references as the ledger has them, runs nothing and asks no network for anything.
    "#);
}

#[test]
fn what_came_from_outside_is_text_and_nothing_but_text() {
    let page = render(&report());
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
    let page = render(&report());
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
    let mut entries: Vec<Entry> = Vec::new();
    for row in 1..=3_000_u64 {
        let seconds = i64::try_from(row).unwrap();
        entries.push(Entry::Outcome(OutcomeEntry {
            account: Some(account(&format!("{long}{}", row % 300))),
            id: Some(UserId::new(long.as_str())),
            reference: Some(long.clone()),
            code: Some(format!(
                "{long}{}",
                char::from_u32(0x4e00 + u32::try_from(row).unwrap()).unwrap()
            )),
            message: Some(long.clone()),
            ..outcome_entry(row, Outcome::Refused, seconds * 50)
        }));
        entries.push(pause(None, seconds * 50, seconds * 50 + 10));
        if row % 10 == 0 {
            entries.push(session(seconds * 50 + 20));
        }
    }
    let page = render(&report_of(3_000, &entries));
    assert!(page.len() < 4 * 1024 * 1024, "{} bytes", page.len());
}

#[test]
fn a_run_in_which_nothing_happened_is_a_page_too() {
    let page = text(&render(&report_of(0, &[])));
    assert!(
        page.contains("0 of 0 rows ended well, none to look at"),
        "{page}"
    );
    assert!(page.contains("No row has ended.") && page.contains("No row ended otherwise"));
    assert!(
        !page.contains("All rows by how they ended"),
        "an empty bar says nothing"
    );
    let one = render(&report_of(1, &[outcome(1, Outcome::Deleted, 1)]));
    assert!(one.contains(&utc(at(1))));
}
