//! How a report is drawn: bars and breaks have room, texts from outside stay in their place, in HTML, in
//! Markdown and on a terminal.

use rstest::rstest;
use serde_json::json;
use userpurge::domain::{Entry, Outcome, RunState};
use userpurge::ledger::LedgerState;
use userpurge::report::{Summary, html, md, text};

use crate::ledger::{bad, end, entry, outcome};
use crate::report_told::report_of;

fn page(rows: u64, entries: &[Entry]) -> String {
    html::render(&report_of(rows, entries).2)
}

/// The page of a row that ended with this message.
fn with_message(message: &str) -> Vec<Entry> {
    vec![bad(1, Outcome::Refused, "x", message, 1)]
}

#[rstest]
#[case("give `-a`", "give <code>-a</code>")]
#[case("`a``b`!", "<code>a</code><code>b</code>!")]
#[case("x`y a | b ``z", "x`y a | b ``z")]
#[case("x``y", "x``y")]
fn what_stands_between_backticks_is_to_be_typed(#[case] message: &str, #[case] told: &str) {
    let page = page(1, &with_message(message));
    assert!(page.contains(&format!("<bdi>{told}</bdi>")), "{page}");
}

#[rstest]
#[case("plain", "`plain`")]
#[case("a\nb\tc", "`a b c`")]
#[case("x`y", "``x`y``")]
#[case("`x``", "``` `x`` ```")]
#[case("\u{1b}[31m", "`\\u001b[31m`")]
fn a_code_span_is_closed_by_nothing_within(#[case] message: &str, #[case] span: &str) {
    let text = md::render(&report_of(1, &with_message(message)).2);
    assert!(text.contains(&format!("\n`x` {span}\n")), "{text}");
    let long = md::render(&report_of(1, &with_message(&"é".repeat(5_000))).2);
    assert_eq!(long.matches('é').count(), 159, "{long}");
}

#[rstest]
#[case("a|b", "| `a\\|b` |")]
#[case("a\\|b", "| `a\\ \\|b` |")]
fn a_bar_stays_in_its_cell(#[case] id: &str, #[case] cell: &str) {
    let refused = entry(
        "outcome",
        1,
        json!({"row": 1, "outcome": "refused", "id": id}),
    );
    let text = md::render(&report_of(1, &[refused]).2);
    assert!(text.contains(cell), "{text}");
}

#[rstest]
#[case(90, "2026-11-22 09:30:00 UTC", "09:31:30")]
#[case(90_000, "2026-11-22 09:30", "2026-11-23 10:30")]
fn both_ends_of_the_axis_have_room(#[case] last: i64, #[case] from: &str, #[case] to: &str) {
    let page = page(1, &[outcome(1, Outcome::Deleted, last)]);
    let left = format!("y=\"240\">{from}</text>");
    let right = format!("text-anchor=\"end\">{to}</text>");
    assert!(page.contains(&left) && page.contains(&right), "{page}");
}

#[test]
fn one_row_of_a_thousand_is_seen_and_no_bar_reaches_beyond_its_end() {
    let mut entries: Vec<_> = (1..1_000)
        .map(|row| outcome(row, Outcome::Deleted, 1))
        .collect();
    entries.push(outcome(1_000, Outcome::Refused, 1));
    let page = page(1_000, &entries);
    for area in [
        "class=\"good\" x=\"0.00%\" width=\"99.60%\" height=\"30\"",
        "class=\"bad\" x=\"99.60%\" width=\"0.40%\" height=\"30\"",
    ] {
        assert!(page.contains(area), "{area}: {page}");
    }
}

/// Sessions of 100 seconds together, of which later ones began at these seconds: each after a rest.
#[rstest]
#[case(&[50], &["middle"])]
#[case(&[50, 60], &["middle"])]
#[case(&[40, 70], &["middle", "middle"])]
#[case(&[60, 99], &["middle", "end"])]
#[case(&[0, 10, 50], &["middle"])]
fn a_break_is_marked_and_told_where_there_is_room(#[case] began: &[i64], #[case] told: &[&str]) {
    const REST: i64 = 3_600;
    let mut entries = vec![entry("session", 0, json!({"command": "run"}))];
    let rests = |place: usize| i64::try_from(place).unwrap() * REST;
    for (place, at) in began.iter().enumerate() {
        entries.push(end(RunState::Interrupted, at + rests(place)));
        entries.push(entry("session", at + rests(place + 1), json!({})));
    }
    entries.push(outcome(1, Outcome::Deleted, 100 + rests(began.len())));
    let page = page(1, &entries);
    assert_eq!(page.matches("<line class=\"gap\"").count(), began.len());
    let words = page.split("class=\"mark-n\"").skip(1);
    let words: Vec<_> = words
        .map(|it| it.split("</text>").next().unwrap())
        .collect();
    assert_eq!(words.len(), told.len(), "{words:?}");
    for (words, anchor) in words.iter().zip(told) {
        let expected = format!("text-anchor=\"{anchor}\">break 1 h 0 min");
        assert!(words.contains(&expected), "{words}");
    }
    assert!(page.contains("At each dashed line the run rested."));
}

#[rstest]
#[case("/data/users.csv", 15, "/data/users.csv")]
#[case("/data/exports/2026-11/users.csv", 30, "/data/…/2026-11/users.csv")]
#[case("/data/exports/2026-11/users.csv", 24, "/data/…/users.csv")]
#[case(
    "/data/exports/2026-11/users.csv",
    16,
    "/data/exports/2026-11/users.csv"
)]
#[case("exports/2026-11/users.csv", 20, "…/users.csv")]
#[case("/users-of-last-year.csv", 20, "/users-of-last-year.csv")]
fn a_path_loses_its_middle_first(#[case] path: &str, #[case] room: usize, #[case] told: &str) {
    let (_folder, ledger, _) = report_of(1, &[]);
    let mut summary = Summary::new(&LedgerState::read(&ledger).unwrap(), false);
    path.clone_into(&mut summary.input);
    let columns = "input        ".len() + room + ", 1 row".len();
    let said = text::render(&summary, Some(columns));
    assert!(
        said.contains(&format!("input        {told}, 1 row\n")),
        "{said}"
    );
}
