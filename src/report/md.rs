//! A [`Report`] for tickets: Markdown that GitHub, GitLab and Jira take when it is pasted.
//!
//! **Invariant**: what came from outside stands in code spans, in which nothing is a link, a
//! mention, a picture or a tag, and in a table it ends no cell. See `code`.

use super::document::Report;
use super::reasons::Reason;
use super::text::{SOFT_DELETED, UNSEEN, stop_told};
use crate::domain::{Action, Outcome, RunState, Stand, shown};
use crate::words::{count, duration, grouped, utc};

/// How many accounts, callers and sessions are told.
const ACCOUNTS_MAX: usize = 50;

/// How many reasons are told.
const REASONS_MAX: usize = 30;

/// How many rows of each reason are told whole.
const ROWS_MAX: usize = 10;

/// How many spans of lines are told.
const SPANS_MAX: usize = 12;

/// How many characters of a text from outside are told.
const CHARS_MAX: usize = 160;

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let mut page = Page(String::new());
    page.head(report);
    page.counts(report);
    page.accounts(report);
    page.reasons(report);
    page.sessions(report);
    page.verification(report);
    page.evidence(report);
    page.0
}

/// The lines of the page.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line(&format!("\n## {text}\n"));
    }

    fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        self.line(&format!("| {} |", header.join(" | ")));
        self.line(&format!("| {} |", ["---"; N].join(" | ")));
        for row in rows {
            self.line(&format!(
                "| {} |",
                row.map(|cell| cell_of(&cell)).join(" | ")
            ));
        }
    }

    fn left_out(&mut self, more: usize, what: &str) {
        if more > 0 {
            self.line(&format!(
                "\nand {}",
                count(more as u64, &format!("more {what}"))
            ));
        }
    }

    fn head(&mut self, report: &Report) {
        let summary = &report.summary;
        let input = &report.input;
        self.line(&format!(
            "# Purge of {}: {} of {} ended well, {} to look at\n",
            code(file_name(&input.path)),
            grouped(report.good),
            count(summary.rows, "row"),
            grouped(report.bad)
        ));
        let state = match summary.state {
            RunState::Running => "running: these numbers still change".to_owned(),
            state => state.name().to_owned(),
        };
        let from = summary.started_at;
        let to = summary.ended_at.unwrap_or(summary.last_at);
        let throttled = grouped(summary.throttled);
        let run = format!("{}, {state}", code(summary.run_id.as_str()));
        self.table(
            ["run", &cell_of(&run)],
            [
                ["input".to_owned(), code(&input.path)],
                [
                    "time".to_owned(),
                    format!(
                        "{} to {} ({})",
                        utc(from),
                        utc(to),
                        duration(to.saturating_since(from))
                    ),
                ],
                [
                    "requests".to_owned(),
                    format!(
                        "{}, {throttled} of them throttled",
                        grouped(summary.requests)
                    ),
                ],
                ["options".to_owned(), options(report)],
                ["next".to_owned(), next(&report.next)],
            ],
        );
        for stop in &summary.stops {
            self.line(&format!("\n**Stopped**: {}", code(&stop_told(stop))));
        }
    }

    fn counts(&mut self, report: &Report) {
        self.heading("Every row");
        let counts = &report.summary.outcomes;
        let ended = Outcome::ALL.map(|outcome| (outcome.name(), counts.of(outcome)));
        let all = ended.into_iter().chain([("pending", counts.pending)]);
        let rows = all.filter(|(_, rows)| *rows > 0);
        let mut rows: Vec<_> = rows
            .map(|(name, rows)| [name.to_owned(), grouped(rows)])
            .collect();
        rows.push([
            "**sum**".to_owned(),
            format!("**{}**", grouped(counts.total())),
        ]);
        self.table(["outcome", "rows"], rows);
        let input = count(report.summary.rows, "row");
        self.line(&format!("\nThe input has {input}."));
        let summary = &report.summary;
        for (rows, of, what) in [
            (summary.steps_done.soft_deleted, "pending", SOFT_DELETED),
            (summary.settled_unseen, "deleted", UNSEEN),
        ] {
            if rows > 0 {
                self.line(&format!(
                    "\nOf the {of} ones, {}: {what}.",
                    count(rows, "row")
                ));
            }
        }
    }

    fn accounts(&mut self, report: &Report) {
        use crate::domain::Counted::{Bad, Good};

        self.heading("By account");
        let accounts = &report.summary.accounts;
        let rows = accounts.iter().take(ACCOUNTS_MAX).map(|(name, account)| {
            let counts = &account.outcomes.0;
            [
                code(name.as_str()),
                account
                    .provider
                    .map_or("unknown", |it| it.title())
                    .to_owned(),
                grouped(counts.counted(Good)),
                grouped(counts.counted(Bad)),
                grouped(counts.duplicate),
            ]
        });
        self.table(["account", "provider", "good", "bad", "duplicate"], rows);
        self.left_out(accounts.len().saturating_sub(ACCOUNTS_MAX), "account");
        self.line("");
        let callers = report.callers.iter().take(ACCOUNTS_MAX).map(|caller| {
            let account = &caller.account;
            [
                code(account.name.as_str()),
                code(&account.tenant),
                account
                    .caller
                    .as_ref()
                    .map_or_else(none, |id| code(id.as_str())),
                account.role.as_deref().map_or_else(none, code),
            ]
        });
        self.table(["account", "tenant", "caller", "role"], callers);
        self.left_out(report.callers.len().saturating_sub(ACCOUNTS_MAX), "caller");
    }

    fn reasons(&mut self, report: &Report) {
        if report.reasons.is_empty() {
            return;
        }
        self.line(&format!("\n## {} to look at", count(report.bad, "row")));
        for reason in report.reasons.iter().take(REASONS_MAX) {
            self.reason(reason);
        }
        let more = report.reasons.iter().skip(REASONS_MAX);
        let rows: u64 = more.map(|it| it.rows).sum();
        if rows > 0 {
            self.line(&format!("\nand {} for other reasons", count(rows, "row")));
        }
    }

    fn reason(&mut self, reason: &Reason) {
        self.line(&format!(
            "\n### {} {}: {}\n",
            grouped(reason.rows),
            reason.outcome,
            why(reason)
        ));
        self.line(&format!(
            "{}. {}",
            capital(&reason.places.told(SPANS_MAX)),
            reason.advice.what_to_do
        ));
        if let Some(command) = &reason.advice.command {
            self.line(&format!("\n{}", block(command)));
        }
        self.line("");
        let rows = reason.listed.iter().take(ROWS_MAX).map(|row| {
            [
                row.line.to_string(),
                row.account
                    .as_ref()
                    .map_or_else(none, |it| code(it.as_str())),
                row.action.map_or("", Action::name).to_owned(),
                row.id.as_ref().map_or_else(none, |it| code(it.as_str())),
                row.reference.as_deref().map_or_else(none, code),
            ]
        });
        self.table(["line", "account", "action", "id", "ref"], rows);
    }

    fn sessions(&mut self, report: &Report) {
        self.heading("Sessions");
        let first = report.sessions.len().saturating_sub(ACCOUNTS_MAX);
        let rows = report.sessions.iter().skip(first).map(|session| {
            let ended = match (session.ended, session.is_verification()) {
                (Some(state), _) => state.name(),
                (None, true) => "",
                (None, false) => "no end recorded",
            };
            [
                session.number.to_string(),
                code(&session.command),
                utc(session.started_at),
                utc(session.ended_at.unwrap_or(session.last_at)),
                ended.to_owned(),
                grouped(session.good),
                grouped(session.bad),
            ]
        });
        let header = ["", "command", "from", "to", "ended", "good", "bad"];
        self.table(header, rows);
    }

    fn verification(&mut self, report: &Report) {
        self.heading("Verification");
        let Some(verification) = &report.summary.verification else {
            self.line("The provider has not been asked about the rows that ended well.");
            return;
        };
        self.line(&format!("{}.", verification.line()));
        if report.not_as_asked.is_empty() {
            return;
        }
        self.line("");
        let rows = report.not_as_asked.iter().take(ROWS_MAX).map(|row| {
            [
                row.line.to_string(),
                code(row.account.as_str()),
                code(row.id.as_str()),
                row.seen.map_or("unknown", Stand::name).to_owned(),
            ]
        });
        self.table(["line", "account", "id", "seen"], rows);
        let all = verification.standing + verification.unknown;
        let listed = report.not_as_asked.len().min(ROWS_MAX) as u64;
        self.left_out(usize::try_from(all - listed).unwrap_or(usize::MAX), "row");
    }

    fn evidence(&mut self, report: &Report) {
        self.heading("Evidence");
        let lines = count(report.ledger.lines, "line");
        self.table(
            ["SHA-256 of the input", &code(&report.input.sha256)],
            [
                [
                    "ledger".to_owned(),
                    format!("{}, {lines}", code(&report.ledger.path.to_string_lossy())),
                ],
                [
                    "head of the ledger".to_owned(),
                    code(&report.summary.head.to_string()),
                ],
            ],
        );
        self.line("\nTo prove that the ledger is the one this report is of:\n");
        self.line(&block(&report.audit));
        self.line(&format!(
            "\nMade by userpurge {} at {}.",
            report.made_by,
            utc(report.made_at)
        ));
    }
}

fn none() -> String {
    String::new()
}

fn options(report: &Report) -> String {
    let told = report.options_told();
    let words: Vec<String> = told
        .into_iter()
        .map(|(option, value)| {
            if value.is_empty() {
                option
            } else {
                format!("{option} {value}")
            }
        })
        .collect();
    if words.is_empty() {
        return "none".to_owned();
    }
    code(&words.join(" "))
}

/// A command, or the words that there is none.
fn next(next: &str) -> String {
    if next.starts_with("userpurge ") {
        code(next)
    } else {
        next.to_owned()
    }
}

fn why(reason: &Reason) -> String {
    match (&reason.code, &reason.message) {
        _ if reason.further => "further reasons".to_owned(),
        (Some(it), Some(message)) => format!("{} {}", code(it), code(message)),
        (Some(only), None) | (None, Some(only)) => code(only),
        (None, None) => "no reason was given".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next();
    first
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect()
}

/// A command as a block of code of one line.
fn block(command: &str) -> String {
    format!("    {}", shown(&one_line(command)))
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_whitespace() { ' ' } else { c };
    text.chars().map(plain).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A text from outside as a code span on one line, cut if it is long.
fn code(text: &str) -> String {
    let text = one_line(text);
    let visible = shown(&text);
    let mut text: String = visible.chars().take(CHARS_MAX).collect();
    if text.len() < visible.len() {
        text.push('…');
    }
    if text.trim().is_empty() {
        return String::new();
    }
    // A fence that is longer than any run of backticks within.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A cell of a table, in which a bar would begin the next one. A backslash before a bar would take
/// the one that keeps it from that.
fn cell_of(text: &str) -> String {
    text.replace("\\|", "\\ |").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{CHARS_MAX, cell_of, code, render};
    use crate::domain::Outcome;
    use crate::ledger::samples::outcome;
    use crate::report::testing::{SCRIPT, report, report_of};

    #[test]
    fn a_ticket_tells_everything_once() {
        insta::assert_snapshot!(render(&report()), @r#"
        # Purge of `users.csv`: 4 of 12 rows ended well, 6 to look at

        | run | `019abcde-0000-7000-8000-000000000001`, interrupted |
        | --- | --- |
        | input | `/data/users.csv` |
        | time | 2026-11-22 09:30:00 UTC to 2026-11-23 09:30:11 UTC (1 d 0 h) |
        | requests | 4, 0 of them throttled |
        | options | `--account acme --include-role agent` |
        | next | `userpurge resume users.csv.ledger.jsonl` |

        ## Every row

        | outcome | rows |
        | --- | --- |
        | deleted | 3 |
        | already_gone | 1 |
        | not_found | 1 |
        | refused | 3 |
        | invalid | 1 |
        | protected | 1 |
        | duplicate | 1 |
        | pending | 1 |
        | **sum** | **12** |

        The input has 12 rows.

        ## By account

        | account | provider | good | bad | duplicate |
        | --- | --- | --- | --- | --- |
        | `acme` | Zendesk Support | 4 | 4 | 1 |
        | `crm` | Zoho CRM | 0 | 1 | 0 |

        | account | tenant | caller | role |
        | --- | --- | --- | --- |
        | `acme` | `acme.example` | `4711` | `admin` |
        | `crm` | `crm.example` | `4711` | `admin` |

        ## 6 rows to look at

        ### 1 not_found: `RecordNotFound` `Not found`

        Line 11. The provider knows no such user. Hold the id and the account against where the list came from, mend the row and run the mended rows; as it stands, trying it again changes nothing.

            userpurge report users.csv.ledger.jsonl --format csv --out report

        | line | account | action | id | ref |
        | --- | --- | --- | --- | --- |
        | 11 | `acme` | purge | `9010` | `GDPR-7` |

        ### 2 refused: `UserDeleteFailed` `is requester on 2 ticket(s) that are not closed.`

        Lines 8, 9. The provider will not delete this user until somebody acts on what it says. Once that is done, try these rows again.

            userpurge retry users.csv.ledger.jsonl --only refused

        | line | account | action | id | ref |
        | --- | --- | --- | --- | --- |
        | 8 | `acme` | purge | `907` | `GDPR-7` |
        | 9 | `acme` | purge | `908` | `GDPR-7` |

        ### 1 refused: ``x`y`` ```a | b ``<script>alert(1)</script>\u0007```

        Line 5. The provider will not delete this user until somebody acts on what it says. Once that is done, try these rows again.

            userpurge retry users.csv.ledger.jsonl --only refused

        | line | account | action | id | ref |
        | --- | --- | --- | --- | --- |
        | 5 | `crm` | purge | `` shop\|`1001` `` | `<script>alert(1)</script> @all #1\u001b[31m \u202e` |

        ### 1 invalid: `unknown_account` `no account has the name in the row`

        Line 3. Nothing was sent. Mend the row as the reason says, and run the mended rows.

            userpurge report users.csv.ledger.jsonl --format csv --out report

        | line | account | action | id | ref |
        | --- | --- | --- | --- | --- |
        | 3 |  |  |  |  |

        ### 1 protected: `protected_role` `this user's role is agent`

        Line 10. Nothing was deleted, to keep the team safe. If this user is to go, let the role be deleted.

            userpurge retry users.csv.ledger.jsonl --only protected --include-role ROLE

        | line | account | action | id | ref |
        | --- | --- | --- | --- | --- |
        | 10 | `acme` | purge | `909` | `GDPR-7` |

        ## Sessions

        |  | command | from | to | ended | good | bad |
        | --- | --- | --- | --- | --- | --- | --- |
        | 1 | `run` | 2026-11-22 09:30:00 UTC | 2026-11-22 09:30:45 UTC | stopped | 2 | 3 |
        | 2 | `resume` | 2026-11-23 09:30:00 UTC | 2026-11-23 09:30:11 UTC | interrupted | 2 | 4 |
        | 3 | `verify` | 2026-11-23 10:30:00 UTC | 2026-11-23 10:30:03 UTC |  | 0 | 0 |

        ## Verification

        3 of 3 good rows asked, 1 as asked, 1 standing, 0 under way, 1 unknown (2026-11-23 10:30:00 UTC).

        | line | account | id | seen |
        | --- | --- | --- | --- |
        | 6 | `acme` | `905` | present |
        | 7 | `acme` | `906` | unknown |

        ## Evidence

        | SHA-256 of the input | `abababababababababababababababababababababababababababababababab` |
        | --- | --- |
        | ledger | `users.csv.ledger.jsonl`, 26 lines |
        | head of the ledger | `0000000000000000000000000000000000000000000000000000000000000000` |

        To prove that the ledger is the one this report is of:

            userpurge audit users.csv.ledger.jsonl --head 0000000000000000000000000000000000000000000000000000000000000000

        Made by userpurge 0.1.0 at 2026-11-23 13:16:40 UTC.
        "#);
    }

    #[test]
    fn what_came_from_outside_stands_in_code_and_ends_no_cell() {
        let text = render(&report());
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

    #[rstest]
    #[case("plain", "`plain`")]
    #[case("a\nb\tc", "`a b c`")]
    #[case("x`y", "``x`y``")]
    #[case("`x``", "``` `x`` ```")]
    #[case("\u{1b}[31m", "`\\u001b[31m`")]
    #[case("", "")]
    fn a_code_span_is_closed_by_nothing_within(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(code(text), expected);
    }

    #[test]
    fn a_long_text_is_cut() {
        let cut = code(&"é".repeat(5_000));
        assert_eq!(cut.chars().count(), CHARS_MAX + 3);
    }

    #[rstest]
    #[case("a|b", "a\\|b")]
    #[case("a\\|b", "a\\ \\|b")]
    fn a_bar_stays_in_its_cell(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(cell_of(text), expected);
    }

    #[test]
    fn a_run_without_trouble_has_nothing_to_look_at() {
        let text = render(&report_of(1, &[outcome(1, Outcome::Deleted, 1)]));
        assert!(text.starts_with("# Purge of `users.csv`: 1 of 1 row ended well, 0 to look at\n"));
        assert!(!text.contains("reason") && !text.contains("###"));
    }
}
